"""The header that makes a cell a task: finding it, splitting it into words, parsing, completing and explaining it.

It must not expand `{x}` or `$x`, and never raises on what a person typed: it returns problems.
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass
from typing import Literal

from ..core.cells import Problem
from ..core.tasks import Mapping, Retry, TaskOptions
from .options import BY_FLAG, OPTIONS, Option, RefusedError, nearest_option, refuse_name, unknown_option

Spelling = Literal["%%task", "#| task:"]

_MAGIC = re.compile(r"[ \t]*%%task(?:[ \t]+(.*?))?[ \t\r]*")
_COMMENT = re.compile(r"[ \t]*#[ \t]*\|[ \t]*task[ \t]*:(.*?)[ \t\r]*")
_BLANK_OR_COMMENT = re.compile(r"[ \t\r\f]*(#.*)?", re.DOTALL)
_ANY_HEADER = re.compile(r"^(?:%%task(?=\s|$)|#[ \t]*\|[ \t]*task[ \t]*:)", re.MULTILINE)
_CELL_MAGIC = re.compile(r"%%(\w+)")
_TRANSPARENT_CELL_MAGICS = ("time", "timeit", "capture", "prun", "memit")


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it stands. `text` is what follows the spelling; `line` counts from 1.

    `body` is the code; every line has in it the number that it has in the editor.
    """

    spelling: Spelling
    text: str
    line: int
    body: str


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start: int
    end: int
    closed: bool = True
    quoted: bool = False


def read_header(source: str) -> Header | None:
    """The header of a cell, or None for a plain cell."""
    if "task" not in source:
        return None
    start, line = 0, 1
    only_blank = True
    while start <= len(source):
        end = source.find("\n", start)
        end = len(source) if end < 0 else end
        text = source[start:end]
        if only_blank and (match := _MAGIC.fullmatch(text)):
            return Header("%%task", match[1] or "", line, source[:start] + source[end:])
        if match := _COMMENT.fullmatch(text):
            return Header("#| task:", match[1].strip(), line, source)
        if not _BLANK_OR_COMMENT.fullmatch(text):
            return None
        only_blank = only_blank and not text.strip()
        start, line = end + 1, line + 1
    return None


def header_problems(source: str, header: Header | None) -> tuple[Problem, ...]:
    """What is wrong with the places of headers in a cell: a second one, one that is not at the top."""
    if "task" not in source:
        return ()
    lines = _header_lines(source, header)
    if header is None:
        return tuple(
            Problem(f"`%%task` must be the first line of its cell: move it above line {line}, or split the cell", line)
            for line in lines[:1]
        )
    others = [line for line in lines if line != header.line]
    if others:
        first, second = sorted((header.line, others[0]))
        return (Problem(f"two headers in one cell (lines {first} and {second}): split the cell here", second),)
    if header.spelling == "#| task:":
        magic = _misplaced_cell_magic(source, header)
        if magic:
            return (magic,)
    return ()


def _header_lines(source: str, header: Header | None) -> list[int]:
    """Lines that are headers in code, not in strings nor in the body of another language's cell."""
    found = [source.count("\n", 0, match.start()) + 1 for match in _ANY_HEADER.finditer(source)]
    if header is None:
        found = [line for line in found if source.split("\n")[line - 1].startswith("%%task")]
    if not found or (header is not None and found == [header.line]):
        return found
    body = (header.body if header is not None else source).lstrip()
    magic = _CELL_MAGIC.match(body)
    if magic and magic[1] not in _TRANSPARENT_CELL_MAGICS and magic[1] != "task":
        return [header.line] if header is not None else []
    inside = _lines_inside_strings(source)
    return [line for line in found if line not in inside]


