"""Where agentdesk keeps things, and the only ways it makes private folders and files."""

from __future__ import annotations

import errno
import os
import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import msgspec

from agentdesk.errors import ConfigError, Refused, StoreError, StoreFull, StoreReadOnly, UsageError

_PROFILE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_CALL = re.compile(r"\bagentdesk (?=(?:config|customer|doctor|export|forget|import|login|note|outbox|queue|reopen|"
                   r"reply|secret|show|sources|sync)\b)")
"""Where a sentence names a command that works on a profile."""
_SHARED = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - named to be refused


class Places(msgspec.Struct, frozen=True):
    """Every path of one profile; nothing is created by naming it."""

    config_dir: Path
    config_file: Path
    packs_dir: Path
    """Canned replies."""
    themes_dir: Path
    """The person's own themes."""
    data_dir: Path
    database: Path
    ballast: Path
    """A file whose removal frees room when the disk is full."""
    log_file: Path
    crash_dir: Path
    """What went wrong, without anybody's text in it."""
    runtime_dir: Path
    """The socket of a running desk; never under /tmp."""

    def themes(self) -> tuple[Path, ...]:
        """The folders to look in for a theme, the person's own first."""
        return tuple(folder for folder in (self.themes_dir, built_in_themes()) if folder.is_dir())


def in_profile(words: str, profile: str) -> str:
    """A sentence whose commands mean this profile when they are typed as they stand."""
    return words if profile == "default" else _CALL.sub(f"agentdesk --profile {profile} ", words)


def places(profile: str = "default", environ: Mapping[str, str] | None = None) -> Places:
    """Return the paths of a profile; ``AGENTDESK_HOME`` puts all of them below one folder."""
    if not _PROFILE.fullmatch(profile):
        raise UsageError(
            f"«{profile[:40]}» cannot be a profile's name",
            "It becomes a folder's name",
            "Use small letters, digits, dash and underscore",
        )
    config, data, run = _roots(os.environ if environ is None else environ)
    if profile != "default":
        config, data = config / "profiles" / profile, data / "profiles" / profile
        run = run / profile if run is not None else None
    return Places(
        config_dir=config,
        config_file=config / "config.yaml",
        packs_dir=config / "packs",
        themes_dir=config / "themes",
        data_dir=data,
        database=data / "desk.sqlite3",
        ballast=data / "ballast",
        log_file=data / "agentdesk.log",
        crash_dir=data / "crash",
        runtime_dir=data / "run" if run is None else run,
    )


def _roots(environ: Mapping[str, str]) -> tuple[Path, Path, Path | None]:
    """Folders for configuration, data and the socket; the last None where the system has no private one."""
    home = environ.get("AGENTDESK_HOME", "")
    if home:
        root = Path(home).expanduser().absolute()
        return root / "config", root / "data", root / "run"
    import platformdirs

    given = environ.get("XDG_RUNTIME_DIR", "")
    run = Path(given) if given.startswith("/") and not _is_shared(Path(given)) else None
    return (
        platformdirs.user_config_path("agentdesk", appauthor=False),
        platformdirs.user_data_path("agentdesk", appauthor=False),
        run / "agentdesk" if run is not None else None,
    )


def downloads(environ: Mapping[str, str] | None = None) -> Path:
    """The person's own folder for downloads; below ``AGENTDESK_HOME`` where that is set."""
    home = (os.environ if environ is None else environ).get("AGENTDESK_HOME", "")
    if home:
        return Path(home).expanduser().absolute() / "downloads"
    import platformdirs

    return platformdirs.user_downloads_path()


def new_private(folder: Path, name: str) -> Path:
    """Create an empty file for its owner only (0600) and return it: ``name``, or with a number where that is taken.

    A folder that is missing is made (0700); one that is there is left as it is. ``name`` must be a plain file name.
    """
    before, _, ending = name.rpartition(".")
    stem, end = (before, f".{ending}") if before else (name, "")
    try:
        _make(folder)
        for number in range(1, 10_000):
            path = folder / (name if number == 1 else f"{stem} ({number}){end}")
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise disk_error(f"Nothing can be written into {folder}", error) from error
    raise StoreError(f"{folder} holds too many files called {name}", "", "Name another folder, or clear this one")


def _is_shared(folder: Path) -> bool:
    real = Path(os.path.normpath(folder))
    return any(real == shared or shared in real.parents for shared in _SHARED)


def built_in_themes() -> Path:
    """The folder with the themes that come along: inside the wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "_themes"
    return installed if installed.is_dir() else package.parent / "themes"


def make_private(folder: Path) -> Path:
    """Create ``folder`` for its owner only (0700) and return it; refuse one that others own, write or read."""
    try:
        _make(folder)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise _folder_error(folder, error) from error
    try:
        _judge(folder, os.fstat(handle))
    finally:
        os.close(handle)
    return folder


def _make(folder: Path) -> None:
    """Create ``folder`` and what is missing above it, each 0700 whatever the umask."""
    missing: list[Path] = []
    step = folder.absolute()
    while not os.path.lexists(step):
        missing.append(step)
        step = step.parent
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:
            continue
        each.chmod(0o700)


def _judge(folder: Path, status: os.stat_result) -> None:
    name = shlex.quote(str(folder))
    if status.st_uid != os.geteuid():
        raise StoreError(
            f"The folder {folder} belongs to somebody else",
            f"Its owner is user number {status.st_uid}, this is user number {os.geteuid()}",
            f"Run: sudo chown {os.geteuid()} {name}, or set AGENTDESK_HOME to a folder of your own",
        )
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        can = "write" if mode & 0o022 else "read"
        raise StoreError(
            f"The folder {folder} is open to others",
            f"They can {can} in it (mode {mode:04o})",
            f"Run: chmod 700 {name}",
        )


def is_there(path: Path) -> bool:
    """Whether there is a file; ConfigError where its folder may not even be looked into, so that nobody can say."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read", f"{path}: {os.strerror(error.errno or 0)}",
                          "Check the path and its permissions") from error
    return True


def _folder_error(folder: Path, error: OSError) -> StoreError:
    if os.path.islink(folder):
        return StoreError(
            f"The folder {folder} is a symbolic link",
            "Whoever made the link decides where private data goes",
            f"Run: rm {shlex.quote(str(folder))}, or set AGENTDESK_HOME to the real folder",
        )
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return StoreError(
            f"The folder {folder} cannot be made", "A file stands in its way", "Move that file, or set AGENTDESK_HOME"
        )
    return disk_error(f"The folder {folder} cannot be made", error)


def disk_error(title: str, error: OSError) -> StoreError:
    """The error of the tree for what the system said."""
    cause = os.strerror(error.errno) if error.errno else "Unknown reason"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(title, cause, "Free some room and try again")
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return StoreReadOnly(title, cause, "Make it writable, or set AGENTDESK_HOME to a folder that is")
    return StoreError(title, cause, "Look at the folder, or set AGENTDESK_HOME to another")


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` as a whole with ``data``, readable by its owner only, durable when this returns.

    The bytes go to a new file beside it (0600 from its creation, never through a link), which then takes its name.
    """
    import secrets

    fresh = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_error(f"{path} cannot be written", error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise disk_error(f"{path} cannot be written", error) from error


def begin_private(path: Path) -> TextIO:
    """A new text file to write into, readable by its owner only; Refused when something of that name is there."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused(f"{path} exists already", "", "Name a new file") from None
    except OSError as error:
        raise disk_error(f"{path} cannot be written", error) from error
    return os.fdopen(handle, "w", encoding="utf-8")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
