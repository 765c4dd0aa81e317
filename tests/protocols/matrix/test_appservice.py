"""The homeserver's door, over a real socket and a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from bridge.changes import PutGhost
from bridge.metrics import Metrics
from bridge.streams import Stream
from protocols.matrix.appservice import Appservice, intake_of, key_of
from storage import SqlStore, open_memory
from storage.hints import WallClock
from tests.protocols.matrix.world import ME, ROOM, SAM_GHOST, matrix_event, text

TOKEN = "the homeserver's token"
AUTHORISED = {"Authorization": f"Bearer {TOKEN}"}
Door = TestClient[Request, Application]
LIMIT = 200_000


class Host:
    """A door, the store behind it, and what it suspected."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.suspicions: list[str] = []
        self.invitations = 0
        self.asked: list[tuple[tuple[str, ...], bool]] = []
        self.calm = asyncio.Event()
        self.metrics = Metrics()
        self.calm.set()
        self.door = Appservice(
            ME,
            TOKEN,
            store.journal,
            store.directory,
            WallClock(),
            suspect=self.suspicions.append,
            settled=self.settled,
            invited=self.invite,
            most_body=LIMIT,
            metrics=self.metrics,
        )

    async def settled(self, rooms: Collection[str], *, again: bool) -> None:
        self.asked.append((tuple(rooms), again))
        await self.calm.wait()

    def invite(self) -> None:
        self.invitations += 1

    async def rows(self) -> list[dict[str, Any]]:
        entries = await self.store.journal.read_intake(ROOM.id, 1000)
        return [msgspec.json.decode(entry.intake.body) for entry in entries]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    store = open_memory()
    yield Host(store)
    await store.close()


@pytest.fixture
async def door(host: Host) -> AsyncIterator[Door]:
    async with TestClient(TestServer(host.door.application())) as client:
        yield client


async def put(door: Door, transaction: str, *events: dict[str, Any], **more: Any) -> ClientResponse:
    body = msgspec.json.encode({"events": list(events), **more})
    return await door.put(f"/_matrix/app/v1/transactions/{transaction}", data=body, headers=AUTHORISED)


async def test_a_transaction_is_durable_before_it_is_answered(host: Host, door: Door) -> None:
    answer = await put(door, "1", matrix_event(event_id="$a"), matrix_event(event_id="$b", content=text("second")))
    assert (answer.status, await answer.json()) == (200, {})
    assert [row["event_id"] for row in await host.rows()] == ["$a", "$b"]
    entry = (await host.store.journal.read_intake(ROOM.id, 1))[0].intake
    assert (entry.key, entry.lane, entry.signer) == (key_of(ME.secret, "$a"), ROOM.id, None)


async def test_an_event_that_comes_twice_is_one_row(host: Host, door: Door) -> None:
    """Findings F2 and F3: late repeats, and transaction numbers that begin again at 1, with new events under old numbers."""
    await put(door, "7", matrix_event(event_id="$a"))
    await put(door, "7", matrix_event(event_id="$a"))
    await put(door, "1", matrix_event(event_id="$b"))
    await put(door, "7", matrix_event(event_id="$c"), matrix_event(event_id="$a"))
    assert [row["event_id"] for row in await host.rows()] == ["$a", "$b", "$c"]
    assert len(host.suspicions) == 1


async def test_new_events_wait_until_lost_ones_are_found(host: Host, door: Door) -> None:
    host.calm.clear()
    waiting = asyncio.create_task(put(door, "1", matrix_event(event_id="$later")))
    await asyncio.wait({waiting}, timeout=0.05)
    assert not waiting.done()
    assert await host.rows() == []
    body = msgspec.json.encode(matrix_event(event_id="$lost"))
    await host.store.journal.accept([intake_of(ME, body, WallClock())])
    host.calm.set()
    assert (await waiting).status == 200
    assert [row["event_id"] for row in await host.rows()] == ["$lost", "$later"]


async def test_typing_and_receipts_are_left_aside(host: Host, door: Door) -> None:
    answer = await put(door, "1", ephemeral=[{"type": "m.typing", "room_id": ROOM.id, "content": {"user_ids": ["@ana:hs.test"]}}])
    assert answer.status == 200
    assert await host.store.journal.pending(Stream.INTAKE) == ()


