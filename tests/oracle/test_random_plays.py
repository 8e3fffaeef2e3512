"""Small notebooks, clicked at random in real kernels: what is fresh at any moment equals a sequential run of the text.

Thousands of clicks, without kernels, are in `tests/model`; these few see the messages as well.
"""

from __future__ import annotations

import ast
import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from prefect_jupyter.oracle.plain import PlainResult, plain_source

from . import probe
from .cells import OracleCell, OracleNotebook
from .kernels import CommandRefusedError, LiveKernel
from .play import PlainRun, Player, Values, judge, judge_values

Action = tuple[str, int, str]

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "6"))

_FIRST = "a = 1\nb = 2\nc = 3\nL = [0]\nM = L\ndef f(v): return v + a"
_TEXTS = (
    "{x} = {n}",
    "{x} = {y} + {n}",
    "{x} = {y} + {z}\n{x}",
    "{x} += {n}",
    "{x} = {y}; {y} = {n}",
    "L = [{x}]",
    "L.append({x})",
    "L.append({n})\nprint(L)",
    "M = L",
    "M += [{n}]",
    "L = L + [{x}]\nlen(L)",
    "M = [L, L]",
    "{x} = len(M)",
    "print(L, M)",
    "def f(v): return v + {x}",
    "def f(v): return v * {n}",
    "def g(v): return f(v) * {n}",
    "{x} = f({y})\n{x}",
    "print(f({n}))",
    "print(g({x}))",
    "def bump():\n    global {x}\n    {x} += 1\n    return {x}",
    "bump()",
    "{x} = bump()",
    "def grow(): L.append({n})",
    "grow()",
    "{x}",
    "print({x}, {y})",
    "for i in range({n}): {x} = i",
    "print(i)",
    "if {x} > {n}: {y} = 0",
    "{x} = max(L + [{n}])",
    "del {x}",
    "1 / 0",
    "{x} = {n}; {y} = 1 / 0",
    "try:\n    {x}\nexcept NameError:\n    {x} = {n}",
    "G = iter(range({n}, 9))",
    "{x} = next(G)\n{x}",
    "exec('{x} = {n}')",
    "{x} = eval('{y} + 1')",
    "globals()['{x}'] = {n}",
    "adders = [lambda v: v + {x}, f]",
    "adders[0]({n}), adders[1]({n})",
    "D = {{'k': L}}",
    "D['k'].append({x})\nD",
    "D['{y}'] = {x}",
)
names = st.sampled_from("abc")
numbers = st.integers(0, 5)


@st.composite
def texts(draw: Callable[..., Any]) -> str:
    body = draw(st.sampled_from(_TEXTS)).format(x=draw(names), y=draw(names), z=draw(names), n=draw(numbers))
    header = draw(st.sampled_from(("%%task\n", "#| task:\n", "%%task\n", "")))
    return f"{header}{body}"


actions = st.one_of(
    st.tuples(st.just("run"), st.integers(0, 11), st.just("")),
    st.tuples(st.just("run all"), st.just(0), st.just("")),
    st.tuples(st.just("edit"), st.integers(0, 11), texts()),
    st.tuples(st.just("edit and run"), st.integers(0, 11), texts()),
    st.tuples(st.just("insert"), st.integers(0, 11), texts()),
    st.tuples(st.just("delete"), st.integers(1, 11), st.just("")),
    st.tuples(st.just("move"), st.integers(1, 11), st.sampled_from(("up", "down"))),
    st.tuples(st.just("restart"), st.just(0), st.just("")),
    st.tuples(st.just("press run"), st.just(0), st.just("")),
    st.tuples(st.just("decide"), st.integers(0, 11), st.sampled_from(("accept", "pin", "unpin"))),
    st.tuples(st.just("forget"), st.integers(0, 99), st.just("")),
)


