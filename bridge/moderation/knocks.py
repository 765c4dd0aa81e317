"""What a knock shows to the member it is for, and what their answer means; pure (norms.md N17).

The card has a sign of four letters, since several may wait. Nobody else hears of the answer, whoever knocked no more than "not delivered".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from bridge.changes import Change, PutDoor
from bridge.model.actor import Actor
from bridge.model.content.message import Message
from bridge.model.content.notice import Notice
from bridge.model.ids import Native
from bridge.model.portal import Callers, Door, Portal, Stance, code_of
from bridge.moderation.commands import Doors
from bridge.moderation.wording import notice
from bridge.norms.wording import bounded, line

PREVIEW = 80
"""Characters of a knock's words that its card shows."""

NO_STRANGERS = timedelta(days=30)

_LINK = re.compile(r"\S*(?:://|www\.|mailto:|mxc:|matrix:)\S*|\b(?:[\w-]+\.)+[a-z]{2,}(?:/\S*)?", re.IGNORECASE)


def preview(message: Message) -> str:
    """The first plain words without links, at most 80 characters; of what hides behind a warning, the warning."""
    words = message.note.text or "…" if message.note is not None else message.text.plain
    return bounded(_LINK.sub("…", words), PREVIEW)


def card(portal: Portal, sender: Actor, words: str, until: datetime) -> Notice:
    """`words` is empty where the knock brings none."""
    args = {"name": called(sender), "code": code_of(portal.id), "until": until.isoformat(), "words": words}
    return Notice(portal.member, notice("knock.words" if words else "knock.wordless", args.items()), knock=code_of(portal.id))


def chosen(order: Doors, door: Door | None, person: Native, now: datetime, answer_in: Native | None) -> tuple[tuple[Change, ...], Notice]:
    """`!knocks …`: the new setting, and what holds from now on."""
    before = door or Door(person)
    after = before
    if order.callers is not None:
        after = msgspec.structs.replace(after, callers=order.callers)
    if order.strangers is not None:
        after = msgspec.structs.replace(after, strangers_after=None if order.strangers else now + NO_STRANGERS)
    shut = after.strangers_after if after.strangers_after is not None and after.strangers_after > now else None
    code = _setting(after.callers) if shut is None or after.callers is Callers.NOBODY else "knock.no_strangers"
    args = {"until": shut.isoformat() if shut is not None else ""}
    changes = (PutDoor(after),) if after != before else ()
    return changes, Notice(person, notice(code, args.items()), answer_in=answer_in)


def _setting(callers: Callers) -> str:
    match callers:
        case Callers.NOBODY:
            return "knock.nobody"
        case Callers.PEOPLE:
            return "knock.people"
        case Callers.MEMBERS:
            return "knock.members"
        case Callers.EVERYONE:
            return "knock.everyone"
        case _:
            assert_never(callers)


def meant(code: str, portals: Sequence[Portal]) -> Portal | str:
    """The knock an answer is about, or the code of what to ask back. Without a sign it is the only one that waits."""
    if code:
        found = [portal for portal in portals if code_of(portal.id) == code]
        return found[0] if len(found) == 1 else "knock.unknown"
    waiting = [portal for portal in portals if portal.stance is Stance.KNOCKS]
    if len(waiting) == 1:
        return waiting[0]
    return "knock.which" if waiting else "knock.none"


def called(person: Actor) -> str:
    """As people read it: name and address."""
    return f"{line(person.name)} ({line(person.handle)})" if person.name else line(person.handle)
