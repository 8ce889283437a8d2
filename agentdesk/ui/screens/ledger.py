"""The ledger of one conversation: who decided what, and when."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from agentdesk.desk import find
from agentdesk.model.ledger import LedgerEntry
from agentdesk.ui.present import line
from agentdesk.ui.screens.listing import ListScreen, empty, heading
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run, cells, fold
from agentdesk.ui.widgets.when import clock_time, day, moment

BESIDE = 30
"""Cells for what a decision was about; with fewer it stands below."""
BELOW_AT = 10
MOST = 6
"""Lines of it at most."""


class LedgerScreen(ListScreen):
    """What persons and rules did with a conversation, newest day last."""

    context = "ledger"

    def __init__(self, conversation_id: int = 0) -> None:
        super().__init__()
        self.conversation_id = conversation_id
        self._entries: list[LedgerEntry] = []

    @property
    def selection(self) -> tuple[int, ...]:
        """The conversation."""
        return (self.conversation_id,) if self.conversation_id else ()

    def on_mount(self) -> None:
        """Without a number, it is about the conversation of the main screen."""
        if not self.conversation_id:
            self.conversation_id = next(iter(self.desk_app.main.select()), 0)
        super().on_mount()

    def reload(self) -> None:
        """Read the ledger again."""
        self._entries = find.ledger(self.desk, self.conversation_id) if self.conversation_id else []
        super().reload()

    def heading(self) -> Row:
        """Whose ledger it is."""
        about = f" of #{self.conversation_id}" if self.conversation_id else ""
        return heading(f"Ledger{about}", len(self._entries), "never changed, only added to")

    def blocks(self) -> list[Block]:
        """One row for each decision, under its day."""
        if not self.conversation_id:
            return [empty("No conversation is selected.\nLeave, move to one in the queue, and come back.")]
        if not self._entries:
            return [empty("Nothing was decided here yet.\nClaims, replies, snoozes and ways out appear here.")]
        taken_back = {it.undoes for it in self._entries if it.undoes}
        found: list[Block] = []
        before = ""
        now, zone = self.desk.now(), self.desk.zone
        for it in self._entries:
            today = day(it.at, now, zone)
            if today != before:
                title = Row((Run(f" {today}", "accent"),))
                found.append(Block((BLANK, title) if found else (title,), None, False))
                before = today
            found.append(Block(self._rows(it, it.uid in taken_back), it.id))
        return found

    def _rows(self, it: LedgerEntry, undone: bool) -> tuple[Row, ...]:
        """One decision; what it was about stands beside it where there is room, else below it."""
        now, zone = self.desk.now(), self.desk.zone
        who = it.agent or "agentdesk"
        what = it.action.replace("_", " ")
        ink = "dim" if undone else "mine" if it.agent == self.desk.agent else "text"
        about = " · ".join(part for part in (it.code.replace("_", " "), *_details(it.detail, now, zone),
                                             f"by {it.rule}" if it.rule else "",
                                             "taken back" if undone else "") if part)
        head = (Run("   "), Run(clock_time(it.at, zone), "dim"), Run(f"  {line(who, 14)}", ink, bold=not undone),
                Run(f" {line(what, 18)}", "dim" if undone else "bright"))
        used = cells(head) + 1
        beside = self.room - used >= BESIDE
        indent = used if beside else BELOW_AT
        first, *more = fold(about, self.room - indent - 1, MOST) if about else [""]
        rows = [Row((Run(" " * indent), Run(part, "dim"))) for part in ([] if beside else [first]) + more if part]
        return (Row((*head, Run(f" {first}", "dim"))) if beside else Row(head), *rows)


def _details(detail: dict[str, Any], now: int, zone: ZoneInfo) -> list[str]:
    """The parts of a decision's detail that a person wants to read."""
    found = []
    for name in ("reason", "words", "text", "note", "title", "from", "was", "of", "other"):
        value = detail.get(name)
        if isinstance(value, str | int) and str(value):
            found.append(str(value) if name in ("reason", "words", "text", "note", "title") else f"{name} {value}")
    for name in ("until", "due_at"):
        value = detail.get(name)
        if isinstance(value, int):
            found.append(f"until {moment(value, now, zone)}")
    return found