def sequentially(notebook: OracleNotebook) -> PlainRun:
    """A run from the top by `exec` alone, in a dictionary of its own."""
    space: dict[str, Any] = {"__name__": "__main__"}
    shell = SimpleNamespace(user_ns=space, user_ns_hidden={})
    run = PlainRun({}, {})
    for cell in notebook.cells:
        outputs = _executed(plain_source(cell.source), space)
        run.results[cell.id] = PlainResult(cell.id, tuple(outputs), 0.0)
        run.values[cell.id] = _values(shell)
    return run


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
                outputs.append({"output_type": "execute_result", "data": {"text/plain": repr(value)}, "metadata": {}})
        except Exception as error:
            outputs.append({"output_type": "error", "ename": type(error).__name__, "evalue": str(error)})
    return [{"output_type": "stream", "name": "stdout", "text": stdout.getvalue()}, *outputs]


def _values(shell: Any) -> Values:
    import json

    found = json.loads(probe.report(probe.names_of(shell)))
    return Values(found["digests"], found["texts"], {(one, other) for one, other in found["shared"]})


def _act(player: Player, action: Action) -> None:
    verb, number, text = action
    ids = [cell.id for cell in player.notebook.cells]
    cell_id = ids[number % len(ids)]
    at = ids.index(cell_id)
    match verb:
        case "run":
            player.run(cell_id)
        case "run all":
            player.run_all()
        case "edit":
            player.write(cell_id, text)
        case "edit and run":
            player.write(cell_id, text)
            player.run(cell_id)
        case "insert":
            new = OracleCell(f"n{len(player.told)}x{number}x{abs(hash(text)) % 10**6}", text)
            cells = list(player.notebook.cells)
            if new.id not in ids:
                cells.insert(at + 1, new)
            player.notebook = OracleNotebook("n", tuple(cells))
        case "delete" if at:
            player.delete(cell_id)
        case "move" if at:
            other = max(1, at - 1) if text == "up" else min(len(ids) - 1, at + 1)
            ids[at], ids[other] = ids[other], ids[at]
            player.order(*ids)
        case "restart":
            player.restart()
        case "press run":
            # A notebook with a reader above its only writer is refused whole.
            with contextlib.suppress(CommandRefusedError):
                player.press("run")
        case "decide":
            # What is no task, has no result or no decision is refused.
            with contextlib.suppress(CommandRefusedError):
                player.press(text, cell_id)
        case "forget":
            player.forget(0.5, number)


def _text(notebook: OracleNotebook) -> str:
    return "\n".join(f"--- {cell.id}\n{cell.source}" for cell in notebook.cells)


def play_and_judge(sources: list[str], script: list[Action], folder: Path) -> list[str]:
    """What is wrong after each step, in words."""
    cells = (OracleCell("c0", _FIRST), *(OracleCell(f"c{n}", source) for n, source in enumerate(sources, 1)))
    found: list[str] = []
    with LiveKernel(folder, cell_timeout_s=20) as kernel:
        player = Player(OracleNotebook("n", cells), kernel, by_id=True)
        for step, action in enumerate([("run all", 0, ""), *script]):
            _act(player, action)
            result = player.result()
            differences = judge(result, sequentially(result.notebook))
            found += [f"after step {step} {action}: {difference}" for difference in differences]
            if found:
                return [*found, _text(result.notebook)]
        plain = sequentially(result.notebook)
        names = plain.made_by(result.fresh(), result.notebook)
        found += [f"at the end: {difference}" for difference in judge_values(player.values(names), plain, names)]
        if found:
            found.append(_text(result.notebook))
    return found


# A play that goes wrong is told as it is: to shorten it would take a kernel for each try.
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="ORACLE_EXAMPLES" not in os.environ,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(texts(), min_size=2, max_size=8), st.lists(actions, min_size=1, max_size=8))
def test_what_is_fresh_after_any_clicks_equals_a_sequential_run(sources: list[str], script: list[Action]) -> None:
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        found = play_and_judge(sources, script, Path(folder))
    assert not found, "\n".join([*found, f"{sources = }", f"{script = }"])
