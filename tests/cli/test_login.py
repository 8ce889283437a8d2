"""``agentdesk login`` in a real terminal: asked, tried, kept; the token is echoed, written and handed on nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentdesk.model.clock import SystemClock
from tests.cli.conftest import Run
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.rt import FakeRt
from tests.fakes.serve import serving
from tests.terminal.harness import Terminal, run

CANARY = "1-77-loginCanary7f3e9b"


def answered(terminal: Terminal, *steps: tuple[str, str]) -> int:
    """Answer each question once it is there; the exit code."""
    for wanted, answer in steps:
        wait_for_question(terminal, wanted)
        terminal.send(answer + "\r")
    return terminal.ended()


def wait_for_question(terminal: Terminal, wanted: str) -> None:
    """Wait until the last line begins so."""
    terminal.wait_for(lambda: terminal.text.rstrip().rpartition("\n")[2].startswith(wanted))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    return folder


def test_a_source_is_connected_at_a_terminal(home: Path) -> None:
    rt = FakeRt(SystemClock())
    rt.user("ann", "Ann Agent", "ann@desk.test", privileged=True, token=CANARY)
    rt.mail("jane@example.test", "Where is my parcel?", real="Jane")
    with serving(rt.handle) as url:
        with Terminal("login", "rt", home=home) as terminal:
            command_line = (Path("/proc") / str(terminal.pid) / "cmdline").read_bytes()
            code = answered(terminal, ("Where is your RT?", url), ("The token", CANARY), ("Name of", "support"),
                            ("Number", "1"))
            said = terminal.text
        assert code == 0, said
        assert "We are Ann Agent (ann)" in said
        assert "keyring cannot be used here" in said
        assert "rt:support is connected" in said
        kept = home / "config" / "secrets" / "rt-support"
        assert kept.read_text() == CANARY + "\n"
        assert CANARY.encode() not in terminal.raw + command_line
        assert [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()] == [kept]
        done = run("sync", home=home)
        assert "1 new message" in done.stderr, done.stderr
        assert run("doctor", home=home).stdout.count("✓ source rt:support") == 1


def test_a_browser_on_another_machine_is_enough(home: Path) -> None:
    far = FakeMastodon(SystemClock())
    with serving(far.handle) as url, Terminal("login", "mastodon", "acme", home=home, size=(250, 60)) as terminal:
        terminal.wait_for("Server")
        terminal.send(url + "\r")
        wait_for_question(terminal, "Code")
        address = "".join(re.findall(r"http\S+/oauth/authorize\S+", terminal.text.replace("\n", "")))
        code = far.allow(address.partition("The")[0], far.us)
        assert answered(terminal, ("Code", code), ("Number", "1")) == 0, terminal.text
        assert "mastodon:acme is connected" in terminal.text
        assert "environment variable" not in terminal.text, "nobody could set what they never saw"
        assert code.encode() not in terminal.raw


def test_stopping_in_the_middle_leaves_nothing(home: Path) -> None:
    with Terminal("login", "rt", home=home) as terminal:
        terminal.wait_for("Where is your RT?")
        terminal.press("ctrl+c")
        assert terminal.ended() == 130
    assert not (home / "config").exists()


def test_without_a_terminal_it_says_what_else_there_is(run: Run) -> None:
    said = run("login", "mastodon")
    assert said.code == 2
    assert "nobody to answer" in said.err
    assert "agentdesk secret set" in said.err


def test_doctor_says_what_a_source_says_of_itself(home: Path) -> None:
    far = FakeMastodon(SystemClock())
    config = home / "config"
    config.mkdir(mode=0o700)
    with serving(far.handle) as url:
        (config / "config.yaml").write_text(
            f"sources:\n  - {{kind: mastodon, name: acme, url: \"{url}\", token: {{env: MASTODON}}}}\n"
            f"  - {{kind: mastodon, name: dead, url: \"{url}\", token: {{env: DEAD}}}}\n")
        said = run("doctor", home=home, env={"MASTODON": far.us.token, "DEAD": "no-token-at-all"})
    assert said.returncode == 8
    for words in ("✓ source mastodon:acme: We are Acme Care (@acme@social.example)", "The token covers: read, write",
                  "A reply may have 500 characters", "Here one can reply",
                  "✗ source mastodon:dead", "Sign in again: agentdesk login mastodon dead"):
        assert words in said.stdout, said.stdout
    assert far.us.token not in said.stdout + said.stderr


def test_on_the_screen_of_a_first_start_no_token_is_seen_or_kept_elsewhere(home: Path) -> None:
    rt = FakeRt(SystemClock())
    rt.user("ann", "Ann Agent", "ann@desk.test", privileged=True, token=CANARY)
    rt.mail("jane@example.test", "Where is my parcel?", real="Jane")
    with serving(rt.handle) as url, Terminal(home=home, size=(80, 24), env={"AGENTDESK_LOG": "debug"}) as terminal:
        terminal.wait_for("Connect a source")
        terminal.press("j", "enter")
        for wanted, answer in (("Which kind", "rt"), ("Where is your RT?", url), ("The token", CANARY),
                               ("Name of the source", ""), ("Where to keep", "file")):
            terminal.wait_for(wanted)
            terminal.settle()
            terminal.send(answer)
            terminal.press("enter")
        terminal.wait_for("first messages are being fetched")
        terminal.press("enter")
        terminal.wait_for("Where is my parcel?")
        known = [(Path("/proc") / str(terminal.pid) / name).read_bytes() for name in ("cmdline", "environ")]
        terminal.press("q")
        assert terminal.ended() == 0
        assert not any(CANARY.encode() in data for data in (terminal.raw, *known))
    kept = home / "config" / "secrets" / "rt-127"
    assert [path for path in home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()] == [kept]
