"""Notebook cells that are tasks. This package root names what is public and must import nothing heavy."""

from __future__ import annotations

__version__ = "0.1.0"


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "_static/labextension", "dest": "prefect-jupyter"}]
