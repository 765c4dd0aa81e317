"""Cases and the log, in every store: sealed at rest, chained in one order, and naming nobody who has withdrawn."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import select, update

from bridge.changes import AppendLog, DropEvidence, EraseTraces, PutCase, PutEvidence
from bridge.errors import Conflict
from bridge.model.case import Case, CaseId, Opening, Outcome, Raised, Settlement, Stage
from bridge.model.ids import MATRIX, Native, ObjectId
from bridge.model.logentry import GENESIS, Doing, LogEntry, Names, chained
from storage import SqlStore
from storage.moderation_schema import log
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, MAKERS, NOW, WORDS, actor, event, later
from tests.conformance.test_withdrawals import tables_with

DEE = Native(MATRIX, "@dee:hs.example")
GUS = Native(MATRIX, "@gus:hs.example")
ALIAS = Native(MATRIX, "gone/abc")
SAID = ObjectId("whatanasaid")


def case(**more: object) -> Case:
    made = Case(CaseId("case1"), MAKERS, NOW, object=SAID, person=ANA, raised=(Raised(GUS, "hs.example", "known", NOW, words="look"),))
    return msgspec.structs.replace(made, **more)


def entry(name: str, **more: object) -> LogEntry:
    made = LogEntry(name, MAKERS, NOW, Doing("hold", norm="N05", item="message"), Names(whom=ANA, reason="because of Ana"))
    return msgspec.structs.replace(made, **more)


async def test_a_case_comes_back_as_it_was_after_a_restart(store: SqlStore, home: Home) -> None:
    await store.journal.commit([PutCase(case(due_at=later(60)))])
    store = await home.reopen()
    assert await store.cases.case(CaseId("case1")) == case(due_at=later(60))
    assert await store.cases.case_about(MAKERS, SAID, ANA, "") == case(due_at=later(60))
    assert await store.cases.case_called(MAKERS, "cas") == case(due_at=later(60))
    assert await store.cases.case_called(MAKERS, "c%") is None
    assert await store.cases.next_due() == later(60)
    assert await store.cases.due(later(59), 10) == ()
    assert await store.cases.due(later(60), 10) == (case(due_at=later(60)),)


async def test_an_older_form_of_a_case_is_refused_and_the_same_form_is_no_news(store: SqlStore) -> None:
    await store.journal.commit([PutCase(case(version=2))])
    await store.journal.commit([PutCase(case(version=2))])
    with pytest.raises(Conflict):
        await store.journal.commit([PutCase(case(version=2, stage=Stage.SEEN))])
    with pytest.raises(Conflict):
        await store.journal.commit([PutCase(case(version=1))])
    assert await store.cases.case(CaseId("case1")) == case(version=2)


async def test_a_merged_case_is_not_what_a_new_report_finds(store: SqlStore) -> None:
    await store.journal.commit([PutCase(case(stage=Stage.MERGED))])
    assert await store.cases.case_about(MAKERS, SAID, ANA, "") is None
    assert await store.cases.cases(MAKERS, 10) == ()
    assert await store.cases.cases(MAKERS, 10, is_open=False) == (case(stage=Stage.MERGED),)


async def test_nothing_of_a_case_stands_in_the_tables_in_plain_words(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutCase(case()), PutEvidence(CaseId("case1"), said, later(60)), AppendLog(entry("one"))])
    assert await store.cases.evidence(CaseId("case1")) == (said,)
    for text in (ANA.id, GUS.id, WORDS, "because of Ana", "look"):
        assert await tables_with(store, text) == []


async def test_sealed_copies_are_destroyed_when_their_time_is_over(store: SqlStore) -> None:
    await store.journal.commit(
        [PutEvidence(CaseId("case1"), event("said"), later(60)), PutEvidence(CaseId("case2"), event("said"), later(60))]
    )
    await store.journal.commit([DropEvidence(CaseId("case2"))])
    await store.sweep(later(59))
    assert [len(await store.cases.evidence(CaseId(one))) for one in ("case1", "case2")] == [1, 0]
    await store.sweep(later(61))
    assert await store.cases.evidence(CaseId("case1")) == ()


async def test_the_log_is_one_chain_and_a_deed_stands_in_it_once(store: SqlStore, home: Home) -> None:
    await store.journal.commit([AppendLog(entry("one")), AppendLog(entry("two"))])
    await store.journal.commit([AppendLog(entry("two")), AppendLog(entry("three", names=None))])
    store = await home.reopen()
    entries = await store.log.entries(MAKERS, 0, 10)
    assert [(one.seq, one.id) for one in entries] == [(1, "one"), (2, "two"), (3, "three")]
    previous = GENESIS
    for one in entries:
        assert (one.previous, one.hash) == (previous, chained(previous, one))
        previous = one.hash
    assert await store.log.head(MAKERS) == entries[-1]
    assert await store.log.entries(MAKERS, 2, 10) == entries[2:]
    assert [one.id for one in await store.log.concerning(ANA, 10)] == ["two", "one"]
    assert await store.log.entry(MAKERS, "tw") == entries[1]


async def test_a_line_that_was_changed_later_does_not_fit_its_hash(store: SqlStore) -> None:
    await store.journal.commit([AppendLog(entry("one"))])
    milder = msgspec.msgpack.encode(Doing("nudge"))
    await store.database.write(lambda connection: connection.execute(update(log).values(doing=milder)))
    (one,) = await store.log.entries(MAKERS, 0, 10)
    assert one.hash != chained(one.previous, one)


async def test_names_are_cut_after_their_time_and_the_chain_still_holds(store: SqlStore) -> None:
    await store.journal.commit([AppendLog(entry("one"))])
    (before,) = await store.log.entries(MAKERS, 0, 10)
    await store.sweep(NOW + timedelta(days=91))
    (after,) = await store.log.entries(MAKERS, 0, 10)
    assert before.names is not None
    assert after == msgspec.structs.replace(before, names=None)
    assert after.hash == chained(GENESIS, after)
    assert await store.log.concerning(ANA, 10) == ()


async def test_whoever_withdraws_is_named_by_no_case_and_no_line_of_the_log(store: SqlStore) -> None:
    settled = Settlement(Outcome.NOTE, NOW, by=DEE)
    mine = case(settlement=settled, openings=(Opening(DEE, NOW),), url="https://hs.example/@ana/1")
    await store.journal.commit([PutCase(mine), PutEvidence(mine.id, event("said"), later(60)), AppendLog(entry("one"))])
    await store.journal.commit([EraseTraces(actor(), ALIAS, NOW)])
    left = await store.cases.case(mine.id)
    assert left == msgspec.structs.replace(mine, person=ALIAS, url="", version=2)
    assert await store.cases.naming(ANA, 10) == ()
    assert await store.cases.naming(DEE, 10) == (left,)
    (copy,) = await store.cases.evidence(mine.id)
    assert copy.author.native == ALIAS
    assert [one.names for one in await store.log.entries(MAKERS, 0, 10)] == [None]
    keys = await store.database.read(lambda connection: connection.execute(select(log.c.who, log.c.by)).all())
    assert [tuple(row) for row in keys] == [(None, None)]
