"""A customer as blocks of rows: who it is, what happened before on all sources, what is linked and promised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import ConversationBrief, Disposition, Link, Promise, Severity, State
from agentdesk.model.customer import Customer, Identity, Offer
from agentdesk.model.message import Direction
from agentdesk.rules.sla import Standing, left, standing
from agentdesk.ui.present import line
from agentdesk.ui.present import width as wide
from agentdesk.ui.theme import UNICODE, Glyphs
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.header_layout import tie
from agentdesk.ui.widgets.runs import BLANK, Row, Run, flow, fold
from agentdesk.ui.widgets.when import length, local, many, moment, month


@dataclass(frozen=True)
class Page:
    """What the pane is laid out with."""

    width: int
    zone: ZoneInfo
    now: Millis
    glyphs: Glyphs = UNICODE
    keys: tuple[str, str] = ("=", "!")
    """What puts an offered customer together with this one, and what says no."""

    @property
    def room(self) -> int:
        """Cells for text."""
        return max(8, self.width - 2)


@dataclass(frozen=True)
class Known:
    """All that the desk knows of the customer of one conversation."""

    customer: Customer
    conversation_id: int
    earlier: Sequence[ConversationBrief] = ()
    links: Sequence[Link] = ()
    promises: Sequence[Promise] = field(default=())
    offers: Sequence[Offer] = ()
    """Customers who may be the same person."""


def blocks(known: Known, page: Page) -> list[Block]:
    """The whole pane."""
    person = known.customer
    found = [Block(tuple(_who(person, page)), None, False)]
    if person.note or person.tags:
        found.append(Block(tuple(_note(person, page)), None, False))
    found.extend(_offer(it, page) for it in known.offers)
    if known.links:
        found.append(_heading("linked", len(known.links), page))
        found.extend(_link(it, page) for it in known.links)
    before = [it for it in known.earlier if it.id != known.conversation_id]
    found.append(_heading("before", len(before), page, "nothing before this"))
    column = max((len(month(it.created_at, page.now, page.zone)) for it in before), default=0) + 1
    found.extend(Block(_brief(it, page, column), it.id) for it in before)
    found.extend(promise_blocks(known, page))
    return found


def promise_blocks(known: Known, page: Page) -> list[Block]:
    """What was promised and is not kept yet, with its clock."""
    if not known.promises:
        return []
    found = [_heading("promised", len(known.promises), page)]
    found.extend(Block(_promise(it, page), ("promise", it.id), False) for it in known.promises)
    return found


def _text(words: str, page: Page, ink: str, most: int = 3, indent: int = 1) -> list[Row]:
    """Words of somebody over a few rows."""
    return [Row((Run(" " * indent), Run(part, ink))) for part in fold(words, page.width - indent - 1, most)]


def _who(person: Customer, page: Page) -> list[Row]:
    """Name, identities, reach, languages, contacts."""
    right = (Run("VIP", "praise", bold=True), Run(" ")) if person.vip else ()
    name = line(person.name or "unknown", page.room - (5 if person.vip else 0), pad=False)
    rows = [Row((Run(" "), Run(name, "bright", bold=True)), right)]
    for identity in person.identities:
        rows.extend(_identity(identity, page))
    facts: list[tuple[Run, ...]] = []
    if person.reach:
        facts.append((Run(f"{many(person.reach)} followers", "text"),))
    made = [i.profile.created_at for i in person.identities if i.profile.created_at]
    if made:
        facts.append((Run(f"there since {local(min(made), page.zone).year}", "dim"),))
    langs = dict.fromkeys(i.profile.lang for i in person.identities if i.profile.lang)
    if langs:
        facts.append((Run(line(", ".join(langs), 12, pad=False), "dim"),))
    if person.first_seen_at:
        facts.append((Run(f"first wrote {month(person.first_seen_at, page.now, page.zone)}", "dim"),))
    rows.extend(Row((Run(" "), *runs)) for runs in flow(facts, page.room))
    handles = {i.profile.handle for i in person.identities}
    contacts = dict.fromkeys(c for i in person.identities for c in i.profile.contacts if c not in handles)
    for contact in list(contacts)[:4]:
        rows.extend(_text(contact, page, "dim", 2))
    return rows


def _identity(identity: Identity, page: Page) -> list[Row]:
    """A handle, with the source it is on."""
    profile = identity.profile
    kind = line(identity.source, 24, pad=False)
    marks = [word for word, said in ((f"verified {profile.verified}", profile.verified != "none"),
                                     ("bot", profile.bot), ("blocked", profile.blocked),
                                     ("followed by us", identity.followed)) if said]
    handle = profile.handle or profile.name or profile.ref
    beside = wide(handle) + len(kind) + 4 <= page.width
    rows = [row for part in _address(handle, page.width - 2) for row in _text(part, page, "text", 2)]
    if beside:
        rows[0] = rows[0]._replace(right=(Run(kind, "dim"), Run(" ")))
    if not beside:
        marks.insert(0, kind)
    if marks:
        rows.extend(_text(", ".join(marks), page, "warn" if profile.blocked else "dim", 2, 2))
    for remark in profile.remarks[:4]:
        rows.extend(_text(remark, page, "warn", 2, 2))
    return rows


def _address(handle: str, room: int) -> list[str]:
    """A handle in one piece, or broken before the ``@`` of its server where it is too long for that."""
    name, at, server = handle.rpartition("@")
    return [handle] if wide(handle) <= room or not name or not at else [name, f"@{server}"]


def _offer(offer: Offer, page: Page) -> Block:
    """Another customer who may be the same person: who, why, and the keys that say yes and no."""
    where = ", ".join(dict.fromkeys(line(it.source, 24, pad=False) for it in offer.identities))
    yes, no = page.keys
    rows = [BLANK, *_text(f"Also {offer.name} on {where}?", page, "soon", 3),
            *_text(offer.why, page, "dim", 2, 3),
            Row((Run("   "), Run(yes, "key"), Run(" same  ", "dim"), Run(no, "key"), Run(" another", "dim")))]
    return Block(tuple(rows), ("offer", offer.customer_id))


def _note(person: Customer, page: Page) -> list[Row]:
    """What colleagues should know."""
    rows = [BLANK]
    if person.note:
        rows.extend(_text(person.note, page, "note", most=6))
    if person.tags:
        tags = [(Run(f"#{line(tag, 20, pad=False)}", "dim"),) for tag in person.tags]
        rows.extend(Row((Run(" "), *runs)) for runs in flow(tags, page.room, gap=Run(" ")))
    return rows


def _heading(words: str, count: int, page: Page, empty: str = "") -> Block:
    if not count and empty:
        return Block((BLANK, Row((Run(f" {empty}", "dim"),))), None, False)
    return Block((BLANK, Row((Run(f" {words}", "accent"), Run(f" {count}", "dim")))), None, False)


def _brief(it: ConversationBrief, page: Page, column: int) -> tuple[Row, ...]:
    """One earlier conversation: how it ended, when, what about; how long it took and where."""
    sign, ink = outcome_sign(it, page.glyphs)
    when = month(it.created_at, page.now, page.zone).ljust(column)
    about = line(it.subject or it.preview or "no text", max(4, page.width - len(when) - 5), pad=False)
    tail = " · ".join(part for part in (outcome(it), line(it.source, 24, pad=False)) if part)
    if wide(tail) > page.width - 4:
        tail = " · ".join(part for part in (outcome(it), line(it.source.partition(":")[2], 24, pad=False)) if part)
    return (Row((Run(f" {sign} ", ink), Run(when, "text"), Run(about, "text"))),
            Row((Run("   "), Run(line(tail, max(4, page.width - 4), pad=False), "dim"))))


def outcome_sign(it: ConversationBrief, glyphs: Glyphs) -> tuple[str, str]:
    """A sign and its ink for how a conversation stands."""
    if it.disposition is Disposition.PRAISE or (it.severity is Severity.PRAISE and it.state is State.DONE):
        return glyphs.praise, "praise"
    if it.state is State.OPEN:
        return glyphs.trouble, "soon"
    if it.state is State.SNOOZED:
        return glyphs.paused, "mine"
    if it.state is State.WAITING:
        return glyphs.down, "dim"
    if it.disposition in (Disposition.SPAM, Disposition.NOT_ACTIONABLE):
        return glyphs.cross, "dim"
    return glyphs.check, "ok"


def outcome(it: ConversationBrief) -> str:
    """How a conversation stands or ended, in words."""
    if it.state is not State.DONE:
        return {State.OPEN: "open", State.WAITING: "waiting", State.SNOOZED: "snoozed"}[it.state]
    span = length(it.last_at - it.created_at)
    if it.disposition in (None, Disposition.ANSWERED):
        return span
    words = it.disposition.value.replace("_", " ") if it.disposition else ""
    return f"{words} {line(it.disposition_code, 16, pad=False)}".strip()


def _link(it: Link, page: Page) -> Block:
    """A tie to another conversation with its state, or to a page."""
    if it.other_id is None:
        return Block((Row((Run(f" {line(it.kind, 12, pad=False)} ", "dim"),
                           Run(line(it.url, max(4, page.room - len(it.kind) - 2), pad=False), "text"))),),
                     ("url", it.url))
    if it.kind == "ticket" and not it.back:
        parts = [(one,) for one in tie(it, page.glyphs)]
        rows = [Row((Run(" "), *runs)) for runs in flow(parts, page.room, gap=Run(""))]
    else:
        state = it.status or (it.state.value if it.state else "gone")
        what = "post" if it.kind == "ticket" else line(it.kind, 12, pad=False)
        rows = [Row((Run(f" {line(it.label or f'#{it.other_id}', 18, pad=False)} ", "text"),
                     Run(line(state, 14, pad=False), "dim" if it.closed else "soon"), Run(f" {what}", "dim"))),
                Row((Run("   "), Run(line(it.name, page.room - 2, pad=False), "dim")))]
    return Block((*rows, *_last_word(it, page)), it.other_id)


def _last_word(it: Link, page: Page) -> list[Row]:
    """What was said last on the other side."""
    if it.last_at is None:
        return []
    who = line(it.last_by or "unknown", 16, pad=False)
    when = moment(it.last_at, page.now, page.zone)
    ink = "note" if it.last_direction is Direction.NOTE else "mine" if it.last_direction is Direction.OUT else "text"
    return [Row((Run("   "), Run(who, ink), Run(f" {when}", "dim"))),
            *_text(it.last_text or "no text", page, "text", 3, 3)]


def _promise(it: Promise, page: Page) -> tuple[Row, ...]:
    """A promise and the time left to keep it."""
    hour_before = it.due_at - min(3_600_000, max(0, it.due_at - it.made_at) // 4)
    state = standing(it.due_at, hour_before, page.now)
    sign = {Standing.LATE: page.glyphs.critical, Standing.SOON: page.glyphs.high, Standing.OK: page.glyphs.normal}
    rest = left(it.due_at, page.now)
    word = "" if state is Standing.OK else f" {state.value}"
    return (Row((Run(f" {sign[state]} {rest}{word}", state.value),
                 Run(f" {line(it.agent, 12, pad=False)}", "dim"))), *_text(it.words, page, "text", 2, 3))
