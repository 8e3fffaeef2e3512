"""What a person is shown of a pipeline: its tasks, their connections and where each one stands.

Plain values, built by the session and read by every view. It must not know the engine, the wire or a renderer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .protocol import CONCLUDED, STATES, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One task: `id` is stable, `cell` is the notebook's cell id, `label` is "[4]" or "".

    `total` counts mapped children, 0 when the task is not mapped.
    """

    id: str
    name: str
    cell: str = ""
    label: str = ""
    total: int = 0
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EdgeView:
    """`names` go from the task at position `source` to the task at position `target`."""

    source: int
    target: int
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """Where one task stands. Times are ms since the epoch.

    `note` is one line on what happened ("KeyError: 'dep_dela'"), `reason` one line on why the task is
    not fresh, "" when it is. `done`, `failed` and `running` count mapped children.
    """

    state: str = "Pending"
    verdict: str = "stale"
    started_ms: float | None = None
    ended_ms: float | None = None
    attempt: int = 0
    done: int = 0
    failed: int = 0
    running: int = 0
    note: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"{self.state!r} is not a state of a task; the states are {', '.join(STATES)}.")
        if self.verdict not in VERDICTS:
            raise ValueError(f"{self.verdict!r} is not a verdict on a task; the verdicts are {', '.join(VERDICTS)}.")

    @property
    def is_concluded(self) -> bool:
        """Whether the task has ended, well or badly."""
        return self.state in CONCLUDED


@dataclass(frozen=True, slots=True)
class RunView:
    """How far the present run is. `expected_s` is the time still to go by history, None when there is none."""

    done: int
    total: int
    expected_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineView:
    """All of one notebook's pipeline at one moment. `nodes` are in document order, `rows[i]` belongs to `nodes[i]`."""

    title: str
    session: str
    nodes: tuple[NodeView, ...] = ()
    edges: tuple[EdgeView, ...] = ()
    rows: tuple[RowView, ...] = ()
    run: RunView | None = None

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.nodes):
            raise ValueError(f"A pipeline of {len(self.nodes)} tasks needs as many rows, not {len(self.rows)}.")

    def tasks(self) -> Iterator[tuple[NodeView, RowView]]:
        """The tasks with where they stand, in document order."""
        return zip(self.nodes, self.rows, strict=True)

    def upstream_of(self, index: int) -> list[tuple[str, tuple[str, ...]]]:
        """(name of the task, names that it hands over) for each task that the one at `index` reads from."""
        return [(self.nodes[e.source].name, e.names) for e in self.edges if e.target == index]
