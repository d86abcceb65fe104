"""Predictions are read from any format, aligned by id, or refused with everything that is wrong."""

from __future__ import annotations

import contextlib
import gzip
import io
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.errors import InvalidPredictions
from kit.metrics import Domain
from kit.predictions import Expected, read_predictions, write_parquet

COUNTS = Expected("counts", "id", np.array([4, 5, 17, 18]), ("n",), Domain.REAL)
CHANCE = replace(COUNTS, question="chance", domain=Domain.PROBABILITY)
PETS = replace(COUNTS, question="pets", columns=("pet",), domain=Domain.LABEL, classes=("cat", "dog"))
SPREAD = replace(
    COUNTS,
    question="spread",
    columns=("cat", "dog"),
    domain=Domain.DISTRIBUTION,
    classes=("cat", "dog"),
)
CODES = replace(COUNTS, question="codes", ids=np.array(["007", "7", "é", "x y"], dtype=object))

GOOD = b"id,n\n4,1\n5,2.5\n17,-3\n18,0\n"
GOOD_FRAME = pd.DataFrame({"id": [4, 5, 17, 18], "n": [1, 2.5, -3, 0]})


def problems_of(source: Any, expected: Expected) -> list[str]:
    with pytest.raises(InvalidPredictions) as caught:
        read_predictions(source, expected)
    assert caught.value.question == expected.question
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return list(caught.value.problems)


def parquet(table: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), file, **options)
    return file.getvalue()


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, GOOD)
    return file.getvalue()


FORMATS = {
    "csv": GOOD,
    "csv with a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "csv of Windows": GOOD.replace(b"\n", b"\r\n"),
    "csv of an old Mac": GOOD.replace(b"\n", b"\r"),
    "csv without a last newline": GOOD[:-1],
    "csv with empty lines": b"\n\n" + GOOD.replace(b"\n", b"\n\n"),
    "csv with quotes": b'"id","n"\n"4","1"\n"5","2.5"\n"17","-3"\n"18","0"\n',
    "csv with spaces": b"id,n\n 4 , 1\n5,2.5 \n17,-3\n18,0\n",
    "csv with columns swapped": b"n,id\n1,4\n2.5,5\n-3,17\n0,18\n",
    "csv with float ids": b"id,n\n4.0,1\n5.0,2.5\n17.,-3\n18,0\n",
    "csv with padded ids": b"id,n\n004,1\n+05,2.5\n17,-3\n18,0\n",
    "csv with exponents": b"id,n\n4,1e0\n5,+.25E1\n17,-3.\n18,-0e5\n",
    "gzip": gzip.compress(GOOD),
    "gzip in two members": gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:]),
    "zstd": zstandard.compress(GOOD),
    "zstd in two frames": zstandard.compress(GOOD[:9]) + zstandard.compress(GOOD[9:]),
    "parquet": parquet({"id": [4, 5, 17, 18], "n": [1, 2.5, -3, 0]}),
    "parquet of text": parquet({"id": ["4", "5", "17", "18"], "n": ["1", "2.5", "-3", "0"]}),
    "parquet of float32": parquet({"id": [4, 5, 17, 18], "n": pa.array([1, 2.5, -3, 0], pa.float32())}),
    "frame": GOOD_FRAME,
    "frame in another order": GOOD_FRAME.iloc[[2, 0, 3, 1]],
    "frame indexed by id": GOOD_FRAME.set_index("id"),
    "frame with an unnamed index": GOOD_FRAME.set_index("id").rename_axis(None),
    "frame of objects": GOOD_FRAME.astype(object),
    "frame of text": GOOD_FRAME.astype(str),
    "frame of categories": GOOD_FRAME.astype("category"),
    "frame of nullable dtypes": GOOD_FRAME.convert_dtypes(),
    "frame of arrow dtypes": GOOD_FRAME.convert_dtypes(dtype_backend="pyarrow"),
    "frame of float ids": GOOD_FRAME.astype({"id": float}),
    "series indexed by id": GOOD_FRAME.set_index("id")["n"],
    "series of another name": GOOD_FRAME.set_index("id")["n"].rename("forest"),
    "series with an unnamed index": GOOD_FRAME.set_index("id")["n"].rename_axis(None),
}


