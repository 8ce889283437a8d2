"""The one tree of errors: each says what happened (title), why (cause) and what to do next (remedy)."""

from __future__ import annotations


class DeskError(Exception):
    """Anything agentdesk can tell a person about; never shown as a traceback.

    ``title`` is one short sentence, ``cause`` the reason in words, ``remedy`` the next step; ``usual`` is the next
    step where nobody names a better one. ``exit_code`` is what the command line ends with.
    """

    exit_code = 1
    usual = ""

    def __init__(self, title: str, cause: str = "", remedy: str = "") -> None:
        super().__init__(title)
        self.title = title
        self.cause = cause
        self.remedy = remedy or self.usual

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
    usual = "Look at the number or the name again"


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
    usual = "It is tried again by itself; agentdesk doctor shows more"


class AuthError(SourceError):
    """The token is dead, wrong or lacks a scope: sign in again."""

    usual = "Sign in again with agentdesk login"


class RateLimited(SourceError):
    """The server asks to wait; the request was not processed. ``retry_after`` in seconds."""

    usual = "It goes on by itself when the time is up"

    def __init__(self, title: str, cause: str = "", remedy: str = "", retry_after: float = 60.0) -> None:
        super().__init__(title, cause, remedy)
        self.retry_after = retry_after


class Unavailable(SourceError):
    """The server could not be reached or was busy; proven not processed."""

    usual = "It is tried again by itself when the server answers"

    def __init__(self, title: str, cause: str = "", remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(title, cause, remedy)
        self.retry_after = retry_after


class Rejected(SourceError):
    """The server refuses for good; trying again the same way is useless."""

    usual = "Change what is asked for, or do it on the platform: o copies the address"


class Gone(Rejected):
    """What the request is about was deleted or hidden."""

    usual = "What was said is kept here; finish with d when nothing is owed"


class WindowClosed(Rejected):
    """The platform no longer allows an answer here."""

    usual = "Answer somewhere else: by mail, in a private conversation, or by phone"


class TooLong(Rejected):
    """The text is longer than the channel allows."""

    usual = "Shorten the text, or split it"


class Conflict(Rejected):
    """Somebody else was first; ``holder`` names them when known."""

    usual = "Look at the conversation again before you go on"

    def __init__(self, title: str, cause: str = "", remedy: str = "", holder: str = "") -> None:
        super().__init__(title, cause, remedy)
        self.holder = holder


class Ambiguous(SourceError):
    """The request may or may not have been processed: only reading back can tell."""

    usual = "It is looked for by itself; do not send it again"


class BadAnswer(SourceError):
    """The server answered with something that cannot be understood."""

    usual = "If it stays, check the address in url:, and run agentdesk doctor"


class Emptied(BadAnswer):
    """The server shows none at all of what there were some before: only a person can say whether that is so."""

    usual = "It is asked on; if there really is nothing left, press v on the screen of sources, or use sources --looked"
