"""What the people of the demonstration say and do, and what has to be seen on the other side after each of it.

Ana, Bo, Chi and Eli have accounts on the homeserver, Lena and Tomas live in node B's own place. All but Eli say yes to crossing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from bridge.demonstration.matrixpeople import MatrixPerson, Post
from bridge.demonstration.stage import SERVER_NAME, Stage
from bridge.demonstration.telling import Shown, Telling
from bridge.errors import OperatorError
from bridge.model.ids import Native
from bridge.model.place import PlaceKind
from bridge.operations import HoldLine
from protocols.loopback.hall import Hall
from protocols.loopback.people import Person
from protocols.loopback.room import Line

__all__ = ["GROUP", "MATRIX_PEOPLE", "NotArrived", "Play"]

MATRIX_PEOPLE: Final = {"ana": "Ana", "bo": "Bo", "chi": "Chi", "eli": "Eli"}
ARRIVES_WITHIN: Final = 30.0
"""Seconds; two of them are the grace, the rest is for a machine with much else to do."""

GROUP: Final = "bench"
"""What the community is called in every address."""
ROOM_NAME: Final = "The Repair Bench"
FAR_NAME: Final = "Repair Café North"
TABLE: Final = "table"
"""The room of node B's own place."""

QUESTION: Final = (
    "My grandmother's radio hums since we moved house. Before I order any parts: how do you find out which part it is that hums?"
)
LISTEN: Final = "Listen first. Turn the volume down: if the hum stays just as loud, it comes from the power supply."
LISTEN_BETTER: Final = "Listen first. Turn the volume all the way down: if the hum stays just as loud, it comes from the power supply."
CAREFUL: Final = "And unplug it before you open it. The big capacitors stay charged for minutes."
CAREFUL_BETTER: Final = "And unplug it before you open it. The big capacitors stay charged for hours, not minutes."
DRAIN: Final = "I bridge them with a 10 kΩ resistor first, and wait. The one time I didn't, I threw the screwdriver across the room."
SLIP: Final = "Who has the keys to the cellar tonight?"
FAR_SLIP: Final = "Can somebody bring milk?"
OWN: Final = "Mine hums as well, but I would rather ask about it in this room."
FOUND: Final = "It stays when I turn it down. So it is the power supply! I will bring it on Saturday; come and watch, all of you."

_Found = TypeVar("_Found")


class NotArrived(OperatorError):
    """Something that was said on one side was not seen on the other in time."""

    code = "not_arrived"


