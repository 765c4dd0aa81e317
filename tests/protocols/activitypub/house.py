"""A node on loopback with a real store and the real client: Ana said yes and spoke, Eli did not, Sam and others live elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from bridge.changes import Change, PutChannel, PutCommunity, PutCopy, PutGhost, PutObject
from bridge.model.actor import Actor, Ghost
from bridge.model.audience import Audience
from bridge.model.content import Message, Reaction, tag_of
from bridge.model.event import Event, object_of
from bridge.model.ids import ACTIVITYPUB, MATRIX, Native, ObjectId
from bridge.model.record import KnownObject
from bridge.model.richtext import from_plain
from bridge.net.client import Client
from bridge.ports import Pages
from bridge.refs import Need, Refs
from bridge.relay.loading import Loader
from bridge.settings import ActivityPub, Development, Matrix, Settings
from protocols.activitypub.adapter import ActivityPubAdapter
from protocols.activitypub.ids import native, object_url
from storage import SqlStore, open_memory
from tests.bridge.net.street import LOOPBACK, Street
from tests.protocols.activitypub.world import ANA, ANA_GHOST, CHANNEL, COMMUNITY, GROUP, GROUP_GHOST, ME, NOW, ROOM, item

ACTIVITY = {"Accept": "application/activity+json"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SETTINGS = Settings(
    domain=ME.domain,
    data_dir="unused",
    matrix=Matrix(homeserver="http://127.0.0.1:1", server_name="hs.test"),
    activitypub=ActivityPub(contact="mailto:ops@moot.example"),
)


class Hand:
    """A clock moved by hand; sleeping moves it."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)


class House:
    """One node. `asked` is everything that documents wanted from the store, `ask` a request to the public address."""

    def __init__(self, client: Client, *, settings: Settings = SETTINGS, pages: Pages | None = None) -> None:
        self.store: SqlStore = open_memory()
        self.clock = Hand()
        self.me = ME
        self._client = client
        self._settings = settings
        self._pages = pages
        self.adapter = self.again()
        self.loader = Loader(self.store, {ACTIVITYPUB: self.adapter}, self.clock)
        self.asked: list[Need] = []
        self.web = TestClient(TestServer(self.adapter.application()))

    def again(self) -> ActivityPubAdapter:
        """An adapter over the same store, as after a restart."""
        return ActivityPubAdapter(
            self.me,
            self._settings,
            store=self.store,
            clock=self.clock,
            client=self._client,
            fill=self._fill,
            pages=self._pages,
            version="0.1.0",
        )

    async def _fill(self, refs: Refs, needs: Any) -> None:
        self.asked += needs
        await self.loader.fill(refs, needs, ACTIVITYPUB, outside=False)

    async def open(self) -> None:
        await self.web.start_server()
        await self.commit(PutCommunity(COMMUNITY), PutChannel(CHANNEL), PutGhost(GROUP_GHOST), PutGhost(ANA_GHOST))
        await self.adapter.start()

    async def close(self) -> None:
        await self.web.close()
        await self.adapter.stop()
        await self.store.close()

    async def commit(self, *changes: Change) -> None:
        await self.store.journal.commit(changes)

    async def ask(self, url: str, headers: Mapping[str, str] = ACTIVITY, *, method: str = "GET") -> ClientResponse:
        """One request, redirects not followed; `url` may be one of ours in full."""
        answer = await self.web.request(method, url.removeprefix(self.me.origin), headers=dict(headers), allow_redirects=False)
        await answer.read()
        return answer

    async def document(self, url: str) -> dict[str, Any]:
        answer = await self.ask(url)
        assert answer.status == 200, (answer.status, await answer.text())
        assert answer.headers["Content-Type"] == "application/activity+json"
        found: dict[str, Any] = msgspec.json.decode(await answer.read())
        return found

    # -------------------------------------------------------------------------------------------------- what was said

    async def said(
        self, text: str = "hello", author: Actor = ANA, *, name: str = "$new", audience: Audience = Audience.PUBLIC, **more: Any
    ) -> KnownObject:
        """Words that crossed, as the relay keeps them. From Sam they were born on the fediverse."""
        where = native(f"https://a.example/o/{name}") if author.native.protocol == ACTIVITYPUB else Native(MATRIX, name)
        made = item(Message(from_plain(text), **more), "wrap", author, where=where, audience=audience)
        return await self.crossed(made.event)

    async def signed(self, target: KnownObject, key: str = "🌱", author: Actor = ANA, *, name: str = "$sign") -> KnownObject:
        """A reaction that crossed."""
        where = native(f"https://a.example/o/{name}") if author.native.protocol == ACTIVITYPUB else Native(MATRIX, name)
        made = item(Reaction(target.id, key), "wrap", author, where=where)
        return await self.crossed(made.event)

    async def crossed(self, event: Event) -> KnownObject:
        content = event.content
        known = KnownObject(
            id=ObjectId(event.id),
            community=COMMUNITY.id,
            channel=CHANNEL.id,
            native=event.provenance.native,
            place=event.place,
            author=event.author.native,
            kind=tag_of(content),
            audience=event.audience,
            thread=content.thread if isinstance(content, Message) else None,
            reply_to=content.reply_to if isinstance(content, Message) else object_of(event),
            crossed_at=self.clock.now(),
            updated_at=event.at,
        )
        changes: list[Change] = [PutObject(known, event)]
        if event.place == ROOM:
            changes.append(PutCopy(known.id, GROUP, object_url(self.me, known.id)))
        await self.commit(*changes)
        return known

    async def changed(self, known: KnownObject, text: str, *, after: float = 60) -> None:
        """Its words are others now, as the relay keeps an edit."""
        current = await self.store.objects.current(known.id)
        assert current is not None
        message = current.content
        assert isinstance(message, Message)
        form = msgspec.structs.replace(current, content=msgspec.structs.replace(message, text=from_plain(text)))
        await self.commit(PutObject(msgspec.structs.replace(known, updated_at=current.at + timedelta(seconds=after)), form))


async def open_house(street: Street, *, pages: Pages | None = None) -> House:
    """With a client that may reach the peers opened so far."""
    development = Development(enabled=True, networks=LOOPBACK, origins=tuple(street.origins))
    house = House(await street.client(), settings=msgspec.structs.replace(SETTINGS, development=development), pages=pages)
    await house.open()
    return house


def ghost_for(of: Native, handle: str, tail: str, **more: Any) -> Ghost:
    return msgspec.structs.replace(ANA_GHOST, native=native(f"https://moot.example/u/{tail}"), of=of, handle=handle, **more)
