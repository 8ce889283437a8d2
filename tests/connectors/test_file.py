"""Files that grow, rotate, shrink and lie; CSV; reading a whole file in; the out file."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentdesk.config.sources import FileSource
from agentdesk.connectors.file import out_file
from agentdesk.connectors.file.connector import FileConnector, read_bulk
from agentdesk.connectors.file.lines import json_schema
from agentdesk.connectors.registry import create
from agentdesk.errors import ConfigError, Gone, Rejected, Unavailable
from agentdesk.model.clock import MINUTE, ManualClock
from agentdesk.model.message import Direction, Message, Visibility
from agentdesk.model.outgoing import Outgoing, OutKind
from agentdesk.model.page import Page

AT = "2026-01-01T00:00:00Z"
NOW = 1_767_225_600_000


def line(number: int | str, text: str = "hello", **fields: object) -> str:
    return json.dumps({"id": f"p{number}", "author": "jane", "text": text, "created_at": AT, **fields})


class Folder:
    """A file source under a test's hands."""

    def __init__(self, folder: Path, name: str = "posts.jsonl") -> None:
        self.folder = folder
        self.path = folder / name
        self.clock = ManualClock(NOW)
        self.cursor: str | None = None

    def connector(self, **config: object) -> FileConnector:
        return FileConnector(FileSource(**{"name": "x", "path": str(self.path), **config}), self.clock)  # type: ignore[arg-type]

    def append(self, *lines: str, end: str = "\n") -> None:
        with self.path.open("a") as file:
            file.write("\n".join(lines) + end)

    async def pull(self, limit: int = 100, **config: object) -> list[Page]:
        """Everything new."""
        pages = []
        while True:
            pages.append(await self.connector(**config).pull(self.cursor, limit))
            self.cursor = pages[-1].cursor
            if not pages[-1].more:
                return pages


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def refs(pages: list[Page]) -> list[str]:
    return [m.ref for page in pages for m in page.messages]


def gaps(pages: list[Page]) -> list[str]:
    return [page.gap.reason for page in pages if page.gap]


# growing ------------------------------------------------------------------------------------------------------------


async def test_a_line_counts_when_its_line_break_is_there(folder: Folder) -> None:
    folder.append(line(1))
    whole = line(2)
    folder.append(whole[:20], end="")
    assert refs(await folder.pull()) == ["p1"]
    folder.append(whole[20:50], end="")
    assert refs(await folder.pull()) == []
    folder.append(whole[50:])
    assert refs(await folder.pull()) == ["p2"]


async def test_a_last_object_that_is_whole_counts_without_a_line_break(folder: Folder) -> None:
    folder.append(line(1), line(2), end="")
    assert refs(await folder.pull()) == ["p1", "p2"]
    folder.append("", line(3))
    pages = await folder.pull()
    assert refs(pages) == ["p3"]
    assert [r for page in pages for r in page.rejects] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 90), min_size=1, max_size=12), limit=st.integers(1, 5))
def test_however_a_file_is_written_each_line_comes_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], limit: int
) -> None:
    folder = Folder(tmp_path_factory.mktemp("grow"))
    data = "".join(line(n, "é🙂\\n") + "\n" for n in range(8)).encode()

    async def run() -> list[str]:
        found, at = [], 0
        folder.path.touch()
        for cut in [*cuts, len(data)]:
            with folder.path.open("ab") as file:
                file.write(data[at : at + cut])
            at += cut
            found += refs(await folder.pull(limit))
        return found

    assert asyncio.run(run()) == [f"p{n}" for n in range(8)]


async def test_line_numbers_of_bad_lines_are_those_of_an_editor(folder: Folder) -> None:
    timeless = '{"id": 6, "author": "a", "text": "x", "created_at": "?"}'
    folder.append(line(1), "", "not json", line(2), '{"id": 5}', timeless)
    pages = await folder.pull()
    rejects = [r for page in pages for r in page.rejects]
    assert [r.where for r in rejects] == ["posts.jsonl line 3", "posts.jsonl line 5", "posts.jsonl line 6"]
    assert "author" in rejects[1].reason
    assert "is no time" in rejects[2].reason
    assert rejects[0].raw == "not json\u240a" or "not json" in rejects[0].raw
    folder.append("bad again")
    assert [r.where for page in await folder.pull() for r in page.rejects] == ["posts.jsonl line 7"]


