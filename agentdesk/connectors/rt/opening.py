"""Opening tickets in RT for conversations elsewhere, finding them again, and looking for tickets of a customer.

``POST /ticket`` takes no transaction field, so our id stands in the ticket's own words, as a last line that is taken
off again when it is read. RT may write to a requestor who has an address: the words are made for that.
"""

from __future__ import annotations

from typing import Any

from agentdesk.config.sources import RtSource
from agentdesk.connectors.matching import LOOK_BACK
from agentdesk.connectors.rt.client import ON_TICKETS, RtClient, sql
from agentdesk.connectors.rt.files import attached
from agentdesk.connectors.rt.speak import Speaker, marked
from agentdesk.connectors.rt.wire import Transaction, instant
from agentdesk.errors import Ambiguous, Rejected
from agentdesk.model.outgoing import Outgoing, Receipt
from agentdesk.model.page import Page
from agentdesk.model.text import inert_line

NEWEST = 100
"""So many tickets that we opened are looked at for one of unknown outcome."""
SUBJECT_LIMIT = 200
WORDS = 5
"""No more words of a search are used."""


class Opener:
    """One account's new tickets."""

    def __init__(self, config: RtSource, client: RtClient, speaker: Speaker) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self.name = client.name

    async def open(self, out: Outgoing, queues: tuple[str, ...]) -> Receipt:
        """Open a ticket unless it is there already; ``queues`` are those that we watch."""
        if not out.text.strip() or not out.subject.strip():
            raise Rejected(f"{self.name}: a ticket needs a subject and a text", remedy="Write both")
        queue = out.place or self._config.ticket_queue or next(iter(self._config.queues or queues), "")
        earlier, _ = await self.find(out, out.created_at)
        if earlier is not None:
            return earlier
        body: dict[str, Any] = {
            "Queue": queue, "Subject": str(inert_line(out.subject, limit=SUBJECT_LIMIT)),
            "Content": marked(out.text, out.client_id), "ContentType": "text/plain",
        }
        if "@" in out.customer_mail:
            body["Requestor"] = out.customer_mail
        if out.tags and self._config.tags_field:
            body["CustomFields"] = {self._config.tags_field: list(out.tags)}
        answer = await self._client.post("/ticket", body, await attached(out, self.name))
        data = answer.json(self.name) if answer.status == 201 else None
        number = str(data.get("id", "")) if isinstance(data, dict) else ""
        if not number.isdecimal():
            raise Ambiguous(
                f"{self.name}: RT did not confirm the ticket", f"HTTP {answer.status}", "It is being looked for"
            )
        return Receipt(conversation_ref=number, url=self._speaker.ticket_url(int(number)))

    async def find(self, out: Outgoing, since: int) -> tuple[Receipt | None, bool]:
        """Our ticket with this id, and whether its absence proves anything."""
        query = f"{ON_TICKETS} AND Type = 'Create' AND Creator = {sql(self._speaker.me)}"
        rows = await self._client.newest(query, NEWEST)
        recent = [row for row in rows if (instant(row.Created) or 0) >= since - LOOK_BACK]
        messages, unread = await self._speaker.messages(recent, {}, {})
        found = next((m.ref for m in messages if m.client_id == out.client_id), "")
        row: Transaction | None = next((row for row in recent if str(row.id) == found), None)
        if row is None:
            return None, not unread and not (recent and len(recent) == len(rows) >= NEWEST)
        return Receipt(
            ref=str(row.id), conversation_ref=str(row.ObjectId), url=self._speaker.ticket_url(row.ObjectId),
            created_at=instant(row.Created),
        ), True

    async def search(self, words: str, limit: int) -> Page:
        """Tickets with this number, with these words in the subject, or of a requestor who is called so."""
        wanted = [word.lstrip("#") for word in words.split()][:WORDS]
        if not wanted:
            return Page()
        about = " AND ".join(f"Subject LIKE {sql(word)}" for word in wanted)
        # Words of one person are asked for together: RT takes each condition for another requestor.
        called = sql(" ".join(wanted))
        person = " OR ".join(f"Requestor.{field} LIKE {called}" for field in ("EmailAddress", "RealName", "Name"))
        query = f"({about}) OR {person}"
        if len(wanted) == 1 and wanted[0].isdecimal() and len(wanted[0]) < 12:
            query = f"id = {int(wanted[0])} OR {query}"
        tickets, rejects, _ = await self._client.tickets(
            f"({query})", orderby="LastUpdated", order="DESC", per_page=max(1, min(limit, NEWEST))
        )
        return Page(
            conversations=tuple(await self._speaker.conversations(tickets)),
            profiles=tuple(self._speaker.profiles(tickets)), rejects=tuple(rejects),
        )
