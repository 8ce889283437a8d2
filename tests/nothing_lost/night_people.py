"""What people do during a night shift: customers and colleagues on the far side, agents at their desks.

Agents go through the same use cases as the screen and the shell. A step that is refused changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from agentdesk.desk import answer, decide, escalate, find, inbox, people, reacting
from agentdesk.model.clock import HOUR, MINUTE, SECOND
from agentdesk.model.conversation import Disposition, State
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Draft, OutboxEntry, OutKind, SendState
from agentdesk.rules import ticket_text
from agentdesk.store import drafts, outbox
from tests.fakes.desk import SOURCE
from tests.fakes.platform import Post

if TYPE_CHECKING:
    from tests.nothing_lost.night_desk import NightDesk
    from tests.nothing_lost.night_shift import NightShift

LONGEST = 60
"""Conversations do not merge beyond so many messages."""
Step = Callable[["NightShift", "NightDesk"], Awaitable[None]]


# on the far side ------------------------------------------------------------------------------------------------------


def _posts(shift: NightShift, *, by: str = "") -> list[Post]:
    """What customers wrote and did not take back; with ``by`` what our own side did."""
    way = Direction.OUT if by else Direction.IN
    found = (shift.platform.posts[shift.chance.choice(shift.platform.order)] for _ in range(6 * bool(
        shift.platform.order)))
    return [p for p in found if p.message.direction is way and not p.message.deleted and (not by or p.by == by)]


async def customer_writes(shift: NightShift, desk: NightDesk) -> None:
    """A new post, in a thread of its own or an old one; some wait for approval, some nobody can read."""
    number = shift.chance.randint(0, 12 + len(shift.steps) // 60)
    post = shift.platform.say(f"c{number}", f"Post {shift.platform.number}", pending=shift.chance.random() < 0.05)
    if shift.chance.random() < 0.02:
        shift.platform.poisoned.add(post.ref)


async def customer_edits(shift: NightShift, desk: NightDesk) -> None:
    """An author changes a post."""
    for post in _posts(shift)[:1]:
        shift.platform.edit(post.message.ref, f"Changed {len(shift.steps)}")


async def customer_deletes(shift: NightShift, desk: NightDesk) -> None:
    """An author takes a post back."""
    for post in _posts(shift)[:1]:
        shift.platform.delete(post.message.ref)


async def colleague_answers(shift: NightShift, desk: NightDesk) -> None:
    """Somebody of the team answers on the platform's own page."""
    for post in _posts(shift)[:1]:
        shift.platform.colleague(post.message.conversation_ref, f"Colleague {shift.platform.number}")


async def colleague_takes_back(shift: NightShift, desk: NightDesk) -> None:
    """Somebody of the team deletes an answer there."""
    for post in _posts(shift, by="us")[:1]:
        shift.platform.delete(post.message.ref)


async def conversations_merge(shift: NightShift, desk: NightDesk) -> None:
    """Somebody makes one conversation of two."""
    refs = list(dict.fromkeys(p.message.conversation_ref for p in _posts(shift)))
    if len(refs) > 1 and sum(len(shift.platform.by_conversation[ref]) for ref in refs[:2]) < LONGEST:
        shift.platform.merge(refs[0], refs[1])


async def conversation_goes(shift: NightShift, desk: NightDesk) -> None:
    """A whole conversation is deleted, or comes back."""
    for post in _posts(shift)[:1]:
        shift.platform.gone ^= {post.message.conversation_ref}


async def ticket_moves(shift: NightShift, desk: NightDesk) -> None:
    """Somebody at the help desk closes a ticket, or opens it again."""
    if shift.platform.begun:
        ref = shift.platform.where(shift.chance.choice(list(shift.platform.begun)))
        shift.platform.closed ^= {ref}
        shift.platform.order += [p.message.ref for p in shift.platform.by_conversation[ref][-1:]]


# writing --------------------------------------------------------------------------------------------------------------


def _some(shift: NightShift, desk: NightDesk, *states: State, where: str = "") -> int | None:
    marks = ", ".join("?" * len(states))
    rows = desk.store.reader.rows(f"SELECT id FROM conversation WHERE state IN ({marks}) {where} ORDER BY id", *states)
    return int(shift.chance.choice(rows)[0]) if rows else None


async def _write(shift: NightShift, desk: NightDesk, draft: Draft, text: str) -> Draft:
    """Type: what is acknowledged must be there whatever comes."""
    typed = msgspec.structs.replace(draft, text=text)
    with desk.drafting(draft.conversation_id, draft.kind, text):
        saved_at = await answer.save(desk.desk, typed)
    return msgspec.structs.replace(typed, saved_at=saved_at)


async def _send(shift: NightShift, desk: NightDesk, draft: Draft, *, split: bool = False) -> None:
    hold = shift.chance.choice([0, 0, 5 * SECOND])
    with desk.drafting(draft.conversation_id, draft.kind, None, leaves=True):
        sent = await answer.send(desk.desk, draft, split=split, hold=hold)
        if sent.warnings:  # a second key goes past them
            past = frozenset(warning.code for warning in sent.warnings)
            sent = await answer.send(desk.desk, draft, past, split=split, hold=hold)
    desk.acknowledged |= dict.fromkeys(sent.entry_ids, (draft.conversation_id, sent.hold_until))


