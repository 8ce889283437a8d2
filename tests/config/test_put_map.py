"""A small map put where a value stands or is missing; everything else stays as it was written."""

from __future__ import annotations

import pytest

from agentdesk.config.lists import put_map
from agentdesk.errors import Refused

REF = {"file": "/home/ann/token"}


@pytest.mark.parametrize(("before", "after"), [
    ("sources:\n  - kind: rt  # ours\n    name: a\n\nagent: {name: ann}\n",
     "sources:\n  - kind: rt  # ours\n    name: a\n    token: {file: /home/ann/token}\n\nagent: {name: ann}\n"),
    ("sources:\n  - token: {keyring: x}   # here\n    kind: rt\n",
     "sources:\n  - token: {file: /home/ann/token}   # here\n    kind: rt\n"),
    ("sources:\n  - kind: rt\n    token:\n      keyring: x\n      backend: y.z\n    # next\n    name: a\n",
     "sources:\n  - kind: rt\n    token: {file: /home/ann/token}\n    # next\n    name: a\n"),
    ("sources:\n  - kind: rt\n    token:   # later\n    name: a\n",
     "sources:\n  - kind: rt\n    token: {file: /home/ann/token}   # later\n    name: a\n"),
    ("sources:\n  - {kind: rt, name: a}  # ours\n",
     "sources:\n  - {kind: rt, name: a, token: {file: /home/ann/token}}  # ours\n"),
    ("sources:\n  - {kind: rt, token: {prompt: true}, name: a}\n",
     "sources:\n  - {kind: rt, token: {file: /home/ann/token}, name: a}\n"),
    ("sources:\n  - kind: rt\n    token:\n      # the old one\n      keyring: x\n",
     "sources:\n  - kind: rt\n    token: {file: /home/ann/token}\n      # the old one\n"),
    ("sources:\r\n  - kind: rt\r\n    token: {prompt: true}\r\n",
     "sources:\r\n  - kind: rt\r\n    token: {file: /home/ann/token}\r\n"),
])
def test_only_the_value_changes(before: str, after: str) -> None:
    assert put_map(before, ("sources", 0, "token"), REF) == after


@pytest.mark.parametrize("text", [
    "sources:\n  - kind: rt\n    token:\n      keyring: x\n      # why\n      backend: y.z\n",
    "sources:\n  - kind: rt\n    token: {keyring: x,\n      backend: y.z}\n",
    "sources:\n  - kind: rt\n    token: [a,\n      b]\n    name: b\n",
])
def test_what_cannot_be_put_in_safely_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="cannot be changed from here"):
        put_map(text, ("sources", 0, "token"), REF)
