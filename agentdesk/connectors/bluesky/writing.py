"""Writing posts: each under a record key of our own, frozen whole before the first attempt, so that it lands once.

``putRecord`` with ``swapRecord: null`` makes the record, says nothing new when the same stands there, and refuses when
something else does (https://docs.bsky.app/docs/api/com-atproto-repo-put-record). Our key is nobody else's, so whatever
stands there is an earlier attempt of ours.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from agentdesk.connectors.bluesky import pictures, richtext, wire
from agentdesk.connectors.bluesky.posts import Posts, as_record
from agentdesk.connectors.bluesky.speak import post_url
from agentdesk.connectors.bluesky.threads import Threads
from agentdesk.connectors.bluesky.wire import POST, Post, Ref, Reply, author_of
from agentdesk.connectors.files import contents
from agentdesk.connectors.items import instant, iso
from agentdesk.errors import Conflict, Gone, Rejected, TooLong
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.outgoing import Absent, Found, Outgoing, Receipt, Unsure
from agentdesk.replies.length import graphemes

MOST_SIGNS, MOST_BYTES = 300, 3_000
MOST_PICTURES = 4
LAG: Millis = 5 * SECOND
"""So long a request may still be under way after its line broke."""
KNOWN = 500


class Frozen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was fixed before the first attempt."""

    v: int = 1
    rkey: str
    record: dict[str, Any]
    """Complete but for what nobody had told us yet; that is added when it leaves."""


