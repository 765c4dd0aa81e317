"""N14: whoever raises a hand, on whatever side, is heard and answered; one case per message, and nothing is ever done by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.model.actor import Actor, ActorKind
from bridge.model.case import Case, Outcome, Stage
from bridge.model.content import Report
from bridge.model.content.report import Category
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native, ObjectId
from bridge.moderation.cases import weight
from protocols.loopback.people import Person
from tests.bridge.relay.house import HALL
from tests.bridge.relay.reporting import Moderated, flag, moderated


async def said_by(house: Moderated, name: str, text: str = "Everybody look at this") -> tuple[Person, str]:
    person = await house.opted_in(name)
    message = await person.say("hall", text)
    await house.settle()
    house.clock.forward(20)
    await house.settle()
    return person, message


async def cases(house: Moderated) -> list[Case]:
    return list(await house.store.cases.cases((await house.community()).id, 50, is_open=False))


async def test_a_flag_from_a_server_is_one_case_without_any_reporter_on_its_card() -> None:
    house = await moderated()
    _, message = await said_by(house, "bo")
    mastodon = await house.stranger("mastodon.example", "masto.example", kind=ActorKind.APPLICATION)
    await flag(house, mastodon, message, words="spam, look")
    (case,) = await cases(house)
    assert (case.stage, case.person, case.raised[0].category) == (Stage.RECEIVED, Native(LOOPBACK, "bo"), Category.SPAM)
    (card,) = await house.cards()
    assert "spam or advertising" in card
    assert "1 server of strangers (weight 1)" in card
    assert mastodon.native.id not in card
    assert "masto.example" not in card
    known = await house.object(message)
    assert known is not None
    assert known.retracted_at is None


async def test_thirty_flags_of_two_servers_are_one_case_of_weight_two_and_nothing_happens() -> None:
    house = await moderated()
    _, message = await said_by(house, "bo")
    before = len(await house.out())
    for number in range(30):
        reporter = await house.stranger(f"r{number}", f"n{number % 2 + 1}.example")
        await flag(house, reporter, message)
    (case,) = await cases(house)
    assert (len(case.raised), weight(case)) == (30, 2)
    forms = (await house.forms())[before:]
    assert "wrap:retraction" not in forms
    assert [hold for hold in await house.holds() if hold.author == Native(LOOPBACK, "bo")] == []
    edits = [item for _, item in await house.out("mods") if item.event.content.__struct_config__.tag == "edit"]
    assert {item.object for item in edits} == {ObjectId(case.id)}, "one card, changed where it stands"


async def test_a_flag_sign_in_the_room_is_a_report_and_is_answered() -> None:
    house = await moderated()
    _, message = await said_by(house, "bo")
    ana = house.person("ana")
    await ana.react(message, "🚩")
    await house.settle()
    (case,) = await cases(house)
    assert case.raised[0].by == Native(LOOPBACK, "ana")
    assert any("Thank you" in told for told in await house.told("ana"))
    assert "reaction" not in " ".join(await house.forms("https://a.example/inbox"))


async def test_words_after_report_choose_the_category_and_a_second_report_opens_nothing_new() -> None:
    house = await moderated()
    _, message = await said_by(house, "bo")
    ana = house.person("ana")
    await ana.say("hall", "!report threat he means it", reply_to=message)
    await house.settle()
    await ana.say("hall", "!report threat und zwar ernst 🙁", reply_to=message)
    await house.settle()
    (case,) = await cases(house)
    assert (case.raised[0].category, case.raised[0].words, len(case.raised)) == (Category.THREAT, "und zwar ernst 🙁", 1)
    assert case.is_severe
    assert sum("reported this before" in told for told in await house.told("ana")) == 1


async def test_what_stays_in_its_room_can_be_reported_too() -> None:
    house = await moderated()
    bo = house.person("bo")
    message = await bo.say("hall", "only here")
    await house.settle()
    await house.person("ana").react(message, "🚩")
    await house.settle()
    (case,) = await cases(house)
    assert case.person == Native(LOOPBACK, "bo")
    (copy,) = await house.store.cases.evidence(case.id)
    assert copy.content.text.plain == "only here"  # type: ignore[union-attr]


async def test_nobody_reports_themselves_and_a_report_of_nothing_is_answered() -> None:
    house = await moderated()
    bo, message = await said_by(house, "bo")
    await bo.react(message, "🚩")
    await bo.say("hall", "!report spam")
    await house.settle()
    assert await cases(house) == []
    told = await house.told("bo")
    assert any("This message is yours" in one for one in told)
    assert any("Which message?" in one for one in told)


async def test_a_report_about_a_person_is_one_case_a_week() -> None:
    house = await moderated()
    bad = await house.known(await house.stranger("mal", "n1.example"))
    server = await house.stranger("actor", "masto.example", kind=ActorKind.APPLICATION)
    await house.hear_report(server, Report(person=bad.native, words="all of it"))
    await house.hear_report(await house.stranger("actor", "gts.example", kind=ActorKind.APPLICATION), Report(person=bad.native))
    assert [(case.week, len(case.raised)) for case in await cases(house)] == [("2026-W48", 2)]
    house.clock.forward(timedelta(days=7).total_seconds())
    await house.hear_report(server, Report(person=bad.native))
    assert sorted(case.week for case in await cases(house)) == ["2026-W48", "2026-W49"]


async def test_what_nobody_decides_is_reminded_of_ends_and_is_told() -> None:
    house = await moderated()
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    for _ in range(31):
        house.clock.forward(timedelta(days=1).total_seconds())
        await house.settle()
    (case,) = await cases(house)
    assert case.stage is Stage.TOLD
    assert case.settlement is not None
    assert (case.settlement.outcome, case.settlement.by) == (Outcome.NOTHING, None)
    assert any("was not decided in time" in told for told in await house.told("ana"))
    house.clock.forward(timedelta(days=31).total_seconds())
    await house.settle()
    house.clock.forward(timedelta(days=91).total_seconds())
    await house.settle()
    (case,) = await cases(house)
    assert case.stage is Stage.PSEUDONYMISED
    assert await house.store.cases.naming(Native(LOOPBACK, "bo"), 10) == ()
    assert await house.store.cases.evidence(case.id) == ()


@pytest.mark.parametrize("kind", [ActorKind.APPLICATION, ActorKind.PERSON])
async def test_a_server_is_not_written_to_and_a_person_is(kind: ActorKind) -> None:
    house = await moderated()
    _, message = await said_by(house, "bo")
    reporter: Actor = await house.stranger("rea", "lemmy.example", kind=kind)
    await flag(house, reporter, message)
    assert bool(await house.told("rea")) is (kind is ActorKind.PERSON)
    assert reporter.native.protocol == ACTIVITYPUB
    assert HALL.protocol == LOOPBACK


async def test_who_takes_back_what_was_reported_is_told_of_the_sealed_copy_and_loses_nothing_else() -> None:
    house = await moderated()
    bo, message = await said_by(house, "bo")
    known = await house.object(message)
    await house.person("ana").react(message, "🚩")
    await house.settle()
    await bo.take_back(message)
    await house.settle()
    (case,) = await cases(house)
    assert known is not None
    assert (await house.store.objects.get(known.id)).retracted_at is not None  # type: ignore[union-attr]
    assert len(await house.store.cases.evidence(case.id)) == 1
    assert sum("sealed copy" in told for told in await house.told("bo")) == 1
    house.clock.forward(timedelta(days=31).total_seconds())
    await house.store.sweep(house.clock.now())
    assert await house.store.cases.evidence(case.id) == ()
