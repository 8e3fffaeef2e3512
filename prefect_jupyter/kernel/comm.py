"""The pages that look at this kernel: they connect, are told what happens, and send commands.

It must not act on a command: `receive` does, and returns at once.
"""

from __future__ import annotations

import contextvars
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from comm import create_comm, get_comm_manager

from prefect_jupyter.view.protocol import (
    HELLO_TARGET,
    ID_CHARS_MAX,
    PROTOCOL,
    TARGET,
    Command,
    Message,
    Refusal,
    Reply,
    Welcome,
    parse_command,
)
from prefect_jupyter.view.publisher import Publisher

from .kernel_status import KernelStatus
from .written_outputs import WrittenOutputs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from comm.base_comm import BaseComm

# A page that vanished without a word costs one send a flush; the longest silent ones are let go.
PAGES_MAX = 12

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """Somebody who is told. `is_page` is false for a widget, which a page without the extension shows.

    `is_shared`: the document is edited in several pages at once.
    """

    id: str
    send: Callable[[Message], None]
    close: Callable[[], None]
    is_page: bool = True
    is_shared: bool = False


class Link:
    """Connects one session to any number of pages, through `publisher`.

    `receive` is called in the thread of the page's subshell while the main thread may be computing: it
    validates, enqueues and returns the acknowledgement. Each page opens two comms. On the one the
    publisher's thread pushes; on the other commands arrive and the kernel never sends, because ipykernel
    hands an incoming message to whichever shell the last outgoing message of that comm was sent from.
    """

    def __init__(
        self,
        receive: Callable[[Command], Reply],
        *,
        session: str,
        version: str = "",
        clock: Callable[[], float] = time.time,
        status: KernelStatus | None = None,
    ) -> None:
        self.publisher = Publisher(self._broadcast, clock, session)
        self.session = session
        self.version = version
        self._receive = receive
        self._status = status or KernelStatus(None, lambda: False)
        self._pages: dict[str, _Page] = {}
        self._written = WrittenOutputs()
        self._hello: BaseComm | None = None

    @property
    def pages(self) -> int:
        """How many pages with the extension are connected, counting those that vanished without closing."""
        return sum(page.is_page for page in list(self._pages.values()))

    def start(self) -> None:
        """Accept pages, and tell those that are open already. Starting twice is starting once."""
        if self._hello is not None:
            return
        get_comm_manager().register_target(TARGET, self._on_open)
        self.publisher.start()
        # Stays open: `comm_info_request` shows it to pages that are opened later.
        self._hello = create_comm(target_name=HELLO_TARGET, data={"protocol": PROTOCOL, "session": self.session})
        self._hello.on_close(self._keep_hello)

    def stop(self) -> None:
        """Send what is left, then let go of all pages."""
        if self._hello is None:
            return
        hello, self._hello = self._hello, None
        get_comm_manager().unregister_target(TARGET, self._on_open)
        self.publisher.stop()
        for page in list(self._pages.values()):
            self._drop(page)
            page.close()
        hello.close()

    def attach(self, page: str, send: Callable[[Message], None]) -> None:
        """Tell a widget everything from now on; what it is told first is a welcome and a snap."""
        self._connect(_Page(page, send, close=lambda: None, is_page=False))

    def forget_outputs(self, cell: str) -> None:
        """A person runs this cell: its outputs arrive by themselves and are the front end's from now on."""
        self.publisher.in_order(lambda: self._written.forget(cell))

    def take(self, page: str, data: object) -> None:
        """Take what a page or a widget sent, whatever it is, and acknowledge it there."""
        self._status.keep()
        command = parse_command(data)
        reply = self._answer(command)

        def acknowledge() -> None:
            asking = self._pages.get(page)
            if asking is None:
                return
            self._pages[page] = self._pages.pop(page)  # not silent
            self._send_to(asking, reply.message())
            if isinstance(command, Command) and command.verb == "snap":
                self._send_to(asking, self.publisher.snapshot())

        self.publisher.in_order(acknowledge)

    # Pages --------------------------------------------------------------------------------------

    def _on_open(self, comm: BaseComm, open_message: Mapping[str, Any]) -> None:
        """Runs in a subshell thread where the front end and ipykernel have subshells."""
        self._status.keep()
        opening = open_message["content"].get("data") or {}
        page = opening.get("page")
        if not isinstance(page, str) or not 0 < len(page) <= ID_CHARS_MAX:
            comm.close()
            return
        if opening.get("role") == "commands":
            comm.on_msg(lambda message: self.take(page, message["content"].get("data")))
            return
        # Everything is sent in the context of this `comm_open`, so that ipykernel knows it as the subshell's.
        context = contextvars.copy_context()
        opened = _Page(
            page,
            send=lambda message: context.run(comm.send, dict(message)),
            close=lambda: context.run(comm.close),
            is_shared=opening.get("shared") is True,
        )
        comm.on_close(lambda _message: self._drop(opened))
        self._connect(opened)

    def _connect(self, page: _Page) -> None:
        welcome: Welcome = {
            "type": "welcome",
            "protocol": PROTOCOL,
            "version": self.version,
            "session": self.session,
            "title": "",
        }

        def greet() -> None:
            snap = self.publisher.snapshot()
            welcome["title"] = snap["title"]
            # From here on the page gets every message: none before its snapshot, none left out after.
            self._pages.pop(page.id, None)
            self._pages[page.id] = page
            self._send_to(page, welcome)
            self._send_to(page, snap)
            if page.is_page:
                for message in self._written.messages():
                    self._send_to(page, message)
            for silent in list(self._pages.values())[:-PAGES_MAX]:
                self._drop(silent)
                silent.close()

        self.publisher.in_order(greet)

    def _drop(self, page: _Page) -> None:
        if self._pages.get(page.id) is page:
            del self._pages[page.id]

    def _keep_hello(self, _message: object) -> None:
        """A front end without the extension closes comms that it does not know; later pages still look for this one."""
        if self._hello is not None:
            get_comm_manager().register_comm(self._hello)

    # Messages -----------------------------------------------------------------------------------

    def _answer(self, command: Command | Refusal) -> Reply:
        if isinstance(command, Refusal):
            return command.reply()
        if command.session and command.session != self.session:
            return command.reply("This page shows an earlier session of the kernel. Reload the page.", ok=False)
        if command.verb == "snap" and command.order is None and not command.sources:
            return command.reply()
        try:
            return self._receive(command)
        except Exception as error:
            _log.exception("prefect_jupyter could not take the command %r", command.verb)
            return command.reply(
                f"prefect_jupyter failed on {command.verb!r} ({type(error).__name__}: {error}). "
                "The kernel's log has the details; please report it.",
                ok=False,
            )

    def _broadcast(self, message: Message) -> None:
        pages = list(self._pages.values())
        if message["type"] == "output":
            self._written.take(message)
            # Pages that share a document share its outputs: one of them writes, whichever spoke last.
            pages = [page for page in pages if not page.is_shared] + [page for page in pages if page.is_shared][-1:]
        for page in pages:
            self._send_to(page, message)

    def _send_to(self, page: _Page, message: Message) -> None:
        """Only ever in the publisher's thread."""
        try:
            page.send(message)
        except Exception:
            _log.warning("prefect_jupyter lost a page", exc_info=True)
            self._drop(page)


__all__ = ["PAGES_MAX", "Link"]
