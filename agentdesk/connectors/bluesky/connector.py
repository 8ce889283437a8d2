"""The Bluesky connector: one account on one AT Protocol server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

import msgspec

from agentdesk.config.sources import BlueskySource, ListenConfig
from agentdesk.connectors.base import HttpConnector, Verdict
from agentdesk.connectors.bluesky import wire
from agentdesk.connectors.bluesky.acting import Actor
from agentdesk.connectors.bluesky.chats import LAG as CHAT_LAG
from agentdesk.connectors.bluesky.chats import MOST_BYTES as CHAT_BYTES
from agentdesk.connectors.bluesky.chats import MOST_SIGNS as CHAT_SIGNS
from agentdesk.connectors.bluesky.chats import Chats
from agentdesk.connectors.bluesky.client import WHOLE_ACCOUNT, WITH_CHAT, Client, Session, denied
from agentdesk.connectors.bluesky.known import Memory
from agentdesk.connectors.bluesky.listening import Listener
from agentdesk.connectors.bluesky.lookup import Lookup
from agentdesk.connectors.bluesky.pictures import MOST_BYTES as PICTURE_BYTES
from agentdesk.connectors.bluesky.posts import Posts
from agentdesk.connectors.bluesky.reading import Reader
from agentdesk.connectors.bluesky.speak import CHAT, NO_HANDLE, Speaker, profile
from agentdesk.connectors.bluesky.threads import Threads
from agentdesk.connectors.bluesky.wire import Person
from agentdesk.connectors.bluesky.writing import LAG, MOST_BYTES, MOST_PICTURES, MOST_SIGNS, Writer
from agentdesk.connectors.http import Http
from agentdesk.connectors.items import one
from agentdesk.connectors.login import again
from agentdesk.errors import AuthError, Gone, Rejected, SourceError
from agentdesk.model.capability import Caps, Counter, SendStrength
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.customer import Profile
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Action, Outgoing, OutKind, Receipt, Verb
from agentdesk.model.page import Account, Page
from agentdesk.model.text import inert_line

POLL: Millis = 20 * SECOND
"""It is asked: the only stream there is carries the whole network's posts."""
LONGEST_ALT = 2_000
UNSEEN = "The network does not show this account yet: nobody can mention it"
OURS_FIRST = "Customers cannot write to us first: the account takes direct messages only from accounts that it follows"


