"""Private data in public replies: a table of texts with and without, because false alarms get a guard switched off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.replies.private import find

MAIL, PHONE, CARD, IBAN, PARCEL, PLACE = (
    "mail address", "telephone number", "card number", "bank account", "tracking number", "postal address",
)

SHOWS = [
    ("I wrote to jane.doe@mail.example about it", MAIL, "jane.doe@mail.example"),
    ("(jane+x@sub.mail.example)", MAIL, "jane+x@sub.mail.example"),
    ("mailto:jörg@firma.example.", MAIL, "jörg@firma.example"),
    ("we called +44 20 7946 0958 twice", PHONE, "+44 20 7946 0958"),
    ("your number +49 (0)30 901820", PHONE, "+49 (0)30 901820"),
    ("+4915112345678 did not answer", PHONE, "+4915112345678"),
    ("0049 30 901820 it is", PHONE, "0049 30 901820"),
    ("is 020 7946 0958 still right?", PHONE, "020 7946 0958"),
    ("we rang 07700 900123 today", PHONE, "07700 900123"),
    ("unter 030/901820 erreichbar", PHONE, None),
    ("au 06 12 34 56 78 demain", PHONE, "06 12 34 56 78"),
    ("we tried (415) 555-0132", PHONE, "(415) 555-0132"),
    ("we tried 415-555-0132 again", PHONE, "415-555-0132"),
    ("1-415-555-0132 is busy", PHONE, "1-415-555-0132"),
    ("your phone number is 4155550132, right?", PHONE, "4155550132"),
    ("I will call you on 4155550132", PHONE, "4155550132"),
    ("Handy: mobile 015112345678", PHONE, "015112345678"),
    ("the card 4111 1111 1111 1111 was refused", CARD, "4111 1111 1111 1111"),
    ("4111-1111-1111-1111?", CARD, "4111-1111-1111-1111"),
    ("card 5500005555555559 is stored", CARD, "5500005555555559"),
    ("Amex 378282246310005", CARD, "378282246310005"),
    ("refunded to DE89 3704 0044 0532 0130 00", IBAN, "DE89 3704 0044 0532 0130 00"),
    ("GB82WEST12345698765432 it is", IBAN, "GB82WEST12345698765432"),
    ("parcel 1Z999AA10123456784 is late", PARCEL, "1Z999AA10123456784"),
    ("it travels as RB123456785GB", PARCEL, "RB123456785GB"),
    ("tracking number JD0146000012345678", PARCEL, "JD0146000012345678"),
    ("Tracking ID: 7798339175", PARCEL, "7798339175"),
    ("Sendungsnummer 00340434161094042557", PARCEL, "00340434161094042557"),
    ("it went to 14 Maple Street yesterday", PLACE, "14 Maple Street"),
    ("left at 221b Baker St", PLACE, "221b Baker St"),
    ("is 7, Old Mill Lane right", PLACE, "7, Old Mill Lane"),
    ("an die Hauptstraße 12 geliefert", PLACE, "Hauptstraße 12"),
    ("Goethestr. 5a stimmt", PLACE, "Goethestr. 5a"),
    ("Am Birkenweg 3 abgegeben", PLACE, "Birkenweg 3"),
    ("livré au 12 rue de la Paix", PLACE, "12 rue de la Paix"),
    ("12 bis, avenue Foch c'est bon", PLACE, "12 bis, avenue Foch"),
    ("en la calle Mayor 24", PLACE, "calle Mayor 24"),
]

IS_FINE = [
    "Hi Jane, sorry about this, third time is not good enough.",
    "@jane@social.example we are on it",
    "Hi @jane and @bo@fedi.example, thanks",
    "your order 4411 is on its way",
    "order number 4155550132 was sent",
    "case 00123456 is open",
    "ticket #1042345678 is with the depot",
    "order 123-4567890-1234567 left today",
    "order 2026-000123456 left today",
    "invoice 20260601 12345678",
    "your case number is 0612345678",
    "call us on 0800 123 4567",
    "call us free: 1-800-555-0132 or (888) 555-0132",
    "freephone +1 800 555 0132",
    "open 10:00-18:00, Mon-Fri",
    "it comes on 2026-12-01 17:00 or 2026-12-02",
    "between 01.06.2026 and 03.06.2026",
    "between 01/06/2026 and 03/06/2026",
    "on 01 06 2026",
    "it costs 1,299.00 or 1 299,00 €",
    "that is 0.25 % of 1 000 000",
    "4.5 million people and 1,234,567,890 views",
    "version 10.0.19045.3570 has the fix",
    "the address 192.168.100.200 is yours",
    "see https://acme.example/track/1Z999AA10123456784x?id=4155550132",
    "see https://acme.example/o/020-7946-0958",
    "reference 4111 1111 1111 1112 is ours",
    "number 1234567890123456",
    "model XK1234567890, serial 0012345678901",
    "we are 100 percent on the way there",
    "2 of 3 parcels are at the depot",
    "the first 24 Hours Service",
    "a 2 TB Hard Drive costs less",
    "it is 5 minutes down the road",
    "your seat is Sitzplatz 12",
    "der Parkplatz 3 ist frei",
    "im Spring 2026 kommt es",
    "12 places de parking",
    "1 avenue d'attente, pardon",
    "tracking your parcel takes a day",
    "the tracking number you sent does not work",
    "please send us your tracking number by DM",
    "please send your phone number in a message",
    "our parcel service moved 12000 items",
    "call me maybe",
    "the phone has 128 GB and 5000 mAh",
    "phone us between 9 and 17",
    "a@b is no address",
    "DE12 is the motorway, A1 and B96 too",
    "GB82WEST12345698765433 has a typing mistake",
    "RB123456789GB is no parcel of ours",
    "1/3 of it; 2/3 tomorrow; 3/3 then",
    "+1 for that idea, +100 from me",
    "0 problems, 00 errors",
    "see you in 2026, 2027 and 2028",
    "日本語の返信です。よろしくお願いします。",
    "شكرا على رسالتك",
]


@pytest.mark.parametrize(("text", "what", "piece"), SHOWS)
def test_finds(text: str, what: str, piece: str | None) -> None:
    (found,) = find(text)
    assert found.what == what
    assert piece is None or found.found == piece


@pytest.mark.parametrize("text", IS_FINE)
def test_leaves_alone(text: str) -> None:
    assert find(text) == ()


def test_several_are_all_named_once() -> None:
    text = "jane@mail.example, +44 20 7946 0958, jane@mail.example and 14 Maple Street"
    assert [piece.what for piece in find(text)] == [MAIL, PHONE, PLACE]


def test_what_our_own_texts_say_is_public() -> None:
    text = "Write to help@acme.example, or is it jane@mail.example?"
    assert [piece.found for piece in find(text, ours=["Mail: help@acme.example"])] == ["jane@mail.example"]


def test_more_kinds_can_be_added() -> None:
    more = {"policy number": r"\bPN-(\d{6})\b"}
    (found,) = find("your PN-123456 is fine", more=more)
    assert (found.what, found.found) == ("policy number", "123456")


@given(st.text(max_size=200))
def test_any_text_is_looked_through(text: str) -> None:
    for piece in find(text):
        assert piece.found in text


@given(st.text(alphabet="0123456789 +-()./@aZ", max_size=400))
def test_numbers_never_take_long(text: str) -> None:
    find(text)


@given(st.sampled_from(SHOWS), st.sampled_from(IS_FINE[:4]))
def test_words_around_hide_nothing(case: tuple[str, str, str | None], around: str) -> None:
    text, what, _ = case
    assert what in {piece.what for piece in find(f"{around} {text} {around}")}
