"""Kinds that other packages bring: treated like built-in ones, loaded by name only, and never a crash."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentdesk.config import compiled, plugins
from agentdesk.config.edit import append_source
from agentdesk.config.jsonschema import json_schema
from agentdesk.config.load import load
from agentdesk.config.schema import Config
from agentdesk.connectors import registry
from agentdesk.errors import ConfigError
from agentdesk.model.clock import ManualClock
from tests.connectors.packages import GOOD, installed

ECHO = """\
version: 1
sources:
  - kind: echo
    name: wall   # the northern one
    url: https://wall.example
    loudness: 7
    rooms: [hall]
  - kind: file
    name: archive
    path: posts
"""


def read(folder: Path, text: str = ECHO) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, {"USER": "ann"})


@pytest.fixture
def site(tmp_path: Path) -> Path:
    found = tmp_path / "site"
    found.mkdir()
    return found


@pytest.fixture
def echo(site: Path) -> Iterator[None]:
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", GOOD)):
        yield


@pytest.mark.usefixtures("echo")
def test_its_block_is_read_and_its_connector_made(tmp_path: Path, clock: ManualClock) -> None:
    wall = read(tmp_path).sources[0]
    assert (wall.full_name, wall.loudness, wall.rooms) == ("echo:wall", 7, ("hall",))  # type: ignore[union-attr]
    made = registry.create(wall, clock=clock)
    assert (made.name, made.caps.letter) == ("echo:wall", "E")
    assert plugins.package_of("echo") == "desk-echo 1.2"
    assert plugins.package_of("rt") == ""
    assert registry.kinds()[-1] == "echo"
    assert not registry.needs_token("echo")
    assert registry.home("echo").sign_in


@pytest.mark.usefixtures("echo")
def test_mistakes_in_its_block_are_told_like_all_others(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, ECHO.replace("loudness: 7", "loudnes: 11").replace("    url: https://wall.example\n", "")
             + "  - {kind: ecko, name: x}\n")
    assert caught.value.problems == (
        "config.yaml:3: sources[0].url: is missing",
        'config.yaml:5: sources[0].loudnes: unknown key; did you mean "loudness"?',
        'config.yaml:10: sources[2].kind: no connector "ecko"; did you mean "echo"?')


@pytest.mark.usefixtures("echo")
def test_its_settings_join_the_schema_with_their_descriptions() -> None:
    settings = plugins.settings_of("echo")
    assert settings is not None
    shape = json_schema(others=[settings])
    assert shape["$defs"]["echo"]["properties"]["loudness"] == {
        "type": "integer", "minimum": 1, "maximum": 10, "description": "How loud it is.", "default": 5}
    assert shape["$defs"]["echo"]["properties"]["backfill"]["description"]
    assert {"$ref": "#/$defs/echo"} in shape["properties"]["sources"]["items"]["oneOf"]
    assert "echo" not in json_schema()["$defs"]


@pytest.mark.usefixtures("echo")
def test_a_block_can_be_added_and_the_configuration_is_never_kept_for_the_next_start(tmp_path: Path) -> None:
    text = append_source("version: 1\n", {"kind": "echo", "name": "b", "url": "https://b.example"})
    config = read(tmp_path, text)
    assert config.sources[0].full_name == "echo:b"
    assert not compiled.keep(tmp_path / "kept", b"x", config)


def test_its_code_is_loaded_only_when_it_is_named(site: Path, tmp_path: Path) -> None:
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", GOOD)):
        read(tmp_path, ECHO.replace("kind: echo", "kind: rt").partition("    loudness")[0] + "    token: {env: T}\n")
        assert [offer.kind for offer in plugins.offers()] == ["echo"]
        assert "echo" in registry.kinds()
        with pytest.raises(ConfigError):
            read(tmp_path, ECHO.replace("kind: echo", "kind: nonesuch"))
        assert "echo_source" not in sys.modules
        read(tmp_path)
        assert "echo_source" in sys.modules


BROKEN = {
    "no module": ("", "cannot be loaded", "No module named 'echo_source'"),
    "an error": ("raise RuntimeError('no luck')", "cannot be loaded", "RuntimeError: no luck"),
    "an exit": ("import sys; sys.exit(3)", "cannot be loaded", "SystemExit: 3"),
    "a wrong word": ("def", "cannot be loaded", "SyntaxError"),
    "no connect": (GOOD.replace("def connect", "def konnect"), "cannot be used", "no function connect"),
    "no settings": (GOOD.replace("class Settings", "class Others"), "cannot be used", "no struct made from"),
    "another kind": (GOOD.replace('"echo"', '"ekko"'), "cannot be used", 'tag="echo"'),
    "strange fields": (GOOD.replace("rooms: tuple[Line, ...] = ()", "rooms: set[str] = set()"), "cannot be used",
                       "a configuration cannot hold: rooms"),
    "unknown types": ("from __future__ import annotations\n" + GOOD.replace("loudness: Annotated[int, Between(1, 10)]",
                      "loudness: Volume"), "cannot be used", "Volume"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_package_that_cannot_be_used_concerns_its_own_source_alone(
    how: str, site: Path, tmp_path: Path, clock: ManualClock
) -> None:
    code, title, cause = BROKEN[how]
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", code)):
        config = read(tmp_path)
        assert [source.full_name for source in config.sources] == ["echo:wall", "file:archive"]
        with pytest.raises(ConfigError, match=f"The connector echo of desk-echo 1.2 {title}") as caught:
            registry.create(config.sources[0], clock=clock)
        assert cause in caught.value.cause
        assert caught.value.remedy
        assert registry.create(config.sources[1], clock=clock).name == "file:archive"


@pytest.mark.parametrize(("code", "cause"), [
    (GOOD.replace("return Echo(config)", "return 7"), "lacks verify"),
    (GOOD.replace("return Echo(config)", "raise KeyError('x')"), "desk-echo 1.2 failed: KeyError: 'x'"),
    (GOOD.replace("config.full_name", "'other'"), "lacks the name echo:wall"),
    (GOOD.replace('Caps(letter="E", can_reply=False)', "None"), "lacks caps"),
])
def test_a_connector_of_the_wrong_shape_is_told_in_words(code: str, cause: str, site: Path, tmp_path: Path,
                                                         clock: ManualClock) -> None:
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", code)):
        config = read(tmp_path)
        with pytest.raises(ConfigError, match="echo:wall cannot be connected") as caught:
            registry.create(config.sources[0], clock=clock)
        assert cause in caught.value.cause


def test_a_secret_in_a_block_that_cannot_be_read_is_found_all_the_same(site: Path, tmp_path: Path) -> None:
    with installed(site, ("desk-echo", "1.2", "echo = echo_source", "")), pytest.raises(ConfigError) as caught:
        read(tmp_path, ECHO.replace("loudness: 7", "api_key: hunter2"))
    assert "a secret may not stand in this file" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_built_in_kind_wins_and_two_packages_with_one_kind_do_not(site: Path, tmp_path: Path,
                                                                    clock: ManualClock) -> None:
    with installed(site, ("desk-rt", "9", "rt = rt_source", "raise RuntimeError"),
                   ("desk-echo", "1.2", "echo = echo_source", GOOD), ("other-echo", "3", "echo = echo_source", GOOD)):
        assert [offer.package for offer in plugins.clashes()] == ["desk-rt 9"]
        assert plugins.find("rt") is None
        assert plugins.package_of("rt") == ""
        config = read(tmp_path)
        with pytest.raises(ConfigError, match="Two packages bring the kind echo") as caught:
            registry.create(config.sources[0], clock=clock)
        assert caught.value.cause == "desk-echo 1.2 and other-echo 3"


def test_an_object_may_bring_it_too(site: Path, tmp_path: Path, clock: ManualClock) -> None:
    code = GOOD + "\n\nclass Brought:\n    Settings = Settings\n    connect = staticmethod(connect)\n"
    with installed(site, ("desk-echo", "1.2", "echo = echo_source:Brought", code)):
        assert registry.create(read(tmp_path).sources[0], clock=clock).name == "echo:wall"


def test_nobody_brings_it(clock: ManualClock) -> None:
    with pytest.raises(ConfigError, match="There is no kind of source called nonesuch") as caught:
        registry.settings("nonesuch")
    assert "Known: mastodon" in caught.value.cause
    assert "demo" not in caught.value.cause
    with pytest.raises(ConfigError):
        registry.home("nonesuch")


def test_the_kinds_that_a_configuration_names() -> None:
    plain = {"sources": [{"kind": "rt"}, {"kind": "echo"}, {"kind": "echo"}, {"kind": 7}, "x"]}
    assert plugins.named(plain) == ("echo",)
    for nothing in (None, [], {}, {"sources": None}, {"sources": {}}):
        assert plugins.named(nothing) == ()