async def test_an_invitation_to_talk_is_looked_at_soon(host: Host, door: Door) -> None:
    await put(door, "1", matrix_event())
    assert host.invitations == 0
    await put(door, "2", matrix_event("m.room.member", {"membership": "invite", "is_direct": True}, state_key=ME.bot, event_id="$i"))
    assert host.invitations == 1


async def test_an_event_without_an_id_does_not_hold_up_the_others(host: Host, door: Door) -> None:
    """A 500 would make the homeserver repeat the whole transaction for ever, for all rooms."""
    broken = {key: value for key, value in matrix_event().items() if key != "event_id"}
    answer = await put(door, "1", broken, matrix_event(event_id="$a"), {"event_id": "", "room_id": ""}, {"event_id": 5})
    assert answer.status == 200
    assert [row["event_id"] for row in await host.rows()] == ["$a"]


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        (b"{", "M_NOT_JSON"),
        (b"", "M_NOT_JSON"),
        (b'{"events":' + b"[" * 50_000 + b"]" * 50_000 + b"}", "M_NOT_JSON"),
        (b'{"events":{}}', "M_BAD_JSON"),
        (b"[]", "M_BAD_JSON"),
    ],
    ids=["cut", "empty", "deep", "object", "list"],
)
async def test_what_is_no_transaction_is_answered_400_and_stored_nowhere(host: Host, door: Door, body: bytes, errcode: str) -> None:
    answer = await door.put("/_matrix/app/v1/transactions/1", data=body, headers=AUTHORISED)
    assert (answer.status, (await answer.json())["errcode"]) == (400, errcode)
    assert await host.store.journal.pending(Stream.INTAKE) == ()


async def test_a_transaction_over_the_limit_is_answered_413(host: Host, door: Door) -> None:
    answer = await put(door, "1", matrix_event(content=text("x" * LIMIT)))
    assert (answer.status, (await answer.json())["errcode"]) == (413, "M_TOO_LARGE")
    assert await host.store.journal.pending(Stream.INTAKE) == ()


async def test_a_full_disk_is_answered_come_back_later() -> None:
    free = 0
    store = open_memory(free=lambda: (free, 100))
    host = Host(store)
    async with TestClient(TestServer(host.door.application())) as door:
        answer = await put(door, "1", matrix_event())
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert host.suspicions == []
        free = 100
        assert (await put(door, "1", matrix_event())).status == 200
        assert len(host.suspicions) == 1, "it had to retry, so it may have left something behind"
        await put(door, "2", matrix_event(event_id="$b"))
        assert len(host.suspicions) == 1
    await store.close()


# ------------------------------------------------------------------------------------------------------------ trap S13

ENDPOINTS = [
    ("PUT", "/_matrix/app/v1/transactions/1"),
    ("POST", "/_matrix/app/v1/ping"),
    ("GET", "/_matrix/app/v1/users/@moot:hs.test"),
    ("GET", "/_matrix/app/v1/rooms/%23_moot_x:hs.test"),
    ("GET", "/_matrix/app/v1/thirdparty/protocol/activitypub"),
    ("GET", "/anything"),
]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint[1])
@pytest.mark.parametrize(
    ("given", "status"),
    [
        ((None, None), 401),
        (("", None), 401),
        (("Bearer", None), 401),
        (("Basic dXNlcjpwYXNz", None), 401),
        ((None, TOKEN), 401),
        (("Bearer wrong", None), 403),
        ((f"Bearer {TOKEN[:-1]}", None), 403),
        ((f"Bearer {TOKEN}x", None), 403),
        ((f"Bearer {TOKEN} ", "wrong"), 403),
        (("Bearer wrong", TOKEN), 403),
        (("Bearer wrong", "wrong"), 403),
        (("Bearer tökén", None), 403),
        ((f"Bearer {TOKEN}", "wrong"), 403),
    ],
)
async def test_nobody_but_the_homeserver_is_let_in(
    host: Host, door: Door, endpoint: tuple[str, str], given: tuple[str | None, str | None], status: int
) -> None:
    (method, path), (header, query) = endpoint, given
    answer = await door.request(
        method,
        path,
        data=msgspec.json.encode({"events": [matrix_event()]}),
        headers={} if header is None else {"Authorization": header},
        params={} if query is None else {"access_token": query},
    )
    assert answer.status == status
    assert (await answer.json())["errcode"] in {"M_UNAUTHORIZED", "M_FORBIDDEN"}
    assert await host.store.journal.pending(Stream.INTAKE) == ()


