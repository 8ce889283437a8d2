"""Where servers and their descriptions differ, each with the reason: the only place for exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

WITHOUT = {
    "rt": "REST 2 is described in prose only: https://docs.bestpractical.com/rt/latest/RT/REST2.html",
    "zammad": "none is kept: https://github.com/zammad/zammad-documentation/issues/74",
    "rss": "a format, not a service",
}
"""Fakes of those that publish nothing a machine could read."""

NODEINFO = "of every fediverse server, described at https://nodeinfo.diaspora.software"
FEDIVERSE = {
    r"GET /\.well-known/nodeinfo": NODEINFO,
    r"GET /nodeinfo/2\.0": NODEINFO,
    r"GET (/system)?/x\.png": "a file",
}
CHATWOOT = "https://github.com/chatwoot/chatwoot/tree/develop/"
GOTOSOCIAL = "https://codeberg.org/superseriousbusiness/gotosocial/src/branch/main/"
ZENDESK = "https://developer.zendesk.com/api-reference/"

UNDESCRIBED: dict[str, dict[str, str]] = {
    "mastodon": FEDIVERSE,
    "gotosocial": {
        **FEDIVERSE,
        r"GET /api/v1/apps/verify_credentials": "asked of every server; this one has none and answers 404",
        r"GET /api/v[12]/notifications/policy": "asked of every server; this one has none and answers 404",
    },
    "bluesky": {},
    "chatwoot": {
        r"GET /api": CHATWOOT + "app/controllers/api_controller.rb",
        r"GET /api/v1/accounts/\d+/macros": CHATWOOT + "app/controllers/api/v1/accounts/macros_controller.rb",
        r"POST /api/v1/accounts/\d+/contacts/\d+/contact_inboxes":
            CHATWOOT + "app/controllers/api/v1/accounts/contacts/contact_inboxes_controller.rb",
        r"POST /api/v1/accounts/\d+/conversations/\d+/update_last_seen":
            CHATWOOT + "app/controllers/api/v1/accounts/conversations_controller.rb",
    },
    "zendesk": {
        r"GET /api/v2/users/\d+/tickets/requested": ZENDESK + "ticketing/tickets/tickets/#list-tickets",
    },
}
"""Routes that a description leaves out, as patterns, and where else they are told."""


@dataclass(frozen=True)
class Amendment:
    """A place in an extract, the shape it has in truth (None: it goes away), and how we know."""

    steps: tuple[str, ...]
    shape: Any
    why: str


def fields(kind: str, more: Json, why: str) -> Iterator[Amendment]:
    """Fields that a type has too, or has otherwise."""
    for name, shape in more.items():
        yield Amendment(("types", kind, "properties", name), shape, why)


def asked(route: str, more: Json, why: str) -> Iterator[Amendment]:
    """Parameters that a route takes too."""
    for name, shape in more.items():
        yield Amendment(("routes", route, "query", "properties", name), shape, why)


def answer(route: str, shape: Json, why: str, status: str = "200") -> Iterator[Amendment]:
    """What a route answers in truth."""
    yield Amendment(("routes", route, "answers", status), shape, why)


def body(route: str, shape: Json, why: str) -> Iterator[Amendment]:
    """What a route takes in truth."""
    yield Amendment(("routes", route, "body"), shape, why)


def always(kind: str, names: str, why: str) -> Iterator[Amendment]:
    """Fields that every answer of a type has, where the description requires none."""
    yield Amendment(("types", kind, "required"), names.split(), why)


def ref(kind: str) -> Json:
    """Another type of the extract."""
    return {"$ref": f"#/types/{kind}"}


TEXT, NUMBER, COUNT, ANY = {"type": ["string", "null"]}, {"type": ["number", "null"]}, {"type": "integer"}, {}
OBJECT: Json = {"type": "object"}


def _mastodon() -> Iterator[Amendment]:
    create = "https://github.com/mastodon/mastodon/blob/main/app/controllers/api/v1/statuses_controller.rb"
    names = {"type": "array", "items": {"type": "string"}}
    for kind in ("TextStatus", "MediaStatus", "PollStatus"):
        yield from fields(kind, {"allowed_mentions": names}, create)


def _gotosocial() -> Iterator[Amendment]:
    family = "Mastodon's; this server takes no notice of it"
    yield from asked("GET /api/v1/notifications", {"include_filtered": {"type": "boolean"}, "account_id": TEXT}, family)
    yield from answer("GET /api/v1/statuses/{id}/source", ref("statusSource"),
                      GOTOSOCIAL + "internal/processing/status/get.go: one, no list")


def _chatwoot() -> Iterator[Amendment]:
    views, desk = CHATWOOT + "app/views/api/v1/", "/api/v1/accounts/{account_id}"
    talk = desk + "/conversations/{conversation_id}"
    head = views + "conversations/partials/_conversation.json.jbuilder"
    status = {"type": "string", "enum": ["open", "resolved", "pending", "snoozed"]}
    yield from fields("conversation_show", {"timestamp": NUMBER, "snoozed_until": TEXT, "status": status}, head)
    for name, kind in (("team", "team"), ("assignee", "agent")):
        yield Amendment(("types", "conversation_show", "properties", "meta", "properties", name), ref(kind), head)
    yield from always("conversation_show", "account_id additional_attributes agent_last_seen_at can_reply created_at "
                      "custom_attributes first_reply_created_at id inbox_id labels last_activity_at messages meta "
                      "muted priority status unread_count updated_at uuid waiting_since", head)
    rows = {"type": "array", "items": ref("conversation_show")}
    for steps in (("conversation_list", "properties", "data"), ("contact_conversations_response",)):
        yield Amendment(("types", *steps, "properties", "payload"), rows, head)
    push = CHATWOOT + "app/models/message.rb, push_event_data"
    yield from fields("message", {
        "updated_at": TEXT, "message_type": {"enum": [0, 1, 2, 3]}, "echo_id": TEXT,
        "content_type": {"type": "string"}, "attachments": {"type": "array", "items": OBJECT},
        "status": {"enum": ["sent", "delivered", "read", "failed", "progress"]}}, push)
    yield from always("message", "content content_attributes content_type conversation_id created_at id inbox_id "
                      "message_type private source_id status", views + "models/_message.json.jbuilder")
    yield from answer(f"POST {desk}/conversations", ref("conversation_show"), head)
    yield from answer(f"POST {talk}/messages", ref("message"), views + "models/_message.json.jbuilder")
    found = CHATWOOT + "app/finders/conversation_finder.rb"
    yield from asked(f"GET {desk}/conversations", {"sort_by": TEXT, "updated_within": COUNT}, found)
    yield from asked(f"GET {talk}/messages", {"before": COUNT}, CHATWOOT + "app/finders/message_finder.rb")
    contacts = CHATWOOT + "app/controllers/api/v1/accounts/contacts_controller.rb"
    yield from asked(f"GET {desk}/contacts/search", {"include_contact_inboxes": {"type": "boolean"}}, contacts)
    yield from fields("contact_meta", {"current_page": {"type": ["integer", "string"]}}, contacts)
    person = views + "models/_contact.json.jbuilder"
    yield from fields("contact_list_item", {"additional_attributes": OBJECT}, person)
    yield from always("contact_list_item", "additional_attributes custom_attributes email id identifier name "
                      "phone_number", person)
    yield from always("agent", "email id name role", views + "models/_agent.json.jbuilder")
    inbox = {"type": "object", "properties": {"inbox": OBJECT, "source_id": TEXT}}
    made = {"type": "object", "properties": {"contact": ref("contact_list_item"), "contact_inbox": inbox}}
    yield from answer(f"POST {desk}/contacts", {"type": "object", "properties": {"payload": made}},
                      views + "accounts/contacts/create.json.jbuilder")
    yield from answer(f"GET {desk}/contacts/{{id}}", {"type": "object", "properties": {
        "payload": ref("contact_list_item")}}, views + "accounts/contacts/show.json.jbuilder")
    told = {"type": "object", "properties": dict.fromkeys((
        "additional_attributes", "custom_attributes", "email", "id", "identifier", "name", "phone_number", "thumbnail",
        "blocked", "type"), ANY)}
    yield Amendment(("routes", f"GET {talk}/messages", "answers", "200", "properties", "meta", "properties", "contact"),
                    told, CHATWOOT + "app/models/contact.rb, push_event_data")
    yield from answer(f"POST {talk}/assignments", {"anyOf": [ref("agent"), ref("team"), {"type": "null"}]},
                      CHATWOOT + "app/controllers/api/v1/accounts/conversations/assignments_controller.rb")
    yield from fields("agent", {"availability_status": {"enum": ["online", "busy", "offline"]}},
                      CHATWOOT + "app/models/account_user.rb")
    builder = CHATWOOT + "app/builders/messages/message_builder.rb"
    yield from fields("conversation_message_create_payload", {
        "echo_id": TEXT, "attachments": {"type": "array"},
        "external_created_at": {"type": ["number", "string"]}}, builder)
    yield Amendment(("types", "conversation_create_payload", "properties", "message"),
                    ref("conversation_message_create_payload"), builder)
    yield from fields("inbox", {"reauthorization_required": {"type": "boolean"}}, views + "models/_inbox.json.jbuilder")


def _zendesk() -> Iterator[Amendment]:
    pages = ZENDESK + "introduction/pagination/"
    size = {"per_page": COUNT, "page": {"type": ["integer", "object"]}}
    for route in ("tickets/{ticket_id}/comments", "search", "groups", "ticket_fields", "suspended_tickets",
                  "macros/active", "users/search"):
        yield from asked(f"GET /api/v2/{route}", size, pages)
    for kind in ("TicketCommentsResponse", "TicketsResponse", "GroupsResponse", "TicketFieldsResponse", "UsersResponse",
                 "SuspendedTicketsResponse", "UserIdentitiesResponse"):
        yield from fields(kind, {"meta": OBJECT, "count": COUNT, "next_page": TEXT}, pages)
    yield from fields("MacrosResponse", {"meta": OBJECT}, pages)
    beside = "https://developer.zendesk.com/documentation/ticketing/using-the-zendesk-api/side_loading/"
    for route in ("tickets/{ticket_id}", "tickets/show_many"):
        yield from asked(f"GET /api/v2/{route}", {"include": TEXT}, beside)
    users, groups = {"type": "array", "items": ref("UserObject")}, {"type": "array", "items": ref("GroupObject")}
    for kind in ("TicketResponse", "TicketsResponse", "TicketCommentsResponse"):
        yield from fields(kind, {"users": users, "groups": groups}, beside)
    yield from fields("TicketObject", {"slas": OBJECT}, beside)
    comments = ZENDESK + "ticketing/tickets/ticket_comments/#list-comments"
    yield from asked("GET /api/v2/tickets/{ticket_id}/comments", {"sort": TEXT}, comments)
    exports = ZENDESK + "ticketing/ticket-management/incremental_exports/"
    yield from asked("GET /api/v2/incremental/tickets/cursor", {"per_page": COUNT}, exports)
    yield Amendment(("routes", "GET /api/v2/incremental/tickets/cursor", "query", "required"), [],
                    exports + ": a cursor says it all")
    stands = {"enum": ["new", "open", "pending", "hold", "solved", "closed", "deleted"]}
    yield from fields("TicketObject", {"generated_timestamp": COUNT, "status": stands}, exports)
    search = ZENDESK + "ticketing/ticket-management/search/"
    yield from fields("TicketObject", {"result_type": {"const": "ticket"}}, search)
    yield from fields("SearchResponse", {"results": {"type": "array", "items": ref("TicketObject")}}, search)
    changing = "https://developer.zendesk.com/documentation/ticketing/managing-tickets/creating-and-updating-tickets/"
    for kind in ("TicketCreateInput", "TicketUpdateInput"):
        yield from fields(kind, {"metadata": OBJECT}, changing)
    yield from fields("TicketCreateInput", {"requester": {"type": "object", "required": ["name"], "properties": {
        "name": TEXT, "email": TEXT, "locale_id": COUNT}}}, changing)
    audit = ZENDESK + "ticketing/tickets/ticket_audits/"
    yield Amendment(("types", "AuditObject", "properties", "events", "items"), OBJECT, audit)
    yield from fields("TicketResponse", {"audit": ref("AuditObject")}, audit)
    yield Amendment(("types", "CurrentUserResponse", "properties", "user"), ref("UserForAdmin"),
                    "an agent's, and beside it the token of a browser session")
    yield from fields("ActionObject", {"value": {"type": ["string", "array", "null"]}},
                      ZENDESK + "ticketing/business-rules/macros/#actions")
    yield Amendment(("types", "UserCreateInput", "required"), ["name"],
                    ZENDESK + "ticketing/users/users/#create-or-update-user: an external_id is enough")
    yield from fields("UserCreateInput", {"skip_verify_email": {"type": "boolean"}},
                      ZENDESK + "ticketing/users/users/#create-user")
    tags, words = ZENDESK + "ticketing/ticket-management/tags/", {"type": "array", "items": {"type": "string"}}
    for method in ("PUT", "DELETE"):
        route = method + " /api/v2/tickets/{ticket_id}/tags"
        yield from body(route, {"type": "object", "required": ["tags"], "properties": {
            "tags": words, "safe_update": {"type": "boolean"}, "updated_stamp": TEXT}}, tags)
    yield from answer("DELETE /api/v2/tickets/{ticket_id}/tags", ref("TagsByObjectIdResponse"), tags)
    yield from asked("POST /api/v2/uploads", {"filename": TEXT, "token": TEXT},
                     ZENDESK + "ticketing/tickets/ticket-attachments/#upload-files")


AMENDED: dict[str, tuple[Amendment, ...]] = {
    "mastodon": tuple(_mastodon()), "gotosocial": tuple(_gotosocial()), "bluesky": (),
    "chatwoot": tuple(_chatwoot()), "zendesk": tuple(_zendesk())}
