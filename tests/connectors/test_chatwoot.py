"""Chatwoot's own traps, on the fake."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.chatwoot import sign_in
from agentdesk.connectors.chatwoot.acting import priority
from agentdesk.connectors.chatwoot.hints import address, happened
from agentdesk.connectors.chatwoot.liquid import escaped, translated
from agentdesk.connectors.chatwoot.sending import key, key_of
from agentdesk.connectors.chatwoot.wire import Talk, Word, instant
from agentdesk.connectors.registry import create
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    SourceError,
    TooLong,
    Unavailable,
    WindowClosed,
)
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.conversation import ClockKind, RemoteConversation
from agentdesk.model.message import Direction, Kind, Visibility
from agentdesk.model.outgoing import Absent, Action, Found, Outgoing, OutKind, Unsure, Upload, Verb
from agentdesk.model.page import Page
from agentdesk.replies import template
from agentdesk.testing.wire import Fault
from tests.connectors.asking import Answers
from tests.connectors.exchange import act, drain, out, texts, told
from tests.contract.test_chatwoot import ChatwootWorld
from tests.fakes.chatwoot import ACTIVITY, TEMPLATE
from tests.fakes.chatwoot_liquid import rendered
from tests.fakes.serve import serving
from tests.fakes.wire import Reply

VALUES = {"contact.name": "Jane Doe", "agent.name": "Ada"}


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[ChatwootWorld]:
    world = ChatwootWorld(clock)
    yield world
    await world.connector.close()


def head(pages: list[Page], number: int) -> RemoteConversation:
    return [c for page in pages for c in page.conversations if c.ref == str(number)][-1]


def ticket(client_id: str = "t1", **more: Any) -> Outgoing:
    settings = {"customer_name": "Mia Berg", "customer_handle": "@mia@social.example", "subject": "Lost parcel", **more}
    return out(77, "Mia wrote: where is it?", client_id, OutKind.TICKET, created_at=1_767_225_600_000, **settings)


# the shapes ---------------------------------------------------------------------------------------------------------


def test_times_come_as_seconds_milliseconds_text_and_never() -> None:
    at = 1_767_225_600_000
    for value in (1_767_225_600, 1_767_225_600.0, at, "1767225600", "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z"):
        assert instant(value) == at
    for value in (0, 0.0, "0", "", None, "soon", -5, float("nan"), float("inf"), 10**30, [], True):
        assert instant(value) in (None, 1_000)


def test_content_attributes_may_be_json_inside_json() -> None:
    word = Word(id=1, message_type="outgoing", created_at=1, content_attributes='{"deleted": true}')
    assert word.deleted
    assert word.kind == 1
    assert Word(id=1, message_type=1, created_at=1, content_attributes="[").more == {}


LIQUID = ["{", "}", "%", "`", "'", " ", "a", "contact.name", "raw", "{{", "{%", "%}", "}}", "\n"]


@given(st.lists(st.sampled_from(LIQUID), max_size=14))
@settings(max_examples=150, deadline=None)
def test_whatever_is_typed_comes_out_of_liquid_as_typed(pieces: list[str]) -> None:
    text = "".join(pieces)
    written = escaped(text)
    assert written is not None
    assert rendered(written, VALUES) == text


def test_the_fake_renders_as_the_server_does() -> None:
    assert rendered("hi {{contact.name}}{{ nobody.knows }}", VALUES) == "hi Jane Doe"
    assert rendered("{% if x %} {{contact.name}}", VALUES) == "{% if x %} {{contact.name}}"
    assert rendered("`{{ contact.name }}` {{ contact.name }}", VALUES) == "`{{ contact.name }}` Jane Doe"
    assert escaped("`{% endraw %}`") is None


@pytest.mark.parametrize(("theirs", "ours"), [
    ("Hi {{contact.first_name}},", "Hi {{ customer.first_name }},"),
    ("{{ contact.email | downcase }}", "{{ customer.mail | lower }}"),
    ("{{ contact.name | default: 'friend' }}", "{{ customer.name | default('friend') }}"),
    ("No {{conversation.id}} in {{ inbox.name }}", "No {{ ticket }} in {{ inbox }}"),
    ("{{ conversation.custom_attribute.order }}", "{{ order }}"),
    ("{{contact.custom_attribute.plan | truncate: 5}}", "{{ customer.plan }}"),
    ("{% if contact.name %}x{% endif %}", "[if contact.name]x[endif]"),
    ("{{ 'now' | date: '%Y' }}", "now"),
    ("{{ 1 | plus: 2 }}", "[1 | plus: 2]"),
    ("a {# b", "a {{ '{' }}# b"),
    ("{{ self.x }} {{ a._b }}", "[self.x] [a._b]"),
])
def test_canned_responses_become_templates_of_ours(theirs: str, ours: str) -> None:
    assert translated(theirs) == ours
    assert template.problem(ours) is None


@given(st.text(alphabet="{}%#' |.:ab\n", max_size=30))
@settings(max_examples=150, deadline=None)
def test_no_canned_response_makes_a_broken_template(text: str) -> None:
    assert template.problem(translated(text)) is None


@pytest.mark.parametrize(("given_", "word"), [("0", "none"), ("30", "low"), ("50", "medium"), ("80", "high"),
                                              ("100", "urgent"), ("HIGH", "high"), ("", "none"), ("9" * 9, "9" * 9)])
def test_priorities_in_words_and_numbers(given_: str, word: str) -> None:
    assert priority(given_) == word


# signing in ---------------------------------------------------------------------------------------------------------


async def test_a_conversation_without_messages_holds_nothing_up(world: ChatwootWorld) -> None:
    server = world.server
    empty = server.begin(server.contact("Jane Doe", "jane@example.test"))
    _, cursor = await drain(world.connector)
    for text in ("one", "two"):
        world.clock.advance(SECOND)
        server.touch(empty.id)
        server.writes(text)
        pages, cursor = await drain(world.connector, cursor)
        assert text in texts(pages)


async def test_who_we_are_and_what_we_see(world: ChatwootWorld) -> None:
    account = await world.connector.verify()
    assert (account.ref, account.handle, account.name) == ("agent:7", "ada@desk.test", "Ada Agent")
    assert account.server == "Chatwoot 4.3.0 at chat.example, account 3"
    assert account.scopes == ("agent", "Desk", "Mail", "Website", "WhatsApp")
    assert account.warnings == ()


async def test_what_is_hidden_from_us_is_said(world: ChatwootWorld) -> None:
    account = await world.connect(inboxes=("website", "Nosuch"), ticket_inbox="Elsewhere").verify()
    assert account.scopes == ("agent", "Website")
    assert "Nosuch" in account.warnings[0]
    assert "Elsewhere" in account.warnings[1]
    real = world.line.handler

    def limited(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        reply = real(method, url, headers, body)
        if url.endswith("/profile"):
            role = {"id": 1, "name": "Night", "permissions": ["conversation_unassigned_manage"]}
            reply.data["accounts"][0]["custom_role"] = role  # type: ignore[attr-defined]
        return reply

    world.line.handler = limited
    world.server.inboxes[1]["reauthorization_required"] = True
    world.server.inboxes = {n: box for n, box in world.server.inboxes.items() if n in (1, 5)}
    world.server.inboxes[1]["channel_type"] = "Channel::FacebookPage"
    warnings = " / ".join((await world.connector.verify()).warnings)
    for words in ("Night hides conversations", "Website is cut off", "tickets cannot be opened"):
        assert words in warnings
    assert not world.connector.caps.can_open


async def test_no_inbox_wrong_account_and_bots_are_refused_in_words(world: ChatwootWorld) -> None:
    with pytest.raises(AuthError, match="no inbox"):
        await world.connect(inboxes=("Secret",)).verify()
    world.connector._config = msgspec.structs.replace(world.connector._config, account=4)
    with pytest.raises(AuthError) as caught:
        await world.connector.verify()
    assert "3 (Acme)" in caught.value.cause
    for body, words in (("Access to this endpoint is not authorized for bots", "a bot's token"),
                        ("You are not authorized to access this account", "closed to this token"),
                        ("Account is suspended", "closed to this token")):
        fault = Fault("status", path="/inboxes", status=401, body=json.dumps({"error": body}).encode())
        world.line.faults.append(fault)
        with pytest.raises(AuthError) as caught:
            await world.connect().verify()
        assert words in caught.value.title
        assert caught.value.remedy


async def test_a_proxy_that_drops_headers_with_underscores_is_worked_around(world: ChatwootWorld) -> None:
    world.server.drops_underscores = True
    world.server.writes("hello")
    assert texts((await drain(world.connector))[0]) == ["hello"]
    assert all("api_access_token" not in request.headers for request in world.line.seen[1:])
    world.expire_token()
    with pytest.raises(AuthError):
        await world.connector.pull(None)


async def test_the_token_goes_out_under_one_name_only(world: ChatwootWorld) -> None:
    await world.connector.verify()
    names = {name for request in world.line.seen for name in request.headers if "token" in name}
    assert names == {"api_access_token"}


async def test_signing_in_asks_for_little(clock: ManualClock) -> None:
    ask = Answers("chat.example/app/accounts/3/dashboard?x=1", "tok")
    said = await sign_in(ask, clock)
    assert said.settings == {"url": "https://chat.example", "account": 3}
    assert (said.name, said.secret) == ("chat", "tok")
    assert "https://chat.example/app/accounts/3/profile/settings" in " ".join(ask.told)
    ask = Answers("https://care.acme.example", "no", "²", "1" * 5_000, " 12 ", "tok")
    said = await sign_in(ask, clock)
    assert ask.told.count("That is no number") == 3
    assert said.settings == {"url": "https://care.acme.example", "account": 12}
    source = ChatwootSource(name=said.name, **said.settings)  # type: ignore[arg-type]
    assert create(source, clock=clock, token=lambda: "t").name.startswith("chatwoot:")


# history ------------------------------------------------------------------------------------------------------------


async def test_first_connect_brings_all_that_is_open_and_what_was_closed_lately(world: ChatwootWorld) -> None:
    server = world.server
    for number in range(3):
        server.set_status(server.writes(f"ancient {number}"), "resolved", "Bo")
    forgotten = server.writes("open for a year")
    world.clock.advance(30 * DAY)
    for number in range(30):
        server.set_status(server.writes(f"closed {number}"), "resolved", "Bo")
    for number in range(60):
        server.writes(f"open {number}")
        world.clock.advance(SECOND)
    server.talks[forgotten + 35].status = "pending"
    server.talks[forgotten + 36].status = "snoozed"
    world.connector = world.connect(backfill_items=25)
    pages, _ = await drain(world.connector)
    found = texts(pages)
    assert sum(text.startswith("open") for text in found) == 61
    assert sum(text.startswith("closed") for text in found) == 25
    assert not any(text.startswith("ancient") for text in found)
    assert len(found) == len(set(found))
    assert all(page.backfill for page in pages)
    done = [page.done or 0 for page in pages]
    assert done == sorted(done)
    assert pages[-1].done == pages[-1].total


async def test_what_slips_between_the_pages_is_still_brought(world: ChatwootWorld) -> None:
    """A conversation that is closed while the list is read moves all others up by one."""
    server = world.server
    for number in range(60):
        server.writes(f"open {number}")
        world.clock.advance(SECOND)
    first = await world.connector.pull(None)
    for number in (58, 59, 60):
        server.set_status(number, "resolved", "Bo")
    rest, cursor = await drain(world.connector, first.cursor)
    assert {f"open {n}" for n in range(60)} <= set(texts([first, *rest]))
    assert texts((await drain(world.connector, cursor))[0]) == []


async def test_nothing_falls_between_backfill_and_news(world: ChatwootWorld) -> None:
    for number in range(40):
        world.server.writes(f"open {number}")
    page = await world.connector.pull(None)
    world.clock.advance(SECOND)
    world.server.writes("written during the backfill", talk=3)
    new = world.server.writes("opened during the backfill", email="bo@example.test")
    rest, cursor = await drain(world.connector, page.cursor)
    news, _ = await drain(world.connector, cursor)
    assert {"written during the backfill", "opened during the backfill"} <= set(texts([page, *rest, *news]))
    assert [m.conversation_ref for m in told(news) if m.text.startswith("opened")] == [str(new)]
    assert not any(p.backfill for p in news)


async def test_only_the_named_inboxes_are_watched(world: ChatwootWorld) -> None:
    world.connector = world.connect(inboxes=("Mail", "Desk"))
    for inbox in (1, 2, 4):
        world.server.writes(f"in {inbox}", inbox=inbox, email=f"c{inbox}@example.test")
    pages, cursor = await drain(world.connector)
    assert sorted(texts(pages)) == ["in 2", "in 4"]
    world.clock.advance(SECOND)
    for talk in (1, 2, 3):
        world.server.writes("more", talk=talk)
    pages, _ = await drain(world.connector, cursor)
    assert sorted(m.conversation_ref for m in told(pages)) == ["2", "3"]
    world.connector = world.connect(inboxes=("Mail",))
    await drain(world.connector)
    lists = [r.url.params for r in world.line.seen if r.url.path.endswith("/conversations")]
    assert lists[-1]["inbox_id"] == "2"


# news ---------------------------------------------------------------------------------------------------------------


async def test_a_quiet_pull_is_one_call(world: ChatwootWorld) -> None:
    world.server.writes("hello")
    _, cursor = await drain(world.connector)
    _, cursor = await drain(world.connector, cursor)
    world.clock.advance(MINUTE)
    world.server.requests.clear()
    pages, after = await drain(world.connector, cursor)
    assert (texts(pages), after) == ([], cursor)
    assert len(world.server.requests) == 1


@pytest.mark.parametrize("ahead", [5 * HOUR, -5 * HOUR])
@pytest.mark.parametrize("windows", [True, False])
async def test_a_server_whose_clock_is_off_loses_nothing(clock: ManualClock, ahead: int, windows: bool) -> None:
    """Only how long ago something was counts, never when."""
    world = ChatwootWorld(clock)
    there = world.server.clock = ManualClock(clock.now() + ahead)
    world.server.knows_window = windows

    def later(length: int) -> None:
        clock.advance(length)
        there.advance(length)

    world.server.writes("before")
    pages, cursor = await drain(world.connector)
    assert (texts(pages), pages[0].backfill) == (["before"], True)
    for number in range(4):
        later(HOUR)
        world.server.writes(f"after {number}", email=f"c{number}@example.test")
        pages, cursor = await drain(world.connector, cursor)
        assert (texts(pages), pages[0].backfill) == ([f"after {number}"], False)
        later(MINUTE)
        world.server.requests.clear()
        pages, cursor = await drain(world.connector, cursor)
        assert (texts(pages), len(world.server.requests)) == ([], 1)
    later(3 * DAY)
    world.server.writes("much later")
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == ["much later"]
    await world.connector.close()


async def test_more_than_twenty_messages_at_once_come_whole(world: ChatwootWorld) -> None:
    talk = world.server.writes("first")
    _, cursor = await drain(world.connector)
    for number in range(75):
        world.clock.advance(SECOND)
        world.server.writes(f"more {number}", talk=talk)
    pages, cursor = await drain(world.connector, cursor)
    assert texts(pages) == [f"more {number}" for number in range(75)]
    page = await world.connector.thread(str(talk))
    assert [m.text for m in page.messages] == ["first", *(f"more {number}" for number in range(75))]
    assert page.gap is None


async def test_messages_whose_ids_and_times_disagree_are_not_lost(world: ChatwootWorld) -> None:
    """Two requests at once: the higher id can have the earlier time, just where a page is cut."""
    talk = world.server.writes("first")
    for number in range(60):
        world.clock.advance(SECOND)
        world.server.writes(f"more {number}", talk=talk)
    words = [w for w in world.server.words if w.talk == talk]
    for place in range(5, 55, 3):
        words[place].id, words[place + 1].id = words[place + 1].id, words[place].id
    page = await world.connector.thread(str(talk))
    assert {m.text for m in page.messages} == {"first", *(f"more {number}" for number in range(60))}


async def test_a_long_absence_is_walked_in_pages(world: ChatwootWorld) -> None:
    for number in range(5):
        world.server.writes(f"before {number}")
    _, cursor = await drain(world.connector)
    world.clock.advance(5 * DAY)
    for number in range(70):
        world.server.writes(f"while away {number}", email=f"c{number}@example.test")
        world.clock.advance(MINUTE)
    world.server.requests.clear()
    pages, cursor = await drain(world.connector, cursor)
    assert sorted(texts(pages)) == sorted(f"while away {number}" for number in range(70))
    assert world.server.requests.count(("GET", "/conversations")) == 3 + 1
    world.clock.advance(SECOND)
    world.server.writes("back again", talk=1)
    assert texts((await drain(world.connector, cursor))[0]) == ["before 0", "back again"]


async def test_a_list_that_is_too_large_is_walked_in_pages(world: ChatwootWorld) -> None:
    world.server.writes("before")
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    world.server.writes("x" * 3_000, email="bo@example.test")
    world.connector._client.http._limit = 20_000
    real = world.line.handler

    def large(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        if "updated_within" in url and "updated_within=600&" not in url:
            return Reply(200, raw=b" " * 30_000)
        return real(method, url, headers, body)

    await drain(world.connector, cursor)
    world.line.handler = large
    world.server.writes("after", talk=1)
    assert "after" in texts((await drain(world.connector, cursor))[0])


async def test_ids_that_begin_again_are_a_gap(world: ChatwootWorld) -> None:
    world.server.writes("before")
    _, cursor = await drain(world.connector)
    await world.gap()
    world.server.writes("another database")
    page = await world.connector.pull(cursor)
    assert page.gap
    assert "another database" in texts([page, *(await drain(world.connector, page.cursor))[0]])


async def test_the_cursor_stays_small(world: ChatwootWorld) -> None:
    _, cursor = await drain(world.connector)
    for number in range(120):
        world.server.writes(f"post {number}", email=f"c{number}@example.test")
        world.clock.advance(SECOND)
    pages, cursor = await drain(world.connector, cursor)
    assert len(texts(pages)) == 120
    assert len(cursor) < 10_000
    world.clock.advance(2 * HOUR)
    _, cursor = await drain(world.connector, cursor)
    assert json.loads(cursor).get("marks", {}) == {}
    world.server.writes("again", talk=5)
    assert "again" in texts((await drain(world.connector, cursor))[0])


@pytest.mark.parametrize("cursor", ["", "nonsense", "{}x", '{"v": 2}', '{"marks": 7}'])
async def test_a_cursor_that_is_none_begins_again(world: ChatwootWorld, cursor: str) -> None:
    world.server.writes("hello")
    page = await world.connector.pull(cursor)
    assert page.backfill
    assert texts([page]) == ["hello"]


async def test_a_page_that_was_lost_is_told_again(world: ChatwootWorld) -> None:
    """What was deleted is told once more when the page that said so was never stored."""
    talk = world.server.writes("hello")
    word = world.server.says(8, talk, "a slip")
    _, cursor = await drain(world.connector)
    world.server.delete(word)
    for _ in range(2):
        page = await world.connector.pull(cursor)
        assert [(m.ref, m.deleted, m.text) for m in page.messages] == [(str(word.id), True, "")]
    page = await world.connector.pull(page.cursor)
    assert page.messages == ()


# who speaks ---------------------------------------------------------------------------------------------------------


async def test_who_speaks_for_whom(world: ChatwootWorld) -> None:
    server = world.server
    talk = server.writes("question")
    bot = {"id": 7, "name": "Robo", "type": "agent_bot", "avatar_url": ""}
    server.says(7, talk, "ours")
    server.says(8, talk, "a colleague's")
    server.says(8, talk, "among us", private=True)
    server.add(talk, 1, "by a bot", sender=bot)
    server.says(8, talk, "by a rule", attributes={"automation_rule_id": 4})
    server.add(talk, TEMPLATE, "Thanks for writing")
    server.add(talk, 1, "from the channel's own app", source_id="mid.1")
    server.set_status(talk, "resolved", "system due to 15 days of inactivity")
    pages, _ = await drain(world.connector)
    assert [(m.text, m.direction, m.visibility) for m in told(pages)] == [
        ("question", Direction.IN, Visibility.DIRECT), ("ours", Direction.OUT, Visibility.DIRECT),
        ("a colleague's", Direction.OUT, Visibility.DIRECT), ("among us", Direction.NOTE, Visibility.INTERNAL),
        ("by a bot", Direction.NOTE, Visibility.DIRECT), ("by a rule", Direction.NOTE, Visibility.DIRECT),
        ("Thanks for writing", Direction.NOTE, Visibility.DIRECT),
        ("from the channel's own app", Direction.OUT, Visibility.DIRECT),
    ]
    refs = [m.author.ref for m in told(pages)]
    assert refs[:5] == ["21", "agent:7", "agent:8", "agent:8", "bot:7"]


async def test_what_is_written_in_one_second_keeps_its_order(world: ChatwootWorld) -> None:
    world.server.next_word = 95
    talk = world.server.writes("word 0")
    for number in range(1, 12):
        world.server.writes(f"word {number}", talk=talk)
    expected = [f"word {number}" for number in range(12)]
    assert texts((await drain(world.connector))[0]) == expected
    assert texts([await world.connector.thread(str(talk))]) == expected
    assert texts([await world.connector.history("21")]) == expected


async def test_a_text_at_the_limit_goes(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    assert world.connector.caps.max_chars == 150_000
    await world.connector.send(out(talk, "😀" * 150_000))
    assert world.server.copies("😀" * 150_000) == 1


async def test_a_conversation_that_the_server_closes_says_who_did(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello")
    _, cursor = await drain(world.connector)
    assert head((await drain(world.connector))[0], talk).closed is False
    world.server.set_status(talk, "resolved", "system due to 15 days of inactivity")
    pages, _ = await drain(world.connector, cursor)
    it = head(pages, talk)
    assert (texts(pages), it.closed, it.status) == ([], True, "resolved")
    assert it.fields["last event"] == "Conversation was marked resolved by system due to 15 days of inactivity"


async def test_a_head_says_what_chatwoot_knows(world: ChatwootWorld) -> None:
    server = world.server
    talk = server.writes("hello", inbox=2)
    it = server.talks[talk]
    it.additional, it.custom = {"mail_subject": "Order 4411"}, {"order": "AC-1", "vip": True, "odd": [1]}
    it.labels, it.priority, it.assignee, it.team = ["late", "refund"], "urgent", 8, 5
    it.status, it.snoozed_until = "snoozed", "2026-01-02T08:00:00.000Z"
    found = head((await drain(world.connector))[0], talk)
    assert (found.subject, found.tags, found.priority, found.assignee) == (
        "Order 4411", ("late", "refund"), "urgent", "Bo Agent")
    assert found.queue == "Mail"
    assert found.url == "https://chat.example/app/accounts/3/conversations/1"
    assert found.fields == {"ticket": "1", "inbox": "Mail", "team": "depot", "order": "AC-1", "vip": "yes",
                            "snoozed until": "2026-01-02T08:00:00Z"}


async def test_a_contact_is_a_customer_with_addresses(world: ChatwootWorld) -> None:
    server = world.server
    person = server.contact("Kim Ito", "kim@example.test", phone_number="+4912345", identifier="kim-7", blocked=True,
                            additional={"description": "since 2019"})
    server.writes("hello", email="kim@example.test")
    found = await world.connector.customer(str(person.id))
    assert (found.ref, found.name, found.handle, found.bio) == (str(person.id), "Kim Ito", "kim@example.test",
                                                                "since 2019")
    assert (found.contacts, found.blocked) == (("kim@example.test", "+4912345"), True)
    with pytest.raises(Gone):
        await world.connector.customer("999")
    nameless = server.contact("", additional={"social_profiles": {"twitter": "", "instagram": "kim.ito"}})
    found = await world.connector.customer(str(nameless.id))
    assert (found.handle, found.name) == ("kim.ito", f"contact {nameless.id}")


async def test_surveys_and_forms_bring_the_customers_words(world: ChatwootWorld) -> None:
    server = world.server
    talk = server.writes("hello")
    survey = server.add(talk, TEMPLATE, "How was it?", content_type="input_csat")
    form = server.add(talk, TEMPLATE, "", content_type="form", attributes={"items": [{"title": "Order"}]})
    _, cursor = await drain(world.connector)
    world.clock.advance(MINUTE)
    survey.attributes = {"submitted_values": {"csat_survey_response": {"rating": 1, "feedback_message": "Too slow"}}}
    form.attributes = {**form.attributes, "submitted_values": [{"title": "Order", "value": "4411"}]}
    server.touch(talk)
    pages, cursor = await drain(world.connector, cursor)
    said = {m.ref: m for m in told(pages)}
    answer = said[f"{survey.id}-answer"]
    assert (answer.text, answer.rating, answer.direction, answer.kind) == ("Too slow", 1, Direction.IN, Kind.REVIEW)
    assert answer.author.ref == "21"
    assert said[f"{form.id}-answer"].text == "Order: 4411"
    assert said[f"{form.id}-answer"].direction is Direction.IN
    for stars, direction in ((3, Direction.IN), (5, Direction.NOTE)):
        survey.attributes = {"submitted_values": {"csat_survey_response": {"rating": stars}}}
        server.touch(talk)
        pages, cursor = await drain(world.connector, cursor)
        found = next(m for m in told(pages) if m.ref == f"{survey.id}-answer")
        assert (found.text, found.direction) == (f"(rated {stars} of 5)", direction)


async def test_a_reply_that_the_channel_refuses_later_is_shown(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello", inbox=5)
    await world.connector.send(out(talk, "an answer"))
    _, cursor = await drain(world.connector)
    word = world.server.words[-1]
    word.status, word.attributes = "failed", {"external_error": "(#131047) Re-engagement message"}
    world.server.touch(talk)
    pages, _ = await drain(world.connector, cursor)
    assert [(m.ref, m.text) for m in told(pages) if m.direction is Direction.NOTE] == [
        (f"{word.id}-failed", "This was not delivered: (#131047) Re-engagement message")]
    told_so = [(one.ref, one.reason) for page in pages for one in page.undelivered]
    assert told_so == [(str(word.id), "(#131047) Re-engagement message")]


async def test_only_an_answer_can_fail_to_reach_the_customer(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello", inbox=5)
    world.server.words[-1].status = "failed"
    await world.connector.send(out(talk, "between us", kind=OutKind.NOTE))
    world.server.words[-1].status = "failed"
    pages, _ = await drain(world.connector)
    assert [one for page in pages for one in page.undelivered] == []


async def test_an_edit_and_a_deletion_are_noticed(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello")
    word = world.server.words[-1]
    _, cursor = await drain(world.connector)
    _, cursor = await drain(world.connector, cursor)
    word.content = "hello, edited"
    world.server.touch(talk)
    pages, cursor = await drain(world.connector, cursor)
    assert [(m.ref, m.text) for m in told(pages)] == [(str(word.id), "hello, edited")]
    world.server.delete(word)
    pages, _ = await drain(world.connector, cursor)
    assert [(m.ref, m.text, m.deleted) for m in told(pages)] == [(str(word.id), "", True)]


async def test_due_times_of_the_server_are_used(world: ChatwootWorld) -> None:
    server, start = world.server, world.clock.now()
    talk = server.writes("hello")
    sla = {"sla_name": "Gold", "sla_status": "active", "sla_first_response_time_threshold": 3600.0,
           "sla_next_response_time_threshold": 1800.0, "sla_resolution_time_threshold": 86400.0,
           "sla_only_during_business_hours": False}
    server.talks[talk].sla = sla

    async def due() -> dict[ClockKind, int]:
        page = await world.connector.thread(str(talk))
        return {one.kind: one.due_at - start for one in page.conversations[0].due or ()}

    assert await due() == {ClockKind.FIRST: HOUR, ClockKind.RESOLUTION: DAY}
    server.says(7, talk, "answer")
    world.clock.advance(MINUTE)
    server.writes("and now?", talk=talk)
    assert await due() == {ClockKind.NEXT: MINUTE + 30 * MINUTE, ClockKind.RESOLUTION: DAY}
    server.talks[talk].sla = {**sla, "sla_only_during_business_hours": True}
    assert await due() == {}
    server.talks[talk].sla = {**sla, "sla_only_during_business_hours": True, "sla_frt_due_at": None,
                              "sla_nrt_due_at": start // 1_000 + 60, "sla_rt_due_at": start // 1_000 + 90}
    assert await due() == {ClockKind.NEXT: MINUTE, ClockKind.RESOLUTION: 90 * SECOND}
    server.talks[talk].status = "resolved"
    assert await due() == {}


# sending ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["use {{contact.name}} here", "{% raw %}", "{{{x}}}", "`{{a}}` and {{b}}", "{{"])
async def test_braces_reach_the_customer_as_typed(world: ChatwootWorld, text: str) -> None:
    talk = world.server.writes("question")
    await world.connector.send(out(talk, text))
    await world.connector.send(out(talk, text, "c2", OutKind.NOTE))
    assert world.server.delivered == [text]
    assert world.server.copies(text, private=True) == 1


async def test_a_text_that_cannot_be_written_is_refused(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    with pytest.raises(Rejected, match="swallow"):
        await world.connector.send(out(talk, "`{% endraw %}` {{x}}"))
    with pytest.raises(TooLong):
        await world.connector.send(out(talk, "x" * 150_001))
    assert len(world.server.words) == 1


async def test_a_reply_never_carries_a_source_id(world: ChatwootWorld) -> None:
    """Chatwoot takes a message with one for an echo of the channel and delivers nothing."""
    talk = world.server.writes("question")
    await world.connector.send(out(talk, "delivered", reply_to_ref="101"))
    sent = json.loads(world.line.seen[-1].content)
    assert sorted(sent) == ["content", "content_attributes", "echo_id", "external_created_at", "message_type",
                            "private"]
    assert world.server.delivered == ["delivered"]
    assert world.server.words[-1].attributes["in_reply_to"] == 101


async def test_the_same_words_twice_are_told_apart(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    first, second = out(talk, "Thanks", "one"), out(talk, "Thanks", "two")
    await world.connector.send(first)
    started = world.clock.now()
    world.clock.advance(2 * MINUTE)
    assert await world.connector.reconcile(second, started) == Absent()
    found = await world.connector.reconcile(first, started)
    assert isinstance(found, Found)
    assert found.receipt.ref == str(world.server.words[-1].id)
    assert key("one") != key("two")
    word = Word(id=1, message_type=1, created_at=1, content_attributes={"external_created_at": "1767225600.000001"})
    assert key_of(word) == 1
    assert key_of(Word(id=1, message_type=1, created_at=1, content_attributes={"external_created_at": "x"})) is None


async def test_another_agents_or_older_same_words_are_not_ours(world: ChatwootWorld) -> None:
    world.server.keeps_written_at = False
    talk = world.server.writes("question")
    world.server.says(7, talk, "hello")
    world.clock.advance(10 * MINUTE)
    world.server.says(8, talk, "hello")
    world.server.says(7, talk, "hello", private=True)
    started = world.clock.now()
    world.clock.advance(2 * MINUTE)
    assert await world.connector.reconcile(out(talk), started) == Absent()


async def test_a_reply_far_back_in_a_busy_conversation_is_found(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    mine, started = out(talk, "our answer"), world.clock.now()
    await world.connector.send(mine)
    for number in range(90):
        world.clock.advance(SECOND)
        world.server.writes(f"more {number}", talk=talk)
    assert isinstance(await world.connector.reconcile(mine, started), Found)


@pytest.mark.parametrize(("what", "status", "body"), [
    ("lie", 500, b'{"error": "boom"}'), ("lie", 200, b"[]"), ("lie", 200, b"null"), ("lie", 302, b""), ("cut", 0, b""),
    ("garbage", 0, b"")])
@pytest.mark.parametrize("kind", [OutKind.REPLY, OutKind.NOTE, OutKind.TICKET])
async def test_whatever_comes_instead_of_a_confirmation_is_ambiguous(
    world: ChatwootWorld, what: str, status: int, body: bytes, kind: OutKind
) -> None:
    """A 500 can follow a reply that was sent."""
    talk = world.server.writes("question", email="mia@example.test")
    mine = ticket(customer_mail="mia@example.test") if kind is OutKind.TICKET else out(talk, kind=kind)
    started = world.clock.now()
    await world.connector.verify()
    path = "/conversations" if kind is OutKind.TICKET else ""
    world.line.faults.append(Fault(what, "POST", path, status=status, body=body))
    with pytest.raises(Ambiguous):
        await world.connector.send(mine)
    assert isinstance(await world.connector.reconcile(mine, started), Found)


async def test_a_closed_window_is_said_before_anything_is_sent(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello", inbox=5)
    world.server.talks[talk].can_reply = False
    it = (await world.connector.thread(str(talk))).conversations[0]
    assert "24 hours" in it.locked_reason
    with pytest.raises(WindowClosed):
        await world.connector.send(out(talk))
    await world.connector.send(out(talk, "a note may go", kind=OutKind.NOTE))
    assert world.server.copies("a note may go", private=True) == 1


async def test_too_many_messages_wait_and_other_refusals_are_final(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello")
    for _ in range(200):
        world.server.writes("flood", talk=talk)
    with pytest.raises(RateLimited):
        await world.connector.send(out(talk))
    world.clock.advance(2 * MINUTE)
    body = b'{"message": "Content is odd", "attributes": ["content"]}'
    for status, error in ((422, Rejected), (403, Rejected), (404, Gone), (402, Rejected)):
        world.line.faults.append(Fault("status", "POST", status=status, body=body))
        with pytest.raises(error) as caught:
            await world.connector.send(out(talk))
        assert "Content is odd" in caught.value.cause
    assert world.server.copies("hello") == 0


async def test_rack_attack_says_later_in_plain_text(world: ChatwootWorld) -> None:
    _, cursor = await drain(world.connector)
    world.line.faults.append(Fault("status", status=429, headers={"content-type": "text/plain"}, body=b"Retry later\n"))
    with pytest.raises(RateLimited) as caught:
        await world.connector.pull(cursor)
    assert caught.value.retry_after == 60
    assert world.connector.budget() is None


async def test_an_inbox_that_was_taken_from_us_is_not_a_dead_token(world: ChatwootWorld) -> None:
    talk = world.server.writes("hello")
    await drain(world.connector)
    world.server.agents[7].inboxes = (2,)
    with pytest.raises(Gone):
        await world.connector.thread(str(talk))
    with pytest.raises(Rejected):
        await world.connector.send(out(talk, kind=OutKind.NOTE))
    assert isinstance(await world.connector.reconcile(out(talk), 0), Unsure)


async def test_files_go_as_a_form(world: ChatwootWorld, tmp_path: Path) -> None:
    talk = world.server.writes("question")
    path = tmp_path / "label.pdf"
    path.write_bytes(content := b"%PDF\r\n--x\x00\xff")
    upload = Upload(path=str(path), name='la"b\r\nel é.pdf', mime="application/pdf", size=len(content),
                    digest=hashlib.sha256(content).hexdigest())
    mine, started = out(talk, "see {{this}} é", uploads=(upload,), reply_to_ref="101"), world.clock.now()
    await world.connector.send(mine)
    word = world.server.words[-1]
    assert (word.content, word.attributes["in_reply_to"]) == ("see {{this}} é", 101)
    assert (word.files[0]["file_size"], len(word.files)) == (len(content), 1)
    assert b"\r\nel" not in world.line.seen[-1].content
    assert isinstance(await world.connector.reconcile(mine, started), Found)
    await world.connector.send(out(talk, "", "c2", uploads=(upload,)))
    path.write_bytes(b"changed")
    with pytest.raises(Rejected):
        await world.connector.send(out(talk, "x", "c3", uploads=(upload,)))
    with pytest.raises(Rejected, match="too many"):
        await world.connector.send(out(talk, "x", "c4", uploads=(upload,) * 16))


# tickets ------------------------------------------------------------------------------------------------------------


async def test_a_ticket_is_opened_once_with_its_customer(world: ChatwootWorld) -> None:
    mine = ticket(tags=("late",), customer_mail="mia@example.test")
    receipt = await world.connector.send(mine)
    it = world.server.talks[int(receipt.conversation_ref)]
    assert (world.server.inboxes[it.inbox]["name"], it.labels) == ("Desk", ["late"])
    assert it.additional == {"mail_subject": "Lost parcel", "agentdesk_id": "t1"}
    person = world.server.contacts[it.contact]
    assert (person.name, person.email, person.identifier) == ("Mia Berg", "mia@example.test", "@mia@social.example")
    assert world.server.copies("Mia wrote: where is it?", private=True) == 1
    assert world.server.delivered == []
    assert receipt.url == f"https://chat.example/app/accounts/3/conversations/{it.id}"
    again = await world.connector.reconcile(mine, world.clock.now())
    assert again == Found(receipt)
    await world.connector.send(ticket("t2"))
    assert len(world.server.contacts) == 1
    assert len(set(person.sources.values())) == 1
    page = await world.connector.thread(receipt.conversation_ref)
    assert page.conversations[0].subject == "Lost parcel"


async def test_a_ticket_whose_answer_is_lost_is_found_and_tagged(world: ChatwootWorld) -> None:
    await world.connector.verify()
    mine, started = ticket(tags=("late",)), world.clock.now()
    world.line.faults.append(Fault("cut", "POST", path="/conversations"))
    with pytest.raises(Ambiguous):
        await world.connector.send(mine)
    assert isinstance(await world.connector.reconcile(mine, started), Found)
    assert [t.labels for t in world.server.talks.values()] == [["late"]]
    world.line.faults.append(Fault("refuse", "POST", path="/labels"))
    with pytest.raises(Ambiguous):
        await world.connector.send(ticket("t2", tags=("late",)))
    world.line.faults.append(Fault("refuse", "POST", path="/labels"))
    assert isinstance(await world.connector.reconcile(ticket("t2", tags=("late",)), started), Unsure)
    assert isinstance(await world.connector.reconcile(ticket("t2", tags=("late",)), started), Found)
    assert len(world.server.talks) == 2


async def test_a_ticket_that_never_left_is_absent_after_a_while(world: ChatwootWorld) -> None:
    await world.connector.verify()
    mine, started = ticket(), world.clock.now()
    world.line.faults.append(Fault("lose", "POST", path="/conversations"))
    with pytest.raises(Ambiguous):
        await world.connector.send(mine)
    assert isinstance(await world.connector.reconcile(mine, started), Unsure)
    world.clock.advance(2 * MINUTE)
    assert await world.connector.reconcile(mine, started) == Absent()
    await world.connector.send(mine)
    assert len(world.server.talks) == 1


async def test_trouble_before_the_ticket_proves_that_there_is_none(world: ChatwootWorld) -> None:
    await world.connector.verify()
    for kind in ("cut", "refuse", "lose"):
        world.line.faults.append(Fault(kind, path="/contacts"))
        with pytest.raises(Unavailable):
            await world.connector.send(ticket())
    world.line.faults.append(Fault("cut", "POST", path="/contacts"))
    with pytest.raises(Unavailable):
        await world.connector.send(ticket())
    assert world.server.talks == {}
    await world.connector.send(ticket())
    assert len(world.server.contacts) == 1


async def test_an_inbox_with_one_conversation_for_each_goes_on_in_it(world: ChatwootWorld) -> None:
    world.server.inboxes[4]["lock_to_single_conversation"] = True
    first = await world.connector.send(ticket("t1"))
    started = world.clock.now()
    second = await world.connector.send(ticket("t2"))
    assert first.conversation_ref == second.conversation_ref
    assert isinstance(await world.connector.reconcile(ticket("t2"), started), Found)
    world.clock.advance(2 * MINUTE)
    assert await world.connector.reconcile(ticket("t3"), started) == Absent()


async def test_an_existing_contact_joins_the_inbox(world: ChatwootWorld) -> None:
    world.server.writes("hello", email="mia@example.test", inbox=2)
    receipt = await world.connector.send(ticket(customer_mail="MIA@example.test"))
    it = world.server.talks[int(receipt.conversation_ref)]
    assert (it.inbox, sorted(world.server.contacts[it.contact].sources)) == (4, [2, 4])
    for body in (b"null", b"{}", b'{"payload": []}'):
        for path in ("/contact_inboxes", "/contacts"):
            world.server.contacts[it.contact].sources.pop(4, None)
            world.line.faults.append(Fault("status", "POST", path, status=200, body=body))
            mail = "mia@example.test" if path == "/contact_inboxes" else "new@example.test"
            with pytest.raises(Rejected):
                await world.connector.send(ticket("t2", customer_mail=mail, customer_handle=""))
    assert len(world.server.talks) == 2


async def test_where_a_ticket_goes(world: ChatwootWorld) -> None:
    with pytest.raises(Rejected, match="no inbox Nosuch"):
        await world.connector.send(ticket(place="Nosuch"))
    with pytest.raises(Rejected, match="mail address"):
        await world.connector.send(ticket(place="mail"))
    world.connector = world.connect(ticket_inbox="Website")
    receipt = await world.connector.send(ticket())
    assert world.server.talks[int(receipt.conversation_ref)].inbox == 1
    with pytest.raises(Rejected, match="direct messages"):
        await world.connector.send(out(1, kind=OutKind.DM))


async def test_a_name_alone_finds_nobody(world: ChatwootWorld) -> None:
    """There are many Jane Does; taking one for another would show her what is not hers."""
    world.server.contact("Mia Berg", "another@example.test")
    world.server.contact("Not Mia", "xmia@example.test")
    receipt = await world.connector.send(ticket(customer_handle="", customer_mail="mia@example.test"))
    assert world.server.contacts[world.server.talks[int(receipt.conversation_ref)].contact].email == "mia@example.test"
    receipt = await world.connector.send(ticket("t2", customer_handle=""))
    assert world.server.contacts[world.server.talks[int(receipt.conversation_ref)].contact].identifier == "agentdesk-t2"


# acting -------------------------------------------------------------------------------------------------------------


async def test_a_claim_that_is_overwritten_at_once_is_lost(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    await world.connector.verify()
    slept = world.clock.sleep

    async def crossed(length: int) -> None:
        world.server.assign(talk, 8)
        await slept(length)

    world.clock.sleep = crossed  # type: ignore[method-assign]
    with pytest.raises(Conflict) as caught:
        await world.connector.act(act(talk, Verb.CLAIM))
    assert caught.value.holder == "Bo Agent"
    world.clock.sleep = slept  # type: ignore[method-assign]
    await world.connector.act(act(talk, Verb.CLAIM, "steal"))
    assert world.server.talks[talk].assignee == 7
    world.server.assign(talk, 8)
    await world.connector.act(act(talk, Verb.RELEASE))
    assert world.server.talks[talk].assignee == 8


async def test_assigning_goes_by_name_mail_or_team(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    for value, agent in (("Bo Agent", 8), ("ADA@desk.test", 7), ("", 0)):
        await world.connector.act(act(talk, Verb.ASSIGN, value))
        assert world.server.talks[talk].assignee == agent
    await world.connector.act(act(talk, Verb.ASSIGN, "team:Depot"))
    assert world.server.talks[talk].team == 5
    with pytest.raises(Rejected) as caught:
        await world.connector.act(act(talk, Verb.ASSIGN, "Nobody Known"))
    assert "Ada Agent, Bo Agent" in caught.value.cause


async def test_opening_does_not_take_it_from_a_colleague(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    for holder in (8, 0, 7):
        world.server.talks[talk].assignee, world.server.talks[talk].status = holder, "resolved"
        await world.connector.act(act(talk, Verb.STATUS, "open"))
        assert (world.server.talks[talk].status, world.server.talks[talk].assignee) == ("open", holder)
    with pytest.raises(Rejected):
        await world.connector.act(act(talk, Verb.STATUS, "solved"))


async def test_a_status_is_never_toggled_blindly(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    for _ in range(2):
        await world.connector.act(act(talk, Verb.STATUS, "resolved"))
    bodies = [json.loads(r.content) for r in world.line.seen if r.url.path.endswith("toggle_status")]
    assert bodies == [{"status": "resolved"}]


async def test_labels_of_others_are_kept(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    world.server.talks[talk].labels = ["theirs", "old"]
    await world.connector.act(act(talk, Verb.TAGS, '{"add": ["ours", "theirs"], "remove": ["old", "never there"]}'))
    assert world.server.talks[talk].labels == ["theirs", "ours"]
    for bad in ("", "[]", '{"add": ["a,b"]}', '{"add": [" "]}'):
        with pytest.raises(Rejected):
            await world.connector.act(act(talk, Verb.TAGS, bad))


async def test_priority_none_is_nothing(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    await world.connector.act(act(talk, Verb.PRIORITY, "urgent"))
    assert world.server.talks[talk].priority == "urgent"
    await world.connector.act(act(talk, Verb.PRIORITY, "none"))
    assert world.server.talks[talk].priority is None
    with pytest.raises(Rejected):
        await world.connector.act(act(talk, Verb.PRIORITY, "soon"))


async def test_a_refusal_with_200_is_a_refusal(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    await world.connector.verify()
    for path, verb, value in (("assignments", Verb.CLAIM, ""), ("toggle_status", Verb.STATUS, "resolved"),
                              ("toggle_priority", Verb.PRIORITY, "high"), ("assignments", Verb.ASSIGN, "Bo Agent"),
                              ("labels", Verb.TAGS, '{"add": ["x"]}')):
        world.line.faults.append(Fault("status", "POST", path=path, status=200, body=b"null", times=9))
        with pytest.raises(Rejected):
            await world.connector.act(act(talk, verb, value))


async def test_only_our_own_messages_can_be_deleted(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    mine, theirs = world.server.says(7, talk, "a slip"), world.server.says(8, talk, "theirs")
    for _ in range(2):
        await world.connector.act(act(talk, Verb.DELETE, message_ref=str(mine.id)))
    assert mine.attributes == {"deleted": True}
    for ref in (str(theirs.id), str(mine.id - 1), "", "../1", "x"):
        with pytest.raises(Rejected):
            await world.connector.act(act(talk, Verb.DELETE, message_ref=ref))
    assert theirs.content == "theirs"


async def test_reading_is_told_and_what_chatwoot_cannot_is_refused(world: ChatwootWorld) -> None:
    talk = world.server.writes("question")
    await world.connector.act(act(talk, Verb.MARK_READ))
    assert world.server.requests[-1] == ("POST", f"/conversations/{talk}/update_last_seen")
    for verb in (Verb.LIKE, Verb.BOOST, Verb.FOLLOW, Verb.EDIT):
        with pytest.raises(Rejected):
            await world.connector.act(act(talk, verb))


@pytest.mark.parametrize("ref", ["", "abc", "1/labels", "../contacts/1", "1?x=y", "-1", "٣", "9" * 400])
async def test_refs_that_are_no_numbers_reach_no_server(world: ChatwootWorld, ref: str) -> None:
    await world.connector.verify()
    world.server.requests.clear()
    action = Action(verb=Verb.CLAIM, conversation_ref=ref)
    message = Outgoing(client_id="x", conversation_ref=ref, kind=OutKind.REPLY, text="x", visibility=Visibility.DIRECT)
    for work in (world.connector.thread(ref), world.connector.send(message), world.connector.act(action),
                 world.connector.customer(ref), world.connector.history(ref)):
        with pytest.raises(Rejected):
            await work
    assert world.server.requests == []


# finding, files, canned replies -------------------------------------------------------------------------------------


async def test_finding_by_words_name_and_mail(world: ChatwootWorld) -> None:
    server = world.server
    first = server.writes("the parcel is blue", name="Jane Doe", email="jane@example.test")
    other = server.writes("hello", name="Bo Larsen", email="bo@example.test")
    hidden = server.writes("blue too", email="kim@example.test", inbox=3)
    server.set_status(first, "resolved", "Bo")
    for words, found in (("BLUE", {first}), ("bo larsen", {other}), ("jane@example.test", {first}), ("nothing", set())):
        page = await world.connector.find(words)
        assert {int(c.ref) for c in page.conversations} == found
        assert hidden not in {int(c.ref) for c in page.conversations}
    assert texts([await world.connector.find("blue")]) == ["the parcel is blue"]
    assert (await world.connector.find("  ")).conversations == ()


async def test_history_brings_every_inbox_we_may_see(world: ChatwootWorld) -> None:
    one = world.server.writes("first question")
    world.server.says(8, one, "an answer")
    world.server.writes("second question", inbox=2)
    page = await world.connector.history("21")
    assert page.backfill
    assert sorted(texts([page])) == ["an answer", "first question", "second question"]


async def test_attachments_are_listed_and_fetched_without_the_token_elsewhere(world: ChatwootWorld) -> None:
    server = world.server
    files = [server.file("x", "label%20one.pdf", 1234),
             server.file("x", "v.ogg", 10, file_type="audio", transcribed_text="where is it"),
             {"id": 1, "file_type": "location", "coordinates_lat": 52.5, "coordinates_long": 13.4, "data_url": None},
             {"id": 2, "file_type": "file", "data_url": "javascript:alert(1)", "file_size": "big"}]
    server.writes(None, files=files)
    (message,) = told((await drain(world.connector))[0])
    assert [(a.name, a.mime, a.size, a.alt) for a in message.attachments] == [
        ("label one.pdf", "", 1234, ""), ("v.ogg", "audio/*", 10, "where is it"), ("location 52.5, 13.4", "", None, ""),
        ("file", "", None, "")]
    assert message.attachments[3].url == ""
    real = world.line.handler
    asked: list[httpx.Headers] = []

    def storage(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        if "active_storage" in url:
            return Reply(302, headers={"location": "https://bucket.s3.example/label.pdf?signature=x"})
        if "bucket" in url:
            asked.append(httpx.Headers(headers))
            return Reply(200, raw=b"PDF" * 10)
        return real(method, url, headers, body)

    world.line.handler = storage
    into = io.BytesIO()
    await world.connector.download(message.attachments[0].url, into, 1_000)
    assert into.getvalue() == b"PDF" * 10
    assert not any("token" in name for name in asked[0])
    with pytest.raises(Rejected):
        await world.connector.download(message.attachments[0].url, io.BytesIO(), 10)
    for bad in ("http://169.254.169.254/latest", "https://127.0.0.1/x", "file:///etc/passwd", "https://localhost/x"):
        with pytest.raises(SourceError):
            await world.connector.download(bad, io.BytesIO(), 1_000)


async def test_canned_responses_and_macros_come_with_what_they_do(world: ChatwootWorld) -> None:
    world.server.nonsense = "a canned response that is none"
    world.server.canned = [
        {"id": 1, "account_id": 3, "short_code": "delay", "content": "Sorry {{contact.first_name}},\nit is late."},
        {"id": 2, "short_code": "", "content": "plain"}, {"id": "x"}]
    steps = [("send_message", ["Hi {{contact.name}}"]), ("add_label", ["late", "depot"]), ("remove_label", ["new"]),
             ("change_priority", ["high"]), ("assign_agent", [8]), ("assign_team", [5]), ("resolve_conversation", []),
             ("mute_conversation", None), ("send_webhook_event", ["https://x.example"]), ("assign_agent", ["self"])]
    actions = [{"action_name": name, "action_params": params} for name, params in steps]
    world.server.macros = [{"id": 4, "name": "Late Parcel", "visibility": "global", "actions": actions}]
    first, second, macro = await world.connector.canned()
    assert (first.name, first.title) == ("delay", "Sorry {{contact.first_name}}, it is late.")
    assert first.text == "Sorry {{ customer.first_name }},\nit is late."
    assert second.name == "response-2"
    assert (macro.ref, macro.name, macro.text) == ("macro:4", "late-parcel", "Hi {{ customer.name }}")
    assert macro.title == "Late Parcel (only in Chatwoot: mute conversation, send webhook event)"
    assert macro.actions == ("tag late", "tag depot", "tag -new", "priority high", 'assign "Bo Agent"',
                             "assign team:depot", "status resolved", "claim")
    world.line.faults.append(Fault("status", path="/macros", status=404, body=b'{"error": "gone"}'))
    assert [one.name for one in await world.connector.canned()] == ["delay", "response-2"]


# a broken server ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"null", b"[]", b'{"data": null}', b'{"data": {"payload": {}}}', b"<html>", b"",
                                  b'{"data": {"payload": null}}', b"\xff\xfe"])
async def test_lists_that_are_none_are_bad_answers(world: ChatwootWorld, body: bytes) -> None:
    _, cursor = await drain(world.connector)
    for path in ("/conversations", "/inboxes"):
        world.line.faults.append(Fault("status", path=path, status=200, body=body, times=2))
        with pytest.raises((BadAnswer, AuthError)):
            await (world.connector.pull(cursor) if path == "/conversations" else world.connector.verify())
        world.line.faults.clear()


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null"])
async def test_an_empty_answer_about_us_is_no_dead_token(world: ChatwootWorld, body: bytes) -> None:
    world.line.faults.append(Fault("status", path="/profile", status=200, body=body))
    with pytest.raises(BadAnswer, match="whose token"):
        await world.connector.verify()
    assert (await world.connector.verify()).ref == "agent:7"


async def test_odd_heads_and_messages_are_set_aside_alone(world: ChatwootWorld) -> None:
    world.server.writes("good one")
    real = world.line.handler

    def odd(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        reply = real(method, url, headers, body)
        if "/messages" in url:
            reply.data["payload"][:0] = [  # type: ignore[attr-defined]
                None, 7, {"id": "x"}, {"id": 5, "message_type": "sideways", "created_at": 1},
                {"id": 6, "message_type": 0, "created_at": "never"},
                {"id": 7, "message_type": 0, "created_at": 1767225600, "content": {"a": 1}}]
        elif url.partition("?")[0].endswith("/conversations"):
            reply.data["data"]["payload"] += [{"id": None}, "x", {"id": 9, "labels": 7}]  # type: ignore[attr-defined]
        return reply

    world.line.handler = odd
    pages, cursor = await drain(world.connector)
    assert texts(pages) == ["good one"]
    where = [r.where for page in pages for r in page.rejects]
    assert {"conversation 9", "conversation ?", "message 5", "message 6", "message 7", "message x"} <= set(where)
    assert [r for page in (await drain(world.connector, cursor))[0] for r in page.rejects] == []


async def test_messages_that_never_end_are_bounded(world: ChatwootWorld) -> None:
    world.server.writes("hello")
    real = world.line.handler
    numbers = iter(range(10**9, 0, -1))

    def endless(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        if "/messages" not in url:
            return real(method, url, headers, body)
        rows = [{"id": next(numbers), "message_type": 0, "created_at": 1767225600, "content": "x"} for _ in range(20)]
        return Reply(200, {"payload": rows[::-1]})

    world.line.handler = endless
    page = await world.connector.thread("1")
    assert page.gap
    assert len(page.messages) < 4_000

    def circle(method: str, url: str, headers: dict[str, str], body: bytes) -> Any:
        return real(method, url.partition("?before")[0], headers, body)

    world.line.handler = circle
    assert texts([await world.connector.thread("1")]) == ["hello"]


# news over the socket -----------------------------------------------------------------------------------------------


def frame(event: str) -> str:
    return json.dumps({"identifier": "{}", "message": {"event": event, "data": {"account_id": 3}}})


def test_only_what_is_new_is_a_hint() -> None:
    assert address("https://chat.example/sub") == "wss://chat.example/sub/cable"
    assert address("http://127.0.0.1:3000") == "ws://127.0.0.1:3000/cable"
    for event in ("message.created", "message.updated", "conversation.created", "conversation.status_changed",
                  "assignee.changed"):
        assert happened(frame(event), "x")
    for event in ("presence.update", "conversation.typing_on", "notification.created", ""):
        assert not happened(frame(event), "x")
    for odd in ("", "[", "7", "[]", '{"message": 7}', '{"message": {"event": []}}', b"\xff", "[" * 10_000):
        assert not happened(odd, "x")
    for end in ('{"type": "reject_subscription"}', '{"type": "disconnect", "reason": "unauthorized"}'):
        with pytest.raises(Unavailable):
            happened(end, "x")


async def test_the_socket_says_when_to_look_and_never_that_we_are_present(clock: ManualClock) -> None:
    from websockets.asyncio.server import ServerConnection, serve

    fake = ChatwootWorld(clock)
    heard: list[dict[str, Any]] = []
    paths: list[str] = []

    async def cable(line: ServerConnection) -> None:
        assert line.request is not None
        paths.append(line.request.path)
        await line.send('{"type": "welcome"}')
        heard.append(json.loads(await line.recv()))
        await line.send('{"type": "ping", "message": 1}')
        await line.send(frame("presence.update"))
        await line.send(frame("message.created"))
        await line.close()

    async with serve(cable, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        fake.connector._client.site = f"http://127.0.0.1:{port}"
        hints = fake.connector.hints()
        assert hints is not None
        await asyncio.wait_for(anext(hints), 30)
        with pytest.raises(Unavailable):
            await asyncio.wait_for(anext(hints), 30)
    assert paths == ["/cable"]
    assert [one["command"] for one in heard] == ["subscribe"]
    assert json.loads(heard[0]["identifier"]) == {"channel": "RoomChannel", "pubsub_token": "pub-7", "account_id": 3,
                                                  "user_id": 7}
    await fake.connector.close()


async def test_over_a_real_socket_as_well(clock: ManualClock) -> None:
    fake = ChatwootWorld(clock)
    fake.server.writes("hello")
    faults: list[Fault] = []
    with serving(fake.server.handle, faults) as url:
        source = ChatwootSource(name="care", url=url, account=3)
        connector = create(source, clock=clock, token=lambda: "tok-ada-0123456789")
        assert texts([await connector.pull(None)]) == ["hello"]
        mine, started = out(1, "once"), clock.now()
        faults.append(Fault("cut", "POST"))
        with pytest.raises(Ambiguous):
            await connector.send(mine)
        assert isinstance(await connector.reconcile(mine, started), Found)
        await connector.close()
    assert fake.server.copies("once") == 1


def test_a_talk_without_anything_is_still_one() -> None:
    assert Talk(id=1).stamp == "0"
    assert ACTIVITY == 2
