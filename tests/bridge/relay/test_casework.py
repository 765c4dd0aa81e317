"""What moderators say of a case, and what comes of it for everybody concerned (norms.md N14, 4.5, 4.7)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from bridge.errors import OperatorError
from bridge.model.actor import Actor, ActorKind
from bridge.model.case import Case, Outcome, Ruled, Stage
from bridge.model.content import Report
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native
from bridge.model.place import History, Join, Openness, PlaceKind
from bridge.moderation import casewords
from tests.bridge.relay.house import House
from tests.bridge.relay.reporting import Moderated, flag, moderated
from tests.bridge.relay.test_cases import cases, said_by
from tests.bridge.relay.test_forgetting import code_told, pass_time, tables_that_name

HALL_AND_GROUP = {PlaceKind.ROOM, PlaceKind.GROUP}
DEE, HANA = Native(LOOPBACK, "dee"), Native(LOOPBACK, "hana")


async def say(house: Moderated, by: Native, words: str) -> None:
    """As somebody with a seat says it in the moderators' room."""
    (case,) = [one for one in await cases(house) if one.is_open] or await cases(house)
    cause = await house.relay.cases.cause(case)
    word = casewords.read(words.replace("CASE", case.id))
    done = await house.relay.casework.obey(word, by, "moderator", cause=cause, community=case.community, answer_in=Native(LOOPBACK, "mods"))
    await house.store.journal.commit(done)
    house.clock.forward(1)
    await house.settle()


async def reported(house: Moderated, words: str = "!report spam") -> tuple[str, Case]:
    _, message = await said_by(house, "bo")
    await house.person("ana").say("hall", words, reply_to=message)
    await house.settle()
    (case,) = await cases(house)
    return message, case


async def test_everybody_hears_what_came_of_it_the_reporter_its_class_and_the_author_the_reason() -> None:
    house = await moderated()
    await reported(house)
    await say(house, DEE, "CASE removed jobs topic please")
    (case,) = await cases(house)
    assert (case.stage, case.settlement.outcome) == (Stage.TOLD, Outcome.REMOVE)  # type: ignore[union-attr]
    ana, bo = await house.told("ana"), await house.told("bo")
    assert any("it was taken down" in one and "jobs topic" not in one for one in ana)
    assert any("jobs topic please" in one and "appeal" in one for one in bo)
    for told in (*ana, *bo):
        assert "dee" not in told.lower()


async def test_an_appeal_is_looked_at_by_somebody_else_and_stands_in_the_log() -> None:
    house = await moderated()
    await reported(house)
    await say(house, DEE, "CASE removed jobs topic please")
    await house.person("bo").tell_bot("appeal it was on topic")
    await house.settle()
    assert any("Your appeal is with somebody who did not decide" in one for one in await house.told("bo"))
    await say(house, DEE, "CASE stands")
    (case,) = await cases(house)
    assert case.stage is Stage.APPEALED, "who decided does not look again"
    await say(house, HANA, "CASE reversed it was on topic")
    (case,) = await cases(house)
    assert (case.stage, case.appeal.ruled, case.appeal.reviewer) == (Stage.CLOSED, Ruled.REVERSED, HANA)  # type: ignore[union-attr]
    assert any("took it back" in one for one in await house.told("bo"))
    entries = await house.store.log.entries(case.community, 0, 100)
    assert [entry.doing.effect for entry in entries if entry.doing.by == "moderator"] == ["case remove", "appeal"]
    assert entries[-1].doing.result == "reversed"
    proof = await house.administration.log_verify(community="commons")
    assert (proof.broken, proof.entries) == (None, len(entries))


async def test_what_a_norm_decided_can_be_asked_about_and_appealed_too() -> None:
    house = await moderated()
    sam = await house.stranger("sam")
    await house.post(sam, "hello")
    await house.receive(sam, direct(sam, await group(house), "why"))
    assert any("it waited for a person, by itself, by the norm N05" in one for one in await house.told("sam"))
    await house.receive(sam, direct(sam, await group(house), "appeal"))
    (case,) = await cases(house)
    assert (case.stage, case.raised, case.person) == (Stage.APPEALED, (), sam.native)
    await house.receive(sam, direct(sam, await group(house), "appeal"))
    assert any("appealed once" in one for one in await house.told("sam"))
    other = await house.stranger("mal")
    await house.receive(other, direct(other, await group(house), "why"))
    await house.receive(other, direct(other, await group(house), "appeal"))
    assert any("Nothing was decided" in one for one in await house.told("mal"))


