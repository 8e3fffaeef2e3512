"""What every store can do.

A store answers or it does not; it must not raise because of a disk, nor give back anything that it did not
write itself, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from ...core.rebuilder import Trace
from ..pickles import Pickle

# Told in one line what went wrong, and what it means for the reader; from any thread.
Notice = Callable[[str], None]

# The traces of one key differ in the inputs that were discovered at run time; older ones are dropped.
VARIANTS_MAX = 16


class Store(Protocol):
    """Traces by key, values by reference, and which trace each task of a notebook had last."""

    def traces(self, key: str) -> list[Trace]:
        """The traces under a key, newest first."""

    def traces_of(self, keys: Iterable[str]) -> dict[str, list[Trace]]:
        """Like `traces`, for many keys at once; keys without a trace are left out."""

    def put(self, trace: Trace) -> None:
        """Keep a trace; one with the same key and the same discovered inputs is replaced."""

    def forget(self, key: str) -> None:
        """Drop the traces under a key. Their values go when space is needed."""

    def claim(self, key: str) -> bool:
        """Whether this process may compute `key`; False: another one computes it now.

        A claim ends with `release` or with the process. Where locks do not work everybody may.
        """

    def release(self, key: str) -> None:
        """What was claimed is computed, or will not be."""

    @property
    def has_claims(self) -> bool:
        """Whether this process computes something: it must not wait for another one then."""

    def put_value(self, pickled: Pickle, fingerprint: str | None) -> str:
        """Keep a value and return its reference.

        With a fingerprint the reference is that of the content, so that equal values are kept once and
        `has(reference_of(fingerprint))` can be asked before anything is pickled; without, that of the bytes.
        """

    def value(self, reference: str) -> Pickle | None:
        """A value, verified. Large buffers are private maps of files: writable, and the file stays as it is."""

    def has(self, reference: str) -> bool:
        """Whether there is such a value; it is not verified yet."""

    def present(self, references: Iterable[str]) -> set[str]:
        """Those of `references` that there are values of: `has`, for many at once."""

    def remember(self, notebook: str, task: str, key: str) -> None:
        """Note the key of the last trace of a task."""

    def recall(self, notebook: str) -> dict[str, str]:
        """The last keys of a notebook's tasks, by task."""

    def size(self) -> int:
        """Bytes kept."""

    def flush(self) -> None:
        """Return when everything is on disk."""

    def close(self) -> None:
        """Let go of files; the store opens them again when it is used again."""
