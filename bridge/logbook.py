"""Reads a community's log and its cases for an operator: the last lines, whether the chain holds, what everybody may see."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from bridge.model.ids import CommunityId
from bridge.model.logentry import GENESIS, LogEntry
from bridge.model.place import Community
from bridge.moderation import log
from bridge.moderation.cards import OUTCOMES, STAGES, raised_words
from bridge.moderation.log import Broken, PublicLog
from bridge.operations import CaseLine, LogProof
from bridge.ports import Store

__all__ = ["cases", "last", "public", "verify"]

_PAGE = 1_000


async def _pages(store: Store, community: CommunityId, after: int = 0) -> AsyncIterator[tuple[LogEntry, ...]]:
    while page := await store.log.entries(community, after, _PAGE):
        yield page
        after = page[-1].seq


async def last(store: Store, community: CommunityId, limit: int, *, names: bool) -> tuple[LogEntry, ...]:
    head = await store.log.head(community)
    if head is None:
        return ()
    entries = await store.log.entries(community, max(0, head.seq - limit), limit)
    return entries if names else tuple(msgspec.structs.replace(one, names=None) for one in entries)


async def verify(store: Store, community: CommunityId) -> LogProof:
    """Page by page, from the first entry on."""
    head, count = GENESIS, 0
    async for page in _pages(store, community):
        found = log.verify(page, head, count)
        if isinstance(found, Broken):
            return LogProof(head, count, found.seq, found.why)
        head, count = found
    return LogProof(head, count)


async def public(store: Store, community: CommunityId) -> PublicLog:
    return log.public([entry async for page in _pages(store, community) for entry in page])


async def cases(store: Store, community: Community, limit: int) -> tuple[CaseLine, ...]:
    found = await store.cases.cases(community.id, limit, is_open=False)
    return tuple(
        CaseLine(
            id=case.id,
            community=community.handle,
            stage=STAGES[case.stage],
            opened_at=case.opened_at,
            raised=raised_words(case),
            about=case.kind or "a person",
            outcome=OUTCOMES[case.settlement.outcome] if case.settlement is not None else "",
            due_at=case.due_at,
        )
        for case in found
    )
