"""One of the demo's far sides: a small, honest server in this process that keeps messages, tickets and a change log."""

from __future__ import annotations

from typing import Literal

import msgspec

from agentdesk.connectors.demo.shelf import sent
from agentdesk.connectors.foreign import text_and_raw
from agentdesk.connectors.matching import same_text
from agentdesk.errors import BadAnswer, Conflict, Gone, Rejected
from agentdesk.model.clock import HOUR, Millis
from agentdesk.model.conversation import ClockKind, RemoteConversation, ServerDue
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Kind, Message, Visibility
from agentdesk.model.outgoing import Action, Outgoing, OutKind, Verb
from agentdesk.model.page import Gap, Page
from agentdesk.model.text import Inert, inert_line

STATUSES = ("new", "open", "waiting", "solved")
CLOSED = "solved"
PRIORITIES = {"low": 8 * HOUR, "normal": 4 * HOUR, "high": 2 * HOUR, "urgent": HOUR}
"""The help desk's priorities and within what time each wants an answer."""
OURSELVES = "Harbour Post"
"""Who has a ticket that was claimed without naming an agent."""
USUAL_PLACE = "care"
"""Where a ticket goes when nobody says another place."""
FIRST_TICKET = 4_501
PUSH_BACK = 60_000
"""How much earlier than the first attempt, in milliseconds, our copy may be dated."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """One line of the change log: a message (m), a conversation's head (c), or a message that is gone (x)."""

    kind: Literal["m", "c", "x"]
    ref: str


class Kept(msgspec.Struct, kw_only=True):
    """Everything one server knows; this is what is stored between runs."""

    messages: dict[str, Message] = {}
    conversations: dict[str, RemoteConversation] = {}
    profiles: dict[str, Profile] = {}
    log: list[Change] = []
    sent: dict[str, str] = {}
    """Our client ids, and the message each became."""
    likes: list[str] = []
    counts: dict[str, int] = {}
    """How many messages each conversation ever had, so that no id comes twice."""


