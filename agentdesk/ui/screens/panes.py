"""The panes of the main screen and how they share the terminal."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from agentdesk.desk import find
from agentdesk.errors import Refused
from agentdesk.ui.compositor import NarrowCompositor
from agentdesk.ui.first_frame import widths
from agentdesk.ui.rows import Rows
from agentdesk.ui.screens.base import Pane
from agentdesk.ui.widgets.key_bar import KeyBar
from agentdesk.ui.widgets.queue_list import QueueList
from agentdesk.ui.widgets.status_bar import StatusBar
from agentdesk.ui.widgets.view_bar import ViewBar

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp
    from agentdesk.ui.widgets.composer import Composer
    from agentdesk.ui.widgets.conversation import ConversationPane
    from agentdesk.ui.widgets.customer_pane import CustomerPane

REST = 0.08
"""Seconds the queue's cursor must rest before the panes beside the list follow it."""


class PaneScreen(Screen[None], inherit_bindings=False):
    """The parts of the main screen, and which of them are in sight: three panes, two, or one at a time."""

    DEFAULT_CSS = """
    PaneScreen { layout: vertical; layers: default above; overflow: hidden hidden; background: $desk-base; }
    PaneScreen #panes { height: 1fr; margin-bottom: 1; }
    PaneScreen KeyBar { layer: above; }
    PaneScreen #left { width: 52; background: $desk-base; }
    PaneScreen #middle { width: 1fr; background: $desk-panel; }
    PaneScreen #right { width: 24; background: $desk-side; }
    """

    def __init__(self, rows: Rows) -> None:
        super().__init__()
        self._compositor = NarrowCompositor()
        self.status = StatusBar(id="status")
        self.views = ViewBar(id="views")
        self.queue = QueueList(rows, id="queue")
        self.keys = KeyBar(id="keys")
        self.left, self.middle, self.right = Vertical(id="left"), Vertical(id="middle"), Vertical(id="right")
        self.conversation: ConversationPane | None = None
        self.customer: CustomerPane | None = None
        self._composer: Composer | None = None
        self.shape = "wide"
        """wide: three panes; medium: two; narrow: one."""
        self.shown = "list"
        """The pane that has the screen when not all fit: list, thread or customer."""
        self._following: Timer | None = None
        self._asked_for_panes = False
        self._panes_there = asyncio.Event()

    def compose(self) -> ComposeResult:
        """The shell; the panes beside the list come after the first paint."""
        yield self.status
        with Horizontal(id="panes"):
            with self.left:
                yield self.views
                yield self.queue
            yield self.middle
            yield self.right
        yield self.keys

    async def mount_panes(self) -> None:
        """Bring in the panes beside the list; their modules are imported only now."""
        if self._asked_for_panes:
            await self._panes_there.wait()
            return
        self._asked_for_panes = True
        from agentdesk.ui.widgets.composer import Composer
        from agentdesk.ui.widgets.conversation import ConversationPane
        from agentdesk.ui.widgets.customer_pane import CustomerPane

        conversation, composer, customer = ConversationPane(), Composer(), CustomerPane()
        await self.middle.mount(conversation, composer)
        await self.right.mount(customer)
        self.conversation, self._composer, self.customer = conversation, composer, customer
        self.show_beside(self.queue.current_id)
        self._panes_there.set()

    @property
    def desk_app(self) -> DeskApp:
        """The app, by its own type."""
        return cast("DeskApp", self.app)

    # -- parts -----------------------------------------------------------------------------------------------------

    def paint_list(self) -> None:
        """Draw what a key changed in the list at once, instead of after Textual's round through its queues."""
        queue = self.queue
        if (queue._repaint_required and self.is_current and not self._layout_required and not self.app._batch_count
                and queue in self._compositor.visible_widgets):
            queue._repaint_required = False
            self._compositor.update_widgets({queue})
            self._compositor_refresh()

    @property
    def composer(self) -> Composer:
        """The composer; Refused in the first moments, before it is there."""
        if self._composer is None:
            raise Refused("The screen is still starting", "", "Try again in a moment")
        return self._composer

    @property
    def writing(self) -> bool:
        """True while a draft is open."""
        return self._composer is not None and self._composer.is_open

    @property
    def context(self) -> str:
        """Whose keys work now."""
        focused = self.focused
        if focused is None or isinstance(focused, QueueList):
            return "queue"
        names = {one.id for one in focused.ancestors_with_self if isinstance(one, Widget)}
        if "right" in names:
            return "customer"
        if "middle" in names:
            return "composer" if self.writing and self.composer in focused.ancestors_with_self else "conversation"
        return "queue"

    @property
    def moment(self) -> str:
        """The name of a moment in which few keys of the list do something: there is nothing in it."""
        if self.context != "queue" or self.queue.model.rows:
            return ""
        return "empty" if find.has_sources(self.desk_app.desk) else "unconnected"

    @property
    def list(self) -> Pane:
        """What the moving keys move when no other pane has them."""
        return self.queue

    def select(self, count: int | None = None) -> tuple[int, ...]:
        """Marks or the row under the cursor; beside the list, the conversation that is shown."""
        if self.context == "queue":
            return self.queue.selection(count)
        pane = self.conversation
        shown = pane.conversation_id if pane is not None else None
        return (shown,) if shown is not None else self.queue.selection(count)

    @property
    def selection(self) -> tuple[int, ...]:
        """What verbs are about."""
        return self.select()

    @property
    def message_under_cursor(self) -> int:
        """The message that verbs are about while the thread has the keys; 0 for none."""
        if self.context != "conversation" or self.conversation is None:
            return 0
        stored = self.conversation.thread.selected
        return stored.id if stored is not None else 0

    @property
    def customer_under_cursor(self) -> int:
        """The customer that verbs are about while the cursor is on one who may be the same person; 0 for none."""
        return self.customer.offered if self.context == "customer" and self.customer is not None else 0

    # -- shape -----------------------------------------------------------------------------------------------------

    def on_resize(self, event: events.Resize) -> None:
        """Another width may show another number of panes."""
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        """Choose how many panes there are room for, and how wide each is."""
        settings = self.desk_app.settings
        self.shape = "wide" if width >= settings.wide else "medium" if width >= settings.medium else "narrow"
        left, middle, side = self.left, self.middle, self.right
        if self.shape == "narrow":
            left.styles.width = side.styles.width = "1fr"
        else:
            room = widths(width, settings)
            left.styles.width, side.styles.width = room[0], room[2] or "1fr"
        middle.styles.width = "1fr"
        self._show_panes()

    def _show_panes(self) -> None:
        """Which panes are there now."""
        shown = self.shown
        left, middle, side = self.left, self.middle, self.right
        left.display = self.shape != "narrow" or shown == "list"
        middle.display = self.shape == "wide" or (shown != "customer" and (self.shape == "medium" or shown == "thread"))
        side.display = self.shape == "wide" or shown == "customer"

    def show_pane(self, name: str) -> None:
        """Bring a pane into sight and give it the keys: list, thread or customer."""
        self.shown = name
        self._show_panes()
        target: Widget | None = self.queue
        if name == "thread" and self.conversation is not None:
            target = self.composer.editor if self.writing else self.conversation.thread
        elif name == "customer" and self.customer is not None:
            target = self.customer
        else:
            self.follow(self.queue.current_id)
        if target is not None:
            target.focus(scroll_visible=False)

    def next_pane(self, step: int) -> None:
        """List → conversation → customer and round."""
        order = ["list", "thread", "customer"]
        now = {"queue": "list", "customer": "customer"}.get(self.context, "thread")
        self.show_pane(order[(order.index(now) + step) % 3])

    def on_descendant_focus(self) -> None:
        """Other keys work now."""
        self.desk_app.show_keys()

    def on_screen_resume(self) -> None:
        """What lay above is gone; below it the composer may have come or gone meanwhile."""
        self.desk_app.show_keys()

    def follow(self, conversation_id: int | None) -> None:
        """Let the panes beside the list show a conversation after a moment of rest; never while a reply is written."""
        if self.writing:
            return
        self._stay()
        if self.conversation is not None and conversation_id != self.conversation.conversation_id:
            self._following = self.set_timer(REST, lambda: self.show_beside(conversation_id))

    def show_beside(self, conversation_id: int | None) -> None:
        """Show a conversation and its customer in the panes beside the list, at once."""
        self._stay()
        for pane in (self.conversation, self.customer):
            if pane is not None:
                pane.show(conversation_id)

    def _stay(self) -> None:
        """What the panes were about to follow, they follow no more."""
        if self._following is not None:
            self._following.stop()
            self._following = None
