"""A day's work from the shell: collect, look, decide, reply, report, and errors in words with their exit codes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.main import COMMANDS, main
from agentdesk.model.clock import SystemClock
from agentdesk.rules.times import say
from tests.cli.conftest import Run
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.serve import serving
from tests.fakes.wire import Fault
from tests.fakes.zammad import FakeZammad


def number_of(run: Run, name: str) -> str:
    """The number of somebody's conversation."""
    return next(str(row["id"]) for row in run("queue", "--json").lines if row["name"] == name)


@pytest.mark.parametrize("words", [("sync",), ("sync", "--watch"), ("sources",)])
def test_without_any_source_it_is_said_how_to_begin(run: Run, words: tuple[str, ...]) -> None:
    answer = run(*words)
    assert (answer.code, answer.out) == (Exit.OK, "")
    assert answer.err == "No sources yet: agentdesk login connects one\n"


def test_collect_and_list_worst_first(run: Run, posts: Path) -> None:
    assert run("sync").code == Exit.OK
    rows = run("queue", "--json").lines
    assert [row["name"] for row in rows] == ["kim", "Jane Doe", "bo"]
    assert rows[0]["severity"] == "critical"
    assert [row["name"] for row in run("queue", "praise", "--json").lines] == ["bo"]
    assert "Where is my parcel?" in run("queue").out
    assert run("queue", "--format", "csv").out.splitlines()[0].startswith("number,")


def test_every_view_of_one_conversation(run: Run, posts: Path) -> None:
    run("sync")
    number = number_of(run, "Jane Doe")
    (shown,) = run("show", number, "--json").lines
    assert shown["messages"][0]["message"]["text"] == "Where is my parcel?"
    assert shown["why"]
    (customer,) = run("customer", number, "--json").lines
    assert customer["customer"]["name"] == "Jane Doe"
    assert [hit["conversation_id"] for hit in run("search", "insulin", "--json").lines] == [
        int(number_of(run, "kim"))]
    (found,) = csv.DictReader(io.StringIO(run("search", "insulin", "--format", "csv").out))
    assert (found["number"], found["author"], found["direction"]) == (number_of(run, "kim"), "kim", "in")
    assert found["at"].endswith("09:20"), "a time that a person can read"
    assert run("ledger", number, "--json").lines == []
    assert run("sources", "--json").lines[0]["state"] == "ok"


def test_a_source_that_was_never_asked_is_listed_all_the_same(run: Run, posts: Path) -> None:
    assert [(row["name"], row["state"]) for row in run("sources", "--json").lines] == [("file:posts", "new")]
    assert "never" in run("sources").out


def desk_at(tmp_path: Path, kind: str, url: str, token: str) -> Path:
    """A configuration with one source and its token in a file, which is returned."""
    folder = tmp_path / "home" / "config"
    folder.mkdir(parents=True, mode=0o700)
    kept = folder / "token"
    kept.touch(mode=0o600)
    kept.write_text(token)
    (folder / "config.yaml").write_text(
        "agent: {zone: UTC}\n"
        f'sources:\n  - {{kind: {kind}, name: desk, url: "{url}", token: {{file: {kept}}}}}\n')
    return kept


def test_a_source_that_asks_to_wait_is_listed_with_the_time_when_it_is_asked_again(run: Run, tmp_path: Path) -> None:
    waits = Fault("status", status=429, headers={"Retry-After": "7200"}, times=9)
    far = FakeZammad(SystemClock())
    with serving(far.handle, [waits]) as url:
        desk_at(tmp_path, "zammad", url, far.agent1.token)
        assert run("sync").code == Exit.FINDINGS
    (source,) = run("sources", "--json").lines
    (row,) = csv.DictReader(io.StringIO(run("sources", "--format", "csv").out))
    assert (row["state"], "asks to wait 7200 s" in row["trouble"]) == ("retry", True)
    assert row["again"] == say(source["next_try_at"], SystemClock().now(), ZoneInfo("UTC"))


