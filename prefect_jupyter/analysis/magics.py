"""What IPython's magics and shell commands do to names, read from the calls that IPython makes of them.

It is a few tables and their reading; it must not run or import IPython.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

SETUP_MAGICS = frozenset(
    (
        "aimport", "autoreload", "colors", "config", "env", "load_ext", "matplotlib", "precision", "pylab",
        "reload_ext", "set_env", "xmode",
    )
)  # fmt: skip
"""Line magics that set the session up: they run again wherever a cell is answered from the store."""

TRANSPARENT_MAGICS = frozenset(("capture", "lprun", "memit", "mprun", "prun", "time", "timeit"))
"""Magics around code: what the code reads and binds is what the cell reads and binds."""

DISPLAY_MAGICS = frozenset(("html", "javascript", "js", "latex", "markdown", "svg"))
"""Cell magics that show their text and do nothing else."""

TASKS_MAGIC = "flow"
"""Its words are names of tasks, which a cell that asks about them does not read: asking runs nothing."""

WRITING_MAGICS = frozenset(("file", "writefile"))
"""Cell magics that write their text into a file as it stands."""

LOCAL_MAGICS = frozenset(("timeit", "memit", "mprun"))
"""Transparent magics whose code runs in a function: what it binds is gone afterwards."""

_HISTORY = re.compile(r"_{1,3}|_\d+|_i{1,3}|_i\d+|In|Out|_[ido]h")
_CALLS = frozenset(("run_line_magic", "run_cell_magic", "system", "getoutput", "magic"))
_HELP = frozenset(("pinfo", "pinfo2", "pdoc", "psource", "pdef", "pfile"))
_OPTIONS_WITH_VALUES = {
    "timeit": "nrp",
    "prun": "lsTD",
    "memit": "rtio",
    "mprun": "fT",
    "lprun": "fmDTsuz",
}
_OPTION = re.compile(r"\s*(--?)([A-Za-z][\w-]*)(=\S*)?(?=\s|$)")
_VALUE = re.compile(r"\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Magic:
    """One magic or shell command. `body` is the text under a cell magic, None for the other kinds."""

    kind: Literal["line", "cell", "shell"]
    name: str
    arguments: str
    body: str | None = None

    @property
    def spelling(self) -> str:
        if self.kind == "shell":
            return "shell commands"
        if self.name in _HELP:
            return "help (`?`)"
        return f"`{'%%' if self.kind == 'cell' else '%'}{self.name}`"


def read_magic(call: ast.Call) -> Magic | None:
    """The magic that a call stands for, or None. A magic whose name is computed has the name `""`."""
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr not in _CALLS:
        return None
    receiver = function.value
    is_shell = (
        isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name) and (receiver.func.id == "get_ipython")
    )
    if function.attr in ("system", "getoutput", "magic") and not is_shell:
        return None
    texts = [argument.value if isinstance(argument, ast.Constant) else None for argument in call.args]
    words = [text if isinstance(text, str) else "" for text in texts] + ["", "", ""]
    if function.attr in ("system", "getoutput"):
        return Magic("shell", function.attr, words[0])
    if function.attr == "magic":
        name, _, arguments = words[0].partition(" ")
        return Magic("line", name.lstrip("%"), arguments)
    if function.attr == "run_line_magic":
        return Magic("line", words[0], words[1])
    return Magic("cell", words[0], words[1], words[2])


def code_of(magic: Magic) -> str:
    """The code that a transparent magic runs."""
    code = "" if magic.name == "capture" else strip_options(magic).lstrip()
    # The line beside `%%timeit` is its set-up; beside other cell magics there are options only.
    return "\n".join(part for part in (code, magic.body) if part and part.strip())


def heading_of(magic: Magic) -> str:
    """The magic and its options, without the code beside them."""
    code = "" if magic.name == "capture" else strip_options(magic)
    options = magic.arguments[: len(magic.arguments) - len(code)]
    return f"{magic.kind} {magic.name} {options.split()} {bool(code.strip())}"


def captured_name(magic: Magic) -> str:
    """The name that `%%capture` binds, "" when it binds none."""
    name = strip_options(magic).strip()
    return name if magic.name == "capture" and name.isidentifier() else ""


def strip_options(magic: Magic) -> str:
    """The arguments of a transparent magic behind its options."""
    with_values = _OPTIONS_WITH_VALUES.get(magic.name, "")
    text = magic.arguments
    position = 0
    while match := _OPTION.match(text, position):
        dashes, name, attached = match[1], match[2], match[3]
        if dashes == "-" and magic.name == "time":
            break  # `%time -x` negates x.
        position = match.end()
        if dashes == "-" and len(name) == 1 and name in with_values and attached is None:
            value = _VALUE.match(text, position)
            position = value.end() if value else position
    return text[position:]


def is_history(name: str) -> bool:
    """Does IPython keep the last inputs and outputs under this name?"""
    return _HISTORY.fullmatch(name) is not None
