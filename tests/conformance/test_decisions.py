"""The `Decisions` port: what was decided, what waits, and what people said about crossing."""

from __future__ import annotations

from bridge.changes import EndHold, LetIn, NoteRelayed, PutConsent, PutDecision, PutHold, PutOmission, Retract
from bridge.model.content.release import Ending
from bridge.model.ids import CommunityId, ObjectId
from bridge.model.item import Omission
from bridge.norms.context import Consent, Crossing
from storage import SqlStore
from tests.conformance.homes import Hand, Home
from tests.conformance.samples import ANA, GROUP, MAKERS, NOW, ROOM, WORDS, decision, event, hold, later, reaction

OTHERS = CommunityId("others")


async def test_a_decision_is_kept_as_it_was_made(store: SqlStore, home: Home) -> None:
    said = event("said")
    await store.journal.commit([PutDecision(decision(said), NOW)])
    store = await home.reopen()
    assert await store.decisions.decision(said.id) == decision(said)
    assert await store.decisions.decision(event("never").id) is None


async def test_a_hold_is_found_by_event_and_by_object_until_it_ends(store: SqlStore) -> None:
    said = event("said")
    held = hold(said)
    await store.journal.commit([PutHold(held), PutHold(held)])
    assert await store.decisions.hold(said.id) == held
    assert await store.decisions.hold_on(ObjectId(said.id)) == held
    assert await store.decisions.holds(MAKERS, 10) == (held,)
    assert await store.decisions.holds(None, 10) == (held,)
    assert await store.decisions.holds(OTHERS, 10) == ()
    await store.journal.commit([EndHold(said.id, Ending.RELEASE, later(15)), EndHold(said.id, Ending.RETURN, later(16))])
    assert await store.decisions.hold(said.id) is None
    assert await store.decisions.hold_on(ObjectId(said.id)) is None
    assert await store.decisions.holds_due(later(99), 10) == ()


async def test_a_sign_that_waits_with_what_it_is_under_is_no_wait_of_that(store: SqlStore) -> None:
    """Else it would wait for itself, and never end."""
    said = event("said")
    sign = reaction("sign", said)
    await store.journal.commit([PutHold(hold(sign)), PutHold(hold(said))])
    assert await store.decisions.hold_on(ObjectId(said.id)) == hold(said)
    await store.journal.commit([EndHold(said.id, Ending.RELEASE, later(15))])
    assert await store.decisions.hold_on(ObjectId(said.id)) is None
    assert await store.decisions.hold_on(ObjectId(sign.id)) == hold(sign)


async def test_a_wait_that_ended_is_not_opened_again_by_a_repeat_but_by_another_reason(store: SqlStore) -> None:
    said = event("said")
    grace = hold(said)
    await store.journal.commit([PutHold(grace)])
    await store.journal.commit([EndHold(said.id, Ending.RELEASE, later(15))])
    await store.journal.commit([PutHold(grace)])
    assert await store.decisions.hold(said.id) is None
    review = hold(said, "review", seconds=3600, since=later(15))
    await store.journal.commit([EndHold(said.id, Ending.RELEASE, later(15)), PutHold(review)])
    assert await store.decisions.hold(said.id) == review


async def test_an_edit_folds_into_what_waits(store: SqlStore) -> None:
    said, better = event("said"), event("said", words="better words")
    await store.journal.commit([PutHold(hold(said)), PutHold(hold(better))])
    folded = await store.decisions.hold(said.id)
    assert folded == hold(better)
    assert folded != hold(said)


async def test_holds_come_due_in_the_order_of_their_time(store: SqlStore) -> None:
    late, soon = event("late"), event("soon")
    await store.journal.commit([PutHold(hold(late, seconds=60)), PutHold(hold(soon, seconds=15))])
    assert [each.event_id for each in await store.decisions.holds_due(later(15), 10)] == [soon.id]
    assert [each.event_id for each in await store.decisions.holds_due(later(60), 10)] == [soon.id, late.id]
    assert len(await store.decisions.holds_due(later(60), 1)) == 1


async def test_taking_back_ends_the_wait_and_a_late_hold_stays_dead(store: SqlStore) -> None:
    said = event("said")
    await store.journal.commit([PutHold(hold(said)), Retract(ObjectId(said.id), None, NOW)])
    assert await store.decisions.hold(said.id) is None
    await store.journal.commit([PutHold(hold(said, "review", seconds=3600))])
    assert await store.decisions.hold(said.id) is None


async def test_consent_is_the_last_word_of_each_person_for_each_community(store: SqlStore, home: Home) -> None:
    first = Consent(ANA, MAKERS, Crossing.ON, rooms=((ROOM, Crossing.OFF),), grace=60, since=NOW)
    second = Consent(ANA, MAKERS, Crossing.QUIET)
    other = Consent(ANA, OTHERS, Crossing.ASK)
    await store.journal.commit([PutConsent(first), PutConsent(other)])
    assert await store.decisions.consent(ANA, MAKERS) == first
    await store.journal.commit([PutConsent(second)])
    store = await home.reopen()
    assert await store.decisions.consents(ANA) == (second, other)
    assert await store.decisions.consent(GROUP, MAKERS) is None


async def test_letting_in_counts_each_item_once(store: SqlStore) -> None:
    first, second = event("first"), event("second")
    await store.journal.commit([LetIn(ANA, MAKERS, first.id), LetIn(ANA, MAKERS, first.id)])
    await store.journal.commit([LetIn(ANA, MAKERS, second.id), LetIn(ANA, OTHERS, second.id)])
    assert await store.decisions.released_count(ANA, MAKERS) == 2
    assert await store.decisions.released_count(GROUP, MAKERS) == 0


async def test_the_loop_guard_remembers_until_its_time(store: SqlStore, clock: Hand) -> None:
    await store.journal.commit([NoteRelayed("hash", later(60))])
    assert await store.decisions.relayed("hash") is True
    assert await store.decisions.relayed("other") is False
    clock.forward(60)
    assert await store.decisions.relayed("hash") is False


async def test_an_omission_keeps_its_reason(store: SqlStore) -> None:
    said = event("said")
    omission = Omission(said.id, GROUP, "poll.not_carried", "This place has no way to show a poll.")
    await store.journal.commit([PutOmission(omission), PutOmission(omission)])
    assert await store.decisions.omissions(said.id) == (omission,)
    assert WORDS not in omission.text
