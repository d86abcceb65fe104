"""Teams whose submissions are alike, for organizers: a table, and the lines of a pair side by side."""

from __future__ import annotations

from typing import Any

from kit.widgets._widget import Json, box
from kit.widgets.fragment import Fragment, Node, el
from kit.widgets.listing import highlighted
from kit.widgets.table import LiveTable, column

_ABOUT = (
    "Similar is not copied: teams that use one library on one data set write and predict alike. What all "
    "were given is left out. Nothing follows from this by itself: look at the lines, and ask the teams."
)


class SimilarView:
    """Pairs of teams; ``box`` holds it. What is ticked is shown side by side."""

    def __init__(self) -> None:
        self._found: dict[str, Json] = {}
        self.table = LiveTable(
            [
                column("first", "Later", name=True),
                column("second", "Earlier"),
                column("what", "What"),
                column("question", "Question", hide="narrow"),
                column("share", "Same", "share"),
                column("share_back", "Of the earlier", "share", hide="narrow"),
                column("n_different", "Rows that differ", "number", digits=0, hide="narrow"),
                column("credited", "Credit", hide="narrow"),
                column("submitted_at", "Submitted", "time", hide="narrow"),
            ],
            row_key="_key",
            selectable=1,
            empty="No two teams are more alike than independent ones may be.",
            label="similar submissions",
        )
        self.lines = Fragment(classes=["kit-files-of-code"])
        self.table.observe(lambda _: self._draw(), "selected")
        self.box = box(Fragment(el("p", _ABOUT, name="kit-muted kit-small")), self.table, self.lines)

    def show(self, found: Json) -> None:
        """Show what the service found."""
        self._found = {_key(pair): pair for pair in found}
        self.table.show([_row(pair) for pair in found])
        self._draw()

    def _draw(self) -> None:
        chosen = self._found.get(next(iter(self.table.selected), ""))
        self.lines.change(nodes=[] if chosen is None else side_by_side(chosen))


def side_by_side(pair: Json) -> list[Node]:
    """The lines that two submissions share, each beside the other's."""
    if not pair["lines"]:
        told = f"About {pair['n_different']:,} rows differ." if pair["n_different"] is not None else ""
        return [el("p", told, name="kit-muted")]
    names = [f"{each['team']} ({each['submission']})" for each in (pair["first"], pair["second"])]
    head = el("tr", *(el("th", name, scope="col") for name in names))
    rows = [
        el(
            "tr",
            _cell(m["file"], m["start"], m["text"]),
            _cell(m["other_file"], m["other_start"], m["other_text"]),
        )
        for m in pair["lines"]
    ]
    return [el("table", el("thead", head), el("tbody", *rows), name="kit-pairs")]


def _cell(file: str, start: int, text: str) -> Node:
    place = el("div", f"{file}, line {start}", name="kit-muted kit-small")
    return el("td", place, el("pre", *highlighted(text), name="kit-code", tabindex="0"))


def _key(pair: Json) -> str:
    return f"{pair['question']}/{pair['what']}/{pair['first']['submission']}/{pair['second']['submission']}"


def _row(pair: Json) -> dict[str, Any]:
    first, second = (f"{pair[each]['team']} ({pair[each]['submission']})" for each in ("first", "second"))
    kept = {key: pair[key] for key in ("question", "what", "share", "share_back", "n_different")}
    told = {"first": first, "second": second, "credited": "given" if pair["credited"] else ""}
    return {**kept, **told, "submitted_at": pair["first"]["submitted_at"], "_key": _key(pair)}
