"""The Zammad connector: one agent's account on one Zammad."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from agentdesk.config.sources import ZammadSource
from agentdesk.connectors.base import HttpConnector, Verdict, check_files
from agentdesk.connectors.http import Http
from agentdesk.connectors.items import instant, read
from agentdesk.connectors.login import again
from agentdesk.connectors.matching import LOOK_BACK, same_text
from agentdesk.connectors.zammad.acting import Actor
from agentdesk.connectors.zammad.canned import Macro, TextModule, from_macro, from_module
from agentdesk.connectors.zammad.client import Listing, Want, ZammadClient, made
from agentdesk.connectors.zammad.reading import Reader
from agentdesk.connectors.zammad.speak import Speaker
from agentdesk.connectors.zammad.wire import KEY, Article, Ticket, User, preference
from agentdesk.connectors.zammad.writing import Writer
from agentdesk.errors import Ambiguous, AuthError, BadAnswer, Gone, Rejected
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Receipt, Unsure
from agentdesk.model.page import Account, Page, RemoteCanned
from agentdesk.model.text import inert_line

LAG_S = 60
"""Zammad may still be busy with a request whose line broke; before this an absent reply proves nothing."""
MAX_FILES = 10
MAX_FILE = 10 * 1024 * 1024


class ZammadConnector(HttpConnector):
    """Tickets of the watched groups as conversations."""

    def __init__(
        self, config: ZammadSource, clock: Clock, token: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self._config = config
        self._clock = clock
        self._client = ZammadClient(config, clock, token, http)
        self._speaker = Speaker(self._client)
        self._reader = Reader(config, self._client, self._speaker, clock)
        self._writer = Writer(config, self._client, self._speaker, clock)
        self._actor = Actor(self._client, self._speaker, clock)
        self._ready_now = False
        self._signing_in = asyncio.Lock()
        self.caps = Caps(
            letter=config.letter or "Z",
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
            statuses=("new", "open", "pending reminder", "pending close", "closed"),
            closed_status=config.closed_status,
            send_strength=SendStrength.KEY,
            open_strength=SendStrength.KEY,
            visibilities=("direct",),
            consistency_lag_s=LAG_S,
            poll_s=(config.poll or 30 * SECOND) / SECOND,
        )

    async def verify(self) -> Account:
        """Ask Zammad who we are and what we see; narrows what is declared to what is there."""
        async with self._signing_in:
            return await self._verify()

    async def _verify(self) -> Account:
        data = await self._client.get("/users/me")
        users, _ = read([data], User, "user")
        if not users:
            raise BadAnswer(f"{self.name}: Zammad does not say who we are", "Its answer is no user",
                            "It is asked again by itself; if it stays, check url:")
        me = users[0]
        await self._check_agent(me)
        self._client.me = me.id
        self._speaker.meet({me.id: me})
        warnings = await self._look_around()
        warnings += await self._check_search()
        self._ready_now = True
        groups = [self._speaker.groups[number].name for number in self._reader.watched or self._speaker.groups]
        return Account(
            ref=str(inert_line(me.login or me.email or str(me.id))),
            handle=inert_line(me.email or me.login),
            name=inert_line(me.name),
            server=str(inert_line(f"Zammad {await self._version()} at {self._client.http.host}")),
            scopes=tuple(str(inert_line(name)) for name in sorted(groups)),
            warnings=tuple(warnings),
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring tickets that changed; on first connect open and lately closed ones."""
        await self._ready()
        return await self._reader.pull(cursor, limit)

    async def thread(self, conversation_ref: str) -> Page:
        """One whole ticket."""
        await self._ready()
        return await self._reader.thread(self._number(conversation_ref))

    async def customer(self, customer_ref: str) -> Profile:
        """One user's record."""
        user = await self._client.user(int(customer_ref)) if customer_ref.isdecimal() else None
        if user is None:
            raise Gone(f"{self.name}: Zammad does not show the user {inert_line(customer_ref)}")
        return self._speaker.profile(user)

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """A customer's latest tickets, in every group we may see."""
        await self._ready()
        if not customer_ref.isdecimal():
            raise Gone(f"{self.name}: {inert_line(customer_ref)} is no user of Zammad")
        want, most = Want(customer=int(customer_ref)), max(1, min(limit, 100))
        page = await self._reader.whole(await self._client.search(want, order="desc", per_page=most))
        return msgspec.structs.replace(page, backfill=True)

    def freeze(self, out: Outgoing) -> str:
        """Nothing: the client id is all it takes."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Write a reply or note, or open a ticket; what is there already under our id is not written again."""
        await self._ready()
        if not out.text.strip():
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        check_files(self.name, self.caps, out)
        if out.kind is OutKind.TICKET:
            return await self._open(out)
        if out.kind not in (OutKind.REPLY, OutKind.NOTE):
            raise Rejected(f"{self.name}: Zammad has no private messages", remedy="Reply on the ticket")
        ticket, _, users = await self._client.ticket(self._number(out.conversation_ref))
        self._speaker.meet(users)
        articles, _ = await self._client.articles(ticket.id)
        if (there := self._by_key(out, articles)) is not None:
            return self._receipt(there)
        answer = await self._client.post("/ticket_articles", await self._writer.article(out, ticket, articles))
        article = made(answer, Article, self.name)
        if article is None or article.ticket_id != ticket.id:
            raise self._unclear(answer.status)
        return self._receipt(article)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for what was sent: by our id, else by its text."""
        await self._ready()
        try:
            if out.kind is OutKind.TICKET:
                found: Receipt | None = await self._find_ticket(out, first_try_at)
            else:
                articles, bad = await self._client.articles(self._number(out.conversation_ref))
                if not (articles or bad):
                    return Unsure("Zammad shows nothing that was ever said on the ticket")
                article = self._by_key(out, articles) or await self._by_text(out, articles, first_try_at)
                found = self._receipt(article) if article else None
        except Gone as error:  # what we may not see cannot be proven absent
            return Unsure(error.title)
        if found is not None:
            return Found(found)
        if self._clock.now() - first_try_at < LAG_S * SECOND:
            return Unsure("Zammad may still be working on it")
        return Absent()

    async def act(self, action: Action) -> None:
        """Do one repeatable thing to a ticket."""
        await self._ready()
        await self._actor.act(action, self._number(action.conversation_ref))

    async def find(self, words: str, limit: int = 20) -> Page:
        """Tickets that hold these words, and those of customers with this name, login or mail address."""
        await self._ready()
        found = await self._client.lookup(words, limit)
        for user in (await self._client.people(words))[:3]:
            theirs = await self._client.search(Want(customer=user.id), order="desc", per_page=limit)
            known = {ticket.id for ticket in found.tickets}
            found.tickets += [ticket for ticket in theirs.tickets if ticket.id not in known]
            found.raw.update(theirs.raw)
            found.users.update(theirs.users)
        found.tickets = found.tickets[:limit]
        return msgspec.structs.replace(await self._reader.whole(found), backfill=True)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Write an attachment into ``out``."""
        await self._client.http.save(url, out, limit)

    async def canned(self) -> tuple[RemoteCanned, ...]:
        """The text modules and macros that this agent may use."""
        await self._ready()
        modules = await self._client.rows("/text_modules", TextModule, "text module")
        macros = await self._client.rows("/macros", Macro, "macro")
        found = [from_module(module) for module in modules if module.active]
        found += [from_macro(macro, self._speaker) for macro in macros if macro.active]
        return tuple(one for one in found if one.text or one.actions)

    @property
    def http(self) -> Http:
        """The client's."""
        return self._client.http

    async def _ready(self) -> None:
        """Sign in before the first call that needs to know who we are."""
        if not self._ready_now:
            await self.verify()

    async def _check_agent(self, me: User) -> None:
        """Text modules are shown to agents only: what comes back says whether this token is one's."""
        try:
            await self._client.get("/text_modules", {"per_page": 1})
        except Rejected as error:
            if "HTTP 403" not in error.cause:
                raise
            raise AuthError(
                f"{self.name}: {inert_line(me.name)} is not an agent with this token", error.cause,
                f"Make a token with the permission ticket.agent, from an agent's account. {again(self.name)}",
            ) from error

    async def _look_around(self) -> list[str]:
        """States, priorities and groups; says which of the configured ones are missing."""
        speaker = self._speaker
        await speaker.refresh()
        warnings = []
        by_name = {group.name.casefold(): number for number, group in speaker.groups.items()}
        missing = [name for name in self._config.groups if name.casefold() not in by_name]
        warnings += [f"the group {name} is not there, or the token may not see it" for name in missing]
        watched = frozenset(by_name[n.casefold()] for n in self._config.groups if n.casefold() in by_name)
        if self._config.groups and not watched:
            raise AuthError(f"{self.name}: no group can be seen", "; ".join(warnings), "Check groups:")
        self._reader.watched = watched if self._config.groups else None
        silent = [g.name for g in speaker.groups.values() if g.active and g.email_address_id is None]
        if silent:
            names = ", ".join(sorted(silent)[:5])
            warnings.append(f"no mail can be sent from {names}: no mail address is set there")
        names_of = [state.name for state in speaker.states.values() if state.active and state.type < 6]
        closed = next((s for s in speaker.states.values() if s.name == self._config.closed_status), None)
        if closed is None or not closed.closed:
            warnings.append(f"there is no closing state {self._config.closed_status}: check closed_status:")
        self.caps = msgspec.structs.replace(self.caps, statuses=tuple(str(inert_line(name)) for name in names_of),
                                            open_places=self._writer.must_name())
        return warnings

    async def _check_search(self) -> list[str]:
        """Whether tickets can be found by the database, else only by the search index."""
        self._client.exact = True
        try:
            await self._client.search(Want(updated_from=0), per_page=1)
        except (Gone, Rejected) as error:
            self._client.exact = False
            await self._client.search(Want(updated_from=0), per_page=1)
            return [f"changes are found by the search index, which runs behind by minutes ({error.cause})"]
        return []

    async def _version(self) -> str:
        """The server's version, which Zammad tells administrators only."""
        answer = await self._client.http.request("GET", "/version", safe=True, accept=(403, 404))
        data: Any = answer.json(self.name) if answer.ok else None
        return preference(data, "version")

    async def _open(self, out: Outgoing) -> Receipt:
        """Open a ticket, unless our id is on one already."""
        if (there := await self._find_ticket(out, out.created_at or self._clock.now())) is not None:
            return there
        answer = await self._client.post("/tickets", await self._writer.opening(out))
        ticket = made(answer, Ticket, self.name)
        if ticket is None:
            raise self._unclear(answer.status)
        return self._opened(ticket)

    async def _find_ticket(self, out: Outgoing, since: int) -> Receipt | None:
        """A ticket that we opened with this id, or with these very words where Zammad did not keep the id."""
        want = Want(created_from=max(0, self._client.there(since) - LOOK_BACK), mine=True)
        found: Listing = await self._client.search(want, sort="created_at", order="desc")
        for ticket in found.tickets:
            if preference(ticket.preferences, KEY) == out.client_id:
                return self._opened(ticket)
        title = inert_line(out.subject or out.text, limit=200)
        for ticket in found.tickets:
            if inert_line(ticket.title, limit=200) == title and not preference(ticket.preferences, KEY):
                articles, _ = await self._client.articles(ticket.id)
                if articles and same_text(out.text, articles[0].body):
                    return self._opened(ticket)
        return None

    def _by_key(self, out: Outgoing, articles: list[Article]) -> Article | None:
        return next((a for a in articles if a.key and a.key == out.client_id), None)

    async def _by_text(self, out: Outgoing, articles: list[Article], first_try_at: int) -> Article | None:
        """Our own latest words on the ticket that read like this reply and carry no other id."""
        recent = [a for a in articles if a.created_by_id == self._client.me and not a.key
                  and (instant(a.created_at) or 0) >= self._client.there(first_try_at) - LOOK_BACK]
        wanted = Direction.NOTE if out.kind is OutKind.NOTE else Direction.OUT
        ticket = Ticket(id=self._number(out.conversation_ref), updated_at="")
        messages, _ = await self._speaker.messages(ticket, recent)
        same = {m.ref for m in messages if m.direction is wanted and same_text(out.text, m.text)}
        return next((a for a in recent if str(a.id) in same), None)

    def _receipt(self, article: Article) -> Receipt:
        return Receipt(ref=str(article.id), url=self._speaker.link(article.ticket_id, article.id),
                       created_at=instant(article.created_at))

    def _opened(self, ticket: Ticket) -> Receipt:
        return Receipt(conversation_ref=str(ticket.id), url=self._speaker.link(ticket.id),
                       created_at=instant(ticket.created_at))

    def _unclear(self, status: int) -> Ambiguous:
        return Ambiguous(f"{self.name}: Zammad did not confirm it", f"HTTP {status}",
                         "It is being looked for on the server")

    def _number(self, conversation_ref: str) -> int:
        if not conversation_ref.isdecimal() or len(conversation_ref) > 15:
            raise Rejected(f"{self.name}: {inert_line(conversation_ref, limit=60)} is no ticket's number")
        return int(conversation_ref)
