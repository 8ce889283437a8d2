"""A conversation as plain text for somebody elsewhere: who wrote, where, what was said, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Conversation
from agentdesk.model.customer import Customer, Identity
from agentdesk.model.message import Attachment, Direction, StoredMessage
from agentdesk.model.text import inert, inert_line

MOST = 18_000
"""Characters of all messages together; the oldest are left out first."""
MOST_EACH = 4_000
MOST_IDENTITIES = 8
MOST_FILES = 20
SUBJECT = 72
"""A proposed subject is cut at a word before this."""


def transcript(it: Conversation, person: Customer, messages: Sequence[StoredMessage], zone: ZoneInfo,
               agent: str) -> str:
    """What colleagues at a help desk need to know of a post.

    Internal notes stay here, and so does what we noted about the customer: a help desk may write to the customer.
    """
    spoken = [one for one in messages if one.message.direction is not Direction.NOTE]
    shown, left_out = _newest([_said(one, zone) for one in spoken])
    notes = len(messages) - len(spoken)
    lines = [f"{_name(it.name)} wrote on {it.source}. Handed on by {agent or 'the desk'}, conversation #{it.id}."]
    url = it.url or next((one.message.url for one in reversed(spoken) if one.message.url), "")
    lines += [f"Link: {url}"] if url else []
    lines += ["", f"Customer: {_name(person.name)}", *_identities(person)]
    more = [f"({left_out} earlier message{_s(left_out)} left out: see the link)"] if left_out else []
    if notes:
        more.append(f"({notes} internal note{_s(notes)} left out)")
    lines += ["", *more] if more else []
    return inert("\n".join(lines) + "".join(f"\n\n{part}" for part in shown)).strip()


def subject(it: Conversation, messages: Sequence[StoredMessage]) -> str:
    """A subject to begin with: the post's own, else the customer's name and how their last burst of words begins."""
    if it.subject:
        return str(inert_line(it.subject, limit=SUBJECT * 2))
    burst, answered = "", True
    for message in (one.message for one in messages):
        if message.direction is Direction.IN and message.text and answered:
            burst, answered = message.text, False
        answered = answered or message.direction is Direction.OUT
    first = " ".join(burst.split())
    return f"{_name(it.name)}: {_cut(first)}" if first else f"{_name(it.name)} on {it.source}"


def _cut(text: str) -> str:
    if len(text) <= SUBJECT:
        return text
    return text[:SUBJECT].rpartition(" ")[0].rstrip(",.;:") + " …" if " " in text[:SUBJECT] else text[:SUBJECT] + "…"


def _name(name: str) -> str:
    return str(inert_line(name)) or "A customer"


def _identities(person: Customer) -> list[str]:
    rows = [f"  {_identity(one)}" for one in person.identities[:MOST_IDENTITIES]]
    contacts = dict.fromkeys(contact for one in person.identities for contact in one.profile.contacts
                             if contact != one.profile.handle)
    return rows + [f"  {inert_line(contact)}" for contact in list(contacts)[:MOST_IDENTITIES]]


def _identity(one: Identity) -> str:
    profile = one.profile
    facts = [f"{inert_line(profile.handle or profile.name or profile.ref)} on {one.source}"]
    if profile.followers is not None:
        facts.append(f"{profile.followers:,} followers")
    if profile.verified != "none":
        facts.append(f"verified ({profile.verified})")
    if profile.lang:
        facts.append(f"writes {inert_line(profile.lang, limit=20)}")
    if profile.url:
        facts.append(profile.url)
    return ", ".join(facts)


def _said(one: StoredMessage, zone: ZoneInfo) -> str:
    """One message: when, who, what; files by name and address."""
    message = one.message
    who = {Direction.IN: "", Direction.OUT: "us, ", Direction.NOTE: "note, ", Direction.ASIDE: "others, "}
    name = inert_line(message.author.name or message.author.handle or message.author.ref) or "unknown"
    head = f"--- {_when(message.created_at, zone)} · {who[message.direction]}{name}"
    if message.direction is Direction.IN and message.author.handle and message.author.handle != name:
        head += f" {inert_line(message.author.handle)}"
    head += f" · {message.visibility.value}" + (" · edited" if message.edited_at else "") + " ---"
    if message.deleted:
        return f"{head}\n(taken back by its author)"
    text = message.text[:MOST_EACH] + ("\n(cut here)" if len(message.text) > MOST_EACH else "")
    files = "".join(f"\n{_file(each)}" for each in message.attachments[:MOST_FILES])
    return f"{head}\n{text.strip() or '(no text)'}{files}"


def _file(file: Attachment) -> str:
    facts = [str(inert_line(file.name or "file"))]
    if file.size is not None:
        facts.append(f"{max(1, round(file.size / 1000)):,} kB")
    if file.alt:
        facts.append(str(inert_line(file.alt)))
    return f"[file: {', '.join(facts)}{' · ' + file.url if file.url else ''}]"


def _newest(parts: Sequence[str]) -> tuple[list[str], int]:
    """As many of the last parts as there is room for, and how many were left out."""
    room, first = MOST, len(parts)
    while first > 0 and room - len(parts[first - 1]) >= 0:
        first -= 1
        room -= len(parts[first])
    return list(parts[first:]), first


def _when(at: Millis, zone: ZoneInfo) -> str:
    return f"{datetime.fromtimestamp(at / 1_000, UTC).astimezone(zone):%Y-%m-%d %H:%M %Z}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
