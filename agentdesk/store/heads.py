"""The conversations of a page while it is taken in: loaded once, changed in memory, written back in two statements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.message import Direction, Message
from agentdesk.model.outgoing import Verb
from agentdesk.model.quoting import own_words
from agentdesk.store.codec import pack
from agentdesk.store.db import Db

PREVIEW_CHARS = 200
_STORED = ("ref", "customer_id", "subject", "url", "state", "status", "assignee", "priority", "remote_queue",
           "locked_reason", "tags", "fields", "server_due", "name", "preview", "created_at", "first_in_at",
           "first_out_at", "unanswered_since", "last_in_at", "last_out_at", "answered_at", "lang", "messages", "unread",
           "burst", "snoozed_until", "disposition", "disposition_code", "disposed_at", "backfill", "indirect",
           "remote_closed", "review")


class Head:
    """One conversation's row, and what the page does to it."""

    __slots__ = ("_before", "_turned", "answerers", "fresh", "id", "is_new", "was_closed", *_STORED)

    def __init__(self, number: int, values: tuple[Any, ...], *, is_new: bool) -> None:
        self.id = number
        for name, value in zip(_STORED, values, strict=True):
            setattr(self, name, value)
        self.is_new = is_new
        self.fresh = 0
        """Inbound messages of this page that nobody has answered."""
        self.answerers: list[str] = []
        """Colleagues who answered on this page."""
        self.was_closed = bool(values[_STORED.index("remote_closed")])
        self._before = None if is_new else values
        self._turned = False
        """True once it is addressed to us, until the clock of that begins."""

    ref: str
    customer_id: int
    subject: str
    url: str
    state: str
    status: str
    assignee: str
    priority: str
    remote_queue: str
    locked_reason: str
    tags: str
    fields: str
    server_due: str
    name: str
    preview: str
    created_at: Millis
    first_in_at: Millis | None
    first_out_at: Millis | None
    unanswered_since: Millis | None
    last_in_at: Millis | None
    last_out_at: Millis | None
    answered_at: Millis | None
    lang: str
    messages: int
    unread: int
    burst: int
    snoozed_until: Millis | None
    disposition: str | None
    disposition_code: str
    disposed_at: Millis | None
    backfill: int
    indirect: int
    remote_closed: int
    review: int

    def values(self) -> tuple[Any, ...]:
        """The stored columns as they are now."""
        return tuple([getattr(self, name) for name in _STORED])

    @property
    def changed(self) -> bool:
        """True when the row is not what it was."""
        return self._before != self.values()

    def tell(self, told: RemoteConversation, asked: frozenset[str]) -> None:
        """Take over what the source says, except where a change of ours has not reached it yet."""
        if not _says_anything(told):
            return
        self.subject = told.subject or self.subject
        self.url = told.url or self.url
        self.remote_queue = told.queue or self.remote_queue
        self.locked_reason = told.locked_reason
        if told.status is not None and Verb.STATUS not in asked:
            self.status = told.status
        if told.assignee is not None and not asked & {Verb.ASSIGN, Verb.CLAIM, Verb.RELEASE}:
            self.assignee = told.assignee
        if told.priority is not None and Verb.PRIORITY not in asked:
            self.priority = told.priority
        if told.tags is not None and Verb.TAGS not in asked:
            self.tags = pack(told.tags)
        if told.due is not None:
            self.server_due = pack(told.due)
        if told.fields:
            self.fields = pack(told.fields)
        if told.closed is not None:
            self.remote_closed = int(told.closed)

    def count(self, message: Message) -> None:
        """Let a new message of the thread into the figures; notes change none but the number of messages."""
        self.messages += 1
        at = message.created_at
        if message.direction is Direction.IN:
            if self.first_in_at is None or at < self.first_in_at:
                self.first_in_at = at
            if self.last_in_at is None or at >= self.last_in_at:
                self.last_in_at = at
                self.lang = message.lang or self.lang
                self.preview = one_line(own_words(message.text)[0]) or self.preview
            if self.indirect and not message.indirect:
                self.indirect, self._turned = 0, True
        elif message.direction is Direction.OUT:
            self.indirect = 0
            self.last_out_at = at if self.last_out_at is None else max(self.last_out_at, at)
            if self.first_in_at is not None and at >= self.first_in_at:
                self.first_out_at = at if self.first_out_at is None else min(self.first_out_at, at)
        self.created_at = min(self.created_at, at)

    def arrive(self, at: Millis) -> None:
        """An inbound message that nobody has answered; what was only heard before it starts no clock any more."""
        self.fresh += 1
        self.unread += 1
        self.burst += 1
        starts = self.unanswered_since is None or self._turned
        self.unanswered_since = at if starts else min(self.unanswered_since or at, at)
        self._turned = False


