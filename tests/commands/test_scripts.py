"""Programs of the person's own: what customers wrote reaches them as data only, and what they say is only text."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from agentdesk.commands.context import Context
from agentdesk.commands.registry import Registry
from agentdesk.commands.scripts import with_scripts
from agentdesk.config.schema import CommandConfig
from agentdesk.desk import find
from agentdesk.errors import Refused
from agentdesk.model.clock import SECOND
from agentdesk.testing.suite import hostile_texts
from tests.config.loading import mistakes
from tests.desk.conftest import World


class Front:
    """Remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, dict[str, object]]] = []

    async def show(self, screen: str, **args: object) -> None:
        self.shown.append((screen, args))

    def write_below(self, conversation_id: int, text: str) -> bool:
        return False

    async def confirm(self, title: str, detail: str = "") -> bool:
        return False


def script(folder: Path, code: str) -> tuple[str, ...]:
    """A program that does this."""
    path = folder / "program.py"
    path.write_text(code)
    return (sys.executable, str(path))


def found(folder: Path, name: str) -> list[Path]:
    """Files of this name."""
    return list(folder.rglob(name))


async def call(world: World, command: CommandConfig, *ids: int, front: Front | None = None) -> str | None:
    """Run a command on conversations."""
    registry, told = with_scripts(Registry([]), [command])
    assert told == []
    ctx = Context(desk=world.desk, front=front or Front(), selection=ids)  # type: ignore[arg-type]
    return await registry.run(ctx, command.name)


ECHO = ("import json, os, sys\njson.dump({'given': json.load(sys.stdin), 'argv': sys.argv[1:], "
        "'env': {k: v for k, v in os.environ.items() if k.startswith('AGENTDESK_')}}, open(sys.argv[1], 'w'))\n")


@pytest.mark.parametrize("text", hostile_texts())
async def test_hostile_posts_reach_a_program_as_data(world: World, tmp_path: Path, text: str,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    number = await world.arrive("a", f"{text} $(touch canary) `touch canary` ; touch canary\n| touch canary")
    seen = tmp_path / "seen.json"
    run = (*script(tmp_path, ECHO), str(seen), "$(touch canary)")
    await call(world, CommandConfig(name="look", run=run), number)
    got = json.loads(seen.read_text())
    stored = find.thread(world.desk, number)[0].message.text
    assert got["given"]["selection"][0]["messages"][0]["text"] == stored
    assert got["argv"] == [str(seen), "$(touch canary)"]
    assert got["env"]["AGENTDESK_ID"] == str(number)
    assert not any("\n" in value or "\0" in value for value in got["env"].values())
    assert not found(tmp_path, "canary")


async def test_all_marked_ones_are_handed_over_at_once(world: World, tmp_path: Path) -> None:
    ids = [await world.arrive(name) for name in "abc"]
    seen = tmp_path / "seen.json"
    run = (*script(tmp_path, ECHO), str(seen))
    await call(world, CommandConfig(name="look", run=run, on="selection"), *ids)
    got = json.loads(seen.read_text())
    assert [one["conversation"]["id"] for one in got["given"]["selection"]] == ids
    assert got["given"]["v"] == 1
    assert got["env"]["AGENTDESK_COUNT"] == "3"


async def test_what_it_prints_is_shown_as_inert_text(world: World, tmp_path: Path) -> None:
    number = await world.arrive("a")
    front = Front()
    run = script(tmp_path, "print('one\\x1b[2Jtwo [@click=app.quit]x[/]')")
    assert await call(world, CommandConfig(name="look", run=run, output="show"), number, front=front) is None
    [(screen, args)] = front.shown
    assert screen == "output"
    assert "\x1b" not in str(args["text"])
    assert "[@click=app.quit]x[/]" in str(args["text"])


async def test_what_it_prints_becomes_part_of_the_reply_which_a_person_sends(world: World, tmp_path: Path) -> None:
    number = await world.arrive("a")
    front = Front()
    run = script(tmp_path, "print('Your parcel is in Leeds.')")
    for _ in range(2):
        await call(world, CommandConfig(name="where", run=run, output="draft"), number, front=front)
    assert [screen for screen, _ in front.shown] == ["composer", "composer"]
    [draft] = find.drafts(world.desk)
    assert draft.text == "Your parcel is in Leeds.\n\nYour parcel is in Leeds."
    assert find.outbox(world.desk) == []


@pytest.mark.parametrize(("code", "seconds", "title", "cause"), [
    ("import sys; print('no order 12', file=sys.stderr); sys.exit(3)", 60, "look ended with 3", "no order 12"),
    ("import time; time.sleep(60)", 1, "look took too long", "was ended after 1 seconds"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 60, "look ended with -9", ""),
])
async def test_one_that_fails_says_so(
        world: World, tmp_path: Path, code: str, seconds: int, title: str, cause: str) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused) as caught:
        await call(world, CommandConfig(name="look", run=script(tmp_path, code), timeout=seconds * SECOND), number)
    assert title in caught.value.title
    assert cause in caught.value.cause
    assert caught.value.remedy


async def test_one_that_is_not_there_says_so(world: World) -> None:
    number = await world.arrive("a")
    with pytest.raises(Refused) as caught:
        await call(world, CommandConfig(name="look", run=("/nowhere/at-all",)), number)
    assert "/nowhere/at-all" in caught.value.cause


async def test_an_endless_output_is_cut(world: World, tmp_path: Path) -> None:
    number = await world.arrive("a")
    front = Front()
    run = script(tmp_path, "import sys\nfor _ in range(3_000): sys.stdout.write('x' * 1_000 + '\\n')")
    await call(world, CommandConfig(name="look", run=run, output="show"), number, front=front)
    assert len(str(front.shown[0][1]["text"])) <= 256 * 1024


async def test_one_that_asks_first_does_nothing_on_no(world: World, tmp_path: Path) -> None:
    number = await world.arrive("a")
    seen = tmp_path / "seen"
    run = script(tmp_path, f"open({str(seen)!r}, 'w')")
    assert await call(world, CommandConfig(name="look", run=run, confirm=True), number) is None
    assert not seen.exists()


async def test_tokens_in_variables_do_not_reach_it(world: World, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDESK_SECRET_THING", "canary")
    number = await world.arrive("a")
    seen = tmp_path / "seen.json"
    run = (*script(tmp_path, ECHO), str(seen))
    await call(world, CommandConfig(name="look", run=run), number)
    assert "canary" not in seen.read_text()
    assert os.environ["AGENTDESK_SECRET_THING"] == "canary"


def test_a_name_that_is_taken_is_left_out_and_told() -> None:
    first, _ = with_scripts(Registry([]), [CommandConfig(name="done", run=("x",))])
    second, told = with_scripts(first, [CommandConfig(name="done", run=("y",))])
    assert [one.doc for one in second] == ["Run x, a program of yours."]
    assert told == ["The command done is left out: agentdesk has a command of that name already"]


@pytest.mark.parametrize(("block", "mistake"), [
    ("{name: a, run: []}", "needs a program, such as [orders, --json]"),
    ("{name: a, run: orders}", "a list is needed"),
    ("{name: a, run: [orders, '{{ customer }}']}", "the conversation comes as JSON on standard input"),
    ("{name: a}", "is missing"),
    ("{name: a, run: [x], output: mail}", "output"),
])
def test_what_cannot_be_a_command_is_named(block: str, mistake: str) -> None:
    assert mistake in "\n".join(mistakes(f"commands: [{block}]"))
