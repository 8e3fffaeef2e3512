"""The rules of the TypeScript side that a tool can check, and its own tests."""

from __future__ import annotations

import pytest

from prefect_jupyter.view.typescript import typescript
from tests.toolchain import ROOT, node

pytestmark = pytest.mark.toolchain


def test_the_protocol_in_typescript_is_current() -> None:
    written = (ROOT / "labextension" / "src" / "protocol.ts").read_text()
    assert written == typescript(), "run `python -m prefect_jupyter.view.protocol`"


def test_types_hold_under_strict_tsc() -> None:
    node("tsc", "-p", "labextension/tests")


def test_eslint_finds_nothing() -> None:
    node("eslint", "--max-warnings", "0", "labextension")


def test_vitest_passes() -> None:
    node("vitest", "run")