class BlueskyConnector(HttpConnector):
    """Mentions, replies and quotes of one account as conversations, and its direct messages."""

    def __init__(
        self, config: BlueskySource, clock: Clock, password: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self._config = config
        self._client = Client(config, clock, password, http)
        self._speaker = Speaker()
        self._posts = Posts(self._client, clock, self._speaker, Memory())
        self._threads = Threads(self._posts)
        self._chats = Chats(self._client, clock, self._speaker)
        self._listener = Listener(config.listen, self._client, clock, config.backfill)
        self._reader = Reader(config, clock, self._posts, self._chats, self._listener)
        self._writer = Writer(self._posts, self._threads, clock)
        self._actor = Actor(self._posts, clock)
        self._lookup = Lookup(self._posts, self._threads, self._chats, self._reader.chatting)
        self.caps = Caps(
            letter=config.letter or "B",
            can_dm=bool(config.chat),
            can_like=True,
            can_boost=True,
            can_follow=True,
            can_delete=True,
            can_search=True,
            can_download=True,
            max_uploads=MOST_PICTURES,
            max_upload_bytes=PICTURE_BYTES,
            max_alt=LONGEST_ALT,
            send_strength=SendStrength.CLIENT_KEY,
            direct_strength=SendStrength.NONE,
            max_chars=MOST_SIGNS,
            max_bytes=MOST_BYTES,
            direct_max_chars=CHAT_SIGNS,
            direct_max_bytes=CHAT_BYTES,
            counter=Counter.GRAPHEME_BYTES,
            visibilities=("public", "direct") if config.chat else ("public",),
            direct_apart=True,
            consistency_lag_s=max(LAG, CHAT_LAG) // SECOND,
            poll_s=(config.poll or POLL) / SECOND,
        )

    async def verify(self) -> Account:
        """Sign in, and find out what this app password may do and what is hidden from it."""
        session = await self._ready()
        try:
            data = await self._client.get("app.bsky.actor.getProfile", [("actor", session.did)])
            me, unseen = one(data, Person), []
        except Gone:
            data, me, unseen = {}, Person(did=session.did, handle=session.handle), [UNSEEN]
        self._speaker.names[me.did] = me
        warnings = [*unseen, *self._about_session(session, me), *await self._about_chat(data),
                    *await self._about_search()]
        scopes = {WHOLE_ACCOUNT: "whole account", WITH_CHAT: "app password with direct messages"}
        return Account(
            ref=session.did,
            handle=inert_line("" if me.handle in NO_HANDLE else me.handle or session.handle),
            name=inert_line(me.displayName),
            server=str(inert_line(f"AT Protocol at {self._client.http.host}")),
            scopes=(scopes.get(session.scope, "app password"),),
            warnings=tuple(warnings),
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring new notifications, our own posts, direct messages and what was overheard."""
        await self._ready()
        return await self._reader.pull(cursor, limit)

    async def thread(self, conversation_ref: str) -> Page:
        """One whole thread, or one private conversation."""
        await self._ready()
        if conversation_ref.startswith(CHAT):
            return await self._chats.page(conversation_ref)
        if wire.address(wire.parts_of(conversation_ref)[0]) is None:
            raise Gone(f"{self.name}: there is no such conversation", "It is no post and no private conversation")
        return await self._threads.page(conversation_ref)

    async def customer(self, customer_ref: str) -> Profile:
        """One account's profile."""
        await self._ready()
        data = await self._client.get("app.bsky.actor.getProfile", [("actor", customer_ref)])
        try:
            return profile(one(data, Person))
        except (msgspec.ValidationError, ValueError) as error:
            raise Gone(f"{self.name}: the account is not shown", str(inert_line(str(error)))) from error

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """The latest threads in which this account spoke to us."""
        await self._ready()
        return await self._lookup.history(customer_ref, limit, privately=self._reader.chat_allowed)

    async def find(self, words: str, limit: int = 20) -> Page:
        """Search posts, or bring what one @handle wrote lately."""
        await self._ready()
        return await self._lookup.find(words, limit)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Fetch a picture; it lies on another host, which never sees the session."""
        await self._client.http.save(url, out, limit, elsewhere=True)

    def freeze(self, out: Outgoing) -> str:
        """The record and its key for a post; nothing for a direct message, which knows no keys."""
        if out.kind is not OutKind.REPLY or out.conversation_ref.startswith(CHAT):
            return ""
        return self._writer.freeze(out)

    async def send(self, out: Outgoing) -> Receipt:
        """Answer a post in public, or write a direct message."""
        await self._ready()
        if not out.text.strip():
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        if self._is_private(out):
            return await self._chats.send(out)
        if out.visibility is not Visibility.PUBLIC:
            raise Rejected(f"{self.name}: posts are public", "Bluesky has no posts for some readers only",
                           "Take it to a direct message")
        return await self._writer.send(out)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for a post under its key, for a direct message by its words."""
        await self._ready()
        if self._is_private(out):
            return await self._chats.reconcile(out, first_try_at)
        return await self._writer.reconcile(out, first_try_at)

    async def act(self, action: Action) -> None:
        """Like, repost, follow or delete."""
        await self._ready()
        if action.verb is Verb.FOLLOW and not action.customer_ref and action.conversation_ref.startswith(CHAT):
            action = msgspec.structs.replace(action, customer_ref=await self._chats.other(action.conversation_ref))
        await self._actor.act(action)

    @property
    def http(self) -> Http:
        """The client's."""
        return self._client.http

    def hear(self, listen: tuple[ListenConfig, ...]) -> None:
        """Listen by these entries from now on."""
        self._listener.ears.change(listen)

    async def close(self) -> None:
        """Close the connections and forget the session."""
        await self._client.close()

    async def _ready(self) -> Session:
        """Be signed in and know who we are."""
        session = await self._client.session()
        self._speaker.me = session.did
        return session

    def _is_private(self, out: Outgoing) -> bool:
        """True for what goes through chat.bsky; what Bluesky has no place for is refused."""
        if out.kind not in (OutKind.REPLY, OutKind.DM):
            raise Rejected(f"{self.name}: Bluesky keeps no {out.kind.value}s", remedy="Keep it on this desk")
        private = out.kind is OutKind.DM or out.conversation_ref.startswith(CHAT)
        if private and not self._reader.chat_allowed:
            raise Rejected(
                f"{self.name}: there are no direct messages here",
                "The app password does not allow them" if self._config.chat else "chat: is empty",
                "Make an app password that allows access to direct messages and run: agentdesk login bluesky")
        return private

    def _about_session(self, session: Session, me: Person) -> list[str]:
        warnings = []
        if session.scope == WHOLE_ACCOUNT:
            warnings.append("This is the account's own password, which can do everything: use an app password")
        if me.handle == "handle.invalid":
            warnings.append("The account's handle does not lead to it: customers cannot mention it")
        home = session.home.rstrip("/")
        if home and home not in (self._config.url.rstrip("/"), self._client.http.base_url.removesuffix("/xrpc")):
            warnings.append(f"The account lives on {home}, not on {self._config.url}: put that into url:")
        return warnings

    async def _about_chat(self, data: dict[str, Any]) -> list[str]:
        """Whether direct messages can be read, and whether customers can begin one."""
        if not self._config.chat:
            return ["Direct messages are left alone: chat: is empty"]
        try:
            await self._chats.try_out()
        except AuthError:
            raise
        except SourceError as error:
            allowed = not denied(error)
            self._allow_chat(allowed)
            return [f"Direct messages cannot be read at present: {error.cause or error.title}" if allowed else
                    "The app password does not allow direct messages: make one with «Allow access to your direct "
                    f"messages». {again(self.name)}"]
        self._allow_chat(True)
        told = data.get("associated")
        chat = told.get("chat") if isinstance(told, dict) else None
        incoming = chat.get("allowIncoming") if isinstance(chat, dict) else None
        return [] if incoming == "all" else [f"{OURS_FIRST} (the app: Chat settings, Allow messages from everyone)"]

    def _allow_chat(self, allowed: bool) -> None:
        self._reader.chat_allowed = allowed
        self.caps = msgspec.structs.replace(self.caps, can_dm=allowed)

    async def _about_search(self) -> list[str]:
        """Whether listening can work."""
        if not self._config.listen:
            return []
        try:
            await self._client.get("app.bsky.feed.searchPosts", [("q", "hello"), ("limit", 1)])
        except AuthError:
            raise
        except SourceError as error:
            return [f"Nothing can be overheard at present, the search answers: {error.cause or error.title}"]
        return []
