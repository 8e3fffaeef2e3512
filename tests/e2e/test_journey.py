"""What a person does with a notebook of tasks, in a real JupyterLab: one test for each thing they want."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

LOAD, GRAPH, LIMIT, RAW, CLEAN, TOTAL, OTHER, REPORT = range(8)

CELLS = [
    "%load_ext prefect_jupyter",
    "%flow",
    "limit = 3",
    "%%task load\nrows = [{'n': n, 'even': n % 2 == 0} for n in range(10)]\nprint('loading')",
    "%%task clean\nclean_rows = [row for row in rows if row['n'] > limit]\nlen(clean_rows)",
    "#| task: total\ntotal = sum(row['n'] for row in clean_rows)\ntotal",
    "%%task other\nevens = [row['n'] for row in rows if row['even']]\nevens",
    "%%task report\nprint(f'{total} in all, {len(evens)} even')",
]
BROKEN = CELLS[CLEAN].replace("row['n'] > limit", "row['m'] > limit")


def says(page: NotebookPage, task: str, *parts: str) -> None:
    """The panel calls the task by its name, and then all of `parts`."""
    for part in parts:
        expect(page.task(task)).to_have_accessible_name(re.compile(rf"^{re.escape(task)},.*{re.escape(part)}"))


def press(page: NotebookPage, button: str, task: str | None = None) -> None:
    """Presses a button of the panel, after selecting `task` there."""
    if task is not None:
        page.task(task).click()
    in_panel(page, button).click()


def in_panel(page: NotebookPage, button: str) -> Locator:
    return page.panel().get_by_role("button", name=button, exact=True).last


def counts(page: NotebookPage, i: int) -> dict[str, int]:
    """The session's counts, asked in a cell at the end."""
    page.set_source(i, "import prefect_jupyter\nprint(prefect_jupyter.notebook().counts())")
    page.run(i)
    found: dict[str, int] = eval(page.text(i))
    return found


