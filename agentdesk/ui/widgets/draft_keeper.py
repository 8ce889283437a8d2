"""A draft between the keys and the store: what is stored, what stands against sending, and sending itself."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from agentdesk.commands.keymap import Keymap
from agentdesk.desk import answer, escalate, find, inbox
from agentdesk.errors import DeskError, Refused
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.paths import make_private, places, write_private
from agentdesk.replies import guards, signature
from agentdesk.rules import ticket_text
from agentdesk.ui.present import line
from agentdesk.ui.widgets.composer_layout import Facts, Note
from agentdesk.ui.widgets.when import moment, size

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk

NEWS = "news"
"""The code under which «something came in while you wrote» is gone past."""


class DraftKeeper:
    """One draft at a time; knows what of it is committed."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.draft: Draft | None = None
        self.trouble: Note | None = None
        """Why the last attempt to store failed."""
        self.accepted: frozenset[str] = frozenset()
        """Codes of what stopped the last attempt to send; sending again goes past them."""
        self.attaching = False
        """True while a file is being read that is to go along."""
        self._stored: Draft | None = None
        self._rescued: Path | None = None
        self._sending = False
        self._storing = asyncio.Lock()
        """One after the other: what is stored must know of what was stored before it."""
        self._news_told = 0
        """How many messages that came in were shown when sending was stopped for them."""
        self._to = ""

    def begin(self, conversation_id: int, kind: OutKind, visibility: str = "", reply_to: str = "",
              message_id: int = 0) -> Draft:
        """Take up the draft of a conversation, or begin one; Refused where nothing can be written."""
        draft = answer.open_draft(self.desk, conversation_id, kind, message_id)
        self._stored = draft
        if reply_to:
            draft = msgspec.structs.replace(draft, reply_to_ref=reply_to)
        if visibility and Visibility(visibility) in answer.visibilities(self.desk, conversation_id, kind):
            draft = msgspec.structs.replace(draft, visibility=Visibility(visibility))
        self.draft, self.trouble, self.accepted = draft, None, frozenset()
        self._to = self._answers(draft)
        return draft

    def _answers(self, draft: Draft) -> str:
        """Whom and when the draft answers, where that is not the customer's last message; where a ticket goes."""
        if draft.kind is OutKind.TICKET:
            return _ticket_goes(draft.text)
        if draft.kind is not OutKind.REPLY or not draft.reply_to_ref:
            return ""
        inbound = [it.message for it in find.thread(self.desk, draft.conversation_id)
                   if it.message.direction is Direction.IN]
        found = next((it for it in inbound if it.ref == draft.reply_to_ref), None)
        if found is None or found is inbound[-1]:
            return ""
        return f"{line(found.author.name, 20, pad=False)} {moment(found.created_at, self.desk.now(), self.desk.zone)}"

    def forget(self) -> None:
        """Be done with the draft."""
        self.draft, self._stored, self.trouble, self.accepted = None, None, None, frozenset()

    def change(self, **fields: object) -> None:
        """Give the draft another text, visibility or origin; what was accepted before must be looked at again."""
        if self.draft is not None:
            self.draft = msgspec.structs.replace(self.draft, **fields)
            if self.draft.kind is OutKind.TICKET:
                self._to = _ticket_goes(self.draft.text)
            self.accepted = frozenset()

    @property
    def unsaved(self) -> bool:
        """True while something is on the screen that is not committed."""
        return self.draft is not None and self.draft != self._stored and (
            _holds(self.draft) or (self._stored is not None and _holds(self._stored)))

    @property
    def kept(self) -> bool:
        """True when the draft is in the store, which a text that was only looked at is not."""
        it = self.draft
        return it is not None and any(
            (one.conversation_id, one.kind) == (it.conversation_id, it.kind) for one in find.drafts(self.desk))

    def follow(self) -> bool:
        """Take up other words that were stored in the draft's place, unless ours are not stored; True if there were.

        A reply was taken back into it, or another window went on with it.
        """
        it = self.draft
        if it is None or self.unsaved or self._sending:
            return False
        found = next((one for one in find.drafts(self.desk)
                      if (one.conversation_id, one.kind) == (it.conversation_id, it.kind)), None)
        if found is None or found.text == it.text:
            return False
        self.draft = self._stored = found
        return True

    async def store(self) -> None:
        """Commit the draft as it is now; when that fails it is written beside the store, and ``trouble`` says so.

        Not while it is being sent: it would be a draft again behind what left.
        """
        async with self._storing:
            await self._store()

    async def _store(self) -> None:
        draft = self.draft
        if draft is None or self._sending or not self.unsaved:
            return
        try:
            at = await answer.save(self.desk, draft)
        except DeskError as error:
            where = await self._rescue(draft, self.desk.typed(error.remedy))
            self.trouble = Note(f"not saved: {error.title}", where, "late")
            return
        self.trouble = None
        now = self.draft
        if now is not None and (now.conversation_id, now.kind) == (draft.conversation_id, draft.kind):
            self._stored = msgspec.structs.replace(draft, saved_at=at)
            self.draft = msgspec.structs.replace(now, saved_at=at)
        if self._rescued is not None:
            await asyncio.to_thread(self._rescued.unlink, missing_ok=True)
            self._rescued = None

    async def discard(self) -> None:
        """Throw the draft away; what was about to be stored of it is gone before anything can store it again."""
        async with self._storing:
            if self.draft is not None:
                await answer.discard(self.desk, self.draft)
                self.forget()

    async def _rescue(self, draft: Draft, remedy: str) -> str:
        """Put a copy where it can be found; says where, or that it stands on the screen only."""
        name = f"draft-{draft.conversation_id}-{draft.kind.value}.txt"
        for folder in (self.desk.store.path.parent / "rescue", places(self.desk.profile).config_dir / "rescue",
                       Path.home() / "agentdesk-rescue"):
            try:
                await asyncio.to_thread(_write, folder, name, draft.text)
            except DeskError:
                continue
            self._rescued = folder / name
            return f"A copy is in {self._rescued}. {remedy}"
        self._rescued = None
        return f"It stands only on this screen: copy it. {remedy}"

    @property
    def only_here(self) -> str:
        """The text when it is on the screen and nowhere else, neither stored nor rescued."""
        return self.draft.text if self.draft is not None and self.unsaved and self._rescued is None else ""

    # -- what is shown of it ---------------------------------------------------------------------------------------

    def facts(self) -> Facts:
        """How the draft stands, for the line above the text."""
        draft = self.draft
        if draft is None:
            return Facts()
        saved = "saved" if _holds(draft) and not self.unsaved else ""
        return Facts(kind=draft.kind, visibility=draft.visibility, room=answer.room(self.desk, draft), to=self._to,
                     canned=draft.canned, edited=not draft.canned or _differs(draft.text, draft.canned_text),
                     saved="not saved" if self.trouble is not None else saved,
                     files=tuple((each.name, size(each.size), bool(each.alt)) for each in draft.uploads))

    def tail(self) -> str:
        """The sign-off as it will be added."""
        if self.draft is None or self.draft.kind in answer.UNSIGNED:
            return ""
        text = self.draft.text.strip()
        signed = signature.sign(text, self.desk.config.agent.signature)
        return " ".join(signed[len(text):].split()) if signed.startswith(text) else ""

    def limit_index(self) -> int | None:
        """The first character that the channel has no room for; None while all of it fits."""
        draft = self.draft
        if draft is None or (answer.room(self.desk, draft) or 0) >= 0:
            return None
        low, high = 0, len(draft.text)
        while low < high:
            middle = (low + high + 1) // 2
            left = answer.room(self.desk, msgspec.structs.replace(draft, text=draft.text[:middle]))
            low, high = (middle, high) if left is None or left >= 0 else (low, middle - 1)
        return low

    def news(self) -> int:
        """How many messages came in since the draft was begun."""
        if self.draft is None or not self.draft.seen_message_id:
            return 0
        recent = find.thread(self.desk, self.draft.conversation_id, limit=20)
        seen = self.draft.seen_message_id
        return sum(it.id > seen and it.message.direction is Direction.IN for it in recent)

    def notes(self, keymap: Keymap) -> tuple[Note, ...]:
        """What stands against sending, and with which keys to go on."""
        draft = self.draft
        if draft is None:
            return ()
        found: list[Note] = []
        news = self.news()
        if news:
            again = keymap.key_of("composer", "send")
            words = f"{news} new message{'s' if news > 1 else ''} came in while you wrote"
            how = f"Read above; press {again} again to send all the same" if NEWS in self.accepted else "Read above"
            found.append(Note(words, how))
        if draft.text.strip():
            found += [_caution(one, keymap, one.code in self.accepted) for one in answer.check(self.desk, draft)]
        if draft.kind is OutKind.TICKET and (known := escalate.places(self.desk, self._to.partition(" ")[0])):
            found.append(Note(f"Places there: {', '.join(known)}", ink="dim"))
        if draft.calls:
            found.append(Note(f"Once it is sent: {' · '.join(draft.calls)}", ink="dim"))
        return tuple(found)

    # -- sending ---------------------------------------------------------------------------------------------------

    async def send(self) -> bool:
        """Freeze the draft into the outbox; False when something stopped it, which is then in ``accepted``."""
        draft, accepted = self.draft, self.accepted
        if draft is None:
            return False
        if self.attaching:
            raise Refused("A file is still being read", "", "Send it when the file stands above the text")
        seen = inbox.seen(self.desk, [draft.conversation_id])  # before the news: what comes in between is not seen
        if news := self.news():
            if NEWS not in accepted or news > self._news_told:
                self.accepted, self._news_told = accepted | {NEWS}, news
                return False
            draft = msgspec.structs.replace(draft, seen_message_id=seen[draft.conversation_id])
        self._sending = True
        try:
            sent = await answer.send(self.desk, draft, accepted, split="too_long" in accepted)
        finally:
            self._sending = False
        if sent.warnings:
            self.accepted = accepted | frozenset(warning.code for warning in sent.warnings)
            return False
        return True


