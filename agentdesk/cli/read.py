"""Reading from the shell: the queue, one conversation, one customer, search, drafts, outbox, sources, ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import click

from agentdesk.cli import output
from agentdesk.cli.session import NO_SOURCES, desk_for, one_number, run
from agentdesk.desk import find, gaps
from agentdesk.desk.desk import Desk
from agentdesk.errors import NotFound
from agentdesk.model.address import disguised
from agentdesk.model.clock import Millis
from agentdesk.model.conversation import Link, QueueRow
from agentdesk.model.message import StoredMessage
from agentdesk.model.source import SourceState
from agentdesk.rules.sla import left, standing
from agentdesk.rules.times import length_words, say

FORMAT = click.option("--format", "style", type=click.Choice(["table", "json", "csv"]), default="table",
                      help="How to write it; json is one object a line.")
JSON = click.option("--json", "style", flag_value="json", help="The same as --format json.")


def _span(length: Millis | None) -> str:
    return length_words(length) if length is not None else ""


def _write(style: str, values: Sequence[object], rows: Sequence[dict[str, object]], empty: str) -> None:
    """One listing in the asked style; an empty one says so on stderr."""
    _print(style, values, rows)
    if not values:
        output.say(empty)


def _print(style: str, values: Iterable[object], rows: Iterable[dict[str, object]], right: Sequence[str] = ()) -> None:
    """Only those of both that the asked style shows are made: a year's load twice takes most of a gigabyte."""
    if style == "json":
        output.as_lines(values)
    elif style == "csv":
        output.as_csv(list(rows))
    else:
        output.table(list(rows), right=right)


@click.command()
@click.argument("query", nargs=-1)
@click.option("--view", help="A saved view by its key or name, instead of a query.")
@click.option("--limit", default=500, show_default=True, type=click.IntRange(1), help="How many rows at most.")
@FORMAT
@JSON
@click.pass_context
def queue(ctx: click.Context, query: tuple[str, ...], view: str | None, limit: int, style: str) -> None:
    """List the queue, worst clock first; QUERY is the filter language: late source:rt tag:vip -refund."""
    with desk_for(ctx) as desk:
        text = " ".join(query) or "state:open"
        if view:
            text = _view(desk, view)
        rows = find.window(desk, find.compile_view(desk, text), limit=limit)
        now = desk.now()
        _print(style, (output.plain(row) | {"left_ms": row.due_at - now if row.due_at is not None else None,
                                            "standing": _standing(row, now)} for row in rows),
               (_queue_row(desk, row, now) for row in rows), right=("left",))
        if not rows:
            output.say(f"Nothing in this view: {text}")
        if len(rows) == limit:
            output.say(f"The first {limit}; --limit shows more")


def _view(desk: Desk, wanted: str) -> str:
    for one in find.views(desk):
        if wanted in (one.key, one.name):
            return one.query
    raise NotFound(f"There is no view {wanted}", "", "Views: " + ", ".join(v.name for v in find.views(desk)))


def _standing(row: QueueRow, now: int) -> str | None:
    if row.due_at is None or row.soon_at is None:
        return None
    return standing(row.due_at, row.soon_at, now).value


def _queue_row(desk: Desk, row: QueueRow, now: int) -> dict[str, object]:
    return {"number": row.id, "left": left(row.due_at, now) if row.due_at is not None else "",
            "clock": _standing(row, now) or "", "severity": row.severity.value, "name": row.name,
            "source": row.source, "claim": row.claim_agent, "tags": " ".join(row.tags), "last": row.preview[:80]}


@click.command()
@click.argument("conversation")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def show(ctx: click.Context, conversation: str, as_json: bool) -> None:
    """Show one conversation with every message."""
    number = one_number(conversation)
    with desk_for(ctx) as desk:
        it = find.conversation(desk, number)
        messages = find.thread(desk, number, limit=10_000)
        why, links = find.why(desk, number), find.links(desk, number)
        if as_json:
            output.as_json({"conversation": it, "messages": messages, "why": why, "links": links,
                            "promises": find.promises(desk, number)})
            return
        output.text(f"#{it.id} {it.name} · {it.source} · {it.state.value}" + (f" · {it.subject}" if it.subject else ""))
        for sentence in why:
            output.text(f"  {sentence}")
        for link in links:
            output.text(f"  {_link(link)}")
        for stored in messages:
            output.text("")
            for line in _message(desk, stored):
                output.text(line)


