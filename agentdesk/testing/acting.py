"""What every connector promises about trouble and about acting; with it the contract is whole."""

from __future__ import annotations

import json

import msgspec
import pytest

from agentdesk.errors import AuthError, Conflict, RateLimited, Rejected
from agentdesk.model.outgoing import Action, Verb
from agentdesk.testing.lasting import Lasting
from agentdesk.testing.world import DIALECTS, World, reply


class ConnectorContract(Lasting):
    """The promises: subclass it and give it a ``world``."""

    @pytest.mark.parametrize(("headers", "body", "seconds"), DIALECTS)
    async def test_every_way_to_say_later_is_understood(
        self, world: World, headers: dict[str, str], body: bytes, seconds: float
    ) -> None:
        thread = await world.customer_posts("question")
        await self.messages(world)
        world.rate_limit(headers, body)
        with pytest.raises(RateLimited) as caught:
            await world.connector.pull(None)
        assert caught.value.retry_after == pytest.approx(seconds)
        if not world.connector.caps.can_reply:
            return
        world.rate_limit(headers, body)
        with pytest.raises(RateLimited):
            await world.connector.send(reply(thread, "in a hurry", caps=world.connector.caps))
        assert await world.copies("in a hurry") == 0

    async def test_a_dead_token_is_said_to_be_one(self, world: World) -> None:
        thread = await world.customer_posts("question")
        await self.messages(world)
        world.expire_token()
        for work in (world.connector.verify(), world.connector.pull(None),
                     world.connector.send(reply(thread, "hello", caps=world.connector.caps))):
            with pytest.raises(AuthError) as caught:
                await work
            assert "agentdesk login" in caught.value.remedy, "the command is named"
        assert await world.copies("hello") == 0

    async def test_what_is_declared_works_and_the_rest_is_refused(self, world: World) -> None:
        await world.connector.verify()
        caps = world.connector.caps
        thread = await world.customer_posts("question")
        await self.messages(world)
        tags = json.dumps({"add": ["late"], "remove": []})
        wanted = [
            (Verb.TAGS, tags, caps.can_tag), (Verb.STATUS, caps.closed_status, caps.can_status),
            (Verb.PRIORITY, "50", caps.can_priority), (Verb.CLAIM, "", caps.can_assign),
            (Verb.RELEASE, "", caps.can_assign), (Verb.FOLLOW, "", caps.can_follow),
        ]
        for verb, value, can in wanted:
            action = Action(verb=verb, conversation_ref=thread, value=value)
            if can:
                await world.connector.act(action)
                await world.connector.act(action)
            else:
                with pytest.raises(Rejected):
                    await world.connector.act(action)
        head = (await world.connector.thread(thread)).conversations[0]
        assert not caps.can_tag or head.tags == ("late",)
        assert not caps.can_status or (head.status == caps.closed_status and head.closed)

    async def test_a_claim_that_comes_second_learns_the_holder(self, world: World) -> None:
        await world.connector.verify()
        if not world.connector.caps.can_assign:
            pytest.skip("nobody can claim there")
        thread = await world.customer_posts("question")
        await self.messages(world)
        holder = await world.colleague_claims(thread)
        with pytest.raises(Conflict) as caught:
            await world.connector.act(Action(verb=Verb.CLAIM, conversation_ref=thread))
        assert caught.value.holder == holder
        assert (await world.connector.thread(thread)).conversations[0].assignee == holder

    async def test_who_we_are_and_what_it_can_do_is_plain_data(self, world: World) -> None:
        account = await world.connector.verify()
        assert account.ref
        caps = world.connector.caps
        assert len(caps.letter) == 1
        assert caps.visibilities
        assert msgspec.json.decode(msgspec.json.encode(caps), type=type(caps)) == caps
        frozen = world.connector.freeze(reply("1", "text"))
        assert frozen == "" or json.loads(frozen)