def test_what_the_source_refuses_was_not_done_and_is_told_once(run: Run, tmp_path: Path) -> None:
    far = FakeZammad(SystemClock())
    taken, free = (far.write("jane@example.test", text) for text in ("Where is it?", "Hello?"))
    with serving(far.handle) as url:
        desk_at(tmp_path, "zammad", url, far.agent1.token)
        run("sync")
        by_text = {row["preview"]: str(row["id"]) for row in run("queue", "--json").lines}
        far.tickets[taken].owner = far.agent2.id
        lost = run("claim", by_text["Where is it?"])
        assert (lost.code, lost.out) == (Exit.SOURCE, "")
        assert "claim refused" in lost.err
        assert "claim steal=yes" in lost.err
        won = run("claim", by_text["Hello?"])
        assert (won.code, won.out, "refused" in won.err) == (Exit.OK, "Yours\n", False)
        assert far.tickets[free].owner == far.agent1.id
        again = run("claim", by_text["Where is it?"], "--json")
        assert (again.code, again.lines[0]["done"], list(again.lines[0]["outbox"].values())) == (
            Exit.SOURCE, "", ["refused"])


def test_a_reply_that_the_source_refuses_is_no_success(run: Run, tmp_path: Path) -> None:
    far = FakeZammad(SystemClock())
    far.write("jane@example.test", "Where is it?")
    no = Fault("status", "POST", "/ticket_articles", 422, body=b'{"error": "This address is blocked"}')
    with serving(far.handle, [no]) as url:
        desk_at(tmp_path, "zammad", url, far.agent1.token)
        run("sync")
        answer = run("reply", number_of(run, "Jane"), stdin="On its way.")
    assert (answer.code, answer.out) == (Exit.SOURCE, "Refused; it is kept in the outbox\n")
    assert "This address is blocked" in answer.err


def test_an_answer_that_was_not_delivered_says_so_where_it_is_read(run: Run, tmp_path: Path) -> None:
    far = FakeZammad(SystemClock())
    far.write("jane@example.test", "Where is it?")
    with serving(far.handle) as url:
        desk_at(tmp_path, "zammad", url, far.agent1.token)
        run("sync")
        number = number_of(run, "Jane")
        assert run("reply", number, stdin="On its way.").code == Exit.OK
        ours = far.articles[-1]
        ours.preferences |= {"delivery_status": "fail", "delivery_status_message": "550 no such user"}
        far.add(1, far.agent1.id, "Unable to send email", sender="System", internal=True,
                preferences={"delivery_article_id_related": ours.id, "delivery_message": True})
        run("sync")
    assert "out · direct · not delivered: 550 no such user" in run("show", number).out


def test_what_waits_says_what_is_wrong_with_its_source(run: Run, tmp_path: Path) -> None:
    far = FakeZammad(SystemClock())
    far.write("jane@example.test", "Where is it?")
    with serving(far.handle) as url:
        kept = desk_at(tmp_path, "zammad", url, far.agent1.token)
        run("sync")
        kept.unlink()
        answer = run("claim", number_of(run, "Jane"))
    assert answer.code == Exit.OK
    assert "claim waits: " in answer.err
    assert str(kept) in answer.err


def test_reply_lands_in_the_out_file_once_signed(run: Run, posts: Path) -> None:
    run("sync")
    number = number_of(run, "Jane Doe")
    answer = run("reply", number, stdin="It is on the van.\n")
    assert (answer.code, answer.out) == (Exit.OK, "Sent\n")
    written = [json.loads(line) for line in Path(f"{posts}.replies.jsonl").read_text().splitlines()]
    assert [row["text"] for row in written] == ["It is on the van. ^AN"]
    assert run("outbox", "--json").lines == []
    assert number_of_open(run) == 2


def number_of_open(run: Run) -> int:
    return len(run("queue", "--json").lines)


def test_offline_a_reply_waits_for_the_next_sync(run: Run, posts: Path) -> None:
    run("sync")
    run("reply", number_of(run, "bo"), "--offline", stdin="You are welcome, it made our day to read this")
    assert [row["state"] for row in run("outbox", "--json").lines] == ["queued"]
    run("sync")
    assert run("outbox", "--json").lines == []
    assert Path(f"{posts}.replies.jsonl").exists()


