"""The store of a user: an index, files for what is large, and a seal on everything.

It must not fail a task: what cannot be written stays in memory, what cannot be trusted is a miss, and either
is said once.
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from ...core.decisions import Decision
from ...core.rebuilder import Trace
from ..files import unseen
from ..pickles import Pickle
from .filesystem import FileSystem
from .housekeeping import DiskKeeping
from .ledger import BEAT_S
from .memory import MemoryStore
from .opened import BrokenFiles, Opened
from .orphans import drop_abandoned, drop_orphans, is_due
from .references import reference_of, reference_of_bytes, variant_of
from .seal import Broken, read_secret, read_team_key
from .store import Freed, Keeping, Notice

_T = TypeVar("_T")


class DiskStore:
    """Implements `Store`. Opens at the first use."""

    def __init__(
        self, folder: Path, secret: Path, notice: Notice, files: FileSystem | None = None,
        team_key: Callable[[], str] = str, clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`secret` is made when there is none; `team_key` names a file in its place, "" for none."""
        self._folder = folder
        self._secret = secret
        self._team_key = team_key
        self._notice = notice
        self._files = files or FileSystem()
        self._opened: Opened | None = None
        self._unusable = False
        self._memory = MemoryStore()
        self._said: set[str] = set()
        self._is_tidy = False
        self._tidying: threading.Thread | None = None
        self.clock = clock
        self.written_bytes = 0
        self._last: dict[tuple[str, str], str] = {}  # what need not be written again
        self._unnamed: set[str] = set()  # keys of results that do not bear the name of a task so far
        self._uses: Counter[str] = Counter()  # what has yet to be written down
        self._leases: dict[str, float] = {}  # the notebooks that are marked as open, and since when
        self._lock = threading.RLock()

    # Traces

    def traces(self, key: str) -> list[Trace]:
        return self.traces_of([key]).get(key, [])

    def traces_of(self, keys: Iterable[str]) -> dict[str, list[Trace]]:
        wanted = list(dict.fromkeys(keys))
        found = self._memory.traces_of(wanted)
        stored = self.on_disk(lambda opened: self._read_traces(opened, wanted), list[Trace])
        for trace in stored:
            found.setdefault(trace.key, []).append(trace)
        return found

    def _read_traces(self, opened: Opened, keys: list[str]) -> list[Trace]:
        traces: list[Trace] = []
        for key, variant, entry in opened.index.traces(keys):
            try:
                traces.append(opened.read_trace(key, variant, entry))
            except Broken as broken:
                self._heal(f"a result {broken}", lambda: opened.index.drop_trace(key, variant))  # noqa: B023
        return traces

    def put(self, trace: Trace) -> None:
        variant = variant_of(trace)

        def write(opened: Opened) -> None:
            self.written_bytes += opened.write_trace(trace, variant, self.clock())
            self._unnamed.add(trace.key)

        self.on_disk(write, lambda: self._memory.put(trace))
        self._tidy_in_time()

    def forget(self, key: str) -> None:
        self._memory.forget(key)
        self.on_disk(lambda opened: opened.index.drop_traces(key), _nothing)

    # Claims

    def claim(self, key: str) -> bool:
        return self.on_disk(lambda opened: opened.claims.take(key), lambda: True)

    def release(self, key: str) -> None:
        if self._opened is not None:
            self._opened.claims.give_back(key)

    @property
    def has_claims(self) -> bool:
        return self._opened is not None and self._opened.claims.holds_any

    # Values

    def put_value(self, pickled: Pickle, fingerprint: str | None) -> str:
        reference = reference_of_bytes(pickled) if fingerprint is None else reference_of(fingerprint)

        def write(opened: Opened) -> None:
            self.written_bytes += opened.write_value(reference, pickled, self.clock())

        def keep() -> None:
            self._memory.put_value(pickled, fingerprint)

        self.on_disk(write, keep)
        return reference

    def value(self, reference: str) -> Pickle | None:
        kept = self._memory.value(reference)
        if kept is not None:
            return kept
        return self.on_disk(lambda opened: self._read_value(opened, reference), lambda: None)

    def _read_value(self, opened: Opened, reference: str) -> Pickle | None:
        entry = opened.index.record(reference)
        if entry is None:
            return None
        try:
            return opened.read_value(reference, entry)
        except Broken as broken:
            names = broken.names if isinstance(broken, BrokenFiles) else []

            def drop() -> None:
                for name in names:
                    opened.blobs.drop(name)
                opened.index.drop_record(reference)

            self._heal(f"a value {broken}", drop)
            return None

    def has(self, reference: str) -> bool:
        return self._memory.has(reference) or self.on_disk(lambda opened: opened.index.has_record(reference), bool)

    def present(self, references: Iterable[str]) -> set[str]:
        wanted = list(references)
        stored = self.on_disk(lambda opened: opened.index.records_present(wanted), set[str])
        return stored | self._memory.present(wanted)

    # Notebooks

    def remember(self, notebook: str, task: str, key: str) -> None:
        if self._last.get((notebook, task)) == key and key not in self._unnamed:
            return

        def write(opened: Opened) -> None:
            if notebook not in self._leases or self.clock() - self._leases[notebook] > BEAT_S:
                opened.ledger.hold(notebook, self.clock())
                self._leases[notebook] = self.clock()
            opened.index.remember(notebook, task, key)

        self.on_disk(write, lambda: self._memory.remember(notebook, task, key))
        self._last[notebook, task] = key
        self._unnamed.discard(key)

    def recall(self, notebook: str) -> dict[str, str]:
        last = {
            **self.on_disk(lambda opened: opened.index.recall(notebook), dict[str, str]),
            **self._memory.recall(notebook),
        }
        self._last |= {(notebook, task): key for task, key in last.items()}
        return last

    def used(self, key: str) -> None:
        self._memory.used(key)
        with self._lock:
            self._uses[key] += 1

    def decide(self, notebook: str, task: str, decision: Decision | None) -> None:
        self._memory.decide(notebook, task, None)

        def write(opened: Opened) -> None:
            if decision is None:
                opened.index.undecide(notebook, task)
            else:
                opened.write_decision(notebook, task, decision)

        self.on_disk(write, lambda: self._memory.decide(notebook, task, decision))

    def decisions(self, notebook: str) -> dict[str, Decision]:
        def read(opened: Opened) -> dict[str, Decision]:
            found = {}
            for task, entry in opened.index.decisions(notebook):
                try:
                    found[task] = opened.read_decision(notebook, task, entry)
                except Broken as broken:
                    self._heal(f"a pin {broken}", lambda: opened.index.undecide(notebook, task))  # noqa: B023
            return found

        return self.on_disk(read, dict[str, Decision]) | self._memory.decisions(notebook)

    # The whole

    @property
    def keeping(self) -> Keeping:
        return DiskKeeping(self, self._memory)

    def settle_uses(self, opened: Opened) -> None:
        """Write down how often results were used."""
        with self._lock:
            uses, self._uses = dict(self._uses), Counter()
        if uses:
            opened.ledger.used(uses, self.clock())

    def forget_what_is_known(self) -> None:
        """What was written may be removed now: write it again when it is made again."""
        with self._lock:
            self._last.clear()

    def size(self) -> int:
        return self._memory.size() + self.on_disk(lambda opened: opened.index.size_bytes(), int)

    def flush(self) -> None:
        def flush(opened: Opened) -> None:
            self.settle_uses(opened)
            opened.index.flush()

        self.on_disk(flush, _nothing)

    def close(self) -> None:
        if self._tidying is not None:
            self._tidying.join()
        with self._lock:
            opened = self._opened
            if opened is not None:
                with contextlib.suppress(OSError, sqlite3.Error):
                    self.settle_uses(opened)
                    opened.ledger.release()
                opened.close()
            self._opened, self._unusable, self._tidying = None, False, None
            self._last.clear()
            self._leases.clear()

    def tidy(self) -> Freed:
        """Removes what nothing leads to. What cannot be removed stays: it is never used."""
        freed = Freed()
        with contextlib.suppress(OSError, sqlite3.Error), unseen():
            opened = self._open()
            if opened is not None:
                now_s = time.time()
                freed = drop_orphans(opened.index, opened.blobs, self._files, now_s)
                drop_abandoned(self._folder, opened.seal.name, self._files, now_s)
        return freed

    def _tidy_in_time(self) -> None:
        """Once a day, beside whatever else happens."""
        if self._is_tidy or self._opened is None:
            return
        self._is_tidy = True
        with contextlib.suppress(OSError, sqlite3.Error):
            if is_due(self._opened.index, time.time()):
                self._tidying = threading.Thread(target=self.tidy, name="prefect_jupyter tidies its cache", daemon=True)
                self._tidying.start()

    def on_disk(self, act: Callable[[Opened], _T], otherwise: Callable[[], _T]) -> _T:
        """Act on the disk; if that fails, say so once and do otherwise."""
        try:
            opened = self._open()
            if opened is None:
                return otherwise()
            try:
                return act(opened)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                self._say("damaged index", f"The cache index was damaged ({error}): it starts anew.")
                opened.index.move_aside()
                self._last.clear()
                return act(opened)
        except (OSError, sqlite3.Error) as error:
            self._say(
                "unwritable",
                f"Results are not cached on disk: {_cause(error)}. They stay in memory until the kernel ends."
                f" The cache is {self._folder}.",
            )
            return otherwise()

    def _open(self) -> Opened | None:
        with self._lock:
            if self._opened is None and not self._unusable:
                try:
                    self._opened = Opened(self._folder, self._read_secret, self._files)
                except OSError:
                    self._unusable = True
                    raise
                if self._opened.is_news:
                    self._say(
                        "untrusted",
                        f"The cache {self._folder} holds results that were written with another key: on another"
                        " machine, or by another person. They are not used, since loading a result runs code; yours"
                        " are kept beside them. To share results, give all of you one key: see Flow.cache_key_file.",
                    )
            return self._opened

    def _read_secret(self) -> bytes:
        chosen = self._team_key()
        if chosen:
            return read_team_key(Path(chosen).expanduser().absolute(), self._folder, self._files)
        return read_secret(self._secret, self._files)

    def _heal(self, what: str, drop: Callable[[], None]) -> None:
        """Remove an entry that cannot be trusted, so that it is made again."""
        self._say("damaged entry", f"In the cache {what}: it is not used, and is made again when it is needed.")
        try:
            drop()
        except (OSError, sqlite3.Error):
            self._say("undroppable", "A damaged entry of the cache cannot be removed; it is not used.")

    def _say(self, kind: str, text: str) -> None:
        with self._lock:
            if kind in self._said:
                return
            self._said.add(kind)
        self._notice(text)


def _nothing() -> None:
    """What there is to do without a disk."""


def _cause(error: OSError | sqlite3.Error) -> str:
    """What went wrong in words, with the name that manuals give it."""
    if isinstance(error, OSError):
        name = errno.errorcode.get(error.errno or 0, "")
        text = error.strerror or str(error)
    else:
        name, text = getattr(error, "sqlite_errorname", ""), str(error)
    path = getattr(error, "filename", None)
    return text + (f" [{name}]" if name else "") + (f" ({path})" if path else "")
