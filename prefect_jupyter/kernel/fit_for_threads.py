"""Which tasks may run in a thread beside others, as far as text and inputs tell beforehand.

It must not run anything: what a body did there is looked at afterwards by `threads`.
"""

from __future__ import annotations

import ast
import dis
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..analysis.statements import stores_into
from ..core.cells import Cell
from ..runtime.owned import owned
from .user_namespace import DEFINITIONS
from .versions import Version

# Each of these changes, or lets code change, something of the whole process for a while: nobody could tell afterwards.
_PROCESS_WIDE = frozenset(
    (
        *("catch_warnings", "simplefilter", "filterwarnings", "resetwarnings", "option_context", "rc_context"),
        *("set_option", "reset_option", "redirect_stdout", "redirect_stderr", "redirect_stdin", "chdir", "putenv"),
        *("unsetenv", "umask", "setlocale", "seterr", "errstate", "localcontext", "setcontext", "printoptions"),
        *("set_printoptions", "patch", "monkeypatch", "setattr", "delattr", "exec", "eval", "globals", "locals"),
        *("vars", "__dict__", "__import__", "import_module", "reload", "set_trace", "breakpoint", "input", "signal"),
        *("setitimer", "alarm", "settrace", "setprofile", "setrecursionlimit", "excepthook", "displayhook"),
        *("get_ipython", "clear_output", "pyplot", "plt", "rcParams", "use_backend", "basicConfig", "addHandler"),
        *("removeHandler", "setLevel", "get_run_logger"),
    )
)
_ENDS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def hindrance_of_text(cell: Cell, code: Callable[[], str]) -> str:
    """Why the body of `cell` has to run on the main thread, "" when nothing is known against a thread."""
    options = cell.options
    assert options is not None
    if options.maps or options.pause or options.timeout_s is not None or options.seed is not None or options.when:
        return "with --map, --pause, --timeout, --seed or --when it runs on the main thread"
    if options.writes or options.files or options.mutation is not None:
        return "with --writes, --file or --mutation it runs on the main thread"
    if cell.always or cell.reads_everything:
        return "what it reads and writes cannot be told from its text"
    if cell.in_place or cell.deletes:
        return f"it changes `{min(cell.in_place | cell.deletes)}`"
    if any(name.startswith("_") and name.strip("_0123456789i") == "" for name in cell.reads):
        return "it reads the last value shown"
    try:
        tree = ast.parse(code())
    except (SyntaxError, ValueError, RecursionError):
        return "its text is no plain Python"
    return _hindrance_of_tree(tree)


def _hindrance_of_tree(tree: ast.Module) -> str:
    if stores_into(tree):
        return f"it changes `{min(stores_into(tree))}`"
    for statement in tree.body:
        if isinstance(statement, _ENDS):
            return f"it defines `{statement.name}`"
    for node in ast.walk(tree):
        if isinstance(node, (ast.Global, ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)):
            return "it uses `global` or `await`"
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return "it imports *"
        found = _words_of(node) & _PROCESS_WIDE
        if found:
            return f"`{min(found)}` concerns the whole process"
    return ""


def _words_of(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.Attribute):
        return {node.attr}
    if isinstance(node, ast.alias):
        return {*node.name.split("."), node.asname or ""}
    return set()


def hindrance_of_inputs(cell: Cell, inputs: Mapping[str, Version], values: Mapping[str, Any]) -> str:
    """Why a task with these inputs, whose values are loaded, has to run on the main thread, else ""."""
    for name, version in inputs.items():
        if name not in values:
            return f"`{name}` is not there"
        if version.handle is not None:
            return f"reading `{name}` changes it"
        value = values[name]
        if isinstance(value, DEFINITIONS):
            if version.storage or owned(value, values):
                return f"`{name}` holds values that could change"
            if version.reach & cell.writes:
                return f"`{name}` reads `{min(version.reach & cell.writes)}`, which the task makes"
            found = set(_words_of_code(_codes(value))) & _PROCESS_WIDE
            if found:
                return f"`{min(found)}` in `{name}` concerns the whole process"
            if isinstance(value, types.ModuleType) and value.__name__.startswith("matplotlib"):
                return f"it draws with `{name}`"
    return ""


def _codes(value: object) -> list[types.CodeType]:
    """The code of a function, or of what a class of the notebook defines."""
    value = getattr(value, "__wrapped__", value)
    if isinstance(value, types.FunctionType):
        return [value.__code__]
    if isinstance(value, type) and value.__module__ == "__main__":
        return [each.__code__ for each in vars(value).values() if isinstance(each, types.FunctionType)]
    return []


def _words_of_code(codes: Iterable[types.CodeType]) -> Iterator[str]:
    todo = list(codes)
    while todo:
        code = todo.pop()
        yield from code.co_names
        if any(name == "STORE_GLOBAL" for name in _operations(code)):
            yield "globals"
        todo += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def _operations(code: types.CodeType) -> Iterator[str]:
    return (instruction.opname for instruction in dis.get_instructions(code))
