"""A throw-away JupyterLab on this machine.

It must leave nothing behind and read none of the user's settings.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

_BOOT_S = 60.0
_SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}
# A kernel's store is named after the folder in which its notebook lies, so that no test finds another's results.
# One expression: a startup file's names would be names of the notebook.
_STARTUP = """\
__import__("os").environ.update(
    PREFECT_JUPYTER_DIR=str(__import__("pathlib").Path({stores!r}, __import__("pathlib").Path.cwd().name))
)
"""


@dataclass(frozen=True)
class LabServer:
    """A running server: its address, the folder that it serves and its log."""

    url: str
    folder: Path
    log: Path

    def sessions(self) -> list[dict[str, Any]]:
        """The notebooks that have a kernel."""
        with urlopen(f"{self.url}/api/sessions", timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def shut_down(self, path: str) -> None:
        """End the kernel of one notebook, where it has one."""
        for session in self.sessions():
            if session["path"] == path:
                urlopen(Request(f"{self.url}/api/sessions/{session['id']}", method="DELETE"), timeout=30).close()


@contextmanager
def lab_server(labextension: Path) -> Iterator[LabServer]:
    """Serve an empty folder, with the given built labextension before any that is installed."""
    root = Path(tempfile.mkdtemp(prefix="prefect-jupyter-lab-"))
    try:
        env = _prepare(root, labextension)
        log = root / "server.log"
        with log.open("w") as written:
            process = subprocess.Popen(
                _command(root),
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        try:
            yield LabServer(_wait_for_url(process, root / "runtime", log), root / "work", log)
        finally:
            _stop(process)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _prepare(root: Path, labextension: Path) -> dict[str, str]:
    (root / "work").mkdir()
    startup = root / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-store.py").write_text(_STARTUP.format(stores=str(root / "stores")))
    (root / "share" / "labextensions").mkdir(parents=True)
    (root / "share" / "labextensions" / "prefect-jupyter").symlink_to(labextension, target_is_directory=True)
    for plugin, values in _SETTINGS.items():
        package, name = plugin.split(":")
        folder = root / "settings" / package
        folder.mkdir(parents=True)
        (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values))
    return {
        **os.environ,
        "IPYTHONDIR": str(root / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(root / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(root / "workspaces"),
        "JUPYTER_CONFIG_DIR": str(root / "config"),
        "JUPYTER_DATA_DIR": str(root / "data"),
        "JUPYTER_PATH": str(root / "share"),
        "JUPYTER_RUNTIME_DIR": str(root / "runtime"),
        "PREFECT_JUPYTER_DIR": str(root / "stores" / "other"),
    }


def _command(root: Path) -> list[str]:
    return [
        str(Path(sys.executable).parent / "jupyter-lab"),
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        "--ServerApp.disable_check_xsrf=True",
        f"--ServerApp.root_dir={root / 'work'}",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
    ]


def _wait_for_url(process: subprocess.Popen[bytes], runtime: Path, log: Path) -> str:
    """The address that the server wrote down, once it answers."""
    deadline = time.monotonic() + _BOOT_S
    while process.poll() is None and time.monotonic() < deadline:
        for written in runtime.glob("jpserver-*.json"):
            try:
                port = json.loads(written.read_text())["port"]
                urlopen(f"http://127.0.0.1:{port}/api", timeout=5).close()
            except (OSError, ValueError):
                continue
            return f"http://127.0.0.1:{port}"
        time.sleep(0.05)
    _stop(process)
    raise RuntimeError(f"JupyterLab did not start within {_BOOT_S:.0f} s:\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, which ends its kernels first; insist where it does not."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
