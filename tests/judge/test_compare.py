from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from prefect_jupyter.oracle.compare import collapse, differences, normal_html, normal_text, parts, unstable


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def result(text: str, count: int = 1, **data: Any) -> dict[str, Any]:
    return {
        "output_type": "execute_result",
        "data": {"text/plain": text, **data},
        "metadata": {},
        "execution_count": count,
    }


def display(**data: Any) -> dict[str, Any]:
    return {
        "output_type": "display_data",
        "data": {mime.replace("_", "/", 1): value for mime, value in data.items()},
        "metadata": {},
    }


def error(ename: str, evalue: str, *traceback: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": list(traceback)}


def picture(*marks: tuple[int, int], colour: tuple[int, int, int] = (0, 0, 0), size: int = 40, level: int = 6) -> str:
    image = Image.new("RGB", (size, size), "white")
    for mark in marks:
        image.putpixel(mark, colour)
    data = io.BytesIO()
    image.save(data, "PNG", compress_level=level)
    return base64.b64encode(data.getvalue()).decode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([result("<f at 0x7f12ab>", 1)], [result("<f at 0x55ffff1>", 9)]),
        ([stream("a\n"), stream("b\n")], [stream("a\nb\n")]),
        ([stream("a\n"), stream("w\n", "stderr"), stream("b\n")], [stream("w\n", "stderr"), stream("a\nb\n")]),
        ([stream("10%\r50%\r100%\n")], [stream("100%\n")]),
        ([stream("")], []),
        ([stream("CPU times: user 2 ms, sys: 1 µs, total: 3 ms\nWall time: 2.04 ms\n")],
         [stream("CPU times: user 9 s, sys: 1 µs, total: 9 s\nWall time: 1min 2s\n")]),
        ([stream("1.2 µs ± 3.01 ns per loop (mean ± std. dev. of 7 runs, 1,000,000 loops each)\n")],
         [stream("989 ns ± 30 ns per loop (mean ± std. dev. of 7 runs, 1,000 loops each)\n")]),
        ([error("ValueError", "no", "line 1")], [error("ValueError", "no", "\x1b[31mline 7")]),
        ([stream("/tmp/ipykernel_1/22.py:3: UserWarning: x\n", "stderr")],
         [stream("/tmp/ipykernel_9/77.py:3: UserWarning: x\n", "stderr")]),
        ([display(text_html='<div id="sk-container-id-1"></div>')],
         [display(text_html='<div id="sk-container-id-7"></div>')]),
        ([display(text_html='<td id="T_1a2b3_row0_col0">')], [display(text_html='<td id="T_ffb10_row0_col0">')]),
        ([{"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}}}],
         [{"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {"model_id": "b"}}}]),
        ([display(image_png=picture((1, 1), level=9))], [display(image_png=picture((1, 1), level=1))]),
        ([display(image_png=picture((1, 1), colour=(10, 10, 10)))],
         [display(image_png=picture((1, 1), colour=(11, 12, 10)))]),
        ([display(text_plain=["a\n", "b"])], [display(text_plain="a\nb")]),
        ([{"output_type": "display_data", "data": {"application/vnd.prefect-jupyter.graph+json": {}}}], []),
    ],
)  # fmt: skip
def test_what_two_plain_runs_cannot_have_in_common_is_no_difference(one: list[Any], other: list[Any]) -> None:
    assert differences(one, other) == []
    assert differences(other, one) == []


@pytest.mark.parametrize(
    ("expected", "actual", "kind"),
    [
        ([result("1")], [result("2")], "result text/plain"),
        ([result("1")], [], "result"),
        ([], [stream("x")], "stdout"),
        ([result("1")], [display(text_plain="1")], "result or display"),
        ([stream("a\n")], [stream("a\n", "stderr")], "stdout or stderr"),
        ([stream("a\n"), result("1"), stream("b\n")], [stream("a\nb\n"), result("1")], "stdout"),
        ([stream("a\nb\n")], [stream("b\na\n")], "stdout"),
        ([stream("a")], [stream("a\n")], "stdout"),
        ([error("ValueError", "no")], [error("TypeError", "no")], "error ename"),
        ([error("ValueError", "no")], [error("ValueError", "nope")], "error evalue"),
        ([error("ValueError", "no")], [], "error"),
        ([display(image_png=picture((1, 1)))], [display(image_png=picture((1, 2)))], "display image/png"),
        ([display(image_png=picture())], [display(image_png=picture(size=41))], "display image/png"),
        ([display(image_png=picture())], [display(image_png="AAAA")], "display image/png"),
        ([display(image_png=picture((1, 1), colour=(255, 255, 200)))], [display(image_png=picture())],
         "display image/png"),
        ([display(text_html="<b>1</b>")], [display(text_html="<b>1</b>", text_plain="1")], "display text/plain"),
        ([display(application_json={"a": 1})], [display(application_json={"a": 1.0})], "display application/json"),
        ([{**result("1"), "metadata": {"image/png": {"width": 3}}}], [result("1")], "result metadata"),
        ([stream("0xdeadbeef\n")], [stream("0xdeadbef0\n")], "stdout"),
        ([stream("took 3 s\n")], [stream("took 4 s\n")], "stdout"),
        ([result("-0.0")], [result("0.0")], "result text/plain"),
    ],
)  # fmt: skip
def test_anything_else_is_a_difference_and_is_named(expected: list[Any], actual: list[Any], kind: str) -> None:
    found = differences(expected, actual, cell="clean")
    assert kind in [difference.kind for difference in found]
    assert {difference.cell for difference in found} == {"clean"}


def test_a_difference_shows_the_place_and_not_the_whole_text() -> None:
    long = "same " * 200
    [difference] = differences([stream(long + "one")], [stream(long + "two")], cell="c")
    assert difference.expected.endswith("one")
    assert difference.actual.endswith("two")
    assert len(str(difference)) < 300


@dataclass
class Cell:
    id: str
    outputs: list[dict[str, Any]]


def test_what_differs_between_two_plain_runs_is_excluded_and_nothing_else() -> None:
    first = [Cell("draw", [stream("0.1\n"), result("ok")]), Cell("count", [stream("1")]), Cell("some", [stream("x")])]
    again = [Cell("draw", [stream("0.7\n"), result("ok")]), Cell("count", [stream("1")]), Cell("some", [])]
    places = unstable(first, again)
    assert places == {("draw", 0), ("some", None)}
    assert differences([stream("0.1\n"), result("ok")], [stream("5\n"), result("ok")], cell="draw", ignore=places) == []
    assert differences([stream("0.1\n"), result("ok")], [stream("5\n"), result("no")], cell="draw", ignore=places)
    assert differences([stream("x")], [result("y"), result("z")], cell="some", ignore=places) == []
    assert differences([stream("1")], [stream("2")], cell="count", ignore=places)


def test_a_missing_cell_is_unstable_as_a_whole() -> None:
    assert unstable([Cell("a", [])], []) == {("a", None)}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("abc\rx", "xbc"),
        ("abc\r\ndef", "abc\ndef"),
        ("12\b3", "13"),
        ("a\rb\rc\nnext", "c\nnext"),
        ("plain", "plain"),
        ("\r\rx\b\b\by", "y"),
    ],
)
def test_progress_bars_collapse_as_in_a_terminal(text: str, shown: str) -> None:
    assert collapse(text) == shown


def test_masks_leave_data_alone() -> None:
    for text in ("id 0x7f, 12 s, In the [3] case", "T_abcde", "d41d8cd98f00b204e9800998ecf8427e", "/data/tmp/file.csv"):
        assert normal_text(text) == text
        assert len(parts([stream(text)])) == 1
    assert normal_html("550e8400-e29b-41d4-a716-446655440000") == "(uuid)"
    assert normal_text("550e8400-e29b-41d4-a716-446655440000") == "550e8400-e29b-41d4-a716-446655440000"
