"""Between the server's shapes and the model: text, people, who is named, and how wide it may be read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentdesk.connectors.foreign import ref, text_and_raw, web_url
from agentdesk.connectors.html import html_to_text
from agentdesk.connectors.items import instant
from agentdesk.connectors.mastodon.wire import Account, Media, Status
from agentdesk.model.customer import Profile
from agentdesk.model.message import Attachment, Author, Direction, Kind, Message, Visibility
from agentdesk.model.text import Inert, inert, inert_line

WIDTH = (Visibility.DIRECT, Visibility.FOLLOWERS, Visibility.UNLISTED, Visibility.PUBLIC)
"""From narrowest to widest."""
_FROM_WIRE = {"public": Visibility.PUBLIC, "unlisted": Visibility.UNLISTED, "direct": Visibility.DIRECT,
              "list": Visibility.DIRECT}
_TO_WIRE = {Visibility.PUBLIC: "public", Visibility.UNLISTED: "unlisted", Visibility.FOLLOWERS: "private",
            Visibility.DIRECT: "direct"}
_LEADING = re.compile(r"\s*@([\w.-]+(?:@[\w.:-]*\w)?)(?=[\s,:]|$)[,:]?\s*")
_NAMED = re.compile(r"(?<![\w/@.])@(\w(?:[\w.-]*\w)?(?:@[\w.:-]*\w)?)")
NOBODY = ("", "0")
KNOWN_PEOPLE = 5_000
ASIDE = "~"
"""Parts a status' id from the conversation in whose thread a copy of it is shown."""


class Speaker:
    """Makes messages and profiles for one account."""

    def __init__(self) -> None:
        self.me = ""
        self.my_acct = ""
        self.domain = ""
        self._ids: dict[str, str] = {}
        """Ids of accounts by their page: some servers give the same id for whoever is mentioned."""

    def learn(self, account: Account) -> None:
        """Remember whose page it is."""
        if account.url:
            self._ids[account.url] = account.ref
        while len(self._ids) > KNOWN_PEOPLE:
            del self._ids[next(iter(self._ids))]

    def mentioned(self, status: Status) -> list[str]:
        """The accounts that a status names, as far as we can tell."""
        told = (self._ids.get(one.url, "") if str(one.id) in NOBODY else str(one.id) for one in status.mentions)
        return [ref for ref in told if ref]

    def speaks_to(self, status: Status, account: str) -> bool:
        """True when a status names that account or answers it."""
        return str(status.in_reply_to_account_id) == account or account in self.mentioned(status)

    def message(
        self, status: Status, conversation: str, *, customer: str, indirect: bool = False, aside: bool = False,
        pending: bool = False,
    ) -> Message:
        """A status as a message; ValueError when it has no time or no id.

        ``aside`` marks what others say in the thread. Such a copy has a ref of its own, so that the same status can
        still arrive as somebody's own conversation.
        """
        created = instant(status.created_at)
        if created is None:
            raise ValueError(f"{status.created_at!r} is no time")
        ours = status.account.ref == self.me
        text, raw = text_and_raw(self.text(status, customer))
        return Message(
            ref=_copy(ref(status.id), customer) if aside else ref(status.id),
            conversation_ref=conversation,
            author=self.author(status.account),
            direction=Direction.ASIDE if aside else Direction.OUT if ours else Direction.IN,
            text=text, raw=raw, created_at=created, kind=self._kind(status, indirect or aside),
            visibility=visibility(status.visibility), parent_ref=self._parent(status, customer),
            edited_at=instant(status.edited_at), attachments=tuple(map(_attachment, status.media_attachments[:16])),
            url=web_url(status.url or status.uri), lang=str(inert_line(status.language, limit=20)),
            indirect=indirect, pending=pending,
        )

    def text(self, status: Status, customer: str) -> str:
        """What a person would read: a content warning above, the choices of a poll below.

        Our own replies take over the warning of what they answer, so there it is not shown again.

        The handle that only makes a reply arrive (ours before a customer's words, the customer's before ours) is left
        out, for it stands before every one.
        """
        shown = html_to_text(status.content, {one.url: f"@{one.acct or one.username}" for one in status.mentions
                                              if one.url and (one.acct or one.username)})
        for_whom = customer if status.account.ref == self.me else self.me
        handles = {spelt for one in status.mentions for spelt in self._spellings(one.acct)
                   if for_whom in (str(one.id), self._ids.get(one.url))}
        if for_whom == self.me:
            handles |= self._spellings(self.my_acct)
        text = without_leading(shown, handles)
        if status.spoiler_text.strip() and not (status.parent and status.account.ref == self.me):
            text = f"[{status.spoiler_text.strip()}]\n{text}"
        if status.poll is not None:
            text = "\n".join([text, *(f"- {choice.title}" for choice in status.poll.options[:20])]).strip()
        return text

    def author(self, account: Account) -> Author:
        """Who wrote."""
        return Author(ref=ref(account.id), name=self._name(account), handle=self.handle(account.acct))

    def profile(self, account: Account) -> Profile:
        """A person as the server shows them; a verified link proves a website, not a name."""
        lines = [html_to_text(account.note)]
        links: list[Inert] = []
        for field in account.fields[:8]:
            value = html_to_text(field.value)
            lines.append(f"{field.name}: {value}" + (" (verified)" if field.verified_at else ""))
            if field.verified_at and (link := web_url(value.split()[0] if value.split() else "")):
                links.append(inert_line(link, limit=2_000))
        return Profile(
            ref=ref(account.id), handle=self.handle(account.acct), name=self._name(account), url=web_url(account.url),
            bio=inert("\n".join(line for line in lines if line.strip()), limit=10_000), links=tuple(links),
            followers=account.followers_count, following=account.following_count, posts=account.statuses_count,
            created_at=instant(account.created_at), verified="domain" if links else "none", bot=account.bot,
            remarks=tuple(self._remarks(account)),
        )

    def _remarks(self, account: Account) -> Iterator[Inert]:
        """What moderators did to an account, and whether its owner is elsewhere now."""
        if account.suspended:
            yield inert_line("suspended there: an answer may not arrive")
        if account.limited:
            yield inert_line("limited by moderators")
        if account.moved is not None and (now := self.handle(account.moved.acct)):
            yield inert_line(f"uses {now} now")

    def handle(self, acct: str) -> Inert:
        """The whole handle, with the server's own domain where it leaves that out."""
        acct = acct.strip().removeprefix("@")
        if not acct:
            return Inert("")
        return inert_line(f"@{acct}" if "@" in acct or not self.domain else f"@{acct}@{self.domain}")

    def _parent(self, status: Status, customer: str) -> str:
        """The ref under which what this answers is shown in the customer's conversation."""
        parent = str(inert_line(status.parent))
        own = str(status.in_reply_to_account_id) in ("", customer, self.me)
        return parent if own or not parent else _copy(parent, customer)

    def _name(self, account: Account) -> Inert:
        return inert_line(account.display_name) or inert_line(account.username or account.acct or account.ref)

    def _kind(self, status: Status, overheard: bool) -> Kind:
        if status.visibility == "direct":
            return Kind.DM
        if overheard:
            return Kind.POST
        if str(status.in_reply_to_account_id) == self.me or status.account.ref == self.me:
            return Kind.REPLY
        return Kind.MENTION

    def _spellings(self, acct: str) -> set[str]:
        """The ways in which one account may be written."""
        acct = acct.lower().removeprefix("@")
        name, _, domain = acct.partition("@")
        return {acct, name, f"{name}@{domain or self.domain}"} - {""}


