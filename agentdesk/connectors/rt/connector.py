"""The RT connector: one agent's account on one Request Tracker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from agentdesk.config.sources import RtSource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.base import HttpConnector, Verdict, check_kind
from agentdesk.connectors.http import Http
from agentdesk.connectors.login import again
from agentdesk.connectors.matching import LOOK_BACK, same_text
from agentdesk.connectors.rt.acting import Actor
from agentdesk.connectors.rt.client import ON_TICKETS, RtClient, sql
from agentdesk.connectors.rt.files import MOST_BYTES, MOST_FILES, attached
from agentdesk.connectors.rt.opening import Opener
from agentdesk.connectors.rt.reading import Reader, Scope
from agentdesk.connectors.rt.speak import Speaker, profile
from agentdesk.connectors.rt.wire import NOBODY, Person, Transaction, instant
from agentdesk.errors import Ambiguous, AuthError, Conflict, Gone, Rejected
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Receipt, Unsure
from agentdesk.model.page import Account, Page
from agentdesk.model.text import inert_line

STATUSES = ("new", "open", "stalled", "resolved", "rejected")
LAG_S = 60
"""RT may still be busy with a request whose line broke; before this an absent reply proves nothing."""
MANY_QUEUES = 100


class RtConnector(HttpConnector):
    """Tickets of the watched queues as conversations."""

    def __init__(
        self, config: RtSource, clock: Clock, token: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self._config = config
        self._clock = clock
        self._client = RtClient(config, clock, token, http)
        self._token = token
        self._speaker = Speaker(config, self._client)
        self._reader = Reader(config, self._client, self._speaker, clock)
        self._actor = Actor(config, self._client)
        self._opener = Opener(config, self._client, self._speaker)
        self._scope: Scope | None = None
        self._signing_in = asyncio.Lock()
        self.caps = Caps(
            letter=config.letter or "R",
            can_note=True,
            can_assign=True,
            can_status=True,
            can_tag=bool(config.tags_field),
            can_priority=True,
            can_open=True,
            can_search=True,
            can_download=True,
            max_uploads=MOST_FILES,
            max_upload_bytes=MOST_BYTES,
            statuses=STATUSES if config.closed_status in STATUSES else (*STATUSES, config.closed_status),
            closed_status=config.closed_status,
            send_strength=SendStrength.KEY if config.client_id_field else SendStrength.NONE,
            visibilities=("direct",),
            consistency_lag_s=LAG_S,
            poll_s=(config.poll or 30 * SECOND) / SECOND,
        )

    async def verify(self) -> Account:
        """Ask RT who we are and what we see; narrows what is declared to what the queues really have."""
        version = await self._client.get("/rt")
        me = await self._whoami()
        scope, warnings = await self._look_around()
        async with self._signing_in:
            self._speaker.me, self._scope = str(me.get("Name") or self._config.user), scope
        shown = version.get("Version", "") if isinstance(version, dict) else ""
        return Account(
            ref=self._speaker.me,
            handle=inert_line(self._speaker.me),
            name=inert_line(str(me.get("RealName") or me.get("EmailAddress") or "")),
            server=str(inert_line(f"RT {shown} at {self._client.http.host}")),
            scopes=tuple(str(inert_line(name)) for name in sorted(scope.queues.values())),
            warnings=tuple(warnings),
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring new transactions of the watched queues; on first connect open and lately closed tickets."""
        scope = await self._ready()
        return await self._reader.pull(cursor, limit, scope)

    async def thread(self, conversation_ref: str) -> Page:
        """One whole ticket."""
        await self._ready()
        return await self._reader.thread(self._ticket_number(conversation_ref))

    async def customer(self, customer_ref: str) -> Profile:
        """One user's record."""
        user = await self._client.user(customer_ref)
        if user is None:
            raise Gone(f"{self.name}: RT does not show the user {inert_line(customer_ref)}")
        person = Person(
            id=customer_ref, Name=str(user.get("Name") or customer_ref), RealName=str(user.get("RealName") or ""),
            EmailAddress=str(user.get("EmailAddress") or ""),
        )
        created = instant(str(user.get("Created") or ""))
        return msgspec.structs.replace(profile(person), created_at=created)

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """The latest tickets that a person requested, in every queue we may see."""
        await self._ready()
        query = f"Requestor.Name = {sql(customer_ref)}"
        tickets, rejects, _ = await self._client.tickets(
            query, orderby="LastUpdated", order="DESC", per_page=max(1, min(limit, 100))
        )
        page = await self._reader.whole({ticket.id: ticket for ticket in tickets})
        return msgspec.structs.replace(page, rejects=(*rejects, *page.rejects), backfill=True)

    def freeze(self, out: Outgoing) -> str:
        """Nothing: the client id is all it takes."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Write a reply or note, or open a ticket; RT is asked first whether it has it already where it can tell."""
        scope = await self._ready()
        check_kind(self.name, self.caps, out)
        if out.kind is OutKind.TICKET:
            return await self._opener.open(out, tuple(sorted(scope.queues.values())))
        number = self._ticket_number(out.conversation_ref)
        if not out.text.strip():
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        if number in self._reader.merged:
            other = self._reader.merged[number]
            raise Rejected(
                f"{self.name}: ticket {number} is part of ticket {other} now", "It was merged",
                f"Answer in ticket {other}",
            )
        if self._keyed and (row := await self._find_key(out)) is not None:
            return self._receipt(row.id, number, instant(row.Created))
        if out.kind is OutKind.REPLY and self._config.take_on_reply:
            await self._take_for_reply(str(number))
        return await self._post(out, number)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for a reply on the ticket: by its client id, else by its text; for a ticket by the id in its words."""
        await self._ready()
        if out.kind is OutKind.TICKET:
            return await self._look_for_ticket(out, first_try_at)
        number = self._ticket_number(out.conversation_ref)
        row = (await self._find_key(out) if self._keyed else None) or await self._find_text(out, first_try_at)
        if row is not None:
            return Found(self._receipt(row.id, number, instant(row.Created)))
        if self._clock.now() - first_try_at < LAG_S * SECOND:
            return Unsure("RT may still be working on it")
        try:
            await self._client.ticket(number)
        except Gone as error:  # what we may not see cannot be proven absent
            return Unsure(error.title)
        shown, rejects, _ = await self._client.transactions(f"{ON_TICKETS} AND TicketId = {number}", enough=1)
        return Absent() if shown or rejects else Unsure("RT shows nothing that was ever said on the ticket")

    async def _look_for_ticket(self, out: Outgoing, first_try_at: int) -> Verdict:
        found, proven = await self._opener.find(out, first_try_at + (self.skew() or 0))
        if found is not None:
            return Found(found)
        if not proven:
            return Unsure("Too many tickets were opened meanwhile, or one cannot be read")
        early = self._clock.now() - first_try_at < LAG_S * SECOND
        return Unsure("RT may still be working on it") if early else Absent()

    async def find(self, words: str, limit: int = 20) -> Page:
        """Tickets by number, subject or requestor, the latest first; in every queue that we may see."""
        await self._ready()
        return await self._opener.search(words, limit)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Write an attachment; RT hands them out in base64, by the number that stands in their address."""
        pieces = url.removeprefix(f"{self._client.site}/Ticket/Attachment/").split("/")
        if url.startswith(self._client.site) and len(pieces) == 3 and pieces[0].isdecimal() and pieces[1].isdecimal():
            await self._client.save(int(pieces[0]), int(pieces[1]), out, limit)
            return
        raise Rejected(f"{self.name}: this is no file of a ticket", str(inert_line(url, limit=100)))

    async def act(self, action: Action) -> None:
        """Do one repeatable thing to a ticket."""
        await self._ready()
        self._ticket_number(action.conversation_ref)
        await self._actor.act(action, self._speaker.me)

    @property
    def http(self) -> Http:
        """The client's."""
        return self._client.http

    @property
    def _keyed(self) -> bool:
        return self.caps.send_strength is SendStrength.KEY

    async def _ready(self) -> Scope:
        """Sign in before the first call that needs to know who we are."""
        if self._scope is None:
            await self.verify()
        assert self._scope is not None  # noqa: S101 - set by verify()
        return self._scope

    async def _whoami(self) -> dict[str, Any]:
        """Our own user: by the configured login, else by the user number that stands in RT's tokens."""
        login = self._config.user
        if not login:
            pieces = self._token().split("-")
            login = pieces[1] if len(pieces) == 3 and pieces[1].isdecimal() else ""
        user = await self._client.user(login) if login else None
        if user is None or not (user.get("Name") or self._config.user):
            raise AuthError(
                f"{self.name}: RT does not say whose token this is", "It does not show our own user",
                "Put the token's login into user:",
            )
        if str(user.get("Privileged", 1)) == "0":
            raise AuthError(
                f"{self.name}: {inert_line(str(user.get('Name')))} is not an agent in RT", "The user is not privileged",
                f"Use the token of an agent's account. {again(self.name)}",
            )
        return user

    async def _look_around(self) -> tuple[Scope, list[str]]:
        """Which queues we see and which fields they have."""
        queues: dict[int, str] = {}
        async for items in self._client.pages("/queues/all", {"fields": "Name,Lifecycle"}):
            for item in items:
                if isinstance(item, dict) and str(item.get("id", "")).isdecimal() and item.get("Name"):
                    queues[int(item["id"])] = str(item["Name"])
        wanted = self._config.queues or tuple(sorted(queues.values()))
        by_name = {name.casefold(): number for number, name in queues.items()}
        missing = [name for name in wanted if name.casefold() not in by_name]
        chosen = {by_name[n.casefold()]: queues[by_name[n.casefold()]] for n in wanted if n not in missing}
        warnings = [f"the queue {name} is not there, or the token may not see it" for name in missing]
        if not chosen:
            raise AuthError(
                f"{self.name}: no queue can be seen", "; ".join(warnings) or "The token's user may see none",
                "Ask for the rights SeeQueue and ShowTicket, or check queues:",
            )
        if len(chosen) > MANY_QUEUES:
            raise Rejected(
                f"{self.name}: {len(chosen)} queues are too many to watch",
                remedy=f"Name at most {MANY_QUEUES} in queues:",
            )
        warnings += await self._check_fields(chosen)
        return Scope(self._config, chosen), warnings

    async def _check_fields(self, queues: dict[int, str]) -> list[str]:
        """Narrow the capabilities to the custom fields that every watched queue has."""
        if not (self._config.tags_field or self._config.client_id_field):
            return []
        keyed, tagged, warnings = True, True, []
        for number, name in queues.items():
            queue = await self._client.get(f"/queue/{number}")
            if self._config.client_id_field not in _fields(queue, "TicketTransactionCustomFields"):
                keyed = False
                if self._config.client_id_field:
                    warnings.append(f"the queue {name} has no transaction field {self._config.client_id_field}")
            if self._config.tags_field not in _fields(queue, "TicketCustomFields"):
                tagged = False
                if self._config.tags_field:
                    warnings.append(f"the queue {name} has no field {self._config.tags_field}")
        self.caps = msgspec.structs.replace(
            self.caps,
            can_tag=bool(self._config.tags_field) and tagged,
            send_strength=SendStrength.KEY if self._config.client_id_field and keyed else SendStrength.NONE,
        )
        return warnings

    def _ticket_number(self, conversation_ref: str) -> int:
        if not conversation_ref.isdecimal():
            raise Rejected(f"{self.name}: {inert_line(conversation_ref, limit=60)} is no ticket number")
        return int(conversation_ref)

    async def _take_for_reply(self, number: str) -> None:
        """Own the ticket before answering; one that a colleague has is not answered over their head."""
        try:
            await self._actor.take(number, self._speaker.me)
        except Conflict as error:
            raise Rejected(
                f"{self.name}: {error.holder} has ticket {number}", "Two agents would answer the same customer",
                "Take it over with claim steal=yes and send again, or set take_on_reply: false",
            ) from error

    async def _post(self, out: Outgoing, number: int) -> Receipt:
        note = out.kind is OutKind.NOTE
        text = out.text if out.text != "0" else "0\n"  # RT takes a bare 0 for nothing
        body: dict[str, Any] = {"Content": text, "ContentType": "text/plain"}
        if self._keyed:
            body["TxnCustomFields"] = {self._config.client_id_field: out.client_id}
        files = await attached(out, self.name)
        answer = await self._client.post(f"/ticket/{number}/{'comment' if note else 'correspond'}", body, files)
        made = _made(answer)
        if answer.status != 201 or made is None:
            raise Ambiguous(
                f"{self.name}: RT did not confirm it", f"HTTP {answer.status}", "It is being looked for on the ticket"
            )
        return self._receipt(made, number, None)

    async def _find_key(self, out: Outgoing) -> Transaction | None:
        field = self._config.client_id_field
        query = f"{ON_TICKETS} AND CF.{{{field}}} = {sql(out.client_id)}"
        rows, _, _ = await self._client.transactions(query, enough=1)
        return next((row for row in rows if row.field(field) in ("", out.client_id)), None)

    async def _find_text(self, out: Outgoing, first_try_at: int) -> Transaction | None:
        """Our own latest words on the ticket that read like this reply."""
        kind = "Comment" if out.kind is OutKind.NOTE else "Correspond"
        query = f"{ON_TICKETS} AND TicketId = {self._ticket_number(out.conversation_ref)} AND Type = '{kind}'"
        rows, _, _ = await self._client.transactions(query)
        field = self._config.client_id_field
        recent = [
            row
            for row in rows
            if row.Creator.login == self._speaker.me
            and (instant(row.Created) or 0) >= first_try_at + (self.skew() or 0) - LOOK_BACK
            and (not field or row.field(field) in ("", out.client_id))
        ]
        messages, _ = await self._speaker.messages(recent, {}, {})
        wanted = Direction.NOTE if out.kind is OutKind.NOTE else Direction.OUT
        same = {m.ref for m in messages if m.direction is wanted and same_text(out.text, m.text)}
        return next((row for row in recent if str(row.id) in same), None)

    def _receipt(self, transaction: int, number: int, created: int | None) -> Receipt:
        return Receipt(
            ref=str(transaction), url=f"{self._speaker.ticket_url(number)}#txn-{transaction}", created_at=created
        )


def _made(answer: Answer) -> int | None:
    """The id of the transaction that an answer says was made."""
    number = answer.headers.get("location", "").rstrip("/").rpartition("/transaction/")[2]
    return int(number) if number.isdecimal() else None


def _fields(queue: object, name: str) -> set[str]:
    fields = queue.get(name) if isinstance(queue, dict) else None
    return {str(one.get("name", "")) for one in fields if isinstance(one, dict)} if isinstance(fields, list) else set()


__all__ = ["NOBODY", "RtConnector"]
