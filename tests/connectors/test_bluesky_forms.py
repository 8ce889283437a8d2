"""Bluesky's forms: rich text both ways, record keys, dates, pictures, and reading a listing that knows no «since»."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.bluesky import cursor, pictures, richtext
from agentdesk.connectors.bluesky.cursor import Item, Limits, Stream, catch_up
from agentdesk.connectors.bluesky.wire import Record, address, tid, tid_at, written_at
from agentdesk.errors import Rejected, TooLong
from agentdesk.model.capability import Caps, Counter
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND
from agentdesk.replies.length import count, fits, left

NOW = 1_767_225_600_000
FAMILY = "👨‍👩‍👧‍👧"


def marked(text: str) -> list[tuple[str, str]]:
    """What is marked in a text that we write, cut out by its bytes, with what the mark says."""
    spans = richtext.find(text)
    dids = {span.value: f"did:fake:{span.value}" for span in spans}
    found = []
    for facet in richtext.facets(text, spans, dids):
        data = text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
        feature = {name: value for name, value in facet["features"][0].items() if name != "$type"}
        found.append((data, next(iter(feature.values()))))
    return found


# The cases of the official clients (atproto, packages/api/tests/rich-text-detection.test.ts).
@pytest.mark.parametrize(("text", "expected"), [
    ("no mention", []),
    ("@handle.com middle end", [("@handle.com", "did:fake:handle.com")]),
    ("start @handle.com end", [("@handle.com", "did:fake:handle.com")]),
    ("@handle.com @handle.com", [("@handle.com", "did:fake:handle.com")] * 2),
    ("@full123-chars.test", [("@full123-chars.test", "did:fake:full123-chars.test")]),
    ("not@right", []),
    ("@handle.com!@#$chars", [("@handle.com", "did:fake:handle.com")]),
    ("@handle.com\n@handle.com", [("@handle.com", "did:fake:handle.com")] * 2),
    ("parenthetical (@handle.com)", [("@handle.com", "did:fake:handle.com")]),
    (f"{FAMILY} @handle.com {FAMILY}", [("@handle.com", "did:fake:handle.com")]),
    ("start https://middle.com end", [("https://middle.com", "https://middle.com")]),
    ("start https://middle.com/foo/bar?baz=bux#hash end", [("https://middle.com/foo/bar?baz=bux#hash",) * 2]),
    ("https://newline1.com\nhttps://newline2.com", [("https://newline1.com",) * 2, ("https://newline2.com",) * 2]),
    (f"{FAMILY} https://middle.com {FAMILY}", [("https://middle.com", "https://middle.com")]),
    ("start middle.com/foo/bar end", [("middle.com/foo/bar", "https://middle.com/foo/bar")]),
    ("a example.com/index.php php link", [("example.com/index.php", "https://example.com/index.php")]),
    ("a trailing bsky.app: colon", [("bsky.app", "https://bsky.app")]),
    ("not.. a..url ..here", []), ("e.g.", []), ("something-cool.jpg", []), ("website.com.jpg", []), ("e.g./foo", []),
    ("website.com.jpg/foo", []),
    ("punctuation https://foo.com, https://bar.com/whatever; https://baz.com.",
     [("https://foo.com",) * 2, ("https://bar.com/whatever",) * 2, ("https://baz.com",) * 2]),
    ("parenthentical (https://foo.com)", [("https://foo.com",) * 2]),
    ("except for https://foo.com/thing_(cool)", [("https://foo.com/thing_(cool)",) * 2]),
    ("#a #b", [("#a", "a"), ("#b", "b")]), ("#1", []), ("#1a", [("#1a", "1a")]), ("#", []), ("#?", []),
    ("text # text", []), ("body #" + "a" * 64, [("#" + "a" * 64, "a" * 64)]), ("body #" + "a" * 65, []),
    ("its a #double#rainbow", [("#double#rainbow", "double#rainbow")]), ("##hashash", [("##hashash", "#hashash")]),
    ("some #n0n3s@n5e!", [("#n0n3s@n5e", "n0n3s@n5e")]), ("#like. #this!", [("#like", "like"), ("#this", "this")]),
    ("works with #🦋 emoji, and #butter🦋fly", [("#🦋", "🦋"), ("#butter🦋fly", "butter🦋fly")]),
    ("this #️⃣tag should not be a tag", []), ("this ##️⃣tag should be a tag", [("##️⃣tag", "#️⃣tag")]),
    ("this #t\nag should be a tag", [("#t", "t")]),
    ("write to jane@example.com", []), ("https://", []),
])
def test_mentions_links_and_tags_are_found_as_the_official_clients_find_them(
    text: str, expected: list[tuple[str, str]]
) -> None:
    assert marked(text) == expected


def test_the_offsets_are_those_of_the_documentation() -> None:
    text = "✨ example mentioning @atproto.com to share the URL 👨‍❤️‍👨 https://en.wikipedia.org/wiki/CBOR."
    places = [facet["index"] for facet in richtext.facets(text, richtext.find(text), {"atproto.com": "did:plc:x"})]
    assert places == [{"byteStart": 23, "byteEnd": 35}, {"byteStart": 74, "byteEnd": 108}]


def test_a_handle_that_nobody_has_stays_plain() -> None:
    text = "@nobody.example and example.com"
    assert [f["features"][0]["$type"] for f in richtext.facets(text, richtext.find(text), {})] == [
        "app.bsky.richtext.facet#link"]


def link(start: Any, end: Any, uri: Any, kind: str = "link") -> dict[str, Any]:
    return {"index": {"byteStart": start, "byteEnd": end},
            "features": [{"$type": f"app.bsky.richtext.facet#{kind}", "uri": uri}]}


@pytest.mark.parametrize(("text", "facets", "shown"), [
    ("see here", [link(4, 8, "https://a.example/x")], "see here <https://a.example/x>"),
    ("see a.example/x", [link(4, 15, "https://a.example/x")], "see a.example/x"),
    ("see www.A.example/", [link(4, 18, "https://a.example")], "see www.A.example/"),
    ("see a.example/lo...", [link(4, 19, "https://a.example/long/way")], "see https://a.example/long/way"),
    ("see bank.example…", [link(4, 19, "https://bank.example.evil.example/")], "see https://bank.example.evil.example/"),
    ("see bank.example", [link(4, 16, "https://evil.example/")], "see bank.example <https://evil.example/>"),
    ("é here", [link(3, 7, "https://a.example")], "é here <https://a.example>"),
    ("é here", [link(1, 7, "https://a.example")], "é here"),
    ("two links", [link(0, 3, "https://a.example"), link(2, 9, "https://b.example")],
     "two <https://a.example> links"),
    ("abc", [link(0, 99, "https://a.example")], "abc"), ("abc", [link(2, 1, "https://a.example")], "abc"),
    ("abc", [link(-1, 2, "https://a.example")], "abc"), ("abc", [link("0", 2, "https://a.example")], "abc"),
    ("abc", [link(0, 2, 7)], "abc"), ("abc", [link(0, 2, "https://a.example", "tag")], "abc"),
    ("abc", "nonsense", "abc"), ("abc", [None, 7, {}, {"index": 1, "features": [[]]}], "abc"),
    ("ab\ud800c", [link(5, 6, "https://a.example")], "ab\ud800c <https://a.example>"),
])
def test_a_link_that_says_something_else_shows_where_it_leads(text: str, facets: Any, shown: str) -> None:
    assert richtext.shown(text, facets) == shown


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(-2, 80), st.integers(-2, 80)), max_size=5))
def test_whatever_is_marked_the_text_stays_readable(text: str, places: list[tuple[int, int]]) -> None:
    shown = richtext.shown(text, [link(start, end, "https://a.example/b") for start, end in places])
    assert shown.replace(" <https://a.example/b>", "") in (text, shown)
    assert len(shown) >= len(text)


@given(st.text(alphabet="ab.@#/:é🦋 \n()", max_size=50))
def test_marks_never_overlap_and_lie_inside(text: str) -> None:
    size, last = len(text.encode()), 0
    for facet in richtext.facets(text, richtext.find(text), {}):
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        assert last <= start < end <= size
        text.encode()[start:end].decode()
        last = end


# The lengths of the official clients (packages/api/tests/rich-text.test.ts): each of these is so many characters.
@pytest.mark.parametrize(("text", "length"), [
    ("test", 4), ("👨‍👩‍👧‍👧", 1), (f"{FAMILY}\U0001f525 good!✅", 9), ("a~öñ©⽘☎\U00013271\U0001d14d\U0001f4a9", 10),
    ("Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢", 2), ("🏳️‍🌈", 1), ("🇩🇪🇫🇷", 2), ("\r\n", 1)])
def test_length_is_counted_as_the_network_counts(text: str, length: int) -> None:
    caps = Caps(letter="B", counter=Counter.GRAPHEME_BYTES, max_chars=300, max_bytes=3_000)
    assert count(text, caps) == length
    assert left(text, caps) == min(300 - length, 3_000 - len(text.encode()))
    assert fits("a" * 300, caps)
    assert not fits("a" * 301, caps)
    assert fits(FAMILY * 120, caps)
    assert not fits(FAMILY * 121, caps), "25 bytes each: the bytes run out before the characters"


# atproto, interop-test-files/syntax/tid_syntax_*.txt
@pytest.mark.parametrize(("key", "valid"), [
    ("3jzfcijpj2z2a", True), ("7777777777777", True), ("3zzzzzzzzzzzz", True), ("2222222222222", True),
    ("3jzfcijpj2z21", False), ("0000000000000", False), ("3jzfcijpj2z2aa", False), ("3jzfcijpj2z2", False),
    ("222", False), ("3jzf-cij-pj2z-2a", False), ("zzzzzzzzzzzzz", False), ("kjzfcijpj2z2a", False), ("", False)])
def test_record_keys_are_recognised(key: str, valid: bool) -> None:
    assert (tid_at(key) is not None) is (valid and key != "2222222222222")


@given(st.integers(NOW - 10**12, NOW + 10**12), st.text(max_size=20))
def test_a_key_holds_its_instant_and_is_always_the_same(at: int, seed: str) -> None:
    key = tid(at, seed)
    assert tid(at, seed) == key
    held = tid_at(key)
    assert held is not None
    assert 0 <= held - at < SECOND
    assert tid(at, seed + "x") != key


def test_an_address_is_taken_apart() -> None:
    found = address("at://did:plc:abc123/app.bsky.feed.post/3jzfcijpj2z2a")
    assert found is not None
    assert (found.did, found.collection, found.rkey) == ("did:plc:abc123", "app.bsky.feed.post", "3jzfcijpj2z2a")
    for bad in ("", "987", "at://handle.example/app.bsky.feed.post/x", "at://did:plc:abc/app.bsky.feed.post/a b",
                "https://bsky.app/profile/x", "at://did:plc:a/app.bsky.feed.post/x\n"):
        assert address(bad) is None


@pytest.mark.parametrize(("said", "seen", "result"), [
    ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:02.000Z", NOW),
    ("2026-01-01T00:00:05+00:00", "2026-01-01T00:00:02.000Z", NOW + 2 * SECOND),
    ("2030-01-01T00:00:00Z", "2026-01-01T00:00:02.000Z", NOW + 2 * SECOND),
    ("2025-12-31T00:00:00Z", "2026-01-01T00:00:02.000Z", NOW + 2 * SECOND),
    ("nonsense", "2026-01-01T00:00:02.000Z", NOW + 2 * SECOND), ("2026-01-01T00:00:00Z", "", NOW)])
def test_an_authors_date_is_believed_where_it_is_plausible(said: str, seen: str, result: int) -> None:
    assert written_at(Record(text="", createdAt=said), seen, "at://did:plc:a/app.bsky.feed.post/x") == result


def test_a_post_without_any_date_is_dated_by_its_key() -> None:
    uri = f"at://did:plc:a/app.bsky.feed.post/{tid(NOW, 'x')}"
    assert 0 <= written_at(Record(text=""), "", uri) - NOW < SECOND
    with pytest.raises(ValueError, match="no time"):
        written_at(Record(text="", createdAt="soon"), "", "at://did:plc:a/app.bsky.feed.post/self")


# pictures -----------------------------------------------------------------------------------------------------------


def segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body


def jpeg(turned: int, order: str = ">") -> bytes:
    head = {">": b"MM\0*", "<": b"II*\0"}[order]
    exif = b"Exif\0\0" + head + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, turned, 0, 0) + b"GPS 52.5 13.4"
    frame = segment(0xC0, b"\x08" + struct.pack(">HH", 30, 40) + b"\x03" + b"\0" * 9)
    return (b"\xff\xd8" + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") + segment(0xE1, exif) + segment(0xED, b"IPTC Jane")
            + segment(0xFE, b"comment Jane") + segment(0xE2, b"ICC_PROFILE\0") + frame + segment(0xDA, b"\0" * 6)
            + b"picture \xff\0 data\xff\xd9")


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize(("turned", "width", "height"), [(1, 40, 30), (3, 40, 30), (6, 30, 40)])
def test_a_photo_loses_its_place_and_keeps_which_way_is_up(turned: int, width: int, height: int, order: str) -> None:
    made = pictures.prepared(jpeg(turned, order), "it")
    assert (made.mime, made.width, made.height) == ("image/jpeg", width, height)
    for secret in (b"GPS", b"Jane"):
        assert secret not in made.data
    assert b"ICC_PROFILE" in made.data
    assert made.data.endswith(b"picture \xff\0 data\xff\xd9")
    assert (b"Exif" in made.data) is (turned != 1)
    assert pictures.prepared(made.data, "it") == made, "the direction is read again from what was kept"


def test_a_png_loses_its_words() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 5, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"tEXt", b"Author\0Jane") + chunk(b"IDAT", b"x") + chunk(b"IEND", b"")
    made = pictures.prepared(data, "it")
    assert (made.width, made.height) == (7, 5)
    assert b"Jane" not in made.data
    assert made.data.endswith(chunk(b"IEND", b""))


def test_what_is_no_picture_or_too_large_is_refused() -> None:
    with pytest.raises(Rejected, match="no picture"):
        pictures.prepared(b"%PDF-1.7", "invoice.jpg")
    with pytest.raises(TooLong):
        pictures.prepared(b"GIF89a" + b"\0" * 2_000_000, "big")
    assert pictures.prepared(b"GIF89a\x04\0\x03\0", "it")[1:] == ("image/gif", 4, 3)
    assert pictures.prepared(b"RIFF\0\0\0\0WEBPVP8 ", "it").mime == "image/webp"


@given(st.binary(max_size=200))
def test_damaged_pictures_break_nothing(data: bytes) -> None:
    for start in (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF0000WEBP"):
        pictures.prepared(start + data, "it")


# listings that know no «since» --------------------------------------------------------------------------------------


class Listing:
    """A listing as the network gives it: newest first by the date that it gives each entry, some dated back."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.asked = 0

    def add(self, name: str, at: int) -> None:
        self.items.append(Item(name, at, name))

    async def pages(self, size: int = 10) -> AsyncIterator[list[Item]]:
        ordered = sorted(self.items, key=lambda item: -item.at)
        for start in range(0, max(1, len(ordered)), size):
            self.asked += 1
            yield ordered[start : start + size]


