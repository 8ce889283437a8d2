"""How a decision is taken: one transaction for the rows, the ledger and what the source must hear.

Every decision of one key press shares a batch id, and each ledger row keeps what was there before: ``undo`` needs
nothing else.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agentdesk.desk.desk import Desk
from agentdesk.errors import NotFound, Refused
from agentdesk.model.conversation import Conversation, State
from agentdesk.model.events import Changed, Notice
from agentdesk.model.ledger import LedgerEntry
from agentdesk.model.outgoing import Action, SendState, Verb
from agentdesk.store import (
    conversations,
    customers,
    decisions,
    effects,
    identities,
    ledger,
    outbox,
    ranking,
    reactions,
    ticket_links,
    tickets,
)
from agentdesk.store.db import Db
from agentdesk.store.reactions import Reaction


@dataclass
class Decision:
    """What one conversation is to become, and what its source is asked to do."""

    changes: dict[str, Any] = field(default_factory=dict)
    action: str = ""
    """What the ledger calls it, where that depends on what stands there; else the decision's own name."""
    code: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    told: bool = False
    """The customer needs not hear of a solved ticket any more."""
    reactions: list[Reaction] = field(default_factory=list)
    """Marks to set or to take away."""


_TOGETHER: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("state", ("state", "snoozed_until", "disposition", "disposition_code", "disposed_at")),
    ("claim_agent", ("claim_agent", "claim_until")))
"""Columns that mean something only together: they are put back all, or none."""
_LENGTHENED = "claim_until"
"""Moves on by itself while its holder is at work."""
_CALLED = {"state": "The state", "claim_agent": "The claim", "assignee": "The owner", "status": "The status",
           "priority": "The priority", "tags": "The tags", "incident": "The incident", "unread": "What is unread",
           "review": "The review"}
_CHANGED = "{} was changed by somebody since and stays as it is"
_WROTE = "#{} stays in the queue: the customer wrote again"
_FAILED = "#{} stays in the queue: what was to be sent did not go"
_UNTOLD = "#{} stays in the queue: the customer is to be told of a solved ticket"
_SAYS = {Verb.CLAIM: "claim_agent", Verb.RELEASE: "claim_agent", Verb.ASSIGN: "assignee", Verb.STATUS: "status",
         Verb.PRIORITY: "priority", Verb.TAGS: "tags"}
"""The column that each action told its source of."""

_FINAL = {Verb.APPROVE: "the approval", Verb.REJECT: "the rejection"}
"""What nothing takes back once its source has it."""
_STUCK = (SendState.REFUSED, SendState.STOPPED, SendState.NEEDS_HUMAN)
Judge = Callable[[Db, Conversation], Decision | None]
"""Looks at a conversation and says what to do with it; None leaves it alone."""


async def decide(desk: Desk, ids: Sequence[int], action: str, judge: Judge, *, undoable: bool = True) -> list[int]:
    """Carry out a decision on all ``ids`` in one transaction; returns those it changed.

    Nothing is changed when ``judge`` raises for any of them.
    """
    if not ids:
        raise Refused("Nothing is selected", "", "Move to a conversation, or mark some with x")
    now = desk.now()
    desk.learn()

    def work(db: Db) -> tuple[list[int], list[int]]:
        batch, changed = uuid.uuid4().hex, list[int]()
        for conversation_id in ids:
            decision = judge(db, conversations.get(db, conversation_id))
            if decision is None:
                continue
            changed.append(conversation_id)
            _carry_out(db, desk, conversation_id, action, decision, batch if undoable else "", now)
        followed = tickets.follow(db, changed, desk.rulebook, now)
        ranking.refresh(db, [*changed, *followed.changed], desk.rulebook, now)
        return changed, followed.changed

    changed, followed = await desk.store.write(work)
    if changed:
        desk.emit(Changed(conversation_ids=(*changed, *followed)))
        poke(desk)
    return changed


