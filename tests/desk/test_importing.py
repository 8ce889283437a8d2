"""Reading a whole file in: it goes on where it stopped, and knows another file under the same name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdesk.desk import importing
from agentdesk.errors import Refused
from tests.desk.conftest import World


def lines(*numbers: int, word: str = "Hello") -> str:
    """Posts, one a line."""
    return "".join(json.dumps({"id": f"{word}{n}", "author": "jo", "text": f"{word} {n}",
                               "created_at": "2026-01-01T00:00:00Z"}) + "\n" for n in numbers)


def stored(world: World) -> set[str]:
    """What came in."""
    return {row[0] for row in world.desk.store.reader.rows("SELECT text FROM message WHERE source = 'file:posts'")}


async def test_a_file_that_grew_is_read_on_from_where_it_ended(world: World, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(lines(1, 2))
    assert (await importing.import_file(world.desk, path)).stored == 2
    with pytest.raises(Refused, match="read in already"):
        await importing.import_file(world.desk, path)
    path.write_text(lines(1, 2, 3))
    job = await importing.import_file(world.desk, path)
    assert (job.lines, stored(world)) == (3, {"Hello 1", "Hello 2", "Hello 3"})


@pytest.mark.parametrize("numbers", [(1, 2, 3, 4), (1, 2)], ids=["larger", "of the same size"])
async def test_another_file_under_the_same_name_is_read_whole(world: World, tmp_path: Path,
                                                             numbers: tuple[int, ...]) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(lines(1, 2, word="First"))
    await importing.import_file(world.desk, path)
    path.write_text(lines(*numbers, word="Other"))
    job = await importing.import_file(world.desk, path)
    assert stored(world) == {"First 1", "First 2", *(f"Other {n}" for n in numbers)}
    assert job.rejected == 0


async def test_a_file_whose_middle_was_changed_is_read_whole(world: World, tmp_path: Path) -> None:
    path = tmp_path / "posts.jsonl"
    head = lines(*range(1_000))
    path.write_text(head + lines(1, 2, word="First"))
    await importing.import_file(world.desk, path)
    path.write_text(head + lines(1, 2, 3, word="Other"))
    await importing.import_file(world.desk, path)
    assert {"Other 1", "Other 2", "Other 3"} <= stored(world)
