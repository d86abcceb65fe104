"""Ids are found by an index, and plain CSV by a compiled pass, exactly as by the slow way."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import four
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kit import evaluate
from kit.competition import question_version
from kit.errors import InvalidPredictions
from kit.metrics import Array, Domain
from kit.predictions import Expected, _quick, compile_reader, read_predictions

LOWEST, HIGHEST = -(2**63), 2**63 - 1
NEAR = st.integers(-20, 20)
HUGE = st.sampled_from([LOWEST, LOWEST + 1, -(2**62), -(10**18), 10**18 - 1, 2**53 + 1, HIGHEST - 1, HIGHEST])
INTEGERS = st.one_of(NEAR, st.integers(0, 10**6), HUGE, st.integers(LOWEST, HIGHEST))
TEXTS = st.one_of(st.text("ab é7", max_size=4), st.integers(0, 30).map("row-{}".format))


def index_of(ids: list[Any]) -> Any:
    kind: Any = np.int64 if isinstance(ids[0], int) else object
    return Expected("q", "id", np.array(ids, dtype=kind), ("n",), Domain.REAL).index


def slow_places(given: list[Any], ids: list[Any]) -> list[int]:
    place_of = {value: place for place, value in enumerate(ids)}
    return [place_of.get(value, -1) for value in given]


@settings(deadline=None)
@given(st.one_of(*(st.lists(kind, min_size=1, unique=True) for kind in (NEAR, HUGE, INTEGERS))), st.data())
def test_integers_are_found_where_they_stand(ids: list[int], data: Any) -> None:
    given_ids = data.draw(st.lists(st.one_of(st.none(), st.sampled_from(ids), INTEGERS)))

    places = index_of(ids).places(pa.array(given_ids, pa.int64()))

    assert places.tolist() == slow_places(given_ids, ids)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, unique=True), st.data())
def test_texts_are_found_where_they_stand(ids: list[str], data: Any) -> None:
    given_ids = data.draw(st.lists(st.one_of(st.none(), st.sampled_from(ids), TEXTS)))

    places = index_of(ids).places(pa.array(given_ids, pa.large_string()))

    assert places.tolist() == slow_places(given_ids, ids)


def test_texts_of_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from kit.predictions import _index

    monkeypatch.setattr(_index, "_hashes", lambda texts: np.zeros(len(texts), dtype=np.uint64))

    assert index_of(["a", "b"]).places(pa.array(["b", "c", "a"], pa.large_string())).tolist() == [1, -1, 0]
    assert index_of(["a"]).places(pa.array(["b", "a"], pa.large_string())).tolist() == [-1, 0]


@pytest.mark.parametrize("step", [1, 3, 1_000_003, 2**20, 2**32, 2**40, 0x9E3779B97F4A7C15 >> 20])
def test_many_evenly_spaced_ids_are_found(step: int) -> None:
    ids = np.random.default_rng(0).permutation(200_000) * np.int64(step) - 7
    index = Expected("q", "id", ids, ("n",), Domain.REAL).index

    places = index.places_of_integers(np.concatenate([ids[::-1], ids + 1]))

    assert np.array_equal(places[:200_000], np.arange(200_000)[::-1])
    assert np.array_equal(places[200_000:], slow_places((ids + 1).tolist(), ids.tolist()))


def test_the_index_is_made_once_and_goes_with_its_question() -> None:
    expected = Expected("q", "id", np.array([1, 2]), ("n",), Domain.REAL)
    read_predictions(b"id,n\n2,1\n1,1\n", expected)

    assert expected.index is expected.index
    assert read_predictions(b"id,n\n2,1\n1,1\n", expected).index is not expected.index.labels


@pytest.mark.parametrize("kind", ["integers", "texts"])
def test_a_file_in_the_order_of_one_before_is_read_alike_and_others_are_not_mistaken(kind: str) -> None:
    numbers = [40_000_000, 7, 90_000_000_000]
    ids = np.array(numbers) if kind == "integers" else np.array(["d", "a", "i"], dtype=object)
    expected = Expected("q", "id", ids, ("n",), Domain.REAL)
    orders = ([2, 0, 1], [1, 2, 0], [2, 1, 0])
    files = [pd.DataFrame({"id": ids[order], "n": [1.0, 2.0, 3.0]}) for order in orders]
    broken = files[0].assign(id=ids[[2, 0, 0]])
    wanted = [[2.0, 3.0, 1.0], [3.0, 1.0, 2.0], [3.0, 2.0, 1.0]]
    sequence = (0, 0, 1, 0, 1, 2, 1, 2, 0)

    read = [read_predictions(files[i], expected)["n"].tolist() for i in sequence]

    assert read == [wanted[i] for i in sequence]
    with pytest.raises(InvalidPredictions, match="1 id missing"):
        read_predictions(broken, expected)
    assert read_predictions(files[0], expected)["n"].tolist() == wanted[0]


def test_the_last_two_orders_are_known_again() -> None:
    index = index_of([3, 1, 2])
    first, second, third = (pa.array(ids, pa.int64()) for ids in ([1, 2, 3], [2, 1, 3], [2, 3, 1]))
    for given_ids in (first, second):
        index.keep_order(given_ids, index.places(given_ids))

    assert index.known_order(pa.array([1, 2, 3], pa.int64())).tolist() == [1, 2, 0]
    assert index.known_order(second).tolist() == [2, 1, 0]
    index.known_order(first)
    index.keep_order(third, index.places(third))
    assert index.known_order(second) is None
    assert index.known_order(first) is not None
    assert index.known_order(third) is not None


# ---- the compiled reader


@pytest.fixture(scope="module")
def parse() -> Iterator[list[Any]]:
    pytest.importorskip("numba")
    assert compile_reader()
    kept = _quick._compiled[:]
    yield kept
    _quick._compiled.clear()


def outcome(data: bytes, expected: Expected) -> tuple[Any, ...]:
    try:
        frame = read_predictions(data, expected)
    except InvalidPredictions as error:
        return tuple(error.problems)
    return frame.index.to_list(), frame.to_numpy().tobytes(), frame.to_numpy().dtype, frame.attrs


def both(data: bytes, expected: Expected, parse: list[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    _quick._compiled[:] = parse
    quick = outcome(data, expected)
    _quick._compiled.clear()
    return quick, outcome(data, expected)


def plain(data: bytes, expected: Expected, parse: list[Any]) -> Array | None:
    _quick._compiled[:] = parse
    return _quick.read_plain(data, expected)


def one(cells: list[str]) -> tuple[bytes, Expected]:
    expected = Expected("q", "id", np.arange(len(cells)), ("n",), Domain.REAL)
    return "".join(["id,n\n", *(f"{i},{cell}\n" for i, cell in enumerate(cells))]).encode(), expected


def test_doubles_are_those_of_python_to_the_last_bit(parse: list[Any]) -> None:
    rng = random.Random(0)
    values = [struct.unpack("<d", rng.randbytes(8))[0] for _ in range(20_000)]
    cells = [repr(v) for v in values if np.isfinite(v) and 1e-280 < abs(v) < 1e290]
    cells += [f"{rng.random():.{rng.randrange(1, 19)}f}" for _ in range(20_000)]
    cells += [f"{rng.randrange(10**19)}e{rng.randrange(-290, 270)}" for _ in range(20_000)]
    # Halfway between two floats, and the least step to either side.
    halves = [(2**53 + 2 * rng.randrange(2**52) + 1) * 2 ** rng.randrange(1, 8) for _ in range(5_000)]
    cells += [str(half + step) for half in halves for step in (-1, 0, 1)]
    data, expected = one(cells)

    read = plain(data, expected, parse)

    assert read is not None
    wanted = np.array([float(cell) for cell in cells])
    assert np.array_equal(read[0].view(np.uint64), wanted.view(np.uint64))


UNUSUAL = {
    "nan": "nan",
    "infinity": "inf",
    "blank": "",
    "too large": "1e999",
    "too small": "1e-320",
    "twenty digits": "12345678901234567890",
    "a sign alone": "-",
    "two signs": "--1",
    "plus": "+1",
    "two points": "1.2.3",
    "no digit before the point": ".5",
    "no digit in the exponent": "1e",
    "two signs in the exponent": "1e+-5",
    "a huge exponent": "1e99999999999999999999",
    "space": " 1",
    "quotes": '"1"',
    "hexadecimal": "0x10",
    "a third field": "1,2",
    "return in the line": "1\r2",
    "word": "one",
    "not UTF-8": "\udcff",
}


@pytest.mark.parametrize("cell", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_cell_is_left_to_the_general_reader(cell: str, parse: list[Any]) -> None:
    data = f"id,n\n0,1\n1,{cell}\n2,1\n".encode(errors="surrogateescape")
    expected = one(["1", "1", "1"])[1]

    quick, general = both(data, expected, parse)

    assert plain(data, expected, parse) is None
    assert quick == general


IDS = st.sampled_from(["1", "2", "3", "-5", "01", "4", "+1", "1.0", "", "9999999999999999999", "-"])
CELLS = st.sampled_from(["0", "1", "0.5", "-0", "0.25", "1e-3", "5E+2", "2", "cat", "dog", "nan", "", " 1"])
COUNTS = Expected("counts", "id", np.array([1, 2, 3, -5]), ("n",), Domain.REAL)
WIDE = Expected("wide", "id", np.array([1, 2, -5, 10**17, 3]), ("n",), Domain.NON_NEGATIVE)
PETS = Expected("pets", "id", np.array([1, 2]), ("n",), Domain.LABEL, ("cat", "dog", "1"))
SPREAD = Expected("spread", "id", np.array([1, 2]), ("n", "m"), Domain.DISTRIBUTION, ("n", "m"))
CODES = Expected("codes", "id", np.array(["1", "01"], dtype=object), ("n",), Domain.PROBABILITY)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(IDS, CELLS, CELLS), max_size=6),
    st.sampled_from(["id,n", "n,id", "id,n,m", "id,m,n", '"id","n"', "id,n,n"]),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.sampled_from([COUNTS, WIDE, PETS, SPREAD, CODES]),
)
@example([("2", "0.5", "0.25"), ("1", "0.1", "0.9")], "id,m,n", "\n", SPREAD)
@example([("2", "0.5", "0.5049"), ("1", "0.1", "0.9")], "id,m,n", "\n", SPREAD)
@example([("2", "dog", ""), ("1", "1", "")], "id,n", "\r\n", PETS)
@example([("1", "1", ""), ("1", "1", ""), ("2", "1", ""), ("3", "0", "")], "id,n", "\n", COUNTS)
def test_every_file_is_read_or_refused_as_by_the_general_reader(
    parse: list[Any], rows: list[tuple[str, ...]], header: str, end: str, expected: Expected
) -> None:
    n_fields = header.count(",") + 1
    data = end.join([header, *(",".join(row[:n_fields]) for row in rows), ""]).encode()

    quick, general = both(data, expected, parse)

    assert quick == general


@pytest.mark.parametrize("step", [1, 10**9], ids=["dense", "sparse"])
@pytest.mark.parametrize("change", ["none", "repeat", "unknown", "missing"])
def test_a_file_of_many_pieces_is_read_or_refused_alike(step: int, change: str, parse: list[Any]) -> None:
    rng = np.random.default_rng(0)
    ids = rng.permutation(150_000) * step - 5
    frame = pd.DataFrame({"id": ids, "n": rng.random(len(ids))}).sample(frac=1, random_state=0)
    row = frame.index[70_000]
    if change in ("repeat", "unknown"):
        frame.loc[row, "id"] = frame["id"].iloc[3] if change == "repeat" else ids.max() + 1
    data = (frame.drop(row) if change == "missing" else frame).to_csv(index=False).encode()
    expected = Expected("q", "id", ids, ("n",), Domain.PROBABILITY)
    assert len(data) > 3 * _quick.PIECE_BYTES

    quick, general = both(data, expected, parse)

    assert quick == general
    assert (plain(data, expected, parse) is None) == (change != "none")


def test_a_line_as_long_as_a_piece_is_left_to_the_general_reader(parse: list[Any]) -> None:
    data = b"id,n\n0," + b"1" * (2 * _quick.PIECE_BYTES) + b"\n"

    assert plain(data, one(["1"])[1], parse) is None


def test_a_path_is_read_by_the_quick_reader_too(tmp_path: Path, parse: list[Any]) -> None:
    data, expected = one(["0.1", "0.2"])
    path = tmp_path / "predictions.csv"
    path.write_bytes(data)
    _quick._compiled[:] = parse

    assert read_predictions(path, expected)["n"].to_list() == [0.1, 0.2]


def test_a_worker_keeps_truth_and_index_until_the_version_changes(tmp_path: Path) -> None:
    competition = four.competition(tmp_path)
    version = question_version(competition, competition.question[0])
    index = evaluate._warm(tmp_path, "counts", version)[1].expected.index
    kept = evaluate._warm(tmp_path, "counts", version)[1].expected.index

    (tmp_path / "private/truth.csv").write_text(four.TRUTH.replace("4,40", "5,40"))
    changed = question_version(competition, competition.question[0])
    new = evaluate._warm(tmp_path, "counts", changed)[1].expected.index

    assert kept is index
    assert index.labels.to_list() == [1, 2, 3, 4]
    assert new.labels.to_list() == [1, 2, 3, 5]
    assert [kept[0] for place, kept in evaluate._WARM.items() if place[0] == tmp_path] == [changed]
