"""Where a token is kept: the person chooses, it is put there and read back; nothing falls through to somewhere else."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentdesk import programs, secrets
from agentdesk.config.shape import VARIABLE
from agentdesk.config.sources import SecretRef
from agentdesk.connectors.login import Ask
from agentdesk.errors import Refused, SecretError
from agentdesk.model.text import inert_line
from agentdesk.paths import places
from agentdesk.secrets import Secret

FOLDER = "secrets"
"""Below the folder of the configuration: one file for each token that is kept in one."""
STORE_S = 60.0
"""A program that stores a token may ask for a passphrase."""


class Keeper:
    """Finds a place for the token of one source."""

    def __init__(self, ask: Ask, source: str, *, profile: str = "default", known: bool = True,
                 fleeting: bool = False) -> None:
        self._ask = ask
        self._source = source
        self._profile = profile
        self._known = known
        """True when the person has the token at hand: then it may be kept outside, to be given at each start."""
        self._fleeting = fleeting

    async def keep(self, secret: Secret) -> SecretRef:
        """Ask for a place until the token is there; Refused when the person stops."""
        trouble = "" if self._fleeting else await self._keyring_trouble()
        if trouble:
            self._ask.tell(f"The system's keyring cannot be used here. {trouble}")
        if self._fleeting:
            self._ask.tell("This token dies within hours, so a program has to give a fresh one each time it is needed.")
        while True:
            chosen = await self._ask.choose("Where to keep the token", self._offers(not trouble))
            if chosen == "stop":
                raise Refused("Nothing was written", "No place for the token was chosen", "Begin again at any time")
            try:
                return await self._put(chosen, secret)
            except SecretError as error:
                self._ask.tell(str(error))

    def _offers(self, keyring: bool) -> tuple[tuple[str, str], ...]:
        found = [("keyring", "the system's keyring")] if keyring and not self._fleeting else []
        if not self._fleeting:
            found.append(("file", "a file that only you can read (0600), unencrypted"))
        found.append(("command", "a program such as pass prints it"))
        if self._known and not self._fleeting:
            found.append(("env", "an environment variable that you set before each start"))
        if self._known:
            found.append(("prompt", "nowhere: it is asked for at each start"))
        return (*found, ("stop", "nothing is written"))

    async def _keyring_trouble(self) -> str:
        """Why the keyring cannot be used; empty when it can."""
        try:
            await secrets.held(SecretRef(kind="keyring", value=self._entry()))
        except SecretError as error:
            return (error.cause or error.title).rstrip(". ") + "."
        return ""

    def _entry(self, number: int = 1) -> str:
        owner = "agentdesk" if self._profile == "default" else f"agentdesk {self._profile}"
        return f"{owner} {self._source}" + (f" {number}" if number > 1 else "")

    async def _put(self, chosen: str, secret: Secret) -> SecretRef:
        match chosen:
            case "keyring":
                ref = SecretRef(kind="keyring", value=await self._free_entry())
                await _into_keyring(ref, secret)
            case "file":
                ref = SecretRef(kind="file", value=str(await asyncio.to_thread(self._free_file)))
                await secrets.store(ref, secret)
            case "command":
                ref = await self._program(secret)
            case "env":
                ref = await self._variable(secret)
            case _:
                ref = SecretRef(kind="prompt")
        self._ask.tell(f"The token: {ref.say()}")
        return ref

    async def _free_entry(self) -> str:
        """An entry that holds nothing yet: another configuration's token is not written over."""
        number = 1
        while await secrets.held(SecretRef(kind="keyring", value=self._entry(number))):
            number += 1
        return self._entry(number)

    def _free_file(self) -> Path:
        folder = places(self._profile).config_dir / FOLDER
        stem = self._source.replace(":", "-")
        number = 1
        while os.path.lexists(path := folder / (stem if number == 1 else f"{stem}-{number}")):
            number += 1
        return path

    async def _program(self, secret: Secret) -> SecretRef:
        """A program that prints the token; another one may store it first."""
        entry = f"agentdesk/{self._source.replace(':', '/')}"
        passes = shutil.which("pass") is not None and not self._fleeting
        if not self._fleeting:
            put = (await self._ask.text(
                "Program that stores it", hint="it gets the token on its standard input; empty if it is stored already",
                default=f"pass insert --multiline --force {entry}" if passes else "")).strip()
            if put:
                await hand_over(_words(put), secret)
        line = await self._ask.text("Program that prints it", hint="such as pass show desk/token; no shell is used",
                                    default=f"pass show {entry}" if passes else "")
        ref = SecretRef(kind="command", command=_words(line))
        told = await secrets.read(ref)
        if told.reveal() != secret.reveal() and not self._fleeting:
            raise SecretError(f"{inert_line(ref.command[0])} prints something else than the token", "",
                              "Store the token there first, then name the program again")
        return ref

    async def _variable(self, secret: Secret) -> SecretRef:
        usual = "AGENTDESK_" + re.sub(r"\W+", "_", self._source).upper()
        name = (await self._ask.text("Variable", default=usual)).strip()
        if not re.fullmatch(VARIABLE.pattern, name):
            raise SecretError(f"{inert_line(name, limit=60)} cannot be a variable's name", VARIABLE.words)
        if os.environ.get(name) != secret.reveal():
            self._ask.tell(f"Set it before each start, so that no history holds it: read -rs {name}; export {name}")
        return SecretRef(kind="env", value=name)


