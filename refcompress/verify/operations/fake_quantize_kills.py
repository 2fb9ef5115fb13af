"""Which rivals each case of the fake quantization tells from the reference; a test holds the cases to it.

A line of names and patterns (``rounding=*``), less those that follow a ``!``.
"""

FAKE_QUANTIZE: dict[str, str] = {
    "small numbers, one a call": (
        "bits=2 bits=3 bytes_swapped clipped_alone codes divided_* epsilon_added even_codes from_x_min "
        "guard_bits_1 half_after_zero_point negative_* plus_* reciprocal_* rounding=* scale_ignored "
        "scale_left_out scale_multiplied scale_plus_1e_12 scale_plus_1e_6 scale_plus_1e_8 scale_power_of_two "
        "scaling=reciprocal sign_* signed=False unchanged x_* zero zero_* !zero_point_int8 !zero_point_negated "
        "!zero_point_of_first !zero_point_of_last !zero_point_of_next !zero_point_zero"
    ),
    "reported inputs": (
        "* !axis=* !axis_* !channels_reversed !column_order !flat_* !infinity_* !largest_scale !next_channel "
        "!overflow_* !quotient_float32 !scale_at_least_eps !scale_float16 !scale_of_first !scale_of_last "
        "!scale_of_next !scaling=exact !subnormals_flushed !tie_tolerance !two_products !zero_point_of_first "
        "!zero_point_of_last !zero_point_of_next"
    ),
    "exact ties, powers of two for a scale": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !computed_* !decimals_* !divided_by_reciprocal "
        "!even_codes !guard_* !huge_is_lowest !infinity_* !low_8_bits_first !overflow_* !product_* !quotient_* "
        "!reciprocal_* !result_* !scale_at_least_eps !scale_bfloat16_both !scale_float16 !scale_float16_back "
        "!scale_float16_both !scale_float32_both !scale_power_of_two !scaling=* !subnormals_flushed "
        "!tie_tolerance !two_products !x_rounded"
    ),
    "exact ties, integers for a scale": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !computed_in_float32 !decimals_* !even_codes "
        "!guard_* !huge_is_lowest !infinity_* !integer_result !low_8_bits_first !overflow_* !product_float32 "
        "!quotient_float32 !result_float32 !scale_at_least_eps !scale_bfloat16_both !scale_float16 "
        "!scale_float16_back !scale_float16_both !scale_float32_both !scaling=exact !subnormals_flushed "
        "!tie_tolerance"
    ),
    "nearest to ties, fractions for a scale": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !huge_is_lowest !infinity_* !overflow_* !range_twice "
        "!scale_at_least_eps !subnormals_flushed"
    ),
    "one ulp beside a tie": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !huge_is_lowest !infinity_* !low_8_bits_first "
        "!overflow_* !range_twice !scale_at_least_eps !subnormals_flushed"
    ),
    "whole steps": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_* !epsilon_added !guard_bits_2 "
        "!half_after_zero_point !huge_is_lowest !infinity_* !low_8_bits_first !overflow_* !plus_half_float32 "
        "!plus_half_float64 !quotient_* !reciprocal_* !rounding=half_away !rounding=half_down !rounding=half_odd "
        "!rounding=half_up !scale_at_least_eps !scale_float16 !scaling=* !sign_half_truncated !subnormals_flushed "
        "!tie_tolerance !zero_point_added=before_rounding"
    ),
    "sixteenths of a step, and close to ties": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !huge_is_lowest !infinity_* !low_* "
        "!overflow_* !scale_at_least_eps !subnormals_flushed !zero_point_int8"
    ),
    "around q_min and q_max": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !huge_is_lowest !infinity_* !overflow_* !scale_at_least_eps "
        "!subnormals_flushed"
    ),
    "far outside the range": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !huge_is_lowest !infinity_* !overflow_* !scale_at_least_eps "
        "!subnormals_flushed !zero_keeps_sign"
    ),
    "around the ends of int8, int16 and int32": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !decimals_* !guard_* !infinity_is_zero !infinity_unchanged "
        "!overflow_* !reciprocal_nan_high !reciprocal_nan_low !scale_at_least_eps !scaling=reciprocal "
        "!subnormals_flushed !tie_tolerance !zero_keeps_sign !zero_point_int8"
    ),
    "largest and smallest values": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !decimals_2 !epsilon_added !half_after_zero_point !infinity_is_zero "
        "!infinity_unchanged !plus_half_float32 !plus_half_float64 !quotient_bfloat16 !quotient_float32 "
        "!reciprocal_float64 !rounding=half_away !rounding=half_down !rounding=half_odd !rounding=half_up "
        "!scaling=exact !sign_half_truncated !tie_tolerance !zero_point_added=before_rounding"
    ),
    "infinities": (
        "* !decimals_* !epsilon_added !guard_* !half_after_zero_point !plus_half_float32 !plus_half_float64 "
        "!reciprocal_* !rounding=half_* !rounding=toward_zero !scale_at_least_eps !scaling=* !sign_half_truncated "
        "!subnormals_flushed !tie_tolerance !x_* !zero_point_added=before_rounding !zero_point_int8"
    ),
    "subnormal scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !huge_is_lowest !infinity_* !low_* "
        "!overflow_* !zero_point_int8"
    ),
    "huge scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !decimals_* !guard_bits_2 !huge_is_lowest "
        "!infinity_* !low_* !one_code_short !one_code_too_high !outside_is_zero !overflow_* !range_twice "
        "!scale_at_least_eps !scale_plus_1e_12 !scale_plus_1e_6 !scale_plus_1e_8 !subnormals_flushed "
        "!tie_tolerance !unsigned_q_max !zero_point_int8"
    ),
    "values that overflow": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !decimals_* !guard_bits_2 !integer_result !rounding=half_away "
        "!scale_at_least_eps !scale_plus_1e_12 !scale_plus_1e_6 !scale_plus_1e_8 !sign_half_truncated "
        "!subnormals_flushed !tie_tolerance !x_* !zero_keeps_sign"
    ),
    "products that are rounded": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bits=32 !cast_before_range !decimals_* !ends_swapped !epsilon_added "
        "!guard_bits_2 !half_after_zero_point !huge_is_lowest !infinity_* !low_32_bits_first !one_code_too_high "
        "!one_code_too_low !outside_* !overflow=wrap !overflow_* !plus_half_float64 !reciprocal_* "
        "!rounding=half_away !rounding=half_down !rounding=half_odd !rounding=half_up !scale_at_least_eps "
        "!scaling=* !sign_half_truncated !subnormals_flushed !tie_tolerance !unbounded !unsigned_q_max "
        "!zero_point_added=before_rounding"
    ),
    "past 2^10, 2^22 and 2^30": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bits=32 !cast_before_sum !flat_chunks !huge_is_lowest !infinity_* "
        "!outside_is_zero !overflow_* !range_twice !scale_at_least_eps !subnormals_flushed !zero_keeps_sign"
    ),
    "many scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !decimals_* !guard_bits_2 !huge_is_lowest "
        "!infinity_* !low_8_bits_first !overflow_* !subnormals_flushed !tie_tolerance"
    ),
    "many zero points": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_before_sum !huge_is_lowest !infinity_* !overflow_* "
        "!reciprocal_float64 !reciprocal_nan_high !reciprocal_nan_low !scale_at_least_eps !scaling=reciprocal "
        "!subnormals_flushed !tie_tolerance"
    ),
    "every quarter of a code over the range": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !huge_is_lowest !infinity_* "
        "!low_16_bits_first !low_32_bits_first !overflow_* !scale_at_least_eps !subnormals_flushed !two_products "
        "!zero_point_int8"
    ),
    "longer than a block": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !computed_in_float16 !computed_in_float32 "
        "!decimals_* !divided_by_reciprocal !guard_* !huge_is_lowest !infinity_* !low_16_bits_first "
        "!low_32_bits_first !overflow_* !product_float16 !product_float32 !quotient_float16 !quotient_float32 "
        "!reciprocal_float64 !reciprocal_nan_* !result_float16 !result_float32 !scale_at_least_eps "
        "!scale_bfloat16_both !scale_float16 !scale_float16_* !scale_float32_both !scaling=* !subnormals_flushed "
        "!tie_tolerance !two_products !zero_point_int8"
    ),
    "lengths around vector widths": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !computed_in_float16 !computed_in_float32 "
        "!decimals_* !divided_by_reciprocal !guard_bits_2 !huge_is_lowest !infinity_* !low_16_bits_first "
        "!low_32_bits_first !overflow_* !product_float16 !product_float32 !quotient_float16 !quotient_float32 "
        "!reciprocal_float64 !reciprocal_nan_* !result_float16 !result_float32 !scale_at_least_eps "
        "!scale_bfloat16_both !scale_float16 !scale_float16_* !scale_float32_both !scaling=* !subnormals_flushed "
        "!tie_tolerance !two_products !zero_point_int8"
    ),
    "axes of equal length": (
        "* !cast_* !codes_in_float16 !huge_is_lowest !infinity_* !low_16_bits_first !low_32_bits_first "
        "!overflow_* !scale_at_least_eps !subnormals_flushed !zero_point_int8"
    ),
    "0-d, empty and 4-d": (
        "axis=* axis_* bits=2 bits=3 bytes_swapped channels_reversed clipped_alone codes column_order computed_* "
        "divided_back epsilon_added even_codes flat_* from_x_min half_after_zero_point integer_result "
        "largest_scale negative_* next_channel one_code_short plus_* product_* quotient_* result_* reversed_order "
        "rounding=* scale_* scaling=exact sign_* signed=False unchanged x_* zero zero_* !quotient_float16 "
        "!scale_at_least_eps !zero_point_int8 !zero_point_negated !zero_point_zero"
    ),
    "strided": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !decimals_2 !guard_bits_2 !huge_is_lowest "
        "!infinity_* !low_16_bits_first !low_32_bits_first !overflow_* !scale_at_least_eps !subnormals_flushed "
        "!tie_tolerance !zero_point_int8"
    ),
    "reversed": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !decimals_2 !guard_bits_2 !huge_is_lowest "
        "!infinity_* !low_16_bits_first !low_32_bits_first !overflow_* !scale_at_least_eps !subnormals_flushed "
        "!tie_tolerance !zero_point_int8"
    ),
    "Fortran order": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !decimals_2 !guard_bits_2 !huge_is_lowest "
        "!infinity_* !low_16_bits_first !low_32_bits_first !overflow_* !scale_at_least_eps !subnormals_flushed "
        "!tie_tolerance !zero_point_int8"
    ),
    "read-only": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !cast_* !codes_in_float16 !decimals_2 !guard_bits_2 !huge_is_lowest "
        "!infinity_* !low_16_bits_first !low_32_bits_first !overflow_* !scale_at_least_eps !subnormals_flushed "
        "!tie_tolerance !zero_point_int8"
    ),
}

