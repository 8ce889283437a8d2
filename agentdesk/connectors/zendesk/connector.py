"""The Zendesk connector: one agent's account on one Zendesk Support."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from agentdesk.config.sources import ZendeskSource
from agentdesk.connectors.base import HttpConnector, Verdict, check_files
from agentdesk.connectors.http import Http
from agentdesk.connectors.login import again
from agentdesk.connectors.zendesk.acting import Actor
from agentdesk.connectors.zendesk.canned import Macro, from_macro
from agentdesk.connectors.zendesk.client import ZendeskClient, plain_words
from agentdesk.connectors.zendesk.reading import Reader
from agentdesk.connectors.zendesk.speak import Speaker
from agentdesk.connectors.zendesk.wire import STATUSES, Group, User
from agentdesk.connectors.zendesk.writing import Writer
from agentdesk.errors import AuthError, Gone, Rejected
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Receipt, Unsure
from agentdesk.model.page import Account, Page, RemoteCanned
from agentdesk.model.text import inert_line

LAG_S = 60
"""Zendesk may still be busy with a request whose line broke; before this an absent reply proves nothing."""
MAX_FILES = 10
MAX_FILE = 50_000_000
POLL_S = 60.0
"""The export may be asked ten times a minute by the whole company, and leaves out the last minute anyway."""


class ZendeskConnector(HttpConnector):
    """Tickets of the watched groups as conversations."""

    def __init__(
        self, config: ZendeskSource, clock: Clock, token: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self._config = config
        self._clock = clock
        self._client = ZendeskClient(config, clock, token, http)
        self._speaker = Speaker(self._client)
        self._reader = Reader(config, self._client, self._speaker, clock)
        self._actor = Actor(self._client, self._speaker)
        self._writer = Writer(config, self._client, self._speaker, self._actor)
        self._ready_now = False
        self._signing_in = asyncio.Lock()
        self.caps = Caps(
            letter=config.letter or "D",
            can_note=True,
            can_assign=True,
            can_status=True,
            can_tag=True,
            can_priority=True,
            can_open=True,
            can_search=True,
            can_download=True,
            can_canned=True,
            max_uploads=MAX_FILES,
            max_upload_bytes=MAX_FILE,
            statuses=STATUSES,
            closed_status="solved",
            send_strength=SendStrength.KEY,
            open_strength=SendStrength.KEY,
            max_chars=64_000,
            visibilities=("direct",),
            consistency_lag_s=LAG_S,
            poll_s=config.poll / SECOND if config.poll else POLL_S,
        )

    async def verify(self) -> Account:
        """Ask Zendesk who we are and what we see; narrows what is declared to what this agent may do."""
        async with self._signing_in:
            return await self._verify()

    async def _verify(self) -> Account:
        me = await self._client.whoami()
        if me is None or not me.staff:
            who = inert_line(me.name) if me and me.name else "this token"
            raise AuthError(
                f"{self.name}: {who} is not an agent in Zendesk", "Zendesk took it for a visitor or a customer",
                f"Check user: (your mail address, for an API token). {again(self.name)}",
            )
        self._client.me = me.id
        self._speaker.meet({me.id: me})
        warnings = self._narrow(me)
        warnings += await self._look_around()
        warnings += await self._check_export(me)
        if held := await self._client.suspended():
            warnings.append(f"{held} messages lie among the suspended tickets, where nobody here sees them")
        self._ready_now = True
        watched = self._reader.watched
        groups = [it.name for it in self._speaker.groups.values() if watched is None or it.id in watched]
        return Account(
            ref=str(inert_line(me.email or str(me.id))), handle=inert_line(me.email), name=inert_line(me.name),
            server=f"Zendesk at {self._client.http.host}",
            scopes=tuple(str(inert_line(name)) for name in sorted(groups)), warnings=tuple(warnings),
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring tickets that changed; on first connect open and lately solved ones."""
        await self._ready()
        try:
            return await self._reader.pull(cursor, limit)
        except Rejected as error:
            if not self._reader.exports or "HTTP 403" not in error.cause:
                raise
            self._reader.exports = False  # the right was taken away since: the search goes on where the export was
            return await self._reader.pull(cursor, limit)

    async def thread(self, conversation_ref: str) -> Page:
        """One whole ticket."""
        await self._ready()
        return await self._reader.thread(self._number(conversation_ref))

    async def customer(self, customer_ref: str) -> Profile:
        """One user's record, with every address that Zendesk knows."""
        user = await self._client.user(int(customer_ref)) if customer_ref.isdecimal() else None
        if user is None:
            raise Gone(f"{self.name}: Zendesk does not show the user {inert_line(customer_ref)}")
        return self._speaker.profile(user, await self._client.identities(user.id))

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """A customer's latest tickets, in every group we may see."""
        await self._ready()
        if not customer_ref.isdecimal():
            raise Gone(f"{self.name}: {inert_line(customer_ref)} is no user of Zendesk")
        numbers = await self._client.requested(int(customer_ref), max(1, min(limit, 100)))
        return await self._past(numbers)

    def freeze(self, out: Outgoing) -> str:
        """Nothing: the client id is all it takes."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Write a reply or note, or open a ticket; what is there already under our id is not written again."""
        await self._ready()
        if not out.text.strip():
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        check_files(self.name, self.caps, out)
        if out.kind is OutKind.TICKET and self.caps.can_open:
            return await self._writer.find_opened(out) or await self._writer.open(out)
        if out.kind not in (OutKind.REPLY, OutKind.NOTE):
            what = "light agents open no tickets" if out.kind is OutKind.TICKET else "Zendesk has no private messages"
            raise Rejected(f"{self.name}: {what}", remedy="Open the ticket with o")
        if out.kind is OutKind.REPLY and not self.caps.can_reply:
            raise Rejected(f"{self.name}: as a light agent you cannot answer customers",
                           "Zendesk would keep the reply private", "Write a note, or ask a full agent")
        return await self._writer.comment(out, self._number(out.conversation_ref))

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for what was sent: by our id, else by its text."""
        await self._ready()
        try:
            if out.kind is OutKind.TICKET:
                found = await self._writer.find_opened(out)
            else:
                found = await self._writer.find(out, self._number(out.conversation_ref), first_try_at)
        except Gone as error:  # what we may not see cannot be proven absent
            return Unsure(error.title)
        if found is not None:
            return Found(found)
        if self._clock.now() - first_try_at < LAG_S * SECOND:
            return Unsure("Zendesk may still be working on it")
        return Absent()

    async def act(self, action: Action) -> None:
        """Do one repeatable thing to a ticket."""
        await self._ready()
        number = self._number(action.conversation_ref)
        if not self.caps.can_assign:
            raise Rejected(f"{self.name}: light agents change nothing on tickets", remedy="Ask a full agent")
        await self._actor.act(action, number)

    async def find(self, words: str, limit: int = 20) -> Page:
        """Tickets that hold these words, and those of customers with this name or mail address."""
        await self._ready()
        plain = plain_words(words)
        if not plain:
            return Page(backfill=True)
        changes = await self._client.search(plain, sort="updated_at", order="desc", per_page=limit)
        numbers = [ticket.id for ticket in changes.tickets]
        for user in (await self._client.people(words))[:3]:
            numbers += await self._client.requested(user.id, limit)
        return await self._past(list(dict.fromkeys(numbers))[:limit])

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Write an attachment into ``out``; it may lie on another host, which never sees our token."""
        await self._client.http.save(url, out, limit, elsewhere=True)

    async def canned(self) -> tuple[RemoteCanned, ...]:
        """The macros that this agent may use."""
        macros = await self._client.listed("/macros/active", "macros", Macro)
        found = [from_macro(macro) for macro in macros if macro.active]
        return tuple(one for one in found if one.text or one.actions)

    @property
    def http(self) -> Http:
        """The client's."""
        return self._client.http

    async def _ready(self) -> None:
        """Sign in before the first call that needs to know who we are."""
        if not self._ready_now:
            await self.verify()

    async def _past(self, numbers: list[int]) -> Page:
        """Whole tickets as history."""
        if not numbers:
            return Page(backfill=True)
        return msgspec.structs.replace(
            await self._reader.whole(await self._client.tickets(numbers), {}), backfill=True)

    def _narrow(self, me: User) -> list[str]:
        """Take away what a light agent cannot do."""
        if not me.private_only:
            return []
        changes = not me.light
        self.caps = msgspec.structs.replace(
            self.caps, can_reply=False, can_assign=changes, can_status=changes, can_tag=changes, can_priority=changes,
            can_open=changes)
        return ["you are a light agent: you can read everything and write notes, but not answer customers"
                if me.light else "your role lets you write private comments only: you cannot answer customers"]

    async def _look_around(self) -> list[str]:
        """Groups and the desk's own fields; says which of the configured groups are missing."""
        groups = await self._client.listed("/groups", "groups", Group)
        self._speaker.groups = {group.id: group for group in groups if not group.deleted}
        self._speaker.fields = await self._client.fields()
        by_name = {group.name.casefold(): number for number, group in self._speaker.groups.items()}
        missing = [name for name in self._config.groups if name.casefold() not in by_name]
        warnings = [f"the group {name} is not there, or the token may not see it" for name in missing]
        watched = frozenset(by_name[n.casefold()] for n in self._config.groups if n.casefold() in by_name)
        if self._config.groups and not watched:
            raise AuthError(f"{self.name}: no group can be seen", "; ".join(warnings), "Check groups:")
        self._reader.watched = watched if self._config.groups else None
        return warnings

    async def _check_export(self, me: User) -> list[str]:
        """Whether changes come by the export; only administrators may use it."""
        self._reader.exports = me.role == "admin"
        if self._reader.exports:
            try:
                await self._client.export("", self._client.there(self._clock.now()) // SECOND - 300)
            except Rejected as error:
                if "HTTP 403" not in error.cause:
                    raise
                self._reader.exports = False
        if self._reader.exports:
            return []
        return ["changes are found by Zendesk's search, which runs minutes behind and shows no deletions: the complete "
                "export of changes is for administrators only"]

    def _number(self, conversation_ref: str) -> int:
        if not conversation_ref.isdecimal() or len(conversation_ref) > 18:
            raise Rejected(f"{self.name}: {inert_line(conversation_ref, limit=60)} is no ticket's number")
        return int(conversation_ref)
