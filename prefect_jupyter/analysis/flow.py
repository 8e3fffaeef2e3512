"""Follows the statements of a cell in the order in which they run and notes which global names they touch.

A name is read when it is loaded where this cell has not surely bound it: on some path, the value comes from
above. When in doubt it reads more, never less. It must not raise, except RecursionError on absurd nesting.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .calls import Calls, constant_text, is_namespace
from .expressions import Expressions
from .names import Bound, ClassBody, Names, Record
from .scopes import (
    LAZY_ANNOTATIONS,
    Reach,
    argument_annotations,
    code_reach,
    defaults,
    function_reach,
    type_parameter_names,
)
from .texts import called_name, names_in_strings

_SUPPRESSING = frozenset(("suppress", "raises", "assertRaises", "ignored", "catch"))


def names_of(tree: ast.Module, transform: Callable[[str], str] = str) -> Names:
    """The names that a parsed cell touches. `transform` turns a cell's text into Python, for code inside of magics."""
    flow = _Flow(tree, transform)
    flow.block(tree.body, set())
    flow.record.finish()
    names = flow.record.names
    names.words = names_in_strings(tree)
    if flow.record.has_unbounded_code:
        names.maybe |= names.words
    return names


class _Flow:
    """Every method returns True when what follows the statement is never reached."""

    __slots__ = ("_expressions", "_lazy_annotations", "record")

    def __init__(self, tree: ast.Module, transform: Callable[[str], str]) -> None:
        self.record = Record()
        self._expressions = Expressions(self.record, Calls(self.record, tree, transform, self.block))
        self._lazy_annotations = LAZY_ANNOTATIONS

    def block(self, statements: Iterable[ast.stmt], bound: Bound) -> bool:
        ended = False
        for statement in statements:
            if _STATEMENTS[type(statement)](self, statement, bound):
                ended = True
        return ended

    def _block_if_run(self, statements: Sequence[ast.stmt], bound: Bound) -> None:
        """A block that may not run, or not to its end."""
        self.record.branch += 1
        self.block(statements, set(bound))
        self.record.branch -= 1

    def _alternatives(self, runs: Iterable[Callable[[Bound], bool]], bound: Bound) -> bool:
        """Exactly one of `runs` happens. Afterwards bound is what each one that comes to its end has bound."""
        ends: list[Bound] = []
        self.record.branch += 1
        for run in runs:
            seen = set(bound)
            if not run(seen):
                ends.append(seen)
        self.record.branch -= 1
        if not ends:
            return True
        common = set.intersection(*ends)
        bound &= common
        bound |= common
        return False

    def _running(self, statements: Sequence[ast.stmt]) -> Callable[[Bound], bool]:
        return lambda seen: self.block(statements, seen)

    # --- definitions

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, bound: Bound) -> None:
        self._expressions.read_all((*node.decorator_list, *defaults(node.args)), bound)
        reach = function_reach(node)
        annotations = argument_annotations(node)
        if annotations:
            # With type parameters, annotations are read in a scope that binds them.
            annotated = code_reach(annotations, type_parameter_names(node))
            if self._lazy_annotations:
                reach.loads |= annotated.loads
            else:
                self._load_all(annotated, bound)
        self._define(node.name, reach, bound, runs_early=bool(node.decorator_list))

    def _class(self, node: ast.ClassDef, bound: Bound) -> None:
        self._expressions.read_all(node.decorator_list, bound)
        parameters = type_parameter_names(node)
        heads = [*node.bases, *(word.value for word in node.keywords)]
        if parameters:
            self._load_all(code_reach(heads, parameters), bound)
        else:
            self._expressions.read_all(heads, bound)
        # A class body sees neither the names of the class around it nor what it shares with its own methods.
        record, around = self.record, self.record.class_body
        outer = record.seen_by_nested(bound) | set(parameters)
        body = record.class_body = ClassBody(outer, set(parameters))
        self.block(node.body, set(outer))
        record.class_body = around
        body.reach.loads.difference_update(parameters)
        self._define(node.name, body.reach, bound, runs_early=body.uses_own or bool(node.decorator_list))

    def _type_alias(self, node: Any, bound: Bound) -> None:
        self._define(node.name.id, code_reach([node.value], type_parameter_names(node)), bound)

    def _define(self, name: str, reach: Reach, bound: Bound, *, runs_early: bool = False) -> None:
        self.record.bind(name, bound, definition=True)
        self.record.define(name, reach, runs_early=runs_early)

    def _load_all(self, reach: Reach, bound: Bound) -> None:
        for name in reach.loads:
            self.record.load(name, bound)

    def _import(self, node: ast.Import | ast.ImportFrom, bound: Bound) -> None:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            self._lazy_annotations |= any(alias.name == "annotations" for alias in node.names)
        for alias in node.names:
            # What `import *` binds is seen when it has run.
            if alias.name != "*":
                self.record.bind((alias.asname or alias.name).split(".")[0], bound, definition=True)

    # --- assignments

    def _assign(self, node: ast.Assign, bound: Bound) -> None:
        self._expressions.assign(node.value, node.targets, bound)

    def _annotated(self, node: ast.AnnAssign, bound: Bound) -> None:
        if node.value is not None:
            self._expressions.assign(node.value, [node.target], bound)
        elif not isinstance(node.target, ast.Name):
            self._expressions.read(node.target, bound)
        if not self._lazy_annotations:
            self._expressions.read(node.annotation, bound)

    def _augmented(self, node: ast.AugAssign, bound: Bound) -> None:
        target = node.target
        name = target.id if isinstance(target, ast.Name) else _named_item(target)
        if name is not None:
            self.record.load(name, bound)
            self.record.change(name, bound)
        self._expressions.read(node.value, bound)
        self._expressions.bind(target, bound)

    def _delete(self, node: ast.Delete, bound: Bound) -> None:
        pending = list(reversed(node.targets))
        while pending:
            target = pending.pop()
            name = target.id if isinstance(target, ast.Name) else _named_item(target)
            if name is not None:
                self.record.delete(name, bound)
            elif isinstance(target, (ast.Tuple, ast.List)):
                pending.extend(reversed(target.elts))
            else:
                self._expressions.bind(target, bound)

    # --- blocks

    def _for(self, node: ast.For | ast.AsyncFor, bound: Bound) -> None:
        self._expressions.read(node.iter, bound)
        inside = set(bound)
        self.record.branch += 1
        self._expressions.bind(node.target, inside, hidden=True)
        self.block(node.body, inside)
        self.record.branch -= 1
        self._block_if_run(node.orelse, bound)

    def _while(self, node: ast.While, bound: Bound) -> None:
        self._expressions.read(node.test, bound)
        self._block_if_run(node.body, bound)
        self._block_if_run(node.orelse, bound)

    def _if(self, node: ast.If, bound: Bound) -> bool:
        self._expressions.read(node.test, bound)
        return self._alternatives((self._running(node.body), self._running(node.orelse)), bound)

    def _with(self, node: ast.With | ast.AsyncWith, bound: Bound) -> None:
        suppresses = False
        for item in node.items:
            call = item.context_expr
            self._expressions.read(call, bound)
            if item.optional_vars is not None:
                self._expressions.bind(item.optional_vars, bound, hidden=True)
            suppresses |= isinstance(call, ast.Call) and called_name(call) in _SUPPRESSING
        if suppresses:
            self._block_if_run(node.body, bound)
        else:
            self.block(node.body, bound)

    def _try(self, node: Any, bound: Bound) -> bool:
        start = set(bound)

        def body(seen: Bound) -> bool:
            ended = self.block(node.body, seen)
            return self.block(node.orelse, seen) or ended

        ended = self._alternatives((body, *(self._handler(handler) for handler in node.handlers)), bound)
        if node.finalbody:
            # It also runs when the body stopped halfway.
            last = set(start)
            ended = self.block(node.finalbody, last) or ended
            bound |= last - start
            bound -= start - last
        return ended

    def _handler(self, node: ast.ExceptHandler) -> Callable[[Bound], bool]:
        def run(seen: Bound) -> bool:
            self._expressions.read(node.type, seen)
            if node.name is None:
                return self.block(node.body, seen)
            # The name is bound inside of the handler only, and gone after it.
            seen.add(node.name)
            ended = self.block(node.body, seen)
            seen.discard(node.name)
            return ended

        return run

    def _match(self, node: ast.Match, bound: Bound) -> bool:
        self._expressions.read(node.subject, bound)
        runs = [self._case(case) for case in node.cases]
        last = node.cases[-1]
        if last.guard is not None or not _is_irrefutable(last.pattern):
            runs.append(lambda seen: False)
        return self._alternatives(runs, bound)

    def _case(self, case: ast.match_case) -> Callable[[Bound], bool]:
        def run(seen: Bound) -> bool:
            for part in ast.walk(case.pattern):
                if isinstance(part, ast.MatchValue):
                    self._expressions.read(part.value, seen)
                elif isinstance(part, ast.MatchClass):
                    self._expressions.read(part.cls, seen)
                elif isinstance(part, ast.MatchMapping):
                    self._expressions.read_all(part.keys, seen)
            for name in captured_by(case.pattern):
                self.record.bind(name, seen, hidden=True)
            self._expressions.read(case.guard, seen)
            return self.block(case.body, seen)

        return run

    # --- simple statements

    def _expression(self, node: ast.Expr, bound: Bound) -> None:
        self._expressions.read(node.value, bound)

    def _assert(self, node: ast.Assert, bound: Bound) -> None:
        self._expressions.read(node.test, bound)
        if node.msg is not None:
            self._expressions.read_if_run([node.msg], bound)

    def _end(self, node: ast.stmt, bound: Bound) -> bool:
        self._expressions.read_all((part for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)), bound)
        return True

    def _global(self, node: ast.Global, _bound: Bound) -> None:
        if self.record.class_body is not None:
            # A class body that binds names of the notebook.
            self.record.names.writes.update(node.names)
            self.record.names.visible.update(name for name in node.names if not name.startswith("_"))

    def _nothing(self, node: ast.stmt, bound: Bound) -> None:
        pass


