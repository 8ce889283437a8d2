"""What this terminal can do, and what is said to it besides cells: the clipboard, notifications, the bell."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, MutableMapping
from typing import Literal

import msgspec

from agentdesk.config.schema import UiConfig
from agentdesk.ui.present import flat

COPY_LIMIT = 100_000
"""Bytes of text a terminal is asked to take; many drop more without a word."""
_SCREEN_CHUNK = 250


Depth = Literal["truecolor", "256", "16", "none"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the screen behaves here: the configuration, narrowed by what the terminal can do."""

    theme: str = "dark"
    ascii: bool = False
    depth: Depth = "truecolor"
    """How many colours the terminal shows."""
    wide: int = 120
    medium: int = 100
    scroll: Literal["half_page", "smooth"] = "half_page"
    cursor: Literal["row", "bar"] = "row"
    """How the cursor's row is told: by background too, or by a bar and bold letters only (fewer bytes)."""
    repaint: Literal["changed", "all"] = "changed"
    """What is written to the terminal: the cells that differ, or whatever Textual draws."""
    key_hint: int | None = 300
    idle_lock: int = 0
    """Milliseconds without a key after which everything is hidden; 0 for never."""
    bell: bool = False
    remote: bool = False
    """True over SSH."""
    mouse: bool = True

    @classmethod
    def of(cls, ui: UiConfig, env: Mapping[str, str]) -> Settings:
        """The settings for a configuration and an environment."""
        depth: Depth = colour_depth(env) if ui.colours == "auto" else ui.colours
        if env.get("NO_COLOR") or env.get("TERM") == "dumb":
            depth = "none"
        remote = "SSH_CONNECTION" in env or "SSH_TTY" in env
        locale = env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG") or ""
        plain = bool(locale) and "utf" not in locale.lower()
        given = env.get("AGENTDESK_CURSOR", "")
        cursor: Literal["row", "bar"] = "bar" if given == "bar" or (remote and given != "row") else "row"
        return cls(theme=ui.theme, ascii=ui.ascii or plain or env.get("TERM") == "linux", depth=depth,
                   wide=ui.wide, medium=min(ui.medium, ui.wide), scroll=ui.scroll, cursor=cursor,
                   repaint="all" if env.get("AGENTDESK_REPAINT") == "all" else "changed", key_hint=ui.key_hint,
                   idle_lock=ui.idle_lock,
                   bell=ui.bell, remote=remote)


def colour_depth(env: Mapping[str, str]) -> Depth:
    """How many colours a terminal says it has."""
    if env.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "truecolor"
    kind = env.get("TERM", "").rpartition("-")[2]
    return "256" if kind in ("256color", "kitty", "direct") else "16"


def tell_textual(settings: Settings, env: MutableMapping[str, str]) -> None:
    """Make Textual use the colours we decided on; it reads this when it is imported."""
    systems = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": "standard"}
    env.setdefault("TEXTUAL_COLOR_SYSTEM", systems[settings.depth])


def osc52(text: str, env: Mapping[str, str] | None = None) -> str:
    """The sequence that puts text into the clipboard of the person's own terminal, through tmux and screen."""
    data = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return wrap(f"\x1b]52;c;{data}\x07", os.environ if env is None else env)


def notification(title: str, body: str, env: Mapping[str, str] | None = None) -> str:
    """The sequence that shows a desktop notification where the terminal runs; the bell where none is known."""
    env = os.environ if env is None else env
    title, body = (_plain(part) for part in (title, body))
    program = env.get("TERM_PROGRAM", "") + env.get("LC_TERMINAL", "")
    term = env.get("TERM", "")
    if "kitty" in term:
        return wrap(f"\x1b]99;i=agentdesk:d=0;{title}\x1b\\\x1b]99;i=agentdesk:d=1:p=body;{body}\x1b\\", env)
    if any(name in program for name in ("iTerm", "WezTerm", "ghostty", "vscode")) or "WT_SESSION" in env:
        return wrap(f"\x1b]9;{title}: {body}\x07", env)
    if any(name in term for name in ("rxvt", "foot", "contour")) or "VTE_VERSION" in env:
        return wrap(f"\x1b]777;notify;{title.replace(';', ',')};{body.replace(';', ',')}\x1b\\", env)
    return "\x07"


def wrap(sequence: str, env: Mapping[str, str]) -> str:
    """The sequence as tmux or screen hands it on to the terminal outside."""
    if env.get("TMUX"):
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if env.get("STY") or env.get("TERM", "").startswith("screen"):
        parts = [sequence[at:at + _SCREEN_CHUNK] for at in range(0, len(sequence), _SCREEN_CHUNK)]
        return "".join(f"\x1bP{part}\x1b\\" for part in parts)
    return sequence


def _plain(text: str) -> str:
    """One line that cannot end the sequence it stands in."""
    return flat(text)[:200]
