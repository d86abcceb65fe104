from __future__ import annotations

import itertools
import sysconfig
from pathlib import Path

import numpy as np
import pandas as pd
import programs
import pytest

from kit.probing import sketch
from kit.similarity import (
    CodeSimilarity,
    Lines,
    compare_programs,
    compare_sketches,
    correlate_errors,
    read_program,
)


def compared(first: str, second: str, *, known: str = programs.STARTING_KIT) -> CodeSimilarity:
    return compare_programs(read_program(first, known=[known]), read_program(second, known=[known]))


def test_renamed_moved_and_reformatted_code_is_seen() -> None:
    found = compared(programs.EVE, programs.ADA)

    assert found.is_telling
    assert found.first_in_second > 0.8
    assert found.second_in_first > 0.8


def test_evidence_names_the_lines_that_match() -> None:
    eve, ada = programs.EVE.splitlines(), programs.ADA.splitlines()

    found = compared(programs.EVE, programs.ADA)

    pairs = [(m.first, m.second) for m in found.matches]
    transform = next(p for p in pairs if p[0].start <= eve.index("        return result") + 1 <= p[0].end)
    assert "        return out" in ada[transform[1].start - 1 : transform[1].end]
    assert [m.n_tokens for m in found.matches] == sorted((m.n_tokens for m in found.matches), reverse=True)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(programs.INDEPENDENT, 2)))
def test_scripts_of_different_people_are_not_telling(one: str, other: str) -> None:
    found = compared(programs.INDEPENDENT[one], programs.INDEPENDENT[other])

    assert not found.is_telling
    assert found.n_tokens < 30


def test_without_telling_what_was_given_the_starting_kit_would_be_telling() -> None:
    assert compared(programs.TIM, programs.TOM, known="").is_telling
    assert not compared(programs.TIM, programs.TOM).is_telling


def test_modules_of_the_standard_library_are_hardly_ever_telling() -> None:
    folder = Path(sysconfig.get_paths()["stdlib"])
    names = "argparse calendar configparser csv enum fractions heapq queue random shelve statistics textwrap"
    read = [read_program((folder / f"{name}.py").read_text()) for name in names.split()]

    found = [compare_programs(a, b) for a, b in itertools.combinations(read, 2)]

    assert sum(each.is_telling for each in found) == 0


@pytest.mark.parametrize(
    "broken",
    [
        programs.ADA + "\ndef unfinished(:\n",
        programs.ADA.replace("        return self\n", "      return self\n"),
        programs.ADA + '\n"""never closed\n',
        "\x00$?\n" + programs.ADA,
    ],
    ids=["syntax", "indentation", "string", "no Python"],
)
def test_a_syntax_error_hides_no_copy(broken: str) -> None:
    found = compared(broken, programs.ADA)

    assert found.is_telling
    assert found.second_in_first > 0.8


def test_a_copy_spread_over_modules_is_seen_with_its_file() -> None:
    features, _, rest = programs.ADA.partition("def get_estimator")
    imports, _, features = features.partition("class Features")
    files = {
        "submission.py": "from features import Features\nfrom sklearn.pipeline import Pipeline\n"
        f"from sklearn.ensemble import RandomForestClassifier\n\ndef get_estimator{rest}",
        "features.py": f"{imports}\n\nclass Features{features}",
    }

    found = compare_programs(read_program(files), read_program(programs.ADA))

    assert found.first_in_second > 0.85
    assert {match.first.file for match in found.matches} == {"submission.py", "features.py"}


def test_lists_and_tables_of_constants_are_no_ones_code() -> None:
    grid = "GRID = {" + ", ".join(f"'p{i}': [{i}, -1, (None, 2.5)]" for i in range(60)) + "}\n"

    found = compared(grid, grid.replace("GRID", "space"))

    assert found.n_tokens == 0


@pytest.mark.parametrize("text", ["", "\n", "import numpy as np\n", "pass\n"])
def test_nothing_is_like_nothing(text: str) -> None:
    found = compared(text, programs.ADA)

    assert (found.first_in_second, found.n_tokens, found.matches) == (0.0, 0, ())


def test_a_program_is_wholly_in_itself() -> None:
    found = compared(programs.MAY, programs.MAY)

    assert found.first_in_second == found.second_in_first == 1.0
    assert found.matches[0].first == Lines("", 6, 35)


def test_equal_rows_are_counted_from_sketches() -> None:
    values = np.random.default_rng(0).random(5000)
    moved = values.copy()
    moved[:5] += 0.25
    other = np.random.default_rng(1).random(5000)
    one, near, far = (sketch(pd.DataFrame({"p": v})) for v in (values, moved, other))

    assert compare_sketches(one, one).equal_rows == 1.0
    assert (compare_sketches(one, near).n_different, compare_sketches(one, near).equal_rows) == (5, 0.999)
    assert compare_sketches(one, far).equal_rows == 0.0


def test_errors_of_a_copy_correlate_more_than_those_of_independent_models() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=2000)
    shared, own = rng.normal(size=2000), rng.normal(size=(3, 2000))
    predictions = truth + shared + 0.5 * own
    copy = predictions[0] + 0.02 * rng.normal(size=2000)

    found = correlate_errors(np.vstack([predictions, copy]), truth)

    np.testing.assert_allclose(found[0, 1], np.corrcoef(predictions[:2] - truth)[0, 1])
    assert found[0, 3] > 0.99 > found[0, 1] > 0.7
    np.testing.assert_array_equal(np.diag(found), 1.0)


def test_errors_of_classes_correlate_over_all_columns() -> None:
    truth = np.array([0, 1, 2, 1])
    good, wrong = np.eye(3)[truth], np.eye(3)[[1, 1, 2, 0]]

    found = correlate_errors(np.stack([good, wrong, wrong]), truth)

    np.testing.assert_allclose(found, [[1, 0, 0], [0, 1, 1], [0, 1, 1]])


def test_predictions_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="have 3 rows, the truth has 4"):
        correlate_errors(np.zeros((2, 3)), np.zeros(4))
