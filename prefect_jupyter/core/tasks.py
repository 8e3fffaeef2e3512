"""What a person asked of a task: its name and options, parsed and checked.

Holds data only; parsing text is `analysis.directives`, acting on it is the scheduler and the session.
"""

from __future__ import annotations

from dataclasses import dataclass

DELAY_S_MAX = 365 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often a failed task is tried again, and how long it waits before each further attempt.

    `delays_s` are seconds; when there are more retries than delays the last one repeats, each time `backoff`
    times longer. `jitter` is the part of a delay by which it may be longer or shorter. `only_on` are names of
    exceptions, with or without their module; when there are any, other exceptions are not tried again.
    """

    retries: int = 0
    delays_s: tuple[float, ...] = (0.0,)
    backoff: float = 1.0
    jitter: float = 0.0
    only_on: tuple[str, ...] = ()

    def delay_before_s(self, attempt: int, chance: float = 0.5) -> float:
        """Seconds to wait before attempt number `attempt` (the second attempt is 2).

        `chance` is a random number from 0 to 1; one half leaves the delay as it was written.
        """
        delay_s = self.delays_s[min(attempt - 2, len(self.delays_s) - 1)]
        beyond = attempt - 1 - len(self.delays_s)
        if beyond > 0 and self.backoff != 1.0:
            try:
                delay_s *= self.backoff**beyond
            except OverflowError:
                delay_s = DELAY_S_MAX
        return min(delay_s * (1 + self.jitter * (2 * chance - 1)), DELAY_S_MAX)

    def is_for(self, kinds: tuple[str, ...]) -> bool:
        """Whether an exception is tried again whose class and its bases have these names."""
        return not self.only_on or not set(self.only_on).isdisjoint(kinds)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`--map names in expression`: the body runs once for each element of the expression's value, bound to `names`."""

    names: tuple[str, ...]
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """The options of one task cell. `None` means: not said, the engine decides.

    `when` is a Python expression. `limits` are (tag, how many tasks with that tag run at once).
    `files` are patterns of files that are inputs, `env` names of environment variables that are; `writes` are
    paths of files that the task makes. `on` is where the body runs: "main" or "threads".
    """

    name: str | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    cache: bool | None = None
    retry: Retry = Retry()
    trigger: str = "all_successful"
    tags: tuple[str, ...] = ()
    defer: bool = False
    on_failure: tuple[str, ...] = ()
    log_level: str | None = None
    timeout_s: float | None = None
    when: str | None = None
    maps: tuple[Mapping, ...] = ()
    pause: bool = False
    limits: tuple[tuple[str, int], ...] = ()
    files: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    expires_s: float | None = None
    seed: int | None = None
    writes: tuple[str, ...] = ()
    mutation: str | None = None
    on: str | None = None

    @property
    def item_names(self) -> frozenset[str]:
        """The names that hold one element while the body of a mapped task runs."""
        return frozenset(name for mapping in self.maps for name in mapping.names)
