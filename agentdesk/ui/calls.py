"""How keys, palette and clicks become verb calls, and how what they answer is said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from traceback import walk_tb
from types import CodeType
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.screen import Screen
from textual.worker import Worker

from agentdesk.commands.context import Context, Level
from agentdesk.commands.keymap import WORDS, Keymap
from agentdesk.commands.registry import Call, Registry, Verb
from agentdesk.desk import decide
from agentdesk.errors import DeskError
from agentdesk.model.clock import Millis
from agentdesk.ui.front import ScreenFront
from agentdesk.ui.keys import Router
from agentdesk.ui.look import LookApp
from agentdesk.ui.rows import DeskRows, Rows
from agentdesk.ui.screens.base import context_of, key_bar_of, pane_of, selection_of
from agentdesk.ui.screens.desk import MainScreen
from agentdesk.ui.terminal import Settings
from agentdesk.ui.widgets.key_bar import KeyBar

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk
    from agentdesk.ui.app import DeskApp


HOLD_STEPS, HOLD_STEP_S = 100, 0.01
"""Longest wait for what a verb opens: one second."""


class CallApp(LookApp):
    """An app whose every gesture is a verb call, and whose last line says what came of it."""

    def __init__(self, desk: Desk, registry: Registry, keymap: Keymap, *, settings: Settings,
                 themes: tuple[Path, ...] = (), on_crash: Callable[[BaseException], str] | None = None,
                 rows: Rows | None = None) -> None:
        self.desk = desk
        self.registry = registry
        super().__init__(settings, themes)
        me = cast("DeskApp", self)
        self.router = Router(me, keymap)
        self.front = ScreenFront(me)
        self.command_history: tuple[str, ...] = ()
        self._on_crash = on_crash
        self._rows = rows
        self._main: MainScreen | None = None
        self._held: list[events.Key | events.Paste] | None = None
        """What was typed or pasted while a verb begins; None while none does."""
        self._mistakes: dict[tuple[CodeType, int], str] = {}
        """Where agentdesk made mistakes, and where their reports lie."""

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
                self.open_conversation(result)

        self.push_screen(screen, ended)

    def open_conversation(self, conversation_id: int) -> None:
        """Open a conversation, or say why that cannot be."""
        try:
            self.main.open_conversation(conversation_id)
        except DeskError as error:
            self._complain(error)

    async def call_verb(self, line: str, *, count: int | None = None, where: str = "") -> None:
        """Carry out a call: what only moves things at once, the rest beside the screen's own work."""
        where = where or self.key_context
        self.main.queue.touched = True
        try:
            call = self.registry.parse(line)
            one = self.registry[call.verb]
            here = self.screen is self.main
            ctx = Context(desk=self.desk, front=ScreenFront(self.front.app, where), where=where, count=count,
                          selection=self.main.select(count) if here else selection_of(self.screen),
                          message=self.main.message_under_cursor if here else 0,
                          customer=self.main.customer_under_cursor if here else 0)
            if one.visual:
                self._answer(await self.registry.run(ctx, call))
            else:
                self._held = [] if self._held is None else self._held
                done = asyncio.Event()
                self.work(self._run(ctx, call, one, done))
                self.work(self._hold_keys(done, self.screen, self.focused))
        except DeskError as error:
            self._complain(error)

    async def carry_out(self, line: str, conversation_id: int) -> None:
        """Carry out a call on one conversation, whatever is selected, and say what came of it."""
        front = ScreenFront(self.front.app, "conversation")
        ctx = Context(desk=self.desk, front=front, where=front.where, selection=(conversation_id,))
        try:
            self._answer(await self.registry.run(ctx, line))
        except DeskError as error:
            self._complain(error)

    async def _hold_keys(self, done: asyncio.Event, screen: Screen[Any], focused: object) -> None:
        """Keys typed right after a verb's key are for what it opens: they wait until that is there, or it is done."""
        for _ in range(HOLD_STEPS):
            if done.is_set() or (self.screen is not screen and self.screen.is_mounted) or self.focused is not focused:
                break
            await asyncio.sleep(HOLD_STEP_S)
        self._let_go()

    def _let_go(self) -> None:
        """What waited goes on its way."""
        held, self._held = self._held or [], None
        for event in held:
            self.post_message(event)

    def hold_for_screen(self, event: events.Key | events.Paste) -> None:
        """What is typed while a screen is being made is for its field, which is not there yet."""
        self._held = [event]
        self.work(self._hold_for_screen())

    async def _hold_for_screen(self) -> None:
        for _ in range(HOLD_STEPS):
            if self.screen.is_mounted:
                break
            await asyncio.sleep(HOLD_STEP_S)
        self._let_go()

    async def _run(self, ctx: Context, call: Call, one: Verb, done: asyncio.Event) -> None:
        try:
            before = decide.newest(self.desk) if one.undoable else ""
            sentence = await self.registry.run(ctx, call)
            decided = one.undoable and sentence and decide.newest(self.desk) != before
            back = self.keymap.key_of("queue", "undo") if decided else ""
            self._answer(sentence, f"{back} takes it back" if back else "")
        finally:
            done.set()
        if one.scope == "many" and len(ctx.selection) > 1 and self.main.queue.marks:
            self.main.queue.unmark()

    def work(self, job: Awaitable[object]) -> Worker[None]:
        """Do something beside the screen's own work; what goes wrong is said, and nothing ends by it."""

        async def guarded() -> None:
            try:
                await job
            except DeskError as error:
                self._complain(error)
            except Exception as error:
                self.went_wrong(error)

        return self.run_worker(guarded(), group="verbs", exit_on_error=False)

    def went_wrong(self, error: Exception, *, asked: bool = True) -> str:
        """Say that agentdesk made a mistake, in the words returned; what nobody ``asked`` for is told of once only.

        One report is written of a mistake, however often it is made.
        """
        words = f"That went wrong inside agentdesk ({type(error).__name__})"
        place = [(frame.f_code, number) for frame, number in walk_tb(error.__traceback__)][-1]
        new = place not in self._mistakes
        if new:
            self._mistakes[place] = self._on_crash(error) if self._on_crash is not None else ""
        if new or asked:
            self.say("error", words, self._mistakes[place])
        return words

    def _answer(self, sentence: str | None, remedy: str = "") -> None:
        if sentence:
            self.say("good", sentence, remedy)

    def _complain(self, error: DeskError) -> None:
        self.say("error", " · ".join(part for part in (error.title, error.cause) if part), error.remedy)

    def say(self, level: Level, text: str, remedy: str = "", *, countdown: Millis = 0) -> None:
        """Say something in the last line."""
        (self.key_bar or self.main.keys).say(level, self.desk.typed(text), self.desk.typed(remedy),
                                            countdown=countdown)

    def title_of(self, call: str) -> str:
        """What a call does, in words."""
        name = call.split(" ", 1)[0]
        return self.registry[name].title if name in self.registry else call

    def show_keys(self) -> None:
        """The key bar for the context of the moment."""
        bar = self.key_bar
        if bar is None:
            return
        where = getattr(self.screen, "bar_context", self.key_context)
        moment = getattr(self.screen, "moment", "")
        bar.put(keys=[(keys, bar_word(self.registry[name]), name) for keys, name in self.keymap.bar(where, moment)
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


def bar_word(one: Verb) -> str:
    """A verb in the key bar: its name where that is a word, else its title."""
    if one.name in WORDS:
        return WORDS[one.name]
    return one.name if one.name.isalpha() else one.title.rstrip(" …").lower()
