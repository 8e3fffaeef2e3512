"""Says where the outputs of a cell differ from those of a plain run.

What two plain runs of one notebook cannot have in common (addresses, counters, timings, random ids) is
masked; nothing else may be, and nothing of the engine may be used to decide it.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

JsonOutput = Mapping[str, Any]
Place = tuple[str, int | None]

_SHORT = 160
_CHANNEL_TOLERANCE = 3
_OWN_MIMES = ("application/vnd.prefect-jupyter.graph+json",)
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ABSENT = "(nothing)"


class Showing(Protocol):
    """The result of a cell: what `run_plainly` returns, or anything with an id and outputs."""

    @property
    def id(self) -> str: ...
    @property
    def outputs(self) -> Sequence[JsonOutput]: ...


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where a cell shows something else than a plain run; both sides are cut to a line or two."""

    cell: str
    kind: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"[{self.cell}] {self.kind}: plain run {self.expected!r}, here {self.actual!r}"


@dataclass(frozen=True, slots=True)
class Part:
    """One normalised output: `content` maps a MIME type or an error's field to comparable content."""

    kind: str
    content: Mapping[str, Any]


def differences(
    expected: Iterable[JsonOutput],
    actual: Iterable[JsonOutput],
    *,
    cell: str = "",
    ignore: frozenset[Place] = frozenset(),
) -> list[Difference]:
    """Compare what a plain run showed with what is shown here. `ignore` is what `unstable` returned."""
    if (cell, None) in ignore:
        return []
    before, after = parts(expected), parts(actual)
    found: list[Difference] = []
    for index in range(max(len(before), len(after))):
        if (cell, index) in ignore:
            continue
        left = before[index] if index < len(before) else None
        right = after[index] if index < len(after) else None
        found.extend(_between(cell, left, right))
    return found


def unstable(first: Iterable[Showing], second: Iterable[Showing]) -> frozenset[Place]:
    """The outputs that already differ between two plain runs: (cell, position), (cell, None) for a whole cell."""
    again = {result.id: parts(result.outputs) for result in second}
    places: set[Place] = set()
    for result in first:
        before, after = parts(result.outputs), again.get(result.id)
        if after is None or [part.kind for part in before] != [part.kind for part in after]:
            places.add((result.id, None))
            continue
        for index, (left, right) in enumerate(zip(before, after, strict=True)):
            if _between(result.id, left, right):
                places.add((result.id, index))
    return frozenset(places)


def parts(outputs: Iterable[JsonOutput]) -> list[Part]:
    """The outputs of one cell in comparable form.

    Between two displays all of stdout is one part and all of stderr another: the kernel flushes the two
    streams by a clock, so how they interleave says nothing, while a display flushes both.
    """
    found: list[Part] = []
    streams: dict[str, str] = {}

    def end_streams() -> None:
        for name in sorted(streams, reverse=True):
            text = normal_text(collapse(streams[name]))
            if text:
                found.append(Part(name, {"text": text}))
        streams.clear()

    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            name = output["name"]
            streams[name] = streams.get(name, "") + _joined(output["text"])
            continue
        part = _part_of(kind, output)
        if part is not None:
            end_streams()
            found.append(part)
    end_streams()
    return found


def _part_of(kind: str, output: JsonOutput) -> Part | None:
    if kind == "error":
        return Part("error", {"ename": output["ename"], "evalue": normal_text(output["evalue"])})
    data = output.get("data", {})
    if any(mime in data for mime in _OWN_MIMES):
        return None
    content: dict[str, Any] = {mime: _normal_data(mime, value) for mime, value in data.items()}
    metadata = output.get("metadata", {})
    if metadata:
        content["metadata"] = normal_text(json.dumps(metadata, sort_keys=True))
    return Part("result" if kind == "execute_result" else "display", content)


def _normal_data(mime: str, value: Any) -> Any:
    if mime == _WIDGET:
        return "(widget)"
    if mime.startswith("image/") and mime != "image/svg+xml":
        return _joined(value)
    if mime == "image/svg+xml":
        return _normal_svg(_joined(value))
    if mime.endswith("json"):
        return normal_html(json.dumps(value, sort_keys=True, default=str))
    text = _joined(value)
    return normal_html(text) if mime in ("text/html", "application/javascript") else normal_text(text)


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, (list, tuple)) else str(text)


# ---- what two plain runs cannot have in common

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_NUMBER = r"[\d.,]+(?:e[+-]?\d+)?"
_TIME = rf"{_NUMBER}\s?(?:[nµumμ]s|s|min|h|d)\b(?:\s{_NUMBER}\s?(?:min|s)\b)*"
_TEXT_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bat 0x[0-9a-fA-F]+"), "at 0x…"),
    (re.compile(r"\S*ipykernel_\d+[/\\]\d+\.py"), "(cell)"),
    (re.compile(r"\(\d{5,}\.py(?=, line \d+\))"), "((cell)"),
    (re.compile(r"<ipython-input-\d+-[0-9a-f]+>"), "(cell)"),
    (re.compile(r"(?<=\()\d+\.py(?=, line \d+\))"), "(cell)"),
    (re.compile(r"\bIn ?\[\d+\]"), "In[…]"),
    (re.compile(r"(?<=[/\\])tmp[a-z0-9_]{8}\b"), "tmp…"),
    (re.compile(r"CPU times: [^\n]*"), "CPU times: …"),
    (re.compile(r"Wall time: [^\n]*"), "Wall time: …"),
    (re.compile(rf"Compiler ?: {_TIME}"), "Compiler: …"),
    (re.compile(rf"{_TIME} ± {_TIME} per loop \(mean ± std\. dev\. of [^)]*\)"), "(time) per loop"),
    (re.compile(rf"The slowest run took {_NUMBER} times longer[^\n]*\n?"), ""),
    (re.compile(r"<Task (\w+) name='Task-\d+'"), r"<Task \1 name='Task-…'"),
    (re.compile(r"<(\w*Thread)\(([^,<>]*), (\w+)( daemon)? \d+\)>"), r"<\1(\2, \3 …)>"),
    (re.compile(r"model_id='?[0-9a-f]{32}'?"), "model_id=…"),
)
_HTML_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bsk-(container|estimator)-id-\d+"), r"sk-\1-id-…"),
    (re.compile(r"\bT_[0-9a-f]{5,}(?=[_\"'\s{#.,>]|$)"), "T_…"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "(uuid)"),
    (re.compile(r"\b(altair-viz-|model_id\W+)[0-9a-f]{32}\b"), r"\1…"),
)
_SVG_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"<dc:date>[^<]*</dc:date>"), ""),
    (re.compile(r"(id=\"|url\(#|href=\"#)[A-Za-z]{1,2}?[0-9a-f]{10}\b"), r"\1…"),
)


