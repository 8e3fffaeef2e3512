from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_jupyter.core.bindings import Learned
from prefect_jupyter.core.cells import Cell
from prefect_jupyter.core.graph import Edge, Graph, connect
from prefect_jupyter.core.tasks import TaskOptions


def names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def task(
    cell_id: str,
    reads: str = "",
    writes: str = "",
    *,
    named: str | None = None,
    in_place: str = "",
    deletes: str = "",
    late: dict[str, str] | None = None,
    maybe: str = "",
    hidden: str = "",
    definitions: str = "",
    everything: bool = False,
    inputs: tuple[str, ...] | None = None,
    outputs: tuple[str, ...] | None = None,
    source: str = "",
    plain: bool = False,
) -> Cell:
    return Cell(
        id=cell_id,
        source=source,
        options=None if plain else TaskOptions(name=named, inputs=inputs, outputs=outputs),
        reads=names(reads),
        writes=names(writes),
        in_place=names(in_place),
        deletes=names(deletes),
        late={name: names(body) for name, body in (late or {}).items()},
        maybe=names(maybe),
        hidden=names(hidden),
        definitions=names(definitions),
        reads_everything=everything,
    )


def plain(cell_id: str, reads: str = "", writes: str = "", **more: object) -> Cell:
    return task(cell_id, reads, writes, plain=True, **more)  # type: ignore[arg-type]


def messages(graph: Graph) -> dict[str, list[str]]:
    return {cell: [problem.message for problem in problems] for cell, problems in graph.problems.items()}


# Binding


def test_a_read_is_bound_to_the_nearest_writer_above() -> None:
    graph = connect([task("load", "", "df"), task("clean", "df", "df"), task("fit", "df", "model")])
    assert graph.edges == (Edge("load", "clean", ("df",)), Edge("clean", "fit", ("df",)))
    assert graph.writer("clean", "df") == "load"
    assert graph.writer("fit", "df") == "clean"
    assert graph.writer("load", "df") is None
    assert graph.readers("load", "df") == ("clean",)
    assert graph.readers("clean", "df") == ("fit",)
    assert messages(graph) == {}


def test_a_change_in_place_is_a_read_and_a_new_version() -> None:
    graph = connect(
        [task("load", "", "df"), task("look", "df"), task("add", in_place="df"), task("fit", "df")],
    )
    assert graph.edges == (Edge("load", "look", ("df",)), Edge("load", "add", ("df",)), Edge("add", "fit", ("df",)))
    assert "df" in graph.reads("add")


def test_a_deletion_is_what_the_reader_below_it_depends_on() -> None:
    graph = connect([task("load", "", "df"), plain("drop", "df", deletes="df"), task("fit", "df")])
    assert graph.writer("fit", "df") == "drop"
    assert graph.upstream("fit") == ("drop",)


def test_names_that_nobody_above_writes_are_read_without_an_edge() -> None:
    graph = connect([task("a", "pd print", "x")], external={"pd"})
    assert graph.reads("a") == {"pd", "print"}
    assert graph.edges == ()
    assert messages(graph) == {}


def test_one_edge_holds_all_names_between_two_cells() -> None:
    graph = connect([task("split", "", "train test"), task("fit", "train test")])
    assert graph.edges == (Edge("split", "fit", ("test", "train")),)


def test_what_a_function_reads_when_called_is_read_by_its_caller() -> None:
    graph = connect(
        [
            plain("limit", "", "limit"),
            plain("clip", "", "clip", definitions="clip", late={"clip": "limit"}),
            plain("tidy", "", "tidy", definitions="tidy", late={"tidy": "clip"}),
            task("use", "tidy", "x"),
        ]
    )
    assert graph.reads("use") == {"tidy", "clip", "limit"}
    assert graph.upstream("use") == ("limit", "clip", "tidy")
    assert graph.upstream("clip") == ()


def test_late_names_are_bound_where_the_caller_stands() -> None:
    graph = connect(
        [
            plain("one", "", "limit"),
            plain("clip", "", "clip", definitions="clip", late={"clip": "limit"}),
            task("before", "clip", "x"),
            plain("two", "", "limit"),
            task("after", "clip", "y"),
        ]
    )
    assert graph.writer("before", "limit") == "one"
    assert graph.upstream("before") == ("one", "clip")
    assert graph.upstream("after") == ("clip", "two")


