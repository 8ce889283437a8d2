"""The demo's content, read once for all tests of it."""

from __future__ import annotations

import pytest

from agentdesk.connectors.demo.content import Content, load


@pytest.fixture(scope="session")
def content() -> Content:
    """Everything that the demo's files say."""
    return load()
