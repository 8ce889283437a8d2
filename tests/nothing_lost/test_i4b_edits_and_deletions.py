"""I4b: what authors delete or edit stays, marked, with every earlier text; also while a draft is open."""

from __future__ import annotations

import random
from pathlib import Path
from zoneinfo import ZoneInfo

from agentdesk.config.schema import Config
from agentdesk.model.clock import ManualClock
from agentdesk.model.conversation import State
from agentdesk.model.outgoing import OutKind
from agentdesk.rules.rulebook import Rulebook
from agentdesk.store import conversations, drafts, integrity
from agentdesk.store.db import Store
from tests.store.scene import Scene, changed


def test_a_hundred_open_posts_are_edited_and_deleted_while_drafts_are_open(tmp_path: Path) -> None:
    clock, dice = ManualClock(), random.Random(5)
    store = Store.open(tmp_path / "data" / "desk.sqlite3", clock)
    scene = Scene(store, clock, Rulebook.build(Config(), ZoneInfo("UTC")))
    said: dict[int, list[str]] = {}
    posts = {}
    for thread in range(100):
        message = scene.message(f"post {thread}", thread=f"t{thread}")
        number = scene.take(message).arrived[0]
        posts[number], said[number] = message, [message.text]
        scene.draft(number, f"answer to {thread}")
    deleted: dict[int, int] = {}
    for round_ in range(4):
        for number in dice.sample(sorted(posts), 60):
            if dice.random() < 0.3:
                scene.take(removed=(posts[number].ref,))
                deleted.setdefault(number, clock.now())
            elif number not in deleted:
                clock.advance(1_000)
                text = f"post {number}, version {round_}"
                scene.take(changed(posts[number], text, clock.now()))
                said[number].append(text)
    assert deleted
    for number, texts in said.items():
        (stored,) = conversations.thread(store.reader, number)
        assert [*stored.earlier_texts, stored.message.text] == texts
        assert stored.deleted_at == deleted.get(number)
        assert stored.message.deleted is (number in deleted)
        assert scene.get(number).state is State.OPEN
        assert scene.get(number).burst == 1
        draft = drafts.get(store.reader, number, "ann", OutKind.REPLY)
        assert draft is not None
        assert draft.text == f"answer to {posts[number].conversation_ref[1:]}"
    assert integrity.check(store) == []
    store.close()
