"""Tasks that wait for their next attempt or for a person, and the buttons that let them go on."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

CELLS = [
    "%load_ext prefect_jupyter",
    (
        "%%task flaky --retries 2 --retry-delay 60s\nfrom prefect_jupyter import context\n"
        "if context.task_run_count == 1:\n    raise ConnectionError('the source is down')\nx = 1"
    ),
    "%%task publish --pause\nprint('published', x)",
]


def press(page: NotebookPage, button: str, task: str) -> None:
    page.task(task).focus()
    page.task(task).get_by_role("button", name=button).click()


def says(page: NotebookPage, task: str, state: str) -> None:
    expect(page.task(task)).to_have_accessible_name(re.compile(f"^{task}, {state}"))


def test_a_retry_counts_down_and_need_not_wait_and_a_pause_waits_for_a_person(notebook: OpenNotebook) -> None:
    page = notebook(CELLS)
    page.panel()
    page.run_all(wait=False)
    says(page, "flaky", "Retrying")
    expect(page.task("flaky")).to_contain_text(re.compile(r"in \d+ s"))
    page.screenshot("retrying-light")
    page.task("flaky").click()
    details = page.panel().get_by_role("complementary", name="Task details")
    details.get_by_text(re.compile(r"Retrying")).last.click()
    expect(details.locator("pre").first).to_contain_text("raise ConnectionError('the source is down')")
    details.get_by_label("Find in the logs of this task").fill("nowhere")
    expect(details).to_contain_text("No line has this.")
    details.get_by_label("Find in the logs of this task").fill("")
    page.screenshot("attempts-light")
    press(page, "Retry now", "flaky")
    says(page, "flaky", "Success")
    says(page, "publish", "Paused")
    page.wait_idle()
    page.screenshot("paused-light")
    press(page, "Resume", "publish")
    says(page, "publish", "Success")
    assert "published 1" in page.text(2)
