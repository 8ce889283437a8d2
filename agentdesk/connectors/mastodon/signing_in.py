"""Signing in: an application of our own on the server, allowed by the account's owner in any browser.

The code is shown there and typed here, so it works over SSH and without a browser on this machine:
https://docs.joinmastodon.org/methods/apps/#create, https://docs.joinmastodon.org/methods/oauth/, with PKCE where the
server offers it (https://docs.joinmastodon.org/spec/oauth/#pkce).
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

from agentdesk.connectors.http import Http
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.connectors.mastodon.server import NEEDED
from agentdesk.errors import AuthError, BadAnswer, Rejected, Unavailable
from agentdesk.model.clock import Clock
from agentdesk.model.text import inert_line

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
NAME = "agentdesk"
SCOPES = " ".join(NEEDED)
COARSE = "read write follow"
"""For servers that do not know the finer scopes."""
TRIES = 3
"""So often may a code be typed before everything begins anew."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def sign_in(ask: Ask, clock: Clock, make: Any = Http) -> SignIn:
    """Ask for the server, register there, and exchange the code for a token."""
    given = await ask.text("Server", hint="where the account is, such as mastodon.social or @acme@social.example")
    url = server_url(given)
    token, name = await _allowed(ask, clock, url, make)
    return SignIn(name=name, settings={"url": url}, secret=token)


async def renew(ask: Ask, clock: Clock, url: str, make: Any = Http) -> str:
    """Have the same account allow it anew."""
    return (await _allowed(ask, clock, url, make))[0]


async def _allowed(ask: Ask, clock: Clock, url: str, make: Any) -> tuple[str, str]:
    """The token that the account's owner allows, and the account's name."""
    http: Http = make(url, clock=clock, name="mastodon")
    try:
        app, scopes = await _register(http)
        verifier = secrets.token_urlsafe(48) if await _knows_pkce(http) else ""
        ask.tell(
            "Open this address in a browser on any machine, sign in there as the account whose customers you answer, "
            "and allow agentdesk:"
        )
        ask.tell(authorize_url(url, app, scopes, verifier))
        ask.tell("The page then shows a code.")
        token = await _typed(ask, http, app, verifier, scopes)
        name = await _account(make, url, clock, token)
    finally:
        await http.close()
    return token, name


async def _typed(ask: Ask, http: Http, app: dict[str, str], verifier: str, scopes: str) -> str:
    """The token for the code that the person types; a slip costs one more try, not the whole way."""
    for left in range(TRIES - 1, -1, -1):
        code = (await ask.secret("Code", hint="as the page shows it")).strip()
        try:
            return await _exchange(http, app, code, verifier, scopes)
        except AuthError as error:
            if not left:
                raise
            ask.tell(f"{error.title}: {error.cause} Type it once more, or open the address again for another code.")
    raise AssertionError("the last try ends with a token or an error")


def server_url(given: str) -> str:
    """The server's address from what people type: a name, a handle or an address."""
    text = given.strip().rstrip("/")
    if "://" not in text:
        host = text.removeprefix("@").rpartition("@")[2].partition("/")[0]
        text = f"https://{host}"
    parts = urlsplit(text)
    if not parts.hostname or not ("." in parts.hostname or parts.hostname == "localhost"):
        said = f"{inert_line(given, limit=80)} is no server" if given.strip() else "No server was given"
        raise Rejected(said, remedy="Type its name, such as mastodon.social")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def authorize_url(url: str, app: dict[str, str], scopes: str, verifier: str) -> str:
    """Where the owner allows it."""
    asked = {"response_type": "code", "client_id": app["client_id"], "redirect_uri": OUT_OF_BAND, "scope": scopes}
    if verifier:
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    return f"{url}/oauth/authorize?{urlencode(asked)}"


async def _register(http: Http) -> tuple[dict[str, str], str]:
    """An application; with the old, wide scopes where the server refuses the finer ones."""
    for scopes in (SCOPES, COARSE):
        form = {"client_name": NAME, "redirect_uris": OUT_OF_BAND, "scopes": scopes}
        answer = await http.request("POST", "/api/v1/apps", content=urlencode(form).encode(), headers=FORM, safe=True,
                                    accept=(400, 422))
        if answer.ok:
            data = answer.json(http.name)
            if isinstance(data, dict) and data.get("client_id") and data.get("client_secret"):
                return {name: str(data[name]) for name in ("client_id", "client_secret")}, scopes
            break
    raise BadAnswer(f"{http.host} does not register applications", answer.words(),
                    "Check the server's name; it must speak the Mastodon interface")


async def _knows_pkce(http: Http) -> bool:
    """True when the server says so; older ones have no such page."""
    try:
        data = (await http.get("/.well-known/oauth-authorization-server")).json(http.name)
    except (Rejected, BadAnswer, Unavailable, AuthError):
        return False
    methods = data.get("code_challenge_methods_supported") if isinstance(data, dict) else None
    return isinstance(methods, list) and "S256" in methods


async def _exchange(http: Http, app: dict[str, str], code: str, verifier: str, scopes: str) -> str:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": OUT_OF_BAND, "scope": scopes, **app}
    if verifier:
        form["code_verifier"] = verifier
    answer = await http.request("POST", "/oauth/token", content=urlencode(form).encode(), headers=FORM, safe=True,
                                accept=(400, 401, 403))
    data = answer.json(http.name) if answer.ok else None
    token = data.get("access_token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not token:
        raise AuthError(f"{http.host} did not accept the code", answer.words() if not answer.ok else "",
                        "Codes are good once and for some minutes: begin again")
    return token


async def _account(make: Any, url: str, clock: Clock, token: str) -> str:
    """The account's name, for the label; whether the token is good is for verify() to say."""
    http: Http = make(url, clock=clock, name="mastodon", headers=lambda: {"Authorization": f"Bearer {token}"})
    try:
        data = (await http.get("/api/v1/accounts/verify_credentials")).json(http.name)
    except (Rejected, BadAnswer, Unavailable, AuthError):
        return ""
    finally:
        await http.close()
    return str(inert_line(str(data.get("username") or ""), limit=60)) if isinstance(data, dict) else ""
