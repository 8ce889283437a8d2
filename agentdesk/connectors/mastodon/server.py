"""What a server is and what follows from that: decided by its NodeInfo, not by which calls it happens to answer.

https://nodeinfo.diaspora.software/protocol, https://docs.joinmastodon.org/entities/Instance/,
https://docs.joinmastodon.org/entities/V1_Instance/.
"""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec

from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.mastodon.client import MastodonClient
from agentdesk.model.capability import Caps, Counter, SendStrength
from agentdesk.model.clock import SECOND
from agentdesk.model.text import inert_line

LAG_S = 30
"""A server may still be busy with a request whose line broke; before this an absent reply proves nothing."""
WIDTHS = ("public", "unlisted", "followers", "direct")
USUAL_CHARS = 500
USUAL_ALT = 1_500
"""The longest description of a file where a server does not say it: all before Mastodon 4.4, and the first form."""
_POLL_S = 30


class Family(NamedTuple):
    """How one server software behaves."""

    strength: SendStrength = SendStrength.NONE
    replay_s: int | None = None
    stream: Literal["sse", "socket", "none"] = "none"
    counter: Counter = Counter.GRAPHEME
    edits: bool = True
    guards_mentions: bool = False
    """It refuses a reply that names somebody who was not meant (allowed_mentions)."""
    lists_private: bool = False
    """The account's own listing holds private posts too: only then their absence from it proves something."""
    approves: bool = False
    """An account can have replies held back until it approves them."""


_MASTODON = Family(SendStrength.KEY, 3_600, "sse", Counter.GRAPHEME_URL23, guards_mentions=True, lists_private=True)
_PLEROMA = Family(SendStrength.KEY, 3_600, "socket", lists_private=True)
FAMILIES = {
    "mastodon": _MASTODON,
    "hometown": _MASTODON,
    "gotosocial": Family(stream="socket", counter=Counter.CODEPOINT, lists_private=True, approves=True),
    "pleroma": _PLEROMA,
    "akkoma": _PLEROMA,
    "snac": Family(),
    "pixelfed": Family(counter=Counter.CODEPOINT),
}
"""By NodeInfo's software name; any other name is taken for the weakest."""

NEEDED = ("read:notifications", "read:statuses", "read:accounts", "read:search", "write:statuses", "write:media",
          "write:favourites", "write:follows", "write:conversations")
"""What we ask for when signing in: https://docs.joinmastodon.org/api/oauth-scopes/."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One server as it describes itself."""

    software: str = ""
    version: str = ""
    domain: str = ""
    """The part after the @ of its own accounts."""
    stream_url: str = ""
    max_chars: int | None = None
    url_chars: int = 23
    max_files: int = 4
    max_file_bytes: int | None = None
    max_alt: int = USUAL_ALT

    @property
    def family(self) -> Family:
        """How it behaves."""
        return FAMILIES.get(self.software, Family())


async def look(client: MastodonClient) -> Server:
    """Ask a server what it is; whatever it does not say is taken at its weakest."""
    software, version = await _nodeinfo(client)
    instance = await client.maybe("/api/v2/instance")
    if not isinstance(instance, dict) or "error" in instance:
        instance = await client.maybe("/api/v1/instance")
    facts = instance if isinstance(instance, dict) else {}
    if not software:
        software, version = _by_version(str(facts.get("version") or ""))
    return _server(software, version, facts, client.http.host)


async def _nodeinfo(client: MastodonClient) -> tuple[str, str]:
    """Software and version; empty where the server keeps no NodeInfo.

    The address it names may carry another host, or http behind a proxy: only its path is used.
    """
    index = await client.maybe("/.well-known/nodeinfo")
    links = index.get("links") if isinstance(index, dict) else None
    for link in reversed(links if isinstance(links, list) else []):
        address = urlsplit(str(link.get("href") or "")) if isinstance(link, dict) else None
        if address is None or "nodeinfo" not in str(link.get("rel") or "") or not address.path.startswith("/"):
            continue
        told = await client.maybe(address.path)
        software = told.get("software") if isinstance(told, dict) else None
        if isinstance(software, dict) and software.get("name"):
            return _line(software["name"]).lower(), _line(software.get("version"))
    return "", ""


def _by_version(version: str) -> tuple[str, str]:
    """What an instance's version alone gives away: «2.7.2 (compatible; Pleroma 2.5)», or Mastodon's own number."""
    found = re.search(r"\(compatible; (\w+) ([^)]*)\)", version)
    if found:
        return found[1].lower(), _line(found[2])
    return ("mastodon", _line(version)) if re.fullmatch(r"\d+\.\d+\.\d+(?:[-+.][\w.+-]*)?", version) else ("", version)


