"""Connecting a source on the screen: what is told stands here, what is asked comes up at the lower edge."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from textual.worker import Worker

from agentdesk.commands.context import Choice
from agentdesk.desk.connecting import sign_in
from agentdesk.errors import DeskError, Refused
from agentdesk.ui.present import line
from agentdesk.ui.screens import dialogs
from agentdesk.ui.screens.listing import ListScreen, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run

SHEET = 3
"""Rows of a question: title, field and keys."""
DONE = "done"
ADDRESS = ("https://", "http://")


class ConnectScreen(ListScreen):
    """One person connecting one source, or signing in to it again."""

    moment = "first"

    def __init__(self, kind: str = "", name: str = "") -> None:
        super().__init__()
        self._kind = kind
        self._label = name
        self._told: list[tuple[str, str]] = []
        """What was said so far, with its ink; never a secret."""
        self._ended = False
        self._worker: Worker[None] | None = None

    def on_mount(self) -> None:
        """Begin."""
        super().on_mount()
        self._worker = self.desk_app.work(self._connect())

    def on_unmount(self) -> None:
        """Leaving breaks it off; nothing is written then."""
        if self._worker is not None:
            self._worker.cancel()

    async def _connect(self) -> None:
        try:
            self.say(await sign_in(self.desk, OnScreen(self), self._kind, self._label), "ok")
        except DeskError as error:
            self.say(str(error), "warn")
        finally:
            self._ended = True
            if self.is_mounted and self.is_running:
                self.make_room(0)
                self.reload()

    def heading(self) -> Row:
        """What is going on, and how to leave."""
        what = f"Sign in again to {self._kind}:{self._label}" if self._label else f"Connect a source {self._kind}"
        return heading(what.rstrip(), None, "Esc leaves" if self._ended else "nothing is written before it was tried")

    def blocks(self) -> list[Block]:
        """All that was said; at the end a row to leave by."""
        rows: list[Row] = []
        for words, ink in self._told:
            for part in words.split("\n"):
                rows += self._address(part) if part.startswith(ADDRESS) else paragraph(part, self.room, ink, most=12)
        found = [Block((*rows, BLANK), None, False)]
        if self._ended:
            found.append(Block((Row((Run("   "), Run("Enter", "key"), Run(" goes on", "dim"))),), DONE))
        return found

    def _address(self, address: str) -> list[Row]:
        """An address from edge to edge, so that what a mouse takes holds no blanks."""
        room = max(20, self.size.width)
        return [Row((Run(line(address[at:at + room], room, pad=False), "accent"),))
                for at in range(0, len(address), room)]

    def chosen(self, key: Hashable) -> None:
        """Enter at the end leaves."""
        if key == DONE:
            self.dismiss(None)

    def say(self, words: str, ink: str = "text") -> None:
        """Put words at the end and bring them into sight."""
        self._told.append((words, "warn" if words.startswith("Mind: ") else ink))
        if self.is_mounted and self.is_running:
            self.reload()
            self._to_the_end()

    @property
    def address(self) -> str:
        """The address told last, for a browser elsewhere."""
        parts = [part for words, _ in self._told for part in words.split("\n") if part.startswith(ADDRESS)]
        return parts[-1].strip() if parts else ""

    def make_room(self, rows: int) -> None:
        """Keep the lower rows free for a question, so that what it is about stays in sight."""
        self.query_one("#body").styles.margin = (0, 0, rows, 0)
        self._to_the_end()

    def _to_the_end(self) -> None:
        self.call_after_refresh(lambda: self.list.move_by(len(self.list.rows)))


class OnScreen:
    """Asks by the dialogs over a ``ConnectScreen``."""

    def __init__(self, screen: ConnectScreen) -> None:
        self._screen = screen

    def tell(self, text: str) -> None:
        """Show words."""
        self._screen.say(text)

    async def text(self, title: str, *, hint: str = "", default: str = "") -> str:
        """Ask for one line."""
        self._screen.make_room(SHEET)
        answer = _given(await dialogs.ask(self._screen.app, title, hint=hint, default=default))
        self._screen.say(_answered(title, answer or "nothing"), "dim")
        return answer

    async def secret(self, title: str, *, hint: str = "") -> str:
        """Ask for one line that is not shown."""
        self._screen.make_room(SHEET)
        answer = _given(await dialogs.secret(self._screen.app, title, hint=hint, copies=self._screen.address))
        self._screen.say(_answered(title, "given, not shown"), "dim")
        return answer

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        """Ask for one of some values."""
        self._screen.make_room(SHEET + min(len(choices), dialogs.MOST))
        offers = [Choice(value, value or words, words if value else "") for value, words in choices]
        answer = _given(await dialogs.choose(self._screen.app, title, offers))
        self._screen.say(_answered(title, answer or dict(choices)[answer]), "dim")
        return answer


def _answered(title: str, answer: str) -> str:
    return f"{title} {answer}" if title.endswith("?") else f"{title}: {answer}"


def _given(answer: str | None) -> str:
    if answer is None:
        raise Refused("Nothing was written", "Signing in was broken off", "Begin again at any time")
    return answer
