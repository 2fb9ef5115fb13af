#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#ifndef ROUND
#define ROUND nearbyint
#endif

/* The kernel under test. */
static int8_t quantize(float x, int p)
{
    double v = ROUND(ldexp(x, p));
    return v < -128 ? -128 : v > 127 ? 127 : (int8_t)v;
}

/* For a shared library: an array at a time. */
void quantize_all(const float *x, int64_t n, int p, int8_t *codes)
{
    for (int64_t i = 0; i < n; i++)
        codes[i] = quantize(x[i], p);
}

/* For a pipe: an id, an array (its number of dimensions, its sizes, its elements), then p. */
int main(void)
{
    static uint32_t x[1 << 20];
    uint64_t id, dimensions, sizes[32], p;
    while (scanf("%" SCNx64 "%" SCNx64, &id, &dimensions) == 2) {
        uint64_t n = 1;
        for (uint64_t i = 0; i < dimensions && scanf("%" SCNx64, &sizes[i]) == 1; i++)
            n *= sizes[i];
        for (uint64_t i = 0; i < n && scanf("%" SCNx32, &x[i]) == 1; i++)
            ;
        if (scanf("%" SCNx64, &p) != 1)
            return 1;
        printf("%" PRIx64 " %" PRIx64, id, dimensions);
        for (uint64_t i = 0; i < dimensions; i++)
            printf(" %" PRIx64, sizes[i]);
        for (uint64_t i = 0; i < n; i++) {
            float value;
            memcpy(&value, &x[i], sizeof value);
            printf(" %" PRIx64, (uint64_t)quantize(value, (int)(int64_t)p));
        }
        printf("\n");
    }
    return 0;
}