async def renew(ask: Ask, ref: SecretRef, secret: Secret) -> bool:
    """Put a new token where the old one is; False when nothing was put there, and the person knows what to do.

    SecretError when that place cannot be used now.
    """
    match ref.kind:
        case "keyring" | "file":
            await secrets.store(ref, secret)
            ask.tell(f"The new token took the place of the old one: {ref.say()}")
            return True
        case "command":
            put = await ask.text(f"Program that stores it where {inert_line(shlex.join(ref.command))} finds it",
                                 hint="it gets the token on its standard input; empty if it is stored already")
            if put.strip():
                await hand_over(_words(put), secret)
            if (await secrets.read(ref)).reveal() != secret.reveal():
                raise SecretError(f"{inert_line(ref.command[0])} prints something else than the new token", "",
                                  "Store the new token there")
            ask.tell(f"The new token is there: {ref.say()}")
            return True
        case "env":
            ask.tell(f"Set {ref.value} to the new token before the next start")
        case "prompt":
            ask.tell("Give the new token when the next start asks for it")
    return False


async def hand_over(argv: tuple[str, ...], secret: Secret, environ: Mapping[str, str] = os.environ) -> None:
    """Give a token to a program that stores it, on its standard input: nobody sees it in the list of processes."""
    program = inert_line(argv[0])
    try:
        code, _, said = await programs.run(argv, programs.environment(environ), seconds=STORE_S, most=secrets.MAX_BYTES,
                                           given=secret.reveal().encode() + b"\n")
    except TimeoutError:
        raise SecretError(f"{program} did not end", f"It was given {STORE_S:g} seconds",
                          "Run it once by hand to see what it waits for") from None
    except (OSError, ValueError) as error:
        cause = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else "It cannot be run"
        raise SecretError(f"{program} could not be started", cause, "Is it installed?") from None
    if code:
        words = inert_line(secrets.redact(said.decode(errors="replace"), [secret]), limit=300)
        raise SecretError(f"{program} did not store the token", f"It ended with {code}: {words}",
                          "Run it by hand to see why")


async def _into_keyring(ref: SecretRef, secret: Secret) -> None:
    """Store a token; a keyring asks its owner first, and what it takes after the person stopped is removed again."""
    storing = asyncio.ensure_future(secrets.store(ref, secret))
    try:
        await asyncio.shield(storing)
    except asyncio.CancelledError:
        await asyncio.wait([storing])
        if storing.exception() is None:
            await take_back(ref)
        raise


async def take_back(ref: SecretRef) -> None:
    """Remove a token that was put into a fresh place a moment ago, because the configuration could not be written."""
    if ref.kind == "file":
        await asyncio.to_thread(Path(ref.value).unlink, missing_ok=True)
    else:
        await secrets.remove(ref)


def written(ref: SecretRef) -> dict[str, Any]:
    """The reference as the configuration holds it."""
    match ref.kind:
        case "command":
            return {"command": list(ref.command)}
        case "prompt":
            return {"prompt": True}
        case _:
            return {ref.kind: ref.value} | ({"backend": ref.backend} if ref.backend else {})


def _words(line: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        raise SecretError("That cannot be read as a program with arguments", str(error)) from None
    if not words:
        raise SecretError("No program was named", "", "Name one, or choose another place")
    return (os.path.expanduser(words[0]), *words[1:])