def _link(link: Link) -> str:
    """A tie in one line: ``ticket rt#5512 open (depot): We found the parcel``."""
    where = f" ({link.queue or link.assignee})" if link.queue or link.assignee else ""
    last = f": {link.last_by}: {link.last_text}" if link.last_text else ""
    return f"{'ticket of' if link.back else link.kind} {link.label or link.url} {link.status}{where}".rstrip() + last


def _message(desk: Desk, stored: StoredMessage) -> list[str]:
    it = stored.message
    gone = stored.deleted_at is not None
    marks = [m for m, on in (("waits for approval", it.pending and not gone), ("edited", it.edited_at is not None),
                             ("deleted", gone), (f"not delivered: {stored.undelivered}", stored.undelivered)) if on]
    head = f"{say(it.created_at, desk.now(), desk.zone)}  {it.author.name or it.author.handle}  {it.direction.value} · "
    head += " · ".join([it.visibility.value, *marks])
    files = [f"  [{a.name} {a.size or '?'} bytes]" for a in it.attachments]
    disguises = [f"  ({host} is really {name})" for host, name in disguised(it.text)]
    return [head, *(f"  {line}" for line in it.text.split("\n")), *disguises, *files]


@click.command()
@click.argument("conversation")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def customer(ctx: click.Context, conversation: str, as_json: bool) -> None:
    """Show the customer of a conversation, with the history over all sources, and who may be the same person."""
    from agentdesk.desk import people

    number = one_number(conversation)
    with desk_for(ctx) as desk:
        person = find.customer(desk, find.conversation(desk, number).customer_id)
        earlier = find.earlier(desk, person.id, limit=200)
        offers = people.offers(desk, person.id)
        if as_json:
            output.as_json({"customer": person, "conversations": earlier, "offers": offers})
            return
        output.text(f"{person.name}" + (" · VIP" if person.vip else "") + f" · reach {person.reach}")
        for identity in person.identities:
            output.text(f"  {identity.source}  {identity.profile.handle}")
        if person.note:
            output.text(f"  note: {person.note}")
        for offer in offers:
            where = ", ".join(people.called(identity) for identity in offer.identities)
            output.text(f"  may also be {offer.name} ({where}): {offer.why}")
        rows = [output.plain(brief) for brief in earlier]
        output.table([{k: "" if row[k] is None else row[k] for k in ("id", "source", "state", "disposition", "subject",
                                                                     "preview")} for row in rows])


@click.command()
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many at most.")
@FORMAT
@JSON
@click.pass_context
def search(ctx: click.Context, words: tuple[str, ...], limit: int, style: str) -> None:
    """Find messages by their words, newest first."""
    with desk_for(ctx) as desk:
        hits = run(find.search(desk, " ".join(words), limit=limit))
        rows: list[dict[str, object]] = [
            {"number": hit.conversation_id, "at": say(hit.created_at, desk.now(), desk.zone), "author": hit.author,
             "direction": hit.direction.value, "source": hit.source, "state": hit.state, "text": hit.snippet}
            for hit in hits]
        _write(style, hits, rows, "Nothing found")


@click.command()
@FORMAT
@JSON
@click.pass_context
def drafts(ctx: click.Context, style: str) -> None:
    """List your unfinished texts."""
    with desk_for(ctx) as desk:
        found = find.drafts(desk)
        rows: list[dict[str, object]] = [
            {"number": d.conversation_id, "name": d.name, "kind": d.kind.value,
             "saved": say(d.saved_at, desk.now(), desk.zone), "text": d.text[:100]} for d in found]
        _write(style, found, rows, "No drafts")