def pull(listing: Listing, stream: Stream, now: int, limit: int = 100, **limits: Any) -> cursor.Caught:
    return asyncio.run(catch_up(listing.pages(), stream, now, limit, Limits(**limits)))


def test_the_newest_of_history_come_first_of_all() -> None:
    listing = Listing()
    for number in range(40):
        listing.add(f"{number}", NOW - 1 - number * HOUR)
    caught = pull(listing, Stream(), NOW, first=20 * HOUR, first_items=12)
    assert [item.value for item in caught.items] == [str(number) for number in reversed(range(12))]
    assert pull(listing, caught.stream, NOW).items == []
    assert pull(listing, caught.stream, NOW + HOUR).items == [], "what was too old at first stays so"
    nothing = pull(listing, Stream(), NOW, first_items=0)
    assert (nothing.items, pull(listing, nothing.stream, NOW + HOUR).items) == ([], [])


def test_what_is_dated_back_is_found_at_the_next_look_further_down() -> None:
    listing = Listing()
    for number in range(30):
        listing.add(f"{number}", NOW - number * MINUTE)
    stream = pull(listing, Stream(), NOW).stream
    listing.add("late", NOW - 25 * MINUTE)
    listing.asked = 0
    assert pull(listing, stream, NOW + MINUTE).items == []
    assert listing.asked == 1, "usually one page is enough"
    caught = pull(listing, stream, NOW + 11 * MINUTE)
    assert [item.value for item in caught.items] == ["late"]
    assert pull(listing, caught.stream, NOW + 12 * MINUTE).stream == caught.stream


