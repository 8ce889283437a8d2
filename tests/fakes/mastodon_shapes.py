"""What a server of the Mastodon family says besides what the connector reads: its answers whole, as described."""

from __future__ import annotations

from typing import Any

PICTURE = "https://cdn.example/a.png"
OAUTH = "https://social.example/oauth"
NEITHER = {"blocked_by": False, "blocking": False, "domain_blocking": False, "endorsed": False, "followed_by": False,
           "muting": False, "muting_notifications": False, "note": "", "notifying": False, "requested": False,
           "requested_by": False, "showing_reblogs": True}
"""A relationship that is none."""
COUNTS = {"emojis": [], "favourites_count": 0, "reblogs_count": 0, "replies_count": 0}
"""What stands at every status."""
POLICY: dict[str, Any] = {
    **{f"for_{name}": "accept" for name in ("not_following", "not_followers", "new_accounts", "private_mentions",
                                            "limited_accounts")},
    "summary": {"pending_requests_count": 0, "pending_notifications_count": 0}}
APP = {"id": "7", "name": "agentdesk", "redirect_uri": "urn:ietf:wg:oauth:2.0:oob",
       "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"], "vapid_key": "BCk"}
OAUTH_FACTS = {
    "issuer": "https://social.example/", "service_documentation": "https://docs.joinmastodon.org/",
    "authorization_endpoint": OAUTH + "/authorize", "token_endpoint": OAUTH + "/token",
    "revocation_endpoint": OAUTH + "/revoke", "userinfo_endpoint": OAUTH + "/userinfo",
    "app_registration_endpoint": "https://social.example/api/v1/apps", "scopes_supported": ["read", "write"],
    "response_types_supported": ["code"], "response_modes_supported": ["query"],
    "grant_types_supported": ["authorization_code"], "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "code_challenge_methods_supported": ["S256"]}
POLLS = {"max_options": 4, "max_characters_per_option": 50, "min_expiration": 300, "max_expiration": 2_629_746}
FILES = {"image_matrix_limit": 33_177_600, "supported_mime_types": ["image/png"], "video_frame_rate_limit": 120,
         "video_matrix_limit": 8_294_400, "video_size_limit": 103_809_024, "image_size_limit": 16_777_216}


def account(url: str, *, mastodon: bool) -> dict[str, Any]:
    """What stands at every account; some of it at Mastodon's only."""
    shown = {"avatar": PICTURE, "avatar_static": PICTURE, "header": PICTURE, "header_static": PICTURE, "emojis": [],
             "group": False}
    return {**shown, "indexable": True, "uri": url} if mastodon else shown


def own(*, mastodon: bool) -> dict[str, Any]:
    """What we are told of our own account."""
    source = {"fields": [], "follow_requests_count": 0, "note": "", "privacy": "public", "sensitive": False}
    role = {"id": "-99", "name": "", "color": "", "permissions": "65536", "highlighted": False}
    return {"source": {**source, "indexable": True} if mastodon else source, **({"role": role} if mastodon else {})}


def instance(version: str, domain: str, software: str, limits: dict[str, int], streaming: str, *, mastodon: bool
             ) -> dict[str, Any]:
    """What the server says of itself, in the second or the first form."""
    told: dict[str, Any] = {"title": "Social", "description": "", "version": software, "languages": ["en"], "rules": []}
    accounts = {"max_featured_tags": 10}
    if version == "v1":
        stats = {"user_count": 1, "status_count": 1, "domain_count": 1}
        return {**told, "uri": domain, "short_description": "", "email": "", "urls": {"streaming_api": streaming},
                "stats": stats, "registrations": False, "approval_required": False, "invites_enabled": False,
                "configuration": {"accounts": accounts, "statuses": limits, "media_attachments": FILES, "polls": POLLS}}
    files = {**FILES, "description_limit": 1_500}
    told |= {"domain": domain, "source_url": "https://code.example", "thumbnail": {"url": PICTURE},
             "usage": {"users": {"active_month": 1}}, "contact": {"email": "", "account": None},
             "registrations": {"enabled": False, "approval_required": False}, "configuration": {
                 "urls": {"streaming": streaming}, "statuses": limits, "media_attachments": files, "polls": POLLS,
                 "translation": {"enabled": False}, "accounts": accounts}}
    if not mastodon:
        return told
    accounts["max_pinned_statuses"] = 5
    return {**told, "icon": [], "api_versions": {"mastodon": 6}}
