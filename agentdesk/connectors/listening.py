"""Deciding which posts that nobody addressed to us are about us all the same; every connector that listens uses it.

A connector asks its server for the ``terms`` of its ``Ears``, one cursor each (``Marks``), and keeps of what comes back
only what ``Ears.hears``: servers search by their own rules, and none of them knows our exclusions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from agentdesk.config.sources import ListenConfig
from agentdesk.model.words import fold

if TYPE_CHECKING:
    import regex

    Pattern: TypeAlias = regex.Pattern[str]

UNNAMED_LANGUAGES = frozenset({"", "und", "mul", "zxx", "mis"})
"""What a post says that names no language."""

_WORD = r"\p{L}\p{N}\p{M}"
_RUN_ON = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}ー"
"""Scripts that put no space between words: beside such a letter a word may begin and end anywhere."""
_GAP = rf"[^{_WORD}]{{1,4}}"
"""What may stand between two words of a phrase."""


class Term(NamedTuple):
    """One thing to ask a server for."""

    kind: Literal["word", "phrase", "tag"]
    text: str
    """As the user wrote it, a tag without its #."""

    @property
    def key(self) -> str:
        """What its cursor is kept under: the same thing asked by another entry, or spelt otherwise, is the same."""
        return f"{self.kind}:{fold(self.text)}"


class Ear:
    """What one ``listen:`` entry hears.

    A word is heard whole, in any case and without regard to accents: ``acme`` in «Acme's», «acme-shop», «#acme» and
    «https://acme.example», not in «acmeist». A hashtag speaks the words that its capitals and digits part, and itself
    as one word: ``acme`` is in «#AcmeFail» and «#Acme24», not in «#acmefail»; outside hashtags capitals part nothing.
    A phrase is its words in a row, whatever signs stand between them, or run together in a hashtag. A handle is one
    word without its server: ``acme`` is in «@acme», not in «@acme_fans» or «@jane@acme.example».

    A word that begins with # is meant as a tag, one with @ as a handle. Without any word, phrase or tag everything is
    heard that is not excluded.
    """

    def __init__(self, config: ListenConfig) -> None:
        self.config = config
        self.name = config.name
        self.terms = _terms(config)
        self._wanted = tuple(_Needle(text) for text in (*config.words, *config.phrases, *map(_tag, config.tags)))
        self._unwanted = tuple(_Needle(text) for text in config.exclude)
        self._authors = tuple(_handle(author) for author in config.exclude_authors)
        self._languages = tuple(_language(language) for language in config.languages)

    def fits(self, text: str, lang: str, author_handle: str, tags: Iterable[str] = ()) -> bool:
        """True when a post is a hit; ``tags`` are hashtags that the server gives beside the text."""
        if not self._speaks(lang) or self._bars(author_handle):
            return False
        heard = _Heard(text, tags)
        if any(needle.within(heard) for needle in self._unwanted):
            return False
        return not self._wanted or any(needle.within(heard) for needle in self._wanted)

    def _speaks(self, lang: str) -> bool:
        """True when one of the post's languages (parted by commas) is wanted, or it names none."""
        spoken = [_language(one) for one in lang.split(",")]
        named = [one for one in spoken if one[0] not in UNNAMED_LANGUAGES]
        if not self._languages or not named:
            return True
        # «en» takes en-GB; «pt-br» takes a plain pt too, which may be it.
        return any(a[: len(b)] == b[: len(a)] for a in named for b in self._languages)

    def _bars(self, author: str) -> bool:
        """True when the author is excluded; a name without a server stands for that name everywhere."""
        name = _handle(author)
        return bool(name) and any(barred in (name, name.partition("@")[0]) for barred in self._authors)


class Ears:
    """All entries of one source's ``listen:``."""

    def __init__(self, configs: Iterable[ListenConfig]) -> None:
        self.change(configs)

    def change(self, configs: Iterable[ListenConfig]) -> None:
        """Listen by these entries from now on."""
        self.each = tuple(Ear(config) for config in configs)
        self.terms = _once(term for ear in self.each for term in ear.terms)
        """What to ask the server for, each once."""

    def __bool__(self) -> bool:
        """True when there is something to listen for."""
        return bool(self.each)

    def hears(self, text: str, lang: str, author_handle: str, tags: Iterable[str] = ()) -> str:
        """The name of the first entry that a post fits; empty for none."""
        told = tuple(tags)
        return next((ear.name for ear in self.each if ear.fits(text, lang, author_handle, told)), "")


class Marks:
    """How far each term has been heard: the part of a connector's cursor that belongs to listening.

    A term that is new in the configuration has no mark yet and one that left it loses its mark, so that changing one
    entry costs the others nothing.
    """

    def __init__(self, ears: Ears, held: Mapping[str, str] | None = None) -> None:
        known = {term.key for term in ears.terms}
        self._marks = {key: mark for key, mark in (held or {}).items() if key in known and isinstance(mark, str)}

    def of(self, term: Term) -> str | None:
        """Where to go on with a term; None when it was never asked for."""
        return self._marks.get(term.key)

    def move(self, term: Term, mark: str) -> None:
        """Note how far a term has been heard."""
        self._marks[term.key] = mark

    def plain(self) -> dict[str, str]:
        """The marks as they go into the cursor."""
        return dict(sorted(self._marks.items()))


