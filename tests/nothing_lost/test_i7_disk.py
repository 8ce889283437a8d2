"""I7: a full disk, a read-only one, damage: one sentence, reading goes on, and what matters is saved."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import apsw
import pytest

from agentdesk.config.schema import Config
from agentdesk.errors import StoreDamaged, StoreError, StoreFull, StoreReadOnly
from agentdesk.model.clock import ManualClock
from agentdesk.model.outgoing import OutKind
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, drafts, integrity, outbox, search
from agentdesk.store.db import Store
from agentdesk.store.files import ballast_of
from tests.bench.made import Maker
from tests.nothing_lost.conftest import Runs
from tests.store.scene import Scene

RULES = Rulebook.build(Config(), ZoneInfo("UTC"))


def _mount(folder: Path, *options: str) -> bool:
    return subprocess.run(["mount", *options, str(folder)], capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or not _mount(folder, "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs"):
        pytest.skip("needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int = 0) -> Path:
    """Use up the disk but for ``leave`` bytes."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
        if leave:
            file.truncate(max(0, file.tell() - leave))
    return filler


@pytest.mark.parametrize("leave", range(0, 60_000, 12_000))
def test_on_a_full_disk_the_open_draft_is_still_saved(small_disk: Path, leave: int) -> None:
    store = Store.open(small_disk / "data" / "desk.sqlite3", ManualClock())
    scene = Scene(store, ManualClock(), RULES)
    number = scene.ask()
    scene.draft(number, "first words")
    fill(small_disk, leave)

    def take_all() -> None:
        for page in Maker(1).pages(100_000, 20):
            scene.take(*page.messages)

    with pytest.raises(StoreFull) as caught:
        take_all()
    assert str(small_disk) in caught.value.cause
    assert caught.value.remedy
    assert ballast_of(store.path).exists(), "what can be fetched again must not use up the reserve"
    assert len(conversations.window(store.reader, search.Where())) >= 1
    scene.draft(number, "first words and many more " * 100)
    kept = drafts.get(store.reader, number, "ann", OutKind.REPLY)
    assert kept is not None
    assert kept.text.startswith("first words and many more")
    store.close()
    (small_disk / "filler").unlink()
    store = Store.open(store.path, ManualClock())
    assert integrity.check(store) == []
    assert drafts.get(store.reader, number, "ann", OutKind.REPLY) == kept
    assert ballast_of(store.path).stat().st_size == 128 * 1024, "laid anew"
    store.close()


def test_the_reserve_is_laid_anew_once_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    store = Store.open(small_disk / "data" / "desk.sqlite3", ManualClock())
    scene = Scene(store, ManualClock(), RULES)
    number = scene.ask()
    assert _mount(small_disk, "-o", "remount,size=8m")
    filler = fill(small_disk)
    for size in range(1, 100):
        scene.draft(number, "x" * size * 1_000)
        if store.warnings:
            break
    assert not ballast_of(store.path).exists()
    filler.unlink()
    scene.draft(number, "y")
    assert ballast_of(store.path).exists()
    store.close()


def test_the_person_is_told_when_the_reserve_was_used(small_disk: Path) -> None:
    store = Store.open(small_disk / "data" / "desk.sqlite3", ManualClock())
    scene = Scene(store, ManualClock(), RULES)
    number = scene.ask()
    fill(small_disk)
    for size in range(1, 40):
        scene.draft(number, "x" * size * 1_000)
        if store.warnings:
            break
    assert "The disk is full" in store.warnings[0]
    assert not ballast_of(store.path).exists()
    with pytest.raises(StoreFull):
        scene.draft(number, "y" * 400_000)
    kept = drafts.get(store.reader, number, "ann", OutKind.REPLY)
    assert kept is not None
    assert kept.text == "x" * len(kept.text)
    store.close()


def test_a_disk_too_full_to_begin_says_so(small_disk: Path) -> None:
    fill(small_disk, 16_384)
    with pytest.raises(StoreFull) as caught:
        Store.open(small_disk / "data" / "desk.sqlite3", ManualClock())
    assert caught.value.remedy


def test_a_disk_that_becomes_read_only_can_still_be_read(small_disk: Path) -> None:
    path = small_disk / "data" / "desk.sqlite3"
    store = Store.open(path, ManualClock())
    scene = Scene(store, ManualClock(), RULES)
    number = scene.ask()
    store.close()
    assert _mount(small_disk, "-o", "remount,ro")
    try:
        again = Store.open(path, ManualClock())
        assert "cannot be written" in again.warnings[0]
        assert Scene(again, ManualClock(), RULES).get(number).name == "Jane Doe"
        with pytest.raises(StoreReadOnly):
            again.write_now(lambda db: None)
        again.close()
    finally:
        _mount(small_disk, "-o", "remount,rw")
    store = Store.open(path, ManualClock())
    Scene(store, ManualClock(), RULES).draft(number, "typed")
    assert integrity.check(store) == []
    store.close()


