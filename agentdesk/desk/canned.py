"""Canned replies at hand: our own packs, and those that help desks hold, each with where it comes from."""

from __future__ import annotations

from agentdesk.desk.desk import Desk
from agentdesk.model.page import RemoteCanned
from agentdesk.replies import packs
from agentdesk.replies.packs import Packs
from agentdesk.replies.template import Canned
from agentdesk.store import canned as rows
from agentdesk.store import conversations

CALLS = ("status", "priority", "tag", "assign", "claim", "release", "done", "snooze")
"""The verbs that a help desk's macro may call here; whatever else it names is shown and left undone."""


def at_hand(desk: Desk) -> tuple[Canned, ...]:
    """Everything that can be picked: our own first, then what each help desk holds."""
    return (*desk.packs.canned, *(_taken(source, it) for source, it in rows.all(desk.store.reader)))


def find(desk: Desk, words: str, conversation_id: int = 0) -> list[Canned]:
    """Those that fit the words, best first; what another source than the conversation's holds comes last."""
    here = conversations.source_of(desk.store.reader, conversation_id)
    found = packs.search(Packs(at_hand(desk)), words)
    return sorted(found, key=lambda it: bool(it.origin) and it.origin != here)


def named(desk: Desk, name: str, origin: str = "") -> Canned | None:
    """The one of that name: from ``origin``, else our own before a help desk's."""
    if not name:
        return None
    fits = [it for it in at_hand(desk) if it.name == name]
    return next((it for it in fits if it.origin == origin), fits[0] if fits else None)


def calls(canned: Canned) -> tuple[str, ...]:
    """The verb calls that go with it, as far as a macro may make them."""
    return tuple(call for call in canned.actions if call.split(" ", 1)[0] in CALLS)


def here(desk: Desk, conversation_id: int, call: str) -> str:
    """A macro's call as it is made here: a ticket that it would close leaves the queue as answered instead."""
    verb, _, value = call.partition(" ")
    it = conversations.get(desk.store.reader, conversation_id)
    closed = desk.caps(it.source).closed_status
    return "done answered" if verb == "status" and closed and value.strip("\"' ") == closed else call


def refused(canned: Canned) -> tuple[str, ...]:
    """What else its macro would do there, which is not done here."""
    return tuple(call for call in canned.actions if call.split(" ", 1)[0] not in CALLS)


def _taken(source: str, it: RemoteCanned) -> Canned:
    return Canned(name=it.name, title=it.title, text=it.text, kind="reply", source=f"from {source}", origin=source,
                  actions=it.actions)
