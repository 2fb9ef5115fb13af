"""The rivals that each case of ``n_m_sparsify`` tells from the reference, with blanks between them."""

N_M_SPARSIFY: dict[str, str] = {
    "one group, and two": (
        "* !axis=-1 !axis=0 !close_is_tie !dropped_zeros_stay !flattened !flattened_fortran !infinities_last "
        "!negative_zero_counts !normalized !nudged !one_mask !ranks_bfloat16 !ranks_float16 !ranks_float32 "
        "!second_axis !squares !subnormals_flushed !values_bfloat16 !values_float16 !values_float32 "
        "!values_flushed !whole_parts !zero_sign_lost"
    ),
    "ties": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "-0.0 among numbers": (
        "* !close_is_tie !infinities_last !normalized !nudged !ranks_bfloat16 !ranks_float16 !ranks_float32 "
        "!second_axis !squares !subnormals_flushed !values_bfloat16 !values_float16 !values_float32 "
        "!values_flushed !whole_parts"
    ),
    "large negative values": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !zero_sign_lost"
    ),
    "groups of unlike size": (
        "* !bits_signed !bits_unsigned !close_is_tie !dropped_keep_sign !dropped_zeros_stay !infinities_last "
        "!magnitudes !negative_zero_counts !negatives_as_zero !normalized !nudged !ranks_float16 "
        "!ranks_float32 !second_axis !signed !squares !subnormals_flushed !times_mask !values_float16 "
        "!values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "square matrices, rows or columns sorted": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "matrices to 4-d": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !squares !subnormals_flushed !values_bfloat16 "
        "!values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "squares that underflow": (
        "* !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !second_axis "
        "!subnormals_flushed !values_flushed !zero_sign_lost"
    ),
    "squares that overflow": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!second_axis !subnormals_flushed !values_flushed !whole_parts !zero_sign_lost"
    ),
    "one ulp apart": (
        "* !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !second_axis !squares "
        "!subnormals_flushed !values_flushed !zero_sign_lost"
    ),
    "close together": (
        "* !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !ranks_float32 !second_axis "
        "!squares !subnormals_flushed !values_float32 !values_flushed !zero_sign_lost"
    ),
    "subnormals": "* !infinities_last !normalized !second_axis !zero_sign_lost",
    "infinities": (
        "* !close_is_tie !dropped_zeros_stay !negative_zero_counts !nudged !second_axis !subnormals_flushed "
        "!values_flushed !whole_parts !zero_sign_lost"
    ),
    "fractions of one": (
        "* !above_next !at_least_kth !at_least_quantile !close_is_tie !dropped_zeros_stay !infinities_last "
        "!negative_zero_counts !normalized !nudged !ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis "
        "!squares !subnormals_flushed !ties=highest_index !values_bfloat16 !values_float16 !values_float32 "
        "!values_flushed !zero_sign_lost"
    ),
    "lengths around vector widths": (
        "* !axis=-1 !axis=0 !close_is_tie !dropped_zeros_stay !flattened !flattened_fortran !infinities_last "
        "!negative_zero_counts !normalized !nudged !one_mask !ranks_bfloat16 !ranks_float16 !ranks_float32 "
        "!second_axis !squares !subnormals_flushed !values_bfloat16 !values_float16 !values_float32 "
        "!values_flushed !whole_parts !zero_sign_lost"
    ),
    "thousands": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "empty": "",
    "strided": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "reversed": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "Fortran order": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
    "read-only": (
        "* !close_is_tie !dropped_zeros_stay !infinities_last !negative_zero_counts !normalized !nudged "
        "!ranks_bfloat16 !ranks_float16 !ranks_float32 !second_axis !squares !subnormals_flushed "
        "!values_bfloat16 !values_float16 !values_float32 !values_flushed !whole_parts !zero_sign_lost"
    ),
}
