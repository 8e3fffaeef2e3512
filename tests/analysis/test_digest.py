"""What counts as a change of code, and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from prefect_jupyter.analysis.reads_writes import analyse


def digest(source: str) -> str:
    cell = analyse("cell", source, TransformerManager().transform_cell)
    assert cell.problems == ()
    assert len(cell.digest) == 32
    return cell.digest


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x  =  1   # one"),
        ("x = 1\ny = 2", "# first\n\nx = 1\n\n\ny = (\n    2\n)\n"),
        ("f(a, b)", "f(\n    a,\n    b,\n)"),
        ("x = 'a'", 'x = "a"'),
        ("x = u'a'", "x = 'a'"),
        ("x = 1_000", "x = 1000"),
        ("x = 0x10", "x = 16"),
        ("x = 'a' 'b'", "x = 'ab'"),
        ("def f():\n    return 1", "def f():\n    '''One.'''\n    return 1"),
        ("def f(): '''One.'''", "def f(): pass"),
        ("class A:\n    x = 1", "class A:\n    '''A.'''\n    x = 1"),
        ("class A:\n    def m(self):\n        '''M.'''\n        return 1", "class A:\n    def m(self): return 1"),
        ("x = 1", "%%task\nx = 1"),
        ("%%task a --retries 3\nx = 1", "%%task b --tags t --no-cache\nx = 1"),
        ("#| task: a\nx = 1", "%%task a\nx = 1"),
        ("%%task -i a,b\nx = 1", "%%task -i b,a\nx = 1"),
        ("%%time\nx = 1", "%%time\n# how long?\nx  = 1"),
        ("%time x = 1", "%time x  =  1"),
        ("def f(a):\n    y = a + 1\n    return y", "def f(a):\n    total = a + 1\n    return total"),
        (
            "def f(a):\n    for i in a:\n        s = i\n    return [s for q in a]",
            "def f(a):\n    for k in a:\n        t = k\n    return [t for q in a]",
        ),
        (
            "def f():\n    a = 1\n    def g():\n        b = a\n        return b\n    return g",
            "def f():\n    x = 1\n    def g():\n        y = x\n        return y\n    return g",
        ),
    ],
)  # fmt: skip
def test_texts_that_mean_the_same_have_one_digest(one: str, other: str) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'None'", "x = None"),
        ("x = 0.0", "x = -0.0"),
        ("x = 'a b'", "x = 'a  b'"),
        ("x = 1", "y = 1"),
        ("x", "x;"),
        ("f(a, b)", "f(b, a)"),
        ("f(a=b)", "f(b=a)"),
        ("f(*a)", "f(a)"),
        ("f(*a)", "f(**a)"),
        ("{**a, b: c}", "{b: c, **a}"),
        ("{**a}", "{**b}"),
        ("def f(*, a, b=1): pass", "def f(*, a=1, b): pass"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("[a, [b]]", "[[a], b]"),
        ("a < b < c", "a < b > c"),
        ("a + b", "a - b"),
        ("a\nb", "(a, b)"),
        ("if a:\n    b\nelse:\n    c", "if a:\n    b\n    c"),
        ("for i in a:\n    b\nc", "for i in a:\n    b\n    c"),
        ("f'{a}'", "f'{a!r}'"),
        ("f'{a}'", "f'{a:>3}'"),
        ("import a.b", "import a.c"),
        ("import math as lib", "import cmath as lib"),
        ("def f(): return 1", "async def f(): return 1"),
        ("@d\ndef f():\n    'One.'\n    return 1", "@d\ndef f():\n    'Two.'\n    return 1"),
        ("class A(B):\n    'One.'\n    x = 1", "class A(B):\n    'Two.'\n    x = 1"),
        (
            "class A(B):\n    def m(self):\n        'One.'\n        return 1",
            "class A(B):\n    def m(self):\n        'Two.'\n        return 1",
        ),
        ("def f():\n    'One.'\n    return 1\nf.__doc__", "def f():\n    'Two.'\n    return 1\nf.__doc__"),
        ("def f():\n    'One.'\n    return 1\nhelp(f)", "def f():\n    'Two.'\n    return 1\nhelp(f)"),
        ("'One.'\nx = 1", "'Two.'\nx = 1"),
        ("def f():\n    x = 'One.'", "def f():\n    x = 'Two.'"),
        ("%%task -o a\na = b = 1", "%%task -o b\na = b = 1"),
        ("%%task -i a\nx = 1", "%%task\nx = 1"),
        ("%%time\nx = 1", "%%time\nx = 2"),
        ("%%time\nx = 1", "%%capture\nx = 1"),
        ("%timeit -n 3 f()", "%timeit -n 4 f()"),
        ("%time f()", "%time f();"),
        ("!ls a", "!ls b"),
        # Parameters, names of scopes within, and what may be looked up by name are seen from outside.
        ("def f(a): return a", "def f(b): return b"),
        ("def f():\n    a = 1\n    return locals()", "def f():\n    b = 1\n    return locals()"),
        ("def f(d):\n    a = 1\n    return d.query('x > @a')", "def f(d):\n    b = 1\n    return d.query('x > @a')"),
        ("def f():\n    a = 1\n    return f'{a=}'", "def f():\n    b = 1\n    return f'{b=}'"),
        ("@jit\ndef f():\n    a = 1\n    return a", "@jit\ndef f():\n    b = 1\n    return b"),
        ("def f():\n    z = 1\n    return lambda x: x", "def f():\n    z = 1\n    return lambda x: z"),
        ("def f():\n    a = 1\n    b = 2\n    return a", "def f():\n    a = 1\n    b = 2\n    return b"),
        ("def f():\n    a = 1\n    return [a for a in x]", "def f():\n    b = 1\n    return [b for a in x]"),
        ("def f():\n    a = 1\n    return b", "def f():\n    b = 1\n    return b"),
        ("def f():\n    global a\n    a = 1", "def f():\n    global b\n    b = 1"),
        ("def f():\n    import numpy\n    return numpy", "def f():\n    import pandas\n    return pandas"),
    ],
)  # fmt: skip
def test_texts_that_differ_in_meaning_have_two_digests(one: str, other: str) -> None:
    assert digest(one) != digest(other)


def test_a_digest_is_equal_in_every_process() -> None:
    source = "def f(a, *b, c=3, **d):\n    t = {a, 'x', 2.5}\n    return t\n[f(i) for i in {1: 2, **k}]"
    program = (
        f"from prefect_jupyter.analysis.reads_writes import analyse; print(analyse('cell', {source!r}, str).digest)"
    )
    for seed in ("0", "1"):
        printed = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        assert printed == digest(source)


LINES = st.lists(
    st.sampled_from(
        [
            "x = f(1, y)",
            "df['a'] = df.b + 2",
            "print(x)",
            "t = [i for i in x if i]",
            "s = 'a # b'",
            "del q",
            "z = (a, b)",
        ]
    ),
    min_size=1,
    max_size=6,
)
NOISE = st.lists(st.sampled_from(["", "   ", "# note", "    # deep", "\t"]), min_size=7, max_size=7)


@settings(deadline=None)
@given(LINES, NOISE, st.lists(st.sampled_from(["", "  ", "  # why", "\t#"]), min_size=6, max_size=6))
def test_comments_and_layout_do_not_count(lines: list[str], above: list[str], behind: list[str]) -> None:
    noisy = [part for line, before, after in zip(lines, above, behind, strict=False) for part in (before, line + after)]
    assert digest("\n".join(noisy)) == digest("\n".join(lines))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["total", "größe", "value_2", "s"]), LINES)
def test_the_name_of_a_local_variable_does_not_count(name: str, lines: list[str]) -> None:
    def source(local: str) -> str:
        body = "\n    ".join(line for line in lines if not line.startswith(("s =", "t =")))
        return f"def function(argument):\n    {local} = argument\n    {body}\n    return {local} + 1"

    assert digest(source(name)) == digest(source("anything"))
