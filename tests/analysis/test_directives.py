"""Headers: where they may stand, what they may say, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_jupyter.analysis.directives import (
    complete,
    describe,
    header_problems,
    parse_options,
    read_header,
)
from prefect_jupyter.analysis.options import OPTIONS
from prefect_jupyter.core.tasks import Retry, TaskOptions
from prefect_jupyter.core.triggers import TRIGGERS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "header-options.md"

A_DURATION = "write a number and a unit, such as `250ms`, `10s`, `5m`, `2h` or `1d`"


def options(text: str) -> TaskOptions:
    parsed, problems = parse_options(text)
    assert problems == ()
    return parsed


def problems(text: str) -> list[str]:
    return [problem.message for problem in parse_options(text)[1]]


# --- finding


@pytest.mark.parametrize(
    ("source", "spelling", "text", "line", "body"),
    [
        ("%%task\nx = 1", "%%task", "", 1, "\nx = 1"),
        ("%%task clean --retries 3\nx", "%%task", "clean --retries 3", 1, "\nx"),
        ("\n  \n%%task a\nx", "%%task", "a", 3, "\n  \n\nx"),
        ("  %%task a  \nx", "%%task", "a", 1, "\nx"),
        ("%%task\ta\r\nx", "%%task", "a", 1, "\nx"),
        ("%%task", "%%task", "", 1, ""),
        ("%%task {x} $y", "%%task", "{x} $y", 1, ""),
        ("#| task: clean -i a\nx", "#| task:", "clean -i a", 1, "#| task: clean -i a\nx"),
        ("# | task: clean\nx", "#| task:", "clean", 1, "# | task: clean\nx"),
        ("#|task:\nx", "#| task:", "", 1, "#|task:\nx"),
        ("# Title\n\n#| label: fig\n#| task: t\nx", "#| task:", "t", 4, "# Title\n\n#| label: fig\n#| task: t\nx"),
    ],
)
def test_a_header_is_found(source: str, spelling: str, text: str, line: int, body: str) -> None:
    header = read_header(source)
    assert header is not None
    assert (header.spelling, header.text, header.line, header.body) == (spelling, text, line, body)


@pytest.mark.parametrize(
    "source",
    [
        "",
        "x = 1",
        "%%tasks\nx",
        "%%task?",
        "%task a",
        "%%time\n#| task: a",
        "x\n#| task: a",
        "# task: a",
        "#| tasks: a",
    ],
)
def test_a_plain_cell_has_no_header(source: str) -> None:
    assert read_header(source) is None


@settings(deadline=None)
@given(st.lists(st.sampled_from(["", " ", "# c", "x = 1", "%%task a", "#| task: b", "'''", "\r", "\x0c"]), max_size=8))
def test_every_line_of_the_body_keeps_its_number(lines: list[str]) -> None:
    source = "\n".join(lines)
    header = read_header(source)
    if header is not None:
        body = header.body.split("\n")
        assert len(body) == len(lines)
        assert [line for number, line in enumerate(body, 1) if number != header.line] == [
            line for number, line in enumerate(lines, 1) if number != header.line
        ]


@pytest.mark.parametrize(
    ("source", "message", "line"),
    [
        ("%%task a\nx = 1\n\n\n\n\n%%task b\ny", "two headers in one cell (lines 1 and 7): split the cell here", 7),
        ("#| task: a\nx = 1\n#| task: b\ny", "two headers in one cell (lines 1 and 3): split the cell here", 3),
        ("%%task a\n#| task: b\ny", "two headers in one cell (lines 1 and 2): split the cell here", 2),
        ("#| task: a\n%%task b\ny", "two headers in one cell (lines 1 and 2): split the cell here", 2),
        (
            "# note\n%%task a\nx",
            "`%%task` must be the first line of its cell: move it above line 2, or split the cell",
            2,
        ),
        (
            "x = 1\n%%task a\nx",
            "`%%task` must be the first line of its cell: move it above line 2, or split the cell",
            2,
        ),
        ("#| task: a\n%%time\nx", "`%%time` cannot follow `#| task:`: write `%%task a` as the first line instead", 2),
    ],
)
def test_a_header_in_the_wrong_place_is_a_problem(source: str, message: str, line: int) -> None:
    found = header_problems(source, read_header(source))
    assert [(problem.message, problem.line) for problem in found] == [(message, line)]


@pytest.mark.parametrize(
    "source",
    [
        "%%task a\ntext = '''\n%%task b\n#| task: c\n'''",
        "text = '''\n%%task b\n'''",
        "%%task a\n%%writefile cell.py\n#| task: c\nx = 1",
        "%%writefile cell.txt\n%%task c\nx = 1",
        "%%task a\n%%time\nx = 1",
        "%%task a\ntext = f'''\n#| task: c\n{x}'''",
        "%%task a\nx = 1  #| task: trailing",
    ],
)
def test_a_header_inside_of_a_text_is_text(source: str) -> None:
    assert header_problems(source, read_header(source)) == ()


# --- parsing


def test_nothing_said_is_the_default() -> None:
    assert options("") == TaskOptions()
    assert options("   # only a comment") == TaskOptions()


def test_every_option_is_parsed() -> None:
    text = (
        "clean -i a,b --outputs c --no-cache --retries 3 --retry-delay 1s,5s --trigger all_finished --tags x,y --defer"
    )
    assert options(text) == TaskOptions(
        name="clean",
        inputs=("a", "b"),
        outputs=("c",),
        cache=False,
        retry=Retry(retries=3, delays_s=(1.0, 5.0)),
        trigger="all_finished",
        tags=("x", "y"),
        defer=True,
    )


def test_what_lies_outside_of_python_is_declared() -> None:
    text = "--file 'my data/*.csv' --file b.csv --env A,_B2 --expires 1d --seed 0 --writes out.csv --mutation warn"
    assert options(text) == TaskOptions(
        files=("my data/*.csv", "b.csv"),
        env=("A", "_B2"),
        expires_s=86_400.0,
        seed=0,
        writes=("out.csv",),
        mutation="warn",
    )


def test_the_name_may_stand_anywhere_and_values_may_be_attached_or_quoted() -> None:
    assert options("--retries=2 clean") == TaskOptions(name="clean", retry=Retry(retries=2))
    assert options("--tags 'two words',b").tags == ("two words", "b")
    assert options("--cache clean") == TaskOptions(name="clean", cache=True)


def test_the_order_of_options_does_not_matter() -> None:
    assert options("a --retries 1 --tags t") == options("--tags t a --retries 1")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("10s", 10.0), ("5m", 300.0), ("2h", 7200.0), ("1d", 86400.0), ("1.5s", 1.5), (".5h", 1800.0)],
)
def test_durations(text: str, seconds: float) -> None:
    assert options(f"--retries 1 --retry-delay {text}").retry.delays_s == (seconds,)


@pytest.mark.parametrize(
    "text",
    [
        "0s",
        "0.0h",
        "-1s",
        "inf",
        "infs",
        "nan",
        "1e9d",
        "1e3s",
        "10",
        "s",
        "1 s",
        "١s",
        "9" * 400 + "d",
        "400d",
        "1s,,2s",
    ],
)
def test_a_duration_that_is_none_is_refused_with_what_is_accepted(text: str) -> None:
    (message,) = problems(f"--retries 1 --retry-delay '{text}'")
    assert message.startswith("`--retry-delay`: ")
    assert "such as `250ms`" in message or "at most 365d" in message


@pytest.mark.parametrize("name", ["clean", "größe", "fit-2", "a.b", "df·2", "_x", "2nd", "清洗", "e\u0301tape"])
def test_names_that_are_accepted(name: str) -> None:
    assert options(name).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class", "`class` is a word of Python: choose another name"),
        ("None", "`None` is a word of Python: choose another name"),
        ("a/b", "the task's name `a/b` has `/`: use letters, digits, `_`, `-`, `.` and `·`"),
        ("'a b'", "the task's name `a b` has ` `: use letters, digits, `_`, `-`, `.` and `·`"),
        ("...", "the task's name `...` has no letter: use letters, digits, `_`, `-`, `.` and `·`"),
        ("''", "the task's name is empty: write one, or leave it out"),
        ("a\u202eb", "the task's name has an invisible character (U+202E): remove it"),
        ("a\x07b", "the task's name has an invisible character (U+0007): remove it"),
        ("a\u200bb", "the task's name has an invisible character (U+200B): remove it"),
        ("x" * 101, "the task's name has 101 characters: use at most 100"),
        ("a b", "two names, `a` and `b`: a task has one; values belong after their option"),
        ("--retrys 3", "unknown option `--retrys`: did you mean `--retries`?"),
        ("--trigers all_failed", "unknown option `--trigers`: did you mean `--trigger`?"),
        ("--retries", "`--retries` needs a value: write `--retries N`"),
        ("--retries --defer", "`--retries` needs a value: write `--retries N`"),
        ("--retries=", "`--retries` needs a value: write `--retries N`"),
        ("--retries x", "`--retries`: `x` is not a count: write a whole number from 0, such as `3`"),
        ("--retries -1", "`--retries`: `-1` is not a count: write a whole number from 0, such as `3`"),
        ("--retries 1.5", "`--retries`: `1.5` is not a count: write a whole number from 0, such as `3`"),
        ("--retries 2 --retries 3", "`--retries` is given twice: keep one of them"),
        ("-i a --inputs b", "`--inputs` is given twice: keep one of them"),
        ("--cache --no-cache", "`--cache` and `--no-cache` exclude each other"),
        ("--defer=yes", "`--defer` takes no value: write `--defer` alone"),
        ("--retry-delay 1s", "`--retry-delay` does nothing without retries: add `--retries 3`"),
        ("--trigger all_succesful", "`--trigger`: `all_succesful` is not a trigger: did you mean `all_successful`?"),
        ("-i a,", "`-i`: `a,` has an empty part: write words separated by commas, such as `a,b`"),
        ("-o a,a", "`-o`: `a` is there twice: write it once"),
        ("-o 2x", "`-o`: `2x` is not a variable's name: write names separated by commas, such as `a,b`"),
        ("-o if", "`-o`: `if` is not a variable's name: write names separated by commas, such as `a,b`"),
        ("--file ''", "`--file` needs a value: write `--file GLOB`"),
        ("--file ' '", "`--file`: ` ` names no file: write a path or a pattern, such as `data/*.csv`"),
        ("--file a.csv --file a.csv", "`--file`: `a.csv` is there twice: write it once"),
        (
            "--file s3://x/y",
            "`--file`: `s3://x/y` is an address, not a file: say `--expires 1d` for what comes from elsewhere",
        ),
        (
            "--env TOKEN=abc",
            "`--env`: `TOKEN` is not the name of an environment variable: write the name alone, `TOKEN`",
        ),
        (
            "--env 1X",
            "`--env`: `1X` is not the name of an environment variable: write names such as `HOME,API_URL`",
        ),
        ("--env A,A", "`--env`: `A` is there twice: write it once"),
        ("--expires 0d", f"`--expires`: `0d` is no time at all: {A_DURATION}"),
        ("--expires -1d", f"`--expires`: `-1d` is not a duration: {A_DURATION}"),
        ("--expires inf", f"`--expires`: `inf` is not a duration: {A_DURATION}"),
        ("--expires", "`--expires` needs a value: write `--expires 1d`"),
        ("--seed -1", "`--seed`: `-1` is not a seed: write a whole number from 0 to 4294967295, such as `42`"),
        (
            "--seed 4294967296",
            "`--seed`: `4294967296` is not a seed: write a whole number from 0 to 4294967295, such as `42`",
        ),
        ("--seed 1 --seed 2", "`--seed` is given twice: keep one of them"),
        ("--writes a*", "`--writes`: `a*` is a pattern: write the path of one file, such as `out.parquet`"),
        ("--writes out/", "`--writes`: `out/` is a folder: write the path of one file, such as `out/out.parquet`"),
        ("--mutation warm", "`--mutation`: `warm` is neither `warn` nor `error`: did you mean `warn`?"),
        ("clean --tags 'a", "unclosed quote in the header: `'a`"),
    ],
)
def test_a_wrong_header_says_what_is_wrong(text: str, message: str) -> None:
    assert problems(text) == [message]


def test_an_option_that_resembles_none_lists_them_all() -> None:
    (message,) = problems("--zzz")
    assert message.startswith("unknown option `--zzz`: there are `-i`, ")
    assert all(f"`{option.long}`" in message for option in OPTIONS)


def test_what_is_right_beside_what_is_wrong_is_kept() -> None:
    parsed, found = parse_options("clean --retries x --tags a")
    assert parsed == TaskOptions(name="clean", tags=("a",))
    assert len(found) == 1


def test_every_trigger_is_accepted() -> None:
    for name in TRIGGERS:
        assert options(f"--trigger {name}").trigger == name
    assert options("--trigger 'some_failed(at_least=2, at_most=0.5)'").trigger == "some_failed(at_least=2, at_most=0.5)"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_makes_the_parser_fail(text: str) -> None:
    parsed, found = parse_options(text)
    assert isinstance(parsed, TaskOptions)
    assert all(problem.message for problem in found)
    complete(text, len(text) // 2)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "--retries", "3", "--retrys", "=", "'", "-i", "x,y", "--", "-", "--cache", "#"])))
def test_no_header_makes_the_parser_fail(words: list[str]) -> None:
    parse_options(" ".join(words))


def test_how_a_task_is_tried_again() -> None:
    header = "--retries 3 --retry-delay 1s,5s --backoff 2 --jitter .1 --retry-on OSError,requests.Timeout"
    retry = Retry(retries=3, delays_s=(1.0, 5.0), backoff=2.0, jitter=0.1, only_on=("OSError", "requests.Timeout"))
    assert options(header).retry == retry


def test_when_a_task_runs_and_for_how_long() -> None:
    parsed = options('--when "n > 3" --timeout 90s --pause --limit db=2 --limit net=1')
    assert (parsed.when, parsed.timeout_s, parsed.pause) == ("n > 3", 90.0, True)
    assert parsed.limits == (("db", 2), ("net", 1))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("--jitter .1", "`--jitter` does nothing without retries: add `--retries 3`"),
        ("--retries 1 --jitter 2", "`--jitter`: `2` is not a number from 0 to 1: write one, such as `0.2`"),
        ("--retries 1 --backoff nan", "`--backoff`: `nan` is not a number from 1 to 100: write one, such as `2`"),
        ("--retries 1 --retry-on 3", "`--retry-on`: `3` is not an exception's name"),
        ("--timeout 0s", "`--timeout`: `0s` is no time at all"),
        ('--when "n >"', "`--when`: `n >` is not a Python expression"),
        ("--limit db", "`--limit`: `db` is not a limit: write a tag and a number from 1, such as `db=2`"),
        ("--limit db=0", "`--limit`: `db=0` is not a limit"),
    ],
)  # fmt: skip
def test_what_such_options_do_not_accept(header: str, message: str) -> None:
    (problem,) = problems(header)
    assert problem.startswith(message)


# --- completion and help


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--ret", ["--retries", "--retry-delay", "--retry-on"]),
        ("clean --t", ["--timeout", "--trigger", "--tags"]),
        ("--trigger any_", ["any_successful", "any_failed"]),
        ("--trigger=any_s", ["--trigger=any_successful"]),
        ("--retries 3 --ret", ["--retry-delay", "--retry-on"]),
        ("--limit a=1 --li", ["--limit"]),
        ("--no-cache --c", []),
        ("cle", []),
        ("--retries ", []),
        ("-i a --in", []),
        ("--file a --file b --fi", ["--file"]),
        ("--expires ", ["1h", "1d", "7d"]),
        ("--mutation e", ["error"]),
        ("--seed 1 --se", []),
        ("-", [flag for option in OPTIONS for flag in option.flags]),
    ],
)  # fmt: skip
def test_completion(text: str, expected: list[str]) -> None:
    assert complete(text, len(text)) == expected


def test_completion_looks_at_the_whole_header() -> None:
    assert complete("--re --retries 3", 4) == ["--retry-delay", "--retry-on"]
    assert "--retries" in complete("clean ", 6)


def test_whatever_is_completed_is_an_option() -> None:
    assert set(complete("--", 2)) == {option.long for option in OPTIONS}


def test_the_help_names_every_option_and_trigger() -> None:
    text = describe()
    for option in OPTIONS:
        assert option.help in text
        assert all(flag in text for flag in option.flags)
    assert all(trigger in text for trigger in TRIGGERS)


def test_the_reference_names_every_option() -> None:
    reference = REFERENCE.read_text(encoding="utf-8")
    for option in OPTIONS:
        for flag in option.flags:
            assert f"`{flag}{' ' + option.metavar if option.metavar else ''}`" in reference