@pytest.mark.parametrize("source", FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_frame(source: Any) -> None:
    frame = read_predictions(source, COUNTS)

    assert frame["n"].to_list() == [1, 2.5, -3, 0]
    assert frame.index.to_list() == [4, 5, 17, 18]
    assert frame.index.name == "id"
    assert frame.columns.to_list() == ["n"]
    assert frame["n"].dtype == np.float64


@pytest.mark.parametrize("name", ["predictions.csv", "predictions.parquet", "predictions"])
def test_the_name_of_a_file_does_not_matter(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(GOOD))

    assert read_predictions(path, COUNTS)["n"].to_list() == [1, 2.5, -3, 0]
    assert read_predictions(str(path), COUNTS)["n"].to_list() == [1, 2.5, -3, 0]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]])
@pytest.mark.parametrize("expected", [COUNTS, PETS, SPREAD, CODES], ids=lambda e: e.question)
def test_rows_in_any_order_are_aligned_by_id(expected: Expected, order: list[int]) -> None:
    values = {"n": [1, 2, 3, 4], "pet": ["cat", "dog", "dog", "cat"], "cat": [0.1, 0.2, 0.3, 0.4]}
    values["dog"] = [0.9, 0.8, 0.7, 0.6]
    frame = pd.DataFrame({"id": expected.ids} | {name: values[name] for name in expected.columns})
    straight = read_predictions(frame, expected)

    aligned = read_predictions(frame.iloc[order].to_csv(index=False).encode(), expected)

    pd.testing.assert_frame_equal(aligned, straight)


def test_labels_become_codes_in_the_order_of_the_classes() -> None:
    frame = read_predictions(b"id,pet\n18,cat\n17,dog\n5,dog\n4,cat\n", PETS)

    assert frame["pet"].to_list() == [0, 1, 1, 0]
    assert frame["pet"].dtype == np.int64


def test_rows_that_nearly_sum_to_one_are_divided_by_their_sum() -> None:
    frame = read_predictions(b"id,cat,dog\n4,0.5,0.5\n5,0.333,0.666\n17,1,0\n18,0.1,0.9\n", SPREAD)

    assert frame.loc[5].to_list() == pytest.approx([1 / 3, 2 / 3], abs=1e-15)
    assert frame.sum(axis=1).to_list() == pytest.approx([1, 1, 1, 1], abs=1e-15)


def test_ids_beyond_two_to_the_53_are_exact() -> None:
    ids = np.array([2**53, 2**53 + 1, 2**63 - 1, -(2**63)])
    expected = replace(COUNTS, ids=ids)
    frame = pd.DataFrame({"id": ids, "n": [1.0, 2.0, 3.0, 4.0]})

    for source in (
        frame,
        frame.iloc[::-1].to_csv(index=False).encode(),
        frame.astype(str),
        parquet(frame_table(frame)),
    ):
        assert read_predictions(source, expected)["n"].to_list() == [1, 2, 3, 4]


