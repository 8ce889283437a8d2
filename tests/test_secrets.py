"""Secrets: each place, each way it fails, and that the value shows nowhere."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import os
import pickle
import sys
import threading
import time
import traceback
import types
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from keyring import errors as keyring_errors
from keyring.backend import KeyringBackend

from agentdesk import secrets
from agentdesk.config.sources import SecretRef
from agentdesk.errors import SecretError
from agentdesk.secrets import HIDDEN, Limits, Secret, read, redact, remove, store

CANARY = "s3cr3t-c4n4ry/+ü"


# the type --------------------------------------------------------------------------------------------------------


def test_a_secret_gives_itself_only_when_asked() -> None:
    secret = Secret(CANARY)
    assert secret.reveal() == CANARY
    shown = [
        repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", format(secret, "s"), f"{secret:>9}",
        repr([secret]), repr({"token": secret}), f"{[secret]}",
    ]
    assert all(CANARY not in text and HIDDEN in text for text in shown)
    assert str(secret) == HIDDEN


def test_a_secret_is_neither_compared_nor_measured_by_its_value() -> None:
    assert bool(Secret("")) is True
    assert Secret(CANARY) != Secret(CANARY)
    assert Secret(CANARY) != CANARY
    assert not hasattr(Secret(CANARY), "__dict__")
    with pytest.raises(TypeError):
        len(Secret(CANARY))  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="does not leave"):
        pickle.dumps(Secret(CANARY), protocol)


def test_a_secret_is_not_written_as_json() -> None:
    with pytest.raises(TypeError) as error:
        json.dumps({"token": Secret(CANARY)})
    assert CANARY not in str(error.value)
    with pytest.raises((TypeError, msgspec.ValidationError, NotImplementedError)) as other:
        msgspec.json.encode({"token": Secret(CANARY)})
    assert CANARY not in str(other.value)
    assert CANARY not in json.dumps({"token": Secret(CANARY)}, default=str)


def test_a_copied_secret_is_the_same_object() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": [secret]})["a"][0] is secret


def full_traceback(error: BaseException) -> str:
    """The error as the most talkative crash report would print it, locals of all frames included."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


# command ---------------------------------------------------------------------------------------------------------


def command(*argv: str) -> SecretRef:
    return SecretRef(kind="command", command=argv)


def python(code: str) -> SecretRef:
    return command(sys.executable, "-c", code)


async def test_a_command_gives_the_first_line_it_prints() -> None:
    secret = await read(python(f"print({CANARY!r}); print('login: ann')"))
    assert secret.reveal() == CANARY


async def test_a_command_ends_its_line_as_it_likes() -> None:
    assert (await read(python("import sys; sys.stdout.write('abc\\r\\n')"))).reveal() == "abc"
    assert (await read(python("import sys; sys.stdout.write('abc')"))).reveal() == "abc"


async def test_a_command_is_run_without_a_shell(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    secret = await read(command("/bin/echo", f"$(touch {mark})", ";", "touch", str(mark)))
    assert secret.reveal().startswith("$(touch")
    assert not mark.exists()


async def test_a_command_does_not_see_our_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTDESK_AGENT", "ann")
    secret = await read(python("import os; print([n for n in os.environ if n.startswith('AGENTDESK')] or 'none')"))
    assert secret.reveal() == "none"


async def test_a_command_has_nothing_to_read_from() -> None:
    assert (await read(python("import sys; print(len(sys.stdin.read()) + 7)"))).reveal() == "7"


@pytest.mark.parametrize(
    ("ref", "title", "cause"),
    [
        (command("no-such-program-here"), "no-such-program-here could not be started", "No such file or directory"),
        (python(r"import sys; sys.stderr.write('gpg: \x1b[2Jlocked\n'); sys.exit(2)"), "", "with 2: gpg: ␛[2Jlocked"),
        (python("pass"), "The secret is empty", "Nothing came"),
        (python("print('a\\tb')"), "What came is not a secret", "control characters"),
        (python("print('x' * 20000)"), "What came is not a secret", "far too long"),
        (python(r"print('\x1b[31mabc')"), "What came is not a secret", "control characters"),
    ],
)
async def test_a_command_that_fails_is_told(ref: SecretRef, title: str, cause: str) -> None:
    with pytest.raises(SecretError) as error:
        await read(ref)
    assert title in error.value.title
    assert cause in error.value.cause
    assert error.value.remedy


async def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(str(child.pid)); time.sleep(600)"
    )
    with pytest.raises(SecretError, match="gave no secret") as error:
        await read(python(code), limits=Limits(command=1.0))
    assert "1 seconds" in error.value.cause
    child = int(pids.read_text())
    for _ in range(100):
        if not alive(child):
            break
        await asyncio.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


