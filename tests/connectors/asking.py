"""Somebody who answers the questions of signing in, and remembers what was told."""

from __future__ import annotations

from collections.abc import Sequence


class Answers:
    """Gives prepared answers, in order; an empty one takes what is offered."""

    def __init__(self, *given: str) -> None:
        self.given = list(given)
        self.told: list[str] = []
        self.asked: list[str] = []

    def tell(self, text: str) -> None:
        self.told.append(text)

    async def text(self, title: str, *, hint: str = "", default: str = "") -> str:
        self.asked.append(title)
        return self.given.pop(0) or default

    async def secret(self, title: str, *, hint: str = "") -> str:
        self.asked.append(f"secret: {title}")
        return self.given.pop(0)

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        self.asked.append(title)
        given, values = self.given.pop(0), [value for value, _ in choices]
        assert given in values or not given
        return given if given in values else values[0]
