"""Tokens from the shell: put into a file, checked, taken out again; what others keep is theirs to remove."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from tests.cli.conftest import Run


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The folder of a configuration with tokens in a file, in a variable, asked for, and nowhere."""
    folder = tmp_path / "home" / "config"
    folder.mkdir(parents=True, mode=0o700)
    (folder / "config.yaml").write_text(
        "sources:\n"
        f"  - {{kind: rt, name: a, url: 'https://rt.example', token: {{file: {folder / 'rt.token'}}}}}\n"
        "  - {kind: rt, name: b, url: 'https://rt.example', token: {env: NO_SUCH_TOKEN}}\n"
        "  - {kind: rt, name: c, url: 'https://rt.example', token: {prompt: true}}\n"
        "  - {kind: rss, name: d, feeds: ['https://news.example/feed.xml']}\n")
    return folder


def test_a_token_goes_into_its_file_and_out_of_it(run: Run, config: Path) -> None:
    kept = config / "rt.token"
    assert run("secret", "set", "rt:a", stdin="1-77-canary\n").code == Exit.OK
    assert kept.read_text().strip() == "1-77-canary"
    answer = run("secret", "remove", "rt:a")
    assert (answer.code, answer.err, kept.exists()) == (Exit.OK, f"file {kept} is removed\n", False)
    assert run("secret", "remove", "rt:a").code == Exit.OK, "what is gone is gone"


@pytest.mark.parametrize("source", ["rt:b", "rt:c"])
def test_what_is_kept_elsewhere_is_not_said_to_be_removed(run: Run, config: Path, source: str) -> None:
    answer = run("secret", "remove", source)
    assert (answer.code, answer.out) == (Exit.REFUSED, "")
    assert "next: Remove it there" in answer.err


def test_a_script_reads_which_tokens_can_be_read(run: Run, config: Path) -> None:
    run("secret", "set", "rt:a", stdin="1-77-canary\n")
    answer = run("secret", "check", "--json")
    assert answer.code == Exit.FINDINGS
    assert {row["source"]: row["readable"] for row in answer.lines} == {
        "rt:a": True, "rt:b": False, "rt:c": None, "rss:d": None}
    assert "canary" not in answer.out + answer.err