class Play:
    """`await perform()`; raises NotArrived at the first thing that does not come."""

    def __init__(self, stage: Stage, telling: Telling) -> None:
        self._stage = stage
        self._telling = telling
        self.room = ""
        self.lena: Person
        self.tomas: Person
        self._group: Native
        self._root = ""
        """Ana's question, as the room calls it."""
        self._copy = ""
        """The same, as node B's place calls it."""

    async def perform(self) -> None:
        await self.meet()
        await self.choose()
        await self.talk()
        await self.stay()
        self.show()

    @property
    def alias(self) -> str:
        return f"#{GROUP}:{self._stage.homeserver.name}"

    @property
    def address(self) -> str:
        """What people on the fediverse follow."""
        return f"@{GROUP}@{self._stage.settings_a.domain}"

    @property
    def hall(self) -> Hall:
        loopback = self._stage.node_b.loopback
        if loopback is None:
            raise NotArrived("node B has no place of its own", remedy="Its settings need loopback = true in [development].")
        return loopback.hall

    # ------------------------------------------------------------------------------------------------------ the scenes

    async def meet(self) -> None:
        """A room, a community, and a second node that follows it."""
        telling, stage = self._telling, self._stage
        ana = stage.people["ana"]
        telling.heading("A community, carried by a room and by a group")
        telling.says("Ana", f"opens the room {self.alias}, “{ROOM_NAME}”, and Bo, Chi and Eli come in.")
        self.room = await ana.open_room(GROUP, ROOM_NAME)
        for name in ("bo", "chi", "eli"):
            await stage.people[name].join(self.room)
        telling.doing("the room becomes a fediverse group as well")
        await stage.a.community_create(handle=GROUP, name=ROOM_NAME)
        linked = await stage.a.community_link(handle=GROUP, place=self.alias)
        self._group = next(place.native for place in linked.places if place.kind is PlaceKind.GROUP)
        await self._matrix(
            ana, lambda: any(post.sender == stage.bot for post in ana.posts(self.room)), "the bridge has said hello in the room"
        )
        telling.tick(f"and it is a group that anyone on the fediverse can follow: {self.address}")
        telling.says("Lena", f"and Tomas live on another node, in its “{FAR_NAME}”. That place joins in:")
        telling.doing("node B looks the group up and follows it")
        self.lena, self.tomas = self.hall.person("lena", "Lena"), self.hall.person("tomas", "Tomas")
        self.hall.open(TABLE, FAR_NAME)
        await stage.b.community_create(handle="north", name=FAR_NAME)
        await stage.b.community_link(handle="north", place=f"loopback:{TABLE}")
        await stage.b.community_link(handle="north", place=self.address)
        await self._until_followed(1)
        telling.tick("node A has accepted, and sends along what is said from now on")

    async def choose(self) -> None:
        """Everybody decides for themselves, in their own client; Eli does not."""
        telling, stage = self._telling, self._stage
        telling.heading("Words cross when their author says so, and not before")
        for name in ("ana", "bo", "chi"):
            await self._says_yes(stage.people[name], name)
        for person in (self.lena, self.tomas):
            await self._says_yes_and_follows(person)
        telling.doing("their Follows reach node A")
        await self._until_followed(3)
        telling.tick(f"{self.address} has three followers: Lena, Tomas, and the place they live in")
        telling.says("Eli", "says nothing about it. So Eli's words will stay.")

    async def _says_yes(self, person: MatrixPerson, name: str) -> None:
        self._telling.says(person.called, f"!cross on {name}")
        self._telling.doing("the bridge answers in private")
        await person.say(self.room, f"!cross on {name}")
        told = await self._matrix(person, lambda: person.told_by(self._stage.bot), f"the bridge's answer to {person.called}")
        self._telling.tick(f"the bridge to {person.called} alone: “{_first_line(told[0])}”")

    async def _says_yes_and_follows(self, person: Person) -> None:
        called = person.account.name
        self._telling.says(called, f"!cross on {person.name}, and follows the group")
        self._telling.doing("the bridge answers in private")
        await person.say(TABLE, f"!cross on {person.name}")
        told = await self._hall(lambda: self.hall.notices(person.name), f"the bridge's answer to {called}")
        self._telling.tick(f"the bridge to {called} alone: “{_first_line(told[0])}”")
        await person.follow(TABLE, self._group)

    async def talk(self) -> None:
        """Post, answers in a thread, first contact, edits, reactions, deletions; each in both directions."""
        telling, people = self._telling, self._stage.people
        telling.heading("They talk")
        telling.note("Words wait two seconds here before they leave, in case their author thinks again.")

        self._root = root = await self._from_matrix("ana", QUESTION)
        self._copy = copy = (await self._in_hall(QUESTION, "Lena and Tomas read it, by Ana, with her address")).id

        listen = await self.lena.say(TABLE, LISTEN, reply_to=copy)
        await self._welcomed(self.lena, LISTEN)
        await self._in_room(LISTEN, "let in, it stands in Ana's thread", thread=root)

        careful = await self._from_matrix("bo", CAREFUL, thread=root)
        warned = await self._in_hall(CAREFUL, "Lena and Tomas read it, in the same thread", thread=copy)

        telling.says("Bo", f"corrects it: {CAREFUL_BETTER}")
        telling.doing("the correction crosses")
        await people["bo"].edit(self.room, careful, CAREFUL_BETTER)
        await self._hall(lambda: self._line(warned.id).edited and self._line(warned.id).text == CAREFUL_BETTER, "Bo's correction")
        telling.tick("Lena and Tomas see the new words in its place")

        drain = await self.tomas.say(TABLE, DRAIN, reply_to=warned.id)
        await self._welcomed(self.tomas, DRAIN)
        arrived = await self._in_room(DRAIN, "let in, it stands in Ana's thread", thread=root)

        telling.says("Lena", f"finds better words: {LISTEN_BETTER}")
        telling.doing("the edit crosses")
        await self.lena.edit(listen, LISTEN_BETTER)
        await self._seen(lambda: any(post.edited and post.text == LISTEN_BETTER for post in self._posts()), "Lena's edit")
        telling.tick("the room shows them in its place")

        telling.says("Chi", "puts 😂 under what Tomas said, and Lena 🙏 under what Bo said.")
        telling.doing("Chi's sign crosses")
        await people["chi"].react(self.room, arrived.id, "😂")
        await self._hall(lambda: "😂" in self._line(drain).reactions, "Chi's reaction")
        telling.tick("Tomas sees it")
        telling.doing("Lena's sign crosses")
        await self.lena.react(warned.id, "🙏")
        await self._seen(lambda: any(post.id == careful and "🙏" in post.reactions for post in self._posts()), "Lena's reaction")
        telling.tick("Bo sees it")

        slip = await self._from_matrix("chi", SLIP)
        gone = await self._in_hall(SLIP, "Lena and Tomas read it")
        telling.says("Chi", "meant another room, and deletes it.")
        telling.doing("the deletion crosses")
        await people["chi"].take_back(self.room, slip)
        await self._hall(lambda: self._line(gone.id).taken_back, "Chi's deletion")
        telling.tick("it is gone on the other side")

        telling.says("Tomas", FAR_SLIP)
        telling.doing("it crosses")
        milk = await self.tomas.say(TABLE, FAR_SLIP)
        seen = await self._in_room(FAR_SLIP, "the room reads it")
        telling.says("Tomas", "deletes it: that was for home.")
        telling.doing("the deletion crosses")
        await self.tomas.take_back(milk)
        await self._seen(lambda: any(post.id == seen.id and post.taken_back for post in self._posts()), "Tomas's deletion")
        telling.tick("it is gone in the room")

    async def stay(self) -> None:
        """Eli's words are in the room, and nowhere else."""
        telling, stage = self._telling, self._stage
        telling.heading("One of them did not say yes")
        eli = stage.people["eli"]
        telling.says("Eli", OWN)
        await eli.say(self.room, OWN)
        await self._seen(lambda: any(post.text == OWN for post in self._posts()), "Eli's words in the room itself")
        await self._from_matrix("ana", FOUND, thread=self._root)
        # One community's events are decided in their order, so once Ana's later words are there, Eli's are decided too.
        await self._in_hall(FOUND, "Lena and Tomas read it", thread=self._copy)
        telling.doing("looking for Eli on the other side")
        await self._nothing_of_eli()
        telling.tick("nothing of Eli's is there: no words, no account; node A noted that one message stayed, without its words")

    async def _nothing_of_eli(self) -> None:
        """Not on node B, not in what node A serves to anyone, and not under any name the fediverse could look up."""
        stage = self._stage
        if any(OWN in line.text or line.by.id.startswith("eli") for line in self.hall.conversation(TABLE)):
            raise NotArrived("Eli's words left the room, and Eli never said yes", remedy=self._where)
        for name in ("eli", f"eli_{SERVER_NAME}"):
            status, _ = await stage.ask_a(f"/.well-known/webfinger?resource=acct:{name}@{stage.settings_a.domain}")
            if status != 404:
                raise NotArrived(f"node A answers {status} to who looks {name} up, and Eli never said yes", remedy=self._where)
        status, served = await stage.ask_a(f"{self._group.id.removeprefix(stage.origins[0])}/outbox")
        if status != 200 or "hums since we moved" not in served:
            raise NotArrived(f"node A does not serve what the group announced (status {status})", remedy=self._where)
        if "@eli" in served or f"eli_{SERVER_NAME}" in served or OWN in served:
            raise NotArrived("node A serves something of Eli's, who never said yes", remedy=self._where)
        records = await stage.a.events(limit=100, community=GROUP)
        if not any(record.ended == "kept local" and record.kind == "message" for record in records):
            raise NotArrived("node A has no record of a message that stayed", remedy=self._where)

    # ------------------------------------------------------------------------------------------------------ what is seen

    def show(self) -> None:
        """The conversation as each side has it now."""
        self._telling.heading("The same conversation, from both sides")
        self._telling.conversation(
            f"In the Matrix room {self.alias}:", [self._post(post) for post in self._posts() if self._is_talk(post.text)]
        )
        lines = [line for line in self.hall.conversation(TABLE) if self._is_talk(line.text) and line.by.id != "moot"]
        self._telling.conversation(f"In “{FAR_NAME}”, on node B:", [_line(line) for line in lines])

    def _posts(self) -> tuple[Post, ...]:
        """As Ana's client shows the room, without what the bridge itself says."""
        return tuple(post for post in self._ana.posts(self.room) if post.sender != self._stage.bot)

    def _post(self, post: Post) -> Shown:
        def called(sender: str) -> str:
            return self._ana.name(self.room, sender)

        return Shown(
            id=post.id,
            who=called(post.sender),
            text=post.text,
            thread=post.thread,
            edited=post.edited,
            taken_back=post.taken_back,
            reactions=tuple((sign, tuple(called(one) for one in who)) for sign, who in post.reactions.items()),
        )

    def _is_talk(self, text: str) -> bool:
        return not text.startswith("!")

    @property
    def _ana(self) -> MatrixPerson:
        return self._stage.people["ana"]

    def _line(self, deed: str) -> Line:
        return next(line for line in self.hall.conversation(TABLE) if line.id == deed)

    # ------------------------------------------------------------------------------------------------------ what has to come

    async def _from_matrix(self, name: str, text: str, *, thread: str = "") -> str:
        person = self._stage.people[name]
        self._telling.says(person.called, text)
        self._telling.doing("it crosses")
        return await person.say(self.room, text, thread=thread)

    async def _in_hall(self, text: str, tick: str, *, thread: str = "") -> Line:
        def look() -> Line | None:
            return next((line for line in self.hall.conversation(TABLE) if line.text == text and line.thread == thread), None)

        found = await self._hall(look, f"“{text[:40]}…” on node B")
        self._telling.tick(tick)
        return _certain(found)

    async def _in_room(self, text: str, tick: str, *, thread: str = "") -> Post:
        def look() -> Post | None:
            return next((post for post in self._posts() if post.text == text and post.thread == thread), None)

        found = await self._seen(look, f"“{text[:40]}…” in the Matrix room")
        self._telling.tick(tick)
        return _certain(found)

    async def _welcomed(self, person: Person, text: str) -> None:
        """The first words of somebody new wait until a person has looked; here, whoever runs node A does."""
        self._telling.says(person.account.name, text)
        self._telling.doing("it reaches node A")

        async def waiting() -> HoldLine | None:
            held = await self._stage.a.holds(limit=10, community=GROUP)
            return next((hold for hold in held if hold.kind == "review"), None)

        hold = await self._asked(waiting, f"{person.account.name}'s first words at node A")
        self._telling.tick("a first post waits for a person: folkmoot holds list shows it")
        self._telling.doing("folkmoot holds release lets it in")
        await self._stage.a.release(id=hold.event_id)

    async def _until_followed(self, followers: int) -> None:
        async def enough() -> bool:
            return any(line.followers >= followers for line in await self._stage.a.communities())

        await self._asked(enough, f"{followers} followers of {self.address}")

    async def _matrix(self, person: MatrixPerson, look: Callable[[], _Found], what: str) -> _Found:
        return await self._arrived(person.until(look, ARRIVES_WITHIN), what)

    async def _seen(self, look: Callable[[], _Found], what: str) -> _Found:
        return await self._matrix(self._ana, look, what)

    async def _hall(self, look: Callable[[], _Found], what: str) -> _Found:
        return await self._arrived(self.hall.until(look, ARRIVES_WITHIN), what)

    async def _asked(self, question: Callable[[], Awaitable[_Found | None]], what: str) -> _Found:
        """What node A's operator is told, asked ten times a second: its socket answers and does not call."""

        async def answered() -> _Found:
            async with asyncio.timeout(ARRIVES_WITHIN):
                while True:
                    found = await question()
                    if found:
                        return found
                    await asyncio.sleep(0.1)

        return await self._arrived(answered(), what)

    async def _arrived(self, waiting: Awaitable[_Found], what: str) -> _Found:
        try:
            return await waiting
        except TimeoutError:
            raise NotArrived(f"{what} did not arrive within {ARRIVES_WITHIN:.0f} s", remedy=self._where) from None

    @property
    def _where(self) -> str:
        return "The logs are " + ", ".join(str(path) for path in self._stage.logs) + "."


def _line(line: Line) -> Shown:
    who = f"{line.by.name} ({line.by.address})" if line.by.address else line.by.name
    signs: dict[str, tuple[str, ...]] = {}
    for sign in line.signs:
        signs[sign.key] = (*signs.get(sign.key, ()), sign.by.name)
    return Shown(line.id, who, line.text, line.thread, line.edited, line.taken_back, tuple(signs.items()))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _certain(found: _Found | None) -> _Found:
    if found is None:
        raise NotArrived("it did not arrive")
    return found
