from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from prefect_jupyter.kernel.kernel_status import KernelStatus


class Kernel:
    """Keeps what is published, in order."""

    ident = "k1"
    iopub_socket = "iopub"

    def __init__(self) -> None:
        self.said: list[str] = []
        self.session = self

    def send(self, socket: str, kind: str, content: dict[str, Any], *, parent: object, ident: bytes) -> None:
        assert (socket, kind, parent, ident) == ("iopub", "status", "the command", b"kernel.k1.status")
        self.said.append(content["execution_state"])

    def get_parent(self) -> str:
        return "the command"


def handle(kernel: Kernel, answers: Iterator[bool]) -> list[str]:
    """What is said when a subshell handles one message, as ipykernel does: busy, the handler, idle."""

    async def dispatch() -> None:
        kernel.said.append("busy")
        KernelStatus(kernel, lambda: next(answers)).keep()
        kernel.said.append("idle")

    async def subshell() -> None:
        await dispatch()
        await asyncio.sleep(0)

    asyncio.run(subshell())
    return kernel.said


def test_busy_is_said_again_after_the_subshells_idle() -> None:
    assert handle(Kernel(), iter([True, True, True])) == ["busy", "idle", "busy"]


def test_an_idle_kernel_stays_idle() -> None:
    assert handle(Kernel(), iter([False])) == ["busy", "idle"]


def test_a_cell_that_ends_before_is_not_called_busy() -> None:
    assert handle(Kernel(), iter([True, False])) == ["busy", "idle"]


def test_a_cell_that_ends_in_between_leaves_the_kernel_idle() -> None:
    assert handle(Kernel(), iter([True, True, False])) == ["busy", "idle", "busy", "idle"]


def test_outside_of_a_loop_and_without_a_kernel_nothing_is_said() -> None:
    kernel = Kernel()
    KernelStatus(kernel, lambda: True).keep()
    KernelStatus(None, lambda: True).keep()

    assert kernel.said == []


def test_work_that_no_cell_asked_for_is_framed_by_busy_and_idle_that_answer_nobody() -> None:
    class Framed(Kernel):
        def send(self, socket: str, kind: str, content: dict[str, Any], *, parent: object, ident: bytes) -> None:
            assert parent == {}
            self.said.append(content["execution_state"])

    kernel = Framed()
    with KernelStatus(kernel, lambda: True).busy():
        assert kernel.said == ["busy"]
    assert kernel.said == ["busy", "idle"]
    with KernelStatus(None, lambda: True).busy():
        pass
