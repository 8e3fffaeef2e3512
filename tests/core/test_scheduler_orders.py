"""Any graph, any order of reports, cancels and clock steps: what must hold of every run."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_jupyter.core.actions import Interrupt, Submit, WakeAt
from prefect_jupyter.core.events import Event, RunEnded, TaskMoved
from prefect_jupyter.core.run import Run, apply
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.scheduler import step
from prefect_jupyter.core.signals import Begin, Cancel, Ended, Resumed, Signal, Tick
from prefect_jupyter.core.states import FAILED, TERMINAL, TRANSITIONS, State
from prefect_jupyter.core.tasks import Retry
from prefect_jupyter.core.triggers import TRIGGERS, Answer, trigger_named

STEPS_MAX = 400
WELL = (State.Success, State.Success, State.Cached)
BADLY = (State.Failed, State.TimedOut, State.Crashed, State.Skipped, State.Cancelled, State.TriggerFailed)

# Seeds, because drawing every choice by itself takes a hundred times as long as the run that is tested.
randoms = st.integers(0, 2**63).map(Random)


def any_tasks(random: Random, *, triggers: list[str], retries_max: int) -> tuple[RunTask, ...]:
    count = random.randint(1, 9)
    return tuple(
        RunTask(
            f"t{position}",
            tuple(f"t{above}" for above in range(position) if random.random() < 0.35),
            random.choice(triggers),
            Retry(retries=random.randint(0, retries_max), delays_s=random.choice(((0.0,), (1.0, 4.0), (2.0,)))),
            skip_on_upstream_skip=random.random() < 0.8,
            alone=random.random() < 0.2,
        )
        for position in range(count)
    )


@dataclass
class Trial:
    """One run under an adversarial world. It knows states from events alone and decides for itself what is legal."""

    tasks: tuple[RunTask, ...]
    slots: int
    now: float = 0.0
    run: Run = field(default_factory=Run)
    folded: Run = field(default_factory=Run)
    states: dict[str, State] = field(default_factory=dict)
    due: dict[str, float] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    open: list[Submit] = field(default_factory=list)
    closed: list[Submit] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    interrupted: set[str] = field(default_factory=set)
    wake_at: float | None = None
    ended: State | None = None
    outcomes: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = {task.id: State.Pending for task in self.tasks}
        self.starts = dict.fromkeys(self.states, 0)
        self.send(Begin(self.now, self.tasks, slots=self.slots))

    def send(self, signal: Signal) -> None:
        self.wake_at = None
        events, actions = step(self.run, signal)
        for event in events:
            self.see(event)
        assert self.folded == self.run
        submitted = [action for action in actions if isinstance(action, Submit)]
        started = [e.task for e in events if isinstance(e, TaskMoved) and e.state is State.Running]
        assert [submit.task for submit in submitted] == started
        self.open += submitted
        self.interrupted |= {action.task for action in actions if isinstance(action, Interrupt)}
        for action in actions:
            if isinstance(action, WakeAt):
                self.wake_at = action.at
        active = [task for task in self.tasks if self.states[task.id] in (State.Running, State.Cancelling)]
        assert len(active) <= self.slots
        assert len(active) == 1 or not any(task.alone for task in active)

    def see(self, event: Event) -> None:
        apply(self.folded, event)
        if isinstance(event, RunEnded):
            assert not self.open
            self.ended = event.state
        if not isinstance(event, TaskMoved):
            return
        assert event.state in TRANSITIONS[self.states[event.task]]
        if event.state is State.Running:
            self.check_start(event)
        elif event.state is State.Retrying:
            assert event.due_s is not None
            self.due[event.task] = event.due_s
        self.states[event.task] = event.state

    def check_start(self, event: TaskMoved) -> None:
        assert event.task not in self.stopped, "started after it was cancelled"
        self.starts[event.task] += 1
        assert event.attempt == self.starts[event.task]
        assert event.task in self.startable()
        others = any(state in (State.Running, State.Cancelling) for state in self.states.values())
        earlier = [task.id for task in self.tasks[: int(event.task[1:])] if not (task.alone and others)]
        assert not set(earlier) & self.startable(), "a task above could have started"

    def startable(self) -> set[str]:
        able = set()
        for task in self.tasks:
            state = self.states[task.id]
            above = [self.states[above] for above in task.upstream]
            if not all(state in TERMINAL for state in above):
                continue
            skipped = task.skip_on_upstream_skip and State.Skipped in above
            if state is State.Pending:
                able |= {task.id} if not skipped and trigger_named(task.trigger).check(above) is Answer.RUN else set()
            elif state is State.Resume or (state is State.Retrying and self.due[task.id] <= self.now):
                able.add(task.id)
        return able

    def report(self, submit: Submit, state: State) -> None:
        self.open.remove(submit)
        self.closed.append(submit)
        self.outcomes[submit.task] = state
        self.send(Ended(self.now, submit.task, submit.attempt, state, "note"))

    def move_on(self, random: Random, bad: float) -> None:
        """One thing that the world may do now: something that brings the run on, or something that must not matter."""
        chance = random.random()
        if chance < 0.1 and self.closed:
            late = random.choice(self.closed)
            before = dict(self.states)
            self.send(Ended(self.now, late.task, late.attempt, random.choice(WELL + BADLY)))
            assert before == self.states, "a late report changed something"
        elif self.open and (chance < 0.8 or self.wake_at is None):
            self.report(random.choice(self.open), random.choice(BADLY if random.random() < bad else WELL))
        elif self.wake_at is not None:
            self.now = max(self.now, self.wake_at)
            self.send(Tick(self.now))

    def finish(self, random: Random, bad: float) -> None:
        for _ in range(STEPS_MAX):
            if self.ended is not None and not self.run.is_under_way:
                return
            assert self.open or self.wake_at is not None, "nothing runs, nothing waits, and the run has not ended"
            self.move_on(random, bad)
        raise AssertionError("the run does not end")


@settings(max_examples=1000, deadline=None)
@given(randoms)
def test_every_run_ends_with_each_task_in_one_terminal_state(random: Random) -> None:
    triggers = [name for name in TRIGGERS if name != "manual_only"] + ["some_failed(1)", "some_successful(.5)"]
    trial = Trial(any_tasks(random, triggers=triggers, retries_max=2), random.randint(1, 3))
    trial.finish(random, bad=0.4)
    assert set(trial.states.values()) <= TERMINAL
    for task in trial.tasks:
        assert trial.starts[task.id] <= task.retry.retries + 1
    worst = {trial.states[task.id] for task in trial.tasks}
    assert (trial.ended is State.Failed) == bool(worst & FAILED)


@settings(max_examples=1000, deadline=None)
@given(randoms)
def test_nothing_starts_after_a_cancel(random: Random) -> None:
    trial = Trial(any_tasks(random, triggers=list(TRIGGERS), retries_max=2), random.randint(1, 3))
    for _ in range(random.randint(0, 6)):
        if trial.open or trial.wake_at is not None:
            trial.move_on(random, bad=0.3)
    running = {task for task, state in trial.states.items() if state is State.Running}
    some = {task.id for task in trial.tasks if random.random() < 0.4}
    chosen = None if random.random() < 0.5 else frozenset(some)
    stopped = set(trial.states) if chosen is None else some
    over = {task for task, state in trial.states.items() if state in TERMINAL}
    trial.stopped |= stopped
    already = set(trial.interrupted)
    trial.send(Cancel(trial.now, chosen))
    assert trial.interrupted - already == running & stopped
    for task in stopped - over - running:
        assert trial.states[task] is State.Cancelled
    trial.finish(random, bad=0.3)
    paused = {task for task, state in trial.states.items() if state is State.Paused}
    if not paused:
        assert set(trial.states.values()) <= TERMINAL


@settings(max_examples=1000, deadline=None)
@given(randoms)
def test_the_cone_below_a_failure_is_exact(random: Random) -> None:
    tasks = any_tasks(random, triggers=["all_successful"], retries_max=1)
    trial = Trial(tasks, random.randint(1, 3))
    trial.finish(random, bad=0.3)
    for task in tasks:
        above = [trial.states[above] for above in task.upstream]
        row = trial.run.tasks[task.id]
        if task.skip_on_upstream_skip and State.Skipped in above:
            assert row.state is State.Skipped
            assert trial.starts[task.id] == 0
        elif any(state in FAILED or state is State.Cancelled for state in above):
            assert row.state is State.TriggerFailed
            assert trial.starts[task.id] == 0
            root = trial.run.tasks[row.cause]
            assert root.cause == ""
            assert trial.starts[row.cause] > 0
            assert root.state in FAILED | {State.Cancelled}
            assert f"`{row.cause}`" in row.note
        else:
            assert trial.starts[task.id] > 0
            assert row.state is trial.outcomes[task.id]


@settings(max_examples=500, deadline=None)
@given(randoms)
def test_a_resumed_run_ends_as_well(random: Random) -> None:
    trial = Trial(any_tasks(random, triggers=["all_successful", "manual_only"], retries_max=0), random.randint(1, 3))
    for _ in range(len(trial.tasks) + 1):
        trial.finish(random, bad=0.2)
        paused = {task for task, state in trial.states.items() if state is State.Paused}
        assert (trial.ended is State.Paused) == bool(paused)
        if not paused:
            break
        trial.send(Resumed(trial.now, frozenset(random.sample(sorted(paused), random.randint(1, len(paused))))))
    assert set(trial.states.values()) <= TERMINAL
