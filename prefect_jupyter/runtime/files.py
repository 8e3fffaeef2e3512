"""Which files a task opened, and what else it did to the world outside of Python.

It must not open a file itself while it listens, and it never stops what it sees.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from .stamps import PIPE, Look, absolute, changed_since, look

_EFFECTS = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.forkpty",
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "shutil.rmtree",
        "shutil.move",
        "builtins.input",
    }
)
_WORDS = {"subprocess.Popen": "start a process", "os.system": "start a process", "builtins.input": "ask for input"}


@dataclass(slots=True)
class Seen:
    """What one task touched: absolute paths that it read and wrote, and the kinds of other effects."""

    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    effects: set[str] = field(default_factory=set)
    network: set[str] = field(default_factory=set)
    is_relative: bool = False  # some path was meant from the working folder
    before: dict[str, Look] = field(default_factory=dict)  # how what was read looked when it was first asked for

    def mention(self, texts: Iterable[str], started_s: float) -> None:
        """A task that began at `started_s` has these strings in its text, and some libraries open files unseen."""
        for text in texts:
            if not 0 < len(text) < _NAME_CHARS_MAX or not text.isprintable():
                continue
            name = absolute(text)
            if name not in self.read | self.written and os.path.isfile(name) and not _is_ignored(name):
                self.read.add(name)
                self.is_relative |= not os.path.isabs(text)
                if changed_since(name, started_s):
                    self.before[name] = Look("not seen")


_NAME_CHARS_MAX = 1_024
_current: ContextVar[Seen | None] = ContextVar("prefect_jupyter_files", default=None)
_DEAF = Seen()
# What the main thread's task sees; threads without a context of their own work for it.
_main: Seen | None = None


class FileTracer:
    """Attributes what happens to the task in whose context it happens. The hook is installed once a process."""

    _is_installed = False
    # Threads that were there before any task: the kernel's own.
    _bystanders: frozenset[int] = frozenset()

    @contextlib.contextmanager
    def task(self) -> Iterator[Seen]:
        """Everything in this block, in threads started with its context, and on the main thread in any other."""
        global _main
        if not FileTracer._is_installed:
            FileTracer._is_installed = True
            FileTracer._bystanders = frozenset(thread.ident or 0 for thread in threading.enumerate())
            sys.addaudithook(_hook)
        seen, outer, outer_main = Seen(), _current.get(), _main
        is_main = threading.current_thread() is threading.main_thread()
        _current.set(seen)
        if is_main:
            _main = seen
        try:
            yield seen
        finally:
            # Not by a token: a cell that awaits may end in another context than it began in.
            _current.set(outer)
            if is_main:
                _main = outer_main


@contextlib.contextmanager
def unseen() -> Iterator[None]:
    """What this thread does in this block is nothing that a task did."""
    outer = _current.get()
    _current.set(_DEAF)
    try:
        yield
    finally:
        _current.set(outer)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    seen = _current.get()
    if seen is None:
        seen = _main
        if seen is None or threading.get_ident() in FileTracer._bystanders:
            return
    if seen is _DEAF:
        return
    # an exception in an audit hook would become the user's
    with contextlib.suppress(Exception):
        if event == "open":
            _opened(seen, *arguments)
        elif event in ("os.listdir", "os.scandir"):
            _listed(seen, arguments[0])
        elif event in _EFFECTS:
            if not _is_done_by_a_library():
                seen.effects.add(_WORDS.get(event, event.removeprefix("os.").removeprefix("shutil.")))
        elif event == "sqlite3.connect":
            _connected(seen, arguments[0])
        elif event == "socket.connect":
            seen.network.add(str(arguments[1])[:60])


def _opened(seen: Seen, path: Any, mode: Any, flags: Any) -> None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    name = absolute(os.fsdecode(path))
    if _is_ignored(name) or (name.endswith(".py") and _is_import()):
        return
    seen.is_relative |= not os.path.isabs(path)
    if isinstance(mode, str):
        writes = any(letter in mode for letter in "wax+")
        keeps = not any(letter in mode for letter in "wx")
    else:
        writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        keeps = not flags & (os.O_TRUNC | os.O_EXCL)
    if writes:
        seen.written.add(name)
    if keeps:
        # What is appended to, or overwritten in part, depends on what was there.
        seen.read.add(name)
        if name not in seen.before:
            seen.before[name] = look(name)
        if seen.before[name].what == PIPE:
            seen.effects.add("read from a pipe")


def _listed(seen: Seen, path: Any) -> None:
    """What is in a folder is an input too. Python itself lists folders when it imports and looks for packages."""
    name = absolute(os.fsdecode("." if path is None else path))
    if name in seen.before or _is_ignored_folder(name + os.sep) or _is_done_by_imports():
        return
    seen.is_relative |= path is None or not os.path.isabs(path)
    with unseen():
        seen.before[name] = look(name)
    seen.read.add(name)


def _is_import() -> bool:
    """Whether the import system opens the file: code counts by what it does, not by its bytes."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(4):
        if frame is None:
            return False
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _connected(seen: Seen, database: Any) -> None:
    """SQLite opens its files where no hook sees it: whether they are read or written is not known."""
    name = os.fsdecode(database) if isinstance(database, (str, bytes, os.PathLike)) else ""
    if name not in ("", ":memory:") and not _is_ignored_folder(absolute(name.removeprefix("file:"))):
        seen.effects.add("use a database")


def _roots() -> tuple[str, ...]:
    paths = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), "/proc", "/dev", "/sys", "/etc", "/usr"}
    home = os.path.expanduser("~")
    return (*sorted(path + os.sep for path in paths if path not in ("", "/", home)), home + os.sep + ".")


_ROOTS = _roots()
_STANDARD = sysconfig.get_paths()["stdlib"]
_KERNEL_FILES = os.path.join(tempfile.gettempdir(), "ipykernel_")
_ENDINGS = (".pyc", ".pyo", ".sqlite", ".sqlite-journal", ".sqlite-wal", ".sqlite-shm")


def _is_ignored(name: str) -> bool:
    return name.endswith(_ENDINGS) or _is_ignored_folder(name)


def _is_ignored_folder(name: str) -> bool:
    return name.startswith((*_ROOTS, _KERNEL_FILES)) or f"{os.sep}site-packages{os.sep}" in name


def _is_done_by_imports() -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or f"{os.sep}importlib{os.sep}" in file or "pkg_resources" in file:
            return True
        if not file.startswith((_STANDARD, "<frozen", __file__)) and f"{os.sep}site-packages{os.sep}" not in file:
            return False
        frame = frame.f_back
    return True


def _is_done_by_a_library() -> bool:
    """Whether an installed package did it for itself: a font cache, a probe of the machine."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if f"{os.sep}site-packages{os.sep}" in file:
            return True
        if not file.startswith((_STANDARD, "<frozen", __file__)):
            return False
        frame = frame.f_back
    return True
