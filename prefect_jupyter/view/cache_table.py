"""The cached results as a table, in plain text and as HTML: largest first, with totals.

It must not know the store; sizes and times arrive as words. Names of tasks reach the page as text, never as markup.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

HEADINGS = ("task", "size", "made", "saves", "used", "last use", "key", "")
_RIGHT = frozenset({1, 3, 4})
_CELL = "padding: 1px 10px; white-space: nowrap; text-align: "


@dataclass(frozen=True, slots=True)
class CacheTable:
    """`rows` have a word for each of `HEADINGS`; `summary` are lines that stand below them."""

    rows: tuple[tuple[str, ...], ...]
    summary: tuple[str, ...]

    def text(self) -> str:
        if not self.rows:
            return "\n".join(self.summary)
        lines = [HEADINGS, *self.rows]
        wide = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
        table = ["  ".join(_padded(line, wide)).rstrip() for line in lines]
        return "\n".join([*table, *self.summary])

    def html(self) -> str:
        below = "".join(f"<div>{html.escape(line)}</div>" for line in self.summary)
        if not self.rows:
            return below
        head = _line("th", HEADINGS)
        body = "".join(_line("td", row) for row in self.rows)
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>{below}"


def _padded(words: Sequence[str], wide: Sequence[int]) -> list[str]:
    return [
        f"{word:>{width}}" if column in _RIGHT else f"{word:<{width}}"
        for column, (word, width) in enumerate(zip(words, wide, strict=True))
    ]


def _line(tag: str, words: Sequence[str]) -> str:
    cells = (
        f'<{tag} style="{_CELL}{"right" if column in _RIGHT else "left"}">{html.escape(word)}</{tag}>'
        for column, word in enumerate(words)
    )
    return f"<tr>{''.join(cells)}</tr>"
