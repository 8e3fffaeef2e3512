"""One notebook's pipeline in its kernel: takes cells and commands in, has them run, shows where everything stands.

It must not hold rules of its own: what a cell means is in `analysis`, what is stale in `core`, how a task
runs in `inline`.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

from .. import __version__
from ..analysis.directives import read_header
from ..analysis.statements import suppressed
from ..core.cells import Cell
from ..core.events import Event
from ..core.progress import Progress
from ..core.run import Run
from ..core.states import State
from ..runtime.files import FileTracer
from ..runtime.journal import Attempt, Journal
from ..runtime.notifiers import Failure, Outbox, destinations
from ..runtime.redact import redact
from ..runtime.state_handlers import forget_handlers
from ..runtime.stores import Store, open_store, store_folder
from ..runtime.workspace import Workspace
from ..view.pipeline import PipelineView, RowView
from ..view.protocol import Command, Reply
from .ahead import Ahead
from .alerts import Alerts
from .ambient import Ambient
from .answers import Answers
from .buttons import Buttons
from .cache import Cache, CacheKeeper
from .comm import Link
from .deciding import Deciding
from .decisions import Decisions
from .declared import Declared
from .definitions import Definitions
from .document import Document
from .driving import run_to_end
from .errors import NotRun, TaskError
from .inline import Inline, Result
from .interception import Execution, Interception
from .interrupts import Interrupts
from .introspection import Introspection
from .kernel_status import KernelStatus
from .last_value import LastValue
from .mapping import MappedTasks
from .observation import Observer
from .outputs import Outputs
from .outside import Outside
from .plain_cells import PlainCells
from .reading import Reading, body_of
from .recording import Recording
from .reloading import Reloading
from .remembered import Remembered
from .run_logger import run_logger
from .runner import Background, Counts, Request, Runner
from .settings import Flow
from .showing import Showing
from .standing import Standing
from .state_moves import StateMoves
from .surroundings import Surroundings
from .threads import Body, Threads
from .user_namespace import UserNamespace
from .verbs import Verbs
from .versions import Versions

if TYPE_CHECKING:
    import graphviz

    from .check import Check

ORDER_WAIT_S = 0.2


class Session:
    """What `%load_ext prefect_jupyter` starts, one for a kernel."""

    def __init__(self, shell: InteractiveShell, settings: Flow) -> None:
        self.id = uuid.uuid4().hex
        self.shell = shell
        self.settings = settings
        self._lock = threading.RLock()
        self._turn = asyncio.Lock()
        self._order_arrived = threading.Event()
        self.interception = Interception(shell, self)
        self.outputs = Outputs(shell)
        self.document = Document()
        self.versions = Versions(self.document)
        self.store: Store = open_store("disk", self._warn_of_store, lambda: str(settings.cache_key_file))
        settings.observe(lambda _change: self.store.close(), "cache_key_file")
        self.namespace = UserNamespace(shell.user_ns, self.store, self.versions)
        self.surroundings = Surroundings(Ambient(seeded_before=self._may_have_seeded()), self.versions)
        decisions = Decisions(self.store, lambda: self.notebook)
        workspace = Workspace()
        declared = Declared(self._folder(), self.store, clock=time.time)
        self.standing = Standing(
            self.document, self.versions, self.namespace, self.surroundings, decisions,
            Outside(workspace, self.versions, declared, clock=time.time), declared, Remembered(workspace),
        )  # fmt: skip
        self.reloading = Reloading(shell, workspace, self.namespace, self.versions, self.standing)
        self.reading = Reading(
            shell, self.document, self.versions, self.namespace, self.standing, declared, self._lock,
            awaits=self.interception.original_decision,
        )  # fmt: skip
        self.namespace.is_wanted = self.reading.is_wanted_by_a_task
        observer = Observer(
            self.namespace,
            self.surroundings,
            FileTracer(),
            self._lock,
            workspace,
            self.reloading.observe,
        )
        self.inline = Inline(
            self.outputs, self.namespace, self.store, self.surroundings, observer,
            Definitions(shell, self.namespace, self.reading.transform), workspace, declared,
            MappedTasks(shell, self.outputs, self.store, self.surroundings, observer, time.time), self._lock,
            self.reading.transform,
        )  # fmt: skip
        kernel = getattr(shell, "kernel", None)
        status = KernelStatus(kernel, self._is_busy)
        self.link = Link(self.receive, session=self.id, version=__version__, status=status)
        self.showing = Showing(
            shell, self.document, self.versions, self.standing, self.reading, self.link, self._lock, self._turn
        )
        self.recording = Recording(
            Journal(store_folder(), self.notebook, self.id, time.time(), redact=redact, warn=self._warn_of_store),
            self.showing, self._lock, time.time, self._live_lines,
        )  # fmt: skip
        self.state_moves = StateMoves(self.standing.name)
        self.alerts = Alerts(
            Outbox(lambda: self.showing.title, destinations(os.environ), self._warn),
            lambda: self.settings.notify, self.standing.cells.__getitem__, self.standing.name,
        )  # fmt: skip
        self.runner = Runner(
            document=self.document,
            versions=self.versions,
            namespace=self.namespace,
            standing=self.standing,
            inline=self.inline,
            interrupts=Interrupts(self._stray_interrupt),
            background=Background(self._run_in_shell, self.link.publisher.output),
            clock=time.time,
            lock=self._lock,
            body_of=body_of,
            has_await=self.reading.has_await,
            listen=self._listen,
            progress=self.showing.progress,
            ended=self._ended,
            unpinned=self.showing.tell_unpinned,
            last_keys=lambda: self.store.recall(self.notebook),
            last=LastValue(shell, self.store, self.namespace),
            judge=self.state_moves.ended,
            ahead=Ahead(
                threads=Threads(self.outputs, self.namespace, self.surroundings),
                namespace=self.namespace,
                slots=lambda: int(settings.threads),
                code_of=lambda cell: self.reading.transform(body_of(cell)),
                compiled=self._compiled,
                taken=observer.rebinds,
                notice=self._warn,
            ),
            settle=self._show_end,
        )
        self.plain_cells = PlainCells(
            shell, self.versions, self.namespace, self.standing, self.reading, self.runner, self.showing, observer,
            self._lock,
        )  # fmt: skip
        self.verbs = Verbs(self.document, self.standing, self.reading, self.showing)
        self.deciding = Deciding(
            self.document, self.versions, self.standing, self.reading, decisions, self.store, self._lock,
            last_keys=lambda: self.store.recall(self.notebook), clock=time.time,
        )  # fmt: skip
        self.cache_keeper = CacheKeeper(self.store, settings, lambda: self.notebook)
        self.answers = Answers(
            self.document, self.standing, self.reading, self.runner, self.verbs, self._lock,
            last_trace=self.deciding.last_result,
        )  # fmt: skip
        self.buttons = Buttons(
            self.reading, self.verbs, self.answers, self.deciding, self.cache_keeper, self.runner, self.showing,
            self._lock, self._turn,
            status=status, is_inside_a_cell=lambda: self.interception.is_inside_a_cell,
            before_work=self.reloading.before_a_cell, history_of=self.recording.told,
        )  # fmt: skip
        self.introspection = Introspection(kernel, self.namespace)
        self._history_at_start = self._texts_run_before()

    # --- life

    def start(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.showing.loop = self.buttons.loop = asyncio.get_running_loop()
            self.showing.keep_looking()
        self.outputs.install()
        self.interception.install()
        self.introspection.install()
        self.shell.events.register("post_run_cell", self._after_the_loading_cell)
        self.link.start()
        self.recording.start()

    def stop(self) -> None:
        self.showing.stop_looking()
        self.link.stop()
        self.interception.uninstall()
        self.outputs.uninstall()
        self.introspection.uninstall()
        self.alerts.outbox.close()
        forget_handlers()
        self.recording.stop()
        self.cache_keeper.stop()
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
            self.plain_cells.adopt(self.reading.cell(cell_id))
            self.showing.show()

    def _texts_run_before(self) -> set[str]:
        history = getattr(self.shell.history_manager, "input_hist_raw", [])
        return {text for text in history if text.strip()}

    def _may_have_seeded(self) -> bool:
        """Whether a cell before us, or the one that loads us, may have given Python's generator a seed."""
        return any(word in text for text in self._texts_run_before() for word in ("seed", "setstate", "%run", "exec"))

    # --- cells

    def needs_loop(self, text: str, cell_id: str | None) -> bool | None:
        if self._turn.locked():
            return True
        with self._lock:
            return self.reading.needs_loop(text, cell_id) or None

    async def on_cell(self, execution: Execution) -> ExecutionResult:
        async with self._turn:
            with self._lock:
                self.reloading.before_a_cell()
                self.showing.front_end_names_cells |= execution.cell_id is not None
                self._wait_for_order(execution.cell_id)
                cell_id = self.document.executed(execution.cell_id, execution.text, self.shell.execution_count)
                cell = self.reading.cell(cell_id)
                self.link.forget_outputs(cell_id)
                self.standing.changed.add(cell_id)
                self._take_over_name(cell)
                if cell_id not in self.standing.graph:
                    self.reading.outdate()
                self.reading.graph_now()
                self.standing.look_outside()
            await self._recall_last_value(cell)
            if cell.is_task or (cell.problems and _is_meant_as_task(cell)):
                return await self._run_task_cell(cell, execution)
            result = await self.plain_cells.run(cell, execution)
            self.runner.last.shown(cell.id, (), result.result)
            return result

    async def _run_task_cell(self, cell: Cell, execution: Execution) -> ExecutionResult:
        problems = self.standing.problems(cell.id)
        if problems and problems[0].is_syntax:
            return await self._refuse_as_python_does(cell, execution, problems[0].message)
        if problems:
            return await self._refuse(cell, execution, problems[0].message)
        assert cell.options is not None
        if cell.options.defer:
            self.showing.show()
            return await execution.run("")
        before = self.runner.results.get(cell.id)
        run = await self.runner.run(Request(targets=(cell.id,), front=(cell.id, execution)))
        self.showing.show()
        result = self.runner.results.get(cell.id)
        if result is None or result is before or result.execution is None:
            row = next((row for row in run.rows if row.task.id == cell.id), None)
            if row is None or row.state is not State.Skipped:
                self.standing.not_shown(cell.id)
            return await self._not_run(execution, row, self._paused_above(run, row))
        self.runner.last.shown(cell.id, result.displays, result.execution.result)
        if result.error is not None and self._failure_stays_in_its_cell(execution):
            result.execution.error_in_exec = None
        return result.execution

    async def _recall_last_value(self, cell: Cell) -> None:
        """`_` after a cell that was answered from the store: it is put back, or else the cell runs."""
        owed = self.runner.last.owed
        if owed is None or not LastValue.is_read_by(cell):
            return
        result = self.runner.results.get(owed)
        trace = None if result is None else result.trace
        if trace is not None and self.runner.last.put_back(trace):
            return
        if owed in self.standing.graph and self.standing.kept(owed) is None:
            why = "a cell below reads `_`"
            await self.runner.run(Request(targets=(owed,), forced=frozenset({owed}), why=why))
            self.runner.last.owed = None

    def _paused_above(self, run: Run, row: Progress | None) -> str:
        """The task that a person has to let go on before the task of `row` can start, "" when it can or has ended."""
        if row is None or row.state.is_finished:
            return ""
        paused = [task.task.id for task in run.rows if task.state is State.Paused]
        above = {row.task.id, *self.standing.graph.ancestors([row.task.id])}
        return next((self.standing.name(task) for task in paused if task in above), "")

    async def _not_run(self, execution: Execution, row: Progress | None, paused: str) -> ExecutionResult:
        """The cell did not run, which is no error of its own: cells behind it go on."""
        note = row.note if row is not None and row.note else "it was cancelled before it started"
        state = None if row is None else row.state
        cure = "Mend the task that failed, then press Retry failed or run its cell."
        if "cancelled" in note:
            cure = "Run this cell again."
        if paused:
            note = row.note if state is State.Paused and row is not None else f"waits for `{paused}`, which is paused"
            cure = f"Press Resume, or run: %flow resume {paused}"
        print(note if state is State.Skipped else f"{note}\n{cure}", file=sys.stderr)
        done = await execution.run("")
        is_well = state is State.Skipped or bool(paused)
        if not is_well and not self._failure_stays_in_its_cell(execution):
            done.error_in_exec = NotRun(note)
        return done

    async def _refuse_as_python_does(self, cell: Cell, execution: Execution, message: str) -> ExecutionResult:
        """A text that is no Python: the error is that of a cell without a header, with the place marked."""
        self._show_refused(cell, message)
        try:
            code = self.reading.transform(body_of(cell))
        except SyntaxError as error:
            return await execution.run(refusal=error)
        return await execution.run(code)

    async def _refuse(self, cell: Cell, execution: Execution, message: str) -> ExecutionResult:
        self._show_refused(cell, message)
        return await execution.run(refusal=TaskError(f"{self.document.label(cell.id)} {message}"))

    def _show_refused(self, cell: Cell, message: str) -> None:
        self.showing.set_row(cell.id, RowView(state="ValidationFailed", verdict="stale", note=message, reason=message))
        self.standing.not_shown(cell.id)
        self.showing.show()

    def _failure_stays_in_its_cell(self, execution: Execution) -> bool:
        """In a page the cells behind a failed task go on; in scripts and CI an error stops the run as always."""
        return execution.cell_id is not None and not self.settings.stop_on_error

    # --- the document

    def update_document(self, order: Sequence[str] | None, sources: Mapping[str, str]) -> None:
        """The notebook's code cells as a front end shows them, in order. Runs nothing."""
        with self._lock:
            changed = self.document.update(order, sources)
            if changed or not self._order_arrived.is_set():
                for cell_id in changed:
                    if cell_id in self.document:
                        cell = self.reading.cell(cell_id)
                        if self._history_at_start and cell.source in self._history_at_start:
                            self.plain_cells.adopt(cell)
                self.reading.outdate()
                self.showing.show()
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
                self.reading.outdate()

    # --- runs

    def _live_lines(self, task: str) -> list[str]:
        """What the task that runs has printed so far. From any thread."""
        capture = self.outputs.latest
        return capture.lines() if capture is not None and self.runner.running == task else []

    def _listen(self, event: Event) -> None:
        self.showing.listen(event)
        self.recording.listen(event)
        self.alerts.listen(event)
        self.state_moves.listen(event)

    def _ended(self, cell_id: str, result: Result) -> None:
        self.recording.ended(cell_id, result)
        self.alerts.ended(cell_id, result)
        cell = self.standing.cells[cell_id]
        made = self.versions.made.get(cell_id, {})
        read = () if result.trace is None else (*result.trace.inputs, *(f"file:{p}" for p in result.trace.files_in))
        self.reading.learn(cell, made, read)
        self.showing.remember_previews(made)
        if result.trace is not None:
            if not result.cached:
                outputs = result.trace.outputs
                promoted = (name for name in sorted(result.promoted) if outputs[name].handle is None)
                self.showing.tell_changed_in_place(cell_id, promoted)
            self.store.remember(self.notebook, self.standing.name(cell_id), result.trace.key)
            if result.cached:
                self.store.used(result.trace.key)
            else:
                self.cache_keeper.stored()

    @property
    def notebook(self) -> str:
        """What the store calls this notebook: the path that the server told the kernel, or the working folder."""
        return os.environ.get("JPY_SESSION_NAME") or os.getcwd()

    def _folder(self) -> str:
        """The folder of the notebook, from which the files in headers are meant; without a page the working folder."""
        folder = os.path.dirname(os.environ.get("JPY_SESSION_NAME", ""))
        return folder if os.path.isabs(folder) and os.path.isdir(folder) else os.getcwd()

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

    def _compiled(self, cell: Cell, code: str) -> tuple[CodeType, CodeType | None]:
        """The statements of a body for a thread, and its last expression, as the shell would run them."""
        compiler: Any = self.shell.compile
        name = compiler.cache(code, 0, raw_code=cell.source)
        tree = self.shell.transform_ast(compiler.ast_parse(code, filename=name))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        shown = compiler(ast.Expression(last.value), name, "eval") if isinstance(last, ast.Expr) else None
        return compiler(tree, name, "exec"), shown

    def _show_end(self, body: Body) -> ExecutionResult:
        """Shows the value or the error of a body that has run in a thread, as the shell does after a cell."""
        hook: Any = self.shell.displayhook
        execution = ExecutionResult(None)
        execution.error_in_exec = body.error
        if body.error is not None:
            trace = body.error.__traceback__
            self.shell.showtraceback((type(body.error), body.error, trace.tb_next if trace is not None else None))
            return execution
        hook.quiet = lambda: suppressed(body_of(body.cell))
        hook.exec_result = execution
        try:
            if body.last is not None:
                hook(body.value)
        finally:
            del hook.quiet
            hook.exec_result = None
        return execution

    def _is_busy(self) -> bool:
        return self.interception.is_inside_a_cell or self.buttons.is_working

    def _stray_interrupt(self) -> None:
        self.runner.cancel(None)

    # --- commands from pages

    def receive(self, command: Command) -> Reply:
        """Takes a command in, from any thread, and answers before its work is done."""
        self.update_document(command.order, command.sources)
        return self.buttons.receive(command)

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

    def skip(self, *names: str) -> Counts:
        """Skips the named tasks, and with them what needs them, until `unskip` or the end of this kernel."""
        return self._do("skip", names)

    def unskip(self, *names: str) -> Counts:
        """Takes `skip` back: the named tasks run, and what was skipped because of them."""
        return self._do("unskip", names)

    def retry_failed(self, *names: str) -> Counts:
        """Executes what failed, and what could not run because of it."""
        return self._do("retry_failed", names)

    def pause(self, *names: str) -> bool:
        """Keeps the named tasks, or all, of the run under way from starting until they are resumed."""
        return self.buttons.pause([self.verbs.task_named(name) for name in names] or None)

    def resume(self, *names: str, value: object = None) -> Counts:
        """Lets paused tasks go on, or all; their bodies get `value` as `context.resume_value`."""
        tasks = tuple(self.verbs.task_named(name) for name in names)
        if not self.runner.resume(tasks, value):
            with self._lock:
                request = self.verbs.resume(tasks, value, self.runner.left)
            run_to_end(self.buttons.carry_out(request), may_wait=self.reading.is_anything_waiting)
        return self.runner.counts

    def cancel(self, *names: str) -> bool:
        """Stops the named tasks, or all that runs or waits."""
        return self.buttons.cancel([self.verbs.task_named(name) for name in names] or None)

    def accept(self, *names: str) -> str:
        """Takes the results of these tasks as unchanged: they stand until a text or an input changes again."""
        return self._decide(self.deciding.accept, names)

    def pin(self, *names: str) -> str:
        """The results of these tasks stay whatever changes. One that failed gets the result it had before."""
        return self._decide(self.buttons.pin_now, names)

    def unpin(self, *names: str) -> str:
        """Takes back what was accepted or pinned."""
        return self._decide(self.deciding.unpin, names)

    def _decide(self, decide: Callable[[str], str], names: Sequence[str]) -> str:
        tasks = [self.verbs.task_named(name) for name in names]
        try:
            return "\n".join([decide(task) for task in tasks])
        finally:
            self.showing.show()

    def cache(self, *, everywhere: bool = False) -> Cache:
        """The cached results of this notebook, or of all: to look at, and to remove."""
        return self.cache_keeper.cache(everywhere=everywhere)

    def _do(self, verb: str, names: Sequence[str]) -> Counts:
        tasks = tuple(self.verbs.task_named(name) for name in names)
        with self._lock:
            self.standing.look_outside()
            request = self.verbs.request(verb, tasks)
        run_to_end(self.buttons.carry_out(request), may_wait=self.reading.is_anything_waiting)
        return self.runner.counts

    def task_named(self, name: str) -> str:
        """The id of a task by its name. Raises `TaskError` that lists the names there are."""
        return self.verbs.task_named(name)

    def counts(self) -> dict[str, int]:
        """{"tasks", "executed", "cached", "failed", "skipped"}: the tasks there are, and how often they ended how."""
        return self.answers.counts()

    def verdicts(self) -> dict[str, str]:
        """The verdict on each task by its name: fresh, stale, unverified."""
        return self.answers.verdicts()

    def why(self, name: str) -> str:
        """Why a task is not fresh, down to the causes, in lines."""
        return self.answers.why(name)

    def plan(self, *names: str) -> list[tuple[str, str, float | None]]:
        """What `run` would do: (task, why, expected seconds or None) in order. Runs nothing."""
        return self.answers.plan(names)

    def plan_text(self, names: Sequence[str] = ()) -> str:
        """The plan in lines."""
        return self.answers.plan_text(names)

    def visualize(self, filename: str | None = None, format: str = "svg") -> graphviz.Digraph:  # noqa: A002
        """The pipeline as a Graphviz graph; with `filename`, also written there as a picture or as "dot" text.

        Pictures need the `dot` program: `graphviz.ExecutableNotFound` says so where it is missing.
        """
        from ..view.dot import dot

        graph = dot(self.view())
        if filename is not None and format == "dot":
            graph.save(f"{filename}.dot")
        elif filename is not None:
            graph.render(filename, format=format, cleanup=True)
        return graph

    def check(self) -> Check:
        """Runs the notebook plainly in a new kernel and returns each difference from what fresh tasks show."""
        from .check import check

        return check(self)

    def history(self, name: str | None = None) -> list[Attempt]:
        """Every attempt on record, or those of one task; oldest first. Earlier kernels' are there as well."""
        return self.recording.attempts(name)

    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """The logger of the task that runs now, or one for the notebook."""
        running = self.runner.running
        if running is None:
            return run_logger(None, self.settings.log_level)
        options = self.standing.cells[running].options
        level = (options.log_level if options is not None else None) or self.settings.log_level
        return run_logger(self.standing.name(running), level)

    def view(self) -> PipelineView:
        """The pipeline as every view shows it."""
        return self.showing.view()

    def show_graph(self) -> None:
        """Shows the live graph in the cell that runs now."""
        self.showing.display_graph()

    def notify_test(self, name: str) -> None:
        """Sends a message to one of the user's notifiers, as if a task had failed."""
        failure = Failure(task="test", error="nothing has failed: this is a test of your notifier")
        self.alerts.outbox.put(failure, [name])

    def _warn_of_store(self, text: str) -> None:
        print(f"prefect_jupyter: {text}", file=sys.stderr)

    def _warn(self, text: str) -> None:
        """From any thread, at any time: in the page where there is one."""
        if self.link.pages:
            self.link.publisher.notice("warning", text)
        else:
            self._warn_of_store(text)


def _is_meant_as_task(cell: Cell) -> bool:
    return read_header(cell.source) is not None
