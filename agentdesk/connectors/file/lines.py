"""The lines of post files: JSON Lines and CSV decoded into messages, each bad line set aside with its number."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import pairwise
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from agentdesk.config.sources import FileSource
from agentdesk.config.words import did_you_mean
from agentdesk.connectors.answers import decode
from agentdesk.connectors.foreign import ref, reject, text_and_raw, web_url
from agentdesk.errors import BadAnswer, ConfigError
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.page import Page, Reject
from agentdesk.model.text import inert_line

ENCODED = "say how the file is encoded: encoding: in the configuration, --encoding for an import"
_LATEST = 7_258_118_400_000
"""The year 2200: times beyond it are mistakes."""
_SAYS_IN = {"in": Direction.IN, "inbound": Direction.IN, "incoming": Direction.IN, "true": Direction.IN}
_SAYS_OUT = {"out": Direction.OUT, "outbound": Direction.OUT, "outgoing": Direction.OUT, "false": Direction.OUT}
_UNREADABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError, BadAnswer, csv.Error)
_DIRECTIONS = {**_SAYS_IN, **_SAYS_OUT, "note": Direction.NOTE}


class FilePart(msgspec.Struct):
    """An attachment of a post."""

    name: str = ""
    url: str = ""
    mime: str = ""
    size: int | None = None
    alt: str = ""


class Post(msgspec.Struct):
    """One line: a post, comment, mail or note."""

    id: Annotated[str | int, Meta(description="Stable id, unique in the source")]
    author: Annotated[str | int, Meta(description="Stable id or handle of who wrote it")]
    text: Annotated[str, Meta(description="What was written, as plain text")]
    created_at: Annotated[
        str | int | float, Meta(description="When: ISO 8601, or seconds or milliseconds since 1970 UTC")
    ]
    conversation: Annotated[
        str | int | None, Meta(description="Id of the thread; left out: in_reply_to, else the post's own id")
    ] = None
    author_name: Annotated[str | None, Meta(description="Name to show")] = None
    handle: Annotated[str | None, Meta(description="What people type to address the author")] = None
    in_reply_to: Annotated[str | int | None, Meta(description="Id of the post that this one answers")] = None
    direction: Annotated[
        str | None, Meta(description="in (from a customer), out (from us) or note (among us); left out: by the author")
    ] = None
    customer: Annotated[str | int | None, Meta(description="Id of the customer whose thread it is")] = None
    subject: Annotated[str | None, Meta(description="Subject of the thread")] = None
    url: Annotated[str | None, Meta(description="Where it can be seen")] = None
    followers: Annotated[int | None, Meta(description="How many follow the author")] = None
    visibility: Annotated[str | None, Meta(description="public, unlisted, followers, direct or internal")] = None
    attachments: Annotated[
        list[str | FilePart] | None, Meta(description="File names, or objects with name, url, mime, size, alt")
    ] = None
    tags: Annotated[list[str] | None, Meta(description="Tags of the thread")] = None
    lang: Annotated[str | None, Meta(description="Language code")] = None
    kind: Annotated[str | None, Meta(description="mention, comment, reply, dm, review, post or ticket")] = None
    rating: Annotated[int | None, Meta(description="Stars from 1 to 5, for reviews")] = None
    edited_at: Annotated[str | int | float | None, Meta(description="When its author last changed it")] = None
    deleted: Annotated[bool | None, Meta(description="True when its author removed it")] = None
    status: Annotated[str | None, Meta(description="The thread's status in the words of where it comes from")] = None
    closed: Annotated[bool | None, Meta(description="True when the thread is done")] = None
    priority: Annotated[str | int | None, Meta(description="The thread's priority")] = None
    assignee: Annotated[str | None, Meta(description="The agent who has the thread")] = None
    client_id: Annotated[str | None, Meta(description="Our own id of a reply; agentdesk writes it")] = None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line, for people who write such files."""
    return msgspec.json.schema(Post)


