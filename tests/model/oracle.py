"""Plain runs of notebooks in a process that does not know the project."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect_jupyter.oracle.plain import PlainResult
from tests.oracle.cells import OracleNotebook
from tests.oracle.kernels import Values
from tests.oracle.play import PlainRun

_KEPT_MAX = 200


@dataclass(slots=True)
class Sequential:
    """One plain run: `saw` says what each cell's body read where it started."""

    plain: PlainRun
    saw: dict[str, tuple[str, ...] | None] = field(default_factory=dict)

    def raises(self, cell_id: str) -> bool:
        return any(output["output_type"] == "error" for output in self.plain.results[cell_id].outputs)


class Oracle:
    """The bare process, and the runs that it has made already."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-E", "-S", str(Path(__file__).with_name("bare.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._known: dict[Any, Sequential] = {}

    def close(self) -> None:
        self._process.communicate()

    def run(self, notebook: OracleNotebook, folder: Path) -> Sequential:
        cells = [(cell.id, cell.source) for cell in notebook.cells]
        modules = tuple((path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.py")))
        key = (tuple(cells), modules)
        if key not in self._known:
            if len(self._known) >= _KEPT_MAX:
                self._known.clear()
            self._known[key] = self._ask(cells, folder)
        return self._known[key]

    def _ask(self, cells: list[tuple[str, str]], folder: Path) -> Sequential:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"cells": cells, "folder": str(folder)}) + "\n")
        self._process.stdin.flush()
        run = Sequential(PlainRun({}, {}))
        for found in json.loads(self._process.stdout.readline()):
            run.plain.results[found["id"]] = PlainResult(found["id"], tuple(found["outputs"]), 0.0)
            values = found["values"]
            run.plain.values[found["id"]] = Values(
                values["digests"], values["texts"], {(one, other) for one, other in values["shared"]}
            )
            run.saw[found["id"]] = tuple(found["saw"][0]) if found["saw"] else None
        return run
