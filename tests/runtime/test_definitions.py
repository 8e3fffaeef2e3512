"""A function's fingerprint is what it does, with everything that it reaches."""

from __future__ import annotations

import importlib.util
import linecache
import sys
import types
from pathlib import Path

import pytest

from prefect_jupyter.runtime.fingerprints import Fingerprint, Fingerprinter


def run(*cells: str) -> dict[str, object]:
    """A notebook after these cells."""
    space: dict[str, object] = {"__name__": "__main__"}
    for cell in cells:
        exec(compile(cell, "<cell>", "exec"), space)
    return space


def take(space: dict[str, object], name: str, **known: str) -> Fingerprint:
    return Fingerprinter(space, known).of(space[name])


def digest(*cells: str, of: str = "f") -> str:
    return take(run(*cells), of).digest


SAME = {
    "comments and blank lines": ("def f(x):\n    return x + 1", "\n\ndef f(x):\n    # more\n\n    return x + 1  # why"),
    "another docstring": ("def f(x):\n    'one'\n    return x", "def f(x):\n    'two'\n    return x"),
    "renamed locals": ("def f(x):\n    a = x\n    return a", "def f(x):\n    b = x\n    return b"),
    "the order of definitions": ("def g(): return 1\ndef f(): return g()", "def f(): return g()\ndef g(): return 1"),
    "the order of a set constant": ("def f(x): return x in {'a', 'b'}", "def f(x): return x in {'a', 'b'}"),
    "an unrelated global": ("def f(): return 1", "n = 5\ndef f(): return 1"),
    "an attribute named as a global": ("def f(x): return x.mean", "mean = 5\ndef f(x): return x.mean"),
}
DIFFERENT = {
    "a constant": ("def f(): return 1", "def f(): return 2"),
    "the type of a constant": ("def f(): return 1", "def f(): return 1.0"),
    "the sign of zero": ("def f(): return 0.0", "def f(): return -0.0"),
    "a string in a comprehension": ("def f(x): return ['a' for _ in x]", "def f(x): return ['b' for _ in x]"),
    "a string in a lambda": ("f = lambda: 'a'", "f = lambda: 'b'"),
    "a default": ("def f(x=1): return x", "def f(x=2): return x"),
    "a keyword default": ("def f(*, x=1): return x", "def f(*, x=2): return x"),
    "the name of an argument": ("def f(x): return x", "def f(y): return y"),
    "a keyword-only argument": ("def f(x): return x", "def f(*, x): return x"),
    "a global value": ("n = 1\ndef f(): return n", "n = 2\ndef f(): return n"),
    "a global that appears": ("def f(): return n", "n = 2\ndef f(): return n"),
    "a shadowed builtin": ("def f(x): return len(x)", "def len(x): return 0\ndef f(x): return len(x)"),
    "a helper's body": ("def g(): return 1\ndef f(): return g()", "def g(): return 2\ndef f(): return g()"),
    "a helper's helper": (
        "def h(): return 1\ndef g(): return h()\ndef f(): return g()",
        "def h(): return 2\ndef g(): return h()\ndef f(): return g()",
    ),
    "a helper's default": ("def g(x=1): return x\ndef f(): return g()", "def g(x=2): return x\ndef f(): return g()"),
    "the other of two that call each other": (
        "def f(n): return g(n)\ndef g(n): return n and f(n - 1)",
        "def f(n): return g(n)\ndef g(n): return n and f(n - 2)",
    ),
    "a module of another name": ("import math as m\ndef f(): return m.pi", "import cmath as m\ndef f(): return m.pi"),
    "a closure cell": (
        "def make(n):\n    def f(): return n\n    return f\nf = make(1)",
        "def make(n):\n    def f(): return n\n    return f\nf = make(2)",
    ),
    "an attribute": ("def f(): return f.n\nf.n = 1", "def f(): return f.n\nf.n = 2"),
    "a decorator": (
        "import functools\ndef f(): return 1\nf = functools.partial(f)",
        "import functools\ndef f(): return 2\nf = functools.partial(f)",
    ),
    "what a decorator wraps": (
        "import contextlib\n@contextlib.contextmanager\ndef f(): yield 1",
        "import contextlib\n@contextlib.contextmanager\ndef f(): yield 2",
    ),
    "what a cache wraps": (
        "import functools\n@functools.lru_cache\ndef f(): return 1",
        "import functools\n@functools.lru_cache\ndef f(): return 2",
    ),
    "an implementation of a generic function": (
        "import functools\n@functools.singledispatch\ndef f(x): return 0\n@f.register\ndef _(x: int): return 1",
        "import functools\n@functools.singledispatch\ndef f(x): return 0\n@f.register\ndef _(x: int): return 2",
    ),
    "a local name that is looked at": (
        "def f():\n    a = 1\n    return locals()",
        "def f():\n    b = 1\n    return locals()",
    ),
    "a nested function": (
        "def f():\n    def g(): return 1\n    return g",
        "def f():\n    def g(): return 2\n    return g",
    ),
    "an exception that is caught": (
        "def f():\n    try: g()\n    except KeyError: pass",
        "def f():\n    try: g()\n    except IndexError: pass",
    ),
    "a generator": ("def f():\n    return 1", "def f():\n    yield 1"),
    "an annotation": ("def f(x: int): return x", "def f(x: str): return x"),
    "a method": ("class f:\n    def m(self): return 1", "class f:\n    def m(self): return 2"),
    "a class attribute": ("class f:\n    n = 1", "class f:\n    n = [1]"),
    "a base": ("class A: pass\nclass f(A): pass", "class A:\n    n = 1\nclass f(A): pass"),
    "a property": (
        "class f:\n    @property\n    def n(self): return 1",
        "class f:\n    @property\n    def n(self): return 2",
    ),
    "a static method": (
        "class f:\n    @staticmethod\n    def n(): return 1",
        "class f:\n    @staticmethod\n    def n(): return 2",
    ),
    "a class method": (
        "class f:\n    @classmethod\n    def n(cls): return 1",
        "class f:\n    @classmethod\n    def n(cls): return 2",
    ),
    "a cached property": (
        "import functools\nclass f:\n    @functools.cached_property\n    def n(self): return 1",
        "import functools\nclass f:\n    @functools.cached_property\n    def n(self): return 2",
    ),
    "a field of a dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass f:\n    n: int = 1",
        "import dataclasses\n@dataclasses.dataclass\nclass f:\n    n: int = 2",
    ),
    "a member of an enum": (
        "import enum\nclass f(enum.Enum):\n    A = 1",
        "import enum\nclass f(enum.Enum):\n    A = 2",
    ),
    "a member that is new": (
        "import enum\nclass f(enum.Enum):\n    A = 1",
        "import enum\nclass f(enum.Enum):\n    A = 1\n    B = 2",
    ),
    "a method of an enum": (
        "import enum\nclass f(enum.Enum):\n    A = 1\n    def m(self): return 1",
        "import enum\nclass f(enum.Enum):\n    A = 1\n    def m(self): return 2",
    ),
    "the class of an instance": (
        "class C:\n    def m(self): return 1\nf = C()",
        "class C:\n    def m(self): return 2\nf = C()",
    ),
    "the docstring of a class with bases": ("class f(dict):\n    'one'", "class f(dict):\n    'two'"),
    "a method bound to an instance": (
        "class C:\n    def __init__(self, n): self.n = n\n    def m(self): return self.n\nf = C(1).m",
        "class C:\n    def __init__(self, n): self.n = n\n    def m(self): return self.n\nf = C(2).m",
    ),
    "a global that a method reads": (
        "n = 1\nclass C:\n    def m(self): return n\nf = C()",
        "n = 2\nclass C:\n    def m(self): return n\nf = C()",
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_does_not_count(what: str) -> None:
    before, after = SAME[what]
    assert digest(before) == digest(after)


@pytest.mark.parametrize("what", DIFFERENT)
def test_counts(what: str) -> None:
    before, after = DIFFERENT[what]
    assert digest(before) == digest(before)
    assert digest(before) != digest(after)


RING = "def a(n): return b(n)\ndef b(n): return c(n) or a(n)\ndef c(n): return a(n - 1) if n else K\nK = 1"


def test_functions_that_call_each_other_do_not_depend_on_who_is_asked_first() -> None:
    space = run(RING)
    orders = [("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c")]
    found = []
    for order in orders:
        taker = Fingerprinter(space, {})
        found.append({name: taker.of(space[name]).digest for name in order})
    assert found[0] == found[1] == found[2]
    assert len(set(found[0].values())) == 3
    assert digest(RING, of="b") != digest(RING + "\nK = 2", of="b")


def test_names_are_all_that_is_reached() -> None:
    space = run(RING, "def free(): return a(1), missing, len('a'), eval('1')")
    assert take(space, "free").names == {"a", "b", "c", "K", "missing", "eval"}
    assert take(space, "K").names == frozenset()


def test_a_name_that_is_not_loaded_counts_like_its_value() -> None:
    space = run("data = [1, 2]\ndef f(): return data")
    loaded = take(space, "f")
    value = take(space, "data").digest
    del space["data"]
    assert take(space, "f", data=value).digest == loaded.digest
    assert take(space, "f", data="other").digest != loaded.digest
    assert take(space, "f", data=value).names == {"data"}


def test_an_instance_that_is_not_loaded_counts_like_itself() -> None:
    space = run("n = 1\nclass C:\n    def m(self): return n\nc = C()\ndef f(): return c.m()")
    loaded = take(space, "f").digest
    value = take(space, "c").digest
    del space["c"]
    assert take(space, "f", c=value).digest == loaded


def test_own_is_without_what_globals_hold() -> None:
    space = run("n = 1\ndef f(): return n")
    before = Fingerprinter(space, {}).own(space["f"]).digest
    space["n"] = 2
    assert Fingerprinter(space, {}).own(space["f"]).digest == before
    space["f"].extra = 1  # type: ignore[attr-defined]
    assert Fingerprinter(space, {}).own(space["f"]).digest != before


def test_a_handle_among_the_globals_is_not_a_handle_of_the_function() -> None:
    space = run("import threading\nlock = threading.Lock()\ndef f(): return lock\nclass C:\n    lock = lock\nc = C()")
    assert take(space, "f").stable
    assert take(space, "c").stable
    assert take(space, "lock").handle == "io"


def test_a_handle_in_a_closure_is_one_of_the_function() -> None:
    space = run("def make():\n    rows = iter([1, 2])\n    def f(): return next(rows)\n    return f\nf = make()")
    assert take(space, "f").handle == "iterator"


def test_classes_and_instances_that_hold_each_other_end() -> None:
    space = run("class C: pass\nC.one = C()\nC.all = {C.one, C()}\nc = C()\nc.kind = C\nC.self = C")
    assert take(space, "c").stable
    assert take(space, "C").stable


def test_using_a_class_does_not_change_it() -> None:
    space = run(
        "import abc, copy, enum, pickle\nclass A(abc.ABC):\n    def __init__(self): self.n = 1\n"
        "class F(enum.Flag):\n    R = 1\n    W = 2\n    X = 4\na = A()"
    )
    before = [take(space, name).digest for name in ("A", "F", "a")]
    exec("isinstance(3, A); copy.copy(a); F.R | F.W; F(7); hash(F.R); a.__reduce_ex__(4)", space)
    assert [take(space, name).digest for name in ("A", "F", "a")] == before


def load_module(path: Path, text: str, name: str) -> types.ModuleType:
    path.write_text(text, encoding="utf-8")
    linecache.clearcache()
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_a_workspace_module_counts_by_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    helper = "pj_test_helper_module"
    code = "RATE = {rate}\ndef inner(): return RATE\ndef outer(): return inner()\n"

    def both(rate: int) -> tuple[str, str, frozenset[str]]:
        module = load_module(tmp_path / "helper.py", code.format(rate=rate), helper)
        by_function, by_module = {"f": module.outer}, run("def f(): return h.outer()")
        by_module["h"] = module
        taken = Fingerprinter(by_function, {}).of(module.outer)
        return taken.digest, take(by_module, "f").digest, taken.names

    first, again, other = both(1), both(1), both(2)
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]
    assert first[2] == frozenset()


def test_a_library_counts_by_name_and_version(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    before = digest("import numpy\ndef f(): return numpy.mean"), digest("from numpy import mean as f")
    monkeypatch.setattr(np, "__version__", "0.0.1")
    monkeypatch.setattr("prefect_jupyter.runtime.origins._versions", {})
    after = digest("import numpy\ndef f(): return numpy.mean"), digest("from numpy import mean as f")
    assert before[0] != after[0]
    assert before[1] != after[1]
