"""Every shipped key calls a verb that exists, with arguments that fit."""

from __future__ import annotations

import pytest
from textual import events

from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import BAR, DEFAULT, PARENTS, TEXT, Keymap
from agentdesk.commands.registry import Registry, usable
from agentdesk.ui import verbs
from agentdesk.ui.keys import stroke_of

REGISTRY = Registry.of((*VERB_MODULES, verbs))
CALLS = sorted({(context, keys, call) for context, bound in DEFAULT.items() for keys, call in bound.items()})


@pytest.mark.parametrize(("context", "keys", "call"), CALLS)
def test_every_shipped_key_resolves_to_a_declared_verb(context: str, keys: str, call: str) -> None:
    read = REGISTRY.parse(call)
    REGISTRY.bind(read)
    one = REGISTRY[read.verb]
    where = {context, *(child for child, parents in PARENTS.items() if context in parents)}
    assert any(usable(one, name) for name in where), f"{keys} in {context} calls {one.name}, which says {one.contexts}"


@pytest.mark.parametrize("context", sorted(BAR))
def test_every_word_of_a_key_bar_is_a_verb(context: str) -> None:
    assert [name for _, name in Keymap.build().bar(context) if name not in REGISTRY] == []


def test_verbs_have_titles_and_say_in_one_line_what_they_do() -> None:
    for one in REGISTRY:
        assert one.title, one.name
        assert one.doc.split("\n")[0].endswith("."), one.name
        assert "!" not in one.title + one.doc, one.name
        assert not set("`") & set(one.brief), one.name


@pytest.mark.parametrize(("key", "character", "wanted"), [
    ("j", "j", "j"), ("G", "G", "G"), ("upper_g", None, "G"), ("question_mark", "?", "?"), ("full_stop", ".", "."),
    ("space", " ", "space"), ("enter", "\r", "enter"), ("ctrl+l", "\x0c", "ctrl+l"), ("shift+tab", None, "shift+tab"),
    ("escape", "\x1b", "escape"), ("asterisk", "*", "*"), ("ü", "ü", "ü"), ("ctrl+p", None, "ctrl+p"),
])
def test_presses_become_strokes(key: str, character: str | None, wanted: str) -> None:
    assert stroke_of(events.Key(key, character)) == wanted


def test_text_contexts_leave_letters_alone() -> None:
    for context in TEXT:
        assert all(len(binding.keys[0]) > 1 for binding in Keymap.build().bindings(context))
