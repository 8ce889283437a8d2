"""The one tree of errors: each says what happened (title), why (cause) and what to do next (remedy)."""

from __future__ import annotations


class DeskError(Exception):
    """Anything agentdesk can tell a person about; never shown as a traceback.

    ``title`` is one short sentence, ``cause`` the reason in words, ``remedy`` the next step.
    ``exit_code`` is what the command line ends with.
    """

    exit_code = 1

    def __init__(self, title: str, cause: str = "", remedy: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return " ".join(part for part in (_sentence(self.title), _sentence(self.cause), _sentence(self.remedy)) if part)


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".?:" else text + "."


class UsageError(DeskError):
    """The call's words are off: unknown verb, missing argument, wrong type."""

    exit_code = 2


class ConfigError(DeskError):
    """The configuration cannot be used; ``problems`` lists every mistake as ``file:line: key: reason``."""

    exit_code = 3

    def __init__(self, title: str, cause: str = "", remedy: str = "", problems: tuple[str, ...] = ()) -> None:
        super().__init__(title, cause, remedy)
        self.problems = problems


class SecretError(ConfigError):
    """A token or password could not be read from where the configuration says."""


class NotFound(DeskError):
    """No such conversation, customer, source, canned reply or outbox entry."""

    exit_code = 4


class Refused(DeskError):
    """The desk will not do this: a rule, a claim or a guard stands against it."""

    exit_code = 5


class StoreError(DeskError):
    """The cache cannot be read or written."""

    exit_code = 6


class StoreFull(StoreError):
    """No room on the disk."""


class StoreReadOnly(StoreError):
    """The folder or the file cannot be written."""


class StoreDamaged(StoreError):
    """The file is not a database any more, or its pages are damaged."""


class StoreTooNew(StoreError):
    """The cache was written by a newer agentdesk."""


class SourceError(DeskError):
    """A platform or help desk did not do what was asked; the base of all connector errors."""

    exit_code = 7


class AuthError(SourceError):
    """The token is dead, wrong or lacks a scope: sign in again."""


class RateLimited(SourceError):
    """The server asks to wait; the request was not processed. ``retry_after`` in seconds."""

    def __init__(self, title: str, cause: str = "", remedy: str = "", retry_after: float = 60.0) -> None:
        super().__init__(title, cause, remedy)
        self.retry_after = retry_after


class Unavailable(SourceError):
    """The server could not be reached or was busy; proven not processed."""

    def __init__(self, title: str, cause: str = "", remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(title, cause, remedy)
        self.retry_after = retry_after


class Rejected(SourceError):
    """The server refuses for good; trying again the same way is useless."""


class Gone(Rejected):
    """What the request is about was deleted or hidden."""


class WindowClosed(Rejected):
    """The platform no longer allows an answer here."""


class TooLong(Rejected):
    """The text is longer than the channel allows."""


class Conflict(Rejected):
    """Somebody else was first; ``holder`` names them when known."""

    def __init__(self, title: str, cause: str = "", remedy: str = "", holder: str = "") -> None:
        super().__init__(title, cause, remedy)
        self.holder = holder


class Ambiguous(SourceError):
    """The request may or may not have been processed: only reading back can tell."""


class BadAnswer(SourceError):
    """The server answered with something that cannot be understood."""
