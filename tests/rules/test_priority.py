"""Severity: which words and circumstances raise, and what is never taken for praise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.conversation import Severity
from agentdesk.rules.priority import count_text, priority_points, weigh
from agentdesk.rules.signals import DEFAULTS, Finder, Signals

SIGNALS = Signals()
CRITICAL, HIGH, NORMAL, PRAISE = Severity.CRITICAL, Severity.HIGH, Severity.NORMAL, Severity.PRAISE


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("I need my insulin delivered today", CRITICAL),
        ("My medicine was in that parcel", CRITICAL),
        ("your charger caught fire last night", CRITICAL),
        ("my son was injured by the lid", CRITICAL),
        ("suicidal thoughts because of this", CRITICAL),
        ("¿Dónde está mi medicación? Es un medicamento", CRITICAL),
        ("Wo bleibt mein Medikamentenpaket", CRITICAL),
        ("mon fils est blessé", CRITICAL),
        ("薬が届かない", CRITICAL),
        ("ما زلت أنتظر الدواء", CRITICAL),
        ("I am talking to my lawyer", HIGH),
        ("thinking of switching to another provider", HIGH),
        ("please cancel my contract", HIGH),
        ("CANCEL  MY\ncontract", HIGH),
        ("Ich kündige", HIGH),
        ("ich kuendige nie wieder", HIGH),
        ("解約したい", HIGH),
        ("parcel delayed, lost, broken, the worst, a joke, pathetic", NORMAL),
        ("where is my refund", NORMAL),
        ("when do you open", NORMAL),
        ("Thanks", NORMAL),
        ("ok", NORMAL),
        ("", NORMAL),
        ("thank you so much, you were amazing", PRAISE),
        ("Great service, thanks", PRAISE),
        ("I love this new app 😍", PRAISE),
        ("Muchas gracias, excelente servicio", PRAISE),
        ("Vielen Dank, großartig", PRAISE),
        ("Merci beaucoup, c'est parfait", PRAISE),
        ("ありがとうございました", PRAISE),
        ("شكرا، خدمة رائعة", PRAISE),
    ],
)
def test_words(text: str, severity: Severity) -> None:
    assert weigh(text, signals=SIGNALS).severity is severity


@pytest.mark.parametrize(
    "text",
    [
        "thanks for cancelling my flight",
        "great, another delay, amazing",
        "Amazing. Third time this week, brilliant work",
        "love it when you ignore me",
        "Excellent service, but where is my parcel",
        "thank you so much for nothing",
        "wonderful, still waiting",
        "I love your app! When does it come to Android?",
        "brilliant, no reply",
        "awesome app, isn't it",
        "génial, mais toujours rien",
        "großartig, aber leider kaputt",
        "最高ですね、壊れたけど",
    ],
)
def test_praise_beside_complaint_or_doubt_is_no_praise(text: str) -> None:
    assert weigh(text, signals=SIGNALS).severity is not PRAISE


@pytest.mark.parametrize(
    "text",
    [
        "God bless you", "the Fire TV stick", "a fire sale", "injunction", "pursue", "Sue is nice",
        "hospitality was fine",
        "policeman", "the avocado is ripe", "I'd love to hear from you", "medicinal", "toll road", "cancelled",
        "homeland",
        "cancel", "my loveless day", "disgrateful",
    ],
)
def test_words_inside_other_words_do_not_count(text: str) -> None:
    assert weigh(text, signals=SIGNALS).severity is NORMAL


def test_reasons_name_what_was_found() -> None:
    weight = weigh(
        "INSULIN is lost, and I am switching to them", followers=12_400, vip=True, burst=3, server_priority="High",
        signals=SIGNALS,
    )
    assert weight.severity is CRITICAL
    assert weight.reasons == (
        "says «insulin», «switching to», «lost»", "priority «High» on the help desk", "VIP", "12.4k followers",
        "3 messages without an answer",
    )


def test_praise_names_its_words() -> None:
    assert weigh("Thank you so much, brilliant", signals=SIGNALS).reasons == ("says «thank you so much», «brilliant»",)


@pytest.mark.parametrize(
    ("circumstances", "severity"),
    [
        ({"vip": True}, HIGH),
        ({"followers": 9_999}, NORMAL),
        ({"followers": 10_000}, NORMAL),
        ({"followers": 100_000}, HIGH),
        ({"burst": 2}, NORMAL),
        ({"burst": 6}, HIGH),
        ({"burst": 3, "followers": 20_000}, HIGH),
        ({"server_priority": "urgent"}, CRITICAL),
        ({"server_priority": "3 high"}, HIGH),
        ({"server_priority": "100"}, HIGH),
        ({"server_priority": "1 low"}, NORMAL),
    ],
)
def test_circumstances(circumstances: dict[str, object], severity: Severity) -> None:
    assert weigh("hello", signals=SIGNALS, **circumstances).severity is severity  # type: ignore[arg-type]


def test_a_vip_who_praises_still_praises() -> None:
    assert weigh("thank you so much", vip=True, followers=10**6, signals=SIGNALS).severity is PRAISE
    assert weigh("thank you so much", server_priority="urgent", signals=SIGNALS).severity is CRITICAL


ORDER = [PRAISE, NORMAL, HIGH, CRITICAL]
words = st.sampled_from([*DEFAULTS, "parcel", "the", "my", "?", "!", "\n"])
texts = st.lists(words, max_size=12).map(" ".join) | st.text(max_size=80)


@given(texts, st.sampled_from([word for word, weight in DEFAULTS.items() if weight > 0]))
def test_a_raising_word_never_lowers(text: str, word: str) -> None:
    before = weigh(text, signals=SIGNALS)
    after = weigh(f"{text} {word.rstrip('*')}", signals=SIGNALS)
    assert ORDER.index(after.severity) >= ORDER.index(before.severity)


@given(texts, st.integers(0, 10**7), st.integers(0, 40), st.booleans(), st.text(max_size=12))
def test_circumstances_never_lower(text: str, followers: int, burst: int, vip: bool, priority: str) -> None:
    plain = weigh(text, signals=SIGNALS)
    more = weigh(text, followers=followers, burst=burst, vip=vip, server_priority=priority, signals=SIGNALS)
    assert ORDER.index(more.severity) >= ORDER.index(plain.severity)
    assert bool(more.reasons) is (more.points != 0)


@given(st.sampled_from(list(DEFAULTS.items())))
def test_every_built_in_word_is_found(item: tuple[str, float]) -> None:
    word, weight = item
    assert SIGNALS.find(f"x {word.rstrip('*').upper()} y") != {}
    found = SIGNALS.find(word.rstrip("*"))
    assert list(found.values()) == [weight]


def test_the_configuration_adds_reweighs_and_removes() -> None:
    own = Signals({"depot": 4.0, "insulin": 1.0, "refund": 0.0, "Grüße": -2.0, "brick*": 10.0})
    assert weigh("the depot", signals=own).severity is HIGH
    assert weigh("insulin", signals=own).severity is NORMAL
    assert own.find("refund") == {}
    assert weigh("viele GRÜSSE", signals=own).severity is PRAISE
    assert weigh("it bricked itself", signals=own).severity is CRITICAL


@given(st.dictionaries(st.text(min_size=1, max_size=6), st.floats(-10, 10), max_size=8), texts)
def test_any_words_may_be_configured(changes: dict[str, float], text: str) -> None:
    weigh(text, signals=Signals(changes))


def test_no_words_find_nothing() -> None:
    assert Finder({}).find("anything") == {}
    assert Finder({"*": 3.0, " ": 1.0}).find("anything") == {}


@pytest.mark.parametrize(
    ("priority", "points"),
    [("", 0), ("P1 - Critical", 10), ("very high", 4), ("50", 0), ("normal", 0), ("Hoch", 4), ("high5", 0),
        ("99999999999999", 4)],
)
def test_priority_points(priority: str, points: float) -> None:
    assert priority_points(priority) == points


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1_000, "1k"), (12_449, "12.4k"), (999_999, "999.9k"), (1_000_000, "1m"), (3_140_000,
        "3.1m")],
)
def test_count_text(number: int, text: str) -> None:
    assert count_text(number) == text
