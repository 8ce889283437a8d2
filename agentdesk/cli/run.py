"""Long runs: the screen, the demo, and collecting without a screen."""

from __future__ import annotations

import asyncio
import signal

import click

from agentdesk.bootstrap import DemoOptions, Options, connect, disconnect
from agentdesk.bootstrap import open_desk as assemble
from agentdesk.cli import output
from agentdesk.cli.exits import Exit
from agentdesk.cli.screen import open_screen
from agentdesk.cli.session import NO_SOURCES, ask_secret, desk_for, options_of, run
from agentdesk.desk import find, rules_changed
from agentdesk.desk.desk import Desk
from agentdesk.model.events import Arrived, Event, Notice, Progress, SourceChanged
from agentdesk.store import sources as source_rows


@click.command(name="open")
@click.pass_context
def open_desk(ctx: click.Context) -> int:
    """Open the desk (what agentdesk does without a command)."""
    return open_screen(options_of(ctx))


@click.command()
@click.option("--seed", default=1, show_default=True, help="Another number tells another day.")
@click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(0.1, 1_000),
              help="Run its clock faster.")
@click.option("--fresh", is_flag=True, help="Start over.")
@click.option("--headless", is_flag=True, help="Collect once and print the queue instead of opening the screen.")
@click.option("--json", "as_json", is_flag=True, help="With --headless: JSON, one conversation a line.")
@click.pass_context
def demo(ctx: click.Context, seed: int, speed: float, fresh: bool, headless: bool, as_json: bool) -> int:
    """Open the desk of Harbour Post, a made-up parcel company on three sources."""
    said = ctx.obj
    options = Options(profile="demo", overrides=said["overrides"], safe=said["safe"],
                      demo=DemoOptions(seed=seed, speed=speed, fresh=fresh))
    if not headless:
        return open_screen(options)
    desk = assemble(options)
    try:
        run(_collect(desk, options, None))
        rows = find.window(desk, find.compile_view(desk, "state:open"), limit=500)
        if as_json:
            output.as_lines(rows)
        else:
            output.table([{"number": r.id, "name": r.name, "source": r.source, "last": r.preview[:80]} for r in rows])
    finally:
        desk.store.close()
    return Exit.OK


@click.command()
@click.option("--watch", is_flag=True, help="Go on until stopped.")
@click.option("--source", help="Only this one, such as rt:support.")
@click.option("--json", "as_json", is_flag=True, help="Events as JSON, one a line.")
@click.pass_context
def sync(ctx: click.Context, watch: bool, source: str | None, as_json: bool) -> int:
    """Fetch what is new and send what waits, without a screen."""
    with desk_for(ctx) as desk:
        desk.subscribe(lambda event: _tell(desk, event, as_json))
        if not desk.config.sources and not desk.demo:
            output.say(NO_SOURCES)
            return Exit.OK
        if watch:
            return run(_watch(desk, options_of(ctx), source))
        return run(_collect(desk, options_of(ctx), source))


def _tell(desk: Desk, event: Event, as_json: bool) -> None:
    """One event, as data or as talk."""
    if as_json:
        output.as_json({"event": type(event).__name__, **output.plain(event)})
        return
    match event:
        case Arrived():
            count = len(event.conversation_ids)
            output.say(f"{event.source}: {event.messages} new in {count} conversation{'' if count == 1 else 's'}")
        case Notice():
            output.say(event.text + (f" ({desk.typed(event.remedy)})" if event.remedy else ""))
        case Progress() if event.finished or event.done % 1_000 == 0:
            output.say(f"{event.task}: {event.done}" + (f" of {event.total}" if event.total else ""))
        case _:
            return


async def _collect(desk: Desk, options: Options, only: str | None) -> int:
    """One round over every source, all at once; FINDINGS when one could not be reached."""
    await connect(desk, options, ask=ask_secret, only=only)
    names = list(desk.connectors)
    if options.demo is not None:  # one by one, so that the same seed gives the same numbers
        went_well = [await _round(desk, name) for name in names]
    else:
        went_well = await asyncio.gather(*(_round(desk, name) for name in names))
        went_well += [False for one in desk.config.sources
                      if not one.paused and only in (None, one.full_name) and one.full_name not in names]
    await rules_changed.follow(desk)
    await disconnect(desk)
    return Exit.OK if all(went_well) else Exit.FINDINGS


async def _round(desk: Desk, name: str) -> bool:
    """One round over one source, told when it is over; False when it could not be reached."""
    result = await desk.connected().sync_once(name)
    if result.paused:
        output.say(f"{name}: paused, left alone; p among the sources of the desk lets it go on")
        return True
    if result.error is not None:
        said = desk.typed(str(result.error))
        output.say(said if said.startswith(f"{name}:") else f"{name}: {said}")
        return False
    by = f" (collected by {result.elsewhere})" if result.elsewhere else ""
    output.say(f"{name}: {result.messages} new message{'' if result.messages == 1 else 's'}{by}")
    return True


async def _watch(desk: Desk, options: Options, only: str | None) -> int:
    """Collect until SIGINT, SIGTERM or SIGHUP; sends in flight are stored as unknown, never lost."""
    await connect(desk, options, ask=ask_secret, only=only)
    desk.connected()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    states = {state.name: state.state for state in source_rows.all(desk.store.reader)}

    def heard(event: Event) -> None:
        if isinstance(event, SourceChanged):
            now = source_rows.state(desk.store.reader, event.source)
            if states.get(event.source) != now.state:
                states[event.source] = now.state
                output.say(f"{event.source}: {now.state}" + (f": {now.title}" if now.title else ""))

    desk.subscribe(heard)
    output.say(f"Watching {', '.join(desk.connectors)}; Ctrl+C ends it")
    async with asyncio.TaskGroup() as group:
        engine = group.create_task(desk.connected().run())
        waiting = group.create_task(stop.wait())
        following = group.create_task(rules_changed.follow(desk))
        await asyncio.wait([engine, waiting], return_when=asyncio.FIRST_COMPLETED)
        engine.cancel()
        waiting.cancel()
        following.cancel()
    await disconnect(desk)
    return Exit.OK
