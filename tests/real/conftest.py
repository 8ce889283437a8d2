"""Real servers, started once for a test run; they install what they lack, which needs root the first time."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SERVERS = Path(__file__).parent.parent / "servers"


def run(script: str, *args: str, env: dict[str, str], stdin: bytes | None = None) -> str:
    """Run one of the server scripts and return what it prints."""
    done = subprocess.run(
        [SERVERS / script, *args], env={**os.environ, **env}, input=stdin, capture_output=True, timeout=600, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{script} {args[0]} failed: {done.stderr.decode(errors='replace')[-2000:]}")
    return done.stdout.decode()


def worker(worker_id: str) -> int:
    """The number of this test process, so that each has servers of its own."""
    return int(worker_id.removeprefix("gw")) if worker_id.startswith("gw") else 0


class RealRt:
    """A Request Tracker on this machine."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.facts: dict[str, Any] = json.loads(run("rt-up", "up", env=env))
        self.url: str = self.facts["url"]
        self.mails = Path(self.facts["mail_dir"])
        self.cursor: str | None = None
        """Where the last test stopped reading, so that the next need not read everything again."""

    def mail(self, message: bytes, queue: str = "Support") -> None:
        """Deliver a customer's mail."""
        run("rt-up", "mail", queue, env=self.env, stdin=message)

    def mails_to(self, address: str, text: str) -> int:
        """How many mails with this text RT sent to an address; written a moment after the answer to the request."""
        return sum(
            f"To: {address}" in mail and text in mail
            for mail in (path.read_text(errors="replace") for path in self.mails.glob("*.eml"))
        )

    def api(self, who: str, method: str, path: str, **data: Any) -> Any:
        """One call as somebody else."""
        import httpx

        answer = httpx.request(
            method, f"{self.url}/REST/2.0{path}", json=data, timeout=60, trust_env=False,
            headers={"Authorization": f"token {self.facts[who]}", "Content-Type": "application/json"},
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@pytest.fixture(scope="session")
def rt(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRt]:
    """A freshly seeded RT; ``RT_TEST_DIR`` in the environment keeps one between runs."""
    number = worker(worker_id)
    port = int(os.environ.get("RT_TEST_PORT", "18081")) + 10 * number
    kept = os.environ.get("RT_TEST_DIR")
    folder = kept if kept and not number else str(tmp_path_factory.mktemp("rt"))
    server = RealRt({"RT_TEST_PORT": str(port), "RT_TEST_DIR": folder, "HOME": folder})
    yield server
    if folder != kept:
        run("rt-up", "down", env=server.env)


class Faulty:
    """A proxy before RT that spoils what it is told to."""

    def __init__(self, facts: dict[str, str]) -> None:
        self.url, self._control = facts["url"], facts["control"]

    def add(self, **rule: Any) -> None:
        """Spoil the next request that fits."""
        import httpx

        httpx.post(self._control, json=rule, trust_env=False).raise_for_status()

    def clear(self) -> list[dict[str, Any]]:
        """Forget all rules; returns what they did."""
        import httpx

        log: list[dict[str, Any]] = httpx.get(self._control, trust_env=False).json()["log"]
        httpx.delete(self._control, trust_env=False).raise_for_status()
        return log


@pytest.fixture(scope="session")
def faulty_rt(rt: RealRt, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """RT behind the fault proxy."""
    folder = str(tmp_path_factory.mktemp("fault"))
    env = {"FAULT_DIR": folder, "HOME": folder}
    port = int(rt.env["RT_TEST_PORT"]) + 1
    yield Faulty(json.loads(run("fault-proxy", "up", rt.url, str(port), env=env)))
    run("fault-proxy", "down", env=env)


@pytest.fixture
def faults(faulty_rt: Faulty) -> Iterator[Faulty]:
    """The proxy without rules left from other tests."""
    faulty_rt.clear()
    yield faulty_rt
    faulty_rt.clear()
