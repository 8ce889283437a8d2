"""What mail servers say when they refuse, sorted into the desk's errors: codes of RFC 5530, RFC 3463 and RFC 5321."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable

from agentdesk.connectors.answers import describe
from agentdesk.connectors.http import HIDDEN
from agentdesk.connectors.login import again
from agentdesk.connectors.mail.line import LineBroken, TooMuch
from agentdesk.errors import AuthError, BadAnswer, RateLimited, Rejected, SourceError, Unavailable
from agentdesk.model.text import inert_line

AGAIN = "It is tried again by itself"
OFTEN = "Many providers want an app password instead of the usual one"
WAIT_S = 300.0
LONG_WAIT_S = 3_600.0
_LATER = re.compile(r"too many|rate|limit|throttl|try again later|slow down|quota of|exceeded", re.IGNORECASE)
_DEAD = ("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN")
_BUSY = ("UNAVAILABLE", "INUSE", "SERVERBUG", "LIMIT")


class ImapNo(Exception):
    """The server says NO or BAD to a command; ``code`` is its reason in capitals, if it gave one."""

    def __init__(self, command: str, code: str, text: str) -> None:
        super().__init__(text)
        self.command = command
        self.code = code.partition(" ")[0].upper()
        self.text = text


class SmtpNo(Exception):
    """The server answered a step of sending with something else than yes."""

    def __init__(self, step: str, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.step = step
        self.code = code
        self.text = text

    @property
    def enhanced(self) -> str:
        """The finer code, such as ``4.7.0``; empty when there is none."""
        found = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", self.text)
        return found[1] if found else ""


class Words:
    """Makes errors for one source; a server that repeats our password is not quoted."""

    def __init__(self, name: str, secret: Callable[[], str]) -> None:
        self.name = name
        self._secret = secret

    def clean(self, text: str) -> str:
        """A server's words, inert, short and without our password."""
        secret = self._secret()
        return str(inert_line(text.replace(secret, HIDDEN) if len(secret) >= 6 else text, limit=200))

    def broken(self, host: str, error: BaseException) -> SourceError:
        """A line that could not be opened or that broke while reading: nothing was changed."""
        if isinstance(error, TooMuch):
            return BadAnswer(f"{self.name}: {host} sends too much", str(error), "If it stays, look at the mailbox")
        if isinstance(error, TimeoutError):
            return Unavailable(f"{self.name}: {host} did not answer in time", "", AGAIN)
        if isinstance(error, LineBroken):
            return Unavailable(f"{self.name}: the line to {host} broke", self.clean(str(error)), AGAIN)
        if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
            title = f"{self.name}: no trusted line to {host}"
            return Unavailable(title, describe(error), "Check the server's name, its port and security:")
        title = f"{self.name}: {host} cannot be reached"
        return Unavailable(title, describe(error), f"{AGAIN}; check the server's name")

    def login(self, host: str, error: ImapNo) -> SourceError:
        """The IMAP server did not let us in."""
        cause = self.clean(error.text)
        if error.code in _BUSY or (error.code not in _DEAD and _LATER.search(error.text)):
            return self._later(host, cause, WAIT_S)
        return AuthError(f"{self.name}: {host} does not accept the login", cause, self._again())

    def imap(self, host: str, error: ImapNo) -> SourceError:
        """The IMAP server refused a command."""
        cause = self.clean(error.text)
        if error.code in _DEAD:
            return AuthError(f"{self.name}: {host} does not allow it", cause, self._again())
        if error.code == "LIMIT" or _LATER.search(error.text):
            return self._later(host, cause, WAIT_S)
        if error.code in _BUSY:
            return Unavailable(f"{self.name}: {host} has trouble", cause, AGAIN)
        return Rejected(f"{self.name}: {host} refuses {error.command}", cause, "Look at the mailbox in a mail program")

    def smtp(self, host: str, error: SmtpNo) -> SourceError:
        """The SMTP server refused before it took the mail, or said no to it: proven not accepted."""
        code, cause = error.code, self.clean(f"{error.code} {error.text}")
        if error.step == "AUTH" and code not in (421, 432, 454) and code >= 500:
            return AuthError(f"{self.name}: {host} does not accept the login", cause, self._again())
        if code in (530, 534, 538):
            return AuthError(f"{self.name}: {host} wants another way to sign in", cause, self._again())
        if error.enhanced == "5.4.5" or (code >= 500 and re.search(r"(daily|hourly|sending) .*(limit|quota)",
                                                                     error.text, re.IGNORECASE)):
            return self._later(host, cause, LONG_WAIT_S)
        if code in (552, 523) or error.enhanced in ("5.3.4", "5.2.3"):
            return Rejected(f"{self.name}: the mail is too large for {host}", cause, "Send fewer or smaller files")
        if 400 <= code < 500:
            if error.enhanced.startswith("4.7.") or _LATER.search(error.text):
                return self._later(host, cause, WAIT_S)
            return Unavailable(f"{self.name}: {host} cannot take it now", cause, AGAIN)
        if error.step == "RCPT":
            return Rejected(f"{self.name}: {host} does not take mail for this address", cause,
                            "Check the customer's address")
        if code < 400:
            return Unavailable(f"{self.name}: {host} answered out of turn", cause, AGAIN)
        return Rejected(f"{self.name}: {host} refuses the mail", cause, "Change what it complains about")

    def _again(self) -> str:
        return f"{again(self.name)}. {OFTEN}"

    def _later(self, host: str, cause: str, seconds: float) -> RateLimited:
        return RateLimited(f"{self.name}: {host} asks to wait", cause, "It goes on by itself", retry_after=seconds)
