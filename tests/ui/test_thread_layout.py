"""Messages as rows: who, when, what changed, what hides something; at any width, in any script."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND
from agentdesk.model.message import Attachment, Author, Direction, Message, StoredMessage, Visibility
from agentdesk.model.outgoing import OutboxEntry, Outgoing, OutKind, SendState
from agentdesk.model.text import inert, inert_line
from agentdesk.testing.world import HOSTILE_POSTS
from agentdesk.ui.theme import ASCII, Palette
from agentdesk.ui.widgets import thread_layout
from agentdesk.ui.widgets.runs import Row, strip
from agentdesk.ui.widgets.thread_layout import Page, block, pending

NOW = 1_771_063_327_000  # Saturday 14 February 2026, 10:02:07 UTC
ZONE = ZoneInfo("Europe/Berlin")
PAGE = Page(width=60, zone=ZONE, now=NOW, days=3)
HOSTILE = json.loads(HOSTILE_POSTS.read_text())


def stored(text: str = "Where is it?", *, number: int = 1, at: int = NOW - HOUR, name: str = "Jane Doe",
           direction: Direction = Direction.IN, earlier: tuple[str, ...] = (), **fields: object) -> StoredMessage:
    message = Message(ref=f"m{number}", conversation_ref="c", author=Author(ref=name, name=inert_line(name)),
                      direction=direction, text=inert(text), created_at=at,
                      raw=text if inert(text) != text else "")
    return StoredMessage(id=number, conversation_id=7, source="fake:a", seen_at=at,
                         message=msgspec.structs.replace(message, **fields),
                         earlier_texts=tuple(inert(one) for one in earlier))


def text_of(rows: tuple[Row, ...]) -> str:
    return "\n".join("".join(run.text for run in (*row.left, *row.right)) for row in rows)


def test_a_message_says_when_who_and_what() -> None:
    words = text_of(block(stored(), PAGE))
    assert "Sat 10:02  Jane Doe" in words
    assert "   Where is it?" in words


def test_the_day_is_shown_only_when_it_changes() -> None:
    first, second = stored(at=NOW - 3 * HOUR), stored(number=2, at=NOW - HOUR)
    assert "Sat" not in text_of(block(second, PAGE, before=first))
    assert "Sat" in text_of(block(second, PAGE, before=stored(at=NOW - DAY)))


def test_what_waits_for_approval_says_so_and_what_can_be_done() -> None:
    words = " ".join(text_of(block(stored(pending=True), PAGE)).split())
    assert "waits for your approval" in words
    assert ":approve or :reject" in words
    assert "a reply approves it" in words
    assert "approval" not in text_of(block(stored(), PAGE))
    gone = msgspec.structs.replace(stored(pending=True), deleted_at=NOW)
    assert "approval" not in text_of(block(gone, PAGE))


def test_older_days_are_named_by_date_and_year() -> None:
    page = Page(width=60, zone=ZONE, now=NOW, days=9)
    assert "7 Feb 10:02" in text_of(block(stored(at=NOW - 7 * DAY - HOUR), page))
    assert "25 10:02" in text_of(block(stored(at=NOW - 300 * DAY - 2 * HOUR), page))


@pytest.mark.parametrize(("direction", "sign"), [(Direction.OUT, "→ Sam"), (Direction.NOTE, "Sam  note")])
def test_direction_is_told_by_a_sign_or_a_word_not_only_by_colour(direction: Direction, sign: str) -> None:
    assert sign in text_of(block(stored(name="Sam", direction=direction), PAGE))


def test_a_burst_stands_under_one_heading() -> None:
    first = stored(at=NOW - 4 * MINUTE)
    assert "Jane" not in text_of(block(stored("And?", number=2, at=NOW - 2 * MINUTE), PAGE, before=first))
    assert "Jane" in text_of(block(stored("And?", number=2, at=NOW + 2 * MINUTE), PAGE, before=first))


def test_another_visibility_than_the_usual_is_named() -> None:
    assert "direct" in text_of(block(stored(visibility=Visibility.DIRECT), PAGE))
    assert "public" not in text_of(block(stored(), PAGE))


def test_a_fork_says_what_it_answers() -> None:
    first, second = stored("The first one"), stored("Other", number=2, name="Bo")
    third = stored("To the first", number=3, parent_ref="m1")
    assert "↳ to Jane Doe 10:02: The first one" in text_of(block(third, PAGE, before=second, parent=first))
    assert "↳" not in text_of(block(stored(number=3, parent_ref="m2"), PAGE, before=second, parent=second))
    assert "↳ to an earlier message" in text_of(block(third, PAGE, before=second))


def test_an_edited_message_keeps_its_earlier_text_on_demand() -> None:
    it = stored("Fine now", edited_at=NOW - MINUTE, earlier=("You thieves",))
    brief = text_of(block(it, PAGE))
    assert "edited 11:01 · Z shows what it said before" in brief
    assert "thieves" not in brief
    assert "You thieves" in text_of(block(it, PAGE, unfolded=1))


def test_a_deleted_message_stays_and_says_so() -> None:
    it = msgspec.structs.replace(stored("I take that back"), deleted_at=NOW - MINUTE)
    words = text_of(block(it, PAGE))
    assert "I take that back" in words
    assert "deleted by its author 11:01" in words


def test_an_answer_that_was_not_delivered_says_so_and_why() -> None:
    it = msgspec.structs.replace(stored("We look", direction=Direction.OUT), undelivered="550 no such user")
    assert "not delivered: 550 no such user" in text_of(block(it, PAGE))
    assert "not delivered" not in text_of(block(stored("We look", direction=Direction.OUT), PAGE))


def test_hidden_direction_marks_are_announced() -> None:
    assert "hidden direction marks removed" in text_of(block(stored("abc\u202edef"), PAGE))
    assert "control or invisible" in text_of(block(stored("abc\x1b[2Jdef"), PAGE))
    assert "removed" not in text_of(block(stored("two\r\nlines\tand a tab"), PAGE))


def test_a_host_in_look_alike_letters_is_announced_for_what_it_is() -> None:
    words = text_of(block(stored("Sign in at https://\u0430\u0440\u0440\u04cf\u0435.com/x"), PAGE))
    assert "is really xn--80ak6aa92e.com" in words
    assert "is really" not in text_of(block(stored("Sign in at https://apple.com/\u00e9"), PAGE))


def test_attachments_have_a_name_and_a_size() -> None:
    file = Attachment(name=inert_line("photo.jpg"), size=412_000, alt=inert_line("a doorstep"))
    words = text_of(block(stored(attachments=(file,)), PAGE))
    assert "photo.jpg  412 kB" in words
    assert "a doorstep" in words


def test_quoted_history_is_folded_away_and_shown_on_demand() -> None:
    it = stored("It is not here.\n\nOn Monday Sam wrote:\n> one\n> two\n> three")
    assert thread_layout.is_folded(it, PAGE)
    brief = text_of(block(it, PAGE))
    assert "It is not here." in brief
    assert "4 quoted lines · Z shows them" in brief
    assert "> two" not in brief
    assert "> two" in text_of(block(it, PAGE, unfolded=1))


def test_a_long_post_is_folded_and_unfolds_in_steps() -> None:
    it = stored("line\n" * 5_000)
    assert len(block(it, PAGE)) < 60
    assert 300 < len(block(it, PAGE, unfolded=1)) < 460
    assert len(block(it, PAGE, unfolded=2)) >= 5_000
    assert thread_layout.is_cut(it, PAGE)
    assert not thread_layout.is_cut(stored("line\n" * 100), PAGE)


def test_right_to_left_paragraphs_end_at_the_right_edge() -> None:
    row = block(stored("طردي لم يصل"), PAGE)[-1]
    assert cell_len("".join(run.text for run in row.left)) == PAGE.indent + PAGE.room
    row = block(stored("My parcel"), PAGE)[-1]
    assert cell_len("".join(run.text for run in row.left)) < 20


def entry(state: SendState, **fields: object) -> OutboxEntry:
    out = Outgoing(client_id="k", conversation_ref="c", kind=OutKind.REPLY, text="On its way ^AN",
                   visibility=Visibility.PUBLIC)
    plain = OutboxEntry(id=3, conversation_id=7, source="fake:a", state=state, out=out, action=None, agent="ann",
                        client_id="k", kind=OutKind.REPLY, name="Jane", created_at=NOW - SECOND,
                        hold_until=NOW + 4 * SECOND, next_try_at=NOW, first_try_at=None, attempts=0, checks=0,
                        seen_message_id=0, remote_ref="", sent_at=None, title="", remedy="")
    return msgspec.structs.replace(plain, **fields)


@pytest.mark.parametrize("state", list(SendState))
def test_every_state_of_the_outbox_has_words(state: SendState) -> None:
    assert thread_layout.standing(entry(state), NOW).words


def test_a_held_reply_counts_down_and_says_how_to_undo() -> None:
    words = text_of(pending(entry(SendState.HELD), PAGE))
    assert "held 0:04" in words
    assert "u takes it back" in words
    assert "On its way ^AN" in words


def test_what_went_wrong_and_what_to_do_stand_below_a_reply() -> None:
    words = text_of(pending(entry(SendState.REFUSED, title="It is too long", remedy="Shorten it"), PAGE))
    assert "refused" in words
    assert "It is too long" in words
    assert "Shorten it" in words


@pytest.mark.parametrize("name", sorted(HOSTILE))
@pytest.mark.parametrize("width", [18, 60, 140])
def test_no_hostile_post_reaches_the_terminal(name: str, width: int) -> None:
    raw = "".join(part * times if isinstance(part, str) else "" for part, times in _parts(HOSTILE[name]))
    page = Page(width=width, zone=ZONE, now=NOW, glyphs=ASCII)
    file = Attachment(name=inert_line(raw), alt=inert_line(raw), size=1)
    it = stored(raw, name=raw, attachments=(file,), url=raw[:500], earlier=(raw,))
    for unfolded in (0, 1):
        for row in block(it, page, before=stored(), parent=it, unfolded=unfolded):
            drawn = strip(row, width, Palette())
            assert cell_len(drawn.text) == width
            bad = [c for c in drawn.text if ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202a\u202b\u202d\u202e\u200b"]
            assert bad == []


def _parts(post: dict[str, object]) -> list[tuple[str, int]]:
    """The post's text as pieces with their counts, as the data file writes them."""
    found: list[tuple[str, int]] = []
    for part in post["text"]:  # type: ignore[attr-defined]
        if isinstance(part, str):
            found.append((part, 1))
        else:
            found.append((str(part[0]), min(int(part[1]), 30_000)))
    return found


@given(st.text(max_size=300), st.integers(4, 130), st.booleans())
def test_rows_are_exactly_as_wide_as_the_pane(text: str, width: int, ours: bool) -> None:
    page = Page(width=width, zone=ZONE, now=NOW)
    direction = Direction.OUT if ours else Direction.IN
    for row in block(stored(text, name=text[:40], direction=direction), page):
        assert strip(row, width, Palette()).cell_length == width
        assert cell_len(strip(row, width, Palette()).text) == width
