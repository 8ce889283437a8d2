"""Colours and glyphs by meaning: widgets ask for «late» or «note», never for a colour.

A theme is one YAML file. A state is never told by colour alone: it always has a glyph and a word as well, so a theme
may have sixteen colours or none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from agentdesk.errors import ConfigError

if TYPE_CHECKING:
    from rich.style import Style

    from agentdesk.ui.terminal import Settings

INKS: tuple[str, ...] = ("text", "bright", "dim", "faint", "accent", "late", "soon", "ok", "praise", "mine", "note",
                         "error", "warn", "key")
GROUNDS: tuple[str, ...] = ("base", "panel", "side", "cursor", "status", "composer", "popup")

_ANSI = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_NAMES = frozenset({"default", *_ANSI, *(f"bright_{name}" for name in _ANSI)})
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


class Glyphs(msgspec.Struct, frozen=True, kw_only=True):
    """The signs that stand beside colours; one set for Unicode terminals, one for plain ASCII."""

    bar: str = "▌"
    critical: str = "‼"
    high: str = "!"
    normal: str = "·"
    praise: str = "♥"
    draft: str = "✎"
    mine: str = "◆"
    other: str = "◇"
    unsent: str = "⇡"
    selected: str = "●"
    up: str = "●"
    trouble: str = "◐"
    down: str = "○"
    paused: str = "‖"
    dot: str = "·"
    ellipsis: str = "…"
    rule: str = "─"
    check: str = "✓"
    cross: str = "✗"
    arrow: str = "→"
    warn: str = "⚠"
    file: str = "▣"
    incident: str = "▚"
    heard: str = "◌"
    reply: str = "↳"


UNICODE = Glyphs()
ASCII = Glyphs(bar=">", critical="!!", high="!", normal=".", praise="<3", draft="d", mine="*", other="o", unsent="^",
               selected="x", up="+", trouble="~", down="-", paused="|", dot="-", ellipsis="~", rule="-", check="v",
               cross="x", arrow="->", warn="!", file="@", incident="#", reply="`-", heard="h")


class Theme(msgspec.Struct, frozen=True, kw_only=True):
    """A theme as data: what each meaning looks like."""

    name: str
    title: str
    dark: bool
    ink: dict[str, str]
    ground: dict[str, str]
    bold: tuple[str, ...] = ("late", "soon", "key")
    ansi: bool = False
    """True when it uses the terminal's own sixteen colours."""


DARK = Theme(
    name="dark", title="Dark", dark=True,
    ink={"text": "#c3c9d4", "bright": "#eef1f6", "dim": "#959daf", "faint": "#677084", "accent": "#5ad1bf",
         "late": "#ff6a80", "soon": "#f0b14a", "ok": "#86c98e", "praise": "#e79ad6", "mine": "#86b1ff",
         "note": "#dcc680", "error": "#ff6a80", "warn": "#f0b14a", "key": "#5ad1bf"},
    ground={"base": "#10141b", "panel": "#151b24", "side": "#0d1117", "cursor": "#22304a", "status": "#1a212c",
            "composer": "#1c2431", "popup": "#232c3a"},
)
"""The usual theme, in code too: the first frame needs no file, and a broken theme falls back to it."""


class Palette:
    """A theme made ready for drawing: styles by meaning, made once and kept."""

    def __init__(self, theme: Theme = DARK, glyphs: Glyphs = UNICODE, *, colour: bool = True) -> None:
        self.theme = theme
        self.glyphs = glyphs
        self.colour = colour
        self._styles: dict[tuple[str, str, bool, bool, bool], Style] = {}

    @property
    def name(self) -> str:
        """The theme's name."""
        return self.theme.name

    def style(self, ink: str = "text", bg: str = "base", *, bold: bool = False, underline: bool = False,
              italic: bool = False) -> Style:
        """The style for a meaning on a background."""
        key = (ink, bg, bold, underline, italic)
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = self._make(*key)
        return found

    @property
    def few(self) -> bool:
        """True with sixteen colours or none, where a coloured background would drown what stands on it."""
        return self.theme.ansi or not self.colour

    def ground(self, bg: str = "base") -> str:
        """The colour of a background as Textual's CSS takes it."""
        name = self.theme.ground[bg] if self.colour else "default"
        return name if name.startswith("#") else f"ansi_{name}"

    def ink(self, ink: str = "text") -> str:
        """The colour of a meaning as Textual's CSS takes it."""
        name = self.theme.ink[ink] if self.colour else "default"
        return name if name.startswith("#") else f"ansi_{name}"

    def codes(self, ink: str, bg: str, *, bold: bool = False) -> str:
        """The same look as the numbers of a terminal's colour sequence."""
        found = ["0"]
        if bold or ink in self.theme.bold:
            found.append("1")
        if not self.colour:
            return ";".join([*found, *(["7"] if bg == "cursor" else ["2"] if ink in ("dim", "faint") else [])])
        for name, basic, bright, rich in ((self.theme.ink[ink], 30, 90, 38), (self.theme.ground[bg], 40, 100, 48)):
            if name.startswith("#"):
                found.append(f"{rich};2;{int(name[1:3], 16)};{int(name[3:5], 16)};{int(name[5:7], 16)}")
            elif name != "default":
                plain = name.removeprefix("bright_")
                found.append(str((basic if plain == name else bright) + _ANSI.index(plain)))
        return ";".join(found)

    def _make(self, ink: str, bg: str, bold: bool, underline: bool, italic: bool) -> Style:
        from rich.style import Style  # the first frame is painted without it

        heavy = bold or ink in self.theme.bold
        if not self.colour:
            return Style(bold=heavy or None, underline=underline or None, italic=italic or None,
                         dim=ink in ("dim", "faint") or None, reverse=bg == "cursor" or None)
        return Style(color=self.theme.ink[ink], bgcolor=self.theme.ground[bg], bold=heavy or None,
                     underline=underline or None, italic=italic or None)