async def test_a_token_given_twice_alike_is_accepted(door: Door) -> None:
    answer = await door.put("/_matrix/app/v1/transactions/1", data=b"{}", headers=AUTHORISED, params={"access_token": TOKEN})
    assert answer.status == 200


async def test_paths_of_old_and_of_no_specification_are_404(door: Door) -> None:
    for path in ("/transactions/1", "/users/@moot:hs.test", "/rooms/x", "/_matrix/app/unstable/thirdparty/protocol/x"):
        answer = await door.request("PUT" if "transactions" in path else "GET", path, headers=AUTHORISED)
        assert (answer.status, (await answer.json())["errcode"]) == (404, "M_UNRECOGNIZED")
    answer = await door.post("/_matrix/app/v1/transactions/1", headers=AUTHORISED)
    assert (answer.status, (await answer.json())["errcode"]) == (405, "M_UNRECOGNIZED")


# ------------------------------------------------------------------------------------------------------------ queries


async def test_a_ping_is_answered(door: Door) -> None:
    answer = await door.post("/_matrix/app/v1/ping", data=b'{"transaction_id":"x"}', headers=AUTHORISED)
    assert (answer.status, await answer.json()) == (200, {})


async def test_accounts_are_known_from_the_store_alone(host: Host, door: Door) -> None:
    async def status(user: str) -> int:
        return (await door.get(f"/_matrix/app/v1/users/{user}", headers=AUTHORISED)).status

    assert await status(ME.bot) == 200
    assert await status(SAM_GHOST.native.id) == 404
    await host.store.journal.commit([PutGhost(SAM_GHOST)])
    assert await status(SAM_GHOST.native.id) == 200
    assert await status("@ana:hs.test") == 404
    assert await status("@_moot_nobody=40a.example:hs.test") == 404


async def test_no_room_comes_to_be_by_asking(door: Door) -> None:
    assert (await door.get("/_matrix/app/v1/rooms/%23_moot_x:hs.test", headers=AUTHORISED)).status == 404
    assert (await door.get("/_matrix/app/v1/thirdparty/protocol/activitypub", headers=AUTHORISED)).status == 404


async def test_what_comes_and_whether_it_came_before_is_told_before_it_is_taken(host: Host, door: Door) -> None:
    await put(door, "1", matrix_event(event_id="$a"), matrix_event(event_id="$b", room_id="!other"))
    await put(door, "1", matrix_event(event_id="$a"))
    await put(door, "2", matrix_event(event_id="$a"), matrix_event(event_id="$c"))
    assert host.asked == [((ROOM.id, "!other"), False), ((ROOM.id,), True), ((ROOM.id,), False)]


async def test_the_operator_sees_what_the_homeserver_pushed(host: Host, door: Door) -> None:
    await put(door, "1", matrix_event(event_id="$a"))
    await put(door, "1", matrix_event(event_id="$a"))
    await door.put("/_matrix/app/v1/transactions/2", data=b"{}", headers={"Authorization": "Bearer somebody else's"})
    await door.put("/_matrix/app/v1/transactions/3", data=b"[", headers=AUTHORISED)

    def count(outcome: str, code: str = "none") -> float | None:
        return host.metrics.registry.get_sample_value("folkmoot_intake_total", {"protocol": "matrix", "outcome": outcome, "code": code})

    assert (count("accepted"), count("repeated")) == (1, 1)
    assert (count("refused", "forbidden"), count("refused", "malformed")) == (1, 1)
    assert host.metrics.registry.get_sample_value("folkmoot_intake_seconds_count", {"protocol": "matrix"}) == 4
