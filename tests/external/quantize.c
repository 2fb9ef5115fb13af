/* quantize for float32 and signed 8 bits, halves to even, saturating. With -DWRONG halves go away from zero. */
#include <math.h>
#include <string.h>

#include "words.h"

#ifdef WRONG
#define ROUND round
#else
#define ROUND nearbyint
#endif

static int64_t quantize(float x, int p)
{
    double code = ROUND(ldexp(x, p));
    return code < -128 ? -128 : code > 127 ? 127 : (int64_t)code;
}

int main(void)
{
    for (;;) {
        uint64_t id = word(1);
        struct array x = array();
        int p = (int)integer();
        for (uint64_t i = 0; i < x.size; i++) {
            uint32_t bits = (uint32_t)x.elements[i];
            float value;
            memcpy(&value, &bits, sizeof value);
            x.elements[i] = (uint64_t)quantize(value, p);
        }
        answer(id, x);
    }
}
