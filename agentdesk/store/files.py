"""The files around the database: created private, refused when they are not, and the reserve for a full disk."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from pathlib import Path

from agentdesk.errors import StoreError
from agentdesk.paths import disk_error

BALLAST_BYTES = 128 * 1024
"""Room that removing the ballast gives back."""
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "9p", "ceph", "glusterfs", "lustre",
                      "fuse.sshfs", "fuse.glusterfs", "fuse.davfs", "davfs", "fuse.rclone"})


def create_private(path: Path) -> bool:
    """Create an empty file that only its owner can read; False when there is one already.

    It is never created through a symbolic link, and it is private before anything is written to it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error(f"{path} cannot be made", error) from error
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
    return True


def refuse_foreign(path: Path) -> None:
    """Refuse a link, a file of somebody else and one that others can read; names the command that mends it."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(f"{path} cannot be looked at", error) from error
    name = shlex.quote(str(path))
    if stat.S_ISLNK(status.st_mode):
        raise StoreError(f"{path} is a symbolic link", "Whoever made the link decides where private data goes",
                         f"Run: rm {name}, or set AGENTDESK_HOME to the real folder")
    if not stat.S_ISREG(status.st_mode):
        raise StoreError(f"{path} is not a plain file", "", f"Move it away: mv {name} {name}.aside")
    if sys.platform == "win32":
        return
    if status.st_uid != os.geteuid():
        raise StoreError(f"{path} belongs to somebody else",
                         f"Its owner is user number {status.st_uid}, this is user number {os.geteuid()}",
                         f"Run: sudo chown {os.geteuid()} {name}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise StoreError(f"{path} can be read by others", f"Its mode is {mode:04o}", f"Run: chmod 600 {name}")


def ballast_of(path: Path) -> Path:
    """The ballast that belongs to a database."""
    return path.with_name("ballast")


def lay_ballast(path: Path) -> bool:
    """Keep room beside the database for when the disk is full; False when there is none to keep."""
    ballast = ballast_of(path)
    try:
        refuse_foreign(ballast)
        if ballast.exists() and ballast.stat().st_size >= BALLAST_BYTES:
            return True
        ballast.unlink(missing_ok=True)
        create_private(ballast)
        with ballast.open("r+b") as file:
            file.write(os.urandom(BALLAST_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except (OSError, StoreError):
        drop_ballast(path)
        return False
    return True


def drop_ballast(path: Path) -> bool:
    """Give the kept room back; False when there was none."""
    try:
        ballast_of(path).unlink()
    except OSError:
        return False
    return True


def room(folder: Path) -> int:
    """How many bytes the disk under ``folder`` still has for us; many when nobody knows."""
    import shutil

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 2**60


def is_full(folder: Path) -> bool:
    """True when the disk under ``folder`` has no room left for us."""
    return room(folder) < 16 * 1024


def is_writable(path: Path) -> bool:
    """True when both the file and its folder can be written."""
    return os.access(path.parent, os.W_OK | os.X_OK) and (not path.exists() or os.access(path, os.W_OK))


def network_mount(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """The kind of network file system under ``folder`` (nfs4, cifs); empty for a local one or when nobody knows."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real, best, kind = os.path.realpath(folder), -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        place = before.split(" ")[4:5]
        if not place or not after:
            continue
        point = place[0].encode("utf-8", "surrogateescape").decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
    return kind if kind in _NETWORK else ""
