"""Packages of others, as installing them would leave them on the disk."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentdesk.config import plugins

GOOD = '''
"""Echoes."""
from typing import Annotated, ClassVar

from agentdesk.config.section import Line
from agentdesk.config.shape import Between, Url
from agentdesk.config.sources import SourceBase, ListenConfig
from agentdesk.connectors.base import Connector
from agentdesk.model.capability import Caps


class Settings(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="echo"):
    """A wall that answers."""

    kind: ClassVar[str] = "echo"
    needs_token: ClassVar[bool] = False
    url: Annotated[str, Url()]
    """Where the wall is."""
    loudness: Annotated[int, Between(1, 10)] = 5
    """How loud it is."""
    rooms: tuple[Line, ...] = ()
    """The rooms to listen in."""


class Echo(Connector):
    def __init__(self, config):
        self.name = config.full_name
        self.caps = Caps(letter="E", can_reply=False)

    async def close(self):
        pass


def connect(config, *, clock, token=None):
    return Echo(config)


async def sign_in(ask, clock):
    raise NotImplementedError
'''


@contextmanager
def installed(folder: Path, *packages: tuple[str, str, str, str]) -> Iterator[None]:
    """Have packages installed: (distribution, version, kind = place, code of the module ``<kind>_source``)."""
    for name, version, offer, code in packages:
        kind = offer.split("=")[0].strip()
        if code:
            (folder / f"{kind}_source.py").write_text(code)
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[agentdesk.connectors]\n{offer}\n")
    modules = set(sys.modules)
    sys.path.insert(0, str(folder))
    plugins.forget()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        plugins.forget()
        for added in set(sys.modules) - modules:
            if added.endswith("_source"):
                del sys.modules[added]
