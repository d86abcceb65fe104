"""The smallest competition that can be scored by hand: four rows, teams ada, bob and eve."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kit.competition import Competition, load_competition

OPENS_AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CLOSES_AT = datetime(2026, 3, 8, 18, tzinfo=UTC)

TRUTH = """\
id,count,split
1,10,public
2,20,public
3,30,private
4,40,private
"""
TRAIN = "id,height,count\n11,1.5,15\n12,2.5,25\n13,3.5,35\n"
TEST = "id,height\n1,1\n2,2\n3,3\n4,4\n"
PERFECT = "id,count\n1,10\n2,20\n3,30\n4,40\n"
OFF_BY_ONE = "id,count\n1,11\n2,21\n3,31\n4,41\n"
OFF_BY_TWO = "id,count\n1,12\n2,22\n3,32\n4,42\n"

CODE = """\
[question.code]
train = "data/train.csv"
test = "data/test.csv"
splitter = { n_splits = 3 }
"""
"""Lines of the question that let it take code."""

TOML = """\
title = "Four"
slug = "{slug}"
opens_at = 2026-03-01T09:00:00Z
closes_at = {closes_at}
{top}
[[question]]
id = "counts"
metric = "mae"
more_metrics = ["rmse"]
id_column = "id"
target = "count"
truth = "private/truth.csv"
data = ["data/train.csv", "data/test.csv"]
{question}
[[phase]]
id = "main"
{phase}
"""


def write(
    directory: Path,
    *,
    top: str = "",
    question: str = "",
    phase: str = "daily_limit = 3",
    closes_at: str = "2026-03-08T18:00:00Z",
    slug: str = "four",
) -> Path:
    """Write the competition, with lines added to its tables."""
    for folder in ("data", "private"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    (directory / "data/train.csv").write_text(TRAIN)
    (directory / "data/test.csv").write_text(TEST)
    (directory / "private/truth.csv").write_text(TRUTH)
    toml = TOML.format(top=top, question=question, phase=phase, closes_at=closes_at, slug=slug)
    (directory / "competition.toml").write_text(toml)
    return directory


def competition(
    directory: Path, *, top: str = "", question: str = "", phase: str = "daily_limit = 3"
) -> Competition:
    """Write the competition and load it."""
    return load_competition(write(directory, top=top, question=question, phase=phase))


def write_open(directory: Path, *, phase: str = "") -> Path:
    """Write the competition so that it is open for a service that runs by the real clock."""
    return write(directory, phase=phase, closes_at="2099-01-01T00:00:00Z")
