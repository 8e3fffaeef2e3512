"""Fingerprints are equal for equal content and for nothing else."""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
import decimal
import enum
import functools
import importlib
import itertools
import os
import pathlib
import random
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_jupyter.runtime.fingerprints import Fingerprint, Fingerprinter


def fingerprint(value: object) -> Fingerprint:
    return Fingerprinter({}, {}).of(value)


def digest(value: object) -> str:
    return fingerprint(value).digest


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self, first: object, second: object) -> None:
        self.first = first
        self.second = second


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    y: float


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Pair(NamedTuple):
    left: object
    right: object


# What the expressions below are evaluated in.
MODULES = [
    "array",
    "collections",
    "datetime",
    "decimal",
    "fractions",
    "functools",
    "os",
    "pathlib",
    "random",
    "re",
    "types",
    "uuid",
]
SPACE = {**globals(), **{name: importlib.import_module(name) for name in MODULES}, "dt": dt}

# Every two of these differ.
DISTINCT = [
    "1",
    "1.0",
    "True",
    "1 + 0j",
    "'1'",
    "b'1'",
    "None",
    "...",
    "0.0",
    "-0.0",
    "float('nan')",
    "float('inf')",
    "0",
    "False",
    "''",
    "b''",
    "2 ** 70",
    "-2 ** 70",
    "'\\ud800'",
    "'é'",
    "'é'",
    "NotImplemented",
    "[]",
    "()",
    "{}",
    "set()",
    "frozenset()",
    "bytearray()",
    "[[]]",
    "[1]",
    "(1,)",
    "{1}",
    "frozenset({1})",
    "{1: 1}",
    "[1, [2]]",
    "[[1], 2]",
    "[1, 2, 3]",
    "[1, 2, 3.0]",
    "[1, 2, True]",
    "['a', 'b']",
    "['ab']",
    "[None]",
    "{'a': 1, 'b': 2}",
    "{'b': 2, 'a': 1}",
    "{'a': [1]}",
    "{'a': (1,)}",
    "bytearray(b'1')",
    "collections.OrderedDict(a=1, b=2)",
    "collections.OrderedDict(b=2, a=1)",
    "collections.deque([1])",
    "collections.deque([1], maxlen=3)",
    "collections.Counter('aab')",
    "collections.defaultdict(int, a=1)",
    "collections.defaultdict(list, a=1)",
    "types.MappingProxyType({'a': 1})",
    "Pair(1, 2)",
    "(1, 2)",
    "range(3)",
    "range(0, 4)",
    "slice(1, 2)",
    "decimal.Decimal('1')",
    "decimal.Decimal('1.0')",
    "fractions.Fraction(1, 3)",
    "dt.date(2020, 1, 1)",
    "dt.datetime(2020, 1, 1)",
    "dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)",
    "dt.timedelta(1)",
    "pathlib.PurePosixPath('a')",
    "uuid.UUID(int=1)",
    "uuid.UUID(int=2)",
    "re.compile('a')",
    "re.compile('a', re.IGNORECASE)",
    "ValueError('a')",
    "ValueError('b')",
    "KeyError('a')",
    "Color.RED",
    "Color.GREEN",
    "Color",
    "Point",
    "Point(1, 2)",
    "Point(1.0, 2)",
    "Plain()",
    "Plain(a=1)",
    "Plain(a=2)",
    "Slotted(1, 2)",
    "Slotted(2, 1)",
    "array.array('i', [1])",
    "array.array('l', [1])",
    "memoryview(b'1')",
    "types.SimpleNamespace(a=1)",
    "functools.partial(print, 1)",
    "functools.partial(print, 2)",
    "len",
    "print",
    "os",
    "re",
    "os.path.join",
    "[].append",
    "[1].append",
    "int",
    "float",
    "dict.fromkeys",
    "random.Random(1)",
    "random.Random(2)",
    "list[int]",
    "list[str]",
    "{'a': 1}.keys()",
    "{'a': 1}.values()",
    "np.float64(1)",
    "np.float32(1)",
    "np.int64(1)",
    "np.bool_(True)",
    "np.str_('1')",
    "np.datetime64('2020-01-01')",
    "np.datetime64('2020-01-01', 'ns')",
    "np.dtype('f8')",
    "np.dtype('f4')",
    "np.add",
    "np.random.default_rng(0)",
    "np.random.default_rng(1)",
    "np.random.RandomState(0)",
    "np.arange(4)",
    "np.arange(4.0)",
    "np.arange(4)[::-1]",
    "np.arange(4).reshape(2, 2)",
    "np.arange(4).reshape(2, 2, order='F')",
    "np.arange(4).reshape(1, 4)",
    "np.arange(4, dtype='>i8')",
    "np.arange(4, dtype='i4')",
    "np.zeros(0)",
    "np.zeros((0, 3))",
    "np.zeros(())",
    "np.array([1, None])",
    "np.array([1, '1'], dtype=object)",
    "np.array(['a'])",
    "np.array(['a'], dtype='U2')",
    "np.array(['2020'], dtype='M8[D]')",
    "np.array([-0.0])",
    "np.array([0.0])",
    "np.array([float('nan')])",
    "np.ma.array([1, 2], mask=[0, 1])",
    "np.ma.array([1, 2], mask=[1, 0])",
    "np.ma.array([1, 2])",
    "np.array([1, 2])",
    "np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')])",
    "np.array([(1, 2.0)], dtype=[('a', 'i4'), ('c', 'f8')])",
    "np.array([(1, 2.0)], dtype=[('a', 'i4'), ('b', 'f8')]).view(np.recarray)",
    "np.matrix([[1]])",
]


