"""Who computes a key: one process at a time, by locks that the system takes back when their holder dies.

It must not wait, nor keep anybody from computing where locks do not work: work done twice is no wrong value.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from pathlib import Path

from .filesystem import FileSystem


class Claims:
    """Locks on single bytes of one file, a byte for a key: nothing to clean up, and no file for each key.

    They are the process's: a fork does not inherit them, and within one process everybody may have a key again.
    """

    def __init__(self, path: Path, files: FileSystem, *, work: bool) -> None:
        self._path = path
        self._files = files
        self._work = work
        self._descriptor = -1
        self._owner = 0
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> bool:
        """Whether this process is the one that computes `key` from now on; False: another one computes it."""
        with self._lock:
            if self._owner != os.getpid():
                self._forget()
            if not self._work or self._take(key):
                self._held[key] = self._held.get(key, 0) + 1
                return True
            return False

    def give_back(self, key: str) -> None:
        with self._lock:
            times = self._held.pop(key, 0) if self._owner == os.getpid() else 0
            if times > 1:
                self._held[key] = times - 1
            elif times == 1 and self._work:
                with contextlib.suppress(OSError):
                    self._files.unlock(self._descriptor, _position(key))

    @property
    def holds_any(self) -> bool:
        """Whether this process computes something now: who holds one key must not wait for another."""
        with self._lock:
            return bool(self._held) and self._owner == os.getpid()

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _take(self, key: str) -> bool:
        if key in self._held:
            return True
        try:
            if not self._held and self._is_gone():
                self._forget()
            if self._descriptor < 0:
                self._descriptor = self._files.open_lock(self._path)
            return self._files.try_lock(self._descriptor, _position(key))
        except OSError:
            self._work = False
            return True

    def _is_gone(self) -> bool:
        """Somebody removed the file: others lock bytes of a new one."""
        return self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0

    def _forget(self) -> None:
        if self._descriptor >= 0:
            # Closing it lets go of this process's locks alone: after a fork the parent's stay.
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
        self._descriptor, self._owner = -1, os.getpid()
        self._held.clear()


def _position(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=7).digest(), "little")
