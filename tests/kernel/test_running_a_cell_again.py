"""A plain cell that is run again and makes what it made before leaves its readers fresh."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

CELLS = {
    "setup": "import json\nimport matplotlib as mpl\nLIMIT = 5\nLABEL = 'rows'\nmpl.rcParams['lines.linewidth'] = 3",
    "task": "%%task total\ntotal = [mpl.rcParams['lines.linewidth'], LIMIT, json.dumps(LABEL)]",
}


class Notebook:
    """Cells with ids in a kernel of their own, executed as a page executes them."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, code: str, cell_id: str | None = None) -> str:
        """What the execution prints."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self._client.session.msg("execute_request", content)
        message["metadata"]["cellId"] = cell_id
        self._client.shell_channel.send(message)
        printed = ""
        while True:
            answer = self._client.get_iopub_msg(timeout=60)
            if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            assert answer["msg_type"] != "error", answer["content"]
            if answer["msg_type"] == "stream":
                printed += answer["content"]["text"]
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return printed

    def ask(self, expression: str) -> str:
        """What an expression over the session gives, asked from outside of the notebook."""
        return self.run(f"print(__import__('prefect_jupyter').notebook().{expression})").strip()


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[Notebook]:
    environment = {
        **os.environ,
        "PREFECT_JUPYTER_DIR": str(tmp_path / "store"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    manager, client = start_new_kernel(kernel_name="python3", env=environment, cwd=str(tmp_path))
    opened = Notebook(client)
    opened.run("%load_ext prefect_jupyter", "load")
    opened.ask(f"update_document({['load', *CELLS]!r}, {CELLS!r})")
    for cell_id, source in CELLS.items():
        opened.run(source, cell_id)
    yield opened
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_importing_and_setting_options_again_leaves_readers_fresh(notebook: Notebook) -> None:
    notebook.run(CELLS["setup"], "setup")
    assert notebook.ask("verdicts()") == "{'total': 'fresh'}"


def test_setting_one_constant_anew_says_only_that_it_changed(notebook: Notebook) -> None:
    changed = CELLS["setup"].replace("5", "6")
    notebook.ask(f"update_document(None, {{'setup': {changed!r}}})")
    notebook.run(changed, "setup")
    why = notebook.ask("why('total')")
    assert "`LIMIT` changed from 5 to 6" in why
    assert "json" not in why
    assert "LABEL" not in why


def test_importing_a_module_again_above_a_cell_that_sets_its_options_leaves_readers_fresh(notebook: Notebook) -> None:
    cells = {
        "import": "import matplotlib.pyplot as plt",
        "style": "plt.rcParams['lines.linewidth'] = 4",
        "width": "%%task width\nwidth = plt.rcParams['lines.linewidth']",
    }
    notebook.ask(f"update_document({['load', *cells]!r}, {cells!r})")
    for _ in range(2):
        for cell_id, source in cells.items():
            notebook.run(source, cell_id)
    assert notebook.ask("verdicts()") == "{'width': 'fresh'}"


def test_a_constant_changes_the_tasks_that_reach_it_through_a_helper_and_no_others(notebook: Notebook) -> None:
    cells = {
        "limit": "LEAST = 1",
        "helpers": "def kept(rows):\n    return [row for row in rows if row > LEAST]\n\n"
        "def whole(rows):\n    return rows",
        "all": "%%task everything\neverything = whole([1, 2, 3])",
        "some": "%%task some\nsome = kept([1, 2, 3])",
    }
    notebook.ask(f"update_document({['load', *cells]!r}, {cells!r})")
    for cell_id, source in cells.items():
        notebook.run(source, cell_id)
    notebook.ask("update_document(None, {'limit': 'LEAST = 2'})")
    notebook.run("LEAST = 2", "limit")
    assert notebook.ask("verdicts()") == "{'everything': 'fresh', 'some': 'stale'}"
