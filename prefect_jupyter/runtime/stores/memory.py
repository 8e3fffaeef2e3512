"""A store that lasts as long as the kernel.

It must not hand out memory that a later reader would find changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from ...core.rebuilder import Trace
from ..pickles import Pickle
from .references import reference_of, reference_of_bytes, variant_of
from .store import VARIANTS_MAX


class MemoryStore:
    """Keeps bytes, not objects, so that a value comes back as a new one each time."""

    def __init__(self) -> None:
        self._traces: dict[str, dict[str, Trace]] = {}
        self._values: dict[str, Pickle] = {}
        self._last: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

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

    def size(self) -> int:
        with self._lock:
            return sum(pickled.size_bytes for pickled in self._values.values())

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open; what is kept goes with the process."""
