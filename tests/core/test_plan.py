from __future__ import annotations

from prefect_jupyter.core.cells import Cell
from prefect_jupyter.core.graph import Graph, connect
from prefect_jupyter.core.plan import make_plan, run_tasks
from prefect_jupyter.core.rebuilder import FRESH, Reason, Verdict
from prefect_jupyter.core.run_task import RunTask
from prefect_jupyter.core.tasks import Retry, TaskOptions

STALE = Verdict("stale", (Reason("`limit` changed from 5 to 6"),))


def pipeline() -> Graph:
    """load → clean → fit → score through a plain cell, and a note that needs nothing."""
    options = TaskOptions(trigger="any_successful", retry=Retry(retries=2))

    def cell(name: str, reads: str, writes: str, options: TaskOptions | None) -> Cell:
        read = frozenset(reads.split())
        return Cell(id=name, source="", options=options, reads=read, writes=frozenset({writes}))

    return connect(
        [
            cell("load", "", "df", TaskOptions()),
            cell("clean", "df", "tidy", TaskOptions()),
            cell("head", "tidy", "small", None),
            cell("fit", "small", "model", options),
            cell("note", "", "text", TaskOptions()),
            cell("score", "model", "result", TaskOptions()),
        ]
    )


def test_nothing_is_planned_when_all_is_fresh() -> None:
    graph = pipeline()
    plan = make_plan(graph, dict.fromkeys(graph.tasks, FRESH), {})
    assert plan.tasks == ()
    assert plan.kept == ("load", "clean", "fit", "note", "score")
    assert plan.expected_s == 0


def test_what_is_not_fresh_runs_surely_and_what_is_below_it_may_run() -> None:
    graph = pipeline()
    plan = make_plan(graph, {**dict.fromkeys(graph.tasks, FRESH), "clean": STALE}, {"clean": 2.0, "fit": 40.0})
    assert plan.ids == ("clean", "fit", "score")
    assert [planned.sure for planned in plan.tasks] == [True, False, False]
    assert plan.tasks[0].reasons == STALE.reasons
    assert plan.tasks[1].reasons == (Reason("`tidy` runs first and may change what this reads", "clean"),)
    assert plan.expected_s == 42.0
    assert plan.untimed == 1
    assert plan.kept == ("load", "note")


def test_a_task_without_a_verdict_never_ran() -> None:
    plan = make_plan(pipeline(), {}, {})
    assert plan.ids == ("load", "clean", "fit", "note", "score")
    assert plan.tasks[3].reasons == (Reason("not run yet", "note"),)


def test_targets_bring_what_they_need_through_plain_cells_and_nothing_else() -> None:
    assert make_plan(pipeline(), {}, {}, targets=["head"]).ids == ("load", "clean")
    assert make_plan(pipeline(), {}, {}, targets=["fit"]).ids == ("load", "clean", "fit")
    assert make_plan(pipeline(), {}, {}, targets=[]).ids == ()


def test_forced_tasks_run_though_fresh_and_say_so() -> None:
    graph = pipeline()
    plan = make_plan(graph, dict.fromkeys(graph.tasks, FRESH), {}, targets=[], forced=["fit"])
    assert [(planned.task, planned.forced, planned.sure) for planned in plan.tasks] == [("fit", True, True)]
    assert plan.tasks[0].reasons == (Reason("forced", "fit"),)
    plan = make_plan(graph, {"fit": STALE, "load": FRESH, "clean": FRESH}, {}, targets=[], forced=["fit"])
    assert plan.tasks[0].reasons == (Reason("forced", "fit"), *STALE.reasons)


def test_accepted_and_pinned_tasks_are_left_alone_even_below_a_stale_one() -> None:
    graph = pipeline()
    verdicts = {
        **dict.fromkeys(graph.tasks, FRESH),
        "load": STALE,
        "clean": Verdict("pinned"),
        "fit": Verdict("accepted"),
    }
    assert make_plan(graph, verdicts, {}).ids == ("load",)


def test_unverified_and_unchecked_tasks_run() -> None:
    graph = pipeline()
    verdicts = {**dict.fromkeys(graph.tasks, FRESH), "note": Verdict("unverified"), "score": Verdict("unchecked")}
    assert make_plan(graph, verdicts, {}).ids == ("note", "score")


def test_a_run_takes_the_options_and_needs_of_its_tasks() -> None:
    assert run_tasks(pipeline(), {"clean", "fit", "note"}) == (
        RunTask("clean", (), name="tidy"),
        RunTask("fit", ("clean",), "any_successful", Retry(retries=2), "model"),
        RunTask("note", (), name="text"),
    )


def test_tasks_that_are_not_in_a_run_do_not_part_those_that_are() -> None:
    assert [task.upstream for task in run_tasks(pipeline(), {"load", "score"})] == [(), ("load",)]
