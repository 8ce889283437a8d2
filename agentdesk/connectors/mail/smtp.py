"""Handing a mail to an SMTP server (RFC 5321, RFC 6409), with exact knowledge of how far it got.

Until the final dot has left nothing can have been accepted; the server's answer to it settles the matter; a line that
breaks between the two leaves it open, and only that is ``InDoubt``.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import Sequence

from agentdesk.connectors.mail.line import Line, LineBroken, TooMuch
from agentdesk.connectors.mail.refusals import SmtpNo

FINAL_S = 100.0
"""A server may take its time over the last answer: it is scanning the mail."""
MOST_LINES = 200
_DOT = re.compile(rb"^\.", re.MULTILINE)
_END = re.compile(rb"\r\n|\r|\n")


class InDoubt(Exception):
    """The line broke after the final dot had left and before the server answered it."""


class Smtp:
    """One session, for one mail or for seeing whether the login works."""

    def __init__(self, line: Line, timeout_s: float, final_s: float = FINAL_S) -> None:
        self._line = line
        self._timeout_s = timeout_s
        self._final_s = final_s
        self.offers: dict[str, str] = {}
        """What the server can do, by its keyword."""

    async def begin(self, upgrade: ssl.SSLContext | None) -> None:
        """Hear the greeting, say who we are, and change to TLS where that is still to be done."""
        code, text = await self._reply("CONNECT")
        if code != 220:
            raise SmtpNo("CONNECT", code, text)
        await self._hello()
        if upgrade is not None:
            await self._say("STARTTLS", "STARTTLS", 220)
            async with asyncio.timeout(self._timeout_s):
                await self._line.upgrade(upgrade)
            await self._hello()

    async def _hello(self) -> None:
        text = await self._say("EHLO", "EHLO [127.0.0.1]", 250)
        self.offers = {}
        for row in text.split("\n")[1:]:
            keyword, _, value = row.replace("=", " ", 1).partition(" ")
            self.offers[keyword.upper()] = f"{self.offers.get(keyword.upper(), '')} {value}".strip()

    @property
    def largest(self) -> int | None:
        """The most bytes a mail may have, if the server says."""
        size = self.offers.get("SIZE", "")
        return int(size) if size.isdecimal() and int(size) > 0 else None

    async def sign_in(self, user: str, secret: str, *, bearer: bool) -> bool:
        """Log in; False when the server asks for no login at all."""
        ways = self.offers.get("AUTH", "").upper().split()
        if not ways:
            return False
        if bearer:
            packed = _packed(f"user={user}\1auth=Bearer {secret}\1\1")
            code, text = await self._ask(f"AUTH XOAUTH2 {packed}", "AUTH")
            if code == 334:  # the reason of the refusal, to be acknowledged
                code, text = await self._ask("", "AUTH")
        elif "PLAIN" in ways or "LOGIN" not in ways:
            code, text = await self._ask("AUTH PLAIN " + _packed(f"\0{user}\0{secret}"), "AUTH")
        else:
            code, text = await self._ask("AUTH LOGIN", "AUTH")
            for word in (user, secret):
                if code == 334:
                    code, text = await self._ask(_packed(word), "AUTH")
        if code != 235:
            raise SmtpNo("AUTH", code, text)
        return True

    async def deliver(self, sender: str, recipients: Sequence[str], copy_to: str, mail: bytes) -> bool:
        """Hand over one mail for all ``recipients`` or none; says whether the copy was taken, too.

        SmtpNo, LineBroken, TooMuch and TimeoutError prove that it was not accepted; InDoubt proves nothing.
        """
        body = _DOT.sub(b"..", _END.sub(b"\r\n", mail))
        if not body.endswith(b"\r\n"):
            body += b"\r\n"
        size = f" SIZE={len(body)}" if "SIZE" in self.offers else ""
        await self._say("MAIL", f"MAIL FROM:<{sender}>{size}", 250)
        for recipient in recipients:
            await self._say("RCPT", f"RCPT TO:<{recipient}>", 250, 251)
        copied = False
        if copy_to and copy_to not in recipients:
            code, _ = await self._ask(f"RCPT TO:<{copy_to}>", "RCPT")
            copied = code in (250, 251)
        await self._say("DATA", "DATA", 354)
        async with asyncio.timeout(self._timeout_s):
            await self._line.write(body)
        await self._end()
        return copied

    async def _end(self) -> None:
        """Send the final dot and hear what became of the mail."""
        try:
            async with asyncio.timeout(self._final_s):
                await self._line.write(b".\r\n")
                code, text = await self._read("END")
        except (LineBroken, TooMuch, TimeoutError, SmtpNo) as error:
            raise InDoubt(str(error) or "no answer in time") from error
        if not 200 <= code < 300:
            if 400 <= code < 600:
                raise SmtpNo("END", code, text)
            raise InDoubt(f"an answer out of turn: {code} {text}")

    async def leave(self) -> None:
        """Say goodbye without waiting for the answer, and close."""
        try:
            async with asyncio.timeout(1):
                await self._line.write(b"QUIT\r\n")
        except (LineBroken, TimeoutError):
            return
        finally:
            await self._line.close()

    async def _say(self, step: str, words: str, *good: int) -> str:
        code, text = await self._ask(words, step)
        if code not in good:
            raise SmtpNo(step, code, text)
        return text

    async def _ask(self, words: str, step: str) -> tuple[int, str]:
        if not words.isascii() or "\r" in words or "\n" in words:
            raise SmtpNo(step, 553, "5.6.7 an address or word that cannot be written in SMTP")
        async with asyncio.timeout(self._timeout_s):
            await self._line.write(words.encode("ascii") + b"\r\n")
        return await self._reply(step)

    async def _reply(self, step: str) -> tuple[int, str]:
        async with asyncio.timeout(self._timeout_s):
            return await self._read(step)

    async def _read(self, step: str) -> tuple[int, str]:
        """One answer of one or more lines."""
        rows: list[str] = []
        for _ in range(MOST_LINES):
            row = (await self._line.line()).decode("utf-8", "replace")
            if not re.match(r"[2-5]\d\d([ -]|$)", row):
                raise LineBroken(f"no SMTP server answers there, but: {row[:60]}")
            rows.append(row[4:])
            if row[3:4] != "-":
                return int(row[:3]), "\n".join(rows)
        raise TooMuch(f"the answer to {step} does not end")


def _packed(words: str) -> str:
    return base64.b64encode(words.encode()).decode()
