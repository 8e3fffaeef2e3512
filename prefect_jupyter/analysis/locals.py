"""Which local variables of a function nobody outside of it can tell by name.

Only these may be called anything without a change of meaning. In doubt a name counts.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .texts import EVALUATORS, NAMESPACES, QUERIES, names_in_text
from .trees import children

_LOOKING = EVALUATORS | NAMESPACES | QUERIES | {"_getframe", "currentframe", "f_locals", "stack"}
_REFUSED = (ast.ClassDef, ast.Global, ast.Nonlocal)
_WITHOUT_NAMES = (ast.Call, ast.Subscript, ast.BinOp, ast.Assign, ast.Expr, ast.Return, ast.If, ast.For, ast.Compare)
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def renamed_locals(function: ast.FunctionDef | ast.AsyncFunctionDef, outer: Mapping[str, str]) -> Mapping[str, str]:
    """Name → what stands for it inside of `function`, given what stands for the names around it.

    Left alone are parameters, names bound in nested scopes too, names that occur in a text, and everything in a
    function that is decorated or looks its variables up.
    """
    own: dict[str, None] = {}
    kept: set[str] = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    refused = bool(function.decorator_list or getattr(function, "type_params", None))
    pending: list[tuple[ast.AST, bool]] = [(statement, False) for statement in reversed(function.body)]
    while pending:
        node, nested = pending.pop()
        if isinstance(node, ast.Name):
            refused = refused or node.id in _LOOKING
            if not isinstance(node.ctx, ast.Load):
                if nested:
                    kept.add(node.id)
                else:
                    own[node.id] = None
            continue
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                kept |= names_in_text(node.value)
            continue
        if isinstance(node, ast.Attribute):
            refused = refused or node.attr in _LOOKING
        elif not isinstance(node, _WITHOUT_NAMES):
            refused = refused or isinstance(node, _REFUSED)
            kept.update(_spelled_names(node))
            nested = nested or isinstance(node, _SCOPES)
        pending += [(part, nested) for part in reversed(children(node))]
    if refused:
        own.clear()
    names = {name: token for name, token in outer.items() if name not in kept}
    for name in own:
        if name not in kept:
            names[name] = f"%{len(names)}"
    return names


def _spelled_names(node: ast.AST) -> list[str]:
    """Names that a node binds, or gives to others, as a word of its own and not as a `Name`."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    names = [getattr(node, attribute, None) for attribute in ("name", "rest", "arg")]
    return [name for name in names if isinstance(name, str)]
