"""The far side of a night shift: conversations that merge, items that cannot be read, what waits for approval."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import msgspec

from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.message import Author, Direction, Message
from agentdesk.model.outgoing import Action, Outgoing, Verb
from agentdesk.model.page import Page, Reject
from agentdesk.model.text import inert, inert_line
from tests.fakes.platform import FakeConnector, Platform, Post

CAPS = Caps(letter="F", can_edit=True, can_delete=True, can_approve=True, visibilities=("public", "direct"),
            max_chars=120)

TOMBSTONE = inert("(deleted)")
"""What stands in the place of a deleted message."""


@dataclass
class FarSide(Platform):
    """A platform on which a conversation can become part of another."""

    merged: dict[str, str] = field(default_factory=dict)
    poisoned: set[str] = field(default_factory=set)
    """Messages that no connector understands."""

    def where(self, ref: str) -> str:
        """The conversation that this one is part of by now."""
        while ref in self.merged:
            ref = self.merged[ref]
        return ref

    def say(self, conversation: str, text: str, *, pending: bool = False) -> Message:
        """A customer writes in a conversation, wherever that is now."""
        who = Author(ref=f"c-{conversation}", name=inert_line(f"Customer {conversation}"))
        message = Message(ref=self._ref(), conversation_ref=self.where(conversation), author=who, text=inert(text),
                          direction=Direction.IN, created_at=self.clock.now(), pending=pending)
        return self._keep(message, "", "")

    def merge(self, ref: str, into: str) -> None:
        """Make a conversation part of another; the feed tells of it with its messages."""
        moved = self.by_conversation.pop(ref, [])
        for post in moved:
            post.message = msgspec.structs.replace(post.message, conversation_ref=into)
            self.order.append(post.message.ref)
        both = self.by_conversation.setdefault(into, [])
        both.extend(moved)
        both.sort(key=lambda post: post.message.created_at)
        self.merged[ref] = into

    def delete(self, ref: str) -> None:
        """The same, and a tombstone stands there."""
        super().delete(ref)
        self.posts[ref].message = msgspec.structs.replace(self.posts[ref].message, text=TOMBSTONE)

    def approve(self, ref: str) -> None:
        """What was held back is seen by everybody."""
        post = self.posts[ref]
        post.message = msgspec.structs.replace(post.message, pending=False)
        self.order.append(ref)

    def _key(self, out: Outgoing) -> str:
        return out.client_id if self.strength in (SendStrength.PUT, SendStrength.ONCE) else super()._key(out)

    def accept(self, out: Outgoing, by: str, at: int | None = None) -> str:
        """The same, in the conversation that the one that is meant is part of."""
        here = self.where(out.conversation_ref)
        return super().accept(msgspec.structs.replace(out, conversation_ref=here), by, at)

    def visible(self, conversation: str = "") -> list[Post]:
        """The same, of the conversation that the one that is meant is part of."""
        return super().visible(self.where(conversation))


@dataclass
class NightConnector(FakeConnector):
    """One desk's way there; it may leave authors out, and stumble over what it does not understand."""

    platform: FarSide
    caps: Caps = CAPS
    left_out: set[str] = field(default_factory=set)
    """Authors that an exclusion keeps away from now on."""
    unheard: set[str] = field(default_factory=set)
    """What they wrote since."""
    lost: deque[BaseException] = field(default_factory=deque)
    """What the next actions raise once they were carried out."""

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        page = await super().pull(cursor, limit)
        heard = tuple(m for m in page.messages if m.author.ref not in self.left_out)
        self.unheard |= {m.ref for m in page.messages} - {m.ref for m in heard}
        return page if len(heard) == len(page.messages) else self._page(
            [*heard], cursor=page.cursor, more=page.more, rejects=page.rejects)

    async def act(self, action: Action) -> None:
        await super().act(action)
        if action.verb is Verb.EDIT:
            self.platform.edit(action.message_ref, action.value)
        elif action.verb in (Verb.DELETE, Verb.REJECT):
            self.platform.delete(action.message_ref)
        elif action.verb is Verb.APPROVE:
            self.platform.approve(action.message_ref)
        if self.lost:
            raise self.lost.popleft()

    def _page(self, messages: list[Message], **more: object) -> Page:
        good = [m for m in messages if m.ref not in self.platform.poisoned]
        bad = tuple(Reject(where=m.ref, reason="It cannot be read", raw=m.text) for m in messages
                    if m.ref in self.platform.poisoned)
        rejects = (*more.pop("rejects", ()), *bad)  # type: ignore[misc]
        page = super()._page(good, rejects=rejects, **more)
        here = {m.conversation_ref for m in good}
        gone = tuple(RemoteConversation(ref=ref, merged_into=into, closed=True)
                     for ref, into in self.platform.merged.items() if into in here)
        return msgspec.structs.replace(page, conversations=(*page.conversations, *gone)) if gone else page
