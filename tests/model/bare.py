"""Runs notebooks from the top by `exec` alone, one for each line of its input, each in a process of its own.

It must not import the project: it is what the project is measured by.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE), str(_HERE.parent / "oracle")]

import probe  # noqa: E402
import witness  # noqa: E402

_HEADERS = ("%%task", "#| task:", "# | task:")


def body_of(source: str) -> str:
    first, _, rest = source.partition("\n")
    return rest if first.startswith(_HEADERS) else source


def run(cells: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """What each cell shows, what it saw, and the values there are after it."""
    space: dict[str, Any] = {"__name__": "__main__"}
    saw: list[list[str]] = []
    builtins.ran = lambda *values: saw.append([witness.described(value, probe.digest_of) for value in values])
    results = []
    for cell_id, source in cells:
        saw.clear()
        outputs = _executed(body_of(source), space)
        names = {name: value for name, value in space.items() if not name.startswith("_")}
        results.append({"id": cell_id, "outputs": outputs, "saw": list(saw), "values": json.loads(probe.report(names))})
    return results


def _executed(source: str, space: dict[str, Any]) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    outputs: list[dict[str, Any]] = []
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        try:
            exec(compile(tree, "cell", "exec"), space)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), space) if last else None
            if value is not None:
                space["_"] = value
                outputs.append({"output_type": "execute_result", "data": {"text/plain": repr(value)}, "metadata": {}})
        except Exception as error:
            outputs.append({"output_type": "error", "ename": type(error).__name__, "evalue": str(error)})
    return [{"output_type": "stream", "name": "stdout", "text": stdout.getvalue()}, *outputs]


def serve() -> None:
    """Answers each line `{"cells": [[id, source], …], "folder": …}` with one line."""
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os.chdir(asked["folder"])
            sys.path.insert(0, asked["folder"])
            answer = json.dumps(run(asked["cells"]))
            sys.stdout.write(f"{answer}\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    serve()
