"""Bluesky's words into the model: posts and direct messages into messages, accounts into profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agentdesk.connectors.bluesky import richtext
from agentdesk.connectors.bluesky.wire import (
    BESIDE,
    POST,
    ChatMessage,
    Person,
    Post,
    Record,
    address,
    author_of,
    parts_of,
    tid_at,
    written_at,
)
from agentdesk.connectors.foreign import ref, text_and_raw, web_url
from agentdesk.connectors.items import instant
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.text import Inert, inert_line

SITE = "https://bsky.app"
CHAT = "chat:"
"""What begins the ref of a private conversation; posts have at:// addresses."""
NO_HANDLE = ("", "handle.invalid")
BLOCKED = "A post that is not shown: we and its author have blocked each other"
GONE = "A post that is not there any more"
MOST_FILES = 12


class Speaker:
    """Turns what the network shows one account into the model."""

    def __init__(self) -> None:
        self.me = ""
        self.names: dict[str, Person] = {}

    def message(
        self, post: Post, conversation: str, *, direct: bool, overheard: bool = False, aside: bool = False
    ) -> Message:
        """A post, in the conversation that it stands in.

        It is ``direct`` when it speaks to us, and ``overheard`` when it is the customer's but does not. An ``aside`` is
        what stands around the conversation: a copy with a ref of its own, because the post may stand in another
        customer's conversation too.
        """
        ours = post.author.did == self.me
        record = post.record
        text, raw = text_and_raw(richtext.shown(record.text, record.facets))
        return Message(
            ref=ref(copy_of(post.uri, conversation) if aside else post.uri),
            conversation_ref=ref(conversation),
            author=author(post.author),
            direction=Direction.ASIDE if aside else Direction.OUT if ours else Direction.IN,
            text=text,
            raw=raw,
            created_at=written_at(record, post.indexedAt, post.uri),
            kind=self.kind(record),
            parent_ref=str(inert_line(record.reply.parent.uri)) if record.reply else "",
            attachments=tuple(attachments(post.embed if post.embed is not None else record.embed, post.author.did)),
            url=post_url(post.uri),
            lang=str(inert_line(record.languages[0], limit=35)) if record.languages else "",
            can_reply=not (post.viewer.replyDisabled or post.author.viewer.blockedBy or post.author.viewer.blocking),
            indirect=overheard and not (ours or direct or aside),
        )

    def kind(self, record: Record) -> Kind:
        """What a post is to us."""
        if record.reply is not None and author_of(record.reply.parent.uri) == self.me:
            return Kind.REPLY
        if self.speaks_to_us(record):
            return Kind.MENTION
        return Kind.REPLY if record.reply is not None else Kind.POST

    def speaks_to_us(self, record: Record) -> bool:
        """True for a post that mentions us, answers us, quotes us, or stands below one of ours."""
        uris = quoted(record.embed)
        if record.reply is not None:
            uris += (record.reply.parent.uri, record.reply.root.uri)
        return self.me in richtext.mentioned(record.facets) or self.me in map(author_of, uris)

    def placeholder(self, uri: str, conversation: str, *, blocked: bool, customer: str) -> Message | None:
        """What stands for a post that is not shown, where it can be told whose it was and when it was written."""
        found = address(uri)
        at = tid_at(found.rkey) if found else None
        if found is None or at is None or len(uri) > 200:
            return None
        theirs = found.did == customer
        return Message(
            ref=uri if theirs else copy_of(uri, conversation),
            conversation_ref=ref(conversation),
            author=Author(ref=found.did),
            direction=Direction.IN if theirs else Direction.ASIDE,
            text=Inert(""),
            created_at=at,
            deleted=not blocked,
            attachments=(Attachment(name=inert_line(BLOCKED if blocked else GONE)),),
            url=post_url(uri),
            can_reply=False,
        )

    def chat(self, message: ChatMessage, convo: str) -> Message:
        """A direct message; ValueError for one without a sender or a time."""
        at = instant(message.sentAt)
        if message.sender is None or at is None or message.text is None:
            raise ValueError("a direct message without a sender, a time or a text")
        person = self.names.get(message.sender.did, message.sender)
        text, raw = text_and_raw(richtext.shown(message.text, message.facets))
        return Message(
            ref=chat_ref(convo, message.id),
            conversation_ref=ref(CHAT + convo),
            author=author(person),
            direction=Direction.OUT if person.did == self.me else Direction.IN,
            text=text,
            raw=raw,
            created_at=at,
            kind=Kind.DM,
            visibility=Visibility.DIRECT,
            attachments=tuple(attachments(message.embed, person.did)),
            url=chat_url(convo),
        )


def copy_of(uri: str, conversation: str) -> str:
    """The ref of a post that is shown in a conversation of others."""
    return f"{uri}{BESIDE}{parts_of(conversation)[1]}"


def chat_ref(convo: str, message: str) -> str:
    """The ref of a direct message."""
    return ref(f"{CHAT}{convo}/{message}")


def chat_url(convo: str) -> str:
    """Where a person sees a private conversation."""
    return web_url(f"{SITE}/messages/{convo}")


