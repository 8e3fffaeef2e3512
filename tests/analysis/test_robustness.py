"""Whatever a cell's text is, the analysis answers: with names, or with a problem that has a line."""

from __future__ import annotations

import sys
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from prefect_jupyter.analysis.reads_writes import analyse
from prefect_jupyter.core.cells import Cell


def read(source: str) -> Cell:
    return analyse("cell", source, TransformerManager().transform_cell)


def problems(source: str) -> list[tuple[str, int | None]]:
    return [(problem.message, problem.line) for problem in read(source).problems]


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("x = (", "never closed", 1),
        ("%%task a\n\nx = 1\ny = (", "never closed", 4),
        ("\n\n%%task a\n\n\nx = 1\ny = )", "unmatched", 7),
        ("#| task: a\n\nx = 1\ny = )", "unmatched", 4),
        ("x = 1\nreturn x", "'return' outside function", 2),
        ("%%task a\nif x:\n    return x", "'return' outside function", 3),
        ("yield 1", "'yield' outside function", 1),
        ("break", "'break' outside loop", 1),
        ("nonlocal x", "nonlocal declaration not allowed at module level", 1),
        ("def f():\n    await g()", "'await' outside async function", 2),
        ("def f(a, a): pass", "duplicate argument", 1),
        ("if x:\ny", "expected an indented block", 2),
        ("x = 1\n  y = 2", "unexpected indent", 2),
        ("%%time\nx = 1\ny = (", "the code of `%%time` does not parse", 3),
        ("%%task a\n%%time\nx = 1\ny = )", "the code of `%%time` does not parse", 4),
        ("x = 1\n%time y = (", "the code of `%time` does not parse", 2),
        ("%%task a\n\n# nothing\n", "cell has a header but no code", 1),
        ("%%task", "cell has a header but no code", 1),
        ("%%task --retrys 3\nx", "unknown option `--retrys`", 1),
        ("# note\n#| task: --retrys 3\nx", "unknown option `--retrys`", 2),
        ("%%task a\nx\n%%task b\ny", "two headers in one cell (lines 1 and 3)", 3),
    ],
)
def test_what_is_wrong_is_said_with_its_line(source: str, words: str, line: int) -> None:
    messages = problems(source)
    assert any(words in message and where == line for message, where in messages), messages


def test_a_cell_with_a_wrong_option_is_still_read() -> None:
    cell = read("%%task fit --retrys 3\nx = y")
    assert cell.options is not None
    assert cell.options.name == "fit"
    assert (cell.reads, cell.writes) == ({"y"}, {"x"})


def test_a_cell_that_does_not_parse_reads_and_binds_nothing() -> None:
    cell = read("x = y\nz = (")
    assert (cell.reads, cell.writes, cell.reads_everything) == (frozenset(), frozenset(), False)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\x00",
        "x = '\ud800'",
        "\ud800",
        "\ufeffx = 1\x00",
        "(" * 500,
        "x = " + "-" * 100_000 + "1",
        "\x00",
        "%%task \ud800\nx",
    ],
    ids=["nul", "surrogate in a string", "surrogate", "bom and nul", "parentheses", "minus", "only nul", "header"],
)
def test_what_no_parser_takes_is_a_problem(source: str) -> None:
    messages = problems(source)
    assert messages
    assert all(message for message, _ in messages)


def test_long_chains_are_read() -> None:
    terms = [f"x{i}" for i in range(600)]
    assert set(terms) <= read(" + ".join(terms)).reads
    assert read("x" + ".f()" * 150).reads == {"x"}
    assert read(" and ".join(terms)).reads == set(terms)


def test_nesting_beyond_the_stack_is_a_problem_and_widens_the_reads() -> None:
    source = "".join("  " * depth + f"if x{depth}:\n" for depth in range(90)) + "  " * 90 + "y = 1"
    limit = sys.getrecursionlimit()
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    sys.setrecursionlimit(depth + 150)
    try:
        cell = analyse("cell", source, str)
    finally:
        sys.setrecursionlimit(limit)
    assert cell.problems
    assert "nested too deeply" in cell.problems[0].message


