"""Notebooks as the oracle plays them: text in percent format or .ipynb, and the headers that make tasks of cells."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

FOLDER = Path(__file__).with_name("notebooks")

_CELL = re.compile(r"^# %%(?P<rest>[^\n]*)$", re.MULTILINE)
_DIRECTIVE = re.compile(r"^# (?P<verb>edit|rerun|order) (?P<rest>.+)$", re.MULTILINE)
_HEADER = re.compile(r"\A\s*(?:%%task\b|#\s?\|\s*task:)")
_OTHER_MAGIC = re.compile(r"\A\s*%%")
_SETUP = re.compile(r"\A\s*(?:%(?:matplotlib|config|load_ext|reload_ext|autoreload)\b|$)")


@dataclass(frozen=True, slots=True)
class OracleCell:
    """One code cell. `always` cells may execute again in every kernel; `plain` ones never get a header."""

    id: str
    source: str
    always: bool = False
    plain: bool = False

    @property
    def is_task(self) -> bool:
        return _HEADER.match(self.source) is not None


@dataclass(frozen=True, slots=True)
class OracleNotebook:
    """A notebook with the edit to try, the cells to run again out of order, and a second order of its cells.

    Nobody has tagged the cells of a `published` one.
    """

    name: str
    cells: tuple[OracleCell, ...]
    edit: tuple[str, str, str] | None = None
    rerun: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    title: str = field(default="", compare=False)
    published: bool = False

    def cell(self, cell_id: str) -> OracleCell:
        return next(cell for cell in self.cells if cell.id == cell_id)


def notebooks() -> list[OracleNotebook]:
    """Every notebook of the corpus, by name."""
    return [read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in (".percent", ".ipynb")]


def read(path: Path) -> OracleNotebook:
    """The notebook in a file, not yet tasked."""
    return _from_ipynb(path) if path.suffix == ".ipynb" else _from_percent(path.stem, path.read_text(encoding="utf-8"))


def _from_percent(name: str, text: str) -> OracleNotebook:
    marks = list(_CELL.finditer(text))
    cells = []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        cell_id, *tags = mark["rest"].split()
        source = text[mark.end() + 1 : following.start() if following else len(text)].rstrip("\n")
        cells.append(OracleCell(cell_id, source, always="always" in tags, plain="plain" in tags))
    head = text[: marks[0].start()]
    notebook = OracleNotebook(name, tuple(cells), title=head.splitlines()[0].lstrip("# "))
    for directive in _DIRECTIVE.finditer(head):
        if directive["verb"] == "edit":
            cell_id, change = directive["rest"].split(": ", 1)
            old, new = change.split(" => ")
            if old not in notebook.cell(cell_id).source:
                raise ValueError(f"{name}: {old!r} is not in cell {cell_id}")
            notebook = replace(notebook, edit=(cell_id, old, new))
        else:
            notebook = replace(notebook, **{directive["verb"]: tuple(directive["rest"].split())})
    return notebook


def _from_ipynb(path: Path) -> OracleNotebook:
    content = json.loads(path.read_text(encoding="utf-8"))
    cells = tuple(
        OracleCell(f"c{number}", source := "".join(cell["source"]), always=may_be_opaque(source))
        for number, cell in enumerate(content["cells"])
        if cell["cell_type"] == "code"
    )
    return OracleNotebook(path.stem, cells, published=True)


_OPAQUE = re.compile(
    r"(?m)^\s*(?:\w[\w, ]*=\s*)?(?:!|%%?(?!time|capture|prun|matplotlib|config|load_ext|reload_ext|autoreload)\w)"
    r"|^\s*\?{1,2}\w|[\w\])]\?{1,2}\s*$"
    r"|\b(?:exec|eval|globals|locals|vars|input|__import__|setattr|help)\("
    r"|\b(?:In|Out|_ih|_oh|_dh|_i+|_\d+|_)\b(?!\s*=[^=])"
    r"|\b(?:subprocess|sqlite3|socket|requests|urllib|urlopen|urlretrieve|get_ipython)\b"
)


def may_be_opaque(source: str) -> bool:
    """Does the text have something that no one can follow from outside: shell, magics, `eval`, history?"""
    return _OPAQUE.search(source) is not None


def tasked(notebook: OracleNotebook, *, style: str = "both") -> OracleNotebook:
    """The notebook with a task header, named after the cell, on every cell but the plain and the imports-only ones.

    `style` is "magic" (`%%task`), "comment" (`#| task:`), or "both": in turns. A cell that has a magic of
    its own keeps it below the header, where both spellings allow it.
    """
    cells = []
    for number, cell in enumerate(notebook.cells):
        if cell.plain or cell.is_task or is_set_up(cell.source):
            cells.append(cell)
            continue
        name = re.sub(r"\W", "_", cell.id)
        magic = style == "magic" or (style == "both" and number % 2 == 0) or _OTHER_MAGIC.match(cell.source)
        header = f"%%task {name}" if magic else f"#| task: {name}"
        cells.append(replace(cell, source=f"{header}\n{cell.source}"))
    return replace(notebook, cells=tuple(cells))


def is_set_up(source: str) -> bool:
    """Is this cell nothing but imports, set-up magics and comments?"""
    code = "\n".join("" if _SETUP.match(line) else line for line in source.splitlines())
    try:
        body = ast.parse(code).body
    except SyntaxError:
        return False
    return all(isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in body)


def edited(notebook: OracleNotebook, cell_id: str, old: str, new: str) -> OracleNotebook:
    """The notebook with `old` replaced by `new` in one cell."""
    return with_source(notebook, cell_id, notebook.cell(cell_id).source.replace(old, new))


def with_source(notebook: OracleNotebook, cell_id: str, source: str) -> OracleNotebook:
    """The notebook with another text of one cell."""
    return replace(
        notebook,
        cells=tuple(replace(cell, source=source) if cell.id == cell_id else cell for cell in notebook.cells),
    )


def reordered(notebook: OracleNotebook, order: tuple[str, ...]) -> OracleNotebook:
    """The notebook with its cells in another order; cells that are not named are deleted."""
    return replace(notebook, cells=tuple(notebook.cell(cell_id) for cell_id in order))


_NUMBER_CONSTANT = re.compile(r"(?<![\w.'\"#])(\d+)(?![\w.'\"])")


def some_edit(notebook: OracleNotebook) -> tuple[str, str, str] | None:
    """An edit for a notebook that names none: the first number assigned in the first half of its cells."""
    if notebook.edit is not None:
        return notebook.edit
    middle = [*notebook.cells[len(notebook.cells) // 3 :], *notebook.cells]
    for cell in middle:
        for line in cell.source.splitlines():
            assigned = re.match(r"^(\w+ *= *)(\d+)$", line)
            if assigned:
                return cell.id, line, f"{assigned[1]}{int(assigned[2]) + 1}"
    for cell in middle:
        found = _NUMBER_CONSTANT.search(cell.source)
        if found and not cell.source.lstrip().startswith(("%", "!")):
            start, end = found.span()
            return cell.id, cell.source, f"{cell.source[:start]}{int(found[1]) + 1}{cell.source[end:]}"
    return None
