"""Values are put into lists and taken out again; nothing else of the file changes."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.config.lists import add_item, drop_item
from agentdesk.config.yaml import Path_, parse
from agentdesk.errors import Refused

PATH: Path_ = ("sources", 0, "listen", 1, "exclude")
HEAD = """\
# ours
version: 1
sources:  # all of them
  - kind: mastodon
    name: acme
    url: https://social.example
    listen:
      - name: other
        words: [emca]   # backwards
"""
TAIL = """\
    visibility: public   # stays

  - kind: file   # the second
    name: x
    path: y
"""
WRITTEN = {
    "missing": "      - name: us\n        words: [acme]\n        # below\n",
    "blank": "      - name: us\n        exclude:   # nothing yet\n        words: [acme]\n",
    "empty": "      - name: us\n        exclude: []   # nothing yet\n",
    "flow": "      - name: us\n        exclude: [one, \"two three\"]   # some\n",
    "comma": "      - name: us\n        exclude: [one, two,]\n",
    "block": "      - name: us\n        exclude:\n          - one   # first\n          # second\n          - two\n"
             "          # behind\n        words: [acme]\n",
    "flush": "      - name: us\n        exclude:\n        - one\n        - two   # last\n        words: [acme]\n",
    "lines": "      - name: us\n        exclude: [one,  # first\n          two  # second\n        ]  # end\n",
    "braces": "      - {name: us, words: [acme]}   # short\n",
    "braces with one": "      - {name: us, exclude: [one], words: [acme]}\n",
}


def exclusions(text: str) -> list[object]:
    entry = parse(text, "x").plain["sources"][0]["listen"][1]
    return entry.get("exclude") or []


@pytest.mark.parametrize("how", WRITTEN)
def test_one_value_more_and_nothing_else(how: str) -> None:
    text = HEAD + WRITTEN[how] + TAIL
    fresh = add_item(text, PATH, "acme of, perfection")
    assert exclusions(fresh) == [*exclusions(text), "acme of, perfection"]
    changed = [line for line in difflib.ndiff(text.splitlines(), fresh.splitlines()) if line[0] in "+-"]
    assert len(changed) <= 2
    for comment in ("# ours", "# all of them", "# backwards", "# stays", "# the second"):
        assert comment in fresh
    assert fresh.count("#") == text.count("#")
    assert add_item(fresh, PATH, "acme of, perfection") == fresh
    assert exclusions(add_item(fresh, PATH, "@jane@social.example"))[-1] == "@jane@social.example"


@pytest.mark.parametrize("how", [how for how in WRITTEN if how != "lines"])
def test_taken_out_again(how: str) -> None:
    text = HEAD + WRITTEN[how] + TAIL
    back = drop_item(add_item(text, PATH, "acme of"), PATH, "acme of")
    assert exclusions(back) == exclusions(text)
    assert back.count("#") == text.count("#")
    assert drop_item(back, PATH, "acme of") == back


def test_the_last_one_of_a_block() -> None:
    text = HEAD + "      - name: us\n        exclude:   # all\n          - one\n" + TAIL
    assert exclusions(drop_item(text, PATH, "one")) == []
    assert exclusions(add_item(drop_item(text, PATH, "one"), PATH, "two")) == ["two"]


def test_what_cannot_be_changed_safely_is_left() -> None:
    for how in ("      - name: us\n        exclude: one\n", "      - name: us\n        exclude: {one: 1}\n"):
        with pytest.raises(Refused):
            add_item(HEAD + how + TAIL, PATH, "two")
    with pytest.raises(Refused):
        add_item(HEAD, PATH, "two")
    with pytest.raises(Refused):
        drop_item(HEAD + WRITTEN["lines"] + TAIL, PATH, "one")


@given(st.lists(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12), max_size=4),
       st.sampled_from(list(WRITTEN)), st.booleans())
def test_any_words(words: list[str], how: str, windows: bool) -> None:
    text = HEAD + WRITTEN[how] + TAIL
    text = text.replace("\n", "\r\n") if windows else text
    expected = exclusions(text)
    for word in words:
        text = add_item(text, PATH, word)
        expected = expected if word in expected else [*expected, word]
    assert exclusions(text) == expected
    assert text.count("\r\n") in (0, text.count("\n"))
