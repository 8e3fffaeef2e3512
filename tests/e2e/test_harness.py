"""What the other browser tests lean on does what it says."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import OpenNotebook
from .labserver import LabServer


def test_each_notebook_has_a_store_and_a_folder_of_its_own(notebook: OpenNotebook) -> None:
    where = "import os\nos.environ['PREFECT_JUPYTER_DIR'], os.getcwd()"
    first, second = notebook([where]), notebook([where])
    first.run(0)
    second.run(0)
    assert first.text(0) != second.text(0)
    assert "stores" in first.text(0)


def test_the_kernel_starts_without_names_of_the_harness(notebook: OpenNotebook) -> None:
    page = notebook(["%who"])
    page.run(0)
    assert page.text(0).strip() == "Interactive namespace is empty."


def test_a_restart_forgets_the_names(notebook: OpenNotebook) -> None:
    page = notebook(["x = 1", "x"])
    page.run_all()
    assert page.text(1) == "1"
    page.restart()
    page.run(1)
    assert page.text(1) == "NameError: name 'x' is not defined"


def test_edited_text_and_results_survive_saving_and_opening_without_a_kernel(
    notebook: OpenNotebook, lab: LabServer
) -> None:
    page = notebook(["'before'"])
    page.set_source(0, "'after'")
    page.run_all()
    page.save()
    assert page.saved().cells[0].source == "'after'"

    page.reopen(kernel=False)
    assert page.sources() == ["'after'"]
    assert page.text(0) == "'after'"
    assert page.path not in [session["path"] for session in lab.sessions()]


def test_a_running_cell_can_be_interrupted(notebook: OpenNotebook) -> None:
    page = notebook(["import time\nprint('started', flush=True)\ntime.sleep(600)"])
    page.run(0, wait=False)
    expect(page.cell(0)).to_contain_text("started")
    page.interrupt()
    page.wait_idle()
    assert page.text(0).endswith("KeyboardInterrupt: ")


def test_pictures_differ_between_the_themes(notebook: OpenNotebook) -> None:
    page = notebook(["1"])
    pictures = []
    for theme in ("light", "dark"):
        page.theme(theme)
        pictures.append(page.screenshot(f"harness-{theme}").read_bytes())
    assert pictures[0] != pictures[1]


def test_a_command_that_fails_is_told(notebook: OpenNotebook) -> None:
    page = notebook(["1"])
    with pytest.raises(AssertionError, match="no:such-command"):
        page.command("no:such-command")
