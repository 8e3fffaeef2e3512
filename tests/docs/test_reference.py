"""The reference names everything that a person can write, and links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prefect_jupyter.analysis.options import OPTIONS
from prefect_jupyter.core.triggers import TRIGGERS
from prefect_jupyter.kernel.magics import VERBS
from prefect_jupyter.kernel.session import Session
from prefect_jupyter.kernel.settings import Flow

PROJECT = Path(__file__).parents[2]
REFERENCE = PROJECT / "docs" / "reference"
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])


def first_cells(page: str) -> str:
    """The first column of every table of a page: what the page is a reference of."""
    rows = re.findall(r"^\| (.*?) \|", (REFERENCE / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return "\n".join(rows)


@pytest.mark.parametrize("flag", [flag for option in OPTIONS for flag in option.flags])
def test_every_header_option_is_in_the_reference(flag: str) -> None:
    assert re.search(rf"`{re.escape(flag)}[ `]", first_cells("header-options.md"))


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_trigger_is_in_the_reference(trigger: str) -> None:
    assert f"`{trigger}`" in first_cells("header-options.md")


def test_the_reference_names_no_option_that_does_not_exist() -> None:
    named = set(re.findall(r"`(--?[a-z][a-z-]*)", (REFERENCE / "header-options.md").read_text(encoding="utf-8")))
    assert named == {flag for option in OPTIONS for flag in option.flags}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_of_flow_is_in_the_reference_and_in_the_tutorial(verb: str) -> None:
    tutorial = (PROJECT / "notebooks" / "flights.ipynb").read_text(encoding="utf-8")
    for text in (first_cells("flow-magic.md"), tutorial):
        assert re.search(rf"`%flow {verb}[ `]", text)


def test_the_reference_names_no_verb_that_does_not_exist() -> None:
    named = set(re.findall(r"`%flow (\w+)", (REFERENCE / "flow-magic.md").read_text(encoding="utf-8")))
    assert named == set(VERBS)


@pytest.mark.parametrize("setting", sorted(Flow.class_trait_names(config=True)))
def test_every_setting_is_in_the_reference_with_its_default(setting: str) -> None:
    default = Flow.class_traits()[setting].default()
    assert f"| `{setting}` | `{default!r}` |" in (REFERENCE / "settings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("call", re.findall(r"`(\w+)\(", first_cells("python-api.md")))
def test_every_call_of_the_python_reference_exists(call: str) -> None:
    assert callable(getattr(Session, call))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset)=\"([^\"]+)\"", text)
    for target in targets:
        if not target.startswith(("https://", "#")):
            assert (page.parent / target.split("#")[0]).exists(), target
