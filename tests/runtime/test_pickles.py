"""What is loaded is what was dumped, sharing and all, or it is refused by name."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_jupyter.runtime.fingerprints import Fingerprinter
from prefect_jupyter.runtime.pickles import Unloadable, Unstorable, dump, load


def nothing(name: str) -> None:
    """All definitions are there."""


def run(*cells: str) -> dict[str, object]:
    space: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        exec(cell, space)
    return space


def again(space: dict[str, object], *names: str) -> dict[str, object]:
    """These names, dumped and loaded."""
    return load(dump({name: space[name] for name in names}, space), space, nothing)


def refusal(space: dict[str, object], *names: str) -> Unstorable:
    with pytest.raises(Unstorable) as caught:
        dump({name: space[name] for name in names}, space)
    return caught.value


def test_names_of_one_pickle_keep_what_they_share() -> None:
    back = again(run("a = [1]\nb = a\nc = {'a': a}\nd = (a,)"), "a", "b", "c", "d")
    back["a"].append(2)  # type: ignore[attr-defined]
    assert back["b"] is back["a"]
    assert back["c"] == {"a": [1, 2]}
    assert back["d"] == ([1, 2],)


VIEWS = {
    "a row": "m[1]",
    "a column": "m[:, 1]",
    "the transpose": "m.T",
    "backwards": "m[::-1, ::2]",
    "flat": "m.reshape(-1)",
    "another type": "m.view('i4')",
    "a diagonal": "m.diagonal().view()",
    "one element": "m[0, :1]",
    "all": "m[:]",
    "a field": "r['b']",
    "a window": "numpy.lib.stride_tricks.sliding_window_view(m[0], 2)",
    "a record array": "r.view(numpy.recarray)",
    "a matrix": "m.view(numpy.matrix)",
    "a masked array": "numpy.ma.masked_array(m, m > 5)",
}


@pytest.mark.parametrize("what", VIEWS)
def test_a_view_stays_a_view_of_its_base(what: str) -> None:
    space = run(
        "import numpy\nm = numpy.arange(12).reshape(3, 4)\nr = numpy.zeros(3, [('a', 'i1'), ('b', 'f8')])",
        f"v = {VIEWS[what]}",
    )
    back = again(space, "m", "r", "v")
    for name in ("m", "r", "v"):
        assert np.array_equal(back[name], space[name])  # type: ignore[arg-type]
        assert back[name].strides == space[name].strides  # type: ignore[attr-defined]
    base = "r" if what == "a field" else "m"
    back[base][...] = 7  # type: ignore[index]
    space[base][...] = 7  # type: ignore[index]
    assert np.array_equal(back["v"], space["v"])  # type: ignore[arg-type]


def test_a_view_of_objects_stays_a_view_of_its_base() -> None:
    space = run("import numpy\nm = numpy.array([[1, 'a'], [None, {}]], dtype=object)\nv = m[1:, ::-1]")
    back = again(space, "m", "v")
    back["v"][0, 0] = "changed"  # type: ignore[index]
    assert back["m"][1, 1] == "changed"  # type: ignore[index]


def test_a_view_alone_leaves_its_base_behind() -> None:
    space = run("import numpy\nv = numpy.zeros((1000, 1000))[3, ::7]")
    pickled = dump({"v": space["v"]}, space)
    assert pickled.size_bytes < 10_000
    assert np.array_equal(load(pickled, space, nothing)["v"], space["v"])  # type: ignore[arg-type]


def test_arrays_are_not_copied_when_dumped_and_not_shared_when_loaded() -> None:
    whole = np.zeros(1_000)
    pickled = dump({"x": whole}, {})
    assert np.shares_memory(np.frombuffer(pickled.buffers[0]), whole)
    first, second = load(pickled, {}, nothing)["x"], load(pickled, {}, nothing)["x"]
    first[0] = 5  # type: ignore[index]
    assert (whole[0], second[0]) == (0, 0)  # type: ignore[index]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "kind", ["f8", "i1", ">i4", "?", "c16", "U3", "S3", "M8[ns]", "m8[s]", "V5", [("a", "i1"), ("b", "f8")], "O"]
)
def test_a_loaded_array_is_plain_and_writable_and_lies_as_before(kind: str, order: str) -> None:
    array = np.zeros((3, 4, 2), kind).copy(order=order)  # type: ignore[call-overload]
    back = load(dump({"x": array}, {}), {}, nothing)["x"]
    assert type(back) is np.ndarray
    assert (back.dtype, back.shape, back.strides) == (array.dtype, array.shape, array.strides)
    assert back.flags.writeable
    assert back.flags.aligned or kind != "f8"
    back[0, 0, 0] = array[0, 0, 0]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (1, 1)])
def test_arrays_of_unusual_shape_come_back(shape: tuple[int, ...]) -> None:
    back = load(dump({"x": np.ones(shape)}, {}), {}, nothing)["x"]
    assert np.array_equal(back, np.ones(shape))  # type: ignore[arg-type]
    assert back.shape == shape  # type: ignore[attr-defined]


def test_an_array_that_was_read_only_stays_so() -> None:
    fixed = np.arange(3)
    fixed.flags.writeable = False
    assert not load(dump({"x": fixed}, {}), {}, nothing)["x"].flags.writeable  # type: ignore[attr-defined]


def test_classes_and_functions_of_the_notebook_are_those_of_the_notebook() -> None:
    space = run(
        "import enum\nclass C:\n    class Inner: pass\n    def m(self): return 1\ndef f(): return 1\n"
        "class E(enum.Enum):\n    A = 1\nclass X(Exception): pass\nother = f\n"
        "values = [C(), C.Inner(), C, f, E.A, X('a'), C().m, C.m, other]"
    )
    back = again(space, "values")["values"]
    assert type(back[0]) is space["C"]  # type: ignore[index]
    assert type(back[1]) is space["C"].Inner  # type: ignore[attr-defined, index]
    assert back[2:5] == [space["C"], space["f"], space["E"].A]  # type: ignore[attr-defined, index]
    assert type(back[5]) is space["X"]  # type: ignore[index]
    assert back[7] is space["C"].m  # type: ignore[attr-defined, index]
    assert back[8] is space["f"]  # type: ignore[index]


def test_definitions_are_asked_for_before_they_are_looked_up() -> None:
    space = run("class C: pass\nc = C()")
    pickled = dump({"c": space["c"]}, space)
    later: dict[str, object] = {"__name__": "__main__"}

    def need(name: str) -> None:
        exec(f"class {name}: pass", later)

    assert type(load(pickled, later, need)["c"]) is later["C"]
    with pytest.raises(Unloadable, match="`C` is not defined"):
        load(pickled, {}, nothing)


def test_modules_and_the_global_generators_are_kept_by_name() -> None:
    import random

    back = again(
        run("import sys, random, numpy\nvalues = [sys, numpy.random.rand, random.random, random._inst]"), "values"
    )
    assert back["values"][0] is sys  # type: ignore[index]
    assert back["values"][1].__self__ is np.random.mtrand._rand  # type: ignore[attr-defined, index]
    assert back["values"][3] is random._inst  # type: ignore[attr-defined, index]


def test_a_generator_goes_on_where_it_was() -> None:
    own = np.random.default_rng(0)
    own.random()
    back = load(dump({"own": own}, {}), {}, nothing)["own"]
    assert back.random() == own.random()  # type: ignore[attr-defined]


REFUSED = {
    "(i for i in range(3))": "generator",
    "iter([1])": "list_iterator",
    "map(str, [])": "map",
    "[threading.Lock()]": "lock",
    "lambda: 1": "<lambda>",
    "{'k': [lambda: 1]}": "<lambda>",
    "f.__code__": "code",
    "sys._getframe()": "frame",
    "make()": "no name of its own",
    "old": "defined again",
    "numpy.memmap(path, mode='r')": "map of a file",
    "deep": "nested too deeply",
    "[threading.RLock()]": "RLock",
    "weakref.ref(f)": "weakref",
    "{'a': 1}.keys()": "dict_keys",
}


@pytest.mark.parametrize("expression", REFUSED)
def test_what_cannot_be_kept_as_it_is_is_refused_by_name(expression: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345678")
    space = run(
        "import threading, sys, numpy, weakref\ndef f(): pass\nclass C: pass\nold = C()\nclass C: pass\ndeep = []\n"
        "def make():\n    def g(): pass\n    return g\nfor _ in range(100_000): deep = [deep]"
    )
    space["path"] = path
    space["bad"], space["good"] = eval(expression, space), [1]
    error = refusal(space, "good", "bad")
    assert error.name == "bad"
    assert REFUSED[expression] in error.reason


def test_a_functions_closure_from_a_library_is_kept_when_it_holds_nothing_shared() -> None:
    import operator

    from numpy.polynomial import polyutils

    space = {"__name__": "__main__", "ok": operator.itemgetter(1), "fine": polyutils.mapdomain}
    assert again(space, "ok", "fine")["ok"]([1, 2]) == 2  # type: ignore[operator]


def test_a_loaded_figure_is_not_adopted_by_pyplot() -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    space: dict[str, object] = {"__name__": "__main__"}
    space["figure"], space["axes"] = plt.subplots()
    pickled = dump({"figure": space["figure"], "axes": space["axes"]}, space)
    plt.close("all")
    back = load(pickled, space, nothing)
    assert plt.get_fignums() == []
    assert back["axes"].figure is back["figure"]  # type: ignore[attr-defined]


def test_what_reads_no_array_does_not_import_numpy() -> None:
    import subprocess

    program = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parents[2])!r}]\n"
        "from prefect_jupyter.runtime.pickles import dump, load\n"
        "assert load(dump({'a': [1, 'b', {2}]}, {}), {}, print) == {'a': [1, 'b', {2}]}\n"
        "assert 'numpy' not in sys.modules and 'pandas' not in sys.modules and 'cloudpickle' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


atoms = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
arrays: st.SearchStrategy[object] = st.builds(
    lambda length, step, kind: np.arange(length * 2).astype(kind)[::step],
    st.integers(0, 8),
    st.sampled_from([1, 2, -1]),
    st.sampled_from(["f8", "i2", "O", "U3"]),
)
values = st.recursive(
    atoms | arrays,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner) | st.builds(Plain, a=inner),
    max_leaves=15,
)


@given(st.lists(values, min_size=1), st.data())
def test_the_fingerprint_survives(items: list[object], data: st.DataObject) -> None:
    items.append(items[data.draw(st.integers(0, len(items) - 1))])  # something shared
    back = load(dump({"x": items}, {}), {}, nothing)
    take: Callable[[object], str] = lambda value: Fingerprinter({}, {}).of(value).digest  # noqa: E731
    assert take(back["x"]) == take(items)


def test_threads_may_dump_at_once() -> None:
    found: list[object] = []

    def work() -> None:
        found.append(load(dump({"x": np.arange(100)}, {}), {}, nothing)["x"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(each, np.arange(100)) for each in found)  # type: ignore[arg-type]
    assert len(found) == 8
