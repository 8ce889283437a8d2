"""The composer: a text field with a line above that says where the text goes, and lines below with what is wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from agentdesk.desk import answer
from agentdesk.errors import DeskError, Refused
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.ui.present import content, line
from agentdesk.ui.widgets import composer_layout
from agentdesk.ui.widgets.composer_layout import Note
from agentdesk.ui.widgets.draft_keeper import DraftKeeper
from agentdesk.ui.widgets.editor import Editor
from agentdesk.ui.widgets.label import Label
from agentdesk.ui.widgets.runs import ruled
from agentdesk.ui.widgets.thread import ThreadView

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp

DELAY = 0.4
"""Seconds after the first unsaved key until the draft is written."""

_VERBS = {OutKind.REPLY: "reply", OutKind.DM: "dm", OutKind.EDIT: "edit", OutKind.TICKET: "escalate"}
"""Which verb takes up which kind of draft; a note's is its own."""

AGAIN = 5.0
"""Seconds until a draft that could not be written is tried again."""


class Composer(Vertical):
    """One draft being written; every key is stored within half a second and nothing typed is ever thrown away."""

    DEFAULT_CSS = """
    Composer { height: 45%; min-height: 8; max-height: 14; display: none; }
    Composer.-tall { height: 65%; max-height: 30; }
    """

    class Closed(Message):
        """The composer is done with a draft: it was sent, kept or thrown away."""

        def __init__(self, conversation_id: int, sent: bool) -> None:
            super().__init__()
            self.conversation_id = conversation_id
            self.sent = sent

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.editor = Editor()
        """The text field."""
        self._notes: tuple[Note, ...] = ()
        self._told: tuple[Note, ...] = ()
        """What happened since the last key, besides the guards: a paste was cleaned, sending was refused."""
        self.look_outside: Callable[[], Awaitable[None]] | None = None
        """Takes over what the agent's own editor has saved, while that is at work."""
        self._timer: Timer | None = None
        self._sending = False
        self._keeper: DraftKeeper | None = None

    def compose(self) -> ComposeResult:
        """Head, text, foot."""
        yield Label(ground="composer", id="composer-head")
        yield self.editor
        yield Label(ground="composer", id="composer-foot")

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    @property
    def keeper(self) -> DraftKeeper:
        """What holds the draft."""
        if self._keeper is None:
            self._keeper = DraftKeeper(self.desk_app.desk)
        return self._keeper

    @property
    def draft(self) -> Draft | None:
        """The draft being written."""
        return self._keeper.draft if self._keeper is not None else None

    def still(self, draft: Draft) -> Draft | None:
        """This draft as it is now, while it is the one that is open."""
        now = self.draft
        same = now is not None and (now.conversation_id, now.kind) == (draft.conversation_id, draft.kind)
        return now if same else None

    @property
    def is_open(self) -> bool:
        """True while something is being written."""
        return self.draft is not None

    # -- opening and closing ---------------------------------------------------------------------------------------

    def open(self, conversation_id: int, kind: OutKind = OutKind.REPLY, *, visibility: str = "", reply_to: str = "",
             message_id: int = 0) -> None:
        """Take up the draft for a conversation, or begin one; the one already open must be settled.

        From the thread, a reply answers the message under its cursor.
        """
        thread = next(iter(self.screen.query(ThreadView)), None)
        here = thread is not None and thread.has_focus and thread.conversation_id == conversation_id
        if not reply_to and thread is not None and here and kind is OutKind.REPLY:
            reply_to = thread.reply_ref
        draft = self.keeper.begin(conversation_id, kind, visibility, reply_to, message_id)
        self._notes = self._told = ()
        self.display = True
        name = line(draft.name or "the customer", 40, pad=False)
        words = {OutKind.REPLY: f"Write to {name}", OutKind.DM: f"Write to {name} in private",
                 OutKind.EDIT: "What it is to say instead", OutKind.TICKET: f"A ticket about {name}"}
        self.editor.placeholder = content(words.get(kind, "A note for colleagues; the customer never sees it"))
        self.set_class(kind is OutKind.TICKET, "-tall")
        self.editor.load(draft.text)
        if kind is OutKind.TICKET:
            self.editor.move_cursor((0, 0))
        self.take_keys()
        self._judge()

    def change(self, **fields: object) -> None:
        """Give the draft other files or another origin; it is stored shortly."""
        self.keeper.change(**fields)
        self._store_now()

    def take_keys(self) -> None:
        """Give the text field the keys at once, and once more after whoever asked for them before."""
        self.screen.set_focus(self.editor, scroll_visible=False)
        self.editor.focus(scroll_visible=False)

    async def settle(self) -> Draft | None:
        """Store what is open, to the last key, and return it; Refused when that fails: it stays on the screen."""
        keeper = self.keeper
        while True:
            self.refuse_while_sending()
            await self.flush()
            if not keeper.unsaved:
                return self.draft
            if keeper.trouble is not None:
                raise Refused("The draft stays open", keeper.trouble.text, keeper.trouble.how)

    def refuse_while_sending(self) -> None:
        """What is on its way is not changed any more."""
        if self._sending:
            raise Refused("This is being sent", "The cache takes long to store it", "Wait a moment")

    def _close(self, draft: Draft, *, sent: bool) -> None:
        self._stop_timer()
        self.keeper.forget()
        self._notes = self._told = ()
        self.editor.load("")
        self.display = False
        self.post_message(self.Closed(draft.conversation_id, sent))

    async def postpone(self) -> None:
        """Put the composer away and keep the draft."""
        draft = await self.settle()
        if draft is None:
            return
        kept = bool(draft.text.strip() or draft.uploads) and self.keeper.kept
        key = self.desk_app.keymap.key_of("conversation", _VERBS.get(draft.kind, "note"))
        self._close(draft, sent=False)
        self.desk_app.say("info", f"Kept as a draft; {key} takes it up again" if kept else "Nothing was written")

    async def discard(self) -> None:
        """Throw the draft away, after asking."""
        from agentdesk.ui.screens.dialogs import confirm

        self.refuse_while_sending()
        draft = self.draft
        if draft is None:
            return
        size = len(draft.text.strip())
        if size and not await confirm(self.app, "Throw this draft away?", f"{size} characters are lost"):
            self.take_keys()
            return
        await self.throw_away()

    async def throw_away(self) -> None:
        """Throw away what is open, asked elsewhere or not at all."""
        self.refuse_while_sending()
        if (draft := self.draft) is not None:
            await self.keeper.discard()
            self._close(draft, sent=False)

    # -- typing and storing ----------------------------------------------------------------------------------------

    @on(TextArea.Changed)
    def typed(self, event: TextArea.Changed) -> None:
        """A key changed the text: count at once, store and judge shortly."""
        event.stop()
        if self._take_up():
            self._told = ()
            self._store_shortly()
            self._draw_head(resting=False)

    def _take_up(self) -> bool:
        """Make the text field's text the draft's; True when it is another one than ``typed`` has heard of."""
        other = self.draft is not None and self.draft.text != self.editor.text
        if other:
            self.keeper.change(text=self.editor.text)
        return other

    @on(Editor.Cleaned)
    def cleaned(self, event: Editor.Cleaned) -> None:
        """Say what was taken out of a paste."""
        event.stop()
        self._told = (*self._told, Note(f"Cleaned: {event.words}", ink="soon"))
        self._draw_foot()

    def _store_shortly(self) -> None:
        if self._timer is None:
            self._timer = self.set_timer(DELAY, self._store_now)

    def _store_now(self) -> None:
        self._stop_timer()
        self.desk_app.work(self.flush())
        self._judge()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    async def flush(self) -> None:
        """Store the draft as it is now; returns when it is committed, or shows why it could not be."""
        self._stop_timer()
        if self.draft is None:
            return
        await self.editor.heed_keys()
        if self.look_outside is not None:
            await self.look_outside()
        self._take_up()
        await self.keeper.store()
        if self.keeper.trouble is not None and self._timer is None:
            self._timer = self.set_timer(AGAIN, self._store_now)
        self._draw_head()
        self._draw_foot()

    async def on_unmount(self) -> None:
        """The last chance to store."""
        self._stop_timer()
        self._take_up()
        if self.draft is not None:
            await self.keeper.store()

    def on_descendant_blur(self) -> None:
        """Another pane has the keys now: store at once."""
        if self.draft is not None:
            self._store_now()

    # -- what is shown around the text -----------------------------------------------------------------------------

    def _judge(self) -> None:
        """See what stands against sending, and draw everything around the text."""
        if self.draft is not None:
            self._notes = self.keeper.notes(self.desk_app.keymap)
            self._draw_head()
            self._draw_foot()

    def _draw_head(self, *, resting: bool = True) -> None:
        """Draw the line above the text; the sign-off behind the text shows while the keys rest, for fewer bytes."""
        if self.draft is None:
            return
        facts = self.keeper.facts()
        palette, width = self.desk_app.palette, max(20, self.size.width)
        head = ruled(composer_layout.head(facts, width, palette.glyphs), width, palette, "composer")
        self.query_one("#composer-head", Label).put(head, *composer_layout.files(facts, width, palette.glyphs))
        self.editor.show_limit(self.keeper.limit_index() if facts.room is not None and facts.room < 0 else None)
        at_end = self.editor.cursor_location == self.editor.document.end
        self.editor.show_tail(self.keeper.tail() if resting or not at_end else "")

    def _draw_foot(self) -> None:
        if self.draft is None:
            return
        trouble = (self.keeper.trouble,) if self.keeper.trouble is not None else ()
        rows = composer_layout.foot((*trouble, *self._told, *self._notes), max(20, self.size.width),
                                    self.desk_app.palette.glyphs, most=max(2, self.size.height - 5))
        self.query_one("#composer-foot", Label).put(*rows)

    def on_resize(self) -> None:
        """Another width has room for other words."""
        self._draw_head()
        self._draw_foot()

    def reload(self) -> None:
        """Something changed in the conversation: a new message must be seen before sending, so must other words."""
        self._take_up()
        if self.keeper.follow() and self.draft is not None:
            self.editor.load(self.draft.text)
            self.editor.move_cursor(self.editor.document.end)
        self._judge()

    # -- what keys do ----------------------------------------------------------------------------------------------

    async def send(self) -> None:
        """Send; warnings stop it once, sending again goes past those that were shown."""
        if self.draft is None or self._sending:
            return
        self._sending = True
        try:
            await self.editor.heed_keys()
            self.editor.read_only = True
            await self.flush()
            sent = await self.keeper.send()
        except DeskError as error:
            how = ". ".join(part.rstrip(".") for part in (error.cause, error.remedy) if part)
            self._told = (Note(f"Not sent: {error.title}", self.desk_app.desk.typed(how), "late"),)
            sent = False
        finally:
            self._sending = self.editor.read_only = False
        draft = self.draft
        if sent and draft is not None:
            from agentdesk.ui.writing import after

            self._close(draft, sent=True)
            self.desk_app.work(after(self.desk_app, draft))
        else:
            self._judge()

    def switch_visibility(self) -> None:
        """Take the next of the visibilities that a reply here may have."""
        self.refuse_while_sending()
        draft = self.draft
        if draft is None:
            return
        allowed = answer.visibilities(self.desk_app.desk, draft.conversation_id, draft.kind)
        if len(allowed) == 1:
            self.desk_app.say("info", f"Only {allowed[0].value} is possible here{self._in_private(draft, allowed[0])}")
            return
        place = allowed.index(draft.visibility) if draft.visibility in allowed else -1
        self.keeper.change(visibility=allowed[(place + 1) % len(allowed)])
        self._store_now()

    def _in_private(self, draft: Draft, only: Visibility) -> str:
        """How to go on in private, where that is another conversation."""
        can = self.desk_app.desk.caps(draft.source).can_dm and draft.kind is OutKind.REPLY
        if not can or only in (Visibility.DIRECT, Visibility.INTERNAL):
            return ""
        return f": {self.desk_app.keymap.key_of('composer', 'dm')} takes it to a private conversation"