def test_a_guard_refuses_until_overridden(run: Run, posts: Path) -> None:
    run("sync")
    number = number_of(run, "Jane Doe")
    refused = run("reply", number, stdin="Ring 020 7946 0958")
    assert refused.code == Exit.REFUSED
    assert "--override" in refused.err
    code = refused.err.split("--override ")[1].split()[0]
    assert run("reply", number, "--override", code, stdin="Ring 020 7946 0958").code == Exit.OK


def test_hosts_in_look_alike_letters_are_shown_and_copied_for_what_they_are(run: Run, tmp_path: Path) -> None:
    far = FakeMastodon(SystemClock())
    like_apple = "\u0430\u0440\u0440\u04cf\u0435.com"
    far.post(far.person("jane", like_apple, "Jane Doe"), f"@acme is https://{like_apple}/login yours?")
    with serving(far.handle) as url:
        desk_at(tmp_path, "mastodon", url, far.us.token)
        run("sync")
    number = number_of(run, "Jane Doe")
    assert f"({like_apple} is really xn--80ak6aa92e.com)" in run("show", number).out
    said = run("do", "copy-link", number, "--offline")
    assert said.out.startswith("https://xn--80ak6aa92e.com/@jane/")
    assert len(said.out.splitlines()) == 1, "nothing but the address goes to a script"


def test_what_is_too_long_can_go_as_a_thread(run: Run, tmp_path: Path) -> None:
    far = FakeMastodon(SystemClock())
    far.post(far.person("jane", "far.example", "Jane Doe"), "@acme Where is it?")
    text = "word " * 150 + "Ring 020 7946 0958"
    with serving(far.handle) as url:
        desk_at(tmp_path, "mastodon", url, far.us.token)
        run("sync")
        number = number_of(run, "Jane Doe")
        refused = run("reply", number, stdin=text)
        assert refused.code == Exit.REFUSED
        flags = refused.err.split("next: ")[1].split(" sends it as a thread")[0].split()
        assert flags[0] == "--split"
        assert run("reply", number, *flags, stdin=text).code == Exit.OK
    assert len([post for post in far.posts.values() if post.author == far.us.id]) == 2


def test_done_undo_and_the_ledger(run: Run, posts: Path) -> None:
    run("sync")
    number = number_of(run, "bo")
    assert run("done", "praise", number).out == "Done: praise\n"
    assert number_of_open(run) == 2
    assert run("undo").out == "Undone: praise\n"
    assert number_of_open(run) == 3
    assert [row["action"] for row in run("ledger", number, "--json").lines] == ["praise", "undone"]


@pytest.mark.parametrize(("words", "code"), [
    (("done", "not_actionable", "1"), Exit.REFUSED),
    (("done", "nosuch", "1"), Exit.USAGE),
    (("claim", "4711"), Exit.NOT_FOUND),
    (("claim", "abc"), Exit.USAGE),
    (("claim",), Exit.USAGE),
    (("snooze", "yesterday", "1"), Exit.USAGE),
    (("queue", "colour:red"), Exit.USAGE),
    (("queue", "--view", "nosuch"), Exit.NOT_FOUND),
    (("show", "4711"), Exit.NOT_FOUND),
    (("nosuch",), Exit.USAGE),
    (("do", "nosuch"), Exit.USAGE),
    (("sync", "--source", "rt:none"), Exit.USAGE),
    (("import", "/nowhere.jsonl"), Exit.NOT_FOUND),
    (("report", "--last", "3x"), Exit.USAGE),
    (("report", "--last", "0d"), Exit.USAGE),
    (("--theme", "drak", "config", "validate"), Exit.CONFIG),
])
def test_errors_have_words_and_their_own_code(run: Run, posts: Path, words: tuple[str, ...], code: Exit) -> None:
    run("sync")
    answer = run(*words)
    assert answer.code == code
    assert answer.out == ""
    assert answer.err.startswith("agentdesk: ")
    assert "Traceback" not in answer.err


