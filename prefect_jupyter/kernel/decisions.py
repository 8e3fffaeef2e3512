"""What a person decided about the tasks of one notebook: in this kernel and, where the store can keep it, later ones.

It must not judge: whether a decision still says something is for `standing` to find out.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.cells import Cell
from ..core.decisions import Decision
from ..core.rebuilder import Trace
from ..runtime.stamps import unchanged
from ..runtime.stores import Store
from .traced import is_lost, references


class Decisions:
    """By cell. `notebook` is what the store calls the notebook."""

    def __init__(self, store: Store, notebook: Callable[[], str]) -> None:
        self._store = store
        self._notebook = notebook
        self._of: dict[str, Decision | None] = {}
        self._kept: dict[str, Decision] | None = None

    def of(self, cell: Cell) -> Decision | None:
        """What was decided about the task of a cell, in this kernel or before."""
        if cell.id not in self._of:
            name = _kept_under(cell)
            if name is None:
                return None
            if self._kept is None:
                self._kept = self._store.decisions(self._notebook())
            self._of[cell.id] = self._kept.get(name)
        return self._of[cell.id]

    def take(self, cell: Cell, decision: Decision) -> bool:
        """Notes a decision. Returns whether later kernels will know of it."""
        self._of[cell.id] = decision
        name = _kept_under(cell)
        if name is None or not self.can_answer(decision.trace):
            return False
        self._store.decide(self._notebook(), name, decision)
        return True

    def drop(self, cell: Cell) -> bool:
        """Takes a decision back. False: there was none."""
        if self.of(cell) is None:
            return False
        self._of[cell.id] = None
        name = _kept_under(cell)
        if name is not None:
            self._store.decide(self._notebook(), name, None)
        return True

    def can_answer(self, trace: Trace) -> bool:
        """Whether the store has all that a result is made of."""
        needed = references(trace)
        is_whole = not trace.executes and not any(map(is_lost, trace.outputs.values()))
        are_files_there = all(unchanged(path, known) for path, known in trace.files_out.items())
        return is_whole and are_files_there and self._store.present(needed) >= set(needed)


def _kept_under(cell: Cell) -> str | None:
    """By its cell, or by the name in its header where cells have no ids. Names that are given by us move about."""
    if not cell.id.startswith("execution-"):
        return f"cell {cell.id}"
    return f"name {cell.options.name}" if cell.options is not None and cell.options.name is not None else None
