from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .cells import OracleNotebook, notebooks
from .scenarios import play_all

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("notebook", notebooks(), ids=lambda notebook: notebook.name)
def test_whatever_a_person_does_what_is_fresh_equals_a_plain_run(notebook: OracleNotebook, tmp_path: Path) -> None:
    found = [f"{phase.name}: {finding}" for phase in play_all(notebook, tmp_path) for finding in phase.findings]
    assert not found, "\n" + "\n".join(found)
