"""What operators see of a node beside a real homeserver: `folkmoot check` finds nothing wrong when it is well, and says what is."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bridge.homeserver import Homeserver
from tests.live.commons import Commons
from tests.live.fediverse import FediverseServer
from tests.live.node import FolkmootNode, NodeFailed


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Homeserver, FolkmootNode]:
    homeserver = Homeserver(tmp_path / "hs")
    return homeserver, FolkmootNode.found(tmp_path / "node", homeserver=homeserver)


async def test_a_node_beside_a_real_homeserver_is_found_well_and_told_of_when_it_is_not(pair: tuple[Homeserver, FolkmootNode]) -> None:
    homeserver, node = pair
    await homeserver.start()
    try:
        async with node:
            findings = json.loads(await node.command("check", "--json"))
            wrong = [one for one in findings if one["level"] != "ok"]
            assert {one["said"] for one in findings} >= {
                "It believes this node's token.",
                f"It reaches this node at http://127.0.0.1:{node.settings.matrix.listen.port}.",  # type: ignore[union-attr]
                "The public address leads to this node.",
                "The registration file says what the settings say.",
                "This machine's clock agrees with that of the homeserver.",
            }
            assert [one for one in wrong if one["level"] == "error"] == []
        await homeserver.stop()
        with pytest.raises(NodeFailed, match="exited with 2"):
            await node.command("check")
    finally:
        await homeserver.stop()


@pytest.fixture
async def far() -> AsyncIterator[FediverseServer]:
    async with FediverseServer() as server:
        yield server


def about(server: FediverseServer, words: str) -> set[tuple[str, str]]:
    """Every activity that was sent and says this: its kind and its id, and whose it passes on."""
    return {(act["type"], act["id"]) for act in server.received if words in json.dumps(act)}


async def status(url: str) -> int:
    async with aiohttp.ClientSession(headers={"Accept": "application/activity+json"}) as visitor, visitor.get(url) as answer:
        return answer.status


@pytest.mark.timeout(180)
async def test_a_restored_node_catches_up_with_its_rooms_under_the_same_ids(tmp_path: Path, far: FediverseServer) -> None:
    """What was said and taken back since the backup comes from the rooms' own history; whoever heard it already hears nothing new."""
    async with Commons(tmp_path, [far]) as commons:
        ana = await commons.member("ana", "Ana")
        await commons.reader(far, "sam")
        early = await ana.say(commons.room, "said before the backup")
        (act, *_) = await far.until(
            lambda: [act for act in far.acts() if act["type"] == "Create" and "before the backup" in json.dumps(act)]
        )
        early_post = act["object"]["id"]
        await commons.node.command("backup", str(tmp_path / "copy"))
        await ana.say(commons.room, "said since the backup")
        (act, *_) = await far.until(
            lambda: [act for act in far.acts() if act["type"] == "Create" and "since the backup" in json.dumps(act)]
        )
        late_post = act["object"]["id"]
        await ana.take_back(commons.room, early)
        await far.until(lambda: [act for act in far.acts() if act["type"] == "Delete" and early_post in json.dumps(act)])
        heard = {words: about(far, words) for words in ("since the backup", early_post)}

        commons.node.kill()
        await asyncio.to_thread(commons.node.settings.data.rename, tmp_path / "lost")
        far.received.clear()
        await commons.node.command("restore", str(tmp_path / "copy"))
        await commons.node.start()
        await far.until(
            lambda: (
                about(far, "since the backup") and [act for act in far.acts() if act["type"] == "Delete" and early_post in json.dumps(act)]
            )
        )

        assert (await status(late_post), await status(early_post)) == (200, 410)
        assert about(far, "since the backup") <= heard["since the backup"]
        assert {one for one in about(far, early_post) if one[0] == "Delete"} <= heard[early_post]
        await ana.say(commons.room, "said after it was restored")
        await far.until(lambda: about(far, "after it was restored"))


async def test_systemd_hears_when_the_doors_are_open_and_when_they_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = await asyncio.to_thread(FolkmootNode.found, tmp_path / "node")
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "60000000")
        node.launch()
        first = [await asyncio.wait_for(loop.sock_recv(heard, 100), 60) for _ in range(2)]
        assert await status(f"{node.origin}/health/live") == 200
        await node.stop()
        last = await asyncio.wait_for(loop.sock_recv(heard, 100), 5)

    assert (first, last) == ([b"READY=1", b"WATCHDOG=1"], b"STOPPING=1")
