"""The `Seats` port: who holds which seat, on either network, until when; and whoever is forgotten holds none."""

from __future__ import annotations

from msgspec.structs import replace

from bridge.changes import Disown, PutSeat
from bridge.model.ids import CommunityId, Native
from bridge.model.role import Role, Seat
from storage import SqlStore
from tests.conformance.homes import Home
from tests.conformance.samples import ANA, MAKERS, NOW, follower, later

SAM = follower("sam", "near")
ALIAS = Native(ANA.protocol, "gone/alias")
YEAR = later(365 * 86_400.0)
SEAT = Seat(MAKERS, ANA, Role.MODERATOR, NOW, YEAR, "operator")


async def test_a_seat_is_found_by_its_community_and_by_who_holds_it_and_survives_a_restart(store: SqlStore, home: Home) -> None:
    garden = replace(SEAT, role=Role.CURATOR, topic="garden")
    elsewhere = replace(SEAT, community=CommunityId("others"), role=Role.ADMIN, until=None)
    theirs = replace(SEAT, actor=SAM, by=str(ANA), since=later(60))
    await store.journal.commit([PutSeat(seat) for seat in (SEAT, garden, elsewhere, theirs)])
    store = await home.reopen()
    assert set(await store.seats.in_community(MAKERS)) == {SEAT, garden, theirs}
    assert set(await store.seats.held_by(ANA)) == {SEAT, garden, elsewhere}
    assert await store.seats.held_by(follower("nobody", "near")) == ()


async def test_a_seat_that_is_given_again_has_its_new_end(store: SqlStore) -> None:
    await store.journal.commit([PutSeat(SEAT)])
    ended = replace(SEAT, until=later(60))
    await store.journal.commit([PutSeat(ended)])
    assert await store.seats.held_by(ANA) == (ended,)
    assert ended.holds(NOW)
    assert not ended.holds(later(60))


async def test_whoever_is_forgotten_holds_no_seat_and_gave_none(store: SqlStore) -> None:
    theirs = replace(SEAT, actor=SAM, by=str(ANA))
    await store.journal.commit([PutSeat(SEAT), PutSeat(theirs)])
    await store.journal.commit([Disown(ANA, ALIAS, ())])
    assert await store.seats.in_community(MAKERS) == (replace(theirs, by=""),)
