"""The demo's handwritten content: people, conversations, answers and what happens later, read from the folder data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from agentdesk.config import yaml
from agentdesk.errors import ConfigError
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis

FOLDER = Path(__file__).parent / "data"
PLACES = ("mastodon", "bluesky", "helpdesk")
"""The demo's three sources, without the ``demo:`` before them."""

_PARTS = re.compile(r"(\d+)(d|h|m|s)")
_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
T = TypeVar("T")


def length(text: str) -> Millis:
    """Read a length of time such as ``3d4h``, ``12m40s`` or ``-22m``."""
    parts = _PARTS.findall(text)
    if "".join(number + unit for number, unit in parts) != text.removeprefix("-"):
        raise ConfigError(f"«{text}» is no length of time", "The demo's content is damaged", "Install agentdesk again")
    total = sum(int(number) * _UNITS[unit] for number, unit in parts)
    return -total if text.startswith("-") else total


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of the story as it is written in the files."""


class Home(Part, frozen=True, kw_only=True):
    """How a person is known on one source."""

    handle: str = ""
    name: str = ""
    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    bio: str = ""
    verified: Literal["none", "paid", "domain", "org", "legacy"] = "none"
    bot: bool = False
    mail: str = ""
    phone: str = ""


class Person(Part, frozen=True, kw_only=True):
    """Somebody who writes to the parcel company."""

    name: str
    on: dict[str, Home]
    lang: str = "en"
    since: str = "365d"
    same: bool = False
    """True when the desk knows already that all these identities are one person."""
    vip: bool = False
    note: str = ""
    tags: tuple[str, ...] = ()


class Post(Part, frozen=True, kw_only=True):
    """One message; ``by`` is empty for the customer and otherwise a colleague."""

    text: str
    ago: str = "0s"
    by: Literal["", "sam", "noor"] = ""
    note: bool = False
    lang: str = ""
    files: tuple[str, ...] = ()
    """Such as ``photo.jpg 412 kB | An empty doorstep``."""
    edited: str = ""
    deleted: bool = False
    direct: bool = False
    indirect: bool = False


Answer: TypeAlias = str | Post
"""What a customer says next; plain text for a message without anything special."""


class Promised(Part, frozen=True, kw_only=True):
    """Something the desk promised: by when, and what."""

    by: str
    words: str


class Talk(Part, frozen=True, kw_only=True):
    """A conversation as it stands, or as it begins."""

    id: str
    who: str
    topic: str
    posts: tuple[Post, ...]
    source: str = ""
    subject: str = ""
    queue: str = ""
    status: str = "new"
    assignee: str = ""
    priority: str = "normal"
    tags: tuple[str, ...] = ()
    due: dict[Literal["first", "next", "resolution"], str] = {}
    """Due times of the help desk, counted from the first start."""
    fields: dict[str, str] = {}
    closed: bool = False
    locked: str = ""
    answers: tuple[Answer, ...] = ()
    """What the customer says to our replies, in order."""
    dm_answers: tuple[Answer, ...] = ()
    """The same for replies in private."""
    snoozed: str = ""
    promised: Promised | None = None
    incident: str = ""


class Event(Part, frozen=True, kw_only=True):
    """Something that happens while the desk is open."""

    id: str
    start: Talk | None = None
    """A conversation that begins."""
    talk: str = ""
    """The conversation in which everything below happens."""
    say: Post | None = None
    """The customer writes again, or a colleague answers."""
    edit: str = ""
    """The customer's last message now says this."""
    delete: bool = False
    """The customer takes the last message back."""
    claim: Literal["", "sam", "noor"] = ""
    status: str = ""
    always: bool = False
    """True to let it happen even when the conversation was answered meanwhile."""
    after: str = "0s"
    """For a step of ``then``: how long after the step before."""
    then: tuple[Event, ...] = ()


class Filler(Part, frozen=True, kw_only=True):
    """A post that can come many times: its slots are filled from the lists in the same file."""

    source: str
    topic: str
    text: str
    subject: str = ""
    lang: str = "en"
    answers: tuple[str, ...] = ()


class Outage(Part, frozen=True, kw_only=True):
    """What the desk is told while a source is out."""

    source: str
    title: str
    cause: str
    remedy: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the files say."""

    people: dict[str, Person]
    talks: dict[str, Talk]
    opening: tuple[Event, ...]
    """What happens first, in this order."""
    events: tuple[Event, ...]
    """What happens afterwards, in an order that the seed decides."""
    answers: dict[str, dict[str, tuple[str, ...]]]
    """By topic and language, for customers who have no words of their own left."""
    fillers: tuple[Filler, ...]
    slots: dict[str, tuple[str, ...]]
    passers: tuple[str, ...]
    """Names of people who come by once the written story has been told."""
    outages: tuple[Outage, ...]
    limits: tuple[Outage, ...]
    """The words for «too many requests»."""
    tickets: tuple[tuple[Event, ...], ...] = ()
    """What colleagues do with a ticket that the desk opens, one list of steps for each story."""

    def steps(self) -> dict[str, Event]:
        """Every event by id, the steps of ``then`` as ``id/1``, ``id/2``."""
        found: dict[str, Event] = {}
        for event in (*self.opening, *self.events):
            found[event.id] = event
            found |= {f"{event.id}/{place}": step for place, step in enumerate(event.then, 1)}
        return found


def load(folder: Path = FOLDER) -> Content:
    """Read the whole content; ConfigError when a file is damaged."""
    people = _read(folder, "people", dict[str, Person], "people")
    talks: dict[str, Talk] = {}
    for name in ("history", *PLACES, "depot_north"):
        plain = _plain(folder, name)
        for talk in _convert(plain["talks"], tuple[Talk, ...], name):
            talks[talk.id] = msgspec.structs.replace(
                talk, source=talk.source or plain["source"], incident=plain.get("incident", ""))
    later = _plain(folder, "later")
    fillers = _plain(folder, "fillers")
    return Content(
        people=people, talks=talks,
        opening=_convert(later["opening"], tuple[Event, ...], "later"),
        events=_convert(later["events"], tuple[Event, ...], "later"),
        answers=_read(folder, "answers", dict[str, dict[str, tuple[str, ...]]], "answers"),
        fillers=_convert(fillers["fillers"], tuple[Filler, ...], "fillers"),
        slots=_convert(fillers["slots"], dict[str, tuple[str, ...]], "fillers"),
        passers=_convert(fillers["passers"], tuple[str, ...], "fillers"),
        outages=_read(folder, "outages", tuple[Outage, ...], "outages"),
        limits=_read(folder, "outages", tuple[Outage, ...], "limits"),
        tickets=_read(folder, "tickets", tuple[tuple[Event, ...], ...], "tickets"))


def _plain(folder: Path, name: str) -> Any:
    return yaml.read(folder / f"{name}.yaml").plain


def _read(folder: Path, name: str, kind: type[T], key: str) -> T:
    return _convert(_plain(folder, name)[key], kind, name)


def _convert(plain: Any, kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}.yaml cannot be used", str(error), "Install agentdesk again") from error
