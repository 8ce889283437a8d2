"""Files: names from outside are harmless, nothing is replaced, limits hold, what is attached is what is sent."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.schema import FilesConfig
from agentdesk.desk import answer, files, find
from agentdesk.errors import Gone, NotFound, Refused, Rejected, UsageError
from agentdesk.model.clock import SECOND
from agentdesk.model.events import Event, Progress
from agentdesk.model.message import Attachment
from agentdesk.model.outgoing import Draft, OutKind
from agentdesk.model.text import inert_line
from tests.desk.conftest import World


@pytest.fixture(autouse=True)
def able(world: World) -> None:
    world.connector.caps = msgspec.structs.replace(
        world.connector.caps, can_download=True, max_uploads=2, max_upload_bytes=1_000_000, max_alt=50)


@pytest.fixture
def into(world: World, tmp_path: Path) -> Path:
    """Where files are saved."""
    folder = tmp_path / "saved"
    world.desk.config = msgspec.structs.replace(world.desk.config,
                                                files=FilesConfig(folder=str(folder), limit_mb=1))
    return folder


async def arrive_with(world: World, *contents: tuple[str, bytes]) -> int:
    """A customer sends files."""
    message = world.platform.write("a", "See the photos")
    post = world.platform.posts[message.ref]
    made = []
    for name, content in contents:
        url = f"https://files.example/{len(world.platform.files)}"
        world.platform.files[url] = content
        made.append(Attachment(name=inert_line(name), url=url, size=len(content)))
    post.message = msgspec.structs.replace(post.message, attachments=tuple(made))
    await world.sync()
    return int(world.desk.store.reader.value("SELECT id FROM conversation WHERE ref = 'a'"))


def modes(folder: Path) -> list[int]:
    """The modes of all that lies in a folder, also of what is hidden."""
    return [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()] if folder.exists() else []


async def test_a_file_is_saved_for_this_person_only_and_never_over_another(world: World, into: Path) -> None:
    number = await arrive_with(world, ("door.jpg", b"\xff\xd8one"), ("door.jpg", b"\xff\xd8two"))
    one, two = files.listed(world.desk, number)
    heard: list[Event] = []
    world.desk.subscribe(heard.append)
    assert await files.save(world.desk, number, one) == into / "door.jpg"
    assert await files.save(world.desk, number, two) == into / "door (2).jpg"
    assert await files.save(world.desk, number, one) == into / "door (3).jpg"
    assert [(into / n).read_bytes() for n in ("door.jpg", "door (2).jpg")] == [b"\xff\xd8one", b"\xff\xd8two"]
    assert modes(into) == [0o600] * 3, "nothing half is left"
    told = [e for e in heard if isinstance(e, Progress)]
    assert told[0].task == "saving door.jpg"
    assert told[-1].finished
    assert [e.action for e in find.ledger(world.desk, number)].count("file_saved") == 3


async def test_a_named_folder_wins_over_the_one_that_is_set(world: World, into: Path, tmp_path: Path) -> None:
    number = await arrive_with(world, ("a.txt", b"hi"))
    path = await files.save(world.desk, number, files.listed(world.desk, number)[0], str(tmp_path / "elsewhere"))
    assert path == tmp_path / "elsewhere" / "a.txt"
    assert modes(into) == []


@pytest.mark.parametrize("told", [True, False])
async def test_what_is_larger_than_the_limit_is_not_kept(world: World, into: Path, told: bool) -> None:
    number = await arrive_with(world, ("film.mp4", b"x" * 1_200_000))
    (it,) = files.listed(world.desk, number)
    if not told:
        it = msgspec.structs.replace(it, file=msgspec.structs.replace(it.file, size=None))
    with pytest.raises(Rejected, match="larger than 1 MB"):
        await files.save(world.desk, number, it)
    assert modes(into) == []
    assert ("download" in [what for _, what in world.connector.calls]) is not told


async def test_a_download_that_fails_leaves_nothing(world: World, into: Path) -> None:
    number = await arrive_with(world, ("a.txt", b"hi"))
    world.platform.files.clear()
    with pytest.raises(Gone):
        await files.save(world.desk, number, files.listed(world.desk, number)[0])
    assert modes(into) == []


async def test_a_source_without_files_says_so(world: World, into: Path) -> None:
    number = await arrive_with(world, ("a.txt", b"hi"))
    world.connector.caps = msgspec.structs.replace(world.connector.caps, can_download=False)
    with pytest.raises(Refused, match="fake:acme cannot give files"):
        await files.save(world.desk, number, files.listed(world.desk, number)[0])


@pytest.mark.parametrize(("name", "safe"), [
    ("photo.jpg", "photo.jpg"), ("../../etc/passwd", "_._etc_passwd"), ("/etc/cron.d/x", "_etc_cron.d_x"),
    (".bashrc", "bashrc"), ("..", "attachment"), ("", "attachment"), ("CON", "_CON"), ("nul.txt", "_nul.txt"),
    ("a\x00b\x1b[31m.sh", "a␀b␛[31m.sh"), ("C:\\Users\\x.exe", "C_Users_x.exe"), ("-rf", "-rf"),
    ("  spaced   out .txt ", "spaced out.txt"), ("no ending", "no ending"), ("///", "attachment"),
])
def test_a_name_from_outside_becomes_harmless(name: str, safe: str) -> None:
    assert files.safe_name(name) == safe


@given(st.text(max_size=400))
def test_every_name_is_one_plain_file_name(name: str) -> None:
    safe = files.safe_name(name)
    assert safe
    assert safe not in (".", "..")
    assert not safe.startswith(".")
    assert "/" not in safe
    assert "\\" not in safe
    assert len(safe.encode()) <= files.LONGEST_NAME
    assert Path(safe).name == safe
    assert files.safe_name(safe) == safe


# what goes out --------------------------------------------------------------------------------------------------------


async def begun(world: World) -> Draft:
    return msgspec.structs.replace(answer.open_draft(world.desk, await world.arrive("a")), text="Here is the map.")


async def test_what_is_attached_is_described_and_frozen_with_the_reply(world: World, tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    path.write_bytes(b"\x89PNG map")
    draft = await files.attach(world.desk, await begun(world), str(path), "A map of the depot")
    (upload,) = draft.uploads
    assert upload == msgspec.structs.replace(
        upload, path=str(path), name="map.png", mime="image/png", size=8,
        digest=hashlib.sha256(b"\x89PNG map").hexdigest(), alt="A map of the depot")
    await answer.save(world.desk, draft)
    assert answer.open_draft(world.desk, draft.conversation_id).uploads == (upload,)
    sent = await answer.send(world.desk, draft)
    (entry,) = find.outbox(world.desk)
    assert entry.out is not None
    assert entry.out.uploads == (upload,)
    back = await answer.cancel(world.desk, sent.entry_ids[0])
    assert back.uploads == (upload,)
    assert files.detach(back, "map.png").uploads == files.detach(back, "1").uploads == ()
    with pytest.raises(NotFound, match=r"Attached: map\.png"):
        files.detach(back, "photo.png")


async def test_a_split_reply_takes_its_files_along_once(world: World, tmp_path: Path) -> None:
    path = tmp_path / "map.png"
    path.write_bytes(b"map")
    draft = await files.attach(world.desk, await begun(world), str(path), "A map")
    draft = msgspec.structs.replace(draft, text="Word after word. " * 30)
    sent = await answer.send(world.desk, draft, split=True)
    assert [len(it.out.uploads) for it in reversed(find.outbox(world.desk)) if it.out is not None] == [1, 0, 0]
    back = await answer.cancel(world.desk, sent.entry_ids[1])
    assert [it.name for it in back.uploads] == ["map.png"]


async def test_what_a_source_does_not_take_is_refused_in_words(world: World, tmp_path: Path) -> None:
    draft = await begun(world)
    for name, content in (("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c"), ("large.bin", b"x" * 1_000_001),
                          ("empty", b"")):
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    cases = [("large.bin", "too large"), ("empty", "is empty"), ("pipe", "is not a file"), (".", "is not a file")]
    for name, words in cases:
        with pytest.raises((Refused, UsageError), match=words):
            await files.attach(world.desk, draft, str(tmp_path / name))
    with pytest.raises(NotFound, match="no file"):
        await files.attach(world.desk, draft, str(tmp_path / "missing"))
    with pytest.raises(Refused, match="description is too long"):
        await files.attach(world.desk, draft, str(tmp_path / "a.txt"), "x" * 51)
    draft = await files.attach(world.desk, draft, str(tmp_path / "a.txt"))
    with pytest.raises(Refused, match="attached already"):
        await files.attach(world.desk, draft, str(tmp_path / "a.txt"))
    draft = await files.attach(world.desk, draft, str(tmp_path / "b.txt"))
    with pytest.raises(Refused, match="takes 2 files"):
        await files.attach(world.desk, draft, str(tmp_path / "c.txt"))
    world.connector.caps = msgspec.structs.replace(world.connector.caps, max_uploads=0)
    with pytest.raises(Refused, match="takes no files"):
        await files.attach(world.desk, msgspec.structs.replace(draft, uploads=()), str(tmp_path / "c.txt"))
    with pytest.raises(Refused, match="takes no files"):
        await files.attach(world.desk, msgspec.structs.replace(draft, kind=OutKind.EDIT), str(tmp_path / "c.txt"))


async def test_a_picture_without_a_description_is_warned_of_where_one_is_shown(world: World, tmp_path: Path) -> None:
    (tmp_path / "map.png").write_bytes(b"map")
    draft = await files.attach(world.desk, await begun(world), str(tmp_path / "map.png"))
    assert [w.code for w in answer.check(world.desk, draft)] == ["no_alt"]
    world.connector.caps = msgspec.structs.replace(world.connector.caps, max_alt=None)
    assert answer.check(world.desk, draft) == ()
    spoken = msgspec.structs.replace(draft, text="I have attached the map.", uploads=())
    assert [w.code for w in answer.check(world.desk, spoken)] == ["no_attachment"]
    await world.arrive("a")
    world.clock.advance(10 * SECOND)


def test_a_path_that_is_typed_is_completed(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    (folder / "photos").mkdir(parents=True)
    (folder / "photo.jpg").touch()
    (folder / ".hidden").touch()
    base = f"{folder}/"
    assert files.complete(f"{base}ph") == [f"{base}photo.jpg", f"{base}photos/"]
    assert files.complete(base) == [f"{base}photo.jpg", f"{base}photos/"]
    assert files.complete(f"{base}.h") == [f"{base}.hidden"]
    assert files.complete(f"{base}nowhere/x") == []
