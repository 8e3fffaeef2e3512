"""What the store keeps of single children of a mapped task, so that one new element runs one child.

It must not run a child, or know in which order they run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.cells import Cell
from ..core.rebuilder import Output, Trace
from ..runtime.pickles import Pickle, Unloadable, Unstorable, dump, load
from ..runtime.stores import Store
from .outputs import RawOutput

# Children that end within this time are written together.
FLUSH_AFTER_S = 0.05
_KEYS_ASKED = 64


@dataclass(slots=True)
class Child:
    """What one child left: its outputs by name, and what it showed."""

    values: dict[str, Any] = field(default_factory=dict)
    displays: list[RawOutput] = field(default_factory=list)


class ChildRecords:
    """The children of one mapped task under `key`, which stands for all but their elements.

    Each record holds the children that ended within a moment, by the digests of their elements; the records of a
    key are numbered. `is_valid(trace)` says whether what the run depended on besides is as it was, and `surroundings`
    what that is now, None when children are not independent of each other and must not be kept.
    """

    def __init__(
        self, store: Store, key: str, cell: Cell, namespace: Mapping[str, Any],
        is_valid: Callable[[Trace], bool], surroundings: Callable[[], Trace | None],
    ) -> None:  # fmt: skip
        self._store = store
        self._key = key
        self._cell = cell
        self._namespace = namespace
        self._is_valid = is_valid
        self._surroundings = surroundings
        self._pending: dict[str, Child] = {}
        self._pending_since_s: float | None = None
        self._next = 0

    def find(self, digests: Collection[str]) -> dict[str, Child]:
        """The children with these digests that are on record."""
        wanted = set(digests)
        found: dict[str, Child] = {}
        for trace in self._records():
            here = wanted & trace.inputs.keys()
            if here and self._is_valid(trace):
                found |= {digest: child for digest, child in self._opened(trace).items() if digest in here}
        return found

    def _records(self) -> Iterable[Trace]:
        while True:
            keys = [f"{self._key}:{self._next + number}" for number in range(_KEYS_ASKED)]
            known = self._store.traces_of(keys)
            for key in keys:
                if key not in known:
                    return
                self._next += 1
                yield known[key][0]

    def _opened(self, trace: Trace) -> dict[str, Child]:
        pickle = self._store.value(trace.groups[0]) if trace.groups else None
        if pickle is None:
            return {}
        try:
            held: Any = load(pickle, self._namespace, lambda name: None)["children"]
        except Unloadable:
            return {}
        return {digest: Child(values, displays) for digest, (values, displays) in held.items()}

    def add(self, digest: str, child: Child) -> None:
        self._pending[digest] = child
        now = time.monotonic()
        if self._pending_since_s is None:
            self._pending_since_s = now
        if now - self._pending_since_s > FLUSH_AFTER_S:
            self.flush()

    def flush(self) -> None:
        """Writes what has ended. What cannot be stored is left out: it runs again."""
        pending, self._pending, self._pending_since_s = self._pending, {}, None
        known = self._surroundings() if pending else None
        if known is None:
            return
        pickle = self._pickled(pending)
        if pickle is None:
            pending = {digest: child for digest, child in pending.items() if self._pickled({digest: child})}
            pickle = self._pickled(pending)
        if pickle is not None and pending:
            self._put(known, pending, pickle)

    def _put(self, known: Trace, children: Mapping[str, Child], pickle: Pickle) -> None:
        reference = self._store.put_value(pickle, None)
        self._store.put(
            Trace(
                key=f"{self._key}:{self._next}", source=self._cell.source, digest=self._cell.digest,
                inputs=dict.fromkeys(children, ""), outputs={"children": Output(fingerprint="", group=0)},
                groups=(reference,), ambient_in=known.ambient_in, files_in=known.files_in,
                started_s=known.started_s, duration_s=known.duration_s,
            )
        )  # fmt: skip
        self._next += 1

    def _pickled(self, children: Mapping[str, Child]) -> Pickle | None:
        held = {digest: (child.values, child.displays) for digest, child in children.items()}
        try:
            return dump({"children": held}, self._namespace)
        except Unstorable:
            return None

    def discard(self) -> None:
        """Children have turned out not to be independent of each other: none is kept."""
        self._pending.clear()
        for number in range(self._next):
            self._store.forget(f"{self._key}:{number}")
        self._next = 0

    def condense(self, children: Mapping[str, Child]) -> None:
        """Everything has ended well: one record in place of many."""
        if self._next < 2:
            return
        known, pickle = self._surroundings(), self._pickled(children)
        if known is None or pickle is None:
            return
        last, self._next = self._next, 0
        self._put(known, children, pickle)
        for number in range(1, last):
            self._store.forget(f"{self._key}:{number}")
