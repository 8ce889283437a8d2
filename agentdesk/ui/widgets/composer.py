"""The composer: a text field with a line above that says where the text goes, and lines below with what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from agentdesk.desk import answer, find
from agentdesk.errors import DeskError
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.replies import signature
from agentdesk.ui.widgets import composer_layout
from agentdesk.ui.widgets.composer_layout import Facts, Note
from agentdesk.ui.widgets.editor import Editor
from agentdesk.ui.widgets.label import Label

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

DELAY = 0.4
"""Seconds after the first unsaved key until the draft is written."""


class Composer(Vertical):
    """One draft being written; every key is stored within half a second and nothing typed is ever thrown away."""

    DEFAULT_CSS = """
    Composer { height: 12; max-height: 60%; display: none; }
    """

    class Closed(Message):
        """The composer is done with a draft: it was sent, kept or thrown away."""

        def __init__(self, conversation_id: int, sent: bool) -> None:
            super().__init__()
            self.conversation_id = conversation_id
            self.sent = sent

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.draft: Draft | None = None
        self._notes: tuple[Note, ...] = ()
        self._accepted: frozenset[str] = frozenset()
        """Warnings that were shown at the last attempt to send; sending again goes past them."""
        self._timer: Timer | None = None
        self._stored = ""
        self._trouble: Note | None = None
        self._edited = True

    def compose(self) -> ComposeResult:
        """Head, text, foot."""
        yield Label(ground="composer", id="composer-head")
        yield Editor()
        yield Label(ground="composer", id="composer-foot")

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    @property
    def editor(self) -> Editor:
        """The text field."""
        return self.query_one(Editor)

    @property
    def is_open(self) -> bool:
        """True while something is being written."""
        return self.draft is not None

    # -- opening and closing ---------------------------------------------------------------------------------------

    async def open(self, conversation_id: int, kind: OutKind = OutKind.REPLY, *, visibility: str = "",
                   reply_to: str = "") -> None:
        """Take up the draft for a conversation, or begin one; a draft already open is stored first."""
        await self.flush()
        desk = self.desk_app.desk
        draft = answer.open_draft(desk, conversation_id, kind)
        if reply_to:
            draft = msgspec.structs.replace(draft, reply_to_ref=reply_to)
        if visibility and Visibility(visibility) in answer.visibilities(desk, conversation_id, kind):
            draft = msgspec.structs.replace(draft, visibility=Visibility(visibility))
        self.draft, self._stored, self._accepted, self._trouble = draft, draft.text, frozenset(), None
        self._notes = ()
        self.display = True
        self.editor.placeholder = ("A note for colleagues; the customer never sees it" if kind is OutKind.NOTE
                                   else "Write to " + (draft.name or "the customer").replace("[", "("))
        self.editor.load(draft.text)
        self.editor.focus()
        self._judge()

    async def close(self, *, sent: bool = False) -> None:
        """Store what is written and put the composer away."""
        if self.draft is None:
            return
        if not sent:
            await self.flush()
        conversation_id = self.draft.conversation_id
        self._forget()
        self.post_message(self.Closed(conversation_id, sent))

    def _forget(self) -> None:
        self._stop_timer()
        self.draft, self._notes, self._accepted, self._stored, self._trouble = None, (), frozenset(), "", None
        self.editor.load("")
        self.display = False

    async def postpone(self) -> None:
        """Put the composer away and keep the draft."""
        if self.draft is None:
            return
        kept = bool(self.editor.text.strip())
        await self.close()
        self.desk_app.say("info", "Kept as a draft; r takes it up again" if kept else "Nothing was written")

    async def discard(self) -> None:
        """Throw the draft away, after asking."""
        if self.draft is None:
            return
        from agentdesk.ui.screens.dialogs import confirm

        text = self.editor.text.strip()
        if text and not await confirm(self.app, "Throw this draft away?", f"{len(text)} characters are lost"):
            return
        if self.draft is not None:
            await answer.discard(self.desk_app.desk, self.draft)
            await self.close(sent=True)

    # -- typing and storing ----------------------------------------------------------------------------------------

    @on(TextArea.Changed)
    def typed(self, event: TextArea.Changed) -> None:
        """A key changed the text: count at once, store and judge shortly."""
        event.stop()
        if self.draft is None or event.text_area.text == self.draft.text:
            return
        self.draft = msgspec.structs.replace(self.draft, text=event.text_area.text)
        self._accepted = frozenset()
        if self._timer is None:
            self._timer = self.set_timer(DELAY, self._store_soon)
        self._draw_head()

    @on(Editor.Cleaned)
    def cleaned(self, event: Editor.Cleaned) -> None:
        """Say what was taken out of a paste."""
        event.stop()
        self._notes = (*self._notes, Note(f"cleaned: {event.words}", ink="soon"))
        self._draw_foot()

    def _store_soon(self) -> None:
        self._timer = None
        self.run_worker(self.flush(), group="draft", exclusive=False, exit_on_error=False)
        self._judge()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    async def flush(self) -> None:
        """Store the draft as it is now; returns when it is committed, or shows why it could not be."""
        self._stop_timer()
        draft = self.draft
        if draft is None or draft.text == self._stored:
            return
        try:
            await answer.save(self.desk_app.desk, draft)
        except DeskError as error:
            self._trouble = Note(f"not saved: {error.title}", error.remedy, "late")
        else:
            self._trouble = None
            if self.draft is not None and self.draft.conversation_id == draft.conversation_id:
                self._stored = draft.text
        if self.draft is not None:
            self._draw_head()
            self._draw_foot()

    async def on_unmount(self) -> None:
        """The last chance to store."""
        await self.flush()

    def on_descendant_blur(self) -> None:
        """Another pane has the keys now: store at once."""
        if self.draft is not None:
            self._stop_timer()
            self.run_worker(self.flush(), group="draft", exit_on_error=False)

    # -- what is shown around the text -----------------------------------------------------------------------------

    def _judge(self) -> None:
        """See what stands against sending, and draw everything around the text."""
        draft = self.draft
        if draft is None:
            return
        desk = self.desk_app.desk
        self._edited = not draft.canned or _differs(draft.text, draft.canned_text)
        notes = []
        if draft.text.strip():
            keys = self.desk_app.keymap.key_of("composer", "send")
            for warning in answer.check(desk, draft):
                on_with = f"{keys} twice splits it" if warning.code == "too_long" else f"{keys} twice sends anyway"
                notes.append(Note(warning.text, " · ".join(part for part in (warning.how, on_with) if part)))
        news = self._news(draft)
        if news:
            notes.insert(0, Note(f"{news} new message{'s' if news > 1 else ''} since you began", "read above"))
        self._notes = tuple(notes)
        self._draw_head()
        self._draw_foot()

    def _news(self, draft: Draft) -> int:
        """How many messages came in since the draft was begun."""
        if not draft.seen_message_id:
            return 0
        recent = find.thread(self.desk_app.desk, draft.conversation_id, limit=20)
        return sum(it.id > draft.seen_message_id and it.message.direction == "in" for it in recent)

    def facts(self) -> Facts:
        """How the draft stands, for the line above the text."""
        draft = self.draft
        if draft is None:
            return Facts()
        room = answer.room(self.desk_app.desk, draft)
        saved = "" if not draft.text.strip() else "saved" if draft.text == self._stored else "typing"
        if self._trouble is not None:
            saved = "not saved"
        return Facts(kind=draft.kind, visibility=draft.visibility, room=room, canned=draft.canned,
                     edited=self._edited, saved=saved)

    def _draw_head(self) -> None:
        if self.draft is None:
            return
        facts = self.facts()
        glyphs = self.desk_app.palette.glyphs
        head = self.query_one("#composer-head", Label)
        head.put(composer_layout.head(facts, max(20, self.size.width), glyphs))
        self.editor.show_limit(self._limit_index() if facts.room is not None and facts.room < 0 else None)
        self.editor.show_tail(self._tail())

    def _draw_foot(self) -> None:
        notes = self._notes if self._trouble is None else (self._trouble, *self._notes)
        glyphs = self.desk_app.palette.glyphs
        rows = composer_layout.foot(notes, max(20, self.size.width), glyphs)
        self.query_one("#composer-foot", Label).put(*rows)

    def _tail(self) -> str:
        """The sign-off as it will be added."""
        if self.draft is None or self.draft.kind is OutKind.NOTE:
            return ""
        text = self.draft.text.strip()
        signed = signature.sign(text, self.desk_app.desk.config.agent.signature)
        return " ".join(signed[len(text):].split()) if signed.startswith(text) else ""

    def _limit_index(self) -> int:
        """The first character that the channel has no room for."""
        draft = self.draft
        if draft is None:
            return 0
        low, high = 0, len(draft.text)
        while low < high:
            middle = (low + high + 1) // 2
            part = msgspec.structs.replace(draft, text=draft.text[:middle])
            left = answer.room(self.desk_app.desk, part)
            low, high = (middle, high) if left is None or left >= 0 else (low, middle - 1)
        return low

    def on_resize(self) -> None:
        """Another width has room for other words."""
        self._draw_head()
        self._draw_foot()

    def reload(self) -> None:
        """Something changed in the conversation: a new message must be seen before sending."""
        self._judge()

    # -- what keys do ----------------------------------------------------------------------------------------------

    async def send(self) -> None:
        """Send; warnings stop it once, sending again goes past those that were shown."""
        draft = self.draft
        if draft is None:
            return
        await self.flush()
        news, accepted = self._news(draft), self._accepted
        if news and "news" not in accepted:
            self._accepted = frozenset({"news"})
            self._judge()
            return
        if news:
            newest = find.thread(self.desk_app.desk, draft.conversation_id, limit=1)[-1].id
            draft = msgspec.structs.replace(draft, seen_message_id=newest)
        try:
            sent = await answer.send(self.desk_app.desk, draft, accepted, split="too_long" in accepted)
        except DeskError as error:
            self._notes = (Note(error.title, " · ".join(filter(None, (error.cause, error.remedy))), "late"),)
            self._draw_foot()
            return
        if sent.warnings:
            self._accepted = accepted | frozenset(warning.code for warning in sent.warnings)
            self._judge()
            return
        await self.close(sent=True)

    def switch_visibility(self) -> None:
        """Take the next of the visibilities that a reply here may have."""
        draft = self.draft
        if draft is None:
            return
        allowed = answer.visibilities(self.desk_app.desk, draft.conversation_id, draft.kind)
        if len(allowed) == 1:
            self.desk_app.say("info", f"Only {allowed[0].value} is possible here")
            return
        place = allowed.index(draft.visibility) if draft.visibility in allowed else -1
        self.draft = msgspec.structs.replace(draft, visibility=allowed[(place + 1) % len(allowed)])
        self._changed_otherwise()

    def _changed_otherwise(self) -> None:
        """The draft changed without its text: store it all the same."""
        self._stored = "\0"
        self._accepted = frozenset()
        self._stop_timer()
        self.run_worker(self.flush(), group="draft", exit_on_error=False)
        self._judge()

    async def pick_canned(self, name: str = "") -> None:
        """Choose a canned reply, ask for what it needs, and put it in as ordinary text."""
        from agentdesk.ui.screens.canned import pick, values_for

        if self.draft is None:
            return
        desk = self.desk_app.desk
        chosen = await pick(self.app, self.draft.conversation_id, name)
        if chosen is None or self.draft is None:
            self.editor.focus()
            return
        values = await values_for(self.app, chosen, self.draft.conversation_id)
        if values is None or self.draft is None:
            self.editor.focus()
            return
        text = answer.fill(desk, chosen, self.draft.conversation_id, values)
        if chosen.kind == "reply" and not self.draft.text.strip():
            self.draft = msgspec.structs.replace(self.draft, canned=chosen.name, canned_text=text)
            self.editor.load("")
        self.editor.put(text)
        self.editor.focus()

    async def edit_outside(self) -> None:
        """Write in the agent's own editor; the clocks go on meanwhile."""
        from agentdesk.ui.outside import edit

        if self.draft is None:
            return
        await self.flush()
        try:
            text = await edit(self.app, self.draft.text)
        except DeskError as error:
            self.desk_app.say("error", error.title, error.remedy)
            return
        if text is not None and text != self.editor.text:
            self.editor.select_all()
            self.editor.put(text)
        self.editor.focus()


def _differs(text: str, canned: str) -> bool:
    """True when a person changed the words of a canned text."""
    return " ".join(text.split()) != " ".join(canned.split())
