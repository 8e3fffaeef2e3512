"""Scopes are resolved as the language resolves them: compared with `symtable` over the standard library."""

from __future__ import annotations

import ast
import json
import symtable
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_jupyter.analysis.scopes import function_reach

STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
MODULES = sorted(path for path in STANDARD_LIBRARY.glob("*.py") if path.stat().st_size < 120_000)
PACKAGES = sorted(Path(json.__file__).parent.glob("*.py"))


def global_reads(table: symtable.SymbolTable) -> set[str]:
    """What `symtable` says that a scope and the scopes in it read of the module's names."""
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    for child in table.get_children():
        found |= global_reads(child)
    return found


def functions_of(table: symtable.SymbolTable) -> Iterator[tuple[str, int, set[str]]]:
    """Functions at module level and in classes there."""
    for child in table.get_children():
        if child.get_type() == "function" and child.get_name() not in (
            "lambda",
            "listcomp",
            "setcomp",
            "dictcomp",
            "genexpr",
        ):
            yield child.get_name(), child.get_lineno(), global_reads(child)
        elif child.get_type() == "class":
            yield from functions_of(child)


def ours(body: list[ast.stmt]) -> Iterator[tuple[str, int, set[str]]]:
    for node in ast.walk(ast.Module(body, [])):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, set(function_reach(node).loads)


def has_private_names(names: set[str]) -> bool:
    """Names that the compiler mangles inside of classes are compared as they are written."""
    return any(name.startswith("_") and "__" in name for name in names)


@pytest.mark.parametrize("path", [*MODULES, *PACKAGES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_function_of_the_standard_library_reads_what_symtable_says(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    expected: dict[tuple[str, int], list[set[str]]] = {}
    for name, line, reads in functions_of(symtable.symtable(source, path.name, "exec")):
        expected.setdefault((name, line), []).append(reads)
    found = {(name, line): reads for name, line, reads in ours(ast.parse(source).body)}
    for place, tables in expected.items():
        # `symtable` takes any scope called `top` for the module.
        if len(tables) == 1 and place[0] != "top" and not has_private_names(tables[0]):
            extra, missing = found[place] - tables[0], tables[0] - found[place]
            assert not missing, place
            # A class body in a function may find a global where it has not bound the name yet.
            assert not extra or "class " in source, place
