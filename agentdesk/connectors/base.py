"""The protocol that every connector follows.

A connector translates one platform's dialect into the model at its edge and declares what it can do; nothing above
ever asks for a platform's name. Errors are those under ``errors.SourceError``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from agentdesk.errors import Rejected
from agentdesk.model.capability import Caps
from agentdesk.model.clock import Millis
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Receipt, Unsure
from agentdesk.model.page import Account, Budget, Page, RemoteCanned

if TYPE_CHECKING:
    from agentdesk.config.sources import ListenConfig
    from agentdesk.connectors.http import Http

Verdict: TypeAlias = Found | Absent | Unsure
"""What reading back said of a send whose outcome was unknown."""


def check_kind(name: str, caps: Caps, out: Outgoing) -> None:
    """Refuse in words what a source cannot send: a ticket, a private message or a note."""
    what = {OutKind.TICKET: (caps.can_open, "opens no tickets", "Choose a help desk"),
            OutKind.DM: (caps.can_dm, "has no private messages", "Answer in public, and ask for a mail"),
            OutKind.NOTE: (caps.can_note, "has no internal notes", "Keep the note in the desk")}.get(out.kind)
    if what is not None and not what[0]:
        raise Rejected(f"{name} {what[1]}", remedy=what[2])
    check_files(name, caps, out)


def check_files(name: str, caps: Caps, out: Outgoing) -> None:
    """Refuse in words more files than go with one reply."""
    if len(out.uploads) > caps.max_uploads:
        raise Rejected(f"{name} takes {caps.max_uploads or 'no'} files with one reply",
                       f"There are {len(out.uploads)}", "Send it without the others")


class Connector(Protocol):
    """One configured account on one platform or help desk.

    Connectors name this class as their base: what a platform does not have is then refused in words.
    """

    name: str
    """The source's name, such as ``rt:support``."""
    caps: Caps

    async def verify(self) -> Account:
        """Ask the server who we are and what we may; AuthError when the token is dead."""
        ...

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring what is new since ``cursor`` (None: first connect), oldest first.

        The cursor is opaque to everybody else and safe to store; pulling the same one twice brings the same or more.
        """
        ...

    async def thread(self, conversation_ref: str) -> Page:
        """Bring one whole conversation as it stands now; Gone when it is not there any more."""
        ...

    async def customer(self, customer_ref: str) -> Profile:
        """Bring one person's profile."""
        ...

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """Bring that person's earlier conversations with us, as far as the server tells."""
        ...

    def freeze(self, out: Outgoing) -> str:
        """What must be fixed before the first attempt (a record key, the whole record), as JSON; usually empty."""
        ...

    async def send(self, out: Outgoing) -> Receipt:
        """Send a reply or note, or open a ticket or DM. Ambiguous when the outcome is unknown: never guess."""
        ...

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look on the far side for a send whose outcome is unknown.

        ``first_try_at`` is by our clock as it stands now, even if it was set meanwhile: ``skew`` leads to the server's.
        """
        ...

    async def act(self, action: Action) -> None:
        """Do one repeatable thing; Conflict when a colleague was first."""
        ...

    async def find(self, words: str, limit: int = 20) -> Page:
        """Bring conversations that hold these words, or whose customer has this name, handle or mail address."""
        raise Rejected(f"{self.name} cannot be searched", remedy="Search what is stored here with /")

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Write an attachment of a message into ``out``; Rejected when it is larger than ``limit`` bytes."""
        raise Rejected(f"{self.name} gives no files", remedy="Open the conversation on the platform with o")

    async def canned(self) -> tuple[RemoteCanned, ...]:
        """Bring the canned replies and macros that the server holds."""
        return ()

    def budget(self) -> Budget | None:
        """How much the server still allows, as its last answer said; None when it does not say."""
        return None

    def skew(self) -> Millis | None:
        """How far the server's clock is ahead of ours, as its last answer said; None when it does not say."""
        return None

    def hear(self, listen: tuple[ListenConfig, ...]) -> None:
        """Listen by these entries from now on: a person has just excluded something."""
        return

    def hints(self) -> AsyncIterator[None] | None:
        """Yield whenever something may be new; None where the platform cannot say. Pulling stays the truth."""
        return None

    async def close(self) -> None:
        """Let go of connections."""
        ...


class HttpConnector(Connector):
    """A source behind one ``Http``: its limits, its clock and its connections are that one's."""

    @property
    def http(self) -> Http:
        """The doorway of the moment."""
        raise NotImplementedError

    def budget(self) -> Budget | None:
        """What the server, or a proxy before it, said of its limits last."""
        return self.http.meter.budget

    def skew(self) -> Millis | None:
        """How far the server's clock is ahead of ours."""
        return self.http.meter.skew

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()
