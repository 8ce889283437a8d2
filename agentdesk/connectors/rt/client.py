"""RT's REST 2.0 calls: listings paged to their end, many tickets to a call (RT checks the token slowly each time)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

from agentdesk.config.sources import RtSource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.files import FormPart
from agentdesk.connectors.http import Http, Walk
from agentdesk.connectors.rt.files import form
from agentdesk.connectors.rt.wire import (
    TICKET_COLUMNS,
    TRANSACTION_COLUMNS,
    Part,
    Ticket,
    Transaction,
    read,
)
from agentdesk.errors import BadAnswer, Gone, Rejected
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.page import Reject
from agentdesk.model.text import inert_line

PER_PAGE = 100
IDS_PER_CALL = 40
"""So many ids fit into an address that every web server takes."""
CONTENT_PER_CALL = 2 * 1024 * 1024
PART_LIMIT = 1024 * 1024
"""Texts longer than this are not fetched; RT shows them."""
LIST_BUDGET = 200
NEARBY = 1_000
HIDDEN_PAGES = 10
UNREAD = "(RT does not show this text)"
ON_TICKETS = "ObjectType = 'RT::Ticket'"
"""Part of every query for transactions: without it RT mixes in users and queues that have the same numbers."""

T = TypeVar("T")


class RtClient:
    """The calls, with what each one's answer means; nothing here knows the model."""

    def __init__(self, config: RtSource, clock: Clock, token: Callable[[], str], http: Http | None = None) -> None:
        self.name = config.full_name
        self.site = config.url.rstrip("/")
        self.http = http or Http(
            self.site + "/REST/2.0",
            clock=clock,
            name=self.name,
            headers=lambda: {"Authorization": f"token {token()}"},
            timeout_s=config.timeout / SECOND,
            ca_file=config.ca_file,
        )

    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """Read one resource."""
        answer = await self.http.get(path, params)
        return answer.json(self.name)

    async def pages(
        self, path: str, params: Mapping[str, str | int], *, patience: int = 0, nothing_hidden: bool = False
    ) -> AsyncIterator[list[Any]]:
        """A listing page by page until an empty one: short pages, totals and next links are no sign of the end.

        Rows that we may not see are taken out of their page, and may fill whole ones: ``patience`` is how many empty
        pages are read past. Only where ``nothing_hidden`` can be, a short page is the last.
        """
        walk = Walk(self.name, LIST_BUDGET)
        last: list[Any] = []
        number = 1
        while walk.enter(str(number)):
            data = await self.get(path, {**params, "per_page": PER_PAGE, "page": number})
            items = data.get("items") if isinstance(data, dict) else None
            if not isinstance(items, list):
                raise BadAnswer(f"{self.name}: bad answer from the server", f"{path} is no list", "Check url:")
            number += 1
            if not items and patience > 0:
                patience -= 1
                continue
            if not items or _ids(items) == _ids(last):
                return
            yield items
            size = data.get("per_page")
            if nothing_hidden and isinstance(size, int) and 0 < len(items) < size:
                return
            last = items
        raise BadAnswer(f"{self.name}: the server's list does not end", f"{path} has more than {LIST_BUDGET} pages")

    async def transactions(
        self, query: str, *, enough: int = 1 << 30, patience: int = 0
    ) -> tuple[list[Transaction], list[Reject], bool]:
        """Transactions by id: (rows, those not understood, whether the listing was read to its end)."""
        rows: list[Transaction] = []
        rejects: list[Reject] = []
        columns = {**TRANSACTION_COLUMNS, "query": query, "orderby": "id", "order": "ASC"}
        async for items in self.pages("/transactions", columns, patience=patience):
            good, bad = read(items, Transaction, "transaction")
            rows += good
            rejects += bad
            if len(rows) + len(rejects) >= enough:
                return rows, rejects, False
        return rows, rejects, True

    async def newest(self, scope: str, count: int) -> list[Transaction]:
        """The last ``count`` transactions that can be seen, oldest first."""
        params: dict[str, str | int] = {
            **TRANSACTION_COLUMNS, "query": scope, "orderby": "id", "order": "DESC", "per_page": count, "page": 1,
        }
        data = await self.get("/transactions", params)
        good, _ = read(data.get("items") or [] if isinstance(data, dict) else [], Transaction, "transaction")
        return sorted(good, key=lambda row: row.id)

    async def holds(self, transaction: int) -> bool:
        """True when RT has a transaction of this number, whether it shows it to us (200) or not (403).

        RT says 500 for a number that it never gave out.
        """
        path = f"/transaction/{transaction}"
        answer = await self.http.request("GET", path, safe=True, accept=(403, 404, 500))
        return answer.status not in (404, 500)

    async def history(self, ticket: int) -> tuple[list[Transaction], list[Reject]]:
        """Everything that happened on one ticket, and on those merged into it."""
        rows: list[Transaction] = []
        rejects: list[Reject] = []
        async for items in self.pages(f"/ticket/{ticket}/history", TRANSACTION_COLUMNS):
            good, bad = read(items, Transaction, "transaction")
            rows += good
            rejects += bad
        return rows, rejects

    async def tickets(self, query: str, **more: str | int) -> tuple[list[Ticket], list[Reject], int | None]:
        """One page of tickets by TicketSQL: (heads, those not understood, how many there are in all)."""
        params: dict[str, str | int] = {**TICKET_COLUMNS, "orderby": "id", "per_page": PER_PAGE, **more, "query": query}
        data = await self.get("/tickets", params)
        items = data.get("items") if isinstance(data, dict) else None
        if not isinstance(items, list):
            raise BadAnswer(f"{self.name}: bad answer from the server", "/tickets is no list", "Check url:")
        total = data.get("total")
        good, bad = read(items, Ticket, "ticket")
        return good, bad, total if isinstance(total, int) else None

    async def heads(self, ids: Iterable[int], also: str = "") -> tuple[dict[int, Ticket], list[Reject]]:
        """The heads of these tickets; merged, deleted and hidden ones are missing."""
        found: dict[int, Ticket] = {}
        rejects: list[Reject] = []
        for chunk in chunks(sorted(set(ids)), IDS_PER_CALL):
            good, bad, _ = await self.tickets(any_of("id", chunk) + also)
            found.update((ticket.id, ticket) for ticket in good)
            rejects += bad
        return found, rejects

    async def ticket(self, number: str | int) -> tuple[dict[str, Any], str]:
        """A ticket as it stands: (fields, its ETag). A merged one comes back as the ticket it became part of."""
        try:
            answer = await self.http.get(f"/ticket/{number}")
        except Rejected as error:
            if isinstance(error, Gone) or "403" in error.cause:
                raise self._gone(number) from error
            raise
        data = answer.json(self.name)
        if not isinstance(data, dict) or "id" not in data:
            raise BadAnswer(f"{self.name}: bad answer from the server", f"/ticket/{number} is no ticket")
        if data.get("Status") == "deleted":
            raise self._gone(number)
        return data, answer.headers.get("etag", "")

    def _gone(self, number: str | int) -> Gone:
        return Gone(f"{self.name}: ticket {number} is not there any more", "RT deleted it or does not show it to us")

    async def put(self, path: str, data: Mapping[str, Any], etag: str = "") -> tuple[bool, str]:
        """Change something: (False when somebody changed the ticket meanwhile, RT's sentences).

        A refusal comes as a sentence too, with HTTP 200: only reading again tells what was done.
        """
        headers = {"Content-Type": "application/json"}
        if etag:
            headers["If-Match"] = etag
        answer = await self.http.request("PUT", path, json=dict(data), headers=headers, safe=True, accept=(412,))
        return answer.status != 412, answer.words()

    async def post(self, path: str, data: Mapping[str, Any], files: Sequence[FormPart] = ()) -> Answer:
        """Add a reply, note or ticket; its answer is read by the caller. 403 and 400 carry RT's reason."""
        if files:
            content, kind = form(data, files)
            return await self.http.request("POST", path, content=content, headers={"Content-Type": kind}, safe=False)
        headers = {"Content-Type": "application/json"}
        return await self.http.request("POST", path, json=dict(data), headers=headers, safe=False)

    async def parts(self, transactions: Sequence[int]) -> list[Part]:
        """What hangs on these transactions, without content: names, types and sizes."""
        found: list[Part] = []
        for chunk in chunks(transactions, IDS_PER_CALL):
            params = {
                "query": _json_query("TransactionId", chunk),
                "fields": "TransactionId,ContentType,Filename,ContentLength",
                "orderby": "id",
            }
            async for items in self.pages("/attachments", params, nothing_hidden=True):
                found += read(items, Part, "attachment")[0]
        return found

    async def shows_parts(self, transaction: int) -> bool:
        """True when RT shows anything that hangs on a transaction about there or later: there always is something."""
        query = json.dumps([{"field": "TransactionId", "operator": ">", "value": max(0, transaction - NEARBY)}])
        params = {"query": query, "fields": "TransactionId", "orderby": "id"}
        async for _ in self.pages("/attachments", params, patience=HIDDEN_PAGES):
            return True
        return False

    async def texts(self, parts: Sequence[Part]) -> dict[int, str]:
        """The content of these parts, a limited amount to a call."""
        found: dict[int, str] = {}
        batch: list[int] = []
        size = 0
        for part in parts:
            if batch and (len(batch) >= IDS_PER_CALL or size + part.ContentLength > CONTENT_PER_CALL):
                found.update(await self._content(batch))
                batch, size = [], 0
            batch.append(part.id)
            size += part.ContentLength
        if batch:
            found.update(await self._content(batch))
        return found

    async def _content(self, ids: Sequence[int]) -> dict[int, str]:
        params = {"query": _json_query("id", ids), "fields": "TransactionId,Content", "orderby": "id"}
        data = await self.get("/attachments", {**params, "per_page": PER_PAGE, "page": 1})
        good, _ = read(data.get("items") or [] if isinstance(data, dict) else [], Part, "attachment")
        found = {part.id: part.Content for part in good}
        for number in ids:
            if number not in found:  # one item that cannot be read alone does not hide the others
                found[number] = await self._single(number)
        return found

    async def _single(self, number: int) -> str:
        """One part by itself, where RT sends its content in base64; RT says 500 for one that it does not have."""
        answer = await self.http.request("GET", f"/attachment/{number}", safe=True, accept=(403, 404, 500))
        data = answer.json(self.name) if answer.ok else None
        try:
            content = data["Content"] if isinstance(data, dict) else None
            return UNREAD if content is None else base64.b64decode(content).decode("utf-8", "replace")
        except (KeyError, ValueError, TypeError):
            return UNREAD

    async def save(self, transaction: int, number: int, out: BinaryIO, limit: int) -> None:
        """Write the content of a part into ``out``; Rejected when it is larger than ``limit``."""
        part = next((part for part in await self.parts([transaction]) if part.id == number), None)
        if part is None:
            raise Gone(f"{self.name}: the file {number} is not there any more", "RT removed it or hides it from us")
        if part.ContentLength > limit:
            raise Rejected(
                f"{self.name}: {inert_line(part.Filename or 'the file', limit=100)} is larger than "
                f"{limit // 1024} KiB", remedy="Open the ticket in RT",
            )
        answer = await self.http.get(f"/attachment/{number}")
        data = answer.json(self.name)
        content = data.get("Content") if isinstance(data, dict) else None
        if not isinstance(content, str):
            raise BadAnswer(f"{self.name}: RT did not send the file", "The answer has no content")
        try:
            raw = await asyncio.to_thread(base64.b64decode, content)
        except ValueError as error:
            raise BadAnswer(f"{self.name}: the file cannot be read", str(error)) from error
        if len(raw) > limit:
            raise Rejected(f"{self.name}: the file is larger than {limit // 1024} KiB", remedy="Open the ticket in RT")
        await asyncio.to_thread(out.write, raw)

    async def user(self, login: str) -> dict[str, Any] | None:
        """A user's record; None where it is hidden from us or not there."""
        try:
            data = await self.get(f"/user/{quote(login, safe='@')}")
        except Rejected:
            return None
        return data if isinstance(data, dict) and data.get("id") else None


def any_of(field: str, values: Iterable[object]) -> str:
    """A TicketSQL condition that holds for any of these values, quoted as RT reads them."""
    return "(" + " OR ".join(f"{field} = {sql(value)}" for value in values) + ")"


def sql(value: object) -> str:
    """A value as TicketSQL takes it."""
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def chunks(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Cut a sequence into pieces of at most ``size``."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def _json_query(field: str, values: Iterable[int]) -> str:
    return json.dumps([{"field": field, "operator": "=", "value": value} for value in values], separators=(",", ":"))


def _ids(items: list[Any]) -> list[Any]:
    return [item.get("id") if isinstance(item, dict) else None for item in items]