def frame_table(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def test_float_ids_that_may_have_been_another_id_are_refused() -> None:
    expected = replace(COUNTS, ids=np.array([2**53, 2**53 + 1]))
    frame = pd.DataFrame({"id": [2.0**53, 2.0**53 + 1], "n": [1.0, 2.0]})

    problems = problems_of(frame, expected)

    assert problems == [
        "2 ids missing: 9007199254740992, 9007199254740993",
        "2 ids are floats too large to be exact: 9007199254740992.0, 9007199254740992.0",
    ]


def test_text_ids_are_compared_as_they_are_written() -> None:
    frame = read_predictions("id,n\nx y,4\né,3\n7,2\n007,1\n".encode(), CODES)

    assert frame["n"].to_list() == [1, 2, 3, 4]
    assert frame.index.dtype == object


@pytest.mark.parametrize(
    ("classes", "cells", "codes"),
    [
        (("0", "1"), ["0", "1.0", "True", "false"], [0, 1, 1, 0]),
        (("1", "2"), ["2", "1.00", " 2", "01"], [1, 0, 1, 0]),
        (("False", "True"), ["true", "FALSE", "1", "0.0"], [1, 0, 1, 0]),
        (("0.5", "1.5"), ["0.50", "1.5", ".5", "15e-1"], [0, 1, 0, 1]),
        (("1", "01"), ["1", "01", "01", "1"], [0, 1, 1, 0]),
        (("a", "a b"), ["a", " a", "a b", "a b "], [0, 0, 1, 1]),
    ],
    ids=["zero and one", "integers", "booleans", "fractions", "padded text", "spaces"],
)
def test_one_class_may_be_spelled_in_several_ways(classes: Any, cells: list[str], codes: list[int]) -> None:
    text = "id,pet\n" + "".join(f"{i},{cell}\n" for i, cell in zip(PETS.ids, cells, strict=True))

    frame = read_predictions(text.encode(), replace(PETS, classes=classes))

    assert frame["pet"].to_list() == codes


@pytest.mark.parametrize(
    "values",
    [
        [0, 1, 1, 0],
        [0.0, 1.0, 1.0, 0.0],
        [False, True, True, False],
        ["0", "1", "1", "0"],
        ["0", 1, 1.0, False],
    ],
    ids=["integers", "floats", "booleans", "text", "mixed"],
)
@pytest.mark.parametrize("classes", [("0", "1"), ("False", "True")])
def test_labels_may_be_of_any_dtype(values: list[Any], classes: tuple[str, ...]) -> None:
    frame = pd.DataFrame({"id": PETS.ids, "pet": values})

    assert read_predictions(frame, replace(PETS, classes=classes))["pet"].to_list() == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (GOOD, COUNTS),
        (b"id,pet\n4,2\n5,1\n17,1\n18,2\n", replace(PETS, classes=("1", "2"))),
        (b"id,cat,dog\n4,0.5,0.501\n5,0.333,0.666\n17,1,0\n18,0.1,0.9\n", SPREAD),
        ("id,n\nx y,4\né,3\n7,2\n007,1\n".encode(), CODES),
    ],
    ids=["numbers", "labels", "distribution", "text ids"],
)
def test_what_is_written_as_parquet_reads_back_the_same(
    tmp_path: Path, source: bytes, expected: Expected
) -> None:
    frame = read_predictions(source, expected)

    write_parquet(frame, tmp_path / "sent")

    pd.testing.assert_frame_equal(read_predictions(tmp_path / "sent", expected), frame)
    assert pq.read_schema(tmp_path / "sent").names == ["id", *expected.columns]


def test_a_frame_as_the_participant_has_it_can_be_written_too() -> None:
    for frame in (GOOD_FRAME, GOOD_FRAME.set_index("id"), GOOD_FRAME.astype(object)):
        file = io.BytesIO()

        write_parquet(frame, file)

        assert read_predictions(file.getvalue(), COUNTS)["n"].to_list() == [1, 2.5, -3, 0]


NO_COLUMNS = "2 columns missing: 'id', 'n'"
SEND = "send CSV (UTF-8), gzip or zstd of it, or Parquet"
DAMAGED = "the Parquet file is damaged or truncated; write and send it again"
FLOATS = {"id": [4, 5, 17, 18], "n": [1.0, 2, 3, 4]}