async def types(shift: NightShift, desk: NightDesk) -> None:
    """An agent begins to answer, or writes on."""
    number = _some(shift, desk, State.OPEN)
    if number is not None:
        draft = answer.open_draft(desk.desk, number, shift.chance.choice([OutKind.REPLY, OutKind.REPLY, OutKind.NOTE]))
        draft = await _write(shift, desk, draft, f"{draft.text[-60:]} word {len(shift.steps)} of {desk.agent}".strip())
        if draft.kind is OutKind.NOTE and shift.chance.random() < 0.5:
            await _send(shift, desk, draft)


async def reply(shift: NightShift, desk: NightDesk) -> None:
    """An agent answers, at times in parts, and often where an answer is on its way already."""
    busy = "AND unsent > 0" if shift.chance.random() < 0.2 else ""
    number = _some(shift, desk, State.OPEN, where=busy)
    if number is None:
        return
    draft = answer.open_draft(desk.desk, number)
    long = shift.chance.random() < 0.1
    step = len(shift.steps)
    words = f"Answer {step} of {desk.agent} " + " ".join(f"{step}.{n}" for n in range(40 * long))
    draft = await _write(shift, desk, draft, words)
    await _send(shift, desk, draft, split=long)
    if shift.chance.random() < 0.2:
        await inbox.dispose(desk.desk, [number], Disposition.ANSWERED)


async def throws_away(shift: NightShift, desk: NightDesk) -> None:
    """An agent thinks better of it."""
    for draft in drafts.all(desk.store.reader, desk.agent)[:1]:
        with desk.drafting(draft.conversation_id, draft.kind, None):
            await answer.discard(desk.desk, draft)


async def writes_privately(shift: NightShift, desk: NightDesk) -> None:
    """An agent takes it to a private conversation."""
    number = _some(shift, desk, State.OPEN)
    if number is not None and not answer.private_talk(desk.desk, number):
        draft = answer.open_draft(desk.desk, number, OutKind.DM)
        await _send(shift, desk, await _write(shift, desk, draft, f"Private {len(shift.steps)} of {desk.agent}"))


async def edits_reply(shift: NightShift, desk: NightDesk) -> None:
    """An agent gives a reply that went another text."""
    number = _some(shift, desk, State.OPEN, State.WAITING, where="AND first_out_at IS NOT NULL")
    if number is not None:
        draft = await _write(shift, desk, answer.open_draft(desk.desk, number, OutKind.EDIT),
                             f"Better {len(shift.steps)} of {desk.agent}")
        with desk.drafting(number, OutKind.EDIT, None, leaves=True):
            await answer.send(desk.desk, draft)


async def deletes_reply(shift: NightShift, desk: NightDesk) -> None:
    """An agent has a reply deleted there."""
    number = _some(shift, desk, State.WAITING)
    if number is not None:
        await reacting.delete(desk.desk, number)


async def decides_on_waiting(shift: NightShift, desk: NightDesk) -> None:
    """An agent lets a post that was held back be seen, or has it deleted."""
    number = _some(shift, desk, State.OPEN, where="AND id IN (SELECT conversation_id FROM message WHERE pending = 1)")
    if number is not None:
        await shift.chance.choice([reacting.approve, reacting.approve, reacting.reject])(desk.desk, number)


# the outbox -----------------------------------------------------------------------------------------------------------


def entries(desk: NightDesk, *states: SendState) -> list[OutboxEntry]:
    """What is not settled and in one of these states."""
    return [e for e in outbox.list(desk.store.reader, unsettled_only=True, limit=1_000) if e.state in states]


async def takes_back(shift: NightShift, desk: NightDesk) -> None:
    """An agent takes a reply back while it is held."""
    if found := [e for e in entries(desk, SendState.HELD) if e.out is not None]:
        await _cancel(desk, shift.chance.choice(found))


async def _cancel(desk: NightDesk, entry: OutboxEntry) -> None:
    begun = drafts.get(desk.store.reader, entry.conversation_id, desk.agent, entry.kind)
    with desk.drafting(entry.conversation_id, entry.kind, known=False) as kept:
        kept.text = (await answer.cancel(desk.desk, entry.id)).text
    if entry.out is not None and entry.kind is not OutKind.TICKET:
        words = re.sub(r" \d+/\d+$", "", entry.out.text)
        assert words in (kept.text or ""), f"{words} was taken back, and the draft is {kept.text}"
        assert begun is None or begun.text in (kept.text or ""), f"{begun} was begun, and the draft is {kept.text}"