async def test_a_failing_command_cannot_betray_what_it_printed() -> None:
    code = f"import sys; print({CANARY!r}); sys.stderr.write('wrong: ' + {CANARY!r}); sys.exit(1)"
    with pytest.raises(SecretError) as error:
        await read(SecretRef(kind="command", command=(sys.executable, "-c", "exec(__import__('os').environ['CODE'])")),
                   environ={"CODE": code})
    assert CANARY not in str(error.value)
    assert f"wrong: {HIDDEN}" in error.value.cause


# environment -----------------------------------------------------------------------------------------------------


async def test_a_variable_is_taken_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RT_TOKEN", CANARY)
    assert (await read(SecretRef(kind="env", value="RT_TOKEN"))).reveal() == CANARY
    assert "RT_TOKEN" not in os.environ
    inherited = await read(python("import os; print(os.environ.get('RT_TOKEN', 'nothing'))"))
    assert inherited.reveal() == "nothing"


async def test_a_variable_that_is_missing_or_empty_is_told() -> None:
    with pytest.raises(SecretError, match="RT_TOKEN is not set"):
        await read(SecretRef(kind="env", value="RT_TOKEN"), environ={})
    with pytest.raises(SecretError, match="empty"):
        await read(SecretRef(kind="env", value="RT_TOKEN"), environ={"RT_TOKEN": ""})


# file ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    folder = tmp_path / "private folder"
    folder.mkdir(mode=0o700)
    path = folder / "token"
    path.write_text(CANARY + "\n")
    path.chmod(0o600)
    return path


def file(path: Path) -> SecretRef:
    return SecretRef(kind="file", value=str(path))


async def test_a_private_file_is_read(token_file: Path) -> None:
    assert (await read(file(token_file))).reveal() == CANARY


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o666, 0o601])
async def test_a_file_open_to_others_is_refused_with_the_command_that_mends_it(token_file: Path, mode: int) -> None:
    os.chmod(token_file, mode)
    with pytest.raises(SecretError, match="open to others") as error:
        await read(file(token_file))
    assert error.value.remedy == f"Run: chmod 600 '{token_file}'"
    assert CANARY not in full_traceback(error.value)


@pytest.mark.parametrize("mode", [0o701, 0o710, 0o755, 0o777])
async def test_a_folder_open_to_others_is_refused_with_the_command_that_mends_it(token_file: Path, mode: int) -> None:
    token_file.parent.chmod(mode)
    with pytest.raises(SecretError, match="open to others") as error:
        await read(file(token_file))
    assert error.value.remedy == f"Run: chmod 700 '{token_file.parent}'"


async def test_a_file_of_somebody_else_is_refused(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SecretError, match="belongs to somebody else") as error:
        await read(file(token_file))
    assert "sudo chown" in error.value.remedy


async def test_links_pipes_and_folders_are_refused(token_file: Path) -> None:
    link = token_file.with_name("link")
    link.symlink_to(token_file)
    with pytest.raises(SecretError) as error:
        await read(file(link))
    assert error.value.cause == "It is a symbolic link"
    pipe = token_file.with_name("pipe")
    os.mkfifo(pipe, 0o600)
    with pytest.raises(SecretError, match="holds no secret"):
        await read(file(pipe))
    with pytest.raises(SecretError, match="cannot be read"):
        await read(file(token_file.with_name("none")))
    inner = token_file.with_name("inner")
    inner.mkdir(mode=0o700)
    with pytest.raises(SecretError, match=r"cannot be read|holds no secret"):
        await read(file(inner))


async def test_what_is_no_secret_shows_in_no_frame_of_the_error() -> None:
    environ = {"RT_TOKEN": "\x07".join(["can", "ary"])}
    shown = repr(environ["RT_TOKEN"])[1:-1]

    async def ask(name: str) -> str:
        return "\x07".join(["can", "ary"])

    for ref in (SecretRef(kind="env", value="RT_TOKEN"), SecretRef(kind="prompt")):
        error = await failure(ref, environ, ask)
        assert "_usable" in full_traceback(error)
        assert shown not in full_traceback(error)


