"""One signed POST per attempt, and an outcome for everything that can come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from bridge.changes import EndGhost, PutActor
from bridge.errors import Invariant, StoreDown, Unverified
from bridge.model.actor import Actor
from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB, ItemId
from bridge.model.item import Dead, Delivered, Destination, Item, Outcome, Retry, Scope, Skipped, Snooze
from bridge.model.richtext import from_plain
from bridge.refs import Wire
from protocols.activitypub.ids import native
from protocols.activitypub.keys import PublicKey, load_public_key
from protocols.activitypub.sending import inbox_of
from protocols.activitypub.signatures import read_signature, verify
from tests.bridge.net.street import Street, drip, saying
from tests.protocols.activitypub.house import House, open_house
from tests.protocols.activitypub.peers import Peer
from tests.protocols.activitypub.world import ANA_GHOST, ME, NOW, SAM, item

BODY = b'{"type":"Create","id":"https://moot.example/a/1"}'
ITEM: Item = item(Message(from_plain("hello")), "direct")
ANA = ANA_GHOST.native


@pytest.fixture
async def peer(street: Street) -> Peer:
    return await Peer.open(street)


@pytest.fixture
async def house(street: Street, peer: Peer) -> AsyncIterator[House]:
    """It may reach the peer."""
    assert peer.origin
    opened = await open_house(street)
    yield opened
    await opened.close()


async def send(house: House, url: str, *, speaker: Any = ANA, made: Item = ITEM, body: bytes = BODY) -> Outcome:
    return await house.adapter.send(Wire("POST", "", body, speaker=speaker), made, Destination(ACTIVITYPUB, url, url.split("/")[2]))


# ------------------------------------------------------------------------------------------------------------ the request


async def test_the_receiving_side_verifies_who_sent_it(house: House, peer: Peer) -> None:
    assert await send(house, f"{peer.origin}/inbox") == Delivered()
    request = peer.asked[0]
    assert (request.method, request.target, request.body) == ("POST", "/inbox", BODY)
    claimed = read_signature(request, peer.origin, house.clock.now())
    assert claimed.covered == ("(request-target)", "host", "date", "digest"), "the set that every peer accepts"
    assert claimed.key_id == f"{ANA.id}#main-key", "snac 2.94 and Lemmy refuse path-style key ids"
    key = PublicKey(claimed.key_id, ANA.id, load_public_key((await house.adapter.signers.public(ANA)).rsa))
    assert verify(claimed, key).signer == ANA.id
    changed = msgspec.structs.replace(request, body=BODY + b" ")
    with pytest.raises(Unverified):
        read_signature(changed, peer.origin, house.clock.now())


async def test_headers_are_those_that_nobody_objects_to(house: House, peer: Peer) -> None:
    await send(house, f"{peer.origin}/inbox")
    request = peer.asked[0]
    assert request.lines("content-type") == ["application/activity+json"]
    assert request.lines("digest")[0].startswith("SHA-256="), "PieFed 1.6 and Threads compare the name as text"
    assert request.lines("authorization") == [], "GoToSocial 0.20 answers 401 to it"
    assert request.lines("signature")[0].count('algorithm="rsa-sha256"') == 1


async def test_every_attempt_is_signed_anew(house: House, peer: Peer) -> None:
    """Mastodon takes a Date of five minutes ago at most, an hour's skew apart."""
    peer.inbox = (500, {})
    await send(house, f"{peer.origin}/inbox")
    house.clock.forward(7200)
    await send(house, f"{peer.origin}/inbox")
    first, second = (request.lines("date")[0] for request in peer.asked)
    assert first != second
    read_signature(peer.asked[1], peer.origin, house.clock.now())


async def test_an_inbox_with_a_query_is_tried_both_ways(house: House, peer: Peer) -> None:
    peer.inbox = (401, {})
    assert isinstance(await send(house, f"{peer.origin}/inbox?to=sam"), Retry)
    drafts = [request for request in peer.asked if not request.lines("signature-input")]
    assert len(drafts) == 2
    await send(house, f"{peer.origin}/inbox")
    assert len([request for request in peer.asked if not request.lines("signature-input")]) == 3


