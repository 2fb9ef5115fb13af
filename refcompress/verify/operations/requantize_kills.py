"""Which rivals each case of ``requantize`` tells from the reference; a test holds the cases to it.

A line of names and patterns (``rounding=*``), less those that follow a ``!``.
"""

_LAYOUTS = (
    "* !acc_float32 !acc_lowest_flipped !float32_half_up !left_* !low_* !multiplier_16_bits "
    "!multiplier_24_bits !multiplier_float32 !multiplier_q15 !never_lowest !product_float64 !shift_right_only"
)
REQUANTIZE: dict[str, str] = {
    "small numbers, one a call": (
        "acc_absolute acc_negated acc_unsigned bits=2 bits=3 bits=4 bits=5 bits=6 bits=7 bytes_swapped constant_* "
        "float32_half_away float32_truncated float64_* half_then_divided high_* logical_second_shift logical_shift "
        "product_32 relu_* rounding=* second_shift_floored shift_* signed=False twice_* zero zero_*"
    ),
    "reported inputs": (
        "acc_absolute acc_negated acc_unsigned bits=2 bits=3 bits=4 bytes_swapped constant_* float32_half_away "
        "float32_truncated float64_* half_then_divided high_* logical_* multiplier_ignored product_32 relu_* "
        "reversed_order rounding=* second_shift_floored shift_absolute shift_ignored shift_left_only shift_negated "
        "shift_one_* signed=False twice_* zero zero_code"
    ),
    "exact halves": (
        "* !acc_float32 !acc_lowest_flipped !column_order !constant_one_shift_more !float32_half_up "
        "!half_then_divided !left_* !low_* !multiplier_16_bits !multiplier_24_bits !multiplier_float32 "
        "!multiplier_q15 !product_float64 !rounding=ceil !shift_right_only !twice_half_up"
    ),
    "nearest to halves": (
        "* !acc_lowest_flipped !clipped_twice !column_order !float64_half_* !high_half_floored !left_* !low_* "
        "!product_float64 !rounding=half_* !shift_right_only"
    ),
    "nearest to integers": (
        "acc_absolute acc_low_16 acc_negated acc_saturated_16 acc_unsigned bits=2 bits=3 bits=4 bits=5 bits=6 bits=7 "
        "bytes_swapped constant_2_30 constant_one_shift_more float32_truncated float64_toward_zero half_then_divided "
        "logical_* multiplier_ignored product_32 relu_* reversed_order rounding=away_from_zero rounding=ceil "
        "rounding=floor rounding=toward_zero second_shift_floored shift_absolute shift_ignored shift_left_only "
        "shift_negated shift_one_* signed=False zero zero_code"
    ),
    "around q_min and q_max": "* !column_order !low_32_bits !product_float64",
    "around the ends of every width": "* !column_order !product_float64",
    "the ends of int32 at every shift": "* !column_order !product_float64",
    "small codes at every shift": (
        "* !acc_lowest_flipped !clipped_* !column_order !left_shift_saturates !low_32_bits !product_float64 "
        "!zero_point_*"
    ),
    "shifts to the left": "* !acc_lowest_flipped !column_order !product_float64 !shift_absolute !shift_left_only",
    "past 2^24": (
        "* !acc_lowest_flipped !clipped_* !column_order !float64_half_* !logical_shift_low_32 !low_32_bits "
        "!rounding=half_* !zero_point_*"
    ),
    "products past 2^53, beside halves": (
        "rounding=* acc_absolute acc_float32 acc_low_16 acc_negated acc_saturated_16 acc_unsigned bits=2 bits=3 "
        "bits=4 bits=5 bytes_swapped constant_* float32_* float64_* half_then_divided high_half_floored_away "
        "logical_* multiplier_* product_* relu_* reversed_order second_shift_floored shift_absolute shift_ignored "
        "shift_left_only shift_negated shift_one_* signed=False twice_* zero zero_* !rounding=half_*"
    ),
    "longer than a block": (
        "rounding=* acc_absolute acc_negated acc_unsigned bits=2 bits=3 bits=4 bits=5 bits=6 bits=7 bytes_swapped "
        "constant_* float32_truncated float64_toward_zero half_then_divided high_half_floored_away logical_* "
        "multiplier_ignored product_32 relu_* reversed_order second_shift_floored shift_absolute shift_ignored "
        "shift_left_only shift_negated shift_one_* signed=False twice_* zero zero_* !rounding=float !rounding=half_*"
    ),
    "lengths around vector widths": (
        "* !acc_float32 !acc_lowest_flipped !column_order !float32_half_* !float64_half_* !high_half_floored "
        "!high_word !left_* !low_* !multiplier_16_bits !multiplier_24_bits !multiplier_float32 !multiplier_q15 "
        "!never_lowest !product_float64 !rounding=float !rounding=half_* !shift_right_only"
    ),
    "0-d, empty and 4-d": (
        "rounding=* acc_absolute acc_negated acc_unsigned bits=2 bits=3 bits=4 bytes_swapped column_order "
        "constant_one_* float32_half_away float32_truncated float64_half_away float64_toward_zero half_then_divided "
        "high_* logical_second_shift logical_shift multiplier_ignored product_32 relu_* reversed_order "
        "shift_absolute shift_ignored shift_left_only shift_negated shift_one_* signed=False twice_* zero zero_* "
        "!rounding=float !rounding=half_even"
    ),
    "strided": _LAYOUTS,
    "reversed": _LAYOUTS,
    "Fortran order": _LAYOUTS,
    "read-only": _LAYOUTS,
}
