"""How long a reply is in the channel's own count, and how to cut one that is too long into a thread."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec

from agentdesk.errors import Refused
from agentdesk.model.capability import Caps, Counter
from agentdesk.replies.signature import sign

MAX_PARTS = 99
"""A reply is never cut into more."""

TLDS = (
    "com|net|org|info|biz|edu|gov|mil|int|io|co|app|dev|me|tv|shop|store|online|site|blog|social|cloud|xyz|news|live|"
    "ly|gl|fm|gg|to|cc|ai|eu|uk|us|ca|au|nz|ie|de|at|ch|fr|be|nl|lu|es|pt|it|pl|cz|dk|se|no|fi|ru|ua|jp|kr|cn|in|br|mx|ar|"
    "za|tr|gr|hu|ro|il"
)
"""Top-level domains after which a bare name counts as a link on channels that weigh; the usual ones, not all."""

FAR_TLDS = (
    "рф|рус|москва|онлайн|сайт|дети|укр|бел|бг|срб|мкд|ею|ελ|ευ|中国|中國|香港|台湾|台灣|澳門|公司|网络|한국|भारत"
)
"""Top-level domains in other alphabets: links to them count as links too."""

_NO_NAME = r"!'#%&()*+,\\./:;<=>?@\[\]\^{|}~$\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
"""Besides a space, what stands in no part of a host's name."""

_LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))


class _Patterns(NamedTuple):
    grapheme: Any
    url: Any
    remote: Any
    weighed_url: Any
    emoji: Any
    emoji_shown: Any


@cache
def _patterns() -> _Patterns:
    """The expressions, compiled once and only when text that needs them is counted."""
    import regex

    path = r"(?:/(?:[^\s<>\"?]*[\w/=#&+-])?)?(?:\?[!#-;=?-~]*[a-z0-9_&=#/+-])?"
    # As Mastodon has it, https://github.com/mastodon/mastodon/blob/main/config/initializers/twitter_regex.rb
    sign = rf"[^\s{_NO_NAME}_-]"
    name = rf"(?:{sign}(?:[^\s{_NO_NAME}]*{sign})?\.)*{sign}(?:[^\s{_NO_NAME}_]*{sign})?\."
    brackets = r"\((?:[^\s<>()?]+|[^\s<>()?]*\([^\s<>()?]+\)[^\s<>()?]*)\)"
    way = rf"(?:/(?:(?:[^\s<>()?]|{brackets})*(?:[^\s()?!*\"'「」<>;:=,.$%\[\]~&|@]|{brackets}))?)?"
    asked = r"(?:\?[a-z0-9!?*'();:&=+$/%#\[\]_.,~|@^-]*[a-z0-9_&=#/-])?"
    return _Patterns(
        grapheme=regex.compile(r"\X"),
        url=regex.compile(
            rf"(?<![a-z0-9@＠$#＃])https?://({name}(?:xn--[a-z0-9-]+|[a-z]{{2,}}|{FAR_TLDS}))(?![a-z0-9_@+-])(?::\d+)?"
            + way + asked, regex.I
        ),
        remote=regex.compile(r"(?<![\w/])@([a-z0-9_]+)@[a-z0-9.-]*[a-z0-9]", regex.I),
        weighed_url=regex.compile(
            r"(?<![\w/@.-])(?:https?://(?:[\w](?:[\w-]{0,61}\w)?\.)+[a-z]{2,63}"
            rf"|(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.)+(?:{TLDS})(?![\w@-]|\.\w))(?::\d+)?" + path,
            regex.I,
        ),
        emoji=regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20e3"),
        emoji_shown=regex.compile(r"\p{Emoji_Presentation}"),
    )


def graphemes(text: str) -> list[str]:
    """The characters as a person counts them."""
    if text.isascii() and "\r" not in text:
        return list(text)
    found: list[str] = _patterns().grapheme.findall(text)
    return found


def count(text: str, caps: Caps) -> int:
    """The length of ``text`` in the units in which the channel's limit is given."""
    return _COUNTERS[caps.counter](text, caps)


def left(text: str, caps: Caps) -> int | None:
    """How much more fits, below zero when it is too long; None without a limit. Where two limits hold, the tighter."""
    rooms = []
    if caps.max_chars is not None:
        rooms.append(caps.max_chars - count(text, caps))
    if caps.max_bytes is not None:
        rooms.append(caps.max_bytes - len(text.encode()))
    return min(rooms, default=None)


def reserved(caps: Caps, text: str, handle: str) -> Caps:
    """The limits as they are for ``text`` once the customer's handle stands before it, unless it stands there already.

    Only where a reply must name the customer, see ``Caps.mentions``.
    """
    handle = handle.strip().removeprefix("@")
    if not (caps.mentions and handle) or f"@{handle}".lower() in text.lower():
        return caps
    before = f"@{handle} "
    return msgspec.structs.replace(
        caps,
        max_chars=None if caps.max_chars is None else caps.max_chars - count(before, caps),
        max_bytes=None if caps.max_bytes is None else caps.max_bytes - len(before.encode()),
    )


def fits(text: str, caps: Caps) -> bool:
    """True when the channel takes ``text`` in one piece."""
    room = left(text, caps)
    return room is None or room >= 0


