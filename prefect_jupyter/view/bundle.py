"""What `%flow` leaves in the notebook file: the graph for our page, a picture and a text for everyone else.

It must not hold times, values, or anything that only a live kernel can serve.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .protocol import MIME
from .rows import saved_snap
from .svg import svg
from .text import text

if TYPE_CHECKING:
    from .pipeline import PipelineView

BUNDLE_BYTES_MAX = 200_000


def bundle(view: PipelineView) -> dict[str, Any]:
    """The MIME bundle of a pipeline, at most 200 kB: what does not fit is left out, the picture first."""
    data: dict[str, Any] = {"text/plain": _within(text(view), BUNDLE_BYTES_MAX // 4)}
    spare = BUNDLE_BYTES_MAX - len(data["text/plain"].encode())
    graph = json.dumps(saved_snap(view))
    if len(graph) <= spare:
        data[MIME] = json.loads(graph)
        spare -= len(graph)
    picture = svg(view)
    if len(picture.encode()) <= spare:
        data["image/svg+xml"] = picture
    return data


def _within(lines: str, size: int) -> str:
    """The first lines that fit into `size` bytes, saying how many were left out."""
    if len(lines.encode()) <= size:
        return lines
    kept = lines.encode()[: size - 40].decode(errors="ignore").rsplit("\n", 1)[0]
    return f"{kept}\n  … and {lines.count(chr(10)) - kept.count(chr(10))} more lines"
