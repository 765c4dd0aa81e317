"""Proofs of another implementation hold here: what Fedify signs is read as it came over the wire, and held against the key it shows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from aiohttp import ClientSession

from protocols.activitypub.keydocument import shown_in
from protocols.activitypub.proofs import check, read_proof
from protocols.activitypub.translate.thing import decode
from protocols.activitypub.wire import ACTIVITY_STREAMS
from tests.bridge.net.conftest import connections as connections
from tests.bridge.net.conftest import street as street
from tests.bridge.net.street import Street
from tests.live.fedify_side import FedifyServer
from tests.protocols.activitypub.peers import ACTIVITY, Peer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


@pytest.fixture
async def server() -> AsyncIterator[FedifyServer]:
    async with await FedifyServer.open("sam") as opened:
        yield opened


async def test_what_fedify_proves_is_proven(street: Street, server: FedifyServer) -> None:
    """Words, numbers, dates and letters of many scripts, as its serializer writes them and its canonicalizer signs them."""
    peer = await Peer.open(street)
    ana = peer.person("ana", **{"@context": ACTIVITY_STREAMS, "outbox": f"{peer.origin}/u/ana/outbox"})
    await server.post("sam", "<p>Grüße, мир, 世界 &amp; 🌱</p>", mentions=[ana], warning="Ümlaute", language="de")
    async with asyncio.timeout(30):
        while not (posts := [request for request in peer.asked if request.method == "POST"]):
            await asyncio.sleep(0.05)
    activity = decode(posts[-1].body or b"")
    assert activity is not None
    proof = read_proof(activity.members, datetime.now(UTC))
    assert proof is not None, "Fedify signs with every Ed25519 key of an actor"
    async with ClientSession() as session, session.get(server.person("sam"), headers={"Accept": ACTIVITY}) as answer:
        actor = decode(await answer.read())
    assert actor is not None
    shown = shown_in(actor, proof.method)
    assert shown is not None
    assert shown.owner == server.person("sam")
    assert check(activity.members, proof, shown.material())
    assert not check({**activity.members, "to": []}, proof, shown.material())
