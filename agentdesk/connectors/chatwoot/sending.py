"""Sending to Chatwoot, and finding out what became of it.

Chatwoot keeps no id of ours: ``echo_id`` is forgotten, and a message that carries a ``source_id`` is taken for one
that came from the channel and is never delivered. What it does keep is the time at which a message was written
elsewhere (``external_created_at``): its millionths of a second are ours, so that the same words sent twice differ.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from agentdesk.connectors.answers import Answer, nothing_shown
from agentdesk.connectors.base import Verdict
from agentdesk.connectors.chatwoot.client import ChatwootClient
from agentdesk.connectors.chatwoot.liquid import escaped
from agentdesk.connectors.chatwoot.speak import Speaker, heard
from agentdesk.connectors.chatwoot.wire import Word, instant
from agentdesk.connectors.files import FormPart, contents, file_part
from agentdesk.connectors.files import form as as_form
from agentdesk.connectors.items import one
from agentdesk.connectors.matching import LOOK_BACK, same_text
from agentdesk.errors import Ambiguous, Gone, Rejected, TooLong, WindowClosed
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.message import Direction
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind, Receipt, Unsure

LAG_S = 60
"""A request whose line broke may still be worked on; before this an absent reply proves nothing."""
MAX_CHARS = 150_000
MAX_FILES = 15
MAX_FILE = 40 * 1024 * 1024
TAIL_PAGES = 25
MILLION = 1_000_000


class Sender:
    """Replies and notes of one account."""

    def __init__(self, client: ChatwootClient, speaker: Speaker, clock: Clock) -> None:
        self._client = client
        self._speaker = speaker
        self._clock = clock
        self.name = client.name
        self.me = 0

    async def send(self, out: Outgoing, number: int) -> Receipt:
        """Write a reply or a note into a conversation."""
        text = self.text(out)
        if out.kind is OutKind.REPLY:
            await self._check_window(number)
        data: dict[str, Any] = {
            "content": text, "message_type": "outgoing", "private": out.kind is OutKind.NOTE, "echo_id": out.client_id,
            "external_created_at": written_at(out),
        }
        if out.reply_to_ref.isdecimal():
            data["content_attributes"] = {"in_reply_to": int(out.reply_to_ref)}
        path = f"/conversations/{number}/messages"
        if out.uploads:
            body, kind = await self.form(out, data, "attachments[]")
            answer = await self._client.post(path, content=body, kind=kind)
        else:
            answer = await self._client.post(path, json=data)
        return self._receipt(self._made(answer), number)

    async def reconcile(self, out: Outgoing, number: int, first_try_at: int) -> Verdict:
        """Look for a reply or note: by its millionths, else by its text."""
        try:
            found = await self.find(out, number, first_try_at)
        except Gone as error:  # what we may not see cannot be proven absent
            return Unsure(error.title)
        if found is not None:
            return Found(self._receipt(found, number))
        if self._clock.now() - first_try_at < LAG_S * SECOND:
            return Unsure("Chatwoot may still be working on it")
        return Absent()

    async def find(self, out: Outgoing, number: int, first_try_at: int) -> Word | None:
        """Our own message in a conversation that is this one."""
        since = self._client.there(first_try_at) - LOOK_BACK
        pages = 1
        words, bad, whole = await self._client.tail(number, 0, pages)
        if not (words or bad) and out.kind in (OutKind.REPLY, OutKind.NOTE):
            raise nothing_shown(self.name, f"messages in conversation {number}")
        while not whole and pages < TAIL_PAGES and (instant(words[0].created_at) or 0) >= since:
            pages = min(pages * 3, TAIL_PAGES)
            words, _, whole = await self._client.tail(number, 0, pages)
        wanted = Direction.OUT if out.kind is OutKind.REPLY else Direction.NOTE
        recent = [
            word for word in words
            if (instant(word.created_at) or 0) >= since and heard(word)[0] is wanted
            and word.sender is not None and word.sender.type in ("user", "") and word.sender.id == self.me
        ]
        for word in recent:
            if key_of(word) == key(out.client_id):
                return word
        return next((w for w in recent if key_of(w) is None and self._same(out, w)), None)

    def text(self, out: Outgoing) -> str:
        """The text as it has to be written for Chatwoot; Rejected when there is none or it cannot be."""
        if not out.text.strip() and not out.uploads:
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        text = escaped(out.text)
        if text is None:
            raise Rejected(
                f"{self.name}: Chatwoot would swallow a part of this text", "It holds {% endraw %} between backticks",
                "Put it outside the backticks",
            )
        if len(text) > MAX_CHARS:
            raise TooLong(
                f"{self.name}: the text is too long", f"{len(text)} characters, Chatwoot takes {MAX_CHARS}",
                "Shorten it",
            )
        return text

    async def _check_window(self, number: int) -> None:
        talk = await self._client.talk(number)
        if not talk.can_reply:
            raise WindowClosed(
                f"{self.name}: the channel takes no answer in conversation {number}",
                self._speaker.conversation(talk).locked_reason, "Send a template from Chatwoot, or a note",
            )

    def _same(self, out: Outgoing, word: Word) -> bool:
        if out.text.strip():
            return same_text(out.text, word.content)
        return not word.content and len(word.attachments) == len(out.uploads)

    def _made(self, answer: Answer) -> Word:
        """The message that an answer says was made."""
        try:
            return one(msgspec.json.decode(answer.body), Word)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self.unconfirmed(answer) from error

    def unconfirmed(self, answer: Answer) -> Ambiguous:
        """Chatwoot took it, it seems, and did not say what it made of it."""
        return Ambiguous(
            f"{self.name}: Chatwoot did not confirm it", f"HTTP {answer.status}, without the new message",
            "It is being looked for in the conversation",
        )

    def _receipt(self, word: Word, number: int) -> Receipt:
        return Receipt(
            ref=str(word.id), url=f"{self._speaker.talk_url(number)}?messageId={word.id}",
            created_at=instant(word.created_at),
        )

    async def form(self, out: Outgoing, data: dict[str, Any], files: str) -> tuple[bytes, str]:
        """What is to be written and its files, which lie under the name ``files``, as a form."""
        if len(out.uploads) > MAX_FILES:
            raise Rejected(f"{self.name}: {len(out.uploads)} files are too many", remedy=f"Send at most {MAX_FILES}")
        parts = [FormPart(field, text.encode("utf-8", "replace"))
                 for name, value in data.items() for field, text in _fields(name, value)]
        for upload in out.uploads:
            part = file_part(files, upload, await contents(upload, self.name))
            parts.append(part._replace(name=quote(upload.name, safe=" !#$&+-.^_`|~()[]{}=@,;'")))
        return as_form(parts)


def key(client_id: str) -> int:
    """The millionths of a second that stand for a client id; never zero."""
    return int.from_bytes(hashlib.sha256(client_id.encode()).digest()[:8]) % (MILLION - 1) + 1


def key_of(word: Word) -> int | None:
    """The millionths that a message carries; None for one without a time of its own."""
    value = word.more.get("external_created_at")
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except ValueError:
        return None
    return round(number % 1 * MILLION) or None


def written_at(out: Outgoing) -> float:
    """When it was written, in seconds, with the millionths that stand for its client id."""
    return round(out.created_at // SECOND + key(out.client_id) / MILLION, 6)


def _fields(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [field for inner, item in value.items() for field in _fields(f"{name}[{inner}]", item)]
    if isinstance(value, bool):
        return [(name, "true" if value else "false")]
    return [(name, str(value))]
