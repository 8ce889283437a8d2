"""Fetching feeds politely: only what changed, when it may have changed, wherever it moved to.

Several hosts mean several doorways. Redirects are followed to other hosts too, for no token goes along; never from
https to http. See https://www.rfc-editor.org/rfc/rfc9110 (conditional requests, 301, 410) and rfc9111 (max-age).
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

import msgspec

from agentdesk.config.sources import RssSource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.http import Http
from agentdesk.connectors.rss.reading import Document, parse
from agentdesk.errors import AuthError, BadAnswer, Gone, Rejected, Unavailable
from agentdesk.model.clock import DAY, SECOND, Clock, Millis
from agentdesk.model.page import Budget
from agentdesk.model.text import inert_line

if TYPE_CHECKING:
    import httpx

LIMIT = 4 * 1024 * 1024
MAX_HOPS = 5
AT_ONCE = 4
"""So many feeds are fetched at the same time."""
_MOVED = (301, 302, 303, 307, 308)
_FOR_GOOD = (301, 308)
_MAX_AGE = re.compile(r"max-age=(\d{1,9})")
_ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far one feed has been read: what its server calls that state, and the entries seen last."""

    etag: str = ""
    modified: str = ""
    seen: dict[str, str] = {}
    """Entry → what it said, as short signs, in the order of the document."""
    at: Millis = 0
    """When something was seen last."""
    gone: bool = False
    history: bool = False
    """True while what it held on first sight is still being brought in."""


class Fetched(NamedTuple):
    """What one request brought; no document when nothing has changed."""

    document: Document | None
    etag: str = ""
    modified: str = ""
    fresh_for: Millis = 0
    """How long the server says that it will not change."""
    moved: str = ""
    """Where it moved to for good."""


class Fetcher:
    """The doorways to the hosts of all feeds of a source."""

    def __init__(self, config: RssSource, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._config = config
        self._clock = clock
        self._transport = transport
        self._doors: dict[str, Http] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def fetch(self, feed: str, place: Place | None = None) -> Fetched:
        """One feed, whole when something in it may have changed since ``place``."""
        headers = {"Accept": _ACCEPT}
        if place is not None and place.etag:
            headers["If-None-Match"] = place.etag
        if place is not None and place.modified:
            headers["If-Modified-Since"] = place.modified
        address, moved, for_good = feed, "", True
        async with self._turn:
            for _ in range(MAX_HOPS):
                answer = await self._once(feed, address, headers)
                if answer.status not in _MOVED:
                    break
                target = self._target(feed, address, answer.headers.get("location", ""))
                for_good = for_good and answer.status in _FOR_GOOD
                address, moved = target, target if for_good else moved
            else:
                raise BadAnswer(f"{self._config.full_name}: {_shown(feed)} redirects in circles",
                                remedy="Check the address in feeds:")
        fresh_for = _max_age(answer.headers.get("cache-control", ""))
        if answer.status == 304:
            return Fetched(None, fresh_for=fresh_for, moved=moved)
        document = await asyncio.to_thread(parse, answer.body, address, answer.headers, self._clock.now(),
                                           self._config.full_name)
        return Fetched(document, _mark(answer.headers.get("etag")), _mark(answer.headers.get("last-modified")),
                       fresh_for, moved)

    async def _once(self, feed: str, address: str, headers: dict[str, str]) -> Answer:
        name = self._config.full_name
        try:
            return await self._door(address).request("GET", address, safe=True, headers=headers,
                                                     accept=(304, *_MOVED))
        except AuthError as error:
            raise Rejected(f"{name}: {_shown(feed)} asks for a login", error.cause,
                           "Only public feeds can be read; take it out of feeds:") from error
        except Gone as error:
            if "410" in error.cause:
                raise Gone(f"{name}: {_shown(feed)} has ended for good", error.cause,
                           "It is not asked for any more; take it out of feeds:") from error
            raise Rejected(f"{name}: there is nothing at {_shown(feed)}", error.cause,
                           "Check the address in feeds:") from error
        except (Rejected, BadAnswer, Unavailable) as error:
            if "HTTP 403" in error.cause:
                raise Rejected(f"{name}: {_shown(feed)} is not for everybody", error.cause,
                               "Only public feeds can be read; take it out of feeds:") from error
            error.remedy = error.remedy.replace("url:", "feeds:")
            raise

    def _door(self, address: str) -> Http:
        parts = urlsplit(address)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._doors:
            self._doors[origin] = Http(
                origin, clock=self._clock, name=self._config.full_name, timeout_s=self._config.timeout / SECOND,
                ca_file=self._config.ca_file, limit=LIMIT, transport=self._transport)
        return self._doors[origin]

    def _target(self, feed: str, address: str, link: str) -> str:
        """Where a redirect leads; refused from a protected line to an open one, or to what is no web address."""
        try:
            target = urljoin(address, link)
            before, after = urlsplit(address), urlsplit(target)
            if after.scheme == "https" or (after.scheme, after.netloc) == (before.scheme, before.netloc):
                return target
        except ValueError:
            target = link
        raise BadAnswer(f"{self._config.full_name}: {_shown(feed)} leads to an unprotected address",
                        str(inert_line(target, limit=200)), "Nothing was fetched there; check feeds:")

    def budget(self) -> Budget | None:
        """What the host that allows least still allows."""
        told = [door.meter.budget for door in self._doors.values() if door.meter.budget is not None]
        return min(told, key=lambda budget: budget.left, default=None)

    def skew(self) -> Millis | None:
        """How far the host's clock is off that agrees most with ours: one that is wrong by itself says nothing."""
        return min((door.meter.skew for door in self._doors.values() if door.meter.skew is not None), key=abs,
                   default=None)

    async def close(self) -> None:
        """Close the connections."""
        for door in self._doors.values():
            await door.close()
        self._doors.clear()


def _shown(feed: str) -> str:
    """A feed's address without its query, in which a secret may stand."""
    return feed.partition("?")[0]


def _mark(value: str | None) -> str:
    """A validator as the server wrote it; one that is no plain line is not sent back."""
    text = value or ""
    return text if len(text) <= 300 and text.isascii() and text.isprintable() else ""


def _max_age(header: str) -> Millis:
    if "no-cache" in header or "no-store" in header:
        return 0
    found = _MAX_AGE.search(header)
    return min(int(found[1]) * SECOND, DAY) if found else 0
