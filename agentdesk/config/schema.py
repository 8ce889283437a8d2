"""The configuration as frozen data; a ``Config()`` with nothing in it is complete and valid.

Every field's docstring is also its description in the JSON Schema. Lengths of time are milliseconds here and text such
as ``6h`` in the file.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from agentdesk.config.section import FilePath, Label, Line, Query, Section, Target
from agentdesk.config.shape import (
    ARGUMENT,
    DIGIT,
    HOLIDAYS,
    LABEL,
    Between,
    Day,
    Length,
    Regex,
    Text,
    Unique,
    Week,
    Zone,
)
from agentdesk.config.sources import SourceConfig
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, Millis


class AgentConfig(Section, frozen=True, kw_only=True):
    """Who works at this desk."""

    name: Annotated[str, Text(0, 60)] = ""
    """The name in claims, the ledger and reports; empty for the login name."""
    signature: Annotated[str, Text(0, 60)] = ""
    """Added under replies and counted by itself, such as ^AB; empty for none."""
    zone: Annotated[str, Zone()] = ""
    """The time zone in which times are shown and typed; empty for the machine's own."""


class Hours(msgspec.Struct, frozen=True, order=True):
    """One stretch of opening hours: ``day`` 0 is Monday; minutes from midnight, ``closes`` at most 1440."""

    day: int
    opens: int
    closes: int


OFFICE_HOURS = tuple(Hours(day, 9 * 60, 17 * 60) for day in range(5))


class CalendarConfig(Section, frozen=True, kw_only=True):
    """Business hours in which clocks run."""

    name: Label
    """How policies call it."""
    zone: Annotated[str, Zone()] = ""
    """Its time zone; empty for the agent's."""
    hours: Annotated[tuple[Hours, ...], Week()] = OFFICE_HOURS
    """When the desk is open: mon-fri: 08:00-18:00, or a list of such lines for split shifts."""
    holidays: Annotated[str, HOLIDAYS] = ""
    """Whose public holidays it is closed on; empty for none."""
    closed: tuple[Annotated[str, Day()], ...] = ()
    """More days on which it is closed."""
    open: tuple[Annotated[str, Day()], ...] = ()
    """Holidays on which it is open all the same, with that weekday's hours."""


class PolicyConfig(Section, frozen=True, kw_only=True):
    """Targets for the conversations that a query matches; the first policy that matches counts."""

    name: Label
    """How the screen and reports call it."""
    when: Query = ""
    """Which conversations it is for; empty for all."""
    calendar: Annotated[str, Text(0, 40)] = "24x7"
    """The calendar its clocks run in; 24x7 never closes."""
    first: Target | None = 6 * HOUR
    """Until the first reply; off for none."""
    next: Target | None = 6 * HOUR
    """Until every later reply; off for none."""
    resolution: Target | None = 3 * DAY
    """Until it is done; off for none."""
    expectation: Target | None = HOUR
    """When customers expect a reply, shown beside the target; off for none."""
    tell: Target | None = 2 * HOUR
    """Until the customer hears that a ticket opened for them is solved; off for no clock."""
    soon: Target | None = None
    """How long before the target a clock counts as soon; off for a quarter of the target."""


class ViewConfig(Section, frozen=True, kw_only=True):
    """A saved query over the queue, on a digit key."""

    key: Annotated[str, DIGIT] = ""
    """The key that opens it; empty for none."""
    name: Label
    """What stands on its tab."""
    query: Query = ""
    """What it shows."""


class RepliesConfig(Section, frozen=True, kw_only=True):
    """How replies are written and sent."""

    packs: tuple[FilePath, ...] = ()
    """Folders with canned replies, besides the packs folder beside this file."""
    hold: Annotated[Millis, Length(0, 5 * MINUTE)] = 5 * SECOND
    """How long a reply can be called back before it leaves; off sends at once."""
    repeat_limit: Annotated[int, Between(1, 1_000)] = 3
    """Warn when the same text went to this many other customers today."""
    unedited: bool = True
    """Warn before a canned reply goes out unedited."""
    claim_for: Annotated[Millis, Length(MINUTE, DAY)] = 15 * MINUTE
    """How long a claim lasts without work on it."""


class FilesConfig(Section, frozen=True, kw_only=True):
    """Where attachments of messages are saved."""

    folder: FilePath = ""
    """The folder they go to; empty for your own folder for downloads."""
    limit_mb: Annotated[int, Between(1, 10_000)] = 25
    """Larger files are not fetched; in millions of bytes."""


class UiConfig(Section, frozen=True, kw_only=True):
    """How the screen looks and behaves."""

    theme: Annotated[str, Text(1, 60)] = "dark"
    """A built-in theme or a file in the themes folder beside this file."""
    ascii: bool = False
    """True to draw with plain characters only."""
    colours: Literal["auto", "truecolor", "16", "none"] = "auto"
    """How many colours the terminal is given."""
    wide: Annotated[int, Between(60, 1_000)] = 120
    """From this many columns on, list, conversation and customer stand side by side."""
    medium: Annotated[int, Between(40, 1_000)] = 100
    """From this many columns on, list and conversation stand side by side."""
    scroll: Literal["half_page", "smooth"] = "half_page"
    """How a list moves when the cursor leaves it; half_page draws least over a slow line."""
    idle_lock: Annotated[Millis, Length(0, DAY)] = 0
    """Hide everything after this long without a key; off for never."""
    editor: Annotated[str, Text(0, 400)] = ""
    """The command that edits a reply outside; empty for $VISUAL or $EDITOR."""
    bell: bool = False
    """Notify, or ring the bell where the terminal cannot, when messages come in while it is not in front."""
    key_hint: Annotated[Millis, Length(0, MINUTE)] | None = 300
    """How long after a first key the possible next ones are shown; off for never."""


