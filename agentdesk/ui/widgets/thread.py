"""The thread pane: all messages of the conversation under the queue's cursor, drawn by line."""

from __future__ import annotations

from textual.strip import Strip

from agentdesk.desk import find
from agentdesk.errors import NotFound
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Conversation
from agentdesk.model.message import Direction, StoredMessage, Visibility
from agentdesk.model.outgoing import OutboxEntry
from agentdesk.ui.widgets import thread_layout
from agentdesk.ui.widgets.blocks import Block, Blocks
from agentdesk.ui.widgets.runs import BLANK, Row, Run, strip

FIRST = 60
"""Messages read when a conversation is opened, and for each step back."""
KEPT = 400
"""At most this many messages are read again when something changed."""
NEAR = 4
"""Rows from the top at which older messages are read."""


class ThreadView(Blocks):
    """Every message of one conversation, with a cursor on one of them."""

    ground = "panel"
    cursor_ground = ""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.conversation_id: int | None = None
        self._head: Conversation | None = None
        self._messages: list[StoredMessage] = []
        self._entries: list[OutboxEntry] = []
        self._moving: dict[str, str] = {}
        self._unfolded: dict[int, int] = {}
        self._more = False
        self._unread = 0
        self._below = 0
        self._was_at_end = True
        self._to_place = False
        self._reading_older = False

    # -- which conversation ----------------------------------------------------------------------------------------

    def show(self, conversation_id: int | None) -> None:
        """Show this conversation, at its first unread message or its end."""
        self.conversation_id = conversation_id
        self._messages, self._entries, self._unfolded = [], [], {}
        self._head, self._more, self._below, self._unread = None, False, 0, 0
        if conversation_id is not None:
            self._read()
            self._unread = self._unread_now()
        self._to_place = True
        self._lay_out()

    def reload(self) -> None:
        """Read again what is shown; the place and the cursor stay where the reader put them."""
        if self.conversation_id is None:
            return
        at_end, last = self.at_end, self._messages[-1].id if self._messages else 0
        self._read()
        fresh = [it for it in self._messages if it.id > last and it.message.direction is Direction.IN]
        self._lay_out()
        if at_end:
            self.move_to(self.last_top)
        elif fresh:
            self._below += len(fresh)
            self.refresh()

    def _read(self) -> None:
        """Fetch the head, the newest messages and what is on its way."""
        if self.conversation_id is None:
            return
        desk = self.desk_app.desk
        limit = min(max(FIRST, len(self._messages) + 20), KEPT)
        try:
            self._head = find.conversation(desk, self.conversation_id)
        except NotFound:
            self._head, self._messages, self._entries = None, [], []
            return
        newest = find.thread(desk, self.conversation_id, limit=limit)
        known = {it.id for it in newest}
        older = [it for it in self._messages if it.id not in known] if len(newest) == limit else []
        self._more = self._more if older else len(newest) == limit
        self._messages = older + newest
        mine = [entry for entry in reversed(find.outbox(desk, unsettled_only=True))
                if entry.conversation_id == self.conversation_id]
        self._entries = [entry for entry in mine if entry.out is not None]
        self._moving = thread_layout.moving(mine)

    def _read_older(self) -> None:
        """Fetch a step back, and keep the screen still while rows come in above it."""
        self._reading_older = False
        if not self._more or not self._messages or self.conversation_id is None:
            return
        older = find.thread(self.desk_app.desk, self.conversation_id, before=self._messages[0].id, limit=FIRST)
        self._more = len(older) == FIRST
        before = len(self.rows)
        self._messages = older + self._messages
        top = self.first_line
        self._lay_out()
        self.move_to(top + len(self.rows) - before)

    # -- layout ----------------------------------------------------------------------------------------------------

    def page(self) -> thread_layout.Page:
        """The facts that all blocks are laid out with."""
        desk = self.desk_app.desk
        now = desk.now()
        usual = self._messages[0].message.visibility if self._messages else Visibility.PUBLIC
        days = thread_layout.day_cells(self._messages[:1], now, desk.zone)
        return thread_layout.Page(width=max(10, self.size.width), zone=desk.zone, now=now, glyphs=self.palette.glyphs,
                                  days=days, visibility=usual, moving=self._moving, profile=desk.profile)

    def _lay_out(self) -> None:
        """Make all blocks anew."""
        if self.size.width == 0:
            return
        page = self.page()
        by_ref = thread_layout.parents(self._messages)
        blocks = [Block(self._top_rows(), None, False)]
        before: StoredMessage | None = None
        first_unread = self._first_unread()
        for it in self._messages:
            if it.id == first_unread and before is not None:
                blocks.append(Block((BLANK, thread_layout.unread_rule(self._unread, page)), None, False))
            rows = thread_layout.block(it, page, before=before, parent=by_ref.get(it.message.parent_ref),
                                       unfolded=self._unfolded.get(it.id, 0))
            blocks.append(Block(rows, it.id))
            before = it
        blocks.extend(Block(thread_layout.pending(entry, page), -entry.id) for entry in self._entries)
        if len(blocks) > 1:
            blocks.append(Block((BLANK,), None, False))
        newest = blocks[-2].key if len(blocks) > 1 else None
        self.fill(blocks, (first_unread or newest) if self._to_place else None)
        if self._to_place and self.size.height:
            self._to_place = False
            self._place(first_unread)

    def _top_rows(self) -> tuple[Row, ...]:
        """What stands above the first message: an empty state, or how much came earlier."""
        if self.conversation_id is None:
            return BLANK, Row((Run("   Nothing is selected", "dim"),))
        if self._head is None:
            return BLANK, Row((Run("   This conversation is not in the cache any more", "dim"),))
        if not self._messages:
            return (BLANK, Row((Run("   No messages are kept here yet", "dim"),)),
                    Row((Run(f"   They come with the next pull of {self._head.source}", "dim"),)))
        if not self._more:
            return (BLANK,)
        count = max(1, self._head.messages - len(self._messages))
        words = f"   {count:,} earlier message{'s' if count != 1 else ''} · scroll up to read them"
        return BLANK, Row((Run(words, "dim"),)), BLANK

    def _unread_now(self) -> int:
        return self._head.unread if self._head is not None else 0

    def _first_unread(self) -> int:
        """The id of the first message that nobody has read; 0 when all were."""
        left = self._unread
        for it in reversed(self._messages if left else ()):
            left -= it.message.direction is Direction.IN
            if left == 0:
                return it.id
        return 0

    def _place(self, first_unread: int) -> None:
        """Scroll a freshly opened conversation to where reading begins."""
        self.move_to(self.last_top)
        if first_unread and self.starts[self.cursor] < self.first_line:
            self.move_to(max(0, self.starts[self.cursor] - 2))

    def on_resize(self) -> None:
        """Another size breaks the lines anew; a reader at the end stays there."""
        at_end, placed = self._was_at_end, not self._to_place
        self._lay_out()
        if placed and at_end:
            self.move_to(self.last_top)

    # -- drawing ---------------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """One line of the window; the last one tells of messages that came in below it."""
        if self._below and y == self.size.height - 1:
            words = f"   {self._below} new below "
            row = Row((Run(words, "accent", bold=True), Run("G", "key"), Run(" shows them", "dim")), ground="popup")
            return strip(row, self.size.width, self.palette)
        return super().render_line(y)

    def tick(self, now: Millis) -> None:
        """Redraw the countdowns of what is on its way; nothing else here moves with time."""
        if not self._entries or not self.blocks:
            return
        page = self.page()
        places = {block.key: index for index, block in enumerate(self.blocks)}
        for entry in self._entries:
            if -entry.id in places:  # what came in while the pane had no room is laid out once it has some
                self.replace(places[-entry.id], Block(thread_layout.pending(entry, page), -entry.id))

    # -- moving ----------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> StoredMessage | None:
        """The message under the cursor."""
        return next((it for it in self._messages if it.id == self.key), None)

    @property
    def selected_entry(self) -> OutboxEntry | None:
        """The reply on its way under the cursor."""
        return next((it for it in self._entries if -it.id == self.key), None)

    @property
    def selected_text(self) -> str:
        """What copying takes: the text under the cursor."""
        entry, stored = self.selected_entry, self.selected
        if entry is not None and entry.out is not None:
            return entry.out.text
        return stored.message.text if stored is not None else ""

    @property
    def reply_ref(self) -> str:
        """The customer's message that a reply from here answers: the one under the cursor; empty when it is none."""
        stored = self.selected
        return stored.message.ref if stored is not None and stored.message.direction is Direction.IN else ""

    def top(self) -> None:
        """Go to the first message there is."""
        while self._more:
            self._read_older()
        super().top()

    def show_all(self) -> bool:
        """Show more of the message under the cursor, or of the first in sight that has more to show.

        Earlier texts and what was folded come first, then all of it, then it is brief again.
        """
        stored = self._to_unfold()
        if stored is None:
            return False
        step = self._unfolded.get(stored.id, 0)
        whole = step == 1 and not thread_layout.is_cut(stored, self.page())
        self._unfolded[stored.id] = 0 if whole or step == 2 else step + 1
        self._lay_out()
        self.select(next(index for index, block in enumerate(self.blocks) if block.key == stored.id))
        return True

    def _to_unfold(self) -> StoredMessage | None:
        """The message that «show all» is about."""
        page, selected = self.page(), self.selected
        if selected is None or thread_layout.is_folded(selected, page) or self._unfolded.get(selected.id):
            return selected
        top, bottom = self.first_line, self.first_line + self.size.height
        sight = {block.key for block, start in zip(self.blocks, self.starts, strict=True)
                 if start < bottom and start + len(block.rows) > top}
        return next((it for it in self._messages if it.id in sight and thread_layout.is_folded(it, page)), selected)

    def move_to(self, first: int) -> None:
        """Scroll; at the top older messages are read, at the end nothing is new below any more."""
        super().move_to(first)
        self._was_at_end = self.at_end
        if self._below and self.at_end:
            self._below = 0
            self.refresh()
        if self._more and first < NEAR and not self._to_place and not self._reading_older:
            self._reading_older = True
            self.call_later(self._read_older)
