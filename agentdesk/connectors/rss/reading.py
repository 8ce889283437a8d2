"""One feed document and its entries, made inert: feedparser reads the bytes, and nothing but the bytes.

What it yields is foreign in every field: dates that lie, ids that are missing or repeat, HTML where text is promised.
Formats: https://www.rssboard.org/rss-specification, https://www.rfc-editor.org/rfc/rfc4287.
"""

from __future__ import annotations

import calendar
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

from agentdesk.connectors.foreign import MAX_REF, ref, reject, text_and_raw, web_url
from agentdesk.connectors.html import html_to_text
from agentdesk.errors import BadAnswer
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message
from agentdesk.model.page import Reject
from agentdesk.model.text import inert_line

MAX_ENTRIES = 1_000
MAX_TEXT = 20_000
MAX_ENCLOSURES = 10
READ_ONLY = "feeds can only be read"
"""Why nothing can be answered there."""
_GLOBAL = re.compile(r"(?:https?|tag|urn|at|acct|doi):", re.IGNORECASE)
_FEED_LINK = re.compile(r"<link\b[^>]{0,400}type=[\"']application/(?:rss|atom)\+xml[\"'][^>]{0,400}>", re.IGNORECASE)
_HREF = re.compile(r"href=[\"']([^\"']{1,500})[\"']", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """One entry: who it is, what it says, and a short sign of what it said, to see a change."""

    key: str
    said: str
    message: Message | None
    head: RemoteConversation | None = None
    profile: Profile | None = None
    reject: Reject | None = None


@dataclass(frozen=True)
class Document:
    """One feed as it was fetched, its entries in their own order."""

    title: str
    entries: tuple[Entry, ...]


def short(text: str) -> str:
    """A short sign that stands for a text."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()


def parse(body: bytes, address: str, headers: Mapping[str, str], now: Millis, name: str) -> Document:
    """Read a document; BadAnswer when it is no feed. For a thread: large ones take seconds."""
    import feedparser

    told = {"content-type": headers.get("content-type", ""), "content-location": address}
    try:
        # A stream: a text would be taken for an address or a file's name, and opened.
        found = feedparser.parse(BytesIO(body), response_headers=told, sanitize_html=False)
    except Exception as error:
        raise _no_feed(body, address, name, str(error)) from error
    if not found.get("version") and not found.entries:
        raise _no_feed(body, address, name, str(found.get("bozo_exception") or ""))
    feed = found.feed if isinstance(found.feed, dict) else {}
    title = _line(_plain(feed.get("title_detail"), feed.get("title"))) or urlsplit(address).netloc
    about = _About(address, str(inert_line(title)), web_url(feed.get("link")), str(feed.get("language") or ""), now)
    return Document(about.title, tuple(_entry(item, about) for item in found.entries[:MAX_ENTRIES]))


@dataclass(frozen=True)
class _About:
    """What an entry takes from its feed."""

    address: str
    title: str
    link: str
    lang: str
    now: Millis


def _no_feed(body: bytes, address: str, name: str, cause: str) -> BadAnswer:
    """The error for something else than a feed; a web page often names its feed."""
    page = body[:200_000].decode("utf-8", "replace")
    named = next((href[1] for link in _FEED_LINK.finditer(page) if (href := _HREF.search(link[0]))), "")
    looks = "It is a web page" if "<html" in page[:2_000].lower() else str(inert_line(cause, limit=120))
    remedy = f"The page names this feed: {inert_line(named, limit=300)}" if named else "Check the address in feeds:"
    return BadAnswer(f"{name}: there is no feed at {inert_line(address, limit=200)}", looks, remedy)


def _entry(item: Any, about: _About) -> Entry:
    """An entry; one that says nothing at all is set aside, once."""
    try:
        return _read(item, about)
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        key = short(f"{about.address} {item!r:.4000}")
        return Entry(key, "", None, reject=reject(f"entry of {about.address}", str(error), str(item)))


def _read(item: Any, about: _About) -> Entry:
    link = web_url(item.get("link"))
    title = _line(_plain(item.get("title_detail"), item.get("title")))
    body = _body(item)
    if not (title or body):
        raise ValueError("an entry without a title or a text")
    own = _ref(item.get("id"), link, f"{title}\n{body}", about.address)
    whole = body if body.startswith(title) else f"{title}\n\n{body}".strip()
    text, raw = text_and_raw(whole[:MAX_TEXT])
    author = _author(item, about)
    message = Message(
        ref=own, conversation_ref=own, author=author, direction=Direction.IN, text=text, raw=raw,
        created_at=_at(item) or about.now, kind=Kind.POST, url=link, can_reply=False, indirect=True,
        lang=str(inert_line(str(item.get("language") or about.lang), limit=20)), attachments=_enclosures(item))
    head = RemoteConversation(ref=own, customer_ref=author.ref, subject=inert_line(title), url=link,
                              locked_reason=READ_ONLY, queue=str(inert_line(about.title, limit=80)))
    profile = Profile(ref=author.ref, name=author.name, url=about.link)
    return Entry(short(own), short(text), message, head, profile)


def _ref(given: Any, link: str, words: str, address: str) -> str:
    """By id, else link, else text. An id that is not one in the whole world counts within its feed."""
    told = str(given or "").strip() or link
    if _GLOBAL.match(told) and len(told) <= MAX_REF:
        return ref(told)
    return f"{short(address)}:{ref(told) if 0 < len(told) <= MAX_REF - 20 else short(told or words)}"


def _author(item: Any, about: _About) -> Author:
    """Who wrote it; the feed itself where it does not say. People in feeds have names, not ids."""
    detail = item.get("author_detail") or {}
    name = _line(str(detail.get("name") or item.get("author") or ""))
    home = web_url(detail.get("href"))
    host = urlsplit(about.address).netloc
    if not name:
        return Author(ref=ref(f"feed:{about.address}"[:MAX_REF]), name=inert_line(about.title))
    return Author(ref=ref((home or f"{host}:{name}")[:MAX_REF]), name=inert_line(name))


def _body(item: Any) -> str:
    """The longest text of the entry as a person would read it."""
    told = [*(item.get("content") or ()), item.get("summary_detail")]
    found = [_plain(each, None) for each in told if each]
    return max([*found, _plain(None, item.get("summary"))], key=len).strip()


def _plain(detail: Any, text: Any) -> str:
    """A text construct as plain text; what its type says is not trusted where it holds tags."""
    value = str((detail or {}).get("value") or text or "")[: 10 * MAX_TEXT]
    kind = str((detail or {}).get("type") or "text/html")
    return html_to_text(value) if "html" in kind or "</" in value or "/>" in value else value


def _line(text: str) -> str:
    return str(inert_line(text, limit=300))


def _at(item: Any) -> Millis | None:
    """When it says it was published, else changed; both are hearsay."""
    for field in ("published_parsed", "updated_parsed", "created_parsed"):
        if field not in item:  # asking for it would give another date in its stead
            continue
        told = item[field]
        try:
            if told and (at := calendar.timegm(told) * 1_000) > 0:
                return at
        except (ValueError, OverflowError, TypeError):
            continue
    return None


def _enclosures(item: Any) -> tuple[Attachment, ...]:
    found = []
    for one in (item.get("enclosures") or ())[:MAX_ENCLOSURES]:
        url = web_url(one.get("href"))
        size = str(one.get("length") or "")
        if url:
            found.append(Attachment(
                name=inert_line(urlsplit(url).path.rpartition("/")[2] or "file", limit=120), url=url,
                mime=str(inert_line(str(one.get("type") or ""), limit=80)),
                size=int(size) if size.isascii() and size.isdecimal() and len(size) < 16 else None))
    return tuple(found)
