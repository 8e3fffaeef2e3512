"""Writes what happens in one kernel to a file of its own, so that two kernels on one notebook never mix.

It must not fail a run: where nothing can be written it says so once and is silent from then on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from ...core.events import ChildrenMoved, RunEnded, RunStarted, TaskMoved
from ...core.states import ACTIVE
from ..stores.claims import Claims
from ..stores.filesystem import FileSystem
from .history import History, folder_of, read_history
from .lines import Fact, Logged, Opened, encode

SESSIONS_MAX = 50
"""Journals kept for one notebook; the oldest go when a new one begins."""
BYTES_MAX = 64 * 1024 * 1024
"""A journal that has grown so large takes no more lines of logs, only moves."""
_BATCH = 64


class Journal:
    """The journal of one kernel. `tell` may be called from any thread.

    A line is on its way to the disk (in the hands of the operating system) before a task's body starts, so that a
    kernel that is killed leaves a trace of what it was doing; other lines are written in batches.
    """

    def __init__(
        self, root: Path, notebook: str, session: str, at: float, *,
        redact: Callable[[str], str], warn: Callable[[str], None], files: FileSystem | None = None,
    ) -> None:  # fmt: skip
        self._root = root
        self._notebook = notebook
        self._session = session
        self._redact = redact
        self._warn = warn
        self._files = files or FileSystem()
        self._alive = Claims(root / "history" / "alive", self._files, work=True)
        self._lock = threading.Lock()
        self._waiting: list[bytes] = [encode(Opened(at, session, notebook))]
        self._path = folder_of(root, notebook) / f"{int(at * 1000):014d}-{session[:12]}.jsonl"
        self._descriptor = -1
        self._size = 0
        self._is_dead = False

    def tell(self, fact: Fact) -> None:
        """Write a fact down, now or soon."""
        if self._is_dead:
            return
        if isinstance(fact, (TaskMoved, ChildrenMoved)) and fact.note:
            fact = fact._replace(note=self._redact(fact.note))
        elif isinstance(fact, Logged):
            if self._size > BYTES_MAX:
                return
            fact = fact._replace(lines=tuple(map(self._redact, fact.lines)))
        line = encode(fact)
        with self._lock:
            self._waiting.append(line)
            at_once = isinstance(fact, (RunStarted, RunEnded)) or (
                isinstance(fact, (TaskMoved, ChildrenMoved)) and fact.state in ACTIVE
            )
            if at_once or len(self._waiting) >= _BATCH:
                self._write()

    def history(self, kernels_max: int = 0) -> History:
        """What this and earlier kernels of the notebook did, or the last of them."""
        if self._size:
            self.flush()
        return read_history(self._root, self._notebook, self._lives, self._files, kernels_max)

    def _lives(self, session: str) -> bool:
        """Each kernel has its session's byte locked as long as it lives."""
        if session == self._session:
            return not self._is_dead
        free = self._alive.take(session)
        if free:
            self._alive.give_back(session)
        return not free

    def flush(self) -> None:
        """Write what waits."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write what waits and let go of the file; from here on this kernel does not count as alive."""
        with self._lock:
            if self._descriptor >= 0:
                self._write()
                os.close(self._descriptor)
            self._descriptor = -1
            self._is_dead = True
            self._alive.close()

    def _write(self) -> None:
        if self._is_dead or not self._waiting:
            return
        lines, self._waiting = b"".join(self._waiting), []
        try:
            if self._descriptor < 0:
                self._open()
            self._files.write_part(self._descriptor, memoryview(lines))
            self._size += len(lines)
        except OSError as error:
            self._is_dead = True
            self._warn(f"The history of this notebook is not kept: {error.strerror or error} ({self._path.parent}).")

    def _open(self) -> None:
        """The file is made with the first fact, so that a kernel that runs no task leaves none."""
        folder = self._path.parent
        self._files.make_folder(folder)
        self._alive.take(self._session)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        journals = sorted(path for path in self._files.list(folder) if path.suffix == ".jsonl")
        for old in journals[:-SESSIONS_MAX]:
            self._files.remove(old)
