"""Themes: complete, readable, and never the only thing that tells a state."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from agentdesk.config.schema import UiConfig
from agentdesk.errors import ConfigError
from agentdesk.model.clock import HOUR
from agentdesk.model.conversation import Severity
from agentdesk.ui.terminal import Settings, colour_depth, tell_textual
from agentdesk.ui.theme import (
    ASCII,
    DARK,
    GROUNDS,
    INKS,
    UNICODE,
    Palette,
    choose_palette,
    find_themes,
    load_theme,
    palette_for,
    shipped,
    theme_from,
)
from agentdesk.ui.widgets.queue_row import Look, Part, countdown, row_parts
from tests.ui.fakes import NOON, FakeRows, row

SHIPPED = find_themes((shipped(),))
ZONE = ZoneInfo("UTC")


def light(colour: str) -> float:
    parts = [int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """How well one colour reads on another, as WCAG counts it."""
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_five_themes_come_along() -> None:
    assert set(SHIPPED) == {"dark", "light", "high-contrast", "colour-blind", "plain"}


def test_the_theme_in_code_is_the_one_in_the_file() -> None:
    assert load_theme(SHIPPED["dark"]) == DARK


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_text_reads_well_on_every_background(name: str) -> None:
    theme = load_theme(SHIPPED[name])
    if theme.ansi:
        pytest.skip("the terminal's own colours")
    least = 7.0 if name == "high-contrast" else 4.5
    for ground in GROUNDS:
        for ink in INKS:
            wanted = 2.5 if ink == "faint" else least if ground != "cursor" else min(least, 4.5)
            assert contrast(theme.ink[ink], theme.ground[ground]) >= wanted, (ink, ground)


def test_late_soon_and_ok_differ_in_brightness_for_eyes_that_see_few_colours() -> None:
    theme = load_theme(SHIPPED["colour-blind"])
    late, soon, ok = (light(theme.ink[name]) for name in ("late", "soon", "ok"))
    assert soon > late * 1.3
    assert late > ok * 1.3


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("colour", [True, False])
def test_states_are_told_without_colour(glyphs: object, colour: bool) -> None:
    """Severity, lateness, marks: the letters alone tell one row from the other."""
    palette = Palette(DARK, glyphs, colour=colour)  # type: ignore[arg-type]
    look = Look(palette, "ann", 80, "row", True)
    kinds = [row(1, severity=severity) for severity in Severity]
    kinds += [row(1, due=NOON - HOUR), row(1, claim_agent="ann"), row(1, claim_agent="sam"), row(1, has_draft=True),
              row(1, unsent=1), row(1, unread=3), row(1, incident="depot"), row(1, indirect=True)]
    said = set()
    for one in kinds:
        clock = countdown(one, NOON, FakeRows().closed, ZONE, palette.glyphs)
        said.add("".join(part.text for part in row_parts(one, look, clock, cursor=False, marked=False)))
    assert len(said) == len(kinds)


def test_ascii_glyphs_are_ascii() -> None:
    assert all(value.isascii() for value in msgspec.structs.asdict(ASCII).values())


def test_unicode_glyphs_take_one_cell_each() -> None:
    from agentdesk.ui.present import width

    assert all(width(value) == 1 for value in msgspec.structs.asdict(UNICODE).values())


def test_a_broken_theme_falls_back_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nink: {text: nonsense}\nground: {}\nshadow: 1\n")
    palette, trouble = palette_for("mine", (tmp_path,))
    assert palette.theme == DARK
    assert "mine.yaml" in trouble
    with pytest.raises(ConfigError) as caught:
        load_theme(tmp_path / "mine.yaml")
    assert any("shadow: no such setting" in problem for problem in caught.value.problems)
    assert any("'nonsense' is no colour" in problem for problem in caught.value.problems)
    assert sum("missing" in problem for problem in caught.value.problems) == len(INKS) - 1 + len(GROUNDS)


def test_a_file_that_is_no_yaml_falls_back_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("{{{")
    palette, trouble = palette_for("mine", (tmp_path,))
    assert palette.theme == DARK
    assert "mine.yaml" in trouble


def test_an_unknown_theme_names_those_there_are() -> None:
    palette, trouble = palette_for("pink", ())
    assert palette.theme == DARK
    assert "colour-blind" in trouble


def test_a_persons_own_theme_wins_over_a_shipped_one(tmp_path: Path) -> None:
    text = SHIPPED["dark"].read_text().replace('accent: "#5ad1bf"', 'accent: "#ff0000"')
    (tmp_path / "dark.yaml").write_text(text)
    palette, trouble = palette_for("dark", (tmp_path,))
    assert trouble == ""
    assert palette.theme.ink["accent"] == "#ff0000"


def test_a_theme_that_is_a_list_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        theme_from([], "x.yaml")


@pytest.mark.parametrize(("env", "depth"), [
    ({"COLORTERM": "truecolor", "TERM": "xterm"}, "truecolor"), ({"TERM": "xterm-256color"}, "256"),
    ({"TERM": "screen"}, "16"), ({"TERM": "linux"}, "16"), ({}, "16"), ({"COLORTERM": "24bit"}, "truecolor")])
def test_the_environment_says_how_many_colours(env: dict[str, str], depth: str) -> None:
    assert colour_depth(env) == depth


@pytest.mark.parametrize(("ui", "env", "wanted"), [
    (UiConfig(), {"TERM": "xterm"}, {"depth": "16", "ascii": False, "cursor": "row"}),
    (UiConfig(), {"NO_COLOR": "1", "COLORTERM": "truecolor"}, {"depth": "none"}),
    (UiConfig(colours="16"), {"COLORTERM": "truecolor"}, {"depth": "16"}),
    (UiConfig(), {"SSH_CONNECTION": "x", "COLORTERM": "truecolor"}, {"cursor": "bar", "remote": True}),
    (UiConfig(), {"TERM": "linux"}, {"ascii": True}),
    (UiConfig(), {"LANG": "C"}, {"ascii": True}),
    (UiConfig(), {"LANG": "de_DE.UTF-8"}, {"ascii": False}),
    (UiConfig(ascii=True), {}, {"ascii": True}),
    (UiConfig(), {"AGENTDESK_REPAINT": "all"}, {"repaint": "all"}),
    (UiConfig(wide=100, medium=110), {}, {"medium": 100}),
])
def test_settings_are_the_configuration_narrowed_by_the_terminal(ui: UiConfig, env: dict[str, str],
                                                                wanted: dict[str, object]) -> None:
    settings = Settings.of(ui, env)
    assert {name: getattr(settings, name) for name in wanted} == wanted


def test_few_colours_take_the_plain_theme_unless_another_is_named() -> None:
    few = Settings(depth="16")
    assert choose_palette(few, ())[0].name == "plain"
    assert choose_palette(few, (), "light")[0].name == "light"
    assert choose_palette(msgspec.structs.replace(few, theme="high-contrast"), ())[0].name == "high-contrast"
    assert not choose_palette(Settings(depth="none"), ())[0].colour


def test_textual_is_told_the_same() -> None:
    env: dict[str, str] = {}
    tell_textual(Settings(depth="16"), env)
    assert env == {"TEXTUAL_COLOR_SYSTEM": "standard"}


def test_codes_say_the_same_as_styles() -> None:
    palette = Palette()
    for ink in INKS:
        for ground in GROUNDS:
            drawn = palette.style(ink, ground, bold=True).render("x")
            assert sorted(palette.codes(ink, ground, bold=True).split(";")) == sorted(
                ["0", *drawn.split("m", 1)[0].removeprefix("\x1b[").split(";")])


def test_parts_add_up_to_the_width() -> None:
    from agentdesk.ui.present import width

    for cells in (44, 52, 60, 80, 120, 200):
        look = Look(Palette(), "ann", cells, "row", True)
        for one in (row(1), row(2, unread=120, claim_agent="sam", has_draft=True, unsent=2, incident="x")):
            clock = countdown(one, NOON, FakeRows().closed, ZONE, UNICODE)
            parts: list[Part] = row_parts(one, look, clock, cursor=True, marked=True)
            assert sum(width(part.text) for part in parts) == cells
