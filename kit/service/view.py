"""Answers as bytes, each with the ETag that changes when it does."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(frozen=True)
class View:
    """An answer's bytes, what changes when they do, and the topics that may change them."""

    body: bytes
    etag: str
    topics: tuple[str, ...]


def view(model: BaseModel, topics: Sequence[str]) -> View:
    """A model as a view; equal answers have equal ETags, also after a restart."""
    return view_of_bytes(model.model_dump_json().encode(), topics)


def view_of_bytes(body: bytes, topics: Sequence[str]) -> View:
    """JSON as a view."""
    return View(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"', tuple(topics))
