"""The sources: whether each answers, since when not and why, and what to do about it."""

from __future__ import annotations

from collections.abc import Hashable

from agentdesk.commands.registry import quote
from agentdesk.desk import find, gaps
from agentdesk.model.clock import Millis
from agentdesk.model.source import SKEW_TOLD, SourceState
from agentdesk.ui.present import line
from agentdesk.ui.screens.listing import ListScreen, empty, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.runs import BLANK, Row, Run
from agentdesk.ui.widgets.when import length, moment, short_left

WORDS = {"new": "not asked yet", "ok": "answers", "retry": "trying again", "offline": "cannot be reached",
         "auth": "sign-in refused", "empty": "shows nothing", "stopped": "stopped", "paused": "paused"}
"""A source's state in words."""
INKS = {"ok": "ok", "new": "dim", "paused": "dim", "retry": "soon", "offline": "soon", "auth": "late", "empty": "soon",
        "stopped": "late"}
"""The ink of each state."""
MOST_GAPS = 3
"""So many stretches that could not be fetched are told each by itself."""


class SourcesScreen(ListScreen):
    """One block for each source."""

    context = "sources"
    ticks = True

    def __init__(self) -> None:
        super().__init__()
        self._sources: list[SourceState] = []

    @property
    def moment(self) -> str:
        """Without a source there is nothing to ask, but one to connect."""
        return "" if self._sources else "no sources"

    @property
    def name_selected(self) -> str:
        """The source under the cursor; empty when there is none."""
        return self.list.key if isinstance(self.list.key, str) else ""

    def reload(self) -> None:
        """Read how they stand."""
        self._sources = find.sources(self.desk)
        super().reload()

    def tick(self, now: Millis) -> None:
        """Read how they stand now: an answer that brought nothing new is an answer too."""
        self._sources = find.sources(self.desk)
        super().tick(now)

    def chosen(self, key: Hashable) -> None:
        """Ask this source for news at once."""
        self.desk_app.call_later(self.desk_app.call_verb, f"sync {quote(str(key))}", where="sources")

    async def pause(self, name: str) -> str:
        """Leave a source alone until further notice, or let it go on."""
        engine = self.desk.connected()
        if next(it.state for it in self._sources if it.name == name) == "paused":
            await engine.resume(name)
            words = f"{name} goes on"
        else:
            await engine.pause(name)
            words = f"{name} is paused: nothing is fetched or sent until it goes on"
        if self.is_current:
            self.reload()
        return words

    def heading(self) -> Row:
        """How many there are, and how many have trouble."""
        trouble = sum(it.configured and it.state not in ("ok", "new", "paused") for it in self._sources)
        trouble_words = f"{trouble} with trouble · " if trouble else ""
        keys = "Enter asks one now · p pauses it" if self.size.width >= 100 else "Enter asks · p pauses"
        return heading("Sources", len(self._sources), f"{trouble_words}{keys}" if self._sources else "")

    def blocks(self) -> list[Block]:
        """State, account, when it last answered; what went wrong and what to do; what is missing."""
        if not self._sources:
            return [empty("No source is connected.",
                          ("a", "connects one: asks what it needs, tries it at once"))]
        return [Block(self._rows(it), it.name) for it in self._sources]

    def _rows(self, it: SourceState) -> tuple[Row, ...]:
        if not it.configured:
            rest = "not in the configuration: what is stored stays, nothing is asked"
            return (*paragraph(f"{self.desk_app.palette.glyphs.down} {it.name}  {rest}", self.room, "dim", 3, 2), BLANK)
        now, glyphs = self.desk.now(), self.desk_app.palette.glyphs
        sign = {"ok": glyphs.up, "new": glyphs.down, "paused": glyphs.paused}.get(it.state, glyphs.trouble)
        sign = glyphs.down if it.state in ("offline", "stopped") else sign
        ink = INKS.get(it.state, "soon")
        words = WORDS.get(it.state, it.state)
        if it.next_try_at is not None and it.state in ("retry", "offline") and it.next_try_at > now:
            words += f"{', again' if it.state == 'offline' else ''} in {short_left(it.next_try_at, now)}"
        rows = [Row((Run("   "), Run(f"{sign} ", ink), Run(line(it.name, 24), "bright", bold=True),
                     Run(f" {it.letter} ", "accent"), Run(f" {words}", ink)))]
        facts = []
        if it.account is not None:
            facts.append(f"as {line(it.account.handle or it.account.name, 40, pad=False)}")
        if it.package:
            facts.append(f"by {line(it.package, 40, pad=False)}")
        facts.append(f"last answer {length(now - it.last_ok_at)} ago" if it.last_ok_at else "no answer yet")
        if it.budget is not None:
            facts.append(f"{it.budget.left:,} of {it.budget.limit:,} requests left")
        if it.skew is not None and abs(it.skew) > SKEW_TOLD:
            facts.append(f"our clock is {length(abs(it.skew))} {'behind' if it.skew > 0 else 'ahead'}")
        if it.failures > 1:
            facts.append(f"{it.failures} failures in a row")
        rows.extend(paragraph(" · ".join(facts), self.room, "dim", 5, 2))
        wrong = ". ".join(part.rstrip(".") for part in (it.title, it.cause) if part)
        if wrong:
            rows.extend(paragraph(wrong, self.room, ink, 5, 3))
        if it.remedy:
            rows.extend(paragraph(f"{glyphs.arrow} {self.desk.typed(it.remedy)}", self.room, "text", 5, 3))
        if it.account is not None:
            for warning in it.account.warnings:
                rows.extend(paragraph(f"{glyphs.warn} {self.desk.typed(warning)}", self.room, "warn", 5, 2))
        if it.gaps:
            rows.extend(self._gaps(it, now))
        if it.rejects:
            words = f"{it.rejects} item{'s' if it.rejects > 1 else ''} could not be understood; kept aside"
            rows.extend(paragraph(f"{glyphs.warn} {words}", self.room, "warn", 5, 2))
        return (*rows, BLANK)

    def _gaps(self, it: SourceState, now: Millis) -> list[Row]:
        """The latest stretches that could not be fetched, with when and why, and what a person does about them."""
        warn = self.desk_app.palette.glyphs.warn
        count = f"{it.gaps} stretch{'es' if it.gaps > 1 else ''}"
        words = f"{count} of messages could not be fetched: look there, then press v"
        rows = list(paragraph(f"{warn} {words}", self.room, "warn", 5, 2))
        for gap in gaps.of(self.desk, it.name)[-MOST_GAPS:]:
            ends = [moment(at, now, self.desk.zone) for at in (gap.since, gap.until) if at is not None]
            when = " to ".join(ends) or f"found {moment(gap.found_at, now, self.desk.zone)}"
            rows.extend(paragraph(f"{when}: {gap.reason}", self.room, "dim", 7, 2))
        return rows
