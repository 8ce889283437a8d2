"""The Chatwoot connector: one agent's account on one Chatwoot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, BinaryIO

import msgspec

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.base import HttpConnector, Verdict
from agentdesk.connectors.chatwoot.acting import Actor
from agentdesk.connectors.chatwoot.client import ChatwootClient
from agentdesk.connectors.chatwoot.gathered import in_order
from agentdesk.connectors.chatwoot.opening import Opener
from agentdesk.connectors.chatwoot.reading import Reader
from agentdesk.connectors.chatwoot.sending import LAG_S, MAX_CHARS, MAX_FILE, MAX_FILES, Sender
from agentdesk.connectors.chatwoot.speak import CLOSED, STATUSES, Speaker
from agentdesk.connectors.chatwoot.wire import Talk
from agentdesk.connectors.http import Http
from agentdesk.errors import AuthError, BadAnswer, Rejected
from agentdesk.model.capability import Caps, Counter, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import Action, Outgoing, OutKind, Receipt
from agentdesk.model.page import Account, Page, RemoteCanned
from agentdesk.model.text import inert_line

WHOLE_TALKS = 5
"""So many of a person's earlier conversations are fetched with their messages; of the others the last ones."""
BIGGEST_ID = 2**53


class ChatwootConnector(HttpConnector):
    """Conversations of the watched inboxes."""

    def __init__(
        self, config: ChatwootSource, clock: Clock, token: Callable[[], str], http: Http | None = None,
        client: ChatwootClient | None = None,
    ) -> None:
        self.name = config.full_name
        self._config = config
        self._client = client or ChatwootClient(config, clock, token, http)
        self._speaker = Speaker(self._client.site, config.account)
        self._reader = Reader(config, self._client, self._speaker, clock)
        self._sender = Sender(self._client, self._speaker, clock)
        self._opener = Opener(config, self._client, self._speaker, self._sender, clock)
        self._actor = Actor(self._client, clock)
        self._signed_in = False
        self._signing_in = asyncio.Lock()
        self._pubsub = ""
        self.caps = Caps(
            letter=config.letter or "C",
            can_note=True,
            can_assign=True,
            can_status=True,
            can_tag=True,
            can_priority=True,
            can_open=True,
            can_delete=True,
            can_search=True,
            can_download=True,
            can_canned=True,
            max_uploads=MAX_FILES,
            max_upload_bytes=MAX_FILE,
            max_alt=0,
            statuses=STATUSES,
            closed_status=CLOSED,
            send_strength=SendStrength.NONE,
            open_strength=SendStrength.KEY,
            max_chars=MAX_CHARS,
            counter=Counter.CODEPOINT,
            visibilities=("direct",),
            consistency_lag_s=LAG_S,
            poll_s=(config.poll or 30 * SECOND) / SECOND,
        )

    async def verify(self) -> Account:
        """Ask Chatwoot who we are, which inboxes we see, and what it keeps from us."""
        me = await self._whoami()
        role, warnings = self._role(me)
        inboxes = await self._client.inboxes()
        warnings += self._look_around(inboxes)
        version = await self._version()
        self._opener.inboxes = inboxes
        usual = self._opener.usual()
        self.caps = msgspec.structs.replace(self.caps, can_open=usual is not None)
        if usual is None:
            named = self._config.ticket_inbox
            warnings.append(f"the inbox {inert_line(named)} for new tickets is not there" if named
                            else "no inbox of the kind API, website or mail: tickets cannot be opened here")
        number = me.get("id")
        self._sender.me = self._actor.me = number if isinstance(number, int) else 0
        self._pubsub = str(me.get("pubsub_token") or "")
        self._signed_in = True
        return Account(
            ref=f"agent:{number}",
            handle=inert_line(str(me.get("email") or "")),
            name=inert_line(str(me.get("name") or me.get("available_name") or "")),
            server=str(inert_line(f"Chatwoot {version} at {self._client.http.host}, account {self._config.account}")),
            scopes=(role, *sorted(self._speaker.inbox(box.id) for box in inboxes if self._seen(box.id))),
            warnings=tuple(str(inert_line(warning)) for warning in warnings),
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring what changed; on first connect what is open and what was closed lately."""
        await self._ready()
        return await self._reader.pull(cursor, limit)

    async def thread(self, conversation_ref: str) -> Page:
        """One whole conversation."""
        await self._ready()
        return await self._reader.thread(self._number(conversation_ref, "conversation"))

    async def customer(self, customer_ref: str) -> Profile:
        """One contact's record."""
        return self._speaker.profile(await self._client.contact(self._number(customer_ref, "contact")))

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """A contact's latest conversations, at most the twenty that Chatwoot gives."""
        await self._ready()
        talks, rejects = await self._client.talks_of(self._number(customer_ref, "contact"))
        talks = talks[: max(1, limit)]
        page = self._reader.heads(talks)
        whole = [await self._reader.recent(talk) for talk in talks[:WHOLE_TALKS]]
        messages = {m.ref: m for part in (page, *whole) for m in part.messages}
        return msgspec.structs.replace(
            page, messages=tuple(sorted(messages.values(), key=in_order)),
            rejects=(*rejects, *page.rejects), backfill=True,
        )

    def freeze(self, out: Outgoing) -> str:
        """Nothing: the client id is all it takes."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Write a reply or note, or open a conversation for one that goes on elsewhere."""
        await self._ready()
        match out.kind:
            case OutKind.REPLY | OutKind.NOTE:
                return await self._sender.send(out, self._number(out.conversation_ref, "conversation"))
            case OutKind.TICKET:
                return await self._opener.open(out)
            case _:
                raise Rejected(f"{self.name}: Chatwoot opens no direct messages", remedy="Answer in the conversation")

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for what was sent: by its own time, else by its text; a ticket by our id."""
        await self._ready()
        if out.kind is OutKind.TICKET:
            return await self._opener.reconcile(out, first_try_at)
        return await self._sender.reconcile(out, self._number(out.conversation_ref, "conversation"), first_try_at)

    async def act(self, action: Action) -> None:
        """Do one repeatable thing to a conversation."""
        await self._ready()
        await self._actor.act(action, self._number(action.conversation_ref, "conversation"))

    async def find(self, words: str, limit: int = 20) -> Page:
        """Conversations that hold these words, and those of contacts with this name, handle, mail or number."""
        await self._ready()
        words = words.strip()
        if not words:
            return Page(backfill=True)
        params: dict[str, str | int] = {"q": words, "status": "all", "assignee_type": "all"}
        talks, rejects, _ = await self._client.talks(params)
        found: dict[int, Talk] = {talk.id: talk for talk in talks}
        for person in (await self._client.contacts(words))[:WHOLE_TALKS]:
            if len(found) >= limit:
                break
            more, bad = await self._client.talks_of(person.id)
            found.update((talk.id, talk) for talk in more)
            rejects += bad
        seen = [talk for talk in found.values() if self._seen(talk.inbox_id)][: max(1, limit)]
        page = self._reader.heads(seen)
        return msgspec.structs.replace(page, rejects=(*rejects, *page.rejects))

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Fetch an attachment; it lies behind a signed address on another host, which never sees the token."""
        await self._client.http.save(url, out, limit, elsewhere=True)

    async def canned(self) -> tuple[RemoteCanned, ...]:
        """The account's canned responses and the macros that this agent may use."""
        from agentdesk.connectors.chatwoot.canned import canned

        return await canned(self._client)

    @property
    def http(self) -> Http:
        """The client's."""
        return self._client.http

    def hints(self) -> AsyncIterator[None] | None:
        """News over Chatwoot's socket."""
        return self._news()

    async def _news(self) -> AsyncIterator[None]:
        from agentdesk.connectors.chatwoot.hints import news

        await self._ready()
        identifier = {"channel": "RoomChannel", "pubsub_token": self._pubsub, "account_id": self._config.account,
                      "user_id": self._actor.me}
        async for _ in news(self._client.site, identifier, name=self.name, ca_file=self._config.ca_file):
            yield

    async def _ready(self) -> None:
        """Sign in before the first call that needs to know who we are."""
        async with self._signing_in:
            if not self._signed_in:
                await self.verify()

    async def _whoami(self) -> dict[str, Any]:
        """Our own profile; where a proxy drops headers with underscores, the other spelling is tried once."""
        try:
            me = await self._client.get("/api/v1/profile")
        except AuthError:
            if self._client.dashed or self._signed_in:
                raise
            self._client.dashed = True
            try:
                me = await self._client.get("/api/v1/profile")
            except AuthError:
                self._client.dashed = False
                raise
        if not isinstance(me, dict) or not isinstance(me.get("id"), int):
            raise BadAnswer(
                f"{self.name}: Chatwoot does not say whose token this is", "Its profile has no number",
                "It is asked again by itself; if it stays, check url:, and that the token is an agent's own",
            )
        return me

    def _role(self, me: dict[str, Any]) -> tuple[str, list[str]]:
        """Our role in the configured account, and what it keeps from us."""
        accounts = [one for one in me.get("accounts") or [] if isinstance(one, dict)]
        mine = next((one for one in accounts if one.get("id") == self._config.account), None)
        if mine is None:
            known = ", ".join(f"{one.get('id')} ({inert_line(str(one.get('name')), limit=40)})" for one in accounts)
            raise AuthError(
                f"{self.name}: this token's agent is not in account {self._config.account}",
                f"It is in {known}" if known else "It is in none", "Put the right number into account:",
            )
        warnings = []
        own = mine.get("custom_role")
        own = own if isinstance(own, dict) else {}
        rights = own.get("permissions")
        if isinstance(rights, list) and "conversation_manage" not in rights:
            warnings.append(f"the role {own.get('name')} hides conversations of colleagues: they are missing here too")
        return str(inert_line(str(mine.get("role") or "agent"), limit=60)), warnings

    def _look_around(self, inboxes: list[Any]) -> list[str]:
        """Which inboxes there are and which of them to watch."""
        self._speaker.inboxes = {box.id: box.name for box in inboxes}
        by_name = {box.name.casefold(): box.id for box in inboxes}
        missing = [name for name in self._config.inboxes if name.casefold() not in by_name]
        warnings = [f"the inbox {name} is not there, or the token may not see it" for name in missing]
        chosen = frozenset(by_name[n.casefold()] for n in self._config.inboxes if n.casefold() in by_name)
        if not inboxes or (self._config.inboxes and not chosen):
            raise AuthError(
                f"{self.name}: no inbox can be seen", "; ".join(warnings) or "The agent is a member of none",
                "Ask an administrator to add the agent to the inboxes, or check inboxes:",
            )
        self._reader.watched = chosen if self._config.inboxes else None
        warnings += [f"the inbox {box.name} is cut off from its channel until an administrator signs in again"
                     for box in inboxes if box.reauthorization_required and self._seen(box.id)]
        return warnings

    def _seen(self, inbox: int) -> bool:
        return self._reader.watched is None or inbox in self._reader.watched

    async def _version(self) -> str:
        """Which Chatwoot it is, where it says."""
        try:
            data = await self._client.get("/api")
        except Rejected:
            return ""
        return str(data.get("version") or "") if isinstance(data, dict) else ""

    def _number(self, ref: str, what: str) -> int:
        if not (ref.isascii() and ref.isdecimal()) or not 0 < int(ref[:20]) < BIGGEST_ID:
            raise Rejected(f"{self.name}: {inert_line(ref, limit=60)} is no {what}'s number")
        return int(ref)
