"""Which rivals each case of the affine operations tells from the reference; a test holds the cases to it.

A line of names and patterns (``rounding=*``), less those that follow a ``!``.
"""

_AFFINE_QUANTIZE_LAYOUTS = (
    "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !codes_in_float32 !decimals_2 !decimals_3 "
    "!guard_bits_2 !guard_bits_4 !guard_bits_8 !huge_is_lowest !infinity_* !low_16_bits_first "
    "!low_32_bits_first !range_in_float32 !scale_at_* !subnormals_flushed !sum_and_range_in_float32 "
    "!tie_tolerance"
)
AFFINE_QUANTIZE: dict[str, str] = {
    "small numbers, one a call": (
        "bits=2 bits=3 bytes_swapped epsilon_added even_codes fake_quantized from_x_min fused_nan_high "
        "guard_bits_1 half_* negative_* not_rounded plus_* reciprocal_* rounding=* scale_ignored "
        "scale_multiplied scale_plus_* scale_power_of_two scaling=reciprocal sign_* signed=False x_rounded "
        "x_truncated zero zero_* other_sign_moved !zero_point_int8 !zero_point_of_*"
    ),
    "reported inputs": (
        "* !axis=* !axis_* !channels_reversed !column_order !flat_* !infinity_* !largest_scale !next_channel "
        "!quotient_float32 !scale_at_* !scale_float16 !scale_float32 !scale_of_* !scaling=exact "
        "!subnormals_flushed !tie_tolerance !x_float32 !zero_point_of_*"
    ),
    "exact ties, powers of two for a scale": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_* !even_codes !guard_* !huge_is_lowest "
        "!infinity_* !low_8_bits_first !quotient_* !reciprocal_float64 !reciprocal_nan_* "
        "!reciprocal_unrounded !scale_at_* !scale_bfloat16 !scale_float16 !scale_float32 !scale_power_of_two "
        "!scaling=* !subnormals_flushed !tie_tolerance !x_bfloat16 !x_float16 !x_float32 !x_rounded "
        "!cast_and_sum_in_int64"
    ),
    "exact ties, integers for a scale": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_* !even_codes !guard_* !huge_is_lowest "
        "!infinity_* !low_8_bits_first !quotient_float32 !scale_at_* !scale_bfloat16 !scale_float16 "
        "!scale_float32 !scaling=exact !subnormals_flushed !tie_tolerance !x_float32 !cast_and_sum_in_int64"
    ),
    "nearest to ties, fractions for a scale": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !huge_is_lowest !infinity_* !range_twice "
        "!scale_at_* !subnormals_flushed !cast_and_sum_in_int64"
    ),
    "one ulp beside a tie": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !huge_is_lowest !infinity_* !low_8_bits_first "
        "!range_twice !scale_at_* !subnormals_flushed !cast_and_sum_in_int64"
    ),
    "whole steps": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_* !epsilon_added !from_x_min "
        "!fused_nan_high !guard_bits_2 !guard_bits_4 !guard_bits_8 !half_after_zero_point !huge_is_lowest "
        "!infinity_* !low_8_bits_first !plus_half_float32 !plus_half_float64 !quotient_* !reciprocal_* "
        "!rounding=half_* !scale_at_* !scale_bfloat16 !scale_float16 !scale_float32 !scale_plus_* !scaling=* "
        "!sign_half_truncated !subnormals_flushed !tie_tolerance !x_bfloat16 !x_float16 !x_float32 "
        "!zero_point_added=before_rounding !cast_and_sum_in_int64"
    ),
    "sixteenths of a step, and close to ties": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_* !huge_is_lowest !infinity_* !low_* "
        "!range_in_float32 !scale_at_* !subnormals_flushed !zero_point_int8 !sum_and_range_in_float32"
    ),
    "around q_min and q_max": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !huge_is_lowest !infinity_* !scale_at_* !subnormals_flushed "
        "!cast_and_sum_in_int64"
    ),
    "far outside the range": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !guard_bits_4 !guard_bits_8 !huge_is_lowest !infinity_* "
        "!scale_at_* !subnormals_flushed !cast_and_sum_in_int64"
    ),
    "around the ends of int8, int16 and int32": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !decimals_* !flat_chunks !guard_* !reciprocal_nan_* !scale_at_* "
        "!scaling=reciprocal !subnormals_flushed !tie_tolerance !zero_point_int8"
    ),
    "largest and smallest values": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !decimals_2 !decimals_3 !epsilon_added !guard_bits_8 "
        "!half_after_zero_point !plus_half_float32 !plus_half_float64 !quotient_bfloat16 !quotient_float32 "
        "!reciprocal_float64 !rounding=half_* !scale_at_least_1e_8 !scale_at_least_eps !scale_bfloat16 !scale_float32 "
        "!scale_plus_1e_12 !scale_plus_1e_8 !scaling=exact !sign_half_truncated !tie_tolerance !x_float16 "
        "!x_float32 !zero_point_added=before_rounding"
    ),
    "infinities": (
        "* !decimals_* !epsilon_added !fused_nan_high !guard_* !half_after_zero_point !plus_half_float32 "
        "!plus_half_float64 !reciprocal_* !rounding=half_* !rounding=toward_zero !scale_at_* !scale_plus_* "
        "!scaling=* !sign_half_truncated !subnormals_flushed !tie_tolerance !x_* "
        "!zero_point_added=before_rounding !zero_point_int8"
    ),
    "subnormal scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !codes_in_float32 !huge_is_lowest "
        "!infinity_* !low_* !range_in_float32 !sum_and_range_in_float32"
    ),
    "huge scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_* !decimals_* !guard_bits_2 !guard_bits_4 "
        "!guard_bits_8 !huge_is_lowest !infinity_* !low_* !one_code_short !one_code_too_high "
        "!outside_is_zero_point !range_in_float32 !range_twice !scale_at_* !scale_plus_* !subnormals_flushed "
        "!tie_tolerance !unsigned_q_max !zero_point_int8 !sum_and_range_in_float32"
    ),
    "past 2^10, 2^22 and 2^30": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bits=32 !cast_before_sum !flat_chunks !huge_is_lowest "
        "!infinity_* !outside_is_zero_point !range_twice !scale_at_* !subnormals_flushed "
        "!cast_and_sum_in_int64"
    ),
    "many scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_* !guard_bits_2 !guard_bits_4 "
        "!guard_bits_8 !huge_is_lowest !infinity_* !low_8_bits_first !scale_at_least_normal "
        "!subnormals_flushed !tie_tolerance !cast_and_sum_in_int64"
    ),
    "many zero points": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_3 !huge_is_lowest !infinity_* "
        "!reciprocal_float64 !reciprocal_nan_* !scale_at_* !scaling=reciprocal !subnormals_flushed "
        "!tie_tolerance !cast_and_sum_in_int64"
    ),
    "every quarter of a code over the range": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !codes_in_float32 !huge_is_lowest "
        "!infinity_* !low_16_bits_first !low_32_bits_first !range_in_float32 !scale_at_* !subnormals_flushed "
        "!zero_point_int8 !sum_and_range_in_float32"
    ),
    "longer than a block": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !codes_in_float32 !decimals_* !guard_* "
        "!huge_is_lowest !infinity_* !low_16_bits_first !low_32_bits_first !quotient_float16 !quotient_float32 "
        "!range_in_float32 !reciprocal_float64 !reciprocal_nan_* !scale_at_* !scale_bfloat16 !scale_float16 "
        "!scale_float32 !scaling=* !subnormals_flushed !sum_and_range_in_float32 !tie_tolerance !x_float16 "
        "!x_float32 !zero_point_int8 !zero_point_uint8"
    ),
    "lengths around vector widths": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !codes_in_float32 !decimals_* !guard_bits_2 "
        "!guard_bits_4 !guard_bits_8 !huge_is_lowest !infinity_* !low_16_bits_first !low_32_bits_first "
        "!quotient_float16 !quotient_float32 !range_in_float32 !reciprocal_float64 !reciprocal_nan_* !scale_at_* "
        "!scale_bfloat16 !scale_float16 !scale_float32 !scaling=* !subnormals_flushed !sum_and_range_in_float32 "
        "!tie_tolerance !x_float16 !x_float32 !zero_point_int8 !zero_point_uint8"
    ),
    "axes of equal length": (
        "* !cast_* !codes_* !huge_is_lowest !infinity_* !low_16_bits_first !low_32_bits_first "
        "!range_in_float32 !scale_at_* !subnormals_flushed !zero_point_int8 !sum_and_range_in_float32"
    ),
    "0-d, empty and 4-d": (
        "axis=* axis_* bits=2 bits=3 bytes_swapped channels_reversed column_order epsilon_added even_codes "
        "fake_quantized flat_* from_x_min fused_nan_high half_* largest_scale negative_* next_channel "
        "not_rounded one_code_short plus_* quotient_bfloat16 quotient_float32 reciprocal_then_sum "
        "reversed_order rounding=* scale_* scaling=exact sign_* signed=False x_bfloat16 x_float32 x_rounded "
        "x_truncated zero zero_* other_sign_moved !scale_at_* !zero_point_int8 !zero_point_uint8"
    ),
    "strided": _AFFINE_QUANTIZE_LAYOUTS,
    "reversed": _AFFINE_QUANTIZE_LAYOUTS,
    "Fortran order": _AFFINE_QUANTIZE_LAYOUTS,
    "read-only": _AFFINE_QUANTIZE_LAYOUTS,
}

