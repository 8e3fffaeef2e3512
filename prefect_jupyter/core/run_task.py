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
    before its trigger is asked.
    """

    id: str
    upstream: tuple[str, ...] = ()
    trigger: str = "all_successful"
    retry: Retry = _ONCE
    name: str = ""
    skip_on_upstream_skip: bool = True
