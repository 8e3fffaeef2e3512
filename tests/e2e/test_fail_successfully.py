"""The tutorial on failures in the page: it runs through, what failed is mended and retried alone, a person approves."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

TUTORIAL = Path(__file__).parents[2] / "notebooks" / "fail_successfully.ipynb"
CELLS = [cell["id"] for cell in json.loads(TUTORIAL.read_text())["cells"]]
GRAPH, CONSTANTS, MONTHS, BY_MONTH, PLOT = (
    CELLS.index(cell) for cell in ("graph", "constants", "months", "by-month", "plot-year")
)


def says(page: NotebookPage, task: str, state: str) -> None:
    expect(page.task(task)).to_have_accessible_name(re.compile(f"^{task}, {state}"))


def press(page: NotebookPage, button: str, task: str) -> None:
    page.task(task).click()
    page.panel().get_by_role("button", name=button, exact=True).last.click()


def pictures(page: NotebookPage, name: str, cell: int) -> None:
    for theme in ("light", "dark"):
        page.theme(theme)
        page.cell(cell)
        page.screenshot(f"fail-successfully-{name}-{theme}")


def lines(page: NotebookPage) -> set[str]:
    """The lines of the log below the mapped task, each with the time at which it was written."""
    return set(re.findall(r"[\d:.]{12} \| INFO +\| `by_month` - computed \w+", page.text(BY_MONTH)))


def test_what_failed_is_mended_and_retried_alone_and_a_person_approves(notebook: OpenNotebook) -> None:
    page = notebook(TUTORIAL, name="fail_successfully")
    page.panel()
    page.run_all()
    for task, state in {
        "load_flights": "Success",
        "by_month": "Mapped",
        "best_month": "TriggerFailed",
        "plot_year": "Success",
        "longest": "TimedOut",
        "alarm": "Skipped",
        "report": "Success",
        "publish": "Success",
    }.items():
        says(page, task, state)
    expect(page.task("by_month")).to_contain_text("3 of 12 failed")
    before = lines(page)
    assert len(before) == 9
    page.task("by_month").click()
    pictures(page, "children", GRAPH)
    pictures(page, "picture", PLOT)

    months = page.sources()[MONTHS]
    page.set_source(MONTHS, months.replace("June", "Jun").replace("July", "Jul").replace("Sept", "Sep"))
    page.run(MONTHS)
    press(page, "Retry failed", "by_month")
    says(page, "best_month", "Success, fresh")
    says(page, "plot_year", "Success, stale")
    page.wait_idle()
    after = lines(page)
    assert before < after
    assert {line.rsplit(" ", 1)[1] for line in after - before} == {"Jun", "Jul", "Sep"}

    page.set_source(CONSTANTS, page.sources()[CONSTANTS].replace("LATE = 15", "LATE = 30"))
    page.run(CONSTANTS)
    page.panel().get_by_role("button", name="Run stale", exact=True).first.click()
    says(page, "publish", "Paused")
    says(page, "plot_year", "Success, fresh")
    page.wait_idle()
    pictures(page, "paused", GRAPH)
    press(page, "Resume", "publish")
    says(page, "publish", "Success")
    pictures(page, "mended", PLOT)
