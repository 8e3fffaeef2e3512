"""One notebook cell as the engine sees it: what it reads, writes and was told.

A cell is a value: a changed text is a new cell. It must not know IPython, values or namespaces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .tasks import TaskOptions

_NOTHING: Mapping[str, frozenset[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a cell cannot be a task as it is written. `line` counts from 1 in the editor's text.

    `is_syntax` says that Python itself refuses the text, and shows where.
    """

    message: str
    line: int | None = None
    is_syntax: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The static reading of one cell. All names are global names of the notebook.

    `reads` are read before they are surely bound. `late` maps each function or class that the cell
    defines to the global names that its bodies read when they are called. `writes` are bound at top
    level, `hidden` is the part of them bound by loops, `with … as` and `_names`. `in_place` are names
    whose value the text changes without binding them. `maybe` are names that occur in strings given
    to `eval`, `query` and the like. `words` are all words in its strings; `evaluating` the functions and classes
    that it defines which evaluate strings from elsewhere.
    `always` says why the cell can never be answered from the store.
    `mapped_over` are the reads of a mapped task that its elements come from, and that its body itself does not read.
    `digest` is the digest of the normalised code: comments, blank lines and docstrings do not count.
    """

    id: str
    source: str
    digest: str = ""
    options: TaskOptions | None = None
    reads: frozenset[str] = frozenset()
    late: Mapping[str, frozenset[str]] = field(default_factory=lambda: _NOTHING)
    writes: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    in_place: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    definitions: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    evaluating: frozenset[str] = frozenset()
    mapped_over: frozenset[str] = frozenset()
    reads_everything: bool = False
    always: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def is_task(self) -> bool:
        return self.options is not None
