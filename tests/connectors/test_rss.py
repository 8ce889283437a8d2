"""Feeds in the wild: what moved, ended, broke, lies about its dates, or tries to read our files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from agentdesk.config.sources import ListenConfig, RssSource
from agentdesk.connectors import registry
from agentdesk.connectors.rss import connect, sign_in
from agentdesk.connectors.rss.connector import MOST_SEEN, RssConnector
from agentdesk.errors import BadAnswer, ConfigError, Gone, RateLimited, Rejected, Unavailable
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from tests.connectors.exchange import drain, texts
from tests.fakes.rss import FakeHosts, Feed, FeedAnswer
from tests.fakes.wire import Fault, Line

NEWS, BLOG = "https://news.example/feed.xml", "https://blog.example/atom?tag=acme"


class Wild:
    """Hosts, a line to them, and a connector."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.hosts = FakeHosts(clock)
        self.line = Line(self.hosts.handle)
        self.open: list[RssConnector] = []

    def connect(self, *feeds: str, listen: Sequence[ListenConfig] = (), **more: object) -> RssConnector:
        config = RssSource(name="news", feeds=feeds or (NEWS,), listen=tuple(listen), **more)  # type: ignore[arg-type]
        made = RssConnector(config, self.clock, self.line.transport())
        self.open.append(made)
        return made

    def serve(self, feed: Feed, body: bytes | str, status: int = 200, **headers: str) -> None:
        """Answer with this instead of the feed."""
        data = body.encode() if isinstance(body, str) else body
        feed.answer = FeedAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


@pytest.fixture
async def wild(clock: ManualClock) -> AsyncIterator[Wild]:
    made = Wild(clock)
    yield made
    for connector in made.open:
        await connector.close()


