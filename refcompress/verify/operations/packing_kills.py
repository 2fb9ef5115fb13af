"""Which rivals each case of ``pack_int4`` and ``unpack_int4`` tells from the reference; a test holds the cases to it.

A line of names and patterns (``order=*``), less those that follow a ``!``.
"""

PACK_INT4: dict[str, str] = {
    "small rows, one a call": "* !column_order !first_axis !flat !halves_of_32 !padded_with_sign !words_swapped",
    "every pair of neighbours": "* !column_order",
    "one code at every place": "* !halves_of_32 !odd_code_dropped !padded_*",
    "rows of every length": "* !column_order !first_axis !flat",
    "several rows": "*",
    "empty": "first_axis flat interleaved_back not_packed odd_code_dropped order=interleaved word_reversed",
    "longer than a block": "* !halves !halves_of_32",
    "3-d and 4-d": (
        "* !added !bytes_swapped !halves !halves_of_32 !low_not_masked !odd_code_dropped !padded_* !reversed_rows "
        "!words_swapped"
    ),
    "strided": "* !halves_of_32",
    "reversed": "* !halves_of_32",
    "Fortran order": "* !halves_of_32",
    "read-only": "* !halves_of_32",
}

UNPACK_INT4: dict[str, str] = {
    "small rows, one a call": (
        "* !column_order !first_axis !halves_of_32 !interleaved_back !run_on !word_reversed !words_swapped"
    ),
    "every pair of neighbours": "* !run_on",
    "one code at every place": "* !column_order !halves_of_32 !odd_* !padding_kept !run_on",
    "rows of every length": "* !column_order !first_axis !run_on",
    "several rows": "*",
    "empty": "first_axis odd_code_dropped padding_kept",
    "longer than a block": "* !halves !halves_of_32",
    "3-d and 4-d": (
        "* !borrowed !borrowed_apart !bytes_swapped !halves !halves_of_32 !interleaved_back !low_unsigned !odd_* "
        "!padding_kept !run_on !word_reversed !words_swapped"
    ),
    "strided": "* !halves_of_32",
    "reversed": "* !halves_of_32",
    "Fortran order": "* !halves_of_32",
    "read-only": "* !halves_of_32",
}
