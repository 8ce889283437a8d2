"""Connecting a source: asked, tried at once, kept, written; and nothing left behind when it does not come to that."""

from __future__ import annotations

import asyncio
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agentdesk.bootstrap import Options, open_desk
from agentdesk.config.load import load
from agentdesk.config.sources import SecretRef
from agentdesk.connectors.login import again
from agentdesk.desk import connecting
from agentdesk.desk.connecting import sign_in
from agentdesk.desk.desk import Desk
from agentdesk.errors import AuthError, ConfigError, Refused, SecretError, UsageError
from agentdesk.model.clock import ManualClock
from agentdesk.secrets import Secret
from agentdesk.store import sources as source_rows
from agentdesk.sync.engine import Engine
from tests.connectors.asking import Answers
from tests.connectors.packages import GOOD, installed
from tests.fakes.rt import FakeRt
from tests.fakes.serve import serving
from tests.fakes.wire import Fault

TOKEN, OTHER = "1-28-aaa", "1-30-bbb"
HAND_WRITTEN = """\
# Ann's desk
agent: {name: ann, zone: UTC}   # me
sources:
  # the old one
  - kind: file
    name: posts
    path: posts.jsonl  # read at night

# nothing below
"""


class Server:
    """A Request Tracker that listens."""

    def __init__(self, url: str, rt: FakeRt, faults: list[Fault]) -> None:
        self.url, self.rt, self.faults = url, rt, faults


@pytest.fixture
def server(clock: ManualClock) -> Iterator[Server]:
    rt, faults = FakeRt(clock), list[Fault]()
    with serving(rt.handle, faults) as url:
        yield Server(url, rt, faults)


@pytest.fixture
def desk(clock: ManualClock) -> Iterator[Desk]:
    made = open_desk(Options(), clock)
    yield made
    made.store.close()


def path_of(desk: Desk) -> Path:
    assert desk.config_file is not None
    return desk.config_file


def write(desk: Desk, text: str) -> None:
    path_of(desk).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path_of(desk).write_text(text)


async def until(desk: Desk, true: Callable[[], object]) -> None:
    """Wait for events until something is so."""
    news = asyncio.Event()
    stop = desk.subscribe(lambda _: news.set())
    async with asyncio.timeout(10):
        while not true():
            await news.wait()
            news.clear()
    stop()


def anything_written(desk: Desk) -> list[str]:
    return sorted(str(path) for path in path_of(desk).parent.rglob("*") if path.is_file())


async def test_what_to_do_next_names_the_profile(clock: ManualClock, server: Server) -> None:
    desk = open_desk(Options(profile="night"), clock)
    said = await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")
    assert said.endswith("Next: agentdesk --profile night opens the desk, "
                         "agentdesk --profile night doctor tries all sources")
    desk.store.close()


async def test_a_first_source_begins_a_configuration(desk: Desk, server: Server) -> None:
    person = Answers(server.url + "/Ticket/Display.html?id=3", TOKEN, "support", "file")
    said = await sign_in(desk, person, "rt")
    assert "rt:support is connected" in said
    assert "agentdesk doctor" in said
    assert person.asked == ["Where is your RT?", "secret: The token", "Name of the source", "Where to keep the token"]
    told = "\n".join(person.told)
    assert f"{server.url}/Prefs/AuthTokens.html" in told
    assert "We are Ada Agent (agent1)" in told
    assert "Here one can reply" in told
    assert "keyring cannot be used here" in told
    assert TOKEN not in told
    config = load(path_of(desk))
    (source,) = config.sources
    kept = path_of(desk).parent / "secrets" / "rt-support"
    assert source.full_name == "rt:support"
    assert source.token == SecretRef(kind="file", value=str(kept))
    assert kept.read_text() == TOKEN + "\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    text = path_of(desk).read_text()
    assert TOKEN not in text
    assert text.count("#") > 50, "a new file is the commented one"


