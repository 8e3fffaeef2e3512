"""Interrupts while tasks run: they stop the task's code, never the engine between two tasks.

It must not know tasks: it holds the handler of SIGINT for as long as it is asked to.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class Interrupts:
    """Holds SIGINT. A signal that arrives while a body runs stops the body; at any other time it calls `on_stray`."""

    def __init__(self, on_stray: Callable[[], None]) -> None:
        self._on_stray = on_stray
        self._body: str | None = None
        self._awaits = False
        self._previous: Any = None
        self._depth = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """For the time of a run; an idle kernel would ignore the signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        if self._depth == 0:
            self._previous = signal.signal(signal.SIGINT, self._handle)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                signal.signal(signal.SIGINT, self._previous)

    @contextlib.contextmanager
    def body(self, task: str, *, awaits: bool) -> Iterator[None]:
        """While the code of `task` itself runs. `awaits`: it runs in the event loop and has to be cancelled there.

        Python's own handler leaves no frame, so that the traceback of an interrupted task ends in its own code.
        """
        outer, (self._body, self._awaits) = (self._body, self._awaits), (task, awaits)
        previous: Any = None
        if not awaits and threading.current_thread() is threading.main_thread():
            previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            self._body, self._awaits = outer
            if previous is not None:
                signal.signal(signal.SIGINT, previous)

    def stop(self, task: str) -> bool:
        """Interrupts the body of `task` from any thread. False: it is not running now."""
        if self._body != task:
            return False
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._body is None:
            self._on_stray()
        elif self._awaits and callable(self._previous) and self._previous is not signal.default_int_handler:
            self._previous(number, frame)
            _wake_loop()
        else:
            raise KeyboardInterrupt


def _wake_loop() -> None:
    """What a handler has asked of the event loop is done at once, not when the loop has something else to do."""
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop().call_soon_threadsafe(_nothing)


def _nothing() -> None:
    """Wakes the loop by being called."""
