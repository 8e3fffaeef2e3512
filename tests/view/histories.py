"""Golden histories: what a session told its publisher, and what the page must make of the messages.

`python -m tests.view.histories` writes them anew. It must not decide what is right: read the difference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect_jupyter.view.pipeline import EdgeView, NodeView, RowView
from prefect_jupyter.view.protocol import STATES, VERDICTS, Message
from prefect_jupyter.view.publisher import Publisher

FOLDER = Path(__file__).parent.parent / "histories"
START_S = 1_700_000_000.0


class Recording:
    """A publisher under a clock that only tests move."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.messages: list[Message] = []
        self.publisher = Publisher(self.messages.append, lambda: self.now_s, session="s1")

    def after(self, seconds: float) -> None:
        """Let time pass and send what has become due."""
        self.now_s += seconds
        self.publisher.pump()

    def drained(self) -> list[Message]:
        """Everything that will ever be sent of what has been said so far."""
        self.publisher.pump(everything=True)
        return self.messages

    def of_type(self, kind: str) -> list[Any]:
        return [message for message in self.messages if message["type"] == kind]


def node(name: str, **more: Any) -> NodeView:
    return NodeView(id=name, name=name, cell=f"cell-{name}", **more)


def one_run(told: Recording) -> None:
    """Three tasks: the first is reused, the second fails, the third cannot run."""
    publisher = told.publisher
    publisher.graph(
        "flights.ipynb",
        [node("load", writes=("raw",)), node("clean", reads=("raw",), writes=("df",)), node("fit", reads=("df",))],
        [EdgeView(0, 1, ("raw",)), EdgeView(1, 2, ("df",))],
    )
    told.after(0.2)
    publisher.run(0, 3, 12.5)
    publisher.row("load", RowView(state="Cached", verdict="fresh", note="cached · saved 48 s"))
    told.after(0.2)
    ms = told.now_s * 1000
    publisher.row("clean", RowView(state="Running", started_ms=ms, attempt=1))
    publisher.run(1, 3, 10)
    told.after(0.2)
    publisher.row("clean", RowView(state="Failed", started_ms=ms, ended_ms=ms + 200, attempt=1, note="KeyError: 'dep'"))
    publisher.row("fit", RowView(state="TriggerFailed", note="not run: `clean` failed", reason="`clean` failed"))
    publisher.run(0, 0)
    told.after(0.2)


def a_growing_graph(told: Recording) -> None:
    """Tasks appear one by one, between others; what was known of the old ones stays with them."""
    publisher = told.publisher
    publisher.graph("", [node("a")], [])
    told.after(0.2)
    publisher.row("a", RowView(state="Success", verdict="fresh", started_ms=1.0, ended_ms=2.0))
    told.after(0.2)
    publisher.graph("", [node("b"), node("a"), node("c")], [EdgeView(0, 1), EdgeView(1, 2)])
    publisher.row("c", RowView(state="Running", verdict="stale", reason="never ran"))
    told.after(0.2)
    publisher.graph("", [node("c")], [])
    told.after(0.2)


def a_mapped_task(told: Recording) -> None:
    """Children are counted on one row."""
    publisher = told.publisher
    publisher.graph("map.ipynb", [node("each", total=40)], [])
    for done in range(0, 40, 4):
        publisher.row("each", RowView(state="Running", attempt=1, done=done, running=4))
        told.after(0.01)
    publisher.row("each", RowView(state="Mapped", verdict="fresh", attempt=1, done=39, failed=1))
    told.after(0.2)


def a_late_page(told: Recording) -> None:
    """The first message is a snapshot; then the stream goes on from its place."""
    publisher = told.publisher
    publisher.graph("t", [node("a"), node("b")], [EdgeView(0, 1, ("x",))])
    publisher.row(0, RowView(state="Success", verdict="unverified", reason="cell [2] was edited"))
    told.after(0.2)

    def greet() -> None:
        told.messages[:] = [publisher.snapshot()]

    publisher.row(1, RowView(state="Running"))
    publisher.in_order(greet)
    told.after(0.2)
    publisher.row(1, RowView(state="Skipped", verdict="fresh"))
    told.after(0.2)


HISTORIES: dict[str, Callable[[Recording], None]] = {
    "one-run": one_run,
    "a-growing-graph": a_growing_graph,
    "a-mapped-task": a_mapped_task,
    "a-late-page": a_late_page,
}


def history(name: str) -> dict[str, Any]:
    """The messages of a history, and the pipeline that remains, in the words of the page."""
    told = Recording()
    HISTORIES[name](told)
    snap = told.publisher.snapshot()
    final = {
        "session": snap["session"],
        "title": snap["title"],
        "rev": snap["rev"],
        "nodes": [row._asdict() for row in snap["nodes"]],
        "edges": snap["edges"],
        "rows": [
            {
                **{key: value for key, value in row._asdict().items() if key != "node"},
                "state": STATES[row.state],
                "verdict": VERDICTS[row.verdict],
            }
            for row in snap["rows"]
        ],
        "run": snap["run"],
    }
    plain: dict[str, Any] = json.loads(json.dumps({"messages": told.drained(), "final": final}))
    return plain


if __name__ == "__main__":
    for name in HISTORIES:
        FOLDER.mkdir(exist_ok=True)
        written = json.dumps(history(name), indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(written, encoding="utf-8")
        sys.stdout.write(f"{name}\n")
