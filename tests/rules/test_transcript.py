"""What goes along with a ticket: everything that was said, nothing that is ours alone, and never too much."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.conversation import Conversation, Severity, State
from agentdesk.model.customer import Customer, Identity, Profile
from agentdesk.model.message import Attachment, Author, Direction, Message, StoredMessage, Visibility
from agentdesk.model.text import Inert, inert, inert_line
from agentdesk.rules import ticket_text
from agentdesk.rules.transcript import MOST, MOST_EACH, SUBJECT, subject, transcript

AT = 1_767_261_600_000
BERLIN = ZoneInfo("Europe/Berlin")
JANE = Author(ref="jane", name=inert_line("Jane Doe"), handle=inert_line("@jane@social.example"))


def head(**more: object) -> Conversation:
    fields: dict[str, object] = {
        "id": 1042, "source": "mastodon:acme", "ref": "t1", "customer_id": 1, "name": Inert("Jane Doe"),
        "subject": Inert(""), "url": "https://social.example/@jane/1", "state": State.OPEN,
        "severity": Severity.NORMAL, "reasons": (), "status": "", "assignee": "", "priority": "", "queue": "",
        "tags": ("vip-list",), "incident": "", "fields": {}, "clocks": (), "claim_agent": "", "claim_until": None,
        "snoozed_until": None, "created_at": AT, "first_in_at": AT, "unanswered_since": AT, "last_in_at": AT,
        "last_out_at": None, "unread": 0, "messages": 1, "disposition": None, "disposition_code": "",
        "locked_reason": "", "version": 1, "backfill": False, **more}
    return Conversation(**fields)  # type: ignore[arg-type]


def person(**more: object) -> Customer:
    profile = Profile(ref="jane", handle=Inert("@jane@social.example"), name=Inert("Jane Doe"), followers=12_400,
                      verified="domain", contacts=(Inert("jane@example.test"),), url="https://social.example/@jane")
    return Customer(id=1, name=Inert("Jane Doe"), note="Threatened to sue in May", tags=("difficult",), vip=True,
                    identities=(Identity(source="mastodon:acme", profile=profile, seen_at=AT),))


def said(text: str, number: int = 1, direction: Direction = Direction.IN, **more: object) -> StoredMessage:
    author = JANE if direction is Direction.IN else Author(ref="us", name=inert_line("Sam"))
    fields: dict[str, object] = {"ref": f"m{number}", "conversation_ref": "t1", "author": author,
                                 "direction": direction, "text": inert(text), "created_at": AT + number * 60_000,
                                 **more}
    return StoredMessage(id=number, conversation_id=1042, source="mastodon:acme", seen_at=AT,
                         message=Message(**fields))  # type: ignore[arg-type]


def test_it_says_who_where_when_and_what() -> None:
    text = transcript(head(), person(), [said("My parcel is lost"), said("Which one?", 2, Direction.OUT),
                                         said("4411, and again", 3, edited_at=AT)], BERLIN, "ann")
    assert text == (
        "Jane Doe wrote on mastodon:acme. Handed on by ann, conversation #1042.\n"
        "Link: https://social.example/@jane/1\n"
        "\n"
        "Customer: Jane Doe\n"
        "  @jane@social.example on mastodon:acme, 12,400 followers, verified (domain), https://social.example/@jane\n"
        "  jane@example.test\n"
        "\n"
        "--- 2026-01-01 11:01 CET · Jane Doe @jane@social.example · public ---\n"
        "My parcel is lost\n"
        "\n"
        "--- 2026-01-01 11:02 CET · us, Sam · public ---\n"
        "Which one?\n"
        "\n"
        "--- 2026-01-01 11:03 CET · Jane Doe @jane@social.example · public · edited ---\n"
        "4411, and again")


def test_what_is_ours_alone_stays_here() -> None:
    text = transcript(head(), person(), [
        said("Hello"), said("She is difficult", 2, Direction.NOTE, visibility=Visibility.INTERNAL)], BERLIN, "ann")
    assert "difficult" not in text
    assert "sue" not in text
    assert "vip" not in text.casefold()
    assert "(1 internal note left out)" in text


def test_what_its_author_took_back_is_not_handed_on() -> None:
    text = transcript(head(), person(), [said("My number is 0151", deleted=True)], BERLIN, "ann")
    assert "0151" not in text
    assert "(taken back by its author)" in text


def test_files_go_by_name_and_address() -> None:
    file = Attachment(name=Inert("photo.jpg"), mime="image/jpeg", size=412_000, url="https://files.example/1",
                      alt=Inert("An empty doorstep"))
    text = transcript(head(), person(), [said("", attachments=(file,))], BERLIN, "ann")
    assert "[file: photo.jpg, 412 kB, An empty doorstep · https://files.example/1]" in text
    assert "(no text)" in text


def test_without_an_address_of_its_own_the_last_post_is_linked() -> None:
    posts = [said("One", url="https://x.example/1"), said("Two", 2, url="https://x.example/2")]
    assert "Link: https://x.example/2" in transcript(head(url=""), person(), posts, BERLIN, "ann")
    assert "Link:" not in transcript(head(url=""), person(), [said("One")], BERLIN, "ann")


@given(st.lists(st.tuples(st.text(max_size=3_000), st.sampled_from(Direction)), max_size=40))
def test_it_is_bounded_inert_and_keeps_the_newest(parts: list[tuple[str, Direction]]) -> None:
    posts = [said(text, number, direction) for number, (text, direction) in enumerate(parts, 1)]
    text = transcript(head(), person(), posts, BERLIN, "ann")
    assert len(text) < MOST + 2_000
    assert inert(text) == text
    spoken = [one for one in posts if one.message.direction is not Direction.NOTE]
    if spoken:
        assert spoken[-1].message.text[:MOST_EACH].strip()[:200] in text
    written = ticket_text.TicketText(source="rt:support", subject="x", text=text).written
    assert ticket_text.read(written).text == text, "it survives being edited and read again"


def test_long_messages_are_cut_and_old_ones_left_out() -> None:
    posts = [said(f"{number} " + "x" * 5_000, number) for number in range(1, 8)]
    text = transcript(head(), person(), posts, BERLIN, "ann")
    assert text.count("(cut here)") == 4
    assert "(3 earlier messages left out: see the link)" in text


def test_a_subject_is_proposed_from_the_post() -> None:
    assert subject(head(subject=Inert("Refund for 4411")), []) == "Refund for 4411"
    assert subject(head(), [said("Where is it?"), said("Hello?", 2)]) == "Jane Doe: Where is it?"
    talk = [said("Where is it?"), said("Which?", 2, Direction.OUT), said("4411", 3), said("Hello?", 4)]
    assert subject(head(), talk) == "Jane Doe: 4411"
    assert subject(head(), [*talk, said("On its way", 5, Direction.OUT)]) == "Jane Doe: 4411"
    long = subject(head(), [said("word " * 60)])
    assert len(long) <= SUBJECT + len("Jane Doe: ") + 2
    assert long.endswith(" …")
    assert subject(head(), []) == "Jane Doe on mastodon:acme"
    assert "\n" not in subject(head(), [said("two\nlines")])
    assert msgspec.json.encode(subject(head(name=Inert("")), [said("x" * 500)]))
