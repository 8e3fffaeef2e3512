"""Runs the cells of a notebook plainly, from the top, in a new background kernel, and keeps what each one shows.

This is the judge of the engine: it must not import the engine, nor let any part of it run in that kernel.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import re
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .mapped_cells import as_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

JsonOutput = dict[str, Any]

_POLL_S = 0.2
_START_TIMEOUT_S = 60.0
_SHUTDOWN_TIMEOUT_S = 5.0

_ANY_HEADER = re.compile(r"\A\s*(?:%%task\b|#[ \t]*\|[ \t]*task[ \t]*:)(?P<options>[^\n]*)")
_HEADER = re.compile(r"\A(?P<before>\s*)%%task\b[^\n]*")
_OURS = r"(?:flow\b|config[ \t]+Flow\b|(?:re)?load_ext[ \t]+prefect_jupyter\b|unload_ext[ \t]+prefect_jupyter\b)[^\n]*"
_LINE_MAGIC = re.compile(rf"^(?P<indent>[ \t]*)(?P<target>[^\W\d]\w*[ \t]*=[ \t]*)?%{_OURS}", re.MULTILINE)
_STRINGS_AND_COMMENTS = re.compile(
    r"""(?P<triple>\'{3}|"{3})(?:\\.|[^\\])*?(?P=triple)|(?P<single>['"])(?:\\.|(?!(?P=single))[^\\\n])*(?P=single)|\#[^\n]*""",
    re.DOTALL,
)


class PlainRunError(RuntimeError):
    """The plain run could not be finished. `results` holds the cells that had ended."""

    def __init__(self, message: str, results: Sequence[PlainResult] = ()) -> None:
        super().__init__(message)
        self.results = tuple(results)


@dataclass(frozen=True, slots=True)
class PlainCell:
    """One code cell: its notebook id and its text as written, header included."""

    id: str
    source: str


@dataclass(frozen=True, slots=True)
class PlainResult:
    """What one cell showed, as nbformat v4 outputs, and how long it took.

    `probed` is the text of the value of the `probe` expression after the cell, "" without a probe.
    """

    id: str
    outputs: tuple[JsonOutput, ...]
    seconds: float
    probed: str = ""


@dataclass(slots=True)
class Shown:
    """The outputs of one cell while messages come in, by the rules of a notebook page."""

    outputs: list[JsonOutput] = field(default_factory=list)
    display_ids: list[str | None] = field(default_factory=list)
    clears_at_next: bool = False

    def take(self, kind: str, content: Mapping[str, Any]) -> None:
        """Apply one iopub message other than `update_display_data`."""
        if kind == "clear_output":
            if content.get("wait"):
                self.clears_at_next = True
            else:
                self.clear()
            return
        output = _output_of(kind, content)
        if output is None:
            return
        if self.clears_at_next:
            self.clear()
        last = self.outputs[-1] if self.outputs else None
        if kind == "stream" and last is not None and last["output_type"] == "stream" and last["name"] == output["name"]:
            last["text"] += output["text"]
            return
        self.outputs.append(output)
        self.display_ids.append(content.get("transient", {}).get("display_id"))

    def update(self, content: Mapping[str, Any]) -> None:
        """Replace the data of every output that carries the display id of this message."""
        wanted = content.get("transient", {}).get("display_id")
        for output, display_id in zip(self.outputs, self.display_ids, strict=True):
            if display_id is not None and display_id == wanted:
                output["data"] = dict(content["data"])
                output["metadata"] = dict(content.get("metadata", {}))

    def clear(self) -> None:
        self.outputs.clear()
        self.display_ids.clear()
        self.clears_at_next = False


def _output_of(kind: str, content: Mapping[str, Any]) -> JsonOutput | None:
    if kind == "stream":
        return {"output_type": "stream", "name": content["name"], "text": content["text"]}
    if kind == "error":
        return {
            "output_type": "error",
            "ename": content.get("ename", ""),
            "evalue": content.get("evalue", ""),
            "traceback": list(content.get("traceback", ())),
        }
    if kind in ("display_data", "execute_result"):
        output: JsonOutput = {
            "output_type": kind,
            "data": dict(content["data"]),
            "metadata": dict(content.get("metadata", {})),
        }
        if kind == "execute_result":
            output["execution_count"] = content.get("execution_count")
        return output
    return None


