"""How long the work of a class of calls takes in a run: the CPU time of the thread that does it.

It must not change what the calls do; a call inside another one that is timed counts once.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any


class Stopwatch:
    """Sums the time of the methods that it is put on, in all objects of their classes."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def on(self, owner: type, *methods: str) -> None:
        for method in methods:
            setattr(owner, method, self._timed(getattr(owner, method)))

    def _timed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def timed(*arguments: Any, **keywords: Any) -> Any:
            self._depth += 1
            before = time.thread_time()
            try:
                return call(*arguments, **keywords)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.thread_time() - before

        return timed
