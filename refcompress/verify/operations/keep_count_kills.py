"""The rivals that each case of ``keep_count`` tells from the reference, with blanks between them."""

KEEP_COUNT: dict[str, str] = {
    "small sizes": (
        "* !at_most_99 !binary_value !float_product !rounded_twice !size_32_bits !two_decimals !whole_percent "
        "!zero_is_unset"
    ),
    "ties, where the kept and the pruned part": (
        "* !at_most_99 !float32_product !float_product !rounded_twice !size_32_bits !sparsity_float32 "
        "!two_decimals !zero_is_unset"
    ),
    "hundredths that floats do not hold": (
        "* !at_most_99 !rounded_twice !size_32_bits !two_decimals !whole_percent !zero_is_unset"
    ),
    "reported calls": (
        "* !at_least_one !at_most_99 !float32_product !one_if_any !prunes_one !rounded_twice !size_32_bits "
        "!two_decimals !whole_percent !zero_is_unset"
    ),
    "sparsities 0 and 1, sizes 0 and 1": ("* !float32_product !size_32_bits !sparsity_float16 !sparsity_float32"),
    "one ulp beside whole numbers and halves": (
        "* !at_least_one !at_most_99 !binary_value !one_if_any !prunes_one !size_32_bits !zero_is_unset"
    ),
    "sparsities of many digits": "* !prunes_one !size_32_bits !zero_is_unset",
    "sizes of layers": (
        "* !at_least_one !at_most_99 !binary_value !float_product !one_if_any !prunes_one !rounded_twice "
        "!size_32_bits !two_decimals !whole_percent !zero_is_unset"
    ),
    "next to 0 and to 1": "* !float_product !size_32_bits !zero_is_unset",
    "sizes past 2^24, 2^31 and 2^53": "* !two_decimals !whole_percent",
}
