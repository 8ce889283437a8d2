"""What is done to a message or a person where they are: like, boost, follow, edit, delete, approve what waits."""

from __future__ import annotations

from agentdesk.desk.decide import Decision, decide
from agentdesk.desk.desk import Desk
from agentdesk.errors import NotFound, Refused
from agentdesk.model.capability import Caps
from agentdesk.model.conversation import Conversation
from agentdesk.model.message import Direction, StoredMessage
from agentdesk.model.outgoing import Action, OutKind, Verb
from agentdesk.store import conversations, drafts, effects, reactions
from agentdesk.store.db import Db
from agentdesk.store.reactions import OFF, Reaction

_ABLE = (("reply", "can_reply"), ("direct messages", "can_dm"), ("notes", "can_note"), ("like", "can_like"),
         ("boost", "can_boost"), ("follow", "can_follow"), ("edit", "can_edit"), ("delete", "can_delete"),
         ("approve", "can_approve"), ("assign", "can_assign"), ("statuses", "can_status"),
         ("priorities", "can_priority"), ("tags", "can_tag"), ("files", "can_download"))
_NEEDS = {Verb.LIKE: "can_like", Verb.BOOST: "can_boost", Verb.FOLLOW: "can_follow", Verb.EDIT: "can_edit",
          Verb.DELETE: "can_delete"}
_SAID = {(Verb.LIKE, True): "Liked", (Verb.LIKE, False): "Like taken back", (Verb.BOOST, True): "Boosted",
         (Verb.BOOST, False): "Boost taken back", (Verb.FOLLOW, True): "You follow {name}",
         (Verb.FOLLOW, False): "You no longer follow {name}"}
_DONE = {(Verb.LIKE, True): "liked", (Verb.LIKE, False): "unliked", (Verb.BOOST, True): "boosted",
         (Verb.BOOST, False): "unboosted", (Verb.FOLLOW, True): "followed", (Verb.FOLLOW, False): "unfollowed"}


def abilities(caps: Caps) -> str:
    """What a source can do, in words."""
    return ", ".join(word for word, flag in _ABLE if getattr(caps, flag)) or "only be read"


def require(desk: Desk, source: str, flag: str, what: str) -> None:
    """Refuse what a source cannot do, naming what it can."""
    caps = desk.caps(source)
    if not getattr(caps, flag):
        raise Refused(f"{source} cannot {what}", f"What it can: {abilities(caps)}",
                      "Open the conversation on the platform: o copies its address")


def message_for(desk: Desk, conversation_id: int, message_id: int = 0, *, ours: bool = False) -> StoredMessage:
    """The message that is named, else the last one: the customer's, or with ``ours`` one that left through this desk.

    Refused when there is none of that kind.
    """
    db = desk.store.reader
    if message_id:
        found = conversations.message(db, message_id)
        if found.conversation_id != conversation_id:
            raise NotFound(f"Message {message_id} is not in conversation #{conversation_id}", "",
                           f"agentdesk show {conversation_id} --json names those that are")
        if ours and not _is_ours(found):
            raise Refused("That message is not one of ours", "Only what was sent from here can be changed from here",
                          "Move the cursor onto a reply of yours")
        return found
    last = conversations.last(db, conversation_id, Direction.OUT if ours else Direction.IN, standing=True, ours=ours)
    if last is not None:
        return last
    if ours:
        raise Refused("There is no reply of ours here", "Only what was sent from here can be changed from here",
                      "Write one with r, or change it on the platform: o copies its address")
    raise Refused("The customer has not written here", "There is no message to do this to",
                  "Wait for one, or do it on the platform: o copies its address")


def _is_ours(stored: StoredMessage) -> bool:
    return stored.ours and stored.message.direction is Direction.OUT


async def like(desk: Desk, conversation_id: int, message_id: int = 0) -> str:
    """Like a message where it is; a second time takes it back."""
    return await _react(desk, conversation_id, Verb.LIKE, message_id)


async def boost(desk: Desk, conversation_id: int, message_id: int = 0) -> str:
    """Show a message to our own followers; a second time takes it back."""
    return await _react(desk, conversation_id, Verb.BOOST, message_id)


async def follow(desk: Desk, conversation_id: int) -> str:
    """Follow the customer there; a second time no longer."""
    return await _react(desk, conversation_id, Verb.FOLLOW, 0)


async def _react(desk: Desk, conversation_id: int, verb: Verb, message_id: int) -> str:
    it = conversations.get(desk.store.reader, conversation_id)
    require(desk, it.source, _NEEDS[verb], verb.value)
    stored = message_for(desk, conversation_id, message_id)
    _refuse_deleted(stored)
    message = stored.message
    if verb is Verb.BOOST and message.visibility.value not in ("public", "unlisted"):
        raise Refused("Only public messages can be boosted", f"This one is {message.visibility.value}")
    ref = message.author.ref if verb is Verb.FOLLOW else message.ref
    on = True

    def judge(db: Db, it: Conversation) -> Decision:
        nonlocal on
        on = not reactions.has(db, it.source, verb, ref)
        act = Action(verb=verb, conversation_ref=it.ref, value="" if on else OFF, message_ref=message.ref,
                     customer_ref=message.author.ref)
        return Decision(action=_DONE[verb, on], code="" if on else OFF, actions=[act],
                        reactions=[Reaction(verb, ref, on)],
                        detail={"message": stored.id, "ref": ref, "who": message.author.handle or message.author.name})

    await decide(desk, [conversation_id], verb.value, judge)
    return _SAID[verb, on].format(name=message.author.name or message.author.handle or "them")