BAD_FILES: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["the file is empty"]),
    "blank": (b" \r\n\n", ["the file is empty"]),
    "only a byte order mark": (b"\xef\xbb\xbf", ["the file is empty"]),
    "only a header": (b"id,n\n", ["there are no rows; 4 ids are expected"]),
    "binary": (b"id,n\n4,\x001\n", [f"the file is not text: byte 0x00 at position 7; {SEND}"]),
    "UTF-16": (GOOD.decode().encode("utf-16"), ["the file is UTF-16; save it as UTF-8"]),
    "UTF-16 without a mark": (GOOD.decode().encode("utf-16-be"), ["the file is UTF-16; save it as UTF-8"]),
    "Latin-1": (
        "id,n\n4,café\n".encode("latin-1"),
        ["the file is not UTF-8: byte 0xE9 at position 10 (line 2); save it as UTF-8"],
    ),
    "zip": (zipped("a.csv"), ["the file is a zip archive; send the CSV in it, plain or as gzip or zstd"]),
    "xlsx": (zipped("xl/workbook.xml"), ["the file is an Excel workbook (xlsx); save it as CSV UTF-8"]),
    "bzip2": (b"BZh91AY&SY", [f"the file is compressed by bzip2; {SEND}"]),
    "npy": (b"\x93NUMPY\x01\x00", [f"the file is a NumPy array, which has no ids; {SEND}"]),
    "semicolons": (
        GOOD.replace(b",", b";"),
        ["the columns are separated by semicolons; separate them by commas"],
    ),
    "tabs": (GOOD.replace(b",", b"\t"), ["the columns are separated by tabs; separate them by commas"]),
    "ragged": (
        b"id,n\n4,1\n5,2,3\n17\n18,0\n",
        ["2 lines do not have 2 fields as the header has: line 3 (3 fields), line 4 (1 field)"],
    ),
    "a quotation mark left open": (
        b'id,n\n4,1\n5,"2\n17,3\n18,0\n',
        ["2 ids missing: 17, 18", "1 value is not a finite number: id 5 ('2\\n17,3\\n18,0\\n')"],
    ),
    "truncated gzip": (gzip.compress(GOOD)[:-4], ["the gzip file is truncated; write and send it again"]),
    "damaged gzip": (
        gzip.compress(GOOD)[:-8] + bytes(8),
        ["the gzip file is damaged; write and send it again"],
    ),
    "truncated zstd": (
        zstandard.compress(GOOD)[:-4],
        ["the zstd file is truncated; write and send it again"],
    ),
    "gzip in gzip": (
        gzip.compress(gzip.compress(GOOD)),
        ["the gzip file holds a Parquet or compressed file; compress once, a CSV"],
    ),
    "truncated parquet": (parquet(FLOATS)[:-9], [DAMAGED]),
    "nothing but parquet's magic": (b"PAR1", [DAMAGED]),
    "parquet without rows": (
        parquet({"id": pa.array([], pa.int64()), "n": pa.array([], pa.float64())}),
        ["there are no rows; 4 ids are expected"],
    ),
    "nested parquet": (
        parquet({"id": [4, 5, 17, 18], "n": [[1.0]] * 4}),
        ["1 column holds no plain values: 'n' (list<element: double>); write one number or label a cell"],
    ),
    "a parquet column twice": (
        parquet(pa.table([[4], [5], [1.0]], names=["id", "id", "n"])),
        ["1 column repeated: 'id'"],
    ),
    "wrong names": (
        b"ID,target\n4,1\n",
        [NO_COLUMNS, "2 columns not expected: 'ID' (did you mean 'id'?), 'target'"],
    ),
    "an extra column": (
        b"id,n,model\n4,1,a\n5,2,a\n17,3,a\n18,4,b\n",
        ["1 column not expected: 'model'"],
    ),
    "a repeated column": (b"id,n,n\n4,1,1\n5,2,2\n17,3,3\n18,4,4\n", ["1 column repeated: 'n'"]),
    "the index of pandas": (
        GOOD_FRAME.to_csv().encode(),
        ["the first column has no name, as pandas writes an index: pass index=False to to_csv"],
    ),
    "ids in an unnamed index": (
        GOOD_FRAME.set_index("id").rename_axis(None).to_csv().encode(),
        [
            "1 column missing: 'id'",
            "the first column has no name, as pandas writes an index: "
            "name the index that holds the ids, index_label='id' in to_csv",
        ],
    ),
    "too many rows": (
        b"id,n\n" + b"4,1\n" * 1041,
        ["too many rows: 1041; 4 are expected"],
    ),
    "too many columns": (
        b",".join(b"%d" % i for i in range(200)) + b"\n",
        ["too many columns: 200; expected 'id', 'n'"],
    ),
    "everything at once": (
        b"id,n\n5,1\n5,2\n4,n/a\n99,3\nx,4\n,5\n",
        [
            "2 ids missing: 17, 18",
            "2 ids unknown: 99, 'x'",
            "1 id repeated: 5",
            "1 row has no id: row 6",
            "1 value is not a finite number: id 4 ('n/a')",
        ],
    ),
    "not finite": (
        b"id,n\n4,\n5,NaN\n17,-inf\n18,1e999\n",
        ["4 values are not finite numbers: id 4 (empty), id 5 (NaN), id 17 (-inf), id 18 ('1e999')"],
    ),
    "odd numbers": (
        "id,n\n4,0x10\n5,1_000\n17,１\n18,True\n".encode(),
        ["4 values are not finite numbers: id 4 ('0x10'), id 5 ('1_000'), id 17 ('１'), id 18 ('True')"],
    ),
    "a long value": (
        b"id,n\n4," + b"a" * 99 + b"\n5,1\n17,1\n18,1\n",
        [f"1 value is not a finite number: id 4 ('{'a' * 39}…')"],
    ),
    "hexadecimal ids": (
        b"id,n\n0x4,1\n5,1\n17,1\n18,1\n",
        ["1 id missing: 4", "1 id unknown: '0x4'"],
    ),
    "ids beyond 64 bits": (
        b"id,n\n4,1\n5,1\n17,1\n18,1\n" + b"9" * 30 + b",1\n",
        [f"1 id unknown: '{'9' * 30}'"],
    ),
}


