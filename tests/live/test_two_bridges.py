"""Scenario S08: a second node is added to a room and follows the group that the first one keeps for it.

Without the switch for tests it refuses, in words. With it, every room and every server still has each thing once, and once it is deleted none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from bridge.errors import OperatorError
from bridge.homeserver import free_port
from bridge.model.record import Record
from bridge.settings import Settings
from tests.live.commons import HANDLE, Commons, Member, hasty
from tests.live.fediverse import FediverseServer
from tests.live.node import FolkmootNode

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

COPY: Final = "copy"


class Pair:
    """`first` carries the room; `second` runs on the same homeserver, under another name, and is asked to carry it too."""

    def __init__(self, first: Commons, second: FolkmootNode, near: FediverseServer, far: FediverseServer) -> None:
        self.first = first
        self.second = second
        self.near = near
        self.far = far

    async def link(self, *, group: bool = True) -> None:
        """The second node's community takes the room and, with `group`, follows the first one's."""
        async with self.second.operations() as operations:
            await operations.community_link(handle=COPY, place=self.first.room)
            if group:
                await operations.community_link(handle=COPY, place=self.first.node.handle(HANDLE))

    async def force(self, *, group: bool = True) -> None:
        """Switched on as an operator would, in the settings file."""
        await self.second.stop()
        path = self.second.folder / "folkmoot.toml"
        path.write_text(path.read_text().replace("[development]\n", "[development]\nshared_rooms = true\n"))
        await self.second.start()
        await self.link(group=group)

    async def ended(self, kind: str, count: int, seconds: float = 30.0) -> Sequence[Record]:
        """What the second node decided about so many events of a kind that it heard in the room or from the group."""
        async with asyncio.timeout(seconds), self.second.operations() as operations:
            while True:
                found = [
                    record
                    for record in await operations.events(limit=100, community=COPY)
                    if record.kind == kind and record.ended not in {"", "waiting"}
                ]
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.05)


def _second(settings: Settings) -> Settings:
    assert settings.matrix is not None
    return hasty(msgspec.structs.replace(settings, matrix=msgspec.structs.replace(settings.matrix, prefix="_copy_", bot="copybot")))


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with FediverseServer() as near, FediverseServer() as far:
        port = free_port()
        own = f"http://127.0.0.1:{port}"
        second_port = free_port()
        first = Commons(tmp_path, [near], peers=[f"http://127.0.0.1:{second_port}"], port=port)
        second = await asyncio.to_thread(
            FolkmootNode.found,
            tmp_path / "second",
            homeserver=first.homeserver,
            peers=[own, near.origin, far.origin],
            port=second_port,
            change=_second,
        )
        async with first, second:
            async with second.operations() as operations:
                await operations.community_create(handle=COPY, name="The Copy")
            yield Pair(first, second, near, far)


def bodies(events: Sequence[dict[str, Any]], words: str) -> list[dict[str, Any]]:
    """The messages of a room, edits left aside, that hold these words now."""
    said = [event for event in events if event["type"] == "m.room.message" and "body" in event["content"]]
    return [event for event in said if words in event["content"]["body"] and "m.new_content" not in event["content"]]


def objects(near: FediverseServer, words: str) -> set[str]:
    """What the server elsewhere was told of, by id, that holds these words."""
    things = [act.get("object") for act in near.acts() if act.get("type") in {"Create", "Update"}]
    return {str(thing["id"]) for thing in things if isinstance(thing, dict) and words in str(thing.get("content"))}


async def test_a_room_that_another_node_carries_is_refused_in_words(pair: Pair) -> None:
    with pytest.raises(OperatorError) as caught:
        await pair.link()
    assert pair.first.node.settings.domain in str(caught.value)
    assert "already" in str(caught.value)
    assert caught.value.remedy
    async with pair.second.operations() as operations:
        (line,) = await operations.communities()
    assert pair.first.room not in str(line), "nothing was linked"
    joined = await pair.first.steward.people(pair.first.room)
    assert not [user for user in joined if "copy" in user], "and nobody of theirs stays in the room"


async def test_two_nodes_in_one_room_give_everybody_everything_once(pair: Pair) -> None:
    """Bo says yes to both, writes, changes and deletes; Gus, who follows the group, answers."""
    bo = await pair.first.member("bo", "Bo")
    gus = await pair.first.neighbour(pair.near, "gus")
    await pair.force()
    await bo.say(pair.first.room, "!cross on")
    await bo.until(lambda: bo.told_by("@copybot:hs.test"), 30)
    before = len(pair.near.received)

    said = await bo.say(pair.first.room, "the soup is ready")
    (soup,) = await pair.near.until(lambda: objects(pair.near, "the soup is ready"))
    await gus.say(pair.first.group, "and the bread too", answers=soup)
    await bo.until(lambda: any("and the bread too" in post.text for post in bo.posts(pair.first.room)), 30)
    # From the room: Bo's words and the first node's copy of Gus's; from the group: both again, whoever is first to bring them.
    heard = await pair.ended("message", 3)
    assert {record.ended for record in heard} == {"kept local"}
    await bo.edit(pair.first.room, said, "the soup is served")
    await pair.near.until(lambda: objects(pair.near, "the soup is served"))
    await settled(pair, bo, "one more thing")

    assert objects(pair.near, "the soup") == {soup}
    room = await bo.history(pair.first.room)
    assert [event["sender"] for event in bodies(room, "soup")] == [bo.id]
    (bread,) = bodies(room, "and the bread too")
    assert bread["sender"].startswith("@_moot_")
    assert not [event for event in room if str(event["sender"]).startswith("@_copy_") and event["type"] == "m.room.message"]

    await bo.take_back(pair.first.room, said)
    await pair.near.until(lambda: [act for act in pair.near.acts() if act.get("type") == "Delete" and soup in str(act.get("object"))])
    await settled(pair, bo, "and goodbye")
    assert bodies(await bo.history(pair.first.room), "soup") == []
    assert len({act["id"] for act in pair.near.acts() if act.get("type") == "Delete"}) == 1, "a delete travels once"
    assert len(pair.near.received) - before <= 6 * 6, "nothing grows: six events, six deliveries each at most"


async def test_two_groups_of_one_room_are_each_heard_once_by_those_who_follow_them(pair: Pair) -> None:
    """Forced: the second node keeps a group of its own. What one of them mirrors into the room, the other does not pass on."""
    bo = await pair.first.member("bo", "Bo")
    gus = await pair.first.neighbour(pair.near, "gus")
    await pair.force(group=False)
    lea = pair.far.person("lea")
    copy = await pair.far.find(pair.second.handle(COPY))
    await lea.follow(copy)
    await bo.say(pair.first.room, "!cross on")
    await bo.until(lambda: bo.told_by("@copybot:hs.test"), 30)

    said = await bo.say(pair.first.room, "the soup is ready")
    (soup,) = await pair.near.until(lambda: objects(pair.near, "the soup is ready"))
    (twin,) = await pair.far.until(lambda: objects(pair.far, "the soup is ready"))
    await gus.say(pair.first.group, "and the bread too", answers=soup)
    await bo.until(lambda: any("and the bread too" in post.text for post in bo.posts(pair.first.room)), 30)
    await bo.say(pair.first.room, "enjoy")
    for server in (pair.near, pair.far):
        await server.until(lambda server=server: objects(server, "enjoy"))  # type: ignore[misc]

    room = await bo.history(pair.first.room)
    assert [len(bodies(room, words)) for words in ("the soup", "and the bread too")] == [1, 1]
    assert objects(pair.near, "the soup") == {soup}
    assert objects(pair.far, "the soup") == {twin}
    assert objects(pair.far, "and the bread too") == set(), "it came over a bridge already and is final in the room"

    await bo.take_back(pair.first.room, said)
    for server, copied in ((pair.near, soup), (pair.far, twin)):
        await server.until(lambda server=server, copied=copied: deleted(server, copied))  # type: ignore[misc]
    assert bodies(await bo.history(pair.first.room), "soup") == []


def deleted(server: FediverseServer, copied: str) -> bool:
    return any(act.get("type") == "Delete" and copied in str(act.get("object")) for act in server.acts())


async def settled(pair: Pair, bo: Member, words: str) -> None:
    """Something said after everything else has been decided by the second node, and reached the server elsewhere once."""
    known = len(await pair.ended("message", 0))
    await bo.say(pair.first.room, words)
    await pair.near.until(lambda: objects(pair.near, words))
    await pair.ended("message", known + 1)
    assert len(objects(pair.near, words)) == 1
