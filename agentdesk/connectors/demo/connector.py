"""The demo's sources: two social networks and a help desk that live in this process and behave like real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import BinaryIO

import msgspec

from agentdesk.connectors.base import Connector, Verdict, check_kind
from agentdesk.connectors.demo.run import Run
from agentdesk.connectors.demo.server import CLOSED, STATUSES
from agentdesk.connectors.demo.shelf import CANNED, content
from agentdesk.connectors.demo.stage import ACCOUNTS
from agentdesk.connectors.files import contents
from agentdesk.errors import (
    Ambiguous,
    RateLimited,
    Rejected,
    StoreError,
    TooLong,
    Unavailable,
    WindowClosed,
)
from agentdesk.model.capability import Caps, Counter, SendStrength
from agentdesk.model.clock import SECOND
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Message
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Receipt, Unsure, Verb
from agentdesk.model.page import Account, Page, RemoteCanned

SOURCES = {"mastodon": "demo:mastodon", "bluesky": "demo:bluesky", "helpdesk": "demo:helpdesk"}
"""The name of each source of the demo."""
CAPS = {
    "mastodon": Caps(
        letter="M", can_dm=True, can_like=True, can_boost=True, can_follow=True, can_edit=True, can_delete=True,
        can_download=True, max_uploads=4, max_upload_bytes=8_000_000, max_alt=1_500,
        send_strength=SendStrength.KEY, replay_s=3_600,
        max_chars=500, counter=Counter.GRAPHEME_URL23, visibilities=("public", "unlisted", "direct"), poll_s=5.0,
        live=True),
    "bluesky": Caps(
        letter="B", can_like=True, can_boost=True, can_follow=True, can_delete=True, can_download=True,
        max_uploads=4, max_upload_bytes=1_000_000, max_alt=2_000, send_strength=SendStrength.CLIENT_KEY,
        max_chars=300, max_bytes=3_000, counter=Counter.GRAPHEME_BYTES, poll_s=5.0, live=True),
    "helpdesk": Caps(
        letter="R", can_note=True, can_assign=True, can_status=True, can_tag=True, can_priority=True,
        can_open=True, can_search=True, can_download=True, can_canned=True, max_uploads=10,
        max_upload_bytes=10_000_000, statuses=STATUSES, closed_status=CLOSED,
        send_strength=SendStrength.NONE, visibilities=("direct",),
        consistency_lag_s=3, poll_s=5.0, live=True),
}
_NEEDS = {Verb.CLAIM: "can_assign", Verb.RELEASE: "can_assign", Verb.ASSIGN: "can_assign", Verb.STATUS: "can_status",
          Verb.PRIORITY: "can_priority", Verb.TAGS: "can_tag", Verb.LIKE: "can_like", Verb.FOLLOW: "can_follow",
          Verb.BOOST: "can_boost", Verb.EDIT: "can_edit", Verb.DELETE: "can_delete",
          Verb.APPROVE: "can_approve", Verb.REJECT: "can_approve"}
_PIECE, _PIECE_TIME = 128_000, SECOND // 20
_DOZE = 5 * SECOND
"""The longest that the hints sleep at a stretch."""


class DemoConnector(Connector):
    """One source of the demo's world."""

    def __init__(self, world: Run, place: str, *, trouble: bool = True) -> None:
        self.name = SOURCES[place]
        self.caps = CAPS[place]
        self._world = world
        self._place = place
        self._trouble = trouble
        self._closed = False

    async def verify(self) -> Account:
        """Say who we are."""
        self._reach()
        account = ACCOUNTS[self._place]
        return Account(ref=account.ref, handle=account.handle, name=account.name, server="the demo",
                       scopes=("read", "write"))

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring what changed since ``cursor``."""
        self._reach()
        page = self._world.servers[self._place].page(cursor, max(1, limit))
        await self._keep()
        return page

    async def thread(self, conversation_ref: str) -> Page:
        """Bring one conversation as it stands."""
        self._reach()
        return self._world.servers[self._place].thread(conversation_ref)

    async def customer(self, customer_ref: str) -> Profile:
        """Bring one person's profile."""
        self._reach()
        return self._world.servers[self._place].profile(customer_ref)

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """Bring one person's latest conversations."""
        self._reach()
        return self._world.servers[self._place].history(customer_ref, limit)

    def freeze(self, out: Outgoing) -> str:
        """Fix the record's key where we choose it ourselves."""
        if self.caps.send_strength is not SendStrength.CLIENT_KEY:
            return ""
        return msgspec.json.encode({"rkey": out.client_id}).decode()

    async def send(self, out: Outgoing) -> Receipt:
        """Send a reply or note; now and then the answer gets lost, as it does on real networks."""
        self._reach()
        server = self._world.servers[self._place]
        earlier = server.kept.sent.get(out.client_id) if self._recognises else None
        if earlier is not None:
            return _receipt(server.kept.messages[earlier], out)
        self._check(out)
        for upload in out.uploads:
            await contents(upload, self.name)
        message = server.post(out, self._world.clock.now(), ACCOUNTS[self._place], gives_id_back=self._recognises)
        lost = self._world.replied(out, message.conversation_ref) and self._trouble
        try:
            await self._world.keep()
        except StoreError as error:
            raise Ambiguous("The demo's world could not be kept", str(error), error.remedy) from error
        if lost:
            raise Ambiguous(f"{self.name} did not answer", "The line was cut while it worked on the reply",
                            "It is looked for before anything is sent again")
        return _receipt(message, out)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for a reply whose outcome is unknown: by its id where the server keeps it, else by its text."""
        self._reach()
        server = self._world.servers[self._place]
        if self._recognises:
            ref = server.kept.sent.get(out.client_id)
            return Absent() if ref is None else Found(_receipt(server.kept.messages[ref], out))
        message = server.find(out, first_try_at)
        if message is not None:
            return Found(_receipt(message, out))
        if self._world.clock.now() < first_try_at + self.caps.consistency_lag_s * SECOND:
            return Unsure("The help desk may still be working on it")
        return Absent()

    async def find(self, words: str, limit: int = 20) -> Page:
        """Conversations by number, subject or customer; the networks of the demo cannot be searched."""
        self._reach()
        if not self.caps.can_search:
            return await super().find(words, limit)
        return self._world.servers[self._place].search(words, limit)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Write a file of a message, in pieces as they would come over a line."""
        self._reach()
        data = content(self._world.servers[self._place].kept.messages.values(), url)
        if len(data) > limit:
            raise Rejected("The file is too large", f"It has {len(data):,} bytes")
        for start in range(0, len(data), _PIECE):
            out.write(data[start:start + _PIECE])
            await self._world.clock.sleep(_PIECE_TIME)

    async def canned(self) -> tuple[RemoteCanned, ...]:
        """The canned replies of the help desk."""
        self._reach()
        return CANNED if self.caps.can_canned else ()

    async def act(self, action: Action) -> None:
        """Do one repeatable thing."""
        self._reach()
        need = _NEEDS.get(action.verb)
        if need is not None and not getattr(self.caps, need):
            raise Rejected(f"{self.name} cannot do this", f"There is no «{action.verb}» there", "Keep it in the desk")
        self._world.servers[self._place].act(action, self._world.clock.now())
        self._world.touch()
        await self._keep()

    async def hints(self) -> AsyncIterator[None]:
        """Yield when something happened on this source, and when it is back after an outage."""
        world, seen, out = self._world, -1, False
        while not self._closed:
            await world.clock.sleep(min(world.until_change() + 1, _DOZE))
            try:
                world.hold()
                world.advance()
                await self._keep()
            except Unavailable:
                continue
            changes, was_out = world.servers[self._place].changes, out
            out = self._trouble and world.trouble(self._place) is not None
            if not out and (was_out or changes != seen):
                seen = changes
                yield

    async def close(self) -> None:
        """Keep the world; the last source to close lets go of it."""
        if not self._closed:
            self._closed = True
            self._world.left(self._place)

    @property
    def _recognises(self) -> bool:
        """True where the server keeps our id, so that the same send twice is one message."""
        return self.caps.send_strength is not SendStrength.NONE

    def _reach(self) -> None:
        """Let time pass on the far side, and fail as it would while the source is in trouble."""
        self._world.hold()
        self._world.advance()
        trouble = self._world.trouble(self._place) if self._trouble else None
        if trouble is None:
            return
        words, left = trouble.words, (trouble.until - self._world.state.elapsed) / SECOND
        if trouble.limited:
            raise RateLimited(words.title, words.cause, words.remedy, retry_after=left)
        raise Unavailable(words.title, words.cause, words.remedy, retry_after=min(left, 15.0))

    async def _keep(self) -> None:
        """Have the world written; Unavailable when that is not possible."""
        try:
            await self._world.keep()
        except StoreError as error:
            raise Unavailable("The demo's world could not be kept", str(error), error.remedy) from error

    def _check(self, out: Outgoing) -> None:
        """Refuse what this channel would refuse."""
        if not out.text.strip():
            raise Rejected("There is nothing to send", "The reply is empty", "Write something first")
        check_kind(self.name, self.caps, out)
        if out.kind in (OutKind.NOTE, OutKind.TICKET):
            return
        server = self._world.servers[self._place]
        head = RemoteConversation(ref="") if out.kind is OutKind.DM else server.head(out.conversation_ref)
        if head.locked_reason:
            raise WindowClosed("No reply can be sent here", head.locked_reason)
        if out.visibility not in self.caps.visibilities:
            raise Rejected(f"A reply on {self.name} cannot be {out.visibility}", "",
                           f"Choose one of: {', '.join(self.caps.visibilities)}")
        from agentdesk.replies.length import left

        room = left(out.text, self.caps)
        if room is not None and room < 0:
            cause = f"{self.name} takes {self.caps.max_chars}"
            raise TooLong(f"The reply is {-room} characters too long", cause, "Shorten it or split it")


def _receipt(message: Message, out: Outgoing) -> Receipt:
    begins = out.kind in (OutKind.TICKET, OutKind.DM)
    return Receipt(ref=message.ref, url=message.url, created_at=message.created_at,
                   conversation_ref=message.conversation_ref if begins else "")