def _lines_inside_strings(source: str) -> set[int]:
    """Lines that begin inside a string. What follows text that cannot be split into tokens counts as code."""
    blanked = re.sub(r"(?m)^%.*$", "", source) if '"""' not in source and "'''" not in source else source
    inside: set[int] = set()
    opened: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(blanked).readline):
            name = tokenize.tok_name[token.type]
            if name == "STRING":
                inside.update(range(token.start[0] + 1, token.end[0] + 1))
            elif name in ("FSTRING_START", "TSTRING_START"):
                opened.append(token.start[0])
            elif name in ("FSTRING_END", "TSTRING_END"):
                inside.update(range(opened.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError, UnicodeError, ValueError):
        pass
    return inside


def _misplaced_cell_magic(source: str, header: Header) -> Problem | None:
    for number, text in enumerate(source.split("\n"), 1):
        magic = _CELL_MAGIC.match(text)
        if magic:
            written = f"%%task {header.text}".strip()
            message = f"`%%{magic[1]}` cannot follow `#| task:`: write `{written}` as the first line instead"
            return Problem(message, number)
        if not _BLANK_OR_COMMENT.fullmatch(text):
            return None
    return None


def parse_options(text: str) -> tuple[TaskOptions, tuple[Problem, ...]]:
    """The options in a header's text, and what is wrong with it. What is wrong is left at its default."""
    values: dict[str, object] = {}
    used: dict[str, str] = {}
    problems: list[str] = []
    words = _split(text)
    if words and not words[-1].closed:
        return TaskOptions(), (Problem(f"unclosed quote in the header: `{text[words[-1].start :]}`"),)
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word.quoted or not word.text.startswith("-"):
            _take_name(word.text, used, values, problems)
            continue
        flag, equals, attached = word.text.partition("=")
        option = BY_FLAG.get(flag)
        value: str | None = attached if equals else None
        meant = option or nearest_option(flag)
        takes_value = meant is not None and meant.metavar is not None and not equals
        if takes_value and position < len(words) and not _is_flag(words[position]):
            value = words[position].text
            position += 1
        if meant is not None and meant.field == "maps" and value is not None:
            value, position = _whole_mapping(value, words, position)
        if option is None:
            problems.append(unknown_option(flag))
        else:
            _take_option(option, flag, value, used, values, problems)
    _check_together(values, problems)
    return _assemble(values), tuple(Problem(message) for message in problems)


def _whole_mapping(value: str, words: list[_Word], position: int) -> tuple[str, int]:
    """`--map a, b in pairs` is one value, although it is several words."""
    ends = next((at for at in range(position, len(words)) if words[at].text == "in"), len(words))
    if re.search(r"\sin\s", value) or any(_is_flag(word) for word in words[position:ends]) or ends + 1 >= len(words):
        return value, position
    return " ".join([value, *(word.text for word in words[position : ends + 2])]), ends + 2


def _is_flag(word: _Word) -> bool:
    """A negative number is a value, so that its option can say what it accepts."""
    return not word.quoted and bool(re.match(r"--?[^\W\d]", word.text))


def _take_name(text: str, used: dict[str, str], values: dict[str, object], problems: list[str]) -> None:
    if "name" in used:
        problems.append(f"two names, `{used['name']}` and `{text}`: a task has one; values belong after their option")
        return
    used["name"] = text
    reason = refuse_name(text)
    if reason:
        problems.append(reason)
    else:
        values["name"] = text


def _take_option(
    option: Option, flag: str, value: str | None, used: dict[str, str], values: dict[str, object], problems: list[str]
) -> None:
    before = used.get(option.field)
    if before is not None and not option.repeatable:
        same = BY_FLAG[before] is option
        problems.append(
            f"`{flag}` is given twice: keep one of them" if same else f"`{before}` and `{flag}` exclude each other"
        )
        return
    used[option.field] = flag
    if option.metavar is None:
        if value is not None:
            problems.append(f"`{flag}` takes no value: write `{flag}` alone")
        else:
            values[option.field] = option.constant
        return
    if not value:
        problems.append(f"`{flag}` needs a value: write `{flag} {option.metavar}`")
        return
    try:
        parsed = option.parse(value)
        if option.repeatable and parsed in _collected(values, option.field):
            raise RefusedError(f"`{value}` is there twice: write it once")
        values[option.field] = (*_collected(values, option.field), parsed) if option.repeatable else parsed
    except RefusedError as refused:
        problems.append(f"`{flag}`: {refused}")


def _collected(values: dict[str, object], field: str) -> tuple[object, ...]:
    collected = values.get(field, ())
    return collected if isinstance(collected, tuple) else ()


_NEED_RETRIES = {"retry_delay": "--retry-delay", "jitter": "--jitter", "backoff": "--backoff", "retry_on": "--retry-on"}


def _check_together(values: dict[str, object], problems: list[str]) -> None:
    if not values.get("retries") and not any("`--retries`" in text for text in problems):
        problems += [
            f"`{flag}` does nothing without retries: add `--retries 3`"
            for field, flag in _NEED_RETRIES.items()
            if field in values
        ]
    names = [name for mapping in _collected(values, "maps") if isinstance(mapping, Mapping) for name in mapping.names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        problems.append(f"`--map` binds `{twice}` twice: choose another name for one of them")


def _assemble(values: dict[str, object]) -> TaskOptions:
    given = dict(values)
    retry: dict[str, object] = {}
    if "retries" in given:
        retry["retries"] = given.pop("retries")
    for field, name in (("retry_delay", "delays_s"), ("retry_on", "only_on"), ("backoff",) * 2, ("jitter",) * 2):
        if field in given:
            retry[name] = given.pop(field)
    return TaskOptions(retry=Retry(**retry), **given)  # type: ignore[arg-type]


def _split(text: str) -> list[_Word]:
    """Words separated by blanks; quotes keep blanks together; a word that begins with `#` begins a comment."""
    words: list[_Word] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        if text[position] == "#":
            break
        word = _word_at(text, position)
        words.append(word)
        position = word.end
    return words


def _word_at(text: str, start: int) -> _Word:
    letters: list[str] = []
    quote = ""
    quoted = text[start] in "'\""
    position = start
    while position < len(text):
        letter = text[position]
        if quote:
            if letter == quote:
                quote = ""
            else:
                letters.append(letter)
        elif letter in "'\"":
            quote = letter
        elif letter.isspace():
            break
        else:
            letters.append(letter)
        position += 1
    return _Word("".join(letters), start, position, closed=not quote, quoted=quoted)


def complete(text: str, cursor: int) -> list[str]:
    """Whole words that can stand at the cursor in a header's text; they replace the word that ends there."""
    words = _split(text[:cursor])
    current = words.pop() if words and words[-1].end == cursor else _Word("", cursor, cursor)
    flag, equals, typed = current.text.partition("=")
    if equals:
        option = BY_FLAG.get(flag)
        return [f"{flag}={choice}" for choice in option.choices if choice.startswith(typed)] if option else []
    before = BY_FLAG.get(words[-1].text) if words else None
    if before is not None and before.metavar is not None:
        return [choice for choice in before.choices if choice.startswith(current.text)]
    if current.text and not current.text.startswith("-"):
        return []
    others = words + [word for word in _split(text[cursor:]) if word.text]
    used = {BY_FLAG[name].field for word in others if (name := word.text.partition("=")[0]) in BY_FLAG}
    used -= {option.field for option in OPTIONS if option.repeatable}
    return [
        name
        for option in OPTIONS
        if option.field not in used
        for name in option.flags
        if name.startswith(current.text) and (name.startswith("--") or current.text == "-")
    ]


def describe() -> str:
    """What `%%task?` prints."""
    rows = [(", ".join(option.flags) + (f" {option.metavar}" if option.metavar else ""), option) for option in OPTIONS]
    width = max(len(left) for left, _ in rows) + 2
    lines = [
        "%%task [NAME] [OPTIONS]        (or, as plain Python: #| task: [NAME] [OPTIONS])",
        "",
        "Makes the cell a task. NAME is made of letters, digits, `_`, `-`, `.` and `·`;",
        "without it the first output names the task.",
        "",
    ]
    for left, option in rows:
        lines.append(f"  {left:<{width}}{option.help}")
        if option.field == "trigger":
            lines.append(f"  {'':<{width}}({', '.join(option.choices)})")
    lines += ["", "Durations: 250ms 10s 5m 2h 1d. `{x}` and `$x` are not expanded in a header."]
    return "\n".join(lines)
