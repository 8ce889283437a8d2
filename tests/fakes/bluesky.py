"""A small AT Protocol network with a memory: the calls that the connector uses, with the real servers' own manners.

Stale tokens are HTTP 400, notifications know no «since» and are listed by the smaller of two dates, a put on a taken
key is refused or says nothing new, placeholders stand for what is deleted or blocked, and what is written through the
account's server is shown by the network a moment later. ``tests/real/test_bluesky.py`` meets the same on a real one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from agentdesk.connectors.bluesky.wire import tid
from agentdesk.model.clock import HOUR, Clock, Millis
from agentdesk.replies.length import graphemes
from tests.fakes.bluesky_chat import FakeChat
from tests.fakes.bluesky_wire import Refusal, iso
from tests.fakes.wire import Reply
from tests.specs.check import described

POST, LIKE = "app.bsky.feed.post", "app.bsky.feed.like"
REPLY_DEPTH = 5
"""Answers so far below a post are told to its author."""


@dataclass
class Account:
    """An account."""

    did: str
    handle: str
    name: str = ""
    bio: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    """App passwords and what they may do."""
    status: str = ""
    blocks: set[str] = field(default_factory=set)
    incoming: str = "all"
    followers: int = 7
    code: bool = False
    """A code from the mail is asked for with the account's own password."""


@dataclass
class Row:
    """A record in a repository."""

    uri: str
    cid: str
    value: dict[str, Any]
    seen_at: Millis
    shown_at: Millis

    @property
    def did(self) -> str:
        return self.uri.split("/")[2]

    @property
    def rkey(self) -> str:
        return self.uri.rsplit("/", 1)[1]


@dataclass
class Token:
    """An access or refresh token."""

    did: str
    scope: str
    until: Millis
    partner: str = ""


