"""Signing in, and again, for every kind: what is asked, what is told, and that the words lead to the token."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from agentdesk.config.sources import (
    SOURCE_KINDS,
    BlueskySource,
    ChatwootSource,
    MailSource,
    RtSource,
    SecretRef,
    SourceBase,
    ZammadSource,
    ZendeskSource,
)
from agentdesk.connectors import registry
from agentdesk.connectors.addresses import site
from agentdesk.connectors.http import Http
from agentdesk.connectors.mastodon.signing_in import renew as mastodon_renew
from agentdesk.errors import AuthError, Rejected
from agentdesk.model.clock import ManualClock
from tests.connectors.asking import Answers
from tests.fakes.mastodon import FakeMastodon
from tests.fakes.wire import Line

ASKED = SecretRef(kind="prompt")
SITE = "https://desk.example"
RENEWED: list[tuple[SourceBase, str]] = [
    (RtSource(name="a", url=SITE, token=ASKED), f"{SITE}/Prefs/AuthTokens.html"),
    (ZammadSource(name="a", url=SITE, token=ASKED), f"{SITE}/#profile/token_access"),
    (ZendeskSource(name="a", url=SITE, token=ASKED, user="ann@acme.example"), "/apis/api-tokens"),
    (ZendeskSource(name="a", url=SITE, token=ASKED), "/apis/oauth-clients"),
    (ChatwootSource(name="a", url=SITE, token=ASKED, account=3), f"{SITE}/app/accounts/3/profile/settings"),
    (BlueskySource(name="a", token=ASKED, handle="acme.bsky.social"), "settings/app-passwords"),
    (MailSource(name="a", token=ASKED, address="support@gmail.com", imap="imap.gmail.com", smtp="smtp.gmail.com"),
     "app password"),
]


@pytest.mark.parametrize(("config", "where"), RENEWED, ids=lambda it: getattr(it, "kind", ""))
async def test_a_new_token_is_all_that_is_asked_for(clock: ManualClock, config: SourceBase, where: str) -> None:
    person = Answers("the-new-token")
    assert await registry.home(config.kind).renew(person, clock, config) == "the-new-token"
    assert len(person.asked) == 1
    assert person.asked[0].startswith("secret: ")
    assert where.lower() in "\n".join(person.told).lower()


async def test_a_mastodon_account_allows_it_anew_without_being_asked_where_it_is(clock: ManualClock) -> None:
    far = FakeMastodon(clock)
    line = Line(far.handle)

    def make(url: str, **more: Any) -> Http:
        return Http(url, transport=line.transport(), **more)

    class Owner(Answers):
        async def secret(self, title: str, *, hint: str = "") -> str:
            address = next(text for text in self.told if text.startswith("https://"))
            return far.allow(address, far.us)

    owner = Owner()
    assert await mastodon_renew(owner, clock, "https://social.example", make) == far.us.token
    assert owner.asked == []


@pytest.mark.parametrize(("slips", "apps"), [(1, 1), (2, 1), (3, None)])
async def test_a_code_typed_wrong_costs_one_more_try_and_not_the_whole_way(
        clock: ManualClock, slips: int, apps: int | None) -> None:
    far = FakeMastodon(clock)
    line = Line(far.handle)

    def make(url: str, **more: Any) -> Http:
        return Http(url, transport=line.transport(), **more)

    class Owner(Answers):
        tries = 0

        async def secret(self, title: str, *, hint: str = "") -> str:
            self.tries += 1
            address = next(text for text in self.told if text.startswith("https://"))
            return "slip" if self.tries <= slips else far.allow(address, far.us)

    owner = Owner()
    if apps is None:
        with pytest.raises(AuthError, match="did not accept the code"):
            await mastodon_renew(owner, clock, "https://social.example", make)
    else:
        assert await mastodon_renew(owner, clock, "https://social.example", make) == far.us.token
        assert len(far.apps) == apps
    assert sum("Type it once more" in text for text in owner.told) == min(slips, 2)


async def test_no_server_is_no_server_in_words(clock: ManualClock) -> None:
    with pytest.raises(Rejected) as caught:
        await registry.home("mastodon").sign_in(Answers("  "), clock)
    assert caught.value.title == "No server was given"


@pytest.mark.parametrize("kind", [kind for kind, settings in SOURCE_KINDS.items() if settings.needs_token])
def test_every_kind_with_a_token_can_be_signed_in_to_and_again(kind: str) -> None:
    home = registry.home(kind)
    assert inspect.iscoroutinefunction(home.sign_in)
    assert inspect.iscoroutinefunction(home.renew)


@pytest.mark.parametrize(("given", "found"), [
    ("rt.example", "https://rt.example"), ("https://ann:pw@rt.example/x", "https://rt.example/x"),
    ("localhost:8080/rt/", "http://localhost:8080/rt"), ("", ""), ("https://rt.example/Ticket/1?x=y", "https://rt.example"),
])
def test_an_address_as_people_paste_it(given: str, found: str) -> None:
    assert site(given, ("/Ticket/",)) == found


async def test_an_access_token_is_known_to_die_soon(clock: ManualClock) -> None:
    person = Answers("support@gmail.com", "", "", "", "oauth2", "ya29.token", "")
    found = await registry.home("mail").sign_in(person, clock)
    assert found.fleeting
    assert "ya29" not in repr(found)
