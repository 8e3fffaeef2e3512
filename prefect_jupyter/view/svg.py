"""The pipeline as a picture that needs no script: tasks in notebook order, joined by lines.

It must not show times (equal runs leave equal files), and no text may reach it unescaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from .protocol import ACTIVE, BLOCKED, FAILURES
from .rail import lanes, width
from .text import headline, summary

if TYPE_CHECKING:
    from .pipeline import PipelineView, RowView

ROW_PX = 26
LANE_PX = 16
MARGIN_PX = 14
TITLE_PX = 30
CHAR_PX = 6.7
TEXT_CHARS_MAX = 110
TASKS_MAX = 1_000

# Its own background keeps it readable wherever it is put; class names are ours alone because the style
# of an inlined picture is the style of the whole page.
_STYLE = """
.pj-svg{--pj-back:#fff;--pj-text:#1f2328;--pj-soft:#59636e;--pj-line:#a8b1ba;--pj-edge:#d1d9e0;--pj-ok:#1a7f37;
--pj-bad:#cf222e;--pj-late:#9a6700;--pj-live:#0969da;--pj-idle:#6e7781}
@media (prefers-color-scheme:dark){.pj-svg{--pj-back:#161b22;--pj-text:#e6edf3;--pj-soft:#9198a1;--pj-line:#565f69;
--pj-edge:#30363d;--pj-ok:#3fb950;--pj-bad:#f85149;--pj-late:#d29922;--pj-live:#4493f8;--pj-idle:#8b949e}}
.pj-svg text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--pj-text)}
.pj-svg .pj-svg-name{font-weight:600}.pj-svg .pj-svg-soft{fill:var(--pj-soft)}.pj-svg .pj-svg-late{fill:var(--pj-late)}
.pj-svg .pj-svg-bad{fill:var(--pj-bad)}.pj-svg .pj-svg-line{fill:none;stroke:var(--pj-line);stroke-width:1.5}
.pj-svg .pj-svg-mark{fill:none;stroke:var(--pj-back);stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
"""
_MARKS = {
    "ok": "M-3 .2L-.9 2.4L3.2-2",
    "bad": "M-2.4-2.4L2.4 2.4M2.4-2.4L-2.4 2.4",
    "late": "M0-3V.6M0 2.9V3",
    "live": "M-1.6-2.8L2.8 0L-1.6 2.8Z",
    "idle": "M-2.6 0H2.6",
}


def svg(view: PipelineView) -> str:
    """The rail as one SVG document."""
    shown = list(view.tasks())[:TASKS_MAX]
    edges = [(edge.source, edge.target) for edge in view.edges if edge.source < edge.target < len(shown)]
    taken = lanes(len(shown), edges)
    left = MARGIN_PX * 2 + max(width(taken), 1) * LANE_PX
    spots = [
        (MARGIN_PX + lane * LANE_PX + LANE_PX / 2, TITLE_PX + row * ROW_PX + ROW_PX / 2)
        for row, lane in enumerate(taken)
    ]
    title = f"{view.title} · {summary(view)}" if view.title else summary(view)
    labels = [_label(node.name, node.label, row) for node, row in shown]
    chars = max([len(title), *(sum(len(text) for _, text in label) + 3 for label in labels)])
    wide = left + MARGIN_PX + min(chars, TEXT_CHARS_MAX + 3) * CHAR_PX
    left_out = len(view.nodes) - len(shown)
    high = TITLE_PX + (len(shown) + bool(left_out)) * ROW_PX + MARGIN_PX / 2
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="pj-svg" role="img" width="{wide:.0f}" height="{high:.0f}" '
            f'viewBox="0 0 {wide:.0f} {high:.0f}"><title>{_text(title)}</title><style>{_STYLE}</style>'
        ),
        (
            f'<rect x=".5" y=".5" width="{wide - 1:.0f}" height="{high - 1:.0f}" rx="6" fill="var(--pj-back)" '
            'stroke="var(--pj-edge)"/>'
        ),
        f'<text class="pj-svg-soft" x="{MARGIN_PX}" y="20">{_text(title)}</text>',
    ]
    parts += [_connector(*spots[source], *spots[target]) for source, target in edges]
    for (x, y), label, (_, row) in zip(spots, labels, shown, strict=True):
        parts.append(_dot(x, y, row))
        spans = "".join(f'<tspan class="pj-svg-{kind}">{_text(text)}</tspan>' for kind, text in label)
        parts.append(f'<text x="{left}" y="{y + 4.5:g}" xml:space="preserve">{spans}</text>')
    if left_out:
        y = TITLE_PX + len(shown) * ROW_PX + ROW_PX / 2
        parts.append(f'<text class="pj-svg-soft" x="{left}" y="{y + 4.5:g}">… and {left_out} more tasks</text>')
    return "\n".join([*parts, "</svg>"])


def kind_of(row: RowView) -> str:
    """Which of five looks a task has: ok, bad, late (blocked, or no longer fresh), live, idle."""
    if row.state in FAILURES:
        return "bad"
    if row.state in BLOCKED:
        return "late"
    if row.state in ACTIVE:
        return "live"
    if row.state in ("Success", "Cached", "Mapped", "Looped"):
        return "ok" if row.verdict in ("fresh", "accepted", "pinned", "unchecked") else "late"
    return "idle"


def _label(name: str, label: str, row: RowView) -> list[tuple[str, str]]:
    """Pieces of one line as (look, text), cut to the width of the picture."""
    kind = kind_of(row)
    pieces = [("name", name), ("soft", f" {label}" if label else "")]
    pieces.append(({"bad": "bad", "late": "late"}.get(kind, "soft"), f"  {headline(row)}"))
    if row.note or row.reason:
        pieces.append(("soft", f"  {row.note or row.reason}"))
    left, cut = TEXT_CHARS_MAX, []
    for look, text in pieces:
        if not text or left <= 0:
            continue
        cut.append((look, text if len(text) <= left else text[: left - 1] + "…"))
        left -= len(text)
    return cut


def _connector(x0: float, y0: float, x1: float, y1: float) -> str:
    bend = y1 - ROW_PX
    middle = y1 - ROW_PX / 2
    path = (
        f"M{x0:g} {y0:g}V{y1:g}"
        if x0 == x1
        else f"M{x0:g} {y0:g}V{bend:g}C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}"
    )
    return f'<path class="pj-svg-line" d="{path}"/>'


def _dot(x: float, y: float, row: RowView) -> str:
    kind = kind_of(row)
    return (
        f'<g transform="translate({x:g} {y:g})"><circle r="7" fill="var(--pj-{kind})" stroke="var(--pj-back)" '
        f'stroke-width="1.5"/><path class="pj-svg-mark" d="{_MARKS[kind]}"/></g>'
    )


def _text(text: str) -> str:
    """Escaped, and without the characters that XML cannot hold."""
    return escape("".join(char if _is_xml(char) else " " for char in text))


def _is_xml(char: str) -> bool:
    return char >= " " and not "\ud800" <= char <= "\udfff" and char not in "\ufffe\uffff"
