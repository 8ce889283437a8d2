"""Where a process begins: the screen at once when nothing else was asked for, else the command line."""

from __future__ import annotations

import os
import sys
import threading
import time
from errno import EIO
from io import TextIOWrapper

from agentdesk.errors import DeskError

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes longer to import than the shell to show
    from typing import Any, NoReturn

GRACE_S = 1.0
"""Seconds that work in threads has to end by itself."""
HUNG_UP = 129
"""The exit code after a line that dropped, as after SIGHUP."""


def entry() -> None:
    """Run, and turn every error into words and an exit code; never a traceback with anybody's text in it."""
    _stand()
    said: dict[str, Any] = {"profile": os.environ.get("AGENTDESK_PROFILE", "default")}
    try:
        _end(_screen(said["profile"]) if len(sys.argv) == 1 else _command(said))
    except DeskError as error:
        from agentdesk.cli import output

        output.complain(error, said["profile"])
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        from agentdesk.cli import output

        # The reader of our output went away (head, less): not an error, and nothing more may be written.
        output.write_no_more()
        sys.exit(0)
    except Exception as error:
        if hung_up():
            os._exit(HUNG_UP)
        from agentdesk.cli import output
        from agentdesk.logs import report_crash

        output.complain(_unwritten() or report_crash(error, said["profile"]), said["profile"])
        sys.exit(1)


def _unwritten() -> DeskError | None:
    """What stdout has to say when it does not take what click printed there, as on a full disk."""
    from agentdesk.cli import output

    try:
        with output.writing():
            sys.stdout.flush()
    except DeskError as error:
        return error
    except OSError:  # its reader went away: that is not what ended us
        output.write_no_more()
    return None


def _stand() -> None:
    """Have all three standing streams, and none that fails on a letter that it has no byte for.

    A closed one would be the number of the next file that is opened, and what is printed would go in there.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            opened = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(opened, "w" if number else "r", encoding="utf-8"))
        elif number and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def hung_up(fd: int = 0) -> bool:
    """True when the terminal we were started on is gone: an error is then the line's, and nobody reads of it."""
    if sys.platform == "win32":
        return False
    import termios

    try:
        termios.tcgetattr(fd)
    except termios.error as error:
        return bool(error.args[0] == EIO)
    return False


def _end(code: int) -> NoReturn:
    """End the process with a code, at the latest a moment from now.

    Everything is stored and closed; a thread that hangs (a name server, a network disk) would keep the shell waiting.
    """
    from agentdesk.cli import output

    try:
        with output.writing():
            sys.stdout.flush()
            sys.stderr.flush()
    except BrokenPipeError:
        raise
    except OSError:  # the terminal is gone, and with it whoever could be told
        os._exit(code)
    end = time.monotonic() + GRACE_S
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                os._exit(code)
    sys.exit(code)


def _screen(profile: str) -> int:
    """Without a word on the command line there is nothing to read: the screen opens without what reads it."""
    from agentdesk.ui.shell import Shell

    shell = Shell.at_once(os.environ)
    try:
        from agentdesk.cli.screen import open_screen, profile_options

        return open_screen(profile_options(profile), shell)
    except BaseException:
        shell.leave()
        raise


def _command(said: dict[str, Any]) -> int:
    """Read the command line and do what it says; ``said`` learns which profile it names."""
    import click

    from agentdesk.cli import output
    from agentdesk.cli.exits import Exit
    from agentdesk.cli.main import ReaderGone, main

    try:
        code = main(standalone_mode=False, obj=said)
    except click.UsageError as error:
        output.say(f"agentdesk: {error.format_message()}")
        output.say("  next: agentdesk --help, or --help after a command")
        return Exit.USAGE
    except click.ClickException as error:
        output.say(f"agentdesk: {error.format_message()}")
        return Exit.ERROR
    except click.Abort:
        return 130
    except ReaderGone as error:
        raise BrokenPipeError from error
    return code if isinstance(code, int) else Exit.OK
