"""Traces, values and file systems that the tests of stores share."""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect_jupyter.core.rebuilder import FileStamp, Output, Trace
from prefect_jupyter.runtime.pickles import Pickle, dump, load
from prefect_jupyter.runtime.stores.disk import DiskStore
from prefect_jupyter.runtime.stores.filesystem import FileSystem


def trace(key: str = "k1", **changed: Any) -> Trace:
    known: dict[str, Any] = {
        "key": key,
        "source": "x = 1  # é \ud800",
        "digest": "d",
        "inputs": {"b": "1", "a": "2"},
        "outputs": {
            "x": Output(fingerprint="f", group=0, summary="int"),
            "g": Output(fingerprint="h", definition=True),
        },
        "groups": ("r",),
        "deletes": ("y",),
        "replays": (0, 2),
        "ambient_in": {"random": "virgin"},
        "ambient_out": {"random": "r2"},
        "files_in": {"/in": FileStamp(size=1, mtime_ns=2, digest="c")},
        "displays": ({"output_type": "stream", "name": "stdout", "text": "hi\n"},),
        "duration_s": 0.25,
    }
    return Trace(**{**known, **changed})


def small() -> Pickle:
    return dump({"x": {"a": [1, 2], "b": "text"}}, {})


def large(seed: int = 0) -> Pickle:
    """A stream and buffers of every size that a store lays out in its own way."""
    chance = random.Random(seed)
    raw = chance.randbytes(1_500_000)
    return Pickle(b"s" * 100_000, tuple(memoryview(part) for part in (raw, raw[:70_000], raw[:5], b"", raw[:3_001])))


def same(found: Pickle | None, wanted: Pickle) -> bool:
    return (
        found is not None
        and found.stream == wanted.stream
        and [*map(bytes, found.buffers)] == [*map(bytes, wanted.buffers)]
    )


def loaded(pickled: Pickle | None) -> object:
    assert pickled is not None
    return load(pickled, {}, lambda name: None)


class Said(list[str]):
    """A notice that remembers."""

    def __call__(self, text: str) -> None:
        self.append(text)


def disk(folder: Path, notice: Callable[[str], None] | None = None, files: FileSystem | None = None) -> DiskStore:
    told = Said() if notice is None else notice  # an empty `Said` is false
    return DiskStore(folder / "store", folder / "home" / "secret", told, files)


class Troubled(FileSystem):
    """Fails, dies, or hangs until a person interrupts it, at the nth thing that it is asked; counts the things."""

    def __init__(self, nth: int = 0, code: int = errno.EIO, *, kill: bool = False, interrupt: bool = False) -> None:
        self.asked = 0
        self.nth = nth
        self.code = code
        self.kill = kill
        self.interrupt = interrupt

    def _step(self) -> None:
        self.asked += 1
        if self.asked == self.nth:
            self._fail()

    def _fail(self) -> None:
        if self.kill:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.interrupt:
            raise KeyboardInterrupt
        raise OSError(self.code, os.strerror(self.code), "somewhere")

    def connect(self, path: Path) -> sqlite3.Connection:
        self._step()
        troubled = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
                if sql.startswith(("BEGIN", "COMMIT", "INSERT", "UPDATE", "DELETE")):
                    troubled.asked += 1
                    if troubled.asked == troubled.nth:
                        if troubled.kill or troubled.interrupt:
                            troubled._fail()
                        raise sqlite3.OperationalError("database or disk is full")
                return super().execute(sql, parameters)

        return sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False, factory=Connection)


def _stepping(name: str) -> Callable[..., Any]:
    plain = getattr(FileSystem, name)

    def act(self: Troubled, *arguments: Any) -> Any:
        self._step()
        return plain(self, *arguments)

    return act


for _name in (
    "make_folder", "make_private", "write", "reserve", "write_part", "sync", "rename", "link", "sync_folder", "remove",
    "read", "map", "stat", "touch", "list", "remove_folder", "open_lock", "try_lock", "unlock",
):  # fmt: skip
    setattr(Troubled, _name, _stepping(_name))


class Torn(FileSystem):
    """Writes half of what it is given, then dies."""

    def write_part(self, descriptor: int, part: memoryview) -> None:
        os.write(descriptor, part[: len(part) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
