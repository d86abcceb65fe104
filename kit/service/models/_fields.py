"""What fields of several models are made of."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from kit.clock import to_text


def _told(text: str) -> WrapValidator:
    """Tell people what is wanted, where pydantic would show them a pattern."""

    def validate(value: object, validate_inner: ValidatorFunctionWrapHandler) -> object:
        try:
            return validate_inner(value)
        except ValidationError:
            raise PydanticCustomError("refused", text) from None

    return WrapValidator(validate)


def is_plain(name: str) -> bool:
    """Whether a name reads as what it is: no invisible signs, no changes of direction, no other widths."""
    return name.isprintable() and unicodedata.is_normalized("NFKC", name) and name == name.strip()


def _plain(name: str) -> str:
    if "/" in name or not is_plain(name):
        raise ValueError
    return name


Time = Annotated[
    datetime,
    PlainSerializer(to_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""RFC 3339 in UTC, always with microseconds."""

UserName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-]{2,40}$"),
    _told("A name has 2 to 40 letters (a to z), digits, dots, dashes or underscores, and no spaces."),
]
HubName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=255),
    AfterValidator(_plain),
    _told(
        "A name at a JupyterHub has 1 to 255 characters, none of them a slash or invisible, and no spaces "
        "around it."
    ),
]
TeamName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_.-][A-Za-z0-9_. -]{0,38}[A-Za-z0-9_.-]$"),
    _told(
        "A team's name has 2 to 40 letters (a to z), digits, dots, dashes, underscores, and spaces "
        "in between."
    ),
]
Email = Annotated[
    str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,180}$"), _told("This is no e-mail address.")
]
NewPassword = Annotated[
    str, StringConstraints(min_length=10, max_length=1000), _told("A password has 10 to 1000 characters.")
]
ShortText = Annotated[str, StringConstraints(max_length=200)]
FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[^/\\\x00-\x1f\x7f]{1,255}$"),
    _told("A file's name has 1 to 255 characters, and no slash: give the name without its folder."),
]
Note = Annotated[str, StringConstraints(max_length=1000)]
MAX_IMPORT = 200


class Asked(BaseModel):
    """A request's body; unknown keys are errors, so that a mistyped one does not pass unseen."""

    model_config = ConfigDict(extra="forbid")
