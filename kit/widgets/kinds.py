"""What a question takes, as the panel says it: predictions, code, notebooks."""

from __future__ import annotations

from kit.widgets._widget import Json

_SUFFIXES = {
    "predictions": (".csv", ".gz", ".zst", ".parquet"),
    "code": (".py", ".zip"),
    "notebook": (".ipynb",),
}
_WORDS = {"predictions": "a predictions file", "code": "a .py file", "notebook": "a notebook"}
_FORMS = {
    "predictions": "CSV (also .gz, .zst) or Parquet",
    "code": "Python that defines get_estimator(), or a .zip of modules",
    "notebook": "a notebook (.ipynb)",
}


def kinds_of(question: Json) -> list[str]:
    """What may be submitted to a question, in a fixed order."""
    taken = question.get("kinds") or ["predictions"]
    return [kind for kind in _SUFFIXES if kind in taken]


def suffixes(question: Json) -> list[str]:
    """The endings of files that a question takes."""
    return [suffix for kind in kinds_of(question) for suffix in _SUFFIXES[kind]]


def words(question: Json) -> str:
    """What may be dropped: "a predictions file or a .py file"."""
    *first, last = [_WORDS[kind] for kind in kinds_of(question)]
    return f"{', '.join(first)} or {last}" if first else last


def forms(question: Json) -> str:
    """The forms these have, in a few words."""
    return "; ".join(_FORMS[kind] for kind in kinds_of(question))


def takes_runs(question: Json) -> bool:
    """Whether a question takes what is run: code or notebooks."""
    return bool({"code", "notebook"} & set(kinds_of(question)))
