"""The pipeline as DOT: every task and arrow is there, and no name is read as markup."""

from __future__ import annotations

import shutil

from prefect_jupyter.view.dot import dot
from prefect_jupyter.view.pipeline import EdgeView, NodeView, PipelineView, RowView

HOSTILE = '<b>x</b>"];evil[label="'


def pipeline() -> PipelineView:
    return PipelineView(
        title="t",
        session="s",
        nodes=(NodeView(id="a", name="load"), NodeView(id="b", name=HOSTILE)),
        edges=(EdgeView(0, 1, ("rows",)),),
        rows=(RowView(state="Success", verdict="fresh"), RowView(state="Failed", verdict="stale")),
    )


def test_tasks_states_and_names_handed_over_are_in_the_source() -> None:
    source = dot(pipeline()).source
    assert "load\\nSuccess" in source
    assert "task0 -> task1" in source
    assert "rows" in source


def test_a_hostile_name_stays_one_label() -> None:
    assert shutil.which("dot"), "Graphviz is part of the test set-up"
    drawn = dot(pipeline()).pipe(format="plain", encoding="utf-8")
    assert [line.split()[0] for line in drawn.splitlines()] == ["graph", "node", "node", "edge", "stop"]
