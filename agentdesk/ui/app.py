"""The terminal app: a shell around the desk that draws, listens to keys, and calls verbs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events, on
from textual.screen import Screen
from textual.widget import MountError

from agentdesk.commands.context import Context, Level
from agentdesk.commands.keymap import Keymap
from agentdesk.commands.registry import Registry, Verb
from agentdesk.errors import DeskError
from agentdesk.model.clock import Millis
from agentdesk.model.events import OutboxChanged
from agentdesk.model.outgoing import SendState
from agentdesk.ui.bridge import Bridge, Heard, News
from agentdesk.ui.front import ScreenFront
from agentdesk.ui.keys import Router
from agentdesk.ui.look import LookApp
from agentdesk.ui.rows import DeskRows, Rows
from agentdesk.ui.screens.base import context_of, key_bar_of, pane_of, selection_of
from agentdesk.ui.screens.desk import MainScreen
from agentdesk.ui.terminal import Settings, notification
from agentdesk.ui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk

NOTIFY_EVERY = 60_000
"""Milliseconds between two desktop notifications."""


class DeskApp(LookApp):
    """One agent's screen over a desk.

    ``begin`` is awaited after the first paint: what is slow to import or to connect belongs there. ``on_crash`` gets
    an unexpected error and answers with a sentence that says where its report lies.
    """

    def __init__(self, desk: Desk, registry: Registry, keymap: Keymap, *, settings: Settings | None = None,
                 themes: tuple[Path, ...] = (), begin: Callable[[], Awaitable[None]] | None = None,
                 on_crash: Callable[[BaseException], str] | None = None, rows: Rows | None = None,
                 take_over: Callable[[], None] | None = None) -> None:
        self.desk = desk
        self.registry = registry
        super().__init__(settings or Settings.of(desk.config.ui, os.environ), themes)
        self.router = Router(self, keymap)
        self.front = ScreenFront(self)
        self.bridge = Bridge(self)
        self._begin = begin
        self._on_crash = on_crash
        self._take_over = take_over
        self._rows = rows
        self._main: MainScreen | None = None
        self._notified_at: Millis = 0
        self._touched_at = desk.now()
        self._leaving = False
        self._typed_early: list[events.Key] | None = []
        """Keys from before the main screen was there; None once it is."""
        self.command_history: tuple[str, ...] = ()

    # -- start and end ---------------------------------------------------------------------------------------------

    def get_default_screen(self) -> Screen[Any]:
        """The main screen."""
        self._main = MainScreen(self._rows or DeskRows(self.desk))
        return self._main

    @property
    def main(self) -> MainScreen:
        """The main screen, whatever lies over it."""
        if self._main is None:
            raise RuntimeError("the app has not started")
        return self._main

    def on_load(self) -> None:
        """Textual is about to take the terminal."""
        if self._take_over is not None:
            self._take_over()

    async def on_mount(self) -> None:
        """Hear of events, and of the signals that end a session."""
        self.bridge.start()
        self.app_resume_signal.subscribe(self, lambda _: self.redraw())
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, lambda: self.work(self.leave()))
        self.call_after_refresh(self._painted)

    async def _painted(self) -> None:
        """The first frame is out: now what was typed meanwhile, then what is slow."""
        early, self._typed_early = self._typed_early or [], None
        for key in early:
            await self.on_event(key)
        if not self._leaving:
            await self._bring_panes()
        if self._leaving:
            return
        self.show_keys()
        if self.theme_trouble:
            self.say("warning", self.theme_trouble, "The dark theme is shown instead")
        for words in self.desk.warnings[:1]:
            self.say("warning", words)
        if self._begin is not None:
            self.work(self._begin())

    async def _bring_panes(self) -> None:
        """The panes beside the list, unless the agent leaves meanwhile: then there is no place for them any more."""
        try:
            await self.main.mount_panes()
        except MountError:
            if not self._leaving:
                raise

    async def leave(self, code: int = 0) -> None:
        """Store what is being written and end."""
        await self.main.flush()
        self._leaving = True
        self.bridge.stop()
        self.exit(code, return_code=code)

    async def quit(self) -> None:
        """Close what is open; from the main screen, leave."""
        if self.screen is not self.main:
            self.go_back()
        elif self.main.shape == "narrow" and self.main.shown != "list":
            self.main.show_pane("list")
        else:
            await self.leave()

    def _handle_exception(self, error: Exception) -> None:
        """End on a mistake of our own, without a traceback: it could show what customers wrote."""
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        where = self._on_crash(error) if self._on_crash is not None else ""
        lines = [f"agentdesk stopped because of a mistake of its own ({type(error).__name__}).",
                 "Drafts, the outbox and all decisions are kept; start it again to go on."]
        if where:
            lines.append(f"{where} (it holds no customer text)")
        self._exit_renderables.append(Text("\n".join(lines)))
        self._close_messages_no_wait()

    # -- keys and verbs --------------------------------------------------------------------------------------------

    async def on_event(self, event: events.Event) -> None:
        """Keys go to the router first; those from before the first frame wait for it."""
        if isinstance(event, events.Key) and self._typed_early is not None:
            self._typed_early.append(event)
            return
        if isinstance(event, events.InputEvent):
            self._touched_at = self.desk.now()
        if isinstance(event, events.Key) and not event.is_forwarded and self.screen.is_running:
            bar = self.key_bar
            if bar is not None and event.key != "escape":
                bar.hush(errors=False)
            if await self.router.take(event):
                return
        await super().on_event(event)

    @property
    def keymap(self) -> Keymap:
        """The keys of the moment."""
        return self.router.keymap

    @property
    def key_context(self) -> str:
        """Whose keys work now."""
        return context_of(self.screen)

    @property
    def key_bar(self) -> KeyBar | None:
        """The key bar in sight."""
        return key_bar_of(self.screen)

    def go_back(self) -> None:
        """One level up: a screen goes away, or the main screen lets go of something."""
        if self.screen is self.main:
            self.main.go_back()
        elif (bar := self.key_bar) is None or not bar.hush():
            self.screen.dismiss(None)

    def open_selected(self) -> None:
        """Enter: open what is under the cursor."""
        if self.screen is self.main:
            self.main.open_selected()
            return
        choose = getattr(pane_of(self.screen), "choose", None)
        if choose is not None:
            choose()

    def open_screen(self, screen: Screen[Any]) -> None:
        """Lay a screen over the main one; when it ends with a conversation's number, that is opened."""

        def ended(result: Any) -> None:
            self.show_keys()
            if isinstance(result, int) and not isinstance(result, bool):
                self.main.open_conversation(result)

        self.push_screen(screen, ended)

    async def call_verb(self, line: str, *, count: int | None = None, where: str = "") -> None:
        """Carry out a call: what only moves things at once, the rest beside the screen's own work."""
        where = where or self.key_context
        self.main.queue.touched = True
        try:
            call = self.registry.parse(line)
            one = self.registry[call.verb]
            ctx = Context(desk=self.desk, front=self.front, where=where, count=count,
                          selection=self.main.select(count) if self.screen is self.main else selection_of(self.screen))
            if one.visual:
                self._answer(await self.registry.run(ctx, call))
            else:
                self.work(self._run(ctx, call, one))
        except DeskError as error:
            self._complain(error)

    async def _run(self, ctx: Context, call: Any, one: Verb) -> None:
        self._answer(await self.registry.run(ctx, call))
        if one.scope == "many" and len(ctx.selection) > 1 and self.main.queue.marks:
            self.main.queue.unmark()

    def work(self, job: Coroutine[Any, Any, Any] | Awaitable[Any]) -> None:
        """Do something beside the screen's own work; what goes wrong is said, and nothing ends by it."""

        async def guarded() -> None:
            try:
                await job
            except DeskError as error:
                self._complain(error)
            except Exception as error:
                where = self._on_crash(error) if self._on_crash is not None else ""
                self.say("error", f"That went wrong inside agentdesk ({type(error).__name__})",
                         where)

        self.run_worker(guarded(), group="verbs", exit_on_error=False)

    def _answer(self, sentence: str | None) -> None:
        if sentence:
            self.say("good", sentence)

    def _complain(self, error: DeskError) -> None:
        self.say("error", " · ".join(part for part in (error.title, error.cause) if part), error.remedy)

    def say(self, level: Level, text: str, remedy: str = "", *, countdown: Millis = 0) -> None:
        """Say something in the last line."""
        (self.key_bar or self.main.keys).say(level, text, remedy, countdown=countdown)

    tell = say

    def title_of(self, call: str) -> str:
        """What a call does, in words."""
        name = call.split(" ", 1)[0]
        return self.registry[name].title if name in self.registry else call

    def show_keys(self) -> None:
        """The key bar for the context of the moment."""
        bar = self.key_bar
        if bar is None:
            return
        where = self.key_context
        bar.put(keys=[(keys, bar_word(self.registry[name]), name) for keys, name in self.keymap.bar(where)
                      if name in self.registry])

    def show_pending(self, strokes: str) -> None:
        """Pending strokes in the key bar; an empty text takes them and the popup away."""
        bar = self.key_bar
        if bar is not None and bar.pending != strokes:
            bar.put(pending=strokes)
            bar.show_next([])

    def show_next_keys(self, strokes: str, rows: list[tuple[str, str]]) -> None:
        """The keys that may follow the pending ones."""
        bar = self.key_bar
        if bar is not None:
            bar.show_next(rows)

    def open_commands(self, *, search: bool, start: str = "") -> None:
        """The command line, or the searchable list of all commands."""
        from agentdesk.ui.screens.command import CommandScreen

        where = self.key_context

        async def run(line: str | None) -> None:
            if line:
                await self.call_verb(line, where=where)

        self.push_screen(CommandScreen(search=search, start=start, where=where), run)

    @on(KeyBar.Pressed)
    async def pressed(self, event: KeyBar.Pressed) -> None:
        """A key in the key bar was clicked."""
        await self.call_verb(event.verb)

    # -- what happens ----------------------------------------------------------------------------------------------

    @on(Heard)
    def listen(self) -> None:
        """Events wait in the bridge."""
        self.bridge.flush()

    def heard(self, news: News) -> None:
        """Tell the screens, and the agent where it matters."""
        self.main.heard(news)
        again = getattr(self.screen, "reload", None)
        if self.screen is not self.main and again is not None:
            again()
        for entry in news.outbox:
            self._tell_of(entry)
        for notice in news.said:
            self.say(notice.level, notice.text, notice.remedy)
        for lost in news.lost:
            self.say("warning", f"{lost.holder} has #{lost.conversation_id} now", "You can still read it")
        if news.arrived and self.bridge.away and self.settings.bell:
            now = self.desk.now()
            if now - self._notified_at >= NOTIFY_EVERY:
                self._notified_at = now
                self.write_raw(notification("agentdesk", f"{news.arrived} new", os.environ))

    def _tell_of(self, event: OutboxChanged) -> None:
        """Say how a reply is doing."""
        if event.state is not SendState.HELD:
            self.main.keys.stop_countdown()
        if event.state is SendState.HELD:
            self.say("info", "The reply leaves shortly", "u takes it back",
                     countdown=self.desk.now() + self.desk.config.replies.hold)
        elif event.state is SendState.SENT:
            self.say("good", "Sent")
        elif event.state in (SendState.REFUSED, SendState.STOPPED, SendState.NEEDS_HUMAN):
            self.say("error", event.text or "A reply could not be sent", "O shows it and what can be done")

    def tick(self, now: Millis) -> None:
        """A second passed."""
        if self.settings.idle_lock and now - self._touched_at >= self.settings.idle_lock:
            self._hide()
            return
        self.main.tick(now)
        ticking = getattr(self.screen, "tick", None)
        if ticking is not None and self.screen is not self.main:
            ticking(now)

    def _hide(self) -> None:
        """Nobody has pressed a key for long: whoever passes by sees nothing."""
        from agentdesk.ui.screens.hidden import HiddenScreen

        if not isinstance(self.screen, HiddenScreen):
            self.push_screen(HiddenScreen())

    def on_app_blur(self) -> None:
        """The terminal lost the focus."""
        self.bridge.blurred()

    def on_app_focus(self) -> None:
        """The terminal has the focus again."""
        self.bridge.focused()


WORDS = {"why": "why here"}


def bar_word(one: Verb) -> str:
    """A verb in the key bar: its name where that is a word, else its title."""
    if one.name in WORDS:
        return WORDS[one.name]
    return one.name if one.name.isalpha() else one.title.rstrip(" …").lower()
