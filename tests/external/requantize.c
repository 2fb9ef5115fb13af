/* requantize to signed 8 bits: the exact product, rounded once, halves up.
   With -DWRONG it is rounded twice: to the high half of the product, then by the shift. */
#include "words.h"

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* floor(v / 2^n): C leaves open what >> does to a negative number. */
static int64_t shifted(int64_t v, int n)
{
    return v >= 0 ? v >> n : ~(~v >> n);
}

#ifdef WRONG
static int64_t scaled(int64_t acc, int64_t multiplier, int shift)
{
    int left = shift > 0 ? shift : 0, right = shift < 0 ? -shift : 0;
    int64_t moved = clamp(acc * (INT64_C(1) << left), INT32_MIN, INT32_MAX);
    int64_t high = shifted(moved * multiplier + (INT64_C(1) << 30), 31);
    int64_t mask = (INT64_C(1) << right) - 1, rest = high & mask;
    return shifted(high, right) + (rest > (mask >> 1) + (high < 0));
}
#else
static int64_t scaled(int64_t acc, int64_t multiplier, int shift)
{
    int n = 31 - shift;
    return n == 0 ? acc * multiplier : shifted(acc * multiplier + (INT64_C(1) << (n - 1)), n);
}
#endif

int main(void)
{
    for (;;) {
        uint64_t id = word(1);
        struct array acc = array();
        int64_t multiplier = integer();
        int shift = (int)integer();
        int64_t zero_point = integer();
        for (uint64_t i = 0; i < acc.size; i++) {
            uint64_t w = acc.elements[i];
            int64_t a = w < UINT64_C(1) << 63 ? (int64_t)w : -(int64_t)~w - 1;
            acc.elements[i] = (uint64_t)clamp(scaled(a, multiplier, shift) + zero_point, -128, 127);
        }
        answer(id, acc);
    }
}
