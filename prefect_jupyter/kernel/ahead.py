"""Which of the tasks that have started at once do their work beforehand, in threads, and what became of it.

It must not run a body itself, or settle what one did.
"""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType

from ..core.cells import Cell
from ..core.rebuilder import Trace
from ..runtime.engine import Outcome
from .fit_for_threads import hindrance_of_inputs, hindrance_of_text
from .starts import Start
from .threads import Body, Sink, Threads, Together
from .user_namespace import UserNamespace
from .versions import Version

STILL_RUNS = "a task that was stopped still runs in its thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One attempt that could go ahead. `hit` finds what the store has of it, given its inputs."""

    cell: Cell
    start: Start
    name: str
    sink: Sink
    see: Callable[[], Mapping[str, Version]]
    load: Callable[[], Awaitable[Mapping[str, Version]]]
    asked: Callable[[Mapping[str, Version]], set[str]]
    hit: Callable[[Mapping[str, Version]], list[Trace] | str]


@dataclass(slots=True, kw_only=True)
class Ahead:
    """The work done beforehand in one notebook. Main thread only.

    `slots` says how many threads there are, `code_of` gives the body as Python text and `compiled` its statements
    and last expression; `taken` are the names that a cell binds. `notice` tells a person.
    """

    threads: Threads
    namespace: UserNamespace
    slots: Callable[[], int]
    code_of: Callable[[Cell], str]
    compiled: Callable[[Cell, str], tuple[CodeType, CodeType | None]]
    taken: Callable[[Cell], set[str]]
    notice: Callable[[str], None]
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    _texts: dict[tuple[str, str], str] = field(default_factory=dict)
    _done: dict[str, Body] = field(default_factory=dict)

    def wants(self, cell: Cell) -> bool:
        """Whether a person wants `cell` to run in a thread."""
        return cell.options is not None and cell.options.on == "threads" and self.slots() > 1

    def hindrance(self, cell: Cell) -> str:
        """Why `cell` runs on the main thread although it is to run in a thread, "" where it may."""
        known = (cell.id, cell.source)
        if known not in self._texts:
            self._texts[known] = hindrance_of_text(cell, lambda: self.code_of(cell))
        return self._texts[known] or self.refused.get((cell.id, cell.digest), "")

    def is_fit(self, cell: Cell) -> bool:
        return self.wants(cell) and not self.hindrance(cell)

    def take(self, cell: str, inputs: Mapping[str, Version]) -> Body | None:
        """What `cell` did beforehand with just these inputs; only once."""
        body = self._done.pop(cell, None)
        same = body is not None and body.known == {name: each.fingerprint or "" for name, each in inputs.items()}
        return body if same else None

    async def run(
        self, candidates: Sequence[Candidate], is_stopped: Callable[[str], bool]
    ) -> Mapping[str, Outcome]:  # fmt: skip
        """Lets those of `candidates` go ahead that may. Returns the ends of those that were stopped."""
        self._done.clear()
        bodies = await self._bodies(candidates)
        if len(bodies) < 2:
            return {}
        for body in bodies:
            body.sink("clear", None)
        together = self.threads.run(bodies, is_stopped)
        if not together.undeclared:
            self._done = {body.cell.id: body for body in bodies}
            return {}
        return self._void(bodies, together, {each.cell.id: each.name for each in candidates}, is_stopped)

    def _void(
        self, bodies: Sequence[Body], together: Together, names: Mapping[str, str], is_stopped: Callable[[str], bool]
    ) -> dict[str, Outcome]:
        """What the bodies did does not count: they run once more, one after the other."""
        for body in bodies:
            body.sink("clear", None)
            if body.cell.id in together.culprits:
                self.refused[body.cell.id, body.cell.digest] = together.undeclared
        ended = {cell: Outcome("cancelled", "stopped; its code still runs in a thread") for cell in together.running}
        again = [body.cell.id for body in bodies if body.cell.id not in ended and not is_stopped(body.cell.id)]
        said = together.undeclared
        for cell, name in names.items():
            said = said.replace(f"`{cell}`", f"`{name}`")
        which = ", ".join(f"`{names[cell]}`" for cell in again)
        if together.cure:
            failed = Outcome("failed", f"{said} while tasks ran at once: {together.cure}", retry=False)
            return ended | dict.fromkeys(again, failed)
        if again:
            self.notice(f"{which} ran at once, but {said}: they run again, one after the other.")
        return ended

    async def _bodies(self, candidates: Sequence[Candidate]) -> list[Body]:
        found: list[tuple[Candidate, Mapping[str, Version]]] = []
        for each in candidates:
            inputs = await self._inputs(each)
            if inputs is not None:
                found.append((each, inputs))
        bodies: list[Body] = []
        for each, inputs in found:
            wanted = each.asked(inputs)
            # Names stand for one value while bodies run, also where a function asks for them.
            is_bound = all(self.namespace.bound.get(name) is version for name, version in inputs.items())
            is_there = all(name in self.namespace.values for name in inputs)
            is_absent = not any(name in self.namespace.values for name in wanted - inputs.keys() - each.cell.writes)
            meets_the_same = not bodies or self.threads.meets_the_same(bodies[0].cell, each.cell)
            if is_bound and is_there and is_absent and meets_the_same:
                bodies.append(self._body(each, inputs))
        return bodies

    async def _inputs(self, each: Candidate) -> Mapping[str, Version] | None:
        """The inputs of a task that has to run and may do so in a thread, loaded and able to be put back; else None."""
        if not isinstance(each.hit(each.see()), str):
            return None
        inputs = await each.load()
        why = hindrance_of_inputs(each.cell, inputs, self.namespace.values)
        if not why and not self.threads.keep(inputs):
            why = "an input of it cannot be stored, so that it could not be put back"
        if why:
            self.refused[each.cell.id, each.cell.digest] = why
        return None if why else inputs

    def _body(self, each: Candidate, inputs: Mapping[str, Version]) -> Body:
        statements, last = self.compiled(each.cell, self.code_of(each.cell))
        with each.start.context(each.name):
            context = contextvars.copy_context()
        return Body(
            cell=each.cell, inputs=inputs, statements=statements, last=last, context=context, sink=each.sink,
            taken=frozenset(self.taken(each.cell) - inputs.keys()),
        )  # fmt: skip
