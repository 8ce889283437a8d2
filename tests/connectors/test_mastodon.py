"""What the servers of the Mastodon family do to a reader: threads, paging, listening, text."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator

import pytest

from agentdesk.config.sources import ListenConfig, MastodonSource
from agentdesk.connectors.items import one
from agentdesk.connectors.mastodon.speak import Speaker, named, names_them, visibility, wire_word, without_leading
from agentdesk.connectors.mastodon.wire import Status
from agentdesk.connectors.registry import create, kinds
from agentdesk.errors import AuthError, BadAnswer, Gone, Rejected, Unavailable
from agentdesk.model.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from agentdesk.model.message import Direction, Kind, Message, Visibility
from agentdesk.model.page import Page
from tests.contract.suite import Ahead
from tests.contract.test_mastodon import MastodonWorld
from tests.fakes.mastodon import Post
from tests.fakes.wire import Fault


@pytest.fixture
async def world(clock: ManualClock) -> AsyncIterator[MastodonWorld]:
    world = MastodonWorld(clock)
    yield world
    await world.connector.close()


async def drain(world: MastodonWorld, cursor: str | None = None) -> tuple[list[Message], str]:
    pages, cursor = await pages_of(world, cursor)
    return [m for page in pages for m in page.messages], cursor


async def pages_of(world: MastodonWorld, cursor: str | None = None) -> tuple[list[Page], str]:
    pages: list[Page] = []
    while True:
        pages.append(await world.connector.pull(cursor))
        assert pages[-1].cursor is not None
        cursor = pages[-1].cursor
        if not pages[-1].more:
            return pages, cursor


async def begun(world: MastodonWorld) -> str:
    """A cursor behind everything."""
    _, cursor = await drain(world)
    world.clock.advance(SECOND)
    return cursor


def asked(world: MastodonWorld, path: str) -> list[dict[str, list[str]]]:
    return [params for _, at, params in world.far.requests if at == path]


# paging -------------------------------------------------------------------------------------------------------------


async def test_mentions_are_paged_forward_and_nothing_between_is_lost(world: MastodonWorld) -> None:
    cursor = await begun(world)
    for number in range(95):
        world.says(f"post {number}")
        world.clock.advance(SECOND)
    found, cursor = await drain(world, cursor)
    assert [m.text for m in found] == [f"post {number}" for number in range(95)]
    calls = asked(world, "/api/v1/notifications")
    assert all(call["include_filtered"] == ["true"] and call["types[]"] == ["mention"] for call in calls)
    assert not any("since_id" in call for call in calls)
    assert (await drain(world, cursor))[0] == []


async def test_what_the_policy_filters_is_read_all_the_same(world: MastodonWorld) -> None:
    cursor = await begun(world)
    world.says("hello")
    world.far.bells[-1].filtered = True
    assert [m.text for m in (await drain(world, cursor))[0]] == ["hello"]


async def test_other_kinds_of_news_are_none_of_ours(world: MastodonWorld) -> None:
    world.far.software = "snac"  # which does not filter by type
    cursor = await begun(world)
    world.far.ring("favourite", world.far.post(world.jane, "nothing"))
    world.says("a mention")
    assert [m.text for m in (await drain(world, cursor))[0]] == ["a mention"]


async def test_a_deleted_newest_notification_neither_stops_nor_repeats_anything(world: MastodonWorld) -> None:
    world.says("older")
    conversation = world.says("newest")
    cursor = await begun(world)
    world.far.delete(conversation.partition("/")[0])
    for _ in range(12):
        pages, cursor = await pages_of(world, cursor)
        assert [(page.messages, page.gap) for page in pages] == [((), None)]
    world.says("later")
    assert [m.text for m in (await drain(world, cursor))[0]] == ["later"]


async def test_what_lies_back_comes_in_pieces_and_goes_on_after_a_restart(world: MastodonWorld) -> None:
    world.says("too old")
    world.clock.advance(8 * DAY)
    for number in range(50):
        world.says(f"post {number}")
        world.clock.advance(MINUTE)
    first = await world.connector.pull(None)
    assert (first.more, first.backfill, first.total, len(first.messages)) == (True, True, 50, 20)
    await world.restart()
    world.says("came meanwhile")
    rest, cursor = await pages_of(world, first.cursor)
    texts = [m.text for page in (first, *rest) for m in page.messages]
    assert texts == [f"post {number}" for number in range(50)]
    assert rest[-1].done == 50
    assert [m.text for m in (await drain(world, cursor))[0]] == ["came meanwhile"]


async def test_no_more_history_is_fetched_than_asked_for(world: MastodonWorld) -> None:
    for number in range(60):
        world.says(f"post {number}")
        world.clock.advance(SECOND)
    world.connector = world.connect(backfill_items=5)
    assert [m.text for m in (await drain(world))[0]] == [f"post {number}" for number in range(55, 60)]
    world.connector = world.connect(backfill_items=0)
    found, cursor = await drain(world)
    assert found == []
    world.says("now")
    assert [m.text for m in (await drain(world, cursor))[0]] == ["now"]


@pytest.mark.parametrize("text", ["", "{}", '{"v": 2}', "[]", "nonsense", '{"v": 1, "n": 7}'])
async def test_a_cursor_that_is_not_understood_means_a_full_walk(world: MastodonWorld, text: str) -> None:
    world.says("hello")
    page = await world.connector.pull(text)
    if text == "{}":  # a cursor of ours that knows nothing yet
        assert not page.backfill
    else:
        assert page.backfill
    assert [m.text for m in page.messages] == ["hello"]


# which conversation -------------------------------------------------------------------------------------------------


async def test_two_customers_below_one_strangers_post_are_two_conversations(world: MastodonWorld) -> None:
    far = world.far
    bo, kim = far.person("bo", "other.example"), far.person("kim", "third.example")
    cursor = await begun(world)
    top = far.post(bo, "Who had trouble with parcels?")
    world.clock.advance(SECOND)
    middle = far.post(kim, "me", to=top.id)
    world.clock.advance(SECOND)
    jane = far.post(world.jane, "@acme me too, lost again", to=middle.id)
    world.clock.advance(SECOND)
    kims = far.post(kim, "@acme and mine", to=jane.id)
    found, cursor = await drain(world, cursor)
    assert {m.ref: m.conversation_ref for m in found} == {
        jane.id: f"{top.id}/{world.jane.id}", kims.id: f"{top.id}/{kim.id}"}
    whole = await world.connector.thread(f"{top.id}/{world.jane.id}")
    assert [(m.text, m.direction) for m in whole.messages] == [
        ("Who had trouble with parcels?", Direction.ASIDE), ("me", Direction.ASIDE),
        ("me too, lost again", Direction.IN), ("and mine", Direction.ASIDE)]
    refs = {m.ref for m in whole.messages}
    assert kims.id not in refs, "a copy must not stand in the way of kim's own conversation"
    assert whole.messages[2].parent_ref == whole.messages[1].ref
    assert [p.ref for p in whole.profiles] == [world.jane.id]
    assert {head.ref: head.customer_ref for head in whole.conversations} == {f"{top.id}/{world.jane.id}": world.jane.id}


async def test_our_words_to_somebody_else_in_the_thread_are_no_answer(world: MastodonWorld) -> None:
    kim = world.far.person("kim", "third.example")
    thread = world.says("mine is lost")
    root = thread.partition("/")[0]
    theirs = world.far.post(kim, "@acme mine too", to=root)
    world.clock.advance(SECOND)
    ours = world.far.post(world.far.us, "@kim@third.example sorry Kim", to=theirs.id)
    world.far.post(world.far.us, "and one more thing", to=ours.id)
    page = await world.connector.thread(thread)
    assert [(m.text, m.direction) for m in page.messages if m.author.ref == world.far.us.id] == []
    page = await world.connector.thread(f"{root}/{kim.id}")
    assert [(m.text, m.direction) for m in page.messages if m.direction is not Direction.ASIDE] == [
        ("mine too", Direction.IN), ("sorry Kim", Direction.OUT), ("and one more thing", Direction.OUT)]


async def test_a_thread_whose_first_post_is_deleted_stays_one_conversation(world: MastodonWorld) -> None:
    thread = world.says("first")
    root = thread.partition("/")[0]
    cursor = await begun(world)
    world.says("second", thread=thread)
    _, cursor = await drain(world, cursor)
    world.far.delete(root)
    await world.restart()  # what is known of the thread lies in the cursor
    world.clock.advance(SECOND)
    last = world.far.post(world.jane, "@acme third", to=world.roots[thread])
    found, cursor = await drain(world, cursor)
    assert [(m.text, m.conversation_ref) for m in found] == [("third", thread)]
    page = await world.connector.thread(thread)
    assert [m.text for m in page.messages] == ["second", "third"]
    assert last.id in json.dumps(json.loads(cursor)["threads"])


async def test_without_any_memory_a_thread_that_lost_its_root_goes_on_as_a_new_one(world: MastodonWorld) -> None:
    thread = world.says("first")
    cursor = await begun(world)
    world.far.delete(thread.partition("/")[0])
    second = world.far.post(world.jane, "@acme second")
    found, _ = await drain(world, cursor)
    assert [m.conversation_ref for m in found] == [f"{second.id}/{world.jane.id}"]
    with pytest.raises(Gone):
        await world.connector.thread(thread)


async def test_what_authors_delete_and_edit_is_noticed_when_the_thread_is_read_again(world: MastodonWorld) -> None:
    thread = world.says("one")
    world.says("two", thread=thread)
    two = world.roots[thread]
    world.says("three", thread=thread)
    await world.connector.thread(thread)
    world.far.delete(two)
    root = thread.partition("/")[0]
    world.far.posts[root].text = "@acme one, corrected"
    world.far.posts[root].edited = world.far.now()
    page = await world.connector.thread(thread)
    assert page.removed == (two,)
    first = next(m for m in page.messages if m.ref == root)
    assert (first.text, first.edited_at) == ("one, corrected", world.clock.now())
    assert (await world.connector.thread(thread)).removed == ()


@pytest.mark.parametrize(("seconds", "again"), [(0, None), (3, 3.0), (9_999, 60.0)])
async def test_a_server_that_is_still_fetching_a_thread_is_asked_again(
    world: MastodonWorld, seconds: int, again: float | None
) -> None:
    thread = world.says("hello")
    world.far.fetching = seconds
    assert (await world.connector.thread(thread)).again_s == again


async def test_what_we_say_to_everybody_is_no_conversation(world: MastodonWorld) -> None:
    cursor = await begun(world)
    world.far.post(world.far.us, "Today all parcels are late, thanks to @jane@far.example for the photo")
    assert await drain(world, cursor) == ([], (await drain(world, cursor))[1])
    world.far.post(world.far.us, "@jane@far.example may we use your photo?")
    world.far.post(world.far.us, "@jane@far.example in private", visibility="direct")
    found, _ = await drain(world, cursor)
    assert [(m.text, m.direction, m.visibility) for m in found] == [
        ("may we use your photo?", Direction.OUT, Visibility.PUBLIC),
        ("in private", Direction.OUT, Visibility.DIRECT)]


async def test_private_words_are_private(world: MastodonWorld) -> None:
    cursor = await begun(world)
    world.says("my order is 4411", visibility="direct")
    world.clock.advance(SECOND)
    world.says("for followers", visibility="private")
    found, _ = await drain(world, cursor)
    assert [(m.kind, m.visibility) for m in found] == [(Kind.DM, Visibility.DIRECT),
                                                       (Kind.MENTION, Visibility.FOLLOWERS)]


@pytest.mark.parametrize("ref", ["", "7", "/", "7/", "/7"])
async def test_refs_that_are_none_are_refused(world: MastodonWorld, ref: str) -> None:
    with pytest.raises(Rejected):
        await world.connector.thread(ref)


# people -------------------------------------------------------------------------------------------------------------


async def test_a_customers_profile(world: MastodonWorld) -> None:
    world.jane.note = "<p>Radio, <b>rhubarb</b></p>"
    world.jane.fields = [{"name": "Web", "value": '<a href="https://jane.example"><span class="invisible">https://'
                          '</span>jane.example</a>', "verified_at": "2026-01-01T00:00:00Z"},
                         {"name": "Pronouns", "value": "she", "verified_at": None}]
    profile = await world.connector.customer(world.jane.id)
    assert (profile.handle, profile.name, profile.followers) == ("@jane@far.example", "Jane Doe", 12)
    assert profile.bio == "Radio, rhubarb\nWeb: https://jane.example (verified)\nPronouns: she"
    assert profile.links == ("https://jane.example",)
    ann = world.far.person("ann")
    assert (await world.connector.customer(ann.id)).handle == "@ann@social.example"
    with pytest.raises(Gone):
        await world.connector.customer("404")


async def test_what_moderators_did_and_where_somebody_went_is_told(world: MastodonWorld) -> None:
    assert (await world.connector.customer(world.jane.id)).remarks == ()
    world.jane.more = {"moved": None, "limited": False}
    assert (await world.connector.customer(world.jane.id)).remarks == ()
    new = world.far.person("jane", "new.example")
    world.jane.more = {"limited": True, "suspended": True, "moved": world.far.account(new)}
    assert (await world.connector.customer(world.jane.id)).remarks == (
        "suspended there: an answer may not arrive", "limited by moderators", "uses @jane@new.example now")


async def test_history_and_search_bring_whole_conversations(world: MastodonWorld) -> None:
    first = world.says("parcel 4411 is lost")
    world.clock.advance(HOUR)
    await world.colleague_answers(first, "we look into it")
    world.clock.advance(HOUR)
    world.says("invoice", who=world.far.person("bo", "other.example"))
    page = await world.connector.history(world.jane.id)
    assert [(m.text, m.direction) for m in page.messages] == [("parcel 4411 is lost", Direction.IN),
                                                              ("we look into it", Direction.OUT)]
    assert page.backfill
    by_word, by_name = await world.connector.find("4411"), await world.connector.find("jane doe")
    assert {m.text for m in by_word.messages} == {m.text for m in by_name.messages} == {m.text for m in page.messages}
    assert (await world.connector.find("nothing like it")).messages == ()


@pytest.mark.parametrize("software", ["mastodon", "gotosocial"])
async def test_what_a_customer_wrote_is_found_behind_what_others_wrote_since(clock: ManualClock, software: str) -> None:
    world = MastodonWorld(clock, software)
    world.says("parcel 4411 is lost")
    for number in range(70):
        world.clock.advance(MINUTE)
        world.says(f"hello {number}", who=world.far.person(f"other{number}", "other.example"))
    page = await world.connector.history(world.jane.id)
    assert [m.text for m in page.messages] == ["parcel 4411 is lost"]
    asked = [params for _, path, params in world.far.requests if path.endswith("/notifications")]
    assert (len(asked) == 1) is (software == "mastodon")
    await world.connector.close()


async def test_a_file_is_fetched_also_from_where_the_server_keeps_its_files(world: MastodonWorld) -> None:
    for address, shows in (("https://social.example/system/x.png", True), ("https://cdn.example/x.png", False)):
        out = io.BytesIO()
        await world.connector.download(address, out, 1_000)
        assert out.getvalue() == b"a picture"
        assert ("authorization" in world.line.seen[-1].headers) is shows
    with pytest.raises(Rejected):
        await world.connector.download("https://cdn.example/x.png", io.BytesIO(), 3)
    with pytest.raises(BadAnswer):
        await world.connector.download("http://127.0.0.1:9/x.png", io.BytesIO(), 1_000)


# text ---------------------------------------------------------------------------------------------------------------


def spoken(world: MastodonWorld, post: Post) -> str:
    speaker = Speaker()
    speaker.me, speaker.my_acct, speaker.domain = world.far.us.id, "acme", "social.example"
    return speaker.text(one(world.far.status(post), Status), world.jane.id)


def test_html_becomes_what_a_person_would_read(world: MastodonWorld) -> None:
    world.far.person("bo", "other.example")
    text = "@acme @bo@other.example look: https://example.org/a/long/path #AcmeFail\n<b>5 < 6 & 7"
    post = world.far.post(world.jane, text)
    assert spoken(world, post) == (
        "@bo@other.example look: https://example.org/a/long/path #AcmeFail\n<b>5 < 6 & 7")


def test_a_warning_stands_above_and_choices_below(world: MastodonWorld) -> None:
    post = world.far.post(world.jane, "@acme which?", spoiler="ranting",
                          poll={"options": [{"title": "red"}, {"title": "blue"}]})
    assert spoken(world, post) == "[ranting]\nwhich?\n- red\n- blue"


def test_a_bare_mention_is_not_emptied(world: MastodonWorld) -> None:
    assert spoken(world, world.far.post(world.jane, "@acme")) == "@acme"


def test_a_link_that_says_something_else_shows_where_it_leads(world: MastodonWorld) -> None:
    content = ('<p><a href="https://evil.example" class="mention hashtag">#bank</a> '
               '<a class="u-url mention" href="https://evil.example/@bank">@bank</a></p>')
    assert spoken(world, world.far.post(world.jane, "@acme x", content=content)) == (
        "#bank @bank <https://evil.example/@bank>")


@pytest.mark.parametrize(("text", "handles", "left"), [
    ("@acme hello", {"acme"}, "hello"), ("@acme, hello", {"acme"}, "hello"),
    ("@acme@x.example: hi", {"acme@x.example"}, "hi"),
    ("@bo @acme hi", {"acme"}, "@bo hi"), ("@acmeist hi", {"acme"}, "@acmeist hi"), ("hi @acme", {"acme"}, "hi @acme"),
    ("@acme", {"acme"}, "@acme"), ("", {"acme"}, ""), ("@ACME hi", {"acme"}, "hi"),
])
def test_only_the_handle_that_makes_it_arrive_is_left_out(text: str, handles: set[str], left: str) -> None:
    assert without_leading(text, handles) == left


@pytest.mark.parametrize(("text", "yes"), [
    ("@jane@far.example hi", True), ("hi @Jane@FAR.example.", True), ("@jane hi", False), ("jane@far.example", False),
    ("@jane@far.example.org", False), ("x@jane@far.example", False), ("https://far.example/@jane", False),
])
def test_who_is_named(text: str, yes: bool) -> None:
    assert names_them(text, "jane@far.example", "social.example") is yes


def test_an_account_of_the_same_server_may_be_named_in_short() -> None:
    assert names_them("@ann hi", "ann", "social.example")
    assert names_them("@ann@social.example hi", "ann", "social.example")
    assert names_them("hi @agent@localhost:2980", "agent", "localhost:2980")
    assert named("a@b.example, @c and @d@e.example!") == ["c", "d@e.example"]


def test_what_can_be_read_by_whom_never_grows() -> None:
    assert wire_word(Visibility.PUBLIC, visibility("private")) == "private"
    assert wire_word(Visibility.PUBLIC, visibility("public"), Visibility.UNLISTED) == "unlisted"
    assert wire_word(Visibility.DIRECT, visibility("public")) == "direct"
    assert wire_word(Visibility.PUBLIC, visibility("mutuals_only")) == "private"
    assert wire_word(Visibility.PUBLIC, visibility("list")) == "direct"


# listening ----------------------------------------------------------------------------------------------------------


def listening(world: MastodonWorld, **entry: object) -> None:
    world.connector = world.connect(listen=(ListenConfig(name="acme", **entry),))  # type: ignore[arg-type]


async def test_tags_and_words_are_heard_and_come_as_heard(world: MastodonWorld) -> None:
    bo = world.far.person("bo", "other.example")
    listening(world, words=("acmepost",), tags=("AcmeFail",), exclude=("giveaway",),
              exclude_authors=("@spam@x.example",))
    world.far.post(bo, "an old one #AcmeFail")
    world.clock.advance(2 * DAY)
    cursor = await begun(world)
    tagged = world.far.post(bo, "what a day #acmefail")
    world.far.post(bo, "never again, AcmePost")
    world.far.post(bo, "acmepost giveaway")
    world.far.post(bo, "acmeposters of the world")
    world.far.post(world.far.person("spam", "x.example"), "acmepost acmepost")
    world.far.post(world.far.us, "we at acmepost are sorry")
    found, cursor = await drain(world, cursor)
    assert found == [], "it is not asked again so soon"
    world.clock.advance(3 * MINUTE)
    found, cursor = await drain(world, cursor)
    assert [(m.text, m.indirect, m.direction, m.conversation_ref) for m in found] == [
        ("what a day #acmefail", True, Direction.IN, f"{tagged.id}/{bo.id}"),
        ("never again, AcmePost", True, Direction.IN, found[1].conversation_ref)]
    world.clock.advance(3 * MINUTE)
    assert (await drain(world, cursor))[0] == []


@pytest.mark.parametrize("many", [0, 30, 90])
async def test_what_other_servers_send_late_is_heard_too(world: MastodonWorld, many: int) -> None:
    bo = world.far.person("bo", "other.example")
    listening(world, words=("acmepost",), tags=("acmefail",))
    cursor = await begun(world)
    for at in ("first", "second"):
        world.clock.advance(3 * MINUTE)
        world.far.post(bo, f"in time: {at} acmepost #acmefail")
        found, cursor = await drain(world, cursor)
        assert [m.text for m in found] == [f"in time: {at} acmepost #acmefail"]
        world.far.clock = Ahead(world.clock, -MINUTE)
        world.far.post(bo, f"late: {at} #acmefail")
        world.far.post(bo, f"late: {at} acmepost")
        world.far.clock = world.clock
        for number in range(many):
            world.clock.advance(SECOND)
            world.far.post(bo, f"{at} {number} #acmefail")
        heard = list[str]()
        for _ in range(4):
            world.clock.advance(3 * MINUTE)
            found, cursor = await drain(world, cursor)
            heard += [m.text for m in found]
        if many < 40:  # among more than one listing shows nobody can tell
            assert {f"late: {at} #acmefail", f"late: {at} acmepost"} <= set(heard)
        assert {f"{at} {number} #acmefail" for number in range(many)} <= set(heard)
    world.clock.advance(3 * MINUTE)
    assert (await drain(world, cursor))[0] == []


async def test_what_is_heard_and_names_us_counts_as_naming_us(world: MastodonWorld) -> None:
    listening(world, tags=("acmefail",))
    cursor = await begun(world)
    world.clock.advance(3 * MINUTE)
    world.says("#acmefail again")
    found, _ = await drain(world, cursor)
    assert [(m.text, m.indirect) for m in found] == [("#acmefail again", False)]


async def test_a_new_term_costs_the_others_nothing_and_brings_no_old_news(world: MastodonWorld) -> None:
    bo = world.far.person("bo", "other.example")
    listening(world, tags=("one",))
    cursor = await begun(world)
    world.far.post(bo, "old #two")
    world.clock.advance(2 * DAY)
    listening(world, tags=("one", "two"))
    world.far.post(bo, "#one")
    found, cursor = await drain(world, cursor)
    assert [m.text for m in found] == ["#one"]
    assert set(json.loads(cursor)["heard"]) == {"tag:one", "tag:two"}


async def test_a_server_that_cannot_search_still_hears_tags(world: MastodonWorld) -> None:
    listening(world, words=("acmepost",), tags=("acmefail",))
    cursor = await begun(world)
    world.clock.advance(3 * MINUTE)
    world.far.post(world.jane, "acmepost #acmefail")
    world.line.faults.append(Fault("status", path="/api/v2/search", status=404, times=9))
    (page, *_), cursor = await pages_of(world, cursor)
    assert [(m.text, m.indirect) for m in page.messages] == [("acmepost #acmefail", True)]
    deaf = "the server does not let us listen for acmepost"
    assert deaf in (page.warnings or ())
    world.line.faults.clear()
    world.clock.advance(3 * MINUTE)
    (page, *_), _ = await pages_of(world, cursor)
    assert deaf not in (page.warnings or ())


# nonsense -----------------------------------------------------------------------------------------------------------


async def test_what_is_no_answer_is_said_to_be_none(world: MastodonWorld) -> None:
    await world.connector.verify()
    for body in (b"<html>hello</html>", b"{}", b'"x"', b"\xff", b"[" * 50_000):
        world.line.faults.append(Fault("lie", path="/api/v1/notifications", status=200, body=body))
        with pytest.raises(BadAnswer):
            await world.connector.pull(None)


async def test_a_line_closed_between_two_requests_is_opened_again(world: MastodonWorld) -> None:
    world.says("hello")
    world.line.faults.append(Fault("lose", path="/api/v1/notifications"))
    assert [m.text for m in (await drain(world))[0]] == ["hello"]
    world.line.faults.append(Fault("lose", path="/api/v1/notifications", times=2))
    with pytest.raises(Unavailable):
        await world.connector.pull(None)


@pytest.mark.parametrize(("status", "said"), [
    (400, '{"error": "invalid_token"}'), (403, '{"error": "The access token was revoked"}'),
    (403, '{"error": "This action is outside the authorized scopes"}'), (401, "<h1>401 Unauthorized</h1>"),
])
async def test_a_refused_token_is_known_in_every_dialect(world: MastodonWorld, status: int, said: str) -> None:
    await world.connector.verify()
    world.line.faults.append(Fault("status", path="/api/v1/notifications", status=status, body=said.encode()))
    with pytest.raises(AuthError):
        await world.connector.pull(None)


async def test_a_listing_that_never_ends_is_left(world: MastodonWorld) -> None:
    """A server that ignores where we are gives the same page for ever."""
    for number in range(45):
        world.says(f"post {number}")
        world.clock.advance(SECOND)
    bells = world.far._bell(world.far.bells[0])
    same = json.dumps([{**bells, "id": str(number)} for number in range(1_000, 1_040)]).encode()
    await world.connector.verify()
    world.line.faults.append(Fault("lie", path="/api/v1/notifications", status=200, body=same, times=100))
    found, cursor = await drain(world)
    assert {m.text for m in found} == {"post 0"}
    assert (await drain(world, cursor))[0] == []


def test_the_registry_makes_it(clock: ManualClock) -> None:
    assert "mastodon" in kinds()
    it = create(MastodonSource(name="acme", url="https://social.example"), clock=clock, token=lambda: "t")
    assert it.name == "mastodon:acme"
    assert it.caps.mentions
