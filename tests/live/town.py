"""A whole town for the conversation tests: a real homeserver, one node, two foreign fediverse servers, foreign clients on both sides."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final, Self

from bridge.homeserver import Homeserver
from tests.live.fedify_side import CAVAGE, FedifyServer, Shown
from tests.live.goldens import NEIGHBOUR, NODE
from tests.live.node import FolkmootNode
from tests.live.programs import Json, MatrixProgram

MEMBERS: Final = ("ana", "bo")
"""On Matrix, and their words cross."""

SILENT: Final = "eli"
"""On Matrix too, and never asked for anything."""

BOT: Final = "@moot:hs.test"


class Town:
    """`near` is sam's and kim's server, `far` lea's: it signs the old way and shows nothing to those who do not sign.

    sam and lea follow the group and were let in; kim does neither. Bound to no event loop.
    """

    def __init__(self, homeserver: Homeserver, node: FolkmootNode, near: FedifyServer, far: FedifyServer, matrix: MatrixProgram) -> None:
        self.homeserver = homeserver
        self.node = node
        self.near = near
        self.far = far
        self.matrix = matrix
        self.room = ""
        self.group = ""
        self.talks: dict[str, str] = {}
        """Where the bot talks with each member."""
        self.hosts = {node.settings.domain: NODE, near.host: NEIGHBOUR}
        """What `goldens.leveled` has to know."""

    @classmethod
    async def build(cls, folder: Path) -> Self:
        """Starts everything, links the room, performs each yes; half a minute."""
        homeserver = Homeserver(folder / "synapse")
        near = await FedifyServer.open("sam", "kim")
        far = await FedifyServer.open("lea", secure=True, first_knock=CAVAGE)
        peers = [near.origin, far.origin]
        node = await asyncio.to_thread(FolkmootNode.found, folder / "node", homeserver=homeserver, peers=peers)
        town = cls(homeserver, node, near, far, await MatrixProgram.open())
        try:
            await homeserver.start()
            await node.start()
            await town._settle()
        except BaseException:
            town.stop()
            raise
        return town

    def stop(self) -> None:
        self.node.kill()
        for program in (self.near, self.far, self.matrix):
            program.stop()
        self.homeserver.kill()

    async def _settle(self) -> None:
        for name in (*MEMBERS, SILENT):
            await self.homeserver.register(name)
            await self.matrix.login(name, self.homeserver.url)
            await self.matrix.ask("set_profile", account=name, display=name.title())
        open_to_all = [{"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}]
        options = {"preset": "public_chat", "name": "Commons", "initial_state": open_to_all}
        self.room = await self.matrix.ask("create", account=MEMBERS[0], options=options)
        for name in (*MEMBERS[1:], SILENT):
            await self.matrix.ask("join", account=name, room=self.room)
        async with self.node.operations() as operations:
            await operations.community_create(handle="commons", name="The Commons")
            await operations.community_link(handle="commons", place=self.room)
        self.group = str((await self.near.lookup(self.node.handle("commons")))["id"])
        for name in MEMBERS:
            await self.opt_in(name)
        await self.let_in(self.near, "sam")
        await self.let_in(self.far, "lea")

    async def opt_in(self, name: str) -> None:
        """Says it where everybody hears it, and waits for the answer that nobody else gets."""
        await self.matrix.ask("send", account=name, room=self.room, body="!cross on")
        talk = self.talks[name] = (await self.matrix.ask("until_invited", account=name))["room"]
        await self.matrix.ask("join", account=name, room=talk)
        await self.matrix.ask("until", account=name, room=talk, sender=BOT, contains="Your words now cross")

    async def let_in(self, server: FedifyServer, name: str) -> None:
        """Follows, writes once, is held, and released by a person."""
        await server.follow(name, self.node.handle("commons"))
        post = await server.post(name, f"<p>I am {name}.</p>", group=self.group)
        async with self.node.operations() as operations:
            hold = None
            while hold is None:
                waiting = await operations.holds(limit=10, community="commons")
                hold = next((line for line in waiting if line.author.id == server.person(name)), None)
            await operations.release(id=hold.event_id)
        await self.seen(server, post)

    # ------------------------------------------------------------------------------------------------------ what people do and see

    async def say(self, name: str, body: str, **more: Json) -> str:
        """Somebody writes in the room; returns the event's id."""
        return str(await self.matrix.ask("send", account=name, room=self.room, body=body, **more))

    async def send(self, name: str, kind: str, content: Json) -> str:
        return str(await self.matrix.ask("send_event", account=name, room=self.room, type=kind, content=content))

    async def until(self, **wanted: Json) -> Shown:
        """What ana's client shows, once it shows something like that."""
        found = await self.matrix.ask("until", account=MEMBERS[0], room=self.room, **wanted)
        return dict(found[0])

    async def seen(self, server: FedifyServer, post: str, **wanted: Json) -> Shown:
        """The copy of somebody's post in the room."""
        user, _, number = post.removeprefix(f"{server.origin}/users/").partition("/posts/")
        return await self.until(external=f"{server.origin}/@{user}/{number}", **wanted)

    async def actor(self, name: str) -> str:
        """The actor id of a member."""
        found = await self.near.lookup(self.node.handle(f"{name}_hs.test"))
        return str(found["id"])

    def ghost(self, server: FedifyServer, name: str) -> str:
        """The Matrix account that stands for somebody."""
        return f"@_moot_{name}=40{server.host.replace(':', '=3a')}:hs.test"

    async def raw(self, event: str) -> dict[str, Any]:
        """One event as the homeserver has it."""
        events = await self.matrix.ask("messages", account=MEMBERS[0], room=self.room)
        return dict(next(one for one in events if one["event_id"] == event))
