"""Runs tasks: which ones a request needs, each in its turn, and what their ends mean for the notebook.

It must not parse, publish or know pages; the session tells it what was asked and shows what it reports.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from IPython.core.interactiveshell import ExecutionResult

from ..core.cells import Cell
from ..core.events import Event, TaskMoved
from ..core.run import Run
from ..core.run_task import RunTask
from ..core.states import State
from ..runtime.engine import Engine, Outcome
from ..runtime.stamps import stamp
from .document import Document
from .inline import Attempt, Inline, Result
from .interception import Execution
from .interrupts import Interrupts
from .names import is_notebook_name
from .outputs import RawOutput, safe_text
from .standing import Failure, Standing
from .user_namespace import DEFINITIONS, UserNamespace
from .versions import Version, Versions
from .wording import cached_note, kept_note

MANY = 20
INTERRUPTED = (KeyboardInterrupt, asyncio.CancelledError)


@dataclass(slots=True)
class Counts:
    """How often tasks ended which way since this kernel started."""

    executed: int = 0
    cached: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to run: `targets` whatever they are, `forced` ones even when the store has them.

    `front` is the cell that a person runs right now; all other tasks show their outputs in their own cells.
    With `patient` unset a task that failed and would meet the same again is not tried.
    """

    targets: tuple[str, ...]
    forced: frozenset[str] = frozenset()
    front: tuple[str, Execution] | None = None
    patient: bool = True

    def without(self, tasks: Iterable[str]) -> Request:
        gone = set(tasks)
        return replace(
            self, targets=tuple(task for task in self.targets if task not in gone), forced=self.forced - gone
        )

    def only(self, tasks: Container[str]) -> Request:
        return self.without(task for task in self.targets if task not in tasks)


@dataclass(slots=True)
class Background:
    """How a task runs that is not the cell in front: by the shell, its outputs going to its own cell."""

    run: Callable[[Cell, str], Awaitable[ExecutionResult]]
    output: Callable[[str, str, RawOutput | None], None]


