"""Sending, and finding again what was sent: https://docs.joinmastodon.org/methods/statuses/#create.

On Mastodon our id goes along as the Idempotency-Key, which it remembers for an hour. Releases before the fix of
https://github.com/mastodon/mastodon/issues/40399 answer a repeated key with HTTP 500 although the first attempt landed:
like every 5xx that says nothing, so it is read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from agentdesk.config.sources import MastodonSource
from agentdesk.connectors.answers import Answer
from agentdesk.connectors.base import Verdict
from agentdesk.connectors.foreign import web_url
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.items import instant, one, read
from agentdesk.connectors.mastodon.approvals import Approvals, may_wait
from agentdesk.connectors.mastodon.client import PAGE, MastodonClient, Pairs, path
from agentdesk.connectors.mastodon.files import bring_up
from agentdesk.connectors.mastodon.server import LAG_S, Server
from agentdesk.connectors.mastodon.speak import (
    Speaker,
    named,
    names_them,
    plain_ref,
    visibility,
    wire_word,
    without_leading,
)
from agentdesk.connectors.mastodon.threads import join, part
from agentdesk.connectors.mastodon.whole import Whole
from agentdesk.connectors.mastodon.wire import Account, Status
from agentdesk.connectors.matching import LOOK_BACK, same_text
from agentdesk.errors import Ambiguous, AuthError, BadAnswer, Gone, RateLimited, Rejected, TooLong, Unavailable
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND, Clock
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Absent, Found, Outgoing, OutKind, Receipt, Unsure
from agentdesk.model.text import inert_line
from agentdesk.replies import length

LOOK_PAGES = 8
SOURCES_READ = 3
KEYS = 4
REFUSED = (400, 403, 404, 422)
PRIVATE = ("private", "direct")


class Target(NamedTuple):
    """Where a reply goes."""

    customer: str
    acct: str
    parent: Status | None
    word: str
    """Who may read it, as the server says it."""


class Sending:
    """One account's posts."""

    def __init__(
        self, config: MastodonSource, client: MastodonClient, speaker: Speaker, whole: Whole, approvals: Approvals,
        clock: Clock,
    ) -> None:
        self._config = config
        self._client = client
        self._speaker = speaker
        self._whole = whole
        self._approvals = approvals
        self._clock = clock
        self.name = client.name

    async def send(self, out: Outgoing, caps: Caps, server: Server) -> Receipt:
        """Post a reply, or a status that begins a private conversation."""
        if not out.text.strip() and not out.uploads:
            raise Rejected(f"{self.name}: there is nothing to send", remedy="Write something first")
        if out.kind not in (OutKind.REPLY, OutKind.DM):
            raise Rejected(f"{self.name}: there are no notes and no tickets here", remedy="Write a note about the "
                           "customer instead: m")
        target = await self._target(out)
        text = addressed(out.text, target.acct, self._speaker.domain)
        if target.word in PRIVATE and not server.family.guards_mentions:
            self._check_strangers(text, target.acct)
        body: dict[str, Any] = {"status": text, "visibility": target.word}
        if target.parent is not None:
            body["in_reply_to_id"] = target.parent.ref
            body |= _warned(target.parent, text, caps)
        if target.word in PRIVATE and server.family.guards_mentions:
            body["allowed_mentions"] = [target.customer]
        if out.uploads:
            body["media_ids"] = await bring_up(self._client, self._clock, out.uploads, caps)
        if target.parent is not None and self._approvals.on and may_wait(target.parent):
            await self._approvals.approve(target.parent.ref)  # an answer that everybody sees needs what it answers
        key = out.client_id if caps.send_strength is SendStrength.KEY else ""
        return await self._post(body, out, target, key)

    async def _post(self, body: dict[str, Any], out: Outgoing, target: Target, key: str) -> Receipt:
        answer = await self._hand_over(body, key)
        try:
            status = one(answer.json(self.name), Status)
        except (BadAnswer, msgspec.ValidationError, ValueError) as error:
            raise Ambiguous(f"{self.name}: the server did not confirm it", str(error)[:200],
                            "It is being looked for on the server") from error
        await self._look_at(status.ref)
        return self._receipt(status, out, target.customer)

    async def _hand_over(self, body: dict[str, Any], key: str) -> Answer:
        """Post it. Pleroma repeats a refusal under a key it knows: that one proves nothing was posted, so the next
        key of the same series may be used, which repeats in turn whatever came of it.
        """
        try:
            for number in range(1, KEYS + 1):
                one_key = key if number == 1 or not key else f"{key}-{number}"
                answer = await self._client.write("POST", "/api/v1/statuses", body, safe=False, key=one_key,
                                                  accept=REFUSED if number < KEYS else ())
                if answer.ok:
                    return answer
                if not (key and "idempotent-replayed" in answer.headers):
                    self._client.refuse(answer)
        except Rejected as error:
            raise self._why(error) from error
        raise AssertionError

    async def reconcile(self, out: Outgoing, first_try_at: int, server: Server) -> Verdict:
        """Look for a post of ours: below what it answers, and among our own latest."""
        target, places = await self._places(out)
        since = first_try_at + (self._client.http.meter.skew or 0) - LOOK_BACK
        found, complete = await self._own(since, target)
        match = await self._match(found, out, target, places, since)
        if match is not None:
            return Found(self._receipt(match, out, target.customer))
        if self._clock.now() - first_try_at < LAG_S * SECOND:
            return Unsure("The server may still be working on it")
        if not complete:
            return Unsure("The server does not list our own posts far enough back")
        if target.parent is None and target.word in ("", *PRIVATE) and not server.family.lists_private:
            return Unsure("The server does not list private posts of our own")
        return Absent()

    async def _places(self, out: Outgoing) -> tuple[Target, frozenset[str]]:
        """Where it went, and what it may answer there; what it answered may be deleted by now."""
        if out.kind is OutKind.DM:
            return await self._target(out), frozenset()
        root, customer = part(out.conversation_ref, self.name)
        wanted = plain_ref(out.reply_to_ref)
        try:
            target = await self._target(out)
        except Gone:
            person = await self._client.maybe(f"/api/v1/accounts/{path(customer)}")
            acct = self._client.one(person, Account).acct if isinstance(person, dict) and "id" in person else ""
            return Target(customer, acct, None, ""), frozenset((wanted,)) if wanted else frozenset()
        if wanted or target.parent is None:
            return target, frozenset((wanted,))
        statuses = (await self._whole.statuses(root)).statuses
        return target, frozenset(status.ref for status in statuses if status.account.ref == customer)

    async def _own(self, since: int, target: Target) -> tuple[list[Status], bool]:
        """Our statuses from ``since`` on, and whether the listing proves to hold them all."""
        found: dict[str, Status] = {}
        if target.parent is not None:
            below = (await self._client.context(target.parent.ref)).below
            found = {status.ref: status for status in below if status.account.ref == self._speaker.me}
        older, complete = "", False
        for _ in range(LOOK_PAGES):
            pairs: Pairs = [("limit", PAGE), ("exclude_reblogs", "true"), *([("max_id", older)] if older else [])]
            page = await self._client.listing(f"/api/v1/accounts/{path(self._speaker.me)}/statuses", pairs)
            statuses, _ = read(page.items, Status, "status")
            fresh = [status for status in statuses if status.ref not in found]
            found.update((status.ref, status) for status in fresh)
            oldest = min((instant(status.created_at) or 0 for status in statuses), default=0)
            if not page.items and not older and await self._posted():
                break  # an empty list is not believed where we have posts
            if len(page.items) < PAGE or oldest < since:
                complete = True
                break
            if page.older == older:
                break
            older = page.older
        return list(found.values()), complete

    async def _posted(self) -> bool:
        """True when the server counts posts of ours, whatever it lists."""
        data = await self._client.maybe(f"/api/v1/accounts/{path(self._speaker.me)}")
        known = isinstance(data, dict) and "id" in data
        return known and bool(self._client.one(data, Account).statuses_count)

    async def _match(
        self, found: Sequence[Status], out: Outgoing, target: Target, places: frozenset[str], since: int
    ) -> Status | None:
        """The one that is this reply: by place and time, then by its words, then by the words as they were typed.

        A post whose parent was deleted does not say any more what it answered: then it must name the customer.
        """
        near = [
            status for status in found
            if (instant(status.created_at) or 0) >= since and status.reblog is None
            and (status.parent in places if status.parent
                 else self._speaker.speaks_to(status, target.customer) or not self._speaker.mentioned(status))
            and (out.kind is not OutKind.DM or visibility(status.visibility) is Visibility.DIRECT)
        ]
        mine = self._bare(out.text, target)
        for status in near:
            if same_text(mine, self._bare(self._plain(status), target)) or (not mine and status.media_attachments):
                return status
        for status in near[:SOURCES_READ]:
            source = await self._client.maybe(f"/api/v1/statuses/{path(status.ref)}/source")
            typed = source.get("text") if isinstance(source, dict) else None
            if isinstance(typed, str) and same_text(mine, self._bare(typed, target)):
                return status
        return None

    def _plain(self, status: Status) -> str:
        return html_to_text(status.content, {one.url: f"@{one.acct or one.username}" for one in status.mentions
                                             if one.url})

    def _bare(self, text: str, target: Target) -> str:
        """A text without the handle that stands before every reply."""
        name, _, domain = target.acct.lower().partition("@")
        bare = without_leading(text, {target.acct.lower(), name, f"{name}@{domain or self._speaker.domain}"})
        return bare.strip()

    async def _target(self, out: Outgoing) -> Target:
        """Where a reply goes: to what it answers, else to the customer's last words in the thread."""
        if out.kind is OutKind.DM:
            person = await self.person(out.customer_ref, out.customer_handle)
            self._speaker.learn(person)
            return Target(person.ref, person.acct, None, "direct")
        root, customer = part(out.conversation_ref, self.name)
        parent = await self._parent(plain_ref(out.reply_to_ref), root, customer)
        widest = Visibility.UNLISTED if self._config.visibility == "unlisted" else Visibility.PUBLIC
        word = wire_word(out.visibility, visibility(parent.visibility), widest)
        if parent.account.ref == customer:
            return Target(customer, parent.account.acct, parent, word)
        person = await self._client.account(customer)
        return Target(customer, person.acct, parent, word)

    async def _parent(self, wanted: str, root: str, customer: str) -> Status:
        if wanted:
            return await self._client.status(wanted)
        statuses = (await self._whole.statuses(root)).statuses
        theirs = [status for status in statuses if status.account.ref == customer]
        if not theirs:
            raise Gone(f"{self.name}: what this answers is not there any more", "The customer deleted it")
        return max(theirs, key=lambda status: instant(status.created_at) or 0)

    async def person(self, ref: str, handle: str) -> Account:
        """An account by its id or its handle; both must mean the same one, for ids of other sources look alike."""
        acct = handle.strip().removeprefix("@")
        if ref:
            try:
                found = await self._client.account(ref)
            except Rejected:
                found = None
            if found is not None and (not acct or self._speaker.handle(found.acct).lower() ==
                                      self._speaker.handle(acct).lower()):
                return found
        if acct:
            told = await self._client.maybe("/api/v1/accounts/lookup", [("acct", acct)])
            if not isinstance(told, dict) or "id" not in told:
                pairs: Pairs = [("q", f"@{acct}"), ("type", "accounts"), ("resolve", "true"), ("limit", 5)]
                data = await self._client.maybe("/api/v2/search", pairs)
                people, _ = read((data.get("accounts") or []) if isinstance(data, dict) else [], Account, "account")
                told = next((one for one in people if self._speaker.handle(one.acct).lower() ==
                             self._speaker.handle(acct).lower()), None)
            if told is not None:
                return told if isinstance(told, Account) else self._client.one(told, Account)
        raise Gone(f"{self.name}: {inert_line(handle or ref, limit=80)} is not found here",
                   "No account of that name is known to the server", "Check the handle")

    async def _look_at(self, ref: str) -> None:
        """Make sure that it is there: a server's spam filter may take a post, say yes and drop it."""
        try:
            await self._client.status(ref)
        except Gone as error:
            await self._once_more(ref, error)
        except (Rejected, Unavailable, BadAnswer, RateLimited, AuthError):
            return

    async def _once_more(self, ref: str, error: Gone) -> None:
        await self._clock.sleep(SECOND)
        try:
            await self._client.status(ref)
        except Gone:
            raise Rejected(f"{self.name}: the server took the reply and dropped it",
                           "Its spam filter does that without a word",
                           "Change the text, or ask the server's moderators") from error
        except (Rejected, Unavailable, BadAnswer, RateLimited, AuthError):
            return

    def _check_strangers(self, text: str, acct: str) -> None:
        """Refuse a private reply that names somebody else: it would be shown to them."""
        for other in named(text):
            if not names_them(f"@{other}", acct, self._speaker.domain):
                raise Rejected(f"{self.name}: the private reply names @{inert_line(other, limit=80)}",
                               "Whoever is named can read it", "Take the @ out of that name")

    def _why(self, error: Rejected) -> Rejected:
        """A refusal in words that help."""
        said = error.cause.lower()
        if "character limit" in said or "too long" in said or "exceed max chars" in said:
            return TooLong(f"{self.name}: the reply is too long", error.cause, "Shorten it, or split it")
        if "mention" in said and "422" in said:
            return Rejected(f"{self.name}: the private reply names somebody else", error.cause,
                            "Take the @ out of that name")
        return error

    def _receipt(self, status: Status, out: Outgoing, customer: str) -> Receipt:
        began = join(status.ref, customer) if out.kind is OutKind.DM else ""
        return Receipt(ref=status.ref, conversation_ref=began, url=web_url(status.url or status.uri),
                       created_at=instant(status.created_at))


def _warned(parent: Status, text: str, caps: Caps) -> dict[str, Any]:
    """The content warning of what is answered: who did not want to see that need not see the reply either.

    It counts as text, so as much of it goes along as there is room for.
    """
    warning = parent.spoiler_text.strip()
    room = length.left(text, caps)
    if room is not None:
        warning = "".join(length.graphemes(warning)[:max(0, room)])
    return {"spoiler_text": warning, "sensitive": True} if warning else {}


def addressed(text: str, acct: str, domain: str) -> str:
    """The text with the customer's handle before it, unless it names them already: without it nobody is told.

    An account of the server's own is named in short, as every server understands it.
    """
    name, _, host = acct.partition("@")
    handle = name if host.lower() in ("", domain.lower()) else acct
    return text if names_them(text, acct, domain) else f"@{handle} {text}".rstrip()
