import csv
import io
import pickle
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from refcompress.labelled_rows import read_csv, read_npz

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), max_size=5)
MATRICES = arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=FINITE)


def lines(data):
    return io.BytesIO(data if isinstance(data, bytes) else data.encode())


def archive(**contents):
    file = io.BytesIO()
    np.savez(file, **contents)
    return file.getvalue()


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as container:
        for name, data in members.items():
            container.writestr(f"{name}.npy", data)
    return file.getvalue()


def npy_that_claims(shape):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


def read_or_refusal(read, data, name):
    try:
        return read(io.BytesIO(data), name), None
    except ValueError as error:
        return None, str(error)


@given(
    x=MATRICES,
    data=st.data(),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from(["", "\ufeff"]),
)
def test_a_csv_gives_back_every_bit_of_the_numbers_and_every_label(x, data, quoting, end, mark):
    labels = data.draw(st.lists(TEXT, min_size=len(x), max_size=len(x)))
    at = data.draw(st.integers(0, x.shape[1]))
    text = io.StringIO()
    text.write(mark)
    writer = csv.writer(text, quoting=quoting, lineterminator=end)
    for label, row in zip(["label", *labels], [[f"f{i}" for i in range(x.shape[1])], *x.tolist()], strict=True):
        writer.writerow([*row[:at], label, *row[at:]])
    for column in ("label", at, at - x.shape[1] - 1):
        rows = read_csv(lines(text.getvalue()), "a.csv", label=column)
        assert rows.x.tobytes() == x.tobytes()
        assert rows.labels == [label.strip() for label in labels]


@given(x=MATRICES, order=st.sampled_from("CF"), byte_order=st.sampled_from("<>"))
def test_an_npz_gives_back_every_bit_of_the_numbers(x, order, byte_order):
    stored = archive(X=np.asarray(x, f"{byte_order}f8", order=order), y=np.arange(len(x)))
    rows = read_npz(io.BytesIO(stored), "a.npz")
    assert rows.x.tobytes() == x.tobytes()
    assert rows.labels == [str(i) for i in range(len(x))]


@given(data=st.binary(max_size=60) | st.text('0159.,"\n\r;_ane-', max_size=60).map(str.encode))
def test_any_bytes_are_a_table_or_a_value_error_of_one_line(data):
    rows, refusal = read_or_refusal(read_csv, data, "a.csv")
    if rows is None:
        assert re.fullmatch(r"a\.csv.+", refusal)
    else:
        assert np.isfinite(rows.x).all()
        assert len(rows.x) == len(rows.labels)


@given(data=st.data())
def test_a_damaged_npz_is_read_rightly_or_is_a_value_error_of_one_line(data):
    whole = archive(X=np.arange(6.0).reshape(3, 2), y=["a", "b", "a"])
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    rows, refusal = read_or_refusal(read_npz, bytes(damaged), "a.npz")
    if rows is None:
        assert re.fullmatch(r"a\.npz.+", refusal)
    else:
        assert rows.x.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
        assert rows.labels == ["a", "b", "a"]


@given(cut=st.integers(0, 499))
def test_an_npz_that_is_cut_off_is_refused_wherever_it_ends(cut):
    whole = archive(X=np.arange(6.0).reshape(3, 2), y=["a", "b", "a"])
    assert len(whole) > 500
    with pytest.raises(ValueError, match=r"^a\.npz is no \.npz file, or not all of one"):
        read_npz(io.BytesIO(whole[:cut]), "a.npz")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([1, 2], np.int8), ["1", "2"]),
        (np.array([2**64 - 1, 0], np.uint64), ["18446744073709551615", "0"]),
        (np.array([1.0, 2.0], np.float16), ["1.0", "2.0"]),
        (np.array([True, False]), ["True", "False"]),
        (np.array(["rose ", "weiß"]), ["rose", "weiß"]),
    ],
)
def test_an_npz_may_have_labels_of_each_kind(labels, expected):
    assert read_npz(io.BytesIO(archive(X=np.zeros((2, 1)), y=labels)), "a.npz").labels == expected


@pytest.mark.parametrize("word", [0x110000, 0xFFFFFFFF])
def test_labels_past_unicode_are_refused_by_name(word):
    labels = np.array([word, word], np.uint32).view("U1")
    with pytest.raises(ValueError, match=r"^a\.npz: y holds text that is no Unicode$"):
        read_npz(io.BytesIO(archive(X=np.zeros((2, 1)), y=labels)), "a.npz")


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", ">f4", ">i2"])
def test_an_npz_may_have_numbers_of_each_dtype(dtype):
    rows = read_npz(io.BytesIO(archive(X=np.array([[1, 2], [3, 4]], dtype), y=[0, 1])), "a.npz")
    assert rows.x.dtype == np.float64
    assert rows.x.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_line_of_names_is_no_row():
    rows = read_csv(lines("length,width,kind\n1,2,a\n"), "a.csv")
    assert (rows.x.tolist(), rows.labels) == ([[1.0, 2.0]], ["a"])


