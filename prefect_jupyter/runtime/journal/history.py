"""What a notebook's kernels did, read from their journals: every attempt of every task, and who died over it.

It must not write, and takes what it can from a damaged journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ...core.events import ChildrenMoved, RunStarted, TaskMapped, TaskMoved
from ...core.states import ACTIVE, TERMINAL, State
from ..stores.filesystem import FileSystem
from .lines import Fact, Logged, Opened, decode


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One start of a task, or its not being started. Times are seconds since the epoch.

    `states` are the states it went through with the time of each. A kernel that died over it leaves Crashed.
    `children` counts the children of a mapped task that ended in each state.
    """

    session: str
    task: str
    name: str
    number: int
    states: list[tuple[float, State]] = field(default_factory=list)
    note: str = ""
    log: list[str] = field(default_factory=list)
    traceback: list[str] = field(default_factory=list)
    dropped: int = 0
    total: int = 0
    children: dict[State, int] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return self.states[-1][1]

    @property
    def started_s(self) -> float:
        return next((at for at, state in self.states if state in ACTIVE), self.states[0][0])

    @property
    def duration_s(self) -> float | None:
        """Seconds from its start to its end, None while it runs and where it did not start or has no end."""
        began = any(state in ACTIVE for _, state in self.states)
        over = self.state not in ACTIVE and self.state is not State.Crashed
        return self.states[-1][0] - self.started_s if began and over else None


@dataclass(slots=True)
class Record:
    """What one kernel did: its attempts in order. `is_alive` says whether it may still go on."""

    session: str
    opened_s: float
    is_alive: bool
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class History:
    """The kernels of a notebook, oldest first."""

    kernels: list[Record]

    def attempts(self, task: str | None = None) -> list[Attempt]:
        """All attempts, or those of one task by id or name, oldest first."""
        found = [attempt for kernel in self.kernels for attempt in kernel.attempts]
        found = [attempt for attempt in found if task is None or task in (attempt.task, attempt.name)]
        return sorted(found, key=lambda attempt: attempt.states[0][0])

    def crashed(self) -> dict[str, Attempt]:
        """The tasks over whose last attempt a kernel died, by id."""
        last = {attempt.task: attempt for attempt in self.attempts()}
        return {task: attempt for task, attempt in last.items() if attempt.state is State.Crashed}


def folder_of(root: Path, notebook: str) -> Path:
    """Where the journals of a notebook lie."""
    return root / "history" / hashlib.blake2b(notebook.encode("utf-8", "surrogateescape"), digest_size=10).hexdigest()


def read_history(
    root: Path, notebook: str, is_alive: Callable[[str], bool], files: FileSystem | None = None, kernels_max: int = 0
) -> History:
    """The history of a notebook. `is_alive` tells whether the kernel of a session may still go on.

    With `kernels_max` only so many kernels are read, the last ones.

    Linear in the size of the journals; a line that was torn or damaged is left out.
    """
    files = files or FileSystem()
    kernels = []
    paths = sorted(path for path in files.list(folder_of(root, notebook)) if path.suffix == ".jsonl")
    for path in paths[-kernels_max:]:
        kernel = _Reading(path.stem.partition("-")[2])
        try:
            for line in files.read(path).splitlines():
                kernel.take(decode(line))
        except OSError:
            continue
        kernels.append(kernel.record(is_alive))
    return History(kernels)


class _Reading:
    """Folds the facts of one journal."""

    def __init__(self, session: str) -> None:
        self._record = Record(session, 0.0, is_alive=False)
        self._names: dict[str, str] = {}
        self._open: dict[str, Attempt] = {}
        self._children: dict[str, bytearray] = {}
        self._last_at = 0.0

    def take(self, fact: Fact | None) -> None:
        if fact is None:
            return
        self._last_at = max(self._last_at, fact.at)
        if isinstance(fact, Opened):
            self._record = Record(fact.session, fact.at, is_alive=False)
        elif isinstance(fact, RunStarted):
            self._names.update((task.id, task.name or task.id) for task in fact.tasks)
            self._open.clear()
        elif isinstance(fact, TaskMoved):
            self._move(fact)
        elif isinstance(fact, TaskMapped):
            self._children[fact.task] = bytearray(fact.states or bytes(fact.total))
        elif isinstance(fact, ChildrenMoved):
            states = self._children.get(fact.task, bytearray())
            for child in fact.children:
                if child < len(states):
                    states[child] = fact.state
        elif isinstance(fact, Logged) and (attempt := self._open.get(fact.task)) is not None:
            (attempt.traceback if fact.kind == "traceback" else attempt.log).extend(fact.lines)
            attempt.dropped += fact.dropped

    def _move(self, fact: TaskMoved) -> None:
        attempt = self._open.get(fact.task)
        if attempt is None or attempt.number != fact.attempt or attempt.state in TERMINAL:
            attempt = Attempt(
                session=self._record.session,
                task=fact.task,
                name=self._names.get(fact.task, fact.task),
                number=fact.attempt,
            )
            self._open[fact.task] = attempt
            self._record.attempts.append(attempt)
        attempt.states.append((fact.at, fact.state))
        attempt.note = fact.note or attempt.note
        children = self._children.get(fact.task)
        if children is not None and fact.state in TERMINAL:
            attempt.total = len(children)
            attempt.children = {state: children.count(state) for state in State if children.count(state)}

    def record(self, is_alive: Callable[[str], bool]) -> Record:
        self._record.is_alive = is_alive(self._record.session)
        if not self._record.is_alive:
            for attempt in self._open.values():
                if attempt.state in ACTIVE or attempt.state is State.Retrying:
                    attempt.states.append((self._last_at, State.Crashed))
                    attempt.note = "the kernel died while it ran"
        return self._record
