"""A JupyterLab, a Chromium and notebooks to open in them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests import toolchain

from .labserver import LabServer, lab_server
from .notebook_page import NotebookPage, write_notebook

_CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_FAILED = pytest.StashKey[bool]()

OpenNotebook = Callable[..., NotebookPage]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is a browser test, and one worker runs them all."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure, for the picture that `notebook` takes of it."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


# The scope is the package: Playwright keeps an event loop running in this thread, which other tests must not meet.


@pytest.fixture(scope="package")
def lab() -> Iterator[LabServer]:
    """One JupyterLab, with the extension built from the sources as they are."""
    with lab_server(toolchain.build_extension()) as server:
        yield server


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One Chromium of this machine."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "The browser tests need Chromium on PATH: `apt-get install chromium`."
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=_CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures go: the folder named by PJ_SCREENSHOTS, or a temporary one."""
    folder = os.environ.get("PJ_SCREENSHOTS")
    return Path(folder) if folder else tmp_path_factory.mktemp("screenshots")


@pytest.fixture
def notebook(
    lab: LabServer, chromium: Browser, screenshots: Path, request: pytest.FixtureRequest
) -> Iterator[OpenNotebook]:
    """Open a notebook with `notebook(cells)`: a list of texts, or the path of a notebook to copy.

    Each has a folder, a store, a kernel and a browser context of its own, all gone afterwards.
    """
    opened: list[NotebookPage] = []
    test = re.sub(r"\W+", "-", request.node.name).strip("-")

    def open_notebook(
        cells: Sequence[str | nbformat.NotebookNode] | Path, *, name: str = "notebook", kernel: bool = True
    ) -> NotebookPage:
        path = f"{test}-{len(opened)}/{name}.ipynb"
        if isinstance(cells, Path):
            (lab.folder / path).parent.mkdir(parents=True)
            shutil.copy(cells, lab.folder / path)
        else:
            write_notebook(lab.folder / path, cells)
        context = chromium.new_context(viewport={"width": 1500, "height": 950})
        shown = NotebookPage(context.new_page(), lab, path, screenshots)
        opened.append(shown)
        shown.open(kernel=kernel)
        return shown

    yield open_notebook
    if request.node.stash.get(_FAILED, False):
        for i, shown in enumerate(opened):
            print(f"picture: {shown.screenshot(f'failed-{test}-{i}')}\nserver: {lab.log.read_text()[-2000:]}")
    errors = [error for shown in opened for error in shown.own_errors()]
    for shown in opened:
        shown.close()
        shutil.rmtree((lab.folder / shown.path).parent, ignore_errors=True)
    assert not errors, "\n".join(errors)
