"""Keeping a token: nothing is left of it when the person stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from agentdesk import secrets
from agentdesk.config.sources import SecretRef
from agentdesk.connectors.login import Ask
from agentdesk.desk.keeping import Keeper
from agentdesk.secrets import Secret


class Person:
    """Chooses the keyring."""

    def tell(self, text: str) -> None:
        """Hear it."""

    async def choose(self, title: str, choices: Sequence[tuple[str, str]]) -> str:
        """Choose."""
        return "keyring"


async def test_a_keyring_that_takes_the_token_after_the_person_stopped_does_not_keep_it(
        monkeypatch: pytest.MonkeyPatch) -> None:
    ring: dict[str, str] = {}
    begun, unlocked, threads = asyncio.Event(), asyncio.Event(), list[asyncio.Task[None]]()

    async def put(ref: SecretRef, value: Secret) -> None:
        await unlocked.wait()
        ring[ref.value] = value.reveal()

    async def store(ref: SecretRef, value: Secret) -> None:
        threads.append(asyncio.create_task(put(ref, value)))  # goes on whatever becomes of us, as a thread does
        begun.set()
        await asyncio.shield(threads[0])

    async def held(ref: SecretRef) -> bool:
        return ref.value in ring

    async def remove(ref: SecretRef) -> None:
        ring.pop(ref.value, None)

    monkeypatch.setattr(secrets, "store", store)
    monkeypatch.setattr(secrets, "held", held)
    monkeypatch.setattr(secrets, "remove", remove)
    keeping = asyncio.create_task(Keeper(cast(Ask, Person()), "rt:acme").keep(Secret("abc")))
    await begun.wait()
    keeping.cancel()
    unlocked.set()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    await threads[0]
    assert ring == {}