async def person_decides(shift: NightShift, desk: NightDesk) -> None:
    """An agent looks at the platform and settles, sends again or takes back what stands still."""
    for entry in entries(desk, SendState.STOPPED, SendState.NEEDS_HUMAN, SendState.REFUSED)[:3]:
        if any(out.client_id == entry.client_id for _, out, _ in shift.platform.late):
            continue  # it is still under way: a person cannot know either
        if entry.out is None:
            await answer.take_back(desk.desk, entry.id)
        elif shift.platform.copies(entry.client_id):
            await answer.settle_as_sent(desk.desk, entry.id)
        elif shift.chance.random() < 0.6 and desk.entry(entry.id).state is entry.state:
            await answer.retry(desk.desk, entry.id)
        elif desk.entry(entry.id).state is entry.state:
            await _cancel(desk, entry)


# deciding -------------------------------------------------------------------------------------------------------------


async def snooze(shift: NightShift, desk: NightDesk) -> None:
    """An agent puts a conversation aside for a while."""
    number = _some(shift, desk, State.OPEN)
    if number is not None:
        await inbox.snooze(desk.desk, [number], desk.clock.now() + shift.chance.choice([MINUTE, HOUR]))


async def dispose(shift: NightShift, desk: NightDesk) -> None:
    """An agent decides that no answer is needed."""
    number = _some(shift, desk, State.OPEN)
    if number is not None:
        how = shift.chance.choice([Disposition.NOT_ACTIONABLE, Disposition.PRAISE])
        codes = desk.config.codes.not_actionable if how is Disposition.NOT_ACTIONABLE else ("",)
        await inbox.dispose(desk.desk, [number], how, code=next(iter(codes)))


async def reopen(shift: NightShift, desk: NightDesk) -> None:
    """An agent brings a conversation back, perhaps while its reply is held, or by mistake and the customer writes."""
    number = _some(shift, desk, State.DONE, State.SNOOZED, State.WAITING)
    if number is None:
        return
    await inbox.reopen(desk.desk, [number])
    if shift.chance.random() < 0.3:
        ref = find.conversation(desk.desk, number).ref
        shift.platform.say(ref, f"Post {shift.platform.number}")
        await desk.engine.refresh(ref, SOURCE)
        shift.check(full=False)  # these words are owed from here on
        await decide.undo(desk.desk)


async def steps_back(shift: NightShift, desk: NightDesk) -> None:
    """An agent takes the last decision back."""
    await decide.undo(desk.desk)


async def claim(shift: NightShift, desk: NightDesk) -> None:
    """An agent takes a conversation, here and at the source, or gives it back."""
    number = _some(shift, desk, State.OPEN)
    if number is not None:
        await shift.chance.choice([inbox.claim, inbox.claim, inbox.release])(desk.desk, [number])


async def promises(shift: NightShift, desk: NightDesk) -> None:
    """An agent promises to be back."""
    number = _some(shift, desk, State.OPEN, State.WAITING)
    if number is not None:
        await inbox.promise(desk.desk, number, desk.clock.now() + HOUR, "call")


async def joins_customers(shift: NightShift, desk: NightDesk) -> None:
    """An agent says that two customers are one, or that an identity is somebody else."""
    rows = desk.store.reader.rows("SELECT ref, customer_id FROM identity WHERE source = ? ORDER BY ref", SOURCE)
    if len(rows) > 1:
        (ref, one), (_, other) = shift.chance.sample(rows, 2)
        if shift.chance.random() < 0.3:
            await people.split(desk.desk, SOURCE, ref)
        else:
            await people.merge(desk.desk, one, other)


async def ties(shift: NightShift, desk: NightDesk) -> None:
    """An agent hands a post on: to a new ticket, to one that there is, or not any more."""
    number = _some(shift, desk, State.OPEN, State.WAITING)
    if number is None:
        return
    tied = escalate.tied(desk.desk, number)
    if tied and tied[0].other_id is not None and shift.chance.random() < 0.3:
        await escalate.unlink(desk.desk, number, tied[0].other_id)
        return
    tickets = [ref for ref in map(shift.platform.where, shift.platform.begun) if ref.startswith("t")]
    if tickets and shift.chance.random() < 0.4:
        await escalate.link(desk.desk, number, f"{SOURCE}#{shift.chance.choice(tickets)}")
    else:
        draft = answer.open_draft(desk.desk, number, OutKind.TICKET)
        said = msgspec.structs.replace(ticket_text.read(draft.text), text=f"Ticket {len(shift.steps)} of {desk.agent}")
        await _send(shift, desk, await _write(shift, desk, draft, said.written))
    await inbox.dispose(desk.desk, [number], Disposition.LINKED)


STEPS: dict[Step, int] = {
    customer_writes: 14, customer_edits: 2, customer_deletes: 1, colleague_answers: 3, colleague_takes_back: 1,
    conversations_merge: 3, conversation_goes: 1, ticket_moves: 2,
    types: 5, reply: 14, throws_away: 1, writes_privately: 1, edits_reply: 2, deletes_reply: 1, decides_on_waiting: 2,
    takes_back: 2, person_decides: 6, snooze: 2, dispose: 2, reopen: 3, steps_back: 1, claim: 2, promises: 1,
    joins_customers: 1, ties: 2,
}
