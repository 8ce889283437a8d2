"""What can be said about each kind of source. Every field's docstring is also its description in the JSON Schema."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

import msgspec

from agentdesk.config.section import FilePath, Line, Section
from agentdesk.config.shape import (
    DELIMITER,
    ENCODING,
    LABEL,
    LETTER,
    SOURCE_LABEL,
    Between,
    Length,
    Text,
    Unique,
    Url,
    Zone,
)
from agentdesk.model.clock import DAY, MINUTE, SECOND, Millis


class SecretRef(Section, frozen=True, kw_only=True):
    """Where a token or password is kept; the value itself never stands in the file."""

    kind: Literal["keyring", "command", "env", "file", "prompt"]
    value: str = ""
    """The keyring entry, variable or file."""
    command: tuple[str, ...] = ()
    """The argument list whose first line of output is the secret."""
    backend: str = ""
    """For keyring: the one backend to use, named in full; needed for those that keep plain text."""

    def say(self) -> str:
        """Name the place, never what is in it."""
        match self.kind:
            case "keyring":
                return f"keyring entry {self.value}"
            case "command":
                return f"command {self.command[0]}"
            case "env":
                return f"environment variable {self.value}"
            case "file":
                return f"file {self.value}"
            case "prompt":
                return "asked for at start"


class SourceBase(Section, frozen=True, kw_only=True):
    """What every source has, whatever its kind."""

    kind: ClassVar[str]
    needs_token: ClassVar[bool] = True
    """True when it cannot work without a token."""
    name: Annotated[str, SOURCE_LABEL]
    """The label after the kind: kind rt and name support make the source rt:support."""
    letter: Annotated[str, LETTER] = ""
    """The letter that stands for it in the queue; empty for the connector's own."""
    token: SecretRef | None = None
    """Where the token is kept: keyring, command, env, file or prompt."""
    ca_file: FilePath = ""
    """A file of certificate authorities to trust besides the system's; empty for none."""
    timeout: Annotated[Millis, Length(SECOND, 10 * MINUTE)] = 30 * SECOND
    """The longest that one request may take."""
    poll: Annotated[Millis, Length(SECOND, DAY)] | None = None
    """Time between two looks for news; off lets the connector choose."""
    backfill: Annotated[Millis, Length(0, 3_650 * DAY)] = 7 * DAY
    """How far back to fetch on first connect."""
    backfill_items: Annotated[int, Between(0, 100_000)] = 200
    """How much to fetch on first connect at most."""
    paused: bool = False
    """True to leave it alone for now: what is stored stays readable."""

    @property
    def full_name(self) -> str:
        """The source's name everywhere else, such as ``rt:support``."""
        return f"{self.kind}:{self.name}"


class ListenConfig(Section, frozen=True, kw_only=True):
    """What to listen for besides what is addressed to us; a post that fits any word, phrase or tag is a hit."""

    name: Annotated[str, LABEL]
    """How the screen calls it."""
    words: tuple[Line, ...] = ()
    """Whole words or names, in any case."""
    phrases: tuple[Line, ...] = ()
    """Several words in this order."""
    tags: tuple[Line, ...] = ()
    """Hashtags, without #."""
    languages: tuple[Annotated[str, Text(2, 20)], ...] = ()
    """Only posts in these languages, such as en; none for all. A post that names no language is kept."""
    exclude: tuple[Line, ...] = ()
    """Words or phrases that mean it is not about us."""
    exclude_authors: tuple[Line, ...] = ()
    """Handles whose posts never count."""


class RtSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="rt"):
    """A Request Tracker 5 help desk (REST 2.0)."""

    kind: ClassVar[str] = "rt"
    url: Annotated[str, Url()]
    """Where RT is, without /REST/2.0."""
    queues: tuple[Line, ...] = ()
    """The queues to watch; none for all that the token may see."""
    query: Line = ""
    """More TicketSQL that a ticket must match, such as Status != 'spam'."""
    ticket_queue: Line = ""
    """The queue in which tickets are opened for conversations elsewhere; empty for the first that is watched."""
    user: Annotated[str, Text(0, 120)] = ""
    """The login whose token it is, to tell our own work from a colleague's; empty asks the server."""
    take_on_reply: bool = True
    """Take the ticket before replying, so that two agents do not both answer."""
    closed_status: Annotated[str, Text(1, 60)] = "resolved"
    """The status of a ticket that is done."""
    tags_field: Annotated[str, Text(0, 60)] = ""
    """The custom field that holds tags; empty for no tags."""
    client_id_field: Annotated[str, Text(0, 60)] = ""
    """The transaction custom field for our own id, so that a reply is never sent twice; empty if RT has none."""


class FileSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="file"):
    """Posts from a file or a folder of files; replies go to another file."""

    kind: ClassVar[str] = "file"
    needs_token: ClassVar[bool] = False
    path: FilePath
    """The file, or a folder whose files are read in order of their names."""
    format: Literal["auto", "jsonl", "csv"] = "auto"
    """How it is written; auto goes by the file's name."""
    columns: dict[Annotated[str, Text(1, 40)], Annotated[str, Text(1, 200)]] = msgspec.field(default_factory=dict)
    """For CSV: our field's name, then the column that holds it."""
    delimiter: Annotated[str, DELIMITER] = ""
    """For CSV: the sign between columns; empty to find out."""
    encoding: Annotated[str, ENCODING] = "utf-8"
    """How its text is encoded."""
    zone: Annotated[str, Zone()] = "UTC"
    """The time zone of times that name none."""
    ours: tuple[Line, ...] = ()
    """Authors that are us: what they wrote is outgoing."""
    out: FilePath = ""
    """Where replies are written, one JSON object a line; empty for beside the path, with .replies.jsonl added."""


class DemoSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="demo"):
    """A made-up world that needs no network; started by the demo command, not from the file."""

    kind: ClassVar[str] = "demo"
    needs_token: ClassVar[bool] = False
    seed: int = 1
    """The same seed tells the same story."""
    trouble: bool = True
    """True to let the server fail now and then."""


class MastodonSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="mastodon"):
    """An account on Mastodon, GoToSocial, Pleroma, Akkoma, snac, Pixelfed."""

    kind: ClassVar[str] = "mastodon"
    url: Annotated[str, Url()]
    """The server, such as https://mastodon.social."""
    visibility: Literal["public", "unlisted"] = "public"
    """The widest that a reply in public is."""
    listen: Annotated[tuple[ListenConfig, ...], Unique("name")] = ()
    """What to listen for besides mentions."""


class BlueskySource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="bluesky"):
    """An account on Bluesky or another AT Protocol server."""

    kind: ClassVar[str] = "bluesky"
    handle: Annotated[str, Text(1, 253)]
    """The account, such as acme.bsky.social; its app password is the token."""
    url: Annotated[str, Url()] = "https://bsky.social"
    """The server that holds the account."""
    chat: Annotated[str, Text(0, 300)] = "did:web:api.bsky.chat#bsky_chat"
    """The service that carries direct messages; empty to leave them alone."""
    listen: Annotated[tuple[ListenConfig, ...], Unique("name")] = ()
    """What to listen for besides mentions."""


class ChatwootSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="chatwoot"):
    """An account on a Chatwoot help desk."""

    kind: ClassVar[str] = "chatwoot"
    url: Annotated[str, Url()]
    """Where Chatwoot is."""
    account: Annotated[int, Between(1, 1_000_000_000)]
    """The account's number, as in /app/accounts/1."""
    inboxes: tuple[Line, ...] = ()
    """The inboxes to watch, by name; none for all that the token may see."""
    ticket_inbox: Line = ""
    """The inbox in which tickets are opened for conversations elsewhere; empty for the first of the kind API."""


class ZammadSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="zammad"):
    """A Zammad help desk."""

    kind: ClassVar[str] = "zammad"
    url: Annotated[str, Url()]
    """Where Zammad is."""
    groups: tuple[Line, ...] = ()
    """The groups to watch, by name; none for all that the token may see."""
    ticket_group: Line = ""
    """The group in which tickets are opened for conversations elsewhere; empty for the first that is watched."""
    closed_status: Annotated[str, Text(1, 60)] = "closed"
    """The state of a ticket that is done."""


class ZendeskSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="zendesk"):
    """A Zendesk Support help desk."""

    kind: ClassVar[str] = "zendesk"
    url: Annotated[str, Url()]
    """Where Zendesk is, such as https://acme.zendesk.com."""
    user: Annotated[str, Text(0, 254)] = ""
    """The agent's mail address for an API token; empty for an OAuth token."""
    groups: tuple[Line, ...] = ()
    """The groups to watch, by name; none for all that the token may see."""
    ticket_group: Line = ""
    """The group in which tickets are opened for conversations elsewhere; empty for the first that is watched."""


class MailSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="mail"):
    """A mailbox: IMAP to read, SMTP to send."""

    kind: ClassVar[str] = "mail"
    address: Annotated[str, Text(3, 254)]
    """The address customers write to, and replies come from."""
    display_name: Annotated[str, Text(0, 120)] = ""
    """The name beside the address in replies."""
    imap: Annotated[str, Text(1, 253)]
    """The IMAP server, with :port unless it is 993."""
    smtp: Annotated[str, Text(1, 253)]
    """The SMTP server, with :port unless it is 465."""
    user: Annotated[str, Text(0, 254)] = ""
    """The login; empty for the address."""
    auth: Literal["password", "oauth2"] = "password"
    """What the token is: a password (often an app password), or an access token that a command prints."""
    security: Literal["tls", "starttls", "none"] = "tls"
    """How both lines are protected: tls begins with it, on ports 143, 587 and 25 by STARTTLS; none only for this
    machine."""
    folder: Annotated[str, Text(1, 200)] = "INBOX"
    """The folder to watch."""
    sent: Annotated[str, Text(0, 200)] = ""
    """The folder of sent mail; empty finds it."""
    ours: tuple[Line, ...] = ()
    """More addresses that are ours: aliases, and colleagues who answer with this mailbox in copy."""
    reply_all: bool = False
    """Send replies to the others in To and Cc, too."""
    own_copy: bool = True
    """Send a hidden copy of each mail to the mailbox itself: it proves that the server took the mail."""
    save_sent: bool = True
    """Put what was sent into the folder of sent mail where the server does not."""
    footer: tuple[Annotated[str, Text(0, 200)], ...] = ()
    """Lines under every mail, below the usual mark of a signature."""
    tickets_to: Annotated[str, Text(0, 254)] = ""
    """The address of the colleague or help desk that tickets opened from here go to, unless one names another."""


class RssSource(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag="rss"):
    """RSS or Atom feeds to listen to."""

    kind: ClassVar[str] = "rss"
    needs_token: ClassVar[bool] = False
    feeds: tuple[Annotated[str, Url(query=True)], ...]
    """The addresses of the feeds."""
    listen: Annotated[tuple[ListenConfig, ...], Unique("name")] = ()
    """Which of their entries count; none for all."""


SourceConfig: TypeAlias = (
    MastodonSource | BlueskySource | RtSource | ChatwootSource | ZammadSource | ZendeskSource | MailSource | RssSource
    | FileSource | DemoSource
)
SOURCE_KINDS: dict[str, type[SourceBase]] = {kind.kind: kind for kind in get_args(SourceConfig)}
USER_KINDS = tuple(kind for kind in SOURCE_KINDS if kind != "demo")
"""The kinds that may stand in the file."""
