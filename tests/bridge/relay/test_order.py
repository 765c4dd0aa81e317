"""Order with the real translations and the real relay: what servers send in any order, and while we lag behind, still means the same.

Create before Update before Delete of an object (design section 2), whatever had to wait in between.
"""

from __future__ import annotations

import itertools
from typing import Any

import msgspec

from bridge.errors import Unreachable
from bridge.model.actor import Actor
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native
from bridge.model.item import Item
from bridge.refs import Absent, Need
from bridge.streams import Intake
from protocols.activitypub.ids import PUBLIC
from protocols.matrix import translate
from tests.bridge.relay.house import House
from tests.bridge.relay.script import Desk
from tests.conformance.samples import actor
from tests.protocols.matrix.world import CHANNEL, ME, MILLIS

PARENT = "https://far.example/o/parent"


class Elsewhere:
    """The real adapter, but for the asking: `documents` are served, the hosts in `silent` do not answer."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.documents: dict[str, dict[str, Any]] = {}
        self.silent: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def fetch(self, need: Need) -> Any:
        url = need.key[-1]
        if url.split("/")[2] in self.silent:
            raise Unreachable(f"{url.split('/')[2]} does not answer")
        if need.kind == "document" and url in self.documents:
            return msgspec.json.encode(self.documents[url])
        return Absent("404")


class Fediverse:
    """What Sam and Kim send, each from a server of their own, and nothing in this node moves until `turn`."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.elsewhere = Elsewhere(house.activitypub)
        house.adapters[ACTIVITYPUB] = self.elsewhere  # type: ignore[assignment]
        self.sam: Actor
        self.kim: Actor
        self.group: str
        self._numbers = itertools.count(1_000)

    async def open(self) -> Fediverse:
        self.sam = await self.house.known(await self.house.stranger("sam"))
        self.kim = await self.house.known(await self.house.stranger("kim", "b.example"))
        self.group = (await self.house.group()).native.id
        return self

    def note(self, text: str, author: Actor | None = None, *, url: str = "", addressed: bool = True, **more: Any) -> dict[str, Any]:
        by = author or self.sam
        return {
            "id": url or f"https://{by.host}/o/{next(self._numbers)}",
            "type": "Note",
            "attributedTo": by.native.id,
            "to": [PUBLIC],
            "cc": [self.group] if addressed else [],
            "content": f"<p>{text}</p>",
            "published": self.house.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            **more,
        }

    async def send(self, kind: str, thing: Any, by: Actor | None = None, **more: Any) -> str:
        """Taken by the inbox and not yet read; the activity's id."""
        author = by or self.sam
        id_ = f"https://{author.host}/a/{next(self._numbers)}"
        body = msgspec.json.encode({"id": id_, "type": kind, "actor": author.native.id, "to": [PUBLIC], "object": thing, **more})
        now = self.house.clock.now()
        await self.house.store.journal.accept([Intake(id_, author.host, ACTIVITYPUB, "activity", body, now, signer=author.native.id)])
        return id_

    async def read(self) -> None:
        """The reader alone, until it rests: the relay lags behind."""
        while await self.house.reader.step():
            pass

    async def turn(self, seconds: float = 0) -> None:
        self.house.clock.forward(seconds)
        await self.house.settle()

    async def pass_time(self, minutes: int = 20) -> None:
        for _ in range(minutes):
            await self.turn(60)

    async def heard(self) -> list[str]:
        """What the hall is to hear but for the greetings, what is urgent first: `message:words`, `edit:words`, `reaction:sign`, `retraction:`."""
        lines = [_line(item) for where, item in await self.house.out() if where.address == "hall"]
        return [line for line in lines if line != "message:hello, I am new here"]


def _line(item: Item) -> str:
    content = item.event.content
    kind = str(content.__struct_config__.tag)
    words = getattr(content, "text", None) or getattr(getattr(content, "message", None), "text", None)
    return f"{kind}:{words.plain if words is not None else getattr(content, 'key', '')}"