def test_run_all_shows_outputs_chips_graph_and_panel(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    assert page.text(RAW) == "loading\n"
    assert page.text(CLEAN) == "6"
    assert page.text(REPORT) == "39 in all, 5 even\n"
    for task in ("load", "clean", "total", "other", "report"):
        says(page, task, "Success")
    graph = page.cell(GRAPH)
    expect(page.task("clean", within=graph)).to_have_accessible_name(re.compile("^clean, Success"))
    expect(page.cell(CLEAN).get_by_text("clean · Success")).to_be_visible()
    expect(page.cell(CLEAN).get_by_text("in: limit, rows · out: clean_rows")).to_be_visible()
    for theme in ("light", "dark"):
        page.theme(theme)
        page.cell(GRAPH)
        page.screenshot(f"run-all-{theme}")


def test_a_failure_blocks_what_hangs_on_it_and_retry_failed_mends_it(notebook: OpenNotebook) -> None:
    page = notebook([*CELLS, ""])
    page.panel()
    page.run_all()
    before = counts(page, 8)
    page.set_source(CLEAN, BROKEN)
    page.run_all()
    assert "KeyError: 'm'" in page.text(CLEAN)
    assert "not run: `clean` failed" in page.text(TOTAL)
    assert "not run: `clean` failed" in page.text(REPORT)
    assert page.text(OTHER) == "[0, 2, 4, 6, 8]"
    says(page, "clean", "Failed")
    says(page, "total", "TriggerFailed")
    says(page, "other", "Cached")
    for theme in ("light", "dark"):
        page.theme(theme)
        page.cell(CLEAN)
        page.screenshot(f"failed-{theme}")
    middle = counts(page, 8)
    page.set_source(CLEAN, CELLS[CLEAN].replace("> limit", ">= limit"))
    press(page, "Retry failed")
    for task in ("clean", "total", "report"):
        says(page, task, "Success")
    page.wait_idle()
    assert page.text(CLEAN) == "7"
    assert page.text(REPORT) == "42 in all, 5 even\n"
    after = counts(page, 8)
    assert middle["failed"] == before["failed"] + 1
    assert after["executed"] == middle["executed"] + 3


def test_the_notice_of_a_failure_leads_to_its_cell(notebook: OpenNotebook) -> None:
    page = notebook([*CELLS[:CLEAN], BROKEN, *CELLS[TOTAL:]])
    page.panel()
    page.run_all()
    notice = page.page.locator(".Toastify__toast").filter(has_text="clean")
    expect(notice.get_by_role("button", name="Retry failed")).to_be_visible()
    page.select(LOAD)
    notice.get_by_role("button", name="Show cell").click()
    page._wait(f"window.jupyterapp.shell.currentWidget.content.activeCellIndex === {CLEAN}")


def test_a_changed_constant_makes_its_readers_stale_and_run_stale_runs_these(notebook: OpenNotebook) -> None:
    page = notebook([*CELLS, ""])
    page.panel()
    page.run_all()
    before = counts(page, 8)
    page.set_source(LIMIT, "limit = 5")
    page.run(LIMIT)
    says(page, "clean", "stale", "`limit` changed from 3 to 5")
    says(page, "report", "stale")
    says(page, "other", "Success")
    for theme in ("light", "dark"):
        page.theme(theme)
        page.cell(GRAPH)
        page.screenshot(f"stale-{theme}")
    press(page, "Run stale")
    for task in ("clean", "total", "report"):
        expect(page.task(task)).not_to_have_accessible_name(re.compile("stale"))
    page.wait_idle()
    assert page.text(REPORT) == "30 in all, 5 even\n"
    assert counts(page, 8)["executed"] == before["executed"] + 3


def test_a_comment_makes_nothing_stale(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    page.set_source(CLEAN, CELLS[CLEAN].replace("\nlen", "  # only these\n\nlen"))
    page.set_source(OTHER, CELLS[OTHER].replace("evens = ", "evens = [0] + "))
    says(page, "other", "stale", "code changed")
    expect(page.task("clean")).not_to_have_accessible_name(re.compile("stale"))


def test_an_edited_plain_cell_leaves_its_readers_unverified(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    page.set_source(LIMIT, "limit = 4")
    says(page, "clean", "unverified", "[3] was edited, not run")
    expect(page.task("other")).not_to_have_accessible_name(re.compile("unverified"))
    page.set_source(LIMIT, "limit = 3  # the same")
    expect(page.task("clean")).not_to_have_accessible_name(re.compile("unverified"))


def test_after_a_restart_everything_is_cached(notebook: OpenNotebook) -> None:
    page = notebook([*CELLS, ""])
    page.panel()
    page.run_all()
    page.restart()
    page.run_all()
    for task in ("load", "clean", "total", "other", "report"):
        says(page, task, "Cached")
    assert page.text(RAW) == "loading\n"
    assert page.text(REPORT) == "39 in all, 5 even\n"
    found = counts(page, 8)
    assert (found["executed"], found["cached"]) == (0, 5)
    page.screenshot("cached-light")


def test_buttons_are_acknowledged_while_a_cell_computes(notebook: OpenNotebook) -> None:
    page = notebook([*CELLS, "import time\nwhile not stop:\n    time.sleep(0.05)", "stop = False"])
    page.panel()
    page.run_all(wait=False)
    page.wait_idle()
    page.run(9)
    page.run(8, wait=False)
    busy = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
    page._wait(busy)
    press(page, "Rerun", "other")
    says(page, "other", "Scheduled")
    press(page, "Run from here", "clean")
    says(page, "total", "Scheduled")
    press(page, "Cancel", "total")
    expect(page.task("total")).not_to_have_accessible_name(re.compile("Scheduled"))
    says(page, "other", "Scheduled")
    assert page.page.evaluate(busy)
    page.screenshot("while-busy-light")
    page.interrupt()
    page.wait_idle()
    says(page, "other", "Success")


def test_cancel_stops_a_task_that_runs(notebook: OpenNotebook) -> None:
    page = notebook(
        [
            "%load_ext prefect_jupyter",
            "%%task quick\nx = 1",
            (
                "%%task slow\nimport time\ny = x\n"
                "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    time.sleep(2)\n    raise"
            ),
            "%%task after\nz = y",
        ]
    )
    page.panel()
    page.run(0)
    page.run(1)
    page.run(2, wait=False)
    says(page, "slow", "Running")
    press(page, "Cancel", "slow")
    says(page, "slow", "Cancelling")
    says(page, "slow", "Cancelled")
    page.wait_idle()
    assert "KeyboardInterrupt" in page.text(2)
    page.run(1)
    assert page.text(1) == ""


def test_a_saved_graph_is_shown_without_a_kernel_and_its_buttons_are_dead(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    page.page.wait_for_timeout(1500)
    page.save()
    page.reopen(kernel=False)
    graph = page.cell(GRAPH)
    expect(page.task("clean", within=graph)).to_have_accessible_name(re.compile("^clean, Success"))
    expect(graph.get_by_role("button", name="Run stale")).to_be_disabled()
    says(page, "clean", "Success")
    expect(in_panel(page, "Run stale")).to_be_disabled()
    for theme in ("light", "dark"):
        page.theme(theme)
        page.cell(GRAPH)
        page.screenshot(f"saved-{theme}")


def names(page: NotebookPage) -> list[str]:
    """The tasks of the panel, in order."""
    labels = page.panel().get_by_role("treeitem").evaluate_all("all => all.map(e => e.getAttribute('aria-label'))")
    return [str(label).partition(",")[0] for label in labels]


def settles(page: NotebookPage, expected: list[str]) -> None:
    """The panel comes to show exactly these tasks."""
    expect(page.panel().get_by_role("treeitem")).to_have_count(len(expected))
    page.page.wait_for_function(
        "names => JSON.stringify([...document.querySelectorAll('[role=region][aria-label=Pipeline] [role=treeitem]')]"
        ".map(e => e.getAttribute('aria-label').split(',')[0])) === JSON.stringify(names)",
        arg=expected,
    )


def test_copied_cut_deleted_and_restored_cells_are_followed(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    tasks = ["load", "clean", "total", "other", "report"]
    settles(page, tasks)
    page.select(OTHER)
    page.command("notebook:copy-cell")
    page.command("notebook:paste-cell-below")
    settles(page, ["load", "clean", "total", "other", "other·2", "report"])
    expect(page.page.locator(".Toastify__toast").filter(has_text="a copy of `other`")).to_be_visible()
    page.run(OTHER + 1)
    says(page, "other·2", "Success")
    page.command("notebook:undo-cell-action")
    settles(page, tasks)
    page.select(OTHER)
    page.command("notebook:delete-cell")
    settles(page, ["load", "clean", "total", "report"])
    page.command("notebook:undo-cell-action")
    settles(page, tasks)
    page.select(OTHER)
    page.command("notebook:cut-cell")
    page.select(RAW)
    page.command("notebook:paste-cell-below")
    settles(page, ["load", "other", "clean", "total", "report"])
    says(page, "other", "Success")
    expect(page.task("report")).not_to_have_accessible_name(re.compile("stale|unverified"))


def test_split_and_merged_cells_are_followed(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    page.select(RAW)
    page.page.evaluate(
        "() => { const cell = window.jupyterapp.shell.currentWidget.content.activeCell;"
        " cell.editor.setCursorPosition({line: 2, column: 0}); }"
    )
    page.command("notebook:split-cell-at-cursor")
    settles(page, ["load", "clean", "total", "other", "report"])
    page.command("notebook:undo-cell-action")
    settles(page, ["load", "clean", "total", "other", "report"])
    page.select(RAW)
    page.command("notebook:extend-marked-cells-below")
    page.command("notebook:merge-cells")
    expect(page.cell(RAW).get_by_text("two headers").first).to_be_visible()


def test_check_says_that_nothing_differs(notebook: OpenNotebook) -> None:
    page = notebook([*CELLS, "%flow check"])
    page.run_all()
    assert page.text(8).startswith("Nothing differs: 5 tasks show what a plain run from the top shows.")
