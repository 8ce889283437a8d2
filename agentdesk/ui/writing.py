"""What an agent adds to a text being written, canned words and files, and what follows once it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agentdesk.commands.context import Choice
from agentdesk.desk import answer, files, find
from agentdesk.desk import canned as canned_replies
from agentdesk.errors import DeskError, NotFound, Refused, UsageError
from agentdesk.model.message import Direction, Visibility
from agentdesk.model.outgoing import Draft, OutKind, Upload
from agentdesk.replies.template import Canned
from agentdesk.ui.front import ScreenFront
from agentdesk.ui.screens import dialogs
from agentdesk.ui.widgets.when import size

if TYPE_CHECKING:
    from agentdesk.ui.app import DeskApp
    from agentdesk.ui.widgets.composer import Composer

SENT_DM = "dm-sent"
"""The canned words that tell in public that a private message was sent."""
ADD = "add"


async def pick_canned(composer: Composer, name: str = "") -> None:
    """Choose a canned reply, ask for what it needs, and put it in as ordinary text."""
    from agentdesk.ui.screens.canned import pick, values_for

    app, draft = composer.desk_app, composer.draft
    if draft is None:
        return
    conversation_id = draft.conversation_id
    chosen = await pick(app, conversation_id, name)
    values = await values_for(app, chosen, conversation_id) if chosen is not None else None
    if chosen is not None and values is not None:
        text = answer.fill(app.desk, chosen, conversation_id, values)
        calls = await _agreed(app, chosen)
        now = composer.still(draft)
        if now is None:
            return
        if chosen.kind == "reply" and not now.text.strip():
            composer.keeper.change(canned=chosen.name, canned_text=text)
            composer.editor.load("")
        composer.keeper.change(calls=tuple(dict.fromkeys((*now.calls, *calls))))
        composer.editor.put(text)
    composer.take_keys()


async def _agreed(app: DeskApp, chosen: Canned) -> tuple[str, ...]:
    """The macro's other doings that the agent wants too, once the reply is sent."""
    calls = canned_replies.calls(chosen)
    if not calls:
        return ()
    sure = await dialogs.confirm(app, "Do this too, once the reply is sent?", " · ".join(calls))
    return calls if sure else ()


async def attach(composer: Composer, path: str = "", alt: str = "") -> None:
    """Attach a file, asking for its path and, where it is shown, its description; or take one away again."""
    app, draft = composer.desk_app, composer.draft
    if draft is None:
        return
    composer.keeper.attaching = True
    try:
        if not path and draft.uploads and not await _wants_another(composer, draft):
            return
        files.check_room(app.desk, draft)
        more = await _read(composer, path, alt)
        if more is not None:
            upload = await _described(app, more, alt)
            now = composer.still(draft)
            if now is None:
                raise Refused(f"{upload.name} is not attached", "What it was for is closed",
                              "Open that again, then attach it")
            composer.change(uploads=(*now.uploads, upload))
    finally:
        composer.keeper.attaching = False
        composer.take_keys()


async def _read(composer: Composer, path: str, alt: str) -> Draft | None:
    """The draft with one more file; a path that leads nowhere is asked for again, as it was typed."""
    app, typed, wrong = composer.desk_app, "", ""
    while True:
        name = path or await app.front.ask(f"{wrong}Attach which file?", hint="~/photo.jpg · Tab completes",
                                           default=typed, complete=files.complete)
        if not name or composer.draft is None:
            return None
        try:
            return await files.attach(app.desk, composer.draft, name, alt)
        except (NotFound, UsageError) as error:
            if path:
                raise
            typed, wrong = name, f"{error.title}. "


