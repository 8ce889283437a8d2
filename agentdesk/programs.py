"""Running other programs: never through a shell, always with a time limit and a bound on what is read back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from typing import NamedTuple

OWN = "AGENTDESK_"
"""Variables of ours do not reach other programs unless they are given on purpose."""


class Ended(NamedTuple):
    """What a program left."""

    code: int
    out: bytearray
    err: bytearray


def environment(environ: Mapping[str, str], more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child: without our own variables, with those given."""
    return {**{name: value for name, value in environ.items() if not name.startswith(OWN)}, **(more or {})}


async def run(argv: Sequence[str], env: Mapping[str, str], *, seconds: float, most: int, given: bytes = b"") -> Ended:
    """Start ``argv``, hand it ``given``, and keep at most ``most`` bytes of each of its two outputs.

    TimeoutError when it has not ended in time: it is killed then, and whatever it started in its own group. OSError or
    ValueError when it cannot be started.
    """
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=pipe if given else null, stdout=pipe, stderr=pipe, env=dict(env), start_new_session=True)
    out, err = bytearray(), bytearray()
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(_feed(process.stdin, given), _drain(process.stdout, out, most),
                                 _drain(process.stderr, err, most))
            return Ended(await process.wait(), out, err)
    except TimeoutError:
        out.clear()
        raise
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _feed(stream: asyncio.StreamWriter | None, given: bytes) -> None:
    """Hand over the input; a program that does not read it is not a mistake."""
    if stream is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stream.write(given)
        await stream.drain()
    stream.close()


async def _drain(stream: asyncio.StreamReader | None, into: bytearray, most: int) -> None:
    """Read to the end, keeping no more than ``most`` bytes."""
    while stream is not None and (chunk := await stream.read(4096)):
        into += chunk[: max(0, most - len(into))]
