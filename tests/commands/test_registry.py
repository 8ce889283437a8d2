"""The registry: one grammar, typed arguments, questions for what is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.commands.context import Choice, Context, Level
from agentdesk.commands.registry import Registry, Rest, quote, split, usable, verb
from agentdesk.errors import UsageError


class Way(StrEnum):
    ANSWERED = "answered"
    SPAM = "spam"


@verb("claim", title="Claim", contexts=("queue",), scope="many")
async def claim(ctx: Context, steal: bool = False) -> str:
    """Say that you are on it."""
    return f"claimed {len(ctx.many)} steal={steal}"


@verb("snooze", title="Snooze", contexts=("queue",), scope="one")
async def snooze(ctx: Context, until: str, count: int = 1) -> str:
    """Put aside."""
    return f"{ctx.one} until {until} x{count}"


@verb("finish", title="Finish", scope="many", danger="bulk")
async def finish(ctx: Context, how: Way, code: Literal["thanks", "no-question"] | None = None) -> str:
    """Done with it."""
    return f"{how!r} {code}"


@verb("remark", title="Remark")
async def remark(ctx: Context, text: Rest, weight: float = 1.0) -> str:
    """Write a remark."""
    return f"{text}|{weight}"


@verb("wipe", title="Wipe", danger="careful")
async def wipe(ctx: Context) -> str:
    """Remove everything."""
    return "wiped"


class Person:
    """Answers what the test wants."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def _next(self, title: str) -> Any:
        self.asked.append(title)
        return self.answers.pop(0)

    async def ask(self, title: str, *, default: str = "", hint: str = "",
                  check: Callable[[str], str] | None = None,
                  complete: Callable[[str], Sequence[str]] | None = None) -> str | None:
        answer = self._next(title)
        if check is not None and answer is not None:
            self.asked.append(check(answer))
        return answer

    async def choose(self, title: str, choices: Sequence[Choice]) -> str | None:
        return self._next(title + " " + ",".join(c.value for c in choices))

    async def confirm(self, title: str, detail: str = "") -> bool:
        return bool(self._next(title))

    def tell(self, level: Level, text: str, remedy: str = "") -> None:
        raise AssertionError(text)

    async def show(self, screen: str, **args: object) -> None:
        raise AssertionError(screen)

    def write_below(self, conversation_id: int, text: str) -> bool:
        return False

    async def copy(self, text: str) -> str:
        raise AssertionError(text)


REGISTRY = Registry.of([sys.modules[__name__]])


def context(*ids: int, person: Person | None = None) -> Context:
    return Context(desk=None, front=person or Person(), selection=ids)  # type: ignore[arg-type]


def test_verbs_are_found_in_the_order_they_are_written() -> None:
    assert [v.name for v in REGISTRY] == ["claim", "snooze", "finish", "remark", "wipe"]
    assert REGISTRY["snooze"].usage == "snooze until [count]"


def test_two_verbs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="claim"):
        Registry([REGISTRY["claim"], REGISTRY["claim"]])


def test_a_parameter_that_no_word_can_fill_is_refused() -> None:
    module = type(sys)("made")

    @verb("odd", title="Odd")
    async def odd(ctx: Context, many: list[str]) -> None:
        """Odd."""

    odd.__module__ = "made"
    module.odd = odd  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="odd"):
        Registry.of([module])


@pytest.mark.parametrize(("line", "answer"), [
    ("claim", "claimed 1 steal=False"),
    ("claim yes", "claimed 1 steal=True"),
    ("claim steal=on", "claimed 1 steal=True"),
    ("snooze 2h", "7 until 2h x1"),
    ('snooze "tomorrow 9" 3', "7 until tomorrow 9 x3"),
    ("snooze count=2 until='mon 14:30'", "7 until mon 14:30 x2"),
    ("finish spam", "<Way.SPAM: 'spam'> None"),
    ("finish answered code=thanks", "<Way.ANSWERED: 'answered'> thanks"),
    ('remark he said "call me" at a=b', 'he said "call me" at a=b|1.0'),
    ('remark "one thing"', '"one thing"|1.0'),
    ("remark weight=2.5 so be it", "so be it|2.5"),
])
async def test_calls_run_with_typed_arguments(line: str, answer: str) -> None:
    assert await REGISTRY.run(context(7), line) == answer


@pytest.mark.parametrize(("line", "says"), [
    ("", "Nothing was typed"),
    ("clam", "Nearest: claim"),
    ("snooze 2h x", "whole number"),
    ("snooze 2h +-5", "whole number"),
    ("snooze 2h 3 4", "left over: 4"),
    ("snooze until=2h until=3h", "given twice"),
    ("claim maybe", "yes or no"),
    ("finish spma", "Nearest: spam"),
    ('snooze "2h', "A quote is open"),
])
async def test_calls_that_cannot_be_read_say_why(line: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        await REGISTRY.run(context(7), line)
    assert says in str(caught.value)


async def test_scope_one_refuses_several_and_none() -> None:
    with pytest.raises(UsageError, match="one conversation at a time"):
        await REGISTRY.run(context(1, 2), "snooze 2h")
    with pytest.raises(UsageError, match="No conversation"):
        await REGISTRY.run(context(), "claim")
    assert await REGISTRY.run(context(1, 2), "claim") == "claimed 2 steal=False"


async def test_missing_arguments_are_asked_for() -> None:
    person = Person("2h")
    assert await REGISTRY.run(context(7, person=person), "snooze") == "7 until 2h x1"
    assert person.asked == ["Snooze: until", ""]
    person = Person("spam")
    assert await REGISTRY.run(context(7, person=person), "finish") == "<Way.SPAM: 'spam'> None"
    assert person.asked == ["Finish: how answered,spam"]
    assert await REGISTRY.run(context(7, person=Person(None)), "snooze") is None


async def test_dangerous_calls_are_confirmed_and_no_means_no() -> None:
    person = Person(False)
    assert await REGISTRY.run(context(person=person), "wipe") is None
    assert person.asked == ["Wipe?"]
    assert await REGISTRY.run(context(person=Person(True)), "wipe") == "wiped"
    person = Person(False)
    assert await REGISTRY.run(context(1, 2, person=person), "finish spam") is None
    assert person.asked == ["Finish: 2 conversations?"]
    assert await REGISTRY.run(context(1, person=Person()), "finish spam") is not None


@pytest.mark.parametrize(("line", "offers"), [
    ("cl", ["claim"]),
    ("", ["claim", "snooze", "finish", "remark", "wipe"]),
    ("nish", ["finish"]),
    ("finish ", ["finish answered", "finish spam", "finish how=", "finish code="]),
    ("finish s", ["finish spam"]),
    ("finish spam code=t", ["finish spam code=thanks"]),
    ("nothing here", []),
])
def test_completion(line: str, offers: list[str]) -> None:
    assert REGISTRY.complete(line) == offers


def test_completion_keeps_to_the_context() -> None:
    assert "claim" not in REGISTRY.complete("", "composer")
    assert usable(REGISTRY["wipe"], "composer")


@given(st.lists(st.text(min_size=1).filter(lambda s: "\\" not in s)))
def test_quoted_words_come_back_as_they_were(words: list[str]) -> None:
    assert [word for word, _, _ in split(" ".join(map(quote, words)))] == words


def test_the_catalogue_is_plain_data() -> None:
    entry = next(one for one in REGISTRY.catalogue() if one["name"] == "finish")
    assert entry["arguments"][0] == {"name": "how", "kind": "choice", "required": True,
                                     "choices": ["answered", "spam"]}