_AFFINE_DEQUANTIZE_SHARED_0 = (
    "* !axis=-1 !axis=0 !axis=1 !axis_* !bytes_swapped !difference_* !in_int16 !in_int32 !low_* !overflow_* "
    "!scale_flushed !subnormals_flushed !through_float64 !unsigned_as_signed !zero_point_int8"
)
_AFFINE_DEQUANTIZE_SHARED_1 = (
    "* !axis=-1 !axis=0 !axis=1 !axis_* !in_int32 !scale_flushed !subnormals_flushed !through_float64"
)
AFFINE_DEQUANTIZE: dict[str, str] = {
    "small numbers, one a call": (
        "chopped computed_in_bfloat16 dtype=* in_int8 in_type midpoint negative_is_zero rounding_ceil "
        "rounding_half_odd rounding_half_up rounding_toward_zero saturated scale_divided scale_ignored "
        "scale_plus_* scale_power_of_two scale_reciprocal sign_dropped signed_as_unsigned unsigned_as_signed "
        "whole zero zero_* !zero_point_of_*"
    ),
    "every code of int8": _AFFINE_DEQUANTIZE_SHARED_0,
    "every code of uint8": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bytes_swapped !difference_* !in_int16 !in_int32 !low_* "
        "!overflow_* !scale_flushed !signed_as_unsigned !subnormals_flushed !through_float64 "
        "!zero_point_magnitude !zero_point_uint8"
    ),
    "codes of 16 bits": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !difference_in_float32 !in_int32 !low_16_bits !scale_flushed "
        "!subnormals_flushed !through_float64 !unsigned_as_signed"
    ),
    "many scales": _AFFINE_DEQUANTIZE_SHARED_0,
    "ties of the last place, and beside": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !difference_* !in_* !low_16_bits !overflow_* !saturated "
        "!scale_flushed !subnormals_flushed !through_float64 !unsigned_as_signed !zero_is_negative "
        "!zero_point_int8"
    ),
    "differences past 2^8, 2^11, 2^24 and 2^31": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !through_float64 !unsigned_as_signed"
    ),
    "products beside ties, which wider floats round to them": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !negative_is_zero !rounding_half_* !scale_float32 !scale_flushed "
        "!scale_plus_1e_12 !scale_plus_1e_8 !sign_dropped !subnormals_flushed !unsigned_as_signed !whole "
        "!zero_point_of_*"
    ),
    "subnormal results": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bytes_swapped !difference_* !in_int16 !in_int32 !low_* "
        "!overflow_* !through_float64 !unsigned_as_signed !zero_point_int8"
    ),
    "overflow to infinity": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bytes_swapped !difference_* !in_int16 !in_int32 !low_* "
        "!scale_flushed !scale_plus_* !subnormals_flushed !through_float64 !unsigned_as_signed "
        "!zero_point_int8"
    ),
    "zeros": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !chopped !difference_* !dtype=float64 !in_int16 !in_int32 "
        "!in_int8 !largest_scale !overflow_* !rounding_* !scale_flushed !scale_of_* !scale_reciprocal "
        "!subnormals_flushed !through_float64"
    ),
    "the ends of the integer types": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !scale_flushed !subnormals_flushed !through_float64"
    ),
    "longer than a block": _AFFINE_DEQUANTIZE_SHARED_0,
    "lengths around vector widths": _AFFINE_DEQUANTIZE_SHARED_0,
    "axes of equal length": (
        "* !bytes_swapped !difference_* !in_int16 !in_int32 !low_* !overflow_* !scale_flushed "
        "!subnormals_flushed !through_float64 !unsigned_as_signed !zero_is_negative !zero_point_int8"
    ),
    "0-d, empty and 4-d": (
        "* !bytes_swapped !difference_* !fused !in_int16 !in_int32 !low_* !overflow_* !rounding_half_* "
        "!scale_flushed !subnormals_flushed !through_float64 !two_products !unsigned_as_signed "
        "!zero_is_negative !zero_point_int8 !zero_point_magnitude !zero_point_uint8"
    ),
    "strided": _AFFINE_DEQUANTIZE_SHARED_1,
    "reversed": _AFFINE_DEQUANTIZE_SHARED_1,
    "Fortran order": _AFFINE_DEQUANTIZE_SHARED_1,
    "read-only": _AFFINE_DEQUANTIZE_SHARED_1,
}

