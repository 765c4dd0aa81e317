"""Handles may have another name than the node's URLs: whoever types one is led here, whatever they know of such arrangements."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from bridge.errors import BadSetting
from bridge.homeserver import free_port
from bridge.settings import Settings
from bridge.settingsfile import load
from protocols.loopback.adapter import LoopbackAdapter
from tests.bridge.node import found_node, running_node

LEAST = 'domain = "example.org"\nserver = "moot.example.org"\ndata_dir = "data"\n'


@asynccontextmanager
async def domain_of_handles(port: int, leads_to: str) -> AsyncIterator[None]:
    """A web server that knows one thing: where WebFinger is answered."""

    async def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{leads_to}{request.raw_path}"})

    application = web.Application()
    application.router.add_get("/.well-known/{what}", away)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


def said(loopback: LoopbackAdapter | None) -> list[str]:
    assert loopback is not None
    return [line.text for line in loopback.hall.conversation("table") if line.by.id != "moot"]


async def test_a_community_is_found_and_followed_by_the_handle_of_another_domain(tmp_path: Path) -> None:
    handles, server, other = free_port(), free_port(), free_port()
    origins = tuple(f"http://127.0.0.1:{port}" for port in (handles, server, other))

    def split(chosen: Settings) -> Settings:
        return msgspec.structs.replace(chosen, domain=f"127.0.0.1:{handles}", server=f"127.0.0.1:{server}")

    near = await found_node(tmp_path / "near", port=server, peers=origins, change=split)
    far = await found_node(tmp_path / "far", port=other, peers=origins)
    async with (
        domain_of_handles(handles, near.origin),
        running_node(near, "hall") as node,
        running_node(far, "table") as reader,
        aiohttp.ClientSession() as visitor,
    ):
        line = await node.operations.community_create(handle="commons", name="The Commons")
        await node.operations.community_link(handle="commons", place="loopback:hall")
        await reader.operations.community_create(handle="readers", name="Readers")
        await reader.operations.community_link(handle="readers", place="loopback:table")
        followed = await reader.operations.community_link(handle="readers", place=f"@commons@127.0.0.1:{handles}")
        async with asyncio.timeout(20):
            while not (await node.operations.communities())[0].followers:
                await asyncio.sleep(0.01)
            assert node.loopback is not None
            ana = node.loopback.hall.person("ana", "Ana")
            await ana.say("hall", "!cross on ana")
            await ana.say("hall", "Who has a saw?")
            while "Who has a saw?" not in said(reader.loopback):
                await asyncio.sleep(0.01)
        actors = []
        for name in (handles, server):
            async with visitor.get(f"{near.origin}/.well-known/webfinger?resource=acct:commons@127.0.0.1:{name}") as answer:
                actors.append(await answer.json(content_type=None))
        async with visitor.get(actors[0]["links"][0]["href"], headers={"Accept": "application/activity+json"}) as answer:
            actor = await answer.json(content_type=None)

    assert line.address == f"@commons@127.0.0.1:{handles}"
    assert any(place.native.id == actor["id"] for place in followed.places)
    assert actors[0] == actors[1], "a server that knows nothing of it asks under the name in the URL, and gets the same"
    assert actors[0]["subject"] == f"acct:commons@127.0.0.1:{handles}"
    assert actor["id"].startswith(f"{near.origin}/c/")
    assert actor["webfinger"] == f"commons@127.0.0.1:{handles}"


def test_urls_have_the_servers_name_and_handles_the_domains() -> None:
    settings = load(LEAST, folder=Path("/etc/folkmoot"))

    assert settings.origin == "https://moot.example.org"
    assert settings.media_origin == "https://media.moot.example.org"
    assert settings.domain == "example.org"


@pytest.mark.parametrize(("wrong", "says"), [("moot.example.org:8420", "without a port"), ("https://moot.example.org", "a domain name")])
def test_a_server_that_cannot_be_one_is_refused_by_its_own_path(wrong: str, says: str) -> None:
    with pytest.raises(BadSetting, match=says) as caught:
        load(LEAST.replace("moot.example.org", wrong), folder=Path("/etc/folkmoot"))

    assert caught.value.key == "$.server"