@pytest.mark.parametrize(("source", "problems"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_with(source: bytes, problems: list[str]) -> None:
    assert problems_of(source, COUNTS) == problems


@pytest.mark.parametrize(
    ("rows", "expected", "problems"),
    [
        pytest.param(
            "id,n\n4,1.2\n5,-0.1\n17,0\n18,1\n",
            CHANCE,
            ["2 values outside [0, 1]: id 4 (1.2), id 5 (-0.1)"],
            id="no probabilities",
        ),
        pytest.param(
            "id,n\n4,1.2\n5,-0.1\n17,0\n18,1\n",
            replace(COUNTS, domain=Domain.NON_NEGATIVE),
            ["1 value below 0: id 5 (-0.1)"],
            id="negative",
        ),
        pytest.param(
            "id,cat,dog\n4,0.5,0.6\n5,0.5,1.5\n17,x,1\n18,0.2,0.805\n",
            SPREAD,
            [
                "1 value is not a finite number in column 'cat': id 17 ('x')",
                "1 value outside [0, 1] in column 'dog': id 5 (1.5)",
                "1 row does not sum to 1: id 4 (1.1)",
            ],
            id="no distribution",
        ),
        pytest.param(
            "id,cat,cow\n4,0.5,0.5\n5,0.5,x\n17,2,1\n18,0.2,0.8\n",
            SPREAD,
            [
                "1 column missing: 'dog'",
                "1 column not expected: 'cow'",
                "1 value outside [0, 1] in column 'cat': id 17 (2.0)",
            ],
            id="a class without a column",
        ),
        pytest.param(
            "id,pet\n4,cow\n5,\n17,Dog\n18,cat\n",
            PETS,
            [
                "3 values are no known class: id 4 ('cow'), id 5 (empty), id 17 ('Dog'); "
                "the classes are 'cat', 'dog'"
            ],
            id="unknown classes",
        ),
        pytest.param(
            "id,pet\n4,cow\n5,a\n17,a\n18,a\n",
            replace(PETS, classes=tuple("abcdefghijkl")),
            [
                "1 value is no known class: id 4 ('cow'); the classes are "
                "'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', …"
            ],
            id="many classes",
        ),
        pytest.param(
            "id,n\n007,1\n7,2\né,3\n07,4\n",
            CODES,
            ["1 id missing: 'x y'", "1 id unknown: '07'"],
            id="text ids are not numbers",
        ),
    ],
)
@pytest.mark.parametrize("form", ["csv", "frame", "parquet"])
def test_values_that_do_not_fit_are_named(
    form: str, rows: str, expected: Expected, problems: list[str]
) -> None:
    source: Any = rows.encode()
    if form != "csv":
        source = pd.read_csv(io.StringIO(rows), dtype=str, keep_default_na=False)
    if form == "parquet":
        source = parquet(frame_table(source))

    assert problems_of(source, expected) == problems


def test_more_than_five_offenders_end_in_an_ellipsis() -> None:
    expected = replace(COUNTS, ids=np.arange(1, 8))

    problems = problems_of(b"id,n\n8,x\n", expected)

    assert problems == [
        "7 ids missing: 1, 2, 3, 4, 5, …",
        "1 id unknown: 8",
        "1 value is not a finite number: id 8 ('x')",
    ]


def test_the_message_is_the_one_of_the_style_guide() -> None:
    text = b"id,n\n4,n/a\n5,1\n5,2\n"

    with pytest.raises(InvalidPredictions) as caught:
        read_predictions(text, COUNTS)

    assert str(caught.value) == (
        "The predictions do not fit question 'counts'.\n"
        "  - 2 ids missing: 17, 18\n"
        "  - 1 id repeated: 5\n"
        "  - 1 value is not a finite number: id 4 ('n/a')"
    )


NO_IDS = (
    "has no ids: pass a DataFrame with the columns 'id', 'n', a Series whose index is 'id', "
    "or the path of a file"
)


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        pytest.param(np.zeros(4), [f"ndarray {NO_IDS}"], id="1-D array"),
        pytest.param(np.zeros((4, 2)), [f"ndarray {NO_IDS}"], id="2-D array"),
        pytest.param([1, 2, 3, 4], [f"list {NO_IDS}"], id="list"),
        pytest.param(None, [f"NoneType {NO_IDS}"], id="nothing"),
        pytest.param(
            pd.Series([1.0, 2, 3, 4]),
            ["the Series has no ids, only a default index; pass pd.Series(values, index=test['id'])"],
            id="series without ids",
        ),
        pytest.param(
            pd.DataFrame({"n": [1.0, 2, 3, 4]}),
            ["1 column missing: 'id'", "no ids: give a column 'id', or make the ids the index"],
            id="frame without ids",
        ),
        pytest.param(
            pd.DataFrame({"id": [4, 5, 17, 18], "n": [None, np.inf, pd.NaT, [1]]}),
            ["4 values are not finite numbers: id 4 (empty), id 5 (inf), id 17 (empty), id 18 ('<list>')"],
            id="mixed objects",
        ),
        pytest.param(
            pd.DataFrame({"id": [4, None, 17, 18.5], "n": [True, False, True, False]}),
            [
                "2 ids missing: 5, 18",
                "1 id unknown: 18.5",
                "1 row has no id: row 2",
                "4 values are not finite numbers: id 4 (True), row 2 (False), id 17 (True), id 18.5 (False)",
            ],
            id="booleans and a missing id",
        ),
        pytest.param("no/such/file.csv", ["there is no file 'file.csv'"], id="no file"),
        pytest.param(Path("/"), ["there is no file ''"], id="a directory"),
        pytest.param("\0", ["there is no file '\\x00'"], id="no path"),
    ],
)
def test_a_source_without_ids_or_numbers_is_refused(source: Any, problems: list[str]) -> None:
    assert problems_of(source, COUNTS) == problems


