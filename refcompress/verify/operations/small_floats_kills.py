"""Which rivals each case of ``cast_float8`` tells from the reference; a test holds the cases to it.

A line of names and patterns (``rounding=*``), less those that follow a ``!``.
"""

_TIES = "* !column_order !guard_* !infinity_* !mantissa_first !nan_* !sticky_* !through_*"
_LAYOUTS = (
    "* !infinity_* !mantissa_first !nan_is_infinite !nan_is_largest !nan_is_lowest !nan_is_zero "
    "!negative_zero_is_nan !overflows_* !rounding=half_down !through_float16 !through_float32 "
    "!underflow_loses_sign !zero_*"
)
CAST_FLOAT8: dict[str, str] = {
    "small numbers, one a call": (
        "carry_* clipped_alone doubled float16_chopped format=* halved negative_is_zero not_cast one_bit_* "
        "rounding=* sign_* sticky_lost_1 x_rounded zero"
    ),
    "every number of the format": (
        "bias_* clipped_* doubled format=* halved negative_* no_subnormals not_cast one_bit_less one_code_short "
        "reversed_order sign_* subnormals_flushed top_exponent_reserved x_rounded zero zero_*"
    ),
    "half-way between neighbours": _TIES,
    "one ulp beside a tie": (
        "* !column_order !infinity_* !nan_is_infinite !nan_is_largest !nan_is_lowest !nan_is_zero"
    ),
    "one ulp beside a number": (
        "* !column_order !guard_* !infinity_* !mantissa_first !nan_* !numbers_otherwise !one_bit_more "
        "!one_code_too_high !overflow=* !overflow_* !overflows_at_next !rounding=half_* !sticky_lost_2 "
        "!sticky_lost_3 !through_* !top_exponent_used !unbounded"
    ),
    "closer to a tie than a narrower float can tell": (
        "* !column_order !infinity_* !nan_is_infinite !nan_is_largest !nan_is_lowest !nan_is_zero !rounding=half_*"
    ),
    "every sixteenth between neighbours": (
        "* !column_order !infinity_* !nan_* !numbers_otherwise !one_code_too_high !overflow=* !overflow_* "
        "!overflows_* !through_* !top_exponent_used !unbounded"
    ),
    "among the subnormals": (
        "* !clipped_at_448 !column_order !infinity_* !nan_* !numbers_otherwise !one_code_* !overflow=* "
        "!overflow_* !overflows_* !top_* !unbounded"
    ),
    "zeros and far below the smallest number": (
        "* !carry_* !column_order !guard_* !infinity_* !mantissa_first !nan_is_infinite !nan_is_largest "
        "!nan_is_lowest !nan_is_zero !no_subnormals !overflows_* !sticky_* !subnormals_flushed !through_* "
        "!x_rounded"
    ),
    "around the largest number": (
        "* !column_order !infinity_* !mantissa_first !nan_is_infinite !nan_is_largest !nan_is_lowest !nan_is_zero "
        "!negative_zero_is_nan !no_* !subnormals_flushed !underflow_loses_sign !zero_*"
    ),
    "far past the largest number": (
        "bias_* carry_* clipped_* doubled float16_chopped format=* halved nan_is_480 negative_is_zero not_cast "
        "numbers_otherwise one_bit_less one_code_* overflow=* overflow_* overflows_at_next reversed_order "
        "rounding=ceil rounding=floor rounding=toward_zero sign_* sticky_lost_1 top_* unbounded zero"
    ),
    "infinities": (
        "bias_* clipped_* doubled format=* halved infinity_* nan_is_480 negative_is_zero not_cast one_bit_less "
        "one_code_* overflow=* reversed_order sign_* top_* zero"
    ),
    "NaN": (
        "* !column_order !guard_* !infinity_* !mantissa_first !negative_zero_is_nan !no_* !one_bit_more "
        "!overflows_* !rounding=away_from_zero !rounding=half_* !sticky_lost_2 !sticky_lost_3 !subnormals_flushed "
        "!through_* !underflow_loses_sign !x_rounded !zero_*"
    ),
    "every float16": (
        "* !column_order !infinity_* !nan_is_infinite !nan_is_largest !nan_is_lowest !nan_is_zero "
        "!through_float16 !through_float32"
    ),
    "longer than a block": _TIES,
    "lengths around vector widths": (
        "* !column_order !guard_bits_3 !infinity_* !mantissa_first !nan_is_infinite !nan_is_largest "
        "!nan_is_lowest !nan_is_zero !negative_zero_is_nan !overflows_* !sticky_* !through_* "
        "!underflow_loses_sign !zero_*"
    ),
    "0-d, empty and 4-d": (
        "clipped_alone column_order doubled float16_chopped format=* guard_* halved negative_is_zero not_cast "
        "one_bit_* reversed_order rounding=away_from_zero rounding=ceil rounding=floor rounding=toward_zero "
        "sign_* sticky_* x_rounded zero"
    ),
    "strided": _LAYOUTS,
    "reversed": _LAYOUTS,
    "Fortran order": _LAYOUTS,
    "read-only": _LAYOUTS,
}
