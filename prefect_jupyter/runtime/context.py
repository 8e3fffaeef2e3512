"""What the body of a task may ask about its own run: attempt, turn of a loop, element, value from a person.

It must not hold anything of the run itself: what it says is set around each attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_facts: ContextVar[dict[str, Any] | None] = ContextVar("prefect_jupyter_context", default=None)

_stop: ContextVar[threading.Event | None] = ContextVar("prefect_jupyter_stop", default=None)

NAMES = ("task_name", "task_run_count", "task_loop_count", "task_loop_result", "map_index", "resume", "resume_value")


class Context:
    """`context.task_loop_count` and the other names of `NAMES`; outside of a task none of them is there."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        facts = _facts.get() or {}
        if name in facts:
            return facts[name]
        if name.startswith("__"):
            raise AttributeError(name)
        known = ", ".join(facts) or "none: no task runs"
        raise AttributeError(f"The context has no `{name}`. It has: {known}.")

    def get(self, name: str, default: Any = None) -> Any:
        """What the context says under `name`, or `default`."""
        return (_facts.get() or {}).get(name, default)

    def __contains__(self, name: object) -> bool:
        return name in (_facts.get() or {})

    def __reduce__(self) -> str:
        return "context"

    def __repr__(self) -> str:
        return f"<context of a task: {', '.join(_facts.get() or {}) or 'no task runs'}>"


context = Context()


@contextmanager
def during(**facts: Any) -> Iterator[None]:
    """What the context says meanwhile, beside what it said before."""
    token = _facts.set({**(_facts.get() or {}), **facts})
    try:
        yield
    finally:
        _facts.reset(token)


def cancelled() -> bool:
    """Whether the task that asks is to stop. In a thread nothing else stops it; elsewhere an exception does."""
    stop = _stop.get()
    return stop is not None and stop.is_set()


@contextmanager
def stopped_by(stop: threading.Event) -> Iterator[None]:
    """`cancelled()` is what `stop` says meanwhile."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)
