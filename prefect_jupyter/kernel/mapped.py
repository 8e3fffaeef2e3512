"""Runs the body of a mapped task once for each element, and collects what the children make into lists.

It must not decide what the whole task is worth: for that it is one run like any other.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.cells import Cell
from ..core.events import ChildrenMoved, Event, TaskMapped
from ..core.run import Run
from ..core.run_task import RunTask
from ..core.states import ACTIVE, FAILED, SUCCESSFUL, State
from ..core.tasks import TaskOptions
from ..runtime.context import during
from ..runtime.engine import Elements, Engine, Outcome
from ..runtime.fingerprints import Fingerprinter
from ..runtime.signals import LOOP, NO_ERRORS, PAUSE, SUCCESS
from .child_records import Child, ChildRecords
from .endings import INTERRUPTED, ChildrenFailed, outcome_of
from .outputs import Outputs, RawOutput, joined
from .starts import unmet_condition
from .time_limit import time_limit
from .versions import NOTHING

_TRACEBACKS_MAX = 3
_SIMPLE = frozenset({int, float, str, bytes, bool, type(None)})
"""Types whose `repr` says all there is to a value, and says it in the same way everywhere."""
_CACHED = int(State.Cached)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """What a mapped body runs in.

    `listen` hears of children, `progress` how many are done, failed, running and there. `guard` is around each body,
    so that an interrupt stops that and nothing else.
    """

    shell: InteractiveShell
    outputs: Outputs
    clock: Callable[[], float]
    listen: Callable[[Event], None]
    progress: Callable[[int, int, int, int], None]
    guard: Callable[[], AbstractContextManager[None]]
    through: bool
    sink: Callable[[str, RawOutput | None], None] | None


@dataclass(slots=True)
class MappedBody:
    """The children of one run of `cell`. `records` is None when they must not be kept one by one."""

    cell: Cell
    options: TaskOptions
    around: Surrounding
    inputs: Mapping[str, Any]
    records: ChildRecords | None
    kept: dict[str, Child]
    is_forced: bool = False
    awaits: bool = False
    items: list[tuple[Any, ...]] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    children: dict[int, Child] = field(default_factory=dict)
    shown: dict[int, list[RawOutput]] = field(default_factory=dict)
    errors: dict[int, BaseException] = field(default_factory=dict)
    handed: dict[int, object] = field(default_factory=dict)
    starts: int = 0
    reused: int = 0
    told: set[str] = field(default_factory=set)
    run: Run | None = None
    engine: Engine | None = None
    code: CodeType | None = None
    reset: frozenset[str] = frozenset()
    restored: dict[str, Any] = field(default_factory=dict)
    item_names: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The outputs: each becomes a list with one value for each element."""
        if self.options.outputs is not None:
            return list(self.options.outputs)
        return sorted(self.cell.writes - self.cell.hidden - self.cell.definitions)

    @property
    def values(self) -> dict[str, Any]:
        values: dict[str, Any] = self.around.shell.user_ns
        return values

    async def perform(self, transformed: str) -> BaseException | None:
        """Runs all children, binds the lists and returns what is wrong with the whole, if anything."""
        self.reset = self.cell.writes | {*self.names}
        self.restored = {name: value for name, value in self.inputs.items() if name in self.reset}
        self.item_names = tuple(name for mapping in self.options.maps for name in mapping.names)
        before = {name: self.values.get(name, NOTHING) for name in {*self.cell.hidden, *self.options.item_names}}
        try:
            self._expand()
            self.code = self._compiled(transformed)
            await self._run_children()
        except BaseException as error:
            self._show(error)
            return error
        finally:
            if self.records is not None:
                self.records.flush()
            for name, value in before.items():
                self.values.pop(name, None)
                if value is not NOTHING:
                    self.values[name] = value
        return self._collect()

    # --- elements

    def _expand(self) -> None:
        columns = [self._elements(mapping.expression) for mapping in self.options.maps]
        lengths = {len(column) for column in columns if hasattr(column, "__len__")}
        if len(lengths) > 1:
            sys.stderr.write(f"the lists have different lengths: the shortest, of {min(lengths)}, ends all\n")
        for row in zip(*columns, strict=False):
            parts = zip(self.options.maps, row, strict=True)
            self.items.append(tuple(part for mapping, value in parts for part in _unpacked(mapping.names, value)))
        self.digests = [self._digest(item) for item in self.items]

    def _elements(self, expression: str) -> Any:
        value = eval(compile(expression, "<--map>", "eval"), self.values)
        if isinstance(value, Mapping):
            raise TypeError(f"`{expression}` is a dict: write `--map key, value in {expression}.items()`")
        if not isinstance(value, Iterable):
            raise TypeError(f"`{expression}` has no elements to map over: it is of type {type(value).__name__}")
        return value

    def _digest(self, item: tuple[Any, ...]) -> str:
        """What a child is known by; "" when its element cannot be compared."""
        if all(type(part) in _SIMPLE for part in item):
            return hashlib.blake2b(repr(item).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        taken = Fingerprinter(self.values, {}).own(item)
        return "" if taken.handle or not taken.stable or taken.names else taken.digest

    # --- children

    def _compiled(self, transformed: str) -> CodeType:
        compiler = self.around.shell.compile
        name = compiler.cache(transformed, self.around.shell.execution_count, raw_code=self.cell.source)
        flags = compiler.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code: CodeType = compile(transformed, name, "exec", flags, dont_inherit=True)
        return code

    async def _run_children(self) -> None:
        found = dict(self.kept)
        if self.records is not None:
            on_record = self.records.find(self.digests)  # also where all is to run anew, to write behind it
            found |= {} if self.is_forced else on_record
        for child, digest in enumerate(self.digests):
            if digest in found:
                self.children[child] = found[digest]
                self.shown[child] = found[digest].displays
        self.reused = len(self.children)
        retry, seconds = self.options.retry, self.options.timeout_s
        task = RunTask(self.cell.id, retry=retry, mapped=True, timeout_s=seconds)
        self.engine = Engine(
            _unused, self.around.clock, self._listen, expand=self._elements_of_run, execute_child=self._child
        )
        self.run = await self.engine.run([task])

    def _elements_of_run(self, _task: str, _attempt: int) -> Elements:
        states = bytearray(len(self.items))
        for child in self.children:
            states[child] = _CACHED
        return Elements(len(self.items), bytes(states))

    def _listen(self, event: Event) -> None:
        if not isinstance(event, (TaskMapped, ChildrenMoved)):
            return
        if self.records is not None and isinstance(event, ChildrenMoved) and event.state is State.Success:
            self.records.flush()  # who is told that a child has ended must find it after a crash
        self.around.listen(event)
        run = self.engine.current if self.engine is not None else None
        children = run.rows[0].children if run is not None else None
        if children is not None:
            number = children.number
            self.around.progress(number(*SUCCESSFUL), number(*FAILED), number(*ACTIVE), children.count)

    def _child(self, _task: str, child: int) -> Outcome | Awaitable[Outcome]:
        return self._awaited_child(child) if self.awaits else self._finished(child, self._executed(child))

    def _begin(self, child: int) -> None:
        """The names are as before the first child, so that none can depend on another; then those of the element."""
        self.starts += 1
        values = self.values
        for name in self.reset:
            values.pop(name, None)
        values.update(self.restored)
        values.update(zip(self.item_names, self.items[child], strict=True))

    def _executed(self, child: int) -> BaseException | Child:
        self._begin(child)
        with (
            during(**self._facts(child)),
            self.around.outputs.capture(through=self.around.through, sink=self.around.sink) as capture,
        ):
            error: BaseException | None = self._unmet()
            try:
                if error is None:
                    self._execute_body()
            except BaseException as raised:
                error = raised
                self._show_once(raised)
        self.shown[child] = capture.finish()
        return self._left(error, self.shown[child])

    def _execute_body(self) -> None:
        assert self.code is not None
        with self.around.guard():
            if self.options.timeout_s is None:
                exec(self.code, self.values)
                return
            with time_limit(self.options.timeout_s, awaits=False):
                exec(self.code, self.values)

    async def _awaited_child(self, child: int) -> Outcome:
        self._begin(child)
        with (
            during(**self._facts(child)),
            self.around.outputs.capture(through=self.around.through, sink=self.around.sink) as capture,
        ):
            error: BaseException | None = self._unmet()
            try:
                if error is None:
                    await self._await_body()
            except BaseException as raised:
                error = raised
                self._show_once(raised)
        self.shown[child] = capture.finish()
        return self._finished(child, self._left(error, self.shown[child]))

    async def _await_body(self) -> None:
        seconds = self.options.timeout_s
        if seconds is None:
            await _evaluated(self.code, self.values)
            return
        with time_limit(seconds, awaits=True) as limit:
            try:
                await _evaluated(self.code, self.values)
            except INTERRUPTED:
                if limit.is_over:
                    raise limit.error() from None
                raise

    def _facts(self, child: int) -> dict[str, Any]:
        run = self.engine.current if self.engine is not None else None
        held = run.rows[0].children if run is not None else None
        loop = held.loops.get(child, 0) + 1 if held is not None else 1
        facts: dict[str, Any] = {"map_index": child, "task_loop_count": loop}
        facts["task_run_count"] = held.failures[child] + 1 if held is not None else 1
        if loop > 1:
            facts["task_loop_result"] = self.handed.get(child)
        return facts

    def _unmet(self) -> BaseException | None:
        return None if self.options.when is None else unmet_condition(self.options.when, self.values)

    def _left(self, error: BaseException | None, displays: list[RawOutput]) -> BaseException | Child:
        names = self.names
        if isinstance(error, SUCCESS):
            if error.has_result and len(names) == 1:
                self.values[names[0]] = error.result
            error = None
        if error is not None:
            return error
        return Child({name: self.values.get(name) for name in names}, displays)

    def _finished(self, child: int, left: BaseException | Child) -> Outcome:
        if isinstance(left, INTERRUPTED):
            raise left
        if isinstance(left, Child):
            self.children[child] = left
            self.errors.pop(child, None)
            if self.digests[child]:
                self.kept[self.digests[child]] = left
                if self.records is not None:
                    self.records.add(self.digests[child], left)
            return Outcome("success")
        self.errors[child] = left
        if isinstance(left, LOOP):
            self.handed[child] = left.result
        return outcome_of(left, self.options.retry)

    def _show_once(self, error: BaseException) -> None:
        """The traceback of the first failure of each kind: a thousand like it would hide all else."""
        text = f"{type(error).__name__}: {error}"
        if isinstance(error, (*NO_ERRORS, *INTERRUPTED)) or text in self.told or len(self.told) >= _TRACEBACKS_MAX:
            return
        self.told.add(text)
        self._show(error)

    def _show(self, error: BaseException) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        self.around.shell.showtraceback((type(error), error, trace))

    # --- the whole

    def _collect(self) -> BaseException | None:
        """Binds the lists; where a child has none, its exception or None stands in its place."""
        self.show_in_order()
        paused = next((error for error in self.errors.values() if isinstance(error, PAUSE)), None)
        if paused is not None:
            return paused  # when it is resumed, those that have ended are there
        for name in self.names:
            self.values[name] = [
                self.children[child].values.get(name) if child in self.children else self._in_place_of(child)
                for child in range(len(self.items))
            ]
        assert self.run is not None
        row = self.run.rows[0]
        if row.children is not None and row.children.failed:
            return ChildrenFailed(row.note)
        if self.records is not None:
            known = ((self.digests[child], held) for child, held in self.children.items())
            self.records.condense({digest: held for digest, held in known if digest})
        return None

    def _in_place_of(self, child: int) -> BaseException | None:
        error = self.errors.get(child)
        return None if isinstance(error, NO_ERRORS) else error

    @property
    def is_partly_reused(self) -> bool:
        """Whether some children ran and others are as they were before."""
        return self.starts > 0 and self.reused > 0

    @property
    def has_skipped(self) -> bool:
        """Whether a child was skipped, with which goes whatever reads the lists."""
        children = self.run.rows[0].children if self.run is not None else None
        return children is not None and children.number(State.Skipped) > 0

    @property
    def displays(self) -> list[RawOutput]:
        """What the children show, in their order, however they came about."""
        return joined(output for child in sorted(self.shown) for output in self.shown[child])

    def show_in_order(self) -> None:
        """What is shown is what a run of all children shows; those of before and other attempts are put in place."""
        if self.reused or self.starts > len(self.items):
            self.around.outputs.clear()
            self.around.outputs.replay(self.displays)

    @property
    def elements(self) -> Elements | None:
        """How the children ended, as the run that this one is part of is told; None when they did not all end."""
        children = self.run.rows[0].children if self.run is not None else None
        if children is None or children.finished < children.count:
            return None
        return Elements(children.count, bytes(children.states), tuple(sorted(children.notes.items())))


def _unpacked(names: tuple[str, ...], value: Any) -> tuple[Any, ...]:
    parts = tuple(value) if len(names) > 1 else (value,)
    if len(parts) != len(names):
        raise ValueError(f"an element has {len(parts)} parts, and `{', '.join(names)}` needs {len(names)}")
    return parts


async def _evaluated(code: CodeType | None, values: dict[str, Any]) -> None:
    assert code is not None
    answer = eval(code, values)
    if inspect.isawaitable(answer):
        await answer


def _unused(_task: str, _attempt: int) -> Outcome:
    raise AssertionError("a mapped task has children, and does not run itself")
