"""The head of a conversation: every clock in words, who has it, what stands in the way; and ticking by cells."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.desk import answer, find, inbox
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND
from agentdesk.model.conversation import ClockKind, Conversation, Disposition, DueClock, Severity, State
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import OutKind
from agentdesk.model.text import Inert
from agentdesk.ui.theme import Palette
from agentdesk.ui.widgets.header import ConversationHeader
from agentdesk.ui.widgets.header_layout import Page, rows
from agentdesk.ui.widgets.label import changed_cells
from agentdesk.ui.widgets.runs import Row, Run, ruled, spread, strip
from tests.desk.conftest import World
from tests.ui.over_desk import app_over, screen_text, until

NOW = 1_771_063_327_000
PAGE = Page(width=110, zone=ZoneInfo("UTC"), now=NOW, agent="ann")
PLAIN = Conversation(
    id=1042, source="mastodon:acme", ref="r", customer_id=1, name=Inert("Jane Doe"), subject=Inert(""), url="",
    state=State.OPEN, severity=Severity.NORMAL, reasons=(), status="", assignee="", priority="", queue="", tags=(),
    incident="", fields={}, clocks=(), claim_agent="", claim_until=None, snoozed_until=None, created_at=NOW - DAY,
    first_in_at=NOW - DAY, unanswered_since=NOW - HOUR, last_in_at=NOW - HOUR, last_out_at=None, unread=0, messages=1,
    disposition=None, disposition_code="", locked_reason="", version=1, backfill=False)


def conversation(**fields: object) -> Conversation:
    return msgspec.structs.replace(PLAIN, **fields)


def clock(kind: ClockKind, left: int, **fields: object) -> DueClock:
    return msgspec.structs.replace(DueClock(kind=kind, due_at=NOW + left, soon_at=NOW + left - 30 * MINUTE,
                                            started_at=NOW - HOUR), **fields)


def words(it: Conversation, page: Page = PAGE, vip: bool = False) -> str:
    return "\n".join("".join(run.text for run in spread(row, page.width)) for row in
                     rows(it, page, Visibility.PUBLIC, vip))


def test_who_where_and_how_public() -> None:
    first = words(PLAIN, vip=True).splitlines()[0]
    for part in ("#1042", "Jane Doe", "VIP", "mastodon:acme · public"):
        assert part in first


@pytest.mark.parametrize(("fields", "said"), [
    ({"disposition": Disposition.PRAISE}, "done: praise"),
    ({"remote_closed": True}, "done: closed at the source"),
    ({"backfill": True}, "done: history, old when it was read in"),
])
def test_how_a_conversation_ended_is_told_apart_from_history(fields: dict[str, object], said: str) -> None:
    assert said in words(conversation(state=State.DONE, **fields))


def test_how_it_stands_makes_way_for_the_name_and_is_never_lost() -> None:
    it = conversation(state=State.DONE, name=Inert("Rosalind Achterberg"), disposition=Disposition.NOT_ACTIONABLE,
                      disposition_code="out_of_scope")
    for width in range(30, 120):
        first, *rest = words(it, replace(PAGE, width=width)).splitlines()
        assert "Rosalind Achterberg" in first
        assert "done: not actionable" in "\n".join([first, *rest])


def test_every_clock_with_its_state_in_a_sign_and_a_word() -> None:
    it = conversation(clocks=(
        clock(ClockKind.NEXT, 7 * MINUTE + 5 * SECOND),
        clock(ClockKind.RESOLUTION, 3 * HOUR + 10 * MINUTE, by_server=True),
        clock(ClockKind.PROMISE, -12 * MINUTE, words="call back")))
    shown = words(it)
    assert "! 0:07:05 soon next reply" in shown
    assert "· 3:10 resolution, help desk's" in shown
    assert "‼ -0:12:00 late promise: call back" in shown
    assert shown.index("call back") < shown.index("next reply") < shown.index("resolution")


def test_a_paused_clock_stands_still_and_says_so() -> None:
    it = conversation(clocks=(clock(ClockKind.RESOLUTION, HOUR, paused_since=NOW - 10 * MINUTE),))
    assert "‖ 1:10 resolution paused" in words(it)


def test_a_closed_calendar_says_when_it_opens() -> None:
    it = conversation(clocks=(clock(ClockKind.FIRST, 2 * DAY, calendar="office"),))
    page = Page(width=110, zone=ZoneInfo("UTC"), now=NOW, agent="ann", opens=NOW + 46 * HOUR)
    assert "first reply until Mon" in words(it, page)


def test_what_customers_expect_and_that_it_passed() -> None:
    it = conversation(clocks=(clock(ClockKind.FIRST, HOUR, expected_at=NOW - 10 * MINUTE),))
    assert "expected within 50 min, passed 10 min ago" in words(it)
    it = conversation(clocks=(clock(ClockKind.FIRST, HOUR, expected_at=NOW + MINUTE),))
    assert "passed" not in words(it)


@pytest.mark.parametrize(("fields", "said"), [
    ({"claim_agent": "ann", "claim_until": NOW + MINUTE}, "yours until 10:03"),
    ({"claim_agent": "sam", "claim_until": NOW + MINUTE}, "sam has it until 10:03"),
    ({"tags": ("lost-parcel", "vip")}, "#lost-parcel #vip"),
    ({"incident": "depot-north"}, "depot-north"),
    ({"indirect": True}, "◌ heard, not addressed to us"),
    ({"status": "open", "assignee": "kim", "priority": "high"}, "open · with kim · priority high"),
    ({"subject": Inert("Parcel 4411")}, "Parcel 4411"),
    ({"locked_reason": "the window closed"}, "no reply can be sent: the window closed"),
    ({"state": State.SNOOZED, "snoozed_until": NOW + DAY}, "snoozed until Sun 10:02"),
    ({"state": State.DONE, "disposition": Disposition.NOT_ACTIONABLE, "disposition_code": "thanks"},
     "done: not actionable thanks"),
    ({"state": State.WAITING}, "waiting for the customer"),
])
def test_facts_in_words(fields: dict[str, object], said: str) -> None:
    assert said in words(conversation(**fields))


def test_an_expired_claim_is_nobodys() -> None:
    assert "yours" not in words(conversation(claim_agent="ann", claim_until=NOW - 1))


@given(st.integers(14, 150), st.text(max_size=60), st.text(max_size=60))
def test_rows_fit_any_width_and_any_text(width: int, name: str, tag: str) -> None:
    from agentdesk.model.text import inert_line

    it = conversation(name=inert_line(name), tags=(inert_line(tag),), locked_reason=name, subject=inert_line(tag),
                      clocks=(clock(ClockKind.PROMISE, HOUR, words=name),), assignee=name, claim_agent=name,
                      claim_until=NOW + 1)
    page = Page(width=width, zone=ZoneInfo("UTC"), now=NOW, agent="ann")
    for row in rows(it, page, Visibility.DIRECT):
        assert strip(row, width, Palette()).cell_length == width


def test_only_the_cells_that_changed_are_named() -> None:
    old = Row((Run(" a "), Run("0:07:05"), Run(" next")))
    new = Row((Run(" a "), Run("0:07:04"), Run(" next")))
    assert changed_cells(old, new, 40) == (3, 7)
    assert changed_cells(old, old, 40)[1] >= 1


async def test_a_tick_redraws_the_countdown_only(world: World) -> None:
    number = await world.arrive("a")
    await inbox.claim(world.desk, [number])
    app = app_over(world)
    async with app.run_test(size=(140, 30)) as pilot:
        await until(pilot, lambda: app.main.conversation and app.main.conversation.header.line_count() > 1)
        pane = app.main.conversation
        assert pane is not None
        head: ConversationHeader = pane.header
        assert any("yours until" in head.draw(y, 60).text for y in range(head.line_count()))
        world.clock.advance(MINUTE)
        head.tick(world.clock.now())
        asked: list[tuple[int, int, int | None]] = []
        head.redraw = lambda first, count=1, *, x=0, width=None: asked.append((first, x, width))  # type: ignore[method-assign,assignment]
        head.tick(world.clock.now())
        assert asked == []
        world.clock.advance(MINUTE)
        head.tick(world.clock.now())
        assert asked
        assert all(width is not None and width <= 12 for _, _, width in asked)


def test_a_name_is_never_cut_for_the_place_or_the_state() -> None:
    page = Page(width=42, zone=ZoneInfo("UTC"), now=NOW, agent="ann")
    it = conversation(state=State.SNOOZED, snoozed_until=NOW + 6 * HOUR)
    shown = words(it, page).splitlines()
    assert "#1042 Jane Doe" in shown[0]
    assert "snoozed until" in shown[0]
    assert "mastodon:acme · public" in shown[1]


async def test_a_note_of_ours_does_not_make_a_conversation_internal(world: World) -> None:
    number = await world.arrive("a")
    note = msgspec.structs.replace(answer.open_draft(world.desk, number, OutKind.NOTE), text="The depot was rung")
    await answer.send(world.desk, note)
    world.clock.advance(10 * SECOND)
    await world.sync()
    assert find.thread(world.desk, number)[-1].message.direction is Direction.NOTE
    app = app_over(world)
    async with app.run_test(size=(120, 36)) as pilot:
        await until(pilot, lambda: "· public" in screen_text(app))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_rule_fills_what_is_left_and_is_never_cut(width: int) -> None:
    row = Row((Run(" reply  public"),), (Run("saved"), Run(" ")))
    drawn = "".join(run.text for run in spread(ruled(row, width, Palette(colour=False), "composer"), width))
    assert "…" not in drawn
    assert drawn.startswith(" reply  public ──")
    assert drawn.endswith("── saved ")
    assert len(drawn) == width