def _carry_out(db: Db, desk: Desk, conversation_id: int, action: str, decision: Decision, batch: str,
               now: int) -> None:
    """Change one conversation, with its ledger row and its actions."""
    before = decisions.snapshot(db, conversation_id)
    source = conversations.source_of(db, conversation_id)
    if decision.changes:
        decisions.write(db, conversation_id, decision.changes)
    for mark in decision.reactions:
        reactions.put(db, source, mark, conversation_id, desk.agent, now)
    told = tickets.told(db, conversation_id, now, agent=desk.agent) if decision.told else []
    hold = desk.hold if batch else 0
    entries = [outbox.freeze_action(db, conversation_id, source, act, desk.agent, now, hold_until=now + hold)
               for act in decision.actions]
    detail = dict(decision.detail)
    if batch:
        kept = {name: before[name] for name in decision.changes}
        detail |= {"batch": batch, "before": kept, "after": decision.changes, "entries": entries}
        if "state" in decision.changes:
            detail["newest"] = conversations.last_message_id(db, conversation_id)
        if "status" not in decision.changes and any(act.verb is Verb.STATUS for act in decision.actions):
            detail["status"] = before["status"]
        if told:
            detail["told"] = told
        if decision.reactions:
            detail["reactions"] = [[mark.kind.value, mark.ref, mark.on] for mark in decision.reactions]
    ledger.write(db, at=now, agent=desk.agent, action=decision.action or action, conversation_id=conversation_id,
                 source=source, code=decision.code, detail=detail)


def newest(desk: Desk) -> str:
    """The step that undo would take back; empty when there is none."""
    found = ledger.last_undoable(desk.store.reader, desk.agent)
    return "" if found is None else found.uid


async def undo(desk: Desk) -> str:
    """Take back this agent's last decision as far as it can be; says what was done."""
    from agentdesk.desk import exclusions

    now = desk.now()

    def work(db: Db) -> tuple[str, int, list[int], list[str]]:
        last = ledger.last_undoable(db, desk.agent)
        if last is None:
            raise Refused("There is nothing to undo", "Your last steps cannot be taken back or were already")
        rows = ledger.of_batch(db, last.detail["batch"])
        ids, kept = [], []
        for row in rows:
            if row.action in ticket_links.ACTIONS:
                undone = ticket_links.put_back(db, row, desk.agent, now)
                ids += undone.changed
                kept += undone.kept
            elif row.conversation_id is not None:
                kept += _put_back(db, desk, row.conversation_id, row.detail, now)
                ids.append(row.conversation_id)
            elif row.customer_id is not None:
                ids += _put_customer_back(db, desk, row, row.customer_id, kept, now)
            if row.action == exclusions.ACTION:
                exclusions.take_back(desk, row.source, row.detail)
            ledger.write(db, at=now, agent=desk.agent, action="undone", conversation_id=row.conversation_id,
                         customer_id=row.customer_id, source=row.source, code=row.action, undoes=row.uid)
        followed = tickets.follow(db, ids, desk.rulebook, now)
        ranking.refresh(db, [*ids, *followed.changed], desk.rulebook, now)
        return last.action, sum(row.conversation_id is not None for row in rows), ids, kept

    action, number, ids, kept = await desk.store.write(work)
    desk.emit(Changed(conversation_ids=tuple(ids)))
    poke(desk)
    words = f"Undone: {action.replace('_', ' ')}" + (f" ({number} conversations)" if number > 1 else "")
    for sentence in kept:
        desk.emit(Notice(level="warning", text=sentence))
    return words


def _put_customer_back(db: Db, desk: Desk, row: LedgerEntry, customer_id: int, kept: list[str], now: int) -> list[int]:
    """Take back a decision about a customer; returns the conversations that look different."""
    try:
        touched = identities.put_back(db, row.action, row.detail, customer_id, desk.agent, now)
    except (Refused, NotFound) as error:
        kept.append(_CHANGED.format(f"A customer: {error.title[0].lower()}{error.title[1:]};"))
        return []
    return [number for each in touched for number in customers.open_conversation_ids(db, each)]


