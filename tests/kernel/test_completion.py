"""Tab after a task's header and after `%flow` offers what can stand there, and nothing of Python."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from prefect_jupyter.kernel.completion import words_at
from prefect_jupyter.kernel.introspection import Introspection

VERBS = ("show", "run", "rerun", "why", "config")


def words(line: str) -> list[str] | None:
    return words_at(line, VERBS, lambda: ["load", "clean"], ["stop_on_error"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%%task clean --retr", ["--retries", "--retry-delay", "--retry-on"]),
        ("%%task clean --trigger any_", ["any_successful", "any_failed"]),
        ("#| task: clean --def", ["--defer"]),
        ("# | task: --no", ["--no-cache"]),
        ("%flow ", ["show", "run", "rerun", "why", "config"]),
        ("%flow r", ["run", "rerun"]),
        ("%flow why ", ["load", "clean"]),
        ("%flow why c", ["clean"]),
        ("%flow rerun load ", ["clean"]),
        ("%flow config ", ["stop_on_error="]),
        ("%flow show ", []),
        ("%%task cle", []),
        ("%flow", None),
        ("%%task", None),
        ("x = task", None),
        ("%flower ", None),
    ],
)
def test_a_line_is_completed_by_its_own_words(line: str, expected: list[str] | None) -> None:
    assert words(line) == expected


def test_all_options_are_offered_after_two_dashes() -> None:
    offered = words("%%task clean --") or []
    assert {"--retries", "--retry-delay", "--trigger", "--inputs", "--outputs", "--no-cache"} <= set(offered)
    assert all(word.startswith("--") for word in offered)


class Kernel:
    """The two methods that are wrapped, as ipykernel has them."""

    def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        return {"matches": ["python"], "cursor_start": 0, "cursor_end": cursor_pos}

    def do_inspect(self, code: str, cursor_pos: int) -> dict[str, Any]:
        return {}


def test_the_kernel_answers_with_the_word_at_the_cursor_and_leaves_python_to_itself() -> None:
    kernel = Kernel()
    introspection = Introspection(kernel, SimpleNamespace(pending=set()))  # type: ignore[arg-type]
    introspection.words_at = words
    introspection.install()
    code = "#| task: é --ret\nx = 1"
    answer = kernel.do_complete(code, 16)
    assert answer["matches"] == ["--retries", "--retry-delay", "--retry-on"]
    assert code[answer["cursor_start"] : answer["cursor_end"]] == "--ret"
    assert kernel.do_complete(code, len(code))["matches"] == ["python"]
    introspection.uninstall()
    assert kernel.do_complete(code, 16)["matches"] == ["python"]