async def test_the_words_of_a_case_go_to_whoever_asks_alone_and_the_look_is_written_down() -> None:
    house = await moderated()
    await reported(house)
    await say(house, DEE, "CASE open")
    (case,) = await cases(house)
    assert [one.by for one in case.openings] == [DEE]
    heard = [item for _, item in await house.out() if "Everybody look at this" in str(getattr(item.event.content, "text", ""))]
    said = [item.event.content for item in heard if item.form == "say"]
    assert [(one.to, one.answer_in) for one in said] == [(DEE, None)]  # type: ignore[union-attr]


async def test_whoever_reported_does_not_decide() -> None:
    house = await moderated()
    await reported(house)
    await say(house, Native(LOOPBACK, "ana"), "CASE nothing")
    (case,) = await cases(house)
    assert case.settlement is None
    assert any("You are part of this case" in one for one in await house.told("ana"))


async def test_a_report_is_passed_on_with_the_yes_of_a_reporter_and_of_a_moderator() -> None:
    house = await moderated()
    bad = await house.known(await house.stranger("mal", "lemmy.example"))
    note = await house.post(bad, "buy this")
    known = await house.object(note, ACTIVITYPUB)
    assert known is not None
    ana = house.person("ana")
    await ana.say("hall", f"!report {note} spam")
    await house.settle()
    await say(house, DEE, "CASE refer")
    assert any("needs the yes of somebody who reported" in one for one in await house.told("dee"))
    await ana.say("hall", f"!report {note} spam forward")
    await house.settle()
    await say(house, DEE, "CASE refer")
    flags = [(destination, item) for destination, item in await house.out() if item.form == "report"]
    ((destination, item),) = flags
    report = item.event.content
    assert isinstance(report, Report)
    assert (destination.host, report.objects, report.person) == ("lemmy.example", (known.id,), bad.native)
    assert "ana" not in str(item.event)
    (case,) = await cases(house)
    assert case.flag == item.id

    await house.hear_report(await house.stranger("mod", "elsewhere.example"), Report(resolves=item.id))
    (case,) = await cases(house)
    assert case.stage is Stage.RECEIVED, "another server's word counts for nothing"
    await house.hear_report(await house.stranger("mod", "lemmy.example"), Report(resolves=item.id))
    (case,) = await cases(house)
    assert (case.stage, case.resolved_elsewhere) == (Stage.TOLD, True)
    assert any("its author's own server was told" in one for one in await house.told("ana"))


async def test_two_cases_become_one_and_one_becomes_two() -> None:
    house = await moderated()
    server = await house.stranger("actor", "masto.example", kind=ActorKind.APPLICATION)
    _, first = await said_by(house, "bo", "one")
    _, second = await said_by(house, "bo", "another")
    await flag(house, server, first)
    await flag(house, server, second)
    await flag(house, await house.stranger("actor", "gts.example", kind=ActorKind.APPLICATION), second)
    newer, older = await cases(house)
    await house.store.journal.commit(await obeyed(house, older, f"{newer.id} merge {older.id}"))
    assert {(case.stage, len(case.raised)) for case in await cases(house)} == {(Stage.MERGED, 2), (Stage.RECEIVED, 2)}
    await house.store.journal.commit(await obeyed(house, older, f"{older.id} split 2"))
    assert sorted(len(case.raised) for case in await cases(house) if case.is_open) == [1, 1]


async def obeyed(house: Moderated, case: Case, words: str) -> Any:
    cause = await house.relay.cases.cause(case)
    return await house.relay.casework.obey(
        casewords.read(words), DEE, "moderator", cause=cause, community=case.community, answer_in=Native(LOOPBACK, "mods")
    )


async def group(house: Moderated) -> str:
    return (await house.group()).native.id


NUMBERS = itertools.count()


def direct(by: Actor, to: str, words: str) -> dict[str, Any]:
    """A direct message to the group."""
    url = f"https://{by.host}/dm/{next(NUMBERS)}"
    note = {"id": url, "type": "Note", "attributedTo": by.native.id, "to": [to], "cc": [], "content": f"<p>{words}</p>"}
    return {"type": "Create", "to": [to], "cc": [], "object": note}


