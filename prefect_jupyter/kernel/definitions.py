"""Definitions of a task that is answered from the store: which statements run again, and which objects stay.

It must not look anything up, nor judge what a run did beside them.
"""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Mapping

from IPython.core.interactiveshell import InteractiveShell

from ..analysis.statements import bound_by, replayable, stores_into
from ..core.rebuilder import Trace
from .comparison import Changes
from .user_namespace import UserNamespace
from .versions import NOTHING, Version


class Definitions:
    """Imports, functions, classes and set-up magics of one notebook's tasks."""

    def __init__(self, shell: InteractiveShell, namespace: UserNamespace, transform: Callable[[str], str]) -> None:
        self._shell = shell
        self._namespace = namespace
        self._transform = transform

    # --- after a run

    def positions(self, tree: ast.Module, changes: Changes) -> tuple[int, ...]:
        """Positions of the statements to run again on a hit; marks what they bind as definitions (by result)."""
        by_form = set(replayable(tree))
        values = self._namespace.values
        binder: dict[str, int] = {}
        replays: set[int] = {position for position in by_form if not bound_by(tree.body[position])}
        for position, statement in enumerate(tree.body):
            for name in bound_by(statement):
                binder[name] = position
            if _stores_into_a_module(statement, values):
                replays.add(position)
        for name in changes.bound:
            value, position_ = values.get(name), binder.get(name)
            is_module = type(value).__name__ == "module"
            if position_ is None:
                if is_module:
                    changes.made[name].definition = True
                continue
            if position_ in by_form or is_module or isinstance(value, type):
                changes.made[name].definition = True
                replays.add(position_)
        return tuple(sorted(replays))

    # --- on a hit

    def kept(self, cell: str, versions: dict[str, Version]) -> set[str]:
        """Those of `versions`, of a cell to be answered from the store, that this kernel has defined already.

        They are replaced by the versions that there are; the others have to be defined by running the code.
        """
        kept: set[str] = set()
        for name, before in self._namespace.versions.made.get(cell, {}).items():
            now = versions.get(name)
            if now is None or not (now.definition and before.definition) or now.fingerprint != before.fingerprint:
                continue
            if self._namespace.bound.get(name) is before and name in self._namespace.values:
                value = self._namespace.values[name]
            else:
                value = self._namespace.value_of(before)
            if value is not NOTHING and self._namespace.own_digest(value) == before.fingerprint:
                before.retained = value
                versions[name] = before
                kept.add(name)
        return kept

    def replay(self, body: str, trace: Trace, kept: set[str]) -> None:
        """Runs the definitions of a task, except for those in `kept`: imports, functions, classes, set-up magics."""
        if not trace.replays:
            return
        tree = ast.parse(self._transform(body))
        for position in trace.replays:
            statement = tree.body[position]
            bound = bound_by(statement)
            if bound and bound <= kept:
                continue
            self._namespace.load_pending(_names_needed_by(statement))
            module = ast.Module([statement], [])
            # with the notebook's own `__future__` imports, not this module's
            code = compile(module, "<definitions>", "exec", self._shell.compile.flags, dont_inherit=True)
            exec(code, self._namespace.values)

    def are_as_defined(self, versions: Mapping[str, Version], kept: set[str]) -> bool:
        """Whether definitions that ran again are what they were when their whole cell ran: `f.calls = 1` is not."""
        values = self._namespace.values
        return all(
            name in values and self._namespace.own_digest(values[name]) == version.fingerprint
            for name, version in versions.items()
            if version.definition and name not in kept and not str(version.fingerprint).startswith("prov:")
        )


def _names_needed_by(statement: ast.stmt) -> set[str]:
    """Names that running a definition may read at once (not those that its bodies read later)."""
    parts: list[ast.AST] = [statement]
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        parts = [*statement.decorator_list, statement.args]
        if statement.returns is not None:
            parts.append(statement.returns)
    return {node.id for part in parts for node in ast.walk(part) if isinstance(node, ast.Name)}


def _stores_into_a_module(statement: ast.stmt, values: Mapping[str, object]) -> bool:
    roots = stores_into(ast.Module([statement], []))
    return any(isinstance(values.get(root), types.ModuleType) for root in roots)
