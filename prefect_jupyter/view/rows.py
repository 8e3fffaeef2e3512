"""Views as rows of the wire: the only place that knows the order of fields.

It must not hold state or send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .protocol import STATES, VERDICTS, EdgeRow, NodeRow, RunRow, Snap, StateRow, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .pipeline import EdgeView, NodeView, PipelineView, RowView, RunView

_STATE_CODE = {state: code for code, state in enumerate(STATES)}
_VERDICT_CODE = {verdict: code for code, verdict in enumerate(VERDICTS)}


def node_row(node: NodeView) -> NodeRow:
    return NodeRow(node.id, one_line(node.name), node.cell, node.label, node.total, list(node.reads), list(node.writes))


def edge_row(edge: EdgeView) -> EdgeRow:
    return EdgeRow(edge.source, edge.target, list(edge.names))


def state_row(index: int, row: RowView, *, timed: bool = True) -> StateRow:
    return StateRow(
        index,
        _STATE_CODE[row.state],
        _VERDICT_CODE[row.verdict],
        row.started_ms if timed else None,
        row.ended_ms if timed else None,
        row.attempt,
        row.done,
        row.failed,
        row.running,
        one_line(row.note),
        one_line(row.reason),
    )


def state_rows(rows: Iterable[RowView], *, timed: bool = True) -> list[StateRow]:
    return [state_row(index, row, timed=timed) for index, row in enumerate(rows)]


def run_row(run: RunView | None) -> RunRow | None:
    return None if run is None else RunRow(run.done, run.total, run.expected_s)


def saved_snap(view: PipelineView) -> Snap:
    """The pipeline as it is kept in a notebook file: without times, so that equal runs leave equal files."""
    return {
        "type": "snap",
        "session": view.session,
        "rev": 0,
        "title": view.title,
        "nodes": [node_row(node) for node in view.nodes],
        "edges": [edge_row(edge) for edge in view.edges],
        "seq": 0,
        "now": 0,
        "rows": state_rows(view.rows, timed=False),
        "run": None,
        "saved": True,
    }