FAKE_QUANTIZE_GRADIENT: dict[str, str] = {
    "small numbers, one a call": (
        "* !axis=* !axis_* !channels_reversed !column_order !flat_* !infinite_passes !largest_scale !nan_to_num "
        "!next_channel !not_finite_is_zero !reciprocal_float64 !reversed_order !scale_float16 !scale_of_first "
        "!scale_of_last !scale_of_next !scaling=* !subnormals_flushed !upstream_* !zero_loses_sign "
        "!zero_point_of_first !zero_point_of_last !zero_point_of_next"
    ),
    "special upstreams": (
        "bits=* boundary=zero clipped_to_one divided_by_scale half_* hard_tanh inputs_swapped inverted "
        "leads_back low_* multiplied nan_to_num narrow_range=True negative_stops no_* not_finite_is_zero "
        "one_code_short ones quotient_* reversed_order scale_multiplied sign_* signed=False "
        "stops_at_minus_zero subnormals_flushed times_scale unsigned_q_max upstream_* x_in_codes zero "
        "zero_loses_sign multiplied_other_ends multiplied_other_mask multiplied_with_halves !half_a_step_more"
    ),
    "at the bounds of clamp: all that saturates": (
        "bits=* boundary=zero clipped_to_one divided_by_scale half_* hard_tanh inputs_swapped inverted "
        "mask=value narrow_range=True negative_stops one_code_short ones quotient_* reversed_order "
        "rounding=away_from_zero rounding=ceil rounding=floor scale_float16 sign_* signed=False times_scale "
        "upstream_* value_without_zero_point where_unchanged x_in_codes zero zero_point_ignored "
        "zero_point_subtracted zero_point_twice zero_stops multiplied_other_ends multiplied_other_mask "
        "multiplied_with_halves !bits=32 !half_a_step_more"
    ),
    "parts of a step beside the ends": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !infinite_passes !nan_to_num !not_finite_is_zero !subnormals_flushed "
        "!zero_loses_sign"
    ),
    "the values of the ends, and one ulp beside": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !bits=32 !half_a_step_more !infinite_passes !largest_scale "
        "!leads_back !low_* !multiplied !nan_to_num !no_* !not_finite_is_zero !one_code_too_high "
        "!one_code_too_low !reciprocal_float64 !rounding=half_away !rounding=half_down !rounding=half_odd "
        "!rounding=half_up !rounding=toward_zero !scaling=* !stops_at_minus_zero !subnormals_flushed "
        "!unsigned_q_max !zero_loses_sign !zero_point_added=before_rounding"
    ),
    "exact ties at the ends": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !infinite_passes !nan_to_num !not_finite_is_zero !scale_float16 "
        "!scaling=exact !subnormals_flushed !zero_loses_sign !zero_stops"
    ),
    "nearest to ties at the ends": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !infinite_passes !nan_to_num !not_finite_is_zero !subnormals_flushed "
        "!zero_loses_sign !zero_stops"
    ),
    "the ends of every width": (
        "* !axis=* !axis_* !channels_reversed !column_order !flat_* !infinite_passes !largest_scale !nan_to_num "
        "!next_channel !not_finite_is_zero !reciprocal_float64 !rounding=ceil !rounding=half_up !scale_float16 "
        "!scale_of_first !scale_of_last !scale_of_next !scaling=* !subnormals_flushed !zero_*"
    ),
    "infinities": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !nan_to_num !not_finite_is_zero !reciprocal_float64 "
        "!rounding=half_away !rounding=half_down !rounding=half_odd !rounding=half_up !rounding=toward_zero "
        "!scaling=* !subnormals_flushed !zero_loses_sign !zero_point_added=before_rounding !zero_stops"
    ),
    "far outside the range": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !mask=value !nan_to_num "
        "!not_finite_is_zero !reciprocal_float64 !rounding=half_away !rounding=half_down !rounding=half_odd "
        "!rounding=half_up !scaling=* !subnormals_flushed !zero_loses_sign !zero_point_added=before_rounding"
    ),
    "largest and smallest values": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !flat_chunks !half_a_step_more !infinite_passes !nan_to_num "
        "!not_finite_is_zero !one_code_too_low !quotient_bfloat16 !quotient_float32 !reciprocal_float64 "
        "!rounding=half_away !rounding=half_down !rounding=half_odd !rounding=half_up !scaling=exact "
        "!subnormals_flushed !zero_loses_sign !zero_point_added=before_rounding"
    ),
    "subnormal scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !low_* !nan_to_num "
        "!not_finite_is_zero !rounding=toward_zero !scaling=exact !subnormals_flushed !zero_loses_sign"
    ),
    "huge scales": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !low_* !nan_to_num !no_upper_end "
        "!not_finite_is_zero !one_code_short !one_code_too_high !reciprocal_float64 !rounding=half_up !scaling=* "
        "!subnormals_flushed !unsigned_q_max !zero_loses_sign !zero_point_added=before_rounding"
    ),
    "many zero points": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !infinite_passes !nan_to_num !not_finite_is_zero !quotient_float32 "
        "!reciprocal_float64 !scaling=* !subnormals_flushed !zero_loses_sign"
    ),
    "every quarter of a code over the range": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !infinite_passes !low_* !nan_to_num !not_finite_is_zero "
        "!quotient_float16 !quotient_float32 !scaling=reciprocal !subnormals_flushed !zero_loses_sign"
    ),
    "longer than a block": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !infinite_passes !low_* !nan_to_num !not_finite_is_zero !quotient_* "
        "!reciprocal_float64 !scale_float16 !scaling=* !subnormals_flushed !zero_loses_sign"
    ),
    "lengths around vector widths": (
        "axis=None bits=* channels_reversed clipped_to_one column_order divided_by_scale flat_* hard_tanh "
        "inputs_swapped inverted largest_scale leads_back multiplied multiplied_* negative_stops next_channel "
        "no_* ones reversed_order scale_multiplied scale_of_* sign_* signed=False stops_at_minus_zero times_scale "
        "unsigned_q_max upstream_* where_unchanged x_in_codes zero zero_point_subtracted"
    ),
    "axes of equal length": (
        "* !half_a_step_more !infinite_passes !mask=value !nan_to_num !not_finite_is_zero !reciprocal_float64 "
        "!rounding=half_away !rounding=half_down !rounding=half_odd !rounding=half_up !scaling=* "
        "!subnormals_flushed !where_unchanged !zero_loses_sign !zero_point_added=before_rounding !zero_stops"
    ),
    "0-d, empty and 4-d": (
        "axis=0 axis=1 axis_* bits=2 bits=3 boundary=zero channels_reversed clipped_to_one column_order "
        "divided_by_scale flat_chunks half_* hard_tanh inputs_swapped inverted negative_stops next_channel "
        "one_code_short ones reversed_order scale_of_last scale_of_next sign_* signed=False times_scale "
        "upstream_* where_unchanged zero zero_point_of_first zero_point_of_last zero_point_of_next zero_stops "
        "multiplied_other_ends multiplied_with_halves !half_a_step_more"
    ),
    "strided": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !low_* !nan_to_num "
        "!not_finite_is_zero !quotient_* !reciprocal_float64 !scale_float16 !scaling=* !subnormals_flushed "
        "!zero_loses_sign"
    ),
    "reversed": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !low_* !nan_to_num "
        "!not_finite_is_zero !quotient_* !reciprocal_float64 !scale_float16 !scaling=* !subnormals_flushed "
        "!zero_loses_sign"
    ),
    "Fortran order": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !low_* !nan_to_num "
        "!not_finite_is_zero !quotient_* !reciprocal_float64 !scale_float16 !scaling=* !subnormals_flushed "
        "!zero_loses_sign"
    ),
    "read-only": (
        "* !axis=-1 !axis=0 !axis=1 !axis_* !half_a_step_more !infinite_passes !low_* !nan_to_num "
        "!not_finite_is_zero !quotient_* !reciprocal_float64 !scale_float16 !scaling=* !subnormals_flushed "
        "!zero_loses_sign"
    ),
}
