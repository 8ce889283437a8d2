"""The two protocols on the line: values, limits, TLS, and how far a mail got when something broke."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.mail.grammar import (
    Garbled,
    Literal,
    folder_name,
    folder_text,
    literal_size,
    numbers,
    quoted,
    read,
)
from agentdesk.connectors.mail.imap import Imap
from agentdesk.connectors.mail.line import Line, LineBroken, TooMuch
from agentdesk.connectors.mail.refusals import ImapNo, SmtpNo, Words
from agentdesk.connectors.mail.servers import server
from agentdesk.connectors.mail.smtp import InDoubt, Smtp
from agentdesk.errors import AuthError, ConfigError, RateLimited, Rejected, SourceError, Unavailable
from agentdesk.model.clock import ManualClock
from tests.fakes.mail import FakeMail, Fault

MAIL = b"Subject: x\r\n\r\n.dot\r\nwords\r\n"

# values -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pieces", "values"), [
    ([b'1 FETCH (UID 5 FLAGS (\\Seen) X NIL "a b" "q\\"uo\\\\te")'],
     [b"1", b"FETCH", [b"UID", b"5", b"FLAGS", [b"\\Seen"], b"X", None, b"a b", b'q"uo\\te']]),
    ([b"1 FETCH (BODY[HEADER.FIELDS (A B)]<0> {3}", Literal(b")x("), b" UID 5)"],
     [b"1", b"FETCH", [b"BODY[HEADER.FIELDS (A B)]<0>", b")x(", b"UID", b"5"]]),
    ([b"SEARCH"], [b"SEARCH"]), ([b"SEARCH 1 2  3"], [b"SEARCH", b"1", b"2", b"3"]),
    ([b"X () (())"], [b"X", [], [[]]]), ([b'LIST (\\A) "/" "x"'], [b"LIST", [b"\\A"], b"/", b"x"]),
])
def test_values_are_read(pieces: list[bytes], values: list[object]) -> None:
    assert read(pieces) == values


@pytest.mark.parametrize("pieces", [[b"("], [b")"], [b"(" * 100 + b")" * 100]])
def test_what_is_no_imap_is_said_to_be_none(pieces: list[bytes]) -> None:
    with pytest.raises(Garbled):
        read(pieces)


@given(st.lists(st.sampled_from([b"(", b")", b"a", b'"', b"[", b"]", b"\\", b" ", b"{3}", b"NIL"]), max_size=20))
def test_no_line_makes_the_reader_hang_or_raise_anything_else(pieces: list[bytes]) -> None:
    try:
        read([b"".join(pieces)])
    except Garbled:
        return


def test_arguments_cannot_break_out_of_their_place() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
    for text in ("a\r\nb LOGOUT", "a\0b", "é"):
        assert isinstance(quoted(text), Literal)
    assert quoted("a\0b") == b"ab"


@given(st.sets(st.integers(1, 400), max_size=60))
def test_sets_of_numbers_name_each_once(chosen: set[int]) -> None:
    named: set[int] = set()
    for piece in filter(None, numbers(list(chosen)).split(",")):
        first, _, last = piece.partition(":")
        named |= set(range(int(first), int(last or first) + 1))
    assert named == chosen


@pytest.mark.parametrize(("name", "wire"), [
    ("INBOX", '"INBOX"'), ("Entwürfe", '"Entw&APw-rfe"'), ("A & B", '"A &- B"'), ("台北", '"&U,BTFw-"'),
    ("[Gmail]/Sent Mail", '"[Gmail]/Sent Mail"'),
])
def test_folder_names_beyond_ascii(name: str, wire: str) -> None:
    assert folder_name(name) == wire
    assert folder_text(wire.strip('"').encode()) == name


def test_broken_folder_names_are_kept_as_they_are() -> None:
    assert folder_text(b"a &AB- b") == "a &AB- b"
    assert literal_size(b"x {12}") == 12
    assert literal_size(b"x {12+}") == 12
    assert literal_size(b"x {12} y") is None


# a server that says what a test writes ------------------------------------------------------------------------------

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def says() -> AsyncIterator[Callable[..., Awaitable[Line]]]:
    """A line to a server that reads nothing and says what it is told to."""
    servers: list[asyncio.Server] = []
    lines: list[Line] = []

    async def make(*parts: bytes, stay: bool = False) -> Line:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if stay:
                    await reader.read()
            except ConnectionError:
                return
            finally:
                writer.transport.abort()

        servers.append(await asyncio.start_server(talk, "127.0.0.1", 0))
        lines.append(await Line.open("127.0.0.1", servers[-1].sockets[0].getsockname()[1], None))
        return lines[-1]

    yield make
    for line in lines:
        await line.close()
    for one in servers:
        one.close()


async def test_a_literal_is_refused_before_it_is_read(says: Callable[..., Awaitable[Line]]) -> None:
    line = await says(b"* OK hi\r\n* CAPABILITY IMAP4rev1\r\nd1 OK x\r\n", b"* 1 FETCH (UID 1 BODY[] {999999999}\r\n",
                      stay=True)
    imap = Imap(line, 5)
    await imap.begin(None)
    with pytest.raises(TooMuch):
        await imap.fetch([1], "BODY.PEEK[]", limit=1_000)
    assert not imap.usable


async def test_answers_without_end_are_refused(says: Callable[..., Awaitable[Line]],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdesk.connectors.mail.imap.MOST_LINES", 50)
    line = await says(b"* OK hi\r\n* CAPABILITY IMAP4rev1\r\nd1 OK x\r\n", b"* SEARCH 1\r\n" * 60, stay=True)
    imap = Imap(line, 5)
    await imap.begin(None)
    with pytest.raises(TooMuch):
        await imap.search("ALL")


async def test_a_line_without_end_is_refused(says: Callable[..., Awaitable[Line]],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentdesk.connectors.mail.line.LONGEST_LINE", 1_000)
    line = await says(b"* OK " + b"x" * 5_000 + b"\r\n", stay=True)
    with pytest.raises(TooMuch):
        await Imap(line, 5).begin(None)


async def test_silence_ends_with_the_deadline(says: Callable[..., Awaitable[Line]]) -> None:
    with pytest.raises(TimeoutError):
        await Imap(await says(stay=True), 0.05).begin(None)


@pytest.mark.parametrize("hello", [b"HTTP/1.1 400 Bad Request\r\n", b"+OK pop3\r\n", b"220 smtp\r\n", b""])
async def test_another_kind_of_server_is_said_to_be_one(says: Callable[..., Awaitable[Line]], hello: bytes) -> None:
    with pytest.raises(LineBroken):
        await Imap(await says(hello), 5).begin(None)


async def test_a_server_that_is_busy_says_so_in_its_greeting(says: Callable[..., Awaitable[Line]]) -> None:
    with pytest.raises(ImapNo) as caught:
        await Imap(await says(b"* BYE [UNAVAILABLE] come back later\r\n"), 5).begin(None)
    assert isinstance(Words("mail:x", lambda: "").login("host", caught.value), RateLimited)


async def test_words_before_tls_are_an_attack(says: Callable[..., Awaitable[Line]]) -> None:
    line = await says(b"220 hi\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n", stay=True)
    await asyncio.sleep(0.01)
    with pytest.raises(LineBroken, match="in the clear"):
        await Smtp(line, 5).begin(ssl.create_default_context())


async def test_answers_out_of_form_are_no_smtp(says: Callable[..., Awaitable[Line]]) -> None:
    for said in (b"* OK imap\r\n", b"999 what\r\n", b"220-one\r\n" * 300):
        with pytest.raises((LineBroken, TooMuch)):
            await Smtp(await says(said), 5).begin(None)


# sending: how far it got --------------------------------------------------------------------------------------------


@pytest.fixture
async def post(clock: ManualClock) -> AsyncIterator[FakeMail]:
    """A mail server."""
    fake = await FakeMail(clock).start()
    yield fake
    await fake.stop()


async def deliver(fake: FakeMail, *recipients: str, final_s: float = 5) -> bool:
    """Send one mail."""
    host, port = fake.smtp.split(":")
    session = Smtp(await Line.open(host, int(port), None), 5, final_s)
    try:
        await session.begin(None)
        await session.sign_in(fake.address, fake.password, bearer=False)
        return await session.deliver(fake.address, recipients or ("jane@example.test",), "", MAIL)
    finally:
        await session.leave()


@pytest.mark.parametrize("moment", ["greeting", "ehlo", "auth", "mail", "rcpt", "data", "body"])
@pytest.mark.parametrize("trouble", ["cut", "say"])
async def test_before_the_final_dot_nothing_was_accepted(post: FakeMail, moment: str, trouble: str) -> None:
    post.faults.append(Fault(moment, trouble, "451 4.3.0 not now"))
    if moment == "body" and trouble == "say":
        post.faults[0].kind = "cut"
    try:
        await deliver(post)
    except InDoubt:
        assert moment == "body", "a cut within the body may be noticed only behind the dot"
    except (SmtpNo, LineBroken):
        assert post.delivered == []
    else:
        raise AssertionError("nothing went wrong")
    assert post.delivered == []


@pytest.mark.parametrize("trouble", ["cut", "lose"])
async def test_behind_the_final_dot_nobody_knows(post: FakeMail, trouble: str) -> None:
    post.faults.append(Fault("dot", trouble))
    with pytest.raises(InDoubt):
        await deliver(post)


async def test_a_refusal_behind_the_final_dot_is_one(post: FakeMail) -> None:
    post.faults.append(Fault("dot", "say", "554 5.7.1 spam"))
    with pytest.raises(SmtpNo) as caught:
        await deliver(post)
    assert (caught.value.step, caught.value.code, caught.value.enhanced) == ("END", 554, "5.7.1")


async def test_nonsense_behind_the_final_dot_proves_nothing(post: FakeMail) -> None:
    post.faults.append(Fault("dot", "say", "what was that"))
    with pytest.raises(InDoubt):
        await deliver(post)


async def test_silence_behind_the_final_dot_proves_nothing(post: FakeMail) -> None:
    post.faults.append(Fault("dot", "hang"))
    with pytest.raises(InDoubt):
        await deliver(post, final_s=0.05)
    assert len(post.delivered) == 1


async def test_all_recipients_or_none(post: FakeMail) -> None:
    with pytest.raises(SmtpNo) as caught:
        await deliver(post, "jane@example.test", "nobody@example.test")
    assert caught.value.step == "RCPT"
    assert post.delivered == []


async def test_dots_and_line_ends_survive(post: FakeMail) -> None:
    await deliver(post)
    assert post.delivered[0].raw == MAIL


@pytest.mark.parametrize("address", ["a@x\r\nRCPT TO:<evil@x>", "é@x"])
async def test_no_command_can_be_smuggled_in(post: FakeMail, address: str) -> None:
    with pytest.raises(SmtpNo):
        await deliver(post, address)
    assert not any("evil" in command for command in post.commands)


@pytest.mark.parametrize(("step", "code", "text", "kind"), [
    ("AUTH", 535, "5.7.8 bad", AuthError), ("AUTH", 454, "4.7.0 Too many login attempts", RateLimited),
    ("AUTH", 421, "4.7.0 Try again later", RateLimited), ("MAIL", 530, "5.7.0 Authentication required", AuthError),
    ("MAIL", 534, "5.7.9 app password", AuthError), ("RCPT", 550, "5.1.1 no such user", Rejected),
    ("RCPT", 450, "4.2.1 greylisted", Unavailable), ("RCPT", 452, "4.5.3 too many recipients", RateLimited),
    ("END", 552, "5.3.4 too big", Rejected), ("END", 550, "5.4.5 Daily user sending limit exceeded", RateLimited),
    ("END", 451, "4.3.0 disk", Unavailable), ("END", 554, "5.7.1 spam", Rejected),
    ("CONNECT", 421, "4.3.2 shutting down", Unavailable), ("DATA", 250, "what", Unavailable),
    ("END", 421, "4.7.28 rate", RateLimited),
])
def test_refusals_are_sorted(step: str, code: int, text: str, kind: type[SourceError]) -> None:
    error = Words("mail:x", lambda: "secret-password").smtp("smtp.x", SmtpNo(step, code, text))
    assert type(error) is kind
    assert error.title.startswith("mail:x: ")
    assert "smtp.x" in error.title
    assert error.remedy


@pytest.mark.parametrize(("code", "text", "login", "kind"), [
    ("AUTHENTICATIONFAILED", "no", True, AuthError), ("", "LOGIN failed", True, AuthError),
    ("UNAVAILABLE", "db down", True, RateLimited), ("LIMIT", "too many", True, RateLimited),
    ("", "Too many simultaneous connections", True, RateLimited), ("UNAVAILABLE", "x", False, Unavailable),
    ("LIMIT", "x", False, RateLimited), ("NOPERM", "x", False, Rejected), ("EXPIRED", "x", False, AuthError),
    ("INUSE", "x", False, Unavailable),
])
def test_what_imap_servers_refuse_is_sorted(code: str, text: str, login: bool, kind: type[SourceError]) -> None:
    said = Words("mail:x", lambda: "")
    error = (said.login if login else said.imap)("imap.x", ImapNo("SELECT", code, text))
    assert type(error) is kind


def test_a_server_that_repeats_our_password_is_not_quoted() -> None:
    said = Words("mail:x", lambda: "secret-password")
    assert "secret" not in str(said.login("h", ImapNo("LOGIN", "", "no such secret-password \x1b[2J")))
    assert "\x1b" not in str(said.login("h", ImapNo("LOGIN", "", "\x1b[2J")))


# TLS ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for localhost, with its key in one file."""
    folder = tmp_path_factory.mktemp("mail-certs")
    both = folder / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
         both, "-out", folder / "cert.pem", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost"],
        check=True, capture_output=True)
    both.write_text(both.read_text() + (folder / "cert.pem").read_text())
    return both


