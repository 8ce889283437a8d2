"""The configuration of the last start is taken only when all that it was made of is the same."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from agentdesk.config import compiled
from agentdesk.config.load import load
from agentdesk.config.schema import Config
from agentdesk.paths import make_private

EXAMPLE = Path(__file__).resolve().parents[2] / "config.example.yaml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("version: 1\nagent: {name: ann}\n")
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return make_private(tmp_path / "data") / "config.compiled"


def test_what_was_kept_comes_back_whole(tmp_path: Path, place: Path) -> None:
    for config in (Config(), load(EXAMPLE, {}, {})):
        assert compiled.keep(place, b"made of this", config)
        assert compiled.recall(place, b"made of this") == config
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_anything_else_in_it_makes_another_one(config: Path) -> None:
    before = compiled.inputs(config, {"USER": "ann"}, {})
    assert before == compiled.inputs(config, {"USER": "ann", "OTHER": "x"}, {})
    others = [compiled.inputs(config, {"USER": "bob"}, {}),
              compiled.inputs(config, {"USER": "ann", "AGENTDESK_AGENT": "x"}, {}),
              compiled.inputs(config, {"USER": "ann"}, {"agent.name": "x"}),
              compiled.inputs(config.with_name("none.yaml"), {"USER": "ann"}, {})]
    config.write_text(config.read_text() + "# one word more\n")
    others.append(compiled.inputs(config, {"USER": "ann"}, {}))
    assert len({before, *others}) == 6


def test_only_the_same_inputs_bring_it_back(place: Path) -> None:
    compiled.keep(place, b"inputs", Config())
    assert compiled.recall(place, b"input") is None
    assert compiled.recall(place, b"inputs and more") is None
    assert compiled.recall(place.with_name("none"), b"inputs") is None


@pytest.mark.parametrize("spoil", [b"", b"\xc1", b"\x80" * 40, b"\x90"])
def test_a_damaged_one_is_no_configuration(place: Path, spoil: bytes) -> None:
    compiled.keep(place, b"inputs", Config())
    head = len(b"inputs").to_bytes(8, "big") + b"inputs"
    place.write_bytes(head + spoil)
    assert compiled.recall(place, b"inputs") is None


def test_one_that_others_may_have_written_is_not_taken(place: Path) -> None:
    compiled.keep(place, b"inputs", Config())
    place.chmod(0o622)
    assert compiled.recall(place, b"inputs") is None


def test_a_file_that_anybody_can_write_is_read_in_full_and_refused_there(config: Path) -> None:
    config.chmod(0o666)
    assert compiled.inputs(config, {}, {}) is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert not compiled.keep(blocked / "config.compiled", b"inputs", Config())


def test_a_kept_one_says_what_msgpack_says(place: Path) -> None:
    compiled.keep(place, b"i", Config())
    assert msgspec.msgpack.decode(place.read_bytes()[9:], type=Config) == Config()