def test_a_default_index_counts_as_ids_only_where_it_equals_them_in_order() -> None:
    in_order = replace(COUNTS, ids=np.arange(4))
    shuffled = replace(COUNTS, ids=np.array([2, 0, 1, 3]))
    series = pd.Series([1.0, 2, 3, 4])

    assert read_predictions(series, in_order)["n"].to_list() == [1, 2, 3, 4]
    assert "only a default index" in problems_of(series, shuffled)[0]


def test_a_series_is_refused_where_several_columns_are_expected() -> None:
    assert problems_of(pd.Series([1.0], index=[4]), SPREAD) == [
        "a Series is one column; pass a DataFrame with the columns 'cat', 'dog'"
    ]


SMALL = replace(COUNTS, max_bytes=100_000)
ZEROS = b"id,n\n" + b"0" * 10_000_000


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        pytest.param(ZEROS, "the file has 10 MB; the limit is 100 kB", id="plain"),
        pytest.param(
            gzip.compress(ZEROS), "the gzip file decompresses to more than the limit of 100 kB", id="gzip"
        ),
        pytest.param(
            zstandard.compress(ZEROS),
            "the zstd file decompresses to more than the limit of 100 kB",
            id="zstd",
        ),
        pytest.param(
            parquet({"id": [4, 5], "n": ["0" * 10_000_000, "1"]}, use_dictionary=False, compression="zstd"),
            "the Parquet file decompresses to more than the limit of 100 kB",
            id="parquet",
        ),
        pytest.param(
            parquet({"id": [4] * 1000, "n": ["0" * 10_000] * 1000}),
            "the file decompresses to more than the limit of 100 kB",
            id="dictionary",
        ),
        pytest.param(
            parquet(
                {"id": [4] * 1000, "n": [f"{'0' * 10_000}{i}" for i in range(1000)]},
                use_dictionary=False,
                column_encoding={"n": "DELTA_BYTE_ARRAY", "id": "PLAIN"},
            ),
            "the Parquet file uses the encoding DELTA_BYTE_ARRAY; write it without",
            id="front coding",
        ),
        pytest.param(
            parquet({"id": [4] * 1000, "n": [1.0] * 1000, "n.x": ["0" * 10_000] * 1000}),
            "1 column holds no plain values: 'n' (double); write one number or label a cell",
            id="a column that comes along",
        ),
        pytest.param(
            parquet({"id": np.zeros(1_000_000, np.int64), "n": np.zeros(1_000_000)}),
            "too many rows: 1000000; 4 are expected",
            id="rows",
        ),
    ],
)
def test_a_bomb_is_refused_in_little_memory(source: bytes, problem: str) -> None:
    with memory() as peaks:
        problems = problems_of(source, SMALL)

    assert problems[-1] == problem
    assert max(peaks) < 5_000_000