def _put_back(db: Db, desk: Desk, conversation_id: int, detail: dict[str, Any], now: int) -> list[str]:
    """Restore what the decision changed, unless it was changed again since; returns what was left alone, and why."""
    current = decisions.snapshot(db, conversation_id)
    before = dict(detail.get("before", {}))
    since = _changed_since(current, detail.get("after", {}))
    kept = [_CHANGED.format(_CALLED.get(name, name)) for name in since if name in _CALLED]
    if "state" not in since and (why := _buries(db, conversation_id, before, detail)):
        since |= _group("state")
        kept.append(why.format(conversation_id))
    decisions.write(db, conversation_id, {n: v for n, v in before.items() if n not in since})
    if "state" not in since or current["state"] != State.DONE:
        tickets.untold(db, detail.get("told", []))
    source = conversations.source_of(db, conversation_id)
    for kind, ref, on in detail.get("reactions", []):
        reactions.put(db, source, Reaction(Verb(kind), ref, not on), conversation_id, desk.agent, now)
    if detail.get("status") and not since & _group("state"):
        before["status"] = detail["status"]
    for entry_id in detail.get("entries", []):
        entry = outbox.get(db, entry_id)
        if entry.state in (SendState.HELD, SendState.QUEUED):
            outbox.drop(db, entry_id)
        elif entry.action is not None and entry.state not in (SendState.REFUSED, SendState.CANCELLED):
            inverse = None if _SAYS.get(entry.action.verb) in since else _inverse(entry.action, before, current)
            inverse = inverse or effects.inverse(db, source, entry.action)
            if entry.action.verb in _FINAL:
                kept.append(f"The server has it already: {_FINAL[entry.action.verb]} stays")
            elif inverse is not None:
                outbox.freeze_action(db, conversation_id, source, inverse, desk.agent, now, hold_until=now)
    return kept


def _group(name: str) -> set[str]:
    """The columns that are put back together with this one."""
    return next((set(columns) for _, columns in _TOGETHER if name in columns), {name})


def _changed_since(current: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The columns that are not as the decision left them, each with those that belong to it."""
    changed: set[str] = set()
    for name, value in after.items():
        if name == _LENGTHENED:
            continue
        same = _tags(current[name]) == _tags(value) if name == "tags" else current[name] == value
        if not same:
            changed |= _group(name)
    return changed


def _tags(stored: str) -> set[str]:
    return set(json.loads(stored))


def _buries(db: Db, conversation_id: int, before: dict[str, Any], detail: dict[str, Any]) -> str:
    """What putting it back would take out of the queue that came after the decision, as a sentence; empty for none."""
    state = before.get("state", State.OPEN)
    if state != State.OPEN and "newest" in detail and conversations.has_unanswered_after(
            db, conversation_id, detail["newest"]):
        return _WROTE
    if state != State.DONE:
        return ""
    if any(entry.kind in outbox.CALLED and entry.state in _STUCK
           for entry in outbox.of_conversation(db, conversation_id)):
        return _FAILED
    return _UNTOLD if tickets.untold_links(db, conversation_id) else ""


def _inverse(action: Action, before: dict[str, Any], current: dict[str, Any]) -> Action | None:
    """The action that takes another back, where there is one, and where nobody said something else there since."""
    ref = action.conversation_ref
    match action.verb:
        case Verb.CLAIM:
            return Action(verb=Verb.RELEASE, conversation_ref=ref)
        case Verb.RELEASE:
            return Action(verb=Verb.CLAIM, conversation_ref=ref)
        case Verb.ASSIGN:
            return Action(verb=Verb.ASSIGN, conversation_ref=ref, value=str(before.get("assignee") or ""))
        case Verb.STATUS if before.get("status") and current["status"] in (before["status"], action.value):
            return Action(verb=Verb.STATUS, conversation_ref=ref, value=str(before["status"]))
        case Verb.PRIORITY if before.get("priority"):
            return Action(verb=Verb.PRIORITY, conversation_ref=ref, value=str(before["priority"]))
        case Verb.LIKE | Verb.BOOST | Verb.FOLLOW:
            off = "" if action.value == reactions.OFF else reactions.OFF
            return Action(verb=action.verb, conversation_ref=ref, value=off, message_ref=action.message_ref,
                          customer_ref=action.customer_ref)
        case Verb.TAGS:
            change = json.loads(action.value)
            value = json.dumps({"add": change.get("remove", []), "remove": change.get("add", [])})
            return Action(verb=Verb.TAGS, conversation_ref=ref, value=value)
        case _:
            return None


def poke(desk: Desk) -> None:
    """Let the engine look at the outbox at once."""
    if desk.engine is not None:
        desk.engine.poke_outbox()
