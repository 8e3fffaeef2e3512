"""What `_` holds: the value that was shown last, also where the cell that showed it was answered from the store.

It must not run anything: where a value cannot be put back, its cell has to run again, which others see to.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.cells import Cell
from ..core.graph import Graph
from ..core.rebuilder import Trace
from ..runtime.fingerprints import Fingerprinter
from ..runtime.pickles import Unloadable, Unstorable, dump
from ..runtime.stores import Store
from .outputs import RawOutput
from .user_namespace import UserNamespace

_NAMES = ("_", "__", "___")
_CELLS_BELOW = 30


class LastValue:
    """One kernel's. `owed` is the cell that showed the last value without having it in this kernel."""

    def __init__(self, shell: InteractiveShell, store: Store, namespace: UserNamespace) -> None:
        self._shell = shell
        self._store = store
        self._namespace = namespace
        self.owed: str | None = None

    @staticmethod
    def is_read_by(cell: Cell) -> bool:
        return any("`_" in reason for reason in cell.always)

    def is_read_below(self, graph: Graph, cell_id: str) -> bool:
        """Whether one of the next cells reads it."""
        return any(map(self.is_read_by, graph.below(cell_id, _CELLS_BELOW)))

    def keep(self, value: object) -> str:
        """Stores the value and returns its reference; "" where that cannot be, or where names hold a part of it."""
        if value is None:
            return ""
        storage = Fingerprinter(self._namespace.values, {}).own(value).storage
        if storage & self._namespace.storage_held():
            return ""
        try:
            return self._store.put_value(dump({"_": value}, self._namespace.values), None)
        except Unstorable:
            return ""

    def shown(self, cell_id: str, displays: Sequence[RawOutput], value: object) -> None:
        """A cell has ended: it showed `displays`, and `value` is the last of them as it is in this kernel."""
        if value is not None:
            self.owed = None
        elif any(output["output_type"] == "execute_result" for output in displays):
            self.owed = cell_id

    def put_back_above(self, cell_id: str, graph: Graph, traces: Mapping[str, Trace]) -> None:
        """Makes `_` what the nearest task above a cell showed that shows anything: the cell is run by nobody's hand."""
        for above in reversed(graph.cells[: graph.position(cell_id)]):
            trace = traces.get(above.id)
            if trace is not None and any(output["output_type"] == "execute_result" for output in trace.displays):
                self.put_back(trace)
                return

    def put_back(self, trace: Trace) -> bool:
        """Makes `_` what the task showed that was answered with `trace`. False: the store has it not."""
        pickled = self._store.value(trace.last) if trace.last else None
        if pickled is None:
            return False
        try:
            value = self._namespace.loaded(pickled)["_"]
        except Unloadable:
            return False
        hook: Any = self._shell.displayhook
        space, hidden = self._shell.user_ns, self._shell.user_ns_hidden
        held = [getattr(hook, name) for name in _NAMES]
        # as the shell itself does, which leaves the names alone once somebody has bound one of them
        is_the_shells = all(
            name not in space or hidden.get(name, held[place]) is space[name] or held[place] is space[name]
            for place, name in enumerate(_NAMES)
        )
        now = dict(zip(_NAMES, (value, *held), strict=False))
        for name, value in now.items():
            setattr(hook, name, value)
        if is_the_shells and not hasattr(builtins, "_"):
            self._shell.push(now, interactive=False)
        self.owed = None
        return True
