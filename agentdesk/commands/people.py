"""Verbs on the customer of a conversation: what colleagues should know, and which identities are one person's."""

from __future__ import annotations

from agentdesk.commands.context import Choice, Context
from agentdesk.commands.queue import LIST, conversation_number
from agentdesk.commands.registry import verb
from agentdesk.desk import find, people
from agentdesk.errors import NotFound, Refused, UsageError
from agentdesk.model.customer import Customer, Offer

CUSTOMER = (*LIST, "customer")
OTHER = "other"
OTHER_PERSON = Choice(OTHER, "Somebody else …", "the customer of another conversation")


def _person(ctx: Context) -> Customer:
    return find.customer(ctx.desk, find.conversation(ctx.desk, ctx.one).customer_id)


@verb(name="customer-note", title="Note about the customer …", contexts=CUSTOMER, scope="one", undoable=True)
async def customer_note(ctx: Context, note: str = "") -> str | None:
    """Write what colleagues should know about this customer; it never leaves the desk."""
    person = _person(ctx)
    text = note or await ctx.front.ask(f"Note about {person.name}", default=person.note)
    while not note and text is not None and (now := _person(ctx)).note not in (person.note, text):
        person = now
        text = await ctx.front.ask(f"It says by now: {person.note or 'nothing'}. Note about {person.name}",
                                   default=text)
    return await people.set_note(ctx.desk, _person(ctx).id, text) if text is not None else None


@verb(name="customer-vip", title="VIP on or off", contexts=CUSTOMER, scope="one", undoable=True)
async def customer_vip(ctx: Context) -> str:
    """Mark this customer as VIP, or no longer."""
    person = _person(ctx)
    return await people.set_vip(ctx.desk, person.id, not person.vip)


@verb(name="customer-tag", title="Tag the customer …", contexts=CUSTOMER, scope="one", undoable=True)
async def customer_tag(ctx: Context, tags: str = "") -> str | None:
    """Add tags to this customer, or remove those with a dash before them: b2b -new."""
    person = _person(ctx)
    words = tags or await ctx.front.ask(f"Tags of {person.name}", hint="b2b, or -b2b to remove") or ""
    names = words.replace(",", " ").replace("#", "").split()
    if not names:
        return None
    person = _person(ctx)  # as it is after the question
    gone = {name[1:] for name in names if name.startswith("-")}
    more = [name for name in names if not name.startswith("-")]
    return await people.set_tags(ctx.desk, person.id, [tag for tag in (*person.tags, *more) if tag not in gone])


@verb(name="customer-merge", title="Same person as …", contexts=CUSTOMER, scope="one", undoable=True)
async def customer_merge(ctx: Context, of: int = 0) -> str | None:
    """Take the offer that another customer is the same person, or name another conversation's customer."""
    mine = find.conversation(ctx.desk, ctx.one)
    if not of:
        offered = people.offers(ctx.desk, mine.customer_id)
        chosen = await _offer(ctx, offered, "Who is the same person?", OTHER_PERSON) if offered else OTHER
        if isinstance(chosen, Offer):
            return f"{await people.merge(ctx.desk, mine.customer_id, chosen.customer_id, chosen.why)}: {chosen.name}"
        of = await _number(ctx) if chosen == OTHER else 0
        if not of:
            return None
    other = find.conversation(ctx.desk, of)
    sure = await ctx.front.confirm(f"{mine.name} and {other.name} are one person?",
                                   "Their identities and conversations come together; undo takes them apart again")
    return await people.merge(ctx.desk, mine.customer_id, other.customer_id) if sure else None


async def _number(ctx: Context) -> int:
    """Another conversation's number; 0 when the person thought better of it."""
    text = await ctx.front.ask("Same person as in conversation", hint="its number, such as 1042") or ""
    return conversation_number(text) if text else 0


async def _offer(ctx: Context, offered: list[Offer], title: str, *more: Choice) -> Offer | str | None:
    """The offer under the cursor, the only one, or what the person chooses: an offer, or one of ``more`` by value."""
    here = next((it for it in offered if it.customer_id == ctx.customer), None)
    if here is not None or len(offered) == 1:
        return here or offered[0]
    if ctx.where == "shell":
        names = "; ".join(f"{it.name}, {it.why}" for it in offered)
        raise UsageError("There are several of them", names, "Name a conversation of the one: customer-merge of=1042")
    choices = [Choice(str(it.customer_id), it.name, f"{it.why} · {', '.join(map(people.called, it.identities))}")
               for it in offered]
    chosen = await ctx.front.choose(title, [*choices, *more])
    return next((it for it in offered if str(it.customer_id) == chosen), chosen)


@verb(name="customer-apart", title="Not the same person", contexts=CUSTOMER, scope="one", undoable=True)
async def customer_apart(ctx: Context) -> str | None:
    """Say that the customer who is offered as the same person is another one; it is not offered again."""
    person = _person(ctx)
    offered = people.offers(ctx.desk, person.id)
    if not offered:
        raise Refused("Nobody is offered as the same person here", "", "| takes an identity away that is known already")
    chosen = await _offer(ctx, offered, "Who is another person?")
    if not isinstance(chosen, Offer):
        return None
    return await people.keep_apart(ctx.desk, person.id, chosen.customer_id)


@verb(name="customer-split", title="Take an identity away …", contexts=CUSTOMER, scope="one", undoable=True)
async def customer_split(ctx: Context, identity: str = "") -> str | None:
    """Say that one of this customer's identities belongs to another person."""
    person = _person(ctx)
    if len(person.identities) < 2:
        raise Refused(f"{person.name} has one identity only", "", "= brings another one here")
    known = {people.called(it): it for it in person.identities}
    chosen = identity or await ctx.front.choose("Which identity is another person's?",
                                                [Choice(name, name, it.profile.name) for name, it in known.items()])
    if not chosen:
        return None
    found = known.get(chosen) or next(
        (it for it in person.identities if chosen in (it.source, it.profile.handle)), None)
    if found is None:
        raise NotFound(f"{person.name} has no identity {chosen}", f"Identities: {', '.join(known)}")
    return await people.split(ctx.desk, found.source, found.profile.ref)
