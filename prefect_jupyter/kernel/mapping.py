"""Mapped tasks of one notebook: what their bodies run in, and what is kept of their children.

It must not run anything: `mapped` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.cells import Cell
from ..core.events import Event
from ..core.rebuilder import Trace
from ..runtime.stamps import stamped_reads
from ..runtime.stores import Store
from .child_records import Child, ChildRecords
from .mapped import MappedBody, Surrounding
from .observation import Observation, Observer
from .outputs import Outputs, RawOutput
from .surroundings import Surroundings
from .versions import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What an attempt of a mapped task needs beyond others; `listen`, `progress` and `guard` as of `Surrounding`.

    `only_failed`: children that ended well in the run before are taken as they are, even where nothing is stored.
    """

    listen: Callable[[Event], None]
    progress: Callable[[int, int, int, int], None]
    guard: Callable[[], AbstractContextManager[None]]
    only_failed: bool = False


class MappedTasks:
    """Makes the bodies of mapped tasks, and remembers the children of those that failed in part."""

    def __init__(
        self, shell: InteractiveShell, outputs: Outputs, store: Store, surroundings: Surroundings, observer: Observer,
        clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._shell = shell
        self._outputs = outputs
        self._store = store
        self._surroundings = surroundings
        self._observer = observer
        self._clock = clock
        self._kept: dict[str, tuple[str, dict[str, Child]]] = {}

    def body(
        self, cell: Cell, mapped: Mapped, key: str, observed: Observation, inputs: Mapping[str, Version], *,
        stored: bool, forced: bool, awaits: bool, through: bool, sink: Callable[[str, RawOutput | None], None] | None,
        is_valid: Callable[[Trace], bool],
    ) -> MappedBody:  # fmt: skip
        """The body of `cell` for one run. `key` stands for everything that a child depends on but its element."""
        assert cell.options is not None
        before, kept = self._kept.get(cell.id, ("", {}))
        if not mapped.only_failed or before != key:
            kept = {}
        self._kept[cell.id] = (key, kept)
        values: dict[str, Any] = self._shell.user_ns
        records = ChildRecords(self._store, key, cell, values, is_valid, lambda: self._as_it_is(observed))
        around = Surrounding(
            shell=self._shell, outputs=self._outputs, clock=self._clock, listen=mapped.listen,
            progress=mapped.progress, guard=mapped.guard, through=through, sink=sink,
        )  # fmt: skip
        return MappedBody(
            cell, cell.options, around, {name: values[name] for name in inputs if name in values},
            records if stored else None, kept, is_forced=forced and not mapped.only_failed, awaits=awaits,
        )  # fmt: skip

    def ended_well(self, cell: str) -> None:
        """Nothing has to be retried any more."""
        self._kept.pop(cell, None)

    def _as_it_is(self, observed: Observation) -> Trace | None:
        """What children have depended on so far beside their elements; None where they depend on each other."""
        seen = observed.seen
        if seen.effects or seen.written or self._surroundings.changed_by(observed.watch):
            return None
        files_in, moved = stamped_reads(observed.read, seen.before, {})
        if moved:
            return None
        ambient_in = self._observer.ambient_in(observed, ())
        return Trace(key="", source="", digest="", inputs={}, outputs={}, ambient_in=ambient_in, files_in=files_in)


def child_inputs(cell: Cell, inputs: Mapping[str, Version]) -> dict[str, Version]:
    """`inputs` without the lists that are mapped over, unless the body or a function that it calls reads them too."""
    others = {name: version for name, version in inputs.items() if name not in cell.mapped_over}
    reached = frozenset().union(*(version.reach for version in others.values()))
    return {name: version for name, version in inputs.items() if name in others or name in reached}
