"""Functions that are told of every move of a task's state, and may end an attempt otherwise than it did.

It must not know how tasks run; who calls it tells it what happened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, overload

from ..core.states import FAILED, FINISHED, SUCCESSFUL, State
from .signals import FAIL, PrefectStateSignal


@dataclass(frozen=True, slots=True)
class TaskState:
    """One state as handlers see it: its name in Prefect's words, a line about it, and the exception, if any."""

    name: str
    message: str = ""
    error: BaseException | None = field(default=None, compare=False)

    def is_finished(self) -> bool:
        return State[self.name] in FINISHED

    def is_successful(self) -> bool:
        return State[self.name] in SUCCESSFUL

    def is_failed(self) -> bool:
        return State[self.name] in FAILED

    def is_running(self) -> bool:
        return State[self.name] is State.Running

    def is_skipped(self) -> bool:
        return State[self.name] is State.Skipped

    def is_retrying(self) -> bool:
        return State[self.name] is State.Retrying

    def is_paused(self) -> bool:
        return State[self.name] is State.Paused


Handler: TypeAlias = "Callable[[str, TaskState, TaskState], object]"
Listener: TypeAlias = "Callable[[str, TaskState], object]"


@dataclass(frozen=True, slots=True)
class _Registered:
    call: Handler
    names: frozenset[str]

    def wants(self, new: TaskState) -> bool:
        return not self.names or new.name in self.names


_registered: dict[str, _Registered] = {}


@overload
def on_state(handler: Handler, /) -> Handler: ...
@overload
def on_state(*names: str) -> Callable[[Handler], Handler]: ...
def on_state(*arguments: Any) -> Any:
    """Have a function called as `handler(task, old, new)` when a task's state moves: its name, and two `TaskState`.

    `@on_state` is for all states, `@on_state("Failed", "TimedOut")` for moves to these. Defining a function of the
    same name again replaces it. What a handler returns counts when an attempt ends: a signal, such as
    `SKIP("no data today")`, `FAIL("no rows")` or `SUCCESS(result=0)`, ends it as if the body had raised that.
    Everything else is ignored. An unknown state: ValueError.
    """
    if len(arguments) == 1 and callable(arguments[0]):
        return _register(arguments[0], ())
    known = {state.name for state in State}
    for name in arguments:
        if name not in known:
            raise ValueError(f"There is no state {name!r}. States: {', '.join(sorted(known))}.")
    return lambda handler: _register(handler, arguments)


def callback_factory(function: Listener, check: Callable[[TaskState], bool] = lambda state: True) -> Handler:
    """A handler that calls `function(task, new)` for the states that `check` accepts.

    Register it with `on_state(callback_factory(function, check))`.
    """

    def handler(task: str, _old: TaskState, new: TaskState) -> None:
        if check(new):
            function(task, new)

    handler.__qualname__ = f"callback_factory({getattr(function, '__qualname__', repr(function))})"
    return handler


def _register(handler: Handler, names: tuple[str, ...]) -> Handler:
    _registered[getattr(handler, "__qualname__", repr(handler))] = _Registered(handler, frozenset(names))
    return handler


def forget_handlers() -> None:
    """As in a new kernel: there is none."""
    _registered.clear()


def told(task: str, old: TaskState, new: TaskState) -> PrefectStateSignal | None:
    """Calls all handlers that want to hear of it, each with what the one before has made of it.

    Returns the signal that the last of them ended the attempt with. A handler that raises has ended it as failed;
    a signal that it raises counts as one that it returns.
    """
    answer: PrefectStateSignal | None = None
    for name, registered in list(_registered.items()):
        if not registered.wants(new):
            continue
        for signal in _asked(name, registered.call, task, old, new):
            answer = signal
            new = TaskState(signal.state, str(signal), signal)
    return answer


def _asked(name: str, call: Handler, task: str, old: TaskState, new: TaskState) -> Iterator[PrefectStateSignal]:
    try:
        answer = call(task, old, new)
    except PrefectStateSignal as raised:
        answer = raised
    except Exception as error:
        answer = FAIL(f"the state handler `{name}` failed: {type(error).__name__}: {error}")
        answer.__cause__ = error
    if isinstance(answer, type) and issubclass(answer, PrefectStateSignal):
        answer = answer(f"said by the state handler `{name}`")
    if isinstance(answer, PrefectStateSignal) and answer is not new.error:
        yield answer