def post_url(uri: str) -> str:
    """Where a person sees a post."""
    found = address(uri)
    return f"{SITE}/profile/{found.did}/post/{found.rkey}" if found and found.collection == POST else ""


def author(person: Person) -> Author:
    """Who wrote a message."""
    handle = "" if person.handle in NO_HANDLE else person.handle
    return Author(ref=ref(person.did), name=inert_line(person.displayName or handle), handle=inert_line(handle))


def profile(person: Person) -> Profile:
    """An account as a customer's identity; a handle of one's own domain is proof of that domain."""
    handle = "" if person.handle in NO_HANDLE else person.handle
    labels = {label.val for label in person.labels if not label.neg}
    trusted = person.verification.verifiedStatus == "valid"
    own_domain = bool(handle) and not handle.endswith((".bsky.social", ".bsky.team"))
    return Profile(
        ref=ref(person.did),
        handle=inert_line(handle),
        name=inert_line(person.displayName or handle or person.did),
        url=f"{SITE}/profile/{person.did}",
        bio=inert_line(person.description, limit=1_000),
        followers=at_most(person.followersCount),
        following=at_most(person.followsCount),
        posts=at_most(person.postsCount),
        created_at=instant(person.createdAt),
        verified="org" if trusted else "domain" if own_domain else "none",
        bot="bot" in labels,
        links=(inert_line(f"https://{handle}"),) if own_domain else (),
        blocked=bool(person.viewer.blockedBy or person.viewer.blocking),
    )


def attachments(embed: Any, author_did: str) -> Iterator[Attachment]:
    """Pictures, videos, link cards and quoted posts; what is shown first, else what the record says."""
    for number, part in enumerate(_parts(embed), 1):
        if number > MOST_FILES:
            return
        if found := _attachment(part, number, author_did):
            yield found


def quoted(embed: Any) -> list[str]:
    """The addresses of the posts that a post quotes."""
    return [str(part.get("uri") or "") for part in _parts(embed) if part.get("uri") and part.get("cid")]


def _parts(embed: Any, depth: int = 0) -> list[dict[str, Any]]:
    """The single things in an embed, whatever it is made of."""
    if not isinstance(embed, dict) or depth > 4:
        return []
    found: list[dict[str, Any]] = []
    for key in ("images", "items"):
        many = embed.get(key)
        found += [part for part in many if isinstance(part, dict)] if isinstance(many, list) else []
    if isinstance(embed.get("external"), dict):
        found.append({**embed["external"], "$type": "external"})
    if "video" in embed or "playlist" in embed:
        found.append(embed)
    for key in ("record", "media"):
        inner = embed.get(key)
        if isinstance(inner, dict):
            nested = any(name in inner for name in ("images", "items", "external", "video", "playlist", "record"))
            found += _parts(inner, depth + 1) if nested else [inner] if key == "record" else []
    return found


def _attachment(part: dict[str, Any], number: int, author_did: str) -> Attachment | None:
    alt = inert_line(_text(part, "alt"), limit=2_000)
    if part.get("$type") == "external":
        link = web_url(part.get("uri"))
        name = inert_line(_text(part, "title") or link or "link", limit=200)
        return Attachment(name=name, mime="text/html", url=link, alt=inert_line(_text(part, "description")))
    if "fullsize" in part or "image" in part:
        blob = part.get("image")
        mime = _text(blob, "mimeType") if isinstance(blob, dict) else ""
        size = blob.get("size") if isinstance(blob, dict) else None
        return Attachment(name=inert_line(f"picture {number}"), mime=str(inert_line(mime or "image/jpeg", limit=80)),
                          size=size if isinstance(size, int) and 0 <= size < 1 << 40 else None,
                          url=web_url(part.get("fullsize")), alt=alt)
    if "playlist" in part or "video" in part:
        return Attachment(name=inert_line("video"), mime="video/mp4", url=web_url(part.get("playlist")), alt=alt)
    uri = _text(part, "uri")
    return _quote(part, uri) if uri.startswith("at://") else None


def _quote(part: dict[str, Any], uri: str) -> Attachment:
    """A quoted post, or what stands in its place."""
    who = part.get("author")
    handle = _text(who, "handle") if isinstance(who, dict) else ""
    missing = "deleted" if part.get("notFound") else "blocked" if part.get("blocked") else \
        "taken out" if part.get("detached") else ""
    name = f"quoted post ({missing})" if missing else f"quoted post of @{handle}" if handle else "quoted post"
    value = part.get("value")
    words = richtext.shown(_text(value, "text"), value.get("facets")) if isinstance(value, dict) else ""
    return Attachment(name=inert_line(name, limit=200), url=post_url(uri), alt=inert_line(words, limit=2_000))


def _text(item: Any, name: str) -> str:
    value = item.get(name) if isinstance(item, dict) else None
    return value if isinstance(value, str) else ""


def at_most(posts: int | None) -> int | None:
    """A count that can be stored."""
    return posts if posts is not None and 0 <= posts < 1 << 62 else None
