"""What changed between two texts of a cell, said to a person in as few words as it takes.

It compares code, not text: a change that does not count is said not to. It never raises.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from .directives import Header, read_header
from .parsing import NotPythonError, parse

_LINES_MAX = 20
_LINES_COMPARED_MAX = 400
_EXCERPT_CHARACTERS_MAX = 60
_UNSEEN = frozenset(("ctx", "kind", "type_comment", "type_ignores"))


@dataclass(frozen=True, slots=True)
class _Difference:
    """Two places that differ, each with what it is part of, from the outside to the inside."""

    before: tuple[ast.AST, ...]
    after: tuple[ast.AST, ...]


def explain_change(old_source: str, new_source: str) -> str:
    """What was changed: one constant with its line, or a short diff of the code. Lines count in the new text."""
    old, new = _code(old_source), _code(new_source)
    old_tree, new_tree = _tree(old), _tree(new)
    if old_tree is None or new_tree is None:
        if old == new:
            return _header_change(old_source, new_source)
        return _diff(old.split("\n"), new.split("\n"))
    differences = _first_two_differences(old_tree, new_tree)
    if not differences:
        return _header_change(old_source, new_source)
    if len(differences) == 1:
        said = _constant_change(differences[0])
        if said:
            return said
    try:
        before, after = ast.unparse(old_tree), ast.unparse(new_tree)
    except (RecursionError, ValueError):
        before, after = old, new
    return _diff(before.split("\n"), after.split("\n"))


def _code(source: str) -> str:
    header = read_header(source)
    return source if header is None else header.body


def _tree(code: str) -> ast.Module | None:
    try:
        return parse(code)
    except NotPythonError:
        return None


def _header_change(old_source: str, new_source: str) -> str:
    before, after = _spoken(read_header(old_source)), _spoken(read_header(new_source))
    if before == after:
        return "only comments or layout changed"
    return f"`{before}` → `{after}`"


def _spoken(header: Header | None) -> str:
    return "no header" if header is None else f"{header.spelling} {header.text}".strip()


def _first_two_differences(old: ast.AST, new: ast.AST) -> list[_Difference]:
    """At most two of the smallest places that differ: one is told in a sentence, more are not."""
    found: list[_Difference] = []
    stack: list[tuple[tuple[ast.AST, ...], tuple[ast.AST, ...]]] = [((old,), (new,))]
    while stack and len(found) < 2:
        before, after = stack.pop()
        pairs = _pairs(before[-1], after[-1])
        if pairs is None:
            found.append(_Difference(before, after))
        else:
            stack.extend(((*before[-12:], left), (*after[-12:], right)) for left, right in reversed(pairs))
    return found


def _pairs(old: ast.AST, new: ast.AST) -> list[tuple[ast.AST, ast.AST]] | None:
    """The parts of two nodes, side by side, or None when the nodes themselves differ."""
    if type(old) is not type(new):
        return None
    pairs: list[tuple[ast.AST, ast.AST]] = []
    for field in old._fields:
        if field in _UNSEEN:
            continue
        left, right = _listed(getattr(old, field, None)), _listed(getattr(new, field, None))
        if len(left) != len(right):
            return None
        for one, other in zip(left, right, strict=True):
            if isinstance(one, ast.AST) and isinstance(other, ast.AST):
                pairs.append((one, other))
            elif type(one) is not type(other) or repr(one) != repr(other):
                return None
    return pairs


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _constant_change(difference: _Difference) -> str:
    """`limit = 5` → `limit = 6` (line 3): the largest piece around the constant that fits into a line."""
    old, new = difference.before[-1], difference.after[-1]
    if not isinstance(old, ast.Constant) or not isinstance(new, ast.Constant):
        return ""
    line = new.lineno
    for before, after in _pieces(difference):
        if isinstance(after, (ast.stmt, ast.expr, ast.keyword)):
            left, right = _excerpt(before), _excerpt(after)
            if left and right:
                return f"`{left}` → `{right}` (line {line})"
    return f"a constant of {_size(old)} → one of {_size(new)} (line {line})"


def _pieces(difference: _Difference) -> Iterator[tuple[ast.AST, ast.AST]]:
    return zip(difference.before, difference.after, strict=True)


def _excerpt(node: ast.AST) -> str:
    """The code of a node if it is short, else nothing."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return ""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return ""
    return text if len(text) <= _EXCERPT_CHARACTERS_MAX and "\n" not in text else ""


def _size(constant: ast.Constant) -> str:
    return (
        f"{len(constant.value)} characters" if isinstance(constant.value, (str, bytes)) else repr(constant.value)[:40]
    )


def _diff(old: list[str], new: list[str]) -> str:
    """A unified diff without context lines around it, cut to a length that one reads."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    before, after = old[start : len(old) - end], new[start : len(new) - end]
    # Comparing lines takes time that grows with their product.
    lines = list(difflib.unified_diff(before[:_LINES_COMPARED_MAX], after[:_LINES_COMPARED_MAX], lineterm="", n=1))
    shown = [line[:160] for line in lines[2:] if not line.startswith("@@")]
    left_out = len(shown) - _LINES_MAX
    if left_out > 0 or len(before) > _LINES_COMPARED_MAX or len(after) > _LINES_COMPARED_MAX:
        shown = [*shown[:_LINES_MAX], "…"]
    return "\n".join(shown) or "only comments or layout changed"
