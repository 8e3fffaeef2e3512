"""No read goes unseen: random programs run in a namespace that records what they find above."""

from __future__ import annotations

import builtins
import itertools
import re
import warnings
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefect_jupyter.analysis.parsing import NotPythonError, check, parse
from prefect_jupyter.analysis.reads_writes import analyse

NAMES = ("a", "b", "c", "d", "e")
BUILTINS = frozenset(dir(builtins))


class Anything(int):
    """A value that survives most of what a random program does to it."""

    def __call__(self, *arguments: Any, **words: Any) -> Anything:
        for argument in arguments:
            if callable(argument) and not isinstance(argument, Anything):
                argument(self)
        return self

    def __iter__(self) -> Any:
        return iter((Anything(1), Anything(2)))

    def __getitem__(self, key: Any) -> Anything:
        return self

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __delitem__(self, key: Any) -> None: ...

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> bool:
        return False

    def append(self, value: Any) -> None: ...


class Above(dict[str, Any]):
    """A namespace below cells that bound every name: records which names are found there."""

    def __init__(self) -> None:
        super().__init__(__builtins__=builtins, __name__="__main__")
        self.found: set[str] = set()
        self.gone: set[str] = set()
        self.failed = False

    def __missing__(self, name: str) -> Any:
        if name in NAMES and name not in self.gone:
            self.found.add(name)
            return Anything(3)
        raise KeyError(name)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            self[name] = self.__missing__(name)
        self.gone.add(name)
        super().__delitem__(name)


names = st.sampled_from(NAMES)


def expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    three = st.tuples(inner, inner, inner)
    return st.one_of(
        two.map(lambda p: f"({p[0]} + {p[1]})"),
        two.map(lambda p: f"({p[0]} and {p[1]})"),
        two.map(lambda p: f"({p[0]} or {p[1]})"),
        three.map(lambda p: f"({p[0]} if {p[1]} else {p[2]})"),
        three.map(lambda p: f"({p[0]} < {p[1]} < {p[2]})"),
        st.tuples(names, inner).map(lambda p: f"({p[0]} := {p[1]})"),
        st.tuples(inner, names, names).map(lambda p: f"[{p[0]} for {p[1]} in ({p[2]}, {p[2]})]"),
        st.tuples(inner, names, names, names).map(
            lambda p: f"[{p[0]} for {p[1]} in ({p[2]}, 1) if ({p[3]} := {p[1]})]" if p[1] != p[3] else p[0]
        ),
        st.tuples(inner, names, names, names).map(
            lambda p: f"sum({p[0]} for {p[1]} in ({p[2]}, 1) for {p[3]} in (1, {p[1]}))"
        ),
        st.tuples(names, inner).map(lambda p: f"(lambda {p[0]}: {p[1]})(1)"),
        st.tuples(names, inner).map(lambda p: f"list(map(lambda {p[0]}: {p[1]}, (1, 2)))"),
        two.map(lambda p: f"{{1: {p[0]}, {p[1]}: 2}}"),
        inner.map(lambda p: f"f'{{{p}}}'" if "{" not in p and "'" not in p and ":=" not in p else p),
        names.map(lambda p: f"globals()['{p}']"),
        names.map(lambda p: f"eval('{p} + 1')"),
        st.tuples(names, inner).map(lambda p: f"{p[0]}({p[1]})"),
        inner.map(lambda p: f"({p})[0]"),
    )


expression = st.recursive(st.one_of(names, st.sampled_from(["0", "1", "[]", "(1 / 0)"])), expressions, max_leaves=6)


def indent(block: list[str]) -> str:
    return "\n".join("    " + line for statement in block for line in statement.split("\n"))


