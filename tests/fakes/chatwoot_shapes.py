"""The shapes of Chatwoot's public API as far as we use it: what a request may hold, and what an answer must.

Written by hand after developers.chatwoot.com/api-reference and the server's own answers. The fake checks both sides
against it, so that neither the connector nor the fake drifts away from the real thing.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

Status = Literal["open", "resolved", "pending", "snoozed"]
Priority = Literal["urgent", "high", "medium", "low"]


class Strict(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What we send: nothing that the server does not know."""


class NewMessage(Strict):
    content: str
    message_type: Literal["outgoing", "incoming"] = "outgoing"
    private: bool = False
    echo_id: str = ""
    external_created_at: float | str = 0.0
    content_attributes: dict[str, Any] = {}


class FirstMessage(Strict):
    content: str
    private: bool = False
    external_created_at: float = 0.0


class NewConversation(Strict):
    inbox_id: int
    contact_id: int
    source_id: str
    status: Status = "open"
    additional_attributes: dict[str, Any] = {}
    message: FirstMessage | None = None


class NewContact(Strict):
    inbox_id: int
    name: str
    identifier: str = ""
    email: str = ""


class NewContactInbox(Strict):
    inbox_id: int


class Assignment(Strict):
    assignee_id: int | msgspec.UnsetType | None = msgspec.UNSET
    team_id: int | msgspec.UnsetType | None = msgspec.UNSET


class NewStatus(Strict):
    status: Status


class NewPriority(Strict):
    priority: Priority | None


class Labels(Strict):
    labels: list[str]


class Nothing(Strict):
    pass


class Loose(msgspec.Struct, kw_only=True):
    """What is answered: more than this may come with it."""


class Agent(Loose):
    id: int
    name: str
    email: str
    role: Literal["agent", "administrator"]


class Contact(Loose):
    id: int
    name: str
    email: str | None
    phone_number: str | None
    identifier: str | None
    additional_attributes: dict[str, Any]
    custom_attributes: dict[str, Any]


class ConversationMeta(Loose):
    sender: Contact
    channel: str
    hmac_verified: bool | None
    assignee: Agent | None = None
    team: dict[str, Any] | None = None


class Message(Loose):
    id: int
    content: str | None
    inbox_id: int
    conversation_id: int
    message_type: Literal[0, 1, 2, 3]
    content_type: str
    status: Literal["sent", "delivered", "read", "failed", "progress"]
    content_attributes: dict[str, Any]
    created_at: int
    private: bool
    source_id: str | None
    sender: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    attachments: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class Conversation(Loose):
    id: int
    account_id: int
    uuid: str
    inbox_id: int
    status: Status
    priority: Priority | None
    labels: list[str]
    can_reply: bool
    muted: bool
    created_at: int
    updated_at: float
    last_activity_at: int
    first_reply_created_at: int
    waiting_since: int
    agent_last_seen_at: int
    unread_count: int
    additional_attributes: dict[str, Any]
    custom_attributes: dict[str, Any]
    messages: list[dict[str, Any]]
    meta: ConversationMeta


class Counts(Loose):
    mine_count: int
    assigned_count: int
    unassigned_count: int
    all_count: int


class ListData(Loose):
    meta: Counts
    payload: list[Conversation]


class ConversationList(Loose):
    data: ListData


class Messages(Loose):
    meta: dict[str, Any]
    payload: list[Message]


class Conversations(Loose):
    payload: list[Conversation]


class Contacts(Loose):
    meta: dict[str, Any]
    payload: list[Contact]


class OneContact(Loose):
    payload: Contact


class MadeContactInner(Loose):
    contact: Contact


class MadeContact(Loose):
    payload: MadeContactInner


class Profile(Loose):
    id: int
    name: str
    email: str
    pubsub_token: str
    accounts: list[dict[str, Any]]


class LabelList(Loose):
    payload: list[str]


class Listing(Loose):
    payload: list[dict[str, Any]]


_C = r"/conversations/\d+"
SHAPES: list[tuple[str, str, type | None, Any]] = [
    ("GET", r"/api", None, dict[str, Any]),
    ("GET", r"/api/v1/profile", None, Profile),
    ("GET", r"/inboxes", None, Listing),
    ("GET", r"/conversations", None, ConversationList),
    ("POST", r"/conversations", NewConversation, Conversation),
    ("GET", _C, None, Conversation),
    ("GET", _C + r"/messages", None, Messages),
    ("POST", _C + r"/messages", NewMessage, Message),
    ("DELETE", _C + r"/messages/\d+", Nothing, Message),
    ("POST", _C + r"/assignments", Assignment, dict[str, Any] | None),
    ("POST", _C + r"/toggle_status", NewStatus, Any),
    ("POST", _C + r"/toggle_priority", NewPriority, Any),
    ("POST", _C + r"/labels", Labels, LabelList),
    ("POST", _C + r"/update_last_seen", Nothing, Any),
    ("GET", r"/contacts/search", None, Contacts),
    ("GET", r"/contacts/\d+", None, OneContact),
    ("GET", r"/contacts/\d+/conversations", None, Conversations),
    ("POST", r"/contacts", NewContact, MadeContact),
    ("POST", r"/contacts/\d+/contact_inboxes", NewContactInbox, dict[str, Any]),
    ("GET", r"/canned_responses", None, list[dict[str, Any]]),
    ("GET", r"/macros", None, Listing),
    ("GET", r"/agents", None, list[Agent]),
    ("GET", r"/teams", None, list[dict[str, Any]]),
]
QUERY: dict[str, frozenset[str]] = {
    "/conversations": frozenset({"status", "assignee_type", "page", "sort_by", "updated_within", "inbox_id", "q"}),
    "/contacts/search": frozenset({"q", "include_contact_inboxes"}),
    "/messages": frozenset({"before"}),
}


def check_request(method: str, path: str, query: set[str], data: Any) -> None:
    """Fail for a call that the API does not describe."""
    asked, _ = _shape(method, path)
    if asked is not None:
        msgspec.convert(data, asked)
    known = QUERY.get("/messages" if path.endswith("/messages") else path, frozenset())
    if query - known:
        raise AssertionError(f"{path} knows no {sorted(query - known)}")


def check_answer(method: str, path: str, data: Any) -> None:
    """Fail for an answer that the real server would not give."""
    _, given = _shape(method, path)
    if given is not Any:
        msgspec.convert(data, given)


def _shape(method: str, path: str) -> tuple[type | None, Any]:
    for verb, pattern, asked, given in SHAPES:
        if verb == method and re.fullmatch(pattern, path):
            return asked, given
    raise AssertionError(f"the API has no {method} {path}")
