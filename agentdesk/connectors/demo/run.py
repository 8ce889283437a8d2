"""The demo's world in motion: what happens when, what our replies bring about, and when it is written down."""

from __future__ import annotations

import asyncio
from typing import Literal

import msgspec

from agentdesk.connectors.demo.content import Content, Event, Post, Talk, length
from agentdesk.connectors.demo.server import Server
from agentdesk.connectors.demo.stage import Stage
from agentdesk.connectors.demo.state import Pending, StateFile, WorldState
from agentdesk.connectors.demo.story import Story, Trouble
from agentdesk.errors import Unavailable
from agentdesk.model.clock import MINUTE, Clock, Millis
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Outgoing, OutKind

STANDSTILL: Millis = 10 * MINUTE
"""A longer silence than this (a desk that was closed, a laptop that slept) does not count in full."""
CATCH_UP: Millis = 5 * MINUTE
"""This much of it counts then, which is about eight posts."""


class Run:
    """The servers, and the story that goes on there."""

    def __init__(self, content: Content, state: WorldState, file: StateFile, clock: Clock) -> None:
        self.clock = clock
        self.content = content
        self.story = Story(content, state.seed)
        self._file = file
        self._steps = content.steps()
        self._talks = content.talks | {e.start.id: e.start for e in (*content.opening, *content.events) if e.start}
        self._adopt(state)
        self._dirty = False
        self._holds = False
        self._used: set[str] = set()
        self._writing = asyncio.Lock()

    def _adopt(self, state: WorldState) -> None:
        self.state = state
        name = f"{state.seed}-{state.started_at}"
        self.servers = {place: Server(place, kept, name) for place, kept in state.servers.items()}
        self.stage = Stage(self.content, self.servers)
        self._seen = min(state.instant, self.clock.now())

    # -- time ---------------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Make sure that this process has the world; Unavailable while another one has it."""
        if self._holds:
            return
        if not self._file.take():
            raise Unavailable("The demo runs in another window", "One process at a time moves its world",
                              "Nothing to do: that window sends and collects", retry_after=5.0)
        self._holds = True
        kept = self._file.read()
        if kept is None:
            self._dirty = True
        else:
            self._adopt(kept)

    def advance(self) -> None:
        """Let everything happen that is due by now."""
        now = self.clock.now()
        passed = max(0, now - self._seen)
        self._seen = now
        target = self.state.elapsed + (passed if passed <= STANDSTILL else CATCH_UP)
        while (at := self._next_due()) <= target:
            self._happen(at, now - (target - at))
        self.state.elapsed, self.state.instant = target, now

    def until_change(self) -> Millis:
        """How long until something is due, or a source fails or recovers."""
        now = self.state.elapsed
        return max(0, min(self._next_due(), self.story.next_change(now)) - now)

    def trouble(self, place: str) -> Trouble | None:
        """What is wrong with a source right now."""
        return self.story.trouble(place, self.state.elapsed)

    def save(self) -> None:
        """Keep the world if anything happened since it was kept last."""
        if self._dirty and self._holds:
            self._file.write(self._file.encode(self.state))
            self._dirty = False

    async def keep(self) -> None:
        """``save()`` that does not hold up the screen; what happened before the call is durable when this returns."""
        async with self._writing:
            if self._dirty and self._holds:
                data, self._dirty = self._file.encode(self.state), False
                try:
                    await asyncio.to_thread(self._file.write, data)
                except BaseException:
                    self._dirty = True
                    raise

    def close(self) -> None:
        """Keep the world and let another process have it."""
        if self._holds:
            self._file.write(self._file.encode(self.state))
        self._file.drop()
        self._holds = False

    def left(self, place: str) -> None:
        """A source was closed; the last one closes the world."""
        self._used.discard(place)
        if not self._used:
            self.close()

    def touch(self) -> None:
        """Remember that there is something to keep."""
        self._dirty = True

    def _next_due(self) -> Millis:
        slot = self.story.slot(self.state.slot).at
        return min(slot, self.state.pending[0].at) if self.state.pending else slot

    def _happen(self, at: Millis, now: Millis) -> None:
        self._dirty = True
        pending = self.state.pending
        if pending and pending[0].at <= self.story.slot(self.state.slot).at:
            self._follow_up(pending.pop(0), at, now)
            return
        slot = self.story.slot(self.state.slot)
        self.state.slot += 1
        if slot.event:
            event = self._steps[slot.event]
            if self.stage.play(event, now):
                self._queue_step(event, 1, at)
        else:
            key, person, talk = self.story.filler(slot.filler)
            self.stage.begin(talk, key, person, now)
            self.state.topics[talk.id] = talk.topic

    def _follow_up(self, pending: Pending, at: Millis, now: Millis) -> None:
        if pending.kind == "answer":
            self._answer(pending, now)
            return
        if pending.kind == "ticket":
            steps = self.story.ticket_steps(pending.key)
            self.stage.play(msgspec.structs.replace(steps[pending.number - 1], talk=pending.key), now)
            self._queue_ticket(pending.key, pending.number + 1, at)
            return
        step = self._steps.get(pending.key)
        parent = self._steps.get(pending.key.rpartition("/")[0])
        if step is not None and parent is not None and self.stage.play(step, now):
            self._queue_step(parent, pending.number + 1, at - length(step.after))

    def _queue_step(self, event: Event, number: int, began: Millis) -> None:
        """Put step ``number`` (from 1) of an event on the list; each step comes only after the one before it."""
        if number <= len(event.then):
            step = event.then[number - 1]
            self._queue(began + length(step.after), "step", f"{event.id}/{number}", number)

    def _queue_ticket(self, ref: str, number: int, at: Millis) -> None:
        """Put step ``number`` (from 1) of what colleagues do with a ticket on the list."""
        steps = self.story.ticket_steps(ref)
        if number <= len(steps):
            self._queue(at + length(steps[number - 1].after), "ticket", ref, number)

    def _queue(self, at: Millis, kind: Literal["step", "answer", "ticket"], key: str, number: int,
               direct: bool = False) -> None:
        state = self.state
        state.order += 1
        state.pending.append(Pending(at=at, order=state.order, kind=kind, key=key, number=number, direct=direct))
        state.pending.sort(key=lambda p: (p.at, p.order))

    # -- our replies --------------------------------------------------------------------------------------------------

    def replied(self, out: Outgoing, ref: str) -> bool:
        """Note that we sent something into ``ref``; True when the answer to the sender gets lost on its way back."""
        self._dirty = True
        self.state.sends += 1
        if out.kind is OutKind.TICKET:
            self._queue_ticket(ref, 1, self.state.elapsed)
        if out.kind is OutKind.DM:
            talk = self._talks.get(out.conversation_ref)
            topic = talk.topic if talk is not None else self.state.topics.get(out.conversation_ref, "late")
            self.state.topics.setdefault(ref, topic)
            self._expect_answer(ref, True)
        if out.kind is OutKind.REPLY:
            self._expect_answer(out.conversation_ref, out.visibility is Visibility.DIRECT)
        return self.story.loses_answer(self.state.sends)

    def _expect_answer(self, ref: str, direct: bool) -> None:
        if any(p.kind == "answer" and p.key == ref for p in self.state.pending):
            return
        counter = f"{ref} dm" if direct and self._has_dm(ref) else ref
        number = self.state.replies.get(counter, 0)
        self.state.replies[counter] = number + 1
        talk = self._talks.get(ref)
        own = () if talk is None else talk.dm_answers if counter != ref else talk.answers
        if number < len(own) or (not own and self.story.writes_again(ref, number)):
            delay = self.story.answer_delay(ref, number)
            self._queue(self.state.elapsed + delay, "answer", ref, number, direct)

    def _has_dm(self, ref: str) -> bool:
        return ref in self._talks and bool(self._talks[ref].dm_answers)

    def _answer(self, pending: Pending, now: Millis) -> None:
        server = self.stage.where(pending.key)
        if server is None:
            return
        post = self._words(server, self._talks.get(pending.key), pending)
        if post is not None:
            direct = pending.direct and not server.is_desk
            self.stage.say(server, pending.key, msgspec.structs.replace(post, direct=direct), now)

    def _words(self, server: Server, talk: Talk | None, pending: Pending) -> Post | None:
        """What the customer says: their own words if they have any, else some from the stock."""
        own = () if talk is None else talk.dm_answers if pending.direct and talk.dm_answers else talk.answers
        if pending.number < len(own):
            words = own[pending.number]
            return Post(text=words) if isinstance(words, str) else words
        ref = pending.key
        topic = talk.topic if talk is not None else self.state.topics.get(ref, "late")
        thread = server.messages(ref)
        lang = thread[0].lang if thread else "en"
        line = self.story.stock_answer(topic, lang, ref, self.state.used)
        if not line:
            return None
        self.state.used.append(line)
        return Post(text=line.replace("{tracking}", self.story.tracking(ref)))
