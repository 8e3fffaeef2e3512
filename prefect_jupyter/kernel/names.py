"""Which names of a namespace are the author's own.

It must not look at values.
"""

from __future__ import annotations

import re

_HISTORY = re.compile(r"_+$|_i+$|_i?\d+$|_[iod]h$")
_SHELL_NAMES = frozenset({"In", "Out", "exit", "quit", "get_ipython", "open"})


def is_notebook_name(name: str) -> bool:
    """Whether `name` belongs to the notebook's author, not to Python or the shell."""
    is_python_s = name.startswith("__") and name.endswith("__")
    return not (is_python_s or name in _SHELL_NAMES or is_pseudo(name) or _HISTORY.match(name))


def is_pseudo(name: str) -> bool:
    """Whether this is no name at all, but a file (`file:…`) or process-wide state (`@…`) that is versioned like one."""
    return name.startswith(("@", "file:"))
