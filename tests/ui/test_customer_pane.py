"""The customer: who it is, what happened before on all sources, what is linked and promised."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.desk import inbox, people
from agentdesk.model.clock import DAY, HOUR, MINUTE
from agentdesk.model.conversation import ConversationBrief, Disposition, Link, Promise, Severity, State
from agentdesk.model.customer import Customer, Identity, Profile
from agentdesk.model.message import Direction
from agentdesk.model.text import Inert, inert_line
from agentdesk.ui.theme import Palette
from agentdesk.ui.widgets.customer_layout import Known, Page, blocks
from agentdesk.ui.widgets.customer_pane import CustomerPane
from agentdesk.ui.widgets.runs import spread, strip
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, shown, until

NOW = 1_771_063_327_000
PAGE = Page(width=30, zone=ZoneInfo("UTC"), now=NOW)
JANE = Customer(
    id=1, name=Inert("Jane Doe"), vip=True, note="rings the bell at 14 when away", tags=("press",),
    first_seen_at=NOW - 280 * DAY, conversations=3,
    identities=(
        Identity(source="mastodon:acme", seen_at=NOW, profile=Profile(
            ref="1", handle=Inert("@jane@social.example"), followers=12_400, lang="en", created_at=NOW - 7 * 365 * DAY,
            contacts=(Inert("jane@mail.example"),))),
        Identity(source="bluesky:acme", seen_at=NOW, profile=Profile(ref="2", handle=Inert("jane.example"), bot=True)),
    ))


def brief(number: int, **fields: object) -> ConversationBrief:
    plain = ConversationBrief(
        id=number, source="mastodon:acme", letter="M", ref=f"r{number}", subject=Inert(""),
        preview=Inert("lost parcel"), state=State.DONE, severity=Severity.NORMAL, status="",
        disposition=Disposition.ANSWERED, disposition_code="", created_at=NOW - 90 * DAY,
        last_at=NOW - 90 * DAY + 11 * MINUTE, messages=2)
    return msgspec.structs.replace(plain, **fields)


def words(known: Known, page: Page = PAGE) -> str:
    return "\n".join("".join(run.text for run in spread(row, page.width)).rstrip()
                     for block in blocks(known, page) for row in block.rows)


def test_who_it_is() -> None:
    text = words(Known(JANE, 9))
    for part in ("Jane Doe", "VIP", "@jane@social.example", "jane.example", "mastodon", "bluesky", "12.4k followers",
                 "there since 2019", "en", "jane@mail.example", "rings the bell at 14", "#press", "bot"):
        assert part in " ".join(text.split())


@pytest.mark.parametrize(("fields", "said"), [
    ({}, ("✓ Nov", "lost parcel", "11 min · mastodon")),
    ({"disposition": Disposition.PRAISE}, ("♥ Nov", "praise")),
    ({"disposition": Disposition.NOT_ACTIONABLE, "disposition_code": "thanks"}, ("✗ Nov", "not actionable thanks")),
    ({"state": State.OPEN, "disposition": None}, ("◐ Nov", "open")),
    ({"state": State.WAITING, "disposition": None}, ("○ Nov", "waiting")),
    ({"created_at": NOW - 700 * DAY}, ("✓ Mar 24",)),
])
def test_earlier_conversations_with_their_outcome(fields: dict[str, object], said: tuple[str, ...]) -> None:
    text = words(Known(JANE, 9, [brief(3, **fields)]))
    assert "before 1" in text
    for part in said:
        assert part in text


def test_the_conversation_in_sight_is_not_among_the_earlier_ones() -> None:
    assert "nothing before this" in words(Known(JANE, 3, [brief(3)]))


def test_links_with_their_state_and_promises_with_their_clock() -> None:
    links = [Link(id=1, conversation_id=9, kind="ticket", other_id=77, name=Inert("Jane Doe"), state=State.WAITING,
                  status="open", label="rt#5512", queue="depot", last_direction=Direction.NOTE, last_by=Inert("Depot"),
                  last_at=NOW - HOUR, last_text=Inert("We found the parcel")),
             Link(id=2, conversation_id=9, kind="ticket", other_id=78, name=Inert("Kim Ito"), state=State.OPEN,
                  label="mastodon#t1", back=True)]
    promises = [Promise(id=4, conversation_id=9, agent="ann", words="call back", made_at=NOW - HOUR,
                        due_at=NOW + 7 * MINUTE + 5_000)]
    text = words(Known(JANE, 9, [], links, promises))
    for part in ("linked 2", "rt#5512 open → depot", "Depot", "We found the parcel", "mastodon#t1 open post", "Kim Ito",
                 "promised 1", "! 0:07:05 soon", "call back"):
        assert part in text


def test_earlier_conversations_and_links_can_be_chosen_and_nothing_else() -> None:
    links = [Link(id=1, conversation_id=9, kind="duplicate", other_id=12, state=State.DONE)]
    keys = [block.key for block in blocks(Known(JANE, 9, [brief(3)], links), PAGE) if block.selectable]
    assert keys == [12, 3]


@pytest.mark.parametrize("width", [30, 60, 80])
def test_what_the_platform_says_of_an_account_is_shown(width: int) -> None:
    profile = Profile(ref="1", handle=Inert("@jane@social.example"), remarks=(
        Inert("limited by moderators"), Inert("uses @jane@new.example now")))
    person = msgspec.structs.replace(JANE, identities=(Identity(source="mastodon:acme", seen_at=NOW, profile=profile),))
    text = " ".join(words(Known(person, 9), Page(width=width, zone=ZoneInfo("UTC"), now=NOW)).split())
    assert "limited by moderators uses @jane@new.example now" in text


@given(st.integers(12, 60), st.text(max_size=80))
def test_rows_fit_any_width_and_any_text(width: int, text: str) -> None:
    safe = inert_line(text)
    person = msgspec.structs.replace(JANE, name=safe, note=text, tags=(safe,), identities=(
        Identity(source="x:y", seen_at=0, profile=Profile(ref="1", handle=safe, contacts=(safe,), lang=safe,
                                                               remarks=(safe,))),))
    known = Known(person, 9, [brief(3, preview=safe, disposition_code=safe)],
                  [Link(id=1, conversation_id=9, kind=safe, url=safe),
                   Link(id=2, conversation_id=9, kind="t", other_id=4, name=safe, status=safe)],
                  [Promise(id=1, conversation_id=9, agent=safe, words=safe, made_at=0, due_at=NOW)])
    page = Page(width=width, zone=ZoneInfo("UTC"), now=NOW)
    for block in blocks(known, page):
        for row in block.rows:
            assert strip(row, width, Palette()).cell_length == width


async def test_enter_on_an_earlier_conversation_opens_it(world: World) -> None:
    first = await world.arrive("a", "the earlier one")
    world.clock.advance(DAY)
    second = await world.arrive("b", "the present one")
    await people.merge(world.desk, 1, 2)
    await inbox.promise(world.desk, second, world.clock.now() + HOUR, "call back")
    app = app_over(world)
    async with app.run_test(size=(140, 36)) as pilot:
        await until(pilot, lambda: app.main.customer is not None)
        app.main.open_conversation(second)
        pane = app.main.query_one(CustomerPane)
        assert "before 1" in shown(pane)
        assert "1:00 " in shown(pane)
        world.clock.advance(5 * MINUTE)
        pane.tick(world.clock.now())
        assert "0:55:00 " in shown(pane)
        app.main.show_pane("customer")
        await pilot.press("enter")
        conversation = app.main.conversation
        await until(pilot, lambda: conversation is not None and conversation.conversation_id == first)
        assert "the earlier one" in shown(conversation.thread) if conversation else False


def test_a_long_address_is_broken_before_its_server() -> None:
    profile = Profile(ref="1", handle=Inert("jane.thorne@mail.example"))
    person = msgspec.structs.replace(JANE, identities=(Identity(source="rt:support", seen_at=NOW, profile=profile),))
    narrow = Page(width=24, zone=ZoneInfo("UTC"), now=NOW)
    shown = words(Known(person, 9), narrow).splitlines()
    assert " jane.thorne" in shown
    assert " @mail.example" in shown


def test_an_earlier_conversation_names_its_source_in_the_room_there_is() -> None:
    narrow = Page(width=24, zone=ZoneInfo("UTC"), now=NOW)
    assert "3 h 20 min · acme" in words(Known(JANE, 9, [brief(3, last_at=NOW - 90 * DAY + 200 * MINUTE)]), narrow)
