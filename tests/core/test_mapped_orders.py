"""Mapped tasks among others, under every kind of signal in any order: what must hold of every run."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_jupyter.core.actions import Expand, Interrupt, InterruptChildren, Submit, SubmitChildren, WakeAt
from prefect_jupyter.core.events import ChildrenMoved, Event, RunEnded, TaskMapped, TaskMoved
from prefect_jupyter.core.run import Run, apply
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.scheduler import step
from prefect_jupyter.core.signals import (
    Begin,
    Cancel,
    ChildrenEnded,
    Ended,
    Expanded,
    Lost,
    Pause,
    Resumed,
    RetryNow,
    Signal,
    Tick,
)
from prefect_jupyter.core.states import FAILED, SUCCESSFUL, TERMINAL, TRANSITIONS, State
from prefect_jupyter.core.tasks import Retry
from prefect_jupyter.core.triggers import TRIGGERS, Answer, trigger_named

STEPS_MAX = 2000
WELL = (State.Success, State.Success, State.Cached)
BADLY = (State.Failed, State.TimedOut, State.Crashed, State.Skipped)
RUNS = (State.Running, State.Cancelling)

# Seeds, because drawing every choice by itself takes a hundred times as long as the run that is tested.
randoms = st.integers(0, 2**63).map(Random)


class Unit(NamedTuple):
    """A task, or a child of a mapped one."""

    task: str
    child: int = -1


class Work(NamedTuple):
    """What the world has been asked to do and has not reported: an attempt, an expansion, or a lot of children."""

    task: str
    number: int
    children: tuple[int, ...] = ()
    expands: bool = False

    @property
    def units(self) -> list[Unit]:
        return [Unit(self.task, child) for child in self.children] or [Unit(self.task)]


def any_tasks(random: Random, triggers: list[str]) -> tuple[RunTask, ...]:
    tasks: list[RunTask] = []
    for position in range(random.randint(1, 6)):
        upstream = tuple(above.id for above in tasks if random.random() < 0.45)
        tasks.append(
            RunTask(
                f"t{position}",
                upstream,
                random.choice(triggers),
                Retry(retries=random.randint(0, 2), delays_s=random.choice(((0.0,), (1.0, 4.0))), jitter=0.5),
                skip_on_upstream_skip=random.random() < 0.8,
                mapped=random.random() < 0.6,
                along=tuple(above for above in upstream if random.random() < 0.7),
                pause=random.random() < 0.1,
                timeout_s=random.choice((None, None, 3.0)),
                tags=tuple(tag for tag in ("db", "net") if random.random() < 0.3),
            )
        )
    return tuple(tasks)


@dataclass
class Trial:
    """One run under an adversarial world. It knows states from events alone and decides for itself what is legal."""

    random: Random
    tasks: tuple[RunTask, ...]
    slots: int
    limits: dict[str, int]
    now: float = 0.0
    run: Run = field(default_factory=Run)
    folded: Run = field(default_factory=Run)
    states: dict[Unit, State] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    due: dict[Unit, float] = field(default_factory=dict)
    failures: dict[Unit, int] = field(default_factory=dict)
    starts: dict[Unit, int] = field(default_factory=dict)
    open: list[Work] = field(default_factory=list)
    closed: list[Work] = field(default_factory=list)
    holder: dict[Unit, int] = field(default_factory=dict)
    kept: set[Unit] = field(default_factory=set)
    stopped: set[Unit] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    interrupted: set[tuple[str, int]] = field(default_factory=set)
    wake_at: float | None = None
    ended: State | None = None

    def __post_init__(self) -> None:
        self.by_id = {task.id: task for task in self.tasks}
        self.states = {Unit(task.id): State.Pending for task in self.tasks}
        self.send(
            Begin(self.now, self.tasks, slots=self.slots, limits=tuple(self.limits.items()), cancel_timeout_s=5.0)
        )

    # --- what is told

    def send(self, signal: Signal) -> None:
        events, actions = step(self.run, signal)
        if events or actions:
            self.wake_at = None
        for event in events:
            self.see(event)
        assert self.folded == self.run
        for action in actions:
            if isinstance(action, Submit):
                self.open.append(Work(action.task, action.attempt))
            elif isinstance(action, Expand):
                self.open.append(Work(action.task, action.attempt, expands=True))
            elif isinstance(action, SubmitChildren):
                self.open.append(Work(action.task, action.lot, tuple(action.children)))
            elif isinstance(action, Interrupt):
                self.interrupted.add((action.task, action.attempt))
            elif isinstance(action, InterruptChildren):
                self.interrupted.add((action.task, action.lot))
            else:
                assert isinstance(action, WakeAt)
                self.wake_at = action.at
        self.check_slots()
        # Work that was given up is nobody's any more, but may still report.
        for work in [work for work in self.open if not self.is_live(work)]:
            self.open.remove(work)
            self.closed.append(work)

    def is_live(self, work: Work) -> bool:
        """Whether a report of it is still waited for."""
        if work.expands and work.task in self.counts:
            return False
        return any(self.states[unit] in RUNS and self.holder.get(unit) == work.number for unit in work.units)

    def busy(self) -> list[str]:
        """The tasks of the attempts and lots that take a slot now."""
        units = [unit for unit, state in self.states.items() if state in RUNS]
        held = {(unit.task, self.holder[unit]) for unit in units if self.by_id[unit.task].mapped == (unit.child >= 0)}
        return [task for task, _ in held]

    def check_slots(self) -> None:
        busy = self.busy()
        assert len(busy) <= self.slots
        for tag, limit in self.limits.items():
            assert sum(tag in self.by_id[task].tags for task in busy) <= limit

    def see(self, event: Event) -> None:
        if isinstance(event, (TaskMoved, ChildrenMoved)) and event.state is State.Running:
            children = event.children if isinstance(event, ChildrenMoved) else (-1,)
            started = [Unit(event.task, child) for child in children]
            self.check_start(started)
            number = event.lot if isinstance(event, ChildrenMoved) else event.attempt
            self.holder.update(dict.fromkeys(started, number))
        apply(self.folded, event)
        if isinstance(event, TaskMoved):
            self.move(Unit(event.task), event.state, event.due_s)
        elif isinstance(event, ChildrenMoved):
            assert len(event.children) > 0
            for child in event.children:
                self.move(Unit(event.task, child), event.state, event.due_s)
        elif isinstance(event, TaskMapped):
            self.counts[event.task] = event.total
            for child in range(event.total):
                code = event.states[child] if event.states else 0
                self.states[Unit(event.task, child)] = State(code)
                if code:
                    self.kept.add(Unit(event.task, child))
        elif isinstance(event, RunEnded):
            self.ended = event.state

    def move(self, unit: Unit, new: State, due_s: float | None) -> None:
        assert new in TRANSITIONS[self.states[unit]], (unit, self.states[unit], new)
        if new is State.Retrying:
            assert due_s is not None
            self.due[unit] = due_s
            self.failures[unit] = self.failures.get(unit, 0) + 1
            assert unit.task in self.asked or self.failures[unit] <= self.by_id[unit.task].retry.retries
        elif new is State.Looped:
            self.failures[unit] = 0
        self.states[unit] = new

    # --- what is legal

    def check_start(self, units: list[Unit]) -> None:
        able = self.startable()
        for unit in units:
            assert unit not in self.stopped, "started after it was cancelled"
            assert unit in able, (unit, self.states[unit])
            self.starts[unit] = self.starts.get(unit, 0) + 1
        first = min(map(self.turn, units))
        earlier = [unit for unit in able if self.turn(unit) < first and self.is_free(unit.task)]
        assert not earlier, "one that comes before could have started"

    def is_free(self, task: str) -> bool:
        used = [tag for busy in self.busy() for tag in self.by_id[busy].tags]
        return all(used.count(tag) < self.limits.get(tag, 99) for tag in self.by_id[task].tags)

    def turn(self, unit: Unit) -> tuple[int, int, int]:
        return (self.root(unit.task), unit.child, int(unit.task[1:]))

    def root(self, task: str) -> int:
        return min([int(task[1:]), *(self.root(above) for above in self.paired(task))])

    def paired(self, task: str) -> list[str]:
        """The mapped tasks above whose children this task's children wait for one by one."""
        it = self.by_id[task]
        return [above for above in it.upstream if it.mapped and above in it.along and self.by_id[above].mapped]

    def answer(self, task: str, child: int = -1) -> Answer | None:
        """What is above means run, skip, fail or ask for a task or a child; None while it is still waited for."""
        it, states = self.by_id[task], []
        for above in it.upstream:
            state = self.states[Unit(above)]
            if above not in self.paired(task) or above not in self.counts:
                if state not in TERMINAL:
                    return None
                states += [self.states[Unit(above, i)] for i in range(self.counts.get(above, 0))]
                states += [state] if above not in self.counts else []
            elif child >= 0:
                if self.states[Unit(above, child)] not in TERMINAL:
                    return None
                states.append(self.states[Unit(above, child)])
        if it.skip_on_upstream_skip and State.Skipped in states:
            return Answer.SKIP
        trigger = trigger_named(it.trigger)
        whole = [above for above in it.upstream if above not in self.paired(task) or above not in self.counts]
        return trigger.of_nothing if whole and not states else trigger.check(states)

    def startable(self) -> set[Unit]:
        able = set()
        for unit, state in self.states.items():
            if unit.child >= 0 and self.states[Unit(unit.task)] is not State.Running:
                continue
            answer = self.answer(*unit)
            asks = unit.child < 0 and (answer is Answer.PAUSE or self.by_id[unit.task].pause)
            if (
                (state is State.Pending and not asks and answer in (Answer.RUN, Answer.PAUSE))
                or (state is State.Resume and answer in (Answer.RUN, Answer.PAUSE))
                or state is State.Looped
                or (state is State.Retrying and self.due[unit] <= self.now)
            ):
                able.add(unit)
        return able

    # --- what the world may do

    def report(self, work: Work, bad: float) -> None:
        random = self.random
        state = random.choice(BADLY if random.random() < bad else WELL)
        chance = random.random()
        retry = None
        if chance < 0.05:
            state = State.Paused
        elif chance < 0.15 and sum(self.starts.values()) < 60:
            state = State.Looped
        elif chance < 0.2 and state in FAILED and sum(self.starts.values()) < 60:
            retry = True
            self.asked.add(work.task)
        if work.expands:
            if chance < 0.9:
                total = None if self.paired(work.task) and random.random() < 0.7 else random.randint(0, 5)
                if total is None and not any(above in self.counts for above in self.paired(work.task)):
                    total = 2
                kept = bytes(random.choice((0, 0, 4, 5)) for _ in range(total or 0)) if random.random() < 0.3 else b""
                chunk = random.choice((None, 1, 2, 3))
                self.send(Expanded(self.now, work.task, work.number, total, chunk, kept))
            else:
                self.send(Ended(self.now, work.task, work.number, State.Failed, "cannot be mapped", retry=False))
        elif work.children:
            some = tuple(child for child in work.children if random.random() < 0.7) or work.children[:1]
            left = tuple(child for child in work.children if child not in some)
            self.open.remove(work)
            self.closed.append(work._replace(children=some))
            if left:
                self.open.append(work._replace(children=left))
            self.send(ChildrenEnded(self.now, work.task, work.number, some, state, "note", retry, None, chance))
        else:
            self.open.remove(work)
            self.closed.append(work)
            self.send(Ended(self.now, work.task, work.number, state, "note", retry, None, chance))

    def report_late(self, work: Work) -> None:
        before, state = dict(self.states), self.random.choice(WELL + BADLY)
        if work.children:
            self.send(ChildrenEnded(self.now, work.task, work.number, work.children, state))
        elif work.expands:
            self.send(Expanded(self.now, work.task, work.number, 3))
        else:
            self.send(Ended(self.now, work.task, work.number, state))
        assert before == self.states, "a late report changed something"

    def move_on(self, bad: float) -> None:
        """One thing that the world may do now: something that brings the run on, or something that must not matter."""
        chance = self.random.random()
        if chance < 0.1 and self.closed:
            self.report_late(self.random.choice(self.closed))
        elif self.open and (chance < 0.85 or self.wake_at is None):
            self.report(self.random.choice(self.open), bad)
        elif self.wake_at is not None:
            self.now = max(self.now, self.wake_at)
            self.send(Tick(self.now))

    def interfere(self) -> None:
        """Something that a person may do at any time and that must not keep the run from ending."""
        chosen = frozenset(task for task in self.by_id if self.random.random() < 0.4)
        kind = self.random.choice((Pause, Resumed, RetryNow))
        if kind is RetryNow:
            for unit in self.due:
                if unit.task in chosen:
                    self.due[unit] = self.now
        self.send(kind(self.now, chosen))

    def finish(self, bad: float, meddling: float = 0.0) -> None:
        for _ in range(STEPS_MAX):
            if not self.run.is_under_way:
                if self.ended is not State.Paused:
                    return
                self.send(Resumed(self.now, frozenset(self.by_id)))
            elif self.random.random() < meddling:
                self.interfere()
            else:
                assert self.open or self.wake_at is not None, "nothing runs or waits, and the run has not ended"
                self.move_on(bad)
        raise AssertionError("the run does not end")

    def check_ends(self) -> None:
        """Each unit ended as what is above it says, and each mapped task as its children."""
        assert set(self.states.values()) <= TERMINAL
        for unit, state in self.states.items():
            answer, started = self.answer(*unit), self.starts.get(unit, 0)
            if state is State.Cancelled or unit in self.kept:
                assert unit not in self.kept or started == 0
                continue
            if answer is Answer.SKIP:
                assert (state, started) == (State.Skipped, 0)
            elif answer is Answer.FAIL:
                assert (state, started) == (State.TriggerFailed, 0)
            elif unit.child < 0:
                assert started > 0
            if unit.task in self.counts and unit.child < 0:
                assert state is State.Mapped
        bad = any(state in FAILED for state in self.states.values())
        assert (self.ended is State.Failed) == bad


