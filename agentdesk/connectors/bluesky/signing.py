"""Signing in: a handle, an app password, and the server where the account lives.

How a handle leads to its server: https://atproto.com/specs/handle and https://atproto.com/specs/did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from agentdesk.connectors.bluesky.client import home_of
from agentdesk.connectors.bluesky.wire import is_did
from agentdesk.connectors.http import Http
from agentdesk.connectors.login import Ask, SignIn
from agentdesk.errors import ConfigError, Gone, SourceError
from agentdesk.model.clock import Clock
from agentdesk.model.text import inert_line

if TYPE_CHECKING:
    import httpx

BLUESKY = "https://bsky.social"
RESOLVER = "https://public.api.bsky.app"
DIRECTORY = "https://plc.directory"
SECONDS = 10.0
WHERE = (
    "Make an app password for this desk: in the Bluesky app or on https://bsky.app/settings/app-passwords choose "
    "Add App Password, give it a name such as agentdesk, and tick «Allow access to your direct messages» if the desk "
    "is to read and write them. It is shown once and looks like abcd-efgh-ijkl-mnop. Never use the account's own "
    "password here; an app password can be revoked without changing anything else."
)


class Finder:
    """Finds the server that holds an account."""

    def __init__(
        self, clock: Clock, *, resolver: str = RESOLVER, directory: str = DIRECTORY,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._clock = clock
        self._resolver = resolver
        self._directory = directory
        self._transport = transport

    async def server(self, handle: str) -> str:
        """The address of the account's server; Gone when the handle leads nowhere."""
        did = await self._did(handle)
        home = home_of(await self._document(did))
        if not home.startswith(("https://", "http://localhost", "http://127.0.0.1")):
            raise Gone(f"The account {handle} names no server", f"Its document ({did}) has none")
        return home.rstrip("/")

    async def _did(self, handle: str) -> str:
        """The network knows most handles; the handle's own host is asked after that."""
        try:
            data = await self._get(self._resolver, f"/xrpc/com.atproto.identity.resolveHandle?handle={handle}")
            did = str(data.get("did") or "") if isinstance(data, dict) else ""
        except SourceError:
            did = str(await self._get(f"https://{handle}", "/.well-known/atproto-did", plain=True)).strip()
        if not is_did(did):
            raise Gone(f"Nobody has the handle {handle}", "It leads to no account", "Check its spelling")
        return did

    async def _document(self, did: str) -> Any:
        if did.startswith("did:web:"):
            return await self._get(f"https://{unquote(did.removeprefix('did:web:'))}", "/.well-known/did.json")
        return await self._get(self._directory, f"/{did}")

    async def _get(self, site: str, path: str, *, plain: bool = False) -> Any:
        http = Http(site, clock=self._clock, name="bluesky", timeout_s=SECONDS, limit=256 * 1024,
                    transport=self._transport)
        try:
            answer = await http.get(path)
        finally:
            await http.close()
        return answer.body[:300].decode("utf-8", "replace") if plain else answer.json("bluesky")


async def sign_in(ask: Ask, clock: Clock, finder: Finder | None = None) -> SignIn:
    """Ask for the handle and an app password; the server is found from the handle, and asked for when that fails."""
    handle = ""
    while not handle:
        typed = await ask.text("Handle", hint="such as acme.bsky.social; without @")
        handle = "".join(str(inert_line(typed)).split()).removeprefix("@").removeprefix("https://bsky.app/profile/")
        handle = handle.rstrip("/").lower()
        if handle and "." not in handle:
            handle += ".bsky.social"
            ask.tell(f"Taken as {handle}")
    url = await _server(ask, handle, finder or Finder(clock))
    password = await ask_for_password(ask)
    settings: dict[str, str | int | tuple[str, ...]] = {"handle": handle}
    if url != BLUESKY:
        settings["url"] = url
    return SignIn(name=_label(handle), settings=settings, secret=password)


async def ask_for_password(ask: Ask) -> str:
    """Say where app passwords are made, and ask for one."""
    ask.tell(WHERE)
    return (await ask.secret("App password", hint="abcd-efgh-ijkl-mnop")).strip()


async def _server(ask: Ask, handle: str, finder: Finder) -> str:
    """Bluesky's front door for accounts of theirs, otherwise what the account itself names."""
    if handle.endswith(".bsky.social"):
        return BLUESKY
    try:
        found = await finder.server(handle)
    except (SourceError, ConfigError) as error:
        ask.tell(f"The account's server could not be found. {error.cause or error.title}")
        typed = await ask.text("Server", hint="where the account lives", default=BLUESKY)
        return typed.strip().rstrip("/") or BLUESKY
    if found.endswith(".host.bsky.network"):
        return BLUESKY
    ask.tell(f"The account lives on {found}")
    return found


def _label(handle: str) -> str:
    """A short name for the source: the handle's first part."""
    return handle.split(".", 1)[0] or "bluesky"
