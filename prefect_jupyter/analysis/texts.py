"""Names inside strings: code that is handed over as text, and text that is expanded before it is used.

It finds words that may be names; whether a name exists is for others to know.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterable

_WORD = re.compile(r"[^\W\d]\w*")
_MARKED = re.compile(r"(?<!\w)@([^\W\d]\w*)")
_EXPANDED = re.compile(r"\{([^{}]*)\}|\$([^\W\d]\w*)")

EVALUATORS = frozenset(("eval", "exec"))
"""Builtins that run a text in the notebook's namespace."""

NAMESPACES = frozenset(("globals", "locals", "vars", "dir"))
"""Builtins that, called without arguments, give the notebook's namespace."""

QUERIES = frozenset(
    ("dmatrices", "dmatrix", "eval", "evaluate", "from_formula", "glm", "logit", "mixedlm", "ols", "query", "sql")
)
"""Methods and functions of libraries that look names of the notebook up in a text."""

QUERY_LIBRARIES = frozenset(("duckdb", "ne", "numexpr", "pandas", "patsy", "pd"))
"""Usual names of modules whose functions of `QUERIES` take nothing but such a text."""


def names_in_text(text: str) -> frozenset[str]:
    """Every word of a text that could be a name."""
    return frozenset(word for word in _WORD.findall(text) if not keyword.iskeyword(word))


def names_in_expansions(text: str) -> frozenset[str]:
    """The words in `{…}` and `$name`, which IPython expands in commands and in the arguments of magics."""
    if "{" not in text and "$" not in text:
        return frozenset()
    return names_in_text(" ".join(braced or dollar for braced, dollar in _EXPANDED.findall(text)))


def names_marked_in_text(value: ast.expr) -> frozenset[str]:
    """The `@name`s in a text that a value is: what a `query` of that text reads, wherever it is made."""
    if not isinstance(value, (ast.Constant, ast.JoinedStr)):
        return frozenset()
    parts = value.values if isinstance(value, ast.JoinedStr) else (value,)
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return frozenset(name for text in texts if "@" in text for name in _MARKED.findall(text))


def names_in_strings(nodes: ast.AST | Iterable[ast.AST]) -> frozenset[str]:
    """Every word in every string constant under `nodes`: what a cell may read whose code reaches `eval`."""
    roots = (nodes,) if isinstance(nodes, ast.AST) else nodes
    found: set[str] = set()
    for root in roots:
        for node in ast.walk(root):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= names_in_text(node.value)
    return frozenset(found)


def called_name(call: ast.Call) -> str:
    """The last part of what is called: `f` of `f()`, `query` of `df.query()`, "" of `f()()`."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
