"""The report of a period."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from agentdesk.cli import output
from agentdesk.cli.session import desk_for
from agentdesk.config.units import parse_length
from agentdesk.errors import UsageError
from agentdesk.model.clock import DAY, Millis
from agentdesk.reports.figures import Report, Row
from agentdesk.reports.figures import report as figures


@click.command()
@click.option("--last", default="7d", show_default=True, metavar="LENGTH", help="The period up to now: 24h, 7d, 30d.")
@click.option("--since", metavar="DAY", help="From this day on, 2026-01-31.")
@click.option("--until", metavar="DAY", help="Up to the end of this day.")
@click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")
@click.pass_context
def report(ctx: click.Context, last: str, since: str | None, until: str | None, as_json: bool) -> None:
    """Count a period: arrivals, answers, times, targets, how conversations left the queue."""
    with desk_for(ctx) as desk:
        now = desk.now()
        end = _day(until, desk.zone) + DAY if until else now
        begin = _day(since, desk.zone) if since else end - _span(last)
        if begin >= end:
            raise UsageError("The period ends before it begins", "", "Give --since before --until")
        reader = desk.store.new_reader()
        try:
            found = figures(reader, desk.rulebook, begin, end, now, desk.zone)
        finally:
            reader.close()
        if as_json:
            output.as_json(found)
        else:
            _tables(found, desk.zone)


def _span(text: str) -> Millis:
    try:
        return parse_length(text)
    except ValueError as error:
        raise UsageError(f"--last {text}: {error}", "", "Write it as 24h, 7d or 30d") from None


def _day(text: str, zone: ZoneInfo) -> Millis:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        raise UsageError(f"{text} is not a day", "", "Write it as 2026-01-31") from None
    return int(day.timestamp() * 1000)


def length(value: Millis | None) -> str:
    """A length of time for people: 45 s, 18 min, 3 h 20, 2 d 4 h."""
    if value is None:
        return "–"
    seconds = value // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3_600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60:02d}"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3_600} h"


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "–" if value is None else f"{value:.0%}"


def _tables(found: Report, zone: ZoneInfo) -> None:
    def stamp(at: Millis) -> str:
        return datetime.fromtimestamp(at / 1000, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")

    replies = found.replies
    output.text(f"{stamp(found.since)} to {stamp(found.until)}")
    output.text("")
    output.table([
        {"figure": "conversations begun", "value": str(replies.conversations)},
        {"figure": "messages in / out", "value": f"{found.inbound} / {found.outbound}"},
        {"figure": "answered", "value": f"{replies.answered} ({share(replies.answered_share)})"},
        {"figure": "first reply, mean", "value": length(replies.mean)},
        {"figure": "first reply, median", "value": length(replies.median)},
        {"figure": "first reply, 90 % within", "value": length(replies.p90)},
        {"figure": "within target", "value": share(replies.within_target)},
        {"figure": "within expectation", "value": share(replies.within_expectation)},
    ])
    _breakdown("open, by waiting time", [{"waiting": n, "open": str(v)} for n, v in found.open_by_age.items()])
    _breakdown("left the queue", [{"how": n, "conversations": str(v)} for n, v in found.dispositions.items()])
    _breakdown("codes", [{"code": n, "conversations": str(v)} for n, v in found.codes.items()])
    _breakdown("by source", [_row(row, "source") for row in found.by_source])
    _breakdown("by agent", [{"agent": row.name, "worked on": str(row.arrivals), "sent": str(row.answered)}
                            for row in found.by_agent])
    _breakdown("by hour", [_row(row, "hour") for row in found.by_hour])


def _row(row: Row, name: str) -> dict[str, object]:
    return {name: row.name, "begun": str(row.arrivals), "answered": str(row.answered), "median": length(row.median),
            "within target": share(row.within_target)}


def _breakdown(title: str, rows: list[dict[str, object]]) -> None:
    if rows:
        output.text("")
        output.text(title)
        output.table(rows, right=[name for name in rows[0] if name != next(iter(rows[0]))])
