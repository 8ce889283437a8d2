"""The main screen: queue, conversation and customer, side by side or one at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from textual import on
from textual.timer import Timer

from agentdesk.desk import find
from agentdesk.errors import DeskError, UsageError
from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import OutKind
from agentdesk.ui.bridge import News
from agentdesk.ui.rows import Rows
from agentdesk.ui.screens.panes import PaneScreen
from agentdesk.ui.widgets.queue_list import QueueList
from agentdesk.ui.widgets.view_bar import ViewBar

EMPTY = {
    "mine": ("Nothing is yours yet", "{claim} claims a conversation", "{view} shows everything that is open"),
    "late": ("Nothing is late", "{view} shows everything that is open"),
    "praise": ("No praise is waiting for a thank-you", "{view} shows everything that is open"),
    "waiting": ("No customer owes us an answer", "Answered conversations wait here until they are done"),
    "snoozed": ("Nothing is put aside", "{snooze} puts a conversation aside until a time"),
    "unsent": ("Everything has left", "{outbox} shows what was sent"),
    "drafts": ("Nothing is begun and unsent", "{reply} begins a reply"),
    "review": ("Nothing was closed behind your back", "What a source closes by itself waits here for a look"),
    "done": ("Nothing is done yet", "{done} finishes a conversation"),
}
"""What empty views say and what to do next, by the name of the view."""
OPENED = 0.4
"""Seconds for which a conversation is open before it is fetched anew: who steps through many reads none."""
NOBODY = ("Nobody is waiting", "New posts come in by themselves", "{find} finds what is older")
NO_SOURCE = ("No source is configured yet", "{sources} and then {login} connects one",
             "agentdesk demo shows a day at a desk that is busy")


class MainScreen(PaneScreen):
    """Where an agent works: views of the queue, opening, writing, and what happens meanwhile."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self._back_to = "list"
        self._view = ""
        self._ticks = 0
        self._counted_at = -1
        self._counts_due = False
        self._slow = ""
        """The view that is shown, when its rows take long to judge."""
        self._late = 0
        self._at: int | None = None
        """The conversation under the cursor, as far as the keys know."""
        self._left_at: int | None = None
        """The conversation that the cursor stood on when there were rows last."""
        self._looking: Timer | None = None
        """Rings when a conversation has been open for a moment."""

    async def on_mount(self) -> None:
        """The first rows."""
        desk = self.desk_app.desk
        views = find.views(desk)
        self.views.put(views=[(view.key, view.name) for view in views])
        self._fit(self.app.size.width)
        self.queue.focus()
        if views:
            self.show_view(views[0].key or views[0].name)
        self.status.put(sources=find.sources(desk))
        self.refresh_counts()

    # -- the queue -------------------------------------------------------------------------------------------------

    def show_view(self, name: str) -> None:
        """Show a saved view by its key or name; UsageError when there is none."""
        views = find.views(self.desk_app.desk)
        view = next((one for one in views if one.key == name), None) or next(
            (one for one in views if one.name == name), None)
        if view is None:
            known = ", ".join(f"{one.key} {one.name}".strip() for one in views)
            raise UsageError(f"There is no view {name}", "", f"There are {known}")
        self._view = view.name
        self.queue.empty = EMPTY.get(view.name, NOBODY if find.has_sources(self.desk_app.desk) else NO_SOURCE)
        self._load(view.query)
        self.views.put(active=view.key or view.name, filter="", total="")
        if self.shape == "narrow" or self.context == "queue":
            self.show_pane("list")
        self.refresh_counts()

    def show_query(self, query: str) -> None:
        """Show what a query matches; an empty one goes back to the view."""
        if not query.strip():
            self.show_view(self._view)
            return
        self._load(query)
        self.queue.empty = ("Nothing matches", "{back} goes back to the view")
        self.views.put(filter=query, total="")
        self.show_pane("list")
        self.refresh_counts()

    def _load(self, query: str) -> None:
        """Fill the list; a view that takes long to judge is judged in a thread first."""
        self._slow = query if self.queue.model.source.compile(query).slow else ""
        if self._slow:
            self._judge()
        else:
            self.queue.load(query, self._keep())

    def _keep(self) -> int | None:
        """Where the cursor stays if it can: a view without rows does not lose its place."""
        if self.queue.current_id is not None:
            self._left_at = self.queue.current_id
        return self._left_at

    def _judge(self, ids: Iterable[int] = ()) -> None:
        """Judge a slow view anew; what ``ids`` name looks different."""
        query, ids = self._slow, tuple(ids)
        self._look(lambda: self._judged(query, ids), "judge")

    async def _judged(self, query: str, ids: tuple[int, ...]) -> None:
        model = self.queue.model
        judged = await find.bounded(self.desk_app.desk, model.source.compile(query))
        if self._slow != query:
            return
        if model.query == query and model.judged is not None:
            model.judged = judged
            self.queue.refetch(ids)
        else:
            self.queue.load(query, self._keep(), judged)
        self.refresh_counts()

    @on(ViewBar.Picked)
    def picked(self, event: ViewBar.Picked) -> None:
        """A view was clicked."""
        self.show_view(event.key)

    @on(QueueList.Moved)
    def moved(self, event: QueueList.Moved) -> None:
        """The panes follow the cursor after a moment of rest; never while somebody reads or writes in one of them."""
        event.stop()
        if self.context == "queue":
            self.follow(event.conversation_id)
        if (event.conversation_id is None) != (self._at is None):
            self.desk_app.show_keys()
        self._at = event.conversation_id

    @on(QueueList.Opened)
    def opened(self, event: QueueList.Opened) -> None:
        """A row was clicked twice."""
        self.desk_app.open_conversation(event.conversation_id)

    def open_selected(self) -> None:
        """Enter: open the row under the cursor, or what the focused pane offers."""
        choose = getattr(self.focused, "choose", None)
        if self.context == "customer" and choose is not None:
            choose()
        elif self.context == "queue" and self.queue.current_id is not None:
            self.open_conversation(self.queue.current_id)

    def open_conversation(self, conversation_id: int) -> None:
        """Show a conversation and give it the keys; it counts as read from now on."""
        from agentdesk.desk import inbox

        find.conversation(self.desk_app.desk, conversation_id)
        if self.queue.current_id != conversation_id:
            self.queue.go_to(conversation_id)
        self.show_beside(conversation_id)
        self.show_pane("thread")
        self.desk_app.work(inbox.mark_read(self.desk_app.desk, conversation_id))
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(OPENED, lambda: self._look_again(conversation_id))

    def _look_again(self, conversation_id: int) -> None:
        """Fetch what is new in a conversation that has been open for a moment, and its customer's earlier ones."""
        from agentdesk.desk import fresh

        if self.conversation is not None and self.conversation.conversation_id == conversation_id:
            self.desk_app.work(fresh.look_again(self.desk_app.desk, conversation_id))
            self.desk_app.work(fresh.look_back(self.desk_app.desk, conversation_id))

    def step(self, count: int) -> None:
        """Another conversation of the queue, in the pane that has the keys."""
        self.queue.move(count)
        current = self.queue.current_id
        if current is not None and not self.writing:
            if self.context == "conversation":
                self.open_conversation(current)
            elif self.context == "customer":
                self.show_beside(current)

    # -- writing ---------------------------------------------------------------------------------------------------

    async def compose_reply(self, conversation_id: int, kind: OutKind, *, visibility: str = "", canned: str = "",
                            message_id: int = 0, take: bool = False) -> None:
        """Open the composer under a conversation; with ``take`` what is being written in it now goes along."""
        await self.mount_panes()
        old = await self.composer.settle()
        back_to = {"queue": "list", "customer": "customer"}.get(self.context, "thread")
        self.composer.open(conversation_id, kind, visibility=visibility, message_id=message_id)
        self._back_to = back_to
        if self.conversation is not None and self.conversation.conversation_id != conversation_id:
            self.show_beside(conversation_id)
        self.shown = "thread"
        self._show_panes()
        self.composer.take_keys()
        self._fit_head()
        if (take and old is not None) or canned:
            from agentdesk.ui import writing

            await writing.move_text(self.composer, old if take else None)
            if canned:
                await writing.pick_canned(self.composer, canned)

    def on_composer_closed(self) -> None:
        """The keys go back to where they were."""
        self._fit_head()
        self.show_pane(self._back_to if self.shape != "narrow" or self._back_to != "thread" else "thread")

    def _fit_head(self) -> None:
        """The head of the conversation makes room for what is written, or takes it back."""
        if self.conversation is not None:
            self.conversation.header.reload()

    # -- what verbs ask --------------------------------------------------------------------------------------------

    def go_back(self) -> None:
        """Esc: a word goes away, then marks, then the list has the keys, then a query makes way for its view."""
        if self.keys.hush():
            return
        if self.context != "queue":
            self.show_pane("list")
        elif not self.queue.unmark() and self.views.filter:
            self.show_view(self._view)

    def text_under_cursor(self) -> str:
        """What copying takes."""
        if self.context == "conversation" and self.conversation is not None:
            return self.conversation.thread.selected_text
        row = self.queue.current
        return str(row.preview) if row is not None else ""

    def show_all(self) -> None:
        """More of the message under the cursor."""
        if self.conversation is not None:
            self.conversation.thread.show_all()

    async def flush(self) -> None:
        """Store what is being written."""
        if self._composer is not None:
            await self._composer.flush()

    @property
    def only_here(self) -> str:
        """What is being written, when it could be kept nowhere but on the screen."""
        return self._composer.keeper.only_here if self.writing and self._composer is not None else ""

    # -- what happens ----------------------------------------------------------------------------------------------

    def heard(self, news: News) -> None:
        """Rows, panes and figures take in what is different."""
        if news.history and not self.queue.touched:
            self._load(self.queue.model.query)
            self.queue.show_first()
            self.refresh_counts(soon=True)
        elif self._slow and (news.ids or news.any):
            self._judge(() if news.any else news.ids)
        elif news.ids or news.any:
            self.queue.refetch(() if news.any else news.ids)
            self.refresh_counts(soon=True)
        if self.conversation is not None:
            if news.concerns(self.conversation.conversation_id):
                self.conversation.reload()
                if self.customer is not None:
                    self.customer.reload()
            if self.writing and self.composer.draft is not None and news.concerns(self.composer.draft.conversation_id):
                self.composer.reload()
        if news.sources or news.any:
            self.status.put(sources=find.sources(self.desk_app.desk))
            if self.queue.empty == NO_SOURCE and find.has_sources(self.desk_app.desk):
                self.queue.empty = NOBODY
                self.queue.refresh()
                self.desk_app.show_keys()
        for one in news.progress:
            amount = f"{one.done:,} of {one.total:,}" if one.total else f"{one.done:,}"
            self.status.put(progress="" if one.finished else f"{one.task} {amount}")

    def tick(self, now: Millis) -> None:
        """A second passed."""
        self.status.tick(now)
        self.keys.tick(now)
        if self.left.display:
            self.queue.tick(now)
        for place, pane in ((self.middle, self.conversation), (self.right, self.customer)):
            if pane is not None and place.display:
                pane.tick(now)
        self._ticks += 1
        if self._ticks % 5 == 0 or self._counts_due:
            self.refresh_counts()
        if self._ticks % 10 == 0:
            if self._slow:
                self._judge()
            else:
                self.queue.refetch()

    def refresh_counts(self, *, soon: bool = False) -> None:
        """Count again, in a thread; ``soon`` is enough for what happens on its own: at most once a second."""
        if soon and self._counted_at == self._ticks:
            self._counts_due = True
            return
        self._counts_due, self._counted_at = False, self._ticks
        self._look(self._count, "counts")

    async def _count(self) -> None:
        desk = self.desk_app.desk
        counts = await find.counts(desk)
        self.status.put(counts=counts)
        if counts.late > self._late and self.desk_app.settings.bell:
            self.app.bell()
        self._late = counts.late
        where = self.queue.model.where
        if where is None:
            return
        total = await find.count(desk, where)
        most = 20_000 if self.queue.model.judged is None else find.BOUND
        self.views.put(total=f"{total:,}" + ("+" if total >= most else ""))

    def _look(self, look: Callable[[], Awaitable[None]], group: str) -> None:
        """Look at the store beside the screen's own work, the newest of a group only; what goes wrong ends nothing."""

        async def guarded() -> None:
            try:
                await look()
            except DeskError as error:
                self.desk_app.say("error", error.title, error.remedy)
            except Exception as error:
                self.desk_app.went_wrong(error, asked=False)

        self.run_worker(cast(Callable[[], Awaitable[None]], guarded), group=group, exclusive=True, exit_on_error=False)
