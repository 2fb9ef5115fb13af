/* Test vectors as lines of hexadecimal words: reading a question, writing an answer. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct array {
    uint64_t dimensions, size, sizes[32];
    uint64_t *elements;
};

/* The next word; at the end of the input the program ends, in the middle of a question with an error. */
static uint64_t word(int first)
{
    unsigned long long w;
    if (scanf("%llx", &w) == 1)
        return w;
    exit(first && feof(stdin) ? 0 : 1);
}

static int64_t integer(void)
{
    uint64_t w = word(0);
    return w < UINT64_C(1) << 63 ? (int64_t)w : -(int64_t)~w - 1;
}

static struct array array(void)
{
    struct array a = {.size = 1};
    a.dimensions = word(0);
    if (a.dimensions > 32)
        exit(1);
    for (uint64_t i = 0; i < a.dimensions; i++) {
        a.sizes[i] = word(0);
        a.size *= a.sizes[i];
    }
    a.elements = malloc((a.size + 1) * sizeof *a.elements);
    if (a.elements == NULL)
        exit(1);
    for (uint64_t i = 0; i < a.size; i++)
        a.elements[i] = word(0);
    return a;
}

/* The id, and the array with what its elements are now. */
static void answer(uint64_t id, struct array a)
{
    printf("%" PRIx64 " %" PRIx64, id, a.dimensions);
    for (uint64_t i = 0; i < a.dimensions; i++)
        printf(" %" PRIx64, a.sizes[i]);
    for (uint64_t i = 0; i < a.size; i++)
        printf(" %" PRIx64, a.elements[i]);
    printf("\n");
    free(a.elements);
}
