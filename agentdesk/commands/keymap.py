"""Which keys call which verbs, as data; and the reading of chords and counts.

A stroke is written as people say it: ``r``, ``G``, ``?``, ``space``, ``enter``, ``ctrl+l``, ``shift+tab``. Strokes with
spaces between them are a chord. Contexts inherit from their parents; a user's map is laid over the default one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

DEFAULT: dict[str, dict[str, str]] = {
    "global": {
        "ctrl+p": "palette", ":": "command", "?": "keys", "/": "find", "escape": "back",
        "ctrl+l": "redraw", "ctrl+z": "suspend", "q": "quit", "u": "undo",
        "O": "outbox", "D": "drafts", "S": "sources", "L": "ledger", "T": "theme",
        "tab": "pane", "shift+tab": "pane back=yes", ".": "show-new", "f": "command filter", "ctrl+c": "hint-quit",
        "f5": "sync",
    },
    "list": {
        "j": "down", "down": "down", "k": "up", "up": "up", "g g": "top", "home": "top", "G": "bottom",
        "end": "bottom", "ctrl+d": "half-down", "ctrl+u": "half-up", "ctrl+f": "page-down", "pagedown": "page-down",
        "ctrl+b": "page-up", "pageup": "page-up", "enter": "open",
    },
    "work": {
        "r": "reply", "R": "reply visibility=direct", "n": "note", "c": "claim", "C": "release", "a": "assign",
        "d": "done", "z": "thanks", "N": "not-about-us", "U": "reopen", "s": "snooze", "p": "promise", "t": "tag",
        "i": "incident", "P": "priority", "H": "status", "Y": "keep", "o": "copy-link", "y": "copy",
        "w": "why", "e": "escalate", "&": "link",
        "l": "like", "b": "boost", "F": "follow", "M": "dm", "A": "save-attachment",
        "m": "customer-note", "v": "customer-vip", "=": "customer-merge", "!": "customer-apart",
        "|": "customer-split",
    },
    "queue": {
        "x": "mark", "space": "mark", "X": "mark-all", "*": "mark-none", "V": "mark-range",
        "1": "view 1", "2": "view 2", "3": "view 3", "4": "view 4", "5": "view 5", "6": "view 6", "7": "view 7",
        "8": "view 8", "9": "view 9",
    },
    "conversation": {
        "J": "next", "K": "previous", "Z": "show-all", "E": "edit", "delete": "delete-reply",
    },
    "customer": {
        "J": "next", "K": "previous",
    },
    "composer": {
        "ctrl+s": "send", "escape": "postpone", "ctrl+e": "edit-outside", "ctrl+r": "canned", "ctrl+o": "visibility",
        "ctrl+x": "discard", "ctrl+t": "attach", "ctrl+g": "dm", "ctrl+p": "palette", "ctrl+l": "redraw",
    },
    "outbox": {
        "enter": "open", "x": "outbox-cancel", "e": "outbox-edit", "s": "outbox-send-now", "a": "outbox-settle",
    },
    "drafts": {"enter": "open", "x": "discard-draft"},
    "sources": {"a": "login", "s": "login-again", "p": "pause", "v": "looked-there"},
    "search": {"ctrl+l": "redraw", "ctrl+p": "palette"},
    "prompt": {"ctrl+l": "redraw"},
}
"""The keys as shipped."""

TITLES: dict[str, dict[str, str]] = {"list": {"g": "go to"}}
"""Names of chord prefixes for the popup of next keys."""

BAR: dict[str, tuple[str, ...]] = {
    "queue": ("reply", "claim", "done", "snooze", "escalate", "why", "find", "command", "keys"),
    "conversation": ("reply", "claim", "done", "pane", "note", "snooze", "escalate", "next", "back", "keys"),
    "customer": ("reply", "pane", "back", "find", "command", "keys"),
    "composer": ("send", "canned", "visibility", "discard", "attach", "edit-outside", "postpone"),
    "outbox": ("outbox-cancel", "outbox-edit", "outbox-send-now", "outbox-settle", "back", "keys"),
    "held": ("outbox-cancel", "outbox-edit", "outbox-send-now", "back", "keys"),
    "in doubt": ("outbox-settle", "outbox-send-now", "back", "keys"),
    "leaving": ("open", "back", "keys"),
    "drafts": ("open", "discard-draft", "back", "keys"),
    "sources": ("login", "login-again", "back", "find", "command", "keys"),
    "list": ("open", "back", "find", "command", "keys"),
    "no sources": ("login", "back", "command", "keys"),
    "first": ("open", "back", "command", "keys"),
    "empty": ("find", "command", "keys"),
    "unconnected": ("sources", "command", "keys", "quit"),
    "global": ("back", "command", "keys"),
}
"""The verbs worth a place in the key bar, per context or by the name of a moment in which fewer of its keys do
something; most wanted first."""

WORDS = {"why": "why here", "login": "connect"}
"""What a verb is called in the key bar where its name does not say enough."""

PARENTS: dict[str, tuple[str, ...]] = {
    "list": ("global",), "work": (), "queue": ("work", "list", "global"),
    "conversation": ("work", "list", "global"), "customer": ("work", "list", "global"),
    "outbox": ("list", "global"), "drafts": ("list", "global"), "ledger": ("list", "global"),
    "sources": ("list", "global"), "help": ("list", "global"), "search": (), "composer": (), "prompt": (),
}
"""Whose keys a context has besides its own, nearest first."""

TEXT = frozenset({"composer", "search", "prompt"})
"""Contexts in which bare printable keys write text."""

_NAMED = {
    "question_mark": "?", "full_stop": ".", "colon": ":", "slash": "/", "asterisk": "*", "comma": ",",
    "semicolon": ";", "minus": "-", "plus": "+", "equals_sign": "=", "exclamation_mark": "!", "at": "@",
    "number_sign": "#", "dollar_sign": "$", "percent_sign": "%", "circumflex_accent": "^", "ampersand": "&",
    "left_parenthesis": "(", "right_parenthesis": ")", "underscore": "_", "left_square_bracket": "[",
    "right_square_bracket": "]", "left_curly_bracket": "{", "right_curly_bracket": "}", "vertical_line": "|",
    "backslash": "\\", "tilde": "~", "grave_accent": "`", "less_than_sign": "<", "greater_than_sign": ">",
    "quotation_mark": '"', "apostrophe": "'", "return": "enter", "esc": "escape", "del": "delete",
    "pgup": "pageup", "pgdn": "pagedown", "page_up": "pageup", "page_down": "pagedown",
}
_UNSENDABLE = {"ctrl+i": "it is Tab", "ctrl+m": "it is Enter", "ctrl+[": "it is Escape", "ctrl+h": "it is Backspace",
               "ctrl+enter": "most terminals send Enter", "ctrl+space": "some terminals send nothing"}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something wrong with a keymap, and how to mend it."""

    level: Literal["error", "warning"]
    context: str
    keys: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        tail = f". {self.remedy}" if self.remedy else ""
        return f"keys.{self.context}: {self.keys!r}: {self.text}{tail}"


