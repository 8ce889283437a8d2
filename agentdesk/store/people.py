"""The persons on a page: every new identity makes a new customer; putting them together is a person's word."""

from __future__ import annotations

from collections.abc import Iterable

from agentdesk.model.clock import Millis
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author
from agentdesk.model.text import Inert, inert_line
from agentdesk.store import matches
from agentdesk.store.codec import pack
from agentdesk.store.db import Db

UNKNOWN = "?"
"""Begins the ref of a person whom the source has not named yet; the conversation's ref follows."""


class People:
    """The identities of one source that a page is about."""

    def __init__(self, db: Db, source: str, now: Millis) -> None:
        self._db = db
        self._source = source
        self._now = now
        self._customers: dict[str, int] = {}
        self._names: dict[str, Inert] = {}
        self.renamed: dict[int, Inert] = {}
        """Customers whose name changed, with the new one."""

    def bring_in(self, profiles: Iterable[Profile], authors: Iterable[Author], refs: Iterable[str]) -> None:
        """Store everybody; a full profile counts more than an author line, that more than a bare ref."""
        told: dict[str, Profile] = {ref: Profile(ref=ref) for ref in refs if ref}
        for author in authors:
            if author.ref and not (author.ref in told and told[author.ref].name):
                told[author.ref] = Profile(ref=author.ref, handle=author.handle, name=author.name)
        full = {profile.ref: profile for profile in profiles}
        told |= full
        fresh = self._load(told, full)
        if fresh:
            self._create(fresh)
        matches.remember(self._db, self._source, [*fresh, *full.values()])

    def customer(self, ref: str) -> int:
        """The customer behind an identity that was brought in."""
        return self._customers[ref]

    def name(self, ref: str) -> Inert:
        """How an identity is called in the queue."""
        return self._names[ref]

    def knows(self, ref: str) -> bool:
        """True when the identity was brought in."""
        return ref in self._customers

    def forget(self, ref: str, customer_id: int) -> None:
        """Remove the stand-in for a person who has a name now."""
        self._db.run("DELETE FROM identity WHERE source = ? AND ref = ? AND customer_id = ?", self._source, ref,
                     customer_id)
        self._db.run("DELETE FROM customer WHERE id = ?1 AND note = '' "
                     "AND NOT EXISTS (SELECT 1 FROM identity WHERE customer_id = ?1) "
                     "AND NOT EXISTS (SELECT 1 FROM conversation WHERE customer_id = ?1)", customer_id)

    def _load(self, told: dict[str, Profile], full: dict[str, Profile]) -> list[Profile]:
        """Take up what is stored, bring it up to date, and return who is new."""
        held = {ref: (customer_id, handle, name) for ref, customer_id, handle, name in self._db.rows(
            "SELECT i.ref, i.customer_id, i.handle, i.name FROM json_each(?) AS w CROSS JOIN identity AS i "
            "ON i.source = ? AND i.ref = w.value", pack(list(told)), self._source)}
        fresh: list[Profile] = []
        for ref, profile in told.items():
            if ref not in held:
                fresh.append(profile)
                continue
            customer_id, handle, name = held[ref]
            self._customers[ref] = customer_id
            if ref in full:
                self._update(profile)
            elif (profile.name and profile.name != name) or (profile.handle and profile.handle != handle):
                self._db.run("UPDATE identity SET handle = ?, name = ?, seen_at = ? WHERE source = ? AND ref = ?",
                             profile.handle or handle, profile.name or name, self._now, self._source, ref)
            self._names[ref] = called(profile.name or name, profile.handle or handle, ref)
            if self._names[ref] != called(name, handle, ref):
                self._rename(customer_id, called(name, handle, ref), self._names[ref])
        return fresh

    def _update(self, profile: Profile) -> None:
        self._db.run("UPDATE identity SET handle = ?, name = ?, followers = ?, profile = ?, seen_at = ? "
                     "WHERE source = ? AND ref = ?", profile.handle, profile.name, profile.followers, pack(profile),
                     self._now, self._source, profile.ref)

    def _rename(self, customer_id: int, old: Inert, new: Inert) -> None:
        """The customer is called as the identity was: the new name is theirs too."""
        if self._db.run("UPDATE customer SET name = ? WHERE id = ? AND name = ?", new, customer_id, old):
            self.renamed[customer_id] = new

    def _create(self, fresh: list[Profile]) -> None:
        number = int(self._db.value("SELECT max(id) FROM customer") or 0)
        customers, identities = [], []
        for profile in fresh:
            number += 1
            name = called(profile.name, profile.handle, profile.ref)
            self._customers[profile.ref], self._names[profile.ref] = number, name
            customers.append((number, name, self._now))
            identities.append((self._source, profile.ref, number, profile.handle, profile.name, profile.followers,
                               pack(profile), self._now))
        self._db.many("INSERT INTO customer (id, name, first_seen_at) VALUES (?, ?, ?)", customers)
        self._db.many("INSERT INTO identity VALUES (?, ?, ?, ?, ?, ?, ?, ?)", identities)


def called(name: str, handle: str, ref: str) -> Inert:
    """How a person is called: display name, else handle, else the ref."""
    return inert_line(name or handle or ("unknown" if ref.startswith(UNKNOWN) else ref))
