"""The head of the conversation pane: drawn by line, and by the tick only where a countdown moved."""

from __future__ import annotations

from textual.strip import Strip

from agentdesk.desk import find
from agentdesk.errors import NotFound
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Conversation, Link
from agentdesk.model.message import Direction, Visibility
from agentdesk.ui.lines import Lines
from agentdesk.ui.widgets import header_layout
from agentdesk.ui.widgets.label import changed_cells
from agentdesk.ui.widgets.runs import Row, strip

SMALL = 30
"""Lines of a terminal on which the head makes room for what is written."""
MOST = 7
"""The head never takes more rows, and on small screens no more than a fifth of them."""


class ConversationHeader(Lines):
    """Who the conversation is with, its clocks, and who has it."""

    ground = "status"
    wheel = 0
    DEFAULT_CSS = """
    ConversationHeader { height: 2; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.conversation_id: int | None = None
        self._head: Conversation | None = None
        self._visibility: Visibility | None = None
        self._vip = False
        self._links: tuple[Link, ...] = ()
        self._rows: list[Row] = []

    def show(self, conversation_id: int | None) -> None:
        """Show this conversation."""
        self.conversation_id = conversation_id
        self.reload()

    def reload(self) -> None:
        """Read the head again."""
        desk = self.desk_app.desk
        self._head = None
        if self.conversation_id is not None:
            try:
                self._head = find.conversation(desk, self.conversation_id)
            except NotFound:
                self._head = None
        if self._head is not None:
            self._visibility = self._seen_by(self._head.id)
            self._vip = self._is_vip(self._head.customer_id)
            self._links = tuple(find.links(desk, self._head.id))
        self._measure()

    def _seen_by(self, conversation_id: int) -> Visibility | None:
        """Who can read it: as the last message says that is no note of ours, else the last note."""
        last = [stored.message for stored in find.thread(self.desk_app.desk, conversation_id, limit=12)]
        said = next((one for one in reversed(last) if one.direction is not Direction.NOTE), last[-1] if last else None)
        return said.visibility if said is not None else None

    def _is_vip(self, customer_id: int) -> bool:
        """Whether the customer is marked; one whom a damaged cache lost is not."""
        try:
            return find.customer(self.desk_app.desk, customer_id).vip
        except NotFound:
            return False

    def _page(self) -> header_layout.Page:
        desk = self.desk_app.desk
        return header_layout.Page(width=self.size.width, zone=desk.zone, now=desk.now(), agent=desk.agent,
                                  glyphs=self.palette.glyphs, opens=self._opens(), links=self._links)

    @property
    def _most(self) -> int:
        """How many rows there is room for."""
        height = self.app.size.height
        return max(2, min(MOST, height // (9 if height < SMALL and self.desk_app.main.writing else 5)))

    def _opens(self) -> Millis | None:
        """When the leading clock's calendar opens, while it is closed."""
        desk = self.desk_app.desk
        name = next((clock.calendar for clock in self._head.clocks if clock.calendar), "") if self._head else ""
        calendar = desk.rulebook.calendars.get(name) if name else None
        if calendar is None or calendar.is_open(desk.now()):
            return None
        return calendar.next_open(desk.now())

    def _measure(self) -> None:
        """Lay the rows out and take as much height as they need."""
        if self.size.width == 0:
            return
        self._rows = []
        if self._head is not None:
            self._rows = header_layout.rows(self._head, self._page(), self._visibility, self._vip, self._most)
        height = max(1, len(self._rows))
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.changed()

    def on_resize(self) -> None:
        """Another width may need another number of rows."""
        self._measure()

    def tick(self, now: Millis) -> None:
        """Redraw from the first cell that reads differently, in the rows that do."""
        if self._head is None or self.size.width == 0:
            return
        fresh = header_layout.rows(self._head, self._page(), self._visibility, self._vip, self._most)
        if len(fresh) != len(self._rows):
            self._measure()
            return
        for y, (old, new) in enumerate(zip(self._rows, fresh, strict=True)):
            if old != new:
                x, width = changed_cells(old, new, self.size.width)
                self._rows[y] = new
                self.redraw(y, x=x, width=width)

    def line_count(self) -> int:
        """How many rows the head has."""
        return len(self._rows)

    def draw(self, y: int, width: int) -> Strip:
        """One row."""
        return strip(self._rows[y], width, self.palette, self.ground)
