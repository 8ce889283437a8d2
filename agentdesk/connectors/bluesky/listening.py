"""Listening: posts that nobody addressed to us, found by app.bsky.feed.searchPosts for words, phrases and tags.

The search is no feed of data: each thing is asked for once a minute at most, a few at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import msgspec

from agentdesk.config.sources import ListenConfig
from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.client import Client, Pairs
from agentdesk.connectors.bluesky.cursor import Item, Limits, Stream, catch_up
from agentdesk.connectors.bluesky.posts import read
from agentdesk.connectors.bluesky.wire import Post
from agentdesk.connectors.items import iso
from agentdesk.connectors.listening import Ears, Marks, Term
from agentdesk.model.clock import MINUTE, Clock, Millis

EVERY: Millis = MINUTE
AT_ONCE = 4
PAGES = 5
REMEMBERED = 2_000
"""So many posts are remembered over all terms."""
MOST_HITS = 100
LATE_INDEX: Millis = 10 * MINUTE
"""The search learns of posts late: so far below the newest hit it is asked again."""


class Heard(NamedTuple):
    """What a round of listening brought."""

    posts: dict[str, Post]
    marks: dict[str, str]
    more: bool
    history: bool
    """True when something was asked for the first time."""


class Listener:
    """Asks for what the ``listen:`` entries name."""

    def __init__(self, configs: Iterable[ListenConfig], client: Client, clock: Clock, first: Millis) -> None:
        self.ears = Ears(configs)
        self._client = client
        self._clock = clock
        self._first = first
        self._asked: dict[str, tuple[Millis, str]] = {}

    async def hear(self, held: dict[str, str], me: str, limit: int) -> Heard:
        """Ask for some terms: those never asked for by themselves, then those that waited longest."""
        marks = Marks(self.ears, held)
        now = self._clock.now()
        new = [term for term in self.ears.terms if marks.of(term) is None]
        due = new or [term for term in self.ears.terms if self._due(term, marks.of(term) or "", now)]
        due.sort(key=lambda term: self._asked.get(term.key, (0, ""))[0])
        posts: dict[str, Post] = {}
        more = len(due) > AT_ONCE and bool(new)
        for term in due[:AT_ONCE]:
            found, stream, goes_on = await self._ask(term, _stream(marks.of(term)), now, limit)
            mark = msgspec.json.encode(stream).decode()
            marks.move(term, mark)
            self._asked[term.key] = (now, mark)
            more = more or goes_on
            posts.update((post.uri, post) for post in found if post.author.did != me and self._hears(post))
        return Heard(posts, marks.plain(), more, bool(new))

    def _due(self, term: Term, mark: str, now: Millis) -> bool:
        """False for what was asked for lately, unless its answer was not kept."""
        at, answer = self._asked.get(term.key, (now - EVERY, ""))
        return not 0 <= now - at < EVERY or answer != mark

    def _hears(self, post: Post) -> bool:
        languages = ",".join(post.record.languages)
        return bool(self.ears.hears(post.record.text, languages, post.author.handle, post.record.hashtags))

    async def _ask(self, term: Term, stream: Stream, now: Millis, limit: int) -> tuple[list[Post], Stream, bool]:
        share = max(5, REMEMBERED // max(1, len(self.ears.terms)))
        limits = Limits(pages=PAGES, remembered=min(share, MOST_HITS * 2), first=self._first, first_items=MOST_HITS)
        since = max(now - self._first, stream.at - LATE_INDEX) if stream.at else now - self._first
        caught = await catch_up(self._pages(term, since), stream, now, limit, limits)
        return [item.value for item in caught.items], msgspec.structs.replace(caught.stream, swept=now), caught.more

    async def _pages(self, term: Term, since: Millis) -> AsyncIterator[list[Item]]:
        pairs: Pairs = [("q", _query(term)), ("sort", "latest"), ("limit", 100), ("since", iso(since))]
        if term.kind == "tag":
            pairs.append(("tag", term.text))
        async for items in self._client.pages("app.bsky.feed.searchPosts", pairs, "posts", PAGES):
            good, _ = read(items, "hit")
            yield [Item(f"{post.uri} {post.cid}", wire.written_at(post.record, post.indexedAt, post.uri), post)
                   for post in good]


def _stream(mark: str | None) -> Stream:
    try:
        return msgspec.json.decode(mark or "", type=Stream)
    except (msgspec.DecodeError, ValueError):
        return Stream()


def _query(term: Term) -> str:
    """A term in the search's own language: quotation marks keep words together."""
    if term.kind == "tag":
        return f"#{term.text}"
    plain = term.text.replace('"', " ").strip()
    return plain if plain.isalnum() else f'"{plain}"'
