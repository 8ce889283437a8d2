"""Tokens and passwords: read from where the configuration says, held so that they never print.

Each reference names one place, and nothing falls through to another: a keyring that fails is told, not replaced by
something weaker.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import json
import os
import re
import shlex
import stat
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar
from urllib.parse import quote, quote_plus

from agentdesk import programs
from agentdesk.config.sources import SecretRef
from agentdesk.errors import SecretError
from agentdesk.model.text import inert, inert_line
from agentdesk.paths import make_private, write_private

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")
Ask = Callable[[str], Awaitable[str]]
"""Asks a person for the secret of the source it is given the name of."""

HIDDEN = "•••"
SERVICE = "agentdesk"
"""Under this name entries stand in the keyring."""
MAX_BYTES = 16 * 1024
ELSEWHERE = (
    "On a host without an unlocked keyring (usual over SSH), say under token: command: [pass, show, …], "
    "env: NAME, file: PATH or prompt: true"
)
_TRUSTED = {
    "linux": ("keyring.backends.SecretService.Keyring", "keyring.backends.kwallet.DBusKeyring"),
    "darwin": ("keyring.backends.macOS.Keyring",),
    "win32": ("keyring.backends.Windows.WinVaultKeyring",),
}


class Secret:
    """A token or password; only ``reveal()`` gives it, nothing prints, copies or stores it."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The value itself, for the one request that needs it."""
        return self.__value

    def __repr__(self) -> str:
        return HIDDEN

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return True

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret does not leave the process")


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a place may take to answer."""

    keyring: float = 3.0
    command: float = 10.0


async def read(
    ref: SecretRef,
    *,
    name: str = "",
    ask: Ask | None = None,
    limits: Limits = Limits(),
    environ: MutableMapping[str, str] = os.environ,
) -> Secret:
    """Read the secret of the source ``name``; SecretError says what went wrong and what to do, never the value.

    A variable is taken out of ``environ`` when it is read, so that programs started later do not inherit it.
    """
    match ref.kind:
        case "keyring":
            value = await _within(limits.keyring, lambda: _backend(ref, environ).get_password(SERVICE, ref.value))
            if value is None:
                raise SecretError(
                    f"The keyring has no entry {inert_line(ref.value)}",
                    f"Service {SERVICE}, user {inert_line(ref.value)}",
                    f"Store it: keyring set {SERVICE} {shlex.quote(ref.value)}",
                )
        case "command":
            value = await _from_command(ref.command, limits.command, environ)
        case "env":
            value = _from_variable(ref.value, environ)
        case "file":
            value = _from_file(Path(ref.value))
        case "prompt":
            value = await _from_person(name, ask)
    secret = Secret(value.partition("\n")[0].rstrip("\r") if ref.kind in ("command", "file") else value)
    del value
    return _usable(secret, ref)


def withdraw(refs: Iterable[SecretRef | None], environ: MutableMapping[str, str] = os.environ) -> dict[str, str]:
    """Take every variable that holds a secret out of ``environ``, before a program is started that would inherit it."""
    names = {ref.value for ref in refs if ref is not None and ref.kind == "env"}
    return {name: environ.pop(name) for name in names if name in environ}


def _usable(secret: Secret, ref: SecretRef) -> Secret:
    """Refuse what cannot be a secret; only the wrapped value is in any frame that an error could show."""
    if not secret.reveal():
        raise SecretError(f"The secret is empty ({ref.say()})", "Nothing came from there", "Store the secret there")
    if len(secret.reveal()) > MAX_BYTES or inert(secret.reveal()) != secret.reveal() or "\n" in secret.reveal():
        raise SecretError(
            f"What came is not a secret ({ref.say()})",
            "It has several lines, control characters, or is far too long",
            "Keep the bare token there, on one line",
        )
    return secret


async def store(ref: SecretRef, value: Secret, *, limits: Limits = Limits()) -> None:
    """Put a secret into the keyring or a private file and read it back; other places are filled by their programs."""
    if ref.kind == "file":
        _into_file(Path(ref.value), value)
        return
    if ref.kind != "keyring":
        raise SecretError(
            "Only the keyring and a file can be filled from here", f"The token is kept elsewhere ({ref.say()})",
            "Store it there"
        )

    def put() -> bool:
        backend = _backend(ref, os.environ)
        backend.set_password(SERVICE, ref.value, value.reveal())
        return backend.get_password(SERVICE, ref.value) == value.reveal()

    if not await _within(limits.keyring, put):
        raise SecretError("The keyring did not keep the secret", "Reading it back gave something else", ELSEWHERE)


async def remove(ref: SecretRef, *, limits: Limits = Limits()) -> None:
    """Take a secret out of the keyring, where there is one; what other programs keep stays."""
    if ref.kind != "keyring":
        return

    def drop() -> None:
        backend = _backend(ref, os.environ)
        if backend.get_password(SERVICE, ref.value) is not None:
            backend.delete_password(SERVICE, ref.value)

    await _within(limits.keyring, drop)


async def held(ref: SecretRef, *, limits: Limits = Limits(), environ: MutableMapping[str, str] = os.environ) -> bool:
    """True when the keyring has this entry; SecretError when the keyring cannot be used."""
    return await _within(limits.keyring, lambda: _backend(ref, environ).get_password(SERVICE, ref.value)) is not None


# keyring ---------------------------------------------------------------------------------------------------------


async def _within(seconds: float, work: Callable[[], T]) -> T:
    """Run ``work`` in a thread of its own, which may hang for ever without holding up anything but itself."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: SecretError | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as problem:  # backends raise whatever their libraries raise
            error = _keyring_error(problem)
        with contextlib.suppress(RuntimeError):  # the loop may be gone by the time a hung keyring answers
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        async with asyncio.timeout(seconds):
            return await done
    except TimeoutError:
        raise SecretError(
            "The keyring does not answer",
            f"It was given {seconds:g} seconds; it may be asking for its password on a display where nobody looks",
            "Unlock the keyring there. " + ELSEWHERE,
        ) from None


