"""The configuration as a whole: command line over environment over file over default, every mistake in one report."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from agentdesk.config.checks import check
from agentdesk.config.schema import Config
from agentdesk.config.values import Validator
from agentdesk.config.walk import BAD, Walker, is_blank
from agentdesk.config.yaml import Document, Doubles, Map, Node, Scalar, parse, read_bytes
from agentdesk.errors import ConfigError
from agentdesk.paths import is_there

ENVIRONMENT = {
    "AGENTDESK_AGENT": "agent.name",
    "AGENTDESK_SIGNATURE": "agent.signature",
    "AGENTDESK_ZONE": "agent.zone",
    "AGENTDESK_THEME": "ui.theme",
    "AGENTDESK_ASCII": "ui.ascii",
    "AGENTDESK_COLOURS": "ui.colours",
    "AGENTDESK_EDITOR": "ui.editor",
    "AGENTDESK_IDLE_LOCK": "ui.idle_lock",
    "AGENTDESK_HOLD": "replies.hold",
}
"""The variables that set a value, and which; an empty variable counts as not set."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration, and where each value that was given came from."""

    config: Config
    origins: dict[str, str]
    """By dotted path: ``config.yaml:14``, ``environment AGENTDESK_THEME`` or ``command line``; no defaults."""


def load(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    query_problem: Validator | None = None,
    missing_ok: bool = False,
) -> Config:
    """Read the configuration; a ConfigError lists every mistake at once.

    ``path`` None means no file. ``overrides`` are the command line's, by dotted path. ``query_problem`` says
    what is wrong with a filter: their language is another package's. ``missing_ok``: no such file counts as empty.
    """
    return explain(path, environ, overrides, query_problem=query_problem, missing_ok=missing_ok).config


def explain(
    path: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    query_problem: Validator | None = None,
    missing_ok: bool = False,
) -> Loaded:
    """Like ``load()``, and tell where each value came from."""
    document: Document | None = None
    doubles: Doubles = []
    if path is not None and not (missing_ok and not is_there(path)):
        _check_owner(path)
        document = parse(read_bytes(path, path.name), path.name, doubles)
    base = path.parent.absolute() if path is not None else Path.cwd()
    return interpret(document, base, environ, overrides, query_problem=query_problem, doubles=doubles)


def interpret(
    document: Document | None,
    base: Path,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    *,
    query_problem: Validator | None = None,
    doubles: Doubles | None = None,
) -> Loaded:
    """Turn a document that is read already into a configuration; relative paths in it are beside ``base``.

    ``doubles`` are keys of it that stand there twice, and where, to be told with all other mistakes.
    """
    environ = os.environ if environ is None else environ
    walker = Walker(query_problem, base)
    for key, reason in doubles or ():
        walker.say(key, (key.text,), reason)
    root = document.root if document is not None else Map("", 0, 0, {}, {})
    if is_blank(root):
        root = Map(root.file, 1, 1, {}, {})
    if isinstance(root, Map):
        root = _overlay_all(root, environ, overrides or {}, walker)
    config = walker.walk(root, Config, ())
    if isinstance(root, Map):
        check(root, walker)
    if walker.problems or config is BAD:
        raise _report(walker.problems)
    return Loaded(config=_fill(config, environ), origins=walker.spots)


def title(count: int) -> str:
    """What so many mistakes are called."""
    return "The configuration has a mistake" if count == 1 else f"The configuration has {count} mistakes"


def _report(problems: list[str]) -> ConfigError:
    return ConfigError(title(len(problems)), "; ".join(problems), "Mend the lines named", tuple(problems))


def _overlay_all(root: Map, environ: Mapping[str, str], overrides: Mapping[str, object], walker: Walker) -> Map:
    for name, path in ENVIRONMENT.items():
        if environ.get(name):
            root = _overlay(root, path.split("."), Scalar(f"environment {name}", 0, 0, environ[name]), walker)
    for path, value in overrides.items():
        if value is None:
            continue
        text = str(value).lower() if isinstance(value, bool) else str(value)
        root = _overlay(root, path.split("."), Scalar("command line", 0, 0, text, text == ""), walker)
    return root


def _overlay(root: Map, path: list[str], value: Scalar, walker: Walker) -> Map:
    """Return ``root`` with ``value`` at ``path``, over what stands there."""
    name, *rest = path
    node: Node = value
    if rest:
        below = root.entries.get(name, Scalar(value.file, 0, 0, ""))
        below = Map(value.file, 0, 0, {}, {}) if is_blank(below) else below
        if not isinstance(below, Map):
            walker.say(value, (*path,), "only a single value of a section can be set here")
            return root
        node = _overlay(below, rest, value, walker)
    key = root.keys.get(name) if rest else None
    keys = root.keys | {name: key or Scalar(value.file, 0, 0, name)}
    return Map(root.file, root.line, root.column, root.entries | {name: node}, keys)


def _fill(config: Config, environ: Mapping[str, str]) -> Config:
    """Put in what the machine knows where the file says nothing: the login name, and NO_COLOR."""
    agent, ui = config.agent, config.ui
    if not agent.name:
        agent = msgspec.structs.replace(agent, name=_login(environ))
    if ui.colours == "auto" and environ.get("NO_COLOR"):
        ui = msgspec.structs.replace(ui, colours="none")
    return msgspec.structs.replace(config, agent=agent, ui=ui)


def _login(environ: Mapping[str, str]) -> str:
    for name in ("LOGNAME", "USER", "USERNAME"):
        text = environ.get(name, "")
        if text and text.isprintable():
            return text[:60]
    return "agent"


def _check_owner(path: Path) -> None:
    """Refuse a file that others could have written: it names commands and servers."""
    try:
        status = path.stat()
    except OSError as error:
        cause = os.strerror(error.errno or 0)
        raise ConfigError(f"{path} cannot be read", cause, "Check the path and its permissions") from error
    name = shlex.quote(str(path))
    if status.st_uid not in (os.geteuid(), 0):
        remedy = f"Run: sudo chown {os.geteuid()} {name}"
        raise ConfigError(f"{path} belongs to somebody else", "It names commands and servers", remedy)
    if stat.S_IMODE(status.st_mode) & 0o002:
        remedy = f"Run: chmod o-w {name}"
        raise ConfigError(f"{path} can be written by anybody", "It names commands and servers", remedy)