def any_trial(random: Random, *, asking: bool = True) -> Trial:
    triggers = [name for name in TRIGGERS if asking or name != "manual_only"] + ["some_failed(1)", "all_successful"]
    limits = {tag: random.randint(1, 2) for tag in ("db", "net") if random.random() < 0.5}
    return Trial(random, any_tasks(random, triggers), random.randint(1, 4), limits)


@settings(max_examples=1000, deadline=None)
@given(randoms)
def test_every_run_ends_with_each_task_and_child_as_those_above_it_say(random: Random) -> None:
    trial = any_trial(random)
    trial.finish(bad=random.choice((0.0, 0.2, 0.5)), meddling=random.choice((0.0, 0.2)))
    trial.check_ends()


@settings(max_examples=1000, deadline=None)
@given(randoms)
def test_nothing_starts_after_a_cancel_whatever_it_waited_for(random: Random) -> None:
    trial = any_trial(random)
    for _ in range(random.randint(0, 15)):
        if random.random() < 0.2:
            trial.interfere()
        elif trial.open or trial.wake_at is not None:
            trial.move_on(bad=0.3)
    some = {task for task in trial.by_id if random.random() < 0.5}
    chosen = set(trial.by_id) if random.random() < 0.5 else some
    ran = {unit for unit, state in trial.states.items() if state is State.Running}
    over = {unit for unit, state in trial.states.items() if state in (*TERMINAL, State.Cancelling)}
    live = [work for work in trial.open if trial.is_live(work)]
    trial.stopped |= {unit for unit in trial.states if unit.task in chosen}
    trial.send(Cancel(trial.now, None if chosen == set(trial.by_id) else frozenset(chosen)))
    for work in live:
        if work.task in chosen and any(unit in ran for unit in work.units):
            assert (work.task, work.number) in trial.interrupted
    for unit in trial.stopped - over - ran:
        assert trial.states[unit] is State.Cancelled
    trial.finish(bad=0.3)
    assert set(trial.states.values()) <= TERMINAL