def test_a_cell_of_a_megabyte_is_read() -> None:
    source = "%%task big\ntext = '''" + "lorem ipsum\n" * 90_000 + "'''\nx = y"
    cell = read(source)
    assert cell.problems == ()
    assert (cell.reads, cell.writes) == ({"y"}, {"text", "x"})


def test_a_cell_of_many_megabytes_is_not_analysed_and_may_read_everything() -> None:
    cell = read("x = '" + "a" * 2_000_000 + "'")
    assert cell.reads_everything
    assert "at most 2,000,000 are analysed" in cell.problems[0].message


def test_a_transformation_that_fails_is_a_problem() -> None:
    def broken(text: str) -> str:
        raise RuntimeError("no such plugin")

    assert analyse("cell", "x = 1", broken).problems[0].message == "the cell cannot be read: no such plugin"
    assert analyse("cell", "x = 1\ny = 2", broken).problems[0].message == "the cell cannot be read: no such plugin"


def test_no_warning_reaches_the_person_and_no_filter_is_touched() -> None:
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read('x = "\\d"\nif x is 1: pass\nassert (x, "m")')
    assert caught == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read('y = "\\w"\nif y is 2: pass').problems == ()
    assert warnings.filters == filters


def test_equal_texts_are_transformed_once() -> None:
    seen: list[str] = []

    def transform(text: str) -> str:
        seen.append(text)
        return text

    first = analyse("one", "x = 1\ny = x", transform)
    second = analyse("two", "x = 1\ny = x", transform)
    assert seen == ["x = 1\ny = x"]
    assert (first.id, second.id) == ("one", "two")
    assert first.digest == second.digest


def test_what_a_single_line_means_may_change() -> None:
    magic = False

    def transform(text: str) -> str:
        return "get_ipython().run_line_magic('ls', '')" if magic else text

    assert analyse("cell", "ls", transform).reads == {"ls"}
    magic = True
    assert analyse("cell", "ls", transform).always == ("`%ls`",)
    assert analyse("cell", "%%task\nls", transform).always == ("`%ls`",)


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_no_text_makes_the_analysis_fail(text: str) -> None:
    assert read(text).source == text


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["%%task a", "#| task: b", "%%time", "%time x", "!ls", "x = 1", "(", "'''", "  y", "?x", "del"]
        ),
        max_size=6,
    )
)
def test_no_cell_makes_the_analysis_fail(lines: list[str]) -> None:
    read("\n".join(lines))


NEW_SYNTAX: list[tuple[str, set[str], dict[str, set[str]]]] = [("x = y", {"y"}, {})]
if sys.version_info >= (3, 11):
    NEW_SYNTAX += [("try:\n    x = f()\nexcept* E as group:\n    x = group\nx", {"E", "f"}, {})]
if sys.version_info >= (3, 12):
    NEW_SYNTAX += [
        ("def f[T: Bound](x: T) -> T: return x, n", set(), {"f": {"Bound", "n"}}),
        ("def f[T](x: T, y: Other): pass", set() if sys.version_info >= (3, 14) else {"Other"}, {"f": set()}),
        ("class A[T](Base[T]):\n    def m(self): return n, T", {"Base"}, {"A": {"n"}}),
        ("class A[T]:\n    x = T", set(), {"A": set()}),
        ("type Pair[T] = tuple[T, Other]", set(), {"Pair": {"Other", "tuple"}}),
        ("f'{f'{x}'}'", {"x"}, {}),
    ]
if sys.version_info >= (3, 13):
    NEW_SYNTAX += [("def f[T = Default](x): return x", set(), {"f": {"Default"}})]


@pytest.mark.parametrize(("source", "reads", "late"), NEW_SYNTAX, ids=[source for source, _, _ in NEW_SYNTAX])
def test_new_syntax_is_read(source: str, reads: set[str], late: dict[str, set[str]]) -> None:
    cell = read(source)
    assert cell.problems == ()
    assert (cell.reads, dict(cell.late)) == (reads, late)
