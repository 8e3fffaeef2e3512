"""An interrupt stops the code of the task that runs, and nothing else."""

from __future__ import annotations

import signal
import threading
import traceback

import pytest

from prefect_jupyter.kernel.interrupts import Interrupts


def strike() -> None:
    """The signal is handled before this returns: the main thread sends it to itself."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def test_the_traceback_of_an_interrupted_task_ends_in_its_own_code() -> None:
    interrupts = Interrupts(on_stray=lambda: None)
    with interrupts.held(), pytest.raises(KeyboardInterrupt) as caught, interrupts.body("slow", awaits=False):
        strike()
    assert [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)][-1] == "strike"


def test_between_two_tasks_nothing_is_raised() -> None:
    strays: list[str] = []
    interrupts = Interrupts(on_stray=lambda: strays.append("stray"))
    before = signal.getsignal(signal.SIGINT)
    with interrupts.held():
        with interrupts.body("first", awaits=False):
            pass
        strike()
    assert strays == ["stray"]
    assert signal.getsignal(signal.SIGINT) is before


def test_a_task_that_had_another_one_run_is_still_the_one_that_can_be_stopped() -> None:
    interrupts = Interrupts(on_stray=lambda: None)
    with interrupts.held(), interrupts.body("outer", awaits=False):
        with interrupts.body("inner", awaits=False):
            assert not interrupts.stop("outer")
        with pytest.raises(KeyboardInterrupt):
            interrupts.stop("outer")