@click.command()
@click.option("--all", "everything", is_flag=True, help="What was sent too.")
@FORMAT
@JSON
@click.pass_context
def outbox(ctx: click.Context, everything: bool, style: str) -> None:
    """List replies, notes and actions that are on their way, with what holds them up."""
    with desk_for(ctx) as desk:
        found = find.outbox(desk, unsettled_only=not everything)
        rows = [_entry(desk, output.plain(e)) for e in found]
        _write(style, found, rows, "Everything was sent")


def _entry(desk: Desk, entry: dict[str, Any]) -> dict[str, object]:
    body = (entry["out"] or {}).get("text") or (entry["action"] or {}).get("verb", "")
    return {"entry": entry["id"], "number": entry["conversation_id"], "name": entry["name"], "kind": entry["kind"],
            "state": entry["state"], "tries": entry["attempts"], "trouble": entry["title"], "next": entry["remedy"],
            "what": body[:60]}


@click.command()
@click.option("--quarantine", default="", metavar="KIND:NAME",
              help="Instead, what this source gave that could not be understood, with place and reason.")
@click.option("--gaps", "gappy", default="", metavar="KIND:NAME",
              help="Instead, the stretches of messages that this source could not show, with the reason.")
@click.option("--looked", default="", metavar="KIND:NAME",
              help="Say that you read on the platform what this source could not show.")
@FORMAT
@JSON
@click.pass_context
def sources(ctx: click.Context, quarantine: str, gappy: str, looked: str, style: str) -> None:
    """List the sources: state, last success, last error, how late messages come in, requests left."""
    with desk_for(ctx) as desk:
        if quarantine:
            _quarantined(desk, quarantine, style)
            return
        if looked:
            output.say(run(gaps.settle(desk, looked)))
            return
        if gappy:
            _gaps(desk, gappy, style)
            return
        found = find.sources(desk)
        rows: list[dict[str, object]] = [
            {"source": s.name, "state": s.state if s.configured else "not configured", "again": _again(desk, s),
             "trouble": s.title, "why": s.cause, "next": desk.typed(s.remedy),
             "last ok": say(s.last_ok_at, desk.now(), desk.zone) if s.last_ok_at else "never",
             "lag": _span(find.lag(desk, s.name)), "gaps": s.gaps or "", "set aside": s.rejects or "",
             "connector": s.package or "built in",
             "budget": f"{s.budget.left} of {s.budget.limit}" if s.budget is not None else ""} for s in found]
        _write(style, found, rows, NO_SOURCES)


def _again(desk: Desk, it: SourceState) -> str:
    """When a source in trouble is asked again at the earliest; empty where only a person can mend it."""
    waits = it.state in ("retry", "offline") and it.next_try_at is not None and it.next_try_at > desk.now()
    return say(it.next_try_at, desk.now(), desk.zone) if waits and it.next_try_at is not None else ""


def _gaps(desk: Desk, source: str, style: str) -> None:
    found = gaps.of(desk, source)

    def said(at: int | None) -> str:
        return "" if at is None else say(at, desk.now(), desk.zone)

    rows: list[dict[str, object]] = [{"found": said(it.found_at), "from": said(it.since), "until": said(it.until),
                                      "reason": it.reason} for it in found]
    _write(style, found, rows, f"{source} could show everything")


def _quarantined(desk: Desk, source: str, style: str) -> None:
    kept = find.quarantined(desk, source)
    rows: list[dict[str, object]] = [{"found": say(it.found_at, desk.now(), desk.zone), "place": it.place,
                                      "reason": it.reason, "as it came": it.raw.strip()[:80]} for it in kept]
    _write(style, kept, rows, f"All that {source} gave could be understood")


@click.command()
@click.argument("conversation")
@FORMAT
@JSON
@click.pass_context
def ledger(ctx: click.Context, conversation: str, style: str) -> None:
    """Show what persons and rules decided about a conversation."""
    number = one_number(conversation)
    with desk_for(ctx) as desk:
        find.conversation(desk, number)
        found = find.ledger(desk, number)
        rows: list[dict[str, object]] = [
            {"at": say(e.at, desk.now(), desk.zone), "agent": e.agent or e.rule, "what": e.action, "code": e.code}
            for e in found]
        _write(style, found, rows, "Nothing was decided yet")