class Binding(msgspec.Struct, frozen=True):
    """A chord and the call it makes."""

    keys: tuple[str, ...]
    call: str
    context: str

    @property
    def verb(self) -> str:
        """The verb it calls."""
        return self.call.split(" ", 1)[0]

    @property
    def shown(self) -> str:
        """The keys as a person reads them."""
        return " ".join(show(key) for key in self.keys)


@dataclass
class Node:
    """A place in the tree of chords."""

    binding: Binding | None = None
    next: dict[str, Node] = field(default_factory=dict)
    title: str = ""

    def walk(self) -> Iterator[Binding]:
        """Every binding from here on."""
        if self.binding is not None:
            yield self.binding
        for child in self.next.values():
            yield from child.walk()


def stroke(text: str) -> str:
    """One stroke in its normal form; ValueError with the spelling to use when there is a better one."""
    key = _NAMED.get(text, text)
    if key.startswith("shift+") and len(key) == 7 and key[6].isalpha():
        raise ValueError(f"write {key[6].upper()}")
    *mods, last = key.split("+") if len(key) > 1 and not key.endswith("+") else [key]
    if any(mod not in ("ctrl", "alt", "shift") for mod in mods):
        raise ValueError("a stroke is ctrl+, alt+ or shift+ and a key")
    if len(last) > 1 and not last.replace("_", "").isalnum():
        raise ValueError(f"no key is called {last}; write chords with spaces between the keys")
    if "ctrl" in mods and last.isalpha() and len(last) == 1:
        last = last.lower()
    return "+".join([*sorted(mods), last])


