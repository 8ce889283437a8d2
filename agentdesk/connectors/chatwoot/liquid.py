"""Liquid, the template language that Chatwoot runs over everything its agents send, notes included.

Outgoing: braces that a person typed are written so that they come out as typed. Incoming: the server's own canned
responses are turned into our template language (www.chatwoot.com/hc/user-guide/articles, «canned responses»).
"""

from __future__ import annotations

import re

from agentdesk.replies.template import problem

_CODE = re.compile(r"`(.*?)`", re.DOTALL)
"""Chatwoot itself keeps Liquid out of what stands between backticks."""
_OPENS = re.compile(r"\{(?=[{%])")
_BRACE = "{{ '{' }}"
_ENDS_RAW = re.compile(r"\{%-?\s*endraw")
_EXPRESSION = re.compile(r"\{\{-?(.*?)-?\}\}|\{%-?(.*?)-?%\}", re.DOTALL)
_NAME = re.compile(r"[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*", re.IGNORECASE)
_OURS = {
    "contact.name": "customer.name",
    "contact.first_name": "customer.first_name",
    "contact.last_name": "customer.last_name",
    "contact.email": "customer.mail",
    "contact.phone": "customer.phone",
    "contact.phone_number": "customer.phone",
    "contact.id": "customer.number",
    "agent.name": "agent.name",
    "agent.available_name": "agent.name",
    "agent.first_name": "agent.first_name",
    "agent.last_name": "agent.last_name",
    "agent.email": "agent.mail",
    "conversation.id": "ticket",
    "conversation.display_id": "ticket",
    "conversation.contact_name": "customer.name",
    "inbox.name": "inbox",
    "account.name": "company",
}
"""``ticket`` and ``inbox`` are fields that our conversations from Chatwoot carry; what nobody knows is asked for."""
_FILTERS = {
    "capitalize": "capitalize", "upcase": "upper", "downcase": "lower", "strip": "trim", "lstrip": "trim",
    "rstrip": "trim",
}
_RESERVED = frozenset({"self", "super", "loop", "caller", "varargs", "kwargs", "true", "false", "none", "not", "and",
                       "or", "in", "is", "if", "else"})


def escaped(text: str) -> str | None:
    """``text`` so that Chatwoot's rendering gives it back unchanged; None when it cannot be written so."""
    out: list[str] = []
    at = 0
    for code in _CODE.finditer(text):
        if _ENDS_RAW.search(code.group(1)):
            return None
        before = _OPENS.sub(_BRACE, text[at : code.start()])
        # Chatwoot puts {% raw %} before code: a brace right before it would make that another tag.
        out += [before[:-1] + _BRACE if before.endswith("{") else before, code.group(0)]
        at = code.end()
    out.append(_OPENS.sub(_BRACE, text[at:]))
    return "".join(out)


def translated(text: str) -> str:
    """A canned response of the server in our template language; what has no counterpart becomes words in brackets."""
    out: list[str] = []
    at = 0
    for found in _EXPRESSION.finditer(text):
        out.append(_literal(text[at : found.start()]))
        value, tag = found.groups()
        out.append(_value(value) if value is not None else _literal(f"[{tag.strip()}]"))
        at = found.end()
    out.append(_literal(text[at:]))
    ours = "".join(out)
    return _literal(text) if problem(ours) else ours


def _value(expression: str) -> str:
    """One ``{{ … }}``: a name with filters, or a text in quotes."""
    name, *filters = (part.strip() for part in expression.split("|"))
    if len(name) >= 2 and name[0] == name[-1] and name[0] in "'\"":
        return _literal(name[1:-1])
    ours = _name(name)
    if not ours:
        return _literal(f"[{expression.strip()}]")
    kept = [_filter(one) for one in filters]
    return "{{ " + " | ".join([ours, *(one for one in kept if one)]) + " }}"


def _name(name: str) -> str:
    if name in _OURS:
        return _OURS[name]
    if not _NAME.fullmatch(name):
        return ""
    owner, _, rest = name.partition(".")
    if rest.startswith("custom_attribute."):
        own = rest.removeprefix("custom_attribute.")
        name = f"customer.{own}" if owner == "contact" else own
    parts = name.split(".")
    fits = not any(part.startswith("_") or part.lower() in _RESERVED for part in parts)
    return name if fits else ""


def _filter(words: str) -> str:
    """A Liquid filter as one of ours; empty for those that we do not have."""
    name, _, given = words.partition(":")
    given = given.strip()
    if name.strip() == "default" and len(given) >= 2 and given[0] == given[-1] and given[0] in "'\"":
        return "default(" + _quoted(given[1:-1]) + ")"
    return _FILTERS.get(name.strip(), "")


def _literal(text: str) -> str:
    """Plain text in which our own language sees nothing of its own."""
    return re.sub(r"\{(?=[{%#])", "{{ '{' }}", text)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
