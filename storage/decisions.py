"""What was decided, what waits, and what people said about crossing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Executable, Row, bindparam, func, select

from bridge.model.content.release import Ending
from bridge.model.ids import CommunityId, EventId, Native, ObjectId
from bridge.model.item import Omission
from bridge.model.record import Hold
from bridge.model.withdrawal import Withdrawal
from bridge.norms.context import Consent
from bridge.norms.decision import Decision
from bridge.ports import Clock
from bridge.streams import Share, Stream
from storage.buckets import within
from storage.changes.objects import tombstone_key
from storage.changes.withdrawals import open_withdrawal, who
from storage.columns import micros, moment, parse_native
from storage.engine import Database
from storage.records import omissions_of
from storage.schema import consents, decisions, holds, let_ins, relayed, tombstones, withdrawals

__all__ = ["SqlDecisions"]

_DECISION = select(decisions.c.body).where(decisions.c.event == bindparam("event"))
_OPEN = select(holds).where(holds.c.ended.is_(None))
_HOLD = _OPEN.where(holds.c.event == bindparam("event"))
# An object bears the id of the event that brought it into being: a sign under it that waits too is no wait of the object itself.
_HOLD_ON = _OPEN.where(holds.c.event == bindparam("object"))
_HOLDS = _OPEN.order_by(holds.c.due_at, holds.c.event).limit(bindparam("many"))
_DUE = _HOLDS.where(holds.c.due_at <= bindparam("now"))
_NEXT = select(func.min(holds.c.due_at)).where(holds.c.ended.is_(None))
_MY_DUE, _MY_NEXT = (statement.where(within(holds.c.community, Stream.EVENTS)) for statement in (_DUE, _NEXT))
_CONSENT = select(consents.c.body).where(consents.c.actor == bindparam("actor"), consents.c.community == bindparam("community"))
_CONSENTS = select(consents.c.body).where(consents.c.actor == bindparam("actor")).order_by(consents.c.community)
_LET_IN = (
    select(func.count()).select_from(let_ins).where(let_ins.c.actor == bindparam("actor"), let_ins.c.community == bindparam("community"))
)
_RELAYED = select(relayed.c.hash).where(relayed.c.hash == bindparam("hash"), relayed.c.until > bindparam("now"))
_TOMBSTONE = select(tombstones.c.key).where(tombstones.c.key.in_(bindparam("keys", expanding=True)))
_CONSENTING = select(func.count()).select_from(consents).where(consents.c.community == bindparam("community"), consents.c.state != "off")
_OPEN_WITHDRAWALS = select(withdrawals).where(withdrawals.c.sealed.is_not(None)).order_by(withdrawals.c.due_at, withdrawals.c.id)
_WITHDRAWALS_OF = _OPEN_WITHDRAWALS.where(withdrawals.c.who == bindparam("who"))
_WITHDRAWALS_DUE = _OPEN_WITHDRAWALS.where(withdrawals.c.due_at <= bindparam("now")).limit(bindparam("many"))
_MY_WITHDRAWALS_DUE = _WITHDRAWALS_DUE.where(within(withdrawals.c.community, Stream.EVENTS))


class SqlDecisions:
    """The `Decisions` port over any `Database`. `hold` and `holds` give what still waits: an ended wait is only a fact of the record."""

    def __init__(self, database: Database, clock: Clock, secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret

    async def _first(self, statement: Executable, **values: object) -> Row[*tuple[Any, ...]] | None:
        return await self._database.read(lambda connection: connection.execute(statement, values).first())

    async def _holds(self, statement: Executable, **values: object) -> tuple[Hold, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(statement, values).all()))
        return tuple(_hold(row) for row in rows)

    async def decision(self, event_id: EventId) -> Decision | None:
        row = await self._first(_DECISION, event=event_id)
        return None if row is None else msgspec.msgpack.decode(row.body, type=Decision)

    async def hold(self, event_id: EventId) -> Hold | None:
        row = await self._first(_HOLD, event=event_id)
        return None if row is None else _hold(row)

    async def hold_on(self, object_id: ObjectId) -> Hold | None:
        row = await self._first(_HOLD_ON, object=object_id)
        return None if row is None else _hold(row)

    async def holds(self, community: CommunityId | None, limit: int, author: Native | None = None) -> tuple[Hold, ...]:
        """The first to come due first."""
        statement = _HOLDS
        if community is not None:
            statement = statement.where(holds.c.community == community)
        if author is not None:
            statement = statement.where(holds.c.author == str(author))
        return await self._holds(statement, many=limit)

    async def holds_due(self, now: datetime, limit: int, share: Share = None) -> tuple[Hold, ...]:
        if share is None:
            return await self._holds(_DUE, now=micros(now), many=limit)
        return await self._holds(_MY_DUE, now=micros(now), many=limit, share=list(share))

    async def next_due(self, share: Share = None) -> datetime | None:
        row = await self._first(_NEXT) if share is None else await self._first(_MY_NEXT, share=list(share))
        return None if row is None else moment(row[0])

    async def withdrawals(self, person: Native) -> tuple[Withdrawal, ...]:
        return await self._withdrawals(_WITHDRAWALS_OF, who=who(self._secret, person))

    async def withdrawals_due(self, now: datetime, limit: int, share: Share = None) -> tuple[Withdrawal, ...]:
        if share is None:
            return await self._withdrawals(_WITHDRAWALS_DUE, now=micros(now), many=limit)
        return await self._withdrawals(_MY_WITHDRAWALS_DUE, now=micros(now), many=limit, share=list(share))

    async def _withdrawals(self, statement: Executable, **values: object) -> tuple[Withdrawal, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(statement, values).all()))
        return tuple(open_withdrawal(self._secret, row.id, row.sealed) for row in rows)

    async def consent(self, actor: Native, community: CommunityId) -> Consent | None:
        row = await self._first(_CONSENT, actor=str(actor), community=community)
        return None if row is None else msgspec.msgpack.decode(row.body, type=Consent)

    async def consents(self, actor: Native) -> tuple[Consent, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(_CONSENTS, {"actor": str(actor)}).all()))
        return tuple(msgspec.msgpack.decode(row.body, type=Consent) for row in rows)

    async def consenting(self, community: CommunityId) -> int:
        ask = {"community": community}
        found: int = await self._database.scan(lambda connection: connection.execute(_CONSENTING, ask).scalar_one())
        return found

    async def released_count(self, actor: Native, community: CommunityId) -> int:
        row = await self._first(_LET_IN, actor=str(actor), community=community)
        return 0 if row is None else int(row[0])

    async def relayed(self, hash_: str) -> bool:
        return await self._first(_RELAYED, hash=hash_, now=micros(self._clock.now())) is not None

    async def tombstoned(self, object_id: ObjectId, native: Native) -> bool:
        return await self._first(_TOMBSTONE, keys=[object_id, tombstone_key(self._secret, native)]) is not None

    async def omissions(self, event_id: EventId) -> tuple[Omission, ...]:
        return await self._database.read(lambda connection: omissions_of(connection, event_id))


def _hold(row: Row[*tuple[Any, ...]]) -> Hold:
    return Hold(
        event_id=EventId(row.event),
        community=CommunityId(row.community),
        object=ObjectId(row.object),
        author=parse_native(row.author),
        kind=row.kind,
        code=row.code,
        since=moment(row.since),
        due_at=moment(row.due_at),
        on_expiry=Ending(row.on_expiry),
        body=row.body,
        handle=row.handle,
        waited=tuple(row.waited.split()),
    )
