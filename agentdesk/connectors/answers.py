"""What servers answer, decoded once and for all: JSON of any quality, refusals, and the ways to say «later»."""

from __future__ import annotations

import json
import re
import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from agentdesk.connectors.login import again
from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Emptied,
    Gone,
    RateLimited,
    Rejected,
    SourceError,
    TooLong,
    Unavailable,
)
from agentdesk.model.clock import Millis
from agentdesk.model.text import inert_line

MAX_WAIT_S = 24 * 3600.0
DEFAULT_WAIT_S = 60.0
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_CHARSET = re.compile(
    r'charset\s*=\s*"?(iso-8859-\d+|windows-125\d|utf-16|shift_jis|euc-jp|euc-kr|gbk|gb18030|big5|koi8-r)\b',
    re.IGNORECASE)
"""Encodings that are read besides UTF-8."""
_EPOCH_FROM = 1_000_000_000
"""A reset header above this is an instant, below it a length of time."""


class NothingShown(BadAnswer):
    """A list is empty where that cannot be."""


def nothing_shown(name: str, what: str) -> NothingShown:
    """For a list that is empty where that cannot be: a pull that ends so moves no cursor, and misses nothing."""
    return NothingShown(f"{name}: the server shows no {what}, which cannot be", "There were some before",
                        "Nothing here is changed by it; it is asked again by itself")


def emptied(name: str, what: str) -> Emptied:
    """For a source that shows nothing at all any more: as ``nothing_shown``, but a person can say that it is so."""
    return Emptied(f"{name}: the server shows no {what} any more", "There were some before; all stays here as it is")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A complete answer; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    def json(self, name: str) -> Any:
        """The body as plain Python data; BadAnswer when it is not JSON.

        In another encoding it is read as its header says; bytes that still cannot be read become «�», so that one name
        that a server cut in half does not hide everybody else's words.
        """
        try:
            return decode(self.body, name)
        except BadAnswer:
            text = _in_other_letters(self.body, self.headers.get("content-type", ""))
            if text is None:
                raise
            return decode(text.encode("utf-8", "surrogatepass"), name)

    def words(self) -> str:
        """The server's own words about a refusal, inert and short; empty when it said nothing readable."""
        try:
            data = decode(self.body, "")
        except BadAnswer:
            text = self.body[:400].decode("utf-8", "replace")
            return "" if "<" in text else str(inert_line(text, limit=300))
        return str(inert_line(_said(data), limit=300))


def decode(body: bytes, name: str) -> Any:
    """Decode JSON whatever is wrong with it: everything that is not JSON becomes one BadAnswer.

    Lone surrogates, which are legal in JSON text, are kept for ``inert()`` to replace.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        pass  # a stricter reader than JSON asks for: lone surrogates and large numbers are read below
    try:
        text = body.decode("utf-8")
        return json.loads(text, parse_constant=_no_constant, parse_int=_small_int)
    except UnicodeDecodeError as error:
        raise _bad(name, f"not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise _bad(name, "nested too deeply") from error
    except ValueError as error:
        looks = body[:200].lstrip().lower()
        cause = "a web page instead of data" if looks.startswith((b"<!doctype", b"<html")) else str(error)
        raise _bad(name, str(inert_line(cause, limit=120))) from error


def _in_other_letters(body: bytes, kind: str) -> str | None:
    """A body that is not UTF-8 as text; None for one that is, or that is no text at all."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        named = _CHARSET.search(kind)
        try:
            return body.decode(named[1] if named else "utf-8", "strict" if named else "replace")
        except (UnicodeDecodeError, LookupError):
            return body.decode("utf-8", "replace")
    return None