async def test_comments_and_order_of_a_configuration_stay(desk: Desk, server: Server) -> None:
    write(desk, HAND_WRITTEN)
    await sign_in(desk, Answers(server.url, TOKEN, "support", "prompt"), "rt")
    text = path_of(desk).read_text()
    added = [line for line in text.splitlines() if line not in HAND_WRITTEN.splitlines()]
    assert [line for line in text.splitlines() if line not in added] == HAND_WRITTEN.splitlines()
    assert added == ["  - kind: rt", "    name: support", f"    url: {server.url}", "    token: {prompt: true}"]


async def test_a_name_that_is_taken_is_not_taken_twice(desk: Desk, server: Server) -> None:
    await sign_in(desk, Answers(server.url, TOKEN, "127", "prompt"), "rt")
    person = Answers("", server.url, OTHER, "127", "Not a name", "", "prompt")
    await sign_in(desk, person, "rt")
    assert any("rt:127 is there already" in line for line in person.told)
    assert any("cannot be a source's name" in line for line in person.told)
    assert [one.name for one in load(path_of(desk)).sources] == ["127", "127-2"]


async def test_a_name_can_be_given_at_once(desk: Desk, server: Server) -> None:
    person = Answers(server.url, TOKEN, "prompt")
    await sign_in(desk, person, "rt:care")
    assert "Name of the source" not in person.asked
    assert load(path_of(desk)).sources[0].full_name == "rt:care"
    with pytest.raises(UsageError, match="cannot be a source's name"):
        await sign_in(desk, Answers(), "rt", "Ca Re")


async def test_nothing_is_written_when_the_server_refuses(desk: Desk, server: Server) -> None:
    person = Answers(server.url, "1-99-wrong", "again", server.url, "1-99-wrong", "same", "stop")
    with pytest.raises(Refused, match="Nothing was written"):
        await sign_in(desk, person, "rt")
    told = "\n".join(person.told)
    assert "does not accept the token" in told
    assert "agentdesk login" not in told, "the person is doing that"
    assert "1-99-wrong" not in told
    assert anything_written(desk) == []


async def test_after_a_wrong_token_the_right_one_is_taken(desk: Desk, server: Server) -> None:
    person = Answers(server.url, "1-99-wrong", "again", server.url, TOKEN, "support", "prompt")
    assert "connected" in await sign_in(desk, person, "rt")


async def test_answers_given_before_are_offered_again(desk: Desk, server: Server) -> None:
    person = Answers(server.url, "1-99-wrong", "again", "", TOKEN, "support", "prompt")
    assert "connected" in await sign_in(desk, person, "rt")
    assert server.url in path_of(desk).read_text()


async def test_a_file_that_is_not_there_is_no_matter_of_settings(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "posts.jsonl").touch()
    person = Answers(str(tmp_path / "post.jsonl"), "again", str(tmp_path / "posts.jsonl"), "posts")
    await sign_in(desk, person, "file")
    assert any(line.endswith("Check the path, and that you may read it.") for line in person.told)


async def test_a_server_that_is_down_can_be_tried_again(desk: Desk, server: Server) -> None:
    server.faults.append(Fault(kind="status", status=503, times=9))
    person = Answers(server.url, TOKEN, "same", "support", "prompt")

    async def choose(title: str, choices: object, before: Callable[..., object] = person.choose) -> str:
        server.faults.clear()
        return str(await before(title, choices))  # type: ignore[misc]

    person.choose = choose  # type: ignore[method-assign,assignment]
    assert "connected" in await sign_in(desk, person, "rt")
    assert any("has trouble" in line for line in person.told)
    assert not any("by itself" in line for line in person.told)


async def test_a_server_that_is_not_there_is_told_for_a_person_who_signs_in(desk: Desk, server: Server) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        where = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        person = Answers(where, TOKEN, "again", server.url, TOKEN, "support", "prompt")
        assert "connected" in await sign_in(desk, person, "rt")
    (line,) = (line for line in person.told if "cannot be reached" in line)
    assert line.endswith("nothing listens there. Check the network and the address.")


async def test_an_address_that_is_none_is_asked_for_again(desk: Desk, server: Server) -> None:
    host = server.url.removeprefix("http://")
    person = Answers("", "nonsense with spaces", "ftp://rt.example", f"http://ann:hunter2@{host}", TOKEN, "support",
                     "prompt")
    await sign_in(desk, person, "rt")
    assert sum("That is no address" in line for line in person.told) == 3
    assert not any("hunter2" in line for line in person.told)
    assert server.url in path_of(desk).read_text()


