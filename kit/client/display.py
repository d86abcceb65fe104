"""How handles show themselves in a notebook: as a widget where one can be made, else as text."""

from __future__ import annotations

import importlib
from typing import Any

from kit.client.progress import in_kernel
from kit.errors import KitError

VIEW = "application/vnd.jupyter.widget-view+json"


def widget_bundle(name: str, *args: object) -> dict[str, Any]:
    """The view of ``kit.widgets.NAME(*args)`` for ``_repr_mimebundle_``; IPython adds the handle's text.

    Empty outside a kernel, and where the widget cannot be made: then the text alone is shown.
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
    return {VIEW: data[VIEW]} if data and VIEW in data else {}
