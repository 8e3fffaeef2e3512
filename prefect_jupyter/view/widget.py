"""The live graph as a widget, for pages without the extension: VS Code, Colab.

It must not draw or decide: the renderer is the page's own, in one file. anywidget is imported when the first
widget is made.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protocol import Message
    from .publisher import Publisher

MODULE = Path(__file__).parent.parent / "_static" / "graph.js"


class Link(Protocol):
    """What a widget needs of the link to the pages."""

    publisher: Publisher

    def attach(self, page: str, send: Callable[[Message], None]) -> None: ...

    def take(self, page: str, data: object) -> None: ...


class Linked(Protocol):
    """What has a link: a session."""

    @property
    def link(self) -> Link: ...


class FlowWidget:
    """Makes widgets that show the live graph of a session."""

    @staticmethod
    def is_available() -> bool:
        """Whether anywidget is installed and the renderer has been built."""
        return find_spec("anywidget") is not None and MODULE.exists()

    @staticmethod
    def connected(session: Linked) -> Any:
        """A widget that is told what the pages are told, and whose buttons command what theirs do.

        Raises `ImportError` where anywidget is not installed.
        """
        import anywidget
        import traitlets

        class _FlowWidget(anywidget.AnyWidget):
            _esm = MODULE
            snap = traitlets.Dict().tag(sync=True)

        link = session.link
        # A copy in plain lists: what is synchronised must be equal to what comes back.
        widget = _FlowWidget(snap=json.loads(json.dumps(link.publisher.snapshot())))
        widget.on_msg(lambda _widget, content, _buffers: link.take(widget.model_id, content))
        link.attach(widget.model_id, lambda message: widget.send(json.loads(json.dumps(message))))
        return widget
