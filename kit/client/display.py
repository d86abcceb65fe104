"""How handles show themselves in a notebook: as a widget where one can be made, else as text."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from kit.client.kept import keep
from kit.client.progress import in_kernel
from kit.errors import KitError

VIEW = "application/vnd.jupyter.widget-view+json"


def show_live(name: str, handle: object) -> Callable[[], object]:
    """Display ``kit.widgets.NAME(handle)`` in a notebook; gives its ``refresh``, elsewhere what does nothing.

    What the cell displays next takes its place.
    """
    if not in_kernel():
        return int
    from IPython.display import clear_output, display

    try:
        widget = getattr(importlib.import_module("kit.widgets"), name)(handle)
    except (ImportError, KitError):
        return int
    display(widget)  # type: ignore[no-untyped-call]
    clear_output(wait=True)  # type: ignore[no-untyped-call]
    refresh: Callable[[], object] = widget.refresh
    return refresh


def widget_bundle(
    name: str, *args: object, shown: object = None, anew: Callable[[Any], object] | None = None
) -> dict[str, Any]:
    """The view of ``kit.widgets.NAME(*args)`` for ``_repr_mimebundle_``; IPython adds the handle's text.

    Empty outside a kernel, and where the widget cannot be made: then the text alone is shown. Beside it goes
    what is kept in the notebook of ``shown``, by default of the first argument: see `kit.client.kept`.
    """
    if not in_kernel():
        return {}
    try:
        widget = getattr(importlib.import_module("kit.widgets"), name)(*args)
    except (ImportError, KitError):
        return {}
    bundle = widget._repr_mimebundle_()
    # anywidget gives data and metadata, ipywidgets the data alone.
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    if not data or VIEW not in data:
        return {}
    keep(widget, args[0] if shown is None else shown, anew)
    return {VIEW: data[VIEW]}
