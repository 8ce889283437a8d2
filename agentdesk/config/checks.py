"""Mistakes that no single value shows: names that clash, names that point nowhere, sizes that contradict each other."""

from __future__ import annotations

from agentdesk.config.schema import UiConfig
from agentdesk.config.values import quote
from agentdesk.config.walk import Walker
from agentdesk.config.words import did_you_mean
from agentdesk.config.yaml import List, Map, Node, Scalar
from agentdesk.model.text import inert_line

ALWAYS = "24x7"
"""The calendar that never closes; it needs no entry."""


def check(root: Map, walker: Walker) -> None:
    """Note every such mistake of the configuration in ``walker.problems``."""
    _source_names(root, walker)
    _calendars(root, walker)
    _breakpoints(root, walker)
    _commands(root, walker)


def _texts(root: Map, section: str, *fields: str) -> list[tuple[int, tuple[Scalar, ...]]]:
    """Of each entry in a list, the fields that are single values, where all of them are."""
    found = root.entries.get(section)
    out: list[tuple[int, tuple[Scalar, ...]]] = []
    for at, item in enumerate(found.items if isinstance(found, List) else ()):
        values = [item.entries.get(field) for field in fields] if isinstance(item, Map) else []
        texts = tuple(value for value in values if isinstance(value, Scalar) and value.text)
        if len(texts) == len(fields):
            out.append((at, texts))
    return out


def _source_names(root: Map, walker: Walker) -> None:
    seen: dict[str, int] = {}
    for at, (kind, name) in _texts(root, "sources", "kind", "name"):
        full = f"{kind.text}:{name.text}"
        if full in seen:
            reason = f"{quote(full)} is the name of the source in line {seen[full]} already"
            walker.say(name, ("sources", at, "name"), reason)
        seen.setdefault(full, name.line)


def _calendars(root: Map, walker: Walker) -> None:
    known = [ALWAYS]
    for at, (name,) in _texts(root, "calendars", "name"):
        if name.text == ALWAYS:
            walker.say(name, ("calendars", at, "name"), f"{quote(ALWAYS)} is built in; choose another name")
        known.append(name.text)
    for at, (calendar,) in _texts(root, "policies", "calendar"):
        if calendar.text not in known:
            shown = [str(inert_line(name, limit=40)) for name in known]
            hint = did_you_mean(calendar.text, shown) or f"; known: {', '.join(shown)}"
            walker.say(calendar, ("policies", at, "calendar"), f"no calendar {quote(calendar.text)}{hint}")


def _commands(root: Map, walker: Walker) -> None:
    found = root.entries.get("commands")
    for at, item in enumerate(found.items if isinstance(found, List) else ()):
        run = item.entries.get("run") if isinstance(item, Map) else None
        if isinstance(run, List) and not run.items:
            walker.say(run, ("commands", at, "run"), "needs a program, such as [orders, --json]")


def _breakpoints(root: Map, walker: Walker) -> None:
    ui = root.entries.get("ui")
    if not isinstance(ui, Map):
        return
    given = {name: _number(ui.entries.get(name)) for name in ("medium", "wide")}
    if given["medium"] is None and given["wide"] is None:
        return
    default = UiConfig()
    medium = default.medium if given["medium"] is None else given["medium"]
    wide = default.wide if given["wide"] is None else given["wide"]
    if medium > wide:
        name = "medium" if given["medium"] is not None else "wide"
        walker.say(ui.entries[name], ("ui", name), f"medium ({medium}) may not be more than wide ({wide})")


def _number(node: Node | None) -> int | None:
    value = node.to_plain() if isinstance(node, Scalar) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
