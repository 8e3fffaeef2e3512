"""What front ends are told of the kernel: busy or idle, also while subshells answer.

It must not decide whether the kernel is busy; the session knows.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class KernelStatus:
    """Says "busy" again after a subshell has said "idle" in the middle of a cell.

    ipykernel publishes busy and idle around each message of a subshell, and there is one status for the
    whole kernel: a click while a cell computes makes JupyterLab show an idle kernel, and a server that
    culls idle kernels may end it.
    """

    def __init__(self, kernel: Any, is_busy: Callable[[], bool]) -> None:
        self._kernel = kernel
        self._is_busy = is_busy

    def keep(self) -> None:
        """Call in the handler of a message: the kernel says idle when it has returned, and then this speaks."""
        if self._kernel is None or not self._is_busy():
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        loop.call_soon(self._speak)

    def _speak(self) -> None:
        if not self._is_busy():
            return
        self._publish("busy")
        # The cell may have ended, and the kernel have said idle, just before that "busy" was sent.
        if not self._is_busy():
            self._publish("idle")

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Pages see a busy kernel for this time, as they do while a cell runs."""
        self._publish("busy", {})  # a status that answers a comm message says nothing to a page
        try:
            yield
        finally:
            self._publish("idle", {})

    def _publish(self, state: str, parent: Any = None) -> None:
        kernel = self._kernel
        if kernel is None:
            return
        kernel.session.send(
            kernel.iopub_socket,
            "status",
            {"execution_state": state},
            parent=kernel.get_parent() if parent is None else parent,
            ident=f"kernel.{kernel.ident}.status".encode(),
        )
