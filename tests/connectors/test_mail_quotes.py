"""History in mails, as the mail programs of this world repeat it: marked, kept, and told from new words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.mail.quotes import marked, unflowed
from agentdesk.model.quoting import own_words

PROGRAMS = {
    "gmail": "It is not here.\n\nOn Thu, Jan 1, 2026 at 9:14 AM Acme Support <support@acme.test> wrote:\n\n"
             "> It is on its way.\n> Which number?\n> Sam\n",
    "gmail in two lines": "It is not here.\n\nOn Thu, 1 Jan 2026 at 09:14, Acme Support with a long name\n"
                          "<support@acme.test> wrote:\n\n> It is on its way.\n> Which number?\n> Sam",
    "apple in German": "It is not here.\n\nAm 01.01.2026 um 09:14 schrieb Acme <support@acme.test>:\n\n"
                       "> It is on its way.\n> \n> Which number?\n> Sam\n",
    "thunderbird in French": "It is not here.\n\nLe 01/01/2026 à 09:14, Acme a écrit :\n> It is on its way.\n"
                             "> Which number?\n> Sam\n",
    "outlook": "It is not here.\n\n________________________________\nFrom: Acme Support <support@acme.test>\n"
               "Sent: Thursday, January 1, 2026 9:14 AM\nTo: Jane\nSubject: Re: parcel\n\nIt is on its way.\nSam",
    "outlook in German": "It is not here.\n\nVon: Acme Support <support@acme.test>\nGesendet: Donnerstag, 1. Januar\n"
                         "An: Jane\nBetreff: AW: parcel\n\nIt is on its way.\nSam",
    "old outlook": "It is not here.\n\n-----Original Message-----\nFrom: Acme\nIt is on its way.\nWhich number?\n",
    "webmail in Spanish": "It is not here.\n\nEl jue, 1 ene 2026 a las 9:14, Acme (<s@acme.test>) escribió:\n"
                          "It is on its way.\nWhich number?\n",
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS)
def test_history_is_told_from_new_words_and_kept(text: str) -> None:
    whole = marked(text)
    assert own_words(whole)[0] == "It is not here."
    assert own_words(whole)[1] >= 3
    assert "It is on its way." in whole
    assert marked(whole) == whole


@pytest.mark.parametrize("text", [
    "plain words", "", "I wrote:\nfirst line\nsecond line",
    "> It is on its way.\nNo it is not.\n> Which number?\n4711",
    "On Monday Sam wrote:\n> It is on its way.\nNo it is not.",
    "From: here to there\nit took days", "Subject: nothing\nFrom: me",
    "On the invoice you wrote: 12 Euro. Why",
])
def test_what_is_no_history_stays_as_it_is(text: str) -> None:
    assert marked(text) == text


def test_a_mail_that_only_passes_something_on_is_shown_whole() -> None:
    text = "-----Original Message-----\nFrom: Jane\nwhere is it"
    assert marked(text) == text
    assert own_words(marked("\n\nOn Monday Jane wrote:\n> one\n> two\n> three"))[1] == 0


def test_quotations_in_html_are_marked_alike() -> None:
    html = ("<div>It is not here.</div><div class=gmail_quote><div>On Thu, Jan 1, 2026 Acme wrote:</div>"
            "<blockquote>one<br>two<br>three</blockquote></div>")
    assert own_words(marked(html_to_text(html))) == ("It is not here.", 4)


@given(st.lists(st.sampled_from([
    "words", "> quoted", "", "On Monday Jane wrote:", "From: a", "Sent: b", "To: c", "Subject: d", "-- ", "____" * 8,
    "-----Original Message-----",
]), max_size=12).map("\n".join))
def test_no_word_is_ever_lost(text: str) -> None:
    def words(said: str) -> list[str]:
        return [line.lstrip("> ").rstrip() for line in said.split("\n") if line.lstrip("> ").rstrip()]

    assert words(marked(text)) == words(text)


@given(st.text(alphabet="a >\n-", max_size=80), st.booleans())
def test_putting_lines_together_loses_no_letter(text: str, delsp: bool) -> None:
    assert unflowed(text, delsp=delsp).count("a") == text.count("a")
