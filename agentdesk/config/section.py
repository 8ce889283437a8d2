"""What every part of the configuration is made of: its base, and the kinds of single values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from agentdesk.config.shape import LABEL, Filter, Length, Place, Text
from agentdesk.model.clock import DAY, MINUTE, Millis

Target: TypeAlias = Annotated[Millis, Length(least=MINUTE, most=3_650 * DAY)]
Label: TypeAlias = Annotated[str, LABEL]
Line: TypeAlias = Annotated[str, Text()]
Query: TypeAlias = Annotated[str, Text(0, 2_000), Filter()]
FilePath: TypeAlias = Annotated[str, Place()]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the configuration."""
