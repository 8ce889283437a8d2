"""Kinds of sources that other packages bring: found by the name that the configuration gives, never looked through.

A package offers a kind as an entry point of the group ``agentdesk.connectors``: the kind's name, and a module or object
with ``Settings`` (the fields of the source's block) and ``connect``. Its code is loaded when a configuration, or a
person, names the kind; what is wrong with it concerns that source alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from agentdesk.config.sources import SOURCE_KINDS, SourceBase
from agentdesk.errors import ConfigError
from agentdesk.model.text import inert_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "agentdesk.connectors"
"""The entry-point group."""
KIND = re.compile(r"[a-z][a-z0-9_]{0,39}")
_GUIDE = "docs/connectors.md says what a connector offers"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind that an installed package says it brings; nothing of it is loaded yet."""

    kind: str
    package: str
    """The distribution with its version."""
    place: str
    """Module, or module and object."""


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """A kind that another package brings, loaded."""

    kind: str
    settings: type[SourceBase]
    home: Any
    """The module or object that has ``connect``, and perhaps ``sign_in``."""
    package: str


def offers() -> tuple[Offer, ...]:
    """Every kind that installed packages say they bring, without loading any."""
    return tuple(sorted(map(_offer, _entries()), key=lambda offer: (offer.kind, offer.package)))


def find(kind: str) -> Plugin | None:
    """The package's connector for ``kind``; None when none brings it, a ConfigError when it cannot be used."""
    if kind in SOURCE_KINDS:
        return None
    found = _load(kind)
    if isinstance(found, ConfigError):
        raise found
    return found


@functools.cache
def package_of(kind: str) -> str:
    """The distribution and version that bring a kind; empty for a built-in one."""
    if kind in SOURCE_KINDS:
        return ""
    return " and ".join(dict.fromkeys(_offer(entry).package for entry in _entries(kind)))


def settings_of(kind: str) -> type[SourceBase] | None:
    """The settings of a kind, built in or not; None when there is no such kind."""
    plugin = None if kind in SOURCE_KINDS else find(kind)
    return plugin.settings if plugin is not None else SOURCE_KINDS.get(kind)


def named(plain: object) -> tuple[str, ...]:
    """The kinds that a configuration names and that are not built in."""
    sources = plain.get("sources") if isinstance(plain, dict) else None
    kinds = [each.get("kind") for each in sources if isinstance(each, dict)] if isinstance(sources, list) else []
    return tuple(dict.fromkeys(kind for kind in kinds if isinstance(kind, str) and kind not in SOURCE_KINDS))


def clashes() -> Iterable[Offer]:
    """Offers of kinds that are built in: the built-in ones win."""
    return (offer for offer in offers() if offer.kind in SOURCE_KINDS)


def forget() -> None:
    """Look again for what is installed."""
    _load.cache_clear()
    package_of.cache_clear()


@functools.cache
def stand_in(kind: str) -> type[SourceBase]:
    """Settings for a source whose package cannot be used: only what every source has."""

    class Unusable(SourceBase, frozen=True, kw_only=True, tag_field="kind", tag=kind):
        """A source whose package cannot be used."""

        needs_token: ClassVar[bool] = False

    Unusable.kind = kind
    return Unusable


@functools.cache
def _load(kind: str) -> Plugin | ConfigError | None:
    """Load a kind once; the error is kept too, so that it is told for every source in the same words."""
    entries = tuple(_entries(kind))
    if not entries:
        return None
    packages = sorted({_offer(entry).package for entry in entries})
    if len(packages) > 1:
        return ConfigError(f"Two packages bring the kind {kind}", " and ".join(packages), "Uninstall one of them")
    package = packages[0]
    try:
        home = entries[0].load()
    except (Exception, SystemExit) as error:
        said = inert_line(f"{type(error).__name__}: {error}", limit=300)
        return ConfigError(f"The connector {kind} of {package} cannot be loaded", said,
                           "Update or reinstall that package; the other sources go on")
    wrong = _wrong(kind, home)
    if wrong:
        return ConfigError(f"The connector {kind} of {package} cannot be used", wrong, _GUIDE)
    return Plugin(kind=kind, settings=home.Settings, home=home, package=package)


def _wrong(kind: str, home: Any) -> str:
    """What does not fit about a package's connector, in words; empty when all does."""
    if not KIND.fullmatch(kind):
        return "A kind has small letters, digits and underscores only"
    if not callable(getattr(home, "connect", None)):
        return "It has no function connect"
    settings = getattr(home, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, SourceBase)):
        return "Its Settings are no struct made from agentdesk.config.sources.SourceBase"
    if getattr(settings, "kind", None) != kind or settings.__struct_config__.tag != kind:
        return f'Its Settings are not of the kind {kind}: tag_field="kind", tag="{kind}", and kind = "{kind}"'
    if not settings.__struct_config__.frozen:
        return "Its Settings are not frozen"
    from agentdesk.config.walk import strange_fields

    strange = strange_fields(settings)
    return f"Its Settings have fields that a configuration cannot hold: {', '.join(strange)}" if strange else ""


def _entries(kind: str = "") -> Iterable[EntryPoint]:
    """The group's entry points, or those for one kind; what looks for them takes a megabyte, and few desks have any."""
    from importlib.metadata import entry_points

    return entry_points(group=GROUP, name=kind) if kind else entry_points(group=GROUP)


def _offer(entry: EntryPoint) -> Offer:
    made = entry.dist
    package = f"{made.metadata['Name']} {made.version}" if made is not None else "an unknown package"
    return Offer(kind=entry.name, package=str(inert_line(package, limit=120)), place=entry.value)