@pytest.mark.parametrize("error", [apsw.ReadOnlyError("read-only"), apsw.IOError("disk I/O error")])
def test_a_disk_that_refuses_while_running_is_told_and_reading_goes_on(tmp_path: Path, error: apsw.Error) -> None:
    refuses: list[str] = []

    def fault(name: str) -> None:
        if name in refuses:
            raise error

    store = Store.open(tmp_path / "data" / "desk.sqlite3", ManualClock(), faults=fault)
    scene = Scene(store, ManualClock(), RULES)
    number = scene.ask()
    for name in ("begin", "write:1", "commit"):
        refuses[:] = [name]
        with pytest.raises(StoreError) as caught:
            scene.draft(number, "typed")
        assert str(store.path) in caught.value.title
        assert caught.value.remedy
        assert scene.get(number).has_draft is False
    refuses.clear()
    scene.draft(number, "typed")
    assert scene.get(number).has_draft is True
    store.close()


def test_a_read_only_disk_without_a_cache_says_so(small_disk: Path) -> None:
    assert _mount(small_disk, "-o", "remount,ro")
    with pytest.raises(StoreReadOnly) as caught:
        Store.open(small_disk / "data" / "desk.sqlite3", ManualClock())
    assert str(small_disk) in caught.value.title
    _mount(small_disk, "-o", "remount,rw")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with drafts, replies and decisions between many messages; closed."""
    path = tmp_path_factory.mktemp("model") / "data" / "desk.sqlite3"
    clock = ManualClock()
    store = Store.open(path, clock)
    scene = Scene(store, clock, RULES)
    for page in Maker(3).pages(400, 50):
        scene.take(*page.messages)
    for number in range(1, 41):
        scene.draft(number, f"draft {number} " * 20)
        scene.freeze(number, f"reply {number} " * 10)
        scene.draft(number, f"draft {number} " * 20)
    store.close()
    return path


def harm(path: Path, dice: random.Random, kind: str) -> None:
    data = bytearray(path.read_bytes())
    if kind == "bytes":
        at = dice.randrange(len(data) - 16)
        data[at : at + 16] = dice.randbytes(16)
    elif kind == "page":
        at = dice.randrange(len(data) // 4096) * 4096
        data[at : at + 4096] = dice.randbytes(4096)
    elif kind == "head":
        data[:100] = dice.randbytes(100)
    elif kind == "first page":
        data[:4096] = bytes(4096)
    else:
        del data[dice.randrange(4096, len(data)) :]
    path.write_bytes(data)


def use(path: Path) -> StoreError | None:
    """Read all that a desk reads; returns the one error that it may meet."""
    try:
        store = Store.open(path, ManualClock(), read_only=True)
        try:
            integrity.check(store)
            conversations.window(store.reader, search.Where())
            drafts.all(store.reader)
            outbox.list(store.reader, limit=1_000)
        finally:
            store.close()
    except StoreError as error:
        return error
    return None


def damaged_once(model: Path, folder: Path, seed: int, kind: str) -> tuple[int, int]:
    """Damage a copy, use it, rescue it; returns how many whole drafts and replies were saved."""
    path = folder / "data" / model.name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    shutil.copy(model, path)
    dice = random.Random(seed)
    harm(path, dice, kind)
    before = path.read_bytes()
    told = use(path)
    assert told is None or (type(told) is StoreDamaged and told.remedy)
    out = io.StringIO()
    counts = integrity.rescue(path, out)
    assert path.read_bytes() == before, "nothing is written over"
    rows = [json.loads(line) for line in out.getvalue().splitlines()]
    whole = [row for row in rows if row["intact"]]
    saved_drafts = {row["row"]["text"] for row in whole if row["table"] == "draft"}
    saved_replies = {json.loads(row["row"]["body"])["text"] for row in whole if row["table"] == "outbox"}
    assert saved_drafts <= {f"draft {n} " * 20 for n in range(1, 41)}, "what is called whole is what was written"
    assert saved_replies <= {f"reply {n} " * 10 for n in range(1, 41)}
    assert counts.get("draft", 0) == sum(row["table"] == "draft" for row in whole)
    assert [p for p in path.parent.iterdir() if p.name.startswith(".rescue")] == []
    return len(saved_drafts), len(saved_replies)


@pytest.mark.parametrize("kind", ["bytes", "page", "head", "first page", "short"])
def test_random_damage_never_ends_in_a_traceback_and_whole_rows_are_saved(model: Path, tmp_path: Path,
                                                                          kind: str, runs: Runs) -> None:
    saved = [damaged_once(model, tmp_path, seed, kind) for seed in range(12)]
    if kind in ("bytes", "page"):
        assert sum(d + r for d, r in saved) >= 12 * 80 * 0.9
    if kind in ("head", "first page"):
        assert saved == [(40, 40)] * 12
    runs(12)


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["bytes", "page", "head", "short"])
def test_random_damage_two_hundred_times(model: Path, tmp_path: Path, kind: str, runs: Runs) -> None:
    for seed in range(200):
        damaged_once(model, tmp_path, seed, kind)
    runs(200)


def test_a_damaged_file_is_kept_aside_and_a_new_one_begins(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "data" / model.name
    path.parent.mkdir(mode=0o700)
    shutil.copy(model, path)
    harm(path, random.Random(1), "head")
    before = path.read_bytes()
    with pytest.raises(StoreDamaged) as caught:
        Store.open(path, ManualClock())
    assert "rescue" in caught.value.remedy
    assert path.read_bytes() == before
    kept = integrity.set_aside(path, 5)
    assert kept.read_bytes() == before
    store = Store.open(path, ManualClock())
    assert integrity.check(store) == []
    store.close()
    assert integrity.set_aside(path, 5) != kept
    assert kept.read_bytes() == before
