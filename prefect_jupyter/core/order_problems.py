"""What is wrong with the order and the names of tasks: readers above their writers, cycles, names used twice.

It explains in the words of a person's notebook; it must not change how names are bound.
"""

from __future__ import annotations

import builtins
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .cells import Cell, Problem

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from .bindings import Bindings
    from .naming import Places

_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class _Inversion:
    """The task at `reader` needs `name`, which is first made below it, at `writer`."""

    reader: int
    name: str
    writer: int


def find_problems(
    cells: Sequence[Cell], bindings: Bindings, places: Places, external: Container[str]
) -> dict[str, tuple[Problem, ...]]:
    found: dict[str, list[Problem]] = {}
    for cell_id, problem in (*_equal_names(cells, places), *_inversions(cells, bindings, places, external)):
        known = found.setdefault(cell_id, [])
        if problem not in known:
            known.append(problem)
    return {cell_id: tuple(problems) for cell_id, problems in found.items()}


def is_awaited(name: str, cells: Sequence[Cell], bindings: Bindings) -> bool:
    """Whether a task reads `name` that no cell above it writes: another writer below would be below its reader."""
    if name in _BUILTINS:
        return False
    end = bindings.writers[name][0] + 1 if name in bindings.writers else len(cells)
    return any(
        cell.is_task and (name in cell.reads or name in cell.in_place) and name not in cell.writes
        for cell in cells[:end]
    )


def _equal_names(cells: Sequence[Cell], places: Places) -> list[tuple[str, Problem]]:
    """Tasks with the name of one above. A copy with the very same text is none: it is counted (`clean·2`)."""
    owners: dict[str, Cell] = {}
    found: list[tuple[str, Problem]] = []
    for cell in cells:
        name = cell.options.name if cell.options is not None else None
        if name:
            owner = owners.setdefault(name, cell)
            if owner is not cell and owner.source != cell.source:
                where = f"{places.label(owner.id)} and {places.label(cell.id)}"
                found.append((cell.id, Problem(f"two tasks are called `{name}`, {where}: rename one of them")))
    return found


def _inversions(
    cells: Sequence[Cell], bindings: Bindings, places: Places, external: Container[str]
) -> list[tuple[str, Problem]]:
    inverted = _find_inverted(cells, bindings, external)
    # What functions read they need when they are called: a cell that only defines them can always be first.
    below = [
        [target for target in targets if not _only_defines(cells[target])] if inverted else ()
        for targets in bindings.below
    ]
    backward: dict[int, list[int]] = {}
    for inversion in inverted:
        backward.setdefault(inversion.writer, []).append(inversion.reader)
    found: list[tuple[str, Problem]] = []
    for inversion in inverted:
        reader, writer = cells[inversion.reader].id, cells[inversion.writer].id
        path = _path(inversion.reader, inversion.writer, below, backward)
        if path is None:
            found.append(
                (
                    reader,
                    Problem(
                        f"`{inversion.name}` is read by {places.full(reader)} but written below it by "
                        f"{places.full(writer)}: move one of them"
                    ),
                )
            )
            continue
        circle = " → ".join(places.short(cells[position].id) for position in (*path, inversion.reader))
        problem = Problem(
            f"{circle}: each of these needs the one before it, so none can be first; "
            f"`{inversion.name}` is read by {places.full(reader)} but written below it by {places.full(writer)}: "
            "give one of the values another name, or join the cells"
        )
        found.extend((cells[position].id, problem) for position in path if cells[position].is_task)
    return found


def _only_defines(cell: Cell) -> bool:
    return bool(cell.definitions) and not cell.reads and cell.writes == cell.definitions


def _find_inverted(cells: Sequence[Cell], bindings: Bindings, external: Container[str]) -> list[_Inversion]:
    makers: dict[str, list[int]] = {}
    for position, cell in enumerate(cells):
        # A loop variable further down is not what a reader above could have meant.
        for name in cell.writes - cell.hidden:
            makers.setdefault(name, []).append(position)
    found: list[_Inversion] = []
    for position, cell in enumerate(cells):
        if not cell.is_task:
            continue
        # A cell that binds the name itself may read it only after that, which text alone cannot decide.
        for name in sorted((cell.reads | cell.in_place) - cell.writes):
            below = makers.get(name)
            if below is None or bindings.writers[name][0] < position or name in _BUILTINS or name in external:
                continue
            index = bisect_right(below, position)
            if index < len(below):
                found.append(_Inversion(position, name, below[index]))
    return found


def _path(
    start: int, end: int, below: Sequence[Iterable[int]], backward: Mapping[int, Sequence[int]]
) -> list[int] | None:
    """The shortest way from `start` to `end` along needs, those that point up the document included."""
    came_from: dict[int, int] = {start: start}
    queue = deque([start])
    while queue:
        here = queue.popleft()
        if here == end:
            path = [end]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            return path[::-1]
        for there in (*below[here], *backward.get(here, ())):
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
    return None
