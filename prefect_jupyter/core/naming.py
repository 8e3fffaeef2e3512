"""What each task of a notebook is called, and how a cell is spoken of in a message.

It must not look at values or at what ran: names follow from the text of the cells alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .cells import Cell

_WORD = re.compile(r"[^\W\d]\w*")


def name_tasks(cells: Sequence[Cell]) -> dict[str, str]:
    """Cell id → name, unique, for every task among `cells`.

    Explicit names are given first, so that a default name never takes one away; the second `df` is `df·2`.
    """
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    taken: set[str] = set()
    tasks = [cell for cell in cells if cell.options is not None]
    explicit = [(cell, cell.options.name) for cell in tasks if cell.options is not None and cell.options.name]
    defaults = ((cell, default_name(cell)) for cell in tasks if cell.options is not None and not cell.options.name)
    for cell, wanted in (*explicit, *defaults):
        name = wanted
        while name in taken:
            counts[wanted] = counts.get(wanted, 1) + 1
            name = f"{wanted}·{counts[wanted]}"
        taken.add(name)
        names[cell.id] = name
    return {cell.id: names[cell.id] for cell in tasks}


def default_name(cell: Cell) -> str:
    """The first name that the cell gives to others: a value, else a definition, else what it changes in place."""
    if cell.options is not None and cell.options.outputs:
        return cell.options.outputs[0]
    visible = cell.writes - cell.hidden
    for candidates in (visible - cell.definitions, visible & cell.definitions, cell.in_place):
        if candidates:
            return _first_in_text(candidates, cell.source)
    return "cell"


def _first_in_text(candidates: frozenset[str], source: str) -> str:
    if len(candidates) > 1:
        # Options of a task and prose in comments may hold the same words.
        for line in source.splitlines():
            if not line.lstrip().startswith(("%", "#")):
                for match in _WORD.finditer(line):
                    if match[0] in candidates:
                        return match[0]
    return min(candidates)


class Places:
    """How messages speak of cells: `fit` ([3]) for a task, [3] for another one.

    `labels` are what a person calls the cells; a cell without one is counted from the top.
    """

    __slots__ = ("_labels", "_names", "_positions")

    def __init__(self, names: Mapping[str, str], labels: Mapping[str, str], positions: Mapping[str, int]) -> None:
        self._names = names
        self._labels = labels
        self._positions = positions

    def label(self, cell_id: str) -> str:
        return self._labels.get(cell_id) or f"cell {self._positions[cell_id] + 1} from the top"

    def short(self, cell_id: str) -> str:
        return self._names.get(cell_id) or self.label(cell_id)

    def full(self, cell_id: str) -> str:
        name = self._names.get(cell_id)
        return f"`{name}` ({self.label(cell_id)})" if name else self.label(cell_id)
