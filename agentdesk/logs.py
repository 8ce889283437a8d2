"""What goes wrong where nobody sees it: the log of what libraries complain of, and the report of a crash.

A program that fills the terminal has no place to print a warning, so it goes to one file of bounded size. Neither file
holds a secret or anybody's text: of an error they keep its kind and the places in the code.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from agentdesk import __version__
from agentdesk.errors import DeskError
from agentdesk.model.text import inert_line
from agentdesk.paths import make_private, places, write_private
from agentdesk.secrets import Secret, redact

PACKAGE = Path(__file__).resolve().parent
LARGEST = 1_000_000
"""Bytes; at this size the file is put aside under a second name, in place of the one before."""
LONGEST = 300
"""Characters of one message that are kept."""
KEPT_SAFE = "Start it again; drafts and the outbox are kept"


class LogFile(RotatingFileHandler):
    """Warnings and errors of the libraries and of the event loop, without secrets; made at the first of them."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=LARGEST, backupCount=1, encoding="utf-8", delay=True)
        self.setLevel(logging.WARNING)
        self._secrets: list[Secret] = []

    def start(self) -> None:
        """Keep what is said anywhere in this process from now on."""
        logging.getLogger().addHandler(self)

    def stop(self) -> None:
        """Keep no more of it."""
        logging.getLogger().removeHandler(self)
        self.close()

    def learn(self, secret: Secret) -> None:
        """Hide this one from now on."""
        self._secrets.append(secret)

    def format(self, record: logging.LogRecord) -> str:
        """One line for what is said, one for each place of its error.

        Only the first line of a message is kept: what follows it may quote the values that were at hand.
        """
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = f"{record.msg} (its arguments do not fit)"
        first = inert_line(redact(message, self._secrets).partition("\n")[0], limit=LONGEST)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created))
        lines = [f"{at} {record.levelname} {record.name}: {first}"]
        if record.exc_info and record.exc_info[1] is not None:
            lines += [f"  {line}" for line in trail(record.exc_info[1])]
        return "\n".join(lines)

    def _open(self) -> TextIOWrapper:
        """For its owner only from the moment it is made, and never through a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        return open(os.open(self.baseFilename, flags, 0o600), "a", encoding="utf-8")


def trail(error: BaseException) -> list[str]:
    """The kinds of an error and of those behind it, each with its places in the code: never messages or variables.

    Those may quote a customer or a token.
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    lines: list[str] = []
    for one in chain:
        lines.append(f"{type(one).__module__}.{type(one).__qualname__}")
        lines += [f"  {frame}" for frame in _frames(one)]
    return lines


def report_crash(error: BaseException, profile: str = "default") -> DeskError:
    """Write a crash report without anybody's text in it, and say where it is."""
    about = [f"agentdesk {__version__}", f"python {platform.python_version()} {platform.system()}", ""]
    try:
        folder = places(profile).crash_dir
        path = folder / f"crash-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}.txt"
        make_private(folder)
        write_private(path, "\n".join([*about, *trail(error)]).encode())
    except DeskError as problem:
        return DeskError("agentdesk stopped because of a mistake of its own", f"No crash report: {problem.title}",
                         KEPT_SAFE)
    return DeskError("agentdesk stopped because of a mistake of its own", f"The report is in {path}",
                     f"{KEPT_SAFE}. The report holds no customer text")


def _frames(error: BaseException) -> list[str]:
    """Where it happened: file below the package, function and line."""
    found: list[str] = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        path = Path(code.co_filename)
        shown = path.relative_to(PACKAGE.parent) if path.is_relative_to(PACKAGE) else Path(path.name)
        found.append(f"{shown}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found