def plain_source(source: str) -> str:
    """The text of a cell without what makes it a task; every line keeps its number.

    `%%task …` becomes an empty comment, or a blank line above another cell magic.
    `%flow …`, `%config Flow…` and loading the extension become `pass`,
    or `x = None` where their result is assigned. Strings and comments are left alone. What a header says of
    conditions and elements is kept, as Python: there the numbers of lines are lost.
    """
    planned = _as_planned(source)
    if planned is not None:
        return planned
    source = _HEADER.sub(_without_header, source, count=1)
    protected = [match.span() for match in _STRINGS_AND_COMMENTS.finditer(source)]

    def neutral(match: re.Match[str]) -> str:
        start = match.start()
        if any(first < start < last for first, last in protected):
            return match[0]
        return f"{match['indent']}{match['target']}None" if match["target"] else f"{match['indent']}pass"

    return _LINE_MAGIC.sub(neutral, source)


def _as_planned(source: str) -> str | None:
    """The cell as its header wants it run, where that says `--when` or `--map`; else None."""
    if "--when" not in source and "--map" not in source:
        return None
    header = _ANY_HEADER.match(source)
    return None if header is None else as_plain(header["options"], source[header.end() :])


def _without_header(match: re.Match[str]) -> str:
    # IPython drops blank lines at the top, and with them the numbers of the lines below; a magic needs the top,
    # and so does a first line that is indented, for IPython to take the indentation away.
    below = match.string[match.end() :].lstrip("\r\n")
    return match["before"] + ("" if below.lstrip().startswith("%%") or below[:1].isspace() else "#")


def run_plainly(
    cells: Sequence[PlainCell],
    cwd: str | Path,
    timeout_s: float,
    on_progress: Callable[[str, int, int], None] | None = None,
    *,
    env: Mapping[str, str] | None = None,
    setup: str = "",
    probe: str = "",
) -> list[PlainResult]:
    """Run `cells` one after another in a new kernel of this Python and return what each one showed.

    A cell that raises does not stop the ones below it, so that every cell can be compared. `timeout_s`
    is for the whole run. `on_progress(cell id, cells done, cells in all)` is called in the calling
    thread before each cell. `env` is the environment of the kernel, by default this process's. `setup`
    runs silently first; `probe` is an expression evaluated after each cell. Raises PlainRunError when
    the time is over or the kernel dies. The kernel is shut down in every case, interrupts included.
    """
    runner = _Runner(tuple(cells), Path(cwd), timeout_s, env, setup, probe)
    thread = threading.Thread(target=runner.main, name="plain run", daemon=True)
    thread.start()
    try:
        while (step := runner.next_step()) is not None:
            if on_progress is not None:
                on_progress(*step)
    finally:
        runner.stop()
        thread.join(_SHUTDOWN_TIMEOUT_S * 2)
    if runner.failure is not None:
        raise runner.failure
    return runner.results()


