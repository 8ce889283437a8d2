"""How the app looks and how its frames reach the terminal: palette, live themes, only the cells that differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.filter import ANSIToTruecolor, LineFilter
from textual.screen import Screen
from textual.theme import Theme as TextualTheme

from agentdesk.errors import Refused
from agentdesk.ui.driver import quiet_driver
from agentdesk.ui.frame import Changed, Frame
from agentdesk.ui.terminal import Settings
from agentdesk.ui.theme import GROUNDS, INKS, Palette, choose_palette, find_themes, shipped


class LookApp(App[int], inherit_bindings=False):
    """An app in the desk's colours that writes as little as it can."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    TITLE = "agentdesk"
    CSS = """
    Screen { color: $desk-text; }
    Input, Input:focus { background: $desk-popup; background-tint: transparent; color: $desk-bright; border: none;
                         padding: 0; height: 1; }
    """

    def __init__(self, settings: Settings, themes: tuple[Path, ...] = ()) -> None:
        self.settings = settings
        self.palette = Palette()
        self.theme_trouble = ""
        """What is wrong with the theme that was asked for; the dark one is shown instead."""
        self._themes = themes
        self._frame = Frame(ascii_signs=settings.ascii) if settings.repaint == "changed" else None
        self.terminal_before: list[Any] | None = None
        """The terminal's settings from before our first frame, which it gets back; None where Textual finds them."""
        super().__init__(driver_class=quiet_driver())
        self.animation_level = "none"
        self._choose_palette()

    # -- drawing ---------------------------------------------------------------------------------------------------

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Hand Textual's update on, narrowed to the cells that differ."""
        if self._frame is not None and isinstance(renderable, LayoutUpdate | ChopsUpdate):
            renderable = Changed(renderable, self._frame)
        super()._display(screen, renderable)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, without the one that looks for colours of the terminal where the theme has none."""
        found = super().get_line_filters()
        if self.palette.theme.ansi or not self.palette.colour:
            return found
        return [one for one in found if not isinstance(one, ANSIToTruecolor)]

    def redraw(self) -> None:
        """Draw everything anew, whatever the terminal shows."""
        if self._frame is not None:
            self._frame.reset()
        self.screen.refresh()

    async def on_resize(self) -> None:
        """The terminal has rearranged its cells: nothing of what it shows is known."""
        if self._frame is not None:
            self._frame.reset()

    def write_raw(self, sequence: str) -> None:
        """Say something to the terminal that is not a cell."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)
            self._driver.flush()

    # -- look ------------------------------------------------------------------------------------------------------

    def _choose_palette(self, name: str = "") -> None:
        """Make the palette for a theme's name and what the terminal can do."""
        self.palette, self.theme_trouble = choose_palette(self.settings, self._themes, name)
        self._use_palette()

    def _use_palette(self) -> None:
        palette = self.palette
        variables = {f"desk-{name}": palette.ground(name) for name in GROUNDS}
        variables.update({f"desk-{name}": palette.ink(name) for name in INKS})
        variables["input-selection-background"] = palette.ground("cursor")
        # Textual's own style sheets name these two, and set them only for themes that are not ansi.
        variables.update({"ansi-background": palette.ground("base"), "ansi-foreground": palette.ink("text")})
        own = TextualTheme(
            name=f"desk-{palette.name}", primary=palette.ink("accent"), accent=palette.ink("accent"),
            foreground=palette.ink("text"), background=palette.ground("base"), surface=palette.ground("panel"),
            panel=palette.ground("popup"), warning=palette.ink("warn"), error=palette.ink("error"),
            success=palette.ink("ok"), dark=palette.theme.dark, ansi=palette.theme.ansi or not palette.colour,
            variables=variables)
        self.register_theme(own)
        self.theme = own.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The names of the desk's colours for style sheets."""
        names = {f"desk-{name}": self.palette.ground(name) for name in GROUNDS}
        return {**names, **{f"desk-{name}": self.palette.ink(name) for name in INKS}}

    def theme_names(self) -> dict[str, str]:
        """Themes by name, with their titles."""
        return {name: name.replace("-", " ").capitalize() for name in find_themes((*self._themes, shipped()))}

    def switch_theme(self, name: str) -> str:
        """Show everything in another theme, at once."""
        before = self.palette
        self._choose_palette(name)
        if self.theme_trouble:
            self.palette = before
            self._use_palette()
            raise Refused(f"The theme {name} cannot be shown", self.theme_trouble, "Mend the file, or pick another")
        for screen in self.screen_stack:
            for widget in screen.query("*"):
                for way in ("recolour", "reload"):
                    act = getattr(widget, way, None)
                    if callable(act):
                        act()
                        break
                widget.refresh()
        return f"Theme {self.palette.theme.title}; ui.theme in the configuration keeps it"
