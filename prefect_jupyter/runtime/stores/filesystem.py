"""The few things that the store asks of an operating system, one method each.

It must not decide anything; tests put one in its place that fails, or dies, at the nth call.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FileSystem:
    """Every method raises OSError (`connect`: sqlite3.Error as well)."""

    def make_folder(self, folder: Path) -> None:
        """The folder, private to the user, with its parents."""
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def make_private(self, path: Path) -> None:
        """Take away what others may do, where files have modes. Raises OSError for a file of somebody else's."""
        if os.name == "posix" and path.stat().st_uid != os.getuid():
            raise PermissionError(errno.EACCES, "belongs to another user", str(path))
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(path.stat().st_mode & 0o700)

    def write(self, path: Path, parts: Sequence[bytes | memoryview]) -> None:
        """A new file with this content, on disk when this returns."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            self.reserve(descriptor, sum(len(part) for part in parts))
            for part in parts:
                self.write_part(descriptor, memoryview(part))
            self.sync(descriptor)
        finally:
            os.close(descriptor)

    def reserve(self, descriptor: int, size: int) -> None:
        """Room for this many bytes, so that a full disk is found before a large value is written."""
        if size and hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(descriptor, 0, size)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                    raise

    def write_part(self, descriptor: int, part: memoryview) -> None:
        while part:
            part = part[os.write(descriptor, part) :]

    def sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def link(self, old: Path, new: Path) -> None:
        """A second name, or FileExistsError."""
        os.link(old, new)

    def sync_folder(self, folder: Path) -> None:
        """Names in a folder are on disk when this returns, where that can be asked."""
        if os.name != "posix":
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

    def remove_folder(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)

    def list(self, folder: Path) -> list[Path]:
        """What is in a folder; nothing where there is none."""
        try:
            return list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def map(self, path: Path) -> memoryview:
        """A private map: what is written to it stays in this process."""
        with path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))

    def stat(self, path: Path) -> os.stat_result:
        return path.stat()

    def touch(self, path: Path) -> None:
        os.utime(path)

    def open_lock(self, path: Path) -> int:
        """A descriptor of the file whose bytes are locked; children that run other programs do not get it."""
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)

    def try_lock(self, descriptor: int, position: int) -> bool:
        """Lock one byte, which need not exist; False: another process has it. It is free again when we die."""
        try:
            if sys.platform == "win32":
                os.lseek(descriptor, position, os.SEEK_SET)
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            else:
                fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, position)
        except OSError as error:
            if error.errno == (errno.EACCES if sys.platform == "win32" else errno.EAGAIN):
                return False
            raise
        return True

    def unlock(self, descriptor: int, position: int) -> None:
        if sys.platform == "win32":
            os.lseek(descriptor, position, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, position)

    def connect(self, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, timeout=5.0, isolation_level=None, check_same_thread=False)
