"""The outbox: what is on its way, what went wrong in words, and what can be done about it."""

from __future__ import annotations

from collections.abc import Hashable

from agentdesk.desk import find
from agentdesk.model.clock import Millis
from agentdesk.model.outgoing import UNSETTLED, OutboxEntry, SendState
from agentdesk.ui.present import line
from agentdesk.ui.screens.listing import ListScreen, empty, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run, cells
from agentdesk.ui.widgets.thread_layout import standing
from agentdesk.ui.widgets.when import moment

TO_DO = {
    SendState.HELD: "goes by itself when the time is up",
    SendState.QUEUED: "goes by itself",
    SendState.SENDING: "cannot be taken back any more",
    SendState.UNKNOWN: "it is looked for on the platform and never sent again blindly; say so when it did arrive",
    SendState.STOPPED: "read what came in, then send it or take it back",
    SendState.REFUSED: "take it back, change it and send it again",
    SendState.NEEDS_HUMAN: "look on the platform: say so when it did arrive, send it now when it is not there",
}
"""What a person can do about an entry in each state."""
MOMENTS = {
    SendState.HELD: "held", SendState.QUEUED: "held", SendState.SENDING: "leaving", SendState.UNKNOWN: "in doubt",
    SendState.SENT: "leaving", SendState.CANCELLED: "leaving",
}
"""The key bar's moment where not everything can be done about an entry."""
OVER = (SendState.REFUSED, SendState.STOPPED, SendState.NEEDS_HUMAN)
GONE = "nothing more becomes of it: take it back to remove it from the list"
"""The same where there is no text to change and send again."""


class OutboxScreen(ListScreen):
    """All replies and actions that are not settled, then those sent lately."""

    context = "outbox"
    needs_row = True
    ticks = True

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[OutboxEntry] = []

    @property
    def selection(self) -> tuple[int, ...]:
        """The selected entry's number."""
        return (self.list.key,) if isinstance(self.list.key, int) else ()

    @property
    def conversation_id(self) -> int | None:
        """The conversation of the selected entry."""
        return next((it.conversation_id for it in self._entries if it.id == self.list.key), None)

    @property
    def moment(self) -> str:
        """Which of the keys do something for the selected entry."""
        found = next((it for it in self._entries if it.id == self.list.key), None)
        return MOMENTS.get(found.state, "") if found is not None else ""

    def reload(self) -> None:
        """Read the outbox again."""
        waiting = find.outbox(self.desk, unsettled_only=True)
        settled = [it for it in find.outbox(self.desk, limit=60) if it.state not in UNSETTLED and it.out is not None]
        self._entries = [*waiting, *settled[:20]]
        super().reload()

    def heading(self) -> Row:
        """How many are not settled."""
        count = sum(it.state in UNSETTLED for it in self._entries)
        return heading("Outbox", count, "kept over a restart")

    def blocks(self) -> list[Block]:
        """Each entry: state, where to, its words, and what to do."""
        if not self._entries:
            hold = self.desk.config.replies.hold // 1000
            return [empty(f"Nothing is on its way.\nA reply you send is held here for {hold} seconds, in which you can "
                          "undo it, and stays here when something goes wrong.", width=min(self.room, 80))]
        now = self.desk.now()
        waiting = [Block(self._rows(it, now), it.id) for it in self._entries if it.state in UNSETTLED]
        sent = [Block(self._rows(it, now), it.id) for it in self._entries if it.state not in UNSETTLED]
        if not waiting:
            waiting = [empty("Nothing is on its way.")]
        if sent:
            waiting.append(Block((BLANK, Row((Run(" settled lately", "accent"),))), None, False))
        return [*waiting, *sent]

    def _rows(self, it: OutboxEntry, now: Millis) -> tuple[Row, ...]:
        state = standing(it, now)
        width = self.room
        name = line(it.name or f"#{it.conversation_id}", 20)
        right = (Run(f"{moment(it.created_at, now, self.desk.zone)} ", "dim"),)
        if it.action is not None:
            words = f"{it.action.verb.value.replace('_', ' ')} {it.action.value}".strip()
        else:
            words = f"{it.kind.value} · {it.out.visibility.value}" if it.out is not None else it.kind.value
        if width >= 100:
            words += f" · {line(it.source, 24, pad=False)}"
        runs = [Run("   "), Run(name, "bright", bold=True), Run(f" {line(state.words, 28)}", state.ink, bold=True)]
        if cells(runs) + len(words) + cells(right) + 2 <= width:
            runs.append(Run(f" {line(words, 60, pad=False)}", "dim"))
        else:
            runs[-1] = runs[-1]._replace(text=f" {line(state.words, 28, pad=False)}")
        first = Row(tuple(runs), right)
        if it.state not in UNSETTLED:
            return (first,)
        rows = [first]
        if it.out is not None:
            rows.append(Row((Run("   "), Run(line(it.out.subject or it.out.text, width - 4, pad=False), "text"))))
        if it.title or it.remedy:
            cause = " · ".join(part for part in (it.title, it.remedy) if part)
            ink = state.ink if it.state is not SendState.QUEUED else "dim"
            rows.extend(paragraph(self.desk.typed(cause), width, ink, most=2))
        tries = f"{it.attempts} tries so far · " if it.attempts > 1 else ""
        to_do = GONE if it.out is None and it.state in OVER else TO_DO.get(it.state, "")
        rows.extend(paragraph(f"{tries}{to_do}", width, "dim", most=2))
        return (*rows, BLANK)

    def chosen(self, key: Hashable) -> None:
        """Open the entry's conversation."""
        if self.conversation_id is not None:
            self.dismiss(self.conversation_id)