def _server(software: str, version: str, facts: dict[str, Any], host: str) -> Server:
    limits = _part(facts, "configuration")
    statuses, media = _part(limits, "statuses"), _part(limits, "media_attachments")
    addresses = _part(limits, "urls") or _part(facts, "urls")
    domain = _line(facts.get("domain") or facts.get("uri") or host)
    if "://" in domain:
        domain = urlsplit(domain).netloc
    usual = USUAL_CHARS if software in ("", "mastodon", "hometown") else None
    return Server(
        software=software, version=version, domain=domain.lower() or host,
        stream_url=_line(addresses.get("streaming") or addresses.get("streaming_api")),
        max_chars=_size(statuses.get("max_characters")) or _size(facts.get("max_toot_chars")) or usual,
        url_chars=_size(statuses.get("characters_reserved_per_url")) or 23,
        max_files=_size(statuses.get("max_media_attachments")) or 4,
        max_file_bytes=_size(media.get("image_size_limit")), max_alt=_size(media.get("description_limit")) or USUAL_ALT,
    )


def caps(config: MastodonSource, server: Server | None) -> Caps:
    """What can be done there; before the server was asked, what Mastodon can, without its promise."""
    it = server or Server(software="", max_chars=USUAL_CHARS)
    family = it.family if server else FAMILIES["mastodon"]._replace(strength=SendStrength.NONE, replay_s=None)
    return Caps(
        letter=config.letter or "M", can_dm=True, can_like=True, can_boost=True, can_follow=True,
        can_edit=family.edits, can_delete=True, can_approve=family.approves, can_search=True, can_download=True,
        max_uploads=it.max_files, max_upload_bytes=it.max_file_bytes, max_alt=it.max_alt, send_strength=family.strength,
        replay_s=family.replay_s, max_chars=it.max_chars, counter=family.counter, url_length=it.url_chars,
        visibilities=WIDTHS[WIDTHS.index(config.visibility):], mentions=True, consistency_lag_s=LAG_S,
        poll_s=(config.poll or _POLL_S * SECOND) / SECOND,
    )


def missing_scopes(granted: str) -> tuple[str, ...]:
    """Which of what we need a token was not given; nothing when the server does not say."""
    held = set(granted.replace("+", " ").split())
    if not held:
        return ()
    wide = held | {f"write:{part}" if name == "follow" else "" for name in held for part in ("follows",)}
    return tuple(one for one in NEEDED if one not in wide and one.partition(":")[0] not in wide)


def policy_warnings(policy: Any) -> list[str]:
    """What a notification policy hides: https://docs.joinmastodon.org/entities/NotificationPolicy/."""
    if not isinstance(policy, dict):
        return []
    words = {
        "for_not_following": "people whom the account does not follow",
        "for_not_followers": "people who do not follow the account",
        "for_new_accounts": "new accounts",
        "for_private_mentions": "private messages that nobody asked for",
        "for_limited_accounts": "accounts that the moderators limited",
    }
    found = []
    for key, who in words.items():
        value = policy.get(key)
        old = policy.get(key.replace("for_", "filter_"))  # before 4.3.2 it was true or false
        if value == "drop":
            found.append(f"the account's notification policy drops {who}: such customers are never seen; accept them "
                         "under Preferences, Notifications")
        elif value == "filter" or (value is None and old is True):
            found.append(f"the account's notification policy filters {who}: they are read all the same, but colleagues "
                         "on the website do not see them")
    return found


def warnings(server: Server, config: MastodonSource) -> list[str]:
    """What this kind of server cannot do, as far as it changes how we work."""
    found = []
    shown = server.software or "this server"
    if server.family.strength is SendStrength.NONE:
        found.append(f"{shown} does not know a reply that is sent twice: after a broken line it is looked for before "
                     "anything is sent again")
    if server.family.stream == "none":
        found.append(f"{shown} does not call when something is new: it is asked every half minute")
    if any(entry.words or entry.phrases for entry in config.listen):
        found.append("words and phrases are heard only in posts that the server's search knows and whose authors let "
                     "themselves be found; where it has no full-text search, nothing is heard: tags always work")
    return found


def _part(facts: dict[str, Any], name: str) -> dict[str, Any]:
    part = facts.get(name)
    return part if isinstance(part, dict) else {}


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 40 else None


def _line(value: Any) -> str:
    return str(inert_line(str(value or ""), limit=200))
