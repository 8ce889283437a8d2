"""What answers tell besides their content: the budget in every dialect, and the server's clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.connectors.meter import Meter
from agentdesk.model.clock import MINUTE, SECOND
from agentdesk.model.page import Budget

NOW = 1_767_225_600_000


def noted(*answers: dict[str, str]) -> Meter:
    """A meter after these answers."""
    meter = Meter()
    for headers in answers:
        meter.note(headers, NOW)
    return meter


@pytest.mark.parametrize(("headers", "budget"), [
    ({"x-ratelimit-limit": "300", "x-ratelimit-remaining": "299", "x-ratelimit-reset": "2026-01-01T00:05:00.000Z"},
     Budget(left=299, limit=300, resets_at=NOW + 5 * MINUTE)),
    ({"ratelimit-limit": "3000", "ratelimit-remaining": "2998", "ratelimit-reset": str(NOW // 1_000 + 60)},
     Budget(left=2998, limit=3000, resets_at=NOW + MINUTE)),
    ({"x-rate-limit": "700", "x-rate-limit-remaining": "699"}, Budget(left=699, limit=700)),
    ({"x-ratelimit-total": "50", "x-ratelimit-remaining": "0"}, Budget(left=0, limit=50)),
    ({"x-ratelimit-remaining": "12.0"}, None),
    ({"x-ratelimit-remaining": "9" * 40}, None),
    ({"x-ratelimit-remaining": "-1"}, None),
    ({}, None),
])
def test_every_dialect_of_the_budget(headers: dict[str, str], budget: Budget | None) -> None:
    assert noted(headers).budget == budget


def test_a_limit_that_is_not_told_again_stays() -> None:
    it = noted({"x-ratelimit-limit": "300", "x-ratelimit-remaining": "9"}, {"x-ratelimit-remaining": "8"}, {})
    assert it.budget == Budget(left=8, limit=300)


def test_the_servers_clock() -> None:
    assert noted({"date": "Thu, 01 Jan 2026 00:01:00 GMT"}).skew == 60 * SECOND
    assert noted({"date": "Wed, 31 Dec 2025 23:59:00 GMT"}).skew == -60 * SECOND
    assert noted({"date": "soon"}).skew is None
    assert noted({}).skew is None


@given(st.dictionaries(st.sampled_from(["date", "x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset"]),
                       st.text(max_size=30)))
def test_no_header_is_a_mistake_of_ours(headers: dict[str, str]) -> None:
    noted(headers)
