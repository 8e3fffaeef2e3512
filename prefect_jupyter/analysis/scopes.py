"""Which global names the body of a function, lambda or type alias reads when it is called.

It resolves scopes as the language does, for nested scopes only; what runs at once is read by `flow`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .magics import SETUP_MAGICS, TRANSPARENT_MAGICS, read_magic
from .texts import EVALUATORS, QUERIES, called_name, names_in_expansions, names_in_text
from .trees import children

Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda"
LAZY_ANNOTATIONS = sys.version_info >= (3, 14)


@dataclass(slots=True)
class Reach:
    """What a body reaches when it is called.

    `loads` are the global names that it reads, `stores` those that it binds or deletes through `global`,
    `texts` the words of constants given to `eval`, `query` and the like. `unbounded` says that names are
    computed; `always` says what it does that no store can answer.
    """

    loads: set[str] = field(default_factory=set)
    stores: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    unbounded: bool = False
    always: list[str] = field(default_factory=list)

    def add(self, other: Reach) -> None:
        self.loads |= other.loads
        self.stores |= other.stores
        self.texts |= other.texts
        self.unbounded = self.unbounded or other.unbounded
        self.always += other.always


@dataclass(slots=True)
class _Scope:
    parent: _Scope | None
    is_class: bool = False
    is_comprehension: bool = False
    bound: set[str] = field(default_factory=set)
    loads: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)
    global_: set[str] = field(default_factory=set)
    nonlocal_: set[str] = field(default_factory=set)
    children: list[_Scope] = field(default_factory=list)

    def child(self, *, is_class: bool = False, is_comprehension: bool = False) -> _Scope:
        made = _Scope(self, is_class, is_comprehension)
        self.children.append(made)
        return made

    def bind(self, name: str) -> None:
        self.bound.add(name)
        self.stored.add(name)


def function_reach(function: Function) -> Reach:
    """The reach of a function's or lambda's body; its decorators, defaults and annotations are not part of it."""
    return _reach_of(lambda collector, scope: collector.function_body(function, scope))


def code_reach(nodes: Iterable[ast.AST], bound: Iterable[str] = ()) -> Reach:
    """The reach of code that runs as if it were the body of a function whose locals include `bound`."""

    def collect(collector: _Collector, scope: _Scope) -> None:
        body = scope.child()
        body.bound.update(bound)
        collector.visit(nodes, body)

    return _reach_of(collect)


def argument_names(arguments: ast.arguments) -> list[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    if arguments.vararg:
        every.append(arguments.vararg)
    if arguments.kwarg:
        every.append(arguments.kwarg)
    return [argument.arg for argument in every]


def argument_annotations(function: Function) -> list[ast.expr]:
    """The annotations of a function: of its arguments and of what it returns."""
    if isinstance(function, ast.Lambda):
        return []
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found = [argument.annotation for argument in every if argument is not None and argument.annotation is not None]
    return [*found, function.returns] if function.returns is not None else found


def defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [*arguments.defaults, *(value for value in arguments.kw_defaults if value is not None)]


def type_parameter_names(node: ast.AST) -> list[str]:
    return [parameter.name for parameter in getattr(node, "type_params", ())]


def _reach_of(collect: Callable[[_Collector, _Scope], None]) -> Reach:
    collector = _Collector()
    module = _Scope(None, is_class=True)
    collect(collector, module)
    for scope in module.children:
        _resolve(scope, frozenset(), collector.reach)
    return collector.reach


def _resolve(scope: _Scope, enclosing: frozenset[str], reach: Reach) -> None:
    own = scope.bound - scope.global_ - scope.nonlocal_
    for name in scope.loads:
        # A class body finds a global where it has not bound the name yet.
        if name in scope.global_ or (name not in enclosing and (name not in own or scope.is_class)):
            reach.loads.add(name)
    reach.stores |= scope.stored & scope.global_
    inherited = (enclosing if scope.is_class else enclosing | own) - scope.global_
    for child in scope.children:
        _resolve(child, inherited, reach)


class _Collector:
    """Walks code once and notes for each scope what it binds and loads. Works through a stack, not by recursion."""

    __slots__ = ("_stack", "reach")

    def __init__(self) -> None:
        self.reach = Reach()
        self._stack: list[tuple[ast.AST, _Scope]] = []

    def function_body(self, function: Function, scope: _Scope) -> None:
        self._function(function, scope)
        self._drain()

    def visit(self, nodes: Iterable[ast.AST], scope: _Scope) -> None:
        self._push(nodes, scope)
        self._drain()

    def _push(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        self._stack += [(node, scope) for node in nodes if node is not None]

    def _drain(self) -> None:
        stack = self._stack
        while stack:
            node, scope = stack.pop()
            handle = _KINDS.get(type(node))
            if handle is not None:
                handle(self, node, scope)
            else:
                self._push(children(node), scope)

    def _rest(self, node: ast.AST, scope: _Scope) -> None:
        self._push(children(node), scope)

    def _name(self, node: ast.Name, scope: _Scope) -> None:
        if isinstance(node.ctx, ast.Load):
            if node.id != "__class__":
                scope.loads.add(node.id)
        else:
            if isinstance(node.ctx, ast.Del):
                scope.loads.add(node.id)
            scope.bind(node.id)

    def _import(self, node: ast.Import | ast.ImportFrom, scope: _Scope) -> None:
        for alias in node.names:
            if alias.name != "*":
                scope.bind((alias.asname or alias.name).split(".")[0])

    def _global(self, node: ast.Global, scope: _Scope) -> None:
        scope.global_.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal, scope: _Scope) -> None:
        scope.nonlocal_.update(node.names)

    def _named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar, scope: _Scope) -> None:
        if node.name:
            scope.bind(node.name)
        self._rest(node, scope)

    def _mapping(self, node: ast.MatchMapping, scope: _Scope) -> None:
        if node.rest:
            scope.bind(node.rest)
        self._rest(node, scope)

    def _augmented(self, node: ast.AugAssign, scope: _Scope) -> None:
        if isinstance(node.target, ast.Name):
            scope.loads.add(node.target.id)
        self._rest(node, scope)

    def _call(self, call: ast.Call, scope: _Scope) -> None:
        self._rest(call, scope)
        name = called_name(call)
        is_method = isinstance(call.func, ast.Attribute)
        if name in QUERIES or (name in EVALUATORS and not is_method):
            constant = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
            if isinstance(constant, str):
                self.reach.texts |= names_in_text(constant)
            elif name in EVALUATORS and not is_method and len(call.args) == 1 and not call.keywords:
                self.reach.unbounded = True
        elif name == "globals" and not is_method:
            self.reach.unbounded = True
        magic = read_magic(call)
        if magic is not None:
            self.reach.texts |= names_in_expansions(magic.arguments)
            if magic.name in TRANSPARENT_MAGICS:
                self.reach.texts |= names_in_text(magic.arguments)
            elif magic.name not in SETUP_MAGICS:
                self.reach.always.append(magic.spelling)

    def _type_scope(self, node: ast.AST, scope: _Scope) -> _Scope:
        """The scope that holds `T` of `def f[T]`; without type parameters the scope itself."""
        parameters = getattr(node, "type_params", ())
        if not parameters:
            return scope
        made = scope.child()
        made.bound.update(type_parameter_names(node))
        self._push((part for parameter in parameters for part in ast.iter_child_nodes(parameter)), made.child())
        return made

    def _type_alias(self, node: Any, scope: _Scope) -> None:
        self._push([node.name], scope)
        self._push([node.value], self._type_scope(node, scope).child())

    def _nested_function(self, node: Function, scope: _Scope) -> None:
        self._push(defaults(node.args), scope)
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name)
            self._push(node.decorator_list, scope)
        self._function(node, scope)

    def _function(self, node: Function, scope: _Scope) -> None:
        outer = self._type_scope(node, scope)
        if scope.parent is not None:
            self._push(argument_annotations(node), outer)
        body = outer.child()
        body.bound.update(argument_names(node.args))
        self._push([node.body] if isinstance(node, ast.Lambda) else node.body, body)

    def _class(self, node: ast.ClassDef, scope: _Scope) -> None:
        scope.bind(node.name)
        self._push(node.decorator_list, scope)
        outer = self._type_scope(node, scope)
        self._push(node.bases, outer)
        self._push((word.value for word in node.keywords), outer)
        self._push(node.body, outer.child(is_class=True))

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, scope: _Scope) -> None:
        inner = scope.child(is_comprehension=True)
        self._push([node.generators[0].iter], scope)
        for position, generator in enumerate(node.generators):
            self._push([generator.target, *generator.ifs], inner)
            if position:
                self._push([generator.iter], inner)
        self._push([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    def _walrus(self, node: ast.NamedExpr, scope: _Scope) -> None:
        """A walrus inside a comprehension binds in the scope around it."""
        self._push([node.value], scope)
        holder = scope
        while holder.is_comprehension and holder.parent is not None:
            holder = holder.parent
        holder.bind(node.target.id)


_KINDS: dict[type[ast.AST], Callable[..., None]] = {
    ast.AsyncFunctionDef: _Collector._nested_function,
    ast.AugAssign: _Collector._augmented,
    ast.Call: _Collector._call,
    ast.ClassDef: _Collector._class,
    ast.DictComp: _Collector._comprehension,
    ast.ExceptHandler: _Collector._named,
    ast.FunctionDef: _Collector._nested_function,
    ast.GeneratorExp: _Collector._comprehension,
    ast.Global: _Collector._global,
    ast.Import: _Collector._import,
    ast.ImportFrom: _Collector._import,
    ast.Lambda: _Collector._nested_function,
    ast.ListComp: _Collector._comprehension,
    ast.MatchAs: _Collector._named,
    ast.MatchMapping: _Collector._mapping,
    ast.MatchStar: _Collector._named,
    ast.Name: _Collector._name,
    ast.NamedExpr: _Collector._walrus,
    ast.Nonlocal: _Collector._nonlocal,
    ast.SetComp: _Collector._comprehension,
}
if hasattr(ast, "TypeAlias"):
    _KINDS[ast.TypeAlias] = _Collector._type_alias
