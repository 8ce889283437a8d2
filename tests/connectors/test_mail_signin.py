"""Signing in to a mailbox: little is asked, servers are found, and what a name server says is not believed blindly."""

from __future__ import annotations

import asyncio
import struct

import pytest

from agentdesk.config.sources import MailSource
from agentdesk.connectors.mail import finding, sign_in
from agentdesk.connectors.mail.finding import Found, best, servers_of, srv
from agentdesk.model.clock import ManualClock
from tests.connectors.asking import Answers


async def test_a_known_provider_needs_only_the_address_and_the_password(clock: ManualClock) -> None:
    person = Answers("jane.doe@gmail.com", "", "", "", "", "app-password", "")
    found = await sign_in(person, clock)
    assert found.name == "jane"
    assert found.settings == {"address": "jane.doe@gmail.com", "imap": "imap.gmail.com", "smtp": "smtp.gmail.com"}
    assert found.secret == "app-password"
    assert "app-password" not in repr(found)
    assert any("app password" in words for words in person.told)
    MailSource(name=found.name, **found.settings)  # type: ignore[arg-type]


async def test_what_is_found_is_offered_and_can_be_changed(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def offers(domain: str) -> Found:
        assert domain == "xn--kln-sna.test"
        return Found("mail.provider.test", "mail.provider.test:587")

    monkeypatch.setattr("agentdesk.connectors.mail.signin.servers_of", offers)
    person = Answers("nonsense", "Support@Köln.test", "", "bad server", "smtp.other.test", "support", "", "pw",
                    "Acme\nKöln")
    found = await sign_in(person, clock)
    assert found.settings == {"address": "Support@Köln.test", "imap": "mail.provider.test", "smtp": "smtp.other.test",
                              "user": "support", "display_name": "Acme Köln"}
    assert sum("is no mail address" in words or "is no server" in words for words in person.told) == 2


async def test_microsoft_is_signed_in_to_with_a_token(clock: ManualClock) -> None:
    person = Answers("a@outlook.com", "", "", "", "", "token", "")
    assert (await sign_in(person, clock)).settings["auth"] == "oauth2"


# asking the domain ----------------------------------------------------------------------------------------------------


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".") if part) + b"\0"


def answer(number: int, *places: tuple[int, int, int, str], flags: int = 0x8180) -> bytes:
    out = struct.pack(">HHHHHH", number, flags, 1, len(places), 0, 0) + name("_imaps._tcp.x.test") + b"\0\x21\0\1"
    for priority, weight, port, host in places:
        data = struct.pack(">HHH", priority, weight, port) + name(host)
        out += b"\xc0\x0c" + struct.pack(">HHIH", 33, 1, 60, len(data)) + data
    return out


def test_the_best_place_counts() -> None:
    assert best(answer(7, (20, 0, 993, "b.x.test"), (10, 1, 993, "c.x.test"), (10, 5, 1993, "a.x.test")), 7) == (
        "a.x.test", 1993)
    assert best(answer(7, (0, 0, 0, "")), 7) is None, "a dot means that there is no such service"
    assert best(answer(7), 7) is None


@pytest.mark.parametrize("data", [
    answer(8, (0, 0, 993, "a.x.test")), answer(7, (0, 0, 993, "a.x.test"), flags=0x8183), b"", b"\0\7\x81\x80",
    answer(7, (0, 0, 993, "a b/c.test")), answer(7, (0, 0, 993, "a.x.test"))[:-6],
    struct.pack(">HHHHHH", 7, 0x8180, 1, 0, 0, 0) + b"\xc0\x0c\xc0\x0c",
])
def test_anything_else_is_no_answer(data: bytes) -> None:
    with pytest.raises((ValueError, IndexError, struct.error)):
        best(data, 7)


async def test_a_name_server_is_asked_once_and_not_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class Server(asyncio.DatagramProtocol):
        asked = 0

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            Server.asked += 1
            (number,) = struct.unpack(">H", data[:2])
            if b"silent" not in data:
                self.transport.sendto(answer(number, (0, 0, 993, "imap.x.test")), addr)  # type: ignore[attr-defined]

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    place = transport.get_extra_info("sockname")
    monkeypatch.setattr(finding, "ASK_S", 0.05)
    try:
        assert await srv("_imaps._tcp.x.test", place) == ("imap.x.test", 993)
        assert await srv("_imaps._tcp.silent.test", place) is None
        assert await srv("é.test", place) is None
        assert Server.asked == 2
    finally:
        transport.close()


async def test_the_domains_own_word_comes_before_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"_imaps._tcp.x.test": ("imap.host.test", 993), "_submission._tcp.x.test": ("smtp.host.test", 587)}

    async def asked(service: str) -> tuple[str, int] | None:
        return said.get(service)

    async def tried(hosts: tuple[str, ...], port: int) -> str:
        return hosts[-1] if port == 465 else ""

    monkeypatch.setattr(finding, "srv", asked)
    monkeypatch.setattr(finding, "_first_answering", tried)
    assert await servers_of("x.test") == Found("imap.host.test", "smtp.host.test:587")
    said.clear()
    assert await servers_of("x.test") == Found("", "mail.x.test")
    said["_imaps._tcp.x.test"] = ("outlook.office365.com", 993)
    assert (await servers_of("x.test")).auth == "oauth2"
