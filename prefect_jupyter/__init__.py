"""Notebook cells that are tasks. This package root names what is public and must import nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

    from IPython.core.interactiveshell import InteractiveShell

    from .kernel.session import Session
    from .runtime import signals
    from .runtime.context import cancelled, context
    from .runtime.signals import FAIL, LOOP, PAUSE, RETRY, SKIP, SUCCESS, TRIGGERFAIL, VALIDATIONFAIL
    from .runtime.state_handlers import callback_factory, on_state

__version__ = "0.1.0"
__all__ = [
    "FAIL",
    "LOOP",
    "PAUSE",
    "RETRY",
    "SKIP",
    "SUCCESS",
    "TRIGGERFAIL",
    "VALIDATIONFAIL",
    "callback_factory",
    "cancelled",
    "context",
    "get_run_logger",
    "load_ipython_extension",
    "notebook",
    "on_state",
    "signals",
    "unload_ipython_extension",
]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are asked for, so that loading the extension stays cheap."""
    if name in ("cancelled", "context"):
        from .runtime import context

        return getattr(context, name)
    if name in ("callback_factory", "on_state"):
        from .runtime import state_handlers

        return getattr(state_handlers, name)
    if name in __all__:
        from .runtime import signals

        return signals if name == "signals" else getattr(signals, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def notebook() -> Session:
    """The session of this kernel's notebook. Raises `RuntimeError` before `%load_ext prefect_jupyter`."""
    from .kernel.loading import current

    return current()


def get_run_logger() -> logging.LoggerAdapter[logging.Logger]:
    """The logger of the task that runs now; its lines stand in the task's cell and are kept with the attempt.

    Raises `RuntimeError` before `%load_ext prefect_jupyter`.
    """
    return notebook().logger()


def load_ipython_extension(shell: InteractiveShell) -> None:
    from .kernel.loading import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    from .kernel.loading import unload

    unload(shell)


def _jupyter_labextension_paths() -> list[dict[str, Any]]:
    return [{"src": "_static/labextension", "dest": "prefect-jupyter"}]