class Lines:
    """Decodes raw lines of one source into messages, by its format, encoding, columns and zone."""

    def __init__(self, config: FileSource) -> None:
        self._ours = frozenset(config.ours)
        self._zone = UTC if config.zone in ("", "UTC") else ZoneInfo(config.zone)
        self._encoding = _line_encoding(config)
        self._columns = config.columns
        self._delimiter = config.delimiter
        self._decoder = msgspec.json.Decoder(Post)

    def header(self, line: bytes) -> Header:
        """Read a CSV file's first line."""
        text = self._text(line).removeprefix("\ufeff").rstrip("\r\n")
        delimiter = self._delimiter or max(",;\t|", key=text.count)
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
        for field in self._columns:
            if field not in Post.__struct_fields__:
                raise ValueError(f'no field is called "{field}"{did_you_mean(field, Post.__struct_fields__)}')
        wanted = {**{name: name for name in Post.__struct_fields__ if name in names}, **self._columns}
        if missing := [column for column in wanted.values() if column not in names]:
            raise ValueError(f"no column named {missing[0]}; there are {', '.join(names)}")
        if lacking := [field for field in ("id", "author", "text", "created_at") if field not in wanted]:
            raise ValueError(f"no column for {' and '.join(lacking)}; there are {', '.join(names)}")
        return Header(delimiter=delimiter, fields={names.index(column): field for field, column in wanted.items()})

    def page(self, lines: list[tuple[int, bytes]], where: str, header: Header | None = None) -> Page:
        """Decode numbered lines into one page: messages, threads and authors, bad lines set aside."""
        found = _Found()
        for number, line in lines:
            try:
                post = self._post(line, header, where, number)
                if post is not None:
                    found.add(post, self._message(post), self._ours)
            except _UNREADABLE as error:
                found.rejects.append(reject(f"{where} line {number}", _reason(error), line))
        return found.page()

    def _post(self, line: bytes, header: Header | None, where: str, number: int) -> Post | None:
        if not line.strip():
            return None
        if header is not None:
            return self._row(line, header)
        if self._encoding:
            line = self._text(line).encode()
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, RecursionError, ValueError):
            data = decode(line.removeprefix(b"\xef\xbb\xbf"), f"{where} line {number}")
            return msgspec.convert(data, Post, strict=False)

    def _row(self, line: bytes, header: Header) -> Post:
        cells = next(csv.reader([self._text(line).rstrip("\r\n")], delimiter=header.delimiter, strict=True), [])
        data: dict[str, Any] = {}
        for index, field in header.fields.items():
            if index < len(cells) and cells[index] != "":
                data[field] = _listed(cells[index]) if field in ("tags", "attachments") else cells[index]
        data.setdefault("text", "")
        if "id" not in data:
            raise ValueError("no id")
        return msgspec.convert(data, Post, strict=False)

    def _text(self, line: bytes) -> str:
        try:
            return line.decode(self._encoding or "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"not {self._encoding or 'UTF-8'} at byte {error.start + 1}") from error

    def _message(self, post: Post) -> Message:
        own = ref(post.id)
        parent = ref(post.in_reply_to) if post.in_reply_to not in (None, "") else ""
        thread = ref(post.conversation) if post.conversation not in (None, "") else (parent or own)
        author = ref(post.author)
        direction = self._direction(post.direction, author)
        text, raw = text_and_raw(post.text)
        usual = Visibility.INTERNAL if direction is Direction.NOTE else Visibility.PUBLIC
        return Message(
            ref=own,
            conversation_ref=thread,
            author=Author(
                ref=author, name=inert_line(post.author_name or author), handle=inert_line(post.handle or author)
            ),
            direction=direction,
            text=text,
            created_at=self._instant(post.created_at),
            kind=Kind(post.kind) if post.kind else Kind.POST,
            visibility=Visibility(post.visibility) if post.visibility else usual,
            parent_ref=parent,
            raw=raw,
            edited_at=None if post.edited_at is None else self._instant(post.edited_at),
            deleted=bool(post.deleted),
            attachments=tuple(_attachment(part) for part in post.attachments or ()),
            url=web_url(post.url) if post.url else "",
            lang=str(inert_line(post.lang, limit=20)) if post.lang else "",
            rating=post.rating,
            client_id=ref(post.client_id) if post.client_id else "",
        )

    def _direction(self, said: str | None, author: str) -> Direction:
        if not said:
            return Direction.OUT if author in self._ours else Direction.IN
        direction = _DIRECTIONS.get(said.strip().lower())
        if direction is None:
            raise ValueError(f"direction is {said!r}; it may be in, out or note")
        return direction

    def _instant(self, value: str | int | float) -> int:
        if isinstance(value, str):
            return _checked(self._parsed(value.strip()))
        return _checked(int(value if abs(value) >= 100_000_000_000 else value * 1_000))

    def _parsed(self, value: str) -> int:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return self._other_time(value)
        return int((at if at.tzinfo else at.replace(tzinfo=self._zone)).timestamp() * 1_000)

    def _other_time(self, value: str) -> int:
        """Times as numbers in text, as mail writes them, or as Twitter did."""
        try:
            number = float(value)
        except ValueError:
            pass
        else:
            return int(number if abs(number) >= 100_000_000_000 else number * 1_000)
        for parse in (parsedate_to_datetime, lambda text: datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")):
            try:
                at = parse(value)
            except (ValueError, TypeError, IndexError):
                continue
            return int((at if at.tzinfo else at.replace(tzinfo=self._zone)).timestamp() * 1_000)
        raise ValueError(f"created_at {value[:60]!r} is no time; use 2026-01-31T09:30:00Z or seconds since 1970")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A CSV file's columns: position, then our field's name."""

    delimiter: str
    fields: dict[int, str]


class _Found:
    """Collects one page."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.rejects: list[Reject] = []
        self._threads: dict[str, dict[str, Any]] = {}
        self._profiles: dict[str, Profile] = {}

    def add(self, post: Post, message: Message, ours: frozenset[str]) -> None:
        """Take in a message and what its line says about its thread and author."""
        self.messages.append(message)
        thread = self._threads.setdefault(message.conversation_ref, {})
        inbound = message.direction is Direction.IN
        if post.customer not in (None, ""):
            thread["customer_ref"] = ref(post.customer)
        elif inbound:
            thread.setdefault("customer_ref", message.author.ref)
        if post.subject:
            thread["subject"] = inert_line(post.subject)
        if message.url:
            thread.setdefault("url", message.url)
        if post.tags is not None:
            thread["tags"] = tuple(inert_line(tag, limit=60) for tag in post.tags if tag.strip())
        if post.closed is not None:
            thread["closed"] = post.closed
        for name, value in (("status", post.status), ("assignee", post.assignee), ("priority", post.priority)):
            if value is not None:
                thread[name] = str(inert_line(str(value), limit=100))
        if inbound and message.author.ref not in ours:
            self._profiles[message.author.ref] = Profile(
                ref=message.author.ref, handle=message.author.handle, name=message.author.name, followers=post.followers
            )

    def page(self) -> Page:
        """What was found, oldest first."""
        times = [message.created_at for message in self.messages]
        if any(later < earlier for earlier, later in pairwise(times)):
            self.messages.sort(key=lambda message: message.created_at)
        return Page(
            messages=tuple(self.messages),
            conversations=tuple(RemoteConversation(ref=key, **facts) for key, facts in self._threads.items()),
            profiles=tuple(self._profiles.values()),
            rejects=tuple(self.rejects),
        )


def _line_encoding(config: FileSource) -> str:
    """The encoding to translate from; empty for UTF-8, which is read as it is."""
    try:
        if "\n".encode(config.encoding) != b"\n" and config.encoding.lower() not in ("utf-8-sig", "utf_8_sig"):
            raise LookupError(config.encoding)
    except LookupError as error:
        raise ConfigError(
            f"{config.full_name}: encoding: {config.encoding} cannot be read line by line",
            remedy="Convert the file to UTF-8",
        ) from error
    plain = config.encoding.lower().replace("_", "-")
    return "" if plain in ("utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii") else config.encoding


def _checked(instant: int) -> int:
    if not 0 <= instant < _LATEST:
        raise ValueError("a time before 1970 or after 2200")
    return instant


def _listed(cell: str) -> list[str]:
    """A cell with several values: separated by commas, semicolons or bars."""
    for sign in ("|", ";"):
        cell = cell.replace(sign, ",")
    return [part.strip() for part in cell.split(",") if part.strip()]


def _attachment(part: str | FilePart) -> Attachment:
    if isinstance(part, str):
        name = part.rsplit("/", 1)[-1] or part
        return Attachment(name=inert_line(name, limit=200), url=web_url(part))
    return Attachment(
        name=inert_line(part.name or part.url.rsplit("/", 1)[-1] or "file", limit=200),
        mime=str(inert_line(part.mime, limit=100)),
        size=part.size, url=web_url(part.url), alt=inert_line(part.alt, limit=1_000),
    )


def _reason(error: Exception) -> str:
    behind = error.__cause__
    if isinstance(behind, UnicodeDecodeError):
        return f"{error.cause if isinstance(error, BadAnswer) else error}; {ENCODED}"
    if isinstance(behind, json.JSONDecodeError):
        return f"not JSON from column {behind.colno} on: {behind.msg}"
    return error.cause if isinstance(error, BadAnswer) else str(error)
