"""The children of one mapped task: where each stands, in arrays of a few bytes a child.

It must not decide what happens to a child, and knows no task but its own.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .states import FAILED, STARTABLE, STOPPABLE, TERMINAL, TRANSITIONS, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Indices: TypeAlias = "range | tuple[int, ...]"
"""Children by their place in the list, in ascending order."""

CHUNKS_MAX = 1000
"""However many children there are, they start in about so many chunks: each start and end is one fact."""

STATES: tuple[State, ...] = tuple(State)
_PLAIN = frozenset({State.Success, State.Cached, State.Mapped})
_NEW = frozenset({State.Pending}) | TERMINAL
_STARTABLE, _STOPPABLE, _TERMINAL = (frozenset(map(int, kind)) for kind in (STARTABLE, STOPPABLE, TERMINAL))
_LEGAL: tuple[frozenset[int], ...] = tuple(
    frozenset(int(old) for old in STATES if new in TRANSITIONS[old]) for new in STATES
)
_KINDS_TOLD = 3


def chunk_of(count: int) -> int:
    """How many of `count` children start together: one, unless there are very many."""
    return max(1, count // CHUNKS_MAX)


def indices(children: Sequence[int]) -> Indices:
    """`children`, which ascend, as a range where that is all there is to them."""
    if isinstance(children, range):
        return children
    if children and children[-1] - children[0] == len(children) - 1:
        return range(children[0], children[-1] + 1)
    return tuple(children)


def runs(children: Iterable[int], chunk: int) -> Iterator[tuple[int, int]]:
    """Unbroken runs of `children`, which ascend, as (first, stop), cut where a chunk ends."""
    first = stop = -1
    for child in children:
        if child == stop and child % chunk:
            stop += 1
            continue
        if stop > 0:
            yield first, stop
        first, stop = child, child + 1
    if stop > 0:
        yield first, stop


@dataclass(slots=True, kw_only=True)
class Children:
    """`states` are codes. `unmet` counts the children above that have not finished, `lots` are the last starts.
    `finished` counts terminal children, `marred` those of them that did not simply succeed.

    What few children have is in dictionaries by index: `due` (when a retry may start), `notes` of those that did
    not simply succeed, `causes` (the task at the root of not running), `loops` (turns before the present one)
    and `references`.
    """

    count: int
    chunk: int
    states: bytearray
    unmet: array[int]
    attempts: array[int]
    failures: array[int]
    lots: array[int]
    finished: int = 0
    marred: int = 0
    due: dict[int, float] = field(default_factory=dict)
    notes: dict[int, str] = field(default_factory=dict)
    causes: dict[int, str] = field(default_factory=dict)
    loops: dict[int, int] = field(default_factory=dict)
    references: dict[int, str] = field(default_factory=dict)

    @classmethod
    def new(cls, count: int, chunk: int, states: bytes) -> Children:
        """`count` children that stand as `states` say; children that are neither new nor finished: ValueError."""
        if states and (len(states) != count or not {STATES[code] for code in set(states)} <= _NEW):
            raise ValueError(f"{count} children need as many states, each Pending or a terminal one.")
        zeros = bytes(4 * count)
        new = states.count(State.Pending) if states else count
        return cls(
            count=count,
            chunk=max(1, chunk),
            states=bytearray(states or bytes(count)),
            unmet=array("H", bytes(2 * count)),
            attempts=array("I", zeros),
            failures=array("I", zeros),
            lots=array("I", zeros),
            finished=count - new,
            marred=count - new - sum(map(states.count, _PLAIN)),
        )

    def state(self, child: int) -> State:
        return STATES[self.states[child]]

    def number(self, *states: State) -> int:
        """How many children are in one of `states`."""
        return sum(self.states.count(state) for state in states)

    @property
    def is_plain(self) -> bool:
        """Whether every child ended by plain success."""
        return self.finished == self.count and not self.marred

    @property
    def failed(self) -> int:
        return self.number(*FAILED)

    def in_states(self, *states: State) -> list[int]:
        codes = frozenset(states)
        return [child for child, code in enumerate(self.states) if code in codes]

    def may_start(self, child: int) -> bool:
        return self.states[child] in _STARTABLE and not self.unmet[child] and child not in self.due

    def stoppable(self) -> list[int]:
        return [child for child, code in enumerate(self.states) if code in _STOPPABLE]

    def unfinished(self) -> list[int]:
        return [child for child, code in enumerate(self.states) if code not in _TERMINAL]

    def belonging_to(self, lot: int, children: Sequence[int], *states: State) -> list[int]:
        """Those of `children` whose last start is `lot` and that are in one of `states`."""
        last = self.count
        return [c for c in children if 0 <= c < last and self.lots[c] == lot and self.states[c] in states]

    def move(self, children: Indices, new: State, lot: int) -> None:
        """Puts `children` into `new`; a move that the table of transitions forbids: ValueError."""
        legal, states = _LEGAL[new], self.states
        if isinstance(children, range):
            old = set(states[children.start : children.stop])
        else:
            old = {states[child] for child in children}
        if not old <= legal:
            wrong = STATES[min(old - legal)]
            raise ValueError(f"A child cannot go from {wrong.name} to {new.name}.")
        if isinstance(children, range):
            states[children.start : children.stop] = bytes((new,)) * len(children)
        else:
            for child in children:
                states[child] = new
        if new is State.Running:
            attempts, lots = self.attempts, self.lots
            for child in children:
                attempts[child] += 1
                lots[child] = lot
        elif new in TERMINAL:
            self.finished += len(children)
            self.marred += 0 if new in _PLAIN else len(children)
        if self.due:
            for child in children:
                self.due.pop(child, None)


def note_of(children: Children) -> str:
    """What became of them in one line: how many failed, and why, the same reasons together; "" when all is well."""
    why = Counter(children.notes.get(child, "") for child in children.in_states(*FAILED))
    parts: list[str] = []
    if why:
        kinds = [
            (f"{number} × {note}" if len(why) > 1 else note) if note else f"{number} ×"
            for note, number in why.most_common(_KINDS_TOLD)
        ]
        if len(why) > _KINDS_TOLD:
            kinds.append(f"{len(why) - _KINDS_TOLD} other reasons")
        told = " · ".join(kind for kind in kinds if not kind.endswith("×"))
        parts.append(f"{children.failed} of {children.count} failed" + (f": {told}" if told else ""))
    for state, said in ((State.Cancelled, "cancelled"), (State.Skipped, "skipped"), (State.Cached, "cached")):
        number = children.number(state)
        if number:
            parts.append(f"{number} {said}")
    return " · ".join(parts)
