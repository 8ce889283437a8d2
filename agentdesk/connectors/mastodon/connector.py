"""The Mastodon connector: one account on one server of the family."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, BinaryIO

import msgspec

from agentdesk.config.sources import ListenConfig, MastodonSource
from agentdesk.connectors.base import HttpConnector, Verdict
from agentdesk.connectors.http import Http
from agentdesk.connectors.login import again
from agentdesk.connectors.mastodon import server as servers
from agentdesk.connectors.mastodon.acting import Actor
from agentdesk.connectors.mastodon.approvals import Approvals
from agentdesk.connectors.mastodon.client import MastodonClient
from agentdesk.connectors.mastodon.reading import Reader
from agentdesk.connectors.mastodon.sending import Sending
from agentdesk.connectors.mastodon.server import Server
from agentdesk.connectors.mastodon.speak import Speaker
from agentdesk.connectors.mastodon.streaming import Stream
from agentdesk.connectors.mastodon.threads import Threads
from agentdesk.connectors.mastodon.whole import Whole
from agentdesk.connectors.mastodon.wire import Account as Person
from agentdesk.errors import AuthError, Gone, Rejected
from agentdesk.model.clock import Clock
from agentdesk.model.customer import Profile
from agentdesk.model.outgoing import Action, Outgoing, Receipt
from agentdesk.model.page import Account, Budget, Page
from agentdesk.model.text import inert_line


class MastodonConnector(HttpConnector):
    """What customers write to one account, as conversations."""

    def __init__(
        self, config: MastodonSource, clock: Clock, token: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self._config = config
        self._client = MastodonClient(config, clock, token, http)
        self._speaker = Speaker()
        self._threads = Threads(self._client, self._speaker)
        self._approvals = Approvals(self._client)
        self._reader = Reader(config, self._client, self._speaker, self._threads, self._approvals, clock)
        self._whole = Whole(self._client, self._speaker, self._threads, self._approvals, self._reader)
        self._sending = Sending(config, self._client, self._speaker, self._whole, self._approvals, clock)
        self._actor = Actor(self._client, self._speaker, self._approvals)
        self._stream = Stream(config, clock, token)
        self._server: Server | None = None
        self._signing_in = asyncio.Lock()
        self._warnings: tuple[str, ...] = ()
        self.caps = servers.caps(config, None)

    async def verify(self) -> Account:
        """Ask who we are, what the server is and what it hides; sets what can be done here."""
        me = await self._whoami()
        it = await servers.look(self._client)
        granted, warnings = await self._granted()
        if it.family.stream != "none" and not self._stream.allowed(it.stream_url):
            warnings.append("its news comes from another host, which is not sent the token: it is asked every half "
                            "minute instead")
        async with self._signing_in:
            self._speaker.me, self._speaker.my_acct, self._speaker.domain = me.ref, me.acct, it.domain
            self._speaker.learn(me)
            self._server = it
            self._approvals.on = it.family.approves
            self.caps = servers.caps(self._config, it)
        warnings += servers.warnings(it, self._config)
        warnings += servers.policy_warnings(await self._policy())
        self._warnings = tuple(warnings)
        return Account(
            ref=me.ref, handle=self._speaker.handle(me.acct), name=inert_line(me.display_name or me.username),
            server=str(inert_line(f"{it.software or 'unknown software'} {it.version} at {self._client.http.host}")),
            scopes=granted, warnings=self._warnings,
        )

    async def pull(self, cursor: str | None, limit: int = 100) -> Page:
        """Bring new mentions, and what we said elsewhere; on first connect those of the last days."""
        await self._ready()
        page = await self._reader.pull(cursor, limit)
        deaf = self._reader.listener.deaf
        told = [f"the server does not let us listen for {', '.join(map(str, map(inert_line, deaf)))}"] if deaf else []
        return msgspec.structs.replace(page, warnings=(*self._warnings, *told))

    async def thread(self, conversation_ref: str) -> Page:
        """One whole conversation, with what others say around it."""
        await self._ready()
        return await self._whole.thread(conversation_ref)

    async def customer(self, customer_ref: str) -> Profile:
        """One person, and whether we or they have shut the other out."""
        await self._ready()
        profile = self._speaker.profile(await self._client.account(customer_ref))
        told = await self._client.maybe("/api/v1/accounts/relationships", [("id[]", customer_ref)])
        ties = told[0] if isinstance(told, list) and told and isinstance(told[0], dict) else {}
        blocked = any(ties.get(key) is True for key in ("blocking", "blocked_by", "domain_blocking"))
        return msgspec.structs.replace(profile, blocked=blocked)

    async def history(self, customer_ref: str, limit: int = 20) -> Page:
        """A person's latest conversations with us."""
        await self._ready()
        return await self._whole.history(customer_ref, limit)

    def freeze(self, out: Outgoing) -> str:
        """Nothing: the client id is all it takes."""
        return ""

    async def send(self, out: Outgoing) -> Receipt:
        """Post a reply that names the customer, never wider than what it answers; or begin a private conversation."""
        it = await self._ready()
        return await self._sending.send(out, self.caps, it)

    async def reconcile(self, out: Outgoing, first_try_at: int) -> Verdict:
        """Look for a post among our own."""
        it = await self._ready()
        return await self._sending.reconcile(out, first_try_at, it)

    async def act(self, action: Action) -> None:
        """Like, boost, follow, edit, delete, approve or reject."""
        await self._ready()
        await self._actor.act(action, self.caps)

    async def find(self, words: str, limit: int = 20) -> Page:
        """What the server's search finds of our conversations, and of people with that name."""
        await self._ready()
        return await self._whole.find(words, limit)

    async def download(self, url: str, out: BinaryIO, limit: int) -> None:
        """Fetch a file of a message; other hosts than the server's own are not sent the token."""
        await self._client.http.save(url, out, limit, elsewhere=True)

    @property
    def http(self) -> Http:
        """The client's."""
        return self._client.http

    def budget(self) -> Budget | None:
        """What the server leaves us, as it last said."""
        return self._client.allowance.budget()

    def hints(self) -> AsyncIterator[None] | None:
        """The server's event stream; None where there is none, or where it would take the token to another host."""
        if self._server is not None and not self._streams(self._server):
            return None
        return self._listen()

    def hear(self, listen: tuple[ListenConfig, ...]) -> None:
        """Listen by these entries from now on."""
        self._reader.listener.change(listen)

    async def close(self) -> None:
        """Close the connections."""
        await self._stream.close()
        await self._client.close()

    async def _listen(self) -> AsyncIterator[None]:
        it = await self._ready()
        kind = it.family.stream
        if kind != "none" and self._streams(it):
            async for _ in self._stream.events(kind, it.stream_url):
                yield None

    def _streams(self, it: Server) -> bool:
        return it.family.stream != "none" and self._stream.allowed(it.stream_url)

    async def _ready(self) -> Server:
        """Ask who we are before the first call that needs to know."""
        if self._server is None:
            await self.verify()
        assert self._server is not None  # noqa: S101 - set by verify()
        return self._server

    async def _whoami(self) -> Person:
        """The token's account; snac refuses an unknown token with 422, which elsewhere means something else."""
        try:
            return self._client.one(await self._client.data("/api/v1/accounts/verify_credentials"), Person)
        except Gone:
            raise
        except Rejected as error:
            raise AuthError(f"{self.name}: {self._client.http.host} does not say whose token this is", error.cause,
                            again(self.name)) from error

    async def _granted(self) -> tuple[tuple[str, ...], list[str]]:
        """What the token may do, where the server says it, and what it lacks."""
        app: Any = await self._client.maybe("/api/v1/apps/verify_credentials")
        scopes = app.get("scopes") if isinstance(app, dict) else None
        told = [str(inert_line(one, limit=60)) for one in scopes[:60] if isinstance(one, str)] if isinstance(
            scopes, list) else []
        missing = servers.missing_scopes(" ".join(told))
        return tuple(told), [f"the token lacks {', '.join(missing)}. {again(self.name)}"] if missing else []

    async def _policy(self) -> Any:
        for version in ("v2", "v1"):
            policy = await self._client.maybe(f"/api/{version}/notifications/policy")
            if isinstance(policy, dict):
                return policy
        return None
