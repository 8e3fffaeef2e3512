"""How far one task of a run has come, and what the tasks above it mean for its start.

It must not change by itself: `run.apply` changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .states import STARTABLE, State
from .triggers import Answer, Trigger

if TYPE_CHECKING:
    from .mapping import Children
    from .run_task import RunTask

PLAIN_SUCCESS = frozenset({State.Success, State.Cached, State.Mapped})


@dataclass(slots=True, kw_only=True)
class Progress:
    """Times are seconds of the signals' clock. `root` is the position by which the task takes its turn.

    `unmet` counts the tasks upstream that are still waited for. `marred` says that one of them finished
    otherwise than by plain success, or has no children. `failures` counts failed attempts since the last turn of
    a loop, `loop` the turns from 1. `cause` is the task at the root of this one's not running, "" when it is its
    own. `paired` are the mapped tasks above whose children this task's children wait for one by one; `followers`
    are those below. `resumed` says that a person has let it go on.
    """

    task: RunTask
    position: int
    trigger: Trigger
    forced: bool = False
    resumed: bool = False
    limited: tuple[str, ...] = ()
    root: int = 0
    inputs: tuple[Progress, ...] = field(default=(), repr=False, compare=False)
    paired: tuple[Progress, ...] = field(default=(), repr=False, compare=False)
    dependants: list[Progress] = field(default_factory=list, repr=False, compare=False)
    followers: list[Progress] = field(default_factory=list, repr=False, compare=False)
    children: Children | None = None
    unmet: int = 0
    marred: bool = False
    state: State = State.Pending
    attempt: int = 0
    failures: int = 0
    loop: int = 1
    started_s: float | None = None
    ended_s: float | None = None
    due_s: float | None = None
    deadline_s: float | None = None
    note: str = ""
    cause: str = ""
    reference: str = ""

    @property
    def title(self) -> str:
        return self.task.name or self.task.id

    @property
    def is_plain(self) -> bool:
        """Whether it, and each of its children, ended by plain success; and there was any at all."""
        if self.children is not None and not self.children.count:
            return False
        return self.state in PLAIN_SUCCESS and (self.children is None or self.children.is_plain)

    @property
    def has_failed_above(self) -> bool:
        """Whether something that it reads was not made: a task above it, or a child of one, did not succeed."""
        return self.marred and any(
            above.state not in PLAIN_SUCCESS or (above.children is not None and above.children.marred > 0)
            for above in self.inputs
        )

    @property
    def may_start(self) -> bool:
        return self.state in STARTABLE and not self.unmet and self.due_s is None

    def answer(self) -> Answer:
        """What the tasks upstream mean for this one: the skip check first, then the trigger, then a person."""
        answer = self._answer_to(self._states_above())
        if answer is Answer.RUN and self.task.pause:
            answer = Answer.PAUSE
        return Answer.RUN if answer is Answer.PAUSE and self.resumed else answer

    def answers(self, children: Iterable[int]) -> Iterator[tuple[int, Answer]]:
        """The same for each of `children`; a person is asked for the task as a whole, never for a child."""
        if self.trigger.passes_success and not self.marred and not any(map(_has_marred, self.paired)):
            yield from ((child, Answer.RUN) for child in children)
            return
        others = self._states_above()
        # Many children meet the same states, so each combination is asked about once.
        known: dict[tuple[State, ...], Answer] = {}
        mapped = [above.children for above in self.paired if above.children is not None]
        for child in children:
            own = tuple([above.state(child) for above in mapped])
            answer = known.get(own)
            if answer is None:
                answer = self._answer_to([*others, *own])
                answer = known[own] = Answer.RUN if answer is Answer.PAUSE else answer
            yield child, answer

    def _answer_to(self, states: list[State]) -> Answer:
        if self.task.skip_on_upstream_skip and State.Skipped in states:
            return Answer.SKIP
        return self.trigger.check(states) if states or not self.seen_whole else self.trigger.of_nothing

    @property
    def seen_whole(self) -> list[Progress]:
        """The tasks above that count as a whole; those whose children are met one by one are left out."""
        paired = {above.position for above in self.paired if above.children is not None}
        return [above for above in self.inputs if above.position not in paired]

    def _states_above(self) -> list[State]:
        """A task that reads a mapped one as a whole meets each child."""
        states: list[State] = []
        for above in self.seen_whole:
            if above.task.id in self.task.loosely:
                continue
            if above.children is None:
                states.append(above.state)
            else:
                states += map(above.children.state, range(above.children.count))
        return states


def _has_marred(above: Progress) -> bool:
    return above.children is not None and above.children.marred > 0
