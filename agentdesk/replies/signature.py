"""The agent's sign-off: added when a reply leaves, and counted with it."""

from __future__ import annotations

_INLINE = "^-–—/~*("


def sign(text: str, signature: str) -> str:
    """Return ``text`` with the signature at its end, once: ``^AB`` on the last line, a name on a line of its own."""
    body = text.rstrip()
    if not signature or not body or is_signed(body, signature):
        return body
    return f"{body}{' ' if signature[0] in _INLINE else chr(10)}{signature}"


def strip(text: str, signature: str) -> str:
    """Return ``text`` without the signature at its end."""
    body = text.rstrip()
    if not signature or not is_signed(body, signature):
        return body
    return body[: -len(signature)].rstrip()


def is_signed(text: str, signature: str) -> bool:
    """True when ``text`` ends with the signature as a word of its own."""
    body = text.rstrip()
    if not signature or not body.endswith(signature):
        return False
    before = body[: -len(signature)]
    return not before or before[-1].isspace()