def show(key: str) -> str:
    """A stroke as a person reads it."""
    names = {"enter": "Enter", "escape": "Esc", "tab": "Tab", "shift+tab": "Shift-Tab", "space": "Space",
             "pageup": "PgUp", "pagedown": "PgDn", "home": "Home", "end": "End", "up": "↑", "down": "↓",
             "backspace": "Backspace", "delete": "Del"}
    return names.get(key) or key.replace("ctrl+", "^").replace("alt+", "Alt-").replace("shift+", "Shift-")


class Keymap:
    """The resolved keys of every context."""

    def __init__(self, trees: dict[str, Node], problems: tuple[Problem, ...]) -> None:
        self._trees = trees
        self.problems = problems

    @classmethod
    def build(cls, user: Mapping[str, Mapping[str, str | None]] | None = None,
              known: Callable[[str], bool] | None = None) -> Keymap:
        """The default keys with the user's laid over them; a stroke set to None is unbound.

        ``known`` tells whether a call can be read; what is wrong is left out and listed in ``problems``.
        """
        problems: list[Problem] = []
        own = {name: _layer(name, keys, known, problems) for name, keys in (user or {}).items()}
        for name in list(own):
            if name not in PARENTS and name != "global":
                problems.append(Problem(level="error", context=name, keys="", text="there is no such context",
                                        remedy=f"One of {', '.join(sorted({*PARENTS, 'global'}))}"))
                del own[name]
        base = {name: _layer(name, dict(keys), None, problems) for name, keys in DEFAULT.items()}
        trees: dict[str, Node] = {}
        for name in {"global", *PARENTS}:
            chain = (name, *PARENTS.get(name, ()))
            trees[name] = _tree(name, chain, base, own, problems)
        return cls(trees, tuple(dict.fromkeys(problems)))

    def tree(self, context: str) -> Node:
        """The tree of chords of a context; an unknown context has the global keys."""
        return self._trees.get(context) or self._trees["global"]

    def bindings(self, context: str) -> list[Binding]:
        """Every binding that works in a context, its own first."""
        order = {name: place for place, name in enumerate((context, *PARENTS.get(context, ())))}
        return sorted(self.tree(context).walk(), key=lambda b: order.get(b.context, 99))

    def key_of(self, context: str, verb: str) -> str:
        """The first keys, as shown, that call a verb in a context; empty when none do."""
        return next((b.shown for b in self.bindings(context) if b.verb == verb), "")

    def bar(self, context: str, moment: str = "") -> list[tuple[str, str]]:
        """(keys, verb) for the key bar, most wanted first; verbs without a key are left out."""
        pairs = [(self.key_of(context, verb), verb) for verb in BAR.get(moment or context, BAR["global"])]
        return [(keys, verb) for keys, verb in pairs if keys]


Layer = dict[tuple[str, ...], str | None]


def _layer(context: str, keys: Mapping[str, str | None], known: Callable[[str], bool] | None,
           problems: list[Problem]) -> Layer:
    """One context's keys in normal form."""
    layer: Layer = {}
    for text, call in keys.items():
        try:
            chord = tuple(stroke(part) for part in text.split())
        except ValueError as error:
            problems.append(Problem(level="error", context=context, keys=text, text="cannot be read",
                                    remedy=str(error)))
            continue
        if not chord:
            continue
        for key in chord:
            if key in _UNSENDABLE:
                problems.append(Problem(level="warning", context=context, keys=text,
                                        text=f"a plain terminal cannot send it: {_UNSENDABLE[key]}"))
        if context in TEXT and len(chord[0]) == 1:
            problems.append(Problem(level="error", context=context, keys=text, text="this key writes text here",
                                    remedy="Use ctrl+, alt+ or a function key"))
            continue
        if call is not None and known is not None and not known(call):
            problems.append(Problem(level="error", context=context, keys=text, text=f"there is no command {call!r}",
                                    remedy="? lists the commands"))
            continue
        if chord in layer:
            problems.append(Problem(level="error", context=context, keys=text, text="bound twice",
                                    remedy="Keep one of them"))
        layer[chord] = call
    return layer


