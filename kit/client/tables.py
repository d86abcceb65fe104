"""Tables a notebook shows: the leaderboard as a DataFrame, and lists of submissions. Imported when needed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from kit.client.blends import blend_lines, built_on_text
from kit.client.display import widget_bundle
from kit.client.http import Json
from kit.client.pages import left_out, shown_rows
from kit.client.submission import Submission

if TYPE_CHECKING:
    from kit.client.competition import CompetitionClient

_SHOWN = (
    "rank",
    "rank_low",
    "rank_high",
    "team",
    "score",
    "low",
    "high",
    "submission",
    "contributivity",
    "historical_contributivity",
    "fit_s",
    "valid_s",
    "test_s",
    "peak_bytes",
    "built_on",
    "n_submissions",
    "submitted_at",
    "shake_up",
)
_MORE = frozenset(_SHOWN[_SHOWN.index("contributivity") : _SHOWN.index("n_submissions")])
_MODES = {
    "hidden": "; hidden for now",
    "frozen": "; frozen until the end",
    "ladder": "; scores change only by clear improvements",
}
_WHOLE = ("rank", "rank_low", "rank_high", "n_submissions", "submission", "shake_up")


class Leaderboard(pd.DataFrame):
    """A leaderboard's rows, best first; a cell that ends in it shows it live.

    What is computed from it is a plain DataFrame. ``about`` holds what the service tells besides the rows.
    Of a long one it holds a page, and your own row.
    """

    _metadata = ["about", "_comp", "_is_page"]  # noqa: RUF012

    def __init__(self, comp: CompetitionClient, board: Json, *, is_page: bool = False) -> None:
        super().__init__(_frame(shown_rows(board)))  # type: ignore[call-arg]
        self._comp, self._is_page = comp, is_page
        self.about = {key: value for key, value in board.items() if key not in ("rows", "own")}
        self.about["left_out"] = left_out(board)

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        table = self._short().to_string(index=False, na_rep="")
        lines = [self._title(), *blend_lines(self.about), table, self.about["left_out"]]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        return str(self._short().to_html(index=False, na_rep="")) + f"<p>{self.about['left_out']}</p>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if self._is_page:
            return {}
        asked = self.about.get("question"), self.about["split"], self.about.get("per", "team")
        comp = self._comp
        return widget_bundle(
            "leaderboard", comp, *asked, shown=self, anew=lambda board: Leaderboard(comp, board)
        )

    def _kept_html_(self) -> str:
        return f"<p>{escape(self._title())}</p>{self._repr_html_()}"

    def _short(self) -> pd.DataFrame:
        # What a team's rows say anyway, and what nobody has.
        idle = {"submission"} if self.about.get("per", "team") == "team" else {"n_submissions"}
        told = [name for name in _SHOWN if name in self.columns and name not in idle]
        kept = [name for name in told if self._has(name)]
        short = pd.DataFrame(self[kept])
        if "built_on" in kept:
            short["built_on"] = [built_on_text({"built_on": each}) for each in short["built_on"]]
        if "rank" in kept:
            short["rank"] = short["rank"].astype("string").fillna("baseline")
        if "submitted_at" in kept:
            short["submitted_at"] = short["submitted_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
        return short

    def _has(self, name: str) -> bool:
        """Whether a column tells something: of those beside scores, more than nothing."""
        known = self[name].dropna()
        return any(map(bool, known)) if name in _MORE else len(known) > 0

    def _title(self) -> str:
        question = self.about.get("question")
        what = f"question {question!r}, {self.about.get('metric')}" if question else "all questions"
        hidden = _MODES.get(str(self.about.get("mode")), "")
        return f"{self.about['split']} leaderboard of {self.about['competition']!r}, {what}{hidden}"


class Submissions(list[Submission]):
    """Submissions, newest first."""

    def frame(self) -> pd.DataFrame:
        """One row for each."""
        return pd.DataFrame(
            {
                "id": [s.id for s in self],
                "question": [s.question for s in self],
                "submitted_at": pd.to_datetime([s.facts["submitted_at"] for s in self], utc=True),
                "state": [s.state for s in self],
                "score": pd.Series([s.score for s in self], dtype="float64"),
                "note": [s.facts.get("note") for s in self],
                "selected": [bool(s.facts.get("selected")) for s in self],
                "filename": [s.facts.get("filename") for s in self],
            }
        )

    def __repr__(self) -> str:
        return self.frame().to_string(index=False) if self else "No submissions yet."

    def _repr_html_(self) -> str:
        return str(self.frame().to_html(index=False)) if self else "No submissions yet."


def table(rows: Json) -> pd.DataFrame:
    """Rows of JSON as a DataFrame, with times as times."""
    return _frame(rows)


def _frame(rows: Json) -> pd.DataFrame:
    frame = pd.DataFrame.from_records(list(rows))
    for name in frame.columns:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601")
        elif name in _WHOLE:
            frame[name] = frame[name].astype("Int64")
    return frame
