"""A small server of the Mastodon family with a memory, as https://docs.joinmastodon.org/methods/ describes it.

Listings begin with the newest also when they are paged forward, ids are opaque, nobody is told who is not named, and
``software`` decides what it forgets: GoToSocial, snac and Pixelfed do not know an Idempotency-Key.

GoToSocial holds replies back that an account's policy wants approved, as its sources describe it
(https://docs.gotosocial.org/en/latest/api/swagger/, interaction_requests): who answers us is not announced as a mention
before, and where their reply is shown to us a note of the server's stands below it.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import regex

from agentdesk.model.clock import Clock
from tests.fakes import mastodon_shapes as shapes
from tests.fakes.wire import Reply
from tests.specs.check import described

DOMAIN = "social.example"
VERSIONS = {"mastodon": "4.4.2", "gotosocial": "0.19.0", "pleroma": "2.9.0", "akkoma": "3.13.0", "snac": "2.75",
            "pixelfed": "0.12.4"}
MENTION = re.compile(r"(?<![\w/@.])@(\w+(?:@[\w.:-]*\w)?)")
LINK = re.compile(r"https?://[^\s<]+")
TAG = re.compile(r"(?<![\w&/])#(\w+)")


@dataclass
class Person:
    """An account."""

    id: str
    username: str
    domain: str = ""
    display_name: str = ""
    token: str = ""
    note: str = ""
    fields: list[dict[str, Any]] = field(default_factory=list)
    followers: int = 12
    more: dict[str, Any] = field(default_factory=dict)
    """What the server says of it besides."""

    @property
    def acct(self) -> str:
        """As this server writes it."""
        return f"{self.username}@{self.domain}" if self.domain else self.username

    @property
    def url(self) -> str:
        """Their page."""
        return f"https://{self.domain or DOMAIN}/@{self.username}"


@dataclass
class Post:
    """A status."""

    id: str
    author: str
    text: str
    created: str
    visibility: str = "public"
    parent: str = ""
    parent_author: str = ""
    mentions: list[str] = field(default_factory=list)
    spoiler: str = ""
    media: list[str] = field(default_factory=list)
    edited: str = ""
    language: str = "en"
    content: str | None = None
    poll: dict[str, Any] | None = None
    url: str | None = None
    pending: bool = False
    """It waits for our approval."""


@dataclass
class Wish:
    """Somebody asks to interact with us."""

    id: str
    post: str
    created: str
    kind: str = "reply"
    accepted: str = ""
    rejected: str = ""


@dataclass
class Bell:
    """A notification to us."""

    id: str
    kind: str
    post: str
    created: str
    broken: bool = False
    filtered: bool = False


class FakeMastodon:
    """The server: world controls above, requests below."""

    nonsense = ""
    """Why it answers what no server would, while it does."""

    def __init__(self, clock: Clock, software: str = "mastodon") -> None:
        self.clock = clock
        self.software = software
        self.people: dict[str, Person] = {}
        self.posts: dict[str, Post] = {}
        self.bells: list[Bell] = []
        self.rung = 33
        self.keys: dict[tuple[str, str], tuple[int, Any]] = {}
        self.media: dict[str, dict[str, Any]] = {}
        self.liked: set[tuple[str, str]] = set()
        self.boosted: set[tuple[str, str]] = set()
        self.follows: set[str] = set()
        self.apps: dict[str, dict[str, str]] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.requests: list[tuple[str, str, dict[str, list[str]]]] = []
        self.bodies: list[dict[str, Any]] = []
        self.policy: dict[str, Any] | None = None if software == "gotosocial" else shapes.POLICY
        self.scopes: list[str] | None = None if software == "gotosocial" else ["read", "write"]
        self.retry_bug = False
        self.asks_first = False
        """True while others' replies to us wait for our approval, where the software has such a thing."""
        self.wishes: dict[str, Wish] = {}
        self.fetching = 0
        """While a thread's replies are fetched from elsewhere: the seconds after which to ask again."""
        self.drops = False
        self.slow_media = 0
        self.max_chars = {"mastodon": 500, "snac": 100_000}.get(software, 5_000)
        self.search_works = True
        self.limit_headers = False
        self.left = 300
        self.stream_url = f"wss://{DOMAIN}"
        self.pkce = True
        self.fine_scopes = True
        self._next = 0
        self.us = self.person("acme", display="Acme Care", token="token-acme-0123456789")
        self.who = self.us

    # the world ------------------------------------------------------------------------------------------------------

    def person(self, username: str, domain: str = "", display: str = "", token: str = "") -> Person:
        """Make an account, or find it."""
        for one in self.people.values():
            if (one.username, one.domain) == (username, domain):
                return one
        made = Person(self.new_id(), username, domain, display or username.title(), token)
        self.people[made.id] = made
        return made

    def post(self, author: Person, text: str, *, to: str = "", visibility: str = "public", **more: Any) -> Post:
        """Somebody posts; whoever is named and lives here is told."""
        parent = self.posts.get(to)
        mentions = [one.id for name in MENTION.findall(text) if (one := self.named(name)) is not None]
        made = Post(self.new_id(), author.id, text, self.now(), visibility, to if parent else "",
                    parent.author if parent else "", list(dict.fromkeys(mentions)), **more)
        self.posts[made.id] = made
        if self.asks_first and made.parent_author == self.us.id != author.id:
            made.pending = True
            wish = Wish(self.new_id(), made.id, self.now())
            self.wishes[wish.id] = wish
            self.ring("pending.reply", made)
            return made
        if self.us.id in made.mentions and author is not self.us:
            self.ring("mention", made)
        return made

    def ring(self, kind: str, post: Post, **more: Any) -> None:
        """Tell us."""
        self.rung += 1
        number = self.new_id() if self.software == "gotosocial" else str(self.rung)
        self.bells.append(Bell(number, kind, post.id, self.now(), **more))

    def delete(self, ref: str) -> None:
        """A status goes; who answered it is forgotten, and so is that we were told."""
        self.posts.pop(ref, None)
        self.bells = [bell for bell in self.bells if bell.post != ref]
        for post in self.posts.values():
            if post.parent == ref:
                post.parent = ""
        self.wishes = {number: wish for number, wish in self.wishes.items() if wish.post != ref or wish.rejected}

    def decide(self, ref: str, word: str) -> None:
        """A colleague approves or rejects a reply on the website."""
        (wish,) = [wish for wish in self.wishes.values() if wish.post == ref]
        self._decide(wish.id, word)

    def named(self, name: str) -> Person | None:
        """Who a handle means here."""
        user, _, domain = name.partition("@")
        domain = "" if domain == DOMAIN else domain
        return next((one for one in self.people.values()
                     if (one.username.lower(), one.domain) == (user.lower(), domain)), None)

    def copies(self, text: str) -> int:
        """How many of our statuses hold this text."""
        return sum(text in post.text for post in self.posts.values() if post.author == self.us.id)

    def new_id(self) -> str:
        """An id that nobody should do sums with, made of the server's time as theirs are."""
        self._next += 7
        number = (self.clock.now() << 16) + self._next
        return f"01J{number:023d}" if self.software == "gotosocial" else str(number)

    def now(self) -> str:
        """As the server writes times; GoToSocial knows whole seconds only."""
        at = datetime.fromtimestamp(self.clock.now() / 1_000, UTC)
        return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"

    @property
    def mastodon(self) -> bool:
        """True but for GoToSocial, which says less of some things."""
        return self.software != "gotosocial"

    @property
    def described_by(self) -> str:
        """Whose description it is held to: those without one of their own follow Mastodon's."""
        return "mastodon" if self.mastodon else "gotosocial"

    # requests -------------------------------------------------------------------------------------------------------

    @described
    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        """Reply one request."""
        parts = urlsplit(url)
        params = parse_qs(parts.query, keep_blank_values=True)
        self.requests.append((method, parts.path, params))
        data = self._data(headers, body)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        self.who = next((one for one in self.people.values() if one.token and one.token == token), Person("", ""))
        for pattern, verb, public, work in self._routes():
            found = re.fullmatch(pattern, unquote(parts.path))
            if method != verb or not found:
                continue
            if not public and not self.who.id:
                return Reply(401, {"error": "The access token is invalid"})
            answer = self._once(work, found.groups(), method, headers, params, data)
            return self._limited(answer)
        return Reply(404, {"error": "Record not found"})

    def _data(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        kind = headers.get("content-type", "")
        if kind.startswith("application/json"):
            data: dict[str, Any] = json.loads(body) if body else {}
            self.bodies.append(data)
            return data
        if kind.startswith("multipart/"):
            return {"multipart": body}
        return {name: values[-1] for name, values in parse_qs(body.decode()).items()}

    def _once(self, work: Callable[..., Reply], found: tuple[str, ...], method: str, headers: dict[str, str],
              params: dict[str, list[str]], data: dict[str, Any]) -> Reply:
        """Idempotency as each software has it: Mastodon for new statuses, Pleroma for whatever is posted."""
        key = (self.who.id, headers.get("idempotency-key", ""))
        known = self.keys.get(key) if key[1] and method == "POST" else None
        if known is not None and self.software == "mastodon":
            return Reply(500, {"error": "We're sorry, but something went wrong"}) if self.retry_bug else Reply(*known)
        if known is not None and self.software in ("pleroma", "akkoma"):
            return Reply(*known, headers={"idempotent-replayed": "true"})
        answer = work(*found, params=params, data=data)
        if key[1] and (answer.status == 200 or self.software in ("pleroma", "akkoma")):
            self.keys[key] = (answer.status, answer.data)
        return answer

    def _limited(self, answer: Reply) -> Reply:
        if self.limit_headers:
            self.left -= 1
            reset = datetime.fromtimestamp(self.clock.now() / 1_000 + 120, UTC).isoformat().replace("+00:00", "Z")
            answer.headers |= {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": str(max(0, self.left)),
                               "X-RateLimit-Reset": reset}
        return answer

    def _routes(self) -> list[tuple[str, str, bool, Callable[..., Reply]]]:
        one = r"/api/v1/statuses/([^/]+)"
        return [
            (r"/\.well-known/nodeinfo", "GET", True, self._nodeinfo_index),
            (r"/nodeinfo/2\.0", "GET", True, self._nodeinfo),
            (r"/api/(v[12])/instance", "GET", True, self._instance),
            (r"/\.well-known/oauth-authorization-server", "GET", True, self._oauth_facts),
            (r"/api/v1/apps", "POST", True, self._register),
            (r"/oauth/token", "POST", True, self._token),
            (r"/api/v1/apps/verify_credentials", "GET", False, self._app),
            (r"/api/v2/notifications/policy", "GET", False, self._policy),
            (r"/api/v1/interaction_requests", "GET", False, self._wishes),
            (r"/api/v1/interaction_requests/([^/]+)", "GET", False, self._wish),
            (r"/api/v1/interaction_requests/([^/]+)/(authorize|reject)", "POST", False, self._decide),
            (r"/api/v1/notifications", "GET", False, self._notifications),
            (r"/api/v1/accounts/verify_credentials", "GET", False,
             lambda **_: Reply(200, {**self.account(self.who), **shapes.own(mastodon=self.mastodon)})),
            (r"/api/v1/accounts/relationships", "GET", False, self._relationships),
            (r"/api/v1/accounts/lookup", "GET", False, self._lookup),
            (r"/api/v1/accounts/([^/]+)", "GET", False, self._account),
            (r"/api/v1/accounts/([^/]+)/statuses", "GET", False, self._statuses_of),
            (r"/api/v1/accounts/([^/]+)/(follow|unfollow)", "POST", False, self._follow),
            (r"/api/v2/search", "GET", False, self._search),
            (r"/api/v1/timelines/tag/([^/]+)", "GET", False, self._tag),
            (r"/api/v1/statuses", "POST", False, self._create),
            (one, "GET", False, self._status),
            (one, "PUT", False, self._edit),
            (one, "DELETE", False, self._delete),
            (one + "/context", "GET", False, self._context),
            (one + "/source", "GET", False, self._source),
            (one + "/(favourite|unfavourite|reblog|unreblog)", "POST", False, self._react),
            (r"/api/v2/media", "POST", False, self._upload),
            (r"/api/v1/media/([^/]+)", "GET", False, self._media),
            (r"(?:/system)?/x\.png", "GET", True, lambda **_: Reply(200, raw=b"a picture")),
        ]

    # what it is -----------------------------------------------------------------------------------------------------

    def _nodeinfo_index(self, **_: Any) -> Reply:
        link = {"rel": "http://nodeinfo.diaspora.software/ns/schema/2.0", "href": "http://inside.example/nodeinfo/2.0"}
        return Reply(200, {"links": [link]})

    def _nodeinfo(self, **_: Any) -> Reply:
        return Reply(200, {"software": {"name": self.software, "version": VERSIONS.get(self.software, "1")}})

    def _instance(self, version: str, **_: Any) -> Reply:
        if version == "v2" and self.software == "snac":
            return Reply(404, headers={"content-type": "text/html"}, raw=b"<h1>404 Not Found (snac/2.75)</h1>")
        limits = {"max_characters": self.max_chars, "characters_reserved_per_url": 23, "max_media_attachments": 4}
        return Reply(200, shapes.instance(version, DOMAIN, VERSIONS.get(self.software, "1"), limits, self.stream_url,
                                           mastodon=self.mastodon))

    def _oauth_facts(self, **_: Any) -> Reply:
        if not self.pkce:
            return Reply(404, {"error": "Not Found"})
        return Reply(200, shapes.OAUTH_FACTS)

    def _register(self, data: dict[str, str], **_: Any) -> Reply:
        if not self.fine_scopes and ":" in data["scopes"]:
            return Reply(422, {"error": "Validation failed: scopes doesn't match configured on the server."})
        app = {"client_id": f"app{len(self.apps)}", "client_secret": "app-secret-0123456789", **data}
        self.apps[app["client_id"]] = app
        return Reply(200, {**shapes.APP, "name": app["client_name"], "client_id": app["client_id"],
                            "client_secret": app["client_secret"], "scopes": app["scopes"].split()})

    def allow(self, url: str, who: Person) -> str:
        """The account's owner opens the address and allows it; returns the code that the page shows."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        app = self.apps[asked["client_id"]]
        assert asked["redirect_uri"] == app["redirect_uris"] == "urn:ietf:wg:oauth:2.0:oob"
        assert set(asked["scope"].split()) <= set(app["scopes"].split())
        code = f"code{len(self.codes)}"
        self.codes[code] = {**asked, "token": who.token}
        return code

    def _token(self, data: dict[str, str], **_: Any) -> Reply:
        import base64
        import hashlib

        asked = self.codes.pop(data.get("code", ""), None)
        app = self.apps.get(data.get("client_id", ""))
        if asked is None or app is None or app["client_secret"] != data.get("client_secret"):
            return Reply(400, {"error": "invalid_grant", "error_description": "The provided grant is invalid."})
        if "code_challenge" in asked:
            digest = hashlib.sha256(data.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
                return Reply(400, {"error": "invalid_grant"})
        return Reply(200, {"access_token": asked["token"], "token_type": "Bearer", "scope": asked["scope"],
                            "created_at": self.clock.now() // 1_000})

    def _app(self, **_: Any) -> Reply:
        if not self.mastodon:
            return Reply(404, {"error": "Not Found"})
        return Reply(200, {**shapes.APP, **({"scopes": self.scopes} if self.scopes is not None else {})})

    def _policy(self, **_: Any) -> Reply:
        return Reply(200, self.policy) if self.policy is not None else Reply(404, {"error": "Not Found"})

    # people ---------------------------------------------------------------------------------------------------------

    def account(self, one: Person) -> dict[str, Any]:
        """An account as the server shows it."""
        return {"id": one.id, "username": one.username, "acct": one.acct, "display_name": one.display_name,
                "note": one.note, "url": one.url, "bot": False, "locked": False, "fields": one.fields,
                "created_at": "2025-01-01T00:00:00.000Z", "followers_count": one.followers, "following_count": 3,
                "statuses_count": sum(post.author == one.id for post in self.posts.values()), "last_status_at": None,
                **shapes.account(one.url, mastodon=self.mastodon), **one.more}

    def _account(self, ref: str, **_: Any) -> Reply:
        one = self.people.get(ref)
        return Reply(200, self.account(one)) if one else Reply(404, {"error": "Record not found"})

    def _relationships(self, params: dict[str, list[str]], **_: Any) -> Reply:
        return Reply(200, [{**shapes.NEITHER, "id": ref, "following": ref in self.follows}
                            for ref in params.get("id[]", [])])

    def _lookup(self, params: dict[str, list[str]], **_: Any) -> Reply:
        one = self.named(params["acct"][0])
        return Reply(200, self.account(one)) if one else Reply(404, {"error": "Record not found"})

    def _follow(self, ref: str, verb: str, **_: Any) -> Reply:
        if ref not in self.people:
            return Reply(404, {"error": "Record not found"})
        self.follows.add(ref) if verb == "follow" else self.follows.discard(ref)
        return Reply(200, {**shapes.NEITHER, "id": ref, "following": verb == "follow"})

    # statuses -------------------------------------------------------------------------------------------------------

    def sees(self, post: Post) -> bool:
        """True when whoever asks may see it."""
        if post.pending:
            return self.who.id in (post.author, post.parent_author)
        return post.visibility in ("public", "unlisted") or self.who.id in (post.author, *post.mentions)

    def status(self, post: Post, *, noted: bool = True) -> dict[str, Any]:
        """A status as the server shows it; with its own note below one that waits for approval."""
        author = self.people[post.author]
        url = post.url if post.url is not None else f"{author.url}/{post.id}"
        return {
            "id": post.id, "created_at": post.created, "in_reply_to_id": post.parent or None,
            "in_reply_to_account_id": post.parent_author or None, "sensitive": bool(post.spoiler),
            "spoiler_text": post.spoiler, "visibility": post.visibility, "language": post.language, "url": url,
            "uri": url, "content": self.content(post) + self._note(post) * noted,
            "edited_at": post.edited or None, "reblog": None,
            "account": self.account(author), "poll": post.poll, **shapes.COUNTS,
            "tags": [{"name": t, "url": f"https://{DOMAIN}/tags/{t}"} for t in TAG.findall(post.text)],
            "media_attachments": [self._shown_file(ref) for ref in post.media],
            "mentions": [{"id": "0" if self.software == "snac" else ref, "username": who.username, "acct": who.acct,
                          "url": who.url} for ref in post.mentions for who in (self.people[ref],)],
        }

    def _note(self, post: Post) -> str:
        if not post.pending:
            return ""
        number = next(wish.id for wish in self.wishes.values() if wish.post == post.id)
        where = f"https://{DOMAIN}/settings/user/interaction_requests/{number}"
        return ('<div class="gts-system-message gts-pending-reply"><hr><p><i lang="en">'
                f"\u2139\ufe0f Note from {DOMAIN}: This reply is pending your approval. "
                "You can also accept or reject it at the following link: "
                f'<a href="{where}">{where}</a>.</i></p></div>')

    def content(self, post: Post) -> str:
        """The text as Mastodon's HTML."""
        if post.content is not None:
            return post.content
        out = html.escape(post.text, quote=False).replace("\n", "<br />")
        out = LINK.sub(lambda m: f'<a href="{m[0]}" rel="nofollow"><span class="invisible">{m[0][:8]}</span>'
                                 f'<span class="">{m[0][8:]}</span></a>', out)
        out = TAG.sub(lambda m: f'<a href="https://{DOMAIN}/tags/{m[1]}" class="mention hashtag" rel="tag">'
                                f"#<span>{m[1]}</span></a>", out)
        return f"<p>{MENTION.sub(self._anchor, out)}</p>"

    def _anchor(self, found: re.Match[str]) -> str:
        one = self.named(found[1])
        if one is None:
            return found[0]
        return (f'<span class="h-card" translate="no"><a href="{one.url}" class="u-url mention">'
                f"@<span>{one.username}</span></a></span>")

    def _page(self, items: list[tuple[str, Any]], params: dict[str, list[str]], path: str) -> Reply:
        """A listing: ``items`` oldest first with their ids; the answer begins with the newest."""
        items = sorted(items, key=lambda item: (len(item[0]), item[0]))
        limit = min(int(params.get("limit", ["40"])[0]), 80)
        marks = {name: params[name][0] for name in ("min_id", "max_id", "since_id") if name in params}
        items = [item for item in items if "max_id" not in marks or _before(item[0], marks["max_id"])]
        items = [item for item in items if "min_id" not in marks or _before(marks["min_id"], item[0])]
        items = items[:limit] if "min_id" in marks else items[-limit:]
        items = items[::-1]
        headers = {}
        if items:
            base = f"http://inside.example{path}?limit={limit}"
            headers["Link"] = (f'<{base}&max_id={items[-1][0]}>; rel="next", <{base}&min_id={items[0][0]}>; rel="prev"')
        return Reply(200, [item for _, item in items], headers)

    def _notifications(self, params: dict[str, list[str]], **_: Any) -> Reply:
        wanted, who = params.get("types[]"), params.get("account_id", [""])[0]
        who = "" if self.software in ("gotosocial", "snac") else who  # they know no such question
        items = [(bell.id, self._bell(bell)) for bell in self.bells
                 if (not wanted or bell.kind in wanted or self.software == "snac")
                 and (not who or self.posts[bell.post].author == who)
                 and (not bell.filtered or params.get("include_filtered") == ["true"])]
        return self._page(items, params, "/api/v1/notifications")

    def _bell(self, bell: Bell) -> dict[str, Any]:
        if bell.broken:
            return {"id": bell.id, "type": "mention", "created_at": bell.created, "status": {"id": {"no": "id"}}}
        post = self.posts[bell.post]
        group = {"group_key": f"ungrouped-{bell.id}"} if self.mastodon else {}
        return {"id": bell.id, "type": bell.kind, "created_at": bell.created, **group,
                "account": self.account(self.people[post.author]), "status": self.status(post)}

    def _statuses_of(self, ref: str, params: dict[str, list[str]], **_: Any) -> Reply:
        items = [(post.id, self.status(post)) for post in self.posts.values() if post.author == ref and self.sees(post)]
        if self.software == "snac":  # public ones only, all of them, wherever one asks to go on
            return Reply(200, [item for _, item in items[::-1] if item["visibility"] == "public"][:256])
        return self._page(items, params, f"/api/v1/accounts/{ref}/statuses")

    def _visible(self, ref: str) -> Post | None:
        post = self.posts.get(ref)
        return post if post is not None and self.sees(post) else None

    def _status(self, ref: str, **_: Any) -> Reply:
        post = self._visible(ref)
        return Reply(200, self.status(post)) if post else Reply(404, {"error": "Record not found"})

    def _wishes(self, params: dict[str, list[str]], **_: Any) -> Reply:
        """Those that nobody has decided, of the kinds that are asked for."""
        if self.software != "gotosocial":
            return Reply(404, {"error": "Record not found"})
        skipped = {name.removesuffix("s") for name in ("favourites", "replies", "reblogs")
                   if params.get(name) == ["false"]}
        items = [(wish.id, self._shown(wish)) for wish in self.wishes.values()
                 if not wish.accepted and not wish.rejected and wish.kind not in skipped]
        return self._page(items, params, "/api/v1/interaction_requests")

    def _shown(self, wish: Wish) -> dict[str, Any]:
        post = self.posts.get(wish.post)
        told: dict[str, Any] = {"id": wish.id, "type": wish.kind, "created_at": wish.created}
        if post is not None:
            told |= {"account": self.account(self.people[post.author]), "reply": self.status(post, noted=False)}
        return told | {name: at for name, at in (("accepted_at", wish.accepted), ("rejected_at", wish.rejected)) if at}

    def _wish(self, number: str, **_: Any) -> Reply:
        wish = self.wishes.get(number)
        return Reply(200, self._shown(wish)) if wish else Reply(404, {"error": "Not Found"})

    def _decide(self, number: str, word: str, **_: Any) -> Reply:
        wish = self.wishes.get(number)
        if wish is None or wish.accepted or wish.rejected:
            return Reply(404, {"error": "Not Found"})
        post = self.posts[wish.post]
        if word == "authorize":
            wish.accepted, post.pending = self.now(), False
            if self.us.id in post.mentions:
                self.ring("mention", post)
            return Reply(200, self._shown(wish))
        wish.rejected = self.now()
        answer = Reply(200, self._shown(wish))
        self.delete(post.id)
        return answer

    def _context(self, ref: str, **_: Any) -> Reply:
        post = self._visible(ref)
        if post is None:
            return Reply(404, {"error": "Record not found"})
        above: list[Post] = []
        up = self.posts.get(post.parent)
        while up is not None:
            above.insert(0, up)
            up = self.posts.get(up.parent)
        below, found = [], {post.id}
        for other in self.posts.values():
            if other.parent in found:
                found.add(other.id)
                below.append(other)
        headers = {"Mastodon-Async-Refresh": f'id="cmVm", retry={self.fetching}'} if self.fetching else {}
        return Reply(200, {"ancestors": [self.status(one) for one in above if self.sees(one)],
                            "descendants": [self.status(one) for one in below if self.sees(one)]}, headers)

    def _source(self, ref: str, **_: Any) -> Reply:
        post = self._visible(ref)
        if post is None or post.author != self.who.id:
            return Reply(404, {"error": "Record not found"})
        return Reply(200, {"id": ref, "text": post.text, "spoiler_text": post.spoiler})

    def _create(self, data: dict[str, Any], **_: Any) -> Reply:
        text, parent = str(data.get("status", "")), str(data.get("in_reply_to_id") or "")
        bad = self._refusal(text, parent, data)
        if bad is not None:
            return bad
        made = self.post(self.who, text, to=parent, visibility=data.get("visibility", "public"),
                         media=list(data.get("media_ids", [])), spoiler=data.get("spoiler_text", ""))
        answer = Reply(200, self.status(made))
        if self.drops:
            self.delete(made.id)
        return answer

    def _refusal(self, text: str, parent: str, data: dict[str, Any]) -> Reply | None:
        if not text and not data.get("media_ids"):
            return Reply(422, {"error": "Validation failed: Text can't be blank"})
        if self._length(text, data.get("spoiler_text", "")) > self.max_chars and self.software != "snac":
            return Reply(422, {"error": f"Validation failed: Text character limit of {self.max_chars} exceeded"})
        if parent and self._visible(parent) is None and self.software not in ("snac",):
            return Reply(404, {"error": "Record not found"})
        if any(self.media[ref]["url"] is None for ref in data.get("media_ids", [])):
            return Reply(422, {"error": "Cannot attach files that have not finished processing. Try again!"})
        allowed = data.get("allowed_mentions")
        named = [one for name in MENTION.findall(text) if (one := self.named(name)) is not None]
        if allowed is not None and self.software == "mastodon" and any(one.id not in allowed for one in named):
            return Reply(422, {"error": "Post would be sent to unexpected accounts: mention",
                                "unexpected_accounts": []})
        return None

    def _length(self, text: str, spoiler: str) -> int:
        """As the software counts: Mastodon by grapheme, with every address as 23 and every handle without its host;
        the others by code point.
        """
        if self.software not in ("mastodon", "pleroma", "akkoma"):
            return len(spoiler + text)
        if self.software == "mastodon":
            text = re.sub(r"(@\w+)@[\w.-]+\w", r"\1", LINK.sub("x" * 23, text))
        return len(regex.findall(r"\X", text)) + len(regex.findall(r"\X", spoiler))

    def _edit(self, ref: str, data: dict[str, Any], **_: Any) -> Reply:
        post = self._visible(ref)
        if post is None or post.author != self.who.id:
            return Reply(404, {"error": "Record not found"})
        post.text, post.edited, post.spoiler = data["status"], self.now(), data.get("spoiler_text", "")
        post.media = list(data.get("media_ids", []))
        return Reply(200, self.status(post))

    def _delete(self, ref: str, **_: Any) -> Reply:
        post = self._visible(ref)
        if post is None or post.author != self.who.id:
            return Reply(404, {"error": "Record not found"})
        answer = Reply(200, self.status(post))
        self.delete(ref)
        return answer

    def _react(self, ref: str, verb: str, **_: Any) -> Reply:
        post = self._visible(ref)
        if post is None:
            return Reply(404, {"error": "Record not found"})
        held = self.liked if "favourite" in verb else self.boosted
        held.discard((self.who.id, ref)) if verb.startswith("un") else held.add((self.who.id, ref))
        return Reply(200, self.status(post))

    # the rest -------------------------------------------------------------------------------------------------------

    def _upload(self, data: dict[str, Any], **_: Any) -> Reply:
        raw = data["multipart"]
        alt = re.search(rb'name="description"\r\n\r\n(.*?)\r\n--', raw, re.S)
        number = self.new_id()
        self.media[number] = {"id": number, "type": "image", "url": f"https://cdn.example/{number}.png",
                              "description": alt[1].decode() if alt else None, "wait": self.slow_media}
        if self.slow_media:
            self.media[number]["url"] = None
        return Reply(202 if self.slow_media else 200, self._shown_file(number))

    def _shown_file(self, ref: str) -> dict[str, Any]:
        return {name: value for name, value in self.media[ref].items() if name != "wait"}

    def _media(self, ref: str, **_: Any) -> Reply:
        media = self.media.get(ref)
        if media is None:
            return Reply(404, {"error": "Record not found"})
        media["wait"] -= 1
        if media["wait"] > 0:
            return Reply(206, self._shown_file(ref))
        media["url"] = f"https://cdn.example/{ref}.png"
        return Reply(200, self._shown_file(ref))

    def _search(self, params: dict[str, list[str]], **_: Any) -> Reply:
        words = params["q"][0].strip('"').lower()
        found = [(post.id, self.status(post)) for post in self.posts.values()
                 if words in post.text.lower() and self.sees(post)] if self.search_works else []
        page = self._page(found, params, "/api/v2/search").data
        people = [self.account(one) for one in self.people.values()
                  if words.removeprefix("@").split("@")[0] in (one.username, one.display_name.lower())]
        kind = params.get("type", [""])[0]
        return Reply(200, {"accounts": people if kind in ("", "accounts") else [],
                            "statuses": page if kind in ("", "statuses") else [], "hashtags": []})

    def _tag(self, tag: str, params: dict[str, list[str]], **_: Any) -> Reply:
        found = [(post.id, self.status(post)) for post in self.posts.values() if post.visibility == "public"
                 and tag.lower() in [one.lower() for one in TAG.findall(post.text)]]
        return self._page(found, params, f"/api/v1/timelines/tag/{tag}")


def _before(one: str, other: str) -> bool:
    """Ids as the server orders them: shorter numbers come first."""
    return (len(one), one) < (len(other), other)
