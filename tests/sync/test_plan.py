"""What a page means for what is held."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.model.conversation import RemoteConversation
from agentdesk.model.customer import Profile
from agentdesk.model.message import Author, Direction, Message
from agentdesk.model.page import Gap, Page, Reject
from agentdesk.model.plan import Held, HeldMessage, Plan
from agentdesk.model.text import Inert
from agentdesk.sync.plan import ANEW, plan

NOW = 1_767_225_600_000
SOURCE = "fake:acme"


def message(ref: str = "m1", text: str = "hello", *, conversation: str = "c1", at: int = NOW - 60_000,
            direction: Direction = Direction.IN, edited_at: int | None = None, deleted: bool = False,
            client_id: str = "") -> Message:
    return Message(ref=ref, conversation_ref=conversation, author=Author(ref="jane", name=Inert("Jane")),
                   direction=direction, text=Inert(text), created_at=at, edited_at=edited_at, deleted=deleted,
                   client_id=client_id)


def known(text: str = "hello", *, edited_at: int | None = None, deleted: bool = False) -> HeldMessage:
    return HeldMessage(id=1, conversation_ref="c1", text=text, edited_at=edited_at, deleted=deleted)


def made(*messages: Message, held: Held | None = None, **page: object) -> Plan:
    return plan(SOURCE, Page(messages=messages, **page), held or Held(), "pull", NOW)  # type: ignore[arg-type]


def test_a_new_message_is_added_with_its_conversation_and_customer() -> None:
    made_plan = made(message())
    assert [m.ref for m in made_plan.add] == ["m1"]
    assert made_plan.conversations == (RemoteConversation(ref="c1", customer_ref="jane"),)


def test_a_known_message_is_the_same_and_changes_nothing() -> None:
    made_plan = made(message(), held=Held(messages={"m1": known()}))
    assert (made_plan.add, made_plan.edit, made_plan.delete, made_plan.same) == ((), (), (), 1)


def test_what_waited_for_approval_and_does_not_any_more_is_approved() -> None:
    held = Held(messages={"m1": msgspec.structs.replace(known(), pending=True)})
    waits = msgspec.structs.replace(message(), pending=True)
    assert made(waits, held=held).approved == ()
    assert made(message(), held=held).approved == ("m1",)
    assert made(message(), held=Held(messages={"m1": known()})).approved == ()
    assert made(message(deleted=True, text=""), held=held).approved == ()
    assert made(waits, message(), held=held).approved == made(message(), waits, held=held).approved == ("m1",)


def test_another_text_is_an_edit_and_an_older_one_is_not() -> None:
    newer = made(message(text="hello!", edited_at=20), held=Held(messages={"m1": known(edited_at=10)}))
    assert [m.text for m in newer.edit] == ["hello!"]
    older = made(message(text="hell", edited_at=5), held=Held(messages={"m1": known(edited_at=10)}))
    assert older.edit == ()
    assert older.same == 1


def test_an_edit_from_the_far_future_does_not_hide_later_ones() -> None:
    held = Held(messages={"m1": known(edited_at=NOW + 400 * 86_400_000)})
    assert [m.text for m in made(message(text="hello!", edited_at=NOW), held=held).edit] == ["hello!"]


def test_deleted_messages_are_marked_and_keep_their_text() -> None:
    made_plan = made(message(text="", deleted=True), held=Held(messages={"m1": known()}), removed=("m2", "m1"))
    assert made_plan.delete == ("m1",)
    assert made_plan.edit == ()
    again = made(message(text="", deleted=True), held=Held(messages={"m1": known(deleted=True)}), removed=("m1",))
    assert again.delete == ()


def test_a_text_that_comes_after_its_tombstone_is_kept() -> None:
    late = made(message(text="what it said"), held=Held(messages={"m1": known(text="", deleted=True)}))
    assert [(m.text, m.deleted) for m in late.edit] == [("what it said", True)]


def test_what_is_not_mentioned_is_not_deleted() -> None:
    held = Held(messages={"m1": known(), "m2": known()})
    for purpose in ("pull", "thread", "history"):
        assert plan(SOURCE, Page(messages=(message(),)), held, purpose, NOW).delete == ()


def test_a_suddenly_empty_first_answer_is_a_hole_and_deletes_nothing() -> None:
    held = Held(messages={"m1": known()}, open_conversations=40)
    made_plan = plan(SOURCE, Page(removed=("m1",)), held, "pull", NOW, first=True)
    assert made_plan.delete == ()
    assert made_plan.gap is not None
    assert made_plan.cursor == ANEW, "the next pull begins anew, until there is something again"
    assert plan(SOURCE, Page(), held, "pull", NOW).gap is None, "an empty page after a cursor is everyday life"
    assert plan(SOURCE, Page(), Held(open_conversations=1), "pull", NOW, first=True).gap is None


def test_a_page_with_a_hole_deletes_nothing() -> None:
    made_plan = made(held=Held(messages={"m1": known()}), removed=("m1",), gap=Gap(reason="cursor expired"))
    assert made_plan.delete == ()
    assert made_plan.gap == Gap(reason="cursor expired")


def test_times_in_the_future_are_brought_back_to_now() -> None:
    [added] = made(message(at=NOW + 5_000)).add
    assert added.created_at == NOW
    [added] = made(message(at=0)).add
    assert added.created_at == NOW


def test_messages_that_cannot_be_placed_are_kept_as_rejects() -> None:
    made_plan = made(message(ref=""), message(conversation=""), message("m3"), rejects=(
        Reject(where="7", reason="no", raw="{}"), Reject(where="7", reason="no", raw="{}")))
    assert [m.ref for m in made_plan.add] == ["m3"]
    assert len(made_plan.rejects) == 3
    assert all("hello" in r.raw for r in made_plan.rejects if r.where != "7")


def test_heads_and_profiles_without_an_id_are_kept_as_rejects() -> None:
    made_plan = made(conversations=(RemoteConversation(ref=""),), profiles=(Profile(ref=""), Profile(ref="jane")))
    assert made_plan.conversations == ()
    assert [p.ref for p in made_plan.profiles] == ["jane"]
    assert len(made_plan.rejects) == 2


def test_our_own_reply_is_known_by_its_ref_or_by_our_id() -> None:
    held = Held(own_sends={"our-id": "m9"})
    by_ref = made(message("m9", direction=Direction.OUT), held=held).add[0]
    by_id = made(message("m8", direction=Direction.OUT, client_id="our-id"), held=held).add[0]
    theirs = made(message("m7", direction=Direction.OUT), held=held).add[0]
    assert (by_ref.client_id, by_id.client_id, theirs.client_id) == ("our-id", "our-id", "")


def test_a_customer_who_copies_our_id_is_still_a_customer() -> None:
    held = Held(own_sends={"our-id": "m9"})
    [added] = made(message(client_id="our-id"), held=held).add
    assert (added.client_id, added.direction) == ("", Direction.IN)


def test_two_tellings_of_a_conversation_become_one() -> None:
    made_plan = made(conversations=(
        RemoteConversation(ref="c1", subject=Inert("Lost parcel"), status="open", updated_at=5, fields={"a": "1"}),
        RemoteConversation(ref="c1", status="closed", closed=True, updated_at=9, fields={"b": "2"})))
    [head] = made_plan.conversations
    assert (head.subject, head.status, head.closed) == ("Lost parcel", "closed", True)
    assert head.fields == {"a": "1", "b": "2"}


def test_an_empty_assignee_is_news_too() -> None:
    [head] = made(conversations=(RemoteConversation(ref="c1", assignee="sam", updated_at=5),
                                 RemoteConversation(ref="c1", assignee="", updated_at=9))).conversations
    assert head.assignee == ""


def test_only_a_pull_moves_the_cursor_and_history_raises_no_alarm() -> None:
    page = Page(messages=(message(),), cursor="42")
    assert plan(SOURCE, page, Held(), "pull", NOW).cursor == "42"
    assert plan(SOURCE, page, Held(), "thread", NOW).cursor is None
    assert plan(SOURCE, page, Held(), "thread", NOW).backfill is False
    assert plan(SOURCE, page, Held(), "history", NOW).backfill is True


# --- laws: a little store that carries plans out, and pages cut from one truth -------------------------------------

Kept = dict[str, HeldMessage]


def carry_out(kept: Kept, page: Page) -> Plan:
    it = plan(SOURCE, page, Held(messages={m.ref: kept[m.ref] for m in page.messages if m.ref in kept}
                                 | {r: kept[r] for r in page.removed if r in kept}), "pull", NOW)
    for m in (*it.add, *it.edit):
        kept[m.ref] = HeldMessage(id=len(kept), conversation_ref=m.conversation_ref, text=m.text,
                                  edited_at=m.edited_at, deleted=m.deleted)
    for ref in it.delete:
        kept[ref] = msgspec.structs.replace(kept[ref], deleted=True)
    return it


def state(kept: Kept) -> dict[str, tuple[str, bool]]:
    return {ref: (m.text, m.deleted) for ref, m in kept.items()}


versions = st.builds(
    lambda ref, version, gone: message(f"m{ref}", "" if gone else f"text {version}", at=NOW - 1_000 * ref,
                                       edited_at=version or None, deleted=gone),
    st.integers(1, 6), st.integers(0, 4), st.booleans())
pages = st.lists(st.lists(versions, max_size=8).map(lambda ms: Page(messages=tuple(ms))), max_size=6)


@given(pages)
def test_every_message_is_added_edited_marked_or_known(some: list[Page]) -> None:
    kept: Kept = {}
    for page in some:
        it = carry_out(kept, page)
        touched = {m.ref for m in (*it.add, *it.edit)} | set(it.delete)
        assert len(touched) + it.same == len(page.messages)
        assert {m.ref for m in page.messages} <= kept.keys()


@given(pages)
def test_a_page_twice_is_a_page_once(some: list[Page]) -> None:
    kept: Kept = {}
    for page in some:
        carry_out(kept, page)
        before = state(kept)
        again = carry_out(kept, page)
        assert (again.add, again.edit, again.delete) == ((), (), ())
        assert state(kept) == before


@given(pages, st.randoms(use_true_random=False))
def test_the_order_of_pages_and_their_overlap_do_not_matter(some: list[Page], chance: object) -> None:
    one: Kept = {}
    for page in some:
        carry_out(one, page)
    mixed = [m for page in some for m in page.messages]
    chance.shuffle(mixed)  # type: ignore[attr-defined]
    other: Kept = {}
    for at in range(0, len(mixed), 3):
        carry_out(other, Page(messages=tuple(mixed[max(0, at - 2):at + 3])))
    assert state(one) == state(other)


@given(pages)
def test_what_is_added_comes_oldest_first(some: list[Page]) -> None:
    for page in some:
        times = [m.created_at for m in plan(SOURCE, page, Held(), "pull", NOW).add]
        assert times == sorted(times)
