"""The `Sessions` port: a link opens one session, for whom it was made, in its time; and whoever is forgotten is signed out."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from bridge.changes import EndSession, EraseTraces, PutLink, PutSession
from bridge.errors import Conflict
from bridge.model.ids import ACTIVITYPUB, Native
from bridge.model.session import OPERATOR, Session, SignInLink, digest
from storage import SqlStore
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, NOW, actor, follower, later

SAM = follower("sam", "near")
LINK = SignInLink(digest("link"), ANA, NOW, later(600))


def session(secret: str = "cookie", who: Native = ANA, since: datetime = NOW) -> Session:
    return Session(digest(secret), who, since, later(43_200))


async def test_a_link_opens_one_session_and_survives_a_restart_until_then(store: SqlStore, home: Home) -> None:
    await store.journal.commit([PutLink(LINK)])
    store = await home.reopen()
    assert await store.sessions.link(digest("link")) == LINK
    await store.journal.commit([PutSession(session(), LINK.digest)])
    store = await home.reopen()
    assert await store.sessions.link(digest("link")) is None
    assert await store.sessions.session(digest("cookie")) == session()
    assert await store.sessions.sessions(ANA) == (session(),)


async def test_of_two_who_open_the_same_link_one_is_signed_in(store: SqlStore) -> None:
    await store.journal.commit([PutLink(LINK)])
    both = [store.journal.commit([PutSession(session(secret), LINK.digest)]) for secret in ("mine", "stolen")]
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(one) for one in ended if one is not None) == [Conflict]
    assert len(await store.sessions.sessions(ANA)) == 1


@pytest.mark.parametrize(("who", "since"), [(SAM, NOW), (ANA, later(600)), (OPERATOR, NOW)], ids=["somebody else", "too late", "operator"])
async def test_a_link_opens_nothing_for_others_and_nothing_when_its_time_is_over(store: SqlStore, who: Native, since: datetime) -> None:
    await store.journal.commit([PutLink(LINK)])
    with pytest.raises(Conflict):
        await store.journal.commit([PutSession(session(who=who, since=since), LINK.digest)])
    assert await store.sessions.session(digest("cookie")) is None
    assert await store.sessions.link(digest("link")) == LINK


async def test_a_repeat_of_signing_in_changes_nothing(store: SqlStore) -> None:
    await store.journal.commit([PutLink(LINK), PutSession(session(), LINK.digest), PutSession(session(), LINK.digest)])
    assert await store.sessions.sessions(ANA) == (session(),)


async def test_a_new_link_ends_the_one_before_it_and_nobody_elses(store: SqlStore) -> None:
    theirs = SignInLink(digest("theirs"), SAM, NOW, later(600))
    newer = SignInLink(digest("newer"), ANA, later(1), later(601))
    await store.journal.commit([PutLink(LINK), PutLink(theirs), PutLink(newer)])
    assert [await store.sessions.link(one.digest) for one in (LINK, theirs, newer)] == [None, theirs, newer]


async def test_who_signs_out_is_out_and_only_there(store: SqlStore) -> None:
    await store.journal.commit(
        [PutLink(LINK), PutSession(session(), LINK.digest), PutLink(LINK), PutSession(session("phone"), LINK.digest)]
    )
    await store.journal.commit([EndSession(digest("cookie")), EndSession(digest("cookie"))])
    assert await store.sessions.session(digest("cookie")) is None
    assert await store.sessions.sessions(ANA) == (session("phone"),)


async def test_whoever_is_forgotten_is_signed_out_everywhere(store: SqlStore) -> None:
    await store.journal.commit([PutLink(LINK), PutSession(session(), LINK.digest), PutLink(LINK)])
    await store.journal.commit([EraseTraces(actor(), Native(ACTIVITYPUB, "gone"), NOW)])
    assert await store.sessions.sessions(ANA) == ()
    assert await store.sessions.link(LINK.digest) is None


async def test_what_is_over_is_swept_away(store: SqlStore) -> None:
    await store.journal.commit([PutLink(LINK), PutSession(session(), LINK.digest), PutLink(LINK)])
    await store.sweep(later(599))
    assert await store.sessions.link(LINK.digest) == LINK
    await store.sweep(later(600))
    assert await store.sessions.link(LINK.digest) is None
    assert await store.sessions.sessions(ANA) == (session(),)
    await store.sweep(later(43_200))
    assert await store.sessions.sessions(ANA) == ()
