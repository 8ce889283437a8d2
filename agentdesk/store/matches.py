"""Who may be the same person: what identities have in common, found by keys, told as offers; never acted upon here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from agentdesk.model.clock import Millis
from agentdesk.model.customer import Customer, Identity, Offer, Profile
from agentdesk.model.words import fold, tokens
from agentdesk.store import customers
from agentdesk.store.codec import unpack
from agentdesk.store.db import Db
from agentdesk.store.sqlite_errors import reading

CROWD = 4
"""What more customers than this have in common says nothing about any two of them."""
KEYS = 24
"""So many keys of one customer are looked up."""
LONG_ENOUGH = 5
"""A handle as long as this says something by itself; a shorter one only together with the same name."""
COMMON = frozenset({"admin", "contact", "customer", "hello", "info", "mail", "news", "office", "official", "service",
                    "support", "team", "test", "user", "webmaster"})
"""Handles that many have."""
_MAIL = re.compile(r"[^\s@]{1,64}@[^\s@]+\.[^\s@.]{2,}")
_WEIGHTS = {"page": 3, "mail": 2, "tel": 2, "name": 1}
_WORDS = {"page": "same proven page", "mail": "same mail", "tel": "same telephone", "name": "same handle"}


def keys(profile: Profile) -> tuple[str, ...]:
    """What this identity may have in common with another of the same person."""
    found: list[str] = []
    for contact in profile.contacts:
        if _MAIL.fullmatch(contact):
            found.append(f"mail:{fold(contact)}")
        elif len(digits := re.sub(r"\D", "", contact)) >= 8 and "@" not in contact:
            found.append(f"tel:{digits.lstrip('0')}")
    pages = [*profile.links, *([profile.url] if profile.url else [])]
    if profile.verified == "domain" and "@" not in profile.handle.removeprefix("@"):
        pages.append(profile.handle.removeprefix("@"))
    found += [f"page:{page}" for page in map(_page, pages) if page]
    name = _local(profile.handle)
    if len(name) >= 3 and name not in COMMON:
        found.append(f"name:{name}")
    return tuple(dict.fromkeys(found))


def _page(address: str) -> str:
    """An address as it is compared: host and path, without what does not change where it leads."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    if parts.username is not None:
        return ""
    return host + parts.path.rstrip("/") if "." in host else ""


def _local(handle: str) -> str:
    """The part of a handle that a person chooses: ``jane`` of ``@jane@social.example`` and of ``jane.sky.example``."""
    first, at, _ = handle.lstrip("@").partition("@")
    return fold(first if at else first.partition(".")[0])


def remember(db: Db, source: str, profiles: Iterable[Profile]) -> None:
    """Note the keys of identities; what is not true any more is left and seen through when it is looked up."""
    db.many("INSERT OR IGNORE INTO identity_key (key, source, ref) VALUES (?, ?, ?)",
            [(key, source, profile.ref) for profile in profiles for key in keys(profile)])


def offers(db: Db, customer_id: int, limit: int = 3) -> list[Offer]:
    """Customers who may be the same person, the weightiest first; those whom a person said no to are left out."""
    person = customers.get(db, customer_id)
    mine = _mine(person)
    found: dict[int, tuple[int, list[str]]] = {}
    for key, own in list(mine.items())[:KEYS]:
        for other, theirs in _holders(db, key, customer_id):
            kind = key.partition(":")[0]
            if kind == "name" and not _worth_telling(key, own, theirs):
                continue
            weight, why = found.get(other, (0, []))
            words = _WORDS[kind]
            found[other] = max(weight, _WEIGHTS[kind]), why if words in why else [*why, words]
    told: list[Offer] = []
    for other, (weight, why) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        them = customers.get(db, other)
        if not apart(db, person.identities, them.identities):
            told.append(Offer(customer_id=other, name=them.name, identities=them.identities, why=", ".join(why),
                              weight=weight))
        if len(told) == limit:
            break
    return told


def _mine(person: Customer) -> dict[str, Identity]:
    """The keys of a customer with an identity that has each, the weightiest first."""
    found = {key: identity for identity in person.identities for key in keys(identity.profile)}
    return dict(sorted(found.items(), key=lambda item: -_WEIGHTS[item[0].partition(":")[0]]))


def _holders(db: Db, key: str, customer_id: int) -> list[tuple[int, Identity]]:
    """The other customers who have a key now; none when it is a crowd."""
    rows = db.rows("SELECT i.customer_id, i.source, i.profile, i.seen_at FROM identity_key AS k JOIN identity AS i "
                   "ON i.source = k.source AND i.ref = k.ref WHERE k.key = ? AND i.customer_id <> ? LIMIT ?", key,
                   customer_id, 4 * CROWD)
    with reading(db.path):
        held = [(other, Identity(source=source, profile=unpack(profile, Profile), seen_at=seen_at))
                for other, source, profile, seen_at in rows]
    held = [(other, identity) for other, identity in held if key in keys(identity.profile)]
    return held if len({other for other, _ in held}) <= CROWD and len(rows) < 4 * CROWD else []


def _worth_telling(key: str, own: Identity, theirs: Identity) -> bool:
    """A handle counts on another network only, and a short one only with the same name beside it."""
    if own.source == theirs.source:
        return False
    name = tokens(own.profile.name)
    return len(key) >= len("name:") + LONG_ENOUGH or (bool(name) and name == tokens(theirs.profile.name))


# what a person said no to ---------------------------------------------------------------------------------------------


def part(db: Db, ones: Sequence[Identity], others: Sequence[Identity], agent: str, now: Millis) -> None:
    """Remember that these are different persons: they are not offered again."""
    pairs = [(a.source, a.profile.ref, b.source, b.profile.ref) for a in ones for b in others]
    pairs += [(c, d, a, b) for a, b, c, d in pairs]
    db.many("INSERT OR IGNORE INTO stranger (source, ref, other_source, other_ref, agent, at) "
            "VALUES (?, ?, ?, ?, ?, ?)", [(*pair, agent, now) for pair in pairs])


def rejoin(db: Db, ones: Sequence[Identity], others: Sequence[Identity]) -> None:
    """Forget that these are different persons."""
    for a in ones:
        for b in others:
            for c, d in ((a, b), (b, a)):
                db.run("DELETE FROM stranger WHERE source = ? AND ref = ? AND other_source = ? AND other_ref = ?",
                       c.source, c.profile.ref, d.source, d.profile.ref)


def apart(db: Db, ones: Sequence[Identity], others: Sequence[Identity]) -> bool:
    """True when a person said that any two of these are different persons."""
    theirs = {(b.source, b.profile.ref) for b in others}
    for a in ones:
        told = db.rows("SELECT other_source, other_ref FROM stranger WHERE source = ? AND ref = ?", a.source,
                       a.profile.ref)
        if theirs.intersection((source, ref) for source, ref in told):
            return True
    return False
