from refcompress.commands.table import table


def test_the_first_column_is_left_and_the_others_are_right():
    assert table(("name", "n"), [("a", "1,000"), ("longer", "7")]).splitlines() == [
        "name        n",
        "a       1,000",
        "longer      7",
    ]


def test_a_table_without_rows_is_its_head():
    assert table(("name", "n"), []) == "name  n"
