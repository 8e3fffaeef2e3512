"""Outputs are recorded while they stream on, cut before they flood the page, and shown again as they were."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import clear_output, display

from prefect_jupyter.kernel.outputs import LINE_CHARACTERS_MAX, Outputs, collapse_carriage_returns


@contextlib.contextmanager
def installed() -> Iterator[Outputs]:
    """In the test's own body: pytest puts its streams back between the phases of a test."""
    streams = sys.stdout, sys.stderr
    shell = InteractiveShell.instance()
    outputs = Outputs(shell)
    outputs.install()
    try:
        yield outputs
    finally:
        outputs.uninstall()
        InteractiveShell.clear_instance()
    assert (sys.stdout, sys.stderr) == streams


def test_prints_are_recorded_and_still_appear(capsys: pytest.CaptureFixture[str]) -> None:
    with installed() as outputs, outputs.capture() as capture:
        print("one")
        print("two", file=sys.stderr)
        print("three")
    assert [(o["name"], o["text"]) for o in capture.finish()] == [
        ("stdout", "one\n"),
        ("stderr", "two\n"),
        ("stdout", "three\n"),
    ]
    assert capsys.readouterr().out == "one\nthree\n"


def test_a_task_in_the_background_tells_its_sink_only(capsys: pytest.CaptureFixture[str]) -> None:
    told = []
    with installed() as outputs, outputs.capture(through=False, sink=lambda *what: told.append(what)):
        print("hidden")
    assert ("append", {"output_type": "stream", "name": "stdout", "text": "hidden"}) in told
    assert capsys.readouterr().out == ""


def test_clearing_with_wait_clears_at_the_next_output() -> None:
    with installed() as outputs, outputs.capture(through=False) as capture:
        print("old")
        clear_output(wait=True)
        assert capture.outputs[0]["text"] == "old\n"
        print("new")
    assert [o["text"] for o in capture.finish()] == ["new\n"]


def test_an_updated_display_is_recorded_in_its_last_form() -> None:
    with installed() as outputs, outputs.capture(through=False) as capture:
        handle = display("first", display_id=True)
        assert handle is not None
        handle.update("second")
    assert [o["data"]["text/plain"] for o in capture.finish()] == ["'second'"]


def test_a_flood_is_cut_and_counted() -> None:
    with installed() as outputs, outputs.capture(through=False) as capture:
        print("x" * (LINE_CHARACTERS_MAX + 5))
        for _ in range(400):
            print("y" * 9_000)
    text = "".join(o["text"] for o in capture.finish())
    assert "… 5 characters dropped" in text
    assert "characters dropped" in text.splitlines()[-1]
    assert 1_000_000 < len(text) < 1_100_000


def test_carriage_returns_leave_what_a_screen_would_show() -> None:
    assert collapse_carriage_returns("10%\r50%\r100%\nnext") == "100%\nnext"
    assert collapse_carriage_returns("abcdef\rXY\n") == "XYcdef\n"


def test_recorded_outputs_are_shown_again() -> None:
    with installed() as outputs:
        with outputs.capture(through=False) as first:
            print("again")
            display("shown")
        recorded = first.finish()
        with outputs.capture(through=False) as second:
            outputs.replay(recorded)
    assert second.finish() == recorded
