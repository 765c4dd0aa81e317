"""A hall as people see it: what was said, who may do what, and that nothing is lost while no node is there."""

from __future__ import annotations

import asyncio

import pytest

from bridge.errors import Refused, StoreDown
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native
from bridge.model.place import Openness
from protocols.loopback.hall import Hall
from protocols.loopback.wire import Account, Boost, Come, Deed, Draft, Face, React, Revise, Say, TakeBack, Words
from tests.conformance.homes import Hand
from tests.protocols.loopback.world import NOW


class Node:
    """Takes what a hall hands over, or does not."""

    def __init__(self) -> None:
        self.taken: list[Deed] = []
        self.down = False

    async def take(self, deeds: tuple[Deed, ...]) -> None:
        if self.down:
            raise StoreDown("the disk is gone")
        self.taken += deeds


@pytest.fixture
def hall() -> Hall:
    made = Hall(Hand(NOW), stamp="h")
    made.open("hall", "The hall", hosts=frozenset({"lena"}))
    return made


def shown(hall: Hall, room: str = "hall") -> list[tuple[str, str]]:
    return [(line.by.name, line.text) for line in hall.conversation(room)]


async def test_a_client_sees_what_stands_now(hall: Hall) -> None:
    lena, tomas = hall.person("lena", "Lena"), hall.person("tomas", "Tomas")
    question = await lena.say("hall", "Which glue holds felt?")
    answer = await tomas.say("hall", "Hide glue", reply_to=question)
    await tomas.edit(answer, "Hide glue, warm")
    await lena.react(answer, "🎉")
    await lena.boost(answer)
    slip = await tomas.say("hall", "Oops")
    await tomas.take_back(slip)
    first, second, third = hall.conversation("hall")
    assert (first.text, first.edited, first.thread) == ("Which glue holds felt?", False, "")
    assert (second.text, second.edited, second.reply_to, second.thread) == ("Hide glue, warm", True, question, question)
    assert (second.reactions, second.boosts) == ({"🎉": ("lena",)}, ("lena",))
    assert (third.text, third.taken_back) == ("", True)
    await lena.unreact(answer, "🎉")
    await lena.unboost(answer)
    assert hall.conversation("hall")[1].signs == ()


async def test_an_answer_in_a_thread_stays_in_it(hall: Hall) -> None:
    lena = hall.person("lena")
    root = await lena.say("hall", "One")
    answer = await lena.say("hall", "Two", reply_to=root)
    await lena.say("hall", "Three", reply_to=answer)
    assert hall.conversation("hall")[2].thread == root


async def test_a_new_name_is_seen_everywhere(hall: Hall) -> None:
    lena = hall.person("lena", "Lena")
    message = await lena.say("hall", "Hello")
    await lena.react(message, "👋")
    await lena.rename("Lena Okafor")
    [line] = hall.conversation("hall")
    assert (line.by.name, line.signs[0].by.name, hall.room("hall").present["lena"].name) == ("Lena Okafor",) * 3
    await lena.end()
    assert "lena" not in hall.room("hall").present


async def test_nobody_does_what_is_anothers_to_do(hall: Hall) -> None:
    lena, tomas = hall.person("lena"), hall.person("tomas")
    message = await lena.say("hall", "Mine")
    before = hall.conversation("hall")
    for attempt in (
        tomas.edit(message, "Yours"),
        tomas.take_back(message),
        tomas.remove("hall", "lena"),
        tomas.arrange("hall", name="His"),
        tomas.unreact(message, "👍"),
        tomas.react("nothing", "👍"),
        tomas.say("cellar", "Hello"),
    ):
        with pytest.raises(Refused):
            await attempt
    assert hall.conversation("hall") == before


async def test_a_host_takes_back_and_sends_out(hall: Hall) -> None:
    lena, mal = hall.person("lena"), hall.person("mal")
    message = await mal.say("hall", "Buy my glue")
    await lena.take_back(message, "an advert")
    await lena.remove("hall", "mal")
    with pytest.raises(Refused, match="removed"):
        await mal.say("hall", "Again")
    with pytest.raises(Refused):
        await lena.take_back(message)
    assert [line.taken_back for line in hall.conversation("hall")] == [True]


async def test_the_same_sign_twice_is_one(hall: Hall) -> None:
    lena = hall.person("lena")
    message = await lena.say("hall", "Hello")
    assert await lena.react(message, "👍") == await lena.react(message, "👍")
    assert await lena.boost(message) == await lena.boost(message)
    assert len(hall.conversation("hall")[0].signs) == 2


async def test_rooms_and_people_never_share_a_name(hall: Hall) -> None:
    hall.person("lena")
    for attempt in (lambda: hall.open("lena"), lambda: hall.person("hall"), lambda: hall.person("moot"), lambda: hall.open("No Room")):
        with pytest.raises(Refused):
            attempt()


async def test_a_mention_links_each_name_once(hall: Hall) -> None:
    ana, ann = Native(ACTIVITYPUB, "https://a.example/u/ana"), Native(LOOPBACK, "ann")
    await hall.person("lena").say("hall", "Ana & Ana Ray, <hello>", mentions={"Ana": ann, "Ana Ray": ana})
    words = hall.conversation("hall")[0].words
    assert words.html == '<p><a data-mention="0">Ana</a> &amp; <a data-mention="1">Ana Ray</a>, &lt;hello&gt;</p>'
    assert [named.who for named in words.mentions] == ["ann", "activitypub:https://a.example/u/ana"]


