"""A name leads to its actor whatever form it is asked in, and what runs here is told to everybody, with true numbers."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bridge.changes import EndGhost, PutGhost
from bridge.model.actor import Actor
from bridge.model.ids import MATRIX, Native
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import SETTINGS, House, ghost_for
from tests.protocols.activitypub.world import ANA_GHOST, GROUP, NOW, SAM

BO = Actor(Native(MATRIX, "@bo:hs.test"), "@bo:hs.test", "hs.test", name="Bo")
WEBFINGER = "/.well-known/webfinger?resource="


@pytest.mark.parametrize(
    "resource",
    [
        "acct:commons@moot.example",
        "acct:Commons@MOOT.example",
        "acct:!commons@moot.example",
        "acct%3Acommons%40moot.example",
        "commons@moot.example",
        "https://moot.example/c/commons",
        "https://moot.example/@commons",
    ],
)
async def test_every_form_of_a_name_leads_to_the_actor(house: House, resource: str) -> None:
    answer = await house.ask(WEBFINGER + resource, {})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/jrd+json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    found = msgspec.json.decode(await answer.read())
    assert found["subject"] == "acct:commons@moot.example"
    assert {"rel": "self", "type": "application/activity+json", "href": GROUP.id} in found["links"]
    assert found["properties"] == {"https://www.w3.org/ns/activitystreams#type": "Group"}


@pytest.mark.parametrize(
    "resource", ["https://moot.example/", "https://moot.example", "acct:moot.example@moot.example", "https://moot.example/actor"]
)
async def test_the_server_itself_has_a_name(house: House, resource: str) -> None:
    """FEP-d556."""
    found = msgspec.json.decode(await (await house.ask(WEBFINGER + resource, {})).read())
    assert {link["href"] for link in found["links"]} == {"https://moot.example/actor"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("?resource=", 400),
        ("?resource=commons", 400),
        ("?resource=acct:commons", 400),
        ("?resource=https://", 400),
        ("?rel=self", 400),
        ("?resource=acct:nobody@moot.example", 404),
        ("?resource=acct:commons@elsewhere.example", 404),
        ("?resource=https://elsewhere.example/c/commons", 404),
        ("?resource=https://moot.example.evil.example/c/commons", 404),
        ("?resource=https://moot.example/o/abc", 404),
    ],
)
async def test_what_is_no_name_or_nobodys_is_said(house: House, query: str, status: int) -> None:
    answer = await house.ask(f"/.well-known/webfinger{query}", {})
    assert answer.status == status
    assert (await answer.text()).endswith(".\n")


async def test_links_are_narrowed_to_those_asked_for(house: House) -> None:
    answer = await house.ask(f"{WEBFINGER}acct:commons@moot.example&rel=self&rel=http://x.example/unknown")
    assert [link["rel"] for link in msgspec.json.decode(await answer.read())["links"]] == ["self"]


async def test_a_name_that_stays_is_kept_for_days_and_a_persons_for_minutes(house: House) -> None:
    """Mastodon keeps names three days; somebody who takes theirs back must not be named by a cache in front of us until then."""
    assert (await house.ask(f"{WEBFINGER}acct:commons@moot.example")).headers["Cache-Control"] == "public, max-age=259200"
    assert (await house.ask(f"{WEBFINGER}acct:ana_hs.test@moot.example")).headers["Cache-Control"] == "public, max-age=180"
    assert (await house.ask(f"{WEBFINGER}acct:nobody@moot.example")).headers["Cache-Control"] == "public, max-age=180"
    await house.commit(EndGhost(ANA_GHOST.native, NOW))
    for resource in ("acct:ana_hs.test@moot.example", ANA_GHOST.native.id, "https://moot.example/@ana_hs.test"):
        assert (await house.ask(WEBFINGER + resource)).status == 410


@pytest.mark.parametrize("accept", ["application/json", "application/activity+json", "text/html", "image/png", ""])
@pytest.mark.parametrize(
    "path", ["/.well-known/nodeinfo", "/nodeinfo/2.0", "/nodeinfo/2.1", "/.well-known/host-meta", f"{WEBFINGER}acct:commons@moot.example"]
)
async def test_discovery_answers_whatever_the_accept_header(house: House, path: str, accept: str) -> None:
    """PieFed 1.6 asks NodeInfo as ActivityPub; GoToSocial 0.20 answers that with 406 and stays of unknown kind."""
    answer = await house.ask(path, {"Accept": accept} if accept else {})
    assert answer.status == 200


async def test_nodeinfo_leads_to_both_versions_and_to_the_instance_actor(house: House) -> None:
    links = {link["rel"]: link["href"] for link in msgspec.json.decode(await (await house.ask("/.well-known/nodeinfo")).read())["links"]}
    assert links["https://www.w3.org/ns/activitystreams#Application"] == "https://moot.example/actor"
    for version in ("2.0", "2.1"):
        answer = await house.ask(links[f"http://nodeinfo.diaspora.software/ns/schema/{version}"])
        assert answer.headers["Content-Type"] == f'application/json; profile="http://nodeinfo.diaspora.software/ns/schema/{version}#"'
        found = msgspec.json.decode(await answer.read())
        assert (found["version"], found["software"]["name"], found["software"]["version"]) == (version, "folkmoot", "0.1.0")
        assert found["metadata"]["moderationContact"] == "mailto:ops@moot.example"
        assert found["metadata"]["bridge"] == {"protocols": ["activitypub", "matrix"]}


async def test_nodeinfo_names_no_network_that_is_not_spoken(street: Street) -> None:
    house = House(await street.client(), settings=msgspec.structs.replace(SETTINGS, matrix=None))
    await house.open()
    found = msgspec.json.decode(await (await house.ask("/nodeinfo/2.1")).read())
    await house.close()
    assert found["metadata"]["bridge"] == {"protocols": ["activitypub"]}


async def test_numbers_are_counted_and_never_guessed(house: House) -> None:
    """FEP-0151. Who said nothing for a month is not active in it; the fediverse's own people are not ours."""
    bo = ghost_for(BO.native, "bo_hs.test", "bo")
    await house.commit(PutGhost(bo), PutGhost(ghost_for(Native(MATRIX, "@cy:hs.test"), "cy_hs.test", "cy")))
    await house.said("long ago", BO, name="$old")
    house.clock.forward(timedelta(days=40).total_seconds())
    known = await house.said("now")
    await house.said("an answer", name="$answer", reply_to=known.id, thread=known.id)
    await house.said("from afar", SAM, name="far")
    usage = msgspec.json.decode(await (await house.ask("/nodeinfo/2.1")).read())["usage"]
    assert usage == {"users": {"total": 3, "activeMonth": 1, "activeHalfyear": 2}, "localPosts": 3}
    await house.commit(EndGhost(bo.native, NOW))
    again = msgspec.json.decode(await (await house.ask("/nodeinfo/2.1")).read())["usage"]
    assert again == usage, "counted once an hour: peers ask before every delivery"
    house.clock.forward(3601)
    assert msgspec.json.decode(await (await house.ask("/nodeinfo/2.1")).read())["usage"]["users"]["total"] == 2


async def test_host_meta_leads_to_webfinger(house: House) -> None:
    answer = await house.ask("/.well-known/host-meta")
    assert answer.headers["Content-Type"] == "application/xrd+xml"
    assert 'template="https://moot.example/.well-known/webfinger?resource={uri}"' in await answer.text()


async def test_what_peers_ask_and_we_do_not_have_is_a_quick_404(house: House) -> None:
    """GoToSocial 0.20 asks both at the first contact."""
    for path in ("/robots.txt", "/api/v1/instance", "/nodeinfo/1.0"):
        assert (await house.ask(path)).status == 404
