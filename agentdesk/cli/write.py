"""Replies and notes from the shell: text on stdin, the same guards as on the screen."""

from __future__ import annotations

import sys
from itertools import zip_longest

import click
import msgspec

from agentdesk.bootstrap import Options
from agentdesk.cli import output
from agentdesk.cli.session import came_to, deliver, desk_for, one_number, options_of, run, say_unsettled
from agentdesk.desk import answer, files
from agentdesk.desk.desk import Desk
from agentdesk.errors import Refused, UsageError
from agentdesk.model.message import Visibility
from agentdesk.model.outgoing import OutboxEntry, OutKind, SendState


@click.command()
@click.argument("conversation")
@click.option("--text", help="The reply; without it the text comes from stdin.")
@click.option("--visibility", help="public, direct …; the usual one when left out.")
@click.option("--override", multiple=True, metavar="CODE", help="Send although this guard warns; may be repeated.")
@click.option("--split", is_flag=True, help="Cut a text that is too long into a thread.")
@click.option("--attach", "paths", multiple=True, metavar="FILE", help="A file that goes with it; may be repeated.")
@click.option("--alt", "alts", multiple=True, metavar="TEXT", help="What the file shows, one for each --attach.")
@click.option("--offline", is_flag=True, help="Queue only; it leaves at the next sync.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def reply(ctx: click.Context, conversation: str, text: str | None, visibility: str | None, override: tuple[str, ...],
          split: bool, paths: tuple[str, ...], alts: tuple[str, ...], offline: bool, as_json: bool) -> int:
    """Reply to a conversation with the text on stdin."""
    if len(alts) > len(paths):
        raise UsageError("More --alt than --attach", "", "Each --alt describes the file of the --attach at its place")
    said = _Said(OutKind.REPLY, visibility, frozenset(override), split, tuple(zip_longest(paths, alts, fillvalue="")))
    return _write(ctx, conversation, text, said, offline, as_json)


@click.command()
@click.argument("conversation")
@click.option("--text", help="The note; without it the text comes from stdin.")
@click.option("--offline", is_flag=True, help="Queue only; it leaves at the next sync.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def note(ctx: click.Context, conversation: str, text: str | None, offline: bool, as_json: bool) -> int:
    """Write an internal note with the text on stdin; the customer never sees it."""
    return _write(ctx, conversation, text, _Said(OutKind.NOTE), offline, as_json)


class _Said(msgspec.Struct, frozen=True):
    """What the call says about the text."""

    kind: OutKind
    visibility: str | None = None
    override: frozenset[str] = frozenset()
    split: bool = False
    files: tuple[tuple[str, str], ...] = ()
    """Paths with what each shows."""


def _write(ctx: click.Context, conversation: str, text: str | None, said: _Said, offline: bool, as_json: bool) -> int:
    number = one_number(conversation)
    words = sys.stdin.buffer.read().decode(errors="replace") if text is None else text
    with desk_for(ctx) as desk:
        sent, left = run(_send(desk, options_of(ctx), number, words, said, offline))
        mine = {entry.id: entry for entry in left if entry.id in sent}
        say_unsettled(desk, list(mine.values()))
        states = {str(n): mine[n].state.value if n in mine else "sent" for n in sent}
        if as_json:
            output.as_json({"conversation": number, "entries": states})
        elif not mine:
            output.text("Sent" if said.kind is OutKind.REPLY else "Noted")
        else:
            refused = all(entry.state is SendState.REFUSED for entry in mine.values())
            output.text("Refused; it is kept in the outbox" if refused else "In the outbox")
        return came_to(list(mine.values()))


async def _send(desk: Desk, options: Options, number: int, words: str, said: _Said,
                offline: bool) -> tuple[tuple[int, ...], list[OutboxEntry]]:
    draft = answer.open_draft(desk, number, said.kind)
    chosen = draft.visibility
    if said.visibility:
        allowed = answer.visibilities(desk, number, said.kind)
        if said.visibility not in [v.value for v in allowed]:
            raise UsageError(f"A reply here cannot be {said.visibility}", "",
                             "One of: " + ", ".join(v.value for v in allowed))
        chosen = Visibility(said.visibility)
    fresh = msgspec.structs.replace(draft, text=words, visibility=chosen, canned="", canned_text="", uploads=(),
                                    calls=())
    for path, alt in said.files:
        fresh = await files.attach(desk, fresh, path, alt)
    sent = await answer.send(desk, fresh, said.override, split=said.split, hold=0)
    if sent.warnings:
        long = any(w.code == "too_long" for w in sent.warnings)
        flags = ["--split"] * long + [f"--override {w.code}" for w in sent.warnings if w.code != "too_long"]
        raise Refused("Not sent: " + "; ".join(w.text for w in sent.warnings), "A guard warns",
                      " ".join(flags) + (" sends it as a thread" if long else " sends it all the same"))
    return sent.entry_ids, await deliver(desk, options, offline)