def test_the_last_definition_of_a_function_decides_what_its_caller_reads() -> None:
    graph = connect(
        [
            plain("old", "", "f", definitions="f", late={"f": "a"}),
            plain("new", "", "f", definitions="f", late={"f": "b"}),
            task("use", "f"),
            plain("value", "", "f"),
            task("reuse", "f"),
        ]
    )
    assert graph.reads("use") == {"f", "b"}
    assert graph.reads("reuse") == {"f"}


def test_an_attribute_set_on_a_function_does_not_hide_what_it_reads() -> None:
    graph = connect(
        [
            plain("limit", "", "limit"),
            plain("def", "", "f", definitions="f", late={"f": "limit"}),
            plain("note", in_place="f"),
            task("use", "f"),
        ]
    )
    assert graph.upstream("use") == ("limit", "note")


def test_a_cell_that_may_call_its_own_function_reads_what_that_reads() -> None:
    limit = task("limit", "", "limit")
    body = {"f": "limit g", "g": "pd"}
    own = {"writes": "f g x", "definitions": "f g", "late": body}
    assert connect([limit, task("use", **own)]).reads("use") == {"limit", "pd"}  # type: ignore[arg-type]
    assert connect([limit, plain("use", **own)]).upstream("use") == ("limit",)  # type: ignore[arg-type]
    assert connect([limit, plain("use", "print", "f", definitions="f", late=body)]).upstream("use") == ("limit",)


def test_a_plain_cell_that_only_defines_needs_nothing_of_what_its_functions_read() -> None:
    graph = connect([task("limit", "", "limit"), plain("def", "", "f", definitions="f", late={"f": "limit"})])
    assert graph.upstream("def") == ()


def test_what_an_own_function_reads_may_be_written_below() -> None:
    graph = connect([task("use", "", "f x", definitions="f", late={"f": "limit"}), task("limit", "", "limit")])
    assert messages(graph) == {}


def test_functions_that_call_each_other_end() -> None:
    graph = connect(
        [
            plain("even", "", "even", definitions="even", late={"even": "odd zero"}),
            plain("odd", "", "odd", definitions="odd", late={"odd": "even"}),
            task("use", "even"),
        ]
    )
    assert graph.reads("use") == {"even", "odd", "zero"}


def test_names_in_strings_count_only_where_somebody_above_writes_them() -> None:
    graph = connect([plain("limit", "", "limit"), task("use", "", "x", maybe="limit wherever")])
    assert graph.reads("use") == {"limit"}


def test_a_cell_that_may_read_everything_reads_everything_above_it() -> None:
    graph = connect([plain("a", "", "a"), plain("b", "", "b"), task("use", everything=True), plain("c", "", "c")])
    assert graph.reads("use") == {"a", "b"}


def test_declared_inputs_add_to_reads_and_stand_for_everything() -> None:
    graph = connect([plain("a", "", "a"), plain("b", "", "b"), task("use", "b", everything=True, inputs=("a",))])
    assert graph.reads("use") == {"a", "b"}
    graph = connect([plain("a", "", "a"), plain("b", "", "b"), task("use", everything=True, inputs=("a",))])
    assert graph.reads("use") == {"a"}


def test_declared_outputs_are_written() -> None:
    graph = connect([task("make", outputs=("df",)), task("use", "df")])
    assert graph.upstream("use") == ("make",)


def test_what_runs_taught_counts_like_text() -> None:
    cells = [task("rng", "", "rng"), task("draw", "rng", "x"), task("again", "rng", "y"), task("late", "", "z")]
    learned = {"draw": Learned(writes=frozenset({"rng"})), "late": Learned(reads=frozenset({"x"}))}
    graph = connect(cells, learned)
    assert graph.writer("again", "rng") == "draw"
    assert graph.upstream("late") == ("draw",)
    assert connect(cells).upstream("again") == ("rng",)


# Tasks and plain cells


def test_plain_cells_between_tasks_are_condensed() -> None:
    graph = connect(
        [
            task("load", "", "df"),
            plain("head", "df", "small"),
            plain("rest", "small", "tiny"),
            task("fit", "tiny", "model"),
            plain("show", "model"),
        ]
    )
    assert graph.task_edges == (Edge("load", "fit", ("df",)),)
    assert graph.task_upstream("fit") == ("load",)
    assert graph.task_downstream("load") == ("fit",)
    assert graph.tasks == ("load", "fit")


def test_direct_and_condensed_ways_between_two_tasks_are_one_edge() -> None:
    graph = connect([task("load", "", "df y"), plain("head", "df", "x"), task("fit", "x y", "model")])
    assert graph.task_edges == (Edge("load", "fit", ("df", "y")),)


