"""Files that came with messages, from the shell: listed, or saved under names of their own."""

from __future__ import annotations

from pathlib import Path

import click

from agentdesk.bootstrap import Options, connect, disconnect
from agentdesk.cli import output
from agentdesk.cli.session import ask_secret, desk_for, one_number, options_of, run
from agentdesk.desk import files as desk_files
from agentdesk.desk import find
from agentdesk.desk.desk import Desk
from agentdesk.desk.files import Listed

ALL = "all"


@click.command()
@click.argument("conversation")
@click.argument("names", nargs=-1, metavar="[NAME]…")
@click.option("--to", "folder", default="", metavar="FOLDER", help="Where to; else as set, else the downloads folder.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON, one file a line.")
@click.pass_context
def files(ctx: click.Context, conversation: str, names: tuple[str, ...], folder: str, as_json: bool) -> None:
    """List the files that came with a conversation, or save those that are named; `all` saves every one."""
    number = one_number(conversation)
    with desk_for(ctx) as desk:
        found = desk_files.listed(desk, find.conversation(desk, number).id)
        if not names:
            rows = [{"number": place, "name": it.file.name, "size": it.file.size, "from": it.who,
                     "shows": it.file.alt, "message": it.message_id} for place, it in enumerate(found, 1)]
            output.as_lines(rows) if as_json else output.table(rows)
            if not rows:
                output.say("No files came with it")
            return
        wanted = found if ALL in names else [desk_files.chosen_of(found, name) for name in names]
        for path in run(_save(desk, options_of(ctx), number, wanted, folder)):
            if as_json:
                output.as_json({"saved": str(path)})
            else:
                output.text(str(path))


async def _save(desk: Desk, options: Options, number: int, wanted: list[Listed], folder: str) -> list[Path]:
    await connect(desk, options, ask=ask_secret, only=None)
    try:
        return [await desk_files.save(desk, number, it, folder) for it in wanted]
    finally:
        await disconnect(desk)
