"""Canned replies: what is filled in, what is asked for, and what no template and no customer's name can do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import NotFound, Refused
from agentdesk.replies.template import (
    MAX_DEPTH,
    MAX_OUTPUT,
    MAX_TEMPLATE,
    MAX_VALUE,
    BadTemplate,
    fill,
    lookup,
    missing,
    names,
    problem,
    render,
)

VALUES = {"customer": {"first_name": "Jane", "name": "Jane Doe"}, "agent": {"name": "Ann"}, "order_number": "4411"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Hi {{ customer.first_name }}, order {{order_number}}.", "Hi Jane, order 4411."),
        ("{{ customer.name|upper }} {{ '  x '|trim }}", "JANE DOE x"),
        ("{{ nothing|default('there') }}", "there"),
        ("{% if order_number %}yes{% else %}no{% endif %}", "yes"),
        ("{% if order_number == '4411' and not (customer.name == 'x') %}a{% endif %}", "a"),
        ("{% if track is defined %}a{% elif order_number %}b{% endif %}", "b"),
        ("a{# a note #}b", "ab"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
        ("{{ 'a' ~ order_number }}", "a4411"),
        ("line\n{% if order_number %}\nmore\n{% endif %}\nend\n", "line\nmore\nend\n"),
        ("no template, 100 % sure, { } [x](y)", "no template, 100 % sure, { } [x](y)"),
    ],
)
def test_renders(template: str, text: str) -> None:
    assert render(template, VALUES) == text


@pytest.mark.parametrize(
    ("template", "needed"),
    [
        ("plain", ()),
        ("{{ b }} {{ a.c }} {{ b }}", ("b", "a.c")),
        ("{{ a|upper }} {{ b|default('x') }}", ("a",)),
        ("{% if a %}{{ b }}{% endif %}", ("a", "b")),
        ("{% if a is defined %}{{ a }}{% endif %}{{ b }}", ("b",)),
        ("{{ a|default(b) }}", ("b",)),
    ],
)
def test_names_what_it_needs(template: str, needed: tuple[str, ...]) -> None:
    assert names(template) == needed


def test_what_is_missing_is_asked_for_and_filled_in() -> None:
    template = "Hi {{ customer.nick }}, {{ customer.name }}: {{ amount }} for {{ order_number }}"
    assert missing(template, VALUES) == ("customer.nick", "amount")
    values = fill(fill(VALUES, "customer.nick", "J"), "amount", "5 €")
    assert missing(template, values) == ()
    assert render(template, values) == "Hi J, Jane Doe: 5 € for 4411"
    assert lookup(VALUES, "customer.nick") == ""
    assert missing("{{ order_number }}", {"order_number": ""}) == ("order_number",)


@pytest.mark.parametrize(
    ("template", "said"),
    [("{{ amount }}", "«amount»"), ("{{ customer.nick }}", "«customer.nick»"), ("{{ customer }}", "«customer»"),
     ("{{ order_number.x }}", "«order_number.x»"), ("{% if amount %}{% endif %}", "«amount»")],
)
def test_a_missing_value_is_named(template: str, said: str) -> None:
    with pytest.raises(NotFound) as caught:
        render(template, VALUES)
    assert said in caught.value.cause


@pytest.mark.parametrize(
    "name",
    ["{{7*7}}", "{% for x in y %}", "{{ order_number }}", "@everyone [x](https://evil.example)", "{#", "}}", "<b>",
    "&amp;",
     "%s %(x)s {0} {name}", "'; DROP TABLE", "Jane\nDoe", "[red]x[/red]", "\\u007b", "${x}", "__class__"],
)
def test_a_name_stays_text(name: str) -> None:
    values = {**VALUES, "customer": {"first_name": name}}
    assert render("Hi {{ customer.first_name }}!", values) == f"Hi {name}!"


@given(st.text(max_size=MAX_VALUE))
def test_any_value_comes_out_as_it_is(name: str) -> None:
    assert render("<{{ customer.name }}>", {"customer": {"name": name}}) == f"<{name}>"


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in order_number %}{% endfor %}", "{% set a = 'x' %}", "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}", "{% extends 'x' %}", "{% block x %}{% endblock %}", "{{ order_number() }}",
        "{{ range(9) }}",
        "{{ order_number.upper() }}", "{{ customer['name'] }}", "{{ [1] }}", "{{ {'a': 1} }}", "{{ 2 ** 9 }}",
        "{{ 'a' * 9 }}",
        "{{ '%s' % order_number }}", "{{ order_number[0:2] }}", "{{ -1 }}", "{{ 1 + 1 }}", "{{ customer.__class__ }}",
        "{{ ''.__class__ }}", "{{ self }}", "{{ _x }}", "{{ order_number|replace('4', 'x') }}",
        "{{ order_number|attr('x') }}",
        "{{ order_number|center(99999999) }}", "{{ order_number is callable }}", "{% filter upper %}x{% endfilter %}",
        "{% with a = 1 %}{% endwith %}", "{% call x() %}{% endcall %}", "{{ customer.items() }}",
        "{% autoescape true %}{% endautoescape %}", "{{ order_number|default(boolean=true) }}",
    ],
)
def test_whatever_is_more_than_filling_in_is_refused(template: str) -> None:
    with pytest.raises(Refused):
        names(template)
    with pytest.raises(Refused):
        render(template, VALUES)
    found = problem(f"first\n{template}")
    assert found is not None
    assert found[0] == 2


@pytest.mark.parametrize(
    "template", ["{{", "{{ }}", "{% if %}", "{% if a %}", "{% nonsense %}", "{{ a.b. }}",
        "{{ 9" + "9" * 5_000 + " }}", "{{ 'a }}"]
)
def test_what_cannot_be_read_says_why(template: str) -> None:
    with pytest.raises(BadTemplate) as caught:
        render(template, VALUES)
    assert caught.value.reason
    assert problem(template) is not None


def test_problems_name_their_line() -> None:
    assert problem("a\nb\n{{ c") is not None
    assert problem("a\nb\n{% if %}")[0] == 3  # type: ignore[index]
    assert problem("a\n{{ x() }}")[0] == 2  # type: ignore[index]
    assert problem("fine {{ customer.name }}") is None


@pytest.mark.parametrize(
    "template",
    ["x" * (MAX_TEMPLATE + 1), "{{" + "(" * 3_000 + "a" + ")" * 3_000 + "}}", "{{ " + "not " * 2_000 + "a }}",
     "{% if a %}" * (MAX_DEPTH + 1) + "{% endif %}" * (MAX_DEPTH + 1)],
)
def test_bombs_are_refused(template: str) -> None:
    with pytest.raises(Refused):
        render(template, {"a": "x"})


def test_output_is_bounded() -> None:
    many = "{{a}}" * (MAX_OUTPUT // MAX_VALUE + 1)
    with pytest.raises(Refused):
        render(many, {"a": "x" * MAX_VALUE * 2})
    assert len(render("{{a}}", {"a": "x" * MAX_VALUE * 2})) == MAX_VALUE


bits = st.sampled_from(["{{", "}}", "{%", "%}", "{#", "#}", "if", "endif", "for x in y", "customer", ".name", "|",
    "upper", "(",
                        ")", "'", '"', "~", "is defined", " ", "\n", "a", "9", "else", "raw", "-", "default('x')",
                        "not",
                        "set", "["])


@given(st.lists(bits, max_size=14).map(" ".join) | st.text(max_size=60))
def test_any_template_renders_or_is_refused_in_words(template: str) -> None:
    try:
        out = render(template, VALUES)
    except (BadTemplate, NotFound):
        return
    assert problem(template) is None
    assert "<" not in out or "<" in template
