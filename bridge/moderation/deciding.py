"""The one place that decides whether somebody may do what they want to do as a moderator; pure, and the same whichever way they took.

Norms.md 4.1, 4.2, 4.10. A seat is an identity's, never a name's; what is one's own is for somebody else; what is old is said again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from bridge.model.act import Act, Deed, Via
from bridge.model.ids import Native
from bridge.model.role import Role

__all__ = ["NEEDED", "ActFacts", "Granted", "Refused", "decide", "rank"]

HOLDS_FOR = timedelta(hours=1)
"""How long a line or a sign may be on its way; a native button of another server arrives when it arrives (4.10)."""

NEEDED: Mapping[Deed, Role] = {Deed.RELEASE: Role.HOST, Deed.RETURN: Role.HOST, Deed.REMOVE: Role.MODERATOR}
"""What is carried out, and the least seat for it."""

_RANKS = {role: number for number, role in enumerate(Role)}


class ActFacts(msgspec.Struct, frozen=True):
    """`role`: the highest seat at this moment. `vouched`: the place where it was done answers for who did it (`native.is_vouched`).
    `owner`: whose thing it is about, None when that is not here. `alone`: nobody else holds such a seat."""

    now: datetime
    role: Role | None = None
    vouched: bool = False
    owner: Native | None = None
    alone: bool = False
    is_over: bool = False
    """What it is about was taken back already, or waits no more."""


class Granted(msgspec.Struct, frozen=True):
    """`role` for the log, "room" where the place vouched."""

    role: str


class Refused(msgspec.Struct, frozen=True):
    """`code` names the sentence that says why, `args` fill it in."""

    code: str
    args: tuple[tuple[str, str], ...] = ()


def rank(role: Role) -> int:
    return _RANKS[role]


def decide(act: Act, facts: ActFacts) -> Granted | Refused:
    """What is not granted changes nothing."""
    if facts.role is None and not facts.vouched:
        return Refused("act.no_seat")
    needed = NEEDED.get(act.deed)
    if needed is None:
        return Refused("act.not_here", (("deed", str(act.deed)), ("deeds", ", ".join(f"`{deed}`" for deed in NEEDED))))
    if not facts.vouched and (facts.role is None or rank(facts.role) < rank(needed)):
        return Refused("act.low_seat", (("deed", str(act.deed)), ("role", str(needed))))
    if act.via is not Via.NATIVE and facts.now - act.at > HOLDS_FOR:
        return Refused("act.old")
    if facts.owner is None:
        return Refused("act.unknown")
    if facts.is_over:
        return Refused("act.over")
    if facts.owner == act.by and not facts.alone:
        return Refused("act.own")
    return Granted(str(facts.role) if facts.role is not None else "room")
