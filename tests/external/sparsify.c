/* sparsify for float32: of equal magnitudes the lowest index stays. With -DWRONG the highest one stays. */
#include "words.h"

#ifdef WRONG
#define BEFORE(i, j) ((i) > (j))
#else
#define BEFORE(i, j) ((i) < (j))
#endif

/* Magnitudes are in the order of their bit patterns. */
static uint64_t magnitude(uint64_t bits)
{
    return bits & 0x7fffffff;
}

int main(void)
{
    for (;;) {
        uint64_t id = word(1);
        struct array x = array();
        int64_t k = integer();
        char *stays = malloc(x.size + 1);
        if (stays == NULL)
            return 1;
        for (uint64_t i = 0; i < x.size; i++) {
            int64_t rank = 0;
            for (uint64_t j = 0; j < x.size; j++) {
                uint64_t mi = magnitude(x.elements[i]), mj = magnitude(x.elements[j]);
                rank += mj > mi || (mj == mi && BEFORE(j, i));
            }
            stays[i] = rank < k;
        }
        for (uint64_t i = 0; i < x.size; i++)
            if (!stays[i])
                x.elements[i] = 0;
        free(stays);
        answer(id, x);
    }
}
