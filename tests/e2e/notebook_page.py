"""One notebook open in a real JupyterLab, driven as tests want to say it.

It must not know what the extension looks like beyond roles and accessible names.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import nbformat
from playwright.sync_api import Error, Locator, Page

from .labserver import LabServer

_WAIT_MS = 60_000
_NO_SPLASH = "!document.getElementById('jupyterlab-splash')"
_CURRENT = "window.jupyterapp.shell.currentWidget"


@dataclass
class NotebookPage:
    """A browser page that shows one notebook. Cells are numbered from 0; `page` is Playwright's page."""

    page: Page
    lab: LabServer
    path: str
    screenshots: Path
    errors: list[Error] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(error))  # noqa: PLW0108

    # Opening and closing

    def open(self, *, kernel: bool = True) -> None:
        """Load JupyterLab afresh in an empty workspace and open the notebook, with a kernel or without one."""
        workspace = f"{self.lab.url}/lab/workspaces/w{os.urandom(6).hex()}"
        if kernel:
            self.page.goto(f"{workspace}/tree/{self.path}")
        else:
            self.page.goto(workspace)
            self._wait("window.jupyterapp !== undefined")
            self._evaluate("() => window.jupyterapp.restored")
            preference = {"shouldStart": False, "canStart": True, "autoStartDefault": False}
            self.command("docmanager:open", path=self.path, kernelPreference=preference)
        self._wait(f"window.jupyterapp && {_CURRENT}?.context?.path === {json.dumps(self.path)}")
        self._evaluate(f"() => {_CURRENT}.context.ready.then(() => {_CURRENT}.revealed)")
        self._wait(_NO_SPLASH)
        if kernel:
            self.wait_idle()

    def reopen(self, *, kernel: bool = True) -> None:
        """Close the page, end the kernel and open the saved notebook as on the next day."""
        self.page.goto("about:blank")
        self.lab.shut_down(self.path)
        self.open(kernel=kernel)

    def close(self) -> None:
        """Close the page and end the notebook's kernel."""
        self.page.context.close()
        self.lab.shut_down(self.path)

    # Cells

    def cell(self, i: int) -> Locator:
        """What the page shows of a cell, scrolled into the rendered part."""
        self.select(i)
        self._evaluate(f"i => {_CURRENT}.content.scrollToItem(i, 'smart')", i)
        return self.page.locator(f".jp-Notebook:visible .jp-Cell[data-windowed-list-index='{i}']")

    def sources(self) -> list[str]:
        """The texts of all cells."""
        texts: list[str] = self._evaluate(f"() => {_CURRENT}.content.widgets.map(w => w.model.sharedModel.getSource())")
        return texts

    def set_source(self, i: int, text: str) -> None:
        """Replace a cell's text, as typing would."""
        self._evaluate(f"([i, text]) => {_CURRENT}.content.widgets[i].model.sharedModel.setSource(text)", [i, text])

    def select(self, i: int) -> None:
        """Make a cell the active one, for `command`."""
        self._evaluate(f"i => {{ {_CURRENT}.content.deselectAll(); {_CURRENT}.content.activeCellIndex = i; }}", i)

    def command(self, name: str, **args: Any) -> None:
        """Start a JupyterLab command, such as `notebook:insert-cell-below`, and wait for its answer."""
        self._finish(self._start("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, args]))

    def outputs(self, i: int) -> list[dict[str, Any]]:
        """A cell's outputs in the notebook format."""
        found: list[dict[str, Any]] = self._evaluate(f"i => {_CURRENT}.content.widgets[i].model.outputs.toJSON()", i)
        return found

    def text(self, i: int) -> str:
        """What a cell's outputs say in plain text; an error as `KeyError: 'x'`."""
        return "".join(_plain(output) for output in self.outputs(i))

    # Running

    def run(self, i: int, *, wait: bool = True) -> None:
        """Run a cell; without `wait`, return while it runs."""
        self.select(i)
        ticket = self._start("() => window.jupyterapp.commands.execute('notebook:run-cell')", None)
        if wait:
            self._finish(ticket)
            self.wait_idle()

    def run_all(self, *, wait: bool = True) -> None:
        """Run all cells; without `wait`, return while they run."""
        ticket = self._start("() => window.jupyterapp.commands.execute('notebook:run-all-cells')", None)
        if wait:
            self._finish(ticket)
            self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do and no cell waits for it."""
        self._wait(
            f"{_CURRENT}.sessionContext.session?.kernel?.status === 'idle'"
            f" && {_CURRENT}.content.widgets.every(w => (w.model.executionState ?? 'idle') === 'idle')"
        )

    def interrupt(self) -> None:
        """Interrupt the kernel, as the stop button does."""
        self._evaluate(f"() => {_CURRENT}.sessionContext.session.kernel.interrupt()")

    def restart(self) -> None:
        """Restart the kernel, as the menu does after its question."""
        self._finish(self._start(f"() => {_CURRENT}.sessionContext.restartKernel()", None))
        self.wait_idle()

    # The document

    def save(self) -> None:
        """Save the notebook."""
        self.command("docmanager:save")
        self._wait(f"!{_CURRENT}.context.model.dirty")

    def saved(self) -> nbformat.NotebookNode:
        """The notebook as it is on disk."""
        return nbformat.read(self.lab.folder / self.path, as_version=4)

    # What a person sees

    def theme(self, name: Literal["light", "dark"]) -> None:
        """Switch JupyterLab's theme."""
        theme = f"JupyterLab {name.capitalize()}"
        self.command("apputils:change-theme", theme=theme)
        self._wait(f"document.body.dataset.jpThemeName === {json.dumps(theme)} && {_NO_SPLASH}")

    def screenshot(self, name: str) -> Path:
        """A picture of the whole page."""
        picture = self.screenshots / f"{name}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=picture)
        return picture

    def panel(self) -> Locator:
        """The panel called Pipeline, opened where it was closed."""
        region = self.page.get_by_role("region", name="Pipeline", exact=True)
        if not region.is_visible():
            self.page.get_by_role("tab", name="Pipeline").first.click()
            region.wait_for()
        return region

    def task(self, name: str, within: Locator | None = None) -> Locator:
        """A task in the panel, or within `cell(i)` for a graph in the notebook; it is called `name, State, …`."""
        place = self.panel() if within is None else within
        return place.get_by_role("treeitem", name=re.compile(rf"^{re.escape(name)}(,|$)"))

    def own_errors(self) -> list[str]:
        """Uncaught errors of this page in which the extension had a part."""
        stacks = [f"{error}\n{error.stack}" for error in self.errors]
        return [stack for stack in stacks if "/extensions/prefect-jupyter/" in stack]

    # A promise that is awaited under a deadline: Playwright's evaluate has none.

    def _evaluate(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def _start(self, script: str, argument: Any) -> int:
        ticket: int = self.page.evaluate(
            f"""argument => {{
              const tickets = (window.testTickets ??= []);
              const ticket = {{ done: false, error: null }};
              Promise.resolve(({script})(argument)).then(
                () => {{ ticket.done = true; }},
                reason => {{ ticket.done = true; ticket.error = String(reason); }}
              );
              return tickets.push(ticket) - 1;
            }}""",
            argument,
        )
        return ticket

    def _finish(self, ticket: int) -> None:
        self._wait(f"window.testTickets[{ticket}].done")
        error = self.page.evaluate(f"window.testTickets[{ticket}].error")
        assert error is None, error

    def _wait(self, condition: str) -> None:
        self.page.wait_for_function(f"() => Boolean({condition})", timeout=_WAIT_MS)


def write_notebook(path: Path, cells: Sequence[str | nbformat.NotebookNode]) -> None:
    """Write cells as a notebook; a text is a code cell, and cell ids are `cell-0`, `cell-1`, …"""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for i, cell in enumerate(cells):
        made = nbformat.v4.new_code_cell(cell) if isinstance(cell, str) else cell
        made["id"] = f"cell-{i}"
        notebook.cells.append(made)
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def _plain(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _joined(output["text"])
    if output["output_type"] == "error":
        return f"{output['ename']}: {output['evalue']}"
    return _joined(output["data"].get("text/plain", ""))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
