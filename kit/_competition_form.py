"""What every table of competition.toml has in common. Reads nothing."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table whose unknown keys are errors, and which never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
