"""What changed of a piece of process-wide state: keys of a dict, entries of a list, or all of it.

It must not know what the state is or how it is read and written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DictDelta:
    changed: dict[Any, Any]
    deleted: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ListDelta:
    """Entries put in front, at the back, and taken away (one each)."""

    front: tuple[Any, ...]
    back: tuple[Any, ...]
    removed: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """A state that is one thing: a seed, a folder, a list whose order changed."""

    state: Any


Delta = DictDelta | ListDelta | Whole


def applied(change: ListDelta | Whole, state: list[Any]) -> list[Any]:
    """The list with a change made to it."""
    if isinstance(change, Whole):
        return list(change.state)
    kept = without(state, [*change.front, *change.back, *change.removed])
    return [*change.front, *kept, *change.back]


def difference(old: Any, new: Any) -> Delta:
    if isinstance(old, dict) and isinstance(new, dict) and "bit_generator" not in new:
        changed = {name: value for name, value in new.items() if name not in old or not equal(old[name], value)}
        return DictDelta(changed, tuple(name for name in old if name not in new))
    if isinstance(old, list) and isinstance(new, list):
        return list_difference(old, new)
    return Whole(new)


def list_difference(old: list[Any], new: list[Any]) -> ListDelta | Whole:
    removed = without(old, new)
    kept = without(old, removed)
    for start in range(len(new) - len(kept) + 1):
        if new[start : start + len(kept)] == kept:
            return ListDelta(tuple(new[:start]), tuple(new[start + len(kept) :]), tuple(removed))
    return Whole(new)


def without(entries: list[Any], taken: list[Any]) -> list[Any]:
    """`entries` less one of each in `taken`; the entries need not be hashable."""
    left = list(taken)
    kept: list[Any] = []
    for entry in entries:
        if entry in left:
            left.remove(entry)
        else:
            kept.append(entry)
    return kept


def equal(left: Any, right: Any) -> bool:
    try:
        return left is right or bool(left == right)
    except Exception:  # as in `_same`
        return False