POOLS: list[pa.MemoryPool] = []


@contextlib.contextmanager
def memory() -> Iterator[list[int]]:
    """Peaks of what Python and pyarrow allocate, in bytes."""
    peaks: list[int] = []
    before = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(before)
    # A pool must outlive its buffers, which garbage collection may free later.
    POOLS.append(pool)
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        yield peaks
    finally:
        peaks += [tracemalloc.get_traced_memory()[1], pool.max_memory() or 0]
        tracemalloc.stop()
        pa.set_memory_pool(before)


def test_a_parquet_footer_that_lies_about_sizes_is_not_believed() -> None:
    data = parquet({"id": [4], "n": ["0" * 10_000_000]}, use_dictionary=False, compression="zstd")
    size = pq.read_metadata(io.BytesIO(data)).row_group(0).column(1).total_uncompressed_size
    lie = data.replace(varint(size), varint(10, n_bytes=len(varint(size))))

    with memory() as peaks:
        problems = problems_of(lie, SMALL)

    assert pq.read_metadata(io.BytesIO(lie)).row_group(0).column(1).total_uncompressed_size == 10
    assert problems == ["the Parquet file decompresses to more than the limit of 100 kB"]
    assert max(peaks) < 5_000_000


def varint(value: int, n_bytes: int = 0) -> bytes:
    """As Thrift's compact protocol writes an integer, padded with zeros."""
    value, digits = 2 * value, []
    while value or len(digits) < max(n_bytes, 1):
        digits.append(value & 127 | 128)
        value >>= 7
    return bytes([*digits[:-1], digits[-1] & 127])


def test_a_parquet_file_with_any_one_byte_changed_is_refused_or_read() -> None:
    data = FORMATS["parquet"]

    for place in range(len(data)):
        outcome(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])


@pytest.mark.parametrize("offset", range(4))
def test_text_is_checked_beyond_the_first_megabyte(offset: int) -> None:
    ids = np.array(["é" * 100 + f"🦉{i}" for i in range(6000)], dtype=object)
    expected = replace(COUNTS, ids=ids, id_column="i" * (offset + 1))
    text = f"{expected.id_column},n\n" + "".join(f"{i},1\n" for i in ids)

    assert read_predictions(text.encode(), expected)["n"].sum() == 6000
    problems = problems_of(text.encode() + b"\xe9", expected)

    assert f"byte 0xE9 at position {len(text.encode())} (line 6002)" in problems[0]


def outcome(source: Any, expected: Expected = COUNTS) -> pd.DataFrame | tuple[()]:
    """A valid frame, or nothing where the source is refused; any other error is a failure."""
    try:
        frame = read_predictions(source, expected)
    except InvalidPredictions as error:
        assert error.problems
        str(error).encode("utf-8")
        return ()
    values = frame.to_numpy()
    assert values.shape == (len(expected.ids), len(expected.columns))
    assert np.isfinite(values).all()
    assert (frame.index.to_numpy() == expected.ids).all()
    if expected.domain is Domain.LABEL:
        assert values.dtype == np.int64
        assert ((values >= 0) & (values < len(expected.classes))).all()
    if expected.domain in (Domain.PROBABILITY, Domain.DISTRIBUTION):
        assert ((values >= 0) & (values <= 1)).all()
    return frame


QUESTIONS = st.sampled_from([COUNTS, CHANCE, PETS, SPREAD, CODES])
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
SEEDS = [source for source in FORMATS.values() if isinstance(source, bytes)]
CELLS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(["4", "5", "17", "18", "0.5", "cat", "dog", "nan", "1e400", '"', "", "\ufeff", "9" * 25]),
    st.integers().map(str),
    st.floats().map(str),
)
OBJECTS = st.one_of(
    st.none(),
    st.integers(),
    st.sampled_from([4, 5, 17, 18, 10**5000, -(2**63), 2**64 - 1]),
    st.floats(),
    st.booleans(),
    st.text(st.characters(exclude_categories=()), max_size=4),
    st.binary(max_size=4),
    st.complex_numbers(),
    st.decimals(),
    st.datetimes(),
    st.timedeltas(),
    st.lists(st.integers(), max_size=2),
    st.sampled_from([pd.NaT, pd.NA, np.float32(1), np.datetime64("NaT"), object, {}, pd.DataFrame()]),
)
DTYPES = st.sampled_from(
    [
        None,
        object,
        "category",
        "string",
        "float32",
        "float16",
        "complex128",
        "datetime64[ns]",
        ">i4",
        "Int64",
        "bool",
    ]
)


