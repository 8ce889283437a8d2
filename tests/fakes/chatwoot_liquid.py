"""What Chatwoot does to every text that its agents send: the part of Liquid that a typed text can meet.

Known values are filled in, unknown ones vanish, text between backticks is left alone, and a mistake leaves the whole
text as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

TOKEN = re.compile(r"(\{%.*?%\}|\{\{.*?\}\}?)", re.DOTALL)
CODE = re.compile(r"`(.*?)`", re.DOTALL)
RAW, END_RAW = re.compile(r"\{%-?\s*raw\s*-?%\}"), re.compile(r"\{%-?\s*endraw\s*-?%\}")


class Mistake(Exception):
    """The text is no template."""


def rendered(text: str, values: Mapping[str, str]) -> str:
    """The text as it is stored."""
    try:
        return _render(CODE.sub(r"{% raw %}`\1`{% endraw %}", text), values)
    except Mistake:
        return text


def _render(text: str, values: Mapping[str, str]) -> str:
    out: list[str] = []
    while text:
        found = TOKEN.search(text)
        if found is None:
            if "{{" in text or "{%" in text:
                raise Mistake("not closed")
            return "".join([*out, text])
        before, token = text[: found.start()], found.group(0)
        if "{{" in before or "{%" in before:
            raise Mistake("not closed")
        out.append(before)
        text = text[found.end() :]
        if RAW.fullmatch(token):
            end = END_RAW.search(text)
            if end is None:
                raise Mistake("raw is never closed")
            out.append(text[: end.start()])
            text = text[end.end() :]
        elif token.startswith("{%") or not token.endswith("}}"):
            raise Mistake(token)
        else:
            out.append(_value(token[2:-2].strip("-").strip(), values))
    return "".join(out)


def _value(name: str, values: Mapping[str, str]) -> str:
    if len(name) >= 2 and name[0] == name[-1] and name[0] in "'\"":
        return name[1:-1]
    return values.get(name, "")
