"""The shape of the file: sections, lists, sources and secrets, each mistake word for word and all of them at once."""

from __future__ import annotations

import pytest

from agentdesk.config.schema import Hours
from agentdesk.config.sources import USER_KINDS, SecretRef
from agentdesk.config.walk import NOT_HERE
from tests.config.loading import BASE, loaded, mistakes

KINDS = ", ".join(sorted(USER_KINDS))
HOURS = "not opening hours; write them like mon-fri: 08:00-18:00"
BAD = [
    ("agnet: {name: ann}", 'agnet: unknown key; did you mean "agent"?'),
    ("agent: {nmae: ann}", 'agent.nmae: unknown key; did you mean "name"?'),
    ("agent: {Name: ann}", 'agent.Name: unknown key; did you mean "name"?'),
    ("agent: {colour: red}", "agent.colour: unknown key; known here: name, signature, zone"),
    ("<<: {agent: {name: ann}}", "<<: unknown key; known here: version, agent, sources, calendars, policies, views, "
     "replies, files, ui, keys, signals, privacy, commands, codes"),
    ("- agent", "a section with keys is needed, not a list"),
    ("hello", "a section with keys is needed, not a single value"),
    ("agent: ann", "agent: a section with keys is needed, not a single value"),
    ("agent: [ann]", "agent: a section with keys is needed, not a list"),
    ("agent: {name: {first: ann}}", "agent.name: a single value is needed, not a section with keys"),
    ("agent: {name: [ann]}", "agent.name: a single value is needed, not a list"),
    ("agent: {password: hunter2}", f"agent.password: {NOT_HERE}"),
    ("sources: {kind: rt}", "sources: a list is needed, such as […]"),
    ("sources: rt", "sources: a list is needed, such as [one, two]"),
    ("sources: [rt]", "sources[0]: a source with kind and name is needed, not a single value"),
    ("sources: [{name: a}]", f"sources[0].kind: is missing; known kinds: {KINDS}"),
    ("sources: [{kind: , name: a}]", f"sources[0].kind: is missing; known kinds: {KINDS}"),
    ("sources: [{kind: rtt, name: a}]", 'sources[0].kind: no connector "rtt"; did you mean "rt"?'),
    ("sources: [{kind: demo, name: a}]", f'sources[0].kind: no connector "demo"; known: {KINDS}'),
    ("sources: [{kind: rt, name: a}]", "sources[0].url: is missing"),
    ("sources: [{kind: rt, url: https://rt.example}]", "sources[0].name: is missing"),
    ("sources: [{kind: file, name: a, path: }]", "sources[0].path: needs a value"),
    ("sources: [{kind: file, name: a, path: x, columns: [id]}]",
     "sources[0].columns: keys with values are needed, not a list"),
    ("sources: [{kind: file, name: a, path: x, ours: me}]", "sources[0].ours: a list is needed, such as [one, two]"),
    ("policies: [{when: late}]", "policies[0].name: is missing"),
    ("calendars: [{name: a, closed: 2026-12-24}]", "calendars[0].closed: a list is needed, such as [one, two]"),
    ("calendars: [{name: a, hours: 8-18}]", f"calendars[0].hours: {HOURS}"),
    ("calendars: [{name: a, hours: [[1]]}]", f"calendars[0].hours[0]: {HOURS}"),
    ("calendars: [{name: a, hours: [fri: x]}]",
     "calendars[0].hours[0]: not a span of hours; write it like 08:00-18:00"),
    ("calendars: [{name: a, hours: {fri: 08:00-12:00, thu-fri: 11:00-13:00}}]",
     "calendars[0].hours: two spans overlap on fri"),
    ("keys: {queue: x}", "keys.queue: keys with values are needed, not a single value"),
    ("keys: {queue: {x: [a]}}", "keys.queue.x: a single value is needed, not a list"),
    ("signals: [refund]", "signals: keys with values are needed, not a list"),
    ("codes: {spam: [a]}", "codes.spam: keys with values are needed, not a list"),
]


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_a_bad_shape_is_refused_word_for_word(text: str, problem: str) -> None:
    assert mistakes(text) == [f"config.yaml:1: {problem}"]


