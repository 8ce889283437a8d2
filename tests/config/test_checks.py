"""Mistakes that no single value shows."""

from __future__ import annotations

import pytest

from tests.config.loading import loaded, mistakes

BAD = [
    ("sources:\n  - {kind: file, name: a, path: x}\n  - {kind: file, name: b, path: y}\n"
     "  - {kind: file, name: a, path: z}",
     'config.yaml:4: sources[2].name: "file:a" is the name of the source in line 2 already'),
    ("calendars:\n  - name: office\n  - name: office",
     'config.yaml:3: calendars[1].name: "office" stands in line 2 already'),
    ("calendars:\n  - name: 24x7", 'config.yaml:2: calendars[0].name: "24x7" is built in; choose another name'),
    ("policies:\n  - name: a\n    calendar: ofice\ncalendars:\n  - name: office",
     'config.yaml:3: policies[0].calendar: no calendar "ofice"; did you mean "office"?'),
    ("policies:\n  - name: a\n    calendar: shop",
     'config.yaml:3: policies[0].calendar: no calendar "shop"; known: 24x7'),
    ("policies:\n  - name: a\n  - name: a", 'config.yaml:3: policies[1].name: "a" stands in line 2 already'),
    ("views:\n  - {key: 1, name: a}\n  - {key: 1, name: b}",
     'config.yaml:3: views[1].key: "1" stands in line 2 already'),
    ("views:\n  - {key: 1, name: a}\n  - {key: 2, name: a}",
     'config.yaml:3: views[1].name: "a" stands in line 2 already'),
    ("ui:\n  medium: 130", "config.yaml:2: ui.medium: medium (130) may not be more than wide (120)"),
    ("ui:\n  wide: 90", "config.yaml:2: ui.wide: medium (100) may not be more than wide (90)"),
    ("ui:\n  wide: 90\n  medium: 91", "config.yaml:3: ui.medium: medium (91) may not be more than wide (90)"),
]


@pytest.mark.parametrize(("text", "problem"), BAD)
def test_a_contradiction_is_refused_word_for_word(text: str, problem: str) -> None:
    assert mistakes(text) == [problem]


@pytest.mark.parametrize(
    "text",
    ["sources: [{kind: file, name: a, path: x}, {kind: rt, name: a, url: https://rt.example}]",
     "policies: [{name: a, calendar: 24x7}]", "policies: [{name: a, calendar: office}]\ncalendars: [{name: office}]",
     "views: [{name: a}, {name: b}]", "ui: {wide: 90, medium: 90}", "calendars:\npolicies:\nsources:\n"],
)
def test_what_only_looks_like_a_contradiction_loads(text: str) -> None:
    assert mistakes(text) == []
    loaded(text)


def test_a_calendar_with_a_mistake_is_not_missed_as_well() -> None:
    text = "calendars: [{name: office, hours: x}]\npolicies: [{name: a, calendar: office}]"
    assert len(mistakes(text)) == 1


@pytest.mark.parametrize(
    "text", ["sources: 1", "sources: [1]", "policies: [{calendar: [1]}]", "ui: 1", "ui: {wide: a}"]
)
def test_a_shape_that_is_wrong_already_is_told_once(text: str) -> None:
    assert mistakes(text)
    assert len(mistakes(text)) == len(set(mistakes(text)))
