"""What the OpenAPI document says of answers that are files."""

from __future__ import annotations

from typing import Any

BYTES = "application/octet-stream"
NOTEBOOK = "application/x-ipynb+json"
PARQUET = "application/vnd.apache.parquet"


def binary(*media_types: str) -> dict[str, Any]:
    """The ``content`` of an answer that is a file."""
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in media_types}


_TEXT = {"text/plain": {"schema": {"type": "string"}}}
DOWNLOAD: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file; its ETag is its SHA-256.", "content": binary(BYTES)},
    206: {"description": "The range asked for.", "content": binary(BYTES, "multipart/byteranges")},
    400: {"description": "The range is not understood.", "content": _TEXT},
    416: {"description": "There is no such range.", "content": _TEXT},
}
UPLOAD: dict[str, Any] = {
    "requestBody": {"required": True, "description": "The file's bytes.", "content": binary(BYTES)}
}
