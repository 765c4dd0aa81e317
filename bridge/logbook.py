"""Reads a community's log and its cases for an operator: the last lines, whether the chain holds, what everybody may see."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from bridge.errors import Conflict, OperatorError
from bridge.model.case import Case
from bridge.model.ids import CommunityId
from bridge.model.logentry import GENESIS, LogEntry
from bridge.model.place import Community
from bridge.moderation import casewords, log
from bridge.moderation.cards import OUTCOMES, STAGES, raised_words, short
from bridge.moderation.cases import Refused
from bridge.moderation.casewords import View
from bridge.moderation.log import Broken, PublicLog
from bridge.moderation.wording import notice
from bridge.operations import CaseLine, LogProof
from bridge.ports import Store
from bridge.relay.casework import OPERATOR
from bridge.relay.relay import Relay

__all__ = ["case", "cases", "last", "public", "say", "verify"]

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
    return tuple(_line(case, community) for case in await store.cases.cases(community.id, limit, is_open=False))


async def case(store: Store, community: Community, called: str) -> CaseLine:
    """Raises OperatorError when there is none of that name."""
    return _line(await _called(store, community, called), community)


async def say(store: Store, relay: Relay, community: Community, called: str, words: str) -> None:
    """What an admin says of a case is durable when this returns. Raises OperatorError when it cannot be done."""
    found = await _called(store, community, called)
    word = casewords.read(f"{found.id} {words}")
    if word is None or word.view is View.OPEN:
        raise OperatorError(f"{words!r} cannot be said of a case here", remedy="`folkmoot cases say --help` lists what can.")
    done = await relay.casework.done(word, found, OPERATOR, "admin", cause=await relay.cases.cause(found), answer_in=None)
    if isinstance(done, Refused):
        raise OperatorError(notice(done.code, [("id", short(found.id))]).plain, remedy="`folkmoot cases list` shows how it stands.")
    try:
        await store.journal.commit(done)
    except Conflict as error:
        raise OperatorError(error.public, remedy="Look at it again, and say it once more.") from error


async def _called(store: Store, community: Community, called: str) -> Case:
    found = await store.cases.case_called(community.id, called.lower())
    if found is None:
        raise OperatorError(f"there is no case {called}", remedy="`folkmoot cases list` shows them; six characters of an id are enough.")
    return found


def _line(case: Case, community: Community) -> CaseLine:
    return CaseLine(
        id=case.id,
        community=community.handle,
        stage=STAGES[case.stage],
        opened_at=case.opened_at,
        raised=raised_words(case),
        about=case.kind or "a person",
        outcome=OUTCOMES[case.settlement.outcome] if case.settlement is not None else "",
        due_at=case.due_at,
    )