def test_an_unknown_kind_names_the_nearest_connector() -> None:
    text = "agent:\n  name: ann\nsources:\n  - name: acme\n    kind: mastadon\n"
    assert mistakes(text) == [
        'config.yaml:5: sources[0].kind: no connector "mastadon"; did you mean "mastodon"?'
    ]


ONE_OF = "exactly one of keyring, command, env, file or prompt is needed"
SECRETS_BAD = [
    ("token: hunter2", f"token: {NOT_HERE}"),
    ("token: 'hunter2'", f"token: {NOT_HERE}"),
    ("token: [hunter2]", f"token: {NOT_HERE}"),
    ("token: {value: hunter2}", f"token: {ONE_OF}"),
    ("token: {hunter2: }", f"token: {ONE_OF}"),
    ("token: {env: A, file: hunter2}", f"token: {ONE_OF}"),
    ("token: {}", f"token: {ONE_OF}"),
    ("token: {env: A, backend: hunter2}", f"token: {ONE_OF}"),
    ("token: {env: hunter2-x}", "token.env: not a variable's name: letters, digits, underscore"),
    ("token: {env: [hunter2]}", "token.env: a single value is needed"),
    ("token: {env: }", "token.env: needs a value"),
    ("token: {keyring: ''}", "token.keyring: needs a value"),
    ("token: {keyring: A, backend: hunter2}",
     "token.backend: not a backend's full name such as keyrings.alt.file.Plain…"),
    ("token: {keyring: A, backend: [hunter2]}", "token.backend: needs a name"),
    ("token: {file: }", "token.file: needs a value"),
    ("token: {command: pass show hunter2}",
     "token.command: a list of arguments is needed, such as [pass, show, desk/rt]"),
    ("token: {command: []}", "token.command: a list of arguments is needed, such as [pass, show, desk/rt]"),
    ("token: {command: [pass, [hunter2]]}", "token.command[1]: a single value is needed, not a list"),
    ("token: {prompt: hunter2}", "token.prompt: only true is possible here"),
    ("token: {prompt: false}", "token.prompt: only true is possible here"),
    ("password: hunter2", f"password: {NOT_HERE}, under the key token"),
    ("api_key: hunter2", f"api_key: {NOT_HERE}, under the key token"),
    ("apikey: hunter2", f"apikey: {NOT_HERE}, under the key token"),
    ("access-token: hunter2", f"access-token: {NOT_HERE}, under the key token"),
    ("client_secret: hunter2", f"client_secret: {NOT_HERE}, under the key token"),
    ("Token: hunter2", f"Token: {NOT_HERE}, under the key token"),
]


@pytest.mark.parametrize(("line", "problem"), SECRETS_BAD)
def test_a_secret_in_the_file_is_an_error_that_never_repeats_it(line: str, problem: str) -> None:
    text = f"sources:\n  - kind: rt\n    name: a\n    url: https://rt.example\n    {line}\n"
    found = mistakes(text)
    assert found == [f"config.yaml:5: sources[0].{problem}"]
    assert "hunter2" not in found[0]


@pytest.mark.parametrize("kind", ["nonesuch", ""])
def test_a_secret_is_found_in_a_source_of_no_known_kind(kind: str) -> None:
    found = mistakes(f"sources:\n  - kind: {kind}\n    token: {{env: A}}\n    password: hunter2\n")
    assert f"config.yaml:4: sources[0].password: {NOT_HERE}" in found
    assert not any("hunter2" in text for text in found)


def test_words_that_are_only_called_like_a_secret_are_none() -> None:
    it = loaded("signals: {password: 2}\ncodes: {spam: {token: Token sale}}\n")
    assert it.signals == {"password": 2.0}
    assert it.codes.spam == {"token": "Token sale"}


