"""Reading: views, windows of the queue, one conversation, one customer, search.

Functions without ``async`` are bounded and answer within a frame; those with ``async`` may be long and run in a
thread with a connection of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from agentdesk.rules.query import parse
from agentdesk.store import conversations
from agentdesk.store import search as search_rows

if TYPE_CHECKING:
    from agentdesk.config.schema import ViewConfig
    from agentdesk.desk.desk import Desk
    from agentdesk.model.clock import Millis
    from agentdesk.model.conversation import Conversation, ConversationBrief, Link, Promise, QueueRow
    from agentdesk.model.customer import Customer
    from agentdesk.model.ledger import LedgerEntry
    from agentdesk.model.message import Hit, StoredMessage
    from agentdesk.model.outgoing import Draft, OutboxEntry
    from agentdesk.model.source import Quarantined, SourceState
    from agentdesk.store.conversations import Key
    from agentdesk.store.db import Db
    from agentdesk.store.where import Where as Where

T = TypeVar("T")
BOUND = 5_000
"""So many rows of a view that takes long to judge are judged."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of the status bar."""

    late: int = 0
    soon: int = 0
    open: int = 0
    waiting: int = 0
    snoozed: int = 0
    unsent: int = 0
    drafts: int = 0
    review: int = 0
    """Closed by their sources, and nobody here has looked."""


async def in_reader(desk: Desk, read: Callable[[Db], T]) -> T:
    """Run a long read in a thread with a connection of its own."""

    def work() -> T:
        with desk.store.spare_reader() as reader:
            return read(reader)

    import asyncio

    return await asyncio.to_thread(work)


def views(desk: Desk) -> tuple[ViewConfig, ...]:
    """The saved views, in the order of their keys."""
    return desk.config.views


def compile_view(desk: Desk, query: str) -> Where:
    """Turn a query into what the window functions take; UsageError when it cannot be read."""
    return search_rows.where(parse(query), agent=desk.agent, now=desk.now())


def window(desk: Desk, where: Where, *, after: Key | None = None, before: Key | None = None,
           limit: int = 200) -> list[QueueRow]:
    """A stretch of the queue after or before a row's key, in queue order."""
    return conversations.window(desk.store.reader, where, after=after, before=before, limit=limit)


def around(desk: Desk, where: Where, conversation_id: int, limit: int = 200) -> list[QueueRow]:
    """A stretch of the queue with one conversation in its middle; empty when it is not in the view."""
    return conversations.around(desk.store.reader, where, conversation_id, limit)


def conversation(desk: Desk, conversation_id: int) -> Conversation:
    """One conversation's head; NotFound when there is none."""
    return conversations.get(desk.store.reader, conversation_id)


def thread(desk: Desk, conversation_id: int, *, before: int | None = None, limit: int = 200) -> list[StoredMessage]:
    """The newest messages of a conversation, oldest first; ``before`` a message id pages back."""
    return conversations.thread(desk.store.reader, conversation_id, before=before, limit=limit)


def customer(desk: Desk, customer_id: int) -> Customer:
    """One customer with all identities."""
    from agentdesk.store import customers

    return customers.get(desk.store.reader, customer_id)


def earlier(desk: Desk, customer_id: int, limit: int = 30) -> list[ConversationBrief]:
    """A customer's conversations over all sources, newest first."""
    from agentdesk.store import customers

    return customers.conversations_of(desk.store.reader, customer_id, limit)


def links(desk: Desk, conversation_id: int) -> list[Link]:
    """What a conversation is tied to: tickets, duplicates, pages."""
    from agentdesk.store import links as link_rows

    return link_rows.of(desk.store.reader, conversation_id)


def promises(desk: Desk, conversation_id: int) -> list[Promise]:
    """What was promised in a conversation and is not kept yet."""
    from agentdesk.store import promises as promise_rows

    return promise_rows.open_of(desk.store.reader, conversation_id)


def ledger(desk: Desk, conversation_id: int, limit: int = 200) -> list[LedgerEntry]:
    """What persons and rules decided about a conversation, oldest first."""
    from agentdesk.store import ledger as ledger_rows

    return ledger_rows.of_conversation(desk.store.reader, conversation_id, limit)


def outbox(desk: Desk, *, unsettled_only: bool = False, limit: int = 200) -> list[OutboxEntry]:
    """Outbox entries, newest first."""
    from agentdesk.store import outbox as outbox_rows

    return outbox_rows.list(desk.store.reader, unsettled_only=unsettled_only, limit=limit)


def drafts(desk: Desk) -> list[Draft]:
    """All drafts of this agent, newest first."""
    from agentdesk.store import drafts as draft_rows

    return draft_rows.all(desk.store.reader, desk.agent)


def sources(desk: Desk) -> list[SourceState]:
    """How every source stands, those that were never asked yet too."""
    from agentdesk.model.source import SourceState
    from agentdesk.store import sources as source_rows

    kept = {state.name: state for state in source_rows.all(desk.store.reader)}
    new = [SourceState(name=one.full_name, kind=one.kind, letter=one.letter or one.kind[:1].upper(),
                       state="paused" if one.paused else "new")
           for one in desk.config.sources if one.full_name not in kept]
    asked = {*desk.connectors, *(one.full_name for one in desk.config.sources)}
    there = [it if desk.demo or it.name in asked else msgspec.structs.replace(it, configured=False)
             for it in (*kept.values(), *new)]
    return [_with_package(state) for state in sorted(there, key=lambda state: state.name)]


def quarantined(desk: Desk, source: str) -> list[Quarantined]:
    """What a source gave that could not be understood, newest first; NotFound for an unknown source."""
    from agentdesk.store import sources as source_rows

    source_rows.state(desk.store.reader, source)
    return source_rows.quarantined(desk.store.reader, source)


def _with_package(state: SourceState) -> SourceState:
    from agentdesk.config.sources import SOURCE_KINDS

    if state.kind in SOURCE_KINDS:
        return state
    from agentdesk.config import plugins

    return msgspec.structs.replace(state, package=plugins.package_of(state.kind))


def has_sources(desk: Desk) -> bool:
    """True when anything could ever arrive."""
    return bool(desk.config.sources or desk.connectors or sources(desk))


def lag(desk: Desk, source: str) -> Millis | None:
    """How long after they were written a source's latest messages came in; None without any."""
    from agentdesk.store import sources as source_rows

    return source_rows.lag(desk.store.reader, source)


def why(desk: Desk, conversation_id: int) -> list[str]:
    """Why a row stands where it stands, in sentences."""
    from agentdesk.rules.order import why as why_rank

    return why_rank(conversation(desk, conversation_id), desk.now(), desk.zone)


async def counts(desk: Desk) -> Counts:
    """The figures of the status bar."""
    now = desk.now()
    return Counts(**await in_reader(desk, lambda db: conversations.counts(db, now)))


async def count(desk: Desk, where: Where) -> int:
    """How many conversations a view holds."""
    return await in_reader(desk, lambda db: conversations.count(db, where))


async def bounded(desk: Desk, where: Where) -> Where:
    """A view whose rows take long to judge as one of judged rows: at most ``BOUND``, first in the queue first."""
    from agentdesk.store.where import among

    ids = await in_reader(desk, lambda db: conversations.matching(db, where, BOUND))
    return among(ids)


async def search(desk: Desk, text: str, *, limit: int = 50, before: int | None = None) -> list[Hit]:
    """Messages that hold the words, newest first; the last word may be unfinished."""
    return await in_reader(desk, lambda db: search_rows.find_text(db, text, limit=limit, before_id=before))
