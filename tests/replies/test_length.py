"""Counting as the channels do, and cutting so that every part fits and no word is lost."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agentdesk.errors import Refused
from agentdesk.model.capability import Caps, Counter
from agentdesk.replies.length import count, fits, graphemes, left, reserved, split

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇩🇪"
LINK = "https://example.com/" + "a" * 60


def caps(counter: Counter, limit: int | None = None, most_bytes: int | None = None) -> Caps:
    return Caps(letter="X", counter=counter, max_chars=limit, max_bytes=most_bytes)


@pytest.mark.parametrize(
    ("counter", "text", "length"),
    [
        (Counter.CODEPOINT, "héllo", 5),
        (Counter.CODEPOINT, FAMILY, 7),
        (Counter.BYTES, "héllo", 6),
        (Counter.BYTES, LINK, 80),
        (Counter.GRAPHEME, FAMILY + FLAG + "e\u0301", 3),
        (Counter.GRAPHEME, LINK, 80),
        (Counter.GRAPHEME, "a\r\nb", 3),
        (Counter.GRAPHEME_BYTES, FAMILY, 1),
        (Counter.GRAPHEME_URL23, "see " + LINK + ".", 4 + 23 + 1),
        (Counter.GRAPHEME_URL23, "http://a.example/x?y=z#b (https://b.example)", 23 + 2 + 23 + 1),
        (Counter.GRAPHEME_URL23, "example.com/long/path", 21),
        (Counter.GRAPHEME_URL23, "ftp://example.com/aaaaaaaaaaaaa", 31),
        (Counter.GRAPHEME_URL23, "http://127.0.0.1/aaaaaaaaaaaaaaaaaaaa", 37),
        (Counter.GRAPHEME_URL23, "@jane@social.example hi", 8),
        (Counter.GRAPHEME_URL23, "mail jane@social.example", 24),
        (Counter.GRAPHEME_URL23, FAMILY, 1),
        (Counter.WEIGHTED, "hello", 5),
        (Counter.WEIGHTED, "日本語", 6),
        (Counter.WEIGHTED, FAMILY, 2),
        (Counter.WEIGHTED, FLAG, 2),
        (Counter.WEIGHTED, "1️⃣", 2),
        (Counter.WEIGHTED, "e\u0301", 1),
        (Counter.WEIGHTED, "see " + LINK, 27),
        (Counter.WEIGHTED, "see example.com now", 4 + 23 + 4),
        (Counter.WEIGHTED, "well.Then we go", 15),
        (Counter.WEIGHTED, "mail jane@example.com", 21),
        (Counter.WEIGHTED, "“quoted”…", 10),
    ],
)
def test_counts_as_the_channel_does(counter: Counter, text: str, length: int) -> None:
    assert count(text, caps(counter)) == length


def test_links_have_the_servers_own_length() -> None:
    assert count(LINK, Caps(letter="M", counter=Counter.GRAPHEME_URL23, url_length=30)) == 30


def test_room() -> None:
    assert left("hello", caps(Counter.GRAPHEME)) is None
    assert left("hello", caps(Counter.GRAPHEME, 5)) == 0
    assert left("hello!", caps(Counter.GRAPHEME, 5)) == -1
    assert left(FAMILY * 3, caps(Counter.GRAPHEME_BYTES, 300, 60)) == 60 - 75
    assert left("hello", caps(Counter.GRAPHEME_BYTES, 10, 3_000)) == 5
    assert left("héllo", caps(Counter.GRAPHEME, None, 10)) == 4
    assert fits("hello", caps(Counter.GRAPHEME, 5))
    assert not fits("hello!", caps(Counter.GRAPHEME, 5))


def test_what_fits_stays_in_one_piece() -> None:
    assert split("Hello there.", caps(Counter.GRAPHEME, 16), "^AB") == ["Hello there. ^AB"]
    assert split("Hello " * 500, caps(Counter.GRAPHEME)) == [("Hello " * 500).strip()]


def test_cuts_after_sentences() -> None:
    text = "We found your parcel. It is at the depot in Leeds. A driver brings it tomorrow before noon."
    assert split(text, caps(Counter.GRAPHEME, 60), "^AB") == [
        "We found your parcel. It is at the depot in Leeds. 1/2",
        "A driver brings it tomorrow before noon. ^AB 2/2",
    ]


def test_cuts_between_words_and_leaves_links_whole() -> None:
    parts = split(f"Please have a look at all of this information here {LINK} and then write to us again",
                  caps(Counter.GRAPHEME_URL23, 60))
    assert sum(LINK in part for part in parts) == 1
    assert parts[0] == "Please have a look at all of this information here 1/2"


def test_the_signature_takes_its_words_along() -> None:
    limit = caps(Counter.GRAPHEME, 20)
    assert split("aaaa bbbb cccc dd", limit, "^AB") == ["aaaa bbbb cccc 1/2", "dd ^AB 2/2"]


def test_more_than_nine_parts() -> None:
    parts = split("word " * 100, caps(Counter.GRAPHEME, 20))
    assert len(parts) > 9
    assert parts[0].endswith(f" 1/{len(parts)}")
    assert all(len(part) <= 20 for part in parts)


@pytest.mark.parametrize(("text", "limit"), [("hello there", 4), ("word " * 1_000, 12), (FAMILY * 9, 3)])
def test_refused_when_there_is_no_room(text: str, limit: int) -> None:
    with pytest.raises(Refused):
        split(text, caps(Counter.GRAPHEME, limit))


pieces = st.sampled_from(["word", "Ende.", "Wirklich?", "日本語。", FAMILY, FLAG, "e\u0301", LINK, "@a@b.example", "\n",
    "\n\n",
                          "x" * 30, "…", "(hm)", "a.b"])
texts = st.lists(pieces, min_size=1, max_size=40).map(" ".join) | st.text(min_size=1, max_size=300)
channels = st.builds(
    caps, st.sampled_from(Counter), st.integers(30, 120), st.none() | st.integers(60, 300),
)


def solid(text: str) -> str:
    return "".join(text.split())


@given(texts, channels, st.sampled_from(["", "^AB", "Ann from Acme"]))
def test_every_part_fits_and_nothing_is_lost(text: str, channel: Caps, signature: str) -> None:
    assume(text.strip())
    try:
        parts = split(text, channel, signature)
    except Refused:
        assert channel.max_bytes is not None or any(len(cluster) > 8 for cluster in graphemes(text))
        return
    assert all(fits(part, channel) for part in parts)
    total = len(parts)
    if total > 1:
        for number, part in enumerate(parts, 1):
            assert part.endswith(f" {number}/{total}")
        parts = [part[: -len(f" {number}/{total}")] for number, part in enumerate(parts, 1)]
        assert all(part.strip() for part in parts)
    assert solid("".join(parts)) in (solid(text), solid(text + signature))
    assert parts[-1].endswith(signature)


@given(st.text(max_size=80), st.sampled_from(Counter))
def test_counts_are_never_negative_and_plain_text_counts_itself(text: str, counter: Counter) -> None:
    assert count(text, caps(counter)) >= 0
    plain = "".join(char for char in text if char.isascii() and char.isalnum())
    assert count(plain, caps(counter)) == len(plain)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("check http://example.com and https://example.org/page?x=1#frag", 57),
        ("ftp://files.example.net/resource", 32),
        ("http://user:pass@example.com:8080/path", 38),
        ("http://127.0.0.1:3000/health", 28),
        ("https://[2001:db8::1]/status", 28),
        ("mailto:someone@example.com", 26),
        ("https://very.long.tld.example.museum/collection/item", 23),
        ("(see https://example.com.)", 30),
        ("https://example.com/a-b_c~d?param_a=1&param-b=2", 23),
        ("https://shop.Пример.рф/каталог/новый", 23),
        ("https://shop.Пример.рф/каталог?имя=да", 30),  # a query ends where ASCII ends
        ("@alice", 6),
        ("@bob@example.com", 4),
        ("<@root> and {@admin@example.net}", 20),
        ("hey @me@example.com look at https://example.com/a-b_c~d?e=f#g and @you  ", 50),
        ("a: " + FLAG + "✊🏿" + FAMILY, 6),
        (" tabs\tand\nnewlines\r\n", 19),
    ],
)
def test_mastodon_counts_links_as_23_and_handles_without_their_server(text: str, length: int) -> None:
    """The same kinds of cases as the public ones of halcy/Mastodon.py, tests/test_status_length.py."""
    assert count(text, caps(Counter.GRAPHEME_URL23)) == length


def test_the_handle_that_must_stand_before_a_reply_takes_its_share() -> None:
    it = Caps(letter="M", counter=Counter.GRAPHEME_URL23, max_chars=500, mentions=True)
    assert left("hello", reserved(it, "hello", "@jane@far.example")) == 500 - len("@jane ") - 5
    named = "hello @Jane@far.example"
    assert reserved(it, named, "@jane@far.example") is it
    assert reserved(it, "hello", "") is it
    plain = Caps(letter="X", max_chars=500)
    assert reserved(plain, "hello", "@jane@far.example") is plain
    whole = Caps(letter="G", counter=Counter.CODEPOINT, max_chars=50, mentions=True)
    assert left("hello", reserved(whole, "hello", "jane@far.example")) == 50 - len("@jane@far.example ") - 5