def _refuse_deleted(stored: StoredMessage) -> None:
    if stored.deleted_at is not None or stored.message.deleted:
        raise Refused("That message was deleted", "There is nothing left of it on the platform")


def text_of(desk: Desk, stored: StoredMessage) -> str:
    """What a reply of ours said when it left, before its platform laid it out; its text now when it was edited."""
    sent = "" if stored.earlier_texts else effects.sent_text(desk.store.reader, stored.message.client_id)
    return sent or stored.message.text


def editable(desk: Desk, conversation_id: int, message_id: int = 0) -> StoredMessage:
    """The reply of ours that is to get another text; Refused where that is not possible."""
    require(desk, conversations.get(desk.store.reader, conversation_id).source, "can_edit", "edit what was sent")
    stored = message_for(desk, conversation_id, message_id, ours=True)
    _refuse_deleted(stored)
    return stored


async def edit(desk: Desk, conversation_id: int, message_ref: str, text: str, *, drop: str) -> str:
    """Give a reply of ours another text there; the draft of agent ``drop`` that it was written in is forgotten."""
    def judge(db: Db, it: Conversation) -> Decision:
        act = Action(verb=Verb.EDIT, conversation_ref=it.ref, value=text, message_ref=message_ref)
        drafts.drop(db, it.id, drop, OutKind.EDIT)
        return Decision(actions=[act], detail={"ref": message_ref})

    await decide(desk, [conversation_id], "edited", judge)
    return "The new text is on its way"


def deletable(desk: Desk, conversation_id: int, message_id: int = 0) -> StoredMessage:
    """The reply of ours that is to be deleted; Refused where that is not possible."""
    require(desk, conversations.get(desk.store.reader, conversation_id).source, "can_delete", "delete what was sent")
    stored = message_for(desk, conversation_id, message_id, ours=True)
    _refuse_deleted(stored)
    return stored


async def delete(desk: Desk, conversation_id: int, message_id: int = 0) -> str:
    """Delete a reply of ours on its platform; that cannot be taken back."""
    stored = deletable(desk, conversation_id, message_id)

    def judge(db: Db, it: Conversation) -> Decision:
        act = Action(verb=Verb.DELETE, conversation_ref=it.ref, message_ref=stored.message.ref)
        return Decision(actions=[act], detail={"message": stored.id, "ref": stored.message.ref})

    await decide(desk, [conversation_id], "delete_asked", judge, undoable=False)
    return "It is being deleted"


def waiting(desk: Desk, conversation_id: int, message_id: int = 0) -> StoredMessage:
    """The customer's message that waits for our approval: the one named, else the last; Refused where none does."""
    require(desk, conversations.get(desk.store.reader, conversation_id).source, "can_approve",
            "hold anything back for approval")
    if message_id:
        named = message_for(desk, conversation_id, message_id)
        if named.message.pending and named.deleted_at is None:
            return named
    for stored in reversed(conversations.thread(desk.store.reader, conversation_id, limit=60)):
        if stored.message.pending and stored.deleted_at is None:
            return stored
    raise Refused("Nothing here waits for approval", "What did was approved, or is gone")


async def approve(desk: Desk, conversation_id: int, message_id: int = 0) -> str:
    """Let everybody see a message that its server holds back for us."""
    await _decide_waiting(desk, conversation_id, Verb.APPROVE, "approved", message_id)
    return f"Approved: everybody will see it{_in(desk)}"


async def reject(desk: Desk, conversation_id: int, message_id: int = 0) -> str:
    """Have a message that its server holds back for us deleted there; that cannot be taken back once it left."""
    await _decide_waiting(desk, conversation_id, Verb.REJECT, "rejected", message_id)
    return f"Rejected: it will be deleted there{_in(desk)} and is kept here"


def _in(desk: Desk) -> str:
    """When it leaves, which is as long as it can be taken back."""
    return f" in {round(desk.hold / 1_000)} s" if desk.hold else ""


async def _decide_waiting(desk: Desk, conversation_id: int, verb: Verb, code: str, message_id: int) -> None:
    stored = waiting(desk, conversation_id, message_id)

    def judge(db: Db, it: Conversation) -> Decision:
        act = Action(verb=verb, conversation_ref=it.ref, message_ref=stored.message.ref)
        who = stored.message.author.handle or stored.message.author.name
        return Decision(actions=[act], detail={"message": stored.id, "ref": stored.message.ref, "who": who})

    await decide(desk, [conversation_id], code, judge)
