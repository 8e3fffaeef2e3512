"""`%load_ext prefect_jupyter`: starts the session of this kernel, and ends it.

It must not be imported before a shell is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from IPython.core.interactiveshell import InteractiveShell

from .magics import Magics
from .session import Session
from .settings import Flow


@dataclass(slots=True)
class _Loaded:
    session: Session
    magics: Magics


_loaded: list[_Loaded] = []


def current() -> Session:
    if not _loaded:
        raise RuntimeError("prefect_jupyter is not loaded in this kernel: run `%load_ext prefect_jupyter` first.")
    return _loaded[0].session


def load(shell: InteractiveShell) -> None:
    if _loaded:
        return
    settings = Flow(parent=shell)
    session = Session(shell, settings)
    magics = Magics(session)
    session.start()
    magics.register()
    shell.configurables.append(settings)  # type: ignore[arg-type]  # any Configurable; that is how `%config` finds it
    _loaded.append(_Loaded(session, magics))


def unload(shell: InteractiveShell) -> None:
    while _loaded:
        loaded = _loaded.pop()
        loaded.magics.unregister()
        loaded.session.stop()
        shell.configurables.remove(loaded.session.settings)  # type: ignore[arg-type]
