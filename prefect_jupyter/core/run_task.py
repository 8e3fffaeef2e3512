"""One task as a run needs it: what it waits for and how it is tried.

It must not know the code of the task or its values.
"""

from __future__ import annotations

from dataclasses import dataclass

from .tasks import Retry

_ONCE = Retry()


@dataclass(frozen=True, slots=True)
class RunTask:
    """Upstream ids that are not of the same run count as finished well; `name` is for messages.

    `trigger` is spelled as in `--trigger`. With `skip_on_upstream_skip` a skipped upstream task skips this one
    before its trigger is asked. With `pause` a person is asked before it starts. `timeout_s` is for one attempt.

    A `mapped` task runs once for each element. `along` are those of its upstream tasks over whose elements it
    maps; where such a task is mapped itself, each child here waits for the child above with its index alone.
    `loosely` are those whose end it waits for, however they end. While a task `alone` runs no other one does.
    """

    id: str
    upstream: tuple[str, ...] = ()
    trigger: str = "all_successful"
    retry: Retry = _ONCE
    name: str = ""
    skip_on_upstream_skip: bool = True
    mapped: bool = False
    along: tuple[str, ...] = ()
    pause: bool = False
    timeout_s: float | None = None
    tags: tuple[str, ...] = ()
    loosely: tuple[str, ...] = ()
    alone: bool = False