def _says_anything(told: RemoteConversation) -> bool:
    """False for a head that only stands for its messages."""
    return told != RemoteConversation(ref=told.ref, customer_ref=told.customer_ref)


def one_line(text: str) -> str:
    """The beginning of a text in one line."""
    return " ".join(text[: PREVIEW_CHARS * 2].split())[:PREVIEW_CHARS]


class Heads:
    """All conversations of a page, by their ref."""

    def __init__(self, db: Db, source: str, now: Millis) -> None:
        self._db = db
        self._source = source
        self._now = now
        self.by_ref: dict[str, Head] = {}
        self._next = 0

    def load(self, refs: Iterable[str]) -> None:
        """Take up those of ``refs`` that are stored."""
        rows = self._db.rows(
            f"SELECT c.id, {', '.join('c.' + name for name in _STORED)} FROM json_each(?) AS w "
            "CROSS JOIN conversation AS c ON c.source = ? AND c.ref = w.value", pack(list(refs)), self._source)
        for number, *values in rows:
            self.by_ref[values[0]] = Head(number, tuple(values), is_new=False)

    def create(self, ref: str, customer_id: int, name: str, *, backfill: bool) -> Head:
        """Begin a conversation that is not stored yet."""
        if not self._next:
            self._next = int(self._db.value("SELECT max(id) FROM conversation") or 0)
        self._next += 1
        values = (ref, customer_id, "", "", "waiting", "", "", "", "", "", "[]", "{}", "[]", name, "", self._now, None,
                  None, None, None, None, None, "", 0, 0, 0, None, None, "", None, int(backfill), 1, 0, 0)
        head = self.by_ref[ref] = Head(self._next, values, is_new=True)
        return head

    def load_ids(self, ids: Iterable[int]) -> None:
        """Take up stored conversations by number, unless they are there already."""
        rows = self._db.rows(
            f"SELECT c.id, {', '.join('c.' + name for name in _STORED)} FROM json_each(?) AS w "
            "CROSS JOIN conversation AS c ON c.id = w.value", pack(list(ids)))
        for number, *values in rows:
            if values[0] not in self.by_ref:
                self.by_ref[values[0]] = Head(number, tuple(values), is_new=False)

    def by_id(self) -> dict[int, Head]:
        """The same by number."""
        return {head.id: head for head in self.by_ref.values()}

    def write(self) -> list[Head]:
        """Write what is new or changed; returns those heads."""
        for head in self.by_ref.values():
            if head.first_in_at is None:
                head.indirect = 0  # nothing was heard in it
        changed = [head for head in self.by_ref.values() if head.is_new or head.changed]
        self._db.many(f"INSERT INTO conversation (id, source, {', '.join(_STORED)}, version) "
                      f"VALUES (?, ?{', ?' * len(_STORED)}, 0)",
                      [(head.id, self._source, *head.values()) for head in changed if head.is_new])
        self._db.many(f"UPDATE conversation SET {', '.join(f'{name} = ?' for name in _STORED)}, version = version + 1 "
                      "WHERE id = ?", [(*head.values(), head.id) for head in changed if not head.is_new])
        return changed

    def pending(self) -> dict[int, frozenset[str]]:
        """What each stored conversation's source was asked for and has not done yet."""
        ids = pack([head.id for head in self.by_ref.values() if not head.is_new])
        found: dict[int, set[str]] = {}
        for number, verb in self._db.rows(
                "SELECT o.conversation_id, o.body ->> 'verb' FROM json_each(?) AS w CROSS JOIN outbox AS o "
                "ON o.conversation_id = w.value AND o.kind = 'action' "
                "AND o.state IN ('held', 'queued', 'sending', 'unknown')", ids):
            found.setdefault(number, set()).add(verb)
        return {number: frozenset(verbs) for number, verbs in found.items()}