async def _wants_another(composer: Composer, draft: Draft) -> bool:
    """True when the agent wants to attach one more; removing one is done here."""
    choices = [Choice(ADD, "Attach another file", "")]
    choices += [Choice(str(number), f"Remove {each.name}", size(each.size))
                for number, each in enumerate(draft.uploads, 1)]
    chosen = await composer.desk_app.front.choose("Files that go along", choices)
    if chosen is not None and chosen != ADD and composer.draft is not None:
        composer.change(uploads=files.detach(composer.draft, chosen).uploads)
    return chosen == ADD


async def _described(app: DeskApp, draft: Draft, alt: str) -> Upload:
    """The last file of a draft with a description, asked for where the source shows one."""
    upload = draft.uploads[-1]
    caps = app.desk.caps(files.going_to(app.desk, draft))
    most = caps.max_alt
    if alt or most is None or not upload.mime.startswith(files.DESCRIBED):
        return upload
    said = await app.front.ask(f"What does {upload.name} show?", hint="for people who cannot see it",
                               check=lambda text: "" if len(text) <= most else f"{len(text) - most} too long")
    return msgspec.structs.replace(upload, alt=said or "")


def detach(composer: Composer, name: str) -> None:
    """Take a file away, named as it is shown or by its number."""
    if composer.draft is not None:
        composer.change(uploads=files.detach(composer.draft, name).uploads)


async def move_text(composer: Composer, old: Draft | None) -> None:
    """Bring what was being written in another draft into the one that is open; the other is forgotten then."""
    if old is None or composer.draft is None or not (old.text.strip() or old.uploads):
        return
    text = composer.draft.text
    composer.change(uploads=tuple(dict.fromkeys((*composer.draft.uploads, *old.uploads))))
    composer.editor.load(f"{text.rstrip()}\n\n{old.text}".strip() if text.strip() else old.text)
    composer.keeper.change(text=composer.editor.text)
    await composer.flush()
    if composer.keeper.trouble is None:
        await answer.discard(composer.desk_app.desk, old)


async def edit_outside(composer: Composer) -> None:
    """Write in the agent's own editor; the clocks go on meanwhile."""
    from agentdesk.ui.external_editor import OwnEditor

    await composer.flush()
    draft = composer.draft
    if draft is None:
        return

    def saved(text: str) -> None:
        """What the own editor has saved is the draft from now on."""
        now = composer.still(draft)
        if now is not None and now.text != text:
            composer.editor.select_all()
            composer.editor.put(text)
            composer.change(text=composer.editor.text)

    desk = composer.desk_app.desk
    own = OwnEditor(draft.text, saved, desk.profile)
    composer.look_outside = own.look
    try:
        saved(await own.edit(composer.app, desk.config.ui.editor))
    finally:
        composer.look_outside = None
        composer.take_keys()


async def after(app: DeskApp, draft: Draft) -> None:
    """What follows when a draft was sent: the macro's other doings, and a word in public about a private message."""
    for call in draft.calls:
        await app.carry_out(canned_replies.here(app.desk, draft.conversation_id, call), draft.conversation_id)
    if draft.kind is OutKind.DM:
        await _say_in_public(app, draft.conversation_id)


async def _say_in_public(app: DeskApp, conversation_id: int) -> None:
    """Offer the canned words that tell everybody that the customer was answered, in private."""
    told = canned_replies.named(app.desk, SENT_DM)
    if told is None or not _is_public(app, conversation_id) or answer.missing(app.desk, told, conversation_id):
        return
    try:
        text = answer.fill(app.desk, told, conversation_id, {})
    except DeskError:  # words that cannot be filled in are not offered
        return
    front = ScreenFront(app, "conversation")
    if await front.confirm("Say in public that you have written in private?", text):
        await app.main.compose_reply(conversation_id, OutKind.REPLY, canned=SENT_DM)


def _is_public(app: DeskApp, conversation_id: int) -> bool:
    """True when the customer wrote where others read it."""
    said = [it.message for it in find.thread(app.desk, conversation_id) if it.message.direction is Direction.IN]
    return bool(said) and said[-1].visibility in (Visibility.PUBLIC, Visibility.UNLISTED)
