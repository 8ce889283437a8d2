"""Likes, boosts, follows, edits, deletions and approvals: https://docs.joinmastodon.org/methods/statuses/."""

from __future__ import annotations

from typing import Any

from agentdesk.connectors.mastodon.approvals import Approvals
from agentdesk.connectors.mastodon.client import MastodonClient, path
from agentdesk.connectors.mastodon.sending import addressed
from agentdesk.connectors.mastodon.speak import Speaker, plain_ref, visibility
from agentdesk.connectors.mastodon.threads import part
from agentdesk.connectors.mastodon.wire import Status
from agentdesk.errors import Gone, Rejected
from agentdesk.model.capability import Caps
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Action, Verb


class Actor:
    """Carries out one account's actions; each may be repeated."""

    def __init__(self, client: MastodonClient, speaker: Speaker, approvals: Approvals) -> None:
        self._client = client
        self._speaker = speaker
        self._approvals = approvals
        self.name = client.name

    async def act(self, action: Action, caps: Caps) -> None:
        """Do one repeatable thing."""
        off = action.value.strip().lower() == "off"
        match action.verb:
            case Verb.LIKE:
                await self._on(action, "unfavourite" if off else "favourite")
            case Verb.BOOST:
                await self._boost(action, off)
            case Verb.FOLLOW:
                customer = action.customer_ref or part(action.conversation_ref, self.name)[1]
                await self._client.write("POST", f"/api/v1/accounts/{path(customer)}/{'un' if off else ''}follow", {})
            case Verb.EDIT if caps.can_edit:
                await self._edit(action)
            case Verb.DELETE:
                await self._delete(action)
            case Verb.APPROVE if caps.can_approve:
                await self._approvals.approve(self._ref(action))
            case Verb.REJECT if caps.can_approve:
                await self._approvals.reject(self._ref(action))
            case _:
                raise Rejected(f"{self.name}: the platform cannot do {action.verb}",
                               remedy="It is kept on this desk only")

    def _ref(self, action: Action) -> str:
        ref = plain_ref(action.message_ref)
        if not ref:
            raise Rejected(f"{self.name}: which post is meant is not said", remedy="Choose a message first")
        return ref

    async def _on(self, action: Action, word: str) -> None:
        await self._client.write("POST", f"/api/v1/statuses/{path(self._ref(action))}/{word}", {})

    async def _boost(self, action: Action, off: bool) -> None:
        """Show a post to our followers; one that its author did not mean for everybody is left alone."""
        if not off:
            status = await self._client.status(self._ref(action))
            ours = status.account.ref == self._speaker.me
            if visibility(status.visibility) not in (Visibility.PUBLIC, Visibility.UNLISTED) and not (
                    ours and visibility(status.visibility) is Visibility.FOLLOWERS):
                raise Rejected(f"{self.name}: this post cannot be boosted", "It is not public")
        await self._on(action, "unreblog" if off else "reblog")

    async def _edit(self, action: Action) -> None:
        """Put another text in place of one of ours; its files, warning and language stay."""
        status = await self._ours(self._ref(action))
        _, customer = part(action.conversation_ref, self.name)
        source = await self._client.maybe(f"/api/v1/statuses/{path(status.ref)}/source")
        told = source if isinstance(source, dict) else {}
        text = addressed(action.value.strip(), await self._acct(status, customer), self._speaker.domain)
        if not action.value.strip():
            raise Rejected(f"{self.name}: the new text is empty", remedy="Delete the post instead")
        if told.get("text") == text:
            return
        body: dict[str, Any] = {"status": text, "spoiler_text": str(told.get("spoiler_text") or ""),
                                "sensitive": status.sensitive}
        if status.language:
            body["language"] = status.language
        if status.media_attachments:
            body["media_ids"] = [str(one.id) for one in status.media_attachments]
        await self._client.write("PUT", f"/api/v1/statuses/{path(status.ref)}", body)

    async def _acct(self, status: Status, customer: str) -> str:
        for one in status.mentions:
            if str(one.id) == customer:
                return one.acct
        return (await self._client.account(customer)).acct

    async def _delete(self, action: Action) -> None:
        """Take one of our posts away; one that is gone already is."""
        try:
            status = await self._ours(self._ref(action))
            await self._client.write("DELETE", f"/api/v1/statuses/{path(status.ref)}")
        except Gone:
            return

    async def _ours(self, ref: str) -> Status:
        status = await self._client.status(ref)
        if status.account.ref != self._speaker.me:
            raise Rejected(f"{self.name}: this post is not ours", "Only its author can change it")
        return status
