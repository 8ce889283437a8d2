"""What the servers' refusals mean. They go by the error's name: the HTTP status misleads (a stale token is a 400)."""

from __future__ import annotations

from agentdesk.connectors.answers import Answer, decode, failure
from agentdesk.connectors.login import again
from agentdesk.errors import (
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    Rejected,
    SourceError,
    TooLong,
    Unavailable,
    WindowClosed,
)
from agentdesk.model.clock import Millis

REFUSALS = (400, 401, 403, 404, 405, 409, 413, 415, 501)
"""Answers that carry a name to go by; the others are judged by their status."""
STALE = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "InvalidAuth"})
"""Names that a new session cures, unless the token may not do this at all."""
NEW_ONE = "Make a new app password (Settings, Privacy and security, App passwords)"

_AUTH = {
    "AccountTakedown": ("Bluesky has taken this account down", "Write to Bluesky's moderators from the app"),
    "AccountSuspended": ("Bluesky has suspended this account", "Look into the app for how long"),
    "AccountDeactivated": ("the account is deactivated", "Reactivate it in the app, then try again"),
    "AccountNotFound": ("the server does not know this account", "Check handle: and url:, the account may have moved"),
    "AuthFactorTokenRequired": (
        "the server wants a code from your mail", f"Use an app password instead of the account's own. {NEW_ONE}",
    ),
}
_GONE = frozenset({"NotFound", "RecordNotFound", "PostNotFound", "ActorNotFound", "HandleNotFound", "InvalidConvo",
                   "RecipientNotFound", "RepoNotFound", "RepoTakendown", "RepoDeactivated", "RepoSuspended"})
_WORDS: dict[str, tuple[type[Rejected], str, str]] = {
    "BlockedActor": (Rejected, "they have blocked us", "There is no way to reach them here"),
    "BlockedSubject": (Rejected, "we have blocked them", "Unblock them in the app first"),
    "BlockedByActor": (Rejected, "they have blocked us", "There is no way to reach them here"),
    "MessagesDisabled": (Rejected, "they take no direct messages", "Answer in public, or ask for another way"),
    "NotFollowedBySender": (
        Rejected, "they take direct messages only from accounts that they follow", "Ask them in public to write first",
    ),
    "ConvoLocked": (WindowClosed, "the conversation is locked", "Nobody can write there any more"),
    "InvalidSwap": (Conflict, "something else stands there by now", "Look at the conversation again"),
    "BlobTooLarge": (TooLong, "the file is too large", "Attach a smaller one"),
    "PayloadTooLarge": (TooLong, "it is too large", "Attach a smaller file"),
    "MethodNotImplemented": (Rejected, "the server cannot do this", "It is kept on this desk only"),
    "InvalidMimeType": (Rejected, "the server does not take this kind of file", "Attach a JPEG or PNG"),
}
STATUS_NAMES = {"takendown": "AccountTakedown", "suspended": "AccountSuspended", "deactivated": "AccountDeactivated"}
"""What a session says of an account that is not active."""


class NotAllowed(Rejected):
    """The app password may not do this, whoever asks."""


def name_of(answer: Answer) -> str:
    """The error's name; empty where there is none."""
    try:
        data = decode(answer.body, "")
    except BadAnswer:
        return ""
    name = data.get("error") if isinstance(data, dict) else None
    return name[:60] if isinstance(name, str) else ""


def is_stale(answer: Answer) -> bool:
    """True when a new session may cure it."""
    return answer.status in (400, 401) and name_of(answer) in STALE and not _out_of_scope(answer)


def refusal(
    answer: Answer, *, name: str, host: str, safe: bool, now: Millis, chat: bool = False
) -> SourceError:
    """The error that a refused call stands for, in words; what the chat says of an account holds for the chat alone."""
    kind, said = name_of(answer), answer.words()
    cause = f"{host} says {kind}: {said}" if said else f"{host} says {kind or f'HTTP {answer.status}'}"
    if _out_of_scope(answer):
        return NotAllowed(f"{name}: the app password does not allow this", cause,
                          f"Make one that allows access to direct messages. {again(name)}")
    if kind in _AUTH and chat:
        return NotAllowed(f"{name}: {_AUTH[kind][0]}, as far as direct messages go", cause, _AUTH[kind][1])
    if kind in _AUTH:
        title, remedy = _AUTH[kind]
        return AuthError(f"{name}: {title}", cause, f"{remedy}. {again(name)}" if NEW_ONE in remedy else remedy)
    if kind in STALE or answer.status == 401:
        if kind == "AuthenticationRequired":
            cause += "; it says the same when an account was taken down"
        return AuthError(f"{name}: {host} does not accept the app password", cause, f"{NEW_ONE}. {again(name)}")
    if kind in _GONE or (kind == "InvalidRequest" and said in ("Profile not found", "Actor not found")):
        return Gone(f"{name}: it is not there any more", cause, "It was deleted, or it is hidden from us")
    if kind in _WORDS:
        error, title, remedy = _WORDS[kind]
        return error(f"{name}: {title}", cause, remedy)
    if kind in ("UpstreamFailure", "UpstreamTimeout", "NotEnoughResources") and safe:
        return Unavailable(f"{name}: {host} has trouble", cause, "It is tried again by itself")
    if kind == "InvalidRequest" and ("grapheme" in said or "too long" in said or "too big" in said):
        return TooLong(f"{name}: {host} says it is too long", cause, "Shorten the text")
    return failure(answer, name=name, host=host, safe=safe, now=now)


def _out_of_scope(answer: Answer) -> bool:
    """True when the token is sound but may not do this: «Bad token method», «Bad token scope»."""
    return answer.status in (400, 401, 403) and name_of(answer) in ("InvalidToken", "ScopeMissingError") and (
        b"token method" in answer.body or b"token scope" in answer.body or b"ScopeMissing" in answer.body)
