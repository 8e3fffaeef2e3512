from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_jupyter.view import protocol
from prefect_jupyter.view.protocol import PROTOCOL, Command, Refusal, parse_command
from prefect_jupyter.view.typescript import typescript

ROOT = Path(__file__).parent.parent.parent

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
# Nearly right commands reach every check; arbitrary JSON rarely gets past the first.
COMMANDS = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("c1") | JSON,
        "protocol": st.just(PROTOCOL) | JSON,
        "session": st.just("s1") | JSON,
        "verb": st.sampled_from(protocol.VERBS) | JSON,
        "tasks": st.lists(st.text(max_size=5), max_size=3) | JSON,
        "order": st.lists(st.text(max_size=5), max_size=3) | JSON,
        "sources": st.dictionaries(st.text(max_size=5), st.text(max_size=5) | JSON, max_size=3) | JSON,
        "more": JSON,
    },
)


def command(**changes: Any) -> dict[str, Any]:
    plain = {"id": "c1", "session": "s1", "verb": "run", "tasks": [], "order": None, "sources": {}}
    return {**plain, **changes}


@settings(max_examples=10_000, deadline=None)
@given(st.one_of(COMMANDS, JSON))
def test_whatever_arrives_is_a_command_or_gets_an_error_reply(data: object) -> None:
    answer = parse_command(data)

    if isinstance(answer, Refusal):
        message = answer.reply().message()
        assert message["ok"] is False
        assert message["text"].rstrip().endswith(".")
        assert message["id"] == answer.id
    else:
        assert answer.verb in protocol.VERBS
        assert all(isinstance(text, str) for text in (*answer.tasks, *(answer.order or ()), *answer.sources.values()))


def test_a_command_keeps_all_that_the_page_said() -> None:
    said = command(verb="rerun", tasks=["t1"], order=["a", "b"], sources={"a": "x = 1"})

    assert parse_command(said) == Command(
        id="c1", session="s1", verb="rerun", tasks=("t1",), order=("a", "b"), sources={"a": "x = 1"}
    )


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"verb": "explode"}, "Reload the page"),
        ({"verb": ["run"]}, "Reload the page"),
        ({"protocol": PROTOCOL + 1}, "Reload the page"),
        ({"protocol": True}, "Reload the page"),
        ({"tasks": "t1"}, "'tasks' is a list"),
        ({"tasks": ["t"] * (protocol.TASKS_MAX + 1)}, "'tasks' is a list"),
        ({"tasks": ["t" * (protocol.ID_CHARS_MAX + 1)]}, "'tasks' is a list"),
        ({"order": {"a": 1}}, "'order' is a list"),
        ({"sources": {"a": "x" * (protocol.SOURCE_CHARS_MAX + 1)}}, "split it"),
        ({"sources": dict.fromkeys("abcde", "x" * protocol.SOURCE_CHARS_MAX)}, "run some by hand first"),
        ({"sources": {"a": None}}, "'sources' maps cell ids to texts"),
    ],
)
def test_a_refusal_says_what_to_do(changes: dict[str, Any], cure: str) -> None:
    answer = parse_command(command(**changes))

    assert isinstance(answer, Refusal)
    assert answer.id == "c1"
    assert cure in answer.text
    assert len(answer.text) < 300


def test_the_typescript_of_the_page_is_current() -> None:
    written = (ROOT / "labextension/src/protocol.ts").read_text(encoding="utf-8")

    assert written == typescript(), "run: python -m prefect_jupyter.view.protocol > labextension/src/protocol.ts"


def test_the_module_prints_the_typescript() -> None:
    command = [sys.executable, "-m", "prefect_jupyter.view.protocol"]

    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert printed == typescript()


def test_every_word_that_describes_a_state_is_a_state() -> None:
    assert set(protocol.STATES) >= protocol.CONCLUDED | protocol.FAILURES | protocol.BLOCKED | protocol.ACTIVE
    assert protocol.FAILURES | protocol.BLOCKED <= protocol.CONCLUDED
    assert not protocol.ACTIVE & protocol.CONCLUDED