def test_condensing_stops_at_tasks() -> None:
    graph = connect(
        [task("a", "", "a"), plain("p", "a", "p"), task("b", "p", "b"), plain("q", "b", "q"), task("c", "q")]
    )
    assert graph.task_edges == (Edge("a", "b", ("a",)), Edge("b", "c", ("b",)))


def test_ancestors_and_descendants_are_in_document_order() -> None:
    graph = connect(
        [task("a", "", "a"), task("b", "a", "b"), task("c", "a", "c"), task("d", "b c", "d"), task("e", "", "e")]
    )
    assert graph.ancestors(["d"]) == ("a", "b", "c")
    assert graph.descendants(["a"]) == ("b", "c", "d")
    assert graph.descendants(["e"]) == ()
    assert graph.descendants(["a", "b"]) == ("b", "c", "d")
    assert graph.ancestors([]) == ()


def test_a_cell_of_another_document_is_not_found() -> None:
    graph = connect([task("a")])
    assert "a" in graph
    assert "z" not in graph
    with pytest.raises(KeyError):
        graph.upstream("z")


def test_one_id_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="Two cells have the id 'a'"):
        connect([task("a"), task("a")])


def test_a_chain_of_ten_thousand_cells_is_walked_without_recursion() -> None:
    cells = [task("c0", "", "x")]
    cells += [task(f"c{i}", "x", "x", plain=i % 2 == 1) for i in range(1, 10_000)]
    graph = connect(cells)
    assert len(graph.descendants(["c0"])) == 9_999
    assert len(graph.ancestors(["c9999"])) == 9_999
    assert len(graph.task_edges) == 4_999


def test_ten_thousand_functions_that_call_each_other_are_read_without_recursion() -> None:
    cells = [plain(f"c{i}", "", f"f{i}", definitions=f"f{i}", late={f"f{i}": f"f{i - 1}"}) for i in range(10_000)]
    graph = connect([*cells, task("use", "f9999")])
    assert len(graph.reads("use")) == 10_001


# Names


def test_a_task_is_called_as_it_says_or_after_what_it_makes() -> None:
    graph = connect(
        [
            task("a", "", "df", named="load"),
            task("b", "", "i out", hidden="i"),
            task("c", in_place="df"),
            task("d"),
            task("e", "", "pd raw", definitions="pd"),
            task("f", "", "helper", definitions="helper"),
            task("g", "", "x y z", source="%%task --tags x\n# x first\nz = 1\ny = x = 2"),
            task("h", "", "one two", outputs=("two", "one")),
        ]
    )
    assert list(graph.names.values()) == ["load", "out", "df", "cell", "raw", "helper", "z", "two"]


def test_equal_default_names_are_counted_and_never_take_an_explicit_one() -> None:
    graph = connect(
        [
            task("a", "", "df"),
            task("b", "", "df"),
            task("c", "", "x", named="df"),
            task("d", "", "df"),
            plain("e", "", "df"),
        ]
    )
    assert graph.names == {"a": "df·2", "b": "df·3", "c": "df", "d": "df·4"}


def test_two_explicit_names_alike_refuse_the_later_task() -> None:
    cells = [
        task("a", "", "x", named="clean", source="x = 1"),
        task("b", "", "y"),
        task("c", "", "z", named="clean", source="z = 1"),
    ]
    graph = connect(cells, labels={"a": "[3]", "c": "[7]"})
    assert messages(graph) == {"c": ["two tasks are called `clean`, [3] and [7]: rename one of them"]}
    assert graph.names == {"a": "clean", "b": "y", "c": "clean·2"}


def test_a_copy_with_the_same_text_is_counted_and_no_mistake() -> None:
    graph = connect([task("a", "", "x", named="clean"), task("b", "", "x", named="clean")])
    assert messages(graph) == {}
    assert graph.names == {"a": "clean", "b": "clean·2"}


# Problems of order


def test_a_reader_above_its_only_writer_is_told_to_move() -> None:
    cells = [task("a", "df", "model", named="fit"), task("b", "", "df", named="load")]
    graph = connect(cells, labels={"a": "[3]", "b": "[7]"})
    expected = "`df` is read by `fit` ([3]) but written below it by `load` ([7]): move one of them"
    assert messages(graph) == {"a": [expected]}
    assert graph.edges == ()