def _write(folder: Path, name: str, text: str) -> None:
    write_private(make_private(folder) / name, text.encode("utf-8", "replace"))


def _holds(draft: Draft) -> bool:
    """True when there is something in it to be kept."""
    return bool(draft.text.strip() or draft.uploads)


def _ticket_goes(text: str) -> str:
    """Where a ticket that is being written goes; empty while that cannot be read."""
    try:
        said = ticket_text.read(text)
    except DeskError:
        return ""
    return f"{said.source} {said.place}".strip()


def _differs(text: str, canned: str) -> bool:
    """True when a person changed the words of a canned text."""
    return " ".join(text.split()) != " ".join(canned.split())


def _caution(one: guards.Warning, keymap: Keymap, stopped: bool) -> Note:
    """A guard's warning with the keys that go on."""
    send, switch = keymap.key_of("composer", "send"), keymap.key_of("composer", "visibility")
    again = f"press {send} again to" if stopped else f"{send} twice to"
    how = one.how.replace(guards.ANYWAY, f"or {again} send it all the same")
    how = how.replace("or split it into a thread", f"or {again} split it into a thread")
    how = how.replace(guards.DIRECT, f"{guards.DIRECT} with {switch}")
    how = how.replace(guards.TO_DM, f"{guards.TO_DM} with {keymap.key_of('composer', 'dm')}")
    how = how.replace("Attach the file", f"Attach the file with {keymap.key_of('composer', 'attach')}")
    return Note(f"Not sent: {one.text[0].lower()}{one.text[1:]}" if stopped else one.text, how)
