"""A submission server that hands every mail to Dovecot's LMTP, and spoils one when it is told to."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

DIR, PORT, TLS_PORT, LMTP = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
FAULT = DIR / "fault"


class Deliver:
    """Takes mails."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Deliver a mail, or spoil it."""
        fault = FAULT.read_text().strip() if FAULT.exists() else ""
        FAULT.unlink(missing_ok=True)
        if fault == "later":
            return "451 4.3.0 not now"
        if fault != "lose":
            stamp = b"Received: from desk by localhost; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
            try:
                await asyncio.to_thread(hand_over, envelope.mail_from, envelope.rcpt_tos,
                                        stamp + envelope.original_content)
            except OSError as error:
                return f"451 4.3.0 {type(error).__name__}"
        if fault in ("cut", "lose"):
            server.transport.abort()
        return "250 2.0.0 OK delivered"


def hand_over(sender: str, recipients: list[str], content: bytes) -> None:
    """Deliver by LMTP, which answers for each recipient: to one at a time."""
    with smtplib.LMTP("127.0.0.1", LMTP, timeout=20) as lmtp:
        for recipient in recipients:
            lmtp.sendmail(sender, [recipient], content)


def sign_in(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
    """Everybody has the same password."""
    return AuthResult(success=auth.password == b"mailpass")


def main() -> None:
    """Serve until stopped: in the clear with STARTTLS on one port, with TLS from the start on another."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DIR / "cert.pem", DIR / "key.pem")
    both: dict[str, Any] = {"hostname": "127.0.0.1", "authenticator": sign_in, "auth_required": True,
                            "auth_require_tls": False}
    Controller(Deliver(), port=PORT, tls_context=context, **both).start()
    Controller(Deliver(), port=TLS_PORT, ssl_context=context, **both).start()
    asyncio.new_event_loop().run_forever()


if __name__ == "__main__":
    main()
