"""What a configuration value may look like, as marks on the schema's types.

The same marks steer the conversion of the file, its error messages, and the JSON Schema for editors.
"""

from __future__ import annotations

import msgspec

from agentdesk.model.clock import DAY, Millis

CENTURY: Millis = 36_525 * DAY


class Length(msgspec.Struct, frozen=True):
    """A length of time as text, such as ``6h``; kept as milliseconds. ``off`` is None where the type allows
    it, and no time at all where ``least`` is 0."""

    least: Millis = 0
    most: Millis = CENTURY


class Between(msgspec.Struct, frozen=True):
    """A number within bounds, both included."""

    least: float
    most: float


class Text(msgspec.Struct, frozen=True):
    """One line of text, empty only when ``least`` is 0; ``words`` refuse what does not match ``pattern`` in full."""

    least: int = 0
    most: int = 200
    pattern: str = ""
    words: str = ""
    tab: bool = False
    """True when it may hold tabs."""


class Zone(msgspec.Struct, frozen=True):
    """A time zone's name, such as ``Europe/Berlin``; empty for the machine's own."""


class Url(msgspec.Struct, frozen=True):
    """An https address without user, password, query or fragment; http only towards this machine."""

    query: bool = False
    """True when it may have a query."""


class Place(msgspec.Struct, frozen=True):
    """A file or folder; ``~`` is the home folder, anything relative is beside the configuration file."""


class Regex(msgspec.Struct, frozen=True):
    """A regular expression."""


class Day(msgspec.Struct, frozen=True):
    """A calendar day, ``2026-12-24``."""


class Week(msgspec.Struct, frozen=True):
    """Opening hours over the week, ``mon-fri: 08:00-18:00``; kept as a tuple of ``Hours``."""


class Filter(msgspec.Struct, frozen=True):
    """A filter, judged by what the caller that knows the language hands to ``load()``."""


class Unique(msgspec.Struct, frozen=True):
    """A list in which no two entries may share this field."""

    field: str


LABEL = Text(1, 40, r"[\w][\w.-]*", "may hold letters, digits, dot, dash and underscore")
"""A name that is typed in queries and commands."""
SOURCE_LABEL = Text(1, 40, r"[a-z0-9][a-z0-9_.-]*", "may hold small letters, digits, dot, dash and underscore")
LETTER = Text(0, 1, r"[A-Za-z0-9]?", "must be one letter or digit")
DIGIT = Text(0, 1, r"[1-9]?", "must be a digit from 1 to 9")
DELIMITER = Text(0, 1, r"[^\w\"\r\n]?", 'must be one sign such as ; or "\\t"', tab=True)
ARGUMENT = Text(1, 400, r"(?!.*\{\{).*", "may hold no {{…}}: the conversation comes as JSON on standard input, and in "
                "variables such as AGENTDESK_ID")
ENCODING = Text(1, 30, r"[A-Za-z0-9][A-Za-z0-9_.-]*", "not an encoding's name such as utf-8")
HOLIDAYS = Text(0, 10, r"([A-Z]{2}(-[A-Z0-9]{1,4})?)?", "not a country such as DE, or a region such as DE-BY")
VARIABLE = Text(1, 100, r"[A-Za-z_][A-Za-z0-9_]*", "not a variable's name: letters, digits, underscore")
BACKEND = Text(1, 200, r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", "not a backend's full name such as keyrings.alt.file.Plain…")
