import os
import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refcompress.datasets import Dataset, load, load_csv, load_digits, load_npz, split, subset

SEEDS = st.integers(0, 2**70)
PERCENT = st.integers(1, 99)


def numbered(y):
    """A dataset whose rows carry their own number."""
    return Dataset(np.arange(float(len(y)))[:, None], y, tuple("abcdefg"[: max(y) + 1]), "numbered")


def row_numbers(dataset):
    return dataset.x[:, 0].astype(int).tolist()


@st.composite
def datasets(draw):
    counts = draw(st.lists(st.integers(2, 30), min_size=1, max_size=5))
    return numbered(draw(st.permutations(np.repeat(np.arange(len(counts)), counts).tolist())))


def class_counts(dataset):
    return np.bincount(dataset.y, minlength=len(dataset.class_names)).tolist()


@given(dataset=datasets(), percent=PERCENT, seed=SEEDS)
def test_the_two_parts_have_every_row_once_and_in_order(dataset, percent, seed):
    parts = [row_numbers(part) for part in split(dataset, test=percent / 100, seed=seed)]
    assert sorted(parts[0] + parts[1]) == row_numbers(dataset)
    assert all(part == sorted(part) for part in parts)


@given(dataset=datasets(), percent=PERCENT, seed=SEEDS)
def test_rows_keep_their_classes_in_both_parts(dataset, percent, seed):
    for part in (*split(dataset, test=percent / 100, seed=seed), subset(dataset, percent / 100, seed=seed)):
        assert part.y.tolist() == dataset.y[row_numbers(part)].tolist()
        assert (part.class_names, part.name) == (dataset.class_names, dataset.name)


@given(dataset=datasets(), percent=PERCENT, seed=SEEDS)
def test_each_class_is_split_by_the_rounded_share_and_stands_in_both_parts(dataset, percent, seed):
    _, test = split(dataset, test=percent / 100, seed=seed)
    expected = [max(1, min(n - 1, round(Fraction(percent, 100) * n))) for n in class_counts(dataset)]
    assert class_counts(test) == expected


@given(dataset=datasets(), percent=st.integers(1, 100), seed=SEEDS)
def test_a_subset_has_the_rounded_fraction_of_each_class_and_at_least_one(dataset, percent, seed):
    part = subset(dataset, percent / 100, seed=seed)
    assert class_counts(part) == [max(1, round(Fraction(percent, 100) * n)) for n in class_counts(dataset)]
    assert row_numbers(part) == sorted(set(row_numbers(part)))


@given(dataset=datasets(), percents=st.tuples(PERCENT, PERCENT).map(sorted), seed=SEEDS)
def test_of_two_parts_of_one_seed_the_smaller_lies_in_the_larger(dataset, percents, seed):
    small, large = (p / 100 for p in percents)
    assert set(row_numbers(subset(dataset, small, seed=seed))) <= set(row_numbers(subset(dataset, large, seed=seed)))
    tests = [set(row_numbers(split(dataset, test=share, seed=seed)[1])) for share in (small, large)]
    assert tests[0] <= tests[1]


@given(dataset=datasets(), seed=SEEDS)
def test_the_whole_is_a_subset(dataset, seed):
    assert row_numbers(subset(dataset, 1, seed=seed)) == row_numbers(dataset)


@pytest.mark.parametrize("kind", [float, np.float32, np.float16])
def test_a_share_is_the_number_that_was_written_in_any_float(kind):
    dataset = numbered([0] * 50 + [1] * 50)
    # 0.29 * 50 = 14.5 and 0.11 * 50 = 5.5: ties, to even
    assert [class_counts(part)[0] for part in split(dataset, test=kind(0.29))] == [36, 14]
    assert class_counts(subset(dataset, kind(0.11))) == [6, 6]


def test_the_rows_of_a_seed_are_these_on_every_machine():
    dataset = numbered([0, 1] * 20)
    assert row_numbers(split(dataset, test=0.2, seed=0)[1]) == [2, 3, 11, 13, 18, 20, 21, 32]
    assert row_numbers(subset(dataset, 0.2, seed=0)) == [2, 9, 16, 19, 28, 31, 36, 39]
    assert row_numbers(split(dataset, test=0.2, seed=2**64)[1]) == [6, 8, 9, 14, 15, 19, 29, 32]


def test_every_row_is_drawn_as_often_as_its_share_says():
    dataset = numbered([0] * 5 + [1] * 5)
    n = 3000
    drawn = np.zeros(10)
    for seed in range(n):
        drawn[row_numbers(split(dataset, test=0.2, seed=seed)[1])] += 1
    # a binomial(n, 1/5) leaves its mean by six standard deviations about once in 10^9
    assert (abs(drawn - n / 5) < 6 * (n * 0.2 * 0.8) ** 0.5).all()