class PrivacyConfig(Section, frozen=True, kw_only=True):
    """What should not leave the desk by mistake, and what should not stay in it for ever."""

    warn_public: dict[Annotated[str, Text(1, 60)], Annotated[str, Regex()]] = msgspec.field(default_factory=dict)
    """More private data to warn of in a public reply: its name, then a regular expression."""
    keep_texts: Annotated[Millis, Length(0)] = 0
    """How long the texts of what is done stay in the cache; off for as long as the cache is."""


NOT_ABOUT_US = "not-about-us"
"""The code of what listening found and is about something else."""
NOT_ACTIONABLE = {
    "thanks": "Thanks or done, nothing asked",
    NOT_ABOUT_US: "Not about us",
    "not-for-us": "Not meant for us",
    "no-question": "Nothing we can act on",
    "news": "News, a share or a quotation",
    "handled-elsewhere": "Handled on another channel",
}
SPAM = {
    "advert": "Advertising",
    "scam": "Fraud or phishing",
    "abuse": "Abuse without a request",
    "bot": "Automatic post",
}


class CommandConfig(Section, frozen=True, kw_only=True):
    """A program of yours as a command: it is handed the conversation as JSON on its standard input, never in words."""

    name: Label
    """How it is called: on the : line, on keys and after agentdesk do."""
    title: Line = ""
    """What the palette and the help say; empty for the name."""
    run: tuple[Annotated[str, ARGUMENT], ...]
    """The program and its arguments, as a list; no shell reads them, and nothing is put into them."""
    on: Literal["one", "selection", "none"] = "one"
    """What it is about: the conversation under the cursor, all that are marked, or nothing."""
    output: Literal["none", "show", "draft"] = "none"
    """What becomes of what it prints: nothing, a page to read, or text for the reply."""
    timeout: Annotated[Millis, Length(SECOND, 10 * MINUTE)] = 20 * SECOND
    """How long it may take."""
    confirm: bool = False
    """True asks before it runs."""


class CodesConfig(Section, frozen=True, kw_only=True):
    """The reasons for closing without a reply: a code, then its title."""

    not_actionable: dict[Label, Line] = msgspec.field(default_factory=NOT_ACTIONABLE.copy)
    """Why nothing needs doing."""
    spam: dict[Label, Line] = msgspec.field(default_factory=SPAM.copy)
    """What kind of spam it is."""


DEFAULT_VIEWS = (
    ViewConfig(key="1", name="all", query="state:open"),
    ViewConfig(key="2", name="mine", query="state:open mine"),
    ViewConfig(key="3", name="late", query="state:open late"),
    ViewConfig(key="4", name="praise", query="state:open praise"),
    ViewConfig(key="5", name="waiting", query="state:waiting"),
    ViewConfig(key="6", name="snoozed", query="state:snoozed"),
    ViewConfig(key="7", name="unsent", query="unsent state:open,waiting,snoozed,done"),
    ViewConfig(key="8", name="review", query="review state:done"),
    ViewConfig(key="9", name="done", query="state:done"),
)
DEFAULT_POLICIES = (
    PolicyConfig(name="heard", when="indirect", first=DAY, next=12 * HOUR, resolution=None, expectation=None),
    PolicyConfig(name="default"),
)
"""What nobody addressed to us can wait longer, and need not be brought to an end."""

KeyMap: TypeAlias = dict[Annotated[str, Text(1, 60)], Annotated[str, Text(1, 400)] | None]


class Config(Section, frozen=True, kw_only=True):
    """Everything that can be set; what is left out has the default shown in config.example.yaml."""

    version: Annotated[int, Between(1, 1)] = 1
    """The version of this format."""
    agent: AgentConfig = AgentConfig()
    """Who works at this desk."""
    sources: tuple[SourceConfig, ...] = ()
    """The accounts on platforms and help desks."""
    calendars: Annotated[tuple[CalendarConfig, ...], Unique("name")] = ()
    """Business hours for policies."""
    policies: Annotated[tuple[PolicyConfig, ...], Unique("name")] = DEFAULT_POLICIES
    """Reply targets, the first that matches counts."""
    views: Annotated[tuple[ViewConfig, ...], Unique("name"), Unique("key")] = DEFAULT_VIEWS
    """Saved queries on the keys 1 to 9."""
    replies: RepliesConfig = RepliesConfig()
    """How replies are written and sent."""
    files: FilesConfig = FilesConfig()
    """Where attachments of messages are saved."""
    ui: UiConfig = UiConfig()
    """How the screen looks and behaves."""
    keys: dict[Annotated[str, LABEL], KeyMap] = msgspec.field(default_factory=dict)
    """Keys by context: the keys, then the call they make; null takes a key away."""
    signals: dict[Annotated[str, Text(1, 60)], Annotated[float, Between(-100, 100)]] = msgspec.field(
        default_factory=dict)
    """Words that raise (or, below zero, calm) a conversation's severity, added to the built-in ones; 0 removes one."""
    privacy: PrivacyConfig = PrivacyConfig()
    """What should not leave the desk by mistake."""
    commands: Annotated[tuple[CommandConfig, ...], Unique("name")] = ()
    """Programs of yours as commands."""
    codes: CodesConfig = CodesConfig()
    """The reasons for closing without a reply."""