def _keyring_error(problem: Exception) -> SecretError:
    """The keyring's trouble in words; only the kind of error is told, its text could hold anything."""
    if isinstance(problem, SecretError):
        return problem
    kind = type(problem).__name__
    causes = {
        "KeyringLocked": "It is locked",
        "InitError": "It could not be opened: its password was not given",
        "NoKeyringError": "There is none on this host",
    }
    return SecretError("The keyring cannot be used", causes.get(kind, f"It failed ({kind})"), ELSEWHERE)


def _backend(ref: SecretRef, environ: MutableMapping[str, str]) -> KeyringBackend:
    """The keyring to use: the one named in the configuration, else the best that is trusted and works here.

    Plain-text, null and unknown backends are used only when the configuration names them; ``keyringrc.cfg`` and
    installed plugins are not asked, because they run whatever module they name.
    """
    from keyring.core import load_keyring

    if ref.backend:
        try:
            return load_keyring(ref.backend)
        except (ImportError, AttributeError):
            shown = inert_line(ref.backend)
            raise SecretError(f"There is no keyring backend {shown}", "", "Mend backend: under token") from None
    trusted = _TRUSTED.get(sys.platform, ())
    wanted = environ.get("PYTHON_KEYRING_BACKEND", "")
    if wanted and wanted not in trusted:
        raise SecretError(
            "The keyring is not one to trust with a token",
            f"PYTHON_KEYRING_BACKEND names {inert_line(wanted)}",
            f"Unset it, or name the backend under token (keyring: …, backend: …). {ELSEWHERE}",
        )
    working: list[tuple[float, KeyringBackend]] = []
    for name in (wanted,) if wanted else trusted:
        try:
            backend = load_keyring(name)
            working.append((float(backend.priority), backend))
        except (ImportError, RuntimeError):  # not installed, or says that it cannot work here
            continue
    if not working:
        raise SecretError("The keyring cannot be used", "There is none on this host", ELSEWHERE)
    return max(working, key=lambda found: found[0])[1]


# command, variable, file, person ---------------------------------------------------------------------------------


