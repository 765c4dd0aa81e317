"""The moderators' room: signs on cards and lines of words become acts of whoever holds a seat, and of nobody else (norms.md 4.2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.changes import Change, PutSeat
from bridge.model.act import Act, Deed, Via
from bridge.model.case import Outcome, Stage
from bridge.model.event import Event
from bridge.model.ids import LOOPBACK, CommunityId, Native
from bridge.model.place import History, Join, Openness
from bridge.model.role import Role, Seat
from bridge.moderation.signs import SIGNS, deed_of
from bridge.relay.courier import Courier
from bridge.relay.moderationroom import Carried
from bridge.relay.relay import Relay
from tests.bridge.relay.house import NODE
from tests.bridge.relay.reporting import Moderated, moderated
from tests.bridge.relay.test_cases import cases, said_by

DEE = Native(LOOPBACK, "dee")


class Bench:
    """Every act that was asked for; each takes effect."""

    def __init__(self, *seats: str) -> None:
        self.seats = seats
        self.acts: list[Act] = []
        self.lines: list[str] = []

    async def carry_out(self, act: Act, cause: Event, community: CommunityId, answer_in: Native | None) -> Carried:
        self.acts.append(act)
        changes: tuple[Change, ...] = ()
        return Carried(changes, is_done=True)

    async def say(self, words: str, cause: Event, community: CommunityId, answer_in: Native | None) -> Carried | None:
        if not words.startswith(("release", "return")) or cause.author.native.id not in self.seats:
            return None
        self.lines.append(words)
        return Carried((), is_done=True)


async def seated(**seats: Role) -> tuple[Moderated, Bench]:
    house, bench = await moderated(), Bench(*seats)
    community, now = await house.community(), house.clock.now()
    for name, role in seats.items():
        seat = Seat(community.id, Native(LOOPBACK, name), role, now, now + timedelta(days=365), "operator")
        await house.store.journal.commit([PutSeat(seat)])
    house.relay = Relay(NODE, house.store, house.adapters, house.loader, house.clock, hands=bench)
    return house, bench


async def shown(house: Moderated) -> list[str]:
    """The deeds that are cards in the room now, after everything was sent."""
    courier = Courier(house.store, {LOOPBACK: house.loopback}, house.loader, house.clock)
    while await courier.step():
        await house.settle()
    return [line.id for line in house.hall.conversation("mods") if "Case" in line.words.text or "wait" in line.words.text]


async def test_a_sign_on_a_card_is_an_act_about_what_the_case_is_about_and_decides_it() -> None:
    house, bench = await seated(dee=Role.MODERATOR)
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    (card,) = await shown(house)
    await house.person("dee").react(card, "🙅")
    await house.settle()
    (case,) = await cases(house)
    (act,) = bench.acts
    assert (act.deed, act.by, act.via, act.object, act.person, act.about) == (
        Deed.REMOVE,
        DEE,
        Via.CARD,
        case.object,
        Native(LOOPBACK, "bo"),
        case.id,
    )
    assert (case.stage, case.settlement.outcome, case.settlement.undoes) == (Stage.TOLD, Outcome.REMOVE, act.id)  # type: ignore[union-attr]
    assert any("it was taken down" in told for told in await house.told("ana"))
    (still,) = await shown(house)
    assert still == card
    assert "Decided by a person" in next(line.words.text for line in house.hall.conversation("mods") if line.id == card)


async def test_whoever_holds_no_seat_changes_nothing() -> None:
    house, bench = await seated(dee=Role.MODERATOR)
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    (card,) = await shown(house)
    await house.person("eve").react(card, "🙅")
    await house.person("eve").say("mods", "case list")
    await house.settle()
    (case,) = await cases(house)
    assert (bench.acts, case.settlement) == ([], None)


async def test_a_seat_that_is_over_and_a_curators_seat_decide_nothing() -> None:
    house, bench = await seated(dee=Role.CURATOR, hana=Role.MODERATOR)
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    (card,) = await shown(house)
    await house.person("dee").react(card, "✅")
    await house.settle()
    house.clock.forward(timedelta(days=366).total_seconds())
    await house.person("hana").react(card, "🙅")
    await house.settle()
    assert bench.acts == []
    (case,) = await cases(house)
    assert case.settlement is None or case.settlement.by is None


async def test_a_room_that_is_opened_to_others_gets_no_cards_until_it_is_closed() -> None:
    house, _ = await seated(dee=Role.MODERATOR)
    dee = house.person("dee")
    await dee.join("mods")
    await dee.arrange("mods", openness=Openness(Join.PUBLIC, History.WORLD))
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    assert await shown(house) == []
    assert any("open to others now" in line.words.text for line in house.hall.conversation("mods"))
    await dee.arrange("mods", openness=Openness())
    await house.person("kim").react(message, "🚩")
    await house.settle()
    assert len(await shown(house)) == 1


async def test_a_line_about_a_case_in_the_room_is_answered_there() -> None:
    house, _ = await seated(dee=Role.HOST)
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    (case,) = await cases(house)
    await house.person("dee").say("mods", f"case {case.id[:6]} nothing it is fine")
    await house.settle()
    (case,) = await cases(house)
    assert case.settlement is not None
    assert (case.settlement.outcome, case.settlement.by, case.settlement.reason) == (Outcome.NOTHING, DEE, "it is fine")
    entries = await house.store.log.entries(case.community, 0, 10)
    assert [entry.doing.by for entry in entries if entry.doing.effect == "case nothing"] == ["host"]


async def test_a_check_mark_says_that_nothing_has_to_be_done() -> None:
    house, bench = await seated(dee=Role.HOST)
    _, message = await said_by(house, "bo")
    await house.person("ana").react(message, "🚩")
    await house.settle()
    (card,) = await shown(house)
    await house.person("dee").react(card, "✅")
    await house.settle()
    (case,) = await cases(house)
    assert case.settlement is not None
    assert (bench.acts, case.settlement.outcome) == ([], Outcome.NOTHING)


async def test_one_card_shows_all_that_waits_and_a_sign_on_it_is_about_the_one_that_waits_alone() -> None:
    house, bench = await seated(dee=Role.HOST)
    sam = await house.stranger("sam")
    await house.post(sam, "hello")
    (card,) = await shown(house)
    await house.person("dee").react(card, "✅")
    await house.settle()
    (hold,) = await house.holds()
    assert [(act.deed, act.object, act.about) for act in bench.acts] == [(Deed.RELEASE, hold.object, hold.event_id)]
    await house.post(await house.stranger("kim"), "hello too")
    assert await shown(house) == [card], "the card is changed, not repeated"
    await house.person("dee").react(card, "↩")
    await house.settle()
    assert len(bench.acts) == 1, "several wait: a sign could mean any of them"
    text = next(line.words.text for line in house.hall.conversation("mods") if line.id == card)
    assert "2 wait for a person" in text
    assert "sam" not in text.replace(sam.native.id, "")
    house.clock.forward(timedelta(hours=25).total_seconds())
    await house.settle()
    await shown(house)
    assert "Nothing waits" in next(line.words.text for line in house.hall.conversation("mods") if line.id == card)


async def test_other_words_in_the_room_are_talk() -> None:
    house, bench = await seated(dee=Role.HOST)
    await house.person("dee").say("mods", "release ab23cd")
    await house.person("dee").say("mods", "shall we?")
    await house.person("eve").say("mods", "release ab23cd")
    await house.settle()
    assert bench.lines == ["release ab23cd"]
    assert await house.endings("message") == ["answered", "kept local", "kept local"]


@pytest.mark.parametrize(("sign", "deed"), SIGNS.items())
def test_every_sign_is_one_word_with_and_without_its_selector(sign: str, deed: Deed) -> None:
    assert deed_of(sign) is deed
    assert deed_of(f"{sign}\ufe0f") is deed


def test_any_other_sign_is_only_a_sign() -> None:
    assert deed_of("👍") is None
