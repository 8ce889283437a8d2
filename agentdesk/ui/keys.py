"""From key presses to verb calls: strokes in their normal form, chords, counts, and the popup of what may come next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.timer import Timer

from agentdesk.commands.keymap import TEXT, Chords, Keymap, Outcome, stroke

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp


def stroke_of(event: events.Key) -> str:
    """The key press as keymaps write it."""
    char = event.character
    if char is not None and len(char) == 1 and char.isprintable() and char != " " and "+" not in event.key[:-1]:
        return char
    key = event.key
    if key.startswith("upper_") and len(key) == 7:
        return key[6].upper()
    try:
        return stroke(key)
    except ValueError:
        return key


class Router:
    """Reads every key before the widgets do, and lets pass what no context binds."""

    def __init__(self, app: DeskApp, keymap: Keymap) -> None:
        self.app = app
        self.chords = Chords(keymap)
        self._timer: Timer | None = None
        self._where = ""

    @property
    def keymap(self) -> Keymap:
        """The keys of the moment."""
        return self.chords.keymap

    @keymap.setter
    def keymap(self, keymap: Keymap) -> None:
        self.chords = Chords(keymap)

    async def take(self, event: events.Key) -> bool:
        """True when the key was ours: it began, continued or ended a chord, or called a verb."""
        where = self.app.key_context
        if where != self._where and self.chords.waiting:
            self.chords.clear()
        self._where = where
        key = stroke_of(event)
        if where in TEXT and event.is_printable and not self.chords.waiting:
            return False
        outcome = self.chords.feed(where, key)
        if outcome.kind == "ignored":
            self._pending()
            if not event.is_printable or self.app.screen is not self.app.main:
                return False
            self._name(outcome)
            return True
        if outcome.kind == "run" and outcome.binding is not None:
            self._pending()
            await self.app.call_verb(outcome.binding.call, count=outcome.count, where=where)
            return True
        self._pending()
        if outcome.kind == "unbound":
            self._name(outcome)
        return True

    def _name(self, outcome: Outcome) -> None:
        from agentdesk.commands.keymap import show

        self.app.say("info", f"{' '.join(map(show, outcome.keys))} is not bound here", "? lists the keys")

    def _pending(self) -> None:
        """Show the pending strokes, and after a rest the keys that may follow."""
        app = self.app
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        app.show_pending(self.chords.shown if self.chords.waiting else "")
        if self.chords.pending and app.settings.key_hint is not None:
            self._timer = app.set_timer(app.settings.key_hint / 1000, self._hint)

    def _hint(self) -> None:
        if not self.chords.pending:
            return
        rows: list[tuple[str, str]] = []
        for key, node in self.chords.options(self._where):
            title = node.title
            if not title and node.binding is not None:
                title = self.app.title_of(node.binding.call)
            rows.append((key, title or f"{sum(1 for _ in node.walk())} more"))
        self.app.show_next_keys(self.chords.shown, rows)
