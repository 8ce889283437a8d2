"""Signing in to a mailbox: an address and a password, with the servers found and offered."""

from __future__ import annotations

from agentdesk.connectors.login import Ask, SignIn
from agentdesk.connectors.mail.finding import Found, servers_of
from agentdesk.connectors.mail.headers import is_address
from agentdesk.connectors.mail.servers import split
from agentdesk.connectors.mail.writing import domain
from agentdesk.errors import ConfigError
from agentdesk.model.text import inert_line

WAYS = (("password", "a password, or an app password"), ("oauth2", "an access token that a program prints"))


async def ask_for_mailbox(ask: Ask) -> SignIn:
    """Ask for what is needed, in the order in which it can be answered."""
    address = await _address(ask)
    ask.tell("Looking for the servers of " + address.rpartition("@")[2])
    found = await servers_of(domain(address).casefold())
    imap = await _server(ask, "IMAP server (to read)", found.imap, 993)
    smtp = await _server(ask, "SMTP server (to send)", found.smtp, 465)
    user = (await ask.text("Login", hint="usually the whole address", default=address)).strip()
    _tell_where(ask, found)
    way = await ask.choose("How it is signed in to", WAYS if found.auth == "password" else tuple(reversed(WAYS)))
    secret = await ask_for_password(ask, way)
    settings: dict[str, str | int | tuple[str, ...]] = {"address": address, "imap": imap, "smtp": smtp}
    if user and user != address:
        settings["user"] = user
    if way != "password":
        settings["auth"] = way
    name = (await ask.text("Name beside the address in replies", hint="such as Acme Support; may be empty")).strip()
    if name:
        settings["display_name"] = str(inert_line(name, limit=120))
    return SignIn(name=_label(address), settings=settings, secret=secret, fleeting=way != "password")


async def renew_password(ask: Ask, address: str, way: str) -> str:
    """Ask for another password of a mailbox that is configured already."""
    _tell_where(ask, await servers_of(domain(address).casefold()))
    return await ask_for_password(ask, way)


async def ask_for_password(ask: Ask, way: str) -> str:
    """Ask for what the mailbox is opened with."""
    return await ask.secret("Password" if way == "password" else "Access token")


def _tell_where(ask: Ask, found: Found) -> None:
    if found.hint:
        ask.tell(found.hint)
    else:
        ask.tell("Many providers want an app password instead of the usual one: look for it in the account's security "
                 "settings")


async def _address(ask: Ask) -> str:
    while True:
        address = (await ask.text("Mail address", hint="the one that customers write to")).strip()
        if is_address(address) and "." in address.rpartition("@")[2]:
            return address
        ask.tell(f"{inert_line(address, limit=80)} is no mail address" if address else "An address is needed")


async def _server(ask: Ask, title: str, offered: str, usual: int) -> str:
    while True:
        where = (await ask.text(title, hint=f"host, with :port unless it is {usual}", default=offered)).strip()
        try:
            split(where, "mail", "server")
        except ConfigError as error:
            ask.tell(str(error))
            continue
        return where


def _label(address: str) -> str:
    """A label for the source: the word before the @."""
    word = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in address.lower())
    return word.strip("-_").partition("-")[0][:40] or "mail"
