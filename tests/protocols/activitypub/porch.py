"""The fediverse's door over a real store, with servers it may ask and a clock moved by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from bridge.streams import Entry, Stream
from protocols.activitypub.inbox import Inbox
from protocols.activitypub.keyring import Keyring
from protocols.activitypub.request import Request
from storage import SqlStore, open_memory
from tests.protocols.activitypub.correspondents import (
    KIMS,
    SAMS,
    Library,
    face,
)
from tests.protocols.activitypub.house import Hand
from tests.protocols.activitypub.world import ME

LIMIT = 100_000
Door = TestClient[web.Request, web.Application]


class Porch:
    """An inbox, the store behind it, the servers it may ask, and a clock."""

    def __init__(self) -> None:
        self.full = False
        self.store: SqlStore = open_memory(free=lambda: (0, 100) if self.full else (100, 100))
        self.clock = Hand()
        self.library = Library(face(SAMS), face(KIMS))
        self.keyring = Keyring(self.store.keys, self.library.document, self.clock, ME)
        self.inbox = self.again()

    def again(self, **more: Any) -> Inbox:
        """An inbox over the same store, as after a restart."""
        return Inbox(ME, self.store.journal, self.store.deliveries, self.keyring, self.clock, LIMIT, self.store.directory, **more)

    def application(self, inbox: Inbox | None = None) -> web.Application:
        # Much less than the inbox's own limit, which alone counts.
        application = web.Application(client_max_size=10)
        application.add_routes((inbox or self.inbox).routes())
        return application

    async def rows(self) -> list[Entry]:
        lanes = await self.store.journal.pending(Stream.INTAKE)
        return [entry for lane in lanes for entry in await self.store.journal.read_intake(lane, 1000)]

    def forward(self, by: timedelta) -> None:
        self.clock.forward(by.total_seconds())


async def post(door: Door, request: Request) -> ClientResponse:
    """Exactly these headers, and the body."""
    skipped = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
    answer = await door.request(request.method, request.target, data=request.body, headers=list(request.headers), skip_auto_headers=skipped)
    await answer.read()
    return answer


async def said(answer: ClientResponse) -> str:
    """The one sentence of a refusal."""
    document = await answer.json()
    assert set(document) == {"error"}
    assert document["error"]
    sentence: str = document["error"]
    return sentence