def test_a_first_line_of_numbers_is_a_row():
    rows = read_csv(lines("5.1,3.5,a\n1,2,b\n"), "a.csv")
    assert (rows.x.tolist(), rows.labels) == ([[5.1, 3.5], [1.0, 2.0]], ["a", "b"])


@pytest.mark.parametrize("first", ["0,1,2,kind", "7,8,9,3", "size,8,9,kind"])
def test_a_first_line_that_may_be_both_is_what_the_setting_says(first):
    text = f"{first}\n1,2,3,a\n"
    assert len(read_csv(lines(text), "a.csv", header=True).labels) == 1
    if not first.startswith("size"):
        assert len(read_csv(lines(text), "a.csv", header=False).labels) == 2


def test_a_named_label_says_that_the_first_line_holds_names():
    assert read_csv(lines("0,1,kind\n4,5,a\n"), "a.csv", label="kind").x.tolist() == [[4.0, 5.0]]


def test_a_quoted_field_may_hold_a_comma_a_quote_and_a_line_end():
    rows = read_csv(lines('size,"the ""kind"", or\nso"\n1, "a, b"\n'), "a.csv")
    assert rows.labels == ["a, b"]
    assert rows.place(0) == """a.csv, line 3, column 'the "kind", or\\nso'"""


def test_a_byte_order_mark_is_dropped_before_the_first_line_alone():
    rows = read_csv(lines("\ufeffkind,size\n\ufeffa,1\n"), "a.csv", label="kind")
    assert rows.labels == ["\ufeffa"]


def test_blank_lines_are_skipped_and_still_counted():
    rows = read_csv(lines("size,kind\r\n\r\n1,a\r\n\r\n\r\n2,b\r\n\r\n"), "a.csv")
    assert rows.labels == ["a", "b"]
    assert rows.place(1) == "a.csv, line 6, column 'kind'"


HEAD = "length,width,kind\n1,2,a\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a.csv is empty"),
        ("\ufeff\r\n\n", "a.csv is empty"),
        ("kind\na\n", "a.csv, line 1 has 1 field: features and a label must stand there, with commas between"),
        ("length;kind\n1;a\n", "a.csv, line 1 has 1 field: "),
        (HEAD + "3,4\n", "a.csv, line 3 has 2 fields, the first line has 3"),
        (HEAD + "\n3,4,b,\n", "a.csv, line 4 has 4 fields, the first line has 3"),
        (HEAD + "3\n", "a.csv, line 3 has 1 field, the first line has 3"),
        (HEAD + "3,wide,b\n", "a.csv, line 3, column 'width' is 'wide': every feature must be a number"),
        (HEAD + "3, ,b\n", "a.csv, line 3, column 'width' is empty: every feature must be a number"),
        (HEAD + "3,1_000,b\n", "a.csv, line 3, column 'width' is '1_000': every feature must be a number"),
        (HEAD + "3,0x10,b\n", "a.csv, line 3, column 'width' is '0x10': every feature must be a number"),
        (HEAD + f"3,{'y' * 100},b\n", "a.csv, line 3, column 'width' is 'yyyyyyyyyyyy...yyyyyyyyyyyyy': every feature"),
        (HEAD + "\n3,nan,b\n", "a.csv, line 4, column 'width' is nan: only finite values can be learned from"),
        (HEAD + "-inf,4,b\n", "a.csv, line 3, column 'length' is -inf: only finite values can be learned from"),
        (HEAD + "3,1e999,b\n", "a.csv, line 3, column 'width' is inf: only finite values can be learned from"),
        ("3.5,2,a\n3,wide,b\n", "a.csv, line 2, column 2 of 3 is 'wide': every feature must be a number"),
        (",size,kind\n0,1,a\n", "a.csv, line 1 has no name for column 1 of 3: name it or take it out"),
        ("0,1,kind\n5,6,a\n", "a.csv, line 1 may be data or the numbers of the columns: say header=True"),
        ("size,2,kind\n5,6,a\n", "a.csv, line 1 has names and numbers: say header=True or header=False"),
        (HEAD + '3,"4,b\n', "a.csv, line 3: unexpected end of data"),
        (HEAD + '3,"4"5,b\n', "a.csv, line 3: ',' expected after '\"'"),
        (HEAD + f"3,4,{'b' * 200_000}\n", "a.csv, line 3: field larger than field limit (131072)"),
        ("length,kind\r1,a\r", "a.csv, line 1: new-line character seen in unquoted field"),
        (HEAD.encode() + b"3,4,caf\xe9\n", "a.csv, line 3 is no UTF-8 text: it has the byte 0xe9"),
        (HEAD.encode("utf-16"), "a.csv, line 1 is no UTF-8 text: it has the byte 0xff"),
    ],
)
def test_what_is_no_table_is_refused_with_the_line_and_the_column(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        read_csv(lines(text), "a.csv")


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        (
            {"label": "sort"},
            ValueError,
            "a.csv, line 1 has no column named 'sort': the names are ['size', 'size', 'kind']",
        ),
        ({"label": "size"}, ValueError, "a.csv, line 1 has 2 columns named 'size': the names are"),
        ({"label": "kind", "header": False}, ValueError, "label is 'kind': without a header a column has a position"),
        ({"label": 3}, ValueError, "label is 3: it must be from -3 to 2"),
        ({"label": -4}, ValueError, "label is -4: it must be from -3 to 2"),
        ({"label": 1.0}, TypeError, "label is 1.0 (float): it must be an integer"),
        ({"header": 1}, TypeError, "header is 1: it must be True or False"),
        ({"header": "yes", "label": "kind"}, TypeError, "header is 'yes': it must be True or False"),
    ],
)
def test_settings_that_the_table_does_not_bear_are_refused(settings, kind, message):
    with pytest.raises(kind, match=f"^{re.escape(message)}"):
        read_csv(lines("size,size,kind\n1,2,a\n"), "a.csv", **settings)


