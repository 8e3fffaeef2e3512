"""The rules of the Python side that a tool can check."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.toolchain import run

pytestmark = pytest.mark.toolchain

_HEAVY = ("IPython", "ipywidgets", "joblib", "matplotlib", "numpy", "pandas", "sklearn")
_IMPORT_ALL = """
import importlib, pkgutil, sys
import prefect_jupyter
for module in pkgutil.walk_packages(prefect_jupyter.__path__, "prefect_jupyter."):
    if {wanted} and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*(name for name in {heavy!r} if name in sys.modules))
"""


def test_ruff_finds_nothing() -> None:
    run(sys.executable, "-m", "ruff", "check", "--no-cache", ".")


def test_types_hold_under_strict_mypy() -> None:
    run(sys.executable, "-m", "mypy")


def test_imports_go_one_way() -> None:
    run(sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command(['--no-cache'])")


@pytest.mark.parametrize(
    ("wanted", "allowed"),
    [
        pytest.param("False", (), id="the package root"),
        pytest.param("module.name.split('.')[1] not in ('kernel',)", (), id="all but the kernel side"),
        pytest.param("True", ("IPython",), id="every module"),
    ],
)
def test_importing_loads_no_heavy_library(wanted: str, allowed: tuple[str, ...]) -> None:
    heavy = tuple(name for name in _HEAVY if name not in allowed)
    script = _IMPORT_ALL.format(wanted=wanted, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
