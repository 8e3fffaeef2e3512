"""Runs one task on the main thread, or answers it from the store: key, look-up, run, comparison, trace.

It must not decide which tasks run or in which order, and it shows nothing but the task's own outputs.
"""

from __future__ import annotations

import ast
import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from IPython.core.interactiveshell import ExecutionResult

from ..analysis.directives import read_header
from ..analysis.statements import has_effect_free_form, stores_into, strings_in
from ..core.cells import Cell
from ..core.decisions import Decision
from ..core.rebuilder import Output, Trace, described, key_of
from ..runtime.engine import Elements
from ..runtime.origins import library_of
from ..runtime.pickles import Unstorable, dump, load
from ..runtime.signals import FAIL, SKIP, SUCCESS
from ..runtime.silence import is_silent
from ..runtime.stamps import stamped, stamped_reads, unchanged
from ..runtime.stores import Store
from ..runtime.workspace import Workspace
from .ambient import CHANCE
from .ambient_deltas import Delta
from .comparison import Changes
from .declared import Begun, Declared
from .definitions import Definitions
from .endings import first_line
from .errors import TaskError
from .mapped import MappedBody
from .mapping import Mapped, MappedTasks, child_inputs
from .observation import Observation, Observer
from .outputs import Outputs, RawOutput
from .surroundings import Surroundings
from .threads import Body
from .traced import is_lost, output_of, references, versions_of, written_files
from .turns import Turns
from .user_namespace import UserNamespace
from .versions import Version, bound_anew, shared

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one attempt ended. `error` is the user's exception. `uncached` says why nothing was stored, else "".

    `missed` says why what the store had of this task could not be used. `ambient_in` is the process-wide state
    that a failed attempt read, and `made` what it left. `decided` is "accepted" or "pinned" when the result is
    there because a person said so. `elements` is how the children of a mapped task ended.
    """

    trace: Trace | None
    cached: bool = False
    error: BaseException | None = None
    uncached: str = ""
    missed: str = ""
    ambient_in: Mapping[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    displays: tuple[RawOutput, ...] = ()
    execution: ExecutionResult | None = None
    promoted: frozenset[str] = frozenset()
    decided: str = ""
    elements: Elements | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is needed to run one task once.

    `inputs` are the versions that it sees, by name, closed under what functions reach; `load` loads their
    values and tells the inputs anew. `run` runs the body in the shell, showing its outputs in the right
    place. `ordinal` is its rank among equal cells. `awaits`: the body, and so the attempt, runs in an event loop.
    `tell` gets a line on what is going on before the body runs.
    `kept` is what a person decided about its result, and `is_here` that the names hold this result now.
    `unrepeatable` says why this attempt, other than the next one, must not be stored.
    `judge` is given what the body raised, None when it did not, and returns how the attempt has ended.
    `mapped` is what the body needs that runs for each element. `ahead` is what the body has done beforehand, in a
    thread, and `settle` shows how it ended.
    """

    cell: Cell
    ordinal: int
    body: str
    inputs: Mapping[str, Version]
    load: Callable[[], Awaitable[dict[str, Version]]]
    run: Callable[[str], Awaitable[ExecutionResult]]
    forced: bool = False
    has_readers: Callable[[str], bool] = lambda name: False
    keep_last: Callable[[object], str] | None = None
    through: bool = True
    sink: Callable[[str, RawOutput | None], None] | None = None
    awaits: bool = False
    tell: Callable[[str], None] = lambda note: None
    kept: Decision | None = None
    is_here: bool = False
    unrepeatable: str = ""
    judge: Callable[[BaseException | None], BaseException | None] = lambda error: error
    mapped: Mapped | None = None
    ahead: Body | None = None
    settle: Callable[[Body], ExecutionResult] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ran:
    """One attempt that ran; `code` is its body in Python alone, `children` ran it for each element."""

    code: str
    execution: ExecutionResult
    started_s: float
    duration_s: float
    observed: Observation
    begun: Begun
    displays: tuple[RawOutput, ...]
    sharers: Mapping[str, Mapping[str, Version]]
    children: MappedBody | None = None


