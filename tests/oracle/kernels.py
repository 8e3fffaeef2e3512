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

from prefect_jupyter.app.plain import Shown

if TYPE_CHECKING:
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
PROBE = "__import__('sys').modules['oracle_probe'].report(get_ipython())"


class KernelHungError(AssertionError):
    """A cell did not end; the message holds what the kernel was doing when it was interrupted."""


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
        self._manager: KernelManager | None = None
        self._client: Any = None

    def __enter__(self) -> Self:
        self.start()
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

    def stop(self) -> None:
        if self._client is not None:
            self._client.stop_channels()
            self._client = None
        if self._manager is not None:
            self._manager.shutdown_kernel(now=True)
            self._manager = None
            shutil.rmtree(self._sockets, ignore_errors=True)

    def restart(self) -> None:
        """A new process, as *Restart* gives it: outputs stay on the page, names are gone."""
        self.stop()
        self.start()

    # ---- requests

    def run_cell(self, cell_id: str, source: str) -> list[dict[str, Any]]:
        """Execute a cell as a page does, its id in the message's metadata; returns its outputs."""
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
        self._finish(message["header"]["msg_id"], f"cell {cell_id}")
        return self._shown[cell_id].outputs

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
        expression = f"__import__('json').dumps({_SESSION}.{call}, default=str)"
        return json.loads(ast.literal_eval(self.silently("", expression)))

    def values(self) -> Values:
        return values_from(self.silently("", PROBE))

    def shown(self, cell_id: str) -> list[dict[str, Any]]:
        """What the page shows below a cell now."""
        return self._shown[cell_id].outputs if cell_id in self._shown else []

    def _finish(self, request: str, what: str) -> dict[str, Any]:
        """Take messages until the kernel is idle again and has replied."""
        deadline = time.monotonic() + self.cell_timeout_s
        idle, reply = False, None
        interrupted = False
        while not idle or reply is None:
            try:
                get = self._client.get_shell_msg if idle else self._client.get_iopub_msg
                message = get(timeout=0.2)
            except queue.Empty:
                assert self._manager is not None
                if not self._manager.is_alive():
                    raise KernelHungError(f"the kernel died in {what}") from None
                if time.monotonic() > deadline:
                    if interrupted:
                        raise KernelHungError(f"{what} did not end, nor did an interrupt end it") from None
                    interrupted = True
                    deadline = time.monotonic() + 5
                    self._manager.interrupt_kernel()
                continue
            parent = message["parent_header"].get("msg_id")
            if idle:
                reply = message["content"] if parent == request else None
                continue
            kind, content = message["msg_type"], message["content"]
            idle = kind == "status" and content["execution_state"] == "idle" and parent == request
            if kind == "update_display_data":
                for shown in self._shown.values():
                    shown.update(content)
            elif parent in self._cell_of_request:
                self._shown[self._cell_of_request[parent]].take(kind, content)
        if interrupted:
            raise KernelHungError(f"{what} did not end; interrupted it was in: {reply.get('traceback', reply)}")
        return dict(reply)
