"""Where the operator wants it, who asks has to sign; what everybody needs to begin with stays open."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from bridge.settings import ActivityPub, Development
from bridge.web.pages import SitePages
from protocols.activitypub.cavage import sign
from protocols.activitypub.keys import Signer, load_private_key, new_rsa, public_pem
from protocols.activitypub.request import Request
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import LOOPBACK, SETTINGS, House
from tests.protocols.activitypub.peers import Peer
from tests.protocols.activitypub.world import ME

ACTIVITY = {"Accept": "application/activity+json"}
BROWSER = {"Accept": "text/html"}


@pytest.fixture
async def peer(street: Street) -> Peer:
    return await Peer.open(street)


@pytest.fixture
async def house(street: Street, peer: Peer) -> AsyncIterator[House]:
    development = Development(enabled=True, networks=LOOPBACK, origins=(peer.origin,))
    settings = msgspec.structs.replace(SETTINGS, development=development, activitypub=ActivityPub(signed_fetches=True))
    opened = House(await street.client(), settings=settings, pages=SitePages(ME.domain))
    await opened.open()
    yield opened
    await opened.close()


def signer(peer: Peer) -> Signer:
    """The instance actor of a server that may ask."""
    private = load_private_key(new_rsa())
    url = f"{peer.origin}/actor"
    key = {"id": f"{url}#main-key", "owner": url, "publicKeyPem": public_pem(private)}
    peer.serve("/actor", {"id": url, "type": "Application", "preferredUsername": "peer", "inbox": f"{url}/inbox", "publicKey": key})
    return Signer(f"{url}#main-key", private)


async def test_people_posts_and_lists_are_shown_to_those_who_sign(house: House, peer: Peer) -> None:
    known = await house.said("hello")
    asking = signer(peer)
    for path in (
        "/c/commons",
        "/u/ana",
        f"/o/{known.id}",
        f"/o/{known.id}/replies",
        f"/t/{known.id}",
        f"/a/{known.id}",
        "/c/commons/outbox",
    ):
        refused = await house.ask(path)
        assert refused.status == 401, path
        assert "sign" in await refused.text()
        assert refused.headers["WWW-Authenticate"].startswith("Signature")
        signed = sign(Request("GET", path, ME.domain), asking, house.clock.now())
        answer = await house.ask(path, {**ACTIVITY, **signed})
        assert answer.status == 200, (path, await answer.text())
        assert answer.headers["Cache-Control"] == "private, no-store", "what one is shown is not for the next"
        assert "Signature" in answer.headers["Vary"]


async def test_a_signature_for_another_address_or_by_another_key_opens_nothing(house: House, peer: Peer) -> None:
    asking = signer(peer)
    elsewhere = sign(Request("GET", "/u/ana", ME.domain), asking, house.clock.now())
    assert (await house.ask("/c/commons", {**ACTIVITY, **elsewhere})).status == 401
    forged = sign(Request("GET", "/c/commons", ME.domain), Signer(asking.id, load_private_key(new_rsa())), house.clock.now())
    assert (await house.ask("/c/commons", {**ACTIVITY, **forged})).status == 401


async def test_what_everybody_begins_with_stays_open(house: House) -> None:
    for path in ("/", "/actor", "/.well-known/webfinger?resource=acct:commons@moot.example", "/nodeinfo/2.1", "/.well-known/host-meta"):
        assert (await house.ask(path)).status == 200, path
    known = await house.said("hello")
    for path in ("/@commons", f"/o/{known.id}", f"/t/{known.id}"):
        assert (await house.ask(path, BROWSER)).status == 200, path


async def test_a_key_that_cannot_be_had_just_now_is_no_refusal(house: House, peer: Peer) -> None:
    asking = signer(peer)
    peer.documents["/actor"] = (503, b"", {})
    signed = sign(Request("GET", "/c/commons", ME.domain), asking, house.clock.now())
    answer = await house.ask("/c/commons", {**ACTIVITY, **signed})
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0