def test_splits_and_subsets_of_one_seed_do_not_follow_each_other():
    digits = load_digits()
    _, test = split(digits, test=0.2, seed=0)
    assert not np.array_equal(subset(digits, 0.2, seed=0).x, test.x)


def test_another_seed_gives_other_rows():
    digits = load_digits()
    assert not np.array_equal(split(digits, seed=0)[1].x, split(digits, seed=1)[1].x)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda d: split(d, test=0), ValueError, "test is 0: it must be strictly between 0.0 and 1.0"),
        (lambda d: split(d, test=1.0), ValueError, "test is 1.0: it must be strictly between 0.0 and 1.0"),
        (lambda d: split(d, test="0.2"), TypeError, "test is '0.2' (str): it must be a number"),
        (lambda d: split(d, seed=-1), ValueError, "seed is -1: it must be at least 0"),
        (lambda d: split(d, seed=0.5), TypeError, "seed is 0.5 (float): it must be an integer"),
        (lambda d: split(numbered([0, 0, 1])), ValueError, "class 'b' has 1 row: a split needs at least 2"),
        (lambda d: split(numbered([0, 0, 2, 2])), ValueError, "class 'b' has 0 rows: a split needs at least 2"),
        (lambda d: subset(d, 0.0), ValueError, "fraction is 0.0: it must be above 0 and at most 1"),
        (lambda d: subset(d, 1.5), ValueError, "fraction is 1.5: it must be from 0.0 to 1.0"),
        (lambda d: subset(d, float("nan")), ValueError, "fraction is nan: it must be from 0.0 to 1.0"),
        (lambda d: subset(d, 0.5, seed=None), TypeError, "seed is None (NoneType): it must be an integer"),
        (lambda d: Dataset([1.0, 2.0], [0, 1], ("a", "b"), ""), ValueError, "x has shape (2,), y has shape (2,): they"),
        (lambda d: Dataset([[1.0], [2.0]], [0], ("a",), ""), ValueError, "x has shape (2, 1), y has shape (1,): they"),
        (lambda d: Dataset([[1.0], [np.nan]], [0, 0], ("a",), ""), ValueError, "x[1, 0] is nan: only finite values"),
        (lambda d: Dataset([[1.0], [2.0]], [0, 2], ("a", "b"), ""), ValueError, "y[1] is 2: it must be from 0 to 1"),
        (lambda d: Dataset([[1.0], [2.0]], [0, -1], ("a", "b"), ""), ValueError, "y[1] is -1: it must be from 0 to 1"),
        (lambda d: Dataset([[1.0], [2.0]], [0.0, 1.0], ("a", "b"), ""), TypeError, "y has dtype float64: it must hold"),
    ],
)
def test_bad_calls_are_refused(call, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        call(numbered([0, 0, 1, 1]))


def test_the_arrays_are_read_only_in_float64_and_int64():
    x, y = np.ones((2, 1), np.float32), np.array([0, 1], np.uint8)
    dataset = Dataset(x, y, ("a", "b"), "small")
    assert (dataset.x.dtype, dataset.y.dtype) == (np.float64, np.int64)
    assert not dataset.x.flags.writeable
    assert not dataset.y.flags.writeable
    assert x.flags.writeable


def test_the_digits_are_sixteenths_from_0_to_1():
    digits = load_digits()
    pixels = digits.x * 16
    assert (pixels == pixels.astype(int)).all()
    assert (pixels.min(), pixels.max()) == (0, 16)


def test_the_digits_have_the_class_counts_that_the_repository_states():
    assert class_counts(load_digits()) == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_first_digit_is_a_zero():
    picture = ["".join(" .:+#"[int(v * 4)] for v in row) for row in load_digits().x[0].reshape(8, 8)]
    assert picture == [
        "  .+:   ",
        "  ++:+. ",
        "  +  :: ",
        " .+  :: ",
        " .:  :: ",
        " .:  +. ",
        "  +.:+  ",
        "  .+:   ",
    ]


def write(folder, labels, name="rows.csv"):
    path = folder / name
    path.write_text("size,kind\n" + "".join(f"{i},{label}\n" for i, label in enumerate(labels)), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("labels", "class_names"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        (["2", "1.0", "01", " 1", "2.0"], ("1", "2")),
        (["10", "9", "A"], ("10", "9", "A")),
        (["1.5", "2", "A"], ("1.5", "2", "A")),
        (["rose", " iris ", "iris"], ("iris", "rose")),
        (["9007199254740993", "9007199254740992"], ("9007199254740992", "9007199254740993")),
        (["9007199254740993.0", "9007199254740993", "1"], ("1", "9007199254740993")),
        (["1_0", "10"], ("10", "1_0")),
        (["weiß", "'"], ("'", "weiß")),
    ],
)
def test_classes_stand_in_the_order_of_their_labels(tmp_path, labels, class_names):
    dataset = load_csv(write(tmp_path, labels * 5))
    assert dataset.class_names == class_names
    by_number = {" 1": "1", "1.0": "1", "01": "1", "2.0": "2"} if class_names == ("1", "2") else {}
    by_number |= {"9007199254740993.0": "9007199254740993"}
    assert [class_names[c] for c in dataset.y] == [by_number.get(label, label.strip()) for label in labels * 5]


TEN = ["a", "b"] * 5


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([], " has too few rows, 0: it must have at least 10"),
        (TEN[:9], " has too few rows, 9: it must have at least 10"),
        (["a"] * 10, " has one class only, 'a': it must have at least 2"),
        ([*TEN, "c"], ", line 12, column 'kind' has the only row of class 'c': a class must have at least 2"),
        ([*TEN, " "], ", line 12, column 'kind' is empty: every row must have a label"),
        ([*TEN, "NaN"], ", line 12, column 'kind' is NaN: a label must be a whole number or text"),
        (["1", "2"] * 5 + ["2.5"] * 2, ", line 12, column 'kind' is 2.5: a label must be a whole number or text"),
        *(
            (
                ["1", "2"] * 5 + [label] * 2,
                f", line 12, column 'kind' is {label}: a label must be a whole number or text",
            )
            for label in ("9007199254740992.5", "1e-400", "1e-999999999", "1e-99999999999999999999")
        ),
        (["1", "2"] * 5 + ["1e999"] * 2, ", line 12, column 'kind' is 1e999: a label must be a whole number or text"),
    ],
)
def test_what_is_too_little_or_no_label_is_refused_with_the_place(tmp_path, labels, message):
    path = write(tmp_path, labels)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path) + message)}$"):
        load_csv(path)


