"""Real kernels to be timed by their own clocks, with and without the extension.

They must leave nothing behind: whatever they write goes to a folder that the benchmark removes.
"""

from __future__ import annotations

import ast
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from typing_extensions import Self

ROOT = Path(__file__).parent.parent
LOAD = "%load_ext prefect_jupyter"
_SESSION = "__import__('prefect_jupyter').notebook()"
_TIMEOUT_S = 300


class Kernel:
    """One kernel process. `folder` holds its store, which other kernels may share."""

    def __init__(self, folder: Path, *, extension: bool = True) -> None:
        self._folder = folder
        self._extension = extension

    def __enter__(self) -> Self:
        self._manager = KernelManager()
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self._manager._kernel_spec = KernelSpec(argv=argv, display_name="benchmark", language="python")
        self._manager.start_kernel(cwd=str(self._folder), env=self._environment(), stderr=DEVNULL)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_TIMEOUT_S)
        if self._extension:
            self.run(LOAD, "load")
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return {
            **inherited,
            "PREFECT_JUPYTER_DIR": str(self._folder / "store"),
            "IPYTHONDIR": str(self._folder / "ipython"),
            # What is measured is an installed package: compiled once.
            "PYTHONPYCACHEPREFIX": str(self._folder / "bytecode"),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        }

    def run(self, source: str, cell_id: str | None) -> float:
        """Runs a cell, as a page does that gives its id, and returns for how many ms the kernel was busy with it."""
        content = {
            "code": source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False,
            "stop_on_error": True,
        }  # fmt: skip
        message = self._client.session.msg("execute_request", content, metadata={"cellId": cell_id} if cell_id else {})
        self._client.shell_channel.send(message)
        return self._busy_ms(message["header"]["msg_id"])

    def ask(self, expression: str) -> Any:
        """The value of an expression over `session`, found without running a cell."""
        names = f"{{'session': {_SESSION if self._extension else None}}}"
        value = f"__import__('json').dumps(eval({expression!r}, {names}))"
        request = self._client.execute("", silent=True, user_expressions={"value": value})
        self._busy_ms(request)
        while True:
            reply = self._client.get_shell_msg(timeout=_TIMEOUT_S)
            if reply["parent_header"].get("msg_id") == request:
                answer = reply["content"]["user_expressions"]["value"]
                if answer["status"] != "ok":
                    raise RuntimeError(f"{expression[:100]} failed: {answer['evalue']}")
                return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def ms(self, statement: str) -> float:
        """How many ms a statement over `session` takes in the kernel. It is no cell."""
        seconds = self.ask(f"__import__('timeit').timeit({statement!r}, number=1, globals={{'session': session}})")
        return float(seconds) * 1000

    def _busy_ms(self, request: str) -> float:
        began: datetime | None = None
        while True:
            message = self._client.get_iopub_msg(timeout=_TIMEOUT_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "error":
                raise RuntimeError(f"{content['ename']}: {content['evalue']}")
            if message["msg_type"] == "status":
                if content["execution_state"] == "busy":
                    began = message["header"]["date"]
                elif began is not None:
                    return float((message["header"]["date"] - began).total_seconds()) * 1000