def split(text: str, caps: Caps, signature: str = "") -> list[str]:
    """Cut ``text`` into parts that each fit, numbered ``1/3`` when there are several, the last one signed.

    Cuts are made after a sentence, else between words, else between characters. Refused when the channel has too little
    room for that.
    """
    whole = sign(text, signature)
    if fits(whole, caps):
        return [whole]
    for digits in (1, 2):
        mark = f" {'9' * digits}/{'9' * digits}"
        parts = list(_cut(text.strip(), caps, mark, signature, 10**digits - 1))
        if len(parts) < 10**digits:
            total = len(parts)
            return [
                f"{sign(part, signature) if number == total else part} {number}/{total}"
                for number, part in enumerate(parts, 1)
            ]
    raise Refused("The text is too long to be split", f"It needs more than {MAX_PARTS} parts", "Make it shorter.")


def _cut(text: str, caps: Caps, mark: str, signature: str, most: int) -> Iterator[str]:
    """Yield at most ``most`` + 1 parts of ``text`` that fit with ``mark``, the last also with the signature."""
    for _ in range(most + 1):
        if fits(sign(text, signature) + mark, caps):
            yield text
            return
        # what fits alone but not with the signature gives its last words to one more part
        room = _Room(caps, mark, text if fits(text + mark, caps) else "")
        end = room.end_of(text)
        yield text[:end].rstrip()
        text = text[end:].lstrip()


class _Room(NamedTuple):
    """What a part may be: short enough together with its mark, and not the whole of ``excluded``."""

    caps: Caps
    mark: str
    excluded: str

    def takes(self, part: str) -> bool:
        return part.rstrip() != self.excluded and fits(part.rstrip() + self.mark, self.caps)

    def end_of(self, text: str) -> int:
        """Where to cut ``text`` so that what comes before has room, is not empty, and ends as well as can be."""
        places = _places(text)
        reach = self._reach(places.characters, text)
        for among, least in ((places.sentences, reach // 2), (places.words, reach // 3)):
            for place in reversed(among):
                if least < place <= reach and self.takes(text[:place]):
                    return place
        return reach

    def _reach(self, places: list[int], text: str) -> int:
        """The last of ``places`` before which there is room; counts need not grow evenly, so the end is tried out."""
        low, high = 0, len(places)
        while low < high:
            middle = (low + high) // 2
            if self.takes(text[: places[middle]]):
                low = middle + 1
            else:
                high = middle
        while low and not self.takes(text[: places[low - 1]]):
            low -= 1
        if low and text[: places[low - 1]].strip():
            return places[low - 1]
        raise Refused("The text cannot be split", "There is no room for a part and its number", "Make it shorter.")


class _Places(NamedTuple):
    sentences: list[int]
    words: list[int]
    characters: list[int]


def _places(text: str) -> _Places:
    """Where ``text`` may be cut: after sentences, between words, between characters."""
    sentences, words, characters, at = [], [], [], 0
    for cluster in graphemes(text):
        if at and cluster.isspace():
            words.append(at)
            if text[at - 1] in ".!?…:;)\"'»" or cluster.startswith(("\n", "\r")):
                sentences.append(at)
        elif at and text[at - 1] in "。！？":
            sentences.append(at)
        at += len(cluster)
        characters.append(at)
    return _Places(sentences, words, characters)


def _by_codepoint(text: str, caps: Caps) -> int:
    return len(text)


def _by_byte(text: str, caps: Caps) -> int:
    return len(text.encode())


def _by_grapheme(text: str, caps: Caps) -> int:
    return len(graphemes(text))


def _by_grapheme_url(text: str, caps: Caps) -> int:
    """Every link counts the same, and of ``@user@host`` only ``@user`` counts."""
    if "://" in text:
        text = _patterns().url.sub(lambda match: "x" * caps.url_length if _is_host(match[1]) else match[0], text)
    if "@" in text:
        text = _patterns().remote.sub(r"@\1", text)
    return len(graphemes(text))


def _is_host(name: str) -> bool:
    """True for a name that can be asked for: one in another alphabet has a form in ours that is not too long."""
    try:
        return name.isascii() or bool(name.encode("idna"))
    except UnicodeError:
        return False


def _by_weight(text: str, caps: Caps) -> int:
    """Links count the same, an emoji two, letters outside the light ranges two each."""
    total, at = 0, 0
    text = unicodedata.normalize("NFC", text)
    if "." in text:
        for match in _patterns().weighed_url.finditer(text):
            name = match[0].partition("://")[2] or match[0]
            if not _is_host(name.replace("?", "/").replace(":", "/").partition("/")[0]):
                continue
            total += _weight(text[at : match.start()]) + caps.url_length
            at = match.end()
    return total + _weight(text[at:])


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    patterns = _patterns()
    total = 0
    for cluster in graphemes(text):
        if patterns.emoji.search(cluster) and (len(cluster) > 1 or patterns.emoji_shown.match(cluster)):
            total += 2
        else:
            total += sum(1 if any(low <= ord(char) <= high for low, high in _LIGHT) else 2 for char in cluster)
    return total


_COUNTERS: dict[Counter, Callable[[str, Caps], int]] = {
    Counter.CODEPOINT: _by_codepoint,
    Counter.GRAPHEME: _by_grapheme,
    Counter.GRAPHEME_URL23: _by_grapheme_url,
    Counter.GRAPHEME_BYTES: _by_grapheme,
    Counter.WEIGHTED: _by_weight,
    Counter.BYTES: _by_byte,
}
