"""The far side of a connector under test: what a customer, a colleague and a bad line can do to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal, NoReturn, TypeAlias

import pytest

from agentdesk.connectors.base import Connector
from agentdesk.model.clock import SECOND, Clock, ManualClock, Millis
from agentdesk.model.message import Author, Visibility
from agentdesk.model.outgoing import Outgoing, OutKind, Verb
from agentdesk.testing.wire import Fault, Line

HOSTILE_POSTS = Path(__file__).parent / "hostile_posts.json"
"""Posts that try everything on a terminal; ``["x", 100]`` stands for a hundred times x."""
Held: TypeAlias = Literal["everything", "messages", ""]
NOW = 1_767_225_600
"""The manual clock's start, in seconds."""
DIALECTS: list[tuple[dict[str, str], bytes, float]] = [
    ({"Retry-After": "7"}, b"", 7),
    ({"Retry-After": "2.5"}, b"", 2.5),
    ({"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, b"", 9),
    ({"X-RateLimit-Reset": "2026-01-01T00:00:11.000Z"}, b"", 11),
    ({"x-rate-limit-reset": str(NOW + 13)}, b"", 13),
    ({"ratelimit-reset": "17.0"}, b"", 17),
    ({}, b'{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1900}', 1.9),
    ({"Retry-After": "Thu, 01 Jan 2015 00:00:00 GMT"}, b"", 0),
    ({"Retry-After": "soon"}, b"", 60),
    ({}, b"<html>slow down</html>", 60),
]


class Ahead:
    """A clock that is off."""

    def __init__(self, clock: Clock, by: Millis) -> None:
        self.clock, self.by = clock, by

    def now(self) -> Millis:
        """What it shows."""
        return self.clock.now() + self.by

    async def sleep(self, length: Millis) -> None:
        """A length is a length on it too."""
        await self.clock.sleep(length)


class World:
    """The far side of one source."""

    connector: Connector
    clock: ManualClock
    searched: str = "turquoise"
    """Finds the conversation that a customer began with «The turquoise parcel is lost»."""

    async def customer_posts(self, text: str, *, thread: str = "") -> str:
        """A customer writes, in a new thread or in this one; returns the conversation's ref."""
        raise NotImplementedError

    async def colleague_answers(self, thread: str, text: str) -> None:
        """A colleague answers on the platform itself."""
        skip("colleagues cannot answer there")

    async def copies(self, text: str) -> int:
        """How many copies of one of our replies the far side holds."""
        raise NotImplementedError

    async def notes(self, text: str) -> int:
        """The same for notes."""
        skip("there are no notes")

    async def tickets(self, text: str) -> int:
        """How many tickets there are that we opened with this text."""
        skip("no tickets can be opened there")

    async def privately(self, text: str) -> int:
        """How many private messages of ours with this text began a talk."""
        return await self.copies(text)

    async def reactions(self, verb: Verb, ref: str) -> int:
        """How many likes or boosts of ours a message has."""
        skip("nobody can be asked there what we like")

    async def customer_waits(self, text: str) -> str:
        """A customer answers us, and the platform holds that back until we approve it; returns the conversation."""
        skip("nothing waits for approval there")

    async def seen_by_all(self, text: str) -> bool:
        """True when a customer's message with this text can be seen by everybody it is meant for."""
        skip("nothing waits for approval there")

    async def files(self, text: str) -> list[tuple[bytes, str]]:
        """The files that came with our reply of this text: what is in them, and how they are described."""
        skip("files that came with a reply cannot be looked at there")

    async def customer_sends_file(self, text: str) -> tuple[str, bytes]:
        """A customer writes and adds a file; returns the conversation's ref and what is in the file."""
        skip("customers cannot send files there")

    async def holds(self, name: str, text: str) -> None:
        """A canned reply lies there from now on."""
        skip("there are no canned replies")

    async def restart(self) -> None:
        """A new process: ``connector`` is made anew, the far side stays."""
        raise NotImplementedError

    async def hostile(self, text: str) -> None:
        """A customer puts this text into everything they can: name, subject, tags, file names, the post itself."""
        raise NotImplementedError

    async def garbage(self) -> None:
        """An item that cannot be understood lies among the next ones."""
        skip("every item there is well formed")

    async def gap(self) -> None:
        """A stretch is lost that the source cannot show any more."""
        skip("it cannot lose anything")

    async def colleague_claims(self, thread: str) -> str:
        """A colleague takes the conversation; returns their name."""
        skip("nobody can claim there")

    async def delete_thread(self, thread: str) -> None:
        """The whole conversation goes away."""
        skip("threads cannot be deleted there")

    async def merge(self, old: str, new: str) -> None:
        """A colleague makes one conversation part of another."""
        skip("conversations cannot be merged there")

    def unreachable(self) -> None:
        """The next sending finds nobody listening."""
        skip("it is always reachable")

    def lose_request(self) -> None:
        """The next sending breaks off before the far side has read it."""
        skip("a request cannot be lost")

    def lose_answer(self) -> None:
        """The next sending is carried out, but the answer is lost."""
        skip("an answer cannot be lost")

    def rate_limit(self, headers: dict[str, str], body: bytes) -> None:
        """The next request of any kind is told to wait."""
        skip("there are no limits")

    def hold_back(self, what: Held) -> None:
        """From now on lists are answered empty, as if all was well; ``""`` ends that.

        ``everything`` stands for all of them, ``messages`` for those of what is written in a conversation.
        """
        skip("its lists are what it holds")

    def clock_off(self, by: Millis) -> None:
        """From now on the far side's clock is ahead of ours by so much, or behind; ``Ahead`` is such a clock."""
        skip("it has no clock of its own")

    def expire_token(self) -> None:
        """The token is revoked."""
        skip("there is no token")


class LineWorld(World):
    """A far side that is reached over a ``Line``: what goes wrong on it is the same everywhere."""

    line: Line
    sends: tuple[tuple[str, str], ...] = (("POST", ""),)
    """The requests that send something: each by its method and a part of its path."""
    lists: tuple[str, str] = ("", "")
    """What ``hold_back`` empties, as patterns of paths: every list, and those of what is written in a conversation."""

    def unreachable(self) -> None:
        """Nobody listens."""
        self._break("refuse")

    def lose_request(self) -> None:
        """It breaks before the server reads."""
        self._break("lose")

    def lose_answer(self) -> None:
        """It breaks after the server has done it."""
        self._break("cut")

    def rate_limit(self, headers: dict[str, str], body: bytes) -> None:
        """The next request is refused as one too many."""
        self.line.faults.append(Fault("status", status=429, headers=headers, body=body))

    def hold_back(self, what: Held) -> None:
        """Answers to these paths hold empty lists."""
        everything, messages = self.lists
        if not everything:
            super().hold_back(what)
        self.line.hollow = {"everything": everything, "messages": messages, "": ""}[what]

    def _break(self, kind: str) -> None:
        self.line.faults += [Fault(kind, method=method, path=path) for method, path in self.sends]


def skip(reason: str) -> NoReturn:
    """Leave a test out because the platform knows no such thing."""
    pytest.skip(reason)


def hostile_texts() -> list[Any]:
    """The posts of ``HOSTILE_POSTS``, as parameters."""
    posts = json.loads(HOSTILE_POSTS.read_text())
    return [pytest.param(_joined(post["text"]), id=name) for name, post in posts.items()]


def _joined(pieces: list[Any]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)


def reply(thread: str, text: str, *, client_id: str = "", kind: OutKind = OutKind.REPLY, at: int = NOW * SECOND,
          caps: Any = None) -> Outgoing:
    """A frozen reply or note."""
    usual = Visibility(caps.visibilities[0]) if caps else Visibility.PUBLIC
    return Outgoing(
        client_id=client_id or f"c-{abs(hash((thread, text, kind))):x}", conversation_ref=thread, kind=kind, text=text,
        visibility=Visibility.INTERNAL if kind is OutKind.NOTE else usual, agent="ann", created_at=at,
    )


def ticket(text: str, *, subject: str = "A parcel of Jane's", client_id: str = "", at: int = NOW * SECOND) -> Outgoing:
    """A frozen ticket for a conversation on another source."""
    return Outgoing(
        client_id=client_id or f"t-{abs(hash(text)):x}", conversation_ref="elsewhere-1", kind=OutKind.TICKET, text=text,
        visibility=Visibility.INTERNAL, agent="ann", created_at=at, subject=subject, customer_name="Jane Doe",
        customer_mail="jane@customers.test", customer_handle="@jane@social.test",
    )


def private(thread: str, text: str, to: Author, *, client_id: str = "", at: int = NOW * SECOND) -> Outgoing:
    """A frozen private message to who wrote in ``thread``."""
    return Outgoing(
        client_id=client_id or f"d-{abs(hash((thread, text))):x}", conversation_ref=thread, kind=OutKind.DM, text=text,
        visibility=Visibility.DIRECT, agent="ann", created_at=at, customer_ref=to.ref, customer_handle=to.handle,
        customer_name=to.name,
    )


def strings(value: Any, path: str = "") -> list[tuple[str, str]]:
    """Every string in a page with where it stands, but for what is stored raw or opaque on purpose."""
    if isinstance(value, str):
        return [(path, value)]
    if isinstance(value, dict):
        return [pair for name, item in value.items() if name not in ("raw", "cursor")
                for pair in (*strings(name, f"{path}.key"), *strings(item, f"{path}.{name}"))]
    if isinstance(value, list | tuple):
        return [pair for item in value for pair in strings(item, f"{path}[]")]
    return []
