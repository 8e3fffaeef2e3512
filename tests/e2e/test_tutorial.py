"""The tutorial as a newcomer meets it: opened, run, run again after a restart, one constant changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

TUTORIAL = Path(__file__).parents[2] / "notebooks" / "flights.ipynb"
CELLS = [cell["id"] for cell in json.loads(TUTORIAL.read_text())["cells"]]
TASKS = [
    *("load_flights", "load_weather", "load_planes", "load_airports", "load_airlines", "clean", "join"),
    *("by_carrier", "by_hour", "by_destination", "plot_hours", "plot_map", "train", "evaluate", "report"),
]
HANGS_ON_MIN_FLIGHTS = ("by_carrier", "by_destination", "plot_map", "report")
GRAPH, CONSTANTS, PLOT, REPORT = (CELLS.index(cell) for cell in ("graph", "constants", "plot-hours", "report"))


def every_task_is(page: NotebookPage, state: str, *, but: tuple[str, ...] = ()) -> None:
    for task in TASKS:
        if task not in but:
            expect(page.task(task)).to_have_accessible_name(re.compile(rf"^{task}, {state}, fresh"))


def shows_what_was_found(page: NotebookPage) -> None:
    assert page.text(REPORT).startswith("Worst hour to leave: 19:00.")
    expect(page.cell(REPORT).get_by_text("AirTran Airways Corporation")).to_be_visible()
    assert any("image/png" in output.get("data", {}) for output in page.outputs(PLOT))


def test_the_tutorial_runs_and_after_a_restart_everything_is_cached(notebook: OpenNotebook) -> None:
    page = notebook(TUTORIAL, name="flights")
    page.panel()
    page.run_all()
    every_task_is(page, "Success")
    shows_what_was_found(page)
    page.restart()
    page.run_all()
    every_task_is(page, "Cached")
    shows_what_was_found(page)
    page.run_all()
    every_task_is(page, "Cached")
    graph = page.cell(GRAPH)
    for task in TASKS:
        expect(page.task(task, within=graph)).to_have_accessible_name(re.compile(f"^{task}, Cached"))

    changed = page.sources()[CONSTANTS].replace("MIN_FLIGHTS = 1_000", "MIN_FLIGHTS = 5_000")
    page.set_source(CONSTANTS, changed)
    page.run(CONSTANTS)
    for task in HANGS_ON_MIN_FLIGHTS:
        expect(page.task(task)).to_have_accessible_name(re.compile(f"^{task}, Cached, stale"))
    every_task_is(page, "Cached", but=HANGS_ON_MIN_FLIGHTS)
    page.task("report").click()
    expect(page.panel().get_by_text("`MIN_FLIGHTS` changed from 1000 to 5000").last).to_be_visible()
    for theme in ("light", "dark"):
        page.theme(theme)
        page.cell(GRAPH)
        page.screenshot(f"tutorial-{theme}")
