"""`%flow` and `%%task` as a person types them: words in, calls of the session, text or graph out.

It must not do anything that the session cannot be asked for from Python.
"""

from __future__ import annotations

import ast
import difflib
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets import TraitError

from ..analysis.directives import describe
from ..view.text import text
from .cache_words import do_cache
from .completion import words_at
from .errors import TaskError
from .history_text import history_text
from .wording import NOTHING_TO_CANCEL, NOTHING_TO_DO, NOTHING_TO_PAUSE

if TYPE_CHECKING:
    from .session import Session

VERBS = {
    "show": "show the live graph of this notebook",
    "run": "run what is not fresh: these tasks and what they need, or everything",
    "rerun": "run these tasks although they are fresh",
    "retry": "run what failed and what it blocked, nothing else",
    "from": "run these tasks and everything below them",
    "to": "run these tasks where they are not fresh, and what they need",
    "skip": "skip these tasks, and what needs them, until unskip or the end of this kernel",
    "unskip": "take skip back: these tasks run, and what was skipped because of them",
    "cancel": "cancel these tasks, or the whole run",
    "accept": "take the results of these tasks as unchanged, until a text or an input changes again",
    "pin": "keep the results that these tasks have, or had last, whatever changes",
    "unpin": "take back what was accepted or pinned",
    "pause": "keep these tasks, or all, of the run under way from starting",
    "resume": "let paused tasks go on: all, or one, and a value for it",
    "plan": "list what would run, why, and for about how long; runs nothing",
    "why": "say why a task is not fresh, down to the root cause",
    "status": "one line for each task",
    "history": "what ran when and how it ended, earlier kernels included; with names also logs and tracebacks",
    "check": "run the notebook plainly in a kernel of its own and list every difference",
    "notify": "list your notifiers, or send a test message: notify test NAME",
    "cache": "list the cached results; delete TASK|KEY…, prune [--older 30d] [--to 5G], verify, clear; --all notebooks",
    "config": "show the settings, or change them: setting=value",
}


