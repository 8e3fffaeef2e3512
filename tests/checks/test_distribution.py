"""What is built, installed and declared."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest

import prefect_jupyter
from tests.toolchain import LOCK, ROOT

DISTRIBUTION = "prefect-jupyter-pipelines"
# Imported from what a declared dependency is made of.
_CARRIED = {"IPython": "ipykernel", "comm": "ipykernel", "tornado": "ipykernel", "jupyter_client": "ipykernel"}
_CARRIED |= {"nbformat": "jupyterlab", "psutil": "ipykernel"}


@pytest.mark.toolchain
def test_the_extension_is_installed_and_enabled() -> None:
    program = str(Path(sys.executable).parent / "jupyter-labextension")
    listed = subprocess.run([program, "list"], capture_output=True, text=True, check=True)
    lines = re.sub(r"\x1b\[\d+m", "", listed.stdout + listed.stderr).splitlines()
    [line] = [line for line in lines if line.split()[:1] == ["prefect-jupyter"]]
    assert line.split()[1:4] == [f"v{prefect_jupyter.__version__}", "enabled", "OK"]


def test_every_place_names_the_same_version() -> None:
    package = json.loads((ROOT / "package.json").read_text())
    assert {package["version"], version(DISTRIBUTION)} == {prefect_jupyter.__version__}


def test_the_lock_file_names_no_registry() -> None:
    packages = json.loads(LOCK.read_text())["packages"]
    assert len(packages) > 100
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_every_library_that_the_package_imports_is_declared() -> None:
    declared = {_normal(re.split(r"[\s;\[<>=!~]", line, maxsplit=1)[0]) for line in requires(DISTRIBUTION) or []}
    owners = packages_distributions()
    missing: dict[str, str] = {}
    for file in Path(prefect_jupyter.__file__).parent.rglob("*.py"):
        for name in _imported(ast.parse(file.read_text())):
            names = {_CARRIED.get(name, name), *owners.get(name, [])}
            if name not in sys.stdlib_module_names and not declared & {_normal(each) for each in names}:
                missing[name] = file.name
    assert missing == {}


def _imported(tree: ast.Module) -> set[str]:
    """The top names of all absolute imports, other than our own and those that may fail."""
    names: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
        waiting += [child for child in ast.iter_child_nodes(node) if not _may_fail(node, child)]
    return names - {"prefect_jupyter"}


def _may_fail(parent: ast.AST, child: ast.AST) -> bool:
    """Whether the child stands in the body of a `try` that goes on without it."""
    if not isinstance(parent, ast.Try) or child not in parent.body:
        return False
    caught = " ".join(ast.unparse(handler.type) for handler in parent.handlers if handler.type)
    return "ImportError" in caught or "ModuleNotFoundError" in caught


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
