"""`python -m tests.differential PYTHON FIRST STOP`: compare these pipelines; PYTHON has prefect 1.4.1.

    python3.11 -m venv reference
    reference/bin/pip install prefect==1.4.1 'marshmallow<4' dask==2022.12.1 distributed==2022.12.1 \\
        'cloudpickle<3' 'importlib-metadata<5' 'setuptools<81'
    python -m tests.differential reference/bin/python 1000 2000

`python tests/differential/reference.py 0 1000 > tests/differential/answers.jsonl` with that Python records what
the test compares with.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.oracle.kernels import LiveKernel

from . import ours
from .compare import differences


def main() -> int:
    python, first, stop = sys.argv[1], *map(int, sys.argv[2:4])
    script = Path(__file__).with_name("reference.py")
    asked = subprocess.run([python, str(script), str(first), str(stop)], capture_output=True, text=True, check=True)
    found: list[str] = []
    with tempfile.TemporaryDirectory() as folder, LiveKernel(Path(folder)) as kernel:
        kernel.run_cell("helpers", ours.HELPERS)
        for line in asked.stdout.splitlines():
            number, reference = json.loads(line)
            found += differences(number, reference, ours.run(kernel, number))[0]
    print("\n".join([*found, f"{len(found)} differences in {stop - first} pipelines"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
