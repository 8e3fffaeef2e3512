"""What can be told from the form of top-level statements: what they bind, and which are definitions.

Definitions are run again, not stored. It must not know values: what is a definition by its value is found elsewhere.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable

from .magics import SETUP_MAGICS, read_magic

_NO_CODE = frozenset(
    (tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
)
_IMPORTS = (ast.Import, ast.ImportFrom)
_DEFINITIONS: tuple[type[ast.stmt], ...] = (
    *_IMPORTS,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    *((ast.TypeAlias,) if hasattr(ast, "TypeAlias") else ()),
)
_TRIES: tuple[type[ast.stmt], ...] = (ast.Try, *((ast.TryStar,) if hasattr(ast, "TryStar") else ()))
_STATE = frozenset(("environ", "rcParams", "options", "filters", "path"))
_EVALUATING = (ast.Call, ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom)


def replayable(tree: ast.Module) -> tuple[int, ...]:
    """Positions of the top-level statements that are definitions by their form.

    These are imports, functions, classes, lambdas that get a name, `try: import …`, set-up magics, and `if`s around
    such statements whose tests call nothing.
    """
    return tuple(position for position, statement in enumerate(tree.body) if is_definition(statement))


def is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, _DEFINITIONS):
        return True
    if isinstance(statement, ast.Assign):
        return isinstance(statement.value, ast.Lambda) and all(isinstance(name, ast.Name) for name in statement.targets)
    if isinstance(statement, ast.AnnAssign):
        return isinstance(statement.value, ast.Lambda) and isinstance(statement.target, ast.Name)
    if isinstance(statement, ast.Expr):
        return _is_setup(statement.value)
    if isinstance(statement, ast.If):
        return not any(isinstance(node, _EVALUATING) for node in ast.walk(statement.test)) and _define(
            (*statement.body, *statement.orelse)
        )
    if isinstance(statement, _TRIES):
        return _is_guarded_import(statement)
    return False


def surely_bound(tree: ast.Module) -> frozenset[str]:
    """The names that running all of `tree` binds whatever happens: those of its simple statements and definitions."""
    simple = (ast.Assign, ast.AugAssign, ast.AnnAssign, *_DEFINITIONS)
    return frozenset().union(
        *(
            bound_by(statement)
            for statement in tree.body
            if isinstance(statement, simple) and getattr(statement, "value", statement) is not None
        )
    )


def stores_into(tree: ast.Module) -> frozenset[str]:
    """The names at the root of top-level stores to attributes and items: `m` of `m.tau = 3` and of `m["x"].y = 1`."""
    return frozenset(
        root
        for statement in tree.body
        if isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign))
        for target in (statement.targets if isinstance(statement, ast.Assign) else (statement.target,))
        if (root := root_of_store(target)) is not None
    )


def root_of_store(target: ast.expr) -> str | None:
    """The name whose value a store to `target` changes in place; None where it binds a name or sets an option.

    Options that are followed as process-wide state (`os.environ`, `plt.rcParams`, `pd.options`) are no part of
    the module that they are reached through.
    """
    inner: ast.expr = target
    while isinstance(inner, (ast.Attribute, ast.Subscript)):
        if isinstance(inner, ast.Attribute) and inner.attr in _STATE:
            return None
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) and inner is not target else None


def bound_by(statement: ast.stmt) -> frozenset[str]:
    """The names that a top-level statement binds when it runs, in whatever block inside of it."""
    found: set[str] = set()
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
            pending += node.decorator_list
        elif isinstance(node, _IMPORTS):
            found.update((alias.asname or alias.name).split(".")[0] for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Lambda):
            pass
        elif isinstance(node, ast.AnnAssign):
            # `x: int` alone binds nothing.
            pending += [node.annotation] if node.value is None else [node.target, node.value]
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            found.update(part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr))
        else:
            if isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name:
                found.add(node.name)
            elif isinstance(node, ast.MatchMapping) and node.rest:
                found.add(node.rest)
            pending.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def suppressed(source: str) -> bool:
    """Does the code end in `;`, so that its last value is not shown?"""
    if ";" not in source:
        return False
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in _NO_CODE:
                last = token.string
    except (tokenize.TokenError, SyntaxError, UnicodeError, ValueError):
        return source.rstrip().endswith(";")
    return last == ";"


def has_effect_free_form(tree: ast.Module) -> bool:
    """Do the statements surely do nothing but define, whatever the values are?

    Constants, plain names, `pass`, definitions without decorators, and assertions: Python itself leaves these
    out when it is asked to optimise, so that nothing may depend on what they do.
    """
    return all(_is_effect_free(statement) for statement in tree.body)


def _is_effect_free(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, (ast.Constant, ast.Name)) or _is_setup(statement.value)
    if isinstance(statement, (ast.Pass, ast.Assert)):
        return True
    decorated = any(getattr(node, "decorator_list", None) for node in ast.walk(statement))
    return is_definition(statement) and not decorated


def strings_in(tree: ast.AST) -> set[str]:
    """The strings that a text spells out."""
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _is_setup(value: ast.expr) -> bool:
    magic = read_magic(value) if isinstance(value, ast.Call) else None
    return magic is not None and magic.kind == "line" and magic.name in SETUP_MAGICS


def _is_constant(statement: ast.stmt) -> bool:
    """`pass`, `np = None`, `HAS_TORCH = True`: what stands beside definitions in an `if` or a `try`."""
    if isinstance(statement, (ast.Assign, ast.Expr)):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


def _define(statements: Iterable[ast.stmt]) -> bool:
    """Only definitions and constants, and a definition among them."""
    listed = list(statements)
    return any(map(is_definition, listed)) and all(
        is_definition(statement) or _is_constant(statement) for statement in listed
    )


def _is_guarded_import(statement: ast.stmt) -> bool:
    body: list[ast.stmt] = statement.body  # type: ignore[attr-defined]
    after: list[ast.stmt] = [*statement.orelse, *statement.finalbody]  # type: ignore[attr-defined]
    return (
        any(isinstance(line, _IMPORTS) for line in body)
        and _define(body)
        and all(is_definition(line) or _is_constant(line) for line in after)
    )
