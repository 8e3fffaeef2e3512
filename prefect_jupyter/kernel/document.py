"""The notebook as a text: which code cells there are, in which order, with which words.

It must not know what the texts mean or what happened when they ran.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Document:
    """Order and texts of the code cells.

    A front end with our extension sends both. Without one a document grows by what is executed: a cell
    with an id stays where it is, an execution without an id is a new cell at the end.
    """

    def __init__(self) -> None:
        self.order: list[str] = []
        self.texts: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.is_known = False
        self._places: dict[str, int] = {}
        self._executions = 0
        self._last_executed: str | None = None

    def update(self, order: Sequence[str] | None, sources: Mapping[str, str]) -> set[str]:
        """Takes what a front end says and returns the ids of the cells that changed, appeared or went."""
        changed = {cell for cell, text in sources.items() if self.texts.get(cell) != text}
        self.texts.update(sources)
        if order is not None:
            kept = [cell for cell in dict.fromkeys(order) if cell in self.texts]
            if kept != self.order:
                stayed = set(kept) & set(self.order)
                changed |= set(kept) ^ set(self.order)
                if [cell for cell in kept if cell in stayed] != [cell for cell in self.order if cell in stayed]:
                    changed |= stayed
                self._replace_order(kept)
            self.is_known = True
        return changed

    def executed(self, cell_id: str | None, text: str, count: int) -> str:
        """Notes that a cell runs now, and returns its id; one that nobody announced goes behind the last that ran."""
        if cell_id is None:
            self._executions += 1
            cell_id = f"execution-{self._executions}"
        self.texts[cell_id] = text
        if cell_id not in self._places:
            place = len(self.order)
            if self.is_known and self._last_executed in self._places:
                place = self._places[self._last_executed] + 1
            self._replace_order([*self.order[:place], cell_id, *self.order[place:]])
        self.labels[cell_id] = f"[{count}]"
        self._last_executed = cell_id
        return cell_id

    def forget(self, cell_id: str) -> None:
        """Removes a cell that another execution of the same task has replaced."""
        if cell_id in self._places:
            self._replace_order([cell for cell in self.order if cell != cell_id])

    def place(self, cell_id: str) -> int | None:
        """The cell's position in the document, from 0; None when it is not in it (any more)."""
        return self._places.get(cell_id)

    def label(self, cell_id: str) -> str:
        """What a person calls the cell: `[4]` as in its prompt, `cell 3` before it ever ran."""
        place = self._places.get(cell_id)
        if place is None:
            return f"{self.labels.get(cell_id, 'a cell')} (deleted)"
        return self.labels.get(cell_id) or f"cell {place + 1}"

    def __contains__(self, cell_id: object) -> bool:
        return cell_id in self._places

    def _replace_order(self, order: list[str]) -> None:
        if len(order) == len(self.order) + 1 and order[:-1] == self.order:
            self._places[order[-1]] = len(order) - 1
        else:
            self._places = {cell: place for place, cell in enumerate(order)}
        self.order = order
