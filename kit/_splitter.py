"""Splitters of scikit-learn by name, with options as competition.toml gives them. Reads no data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any, Protocol

from kit._competition_problems import nearest
from kit.metrics import Array


class Splitter(Protocol):
    """What scikit-learn calls a cross-validator."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        """Pairs of row numbers, to train on and to validate on."""
        ...


def splitter_problems(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a splitter's table, each with the way out."""
    if not options:
        return []
    name = options.get("name")
    if name is not None and name not in splitters():
        return [(f"'{name}' is no splitter of scikit-learn.", nearest(name, list(splitters())))]
    known = [*_parameters(name or "KFold"), "name", "groups"]
    problems = [
        (f"'{option}' is no option of {name or 'KFold'}.", nearest(option, known))
        for option in options
        if option not in known
    ]
    if name in _BY_GROUP and "groups" not in options:
        problems.append((f"{name} splits by group.", 'Add groups = "…", a column of train.'))
    if name not in _BY_GROUP and "groups" in options:
        text = f"{name or 'KFold'} does not split by group."
        problems.append((text, "Take groups out, or take one of " + ", ".join(sorted(_BY_GROUP)) + "."))
    if not problems:
        try:
            make_splitter(options, stratified=False, groups=None)
        except (ValueError, TypeError) as error:
            problems.append((f"{name or 'KFold'} refuses these options: {error}", "Mend the splitter."))
    return problems


def make_splitter(options: Mapping[str, Any], *, stratified: bool, groups: Array | None) -> Splitter:
    """The splitter of a table that `splitter_problems` finds nothing wrong with.

    What is random has random_state = 0 where none is given: every run has the same folds.

    Parameters
    ----------
    stratified : bool
        Whether the default splitter keeps the shares of classes; only of those without a name.
    groups : ndarray of shape (n,) or None
        PredefinedSplit takes its folds from them.
    """
    name = options.get("name")
    given = {key: value for key, value in options.items() if key not in ("name", "groups")}
    if name is None:
        name = "StratifiedKFold" if stratified else "KFold"
        given = {"shuffle": True} | given
    parameters = _parameters(name)
    if "random_state" in parameters and given.get("shuffle", "shuffle" not in parameters):
        given.setdefault("random_state", 0)
    if name == "PredefinedSplit":
        given["test_fold"] = [0, 1] if groups is None else groups
    splitter: Splitter = splitters()[name](**given)
    return splitter


_BY_GROUP = {
    "GroupKFold",
    "GroupShuffleSplit",
    "LeaveOneGroupOut",
    "LeavePGroupsOut",
    "PredefinedSplit",
    "StratifiedGroupKFold",
}


@cache
def splitters() -> dict[str, Any]:
    """Each splitter of the installed scikit-learn, by name."""
    # Here, since importing it takes a second, and only questions with code have splitters.
    from sklearn import model_selection

    found = {name: vars(model_selection).get(name) for name in model_selection.__all__}
    return {
        name: found[name]
        for name in sorted(found)
        if inspect.isclass(found[name])
        and not inspect.isabstract(found[name])
        and not name.startswith("Base")
        and {"split", "get_n_splits"} <= set(dir(found[name]))
    }


def _parameters(name: str) -> list[str]:
    return [p for p in inspect.signature(splitters()[name]).parameters if p not in ("test_fold", "cv")]