class Server:
    """The far side of one demo source."""

    def __init__(self, place: str, kept: Kept, world: str) -> None:
        self.place = place
        self.kept = kept
        self.is_desk = place == "helpdesk"
        self._world = world
        self._threads: dict[str, list[str]] = {}
        for ref, message in kept.messages.items():
            self._threads.setdefault(message.conversation_ref, []).append(ref)

    @property
    def changes(self) -> int:
        """How long the change log is."""
        return len(self.kept.log)

    # -- reading ------------------------------------------------------------------------------------------------------

    def page(self, cursor: str | None, limit: int) -> Page:
        """What changed since ``cursor``, as it is now; all that there is on first connect is history."""
        log = self.kept.log
        start, history, gap = self._position(cursor)
        end = history if start < history else len(log)
        stop, seen = start, set[str]()
        while stop < end and len(seen | {log[stop].ref}) <= limit:
            seen.add(log[stop].ref)
            stop += 1
        part = log[start:stop]
        refs = {c.ref for c in part if c.kind == "m"}
        messages = tuple(sorted((self.kept.messages[r] for r in refs if r in self.kept.messages), key=_age))
        heads = {m.conversation_ref for m in messages} | {c.ref for c in part if c.kind == "c"}
        place = f"{self._world}:{stop}" + (f":{history}" if stop < history else "")
        return Page(
            messages=messages, conversations=self._heads(heads), profiles=self._people(heads), cursor=place,
            more=stop < len(log), gap=gap, backfill=start < history, total=len(log), done=stop,
            removed=tuple(c.ref for c in part if c.kind == "x"))

    def _position(self, cursor: str | None) -> tuple[int, int, Gap | None]:
        """Where to go on in the log, up to where it is history, and what was lost meanwhile."""
        if cursor is None:
            return 0, len(self.kept.log), None
        world, *numbers = cursor.split(":")
        if world != self._world:
            gap = Gap(reason="The demo was begun afresh; what its first world held is not there any more")
            return 0, len(self.kept.log), gap
        if not 1 <= len(numbers) <= 2 or not all(number.isdecimal() for number in numbers):
            raise BadAnswer("The demo cannot go on from this cursor", f"It is «{inert_line(cursor, limit=60)}»",
                            "Begin afresh with agentdesk demo --fresh")
        start, history = int(numbers[0]), int(numbers[-1]) if len(numbers) == 2 else 0
        return min(start, len(self.kept.log)), min(history, len(self.kept.log)), None

    def thread(self, ref: str) -> Page:
        """One conversation with all its messages."""
        self.head(ref)
        return Page(messages=self.messages(ref), conversations=self._heads({ref}), profiles=self._people({ref}))

    def history(self, customer_ref: str, limit: int) -> Page:
        """The latest conversations of one person."""
        self.profile(customer_ref)
        heads = [h for h in self.kept.conversations.values() if h.customer_ref == customer_ref]
        heads = sorted(heads, key=lambda h: h.updated_at or 0, reverse=True)[:limit]
        messages = [m for head in heads for m in self.messages(head.ref)]
        return Page(messages=tuple(sorted(messages, key=_age)), conversations=tuple(heads),
                    profiles=self._people({h.ref for h in heads}), backfill=True)

    def head(self, ref: str) -> RemoteConversation:
        """A conversation's head; Gone when there is none."""
        found = self.kept.conversations.get(ref)
        if found is None:
            raise Gone("This conversation is not there any more", f"demo:{self.place} does not know {inert_line(ref)}")
        return found

    def profile(self, ref: str) -> Profile:
        """A person; Gone when there is none."""
        found = self.kept.profiles.get(ref)
        if found is None:
            raise Gone("This person is not there any more", f"demo:{self.place} does not know {inert_line(ref)}")
        return found

    def messages(self, ref: str) -> tuple[Message, ...]:
        """A conversation's messages, oldest first."""
        return tuple(sorted((self.kept.messages[r] for r in self._threads.get(ref, ())), key=_age))

    def last(self, ref: str, direction: Direction) -> Message | None:
        """The newest message of that direction which still stands."""
        found = [m for m in self.messages(ref) if m.direction is direction and not m.deleted]
        return found[-1] if found else None

    def waits(self, ref: str) -> bool:
        """True while the customer has had the last word."""
        heard, said = self.last(ref, Direction.IN), self.last(ref, Direction.OUT)
        return heard is not None and (said is None or said.created_at < heard.created_at)

    def _heads(self, refs: set[str]) -> tuple[RemoteConversation, ...]:
        return tuple(self.kept.conversations[r] for r in sorted(refs) if r in self.kept.conversations)

    def _people(self, refs: set[str]) -> tuple[Profile, ...]:
        people = {head.customer_ref for head in self._heads(refs)}
        return tuple(self.kept.profiles[r] for r in sorted(people) if r in self.kept.profiles)

    # -- writing ------------------------------------------------------------------------------------------------------

    def add_profile(self, profile: Profile) -> None:
        """Let a person exist."""
        self.kept.profiles[profile.ref] = profile

    def set_head(self, head: RemoteConversation, *, told: bool = True) -> None:
        """Keep a conversation's head, and tell of it unless a message will."""
        self.kept.conversations[head.ref] = head
        if told:
            self.kept.log.append(Change("c", head.ref))

    def next_ref(self, ref: str) -> str:
        """The id of a conversation's next message."""
        return f"{ref}.{self.kept.counts.get(ref, 0) + 1}"

    def put(self, message: Message) -> None:
        """Keep a message, new or changed, and tell of it."""
        if message.ref not in self.kept.messages:
            ref = message.conversation_ref
            self._threads.setdefault(ref, []).append(message.ref)
            self.kept.counts[ref] = self.kept.counts.get(ref, 0) + 1
        self.kept.messages[message.ref] = message
        self.kept.log.append(Change("m", message.ref))

    def remove(self, message: Message) -> None:
        """Take a message back as its author: one network names what is gone, the others mark it."""
        if self.place == "bluesky":
            del self.kept.messages[message.ref]
            self._threads[message.conversation_ref].remove(message.ref)
            self.kept.log.append(Change("x", message.ref))
        else:
            self.put(msgspec.structs.replace(message, deleted=True))

    def heard(self, ref: str, now: Millis) -> None:
        """A customer wrote: a ticket opens again and gets a new due time."""
        head = self.head(ref)
        if not self.is_desk:
            self.set_head(msgspec.structs.replace(head, updated_at=now, closed=False), told=False)
            return
        kind = ClockKind.NEXT if self.last(ref, Direction.OUT) else ClockKind.FIRST
        running = tuple(due for due in head.due or () if due.kind is not ClockKind.NEXT)
        if not any(due.kind is kind for due in running):
            running += (ServerDue(kind=kind, due_at=now + PRIORITIES[head.priority or "normal"]),)
        status = "new" if head.status == "new" else "open"
        self.set_head(msgspec.structs.replace(head, updated_at=now, closed=False, status=status, due=running))

    def answered(self, ref: str, now: Millis) -> None:
        """Somebody of ours wrote to the customer: the help desk's reply clocks stop."""
        head = self.head(ref)
        if not self.is_desk:
            self.set_head(msgspec.structs.replace(head, updated_at=now), told=False)
            return
        left = tuple(due for due in head.due or () if due.kind is ClockKind.RESOLUTION)
        status = "open" if head.status == "new" else head.status
        self.set_head(msgspec.structs.replace(head, updated_at=now, due=left, status=status))

    def post(self, out: Outgoing, now: Millis, account: Author, *, gives_id_back: bool) -> Message:
        """Keep our reply or note; the same text twice is two messages: telling them apart is the caller's matter."""
        if out.kind in (OutKind.TICKET, OutKind.DM):
            return self._begin(out, now, account, gives_id_back=gives_id_back)
        self.head(out.conversation_ref)
        target = self.kept.messages.get(out.reply_to_ref) if out.reply_to_ref else None
        if out.reply_to_ref and (target is None or target.deleted):
            raise Gone("The post you answer was deleted", "Its author took it back", "Answer another post")
        note = out.kind is OutKind.NOTE
        text, raw = text_and_raw(out.text)
        message = Message(
            ref=self.next_ref(out.conversation_ref), conversation_ref=out.conversation_ref,
            author=Author(ref="us", name=inert_line(out.agent)) if self.is_desk and out.agent else account,
            direction=Direction.NOTE if note else Direction.OUT, text=text, raw=raw, created_at=now,
            kind=Kind.TICKET if self.is_desk else Kind.DM if out.visibility is Visibility.DIRECT else Kind.REPLY,
            visibility=Visibility.INTERNAL if note else out.visibility,
            parent_ref=out.reply_to_ref, client_id=out.client_id if gives_id_back else "",
            attachments=sent(out.uploads))
        self.put(message)
        self.kept.sent[out.client_id] = message.ref
        if not note:
            self.answered(out.conversation_ref, now)
        return message

    def _begin(self, out: Outgoing, now: Millis, account: Author, *, gives_id_back: bool) -> Message:
        """A ticket or a private talk begins."""
        private = out.kind is OutKind.DM
        number = FIRST_TICKET + sum(ref.removeprefix("dm-").isdecimal() for ref in self.kept.conversations)
        ref = f"dm-{number}" if private else str(number)
        who = out.customer_ref if private else f"guest-{number}"
        if private:
            self.profile(who)
        else:
            mail = inert_line(out.customer_mail)
            self.add_profile(Profile(
                ref=who, name=inert_line(out.customer_name), handle=mail or inert_line(out.customer_handle),
                contacts=(mail,) if mail else ()))
        self.set_head(RemoteConversation(
            ref=ref, customer_ref=who, subject=inert_line(out.subject), updated_at=now, closed=False,
            url="" if private else f"https://help.harbourpost.example/ticket/{ref}",
            status=None if private else "new", assignee=None if private else "", queue="" if private else
            inert_line(out.place) or USUAL_PLACE, priority=None if private else "normal",
            tags=None if private else tuple(map(inert_line, out.tags)), due=None if private else ()), told=False)
        text, raw = text_and_raw(out.text)
        message = Message(
            ref=self.next_ref(ref), conversation_ref=ref, created_at=now, text=text, raw=raw,
            author=account if private else Author(ref="us", name=inert_line(out.agent)),
            direction=Direction.OUT if private else Direction.NOTE, kind=Kind.DM if private else Kind.TICKET,
            visibility=Visibility.DIRECT if private else Visibility.INTERNAL,
            client_id=out.client_id if gives_id_back else "", attachments=sent(out.uploads))
        self.put(message)
        self.kept.sent[out.client_id] = message.ref
        return message

    def search(self, words: str, limit: int) -> Page:
        """Conversations whose number, subject or customer has all the words, the latest first."""
        wanted = words.casefold().lstrip("#").split()
        found = [head for head in self.kept.conversations.values() if wanted and all(
            word in " ".join((head.ref, head.subject, *self._called(head.customer_ref))).casefold()
            for word in wanted)]
        found = sorted(found, key=lambda head: head.updated_at or 0, reverse=True)[:limit]
        return Page(conversations=tuple(found), profiles=self._people({head.ref for head in found}))

    def _called(self, ref: str) -> tuple[str, ...]:
        who = self.kept.profiles.get(ref)
        return () if who is None else (who.name, who.handle, *who.contacts)

    def find(self, out: Outgoing, since: Millis) -> Message | None:
        """A message of ours with this text in the conversation, not older than ``since``; what a search can find."""
        begins = out.kind is OutKind.TICKET
        direction = Direction.NOTE if out.kind in (OutKind.NOTE, OutKind.TICKET) else Direction.OUT
        refs = [ref for ref in self.kept.conversations if ref.isdecimal()] if begins else [out.conversation_ref]
        for message in (message for ref in refs for message in self.messages(ref)):
            fits = message.direction is direction and message.created_at >= since - PUSH_BACK
            if fits and same_text(out.text, message.text):
                return message
        return None

    def _change_ours(self, action: Action, now: Millis) -> None:
        """Give a message of ours another text, or take it back."""
        message = self.kept.messages.get(action.message_ref)
        if message is None or message.deleted:
            if action.verb is Verb.DELETE:
                return
            raise Gone("This message is not there any more", "It was deleted")
        if message.direction is not Direction.OUT:
            raise Rejected("Only messages of ours can be changed", "Somebody else wrote this one")
        text, raw = text_and_raw(action.value)
        if action.verb is Verb.DELETE:
            self.remove(message)
        elif text != message.text:
            self.put(msgspec.structs.replace(message, text=text, raw=raw, edited_at=now))

    def act(self, action: Action, now: Millis) -> None:
        """Do one repeatable thing to a conversation or message."""
        head = self.head(action.conversation_ref)
        if action.verb in (Verb.LIKE, Verb.BOOST, Verb.FOLLOW):
            ref = action.customer_ref if action.verb is Verb.FOLLOW else action.message_ref
            mark = f"{action.verb}:{ref or head.customer_ref}"
            others = [each for each in self.kept.likes if each != mark]
            self.kept.likes = others if action.value == "off" else [*others, mark]
            return
        if action.verb in (Verb.EDIT, Verb.DELETE):
            self._change_ours(action, now)
            return
        changed = msgspec.structs.replace(_changed(head, action), updated_at=head.updated_at)
        if changed != head:
            self.set_head(msgspec.structs.replace(changed, updated_at=now))


