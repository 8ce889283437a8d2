"""A conversation's messages as rows: pure layout, which needs only a width, the glyphs and the time.

One message becomes one block of rows. Direction is told by a sign and a word as well as by colour; what is long, was
edited or hides something says so in its own line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from agentdesk.model.address import disguised, spelled
from agentdesk.model.clock import MINUTE, Millis
from agentdesk.model.message import Attachment, Direction, Kind, Message, StoredMessage, Visibility
from agentdesk.model.outgoing import OutboxEntry, OutKind, SendState, Verb
from agentdesk.model.quoting import own_words
from agentdesk.model.text import hides_direction, inert_line
from agentdesk.paths import in_profile
from agentdesk.ui.present import MAX_CHARS, MAX_LINES, line, wrap
from agentdesk.ui.present import width as wide
from agentdesk.ui.theme import UNICODE, Glyphs
from agentdesk.ui.widgets.runs import BLANK, Row, Run, fold
from agentdesk.ui.widgets.when import clock_time, day, local, moment, short_left, size

ASKED = {Verb.EDIT: "another text", Verb.DELETE: "its deletion", Verb.APPROVE: "its approval",
         Verb.REJECT: "its rejection"}
"""What is on its way to a message, in words."""
WAITS = "waits for your approval: nobody else sees it · :approve or :reject · a reply approves it first"
TEXT_WIDTH = 84
"""Lines of text longer than this are hard to read, however wide the terminal is."""
BRIEF_LINES = 40
"""A message longer than this is folded until the agent unfolds it."""
BURST = 5 * MINUTE
"""Messages of one author closer than this stand under one heading."""


@dataclass(frozen=True)
class Page:
    """What all blocks of one thread have in common."""

    width: int
    zone: ZoneInfo
    now: Millis
    glyphs: Glyphs = UNICODE
    days: int = 6
    """Cells for the day before the time."""
    visibility: Visibility = Visibility.PUBLIC
    """What messages here usually are; only another one is named."""
    moving: Mapping[str, str] = field(default_factory=dict)
    """What is on its way to be done to a message, in words, by its ref."""
    profile: str = "default"
    """Which desk the commands in a remedy are meant for."""

    @property
    def indent(self) -> int:
        """Cells before the text of a message."""
        return 3 if self.width >= 48 else 2

    @property
    def room(self) -> int:
        """Cells for the text of a message."""
        return max(1, min(TEXT_WIDTH, self.width - self.indent - 1))


def day_cells(messages: Sequence[StoredMessage], now: Millis, zone: ZoneInfo) -> int:
    """How wide the column of days must be for these messages."""
    return max((wide(day(it.message.created_at, now, zone)) for it in messages), default=3)


def block(stored: StoredMessage, page: Page, *, before: StoredMessage | None = None,
          parent: StoredMessage | None = None, unfolded: int = 0) -> tuple[Row, ...]:
    """All rows of one message.

    ``before`` is the message above it, ``parent`` the one it answers when that is known. ``unfolded`` 0 shows it in
    brief, 1 with its earlier texts and up to the drawing limit, 2 whole.
    """
    message = stored.message
    rows: list[Row] = []
    if not _continues(message, before):
        if before is not None:
            rows.append(BLANK)
        rows.append(_heading(stored, page, before))
    answer = _answers(message, page, before, parent)
    if answer:
        rows.append(_indented(page, stored.id, Run(answer, "dim")))
    if unfolded:
        for number, earlier in enumerate(stored.earlier_texts, 1):
            rows.append(_indented(page, stored.id, Run(f"before, version {number}", "faint")))
            rows.extend(_body(earlier, page, stored.id, "dim", unfolded))
        if stored.earlier_texts:
            rows.append(_indented(page, stored.id, Run("now", "faint")))
    text, quoted = (message.text, 0) if unfolded else own_words(message.text)
    rows.extend(_body(text, page, stored.id, _ink(stored), unfolded))
    if quoted:
        rows.append(_indented(page, stored.id, Run(f"{quoted} quoted lines · Z shows them", "faint")))
    rows.extend(_file(file, page, stored.id, unfolded) for file in message.attachments)
    for mark in _marks(stored, page, unfolded):
        rows.extend(_indented(page, stored.id, Run(part, mark.ink)) for part in fold(mark.text, page.room, 4))
    return tuple(rows)


def _continues(message: Message, before: StoredMessage | None) -> bool:
    """True when the message stands under the heading of the one above it."""
    if before is None or message.direction is Direction.NOTE:
        return False
    above = before.message
    return (above.author.ref == message.author.ref and above.direction is message.direction
            and above.visibility is message.visibility and 0 <= message.created_at - above.created_at < BURST)


def _ink(stored: StoredMessage) -> str:
    if stored.deleted_at is not None or stored.message.deleted:
        return "dim"
    inks = {Direction.IN: "bright", Direction.OUT: "text", Direction.NOTE: "note", Direction.ASIDE: "dim"}
    return inks[stored.message.direction]


def _heading(stored: StoredMessage, page: Page, before: StoredMessage | None) -> Row:
    """Day (when it changes), time, who speaks to whom, and what kind of message it is when that is not the usual."""
    message = stored.message
    at = message.created_at
    same_day = before is not None and (local(before.message.created_at, page.zone).date()
                                       == local(at, page.zone).date())
    label = "" if same_day else day(at, page.now, page.zone)
    stamp = f"{label:>{page.days}} {clock_time(at, page.zone)}" if page.days else clock_time(at, page.zone)
    inks = {Direction.IN: "bright", Direction.OUT: "mine", Direction.NOTE: "note", Direction.ASIDE: "dim"}
    name = line(message.author.name or message.author.handle or "unknown", max(8, page.width - 24), pad=False)
    runs = [Run(" "), Run(stamp, "dim"), Run("  ")]
    if message.direction is Direction.OUT:
        runs.append(Run(page.glyphs.arrow + " ", "mine"))
    runs.append(Run(name, inks[message.direction], bold=True))
    if message.direction is Direction.NOTE:
        runs.append(Run("  note", "note"))
    elif message.direction is Direction.ASIDE:
        runs.append(Run("  in the thread", "dim"))
    return Row(tuple(runs), tuple(_aside(message, page)), stored.id)


def _aside(message: Message, page: Page) -> list[Run]:
    """What stands at the right edge of a heading: only what is not the usual."""
    words: list[Run] = []
    if message.rating is not None:
        words.append(Run(f"{message.rating} of 5", "praise" if message.rating >= 4 else "soon"))
    if message.indirect:
        words.append(Run(f"{page.glyphs.heard} heard", "dim"))
    if message.kind is Kind.REVIEW:
        words.append(Run("review", "dim"))
    if message.direction is not Direction.NOTE and message.visibility is not page.visibility:
        words.append(Run(message.visibility.value, "warn"))
    if message.direction is Direction.IN and not message.can_reply:
        words.append(Run("no reply possible", "dim"))
    runs: list[Run] = []
    for word in words:
        runs.extend((Run(" · ", "faint"), word) if runs else (word,))
    return [*runs, Run(" ")] if runs else []


def _answers(message: Message, page: Page, before: StoredMessage | None, parent: StoredMessage | None) -> str:
    """The mark of a reply to another message than the one above it."""
    if not message.parent_ref or before is None or before.message.ref == message.parent_ref:
        return ""
    if parent is None:
        return f"{page.glyphs.reply} to an earlier message"
    to = parent.message
    head = f"{page.glyphs.reply} to {line(to.author.name or to.author.handle, 20, pad=False)}"
    head += f" {moment(to.created_at, page.now, page.zone)}: "
    return head + line(to.text, max(0, page.room - wide(head)), pad=False)


def _plain(raw: str) -> str:
    """The raw text with only its line ends and tabs made ours: what differs beyond that must be announced."""
    return raw.replace("\r\n", "\n").replace("\r", "").replace("\t", "    ")


def _indented(page: Page, key: int, *runs: Run) -> Row:
    return Row((Run(" " * page.indent), *runs), key=key)


def _body(text: str, page: Page, key: int, ink: str, unfolded: int) -> list[Row]:
    """The text in rows; right-to-left paragraphs end at the right edge of the text."""
    if not text.strip():
        return []
    if unfolded >= 2:
        drawn = wrap(text, page.room, None, None)
    elif unfolded == 1:
        drawn = wrap(text, page.room)
    else:
        drawn = wrap(text, page.room, BRIEF_LINES)
    rows = []
    for words in drawn:
        pad = page.room - wide(words) if _from_right(words) else 0
        rows.append(Row((Run(" " * (page.indent + pad)), Run(words, ink)), key=key))
    return rows


def is_folded(stored: StoredMessage, page: Page) -> bool:
    """True when unfolding shows more of the message."""
    text, quoted = own_words(stored.message.text)
    return bool(stored.earlier_texts or quoted) or len(wrap(text, page.room, BRIEF_LINES)) > BRIEF_LINES


def is_cut(stored: StoredMessage, page: Page) -> bool:
    """True when even the unfolded message is longer than what is drawn at once."""
    return any(len(wrap(text, page.room)) > MAX_LINES or len(text) > MAX_CHARS
               for text in (stored.message.text, *stored.earlier_texts))


def _from_right(words: str) -> bool:
    """True when the first letter with a direction runs from right to left."""
    if words.isascii():
        return False
    for char in words:
        direction = unicodedata.bidirectional(char)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def _file(file: Attachment, page: Page, key: int, unfolded: int) -> Row:
    facts = " ".join(part for part in (size(file.size), "" if file.size is not None else file.mime) if part)
    alt = line(file.alt, page.room, pad=False) if file.alt else ""
    name = line(file.name or "file", max(8, page.room - wide(facts) - 6), pad=False)
    runs = [Run(f"{page.glyphs.file} ", "dim"), Run(name, "text"), Run(f"  {line(facts, 24, pad=False)}", "dim")]
    if alt:
        runs.append(Run(f"  {alt}", "faint"))
    return _indented(page, key, *runs)


def _marks(stored: StoredMessage, page: Page, unfolded: int) -> list[Run]:
    """Lines below a message: edited, deleted, and what was taken out of its text."""
    message = stored.message
    marks: list[Run] = []
    by_us = " by us" if stored.ours else ""
    liked, boosted = f"{page.glyphs.praise} liked" * stored.liked, "boosted" * stored.boosted
    if liked or boosted:
        marks.append(Run(f"{' and '.join(filter(None, (liked, boosted)))} by us", "praise"))
    if message.pending and stored.deleted_at is None:
        marks.append(Run(f"{page.glyphs.warn} {WAITS}", "warn"))
    if stored.undelivered:
        marks.append(Run(f"{page.glyphs.cross} not delivered: {inert_line(stored.undelivered)}", "error"))
    if message.ref in page.moving:
        marks.append(Run(page.moving[message.ref], "mine"))
    if message.edited_at is not None or stored.earlier_texts:
        at = f" {moment(message.edited_at, page.now, page.zone)}" if message.edited_at is not None else ""
        more = " · Z shows what it said before" if stored.earlier_texts and not unfolded else ""
        marks.append(Run(f"edited{by_us}{at}{more}", "dim"))
    if stored.deleted_at is not None or message.deleted:
        at = f" {moment(stored.deleted_at, page.now, page.zone)}" if stored.deleted_at is not None else ""
        who = "us" if stored.ours else "its author"
        marks.append(Run(f"{page.glyphs.cross} deleted by {who}{at} · kept here", "warn"))
    if message.raw and hides_direction(message.raw):
        marks.append(Run(f"{page.glyphs.warn} hidden direction marks removed", "warn"))
    elif message.raw and _plain(message.raw) != message.text:
        marks.append(Run(f"{page.glyphs.warn} control or invisible characters removed or pictured", "warn"))
    marks.extend(Run(f"{page.glyphs.warn} {host} is really {name}", "warn") for host, name in disguised(message.text))
    if unfolded and message.url:
        marks.append(Run(line(spelled(message.url), page.room, pad=False), "dim"))
    return marks


@dataclass(frozen=True)
class Waiting:
    """How an unsettled reply stands: a sign, words, their ink, and what a person can do."""

    words: str
    ink: str
    hint: str = ""


def standing(entry: OutboxEntry, now: Millis) -> Waiting:
    """How an outbox entry stands, in words."""
    match entry.state:
        case SendState.HELD:
            return Waiting(f"held {short_left(entry.hold_until, now)}", "soon", "u takes it back")
        case SendState.QUEUED if entry.next_try_at > now:
            return Waiting(f"queued · next try in {short_left(entry.next_try_at, now)}", "mine", entry.title)
        case SendState.QUEUED:
            return Waiting("queued", "mine", entry.title)
        case SendState.SENDING:
            return Waiting("on its way", "mine")
        case SendState.UNKNOWN:
            return Waiting("not confirmed", "soon", entry.title or "looking on the far side whether it arrived")
        case SendState.STOPPED:
            return Waiting("stopped", "warn", entry.title or "something new came in")
        case SendState.REFUSED:
            return Waiting("refused", "error", entry.title)
        case SendState.NEEDS_HUMAN:
            return Waiting("needs you", "error", entry.title)
        case SendState.SENT if entry.title:
            return Waiting("not delivered", "error", entry.title)
        case SendState.SENT:
            return Waiting("sent", "ok")
        case SendState.CANCELLED:
            return Waiting("cancelled", "dim")


def moving(entries: Iterable[OutboxEntry]) -> dict[str, str]:
    """What is on its way to be done to messages, in words, by their refs."""
    found: dict[str, str] = {}
    for entry in entries:
        act = entry.action
        if act is not None and act.verb in ASKED:
            goes = entry.state in (SendState.HELD, SendState.QUEUED, SendState.SENDING, SendState.UNKNOWN)
            found[act.message_ref] = f"{ASKED[act.verb]} {'is on its way' if goes else 'was refused · O shows why'}"
    return found


def pending(entry: OutboxEntry, page: Page) -> tuple[Row, ...]:
    """All rows of a reply of ours that is not settled yet."""
    if entry.out is None:
        return ()
    key = -entry.id
    state = standing(entry, page.now)
    note = entry.kind is OutKind.NOTE
    what = {OutKind.NOTE: "note", OutKind.DM: "private", OutKind.TICKET: "ticket"}.get(entry.kind, "")
    runs = [Run(" "), Run(" " * (page.days + 1 if page.days else 0) + clock_time(entry.created_at, page.zone), "dim"),
            Run("  "), Run(f"{page.glyphs.unsent} ", state.ink),
            Run(line(entry.agent, max(8, page.width - 40), pad=False), "note" if note else "mine", bold=True)]
    if what:
        runs.append(Run(f"  {what}", "note" if note else "mine"))
    runs.append(Run(f"  {state.words}", state.ink, bold=True))
    rows = [BLANK, Row(tuple(runs), (Run(f"{entry.out.visibility.value} ", "dim"),), key)]
    ticket = entry.kind is OutKind.TICKET
    rows.extend(_body(inert_line(f"{entry.source}: {entry.out.subject}") if ticket else entry.out.text, page, key,
                      "dim", 0))
    rows.extend(_file(Attachment(name=inert_line(each.name), size=each.size, alt=inert_line(each.alt)), page, key, 0)
                for each in entry.out.uploads)
    for words in (state.hint, in_profile(entry.remedy, page.profile)):
        if words:
            rows.extend(_indented(page, key, Run(part, "dim"))
                        for part in fold(words, page.room))
    return tuple(rows)


def unread_rule(count: int, page: Page) -> Row:
    """The line above the first message that nobody here has read."""
    words = f" {count} new "
    return Row((Run(page.glyphs.rule * 2, "accent"), Run(words, "accent", bold=True),
                Run(page.glyphs.rule * max(0, min(page.width, page.room + page.indent) - len(words) - 2), "faint")),
               key="new")


def parents(messages: Sequence[StoredMessage]) -> Mapping[str, StoredMessage]:
    """The messages by their ref, to find what a reply answers."""
    return {it.message.ref: it for it in messages}
