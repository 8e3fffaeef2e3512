"""The destinations that a user has configured: a name for each address.

It must not take addresses from a notebook: whoever opens somebody else's notebook would write to them.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PREFIX = "PREFECT_JUPYTER_NOTIFY_"
"""`PREFECT_JUPYTER_NOTIFY_TEAM=slack://…` is the destination `team`."""
_LINE = re.compile(r"(?P<name>[\w-]+)\s*=\s*(?P<address>\S.*)")


@dataclass(frozen=True, slots=True)
class Destination:
    """`address` is a secret, an address as apprise writes them; `source` says where it is configured."""

    name: str
    address: str
    source: str

    def __repr__(self) -> str:
        return f"Destination({self.name!r}, from {self.source})"


def config_file(environment: Mapping[str, str]) -> Path:
    """A line for each destination: `name = address`."""
    if sys.platform == "win32":
        base = environment.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    else:
        base = environment.get("XDG_CONFIG_HOME") or os.path.join(environment.get("HOME", "/nonexistent"), ".config")
    return Path(base) / "prefect_jupyter" / "notifiers"


def destinations(environment: Mapping[str, str]) -> dict[str, Destination]:
    """By name, in lower case. A variable goes before the line in the file."""
    found: dict[str, Destination] = {}
    file = config_file(environment)
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    for line in lines:
        if match := _LINE.fullmatch(line.strip()):
            found[match["name"].lower()] = Destination(match["name"].lower(), match["address"], str(file))
    for variable, address in environment.items():
        if variable.startswith(PREFIX) and address:
            name = variable.removeprefix(PREFIX).lower()
            found[name] = Destination(name, address, variable)
    return found