@settings(max_examples=500, deadline=None)
@given(randoms)
def test_a_cancelled_run_ends_even_when_nothing_that_runs_ever_reports(random: Random) -> None:
    trial = any_trial(random)
    for _ in range(random.randint(0, 10)):
        if trial.open or trial.wake_at is not None:
            trial.move_on(bad=0.3)
    trial.send(Cancel(trial.now))
    while trial.run.is_under_way:
        assert trial.wake_at is not None
        trial.now = max(trial.now, trial.wake_at)
        trial.send(Tick(trial.now))
    assert set(trial.states.values()) <= TERMINAL


@settings(max_examples=500, deadline=None)
@given(randoms)
def test_a_lost_run_leaves_what_ran_crashed_and_the_rest_cancelled(random: Random) -> None:
    trial = any_trial(random)
    for _ in range(random.randint(0, 15)):
        if trial.open or trial.wake_at is not None:
            trial.move_on(bad=0.3)
    before = dict(trial.states)
    trial.send(Lost(trial.now, "the kernel died"))
    for unit, state in before.items():
        mapped = unit.task in trial.counts and unit.child < 0
        if state in RUNS and not mapped:
            assert trial.states[unit] is State.Crashed
        elif state not in TERMINAL and not mapped:
            assert trial.states[unit] in (State.Cancelled, State.TriggerFailed, State.Skipped)
    assert set(trial.states.values()) <= TERMINAL
    assert not trial.run.is_under_way


@settings(max_examples=500, deadline=None)
@given(randoms)
def test_without_retries_or_triggers_the_cone_below_failed_children_is_exact(random: Random) -> None:
    trial = any_trial(random, asking=False)
    tasks = tuple(
        RunTask(t.id, t.upstream, mapped=t.mapped, along=t.along, skip_on_upstream_skip=False) for t in trial.tasks
    )
    trial = Trial(random, tasks, trial.slots, {})
    trial.finish(bad=0.3)
    for unit, state in trial.states.items():
        if unit in trial.kept:
            continue
        answer = trial.answer(*unit)
        assert (state is State.TriggerFailed) == (answer is Answer.FAIL)
        assert answer in (Answer.RUN, Answer.FAIL)
        if state is State.TriggerFailed and unit.child < 0:
            cause = trial.run.tasks[unit.task].cause
            children = [trial.states[Unit(cause, i)] for i in range(trial.counts.get(cause, 0))]
            assert any(state not in SUCCESSFUL for state in [trial.states[Unit(cause)], *children])
            assert f"`{cause}`" in trial.run.tasks[unit.task].note
