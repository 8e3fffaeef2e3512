"""Runs tasks: which ones a request needs, each in its turn, and what their ends mean for the notebook.

It must not parse, publish or know pages; the session tells it what was asked and shows what it reports.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from IPython.core.interactiveshell import ExecutionResult

from ..core.cells import Cell
from ..core.events import Event, TaskMapped, TaskMoved
from ..core.rebuilder import Trace
from ..core.run import Run
from ..core.run_task import RunTask
from ..core.states import State
from ..core.tasks import Retry, TaskOptions
from ..runtime.engine import Elements, Engine, Outcome
from ..runtime.signals import LOOP, PAUSE, SKIP
from ..runtime.stamps import stamp
from .ahead import STILL_RUNS, Ahead, Candidate
from .document import Document
from .endings import GOES_ON, INTERRUPTED, ChildrenFailed, first_line, outcome_of
from .inline import Attempt, Inline, Result
from .interception import Execution
from .interrupts import Interrupts
from .last_value import LastValue
from .mapping import Mapped
from .names import is_notebook_name
from .outputs import RawOutput
from .standing import Failure, Skip, Standing
from .starts import Start, bind_failures, failed_above, keep_for_another_try, unmet_condition
from .threads import Body
from .time_limit import limited
from .user_namespace import DEFINITIONS, UserNamespace
from .versions import Version, Versions
from .wording import cached_note, kept_note

MANY = 20
_FIRST = Start()


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
    With `patient` unset a task that failed and would meet the same again is not tried. `resumed` are tasks that a
    person lets go on, with the value that they get. `why` is what the rows of tasks say that run for this request.
    With `only_failed` the children of a mapped task that ended well are left alone.
    """

    targets: tuple[str, ...]
    forced: frozenset[str] = frozenset()
    front: tuple[str, Execution] | None = None
    patient: bool = True
    resumed: Mapping[str, object] = field(default_factory=dict)
    why: str = ""
    only_failed: bool = False

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
    progress: Callable[[str, int, int, int, int], None]
    ended: Callable[[str, Result], None]
    unpinned: Callable[[str], None]
    last_keys: Callable[[], Mapping[str, str]]
    last: LastValue
    judge: Callable[[str, BaseException | None], BaseException | None]
    ahead: Ahead
    settle: Callable[[Body], ExecutionResult]
    counts: Counts = field(default_factory=Counts)
    results: dict[str, Result] = field(default_factory=dict)
    engine: Engine | None = None
    running: str | None = None
    quiet: frozenset[str] = frozenset()
    handed: dict[str, object] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    _request: Request | None = None
    _gone: dict[str, frozenset[str]] = field(default_factory=dict)  # inputs whose values could not be had

    # --- what a request needs

    def needed(self, targets: Iterable[str], forced: frozenset[str] = frozenset()) -> tuple[str, ...]:
        """`targets` and what they need that is not up to date, in document order."""
        graph = self.standing.graph
        need = set(targets) | forced
        stack = [task for task in need if not self._is_pinned(task, forced)]
        while stack:
            for above in self._upstream(stack.pop()):
                # what was skipped is asked again, so that this is skipped with it
                if above not in need and (self.standing.verdict(above).kind == "stale" or self._has_skipped(above)):
                    need.add(above)
                    if not self._is_pinned(above, forced):
                        stack.append(above)
        return tuple(sorted(need, key=graph.position))

    def _has_skipped(self, task: str) -> bool:
        """Whether the task was skipped, or some of its children were."""
        result = self.results.get(task)
        elements = None if result is None else result.elements
        return task in self.standing.skips or (elements is not None and State.Skipped in elements.states)

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
        tasks: list[RunTask] = []
        limits: dict[str, int] = {}
        for cell_id in order:
            options = self.standing.cells[cell_id].options
            assert options is not None
            upstream = tuple(above for above in self._upstream(cell_id) if above in among)
            loosely = graph.loosely_upstream(cell_id) if options.trigger == "all_successful" else ()
            tasks.append(replace(_run_task(cell_id, upstream, options, graph.names[cell_id]), loosely=loosely))
            for tag, most in options.limits:
                limits[tag] = min(most, limits.get(tag, most))
        slots = self._slots(tasks) if request.front is None else 1
        if slots > 1:
            tasks = [replace(task, alone=not self.ahead.is_fit(self.standing.cells[task.id])) for task in tasks]
        self.inline.surroundings.look()
        outer = (self.engine, self._request, self.quiet)
        explicit = {*request.targets, *request.forced} if request.patient else set()
        self.quiet = frozenset(task for task in order if task not in explicit and self.standing.fails(task))
        engine = Engine(self._perform, self.clock, self._listen, expand=self._expand, ahead=self._go_ahead)
        self.engine, self._request = engine, request
        try:
            with self.interrupts.held(), self._expecting(task for task in order if task not in request.forced):
                by_hand = self._asked_for_by_hand(request)
                run = await engine.run(tasks, resumed=by_hand, limits=limits.items(), slots=slots)
        finally:
            self.engine, self._request, self.quiet = outer
        undone = {row.task.id for row in run.rows if not row.state.is_finished}
        self.left = frozenset(self.left - run.tasks.keys() | undone)
        return run

    def _slots(self, tasks: Iterable[RunTask]) -> int:
        """How many tasks may run at once: one, unless several of them may run in threads."""
        fit = sum(self.ahead.is_fit(self.standing.cells[task.id]) for task in tasks)
        return max(1, min(self.ahead.slots(), fit))

    async def _go_ahead(self, attempts: Sequence[tuple[str, int]]) -> Mapping[str, Outcome]:
        """Those of the attempts that have started at once and have to run do so now, in threads."""
        request, engine = self._request, self.engine
        run = engine.current if engine is not None else None
        assert request is not None
        assert engine is not None
        assert run is not None
        found = [self._candidate(self.standing.cells[cell_id], request) for cell_id, _ in attempts]

        def is_stopped(cell_id: str) -> bool:
            engine.attend()
            return run.tasks[cell_id].state is not State.Running

        ended = await self.ahead.run([each for each in found if each is not None], is_stopped)
        if ended:
            self.namespace.show_latest(())
        return ended

    def _candidate(self, cell: Cell, request: Request) -> Candidate | None:
        """`cell` as one that could go ahead; None where its start is not an ordinary one."""
        start = self._start(cell.id, request)
        if start.failed or start.is_marred or not self.ahead.is_fit(cell) or self.standing.kept(cell.id) is not None:
            return None
        if cell.id in self.quiet or self.standing.problems(cell.id) or cell.id in self.standing.skips:
            return None
        is_forced = cell.id in request.forced or start.number > 1

        def hit(inputs: Mapping[str, Version]) -> list[Trace] | str:
            attempt = self._described(cell, inputs, start, None)
            if is_forced or self.inline.never_stored(attempt):
                return ""
            return self.inline.look_up(attempt, self.inline.key(attempt))

        def asked(inputs: Mapping[str, Version]) -> set[str]:
            names = self._asked(cell).union(*(version.reach for version in inputs.values()))
            return set(filter(is_notebook_name, names))

        return Candidate(
            cell=cell, start=start, name=self.standing.name(cell.id), sink=self._sink(cell.id), asked=asked, hit=hit,
            see=lambda: self.see(cell), load=lambda: self._load_for(cell, start),
        )  # fmt: skip

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
        """The tasks that a person runs themselves, which is what `manual_only` waits for, or has resumed.

        With `--pause` only the latter counts: *Run All* runs every cell.
        """
        by_hand = request.forced if request.front is None else request.forced | {request.front[0]}
        cells = self.standing.cells
        return frozenset(task for task in by_hand if not _pauses(cells[task])) | request.resumed.keys()

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

    def pause(self, tasks: Iterable[str] | None) -> bool:
        """Keeps tasks of the run under way from starting. Any thread may call. False: nothing runs."""
        if self.engine is None:
            return False
        self.engine.pause(tasks)
        return True

    def resume(self, tasks: Sequence[str], value: object) -> bool:
        """Lets paused tasks of the run under way go on. Any thread may call. False: none of them is in it."""
        engine = self.engine
        run = engine.current if engine is not None else None
        paused = [row.task.id for row in list(run.rows) if row.state is State.Paused] if run is not None else []
        chosen = [task for task in paused if not tasks or task in tasks]
        if engine is None or not chosen:
            return False
        reference = f"resume:{len(self.handed)}"
        self.handed[reference] = value
        engine.resume(chosen, reference)
        return True

    def retry_now(self, tasks: Sequence[str]) -> list[str]:
        """Lets retries of the run under way start although they are not due; returns those that waited."""
        engine = self.engine
        run = engine.current if engine is not None else None
        waiting = [row.task.id for row in list(run.rows) if row.state is State.Retrying] if run is not None else []
        chosen = [task for task in waiting if not tasks or task in tasks]
        if engine is not None and chosen:
            engine.retry_now(chosen)
        return chosen

    async def _perform(self, cell_id: str, attempt: int) -> Outcome:
        request = self._request
        assert request is not None
        if cell_id in self.quiet and self.standing.fails(cell_id):
            return Outcome("failed", self.standing.failures[cell_id].note, retry=False)
        problems = self.standing.problems(cell_id)
        if problems:
            return Outcome("failed", problems[0].message, retry=False)
        if cell_id in self.standing.skips and self._is_skipped_as_before(cell_id):
            return Outcome("skipped", self.standing.skips[cell_id].note)
        cell, start = self.standing.cells[cell_id], self._start(cell_id, request)
        result = await self.attempt(cell, forced=cell_id in request.forced or attempt > 1, start=start)
        return self._outcome(cell, result)

    async def _expand(self, cell_id: str, attempt: int) -> Elements | Outcome:
        """Runs a mapped task as a whole: its children have ended when it is told how many there are."""
        before = self.results.get(cell_id)
        if before is not None and before.elements is not None and self._is_skipped_as_before(cell_id):
            return before.elements
        outcome: Outcome = await self._perform(cell_id, attempt)
        result = self.results.get(cell_id)
        elements = None if result is None or result is before else result.elements
        if result is None or elements is None or not isinstance(result.error, (ChildrenFailed, type(None))):
            return replace(outcome, retry=False)
        return elements

    def _is_skipped_as_before(self, cell_id: str) -> bool:
        """Whether the task is here only for those that are skipped with it, or with one of its children."""
        request = self._request
        if request is None or cell_id in {*request.targets, *request.forced} or not self._has_skipped(cell_id):
            return False
        return self.standing.verdict(cell_id).is_fresh

    def _error_of(self, cell_id: str) -> BaseException | None:
        result = self.results.get(cell_id)
        return None if result is None else result.error

    def _start(self, cell_id: str, request: Request) -> Start:
        run = self.engine.current if self.engine is not None else None
        assert run is not None
        row = run.tasks[cell_id]
        return Start(
            number=row.attempt,
            tries=row.failures + 1,
            loop=row.loop,
            handed=self.handed.get(row.reference, request.resumed.get(cell_id)),
            is_resumed=row.resumed and (row.attempt > 1 or cell_id in request.resumed),
            failed=failed_above(row, self._error_of),
            is_marred=row.has_failed_above,
        )

    def _listen(self, event: Event) -> None:
        if isinstance(event, TaskMapped):
            return  # its children have told of themselves
        if isinstance(event, TaskMoved):
            if event.task in self.quiet:
                return
            if event.state is State.TriggerFailed or (event.state is State.Skipped and not event.attempt):
                self.counts.skipped += 1
            if event.state is State.Skipped and event.cause:
                self._skipped_with(event)
        self.listen(event)

    def _skipped_with(self, event: TaskMoved) -> None:
        """A task was not run because one above it was skipped."""
        self._forget_run(event.task)
        self.standing.skips[event.task] = Skip(self.standing.cells[event.task].digest, {}, event.note, event.cause)
        self.standing.forget(event.task)

    def _forget_run(self, cell_id: str) -> None:
        """What the task made before is not there any more in a run from the top."""
        self.standing.failures.pop(cell_id, None)
        self.standing.interrupted.discard(cell_id)
        self.standing.traces.pop(cell_id, None)
        made = self.versions.made.get(cell_id, {})
        self.versions.record(cell_id, {})
        self.versions.unsettled.discard(cell_id)
        for name, version in made.items():
            if self.namespace.bound.get(name) is version:
                self.namespace.drop(name)
        self.namespace.show_latest(made)

    async def attempt(self, cell: Cell, *, forced: bool, start: Start = _FIRST) -> Result:
        """Runs one task once: binds what it reads, lets it run, gives the names their latest versions again."""
        request = self._request
        front = request.front[1] if request is not None and request.front and request.front[0] == cell.id else None
        with self.lock:
            inputs = self.see(cell)
            kept = self.standing.kept(cell.id)
            is_here = kept is not None and self.standing.traces.get(cell.id) is kept.trace
        ahead = None if front is not None else self.ahead.take(cell.id, inputs)
        if front is None:
            if ahead is None:
                self.background.output(cell.id, "clear", None)
            if self.last.is_read_by(cell):
                self.last.put_back_above(cell.id, self.standing.graph, self.standing.traces)
        elif start.number > 1:
            self.inline.clear()
        outer, self.running = self.running, cell.id
        try:
            awaits = self.has_await(cell)
            attempt = replace(
                self._described(cell, inputs, start, front), forced=forced or bool(start.failed), kept=kept,
                is_here=is_here, ahead=ahead, settle=self.settle,
            )  # fmt: skip
            may_wait = awaits or (attempt.mapped is not None and _retries(cell))
            with self.interrupts.body(cell.id, awaits=may_wait), start.context(self.standing.name(cell.id)):
                result = await self._hindered(cell, attempt) or await self.inline.perform(attempt)
                result = self._explained(cell, attempt, result)
        finally:
            self.running = outer
        with self.lock:
            self._account(cell, inputs, result)
        return result

    def _described(self, cell: Cell, inputs: Mapping[str, Version], start: Start, front: Execution | None) -> Attempt:
        """What is needed to run `cell`, whatever was decided about it."""
        return Attempt(
            cell=cell,
            ordinal=self.standing.graph.rank(cell.id),
            body=self.body_of(cell),
            inputs=inputs,
            load=lambda: self._load_for(cell, start),
            run=self._shell_run(cell, front, start),
            keep_last=self.last.keep if self.last.is_read_below(self.standing.graph, cell.id) else None,
            has_readers=lambda name: bool(self.standing.graph.readers(cell.id, name)),
            through=front is not None,
            sink=None if front is not None else self._sink(cell.id),
            awaits=self.has_await(cell),
            tell=lambda note: self._tell(cell.id, note),
            unrepeatable=_unrepeatable(start) or (STILL_RUNS if self.ahead.threads.still_running else ""),
            judge=lambda error: self.judge(cell.id, error),
            mapped=self._mapped(cell, start),
        )

    def _mapped(self, cell: Cell, start: Start) -> Mapped | None:
        if cell.options is None or not cell.options.maps:
            return None
        return Mapped(
            listen=self.listen,
            progress=lambda *counts: self.progress(cell.id, *counts),
            guard=lambda: self.interrupts.body(cell.id, awaits=False),
            only_failed=start.is_resumed or (self._request is not None and self._request.only_failed),
        )

    def _explained(self, cell: Cell, attempt: Attempt, result: Result) -> Result:
        """A task that is skipped or waits for a person has no error; its cell says what became of it."""
        if not isinstance(result.error, (SKIP, PAUSE)) or result.execution is None:
            return result
        result.execution.error_in_exec = None
        said = f"skipped: {first_line(result.error)}"
        if isinstance(result.error, PAUSE):
            name = self.standing.name(cell.id)
            said = f"{first_line(result.error)}: waits for a person · `%flow resume {name}` lets it go on"
        return self.inline.say(attempt, result, said)

    async def _hindered(self, cell: Cell, attempt: Attempt) -> Result | None:
        """What to say of a task that a person skips or whose `--when` does not hold; None when it is to run."""
        if cell.id in self.standing.skipped_by_person:
            return await self.inline.end_with(attempt, SKIP("by you"))
        condition = cell.options.when if cell.options is not None else None
        if condition is None or attempt.mapped is not None:
            return None
        await self.load(cell)
        hindrance = unmet_condition(condition, self.namespace.values)
        return None if hindrance is None else await self.inline.end_with(attempt, hindrance)

    async def _load_for(self, cell: Cell, start: Start) -> dict[str, Version]:
        inputs = await self.load(cell)
        with self.lock:
            keep_for_another_try(cell, self.namespace, inputs)
            bind_failures(cell, self.standing.graph, self.namespace, start)
        return inputs

    def _tell(self, cell_id: str, note: str) -> None:
        """What a task that has started is doing before its body runs; the time of the task starts anew."""
        executing = self.engine.executing if self.engine is not None else None
        number = executing[1] if executing is not None and executing[0] == cell_id else 1
        self._listen(TaskMoved(self.clock(), cell_id, State.Running, number, note))

    def _shell_run(
        self, cell: Cell, front: Execution | None, start: Start
    ) -> Callable[[str], Awaitable[ExecutionResult]]:
        run: Callable[[str], Awaitable[ExecutionResult]]
        if front is None:
            run = lambda transformed: self.background.run(cell, transformed)  # noqa: E731
        else:
            run = front.run if start.number == 1 else front.run_again
        seconds = cell.options.timeout_s if cell.options is not None and not cell.options.maps else None
        return run if seconds is None else limited(run, seconds, awaits=self.has_await(cell))

    def _sink(self, cell_id: str) -> Callable[[str, RawOutput | None], None]:
        return lambda operation, output: self.background.output(cell_id, operation, output)

    def _is_asked_for(self, task: str) -> bool:
        return self._request is not None and task in self._request.forced

    def _account(self, cell: Cell, inputs: dict[str, Version], result: Result) -> None:
        self.results[cell.id] = result
        if not result.decided and self.standing.forget_decision(cell.id) and not self._is_asked_for(cell.id):
            self.unpinned(cell.id)
        self.versions.unsettled.discard(cell.id)
        self.standing.plain_runs.pop(cell.id, None)  # of a text without a header
        self.standing.skips.pop(cell.id, None)
        if isinstance(result.error, SKIP):
            self._forget_run(cell.id)
            known = {name: version.fingerprint or "" for name, version in inputs.items()}
            self.standing.skips[cell.id] = Skip(cell.digest, known, f"skipped: {first_line(result.error)}")
        elif result.error is not None:
            gone = self._gone.get(cell.id, frozenset())  # without them, failing says nothing of a run from the top
            known = {name: "" if name in gone else v.fingerprint or "" for name, v in inputs.items()}
            if isinstance(result.error, (*INTERRUPTED, *GOES_ON)):
                self.standing.interrupted.add(cell.id)
            else:
                self.standing.failures[cell.id] = Failure(
                    cell.digest, known, first_line(result.error)[:300], result.ambient_in,
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

    def _outcome(self, cell: Cell, result: Result) -> Outcome:
        assert cell.options is not None
        error = result.error
        if error is not None:
            outcome = outcome_of(error, cell.options.retry, reference=self._hand_on(cell, error))
            if outcome.kind != "cancelled":
                self.counts.executed += 1
                self.counts.failed += outcome.kind in ("failed", "timed_out", "invalid")
            changed = self._changed_for_good(cell) if cell.options.retry.retries and outcome.retry is None else ""
            if changed and outcome.kind in ("failed", "timed_out", "invalid"):
                note = f"{outcome.note} · not tried again: it has changed `{changed}`, which cannot be put back"
                return replace(outcome, note=note, retry=False)
            return outcome
        if result.cached:
            self.counts.cached += 1
            assert result.trace is not None
            if result.decided:
                return Outcome("cached", kept_note(result.decided, result.trace.started_s))
            return Outcome("cached", cached_note(result.trace.started_s, result.trace.duration_s))
        self.counts.executed += 1
        if result.uncached:
            return Outcome("success", f"not stored: {result.uncached}")
        if self.ahead.wants(cell) and self.ahead.hindrance(cell):
            return Outcome("success", f"on the main thread: {self.ahead.hindrance(cell)}")
        why = result.missed or ("" if self._request is None else self._request.why)
        return Outcome("success", why and f"ran again: {why}")

    def _hand_on(self, cell: Cell, error: BaseException) -> str:
        """Keeps what a loop hands to its next turn, and returns the word by which it is found."""
        if not isinstance(error, LOOP):
            return ""
        reference = f"loop:{cell.id}"
        self.handed[reference] = error.result
        return reference

    def _changed_for_good(self, cell: Cell) -> str:
        """An input that the failed attempt has changed in place and that nothing can put back for another one."""
        for name, version in self.versions.made.get(cell.id, {}).items():
            before = self.versions.seen_by(cell.id, name) if version.in_place else None
            if isinstance(before, Version) and before.reference is None and not self._can_run(before.producer or ""):
                return name
        return ""

    # --- what a cell sees

    async def load(self, cell: Cell) -> dict[str, Version]:
        """What `cell` sees, with the values in the namespace; tasks whose values are lost run again first."""
        tried: set[str] = set()
        while True:
            with self.lock:
                inputs = self.see(cell)
                wanted = {*inputs, *self.versions.sharers(cell.id, inputs)}
                lost = self.namespace.lost(cell.id, wanted) | self._overwritten(cell)
            producers = sorted(set(lost.values()) - tried, key=lambda producer: self.document.place(producer) or 0)
            above = next((p for p in producers if self._can_run(p)), None)
            if above is None:
                self._gone[cell.id] = frozenset(lost)
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
        todo = self._asked(cell)
        if cell.reads_everything:
            todo |= {name for name in (*self.namespace.values, *self.namespace.pending) if is_notebook_name(name)}
        while todo:
            name = todo.pop()
            if name in inputs or not is_notebook_name(name):
                continue
            seen = self.versions.seen_by(cell.id, name)
            if seen is None and cell.is_task and self._is_not_there_yet(cell, name):
                self.namespace.hide(name)
                continue
            version = self.namespace.see(cell.id, name, seen)
            if version is not None:
                inputs[name] = version
                todo |= version.reach - inputs.keys()
        # What the cell changes in place, it changes for those that share it.
        for name, version in self.versions.sharers(cell.id, inputs).items():
            self.namespace.see(cell.id, name, version)
        return inputs

    def _asked(self, cell: Cell) -> set[str]:
        """The names that the text of `cell` asks for."""
        asked = set(self.standing.graph.reads(cell.id))
        # a plain cell that only defines reads nothing of what its functions will
        return asked.union(cell.maybe, *cell.late.values()) if cell.is_task else asked

    def _is_not_there_yet(self, cell: Cell, name: str) -> bool:
        """Whether a name that no cell above writes would have no value in a run from the top.

        What is left over from elsewhere is no input of a function whose own cell binds the name first.
        """
        held = self.namespace.bound.get(name)
        return held is not None and (held.cell in self.document or (name in cell.writes and name not in cell.reads))


def _run_task(cell_id: str, upstream: tuple[str, ...], options: TaskOptions, name: str) -> RunTask:
    # The children of a mapped task are tried again one by one, and not the whole.
    return RunTask(
        cell_id, upstream, options.trigger, Retry() if options.maps else options.retry, name,
        mapped=bool(options.maps), pause=options.pause, tags=(*options.tags, *(tag for tag, _ in options.limits)),
    )  # fmt: skip


def _retries(cell: Cell) -> bool:
    return cell.options is not None and cell.options.retry.retries > 0


def _pauses(cell: Cell) -> bool:
    return cell.options is not None and cell.options.pause


def _unrepeatable(start: Start) -> str:
    if start.failed or start.is_marred:
        return "a task above it has failed"
    return "a person gave it a value" if start.is_resumed and start.handed is not None and start.loop == 1 else ""
