"""Which rivals each case of the fixed-point operations tells from the reference; a test holds the cases to it.

A line of names and patterns (``rounding=*``), less those that follow a ``!``.
"""

_QUANTIZE_LARGE = (
    "* !column_order !decimals_* !guard_* !huge_* !infinity_* !p_absolute !p_at_least_zero !power_* "
    "!rounded_* !scale_in_float16 !shift_in_int32 !subnormals_flushed !tie_tolerance !x_clipped_too"
)
_QUANTIZE_LAYOUTS = (
    "* !huge_* !infinity_* !p_absolute !p_at_least_zero !power_* !scale_by_exp !scale_in_float16 "
    "!shift_in_int32 !subnormals_flushed !x_clipped !x_clipped_too"
)
QUANTIZE: dict[str, str] = {
    "small numbers, one a call": (
        "bits=2 bytes_* epsilon_* even_* fake_* guard_bits_1 negative_* not_* p_* plus_* rounding=* scale_* "
        "shift_in_* sign_* signed=* x_rounded x_truncated zero !scale_by_exp !scale_in_float16"
    ),
    "exact halves": (
        "bits=2 bits=3 bits=4 bytes_* epsilon_* fake_* negative_* not_* p_* plus_* reversed_* rounding=* scale_* "
        "shift_in_* sign_* signed=* x_rounded x_truncated zero !scale_in_float16"
    ),
    "one ulp beside a half": (
        "bits=2 bits=3 bytes_* decimals_* epsilon_* even_* fake_* guard_* negative_* not_* p_* plus_* product_* "
        "reversed_* rounded_twice_* rounding=* scale_* shift_in_* sign_* signed=* tie_* x_in_* x_rounded "
        "x_truncated zero !scale_in_float16"
    ),
    "integers": (
        "bits=2 bits=3 bits=4 bits=5 bytes_* even_* fake_* negative_* p_* plus_half_truncated reversed_* scale_* "
        "sign_dropped sign_flipped signed=* x_rounded x_truncated zero !p_absolute !p_at_least_zero !scale_by_exp "
        "!scale_in_float16"
    ),
    "sixteenths, 64ths, and close to halves": (
        "bits=2 bits=3 bits=4 bits=5 bits=6 bytes_* decimals_* epsilon_* even_* fake_* guard_* negative_* not_* "
        "p_* plus_* product_in_bfloat16 product_in_float16 reversed_* rounded_twice_* rounding=* scale_* sign_* "
        "signed=* x_in_* x_rounded x_truncated zero !p_absolute !p_at_least_zero !scale_by_exp !scale_in_float16"
    ),
    "around q_min and q_max": (
        "* !column_order !decimals_* !guard_bits_2 !guard_bits_3 !guard_bits_4 !guard_bits_8 !huge_* !infinity_* "
        "!power_* !rounded_* !scale_in_float16 !subnormals_flushed !tie_tolerance"
    ),
    "far outside the range": (
        "* !column_order !decimals_* !epsilon_* !even_codes !guard_* !huge_* !infinity_* !p_absolute "
        "!p_at_least_zero !plus_half_float64 !power_* !rounded_* !rounding=ceil !rounding=half_up "
        "!rounding=toward_zero !scale_by_exp !scale_in_float16 !shift_in_int32 !subnormals_flushed !tie_tolerance "
        "!x_clipped_too"
    ),
    "around the ends of int8, int16 and int32": _QUANTIZE_LARGE,
    "largest values": (
        "* !column_order !decimals_* !epsilon_* !even_codes !guard_* !p_absolute !p_at_least_zero "
        "!plus_half_float32 !plus_half_float64 !power_* !product_in_float32 !rounded_* !rounding=half_* "
        "!rounding=toward_zero !scale_by_exp !shift_in_int32 !sign_half_truncated !subnormals_flushed "
        "!tie_tolerance !x_clipped_too !x_rounded !x_truncated"
    ),
    "infinities": (
        "* !column_order !decimals_* !epsilon_* !even_codes !guard_* !not_rounded !p_absolute !p_at_least_zero "
        "!plus_half_float32 !plus_half_float64 !power_* !product_* !rounded_* !rounding=* !scale_by_exp "
        "!scale_in_float16 !scale_linear !scale_squared !shift_in_int32 !sign_half_truncated !subnormals_flushed "
        "!tie_tolerance !x_clipped_too !x_in_float16 !x_rounded !x_truncated"
    ),
    "subnormals and zeros": (
        "bits=2 bits=3 bytes_* epsilon_* even_* fake_* guard_bits_1 guard_bits_2 negative_* not_* p_* plus_* "
        "product_* reversed_* rounded_twice_1 rounded_twice_2 rounding=* scale_* shift_in_* sign_* signed=* "
        "subnormals_* x_in_* x_rounded x_truncated zero !p_at_least_zero !scale_minus_one"
    ),
    "past 2^22 and 2^51": _QUANTIZE_LARGE,
    "many p": (
        "* !cast_before_range !codes_* !column_order !decimals_* !guard_bits_2 !guard_bits_3 !guard_bits_4 "
        "!guard_bits_8 !huge_* !infinity_* !low_* !power_* !product_in_bfloat16 !product_in_float32 "
        "!range_in_float32 !rounded_* !subnormals_flushed !tie_tolerance"
    ),
    "the ends of 2^p": (
        "* !cast_before_range !codes_* !column_order !decimals_* !guard_bits_3 !guard_bits_4 !guard_bits_8 !huge_* "
        "!infinity_* !low_* !one_code_short !one_code_too_high !range_in_float32 !rounded_twice_4 !rounded_twice_8 "
        "!tie_tolerance !unsigned_q_max"
    ),
    "every eighth of a code over the range": (
        "* !cast_before_range !codes_in_float16 !codes_in_float32 !column_order !decimals_* !guard_bits_3 "
        "!guard_bits_4 !guard_bits_8 !huge_* !infinity_* !low_* !p_absolute !p_at_least_zero !power_* "
        "!product_in_float32 !range_in_float32 !rounded_twice_4 !rounded_twice_8 !scale_in_float16 "
        "!shift_in_int32 !subnormals_flushed !tie_tolerance !x_clipped_too"
    ),
    "longer than a block": (
        "* !column_order !huge_* !infinity_* !p_absolute !p_at_least_zero !power_* !scale_by_exp "
        "!scale_in_float16 !scale_linear !shift_in_int32 !subnormals_flushed !x_clipped_too"
    ),
    "lengths around vector widths": (
        "* !column_order !huge_* !infinity_* !p_absolute !p_at_least_zero !power_* !scale_by_exp "
        "!scale_in_float16 !shift_in_int32 !subnormals_flushed !x_clipped !x_clipped_too !x_rounded"
    ),
    "0-d, empty and 4-d": (
        "bits=2 bytes_* column_* epsilon_* even_* fake_* negative_* not_* p_* plus_* reversed_* rounding=* "
        "scale_* sign_* signed=* x_truncated zero !p_absolute !p_at_least_zero !scale_by_exp !scale_e "
        "!scale_in_float16"
    ),
    "strided": _QUANTIZE_LAYOUTS,
    "reversed": _QUANTIZE_LAYOUTS,
    "Fortran order": _QUANTIZE_LAYOUTS,
    "read-only": _QUANTIZE_LAYOUTS,
}

