"""The defaults: a configuration with nothing in it is complete."""

from __future__ import annotations

import inspect
import re

import msgspec
import pytest

from agentdesk.config import schema
from agentdesk.config.jsonschema import describe
from agentdesk.config.schema import Config
from agentdesk.config.section import Section
from agentdesk.config.sources import SOURCE_KINDS, SecretRef
from agentdesk.model.clock import DAY, HOUR, SECOND
from agentdesk.rules.query import parse
from tests.config.loading import loaded


def test_nothing_at_all_is_a_configuration() -> None:
    assert loaded("", {"USER": "ann"}) == msgspec.structs.replace(Config(), agent=schema.AgentConfig(name="ann"))
    assert Config().sources == ()


def test_the_default_targets() -> None:
    heard, policy = Config().policies
    assert (heard.when, heard.first, heard.next) == ("indirect", DAY, 12 * HOUR)
    assert (heard.resolution, heard.expectation) == (None, None)
    assert (policy.first, policy.next, policy.resolution, policy.expectation) == (6 * HOUR, 6 * HOUR, 3 * DAY, HOUR)
    assert (policy.when, policy.calendar) == ("", "24x7")
    assert Config().replies.hold == 5 * SECOND


def test_the_default_views_stand_on_the_nine_keys_and_can_be_read() -> None:
    views = Config().views
    assert [view.key for view in views] == list("123456789")
    names = ["all", "mine", "late", "praise", "waiting", "snoozed", "unsent", "review", "done"]
    assert [view.name for view in views] == names
    for view in views:
        assert parse(view.query).names("state")


@pytest.mark.parametrize("kind", SOURCE_KINDS)
def test_every_source_says_its_kind(kind: str) -> None:
    it = SOURCE_KINDS[kind]
    assert it.kind == kind
    assert it.__struct_config__.tag == kind
    needed = {field.name: "x" for field in msgspec.structs.fields(it) if field.required}
    assert it(**{**needed, "name": "a"}).full_name == f"{kind}:a"


def test_nothing_can_be_changed_afterwards() -> None:
    config = Config()
    with pytest.raises(AttributeError):
        config.version = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        config.ui.theme = "x"  # type: ignore[misc]


def test_defaults_are_not_shared() -> None:
    assert Config().codes.spam is not schema.SPAM
    assert schema.CodesConfig().spam is not schema.CodesConfig().spam


def test_every_field_is_described_in_a_sentence() -> None:
    for struct in vars(schema).values():
        if inspect.isclass(struct) and issubclass(struct, Section) and struct not in (Section, SecretRef):
            for name in struct.__struct_fields__:
                words = describe(struct, name)
                assert re.fullmatch(r"[A-Z$].*[.]", words, re.DOTALL), f"{struct.__name__}.{name}: {words!r}"
                assert "!" not in words.replace("!=", "")