def _age(message: Message) -> tuple[Millis, str]:
    return message.created_at, message.ref.rjust(80)


def _changed(head: RemoteConversation, action: Action) -> RemoteConversation:
    """The head as it is after ``action``; Conflict when a colleague has it, Rejected when it makes no sense."""
    match action.verb:
        case Verb.CLAIM:
            agent = action.value or OURSELVES
            if head.assignee and head.assignee != agent:
                raise Conflict(f"{head.assignee} has this ticket", "It was taken on the help desk",
                               f"Ask {head.assignee}, or assign it to yourself", holder=head.assignee)
            return msgspec.structs.replace(head, assignee=agent)
        case Verb.RELEASE:
            if head.assignee and head.assignee != (action.value or OURSELVES):
                raise Conflict(f"{head.assignee} has this ticket", "It is not yours to give back", holder=head.assignee)
            return msgspec.structs.replace(head, assignee="")
        case Verb.ASSIGN:
            return msgspec.structs.replace(head, assignee=action.value)
        case Verb.STATUS:
            _one_of(action.value, STATUSES, "status")
            return msgspec.structs.replace(head, status=action.value, closed=action.value == CLOSED)
        case Verb.PRIORITY:
            return msgspec.structs.replace(head, priority=_priority(action.value))
        case Verb.TAGS:
            return msgspec.structs.replace(head, tags=_tagged(head.tags or (), action.value))
        case _:
            return head


def _priority(value: str) -> str:
    """A priority's word, also for a number from 0 to 100."""
    if value.isdecimal() and int(value) <= 100:
        return tuple(PRIORITIES)[min(3, int(value) // 25)]
    _one_of(value, tuple(PRIORITIES), "priority")
    return value


def _one_of(value: str, allowed: tuple[str, ...], word: str) -> None:
    if value not in allowed:
        raise Rejected(f"There is no {word} «{inert_line(value, limit=60)}»", "", f"Use one of: {', '.join(allowed)}")


class _TagChange(msgspec.Struct):
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def _tagged(tags: tuple[Inert, ...], value: str) -> tuple[Inert, ...]:
    try:
        change = msgspec.json.decode(value, type=_TagChange)
    except msgspec.MsgspecError as error:
        raise Rejected("The tags could not be changed", str(error)) from error
    kept = [tag for tag in tags if tag not in change.remove]
    return tuple(dict.fromkeys([*kept, *(inert_line(tag) for tag in change.add)]))
