"""People with a browser see what the fediverse is shown, and are led home to follow it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientResponse

from bridge.changes import EndGhost, PutActor
from bridge.model.audience import Audience
from bridge.web.pages import SitePages
from protocols.activitypub.remotefollow import AT_ONCE, REMEMBERED_FOR, RemoteFollow
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import House, open_house
from tests.protocols.activitypub.peers import Peer
from tests.protocols.activitypub.world import ANA_GHOST, GROUP, ME, NOW, SAM

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
SUBSCRIBE = "http://ostatus.org/schema/1.0/subscribe"


@pytest.fixture
async def peer(street: Street) -> Peer:
    return await Peer.open(street)


@pytest.fixture
async def house(street: Street, peer: Peer) -> AsyncIterator[House]:
    """With pages, and it may reach the peer."""
    assert peer.origin
    opened = await open_house(street, pages=SitePages(ME.domain))
    yield opened
    await opened.close()


async def test_a_conversation_is_a_page_and_a_collection_at_one_address(house: House) -> None:
    root = await house.said("who has a torque wrench?")
    await house.commit(PutActor(SAM, NOW))
    answer = await house.said("words of Sam's", SAM, name="answer", reply_to=root.id, thread=root.id)
    await house.said("thanks!", name="$thanks", reply_to=answer.id, thread=root.id)
    page = await house.ask(f"/t/{root.id}", BROWSER)
    text = await page.text()
    assert (page.status, page.headers["Link"]) == (
        200,
        f'<https://moot.example/t/{root.id}>; rel="alternate"; type="application/activity+json"',
    )
    assert text.index("who has a torque wrench?") < text.index("@sam@a.example") < text.index("thanks!")
    assert answer.native.id in text
    assert "words of Sam" not in text, "those are shown by a.example alone"
    assert (await house.document(f"https://moot.example/t/{root.id}"))["totalItems"] == 3
    assert (await house.ask("/t/nothing", BROWSER)).status == 404


async def test_a_post_leads_to_its_conversation(house: House) -> None:
    root = await house.said("who has a torque wrench?")
    answer = await house.said("I do", name="$answer", reply_to=root.id, thread=root.id)
    assert f"https://moot.example/t/{root.id}" in await (await house.ask(f"/o/{answer.id}", BROWSER)).text()


async def test_a_community_shows_what_was_begun_in_the_open(house: House) -> None:
    root = await house.said("who has a torque wrench?")
    await house.said("an answer to it", name="$answer", reply_to=root.id, thread=root.id)
    await house.said("said quietly", name="$quiet", audience=Audience.UNLISTED)
    await house.said("said among ourselves", name="$closer", audience=Audience.COMMUNITY)
    text = await (await house.ask("/@commons", BROWSER)).text()
    assert f'<a href="https://moot.example/t/{root.id}">who has a torque wrench?</a>' in text
    assert not [words for words in ("an answer", "quietly", "ourselves") if words in text]
    await house.commit(EndGhost(ANA_GHOST.native, NOW))
    assert "torque" not in await (await house.ask("/@commons", BROWSER)).text()


async def test_only_pages_with_a_form_may_send_one_and_only_to_us(house: House) -> None:
    root = await house.said("hello")
    forms = {path: (await house.ask(path, BROWSER)).headers["Content-Security-Policy"] for path in ("/@commons", f"/t/{root.id}")}
    assert "form-action 'self'" in forms["/@commons"]
    assert "form-action 'none'" in forms[f"/t/{root.id}"]


# ----------------------------------------------------------------------------------------------------------- remote follow


async def follow(house: House, account: str, name: str = "commons") -> ClientResponse:
    answer = await house.web.post("/follow", data={"account": account, "name": name}, allow_redirects=False)
    await answer.read()
    return answer


def subscribes(peer: Peer, rel: str = SUBSCRIBE, template: str = "/authorize?uri={uri}") -> None:
    jrd = {"subject": f"acct:sam@{peer.host}", "links": [{"rel": rel, "template": f"{peer.origin}{template}"}]}
    peer.serve(f"/.well-known/webfinger?resource=acct:sam@{peer.host}", jrd, kind="application/jrd+json")


@pytest.mark.parametrize(
    ("rel", "template"), [(SUBSCRIBE, "/authorize?uri={uri}"), ("https://w3id.org/fep/3b86/Follow", "/authorize?uri={object}")]
)
async def test_whoever_has_an_account_elsewhere_is_led_there(house: House, peer: Peer, rel: str, template: str) -> None:
    subscribes(peer, rel, template)
    answer = await follow(house, f"@Sam@{peer.host}")
    text = await answer.text()
    assert answer.status == 200, "a page that says where it leads, and no redirect to where somebody else chose"
    assert f'href="{peer.origin}/authorize?uri=https%3A%2F%2Fmoot.example%2Fc%2Fcommons"' in text
    assert f"Go on at {peer.host}" in text
    assert GROUP.id == "https://moot.example/c/commons"


async def test_a_server_is_asked_once_for_many_who_press_the_button(house: House, peer: Peer) -> None:
    subscribes(peer)
    for _ in range(3):
        await follow(house, f"sam@{peer.host}")
    assert len(peer.asked) == 1
    house.clock.forward(REMEMBERED_FOR.total_seconds())
    await follow(house, f"sam@{peer.host}")
    assert len(peer.asked) == 2


@pytest.mark.parametrize(
    ("account", "why"),
    [
        ("sam", "not a fediverse address"),
        ("", "not a fediverse address"),
        ("@sam@10.0.0.1", "knows nobody of that name"),
        ("@sam@PEER", "knows nobody of that name"),
        ("@kim@PEER", "does not say where"),
        ("@eve@PEER", "does not say where"),
    ],
)
async def test_a_way_that_is_not_known_is_said_and_another_named(house: House, peer: Peer, account: str, why: str) -> None:
    jrd = {"subject": f"acct:kim@{peer.host}", "links": [{"rel": "self", "href": f"{peer.origin}/u/kim"}]}
    peer.serve(f"/.well-known/webfinger?resource=acct:kim@{peer.host}", jrd, kind="application/jrd+json")
    wicked = {
        "links": [{"rel": SUBSCRIBE, "template": "javascript:alert(1)//{uri}"}, {"rel": SUBSCRIBE, "template": f"{peer.origin}/none"}]
    }
    peer.serve(f"/.well-known/webfinger?resource=acct:eve@{peer.host}", wicked, kind="application/jrd+json")
    text = await (await follow(house, account.replace("PEER", peer.host))).text()
    assert why in text
    assert "@commons@moot.example" in text
    assert "javascript" not in text


async def test_strangers_cannot_make_us_ask_without_end(house: House, peer: Peer) -> None:
    remote = RemoteFollow(house.adapter.fetcher, house.clock)
    ways = await asyncio.gather(*(remote.way(f"user{number}@{peer.host}", GROUP.id) for number in range(20)))
    assert len(peer.asked) == AT_ONCE
    assert len([way for way in ways if "Many people" in way.why]) == 20 - AT_ONCE


async def test_nobody_is_followed_who_is_not_here(house: House) -> None:
    assert (await follow(house, "sam@a.example", "nobody")).status == 404
    answer = await house.web.post("/follow", data={"account": "x" * 5_000, "name": "commons"})
    assert answer.status == 413