def blocks(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    body = st.lists(inner, min_size=1, max_size=3).map(indent)
    return st.one_of(
        st.tuples(expression, body, body).map(lambda p: f"if {p[0]}:\n{p[1]}\nelse:\n{p[2]}"),
        st.tuples(expression, body).map(lambda p: f"if {p[0]}:\n{p[1]}"),
        st.tuples(names, names, body, body).map(lambda p: f"for {p[0]} in ({p[1]}, 1):\n{p[2]}\nelse:\n{p[3]}"),
        st.tuples(names, body).map(lambda p: f"for {p[0]} in ():\n{p[1]}"),
        st.tuples(expression, body).map(lambda p: f"while {p[0]}:\n{p[1]}\n    break"),
        st.tuples(body, names, body).map(lambda p: f"try:\n{p[0]}\nexcept Exception as {p[1]}:\n{p[2]}"),
        st.tuples(body, body, body).map(lambda p: f"try:\n{p[0]}\nexcept TypeError:\n{p[1]}\nfinally:\n{p[2]}"),
        st.tuples(body, body, body).map(
            lambda p: f"try:\n{p[0]}\nexcept ValueError:\n    pass\nelse:\n{p[1]}\n{p[2].strip()}"
        ),
        st.tuples(names, body).map(
            lambda p: f"import contextlib\nwith contextlib.suppress(Exception):\n{p[1]}\n{p[0]}"
        ),
        st.tuples(names, names, body, names).map(lambda p: f"def {p[0]}({p[1]}):\n{p[2]}\n    return {p[3]}"),
        st.tuples(names, expression, body, names).map(lambda p: f"def {p[0]}(x={p[1]}):\n{p[2]}\n{p[0]}({p[3]})"),
        st.tuples(names, names, body).map(lambda p: f"def {p[0]}():\n    global {p[1]}\n    {p[1]} = 1\n{p[0]}()"),
        st.tuples(names, body).map(lambda p: f"class {p[0]}:\n{p[1]}"),
        st.tuples(names, names, body).map(
            lambda p: f"class {p[0]}:\n    def m(self):\n        return {p[1]}\n{p[2]}\n{p[0]}().m()"
        ),
        st.tuples(expression, names, body).map(
            lambda p: f"match {p[0]}:\n    case 1:\n        {p[1]}\n    case {p[1]}:\n{indent([p[2]])}"
        ),
        st.tuples(expression, names, body).map(lambda p: f"match {p[0]}:\n    case [{p[1]}, *_]:\n{indent([p[2]])}"),
    )


simple = st.one_of(
    st.tuples(names, expression).map(lambda p: f"{p[0]} = {p[1]}"),
    st.tuples(names, names, expression).map(lambda p: f"{p[0]}, {p[1]} = {p[2]}, 1"),
    st.tuples(names, expression).map(lambda p: f"{p[0]} += {p[1]}"),
    st.tuples(names, expression).map(lambda p: f"{p[0]}[{p[1]}] = 1"),
    names.map(lambda p: f"del {p}"),
    names.map(lambda p: f"{p}.append({p})"),
    expression,
    st.tuples(names, expression).map(lambda p: f"{p[0]} = lambda *rest: {p[1]}\n{p[0]}(1)"),
    st.tuples(names, expression).map(lambda p: f"assert {p[1]}, {p[0]}"),
    names.map(lambda p: f"exec('{p} = {p}')"),
    st.just("raise ValueError"),
    names.map(lambda p: f"import os as {p}"),
)
statement = st.recursive(simple, blocks, max_leaves=5)
programs = st.lists(statement, min_size=1, max_size=6).map("\n".join)

# A name that is read in many places is foreseen for many reasons. Here `a` is read once, in or behind code that binds
# it or not: every construct around every other one, on every path through both. `p` and `q` are 0, 1 or a failure.
STEPS = (
    "a = 1",
    "(a := 1)",
    "p and (a := 1)",
    "p or (a := 1)",
    "(a := 1) if p else 0",
    "(a := 1) if p else (a := 2)",
    "0 < p < (a := 5)",
    "[0 for _ in range(p) if (a := 1)]",
    "[a for a in (1, 2)]",
    "{1: a, (a := 2): 3}",
    "assert p, (a := 1)",
    "def a(): pass",
    "class a: pass",
    "import os as a",
    "a = 1\nif p:\n    del a",
    "a = lambda: 1",
    "p",
    "raise ValueError",
    "exec('a = 1')",
    "f = lambda: a\nf()",
    "def f(): return a\nf()",
    "class C:\n    a = 1\n    def m(self): return a\nC().m()",
    "class C:\n    a = 1\n    class D:\n        x = a",
    "class C:\n    a = 1\n    x = [a for _ in (1,)]",
    "class C:\n    a = 1",
    "def f():\n    a = 1\nf()",
    "def f(x=p):\n    [a for _ in (1,)]\n    return lambda a: a\nf()",
)
AROUND = (
    "{}",
    "if p:\n    {}",
    "if q:\n    {}\nelse:\n    a = 2",
    "if q:\n    {}\nelse:\n    raise TypeError",
    "for a in range(q):\n    {}",
    "for i in range(q):\n    {}",
    "for i in range(q):\n    {}\nelse:\n    a = 2",
    "for i in (1,):\n    if q:\n        break\n    {}\nelse:\n    a = 3",
    "for i in (1, 2):\n    if q:\n        continue\n    {}",
    "while q:\n    {}\n    break",
    "while 1:\n    if q:\n        break\n    {}\n    break",
    "try:\n    {}\nexcept Exception:\n    pass",
    "try:\n    q\n    {}\nexcept Exception:\n    a = 2",
    "try:\n    q\nexcept Exception:\n    {}",
    "try:\n    q\nexcept Exception as a:\n    {}",
    "a = 0\ntry:\n    1 / q\nexcept Exception as a:\n    {}",
    "try:\n    q\nexcept Exception:\n    a = 1\nelse:\n    {}",
    "try:\n    try:\n        1 / q\n        a = 1\n    finally:\n        a\n        {}\nexcept Exception:\n    pass",
    "try:\n    try:\n        1 / q\n    finally:\n        {}\nexcept Exception:\n    pass",
    "from contextlib import suppress\nwith suppress(Exception):\n    1 / q\n    {}",
    "from contextlib import nullcontext\nwith nullcontext(1) as b:\n    {}",
    "match q:\n    case 1:\n        {}",
    "match q:\n    case 1:\n        a = 1\n    case _:\n        {}",
    "match q:\n    case 1:\n        {}\n    case a:\n        pass",
    "match q:\n    case [a]:\n        pass\n    case int(b) if b:\n        {}",
)
VALUES = ("0", "1", "(1 / 0)")


def every_path() -> Iterator[str]:
    for around, step in itertools.product(AROUND, STEPS):
        line = next(line for line in around.split("\n") if "{}" in line)
        indented = step.replace("\n", "\n" + line[: line.index("{}")])
        for p, q in itertools.product(VALUES, VALUES):
            body = re.sub(r"\bp\b", p, re.sub(r"\bq\b", q, around.replace("{}", indented)))
            yield body
            yield f"{body}\na"


def run(source: str) -> Above:
    """The namespace after a program, whether it failed or not."""
    above = Above()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = compile(source, "<program>", "exec")
    try:
        exec(code, above)
    except Exception:
        above.failed = True
    return above


def global_names(source: str) -> set[str]:
    return {line.split()[1] for line in source.split("\n") if line.strip().startswith("global ")}


def deletes_behind_the_record(source: str) -> bool:
    """What `global` names, the interpreter deletes from the dictionary itself: the record does not see it."""
    return any(f"del {name}" in source for name in global_names(source))


def test_a_name_bound_on_some_path_only_is_read() -> None:
    for source in dict.fromkeys(every_path()):
        cell = analyse("cell", source, str)
        assert cell.problems == (), source
        foreseen = cell.reads.union(cell.maybe, *cell.late.values())
        assert "a" not in run(source).found or "a" in foreseen, source


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(programs)
def test_every_name_that_a_program_finds_above_was_foreseen(source: str) -> None:
    try:
        check(parse(source))
    except NotPythonError:
        return
    if deletes_behind_the_record(source):
        return
    cell = analyse("cell", source, str)
    foreseen = set(cell.reads | cell.maybe)
    for names_of_body in cell.late.values():
        foreseen |= names_of_body
    if not cell.reads_everything:
        assert run(source).found <= foreseen, source


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(programs)
def test_every_name_that_a_program_leaves_bound_was_foreseen(source: str) -> None:
    try:
        check(parse(source))
    except NotPythonError:
        return
    cell = analyse("cell", source, str)
    namespace = run(source)
    bound = {name for name in namespace if name in NAMES and not namespace.failed}
    # A function that binds a name of the notebook may be called under another name.
    assert bound - global_names(source) <= cell.writes, source
