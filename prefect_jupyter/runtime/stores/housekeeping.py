"""Looks after a store on disk: what it holds, what goes when there is too much, what is broken.

It must not remove anything that a running kernel is writing, nor fail a task: whatever goes is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, TypeVar

from ...core.eviction import Limits, to_drop
from ..files import unseen
from .memory import MemoryStore
from .opened import BrokenFiles, Opened
from .seal import Broken
from .store import Entry, Freed, Id, Verified

if TYPE_CHECKING:
    from .disk import DiskStore

_T = TypeVar("_T")

# A kernel may be about to name what it has written.
GRACE_S = 3600.0


class Housekeeping:
    """What there is to do on an opened disk. Raises sqlite3.Error and OSError."""

    def __init__(self, opened: Opened, clock: Callable[[], float]) -> None:
        self._opened = opened
        self._index, self._ledger, self._blobs = opened.index, opened.ledger, opened.blobs
        self._clock = clock

    def entries(self) -> list[Entry]:
        now = self._clock()
        in_use, decided = self._ledger.in_use(now), self._ledger.decided(pinned=True)
        values, sizes = self._ledger.values(), self._ledger.sizes()
        return [
            Entry(
                id=(row.key, row.variant), notebook=row.notebook, task=row.task, made_s=row.made_s,
                size_bytes=row.own_bytes + sum(sizes.get(each, 0) for each in values.get((row.key, row.variant), ())),
                saves_s=row.saves_s, used_s=row.used_s, uses=row.uses, is_in_use=row.key in in_use,
                is_pinned=row.key in decided,
            )
            for row in self._ledger.rows()
        ]  # fmt: skip

    def drop(self, ids: Collection[Id]) -> Freed:
        before = self._ledger.total_bytes()
        there = {(row.key, row.variant) for row in self._ledger.rows()} & set(ids)
        self._unlink(self._ledger.remove(there))
        return Freed(results=len(there), size_bytes=before - self._ledger.total_bytes())

    def sweep(self, limits: Limits) -> Freed:
        now = self._clock()
        before = self._ledger.total_bytes()
        is_over = limits.quota_bytes is not None and before > limits.quota_bytes
        has_old = limits.unused_s is not None and self._ledger.has_unused_since(now - limits.unused_s)
        if limits.unused_s is not None:
            self._ledger.remove_old_decisions(now - limits.unused_s, self._ledger.open_notebooks(now))
        going = to_drop(self._ledger.kept(now), self._ledger.sizes(), limits, now) if is_over or has_old else []
        files = self._ledger.remove([each.id for each in going])
        leftovers, lonely = self._ledger.remove_leftovers(now - GRACE_S)
        self._unlink(files | lonely)
        return Freed(results=len(going), leftovers=leftovers, size_bytes=before - self._ledger.total_bytes())

    def verify(self) -> Verified:
        sound, why, size = self._verify_values()
        broken: list[tuple[str, str, str]] = []
        needs, tasks = self._ledger.values(), {(row.key, row.variant): row.task for row in self._ledger.rows()}
        checked = 0
        for key, variant, entry in self._index.every_trace():
            checked += 1
            lost = next((each for each in needs.get((key, variant), ()) if each not in sound), None)
            try:
                if lost is not None:
                    raise Broken(f"needs a value that {why.get(lost, 'is gone')}")
                self._opened.read_trace(key, variant, entry)
            except Broken as amiss:
                broken.append((tasks.get((key, variant), ""), key, str(amiss)))
                self._unlink(self._ledger.remove([(key, variant)]))
        return Verified(results=checked, values=len(sound) + len(why), size_bytes=size, broken=tuple(broken))

    def _verify_values(self) -> tuple[set[str], dict[str, str], int]:
        """The references of sound values, why others are not and are removed, and the bytes of the sound ones."""
        sound: set[str] = set()
        why: dict[str, str] = {}
        size = 0
        for reference in self._index.references():
            entry = self._index.record(reference)
            try:
                if entry is not None:
                    size += self._opened.read_value(reference, entry, afresh=True).size_bytes
                    sound.add(reference)
            except Broken as amiss:
                why[reference] = str(amiss)
                if isinstance(amiss, BrokenFiles):
                    for name in amiss.names:
                        self._blobs.drop(name)
                self._unlink(self._ledger.remove_value(reference))
        return sound, why, size

    def _unlink(self, files: Collection[str]) -> None:
        """Remove files that nothing names any more; in a transaction, so that nobody begins to name one."""
        for name in files:
            with self._index.alone():
                if not self._ledger.is_owned(name):
                    self._blobs.drop(name)


class DiskKeeping:
    """`Keeping` of a store on disk, and of what had to stay in memory. A disk that fails costs a notice."""

    def __init__(self, store: DiskStore, memory: MemoryStore) -> None:
        self._store = store
        self._memory = memory.keeping

    def entries(self) -> list[Entry]:
        stored = self._do(lambda house: house.entries(), list[Entry])
        return sorted([*stored, *self._memory.entries()], key=lambda entry: -entry.used_s)

    def total_bytes(self) -> int:
        return self._store.on_disk(lambda opened: opened.ledger.total_bytes(), int) + self._memory.total_bytes()

    def drop(self, ids: Collection[Id]) -> Freed:
        return self._memory.drop(ids) + self._do(lambda house: house.drop(ids), Freed)

    def sweep(self, limits: Limits, *, thoroughly: bool = False) -> Freed:
        freed = self._do(lambda house: house.sweep(limits), Freed)
        return freed + self._store.tidy() if thoroughly else freed

    def verify(self) -> Verified:
        return self._do(lambda house: house.verify(), Verified)

    def shrink(self) -> None:
        self._store.on_disk(lambda opened: opened.index.shrink(), _nothing)

    def _do(self, act: Callable[[Housekeeping], _T], otherwise: Callable[[], _T]) -> _T:
        def on_disk(opened: Opened) -> _T:
            self._store.forget_what_is_known()
            self._store.settle_uses(opened)
            return act(Housekeeping(opened, self._store.clock))

        with unseen():
            return self._store.on_disk(on_disk, otherwise)


def _nothing() -> None:
    """What there is to do without a disk."""