def theme_from(plain: Any, where: str) -> Theme:
    """A theme from a parsed file; ConfigError naming every mistake at once."""
    problems: list[str] = []
    if not isinstance(plain, Mapping):
        raise ConfigError("The theme cannot be used", f"{where}: a theme is a list of names and colours",
                          "Start from one of the themes that come with agentdesk", (where,))
    known = {"name", "title", "dark", "ink", "ground", "bold"}
    problems.extend(f"{where}: {key}: no such setting" for key in plain if key not in known)
    ink = _colours(plain.get("ink"), INKS, f"{where}: ink", problems)
    ground = _colours(plain.get("ground"), GROUNDS, f"{where}: ground", problems)
    bold = plain.get("bold", list(DARK.bold))
    if not isinstance(bold, list) or any(name not in INKS for name in bold):
        problems.append(f"{where}: bold: a list of {', '.join(INKS)}")
        bold = []
    dark = plain.get("dark", True)
    dark = dark if isinstance(dark, bool) else str(dark).lower() in ("true", "yes")
    if problems:
        raise ConfigError("The theme cannot be used", problems[0], "Mend the file, or pick another theme with T",
                          tuple(problems))
    name = str(plain.get("name", Path(where).stem))
    return Theme(name=name, title=str(plain.get("title", name)), dark=dark, ink=ink, ground=ground, bold=tuple(bold),
                 ansi=any(not value.startswith("#") for value in (*ink.values(), *ground.values())))


def _colours(given: Any, names: tuple[str, ...], where: str, problems: list[str]) -> dict[str, str]:
    """Check one table of colours; every name must be there."""
    if not isinstance(given, Mapping):
        problems.append(f"{where}: missing")
        return {}
    problems.extend(f"{where}.{name}: missing" for name in names if name not in given)
    problems.extend(f"{where}.{name}: no such name" for name in given if name not in names)
    for name, value in given.items():
        if not isinstance(value, str) or not (_HEX.fullmatch(value) or value in _NAMES):
            problems.append(f"{where}.{name}: {value!r} is no colour; write \"#rrggbb\" or a name such as bright_red")
    return {str(name): str(value).lower() for name, value in given.items()}


def load_theme(path: Path) -> Theme:
    """Read one theme file; ConfigError when it cannot be used."""
    from agentdesk.config.yaml import read

    return theme_from(read(path).plain, str(path))


def find_themes(folders: tuple[Path, ...]) -> dict[str, Path]:
    """Every theme file by name; an earlier folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            found.setdefault(path.stem, path)
    return found


def shipped() -> Path:
    """The folder of the themes that come with agentdesk."""
    here = Path(__file__).resolve().parent.parent
    packaged = here / "_themes"
    return packaged if packaged.is_dir() else here.parent / "themes"


def palette_for(name: str, folders: tuple[Path, ...], *, ascii_only: bool = False,
                no_colour: bool = False) -> tuple[Palette, str]:
    """The palette of a named theme, and in words what was wrong with it (then it is the dark one); empty when fine."""
    glyphs = ASCII if ascii_only else UNICODE
    if name == DARK.name and not any((folder / "dark.yaml").is_file() for folder in folders if folder != shipped()):
        return Palette(DARK, glyphs, colour=not no_colour), ""
    found = find_themes((*folders, shipped()))
    path = found.get(name)
    if path is None:
        return Palette(DARK, glyphs, colour=not no_colour), (
            f"No theme is called {name}. There are {', '.join(sorted(found))}")
    try:
        return Palette(load_theme(path), glyphs, colour=not no_colour), ""
    except ConfigError as error:
        return Palette(DARK, glyphs, colour=not no_colour), str(error)


def choose_palette(settings: Settings, folders: tuple[Path, ...], name: str = "") -> tuple[Palette, str]:
    """The palette for what the terminal can show, or of a theme asked for by name; and what was wrong with it."""
    wanted = name or settings.theme
    if not name and settings.depth == "16" and wanted in ("dark", "light"):
        wanted = "plain"
    return palette_for(wanted, folders, ascii_only=settings.ascii, no_colour=settings.depth == "none")
