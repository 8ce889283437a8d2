"""A home whose every field was written by somebody who means harm: through a source, or straight into the cache."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

from agentdesk.model.clock import SystemClock
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import Action, Draft, Outgoing, OutKind, Verb
from agentdesk.model.page import Account, Gap
from agentdesk.store import drafts, ledger, links, outbox, promises, sources
from agentdesk.store.codec import pack, storable
from agentdesk.store.db import Db, Store
from tests.terminal.harness import run

SOURCE = "file:posts"
AGENT = "a[/]nn [@click=app.quit]"
BROKEN = "file:broken"
NAMED = "\u202e\x1b]0;pwned\x07[@click=app.quit]\x9b2J.jsonl"
"""The name of a file, and of one that is missing."""
MISSING = "missing[@click=app.quit]\u05d0.jsonl"
VIEWS = ["all", "\u05d0\u05d1\u05d2", "\u0639\u0631\u0628"]
CODES = {"one": "[@click=app.quit]x[/]", "two": "[/]", "three": "\u05d0\u05d1 [link=http://evil.example]y[/link]"}
PACK = """\
replies:
  - name: bad-title
    title: "A\\e]0;pwned\\a[/][@click=app.quit]\\u202e title"
    kind: reply
    tags: ["[/]", "\\e[31mred", "\\u202etag"]
    text: "Dear {{ customer.name }},\\n\\e]52;c;ZXZpbA==\\a [/] [link=x]y[/] \\u202e{{ customer.handle }}"
  - name: asks
    title: "[@click=app.quit]asks[/]"
    kind: reply
    hints: {what: "\\e[2J[/] what is it"}
    text: "Hello, {{ what }} \\x9b2J"
