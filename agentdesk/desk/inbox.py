"""Work on conversations in the queue: claim, snooze, tag, promise, and the ways out of it.

Each function returns one sentence for the person who asked. Nothing here talks to a source: what the source must
hear goes through the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from agentdesk.desk.decide import Decision, decide
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused, UsageError
from agentdesk.model.conversation import Conversation, Disposition, State
from agentdesk.model.events import Changed
from agentdesk.model.outgoing import Action, OutKind, SendState, Verb
from agentdesk.rules.times import say
from agentdesk.store import claims, conversations, ledger, links, outbox, promises, ranking, tickets
from agentdesk.store.db import Db

CALLED = {OutKind.REPLY: "reply", OutKind.TICKET: "ticket", OutKind.DM: "direct message"}
"""What is on its way, in words."""


def _count(changed: Sequence[int], one: str, many: str) -> str:
    return one if len(changed) == 1 else many.format(n=len(changed))


async def claim(desk: Desk, ids: Sequence[int], *, steal: bool = False) -> str:
    """Take conversations: a lease here, and the owner's place on a help desk that has one."""
    until = desk.now() + desk.config.replies.claim_for

    def judge(db: Db, it: Conversation) -> Decision | None:
        holder = it.claim_agent if it.claim_agent != desk.agent and (it.claim_until or 0) > desk.now() else ""
        if holder and not steal:
            until_then = say(it.claim_until or 0, desk.now(), desk.zone)
            raise Refused(f"{holder} has #{it.id} {it.name}", f"Claimed until {until_then}",
                          "Pick another, or take it over with :claim steal=yes")
        actions = []
        if desk.caps(it.source).can_assign:
            actions.append(Action(verb=Verb.CLAIM, conversation_ref=it.ref, value="steal" if steal else ""))
        return Decision({"claim_agent": desk.agent, "claim_until": until}, actions=actions,
                        detail={"from": holder} if holder else {})

    changed = await decide(desk, ids, "claimed", judge)
    return _count(changed, "Yours", "{n} conversations are yours")


async def renew_claim(desk: Desk, conversation_id: int) -> None:
    """Keep our claim alive while the conversation is open and worked on; written when a quarter of it is over."""
    length = desk.config.replies.claim_for
    until = desk.now() + length
    it = conversations.get(desk.store.reader, conversation_id)
    if it.claim_agent != desk.agent or until - (it.claim_until or 0) < length // 4 or not desk.store.writable:
        return
    if await desk.store.write(lambda db: claims.renew(db, conversation_id, desk.agent, until)):
        desk.emit(Changed(conversation_ids=(conversation_id,)))


async def release(desk: Desk, ids: Sequence[int]) -> str:
    """Give conversations back to everybody."""

    def judge(db: Db, it: Conversation) -> Decision | None:
        if it.claim_agent != desk.agent:
            return None
        actions = [Action(verb=Verb.RELEASE, conversation_ref=it.ref)] if desk.caps(it.source).can_assign else []
        return Decision({"claim_agent": "", "claim_until": None}, actions=actions)

    changed = await decide(desk, ids, "released", judge)
    if not changed:
        raise Refused("None of these is yours", "Only your own claims can be released")
    return _count(changed, "Released", "{n} conversations released")


async def assign(desk: Desk, ids: Sequence[int], agent: str) -> str:
    """Hand conversations to a named agent."""
    if not agent.strip():
        raise UsageError("Assign to whom?", "No agent was named", "Example: assign sam")
    until = desk.now() + desk.config.replies.claim_for

    def judge(db: Db, it: Conversation) -> Decision | None:
        actions = []
        if desk.caps(it.source).can_assign:
            actions.append(Action(verb=Verb.ASSIGN, conversation_ref=it.ref, value=agent))
        return Decision({"assignee": agent, "claim_agent": agent, "claim_until": until}, code=agent, actions=actions)

    changed = await decide(desk, ids, "assigned", judge)
    return _count(changed, f"Assigned to {agent}", "{n} conversations assigned to " + agent)


def seen(desk: Desk, ids: Sequence[int]) -> dict[int, int]:
    """The newest message of each conversation now, before somebody is asked what to do with them."""
    return {number: conversations.last_message_id(desk.store.reader, number) for number in ids}


def _refuse_unseen(db: Db, it: Conversation, seen: Mapping[int, int] | None) -> None:
    """What came in while somebody chose is read before it leaves the queue."""
    if seen is not None and it.id in seen and conversations.has_unanswered_after(db, it.id, seen[it.id]):
        raise Refused(f"#{it.id} {it.name} wrote again while you chose", "", "Read it, then choose again")


