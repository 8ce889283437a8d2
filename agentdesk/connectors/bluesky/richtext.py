"""Bluesky's rich text: plain text with marked stretches, counted in UTF-8 bytes (app.bsky.richtext.facet).

Reading shows where a link really leads when its text says something else; writing finds mentions, links and hashtags
as the official clients do, because an @handle without a mark notifies nobody.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NamedTuple

from agentdesk.model.text import inert_line
from agentdesk.replies.length import TLDS, graphemes

LONGEST_TAG = 64
MOST_FACETS = 200
_KIND = "app.bsky.richtext.facet#"
_MENTION = re.compile(r"(?:^|(?<=[\s(]))@([a-zA-Z0-9.-]+)\b")
_LINK = re.compile(r"(?:^|(?<=[\s(]))(?:https?://\S+|(?P<domain>[a-z][a-z0-9]*(?:\.[a-z0-9]+)+)\S*)", re.IGNORECASE)
_HANDLE = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
LONGEST_HANDLE = 253
_CASHTAG = re.compile(r"(?:^|(?<=[\s(]))\$([A-Za-z][A-Za-z0-9]{0,4})(?=$|[\s.,;:!?)\"'\u2019])")
_ENDS = ".,;:!?…\"'»”"


class Span(NamedTuple):
    """A stretch of a text, in characters, that wants to be marked."""

    start: int
    end: int
    kind: Literal["mention", "link", "tag"]
    value: str
    """The handle, address or tag."""


def shown(text: str, facets: Any) -> str:
    """The text as a person should read it: every link whose words differ from its address shows the address."""
    data = text.encode("utf-8", "surrogatepass")
    out: list[str] = []
    done = 0
    for start, end, uri in _links(facets, len(data)):
        try:
            before, label = data[done:start].decode("utf-8", "surrogatepass"), data[start:end].decode()
        except UnicodeDecodeError:
            continue
        if start < done:
            continue
        out += [before, _link(label, uri)]
        done = end
    return "".join(out) + data[done:].decode("utf-8", "surrogatepass")


def mentioned(facets: Any) -> set[str]:
    """The accounts that a post's marks notify."""
    return {feature["did"] for _, feature in _features(facets)
            if feature.get("$type") == _KIND + "mention" and isinstance(feature.get("did"), str)}


def find(text: str) -> list[Span]:
    """Mentions, links, hashtags and the $NAMES of shares in a text that we write."""
    found = [Span(m.start(), m.end(), "mention", m[1].lower()) for m in _MENTION.finditer(text)
             if _HANDLE.fullmatch(m[1]) and len(m[1]) <= LONGEST_HANDLE]
    found += filter(None, (_web(m) for m in _LINK.finditer(text)))
    found += _hashtags(text)
    found += [Span(m.start(), m.end(), "tag", m[0].upper()) for m in _CASHTAG.finditer(text)]
    found.sort()
    return [span for place, span in enumerate(found) if not place or span.start >= found[place - 1].end]


def facets(text: str, spans: list[Span], dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """The marks of a text; mentions of handles without a DID are left as plain words."""
    marks = []
    for start, end, kind, value in spans:
        if kind == "mention" and value not in dids:
            continue
        name, said = {"mention": ("did", dids.get(value, "")), "link": ("uri", value), "tag": ("tag", value)}[kind]
        marks.append({"index": {"byteStart": _bytes(text, start), "byteEnd": _bytes(text, end)},
                      "features": [{"$type": _KIND + kind, name: said}]})
    return marks


def _bytes(text: str, place: int) -> int:
    return len(text[:place].encode("utf-8", "replace"))


def _features(facets: Any) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each mark's place with each thing it says; what is no mark is left out."""
    found = []
    for facet in facets[:MOST_FACETS] if isinstance(facets, list) else ():
        index, features = (facet.get("index"), facet.get("features")) if isinstance(facet, dict) else (None, None)
        if isinstance(index, dict) and isinstance(features, list):
            found += [(index, feature) for feature in features[:8] if isinstance(feature, dict)]
    return found


def _links(facets: Any, size: int) -> list[tuple[int, int, str]]:
    found = []
    for index, feature in _features(facets):
        start, end, uri = index.get("byteStart"), index.get("byteEnd"), feature.get("uri")
        if not (isinstance(start, int) and isinstance(end, int) and isinstance(uri, str)):
            continue
        if feature.get("$type") == _KIND + "link" and 0 <= start < end <= size:
            found.append((start, end, uri))
    return sorted(found, key=lambda link: link[:2])


def _link(label: str, uri: str) -> str:
    """How a link is shown: by its address where its words are a shortened form of it, else with both."""
    target = str(inert_line(uri, limit=2_000)).replace(" ", "%20")
    words, real = _bare(label), _bare(target)
    if words == real:
        return label
    cut = words.rstrip(".…")
    if cut != words and cut and real.startswith(cut):
        return target
    return f"{label} <{target}>"


def _bare(link: str) -> str:
    """An address without its scheme, www. and final slash, its host in small letters."""
    link = re.sub(r"^https?://", "", link.strip(), flags=re.IGNORECASE)
    host, slash, rest = link.partition("/")
    return (host.lower().removeprefix("www.") + slash + rest).rstrip("/")


def _web(match: re.Match[str]) -> Span | None:
    domain = match["domain"]
    if domain and domain.rpartition(".")[2].lower() not in _tlds():
        return None
    text = match[0].rstrip(_ENDS)
    if text.endswith(")") and "(" not in text:
        text = text[:-1].rstrip(_ENDS)
    if not domain and not re.match(r"https?://[^\s/]", text, re.IGNORECASE):
        return None
    return Span(match.start(), match.start() + len(text), "link", f"https://{text}" if domain else text)


def _hashtags(text: str) -> list[Span]:
    if "#" not in text and "＃" not in text:
        return []
    pattern, ending = _tag_patterns()
    found = []
    for match in pattern.finditer(text):
        tag = ending.sub("", match[1])
        if tag and len(graphemes(tag)) <= LONGEST_TAG:
            found.append(Span(match.start(), match.start() + 1 + len(tag), "tag", tag))
    return found


@cache
def _tag_patterns() -> tuple[Any, Any]:
    """A tag ends at white space and holds something besides digits and punctuation."""
    import regex

    stop = r"\s\u00AD\u2060\u200A\u200B\u200C\u200D\u20e2"
    tag = rf"(?:^|(?<=\s))[#＃]((?!\ufe0f)[^{stop}]*[^\d\p{{P}}{stop}]+[^{stop}]*)"
    return regex.compile(tag), regex.compile(r"\p{P}+$")


@cache
def _tlds() -> frozenset[str]:
    return frozenset(TLDS.split("|"))