def test_a_writer_in_a_plain_cell_without_a_label_is_counted_from_the_top() -> None:
    graph = connect([task("a", "df", "model"), plain("b", "", "df")])
    assert messages(graph)["a"][0].startswith("`df` is read by `model` (cell 1 from the top) but written below it by ")
    assert messages(graph)["a"][0].endswith("by cell 2 from the top: move one of them")


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param([plain("a", "df"), task("b", "", "df")], id="plain cells fail by themselves"),
        pytest.param([task("a", "print"), task("b", "", "print")], id="builtins"),
        pytest.param([task("a", "known"), task("b", "", "known")], id="names from elsewhere"),
        pytest.param([task("a", "df", "df"), task("b", "", "df")], id="bound by the reader itself"),
        pytest.param([task("a", "i"), task("b", "", "i", hidden="i")], id="loop variables"),
        pytest.param([task("a", "df"), task("b", in_place="df")], id="changed below, made elsewhere"),
        pytest.param([task("a", "", "f", late={"f": "x"}), task("b", "", "x")], id="late names"),
        pytest.param(
            [plain("a", "", "f", late={"f": "x"}), task("b", "f"), task("c", "", "x")], id="called late names"
        ),
        pytest.param([task("a", maybe="x"), task("b", "", "x")], id="names in strings"),
        pytest.param([task("a", "nowhere")], id="names of nobody"),
    ],
)
def test_what_is_not_a_problem_of_order(cells: list[Cell]) -> None:
    assert messages(connect(cells, external={"known"})) == {}


def test_two_tasks_that_need_each_other_are_shown_the_circle() -> None:
    cells = [task("a", "y", "x", named="a"), task("b", "x", "y", named="b")]
    graph = connect(cells, labels={"a": "[1]", "b": "[2]"})
    assert set(messages(graph)) == {"a", "b"}
    for message in (*messages(graph)["a"], *messages(graph)["b"]):
        assert message.startswith("a → b → a: ")
        assert "`y` is read by `a` ([1]) but written below it by `b` ([2])" in message


def test_a_circle_through_a_plain_cell_names_it() -> None:
    cells = [task("a", "z", "x"), plain("p", "x", "y"), task("b", "y", "z")]
    graph = connect(cells, labels={"p": "[5]"})
    assert messages(graph)["a"][0].startswith("x → [5] → z → x: ")
    assert set(messages(graph)) == {"a", "b"}


def test_a_circle_with_two_steps_up_the_document_is_found() -> None:
    cells = [task("a", "y", "x", named="a"), task("b", "z", "y", named="b"), task("c", "x", "z", named="c")]
    graph = connect(cells)
    assert messages(graph)["a"][0].startswith("a → c → b → a: ")
    assert set(messages(graph)) == {"a", "b", "c"}


def test_a_cell_that_only_defines_is_in_no_circle() -> None:
    graph = connect(
        [
            task("first", reads="helper", writes="window"),
            task("second", writes="helper", definitions="helper", late={"helper": "window"}),
        ]
    )
    assert "move one of them" in messages(graph)["first"][0]
    assert "second" not in messages(graph)


# Any document

NAMES = "abcde"
some_names = st.frozensets(st.sampled_from(NAMES), max_size=3)


@st.composite
def documents(draw: st.DrawFn) -> list[Cell]:
    return [
        Cell(
            id=f"c{index}",
            source="",
            options=draw(st.sampled_from([None, TaskOptions()])),
            reads=draw(some_names),
            writes=draw(some_names),
            in_place=draw(some_names),
            deletes=draw(st.just(frozenset[str]()) | some_names),
            late=draw(st.dictionaries(st.sampled_from(NAMES), some_names, max_size=2)),
            reads_everything=draw(st.booleans()),
        )
        for index in range(draw(st.integers(0, 8)))
    ]


@given(documents())
def test_every_edge_goes_from_the_nearest_writer_down_to_a_reader(cells: list[Cell]) -> None:
    graph = connect(cells)
    expected = set()
    for position, cell in enumerate(cells):
        assert cell.reads | cell.in_place <= graph.reads(cell.id)
        for name in graph.reads(cell.id):
            above = [c.id for c in cells[:position] if name in c.writes | c.in_place | c.deletes]
            assert graph.writer(cell.id, name) == (above[-1] if above else None)
            if above:
                expected.add((above[-1], cell.id, name))
                assert cell.id in graph.readers(above[-1], name)
    assert {(edge.source, edge.target, name) for edge in graph.edges for name in edge.names} == expected


