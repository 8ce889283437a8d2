"""The example is a configuration: it loads, names every key, and tells the truth about defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agentdesk.config import example
from agentdesk.config.edit import append_source
from agentdesk.config.example import example_text, starter_text
from agentdesk.config.jsonschema import example_block
from agentdesk.config.schema import Config
from agentdesk.config.sources import SOURCE_KINDS, USER_KINDS
from agentdesk.config.walk import hints_of
from agentdesk.config.yaml import parse
from agentdesk.rules.query import problem
from tests.config.loading import loaded


@pytest.fixture
def plain() -> dict[str, Any]:
    found = parse(example_text(), "config.example.yaml").plain
    assert isinstance(found, dict)
    return found


def test_it_loads() -> None:
    it = loaded(example_text(), query_problem=problem)
    assert [source.full_name for source in it.sources] == [
        "rt:support", "zammad:helpdesk", "zendesk:acme", "chatwoot:care", "mastodon:acme", "bluesky:acme",
        "mail:post", "rss:news",
        "file:archive"]


def keys_of(plain: dict[str, Any]) -> Iterator[tuple[str, type, dict[str, Any]]]:
    """Each section of the example with the struct that it becomes."""
    yield "", Config, plain
    for name in ("agent", "replies", "files", "ui", "privacy", "codes"):
        yield name, type(getattr(Config(), name)), plain[name]
    for source in plain["sources"]:
        yield source["kind"], SOURCE_KINDS[source["kind"]], source
    for name in ("calendars", "policies", "views"):
        for entry in plain[name]:
            yield name, hints_of_entry(name), entry


def hints_of_entry(name: str) -> type:
    from agentdesk.config import schema

    return {"calendars": schema.CalendarConfig, "policies": schema.PolicyConfig, "views": schema.ViewConfig}[name]


def test_it_names_every_key(plain: dict[str, Any]) -> None:
    seen: dict[type, set[str]] = {}
    for _, struct, section in keys_of(plain):
        seen.setdefault(struct, set()).update(section)
    assert {SOURCE_KINDS[kind] for kind in USER_KINDS} <= set(seen)
    common = {"letter", "token", "ca_file", "timeout", "poll", "backfill", "backfill_items", "paused"}
    for struct, keys in seen.items():
        missing = set(hints_of(struct)) - keys
        if struct in SOURCE_KINDS.values() and struct.__name__ != "RtSource":
            missing -= common
        assert not missing, f"{struct.__name__}: {sorted(missing)} not in config.example.yaml"


def test_it_shows_every_way_to_keep_a_token() -> None:
    for way in ("{keyring: ", "{command: ", "{env: ", "{file: ", "{prompt: true}", "backend: "):
        assert way in example_text()


@pytest.mark.parametrize("section", ["replies", "ui", "codes"])
def test_its_settings_are_the_defaults(section: str) -> None:
    shown = getattr(loaded(example_text(), {"USER": "ann"}), section)
    default = getattr(Config(), section)
    different = {name for name in default.__struct_fields__ if getattr(shown, name) != getattr(default, name)}
    assert different == ({"packs"} if section == "replies" else set())


def test_its_lists_that_say_so_are_the_defaults() -> None:
    it = loaded(example_text())
    assert it.views == Config().views
    assert it.policies[-2:] == Config().policies
    rt = msgspec.to_builtins(it.sources[0])
    for name in ("timeout", "backfill", "backfill_items", "paused", "take_on_reply", "closed_status"):
        default = next(field.default for field in msgspec.structs.fields(SOURCE_KINDS["rt"]) if field.name == name)
        assert rt[name] == default


def test_it_is_found_in_a_checkout_and_in_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    top = Path(example.__file__).parents[2] / "config.example.yaml"
    assert example_text() == top.read_text(encoding="utf-8")
    package = tmp_path / "agentdesk/config"
    package.mkdir(parents=True)
    (package / "config.example.yaml").write_text("version: 1\n")
    monkeypatch.setattr(example, "__file__", str(package / "example.py"))
    assert example_text() == "version: 1\n"


def test_the_starter_changes_nothing_until_a_line_is_uncommented() -> None:
    starter = starter_text()
    assert loaded(starter, {"USER": "ann"}) == loaded("", {"USER": "ann"})
    assert list(parse(starter, "x").plain) == list(parse(example_text(), "x").plain)
    again = re.sub(r"^( +)# (?=[a-z\"-])", r"\1", starter, flags=re.MULTILINE)
    assert parse(again, "x").plain == parse(example_text(), "x").plain
    with_theme = starter.replace("  # theme: dark", "  theme: light")
    assert loaded(with_theme).ui.theme == "light"


def test_the_starter_takes_a_source() -> None:
    text = append_source(starter_text(), {"kind": "file", "name": "a", "path": "x"})
    assert [source.full_name for source in loaded(text).sources] == ["file:a"]


def test_it_fits_a_terminal_and_holds_no_secret() -> None:
    assert max(map(len, example_text().splitlines())) <= 120
    assert "hunter" not in example_text()


REQUIRED = {"name": "acme", "url": "https://desk.example", "account": "1", "handle": "acme.example",
            "address": "a@acme.example", "imap": "imap.acme.example", "smtp": "smtp.acme.example", "path": "posts",
            "feeds": "[https://news.example/feed.xml]"}


@pytest.mark.parametrize("kind", USER_KINDS)
def test_the_block_of_a_kind_can_be_filled_in_and_uncommented(kind: str) -> None:
    block = example_block(SOURCE_KINDS[kind])
    filled = re.sub(r"^    (\w+):", lambda it: f"    {it[1]}: {REQUIRED[it[1]]}", block, flags=re.MULTILINE)
    for text in (filled, re.sub(r"^    # ", "    ", filled, flags=re.MULTILINE)):
        (source,) = loaded("version: 1\n" + text, query_problem=problem).sources
        assert source.kind == kind
