"""What a new competition needs to take code: the table [question.code], and two submissions to start from."""

from __future__ import annotations

from pathlib import Path
from string import Template

from kit.competition import FILE
from kit.errors import Problem
from kit.metrics import Domain
from kit.starter._draft import Draft
from kit.starter._notebooks import average_of
from kit.starter._tables import refusal

_TEMPLATES = Path(__file__).parent.parent / "templates"
_MULTI = "from sklearn.multioutput import MultiOutputRegressor\n"


def check_takes_code(draft: Draft) -> None:
    """Raise InvalidCompetition where code cannot answer the question."""
    if draft.classes and len(draft.target) > 1:
        text, fix = "code predicts classes of one target only.", "Name one with --target."
        raise refusal([Problem(FILE, "target", text, fix)])


def code_table() -> str:
    """The lines of competition.toml."""
    return (_TEMPLATES / "code.txt").read_text(encoding="utf-8")


def submissions(draft: Draft) -> dict[str, str]:
    """Text of estimator.py by name of the submission."""
    boosting = "HistGradientBoosting" + ("Classifier" if draft.classes else "Regressor")
    average = average_of(draft)
    is_several = len(draft.target) > 1
    made = f"{boosting}({_loss(draft)}random_state=0)"
    labels = "most_frequent" if draft.domain is Domain.LABEL else "prior"
    boosted = {
        "model": boosting,
        "imports": _MULTI if is_several else "",
        "made": f"MultiOutputRegressor({made})" if is_several else made,
    }
    constant = {
        "model": "DummyClassifier" if draft.classes else "DummyRegressor",
        "strategy": f'"{labels if draft.classes else average}"',
    }
    return {
        "constant": _filled("estimator-constant.txt", constant),
        "gradient-boosting": _filled("estimator.txt", boosted),
    }


def _loss(draft: Draft) -> str:
    if draft.domain is Domain.NON_NEGATIVE:
        return 'loss="poisson", '
    return 'loss="absolute_error", ' if average_of(draft) == "median" and not draft.classes else ""


def _filled(name: str, values: dict[str, str]) -> str:
    return Template((_TEMPLATES / name).read_text(encoding="utf-8")).substitute(values)
