"""Web addresses as they are looked up: a host in letters that only look like others is shown for what it is."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

SCANNED = 50_000
"""So much of a text is looked through."""
_HOST = re.compile(r"https?://(?:[^\s/?#@<>\"]*@)?([^\s/?#@:<>\"()\[\]]+)", re.IGNORECASE)


def spelled(address: str) -> str:
    """An address with its host in plain ASCII, as it goes out to the network."""
    try:
        host = urlsplit(address).netloc.rpartition("@")[2].partition(":")[0]
    except ValueError:
        return address
    return address if host.isascii() else address.replace(host, looked_up(host), 1)


def looked_up(host: str) -> str:
    """A host's name in ASCII, label by label."""
    return ".".join(label if label.isascii() else _label(label) for label in re.split("[.\u3002\uff0e\uff61]", host))


def disguised(text: str, most: int = 3) -> list[tuple[str, str]]:
    """Hosts of the addresses in a text that are not plain ASCII: as they are written, and as they are looked up."""
    if text.isascii():
        return []
    hosts = dict.fromkeys(found[1].rstrip(".,;!'…") for found in _HOST.finditer(text[:SCANNED]))
    return [(host, looked_up(host)) for host in hosts if not host.isascii()][:most]


def _label(label: str) -> str:
    try:
        return label.encode("idna").decode("ascii")
    except UnicodeError:  # too long, or letters that no host may have: nothing answers to it
        return "xn--" + label.encode("punycode", "replace").decode("ascii")
