"""What calls do beside reading their arguments: change in place, run a text, give the namespace, run a magic.

It reads the form of the call; it must not guess at what a user's function does.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

from ..core.cells import Problem
from .magics import (
    DISPLAY_MAGICS,
    LOCAL_MAGICS,
    SETUP_MAGICS,
    TASKS_MAGIC,
    TRANSPARENT_MAGICS,
    WRITING_MAGICS,
    Magic,
    captured_name,
    code_of,
    heading_of,
    read_magic,
)
from .mutations import changed_by, root
from .names import ASKING, Bound, Record, Wrapped
from .parsing import NotPythonError, parse
from .scopes import code_reach
from .statements import suppressed
from .texts import (
    EVALUATORS,
    NAMESPACES,
    QUERIES,
    QUERY_LIBRARIES,
    called_name,
    names_in_expansions,
    names_in_strings,
    names_in_text,
)

_LISTS_ALL_NAMES = frozenset(("who", "whos", "who_ls"))


def constant_text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def is_namespace(node: ast.expr) -> bool:
    """`globals()` and its like, without arguments."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in NAMESPACES
        and not node.args
        and not node.keywords
    )


class Calls:
    """Notes the effects of calls. `run` follows statements, `evaluate` follows the text of `exec`."""

    __slots__ = ("_record", "_run", "_transform", "_tree")

    def __init__(
        self,
        record: Record,
        tree: ast.Module,
        transform: Callable[[str], str],
        run: Callable[[Iterable[ast.stmt], Bound], bool],
    ) -> None:
        self._record = record
        self._tree = tree
        self._transform = transform
        self._run = run

    def effects(self, node: ast.Call, bound: Bound) -> Sequence[ast.AST]:
        """Notes what the call does, and returns the parts that are still to be read as expressions."""
        for changed in changed_by(node):
            self._record.change(changed, bound)
        function = node.func
        if isinstance(function, ast.Name):
            if function.id == "get_ipython":
                return ()
            self._builtin(function.id, node, bound)
        elif isinstance(function, ast.Attribute):
            magic = read_magic(node)
            if magic is not None:
                self._magic(magic, node, bound)
                return (function.value,)
            if is_namespace(function.value) and self._of_namespace(function.attr, node):
                return (*node.args, *node.keywords)
        if called_name(node) in QUERIES and called_name(node) not in bound:
            self._query(node, bound)
        return (function, *node.args, *node.keywords)

    def _builtin(self, name: str, node: ast.Call, bound: Bound) -> None:
        record = self._record
        if name in record.reaches:
            # A function of this cell that binds globals has bound them once it was called.
            for stored in record.reaches[name].stores:
                record.bind_if_run(stored)
        if name in bound:
            return
        if name in ASKING:
            record.names.always.append(f"`{name}()`")
        elif name in NAMESPACES and not node.args and not node.keywords:
            record.names.reads_everything = True
        elif name in EVALUATORS and len(node.args) == 1 and not node.keywords:
            self._evaluate(name, node.args[0], bound)

    def _of_namespace(self, method: str, node: ast.Call) -> bool:
        """`globals().get("x")` reads one name, `globals().update(…)` none; other methods may read any."""
        name = constant_text(node.args[0]) if node.args else None
        if name is not None and method in ("get", "pop", "setdefault"):
            self._record.names.maybe.add(name)
            return True
        return method == "update"

    def _evaluate(self, builtin: str, code: ast.expr, bound: Bound) -> None:
        names = self._record.names
        text = constant_text(code)
        if text is None:
            names.reads_everything = True
            return
        words = names_in_text(text)
        names.maybe |= words
        try:
            tree = parse(text.strip() if builtin == "eval" else text)
        except NotPythonError:
            return
        # Followed for what it binds and changes; what it reads is in `maybe`.
        reads_before = set(names.reads)
        self._record.branch += 1
        self._run(tree.body, set(bound))
        self._record.branch -= 1
        names.reads &= reads_before

    def _query(self, node: ast.Call, bound: Bound) -> None:
        """`df.query('a > @limit')`: words of the text may be names; a text from elsewhere may name anything."""
        arguments = [*node.args[:1], *(word.value for word in node.keywords if word.arg in ("expr", "ex", "formula"))]
        constants = names_in_strings(arguments)
        names = self._record.names
        names.maybe |= constants
        if constants or not arguments or not isinstance(arguments[0], ast.Name):
            return
        name = arguments[0].id
        names.maybe |= names_in_strings(self._tree)
        is_library = isinstance(node.func, ast.Attribute) and (
            root(node.func.value) in QUERY_LIBRARIES or node.func.attr in ("eval", "sql")
        )
        if is_library and name not in bound:
            names.reads_everything = True

    # --- magics

    def _magic(self, magic: Magic, node: ast.Call, bound: Bound) -> None:
        names = self._record.names
        if magic.name in TRANSPARENT_MAGICS:
            self._wrapped(magic, node, bound)
            return
        names.maybe |= names_in_expansions(magic.arguments)
        if magic.name in (SETUP_MAGICS if magic.kind == "line" else DISPLAY_MAGICS):
            return
        names.always.append(magic.spelling)
        if magic.name in _LISTS_ALL_NAMES:
            names.reads_everything = True
        if magic.kind != "shell" and magic.name not in (TASKS_MAGIC, *WRITING_MAGICS):
            names.maybe |= names_in_text(f"{magic.arguments}\n{magic.body or ''}")

    def _wrapped(self, magic: Magic, node: ast.Call, bound: Bound) -> None:
        names = self._record.names
        code = code_of(magic)
        try:
            tree = parse(self._transform(code))
        except NotPythonError as error:
            line = node.lineno + ((error.line or 1) if magic.body else 0)
            names.problems.append(Problem(f"the code of {magic.spelling} does not parse: {error}", line))
            return
        names.wrapped[id(node)] = Wrapped(heading_of(magic), tree.body, suppressed(code))
        if magic.name in LOCAL_MAGICS:
            self._record.run_nested(code_reach(tree.body), bound)
            for part in ast.walk(tree):
                if isinstance(part, ast.Call):
                    for changed in changed_by(part):
                        self._record.change(changed, bound)
        else:
            self._run(tree.body, bound)
        name = captured_name(magic)
        if name:
            self._record.bind(name, bound)
