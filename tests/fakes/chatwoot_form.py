"""Reading a form with files as Rails does: names with brackets become nested values."""

from __future__ import annotations

import re
from typing import Any

NAME = re.compile(rb'name="([^"]*)"')
FILE = re.compile(rb'filename="([^"]*)"')


def form(kind: str, body: bytes) -> dict[str, Any]:
    """The fields; files under ``attachments`` as a list of name, mime and content."""
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
            data.setdefault(name.removesuffix("[]"), []).append(found)
            continue
        text: Any = content.decode()
        outer, _, inner = name.partition("[")
        if inner:
            data.setdefault(outer, {})[inner.removesuffix("]")] = int(text) if text.isdigit() else text
        else:
            data[name] = {"true": True, "false": False}.get(text, text)
    return data
