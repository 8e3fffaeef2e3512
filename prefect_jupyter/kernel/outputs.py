"""What a task prints, shows and returns, recorded while it streams on as usual, and shown again later.

It must not know tasks or stores: it turns the output of whatever runs under a `Capture` into nbformat v4 outputs.
"""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, TextIO

from IPython.core.interactiveshell import InteractiveShell

from ..runtime.signals import NO_ERRORS

RawOutput = dict[str, Any]

_current: ContextVar[Capture | None] = ContextVar("prefect_jupyter_capture", default=None)

STREAM_CHARACTERS_MAX = 1_000_000
LINE_CHARACTERS_MAX = 10_000


class Capture:
    """Records the outputs of the code that runs under it.

    With `through` they also appear where the code runs, as without us. Otherwise `sink` gets
    ("append", output) and ("clear", None) as they happen, for a page that shows them elsewhere.
    """

    def __init__(self, *, through: bool = True, sink: Callable[[str, RawOutput | None], None] | None = None) -> None:
        self.through = through
        self.outputs: list[RawOutput] = []
        self._sink = sink
        self._lock = threading.Lock()
        self._characters = 0
        self._dropped = 0
        self._clear_first = False
        self._display_ids: dict[str, RawOutput] = {}

    def stream(self, name: str, text: str) -> str:
        """Records `text` and returns the part of it that should be shown: huge output is cut before it is published."""
        with self._lock:
            text = self._admitted(text)
            if not text:
                return ""
            self._clear_if_due()
            last = self.outputs[-1] if self.outputs else None
            if last is not None and last["output_type"] == "stream" and last["name"] == name:
                last["text"] += text
            else:
                self.outputs.append({"output_type": "stream", "name": name, "text": text})
        self._tell("append", {"output_type": "stream", "name": name, "text": text})
        return text

    def display(
        self, data: dict[str, Any], metadata: dict[str, Any] | None, transient: dict[str, Any] | None, *, update: bool
    ) -> None:
        output = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
        display_id = (transient or {}).get("display_id")
        with self._lock:
            if update:
                known = self._display_ids.get(display_id or "")
                if known is not None:
                    known["data"], known["metadata"] = output["data"], output["metadata"]
                return
            self._clear_if_due()
            self.outputs.append(output)
            if display_id:
                self._display_ids[display_id] = output
        self._tell("append", output)

    def result(self, data: dict[str, Any], metadata: dict[str, Any] | None, execution_count: int | None) -> None:
        self._add(
            {
                "output_type": "execute_result",
                "data": data,
                "metadata": metadata or {},
                "execution_count": execution_count,
            }
        )

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        self._add({"output_type": "error", "ename": name, "evalue": value, "traceback": traceback})

    def clear(self, *, wait: bool) -> None:
        with self._lock:
            self._clear_first = wait
            if wait:
                return
            self._forget()
        self._tell("clear", None)

    def finish(self) -> list[RawOutput]:
        """The outputs as a notebook keeps them: carriage returns collapsed, and a word on what was dropped."""
        with self._lock:
            if self._dropped:
                self.outputs.append(
                    {"output_type": "stream", "name": "stderr", "text": f"\n… {self._dropped:,} characters dropped\n"}
                )
                self._dropped = 0
            return [
                {**output, "text": collapse_carriage_returns(output["text"])}
                if output["output_type"] == "stream"
                else output
                for output in self.outputs
            ]

    def lines(self) -> list[str]:
        """What has been printed so far. From any thread."""
        with self._lock:
            return "".join(each["text"] for each in self.outputs if each["output_type"] == "stream").splitlines()

    def _add(self, output: RawOutput) -> None:
        with self._lock:
            self._clear_if_due()
            self.outputs.append(output)
        self._tell("append", output)

    def _clear_if_due(self) -> None:
        if self._clear_first:
            self._clear_first = False
            self._forget()
            self._tell("clear", None)

    def _forget(self) -> None:
        self.outputs.clear()
        self._display_ids.clear()
        self._characters = 0

    def _admitted(self, text: str) -> str:
        if len(text) > LINE_CHARACTERS_MAX:
            text = "".join(_cut_line(line) for line in text.splitlines(keepends=True))
        room = STREAM_CHARACTERS_MAX - self._characters
        shown = text[: max(0, room)]
        self._characters += len(shown)
        self._dropped += len(text) - len(shown)
        return shown

    def _tell(self, operation: str, output: RawOutput | None) -> None:
        if self._sink is not None:
            self._sink(operation, output)


