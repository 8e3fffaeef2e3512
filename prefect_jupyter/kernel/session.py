"""One notebook's pipeline in its kernel: takes cells and commands in, has them run, shows where everything stands.

It must not hold rules of its own: what a cell means is in `analysis`, what is stale in `core`, how a task
runs in `inline`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import sys
import threading
import time
import types
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from .. import __version__
from ..analysis.directives import read_header
from ..analysis.reads_writes import analyse
from ..analysis.statements import stores_into, suppressed, surely_bound
from ..core.cells import Cell
from ..core.events import Event, RunEnded, RunStarted, TaskMoved
from ..core.graph import Graph, Learned, connect
from ..core.rebuilder import key_of
from ..core.states import State
from ..runtime.files import FileTracer
from ..runtime.stores import Store, open_store
from ..view.bundle import bundle
from ..view.pipeline import EdgeView, NodeView, PipelineView, RowView
from ..view.protocol import Command, Reply
from .ambient import Ambient
from .comm import Link
from .document import Document
from .errors import NotRun, TaskError
from .inline import Inline, Result, stamped, workspace_files, written_files
from .interception import Execution, Interception
from .interrupts import Interrupts
from .kernel_status import KernelStatus
from .outputs import Outputs, RawOutput
from .runner import Background, Counts, Request, Runner
from .settings import Flow
from .standing import PlainRun, Standing
from .surroundings import Surroundings
from .user_namespace import UserNamespace
from .versions import Version, Versions

if TYPE_CHECKING:
    from .check import Check

_T = TypeVar("_T")
_PREVIEWED = (int, float, complex, str, bytes, bool, type(None))
ORDER_WAIT_S = 0.2
PAGE_WAIT_S = 1.5
REFRESH_AFTER_S = 0.7


class Session:
    """What `%load_ext prefect_jupyter` starts, one for a kernel."""

    def __init__(self, shell: InteractiveShell, settings: Flow) -> None:
        self.id = uuid.uuid4().hex
        self.shell = shell
        self.settings = settings
        self.document = Document()
        self.versions = Versions(self.document)
        self.store: Store = open_store("disk", self._warn_of_store)
        self.namespace = UserNamespace(shell.user_ns, self.store, self.versions)
        self.namespace.is_wanted = self._is_wanted_by_a_task
        self.surroundings = Surroundings(Ambient(seeded_before=self._may_have_seeded()), self.versions)
        self.standing = Standing(self.document, self.versions, self.namespace, self.surroundings)
        self.outputs = Outputs(shell)
        self._lock = threading.RLock()
        self.inline = Inline(
            shell,
            self.outputs,
            self.namespace,
            self.store,
            self.surroundings,
            FileTracer(),
            self._lock,
            self._transform,
        )
        self.interception = Interception(shell, self)
        status = KernelStatus(getattr(shell, "kernel", None), lambda: self.interception.is_inside_a_cell)
        self.link = Link(self.receive, session=self.id, version=__version__, status=status)
        self.interrupts = Interrupts(self._stray_interrupt)
        self.runner = Runner(
            document=self.document,
            versions=self.versions,
            namespace=self.namespace,
            standing=self.standing,
            inline=self.inline,
            interrupts=self.interrupts,
            background=Background(self._run_in_shell, self._begin_output, self._output, self._end_output),
            clock=time.time,
            lock=self._lock,
            body_of=body_of,
            has_await=self._has_await,
            listen=self._listen,
            ended=self._ended,
            last_keys=lambda: self.store.recall(self.notebook),
        )
        self._awaits: dict[str, bool] = {}
        self._waiting: set[str] = set()  # tasks that need an event loop
        self._known_forms: dict[str, tuple[frozenset[str], frozenset[str]]] = {}
        self._nodes: dict[str, NodeView] = {}
        self._learned: dict[str, Learned] = {}
        self._rows: dict[str, RowView] = {}
        self._graph_is_old = True
        self._graph_published: Graph | None = None
        self._turn = asyncio.Lock()
        self._queue: deque[Request] = deque()
        self._draining = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._unseen_outputs: dict[str, list[RawOutput]] = {}
        self._run_progress = [0, 0]
        self._order_arrived = threading.Event()
        self._front_end_names_cells = False
        self._last_cached: str | None = None
        self._graph_shown = False
        self._display_id = f"prefect-jupyter-{self.id}"
        self._refresh: asyncio.TimerHandle | None = None
        self._widget: Any = None
        self._history_at_start = self._texts_run_before()

    # --- life

    def start(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        self.outputs.install()
        self.interception.install()
        self._wrap_introspection()
        self.shell.events.register("post_run_cell", self._after_the_loading_cell)
        self.link.start()

    def stop(self) -> None:
        self.link.stop()
        self.interception.uninstall()
        self.outputs.uninstall()
        self._unwrap_introspection()
        self.store.close()

    def _after_the_loading_cell(self, result: ExecutionResult) -> None:
        """The cell with `%load_ext` began before us: what it bound is known only now."""
        self.shell.events.unregister("post_run_cell", self._after_the_loading_cell)
        info = result.info
        cell_id = getattr(info, "cell_id", None)
        if cell_id is None or info is None or cell_id in self.standing.plain_runs:
            return
        with self._lock:
            self.surroundings.ambient.begin()
            self._history_at_start.discard(info.raw_cell)
            self.document.executed(cell_id, info.raw_cell, result.execution_count or 0)
            self._adopt_earlier_cell(self._cell(cell_id))
            self._show()

    def _texts_run_before(self) -> set[str]:
        history = getattr(self.shell.history_manager, "input_hist_raw", [])
        return {text for text in history if text.strip()}

    def _may_have_seeded(self) -> bool:
        """Whether a cell before us, or the one that loads us, may have given Python's generator a seed."""
        return any(word in text for text in self._texts_run_before() for word in ("seed", "setstate", "%run", "exec"))

    def _adopt_earlier_cell(self, cell: Cell) -> None:
        """A plain cell that ran before us counts as run; the names that it writes hold what it wrote."""
        if cell.is_task or cell.id in self.standing.plain_runs:
            return
        made = {}
        for name in cell.writes:
            if name in self.shell.user_ns and name not in self.namespace.bound:
                made[name] = self.namespace.bound[name] = Version(name=name, cell=cell.id)
        self.versions.record(cell.id, made)
        self.standing.plain_runs[cell.id] = PlainRun(cell.digest)
        self.standing.forget(cell.id)
        self._graph_is_old = True

    # --- cells

    def needs_loop(self, text: str, cell_id: str | None) -> bool | None:
        if self._turn.locked():
            return True
        with self._lock:
            known = self.standing.cells.get(cell_id or "")
            if known is None or known.source != text:
                known = analyse(cell_id or "", text, self._transform)
            if self._may_wait(known):
                return True
            graph = self._graph_now() if self._waiting else None
            if graph is None or cell_id is None or cell_id not in graph:
                return None
            return None if self._waiting.isdisjoint(graph.ancestors([cell_id])) else True

    async def on_cell(self, execution: Execution) -> ExecutionResult:
        async with self._turn:
            with self._lock:
                self._front_end_names_cells |= execution.cell_id is not None
                self._wait_for_order(execution.cell_id)
                cell_id = self.document.executed(execution.cell_id, execution.text, self.shell.execution_count)
                cell = self._cell(cell_id)
                self.standing.changed.add(cell_id)
                self._take_over_name(cell)
                self._graph_is_old |= cell_id not in self.standing.graph
                self._graph_now()
            await self._recall_last_value(cell)
            if cell.is_task or (cell.problems and _is_meant_as_task(cell)):
                return await self._run_task_cell(cell, execution)
            return await self._run_plain_cell(cell, execution)

    async def _run_task_cell(self, cell: Cell, execution: Execution) -> ExecutionResult:
        problems = (*cell.problems, *self.standing.graph.problems.get(cell.id, ()))
        if problems:
            return await self._refuse(cell, execution, problems[0].message)
        assert cell.options is not None
        if cell.options.defer:
            self._show()
            return await execution.run("")
        before = self.runner.results.get(cell.id)
        run = await self.runner.run(Request(targets=(cell.id,), front=(cell.id, execution)))
        self._show()
        result = self.runner.results.get(cell.id)
        if result is None or result is before or result.execution is None:
            row = next((row for row in run.rows if row.task.id == cell.id), None)
            note = row.note if row is not None and row.note else "it was cancelled before it started"
            return await self._not_run(execution, note)
        if result.cached and any(output["output_type"] == "execute_result" for output in result.displays):
            self._last_cached = cell.id
        if result.error is not None and self._failure_stays_in_its_cell(execution):
            result.execution.error_in_exec = None
        return result.execution

    async def _recall_last_value(self, cell: Cell) -> None:
        """`_` after a cell that was answered from the store: its value is only there when the cell runs."""
        last, self._last_cached = self._last_cached, None
        uses_it = any("`_" in reason for reason in cell.always)
        if last is not None and uses_it and last in self.standing.graph:
            await self.runner.run(Request(targets=(last,), forced=frozenset({last})))

    async def _not_run(self, execution: Execution, note: str) -> ExecutionResult:
        """The cell did not run, which is no error of its own: cells behind it go on."""
        print(f"{note}\nMend the task that failed, then press Retry failed or run its cell.", file=sys.stderr)
        done = await execution.run("")
        if not self._failure_stays_in_its_cell(execution):
            done.error_in_exec = NotRun(note)
        return done

    async def _refuse(self, cell: Cell, execution: Execution, message: str) -> ExecutionResult:
        self._set_row(cell.id, RowView(state="ValidationFailed", verdict="stale", note=message, reason=message))
        self._show()
        return await execution.run(refusal=TaskError(f"{self.document.label(cell.id)} {message}"))

    def _failure_stays_in_its_cell(self, execution: Execution) -> bool:
        """In a page the cells behind a failed task go on; in scripts and CI an error stops the run as always."""
        return execution.cell_id is not None and not self.settings.stop_on_error

    async def _run_plain_cell(self, cell: Cell, execution: Execution) -> ExecutionResult:
        refused = await self._demand(cell)
        if refused is not None and self._lacks_names(cell):
            return await execution.run(refusal=NotRun(refused))
        if refused is not None:
            print(f"{refused}; this cell reads what it left before.", file=sys.stderr)
        inputs = await self.runner.load(cell)
        with self._lock:
            lost = self.namespace.lost(cell.id, inputs)
            self.surroundings.restore(cell.id)
            tracked = [name for name in inputs if inputs[name].fingerprint is not None]
            self.namespace.begin(tracked)
        with self.surroundings.ambient.watch() as watch, self.inline.files.task() as seen:
            result = await execution.run()
        with self._lock:
            trouble = ""
            if lost:
                name = next(iter(lost))
                trouble = f"ran twice or out of order: the `{name}` that it reads in a run from the top is gone"
            surely, stored_into = self._forms(cell.source)
            known = {name: version.fingerprint or "" for name, version in inputs.items()}
            changes = self.namespace.settle(
                cell,
                f"plain:{key_of(cell.digest, 0, known, cell.id)}",
                surely=surely | self._bound_again(cell),
                stored_into=stored_into,
                failed=not result.success,
            )
            self.versions.record(cell.id, changes.made | written_files(cell.id, stamped(seen.written)))
            delta = self.surroundings.changed_by(watch)
            self.surroundings.note(cell.id, delta)
            ambient = self.surroundings.inputs(cell.id, watch, delta, ())
            read = (seen.read | workspace_files(self.shell.user_ns[name] for name in changes.bound)) - seen.written
            files = {f"file:{path}" for path in read}
            sources = {name: self.versions.seen_by(cell.id, name) for name in files}
            inputs |= {name: source for name, source in sources.items() if isinstance(source, Version)}
            self.standing.plain_runs[cell.id] = PlainRun(cell.digest, inputs, trouble, ambient)
            self.versions.unsettled.discard(cell.id)
            self._learn(cell, self.versions.made[cell.id].keys(), inputs.keys() | files)
            self._take_fingerprints(changes.made)
            self.namespace.show_latest({*inputs, *changes.made})
            self.standing.forget(cell.id)
            self._show()
        return result

    def _take_fingerprints(self, made: Mapping[str, Version]) -> None:
        """What tasks read is fingerprinted as it leaves its cell, so that a later change can be seen."""
        self._graph_now()
        for name, version in made.items():
            value = self.shell.user_ns.get(name)
            if isinstance(value, _PREVIEWED) and version.fingerprint is None:
                self.namespace.version(name)
            if version.fingerprint is None and self._is_wanted_by_a_task(version):
                self.namespace.version(name)
            if isinstance(value, _PREVIEWED) and version.fingerprint is not None:
                self.standing.previews[version.fingerprint] = preview(value)

    def _is_wanted_by_a_task(self, version: Version) -> bool:
        graph = self.standing.graph
        if version.cell is None or version.cell not in graph:
            return False
        return any(self.standing.cells[reader].is_task for reader in graph.readers(version.cell, version.name))

    async def _demand(self, cell: Cell) -> str | None:
        """Brings the tasks up to date that a plain cell reads. Returns why one of them cannot be."""
        graph = self._graph_now()
        above = [c for c in graph.upstream(cell.id) if self.standing.cells[c].is_task]
        stale = [c for c in above if self.standing.verdict(c).kind == "stale"]
        if stale:
            await self.runner.run(Request(targets=tuple(stale), forced=frozenset(), patient=False))
        for c in above:
            failure = self.standing.failures.get(c)
            if failure is not None:
                return f"not run: `{self.standing.name(c)}` failed ({failure.note})"
        return None

    def _lacks_names(self, cell: Cell) -> bool:
        return any(not self.namespace.holds(name) and name in self._written_names() for name in cell.reads)

    def _written_names(self) -> set[str]:
        return set().union(*(cell.writes for cell in self.standing.cells.values() if cell.id in self.document))

    # --- the document

    def update_document(self, order: Sequence[str] | None, sources: Mapping[str, str]) -> None:
        """The notebook's code cells as a front end shows them, in order. Runs nothing."""
        with self._lock:
            changed = self.document.update(order, sources)
            if changed or not self._order_arrived.is_set():
                for cell_id in changed:
                    if cell_id in self.document:
                        cell = self._cell(cell_id)
                        if self._history_at_start and cell.source in self._history_at_start:
                            self._adopt_earlier_cell(cell)
                self._graph_is_old = True
                self._show()
            self._order_arrived.set()

    def _wait_for_order(self, cell_id: str | None) -> None:
        """A cell that the page has just made is announced within a moment; without a page nobody announces it."""
        if cell_id is not None and self.link.pages and cell_id not in self.document:
            self._order_arrived.clear()
            self._lock.release()
            try:
                self._order_arrived.wait(ORDER_WAIT_S)
            finally:
                self._lock.acquire()

    def _cell(self, cell_id: str) -> Cell:
        """The present reading of a cell, analysed when its text is new."""
        text = self.document.texts[cell_id]
        known = self.standing.cells.get(cell_id)
        if known is not None and known.source == text:
            return known
        cell = analyse(cell_id, text, self._transform)
        self.standing.cells[cell_id] = cell
        (self._waiting.add if self._may_wait(cell) else self._waiting.discard)(cell_id)
        self.versions.expect(cell_id, cell.writes | cell.in_place | cell.deletes)
        if known is not None and known.digest != cell.digest:
            self.versions.unsettled.add(cell_id)
        self.standing.forget(cell_id)
        self._graph_is_old = True
        return cell

    def _take_over_name(self, cell: Cell) -> None:
        """Without cell ids, running a named task again replaces the cell that had its name."""
        if cell.options is None or cell.options.name is None or not cell.id.startswith("execution-"):
            return
        for other in list(self.document.order):
            options = self.standing.cells[other].options
            is_named_so = options is not None and options.name == cell.options.name
            if other != cell.id and is_named_so and other.startswith("execution-"):
                self.document.forget(other)
                self.runner.results.pop(other, None)
                self._graph_is_old = True

    def _transform(self, text: str) -> str:
        """IPython's transformation, but with the empty lines at the top that keep the editor's line numbers."""
        lines = text.splitlines(keepends=True)
        leading = next((i for i, line in enumerate(lines) if line.strip()), 0)
        transformed: str = self.shell.transform_cell(text)
        return "\n" * leading + transformed

    def _bound_again(self, cell: Cell) -> frozenset[str]:
        """What a plain cell bound when the same text last ran, as far as it still has that value."""
        before = self.standing.plain_runs.get(cell.id)
        if before is None or before.digest != cell.digest:
            return frozenset()
        return frozenset(self.namespace.rebinds(cell)) - cell.writes

    def _forms(self, text: str) -> tuple[frozenset[str], frozenset[str]]:
        """What a text surely binds, and what it sets attributes or items of."""
        known = self._known_forms.get(text)
        if known is None:
            try:
                tree = ast.parse(self._transform_safely(text))
            except (SyntaxError, ValueError):
                tree = ast.Module([], [])
            known = self._known_forms[text] = (surely_bound(tree), stores_into(tree))
        return known

    def _may_wait(self, cell: Cell) -> bool:
        """Whether the cell is a task that has to wait for something, so that an event loop has to run it."""
        return cell.is_task and (_waits(cell) or self._has_await(cell))

    def _has_await(self, cell: Cell) -> bool:
        if "await" not in cell.source and "async" not in cell.source:
            return False
        known = self._awaits.get(cell.source)
        if known is None:
            known = self.interception.original_decision(self._transform_safely(body_of(cell)))
            self._awaits[cell.source] = known
        return known

    def _transform_safely(self, text: str) -> str:
        try:
            return self._transform(text)
        except SyntaxError:
            return ""

    def _graph_now(self) -> Graph:
        with self._lock:
            if self._graph_is_old:
                self._graph_is_old = False
                for cell_id in self.document.order:
                    self._cell(cell_id)
                self._graph_is_old = False
                self.versions.rebuild()
                self.standing.connect(
                    connect(
                        [self.standing.cells[cell_id] for cell_id in self.document.order],
                        self._learned,
                        labels={cell_id: self.document.label(cell_id) for cell_id in self.document.order},
                        external=_External(self),
                    )
                )
            return self.standing.graph

    def _learn(self, cell: Cell, written: Iterable[str], read: Iterable[str]) -> None:
        """Remembers what the run of a cell read and wrote beyond its text."""
        writes = frozenset(written) - cell.writes - cell.in_place - cell.deletes
        writes = frozenset(name for name in writes if not name.startswith("@"))
        graph = self.standing.graph
        reads = frozenset(read) - (graph.reads(cell.id) if cell.id in graph else frozenset())
        learned = Learned(reads=reads, writes=writes)
        if learned != self._learned.get(cell.id, Learned()):
            self._learned[cell.id] = learned
            self._graph_is_old = True

    # --- runs

    def _ended(self, cell_id: str, result: Result) -> None:
        cell = self.standing.cells[cell_id]
        made = self.versions.made.get(cell_id, {})
        read = () if result.trace is None else (*result.trace.inputs, *(f"file:{p}" for p in result.trace.files_in))
        self._learn(cell, made, read)
        for name, version in made.items():
            value = self.shell.user_ns.get(name)
            if isinstance(value, _PREVIEWED) and version.fingerprint is not None:
                self.standing.previews[version.fingerprint] = preview(value)
        for name in sorted(result.promoted):
            if result.trace is not None and not result.cached and result.trace.outputs[name].handle is None:
                self.link.publisher.notice(
                    "info",
                    f"`{self.standing.name(cell_id)}` changes `{name}` in place: it leaves a new version of it.",
                    task=cell_id,
                    cell=cell_id,
                )
        if result.trace is not None:
            self.store.remember(self.notebook, self.standing.name(cell_id), result.trace.key)

    @property
    def notebook(self) -> str:
        """What the store calls this notebook: the path that the server told the kernel, or the working folder."""
        return os.environ.get("JPY_SESSION_NAME") or os.getcwd()

    def _listen(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._run_progress = [0, len(event.tasks)]
            self.link.publisher.run(0, len(event.tasks))
        elif isinstance(event, RunEnded):
            self.link.publisher.run(0, 0)
        elif isinstance(event, TaskMoved):
            self._moved(event)

    def _moved(self, event: TaskMoved) -> None:
        if event.task in self.runner.quiet:
            return
        if event.state is State.Pending and event.attempt == 0:
            return
        row = self._rows.get(event.task) or RowView()
        started, ended = row.started_ms, row.ended_ms
        if event.state is State.Running:
            started, ended = event.at * 1000, None
        elif event.state.is_finished:
            ended = event.at * 1000
            self._run_progress[0] += 1
            self.link.publisher.run(*self._run_progress)
        note = event.note
        result = self.runner.results.get(event.task)
        if event.state is State.Cached and result is not None and result.trace is not None:
            note = cached_note(result.trace.started_s, result.trace.duration_s)
        if event.state is State.TriggerFailed:
            self.runner.counts.skipped += 1
            started = ended = None
        self._set_row(
            event.task,
            RowView(
                state=event.state.name,
                verdict=row.verdict,
                started_ms=started,
                ended_ms=ended,
                attempt=event.attempt,
                note=note,
                reason=row.reason,
            ),
        )
        if event.state in (State.Failed, State.TimedOut, State.Crashed):
            self.link.publisher.notice(
                "error",
                f"`{self.standing.name(event.task)}` failed: {note}",
                task=event.task,
                cell=event.task,
                verbs=["retry_failed"],
            )

    async def _run_in_shell(self, cell: Cell, transformed: str) -> ExecutionResult:
        """Runs a task that is not the cell in front: like a cell, but without a place in the history."""
        run = self.interception.original
        hook: Any = self.shell.displayhook
        hook.quiet = lambda: suppressed(body_of(cell))  # its own way looks at the last cell in the history
        try:
            result: ExecutionResult = await run(
                cell.source, store_history=False, silent=False, transformed_cell=transformed
            )
            return result
        finally:
            del hook.quiet

    def _begin_output(self, cell_id: str) -> None:
        self._unseen_outputs.pop(cell_id, None)
        self.link.publisher.output(cell_id, "clear")

    def _output(self, cell_id: str, operation: str, output: RawOutput | None) -> None:
        self.link.publisher.output(cell_id, operation, output)

    def _end_output(self, cell_id: str, displays: tuple[RawOutput, ...]) -> None:
        if not self.link.pages:
            self._unseen_outputs[cell_id] = list(displays)

    def _stray_interrupt(self) -> None:
        self.runner.cancel(None)

    # --- commands from pages

    def receive(self, command: Command) -> Reply:
        """Takes a command in, from any thread, and answers before its work is done."""
        self.update_document(command.order, command.sources)
        handler = getattr(self, f"_command_{command.verb}", None)
        if handler is None:
            return command.reply(f"`{command.verb}` is not something that can be asked for.", ok=False)
        with self._lock:
            unknown = [task for task in command.tasks if task not in self._graph_now().names]
        if unknown:
            return command.reply("This task is not in the notebook any more. Reload the page.", ok=False)
        reply: Reply = handler(command)
        return reply

    def _command_document(self, command: Command) -> Reply:
        return command.reply()

    def _command_snap(self, command: Command) -> Reply:
        return command.reply(detail=self.link.publisher.snapshot())

    def _command_why(self, command: Command) -> Reply:
        with self._lock:
            return command.reply("\n\n".join(self.why(task) for task in command.tasks))

    def _command_plan(self, command: Command) -> Reply:
        with self._lock:
            return command.reply(self.plan_text(command.tasks))

    def _command_cancel(self, command: Command) -> Reply:
        tasks = command.tasks or None
        queued = self._withdraw(tasks)
        stopped = self.runner.cancel(tasks)
        if not stopped and not queued:
            return command.reply("Nothing is running that could be cancelled.")
        return command.reply("Cancelling.")

    def _command_run(self, command: Command) -> Reply:
        return self._accept(command, "run")

    def _command_rerun(self, command: Command) -> Reply:
        return self._accept(command, "rerun")

    def _command_run_from(self, command: Command) -> Reply:
        return self._accept(command, "run_from")

    def _command_retry_failed(self, command: Command) -> Reply:
        return self._accept(command, "retry_failed")

    def _accept(self, command: Command, verb: str) -> Reply:
        """Checks and queues; the main thread does the work as soon as it is free."""
        with self._lock:
            try:
                request = self._request(verb, command.tasks)
            except TaskError as error:
                return command.reply(str(error), ok=False)
            if not request.targets:
                return command.reply(_NOTHING_TO_DO[verb])
            for task in self.runner.needed(request.targets, request.forced):
                note = "" if self._is_free() else "waits for the cell that runs now"
                self._set_row(task, _with_state(self.row(task), "Scheduled", note))
            self._queue.append(request)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin_draining)
        count = len(request.targets)
        what = f"{count} task{'s' if count > 1 else ''}"
        when = "" if self._is_free() else " when the present cell has finished"
        return command.reply(f"{what} to run{when}.")

    def _is_free(self) -> bool:
        return not self.interception.is_inside_a_cell and self.runner.running is None

    def _begin_draining(self) -> None:
        if not self._draining and self._loop is not None:
            self._draining = True
            task = self._loop.create_task(self._drain())
            self._drain_task = task

    async def _drain(self) -> None:
        try:
            async with self._turn:
                while self._queue:
                    request = self._queue.popleft()
                    with self._busy():
                        await self.carry_out(request)
        finally:
            self._draining = False
            self._show()

    @contextlib.contextmanager
    def _busy(self) -> Any:
        """Pages see a busy kernel while a button's work runs, as they do while a cell runs."""
        kernel = getattr(self.shell, "kernel", None)
        publish = getattr(kernel, "_publish_status", None)
        if publish is not None:
            publish("busy", "shell", parent={})
        try:
            yield
        finally:
            if publish is not None:
                publish("idle", "shell", parent={})

    def _withdraw(self, tasks: Sequence[str] | None) -> bool:
        """Takes tasks, or all, out of what waits for its turn. False: none of them waited."""
        with self._lock:
            waiting = list(self._queue)
            kept = [request.without(tasks) for request in waiting] if tasks is not None else []
            self._queue.clear()
            self._queue.extend(request for request in kept if request.targets)
            still = {task for request in self._queue for task in self.runner.needed(request.targets, request.forced)}
            self._unschedule(still)
            return kept != waiting

    def _unschedule(self, still: set[str]) -> None:
        for task, row in list(self._rows.items()):
            if row.state == "Scheduled" and task not in still:
                self._set_row(task, _with_state(row, self._last_state(task), ""))

    def _last_state(self, task: str) -> str:
        result = self.runner.results.get(task)
        if result is None:
            return "Pending"
        if result.error is not None:
            return "Failed"
        return "Cached" if result.cached else "Success"

    def _request(self, verb: str, tasks: Sequence[str]) -> Request:
        """Which tasks a verb means. Raises `TaskError` when a text that it would run cannot be run."""
        graph = self._graph_now()
        everything = [task for task in graph.names if not self.standing.cells[task].problems]
        forced: frozenset[str] = frozenset()
        if verb == "run":
            targets = [task for task in tasks or everything if self.standing.verdict(task).kind == "stale"]
        elif verb == "rerun":
            targets = list(tasks or everything)
            forced = frozenset(targets)
        elif verb == "run_from":
            below = [task for task in graph.descendants(tasks) if self.standing.cells[task].is_task]
            targets = [*tasks, *(task for task in below if task not in tasks)]
            forced = frozenset(targets)
        else:
            targets = [task for task in tasks or everything if self._has_failed(task)]
            targets += [task for task in everything if task not in targets and self._is_blocked(task, targets)]
        for task in targets:
            problems = (*self.standing.cells[task].problems, *graph.problems.get(task, ()))
            if problems:
                raise TaskError(f"{self.document.label(task)} {problems[0].message} Nothing has run.")
        return Request(targets=tuple(sorted(set(targets), key=graph.position)), forced=forced)

    def _has_failed(self, task: str) -> bool:
        return self.row(task).state in ("Failed", "TimedOut", "Crashed", "Cancelled", "ValidationFailed")

    def _is_blocked(self, task: str, failed: Sequence[str]) -> bool:
        return self.row(task).state == "TriggerFailed" and any(
            above in failed for above in self.standing.graph.ancestors([task])
        )

    async def carry_out(self, request: Request) -> None:
        """Runs what was asked for, on the main thread; cells that have gone meanwhile are left out."""
        with self._lock:
            request = request.only(self._graph_now().names)
        if request.targets:
            await self.runner.run(request)
        self._unschedule({task for waiting in self._queue for task in waiting.targets})
        self._show()

    # --- the Python interface

    def run(self, *names: str) -> Counts:
        """Brings the named tasks up to date, or all; what is fresh or in the store does not execute."""
        return self._do("run", names)

    def rerun(self, *names: str) -> Counts:
        """Executes the named tasks, or all, whatever the store has."""
        return self._do("rerun", names)

    def run_from(self, *names: str) -> Counts:
        """Executes the named tasks and everything below them."""
        return self._do("run_from", names)

    def retry_failed(self, *names: str) -> Counts:
        """Executes what failed, and what could not run because of it."""
        return self._do("retry_failed", names)

    def cancel(self, *names: str) -> bool:
        """Stops the named tasks, or all that runs or waits."""
        return self.runner.cancel([self.task_named(name) for name in names] or None)

    def _do(self, verb: str, names: Sequence[str]) -> Counts:
        tasks = tuple(self.task_named(name) for name in names)
        with self._lock:
            request = self._request(verb, tasks)
        self._run_to_end(self.carry_out(request))
        return self.runner.counts

    def _run_to_end(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Drives `work` from inside a cell: without a loop where it awaits nothing, else in a loop of its own."""
        if self._waiting:
            return _in_a_loop_of_its_own(work)
        try:
            work.send(None)
        except StopIteration as stop:
            result: _T = stop.value
            return result
        raise AssertionError("A run that awaits something was driven without a loop.")

    def task_named(self, name: str) -> str:
        """The id of a task by its name. Raises `TaskError` that lists the names there are."""
        names = self._graph_now().names
        for task, known in names.items():
            if known == name or task == name:
                return str(task)
        there = ", ".join(f"`{known}`" for known in names.values()) or "none yet"
        raise TaskError(f"There is no task `{name}` in this notebook. Tasks: {there}.")

    def counts(self) -> dict[str, int]:
        """{"tasks", "executed", "cached", "failed", "skipped"}: the tasks there are, and how often they ended how."""
        counts = self.runner.counts
        return {
            "tasks": len(self._graph_now().names),
            "executed": counts.executed,
            "cached": counts.cached,
            "failed": counts.failed,
            "skipped": counts.skipped,
        }

    def verdicts(self) -> dict[str, str]:
        """The verdict on each task by its name: fresh, stale, unverified."""
        with self._lock:
            graph = self._graph_now()
            return {name: self.standing.verdict(task).kind for task, name in graph.names.items()}

    def why(self, name: str) -> str:
        """Why a task is not fresh, down to the causes, in lines."""
        task = self.task_named(name)
        with self._lock:
            found = self.standing.verdict(task)
        title = f"{self.standing.name(task)} is {found.kind}"
        if found.is_fresh:
            return f"{title}: it equals what a run from the top would show."
        lines = [f"{title}:"]
        for reason in found.reasons:
            label = self.document.label(reason.cell) if reason.cell else ""
            where = f" ({label})" if label and label not in reason.text else ""
            lines.append(f"  - {reason.text}{where}")
            lines += [f"      {line}" for line in reason.detail.splitlines()]
        return "\n".join(lines)

    def plan(self, *names: str) -> list[tuple[str, str, float | None]]:
        """What `run` would do: (task, why, expected seconds or None) in order. Runs nothing."""
        with self._lock:
            tasks = tuple(self.task_named(name) for name in names)
            request = self._request("run", tasks)
            return [
                (self.standing.name(task), self.standing.verdict(task).reason, self._expected_s(task))
                for task in self.runner.needed(request.targets)
            ]

    def plan_text(self, tasks: Sequence[str] = ()) -> str:
        entries = self.plan(*tasks)
        if not entries:
            return "Nothing to run: every task is up to date."
        known = [seconds for _, _, seconds in entries if seconds is not None]
        total = f", about {duration(sum(known))}" if known else ""
        lines = [f"{len(entries)} task{'s' if len(entries) > 1 else ''} to run{total}:"]
        for name, reason, seconds in entries:
            lines.append(f"  {name}: {reason}" + (f" · {duration(seconds)}" if seconds is not None else ""))
        return "\n".join(lines)

    def _expected_s(self, task: str) -> float | None:
        trace = self.standing.traces.get(task)
        return trace.duration_s if trace is not None else None

    def check(self) -> Check:
        """Runs the notebook plainly in a new kernel and returns each difference from what fresh tasks show."""
        from .check import check

        return check(self)

    # --- what is shown

    def row(self, task: str) -> RowView:
        return self._rows.get(task) or RowView()

    def _set_row(self, task: str, row: RowView) -> None:
        self._rows[task] = row
        self.link.publisher.row(task, row)

    def view(self) -> PipelineView:
        """The pipeline as every view shows it."""
        with self._lock:
            graph = self._graph_now()
            tasks = list(graph.names)
            index = {task: i for i, task in enumerate(tasks)}
            nodes = tuple(self._node(task) for task in tasks)
            edges = tuple(EdgeView(index[e.source], index[e.target], e.names) for e in graph.task_edges)
            rows = tuple(self._judged_row(task) for task in tasks)
            return PipelineView(title=self.title, session=self.id, nodes=nodes, edges=edges, rows=rows)

    def show_graph(self) -> None:
        """Shows the live graph in the cell that runs now."""
        from IPython.display import display

        if self._has_front_end() and not self._page_arrives():
            from ..view.widget import FlowWidget

            self._widget = self._widget or FlowWidget.connected(self)
            display(self._widget)
            return
        self._graph_shown = True
        display(bundle(self.view()), raw=True, display_id=self._display_id)

    def _refresh_shown_graph(self) -> None:
        """Writes the saved form of the graph anew, some time after the last run: it is part of the file."""
        if not self._graph_shown or self._loop is None:
            return
        if self._refresh is not None:
            self._refresh.cancel()

        def refresh() -> None:
            self._refresh = None
            if not self._turn.locked():
                self.shell.display_pub.publish(
                    bundle(self.view()), {}, transient={"display_id": self._display_id}, update=True
                )

        self._refresh = self._loop.call_later(REFRESH_AFTER_S, refresh)

    def _has_front_end(self) -> bool:
        return getattr(self.shell, "kernel", None) is not None and self._front_end_names_cells

    def _page_arrives(self) -> bool:
        """Waits a moment for the page that has just been told of us: it connects in another thread."""
        deadline = time.monotonic() + PAGE_WAIT_S
        while not self.link.pages and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.link.pages > 0

    @property
    def title(self) -> str:
        return os.path.basename(os.environ.get("JPY_SESSION_NAME", "")) or "notebook"

    def _node(self, task: str) -> NodeView:
        cell = self.standing.cells[task]
        made = self.versions.made.get(task, {})
        visible = sorted(cell.writes - cell.hidden | cell.in_place)
        visible += [n for n, v in sorted(made.items()) if n not in visible and v.in_place and not n.startswith("@")]
        graph = self.standing.graph
        reads = [name for name in sorted(graph.reads(task)) if self._is_shown_as_read(task, name)]
        return NodeView(
            id=task, name=graph.names[task], cell=task, label=self.document.labels.get(task, ""),
            reads=tuple(reads), writes=tuple(visible),
        )  # fmt: skip

    def _is_shown_as_read(self, task: str, name: str) -> bool:
        """Inputs are values; modules, functions and classes go without saying."""
        seen = self.versions.seen_by(task, name)
        if isinstance(seen, Version):
            if seen.definition:
                return False
            return not isinstance(self.shell.user_ns.get(name), (types.ModuleType, types.FunctionType, type))
        if isinstance(seen, str):
            return name not in self.standing.cells[seen].definitions
        return False

    def _judged_row(self, task: str) -> RowView:
        row = self.row(task)
        found = self.standing.verdict(task)
        return RowView(
            state=row.state, verdict=found.kind, started_ms=row.started_ms, ended_ms=row.ended_ms,
            attempt=row.attempt, note=row.note, reason=found.reason,
        )  # fmt: skip

    def _show(self) -> None:
        """Publishes what changed since it was last called: the graph, and rows of tasks that may stand differently."""
        with self._lock:
            graph = self._graph_now()
            publisher = self.link.publisher
            self.standing.settle()
            changed, self.standing.changed = self.standing.changed, set()
            changed &= graph.names.keys()
            redrawn = {task: self._node(task) for task in changed}
            if graph is not self._graph_published or any(self._nodes.get(task) != redrawn[task] for task in redrawn):
                self._nodes |= redrawn
                self._graph_published = graph
                index = {task: i for i, task in enumerate(graph.names)}
                edges = [EdgeView(index[e.source], index[e.target], e.names) for e in graph.task_edges]
                publisher.graph(self.title, [self._nodes[task] for task in graph.names], edges)
            for task in changed:
                self._rows[task] = self._judged_row(task)
                publisher.row(task, self._rows[task])
        self._refresh_shown_graph()

    # --- completions of values that have not been loaded

    def _wrap_introspection(self) -> None:
        kernel: Any = getattr(self.shell, "kernel", None)
        if kernel is None:
            return
        for method in ("do_complete", "do_inspect"):
            setattr(kernel, method, self._loading_first(getattr(kernel, method)))

    def _unwrap_introspection(self) -> None:
        kernel: Any = getattr(self.shell, "kernel", None)
        for method in ("do_complete", "do_inspect"):
            if kernel is not None and method in vars(kernel):
                delattr(kernel, method)

    def _loading_first(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(code: str, *arguments: Any, **keywords: Any) -> Any:
            if self.namespace.pending and threading.current_thread() is threading.main_thread():
                self.namespace.load_pending(name for name in list(self.namespace.pending) if name in code)
            return original(code, *arguments, **keywords)

        return wrapped

    def _warn_of_store(self, text: str) -> None:
        print(f"prefect_jupyter: {text}", file=sys.stderr)


class _External:
    """Names that the namespace has from elsewhere than the notebook's cells."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        bound = self._session.namespace.bound.get(name)
        if bound is not None:
            return bound.cell is None or bound.cell not in self._session.document
        return name in self._session.shell.user_ns or hasattr(__builtins__, name)


_NOTHING_TO_DO = {
    "run": "Nothing to run: every task is up to date.",
    "rerun": "There are no tasks yet.",
    "run_from": "There are no tasks yet.",
    "retry_failed": "Nothing has failed.",
}


def _in_a_loop_of_its_own(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs `work` while the loop of the kernel, from inside which we were called, stands still."""
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
        asyncio._set_running_loop(outer)


def body_of(cell: Cell) -> str:
    header = read_header(cell.source)
    return cell.source if header is None else header.body


def preview(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "…"


def duration(seconds: float) -> str:
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = int(seconds // 60)
    return f"{minutes} min {int(seconds % 60)} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def cached_note(started_s: float, duration_s: float) -> str:
    then = time.localtime(started_s)
    today = time.localtime()
    day = "" if then[:3] == today[:3] else time.strftime("%a ", then)
    return f"from {day}{time.strftime('%H:%M', then)} · {duration(duration_s)} saved"


def _with_state(row: RowView, state: str, note: str) -> RowView:
    return RowView(
        state=state, verdict=row.verdict, started_ms=row.started_ms, ended_ms=row.ended_ms, attempt=row.attempt,
        note=note, reason=row.reason,
    )  # fmt: skip


def _waits(cell: Cell) -> bool:
    return cell.options is not None and cell.options.retry.retries > 0


def _is_meant_as_task(cell: Cell) -> bool:
    return read_header(cell.source) is not None
