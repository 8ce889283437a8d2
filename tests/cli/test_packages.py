"""Connectors of other packages at the command line: shown with where they come from, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentdesk.cli.exits import Exit
from agentdesk.config.yaml import parse
from tests.cli.conftest import Run
from tests.connectors.packages import GOOD, installed

ECHO = GOOD.replace("    async def close(self):", '''    async def verify(self):
        from agentdesk.model.page import Account
        from agentdesk.model.text import inert_line
        return Account(ref="wall", handle=inert_line("the wall"))

    async def pull(self, cursor, limit=100):
        from agentdesk.model.page import Page
        return Page(cursor="1")

    async def close(self):''')


@pytest.fixture
def site(tmp_path: Path) -> Path:
    found = tmp_path / "site"
    found.mkdir()
    return found


@pytest.fixture
def two(run: Run, tmp_path: Path) -> None:
    """A configuration with a source of another package, and a file."""
    (tmp_path / "posts.jsonl").touch()
    path = Path(run("config", "path").out.strip())
    path.parent.mkdir(parents=True, mode=0o700)
    path.write_text("sources:\n  - {kind: echo, name: wall, url: https://wall.example}\n"
                    f"  - {{kind: file, name: posts, path: {tmp_path / 'posts.jsonl'}}}\n")
    path.chmod(0o600)


@pytest.mark.usefixtures("two")
def test_it_is_treated_like_a_built_in_one_and_its_package_is_named(run: Run, site: Path) -> None:
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", ECHO),
                   ("desk-rt", "9", "rt = rt_source", "raise RuntimeError")):
        assert run("config", "validate").code == Exit.OK
        checks = run("doctor", "--json").lines
        told = [(check["level"], check["text"]) for check in checks if check["area"] == "source echo:wall"]
        assert told == [("note", "its connector comes from desk-echo 1.2"),
                        ("good", "We are the wall. Here one can only read")]
        assert [check["text"] for check in checks if check["area"] == "connectors"] == [
            "desk-rt 9 brings the kind rt, which is built in"]
        assert run("sync").code == Exit.OK
        packages = {row["name"]: row["package"] for row in run("sources", "--json").lines}
        assert packages == {"echo:wall": "desk-echo 1.2", "file:posts": ""}
        assert "desk-echo 1.2" in run("sources").out
        assert "echo" in json.loads(run("config", "schema").out)["$defs"]
        block = run("config", "example", "echo").out
        assert "    url:   # Where the wall is." in block
        assert '    # loudness: 5   # How loud it is.' in block
        assert parse(block, "x").plain["sources"][0]["kind"] == "echo"


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("code", ["raise RuntimeError('no luck')", GOOD.replace("return Echo(config)", "return 7")])
def test_a_broken_one_is_told_for_its_source_and_the_others_go_on(run: Run, site: Path, code: str) -> None:
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", code)):
        assert run("queue").code == Exit.OK
        checks = run("doctor", "--json").lines
        levels = {check["area"]: check["level"] for check in checks if check["area"].startswith("source ")}
        assert levels == {"source echo:wall": "bad", "source file:posts": "good"}
        run("sync")
        states = {row["name"]: (row["state"], row["remedy"]) for row in run("sources", "--json").lines}
        assert states["file:posts"][0] == "ok"
        assert states["echo:wall"][0] == "stopped"
        assert states["echo:wall"][1]
        assert json.loads(run("config", "schema").out)["$schema"]


@pytest.mark.usefixtures("two")
def test_a_package_that_is_not_there_any_more_is_a_mistake_in_the_configuration(run: Run) -> None:
    answer = run("config", "validate")
    assert answer.code == Exit.CONFIG
    assert 'no connector "echo"' in answer.err


def test_an_example_of_every_kind_is_a_block_that_can_be_filled_in(run: Run) -> None:
    for kind in ("rt", "mastodon", "rss", "file"):
        plain = parse(run("config", "example", kind).out, "x").plain
        assert plain["sources"][0]["kind"] == kind
    assert run("config", "example", "nonesuch").code == Exit.CONFIG
