"""What the end of an attempt means."""

from __future__ import annotations

import msgspec
import pytest

from agentdesk.errors import (
    Ambiguous,
    AuthError,
    BadAnswer,
    Conflict,
    Gone,
    RateLimited,
    Rejected,
    SourceError,
    TooLong,
    Unavailable,
    WindowClosed,
)
from agentdesk.model.capability import Caps, SendStrength
from agentdesk.model.clock import SECOND
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutboxEntry, Outgoing, OutKind, SendState
from agentdesk.sync import outcome

NOW = 1_767_225_600_000


def entry(*, first: int | None = NOW, attempts: int = 1, checks: int = 0) -> OutboxEntry:
    return OutboxEntry(
        id=1, conversation_id=1, source="fake:acme", state=SendState.UNKNOWN, out=None, action=None, agent="ann",
        client_id="abc", kind=OutKind.REPLY, name="Jane", created_at=NOW, hold_until=NOW, next_try_at=NOW,
        first_try_at=first, attempts=attempts, checks=checks, seen_message_id=0, remote_ref="", sent_at=None, title="",
        remedy="")


@pytest.mark.parametrize("error", [RateLimited("x"), Unavailable("x"), AuthError("x")])
def test_what_is_proven_not_accepted_is_tried_again(error: Exception) -> None:
    assert outcome.after_error(error, action=False) == "retry"


@pytest.mark.parametrize("error", [Rejected("x"), Gone("x"), WindowClosed("x"), TooLong("x")])
def test_a_refusal_is_final(error: Exception) -> None:
    assert outcome.after_error(error, action=False) == "refused"
    assert outcome.after_error(error, action=True) == "refused"


@pytest.mark.parametrize("error", [Ambiguous("x"), BadAnswer("x"), TimeoutError(), ValueError("x"), SourceError("x"),
                                   ConnectionResetError(), ExceptionGroup("x", [ValueError()])])
def test_everything_else_is_unknown_for_a_reply_and_harmless_for_an_action(error: Exception) -> None:
    assert outcome.after_error(error, action=False) == "unknown"
    assert outcome.after_error(error, action=True) == "retry"


def test_a_repetition_is_looked_for_and_a_lost_claim_is_final() -> None:
    assert outcome.after_error(Conflict("said already"), action=False) == "look"
    assert outcome.after_error(Conflict("sam has it"), action=True) == "refused"


@pytest.mark.parametrize(("strength", "replay_s", "safe"), [
    (SendStrength.KEY, 3_600, True), (SendStrength.KEY, None, False), (SendStrength.CLIENT_KEY, None, True),
    (SendStrength.PUT, None, True), (SendStrength.CONTENT, 120, False), (SendStrength.ONCE, None, False),
    (SendStrength.NONE, None, False)])
def test_only_a_platform_that_knows_our_id_gets_the_same_again(strength: SendStrength, replay_s: int | None,
                                                               safe: bool) -> None:
    caps = Caps(letter="F", send_strength=strength, replay_s=replay_s)
    assert outcome.may_repeat(caps, entry(), NOW + SECOND) is safe


def test_a_key_is_trusted_for_less_than_the_server_promises() -> None:
    caps = Caps(letter="F", send_strength=SendStrength.KEY, replay_s=3_600)
    assert outcome.may_repeat(caps, entry(), NOW + 2_999 * SECOND)
    assert not outcome.may_repeat(caps, entry(), NOW + 3_000 * SECOND)
    assert not outcome.may_repeat(caps, entry(), NOW - SECOND), "a clock set back proves nothing"
    assert not outcome.may_repeat(caps, entry(first=None), NOW)


def test_what_overwrites_is_not_sent_unread() -> None:
    assert not outcome.may_repeat_unread(Caps(letter="F", send_strength=SendStrength.PUT), entry(), NOW)
    assert outcome.may_repeat_unread(Caps(letter="F", send_strength=SendStrength.CLIENT_KEY), entry(), NOW)


def test_absence_needs_two_looks_minutes_apart() -> None:
    assert not outcome.proven_absent(NOW, NOW)
    assert not outcome.proven_absent(NOW, NOW + 119 * SECOND)
    assert outcome.proven_absent(NOW, NOW + 120 * SECOND)


def test_the_first_look_waits_for_the_platform_to_agree_with_itself() -> None:
    assert outcome.first_look_at(Caps(letter="F", consistency_lag_s=30), NOW) == NOW + 30 * SECOND
    assert outcome.first_look_at(Caps(letter="F"), NOW) > NOW


def test_looks_come_ever_later() -> None:
    times = [outcome.next_look_at(n, 0) for n in range(6)]
    assert times == sorted(times)
    assert times[0] > 0


def test_a_server_that_asks_for_time_gets_it() -> None:
    assert outcome.retry_at(entry(), RateLimited("x", retry_after=300), NOW) >= NOW + 300 * SECOND
    assert outcome.retry_at(entry(), Unavailable("x"), NOW) > NOW


def test_private_messages_may_be_weaker_than_public_ones() -> None:
    caps = Caps(letter="F", send_strength=SendStrength.CLIENT_KEY, direct_strength=SendStrength.NONE)
    out = Outgoing(client_id="abc", conversation_ref="1", kind=OutKind.REPLY, text="hi", visibility=Visibility.PUBLIC)
    public = msgspec.structs.replace(entry(), out=out)
    private = msgspec.structs.replace(entry(), out=msgspec.structs.replace(out, visibility=Visibility.DIRECT))
    begun = msgspec.structs.replace(entry(), kind=OutKind.DM)
    assert outcome.may_repeat(caps, public, NOW)
    assert not outcome.may_repeat(caps, private, NOW)
    assert not outcome.may_repeat_unread(caps, begun, NOW)
    assert outcome.may_repeat(msgspec.structs.replace(caps, direct_strength=None), private, NOW)