# ------------------------------------------------------------------------------------------------------------ a node


async def test_what_is_done_is_taken_before_it_returns(hall: Hall) -> None:
    node = Node()
    await hall.attach(node.take)
    message = await hall.person("lena").say("hall", "Hello")
    assert [(deed.id, deed.room, deed.act) for deed in node.taken] == [(message, "hall", Say(Words("Hello")))]


async def test_what_happens_while_no_node_is_there_is_taken_in_order_by_the_next(hall: Hall) -> None:
    lena = hall.person("lena")
    said = [await lena.say("hall", f"{number}") for number in range(3)]
    node = Node()
    await hall.attach(node.take)
    hall.detach()
    said.append(await lena.say("hall", "3"))
    assert [deed.id for deed in node.taken] == said[:3]
    await hall.attach(node.take)
    assert [deed.id for deed in node.taken] == said


async def test_what_a_node_could_not_take_is_told_again_and_nobody_is_left_in_the_dark(hall: Hall) -> None:
    node, lena = Node(), hall.person("lena")
    await hall.attach(node.take)
    node.down = True
    with pytest.raises(StoreDown):
        await lena.say("hall", "One")
    assert shown(hall) == [("lena", "One")]
    node.down = False
    await lena.say("hall", "Two")
    assert [deed.act for deed in node.taken] == [Say(Words("One")), Say(Words("Two"))]


async def test_people_who_speak_at_once_are_taken_in_the_order_of_the_room(hall: Hall) -> None:
    gate, taken = asyncio.Event(), list[str]()

    async def slow(deeds: tuple[Deed, ...]) -> None:
        await gate.wait()
        taken.extend(deed.id for deed in deeds)

    await hall.attach(slow)
    lena, tomas = hall.person("lena"), hall.person("tomas")
    speaking = [asyncio.ensure_future(person.say("hall", f"{n}")) for n in range(5) for person in (lena, tomas)]
    await hall.until(lambda: len(hall.conversation("hall")) == 10)
    assert not any(one.done() for one in speaking)
    gate.set()
    await asyncio.gather(*speaking)
    assert taken == [line.id for line in hall.conversation("hall")]


async def test_a_hall_opened_anew_gives_no_name_again() -> None:
    one, other = Hall(Hand(NOW)), Hall(Hand(NOW))
    names = set()
    for hall in (one, other):
        hall.open("hall")
        names.add(await hall.person("lena").say("hall", "Hello"))
    assert len(names) == 2


async def test_what_a_node_asks_for_twice_happens_once(hall: Hall) -> None:
    hall.dress(Account("sam@a.example", "Sam", "@sam@a.example"))
    draft = Draft(Say(Words("Hello")))
    assert hall.make("hall", "sam@a.example", draft, "item") == hall.make("hall", "sam@a.example", draft, "item")
    assert shown(hall) == [("Sam", "Hello")]


async def test_a_sign_that_is_there_has_no_second_name(hall: Hall) -> None:
    hall.dress(Account("sam@a.example", "Sam"))
    message = await hall.person("lena").say("hall", "Hello")
    for act in (React(message, "👍"), Boost(message)):
        assert hall.make("hall", "sam@a.example", Draft(act), f"{act} 1")
        assert hall.make("hall", "sam@a.example", Draft(act), f"{act} 2") == ""


async def test_a_node_does_nothing_that_its_account_may_not(hall: Hall) -> None:
    hall.dress(Account("sam@a.example", "Sam"))
    message = await hall.person("lena").say("hall", "Hello")
    for act in (Revise(message, Words("No")), TakeBack(message), React("nothing", "👍"), Come("ban", "lena")):  # type: ignore[arg-type]
        with pytest.raises(Refused):
            hall.make("hall", "sam@a.example", Draft(act), "item")
    hall.make("hall", "moot", Draft(TakeBack(message)), "item")
    assert hall.conversation("hall")[0].taken_back


async def test_a_face_changes_what_was_said_before(hall: Hall) -> None:
    hall.dress(Account("sam@a.example", "Sam"))
    hall.make("hall", "sam@a.example", Draft(Say(Words("Hello"))), "one")
    hall.make("hall", "sam@a.example", Draft(Face(Account("sam@a.example", "Sam the Second"))), "two")
    assert shown(hall) == [("Sam the Second", "Hello")]


async def test_waiting_ends_when_it_happens_and_says_so_when_it_does_not(hall: Hall) -> None:
    lena = hall.person("lena")
    waiting = asyncio.ensure_future(hall.until(lambda: shown(hall)))
    await lena.arrange("hall", openness=Openness(), name="Closed")
    assert not waiting.done()
    await lena.say("hall", "Hello")
    assert await waiting == [("lena", "Hello")]
    with pytest.raises(TimeoutError, match="nothing in the hall"):
        await hall.until(lambda: False, seconds=0.01)


async def test_the_bot_and_a_person_talk_in_private(hall: Hall) -> None:
    lena = hall.person("lena")
    await lena.tell_bot("help")
    hall.make("talk/lena", "moot", Draft(Say(Words("You can say …"))), "item")
    assert hall.notices("lena") == ("You can say …",)
    assert hall.notices("tomas") == ()
    assert hall.conversation("hall") == ()
