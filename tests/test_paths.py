"""Paths: where things are, and that private folders and files are private from the first moment."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentdesk.paths
from agentdesk.errors import StoreError, StoreFull, StoreReadOnly, UsageError
from agentdesk.paths import built_in_themes, make_private, places, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# where things are ------------------------------------------------------------------------------------------------


def test_a_home_of_its_own_holds_everything(tmp_path: Path) -> None:
    it = places(environ={"AGENTDESK_HOME": str(tmp_path / "x"), "XDG_RUNTIME_DIR": "/run/user/1"})
    assert it.config_file == tmp_path / "x/config/config.yaml"
    assert it.packs_dir == tmp_path / "x/config/packs"
    assert it.themes_dir == tmp_path / "x/config/themes"
    assert it.database == tmp_path / "x/data/desk.sqlite3"
    assert {it.ballast.parent, it.log_file.parent, it.crash_dir.parent} == {it.data_dir}
    assert it.runtime_dir == tmp_path / "x/run"
    assert not (tmp_path / "x").exists()


def test_profiles_share_no_path(tmp_path: Path) -> None:
    environ = {"AGENTDESK_HOME": str(tmp_path)}
    one, other = places(environ=environ), places("night", environ)
    assert not {getattr(one, name) for name in one.__slots__} & {getattr(other, name) for name in one.__slots__}
    assert other.database == tmp_path / "data/profiles/night/desk.sqlite3"


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "-x", "a b", ".hidden", "x" * 41, "a\n"])
def test_a_profile_is_named_like_a_folder(name: str) -> None:
    with pytest.raises(UsageError, match="profile"):
        places(name)


@pytest.mark.parametrize(
    ("given", "used"),
    [("/run/user/7", True), ("/run/user/7/", True), ("", False), ("/tmp", False), ("/tmp/run-7", False),
     ("/run/../tmp/x", False), ("/var/tmp/x", False), ("/dev/shm/x", False), ("relative", False), (None, False)],
)
def test_the_socket_is_never_in_a_shared_folder(
    given: str | None, used: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ann/data")
    environ = {} if given is None else {"XDG_RUNTIME_DIR": given}
    folder = places(environ=environ).runtime_dir
    assert folder == (Path("/run/user/7/agentdesk") if used else Path("/home/ann/data/agentdesk/run"))


def test_the_usual_folders_are_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AGENTDESK_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ann/c")
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ann/d")
    it = places()
    assert it.config_file == Path("/home/ann/c/agentdesk/config.yaml")
    assert it.database == Path("/home/ann/d/agentdesk/desk.sqlite3")


def test_themes_are_found_in_a_checkout_and_in_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert built_in_themes() == Path(agentdesk.paths.__file__).parents[1] / "themes"
    package = tmp_path / "site-packages/agentdesk"
    (package / "_themes").mkdir(parents=True)
    monkeypatch.setattr(agentdesk.paths, "__file__", str(package / "paths.py"))
    assert built_in_themes() == package / "_themes"


def test_own_themes_come_before_built_in_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built_in = tmp_path / "built-in"
    built_in.mkdir()
    monkeypatch.setattr(agentdesk.paths, "built_in_themes", lambda: built_in)
    it = places(environ={"AGENTDESK_HOME": str(tmp_path)})
    assert it.themes() == (built_in,)
    it.themes_dir.mkdir(parents=True)
    assert it.themes() == (it.themes_dir, built_in)


def test_naming_paths_imports_little() -> None:
    code = "import sys, agentdesk.paths as p; p.places(); print({'platformdirs', 'keyring', 'yaml'} & {*sys.modules})"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


# folders ---------------------------------------------------------------------------------------------------------


def test_folders_are_made_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    folder = tmp_path / "a" / "b" / "c"
    assert make_private(folder) == folder
    assert [mode(path) for path in (folder, folder.parent, folder.parent.parent)] == [0o700] * 3
    make_private(folder)


@pytest.mark.parametrize(("found", "can"), [(0o755, "read"), (0o750, "read"), (0o701, "read"), (0o770, "write"),
                                            (0o777, "write"), (0o702, "write"), (0o1777, "write")])
def test_a_folder_open_to_others_is_refused_with_a_remedy_that_works(tmp_path: Path, found: int, can: str) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    folder.chmod(found)
    with pytest.raises(StoreError, match="open to others") as error:
        make_private(folder)
    assert error.value.cause == f"They can {can} in it (mode {found:04o})"
    assert error.value.remedy == f"Run: chmod 700 '{folder}'"
    assert mode(folder) == found
    subprocess.run(["sh", "-c", error.value.remedy.removeprefix("Run: ")], check=True)
    make_private(folder)


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_private(tmp_path / "data")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match="belongs to somebody else") as error:
        make_private(folder)
    assert str(folder) in error.value.remedy


@pytest.mark.parametrize("dangling", [True, False])
def test_a_planted_link_is_refused(tmp_path: Path, dangling: bool) -> None:
    elsewhere = tmp_path / "elsewhere"
    if not dangling:
        elsewhere.mkdir(mode=0o700)
    link = tmp_path / "data"
    link.symlink_to(elsewhere)
    with pytest.raises(StoreError, match="symbolic link"):
        make_private(link)
    assert elsewhere.exists() is not dangling


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for folder in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(StoreError, match="cannot be made") as error:
            make_private(folder)
        assert error.value.cause == "A file stands in its way"


def test_two_may_make_the_same_folder_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b" / "c" / "d"
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def work() -> None:
        try:
            start.wait()
            make_private(folder)
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


# files -----------------------------------------------------------------------------------------------------------


def test_files_are_private_from_their_creation(tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fchmod = os.fchmod

    def watch(handle: int, wanted: int) -> None:
        seen.append(stat.S_IMODE(os.fstat(handle).st_mode) & 0o077)
        fchmod(handle, wanted)

    monkeypatch.setattr(os, "fchmod", watch)
    path = tmp_path / "file"
    write_private(path, b"one")
    write_private(path, b"two")
    assert seen == [0, 0]
    assert mode(path) == 0o600
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_file_open_to_others_is_private_after_writing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(0o666)
    write_private(path, b"new")
    assert mode(path) == 0o600


def test_a_planted_link_is_replaced_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "target", tmp_path / "file"
    target.write_text("precious")
    path.symlink_to(target)
    write_private(path, b"new")
    assert target.read_text() == "precious"
    assert not path.is_symlink()
    assert path.read_bytes() == b"new"


def test_a_planted_name_for_the_new_file_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "known")
    target = tmp_path / "target"
    (tmp_path / ".file.known.new").symlink_to(target)
    with pytest.raises(StoreError, match="cannot be written"):
        write_private(tmp_path / "file", b"new")
    assert not target.exists()


@pytest.mark.parametrize(
    ("call", "number", "kind"),
    [("fsync", 28, StoreFull), ("fsync", 122, StoreFull), ("fchmod", 30, StoreReadOnly), ("open", 13, StoreReadOnly),
     ("open", 30, StoreReadOnly), ("open", 28, StoreFull), ("fsync", 5, StoreError)],
)
def test_a_failing_disk_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[StoreError]
) -> None:
    path = tmp_path / "file"
    write_private(path, b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(kind) as error:
            write_private(path, b"new")
    assert type(error.value) is kind
    assert error.value.cause == os.strerror(number)
    assert error.value.remedy
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
