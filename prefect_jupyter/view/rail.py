"""The rail: which lane of connector lines each task of a list stands in.

Pure geometry, in rows and lanes; it must not know pixels, colours or a renderer. The page has the same
algorithm, and a shared list of examples holds the two together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# More lanes than this would be wider than the names beside them: the last one is shared.
LANES_MAX = 8


def lanes(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """The lane of each of `count` tasks in document order.

    A task's line runs down its lane to its last reader. That one goes on in the same lane, so that a chain
    is one straight line; any other task takes the first lane that is free.
    """
    last = list(range(count))
    for source, target in edges:
        if source < target < count:
            last[source] = max(last[source], target)
    owners: list[int] = []
    taken: list[int] = []
    for row in range(count):
        ending = [lane for lane, owner in enumerate(owners) if last[owner] == row]
        free = [lane for lane, owner in enumerate(owners) if last[owner] < row]
        lane = [*ending, *free, min(len(owners), LANES_MAX - 1)][0]
        if lane == len(owners):
            owners.append(row)
        elif last[owners[lane]] <= last[row]:
            owners[lane] = row
        taken.append(lane)
    return taken


def width(taken: Sequence[int]) -> int:
    """The number of lanes in use."""
    return max(taken, default=-1) + 1
