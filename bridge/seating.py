"""Gives seats and ends them, for the operator: who looks after a community, on either network, and until when.

Norms.md 4.1. Whoever holds a seat gives others through the community itself; the operator names the first, and helps when nobody is left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from bridge.changes import PutSeat
from bridge.errors import OperatorError
from bridge.logs import logger
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, Native, parse_native
from bridge.model.place import Community
from bridge.model.role import Role, Seat
from bridge.operations import SeatLine
from bridge.ports import Clock, Store

__all__ = ["OPERATOR", "TERMS", "Seating"]

OPERATOR: Final = "operator"
"""`Seat.by` of what was given on the command line."""

TERMS: Final[dict[Role, timedelta | None]] = {
    Role.CURATOR: timedelta(days=182),
    Role.HOST: timedelta(days=365),
    Role.MODERATOR: timedelta(days=365),
    Role.ADMIN: None,
}
"""How long each seat lasts (norms.md 4.1)."""

LONGEST: Final = 3_650
"""Days."""

_log = logger()


class Seating:
    """`seats`, `grant` and `end` for one community."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def seats(self, community: Community) -> tuple[SeatLine, ...]:
        """Those that are held now, the highest first."""
        now = self._clock.now()
        held = [seat for seat in await self._store.seats.in_community(community.id) if seat.holds(now)]
        ranks = list(Role)
        return tuple([await self._line(seat) for seat in sorted(held, key=lambda seat: (-ranks.index(seat.role), seat.since))])

    async def grant(self, community: Community, who: str, role: str, days: int | None, topic: str) -> SeatLine:
        """Said again, the seat has its new end. Raises OperatorError."""
        person, wanted, now = await self._whom(who), _role(role), self._clock.now()
        if topic and wanted is not Role.CURATOR:
            raise OperatorError(f"a {wanted} looks after everything", remedy="Leave --topic out; only a curator has one.")
        if days is not None and not 1 <= days <= LONGEST:
            raise OperatorError(f"a term of {days} days", remedy=f"Give 1 to {LONGEST} days.")
        earlier = await self._held(community, person, wanted, topic, now)
        seat = Seat(
            community.id,
            person,
            wanted,
            since=earlier.since if earlier is not None else now,
            until=_end(wanted, days, now),
            by=OPERATOR,
            topic=topic,
        )
        await self._store.journal.commit([PutSeat(seat)])
        _log.info("seat.granted", community=community.id, kind=str(wanted))
        return await self._line(seat)

    async def end(self, community: Community, who: str, role: str) -> SeatLine:
        """Raises OperatorError when they hold no such seat."""
        person, wanted, now = await self._whom(who), _role(role), self._clock.now()
        held = [
            seat
            for seat in await self._store.seats.held_by(person)
            if (seat.community, seat.role) == (community.id, wanted) and seat.holds(now)
        ]
        if not held:
            raise OperatorError(f"{who} is no {wanted} of {community.handle}", remedy="`folkmoot roles list` shows who holds which seat.")
        await self._store.journal.commit([PutSeat(replace(seat, until=now)) for seat in held])
        _log.info("seat.ended", community=community.id, kind=str(wanted), count=len(held))
        return await self._line(replace(held[0], until=now))

    async def _held(self, community: Community, person: Native, role: Role, topic: str, now: datetime) -> Seat | None:
        found = (seat for seat in await self._store.seats.held_by(person) if seat.holds(now))
        return next((seat for seat in found if (seat.community, seat.role, seat.topic) == (community.id, role, topic)), None)

    async def _whom(self, who: str) -> Native:
        """The account meant: an identity, never a display name (norms.md 4.2)."""
        text = who.strip()
        if text.startswith(("https://", "http://")):
            return Native(ACTIVITYPUB, text)
        if text.startswith(f"{LOOPBACK}:"):
            return parse_native(text)
        user, colon, server = text.removeprefix("@").partition(":")
        if text.startswith("@") and user and colon and server:
            return Native(MATRIX, text)
        user, at, server = text.removeprefix("@").partition("@")
        if user and at and server:
            found = await self._store.directory.actor_called(ACTIVITYPUB, f"@{user}@{server}")
            if found is not None:
                return found
            raise OperatorError(
                f"this node has not met @{user}@{server} yet",
                remedy="Let them follow the group first, or give the address of their account.",
            )
        raise OperatorError(
            f"{who!r} is no account", remedy="Write @name:server for Matrix, @name@server or the address of the account for the fediverse."
        )

    async def _line(self, seat: Seat) -> SeatLine:
        known = await self._store.directory.actor(seat.actor)
        handle = known[0].handle if known is not None else seat.actor.id
        return SeatLine(seat.actor, handle, seat.role, seat.since, seat.until, seat.by, seat.topic)


def _role(word: str) -> Role:
    try:
        return Role(word.strip().lower())
    except ValueError as error:
        raise OperatorError(f"there is no role {word!r}", remedy=f"Write one of {', '.join(Role)}.") from error


def _end(role: Role, days: int | None, now: datetime) -> datetime | None:
    if days is not None:
        return now + timedelta(days=days)
    term = TERMS[role]
    return now + term if term is not None else None