@pytest.mark.parametrize("url", ["http://rt.example", "http://rt.example:8080/rt"])
async def test_what_the_configuration_would_not_take_is_told_before_anything_is_sent(desk: Desk, url: str) -> None:
    person = Answers(url, TOKEN, "stop")
    with pytest.raises(Refused, match="Nothing was written"):
        await sign_in(desk, person, "rt")
    assert any(line.startswith("That does not fit. url: ") for line in person.told), person.told


async def test_a_broken_configuration_is_not_touched(desk: Desk) -> None:
    write(desk, "sources: [}\n")
    with pytest.raises(ConfigError):
        await sign_in(desk, Answers(), "rt")
    assert path_of(desk).read_text() == "sources: [}\n"


async def test_a_configuration_that_braces_hold_together_leaves_no_token_behind(desk: Desk, server: Server) -> None:
    write(desk, "sources: [{kind: file, name: posts, path: posts.jsonl}]\n")
    before = anything_written(desk)
    with pytest.raises(Refused, match="cannot be changed from here"):
        await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")
    assert anything_written(desk) == before


async def test_a_token_goes_again_when_the_file_cannot_be_written(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise Refused("No room")

    monkeypatch.setattr(connecting, "save", full)
    with pytest.raises(Refused, match="No room"):
        await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")
    assert anything_written(desk) == []


async def test_an_unknown_kind_is_told_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(UsageError, match='did you mean "mastodon"') as error:
        await sign_in(desk, Answers(), "mastadon")
    assert "zendesk" in error.value.cause
    with pytest.raises(UsageError):
        await sign_in(desk, Answers(), "demo")


async def test_the_demo_desk_connects_nothing(desk: Desk) -> None:
    desk.config_file = None
    with pytest.raises(Refused, match="connected here"):
        await sign_in(desk, Answers(), "rt")


async def test_a_kind_that_asks_for_nothing_itself_is_asked_for_by_its_settings(desk: Desk, tmp_path: Path) -> None:
    posts = tmp_path / "posts.jsonl"
    posts.write_text("")
    person = Answers("file", str(posts), "posts")
    said = await sign_in(desk, person)
    assert "file:posts is connected" in said
    assert person.asked == ["Which kind of source", "Path", "Name of the source"]
    (source,) = load(path_of(desk)).sources
    assert source.token is None


async def test_another_packages_mistake_is_told_in_words(desk: Desk, tmp_path: Path) -> None:
    with installed(tmp_path, ("desk-echo", "1.2", "echo = echo_source", GOOD)):
        person = Answers("stop")
        with pytest.raises(Refused, match="Nothing was written"):
            await sign_in(desk, person, "echo")
    assert any("desk-echo 1.2" in line for line in person.told)


# a running desk -----------------------------------------------------------------------------------------------------


async def test_a_running_desk_takes_the_source_up(desk: Desk, server: Server) -> None:
    server.rt.mail("jane@example.test", "Where is my parcel?", real="Jane")
    desk.engine = Engine(desk.store, desk.connectors, desk.rulebook, desk.clock, desk.emit, desk.holder)
    running = asyncio.create_task(desk.engine.run())
    await asyncio.sleep(0)
    said = await sign_in(desk, Answers(server.url, TOKEN, "support", "prompt"), "rt")
    assert "first messages are being fetched" in said
    await until(desk, lambda: desk.store.reader.value("SELECT count(*) FROM message"))
    assert [one.full_name for one in desk.config.sources] == ["rt:support"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await desk.connectors["rt:support"].close()


async def test_a_dead_token_is_renewed_in_a_running_desk(desk: Desk, server: Server) -> None:
    desk.engine = Engine(desk.store, desk.connectors, desk.rulebook, desk.clock, desk.emit, desk.holder)
    running = asyncio.create_task(desk.engine.run())
    await asyncio.sleep(0)
    await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")

    async def stands(state: str) -> None:
        await until(desk, lambda: source_rows.state(desk.store.reader, "rt:support").state == state)

    await stands("ok")
    text = path_of(desk).read_text()
    server.rt.users["agent1"].token = "1-28-new"
    desk.engine.poke("rt:support")
    await stands("auth")
    assert source_rows.state(desk.store.reader, "rt:support").remedy == again("rt:support")
    person = Answers("1-28-new")
    assert "goes on" in await sign_in(desk, person, "rt", "support")
    assert person.asked == ["secret: The token"]
    await stands("ok")
    assert path_of(desk).read_text() == text
    assert (path_of(desk).parent / "secrets" / "rt-support").read_text() == "1-28-new\n"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await desk.connectors["rt:support"].close()


# signing in again ---------------------------------------------------------------------------------------------------


def test_the_remedy_names_the_command() -> None:
    assert again("mastodon:acme") == "Sign in again: agentdesk login mastodon acme"
    assert again("mastodon") == "Sign in again: agentdesk login mastodon"


async def test_only_the_token_is_renewed(desk: Desk, server: Server) -> None:
    await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")
    text = path_of(desk).read_text()
    server.rt.users["agent1"].token = "1-28-new"
    person = Answers("support", "1-28-new")
    said = await sign_in(desk, person, "rt")
    assert person.asked[0] == "There is rt:support already"
    assert "signed in again" in said
    assert path_of(desk).read_text() == text
    assert (path_of(desk).parent / "secrets" / "rt-support").read_text() == "1-28-new\n"


async def test_the_old_token_stays_when_the_new_one_is_refused(desk: Desk, server: Server) -> None:
    await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")
    with pytest.raises(Refused, match="Nothing was written"):
        await sign_in(desk, Answers("1-99-wrong", "stop"), "rt", "support")
    assert (path_of(desk).parent / "secrets" / "rt-support").read_text() == TOKEN + "\n"


async def test_another_accounts_token_needs_a_word(desk: Desk, server: Server) -> None:
    await sign_in(desk, Answers(server.url, TOKEN, "support", "file"), "rt")
    desk.engine = Engine(desk.store, desk.connectors, desk.rulebook, desk.clock, desk.emit, desk.holder)
    config = load(path_of(desk)).sources[0]
    connector = await connecting.Trial(desk, connecting.asking.Person(Answers()), "rt").made(config, Secret(TOKEN))
    account = await connector.verify()
    await connector.close()
    desk.store.write_now(lambda db: source_rows.ensure(db, "rt:support", "rt", "R"))
    desk.store.write_now(lambda db: source_rows.set_account(db, "rt:support", account))
    desk.engine = None
    person = Answers(OTHER, "no", TOKEN)
    await sign_in(desk, person, "rt", "support")
    assert any("belongs to agent2" in line for line in person.told)
    assert (path_of(desk).parent / "secrets" / "rt-support").read_text() == TOKEN + "\n"


async def test_a_place_that_does_not_work_any_more_is_changed_in_the_file(desk: Desk, server: Server) -> None:
    write(desk, f"""\
sources:
  - kind: rt   # ours
    name: support
    token:
      keyring: "agentdesk rt:support"
    url: "{server.url}"   # the server
""")
    person = Answers(TOKEN, "file")
    await sign_in(desk, person, "rt", "support")
    assert any("keyring" in line.lower() for line in person.told)
    text = path_of(desk).read_text()
    kept = path_of(desk).parent / "secrets" / "rt-support"
    assert text == f"""\
sources:
  - kind: rt   # ours
    name: support
    token: {{file: {kept}}}
    url: "{server.url}"   # the server
"""


async def test_a_source_without_a_token_needs_no_signing_in(desk: Desk) -> None:
    write(desk, HAND_WRITTEN)
    with pytest.raises(Refused, match="needs no signing in"):
        await sign_in(desk, Answers(), "file", "posts")


# places of the token ------------------------------------------------------------------------------------------------


async def test_a_program_stores_and_prints_the_token(desk: Desk, server: Server, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    put, get = tmp_path / "put", tmp_path / "get"
    put.write_text(f"#!/bin/sh\ncat > {kept}\n")
    get.write_text(f"#!/bin/sh\ncat {kept}\n")
    for program in (put, get):
        program.chmod(0o700)
    await sign_in(desk, Answers(server.url, TOKEN, "support", "command", str(put), str(get)), "rt")
    assert load(path_of(desk)).sources[0].token == SecretRef(kind="command", command=(str(get),))
    assert kept.read_text() == TOKEN + "\n"
    server.rt.users["agent1"].token = "1-28-new"
    await sign_in(desk, Answers("person", "1-28-new", str(put)), "rt", "support")
    assert kept.read_text() == "1-28-new\n"
    server.rt.users["agent1"].token = "1-28-newer"
    with pytest.raises(Refused):
        await sign_in(desk, Answers("program", "stop"), "rt", "support")
    kept.write_text("1-28-newer\n")
    assert "signed in again" in await sign_in(desk, Answers("program"), "rt", "support")


async def test_a_program_that_prints_something_else_is_not_written_down(desk: Desk, server: Server) -> None:
    person = Answers(server.url, TOKEN, "support", "command", "", "echo nothing", "command", "", "'", "stop")
    with pytest.raises(Refused):
        await sign_in(desk, person, "rt")
    assert any("prints something else" in line for line in person.told)
    assert any("cannot be read as a program" in line for line in person.told)
    assert anything_written(desk) == []


async def test_a_variable_is_set_by_the_person(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Answers(server.url, TOKEN, "support", "env", "1st", "env", "")
    await sign_in(desk, person, "rt")
    assert load(path_of(desk)).sources[0].token == SecretRef(kind="env", value="AGENTDESK_RT_SUPPORT")
    assert any("read -rs AGENTDESK_RT_SUPPORT" in line for line in person.told)


async def test_what_the_server_made_for_us_alone_must_be_kept_somewhere(desk: Desk) -> None:
    """Nobody could type such a token again."""
    from agentdesk.desk.keeping import Keeper

    offered: list[str] = []

    class Looking(Answers):
        async def choose(self, title: str, choices: object) -> str:
            offered.extend(value for value, _ in choices)  # type: ignore[attr-defined]
            return "stop"

    with pytest.raises(Refused):
        await Keeper(Looking(), "mastodon:acme", known=False).keep(Secret("made-for-us"))
    assert offered == ["file", "command", "stop"]
    offered.clear()
    with pytest.raises(Refused):
        await Keeper(Looking(), "mail:acme", fleeting=True).keep(Secret("dies-soon"))
    assert offered == ["command", "prompt", "stop"]


async def test_the_keyring_is_offered_first_where_it_works(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: dict[str, str] = {"agentdesk rt:support": "somebody else's"}

    class Ring:
        def get_password(self, service: str, user: str) -> str | None:
            return held.get(user)

        def set_password(self, service: str, user: str, value: str) -> None:
            held[user] = value

        def delete_password(self, service: str, user: str) -> None:
            del held[user]

    monkeypatch.setattr("agentdesk.secrets._backend", lambda *_: Ring())
    person = Answers(server.url, TOKEN, "support", "keyring")
    await sign_in(desk, person, "rt")
    assert not any("cannot be used" in line for line in person.told)
    assert load(path_of(desk)).sources[0].token == SecretRef(kind="keyring", value="agentdesk rt:support 2")
    assert held == {"agentdesk rt:support": "somebody else's", "agentdesk rt:support 2": TOKEN}
    monkeypatch.setattr(connecting, "save", lambda *_, **__: (_ for _ in ()).throw(SecretError("no")))
    with pytest.raises(SecretError):
        await sign_in(desk, Answers("", server.url, OTHER, "care", "keyring"), "rt")
    assert "agentdesk rt:care" not in held


def test_every_refusal_of_a_token_names_the_command() -> None:
    from agentdesk.connectors.answers import Answer, failure

    answer = Answer(status=401, headers={}, body=b"{}", url="https://desk.example")
    error = failure(answer, name="zammad:care", host="desk.example", safe=True, now=0)
    assert isinstance(error, AuthError)
    assert "agentdesk login zammad care" in error.remedy