async def failure(ref: SecretRef, environ: dict[str, str], ask: secrets.Ask) -> SecretError:
    with pytest.raises(SecretError) as error:
        await read(ref, environ=environ, ask=ask)
    return error.value


# prompt ----------------------------------------------------------------------------------------------------------


async def test_a_person_is_asked_by_the_name_of_the_source() -> None:
    asked: list[str] = []

    async def ask(name: str) -> str:
        asked.append(name)
        return CANARY

    assert (await read(SecretRef(kind="prompt"), name="rt:support", ask=ask)).reveal() == CANARY
    assert asked == ["rt:support"]


async def test_nobody_there_to_ask_is_told() -> None:
    with pytest.raises(SecretError, match="Nobody is here to ask for the token of rt:support"):
        await read(SecretRef(kind="prompt"), name="rt:support")


# keyring ---------------------------------------------------------------------------------------------------------


class Fake(KeyringBackend):
    """A keyring in memory, with whatever trouble a test asks for."""

    priority = 5
    held: dict[tuple[str, str], str]
    trouble: BaseException | None = None
    forgets = False

    def __init__(self) -> None:
        super().__init__()
        self.held = {}

    def _fail(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def get_password(self, service: str, username: str) -> str | None:
        self._fail()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail()
        if not self.forgets:
            self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._fail()
        del self.held[service, username]


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake()
    monkeypatch.setattr(secrets, "_backend", lambda ref, environ: fake)
    return fake


ENTRY = SecretRef(kind="keyring", value="rt:support")


async def test_a_secret_goes_into_the_keyring_and_comes_back(keyring: Fake) -> None:
    await store(ENTRY, Secret(CANARY))
    assert keyring.held == {("agentdesk", "rt:support"): CANARY}
    assert (await read(ENTRY)).reveal() == CANARY
    await remove(ENTRY)
    assert keyring.held == {}
    await remove(ENTRY)


async def test_a_missing_entry_says_how_to_store_it(keyring: Fake) -> None:
    with pytest.raises(SecretError, match="no entry rt:support") as error:
        await read(ENTRY)
    assert error.value.remedy == "Store it: keyring set agentdesk rt:support"


async def test_a_keyring_that_forgets_is_noticed(keyring: Fake) -> None:
    keyring.forgets = True
    with pytest.raises(SecretError, match="did not keep"):
        await store(ENTRY, Secret(CANARY))


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        (keyring_errors.NoKeyringError(CANARY), "There is none on this host"),
        (keyring_errors.KeyringLocked(CANARY), "It is locked"),
        (keyring_errors.InitError(CANARY), "It could not be opened: its password was not given"),
        (keyring_errors.KeyringError(CANARY), "It failed (KeyringError)"),
        (keyring_errors.PasswordSetError(CANARY), "It failed (PasswordSetError)"),
        (OSError(CANARY), "It failed (OSError)"),
        (ValueError(CANARY), "It failed (ValueError)"),
    ],
)
async def test_trouble_with_the_keyring_names_the_ways_on(keyring: Fake, trouble: BaseException, cause: str) -> None:
    keyring.trouble = trouble
    with pytest.raises(SecretError) as error:
        await read(ENTRY)
    assert error.value.cause == cause
    for way in ("command:", "env:", "file:", "prompt:"):
        assert way in error.value.remedy
    assert CANARY not in str(error.value)


