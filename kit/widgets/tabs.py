"""Tabs that switch in the browser alone, so that they work while the kernel is busy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets
import traitlets

from kit.widgets._widget import KitWidget, box, css, esm


class Tabs(KitWidget):
    """A row of titles, of which one is chosen: `index`."""

    _esm = esm("tabs")
    _css = css("tabs")

    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    kind = traitlets.Enum(["tabs", "segments"], "tabs").tag(sync=True)
    label = traitlets.Unicode("Sections").tag(sync=True)


def tabbed(pages: Mapping[str, ipywidgets.Widget], **traits: Any) -> ipywidgets.VBox:
    """Pages of which one is shown; a single page is shown without tabs."""
    if len(pages) == 1:
        return box(*pages.values())
    tabs = Tabs(titles=list(pages), **traits)
    stack = ipywidgets.Stack(list(pages.values()), selected_index=0)
    stack.add_class("kit-stack")
    held = box(tabs, stack)
    # The link lives as long as what it links.
    held.link = ipywidgets.jslink((tabs, "index"), (stack, "selected_index"))
    return held