"""


def write_home(home: Path, payloads: Mapping[str, str], *, cut: int | None = None) -> Path:
    """Configuration, canned replies and posts with the payloads in every field; returns the folder of posts."""
    config, posts = home / "config", home.parent / "posts"
    for folder in (home, config, config / "packs"):
        folder.mkdir(mode=0o700, exist_ok=True)
    posts.mkdir()
    (config / "packs" / f"{NAMED[1:20]}.yaml").write_text(PACK)
    views = "".join(f"  - {{key: {number}, name: {json.dumps(name)}, query: \"state:open\"}}\n"
                    for number, name in enumerate(VIEWS, 1))
    (config / "config.yaml").write_text(
        f"agent: {{name: {json.dumps(AGENT)}, signature: \"^[/]\u05d0\", zone: UTC}}\nreplies: {{hold: 60s}}\n"
        f"privacy: {{warn_public: {{{json.dumps('[/] name')}: 'secret'}}}}\n"
        f"codes: {{not_actionable: {json.dumps(CODES)}}}\nviews:\n{views}sources:\n  - {{kind: file, name: posts, "
        f"path: {json.dumps(str(posts))}}}\n"
        f"  - {{kind: file, name: broken, path: {json.dumps(str(home.parent / MISSING))}}}\n")
    now = int(time.time())
    lines = [json.dumps(post(name, text if cut is None else text[:cut], now - 60 * number))
             for number, (name, text) in enumerate(payloads.items())]
    (posts / NAMED).write_text("\n".join(lines) + "\n" + '{"id": "\x1b]0;bad\x07", "author": [/]\n')
    with open(os.fsencode(posts) + b"/\xff\xfe\x1b[2J.jsonl", "w") as file:
        file.write(json.dumps(post("last", "AAA\x1b[31mZZZ", now)) + "\n")
    return posts


def post(name: str, text: str, at: int) -> dict[str, Any]:
    """One line of a source with the text in every field that takes text."""
    short = text[:200]
    return {
        "id": f"{name} {short}"[:290], "conversation": f"c {name} {short}"[:290], "author": f"{name}-{short}"[:290],
        "author_name": text[:2_000], "handle": short, "text": text, "created_at": at, "subject": text[:2_000],
        "url": f"https://e.example/{short}", "tags": [short, "[/]"], "lang": short[:40] or "x", "status": short,
        "assignee": short, "priority": short, "followers": 12_345,
        "attachments": [{"name": short, "alt": short, "mime": short, "url": f"https://e.example/{short}", "size": 5},
                        f"../../{short}"],
    }


def spoil(home: Path, payloads: Mapping[str, str]) -> None:
    """Put the payloads as they are into every column of the cache: nothing made them inert on their way in."""
    texts = cycle([storable(text[:4_000]) for text in payloads.values()])
    store = Store.open(home / "data" / "desk.sqlite3", SystemClock())
    try:
        store.write_now(lambda db: _spoil(db, texts))
    finally:
        store.close()


def _spoil(db: Db, texts: Iterator[str]) -> None:
    now = int(time.time() * 1_000)
    numbers = [row[0] for row in db.rows("SELECT id FROM conversation ORDER BY rank, id")]
    for number in numbers:
        text = next(texts)
        short = text[:120]
        db.run("UPDATE conversation SET name = ?1, preview = ?2, subject = ?3, url = ?4, status = ?4, assignee = ?4, "
               "priority = ?4, remote_queue = ?4, incident = ?4, lang = ?4, reasons = ?5, "
               "tags = ?5, fields = ?6 WHERE id = ?7", text, text, text, short, pack([short]),
               pack({short: short}), number)
        db.run("UPDATE message SET author_name = ?1, author_handle = ?1, lang = ?2, url = ?2, text = ?3 "
               "WHERE conversation_id = ?4", text, short, text, number)
        _spoil_person(db, number, text, short)
        ledger.write(db, at=now, agent=short, action=short, conversation_id=number, source=short, code=short,
                     rule=short, detail={"reason": text, short: text, "tags": [short]})
    db.run("UPDATE conversation SET locked_reason = preview WHERE id % 10 = 5")
    for number in numbers[:12]:
        _spoil_work(db, number, next(texts), now)
    _spoil_sources(db, texts, now)


def _spoil_person(db: Db, conversation_id: int, text: str, short: str) -> None:
    db.run("UPDATE customer SET name = ?1, note = ?1, tags = ?2 "
           "WHERE id = (SELECT customer_id FROM conversation WHERE id = ?3)", text, pack([short]), conversation_id)
    profile = {"ref": short, "handle": text, "name": text, "url": short, "bio": text, "followers": 12_345,
               "lang": short, "contacts": [short, text]}
    db.run("UPDATE identity SET handle = ?1, name = ?1, profile = ?2 "
           "WHERE customer_id = (SELECT customer_id FROM conversation WHERE id = ?3)", text, pack(profile).encode(),
           conversation_id)


def _spoil_work(db: Db, number: int, text: str, now: int) -> None:
    """Drafts, replies on their way, promises and links."""
    for kind in (OutKind.REPLY, OutKind.NOTE):
        drafts.save(db, Draft(conversation_id=number, agent=AGENT, kind=kind, text=text, visibility=Visibility.PUBLIC,
                              canned=text[:60], canned_text=text), now)
    out = Outgoing(client_id=f"{number}", conversation_ref=text[:100], kind=OutKind.NOTE, text=text,
                   visibility=Visibility.INTERNAL, agent=text[:100])
    entry = outbox.freeze(db, number, out, agent=text[:100], hold_until=now + 10**9, seen_message_id=0, now=now,
                          source=SOURCE)
    outbox.refused(db, entry, text[:400], text[:400], now)
    outbox.freeze_action(db, number, SOURCE, Action(verb=Verb.STATUS, conversation_ref="x", value=text[:300]), AGENT,
                         now, hold_until=now + 10**9)
    promises.make(db, number, text[:50], text, now + 10**7, now)
    links.make(db, number, text[:50] or "linked", text[:50], now, url=text[:300])


def _spoil_sources(db: Db, texts: Iterator[str], now: int) -> None:
    for number in range(6):
        text = next(texts)
        name = f"x:{number}{text[:30]}"
        sources.ensure(db, name, text[:30], text[:1] or "?")
        sources.note_failure(db, name, "retry", text[:500], text[:500], text[:500], now, now + 10**9)
        sources.set_account(db, name, Account(ref=text[:99], handle=text[:99], server=text[:99], warnings=(text[:99],)))
        sources.add_gap(db, name, Gap(reason=text[:300], until=now), now)
        db.run("INSERT INTO quarantine (source, place, reason, raw, found_at) VALUES (?, ?, ?, ?, ?)",
               name, text[:300], text[:300], text, now)


def made(home: Path, payloads: Mapping[str, str], *, spoiled: bool = False) -> Path:
    """The whole home, its posts fetched."""
    write_home(home, payloads)
    fetched = run("sync", home=home)
    assert fetched.returncode == 8, fetched.stderr  # the broken source is told, the rest went well
    if spoiled:
        spoil(home, payloads)
    return home
