"""What a person asked of a task: its name and options, parsed and checked.

Holds data only; parsing text is `analysis.directives`, acting on it is the scheduler and the session.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a failed task is tried again, and how long it waits before each further attempt.

    `delays_s` are seconds; the last one repeats when there are more retries than delays.
    """

    retries: int = 0
    delays_s: tuple[float, ...] = (0.0,)

    def delay_before_s(self, attempt: int) -> float:
        """Seconds to wait before attempt number `attempt` (the second attempt is 2)."""
        return self.delays_s[min(attempt - 2, len(self.delays_s) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """The options of one task cell. `None` means: not said, the engine decides."""

    name: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    cache: bool | None = None
    retry: Retry = Retry()
    trigger: str = "all_successful"
    tags: tuple[str, ...] = ()
    defer: bool = False