async def test_an_update_never_overtakes_its_create(house: House) -> None:
    """The answer's parent lives on a server that is silent, so the answer waits; its author mends a word meanwhile."""
    there = await Fediverse(house).open()
    there.elsewhere.silent.add("far.example")
    answer = there.note("with a tpyo", inReplyTo=PARENT)
    await there.send("Create", answer)
    await there.turn()
    await there.send("Update", {**answer, "content": "<p>with a typo</p>", "updated": "2026-11-24T12:01:00Z"})
    await there.turn(120)
    await there.send("Create", there.note("something else"))
    await there.turn(60)
    assert await there.heard() == ["message:something else"]
    there.elsewhere.silent.clear()
    await there.pass_time()
    assert await there.heard() == ["message:something else", "message:with a tpyo", "edit:with a typo"]


async def test_a_delete_overtakes_a_create_that_waits_and_the_words_never_cross(house: House) -> None:
    there = await Fediverse(house).open()
    there.elsewhere.silent.add("far.example")
    for addressed in (True, False):
        answer = there.note("a mistake", inReplyTo=PARENT)
        await there.send("Create", answer)
        await there.turn()
        await there.send("Delete", {"type": "Tombstone", "id": answer["id"]}, cc=[there.group] if addressed else [])
        await there.turn()
    there.elsewhere.silent.clear()
    await there.pass_time()
    assert await there.heard() == []


async def test_a_like_that_is_read_before_its_post_was_judged_is_not_lost(house: House) -> None:
    there = await Fediverse(house).open()
    post = there.note("look at this")
    await there.send("Create", post)
    await there.send("Like", post["id"], there.kim)
    await there.read()
    await there.pass_time(2)
    assert await there.heard() == ["message:look at this", "reaction:👍"]


async def test_a_like_that_comes_before_its_post_is_not_lost(house: House) -> None:
    there = await Fediverse(house).open()
    post = there.note("look at this")
    await there.send("Like", post["id"], there.kim)
    await there.turn()
    await there.send("Create", post)
    await there.turn()
    assert await there.heard() == ["message:look at this", "reaction:👍"]


async def test_a_like_and_its_undo_that_are_read_before_their_post_was_judged_cancel_out(house: House) -> None:
    there = await Fediverse(house).open()
    for whole in (True, False):
        post = there.note(f"look at this, {whole}")
        await there.send("Create", post)
        like = await there.send("Like", post["id"], there.kim)
        inner = {"id": like, "type": "Like", "actor": there.kim.native.id, "object": post["id"]}
        await there.send("Undo", inner if whole else like, there.kim)
        await there.read()
        await there.pass_time(5)
    words = [line for line in await there.heard() if not line.startswith("retraction")]
    assert words == ["message:look at this, True", "message:look at this, False"]
    assert await house.endings("reaction") == ["crossed", "crossed"], "both were heard, and taken back"


async def test_an_undo_that_comes_before_its_like_keeps_it_away(house: House) -> None:
    """Retries reorder activities: GoToSocial 0.20 sent a Block after its Undo, and it stood for ever."""
    there = await Fediverse(house).open()
    post = there.note("look at this")
    await there.send("Create", post)
    await there.turn()
    like = {"id": "https://b.example/a/early", "type": "Like", "actor": there.kim.native.id, "object": post["id"]}
    await there.send("Undo", like, there.kim)
    await there.turn()
    await house.receive(there.kim, like)
    await there.turn()
    assert await there.heard() == ["message:look at this"]


async def test_a_boost_that_is_read_before_its_post_was_judged_is_not_lost(house: House) -> None:
    there = await Fediverse(house).open()
    post = there.note("look at this")
    await there.send("Create", post)
    await there.send("Announce", post["id"], there.kim)
    await there.read()
    await there.pass_time(2)
    assert await house.endings("boost") != []


