"""What every store can do.

A store answers or it does not; it must not raise because of a disk, nor give back anything that it did not
write itself, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from ...core.decisions import Decision
from ...core.eviction import Limits
from ...core.rebuilder import Trace
from ..pickles import Pickle

# Told in one line what went wrong, and what it means for the reader; from any thread.
Notice = Callable[[str], None]

# The traces of one key differ in the inputs that were discovered at run time; older ones are dropped.
VARIANTS_MAX = 16


# What a result is called by: its key, and which of the results of that key it is.
Id = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One result as a person sees it. `saves_s` is what one use of it saves, `uses` how often it was used.

    `is_in_use`: an open notebook's last run used it. `is_pinned`: a person said that it stays.
    """

    id: Id
    notebook: str
    task: str
    size_bytes: int
    made_s: float
    saves_s: float
    used_s: float
    uses: int
    is_in_use: bool = False
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Freed:
    """What was given up: results, and leftovers of kernels that were killed."""

    results: int = 0
    leftovers: int = 0
    size_bytes: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(
            results=self.results + other.results,
            leftovers=self.leftovers + other.leftovers,
            size_bytes=self.size_bytes + other.size_bytes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was checked, byte for byte, and what was broken and is removed: (task or "", key, why) each."""

    results: int = 0
    values: int = 0
    size_bytes: int = 0
    broken: tuple[tuple[str, str, str], ...] = ()


class Keeping(Protocol):
    """What a store can do about what it holds. Whatever is removed is made again when it is needed."""

    def entries(self) -> list[Entry]:
        """Every result, the last used first."""

    def total_bytes(self) -> int:
        """Bytes kept, values and results."""

    def drop(self, ids: Collection[Id]) -> Freed:
        """Remove results, and the values that no other result needs."""

    def sweep(self, limits: Limits, *, thoroughly: bool = False) -> Freed:
        """Bring what is kept within limits. What an open notebook's last run used, or a person decided about, stays.

        `thoroughly`: also look through the folder for files that nothing names.
        """

    def verify(self) -> Verified:
        """Check everything, and remove what is broken."""

    def shrink(self) -> None:
        """Give free space back to the disk; may take a moment."""


class Store(Protocol):
    """Traces by key, values by reference, and which trace each task of a notebook had last.

    `written_bytes` grows with everything that this process has written.
    """

    written_bytes: int

    @property
    def keeping(self) -> Keeping:
        """What looks after what there is."""

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

    def used(self, key: str) -> None:
        """A task was answered with a result under this key. Kept in memory until the next sweep or the end."""

    def decide(self, notebook: str, task: str, decision: Decision | None) -> None:
        """Keep what a person decided about a task, with the values of the result that it names; None: nothing."""

    def decisions(self, notebook: str) -> dict[str, Decision]:
        """What a person decided about a notebook's tasks, by task."""

    def size(self) -> int:
        """Bytes kept."""

    def flush(self) -> None:
        """Return when everything is on disk."""

    def close(self) -> None:
        """Let go of files; the store opens them again when it is used again."""
