"""On Matrix this is an `m.room.redaction`; on the fediverse a Delete or an Undo; here a Retraction.

https://spec.matrix.org/v1.18/client-server-api/#redactions. What is taken back stands in `content.redacts` from room version 11, before that
beside the content; Synapse 1.163 sends both. Everybody may redact their own events, so a ghost needs no power for it.
"""

from __future__ import annotations

from bridge.model.content.retraction import Retraction
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Item, Omission
from bridge.refs import Ignored, Reading, Refs, Wire
from protocols.htmltree import scrub
from protocols.matrix.ids import Me
from protocols.matrix.translate.frame import Frame, aim, author_of, make
from protocols.matrix.translate.outgoing import REDACT, absent, ghost_for, mark_of
from protocols.matrix.wire import RedactionContent, decode, dump

__all__ = ["read", "write"]

REMOVED = "moderation"
"""How the reason of a moderator's redaction begins."""


def read(frame: Frame, refs: Refs) -> Reading:
    """`moderator`: the homeserver let somebody else take it back, so they hold power in the room."""
    content = decode(frame.raw.content, RedactionContent)
    outer = frame.raw.redacts
    if content.redacts is not None and outer is not None and content.redacts != outer:
        return Ignored("a redaction that names two different events", refused=True)
    native = content.redacts or outer
    if native is None:
        return Ignored("a redaction of nothing", refused=True)
    target = aim(frame, refs, native)
    if target is None:
        return Ignored("a redaction of something in another room", refused=True)
    # What is not decided yet has no author here: that the homeserver allowed it is what counts.
    mine = target.known is not None and target.known.author == Native(MATRIX, frame.raw.sender)
    reason = " ".join(scrub(content.reason or "").split())[:500]
    if not mine:
        reason = reason.removeprefix(REMOVED).removeprefix(":").lstrip()
    return make(frame, Retraction(target=target.id, reason=reason, moderator=not mine), author_of(frame, refs), mark=content.mark)


def write(item: Item, retraction: Retraction, refs: Refs, me: Me) -> Wire | Omission:
    """By the ghost that said it; what was said by somebody of this room, only the bot can take back, if the room gave it that power."""
    copy = refs.copy(retraction.target, item.place)
    if copy is None:
        return absent(item, "retraction")
    known = refs.object(retraction.target)
    if known is not None and known.place == item.place:
        speaker: Native | None = Native(MATRIX, me.bot)
    else:
        speaker = ghost_for(item, refs, me, known.author if known is not None else None)
    body = {"reason": reason} if (reason := _reason(retraction)) else {}
    events = dict.fromkeys((copy, *(part.native for part in refs.parts(retraction.target, item.place))))
    return Wire(method=REDACT, path=" ".join(events), body=dump({**body, **mark_of(item, me)}), speaker=speaker)


def _reason(retraction: Retraction) -> str:
    """Clients show it in place of the words: whoever wonders sees that it was not the author who took them back (scenario S06)."""
    if not retraction.moderator:
        return retraction.reason
    return f"{REMOVED}: {retraction.reason}" if retraction.reason else REMOVED
