"""Each promise of the ledger, broken by hand: a history in which nothing is wrong, and what is said when one thing in it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from msgspec.json import encode

from protocols.loopback.room import Room
from protocols.loopback.wire import Account, Deed, React, Revise, Say, TakeBack, Words
from tests.simulation.cast import UNSEEN
from tests.simulation.fediverse import PUBLIC, Json, Received, Server
from tests.simulation.ledger import SOON, Ledger
from tests.simulation.life import Life, virtual_loop
from tests.simulation.node import ROOM, SimulatedNode
from tests.simulation.truth import Circle, Said, Sign, Truth
from tests.simulation.world import World

GROUP = "https://n0.example/c/commons"
BO = "https://n0.example/u/bo"
SAM = "https://a.example/users/sam"


class History:
    """One node with a hall, two servers, and whatever is put into them."""

    def __init__(self) -> None:
        self.world = World(1)
        self.truth = Truth()
        self.node = SimulatedNode(self.world, 0)
        self.node.life, self.node.up_since = Life(), 0.0
        self.node.people[BO] = "bo"
        self.a, self.b = Server(self.world, "a"), Server(self.world, "b")
        self.a.person("sam")
        self.ledger = Ledger(self.world, self.truth, [self.node], [self.a, self.b])
        self.world.network.hosts.clear()
        self._numbers = iter(range(1_000))

    @property
    def hall(self) -> Room:
        return self.node.hall.room(ROOM)

    @property
    def wrong(self) -> list[str]:
        """What was found at once, and what in the end."""
        return [*self.ledger.wrong(), *self.world.wrong]

    # ------------------------------------------------------------------------------------------------------ what people do

    def bo_says(self, *, circle: Circle = "everybody", answers: Said | None = None, grace: float = 0.0, who: str = "bo") -> Said:
        said = self.truth.say(who, "n0.example", 0, circle, at=self.world.now, answers=answers.number if answers else None, grace=grace)
        self.show(said, by=who)
        return said

    def sam_says(self, *, answers: Said | None = None, circle: Circle = "everybody") -> Said:
        said = self.truth.say("sam", "a.example", 0, circle, at=self.world.now, answers=answers.number if answers else None)
        said.native = self.a.person("sam").say(GROUP, said.text, answers=self.address(answers) if answers else "")
        return said

    # ------------------------------------------------------------------------------------------------------ what arrives

    def show(self, said: Said, *, by: str, id_: str = "", answers: Said | None = None) -> None:
        """In the hall."""
        parent = answers if answers is not None else self.truth.said[said.answers] if said.answers is not None else None
        say = Say(words=Words(text=said.text), reply_to=f"h.{parent.name}" if parent else "")
        self.do(by, say, id_ or f"h.{said.name}")

    def do(self, by: str, act: Say | Revise | TakeBack | React, id_: str = "") -> None:
        self.hall.apply(Deed(id_ or f"h.{next(self._numbers)}", ROOM, Account(by), self.world.date, act))

    def address(self, said: Said) -> str:
        return said.native or f"https://n0.example/o/{said.name}"

    def hear(self, server: Server, activity: Json, *, wrapped: bool = True) -> None:
        """As `Server` does with what it believes."""
        activity = {"id": f"https://n0.example/a/{next(self._numbers)}", **activity}
        if wrapped:
            activity = {"id": f"https://n0.example/a/{next(self._numbers)}", "type": "Announce", "actor": GROUP, "object": activity}
        received = Received(self.world.now, activity, encode(activity))
        server._see(activity)
        server.heard(server, received)

    def create(self, server: Server, said: Said, *, to: str = PUBLIC, address: str = "", answers: str | None = None, **more: str) -> None:
        parent = self.truth.said[said.answers] if said.answers is not None else None
        note = {
            "id": address or self.address(said),
            "attributedTo": BO if said.home == "n0.example" else SAM,
            "content": f"<p>{said.text}</p>",
            "inReplyTo": answers if answers is not None else self.address(parent) if parent else None,
        }
        self.hear(server, {"type": "Create", "actor": note["attributedTo"], "to": [to], "object": note, **more})
        if parent is None:
            boost = {"id": f"https://n0.example/a/boost-{said.name}", "type": "Announce", "actor": GROUP, "object": note["id"]}
            self.hear(server, boost, wrapped=False)

    def update(self, server: Server, said: Said) -> None:
        note = {"id": self.address(said), "attributedTo": BO, "content": f"<p>{said.text}</p>", "inReplyTo": None}
        self.hear(server, {"type": "Update", "actor": BO, "to": [PUBLIC], "object": note})

    def delete(self, server: Server, said: Said) -> None:
        self.hear(server, {"type": "Delete", "actor": BO, "object": {"id": self.address(said), "type": "Tombstone"}})

    def like(self, server: Server, said: Said, id_: str = "https://n0.example/a/like") -> None:
        self.hear(server, {"id": id_, "type": "Like", "actor": BO, "object": self.address(said), "content": "🎉"})

    def undo(self, server: Server) -> None:
        self.hear(server, {"type": "Undo", "actor": BO, "object": {"id": "https://n0.example/a/like", "type": "Like"}})

    def everywhere(self, said: Said) -> None:
        for server in (self.a, self.b):
            self.create(server, said)
        if said.home != "n0.example":
            self.show(said, by=SAM)


class Talk:
    """Bo says something, sam answers and bo puts a sign under that, and everybody who may see it does."""

    def __init__(self, history: History) -> None:
        self.history = history
        self.first = history.bo_says()
        history.everywhere(self.first)
        self.answer = history.sam_says(answers=self.first)
        history.everywhere(self.answer)
        history.truth.signs.append(Sign("bo", "n0.example", self.answer.number, "🎉", history.world.now))
        history.do("bo", React(of=f"h.{self.answer.name}", key="🎉"))
        for server in (history.a, history.b):
            history.like(server, self.answer)


Break = Callable[[Talk, History], Awaitable[None]]


def found(happens: Break | None = None) -> Sequence[str]:
    """What the ledger says of a talk after which this happened."""

    async def whole() -> list[str]:
        history = History()
        talk = Talk(history)
        if happens is not None:
            await happens(talk, history)
        return history.wrong

    with virtual_loop() as loop:
        return loop.run_until_complete(whole())


def test_in_a_history_in_which_nothing_is_wrong_nothing_is_found() -> None:
    assert found() == []


# ------------------------------------------------------------------------------------------------------ nothing lost


async def _lost_in_the_hall(talk: Talk, history: History) -> None:
    said = history.sam_says()
    for server in (history.a, history.b):
        history.create(server, said)


async def _lost_at_a_server(talk: Talk, history: History) -> None:
    said = history.bo_says()
    history.create(history.a, said)


async def _an_edit_lost_in_the_hall(talk: Talk, history: History) -> None:
    talk.answer.version = 2
    for server in (history.a, history.b):
        history.update(server, talk.answer)


async def _an_edit_lost_at_a_server(talk: Talk, history: History) -> None:
    talk.first.version = 2
    history.do("bo", Revise(of=f"h.{talk.first.name}", words=Words(text=talk.first.text)))
    history.update(history.a, talk.first)


async def _a_sign_lost_in_the_hall(talk: Talk, history: History) -> None:
    history.truth.signs.append(Sign("sam", "a.example", talk.first.number, "🌱", history.world.now))
    for server in (history.a, history.b):
        like = {"type": "Like", "actor": SAM, "object": history.address(talk.first), "content": "🌱"}
        history.hear(server, like)


async def _a_sign_lost_at_a_server(talk: Talk, history: History) -> None:
    history.truth.signs.append(Sign("bo", "n0.example", talk.answer.number, "🌱", history.world.now))


async def _the_beginning_of_a_thread_not_boosted(talk: Talk, history: History) -> None:
    said = history.bo_says()
    history.create(history.a, said)
    note = {"id": history.address(said), "attributedTo": BO, "content": f"<p>{said.text}</p>"}
    history.hear(history.b, {"type": "Create", "actor": BO, "to": [PUBLIC], "object": note})


# ------------------------------------------------------------------------------------------------------ no visible duplicate


async def _twice_in_the_hall(talk: Talk, history: History) -> None:
    history.show(talk.answer, by=SAM, id_="h.again")


async def _at_two_addresses(talk: Talk, history: History) -> None:
    history.create(history.b, talk.first, address="https://n0.example/o/again")


async def _two_activities_that_say_the_same(talk: Talk, history: History) -> None:
    history.create(history.b, talk.answer)


async def _boosted_twice(talk: Talk, history: History) -> None:
    for _ in range(2):
        history.hear(history.b, {"type": "Announce", "actor": GROUP, "object": history.address(talk.first)}, wrapped=False)


async def _a_sign_twice_in_the_hall(talk: Talk, history: History) -> None:
    await _a_sign_lost_in_the_hall(talk, history)
    for _ in range(2):
        history.do(SAM, React(of=f"h.{talk.first.name}", key="🌱"))


async def _a_sign_twice_at_a_server(talk: Talk, history: History) -> None:
    history.like(history.b, talk.answer, "https://n0.example/a/another-like")


# ------------------------------------------------------------------------------------------------------ order


async def _an_answer_shown_before_what_it_answers(talk: Talk, history: History) -> None:
    parent = history.truth.say("sam", "a.example", 0, "everybody", at=0.0)
    parent.native = "https://a.example/notes/parent"
    history.bo_says(answers=parent)
    history.show(parent, by=SAM)


async def _an_answer_heard_before_what_it_answers(talk: Talk, history: History) -> None:
    parent = history.bo_says()
    answer = history.bo_says(answers=parent)
    history.create(history.b, answer)
    history.create(history.b, parent)
    history.create(history.a, parent)
    history.create(history.a, answer)


async def _an_answer_to_something_else_in_the_hall(talk: Talk, history: History) -> None:
    said = history.sam_says(answers=talk.first)
    history.show(said, by=SAM, answers=talk.answer)


async def _an_answer_to_something_else_at_a_server(talk: Talk, history: History) -> None:
    said = history.bo_says(answers=talk.first)
    history.create(history.b, said, answers=history.address(talk.answer))


async def _an_older_version_after_a_newer_one(talk: Talk, history: History) -> None:
    talk.first.version = 3
    history.update(history.b, talk.first)
    talk.first.version = 2
    history.update(history.b, talk.first)


async def _said_after_it_was_edited(talk: Talk, history: History) -> None:
    said = history.bo_says()
    history.update(history.b, said)
    history.create(history.b, said)


# ------------------------------------------------------------------------------------------------------ deletes win


async def _still_in_the_hall(talk: Talk, history: History) -> None:
    talk.answer.taken_back = history.world.now
    for server in (history.a, history.b):
        history.delete(server, talk.answer)


async def _still_at_a_server(talk: Talk, history: History) -> None:
    talk.first.taken_back = history.world.now
    history.do("bo", TakeBack(of=f"h.{talk.first.name}"))
    history.delete(history.a, talk.first)


async def _said_after_it_was_taken_back(talk: Talk, history: History) -> None:
    talk.first.taken_back = history.world.now
    history.delete(history.b, talk.first)
    history.create(history.b, talk.first)


async def _said_long_after_it_was_taken_back(talk: Talk, history: History) -> None:
    said = history.bo_says()
    said.taken_back = history.world.now
    await asyncio.sleep(SOON + 1)
    history.create(history.b, said)


async def _taking_back_waits_for_a_server_that_chokes(talk: Talk, history: History) -> None:
    await asyncio.sleep(1)
    talk.first.taken_back = history.world.now
    await asyncio.sleep(1)
    history.ledger.must_know(history.b, 0.5, 1.5)


async def _a_sign_still_in_the_hall(talk: Talk, history: History) -> None:
    history.truth.signs.append(Sign("sam", "a.example", talk.first.number, "🌱", history.world.now, gone=True))
    history.do(SAM, React(of=f"h.{talk.first.name}", key="🌱"))


async def _a_sign_still_at_a_server(talk: Talk, history: History) -> None:
    history.truth.signs[0].gone = True
    history.undo(history.a)


# ------------------------------------------------------------------------------------------------------ no audience wider than allowed


async def _heard_though_it_was_for_nobody(talk: Talk, history: History) -> None:
    history.create(history.b, history.bo_says(circle="nobody", who="fay"))


async def _heard_publicly_though_it_was_quiet(talk: Talk, history: History) -> None:
    history.create(history.b, history.bo_says(circle="quiet", who="cleo"))


async def _shown_though_it_was_for_nobody(talk: Talk, history: History) -> None:
    history.show(history.sam_says(circle="nobody"), by=SAM)


async def _the_name_of_somebody_who_never_said_yes(talk: Talk, history: History) -> None:
    history.hear(history.b, {"type": "Like", "actor": BO, "object": history.address(talk.answer), "content": "🎉", "summary": UNSEEN})


async def _before_the_grace_of_its_author_is_over(talk: Talk, history: History) -> None:
    await asyncio.sleep(1)
    said = history.bo_says(grace=15.0)
    await asyncio.sleep(10)
    history.create(history.b, said)


@pytest.mark.parametrize(
    ("happens", "says"),
    [
        (_lost_in_the_hall, "n0.example does not show w0002 of sam"),
        (_lost_at_a_server, "b.example did not hear w0002 of bo"),
        (_an_edit_lost_in_the_hall, "n0.example shows 'w0001 v1' instead of 'w0001 v2'"),
        (_an_edit_lost_at_a_server, "b.example shows '<p>w0000 v1</p>' instead of 'w0000 v2'"),
        (_a_sign_lost_in_the_hall, "n0.example does not show 🌱 of sam under w0000"),
        (_a_sign_lost_at_a_server, "b.example shows 🌱 of bo under w0001 0 times"),
        (_the_beginning_of_a_thread_not_boosted, "b.example did not hear w0002 boosted"),
        (_twice_in_the_hall, "n0.example shows w0001 twice"),
        (_at_two_addresses, "b.example has w0000 at 2 addresses"),
        (_two_activities_that_say_the_same, "b.example heard Create w0001 with 2 ids"),
        (_boosted_twice, "b.example heard https://n0.example/o/w0000 boosted 3 times"),
        (_a_sign_twice_in_the_hall, "n0.example shows 🌱 of sam under w0000 2 times"),
        (_a_sign_twice_at_a_server, "b.example shows 🎉 of bo under w0001 2 times"),
        (_an_answer_shown_before_what_it_answers, "n0.example shows w0003 before w0002"),
        (_an_answer_heard_before_what_it_answers, "b.example heard w0003 before w0002"),
        (_an_answer_to_something_else_in_the_hall, "n0.example shows w0002 as an answer to 'h.w0001' instead of w0000"),
        (_an_answer_to_something_else_at_a_server, "b.example heard w0002 as an answer to 'https://a.example/notes/1' instead of w0000"),
        (_an_older_version_after_a_newer_one, "b.example heard version 2 of w0000 after version 3"),
        (_said_after_it_was_edited, "b.example heard that w0002 was edited before it heard w0002"),
        (_still_in_the_hall, "n0.example still shows w0001"),
        (_still_at_a_server, "b.example still shows w0000"),
        (_said_after_it_was_taken_back, "b.example heard Create of w0000"),
        (_said_long_after_it_was_taken_back, "b.example heard w0002 31.0 s after it was taken back"),
        (_taking_back_waits_for_a_server_that_chokes, "b.example did not hear that w0000 was taken back"),
        (_a_sign_still_in_the_hall, "n0.example still shows 🌱 of sam under w0000"),
        (_a_sign_still_at_a_server, "b.example still shows 🎉 of bo under w0001"),
        (_heard_though_it_was_for_nobody, "b.example heard w0002 of fay, which was for nobody"),
        (_heard_publicly_though_it_was_quiet, "b.example heard w0002 publicly, which was for quiet"),
        (_shown_though_it_was_for_nobody, "n0.example shows w0002 of sam, which was for nobody"),
        (_the_name_of_somebody_who_never_said_yes, "b.example heard the name of somebody who never said yes"),
        (_before_the_grace_of_its_author_is_over, "b.example heard w0002 10.0 s after it was said; its author has 15 s"),
    ],
)
def test_a_history_in_which_a_promise_is_broken_is_found_out(happens: Break, says: str) -> None:
    assert [one for one in found(happens) if one.startswith(says)]