def test_too_much_at_once_is_a_gap_told_once() -> None:
    listing = Listing()
    listing.add("first", NOW)
    stream = pull(listing, Stream(), NOW).stream
    for number in range(60):
        listing.add(f"{number}", NOW + number * MINUTE)
    caught = pull(listing, stream, NOW + HOUR, pages=3)
    assert (caught.lost_since, caught.lost_until) == (NOW, NOW + 30 * MINUTE)
    again = pull(listing, caught.stream, NOW + HOUR, pages=3)
    assert (again.items, again.lost_since) == ([], None)


arrivals = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3 * HOUR), st.integers(0, 20 * MINUTE)), max_size=40)


@given(arrivals, st.integers(1, 7))
def test_nothing_is_missed_whenever_it_comes_and_however_it_is_dated(
    steps: list[tuple[int, int, int]], limit: int
) -> None:
    """``steps``: how many arrive, how far they are dated back, and how much time passes."""
    listing, now, number = Listing(), NOW, 0
    stream, got = Stream(), set()
    for many, back, passes in [*steps, (0, 0, 11 * MINUTE), (0, 0, 11 * MINUTE)]:
        for _ in range(many):
            number += 1
            listing.add(str(number), max(NOW - DAY, now - back))
        now += passes
        for _ in range(200):
            caught = pull(listing, stream, now, limit)
            got |= {item.value for item in caught.items}
            assert not caught.more or caught.stream != stream
            stream = caught.stream
            if not caught.more:
                break
        else:
            raise AssertionError("it never ends")
    assert got == {item.value for item in listing.items}
    assert pull(listing, stream, now).stream == stream


def test_a_cursor_of_another_version_begins_anew() -> None:
    held = cursor.Cursor(v=1, posts=Stream(at=5, since=1, seen=("aa",)), log="x", heard={"word:a": "{}"})
    assert cursor.load(cursor.dump(held)) == held
    for text in (None, "", "{", "[]", '{"v":2}', '{"posts":{}}', '{"v":1,"posts":7}', "null"):
        assert cursor.load(text) is None
