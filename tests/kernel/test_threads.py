"""Tasks that run at once in threads, in a real kernel: side by side, apart, and never with another result."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernel.pages import Page, said
from tests.oracle.kernels import LiveKernel

# Who comes first waits for the other one: bodies that run one after the other fail.
MEETING = """
import random, threading, warnings
gate, release = threading.Barrier(2), threading.Event()
def meet():
    gate.wait(20)
def quietly():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
    return 1
def draw():
    return random.random()
def is_main():
    return threading.current_thread() is threading.main_thread()
tickets, number = [], 0
def ticket():
    global number
    number += 1
    tickets.append(number)
    return [number, len(tickets)]
def begun(name):
    open(name, "w").close()
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path_factory.mktemp("kernel")) as kernel:
        (kernel.work / "meeting.py").write_text(MEETING, encoding="utf-8")
        yield kernel


def run(kernel: LiveKernel, **cells: str) -> Page:
    """Runs the cells that are no tasks, then all tasks at once."""
    page = Page(kernel, {"imports": "import meeting", **cells})
    page.run(*(cell for cell, source in page.cells.items() if source and not source.startswith("%%task")))
    page.flow("run")
    return page


def told(page: Page, words: str) -> None:
    """Waits for a notice with these words."""
    page.kernel.wait_until(
        lambda: any(words in notice for notice in page.kernel.notices), f"nothing is said of {words}"
    )


def text(page: Page, name: str) -> str:
    return page.kernel.values([name], order=page.cells).texts[name]


def test_tasks_on_threads_run_at_once_and_show_in_their_own_cells(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        left="%%task left --on threads\nprint('left begins')\nmeeting.meet()\nleft = [1]\nleft + [0]",
        right="%%task right --on threads\nprint('right begins')\nmeeting.meet()\nright = [2];\nright;",
        both="%%task both\nboth = left + right",
    )
    assert page.verdicts() == {"left": "fresh", "right": "fresh", "both": "fresh"}
    assert [said(kernel.shown(cell)) for cell in ("left", "right")] == ["left begins\n[1, 0]", "right begins\n"]
    assert text(page, "both") == "[1, 2]"


def test_what_ran_in_threads_is_answered_from_the_store_in_a_new_kernel(tmp_path: Path) -> None:
    with LiveKernel(tmp_path) as kernel:
        (kernel.work / "meeting.py").write_text(MEETING, encoding="utf-8")
        cells = {name: f"%%task {name} --on threads\nmeeting.meet()\n{name} = {{1}}" for name in ("one", "two")}
        page = run(kernel, **cells)
        assert page.counts()["executed"] == 2
        page.restart()
        page = run(kernel, **cells)
        assert page.counts() == {"tasks": 2, "executed": 0, "cached": 2, "failed": 0, "skipped": 0}


def test_a_failure_in_a_thread_holds_up_what_reads_it_and_nothing_else(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        bad="%%task bad --on threads\nmeeting.meet()\nbad = 1 / 0",
        good="%%task good --on threads\nmeeting.meet()\ngood = 5",
        below="%%task below\nbelow = bad",
        beside="%%task beside\nbeside = good + 1",
    )
    states = {name: page.row(name)[0] for name in ("bad", "good", "below", "beside")}
    assert states == {"bad": "Failed", "good": "Success", "below": "TriggerFailed", "beside": "Success"}
    error = kernel.shown("bad")[-1]
    assert error["ename"] == "ZeroDivisionError"
    trace = re.sub(r"\x1b\[[0-9;]*m", "", "".join(error["traceback"]))
    assert "bad = 1 / 0" in trace
    assert "threads.py" not in trace


def test_random_numbers_that_are_drawn_in_threads_are_those_of_a_plain_run(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        seeds="import random\nrandom.seed(3)",
        first="%%task first --on threads\nfirst = meeting.draw()",
        second="%%task second --on threads\nsecond = meeting.draw()",
    )
    plain = random.Random(3)
    assert [text(page, "first"), text(page, "second")] == [repr(plain.random()), repr(plain.random())]
    told(page, "`first`, `second` ran at once, but they use process-wide state (random): they run again, one after")
    assert page.verdicts() == {"first": "fresh", "second": "fresh"}


def test_an_input_that_changes_in_a_thread_has_the_value_of_a_plain_run(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        items="items = [[0], [1]]\nalias = items[1]\ndef grow(part):\n    part.append(len(part))\n    return part",
        reads="%%task reads --on threads\nreads = [list(part) for part in items]",
        grows="%%task grows --on threads\ngrows = len(grow(items[1]))",
        after="%%task after --on threads\nafter = [list(part) for part in items]",
    )
    assert text(page, "reads") == "[[0], [1]]"
    assert text(page, "after") == "[[0], [1, 1]]"
    told(page, "`items` is changed in place")
    page.edit("scratch", "last = (items, alias, alias is items[1])")
    page.run("scratch")
    assert text(page, "last") == "([[0], [1, 1]], [1, 1], True)"


def test_tasks_that_change_what_a_module_holds_fail_rather_than_count_in_any_order(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        slow="%%task slow --on threads\nmeeting.release.wait(0.05)\nslow = len(str(meeting.ticket())) > 0",
        quick="%%task quick --on threads\nquick = len(str(meeting.ticket())) > 0",
    )
    for name in ("slow", "quick"):
        state, verdict, note, _ = page.row(name)
        assert (state, verdict) == ("Failed", "stale")
        assert note == (
            "`number` of the module `meeting` is changed while tasks ran at once: "
            "restart the kernel, and give the tasks `--on main`"
        )


