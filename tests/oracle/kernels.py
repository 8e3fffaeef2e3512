"""A real kernel with the extension loaded, driven as JupyterLab drives it; it leaves nothing behind."""

from __future__ import annotations

import ast
import json
import os
import queue
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from prefect_jupyter.oracle.plain import Shown
from prefect_jupyter.view.protocol import StateRow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Self

ROOT = Path(__file__).parents[2]
LOAD_CELL = "load-ext"
_PROBE = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
_SESSION = "__import__('prefect_jupyter').notebook()"

# Puts the probe beside the notebook's names, never among them.
PROBE_SETUP = f"""
def _install():
    import sys, types
    module = types.ModuleType("oracle_probe")
    sys.modules["oracle_probe"] = module
    exec(compile({_PROBE!r}, "oracle_probe", "exec"), module.__dict__)
_install()
del _install
"""
_PROBE_MODULE = "__import__('sys').modules['oracle_probe']"
PROBE = f"{_PROBE_MODULE}.report({_PROBE_MODULE}.names_of(get_ipython()))"
VALUES_CELL = "oracle-values"


class KernelHungError(AssertionError):
    """A cell did not end; the message holds what the kernel was doing when it was interrupted."""


class CommandRefusedError(AssertionError):
    """The kernel answered a command with a refusal; the message is its text."""


@dataclass(slots=True)
class Values:
    """What the names of a kernel hold: digests to compare, texts to read, pairs of names that share storage."""

    digests: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    shared: set[tuple[str, str]] = field(default_factory=set)


def values_from(shown: str) -> Values:
    """The values in the text of the probe's value: a JSON text, shown as a Python string."""
    try:
        found = json.loads(ast.literal_eval(shown))
    except (SyntaxError, ValueError) as error:
        raise AssertionError(f"the probe answered {shown[:300]!r}") from error
    return Values(found["digests"], found["texts"], {(one, other) for one, other in found["shared"]})


def environment(folder: Path) -> dict[str, str]:
    """The environment of every kernel of the oracle: all state under `folder`, the project importable."""
    places = {
        "PREFECT_JUPYTER_DIR": folder / "store",
        "IPYTHONDIR": folder / "ipython",
        "JUPYTER_CONFIG_DIR": folder / "config",
        "JUPYTER_DATA_DIR": folder / "data",
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "XDG_CACHE_HOME": folder / "cache",
        "XDG_DATA_HOME": folder / "share",
    }
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONHASHSEED", "MPLBACKEND")}
    return {
        **inherited,
        **{name: str(place) for name, place in places.items()},
        # Font and plot caches are the machine's: building them anew takes longer than a notebook.
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(Path.home() / ".cache" / "matplotlib")),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": python_path,
    }


