"""The link between a page and a kernel: clicks while a cell computes, reloads, restarts, several pages."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import OpenNotebook
from .notebook_page import NotebookPage

LOAD = "%load_ext prefect_jupyter"
TASK = "#| task: first\nx = 1"
BUSY = {
    "sleeping": "import time\nend = time.time() + 5\nwhile time.time() < end:\n    time.sleep(0.01)",
    "counting": "import time\nend = time.time() + 5\nwhile time.time() < end:\n    pass",
    "multiplying": (
        "import time\nimport numpy as np\na = np.ones((400, 400))\nend = time.time() + 5\n"
        "while time.time() < end:\n    a @ a"
    ),
}
FOREVER = "import time\nwhile True:\n    time.sleep(0.01)"
WIDGET = "window.jupyterapp.shell.currentWidget"


def loaded(notebook: OpenNotebook, *cells: str) -> NotebookPage:
    """A notebook whose cell 0 loads the extension and whose cell 1 is a task that has run."""
    page = notebook([LOAD, TASK, *cells])
    page.panel()
    page.run(0)
    page.run(1)
    expect(page.task("first")).to_have_accessible_name(re.compile("^first, Success"))
    return page


def is_computing(page: Page, cell: int) -> bool:
    state: str = page.evaluate(f"i => {WIDGET}.content.widgets[i].model.executionState", cell)
    return state == "running"


@pytest.mark.parametrize("busy", BUSY)
def test_a_click_is_acknowledged_before_the_cell_ends(notebook: OpenNotebook, busy: str) -> None:
    page = loaded(notebook, BUSY[busy])
    page.run(2, wait=False)
    page.page.wait_for_function(f"{WIDGET}.content.widgets[2].model.executionState === 'running'")
    page.task("first").focus()
    page.task("first").get_by_role("button", name="Rerun").click()

    # The state of the cell is read in the same instant in which the acknowledgement is seen.
    state = page.page.wait_for_function(
        f"""() => /^first, Scheduled/.test(document.querySelector('.pj-panel [role=treeitem]').ariaLabel)
              && {WIDGET}.content.widgets[2].model.executionState"""
    ).json_value()

    assert state == "running"
    expect(page.panel().get_by_role("status").first).to_contain_text("1 task to run")
    page.wait_idle()
    expect(page.task("first")).to_have_accessible_name(re.compile("^first, Success"))


def test_the_kernel_counts_as_busy_while_clicks_are_answered(notebook: OpenNotebook) -> None:
    page = loaded(notebook, FOREVER)
    page.run(2, wait=False)
    page.page.wait_for_function(f"{WIDGET}.content.widgets[2].model.executionState === 'running'")
    page.task("first").focus()
    page.task("first").get_by_role("button", name="Rerun").click()
    expect(page.task("first")).to_have_accessible_name(re.compile("^first, Scheduled"))

    page.page.wait_for_function(f"{WIDGET}.sessionContext.session.kernel.status === 'busy'")

    assert is_computing(page.page, 2)
    page.interrupt()


def test_a_page_that_is_reloaded_while_a_cell_computes_shows_the_pipeline(notebook: OpenNotebook) -> None:
    page = loaded(notebook, FOREVER)
    page.save()
    page.run(2, wait=False)
    page.page.wait_for_function(f"{WIDGET}.content.widgets[2].model.executionState === 'running'")

    page.page.reload()
    page.page.wait_for_function(f"window.jupyterapp && {WIDGET}?.context?.path === {json.dumps(page.path)}")

    expect(page.task("first")).to_have_accessible_name(re.compile("^first, Success"))
    page.task("first").focus()
    page.task("first").get_by_role("button", name="Rerun").click()
    expect(page.task("first")).to_have_accessible_name(re.compile("^first, Scheduled"))
    page.interrupt()
    expect(page.task("first")).to_have_accessible_name(re.compile("^first, Success"))


def test_what_a_button_shows_while_no_page_is_open_is_there_when_one_is(notebook: OpenNotebook) -> None:
    page = notebook([LOAD, "#| task: slow\nimport time\nfor _ in range(30):\n    time.sleep(0.1)\nprint('it is done')"])
    page.panel()
    page.run(0)
    expect(page.task("slow")).to_be_visible()
    page.save()
    page.task("slow").focus()
    page.task("slow").get_by_role("button", name="Rerun").click()
    expect(page.task("slow")).to_have_accessible_name(re.compile("^slow, Running"))

    page.page.goto("about:blank")
    page.page.wait_for_timeout(4000)
    page.open()

    expect(page.task("slow")).to_have_accessible_name(re.compile("^slow, Success"))
    expect(page.cell(1)).to_contain_text("it is done")


def test_the_panel_loads_the_extension(notebook: OpenNotebook) -> None:
    page = notebook(["1 + 1"])
    page.panel().get_by_role("button", name="Load the extension").click()

    expect(page.panel()).to_contain_text("No tasks yet")
    assert page.sources() == [LOAD, "1 + 1"]


def test_after_a_restart_the_pipeline_is_there_without_life_until_it_is_loaded_again(notebook: OpenNotebook) -> None:
    page = loaded(notebook)
    page.restart()

    expect(page.panel().get_by_role("status").first).to_contain_text("%load_ext prefect_jupyter")
    expect(page.panel().get_by_role("button", name="Run stale")).to_be_disabled()
    expect(page.cell(1).get_by_role("button", name="Rerun")).to_be_disabled()

    page.run(0)

    expect(page.cell(1).get_by_role("button", name="Rerun")).to_be_enabled()


def test_two_pages_of_one_notebook_show_the_same_and_may_both_act(notebook: OpenNotebook) -> None:
    first = loaded(notebook)
    first.save()
    second = NotebookPage(first.page.context.new_page(), first.lab, first.path, first.screenshots)
    second.open()
    second.panel()
    expect(second.task("first")).to_have_accessible_name(re.compile("^first, Success"))

    first.set_source(1, "#| task: first\nraise ValueError(3)")
    first.run(1)
    expect(second.task("first")).to_have_accessible_name(re.compile("^first, Failed"))

    first.page.close()
    second.set_source(1, "#| task: first\nx = 2")
    second.panel().get_by_role("button", name="Retry failed").first.click()
    expect(second.task("first")).to_have_accessible_name(re.compile("^first, Success"))


def test_keys_in_the_panel_are_not_commands_of_the_notebook(notebook: OpenNotebook) -> None:
    page = loaded(notebook, "2", "3")
    page.select(3)
    page.task("first").focus()

    for key in ("d", "d", "x", "a", "b", "Enter"):
        page.page.keyboard.press(key)

    assert page.sources() == [LOAD, TASK, "2", "3"]
    page.page.wait_for_function(f"{WIDGET}.content.activeCellIndex === 1")


def test_two_views_of_one_notebook_show_an_output_once(notebook: OpenNotebook) -> None:
    page = loaded(notebook, "#| task: second\nprint('hello', x)")
    page.run(2)
    page.command("docmanager:clone")
    page.page.wait_for_function("document.querySelectorAll('.jp-NotebookPanel .pj-cell-chip').length === 4")
    page.task("second").focus()
    page.task("second").get_by_role("button", name="Rerun").click()
    expect(page.panel().get_by_role("status").first).to_contain_text("1 task to run")
    expect(page.task("second")).to_have_accessible_name(re.compile("^second, Success"))

    page.page.wait_for_function(f"{WIDGET}.content.widgets[2].model.outputs.length === 1")
    assert page.text(2) == "hello 1\n"