def test_who_silences_warnings_for_the_whole_process_runs_by_itself(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        quiet="%%task quiet --on threads\nquiet = [meeting.quietly(), meeting.is_main()]",
        loud="%%task loud --on threads\nloud = [meeting.is_main()]",
    )
    assert [text(page, "quiet"), text(page, "loud")] == ["[1, True]", "[True]"]
    told(page, "`quiet` silences warnings for the whole process")
    assert page.row("quiet")[2] == "on the main thread: `quiet` silences warnings for the whole process"


def test_a_function_that_would_live_on_is_made_on_the_main_thread(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        makes="%%task makes --on threads\nscale = 2\nmakes = {'f': lambda x: x * scale}",
        other="%%task other --on threads\nother = sorted([3, 1], key=lambda x: -x)",
        late="late = [makes['f'](5), makes['f'].__globals__ is globals(), other]",
    )
    page.run("late")
    assert text(page, "late") == "[10, True, [3, 1]]"


def test_a_file_that_two_tasks_use_is_written_and_read_in_the_order_of_the_page(kernel: LiveKernel) -> None:
    page = run(
        kernel,
        writes="%%task writes --on threads\nwith open('shared.txt', 'w') as file:\n    size = file.write('new')",
        reads="%%task reads_it --on threads\nimport os\n"
        "found = os.path.exists('shared.txt') and open('shared.txt').read()",
    )
    assert text(page, "found") == "'new'"
    assert page.row("writes")[0] == page.row("reads_it")[0] == "Success"


@pytest.mark.parametrize(
    ("name", "header", "body", "why"),
    [
        ("appends", "", "items.append(1)", "it changes `items`"),
        ("defines", "", "def defined(): return 1", "it defines `defined`"),
        ("seeded", "--seed 1", "seeded = 1", "with --map, --pause, --timeout, --seed or --when"),
        ("limited", "--timeout 1m", "limited = 1", "with --map, --pause, --timeout, --seed or --when"),
        ("draws", "", "import matplotlib.pyplot as plt\ndraws = 1", "`plt` concerns the whole process"),
        ("asks", "", "asks = eval('1')", "`eval` concerns the whole process"),
        ("shelf_of_class", "", "shelf_of_class = len(Box.shelf)", "`Box` holds values that could change"),
        ("globals_in_function", "", "globals_in_function = count()", "`globals` in `count`"),
    ],
)
def test_a_task_that_does_not_fit_runs_on_the_main_thread_and_says_why(
    kernel: LiveKernel, name: str, header: str, body: str, why: str
) -> None:
    page = run(
        kernel,
        items="class Box:\n    shelf = []\nitems = []\ntotal = 0\n"
        "def count():\n    global total\n    total += 1\n    return total",
        odd=f"%%task {name} --on threads {header}\nhere = meeting.is_main()\n{body}",
        one=f"%%task one --on threads\none = '{name}'",
        two=f"%%task two --on threads\ntwo = '{name}'",
    )
    state, _, note, _ = page.row(name)
    assert state == "Success", note
    assert note.startswith("on the main thread: ")
    assert why in note
    assert text(page, "here") == "True"


def test_without_threads_all_run_on_the_main_thread(kernel: LiveKernel) -> None:
    cells = {name: f"%%task {name} --on threads\n{name} = [meeting.is_main(), '{name}']" for name in ("one", "two")}
    page = run(kernel, settings="%config Flow.threads = 0", **cells)
    kernel.run_cell("settings", "%config Flow.threads = 8")
    assert [text(page, name) for name in ("one", "two")] == ["[True, 'one']", "[True, 'two']"]


def stopped(kernel: LiveKernel, wait: str) -> Page:
    """A page whose two tasks wait in threads, and were interrupted while they did."""
    page = Page(
        kernel,
        {
            "imports": "import meeting, os, prefect_jupyter, threading\nmeeting.release.clear()\nmeeting.gate.reset()",
            "one": f"%%task one --on threads\nmeeting.meet()\nmeeting.begun('one')\n{wait}",
            "two": f"%%task two --on threads\nmeeting.meet()\ntwo = 'two', {len(wait)}",
            "then": "%%task then\nthen = [one, two]",
        },
    )
    page.run("imports")
    (kernel.work / "one").unlink(missing_ok=True)
    request = kernel.begin_cell("scratch", "%flow run")
    kernel.wait_until((kernel.work / "one").exists, "the tasks do not begin")
    kernel.interrupt()
    kernel.end_cell(request)
    return page


def test_an_interrupt_is_seen_by_a_body_that_asks(kernel: LiveKernel) -> None:
    page = stopped(kernel, "while not prefect_jupyter.cancelled():\n    meeting.release.wait(0.01)\none = 1")
    assert {page.row(name)[0] for name in ("one", "then")} == {"Cancelled"}
    assert page.row("one")[2] != "stopped; its code still runs in a thread"
    for name in ("one", "two"):
        page.edit(name, f"%%task {name} --on threads\n{name} = '{name}'")
    page.flow("run")
    assert text(page, "then") == "['one', 'two']"


def test_a_body_that_does_not_stop_is_left_behind_and_nothing_of_it_counts(kernel: LiveKernel) -> None:
    page = stopped(kernel, "meeting.release.wait()\none = 'late'\nmeeting.begun('late')")
    state, _, note, _ = page.row("one")
    assert (state, note) == ("Cancelled", "stopped; its code still runs in a thread")
    kernel.run_cell("release", "meeting.release.set()")
    alive = "any(thread.name == 'prefect_jupyter-one' for thread in __import__('threading').enumerate())"
    kernel.silently("[t.join(9) for t in threading.enumerate() if t.name == 'prefect_jupyter-one']")
    assert not kernel.asked(alive)
    assert (kernel.work / "late").exists()
    assert not kernel.asked("{session}.namespace.values.get('one') == 'late'")
