"""What every connector promises, as tests: subclass ``ConnectorContract`` and give it a ``world``.

A world is the far side as customers and colleagues move it, plus the trouble it can make. A control that makes no
sense on a platform is left as it is there: its tests are then skipped with that reason. Needs pytest and
pytest-asyncio (``asyncio_mode = "auto"``).
"""

from __future__ import annotations

import pytest

_PARTS = ("reading", "sending", "abilities", "beginning", "cases", "lasting", "acting")
pytest.register_assert_rewrite(*(f"agentdesk.testing.{part}" for part in _PARTS))

from agentdesk.testing.acting import ConnectorContract  # noqa: E402
from agentdesk.testing.world import (  # noqa: E402
    DIALECTS,
    HOSTILE_POSTS,
    NOW,
    Ahead,
    Held,
    LineWorld,
    World,
    hostile_texts,
    reply,
    skip,
    strings,
)

__all__ = [
    "DIALECTS", "HOSTILE_POSTS", "NOW", "Ahead", "ConnectorContract", "Held", "LineWorld", "World", "hostile_texts",
    "reply", "skip", "strings",
]
