"""A person may take a result as unchanged, or pin it: seen by all, undone by a word, never stored as something else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracle.kernels import CommandRefusedError, LiveKernel

from .pages import Page

LOAD, TOTAL, REPORT = "%%task load\nxs = [1, 2, k]", "%%task total\ns = sum(xs)\ns", "%%task report\nprint('report', s)"
CELLS = {"k": "k = 3", "load": LOAD, "total": TOTAL, "report": REPORT, "plain": "s"}
EDITED = "%%task load\nxs = [1, 2, k + 100]"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with LiveKernel(tmp_path) as kernel:
        page = Page(kernel, CELLS)
        page.run()
        yield page


def test_an_accepted_task_is_told_with_its_readers_and_nothing_runs(page: Page) -> None:
    page.edit("load", EDITED)
    assert set(page.verdicts().values()) == {"stale"}
    before = page.counts()
    assert "accepted as unchanged" in page.flow("accept load")
    assert page.verdicts() == {"load": "accepted", "total": "unverified", "report": "unverified"}
    assert page.row("load")[3].startswith("accepted by you ")
    assert page.row("total")[3] == page.row("report")[3] == "built on accepted `load`"
    assert "k + 100" in page.flow("why load")
    assert "`load` is accepted by you" in page.flow("plan")
    assert page.run("plain") == "6"
    assert "`load` is accepted by you" in page.flow("run")
    assert page.run("load") == ""
    assert page.row("load")[0] == "Cached"
    after = page.counts()
    assert (after["executed"], after["failed"]) == (before["executed"], 0)


def test_nothing_is_stored_under_the_key_of_what_was_accepted(page: Page) -> None:
    page.edit("load", EDITED)
    keys = {entry.split()[0] for entry in page.kernel.asked("[' '.join(e.id) for e in {session}.cache()]")}
    page.flow("accept load")
    page.run("load", "total", "report")
    assert {entry.split()[0] for entry in page.kernel.asked("[' '.join(e.id) for e in {session}.cache()]")} == keys
    page.flow("unpin load")
    assert page.verdicts()["load"] == "stale"
    page.run("load", "total")
    assert page.run("plain") == "106"


def test_an_acceptance_ends_with_the_next_change_and_with_a_rerun(page: Page) -> None:
    page.edit("load", EDITED)
    page.flow("accept load")
    page.edit("k", "k = 4")
    page.run("k")
    assert page.verdicts()["load"] == "stale"
    page.edit("k", "k = 3")
    page.run("k")
    assert page.verdicts()["load"] == "accepted"
    page.flow("rerun load")
    assert page.verdicts()["load"] == "fresh"
    assert "neither pinned nor accepted" in page.flow("unpin load")
    page.edit("load", LOAD)
    assert page.verdicts()["load"] == "stale"


def test_an_acceptance_lasts_into_the_next_kernel_for_the_same_text_and_inputs(page: Page) -> None:
    page.edit("load", EDITED)
    page.flow("accept load")
    page.restart()
    assert page.run() == "6report 6\n6"
    assert page.verdicts() == {"load": "accepted", "total": "unverified", "report": "unverified"}
    page.restart()
    page.edit("k", "k = 4")
    assert page.run() == "107report 107\n107"
    assert set(page.verdicts().values()) == {"fresh"}


def test_a_pinned_result_stays_whatever_changes_until_it_is_unpinned(page: Page) -> None:
    assert "stays whatever changes" in page.flow("pin total")
    assert page.row("total")[1] == "pinned"
    assert page.row("total")[3].endswith("nothing has changed since")
    assert page.verdicts()["report"] == "fresh"
    page.edit("k", "k = 40")
    page.edit("total", "%%task total\ns = -sum(xs)\ns")
    assert page.run() == "6report 6\n6"
    assert page.verdicts() == {"load": "fresh", "total": "pinned", "report": "unverified"}
    assert "report 6" not in page.flow("from load")
    assert page.row("total")[1] == "pinned"
    assert page.flow("unpin total").endswith("it is stale.")
    assert page.run("total", "report") == "-43report -43\n"
    assert set(page.verdicts().values()) == {"fresh"}


def test_a_pinned_result_comes_back_in_the_next_kernel_without_what_is_above_it(page: Page) -> None:
    page.flow("pin total")
    page.edit("load", EDITED)
    page.restart()
    assert "pinned by you" in page.row("total")[3]
    assert page.run("k", "report") == "report 6\n"
    assert page.row("load")[0] == "Pending"
    assert page.verdicts()["total"] == "pinned"
    page.flow("rerun total")
    assert page.verdicts() == {"load": "fresh", "total": "fresh", "report": "stale"}


def test_pinning_a_task_that_failed_gives_it_back_the_result_it_had(page: Page) -> None:
    page.edit("total", "%%task total\ns = sum(xs) / 0")
    assert "ZeroDivisionError" in page.run("total")
    with pytest.raises(CommandRefusedError, match="it has no result, for it failed"):
        page.kernel.command("accept", tasks=["total"])
    page.kernel.press("pin", ["total"])
    assert page.row("total")[:2] == ["Cached", "pinned"]
    assert page.run("report", "plain") == "report 6\n6"


def test_what_cannot_be_decided_is_refused_with_cause_and_cure(page: Page) -> None:
    assert "`load` is fresh: there is nothing to accept." in page.flow("accept load")
    page.edit("load", EDITED)
    assert "needs `load`" in page.flow("accept total")
    page.edit("load", f"{EDITED}\nys = []")
    assert "now writes `ys`, which its result lacks. Run it." in page.flow("accept load")
    assert "There is no task `lod`" in page.flow("pin lod")
    assert "%flow pin needs the name of a task" in page.flow("pin")
    page.edit("report", "%%task other\nprint(s, 'for the first time')")
    page.restart()
    refused = page.flow("pin other")
    assert "`other` cannot be pinned: it has not run in this kernel, and no earlier result of it is in" in refused
    assert "Run it first." in refused


def test_a_plain_run_says_whether_a_decision_was_right(page: Page) -> None:
    page.edit("load", "%%task load\nxs = [1, 2, k + 0]")
    page.flow("accept load")
    page.flow("pin total")
    page.edit("total", "%%task total\ns = sum(xs) + 1\ns")
    found = page.flow("check")
    assert "`load` (accepted by you" in found
    assert ") shows what a plain run shows." in found
    assert "`total` (pinned by you" in found
    assert ") shows something else than a plain run." in found
    assert "Not fresh, so not compared: report." in found


def test_buttons_decide_as_the_magics_do(page: Page) -> None:
    page.edit("load", EDITED)
    assert "accepted as unchanged" in page.kernel.command("accept", tasks=["load"])
    assert "pinned" in page.kernel.command("pin", tasks=["report"])
    assert page.verdicts() == {"load": "accepted", "total": "unverified", "report": "pinned"}
    assert "no longer accepted" in page.kernel.command("unpin", tasks=["load"])
    with pytest.raises(CommandRefusedError, match="neither pinned nor accepted"):
        page.kernel.command("unpin", tasks=["load"])