async def _from_command(argv: tuple[str, ...], seconds: float, environ: MutableMapping[str, str]) -> str:
    """Run a program without a shell and without our own variables; give what it printed."""
    program = inert_line(argv[0])
    try:
        code, out, said = await programs.run(argv, programs.environment(environ), seconds=seconds, most=2 * MAX_BYTES)
    except TimeoutError:
        remedy = "Unlock its store first, for instance by running it once by hand"
        raise SecretError(f"{program} gave no secret", f"It was given {seconds:g} seconds", remedy) from None
    except (OSError, ValueError) as error:
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "It cannot be run"
        raise SecretError(f"{program} could not be started", cause, "Mend the command under token") from None
    text = Secret(out.decode(errors="replace"))
    del out
    if code:
        printed = [Secret(word) for word in text.reveal().split() if len(word) > 3]
        words = inert_line(redact(said.decode(errors="replace"), printed), limit=300)
        cause = f"It ended with {code}: {words}" if words else f"It ended with {code}"
        raise SecretError(f"{program} gave no secret", cause, "Run it by hand to see why")
    return text.reveal()


def _from_variable(name: str, environ: MutableMapping[str, str]) -> str:
    value = environ.pop(name, None)
    if value is None:
        raise SecretError(
            f"The environment variable {name} is not set",
            "It is read once, at the start, and then removed",
            "Set it before starting, or name another place under token",
        )
    return value


def _from_file(path: Path) -> str:
    """Read a file that only its owner can read, in a folder that only its owner can open."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _judge(os.fstat(folder), path.parent, "folder", 0o700)
            handle = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise SecretError(f"{path} holds no secret", "It is not an ordinary file", "Name a file under token")
            _judge(status, path, "file", 0o600)
            return file.read(2 * MAX_BYTES).decode(errors="replace")
    except OSError as error:
        cause = "It is a symbolic link" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        raise SecretError(f"{path} cannot be read", cause, "Name an existing file of your own under token") from None


def _into_file(path: Path, value: Secret) -> None:
    """Write a file that only its owner can read, in a folder that only its owner can open, and read it back."""
    if not path.parent.exists():
        make_private(path.parent)
    _judge(path.parent.stat(), path.parent, "folder", 0o700)
    write_private(path, value.reveal().encode() + b"\n")
    if _from_file(path).rstrip("\r\n") != value.reveal():
        raise SecretError(f"{path} did not keep the token", "Reading it back gave something else", ELSEWHERE)


def _judge(status: os.stat_result, path: Path, what: str, mode: int) -> None:
    name = shlex.quote(str(path))
    if status.st_uid != os.geteuid():
        remedy = f"Run: sudo chown {os.geteuid()} {name}, or use command: [cat, {path}]"
        raise SecretError(f"The {what} {path} belongs to somebody else", f"Its owner is number {status.st_uid}", remedy)
    found = stat.S_IMODE(status.st_mode)
    if found & 0o077:
        remedy = f"Run: chmod {mode:o} {name}"
        raise SecretError(f"The {what} {path} is open to others", f"Its mode is {found:04o}", remedy)


async def _from_person(name: str, ask: Ask | None) -> str:
    if ask is None:
        raise SecretError(
            f"Nobody is here to ask for the token of {inert_line(name) or 'this source'}",
            "It is asked for at the terminal and kept nowhere",
            "Start agentdesk at a terminal, or name another place under token",
        )
    return await ask(name)


# hiding ----------------------------------------------------------------------------------------------------------

_QUERY = re.compile(r"(?i)\b((?:https?|wss?)://)(?:[^\s/?#\"'<>@]*@)?([^\s?#\"'<>]*)([?#][^\s\"'<>]*)?")
_HEADER = re.compile(
    r"(?i)\b(authorization|proxy-authorization|cookie|set-cookie|x-api-key|private-token|api_access_token|x-auth-token)"
    r"(?:(['\"]?\s*[:=,]\s*b?['\"])[^'\"\r\n]+|(\s*[:=]\s*)[^\s'\"][^\r\n]*)"
)


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """Return ``text`` without the secrets in any usual spelling, and without what follows ``?`` in addresses."""
    forms: set[str] = set()
    for secret in secrets:
        value = secret.reveal()
        if value:
            encoded = base64.b64encode(value.encode()).decode()
            written = (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
            forms |= {value, quote(value, safe=""), quote_plus(value), encoded, *written}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    text = _HEADER.sub(lambda found: found[1] + (found[2] or found[3]) + HIDDEN, text)
    return _QUERY.sub(lambda found: found[1] + found[2] + ("?…" if found[3] else ""), text)