class FakeBluesky:
    """The servers: world controls above, calls below."""

    described_by = "bluesky"
    nonsense = ""
    """Why it answers what no server would, while it does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.true_clock = clock
        """What the network shows does not depend on how its clock is set."""
        self.accounts: dict[str, Account] = {}
        self.rows: dict[str, Row] = {}
        self.tokens: dict[str, Token] = {}
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self.lag: Millis = 0
        """So long the network does not show what was written through the account's server."""
        self.depth = 1_000
        self.gated: set[str] = set()
        """Posts that nobody may answer."""
        self.raw_notifications: list[Any] = []
        self.calls: list[str] = []
        self.logins = 0
        self.search_down = False
        self.home = "https://pds.example"
        self.headers: dict[str, str] = {}
        self._number = 0
        self.chat = FakeChat(self)
        self.me = self.account("acme.example", "Acme", passwords={"good-pass-word-1": "com.atproto.appPassPrivileged"})

    # the world -------------------------------------------------------------------------------------------------------

    def account(self, handle: str, name: str = "", **more: Any) -> Account:
        """Make an account, or find it by its handle."""
        for known in self.accounts.values():
            if known.handle == handle:
                return known
        did = "did:plc:" + hashlib.sha256(handle.encode("utf-8", "replace")).hexdigest()[:24]
        self.accounts[did] = Account(did=did, handle=handle, name=name, **more)
        return self.accounts[did]

    def post(self, who: Account, text: str, *, mention: Iterable[Account] = (), reply: Row | None = None,
             quote: Row | None = None, at: Millis | None = None, **more: Any) -> Row:
        """Somebody writes a post; those mentioned get their marks at its end."""
        facets = list(more.pop("facets", []))
        for whom in mention:
            start = len(text.encode("utf-8", "surrogatepass")) + 1
            text += f" @{whom.handle}"
            facets.append({"index": {"byteStart": start, "byteEnd": start + 1 + len(whom.handle.encode())},
                           "features": [{"$type": "app.bsky.richtext.facet#mention", "did": whom.did}]})
        value: dict[str, Any] = {"$type": POST, "text": text, "createdAt": iso(self._now() if at is None else at),
                                 **more}
        if facets:
            value["facets"] = facets
        if reply is not None:
            root = reply.value["reply"]["root"] if "reply" in reply.value else {"uri": reply.uri, "cid": reply.cid}
            value["reply"] = {"root": root, "parent": {"uri": reply.uri, "cid": reply.cid}}
        if quote is not None:
            value["embed"] = {"$type": "app.bsky.embed.record", "record": {"uri": quote.uri, "cid": quote.cid}}
        return self.write(who.did, POST, self.key(), value)

    def write(self, did: str, collection: str, rkey: str, value: dict[str, Any], *, lag: Millis = 0) -> Row:
        """Put a record into a repository; the network shows it after ``lag``."""
        uri = f"at://{did}/{collection}/{rkey}"
        cid = "bafyrei" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:40]
        before = self.rows.get(uri)
        seen = before.seen_at if before else self._now()
        self.rows[uri] = Row(uri, cid, value, seen, self.true_clock.now() + lag)
        return self.rows[uri]

    def delete(self, row: Row) -> None:
        """Its author deletes a post."""
        self.rows.pop(row.uri, None)

    def key(self) -> str:
        """A record key that nobody had yet."""
        self._number += 1
        return tid(self.clock.now(), f"key {self._number}")

    def posts(self, did: str, text: str) -> list[Row]:
        """The posts of an account with this text."""
        return [row for row in self.rows.values() if row.did == did and row.value.get("text") == text]

    def expire(self) -> None:
        """Every access token becomes stale; refreshing still works."""
        for name, token in self.tokens.items():
            if not name.startswith("refresh"):
                token.until = 0

    def revoke(self) -> None:
        """The app passwords are taken back, and what was opened with them ends."""
        self.me.passwords = {}
        self.tokens.clear()

    # calls -----------------------------------------------------------------------------------------------------------

    @described
    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer one request."""
        parts = urlsplit(url)
        call = parts.path.removeprefix("/xrpc/")
        params: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            params.setdefault(name, []).append(value)
        self.calls.append(call)
        try:
            reply = self._answer(method, call, params, headers, body)
        except Refusal as refusal:
            reply = Reply(refusal.status, {"error": refusal.name, "message": refusal.message})
        reply.headers = {**self.headers, **reply.headers}
        return reply

    def _answer(self, method: str, call: str, params: dict[str, list[str]], headers: dict[str, str],
                body: bytes) -> Reply:
        token = headers.get("authorization", "").removeprefix("Bearer ")
        if call.startswith("com.atproto.server."):
            return Reply(200, self._session_call(call.rpartition(".")[2], token, body))
        if call == "com.atproto.identity.resolveHandle":
            return Reply(200, self._resolve(params))
        who = self._who(token, call)
        if call.startswith("chat.bsky."):
            if headers.get("atproto-proxy") != "did:web:api.bsky.chat#bsky_chat":
                raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")
            data = json.loads(body) if body else {}
            return Reply(200, self.chat.answer(call.rpartition(".")[2], who.did, params, data))
        if call == "com.atproto.repo.uploadBlob":
            return Reply(200, self._upload(body, headers.get("content-type", "")))
        work = self._calls().get((method, call))
        if work is None:
            raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")
        return Reply(200, work(who, json.loads(body) if method == "POST" else params))

    def _calls(self) -> dict[tuple[str, str], Callable[[Account, Any], Any]]:
        return {
            ("GET", "com.atproto.repo.getRecord"): self._get_record,
            ("GET", "com.atproto.repo.listRecords"): self._list_records,
            ("POST", "com.atproto.repo.putRecord"): self._put_record,
            ("POST", "com.atproto.repo.createRecord"): self._create_record,
            ("POST", "com.atproto.repo.deleteRecord"): self._delete_record,
            ("GET", "app.bsky.actor.getProfile"): lambda who, p: self.profile(self._actor(p["actor"][0]), who, True),
            ("GET", "app.bsky.actor.getProfiles"): lambda who, p: {"profiles": [
                self.profile(self.accounts[did], who, True) for did in p["actors"] if did in self.accounts]},
            ("GET", "app.bsky.notification.listNotifications"): self._notifications,
            ("GET", "app.bsky.feed.getPosts"): self._get_posts,
            ("GET", "app.bsky.feed.getPostThread"): self._thread,
            ("GET", "app.bsky.feed.getAuthorFeed"): self._author_feed,
            ("GET", "app.bsky.feed.searchPosts"): self._search,
        }

    # sessions --------------------------------------------------------------------------------------------------------

    def _session_call(self, call: str, token: str, body: bytes) -> Any:
        if call == "createSession":
            self.logins += 1
            data = json.loads(body)
            account = next((a for a in self.accounts.values() if data["identifier"] in (a.handle, a.did)), None)
            if account is not None and account.code and data["password"] == "own":
                raise Refusal(401, "AuthFactorTokenRequired", "A sign in code has been sent to your email address")
            scope = account.passwords.get(data["password"]) if account else None
            if account is None or scope is None or account.status in ("takendown", "suspended"):
                raise Refusal(401, "AuthenticationRequired", "Invalid identifier or password")
            return self._open(account, scope)
        if call == "refreshSession":
            held = self.tokens.get(token)
            if held is None or held.until < self._now() or not token.startswith("refresh"):
                raise Refusal(400, "ExpiredToken", "Token has been revoked")
            held.until = min(held.until, self._now() + 2 * HOUR)  # a used one works for a while longer
            return self._open(self.accounts[held.did], held.scope)
        raise Refusal(501, "MethodNotImplemented", "Method Not Implemented")

    def _open(self, account: Account, scope: str) -> dict[str, Any]:
        self._number += 1
        claims = base64.urlsafe_b64encode(json.dumps({"scope": scope}).encode()).decode().rstrip("=")
        access, refresh = f"head.{claims}.sign{self._number}", f"refresh.{claims}.sign{self._number}"
        self.tokens[access] = Token(account.did, scope, self._now() + 2 * HOUR)
        self.tokens[refresh] = Token(account.did, scope, self._now() + 90 * 24 * HOUR)
        service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.home}
        return {"accessJwt": access, "refreshJwt": refresh, "did": account.did, "handle": account.handle,
                "active": not account.status, **({"status": account.status} if account.status else {}),
                "didDoc": {"id": account.did, "service": [service]}}

    def _who(self, token: str, call: str) -> Account:
        if not token:
            raise Refusal(401, "AuthMissing", "Authentication Required")
        held = self.tokens.get(token)
        if held is None or token.startswith("refresh"):
            raise Refusal(400, "InvalidToken", "Token could not be verified")
        if held.until < self._now():
            raise Refusal(400, "ExpiredToken", "Token has expired")
        if call.startswith("chat.bsky.") and held.scope == "com.atproto.appPass":
            raise Refusal(400, "InvalidToken", "Bad token method")
        return self.accounts[held.did]

    # repositories ----------------------------------------------------------------------------------------------------

    def _resolve(self, params: dict[str, list[str]]) -> Any:
        return {"did": self._actor(params["handle"][0], "HandleNotFound", "Unable to resolve handle").did}

    def _get_record(self, who: Account, params: dict[str, list[str]]) -> Any:
        uri = f"at://{params['repo'][0]}/{params['collection'][0]}/{params['rkey'][0]}"
        row = self.rows.get(uri)
        if row is None:
            raise Refusal(400, "RecordNotFound", f"Could not locate record: {uri}")
        return {"uri": row.uri, "cid": row.cid, "value": row.value}

    def _list_records(self, who: Account, params: dict[str, list[str]]) -> Any:
        start = f"at://{params['repo'][0]}/{params['collection'][0]}/"
        before = params.get("cursor", ["~"])[0]
        rows = sorted((r for r in self.rows.values() if r.uri.startswith(start) and r.rkey < before),
                      key=lambda r: r.rkey, reverse=True)[: int(params.get("limit", ["50"])[0])]
        found: dict[str, Any] = {"records": [{"uri": r.uri, "cid": r.cid, "value": r.value} for r in rows]}
        return {**found, "cursor": rows[-1].rkey} if rows else found

    def _put_record(self, who: Account, data: dict[str, Any]) -> Any:
        if not re.fullmatch(r"[234567a-j][2-7a-z]{12}", data["rkey"]):
            raise Refusal(400, "InvalidRequest", "Invalid record key")
        self._valid(data["record"])
        uri = f"at://{who.did}/{data['collection']}/{data['rkey']}"
        standing = self.rows.get(uri)
        if standing is not None and standing.value == data["record"]:
            return {"uri": uri, "cid": standing.cid, "validationStatus": "valid"}
        if standing is not None and "swapRecord" in data and data["swapRecord"] != standing.cid:
            raise Refusal(400, "InvalidSwap", f"Record was at {standing.cid}")
        row = self.write(who.did, data["collection"], data["rkey"], data["record"], lag=self.lag)
        return {"uri": row.uri, "cid": row.cid, "commit": {"cid": "x", "rev": "y"}, "validationStatus": "valid"}

    def _create_record(self, who: Account, data: dict[str, Any]) -> Any:
        record = data["record"]
        for row in [r for r in self.rows.values() if r.did == who.did and r.value["$type"] == record["$type"]]:
            if record["$type"] != POST and _about(row.value) == _about(record):
                self.rows.pop(row.uri)  # a second one about the same replaces the first
        row = self.write(who.did, data["collection"], self.key(), record, lag=self.lag)
        return {"uri": row.uri, "cid": row.cid}

    def _delete_record(self, who: Account, data: dict[str, Any]) -> Any:
        self.rows.pop(f"at://{who.did}/{data['collection']}/{data['rkey']}", None)
        return {}

    def _upload(self, body: bytes, mime: str) -> Any:
        if len(body) > 5_000_000:
            raise Refusal(413, "PayloadTooLarge", "request entity too large")
        cid = "bafkrei" + hashlib.sha256(body).hexdigest()[:40]
        self.blobs[cid] = (mime, body)
        return {"blob": {"$type": "blob", "ref": {"$link": cid}, "mimeType": mime, "size": len(body)}}

    def _valid(self, record: dict[str, Any]) -> None:
        if record["$type"] != POST:
            return
        if len(graphemes(record["text"])) > 300:
            raise Refusal(400, "InvalidRequest", "grapheme too big (maximum 300) at $.text")
        if len(record["text"].encode()) > 3_000:
            raise Refusal(400, "InvalidRequest", "string too big (maximum 3000) at $.text")
        for image in record.get("embed", {}).get("images", []):
            if image["image"]["ref"]["$link"] not in self.blobs:
                raise Refusal(400, "InvalidRequest", "Could not find blob")

    # views -----------------------------------------------------------------------------------------------------------

    def profile(self, account: Account, who: Account, detailed: bool = False) -> dict[str, Any]:
        """An account as ``who`` is shown it."""
        viewer: dict[str, Any] = {"muted": False, "blockedBy": who.did in account.blocks}
        if account.did in who.blocks:
            viewer["blocking"] = f"at://{who.did}/app.bsky.graph.block/x"
        for row in self._shown("app.bsky.graph.follow"):
            if row.did == who.did and row.value["subject"] == account.did:
                viewer["following"] = row.uri
        found: dict[str, Any] = {"did": account.did, "handle": account.handle, "displayName": account.name,
                                 "viewer": viewer, "labels": [], "createdAt": "2024-05-01T00:00:00.000Z"}
        if detailed:
            found |= {"description": account.bio, "followersCount": account.followers, "followsCount": 3,
                      "postsCount": 9, "associated": {"chat": {"allowIncoming": account.incoming}}}
        return found

    def view(self, row: Row, who: Account) -> dict[str, Any]:
        """A post as ``who`` is shown it."""
        viewer: dict[str, Any] = {}
        for kind, name in ((LIKE, "like"), ("app.bsky.feed.repost", "repost")):
            for done in self._shown(kind):
                if done.did == who.did and done.value["subject"]["uri"] == row.uri:
                    viewer[name] = done.uri
        root = row.value.get("reply", {}).get("root", {}).get("uri", row.uri)
        if root in self.gated:
            viewer["replyDisabled"] = True
        found = {"uri": row.uri, "cid": row.cid, "author": self.profile(self.accounts[row.did], who),
                 "record": row.value, "indexedAt": iso(self._sort_at(row)), "viewer": viewer, "labels": [],
                 "replyCount": len(self._replies(row.uri))}
        embed = self._embed(row.value.get("embed"), who, row.did)
        return {**found, "embed": embed} if embed else found

    def _embed(self, embed: Any, who: Account, did: str) -> Any:
        kind = embed.get("$type") if isinstance(embed, dict) else ""
        if kind == "app.bsky.embed.record":
            quoted = self.rows.get(embed["record"]["uri"])
            if quoted is None:
                return {"$type": kind + "#view", "record": {
                    "$type": kind + "#viewNotFound", "uri": embed["record"]["uri"], "notFound": True}}
            author = self.profile(self.accounts[quoted.did], who)
            return {"$type": kind + "#view", "record": {
                "$type": kind + "#viewRecord", "uri": quoted.uri, "cid": quoted.cid, "author": author,
                "value": quoted.value, "indexedAt": iso(quoted.seen_at), "embeds": []}}
        if kind == "app.bsky.embed.images":
            return {"$type": kind + "#view", "images": [
                {"thumb": "https://cdn.bsky.app/t.jpg", "alt": image["alt"],
                 "fullsize": f"https://cdn.bsky.app/{image['image']['ref']['$link']}"} for image in embed["images"]]}
        if kind == "app.bsky.embed.video":
            cid = embed["video"]["ref"]["$link"]
            return {"$type": kind + "#view", "cid": cid, "playlist": f"https://video.bsky.app/{cid}/p.m3u8",
                    "alt": embed.get("alt", "")}
        if kind == "app.bsky.embed.recordWithMedia":
            quote = {"$type": "app.bsky.embed.record", **embed["record"]}
            return {"$type": kind + "#view", "record": self._embed(quote, who, did),
                    "media": self._embed(embed["media"], who, did)}
        return {**embed, "$type": f"{kind}#view"} if kind else None

    def _shown(self, collection: str) -> list[Row]:
        now = self.true_clock.now()
        return [r for r in self.rows.values() if r.uri.split("/")[3] == collection and r.shown_at <= now]

    def _sort_at(self, row: Row) -> Millis:
        try:
            said = round(datetime.fromisoformat(row.value["createdAt"]).astimezone(UTC).timestamp() * 1_000)
        except (ValueError, KeyError, OverflowError):
            return row.seen_at
        return min(said, row.seen_at)

    def _replies(self, uri: str) -> list[Row]:
        found = [r for r in self._shown(POST) if r.value.get("reply", {}).get("parent", {}).get("uri") == uri]
        return sorted(found, key=self._sort_at)

    def _blocked(self, row: Row, who: Account) -> bool:
        return who.did in self.accounts[row.did].blocks or row.did in who.blocks

    def _notifications(self, who: Account, params: dict[str, list[str]]) -> Any:
        limit = int(params.get("limit", ["50"])[0])
        if limit > 100:
            raise Refusal(400, "InvalidRequest", "limit can not be greater than 100")
        wanted = set(params.get("reasons", []))
        rows = [(row, reason) for row in [*self._shown(POST), *self._shown(LIKE)]
                if row.did != who.did and not self._blocked(row, who) and (reason := self._reason(row, who))
                and (not wanted or reason in wanted)]
        rows.sort(key=lambda item: (self._sort_at(item[0]), item[0].uri), reverse=True)
        items: list[Any] = [*self.raw_notifications, *(
            {"uri": r.uri, "cid": r.cid, "author": self.profile(self.accounts[r.did], who), "reason": reason,
             "record": r.value, "isRead": False, "indexedAt": iso(self._sort_at(r)), "labels": []}
            for r, reason in rows)]
        return self._slice(items, params, "notifications", limit)

    def _reason(self, row: Row, who: Account) -> str:
        if row.value["$type"] == LIKE:
            return "like" if row.value["subject"]["uri"].split("/")[2] == who.did else ""
        marks = [feature for facet in row.value.get("facets", []) if isinstance(facet, dict)
                 for feature in facet.get("features", []) if isinstance(feature, dict)]
        if any(mark.get("did") == who.did for mark in marks):
            return "mention"
        above, depth = row.value.get("reply", {}).get("parent", {}).get("uri"), 0
        while above and depth < REPLY_DEPTH:
            if above.split("/")[2] == who.did and above in self.rows:
                return "reply"
            row_above = self.rows.get(above)
            above = row_above.value.get("reply", {}).get("parent", {}).get("uri") if row_above else None
            depth += 1
        quoted = row.value.get("embed", {}).get("record", {}).get("uri", "") if isinstance(
            row.value.get("embed"), dict) else ""
        return "quote" if quoted.startswith(f"at://{who.did}/") else ""

    def _get_posts(self, who: Account, params: dict[str, list[str]]) -> Any:
        if len(params["uris"]) > 25:
            raise Refusal(400, "InvalidRequest", "uris must not have more than 25 elements")
        shown = {row.uri: row for row in self._shown(POST)}
        return {"posts": [self.view(shown[uri], who) for uri in params["uris"]
                          if uri in shown and not self._blocked(shown[uri], who)]}

    def _thread(self, who: Account, params: dict[str, list[str]]) -> Any:
        uri = params["uri"][0]
        if not uri.startswith("at://did:"):
            raise Refusal(400, "InvalidRequest", f'Invalid at-uri (got "{uri}")')
        row = next((r for r in self._shown(POST) if r.uri == uri), None)
        if row is None:
            raise Refusal(400, "NotFound", f"Post not found: {uri}")
        node = self._node(row, who, min(int(params.get("depth", ["6"])[0]), self.depth))
        height, below = int(params.get("parentHeight", ["80"])[0]), node
        while height and "post" in below and (reply := below["post"]["record"].get("reply")):
            above = self.rows.get(reply["parent"]["uri"])
            below["parent"] = {"$type": "app.bsky.feed.defs#notFoundPost", "uri": reply["parent"]["uri"],
                               "notFound": True} if above is None else self._node(above, who, 0)
            below, height = below["parent"], height - 1
        return {"thread": node}

    def _node(self, row: Row, who: Account, depth: int) -> dict[str, Any]:
        if self._blocked(row, who):
            return {"$type": "app.bsky.feed.defs#blockedPost", "uri": row.uri, "blocked": True,
                    "author": {"did": row.did}}
        node: dict[str, Any] = {"$type": "app.bsky.feed.defs#threadViewPost", "post": self.view(row, who)}
        if depth:
            node["replies"] = [self._node(reply, who, depth - 1) for reply in self._replies(row.uri)]
        return node

    def _author_feed(self, who: Account, params: dict[str, list[str]]) -> Any:
        did = self._actor(params["actor"][0]).did
        rows = sorted((r for r in self._shown(POST) if r.did == did), key=self._sort_at, reverse=True)
        return {"feed": [{"post": self.view(row, who)} for row in rows[: int(params.get("limit", ["50"])[0])]]}

    def _search(self, who: Account, params: dict[str, list[str]]) -> Any:
        if self.search_down:
            raise Refusal(403, "Forbidden", "Request forbidden by the search service")
        words = params["q"][0].lower()
        words = words.strip('"') if words.startswith('"') else words
        since = params.get("since", [""])[0]
        author = params.get("author", [""])[0]
        rows = [row for row in self._shown(POST) if not self._blocked(row, who)
                and (words == "*" or words in str(row.value.get("text", "")).lower())
                and iso(self._sort_at(row)) >= since and (not author or row.did == author)
                and ("mentions" not in params or self._reason(row, self.accounts[params["mentions"][0]]) == "mention")]
        rows.sort(key=lambda row: (self._sort_at(row), row.uri), reverse=True)
        return self._slice([self.view(row, who) for row in rows], params, "posts",
                           int(params.get("limit", ["25"])[0]))

    def _slice(self, items: list[Any], params: dict[str, list[str]], name: str, limit: int) -> dict[str, Any]:
        """A page of a listing; a cursor that is none breaks the real server."""
        cursor = params.get("cursor", ["0"])[0]
        if not cursor.isdigit():
            raise Refusal(502, "UpstreamFailure", "Upstream Failure")
        start = int(cursor)
        found: dict[str, Any] = {name: items[start : start + limit]}
        return {**found, "cursor": str(start + limit)} if start + limit < len(items) else found

    def _actor(self, actor: str, name: str = "InvalidRequest", said: str = "Profile not found") -> Account:
        for account in self.accounts.values():
            if actor in (account.did, account.handle):
                return account
        raise Refusal(400, name, said)

    def _now(self) -> Millis:
        return self.clock.now()


def _about(record: dict[str, Any]) -> Any:
    subject = record.get("subject")
    return subject.get("uri") if isinstance(subject, dict) else subject