class LiveKernel:
    """One kernel process after another on the same store and working folder."""

    def __init__(self, folder: Path, *, extension: bool = True, cell_timeout_s: float = 60.0) -> None:
        self.folder = folder
        self.extension = extension
        self.cell_timeout_s = cell_timeout_s
        self.work = folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        self._shown: dict[str, Shown] = {}
        self._cell_of_request: dict[str, str] = {}
        self._idle: set[str | None] = set()
        self._replies: dict[str, dict[str, Any]] = {}
        self.notes: set[str] = set()  # all lines that any row of the page ever had
        self.notices: list[str] = []
        self._number = 0
        self._push = self._commands = ""
        self._manager: KernelManager | None = None
        self._client: Any = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        self._sockets = Path(tempfile.mkdtemp(prefix="oracle-"))
        manager = KernelManager()
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False"]
        manager._kernel_spec = KernelSpec(argv=argv, display_name="oracle", language="python")
        manager.connection_file = str(self._sockets / "kernel.json")
        if sys.platform != "win32":
            manager.transport = "ipc"
            manager.ip = str(self._sockets / "s")
        manager.start_kernel(cwd=str(self.work), env=environment(self.folder))
        self._manager = manager
        self._client = manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.silently(PROBE_SETUP)
        if self.extension:
            shown = self.run_cell(LOAD_CELL, "%load_ext prefect_jupyter")
            errors = [output for output in shown if output["output_type"] == "error"]
            assert not errors, f"the extension does not load: {errors[0]['ename']}: {errors[0]['evalue']}"
            self._open_page()

    def stop(self, *, politely: bool = False) -> None:
        if self._manager is not None:
            self._manager.shutdown_kernel(now=not politely)
            self._manager = None
            shutil.rmtree(self._sockets, ignore_errors=True)
        if self._client is not None:
            self._client.stop_channels()
            self._client = None

    def restart(self) -> None:
        """A new process, as *Restart* gives it: outputs stay on the page, names are gone."""
        self.stop(politely=True)
        self.start()

    # ---- requests

    def run_cell(self, cell_id: str, source: str) -> list[dict[str, Any]]:
        """Execute a cell as a page does, its id in the message's metadata; returns its outputs."""
        return self.end_cell(self.begin_cell(cell_id, source))

    def begin_cell(self, cell_id: str, source: str) -> str:
        """Like `run_cell`, but returns at once; `end_cell` waits for the end of the request that this names."""
        content = {
            "code": source,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        metadata = {"cellId": cell_id, "deletedCells": [], "recordTiming": False}
        message = self._client.session.msg("execute_request", content, metadata=metadata)
        self._cell_of_request[message["header"]["msg_id"]] = cell_id
        self._shown[cell_id] = Shown()
        self._client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def end_cell(self, request: str) -> list[dict[str, Any]]:
        cell_id = self._cell_of_request[request]
        self._finish(request, f"cell {cell_id}")
        return self._shown[cell_id].outputs

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Take in what the kernel says while a cell runs, until it has said enough."""
        deadline = time.monotonic() + self.cell_timeout_s
        while not condition():
            self._take_one(lambda: what, deadline)

    def interrupt(self) -> None:
        assert self._manager is not None
        self._manager.interrupt_kernel()

    def silently(self, code: str, expression: str = "None") -> str:
        """Execute code that no page shows and return the text of an expression's value; raises what it raises."""
        request = self._client.execute(
            code, silent=True, store_history=False, user_expressions={"value": expression}, allow_stdin=False
        )
        reply = self._finish(request, expression)
        answer = reply.get("user_expressions", {}).get("value")
        assert answer is not None, f"{code[:80]!r} failed: {reply.get('ename')}: {reply.get('evalue')}"
        assert answer["status"] == "ok", f"{expression} failed: {answer['ename']}: {answer['evalue']}"
        return str(answer["data"]["text/plain"])

    def session(self, call: str) -> Any:
        """The value of a call on the notebook's session, for example `session("counts()")`."""
        return self.asked(f"{{session}}.{call}")

    def asked(self, question: str) -> Any:
        """The value of an expression in the kernel, in which `{session}` stands for the notebook's session."""
        expression = f"__import__('json').dumps({question.replace('{session}', _SESSION)}, default=str)"
        return json.loads(ast.literal_eval(self.silently("", expression)))

    def values(self, names: Iterable[str], order: Iterable[str] = ()) -> Values:
        """What names hold for a cell that reads them: one is run for it, as a person would at the end of a page.

        `order` are the cells of the page, which is told that the new one stands below them.
        """
        source = "\n".join(f"{_PROBE_MODULE}.keep({name!r}, lambda: {name})" for name in sorted(names))
        if order and self.extension:
            self.command("document", order=[*order, VALUES_CELL], sources={VALUES_CELL: source})
        shown = self.run_cell(VALUES_CELL, source)
        shown = [output for output in shown if not str(output.get("text", "")).startswith("not run: `")]
        assert not shown, f"reading {sorted(names)} shows {shown}"
        return values_from(self.silently("", f"{_PROBE_MODULE}.kept()"))

    # ---- the page: one comm on which the kernel pushes, one for commands

    def _open_page(self) -> None:
        self._replies.clear()
        self._push, self._commands = f"push-{os.urandom(6).hex()}", f"commands-{os.urandom(6).hex()}"
        for comm, role in ((self._push, "push"), (self._commands, "commands")):
            data = {"role": role, "page": "oracle", "protocol": 1}
            self._send("comm_open", {"comm_id": comm, "target_name": "prefect_jupyter", "data": data})
        self.command("snap")

    def command(self, verb: str, **fields: Any) -> str:
        """Send a command as a page does and wait for its acknowledgement; returns what it says.

        Everything that the kernel pushed before the acknowledgement has been taken in when it is there.
        """
        self._number += 1
        command_id = f"command-{self._number}"
        data = {"id": command_id, "protocol": 1, "session": "", "verb": verb, "tasks": [], **fields}
        self._send("comm_msg", {"comm_id": self._commands, "data": data})
        deadline = time.monotonic() + self.cell_timeout_s
        while command_id not in self._replies:
            self._take_one(lambda: f"the command {verb}", deadline)
        reply = self._replies.pop(command_id)
        if not reply["ok"]:
            raise CommandRefusedError(f"{verb}: {reply['text']}")
        return str(reply["text"])

    def press(self, verb: str, tasks: list[str]) -> str:
        """Press a button and wait until the work that it asked for is done."""
        said = self.command(verb, tasks=tasks)
        deadline = time.monotonic() + self.cell_timeout_s
        while self.asked("any(row.state in ('Scheduled', 'Queued', 'Running') for _, row in {session}.view().tasks())"):
            assert time.monotonic() < deadline, f"the work of {verb} does not end"
        return said

    def _send(self, kind: str, content: dict[str, Any]) -> None:
        self._client.shell_channel.send(self._client.session.msg(kind, content))

    def _take_pushed(self, data: dict[str, Any]) -> None:
        if data["type"] == "reply":
            self._replies[data["id"]] = data
        elif data["type"] == "state":
            self.notes |= {StateRow(*row).note for row in data["rows"]}
        elif data["type"] == "notice":
            self.notices.append(data["text"])
        elif data["type"] == "output":
            shown = self._shown.setdefault(data["cell"], Shown())
            if data["op"] == "clear":
                shown.clear()
            else:
                shown.take(data["output"]["output_type"], data["output"])

    def shown(self, cell_id: str) -> list[dict[str, Any]]:
        """What the page shows below a cell now."""
        return self._shown[cell_id].outputs if cell_id in self._shown else []

    def _finish(self, request: str, what: str) -> dict[str, Any]:
        """Take messages until the kernel is idle again and has replied."""
        deadline = time.monotonic() + self.cell_timeout_s
        self._idle.discard(request)
        while request not in self._idle:
            self._take_one(lambda: what, deadline)
        while True:
            try:
                message = self._client.get_shell_msg(timeout=max(0.1, deadline - time.monotonic()))
            except queue.Empty:
                raise KernelHungError(f"{what} has no reply") from None
            if message["parent_header"].get("msg_id") == request:
                return dict(message["content"])

    def _take_one(self, what: Callable[[], str], deadline: float) -> None:
        """Take in the next message from iopub, or find out why there is none."""
        if time.monotonic() > deadline:
            self._check_alive(what(), deadline)
        try:
            message = self._client.get_iopub_msg(timeout=0.2)
        except queue.Empty:
            self._check_alive(what(), deadline)
            return
        parent = message["parent_header"].get("msg_id")
        kind, content = message["msg_type"], message["content"]
        if kind == "status" and content["execution_state"] == "idle":
            self._idle.add(parent)
        elif kind == "update_display_data":
            for shown in self._shown.values():
                shown.update(content)
        elif kind == "comm_msg" and content["comm_id"] == self._push:
            self._take_pushed(content["data"])
        elif parent in self._cell_of_request:
            self._shown[self._cell_of_request[parent]].take(kind, content)

    def _check_alive(self, what: str, deadline: float) -> None:
        assert self._manager is not None
        if not self._manager.is_alive():
            raise KernelHungError(f"the kernel died in {what}")
        if time.monotonic() < deadline:
            return
        self._manager.interrupt_kernel()
        try:
            reply = self._client.get_shell_msg(timeout=5)
        except queue.Empty:
            raise KernelHungError(f"{what} did not end, nor did an interrupt end it") from None
        traceback = "\n".join(reply["content"].get("traceback", ()))
        raise KernelHungError(f"{what} did not end; interrupted it was in:\n{traceback}")
