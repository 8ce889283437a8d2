"""Reading a form with files as Rails does: names with brackets become nested values."""

from __future__ import annotations

import re
from typing import Any

NAME = re.compile(rb'name="([^"]*)"')
FILE = re.compile(rb'filename="([^"]*)"')


def form(kind: str, body: bytes) -> dict[str, Any]:
    """The fields; files under ``attachments`` as a list of name, mime and content, in what they belong to."""
    boundary = kind.partition("boundary=")[2].encode()
    if not boundary or not body.endswith(b"--" + boundary + b"--\r\n"):
        raise AssertionError("the form does not end")
    data: dict[str, Any] = {}
    for part in body.split(b"--" + boundary + b"\r\n")[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        content = content.split(b"\r\n--" + boundary + b"--\r\n")[0].removesuffix(b"\r\n")
        name_found, file = NAME.search(head), FILE.search(head)
        if name_found is None:
            raise AssertionError(f"a field without a name: {head!r}")
        name = name_found.group(1).decode()
        if file is not None:
            mime = head.partition(b"Content-Type: ")[2].decode().strip()
            found = {"name": file.group(1).decode(), "mime": mime, "content": content}
            outer, _, inner = name.removesuffix("[]").partition("[")
            place = data.setdefault(outer, {}) if inner else data
            place.setdefault(inner.removesuffix("]") or outer, []).append(found)
            continue
        text: Any = content.decode()
        outer, _, inner = name.partition("[")
        if inner:
            data.setdefault(outer, {})[inner.removesuffix("]")] = _meant(inner.removesuffix("]"), text)
        else:
            data[name] = _meant(name, text)
    return data


def _meant(name: str, text: str) -> Any:
    """A field is text; numbers are read as such where the name says that it is one, as the database does."""
    if name.endswith(("inbox_id", "contact_id")) or name == "in_reply_to":
        return int(text)
    if name == "external_created_at":
        return float(text)
    return {"true": True, "false": False}.get(text, text)