async def test_an_answer_that_names_no_group_is_not_lost_when_what_it_answers_was_not_judged_yet(house: House) -> None:
    there = await Fediverse(house).open()
    post = there.note("who has a saw?")
    await there.send("Create", post)
    await there.send("Create", there.note("I have", there.kim, inReplyTo=post["id"], addressed=False), there.kim)
    await there.read()
    await there.pass_time(2)
    assert await there.heard() == ["message:who has a saw?", "message:I have"]


async def test_a_delete_that_names_no_group_reaches_what_was_not_judged_yet(house: House) -> None:
    """Mastodon sends its Deletes to everybody and nobody in particular."""
    there = await Fediverse(house).open()
    post = there.note("a mistake")
    await there.send("Create", post)
    await there.send("Delete", {"type": "Tombstone", "id": post["id"]})
    await there.read()
    await there.pass_time(2)
    assert await there.heard() in ([], ["retraction:"])
    assert (await house.object(post["id"], ACTIVITYPUB)) is None or (await house.object(post["id"], ACTIVITYPUB)).retracted_at is not None  # type: ignore[union-attr]


async def test_a_delete_that_names_no_group_takes_back_what_was_sent(house: House) -> None:
    there = await Fediverse(house).open()
    post = there.note("a mistake")
    await there.send("Create", post)
    await there.turn()
    assert await there.heard() == ["message:a mistake"]
    await there.send("Delete", {"type": "Tombstone", "id": post["id"]})
    await there.turn()
    assert await there.heard() == ["retraction:"], "unsent words are not sent, and whoever may have them is told"
    assert await house.endings("retraction") == ["crossed"]


async def test_in_a_room_everything_keeps_its_order_while_a_name_cannot_be_asked_for(desk: Desk) -> None:
    """The homeserver answers nothing for a while: Eli is unknown, Ana is not, and she answers what Eli said."""
    from bridge.changes import PutActor, PutChannel, PutCommunity
    from bridge.model.place import Community

    ana = Native(MATRIX, "@ana:hs.test")
    community = Community(CHANNEL.community, "commons", "Commons")
    await desk.store.journal.commit([PutCommunity(community), PutChannel(CHANNEL), PutActor(actor(ana), desk.clock.now())])
    desk.script.unreachable["@eli:hs.test"] = Unreachable("the homeserver is away")

    def matrix(name: str, sender: str, content: dict[str, Any], kind: str = "m.room.message") -> tuple[str, Any]:
        raw = {
            "type": kind,
            "sender": sender,
            "event_id": f"${name}",
            "room_id": "!commons",
            "origin_server_ts": MILLIS,
            "content": content,
        }
        body = msgspec.json.encode(raw)
        return name, lambda refs: translate.read(body, desk.clock.now(), refs, ME)

    said = {"msgtype": "m.text", "body": "who has a tpyo?"}
    new = {"msgtype": "m.text", "body": "who has a typo?"}
    await desk.take(
        matrix("said", "@eli:hs.test", said),
        matrix("other", "@ana:hs.test", {"msgtype": "m.text", "body": "good morning"}),
        matrix("change", "@eli:hs.test", {**said, "m.new_content": new, "m.relates_to": {"rel_type": "m.replace", "event_id": "$said"}}),
        matrix("answer", "@ana:hs.test", {"msgtype": "m.text", "body": "me", "m.relates_to": {"m.in_reply_to": {"event_id": "$said"}}}),
        matrix("sign", "@ana:hs.test", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$said", "key": "👍"}}, "m.reaction"),
        lane="!commons",
    )
    await desk.settle()
    read = [each.provenance.native.id for _, each in await desk.store.journal.read_events(CHANNEL.community, 100)]
    assert read == ["$other"]
    desk.script.unreachable.clear()
    for _ in range(10):
        desk.clock.forward(30)
        await desk.settle()
    read = [each.provenance.native.id for _, each in await desk.store.journal.read_events(CHANNEL.community, 100)]
    assert read[:2] == ["$other", "$said"]
    assert sorted(read) == ["$answer", "$change", "$other", "$said", "$sign"]