def collapse(text: str) -> str:
    """The text as a terminal shows it: a carriage return writes over the line, a backspace over a character."""
    if "\r" not in text and "\b" not in text:
        return text
    return "\n".join(_line_shown(line) for line in text.replace("\r\n", "\n").split("\n"))


def _line_shown(line: str) -> str:
    if "\r" not in line and "\b" not in line:
        return line
    shown: list[str] = []
    at = 0
    for character in _ANSI.sub("", line):
        if character == "\r":
            at = 0
        elif character == "\b":
            at = max(0, at - 1)
        else:
            shown[at : at + 1] = [character]
            at += 1
    return "".join(shown)


def normal_text(text: str) -> str:
    """`text` without colours, and with addresses, counters, cell files and timings masked."""
    text = _ANSI.sub("", text)
    for pattern, mask in _TEXT_MASKS:
        text = pattern.sub(mask, text)
    return text


def normal_html(text: str) -> str:
    """Like `normal_text`, and without the random ids that libraries put into markup."""
    text = normal_text(text)
    for pattern, mask in _HTML_MASKS:
        text = pattern.sub(mask, text)
    return text


def _normal_svg(text: str) -> str:
    text = normal_html(text)
    for pattern, mask in _SVG_MASKS:
        text = pattern.sub(mask, text)
    return text


# ---- comparing


def _between(cell: str, expected: Part | None, actual: Part | None) -> list[Difference]:
    if expected is None or actual is None:
        present = expected or actual
        assert present is not None
        return [Difference(cell, present.kind, _summary(expected), _summary(actual))]
    if expected.kind != actual.kind:
        return [Difference(cell, f"{expected.kind} or {actual.kind}", _summary(expected), _summary(actual))]
    found: list[Difference] = []
    for key in dict.fromkeys((*expected.content, *actual.content)):
        left, right = expected.content.get(key), actual.content.get(key)
        if left is None or right is None:
            found.append(Difference(cell, f"{expected.kind} {key}", _cut(left), _cut(right)))
        elif left != right:
            if key.startswith("image/") and key != "image/svg+xml":
                reason = _pixels_differ(left, right)
                if reason is not None:
                    found.append(Difference(cell, f"{expected.kind} {key}", *reason))
            else:
                name = expected.kind if key == "text" else f"{expected.kind} {key}"
                found.append(Difference(cell, name, *_around_first_difference(left, right)))
    return found


def _summary(part: Part | None) -> str:
    if part is None:
        return _ABSENT
    if part.kind == "error":
        return _cut(f"{part.content['ename']}: {part.content['evalue']}")
    text = part.content.get("text", part.content.get("text/plain"))
    return _cut(text if text is not None else " ".join(part.content))


def _cut(value: Any) -> str:
    if value is None:
        return _ABSENT
    text = str(value)
    return text if len(text) <= _SHORT else text[: _SHORT - 1] + "…"


def _around_first_difference(expected: str, actual: str) -> tuple[str, str]:
    at = next(
        (index for index, (left, right) in enumerate(zip(expected, actual, strict=False)) if left != right),
        min(len(expected), len(actual)),
    )
    start = max(0, at - _SHORT // 3)
    lead = "…" if start else ""
    return lead + _cut(expected[start:]), lead + _cut(actual[start:])


def _pixels_differ(expected: str, actual: str) -> tuple[str, str] | None:
    """None when the two encoded pictures look alike; otherwise what each one is."""
    try:
        left, right = base64.b64decode(expected), base64.b64decode(actual)
    except (binascii.Error, ValueError):
        return "picture", "not base64"
    if left == right:
        return None
    try:
        from PIL import Image, ImageChops
    except ImportError:
        return f"{len(left)} bytes", f"{len(right)} other bytes"
    try:
        first, second = Image.open(io.BytesIO(left)).convert("RGBA"), Image.open(io.BytesIO(right)).convert("RGBA")
    except OSError:
        return f"{len(left)} bytes", f"{len(right)} bytes that are no picture"
    if first.size != second.size:
        return f"{first.size[0]}×{first.size[1]} pixels", f"{second.size[0]}×{second.size[1]} pixels"
    difference = ImageChops.difference(first, second)
    if not any(sum(band.histogram()[_CHANNEL_TOLERANCE + 1 :]) for band in difference.split()):
        return None
    box = difference.convert("RGB").getbbox() or difference.getbbox(alpha_only=True)
    return "the same picture", f"other pixels in {box}"
