"""A platform in memory with a history of all that happened to it, and connectors that misbehave on demand.

The history is what the checkers read: every request that reached the platform, every copy it made, every answer it
gave or lost.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, BinaryIO

import msgspec

from agentdesk.connectors.base import Connector, Verdict
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    SourceError,
    Unavailable,
)
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Message
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Receipt, Unsure, Verb
from agentdesk.model.page import Account, Gap, Page, RemoteCanned
from agentdesk.model.text import Inert, inert, inert_line

US = Author(ref="us", name=Inert("Acme"), handle=Inert("@acme"))


class Killed(BaseException):
    """The process ends here, without a word; nothing of ours may catch it."""


class Fault(StrEnum):
    """How one attempt to send goes wrong."""

    NONE = "none"
    CUT_AFTER = "applied, then the line is cut"
    CUT_BEFORE = "the line is cut before it is applied"
    ERROR_AFTER = "applied, then an error 500"
    ERROR_BEFORE = "an error 500, not applied"
    TIMEOUT_AFTER = "applied, no answer in time"
    LATE = "no answer in time, applied later"
    TWICE = "applied, answered twice"
    GARBAGE_AFTER = "applied, the answer is garbage"
    GARBAGE_BEFORE = "not applied, the answer is garbage"
    LIMITED = "asked to wait"
    OFFLINE = "not reachable"
    SIGNED_OUT = "the token is dead"
    REFUSED = "refused for good"
    CRASH = "the connector raises what nobody foresaw"
    KILL_BEFORE = "we are killed before the first byte"
    KILL_AFTER = "applied, then we are killed"
    HANG_AFTER = "applied, then no answer ever"
    HANG_BEFORE = "not applied, no answer ever"


APPLIES = frozenset({Fault.NONE, Fault.CUT_AFTER, Fault.ERROR_AFTER, Fault.TIMEOUT_AFTER, Fault.TWICE,
                     Fault.GARBAGE_AFTER, Fault.KILL_AFTER, Fault.HANG_AFTER})
PROVEN = frozenset({Fault.LIMITED, Fault.OFFLINE, Fault.SIGNED_OUT, Fault.REFUSED})


@dataclass
class Event:
    """One line of the history."""

    at: Millis
    what: str
    client_id: str = ""
    ref: str = ""
    by: str = ""


@dataclass
class Post:
    """A message as the platform keeps it, with what only the platform knows."""

    message: Message
    visible_at: Millis
    client_id: str = ""
    by: str = ""


@dataclass
class Platform:
    """The far side, shared by the connectors of all desks."""

    clock: Clock
    strength: SendStrength = SendStrength.NONE
    replay_s: int | None = None
    lag_s: int = 0
    echo: bool = False
    """True when our own id comes back with our messages."""
    pull_out: bool = True
    """True when pulls also bring what we and our colleagues wrote."""
    posts: dict[str, Post] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    """Refs in the order in which something happened to them: the feed."""
    history: list[Event] = field(default_factory=list)
    keys: dict[str, tuple[str, Millis]] = field(default_factory=dict)
    late: list[tuple[Millis, Outgoing, str]] = field(default_factory=list)
    claims: dict[str, str] = field(default_factory=dict)
    acts: list[Action] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    begun: dict[str, Outgoing] = field(default_factory=dict)
    """The conversations that tickets and private messages began."""
    number: int = 0
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each thing stands in the history, by what happened and to which reply."""
    by_conversation: dict[str, list[Post]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """What can be fetched, by address."""
    canned: tuple[RemoteCanned, ...] = ()

    def write(self, conversation: str, text: str, *, author: Author | None = None, at: Millis | None = None,
              direction: Direction = Direction.IN, parent: str = "") -> Message:
        """Somebody writes: the customer unless said otherwise."""
        who = author or Author(ref=f"c-{conversation}", name=inert_line(f"Customer {conversation}"))
        message = Message(ref=self._ref(), conversation_ref=conversation, author=who, direction=direction,
                          text=inert(text), created_at=self.clock.now() if at is None else at, parent_ref=parent)
        return self._keep(message, "", who.ref if direction is Direction.OUT else "")

    def colleague(self, conversation: str, text: str, name: str = "Sam") -> Message:
        """A colleague answers on the platform's own page."""
        return self.write(conversation, text, author=Author(ref="us", name=inert_line(name)), direction=Direction.OUT)

    def edit(self, ref: str, text: str) -> None:
        """The author changes a message."""
        post = self.posts[ref]
        post.message = msgspec.structs.replace(post.message, text=inert(text), edited_at=self.clock.now())
        self.order.append(ref)

    def delete(self, ref: str) -> None:
        """The author takes a message back."""
        post = self.posts[ref]
        post.message = msgspec.structs.replace(post.message, text=Inert(""), deleted=True)
        self.order.append(ref)

    def accept(self, out: Outgoing, by: str, at: Millis | None = None) -> str:
        """Handle a request that reached us; returns the ref of the message it made or was merged with."""
        now = self.clock.now() if at is None else at
        self.note(Event(now, "request", out.client_id, by=by))
        known = self._known(out, now)
        if known:
            self.note(Event(now, "merged", out.client_id, known, by))
            return known
        where = out.conversation_ref
        if out.kind in (OutKind.TICKET, OutKind.DM):
            where = f"{'t' if out.kind is OutKind.TICKET else 'd'}{len(self.begun) + 1}"
            self.begun[where] = out
        message = Message(
            ref=self._ref(), conversation_ref=where, author=US, direction=_direction(out),
            text=inert(out.text), created_at=now, parent_ref=out.reply_to_ref,
            client_id=out.client_id if self.echo else "")
        self._keep(message, out.client_id, by)
        if key := self._key(out):
            self.keys[key] = (message.ref, now)
        self.note(Event(now, "copy", out.client_id, message.ref, by))
        return message.ref

    def settle_late(self) -> None:
        """Apply what was under way for long."""
        now = self.clock.now()
        due = [item for item in self.late if item[0] <= now]
        self.late = [item for item in self.late if item[0] > now]
        for at, out, by in due:
            try:
                self.accept(out, by, at)
            except Conflict:
                self.note(Event(now, "late and refused", out.client_id, by=by))

    def note(self, event: Event) -> None:
        """Write a line of the history."""
        self.history.append(event)
        self.counted[event.what, event.client_id] += 1

    def copies(self, client_id: str) -> int:
        """How many messages that reply made."""
        return self.counted["copy", client_id]

    def visible(self, conversation: str = "") -> list[Post]:
        """The messages that can be read now, oldest first."""
        self.settle_late()
        now = self.clock.now()
        among = self.by_conversation.get(conversation, []) if conversation else self.posts.values()
        return [p for p in among if p.visible_at <= now]

    def _key(self, out: Outgoing) -> str:
        match self.strength:
            case SendStrength.KEY | SendStrength.CLIENT_KEY:
                return out.client_id
            case SendStrength.PUT | SendStrength.ONCE:
                return f"slot {out.kind} {out.conversation_ref} {out.reply_to_ref}"
            case SendStrength.CONTENT:
                return f"text {out.kind} {out.conversation_ref} {out.text}"
            case _:
                return ""

    def _known(self, out: Outgoing, now: Millis) -> str:
        ref, at = self.keys.get(self._key(out), ("", 0))
        forgotten = self.replay_s is not None and now - at >= self.replay_s * SECOND
        if not ref or (forgotten and self.strength in (SendStrength.KEY, SendStrength.CONTENT)):
            return ""
        if self.strength in (SendStrength.ONCE, SendStrength.CONTENT):
            raise Conflict("It was said already", "The platform takes this reply only once")
        if self.strength is SendStrength.PUT:
            post = self.posts[ref]
            post.message = msgspec.structs.replace(post.message, text=inert(out.text))
        return ref

    def _ref(self) -> str:
        self.number += 1
        return f"m{self.number}"

    def _keep(self, message: Message, client_id: str, by: str) -> Message:
        lag = self.lag_s * SECOND if message.direction is not Direction.IN else 0
        post = self.posts[message.ref] = Post(message, message.created_at + lag, client_id, by)
        self.by_conversation.setdefault(message.conversation_ref, []).append(post)
        self.order.append(message.ref)
        return message


def _direction(out: Outgoing) -> Direction:
    return Direction.NOTE if out.kind is OutKind.NOTE else Direction.OUT


@dataclass
class FakeConnector(Connector):
    """One desk's way to the platform."""

    platform: Platform
    name: str = "fake:acme"
    agent: str = "ann"
    caps: Caps = field(default_factory=lambda: Caps(letter="F"))
    faults: deque[Fault] = field(default_factory=deque)
    """How the next attempts to send go; NONE when there is nothing left."""
    pull_errors: deque[Exception | None] = field(default_factory=deque)
    thread_errors: deque[Exception | None] = field(default_factory=deque)
    read_errors: deque[Exception | Verdict | None] = field(default_factory=deque)
    """What the next attempts to read back raise or answer instead of the truth."""
    act_errors: deque[BaseException | None] = field(default_factory=deque)
    canned_errors: deque[Exception | None] = field(default_factory=deque)
    pages: deque[Page] = field(default_factory=deque)
    """Answers to the next pulls, instead of the truth."""
    limit: int = 100
    calls: list[tuple[Millis, str]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    before_send: Callable[[Outgoing], None] | None = None
    """Called when a request has left but has not reached the platform."""
    hint: asyncio.Event | None = None
    closed: bool = False
    clock: Clock | None = None
    """The desk's clock, where the platform tells its own and the two may differ."""
    ahead: Millis | None = None
    """How far the platform's clock was ahead of that at its last answer."""
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while an attempt gets no answer."""

    def __post_init__(self) -> None:
        self.caps = msgspec.structs.replace(
            self.caps, send_strength=self.platform.strength, open_strength=self.platform.strength,
            replay_s=self.platform.replay_s,
            consistency_lag_s=self.platform.lag_s, can_assign=True, can_open=True, can_dm=True, can_note=True)

    async def verify(self) -> Account:
        self._call("verify")
        return Account(ref="us", handle=Inert("@acme"))

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        self._call("pull")
        _raise(self.pull_errors)
        if self.pages:
            return self.pages.popleft()
        self.platform.settle_late()
        start, now = int(cursor or 0), self.platform.clock.now()
        refs: list[str] = []
        at = start
        while at < len(self.platform.order) and len(refs) < min(limit, self.limit):
            post = self.platform.posts[self.platform.order[at]]
            if post.visible_at > now:
                break
            if self.platform.pull_out or post.message.direction is Direction.IN:
                refs.append(self.platform.order[at])
            at += 1
        more = at < len(self.platform.order) and len(refs) >= min(limit, self.limit)
        return self._page([self.platform.posts[ref].message for ref in refs], cursor=str(at), more=more)

    async def thread(self, conversation_ref: str) -> Page:
        self._call("thread")
        _raise(self.thread_errors)
        if conversation_ref in self.platform.gone:
            raise Gone("This conversation is gone")
        await asyncio.sleep(0)
        return self._page([p.message for p in self.platform.visible(conversation_ref)])

    async def customer(self, customer_ref: str) -> Profile:
        self._call("customer")
        return Profile(ref=customer_ref)

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        self._call("history")
        refs = {p.message.conversation_ref for p in self.platform.visible() if p.message.author.ref == customer_ref}
        return self._page([p.message for p in self.platform.visible() if p.message.conversation_ref in refs])

    def freeze(self, out: Outgoing) -> str:
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        self._call("send")
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._attempt(out, self.faults.popleft() if self.faults else Fault.NONE)
        finally:
            self.in_flight -= 1

    async def _attempt(self, out: Outgoing, fault: Fault) -> Receipt:
        now, by = self.platform.clock.now(), out.agent or self.agent
        self.platform.note(Event(now, "invoke", out.client_id, by=by))
        if self.before_send is not None:
            self.before_send(out)
        await asyncio.sleep(0)
        ref = self.platform.accept(out, by) if fault in APPLIES else ""
        if fault is Fault.LATE:
            self.platform.late.append((now + 30 * SECOND, out, by))
        await self._end(fault)
        self.platform.note(Event(now, "answered", out.client_id, ref, by))
        return self._receipt(self.platform.posts[ref], out)

    def _receipt(self, post: Post, out: Outgoing) -> Receipt:
        begins = out.kind in (OutKind.TICKET, OutKind.DM)
        return Receipt(ref=post.message.ref, created_at=post.message.created_at,
                       conversation_ref=post.message.conversation_ref if begins else "",
                       url=f"https://fake.example/{post.message.conversation_ref}" if begins else "")

    async def _end(self, fault: Fault) -> None:
        match fault:
            case Fault.NONE | Fault.TWICE:
                return
            case Fault.KILL_BEFORE | Fault.KILL_AFTER:
                raise Killed
            case Fault.HANG_AFTER | Fault.HANG_BEFORE:
                self.hanging.set()
                await asyncio.Event().wait()
            case Fault.CRASH:
                raise ValueError("nobody thought of this")
            case Fault.LIMITED:
                raise RateLimited("Too many requests", retry_after=90)
            case Fault.OFFLINE:
                raise Unavailable("The server cannot be reached")
            case Fault.SIGNED_OUT:
                raise AuthError("The token is dead")
            case Fault.REFUSED:
                raise Rejected("The server refuses this", "The text is not allowed", "Change it")
            case Fault.GARBAGE_AFTER | Fault.GARBAGE_BEFORE:
                raise BadAnswer("The answer makes no sense")
            case Fault.TIMEOUT_AFTER | Fault.LATE:
                raise TimeoutError
            case _:
                raise Ambiguous(f"No answer: {fault}")

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        self._call("reconcile")
        if self.read_errors:
            instead = self.read_errors.popleft()
            if isinstance(instead, Exception):
                raise instead
            if instead is not None:
                return instead
        first_try_at += self.ahead or 0
        begins = out.kind in (OutKind.TICKET, OutKind.DM)
        for post in self.platform.visible("" if begins else out.conversation_ref):
            if begins and post.message.conversation_ref not in self.platform.begun:
                continue
            if post.message.direction is not Direction.IN and self._is(post, out, first_try_at):
                return Found(self._receipt(post, out))
        if self.platform.clock.now() - first_try_at < self.platform.lag_s * SECOND:
            return Unsure("Too early to tell")
        return Absent()

    def _is(self, post: Post, out: Outgoing, first_try_at: int) -> bool:
        if self.platform.echo or self.platform.strength is SendStrength.CLIENT_KEY:
            return post.client_id == out.client_id
        return post.message.text == out.text and post.message.created_at >= first_try_at - 120 * SECOND

    async def find(self, words: str, limit: int = 20) -> Page:
        if not self.caps.can_search:
            return await super().find(words, limit)
        self._call("find")
        wanted = words.casefold()
        refs = {p.message.conversation_ref for p in self.platform.visible()
                if wanted in f"{p.message.text} {p.message.author.name}".casefold()
                or (wanted.startswith("customer") and p.message.direction is Direction.IN)}
        page = self._page([p.message for p in self.platform.visible() if p.message.conversation_ref in refs])
        return msgspec.structs.replace(page, messages=())

    async def act(self, action: Action) -> None:
        self._call("act")
        if self.act_errors and (error := self.act_errors.popleft()) is not None:
            raise error
        if action.verb is Verb.CLAIM:
            holder = self.platform.claims.get(action.conversation_ref, "")
            if holder not in ("", self.agent):
                raise Conflict(f"{holder} has it", holder=holder)
            self.platform.claims[action.conversation_ref] = self.agent
        self.platform.acts.append(action)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        self._call("download")
        if url not in self.platform.files:
            raise Gone("The file is gone")
        data = self.platform.files[url]
        for start in range(0, len(data), 100_000):
            out.write(data[start:start + 100_000])
            await asyncio.sleep(0)

    async def canned(self) -> tuple[RemoteCanned, ...]:
        self._call("canned")
        _raise(self.canned_errors)
        return self.platform.canned

    def hints(self) -> AsyncIterator[None] | None:
        return None if self.hint is None else self._hints(self.hint)

    async def _hints(self, hint: asyncio.Event) -> AsyncIterator[None]:
        while True:
            await hint.wait()
            hint.clear()
            yield None

    async def close(self) -> None:
        self.closed = True

    def _call(self, what: str) -> None:
        self.calls.append((self.platform.clock.now(), what))
        if self.clock is not None:
            self.ahead = self.platform.clock.now() - self.clock.now()

    def skew(self) -> Millis | None:
        return self.ahead

    def _page(self, messages: list[Message], **more: Any) -> Page:
        refs = dict.fromkeys(m.conversation_ref for m in messages)
        began = {ref: p.message.author.ref for ref in refs for p in reversed(self.platform.by_conversation[ref])
                 if p.message.direction is Direction.IN}
        heads = tuple(RemoteConversation(ref=ref, customer_ref=began.get(ref, f"c-{ref}"),
                                         closed=ref in self.platform.closed) for ref in refs)
        people = {m.author.ref: Profile(ref=m.author.ref, name=m.author.name) for m in messages if m.author.ref != "us"}
        return Page(messages=tuple(messages), conversations=heads, profiles=tuple(people.values()), **more)


def circle(cursor: str = "0") -> Page:
    """A page that leads back to where it came from."""
    return Page(cursor=cursor, more=True)


def gap(reason: str = "The cursor has expired") -> Page:
    """A page that says it cannot show everything."""
    return Page(cursor="0", gap=Gap(reason=reason))


def _raise(errors: deque[Exception | None]) -> None:
    if errors and (error := errors.popleft()) is not None:
        raise error


__all__ = ["APPLIES", "PROVEN", "US", "Event", "FakeConnector", "Fault", "Killed", "Platform", "Post", "SourceError",
           "circle", "gap"]
