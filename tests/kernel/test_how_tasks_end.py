"""Retries, timeouts, conditions, signals, pauses: what header and body say of a task's end, in a real kernel."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kernel.pages import line
from tests.oracle.kernels import LiveKernel

IMPORTS = "from prefect_jupyter import FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, context\nimport time"


class Page:
    """A kernel and what its cells show, in short lines."""

    def __init__(self, kernel: LiveKernel) -> None:
        self.kernel = kernel
        self.run("imports", IMPORTS)

    def run(self, cell: str, source: str) -> list[str]:
        return [line(output) for output in self.kernel.run_cell(cell, source)]

    def row(self, name: str) -> tuple[str, str, int]:
        asked = "[[n.name, r.state, r.note, r.attempt] for n, r in {session}.view().tasks()]"
        return next((state, note, attempt) for known, state, note, attempt in self.kernel.asked(asked) if known == name)

    def verdict(self, name: str) -> str:
        return str(self.kernel.session("verdicts()")[name])


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with LiveKernel(tmp_path_factory.mktemp("kernel")) as kernel:
        yield Page(kernel)


def test_a_failed_task_is_tried_again_and_shows_its_last_attempt_alone(page: Page) -> None:
    body = "print('try', context.task_run_count)\nif context.task_run_count < 3:\n    raise ValueError('no')\ntried = 1"
    assert page.run("again", f"%%task again --retries 2 --retry-delay 10ms\n{body}") == ["try 3"]
    assert page.row("again") == ("Success", "", 3)
    attempts = page.kernel.asked("[[a.number, a.state.name, a.log, a.traceback] for a in {session}.history('again')]")
    assert [attempt[:3] for attempt in attempts] == [
        [1, "Retrying", ["try 1"]],
        [2, "Retrying", ["try 2"]],
        [3, "Success", ["try 3"]],
    ]
    assert attempts[0][3][-1] == "ValueError: no"


def test_inputs_are_as_they_were_at_each_attempt(page: Page) -> None:
    page.run("made", "%%task made\nmade_items = [1]")
    page.run("plain", "plain_items = [1]")
    body = "made_items.append(2)\nplain_items.append(2)\nif context.task_run_count < 3:\n    raise ValueError('no')\n"
    shown = page.run("adds", f"%%task adds --retries 2\n{body}[made_items, plain_items]")
    assert shown == ["[[1, 2], [1, 2]]"]


def test_a_task_that_changed_what_cannot_be_put_back_is_not_tried_again(page: Page) -> None:
    page.run("stream", "numbers = iter(range(9))\ndef draw(): return next(numbers)")
    page.run("draws", "%%task draws --retries 2\ndraw()\nraise ValueError('no')")
    state, note, attempt = page.row("draws")
    assert (state, attempt) == ("Failed", 1)
    assert note == "ValueError: no · not tried again: it has changed `numbers`, which cannot be put back"


def test_only_some_exceptions_are_worth_another_attempt(page: Page) -> None:
    page.run("other", "%%task other --retries 2 --retry-on OSError\nraise ValueError('no')")
    assert page.row("other")[::2] == ("Failed", 1)
    page.run("this", "%%task this --retries 1 --retry-on OSError\nraise FileNotFoundError('no')")
    assert page.row("this")[::2] == ("Failed", 2)


def test_a_task_that_takes_too_long_is_stopped(page: Page) -> None:
    (error,) = page.run(
        "slow", "%%task slow --timeout 100ms\nwhile True:\n    try: time.sleep(5)\n    except Exception: pass"
    )
    assert error == "TimedOut: it took longer than 0.1 s (`--timeout`)"
    assert page.row("slow") == ("TimedOut", "it took longer than 0.1 s (`--timeout`)", 1)
    page.run("waits", "%%task waits --timeout 100ms\nimport asyncio\nawait asyncio.sleep(60)")
    assert page.row("waits")[0] == "TimedOut"
    assert page.run("then", "1 + 1") == ["2"]


def test_a_condition_that_does_not_hold_skips_the_task_and_its_readers(page: Page) -> None:
    page.run("n", "n = 2")
    assert page.run("big", "%%task big --when 'n > 3'\nbig = n * 2") == ["skipped: `n > 3` is false"]
    assert page.run("reads big", "%%task reads_big\nbig + 1") == ["skipped: `big` was skipped"]
    assert page.row("reads_big")[:2] == ("Skipped", "skipped: `big` was skipped")
    assert (page.verdict("big"), page.verdict("reads_big")) == ("fresh", "fresh")
    page.run("n", "n = 4")
    assert (page.verdict("big"), page.verdict("reads_big")) == ("stale", "stale")
    assert page.run("reads big", "%%task reads_big\nbig + 1") == ["9"]
    page.run("n", "n = 1")
    assert page.run("reads big", "%%task reads_big\nbig + 1") == ["skipped: `big` was skipped"]
    assert page.kernel.silently("", "'big' in globals()") == "False"


def test_a_condition_counts_as_part_of_the_task_but_not_how_it_is_spelled(page: Page) -> None:
    page.run("m", "m = 2")
    page.run("small", "%%task small --when 'm < 3'\nsmall = m")
    cells = {"small": '%%task small --when "(m<3)" --retries 1\nsmall = m'}
    page.kernel.command("document", sources=cells)
    assert page.verdict("small") == "fresh"
    page.kernel.command("document", sources={"small": "%%task small --when 'm < 2'\nsmall = m"})
    assert page.verdict("small") == "stale"


def test_a_condition_that_cannot_be_evaluated_fails_the_task(page: Page) -> None:
    page.run("odd", "%%task odd --when 'undefined_thing > 3'\nodd = 1")
    assert page.row("odd")[:2] == ("Failed", "NameError: name 'undefined_thing' is not defined")


def test_a_body_can_say_that_it_is_skipped_done_or_has_failed(page: Page) -> None:
    assert page.run("skips", "%%task skips\nraise SKIP('nothing to do')") == ["skipped: nothing to do"]
    assert page.row("skips")[:2] == ("Skipped", "skipped: nothing to do")
    assert page.run("done", "%%task done\nanswer = 1\nraise SUCCESS(result=42)") == []
    assert page.run("reads done", "answer") == ["42"]
    assert page.row("done")[0] == "Success"
    assert page.run("fails", "%%task fails\nraise FAIL('by hand')") == ["FAIL: by hand"]
    assert page.row("fails")[:2] == ("Failed", "by hand")


def test_a_body_can_loop_with_a_result(page: Page) -> None:
    body = (
        "total = context.get('task_loop_result', 0) + 10\nif context.task_loop_count < 4:\n    raise LOOP(result=total)"
    )
    assert page.run("loops", f"%%task loops\n{body}\ntotal") == ["40"]
    assert page.row("loops")[::2] == ("Success", 4)


def test_a_body_can_ask_for_another_attempt_beyond_every_limit(page: Page) -> None:
    body = "if context.task_run_count < 3:\n    raise RETRY('later', delay_s=.01)\nasked = context.task_run_count"
    assert page.run("asks", f"%%task asks\n{body}\nasked") == ["3"]


def test_a_task_that_accepts_failures_gets_the_exception(page: Page) -> None:
    page.run("breaks", "%%task breaks\nraise ValueError('broken')\nbroken = 1")
    assert page.run("accepts", "%%task accepts --trigger any_failed\nrepr(broken)") == ["\"ValueError('broken')\""]
    assert page.row("accepts")[:2] == ("Success", "not stored: a task above it has failed")
    assert page.kernel.silently("", "'broken' in globals()") == "False"


def test_a_task_can_wait_for_a_person_before_it_starts(page: Page) -> None:
    paused = "waits for a person: resume it\nPress Resume, or run: %flow resume ship"
    assert page.run("ship", "%%task ship --pause\nshipped = context.resume_value") == [paused]
    waits = "waits for `ship`, which is paused\nPress Resume, or run: %flow resume ship"
    assert page.run("tells", "%%task tells\nshipped * 2") == [waits]
    assert page.row("ship")[0] == "Paused"
    assert page.run("resume", "%flow resume ship 21") == ["2 executed"]
    assert [line(output) for output in page.kernel.shown("tells")] == ["42"]
    assert page.row("ship")[:2] == ("Success", "not stored: a person gave it a value")


def test_a_body_can_wait_for_a_person(page: Page) -> None:
    body = "if 'resume' not in context:\n    raise PAUSE('look at it')\nlooked = 'well'"
    (said,) = page.run("looks", f"%%task looks\n{body}")
    assert said == "look at it: waits for a person · `%flow resume looks` lets it go on"
    assert page.kernel.press("resume", ["looks"]) == "1 task to run."
    assert page.row("looks")[0] == "Success"
    assert page.run("nothing", "%flow resume") == ["Nothing is paused."]


STOPS_SOON = (
    "import os, signal, threading\n"
    "threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("awaits", "%%task awaits\n" + STOPS_SOON + "import asyncio\nawait asyncio.sleep(600)"),
        ("retries", "%%task retries --retries 1 --retry-delay 600s\n" + STOPS_SOON + "raise ValueError('no')"),
        (
            "child",
            "%%task child --map x in [1] --retries 1 --retry-delay 600s\n" + STOPS_SOON + "raise ValueError('no')",
        ),
    ],
)
def test_an_interrupt_ends_what_waits_at_once(page: Page, name: str, source: str) -> None:
    page.run(name, source)
    assert page.row(name)[0] == "Cancelled"
    assert page.run("after", "1 + 1") == ["2"]


def test_what_a_task_makes_inside_another_cell_is_the_work_of_the_task(page: Page) -> None:
    page.run("makes", "%%task makes --no-cache --defer\nmade_here = [1]")
    page.run("needs", "%%task needs --defer\nmade_here")
    assert page.run("flow", "%flow run makes") == ["1 executed"]
    owner = "{session}.versions.made['makes']['made_here'] is {session}.namespace.bound['made_here']"
    assert page.kernel.asked(owner) is True
    assert page.run("flow", "%flow run needs") == ["1 executed"]
