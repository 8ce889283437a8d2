"""What every connector promises about the abilities that it declares, and about those that it does not."""

from __future__ import annotations

import asyncio
import hashlib
import io
from pathlib import Path

import msgspec
import pytest

from agentdesk.errors import Gone, Rejected
from agentdesk.model.clock import SECOND
from agentdesk.model.message import Direction, Message
from agentdesk.model.outgoing import Action, Outgoing, Upload, Verb
from agentdesk.replies import template
from agentdesk.testing.sending import Sending
from agentdesk.testing.world import World, reply

_ON_MESSAGES = {Verb.LIKE: "can_like", Verb.BOOST: "can_boost", Verb.EDIT: "can_edit", Verb.DELETE: "can_delete",
                Verb.APPROVE: "can_approve", Verb.REJECT: "can_approve"}
PICTURE = b"GIF89a\x04\0\x03\0 as good as a picture"
ALT = "A plan of the depot"
FILE = "Größe (1) 地図.gif"
"""Letters of every kind, as people name their files."""
LOOKS, BETWEEN_S = 40, 0.25
"""How often a server that shows things a moment later is looked at; the first look is enough for most."""


class Abilities(Sending):
    """What can be done to messages, files both ways, what the server holds, and looking through it."""

    async def asked(self, world: World, text: str = "question") -> Message:
        """What a customer wrote."""
        await world.connector.verify()
        thread = await world.customer_posts(text)
        found, _ = await self.messages(world)
        world.clock.advance(SECOND)
        return next(m for m in found if m.conversation_ref == thread and m.direction is Direction.IN)

    async def answered(self, world: World, asked: Message, text: str) -> Message:
        """Our answer to it, as the server shows it."""
        out = reply(asked.conversation_ref, text, caps=world.connector.caps, at=world.clock.now())
        await world.connector.send(msgspec.structs.replace(out, reply_to_ref=asked.ref))
        self.later(world)
        for _ in range(LOOKS):
            page = await world.connector.thread(asked.conversation_ref)
            found = [m for m in page.messages if m.direction is Direction.OUT and text in m.text]
            if found:
                return found[0]
            await asyncio.sleep(BETWEEN_S)
        raise AssertionError("our answer is not shown")

    async def words(self, world: World, thread: str) -> list[str]:
        """What stands in a conversation now; nothing when it is gone."""
        self.later(world)
        try:
            page = await world.connector.thread(thread)
        except Gone:
            return []
        return [m.text for m in page.messages if not m.deleted]

    def able(self, world: World, verb: Verb) -> None:
        """Skip where the source does not declare it."""
        if not getattr(world.connector.caps, _ON_MESSAGES[verb]):
            pytest.skip(f"there is no {verb} there")

    @pytest.mark.parametrize("verb", _ON_MESSAGES)
    async def test_what_is_not_declared_for_messages_is_refused(self, world: World, verb: Verb) -> None:
        asked = await self.asked(world)
        if getattr(world.connector.caps, _ON_MESSAGES[verb]):
            pytest.skip(f"there is a {verb}")
        with pytest.raises(Rejected) as caught:
            await world.connector.act(Action(verb=verb, conversation_ref=asked.conversation_ref, value="x",
                                             message_ref=asked.ref))
        assert caught.value.remedy

    @pytest.mark.parametrize("verb", [Verb.LIKE, Verb.BOOST])
    async def test_liking_and_boosting_can_be_repeated_and_taken_back(self, world: World, verb: Verb) -> None:
        asked = await self.asked(world)
        self.able(world, verb)
        assert await world.reactions(verb, asked.ref) == 0
        do = Action(verb=verb, conversation_ref=asked.conversation_ref, message_ref=asked.ref,
                    customer_ref=asked.author.ref)
        for value, left in (("", 1), ("off", 0), ("", 1)):
            for _ in range(2):
                await world.connector.act(msgspec.structs.replace(do, value=value))
                await world.restart()
            assert await world.reactions(verb, asked.ref) == left

    async def test_an_edit_replaces_our_words_once_and_for_all(self, world: World) -> None:
        asked = await self.asked(world)
        self.able(world, Verb.EDIT)
        ours = await self.answered(world, asked, "It is at the deppot")
        edit = Action(verb=Verb.EDIT, conversation_ref=asked.conversation_ref, message_ref=ours.ref,
                      value=ours.text.replace("deppot", "depot"))
        for _ in range(2):
            await world.connector.act(edit)
            said = await self.words(world, asked.conversation_ref)
            assert [("deppot" in text, "depot" in text) for text in said if "It is at the" in text] == [(False, True)]
        page = await world.connector.thread(asked.conversation_ref)
        assert [m.ref for m in page.messages if "depot" in m.text] == [ours.ref]

    async def test_a_deletion_takes_our_words_away_and_only_those(self, world: World) -> None:
        asked = await self.asked(world)
        self.able(world, Verb.DELETE)
        await self.answered(world, asked, "This one stays")
        ours = await self.answered(world, asked, "This one goes")
        delete = Action(verb=Verb.DELETE, conversation_ref=asked.conversation_ref, message_ref=ours.ref)
        for _ in range(2):
            await world.connector.act(delete)
            for _ in range(LOOKS):
                said = " ".join(await self.words(world, asked.conversation_ref))
                if "This one goes" not in said:
                    break
                await asyncio.sleep(BETWEEN_S)
            assert ("This one stays" in said, "This one goes" in said) == (True, False)

    @pytest.mark.parametrize("verb", [Verb.EDIT, Verb.DELETE])
    async def test_what_is_not_ours_is_neither_edited_nor_deleted(self, world: World, verb: Verb) -> None:
        asked = await self.asked(world)
        self.able(world, verb)
        with pytest.raises((Rejected, Gone)) as caught:
            await world.connector.act(Action(verb=verb, conversation_ref=asked.conversation_ref, value="never said",
                                             message_ref=asked.ref))
        assert caught.value.title
        assert asked.text in await self.words(world, asked.conversation_ref)

    async def waiting(self, world: World, text: str) -> tuple[Message, str | None]:
        """A customer's answer that waits for our approval, and the cursor behind it."""
        await world.connector.verify()
        self.able(world, Verb.APPROVE)
        thread = await world.customer_waits(text)
        found, cursor = await self.messages(world)
        (asked,) = [m for m in found if m.text == text]
        assert (asked.conversation_ref, asked.direction, asked.pending) == (thread, Direction.IN, True)
        assert not await world.seen_by_all(text)
        again, cursor = await self.messages(world, cursor)
        assert [m for m in again if not m.pending] == [], "nothing was decided"
        return asked, cursor

    async def shown(self, world: World, asked: Message) -> list[tuple[str, bool]]:
        """What the customer's messages in its conversation say now, and whether they wait."""
        self.later(world)
        try:
            page = await world.connector.thread(asked.conversation_ref)
        except Gone:
            return []
        return [(m.text, m.pending) for m in page.messages if m.direction is Direction.IN]

    async def test_what_waits_for_approval_is_approved_once_and_for_all(self, world: World) -> None:
        asked, cursor = await self.waiting(world, "May I ask something?")
        assert await self.shown(world, asked) == [(asked.text, True)]
        do = Action(verb=Verb.APPROVE, conversation_ref=asked.conversation_ref, message_ref=asked.ref)
        for _ in range(2):
            await world.connector.act(do)
            await world.restart()
            await world.connector.verify()
            assert await world.seen_by_all(asked.text)
            assert await self.shown(world, asked) == [(asked.text, False)]
        found, cursor = await self.messages(world, cursor)
        assert {(m.ref, m.pending) for m in found} == {(asked.ref, False)}
        with pytest.raises(Rejected) as caught:
            await world.connector.act(msgspec.structs.replace(do, verb=Verb.REJECT))
        assert caught.value.remedy
        assert await world.seen_by_all(asked.text)

    async def test_what_waits_for_approval_is_rejected_once_and_for_all(self, world: World) -> None:
        asked, cursor = await self.waiting(world, "Buy my pills")
        do = Action(verb=Verb.REJECT, conversation_ref=asked.conversation_ref, message_ref=asked.ref)
        for _ in range(2):
            await world.connector.act(do)
            await world.restart()
            await world.connector.verify()
            assert await self.shown(world, asked) == []
        pages, _ = await self.pull_all(world, cursor)
        assert [ref for page in pages for ref in page.removed] == [asked.ref]
        with pytest.raises(Rejected):
            await world.connector.act(msgspec.structs.replace(do, verb=Verb.APPROVE))

    async def test_an_answer_approves_what_it_answers(self, world: World) -> None:
        asked, _ = await self.waiting(world, "May I ask something else?")
        await self.answered(world, asked, "Yes, please do")
        assert await world.seen_by_all(asked.text)
        assert await self.shown(world, asked) == [(asked.text, False)]

    async def with_file(self, world: World, folder: Path, text: str) -> tuple[Outgoing, Path]:
        """A reply that takes a picture along, and where that lies."""
        asked = await self.asked(world)
        upload = self.picture(folder)
        out = reply(asked.conversation_ref, text, caps=world.connector.caps, at=world.clock.now())
        return msgspec.structs.replace(out, uploads=(upload,)), Path(upload.path)

    def picture(self, folder: Path) -> Upload:
        """A file to send, and what is said of it."""
        path = folder / FILE
        path.write_bytes(PICTURE)
        return Upload(path=str(path), name=path.name, mime="image/gif", size=len(PICTURE), alt=ALT,
                      digest=hashlib.sha256(PICTURE).hexdigest())

    async def test_a_file_goes_along_with_what_it_shows(self, world: World, tmp_path: Path) -> None:
        out, _ = await self.with_file(world, tmp_path, "See the plan")
        if not world.connector.caps.max_uploads:
            with pytest.raises(Rejected) as caught:
                await world.connector.send(out)
            assert caught.value.remedy
            assert await world.copies("See the plan") == 0
            return
        await world.connector.send(out)
        described = ALT if world.connector.caps.max_alt else ""
        assert await world.files("See the plan") == [(PICTURE, described)]
        self.later(world)
        page = await world.connector.thread(out.conversation_ref)
        (ours,) = [m for m in page.messages if "See the plan" in m.text]
        assert [file.alt for file in ours.attachments] == [described]

    @pytest.mark.parametrize("how", ["changed", "gone", "one too many"])
    async def test_a_file_that_cannot_go_stops_the_reply(self, world: World, tmp_path: Path, how: str) -> None:
        out, path = await self.with_file(world, tmp_path, "See this one")
        if how == "changed":
            path.write_bytes(PICTURE[:-1] + b"!")
        elif how == "gone":
            path.unlink()
        else:
            out = msgspec.structs.replace(out, uploads=out.uploads * (world.connector.caps.max_uploads + 1))
        with pytest.raises(Rejected) as caught:
            await world.connector.send(out)
        assert caught.value.remedy
        assert await world.copies("See this one") == 0

    async def test_a_customers_file_is_fetched_and_never_beyond_the_limit(self, world: World) -> None:
        await world.connector.verify()
        if not world.connector.caps.can_download:
            pytest.skip("it gives no files")
        thread, content = await world.customer_sends_file("See the photo")
        page = await world.connector.thread(thread)
        (url,) = [file.url for message in page.messages for file in message.attachments]
        for limit in (len(content), 1_000_000):
            held = io.BytesIO()
            await world.connector.download(url, held, limit)
            assert held.getvalue() == content
        with pytest.raises(Rejected):
            await world.connector.download(url, io.BytesIO(), len(content) - 1)

    async def test_files_that_cannot_be_fetched_are_refused(self, world: World) -> None:
        await world.connector.verify()
        if world.connector.caps.can_download:
            pytest.skip("it gives files")
        with pytest.raises(Rejected):
            await world.connector.download("https://files.example/x", io.BytesIO(), 1_000)

    async def test_canned_replies_come_as_templates_of_ours(self, world: World) -> None:
        await world.connector.verify()
        if not world.connector.caps.can_canned:
            assert await world.connector.canned() == ()
            pytest.skip("it holds no canned replies")
        await world.holds("late", "Sorry, it is late. We look into it.")
        found = await world.connector.canned()
        held = [one for one in found if one.text == "Sorry, it is late. We look into it."]
        assert [one.name.casefold() for one in held] == ["late"]
        assert all(one.ref and one.title for one in found)
        assert len({one.ref for one in found}) == len(found)
        for one in found:
            template.names(one.text)

    async def test_searching_brings_what_holds_the_words(self, world: World) -> None:
        await world.connector.verify()
        if not world.connector.caps.can_search:
            with pytest.raises(Rejected) as caught:
                await world.connector.find("parcel")
            assert caught.value.remedy
            return
        wanted = await self.asked(world, "The turquoise parcel is lost")
        self.later(world)
        page = await world.connector.find(world.searched)
        refs = {*(m.conversation_ref for m in page.messages), *(head.ref for head in page.conversations)}
        assert refs == {wanted.conversation_ref}
        for words in ("zebra", "  ", '")(*'):
            page = await world.connector.find(words)
            assert (page.messages, page.conversations) == ((), ())
