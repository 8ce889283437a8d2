"""What one pull from Chatwoot has gathered, and in which order it is handed over."""

from __future__ import annotations

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Message
from agentdesk.model.page import Page, Reject, Undelivered


class Gathered:
    """What one pull has gathered."""

    def __init__(self) -> None:
        self.messages: dict[str, Message] = {}
        self.heads: dict[str, RemoteConversation] = {}
        self.people: dict[str, Profile] = {}
        self.rejects: list[Reject] = []
        self.undelivered: dict[str, Undelivered] = {}
        self.told: dict[int | str, int] = {}
        self.newest = (0, 0)
        self.backwards = False

    def page(self) -> Page:
        """All of it, oldest message first."""
        return Page(
            messages=tuple(sorted(self.messages.values(), key=in_order)),
            conversations=tuple(self.heads.values()), profiles=tuple(self.people.values()),
            rejects=tuple(self.rejects), undelivered=tuple(self.undelivered.values()),
        )


def in_order(message: Message) -> tuple[Millis, int, str]:
    """Oldest first; within one second, which is all that Chatwoot tells, by number."""
    return message.created_at, int(message.ref.partition("-")[0]), message.ref


def highest(one: tuple[int, Millis], other: tuple[int, Millis]) -> tuple[int, Millis]:
    """The higher id and the later time: they need not belong together where a clock was set back."""
    return max(one[0], other[0]), max(one[1], other[1])
