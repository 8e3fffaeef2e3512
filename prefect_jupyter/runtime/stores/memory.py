"""A store that lasts as long as the kernel.

It must not hand out memory that a later reader would find changed.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Iterable

from ...core.decisions import Decision
from ...core.eviction import Limits
from ...core.rebuilder import Trace
from ..pickles import Pickle
from .references import reference_of, reference_of_bytes, variant_of
from .store import VARIANTS_MAX, Entry, Freed, Id, Verified


class MemoryStore:
    """Keeps bytes, not objects, so that a value comes back as a new one each time."""

    def __init__(self) -> None:
        self._traces: dict[str, dict[str, Trace]] = {}
        self._values: dict[str, Pickle] = {}
        self._last: dict[str, dict[str, str]] = {}
        self._uses: Counter[str] = Counter()
        self._decisions: dict[str, dict[str, Decision]] = {}
        self._lock = threading.Lock()
        self.written_bytes = 0

    def traces(self, key: str) -> list[Trace]:
        with self._lock:
            return list(self._traces.get(key, {}).values())[::-1]

    def traces_of(self, keys: Iterable[str]) -> dict[str, list[Trace]]:
        return {key: traces for key in keys if (traces := self.traces(key))}

    def put(self, trace: Trace) -> None:
        with self._lock:
            variants = self._traces.setdefault(trace.key, {})
            variant = variant_of(trace)
            variants.pop(variant, None)
            variants[variant] = trace
            if len(variants) > VARIANTS_MAX:
                del variants[next(iter(variants))]

    def forget(self, key: str) -> None:
        with self._lock:
            self._traces.pop(key, None)

    def claim(self, _key: str) -> bool:
        """Nobody else can see what is here."""
        return True

    def release(self, key: str) -> None:
        """There was nothing to hold."""

    @property
    def has_claims(self) -> bool:
        return False

    def put_value(self, pickled: Pickle, fingerprint: str | None) -> str:
        reference = reference_of_bytes(pickled) if fingerprint is None else reference_of(fingerprint)
        if not self.has(reference):
            kept = Pickle(pickled.stream, tuple(memoryview(bytes(buffer)) for buffer in pickled.buffers))
            with self._lock:
                self._values[reference] = kept
        return reference

    def value(self, reference: str) -> Pickle | None:
        with self._lock:
            return self._values.get(reference)

    def has(self, reference: str) -> bool:
        with self._lock:
            return reference in self._values

    def present(self, references: Iterable[str]) -> set[str]:
        return {reference for reference in references if self.has(reference)}

    def remember(self, notebook: str, task: str, key: str) -> None:
        with self._lock:
            self._last.setdefault(notebook, {})[task] = key

    def recall(self, notebook: str) -> dict[str, str]:
        with self._lock:
            return dict(self._last.get(notebook, {}))

    def used(self, key: str) -> None:
        with self._lock:
            self._uses[key] += 1

    def decide(self, notebook: str, task: str, decision: Decision | None) -> None:
        with self._lock:
            self._decisions.setdefault(notebook, {}).pop(task, None)
            if decision is not None:
                self._decisions[notebook][task] = decision

    def decisions(self, notebook: str) -> dict[str, Decision]:
        with self._lock:
            return dict(self._decisions.get(notebook, {}))

    @property
    def keeping(self) -> MemoryKeeping:
        return MemoryKeeping(self)

    def size(self) -> int:
        with self._lock:
            return sum(pickled.size_bytes for pickled in self._values.values())

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open; what is kept goes with the process."""


class MemoryKeeping:
    """Implements `Keeping`. There is no quota: all of it goes with the kernel, whose memory it is."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def entries(self) -> list[Entry]:
        store = self._store
        with store._lock:
            named = {key: (notebook, task) for notebook, last in store._last.items() for task, key in last.items()}
            pins = {d.trace.key for known in store._decisions.values() for d in known.values() if d.kind == "pinned"}
            return [
                Entry(
                    id=(key, variant), notebook=named.get(key, ("", ""))[0], task=named.get(key, ("", ""))[1],
                    size_bytes=sum(store._values[each].size_bytes for each in _values(trace) if each in store._values),
                    made_s=trace.started_s, saves_s=trace.duration_s, used_s=trace.started_s, uses=store._uses[key],
                    is_in_use=key in named, is_pinned=key in pins,
                )
                for key, variants in store._traces.items()
                for variant, trace in variants.items()
            ]  # fmt: skip

    def total_bytes(self) -> int:
        return self._store.size()

    def drop(self, ids: Collection[Id]) -> Freed:
        store, before, count = self._store, self._store.size(), 0
        with store._lock:
            for key, variant in ids:
                count += store._traces.get(key, {}).pop(variant, None) is not None
            needed = {
                each for variants in store._traces.values() for trace in variants.values() for each in _values(trace)
            }
            needed |= {each for known in store._decisions.values() for d in known.values() for each in d.values}
            store._values = {reference: kept for reference, kept in store._values.items() if reference in needed}
        return Freed(results=count, size_bytes=before - store.size())

    def sweep(self, limits: Limits, *, thoroughly: bool = False) -> Freed:  # noqa: ARG002
        return Freed()

    def verify(self) -> Verified:
        entries = self.entries()
        return Verified(results=len(entries), values=len(self._store._values), size_bytes=self.total_bytes())

    def shrink(self) -> None:
        """Nothing is held back."""


def _values(trace: Trace) -> tuple[str, ...]:
    return (*trace.groups, *trace.ambient_out.values(), *trace.blobs.values())
