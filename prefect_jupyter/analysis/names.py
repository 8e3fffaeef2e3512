"""The notes taken while code is followed: which global names it reads, binds, changes and defines.

It knows whether a note belongs to the notebook or to a class body; it must not know syntax trees.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TypeAlias

from ..core.cells import Problem
from .magics import is_history
from .scopes import Reach

Bound: TypeAlias = "set[str]"
"""The names that are surely bound at one point of the code. Given down and changed in the order of execution."""

ASKING = frozenset(("input", "getpass"))


@dataclass(slots=True)
class Wrapped:
    """The code inside of a transparent magic.

    `heading` tells the magic and its options. `suppressed` says that the last value is not shown.
    """

    heading: str
    body: list[ast.stmt]
    suppressed: bool


@dataclass(slots=True)
class ClassBody:
    """A class body that is being followed.

    `outer` is what scopes nested in it see: not the names of the class. `own` are the names of the class,
    `reach` is what its methods reach. `uses_own` says that it loads one of its own names: perhaps a method
    that it calls before the class is bound.
    """

    outer: Bound
    own: set[str]
    reach: Reach = field(default_factory=Reach)
    uses_own: bool = False


@dataclass(slots=True)
class Names:
    """What a run of the code touches. The fields mean what those of `Cell` mean.

    `visible` are the writes that are not hidden. `wrapped` holds the codes inside of magics by `id` of the call;
    the lines of `problems` count in the text that was parsed.
    """

    reads: set[str] = field(default_factory=set)
    late: dict[str, set[str]] = field(default_factory=dict)
    writes: set[str] = field(default_factory=set)
    visible: set[str] = field(default_factory=set)
    in_place: set[str] = field(default_factory=set)
    deletes: set[str] = field(default_factory=set)
    definitions: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    words: frozenset[str] = frozenset()
    evaluating: set[str] = field(default_factory=set)
    reads_everything: bool = False
    always: list[str] = field(default_factory=list)
    wrapped: dict[int, Wrapped] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class Record:
    """Takes the notes. `branch` is more than 0 while the code at hand may not run."""

    __slots__ = ("_loaded", "branch", "class_body", "names", "reaches")

    def __init__(self) -> None:
        self.names = Names()
        self.branch = 0
        self.class_body: ClassBody | None = None
        self.reaches: dict[str, Reach] = {}
        self._loaded: set[str] = set()

    def load(self, name: str, bound: Bound) -> None:
        self._loaded.add(name)
        if name not in bound:
            self.names.reads.add(name)
        elif self.class_body is not None and name in self.class_body.own:
            self.class_body.uses_own = True

    def bind(self, name: str, bound: Bound, *, hidden: bool = False, definition: bool = False) -> None:
        bound.add(name)
        if self.class_body is not None:
            self.class_body.own.add(name)
            return
        names = self.names
        names.writes.add(name)
        if not hidden and not name.startswith("_"):
            names.visible.add(name)
        if definition:
            names.definitions.add(name)
        if not self.branch:
            names.deletes.discard(name)
            if not definition:
                # The last binding decides: `f = jit(f)` is a value.
                names.definitions.discard(name)

    def bind_if_run(self, name: str, *, hidden: bool = False) -> None:
        """Bound by code that may not get there."""
        self.branch += 1
        self.bind(name, set(), hidden=hidden)
        self.branch -= 1

    def delete(self, name: str, bound: Bound) -> None:
        self.load(name, bound)
        bound.discard(name)
        if self.class_body is not None:
            return
        names = self.names
        names.deletes.add(name)
        if not self.branch:
            names.writes.discard(name)
            names.visible.discard(name)
            names.definitions.discard(name)

    def change(self, name: str | None, bound: Bound) -> None:
        """The value of `name` is changed in place; a value that the code has made itself is not an input."""
        if name is None or name in bound or (self.class_body is not None and name in self.class_body.own):
            return
        self.names.in_place.add(name)

    def seen_by_nested(self, bound: Bound) -> Bound:
        return bound if self.class_body is None else self.class_body.outer

    def run_nested(self, reach: Reach, bound: Bound) -> None:
        """Code in a scope of its own that runs, or may run, now."""
        seen = self.seen_by_nested(bound)
        for name in reach.loads:
            self.load(name, seen)
        names = self.names
        names.maybe |= reach.texts
        names.always += reach.always
        names.reads_everything |= reach.unbounded

    def define(self, name: str, reach: Reach, *, runs_early: bool = False) -> None:
        """Code in a scope of its own that runs when `name` is called, or, early, before `name` is bound."""
        self.names.maybe |= reach.texts
        if self.class_body is not None:
            self.class_body.reach.add(reach)
            return
        late = self.names.late.setdefault(name, set())
        itself = set() if runs_early else {name}
        late.update((reach.loads | reach.texts) - itself - {"get_ipython"})
        self.reaches.setdefault(name, Reach()).add(reach)

    @property
    def has_unbounded_code(self) -> bool:
        return self.names.reads_everything or any(reach.unbounded for reach in self.reaches.values())

    def finish(self) -> None:
        """What depends on the whole code: functions that it both defines and reaches, and history."""
        names = self.names
        names.evaluating |= {name for name, reach in self.reaches.items() if reach.unbounded}
        for reach in self._reached():
            names.reads_everything |= reach.unbounded
            names.always += reach.always
            names.always += [f"`{asking}()`" for asking in sorted(reach.loads & ASKING)]
        names.reads.discard("get_ipython")
        history = sorted(name for name in names.reads if name[0] in "_IO" and is_history(name))
        names.reads.difference_update(history)
        names.always += [f"history (`{name}`)" for name in history]
        names.always = list(dict.fromkeys(names.always))

    def _reached(self) -> list[Reach]:
        seen: set[str] = set()
        pending = [name for name in self.reaches if name in self._loaded]
        while pending:
            name = pending.pop()
            if name not in seen:
                seen.add(name)
                pending += [other for other in self.reaches[name].loads if other in self.reaches]
        return [self.reaches[name] for name in sorted(seen)]
