"""The customer pane: the person behind the conversation under the queue's cursor."""

from __future__ import annotations

from agentdesk.desk import find, people
from agentdesk.errors import NotFound
from agentdesk.model.clock import Millis
from agentdesk.ui.widgets import customer_layout
from agentdesk.ui.widgets.blocks import Block, Blocks
from agentdesk.ui.widgets.customer_layout import Known
from agentdesk.ui.widgets.runs import BLANK, Row, Run


class CustomerPane(Blocks):
    """Identities, reach, history over all sources, links and promises; Enter opens an earlier conversation."""

    ground = "side"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.conversation_id: int | None = None
        self._known: Known | None = None

    def show(self, conversation_id: int | None) -> None:
        """Show this conversation's customer."""
        fresh = conversation_id != self.conversation_id
        self.conversation_id = conversation_id
        if fresh:
            self.cursor = -1
            self.blocks = []
        self.reload()
        if fresh:
            self.move_to(0)

    def choose(self) -> None:
        """Open the earlier or linked conversation under the cursor; the address of a page is copied."""
        app = self.desk_app
        match self.key:
            case int(number):
                app.open_conversation(number)
            case ("url", str(address)):
                app.work(self._copy(address))
            case ("offer", int(number)):
                written = find.earlier(app.desk, number, 1)
                if written:
                    app.open_conversation(written[0].id)

    @property
    def offered(self) -> int:
        """The customer under the cursor who may be the same person; 0 for none."""
        match self.key:
            case ("offer", int(number)):
                return number
        return 0

    async def _copy(self, address: str) -> None:
        app = self.desk_app
        app.say("good", await app.front.copy(address))

    def reload(self) -> None:
        """Read again what is shown."""
        self._known = self._read()
        self._lay_out()

    def _read(self) -> Known | None:
        desk = self.desk_app.desk
        if self.conversation_id is None:
            return None
        try:
            head = find.conversation(desk, self.conversation_id)
            person = find.customer(desk, head.customer_id)
        except NotFound:
            return None
        return Known(person, head.id, find.earlier(desk, person.id), find.links(desk, head.id),
                     find.promises(desk, head.id), people.offers(desk, person.id))

    def _page(self) -> customer_layout.Page:
        desk = self.desk_app.desk
        keys = tuple(self.desk_app.keymap.key_of("customer", verb) for verb in ("customer-merge", "customer-apart"))
        return customer_layout.Page(max(12, self.size.width), desk.zone, desk.now(), self.palette.glyphs,
                                    (keys[0], keys[1]))

    def _lay_out(self) -> None:
        if self.size.width == 0:
            return
        if self._known is None:
            empty = Row((Run(" No customer to show", "dim"),))
            self.fill([Block((BLANK, empty), None, False)])
            return
        self.fill(customer_layout.blocks(self._known, self._page()))

    def on_resize(self) -> None:
        """Another width breaks the lines anew."""
        self._lay_out()

    def tick(self, now: Millis) -> None:
        """Redraw the clocks of promises."""
        if self._known is None or not self._known.promises:
            return
        places = {block.key: index for index, block in enumerate(self.blocks)}
        for block in customer_layout.promise_blocks(self._known, self._page()):
            if block.key in places:
                self.replace(places[block.key], block)
