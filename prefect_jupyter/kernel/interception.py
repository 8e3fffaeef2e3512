"""The one place where notebook cells are intercepted: every cell of the shell passes `on_cell` before it runs.

It must not decide anything: what a cell is and what happens to it is the session's business.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from IPython.core.interactiveshell import ExecutionResult, InteractiveShell


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One request to run a cell, as the shell got it. `original` runs it as IPython alone would."""

    text: str
    transformed: str
    cell_id: str | None
    options: dict[str, Any]
    original: Callable[..., Awaitable[ExecutionResult]]
    shell: InteractiveShell

    async def run(self, transformed: str | None = None, refusal: BaseException | None = None) -> ExecutionResult:
        """Runs the cell, or `transformed` in its place under the cell's own text, file name and history entry.

        `refusal` is shown instead of running anything.
        """
        options = dict(self.options)
        if refusal is not None:
            options["preprocessing_exc_tuple"] = (type(refusal), refusal, refusal.__traceback__)
        elif transformed is not None:
            options["preprocessing_exc_tuple"] = None
        return await self._original(transformed, options)

    async def run_again(self, transformed: str) -> ExecutionResult:
        """Runs `transformed` once more as the same cell: with the same number, and without another line of history."""
        options = {**self.options, "preprocessing_exc_tuple": None, "store_history": False}
        self.shell.execution_count -= 1
        try:
            return await self._original(transformed, options)
        finally:
            self.shell.execution_count += 1

    async def _original(self, transformed: str | None, options: dict[str, Any]) -> ExecutionResult:
        return await self.original(
            self.text, transformed_cell=self.transformed if transformed is None else transformed, **options
        )


class CellHandler(Protocol):
    """What the session offers to the interception."""

    def needs_loop(self, text: str, cell_id: str | None) -> bool | None:
        """Whether the cell may have to wait for something; None leaves it to IPython."""

    async def on_cell(self, execution: Execution) -> ExecutionResult:
        """Runs one cell from the notebook."""


class Interception:
    """Wraps `run_cell_async` and `should_run_async` of one shell.

    Cells that run inside another cell (`%run`, `get_ipython().run_cell`), in another thread or silently
    are passed on untouched.
    """

    def __init__(self, shell: InteractiveShell, handler: CellHandler) -> None:
        self._shell = shell
        self._handler = handler
        self._depth = 0
        self._installed = False
        self._thread = threading.main_thread()

    def install(self) -> None:
        if self._installed:
            return
        self._run_cell_async = self._shell.run_cell_async
        self._should_run_async = self._shell.should_run_async
        self._shell.run_cell_async = self._run  # type: ignore[method-assign]
        self._shell.should_run_async = self._decide  # type: ignore[method-assign]
        self._installed = True

    def uninstall(self) -> None:
        if not self._installed:
            return
        for name, bound in (("run_cell_async", self._run), ("should_run_async", self._decide)):
            # somebody else may have wrapped us since: then we stay inside, inert
            if vars(self._shell).get(name) == bound:
                delattr(self._shell, name)
        self._installed = False

    @property
    def original(self) -> Callable[..., Awaitable[ExecutionResult]]:
        """What IPython itself does with a cell."""
        return self._run_cell_async

    def original_decision(self, transformed: str) -> bool:
        """Whether IPython itself would run this code in the event loop."""
        return bool(self._should_run_async(transformed, transformed_cell=transformed, preprocessing_exc_tuple=None))

    @property
    def is_inside_a_cell(self) -> bool:
        return self._depth > 0

    def _is_ours(self, silent: bool) -> bool:
        return self._installed and not silent and self._depth == 0 and threading.current_thread() is self._thread

    def _decide(self, raw_cell: str, **options: Any) -> bool:
        needs_loop = None
        if self._is_ours(silent=False):
            needs_loop = self._handler.needs_loop(raw_cell, self._cell_id())
        return self._should_run_async(raw_cell, **options) if needs_loop is None else needs_loop

    async def _run(
        self,
        raw_cell: str,
        store_history: bool = False,
        silent: bool = False,
        shell_futures: bool = True,
        **options: Any,
    ) -> ExecutionResult:
        transformed = options.pop("transformed_cell", None)
        cell_id = options.get("cell_id")
        options |= {"store_history": store_history, "silent": silent, "shell_futures": shell_futures}
        execution = Execution(
            text=raw_cell,
            transformed=self._shell.transform_cell(raw_cell) if transformed is None else transformed,
            cell_id=cell_id,
            options=options,
            original=self._run_cell_async,
            shell=self._shell,
        )
        if not self._is_ours(silent or not store_history):
            return await execution.run()
        self._depth += 1
        try:
            return await self._handler.on_cell(execution)
        finally:
            self._depth -= 1

    def _cell_id(self) -> str | None:
        parent: Any = getattr(self._shell, "get_parent", dict)() or {}
        cell_id = parent.get("metadata", {}).get("cellId")
        return cell_id if isinstance(cell_id, str) else None
