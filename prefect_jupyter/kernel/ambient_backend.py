"""With what matplotlib draws: its backend, whether it is interactive, and whether figures are shown below each cell.

It must not import matplotlib: as long as it is not loaded, there is no backend.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import Any

# As in every new kernel, which says so in its environment.
USUAL = {"backend": "module://matplotlib_inline.backend_inline", "interactive": True, "flush": True}


def read_backend() -> dict[str, Any] | None:
    """What comes with the first figure, as soon as there is one, counts as being there from the beginning."""
    params: Any = getattr(sys.modules.get("matplotlib"), "rcParams", None)
    name = None if params is None else dict.get(params, "backend")
    if not isinstance(name, str):  # not chosen yet
        return None
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    flush = getattr(inline, "flush_figures", None)
    shell = _shell()
    return {
        "backend": name,
        "interactive": inline is None or bool(dict.get(params, "interactive")),
        "flush": flush is None or shell is None or flush in shell.events.callbacks["post_execute"],
    }


def update_backend(changed: Mapping[str, Any], _deleted: tuple[str, ...]) -> None:
    if "backend" in changed:
        _switch(changed["backend"])
    if "interactive" in changed:
        dict.__setitem__(sys.modules["matplotlib"].rcParams, "interactive", changed["interactive"])
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    shell = _shell()
    if "flush" not in changed or inline is None or shell is None:
        return
    is_registered = inline.flush_figures in shell.events.callbacks["post_execute"]
    if changed["flush"] and not is_registered:
        shell.events.register("post_execute", inline.flush_figures)
    elif is_registered and not changed["flush"]:
        shell.events.unregister("post_execute", inline.flush_figures)


def _switch(name: str) -> None:
    params = sys.modules["matplotlib"].rcParams
    if dict.get(params, "backend") == name:
        return
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        with contextlib.suppress(ImportError):  # its windows cannot be had here
            pyplot.switch_backend(name)
    # The spelling counts too: it is what `get_backend` tells.
    dict.__setitem__(params, "backend", name)


def _shell() -> Any:
    interactive = sys.modules.get("IPython.core.interactiveshell")
    known = getattr(interactive, "InteractiveShell", None)
    return known._instance if known is not None and known.initialized() else None
