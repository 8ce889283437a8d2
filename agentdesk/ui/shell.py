"""The screen's bars and grounds, written before anything is imported: as they were when the agent last left.

It holds no text of customers. The true first frame follows a moment later and is laid over it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from agentdesk import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes longer to import than the shell to show
    from typing import Any

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[m\x1b[?25h\x1b[?1049l"
_LOOKS = ("TERM", "COLORTERM", "NO_COLOR", "LANG", "LC_ALL", "LC_CTYPE", "TERM_PROGRAM", "TMUX", "STY", "SSH_TTY",
          "TEXTUAL_COLOR_SYSTEM")
_LIMIT = 200_000


class Shell:
    """The terminal in the first moments: what is on it, and whether it shows typed keys."""

    def __init__(self) -> None:
        self.shown = False
        """True while the kept shell is on the screen."""
        self._place = ""
        self._before: list[Any] | None = None
        self._head = ""

    @classmethod
    def at_once(cls, environ: Mapping[str, str]) -> Shell:
        """Show what was kept for a terminal and a configuration like these, if anything was."""
        shell = cls()
        shell._place = _place(environ)
        if sys.__stderr__ is None or not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.__stderr__)):
            return shell
        shell._head = _head(environ)
        head, text = _read(shell._place)
        if text and head == shell._head:
            from agentdesk.ui.restore_terminal import give_back_when_ended

            give_back_when_ended()
            shell.quiet()
            shell.write(ENTER + text)
            shell.shown = True
        return shell

    def quiet(self) -> None:
        """Keep the terminal from writing typed keys into the frame; they are read all the same."""
        if self._before is not None or not sys.stdin.isatty():
            return
        import termios

        fd = sys.stdin.fileno()
        self._before, quiet = termios.tcgetattr(fd), termios.tcgetattr(fd)
        quiet[3] &= ~termios.ECHO
        termios.tcsetattr(fd, termios.TCSANOW, quiet)

    def echo(self) -> None:
        """Let the terminal show typed keys as before."""
        if self._before is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._before)
            self._before = None

    def hand_over(self) -> list[Any] | None:
        """Textual takes the terminal now, and gives it back with these settings; None for those that it finds."""
        before, self._before = self._before, None
        self.shown = False
        return before

    def enter(self, text: str) -> None:
        """Lay the true frame over it."""
        self.quiet()
        self.write(text if self.shown else ENTER + text)
        self.shown = True

    def leave(self) -> None:
        """Give the terminal back, if it is ours."""
        self.echo()
        if self.shown:
            self.shown = False
            self.write(LEAVE)

    def keep(self, folder: str, text: str) -> None:
        """Keep the shell of this start for the next one, if that looks for it in this folder."""
        if not text or not self._head or os.path.dirname(self._place) != folder:
            return
        if (self._head, text) == _read(self._place):
            return
        from contextlib import suppress
        from pathlib import Path

        from agentdesk.errors import StoreError
        from agentdesk.paths import write_private

        with suppress(StoreError):  # without it the next start only shows its rows and its shell at once
            write_private(Path(self._place), f"{self._head}\n{text}".encode())

    def write(self, text: str) -> None:
        """Write to where Textual will."""
        if sys.__stderr__ is not None:
            sys.__stderr__.write(text)
            sys.__stderr__.flush()


def _place(environ: Mapping[str, str]) -> str:
    """Where the shell of the default profile is kept; empty where that takes more to find out."""
    if environ.get("AGENTDESK_PROFILE", "default") != "default":
        return ""
    if environ.get("AGENTDESK_HOME"):
        return os.path.join(os.path.abspath(os.path.expanduser(environ["AGENTDESK_HOME"])), "data", "shell")
    if not sys.platform.startswith("linux"):
        return ""
    data = environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return os.path.join(data, "agentdesk", "shell")


def _head(environ: Mapping[str, str]) -> str:
    """What a shell is made of, in one line."""
    size = os.get_terminal_size(sys.__stderr__.fileno() if sys.__stderr__ is not None else 2)
    home = environ.get("AGENTDESK_HOME", "")
    config = os.path.join(os.path.abspath(os.path.expanduser(home)), "config") if home else os.path.join(
        environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config"), "agentdesk")
    try:
        found = os.stat(os.path.join(config, "config.yaml"))
        file = (found.st_mtime_ns, found.st_size)
    except OSError:
        file = (0, 0)
    said = {name: value for name, value in environ.items() if name in _LOOKS or name.startswith("AGENTDESK_")}
    return repr((__version__, size.columns, size.lines, file, sorted(said.items())))


def _read(place: str) -> tuple[str, str]:
    """The kept line and shell; empty when there is none that only we can have written."""
    try:
        with open(place, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid != os.geteuid() or found.st_mode & 0o077 or found.st_size > _LIMIT:
                return "", ""
            head, _, text = file.read().decode().partition("\n")
            return head, text
    except (OSError, ValueError):
        return "", ""