class Magics:
    """The magics of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self) -> None:
        shell: Any = self._session.shell
        task = _documented(self._task, f"{describe()}\n")
        flow = _documented(self._flow, "%flow [verb] [task …]\n\n" + "\n".join(f"  {v:8}{h}" for v, h in VERBS.items()))
        shell.register_magic_function(task, "cell", "task")
        shell.register_magic_function(flow, "line", "flow")
        for command in ("%flow", "%%task"):
            shell.set_hook("complete_command", self._complete, str_key=command)
        self._session.introspection.words_at = self.words_at

    def unregister(self) -> None:
        magics = self._session.shell.magics_manager.magics
        magics["line"].pop("flow", None)
        magics["cell"].pop("task", None)

    def _task(self, _line: str, _cell: str) -> None:
        """Reached only where no notebook cell is run: from a script or another cell's code."""
        raise TaskError(
            "%%task makes a task of a notebook cell. Inside other code there is no cell: "
            "run the code itself, or ask the session with prefect_jupyter.notebook()."
        )

    def _flow(self, line: str) -> Any:
        try:
            words = shlex.split(line)
        except ValueError:
            raise TaskError(f"%flow {line}: a quote is opened and not closed.") from None
        verb, arguments = (words[0], words[1:]) if words else ("show", [])
        if verb not in VERBS:
            near = difflib.get_close_matches(verb, VERBS, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"the verbs are {', '.join(VERBS)}."
            raise TaskError(f"%flow has no verb `{verb}`: {hint}")
        handler: Callable[[list[str]], Any] = getattr(self, f"_do_{verb}")
        return handler(arguments)

    def _do_show(self, _names: list[str]) -> None:
        self._session.show_graph()

    def _do_run(self, names: list[str]) -> None:
        self._report("run", names)

    def _do_rerun(self, names: list[str]) -> None:
        self._report("rerun", _some(names, "rerun"))

    def _do_retry(self, names: list[str]) -> None:
        self._report("retry_failed", names)

    def _do_from(self, names: list[str]) -> None:
        self._report("run_from", _some(names, "from"))

    def _do_to(self, names: list[str]) -> None:
        self._report("run", _some(names, "to"))

    def _do_skip(self, names: list[str]) -> None:
        self._report("skip", _some(names, "skip"))

    def _do_unskip(self, names: list[str]) -> None:
        self._report("unskip", _some(names, "unskip"))

    def _do_cancel(self, names: list[str]) -> None:
        print("Cancelling." if self._session.cancel(*names) else NOTHING_TO_CANCEL)

    def _do_accept(self, names: list[str]) -> None:
        print(self._session.accept(*_some(names, "accept")))

    def _do_pin(self, names: list[str]) -> None:
        print(self._session.pin(*_some(names, "pin")))

    def _do_unpin(self, names: list[str]) -> None:
        print(self._session.unpin(*_some(names, "unpin")))

    def _do_cache(self, words: list[str]) -> None:
        said = do_cache(self._session, words)
        if isinstance(said, str):
            print(said)
        else:
            from IPython.display import display

            display(said)

    def _do_pause(self, names: list[str]) -> None:
        print("Pausing." if self._session.pause(*names) else NOTHING_TO_PAUSE)

    def _do_resume(self, words: list[str]) -> None:
        """The name comes first; what follows it is a Python value, or else text."""
        names, rest = words[:1], " ".join(words[1:])
        try:
            value = ast.literal_eval(rest) if rest else None
        except (ValueError, SyntaxError):
            value = rest
        self._report("resume", names, value=value)

    def _do_plan(self, names: list[str]) -> None:
        print(self._session.plan_text([self._session.task_named(name) for name in names]))

    def _do_why(self, names: list[str]) -> None:
        for name in _some(names, "why"):
            print(self._session.why(name))

    def _do_status(self, _names: list[str]) -> None:
        print(text(self._session.view()))

    def _do_history(self, names: list[str]) -> None:
        if not names:
            print(history_text(self._session.history(), details=False))
        for name in names:
            print(history_text(self._session.history(name), details=True))

    def _do_check(self, _names: list[str]) -> None:
        print(self._session.check())

    def _do_notify(self, words: list[str]) -> None:
        known = self._session.alerts.outbox.known
        if words and (len(words) != 2 or words[0] != "test"):
            raise TaskError(f"%flow notify {' '.join(words)}: write `%flow notify` or `%flow notify test NAME`.")
        if words and words[1].lower() not in known:
            there = ", ".join(f"`{name}`" for name in known) or "none yet"
            raise TaskError(f"There is no notifier `{words[1]}`. Notifiers: {there}.")
        if words:
            self._session.notify_test(words[1])
            print(f"A test message is on its way to `{words[1].lower()}`. If it cannot be sent, you are told here.")
            return
        for name, destination in known.items():
            print(f"{name}   (from {destination.source})")
        if not known:
            print("You have no notifiers: docs/how-to/be-told-of-failures.md says how to add one.")

    def _do_config(self, words: list[str]) -> None:
        settings = self._session.settings
        known = dict(settings.traits(config=True))
        for word in words:
            name, equals, value = word.partition("=")
            if name not in known or not equals:
                raise TaskError(f"%flow config {word}: write setting=value; the settings are {', '.join(known)}.")
            try:
                setattr(settings, name, known[name].from_string(value))
            except (TraitError, ValueError):
                raise TaskError(f"%flow config {word}: `{value}` is no value for {name}. {known[name].help}") from None
        for name, trait in known.items():
            print(f"{name} = {getattr(settings, name)!r}   {trait.help}")

    def _report(self, verb: str, names: list[str], **options: object) -> None:
        session = self._session
        before = session.counts()
        getattr(session, verb)(*names, **options)
        after = session.counts()
        done = {kind: after[kind] - before[kind] for kind in ("executed", "cached", "failed", "skipped")}
        if not any(done.values()):
            print(NOTHING_TO_DO[verb] if verb in ("retry_failed", "resume") else session.answers.nothing_to_run())
            return
        print(", ".join(f"{count} {kind if kind != 'skipped' else 'not run'}" for kind, count in done.items() if count))

    def words_at(self, line: str) -> list[str] | None:
        """What can stand at the end of `line`; None where that is not for us to say."""
        return words_at(line, VERBS, self._session.verdicts, self._session.settings.trait_names(config=True))

    def _complete(self, _shell: InteractiveShell, event: Any) -> list[str]:
        return self.words_at(event.line) or []


def _some(names: list[str], verb: str) -> list[str]:
    if not names:
        raise TaskError(f"%flow {verb} needs the name of a task: %flow {verb} NAME.")
    return names


def _documented(function: Callable[..., Any], doc: str) -> Callable[..., Any]:
    def magic(*arguments: Any) -> Any:
        return function(*arguments)

    magic.__doc__ = doc
    return magic
