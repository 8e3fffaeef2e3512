"""Which statements are definitions, what they bind, and whether the last value is shown."""

from __future__ import annotations

import ast

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from prefect_jupyter.analysis.statements import bound_by, has_effect_free_form, replayable, suppressed


def tree(source: str) -> ast.Module:
    return ast.parse(TransformerManager().transform_cell(source))


@pytest.mark.parametrize(
    "source",
    [
        "import a, b.c as d",
        "from a import *",
        "from __future__ import annotations",
        "def f(): pass",
        "async def f(): pass",
        "@deco\ndef f(): pass",
        "class A: pass",
        "h = lambda x: x",
        "h = g = lambda x: x",
        "h: F = lambda x: x",
        "try:\n    import a\nexcept ImportError:\n    a = None",
        "try:\n    import a\n    HAS_A = True\nexcept ImportError:\n    print('no a')",
        "try:\n    import a\nexcept ImportError:\n    pass\nelse:\n    from a import b",
        "if c:\n    import a\nelse:\n    a = None",
        "if sys.version_info >= (3, 9):\n    def f(): pass",
        "%matplotlib inline",
        "%load_ext autoreload",
    ],
)
def test_definitions_are_run_again(source: str) -> None:
    assert replayable(tree("x = 1\n" + source)) == (1,)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "f()",
        "f = jit(f)",
        "o.f = lambda: 1",
        "a, b = lambda: 1, 2",
        "if c:\n    x = 1",
        "if c:\n    import a\n    f()",
        "if f():\n    import a",
        "try:\n    f()\nexcept E:\n    pass",
        "try:\n    import a\n    f()\nexcept E:\n    pass",
        "for i in x:\n    import a",
        "with a:\n    import b",
        "%cd ..",
        "%time import a",
        "!ls",
        "plt.rcParams['a'] = 1",
        "pass",
        "'text'",
    ],
)
def test_other_statements_are_not_run_again(source: str) -> None:
    assert replayable(tree(source)) == ()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = y = 1", "x y"),
        ("a, (b, *c) = d", "a b c"),
        ("x[i].y = 1", ""),
        ("x += 1", "x"),
        ("import a.b, c as d", "a d"),
        ("from a import b as c, d", "c d"),
        ("from a import *", ""),
        ("@deco(w := 1)\ndef f(a=1): b = 2", "f w"),
        ("class A:\n    x = 1", "A"),
        ("for i, j in x:\n    k = i\nelse:\n    m = 1", "i j k m"),
        ("with a as b:\n    c = 1", "b c"),
        ("try:\n    import a\nexcept E as e:\n    a = None", "a"),
        ("if (n := f()):\n    x = 1\nelif c:\n    y = 1", "n x y"),
        ("[i for i in x if (w := i)]", "w"),
        ("lambda: (w := 1)", ""),
        ("match p:\n    case [a, *b]: pass\n    case {'k': c, **d}: pass\n    case C() as e: pass", "a b c d e"),
        ("global x", ""),
        ("del x", ""),
        ("x: int", ""),
        ("x: int = 1", "x"),
    ],
)
def test_what_a_statement_binds(source: str, expected: str) -> None:
    assert bound_by(ast.parse(source).body[0]) == frozenset(expected.split())


@pytest.mark.parametrize("source", ["x;", "x; # why", "x ;\n\n# end", "f(';');", "%time f();", "'''\n''';"])
def test_a_last_semicolon_hides_the_value(source: str) -> None:
    assert suppressed(source)


@pytest.mark.parametrize("source", ["", "x", "x # ;", "x; y", "';'", "f(';')", "'''\n;'''", "x;\ny", "# ;"])
def test_other_semicolons_hide_nothing(source: str) -> None:
    assert not suppressed(source)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "1",
        "x",
        "pass",
        "'text'",
        "...",
        "import a",
        "def f(): g()",
        "class A: pass",
        "h = lambda: g()",
        "assert f(x) == 1",
        "def f(): g()\nassert f() is None, 'message'",
    ],
)
def test_forms_without_effects(source: str) -> None:
    assert has_effect_free_form(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    ["f()", "x.y", "x + y", "x = 1", "@app.route('/')\ndef f(): pass", "del x", "raise E", "x\nf()", "await x"],
)
def test_forms_that_may_have_effects(source: str) -> None:
    assert not has_effect_free_form(ast.parse(source))
