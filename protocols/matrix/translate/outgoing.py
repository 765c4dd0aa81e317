"""What every writer of a matrix event needs: who speaks, the mark that every event of ours carries, and the words for "not here".

A `Wire` names the act (`send`, `redact`, `sanction`, `sign`, `say`, `update`) and its argument; the sender makes the request and its transaction id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from bridge.model.ids import MATRIX, OURS, Native
from bridge.model.item import Item, Omission
from bridge.refs import Refs, Wire
from protocols.matrix.ids import Me
from protocols.matrix.translate.media import Show
from protocols.matrix.wire import MARK, dump

__all__ = [
    "REDACT",
    "SANCTION",
    "SAY",
    "SEND",
    "SHOW",
    "SIGN",
    "UPDATE",
    "absent",
    "ghost_for",
    "mark_of",
    "parted",
    "send",
    "show",
    "sign",
    "spot",
]

MOST_SOURCE = 2_048

SEND: Final = "send"
"""`path`: the event type; into the item's room."""
SHOW: Final = "show"
"""`body` is a `Show`: several events that are one message, into the item's room."""
REDACT: Final = "redact"
"""`path`: the events to take back, in the item's room, with a space between them."""
SIGN: Final = "sign"
"""`path`: room and event (`spot`); a neutral reaction by the bot."""
SAY: Final = "say"
"""`path`: the room to say it in, or empty for the person's own conversation."""
SANCTION: Final = "sanction"
"""`body` is a `Sending`: somebody is sent out of the item's room, or may come in again."""
UPDATE: Final = "update"
"""A ghost's new face; `body` says whether the account has ended."""


def ghost_for(item: Item, refs: Refs, me: Me, of: Native | None = None) -> Native | None:
    """The account that speaks for `of` (else for the item's own speaker); None when it is still to be made, which the sender does.

    For a community itself that is the bot.
    """
    if of is None and item.by.protocol == OURS:
        return Native(MATRIX, me.bot)
    ghost = refs.ghost_of(MATRIX, of or item.by)
    return ghost.native if ghost is not None and ghost.ended is None else None


def mark_of(item: Item, me: Me, part: int | None = None, source: str = "") -> Mapping[str, Any]:
    """The content key that stops loops; its echo is a receipt that nobody can lose (matrix.md section 5)."""
    hops = item.event.provenance.hops + 1
    mark: dict[str, Any] = {"object": item.event_id, "item": item.id, "node": me.domain, "hops": hops}
    return {MARK: mark if part is None else {**mark, "object": item.object, "part": part, "source": source[:MOST_SOURCE]}}


def show(shown: Show, speaker: Native | None) -> Wire:
    return Wire(method=SHOW, path="m.room.message", body=dump(shown), speaker=speaker)


def send(event_type: str, content: Mapping[str, Any], speaker: Native | None) -> Wire:
    return Wire(method=SEND, path=event_type, body=dump(content), speaker=speaker)


def spot(room: str, event: str = "") -> str:
    """A room and an event in one text."""
    return f"{quote(room, safe='')}/{quote(event, safe='')}"


def parted(path: str) -> tuple[str, str]:
    """The reverse of `spot`."""
    room, _, event = path.partition("/")
    return unquote(room), unquote(event)


def absent(item: Item, what: str) -> Omission:
    """What it is about has no copy in this room, so there is nothing to show."""
    return Omission(item.event_id, item.place, "target.not_here", f"What this {what} is about is not in the room.")


def sign(content: Mapping[str, Any], room: str, event: str, bot: Native) -> Wire:
    return Wire(method=SIGN, path=spot(room, event), body=dump(content), speaker=bot)
