"""Every mistake in the configuration, its keys and its theme, each with its place; also what a start only warns of."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from agentdesk.bootstrap import Options, config_file, machine_zone, read_config
from agentdesk.commands.everything import VERB_MODULES
from agentdesk.commands.keymap import PARENTS, Keymap
from agentdesk.commands.registry import Registry
from agentdesk.commands.scripts import with_scripts
from agentdesk.config.schema import Config
from agentdesk.config.words import did_you_mean
from agentdesk.config.yaml import Document, Map, Path_, parse, read_bytes
from agentdesk.errors import ConfigError
from agentdesk.paths import is_there, places
from agentdesk.rules.rulebook import Rulebook


def mistakes(options: Options) -> tuple[Config | None, list[str]]:
    """The configuration where it can be read, and all that is wrong with it."""
    try:
        config = read_config(options)
    except ConfigError as error:
        return None, list(error.problems or (str(error),))
    path = config_file(options)
    document = parse(read_bytes(path, path.name), path.name) if is_there(path) else _nothing(path.name)
    return config, [*_rules(config, document), *_theme(options, config, document), *_commands(config, document),
                    *_keys(config, document)]


def _nothing(name: str) -> Document:
    return Document(name, Map(name, 1, 1, {}, {}))


def _rules(config: Config, document: Document) -> Iterator[str]:
    """What is wrong with calendars and policies beyond their form."""
    try:
        Rulebook.build(config, ZoneInfo(config.agent.zone) if config.agent.zone else machine_zone())
    except ConfigError as error:
        for problem in error.problems:
            section, name, reason = problem.split(": ", 2)
            yield document.problem(_named(document, section, name), reason)


def _named(document: Document, section: str, name: str) -> Path_:
    """Where the entry of this name stands in a list."""
    listed = document.plain.get(section) or ()
    return section, next((place for place, one in enumerate(listed) if str(one.get("name")) == name), 0)


def _theme(options: Options, config: Config, document: Document) -> Iterator[str]:
    """What is wrong with the theme that is named."""
    from agentdesk.ui.theme import find_themes, load_theme

    found = find_themes(places(options.profile).themes())
    name = config.ui.theme
    if name not in found:
        known = did_you_mean(name, found) or f"; there are {', '.join(sorted(found))}"
        reason = f'no theme "{name}"{known}'
        section = document.plain.get("ui") if isinstance(document.root, Map) else None
        in_file = section is not None and section.get("theme") == name
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
    for problem in Keymap.build(config.keys, known=found.reads).problems:
        path: Path_ = ("keys", problem.context, problem.keys) if problem.keys else ("keys", problem.context)
        near = did_you_mean(problem.context, PARENTS) if not problem.keys else ""
        yield document.problem(path, problem.text + (near or (f"; {problem.remedy}" if problem.remedy else "")))
