"""What every table of competition.toml has in common. Reads nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Strict

Flag = Annotated[bool, Strict()]
Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
"""As TOML has them: "no" and 0 are not false, "3" and true are no numbers; 3 is a `Number` too."""


class Table(BaseModel):
    """A table whose unknown keys are errors, and which never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)
