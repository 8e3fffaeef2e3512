"""What the header of a task says about how its body runs, as plain Python: a condition, and a loop over elements.

It shares nothing with the engine; it must not know how tasks are kept or scheduled.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

_CALL = "__import__('prefect_jupyter.oracle.mapped_cells', fromlist=['run'])"


def as_plain(header: str, body: str) -> str | None:
    """A cell that does with `body` what `header` says of conditions and elements; None when it says nothing of them."""
    try:
        words = shlex.split(header, comments=True)
    except ValueError:
        return None
    values = [word.partition("=")[2] if word.startswith("--when=") else "" for word in words]
    when = next((value for value in values if value), None)
    maps: list[tuple[str, str]] = []
    outputs: list[str] | None = None
    for at, word in enumerate(words[:-1]):
        if word == "--when":
            when = words[at + 1]
        elif word in ("-o", "--outputs"):
            outputs = [name.strip() for name in words[at + 1].split(",")]
        elif word == "--map":
            text = " ".join(words[at + 1 :])
            mapping = re.match(r"(.+?)\s+in\s+", text)
            if mapping is not None:
                rest = (
                    words[at + 1][mapping.end() :] if " in " in words[at + 1] else text[mapping.end() :].split(" ")[0]
                )
                maps.append((mapping[1], rest))
    if when is None and not maps:
        return None
    verb = "await " if re.search(r"\bawait\b", body) else ""
    return f"{verb}{_CALL}.run{'_async' if verb else ''}({body!r}, {maps!r}, {when!r}, {outputs!r}, globals())"


def run(
    body: str, maps: list[tuple[str, str]], when: str | None, outputs: list[str] | None, namespace: dict[str, Any]
) -> None:
    """Runs `body` as the header says; the lists of what it makes are in `namespace` afterwards."""
    for code in _turns(body, maps, when, outputs, namespace):
        exec(code, namespace)


async def run_async(
    body: str, maps: list[tuple[str, str]], when: str | None, outputs: list[str] | None, namespace: dict[str, Any]
) -> None:
    """The same for a body that awaits."""
    for code in _turns(body, maps, when, outputs, namespace):
        answer = eval(code, namespace)
        if answer is not None:
            await answer


def _turns(
    body: str, maps: list[tuple[str, str]], when: str | None, outputs: list[str] | None, namespace: dict[str, Any]
) -> Iterable[Any]:
    shell = namespace.get("get_ipython", lambda: None)()
    tree = ast.parse(body if shell is None else shell.transform_cell(body))
    code = compile(tree, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if not maps:
        if eval(when or "True", namespace):
            yield code
        return
    names = outputs if outputs is not None else sorted(_bound(tree.body))
    before = {name: namespace[name] for name in names if name in namespace}
    lists: dict[str, list[Any]] = {name: [] for name in names}
    items = {name.strip() for targets, _ in maps for name in targets.split(",")}
    hidden = {name: namespace[name] for name in items if name in namespace}
    for row in zip(*(eval(expression, namespace) for _, expression in maps), strict=False):
        for name in names:
            namespace.pop(name, None)
        namespace.update(before)
        for (targets, _), value in zip(maps, row, strict=True):
            _bind(targets, value, namespace)
        runs = bool(eval(when or "True", namespace))
        if runs:
            yield code
        for name in names:
            lists[name].append(namespace.get(name) if runs else None)
    for name in items:
        namespace.pop(name, None)
    namespace.update({**hidden, **lists})


def _bind(targets: str, value: Any, namespace: dict[str, Any]) -> None:
    names = [name.strip() for name in targets.split(",")]
    namespace.update(zip(names, value, strict=True) if len(names) > 1 else {names[0]: value})


def _bound(statements: Iterable[ast.stmt]) -> set[str]:
    """The names that assignments at the top of a body bind, in blocks too; not loops, imports and definitions."""
    found: set[str] = set()
    for statement in statements:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
            targets = [statement.target]
        for target in targets:
            names = (node for node in ast.walk(target) if isinstance(node, ast.Name))
            found |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
        blocks: Mapping[str, Any] = vars(statement)
        if not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for block in ("body", "orelse", "finalbody"):
                found |= _bound(blocks.get(block, []))
            for handler in blocks.get("handlers", []):
                found |= _bound(handler.body)
    return {name for name in found if not name.startswith("_")}
