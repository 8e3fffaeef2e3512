"""What a cache gives up, and in which order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from prefect_jupyter.core.eviction import Kept, Limits, to_drop

DAY = 86_400.0


def kept(name: str, *, size: int = 100, saves: float = 1.0, used: float = 0.0, held: bool = False) -> Kept:
    return Kept(id=(name, ""), own_bytes=0, values=(name,), saves_s=saves, used_s=used, is_held=held)


def names(dropped: list[Kept]) -> list[str]:
    return [each.id[0] for each in dropped]


def test_what_saves_fewest_seconds_for_its_bytes_goes_first() -> None:
    slow_and_small, slow_and_large = kept("a", saves=60.0), kept("b", saves=60.0)
    quick_and_large = kept("c", saves=0.1)
    sizes = {"a": 10, "b": 1_000, "c": 1_000}
    everything = [slow_and_small, slow_and_large, quick_and_large]
    assert names(to_drop(everything, sizes, Limits(quota_bytes=1_500), 0.0)) == ["c"]
    assert names(to_drop(everything, sizes, Limits(quota_bytes=500), 0.0)) == ["c", "b"]


def test_of_equals_the_one_that_was_not_used_for_longest_goes_first() -> None:
    everything = [kept("new", used=9.0), kept("old", used=1.0)]
    assert names(to_drop(everything, {"new": 100, "old": 100}, Limits(quota_bytes=100), 10.0)) == ["old"]


def test_below_the_quota_nothing_goes() -> None:
    assert to_drop([kept("a", saves=0.0)], {"a": 100}, Limits.of_quota(100, None), 1e9) == []


def test_above_the_quota_there_is_room_made_for_more_than_one_result() -> None:
    everything = [kept(str(number), saves=float(number)) for number in range(11)]
    sizes = {str(number): 100 for number in range(11)}
    assert names(to_drop(everything, sizes, Limits.of_quota(1_000, None), 0.0)) == ["0", "1"]


def test_what_is_held_stays_although_the_quota_cannot_be_kept() -> None:
    everything = [kept("held", saves=0.0, held=True), kept("free", saves=99.0)]
    assert names(to_drop(everything, {"held": 500, "free": 1}, Limits(quota_bytes=10), 0.0)) == ["free"]


def test_what_lies_unused_for_too_long_goes_whatever_it_saves() -> None:
    everything = [kept("old", saves=1e6, used=0.0), kept("new", used=80 * DAY), kept("held", used=0.0, held=True)]
    sizes = {"old": 1, "new": 1, "held": 1}
    assert names(to_drop(everything, sizes, Limits(unused_s=90 * DAY), 91 * DAY)) == ["old"]


def test_a_value_that_two_results_need_frees_nothing_before_both_have_gone() -> None:
    everything = [
        Kept(id=(name, ""), own_bytes=1, values=("shared",), saves_s=saves, used_s=0.0)
        for name, saves in (("a", 1.0), ("b", 2.0))
    ]
    assert names(to_drop(everything, {"shared": 100}, Limits(quota_bytes=50), 0.0)) == ["a", "b"]


SOME = st.lists(
    st.builds(
        Kept,
        id=st.tuples(st.text(max_size=2), st.text(max_size=2)),
        own_bytes=st.integers(0, 50),
        values=st.lists(st.sampled_from("abcdef"), max_size=4).map(tuple),
        saves_s=st.floats(0, 100),
        used_s=st.floats(0, 100),
        is_held=st.booleans(),
    ),
    max_size=8,
    unique_by=lambda each: each.id,
)


@given(SOME, st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 100)), st.integers(0, 300))
def test_the_quota_is_kept_unless_all_that_is_left_is_held(some: list[Kept], sizes: dict[str, int], quota: int) -> None:
    dropped = to_drop(some, sizes, Limits.of_quota(quota, None), 0.0)
    left = [each for each in some if each not in dropped]
    values = {value for each in left for value in each.values}
    total = sum(each.own_bytes for each in left) + sum(sizes.get(value, 0) for value in values)
    assert total <= quota or all(each.is_held for each in left)
    assert not any(each.is_held for each in dropped)
    assert len({each.id for each in dropped}) == len(dropped)
