"""Large runs of bytes, each in a file that is named by its content.

A file is complete or absent, and is checked before it is used, once in a process while it stays the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import xxhash

from .filesystem import FileSystem
from .seal import Broken

# A file that no record needs may be one whose record is about to be written.
YOUNG_S = 3_600.0


def raw_name(parts: Sequence[bytes | memoryview]) -> str:
    """The name of raw memory, which is data and cannot run: XXH3, the only hash that keeps up with it."""
    hasher = xxhash.xxh3_128()
    for part in parts:
        hasher.update(part)
    return hasher.hexdigest()


def stream_name(stream: bytes | memoryview) -> str:
    """The name of a pickle stream, which is code: no other content has this name."""
    return hashlib.blake2b(stream, digest_size=32).hexdigest()


class Blobs:
    """Raises OSError, and `Broken` for a file that is not what its name says."""

    def __init__(self, folder: Path, files: FileSystem) -> None:
        self._folder = folder
        self._files = files
        self._checked: set[tuple[str, int, int, int]] = set()

    def put(self, name: str, parts: Sequence[bytes | memoryview]) -> None:
        path = self._path(name)
        try:
            found = self._files.stat(path)
            if found.st_size == sum(len(part) for part in parts):
                if found.st_mtime < time.time() - YOUNG_S / 2:
                    self._files.touch(path)  # so that it is not swept before its record is there
                return
        except FileNotFoundError:
            self._files.make_folder(path.parent)
        draft = path.with_name(f"draft-{os.getpid()}-{secrets.token_hex(8)}")
        try:
            self._files.write(draft, parts)
            self._files.rename(draft, path)
        except BaseException:
            self._files.remove(draft)
            raise
        self._files.sync_folder(path.parent)

    def get(self, name: str, size: int, *, is_stream: bool, afresh: bool = False) -> memoryview:
        """A private map of the file: writable, and the file stays as it is. `afresh`: checked once more."""
        path = self._path(name)
        try:
            stat = self._files.stat(path)
        except FileNotFoundError:
            raise Broken("has lost a file") from None
        if stat.st_size != size or not size:
            raise Broken("is cut off")
        content = self._files.map(path)
        seen = (name, stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns)
        # What may run is checked every time.
        if is_stream or afresh or seen not in self._checked:
            if (stream_name(content) if is_stream else raw_name([content])) != name:
                raise Broken("is damaged")
            self._checked.add(seen)
        return content

    def drop(self, name: str) -> None:
        self._files.remove(self._path(name))

    def old(self, now_s: float) -> Iterator[Path]:
        """The files that are not young, drafts of processes that died included."""
        for folder in self._files.list(self._folder):
            for path in self._files.list(folder):
                with contextlib.suppress(FileNotFoundError):
                    if self._files.stat(path).st_mtime < now_s - YOUNG_S:
                        yield path

    def is_whole(self, name: str) -> bool:
        """Whether there is such a file; what is in it is checked when it is read."""
        try:
            return self._files.stat(self._path(name)).st_size > 0
        except FileNotFoundError:
            return False

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name
