"""One community for a live test: a real homeserver, a node in a process of its own, and a room whose people talk with servers elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import msgspec

from bridge.demonstration.matrixpeople import MatrixPerson
from bridge.homeserver import Homeserver
from bridge.operations import HoldLine
from bridge.settings import ActivityPub, Settings, Storage
from tests.live.entrance import Entrance
from tests.live.fediverse import FediversePerson, FediverseServer
from tests.live.node import FolkmootNode

__all__ = ["HANDLE", "Commons", "Member", "hasty"]

HANDLE: Final = "commons"
PATIENCE: Final = 120.0
"""Seconds that a client tries again for, while its homeserver is away."""


class Member(MatrixPerson):
    """Somebody in the room, whose client tries again until the homeserver has answered: with the same transaction id, so it is one event."""

    async def _ask(self, method: str, path: str, body: object, query: dict[str, str] | None = None) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await super()._ask(method, path, body, query)
            except (aiohttp.ClientError, TimeoutError):
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.1)

    async def send(self, room: str, kind: str, content: dict[str, Any]) -> str:
        """Any event; its id."""
        return await self._send(room, kind, content)

    async def redact(self, room: str, event: str, reason: str) -> None:
        """Take back anybody's words, as far as one's power in the room goes."""
        await self._ask("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/{self._transaction()}", {"reason": reason})

    async def empower(self, room: str, user: str, level: int = 50) -> None:
        """Let somebody take back what others said, and send people out."""
        path = f"/rooms/{quote(room)}/state/m.room.power_levels"
        now = await self._ask("GET", path, None)
        await self._ask("PUT", path, {**now, "users": {**now.get("users", {}), user: level}})

    async def upload(self, body: bytes, media_type: str) -> str:
        """A file for the homeserver; its `mxc://` address."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": media_type}
        async with self._session.post(f"{self._url}/_matrix/media/v3/upload", data=body, headers=headers) as answer:
            return str((await answer.json())["content_uri"])

    def talk(self, bot: str) -> str:
        """Where the bot talks with this person alone."""
        return next(room for room, known in self._rooms.items() if known.names and set(known.names) <= {bot, self.id})

    async def people(self, room: str) -> list[str]:
        """Everybody who is in the room."""
        return list((await self._ask("GET", f"/rooms/{room}/joined_members", None))["joined"])

    async def history(self, room: str) -> list[dict[str, Any]]:
        """Everything in the room, oldest first, as the homeserver gives it now."""
        found: list[dict[str, Any]] = []
        mark: dict[str, str] = {}
        while True:
            page = await self._ask("GET", f"/rooms/{room}/messages", None, {"dir": "b", "limit": "500", **mark})
            found += page["chunk"]
            if not page["chunk"] or "end" not in page:
                return found[::-1]
            mark = {"from": page["end"]}


class Commons:
    """`async with Commons(folder, [far]) as commons`: everything runs, the room is linked, nobody has said yes to anything yet.

    Words do not wait before they cross, and a server that does not answer is asked again after a fifth of a second. `steward` made the
    room and stays silent.
    """

    def __init__(
        self,
        folder: Path,
        servers: Sequence[FediverseServer],
        *,
        peers: Sequence[str] = (),
        port: int = 0,
        database: str = "",
        roles: Sequence[str] = ("all",),
        change: Callable[[Settings], Settings] = lambda settings: settings,
    ) -> None:
        """`peers`: further origins that the node may meet; `port`: of the node, 0 for a free one. `database`: the address of a PostgreSQL
        database, where the node may be several processes, one for each of `roles`. `change` sees the settings last."""
        self.homeserver = Homeserver(folder / "synapse")
        self.node: FolkmootNode
        self._folder = folder
        self.bot = f"@moot:{self.homeserver.name}"
        self.room = ""
        self.group = ""
        self._ending = contextlib.AsyncExitStack()
        self._servers = servers
        self._peers = peers
        self._port = port
        self._database = database
        self._roles = roles
        self._change = change

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException as error:
            await self._ending.__aexit__(type(error), error, error.__traceback__)
            raise
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._ending.__aexit__(*error)

    async def _begin(self) -> None:
        peers = [*(server.origin for server in self._servers), *self._peers]
        self.node = await asyncio.to_thread(
            FolkmootNode.found,
            self._folder / "node",
            homeserver=self.homeserver,
            peers=peers,
            port=self._port,
            change=lambda settings: self._change(hasty(settings, self._database)),
            roles=self._roles,
        )
        for entrance in _entrances(self.node):
            await self._ending.enter_async_context(entrance)
        await self._ending.enter_async_context(self.homeserver)
        self._session = await self._ending.enter_async_context(aiohttp.ClientSession())
        await self._ending.enter_async_context(self.node)
        self.steward = await self.person("steward", "Steward")
        self.room = await self.steward.open_room(HANDLE, "The Commons")
        async with self.node.operations() as operations:
            await operations.community_create(handle=HANDLE, name="The Commons")
            await operations.community_link(handle=HANDLE, place=self.room)
        if self._servers:
            self.group = await self._servers[0].find(self.node.handle(HANDLE))

    async def person(self, name: str, called: str) -> Member:
        """A new account, in the room once there is one."""
        person = Member(self._session, self.homeserver.url, await self.homeserver.register(name), called)
        await person.begin()
        self._ending.push_async_callback(person.end)
        if self.room:
            await person.join(self.room)
        return person

    async def member(self, name: str, called: str) -> Member:
        """A new account in the room, whose words cross from now on."""
        person = await self.person(name, called)
        await person.say(self.room, "!cross on")
        await person.until(lambda: [words for words in person.told_by(self.bot) if f"@{self.node.settings.domain}" in words], 30)
        return person

    async def reader(self, server: FediverseServer, name: str) -> FediversePerson:
        """Somebody on another server who follows the group."""
        person = server.person(name)
        await person.follow(self.group)
        return person

    async def neighbour(self, server: FediverseServer, name: str) -> FediversePerson:
        """A reader who was let in: what they write from now on crosses at once."""
        person = await self.reader(server, name)
        greeting = f"{name} says hello"
        await person.say(self.group, greeting)
        await self.release(await self.held(person))
        await self.steward.until(lambda: any(post.text == greeting for post in self.steward.posts(self.room)), 30)
        return person

    async def held(self, person: FediversePerson, seconds: float = 30.0) -> HoldLine:
        """What of theirs waits to be looked at."""
        async with asyncio.timeout(seconds), self.node.operations() as operations:
            while True:
                for line in await operations.holds(limit=100, community=HANDLE):
                    if line.author.id == person.id:
                        return line
                await asyncio.sleep(0.05)

    async def release(self, line: HoldLine) -> None:
        async with self.node.operations() as operations:
            await operations.release(id=line.event_id)


def hasty(settings: Settings, database: str = "") -> Settings:
    chosen = {"activitypub": ActivityPub(first_retry=0.2, longest_retry=2.0), "storage": Storage(url=database)}
    return msgspec.structs.replace(settings, **chosen)


def _entrances(node: FolkmootNode) -> list[Entrance]:
    """One for the public, one for the homeserver, where the doors are several."""
    doors = [process.settings for process in node.processes if process.has_doors]
    if len(doors) == 1:
        return []
    ways: list[Callable[[Settings], int]] = [lambda of: of.listen.port, lambda of: of.matrix.listen.port if of.matrix is not None else 0]
    return [Entrance(way(node.settings), [way(door) for door in doors]) for way in ways]
