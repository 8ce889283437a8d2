"""Keys as they come from the terminal, on a machine that is too busy to read them at once."""

from __future__ import annotations

import os
import selectors
from typing import Any

import pytest
from textual import _parser, events

from agentdesk.ui import driver


class Ears:
    """Stands in for what the driver has besides its ear; listens for a few rounds."""

    _debug = False

    def __init__(self, rounds: int) -> None:
        self.fileno, self._other = os.pipe()
        os.write(self._other, b"!" * rounds)
        self.exit_event = self
        self.rounds = rounds
        self.heard: list[str] = []

    def is_set(self) -> bool:
        self.rounds -= 1
        return self.rounds < 0

    def process_message(self, message: Any) -> None:
        if isinstance(message, events.Key):
            self.heard.append(message.key)

    def close(self) -> None:
        os.close(self.fileno)
        os.close(self._other)


@pytest.mark.parametrize(("seconds", "keys"), [(1.0, ["escape", "q"]), (0.06, ["alt+q"])])
def test_escape_and_a_key_after_it_are_told_from_alt_by_the_time_between(
        monkeypatch: pytest.MonkeyPatch, seconds: float, keys: list[str]) -> None:
    quiet = driver.quiet_driver()
    assert quiet is not None
    ears, now, typed = Ears(4), 100.0, iter([b"\x1b", b"q"])

    class Late(selectors.SelectSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            nonlocal now
            now += seconds
            return super().select(timeout)

    def read(fileno: int) -> bytes:
        os.read(fileno, 2)
        return next(typed)

    monkeypatch.setattr(driver.selectors, "SelectSelector", Late)
    monkeypatch.setattr(driver, "_read", read)
    monkeypatch.setattr(_parser, "get_time", lambda: now)
    quiet.run_input_thread(ears)  # type: ignore[attr-defined]
    ears.close()
    assert ears.heard == keys
