"""Replies and notes from the shell: text on stdin, the same guards as on the screen."""

from __future__ import annotations

import sys

import click
import msgspec

from agentdesk.bootstrap import Options
from agentdesk.cli import output
from agentdesk.cli.session import deliver, desk_for, numbers, options_of, run, say_unsettled
from agentdesk.desk import answer
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused, UsageError
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutboxEntry, OutKind


@click.command()
@click.argument("conversation")
@click.option("--text", help="The reply; without it the text comes from stdin.")
@click.option("--visibility", help="public, direct …; the usual one when left out.")
@click.option("--override", multiple=True, metavar="CODE", help="Send although this guard warns; may be repeated.")
@click.option("--split", is_flag=True, help="Cut a text that is too long into a thread.")
@click.option("--offline", is_flag=True, help="Queue only; it leaves at the next sync.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def reply(ctx: click.Context, conversation: str, text: str | None, visibility: str | None, override: tuple[str, ...],
          split: bool, offline: bool, as_json: bool) -> None:
    """Reply to a conversation with the text on stdin."""
    _write(ctx, conversation, text, OutKind.REPLY, visibility, override, split, offline, as_json)


@click.command()
@click.argument("conversation")
@click.option("--text", help="The note; without it the text comes from stdin.")
@click.option("--offline", is_flag=True, help="Queue only; it leaves at the next sync.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def note(ctx: click.Context, conversation: str, text: str | None, offline: bool, as_json: bool) -> None:
    """Write an internal note with the text on stdin; the customer never sees it."""
    _write(ctx, conversation, text, OutKind.NOTE, None, (), False, offline, as_json)


def _write(ctx: click.Context, conversation: str, text: str | None, kind: OutKind, visibility: str | None,
           override: tuple[str, ...], split: bool, offline: bool, as_json: bool) -> None:
    (number,) = numbers([conversation])
    words = sys.stdin.buffer.read().decode(errors="replace") if text is None else text
    with desk_for(ctx) as desk:
        sent, left = run(_send(desk, options_of(ctx), number, words, kind, visibility, frozenset(override), split,
                               offline))
        mine = {entry.id: entry for entry in left if entry.id in sent}
        say_unsettled(list(mine.values()))
        states = {str(n): mine[n].state.value if n in mine else "sent" for n in sent}
        if as_json:
            output.as_json({"conversation": number, "entries": states})
        elif not mine:
            output.text("Sent" if kind is OutKind.REPLY else "Noted")
        else:
            output.text("In the outbox")


async def _send(desk: Desk, options: Options, number: int, words: str, kind: OutKind, visibility: str | None,
                override: frozenset[str], split: bool, offline: bool) -> tuple[tuple[int, ...], list[OutboxEntry]]:
    draft = answer.open_draft(desk, number, kind)
    chosen = draft.visibility
    if visibility:
        allowed = answer.visibilities(desk, number, kind)
        if visibility not in [v.value for v in allowed]:
            raise UsageError(f"A reply here cannot be {visibility}", "",
                             "One of: " + ", ".join(v.value for v in allowed))
        chosen = Visibility(visibility)
    fresh = msgspec.structs.replace(draft, text=words, visibility=chosen, canned="", canned_text="")
    sent = await answer.send(desk, fresh, override, split=split, hold=0)
    if sent.warnings:
        raise Refused("Not sent: " + "; ".join(w.text for w in sent.warnings), "A guard warns",
                      " ".join(f"--override {w.code}" for w in sent.warnings) + " sends it all the same")
    return sent.entry_ids, await deliver(desk, options, offline)