X = np.arange(6.0).reshape(3, 2)
Y = np.array([0, 1, 0])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.npz is no .npz file, or not all of one"),
        (b"size,kind\n1,a\n", "a.npz is no .npz file, or not all of one"),
        (pickle.dumps({"X": [1], "y": [2]}), "a.npz is no .npz file, or not all of one"),
        (archive(X=X), "a.npz has no array y: it must have X and y, and has ['X']"),
        (archive(y=Y, x=X), "a.npz has no array X: it must have X and y, and has ['y', 'x']"),
        (archive(X=X[0], y=Y), "a.npz: X has shape (2,): it must be (rows, features)"),
        (archive(X=X.reshape(3, 2, 1), y=Y), "a.npz: X has shape (3, 2, 1): it must be (rows, features)"),
        (archive(X=X[:, :0], y=Y), "a.npz: X has shape (3, 0): it must be (rows, features)"),
        (archive(X=X, y=Y[:2]), "a.npz: y has shape (2,): it must be (3,), a label for each row of X"),
        (archive(X=X, y=Y[:, None]), "a.npz: y has shape (3, 1): it must be (3,), a label for each row of X"),
        (archive(X=np.where(X == 3, np.nan, X), y=Y), "a.npz: X[1, 1] is nan: only finite values can be learned from"),
        (archive(X=np.where(X == 4, np.inf, X), y=Y), "a.npz: X[2, 0] is inf: only finite values can be learned from"),
        (archive(X=X.astype(str), y=Y), "a.npz: X has dtype <U32: it must hold integers or floats"),
        (archive(X=X + 1j, y=Y), "a.npz: X has dtype complex128: it must hold integers or floats"),
        (archive(X=np.array([[2**53 + 1]] * 3), y=Y), "a.npz: X[0, 0] is 9007199254740993: float64 cannot hold"),
        (
            archive(X=X, y=Y + 1j),
            "a.npz: y has dtype complex128: labels must be integers, whole floats, booleans or text",
        ),
        (archive(X=X, y=np.array([b"a", b"b", b"a"])), "a.npz: y has dtype |S1: labels must be"),
        (
            archive(X=X, y=np.array(["a", 1, None], object)),
            "a.npz cannot be read as .npz: Object arrays cannot be loaded",
        ),
        (
            archive(X=np.array([[1], [2], [object]]), y=Y),
            "a.npz cannot be read as .npz: Object arrays cannot be loaded",
        ),
        (zipped(X=b"no array", y=b"none"), "a.npz"),
        (zipped(X=npy_that_claims((10**15, 1)), y=b""), "a.npz cannot be read as .npz: Unable to allocate"),
        (zipped(X=npy_that_claims((3, 1)), y=b""), "a.npz cannot be read as .npz: "),
    ],
)
def test_what_is_no_archive_of_rows_and_labels_is_refused_with_the_place(data, message):
    with pytest.raises(ValueError, match=rf"^{re.escape(message)}.*\Z"):
        read_npz(io.BytesIO(data), "a.npz")