async def snooze(desk: Desk, ids: Sequence[int], until: int, *, seen: Mapping[int, int] | None = None) -> str:
    """Put conversations aside until an instant; a new message brings them back at once.

    ``seen`` tells what was there when the person began to choose.
    """
    if until <= desk.now():
        raise Refused("That time has passed", "", "Name a time to come: 2h, tomorrow 9, mon 14:30")

    def judge(db: Db, it: Conversation) -> Decision | None:
        if it.state is State.DONE:
            raise Refused(f"#{it.id} {it.name} is done", "Only open conversations can be snoozed", "Reopen it first")
        _refuse_unseen(db, it, seen)
        return Decision({"state": State.SNOOZED.value, "snoozed_until": until}, detail={"until": until})

    changed = await decide(desk, ids, "snoozed", judge)
    return _count(changed, "Snoozed", "{n} conversations snoozed") + f" until {say(until, desk.now(), desk.zone)}"


async def dispose(desk: Desk, ids: Sequence[int], how: Disposition, *, code: str = "", reason: str = "",
                  of: int | None = None, seen: Mapping[int, int] | None = None) -> str:
    """Let conversations leave the queue, with a disposition that names how and why.

    ``seen`` tells what was there when the person began to choose.
    """
    _check_disposition(desk, ids, how, code, of)
    now = desk.now()

    def judge(db: Db, it: Conversation) -> Decision | None:
        if it.state is State.DONE and it.disposition is how and it.disposition_code == code:
            return None
        _refuse_unseen(db, it, seen)
        _refuse_unsettled(db, it, how)
        _refuse_untold(db, it, how)
        caps = desk.caps(it.source)
        actions = []
        if caps.can_status and caps.closed_status and it.status != caps.closed_status:
            actions.append(Action(verb=Verb.STATUS, conversation_ref=it.ref, value=caps.closed_status))
        changes = {"state": State.DONE.value, "snoozed_until": None, "disposition": how.value,
                   "disposition_code": code, "disposed_at": now, "claim_agent": "", "claim_until": None}
        detail = {"reason": reason} if reason else {}
        return Decision(changes | _looked_at(it), code=code, actions=actions, told=True,
                        detail=detail | ({"of": of} if of else {}))

    changed = await decide(desk, ids, how.value, judge)
    return _count(changed, f"Done: {how.value.replace('_', ' ')}",
                  "{n} conversations done: " + how.value.replace("_", " "))


def _looked_at(it: Conversation) -> dict[str, int]:
    """What changes beside when a person decides about a conversation that its source closed."""
    return {"review": 0} if it.review else {}


def _refuse_untold(db: Db, it: Conversation, how: Disposition) -> None:
    """A ticket that is solved carries nothing on: the customer must hear of it, or a person says why not."""
    if how is not Disposition.LINKED:
        return
    solved = tickets.untold_links(db, it.id)
    if solved and not any(link.kind == "ticket" and not link.back and not link.closed for link in links.of(db, it.id)):
        raise Refused(f"{solved[0].label} is solved, and {it.name} does not know", "No open ticket carries it on",
                      "Reply with r, or finish it another way: done answered")


def _refuse_unsettled(db: Db, it: Conversation, how: Disposition) -> None:
    """What is on its way may end as answered or linked; what failed, or any other way out, is looked at first."""
    for entry in outbox.of_conversation(db, it.id):
        if entry.kind is OutKind.ACTION:
            continue
        on_its_way = entry.state in (SendState.HELD, SendState.QUEUED, SendState.SENDING)
        if not (on_its_way and how in (Disposition.ANSWERED, Disposition.LINKED)):
            raise Refused(f"#{it.id} {it.name} has a {CALLED.get(entry.kind, 'note')} that is not settled",
                          f"In the outbox it is {entry.state.value.replace('_', ' ')}",
                          "Look at it with O, then finish the conversation")


def _check_disposition(desk: Desk, ids: Sequence[int], how: Disposition, code: str, of: int | None) -> None:
    """Refuse a way out without the reason it needs."""
    codes = {Disposition.NOT_ACTIONABLE: desk.config.codes.not_actionable, Disposition.SPAM: desk.config.codes.spam}
    if how in codes and code not in codes[how]:
        called = how.value.replace("_", " ").capitalize()
        raise Refused(f"{called} has no code {code}" if code else f"{called} needs a code",
                      "Wrongly closed posts are found by their code later", "Codes: " + ", ".join(codes[how]))
    if how is Disposition.DUPLICATE:
        if of is None or of in ids:
            raise Refused("Duplicate of which conversation?", "", "Name another one's number: done duplicate of=1042")
        conversations.get(desk.store.reader, of)


async def reopen(desk: Desk, ids: Sequence[int]) -> str:
    """Bring conversations back into the queue."""

    def judge(db: Db, it: Conversation) -> Decision | None:
        if it.state is State.OPEN:
            return None
        changes = {"state": State.OPEN.value, "snoozed_until": None, "disposition": None, "disposition_code": "",
                   "disposed_at": None}
        return Decision(changes | _looked_at(it), detail={"was": it.state.value})

    changed = await decide(desk, ids, "reopened", judge)
    return _count(changed, "Open again", "{n} conversations open again") if changed else "Already open"


