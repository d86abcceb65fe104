"""Text in the cells of CSV files that people open in spreadsheets: what others wrote must be no formula.

An apostrophe goes before what a spreadsheet would compute: in text alone, never in numbers.
"""

from __future__ import annotations

import re

# Of full width they count too. The dash stands last: it would range between others.
_SIGNS = "=+@\uff1d\uff0b\uff20\uff0d-"
# A spreadsheet that separates by semicolons begins cells within what stands in quotes, too.
_BEGINS = rf"^(?='*[\t\r\n{_SIGNS}])|(?<=[;\t\r\n])(?='*[{_SIGNS}])"
_GUARDED = rf"^'(?='*[\t\r\n{_SIGNS}])|(?<=[;\t\r\n])'(?='*[{_SIGNS}])"


def guarded(text: str) -> str:
    """Text that no spreadsheet computes.

    >>> guarded("=1+1"), guarded("a forest"), guarded("'=1"), guarded("a;=1")
    ("'=1+1", 'a forest', "''=1", "a;'=1")
    """
    return re.sub(_BEGINS, "'", text)


def unguarded(text: str) -> str:
    """What `guarded` was given.

    >>> unguarded("'=1+1"), unguarded("'quoted'")
    ('=1+1', "'quoted'")
    """
    return re.sub(_GUARDED, "", text)
