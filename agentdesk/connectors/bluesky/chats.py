"""Direct messages: chat.bsky, reached through the account's own server (https://docs.bsky.app/docs/api/chat-bsky-convo).

News come from a log with a position; what its position may have missed (requests from strangers among them) is found by
looking through the newest conversations now and then.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, NamedTuple

import msgspec

from agentdesk.connectors.bluesky import richtext
from agentdesk.connectors.bluesky.client import Client, Pairs
from agentdesk.connectors.bluesky.posts import UNREADABLE
from agentdesk.connectors.bluesky.speak import CHAT, Speaker, chat_ref, chat_url, profile
from agentdesk.connectors.bluesky.wire import ChatMessage, Convo, Person
from agentdesk.connectors.foreign import reject
from agentdesk.connectors.items import instant, one
from agentdesk.connectors.matching import LOOK_BACK, same_text
from agentdesk.errors import Ambiguous, Gone, Rejected, TooLong
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Direction, Message
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind, Receipt, Unsure
from agentdesk.model.page import Page, Reject
from agentdesk.model.text import inert_line
from agentdesk.replies.length import graphemes

MOST_SIGNS, MOST_BYTES = 1_000, 10_000
LOG_PAGES = 20
LIST_PAGES = 3
FIRST_PAGES = 5
"""So many pages of conversations are looked through on first connect."""
MESSAGES = 50
LAG: Millis = 10 * SECOND
"""So long a request may still be under way after its line broke."""
KNOWN = 2_000


class News(NamedTuple):
    """What looking after direct messages brought."""

    messages: list[Message]
    conversations: list[RemoteConversation]
    profiles: list[Profile]
    rejects: list[Reject]
    log: str
    chats: str


class Chats:
    """The private conversations of one account."""

    def __init__(self, client: Client, clock: Clock, speaker: Speaker) -> None:
        self._client = client
        self._clock = clock
        self._speaker = speaker
        self._convos: OrderedDict[str, Convo] = OrderedDict()
        self._sent: OrderedDict[str, str] = OrderedDict()
        """Messages that are known to be a certain reply of ours."""

    async def _get(self, call: str, params: Pairs | None = None) -> dict[str, Any]:
        return await self._client.get(f"chat.bsky.convo.{call}", params, chat=True)

    async def try_out(self) -> None:
        """Ask for the little that shows whether we may use it at all."""
        await self._get("listConvos", [("limit", 1)])

    async def begin(self, since: Millis) -> News:
        """First connect: the position in the log, then the newest conversations down to ``since``."""
        log = str((await self._get("getLog")).get("cursor") or "")
        news = News([], [], [], [], log, "")
        return await self._look_through(news, since, "", FIRST_PAGES)

    async def news(self, log: str, chats: str, *, sweep: bool) -> News:
        """What came since; with ``sweep`` the newest conversations are looked through as well."""
        news = News([], [], [], [], log, chats)
        convos: dict[str, None] = {}
        for _ in range(LOG_PAGES):
            data = await self._get("getLog", [("cursor", news.log)] if news.log else None)
            entries, follow = data.get("logs"), str(data.get("cursor") or news.log)
            for entry in entries if isinstance(entries, list) else ():
                self._entry(entry, news, convos)
            ended = follow == news.log or not entries
            news = news._replace(log=follow)
            if ended:
                break
        if sweep:
            news = await self._look_through(news, 0, chats, 1)
        return await self._with_heads(news, convos)

    def _entry(self, entry: Any, news: News, convos: dict[str, None]) -> None:
        """Take in one line of the log: only what somebody wrote counts."""
        if not isinstance(entry, dict) or not str(entry.get("$type", "")).endswith("#logCreateMessage"):
            return
        convo = entry.get("convoId")
        people = entry.get("relatedProfiles")
        self._people(people if isinstance(people, list) else [])
        if isinstance(convo, str):
            convos[convo] = None
            self._message(entry.get("message"), convo, news)

    def _message(self, item: Any, convo: str, news: News) -> None:
        """Add one message; events and deleted ones are left out, what does not fit is set aside."""
        if not isinstance(item, dict) or "text" not in item:
            if not isinstance(item, dict) or "sentAt" not in item:
                news.rejects.append(reject(f"direct message in {convo}", "it is no message", item))
            return
        try:
            news.messages.append(self._speaker.chat(one(item, ChatMessage), convo))
        except UNREADABLE as error:
            news.rejects.append(reject(f"direct message {item.get('id', '?')}", str(error), item))

    def _people(self, items: list[Any]) -> None:
        for item in items:
            try:
                person = one(item, Person)
            except UNREADABLE:
                continue  # a message without its author's name is shown by the account's id
            self._speaker.names[person.did] = person
        while len(self._speaker.names) > KNOWN:
            self._speaker.names.pop(next(iter(self._speaker.names)))

    async def _look_through(self, news: News, since: Millis, chats: str, pages: int) -> News:
        """Read the conversations that moved after the revision ``chats`` and the instant ``since``."""
        newest = chats
        for status in ("accepted", "request"):
            pairs: Pairs = [("limit", MESSAGES), ("status", status)]
            async for items in self._client.pages("chat.bsky.convo.listConvos", pairs, "convos", pages, chat=True):
                for item in items:
                    convo = self._convo(item, news)
                    if convo is None or not isinstance(convo.lastMessage, dict):
                        continue
                    rev = str(convo.lastMessage.get("rev") or convo.rev)
                    at = instant(convo.lastMessage.get("sentAt"))
                    if rev <= chats or at is None or at < since:
                        continue
                    newest = max(newest, rev)
                    await self._read(convo, news, since, chats)
                    news.conversations.append(self._head(convo, news.messages))
                    news.profiles.extend(self._profiles(convo))
        return news._replace(chats=newest)

    def _convo(self, item: Any, news: News | None = None) -> Convo | None:
        try:
            convo = one(item, Convo)
        except UNREADABLE as error:
            if news is not None:
                news.rejects.append(reject("private conversation", str(error), item))
            return None
        self._people([msgspec.to_builtins(person) for person in convo.members])
        self._convos[convo.id] = convo
        while len(self._convos) > KNOWN:
            self._convos.popitem(last=False)
        return convo

    async def _read(self, convo: Convo, news: News, since: Millis, chats: str) -> None:
        """A conversation's newest messages."""
        data = await self._get("getMessages", [("convoId", convo.id), ("limit", MESSAGES)])
        self._people(data.get("relatedProfiles") or [])
        items = data.get("messages")
        for item in items if isinstance(items, list) else ():
            fresh = isinstance(item, dict) and str(item.get("rev") or "~") > chats
            if fresh and (instant(item.get("sentAt")) or since) >= since:
                self._message(item, convo.id, news)

    async def _with_heads(self, news: News, convos: dict[str, None]) -> News:
        """Add the conversations that the log named and the people in them."""
        have = {head.ref for head in news.conversations}
        for ref in convos:
            if CHAT + ref in have:
                continue
            convo = self._convos.get(ref) or await self._open(ref)
            if convo is not None:
                news.conversations.append(self._head(convo, news.messages))
                news.profiles.extend(self._profiles(convo))
        return news

    async def _open(self, ref: str) -> Convo | None:
        try:
            return self._convo((await self._get("getConvo", [("convoId", ref)])).get("convo"))
        except Rejected:
            return None  # left since: its messages are told all the same

    def _others(self, convo: Convo) -> list[Person]:
        return [person for person in convo.members if person.did != self._speaker.me]

    def _profiles(self, convo: Convo) -> list[Profile]:
        return [profile(person) for person in self._others(convo)]

    def _head(self, convo: Convo, messages: list[Message]) -> RemoteConversation:
        others = self._others(convo)
        ref = CHAT + convo.id
        about = convo.kind if isinstance(convo.kind, dict) else {}
        locked = str(about.get("lockStatus") or "unlocked") != "unlocked"
        theirs = [m for m in messages if m.conversation_ref == ref and m.direction is Direction.IN]
        reason = "The conversation is locked" if locked else \
            "Their account takes no direct messages" if len(others) == 1 and others[0].chatDisabled else ""
        return RemoteConversation(
            ref=ref, url=chat_url(convo.id), locked_reason=reason,
            customer_ref=theirs[0].author.ref if theirs else others[0].did if others else "",
            subject=inert_line(str(about.get("name") or "")),
            status="request" if convo.status == "request" else None,
            updated_at=max((m.created_at for m in messages if m.conversation_ref == ref), default=None),
        )

    # one conversation ------------------------------------------------------------------------------------------------

    async def page(self, ref: str) -> Page:
        """One private conversation with its newest messages."""
        found = self._convo((await self._get("getConvo", [("convoId", _id(ref))])).get("convo"))
        if found is None:
            raise Gone(f"{self._client.name}: the private conversation cannot be read")
        news = News([], [], [], [], "", "")
        await self._read(found, news, 0, "")
        messages = sorted(news.messages, key=lambda message: message.created_at)
        return Page(messages=tuple(messages), conversations=(self._head(found, messages),),
                    profiles=tuple(self._profiles(found)), rejects=tuple(news.rejects))

    async def with_account(self, did: str) -> Page | None:
        """The private conversation with one account; None when there is none, and none is begun."""
        data = await self._get("getConvoAvailability", [("members", did)])
        convo = data.get("convo")
        found = self._convo(convo) if isinstance(convo, dict) else None
        return await self.page(CHAT + found.id) if found else None

    async def other(self, ref: str) -> str:
        """Who is on the other side of a private conversation of two; empty for a larger one."""
        convo = await self._open(_id(ref))
        others = self._others(convo) if convo else []
        return others[0].did if len(others) == 1 else ""

    async def send(self, out: Outgoing) -> Receipt:
        """Write a direct message; there is no key for it, so what stands there already is looked at first."""
        if out.uploads:
            raise Rejected(f"{self._client.name}: direct messages take no files", remedy="Send a link instead")
        if len(graphemes(out.text)) > MOST_SIGNS or len(out.text.encode("utf-8", "replace")) > MOST_BYTES:
            raise TooLong(f"{self._client.name}: a direct message holds {MOST_SIGNS} characters at most",
                          remedy="Shorten the text, or send it in two")
        convo = await self._of(out)
        found = await self._landed(out, convo.id, out.created_at, shows_words=convo.lastMessage is not None)
        if isinstance(found, Found):
            return found.receipt
        if convo.status == "request":
            await self._client.post("chat.bsky.convo.acceptConvo", {"convoId": convo.id}, safe=True, chat=True)
        message: dict[str, Any] = {"text": out.text}
        if marks := richtext.facets(out.text, richtext.find(out.text), {}):
            message["facets"] = marks
        body = {"convoId": convo.id, "message": message}
        data = await self._client.post("chat.bsky.convo.sendMessage", body, safe=False, chat=True)
        try:
            sent = one(data, ChatMessage)
            return self._receipt(out, convo.id, sent)
        except UNREADABLE as error:
            raise Ambiguous(f"{self._client.name}: the answer could not be read", str(inert_line(str(error))),
                            "It is being looked for on the server") from error

    async def reconcile(self, out: Outgoing, first_try_at: Millis) -> Found | Absent | Unsure:
        """Look for a direct message by its words."""
        convo = await self._of(out)
        since = min(first_try_at, out.created_at or first_try_at) + (self._client.http.meter.skew or 0)
        verdict = await self._landed(out, convo.id, since, shows_words=convo.lastMessage is not None)
        if isinstance(verdict, Absent) and self._clock.now() - first_try_at < LAG:
            return Unsure("The server may still be working on it")
        return verdict

    async def _landed(self, out: Outgoing, convo: str, since: Millis, *, shows_words: bool) -> Found | Absent | Unsure:
        """Whether these words stand there since, written by us and not known as another reply."""
        data = await self._get("getMessages", [("convoId", convo), ("limit", 100)])
        items = data.get("messages")
        oldest: Millis | None = None
        for item in items if isinstance(items, list) else ():
            try:
                message = one(item, ChatMessage)
            except UNREADABLE:
                return Unsure("The conversation cannot be read")
            at = instant(message.sentAt)
            oldest = at if at is not None else oldest
            ours = message.sender is not None and message.sender.did == self._speaker.me
            other = self._sent.get(chat_ref(convo, message.id), out.client_id) != out.client_id
            if ours and not other and at is not None and at >= since - LOOK_BACK and same_text(
                    out.text, message.text or ""):
                return Found(self._receipt(out, convo, message))
        if not items and shows_words:
            return Unsure("The conversation shows nothing that was said in it")
        if data.get("cursor") and (oldest is None or oldest >= since - LOOK_BACK):
            return Unsure("More was written since than is shown")
        return Absent()

    def _receipt(self, out: Outgoing, convo: str, message: ChatMessage) -> Receipt:
        ref = chat_ref(convo, message.id)
        self._sent[ref] = out.client_id
        while len(self._sent) > KNOWN:
            self._sent.popitem(last=False)
        return Receipt(ref=ref, url=chat_url(convo), created_at=instant(message.sentAt),
                       conversation_ref=CHAT + convo if out.kind is OutKind.DM else "")

    async def _of(self, out: Outgoing) -> Convo:
        """The conversation that a message belongs into; one with a customer begins when there is none."""
        if out.kind is not OutKind.DM:
            data = await self._get("getConvo", [("convoId", _id(out.conversation_ref))])
        else:
            data = await self._get("getConvoForMembers", [("members", await self._account(out))])
        convo = self._convo(data.get("convo"))
        if convo is None:
            raise Gone(f"{self._client.name}: the private conversation cannot be read")
        return convo

    async def _account(self, out: Outgoing) -> str:
        if out.customer_ref.startswith("did:"):
            return out.customer_ref
        handle = out.customer_handle.strip().removeprefix("@")
        if not handle:
            raise Rejected(f"{self._client.name}: nobody is named to write to",
                           remedy="Open it from a customer's post")
        data = await self._client.get("com.atproto.identity.resolveHandle", [("handle", handle)])
        return str(data.get("did") or "")


def _id(ref: str) -> str:
    return ref.removeprefix(CHAT)