async def tag(desk: Desk, ids: Sequence[int], add: Sequence[str] = (), remove: Sequence[str] = ()) -> str:
    """Add and remove tags, here and on a help desk that has them."""
    if not add and not remove:
        raise UsageError("Which tag?", "No tag was named", "Example: tag lost-parcel, or tag -lost-parcel to remove")

    def judge(db: Db, it: Conversation) -> Decision | None:
        tags = [t for t in it.tags if t not in remove] + [t for t in add if t not in it.tags]
        if tuple(tags) == it.tags:
            return None
        actions = []
        if desk.caps(it.source).can_tag:
            change = json.dumps({"add": list(add), "remove": list(remove)})
            actions.append(Action(verb=Verb.TAGS, conversation_ref=it.ref, value=change))
        code = ",".join([*add, *(f"-{name}" for name in remove)])
        return Decision({"tags": json.dumps(tags, ensure_ascii=False)}, code=code, actions=actions)

    changed = await decide(desk, ids, "tagged", judge)
    return _count(changed, "Tagged", "{n} conversations tagged") if changed else "Nothing to change"


async def set_status(desk: Desk, ids: Sequence[int], status: str) -> str:
    """Give tickets a status of their help desk."""

    def judge(db: Db, it: Conversation) -> Decision | None:
        caps = desk.caps(it.source)
        if not caps.can_status:
            raise Refused(f"{it.source} has no statuses", "", "Finish the conversation with d instead")
        if caps.statuses and status not in caps.statuses:
            raise Refused(f"{it.source} has no status {status}", "", "Statuses: " + ", ".join(caps.statuses))
        if status == caps.closed_status:
            raise Refused("Closing needs a disposition", "A ticket leaves the queue only with how and why",
                          "Finish it with d instead")
        return Decision({"status": status}, code=status,
                        actions=[Action(verb=Verb.STATUS, conversation_ref=it.ref, value=status)])

    changed = await decide(desk, ids, "status_set", judge)
    return _count(changed, f"Status {status}", "{n} tickets: " + status)


async def set_priority(desk: Desk, ids: Sequence[int], priority: str) -> str:
    """Give tickets a priority of their help desk."""

    def judge(db: Db, it: Conversation) -> Decision | None:
        if not desk.caps(it.source).can_priority:
            raise Refused(f"{it.source} has no priorities", "", "Tag the conversation with t instead")
        return Decision({"priority": priority}, code=priority,
                        actions=[Action(verb=Verb.PRIORITY, conversation_ref=it.ref, value=priority)])

    changed = await decide(desk, ids, "priority_set", judge)
    return _count(changed, f"Priority {priority}", "{n} tickets: priority " + priority)


async def set_incident(desk: Desk, ids: Sequence[int], incident: str) -> str:
    """Put conversations under one incident, or take them out with an empty name."""

    def judge(db: Db, it: Conversation) -> Decision | None:
        return Decision({"incident": incident}, code=incident) if it.incident != incident else None

    changed = await decide(desk, ids, "incident_set", judge)
    where = f"in incident {incident}" if incident else "out of the incident"
    return _count(changed, f"One conversation {where}", "{n} conversations " + where)


async def promise(desk: Desk, conversation_id: int, due_at: int, words: str, *, agent: str = "") -> str:
    """Promise the customer something by an instant; it becomes a clock."""
    now, who = desk.now(), agent or desk.agent
    if due_at <= now:
        raise Refused("That time has passed", "", "Name a time to come: tomorrow 17:00")

    def work(db: Db) -> None:
        conversations.get(db, conversation_id)
        promises.make(db, conversation_id, who, words, due_at, now)
        ledger.write(db, at=now, agent=who, action="promised", conversation_id=conversation_id,
                     detail={"words": words, "due_at": due_at})
        ranking.refresh(db, [conversation_id], desk.rulebook, now)

    await desk.store.write(work)
    desk.emit(Changed(conversation_ids=(conversation_id,)))
    return f"Promised by {say(due_at, now, desk.zone)}: {words}"


async def keep(desk: Desk, promise_id: int) -> str:
    """Say that a promise was kept; its clock goes."""
    now = desk.now()

    def work(db: Db) -> int:
        conversation_id = promises.keep(db, promise_id, now)
        ledger.write(db, at=now, agent=desk.agent, action="promise_kept", conversation_id=conversation_id,
                     detail={"promise": promise_id})
        ranking.refresh(db, [conversation_id], desk.rulebook, now)
        return conversation_id

    conversation_id = await desk.store.write(work)
    desk.emit(Changed(conversation_ids=(conversation_id,)))
    return "Promise kept"


async def mark_read(desk: Desk, conversation_id: int) -> None:
    """Forget the unread count once a person has the conversation open."""
    if conversations.is_unread(desk.store.reader, conversation_id):
        await desk.store.write(lambda db: conversations.mark_read(db, conversation_id))
        desk.emit(Changed(conversation_ids=(conversation_id,)))