async def test_a_keyring_that_hangs_is_left_behind(keyring: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    monkeypatch.setattr(keyring, "get_password", lambda service, username: free.wait(30) and None)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    pulse = asyncio.ensure_future(beat())
    began = time.monotonic()
    with pytest.raises(SecretError, match="does not answer") as error:
        await read(ENTRY, limits=Limits(keyring=0.2))
    assert time.monotonic() - began < 5
    assert beats > 3
    assert "0.2 seconds" in error.value.cause
    assert "command:" in error.value.remedy
    assert all(thread.daemon for thread in threading.enumerate() if thread.name == "keyring")
    pulse.cancel()
    free.set()


async def test_a_failing_backend_shows_no_value_in_any_frame(keyring: Fake) -> None:
    keyring.trouble = keyring_errors.PasswordSetError("no")
    with pytest.raises(SecretError) as error:
        await store(ENTRY, Secret(CANARY))
    assert CANARY not in full_traceback(error.value).split("in set_password")[0]


async def test_only_the_keyring_can_be_filled() -> None:
    with pytest.raises(SecretError, match="Only the keyring"):
        await store(SecretRef(kind="env", value="X"), Secret(CANARY))
    await remove(SecretRef(kind="env", value="X"))


@pytest.mark.parametrize(
    "name",
    ["keyring.backends.null.Keyring", "keyrings.alt.file.PlaintextKeyring", "keyring.backends.chainer.ChainerBackend",
     "keyring.backends.fail.Keyring", "some.module.that.Runs"],
)
async def test_a_backend_that_the_environment_names_is_not_trusted(name: str) -> None:
    with pytest.raises(SecretError, match="not one to trust") as error:
        await read(ENTRY, environ={"PYTHON_KEYRING_BACKEND": name})
    assert name in error.value.cause


@pytest.fixture
def plain_backend(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    module = types.ModuleType("plain_backend")

    class Plain(Fake):
        def __init__(self) -> None:
            super().__init__()
            self.held = {("agentdesk", "rt:support"): CANARY}

    module.Plain = Plain  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "plain_backend", module)
    return Plain


async def test_a_backend_that_the_configuration_names_is_used(plain_backend: type[Fake]) -> None:
    ref = SecretRef(kind="keyring", value="rt:support", backend="plain_backend.Plain")
    assert (await read(ref)).reveal() == CANARY


async def test_a_backend_that_does_not_exist_is_told() -> None:
    for name in ("no_such_module_here.Plain", "keyring.backends.null.Nothing"):
        with pytest.raises(SecretError, match="There is no keyring backend"):
            await read(SecretRef(kind="keyring", value="x", backend=name))


async def test_the_trusted_backend_that_works_best_is_used(
    plain_backend: type[Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("no_such_module_here.Plain", "keyring.backends.fail.Keyring", "plain_backend.Plain")
    monkeypatch.setitem(secrets._TRUSTED, sys.platform, names)
    assert (await read(ENTRY, environ={})).reveal() == CANARY


async def test_a_host_without_any_keyring_names_the_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(secrets._TRUSTED, sys.platform, ("no_such_module_here.Plain",))
    with pytest.raises(SecretError, match="cannot be used") as error:
        await read(ENTRY, environ={})
    assert "usual over SSH" in error.value.remedy


# hiding ----------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=4, max_size=40),
       st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40))
def test_no_usual_spelling_of_a_secret_stays(value: str, around: str) -> None:
    assume(not set("•…/") & set(value + around))
    spellings = [
        value, quote(value, safe=""), json.dumps(value), repr(value), json.dumps({"a": value}, ensure_ascii=False),
        base64.b64encode(value.encode()).decode(),
    ]
    for spelling in spellings:
        shown = redact(around + " " + spelling + " " + around, [Secret(value)])
        assert value not in shown
        assert HIDDEN in shown


def test_longer_secrets_are_hidden_before_shorter_ones_inside_them() -> None:
    assert redact("abcdef abc", [Secret("abc"), Secret("abcdef")]) == f"{HIDDEN} {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('GET https://x.example/a?access_token=abc "HTTP/1.1 200 OK"', 'GET https://x.example/a?… "HTTP/1.1 200 OK"'),
        ("wss://x.example/s?i=1#abc end", "wss://x.example/s?… end"),
        ("see https://x.example/a#token=abc.", "see https://x.example/a?…"),
        ("https://ann:abc@x.example/a", "https://x.example/a"),
        ("https://x.example/a/b, plain", "https://x.example/a/b, plain"),
        ("Authorization: Bearer abc\nNext: 1", f"Authorization: {HIDDEN}\nNext: 1"),
        ("{'authorization': 'token 1-14-abc', 'a': 1}", f"{{'authorization': '{HIDDEN}', 'a': 1}}"),
        ("(b'X-Api-Key', b'abc')", f"(b'X-Api-Key', b'{HIDDEN}')"),
        ("nothing here", "nothing here"),
    ],
)
def test_addresses_and_headers_lose_what_could_be_secret(text: str, shown: str) -> None:
    assert redact(text, []) == shown