@dataclass(slots=True, kw_only=True)
class Runner:
    """One notebook's runs. All of it happens on the main thread, but `cancel` may come from any thread."""

    document: Document
    versions: Versions
    namespace: UserNamespace
    standing: Standing
    inline: Inline
    interrupts: Interrupts
    background: Background
    clock: Callable[[], float]
    lock: threading.RLock
    body_of: Callable[[Cell], str]
    has_await: Callable[[Cell], bool]
    listen: Callable[[Event], None]
    ended: Callable[[str, Result], None]
    last_keys: Callable[[], Mapping[str, str]]
    counts: Counts = field(default_factory=Counts)
    results: dict[str, Result] = field(default_factory=dict)
    engine: Engine | None = None
    running: str | None = None
    quiet: frozenset[str] = frozenset()
    _request: Request | None = None

    # --- what a request needs

    def needed(self, targets: Iterable[str], forced: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """`targets` and what they need that is not up to date, in document order."""
        graph = self.standing.graph
        need = set(targets) | forced
        stack = [task for task in need if not self._is_pinned(task, forced)]
        while stack:
            for above in self._upstream(stack.pop()):
                if above not in need and self.standing.verdict(above).kind == "stale":
                    need.add(above)
                    if not self._is_pinned(above, forced):
                        stack.append(above)
        return tuple(sorted(need, key=graph.position))

    def _is_pinned(self, task: str, forced: Container[str]) -> bool:
        """Whether the task is answered with what it had, whatever is above it."""
        kept = self.standing.kept(task)
        return kept is not None and kept.kind == "pinned" and task not in forced

    def _upstream(self, task: str) -> set[str]:
        """The tasks that this task needs: not those that fail and do it no harm, but what these need."""
        found: set[str] = set()
        for above in self.standing.graph.task_upstream(task):
            found |= self._upstream(above) if self.is_unaffected(task, above) else {above}
        return found

    def is_unaffected(self, reader: str, task: str) -> bool:
        """Whether `task` fails, and leaves all that `reader` reads of it as a run from the top would."""
        failure = self.standing.failures.get(task)
        if failure is None or not failure.harmless:
            return False
        needed = self.standing.graph.needed(reader, task)
        return needed <= failure.harmless and self.standing.fails(task)

    # --- running

    async def run(self, request: Request) -> Run:
        graph = self.standing.graph
        order = self.needed(request.targets, request.forced)
        among = set(order)
        tasks = []
        for cell_id in order:
            options = self.standing.cells[cell_id].options
            assert options is not None
            upstream = tuple(above for above in self._upstream(cell_id) if above in among)
            tasks.append(RunTask(cell_id, upstream, options.trigger, options.retry, graph.names[cell_id]))
        self.inline.surroundings.look()
        outer = (self.engine, self._request, self.quiet)
        explicit = {*request.targets, *request.forced} if request.patient else set()
        self.quiet = frozenset(task for task in order if task not in explicit and self.standing.fails(task))
        self.engine, self._request = Engine(self._perform, self.clock, self._listen), request
        try:
            with self.interrupts.held(), self._expecting(task for task in order if task not in request.forced):
                return await self.engine.run(tasks, resumed=self._asked_for_by_hand(request))
        finally:
            self.engine, self._request, self.quiet = outer

    @contextmanager
    def _expecting(self, tasks: Iterable[str]) -> Iterator[None]:
        """Reads at once what the store had last of many tasks, instead of asking it for one after the other."""
        names = {self.standing.graph.names[task] for task in tasks}
        if len(names) < MANY:
            yield
            return
        self.inline.expect(key for name, key in self.last_keys().items() if name in names)
        try:
            yield
        finally:
            self.inline.expect(())

    def _asked_for_by_hand(self, request: Request) -> frozenset[str]:
        """The tasks that a person runs themselves, which is what `manual_only` waits for."""
        return request.forced if request.front is None else request.forced | {request.front[0]}

    def cancel(self, tasks: Iterable[str] | None) -> bool:
        """Stops dispatch first, then the task that runs. Any thread may call. False: nothing of it was under way."""
        engine, running = self.engine, self.running
        if engine is None:
            return False
        wanted = None if tasks is None else tuple(tasks)
        engine.cancel(wanted)
        if running is not None and (wanted is None or running in wanted):
            self.interrupts.stop(running)
        return True

    async def _perform(self, cell_id: str, attempt: int) -> Outcome:
        request = self._request
        assert request is not None
        if cell_id in self.quiet and self.standing.fails(cell_id):
            return Outcome("failed", self.standing.failures[cell_id].note, retry=False)
        problems = self.standing.problems(cell_id)
        if problems:
            return Outcome("failed", problems[0].message, retry=False)
        result = await self.attempt(self.standing.cells[cell_id], forced=cell_id in request.forced or attempt > 1)
        return self._outcome(result)

    def _listen(self, event: Event) -> None:
        if isinstance(event, TaskMoved):
            if event.task in self.quiet:
                return
            if event.state is State.TriggerFailed:
                self.counts.skipped += 1
        self.listen(event)

    async def attempt(self, cell: Cell, *, forced: bool) -> Result:
        """Runs one task once: binds what it reads, lets it run, gives the names their latest versions again."""
        request = self._request
        front = request.front[1] if request is not None and request.front and request.front[0] == cell.id else None
        with self.lock:
            inputs = self.see(cell)
            kept = self.standing.kept(cell.id)
            is_here = kept is not None and self.standing.traces.get(cell.id) is kept.trace
        if front is None:
            self.background.output(cell.id, "clear", None)
        outer, self.running = self.running, cell.id
        try:
            awaits = self.has_await(cell)
            with self.interrupts.body(cell.id, awaits=awaits):
                result = await self.inline.perform(
                    Attempt(
                        cell=cell,
                        ordinal=self.standing.graph.rank(cell.id),
                        body=self.body_of(cell),
                        inputs=inputs,
                        load=lambda: self.load(cell),
                        run=self._shell_run(cell, front),
                        forced=forced,
                        has_readers=lambda name: bool(self.standing.graph.readers(cell.id, name)),
                        through=front is not None,
                        sink=None if front is not None else self._sink(cell.id),
                        awaits=awaits,
                        tell=lambda note: self._tell(cell.id, note),
                        kept=kept,
                        is_here=is_here,
                    )
                )
        finally:
            self.running = outer
        with self.lock:
            self._account(cell, inputs, result)
        return result

    def _tell(self, cell_id: str, note: str) -> None:
        """What a task that has started is doing before its body runs; the time of the task starts anew."""
        executing = self.engine.executing if self.engine is not None else None
        number = executing[1] if executing is not None and executing[0] == cell_id else 1
        self._listen(TaskMoved(self.clock(), cell_id, State.Running, number, note))

    def _shell_run(self, cell: Cell, front: Execution | None) -> Callable[[str], Awaitable[ExecutionResult]]:
        if front is not None:
            return front.run
        return lambda transformed: self.background.run(cell, transformed)

    def _sink(self, cell_id: str) -> Callable[[str, RawOutput | None], None]:
        return lambda operation, output: self.background.output(cell_id, operation, output)

    def _account(self, cell: Cell, inputs: dict[str, Version], result: Result) -> None:
        self.results[cell.id] = result
        if not result.decided:
            self.standing.forget_decision(cell.id)
        self.versions.unsettled.discard(cell.id)
        if result.error is not None:
            known = {name: version.fingerprint or "" for name, version in inputs.items()}
            if isinstance(result.error, INTERRUPTED):
                self.standing.interrupted.add(cell.id)
            else:
                self.standing.failures[cell.id] = Failure(
                    cell.digest, known, _first_line(result.error)[:300], result.ambient_in,
                    harmless=self._harmless(cell, result.made),
                )  # fmt: skip
            self.standing.traces.pop(cell.id, None)
            self.versions.unsettled.add(cell.id)
        else:
            self.standing.failures.pop(cell.id, None)
            self.standing.interrupted.discard(cell.id)
            assert result.trace is not None
            self.standing.traces[cell.id] = result.trace
        self.standing.ran(cell.id)
        self.ended(cell.id, result)
        self.namespace.show_latest({*inputs, *self.versions.made.get(cell.id, ())})

    def _harmless(self, cell: Cell, made: frozenset[str]) -> frozenset[str]:
        values = self.namespace.values
        defined = {name for name in made if isinstance(values.get(name), DEFINITIONS)}
        return (cell.in_place - cell.writes - cell.deletes - made) | defined

    def _outcome(self, result: Result) -> Outcome:
        if isinstance(result.error, INTERRUPTED):
            return Outcome("cancelled", "interrupted")
        if result.error is not None:
            self.counts.failed += 1
            self.counts.executed += 1
            return Outcome("failed", _first_line(result.error))
        if result.cached:
            self.counts.cached += 1
            assert result.trace is not None
            if result.decided:
                return Outcome("cached", kept_note(result.decided, result.trace.started_s))
            return Outcome("cached", cached_note(result.trace.started_s, result.trace.duration_s))
        self.counts.executed += 1
        if result.uncached:
            return Outcome("success", f"not stored: {result.uncached}")
        return Outcome("success", result.missed and f"ran again: {result.missed}")

    # --- what a cell sees

    async def load(self, cell: Cell) -> dict[str, Version]:
        """What `cell` sees, with the values in the namespace; tasks whose values are lost run again first."""
        tried: set[str] = set()
        while True:
            with self.lock:
                inputs = self.see(cell)
                lost = self.namespace.lost(cell.id, inputs) | self._overwritten(cell)
            producers = sorted(set(lost.values()) - tried, key=lambda producer: self.document.place(producer) or 0)
            above = next((p for p in producers if self._can_run(p)), None)
            if above is None:
                return self._as_bound(inputs)
            tried.add(above)
            await self.attempt(self.standing.cells[above], forced=True)
            self.counts.executed += 1

    def _as_bound(self, inputs: dict[str, Version]) -> dict[str, Version]:
        """`inputs` with the versions that are really there, where the right ones cannot be had."""
        bound = {name: self.namespace.version(name) for name in inputs}
        return {name: version for name, version in bound.items() if version is not None}

    def _overwritten(self, cell: Cell) -> dict[str, str]:
        """Files that `cell` reads and that no longer hold what the nearest cell above wrote, with that cell."""
        found: dict[str, str] = {}
        for name in self.standing.graph.reads(cell.id):
            wanted = self.versions.seen_by(cell.id, name) if name.startswith("file:") else None
            if isinstance(wanted, Version) and wanted.cell is not None:
                now = stamp(name.removeprefix("file:"))
                if now is None or now.digest != wanted.fingerprint:
                    found[name] = wanted.cell
        return found

    def _can_run(self, cell_id: str) -> bool:
        cell = self.standing.cells.get(cell_id)
        return cell is not None and cell.is_task and cell_id in self.standing.graph and not cell.problems

    def see(self, cell: Cell) -> dict[str, Version]:
        """The versions that `cell` reads, closed under what functions reach; bound, not loaded. Main thread only."""
        inputs: dict[str, Version] = {}
        todo = set(self.standing.graph.reads(cell.id))
        if cell.is_task:  # a plain cell that only defines reads nothing of what its functions will
            todo = todo.union(cell.maybe, *cell.late.values())
        if cell.reads_everything:
            todo |= {name for name in (*self.namespace.values, *self.namespace.pending) if is_notebook_name(name)}
        while todo:
            name = todo.pop()
            if name in inputs or not is_notebook_name(name):
                continue
            seen = self.versions.seen_by(cell.id, name)
            if seen is None and cell.is_task and self._is_of_a_cell(name):
                self.namespace.hide(name)  # in a run from the top it would not be there yet
                continue
            version = self.namespace.see(cell.id, name, seen)
            if version is not None:
                inputs[name] = version
                todo |= version.reach - inputs.keys()
        return inputs

    def _is_of_a_cell(self, name: str) -> bool:
        held = self.namespace.bound.get(name)
        return held is not None and held.cell in self.document


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {safe_text(error)}".partition("\n")[0]