def failure(answer: Answer, *, name: str, host: str, safe: bool, now: Millis) -> SourceError:
    """The error that an answer outside 2xx stands for."""
    status, said = answer.status, answer.words()
    cause = f"HTTP {status}" + (f": {said}" if said else "")
    wait = retry_after(answer.headers, now, _body_wait(answer))
    if status == 429:
        seconds = DEFAULT_WAIT_S if wait is None else wait
        title = f"{name}: {host} asks to wait {seconds:.0f} s"
        return RateLimited(title, cause, "It goes on by itself", retry_after=seconds)
    if status == 401:
        return AuthError(f"{name}: {host} does not accept the token", cause, again(name))
    if status == 408 or status >= 500:
        if safe:
            return Unavailable(f"{name}: {host} has trouble", cause, "It is tried again by itself", retry_after=wait)
        return Ambiguous(f"{name}: {host} had trouble with it", cause, "It is being looked for on the server")
    if status in (404, 410):
        return Gone(f"{name}: it is not there any more", cause, "It was deleted, or the token may not see it")
    if status in (409, 412):
        return Conflict(f"{name}: somebody was faster", cause, "Look at the conversation again")
    if status == 413:
        return TooLong(f"{name}: {host} says it is too long", cause, "Shorten the text")
    if status in (302, 303) and not safe:
        return Ambiguous(f"{name}: {host} sent us elsewhere", cause, "It is being looked for on the server")
    if 300 <= status < 400:
        return Rejected(f"{name}: {host} has moved", cause, "Put the new address into url:")
    if status == 403:
        return Rejected(f"{name}: {host} refuses", cause,
                        "Have it allowed there for this account and its token; agentdesk doctor says what they may do")
    return Rejected(f"{name}: {host} refuses", cause, "Change what is asked for; trying again will not help")


def asked_once(error: SourceError) -> SourceError:
    """The same, for what a person asked for and nothing asks for again by itself."""
    if isinstance(error, (Unavailable, RateLimited)):
        error.remedy = "Try again in a moment, or open it on the platform"
    return error


def retry_after(headers: dict[str, str], now: Millis, body_s: float | None = None) -> float | None:
    """Seconds to wait, whatever the dialect: seconds, a date, an instant, or milliseconds in the body."""
    value = headers.get("retry-after", "").strip()
    seconds = _seconds(value, now) if value else None
    if seconds is None:
        seconds = body_s
    if seconds is None:
        for header in ("x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset", "x-ratelimit-reset-after"):
            if headers.get(header):
                seconds = _seconds(headers[header].strip(), now)
                break
    return None if seconds is None else min(max(seconds, 0.0), MAX_WAIT_S)


def describe(error: BaseException) -> str:
    """A connection's failure in words a person can act on."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"Its certificate is not trusted ({cause.verify_message}); ca_file: adds an authority"
        if isinstance(cause, ssl.SSLError):
            return f"No secure connection ({cause.reason or 'handshake failed'})"
        if isinstance(cause, ConnectionRefusedError):
            return "Connection refused: nothing listens there"
        if isinstance(cause, socket.gaierror):
            return "Its name is not known: a slip in the address, or no network here"
        cause = cause.__cause__ or cause.__context__
    return str(inert_line(_ERRNO.sub("", str(error)), limit=200)) or type(error).__name__


def _bad(name: str, cause: str) -> BadAnswer:
    return BadAnswer(f"{name}: bad answer from the server", cause, "If it stays, check the address in url:")


def _said(data: Any) -> str:
    """Find the sentence in the usual shapes of an error body."""
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return "; ".join(part for part in map(_said, data[:5]) if part)
    if isinstance(data, dict):
        for key in ("message", "error_description", "error", "detail", "description", "title", "errors"):
            if key in data and (found := _said(data[key])):
                return found
    return ""


def _seconds(value: str, now: Millis) -> float | None:
    """Read a wait in any dialect; None when it is none."""
    try:
        number = float(value)
    except ValueError:
        return _until(value, now)
    if number != number or number in (float("inf"), float("-inf")):
        return None
    if number > _EPOCH_FROM * 1_000:
        number /= 1_000
    return number - now / 1_000 if number > _EPOCH_FROM else number


def _until(value: str, now: Millis) -> float | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(value)
        except (ValueError, TypeError, IndexError):
            continue
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now / 1_000
    return None


def _body_wait(answer: Answer) -> float | None:
    """Matrix tells the wait in its body."""
    if answer.status != 429 or b"retry_after_ms" not in answer.body:
        return None
    try:
        data = decode(answer.body, "")
    except BadAnswer:
        return None
    wait = data.get("retry_after_ms") if isinstance(data, dict) else None
    return wait / 1_000 if isinstance(wait, int | float) else None


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def _small_int(digits: str) -> int:
    if len(digits) > 30:
        raise ValueError("a number with too many digits")
    return int(digits)