def test_values_that_differ_have_different_digests() -> None:
    digests: dict[str, str] = {}
    for expression in DISTINCT:
        same = digests.setdefault(digest(eval(expression, SPACE)), expression)
        assert same == expression


@pytest.mark.parametrize("expression", DISTINCT)
def test_a_value_made_again_has_the_same_digest(expression: str) -> None:
    first, second = fingerprint(eval(expression, SPACE)), fingerprint(eval(expression, SPACE))
    assert first.stable
    assert first.digest == second.digest


_PROGRAM = """
import sys
sys.path[:0] = {path!r}
import numpy as np, pandas as pd, decimal, pathlib, collections, datetime, dataclasses, scipy.sparse
from sklearn.linear_model import LinearRegression
from prefect_jupyter.runtime.fingerprints import Fingerprinter
code = '''
SCALE = 3
WORDS = {{"a", "b", "c", "d"}}
def even(n): return n == 0 or odd(n - 1)
def odd(n): return n != 0 and even(n - 1)
def use(x, *, k={{"x", "y"}}): return x in {{"p", "q", "r"}} and even(SCALE) or x in WORDS
class Model:
    kinds = frozenset({{"u", "v", "w"}})
    def __init__(self): self.parts = {{"m", "n", "o"}}
    def run(self): return use(self)
model = Model()
@dataclasses.dataclass
class Row:
    names: set
    score: float = float("nan")
row = Row({{"a", "b", "c"}})
'''
space = {{"__name__": "__main__", "dataclasses": dataclasses}}
exec(code, space)
values = [
    {{"one", "two", "three", 4, 5.5, None}}, frozenset("abcdef"), {{(1, "a"), (2, "b"), ("c",)}},
    {{frozenset("xyz"), frozenset()}},
    {{decimal.Decimal(1), pathlib.PurePosixPath("p"), datetime.date(2020, 1, 1)}}, {{"k": {{"s", "t"}}}},
    space["even"], space["odd"], space["use"], space["Model"], space["model"],
    [space["model"], {{space["use"], space["odd"]}}],
    pd.DataFrame({{"a": ["x", "y"], "b": pd.Categorical(["u", "v"])}}),
    np.array([{{"e", "f", "g"}}, None], dtype=object),
    np.random.default_rng(0), collections.Counter("hello"), np.linalg.norm, pd.DataFrame,
    space["row"], space["Row"], [float("nan"), -0.0, 1, 1.0, True], {{"b": 1, "a": 2}},
    np.arange(12).reshape(3, 4)[::2, ::-1], np.ma.array([1.0, 2.0], mask=[0, 1]),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), scipy.sparse.csr_matrix(np.eye(3)),
    pd.DataFrame({{"v": range(4)}}, index=pd.MultiIndex.from_product([["x", "y"], [1, 2]])),
    pd.date_range("2020", periods=3, tz="Europe/Paris"), LinearRegression().fit(np.eye(3), [1, 2, 3]),
]
taker = Fingerprinter(space, {{}})
print(*[taker.of(value).digest for value in values])
"""


def test_digests_are_the_same_in_ten_processes_with_ten_hash_seeds() -> None:
    root = str(pathlib.Path(__file__).parents[2])

    def run(seed: int) -> str:
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM.format(path=[root])],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
            cwd=os.sep if seed % 2 else root,
        ).stdout

    with ThreadPoolExecutor(2) as pool:
        printed = set(pool.map(run, range(10)))
    assert len(printed) == 1
    assert len(printed.pop().split()) == 29


# Sharing


def test_sharing_of_mutable_parts_is_content() -> None:
    part = [0]
    assert digest([part, part]) != digest([[0], [0]])
    assert digest({"a": part, "b": part}) == digest(copy.deepcopy({"a": part, "b": part}))


