"""Notices which process-wide state is read while a task runs, by shadowing the few places through which it is read.

It must not decide what a read means, and it leaves every place as it found it.
"""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

# How the kernel was started, not what the notebook computes with; counts where the notebook itself asks for it.
_LAUNCH = ("JPY_", "IPYKERNEL_", "PYDEVD_", "COLUMNS", "LINES", "TERM", "MPLBACKEND", "PYTEST_", "PREFECT_JUPYTER_")
_OURSELVES = __file__.partition(f"{os.sep}notebook{os.sep}ambient_reads")[0] + os.sep
_LIBRARIES = tuple({sysconfig.get_paths()[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")})
# Through these the notebook asks: `os.environ.get`, `os.path.abspath`, `Path.cwd`.
_GO_BETWEENS = (
    *(
        f"{sysconfig.get_paths()['stdlib']}{os.sep}{name}"
        for name in ("os.py", "_collections_abc.py", "posixpath.py", "ntpath.py", "generic", "pathlib", "logging")
    ),
    *(f"<frozen {name}>" for name in ("os", "_collections_abc", "posixpath", "ntpath", "genericpath")),
)

# Module, class, function, and the kind that it reads. What an option of pandas is about, its name says.
_IN_LIBRARIES = (
    ("matplotlib", "RcParams", "__getitem__", "rcParams"),
    ("matplotlib", "RcParams", "_get", "rcParams"),
    ("pandas._config.config", "", "_get_single_key", None),
    ("pandas.io.formats.format", "DataFrameFormatter", "__init__", "pandas"),
    ("pandas.io.formats.format", "SeriesFormatter", "__init__", "pandas"),
    ("numpy._core.arrayprint", "", "_array2string", "np_print"),
    ("numpy.core.arrayprint", "", "_array2string", "np_print"),
)


class Reads:
    """What was read, and which environment variables were set, since `install`.

    `kinds` are kinds of state; `variables` are environment variables that were read before they were set here.
    """

    def __init__(self, is_importing: Callable[[], bool]) -> None:
        self.kinds: set[str] = set()
        self.variables: set[str] = set()
        self.set_variables: set[str] = set()
        self._is_importing = is_importing
        self._shadowed: list[tuple[Any, str, Any, Any]] = []
        self._installed: set[tuple[str, str, str]] = set()
        self._threads = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def install(self) -> None:
        environ = type(os.environ)
        self._shadow(environ, "__getitem__", self._reading_variable)
        self._shadow(environ, "__setitem__", self._setting_variable)
        self._shadow(environ, "__delitem__", self._setting_variable)
        self._shadow(environ, "__iter__", self._reading_environ)
        self._shadow(os, "getcwd", lambda original: self._reading_asked(original, "cwd"))
        self._shadow(logging.Logger, "isEnabledFor", self._reading_level)
        self._shadow(sys, "getrecursionlimit", lambda original: self._reading_asked(original, "recursion_limit"))
        self.install_in_libraries()

    def install_in_libraries(self) -> None:
        """To be called again when libraries have been imported."""
        for module, owner, name, kind in _IN_LIBRARIES:
            place = sys.modules.get(module)
            if owner:
                place = getattr(place, owner, None)
            if place is not None and (module, owner, name) not in self._installed and name in vars(place):
                self._installed.add((module, owner, name))
                make = self._reading_option if kind is None else partial(self._reading, kind=kind)
                self._shadow(place, name, make)

    def remove(self) -> None:
        for owner, name, original, shadow in reversed(self._shadowed):
            if vars(owner).get(name) is shadow:
                setattr(owner, name, original)
        self._shadowed.clear()

    def _shadow(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        original = vars(owner).get(name)
        if original is not None:
            shadow = make(original)
            self._shadowed.append((owner, name, original, shadow))
            setattr(owner, name, shadow)

    def _counts(self) -> bool:
        """Not what an import reads for itself, nor a thread that was there before the task."""
        return not self._is_importing() and threading.get_ident() not in self._threads

    def _reading(self, original: Any, kind: str) -> Any:
        kinds = self.kinds

        def read(*arguments: Any, **keywords: Any) -> Any:
            kinds.add(kind)
            return original(*arguments, **keywords)

        return read

    def _reading_option(self, original: Any) -> Any:
        kinds = self.kinds

        def key(*arguments: Any, **keywords: Any) -> Any:
            found = original(*arguments, **keywords)
            kinds.add("pandas" if is_shown(found) else "pandas_mode")
            return found

        return key

    def _reading_variable(self, original: Any) -> Any:
        def read(environ: Any, name: Any) -> Any:
            if type(name) in (str, bytes):
                self._note_variable(os.fsdecode(name))
            return original(environ, name)

        return read

    def _note_variable(self, name: str) -> None:
        if name in self.variables or name in self.set_variables or not self._counts():
            return
        if not name.startswith(_LAUNCH) or _is_asked_by_the_notebook():
            self.variables.add(name)

    def _setting_variable(self, original: Any) -> Any:
        def write(environ: Any, name: Any, *value: Any) -> Any:
            done = original(environ, name, *value)
            if self._counts():
                self.set_variables.add(os.fsdecode(name))
            return done

        return write

    def _reading_environ(self, original: Any) -> Any:
        def read(environ: Any) -> Any:
            if self._counts() and _is_asked_by_the_notebook():
                self.kinds.add("environ")
            return original(environ)

        return read

    def _reading_level(self, original: Any) -> Any:
        def read(logger: Any, level: Any) -> Any:
            if "log_levels" in self.kinds or is_ours(logger.name):
                return original(logger, level)
            if self._counts() and _is_asked_by_the_notebook():
                self.kinds.update(("log_levels", "log_handlers"))
            return original(logger, level)

        return read

    def _reading_asked(self, original: Any, kind: str) -> Any:
        kinds = self.kinds

        def read() -> Any:
            if kind not in kinds and self._counts() and _is_asked_by_the_notebook():
                kinds.add(kind)
            return original()

        return read


def is_shown(option: str) -> bool:
    """Whether an option of pandas changes what is shown, not what is computed."""
    return option.startswith(("display.", "styler."))


def is_ours(logger: str) -> bool:
    """Whether a logger of this name is one of `get_run_logger()`: what it is set to is no business of a task's."""
    return logger.startswith("prefect_jupyter.")


def _is_asked_by_the_notebook() -> bool:
    """Whether the nearest code that is no go-between of the standard library lies outside of the libraries."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file != __file__ and not file.startswith(_GO_BETWEENS):
            return not file.startswith((_OURSELVES, *_LIBRARIES, "<frozen"))
        frame = frame.f_back
    return False