async def test_export_tells_people_of_cases_about_them_and_of_their_own_reports_and_of_nobody_else() -> None:
    house = await moderated()
    await reported(house, "!report spam look at this")
    await say(house, DEE, "CASE removed jobs topic please")
    for name in ("ana", "bo"):
        await house.person(name).tell_bot("export")
    await house.settle()
    ana, bo = "".join(await house.told("ana")), "".join(await house.told("bo"))
    assert '"you_reported"' in ana
    assert "look at this" in ana
    assert '"decided": "it was taken down"' in bo
    assert '"what": "it was taken down"' in bo
    assert "look at this" not in bo.replace("Everybody look at this", "")
    assert '"dee"' not in ana + bo


async def test_whoever_forgets_themselves_is_named_by_no_case_no_card_and_no_line_of_the_log() -> None:
    house = await moderated()
    mal = await house.known(await house.stranger("malvina", "lemmy.example"))
    note = await house.post(mal, "buy this")
    ana = await house.opted_in("anastasia")
    await ana.say("hall", f"!report {note} spam")
    await house.settle()
    await say(house, DEE, "CASE noted please not here")
    for person, words in ((None, "forget me"), (ana, "forget me")):
        name = "malvina" if person is None else "anastasia"
        if person is None:
            await house.receive(mal, direct(mal, await group(house), words))
        else:
            await person.tell_bot(words)
            await house.settle()
        code = await code_told(house, name)
        if person is None:
            await house.receive(mal, direct(mal, await group(house), f"forget confirm {code}"))
        else:
            await person.tell_bot(f"forget confirm {code}")
        await pass_time(house, 700)
        await pass_time(house, 40 * 86_400)
        assert [
            line for line in await tables_that_name(house, name) if line.startswith(("cases", "case_people", "log", "evidence", "out:"))
        ] == []
    (case,) = await cases(house)
    assert {one.by.id for one in case.raised} != {"anastasia"}
    proof = await house.administration.log_verify(community="commons")
    assert proof.broken is None


async def test_an_operator_decides_at_the_command_line_and_not_what_does_not_exist() -> None:
    house = await moderated()
    _, case = await reported(house)
    line = await house.administration.case_say(community="commons", id=case.id[:6], words="removed jobs topic please")
    assert (line.stage, line.outcome) == ("decided, and everybody was told", "it was taken down")
    await house.settle()
    assert any("jobs topic please" in one for one in await house.told("bo"))
    for words, why in (("burn it", "cannot be said of a case"), ("open", "cannot be said of a case"), ("nothing", "is decided already")):
        with pytest.raises(OperatorError, match=why):
            await house.administration.case_say(community="commons", id=case.id, words=words)
    with pytest.raises(OperatorError, match="there is no case"):
        await house.administration.case_say(community="commons", id="zzzzzz", words="nothing")


async def test_nothing_said_in_the_moderators_room_leaves_it_or_is_kept() -> None:
    house = await moderated()
    dee = await house.opted_in("dee")
    await house.follow(await house.stranger("sam"))
    before = await house.forms()
    await dee.say("mods", "I think Bo is having a bad week")
    await house.settle()
    house.clock.forward(60)
    await house.settle()
    assert await house.forms() == before
    assert (await house.endings("message"))[-1] == "kept local"
    assert await tables_that_name(house, "bad week") == []


@pytest.mark.parametrize(
    ("join", "history", "why"), [(Join.PUBLIC, History.JOINED, "anybody can read"), (Join.INVITE, History.WORLD, "anybody can read")]
)
async def test_moderators_get_no_room_that_others_can_read(join: Join, history: History, why: str) -> None:
    house = await House.open()
    house.hall.open("square", "Square", openness=Openness(join, history))
    with pytest.raises(OperatorError, match=why):
        await house.administration.community_moderation(handle="commons", place="loopback:square")
    with pytest.raises(OperatorError, match="carries a conversation"):
        await house.administration.community_moderation(handle="commons", place="loopback:hall")


async def test_the_moderators_room_is_none_of_the_rooms_of_the_community() -> None:
    house = await moderated()
    community = await house.community()
    assert {place.kind for channel in await house.store.directory.channels(community.id) for place in channel.places} == HALL_AND_GROUP
    (line,) = await house.administration.communities()
    assert line.moderation is not None
    assert line.moderation.native.id == "mods"
    with pytest.raises(OperatorError, match="belongs to commons already"):
        await house.administration.community_link(handle="commons", place="loopback:mods")
    await house.administration.community_moderation(handle="commons", place="")
    assert (await house.administration.communities())[0].moderation is None