class _Runner:
    """One background kernel and the thread that talks to it."""

    def __init__(
        self,
        cells: tuple[PlainCell, ...],
        cwd: Path,
        timeout_s: float,
        env: Mapping[str, str] | None,
        setup: str,
        probe: str,
    ) -> None:
        self.cells = cells
        self.cwd = cwd
        self.timeout_s = timeout_s
        self.env = env
        self.setup = setup
        self.probe = probe
        self.failure: BaseException | None = None
        self._deadline = time.monotonic() + timeout_s
        self._steps: queue.SimpleQueue[tuple[str, int, int] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._shown = [Shown() for _ in cells]
        self._ended: list[tuple[float, str]] = []
        self._cell_of_request: dict[str, int] = {}

    def results(self) -> list[PlainResult]:
        return [
            PlainResult(cell.id, tuple(shown.outputs), seconds, probed)
            for cell, shown, (seconds, probed) in zip(self.cells, self._shown, self._ended, strict=False)
        ]

    def next_step(self) -> tuple[str, int, int] | None:
        """The next cell that starts, or None at the end. Waits in short turns, so Ctrl-C is heard."""
        step: list[tuple[str, int, int] | None] = []
        while not step:
            with contextlib.suppress(queue.Empty):
                step.append(self._steps.get(timeout=_POLL_S))
        return step[0]

    def stop(self) -> None:
        self._stopping.set()

    def main(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self.failure = error
        finally:
            self._steps.put(None)

    async def _run(self) -> None:
        from jupyter_client.manager import AsyncKernelManager

        folder = tempfile.mkdtemp(prefix="plain-")
        manager = AsyncKernelManager()
        manager._kernel_spec = _this_python()
        manager.connection_file = str(Path(folder, "kernel.json"))
        if sys.platform != "win32":
            # Ports are chosen before they are bound: several kernels that start at once could collide.
            manager.transport = "ipc"
            manager.ip = str(Path(folder, "s"))
        try:
            await manager.start_kernel(cwd=str(self.cwd), **({} if self.env is None else {"env": dict(self.env)}))
            client = manager.client()
            client.start_channels()
            try:
                await self._ready(client)
                await self._run_cells(manager, client)
            finally:
                client.stop_channels()
        finally:
            await _shut_down(manager)
            shutil.rmtree(folder, ignore_errors=True)

    async def _ready(self, client: Any) -> None:
        try:
            await client.wait_for_ready(timeout=min(_START_TIMEOUT_S, max(1.0, self._left_s())))
        except RuntimeError as error:
            raise PlainRunError(
                f"The background kernel did not start ({error}): check that `{sys.executable} -m ipykernel` works."
            ) from error

    async def _run_cells(self, manager: Any, client: Any) -> None:
        if self.setup:
            await self._execute(manager, client, self.setup, None, "the set-up", "")
        for index, cell in enumerate(self.cells):
            if self._stopping.is_set():
                return
            self._steps.put((cell.id, index, len(self.cells)))
            started_s = time.monotonic()
            probed = await self._execute(
                manager, client, plain_source(cell.source), index, f"cell {cell.id}", self.probe
            )
            self._ended.append((time.monotonic() - started_s, probed))

    async def _execute(self, manager: Any, client: Any, code: str, index: int | None, what: str, probe: str) -> str:
        request = client.execute(
            code,
            silent=index is None,
            store_history=index is not None,
            allow_stdin=False,
            stop_on_error=False,
        )
        if index is not None:
            self._cell_of_request[request] = index
        await self._until_idle(manager, client, request, what)
        await self._reply(manager, client, request, what)
        if not probe:
            return ""
        # Asked in a request of its own: an expression of a cell that raised is not evaluated.
        request = client.execute(
            "", silent=True, store_history=False, user_expressions={"probe": probe}, allow_stdin=False
        )
        await self._until_idle(manager, client, request, what)
        reply = await self._reply(manager, client, request, what)
        value: dict[str, Any] = reply.get("user_expressions", {}).get("probe", {})
        return str(value.get("data", {}).get("text/plain", value.get("evalue", "")))

    async def _until_idle(self, manager: Any, client: Any, request: str, what: str) -> None:
        while True:
            message = await self._next(manager, client.get_iopub_msg, what)
            if message is None:
                return
            parent = message["parent_header"].get("msg_id")
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle" and parent == request:
                return
            index = self._cell_of_request.get(parent)
            if kind == "update_display_data":
                for shown in self._shown:
                    shown.update(content)
            elif index is not None:
                self._shown[index].take(kind, content)

    async def _reply(self, manager: Any, client: Any, request: str, what: str) -> dict[str, Any]:
        while True:
            message = await self._next(manager, client.get_shell_msg, what)
            if message is None:
                return {}
            if message["parent_header"].get("msg_id") == request:
                content: dict[str, Any] = message["content"]
                return content

    async def _next(self, manager: Any, get: Callable[..., Any], what: str) -> Any:
        """The next message, or None when the caller has asked to stop."""
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Empty):
                return await get(timeout=_POLL_S)
            if not await manager.is_alive():
                raise PlainRunError(f"The background kernel died in {what}.", self.results())
            if self._left_s() <= 0:
                raise PlainRunError(
                    f"The plain run was not over after {self.timeout_s:g} s; it was in {what}: allow more time.",
                    self.results(),
                )
        return None

    def _left_s(self) -> float:
        return self._deadline - time.monotonic()


def _this_python() -> Any:
    from jupyter_client.kernelspec import KernelSpec

    # The user's history file is no place for the inputs of a check.
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
    return KernelSpec(argv=argv, display_name="plain run", language="python")


async def _shut_down(manager: Any) -> None:
    """End the kernel: it is asked nothing, since a busy one would not answer."""
    if manager.has_kernel:
        await asyncio.wait_for(manager.shutdown_kernel(now=True), _SHUTDOWN_TIMEOUT_S)
