"""What people see of the pipeline: a row for each task, the graph, notices, and the graph that `%flow` shows.

It must not run, bind or judge anything: it is told what happened and asks where things stand.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import types
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.events import Event, RunEnded, RunStarted, TaskMoved
from ..core.graph import Graph
from ..core.states import State
from ..view.bundle import bundle
from ..view.pipeline import EdgeView, NodeView, PipelineView, RowView
from .comm import Link
from .document import Document
from .reading import Reading
from .standing import Standing
from .versions import NOTHING, Version, Versions

PAGE_WAIT_S = 1.5
REFRESH_AFTER_S = 0.7
LOOK_EVERY_S = 2.0


class Showing:
    """One session's rows and graph, published through `link`. `turn` is held while a cell or a button's work runs."""

    def __init__(
        self, shell: InteractiveShell, document: Document, versions: Versions, standing: Standing, reading: Reading,
        link: Link, lock: threading.RLock, turn: asyncio.Lock,
    ) -> None:  # fmt: skip
        self._shell = shell
        self._document = document
        self._versions = versions
        self._standing = standing
        self._reading = reading
        self.link = link
        self._lock = lock
        self._turn = turn
        self.loop: asyncio.AbstractEventLoop | None = None
        self.front_end_names_cells = False
        self._rows: dict[str, RowView] = {}
        self._nodes: dict[str, NodeView] = {}
        self._totals: dict[str, int] = {}
        self._graph_published: Graph | None = None
        self._run_progress = [0, 0]
        self._graph_shown = False
        self._copies_told: set[str] = set()
        self._display_id = f"prefect-jupyter-{link.session}"
        self._refresh: asyncio.TimerHandle | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._widget: Any = None

    # --- rows

    def row(self, task: str) -> RowView:
        return self._rows.get(task) or RowView()

    def set_row(self, task: str, row: RowView) -> None:
        self._rows[task] = row
        self.link.publisher.row(task, row)

    def set_state(self, task: str, state: str, note: str) -> None:
        self.set_row(task, replace(self.row(task), state=state, note=note))

    def progress(self, task: str, done: int, failed: int, running: int, total: int) -> None:
        """How far the children of a mapped task are."""
        if self._totals.get(task) != total:
            self._totals[task] = total
            self._standing.changed.add(task)
            self.show()
        self.set_row(task, replace(self.row(task), done=done, failed=failed, running=running))

    def in_state(self, *states: str) -> list[str]:
        return [task for task, row in list(self._rows.items()) if row.state in states]

    def _judged_row(self, task: str) -> RowView:
        found = self._standing.verdict(task)
        return replace(self.row(task), verdict=found.kind, reason=found.reason)

    def keep_looking(self) -> None:
        """From now on rows turn stale in time, while a page is there to see it and nothing runs."""
        loop = self.loop
        if loop is None:
            return
        if self.link.pages and not self._turn.locked():
            with self._lock:
                self.look_outside()
        self._looking = loop.call_later(LOOK_EVERY_S, self.keep_looking)

    def stop_looking(self) -> None:
        if self._looking is not None:
            self._looking.cancel()

    def look_outside(self) -> None:
        """Files and time that went by may have made tasks stale: their rows say so from now on."""
        self._standing.look_outside()
        if self._standing.changed:
            self.show()

    # --- the graph

    @property
    def title(self) -> str:
        return os.path.basename(os.environ.get("JPY_SESSION_NAME", "")) or "notebook"

    def view(self) -> PipelineView:
        """The pipeline as every view shows it."""
        with self._lock:
            graph = self._reading.graph_now()
            return PipelineView(
                title=self.title,
                session=self.link.session,
                nodes=tuple(self._node(task) for task in graph.names),
                edges=_edges(graph),
                rows=tuple(self._judged_row(task) for task in graph.names),
            )

    def show(self) -> None:
        """Publishes what changed since it was last called: the graph, and rows of tasks that may stand differently."""
        with self._lock:
            graph = self._reading.graph_now()
            self._standing.settle()
            changed, self._standing.changed = self._standing.changed, set()
            changed &= graph.names.keys()
            redrawn = {task: self._node(task) for task in changed}
            if graph is not self._graph_published or any(self._nodes.get(task) != redrawn[task] for task in redrawn):
                self._nodes |= redrawn
                self._graph_published = graph
                self.link.publisher.graph(self.title, [self._nodes[task] for task in graph.names], _edges(graph))
            for task in changed:
                self.set_row(task, self._judged_row(task))
            self._tell_copies(changed)
        self._refresh_displayed_graph()

    def _tell_copies(self, tasks: Iterable[str]) -> None:
        """A pasted copy has the name of its original in its text, and is called by another one."""
        for task in tasks:
            options, name = self._standing.cells[task].options, self._standing.name(task)
            is_copy = options is not None and options.name not in (None, name) and not self._standing.problems(task)
            if is_copy and task not in self._copies_told:
                assert options is not None
                text = f"This cell is a copy of `{options.name}` and is called `{name}`: give it a name of its own."
                self.link.publisher.notice("info", text, task=task, cell=task)
                self._copies_told.add(task)

    def _node(self, task: str) -> NodeView:
        cell = self._standing.cells[task]
        made = self._versions.made.get(task, {})
        shown = cell.writes - cell.hidden
        # Imports and functions beside values go without saying.
        visible = sorted((shown - cell.definitions or shown) | cell.in_place)
        visible += [n for n, v in sorted(made.items()) if n not in visible and v.in_place and not n.startswith("@")]
        graph = self._standing.graph
        reads = [name for name in sorted(graph.reads(task)) if self._is_shown_as_read(task, name)]
        return NodeView(
            id=task, name=graph.names[task], cell=task, label=self._document.labels.get(task, ""),
            reads=tuple(reads), writes=tuple(visible), total=self._totals.get(task, 0),
        )  # fmt: skip

    def _is_shown_as_read(self, task: str, name: str) -> bool:
        """Inputs are values; modules, functions and classes go without saying."""
        seen = self._versions.seen_by(task, name)
        if isinstance(seen, Version):
            if seen.definition:
                return False
            return not isinstance(self._shell.user_ns.get(name), (types.ModuleType, types.FunctionType, type))
        if isinstance(seen, str):
            return name not in self._standing.cells[seen].definitions
        return False

    # --- what happens in a run

    def listen(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._run_progress = [0, len(event.tasks)]
            self.link.publisher.run(0, len(event.tasks))
        elif isinstance(event, RunEnded):
            self.link.publisher.run(0, 0)
        elif isinstance(event, TaskMoved) and (event.state is not State.Pending or event.attempt > 0):
            self._moved(event)

    def _moved(self, event: TaskMoved) -> None:
        row = self.row(event.task)
        started, ended = row.started_ms, row.ended_ms
        if event.state is State.Running:
            started, ended = event.at * 1000, None
            row = replace(row, done=0, failed=0, running=0)
        elif event.state.is_finished:
            ended = event.at * 1000
            self._run_progress[0] += 1
            self.link.publisher.run(*self._run_progress)
        elif event.state is State.Retrying and event.due_s is not None:
            ended = event.due_s * 1000  # until then the page counts down
        if event.state is State.TriggerFailed:
            started = ended = None
        moved = replace(
            row, state=event.state.name, started_ms=started, ended_ms=ended, attempt=event.attempt, note=event.note
        )
        self.set_row(event.task, moved)
        is_partly_failed = event.state is State.Mapped and row.failed > 0
        if is_partly_failed or event.state in (State.Failed, State.TimedOut, State.Crashed):
            self.link.publisher.notice(
                "error",
                f"`{self._standing.name(event.task)}` failed: {event.note}",
                task=event.task,
                cell=event.task,
                verbs=["retry_failed"],
            )

    def tell_changed_in_place(self, cell_id: str, names: Iterable[str]) -> None:
        for name in names:
            self.link.publisher.notice(
                "info",
                f"`{self._standing.name(cell_id)}` changes `{name}` in place: it leaves a new version of it.",
                task=cell_id,
                cell=cell_id,
            )

    def tell_unpinned(self, cell_id: str) -> None:
        name = self._standing.name(cell_id)
        self.link.publisher.notice(
            "warning",
            f"`{name}` is no longer pinned: what it had made was not there any more, and it ran again.",
            task=cell_id,
            cell=cell_id,
        )

    def remember_previews(self, made: Mapping[str, Version]) -> None:
        """Small values that a cell has made, in the words that a later reason compares them with."""
        for name, version in made.items():
            value = self._shell.user_ns.get(name, NOTHING)
            text = partial(self._reading.definition, version.cell or "", name)
            self._standing.remembered.remember(version, value, text)

    # --- the graph in a cell

    def display_graph(self) -> None:
        """Shows the live graph in the cell that runs now."""
        from IPython.display import display

        from ..view.widget import FlowWidget

        if self._has_front_end() and not self._page_arrives() and FlowWidget.is_available():
            self._widget = self._widget or FlowWidget.connected(self)
            display(self._widget)
            return
        self._graph_shown = True
        display(bundle(self.view()), raw=True, display_id=self._display_id)

    def _refresh_displayed_graph(self) -> None:
        """Writes the saved form of the graph anew, some time after the last run: it is part of the file."""
        if not self._graph_shown or self.loop is None:
            return
        if self._refresh is not None:
            self._refresh.cancel()

        def refresh() -> None:
            self._refresh = None
            if not self._turn.locked():
                self._shell.display_pub.publish(
                    bundle(self.view()), {}, transient={"display_id": self._display_id}, update=True
                )

        self._refresh = self.loop.call_later(REFRESH_AFTER_S, refresh)

    def _has_front_end(self) -> bool:
        return getattr(self._shell, "kernel", None) is not None and self.front_end_names_cells

    def _page_arrives(self) -> bool:
        """Waits a moment for the page that has just been told of us: it connects in another thread."""
        deadline = time.monotonic() + PAGE_WAIT_S
        while not self.link.pages and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.link.pages > 0


def _edges(graph: Graph) -> tuple[EdgeView, ...]:
    index = {task: i for i, task in enumerate(graph.names)}
    return tuple(EdgeView(index[e.source], index[e.target], e.names) for e in graph.task_edges)