@pytest.fixture
async def secure(clock: ManualClock, certificate: Path) -> AsyncIterator[FakeMail]:
    """A mail server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    fake = await FakeMail(clock, secure=context).start()
    yield fake
    await fake.stop()


async def greeted(where: str, ca_file: str) -> str:
    place = server("imap", where, "tls", ca_file=ca_file, name="mail:x", timeout_s=5)
    line, upgrade = await place.open()
    imap = Imap(line, 5)
    try:
        await imap.begin(upgrade)
        return imap.greeting
    finally:
        await imap.leave()


async def test_a_certificate_that_nobody_vouches_for_stops_everything(secure: FakeMail, certificate: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await greeted(secure.imap, "")
    assert secure.commands == []
    assert "ready" in await greeted(secure.imap, str(certificate))
    with pytest.raises(ssl.SSLCertVerificationError):
        await greeted(secure.imap.replace("localhost", "127.0.0.1"), str(certificate))


@pytest.mark.parametrize(("where", "security", "expected"), [
    ("imap.x.test", "tls", (993, True, True)), ("imap.x.test", "starttls", (143, False, True)),
    ("imap.x.test:143", "tls", (143, False, True)), ("imap.x.test:9993", "tls", (9993, True, True)),
    ("localhost", "none", (143, False, False)), ("[::1]:143", "none", (143, False, False)),
])
def test_where_and_how(where: str, security: str, expected: tuple[int, bool, bool]) -> None:
    it = server("imap", where, security, ca_file="", name="mail:x", timeout_s=5)
    assert (it.port, it.at_once, it.protected) == expected


@pytest.mark.parametrize(("where", "security"), [
    ("imap.x.test", "none"), ("", "tls"), ("a b", "tls"), ("https://x", "tls"), ("x:99999", "tls"), ("x:y", "tls"),
])
def test_places_that_are_none(where: str, security: str) -> None:
    with pytest.raises(ConfigError) as caught:
        server("imap", where, security, ca_file="", name="mail:x", timeout_s=5)
    assert caught.value.remedy
