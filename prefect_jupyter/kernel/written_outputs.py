"""What tasks showed that ran by a button, for pages that were not there when they did.

It must not grow without bounds: what was shown longest ago is let go.
"""

from __future__ import annotations

from typing import Any, cast

from ..view.protocol import OutputMessage

CELLS_MAX = 500
CHARACTERS_MAX = 20_000_000


class WrittenOutputs:
    """The outputs of each cell whose last run was a button's. Used in the publisher's thread alone."""

    def __init__(self) -> None:
        self._outputs: dict[str, list[dict[str, Any]]] = {}
        self._sizes: dict[str, int] = {}

    def take(self, message: OutputMessage) -> None:
        cell = message["cell"]
        if message["op"] == "clear" or cell not in self._outputs:
            self.forget(cell)
            self._outputs[cell], self._sizes[cell] = [], 0
        output = message["output"]
        if message["op"] == "append" and isinstance(output, dict):
            self._add(self._outputs[cell], cast("dict[str, Any]", output))
            self._sizes[cell] += len(str(output))
        while len(self._outputs) > CELLS_MAX or sum(self._sizes.values()) > CHARACTERS_MAX:
            self.forget(next(iter(self._outputs)))

    def _add(self, outputs: list[dict[str, Any]], output: dict[str, Any]) -> None:
        last = outputs[-1] if outputs else {}
        if output["output_type"] == last.get("output_type") == "stream" and output["name"] == last["name"]:
            outputs[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            outputs.append(output)

    def forget(self, cell: str) -> None:
        self._outputs.pop(cell, None)
        self._sizes.pop(cell, None)

    def messages(self) -> list[OutputMessage]:
        """What a page is told that has just come; it leaves cells alone that show this already."""
        return [
            {"type": "output", "cell": cell, "op": "replace", "output": list(outputs)}
            for cell, outputs in self._outputs.items()
        ]
