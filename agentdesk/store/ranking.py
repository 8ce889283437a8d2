"""Ranking conversations: facts out of the rows, through the rules, back into the columns that the queue reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from agentdesk.errors import NotFound
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import DueClock, ServerDue, Severity, State
from agentdesk.model.quoting import own_words
from agentdesk.rules.sla import Facts, promised
from agentdesk.store.codec import pack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading
from agentdesk.store.where import resting_rank

if TYPE_CHECKING:
    from agentdesk.rules.rulebook import Rulebook

Pauses: TypeAlias = tuple[tuple[Millis, Millis], ...]
TEXTS = 10
"""So many of the last unanswered messages are weighed."""
TEXT_CHARS = 2_000
CLOSED_THERE = "closed on the server"
"""The reason on a conversation that its source closed while a message was unanswered."""

_strings = msgspec.json.Decoder(tuple[str, ...]).decode
_dues = msgspec.json.Decoder(tuple[ServerDue, ...]).decode
_STATES = {state.value: state for state in State}


class Case(msgspec.Struct, frozen=True):
    """One conversation as the rules are asked about it."""

    id: int
    facts: Facts
    text: str
    """What is unanswered, or the last inbound line."""
    remote_closed: bool
    resting_at: Millis | None
    """The instant that orders it while it does not need us."""


def facts(db: Db, conversation_id: int) -> Facts:
    """What the rules must know of one conversation; NotFound when there is none."""
    found = cases(db, [conversation_id])
    if not found:
        raise NotFound(f"There is no conversation #{conversation_id}")
    return found[0].facts


def refresh(db: Db, conversation_ids: Iterable[int], rulebook: Rulebook, now: Millis) -> None:
    """Compute clocks, severity and rank of conversations anew; each is a new version afterwards."""
    ids = list(dict.fromkeys(conversation_ids))
    for start in range(0, len(ids), 1_000):
        rows = [_ranked(case, rulebook) for case in cases(db, ids[start : start + 1_000])]
        db.many("UPDATE conversation SET severity = ?, reasons = ?, rank = ?, due_at = ?, soon_at = ?, clock_kind = ?, "
                "calendar = ?, clocks = ?, version = version + 1 WHERE id = ?", rows)


def refresh_all(db: Db, rulebook: Rulebook, now: Millis, *, after: int = 0, limit: int = 1_000) -> int:
    """Refresh the next ``limit`` conversations that are not done, as after a change of the rules.

    Returns the number to go on from; 0 when all were done.
    """
    ids = [row[0] for row in db.rows("SELECT id FROM conversation WHERE id > ? AND state <> 'done' ORDER BY id LIMIT ?",
                                     after, limit)]
    refresh(db, ids, rulebook, now)
    return ids[-1] if len(ids) == limit else 0


def _ranked(case: Case, rulebook: Rulebook) -> tuple[Any, ...]:
    """The columns of one conversation."""
    stand = rulebook.stand(case.facts, case.text)
    lead, state = stand.leading, case.facts.state
    rank = stand.rank if state is State.OPEN else resting_rank(state, case.resting_at)
    reasons = stand.reasons
    if case.remote_closed and state is State.OPEN:
        reasons = (*reasons, CLOSED_THERE)
    severity: Severity = stand.severity
    clocks: tuple[DueClock, ...] = stand.clocks
    if lead is None:
        return (severity.value, pack(reasons) if reasons else "[]", rank, None, None, None, "",
                pack(clocks) if clocks else "[]", case.id)
    return (severity.value, pack(reasons) if reasons else "[]", rank, lead.due_at, lead.soon_at, lead.kind.value,
            lead.calendar, pack(clocks), case.id)


_COLUMNS = ("c.id, c.source, c.state, c.created_at, c.first_in_at, c.unanswered_since, c.first_out_at, "
            "c.last_in_at, c.last_out_at, c.server_due, c.remote_queue, c.status, c.priority, c.assignee, c.lang, "
            "c.incident, c.tags, c.burst, c.messages, c.indirect, c.name, c.preview, c.remote_closed, c.snoozed_until, "
            "c.disposed_at, k.vip, (SELECT max(i.followers) FROM identity AS i WHERE i.customer_id = c.customer_id), "
            "(SELECT i.handle FROM identity AS i WHERE i.customer_id = c.customer_id AND i.source = c.source LIMIT 1)")


def cases(db: Db, ids: Sequence[int]) -> list[Case]:
    """The facts of many conversations, in few queries."""
    wanted = pack(list(ids))
    rows = db.rows(f"SELECT {_COLUMNS} FROM json_each(?) AS w CROSS JOIN conversation AS c ON c.id = w.value "
                   "JOIN customer AS k ON k.id = c.customer_id", wanted)
    letters = dict(db.rows("SELECT name, letter FROM source"))
    texts = _unanswered_texts(db, wanted)
    story = _Story(db, wanted)
    promises: dict[int, list[DueClock]] = {}
    for number, due_at, made_at, words in db.rows(
            "SELECT p.conversation_id, p.due_at, p.made_at, p.words FROM json_each(?) AS w CROSS JOIN promise AS p "
            "ON p.conversation_id = w.value AND p.kept_at IS NULL ORDER BY p.due_at", wanted):
        promises.setdefault(number, []).append(promised(due_at, made_at, words))
    with reading(db.path):
        return [_case(row, letters, texts, story, promises) for row in rows]


def _case(row: tuple[Any, ...], letters: dict[str, str], texts: dict[int, str], story: _Story,
          promises: dict[int, list[DueClock]]) -> Case:
    (number, source, state, created_at, first_in_at, since, first_out_at, last_in_at, last_out_at, server_due, queue,
     status, priority, assignee, lang, incident, tags, burst, messages, indirect, name, preview, remote_closed,
     snoozed_until, disposed_at, vip, followers, handle) = row
    pauses, waiting_since = story.pauses(number, last_out_at)
    it = Facts(
        created_at=created_at, state=_STATES[state], first_in_at=first_in_at, unanswered_since=since,
        first_out_at=first_out_at, last_in_at=last_in_at, last_out_at=last_out_at, waiting_since=waiting_since,
        pauses=pauses, server_due=() if server_due == "[]" else _dues(server_due),
        promises=tuple(promises.get(number, ())), source=source, channel=letters.get(source, "?"), queue=queue,
        status=status, priority=priority, assignee=assignee, lang=lang, incident=incident,
        kinds=story.kinds(number), tags=() if tags == "[]" else _strings(tags), names=(name, handle or ""),
        followers=followers, vip=bool(vip), burst=burst, messages=messages, indirect=bool(indirect))
    resting_at = {"snoozed": snoozed_until, "waiting": last_out_at}.get(state, disposed_at) or last_in_at or created_at
    return Case(number, it, texts.get(number, preview), bool(remote_closed), resting_at)


def _unanswered_texts(db: Db, wanted: str) -> dict[int, str]:
    """The last unanswered texts of each conversation, oldest first, in one string."""
    found: dict[int, list[str]] = {}
    for number, text in db.rows(
            "SELECT m.conversation_id, substr(m.text, 1, ?2) FROM json_each(?1) AS w CROSS JOIN message AS m "
            "ON m.conversation_id = w.value AND m.direction = 'in' AND m.handled_at IS NULL "
            "ORDER BY m.conversation_id, m.created_at", wanted, TEXT_CHARS):
        found.setdefault(number, []).append(own_words(text)[0])
    return {number: "\n".join(texts[-TEXTS:]) for number, texts in found.items()}


class _Story:
    """Who spoke when in many conversations: for the stretches in which we waited, and the kinds of messages."""

    def __init__(self, db: Db, wanted: str) -> None:
        self._said: dict[int, list[tuple[Millis, str, str]]] = {}
        for number, at, direction, kind in db.rows(
                "SELECT m.conversation_id, m.created_at, m.direction, m.kind FROM json_each(?) AS w "
                "CROSS JOIN message AS m ON m.conversation_id = w.value AND m.direction IN ('in', 'out') "
                "AND m.undelivered = '' "
                "ORDER BY m.conversation_id, m.created_at, m.id", wanted):
            self._said.setdefault(number, []).append((at, direction, kind))

    def kinds(self, number: int) -> tuple[str, ...]:
        """The kinds of a conversation's inbound messages."""
        return tuple(dict.fromkeys(kind for _, direction, kind in self._said.get(number, ()) if direction == "in"))

    def pauses(self, number: int, last_out_at: Millis | None) -> tuple[Pauses, Millis | None]:
        """The stretches from an answer to the customer's next message, and since when the present one lasts."""
        if last_out_at is None:
            return (), None
        found: list[tuple[Millis, Millis]] = []
        since: Millis | None = None
        asked = False
        for at, direction, _ in self._said.get(number, ()):
            if direction == "in":
                if since is not None:
                    found.append((since, at))
                since, asked = None, True
            elif since is None and asked:
                since = at
        return tuple(found), since
