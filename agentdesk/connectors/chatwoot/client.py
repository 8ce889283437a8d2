"""Chatwoot's calls, with what each one's refusal means; nothing here knows the model.

Paths: developers.chatwoot.com/api-reference. A token that is valid but may not do a thing gets 401 like a dead one:
the sentence tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from agentdesk.config.sources import ChatwootSource
from agentdesk.connectors.answers import Answer, failure
from agentdesk.connectors.chatwoot.wire import Inbox, Person, Talk, Word, instant
from agentdesk.connectors.http import Http, Params
from agentdesk.connectors.items import one, read
from agentdesk.connectors.login import again
from agentdesk.errors import AuthError, BadAnswer, Gone, RateLimited, Rejected, SourceError
from agentdesk.model.clock import SECOND, Clock, Millis
from agentdesk.model.page import Reject

TAIL = 20
"""So many messages come with one call."""
OVERLAP = 5
"""Messages are listed by time and asked for by id: each step back reads a few again."""
LIST_LIMIT = 32 * 1024 * 1024
"""The list of what changed lately comes in one piece."""
ALL = {"status": "all", "assignee_type": "all"}
NEWEST_FIRST = "last_activity_at_desc"


class ChatwootClient:
    """The calls of one account."""

    def __init__(
        self, config: ChatwootSource, clock: Clock, token: Callable[[], str], http: Http | None = None
    ) -> None:
        self.name = config.full_name
        self.site = config.url.rstrip("/")
        self.account = config.account
        self.base = f"/api/v1/accounts/{config.account}"
        self.dashed = False
        """True where a proxy drops headers with underscores: the server reads both spellings alike."""
        self._clock = clock
        self._token = token
        self.http = http or Http(
            self.site, clock=clock, name=self.name, headers=self.headers, timeout_s=config.timeout / SECOND,
            ca_file=config.ca_file, limit=LIST_LIMIT,
        )

    def headers(self) -> dict[str, str]:
        """The token, where Chatwoot looks for it."""
        return {"api-access-token" if self.dashed else "api_access_token": self._token()}

    def there(self, at: Millis) -> Millis:
        """What the server's clock shows at an instant of ours, as far as it tells."""
        return at + (self.http.meter.skew or 0)

    async def get(self, path: str, params: Params | None = None) -> Any:
        """Read one resource of the account, or of the server where ``path`` begins with /api or /auth."""
        return (await self._call("GET", path, params=params, safe=True)).json(self.name)

    async def change(self, path: str, data: Mapping[str, Any] | None, method: str = "POST") -> Any:
        """Change something that may be changed twice."""
        answer = await self._call(method, path, json=None if data is None else dict(data), safe=True)
        return answer.json(self.name) if answer.body.strip() else None

    async def post(self, path: str, *, json: Any = None, content: bytes | None = None, kind: str = "") -> Answer:
        """Add something that must not be added twice; its answer is read by the caller."""
        headers = {"Content-Type": kind} if kind else None
        return await self._call("POST", path, json=json, content=content, headers=headers, safe=False)

    async def _call(
        self, method: str, path: str, *, safe: bool, params: Params | None = None, json: Any = None,
        content: bytes | None = None, headers: Mapping[str, str] | None = None,
    ) -> Answer:
        path = path if path.startswith(("/api", "/auth")) else self.base + path
        answer = await self.http.request(
            method, path, safe=safe, params=params, json=json, content=content, headers=headers, accept=(401, 403, 422)
        )
        if answer.ok:
            return answer
        raise self._refusal(answer, safe)

    def _refusal(self, answer: Answer, safe: bool) -> SourceError:
        said = answer.words()
        low, cause = said.lower(), f"HTTP {answer.status}" + (f": {said}" if said else "")
        if answer.status == 422 and "too many messages" in low:
            return RateLimited(f"{self.name}: too many messages in one minute", cause, "It goes on by itself")
        if answer.status == 422:
            return Rejected(f"{self.name}: Chatwoot refuses", cause, "Change what is asked for and send again")
        if "access this account" in low or "suspended" in low:
            return AuthError(
                f"{self.name}: account {self.account} is closed to this token", cause,
                "Check account: and the agent's membership in Chatwoot",
            )
        if "bot" in low:
            return AuthError(
                f"{self.name}: this is a bot's token", cause,
                f"Use the access token at the end of an agent's profile. {again(self.name)}",
            )
        if answer.status == 403 or "authorized" in low:
            return Denied(
                f"{self.name}: Chatwoot does not allow this", cause, "Ask an administrator for access to the inbox"
            )
        return failure(answer, name=self.name, host=self.http.host, safe=safe, now=self._clock.now())

    # what is read ---------------------------------------------------------------------------------------------------

    async def talks(self, params: Mapping[str, str | int]) -> tuple[list[Talk], list[Reject], int | None]:
        """One list of conversations: (heads, those not understood, how many there are in all)."""
        data = await self.get("/conversations", dict(params))
        inner = data.get("data") if isinstance(data, dict) else None
        rows = inner.get("payload") if isinstance(inner, dict) else None
        if not isinstance(rows, list):
            raise self._bad("the conversations are no list")
        meta = inner.get("meta") if isinstance(inner, dict) else None
        total = meta.get("all_count") if isinstance(meta, dict) else None
        good, bad = read(rows, Talk, "conversation")
        return good, bad, total if isinstance(total, int) else None

    async def talk(self, number: int) -> Talk:
        """One conversation's head; Gone when it is not there or not for us."""
        data = await self._of_talk(number, "")
        try:
            return one(data, Talk)
        except (ValueError, msgspec.ValidationError) as error:
            raise self._bad(f"conversation {number} cannot be read: {error}") from error

    async def _of_talk(self, number: int, path: str, params: Params | None = None) -> Any:
        """Read something of a conversation; Gone when that is not there or out of sight."""
        try:
            return await self.get(f"/conversations/{number}{path}", params)
        except Denied as error:
            raise Gone(
                f"{self.name}: conversation {number} is out of our sight", error.cause,
                "It lies in an inbox that the token may not see",
            ) from error
        except Gone as error:
            title = f"{self.name}: conversation {number} is not there any more"
            raise Gone(title, error.cause, "It was deleted in Chatwoot") from error

    async def words(self, number: int, before: int = 0) -> tuple[list[Word], list[Reject]]:
        """Twenty messages of a conversation, the newest or those before an id, oldest first."""
        data = await self._of_talk(number, "/messages", {"before": before} if before else None)
        rows = data.get("payload") if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise self._bad(f"the messages of conversation {number} are no list")
        return read(rows, Word, "message")

    async def tail(self, number: int, floor: int, pages: int) -> tuple[list[Word], list[Reject], bool]:
        """Messages from the newest back to the id ``floor``: (oldest first, not understood, whether it was reached)."""
        found: dict[int, Word] = {}
        bad: dict[str, Reject] = {}
        before = 0
        for _ in range(pages):
            rows, rejects = await self.words(number, before)
            bad.update((reject.where, reject) for reject in rejects)
            fresh = [row for row in rows if row.id not in found]
            found.update((row.id, row) for row in rows)
            ids = sorted(row.id for row in rows)
            if not fresh or ids[0] <= floor or len(rows) + len(rejects) < TAIL:
                whole = bool(fresh) or len(rejects) < TAIL
                return sorted(found.values(), key=_order), list(bad.values()), whole
            before = ids[min(OVERLAP, len(ids) - 1)]
        return sorted(found.values(), key=_order), list(bad.values()), False

    async def inboxes(self) -> list[Inbox]:
        """The inboxes that the token may see."""
        data = await self.get("/inboxes")
        rows = data.get("payload") if isinstance(data, dict) else data
        if not isinstance(rows, list):
            raise self._bad("the inboxes are no list")
        return read(rows, Inbox, "inbox")[0]

    async def contact(self, number: int) -> Person:
        """One contact with its inboxes."""
        data = await self.get(f"/contacts/{number}")
        inner = data.get("payload") if isinstance(data, dict) else None
        try:
            return one(inner if isinstance(inner, dict) else data, Person)
        except (ValueError, msgspec.ValidationError) as error:
            raise self._bad(f"contact {number} cannot be read") from error

    async def contacts(self, words: str) -> list[Person]:
        """Contacts whose name, mail address, telephone number or identifier holds these words."""
        data = await self.get("/contacts/search", {"q": words, "include_contact_inboxes": "true"})
        rows = data.get("payload") if isinstance(data, dict) else None
        return read(rows if isinstance(rows, list) else [], Person, "contact")[0]

    async def talks_of(self, contact: int) -> tuple[list[Talk], list[Reject]]:
        """A contact's latest twenty conversations."""
        data = await self.get(f"/contacts/{contact}/conversations")
        rows = data.get("payload") if isinstance(data, dict) else None
        return read(rows if isinstance(rows, list) else [], Talk, "conversation")

    async def listing(self, path: str) -> list[Any]:
        """A catalogue: agents, teams, canned responses, macros."""
        data = await self.get(path)
        rows = data.get("payload") if isinstance(data, dict) else data
        return rows if isinstance(rows, list) else []

    def _bad(self, cause: str) -> BadAnswer:
        return BadAnswer(f"{self.name}: bad answer from the server", cause, "If it stays, check url: and account:")


class Denied(Rejected):
    """The token is good, but may not do this."""


def _order(word: Word) -> tuple[float, int]:
    return instant(word.created_at) or 0, word.id
