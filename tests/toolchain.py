"""Node and the built extension, as the tests need them: installed and built when older than their sources.

It must not decide what is checked.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "package-lock.json"
STATIC = ROOT / "prefect_jupyter" / "_static"
LABEXTENSION = STATIC / "labextension"
_BUILT = (STATIC / "graph.js", LABEXTENSION / "package.json", LABEXTENSION / "static" / "style.js")
_SOURCES = (*(ROOT / "labextension" / part for part in ("src", "style", "schema")), ROOT / "package.json")


def environment() -> dict[str, str]:
    """The environment in which the programs of this Python's environment, its Node first of all, come first."""
    programs = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]), "NO_COLOR": "1"}


def run(*command: str) -> None:
    """Run a program in the repository; what it printed is the failure's message."""
    __tracebackhide__ = True
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise AssertionError(f"`{' '.join(command)}` failed ({done.returncode}):\n{done.stdout}{done.stderr}")


def node(*command: str) -> None:
    """Run a program of node_modules, which is installed from the lock file where it is missing or old."""
    __tracebackhide__ = True
    with _alone():
        _install()
    run("npm", "exec", "--offline", "--", *command)


def build_extension() -> Path:
    """The folder of the built labextension, never older than its sources."""
    with _alone():
        _install()
        if _newest(_SOURCES) >= min((_changed(path) for path in _BUILT), default=0):
            run("npm", "run", "build")
    return LABEXTENSION


def _install() -> None:
    if _changed(ROOT / "node_modules" / ".package-lock.json") < _changed(LOCK):
        run("npm", "ci")


@contextmanager
def _alone() -> Iterator[None]:
    """One process at a time: the workers of one test run share node_modules and the built files."""
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _newest(folders: Sequence[Path]) -> float:
    files = [file for folder in folders for file in (folder.rglob("*") if folder.is_dir() else [folder])]
    return max(_changed(file) for file in files)


def _changed(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