# ------------------------------------------------------------------------------------------------------------ the outcomes


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_yes_is_delivered(house: House, peer: Peer, status: int) -> None:
    """202 from GoToSocial, Takahe, snac and fedify; 200 from PieFed."""
    peer.inbox = (status, {})
    assert await send(house, f"{peer.origin}/inbox") == Delivered()


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 409, 413, 415, 422, 501])
async def test_what_will_never_be_taken_ends_this_item_alone(house: House, peer: Peer, status: int) -> None:
    """GoToSocial 0.20 answers 400 to a Like of something it does not have: not our fault, and never worth a retry."""
    await send(house, f"{peer.origin}/inbox")
    peer.inbox = (status, {})
    outcome = await send(house, f"{peer.origin}/inbox")
    assert isinstance(outcome, Dead)
    assert not outcome.gone
    assert f"{peer.host} answered {status}" in outcome.why
    assert len(peer.asked) == 2, "of a server that believed us before, it is about the activity"


@pytest.mark.parametrize(
    ("status", "scope"),
    [
        (408, Scope.LANE),
        (425, Scope.LANE),
        (429, Scope.HOST),
        (500, Scope.LANE),
        (502, Scope.HOST),
        (503, Scope.HOST),
        (504, Scope.HOST),
        (520, Scope.LANE),
    ],
)
async def test_come_back_later_is_a_retry_with_the_wait_they_ask_for(house: House, peer: Peer, status: int, scope: Scope) -> None:
    """PieFed 1.6 answers 500 to one activity under eight first contacts at once, and the next goes through."""
    peer.inbox = (status, {"Retry-After": "120"})
    outcome = await send(house, f"{peer.origin}/inbox")
    assert outcome == Retry(f"127.0.0.1 answered {status}", after=120.0, scope=scope)
    assert len(peer.asked) == 1, "one attempt: trying again is the courier's"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(house: House, peer: Peer, status: int) -> None:
    """Fedify CVE-2026-77632: what was signed for one address does not travel to another."""
    peer.inbox = (status, {"Location": f"{peer.origin}/elsewhere"})
    outcome = await send(house, f"{peer.origin}/inbox")
    assert isinstance(outcome, Retry)
    assert peer.paths == ["/inbox"]


async def test_a_server_that_does_not_answer_stops_all_its_lanes(house: House, street: Street) -> None:
    silent, dripping = await street.open_rude(saying(then_wait=True)), await street.open_rude(drip)
    opened = await open_house(street)
    for origin in (silent, dripping, "http://127.0.0.1:1"):
        street.origins.append(origin)
    closed = await open_house(street)
    for one, origin in ((opened, silent), (opened, dripping), (closed, "http://127.0.0.1:1")):
        outcome = await send(one, f"{origin}/inbox")
        assert isinstance(outcome, Retry)
        assert outcome.scope is Scope.HOST
    for each in (opened, closed):
        await each.close()