def _cut_line(line: str) -> str:
    if len(line) <= LINE_CHARACTERS_MAX:
        return line
    end = "\n" if line.endswith("\n") else ""
    return f"{line[:LINE_CHARACTERS_MAX]}… {len(line) - LINE_CHARACTERS_MAX:,} characters dropped{end}"


def collapse_carriage_returns(text: str) -> str:
    """What is left of `text` on a screen: a progress bar's last state, not each of its states."""
    if "\r" not in text:
        return text
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join(_overwritten(line) for line in lines)


def _overwritten(line: str) -> str:
    shown = ""
    for part in line.split("\r"):
        shown = part + shown[len(part) :]
    return shown


class _Proxy(io.TextIOBase):
    """Stands in `sys.stdout` or `sys.stderr`; everything that it does not know is the stream's own."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.wrapped = stream
        self._name = name

    def write(self, text: str) -> int:
        capture = _current.get()
        if capture is None:
            return self.wrapped.write(text)
        shown = capture.stream(self._name, text)
        if shown and capture.through:
            self.wrapped.write(shown)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if not self.wrapped.closed:
            self.wrapped.flush()

    def isatty(self) -> bool:
        return self.wrapped.isatty()

    def fileno(self) -> int:
        return self.wrapped.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.wrapped.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


class Outputs:
    """Puts the capture into one shell's streams, displays, results and tracebacks, and takes it out again."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._undo: list[Callable[[], None]] = []
        self.latest: Capture | None = None

    def install(self) -> None:
        if self._undo:
            return
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            setattr(sys, name, _Proxy(stream, name))
            self._undo.append(lambda name=name, stream=stream: setattr(sys, name, stream))  # type: ignore[misc]
        publisher = self._shell.display_pub
        self._shadow(publisher, "publish", self._publish(publisher.publish))
        self._shadow(publisher, "clear_output", self._clear_output(publisher.clear_output))
        self._shadow(self._shell, "_showtraceback", self._showtraceback(self._shell._showtraceback))
        hook: Any = self._shell.displayhook
        if hasattr(hook, "register_hook"):
            hook.register_hook(self._on_result)
            self._undo.append(lambda: hook.unregister_hook(self._on_result))

    def uninstall(self) -> None:
        while self._undo:
            self._undo.pop()()

    @contextlib.contextmanager
    def capture(
        self, *, through: bool = True, sink: Callable[[str, RawOutput | None], None] | None = None, figures: bool = True
    ) -> Iterator[Capture]:
        """Records what runs in this block, in this thread and in those started with its context.

        With `figures` those that are open at its end are shown, for which it has to be the main thread.
        """
        capture = self.latest = Capture(through=through, sink=sink)
        token = _current.set(capture)
        try:
            yield capture
            if figures:
                flush_figures()
        finally:
            _current.reset(token)

    def clear(self) -> None:
        """Takes away what the cell that runs now shows."""
        self._shell.display_pub.clear_output(False)

    def show_error(self, error: BaseException) -> BaseException:
        """Shows an error that no code raised as that of the cell that runs now, and returns it."""
        self._shell.showtraceback((type(error), error, error.__traceback__))
        return error

    def replay(self, outputs: list[RawOutput] | tuple[RawOutput, ...]) -> None:
        """Shows recorded outputs in the cell that runs now (or in the capture that is on)."""
        for output in outputs:
            kind = output["output_type"]
            if kind == "stream":
                getattr(sys, output["name"]).write(output["text"])
            elif kind == "execute_result":
                self._replay_result(output)
            elif kind == "display_data":
                self._shell.display_pub.publish(output["data"], output["metadata"])
            elif kind == "error":
                # what a failing `repr` printed: the cell itself has not failed
                named = type(output["ename"], (Exception,), {})
                self._shell._showtraceback(named, named(output["evalue"]), output["traceback"])

    def _replay_result(self, output: RawOutput) -> None:
        capture = _current.get()
        hook: Any = self._shell.displayhook
        if capture is not None:
            capture.result(output["data"], output["metadata"], self._shell.execution_count)
        if capture is not None and not capture.through:
            return
        if hasattr(hook, "session") and hook.session is not None:
            sys.stdout.flush()
            sys.stderr.flush()
            content = {k: output[k] for k in ("data", "metadata")} | {"execution_count": self._shell.execution_count}
            hook.session.send(hook.pub_socket, "execute_result", content, hook.parent_header, ident=hook.topic)
        else:
            print(output["data"].get("text/plain", ""))

    def _shadow(self, owner: Any, name: str, replacement: Any) -> None:
        had = name in vars(owner)
        before = getattr(owner, name)
        setattr(owner, name, replacement)
        self._undo.append(lambda: setattr(owner, name, before) if had else delattr(owner, name))

    def _publish(self, original: Callable[..., None]) -> Callable[..., None]:
        def publish(
            data: dict[str, Any],
            metadata: dict[str, Any] | None = None,
            *arguments: Any,
            transient: dict[str, Any] | None = None,
            update: bool = False,
            **keywords: Any,
        ) -> None:
            capture = _current.get()
            if capture is None:
                return original(data, metadata, *arguments, transient=transient, update=update, **keywords)
            capture.display(_plain(data), metadata, transient, update=update)
            if capture.through:
                return original(data, metadata, *arguments, transient=transient, update=update, **keywords)
            return None

        return publish

    def _clear_output(self, original: Callable[..., None]) -> Callable[..., None]:
        def clear_output(wait: bool = False) -> None:
            capture = _current.get()
            if capture is not None:
                capture.clear(wait=wait)
            if capture is None or capture.through:
                original(wait)

        return clear_output

    def _showtraceback(self, original: Callable[..., None]) -> Callable[..., None]:
        def showtraceback(etype: type[BaseException], value: BaseException, traceback: list[str] | str) -> None:
            capture = _current.get()
            if capture is not None and issubclass(etype, NO_ERRORS):
                return  # it says how the task goes on, which its row shows
            if capture is not None:
                lines = [traceback] if isinstance(traceback, str) else list(traceback)
                capture.error(etype.__name__, safe_text(value), lines)
                if not capture.through:
                    self._shell._last_traceback = lines  # type: ignore[attr-defined]
                    return
            original(etype, value, traceback)

        return showtraceback

    def _on_result(self, message: dict[str, Any]) -> dict[str, Any] | None:
        capture = _current.get()
        if capture is None:
            return message
        content = message["content"]
        capture.result(_plain(content["data"]), content.get("metadata"), content.get("execution_count"))
        return message if capture.through else None