@FUZZ
@given(
    st.binary(max_size=60),
    st.sampled_from([b"", b"id,n\n", b"PAR1", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]),
    QUESTIONS,
)
def test_random_bytes_are_refused_or_read(data: bytes, start: bytes, expected: Expected) -> None:
    outcome(start + data, expected)


@FUZZ
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), max_size=4))
def test_mutated_files_are_refused_or_read(seed: bytes, changes: list[tuple[float, bytes]]) -> None:
    data = seed
    for where, piece in changes:
        place = int(where * len(data))
        data = data[:place] + piece + data[place + max(len(piece), 1) :]

    outcome(data)


def test_a_very_long_value_is_read_as_any_other() -> None:
    file = b"id,n\n" + b"".join(b"%d,1.%s\n" % (i, b"0" * 500_000) for i in (4, 5, 17, 18))

    assert read_predictions(file, COUNTS)["n"].to_list() == [1.0] * 4


@FUZZ
@given(st.lists(st.lists(CELLS, min_size=1, max_size=3), min_size=1, max_size=6), QUESTIONS)
def test_odd_csv_is_refused_or_read(rows: list[list[str]], expected: Expected) -> None:
    lines = [",".join((*expected.columns, "id")), *(",".join(row) for row in rows)]

    outcome("\n".join(lines).encode(), expected)


@FUZZ
@given(
    st.lists(st.tuples(OBJECTS, OBJECTS), min_size=1, max_size=5),
    DTYPES.filter(lambda dtype: dtype != "float16"),
    DTYPES,
    QUESTIONS,
)
def test_odd_frames_are_refused_or_read(
    rows: list[tuple[Any, Any]], id_dtype: Any, dtype: Any, expected: Expected
) -> None:
    ids, values = (pd.Series(list(column), dtype=object) for column in zip(*rows, strict=True))
    frame = pd.DataFrame(
        {"id": cast(ids, id_dtype)} | {name: cast(values, dtype) for name in expected.columns}
    )

    outcome(frame, expected)
    outcome(frame.set_index("id"), expected)
    outcome(frame.set_index("id")[expected.columns[0]], expected)


def cast(series: pd.Series, dtype: Any) -> pd.Series:
    try:
        return series if dtype is None else series.astype(dtype)
    except Exception:
        return series


ARROW_TYPES = [
    pa.null(),
    pa.date32(),
    pa.timestamp("ns", "Mars/Olympus"),
    pa.time64("us"),
    pa.duration("s"),
    pa.decimal128(10, 2),
    pa.decimal256(50, 2),
    pa.uint64(),
    pa.float16(),
    pa.binary(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int8(), pa.string()),
    pa.dictionary(pa.int8(), pa.float64()),
    pa.list_(pa.int8()),
    pa.struct({"a": pa.int8()}),
    pa.map_(pa.string(), pa.int8()),
]


@pytest.mark.parametrize("kind", ARROW_TYPES, ids=str)
@pytest.mark.parametrize("column", ["id", "n"])
def test_any_arrow_type_is_refused_or_read(kind: pa.DataType, column: str) -> None:
    cells = pa.array([None, None, None, None], kind)
    if not pa.types.is_nested(kind) and not pa.types.is_null(kind):
        cells = pa.array([4, 5, 17, 18], pa.int64() if not pa.types.is_date32(kind) else pa.int32())
        try:
            cells = cells.cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
        except (pa.ArrowException, ValueError):
            cells = pa.array([None] * 4, kind)
    table = pa.table({"id": [4, 5, 17, 18], "n": [1, 2, 3, 4]} | {column: cells})

    outcome(table.to_pandas(types_mapper=pd.ArrowDtype))
    if kind != pa.timestamp("ns", "Mars/Olympus"):
        outcome(table.to_pandas())
    outcome(parquet(table) if not pa.types.is_string_view(kind) else GOOD)


def test_importing_the_module_brings_no_data_frames() -> None:
    code = "import sys, kit.predictions; print(*sorted({'pandas', 'polars', 'pyarrow'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
