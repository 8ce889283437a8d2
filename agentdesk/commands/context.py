"""What a verb is handed: the desk, the person in front of it, and what is selected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from agentdesk.errors import UsageError

if TYPE_CHECKING:
    from agentdesk.desk.desk import Desk

Level = Literal["info", "good", "warning", "error"]


class Choice(msgspec.Struct, frozen=True):
    """One thing to choose from."""

    value: str
    label: str
    detail: str = ""


class Front(Protocol):
    """The person in front of the desk, whichever front end stands between: a screen, a command line, a script.

    A front end that cannot ask raises Refused and says which argument to give instead.
    """

    async def ask(self, title: str, *, default: str = "", hint: str = "",
                  check: Callable[[str], str] | None = None,
                  complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
        """One line of text; None when the person thought better of it. ``check`` answers what is wrong, or ''.

        ``complete`` answers what the text may become when the person asks for that.
        """
        ...

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        """The value of one choice; None when the person thought better of it."""
        ...

    async def confirm(self, title: str, detail: str = "") -> bool:
        """Yes or no; the safe answer is no."""
        ...

    def tell(self, level: Level, text: str, remedy: str = "") -> None:
        """Say something that needs no answer."""
        ...

    async def show(self, screen: str, **args: object) -> None:
        """Open a screen by name: conversation, composer, outbox, ledger, sources, drafts, help, search, canned, why."""
        ...

    def write_below(self, conversation_id: int, text: str) -> bool:
        """Put text below the reply that is being written to a conversation; False when none is."""
        ...

    async def copy(self, text: str) -> str:
        """Put text where the person can paste it from; says in words how."""
        ...


@dataclass(frozen=True)
class Context:
    """One call's surroundings."""

    desk: Desk
    front: Front
    selection: tuple[int, ...] = ()
    """Conversation ids: the marked ones, or the one under the cursor."""
    where: str = "queue"
    """The context the call came from: queue, conversation, outbox …"""
    count: int | None = None
    """The number typed before the key."""
    message: int = 0
    """The message under the cursor in the thread; 0 for none."""
    customer: int = 0
    """The customer under the cursor beside the thread, such as one who may be the same person; 0 for none."""

    @property
    def one(self) -> int:
        """The one conversation this is about; UsageError when there is none or there are several."""
        if not self.selection:
            raise UsageError("No conversation is selected", "", "Move the cursor onto one, or name its number")
        if len(self.selection) > 1:
            raise UsageError("This works on one conversation at a time", f"{len(self.selection)} are marked",
                             "Clear the marks with *")
        return self.selection[0]

    def needs_screen(self, what: str, instead: str) -> None:
        """Stop a call from the shell, where nobody can type: ``instead`` is how to say it there."""
        if self.where == "shell":
            raise UsageError(f"Say the {what} in the call", "There is nobody to type it here", instead)

    @property
    def many(self) -> tuple[int, ...]:
        """The conversations this is about, at least one; UsageError when there is none."""
        if not self.selection:
            raise UsageError("No conversation is selected", "", "Move the cursor onto one, or name its number")
        return self.selection
