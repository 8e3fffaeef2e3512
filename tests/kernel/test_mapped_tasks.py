"""A body that runs for each element of a list, in a real kernel: lists, keeping, failing, trying again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefect_jupyter.core.events import ChildrenMoved
from prefect_jupyter.core.states import State
from prefect_jupyter.runtime.journal.lines import decode
from tests.kernel.pages import line
from tests.oracle.kernels import KernelHungError, LiveKernel


class Page:
    """A kernel and what its cells show, in short lines."""

    def __init__(self, kernel: LiveKernel) -> None:
        self.kernel = kernel
        self.setup()

    def setup(self) -> None:
        self.run("imports", "import time\nfrom prefect_jupyter import LOOP, SKIP, context")

    def run(self, cell: str, source: str) -> list[str]:
        return [line(output) for output in self.kernel.run_cell(cell, source)]

    def row(self, name: str) -> tuple[str, str, int, int, int]:
        asked = "[[n.name, r.state, r.note, r.done, r.failed, n.total] for n, r in {session}.view().tasks()]"
        return next(tuple(row) for known, *row in self.kernel.asked(asked) if known == name)

    def value(self, name: str) -> str:
        return self.kernel.silently("", name)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with LiveKernel(tmp_path_factory.mktemp("kernel")) as kernel:
        yield Page(kernel)


def test_what_the_body_makes_becomes_lists_and_one_new_element_runs_one_child(page: Page) -> None:
    body = "%%task sizes --map day in days\nprint('day', day)\nsize = day * 10\nfor _ in range(2):\n    inner = 1"
    page.run("days", "days = [1, 2, 3]")
    assert page.run("sizes", body) == ["day 1\nday 2\nday 3"]
    assert page.run("reads", "size, 'inner' in globals(), 'day' in globals()") == ["([10, 20, 30], True, False)"]
    assert page.row("sizes") == ("Mapped", "", 3, 0, 3)
    page.run("days", "days = [3, 4, 1]")
    before = page.kernel.session("counts()")["executed"]
    assert page.run("sizes", body) == ["day 3\nday 4\nday 1"]
    assert page.row("sizes") == ("Mapped", "2 cached", 3, 0, 3)
    assert page.kernel.session("counts()")["executed"] == before + 1
    assert page.run("reads", "size, 'inner' in globals(), 'day' in globals()") == ["([30, 40, 10], True, False)"]
    page.run("days", "days = [1, 2, 3]")
    assert page.run("sizes", body) == ["day 1\nday 2\nday 3"]
    assert page.row("sizes")[0] == "Cached"


def test_lists_go_side_by_side_and_the_shortest_ends_all(page: Page) -> None:
    page.run("xs", "xs, ys, empty = [1, 2, 3], {'a': 1, 'b': 2}, []")
    shown = page.run("zips", '%%task zips --map x in xs --map "key, value in ys.items()"\nzipped = x, key, value')
    assert shown == ["the lists have different lengths: the shortest, of 2, ends all"]
    assert page.value("zipped") == "[(1, 'a', 1), (2, 'b', 2)]"
    assert page.run("none", "%%task none --map x in empty\nnothing = x") == []
    assert page.row("none") == ("Mapped", "", 0, 0, 0)
    assert page.value("nothing") == "[]"


@pytest.mark.parametrize(
    ("cell", "expression", "error"),
    [
        ("number", "five", "TypeError: `five` has no elements to map over: it is of type int"),
        ("table", "table", "TypeError: `table` is a dict: write `--map key, value in table.items()`"),
    ],
)
def test_what_has_no_elements_is_refused(page: Page, cell: str, expression: str, error: str) -> None:
    page.run("odd things", "five, table = 5, {}")
    assert page.run(cell, f"%%task {cell} --map x in {expression}\nmade = x") == [error]
    assert page.row(cell)[:2] == ("Failed", error)


def test_failed_children_spare_the_others_and_are_retried_alone_after_a_restart_too(tmp_path: Path) -> None:
    days, bad = "days = [1, 2, 3, 4]", "bad = {3, 4}"
    source = "%%task good --map day in days\nif day in bad:\n    raise ValueError(f'no {day % 2}')\nvalue = day"
    with LiveKernel(tmp_path) as kernel:
        page = Page(kernel)
        page.run("days", days)
        page.run("bad", bad)
        assert page.run("good", source) == ["ValueError: no 1", "ValueError: no 0"]
        told = "2 of 4 failed: 1 × ValueError: no 1 · 1 × ValueError: no 0"
        assert page.row("good") == ("Mapped", told, 2, 2, 4)
        assert page.run("total", "%%task total\nsum(value)")[0].startswith("not run: `good` failed")
        assert page.run("tells", "%%task tells --trigger all_finished\nrepr(value)") == [
            "\"[1, 2, ValueError('no 1'), ValueError('no 0')]\""
        ]
        assert page.run("retry", "%flow retry good") == ["1 executed, 1 failed, 1 not run"]
        assert page.row("good") == ("Mapped", f"{told} · 2 cached", 2, 2, 4)
        kernel.restart()
        page.setup()
        page.run("days", days)
        page.run("bad", bad)
        page.run("good", source)
        assert page.row("good") == ("Mapped", f"{told} · 2 cached", 2, 2, 4)


def test_only_the_failed_child_is_tried_again(page: Page) -> None:
    page.run("xs", "xs = [1, 2, 3]")
    body = "if x == 2 and context.task_run_count < 3:\n    raise OSError('flaky')\ntries = x, context.task_run_count"
    assert page.run("flaky", f"%%task flaky --map x in xs --retries 2 --retry-delay 10ms\n{body}") == []
    assert page.value("tries") == "[(1, 1), (2, 3), (3, 1)]"


def test_each_child_has_its_own_condition_its_own_time_and_its_own_loop(page: Page) -> None:
    page.run("xs", "xs = [1, 2, 3]")
    page.run("odd", "%%task odd --map x in xs --when 'x % 2'\nodd_ones = x")
    assert (page.row("odd")[1], page.value("odd_ones")) == ("1 skipped", "[1, None, 3]")
    assert page.run("reads odd", "%%task reads_odd\nlen(odd_ones)") == ["skipped: `odd` was skipped"]
    page.run("slow", "%%task slow --map x in xs --timeout 100ms\nwhile x == 2:\n    time.sleep(9)\nquick = x")
    assert page.row("slow")[1:4] == ("1 of 3 failed: it took longer than 0.1 s (`--timeout`)", 2, 1)
    body = "turns = context.task_loop_count\nif turns < x:\n    raise LOOP(result=turns)"
    page.run("loops", f"%%task loops --map x in xs\n{body}")
    assert page.value("turns") == "[1, 2, 3]"


def test_a_child_can_wait_for_a_person_while_the_others_end(page: Page) -> None:
    page.run("xs", "from prefect_jupyter import PAUSE\nxs = [1, 2, 3]")
    body = "if x == 2 and 'resume' not in context:\n    raise PAUSE('look')\nlooked = x, context.get('resume_value')"
    said = "look: waits for a person · `%flow resume looks` lets it go on"
    assert page.run("looks", f"%%task looks --map x in xs --no-cache\n{body}") == [said]
    assert page.row("looks")[0] == "Paused"
    assert page.run("resume", "%flow resume looks yes") == ["1 executed"]
    assert page.row("looks")[0] == "Mapped"
    assert page.value("looked") == "[(1, None), (2, 'yes'), (3, None)]"


def test_a_body_with_await_runs_for_each_element(page: Page) -> None:
    page.run("xs", "xs = [1, 2, 3]")
    page.run(
        "waits", "%%task waits --map x in xs\nimport asyncio\nawait asyncio.sleep(0)\nawaited = x, context.map_index"
    )
    assert page.value("awaited") == "[(1, 0), (2, 1), (3, 2)]"


def test_no_child_meets_what_another_has_bound(page: Page) -> None:
    page.run("xs", "xs, base = [1, 2], 100")
    body = "met = '_left' in globals(), 'late' in globals(), base\n_left = late = x\nbase = base + x"
    page.run("apart", f"%%task apart --map x in xs\n{body}")
    assert page.value("met") == "[(False, False, 100), (False, False, 100)]"
    assert page.value("base") == "[101, 102]"


def test_a_body_must_not_change_what_all_elements_share(page: Page) -> None:
    page.run("seen", "seen, numbers = [], [1, 2]")
    assert page.run("shares", "%%task shares --map x in numbers\nseen.append(x)\nshared = x") == [
        "TaskError: the body changes `seen` in place, which all elements share: work on a copy of it"
    ]


def test_children_that_draw_random_numbers_are_kept_together_only(page: Page) -> None:
    page.run("numbers", "import random\ndraws = [1, 2]")
    body = "%%task drawn --map x in draws --seed 1\nluck = random.random()"
    page.run("drawn", body)
    first = page.value("luck")
    page.run("numbers", "import random\ndraws = [1, 2, 3]")
    page.run("drawn", body)
    assert page.row("drawn")[1] == ""
    assert page.value("luck[:2]") == first


def test_an_interrupted_map_goes_on_where_it_stopped(page: Page) -> None:
    body = "%%task stops --map x in steps\nif x == 2:\n    raise KeyboardInterrupt\nstep = x"
    page.run("steps", "steps = [1, 2, 3]")
    assert page.run("stops", body) == ["KeyboardInterrupt: "]
    assert page.row("stops")[0] == "Cancelled"
    page.run("steps", "steps = [1, 3]")
    page.run("stops", body)
    assert page.row("stops")[:3] == ("Mapped", "1 cached", 2)


def test_a_check_runs_mapped_cells_as_loops_and_cells_with_a_condition_under_it(tmp_path: Path) -> None:
    with LiveKernel(tmp_path) as kernel:
        page = Page(kernel)
        page.run("days", "days = [1, 2]\nn = 1")
        page.run("each", "%%task each --map day in days --when 'day > 1'\nprint(day)\nsize = day * 10")
        page.run("some", "%%task some --map day in days\nprint(day)\nother = day * 10")
        page.run("never", "%%task never --when 'n > 1'\nprint('never')\nrare = 1")
        page.run("reads", "%%task reads\nprint(other)\nother")
        (said,) = page.run("check", "%flow check")
        assert said == "Nothing differs: 3 tasks show what a plain run from the top shows."


def test_no_finished_child_runs_again_after_the_kernel_was_killed(tmp_path: Path) -> None:
    dies = "if x == 30 and not os.path.lexists('alive'):\n    os.kill(os.getpid(), signal.SIGKILL)"
    body = f"import os, signal\n{dies}\nmade = x + 0 * sum(range(300_000))"
    source = f"%%task many --map x in range(60)\n{body}"
    with LiveKernel(tmp_path) as kernel:
        with pytest.raises(KernelHungError, match="the kernel died"):
            Page(kernel).run("many", source)
        kernel.stop()
        finished = finished_children(tmp_path)
        assert finished > 0
        (kernel.work / "alive").mkdir()
        kernel.start()
        page = Page(kernel)
        page.run("many", source)
        state, note, done, failed, total = page.row("many")
        assert (state, done, failed, total) == ("Mapped", 60, 0, 60)
        assert int(note.removesuffix(" cached") or 0) >= finished
        assert page.value("made == list(range(60))") == "True"


def finished_children(folder: Path) -> int:
    """How many children the journals tell of as finished."""
    facts = [
        decode(line)
        for file in (folder / "store" / "history").rglob("*.jsonl")
        for line in file.read_bytes().splitlines(keepends=True)
    ]
    moves = [fact for fact in facts if isinstance(fact, ChildrenMoved) and fact.state is State.Success]
    return sum(len(move.children) for move in moves)