class Inline:
    """The executor of tasks on the main thread, in the notebook's own namespace."""

    def __init__(
        self, outputs: Outputs, namespace: UserNamespace, store: Store, surroundings: Surroundings,
        observer: Observer, definitions: Definitions, workspace: Workspace, declared: Declared, mapped: MappedTasks,
        lock: threading.RLock, transform: Callable[[str], str],
    ) -> None:  # fmt: skip
        self._outputs = outputs
        self._namespace = namespace
        self._store = store
        self.surroundings = surroundings
        self._observer = observer
        self._definitions = definitions
        self._workspace = workspace
        self._declared = declared
        self._mapped = mapped
        self._lock = lock
        self._transform = transform
        self._turns = Turns(store)
        self._expected: dict[str, list[Trace]] = {}
        self._present: set[str] = set()

    # --- key and look-up

    def expect(self, keys: Iterable[str]) -> None:
        """Many tasks are about to be looked up, most of them under these keys: the store is read at once."""
        self._expected = self._store.traces_of(keys)
        traces = [trace for found in self._expected.values() for trace in found]
        self._present = self._store.present({reference for trace in traces for reference in references(trace)})

    def key(self, attempt: Attempt) -> str:
        inputs = {name: version.fingerprint or "" for name, version in attempt.inputs.items()}
        return key_of(attempt.cell.digest, attempt.ordinal, inputs, PYTHON)

    def never_stored(self, attempt: Attempt) -> str:
        """Why the task cannot be answered from the store, whatever it holds; "" when it can."""
        options = attempt.cell.options
        if options is not None and options.cache is False:
            return "--no-cache"
        if attempt.unrepeatable:
            return attempt.unrepeatable
        if attempt.cell.always:
            return f"it uses {', '.join(attempt.cell.always)}"
        for name, version in attempt.inputs.items():
            if not version.can_be_stored:
                return f"`{name}` cannot be stored"
        return ""

    def look_up(self, attempt: Attempt, key: str) -> list[Trace] | str:
        """The traces under `key`, newest first, whose discovered inputs are as they were and whose values are there.

        Where there is none, the answer is what hinders the newest one, "" without any.
        """
        hindrance = ""
        usable: list[Trace] = []
        expected = self._expected.pop(key, None)
        for trace in self._store.traces(key) if expected is None else expected:
            found = self._hindrance(attempt, trace)
            if not found:
                usable.append(trace)
            hindrance = hindrance or found
        return usable or hindrance

    def _hindrance(self, attempt: Attempt, trace: Trace) -> str:
        """Why the task cannot be answered by this trace, "" when it can."""
        if trace.executes:
            return "it has to run in every kernel"
        if not all(map(self._is_present, references(trace))):
            return "a value of it is gone from the store"
        for item, known in trace.ambient_in.items():
            if self.surroundings.fingerprint(attempt.cell.id, item) != known:
                return f"{described(item)} is another"
        if trace.shared_in and self._namespace.versions.sharing(attempt.cell.id, trace) != trace.shared_in:
            return "other names share storage with what it reads"
        for path, stamped_then in trace.files_in.items():
            if not unchanged(path, stamped_then):
                return f"`{os.path.basename(path)}` is another file"
        declared = self._declared.hindrance(attempt.cell, trace)
        if declared:
            return declared
        for path, code in trace.sources.items():
            if self._workspace.digest(path) != code:
                return f"the code of `{os.path.basename(path)}` is another"
        for name, output in trace.outputs.items():
            if is_lost(output) and (output.in_place or attempt.has_readers(name)):
                return f"`{name}`, which is read below, cannot be stored"
        return ""

    def _is_present(self, reference: str) -> bool:
        return reference in self._present or self._store.has(reference)

    # --- one attempt

    async def perform(self, attempt: Attempt) -> Result:
        """Answers the task from the store or runs it. The inputs are bound, not necessarily loaded."""
        key = self.key(attempt)
        uncached = self.never_stored(attempt)
        if attempt.kept is not None and not attempt.forced:
            decided = await self._as_decided(attempt, attempt.kept)
            if decided is not None:
                return decided
        if uncached:
            return await self._execute(attempt, key, uncached)
        if attempt.forced:
            return await self._in_turn(attempt, key)
        found = self.look_up(attempt, key)
        if isinstance(found, str):
            return await self._in_turn(attempt, key, missed=found)
        result = await self._reuse_one(attempt, found)
        if result is not None:
            return result
        return replace(await self._in_turn(attempt, key), missed="its definitions cannot be run by themselves")

    async def _in_turn(self, attempt: Attempt, key: str, missed: str | None = None) -> Result:
        """Runs the task unless another kernel does, or has done so since the store was asked in vain (`missed`)."""
        try:
            patient = not attempt.forced and attempt.ahead is None
            has_turn = await self._turns.take(key, patient=patient, awaits=attempt.awaits, tell=attempt.tell)
        except (KeyboardInterrupt, asyncio.CancelledError) as stopped:
            return await self._interrupted(attempt, stopped)
        try:
            found = "" if missed is None else self.look_up(attempt, key)
            if attempt.ahead is not None and attempt.sink is not None and not isinstance(found, str):
                attempt.sink("clear", None)  # another kernel has done it meanwhile
            result = None if isinstance(found, str) else await self._reuse_one(attempt, found)
            return result or replace(await self._execute(attempt, key, ""), missed=missed or "")
        finally:
            if has_turn:
                self._turns.give_back(key)

    def clear(self) -> None:
        """Takes away what the cell in front shows of an attempt that is tried again."""
        self._outputs.clear()

    async def end_with(self, attempt: Attempt, error: BaseException) -> Result:
        """The task ends with `error` before its body has run; its cell says so."""
        execution = await attempt.run("")
        execution.error_in_exec = error
        result = Result(trace=None, error=error, execution=execution)
        return result if isinstance(error, SKIP) else self.say(attempt, result, first_line(error))

    def say(self, attempt: Attempt, result: Result, text: str) -> Result:
        """Shows a line below what the task has shown."""
        with self._outputs.capture(through=attempt.through, sink=attempt.sink) as capture:
            sys.stderr.write(f"{text}\n")
        return replace(result, displays=(*result.displays, *capture.finish()))

    async def _interrupted(self, attempt: Attempt, stopped: BaseException) -> Result:
        """The task was stopped before it began: its cell shows that as it would a moment later."""
        with self._outputs.capture(through=attempt.through, sink=attempt.sink):
            execution = await attempt.run("raise KeyboardInterrupt('it waited for another kernel')")
        return Result(trace=None, error=stopped, execution=execution)

    async def _refused(self, attempt: Attempt, refusal: TaskError) -> Result:
        """The task was not begun, for what its header declares."""
        with self._outputs.capture(through=attempt.through, sink=attempt.sink):
            execution = await attempt.run("")
            execution.error_in_exec = self._outputs.show_error(refusal)
        return Result(trace=None, error=refusal, execution=execution)

    async def _as_decided(self, attempt: Attempt, decision: Decision) -> Result | None:
        """Answers the task with the result that a person decided about, whose text may be another than now."""
        trace = decision.trace
        if attempt.is_here:
            execution = await self._shown(attempt, trace.displays)
            result: Result | None = Result(
                trace=trace, cached=True, displays=tuple(trace.displays), execution=execution
            )
        else:
            header = read_header(trace.source)
            body = trace.source if header is None else header.body
            result = await self._reuse(replace(attempt, body=body), trace)
        return None if result is None else replace(result, decided=decision.kind)

    async def _reuse_one(self, attempt: Attempt, traces: Iterable[Trace]) -> Result | None:
        """Answers the task with the first of `traces` whose definitions come out as they were."""
        for trace in traces:
            result = await self._reuse(attempt, trace)
            if result is not None:
                return result
        return None

    async def _reuse(self, attempt: Attempt, trace: Trace) -> Result | None:
        """Answers the task with `trace`; None where its definitions cannot be run again, and so the task has to."""
        versions = versions_of(trace, attempt.cell.id)
        for name, version in versions.items():
            if trace.outputs[name].shared if name in trace.outputs else False:
                before = self._namespace.versions.seen_by(attempt.cell.id, name)
                version.origin = before.producer if isinstance(before, Version) else None
        if not self._declared.restore(trace):
            return None
        kept = self._definitions.kept(attempt.cell.id, versions)
        self._namespace.adopt(attempt.cell.id, versions)
        delta: Mapping[str, Delta] | None = {}
        if trace.replays or trace.ambient_out or trace.deletes:
            delta = self._replay(attempt, trace, versions, kept)
        if delta is None:
            return None
        execution = await self._shown(attempt, trace.displays)
        self.surroundings.note(attempt.cell.id, delta)
        self._namespace.versions.add(attempt.cell.id, written_files(attempt.cell.id, trace.files_out))
        return Result(trace=trace, cached=True, displays=tuple(trace.displays), execution=execution)

    def _replay(
        self, attempt: Attempt, trace: Trace, versions: Mapping[str, Version], kept: set[str]
    ) -> Mapping[str, Delta] | None:
        """Runs definitions again and puts process-wide state back. Returns what that changed; None: it failed."""
        before = self.surroundings.restore(attempt.cell.id)
        with self._outputs.capture(through=False), self.surroundings.ambient.watch(before) as watch:
            self._declared.prepare_chance(attempt.cell)
            try:
                self._definitions.replay(attempt.body, trace, kept)
            except Exception:
                return None
            if not self._definitions.are_as_defined(versions, kept):
                return None
            for name in trace.deletes:
                self._namespace.values.pop(name, None)
            known = self._changes_known(trace)
            for kind, change in known.items():
                self.surroundings.ambient.restore(kind, change)
        # What was put back is known; what a statement that ran again changed beside it is seen.
        return {**self.surroundings.changed_by(watch), **known}

    def _changes_known(self, trace: Trace) -> dict[str, Delta]:
        """What a task changed of process-wide state when it ran."""
        delta: dict[str, Delta] = {}
        for kind, reference in trace.ambient_out.items():
            pickle = self._store.value(reference)
            if pickle is not None:
                known: Any = load(pickle, self._namespace.values, lambda name: None)
                delta[kind] = known["delta"]
        return delta

    async def _shown(self, attempt: Attempt, displays: tuple[RawOutput, ...]) -> ExecutionResult | None:
        """Shows what the task showed. Only a cell that a person runs has to be known to the shell as run."""
        if displays:
            with self._outputs.capture(through=attempt.through, sink=attempt.sink):
                self._outputs.replay(displays)
        return await attempt.run("") if attempt.through else None

    async def _execute(self, attempt: Attempt, key: str, uncached: str) -> Result:
        cell = attempt.cell
        attempt = replace(attempt, inputs=await attempt.load())
        key = self.key(attempt)
        code = self._transform(attempt.body)
        ahead = attempt.ahead
        started = time.time() if ahead is None else ahead.started_s
        sharers = self._namespace.versions.sharers_of_each(cell.id, attempt.inputs)
        try:
            begun = self._declared.begin(cell)
        except TaskError as refusal:
            return await self._refused(attempt, refusal)
        with (
            # only now: loading the inputs may have imported libraries or run other tasks
            self._observer.run(cell, attempt.inputs, self._observer.rebinds(cell)) as observed,
            self._outputs.capture(through=attempt.through, sink=attempt.sink) as capture,
        ):
            self._declared.seed(cell)
            children = self._children(attempt, observed, stored=not uncached)
            if ahead is not None and attempt.settle is not None:
                self._namespace.values.update(ahead.bound)
                ahead.merge_into(observed.seen, observed.watch)
                execution = attempt.settle(ahead)
            elif children is not None:
                execution = await self._run_children(attempt, children, code)
            else:
                execution = await attempt.run(code)
            if execution.success or isinstance(execution.error_in_exec, SUCCESS):
                missing = self._declared.not_written(begun, observed.seen.written)
                if missing:
                    execution.error_in_exec = self._outputs.show_error(TaskError(missing))
        displays = [*(ahead.displays if ahead is not None else ()), *capture.finish()]
        duration = time.time() - started if ahead is None else ahead.duration_s
        with self._lock:
            return self._account(attempt, key, uncached, _Ran(
                code=code, execution=execution, started_s=started, duration_s=duration, observed=observed,
                begun=begun, displays=tuple(displays), children=children, sharers=sharers,
            ))  # fmt: skip

    def _children(self, attempt: Attempt, observed: Observation, *, stored: bool) -> MappedBody | None:
        """The children of a mapped task; None where the task is none."""
        if attempt.mapped is None:
            return None
        together = self._declared.is_of_all_elements(attempt.cell)
        key = self.key(replace(attempt, inputs=child_inputs(attempt.cell, attempt.inputs)))
        return self._mapped.body(
            attempt.cell, attempt.mapped, f"each:{key}", observed, attempt.inputs, stored=stored and not together,
            forced=attempt.forced or together, awaits=attempt.awaits, through=attempt.through, sink=attempt.sink,
            is_valid=lambda trace: not self._hindrance(attempt, trace),
        )  # fmt: skip

    async def _run_children(self, attempt: Attempt, children: MappedBody, code: str) -> ExecutionResult:
        error = await children.perform(code)
        execution = await attempt.run("")
        execution.error_in_exec = error
        return execution

    def _account(self, attempt: Attempt, key: str, uncached: str, ran: _Ran) -> Result:
        """Compares the world with what it was before the run, and writes down what the run read and left."""
        cell, execution, displays = attempt.cell, ran.execution, ran.displays
        raised = execution.error_before_exec or execution.error_in_exec
        error = execution.error_in_exec = attempt.judge(raised)
        if isinstance(error, SUCCESS):
            self._take_result(cell, error)
            error = execution.error_in_exec = None
        tree = ast.parse(ran.code) if execution.error_before_exec is None else ast.Module([], [])
        if ran.children is not None:
            displays = tuple(ran.children.displays)
        observed = ran.observed
        observed.seen.mention(strings_in(tree), ran.started_s)
        self._observer.settle(observed, f"prov:{key}", stored_into=stores_into(tree), failed=error is not None)
        if error is not None:
            result = self._failed(ran, error, displays)
            return result if error is raised or not isinstance(error, FAIL) else self.say(attempt, result, str(error))
        seen, changes, delta, begun = observed.seen, observed.changes, observed.delta, ran.begun
        seen.written |= begun.signs.keys()
        if ran.children is not None:
            spoilt = self._spoilt(attempt, ran.children, changes, delta)
            if spoilt is not None:
                execution.error_in_exec = spoilt
                return self._failed(ran, spoilt, displays)
        displays, lint = self._with_lint(attempt, changes, displays)
        if lint is not None:
            execution.error_in_exec = lint
            return self._failed(ran, lint, displays)
        replays = self._definitions.positions(tree, changes)
        files_in, moved = stamped_reads(observed.read, seen.before, self._known_files(cell.id, seen.before))
        imported = self._observer.imported(observed)
        uncached = uncached or self._edited(attempt, changes, imported)
        uncached = uncached or self._effects(begun, observed, tree, displays, replays)
        if ran.children is not None and ran.children.has_skipped:
            uncached = uncached or "some of its elements were skipped"
        if moved:
            uncached = uncached or f"{moved} changed while it ran"
        trace = Trace(
            key=key,
            source=cell.source,
            digest=cell.digest,
            inputs={name: version.fingerprint or "" for name, version in attempt.inputs.items()},
            outputs={},
            deletes=tuple(sorted(changes.deleted)),
            replays=replays,
            ambient_in=self._observer.ambient_in(observed, displays),
            files_in=begun.read(files_in, seen.written),
            files_out=stamped(seen.written),
            globs=begun.globs,
            blobs=self._declared.keep(begun, store=not uncached),
            sources=self._workspace.paths(imported),
            libraries=self._libraries_of(attempt.inputs),
            displays=displays,
            started_s=ran.started_s,
            duration_s=ran.duration_s,
        )
        trace, refusals = self._with_values(attempt, trace, changes, delta, store=not uncached)
        trace = replace(trace, shared_in=self._shared_in(trace, changes, ran.sharers))
        self._observer.record(observed, trace.files_out)
        if attempt.keep_last is not None and not uncached:
            trace = replace(trace, last=attempt.keep_last(execution.result))
        if not uncached:
            self._store.put(trace)
            # The trace answers only those who do not need the value.
            uncached = next((why for name, why in refusals.items() if attempt.has_readers(name)), "")
        promoted = frozenset(changes.in_place) - cell.in_place
        return Result(
            trace=trace, uncached=uncached, displays=displays, execution=execution, promoted=promoted,
            elements=None if ran.children is None else ran.children.elements,
        )  # fmt: skip

    def _shared_in(self, trace: Trace, changes: Changes, before: Mapping[str, Mapping[str, Version]]) -> dict[str, str]:
        """What shared storage with the inputs that the run changed, or gave another name that shares it too.

        Of frames only those that it changed: they copy on write, and columns of one frame are many.
        """
        values = self._namespace.values
        kept = {name for name, output in trace.outputs.items() if output.shared and not _is_frame(values[name])}
        bound = bound_anew(trace)
        return {name: shared(before[name], bound) for name in sorted((changes.roots | kept) & before.keys())}

    def _failed(self, ran: _Ran, error: BaseException, displays: tuple[RawOutput, ...]) -> Result:
        """The attempt ended with an error; what it has changed until then stays, as after a plain cell."""
        ambient_in = self._observer.ambient_in(ran.observed, displays)
        self._observer.record(ran.observed, {})
        return Result(
            trace=None, error=error, displays=displays, execution=ran.execution, ambient_in=ambient_in,
            made=frozenset(ran.observed.changes.made),
            elements=None if ran.children is None else ran.children.elements,
        )  # fmt: skip

    def _spoilt(
        self, attempt: Attempt, children: MappedBody, changes: Changes, delta: Mapping[str, Delta]
    ) -> TaskError | None:
        """Why what the children made is not what a run of all of them would make; None when it is."""
        self._mapped.ended_well(attempt.cell.id)
        if changes.in_place:
            names = ", ".join(f"`{name}`" for name in sorted(changes.in_place))
            said = f"the body changes {names} in place, which all elements share: work on a copy of it"
        elif delta and children.is_partly_reused:
            said = "some elements are as they were before, and the body draws random numbers or changes settings: "
            said += f"run it anew with `%flow rerun {children.options.name or 'NAME'}`"
        else:
            return None
        if children.records is not None:
            children.records.discard()
        error = TaskError(said)
        with self._outputs.capture(through=attempt.through, sink=attempt.sink):
            self._outputs.show_error(error)
        return error

    def _with_lint(
        self, attempt: Attempt, changes: Changes, displays: tuple[RawOutput, ...]
    ) -> tuple[tuple[RawOutput, ...], TaskError | None]:
        """What the task shows, with a warning that it changed inputs in place; or the error that this is."""
        options = attempt.cell.options
        mutation = options.mutation if options is not None else None
        declared = (options.outputs or ()) if options is not None else ()
        changed = [f"`{name}`" for name in sorted(changes.in_place - {*declared}) if not changes.made[name].handle]
        if mutation is None or not changed:
            return displays, None
        said = f"the task changes {', '.join(changed)} in place: work on a copy, or declare it with `-o`."
        with self._outputs.capture(through=attempt.through, sink=attempt.sink) as capture:
            if mutation == "error":
                error = TaskError(f"`--mutation error`: {said}")
                self._outputs.show_error(error)
                return displays, error
            sys.stderr.write(f"prefect_jupyter: {said}\n")
        return (*displays, *capture.finish()), None

    def _edited(self, attempt: Attempt, changes: Changes, imported: Iterable[str]) -> str:
        """Why the run says nothing of the notebook as it stands on disk: code that it used was edited, not reloaded."""
        versions = (*attempt.inputs.values(), *changes.made.values())
        sources = {source for version in versions for source in version.sources}
        edited = self._workspace.edited(sources | {f"{module}:*" for module in imported})
        return f"{os.path.basename(edited[0])} was edited on disk, not reloaded" if edited else ""

    def _libraries_of(self, names: Iterable[str]) -> dict[str, str]:
        found = {name: library_of(self._namespace.values.get(name)) for name in names}
        return {name: " ".join(library) for name, library in found.items() if library is not None}

    def _known_files(self, cell: str, paths: Iterable[str]) -> dict[str, str]:
        """The digests of what the cells above wrote."""
        written = {path: self._namespace.versions.seen_by(cell, f"file:{path}") for path in paths}
        return {path: each.fingerprint or "" for path, each in written.items() if isinstance(each, Version)}

    def _take_result(self, cell: Cell, signal: SUCCESS) -> None:
        """Gives the task's only output the value that the signal brings."""
        outputs = cell.options.outputs if cell.options is not None else None
        names = sorted(cell.writes - cell.hidden) if outputs is None else outputs
        if signal.has_result and len(names) == 1:
            self._namespace.values[names[0]] = signal.result

    def _effects(
        self, begun: Begun, observed: Observation, tree: ast.Module, displays: tuple[RawOutput, ...],
        replays: tuple[int, ...],
    ) -> str:  # fmt: skip
        """Why this run cannot be stored for what it did outside of Python, "" when it can."""
        seen, changes = observed.seen, observed.changes
        delta = {kind for kind in observed.delta if begun.options.seed is None or kind not in CHANCE}
        effects = seen.effects - begun.answered_for
        if effects:
            return f"it did {', '.join(sorted(effects))}"
        if "log_handlers" in delta:
            return "it changed where messages are logged"
        both = seen.read & seen.written
        if both:
            return f"it read and wrote {sorted(both)[0]}"
        values_made = any(not version.definition for version in changes.made.values())
        if values_made or delta or seen.written or displays:
            return ""
        rest = [statement for position, statement in enumerate(tree.body) if position not in set(replays)]
        if has_effect_free_form(ast.Module(rest, [])):
            return ""
        code = compile(ast.Module(rest, []), "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        if is_silent(code, self._namespace.values):
            return ""
        return "it shows and binds nothing, so what it does cannot be seen"

    def _with_values(
        self, attempt: Attempt, trace: Trace, changes: Changes, delta: Mapping[str, Delta], *, store: bool
    ) -> tuple[Trace, dict[str, str]]:
        """The trace with its outputs; their values and the changed process-wide state go to the store if `store`.

        The second part says by name why a value could not be stored.
        """
        stored = [name for name, version in changes.made.items() if not (version.definition or version.is_absent)]
        references: list[str] = []
        refusals: dict[str, str] = {}
        outputs: dict[str, Output] = {
            name: output_of(version, None) for name, version in changes.made.items() if version.definition
        }
        for group in self._namespace.sharing(stored):
            self._namespace.made_together(group)
            reference = self._keep(group, refusals) if store else None
            position = None
            if reference is not None:
                position = len(references)
                references.append(reference)
            for name in group:
                version = changes.made.get(name)
                if version is None:
                    version = self._also_made(name, attempt.cell.id, changes)
                version.reference, version.group = reference, group
                outputs[name] = output_of(version, position)
        ambient_out = {}
        if store:
            for kind, change in delta.items():
                ambient_out[kind] = self._store.put_value(dump({"delta": change}, {}), None)
        self._namespace.versions.record(attempt.cell.id, changes.made)
        return replace(trace, outputs=outputs, groups=tuple(references), ambient_out=ambient_out), refusals

    def _also_made(self, name: str, cell: str, changes: Changes) -> Version:
        """`name` shares storage with something that the cell made: from here on the cell owns both."""
        old = self._namespace.bound[name]
        self._namespace.retain(name)
        version = Version(
            name=name, cell=cell, fingerprint=old.fingerprint, reach=old.reach, sources=old.sources,
            storage=old.storage, handle=old.handle, origin=old.producer,
        )  # fmt: skip
        changes.made[name] = self._namespace.bound[name] = version
        return version

    def _keep(self, group: frozenset[str], refusals: dict[str, str]) -> str | None:
        try:
            return self._namespace.keep(group)
        except Unstorable as refusal:
            refusals.update(dict.fromkeys(group, str(refusal)))
            return None


def _is_frame(value: object) -> bool:
    return type(value).__module__.partition(".")[0] in ("pandas", "polars")