async def test_wrong_encoding_sets_a_line_aside_and_goes_on(folder: Folder) -> None:
    folder.path.write_bytes(line(1, "fine").encode() + b'\n{"id":"p2","author":"a","text":"\xe4\xf6","created_at":0}\n'
                            + line(3).encode() + b"\n")
    pages = await folder.pull()
    assert refs(pages) == ["p1", "p3"]
    (reject,) = (r for page in pages for r in page.rejects)
    assert reject.where.endswith("line 2")
    assert "UTF-8" in reject.reason
    folder.cursor = None
    pages = await folder.pull(encoding="latin-1")
    assert [m.text for page in pages for m in page.messages if m.ref == "p2"] == ["äö"]
    assert [r for page in pages for r in page.rejects] == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "nosuch"])
def test_encodings_without_lines_are_a_configuration_mistake(folder: Folder, encoding: str) -> None:
    with pytest.raises(ConfigError):
        folder.connector(encoding=encoding)


async def test_a_byte_order_mark_is_not_part_of_the_first_line(folder: Folder) -> None:
    folder.path.write_bytes(b"\xef\xbb\xbf" + line(1).encode() + b"\n")
    assert refs(await folder.pull()) == ["p1"]


async def test_a_line_without_end_is_refused_in_pieces(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdesk.connectors.file.tail.MAX_LINE", 1_000)
    folder.append(line(1), "x" * 2_500, line(2))
    pages = await folder.pull()
    assert refs(pages) == ["p1", "p2"]
    assert [r.where for page in pages for r in page.rejects] == ["posts.jsonl line 2"] * 3


# rotation and truncation --------------------------------------------------------------------------------------------


async def test_a_rotated_file_is_read_to_its_end_without_a_gap(folder: Folder) -> None:
    folder.append(line(1))
    await folder.pull()
    folder.append(line(2))
    folder.path.rename(folder.path.with_suffix(".jsonl.1"))
    folder.append(line(3))
    pages = await folder.pull()
    assert set(refs(pages)) == {"p2", "p3"}
    assert gaps(pages) == []
    with folder.path.with_suffix(".jsonl.1").open("a") as late:
        late.write(line(4) + "\n")
    assert refs(await folder.pull()) == ["p4"]
    folder.clock.at = time.time_ns() // 1_000_000 + 2 * MINUTE
    await folder.pull()
    folder.path.with_suffix(".jsonl.1").unlink()
    pages = await folder.pull()
    assert (refs(pages), gaps(pages)) == ([], [])


async def test_a_replaced_file_is_a_gap_and_is_read_anew(folder: Folder) -> None:
    folder.append(line(1), line(2))
    await folder.pull()
    folder.path.unlink()
    folder.append(line(3))
    pages = await folder.pull()
    assert refs(pages) == ["p3"]
    assert "replaced or cut short" in gaps(pages)[0]
    assert gaps(await folder.pull()) == []


async def test_a_truncated_file_is_a_gap(folder: Folder) -> None:
    folder.append(line(1), line(2))
    await folder.pull()
    os.truncate(folder.path, 0)
    folder.append(line(3))
    pages = await folder.pull()
    assert refs(pages) == ["p3"]
    assert len(gaps(pages)) == 1


async def test_a_file_rewritten_longer_in_place_is_a_gap(folder: Folder) -> None:
    folder.append(line(1))
    await folder.pull()
    folder.path.write_text(line(7) + "\n" + line(8) + "\n" + line(9) + "\n")
    pages = await folder.pull()
    assert refs(pages) == ["p7", "p8", "p9"]
    assert len(gaps(pages)) == 1


async def test_an_editor_that_saves_a_longer_copy_is_no_gap(folder: Folder) -> None:
    folder.append(line(1), line(2))
    await folder.pull()
    copy = folder.folder / "copy"
    copy.write_text(folder.path.read_text() + line(3) + "\n")
    copy.rename(folder.path)
    pages = await folder.pull()
    assert (refs(pages), gaps(pages)) == (["p3"], [])


async def test_an_unreadable_cursor_reads_everything_again(folder: Folder) -> None:
    folder.append(line(1))
    for cursor in ("", "{", "[]", '{"v": 9}', '{"files": 3}'):
        folder.cursor = cursor
        assert refs(await folder.pull()) == ["p1"]


# folders ------------------------------------------------------------------------------------------------------------


async def test_a_folder_of_files_is_read_by_name_and_new_files_are_found(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    folder = Folder(tmp_path, "inbox")
    (inbox / "b.jsonl").write_text(line(2) + "\n")
    (inbox / "a.csv").write_text(f"id,author,text,created_at\np1,jane,hi,{AT}\n")
    (inbox / ".hidden.jsonl").write_text(line(8) + "\n")
    (inbox / "notes.txt").write_text("nothing\n")
    pages = await folder.pull()
    assert sorted(refs(pages)) == ["p1", "p2"]
    (inbox / "c.jsonl").write_text(line(3) + "\n")
    pages = await folder.pull()
    assert refs(pages) == ["p3"]
    assert not pages[0].backfill
    (inbox / "b.jsonl").rename(inbox / "z.jsonl")
    (inbox / "a.csv").unlink()
    pages = await folder.pull()
    assert (refs(pages), gaps(pages)) == ([], [])


async def test_a_file_removed_before_it_was_read_is_a_gap(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    folder = Folder(tmp_path, "inbox")
    (inbox / "a.jsonl").write_text("".join(line(n) + "\n" for n in range(10)))
    page = await folder.connector().pull(None, 3)
    (inbox / "a.jsonl").unlink()
    page = await folder.connector().pull(page.cursor)
    assert page.gap
    assert "removed" in page.gap.reason


async def test_replies_of_others_at_the_same_out_file_come_in(folder: Folder) -> None:
    folder.append(line(1))
    await folder.pull()
    await folder.connector().send(reply("p1", "from the other terminal"))
    pages = await folder.pull()
    (message,) = (m for page in pages for m in page.messages)
    assert (message.direction, message.client_id, message.text) == (Direction.OUT, "c1", "from the other terminal")


async def test_what_is_missing_or_forbidden_is_said_in_words(folder: Folder) -> None:
    with pytest.raises(Unavailable) as caught:
        await folder.connector().pull(None)
    assert str(folder.path) in caught.value.title
    with pytest.raises(Unavailable):
        await folder.connector().verify()
    empty = folder.folder / "empty"
    empty.mkdir()
    assert (await folder.connector(path=str(empty)).verify()).warnings


# what a line says ---------------------------------------------------------------------------------------------------


async def one(folder: Folder, **fields: object) -> Message:
    config = {name[1:]: fields.pop(name) for name in list(fields) if name.startswith("_")}
    folder.append(line(1, **fields))
    pages = await folder.pull(**config)
    assert [r.reason for page in pages for r in page.rejects] == []
    return pages[0].messages[0]


@pytest.mark.parametrize(("value", "millis"), [
    ("2026-01-01T00:00:00Z", NOW), ("2026-01-01T01:00:00+01:00", NOW), ("2026-01-01 00:00:00", NOW),
    ("2026-01-01", NOW), (1_767_225_600, NOW), (1_767_225_600_000, NOW), (1_767_225_600.5, NOW + 500),
    ("1767225600", NOW), ("1767225600000", NOW), ("Thu, 01 Jan 2026 00:00:00 +0000", NOW),
    ("Thu Jan 01 00:00:00 +0000 2026", NOW),
])
async def test_times_in_every_usual_dress(folder: Folder, value: object, millis: int) -> None:
    assert (await one(folder, created_at=value)).created_at == millis


async def test_times_without_a_zone_are_in_the_sources(folder: Folder) -> None:
    assert (await one(folder, created_at="2026-07-01 12:00:00", _zone="Europe/Berlin")).created_at == 1_782_900_000_000


@pytest.mark.parametrize(
    "value", ["yesterday", "", "2026-13-01", -1, 99_999_999_999_999_999, "nan", "1e400", True, [], {}]
)
async def test_what_is_no_time_sets_the_line_aside(folder: Folder, value: object) -> None:
    folder.append(line(1, created_at=value), line(2))
    pages = await folder.pull()
    assert refs(pages) == ["p2"]
    assert len([r for page in pages for r in page.rejects]) == 1


async def test_every_field_finds_its_place(folder: Folder) -> None:
    folder.append(line(
        1, conversation=42, author_name="Jane Doe", handle="@jane", in_reply_to=7, subject="Parcel", followers=12,
        url="https://shop.example/p/1", visibility="direct", attachments=["https://shop.example/a/label.pdf",
        {"name": "photo.png", "mime": "image/png", "size": 3, "alt": "a box"}], tags=["late", " "], lang="de",
        kind="dm", rating=5, edited_at=AT, status="waiting", closed=False, priority=3, assignee="bo"))
    page = (await folder.pull())[0]
    message, head, person = page.messages[0], page.conversations[0], page.profiles[0]
    assert (message.conversation_ref, message.parent_ref, message.author.handle) == ("42", "7", "@jane")
    assert (message.visibility, message.lang, message.rating, message.edited_at) == (Visibility.DIRECT, "de", 5, NOW)
    files = [(a.name, a.mime, a.size) for a in message.attachments]
    assert files == [("label.pdf", "", None), ("photo.png", "image/png", 3)]
    assert (head.ref, head.subject, head.tags, head.status) == ("42", "Parcel", ("late",), "waiting")
    assert (head.closed, head.priority, head.assignee, head.customer_ref) == (False, "3", "bo", "jane")
    assert (person.ref, person.name, person.followers) == ("jane", "Jane Doe", 12)


async def test_direction_by_word_and_by_author(folder: Folder) -> None:
    folder.append(line(1), line(2, author="acme"), line(3, direction="note"), line(4, direction="Outbound"),
                  line(5, author="acme", direction="in"), line(6, direction="sideways"))
    pages = await folder.pull(ours=("acme",))
    assert [m.direction for page in pages for m in page.messages] == [
        Direction.IN, Direction.OUT, Direction.NOTE, Direction.OUT, Direction.IN]
    assert [r.where for page in pages for r in page.rejects] == ["posts.jsonl line 6"]


async def test_ids_may_be_numbers_but_not_nothing_or_endless(folder: Folder) -> None:
    folder.append(line(1, id=12), line(1, id=10**25), line(1, id=""), line(1, id="x" * 301), line(1, id=None))
    pages = await folder.pull()
    assert refs(pages) == ["12", str(10**25)]
    assert len([r for page in pages for r in page.rejects]) == 3


def test_the_schema_describes_every_field() -> None:
    schema = json_schema()
    post = schema["$defs"]["Post"]
    assert post["required"] == ["id", "author", "text", "created_at"]
    assert all(field.get("description") for field in post["properties"].values())


# CSV ----------------------------------------------------------------------------------------------------------------


async def test_csv_with_quotes_line_breaks_and_other_columns(folder: Folder) -> None:
    folder.path = folder.folder / "export.csv"
    folder.path.write_text(
        'Number;Who;Words;When;Labels\n'
        f'1;jane;"two\nlines; and ""quotes""";{AT};late|vip\n'
        f'2;bo;plain;{AT};\n'
        '3;kim;no time;;\n'
        f'4;lea;last;{AT};x'
    )
    columns = {"id": "Number", "author": "Who", "text": "Words", "created_at": "When", "tags": "Labels"}
    pages = await folder.pull(columns=columns)
    rows = [(m.ref, m.text) for page in pages for m in page.messages]
    assert rows == [("1", 'two\nlines; and "quotes"'), ("2", "plain")]
    assert [r.where for page in pages for r in page.rejects] == ["export.csv line 5"]
    assert pages[0].conversations[0].tags == ("late", "vip")
    with folder.path.open("a") as file:
        file.write("\n")
    assert refs(await folder.pull(columns=columns)) == ["4"]


async def test_csv_that_ends_without_a_line_break_counts_when_left_alone(folder: Folder) -> None:
    folder.path = folder.folder / "export.csv"
    folder.path.write_text(f"id,author,text,created_at\n1,jane,hi,{AT}")
    assert refs(await folder.pull()) == []
    folder.clock.at = time.time_ns() // 1_000_000 + 2 * MINUTE
    assert refs(await folder.pull()) == ["1"]


@pytest.mark.parametrize("header", ["a,b,c", "id,author,text", "author,text,created_at", ""])
async def test_csv_without_the_needed_columns_stops_before_anything_is_read(folder: Folder, header: str) -> None:
    folder.path = folder.folder / "export.csv"
    folder.path.write_text(f"{header}\n1,2,3\n")
    with pytest.raises(Rejected) as caught:
        await folder.connector().pull(None)
    assert "columns:" in caught.value.remedy
    assert "--column" in caught.value.remedy


async def test_an_open_quotation_mark_does_not_swallow_the_file_for_ever(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentdesk.connectors.file.tail.MAX_LINE", 200)
    folder.path = folder.folder / "export.csv"
    rows = "".join(f"{n},jane,hello,{AT}\n" for n in range(2, 40))
    folder.path.write_text(f'id,author,text,created_at\n1,jane,"oops,{AT}\n{rows}')
    pages = await folder.pull()
    assert len([r for page in pages for r in page.rejects]) >= 1
    assert "39" in refs(pages)


# reading a whole file in --------------------------------------------------------------------------------------------


def test_a_whole_file_in_pages_of_a_thousand_and_on_from_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "year.jsonl"
    path.write_text("".join(("broken" if n == 1_500 else line(n)) + "\n" for n in range(2_500)) + line("last"))
    got = list(read_bulk(path))
    assert [len(page.messages) + len(page.rejects) for page, _, _ in got] == [1_000, 1_000, 501]
    assert all(page.backfill for page, _, _ in got)
    assert got[-1][1] == path.stat().st_size == got[-1][2]
    assert [r.where for page, _, _ in got for r in page.rejects] == ["year.jsonl line 1501"]
    again = list(read_bulk(path, got[0][1]))
    assert refs([page for page, _, _ in again]) == refs([page for page, _, _ in got[1:]])
    assert [r.where for page, _, _ in again for r in page.rejects] == ["year.jsonl line 1501"]
    assert again[-1][1:] == (path.stat().st_size, path.stat().st_size - got[0][1])


def test_a_csv_file_goes_on_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "year.csv"
    path.write_text("id,author,text,created_at\n" + "".join(f'{n},jane,"a\nb",{AT}\n' for n in range(1_200)))
    got = list(read_bulk(path))
    again = list(read_bulk(path, got[0][1]))
    assert [m.ref for m in again[0][0].messages] == [str(n) for n in range(1_000, 1_200)]


@pytest.mark.bench
def test_reading_speed(tmp_path: Path) -> None:
    path = tmp_path / "year.jsonl"
    path.write_text("".join(line(n, "My parcel says delivered. " * 5, followers=n) + "\n" for n in range(50_000)))
    started = time.process_time()
    count = sum(len(page.messages) for page, _, _ in read_bulk(path))
    print(f"{count / (time.process_time() - started):,.0f} lines/s")


# the out file -------------------------------------------------------------------------------------------------------


def reply(thread: str, text: str, client_id: str = "c1") -> Outgoing:
    return Outgoing(client_id=client_id, conversation_ref=thread, kind=OutKind.REPLY, text=text,
                    visibility=Visibility.PUBLIC, agent="ann", reply_to_ref="p1", customer_ref="jane")


def out_of(folder: Folder) -> Path:
    return Path(f"{folder.path}.replies.jsonl")


async def test_a_reply_is_one_line_with_everything_a_reader_needs(folder: Folder) -> None:
    folder.append(line(1))
    await folder.connector().send(reply("p1", "Hallo\nJane 🙂"))
    (said,) = map(json.loads, out_of(folder).read_text().splitlines())
    assert said == {
        "id": "c1", "client_id": "c1", "conversation": "p1", "in_reply_to": "p1", "author": "ann", "direction": "out",
        "visibility": "public", "customer": "jane", "text": "Hallo\nJane 🙂",
        "created_at": "2026-01-01T00:00:00.000+00:00",
    }
    assert out_of(folder).stat().st_mode & 0o777 == 0o600


async def test_a_half_written_line_of_a_crash_is_closed_before_the_next(folder: Folder) -> None:
    folder.append(line(1))
    out_of(folder).write_bytes(b'{"id":"c1","client_id":"c1","text":"cut o')
    assert not out_file.contains(out_of(folder), "c1")
    await folder.connector().send(reply("p1", "whole"))
    lines = out_of(folder).read_bytes().split(b"\n")
    assert json.loads(lines[1])["text"] == "whole"
    assert out_file.contains(out_of(folder), "c1")


async def test_client_ids_are_found_wherever_they_stand(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdesk.connectors.file.out_file._BLOCK", 64)
    folder.append(line(1))
    for number in range(30):
        await folder.connector().send(reply("p1", "x" * (1 + number * 7), f"id-{number}"))
    for number in range(30):
        assert out_file.contains(out_of(folder), f"id-{number}")
    assert not out_file.contains(out_of(folder), "id-")
    assert not out_file.contains(out_of(folder), "id-30")


async def test_a_client_id_quoted_in_a_text_is_not_taken_for_one(folder: Folder) -> None:
    folder.append(line(1))
    await folder.connector().send(reply("p1", '"client_id":"other"', "c1"))
    assert not out_file.contains(out_of(folder), "other")


async def test_many_at_once_write_each_reply_once(folder: Folder) -> None:
    folder.append(line(1))
    outs = [reply("p1", f"text {n % 10}", f"id-{n % 10}") for n in range(40)]
    await asyncio.gather(*(folder.connector().send(out) for out in outs))
    ids = [json.loads(text)["id"] for text in out_of(folder).read_text().splitlines()]
    assert sorted(ids) == sorted({out.client_id for out in outs})


@pytest.mark.parametrize("short", [0, 10])
async def test_a_full_disk_leaves_nothing_behind(folder: Folder, monkeypatch: pytest.MonkeyPatch, short: int) -> None:
    folder.append(line(1))
    await folder.connector().send(reply("p1", "first"))
    before = out_of(folder).read_bytes()
    real: Callable[[int, bytes], int] = os.write

    def full(handle: int, data: bytes) -> int:
        if b"second" not in data:
            return real(handle, data)
        if short:
            return real(handle, data[:short])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Unavailable):
        await folder.connector().send(reply("p1", "second", "c2"))
    assert out_of(folder).read_bytes() == before


async def test_threads_and_people_that_are_not_there_are_gone(folder: Folder) -> None:
    folder.append(line(1, conversation="t/1 \u00e9"))
    assert len((await folder.connector().thread("t/1 \u00e9")).messages) == 1
    with pytest.raises(Gone):
        await folder.connector().thread("t/2")
    with pytest.raises(Gone):
        await folder.connector().customer("nobody")


async def test_hints_come_when_a_file_grows(folder: Folder) -> None:
    folder.append(line(1))
    hints = folder.connector().hints()
    waiting = asyncio.ensure_future(anext(hints))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    folder.append(line(2))
    await asyncio.wait_for(waiting, 30)
    await hints.aclose()  # type: ignore[attr-defined]


def test_the_registry_makes_it_without_httpx(folder: Folder) -> None:
    connector = create(FileSource(name="x", path=str(folder.path)), clock=folder.clock)
    assert (connector.name, connector.caps.letter) == ("file:x", "F")


async def test_a_file_cut_back_to_a_part_of_itself_is_a_gap(folder: Folder) -> None:
    folder.append(*(line(n, "x" * 300) for n in range(10)))
    await folder.pull()
    whole = folder.path.read_bytes().split(b"\n")
    os.truncate(folder.path, len(b"\n".join(whole[:6])) + 1)
    folder.append(line("new"))
    pages = await folder.pull()
    assert "pnew" in refs(pages)
    assert len(gaps(pages)) == 1


def test_pages_are_oldest_first_however_the_file_is_sorted(tmp_path: Path) -> None:
    path = tmp_path / "year.jsonl"
    path.write_text("".join(line(n, created_at=1_767_225_600 - n) + "\n" for n in range(5)))
    ((page, _, _),) = read_bulk(path)
    assert [m.ref for m in page.messages] == ["p4", "p3", "p2", "p1", "p0"]


async def test_two_terminals_that_look_at_the_same_moment_write_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.append(line(1))
    look = out_file.contains

    def slow(path: Path, client_id: str) -> bool:
        found = look(path, client_id)
        time.sleep(0.1)
        return found

    monkeypatch.setattr(out_file, "contains", slow)
    await asyncio.gather(*(folder.connector().send(reply("p1", "once")) for _ in range(3)))
    assert len(out_of(folder).read_text().splitlines()) == 1


def test_neither_the_registry_nor_a_file_source_loads_what_it_does_not_use(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from agentdesk.config.sources import FileSource\n"
        "from agentdesk.connectors import registry\n"
        "from agentdesk.model.clock import SystemClock\n"
        f"registry.create(FileSource(name='x', path={str(tmp_path)!r}), clock=SystemClock())\n"
        "sys.exit(bool({'httpx', 'importlib.metadata', 'agentdesk.connectors.rt'} & {*sys.modules}))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
