"""Packs of canned replies: folders of YAML files, read so that one broken file does not take the others along.

A file holds replies one per document, or a list of them under ``replies:``. A reply hides those of the same name in
folders that come later.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, cast

import msgspec

from agentdesk.errors import ConfigError
from agentdesk.model.text import inert
from agentdesk.model.words import tokens
from agentdesk.replies import template
from agentdesk.replies.template import Canned

MAX_FILES = 2_000
FIELDS = ("name", "title", "kind", "tags", "lang", "text", "hints")
"""What a reply in a pack may say."""

_NAME = re.compile(r"[\w][\w.-]{0,59}")
_Where: TypeAlias = tuple[str | int, ...]


class Document(Protocol):
    """One YAML document that knows the lines of what is in it."""

    @property
    def plain(self) -> Any:
        """Its content as Python data."""
        ...

    def problem(self, path: _Where, reason: str) -> str:
        """``reason`` with file, line and key of what stands at ``path``."""
        ...


Read: TypeAlias = Callable[[Path], Sequence[Document]]
"""Reads a YAML file strictly; a ConfigError lists its problems."""


class Packs(msgspec.Struct, frozen=True):
    """All canned replies at hand, and what could not be read."""

    canned: tuple[Canned, ...] = ()
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> Canned | None:
        """The reply of that name."""
        return next((canned for canned in self.canned if canned.name == name), None)


def load(folders: Iterable[Path], read: Read) -> Packs:
    """Read every ``.yaml`` and ``.yml`` file below ``folders``, weightiest folder first; a missing one is empty."""
    found: dict[str, Canned] = {}
    problems: list[str] = []
    for folder in folders:
        here: dict[str, Canned] = {}
        for path in _files(folder, problems):
            _load_file(path, folder, read, here, problems)
        found = {**here, **found}
    return Packs(tuple(sorted(found.values(), key=lambda canned: canned.name)), tuple(problems))


def check(packs: Packs) -> tuple[str, ...]:
    """Everything wrong with the packs, templates included; apart from ``load`` because it costs time at start-up."""
    out = list(packs.problems)
    for canned in packs.canned:
        found = template.problem(canned.text)
        if found:
            out.append(f"{canned.source}: {canned.name}: text, line {found[0]}: {found[1]}")
    return tuple(out)


def search(packs: Packs, words: str, *, kind: str = "", lang: str = "") -> list[Canned]:
    """The replies in which every word begins a word, those whose name or title says it first; all without words."""
    wanted = tokens(words)
    ranked: list[tuple[int, str, Canned]] = []
    for canned in packs.canned:
        if (kind and canned.kind != kind) or (lang and canned.lang and canned.lang != lang):
            continue
        head = tokens(f"{canned.name} {canned.title}")
        tags = [token for tag in canned.tags for token in tokens(tag)]
        if _begins(wanted, head):
            ranked.append((0, canned.name, canned))
        elif _begins(wanted, head + tags):
            ranked.append((1, canned.name, canned))
        elif _begins(wanted, head + tags + tokens(canned.text)):
            ranked.append((2, canned.name, canned))
    return [canned for _, _, canned in sorted(ranked, key=lambda item: item[:2])]


def _begins(wanted: list[str], words: list[str]) -> bool:
    return all(any(word.startswith(start) for word in words) for start in wanted)


def _files(folder: Path, problems: list[str]) -> list[Path]:
    """The pack files of a folder in order of their paths, hidden ones left out."""
    try:
        paths = sorted(path for path in folder.rglob("*.y*ml") if _is_pack(path.relative_to(folder)))
    except OSError as error:
        problems.append(f"{folder}: cannot be read: {error.strerror}")
        return []
    if len(paths) > MAX_FILES:
        problems.append(f"{folder}: more than {MAX_FILES} files; the rest is left out")
    return paths[:MAX_FILES]


def _is_pack(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and not any(part.startswith(".") for part in path.parts)


def _load_file(path: Path, folder: Path, read: Read, here: dict[str, Canned], problems: list[str]) -> None:
    try:
        documents = read(path)
    except ConfigError as error:
        problems.extend(error.problems or (str(error),))
        return
    single = len(documents) == 1
    for document in documents:
        for where, given in _items(document, problems):
            name = path.stem if single and not where else ""
            canned = _Item(document, where, given, problems).canned(name, str(path.relative_to(folder)))
            if canned is None:
                continue
            if canned.name in here:
                problems.append(document.problem((*where, "name"), f"«{canned.name}» is in this folder already"))
                continue
            here[canned.name] = canned


def _items(document: Document, problems: list[str]) -> list[tuple[_Where, Mapping[str, Any]]]:
    """The replies of a document with where they stand."""
    plain = document.plain
    if isinstance(plain, Mapping) and "replies" in plain:
        more = [key for key in plain if key != "replies"]
        problems.extend(document.problem((key,), "nothing else may stand beside replies") for key in more)
        listed = plain["replies"]
        if not isinstance(listed, list):
            problems.append(document.problem(("replies",), "must be a list"))
            return []
        found: list[tuple[_Where, Mapping[str, Any]]] = []
        for number, item in enumerate(listed):
            if isinstance(item, Mapping):
                found.append((("replies", number), item))
            else:
                problems.append(document.problem(("replies", number), "must be a reply with name and text"))
        return found
    if isinstance(plain, Mapping):
        return [((), plain)]
    if plain not in (None, ""):
        problems.append(document.problem((), "must be a reply with name and text, or a list under replies"))
    return []


class _Item:
    """One reply as it stands in a file; every mistake is noted with its line."""

    def __init__(self, document: Document, where: _Where, given: Mapping[str, Any], problems: list[str]) -> None:
        self.document = document
        self.where = where
        self.given = given
        self.problems = problems
        self.before = len(problems)

    def canned(self, default_name: str, file: str) -> Canned | None:
        """The reply, or None when anything in it is wrong."""
        for key in self.given:
            if key not in FIELDS:
                near = difflib.get_close_matches(key, FIELDS, n=1)
                known = f"did you mean {near[0]}?" if near else f"known are {', '.join(FIELDS)}"
                self._wrong(key, f"unknown; {known}")
        name = self._line("name") or default_name
        text = inert(self._text("text")).rstrip("\n")
        if not _NAME.fullmatch(name):
            self._wrong("name", "needs letters, digits, dot, dash or underscore, at most 60")
        if not text.strip() and isinstance(self.given.get("text") or "", str):
            self._wrong("text", "is missing")
        if len(text) > template.MAX_TEMPLATE:
            self._wrong("text", f"is longer than {template.MAX_TEMPLATE} characters")
        kind = self._line("kind") or "snippet"
        if kind not in ("reply", "snippet"):
            self._wrong("kind", "must be reply or snippet")
        made = Canned(
            name=name, title=self._line("title") or name, text=text, kind=cast(Literal["reply", "snippet"], kind),
            tags=self._tags(), lang=self._line("lang"), hints=self._hints(), source=file,
        )
        return made if len(self.problems) == self.before else None

    def _wrong(self, key: str, reason: str) -> None:
        self.problems.append(self.document.problem((*self.where, key), reason))

    def _text(self, key: str) -> str:
        value = self.given.get(key, "")
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return str(value)
        self._wrong(key, "must be text")
        return ""

    def _line(self, key: str) -> str:
        value = inert(self._text(key)).strip()
        if "\n" in value or len(value) > 200:
            self._wrong(key, "must be one line of at most 200 characters")
        return value

    def _tags(self) -> tuple[str, ...]:
        value = self.given.get("tags")
        if value is None:
            return ()
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, (str, int)) for item in items):
            self._wrong("tags", "must be a list of words")
            return ()
        return tuple(inert(str(item)).strip() for item in items if str(item).strip())

    def _hints(self) -> dict[str, str]:
        value = self.given.get("hints")
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(isinstance(hint, (str, int)) for hint in value.values()):
            self._wrong("hints", "must be values' names with what to say when asking for them")
            return {}
        return {name: inert(str(hint)).strip() for name, hint in value.items()}
