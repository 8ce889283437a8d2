"""The calls to one account's server, under a session that lives in memory only.

Sessions: https://docs.bsky.app/docs/api/com-atproto-server-create-session. Signing in is limited to 30 times in five
minutes and 300 a day, so a session is refreshed as long as that works, and our own count stops us earlier.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from agentdesk.config.sources import BlueskySource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.bluesky import refusals
from agentdesk.connectors.bluesky.wire import is_did
from agentdesk.connectors.http import HIDDEN, Http, Walk
from agentdesk.errors import Ambiguous, AuthError, BadAnswer, RateLimited, SourceError
from agentdesk.model.clock import DAY, MINUTE, SECOND, Clock, Millis
from agentdesk.model.text import inert_line

LOGINS = ((10, 5 * MINUTE), (100, DAY))
"""So many sign-ins in so long a time at most: a third of what the server allows, other programs sign in too."""
WITH_CHAT = "com.atproto.appPassPrivileged"
WHOLE_ACCOUNT = "com.atproto.access"

Pairs = list[tuple[str, str | int]]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are while signed in; never written anywhere."""

    access: str
    refresh: str
    did: str
    handle: str
    scope: str = ""
    """What the token says it may do; empty where it does not say."""
    home: str = ""
    """The server that the account's own document names."""

    def __repr__(self) -> str:
        """Never show the tokens."""
        return f"Session(did={self.did!r}, handle={self.handle!r})"