def _tree(name: str, chain: tuple[str, ...], base: dict[str, Layer], own: dict[str, Layer],
          problems: list[Problem]) -> Node:
    """The tree of one context: nearest context first, the user's layer over the shipped one."""
    chosen: dict[tuple[str, ...], tuple[str | None, str]] = {}
    for layers in (own, base):
        for context in chain:
            for chord, call in layers.get(context, {}).items():
                chosen.setdefault(chord, (call, context))
    users = {chord for context in chain for chord in own.get(context, {})}
    root = Node()
    bound = {chord: pair for chord, pair in chosen.items() if pair[0] is not None}
    for chord, (call, context) in sorted(bound.items(), key=lambda item: (item[0] not in users, len(item[0]))):
        longer = [other for other in bound if other != chord and other[:len(chord)] == chord]
        clash = next((other for other in longer if (other in users) >= (chord in users)), None)
        if clash is not None and clash in users and chord not in users:
            continue
        if clash is not None:
            problems.append(Problem(level="error", context=name, keys=" ".join(chord),
                                    text=f"hides behind the chord {' '.join(clash)!r}",
                                    remedy=f"Unbind one of them with null: {' '.join(chord)!r}: null"))
            continue
        hidden = next((chord[:n] for n in range(1, len(chord)) if chord[:n] in bound and chord[:n] in users), None)
        if hidden is not None:
            continue
        node = root
        for depth, key in enumerate(chord):
            node = node.next.setdefault(key, Node())
            node.title = node.title or TITLES.get(context, {}).get(" ".join(chord[:depth + 1]), "")
        node.binding = Binding(chord, call or "", context)
    return root


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a stroke came to.

    run: call the binding; pending: more keys are needed; unbound: a chord led nowhere; cancelled: the pending keys
    were taken back; ignored: the stroke means nothing here.
    """

    kind: Literal["run", "pending", "unbound", "cancelled", "ignored"]
    binding: Binding | None = None
    count: int | None = None
    keys: tuple[str, ...] = ()


class Chords:
    """Reads strokes one by one; keeps the pending ones and the count typed before them."""

    MAX_COUNT = 9999

    def __init__(self, keymap: Keymap) -> None:
        self.keymap = keymap
        self.pending: tuple[str, ...] = ()
        self.count: int | None = None

    @property
    def waiting(self) -> bool:
        """True while keys are pending."""
        return bool(self.pending) or self.count is not None

    @property
    def shown(self) -> str:
        """The pending count and keys as a person reads them."""
        return " ".join([*([str(self.count)] if self.count is not None else []), *map(show, self.pending)])

    def clear(self) -> None:
        """Forget what is pending."""
        self.pending = ()
        self.count = None

    def options(self, context: str) -> list[tuple[str, Node]]:
        """The keys that may come next, and where they lead."""
        node = self._node(context)
        return sorted(node.next.items()) if node is not None else []

    def feed(self, context: str, key: str) -> Outcome:
        """Take one stroke."""
        if self.waiting and key == "escape":
            self.clear()
            return Outcome(kind="cancelled")
        if self.waiting and key == "backspace":
            if self.pending:
                self.pending = self.pending[:-1]
            elif self.count is not None:
                self.count = self.count // 10 or None
            left = bool(self.pending) or self.count is not None
            return Outcome(kind="pending" if left else "cancelled", keys=self.pending, count=self.count)
        node = self._node(context) or Node()
        if self._counts(context, key, node):
            self.count = min((self.count or 0) * 10 + int(key), self.MAX_COUNT)
            return Outcome(kind="pending", count=self.count)
        following = node.next.get(key)
        keys = (*self.pending, key)
        if following is None:
            count, had = self.count, bool(self.pending)
            self.clear()
            return Outcome(kind="unbound" if had else "ignored", keys=keys, count=count)
        if following.next:
            self.pending = keys
            return Outcome(kind="pending", keys=keys, count=self.count)
        count = self.count
        self.clear()
        return Outcome(kind="run", binding=following.binding, count=count, keys=keys)

    def _node(self, context: str) -> Node | None:
        node = self.keymap.tree(context)
        for key in self.pending:
            following = node.next.get(key)
            if following is None:
                return None
            node = following
        return node

    def _counts(self, context: str, key: str, node: Node) -> bool:
        """True when a digit is the count and not a key."""
        if self.pending or len(key) != 1 or not "0" <= key <= "9" or context in TEXT:
            return False
        if self.count is not None:
            return True
        return key != "0" and key not in node.next
