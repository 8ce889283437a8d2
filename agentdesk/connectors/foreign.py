"""Turning a server's strings into what the model accepts; every connector's edge uses these few functions."""

from __future__ import annotations

import json
from typing import Any

from agentdesk.model.page import Reject
from agentdesk.model.text import MAX_TEXT, Inert, inert, inert_line

MAX_REF = 300
MAX_URL = 2_000
RAW_KEPT = 4_000


def text_and_raw(raw: str) -> tuple[Inert, str]:
    """The inert text, and the original where that is something else (in a form that can be stored)."""
    text = inert(raw)
    return (text, "") if text == raw else (text, storable(raw[:MAX_TEXT]))


def storable(raw: str) -> str:
    """``raw`` with lone surrogates, which no encoding can hold, replaced."""
    return raw.encode("utf-8", "replace").decode("utf-8")


def ref(value: object) -> str:
    """A server's id as a stable, printable string; ValueError when there is none or it is too long to be one."""
    text = str(value)
    if not (text.isascii() and text.isprintable()) or text != text.strip():
        text = inert_line(text, limit=MAX_REF + 1)
    if not text or len(text) > MAX_REF:
        raise ValueError("no id" if not text else "an id of more than 300 characters")
    return text


def web_url(value: object) -> str:
    """A link that may be shown and opened: http and https only, else nothing."""
    text = str(inert_line(str(value or ""), limit=MAX_URL + 1)).replace(" ", "%20")
    return text if len(text) <= MAX_URL and text.lower().startswith(("https://", "http://")) else ""


def reject(where: str, reason: str, item: Any) -> Reject:
    """Quarantine an item with as much of it as helps to see what it was."""
    if isinstance(item, bytes):
        raw = item[: RAW_KEPT * 2].decode("utf-8", "replace")
    elif isinstance(item, str):
        raw = item
    else:
        raw = json.dumps(item, default=str)
    kept = str(inert(storable(raw[:RAW_KEPT])))
    return Reject(where=str(inert_line(where)), reason=str(inert_line(reason)), raw=kept)
