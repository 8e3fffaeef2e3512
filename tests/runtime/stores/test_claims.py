"""One process at a time computes a key, whatever happens to it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from prefect_jupyter.runtime.stores.filesystem import FileSystem

from .entries import Said, disk, trace

ROOT = str(Path(__file__).parents[3])
_OTHER = """
import sys
sys.path[:0] = [{root!r}]
from pathlib import Path
from tests.runtime.stores.entries import disk
store = disk(Path({folder!r}))
for line in sys.stdin:
    act, key = line.split()
    print(getattr(store, act)(key), flush=True)
"""


class Other:
    """A store of the same folder in another process."""

    def __init__(self, folder: Path) -> None:
        program = _OTHER.format(root=ROOT, folder=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, act: str, key: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(act, key, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()


@contextmanager
def other(folder: Path) -> Iterator[Other]:
    started = Other(folder)
    with started.process:
        yield started
        started.process.kill()


def test_a_key_is_claimed_by_one_process_at_a_time_and_others_are_free(tmp_path: Path) -> None:
    store = disk(tmp_path)
    with other(tmp_path) as there:
        assert there("claim", "a") == "True"
        assert not store.claim("a")
        assert store.claim("b")
        assert there("claim", "b") == "False"
        there("release", "a")
        assert store.claim("a")
        store.release("b")
        assert there("claim", "b") == "True"
    store.close()


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    store = disk(tmp_path)
    with other(tmp_path) as there:
        assert there("claim", "a") == "True"
        assert not store.claim("a")
        there.process.kill()
        there.process.wait()
        assert store.claim("a")
    store.close()


def test_within_a_process_a_key_may_be_claimed_again_and_is_held_until_the_last_lets_go(tmp_path: Path) -> None:
    store = disk(tmp_path)
    with other(tmp_path) as there:
        assert store.claim("a")
        assert store.claim("a")
        store.release("a")
        assert store.has_claims
        assert there("claim", "a") == "False"
        store.release("a")
        store.release("a")
        assert not store.has_claims
        assert there("claim", "a") == "True"
    store.close()


def test_a_closed_store_holds_nothing(tmp_path: Path) -> None:
    store = disk(tmp_path)
    store.claim("a")
    store.close()
    with other(tmp_path) as there:
        assert there("claim", "a") == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")
def test_a_fork_neither_inherits_a_claim_nor_ends_its_parents(tmp_path: Path) -> None:
    store = disk(tmp_path)
    assert store.claim("a")
    child = os.fork()
    if child == 0:
        free = store.has_claims or store.claim("a")
        store.close()
        os._exit(1 if free else 0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with other(tmp_path) as there:
        assert there("claim", "a") == "False"
    store.close()


def test_claims_hold_after_the_cache_was_removed(tmp_path: Path) -> None:
    import shutil

    store = disk(tmp_path)
    assert store.claim("a")
    store.release("a")
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").mkdir(mode=0o700)
    assert store.claim("a")
    with other(tmp_path) as there:
        assert there("claim", "a") == "False"
    store.close()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES, errno.EIO])
def test_where_locks_do_not_work_everybody_computes_and_nobody_complains(tmp_path: Path, code: int) -> None:
    class Lockless(FileSystem):
        def try_lock(self, descriptor: int, position: int) -> bool:
            raise OSError(code, os.strerror(code))

    said = Said()
    stores = [disk(tmp_path, said, Lockless()) for _ in range(2)]
    assert [store.claim("a") for store in stores] == [True, True]
    for store in stores:
        store.put(trace("a"))
        store.release("a")
        store.close()
    assert disk(tmp_path).traces("a") == [trace("a")]
    assert said == []
