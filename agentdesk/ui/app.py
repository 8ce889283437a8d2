"""The terminal app: a shell around the desk that draws, listens to keys, and calls verbs."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual import events, on
from textual.css.query import NoMatches
from textual.widget import MountError
from textual.worker import WorkerFailed

from agentdesk.commands.keymap import Keymap
from agentdesk.commands.registry import Registry
from agentdesk.desk import inbox
from agentdesk.errors import DeskError, StoreError
from agentdesk.model.clock import SECOND, Millis
from agentdesk.model.events import OutboxChanged
from agentdesk.model.outgoing import SendState
from agentdesk.ui.bridge import Bridge, Heard, News
from agentdesk.ui.calls import CallApp
from agentdesk.ui.present import clean
from agentdesk.ui.rows import Rows
from agentdesk.ui.terminal import Settings, notification
from agentdesk.ui.threads import PassingThreads
from agentdesk.ui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk

NOTIFY_EVERY = 60_000
"""Milliseconds between two desktop notifications."""
CLAIM_LOOK: Millis = 15 * SECOND
"""How often it is looked whether our claim on what is open runs out."""
SETTLED = 2.0
"""Seconds after the first frame when everything that the start makes is there."""


def settle() -> None:
    """Collect garbage again, which the start does without; what is there by now is never looked at again."""
    if not gc.isenabled():
        gc.collect()
        gc.freeze()
        gc.enable()


START_DEMO, START_SETUP = 64, 65
"""Exit codes of the screen that ask the command line to go on with the demo, or with a configuration."""


class DeskApp(CallApp):
    """One agent's screen over a desk.

    ``begin`` is awaited after the first paint: what is slow to import or to connect belongs there. ``on_crash`` gets
    an unexpected error and answers with a sentence that says where its report lies.
    """

    def __init__(self, desk: Desk, registry: Registry, keymap: Keymap, *, settings: Settings | None = None,
                 themes: tuple[Path, ...] = (), begin: Callable[[], Awaitable[None]] | None = None,
                 on_crash: Callable[[BaseException], str] | None = None, rows: Rows | None = None,
                 take_over: Callable[[], list[Any] | None] | None = None, first_start: str = "") -> None:
        super().__init__(desk, registry, keymap, settings=settings or Settings.of(desk.config.ui, os.environ),
                         themes=themes, on_crash=on_crash, rows=rows)
        self.bridge = Bridge(self)
        self._begin = begin
        self._first_start = first_start
        self._take_over = take_over
        self._notified_at: Millis = 0
        self._touched_at = desk.now()
        self._claim_kept_at = desk.now()
        self._leaving = False
        self._typed_early: list[events.Key | events.Paste] | None = []
        """Keys from before the main screen was there; None once it is."""

    # -- start and end ---------------------------------------------------------------------------------------------

    def on_load(self) -> None:
        """Textual is about to take the terminal."""
        if self._take_over is not None:
            self.terminal_before = self._take_over()

    async def on_mount(self) -> None:
        """Hear of events, and of the signals that end a session."""
        self.bridge.start()
        self.app_resume_signal.subscribe(self, lambda _: self.redraw())
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            loop.set_default_executor(PassingThreads())
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
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
        self.work(self._go_on())
        self.set_timer(SETTLED, settle)

    async def _go_on(self) -> None:
        """What need not be there for the first keys."""
        await asyncio.to_thread(self.desk.read_packs)
        troubles = [*([self.theme_trouble] if self.theme_trouble else []), *self.desk.warnings]
        if troubles:
            self.say("warning", troubles[0], "" if len(troubles) == 1 else
                     f"{len(troubles) - 1} more: agentdesk doctor lists them")
        if self._first_start:
            self.show_first_start()
        if self._begin is not None:
            await self._begin()

    def show_first_start(self) -> None:
        """Nothing is configured and nothing is here: offer ways to begin."""
        from agentdesk.ui.screens.first_start import FirstStartScreen

        def chosen(way: object) -> None:
            self.show_keys()
            if way == "demo":
                self.work(self.leave(START_DEMO))
            elif way == "setup":
                self.work(self.leave(START_SETUP))
            elif way == "login":
                self.work(self.call_verb("login"))
            elif way == "file":
                self.work(self._read_file())

        self.push_screen(FirstStartScreen(self._first_start), chosen)

    async def _read_file(self) -> None:
        """Ask for a file and read it in."""
        from agentdesk.desk.importing import import_file

        name = await self.front.ask("Which file?", hint="~/posts.jsonl or ~/posts.csv")
        if name:
            job = await import_file(self.desk, await asyncio.to_thread(Path(name).expanduser))
            self.say("good", f"{job.stored} messages stored, {job.rejected} lines rejected")

    async def _bring_panes(self) -> None:
        """The panes beside the list, unless the agent leaves meanwhile: then there is no place for them any more."""
        try:
            await self.main.mount_panes()
        except MountError:
            if not self._leaving:
                raise

    async def leave(self, code: int = 0) -> None:
        """Store what is being written and end; what was decided before is written first."""
        await self.main.flush()
        try:
            await self.desk.store.caught_up()
        except DeskError as error:
            self._complain(error)
        if self.main.only_here and not self._leaving:
            self._exit_renderables.append(Text(
                f"This text could be kept nowhere; copy it:\n\n{clean(self.main.only_here)}\n"))
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
        """End on a mistake of our own, without a traceback: it could show what customers wrote.

        A cache that can no longer be read is no mistake: that is said, with what to do.
        """
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        if self._leaving and isinstance(error, NoMatches | MountError):
            return  # Textual makes no more widgets once it is told to end: what was just opened looks for its own
        self._return_code = 1
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        if isinstance(error, StoreError):
            self._return_code = error.exit_code
            told = (error.title, error.cause, self.desk.typed(error.remedy), "What could be stored is kept.")
            self._exit_renderables.append(Text("\n".join(clean(words) for words in told if words)))
            self._close_messages_no_wait()
            return
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
        if isinstance(event, (events.Key, events.Paste)) and self._typed_early is not None:
            self._typed_early.append(event)
            return
        if isinstance(event, (events.Key, events.Paste)) and self._held is not None and not event.is_forwarded:
            self._held.append(event)
            return
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded and not self.screen.is_mounted:
            self.hold_for_screen(event)
            return
        if isinstance(event, events.InputEvent):
            self._touched_at = self.desk.now()
        if isinstance(event, events.Key) and not event.is_forwarded and self.screen.is_running:
            bar = self.key_bar
            if bar is not None and event.key != "escape":
                bar.hush(errors=False)
            if await self.router.take(event):
                if not self.message_queue_size:  # repeats of a held key are folded into one frame
                    self.main.paint_list()
                return
        await super().on_event(event)

    @on(KeyBar.Pressed)
    async def pressed(self, event: KeyBar.Pressed) -> None:
        """A key in the key bar was clicked."""
        await self.call_verb(event.verb)

    # -- what happens ----------------------------------------------------------------------------------------------

    @on(Heard)
    def listen(self) -> None:
        """Events wait in the bridge; an app that is ending takes its widgets away and shows no more."""
        if self.is_running:
            self.bridge.flush()

    def heard(self, news: News) -> None:
        """Tell the screens, and the agent where it matters."""
        self.main.heard(news)
        again = getattr(self.screen, "reload", None)
        if self._shows_another and again is not None:
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
            self.say("info", event.text or "The reply leaves shortly", "u takes it back",
                     countdown=self.desk.now() + self.desk.config.replies.hold)
        elif event.state is SendState.SENT and not event.action:
            self.say("good", "Sent")
        elif event.state in (SendState.REFUSED, SendState.STOPPED, SendState.NEEDS_HUMAN):
            self.say("error", event.text or "A reply could not be sent", "O shows it and what can be done")

    def tick(self, now: Millis) -> None:
        """A second passed."""
        if not self.is_running:
            return
        if self.settings.idle_lock and now - self._touched_at >= self.settings.idle_lock:
            self._hide()
            return
        self._keep_claim(now)
        self.main.tick(now)
        ticking = getattr(self.screen, "tick", None)
        if ticking is not None and self._shows_another:
            ticking(now)

    def _keep_claim(self, now: Millis) -> None:
        """Our claim on what is open lasts as long as somebody works at the desk."""
        pane = self.main.conversation
        number = pane.conversation_id if pane is not None else None
        if number is None or self._touched_at <= self._claim_kept_at or now - self._claim_kept_at < CLAIM_LOOK:
            return
        self._claim_kept_at = now
        self.work(inbox.renew_claim(self.desk, number))

    @property
    def _shows_another(self) -> bool:
        """A screen stands over the main one, and has its widgets already."""
        return self.screen is not self.main and self.screen.is_mounted

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