AFFINE_PARAMETERS: dict[str, str] = {
    "small numbers": "* !ends_float16 !ends_flushed !scale_infinite !scale_underflows",
    "symmetric around zero": (
        "* !constant_is_one !ends_flushed !least_normal !least_subnormal !magnitudes !no_width_has_zero "
        "!not_* !scale_infinite !scale_underflows !scale_zero !symmetric_each_side !symmetric_x_* "
        "!zero_point_half_up !zero_point_unclipped"
    ),
    "zero points at ties, and beside": (
        "* !constant_is_one !ends_flushed !least_1e_12 !least_1e_8 !least_eps !least_normal !least_subnormal "
        "!no_width_has_zero !not_* !scale_infinite !scale_underflows !scale_zero !zero_point_by_rounded_scale "
        "!zero_point_unclipped"
    ),
    "zero points at every code": (
        "* !constant_is_one !ends_flushed !least_* !no_width_has_zero !scale_infinite !scale_underflows "
        "!scale_zero !zero_point_by_rounded_scale !zero_point_float32 !zero_point_half_* "
        "!zero_point_reciprocal"
    ),
    "one-sided": (
        "* !arithmetic=* !constant_is_one !ends_flushed !least_1e_12 !least_normal !least_subnormal "
        "!no_width_has_zero !scale_infinite !scale_underflows !scale_zero !zero_point_away_from_zero "
        "!zero_point_by_rounded_scale !zero_point_ceil !zero_point_float32 !zero_point_from_x_max "
        "!zero_point_half_* !zero_point_reciprocal"
    ),
    "constant": "* !scale_infinite !zero_point_away_from_zero !zero_point_ceil !zero_point_half_*",
    "small ranges": "* !constant_is_one !no_width_has_zero !not_widened !scale_infinite",
    "huge ranges": "* !ends_float16 !ends_flushed !least_* !no_width_has_zero !scale_underflows !scale_zero",
    "ends without a pattern": (
        "* !constant_is_one !ends_flushed !least_normal !least_subnormal !no_width_has_zero !not_* "
        "!scale_infinite !scale_underflows !scale_zero !zero_point_by_rounded_scale !zero_point_float32 "
        "!zero_point_half_* !zero_point_unclipped"
    ),
}
