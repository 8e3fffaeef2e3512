"""Follows expressions in the order of their evaluation and notes the names that they read and bind.

What may not be evaluated binds nothing surely. It must not recurse along chains: they may be thousands long.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence

from .calls import Calls, constant_text, is_namespace
from .mutations import changed_through, root
from .names import Bound, Record
from .scopes import Reach, defaults, function_reach
from .texts import names_marked_in_text
from .trees import children

_CONTAINERS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


class Expressions:
    """Reads expressions and binds targets."""

    __slots__ = ("_calls", "_record")

    def __init__(self, record: Record, calls: Calls) -> None:
        self._record = record
        self._calls = calls

    def read(self, node: ast.expr | None, bound: Bound) -> None:
        if node is None:
            return
        load = self._record.load
        stack: list[ast.AST] = [node]
        while stack:
            here = stack.pop()
            kind = type(here)
            if kind is ast.Name:
                if type(here.ctx) is ast.Load:  # type: ignore[attr-defined]
                    load(here.id, bound)  # type: ignore[attr-defined]
            elif kind is ast.Constant:
                continue
            elif kind is ast.Attribute:
                self._record.change(changed_through(here), bound)  # type: ignore[arg-type]
                stack.append(here.value)  # type: ignore[attr-defined]
            else:
                read = _KINDS.get(kind)
                stack.extend(reversed(children(here) if read is None else read(self, here, bound)))

    def read_all(self, nodes: Iterable[ast.expr | None], bound: Bound) -> None:
        for node in nodes:
            self.read(node, bound)

    def read_if_run(self, nodes: Iterable[ast.expr], bound: Bound) -> None:
        """Expressions that are evaluated only if those before them allow it: what they bind is not sure."""
        seen = set(bound)
        self._record.branch += 1
        self.read_all(nodes, seen)
        self._record.branch -= 1
        bound &= seen

    # --- kinds of expressions: each returns the parts that are still to be read

    def _binary(self, node: ast.BinOp, _bound: Bound) -> Sequence[ast.AST]:
        return (node.left, node.right)

    def _lambda(self, node: ast.Lambda, bound: Bound) -> Sequence[ast.AST]:
        self.read_all(defaults(node.args), bound)
        self._record.run_nested(function_reach(node), bound)
        return ()

    def _walrus(self, node: ast.NamedExpr, bound: Bound) -> Sequence[ast.AST]:
        self.assign(node.value, [node.target], bound)
        return ()

    def _short_circuit(self, node: ast.BoolOp, bound: Bound) -> Sequence[ast.AST]:
        self.read(node.values[0], bound)
        self.read_if_run(node.values[1:], bound)
        return ()

    def _comparison(self, node: ast.Compare, bound: Bound) -> Sequence[ast.AST]:
        first = node.comparators[0]
        if len(node.ops) > 1:
            self.read_all((node.left, first), bound)
            self.read_if_run(node.comparators[1:], bound)
            return ()
        name = constant_text(node.left)
        if name is not None and isinstance(node.ops[0], (ast.In, ast.NotIn)) and is_namespace(first):
            self._record.names.maybe.add(name)
            return ()
        return (node.left, first)

    def _choice(self, node: ast.IfExp, bound: Bound) -> Sequence[ast.AST]:
        self.read(node.test, bound)
        yes, no = set(bound), set(bound)
        self._record.branch += 1
        self.read(node.body, yes)
        self.read(node.orelse, no)
        self._record.branch -= 1
        bound |= yes & no
        return ()

    def _dict(self, node: ast.Dict, _bound: Bound) -> Sequence[ast.AST]:
        return [part for pair in zip(node.keys, node.values, strict=True) for part in pair if part is not None]

    def _subscript(self, node: ast.Subscript, bound: Bound) -> Sequence[ast.AST]:
        name = constant_text(node.slice)
        if name is None or not is_namespace(node.value):
            return (node.value, node.slice)
        if isinstance(node.ctx, ast.Load):
            self._record.load(name, bound)
            if name in bound:
                # It may be bound as a loop name of a comprehension, which `globals()` does not see.
                self._record.names.maybe.add(name)
        return ()

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, bound: Bound
    ) -> Sequence[ast.AST]:
        """A generator is read as if it ran now. Loop names stay inside, a walrus binds outside."""
        record = self._record
        self.read(node.generators[0].iter, bound)
        inner = set(record.seen_by_nested(bound))
        class_body, outer = record.class_body, record.seen_by_nested(bound)
        if class_body is not None:
            class_body.outer = inner
        record.branch += 1
        for position, generator in enumerate(node.generators):
            if position:
                self.read(generator.iter, inner)
            inner |= {part.id for part in ast.walk(generator.target) if _is_stored_name(part)}  # type: ignore[attr-defined]
            self.read(generator.target, inner)
            self.read_all(generator.ifs, inner)
        self.read_all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)
        record.branch -= 1
        if class_body is not None:
            class_body.outer = outer
        return ()

    def _call(self, node: ast.Call, bound: Bound) -> Sequence[ast.AST]:
        return self._calls.effects(node, bound)

    # --- binding

    def bind(self, target: ast.expr, bound: Bound, *, hidden: bool = False) -> None:
        """Binds a target of an assignment, a loop or a `with`; items and attributes change what holds them."""
        pending = [target]
        while pending:
            node = pending.pop()
            if isinstance(node, ast.Name):
                self._record.bind(node.id, bound, hidden=hidden)
            elif isinstance(node, (ast.Tuple, ast.List)):
                pending.extend(reversed(node.elts))
            elif isinstance(node, ast.Starred):
                pending.append(node.value)
            elif isinstance(node, ast.Subscript) and is_namespace(node.value):
                name = constant_text(node.slice)
                if name is None:
                    self.read(node.slice, bound)
                else:
                    self._record.bind(name, bound, hidden=hidden)
            else:
                self.read(node, bound)
                self._record.change(root(node), bound)

    def assign(self, value: ast.expr, targets: Sequence[ast.expr], bound: Bound) -> None:
        """Functions that are stored and not called run later, under the names that they are stored in."""
        stored = [function_reach(function) for function in _stored_functions(value)]
        if stored:
            self._read_stored(value, bound)
        else:
            self.read(value, bound)
        marked = names_marked_in_text(value)
        if marked:
            stored.append(Reach(texts=set(marked)))
        for target in targets:
            self.bind(target, bound)
            name = root(target) if isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)) else None
            for reach in stored:
                if name is None:
                    self._record.run_nested(reach, bound)
                else:
                    self._record.define(name, reach)
            if isinstance(target, ast.Name) and isinstance(value, ast.Lambda) and self._record.class_body is None:
                self._record.names.definitions.add(target.id)

    def _read_stored(self, value: ast.expr, bound: Bound) -> None:
        if isinstance(value, ast.Lambda):
            self.read_all(defaults(value.args), bound)
        elif isinstance(value, _CONTAINERS):
            for part in _members(value):
                self._read_stored(part, bound)
        else:
            self.read(value, bound)


def _members(value: ast.List | ast.Tuple | ast.Set | ast.Dict) -> Iterator[ast.expr]:
    if isinstance(value, ast.Dict):
        for key, item in zip(value.keys, value.values, strict=True):
            if key is not None:
                yield key
            yield item
    else:
        yield from value.elts


def _stored_functions(value: ast.expr) -> Iterator[ast.Lambda]:
    """The lambdas that a value consists of, as such or inside of displays."""
    if isinstance(value, ast.Lambda):
        yield value
    elif isinstance(value, _CONTAINERS):
        for part in _members(value):
            if isinstance(part, (ast.Lambda, *_CONTAINERS)):
                yield from _stored_functions(part)


def _is_stored_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


_KINDS: dict[type[ast.AST], Callable[..., Sequence[ast.AST]]] = {
    ast.BinOp: Expressions._binary,
    ast.BoolOp: Expressions._short_circuit,
    ast.Call: Expressions._call,
    ast.Compare: Expressions._comparison,
    ast.Dict: Expressions._dict,
    ast.DictComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.IfExp: Expressions._choice,
    ast.Lambda: Expressions._lambda,
    ast.ListComp: Expressions._comprehension,
    ast.NamedExpr: Expressions._walrus,
    ast.SetComp: Expressions._comprehension,
    ast.Subscript: Expressions._subscript,
}
