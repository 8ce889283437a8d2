"""Drafts: kept as typed, one per conversation, agent and kind; damage is noticed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentdesk.errors import StoreDamaged
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Draft, OutKind, Upload
from agentdesk.store import conversations, drafts, integrity
from agentdesk.store.codec import pack, row_hash, storable, unpack
from tests.store.scene import Scene


def test_a_draft_comes_back_as_it_was_saved(scene: Scene) -> None:
    number = scene.ask()
    draft = Draft(conversation_id=number, agent="ann", kind=OutKind.REPLY, text="Hé\n\x00 there", canned="sorry",
                  visibility=Visibility.DIRECT, canned_text="Sorry", reply_to_ref="m1", seen_message_id=1, started_at=5)
    scene.store.write_now(lambda db: drafts.save(db, draft, 9))
    found = drafts.get(scene.db, number, "ann", OutKind.REPLY)
    assert found is not None
    assert (found.text, found.saved_at, found.started_at, found.name) == ("Hé\n\x00 there", 9, 5, "Jane Doe")
    assert (found.canned, found.canned_text, found.visibility) == ("sorry", "Sorry", Visibility.DIRECT)


def test_one_for_each_agent_and_kind(scene: Scene) -> None:
    number = scene.ask()
    scene.draft(number, "ann's")
    scene.draft(number, "bob's", agent="bob")
    scene.draft(number, "a note", kind=OutKind.NOTE)
    scene.draft(number, "ann's, longer")
    assert [d.text for d in drafts.all(scene.db, "bob")] == ["bob's"]
    assert {d.text for d in drafts.all(scene.db)} == {"ann's, longer", "bob's", "a note"}
    assert conversations.counts(scene.db, 0)["drafts"] == 3
    assert scene.store.write_now(lambda db: drafts.drop(db, number, "ann", OutKind.NOTE))
    assert not scene.store.write_now(lambda db: drafts.drop(db, number, "ann", OutKind.NOTE))
    assert scene.get(number).has_draft


def test_the_row_is_new_only_when_its_mark_changes(scene: Scene) -> None:
    number = scene.ask()
    scene.draft(number, "a")
    version = scene.get(number).version
    scene.draft(number, "ab")
    assert scene.get(number).version == version


@pytest.mark.parametrize("column", ["text", "visibility", "canned", "seen_message_id", "saved_at"])
def test_a_changed_byte_is_noticed(scene: Scene, column: str) -> None:
    number = scene.ask()
    scene.draft(number, "keep me")
    scene.draft(number, "and me", agent="bob")
    scene.store.write_now(lambda db: db.run(f"UPDATE draft SET {column} = {column} || '1' WHERE agent = 'ann'"))
    with pytest.raises(StoreDamaged, match=f"#{number}"):
        drafts.get(scene.db, number, "ann", OutKind.REPLY)
    assert [d.text for d in drafts.all(scene.db)] == ["and me"]
    assert [f.area for f in integrity.check(scene.store)] == ["draft"]


@given(st.text(st.characters(codec=None)) | st.integers() | st.none())
def test_every_value_becomes_storable_once_and_for_all(value: object) -> None:
    once = storable(value)
    assert storable(once) == once
    if isinstance(once, str):
        once.encode()
    if isinstance(once, int):
        assert -(2**63) <= once < 2**63
    assert row_hash(value) == row_hash(once)


@given(st.dictionaries(st.text(st.characters(codec=None)), st.text(st.characters(codec=None))))
def test_packing_never_fails_and_keeps_what_is_whole(value: dict[str, str]) -> None:
    packed = unpack(pack(value), dict[str, str])
    assert packed == {storable(k): storable(v) for k, v in value.items()}


def test_hashes_tell_rows_apart() -> None:
    assert row_hash("a", "bc") != row_hash("ab", "c")
    assert row_hash(1) != row_hash("1")
    assert row_hash(None) != row_hash("")


def test_files_and_calls_are_kept_under_the_hash(scene: Scene) -> None:
    number = scene.ask()
    upload = Upload(path="/home/ann/form.pdf", name="form.pdf", mime="application/pdf", size=8, digest="0" * 64,
                    alt="The form")
    draft = msgspec.structs.replace(scene.draft(number, "See the form"), uploads=(upload,), calls=("tag claim",))
    scene.store.write_now(lambda db: drafts.save(db, draft, 9))
    found = drafts.get(scene.db, number, "ann", OutKind.REPLY)
    assert found is not None
    assert (found.uploads, found.calls) == ((upload,), ("tag claim",))
    later = msgspec.structs.replace(draft, text="Later words", uploads=(), calls=("status open",))
    joined = drafts.joined(later, found)
    assert (joined.text, joined.uploads, joined.calls) == (
        "See the form\n\nLater words", (upload,), ("tag claim", "status open"))
    for column in ("uploads", "calls"):
        scene.store.write_now(lambda db: drafts.save(db, draft, 9))
        scene.store.write_now(lambda db, c=column: db.run(f"UPDATE draft SET {c} = '[]'"))  # type: ignore[misc]
        with pytest.raises(StoreDamaged):
            drafts.get(scene.db, number, "ann", OutKind.REPLY)