def captured_by(pattern: ast.pattern) -> list[str]:
    """The names that a pattern binds."""
    names = [getattr(part, "name", None) or getattr(part, "rest", None) for part in ast.walk(pattern)]
    return [name for name in names if name]


def _named_item(target: ast.expr) -> str | None:
    """`x` of `globals()["x"]`."""
    return constant_text(target.slice) if isinstance(target, ast.Subscript) and is_namespace(target.value) else None


def _is_irrefutable(pattern: ast.pattern) -> bool:
    if isinstance(pattern, ast.MatchOr):
        return any(map(_is_irrefutable, pattern.patterns))
    return isinstance(pattern, ast.MatchAs) and (pattern.pattern is None or _is_irrefutable(pattern.pattern))


_STATEMENTS: dict[type[ast.stmt], Callable[..., bool | None]] = {
    ast.AnnAssign: _Flow._annotated,
    ast.Assert: _Flow._assert,
    ast.Assign: _Flow._assign,
    ast.AsyncFor: _Flow._for,
    ast.AsyncFunctionDef: _Flow._function,
    ast.AsyncWith: _Flow._with,
    ast.AugAssign: _Flow._augmented,
    ast.Break: _Flow._end,
    ast.ClassDef: _Flow._class,
    ast.Continue: _Flow._end,
    ast.Delete: _Flow._delete,
    ast.Expr: _Flow._expression,
    ast.For: _Flow._for,
    ast.FunctionDef: _Flow._function,
    ast.Global: _Flow._global,
    ast.If: _Flow._if,
    ast.Import: _Flow._import,
    ast.ImportFrom: _Flow._import,
    ast.Match: _Flow._match,
    ast.Nonlocal: _Flow._nothing,
    ast.Pass: _Flow._nothing,
    ast.Raise: _Flow._end,
    ast.Return: _Flow._end,
    ast.Try: _Flow._try,
    ast.While: _Flow._while,
    ast.With: _Flow._with,
}
for _name, _method in (("TryStar", _Flow._try), ("TypeAlias", _Flow._type_alias)):
    if hasattr(ast, _name):
        _STATEMENTS[getattr(ast, _name)] = _method
