"""A whole Desk on a fake platform, with the clock in the test's hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from agentdesk.config.schema import AgentConfig, Config
from agentdesk.config.yaml import read_all
from agentdesk.desk.desk import Desk
from agentdesk.model.capability import Caps
from agentdesk.model.clock import ManualClock
from agentdesk.replies.packs import load as load_packs
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import sources
from agentdesk.store.db import Store
from agentdesk.sync.engine import Engine
from tests.fakes.platform import FakeConnector, Platform

SOURCE = "fake:acme"
CAPS = Caps(letter="F", can_note=True, can_assign=True, can_status=True, can_tag=True, can_priority=True, can_dm=True,
            statuses=("open", "stalled", "resolved"), closed_status="resolved", visibilities=("public", "direct"),
            max_chars=200)
PACK = """
replies:
  - name: delay
    title: Sorry for the delay
    kind: reply
    text: "Hello {{ customer.first_name }}, parcel {{ tracking_number }} is late. Sorry. {{ agent.name }}"
"""


@dataclass
class World:
    """The desk and the far side it looks at."""

    desk: Desk
    platform: Platform
    connector: FakeConnector
    clock: ManualClock

    async def sync(self) -> None:
        """Bring both sides together once."""
        result = await self.desk.connected().sync_once(SOURCE)
        if result.error is not None:
            raise result.error

    async def arrive(self, conversation: str, text: str = "Where is my parcel?") -> int:
        """A customer writes; returns our number of the conversation."""
        self.platform.write(conversation, text)
        await self.sync()
        return int(self.desk.store.reader.value("SELECT id FROM conversation WHERE ref = ?", conversation))


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[World]:
    """Ann's desk with one source, connected."""
    packs = tmp_path / "packs"
    packs.mkdir()
    (packs / "own.yaml").write_text(PACK)
    config = Config(agent=AgentConfig(name="ann", signature="^AN", zone="UTC"))
    zone = ZoneInfo("UTC")
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    store = Store.open(folder / "desk.sqlite3", clock)
    platform = Platform(clock)
    connector = FakeConnector(platform, SOURCE, "ann", CAPS)
    desk = Desk(store=store, clock=clock, config=config, rulebook=Rulebook.build(config, zone), agent="ann",
                packs=load_packs([packs], read_all), holder="here:1:1:ann", zone=zone)
    store.write_now(lambda db: sources.ensure(db, SOURCE, "fake", "F"))
    desk.connectors[SOURCE] = connector
    desk.engine = Engine(store, desk.connectors, desk.rulebook, clock, desk.emit, desk.holder, alive=lambda _: True)
    yield World(desk, platform, connector, clock)
    store.close()


def without_limit(connector: FakeConnector) -> None:
    """Let the channel take texts of any length."""
    connector.caps = msgspec.structs.replace(connector.caps, max_chars=None)
