"""Teaching a source what is not about us: an exclusion goes into its ``listen:`` entries and counts at once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from agentdesk.config.sources import ListenConfig
from agentdesk.connectors.listening import Ear
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused
from agentdesk.model.message import Direction, Message
from agentdesk.model.text import inert_line
from agentdesk.store import conversations, ledger

if TYPE_CHECKING:
    from agentdesk.config.sources import SourceBase
    from agentdesk.store.db import Db

ACTION = "excluded"
"""How the ledger calls it."""
EVERYTHING = "all"
"""The name of the entry that is made for a source that took everything so far."""
MOST_PHRASES = 4
MOST_CHARS = 200
_WORDS = re.compile(r"[#@]?\w+(?:['’.&-]\w+)*")


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Something of a post that can be left out from now on."""

    words: str = ""
    author: str = ""


def offers(desk: Desk, conversation_id: int) -> tuple[Offer, ...]:
    """What of this conversation can be left out: words around what was listened for, and its author.

    Empty when its source does not listen, or nothing can be kept.
    """
    it = conversations.get(desk.store.reader, conversation_id)
    source, post = _source(desk, it.source), _post(desk, conversation_id)
    if source is None or post is None or desk.config_file is None:
        return ()
    author = str(post.author.handle or post.author.name)
    found = [Offer(words=words) for words in _phrases(source, post)
             if not problem(desk, conversation_id, words=words)][:MOST_PHRASES]
    return (*found, *([Offer(author=author)] if author else []))


def problem(desk: Desk, conversation_id: int, *, words: str = "", author: str = "") -> str:
    """Why this cannot be left out, in words; empty when it can."""
    it = conversations.get(desk.store.reader, conversation_id)
    source, post = _source(desk, it.source), _post(desk, conversation_id)
    if source is None:
        return f"{it.source} listens for nothing"
    given = (words or author).strip()
    if not given or len(given) > MOST_CHARS or inert_line(given) != given:
        return f"One line of at most {MOST_CHARS} characters is needed"
    field = "exclude" if words else "exclude_authors"
    for entry in _entries(source, post):
        ear = Ear(msgspec.structs.replace(entry, **{field: (*getattr(entry, field), given)}))
        if words and any(not ear.fits(f"#{term.text}" if term.kind == "tag" else term.text, "", "")
                         for term in ear.terms):
            return f"That would leave out what «{entry.name}» listens for"
        if post is not None and _hears(ear, post):
            return "That does not stand in this post" if words else "That is not who wrote this post"
    return ""


async def exclude(desk: Desk, conversation_id: int, *, words: str = "", author: str = "") -> str:
    """Leave posts with these words, or by this author, out from now on; it can be undone."""
    it = conversations.get(desk.store.reader, conversation_id)
    if desk.config_file is None:
        raise Refused("Nothing can be left out here", "Exclusions are kept in the configuration, and there is none",
                      "Begin one with agentdesk config init")
    wrong = problem(desk, conversation_id, words=words, author=author)
    source = _source(desk, it.source)
    if wrong or source is None:
        raise Refused("That cannot be left out", wrong, "Take a word or phrase of the post, or its author")
    value, field = (words or author).strip(), "exclude" if words else "exclude_authors"
    names = [entry.name for entry in _entries(source, _post(desk, conversation_id))]
    detail: dict[str, Any] = {"batch": uuid.uuid4().hex, "field": field, "value": value, "entries": [], "listen": names}
    now = desk.now()

    def work(db: Db) -> None:
        _rewrite(desk, it.source, names, field, value, put_in=True)
        ledger.write(db, at=now, agent=desk.agent, action=ACTION, conversation_id=conversation_id, source=it.source,
                     code=value, detail=detail)

    await desk.store.write(work)
    _retune(desk, it.source)
    return f"Posts by {value} are left out from now on" if author else f"Posts with «{value}» are left out from now on"