async def test_an_entry_is_heard_and_cannot_be_answered(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    wild.hosts.post(feed, "<p>They lost <b>every</b> parcel</p>", title="Acme &amp; Sons", html=True)
    pages, _ = await drain(wild.connect())
    message, head = pages[0].messages[0], pages[0].conversations[0]
    assert message.text == "Acme & Sons\n\nThey lost every parcel"
    assert (message.indirect, message.can_reply, message.lang) == (True, False, "en-gb")
    assert (message.author.name, message.author.ref) == ("Jane Doe", "news.example:Jane Doe")
    assert (head.subject, head.queue, head.url) == ("Acme & Sons", "The Daily Parcel", "https://news.example/posts/1")
    assert head.locked_reason == "feeds can only be read"
    assert not wild.open[0].caps.can_reply


async def test_only_what_changed_is_fetched(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS, extra={"last-modified": "Thu, 01 Jan 2026 00:00:00 GMT"})
    wild.hosts.post(feed, "one")
    connector = wild.connect()
    _, cursor = await drain(connector)
    for _ in range(3):
        page = await connector.pull(cursor)
        assert page.cursor == cursor
    assert (feed.asked, feed.full) == (4, 1)
    assert wild.line.seen[-1].headers["if-modified-since"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    again = wild.connect()
    await again.pull(cursor)
    assert feed.full == 1


async def test_a_server_that_says_how_long_it_stays_fresh_is_left_alone(wild: Wild, clock: ManualClock) -> None:
    feed = wild.hosts.add(NEWS, extra={"cache-control": "public, max-age=3600"})
    wild.hosts.post(feed, "one")
    connector = wild.connect()
    _, cursor = await drain(connector)
    wild.hosts.post(feed, "two")
    clock.advance(59 * MINUTE)
    assert texts((await drain(connector, cursor))[0]) == []
    assert feed.asked == 1
    clock.advance(2 * MINUTE)
    assert texts((await drain(connector, cursor))[0]) == ["two"]


async def test_words_of_the_listen_entries_choose(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    for text in ("the weather", "Acme again", "acme of perfection"):
        wild.hosts.post(feed, text)
    us = ListenConfig(name="us", words=("acme",), exclude=("acme of",))
    connector = wild.connect(listen=[us])
    pages, cursor = await drain(connector)
    assert texts(pages) == ["Acme again"]
    wild.hosts.post(feed, "acme three")
    wild.hosts.post(feed, "acme four", author="Eve")
    connector.hear((ListenConfig(name="us", words=("acme",), exclude_authors=("eve",)),))
    assert texts((await drain(connector, cursor))[0]) == ["acme three"]


async def test_one_broken_feed_does_not_stop_the_others_and_is_told(wild: Wild) -> None:
    news, blog = wild.hosts.add(NEWS), wild.hosts.add(BLOG, kind="atom")
    wild.hosts.post(news, "one")
    wild.serve(blog, "", 404)
    connector = wild.connect(NEWS, BLOG)
    account = await connector.verify()
    assert account.warnings == ("there is nothing at https://blog.example/atom. HTTP 404. Check the address in feeds:",)
    pages, cursor = await drain(connector)
    assert texts(pages) == ["one"]
    assert pages[-1].warnings == account.warnings
    wild.hosts.post(news, "two")
    assert texts((await drain(connector, cursor))[0]) == ["two"]
    blog.answer = None
    wild.hosts.post(blog, "from the blog")
    pages, cursor = await drain(connector, cursor)
    assert "from the blog" in texts(pages)
    assert pages[-1].warnings == ()


async def test_a_feed_added_later_brings_history(wild: Wild) -> None:
    news, blog = wild.hosts.add(NEWS), wild.hosts.add(BLOG, kind="atom")
    wild.hosts.post(news, "one")
    wild.hosts.post(blog, "old")
    _, cursor = await drain(wild.connect())
    wild.hosts.post(news, "two")
    pages, cursor = await drain(wild.connect(NEWS, BLOG), cursor)
    assert [(page.backfill, texts([page])) for page in pages] == [(True, ["old"]), (False, ["two"])]
    pages, _ = await drain(wild.connect(BLOG), cursor)
    assert texts(pages) == []


async def test_history_is_as_long_as_the_settings_say_over_small_pages(wild: Wild, clock: ManualClock) -> None:
    feed = wild.hosts.add(NEWS, size=50)
    wild.hosts.post(feed, "ancient", at=clock.now() - 8 * DAY)
    for number in range(12):
        wild.hosts.post(feed, f"{number}", at=clock.now() - (12 - number) * HOUR)
    connector = wild.connect(backfill_items=7)
    pages, cursor = await drain(connector, limit=3)
    assert texts(pages) == [str(number) for number in range(5, 12)]
    assert [page.backfill for page in pages] == [True] * len(pages)
    wild.hosts.post(feed, "new")
    pages, _ = await drain(connector, cursor, 3)
    assert [(page.backfill, texts([page])) for page in pages] == [(False, ["new"])]


async def test_another_date_is_no_news_and_another_text_is_an_edit(wild: Wild, clock: ManualClock) -> None:
    feed = wild.hosts.add(NEWS)
    item = wild.hosts.post(feed, "one")
    connector = wild.connect()
    _, cursor = await drain(connector)
    item.at += DAY
    pages, cursor = await drain(connector, cursor)
    assert texts(pages) == []
    item.text = "one, corrected"
    pages, cursor = await drain(connector, cursor)
    assert [(message.ref, message.text) for page in pages for message in page.messages] == [
        (item.id, "one, corrected")]


@pytest.mark.parametrize(("given", "link", "ref"), [
    ("tag:news.example,2026:7", "https://news.example/7", "tag:news.example,2026:7"),
    ("", "https://news.example/7", "https://news.example/7"), ("7", "https://news.example/7", ":7"), ("", "", ":"),
    ("https://x.example/" + "y" * 400, "", ":"),
])
async def test_what_an_entry_is_known_by(wild: Wild, given: str, link: str, ref: str) -> None:
    feed = wild.hosts.add(NEWS)
    wild.hosts.post(feed, "one", id=given, link=link)
    connector = wild.connect()
    pages, cursor = await drain(connector)
    found = pages[0].messages[0].ref
    assert found == ref or (":" in ref[:1] and found.endswith(ref[1:]) and found.partition(":")[0].isalnum())
    assert len(found) <= 300
    assert texts((await drain(wild.connect(), cursor))[0]) == []


async def test_the_same_entry_in_two_feeds_is_one_and_small_ids_are_their_feeds_own(wild: Wild) -> None:
    news, blog = wild.hosts.add(NEWS), wild.hosts.add(BLOG)
    for feed in (news, blog):
        wild.hosts.post(feed, "same", id="https://news.example/same")
        wild.hosts.post(feed, "different", id="1")
    pages, _ = await drain(wild.connect(NEWS, BLOG))
    assert len({message.ref for page in pages for message in page.messages}) == 3


async def test_a_feed_that_rolled_over_is_a_gap_once(wild: Wild, clock: ManualClock) -> None:
    feed = wild.hosts.add(NEWS, size=3)
    wild.hosts.post(feed, "seen")
    connector = wild.connect()
    _, cursor = await drain(connector)
    seen_at = clock.now()
    for number in range(5):
        clock.advance(MINUTE)
        wild.hosts.post(feed, f"{number}")
    pages, cursor = await drain(connector, cursor, 2)
    assert texts(pages) == ["2", "3", "4"]
    gaps = [page.gap for page in pages if page.gap]
    assert [(gap.since, gap.until) for gap in gaps] == [(seen_at, clock.now())]
    assert "more came than the feed lists" in gaps[0].reason
    wild.hosts.post(feed, "next")
    assert [page.gap for page in (await drain(connector, cursor))[0]] == [None]


async def test_an_empty_feed_forgets_nothing(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    wild.hosts.post(feed, "one")
    connector = wild.connect()
    _, cursor = await drain(connector)
    kept, feed.items = feed.items, []
    pages, cursor = await drain(connector, cursor)
    assert (texts(pages), pages[-1].removed, pages[-1].gap) == ([], (), None)
    feed.items = kept
    pages, _ = await drain(connector, cursor)
    assert (texts(pages), pages[-1].gap) == ([], None)


# moving and ending --------------------------------------------------------------------------------------------------


async def test_a_feed_that_moved_is_followed_to_another_host_and_said(wild: Wild) -> None:
    old, new = wild.hosts.add(NEWS), wild.hosts.add(BLOG)
    wild.hosts.post(new, "here now")
    wild.serve(old, "", 301, location=BLOG)
    connector = wild.connect()
    pages, cursor = await drain(connector)
    assert texts(pages) == ["here now"]
    assert pages[-1].warnings == (f"{NEWS} has moved for good to {BLOG}. Put that into feeds:",)
    assert (await connector.verify()).warnings == pages[-1].warnings
    await drain(connector, cursor)
    assert (old.asked, new.full) == (3, 2)
    wild.serve(old, "", 302, location=BLOG)
    assert (await drain(connector, cursor))[0][-1].warnings == ()


async def test_a_way_back_to_an_open_line_or_in_circles_is_not_taken(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    for target, words in (("http://news.example/feed.xml", "unprotected"), ("file:///etc/passwd", "unprotected"),
                          ("//[", "unprotected"), (NEWS, "circles"), ("", "circles")):
        wild.serve(feed, "", 302, location=target)
        with pytest.raises(BadAnswer, match=words):
            await wild.connect().pull(None)


async def test_410_is_never_asked_again(wild: Wild, clock: ManualClock) -> None:
    news, blog = wild.hosts.add(NEWS), wild.hosts.add(BLOG)
    wild.hosts.post(news, "one")
    wild.serve(blog, "", 410)
    connector = wild.connect(NEWS, BLOG)
    _, cursor = await drain(connector)
    asked = blog.asked
    later = wild.connect(NEWS, BLOG)
    pages, cursor = await drain(later, cursor)
    assert blog.asked == asked
    assert pages[-1].warnings == (f"{BLOG} has ended for good. Take it out of feeds:",)
    wild.serve(news, "", 410)
    with pytest.raises(Rejected, match=r"has ended for good|every feed"):
        await later.pull(cursor)


async def test_when_no_feed_answers_the_source_is_in_trouble(wild: Wild, clock: ManualClock) -> None:
    news, blog = wild.hosts.add(NEWS), wild.hosts.add(BLOG)
    wild.serve(news, "", 429, retry_after="600")
    wild.serve(blog, "", 503)
    connector = wild.connect(NEWS, BLOG)
    with pytest.raises(Unavailable):
        await connector.pull(None)
    wild.serve(blog, "", 429, retry_after="60")
    with pytest.raises(RateLimited) as caught:
        await connector.pull(None)
    assert caught.value.retry_after == 60
    assert news.asked == 1
    with pytest.raises(RateLimited):
        await connector.verify()
    clock.advance(601 * SECOND)
    news.answer = blog.answer = None
    wild.hosts.post(news, "back")
    assert texts((await drain(connector))[0]) == ["back"]


async def test_a_line_that_breaks_is_tried_again(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    wild.hosts.post(feed, "one")
    connector = wild.connect()
    for fault in (Fault("refuse"), Fault("cut"), Fault("lose")):
        wild.line.faults.append(fault)
        with pytest.raises(Unavailable) as caught:
            await connector.pull(None)
        assert " url:" not in caught.value.remedy
    assert texts((await drain(connector))[0]) == ["one"]


@pytest.mark.parametrize(("status", "words"), [(401, "asks for a login"), (403, "not for everybody")])
async def test_a_feed_behind_a_login_says_so(wild: Wild, status: int, words: str) -> None:
    wild.serve(wild.hosts.add(NEWS), "", status)
    with pytest.raises(Rejected, match=words) as caught:
        await wild.connect().pull(None)
    assert "take it out of feeds:" in caught.value.remedy


# hostile and broken documents ---------------------------------------------------------------------------------------


async def test_a_web_page_names_its_feed(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    wild.serve(feed, '<!doctype html><html><head><link rel="alternate" type="application/rss+xml" title="x" '
                     'href="/real.xml"></head><body>Hello</body></html>', content_type="text/html")
    with pytest.raises(BadAnswer) as caught:
        await wild.connect().pull(None)
    assert caught.value.cause == "It is a web page"
    assert "/real.xml" in caught.value.remedy


@pytest.mark.parametrize("body", [b"", b"nothing", b"{}", b"\x00\xff\xfe" * 50, b"<rss", b"<x/>", b"<" * 10_000])
async def test_what_is_no_feed_is_said_to_be_none(wild: Wild, body: bytes) -> None:
    wild.serve(wild.hosts.add(NEWS), body)
    with pytest.raises(BadAnswer, match="there is no feed at"):
        await wild.connect().pull(None)


async def test_an_answer_is_never_taken_for_a_file_or_an_address(wild: Wild, tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text("<rss version='2.0'><channel><item><title>secret</title></item></channel></rss>")
    for body in (str(secret), f"file://{secret}", "https://other.example/feed.xml"):
        wild.serve(wild.hosts.add(NEWS), body)
        with pytest.raises(BadAnswer):
            await wild.connect().pull(None)
    assert {request.url.host for request in wild.line.seen} == {"news.example"}


async def test_entities_lead_nowhere_and_do_not_grow(wild: Wild, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    lots = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    wild.serve(wild.hosts.add(NEWS), (
        f'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY e0 "lol">{lots}<!ENTITY x SYSTEM "file://{secret}">'
        f'<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><rss version="2.0"><channel><item><guid>urn:1</guid>'
        "<title>a &x; b &e11; c</title></item></channel></rss>"))
    pages, _ = await drain(wild.connect())
    said = json.dumps(texts(pages))
    assert "hunter2" not in said
    assert len(said) < 1_000


async def test_too_large_an_answer_is_refused(wild: Wild) -> None:
    wild.serve(wild.hosts.add(NEWS), b"<rss>" + b" " * (4 * 1024 * 1024))
    with pytest.raises(BadAnswer) as caught:
        await wild.connect().pull(None)
    assert "larger than" in caught.value.cause
    assert caught.value.remedy.endswith("check the address in feeds:")


async def test_an_old_encoding_and_a_broken_document_are_read_as_far_as_they_go(wild: Wild) -> None:
    feed = wild.hosts.add(NEWS)
    wild.serve(feed, '<?xml version="1.0" encoding="iso-8859-1"?><rss version="2.0"><channel><item><guid>urn:1</guid>'
                     "<title>Größe</title></item></channel></rss>".encode("iso-8859-1"))
    assert texts((await drain(wild.connect()))[0]) == ["Größe"]
    wild.serve(feed, '<rss version="2.0"><channel><item><guid>urn:1</guid><title>one & two &nbsp; three</title></item>')
    assert texts((await drain(wild.connect()))[0])[0].startswith("one & two")


@pytest.mark.parametrize("date", ["", "yesterday", "Thu, 99 Foo 99999 99:99:99", "Fri, 01 Jan 9999 00:00:00 GMT",
                                  "Thu, 01 Jan 1900 00:00:00 GMT", "0", "-1"])
async def test_dates_that_are_none(wild: Wild, clock: ManualClock, date: str) -> None:
    wild.serve(wild.hosts.add(NEWS), (
        f"<rss version='2.0'><channel><item><guid>urn:1</guid><title>x</title><pubDate>{date}</pubDate></item>"
        "</channel></rss>"))
    pages, _ = await drain(wild.connect())
    assert texts(pages) == ["x"]
    assert pages[0].messages[0].created_at > 0


async def test_the_cursor_stays_small_and_an_unknown_one_begins_anew(
    wild: Wild, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_SEEN * len('"0123456789ab":"0123456789ab",') < 90_000
    monkeypatch.setattr("agentdesk.connectors.rss.connector.MOST_SEEN", 80)
    feeds = [wild.hosts.add(f"https://h{n}.example/feed.xml", size=40) for n in range(4)]
    for feed in feeds:
        for number in range(30):
            wild.hosts.post(feed, f"{number}")
    connector = wild.connect(*[feed.address for feed in feeds], backfill_items=20)
    pages, cursor = await drain(connector)
    assert cursor is not None
    assert sum(len(place["seen"]) for place in json.loads(cursor)["feeds"].values()) == 80
    assert len(texts(pages)) == 20
    pages, again = await drain(connector, cursor)
    assert (texts(pages), again) == ([], cursor)
    for strange in ('{"v": 2, "feeds": {}}', "nonsense", "[]", '{"v": 1, "feeds": 7}'):
        pages, _ = await drain(connector, strange)
        assert all(page.backfill for page in pages)
        assert len(texts(pages)) == 20


async def test_files_that_come_along_are_listed(wild: Wild) -> None:
    wild.serve(wild.hosts.add(NEWS), (
        "<rss version='2.0'><channel><item><guid>urn:1</guid><title>Cast</title>"
        "<enclosure url='https://media.example/a/cast.mp3' length='12345' type='audio/mpeg'/>"
        "<enclosure url='javascript:x' length='-5' type='x'/></item></channel></rss>"))
    pages, _ = await drain(wild.connect())
    found = pages[0].messages[0].attachments
    assert [(file.name, file.mime, file.size) for file in found] == [("cast.mp3", "audio/mpeg", 12345)]


async def test_thread_customer_and_history_as_long_as_the_feed_lists_them(wild: Wild, clock: ManualClock) -> None:
    feed = wild.hosts.add(NEWS)
    first = wild.hosts.post(feed, "one")
    clock.advance(MINUTE)
    wild.hosts.post(feed, "two")
    connector = wild.connect()
    assert [m.text for m in (await connector.thread(first.id)).messages] == ["one"]
    assert (await connector.customer("news.example:Jane Doe")).name == "Jane Doe"
    assert [m.text for m in (await connector.history("news.example:Jane Doe")).messages] == ["one", "two"]
    feed.items.remove(first)
    with pytest.raises(Gone, match="does not list"):
        await connector.thread(first.id)
    with pytest.raises(Gone):
        await connector.customer("somebody")


def test_a_source_without_feeds_is_refused(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="has no feeds"):
        connect(RssSource(name="news", feeds=()), clock=clock)
    made = registry.create(RssSource(name="news", feeds=(NEWS,)), clock=clock)
    assert made.caps.letter == "N"


class Person:
    """Answers one after the other."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)

    def tell(self, text: str) -> None:
        pass

    async def text(self, title: str, *, hint: str = "", default: str = "") -> str:
        return self.answers.pop(0)

    async def secret(self, title: str, *, hint: str = "") -> str:
        raise AssertionError("no token is needed")

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        raise AssertionError("nothing to choose")


async def test_signing_in_asks_for_addresses(clock: ManualClock) -> None:
    given = await sign_in(Person(NEWS, BLOG, " ", "never asked"), clock)
    assert given.settings == {"feeds": (NEWS, BLOG)}
    assert (given.name, given.secret) == ("news", "")


async def test_limits_and_a_clock_that_is_off_are_told(wild: Wild) -> None:
    wild.hosts.add(NEWS, extra={"x-ratelimit-remaining": "7", "x-ratelimit-limit": "60",
                                "date": "Thu, 01 Jan 2026 00:10:00 GMT"})
    wild.hosts.add(BLOG, extra={"x-ratelimit-remaining": "50", "date": "Thu, 01 Jan 2026 00:00:01 GMT"})
    connector = wild.connect(NEWS, BLOG)
    assert (connector.budget(), connector.skew()) == (None, None)
    await drain(connector)
    budget = connector.budget()
    assert budget is not None
    assert (budget.left, budget.limit) == (7, 60)
    assert connector.skew() == SECOND, "one host with a wrong clock says nothing about ours"
