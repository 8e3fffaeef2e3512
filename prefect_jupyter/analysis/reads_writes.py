"""One cell's text becomes a `Cell`: what it reads, writes, changes and defines, and what is wrong with it.

It never raises: what it cannot understand becomes a problem of the cell. It must not run the cell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from ..core.cells import Cell, Problem
from ..core.tasks import TaskOptions
from .digest import digest_of
from .directives import Header, header_problems, parse_options, read_header
from .flow import names_of
from .names import Names
from .options import names_in, normalised
from .parsing import NotPythonError, check, parse
from .statements import suppressed

_TOO_DEEP = "the code is nested too deeply to be analysed"
_CHARACTERS_MAX = 2_000_000


class Unreadable(tuple[str, "int | None", bool]):
    """Why a text could not be made Python, and where: the fields of a `Problem`."""

    __slots__ = ()


def analyse(cell_id: str, source: str, transform: Callable[[str], str]) -> Cell:
    """The static reading of a cell. `transform` makes Python of a cell's text, as IPython's `transform_cell` does.

    Equal texts are analysed once. Reads include builtins: whether a cell above shadows them is for the graph to
    know. Names of the last inputs and outputs (`_`, `_12`, `In`) are no reads; they make a cell run always.
    """
    if len(source) > _CHARACTERS_MAX:
        message = f"the cell has {len(source):,} characters: at most {_CHARACTERS_MAX:,} are analysed"
        return Cell(id=cell_id, source=source, reads_everything=True, problems=(Problem(message),))
    header = read_header(source)
    code = source if header is None else header.body
    if "\n" in code.strip():
        return replace(_read(source, transform, None), id=cell_id)
    # What a single line means depends on which magics and names there are at the moment: `ls`, `f x`.
    transformed = _transformed(code, transform)
    return replace(_read(source, transform, transformed), id=cell_id)


@lru_cache(maxsize=1024)
def _read(source: str, transform: Callable[[str], str], transformed: str | Unreadable | None) -> Cell:
    header = read_header(source)
    code = source if header is None else header.body
    options, problems = _options(header)
    problems += header_problems(source, header)
    cell = Cell(id="", source=source, options=options)
    if transformed is None:
        transformed = _transformed(code, transform)
    if isinstance(transformed, Unreadable):
        return replace(cell, problems=(*problems, _unreadable(*transformed)))
    offset = _blank_lines(code) - _blank_lines(transformed)
    try:
        tree = parse(transformed)
        names = names_of(tree, transform)
        digest = digest_of(
            tree, transformed, wrapped=names.wrapped, suppressed=suppressed(code), declared=_declared(options)
        )
        check(tree)
    except NotPythonError as error:
        line = None if error.line is None else error.line + offset
        return replace(cell, problems=(*problems, _unreadable(str(error), line, error.is_syntax)))
    except RecursionError:  # the cell may run all the same
        return replace(cell, reads_everything=True, problems=(*problems, Problem(_TOO_DEEP)))
    problems += tuple(
        replace(problem, line=None if problem.line is None else problem.line + offset) for problem in names.problems
    )
    if header is not None and not tree.body:
        problems += (Problem("cell has a header but no code: write the task's code under it", header.line),)
    return _cell(cell, names, digest, problems)


def _transformed(code: str, transform: Callable[[str], str]) -> str | Unreadable:
    try:
        return transform(code)
    except SyntaxError as error:
        return Unreadable((error.msg, error.lineno, True))
    except RecursionError:
        return Unreadable((_TOO_DEEP, None, False))
    except Exception as error:  # a transformer is anyone's code
        return Unreadable((f"the cell cannot be read: {str(error) or type(error).__name__}", None, False))


def _unreadable(message: str, line: int | None, is_syntax: bool = False) -> Problem:
    """What Python says of a text says nothing without its line."""
    return Problem(message if line is None else f"line {line}: {message}", line, is_syntax)


def _options(header: Header | None) -> tuple[TaskOptions | None, tuple[Problem, ...]]:
    if header is None:
        return None, ()
    options, problems = parse_options(header.text)
    return options, tuple(replace(problem, line=header.line) for problem in problems)


def _declared(options: TaskOptions | None) -> tuple[tuple[str, tuple[str, ...] | None], ...]:
    """The options that change what a cell makes, in an order that does not depend on how they are written."""
    if options is None:
        return ()
    seed = None if options.seed is None else (str(options.seed),)
    values = (
        ("inputs", options.inputs),
        ("outputs", options.outputs),
        ("files", options.files or None),
        ("env", options.env or None),
        ("seed", seed),
        ("writes", options.writes or None),
    )
    declared = tuple((name, None if value is None else tuple(sorted(value))) for name, value in values)
    when = () if options.when is None else (("when", (normalised(options.when),)),)
    maps = tuple(("map", (*mapping.names, "in", normalised(mapping.expression))) for mapping in options.maps)
    return declared + when + maps


def _cell(cell: Cell, names: Names, digest: str, problems: tuple[Problem, ...]) -> Cell:
    reads, writes, visible = names.reads, names.writes, names.visible
    always, reads_everything = names.always, names.reads_everything
    options = cell.options
    if options is not None and options.inputs is not None:
        reads = reads | set(options.inputs)
        reads_everything = False
    if options is not None and options.outputs is not None:
        visible = set(options.outputs)
        writes = writes | visible
    if options is not None and (options.inputs is not None or options.outputs is not None):
        # Who declares what a command reads or makes answers for it; nobody can for a keyboard or a history.
        always = [reason for reason in always if reason.startswith(("`input", "`getpass", "history"))]
    body_reads = {*reads, *names.maybe, *(name for late in names.late.values() for name in late)}
    mapped_over: frozenset[str] = frozenset()
    if options is not None:
        asked = [options.when or "None", *(mapping.expression for mapping in options.maps)]
        reads = set(reads).union(*map(names_in, asked)) - options.item_names
        mapped_over = frozenset().union(*map(names_in, asked[1:])) - body_reads
    items = frozenset() if options is None else options.item_names
    return replace(
        cell,
        digest=digest,
        reads=frozenset(reads),
        late=MappingProxyType({name: frozenset(late) for name, late in names.late.items()}),
        writes=frozenset(writes) - items,
        hidden=frozenset(writes - visible) - items,
        in_place=frozenset(names.in_place) - items,
        deletes=frozenset(names.deletes),
        definitions=frozenset(names.definitions),
        maybe=frozenset(names.maybe),
        words=names.words,
        evaluating=frozenset(names.evaluating),
        mapped_over=mapped_over,
        reads_everything=reads_everything,
        always=tuple(always),
        problems=problems,
    )


def _blank_lines(text: str) -> int:
    """How many blank lines a text begins with: the transformation drops them."""
    return text[: len(text) - len(text.lstrip())].count("\n")
