"""The keys that work here, made from the registry and the keymap: type to narrow, Enter runs one."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from textual import on

from agentdesk.commands.keymap import PARENTS
from agentdesk.commands.registry import usable
from agentdesk.desk import find
from agentdesk.ui.present import line
from agentdesk.ui.screens.listing import ListScreen, empty, heading, paragraph
from agentdesk.ui.widgets.blocks import Block
from agentdesk.ui.widgets.field import Field
from agentdesk.ui.widgets.runs import BLANK, Row, Run

NAMES = {"queue": "in the queue", "work": "on a conversation", "conversation": "in the conversation",
         "customer": "on the customer", "composer": "while writing", "list": "moving", "outbox": "in the outbox",
         "drafts": "in the drafts", "ledger": "in the ledger", "sources": "on the sources", "global": "everywhere",
         "search": "while searching", "prompt": "while answering", "help": "here"}
"""What a context is called as a heading."""


class Entry(NamedTuple):
    """One line of help: a call, its keys, and what it does."""

    call: str
    keys: str
    title: str
    doc: str
    group: str


class HelpScreen(ListScreen):
    """Keys of one context: those that work on a conversation, then its own, then commands without a key."""

    context = "search"
    DEFAULT_CSS = """
    HelpScreen #preview, HelpScreen #body.-side #preview { height: 3; width: 100%; }
    """
    has_preview = True
    side_from = 1_000_000
    has_field = True
    field_hint = "type to narrow"
    field_keys = (("Enter", "run it", ""), ("↑↓", "move", ""), ("Esc", "leave", ""))

    def __init__(self, context: str = "queue") -> None:
        super().__init__()
        self.about = context
        self._words = ""

    def entries(self) -> list[Entry]:
        """Everything that can be done in this context."""
        app = self.desk_app
        registry, keymap = app.registry, app.keymap
        views = {view.key: view for view in find.views(self.desk)}
        found: dict[str, Entry] = {}
        for binding in keymap.bindings(self.about):
            if binding.verb not in registry:
                continue
            verb = registry[binding.verb]
            known = found.get(binding.call)
            keys = f"{known.keys}, {binding.shown}" if known else binding.shown
            group = known.group if known else NAMES.get(binding.context, binding.context)
            args = binding.call[len(binding.verb):].strip()
            if verb.name == "view" and args not in views:
                continue
            view = views.get(args) if verb.name == "view" else None
            said = _said(args) if view is None else str(view.name)
            title = verb.title if not args else f"{verb.title.rstrip(' …')}: {said}"
            doc = verb.brief if view is None else str(view.query)
            found[binding.call] = Entry(binding.call, keys, title, doc, group)
        bound = {entry.call.split(" ", 1)[0] for entry in found.values()}
        chain = (self.about, *PARENTS.get(self.about, ()))
        for verb in registry:
            if verb.name not in bound and any(usable(verb, context) for context in chain):
                found[verb.name] = Entry(verb.name, "", verb.title, verb.brief, "without a key: type it after :")
        return sorted(found.values(), key=lambda entry: entry.group != NAMES["work"])

    def heading(self) -> Row:
        """Where these keys work."""
        return heading("Keys here" if self.about == "list" else f"Keys {NAMES.get(self.about, self.about)}")

    def blocks(self) -> list[Block]:
        """Keys, title and one sentence, under what they belong to."""
        words = self._words.casefold().split()
        fits = [e for e in self.entries() if all(w in f"{e.keys} {e.title} {e.call} {e.doc}".casefold() for w in words)]
        if not fits:
            return [empty("No command fits these words.\nBackspace widens the search.")]
        found: list[Block] = []
        for group in dict.fromkeys(entry.group for entry in fits):
            title = Row((Run(f" {group}", "accent"),))
            found.append(Block((BLANK, title) if found else (title,), None, False))
            found.extend(Block((self._row(entry),), entry.call) for entry in fits if entry.group == group)
        return found

    def _row(self, entry: Entry) -> Row:
        narrow = self.size.width < 100
        title = line(entry.title, self.size.width - 20 if narrow else 36)
        doc = () if narrow else (Run(f" {line(entry.doc, 300, pad=False)}", "dim"),)
        return Row((Run("   "), Run(line(entry.keys, 16), "key"), Run(title, "bright"), *doc), (Run(" "),))

    def preview(self, key: Hashable) -> list[Row]:
        """What the selected command does, in full."""
        doc = next((entry.doc for entry in self.entries() if entry.call == key), "")
        return [BLANK, *paragraph(doc, self.size.width, "text", 1, 2)] if doc else []

    @on(Field.Changed)
    def typed(self, event: Field.Changed) -> None:
        """Other words."""
        event.stop()
        self._words = event.value
        self.reload()
        self.list.top()

    def chosen(self, key: Hashable) -> None:
        """Run it where the help was asked for."""
        app, about = self.desk_app, self.about
        self.dismiss(None)
        app.call_later(app.call_verb, str(key), where=about)


def _said(args: str) -> str:
    """What a key gives to its verb, in words: ``direct`` for ``visibility=direct``, ``back`` for ``back=yes``."""
    name, _, value = args.partition("=")
    return name if value in ("", "yes") else value