def test_the_smallest_file_is_enough_and_can_be_split(tmp_path):
    dataset = load(write(tmp_path, ["a"] * 8 + ["b"] * 2))
    assert [class_counts(part) for part in split(dataset, test=0.01)] == [[7, 1], [1, 1]]
    assert dataset.name == "rows.csv"


@pytest.mark.parametrize("labels", [[0, 1] * 5, [3.0, -2.0] * 5, [True, False] * 5, ["b", "a"] * 5])
def test_an_npz_and_a_csv_of_the_same_rows_are_the_same_dataset(tmp_path, labels):
    from_csv = load(write(tmp_path, labels, "rows.CSV"))
    np.savez(tmp_path / "rows.npz", X=np.arange(10)[:, None], y=labels)
    from_npz = load(os.fspath(tmp_path / "rows.npz"))
    assert np.array_equal(from_npz.x, from_csv.x)
    assert np.array_equal(from_npz.y, from_csv.y)
    assert from_npz.class_names == from_csv.class_names


def test_a_float_label_of_an_npz_must_be_whole(tmp_path):
    np.savez(tmp_path / "rows.npz", X=np.ones((10, 1)), y=[0.0, 1.0] * 4 + [0.5, 0.5])
    with pytest.raises(ValueError, match=r"rows\.npz: y\[8\] is 0\.5: a label must be a whole number or text$"):
        load_npz(tmp_path / "rows.npz")


@pytest.mark.parametrize("name", ["rows.npz", "rows.csv"])
def test_a_missing_file_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["rows.npz", "rows.csv"])
def test_a_folder_is_refused(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(ValueError, match=rf"{name} is a folder: it must be a file$"):
        load(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "settings", "kind", "message"),
    [
        ("rows.txt", {}, ValueError, r"^rows\.txt ends in '\.txt': it must be a \.npz or a \.csv file$"),
        ("rows", {}, ValueError, r"^rows ends in '': it must be a \.npz or a \.csv file$"),
        ("rows.npz", {"label": "kind"}, ValueError, r"^label is 'kind', which is for \.csv files"),
        ("rows.npz", {"header": False}, ValueError, r"^header is False, which is for \.csv files"),
        (3, {}, TypeError, "expected str, bytes or os.PathLike object, not int"),
    ],
)
def test_a_path_that_names_no_data_is_refused(path, settings, kind, message):
    with pytest.raises(kind, match=message):
        load(path, **settings)


def test_readers_are_imported_where_they_are_used():
    code = "import refcompress.datasets, sys; print(*{'csv', 'zipfile', 'importlib.resources'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
