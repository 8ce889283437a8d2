"""Putting the demo's content on its servers: the world as it stands at first, and each thing that happens later."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from agentdesk.connectors.demo.content import Content, Event, Person, Post, Talk, length
from agentdesk.connectors.demo.server import Server
from agentdesk.connectors.demo.shelf import attachment
from agentdesk.connectors.foreign import text_and_raw
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import ClockKind, RemoteConversation, ServerDue
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Kind, Message, Visibility
from agentdesk.model.text import inert_line

ACCOUNTS = {
    "mastodon": Author(ref="harbourpost", name=inert_line("Harbour Post"),
                       handle=inert_line("@harbourpost@social.example")),
    "bluesky": Author(ref="did:demo:harbourpost", name=inert_line("Harbour Post"),
                      handle=inert_line("harbourpost.example")),
    "helpdesk": Author(ref="us", name=inert_line("Harbour Post"), handle=inert_line("care@harbourpost.example")),
}
"""Who we are on each source."""
COLLEAGUES = {"sam": "Sam", "noor": "Noor"}
_SITES = {"mastodon": "https://social.example/@harbourpost/", "bluesky": "https://sky.example/post/",
          "helpdesk": "https://help.harbourpost.example/ticket/"}


def person_ref(place: str, key: str) -> str:
    """The stable id of a person on a source."""
    return {"mastodon": key, "bluesky": f"did:demo:{key}", "helpdesk": f"person-{key}"}[place]


class Stage:
    """The servers, and how the content gets onto them."""

    def __init__(self, content: Content, servers: Mapping[str, Server]) -> None:
        self.content = content
        self.servers = servers

    def build(self, start: Millis) -> None:
        """Set everything up as it stands at ``start``: first what is history, then the present, oldest first."""
        for key, person in self.content.people.items():
            for place in person.on:
                self.servers[place].add_profile(profile(place, key, person, start))
        talks = sorted(self.content.talks.values(), key=lambda t: (not t.closed, -length(t.posts[0].ago)))
        lines = [(talk, post, start - length(post.ago)) for talk in talks for post in talk.posts]
        for talk in talks:
            latest = start - length(talk.posts[-1].ago)
            self.servers[talk.source].set_head(_head(talk, start, latest), told=False)
        for talk, post, at in sorted(lines, key=lambda line: (not line[0].closed, line[2])):
            self._put(talk, post, at)

    def _put(self, talk: Talk, post: Post, at: Millis) -> None:
        server, person = self.servers[talk.source], self.content.people.get(talk.who)
        lang = post.lang or (person.lang if person and not post.by else "en")
        server.put(self._message(server, talk.id, post, at, lang))

    def _message(self, server: Server, ref: str, post: Post, at: Millis, lang: str) -> Message:
        place, before = server.place, server.messages(ref)
        text, raw = text_and_raw(post.text)
        direction = Direction.NOTE if post.note else Direction.OUT if post.by else Direction.IN
        visibility = Visibility.PUBLIC
        if server.is_desk or post.direct:
            visibility = Visibility.INTERNAL if post.note else Visibility.DIRECT
        kind = Kind.TICKET if server.is_desk else Kind.DM if post.direct else (
            Kind.POST if post.indirect else Kind.REPLY if before else Kind.MENTION)
        number = server.next_ref(ref)
        return Message(
            ref=number, conversation_ref=ref, author=self._author(server, ref, post.by), direction=direction, text=text,
            raw=raw, created_at=at, kind=kind, visibility=visibility, parent_ref=before[-1].ref if before else "",
            edited_at=at + length(post.edited) if post.edited else None, deleted=post.deleted,
            attachments=tuple(attachment(file) for file in post.files), url=f"{_SITES[place]}{number}", lang=lang,
            indirect=post.indirect)

    def _author(self, server: Server, ref: str, by: str) -> Author:
        if by:
            account = ACCOUNTS[server.place]
            if not server.is_desk:
                return account
            return Author(ref=f"agent-{by}", name=inert_line(COLLEAGUES[by]),
                          handle=inert_line(f"{by}@harbourpost.example"))
        who = server.profile(server.head(ref).customer_ref)
        return Author(ref=who.ref, name=who.name, handle=who.handle)

    # -- later ---------------------------------------------------------------------------------------------------------

    def where(self, ref: str) -> Server | None:
        """The server that holds a conversation; the demo gives every conversation an id of its own."""
        return next((s for s in self.servers.values() if ref in s.kept.conversations), None)

    def begin(self, talk: Talk, key: str, person: Person, now: Millis) -> None:
        """Let a conversation begin."""
        server = self.servers[talk.source]
        ref = person_ref(talk.source, key)
        if ref not in server.kept.profiles:
            server.add_profile(profile(talk.source, key, person, now))
        server.set_head(_head(talk, now, now), told=False)
        for post in talk.posts:
            server.put(self._message(server, talk.id, post, now, post.lang or person.lang))
        if not talk.due:
            server.heard(talk.id, now)

    def play(self, event: Event, now: Millis) -> bool:
        """Let one thing happen; False when it no longer makes sense."""
        if event.start is not None:
            self.begin(event.start, event.start.who, self.content.people[event.start.who], now)
            return True
        server = self.where(event.talk)
        if server is None or not (event.always or server.waits(event.talk)):
            return False
        if event.edit or event.delete:
            return _second_thoughts(server, event, now)
        by = event.claim or (event.say.by if event.say else "")
        if by and server.is_desk and not _may(server, event.talk, COLLEAGUES[by]):
            return False
        if event.claim or event.status:
            _restate(server, event, now)
        if event.say is not None:
            self.say(server, event.talk, event.say, now)
        return True

    def say(self, server: Server, ref: str, post: Post, now: Millis) -> None:
        """Let a customer or a colleague write in a conversation that there is."""
        heard = server.last(ref, Direction.IN)
        lang = post.lang or (heard.lang if heard is not None and not post.by else "en")
        server.put(self._message(server, ref, post, now, lang))
        if not post.by:
            server.heard(ref, now)
        elif not post.note:
            server.answered(ref, now)


def profile(place: str, key: str, person: Person, start: Millis) -> Profile:
    """A person as one source tells it."""
    home = person.on[place]
    return Profile(
        ref=person_ref(place, key), handle=inert_line(home.handle or home.mail),
        name=inert_line(home.name or person.name),
        url="" if place == "helpdesk" else f"https://{place}.example/{key}", bio=inert_line(home.bio),
        followers=home.followers, following=home.following, posts=home.posts, created_at=start - length(person.since),
        verified=home.verified, bot=home.bot, lang=person.lang,
        contacts=tuple(inert_line(contact) for contact in (home.mail, home.phone) if contact))


def _head(talk: Talk, start: Millis, latest: Millis) -> RemoteConversation:
    desk = talk.source == "helpdesk"
    due = tuple(ServerDue(kind=ClockKind(kind), due_at=start + length(span)) for kind, span in talk.due.items())
    return RemoteConversation(
        ref=talk.id, customer_ref=person_ref(talk.source, talk.who), subject=inert_line(talk.subject),
        url=f"{_SITES[talk.source]}{talk.id}", closed=talk.closed, updated_at=latest,
        status=talk.status if desk else None, assignee=talk.assignee if desk else None,
        priority=talk.priority if desk else None, tags=tuple(map(inert_line, talk.tags)) if desk else None,
        due=due if desk else None, fields=dict(talk.fields), queue=talk.queue, locked_reason=talk.locked)


def _may(server: Server, ref: str, colleague: str) -> bool:
    """A colleague leaves alone what somebody else has."""
    return server.head(ref).assignee in ("", colleague)


def _restate(server: Server, event: Event, now: Millis) -> None:
    head = server.head(event.talk)
    server.set_head(msgspec.structs.replace(
        head, updated_at=now, assignee=COLLEAGUES[event.claim] if event.claim else head.assignee,
        status=event.status or ("open" if head.status == "new" else head.status),
        closed=event.status == "solved" if event.status else head.closed))


def _second_thoughts(server: Server, event: Event, now: Millis) -> bool:
    """The customer changes or takes back what they wrote last."""
    heard = server.last(event.talk, Direction.IN)
    if heard is None:
        return False
    if event.delete:
        server.remove(heard)
        return True
    text, raw = text_and_raw(event.edit)
    server.put(msgspec.structs.replace(heard, text=text, raw=raw, edited_at=now))
    return True
