"""The filter language: what it reads, how it prints, what it refuses and what it matches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import UsageError
from agentdesk.model.clock import DAY, HOUR, MINUTE
from agentdesk.rules import terms
from agentdesk.rules.match import Subject
from agentdesk.rules.query import Query, matches, parse
from agentdesk.rules.terms import And, Compare, Flag, Is, Node, Not, Or, Phrase, Word

NOW = 1_767_225_600_000


@pytest.mark.parametrize(
    ("text", "root"),
    [
        ("", And(())),
        ("   ", And(())),
        ("refund", Word("refund")),
        ('"lost parcel"', Phrase("lost parcel")),
        ('"late"', Phrase("late")),
        ("late", Flag("late")),
        ("LATE", Flag("late")),
        ("is:late", Flag("late")),
        ("has:draft", Flag("draft")),
        ("praise", Is("severity", ("praise",))),
        ("unread", Compare("unread", ">", 0)),
        ("unassigned", Is("assignee", ("none",))),
        ("claimed", Not(Is("claim", ("none",)))),
        ("-claimed", Is("claim", ("none",))),
        ("state:open", Is("state", ("open",))),
        ("state:any", Is("state", ("open", "waiting", "snoozed", "done"))),
        ("state:open,done", Is("state", ("open", "done"))),
        ('tag:"very angry",x', Is("tag", ("very angry", "x"))),
        ('tag:"a,b"', Is("tag", ("a,b",))),
        ("queue:Support", Is("queue", ("Support",))),
        ("followers>10k", Compare("followers", ">", 10_000)),
        ("followers:5", Compare("followers", "=", 5)),
        ("age>2h", Compare("age", ">", 2 * HOUR)),
        ("left<=90m", Compare("left", "<=", 90 * MINUTE)),
        ("wait>=3d", Compare("wait", ">=", 3 * DAY)),
        ("severity>=high", Is("severity", ("high", "critical"))),
        ("severity<normal", Is("severity", ("praise",))),
        ("a b", And((Word("a"), Word("b")))),
        ("a and b", And((Word("a"), Word("b")))),
        ("a or b c", Or((Word("a"), And((Word("b"), Word("c")))))),
        ("(a or b) c", And((Or((Word("a"), Word("b"))), Word("c")))),
        ("a|b", Or((Word("a"), Word("b")))),
        ("-word", Not(Word("word"))),
        ("not word", Not(Word("word"))),
        ("-(a b)", Not(And((Word("a"), Word("b"))))),
        ("--a", Word("a")),
        ("ORacle", Word("ORacle")),
        ("android", Word("android")),
        ("e-mail", Word("e-mail")),
        ("waiting", Word("waiting")),
    ],
)
def test_reads(text: str, root: Node) -> None:
    assert parse(text).root == root


@pytest.mark.parametrize(
    ("text", "place", "help_"),
    [
        ("late sorce:rt", "position 6: «sorce:rt»", "Did you mean «source»"),
        ("state:opne", "position 1", "Did you mean «open»"),
        ("is:lat", "position 1", "Did you mean «late»"),
        ("severity>critical", "position 1", "worst last"),
        ("https://x.example", "position 1", 'put it in quotes: "https://x.example"'),
        ("(a", "position 1: «(»", "closing parenthesis"),
        ("a)", "position 2: «)»", "Take it out"),
        ("a or", "position 5: «the end»", "quotes"),
        ("or a", "position 1: «or»", "quotes"),
        ("a and", "position 3", "both sides"),
        ("and a", "position 1", "both sides"),
        ("()", "position 2", "missing"),
        ("-", "position 1", "Write -word"),
        ("- a", "position 1", "Write -word"),
        ("tag:", "position 1", "value is missing"),
        ("tag:a,,b", "position 1", "value is missing"),
        ("age>2", "position 1", "age>2h"),
        ("age>2h,3h", "position 1", "age>2h"),
        ("followers>many", "position 1", "followers>1000"),
        ("source>rt", "position 1", "Write source:value"),
        ("!!!", "position 1", "no letter or digit"),
        ('"..."', "position 1", "no letter or digit"),
        ('x "open', "position 3", "never closed"),
        ('a"b c"', "position 1", "in quotes"),
        ("(" * 50 + "a" + ")" * 50, "position 31", "fewer parentheses"),
        ("a" * 3_000, "longer than", "shorter"),
    ],
)
def test_refuses_with_place_and_help(text: str, place: str, help_: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert place in caught.value.title
    assert help_ in str(caught.value)


@given(st.text(alphabet='ab-()"|\\:><=, ormntag\n', max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused_and_prints_what_parses_again(text: str) -> None:
    try:
        query = parse(text)
    except UsageError:
        return
    assert parse(str(query)) == query


words = st.from_regex(r"[a-z0-9][a-z0-9_.+*'-]{0,8}", fullmatch=True).filter(
    lambda w: w not in (*terms.FLAGS, *terms.SHORTHANDS, "or", "and", "not")
)
values = st.text(min_size=1, max_size=8).map(str.strip).filter(bool)
leaf = st.one_of(
    words.map(Word),
    st.text(min_size=1, max_size=12).filter(lambda t: any(c.isalnum() and c.isascii() for c in t)).map(Phrase),
    st.sampled_from(terms.FLAGS).map(Flag),
    st.builds(Is, st.sampled_from(terms.TEXTS), st.lists(values, min_size=1, max_size=3, unique=True).map(tuple)),
    st.builds(
        Compare, st.sampled_from(terms.NUMBERS), st.sampled_from([">", ">=", "<", "<=", "="]), st.integers(0, 10**9),
    ),
    st.builds(
        Compare, st.sampled_from(terms.LENGTHS), st.sampled_from([">", "<"]),
        st.integers(0, 10**5).map(lambda n: n * 1_000),
    ),
)
trees = st.recursive(
    leaf,
    lambda below: st.one_of(
        below.map(terms.negate),
        st.lists(below, min_size=2, max_size=4).map(terms.both),
        st.lists(below, min_size=2, max_size=4).map(terms.either),
    ),
    max_leaves=12,
)


@given(trees)
def test_every_tree_prints_as_text_that_parses_to_it(tree: Node) -> None:
    assert parse(str(tree)).root == tree


PARCEL = Subject(
    id=1042, state="open", source="mastodon:acme", channel="M", kinds=("mention", "dm"), severity="high",
    assignee="Ann",
    claim="bo", tags=("VIP", "lost parcel"), incident="depot", lang="de", queue="Support", status="open",
    names=("Jane Doe", "@jane@social.example"), texts=("Where is my Päckchen?", "Third time, can't believe it"),
    followers=12_400, unread=2, burst=3, messages=5, draft=True, created_at=NOW - 3 * HOUR,
    unanswered_since=NOW - 2 * HOUR, due_at=NOW + 10 * MINUTE, soon_at=NOW - MINUTE,
)
QUIET = Subject(id=7, state="waiting", source="rt:support")


@pytest.mark.parametrize(
    "text",
    [
        "", "state:open", "source:mastodon", "source:acme", "source:Mastodon:ACME", "channel:m", "kind:dm",
        "kind:dm,review",
        "severity:high", "severity>=normal", "assignee:ann", "claim:bo", "tag:vip", 'tag:"lost parcel"',
        "incident:depot",
        "lang:DE", "queue:support", "name:jane", "name:social.example", "id:1042", "packchen", "PÄCK", '"third time"',
        "can't", '"where is my"', "followers>10k", "unread", "unread=2", "burst>=3", "messages<6", "draft", "soon",
        "-late",
        "age>2h", "age<4h", "wait=2h", "left<15m", "mine", "claim:me or assignee:me", "-vip", "disposition:none",
        "code:none",
        "(refund or third) -cancel", "-unsent", "-indirect",
    ],
)
def test_matches(text: str) -> None:
    assert matches(parse(text), PARCEL, agent="Ann", now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "state:done", "source:rt", "source:mast", "severity:critical", "assignee:none", "tag:lost", "ack",
        '"third tim"',
        '"time third"', "followers>20k", "late", "age>3h", "left>15m", "vip", "disposition:praise", "-draft", "x or z",
    ],
)
def test_does_not_match(text: str) -> None:
    assert not matches(parse(text), PARCEL, agent="ann", now=NOW)


@pytest.mark.parametrize("text", ["wait>0s", "wait<9d", "left>0s", "followers>0", "followers<5", "age>0s"])
def test_a_missing_value_meets_no_comparison_and_every_negated_one(text: str) -> None:
    assert not matches(parse(text), QUIET, now=NOW)
    assert matches(parse(f"-{text}"), QUIET, now=NOW)


def test_mine_is_nobody_without_an_agent() -> None:
    assert not matches(parse("mine"), QUIET, agent="", now=NOW)
    assert matches(parse("assignee:none claim:none"), QUIET, agent="ann", now=NOW)


def test_late_begins_at_the_due_instant() -> None:
    due = Subject(due_at=NOW, soon_at=NOW - 5)
    assert matches(parse("late -soon"), due, now=NOW)
    assert matches(parse("soon -late"), due, now=NOW - 1)


@given(trees)
def test_a_tree_and_its_opposite_never_agree(tree: Node) -> None:
    for subject in (PARCEL, QUIET):
        here = matches(Query(tree), subject, agent="ann", now=NOW)
        assert here is not matches(Query(Not(tree)), subject, agent="ann", now=NOW)
