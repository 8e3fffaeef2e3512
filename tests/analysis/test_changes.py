"""What a person is told about a changed cell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_jupyter.analysis.changes import explain_change


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a = 1\n\nlimit = 5", "a = 1\n\nlimit = 6", "`limit = 5` → `limit = 6` (line 3)"),
        ("%%task a\nlimit = 5", "%%task b\n\nlimit = 6", "`limit = 5` → `limit = 6` (line 3)"),
        ("df.head(5)", "df.head(6)  # more", "`df.head(5)` → `df.head(6)` (line 1)"),
        ("x = 'a'", "x = 'b'", "`x = 'a'` → `x = 'b'` (line 1)"),
        ("x = 1", "x = 1.0", "`x = 1` → `x = 1.0` (line 1)"),
        ("x = True", "x = 1", "`x = True` → `x = 1` (line 1)"),
        ("def f(a, b=1):\n    return a", "def f(a, b=2):\n    return a", "`1` → `2` (line 1)"),
        ("def f():\n    return 1", "def f():\n    return 2", "`return 1` → `return 2` (line 2)"),
        (
            "result = plot(frame, title='a very long title that fills the line', width=5)",
            "result = plot(frame, title='a very long title that fills the line', width=6)",
            "`width=5` → `width=6` (line 1)",
        ),
        (f"x = '{'a' * 100}'", f"x = '{'b' * 101}'", "a constant of 100 characters → one of 101 characters (line 1)"),
        ("x = 1  # one", "x  =  1", "only comments or layout changed"),
        ("x = 1", "x = 1", "only comments or layout changed"),
        ("%%task a --retries 2\nx", "%%task a --retries 3\nx", "`%%task a --retries 2` → `%%task a --retries 3`"),
        ("x = 1", "%%task\nx = 1", "`no header` → `%%task`"),
        ("x = y", "x = z", "-x = y\n+x = z"),
        ("a = 1\nb = 2\nc = 3", "a = 1\nb = f(2)\nc = 3", "-b = 2\n+b = f(2)"),
        ("a = 1\nb = 2", "a = 3\nb = 4", "-a = 1\n-b = 2\n+a = 3\n+b = 4"),
        ("a = 1", "a = 1\nb = 2", "+b = 2"),
        ("x = (", "x = [", "-x = (\n+x = ["),
        ("!ls a", "!ls b", "-!ls a\n+!ls b"),
    ],
)
def test_a_change_is_explained(old: str, new: str, expected: str) -> None:
    assert explain_change(old, new) == expected


def test_a_long_diff_is_cut() -> None:
    lines = explain_change(
        "\n".join(f"a{i} = f({i})" for i in range(900)), "\n".join(f"b{i} = g({i})" for i in range(900))
    )
    assert len(lines.split("\n")) == 21
    assert lines.endswith("\n…")


def test_layout_is_not_part_of_a_diff() -> None:
    assert explain_change("x = f( a,\n  b )\ny = q", "x = f(a, b)  # note\ny = r") == "-y = q\n+y = r"


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=40))
def test_no_texts_make_it_fail(old: str, new: str) -> None:
    assert explain_change(old, new)
