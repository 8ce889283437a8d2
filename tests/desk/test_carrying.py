"""Files that go along with a ticket: fetched first, shown, sent with it, removed again; what stays behind is told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from agentdesk.config.schema import FilesConfig
from agentdesk.desk import answer, carrying, escalate, files
from agentdesk.errors import Refused
from agentdesk.model.clock import HOUR, SECOND
from agentdesk.model.message import Attachment, Direction
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.model.text import inert_line
from agentdesk.store import carried, drafts
from agentdesk.store.db import Store
from tests.desk.conftest import World
from tests.desk.test_escalate import RT, Two

PHOTO = b"\xff\xd8 a crushed parcel"


@pytest.fixture
def two(world: World) -> Two:
    """A network that gives files, and a help desk that takes two of a kilobyte."""
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_open=False, can_download=True)
    two = Two(world)
    two.helper.caps = msgspec.structs.replace(two.helper.caps, max_uploads=2, max_upload_bytes=1_000)
    return two


def sends(two: Two, *contents: tuple[str, bytes], direction: Direction = Direction.IN, **more: object) -> str:
    """Somebody writes and adds files; returns the message."""
    platform = two.world.platform
    message = platform.write("a", "See the photos", direction=direction)
    made = []
    for name, content in contents:
        url = f"https://files.example/{message.ref}/{name}"
        platform.files[url] = content
        made.append(Attachment(name=inert_line(name), **{"url": url, "size": len(content), **more}))  # type: ignore[arg-type]
    post = platform.posts[message.ref]
    post.message = msgspec.structs.replace(post.message, attachments=tuple(made))
    return message.ref


async def arrived(two: Two) -> int:
    await two.world.sync()
    return int(two.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'a'"))


async def carry(two: Two, number: int) -> tuple[Draft, dict[str, str]]:
    """The ticket with its files, and why the others stay."""
    draft, left = await carrying.carry(two.desk, escalate.propose(two.desk, number, RT))
    assert all(one.how for one in left)
    return draft, {one.name: one.why for one in left}


def kept(two: Two) -> list[Path]:
    place = carried.folder(two.desk.store.path)
    return sorted(place.iterdir()) if place.is_dir() else []


async def test_what_the_customer_sent_goes_along_from_e_to_the_help_desk(two: Two) -> None:
    sends(two, ("door.jpg", PHOTO), alt=inert_line("a door"))
    number = await arrived(two)
    said, front = await two.run(f"escalate to={RT}", number)
    assert "A file goes along" in (said or "")
    assert front.told == ["Fetching a file for the ticket"]
    draft = escalate.begun(two.desk, number)
    assert draft is not None
    (upload,) = draft.uploads
    assert (upload.name, upload.mime, upload.size) == ("door.jpg", "image/jpeg", len(PHOTO))
    assert [(str(path), path.read_bytes()) for path in kept(two)] == [(upload.path, PHOTO)]
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept(two)] == [0o600], "for this person only"
    assert stat.S_IMODE(kept(two)[0].parent.stat().st_mode) == 0o700
    await answer.send(two.desk, draft)
    await two.send()
    assert two.rt.begun["t1"].uploads == (upload,)


async def test_files_no_and_a_draft_that_was_begun_bring_none(two: Two) -> None:
    sends(two, ("door.jpg", PHOTO))
    number = await arrived(two)
    await two.run(f"escalate to={RT} files=no", number)
    draft = escalate.begun(two.desk, number)
    assert draft is not None
    assert draft.uploads == ()
    _, front = await two.run("escalate", number)
    assert (front.told, kept(two)) == ([], [])


async def test_the_newest_go_where_not_all_are_taken(two: Two) -> None:
    sends(two, ("old.jpg", PHOTO))
    two.clock.advance(SECOND)
    sends(two, ("one.jpg", PHOTO), ("two.jpg", PHOTO))
    draft, left = await carry(two, await arrived(two))
    assert [one.name for one in draft.uploads] == ["one.jpg", "two.jpg"]
    assert left == {"old.jpg": f"{RT} takes 2 files with one ticket"}


@pytest.mark.parametrize("told", [True, False])
async def test_what_is_too_large_stays_whether_or_not_that_was_told(two: Two, told: bool) -> None:
    sends(two, ("film.mp4", b"x" * 1_001), size=1_001 if told else None)
    sends(two, ("door.jpg", PHOTO))
    draft, left = await carry(two, await arrived(two))
    assert [one.name for one in draft.uploads] == ["door.jpg"]
    assert "larger than" in left["film.mp4"]
    assert len(kept(two)) == 1, "nothing half is left"
    assert ("download" in [what for _, what in two.world.connector.calls]) is True


async def test_our_own_limit_holds_too(two: Two) -> None:
    two.helper.caps = msgspec.structs.replace(two.helper.caps, max_upload_bytes=None)
    two.desk.config = msgspec.structs.replace(two.desk.config, files=FilesConfig(limit_mb=1))
    sends(two, ("film.mp4", b"x" * 1_000_001))
    draft, left = await carry(two, await arrived(two))
    assert (draft.uploads, list(left)) == ((), ["film.mp4"])


async def test_all_of_them_together_have_a_limit(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrying, "MOST_BYTES", len(PHOTO) + 5)
    sends(two, ("one.jpg", PHOTO), ("two.jpg", PHOTO))
    draft, left = await carry(two, await arrived(two))
    assert [one.name for one in draft.uploads] == ["one.jpg"]
    assert "that are left" in left["two.jpg"]


async def test_a_file_that_is_gone_is_named_and_the_others_go(two: Two) -> None:
    sends(two, ("gone.jpg", PHOTO))
    two.world.platform.files.clear()
    sends(two, ("empty.txt", b""), ("door.jpg", PHOTO))
    number = await arrived(two)
    said, front = await two.run(f"escalate to={RT}", number)
    assert front.told == ["Fetching 3 files for the ticket"]
    assert (said or "").startswith("2 files do not go along, and the text says why: empty.txt, gone.jpg. Its address")
    draft = escalate.begun(two.desk, number)
    assert draft is not None
    assert draft.text.endswith("\n\nNot attached:\n- empty.txt: it is empty\n- gone.jpg: the file is gone")
    assert [one.name for one in draft.uploads] == ["door.jpg"]
    assert len(kept(two)) == 1


async def test_one_without_an_address_and_a_source_that_gives_none(two: Two) -> None:
    sends(two, ("door.jpg", PHOTO), url="")
    number = await arrived(two)
    assert (await carry(two, number))[1] == {"door.jpg": "its source gives no address for it"}
    sends(two, ("two.jpg", PHOTO))
    two.world.connector.caps = msgspec.structs.replace(two.world.connector.caps, can_download=False)
    await arrived(two)
    assert "cannot give files" in (await carry(two, number))[1]["two.jpg"]


async def test_a_help_desk_without_files_says_so_and_nothing_is_fetched(two: Two) -> None:
    two.helper.caps = msgspec.structs.replace(two.helper.caps, max_uploads=0)
    sends(two, ("door.jpg", PHOTO))
    draft, left = await carry(two, await arrived(two))
    assert (draft.uploads, left, kept(two)) == ((), {"door.jpg": f"{RT} takes no files"}, [])
    assert "Not attached" not in draft.text
    said, _ = await two.run(f"escalate to={RT} send=yes", 1)
    assert said == (f"The ticket is on its way. door.jpg does not go along: {RT} takes no files. "
                    "Its address stands in the text")


async def test_what_was_taken_back_and_what_we_sent_stays(two: Two) -> None:
    ref = sends(two, ("secret.jpg", PHOTO))
    sends(two, ("ours.jpg", PHOTO), direction=Direction.OUT)
    await arrived(two)
    two.world.platform.delete(ref)
    draft, left = await carry(two, await arrived(two))
    assert (draft.uploads, left) == ((), {})


async def test_more_can_be_attached_to_a_ticket_as_its_help_desk_takes_them(two: Two, tmp_path: Path) -> None:
    number = await two.world.arrive("a")
    draft = escalate.propose(two.desk, number, RT)
    for name in ("one.txt", "two.txt", "three.txt"):
        (tmp_path / name).write_text(name)
    draft = await files.attach(two.desk, draft, str(tmp_path / "one.txt"))
    draft = await files.attach(two.desk, draft, str(tmp_path / "two.txt"))
    with pytest.raises(Refused, match=f"{RT} takes 2 files"):
        await files.attach(two.desk, draft, str(tmp_path / "three.txt"))


async def test_another_help_desk_that_would_not_take_them_is_told_before_it_leaves(two: Two) -> None:
    sends(two, ("one.jpg", PHOTO), ("two.jpg", PHOTO))
    draft, _ = await carry(two, await arrived(two))
    assert escalate.check(two.desk, draft) == ()
    for caps, words in ((msgspec.structs.replace(two.helper.caps, max_uploads=1), "takes 1 files, there are 2"),
                        (msgspec.structs.replace(two.helper.caps, max_upload_bytes=5), "one.jpg, two.jpg")):
        two.helper.caps = caps
        (warning,) = escalate.check(two.desk, draft)
        assert (warning.code, words in warning.text) == ("files", True)
        sent = await answer.send(two.desk, draft, frozenset({"files"}))
        assert sent.entry_ids == (), "no second key goes past it"


async def test_what_has_left_is_removed_and_what_is_to_leave_stays(two: Two) -> None:
    sends(two, ("one.jpg", PHOTO))
    number = await arrived(two)
    draft, _ = await carry(two, number)
    (path,) = kept(two)
    db, clock = two.desk.store.reader, two.clock

    def age(length: int) -> None:
        at = (clock.now() - length) / SECOND
        os.utime(path, (at, at))

    age(0)
    assert carried.sweep(db, clock.now()) == 0, "it may just be arriving"
    age(2 * HOUR)
    await answer.save(two.desk, draft)
    assert carried.sweep(db, clock.now()) == 0
    await answer.send(two.desk, draft)
    assert drafts.get(db, number, "ann", OutKind.TICKET) is None
    assert carried.sweep(db, clock.now()) == 0, "it is in the outbox"
    entry = answer.held(two.desk)
    assert entry is not None
    back = await answer.cancel(two.desk, entry.id)
    assert back.uploads == draft.uploads
    assert carried.sweep(db, clock.now()) == 0, "it is a draft again"
    await answer.send(two.desk, back)
    await two.send()
    age(2 * HOUR)
    assert carried.sweep(db, clock.now()) == 1
    assert kept(two) == []


async def test_a_file_that_is_named_stays_where_the_cache_lies_behind_a_link(two: Two, tmp_path: Path) -> None:
    sends(two, ("one.jpg", PHOTO))
    draft, _ = await carry(two, await arrived(two))
    await answer.save(two.desk, draft)
    (path,) = kept(two)
    os.utime(path, (0, 0))
    (tmp_path / "link").symlink_to(tmp_path)
    elsewhere = Store.open(tmp_path / "link" / "data" / two.desk.store.path.name, two.clock)
    try:
        assert carried.sweep(elsewhere.reader, two.clock.now()) == 0
    finally:
        elsewhere.close()