def visibility(word: str) -> Visibility:
    """A server's word for who can read it; one that we do not know is taken for followers."""
    return _FROM_WIRE.get(word, Visibility.FOLLOWERS)


def wire_word(wanted: Visibility, *widest: Visibility) -> str:
    """The server's word for the narrowest of these."""
    told = [one for one in (wanted, *widest) if one in WIDTH]
    return _TO_WIRE[min(told or [Visibility.DIRECT], key=WIDTH.index)]


def without_leading(text: str, handles: set[str]) -> str:
    """The text without these handles where it begins with them; what would leave nothing stays."""
    at, kept = 0, []
    while found := _LEADING.match(text, at):
        if found[1].lower().rstrip(".") not in handles:
            kept.append(found[0].strip())
        at = found.end()
    rest = " ".join([*kept, text[at:]]) if kept else text[at:]
    return rest if rest.strip() and at else text


def names_them(text: str, acct: str, domain: str) -> bool:
    """True when a text names an account, so that its owner is told of it."""
    name, _, host = acct.lower().removeprefix("@").partition("@")
    host = host or domain
    return any(found.lower() in ((f"{name}@{host}", name) if host == domain else (f"{name}@{host}",))
               for found in named(text))


def named(text: str) -> list[str]:
    """The handles that a text names, without the first @."""
    return [found[1] for found in _NAMED.finditer(text)]


def _copy(status_ref: str, customer: str) -> str:
    return f"{status_ref}{ASIDE}{customer}"


def plain_ref(message_ref: str) -> str:
    """The status' id of a message's ref, also where the message is a copy in somebody else's thread."""
    return message_ref.partition(ASIDE)[0]


def _attachment(media: Media) -> Attachment:
    address = web_url(media.url or media.remote_url)
    name = address.rpartition("/")[2].partition("?")[0] or media.type or "file"
    return Attachment(name=inert_line(name, limit=120), mime=str(inert_line(_MIMES.get(media.type, ""), limit=40)),
                      url=address, alt=inert(media.description, limit=5_000))


_MIMES = {"image": "image/*", "video": "video/*", "gifv": "video/mp4", "audio": "audio/*"}
