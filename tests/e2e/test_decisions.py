"""What a person says of a result, and what they do about the cache, with the buttons of a real JupyterLab."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

LIMIT, LOAD, TOTAL, REPORT, LAST = range(1, 6)

CELLS = [
    "%load_ext prefect_jupyter",
    "limit = 3",
    "%%task load\nrows = [n for n in range(10) if n > limit]",
    "%%task total\ntotal = sum(rows)\ntotal",
    "%%task report\nprint('report', total)",
    "",
]


def says(page: NotebookPage, task: str, words: str) -> None:
    expect(page.task(task)).to_have_accessible_name(re.compile(rf"^{task},.*{re.escape(words)}"))


def details(page: NotebookPage) -> Locator:
    return page.panel().get_by_role("complementary", name="Task details")


def press(page: NotebookPage, button: str) -> None:
    details(page).get_by_role("button", name=button, exact=True).click()


def test_a_stale_result_is_accepted_pinned_and_let_go_by_buttons(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    page.set_source(LOAD, CELLS[LOAD].replace("n > limit", "limit < n"))
    says(page, "load", "stale: code changed")
    page.task("load").click()
    press(page, "Accept as unchanged")
    says(page, "load", "accepted by you")
    says(page, "report", "unverified: built on accepted `load`")
    expect(page.cell(LOAD).get_by_text(re.compile("accepted by you"))).to_be_visible()
    for theme in ("light", "dark"):
        page.theme(theme)
        page.screenshot(f"accepted-{theme}")
    press(page, "Take back")
    says(page, "load", "stale: code changed")
    page.task("total").click()
    press(page, "Pin")
    says(page, "total", "pinned by you")
    page.set_source(LIMIT, "limit = 8")
    page.run_all()
    assert page.text(REPORT) == "report 39\n"
    says(page, "report", "built on pinned `total`")
    page.screenshot("pinned")
    press(page, "Unpin")
    says(page, "total", "stale")


def test_a_task_is_pinned_from_the_menu_of_its_cell(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    page.cell(TOTAL).click(button="right")
    page.page.get_by_role("menuitem", name="Pin Result", exact=True).click()
    says(page, "total", "pinned by you")
    page.cell(TOTAL).click(button="right")
    page.page.get_by_role("menuitem", name="Unpin Result", exact=True).click()
    expect(page.task("total")).to_have_accessible_name(re.compile("^total, Success, fresh"))


def test_the_cache_is_told_of_and_emptied_after_a_question(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all()
    cache = page.panel().get_by_role("group", name="Cache")
    expect(cache).to_contain_text(re.compile(r"Cache: \d+ (B|kB) of [\d.]+ GB"))
    page.task("total").click()
    expect(details(page)).to_contain_text(re.compile(r"Cached\d+ B · 1 result · saves"))
    page.screenshot("cache")
    clear = details(page).get_by_role("button", name="Clear cached results")
    clear.focus()
    page.page.keyboard.press("Enter")
    question = page.page.get_by_role("dialog").filter(has_text="Clear cached results?")
    question.get_by_role("button", name="Cancel").click()
    expect(clear).to_be_visible()
    clear.click()
    page.screenshot("cache-question")
    question.get_by_role("button", name="Clear").click()
    expect(page.panel().get_by_role("status").first).to_contain_text("Deleted 1 result: ")
    expect(clear).to_be_hidden()
    cache.get_by_role("button", name="Prune the cache").click()
    page.page.get_by_role("dialog").get_by_role("button", name="Prune").click()
    expect(page.panel().get_by_role("status").first).to_contain_text("Pruned 0 results")


def test_the_chip_of_a_hit_tells_when_it_was_made_and_what_it_saved(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.run_all()
    page.restart()
    page.run_all()
    chip = page.cell(LOAD).locator(".pj-cell-chip")
    expect(chip).to_contain_text(re.compile(r"load · Cached · \d\d:\d\d · [\d.]+ m?s saved"))
    page.set_source(LAST, "%flow cache")
    page.run(LAST)
    expect(page.cell(LAST).get_by_role("table")).to_contain_text("report")
    page.screenshot("cache-table")
