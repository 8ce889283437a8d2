"""Giving the terminal back when the program is ended before the screen can: in its first moments nothing is unsaved."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

LEAVE = "\x1b[?2026l\x1b[?2004l\x1b[?7h\x1b[?1006l\x1b[?1000l\x1b[<u\x1b[?1004l\x1b[m\x1b[?25h\x1b[?1049l"
"""Undoes all that the first frame and Textual may have told the terminal by then; harmless where they have not."""


def give_back_when_ended() -> None:
    """From now on SIGHUP, SIGTERM and SIGINT first make the terminal what it was; the app's handlers replace this."""
    if sys.platform == "win32":
        return
    import termios

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd) if os.isatty(fd) else None

    def end(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        with suppress(OSError, termios.error):  # the terminal itself may be gone, and with it what to give back
            if before is not None:
                termios.tcsetattr(fd, termios.TCSANOW, before)
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)  # a thread of Textual's may be about to write more of its screen
            os.write(fd, LEAVE.encode())
        os.kill(os.getpid(), number)

    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