def test_sharing_of_immutable_parts_is_not_content() -> None:
    day = dt.date(2020, 1, 1)
    number = decimal.Decimal("1.5")
    assert digest([day, day, number, number]) == digest(
        [dt.date(2020, 1, 1), dt.date(2020, 1, 1), decimal.Decimal("1.5"), decimal.Decimal("1.5")]
    )


def test_views_that_overlap_differ_from_copies_and_views_that_do_not_overlap_equal_them() -> None:
    whole = np.arange(10)
    assert digest([whole, whole[2:5]]) != digest([whole, whole[2:5].copy()])
    assert digest([whole[:5], whole[5:]]) == digest([whole[:5].copy(), whole[5:].copy()])


def test_memory_that_views_share_without_overlapping_is_not_content() -> None:
    """A copy of such views lies in memory of its own, view by view."""
    whole = np.arange(12)
    apart = [whole[:3].copy(), whole[4:8].copy()]
    third = np.arange(3)
    shared = [whole[:3], whole[4:8], third, third[1:]]
    assert digest(shared) == digest([*apart, third, third[1:]])
    late = [whole[:2], whole[4:8], whole[6:9]]
    inner = whole[4:9].copy()
    assert digest(late) == digest([whole[:2].copy(), inner[:4], inner[2:]])
    assert digest(late) != digest([whole[:2].copy(), whole[4:8].copy(), whole[6:9].copy()])


def test_a_view_that_joins_others_is_told_from_one_that_does_not() -> None:
    one, other = np.zeros(6), np.zeros(6)
    joined = [one[:2], one[4:], one[1:5]]
    assert digest(joined) == digest([other[:2], other[4:], other[1:5]])
    assert digest(joined) != digest([one[:2], one[4:].copy(), one[1:5]])


def test_what_is_made_only_to_be_described_is_not_taken_for_another_part() -> None:
    parts = [np.ma.array([number, number], mask=[0, 1], fill_value=number) for number in range(20)]
    again = [np.ma.array([number, number], mask=[0, 1], fill_value=number) for number in range(20)]
    assert digest(parts) == digest(again)
    again[7].fill_value = 3
    assert digest(parts) != digest(again)


def test_cycles_end_and_are_told_apart() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    twice: list[object] = [1, [1]]
    twice[1].append(twice)  # type: ignore[attr-defined]
    assert digest(loop) == digest(copy.deepcopy(loop))
    assert digest(loop) != digest(twice)
    owner = Plain()
    owner.me = owner  # type: ignore[attr-defined]
    assert fingerprint(owner).stable
    error = ValueError()
    error.args = (error,)
    assert fingerprint(error).stable


def test_storage_tells_which_values_share_memory() -> None:
    whole = np.arange(12).reshape(3, 4)
    inner = [1]
    assert fingerprint(whole).storage & fingerprint(whole[1]).storage
    assert fingerprint(whole).storage & fingerprint(whole.T).storage
    assert fingerprint(whole).storage & fingerprint({"a": whole[1]}).storage
    assert not fingerprint(whole).storage & fingerprint(whole.copy()).storage
    assert fingerprint({"a": inner}).storage & fingerprint(inner).storage
    assert fingerprint(np.lib.stride_tricks.sliding_window_view(whole[0], 2)).storage & fingerprint(whole).storage
    raw = bytearray(80)
    assert fingerprint(raw).storage & fingerprint(np.frombuffer(raw)).storage & fingerprint(memoryview(raw)).storage
    assert fingerprint({"a": inner}.values()).storage & fingerprint(inner).storage
    assert fingerprint((1, "a", frozenset({2}))).storage == frozenset()


def test_padding_of_structured_arrays_is_not_content() -> None:
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    clean, dirty = np.zeros(3, kind), np.frombuffer(bytearray([255]) * 3 * kind.itemsize, kind)
    dirty["a"], dirty["b"] = 0, 0
    assert clean.tobytes() != dirty.tobytes()
    assert digest(clean) == digest(dirty)


def test_arrays_that_do_not_lie_in_order_equal_their_copies() -> None:
    large = np.arange(6_000_000).reshape(2_000, 3_000)
    for view in (large[::2], large[:, 1], large[5:7, ::3]):
        assert digest(view) == digest(view.copy(order="C"))
    assert digest(large.T) == digest(np.asfortranarray(large.T))


# Values without content