_DEQUANTIZE_LAYOUTS = (
    "* !computed_in_float64 !lowest_flipped !overflow_* !p_absolute !p_at_least_zero !q_in_float64 "
    "!rounding_half_down !shift_overflows !subnormals_flushed !through_float64 !unsigned_as_signed "
    "!zero_loses_sign"
)
DEQUANTIZE: dict[str, str] = {
    "small numbers, one a call": (
        "divided lowest_* midpoint negative_is_* p_* scale_* shift_* shifted sign_* signed_* zero zero_is_* "
        "!scale_by_exp"
    ),
    "every code of 8 bits": (
        "divided lowest_* midpoint negative_is_* p_* reversed_* scale_* shift_* shifted sign_* signed_* "
        "unsigned_* zero zero_is_*"
    ),
    "codes of 16 bits": (
        "bytes_* chopped computed_in_bfloat16 computed_in_float16 divided dtype=* low_8_* lowest_* midpoint "
        "negative_is_* p_ignored p_minus_* p_negated p_plus_* q_in_bfloat16 q_in_float16 quotient_in_float16 "
        "reversed_* rounding_* saturated_8 scale_* shifted sign_* signed_* through_float16 zero"
    ),
    "ties of the last place, and one beside": (
        "* !column_order !lowest_flipped !overflow_* !p_absolute !p_at_least_zero !shift_overflows "
        "!subnormals_flushed !unsigned_as_signed !zero_*"
    ),
    "around 2^8, 2^11, 2^24 and 2^53": (
        "* !column_order !computed_in_float64 !lowest_flipped !overflow_* !q_in_float64 !subnormals_flushed "
        "!through_float64 !unsigned_as_signed !zero_*"
    ),
    "subnormal results": (
        "* !column_order !overflow_* !p_absolute !p_at_least_zero !shift_overflows !unsigned_as_signed"
    ),
    "overflow to infinity": (
        "* !column_order !divided !q_in_float64 !shifted !subnormals_flushed !through_float64 !unsigned_as_signed "
        "!zero_loses_sign"
    ),
    "the ends of the integer types": (
        "* !column_order !computed_in_float64 !overflow_* !q_in_float64 !rounding_away_from_zero !rounding_half_* "
        "!subnormals_flushed !through_float64 !zero_loses_sign"
    ),
    "zeros": "bytes_* midpoint negative_is_* p_* reversed_* scale_* sign_* signed_* zero zero_is_* !scale_by_exp",
    "many p": (
        "bytes_* chopped computed_in_bfloat16 computed_in_float16 divided dtype=* low_8_* lowest_flipped midpoint "
        "negative_is_* p_* q_in_bfloat16 q_in_float16 quotient_in_float16 reversed_* rounding_* saturated_8 scale_* "
        "shift_* shifted sign_* signed_* through_float16 zero zero_is_* !rounding_half_*"
    ),
    "huge p": "* !chopped !column_order !computed_in_float64 !q_in_float64 !through_float64 !unsigned_as_signed",
    "longer than a block": (
        "divided lowest_* midpoint negative_is_* p_ignored p_minus_* p_negated p_plus_* reversed_* scale_* "
        "shifted sign_* signed_* zero zero_is_* !scale_by_exp"
    ),
    "lengths around vector widths": (
        "* !chopped !column_order !computed_in_float64 !low_32_bits !lowest_flipped !overflow_* !p_absolute "
        "!p_at_least_zero !p_modulo_32 !q_in_float64 !rounding_half_down !saturated_32 !shift_overflows "
        "!subnormals_flushed !through_float64 !unsigned_as_signed !zero_loses_sign"
    ),
    "0-d, empty and 4-d": (
        "* !chopped !computed_in_float64 !low_32_bits !lowest_flipped !overflow_* !p_absolute !p_at_least_zero "
        "!p_modulo_32 !q_in_float64 !rounding_floor !rounding_half_down !rounding_toward_zero !saturated_32 "
        "!scale_by_exp !shift_overflows !subnormals_flushed !through_float64 !unsigned_as_signed !zero_loses_sign"
    ),
    "strided": _DEQUANTIZE_LAYOUTS,
    "reversed": _DEQUANTIZE_LAYOUTS,
    "Fortran order": _DEQUANTIZE_LAYOUTS,
    "read-only": _DEQUANTIZE_LAYOUTS,
}

