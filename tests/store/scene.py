"""Short ways to let things happen in a store: posts come in, replies go out."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec

from agentdesk.model.clock import MINUTE, ManualClock, Millis
from agentdesk.model.conversation import Conversation, Disposition, RemoteConversation, State
from agentdesk.model.message import Author, Direction, Message, Visibility
from agentdesk.model.outgoing import Draft, Outgoing, OutKind, Receipt
from agentdesk.model.page import Page
from agentdesk.model.plan import Applied
from agentdesk.model.text import inert, inert_line
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, decisions, drafts, intake, outbox, ranking
from agentdesk.store.db import Db, Store
from agentdesk.sync.plan import Purpose, plan

SOURCE = "mastodon:acme"
JANE = Author(ref="jane", name=inert_line("Jane Doe"), handle=inert_line("@jane@social.example"))
SAM = Author(ref="us", name=inert_line("Sam"), handle=inert_line("@acme"))


class Scene:
    """One store, one clock, one source."""

    def __init__(self, store: Store, clock: ManualClock, rulebook: Rulebook) -> None:
        self.store = store
        self.clock = clock
        self.rulebook = rulebook
        self._numbers = itertools.count(1)

    @property
    def db(self) -> Db:
        """For reading."""
        return self.store.reader

    def message(self, text: str = "My parcel is not here", *, thread: str = "t1", author: Author = JANE,
                direction: Direction = Direction.IN, at: Millis | None = None, **more: Any) -> Message:
        """A message as a source tells it, a minute after the last unless ``at`` says when."""
        self.clock.advance(MINUTE)
        ref = more.pop("ref", None) or f"m{next(self._numbers)}"
        return Message(ref=ref, conversation_ref=thread, author=author, direction=direction, text=inert(text),
                       created_at=self.clock.now() if at is None else at, **more)

    def take(self, *messages: Message, remote: Sequence[RemoteConversation] = (), purpose: Purpose = "pull",
             source: str = SOURCE, **page: Any) -> Applied:
        """Let a page come in."""
        now = self.clock.now()
        told = Page(messages=tuple(messages), conversations=tuple(remote), **{"cursor": str(now), **page})

        def work(db: Db) -> Applied:
            return intake.apply(db, plan(source, told, intake.held(db, source, told), purpose, now), now, self.rulebook)

        return self.store.write_now(work)

    def ask(self, text: str = "My parcel is not here", **more: Any) -> int:
        """The customer writes; returns the conversation."""
        message = self.message(text, **more)
        self.take(message)
        found = conversations.by_ref(self.db, SOURCE, message.conversation_ref)
        assert found is not None
        return found

    def answer_elsewhere(self, text: str = "We are looking into it", *, thread: str = "t1", **more: Any) -> Applied:
        """A colleague answers on the platform."""
        return self.take(self.message(text, thread=thread, author=SAM, direction=Direction.OUT, **more))

    def get(self, number: int) -> Conversation:
        """A conversation's head."""
        return conversations.get(self.db, number)

    def draft(self, number: int, text: str = "Sorry", agent: str = "ann", kind: OutKind = OutKind.REPLY) -> Draft:
        """Write a draft."""
        draft = Draft(conversation_id=number, agent=agent, kind=kind, text=text, visibility=Visibility.PUBLIC)
        self.store.write_now(lambda db: drafts.save(db, draft, self.clock.now()))
        return draft

    def freeze(self, number: int, text: str = "Sorry, we look into it", *, agent: str = "ann", hold: Millis = 0,
               kind: OutKind = OutKind.REPLY, client_id: str = "") -> int:
        """Put a reply into the outbox, seen up to the last message."""
        now = self.clock.now()
        out = Outgoing(client_id=client_id or f"c{next(self._numbers)}", conversation_ref=self.get(number).ref,
                       kind=kind, text=text, visibility=Visibility.PUBLIC, agent=agent, created_at=now)
        seen = conversations.last_message_id(self.db, number)
        return self.store.write_now(lambda db: outbox.freeze(
            db, number, out, agent=agent, hold_until=now + hold, seen_message_id=seen, now=now, source=SOURCE))

    def start(self, entry_id: int, sender: str = "s1") -> bool:
        """Let an entry leave."""
        def work(db: Db) -> bool:
            outbox.due(db, SOURCE, self.clock.now())
            return outbox.start(db, entry_id, sender, self.clock.now(), self.clock.now()) is not None
        return self.store.write_now(work)

    def sent(self, entry_id: int, ref: str = "", **more: Any) -> bool:
        """The source took it."""
        now = self.clock.now()

        def work(db: Db) -> bool:
            came = outbox.sent(db, entry_id, Receipt(ref=ref, **more), now)
            ranking.refresh(db, came.changed, self.rulebook, now)
            return came.twice
        return self.store.write_now(work)

    def reply(self, number: int, text: str = "Sorry, we look into it", *, ref: str = "", agent: str = "ann") -> int:
        """Write and send a reply."""
        self.clock.advance(MINUTE)
        entry = self.freeze(number, text, agent=agent)
        assert self.start(entry)
        self.sent(entry, ref or f"own{entry}")
        return entry

    def actions(self, number: int) -> list[str]:
        """What the ledger says about a conversation."""
        return [row[0] for row in self.db.rows("SELECT action FROM ledger WHERE conversation_id = ? ORDER BY id",
                                               number)]

    def remote(self, thread: str = "t1", **more: Any) -> RemoteConversation:
        """What a source says about a conversation."""
        return RemoteConversation(ref=thread, updated_at=self.clock.now(), **more)


def changed(message: Message, text: str, at: Millis) -> Message:
    """The same message after its author edited it."""
    return msgspec.structs.replace(message, text=inert(text), edited_at=at)


def move(db: Db, number: int, state: State, now: Millis, *, disposition: Disposition | None = None, code: str = "",
         until: Millis | None = None) -> None:
    """Let a person move a conversation: done takes a disposition, snoozed an instant."""
    done = state is State.DONE
    decisions.write(db, number, {
        "state": state.value, "snoozed_until": until, "disposition": disposition.value if disposition else None,
        "disposition_code": code, "disposed_at": now if done else None})


def claim(db: Db, number: int, agent: str, until: Millis) -> None:
    """Let an agent have a conversation."""
    decisions.write(db, number, {"claim_agent": agent, "claim_until": until})
