"""Which results a cache gives up, when it has to: those that save the fewest seconds for their bytes.

It must not look at a clock or a disk: sizes, times and marks are given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Going a little below the quota, so that not every further result makes another one go.
HEADROOM = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One result: its own bytes, the values that it needs, and the seconds that one use of it saves.

    `is_held` says that an open notebook's last run used it, or that a person pinned it: it stays whatever it costs.
    """

    id: tuple[str, str]
    own_bytes: int
    values: tuple[str, ...]
    saves_s: float
    used_s: float
    is_held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may be kept, and how long something may lie unused; None: no limit.

    Above `quota_bytes` results go until `goal_bytes` are left.
    """

    quota_bytes: int | None = None
    goal_bytes: int | None = None
    unused_s: float | None = None

    @classmethod
    def of_quota(cls, quota_bytes: int | None, unused_s: float | None) -> Limits:
        goal = None if quota_bytes is None else int(quota_bytes * HEADROOM)
        return cls(quota_bytes=quota_bytes, goal_bytes=goal, unused_s=unused_s)


def to_drop(kept: Iterable[Kept], sizes: Mapping[str, int], limits: Limits, now_s: float) -> list[Kept]:
    """What goes, in the order in which it goes. `sizes` are the bytes of each value; shared ones count once."""
    everything = list(kept)
    users = Counter(value for each in everything for value in set(each.values))
    total = sum(each.own_bytes for each in everything) + sum(sizes.get(value, 0) for value in users)
    dropped: list[Kept] = []

    def drop(each: Kept) -> None:
        nonlocal total
        dropped.append(each)
        total -= each.own_bytes
        for value in set(each.values):
            users[value] -= 1
            if not users[value]:
                total -= sizes.get(value, 0)

    free = [each for each in everything if not each.is_held]
    if limits.unused_s is not None:
        for each in free:
            if now_s - each.used_s > limits.unused_s:
                drop(each)
    if limits.quota_bytes is None or total <= limits.quota_bytes:
        return dropped
    goal = limits.quota_bytes if limits.goal_bytes is None else limits.goal_bytes
    gone = {each.id for each in dropped}
    left = [each for each in free if each.id not in gone]
    for each in sorted(left, key=lambda one: (_worth(one, sizes), one.used_s, one.id)):
        if total <= goal:
            break
        drop(each)
    return dropped


def _worth(each: Kept, sizes: Mapping[str, int]) -> float:
    """The seconds that one use saves, for each byte."""
    return each.saves_s / max(1, each.own_bytes + sum(sizes.get(value, 0) for value in set(each.values)))