_FRACTION_BITS_LAYOUTS = (
    "bits=* first first_ignored first_row floor_* integer_bits last_* max_* mean median min_* negated one_too_* "
    "rounded_* scale sign_bit_* signed=* smallest span step tail_ignored_16 tail_ignored_32 zero"
)
FRACTION_BITS: dict[str, str] = {
    "small numbers, one a call": (
        "* !at_most_31 !at_most_bits !ceil !first !first_256 !first_65536 !first_row !subnormals_flushed !x_in_float32"
    ),
    "q_max + 1/2 and the floats beside it": (
        "* !at_* !first !first_256 !first_65536 !first_row !half_away !max_only !mean !median !not_below_* "
        "!smallest !subnormals_flushed !symmetric !zero_*"
    ),
    "q_min - 1/2 and the floats beside it": (
        "* !at_* !first !first_256 !first_65536 !first_row !half_toward_zero !min_only !not_below_* "
        "!q_min_for_both !subnormals_flushed !zero_*"
    ),
    "q_min, q_max and around": (
        "* !at_* !first !first_256 !first_65536 !first_row !half_away !half_down !half_toward_zero !not_below_* "
        "!subnormals_flushed !x_in_float32 !zero_*"
    ),
    "a positive and a negative end": (
        "* !at_most_31 !ceil !first_256 !first_65536 !first_row !not_below_1e_* !subnormals_flushed !x_in_float32 "
        "!zero_*"
    ),
    "powers of two and the floats beside them": (
        "* !ceil !first !first_256 !first_65536 !first_row !half_away !half_down !half_toward_zero !zero_*"
    ),
    "between two powers of two": (
        "bits=* first_ignored floor_* integer_bits last_* max_* min_* negated one_too_* rounded_* scale "
        "sign_bit_* signed=* span step tail_ignored_* zero"
    ),
    "subnormal and largest": (
        "* !ceil !first !first_256 !first_65536 !first_row !half_away !half_down !half_toward_zero !not_rounded !zero_*"
    ),
    "zeros and empty": "not_below_* scale step zero_*",
    "the element that decides, at every place": (
        "bits=* first first_256 first_ignored floor_* integer_bits last_* max_* mean median min_* negated "
        "one_too_* rounded_* scale sign_bit_* signed=* smallest span step tail_ignored_* zero"
    ),
    "longer than a block": (
        "bits=* first first_256 first_65536 first_row floor_* integer_bits last_* mean median min_* negated one_too_* "
        "rounded_* scale sign_bit_* signed=* smallest span step tail_ignored_* zero !tail_ignored_4"
    ),
    "0-d to 4-d": (
        "bits=* first first_ignored first_row floor_* integer_bits last_* max_* mean median min_* negated "
        "one_too_* rounded_* scale sign_bit_* signed=* smallest span step tail_ignored_* zero"
    ),
    "strided": _FRACTION_BITS_LAYOUTS,
    "reversed": _FRACTION_BITS_LAYOUTS,
    "Fortran order": _FRACTION_BITS_LAYOUTS,
    "read-only": _FRACTION_BITS_LAYOUTS,
}
