"""Completion and inspection: headers and `%flow` complete to their own words, and what a question names is loaded.

It must not answer other questions itself: the kernel's own methods do.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

from .user_namespace import UserNamespace

_METHODS = ("do_complete", "do_inspect")


class Introspection:
    """Wraps what answers completion and inspection in one kernel. Without a kernel there is nothing to wrap."""

    def __init__(self, kernel: Any, namespace: UserNamespace) -> None:
        self._kernel = kernel
        self._namespace = namespace
        self.words_at: Callable[[str], list[str] | None] = lambda line: None

    def install(self) -> None:
        if self._kernel is None:
            return
        for method in _METHODS:
            setattr(self._kernel, method, self._loading_first(getattr(self._kernel, method)))
        self._kernel.do_complete = self._own_words_first(self._kernel.do_complete)

    def uninstall(self) -> None:
        for method in _METHODS:
            if self._kernel is not None and method in vars(self._kernel):
                delattr(self._kernel, method)

    def _own_words_first(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(code: str, cursor_pos: int | None = None, *arguments: Any, **keywords: Any) -> Any:
            end = len(code) if cursor_pos is None else cursor_pos
            line = code[:end].rpartition("\n")[2]
            words = self.words_at(line)
            if words is None:
                return original(code, cursor_pos, *arguments, **keywords)
            typed = re.split(r"\s", line)[-1]
            return {
                "matches": words,
                "cursor_start": end - len(typed),
                "cursor_end": end,
                "metadata": {},
                "status": "ok",
            }

        return wrapped

    def _loading_first(self, original: Callable[..., Any]) -> Callable[..., Any]:
        namespace = self._namespace

        def wrapped(code: str, *arguments: Any, **keywords: Any) -> Any:
            if namespace.pending and threading.current_thread() is threading.main_thread():
                namespace.load_pending(name for name in list(namespace.pending) if name in code)
            return original(code, *arguments, **keywords)

        return wrapped