@given(documents())
def test_task_edges_are_the_ways_between_tasks_through_plain_cells(cells: list[Cell]) -> None:
    graph = connect(cells)
    plain_ids = {cell.id for cell in cells if not cell.is_task}

    def reached(cell_id: str) -> set[str]:
        below = set(graph.downstream(cell_id))
        return {c for c in below if c not in plain_ids}.union(*(reached(c) for c in below & plain_ids))

    expected = {(source, target) for source in graph.tasks for target in reached(source)}
    assert {(edge.source, edge.target) for edge in graph.task_edges} == expected
    assert {(above, task) for task in graph.tasks for above in graph.task_upstream(task)} == expected


@given(documents())
def test_descendants_and_ancestors_mirror_each_other(cells: list[Cell]) -> None:
    graph = connect(cells)
    for cell in cells:
        assert all(cell.id in graph.ancestors([below]) for below in graph.descendants([cell.id]))
        assert all(cell.id in graph.descendants([above]) for above in graph.ancestors([cell.id]))


# What is another one than before


def test_equal_cells_are_counted_from_the_top() -> None:
    cells = [Cell(id=cell_id, source="", digest=digest) for cell_id, digest in zip("abcd", "xyxx", strict=True)]
    graph = connect(cells)
    assert [graph.rank(cell_id) for cell_id in "abcd"] == [0, 0, 1, 2]


def test_a_cell_below_changes_nothing_for_those_above() -> None:
    cells = [task("a", "", "x"), task("b", "x", "y")]
    assert connect([*cells, task("c", "y", "x")]).changed_since(connect(cells)) == ("c",)


def test_a_cell_below_that_writes_what_one_above_reads_changes_that_one() -> None:
    cells = [task("a", "missing", "x"), task("b", "x", "y")]
    assert connect([*cells, task("c", "", "missing")]).changed_since(connect(cells)) == ("a", "c")


def test_a_cell_below_that_takes_the_name_of_one_above_changes_that_one() -> None:
    cells = [task("a", "", "x"), task("b", "x", "y")]
    assert connect([*cells, task("c", named="y")]).changed_since(connect(cells)) == ("b", "c")


def test_what_runs_taught_changes_the_cell_and_who_reads_it() -> None:
    cells = [task("a", "", "x"), task("b", "x"), task("c", "y"), task("d")]
    taught = connect(cells, {"b": Learned(writes=names("y"))})
    assert taught.changed_since(connect(cells)) == ("c",)
    assert connect(cells, {"d": Learned(reads=names("x"))}).changed_since(connect(cells)) == ("d",)


def test_another_text_or_order_may_change_all() -> None:
    cells = [task("a", "", "x"), task("b", "x", "y")]
    assert connect([task("a", "", "z"), cells[1]]).changed_since(connect(cells)) == ("a", "b")
    assert connect(cells[1:]).changed_since(connect(cells)) == ("b",)


@given(documents(), st.integers(0, 8))
def test_a_cell_that_is_not_told_of_is_connected_as_before(cells: list[Cell], kept: int) -> None:
    before, after = connect(cells[:kept]), connect(cells)
    for cell in {each.id for each in cells[:kept]} - set(after.changed_since(before)):
        assert after.upstream(cell) == before.upstream(cell)
        assert after.reads(cell) == before.reads(cell)
        assert after.problems.get(cell) == before.problems.get(cell)
        assert after.names.get(cell) == before.names.get(cell)


def test_what_a_cell_may_not_need_is_told_apart() -> None:
    cells = [
        task("a", "", "x"),
        task("b", "", "y"),
        task("words", "x", "", maybe="y"),
        task("all", "", "", everything=True),
    ]
    graph = connect(cells)
    assert graph.loosely_upstream("words") == ("b",)
    assert graph.loosely_upstream("all") == ("a", "b")
    assert graph.loosely_upstream("b") == ()


@given(documents())
def test_a_graph_is_extended_to_what_connecting_all_cells_makes(cells: list[Cell]) -> None:
    graph = connect([])
    for end, cell in enumerate(cells, start=1):
        extended, whole = graph.extended(cell), connect(cells[:end])
        assert extended in (None, whole)
        graph = whole


def test_a_cell_below_that_makes_what_a_task_above_reads_is_connected_with_all_others() -> None:
    graph = connect([task("a", "x", "y"), plain("b", "y", "z")])
    assert graph.extended(task("c", "", "x")) is None
    assert graph.extended(task("c", "", "y")) is None, "it cannot be called like a task above"
    assert graph.extended(task("c", "z", "w")) == connect([*graph.cells, task("c", "z", "w")])
