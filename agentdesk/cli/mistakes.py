"""Every mistake in the configuration, its keys and its theme, each with its place; also what a start only warns of."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from agentdesk.bootstrap import Options, config_file, machine_zone, read_config
from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import PARENTS, Keymap
from agentdesk.commands.registry import Registry
from agentdesk.commands.scripts import with_scripts
from agentdesk.config.schema import Config
from agentdesk.config.sound import sound_part
from agentdesk.config.words import did_you_mean
from agentdesk.config.yaml import Document, Doubles, Map, Path_, parse, read_bytes
from agentdesk.errors import ConfigError
from agentdesk.paths import is_there, places
from agentdesk.rules.query import problem
from agentdesk.rules.rulebook import Rulebook


def mistakes(options: Options) -> tuple[Config | None, list[str]]:
    """The configuration where it can be read, and all that is wrong with it."""
    path = config_file(options)
    try:
        config = read_config(options)
    except ConfigError as error:
        try:
            document = _document(path, [])
        except ConfigError:
            return None, list(error.problems or (str(error),))
        return None, [*error.problems, *_beyond(options, _sound(options, document), document)]
    return config, list(_beyond(options, config, _document(path)))


def _document(path: Path, doubles: Doubles | None = None) -> Document:
    return parse(read_bytes(path, path.name), path.name, doubles) if is_there(path) else _nothing(path.name)


def _sound(options: Options, document: Document) -> Config:
    """What can be read of a configuration with mistakes, with the theme that was asked for elsewhere."""
    config = sound_part(document.root, config_file(options).parent.absolute(), problem)
    theme = options.overrides.get("ui.theme") or os.environ.get("AGENTDESK_THEME")
    return replace(config, ui=replace(config.ui, theme=str(theme))) if theme else config


def _beyond(options: Options, config: Config, document: Document) -> Iterator[str]:
    """What is wrong beyond the form of single values."""
    yield from _rules(config, document)
    yield from _theme(options, config, document)
    yield from _commands(config, document)
    yield from _keys(config, document)


def _nothing(name: str) -> Document:
    return Document(name, Map(name, 1, 1, {}, {}))


def _rules(config: Config, document: Document) -> Iterator[str]:
    """What is wrong with calendars and policies beyond their form."""
    try:
        Rulebook.build(config, ZoneInfo(config.agent.zone) if config.agent.zone else machine_zone())
    except ConfigError as error:
        for text in error.problems:
            section, name, reason = text.split(": ", 2)
            yield document.problem(_named(document, section, name), reason)


def _named(document: Document, section: str, name: str) -> Path_:
    """Where the entry of this name stands in a list."""
    listed = _section(document, section)
    return section, next((place for place, one in enumerate(listed if isinstance(listed, list) else ())
                          if isinstance(one, dict) and str(one.get("name")) == name), 0)


def _section(document: Document, name: str) -> object:
    return document.plain.get(name) if isinstance(document.root, Map) else None


def _theme(options: Options, config: Config, document: Document) -> Iterator[str]:
    """What is wrong with the theme that is named."""
    from agentdesk.ui.theme import find_themes, load_theme

    found = find_themes(places(options.profile).themes())
    name = config.ui.theme
    if name not in found:
        known = did_you_mean(name, found) or f"; there are {', '.join(sorted(found))}"
        reason = f'no theme "{name}"{known}'
        section = _section(document, "ui")
        in_file = isinstance(section, dict) and section.get("theme") == name
        elsewhere = f"command line or environment: ui.theme: {reason}"
        yield document.problem(("ui", "theme"), reason) if in_file else elsewhere
        return
    try:
        load_theme(found[name])
    except ConfigError as error:
        yield from error.problems


def _commands(config: Config, document: Document) -> Iterator[str]:
    """Which programs of the person's own are called like a verb, and are left out therefore."""
    if not config.commands:
        return
    from agentdesk.ui import verbs

    taken = Registry.of((*VERB_MODULES, verbs))
    for one in config.commands:
        if one.name in taken:
            section, place = _named(document, "commands", one.name)
            yield document.problem((section, place, "name"), f'agentdesk has a command "{one.name}" already')


def _keys(config: Config, document: Document) -> Iterator[str]:
    """What is wrong with the keys: contexts, strokes, calls, and chords that hide each other."""
    if not config.keys:
        return
    from agentdesk.ui import verbs

    found, _ = with_scripts(Registry.of((*VERB_MODULES, verbs)), config.commands)
    for one in Keymap.build(config.keys, known=found.reads).problems:
        path: Path_ = ("keys", one.context, one.keys) if one.keys else ("keys", one.context)
        near = did_you_mean(one.context, PARENTS) if not one.keys else ""
        yield document.problem(path, one.text + (near or (f"; {one.remedy}" if one.remedy else "")))
