"""Single values: what each kind of value refuses, word for word."""

from __future__ import annotations

import pytest

from agentdesk.config.sources import FileSource, RtSource
from agentdesk.config.values import quote
from agentdesk.errors import ConfigError
from agentdesk.model.clock import DAY, HOUR
from tests.config.loading import BASE, loaded, mistakes

NO_LENGTH = "not a length of time; write it like 6h, 90m, 5s or 1d 12h"
NO_UNIT = "a length of time needs a unit; write it like 6h, 90m, 5s or 1d 12h"
NO_ADDRESS = "not an address; write it like https://desk.example"
NOT_IN_ADDRESS = "an address here holds no user, password, query or fragment; secrets go under token"
NO_HTTP = "http is not protected; only https is allowed, except towards this machine"

BAD = [
    ("version: 2", "version: only 1 is known to this agentdesk"),
    ("version: '1'", "version: a whole number is needed, without quotes"),
    ("version: 1.0", "version: a whole number is needed"),
    ("version: true", "version: a whole number is needed"),
    ('agent: {name: "a\\e[2Jb"}', "agent.name: holds a control or invisible character"),
    ('agent: {name: "a\\u202eb"}', "agent.name: holds a control or invisible character"),
    ('agent: {name: "a\\tb"}', "agent.name: holds a control or invisible character"),
    ('agent: {name: "a\\nb"}', "agent.name: holds a line break"),
    (f"agent: {{name: {'x' * 61}}}", "agent.name: longer than 60 characters"),
    ("agent: {zone: Berlin}", 'agent.zone: no such time zone; did you mean "Europe/Berlin"?'),
    ("ui: {theme: ''}", "ui.theme: needs a value"),
    ("ui: {theme: null}", "ui.theme: needs a value"),
    ("ui: {ascii: yes}", "ui.ascii: true or false is needed"),
    ("ui: {ascii: 1}", "ui.ascii: true or false is needed"),
    ("ui: {ascii: 'true'}", "ui.ascii: true or false is needed"),
    ("ui: {colours: many}", 'ui.colours: "many" is not one of auto, truecolor, 16, none'),
    ("ui: {colours: truecolour}",
     'ui.colours: "truecolour" is not one of auto, truecolor, 16, none; did you mean "truecolor"?'),
    ("ui: {wide: 1.5}", "ui.wide: a whole number is needed"),
    ("ui: {wide: 20000}", "ui.wide: must be from 60 to 1000"),
    ("ui: {idle_lock: 15}", f"ui.idle_lock: {NO_UNIT}"),
    ("ui: {idle_lock: soon}", f"ui.idle_lock: {NO_LENGTH}"),
    ("ui: {idle_lock: 2d}", "ui.idle_lock: must be at most 1d"),
    ("replies: {hold: 6m}", "replies.hold: must be at most 5m"),
    ("replies: {repeat_limit: 0}", "replies.repeat_limit: must be from 1 to 1000"),
    ("replies: {packs: [~]}", "replies.packs[0]: needs a value"),
    ("policies: [{name: a, first: 6}]", f"policies[0].first: {NO_UNIT}"),
    ("policies: [{name: a, first: 6.5}]", f"policies[0].first: {NO_UNIT}"),
    ("policies: [{name: a, first: 0}]", "policies[0].first: must be at least 1m"),
    ("policies: [{name: a, first: 5s}]", "policies[0].first: must be at least 1m"),
    ("policies: [{name: a, next: 1h 1h}]", "policies[0].next: units go from large to small, each once, like 1d 12h"),
    ("policies: [{name: a b}]", "policies[0].name: may hold letters, digits, dot, dash and underscore"),
    ("views: [{name: a, key: 0}]", "views[0].key: must be a digit from 1 to 9"),
    ("views: [{name: a, key: 10}]", "views[0].key: must be a digit from 1 to 9"),
    ("calendars: [{name: a, holidays: Germany}]",
     "calendars[0].holidays: not a country such as DE, or a region such as DE-BY"),
    ("calendars: [{name: a, closed: [24.12.]}]", "calendars[0].closed[0]: not a day; write it like 2026-12-24"),
    ("calendars: [{name: a, open: [2026-02-30]}]", "calendars[0].open[0]: there is no such day"),
    ("signals: {refund: high}", "signals.refund: a number is needed"),
    ("signals: {refund: .inf}", "signals.refund: a number is needed"),
    ("signals: {refund: 1000}", "signals.refund: must be from -100 to 100"),
    ('privacy: {warn_public: {order: "("}}',
     "privacy.warn_public.order: not a regular expression: missing ), unterminated subpattern"),
    ("codes: {spam: {a b: c}}", "codes.spam.a b: may hold letters, digits, dot, dash and underscore"),
    ("codes: {spam: {a: }}", "codes.spam.a: needs a value"),
    ("keys: {queue: {x: ''}}", "keys.queue.x: needs a value"),
]


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_a_bad_value_is_refused_word_for_word(text: str, problem: str) -> None:
    assert mistakes(text) == [f"config.yaml:1: {problem}"]


