"""A ticket being written, as one text: whatever it says comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import UsageError
from agentdesk.model.text import inert, inert_line
from agentdesk.rules.ticket_text import TicketText, read

LINES = st.text(max_size=40).map(inert_line)
TICKETS = st.builds(
    TicketText, source=LINES, subject=LINES, place=LINES, note_back=st.sampled_from([None, True, False]),
    tags=st.lists(LINES.filter(lambda tag: tag and "," not in tag), max_size=3).map(tuple),
    text=st.text(max_size=200).map(lambda text: inert(text).strip()))


@given(TICKETS)
def test_what_was_written_comes_back(ticket: TicketText) -> None:
    assert read(ticket.written) == ticket


def test_it_reads_as_a_person_writes_it() -> None:
    ticket = read("to: rt:support\nSUBJECT:Lost parcel\ntags: lost , vip,\nnote: y\n\n\nHello\n\nthere\n")
    assert ticket == TicketText(source="rt:support", subject="Lost parcel", tags=("lost", "vip"), note_back=True,
                                text="Hello\n\nthere")


@pytest.mark.parametrize(("text", "words"), [
    ("To: rt:support\nHello there\n\nText", "Line 2"),
    ("To: rt:support\nTo: rt:other\n\nText", "To once more"),
    ("To: rt:support\nNote: perhaps\n\nText", "neither yes nor no"),
    ("To: rt:support\nColour: red\n\nText", "Line 2"),
])
def test_what_cannot_be_understood_is_named(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        read(text)


def test_without_a_blank_line_there_is_no_text() -> None:
    assert read("To: rt:support\nSubject: Hello").text == ""
    assert read("").source == ""
