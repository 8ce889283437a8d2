"""What the manual says is there: its links lead somewhere, its commands, verbs and keys exist, its YAML can be read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agentdesk.cli.main import COMMANDS, main
from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import DEFAULT, Keymap
from agentdesk.commands.registry import Registry
from agentdesk.config.yaml import parse, read_all
from agentdesk.replies.packs import load as load_packs
from agentdesk.rules.query import problem
from agentdesk.ui import verbs
from tests.config.loading import loaded

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
USED = [*PAGES, ROOT / "config.example.yaml"]
REGISTRY = Registry.of((*VERB_MODULES, verbs))
FRAGMENTS = {"listen": "sources:\n  - kind: mastodon\n    name: a\n    url: https://a.example\n    token: {env: A}\n",
             "columns": "sources:\n  - kind: file\n    name: a\n    path: x\n"}
"""What the beginnings of blocks that stand alone in the manual belong under."""


def name(path: Path) -> str:
    """A page as the reader sees it."""
    return str(path.relative_to(ROOT))


def blocks(text: str, kind: str = r"\w*") -> Iterator[str]:
    """What stands between fences of a kind."""
    return (found[1] for found in re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def spans(text: str) -> list[str]:
    """What stands between back quotes in the running text."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(path: Path) -> set[str]:
    """The places in a page that a link can name."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def calls(text: str) -> Iterator[str]:
    """Every call of agentdesk that is written down: in a line of its own, in a pipe, or between back quotes."""
    lines = [line.partition("  #")[0] for line in text.splitlines() if re.match(r"(    )?(.* \| )?agentdesk ", line)]
    for piece in (*lines, *spans(text)):
        for part in re.split(r"[|<>](?=(?:[^']*'[^']*')*[^']*$)", piece):
            if part.strip().startswith("agentdesk "):
                yield part.strip()


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_lead_somewhere(path: Path) -> None:
    missing = []
    for target, _, place in (found.partition("#") for found in re.findall(
            r"\]\(([^):]+)\)", path.read_text(encoding="utf-8"))):
        there = path.parent / target if target else path
        if not there.exists() or (place and place not in anchors(there)):
            missing.append(f"{target}#{place}")
    assert missing == []


def test_every_command_is_named() -> None:
    text = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert [command for command in COMMANDS if command != "open" and f"`{command}" not in text
            and f"agentdesk {command}" not in text] == []


@pytest.mark.parametrize("path", USED, ids=name)
def test_every_call_can_be_made(path: Path) -> None:
    for call in calls(path.read_text(encoding="utf-8")):
        command: click.Command = main
        words = shlex.split(call, comments=True)[1:]
        verb = words[1].split()[0] if words[0] == "do" and len(words) > 1 else ""
        assert not verb or verb == "VERB" or verb in REGISTRY, call
        for word in words:
            if isinstance(command, click.Group) and word[0] not in "-[" and not word.isupper():
                known = command.get_command(click.Context(command), word)
                assert known is not None, f"{name(path)}: {call}"
                command = known
            if word.startswith("--"):
                assert word in {opt for each in (command, main) for param in each.params for opt in param.opts}, call


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_option_and_verb_that_is_named_is_there(path: Path) -> None:
    found = [main.get_command(click.Context(main), command) for command in COMMANDS]
    options = {opt for one in (main, *found) if one is not None for param in one.params for opt in param.opts}
    for span in spans(path.read_text(encoding="utf-8")):
        if re.match(r"--[a-z]", span) and path.name in ("command-line.md", "manual.md", "README.md"):
            assert span.split()[0] in options | {"--quick", "--write"}, span
        if re.match(r":[a-z]", span):
            assert span[1:].split()[0] in REGISTRY, span


@pytest.mark.parametrize("path", [ROOT / "README.md", DOCS / "manual.md", DOCS / "sources.md"], ids=name)
def test_every_key_that_is_named_does_something(path: Path) -> None:
    bound = {key for keys in DEFAULT.values() for key in keys} | {"Tab", "Enter", "Esc", "Del"}
    signs = set("-@‼!·♥✎◆◇⇡●▚◌")
    for span in spans(path.read_text(encoding="utf-8")):
        if len(span) == 1 and span not in signs:
            assert span in bound, span
        if re.fullmatch(r"\^[a-z]", span):
            assert f"ctrl+{span[1]}" in bound, span


@pytest.mark.parametrize(("path", "block"), [
    pytest.param(path, block, id=f"{path.stem}-{number}") for path in (DOCS / "manual.md", DOCS / "sources.md")
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8"), "yaml"))])
def test_its_yaml_can_be_read(path: Path, block: str, tmp_path: Path) -> None:
    if block.startswith("replies:"):
        (tmp_path / "own.yaml").write_text(block, encoding="utf-8")
        packs = load_packs([tmp_path], read_all)
        assert packs.problems == ()
        assert packs.canned
        return
    head = block.split(":")[0].strip()
    config = loaded(FRAGMENTS.get(head, "") + block, query_problem=problem)
    own = {command.name for command in config.commands}
    keymap = Keymap.build(config.keys, lambda call: call.split()[0] in own | {one.name for one in REGISTRY})
    assert keymap.problems == ()
    assert parse(block, path.name).plain
