"""Follows the workspace's modules: what was loaded anew makes other versions of the names that reach its code.

It must not reload anything by itself; autoreload is only asked to do what it would do a moment later.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
from dataclasses import replace
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..runtime.fingerprints import Fingerprinter
from ..runtime.workspace import Workspace
from .standing import Standing
from .user_namespace import UserNamespace
from .versions import NOTHING, Version, Versions

_AUTORELOAD = "IPython.extensions.autoreload"


class Reloading:
    """What one session knows of the code in its workspace. To be used on the main thread only."""

    def __init__(
        self, shell: InteractiveShell, workspace: Workspace, namespace: UserNamespace, versions: Versions,
        standing: Standing,
    ) -> None:  # fmt: skip
        self._shell = shell
        self._workspace = workspace
        self._namespace = namespace
        self._versions = versions
        self._standing = standing

    def before_a_cell(self) -> None:
        """Lets autoreload reload now, not when IPython begins the cell: what is in the store is asked for before."""
        for callback in list(self._shell.events.callbacks.get("pre_run_cell", ())):
            if getattr(callback, "__module__", None) == _AUTORELOAD:
                with contextlib.suppress(Exception):
                    callback(None)
        self.observe()

    def observe(self) -> None:
        """Takes in what was imported and reloaded since it was last called."""
        again = self._workspace.observe()
        if not again:
            return
        fingerprinter = Fingerprinter(self._namespace.values, {})
        for cell, made in list(self._versions.made.items()):
            for version in list(made.values()):
                if any(source.partition(":")[0] in again for source in version.sources):
                    self._renew(cell, version, again, fingerprinter)
        self._standing.forget_all()

    def _renew(self, cell: str, version: Version, again: frozenset[str], fingerprinter: Fingerprinter) -> None:
        value = self._namespace.value_of(version)
        if value is NOTHING or version.fingerprint is None or version.fingerprint.startswith(("prov:", "plain:")):
            return
        taken = fingerprinter.own(value)
        if taken.digest != version.fingerprint:
            renewed = replace(version, fingerprint=taken.digest, sources=taken.sources, storage=taken.storage)
            self._namespace.renew(version, renewed)
            self._standing.remembered.reloaded(version, renewed, value)
            self._standing.code_renewed(cell, renewed)
        outdated = _outdated(value, again, fingerprinter)
        if outdated:
            trouble = f"ran before {outdated} was reloaded: its `{version.name}` is the old one"
            self._standing.leave_behind(cell, trouble)


def _outdated(value: object, again: frozenset[str], fingerprinter: Fingerprinter) -> str:
    """The file of a reloaded module that has another function or class now where `value` was taken from, else ""."""
    if not isinstance(value, (types.FunctionType, type)) or value.__module__ not in again or "<" in value.__qualname__:
        return ""
    module: Any = sys.modules.get(value.__module__)
    now = module
    for part in value.__qualname__.split("."):
        now = getattr(now, part, None)
    if now is value or (now is not None and fingerprinter.own(now).digest == fingerprinter.own(value).digest):
        return ""
    return os.path.basename(getattr(module, "__file__", None) or value.__module__)
