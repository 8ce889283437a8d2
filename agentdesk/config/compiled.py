"""The configuration of the last start, compiled and kept: reading it takes a hundredth of reading YAML.

It is taken only when everything that it was made of is the same again, byte by byte: the file, the environment, the
command line, the program. Otherwise the file is read in full, with all its checks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from agentdesk import __version__
from agentdesk.config import schema
from agentdesk.config.schema import Config
from agentdesk.config.sources import SOURCE_KINDS
from agentdesk.errors import StoreError
from agentdesk.paths import make_private, write_private

_SURROUNDINGS = ("NO_COLOR", "LOGNAME", "USER", "USERNAME", "HOME")
_LIMIT = 4_000_000


def inputs(path: Path, environ: Mapping[str, str], overrides: Mapping[str, object]) -> bytes | None:
    """All that a configuration is made of; None when its file had better be looked at closely."""
    try:
        found = path.stat()
        text = path.read_bytes() if found.st_size < _LIMIT else None
    except FileNotFoundError:
        found, text = None, b""
    except OSError:
        return None
    if text is None or (found is not None and not _ours(found)):
        return None
    said = {name: value for name, value in environ.items() if name.startswith("AGENTDESK_") or name in _SURROUNDINGS}
    program = [__version__, str(os.stat(schema.__file__).st_mtime_ns)]
    ordered = {name: str(value) for name, value in overrides.items()}
    given = [program, str(path.absolute()), found is None, said, ordered]
    try:
        return msgspec.json.encode(given) + b"\n" + text
    except UnicodeEncodeError:
        return None


def _ours(found: os.stat_result) -> bool:
    """False where the full reading refuses the file or somebody else could have written it."""
    return found.st_uid in (os.geteuid(), 0) and not stat.S_IMODE(found.st_mode) & 0o002


def recall(kept: Path, made_of: bytes) -> Config | None:
    """The configuration that was made of exactly this; None when another one or none is kept."""
    try:
        found = kept.stat()
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            return None
        data = kept.read_bytes()
    except OSError:
        return None
    head = len(made_of).to_bytes(8, "big") + made_of
    if not data.startswith(head):
        return None
    try:
        return msgspec.msgpack.decode(data[len(head):], type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def keep(kept: Path, made_of: bytes, config: Config) -> bool:
    """Keep a configuration for the next start; False where nothing can be written, which costs only time.

    One with sources of other packages is read anew each time: the package may have changed.
    """
    if any(type(source) is not SOURCE_KINDS.get(source.kind) for source in config.sources):
        return False
    try:
        make_private(kept.parent)
        write_private(kept, len(made_of).to_bytes(8, "big") + made_of + msgspec.msgpack.encode(config))
    except (StoreError, UnicodeEncodeError):
        return False
    return True
