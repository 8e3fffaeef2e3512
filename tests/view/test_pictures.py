from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_jupyter.view.bundle import BUNDLE_BYTES_MAX, bundle
from prefect_jupyter.view.pipeline import EdgeView, NodeView, PipelineView, RowView
from prefect_jupyter.view.protocol import MIME
from prefect_jupyter.view.rail import LANES_MAX, lanes
from prefect_jupyter.view.svg import kind_of, svg
from prefect_jupyter.view.text import text

RAILS = json.loads((Path(__file__).parent.parent / "histories" / "rails.json").read_text(encoding="utf-8"))
SVG = "{http://www.w3.org/2000/svg}"


def pipeline(
    *tasks: tuple[str, RowView], edges: tuple[EdgeView, ...] = (), title: str = "flights.ipynb"
) -> PipelineView:
    nodes = tuple(NodeView(id=name, name=name, cell=f"cell-{index}") for index, (name, _) in enumerate(tasks))
    return PipelineView(title=title, session="s", nodes=nodes, edges=edges, rows=tuple(row for _, row in tasks))


FLIGHTS = pipeline(
    ("load", RowView(state="Cached", verdict="fresh")),
    ("clean", RowView(state="Failed", attempt=3, note="KeyError: 'dep'")),
    ("fit", RowView(state="TriggerFailed", reason="`clean` failed")),
    edges=(EdgeView(0, 1, ("raw", "carriers")), EdgeView(1, 2, ("df",))),
)


def texts_of(picture: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(picture).iter(f"{SVG}text")]


@pytest.mark.parametrize("example", RAILS, ids=lambda example: example["name"])
def test_the_rail_gives_each_task_its_lane(example: dict[str, Any]) -> None:
    assert lanes(example["count"], [tuple(edge) for edge in example["edges"]]) == example["lanes"]


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n), st.integers(0, n))))
    )
)
def test_no_line_runs_through_a_task_of_another_lane(drawn: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = drawn
    taken = lanes(count, edges)

    if max(taken) < LANES_MAX - 1:
        for source, target in edges:
            if source < target < count:
                assert all(taken[between] != taken[source] for between in range(source + 1, target))


def test_the_text_tells_states_failures_reasons_and_what_is_read() -> None:
    assert text(FLIGHTS).splitlines() == [
        "flights.ipynb · 3 tasks: 1 Cached, 1 Failed, 1 TriggerFailed",
        "  load   Cached",
        "  clean  Failed (attempt 3)  ← load (raw, carriers)",
        "      KeyError: 'dep'",
        "  fit    TriggerFailed  ← clean (df)",
        "      `clean` failed",
    ]


def test_the_text_counts_and_names_results_in_doubt() -> None:
    shown = text(
        pipeline(
            ("a", RowView(state="Success", verdict="stale", reason="`limit` changed from 5 to 6")),
            ("b", RowView(state="Cached", verdict="unverified")),
        )
    )

    assert shown.splitlines() == [
        "flights.ipynb · 2 tasks: 1 Success, 1 Cached · 1 stale · 1 unverified",
        "  a  Success, stale",
        "      `limit` changed from 5 to 6",
        "  b  Cached, unverified",
    ]


def test_a_notebook_without_tasks_says_so() -> None:
    empty = pipeline()

    assert text(empty) == "flights.ipynb · no tasks yet"
    assert texts_of(svg(empty)) == ["flights.ipynb · no tasks yet"]


def test_text_cannot_move_the_cursor_of_a_terminal() -> None:
    shown = text(pipeline(("a\x1b[31m\n", RowView(note="\x1b]0;title\x07\r")), title="\x1b[2J"))

    assert "\x1b" not in shown
    assert "\r" not in shown
    assert len(shown.splitlines()) == 3


def test_the_picture_names_every_task_with_its_state() -> None:
    shown = texts_of(svg(FLIGHTS))

    assert [line.split()[:2] for line in shown[1:]] == [
        ["load", "Cached"],
        ["clean", "Failed"],
        ["fit", "TriggerFailed"],
    ]
    assert len(list(ET.fromstring(svg(FLIGHTS)).iter(f"{SVG}circle"))) == 3


@given(st.text(), st.text(), st.text())
def test_no_text_reaches_the_picture_as_markup(title: str, name: str, note: str) -> None:
    picture = svg(pipeline((name or "a", RowView(note=note)), title=title))

    tags = {element.tag.removeprefix(SVG) for element in ET.fromstring(picture).iter()}
    assert tags <= {"svg", "title", "style", "rect", "text", "tspan", "g", "circle", "path"}


def test_a_script_in_a_name_stays_text() -> None:
    attack = "<script>alert(1)</script>"

    picture = svg(pipeline((attack, RowView()), title=attack))

    assert "<script" not in picture
    assert texts_of(picture)[1].startswith(attack)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (RowView(state="Success", verdict="fresh"), "ok"),
        (RowView(state="Success", verdict="stale"), "late"),
        (RowView(state="Cached", verdict="unverified"), "late"),
        (RowView(state="Crashed"), "bad"),
        (RowView(state="TriggerFailed"), "late"),
        (RowView(state="Retrying"), "live"),
        (RowView(state="Skipped", verdict="fresh"), "idle"),
    ],
)
def test_the_look_of_a_task_follows_state_and_verdict(row: RowView, kind: str) -> None:
    assert kind_of(row) == kind


def test_the_saved_bundle_is_the_same_whenever_the_run_was() -> None:
    def at(ms: float) -> PipelineView:
        return pipeline(("a", RowView(state="Success", verdict="fresh", started_ms=ms, ended_ms=ms + 5)))

    assert bundle(at(0)) == bundle(at(1e12))
    assert bundle(at(0))[MIME]["saved"] is True


def test_the_saved_bundle_is_json_and_has_three_forms() -> None:
    saved = bundle(FLIGHTS)

    assert set(saved) == {MIME, "image/svg+xml", "text/plain"}
    assert json.loads(json.dumps(saved)) == saved


@pytest.mark.parametrize("count", [300, 3_000])
def test_the_saved_bundle_has_a_limit_and_text_is_kept_longest(count: int) -> None:
    row = RowView(state="Failed", note="x" * 300)
    saved = bundle(pipeline(*((f"task {index}", row) for index in range(count))))

    assert len(json.dumps(saved, ensure_ascii=False).encode()) <= BUNDLE_BYTES_MAX * 1.1
    assert saved["text/plain"].splitlines()[-1].endswith("more lines")
    assert saved["text/plain"].startswith(f"flights.ipynb · {count} tasks: {count} Failed")


def test_a_picture_of_very_many_tasks_says_how_many_it_left_out() -> None:
    shown = texts_of(svg(pipeline(*((f"task {index}", RowView()) for index in range(1_005)))))

    assert shown[-1] == "… and 5 more tasks"


def test_a_pipeline_needs_a_row_for_each_task() -> None:
    with pytest.raises(ValueError, match="as many rows"):
        PipelineView(title="", session="", nodes=(NodeView(id="a", name="a"),))
