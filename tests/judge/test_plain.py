from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from prefect_jupyter.oracle.plain import PlainCell, PlainRunError, plain_source, run_plainly

ROOT = Path(__file__).parents[2]
WRITES_ITS_PID = "import os; open('tmp', 'w').write(str(os.getpid())); os.rename('tmp', 'pid')"


def cells_of(*sources: str) -> list[PlainCell]:
    return [PlainCell(f"c{number}", source) for number, source in enumerate(sources)]


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("%%task clean --retries 3\ndf = 1", "#\ndf = 1"),
        ("\n\n%%task clean\ndf = 1", "\n\n#\ndf = 1"),
        ("%%task\n%%time\ndf = 1", "\n%%time\ndf = 1"),
        ("#| task: clean\ndf = 1", "#| task: clean\ndf = 1"),
        ("%%tasks\ndf = 1", "%%tasks\ndf = 1"),
        ("%load_ext prefect_jupyter", "pass"),
        ("%reload_ext prefect_jupyter\n1", "pass\n1"),
        ("%load_ext autoreload", "%load_ext autoreload"),
        ("if x:\n    %flow show", "if x:\n    pass"),
        ("plan = %flow plan --all\nplan", "plan = None\nplan"),
        ("%config Flow.stop_on_error = True", "pass"),
        ("%config InlineBackend.figure_format = 'svg'", "%config InlineBackend.figure_format = 'svg'"),
        ('text = """\n%flow show\n"""', 'text = """\n%flow show\n"""'),
        ("it's = 1  # don't\n%flow", "it's = 1  # don't\npass"),
        ("a = '\\''\n%flow\nb = \"'\"", "a = '\\''\npass\nb = \"'\""),
        ("%flowchart", "%flowchart"),
    ],
)
def test_a_task_cell_loses_what_makes_it_a_task_and_no_line_moves(written: str, plain: str) -> None:
    assert plain_source(written) == plain
    assert plain.count("\n") == written.count("\n")


def test_cells_run_from_the_top_in_one_kernel_and_an_error_stops_nothing(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    results = run_plainly(
        cells_of(
            "%%task first\nx = 1\nx",
            "print('before'); 1/0",
            "await __import__('asyncio').sleep(0)\nprint(x); print('and', x)",
            "from IPython.display import clear_output, display, update_display\nprint('gone'); clear_output(True); x",
            "h = display('old', display_id='h')",
            "update_display('new', display_id='h')",
            "import os; os.getcwd()",
            "input('name')",
        ),
        tmp_path,
        60,
        on_progress=lambda *step: steps.append(step),
    )
    assert steps == [(f"c{number}", number, 8) for number in range(8)]
    shown = [
        [output.get("text") or output.get("ename") or output["data"]["text/plain"] for output in result.outputs]
        for result in results
    ]
    assert shown == [
        ["1"],
        ["before\n", "ZeroDivisionError"],
        ["1\nand 1\n"],
        ["1"],
        ["'new'"],
        [],
        [repr(str(tmp_path))],
        ["StdinNotImplementedError"],
    ]


def test_lines_keep_their_numbers_below_a_header(tmp_path: Path) -> None:
    line = "__import__('inspect').currentframe().f_lineno"
    results = run_plainly(cells_of(f"%%task a\n{line}", f"#| task: b\n{line}"), tmp_path, 60)
    assert [result.outputs[0]["data"]["text/plain"] for result in results] == ["2", "2"]


def test_set_up_is_silent_and_the_probe_sees_the_names_after_each_cell(tmp_path: Path) -> None:
    results = run_plainly(cells_of("x += 1", "raise ValueError"), tmp_path, 60, setup="x = 41; print('no')", probe="x")
    assert [result.probed for result in results] == ["42", "42"]
    assert results[0].outputs == ()


def test_the_kernel_has_the_given_environment(tmp_path: Path) -> None:
    environment = {**os.environ, "SAID": "so"}
    [result] = run_plainly(cells_of("import os; os.environ['SAID']"), tmp_path, 60, env=environment)
    assert result.outputs[0]["data"]["text/plain"] == "'so'"


def test_a_cell_that_does_not_end_is_named_and_its_kernel_is_gone(tmp_path: Path) -> None:
    with pytest.raises(PlainRunError, match=r"in cell c1: allow more time") as caught:
        run_plainly(cells_of("import os; os.getpid()", "while True: pass"), tmp_path, 4)
    [first] = caught.value.results
    assert not psutil.pid_exists(int(first.outputs[0]["data"]["text/plain"]))


def test_a_kernel_that_dies_is_reported_with_the_cell(tmp_path: Path) -> None:
    with pytest.raises(PlainRunError, match="died in cell c1"):
        run_plainly(cells_of("1", "import os; os._exit(3)"), tmp_path, 60)


def test_it_runs_where_an_event_loop_is_already_running(tmp_path: Path) -> None:
    async def within_a_kernel() -> str:
        [result] = run_plainly(cells_of("6 * 7"), tmp_path, 60)
        return str(result.outputs[0]["data"]["text/plain"])

    assert asyncio.run(within_a_kernel()) == "42"


def test_what_on_progress_raises_ends_the_run_and_the_kernel(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(cell: str, done: int, total: int) -> None:
        if done:
            raise EnoughError

    with pytest.raises(EnoughError):
        run_plainly(
            cells_of("import os; open('pid', 'w').write(str(os.getpid()))", "while True: pass"), tmp_path, 60, stop
        )
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_ctrl_c_ends_the_run_and_the_kernel(tmp_path: Path) -> None:
    program = f"""
        from prefect_jupyter.oracle.plain import PlainCell, run_plainly
        run_plainly([PlainCell("a", {WRITES_ITS_PID!r}), PlainCell("b", "while True: pass")], ".", 60)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    ready = tmp_path / "pid"
    while not ready.exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert not psutil.pid_exists(int(ready.read_text()))


def plainly(source: str, **names: object) -> dict[str, object]:
    """What a cell without magics leaves in the namespace when it runs plainly."""
    namespace: dict[str, object] = dict(names)
    exec(plain_source(source), namespace)
    return {name: value for name, value in namespace.items() if not name.startswith("__") and name not in names}


def test_a_mapped_cell_runs_as_a_loop_that_collects_what_it_makes() -> None:
    made = plainly(
        '%%task a --map "x, y in pairs" --map z in zs\nq = x + y + z\nfor i in []:\n    pass', pairs=[(1, 2)], zs=[3, 4]
    )
    assert made == {"q": [6]}
    assert plainly("#| task: a --map x in xs -o r\nq = x\nr = -x", xs=[1, 2]) == {"q": 2, "r": [-1, -2]}


def test_each_element_starts_with_the_names_as_they_were() -> None:
    namespace: dict[str, object] = {"n": 10}
    exec(plain_source("%%task a --map x in (1,2)\nn = n + x"), namespace)
    assert namespace["n"] == [11, 12]


def test_a_cell_with_a_condition_runs_under_it() -> None:
    assert plainly("%%task a --when 'n > 1'\nq = n", n=1) == {}
    assert plainly("%%task a --when='n > 1' --retries 2\nq = n", n=2) == {"q": 2}
    assert plainly("%%task a --map x in xs --when x\nq = x", xs=[0, 1]) == {"q": [None, 1]}


def test_a_mapped_cell_that_awaits_is_awaited() -> None:
    assert plain_source("%%task a --map x in xs\nawait f(x)").startswith("await __import__(")