async def test_a_long_answer_does_not_turn_a_yes_into_a_no(house: House, street: Street) -> None:
    endless = await street.open_rude(
        saying(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nmore\r\n", then_wait=True)
    )
    opened = await open_house(street)
    assert await send(opened, f"{endless}/inbox") == Delivered()
    await opened.close()


async def test_an_address_inside_is_refused_and_never_connected(house: House, connections: list[tuple[object, ...]]) -> None:
    await house.adapter.signers.signer(ANA)
    connections.clear()
    for url in (
        "https://10.0.0.1/inbox",
        "https://169.254.169.254/inbox",
        "https://[fd00::1]/inbox",
        "http://a.example/inbox",
        "https://a.internal/inbox",
    ):
        outcome = await send(house, url)
        assert isinstance(outcome, Dead), url
        assert "may not be reached" in outcome.why
    assert connections == []


async def test_a_signature_they_do_not_believe_yet_is_tried_three_times(house: House, peer: Peer) -> None:
    """One activity that a peer will not verify must not stop what waits behind it for a week."""
    peer.inbox = (401, {})
    for _ in range(3):
        assert isinstance(await send(house, f"{peer.origin}/inbox"), Retry)
    outcome = await send(house, f"{peer.origin}/inbox")
    assert isinstance(outcome, Dead)
    assert "do not believe our signature" in outcome.why
    other = msgspec.structs.replace(ITEM, id=ItemId("another"))
    assert isinstance(await send(house, f"{peer.origin}/inbox", made=other), Retry)
    peer.inbox = (202, {})
    assert await send(house, f"{peer.origin}/inbox", made=other) == Delivered()


async def test_who_has_ended_is_not_explained_twice(house: House, peer: Peer) -> None:
    """Mastodon: a 401 after our actor was deleted will not get better."""
    peer.inbox = (401, {})
    await house.commit(EndGhost(ANA, NOW))
    outcome = await send(house, f"{peer.origin}/inbox")
    assert isinstance(outcome, Dead)
    assert "has ended" in outcome.why


async def test_410_ends_a_personal_inbox_once_its_actor_confirms_it(house: House, peer: Peer) -> None:
    url = peer.person("sam")
    found = await house.adapter.fetcher.actor(url)
    assert isinstance(found, Actor)
    peer.inbox = (410, {})
    unknown = await send(house, f"{url}/inbox")
    assert isinstance(unknown, Retry)
    assert "not known yet" in unknown.why
    await house.commit(PutActor(found, NOW))
    there = await send(house, f"{url}/inbox")
    assert isinstance(there, Retry)
    assert "still there" in there.why
    peer.serve("/u/sam", b"", status=404)
    hidden = await send(house, f"{url}/inbox")
    assert isinstance(hidden, Retry), "404 proves nothing (rule O15)"
    for status, document in ((410, b""), (200, {"id": url, "type": "Tombstone"})):
        house.clock.forward(301)
        peer.serve("/u/sam", document, status=status)
        outcome = await send(house, f"{url}/inbox")
        assert isinstance(outcome, Dead)
        assert outcome.gone


async def test_410_only_makes_a_shared_inbox_suspect(house: House, peer: Peer) -> None:
    url = peer.person("sam", endpoints={"sharedInbox": f"{peer.origin}/u/sam/inbox"})
    found = await house.adapter.fetcher.actor(url)
    assert isinstance(found, Actor)
    await house.commit(PutActor(found, NOW))
    peer.serve("/u/sam", b"", status=410)
    peer.inbox = (410, {})
    for address in (f"{url}/inbox", f"{peer.origin}/inbox"):
        assert isinstance(await send(house, address), Retry)


async def test_our_own_people_hear_it_here(house: House, connections: list[tuple[object, ...]]) -> None:
    connections.clear()
    assert isinstance(await send(house, "https://moot.example/inbox"), Skipped)
    assert connections == []


async def test_nobody_speaks_without_a_name(house: House, peer: Peer) -> None:
    with pytest.raises(Invariant, match="nobody can sign"):
        await send(house, f"{peer.origin}/inbox", speaker=None)


async def test_a_store_that_is_down_is_no_fault_of_the_peer(house: House, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(*_: object) -> None:
        raise StoreDown("the disk is gone")

    monkeypatch.setattr(house.store.keys, "private_key", down)
    outcome = await send(house, f"{peer.origin}/inbox", speaker=native("https://moot.example/u/new"))
    assert isinstance(outcome, Snooze)
    assert peer.asked == []


async def test_hundreds_of_deliveries_leave_the_loop_to_others_in_between(house: House, peer: Peer) -> None:
    """A signature takes a third of a millisecond; two hundred in a row would keep the inbox waiting for all of them."""
    worst = 0.0
    await house.adapter.signers.signer(ANA)
    sending = asyncio.gather(*(send(house, f"{peer.origin}/inbox") for _ in range(200)))
    while not sending.done():
        before = time.thread_time()  # a processor's time: the machine may be busy with something else
        await asyncio.sleep(0)
        worst = max(worst, time.thread_time() - before)
    assert set(await sending) == {Delivered()}
    assert worst < 0.04, "without turns: 200 signatures at once, 0.06 s and more"


# ---------------------------------------------------------------------------------------------------------- the addresses


def test_a_server_with_a_shared_inbox_hears_once_and_one_person_alone() -> None:
    shared = msgspec.structs.replace(SAM, shared_route="https://A.example:443/inbox")
    together, alone = inbox_of(shared, ME, alone=False), inbox_of(shared, ME, alone=True)
    assert together == Destination(ACTIVITYPUB, "https://a.example/inbox", "a.example")
    assert alone == Destination(ACTIVITYPUB, "https://a.example/u/sam/inbox", "a.example")
    assert inbox_of(SAM, ME, alone=False) == alone, "GoToSocial 0.20 has no shared inbox"


@pytest.mark.parametrize(
    ("route", "address"),
    [
        ("https://a.example/inbox#x", "https://a.example/inbox"),
        ("https://a.example/Inbox?a=B", "https://a.example/Inbox?a=B"),
        ("https://a.example", "https://a.example/"),
        ("https://moot.example/inbox", None),
        ("https://user@a.example/inbox", None),
        ("not an address", None),
        (None, None),
    ],
)
def test_an_address_is_written_in_one_way(route: str | None, address: str | None) -> None:
    found = inbox_of(msgspec.structs.replace(SAM, route=route), ME, alone=True)
    assert (found.address if found is not None else None) == address
