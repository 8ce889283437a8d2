"""What listening hears and what it does not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdesk.config.sources import SOURCE_KINDS, ListenConfig
from agentdesk.connectors import registry
from agentdesk.connectors.base import Connector
from agentdesk.connectors.listening import Ear, Ears, Marks, Term
from agentdesk.model.clock import ManualClock
from agentdesk.model.words import fold


def ear(**fields: tuple[str, ...]) -> Ear:
    return Ear(ListenConfig(name="us", **fields))  # type: ignore[arg-type]


def hears(text: str, lang: str = "", author: str = "", **fields: tuple[str, ...]) -> bool:
    return ear(**fields).fits(text, lang, author)


@pytest.mark.parametrize("text", [
    "acme", "ACME!", "is Acme's parcel late", "acme-shop", "(acme)", "acme_shop", "«Acme»", "#acme", "#Acme",
    "see https://acme.example/status", "mail help@acme.example", "thanks @acme", "@acme@social.example hello",
    "@acme.bsky.social hi", "áçmé", "Ａｃｍｅ", "acmeのアプリ", "acme는 느려요",
    "end of line acme\nnext", "acme, acmeist",
])
def test_a_word_is_heard_whole_in_any_spelling(text: str) -> None:
    assert hears(text, words=("acme",))


@pytest.mark.parametrize("text", [
    "", "acmeist", "myacme", "acm e", "acme2", "@acme_fans", "@acmefans", "@jane@acme.example", "@jane.acme.example",
    "#acmefail", "AcmeFail", "acmé́e", "акме",
])
def test_a_part_of_a_word_is_not_heard(text: str) -> None:
    assert not hears(text, words=("acme",))


@pytest.mark.parametrize(("text", "word"), [
    ("#AcmeFail", "acme"), ("#AcmeFail", "fail"), ("#AcmeFail", "acmefail"), ("#Acme24", "acme"), ("#24hAcme", "acme"),
    ("#DHLFail", "dhl"), ("#acme_fail", "acme"), ("#4k", "4k"), ("#ÉtéAcme", "ete"), ("＃AcmeFail", "acme"),
])
def test_a_hashtag_speaks_the_words_that_its_capitals_and_digits_part(text: str, word: str) -> None:
    assert hears(text, words=(word,))


@pytest.mark.parametrize(("text", "word"), [
    ("iPhone", "phone"), ("PayPal", "pal"), ("#paypal", "pal"), ("page#AcmeFail", "fail"), ("&#AcmeFail", "fail"),
    ("https://a.example/#AcmeFail", "fail"),
])
def test_capitals_part_nothing_outside_hashtags(text: str, word: str) -> None:
    assert not hears(text, words=(word,))


@pytest.mark.parametrize(("text", "word"), [
    ("ドコモの回線", "ドコモ"), ("我用支付宝付款", "支付宝"), ("카카오는 느려요", "카카오"),
    ("कंपनी खराब है", "कंपनी"), ("Straße", "strasse"), ("STRASSE", "straße"),
    ("C++ is hard", "C++"), ("AT&T is down", "at&t"), ("İstanbul", "istanbul"),
])
def test_words_of_other_scripts_and_with_signs(text: str, word: str) -> None:
    assert hears(text, words=(word,))


def test_a_vowel_sign_is_part_of_its_word() -> None:
    assert not hears("कंपनी खराब है", words=("कंपन",))
    assert not hears("아카카오", words=("카카오",))


@pytest.mark.parametrize("text", [
    "my lost parcel", "Lost  Parcel", "lost\nparcel", "lost-parcel", "a «lost» parcel", "#LostParcel", "#lostparcel",
])
def test_a_phrase_is_its_words_in_a_row(text: str) -> None:
    assert hears(text, phrases=("lost parcel",))


@pytest.mark.parametrize("text", ["lost", "parcel lost", "lost my parcel", "lost parcels", "lostparcel", ""])
def test_other_words_are_no_phrase(text: str) -> None:
    assert not hears(text, phrases=("lost parcel",))


def test_a_tag_is_heard_as_a_tag_only() -> None:
    assert hears("so much #AcmeFail", tags=("acmefail",))
    assert hears("nothing in the text", tags=("acmefail",)) is False
    assert ear(tags=("#AcmeFail",)).fits("given beside the text", "", "", ("acmefail",))
    assert not hears("acmefail", tags=("acmefail",))
    assert hears("#acmefail", words=("#acmefail",))
    assert not hears("#acmefails", tags=("acmefail",))
    assert ear(words=("acme",)).fits("", "", "", ("AcmeFail",))


def test_a_word_with_an_at_is_a_handle() -> None:
    assert hears("ask @acme_help please", words=("@acme_help",))
    assert hears("ask @acme_help@social.example.", words=("@acme_help@social.example",))
    assert not hears("acme_help", words=("@acme_help",))


@pytest.mark.parametrize(("lang", "wanted", "heard"), [
    ("en", "en", True), ("en-GB", "en", True), ("en_US", "EN", True), ("de", "en", False), ("", "en", True),
    ("und", "en", True), ("zxx", "en", True), ("pt", "pt-BR", True), ("pt-PT", "pt-BR", False), ("de,en", "en", True),
    ("eng", "en", False),
])
def test_languages(lang: str, wanted: str, heard: bool) -> None:
    assert hears("acme", lang, words=("acme",), languages=(wanted,)) is heard


def test_an_exclusion_wins() -> None:
    assert not hears("the acme of perfection", words=("acme",), exclude=("acme of",))
    assert not hears("#AcmeFail in Looney Tunes", words=("acme",), exclude=("looney tunes",))
    assert not hears("acme #cartoon", words=("acme",), exclude=("#cartoon",))
    assert hears("acme cartoon", words=("acme",), exclude=("#cartoon",))


def test_excluded_authors() -> None:
    for spelt in ("@Bob@social.example", "bob@social.example"):
        assert not hears("acme", author="bob@social.example", words=("acme",), exclude_authors=(spelt,))
        assert hears("acme", author="bob@other.example", words=("acme",), exclude_authors=(spelt,))
    assert not hears("acme", author="@bob@other.example", words=("acme",), exclude_authors=("@bob",))
    assert not hears("acme", author="Jane  Doe", words=("acme",), exclude_authors=("jane doe",))
    assert hears("acme", author="", words=("acme",), exclude_authors=("@",))


def test_without_a_wish_all_is_heard_that_is_not_excluded() -> None:
    assert hears("anything")
    assert not hears("anything", exclude=("anything",))
    assert not hears("anything", "de", languages=("en",))


def test_several_entries_ask_for_the_same_thing_once() -> None:
    ears = Ears([
        ListenConfig(name="brand", words=("Acme", "#AcmeFail", "harbour  post"), tags=("acme",)),
        ListenConfig(name="loss", words=("ACME",), phrases=("Harbour Post",), tags=("#acmefail",)),
    ])
    assert ears.terms == (Term("word", "Acme"), Term("tag", "AcmeFail"), Term("phrase", "harbour post"),
                          Term("tag", "acme"))
    assert ears.hears("acme", "", "") == "brand"
    assert ears.hears("the weather", "", "") == ""
    assert ears
    assert not Ears(())


def test_marks_follow_the_configuration() -> None:
    ears = Ears([ListenConfig(name="us", words=("acme",), tags=("acme",))])
    marks = Marks(ears, {"word:acme": "7", "word:gone": "9"})
    word, tag = ears.terms
    assert (marks.of(word), marks.of(tag)) == ("7", None)
    marks.move(tag, "3")
    assert marks.plain() == {"tag:acme": "3", "word:acme": "7"}
    assert Marks(ears, marks.plain()).plain() == marks.plain()


LETTERS = st.text(st.characters(categories=["Ll", "Lu"], max_codepoint=0x24F, exclude_characters="Ŀŀŉ"), min_size=2,
                  max_size=8)
"""Without those that are a letter and a sign in one."""
ANY = st.text(max_size=60)
WISHES = st.lists(st.one_of(LETTERS, st.text(min_size=1, max_size=12)), max_size=3).map(tuple)
POST = st.tuples(ANY, st.sampled_from(["", "en", "de-CH", "und", ","]), ANY, st.lists(ANY, max_size=2).map(tuple))


@settings(max_examples=60)
@given(POST, WISHES, WISHES, WISHES, WISHES)
def test_it_judges_everything_and_more_wishes_never_hear_less(
    post: tuple[str, str, str, tuple[str, ...]], words: tuple[str, ...], tags: tuple[str, ...],
    exclude: tuple[str, ...], more: tuple[str, ...],
) -> None:
    text, lang, author, told = post
    before = ear(words=words, tags=tags, exclude=exclude).fits(text, lang, author, told)
    if words or tags:
        assert before <= ear(words=(*words, *more), tags=tags, exclude=exclude).fits(text, lang, author, told)
    assert ear(words=words, tags=tags, exclude=(*exclude, *more)).fits(text, lang, author, told) <= before


@settings(max_examples=60)
@given(LETTERS.filter(lambda word: fold(word.upper()) == fold(word)), ANY,
       ANY, st.sampled_from([str.upper, str.lower, str.title]))
def test_a_word_between_signs_is_heard_in_any_case(word: str, before: str, after: str, case: object) -> None:
    assert callable(case)
    assert hears(f"{before} ({case(word)}) {after}", words=(word,))


@settings(max_examples=60)
@given(LETTERS, LETTERS, LETTERS)
def test_a_word_within_a_word_is_not_heard(word: str, before: str, after: str) -> None:
    whole = (before + word + after).lower()
    assert not hears(whole, words=(word,)) or whole == word.lower()


@pytest.mark.parametrize("kind", [kind for kind, struct in SOURCE_KINDS.items() if hasattr(struct, "listen")])
def test_every_connector_that_listens_takes_new_entries_while_it_runs(kind: str, clock: ManualClock) -> None:
    fields = {"mastodon": {"url": "https://s.example"}, "bluesky": {"handle": "acme.example"},
              "rss": {"feeds": ("https://n.example/f",)}}[kind]
    us = ListenConfig(name="us", words=("acme",))
    made = registry.create(SOURCE_KINDS[kind](name="x", listen=(us,), **fields), clock=clock, token=lambda: "")  # type: ignore
    assert type(made).hear is not Connector.hear
    made.hear((ListenConfig(name="us", words=("acme",), exclude=("acme of",)),))
