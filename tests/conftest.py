"""What every test gets: a home of its own, a clock that stands still, and no network beyond this machine."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from agentdesk.model.clock import ManualClock

settings.register_profile("ci", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point every folder that agentdesk may use into the test's own folder."""
    monkeypatch.setenv("AGENTDESK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for name in ("NO_COLOR", "SSH_CONNECTION", "TMUX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(sock: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(sock, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _as_described() -> Iterator[None]:
    """Fail for what a fake server was asked or answered that no description of the real one knows (``tests/specs``)."""
    yield
    check = sys.modules.get("tests.specs.check")
    if check is not None and check.STRAYS:
        strays = dict.fromkeys(check.STRAYS)
        check.STRAYS.clear()
        pytest.fail("\n".join(["beside the vendor's own description:", *list(strays)[:20]]), pytrace=False)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at 2026-01-01 00:00 UTC until told to move."""
    return ManualClock()