def test_a_broken_configuration_names_file_line_key_and_the_nearest_name(run: Run, posts: Path, tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "config.yaml"
    path.write_text(path.read_text().replace("kind: file", "kind: fiel") + "uii: {theme: dark}\n")
    answer = run("queue")
    assert answer.code == Exit.CONFIG
    assert 'config.yaml:3: sources[0].kind: no connector "fiel"; did you mean "file"?' in answer.err
    assert "config.yaml:6: uii:" in answer.err


def test_validate_and_doctor_name_what_a_start_passes_by(run: Run, posts: Path, tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "config.yaml"
    path.write_text(path.read_text() + (
        "calendars:\n"
        "  - {name: office, hours: ['mon-fri: 08:00-18:00'], holidays: DE-XX}\n"
        "policies:\n"
        "  - {name: mine, when: mine, first: 1h}\n"
        "ui: {theme: drak}\n"
        "keys:\n"
        "  queu: {j: down}\n"
        "  queue: {shift+g: bottom, Q: fly, g: top}\n"))
    wanted = [
        "config.yaml:7: calendars[0]: No public holidays are known for «DE-XX»",
        "config.yaml:9: policies[0]: A policy cannot go by «mine»",
        'config.yaml:10: ui.theme: no theme "drak"; did you mean "dark"?',
        'config.yaml:12: keys.queu: there is no such context; did you mean "queue"?',
        "config.yaml:13: keys.queue.shift+g: cannot be read; write G",
        "config.yaml:13: keys.queue.Q: there is no command 'fly'",
    ]
    answer = run("config", "validate")
    assert (answer.code, answer.out) == (Exit.CONFIG, "")
    found = run("config", "validate", "--json")
    assert found.code == Exit.CONFIG
    doctor = "\n".join(it["text"] for it in run("doctor", "--offline", "--json").lines if it["level"] == "bad")
    for mistake in wanted:
        assert mistake in answer.err
        assert mistake in "\n".join(found.lines[0]["problems"])
        assert mistake in doctor


def test_every_mistake_is_told_at_once_whatever_kind_it_is_of(run: Run, posts: Path, tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "config.yaml"
    path.write_text(path.read_text() + (
        "  - {kind: fiel, name: other}\n"
        "calendars:\n"
        "  - {name: closed, hours: nonsense}\n"
        "  - {name: office, hours: ['mon-fri: 08:00-18:00'], holidays: DE-XX}\n"
        "policies:\n"
        "  - {when: late}\n"
        "  - {name: mine, when: mine, first: 1h}\n"
        "commands: [3, {name: done, run: [true]}]\n"
        "ui: {theme: drak, ascii: perhaps, asci: true}\n"
        "keys:\n"
        "  queue: {Q: fly, x: [1], x: 2}\n"
        "  queu: {j: down}\n"))
    answer = run("config", "validate")
    assert answer.code == Exit.CONFIG
    for mistake in (
        'config.yaml:6: sources[1].kind: no connector "fiel"', "config.yaml:8: calendars[0].hours: ",
        "config.yaml:9: calendars[1]: No public holidays are known for «DE-XX»", "config.yaml:11: policies[0].name: ",
        "config.yaml:12: policies[1]: A policy cannot go by «mine»", "config.yaml:13: commands[0]: ",
        'config.yaml:13: commands[1].name: agentdesk has a command "done" already',
        'config.yaml:14: ui.theme: no theme "drak"', "config.yaml:14: ui.ascii: ",
        "config.yaml:14: ui.asci: unknown key",
        "config.yaml:16: keys.queue.Q: there is no command 'fly'", "config.yaml:16: keys.queue.x: a single value",
        "config.yaml:16: x: the same key", "config.yaml:17: keys.queu: there is no such context",
    ):
        assert mistake in answer.err
    path.write_text("[3]")
    assert run("config", "validate").err.count("config.yaml:") == 1


def test_what_is_shown_in_no_style_asked_for_is_not_made(run: Run, posts: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    run("sync")

    def not_asked_for(*_: object) -> None:
        raise AssertionError("nobody sees it")

    with monkeypatch.context() as patched:
        patched.setattr("agentdesk.cli.read._queue_row", not_asked_for)
        assert len(run("queue", "--json").lines) == 3
    monkeypatch.setattr("agentdesk.cli.output.plain", not_asked_for)
    assert len(run("queue", "--format", "csv").out.splitlines()) == 4
    assert len(run("queue").out.splitlines()) == 4


def test_doctor_names_a_source_once(run: Run, posts: Path, tmp_path: Path) -> None:
    posts.unlink()
    found = next(it for it in run("doctor", "--json").lines if it["area"] == "source file:posts")
    assert found["level"] == "bad"
    assert "file:posts" not in found["text"]


def test_a_table_cuts_nothing_unseen_and_what_to_do_not_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    output.table([{"name": "n" * 121, "state": "ok", "next": "say so " * 40 + "at the end"}])
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert line.startswith("n" * 119 + "…  ok")
    assert line.endswith("say so at the end")


def test_an_unreachable_source_is_named_and_the_rest_goes_on(run: Run, posts: Path, tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "config.yaml"
    path.write_text(path.read_text() + "  - kind: file\n    name: gone\n    path: /nowhere/posts.jsonl\n")
    answer = run("sync")
    assert answer.code == Exit.FINDINGS
    assert "file:gone" in answer.err
    assert number_of_open(run) == 3


def test_import_counts_names_and_keeps_what_cannot_be_read_and_does_not_repeat(run: Run, posts: Path,
                                                                              tmp_path: Path) -> None:
    old = tmp_path / "old.jsonl"
    rows = [json.dumps({"id": str(n), "author": f"c{n % 40}", "text": f"Question {n}",
                        "created_at": "2025-03-01T10:00:00Z"}) for n in range(2_500)]
    for n in range(1_200, 1_212):
        rows[n] = '{"id": "half'
    rows[1_300] = '{"id": "x", "author": "c1"}'
    old.write_text("\n".join(rows) + "\n")
    (job,) = run("import", str(old), "--json").lines
    assert (job["stored"], job["rejected"]) == (2_487, 13)
    assert job["source"] == "file:old"
    again = run("import", str(old))
    assert again.code == Exit.REFUSED
    (job,) = run("import", str(old), "--again", "--json").lines
    assert (job["stored"], job["rejected"]) == (0, 13)
    assert len(run("search", "question", "--limit", "9000", "--json").lines) == 2_487
    named = next(line for line in run("import", str(old), "--again").err.splitlines() if "lists them" in line)
    listed = run(*named.split("agentdesk ")[1].removesuffix(" lists them").split(), "--json").lines
    assert {(it["place"], it["raw"].strip()) for it in listed} >= {("old.jsonl line 1201", '{"id": "half'),
                                                          ("old.jsonl line 1301", '{"id": "x", "author": "c1"}')}
    assert len(listed) == 13


def test_import_reads_with_the_settings_of_the_source_it_names(run: Run, posts: Path, tmp_path: Path) -> None:
    path = tmp_path / "home" / "config" / "config.yaml"
    path.write_text(path.read_text() + "    ours: [acme]\n"
                    "    columns: {id: Nr, author: Who, text: Words, created_at: When}\n")
    old = tmp_path / "old.csv"
    old.write_text("Nr,Who,Words,When,in_reply_to\n7,lea,Where is it,2026-01-05T09:00:00Z,\n"
                   "8,acme,On the van,2026-01-05T09:30:00Z,7\n")
    (job,) = run("import", str(old), "--source", "file:posts", "--json").lines
    assert (job["stored"], job["rejected"], job["source"]) == (2, 0, "file:posts")
    assert [(hit["author"], hit["direction"]) for hit in run("search", "van", "--json").lines] == [("acme", "out")]


def test_export_goes_into_an_empty_profile_and_comes_out_the_same(run: Run, posts: Path, tmp_path: Path) -> None:
    run("sync")
    run("reply", number_of(run, "Jane Doe"), stdin="It is on the van.")
    run("done", "praise", number_of(run, "bo"))
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert run("export", str(first)).code == Exit.OK
    assert first.stat().st_mode & 0o777 == 0o600
    assert run("--profile", "other", "import", "--archive", str(first)).code == Exit.OK
    assert run("--profile", "other", "export", str(second)).code == Exit.OK
    assert first.read_bytes() == second.read_bytes()
    assert run("--profile", "other", "import", "--archive", str(first)).code == Exit.REFUSED


def test_report_counts_what_happened(run: Run, posts: Path) -> None:
    run("sync")
    run("reply", number_of(run, "Jane Doe"), stdin="It is on the van.")
    run("done", "praise", number_of(run, "bo"))
    (found,) = run("report", "--since", "2026-01-05", "--json").lines
    assert found["replies"]["conversations"] == 3
    assert found["replies"]["answered"] == 1
    assert found["replies"]["within_target"] == 0.0
    assert found["dispositions"] == {"praise": 1}
    assert found["by_source"][0]["name"] == "file:posts"
    assert "first reply, median" in run("report", "--since", "2026-01-05").out


def test_doctor_is_content_and_says_what_is_not(run: Run, posts: Path, tmp_path: Path) -> None:
    run("sync")
    checks = run("doctor", "--json")
    assert checks.code == Exit.OK, checks.out
    assert {"configuration", "cache", "sqlite"} <= {check["area"] for check in checks.lines}
    posts.unlink()
    again = run("doctor", "--json")
    assert [check["area"] for check in again.lines if check["level"] == "bad"] == ["source file:posts"]
    assert again.code == Exit.FINDINGS


def test_config_begins_finds_checks_and_shows(run: Run) -> None:
    path = run("config", "path").out.strip()
    assert run("config", "validate").code == Exit.CONFIG
    assert run("config", "init").out.strip() == path
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert run("config", "validate").out == f"{path}: no mistakes; sources: 0, views: 9\n"
    assert run("config", "init").code == Exit.REFUSED
    assert json.loads(run("config", "schema").out)["$schema"]
    assert json.loads(run("config", "show").out)["ui"]["theme"]


def test_every_command_has_help() -> None:
    context = main.make_context("agentdesk", ["keys"])
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        assert command.help, name


@pytest.mark.parametrize("words", [["queue", "--json"], ["show", "1"], ["verbs"], ["config", "path"]])
def test_reading_never_loads_the_screen_the_network_or_the_keyring(tmp_path: Path, words: list[str]) -> None:
    code = ("import sys; sys.argv = ['agentdesk', *" + repr(words) + "]\n"
            "from agentdesk.cli.entry import entry\n"
            "try: entry()\n"
            "except SystemExit: pass\n"
            "print([m for m in ('textual', 'rich', 'httpx', 'keyring', 'jinja2', 'holidays') if m in sys.modules],"
            " file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_conversation_is_tied_shown_and_untied_from_the_shell(run: Run, posts: Path) -> None:
    run("sync")
    first, second = (row["id"] for row in run("queue", "--json").lines[:2])
    said = run("do", f"link {second}", str(first))
    assert (said.code, said.out.startswith("Tied to file#")) == (0, True)
    (shown,) = run("show", str(first), "--json").lines
    assert [link["other_id"] for link in shown["links"]] == [second]
    assert "ticket file#" in run("show", str(first)).out
    assert "ticket of file#" in run("show", str(second)).out
    assert run("do", f"unlink {second}", str(first)).out.startswith("No longer tied")
    refused = run("do", "escalate", str(first))
    assert (refused.code, "No help desk" in refused.err) == (Exit.REFUSED, True)


def test_writing_without_words_is_refused_in_the_shell(run: Run, posts: Path) -> None:
    run("sync")
    for verb in ("reply", "note"):
        number = number_of(run, "kim")
        answer = run("do", verb, number)
        assert (answer.code, answer.out) == (Exit.USAGE, "")
        assert f"agentdesk {verb} {number} --text" in answer.err