@pytest.mark.parametrize(
    ("make", "handle"),
    [
        (lambda: (i for i in range(3)), "iterator"),
        (lambda: iter([1]), "iterator"),
        (lambda: map(str, [1]), "iterator"),
        (lambda: zip([1]), "iterator"),
        (itertools.count, "iterator"),
        (lambda: enumerate("a"), "iterator"),
        (threading.Lock, "io"),
        (threading.Thread, "io"),
        (lambda: weakref.ref(Color), "io"),
        (sys._getframe, "io"),
        (pathlib.Path(os.devnull).open, "io"),
        (lambda: functools.lru_cache(len), "memo"),
        (lambda: [1, (i for i in range(3))], "iterator"),
        (lambda: Plain(lock=threading.Lock()), "io"),
        (lambda: [iter([1]), threading.Lock()], "io"),
        (lambda: np.frompyfunc(lambda x: x, 1, 1), "io"),
    ],
)
def test_what_reading_changes_is_a_handle(make: Callable[[], object], handle: str) -> None:
    value = make()
    taken = fingerprint(value)
    if hasattr(value, "close"):
        value.close()
    assert (taken.handle, taken.stable) == (handle, False)
    assert handle == "memo" or taken.digest == f"object:{type(value).__module__}.{type(value).__qualname__}"


def test_streams_in_memory_are_values() -> None:
    import io

    stream = io.BytesIO(b"abc")
    before = digest(stream)
    stream.read(1)
    assert digest(stream) != before
    assert fingerprint(stream).stable


def test_a_type_whose_pickling_raises_is_a_handle() -> None:
    class Stubborn:
        def __reduce_ex__(self, protocol: object) -> str:
            raise OSError("no")

    assert fingerprint([Stubborn()]).handle == "io"


def test_deep_nesting_does_not_crash() -> None:
    deep: object = ()
    for _ in range(100_000):
        deep = [deep]
    assert fingerprint(deep).stable
    linked: Plain | None = None
    for _ in range(20_000):
        linked = Plain(next=linked)
    assert fingerprint(linked).stable
    while linked is not None:  # freeing it at once would recurse
        linked = linked.next  # type: ignore[attr-defined]


def test_a_value_of_too_many_parts_is_a_handle_instead_of_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefect_jupyter.runtime.walk.STEPS_MAX", 5_000)
    doubled: tuple[object, ...] = ()
    for _ in range(200):
        doubled = (doubled, doubled)
    assert fingerprint(doubled).handle == "io"


def test_the_generators_behind_module_functions_are_ambient_and_not_content() -> None:
    before = digest(np.random.rand), digest(random.choice)
    np.random.rand()
    random.choice([1])
    assert (digest(np.random.rand), digest(random.choice)) == before
    own = np.random.default_rng(0)
    drawn = digest(own)
    own.random()
    assert digest(own) != drawn


# Properties

atoms = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
keys = st.integers() | st.text() | st.tuples(st.integers(), st.text())
values = st.recursive(
    atoms,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(keys, inner)
        | st.sets(keys)
        | st.frozensets(keys)
        | st.builds(Plain, a=inner, b=inner)
        | st.builds(Slotted, inner, inner)
    ),
    max_leaves=20,
)


@given(values)
def test_a_deep_copy_has_the_same_digest(value: object) -> None:
    assert digest(value) == digest(copy.deepcopy(value))


@given(st.lists(values, min_size=1), st.data())
def test_a_changed_copy_has_another_digest(items: list[object], data: st.DataObject) -> None:
    changed = copy.deepcopy(items)
    position = data.draw(st.integers(0, len(items) - 1))
    changed[position] = ["changed", changed[position]]
    assert digest(items) != digest(changed)


@given(st.sets(keys))
def test_the_order_of_insertion_into_a_set_does_not_count(elements: set[object]) -> None:
    backwards: set[object] = set()
    for element in sorted(elements, key=repr, reverse=True):
        backwards.add(element)
    assert digest(elements) == digest(backwards)


class Answering:
    """Answers every name from what it was given, as archives of arrays do."""

    def __init__(self, **held: object) -> None:
        object.__setattr__(self, "_held", held)

    def __getattribute__(self, name: str) -> object:
        held = object.__getattribute__(self, "_held")
        if name not in held:
            raise AttributeError(name)
        return held[name]


def test_a_type_that_answers_names_in_its_own_way_is_described_by_its_content() -> None:
    assert digest(Answering(x=1)) == digest(Answering(x=1)) != digest(Answering(x=2))


class Raising(dict):  # type: ignore[type-arg]
    def __reduce_ex__(self, protocol: object) -> object:
        raise ZeroDivisionError

    def __iter__(self) -> object:
        raise ZeroDivisionError


def test_a_type_whose_code_raises_is_one_that_cannot_be_compared() -> None:
    assert not fingerprint([Raising()]).stable
