"""Code in local modules: what was edited, what was reloaded, and exactly who reaches it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from prefect_jupyter.runtime.workspace import Workspace
from tests.oracle.kernels import LiveKernel

from .page import Page

DEEP = "def deep(x):\n    return x + 1\n\ndef other(x):\n    return -x\n"
DEEPER = DEEP.replace("x + 1", "x + 10")
MODULES = {
    "wdeep.py": DEEP,
    "wmid.py": "import wdeep\n\ndef mid(x):\n    return wdeep.deep(x) * 2\n",
    "wtop.py": "from wmid import mid\nfrom wdeep import other\n\ndef top(x):\n    return mid(x)\n",
}
CELLS = {
    "load": "import importlib, sys\nfrom wtop import top, other",
    "three_calls": "%%task three_calls\na = top(2)",
    "beside": "%%task beside\nb = other(2)",
    "inside": "%%task inside\nfrom wtop import top as own\nc = own(2)",
    "late": "%%task late\ndef f(x):\n    import wdeep\n    return wdeep.deep(x)\nd = f(1)",
    "plain": "e = top(5)",
    "below": "%%task below\ng = e + 1",
}
REACH_IT = {"three_calls", "inside", "late", "below"}
RELOAD = "importlib.reload(sys.modules['wdeep'])"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    with LiveKernel(tmp_path_factory.mktemp("workspace")) as kernel:
        yield kernel


@pytest.fixture
def page(kernel: LiveKernel) -> Page:
    page = Page(kernel)
    for name, text in MODULES.items():
        page.write(name, text)
    kernel.restart()
    page.show(**CELLS)
    page.run()
    assert page.stale() == set()
    return page


def edit(page: Page, text: str) -> None:
    """The editor saves another text, at a later time than the one before."""
    path = page.folder / "wdeep.py"
    before = path.stat().st_mtime_ns
    page.write("wdeep.py", text)
    os.utime(path, ns=(before + 2_000_000_000, before + 2_000_000_000))


def test_code_that_was_edited_but_not_reloaded_makes_no_claim_and_stores_nothing(page: Page) -> None:
    edit(page, DEEPER)
    assert page.stale() == REACH_IT
    why = page.why("three_calls")
    assert "unverified" in why
    assert "wdeep.py was edited on disk, not reloaded" in why
    assert "`return x + 1` → `return x + 10`" in why
    page.kernel.session("rerun('three_calls')")
    assert page.values("a") == ["6"]
    page.restart()
    page.run()
    assert page.stale() == set()
    assert page.values(*"abcdeg") == ["24", "-2", "24", "11", "30", "31"]


def test_comments_docstrings_and_layout_of_a_module_do_not_count(page: Page) -> None:
    edit(page, '"""Deep."""\n# one\ndef deep( x ):\n    """More."""\n    return (x + 1)\n\n\ndef other(x): return -x\n')
    assert page.stale() == set()
    before = page.executed()
    page.run("three_calls", "inside", "late")
    assert page.executed() == before


def test_reloading_makes_exactly_those_stale_that_reach_the_code(page: Page) -> None:
    edit(page, DEEPER)
    page.run_edited(reload=RELOAD)
    assert page.stale() == REACH_IT
    assert "code of wdeep.py changed" in page.why("late")
    assert "`return x + 1` → `return x + 10`" in page.why("late")
    page.run(*CELLS)
    assert page.stale() == set()
    assert page.values(*"abcdeg") == ["24", "-2", "24", "11", "30", "31"]


def test_what_a_cell_took_from_a_module_before_it_was_reloaded_is_the_old_one(page: Page) -> None:
    page.write("wtop.py", MODULES["wtop.py"].replace("return mid(x)", "return -mid(x)"))
    page.run_edited(reload="importlib.reload(sys.modules['wtop'])")
    assert "ran before wtop.py was reloaded" in page.why("three_calls")
    page.run("load", "three_calls")
    assert page.verdicts()["three_calls"] == "fresh"
    assert page.values("a") == ["-6"]


def test_autoreload_just_works_and_an_undone_edit_costs_nothing(page: Page) -> None:
    page.run_edited(auto="%load_ext autoreload\n%autoreload 2")
    edit(page, DEEPER)
    page.run(*CELLS)
    assert page.stale() == set()
    assert page.values(*"abcdeg") == ["24", "-2", "24", "11", "30", "31"]
    edit(page, DEEP)
    before = page.executed()
    page.run(*CELLS)
    assert page.executed() == before
    assert page.values(*"abcdeg") == ["6", "-2", "6", "2", "12", "13"]


# In this process


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "observed_module.py"
    path.write_text("LIMIT = 5\ndef f():\n    return 1\ndef g():\n    return LIMIT\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield path
    sys.modules.pop("observed_module", None)


def test_an_edit_concerns_those_who_reach_what_was_edited(module: Path) -> None:
    __import__("observed_module")
    workspace = Workspace()
    workspace.observe()
    assert workspace.edited(["observed_module:f", "observed_module:*"]) == []
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace("return 1", "return 100"), encoding="utf-8")
    assert workspace.edited(["observed_module:f"]) == [str(module)]
    assert workspace.edited(["observed_module:*"]) == [str(module)]
    assert workspace.edited(["observed_module:g", "another:f"]) == []
    module.write_text(text.replace("LIMIT = 5", "LIMIT = 55"), encoding="utf-8")
    assert workspace.edited(["observed_module:g"]) == [str(module)]


def test_a_file_that_is_no_python_any_more_counts_as_edited(module: Path) -> None:
    __import__("observed_module")
    workspace = Workspace()
    workspace.observe()
    module.write_text("def f(:\n", encoding="utf-8")
    assert workspace.edited(["observed_module:f"]) == [str(module)]
    assert workspace.text_on_disk(str(module)) == ""


def test_a_module_that_is_not_loaded_counts_as_it_is_on_disk(module: Path) -> None:
    workspace = Workspace()
    before = workspace.digest(str(module))
    module.write_text(dedent(module.read_text(encoding="utf-8")) + "# more\n", encoding="utf-8")
    assert workspace.digest(str(module)) == before
    module.write_text("def f():\n    return 2\n", encoding="utf-8")
    assert workspace.digest(str(module)) != before
    module.unlink()
    assert workspace.digest(str(module)) == ""
