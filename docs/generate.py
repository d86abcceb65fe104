"""Writes docs/reference from the program itself: `make docs`. Nothing there is written by hand."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))
sys.path.insert(0, str(DOCS))

from generating import cli, competition_toml, http, metrics, python  # noqa: E402

PAGES = {
    "cli.md": cli.page,
    "competition-toml.md": competition_toml.page,
    "http.md": http.page,
    "metrics.md": metrics.page,
    "python.md": python.page,
}
"""What writes each page of docs/reference."""


def main() -> None:
    """Write every page anew."""
    for name, page in PAGES.items():
        (DOCS / "reference" / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
