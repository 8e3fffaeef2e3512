"""Commands from pages: each is answered at once, its work queued and done on the main thread when that is free.

It must not decide what a verb means or how a task runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from ..view.protocol import Command, Reply
from .answers import Answers
from .cache import CacheKeeper
from .deciding import Deciding
from .driving import run_to_end
from .endings import INTERRUPTED
from .errors import TaskError
from .kernel_status import KernelStatus
from .reading import Reading
from .runner import Request, Runner
from .showing import Showing
from .verbs import Verbs
from .wording import NOTHING_TO_CANCEL, NOTHING_TO_DO, NOTHING_TO_HASTEN, NOTHING_TO_PAUSE, counted


class Buttons:
    """What the buttons of all pages ask of one session.

    `status` says busy while their work runs. `turn` is held by a cell or by such work; `is_inside_a_cell`
    tells whether it is a cell. `before_work` is called on the main thread before tasks run.
    """

    def __init__(
        self, reading: Reading, verbs: Verbs, answers: Answers, deciding: Deciding, keeper: CacheKeeper,
        runner: Runner, showing: Showing, lock: threading.RLock, turn: asyncio.Lock, *, status: KernelStatus,
        is_inside_a_cell: Callable[[], bool], before_work: Callable[[], None],
        history_of: Callable[[str], list[dict[str, object]]],
    ) -> None:  # fmt: skip
        self._reading = reading
        self._verbs = verbs
        self._answers = answers
        self._deciding = deciding
        self._keeper = keeper
        self._runner = runner
        self._showing = showing
        self._lock = lock
        self._turn = turn
        self._status = status
        self._history_of = history_of
        self._is_inside_a_cell = is_inside_a_cell
        self._before_work = before_work
        self.loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[Request] = deque()
        self._draining = False
        self._is_working = False
        self._drain_task: asyncio.Task[None] | None = None  # the loop alone would not keep it alive
        self._handlers: dict[str, Callable[[Command], Reply]] = {
            "document": Command.reply,  # its texts have been taken in with the command
            "snap": lambda command: command.reply(detail=showing.link.publisher.snapshot()),
            "why": self._why,
            "plan": self._plan,
            "cancel": self._cancel,
            "run": self._run,
            "rerun": self._run,
            "run_from": self._run,
            "retry_failed": self._run,
            "skip": self._run,
            "unskip": self._run,
            "accept": lambda command: self._decide(command, deciding.accept),
            "unpin": lambda command: self._decide(command, deciding.unpin),
            "pin": self._pin,
            "cache": self._cache,
            "history": self._history,
            "cache_delete": self._cache_delete,
            "cache_prune": lambda command: self._remove(command, lambda: keeper.cache().prune()),
            "pause": self._pause,
            "resume": self._resume,
            "retry_now": self._retry_now,
        }

    # --- answers at once, in any thread

    def receive(self, command: Command) -> Reply:
        """Takes a command in and answers before its work is done. The document already says what the page shows."""
        handler = self._handlers.get(command.verb)
        if handler is None:
            return command.reply(f"`{command.verb}` is not something that can be asked for.", ok=False)
        with self._lock:
            unknown = [task for task in command.tasks if task not in self._reading.graph_now().names]
            self._showing.look_outside()
        if unknown:
            return command.reply("This task is not in the notebook any more. Reload the page.", ok=False)
        return handler(command)

    def _why(self, command: Command) -> Reply:
        with self._lock:
            return command.reply("\n\n".join(self._answers.why(task) for task in command.tasks))

    def _plan(self, command: Command) -> Reply:
        with self._lock:
            return command.reply(self._answers.plan_text(command.tasks))

    def _cancel(self, command: Command) -> Reply:
        tasks = command.tasks or None
        return command.reply("Cancelling." if self.cancel(tasks) else NOTHING_TO_CANCEL)

    def cancel(self, tasks: Sequence[str] | None) -> bool:
        """Stops these tasks, or all, whether they run or wait. False: there was nothing to stop."""
        queued = self._withdraw(tasks)
        with self._lock:  # its end is told only after it has had this lock, and so after this
            running = self._runner.running
            if running is not None and (tasks is None or running in tasks):
                self._showing.set_state(running, "Cancelling", "stops when Python has the turn")
        return self._runner.cancel(tasks) or queued

    # --- decisions and the cache

    def _decide(self, command: Command, decide: Callable[[str], str]) -> Reply:
        try:
            said = [decide(task) for task in command.tasks]
        except TaskError as error:
            return command.reply(str(error), ok=False)
        finally:
            self._showing.show()
        return command.reply("\n".join(said))

    def _pin(self, command: Command) -> Reply:
        empty: list[str] = []

        def pin(task: str) -> str:
            said, is_empty = self._deciding.pin(task)
            empty.extend([task] if is_empty else [])
            return said

        reply = self._decide(command, pin)
        if empty:
            with self._lock:
                self._enqueue(Request(targets=tuple(empty)))
        return reply

    def pin_now(self, task: str) -> str:
        """Pins a task from inside a cell; one without a result in this kernel gets its last one at once."""
        said, is_empty = self._deciding.pin(task)
        if is_empty:
            run_to_end(self.carry_out(Request(targets=(task,))), may_wait=self._reading.is_anything_waiting)
        return said

    def _history(self, command: Command) -> Reply:
        """The last attempts of tasks, newest first, with what they printed and logged."""
        return command.reply(detail=[attempt for task in command.tasks for attempt in self._history_of(task)])

    def _cache(self, command: Command) -> Reply:
        """How large the cache is: as a whole, and for each task by its id."""
        names = self._names()
        cache = self._keeper.cache()
        sizes = cache.sizes_of(list(names.values()))
        tasks = {task: sizes[name] for task, name in names.items() if name in sizes}
        detail = {"total": self._keeper.store.keeping.total_bytes(), "quota": self._keeper.quota(), "tasks": tasks}
        return command.reply("\n".join(cache.summary()), detail=detail)

    def _cache_delete(self, command: Command) -> Reply:
        names = self._names()
        return self._remove(command, lambda: self._keeper.cache().delete(*(names[task] for task in command.tasks)))

    def _remove(self, command: Command, remove: Callable[[], str]) -> Reply:
        try:
            return command.reply(remove())
        except TaskError as error:
            return command.reply(str(error), ok=False)

    def _names(self) -> dict[str, str]:
        with self._lock:
            return dict(self._reading.graph_now().names)

    # --- work that waits for the main thread

    def _pause(self, command: Command) -> Reply:
        return command.reply("Pausing." if self.pause(command.tasks or None) else NOTHING_TO_PAUSE)

    def pause(self, tasks: Sequence[str] | None) -> bool:
        """Keeps these tasks, or all, of the run under way from starting. False: nothing runs."""
        return self._runner.pause(tasks)

    def _retry_now(self, command: Command) -> Reply:
        hastened = self._runner.retry_now(command.tasks)
        return command.reply(f"{counted(len(hastened), 'task')} tried again now." if hastened else NOTHING_TO_HASTEN)

    def _resume(self, command: Command) -> Reply:
        if self._runner.resume(command.tasks, None):
            return command.reply("Resuming.")
        with self._lock:
            return self._queue_up(command, self._verbs.resume(command.tasks, None, self._runner.left))

    def _run(self, command: Command) -> Reply:
        """Checks and queues; the main thread does the work as soon as it is free."""
        if command.verb in ("run", "rerun", "retry_failed") and command.tasks and self._runner.retry_now(command.tasks):
            return command.reply("Trying again now.")
        with self._lock:
            try:
                request = self._verbs.request(command.verb, command.tasks)
            except TaskError as error:
                return command.reply(str(error), ok=False)
            return self._queue_up(command, request)

    def _queue_up(self, command: Command, request: Request) -> Reply:
        with self._lock:
            if not request.targets:
                nothing = self._answers.nothing_to_run() if command.verb == "run" else NOTHING_TO_DO[command.verb]
                return command.reply(nothing)
            when = self._enqueue(request)
        return command.reply(f"{counted(len(request.targets), 'task')} to run{when}.")

    def _enqueue(self, request: Request) -> str:
        """Queues work for the main thread. Returns when it will be done, where that is not at once."""
        what = "cell" if self._is_inside_a_cell() else "task"
        is_free = self._is_free()
        note = "" if is_free else f"waits for the {what} that runs now"
        for task in self._runner.needed(request.targets, request.forced):
            if task != self._runner.running:
                self._showing.set_state(task, "Scheduled", note)
        self._queue.append(request)
        if self.loop is not None:
            self.loop.call_soon_threadsafe(self._begin_draining)
        return "" if is_free else f" when the {what} that runs now has finished"

    @property
    def is_working(self) -> bool:
        """Whether a button's work runs or waits for the main thread."""
        return self._is_working or bool(self._queue)

    def _is_free(self) -> bool:
        return not self._is_inside_a_cell() and self._runner.running is None

    def _withdraw(self, tasks: Sequence[str] | None) -> bool:
        """Takes tasks and what hangs on them, or all, out of what waits for its turn. False: none of them waited."""
        with self._lock:
            waiting = list(self._queue)
            gone = None if tasks is None else {*tasks, *self._reading.graph_now().descendants(tasks)}
            kept = [request.without(gone) for request in waiting] if gone is not None else []
            self._queue.clear()
            self._queue.extend(request for request in kept if request.targets)
            still = {task for request in self._queue for task in self._runner.needed(request.targets, request.forced)}
            self._unschedule(still)
            return kept != waiting

    def _unschedule(self, still: set[str]) -> None:
        for task in self._showing.in_state("Scheduled"):
            if task not in still:
                self._showing.set_state(task, self._last_state(task), "")

    def _last_state(self, task: str) -> str:
        result = self._runner.results.get(task)
        if result is None:
            return "Pending"
        if result.error is not None:
            return "Cancelled" if isinstance(result.error, INTERRUPTED) else "Failed"
        return "Cached" if result.cached else "Success"

    # --- work, on the main thread

    def _begin_draining(self) -> None:
        if not self._draining and self.loop is not None:
            self._draining = True
            self._drain_task = self.loop.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            async with self._turn:
                while self._queue:
                    with self._busy():
                        await self.carry_out(self._queue.popleft())
        finally:
            self._draining = False
            self._showing.show()

    @contextlib.contextmanager
    def _busy(self) -> Iterator[None]:
        """Pages see a busy kernel while a button's work runs, as they do while a cell runs."""
        with self._status.busy():
            self._is_working = True
            try:
                yield
            finally:
                self._is_working = False  # before idle is said, or somebody might say busy once more

    async def carry_out(self, request: Request) -> None:
        """Runs what was asked for; cells that have gone meanwhile are left out."""
        with self._lock:
            request = request.only(self._reading.graph_now().names)
            self._before_work()
        if request.targets:
            await self._runner.run(request)
        self._unschedule({task for waiting in self._queue for task in waiting.targets})
        self._showing.show()