class Client:
    """XRPC calls with what each one's answer means; nothing here knows the model."""

    def __init__(
        self, config: BlueskySource, clock: Clock, password: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self.login = http or self._http(config, clock, config.url)
        self.http = self.login
        self._config = config
        self._clock = clock
        self._password = password
        self._session: Session | None = None
        self._renewing = asyncio.Lock()
        self._logins: deque[Millis] = deque(maxlen=LOGINS[-1][0])

    def _http(self, config: BlueskySource, clock: Clock, url: str) -> Http:
        return Http(url.rstrip("/") + "/xrpc", clock=clock, name=self.name, timeout_s=config.timeout / SECOND,
                    ca_file=config.ca_file)

    async def get(self, call: str, params: Pairs | None = None, *, chat: bool = False) -> dict[str, Any]:
        """Ask something."""
        return await self._call("GET", call, safe=True, params=params, chat=chat)

    async def post(self, call: str, body: Mapping[str, Any], *, safe: bool, chat: bool = False) -> dict[str, Any]:
        """Do something; ``safe`` says that doing it twice is harmless."""
        return await self._call("POST", call, safe=safe, json=body, chat=chat)

    async def upload(self, data: bytes, mime: str) -> dict[str, Any]:
        """Bring a file to the server; it stays only when a record names it, so that twice is harmless."""
        return await self._call("POST", "com.atproto.repo.uploadBlob", safe=True, content=data, mime=mime)

    async def pages(self, call: str, params: Pairs, key: str, most: int, *, chat: bool = False
                    ) -> AsyncIterator[list[Any]]:
        """A listing page by page as far as its cursor leads, ``most`` at most."""
        walk, cursor = Walk(self.name, most), ""
        while walk.enter(cursor):
            data = await self.get(call, [*params, ("cursor", cursor)] if cursor else params, chat=chat)
            items, follow = data.get(key), data.get("cursor")
            if not isinstance(items, list):
                raise BadAnswer(f"{self.name}: bad answer from the server", f"{call} brings no {key}", "Check url:")
            yield items
            if not isinstance(follow, str) or not follow:
                return
            cursor = follow

    async def session(self) -> Session:
        """Who we are; signs in when that was not done yet."""
        return self._session or await self._renew(None)

    async def close(self) -> None:
        """Close the connections and forget the session."""
        self._session = None
        await self.login.close()
        if self.http is not self.login:
            await self.http.close()

    async def _call(self, method: str, call: str, *, safe: bool, chat: bool = False, **more: Any) -> dict[str, Any]:
        session = await self.session()
        answer = await self._once(session, method, call, safe=safe, chat=chat, **more)
        if refusals.is_stale(answer):
            session = await self._renew(session)
            answer = await self._once(session, method, call, safe=safe, chat=chat, **more)
        if not answer.ok:
            raise self._refusal(answer, safe, chat)
        try:
            data = answer.json(self.name) if answer.body else {}
        except BadAnswer as error:
            if safe:
                raise
            raise self._garbled(error.cause) from error
        if not isinstance(data, dict) and not safe:
            raise self._garbled(f"{call} answers with no object")
        if not isinstance(data, dict):
            raise BadAnswer(f"{self.name}: bad answer from the server", f"{call} answers with no object", "Check url:")
        return data

    def _garbled(self, cause: str) -> Ambiguous:
        return Ambiguous(f"{self.name}: the answer could not be read", cause, "It is being looked for on the server")

    async def _once(self, session: Session, method: str, call: str, *, safe: bool, chat: bool,
                    params: Pairs | None = None, json: Any = None, content: bytes | None = None, mime: str = ""
                    ) -> Answer:
        headers = {"Authorization": f"Bearer {session.access}"}
        if chat:
            headers["atproto-proxy"] = self._config.chat
        if mime:
            headers["Content-Type"] = mime
        return await self.http.request(method, f"/{call}", safe=safe, params=params, json=json, content=content,
                                       headers=headers, accept=refusals.REFUSALS)

    def _refusal(self, answer: Answer, safe: bool = True, chat: bool = False) -> SourceError:
        return refusals.refusal(answer, name=self.name, host=self.http.host, safe=safe, now=self._clock.now(),
                                chat=chat)

    async def _renew(self, old: Session | None) -> Session:
        """A session that is not ``old``: refreshed if that works, else signed in anew; one caller does it for all."""
        async with self._renewing:
            if self._session is None or self._session is old:
                fresh = await self._refreshed(old) if old is not None else None
                self._session = fresh or await self._sign_in()
            return self._session

    async def _refreshed(self, old: Session) -> Session | None:
        """Both tokens change; None when the server wants the password again."""
        answer = await self.login.request(
            "POST", "/com.atproto.server.refreshSession", safe=True, accept=refusals.REFUSALS,
            headers={"Authorization": f"Bearer {old.refresh}"})
        if answer.ok:
            # A server that lets a token stand gives it back, and what was sent is hidden in every answer.
            body = answer.body.replace(HIDDEN.encode(), old.refresh.encode())
            return self._opened(Answer(status=answer.status, headers=answer.headers, body=body, url=answer.url))
        if refusals.is_stale(answer):
            return None
        raise self._refusal(answer)

    async def _sign_in(self) -> Session:
        password = self._password().strip()
        self._count_login()
        answer = await self.login.request(
            "POST", "/com.atproto.server.createSession", safe=True, accept=refusals.REFUSALS,
            json={"identifier": self._config.handle.strip().removeprefix("@"), "password": password})
        if len(password) >= 4:
            answer = Answer(status=answer.status, headers=answer.headers, url=answer.url,
                            body=answer.body.replace(password.encode(), HIDDEN.encode()))
        if not answer.ok:
            raise self._refusal(answer)
        return self._opened(answer)

    def _inactive(self, status: str) -> SourceError:
        kind = refusals.STATUS_NAMES.get(status, "AccountDeactivated")
        body = json.dumps({"error": kind, "message": status}).encode()
        return self._refusal(Answer(status=401, headers={}, body=body, url=""))

    def _count_login(self) -> None:
        now = self._clock.now()
        for most, within in LOGINS:
            recent = [at for at in self._logins if 0 <= now - at < within]
            if len(recent) >= most:
                wait = (recent[-most] + within - now) / SECOND
                raise RateLimited(
                    f"{self.name}: signed in too often, waiting {wait:.0f} s",
                    f"{most} times in {within // MINUTE} min",
                    "It goes on by itself; something keeps ending the session", retry_after=wait)
        self._logins.append(now)

    def _opened(self, answer: Answer) -> Session:
        """Read a session; AuthError for an account that is not active."""
        data = answer.json(self.name)
        words = {name: data.get(name) for name in ("accessJwt", "refreshJwt", "did", "handle")} \
            if isinstance(data, dict) else {}
        access, refresh, did, handle = (words.get(name) for name in ("accessJwt", "refreshJwt", "did", "handle"))
        if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(did, str) and is_did(did)
                and access.isascii() and access.isprintable() and refresh.isascii() and refresh.isprintable()):
            raise BadAnswer(f"{self.name}: bad answer from the server", "It gave no session", "Check url:")
        status = data.get("status")
        if data.get("active") is False or status in refusals.STATUS_NAMES:
            raise self._inactive(str(status))
        session = Session(access=access, refresh=refresh, did=did, handle=str(inert_line(str(handle or did))),
                          scope=_scope(access), home=home_of(data.get("didDoc")))
        self._move(session)
        return session

    def _move(self, session: Session) -> None:
        """Bluesky's own front door hands out accounts on other hosts of its: talk to that host directly."""
        parts = urlsplit(session.home)
        if self.login.host != "bsky.social" or parts.scheme != "https" or self.http is not self.login:
            return
        if (parts.hostname or "").endswith(".host.bsky.network"):
            self.http = self._http(self._config, self._clock, f"https://{parts.netloc}")


def home_of(document: Any) -> str:
    """The personal data server that a DID document names; empty when it names none."""
    services = document.get("service") if isinstance(document, dict) else None
    for service in services if isinstance(services, list) else ():
        if isinstance(service, dict) and str(service.get("id", "")).endswith("#atproto_pds"):
            return str(inert_line(str(service.get("serviceEndpoint", ""))))
    return ""


def _scope(token: str) -> str:
    """What a token says it may do; nothing is trusted that hangs on it, the server judges by itself."""
    try:
        middle = token.split(".")[1]
        data = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return str(inert_line(str(data["scope"]))) if isinstance(data, dict) else ""
    except (ValueError, LookupError, RecursionError):
        return ""


def denied(error: SourceError) -> bool:
    """True when the account or its app password is not allowed to, so that asking again is useless."""
    return isinstance(error, refusals.NotAllowed) and not isinstance(error, AuthError)
