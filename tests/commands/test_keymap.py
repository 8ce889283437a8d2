"""Keys: the shipped map, the user's over it, chords and counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.commands.keymap import BAR, DEFAULT, PARENTS, TEXT, Chords, Keymap, stroke


def feed(chords: Chords, context: str, keys: str) -> list[str]:
    """What each stroke came to: a call with its count, or the outcome's kind."""
    said = []
    for key in keys.split():
        out = chords.feed(context, key)
        said.append(f"{out.count or ''}{out.binding.call}" if out.binding else out.kind)
    return said


def test_the_shipped_map_has_no_problem() -> None:
    assert Keymap.build().problems == ()
    assert set(DEFAULT) <= {*PARENTS, "global"}


@pytest.mark.parametrize("context", sorted({*PARENTS, "global"}))
def test_key_bars_name_only_verbs_with_keys(context: str) -> None:
    keymap = Keymap.build()
    for name in BAR.get(context, ()):
        assert keymap.key_of(context, name), f"{context}: {name} has no key"


@pytest.mark.parametrize(("text", "normal"), [
    ("r", "r"), ("G", "G"), ("question_mark", "?"), ("full_stop", "."), ("ctrl+L", "ctrl+l"), ("pgdn", "pagedown"),
    ("shift+tab", "shift+tab"), ("+", "+"), ("alt+p", "alt+p"), ("esc", "escape"),
])
def test_strokes_have_one_form(text: str, normal: str) -> None:
    assert stroke(text) == normal


@pytest.mark.parametrize(("text", "says"), [("shift+g", "write G"), ("meta+x", "ctrl"), ("g-g", "spaces")])
def test_strokes_with_a_better_spelling_say_it(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        stroke(text)


def test_chords_counts_escape_and_backspace() -> None:
    chords = Chords(Keymap.build())
    assert feed(chords, "queue", "g g") == ["pending", "top"]
    assert feed(chords, "queue", "g x j") == ["pending", "unbound", "down"]
    assert feed(chords, "queue", "g escape j") == ["pending", "cancelled", "down"]
    assert feed(chords, "queue", "g backspace j") == ["pending", "cancelled", "down"]
    assert feed(chords, "conversation", "1 2 j j") == ["pending", "pending", "12down", "down"]
    assert feed(chords, "conversation", "1 2 backspace j") == ["pending", "pending", "pending", "1down"]
    assert feed(chords, "conversation", "0") == ["ignored"]


def test_digits_are_views_where_digits_are_bound() -> None:
    assert feed(Chords(Keymap.build()), "queue", "3 j") == ["view 3", "down"]


def test_users_keys_win_and_null_unbinds() -> None:
    keymap = Keymap.build({"queue": {"r": None, "r r": "reply", "r n": "note", "Q": "quit"}, "global": {"q": None}})
    assert keymap.problems == ()
    chords = Chords(keymap)
    assert feed(chords, "queue", "r n r r Q q") == ["pending", "note", "pending", "reply", "quit", "ignored"]
    assert keymap.key_of("queue", "quit") == "Q"


def test_a_users_chord_takes_its_first_key_from_the_shipped_map() -> None:
    keymap = Keymap.build({"queue": {"d d": "done"}})
    assert keymap.problems == ()
    assert feed(Chords(keymap), "queue", "d d") == ["pending", "done"]


def test_a_users_key_hides_shipped_chords_that_begin_with_it() -> None:
    keymap = Keymap.build({"queue": {"g": "top"}})
    assert feed(Chords(keymap), "queue", "g") == ["top"]


@pytest.mark.parametrize(("user", "level", "says"), [
    ({"queue": {"shift+g": "top"}}, "error", "write G"),
    ({"queue": {"ctrl+i": "down"}}, "warning", "it is Tab"),
    ({"composer": {"x": "send"}}, "error", "writes text"),
    ({"nowhere": {"x": "send"}}, "error", "no such context"),
    ({"queue": {"x": "fly away"}}, "error", "no command 'fly away'"),
    ({"queue": {"z": "note", "z z": "reply"}}, "error", "hides behind"),
])
def test_problems_are_named_with_a_remedy(user: dict[str, dict[str, str | None]], level: str, says: str) -> None:
    keymap = Keymap.build(user, known=lambda call: call.split()[0] in {"top", "down", "send", "note", "reply"})
    assert any(p.level == level and says in str(p) for p in keymap.problems), keymap.problems


def test_a_broken_entry_leaves_the_rest_working() -> None:
    keymap = Keymap.build({"queue": {"shift+g": "top", "Q": "quit"}})
    assert keymap.key_of("queue", "quit") == "Q"
    assert keymap.key_of("queue", "bottom") == "G"


@given(keys=st.lists(st.sampled_from(["g", "j", "1", "9", "0", "escape", "backspace", "x", "?", "ctrl+l", "ü"]),
                     max_size=12), context=st.sampled_from(sorted(PARENTS)))
def test_escape_always_lets_go(keys: list[str], context: str) -> None:
    chords = Chords(Keymap.build())
    for key in keys:
        chords.feed(context, key)
    if chords.waiting:
        assert chords.feed(context, "escape").kind == "cancelled"
    assert not chords.waiting


@pytest.mark.parametrize("context", sorted(TEXT))
def test_text_contexts_bind_no_letters(context: str) -> None:
    assert all(len(b.keys[0]) > 1 for b in Keymap.build().bindings(context))
