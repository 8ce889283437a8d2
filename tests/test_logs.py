"""The log and the crash report: what they keep of what went wrong, and what they never keep."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk import logs
from agentdesk.logs import LogFile, report_crash
from agentdesk.secrets import HIDDEN, Secret

CANARY = "1-14-canary/7f3e9b+x"
CUSTOMER = "my number is 0170 555"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agentdesk.log"


@pytest.fixture
def log(path: Path) -> Iterator[LogFile]:
    file = LogFile(path)
    file.start()
    yield file
    file.stop()


def _wrong(about: str) -> None:
    try:
        raise KeyError(about)
    except KeyError as error:
        raise ValueError(about) from error


def test_there_is_no_file_until_something_is_said(log: LogFile, path: Path) -> None:
    logging.getLogger("lib").info("all is well")
    assert not path.exists()
    logging.getLogger("lib").warning("something is odd")
    assert "WARNING lib: something is odd" in path.read_text()


def test_it_belongs_to_its_owner_and_never_goes_through_a_link(log: LogFile, path: Path, tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        logging.getLogger("lib").warning("odd")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    target, link = tmp_path / "elsewhere", tmp_path / "linked.log"
    link.symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        LogFile(link)._open()
    assert not target.exists()


def test_no_secret_is_kept_whoever_says_it(log: LogFile, path: Path) -> None:
    lib = logging.getLogger("lib")
    log.learn(Secret(CANARY))
    lib.warning("token %s at %s", CANARY, "https://x.example/?q=1")
    log.handle(logging.LogRecord("lib", logging.WARNING, "", 0, "wrong arguments %d", (CANARY,), None))
    log.learn(Secret("later-secret"))
    lib.warning({"a": "later-secret"}, stack_info=True)
    kept = path.read_text()
    assert CANARY not in kept
    assert "later-secret" not in kept
    assert "?q=1" not in kept
    assert "wrong arguments" in kept
    assert kept.count(HIDDEN) == 2


def test_of_an_error_only_kind_and_place_are_kept(log: LogFile, path: Path) -> None:
    try:
        _wrong(CUSTOMER)
    except ValueError:
        logging.getLogger("lib").exception("It failed\nwith values: %s", CUSTOMER)
    kept = path.read_text()
    assert CUSTOMER not in kept
    assert "ERROR lib: It failed\n" in kept
    assert "builtins.ValueError" in kept
    assert "builtins.KeyError" in kept
    assert "test_logs.py:" in kept
    assert "_wrong" in kept


def test_a_task_that_failed_unseen_is_found_here_without_its_text(log: LogFile, path: Path) -> None:
    async def lost() -> None:
        task = asyncio.create_task(asyncio.to_thread(_wrong, CUSTOMER))
        await asyncio.wait([task])

    asyncio.run(lost())
    gc.collect()
    kept = path.read_text()
    assert "ERROR asyncio: Task exception was never retrieved" in kept
    assert "builtins.ValueError" in kept
    assert CUSTOMER not in kept


def test_what_comes_from_outside_cannot_forge_a_line_or_move_the_cursor(log: LogFile, path: Path) -> None:
    logging.getLogger("lib").warning("bad host \x1b[2J\r2026-01-01 ERROR forged")
    assert "\x1b" not in path.read_text()
    assert len(path.read_text().splitlines()) == 1


def test_it_does_not_grow_for_ever(log: LogFile, path: Path) -> None:
    lib = logging.getLogger("lib")
    for number in range(2 * logs.LARGEST // logs.LONGEST):
        lib.warning("%06d %s", number, "x" * logs.LONGEST)
    sizes = {each.name: each.stat().st_size for each in path.parent.iterdir()}
    assert set(sizes) == {"agentdesk.log", "agentdesk.log.1"}
    assert max(sizes.values()) <= logs.LARGEST


def test_the_report_of_a_crash_has_places_and_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDESK_HOME", str(tmp_path / "home"))
    with pytest.raises(ValueError, match="0170") as caught:
        _wrong(CUSTOMER)
    told = report_crash(caught.value)
    (report,) = (tmp_path / "home" / "data" / "crash").iterdir()
    assert str(report) in told.cause
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    kept = report.read_text()
    assert "builtins.ValueError" in kept
    assert "builtins.KeyError" in kept
    assert CUSTOMER not in kept