@pytest.mark.parametrize(
    ("written", "ref", "said"),
    [
        ("{keyring: rt:support}", SecretRef(kind="keyring", value="rt:support"), "keyring entry rt:support"),
        ("{keyring: a, backend: keyrings.alt.file.PlaintextKeyring}",
         SecretRef(kind="keyring", value="a", backend="keyrings.alt.file.PlaintextKeyring"), "keyring entry a"),
        ("{command: [pass, show, 1042]}", SecretRef(kind="command", command=("pass", "show", "1042")), "command pass"),
        ("{env: RT_TOKEN}", SecretRef(kind="env", value="RT_TOKEN"), "environment variable RT_TOKEN"),
        ("{file: rt.token}", SecretRef(kind="file", value=str(BASE / "rt.token")), f"file {BASE}/rt.token"),
        ("{prompt: true}", SecretRef(kind="prompt"), "asked for at start"),
    ],
)
def test_a_secret_is_referred_to(written: str, ref: SecretRef, said: str) -> None:
    it = loaded(f"sources: [{{kind: rt, name: a, url: https://rt.example, token: {written}}}]")
    assert it.sources[0].token == ref
    assert ref.say() == said


def test_a_command_may_lie_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/bo")
    it = loaded("sources: [{kind: rt, name: a, url: https://rt.example, token: {command: [~/bin/token, ~/x]}}]")
    assert it.sources[0].token == SecretRef(kind="command", command=("/home/bo/bin/token", "~/x"))


def test_all_mistakes_come_at_once_in_the_order_of_their_lines() -> None:
    found = mistakes(
        "version: 3\n"
        "agent:\n"
        "  nam: ann\n"
        "  zone: Nowhere/At_All\n"
        "sources:\n"
        "  - kind: rt\n"
        "    name: a\n"
        "    url: rt.example\n"
        "    token: hunter2\n"
        "  - kind: rt\n"
        "    name: a\n"
        "policies:\n"
        "  - name: x\n"
        "    calendar: office\n"
        "    first: 6\n"
        "ui:\n"
        "  colours: purple\n"
        "  wide: wide\n"
    )
    assert [int(text.split(":")[1]) for text in found] == [1, 3, 4, 8, 9, 10, 11, 14, 15, 17, 18]


@pytest.mark.parametrize("text", ["", "# nothing\n", "version: 1", "agent:\nsources:\nviews:\nui:\nkeys:\n  queue:\n"])
def test_what_is_left_out_or_blank_keeps_its_default(text: str) -> None:
    it = loaded(text, {"USER": "ann"})
    again = loaded("", {"USER": "ann"})
    assert (it.agent, it.views, it.ui, it.policies) == (again.agent, again.views, again.ui, again.policies)


@pytest.mark.parametrize(
    "hours",
    ['"mon-fri: 08:00-12:00, 13:00-18:00"', '["mon-fri: 08:00-12:00", "mon-fri: 13:00-18:00"]',
     '{mon-fri: "08:00-12:00, 13:00-18:00"}', "[mon-fri: 08:00-12:00, mon-fri: 13:00-18:00]",
     "{mon-thu: [08:00-12:00, 13:00-18:00], fri: [08:00-12:00, 13:00-18:00]}"],
)
def test_opening_hours_may_be_written_in_several_ways(hours: str) -> None:
    it = loaded(f"calendars: [{{name: office, hours: {hours}}}]")
    expected = [Hours(day, *span) for day in range(5) for span in ((480, 720), (780, 1080))]
    assert list(it.calendars[0].hours) == expected


def test_keys_are_taken_away_with_null() -> None:
    it = loaded('keys:\n  queue:\n    "g g": top\n    q: null\n    y:\n    n: note\n')
    assert it.keys == {"queue": {"g g": "top", "q": None, "y": None, "n": "note"}}
