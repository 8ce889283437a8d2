"""Making the extracts: the shapes of the calls we use, out of a vendor's public description.

``python -m tests.specs.extract gotosocial swagger.yaml`` reads a description that was downloaded from the address below
(of Bluesky: the folder ``lexicons``) and writes ``gotosocial.json`` beside this file. Names and types are taken over,
no text.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.specs.lexicon import Lexicons
from tests.specs.openapi import OpenApi

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Source:
    """Where a description is, and what we take of it."""

    url: str
    licence: str
    version: str
    routes: str
    says_null: bool = True


STATUS = "/api/v1/statuses/{id}"
FAMILY = f"""
    GET /api/v1/instance
    GET /api/v2/instance
    POST /api/v1/apps
    GET /api/v1/notifications
    GET /api/v1/accounts/verify_credentials
    GET /api/v1/accounts/relationships
    GET /api/v1/accounts/lookup
    GET /api/v1/accounts/{{id}}
    GET /api/v1/accounts/{{id}}/statuses
    POST /api/v1/accounts/{{id}}/follow
    POST /api/v1/accounts/{{id}}/unfollow
    POST /api/v1/statuses
    GET {STATUS}
    PUT {STATUS}
    DELETE {STATUS}
    GET {STATUS}/context
    GET {STATUS}/source
    POST {STATUS}/favourite
    POST {STATUS}/unfavourite
    POST {STATUS}/reblog
    POST {STATUS}/unreblog
    GET /api/v1/media/{{id}}
"""
DESK, TALK = "/api/v1/accounts/{account_id}", "/api/v1/accounts/{account_id}/conversations/{conversation_id}"

SOURCES = {
    "mastodon": Source(
        "https://github.com/abraham/mastodon-openapi/blob/main/dist/schema.json", "GFDL-1.3, like "
        "the documentation it is made from, https://docs.joinmastodon.org", "4.7.0",
        FAMILY + """
        POST /oauth/token
        GET /api/v2/search
        POST /api/v1/media
        POST /api/v2/media
        GET /.well-known/oauth-authorization-server
        GET /api/v1/apps/verify_credentials
        GET /api/v2/notifications/policy
        GET /api/v1/timelines/tag/{hashtag}
        """),
    "gotosocial": Source(
        "https://codeberg.org/superseriousbusiness/gotosocial/src/branch/main/docs/api/swagger.yaml", "AGPL-3.0",
        "0.20 (October 2025)", FAMILY + """
        POST /api/{api_version}/media
        GET /api/{api_version}/search
        GET /api/v1/interaction_requests
        GET /api/v1/interaction_requests/{id}
        POST /api/v1/interaction_requests/{id}/authorize
        POST /api/v1/interaction_requests/{id}/reject
        GET /api/v1/timelines/tag/{tag_name}
        """, says_null=False),
    "bluesky": Source(
        "https://github.com/bluesky-social/atproto/tree/main/lexicons", "MIT or Apache-2.0", "August 2026", """
        POST /xrpc/com.atproto.server.createSession
        POST /xrpc/com.atproto.server.refreshSession
        GET /xrpc/com.atproto.identity.resolveHandle
        GET /xrpc/com.atproto.repo.getRecord
        GET /xrpc/com.atproto.repo.listRecords
        POST /xrpc/com.atproto.repo.putRecord
        POST /xrpc/com.atproto.repo.createRecord
        POST /xrpc/com.atproto.repo.deleteRecord
        POST /xrpc/com.atproto.repo.uploadBlob
        GET /xrpc/app.bsky.actor.getProfile
        GET /xrpc/app.bsky.actor.getProfiles
        GET /xrpc/app.bsky.notification.listNotifications
        GET /xrpc/app.bsky.feed.getPosts
        GET /xrpc/app.bsky.feed.getPostThread
        GET /xrpc/app.bsky.feed.getAuthorFeed
        GET /xrpc/app.bsky.feed.searchPosts
        GET /xrpc/chat.bsky.convo.getLog
        GET /xrpc/chat.bsky.convo.listConvos
        GET /xrpc/chat.bsky.convo.getConvo
        GET /xrpc/chat.bsky.convo.getConvoAvailability
        GET /xrpc/chat.bsky.convo.getConvoForMembers
        GET /xrpc/chat.bsky.convo.getMessages
        POST /xrpc/chat.bsky.convo.sendMessage
        POST /xrpc/chat.bsky.convo.acceptConvo
        """),
    "chatwoot": Source(
        "https://github.com/chatwoot/chatwoot/blob/develop/swagger/tag_groups/application_swagger.json", "MIT",
        "1.1.0 (June 2025)", f"""
        GET /api/v1/profile
        GET {DESK}/inboxes
        GET {DESK}/conversations
        POST {DESK}/conversations
        GET {TALK}
        GET {TALK}/messages
        POST {TALK}/messages
        DELETE {TALK}/messages/{{message_id}}
        POST {TALK}/assignments
        POST {TALK}/toggle_status
        POST {TALK}/toggle_priority
        POST {TALK}/labels
        GET {DESK}/contacts/search
        GET {DESK}/contacts/{{id}}
        GET {DESK}/contacts/{{id}}/conversations
        POST {DESK}/contacts
        GET {DESK}/canned_responses
        GET {DESK}/agents
        GET {DESK}/teams
        """, says_null=False),
    "zendesk": Source(
        "https://developer.zendesk.com/zendesk/oas.yaml", "none is named; facts only", "2.0.0 (August 2024)", """
        GET /api/v2/users/me
        GET /api/v2/users/search
        POST /api/v2/users/create_or_update
        GET /api/v2/users/{user_id}
        GET /api/v2/users/{user_id}/identities
        GET /api/v2/groups
        GET /api/v2/ticket_fields
        GET /api/v2/macros/active
        GET /api/v2/suspended_tickets
        GET /api/v2/incremental/tickets/cursor
        GET /api/v2/search
        GET /api/v2/tickets
        POST /api/v2/tickets
        GET /api/v2/tickets/show_many
        GET /api/v2/tickets/{ticket_id}
        PUT /api/v2/tickets/{ticket_id}
        GET /api/v2/tickets/{ticket_id}/comments
        PUT /api/v2/tickets/{ticket_id}/tags
        DELETE /api/v2/tickets/{ticket_id}/tags
        POST /api/v2/uploads
        """, says_null=False),
}


class Reader(yaml.SafeLoader):
    """Takes a lone «=» for the text it is."""


Reader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)
Reader.add_constructor("tag:yaml.org,2002:timestamp", lambda loader, node: node.value)


def extract(source: Source, found: Path) -> dict[str, Any]:
    """The shapes that a downloaded description gives of the routes that we use."""
    wanted = source.routes.split("\n")
    routes = [line.strip() for line in wanted if line.strip()]
    if found.is_dir():
        spec: Lexicons | OpenApi = Lexicons(found)
    else:
        spec = OpenApi(Reader(found.read_text(encoding="utf-8")).get_single_data(), says_null=source.says_null)
    about = {"url": source.url, "version": source.version, "licence": source.licence}
    return {"about": about, "routes": spec.routes(routes), "types": dict(sorted(spec.types.items()))}


def written(shapes: dict[str, Any]) -> str:
    """One line for each route and type: short, and a change in one is a change of one line."""
    parts = []
    for name, part in shapes.items():
        lines = [f"  {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in part.items()]
        parts.append(f"{json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    called, place = sys.argv[1:]
    (HERE / f"{called}.json").write_text(written(extract(SOURCES[called], Path(place))), encoding="utf-8")
