"""Reads both histories, the platform's and the desk's, and says where they contradict the contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from agentdesk.model.outgoing import OutboxEntry, SendState
from agentdesk.store import outbox
from tests.fakes.desk import LittleDesk
from tests.fakes.platform import Platform

MAY_HAVE_LANDED = frozenset({SendState.SENT, SendState.SENDING, SendState.UNKNOWN, SendState.NEEDS_HUMAN})


def sends(platform: Platform, desk: LittleDesk, *, at_rest: bool = False) -> list[str]:
    """What is wrong with the replies of a desk: I2. ``at_rest`` when nothing more will happen by itself."""
    problems = []
    for entry in outbox.list(desk.store.reader, limit=100_000):
        if entry.out is not None:
            problems += [f"{entry.client_id} ({entry.state}): {words}" for words in send(platform, entry, at_rest)]
    return problems


def send(platform: Platform, entry: OutboxEntry, at_rest: bool = False) -> list[str]:
    """What is wrong with one reply."""
    problems, copies = [], platform.copies(entry.client_id)
    asked = platform.counted["invoke", entry.client_id]
    if copies > 1:
        problems.append(f"landed {copies} times")
    if entry.state is SendState.SENT and copies != 1:
        problems.append(f"called sent, but {copies} copies are there")
    if copies and entry.state not in MAY_HAVE_LANDED and (at_rest or not entry.attempts):
        problems.append("landed, and the desk does not say so")
    if asked and not entry.attempts:
        problems.append("reached the platform, and no attempt was written down")
    if asked and (entry.state is SendState.HELD or (entry.state is SendState.CANCELLED and not entry.attempts)):
        problems.append("left although it was not to leave")
    return problems


def messages(platform: Platform, desk: LittleDesk, but: Collection[str] = ()) -> list[str]:
    """What is wrong with the messages of a desk that has just pulled everything, ``but`` for some: I1."""
    held = Counter(desk.refs())
    problems = [f"{ref} is held twice" for ref, count in held.items() if count > 1]
    looked_at = [p for p in platform.visible() if p.message.ref not in but]
    problems += [f"{p.message.ref} is missing" for p in looked_at if p.message.ref not in held]
    for post in looked_at:
        row = desk.store.reader.row("SELECT text, deleted_at FROM message WHERE ref = ?", post.message.ref)
        if row is not None and post.message.deleted and row[1] is None:
            problems.append(f"{post.message.ref} was deleted and is not marked")
        if row is not None and not post.message.deleted and row[0] != post.message.text:
            problems.append(f"{post.message.ref} says {row[0]!r} instead of {post.message.text!r}")
    return problems


def queue(desk: LittleDesk) -> list[str]:
    """What is wrong with the queue: I4. An unanswered message is in sight, or somebody disposed of it."""
    rows = desk.store.reader.rows(
        "SELECT id, state FROM conversation AS c WHERE unanswered_since IS NOT NULL"
        " AND state NOT IN ('open', 'snoozed') AND NOT EXISTS ("
        "SELECT 1 FROM ledger AS l WHERE l.conversation_id = c.id AND l.action <> 'queued')")
    problems = [f"conversation {number} is unanswered and {state} by nobody" for number, state in rows]
    doubled = desk.store.reader.rows("SELECT source, ref FROM conversation GROUP BY source, ref HAVING count(*) > 1")
    return problems + [f"conversation {ref} is there twice" for _, ref in doubled]
