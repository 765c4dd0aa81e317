"""Cases as they are at rest, sealed, and as moderators see them, opened."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Row, bindparam, func, select

from bridge.model.case import OPEN, Case, CaseId, Stage
from bridge.model.event import Event
from bridge.model.ids import CommunityId, Native, ObjectId
from bridge.streams import Share, Stream
from storage.buckets import within
from storage.changes.cases import open_case, open_evidence, person_key, subject_key
from storage.columns import micros, moment
from storage.engine import Database
from storage.moderation_schema import case_people, cases, evidence

__all__ = ["SqlCases"]

_CASE = select(cases).where(cases.c.id == bindparam("id"))
_ABOUT = (
    select(cases)
    .where(cases.c.subject == bindparam("subject"), cases.c.stage != str(Stage.MERGED))
    .order_by(cases.c.opened_at.desc(), cases.c.id)
    .limit(1)
)
_CASES = (
    select(cases).where(cases.c.community == bindparam("community")).order_by(cases.c.opened_at.desc(), cases.c.id).limit(bindparam("many"))
)
_OPEN = _CASES.where(cases.c.stage.in_([str(stage) for stage in OPEN]))
_CALLED = select(cases).where(cases.c.community == bindparam("community"), cases.c.id.startswith(bindparam("beginning"))).limit(2)
_DUE = (
    select(cases)
    .where(cases.c.due_at.is_not(None), cases.c.due_at <= bindparam("now"))
    .order_by(cases.c.due_at, cases.c.id)
    .limit(bindparam("many"))
)
_NEXT = select(func.min(cases.c.due_at)).where(cases.c.due_at.is_not(None))
_MY_DUE, _MY_NEXT = (statement.where(within(cases.c.community, Stream.EVENTS)) for statement in (_DUE, _NEXT))
_NAMING = (
    select(cases)
    .join(case_people, case_people.c.case == cases.c.id)
    .where(case_people.c.who == bindparam("who"))
    .order_by(cases.c.opened_at.desc(), cases.c.id)
    .limit(bindparam("many"))
)
_EVIDENCE = select(evidence).where(evidence.c.case == bindparam("case")).order_by(evidence.c.object)


class SqlCases:
    """The `Cases` port over any `Database`."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self._database = database
        self._secret = secret

    async def _all(self, statement: Executable, **values: object) -> tuple[Case, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(statement, values).all()))
        return tuple(self._opened(row) for row in rows)

    def _opened(self, row: Row[*tuple[Any, ...]]) -> Case:
        return open_case(self._secret, row.id, row.sealed)

    async def case(self, case: CaseId) -> Case | None:
        return next(iter(await self._all(_CASE, id=case)), None)

    async def case_about(self, community: CommunityId, object_id: ObjectId | None, person: Native | None, week: str) -> Case | None:
        return next(iter(await self._all(_ABOUT, subject=subject_key(self._secret, community, object_id, person, week))), None)

    async def cases(self, community: CommunityId, limit: int, *, is_open: bool = True) -> tuple[Case, ...]:
        return await self._all(_OPEN if is_open else _CASES, community=community, many=limit)

    async def case_called(self, community: CommunityId, beginning: str) -> Case | None:
        if not (beginning.isascii() and beginning.isalnum()):
            return None
        found = await self._all(_CALLED, community=community, beginning=beginning)
        return found[0] if len(found) == 1 else None

    async def due(self, now: datetime, limit: int, share: Share = None) -> tuple[Case, ...]:
        if share is None:
            return await self._all(_DUE, now=micros(now), many=limit)
        return await self._all(_MY_DUE, now=micros(now), many=limit, share=list(share))

    async def next_due(self, share: Share = None) -> datetime | None:
        values: dict[str, object] = {} if share is None else {"share": list(share)}
        statement = _NEXT if share is None else _MY_NEXT
        found = await self._database.read(lambda connection: connection.execute(statement, values).scalar())
        return moment(found)

    async def naming(self, person: Native, limit: int) -> tuple[Case, ...]:
        return await self._all(_NAMING, who=person_key(self._secret, person), many=limit)

    async def evidence(self, case: CaseId) -> tuple[Event, ...]:
        rows = await self._database.read(lambda connection: list(connection.execute(_EVIDENCE, {"case": case}).all()))
        return tuple(open_evidence(self._secret, row.case, row.object, row.sealed) for row in rows)
