"""Completion and inspection of values that have not been loaded: those that a question names are loaded first.

It must not answer questions itself: the kernel's own methods do.
"""

from __future__ import annotations

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

    def install(self) -> None:
        if self._kernel is None:
            return
        for method in _METHODS:
            setattr(self._kernel, method, self._loading_first(getattr(self._kernel, method)))

    def uninstall(self) -> None:
        for method in _METHODS:
            if self._kernel is not None and method in vars(self._kernel):
                delattr(self._kernel, method)

    def _loading_first(self, original: Callable[..., Any]) -> Callable[..., Any]:
        namespace = self._namespace

        def wrapped(code: str, *arguments: Any, **keywords: Any) -> Any:
            if namespace.pending and threading.current_thread() is threading.main_thread():
                namespace.load_pending(name for name in list(namespace.pending) if name in code)
            return original(code, *arguments, **keywords)

        return wrapped