class Writer:
    """Posts as one account."""

    def __init__(self, posts: Posts, threads: Threads, clock: Clock) -> None:
        self._posts = posts
        self._threads = threads
        self._clock = clock
        self._client = posts.client
        self._parts: OrderedDict[tuple[str, str, str, Millis], Ref] = OrderedDict()
        """The last part of a reply that goes in parts: the next one answers it."""

    def freeze(self, out: Outgoing) -> str:
        """Fix key, time, words and marks, and what it answers as far as we know it."""
        return msgspec.json.encode(self._frozen(out)).decode()

    def _frozen(self, out: Outgoing) -> Frozen:
        if out.extra:
            try:
                return msgspec.json.decode(out.extra, type=Frozen)
            except (msgspec.DecodeError, ValueError) as error:
                raise Rejected(f"{self._client.name}: what was frozen with this reply cannot be read", str(error),
                               "Copy the text into a new reply") from error
        record: dict[str, Any] = {"$type": POST, "text": out.text, "createdAt": iso(out.created_at)}
        parent = self._posts.memory.post(wire.plain_uri(out.reply_to_ref))
        if parent is not None:
            record["reply"] = msgspec.to_builtins(Reply(parent.root, parent.ref))
            if parent.language:
                record["langs"] = [parent.language]
        spans = richtext.find(out.text)
        dids = {span.value: did for span in spans if (did := self._posts.memory.dids.get(span.value))}
        if all(span.kind != "mention" or span.value in dids for span in spans):
            record["facets"] = richtext.facets(out.text, spans, dids)
        return Frozen(rkey=wire.tid(out.created_at, out.client_id), record=record)

    async def send(self, out: Outgoing) -> Receipt:
        """Write a reply in public; refused only after looking whether an earlier attempt has landed."""
        self._check(out)
        frozen = self._frozen(out)
        try:
            parent = await self._parent(out, frozen)
            record = await self._complete(out, frozen, parent)
        except Rejected:
            if found := await self._standing(frozen):
                return found
            raise
        body = {"repo": self._posts.me, "collection": POST, "rkey": frozen.rkey, "record": record, "swapRecord": None}
        try:
            data = await self._client.post("com.atproto.repo.putRecord", body, safe=False)
        except Conflict:
            if found := await self._standing(frozen):
                return found
            raise
        uri = self._uri(frozen)
        cid = str(data.get("cid") or "")
        if cid:
            ref = Ref(uri, cid)
            self._posts.memory.note(ref, as_record(record), out.conversation_ref, out.created_at)
            self._parts[self._series(out)] = ref
            while len(self._parts) > KNOWN:
                self._parts.popitem(last=False)
        return self._receipt(uri, record)

    async def reconcile(self, out: Outgoing, first_try_at: Millis) -> Found | Absent | Unsure:
        """Ask our own repository for the key."""
        if found := await self._standing(self._frozen(out)):
            return Found(found)
        if self._clock.now() - first_try_at < LAG:
            return Unsure("The server may still be working on it")
        return Absent()

    def _check(self, out: Outgoing) -> None:
        name = self._client.name
        if len(graphemes(out.text)) > MOST_SIGNS or len(out.text.encode("utf-8", "replace")) > MOST_BYTES:
            raise TooLong(f"{name}: a post holds {MOST_SIGNS} characters and {MOST_BYTES} bytes at most",
                          remedy="Shorten the text, or send it as a thread")
        if len(out.uploads) > MOST_PICTURES:
            raise Rejected(f"{name}: a post holds {MOST_PICTURES} pictures at most", remedy="Take some out")
        if wire.address(wire.parts_of(out.conversation_ref)[0]) is None:
            raise Gone(f"{name}: there is no such conversation", "It is no post and no private conversation")

    async def _standing(self, frozen: Frozen) -> Receipt | None:
        """What stands under our key, if anything: an earlier attempt of ours."""
        try:
            data = await self._client.get("com.atproto.repo.getRecord", [
                ("repo", self._posts.me), ("collection", POST), ("rkey", frozen.rkey)])
        except Gone:
            return None
        value = data.get("value")
        if not isinstance(value, dict) or value.get("text") != frozen.record.get("text"):
            raise Conflict(f"{self._client.name}: another post stands under this reply's key",
                           "Two replies got the same key, or somebody changed the post",
                           "Look at the conversation; copy the text into a new reply if it is not there")
        return self._receipt(self._uri(frozen), value)

    async def _parent(self, out: Outgoing, frozen: Frozen) -> Post:
        """The post that is answered, as it stands now; Rejected where nobody may answer."""
        name = self._client.name
        before = self._parts.get(self._series(out))
        if before is not None and before.uri == self._uri(frozen):
            before = None
        target = before.uri if before else wire.plain_uri(out.reply_to_ref)
        if not target:
            reply = frozen.record.get("reply")
            target = str(reply["parent"]["uri"]) if isinstance(reply, dict) else ""
        if wire.address(target) is None:
            latest = await self._threads.latest(out.conversation_ref, self._uri(frozen))
            target = latest.uri if latest else wire.parts_of(out.conversation_ref)[0]
        found = await self._posts.fetch([target])
        post = found.get(target) or (await self._own(before) if before else None)
        if post is None:
            raise Gone(f"{name}: what this answers is not there any more", "It was deleted, or it is hidden from us",
                       "Look at the conversation again")
        if post.author.did != self._posts.me:
            why = "they have blocked us" if post.author.viewer.blockedBy else \
                "we have blocked them" if post.author.viewer.blocking else \
                "its author lets only some reply" if post.viewer.replyDisabled else ""
            if why:
                raise Rejected(f"{name}: this post cannot be answered", why.capitalize(), "Try a direct message")
        return post

    async def _own(self, ref: Ref) -> Post | None:
        """A part that we have just sent and that the network may not show yet."""
        known = self._posts.memory.post(ref.uri)
        if known is None:
            return None
        record = wire.Record(text="", reply=Reply(known.root, known.ref))
        return Post(uri=ref.uri, cid=ref.cid, record=record, author=wire.Person(did=author_of(ref.uri)))

    async def _complete(self, out: Outgoing, frozen: Frozen, parent: Post) -> dict[str, Any]:
        """The whole record: what it answers, marks with their accounts, pictures."""
        record = dict(frozen.record)
        reply = record.get("reply")
        if not (isinstance(reply, dict) and reply["parent"]["uri"] == parent.uri):
            root = parent.record.reply.root if parent.record.reply else parent.ref
            record["reply"] = msgspec.to_builtins(Reply(root, parent.ref))
        if "facets" not in record:
            record["facets"] = await self._facets(out.text)
        if not record["facets"]:
            del record["facets"]
        if out.uploads:
            record["embed"] = {"$type": "app.bsky.embed.images", "images": [
                await self._picture(upload, number) for number, upload in enumerate(out.uploads, 1)]}
        return record

    async def _facets(self, text: str) -> list[dict[str, Any]]:
        """Marks, with the accounts behind handles; a handle that nobody has stays plain."""
        spans = richtext.find(text)
        dids: dict[str, str] = {}
        for handle in dict.fromkeys(span.value for span in spans if span.kind == "mention"):
            try:
                data = await self._client.get("com.atproto.identity.resolveHandle", [("handle", handle)])
            except Rejected:
                continue
            if wire.is_did(str(data.get("did") or "")):
                dids[handle] = str(data["did"])
                self._posts.memory.person(handle, dids[handle])
        return richtext.facets(text, spans, dids)

    async def _picture(self, upload: Any, number: int) -> dict[str, Any]:
        """Bring one picture to the server, without what a camera wrote into it."""
        name = self._client.name
        picture = pictures.prepared(await contents(upload, name), f"{name}: file {number} ({upload.name})")
        data = await self._client.upload(picture.data, picture.mime)
        blob = data.get("blob")
        if not isinstance(blob, dict):
            raise Rejected(f"{name}: the server did not take file {number}", "It gave nothing back for it",
                           "Send the reply without it, or try again")
        image: dict[str, Any] = {"image": blob, "alt": upload.alt}
        if picture.width and picture.height:
            image["aspectRatio"] = {"width": picture.width, "height": picture.height}
        return image

    def _series(self, out: Outgoing) -> tuple[str, str, str, Millis]:
        """What parts of one reply have in common."""
        return out.conversation_ref, out.reply_to_ref, out.agent, out.created_at

    def _uri(self, frozen: Frozen) -> str:
        return f"at://{self._posts.me}/{POST}/{frozen.rkey}"

    def _receipt(self, uri: str, record: dict[str, Any]) -> Receipt:
        return Receipt(ref=uri, url=post_url(uri), created_at=instant(record.get("createdAt")))
