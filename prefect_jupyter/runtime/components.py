"""Strongly connected components of a graph that is discovered on the way.

It must not know what the nodes are. Source: R. Tarjan, *Depth-first search and linear graph algorithms*,
SIAM J. Comput. 1 (1972), with a stack of its own instead of recursion.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import TypeVar

Node = TypeVar("Node")


def components(root: Node, successors: Callable[[Node], Iterable[Node]], done: Container[Node]) -> Iterator[list[Node]]:
    """The components reachable from `root`, each after all that it reaches; nodes in `done` are left out."""
    number: dict[Node, int] = {root: 0}
    low: dict[Node, int] = {root: 0}
    path: list[Node] = [root]
    on_path = {root}
    visits: list[tuple[Node, Iterator[Node]]] = [(root, iter(list(successors(root))))]
    while visits:
        node, following = visits[-1]
        for successor in following:
            if successor in number:
                if successor in on_path:
                    low[node] = min(low[node], number[successor])
            elif successor not in done:
                number[successor] = low[successor] = len(number)
                path.append(successor)
                on_path.add(successor)
                visits.append((successor, iter(list(successors(successor)))))
                break
        else:
            visits.pop()
            if visits:
                parent = visits[-1][0]
                low[parent] = min(low[parent], low[node])
            if low[node] == number[node]:
                cut = path.index(node)
                members = path[cut:]
                del path[cut:]
                on_path.difference_update(members)
                yield members
