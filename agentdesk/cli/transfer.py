"""Reading files in, and getting everything out."""

from __future__ import annotations

import re
import sys
from io import TextIOWrapper
from pathlib import Path

import click
import msgspec

from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.session import desk_for, run
from agentdesk.config.shape import SOURCE_LABEL
from agentdesk.config.sources import FileSource
from agentdesk.desk.desk import Desk
from agentdesk.desk.importing import import_file as read_in
from agentdesk.errors import NotFound, Refused, UsageError
from agentdesk.model.clock import DAY
from agentdesk.model.events import Event, Progress
from agentdesk.paths import begin_private, disk_error
from agentdesk.store import conversations, sources, transfer
from agentdesk.store.db import Db
from agentdesk.store.imports import ImportJob
from agentdesk.store.transitions import HISTORY_HORIZON

SHOWN = 10
"""How many rejected lines are named at the end; all of them are kept."""


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--source", default="", metavar="KIND:NAME", help="Under which source; file:<file's name> when left out.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="For CSV: which column holds a field.")
@click.option("--encoding", default="", help="How the file's text is encoded; utf-8 when left out.")
@click.option("--again", is_flag=True, help="Read a file once more that was read in already.")
@click.option("--archive", is_flag=True, help="FILE is an agentdesk export: put it into an empty profile.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def import_file(ctx: click.Context, file: Path, source: str, columns: tuple[str, ...], encoding: str, again: bool,
                archive: bool, as_json: bool) -> int:
    """Read a whole JSONL or CSV FILE in; stopped, it goes on where it was."""
    kind, _, label = source.partition(":")
    if source and (kind != FileSource.kind or not re.fullmatch(SOURCE_LABEL.pattern, label)):
        raise UsageError(f"{source} cannot be the source of a file",
                         "Its kind is file, and its name has small letters, digits, dot, dash and underscore",
                         "Write --source file:forms")
    with desk_for(ctx) as desk:
        if archive:
            _archive(desk, file, as_json)
            return Exit.OK
        config = _settings(desk, source, file, _columns(columns), encoding)
        bar = _Bar()
        desk.subscribe(bar.heard)
        try:
            job = run(read_in(desk, file, source=source, config=config, again=again))
        finally:
            bar.end()
        if as_json:
            output.as_json(job)
        else:
            stored, rejected = _count(job.stored, "message"), _count(job.rejected, "line")
            output.text(f"{stored} stored under {job.source}, {rejected} rejected")
            output.say(f"What is older than {HISTORY_HORIZON // DAY} days stands in the view done, not in the queue")
            _say_rejected(desk, job)
        return Exit.SOURCE if job.rejected and job.rejected == job.lines else Exit.OK


def _columns(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        field, sep, column = pair.partition("=")
        if not sep:
            raise UsageError(f"{pair} names no column", "", "Write --column text=Message")
        found[field.strip()] = column.strip()
    return found


def _settings(desk: Desk, source: str, file: Path, columns: dict[str, str], encoding: str) -> FileSource:
    """How to read the file: as the configuration says for this source, and what the call says above that."""
    given = next((one for one in desk.config.sources if one.full_name == source and isinstance(one, FileSource)), None)
    config = given or FileSource(name="import", path=str(file))
    return msgspec.structs.replace(config, path=str(file), columns={**config.columns, **columns},
                                   encoding=encoding or config.encoding)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _say_rejected(desk: Desk, job: ImportJob) -> None:
    for item in sources.quarantined(desk.store.reader, job.source, SHOWN) if job.rejected else ():
        output.say(f"  {item.place}: {item.reason}")
    if job.rejected > SHOWN:
        more = f"  and {job.rejected - SHOWN} more; agentdesk sources --quarantine {job.source} lists them"
        output.say(desk.typed(more))


class _Bar:
    """A progress bar on stderr, only where there is a terminal to draw it on."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()
        self._last = -1

    def heard(self, event: Event) -> None:
        """Draw it anew when a percent is done."""
        if not self._shown or not isinstance(event, Progress) or not event.total:
            return
        percent = event.done * 100 // event.total
        if percent != self._last:
            self._last = percent
            done = percent * 30 // 100
            sys.stderr.write(f"\r{'#' * done}{'.' * (30 - done)} {percent:3d} %")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._last >= 0:
            sys.stderr.write("\n")


def _archive(desk: Desk, file: Path, as_json: bool) -> None:
    """Put an export into this profile, which must be empty."""
    if conversations.any_stored(desk.store.reader):
        raise Refused("This profile is not empty", "An archive is put back as a whole",
                      "Use another profile: agentdesk --profile restored import --archive FILE")
    try:
        with file.open(encoding="utf-8") as lines:
            counts = desk.store.write_now(lambda db: transfer.load(db, lines))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise NotFound(f"There is no file {file}", "", transfer.ANOTHER) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be read", error.strerror or str(error), "Look at its permissions") from error
    except UnicodeDecodeError as error:
        raise UsageError("This is not an export of agentdesk", f"It is not UTF-8: {error.reason}",
                         transfer.ANOTHER) from error
    if as_json:
        output.as_json(counts)
    else:
        output.table([{"table": name, "rows": str(number)} for name, number in counts.items()], right=["rows"])


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def export(ctx: click.Context, file: Path | None) -> None:
    """Write every message, draft, reply and decision as JSON lines to FILE or stdout."""
    with desk_for(ctx, read_only=True) as desk:
        reader = desk.store.new_reader()
        try:
            if file is None:
                _to_stdout(reader)
                return
            counts = _to_file(reader, file)
        finally:
            reader.close()
    output.say(f"{sum(counts.values())} rows written to {file}")


def _to_file(reader: Db, file: Path) -> dict[str, int]:
    """Into a new file, which is gone again when it cannot be written whole."""
    with begin_private(file) as out:
        try:
            counts = transfer.export(reader, out)
            out.flush()
        except OSError as error:
            file.unlink(missing_ok=True)
            raise disk_error(f"{file} cannot be written", error) from error
    return counts


def _to_stdout(reader: Db) -> None:
    """As UTF-8, whatever this terminal shows: it is read back so."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    with output.writing():
        transfer.export(reader, sys.stdout)
