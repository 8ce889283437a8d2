"""A host of feeds as they are in the wild: conditional requests, dates that lie, entries that roll off, redirects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlsplit
from xml.sax.saxutils import escape, quoteattr
from zlib import crc32

from agentdesk.model.clock import Clock, Millis


@dataclass
class FeedAnswer:
    """What the host answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    def body(self) -> bytes:
        """The bytes on the wire."""
        return self.content


@dataclass
class Item:
    """One entry."""

    id: str
    title: str
    text: str
    at: Millis
    author: str = "Jane Doe"
    link: str = ""
    html: bool = False
    """True when the text holds tags that are meant."""
    raw: str = ""
    """Put in as it is, instead of the rest."""


@dataclass
class Feed:
    """One feed at one address."""

    address: str
    kind: str = "rss"
    size: int = 20
    """So many entries are listed, newest first."""
    items: list[Item] = field(default_factory=list)
    conditional: bool = True
    extra: dict[str, str] = field(default_factory=dict)
    answer: FeedAnswer | None = None
    """Given instead of the feed."""
    empty: bool = False
    """True while it lists nothing of what it has."""
    asked: int = 0
    full: int = 0
    """Answers that held the whole feed."""

    def document(self) -> bytes:
        """The feed as it is now."""
        listed = sorted(self.items, key=lambda item: item.at)[-self.size :][::-1]
        listed = [] if self.empty else listed
        make = {"rss": _rss, "atom": _atom}[self.kind]
        return make(self, listed).encode("utf-8", "surrogatepass")


class FakeHosts:
    """Every host that feeds are read from."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.feeds: dict[str, Feed] = {}
        self.number = 0

    def add(self, address: str, **more: object) -> Feed:
        """A feed begins."""
        feed = self.feeds[address] = Feed(address, **more)  # type: ignore[arg-type]
        return feed

    def post(self, feed: Feed, text: str, *, title: str = "", **more: object) -> Item:
        """Somebody publishes."""
        self.number += 1
        host = urlsplit(feed.address).netloc
        values = {"id": f"https://{host}/posts/{self.number}", "link": f"https://{host}/posts/{self.number}",
                  "at": self.clock.now(), **more}
        item = Item(title=title, text=text, **values)  # type: ignore[arg-type]
        feed.items.append(item)
        return item

    def handle(self, method: str, url: str, headers: dict[str, str], content: bytes) -> FeedAnswer:
        """Answer one request."""
        assert method == "GET"
        assert "authorization" not in headers
        feed = self.feeds.get(url)
        if feed is None:
            return FeedAnswer(404, content=b"nothing here")
        feed.asked += 1
        if feed.answer is not None:
            return feed.answer
        body = feed.document()
        etag = f'"{crc32(body):x}"'
        if feed.conditional and headers.get("if-none-match") == etag:
            return FeedAnswer(304, {"etag": etag, **feed.extra})
        feed.full += 1
        told = {"etag": etag} if feed.conditional else {}
        return FeedAnswer(200, {"content-type": "application/xml; charset=utf-8", **told, **feed.extra}, body)


def _date(at: Millis) -> str:
    return format_datetime(datetime.fromtimestamp(at / 1_000, UTC), usegmt=True)


def _rss(feed: Feed, items: list[Item]) -> str:
    entries = "".join(item.raw or (
        f"<item><title>{escape(item.title)}</title><link>{escape(item.link)}</link>"
        f"<guid isPermaLink=\"false\">{escape(item.id)}</guid><pubDate>{_date(item.at)}</pubDate>"
        f"<dc:creator>{escape(item.author)}</dc:creator><description>{_described(item)}</description></item>")
        for item in items)
    return ('<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
            "<channel><title>The Daily Parcel</title><link>https://news.example/</link><language>en-gb</language>"
            f"{entries}</channel></rss>")


def _described(item: Item) -> str:
    return escape(item.text if item.html else escape(item.text))


def _atom(feed: Feed, items: list[Item]) -> str:
    entries = "".join(item.raw or (
        f"<entry><title type='text'>{escape(item.title)}</title><id>{escape(item.id)}</id>"
        f"<link rel='alternate' href={quoteattr(item.link)}/>"
        f"<published>{datetime.fromtimestamp(item.at / 1_000, UTC).isoformat()}</published>"
        f"<updated>{datetime.fromtimestamp(item.at / 1_000, UTC).isoformat()}</updated>"
        f"<author><name>{escape(item.author)}</name></author>"
        f"<content type='text'>{escape(item.text)}</content></entry>") for item in items)
    return ('<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de">'
            f"<title>Paketpost</title><id>tag:{urlsplit(feed.address).netloc},2026:feed</id>{entries}</feed>")