def _terms(config: ListenConfig) -> tuple[Term, ...]:
    found: list[Term] = []
    for text in config.words:
        text = " ".join(text.split())
        is_phrase = len(text.split()) > 1
        found.append(Term("tag", _bare(text)) if text.startswith(("#", "＃")) and not is_phrase else
                     Term("phrase" if is_phrase else "word", text))
    found += (Term("phrase", " ".join(text.split())) for text in config.phrases)
    found += (Term("tag", _bare(text)) for text in config.tags)
    return _once(found)


def _once(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Each thing as it was written first."""
    found: dict[str, Term] = {}
    for term in terms:
        if term.text:
            found.setdefault(term.key, term)
    return tuple(found.values())


def _bare(text: str) -> str:
    return text.strip().lstrip("#＃")


def _tag(text: str) -> str:
    return "#" + _bare(text)


def _handle(text: str) -> str:
    """A handle or a name as two spellings of it are equal."""
    return " ".join(fold(text).split()).removeprefix("@")


def _language(text: str) -> tuple[str, ...]:
    return tuple(text.strip().lower().replace("_", "-").split("-"))


class _Heard:
    """A post's text taken apart once for all needles."""

    def __init__(self, text: str, tags: Iterable[str]) -> None:
        signs = _signs()
        said = [match[1] for match in signs.hashtag.finditer(text)] + [_bare(tag) for tag in tags]
        self.tags = {fold(tag) for tag in said}
        self.handles: set[str] = set()
        for match in signs.handle.finditer(text):
            whole = fold(match[1].rstrip(".-") + (match[2] or "").rstrip(".-"))
            self.handles |= {whole, whole.partition("@")[0]}
        plain = signs.handle.sub(lambda match: f" @{signs.joint.sub('', match[1].partition('.')[0])} ", text)
        self.texts = (fold(plain), *(fold(signs.hump.sub(" ", tag)) for tag in said), *self.tags)


class _Needle:
    """One word, phrase, #tag or @handle to look for."""

    def __init__(self, text: str) -> None:
        parts = fold(text).split()
        first = parts[0] if parts else ""
        alone = len(parts) == 1 and len(first) > 1
        self._tag = _bare(first) if alone and first[0] in "#＃" else ""
        self._handle = first[1:] if alone and first[0] == "@" else ""
        self._run_together = "".join(parts) if len(parts) > 1 else ""
        self._pattern = None if self._tag or self._handle or not parts else _pattern(tuple(parts))

    def within(self, heard: _Heard) -> bool:
        """True when it stands in the post."""
        if self._tag:
            return self._tag in heard.tags
        if self._handle:
            return self._handle in heard.handles
        if self._pattern is None:
            return False
        return self._run_together in heard.tags or any(self._pattern.search(text) for text in heard.texts)


class _Signs(NamedTuple):
    """The marks that a post's text is taken apart at."""

    hashtag: Pattern
    handle: Pattern
    joint: Pattern
    hump: Pattern


@lru_cache(maxsize=1)
def _signs() -> _Signs:
    """The patterns; ``regex`` is imported where it is used, it takes a while."""
    import regex

    return _Signs(
        hashtag=regex.compile(rf"(?<![{_WORD}_&/=])[#＃]([{_WORD}_]+)"),
        handle=regex.compile(rf"(?<![{_WORD}_./])@([{_WORD}_](?:[{_WORD}_.\-]*[{_WORD}_])?)(@[{_WORD}.\-]+)?"),
        joint=regex.compile(r"[_\-]+"),
        hump=regex.compile(r"_+|(?<=\p{Ll}\p{M}*)(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})"
                           r"|(?<=\p{L}\p{M}*)(?=\p{N})|(?<=\p{N})(?=\p{L})"),
    )


def _pattern(parts: tuple[str, ...]) -> Pattern:
    """Whole words in a row; letters of scripts that leave no space between words are borders themselves."""
    import regex

    body = _GAP.join(regex.escape(part, literal_spaces=True) for part in parts)
    return regex.compile(_before(parts[0][0]) + body + _after(parts[-1][-1]), regex.V1)


def _before(sign: str) -> str:
    import regex

    if not regex.match(rf"[{_WORD}]", sign) or regex.match(rf"[{_RUN_ON}]", sign):
        return ""
    if regex.match(r"\p{Hangul}", sign):
        return r"(?<!\p{Hangul})"
    return rf"(?<![[{_WORD}]--[{_RUN_ON}\p{{Hangul}}]])"


def _after(sign: str) -> str:
    """Korean hangs its particles on the word, so that nothing is asked of what follows it."""
    import regex

    if not regex.match(rf"[{_WORD}]", sign) or regex.match(rf"[{_RUN_ON}\p{{Hangul}}]", sign):
        return ""
    return rf"(?![[{_WORD}]--[{_RUN_ON}\p{{Hangul}}]])"
