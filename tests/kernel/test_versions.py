"""Which version of a name a cell sees where it stands."""

from __future__ import annotations

from prefect_jupyter.kernel.document import Document
from prefect_jupyter.kernel.versions import Version, Versions


def three_cells() -> tuple[Document, Versions]:
    document = Document()
    document.update(["a", "b", "c"], {"a": "df = 1", "b": "df = df + 1", "c": "df"})
    versions = Versions(document)
    versions.expect("a", frozenset({"df"}))
    versions.expect("b", frozenset({"df"}))
    versions.expect("c", frozenset())
    versions.rebuild()
    return document, versions


def made(cell: str, name: str = "df") -> Version:
    return Version(name=name, cell=cell)


def test_a_reader_sees_the_nearest_writer_above_it() -> None:
    _, versions = three_cells()
    first, second = made("a"), made("b")
    versions.record("a", {"df": first})
    versions.record("b", {"df": second})
    assert versions.seen_by("b", "df") is first
    assert versions.seen_by("c", "df") is second
    assert versions.seen_by("a", "df") is None
    assert versions.latest("df") is second


def test_a_writer_that_has_not_run_is_named() -> None:
    _, versions = three_cells()
    versions.record("a", {"df": made("a")})
    assert versions.seen_by("c", "df") == "b"


def test_a_writer_that_ran_without_writing_is_passed_over() -> None:
    _, versions = three_cells()
    first = made("a")
    versions.record("a", {"df": first})
    versions.record("b", {})
    assert versions.seen_by("c", "df") is first


def test_a_writer_whose_last_run_failed_is_not_passed_over() -> None:
    _, versions = three_cells()
    versions.record("a", {"df": made("a")})
    versions.record("b", {})
    versions.unsettled.add("b")
    assert versions.seen_by("c", "df") == "b"


def test_names_that_no_text_announced_count_as_written() -> None:
    _, versions = three_cells()
    hidden = made("b", "extra")
    versions.record("a", {})
    versions.record("b", {"extra": hidden})
    assert versions.seen_by("c", "extra") is hidden
    assert versions.seen_by("a", "extra") is None


def test_moving_a_writer_below_its_reader_hides_it() -> None:
    document, versions = three_cells()
    versions.record("a", {"df": made("a")})
    versions.record("b", {"df": made("b")})
    document.update(["c", "a", "b"], {})
    versions.rebuild()
    assert versions.seen_by("c", "df") is None
