from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect_jupyter.view import widget as widget_module
from prefect_jupyter.view.pipeline import NodeView, RowView
from prefect_jupyter.view.publisher import Publisher
from prefect_jupyter.view.rows import state_row
from prefect_jupyter.view.widget import FlowWidget


class Link:
    def __init__(self) -> None:
        self.publisher = Publisher(lambda _message: None, lambda: 0.0, "s1")
        self.publisher.graph("flights", [NodeView(id="t1", name="load")], [])
        self.attached: dict[str, Any] = {}
        self.taken: list[tuple[str, object]] = []

    def attach(self, page: str, send: Any) -> None:
        self.attached[page] = send

    def take(self, page: str, data: object) -> None:
        self.taken.append((page, data))


class Session:
    def __init__(self) -> None:
        self.link = Link()


@pytest.fixture(autouse=True)
def renderer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A renderer that need not be built."""
    module = tmp_path / "graph.js"
    module.write_text("export default { render() {} };")
    monkeypatch.setattr(widget_module, "MODULE", module)
    return module


def test_the_widget_starts_with_what_there_is() -> None:
    widget = FlowWidget.connected(Session())

    assert widget.snap["nodes"] == [["t1", "load", "", "", 0, [], []]]
    assert "render" in str(widget._esm)


def test_it_is_told_what_the_pages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    widget = FlowWidget.connected(session)
    told: list[Any] = []
    monkeypatch.setattr(type(widget), "send", lambda _self, content, buffers=None: told.append(content))

    session.link.attached[widget.model_id]({"type": "state", "rows": [state_row(0, RowView())]})

    assert told == [{"type": "state", "rows": [[0, 0, 1, None, None, 0, 0, 0, 0, "", ""]]}]


def test_its_buttons_are_commands() -> None:
    session = Session()
    widget = FlowWidget.connected(session)

    widget._handle_custom_msg({"id": "c1", "verb": "run"}, [])

    assert session.link.taken == [(widget.model_id, {"id": "c1", "verb": "run"})]


def test_without_a_renderer_it_is_not_available(renderer: Path) -> None:
    assert FlowWidget.is_available()
    renderer.unlink()
    assert not FlowWidget.is_available()


def test_the_module_costs_nothing_until_a_widget_is_made() -> None:
    code = "import sys, prefect_jupyter.view.widget; print({'anywidget', 'ipywidgets'} & sys.modules.keys())"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "set()"
