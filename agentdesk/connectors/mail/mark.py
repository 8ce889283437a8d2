"""The mark by which our own mails are known when they come back: nobody else can make one.

It holds the reply's own id and proves, with the account's password, that the mail of this id is ours. A stranger who
writes in our name cannot pass off words as our answer; where no password is kept (access tokens change) it proves
nothing, and the sender's address has to do.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from agentdesk.connectors.mail.headers import Header, message_id
from agentdesk.model.text import inert_line

OWN_ID = "X-Agentdesk-Id"


class Mark:
    """Makes and checks marks for one account."""

    def __init__(self, secret: Callable[[], str], us: str, *, lasting: bool) -> None:
        self._secret = secret
        self._us = us
        self._lasting = lasting
        """True when the secret is a password, which stays the same."""

    def make(self, client_id: str, identifier: str) -> str:
        """The mark of a mail with this message id."""
        said = _clean(client_id)
        return f"{said} {self._proof(said, identifier)}"

    def client_id(self, header: Header) -> str:
        """The reply's own id of a mail that is ours; empty for any other."""
        said, _, proof = header.raw(OWN_ID.casefold()).strip().partition(" ")
        if not said or _clean(said) != said:
            return ""
        if self._lasting:
            return said if hmac.compare_digest(self._proof(said, message_id(header)).encode(), proof.encode()) else ""
        return said if any(one.mail == self._us for one in header.addresses("from")) else ""

    def _proof(self, client_id: str, identifier: str) -> str:
        said = f"{client_id}\n{identifier}".encode("utf-8", "replace")
        return hmac.new(self._secret().encode("utf-8", "replace"), said, hashlib.sha256).hexdigest()[:32]


def _clean(client_id: str) -> str:
    return str(inert_line(client_id, limit=120)).replace(" ", "-").encode("ascii", "replace").decode()