def joined(outputs: Iterable[RawOutput]) -> list[RawOutput]:
    """`outputs` with pieces of one stream that follow each other as one."""
    found: list[RawOutput] = []
    for output in outputs:
        last = found[-1] if found else None
        is_stream = last is not None and output["output_type"] == "stream" == last["output_type"]
        if last is not None and is_stream and last["name"] == output["name"]:
            found[-1] = {**last, "text": last["text"] + output["text"]}
        else:
            found.append(output)
    return found


def safe_text(value: object) -> str:
    """`str(value)`, also for an exception whose own `__str__` raises."""
    try:
        return str(value)[:100_000]
    except Exception as error:
        return f"<{type(value).__name__} whose text cannot be had: {type(error).__name__}>"


def flush_figures() -> None:
    """Shows the open inline figures now, while their task is still being recorded."""
    inline = sys.modules.get("matplotlib_inline.backend_inline")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if inline is None or pyplot is None:
        return
    backend = getattr(pyplot, "_backend_mod", None)
    # It is a class with the backend's variables in it: its own name says nothing.
    if backend is not None and "inline" in str(vars(backend).get("__name__", "")):
        inline.flush_figures()


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    """The data as they travel: what formatters gave as bytes is text in base 64."""
    return {
        mime: b2a_base64(value, newline=False).decode("ascii") if isinstance(value, bytes) else value
        for mime, value in data.items()
    }
