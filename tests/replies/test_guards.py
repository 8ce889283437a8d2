"""Guards: what is said before a reply goes out, when, and when nothing is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutKind
from agentdesk.replies.guards import GuardFacts, Warning, check, likeness  # noqa: A004

PUBLIC, DIRECT, FOLLOWERS, UNLISTED = Visibility.PUBLIC, Visibility.DIRECT, Visibility.FOLLOWERS, Visibility.UNLISTED


def said(text: str = "Hi Jane, it is on its way.", **more: object) -> tuple[Warning, ...]:
    values: dict[str, object] = {"visibility": PUBLIC, "signature": "^AB"}
    return check(GuardFacts(text=text, **(values | more)))  # type: ignore[arg-type]


def codes(text: str = "Hi Jane, it is on its way.", **more: object) -> list[str]:
    return [warning.code for warning in said(text, **more)]


def test_a_good_reply_is_left_alone() -> None:
    assert said() == ()
    assert said(customer_visibility=PUBLIC, room=0, same_to_others=2, canned="x", canned_text="Hi Jane,") == ()


@pytest.mark.parametrize("text", ["", "  \n", "^AB", " ^AB "])
def test_empty(text: str) -> None:
    assert codes(text) == ["empty"]


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ customer.first_name }},", "Hi {{customer.first_name", "order }}", "a {% if x %} b", "Hi [name],",
        "Hi [Name of customer],", "by [date]", "your [order number here]", "[insert link]", "[...]", "[…]", "[link…]",
        "[ORDER NUMBER]", "[TBD]", "Hi <name>,", "<order number>", "by <your date>", "Hi ____,", "[Vorname]", "[xxx]",
    ],
)
def test_unfilled(text: str) -> None:
    assert codes(text) == ["unfilled"]
    assert codes(text, kind=OutKind.NOTE) == ["unfilled"]


@pytest.mark.parametrize(
    "text",
    [
        "1/2 We are on it [1/2]", "[sic]", "see [our page](https://acme.example)", "[LINK](https://acme.example)",
        "they [the depot] have it", "a list: [x] done [ ] open", "a < b and c > d", "<3 thanks", "x_y_z", "it is {yes}",
        "you wrote [was told]", "[1]", "(name)", "your order number", "<b>bold</b>", "100 % {sure}", "->", "[OK]",
    ],
)
def test_filled(text: str) -> None:
    assert codes(text) == []


def test_private_data_in_what_others_can_read() -> None:
    text = "We write to jane@mail.example and +44 20 7946 0958."
    (warning,) = said(text, can_direct=True)
    assert warning.code == "private"
    assert "mail address «jane@mail.example», telephone number «+44 20 7946 0958»" in warning.text
    assert "direct message" in warning.how
    assert "private conversation" in said(text, can_dm=True)[0].how
    assert "direct message" not in said(text)[0].how
    assert "private conversation" not in said(text)[0].how
    assert codes(text, visibility=UNLISTED) == codes(text, visibility=FOLLOWERS) == ["private"]
    assert said(text, visibility=UNLISTED)[0].text.startswith("Private data in an unlisted reply: ")
    assert said(text, visibility=FOLLOWERS)[0].text.startswith("Private data in a followers-only reply: ")
    assert codes(text, visibility=DIRECT) == codes(text, kind=OutKind.NOTE) == []
    assert codes(text, ours=("Write to jane@mail.example or +44 20 7946 0958",)) == []
    assert "private" in codes(text, canned="c", canned_text=text)
    assert codes("code PN-123456", more_private={"policy": r"PN-\d+"}) == ["private"]


@pytest.mark.parametrize("text", [
    "I have attached the label.", "See the attached form.", "Please find attached your invoice",
    "The label is attached.",
    "Attached is the label", "I'll attach it", "Enclosed you will find it", "Die Datei ist im Anhang.",
    "Anbei das Etikett", "Vous trouverez ci-joint le formulaire", "Te envío el formulario adjunto",
])
def test_a_file_that_is_spoken_of_and_not_there(text: str) -> None:
    assert codes(text) == codes(text, kind=OutKind.DM, visibility=DIRECT) == ["no_attachment"]
    assert codes(text, files=("label.pdf",)) == codes(text, kind=OutKind.NOTE) == []


@pytest.mark.parametrize("text", [
    "The photo you attached is too dark.", "Your attached photo shows it.", "Thanks for attaching the picture.",
    "Could you attach a photo?", "Please attach a photo of the label.", "Can you send the attachment again?",
])
def test_files_of_the_customer_are_not_ours(text: str) -> None:
    assert codes(text) == []


def test_a_picture_nobody_describes() -> None:
    (warning,) = said("Look here", files=("map.png",), undescribed=("map.png",))
    assert (warning.code, "«map.png»" in warning.text) == ("no_alt", True)


def test_many_pieces_are_counted() -> None:
    (warning,) = said("a@x.example b@x.example c@x.example d@x.example e@x.example")
    assert warning.text.endswith("and 2 more")


@pytest.mark.parametrize("theirs", list(Visibility))
@pytest.mark.parametrize("ours", list(Visibility))
def test_wider_than_the_customer_wrote(theirs: Visibility, ours: Visibility) -> None:
    widest_first = [PUBLIC, UNLISTED, FOLLOWERS, DIRECT, Visibility.INTERNAL]
    wider = widest_first.index(ours) < widest_first.index(theirs)
    assert codes(visibility=ours, customer_visibility=theirs) == (["wider"] if wider else [])


def test_wider_says_who_wrote_how() -> None:
    (warning,) = said(customer_visibility=DIRECT)
    assert warning.text == "The customer wrote in private, this reply is public"


def test_too_long() -> None:
    (warning,) = said(room=-42)
    assert warning.code == "too_long"
    assert "42 too long" in warning.text
    assert "split" in warning.how
    assert codes(room=None) == codes(room=0) == []


def test_repeated() -> None:
    assert codes(same_to_customer=1) == ["repeated"]
    assert "2 times" in said(same_to_customer=2)[0].text
    assert codes(same_to_others=3) == ["repeated_others"]
    assert codes(same_to_others=3, repeat_limit=4) == []
    assert codes(same_to_customer=1, same_to_others=9) == ["repeated", "repeated_others"]


CANNED = "Hi Jane, sorry about this. Could you send us a DM?"


@pytest.mark.parametrize(
    ("text", "unedited"),
    [
        (CANNED, True), (CANNED + " ^AB", True), ("  " + CANNED.upper() + "\n", True), ("@jane " + CANNED, True),
        (CANNED.replace(". ", ".  "), True), (CANNED + " It is about 4411.", False), (CANNED[:-18], False),
    ],
)
def test_unedited(text: str, unedited: bool) -> None:
    assert codes(text, canned="ask-dm", canned_text=CANNED) == (["unedited"] if unedited else [])
    assert codes(text, canned="ask-dm", canned_text=CANNED, warn_unedited=False) == []
    assert codes(text, canned="", canned_text=CANNED) == []


def test_everything_at_once_the_weightiest_first() -> None:
    text = "Hi [name], jane@mail.example"
    found = said(text, customer_visibility=DIRECT, room=-1, same_to_customer=1, same_to_others=5, canned="c",
                 canned_text="Hi [name],   jane@MAIL.example")
    assert [warning.code for warning in found] == [
        "private", "wider", "unfilled", "too_long", "repeated", "repeated_others", "unedited",
    ]
    assert all(warning.how and not warning.how.endswith("!") for warning in found)


def test_likeness() -> None:
    assert likeness("@jane Hi Jane, it is here ^AB", signature="^AB", name="Jane Doe") == "hi it is here"
    assert likeness("HI  bo — it is HERE.", name="Bo") == "hi it is here"
    assert likeness("@a@b.example, @c hi") == "hi"
    assert likeness("👍") == "👍"
    assert likeness("Jane", name="Jane") == "jane"


@given(st.text(max_size=120), st.text(max_size=20), st.sampled_from(list(Visibility)), st.sampled_from(list(OutKind)))
def test_any_text_is_judged_in_words(text: str, canned: str, visibility: Visibility, kind: OutKind) -> None:
    for warning in said(text, visibility=visibility, kind=kind, canned="c", canned_text=canned):
        assert warning.code
        assert warning.text
        assert warning.how.endswith(".")
