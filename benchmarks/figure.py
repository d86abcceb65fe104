"""The figure of what leaderboards give away, as SVG: three attacks, three boards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

ATTACKS = ("boosting", "hill-climbing", "descending")
COLORS = {"plain": "#c0392b", "rounded": "#d68910", "ladder": "#1e7a46"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 230, 200, 52, 56, 30
TOP_GAIN = 20.0


def draw(cases: Iterable[dict[str, Any]]) -> str:
    """The figure, from the cases of ``leaks.py``."""
    found = {case["case"]: case for case in cases}
    parts = [part for i, attack in enumerate(ATTACKS) for part in _panel(i, attack, found)]
    width = LEFT + len(ATTACKS) * (WIDTH + GAP) + 46
    height = TOP + HEIGHT + 54
    title = _text(LEFT, 20, "What is won from labels that are coin tosses", size=15, weight="bold")
    axis = _text(LEFT, 38, "Gain, in standard errors of a random guess; 4,000 rows", color="#555")
    tries = _text(LEFT, height - 12, "Submissions. Dotted: 3 standard errors.", color="#555")
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *[title, axis, tries, *parts],
            "</svg>\n",
        ]
    )


def _panel(number: int, attack: str, found: dict[str, dict[str, Any]]) -> Iterator[str]:
    left = LEFT + number * (WIDTH + GAP)
    yield f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="#f7f7f7"/>'
    yield _text(left + 8, TOP + 18, attack, weight="bold")
    for gain in (0, 5, 10, 15, 20):
        y = _y(gain)
        yield f'<path d="M{left} {y}h{WIDTH}" stroke="#ddd"/>'
        if number == 0:
            yield _text(left - 8, y + 4, str(gain), anchor="end")
    yield f'<path d="M{left} {_y(3)}h{WIDTH}" stroke="#555" stroke-dasharray="2 3"/>'
    for tries in (0, 500, 1000):
        yield _text(left + WIDTH * tries / 1000, TOP + HEIGHT + 16, f"{tries:,}", anchor="middle")
    drawn = [
        (float(found[f"gain: {attack}, {board}"]["curve"][-1]), board)
        for board in COLORS
        if f"gain: {attack}, {board}" in found
    ]
    last = None
    for gain, board in sorted(drawn, reverse=True):
        yield _curve(left, found[f"gain: {attack}, {board}"]["curve"], COLORS[board])
        # Above its curve, or below where the curve above is near.
        y = _y(gain) - 9 if last is None or _y(gain) - last > 30 else max(_y(gain), last) + 28
        yield _text(left + WIDTH - 4, y, board, color=COLORS[board], anchor="end", weight="bold")
        last = _y(gain)


def _curve(left: float, gains: Sequence[float], color: str) -> str:
    step = WIDTH / len(gains)
    points = " ".join(f"{left + step * i:.1f},{_y(gain):.1f}" for i, gain in enumerate([0.0, *gains]))
    return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2.5"/>'


def _y(gain: float) -> float:
    return TOP + HEIGHT * (1 - (gain + 1) / (TOP_GAIN + 1.5))


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    color: str = "#222",
    anchor: str = "start",
    weight: str = "normal",
) -> str:
    style = f'font-size="{size}" fill="{color}" text-anchor="{anchor}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{text}</text>'