SOURCE_BAD = [
    ("name: Support", "name: may hold small letters, digits, dot, dash and underscore"),
    ("letter: RT", "letter: must be one letter or digit"),
    ("timeout: 30", f"timeout: {NO_UNIT}"),
    ("timeout: off", f"timeout: {NO_LENGTH}"),
    ("timeout: 1h", "timeout: must be at most 10m"),
    ("poll: 100ms", "poll: must be at least 1s"),
    ("paused: no", "paused: true or false is needed"),
    ("backfill_items: many", "backfill_items: a whole number is needed"),
    ("backfill_items: -1", "backfill_items: must be from 0 to 100000"),
    ("url: rt.example", f"url: {NO_ADDRESS}"),
    ("url: ftp://rt.example", f"url: {NO_ADDRESS}"),
    ("url: https://", f"url: {NO_ADDRESS}"),
    ("url: https://rt.example:port", f"url: {NO_ADDRESS}"),
    ("url: https://[::1", f"url: {NO_ADDRESS}"),
    ("url: http://rt.example", f"url: {NO_HTTP}"),
    ("url: http://127.0.0.1.evil.example", f"url: {NO_HTTP}"),
    ("url: https://ann:hunter2@rt.example", f"url: {NOT_IN_ADDRESS}"),
    ("url: https://hunter2@rt.example", f"url: {NOT_IN_ADDRESS}"),
    ("url: https://rt.example/?token=hunter2", f"url: {NOT_IN_ADDRESS}"),
    ("url: https://rt.example/#hunter2", f"url: {NOT_IN_ADDRESS}"),
]


@pytest.mark.parametrize(("line", "problem"), SOURCE_BAD)
def test_a_bad_value_of_a_source_is_refused_word_for_word(line: str, problem: str) -> None:
    fields = {"name": "name: a", "url": "url: https://rt.example"} | {line.partition(":")[0]: line}
    text = "sources:\n  - kind: rt\n" + "".join(f"    {field}\n" for field in fields.values())
    at = 3 + list(fields).index(line.partition(":")[0])
    assert mistakes(text) == [f"config.yaml:{at}: sources[0].{problem}"]


def test_good_values_are_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/bo")
    it = loaded(
        "agent: {name: 42, zone: Europe/Berlin}\n"
        "sources:\n"
        "  - {kind: rt, name: a, url: 'http://localhost:8080/rt/', queues: [1042, y, 0600], poll: off, backfill: off}\n"
        '  - {kind: file, name: b, path: ~/posts, out: out.jsonl, delimiter: "\\t", ours: [no]}\n'
        "policies: [{name: a, first: 1d 12h, next: off, soon: never, when: 'late'}]\n"
        "ui: {colours: 16, idle_lock: off, key_hint: 0, bell: true}\n"
        "signals: {refund: 2, calm: -0.5}\n"
        "privacy: {warn_public: {order: 'A\\d+'}}\n"
    )
    assert it.agent.name == "42"
    rt, file = it.sources
    assert isinstance(rt, RtSource)
    assert (rt.url, rt.queues, rt.poll, rt.backfill) == ("http://localhost:8080/rt", ("1042", "y", "0600"), None, 0)
    assert isinstance(file, FileSource)
    assert (file.path, file.out) == ("/home/bo/posts", str(BASE / "out.jsonl"))
    assert (file.delimiter, file.ours) == ("\t", ("no",))
    policy = it.policies[0]
    assert (policy.first, policy.next, policy.soon, policy.resolution) == (36 * HOUR, None, None, 3 * DAY)
    assert (it.ui.colours, it.ui.idle_lock, it.ui.key_hint, it.ui.bell) == ("16", 0, 0, True)
    assert it.signals == {"refund": 2.0, "calm": -0.5}
    assert it.privacy.warn_public == {"order": "A\\d+"}


def test_what_a_refusal_repeats_is_harmless_and_short() -> None:
    assert quote("a\x1b[2J\nb") == '"a␛[2J b"'
    assert len(quote("x" * 500)) == 62


def test_the_address_of_a_feed_may_have_a_query_and_keeps_its_last_slash() -> None:
    text = "sources:\n  - {kind: rss, name: news, feeds: [%s]}"
    for good in ("https://n.example/search?q=acme&hl=en", "https://n.example/feed/"):
        assert loaded(text % good).sources[0].feeds == (good,)  # type: ignore[union-attr]
    for bad in ("https://ann:hunter2@n.example/feed", "https://n.example/feed#top", "http://n.example/feed"):
        with pytest.raises(ConfigError) as caught:
            loaded(text % bad)
        assert "hunter2" not in str(caught.value)
