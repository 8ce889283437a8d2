"""Textual's own terminal driver, without what makes noise on a slow line, and with an ear that nothing deafens."""

from __future__ import annotations

import os
import selectors
import signal
import sys
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.driver import Driver

_ESC = "\x1b"
_BEGIN, _END = "\x1b[200~", "\x1b[201~"


class Pastes:
    """Takes the escape characters out of pasted text: Textual would read what follows one as keys that were pressed."""

    def __init__(self) -> None:
        self._inside = False
        self._last = ""
        """Outside: the last characters that went through. Inside: what may be the beginning of the end."""

    def feed(self, data: str) -> str:
        """The characters as Textual may have them; keys are never held back."""
        out: list[str] = []
        while data:
            data = self._inner(data, out) if self._inside else self._outer(data, out)
        return "".join(out)

    def _outer(self, data: str, out: list[str]) -> str:
        seen = self._last + data
        at = seen.find(_BEGIN)
        if at < 0:
            out.append(data)
            self._last = seen[1 - len(_BEGIN):]
            return ""
        end = at + len(_BEGIN) - len(self._last)
        out.append(data[:end])
        self._inside, self._last = True, ""
        return data[end:]

    def _inner(self, data: str, out: list[str]) -> str:
        data, self._last = self._last + data, ""
        at = data.find(_END)
        if at >= 0:
            out.append(data[:at].replace(_ESC, "␛") + _END)
            self._inside = False
            return data[at + len(_END):]
        keep = next((size for size in range(len(_END) - 1, 0, -1) if data.endswith(_END[:size])), 0)
        self._last = data[len(data) - keep:]
        out.append(data[:len(data) - keep].replace(_ESC, "␛"))
        return ""


def quiet_driver() -> type[Driver] | None:
    """The driver for this machine; None leaves the choice to Textual."""
    if sys.platform == "win32":
        return None
    from textual._xterm_parser import XTermParser
    from textual.drivers.linux_driver import LinuxDriver

    class QuietDriver(LinuxDriver):
        """Hears of clicks and the wheel, not of every movement of the mouse."""

        def _enable_mouse_support(self) -> None:
            if self._mouse:
                self.write("\x1b[?1000h\x1b[?1006h")
                self.flush()

        def _disable_mouse_support(self) -> None:
            if self._mouse:
                self.write("\x1b[?1006l\x1b[?1000l")
                self.flush()

        def start_application_mode(self) -> None:
            """Take the terminal; no typed key is written into the frame while it changes hands."""
            super().start_application_mode()  # type: ignore[no-untyped-call]
            before = getattr(self._app, "terminal_before", None)
            if before is not None and self.attrs_before is not None:
                self.attrs_before = before

        def stop_application_mode(self) -> None:
            """Give the terminal back, with a plain pen: the frames leave it with the last one they used."""
            self.write("\x1b[m")
            super().stop_application_mode()

        def run_input_thread(self) -> None:
            """Hand keys on until the end: bytes that are no UTF-8 are shown as such, a terminal that went is told."""
            parser, pastes = XTermParser(self._debug), Pastes()
            decode = getincrementaldecoder("utf-8")("replace").decode
            with selectors.SelectSelector() as ready:
                ready.register(self.fileno, selectors.EVENT_READ)
                while not self.exit_event.is_set():
                    typed = ready.select(0.1)
                    for event in parser.tick():  # an Escape whose time is up is no part of what was typed since
                        self.process_message(event)
                    if typed:
                        data = _read(self.fileno)
                        if not data:
                            os.kill(os.getpid(), signal.SIGHUP)
                            return
                        text = pastes.feed(decode(data))
                        for event in parser.feed(text) if text else ():
                            self.process_message(event)

    return QuietDriver


def _read(fileno: int) -> bytes:
    """What was typed; nothing when the terminal is no longer there."""
    try:
        return os.read(fileno, 4_096)
    except OSError:
        return b""
