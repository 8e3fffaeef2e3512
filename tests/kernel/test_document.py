"""Order and texts of the notebook, as front ends and executions tell them."""

from __future__ import annotations

from prefect_jupyter.kernel.document import Document


def test_an_execution_without_an_id_is_a_new_cell_at_the_end() -> None:
    document = Document()
    first = document.executed(None, "x = 1", 1)
    second = document.executed(None, "x = 1", 2)
    assert document.order == [first, second]
    assert document.label(second) == "[2]"


def test_a_cell_with_an_id_stays_where_it_is() -> None:
    document = Document()
    document.executed("a", "x = 1", 1)
    document.executed("b", "y = 1", 2)
    document.executed("a", "x = 2", 3)
    assert document.order == ["a", "b"]
    assert document.texts["a"] == "x = 2"
    assert document.label("a") == "[3]"


def test_an_unannounced_cell_goes_behind_the_one_that_ran_last() -> None:
    document = Document()
    document.update(["a", "b", "c"], {"a": "1", "b": "2", "c": "3"})
    document.executed("b", "2", 1)
    document.executed("new", "4", 2)
    assert document.order == ["a", "b", "new", "c"]


def test_an_update_names_what_changed() -> None:
    document = Document()
    document.update(["a", "b"], {"a": "1", "b": "2"})
    assert document.update(["a", "b"], {"a": "1"}) == set()
    assert document.update(None, {"b": "3"}) == {"b"}
    assert document.update(["a"], {}) == {"b"}
    assert document.update(["a", "c"], {"c": "4"}) == {"c"}


def test_moving_cells_changes_all_of_them() -> None:
    document = Document()
    document.update(["a", "b"], {"a": "1", "b": "2"})
    assert document.update(["b", "a"], {}) == {"a", "b"}


def test_cells_without_a_text_are_not_code() -> None:
    document = Document()
    document.update(["a", "prose", "b"], {"a": "1", "b": "2"})
    assert document.order == ["a", "b"]


def test_a_label_says_what_a_person_would_say() -> None:
    document = Document()
    document.update(["a", "b"], {"a": "1", "b": "2"})
    assert document.label("b") == "cell 2"
    document.executed("b", "2", 7)
    assert document.label("b") == "[7]"
    document.update(["a"], {})
    assert document.label("b") == "[7] (deleted)"