def take_back(desk: Desk, source: str, detail: dict[str, Any]) -> None:
    """Undo an exclusion that the ledger holds."""
    _rewrite(desk, source, detail["listen"], detail["field"], detail["value"], put_in=False)
    _retune(desk, source)


def _source(desk: Desk, name: str) -> SourceBase | None:
    """The configured source, if its kind can listen."""
    found = next((source for source in desk.config.sources if source.full_name == name), None)
    return found if found is not None and hasattr(found, "listen") else None


def _listen(source: SourceBase) -> tuple[ListenConfig, ...]:
    entries: tuple[ListenConfig, ...] = getattr(source, "listen", ())
    return entries or (ListenConfig(name=EVERYTHING),)


def _entries(source: SourceBase, post: Message | None) -> tuple[ListenConfig, ...]:
    """The entries that hear the post; all of them when none does any more."""
    every = _listen(source)
    return tuple(entry for entry in every if post is not None and _hears(Ear(entry), post)) or every


def _hears(ear: Ear, post: Message) -> bool:
    return ear.fits(post.text, post.lang, str(post.author.handle or post.author.name))


def _post(desk: Desk, conversation_id: int) -> Message | None:
    """The post that was heard: the last one that was not addressed to us, else the customer's last."""
    found = [stored.message for stored in conversations.thread(desk.store.reader, conversation_id)
             if stored.message.direction is Direction.IN and not stored.message.deleted]
    heard = [message for message in found if message.indirect] or found
    return heard[-1] if heard else None


def _phrases(source: SourceBase, post: Message) -> list[str]:
    """What was listened for with the word before or behind it, and the post's other hashtags."""
    words = _WORDS.findall(post.text)[:400]
    found: dict[str, None] = {}
    for entry in _entries(source, post):
        ear = Ear(msgspec.structs.replace(entry, languages=(), exclude=(), exclude_authors=()))
        for at, word in enumerate(words if ear.terms else ()):
            if ear.fits(word, "", ""):
                found |= dict.fromkeys(" ".join(pair) for pair in (words[at : at + 2], words[max(0, at - 1) : at + 1])
                                       if len(pair) > 1)
    return [*found, *(word for word in words if word.startswith("#"))]


def _rewrite(desk: Desk, source: str, names: Sequence[str], field: str, value: str, *, put_in: bool) -> None:
    """Change the file, and the configuration in use."""
    from agentdesk.config.edit import save
    from agentdesk.config.lists import add_item, drop_item
    from agentdesk.config.yaml import parse

    if desk.config_file is None:
        raise Refused("There is no configuration to change", "", "Begin one with agentdesk config init")
    edit: Callable[..., str] = add_item if put_in else drop_item

    def change(text: str) -> str:
        plain = parse(text, "config.yaml").plain or {}
        blocks: list[dict[str, Any]] = plain.get("sources") or []
        at = next((at for at, told in enumerate(blocks) if f"{told.get('kind')}:{told.get('name')}" == source), -1)
        if at < 0:
            raise Refused(f"{source} is not in the configuration any more", "", "Start agentdesk again")
        known = [str(entry.get("name")) for entry in blocks[at].get("listen") or []]
        if not known and put_in:
            return add_item(text, ("sources", at, "listen"), {"name": EVERYTHING, field: [value]})
        for name in names:
            if name in known:
                text = edit(text, ("sources", at, "listen", known.index(name), field), value)
        return text

    fresh = save(desk.config_file, change)
    now = next((one for one in fresh.sources if one.full_name == source), None)
    if now is not None:
        kept = tuple(now if one.full_name == source else one for one in desk.config.sources)
        desk.config = msgspec.structs.replace(desk.config, sources=kept)


def _retune(desk: Desk, name: str) -> None:
    """Let the running connector hear by what the configuration says now."""
    source, connector = _source(desk, name), desk.connectors.get(name)
    if source is not None and connector is not None:
        connector.hear(getattr(source, "listen", ()))
