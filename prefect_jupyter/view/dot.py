"""The pipeline as a Graphviz graph, for papers and for tools that read DOT.

It must not be needed to look at a pipeline: every other view works without Graphviz.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .svg import kind_of

if TYPE_CHECKING:
    import graphviz

    from .pipeline import PipelineView

_FILLS = {"ok": "#e3f1e4", "bad": "#fbe3e3", "late": "#fdf3d8", "live": "#e1eefb", "idle": "#f2f2f2"}


def dot(view: PipelineView) -> graphviz.Digraph:
    """One box a task, with its state, and one arrow for what a task hands to another.

    Names come from the notebook, so they are escaped: Graphviz would read some as markup. Writing pictures
    with `render` needs the `dot` program; `source` does not.
    """
    import graphviz

    graph = graphviz.Digraph(
        name="pipeline",
        graph_attr={"rankdir": "LR"},
        node_attr={"shape": "box", "style": "rounded,filled", "fontname": "Helvetica"},
        edge_attr={"fontname": "Helvetica", "fontsize": "10", "color": "#8a8f96"},
    )
    for index, (node, row) in enumerate(view.tasks()):
        label = graphviz.escape(node.name) + "\\n" + graphviz.escape(row.state)
        graph.node(f"task{index}", graphviz.nohtml(label), fillcolor=_FILLS[kind_of(row)])
    for edge in view.edges:
        names = graphviz.nohtml(graphviz.escape(", ".join(edge.names)))
        graph.edge(f"task{edge.source}", f"task{edge.target}", label=names)
    return graph
