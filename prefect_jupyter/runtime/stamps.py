"""What stands in a file or a folder now, and whether it is what stood there before.

It must not trust a time that a second write could share, and never opens what is no file: a pipe would not answer.
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import xxhash

from ..core.rebuilder import FileStamp

# A file system's clock ticks: two writes within one tick leave the same time. Whole seconds tell of a slow one.
_TICK_NS = 10_000_000
_SLOW_TICK_NS = 2_000_000_000
# Kept from the start: a notebook may put a function of its own in the place of `os.getcwd`.
working_folder = os.getcwd


def absolute(path: str) -> str:
    """The path as the system would find it from the working folder."""
    return os.path.normpath(os.path.join(working_folder(), path))


# The time of a file that was written so recently says nothing later on, whatever the file system and its clock.
_SETTLED_NS = 2_000_000_000
_BLOCK_BYTES = 1 << 20
_UNTRUSTED_TIME = -1
_TEMPORARY = os.path.join(os.path.realpath(tempfile.gettempdir()), "")
PIPE = "pipe"
_ABSENT = FileStamp(size=-1, mtime_ns=_UNTRUSTED_TIME, digest="absent")

# How a file looks from outside: size, times of content and of inode, inode. No write leaves it as it was.
_Signature = tuple[int, int, int, int]
# What was read before, of files that had settled then.
_known: dict[str, tuple[_Signature, str]] = {}


@dataclass(frozen=True, slots=True)
class Look:
    """How a path looked at one moment: a file, by its signature, a folder, or nothing. `is_fresh`: just written."""

    what: _Signature | str
    is_fresh: bool = False


def look(path: str) -> Look:
    """How `path` looks now; a file is not opened."""
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            return Look(_listing(path))
    except OSError:
        return Look(_ABSENT.digest)
    if not stat.S_ISREG(found.st_mode):
        return Look(PIPE)
    changed_ns = max(found.st_mtime_ns, found.st_ctime_ns)
    tick_ns = _TICK_NS if found.st_mtime_ns % 1_000_000_000 else _SLOW_TICK_NS
    return Look(_signature(found), is_fresh=time.time_ns() - changed_ns < tick_ns)


def changed_since(path: str, then_s: float) -> bool:
    """Whether a file may have been written at or after `then_s`."""
    found = os.stat(path)
    return max(found.st_mtime_ns, found.st_ctime_ns) > then_s * 1e9 - _TICK_NS


def stamp(path: str) -> FileStamp | None:
    """What stands in a file, or which names in a folder; None where there is neither."""
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            return FileStamp(size=0, mtime_ns=_UNTRUSTED_TIME, digest=_listing(path))
        if not stat.S_ISREG(found.st_mode):
            return None
        signature = _signature(found)
        digest, is_settled = _digest(path, signature)
    except OSError:
        return None
    size, mtime_ns, ctime_ns, inode = signature
    return FileStamp(
        size=size, mtime_ns=mtime_ns if is_settled else _UNTRUSTED_TIME, digest=digest, ctime_ns=ctime_ns, inode=inode
    )


def stamped(paths: Iterable[str]) -> dict[str, FileStamp]:
    """Those of the files that there are, as they are now."""
    stamps = {path: stamp(path) for path in sorted(paths)}
    return {path: found for path, found in stamps.items() if found is not None}


def stamped_reads(
    paths: Iterable[str], before: Mapping[str, Look], written: Mapping[str, str]
) -> tuple[dict[str, FileStamp], str]:
    """Stamps of what was read, and one path that may not hold any more what was read from it, "" when all do.

    `before` is how paths looked when they were first opened, `written` the digests that were known before that. That a
    file was not there is an input too. The stamp of what has changed since equals no later one. What is gone from
    the system's temporary folder was no input: it came and went.
    """
    stamps = {path: stamp(path) or _ABSENT for path in sorted(paths)}
    moved = ""
    for path, first in before.items():
        if path not in stamps:
            continue
        now = look(path)
        has_changed = now.what != first.what
        if has_changed and now.what == _ABSENT.digest and path.startswith(_TEMPORARY):
            del stamps[path]
            continue
        # Just written when it was opened: another write right after would not be seen.
        if has_changed or (first.is_fresh and written.get(path) != stamps[path].digest):
            moved = moved or path
            stamps[path] = replace(stamps[path], mtime_ns=_UNTRUSTED_TIME, digest="changed while it was read")
    return stamps, moved


def unchanged(path: str, known: FileStamp) -> bool:
    """Whether it is as it was: by all that the system says of it, else by its content."""
    try:
        found = os.stat(path)
    except OSError:
        return known.size == _ABSENT.size
    if stat.S_ISREG(found.st_mode):
        signature = _signature(found)
        if found.st_size != known.size:
            return False
        if signature == (known.size, known.mtime_ns, known.ctime_ns, known.inode):
            return True
    now = stamp(path)
    return now is not None and now.digest == known.digest


def _signature(found: os.stat_result) -> _Signature:
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def _digest(path: str, signature: _Signature) -> tuple[str, bool]:
    """The digest of a file's content, and whether the file will look different after any later write."""
    known = _known.get(path)
    if known is not None and known[0] == signature:
        return known[1], True
    began_ns = time.time_ns()
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            digest.update(block)
        is_same = _signature(os.fstat(file.fileno())) == signature
    is_settled = is_same and began_ns - max(signature[1], signature[2]) > _SETTLED_NS
    if is_settled:
        _known[path] = (signature, digest.hexdigest())
    return digest.hexdigest(), is_settled


def _listing(folder: str) -> str:
    digest = xxhash.xxh3_128(b"folder")
    for name in sorted(os.listdir(folder)):
        digest.update(os.fsencode(name) + b"\0")
    return digest.hexdigest()
