"""Documents of other servers: asked signed and once, believed only about their own origin, remembered when they cannot be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.errors import BridgeError, Gone, Malformed, OperatorError, Refused, TooLarge, Unreachable
from bridge.metrics import Metrics
from bridge.model.actor import Actor, ActorKind
from bridge.net.client import Limits
from bridge.refs import Absent
from protocols.activitypub.fetching import Fetcher, Missing
from protocols.activitypub.ids import instance_url, native
from protocols.activitypub.keys import PublicKey, load_public_key
from protocols.activitypub.lookup import find
from protocols.activitypub.signatures import read_signature, verify
from protocols.activitypub.signers import Signers
from storage import SqlStore, open_memory
from tests.bridge.net.street import LOOPBACK, QUICK, Street, drip, saying
from tests.protocols.activitypub.house import Hand
from tests.protocols.activitypub.peers import Peer
from tests.protocols.activitypub.world import ME

LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'


class Desk:
    """A fetcher and what belongs to it."""

    def __init__(self, street: Street, store: SqlStore) -> None:
        self.street = street
        self.clock = Hand()
        self.signers = Signers(store.keys)

    async def fetcher(self, *, most_bytes: int = 100_000, limits: Limits = QUICK, networks: tuple[str, ...] = LOOPBACK) -> Fetcher:
        """It may reach what was opened so far."""
        client = await self.street.client(limits=limits, networks=networks)
        return Fetcher(client, self.signers, ME, self.clock, most_bytes=most_bytes, plain=self.street.origins)


@pytest.fixture
async def desk(street: Street) -> AsyncIterator[Desk]:
    store = open_memory()
    yield Desk(street, store)
    await store.close()


@pytest.fixture
async def peer(street: Street) -> Peer:
    return await Peer.open(street)


# --------------------------------------------------------------------------------------------------------- the request


async def test_every_document_is_asked_for_in_the_name_of_the_instance_actor(desk: Desk, peer: Peer) -> None:
    """GoToSocial 0.20 answers 401 to any GET of an actor, object or collection without a signature."""
    url = peer.serve("/o/1?page=2", {"id": f"{peer.origin}/o/1?page=2", "type": "Note"})
    await (await desk.fetcher()).document(url)
    request = peer.asked[0]
    claimed = read_signature(request, peer.origin, desk.clock.now())
    assert claimed.covered == ("(request-target)", "host", "date")
    me = native(instance_url(ME))
    public = load_public_key((await desk.signers.public(me)).rsa)
    assert verify(claimed, PublicKey("https://moot.example/actor#main-key", me.id, public)).signer == me.id
    assert request.lines("authorization") == [], "GoToSocial 0.20 refuses the whole request over it"
    assert request.lines("accept") == [f"application/activity+json, {LD}"]


async def test_a_redirect_is_signed_anew_and_its_end_is_what_counts(desk: Desk, peer: Peer, street: Street) -> None:
    other = await Peer.open(street)
    end = other.serve("/o/1", {"id": f"{other.origin}/o/1", "type": "Note"})
    start = peer.serve("/o/1", b"", status=302, Location=end)
    assert b"/o/1" in await (await desk.fetcher()).document(start)
    for one in (peer, other):
        read_signature(one.asked[0], one.origin, desk.clock.now())
    assert peer.asked[0].lines("signature") != other.asked[0].lines("signature")


async def test_a_server_that_signs_paths_alone_is_asked_again_without_the_query(desk: Desk, peer: Peer) -> None:
    """Misskey verifies the pathname; GoToSocial 0.20 tries both itself."""
    url = peer.serve("/o/1?page=2", {"error": "Unauthorized"}, status=401)
    with pytest.raises(Refused, match="answered 401"):
        await (await desk.fetcher()).document(url)
    first, second, third = [read_signature(request, peer.origin, desk.clock.now()) for request in peer.asked]
    assert first.signature != second.signature
    assert third.scheme == "rfc9421", "the last knock"
    peer.serve("/o/2", {"error": "Unauthorized"}, status=401)
    with pytest.raises(Refused):
        await (await desk.fetcher()).document(f"{peer.origin}/o/2")
    assert peer.paths.count("/o/2") == 2, "there is no query to leave out"


# ------------------------------------------------------------------------------------------------- what is not believed


@pytest.mark.parametrize("kind", ["application/activity+json", "application/activity+json; charset=utf-8", LD, LD.replace('"', "")])
async def test_activitypub_comes_under_its_own_media_types(desk: Desk, peer: Peer, kind: str) -> None:
    url = peer.serve("/o/1", {"id": f"{peer.origin}/o/1", "type": "Note"}, kind=kind)
    assert await (await desk.fetcher()).document(url)


@pytest.mark.parametrize(
    "kind",
    [
        "text/html",
        "application/json",
        "application/ld+json",
        "text/plain",
        "image/png",
        'application/ld+json; profile="https://x.example/"',
        "",
    ],
)
async def test_o4_an_upload_that_looks_like_an_actor_is_none(desk: Desk, peer: Peer, kind: str) -> None:
    """Mastodon CVE-2024-25623, Misskey CVE-2024-25636, Akkoma 2024.03."""
    url = peer.serve("/u/admin", {"id": f"{peer.origin}/u/admin", "type": "Person"}, kind=kind)
    with pytest.raises(Malformed, match="something else than ActivityPub"):
        await (await desk.fetcher()).document(url)


async def test_o2_another_id_of_the_same_server_is_asked_for_there_once(desk: Desk, peer: Peer) -> None:
    """GoToSocial 0.20 shows a stub of the actor at the address of its key."""
    actor = peer.person("gina")
    stub = peer.serve("/u/gina/main-key", {"id": actor, "type": "Person", "publicKey": {}})
    body = await (await desk.fetcher()).document(stub)
    assert b'"inbox"' in body
    assert peer.paths == ["/u/gina/main-key", "/u/gina"]
    circle = peer.serve("/o/1", {"id": f"{peer.origin}/o/2", "type": "Note"})
    peer.serve("/o/2", {"id": f"{peer.origin}/o/1", "type": "Note"})
    with pytest.raises(Malformed, match="several ids"):
        await (await desk.fetcher()).document(circle)


@pytest.mark.parametrize("claimed", ["https://a.example/o/1", "http://127.0.0.1:1/o/1", "/o/1", "urn:uuid:1", ""])
async def test_o2_nobody_speaks_for_another_server(desk: Desk, peer: Peer, claimed: str) -> None:
    url = peer.serve("/o/1", {"id": claimed, "type": "Note"})
    with pytest.raises(Malformed):
        await (await desk.fetcher()).document(url)
    assert peer.paths == ["/o/1"]


async def test_o2_a_redirect_lends_nobodys_name(desk: Desk, peer: Peer, street: Street) -> None:
    """Akkoma 2024.03, Fedify CVE-2026-34148: the address before the redirect is never the id."""
    evil = await Peer.open(street)
    forged = evil.serve("/o/1", {"id": f"{peer.origin}/o/1", "type": "Note"})
    url = peer.serve("/o/1", b"", status=301, Location=forged)
    with pytest.raises(Malformed, match="not its own"):
        await (await desk.fetcher()).document(url)


async def test_o5_our_own_address_is_never_asked(desk: Desk, peer: Peer, connections: list[tuple[object, ...]]) -> None:
    fetcher = await desk.fetcher()
    for url in ("https://moot.example/o/forged", "https://MOOT.example/u/ana#main-key"):
        with pytest.raises(Refused, match="our own"):
            await fetcher.document(url)
    assert connections == []


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"not json", b'{"id":"x","id":"y"}', b'{"a":' * 10_000, b'{"id":"\\ud800"}', b"\xff"],
    ids=["nothing", "a list", "words", "a member twice", "a tower", "half a pair", "not text"],
)
async def test_what_is_no_json_within_bounds_is_refused(desk: Desk, peer: Peer, body: bytes) -> None:
    url = peer.serve("/o/1", body)
    with pytest.raises(Malformed):
        await (await desk.fetcher()).document(url)


@pytest.mark.parametrize(
    ("status", "problem"),
    [(404, Missing), (410, Gone), (401, Refused), (403, Refused), (451, Refused), (204, Refused), (304, Refused), (501, Refused)],
)
async def test_every_no_has_its_name(desk: Desk, peer: Peer, status: int, problem: type[BridgeError]) -> None:
    """Rule O15: 410 says that it is gone, 404 does not."""
    url = peer.serve("/o/1", b"", status=status)
    with pytest.raises(problem) as caught:
        await (await desk.fetcher()).document(url)
    assert type(caught.value) is problem


# -------------------------------------------------------------------------------------------------------------- bounds


async def test_the_guard_is_in_the_way_of_every_fetch(desk: Desk, street: Street, connections: list[tuple[object, ...]]) -> None:
    peer = await Peer.open(street)
    strict = await desk.fetcher(networks=())
    connections.clear()
    for url in (
        peer.origin, "http://127.0.0.1:1/x", "https://127.0.0.1/x", "https://10.0.0.1/x", "https://169.254.169.254/latest", "https://[::1]/x",
        "https://0.0.0.0/x", "https://localhost/x", "https://inner.local/x", "ftp://a.example/x", "file:///etc/passwd", "https://a.example:8443/x",
        "https://user:secret@a.example/x", "https://2130706433/x",
    ):  # fmt: skip
        with pytest.raises(Refused):
            await strict.document(url)
    assert connections == []
    inward = peer.serve("/o/1", b"", status=302, Location="https://10.0.0.1/x")
    with pytest.raises(Refused):
        await (await desk.fetcher()).document(inward)


async def test_redirects_end(desk: Desk, peer: Peer) -> None:
    circle = peer.serve("/o/1", b"", status=302, Location=f"{peer.origin}/o/2")
    peer.serve("/o/2", b"", status=302, Location=f"{peer.origin}/o/1")
    with pytest.raises(Refused, match="circle"):
        await (await desk.fetcher()).document(circle)
    for number in range(9):
        peer.serve(f"/far/{number}", b"", status=302, Location=f"{peer.origin}/far/{number + 1}")
    with pytest.raises(Refused, match="more than 3 times"):
        await (await desk.fetcher()).document(f"{peer.origin}/far/0")


async def test_huge_dripping_and_silent_answers_end(desk: Desk, street: Street) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/activity+json\r\n"
    huge = await Peer.open(street)
    url = huge.serve("/o/1", b'{"id":"' + b"x" * 200_000 + b'"}')
    dripping = await street.open_rude(drip)
    endless = await street.open_rude(saying(head + b"Transfer-Encoding: chunked\r\n\r\n", b'5\r\n{"id"\r\n', then_wait=True))
    silent = await street.open_rude(saying(then_wait=True))
    fetcher = await desk.fetcher()
    with pytest.raises(TooLarge):
        await fetcher.document(url)
    for origin in (dripping, endless, silent):
        with pytest.raises(Unreachable):
            await fetcher.document(f"{origin}/o/1")


async def test_what_could_not_be_had_is_not_asked_again_at_once(desk: Desk, peer: Peer) -> None:
    """Fedify CVE-2026-34148: whoever names a dead address a thousand times makes us ask once."""
    fetcher = await desk.fetcher()
    gone, missing = peer.serve("/gone", b"", status=410), f"{peer.origin}/missing"
    for _ in range(3):
        with pytest.raises(Gone):
            await fetcher.document(gone)
        with pytest.raises(Missing):
            await fetcher.document(missing)
    assert peer.paths == ["/gone", "/missing"]
    desk.clock.forward(61)
    for url, problem in ((gone, Gone), (missing, Missing)):
        with pytest.raises(problem):
            await fetcher.document(url)
    assert peer.paths == ["/gone", "/missing", "/missing"]
    desk.clock.forward(300)
    with pytest.raises(Gone):
        await fetcher.document(gone)
    assert peer.paths[-1] == "/gone"


async def test_a_server_that_is_down_is_left_alone_for_a_while_and_says_how_long(desk: Desk, peer: Peer) -> None:
    fetcher = await desk.fetcher()
    url = peer.serve("/o/1", b"", status=503)
    with pytest.raises(Unreachable):
        await fetcher.document(url)
    desk.clock.forward(10)
    with pytest.raises(Unreachable) as caught:
        await fetcher.document(url)
    assert caught.value.retry_after == 20
    assert len(peer.asked) == 1


async def test_memory_of_failures_is_bounded(desk: Desk, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fedify CVE-2026-69132: what a peer can name may not grow without end."""
    monkeypatch.setattr("protocols.activitypub.fetching.MOST_REMEMBERED", 3)
    fetcher = await desk.fetcher()
    for number in range(5):
        with pytest.raises(Missing):
            await fetcher.document(f"{peer.origin}/o/{number}")
    assert len(fetcher._failures) == 3
    assert fetcher._hosts == {}
    assert fetcher._under_way == {}


async def test_many_who_want_one_document_ask_once(desk: Desk, peer: Peer) -> None:
    url = peer.serve("/o/1", {"id": f"{peer.origin}/o/1", "type": "Note"})
    fetcher = await desk.fetcher()
    bodies = await asyncio.gather(*(fetcher.document(f"{url}#{number}") for number in range(5)))
    assert (len(set(bodies)), len(peer.asked)) == (1, 1)
    await fetcher.document(url)
    assert len(peer.asked) == 2, "what can be had is asked anew: whoever needs it keeps it"


async def test_one_server_is_asked_for_two_things_at_once_and_no_more(desk: Desk, peer: Peer, street: Street) -> None:
    both, go = asyncio.Event(), asyncio.Event()
    now, most = 0, 0

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == 2:
            both.set()
        await go.wait()
        now -= 1
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    slow = await street.open_rude(talk)
    fetcher = await desk.fetcher(limits=Limits(read=10, total=20))
    asked = asyncio.gather(*(fetcher.document(f"{slow}/{number}") for number in range(6)), return_exceptions=True)
    async with asyncio.timeout(10):
        await both.wait()
        for number in range(3):  # meanwhile another server answers, which takes as long as a third question would
            with pytest.raises(Missing):
                await fetcher.document(f"{peer.origin}/{number}")
        go.set()
        assert {type(each) for each in await asked} == {Missing}
    assert most == 2


async def test_who_stops_waiting_stops_nobody_else_and_closing_ends_all(desk: Desk, street: Street) -> None:
    asked = asyncio.Event()

    async def talk(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.Event().wait()

    silent = await street.open_rude(talk)
    fetcher = await desk.fetcher(limits=Limits(read=20, total=20))
    first, second = (asyncio.create_task(fetcher.document(f"{silent}/o/1")) for _ in range(2))
    async with asyncio.timeout(10):
        await asked.wait()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not second.done()
        await fetcher.close()
        with pytest.raises(asyncio.CancelledError):
            await second


# -------------------------------------------------------------------------------------------------------------- actors


async def test_an_actor_is_who_its_own_server_shows(desk: Desk, peer: Peer) -> None:
    url = peer.person("sam", name="Sam", endpoints={"sharedInbox": f"{peer.origin}/inbox"})
    found = await (await desk.fetcher()).actor(url)
    assert isinstance(found, Actor)
    assert (found.native.id, found.handle, found.shared_route) == (url, f"@sam@{peer.host}", f"{peer.origin}/inbox")


async def test_an_actor_that_is_none_is_absent_with_the_reason(desk: Desk, peer: Peer) -> None:
    fetcher = await desk.fetcher()
    stone = peer.serve("/u/stone", {"id": f"{peer.origin}/u/stone", "type": "Tombstone"})
    note = peer.serve("/u/note", {"id": f"{peer.origin}/u/note", "type": "Note"})
    slash = peer.person("slash")
    peer.serve("/u/slash/", {"id": slash, "type": "Person"})
    for url, why in (
        (stone, "ended"),
        (note, "no actor"),
        (f"{peer.origin}/u/nobody", "does not have it"),
        (f"{slash}/", "another id"),
        ("https://moot.example/u/ana", "our own"),
        ("https://10.0.0.1/u/x", "not an address on the public internet"),
    ):
        found = await fetcher.actor(url)
        assert isinstance(found, Absent)
        assert why in found.why


# --------------------------------------------------------------------------------------------------------------- names


async def test_a_name_leads_to_the_actor_that_bears_it(desk: Desk, peer: Peer) -> None:
    url = peer.person("guild", "Group")
    fetcher = await desk.fetcher()
    for handle in (f"@guild@{peer.host}", f"!guild@{peer.host}", f"Guild@{peer.host}", f" @guild@{peer.host} "):
        assert await find(fetcher, handle) == url
    found = await fetcher.actor(url)
    assert isinstance(found, Actor)
    assert found.kind is ActorKind.GROUP


async def test_a_name_on_another_domain_than_its_server_is_believed_when_both_agree(desk: Desk, peer: Peer, street: Street) -> None:
    """`@guild@a.example` served by `social.a.example`: the actor's own name leads back to the one that was asked for."""
    names = await Peer.open(street)
    url = peer.person("guild", "Group")
    names.names("guild", names.host, url)
    peer.names("guild", peer.host, url, subject=f"acct:guild@{names.host}")
    assert await find(await desk.fetcher(), f"@guild@{names.host}") == url
    assert await find(await desk.fetcher(), f"@guild@{peer.host}") == url


async def test_o16_a_name_that_only_one_side_knows_is_not_believed(desk: Desk, peer: Peer, street: Street) -> None:
    """Akkoma 2024.04.1 and Pleroma: a stranger's server claimed names of others."""
    victim, evil = peer, await Peer.open(street)
    actor = victim.person("ana")
    evil.names("ana", evil.host, actor)
    with pytest.raises(Malformed, match="leads elsewhere"):
        await find(await desk.fetcher(), f"@ana@{evil.host}")
    own = evil.person("mallory")
    evil.names("boss", evil.host, own, subject=f"acct:ana@{victim.host}")
    with pytest.raises(Malformed, match="do not agree"):
        await find(await desk.fetcher(), f"@boss@{evil.host}")
    evil.names("other", evil.host, own)
    with pytest.raises(Malformed, match="leads elsewhere"):
        await find(await desk.fetcher(), f"@other@{evil.host}")


@pytest.mark.parametrize("handle", ["", "commons", "@commons", "@a b@c.example", "@a@b@c", "https://a.example/u/x", "@a@", "@@b.example"])
async def test_what_is_no_handle_is_said_with_how_to_write_one(desk: Desk, handle: str) -> None:
    with pytest.raises(OperatorError, match="not a fediverse address") as caught:
        await find(await desk.fetcher(), handle)
    assert caught.value.remedy == "Write it as @group@server.example."


@pytest.mark.parametrize(
    "jrd",
    [
        {},
        {"subject": "acct:x@y"},
        {"subject": "https://a.example/"},
        {"subject": "acct:guild@SERVER", "links": [{"rel": "self", "type": "text/html", "href": "x"}]},
    ],
)
async def test_an_answer_without_a_subject_or_an_actor_names_nobody(desk: Desk, peer: Peer, jrd: dict[str, object]) -> None:
    said = {name: value.replace("SERVER", peer.host) if isinstance(value, str) else value for name, value in jrd.items()}
    peer.serve(f"/.well-known/webfinger?resource=acct:guild@{peer.host}", said, kind="application/jrd+json")
    with pytest.raises(Malformed):
        await find(await desk.fetcher(), f"@guild@{peer.host}")


async def test_names_are_asked_where_the_guard_allows(desk: Desk) -> None:
    for handle in ("@a@10.0.0.1", "@a@localhost", "@a@a.example:8443", "@a@user:pass"):
        with pytest.raises(Refused):
            await find(await desk.fetcher(), handle)


async def test_the_operator_sees_how_many_documents_were_asked_for_and_what_came(desk: Desk, peer: Peer) -> None:
    metrics = Metrics()
    client = await desk.street.client(limits=QUICK, networks=LOOPBACK)
    fetcher = Fetcher(client, desk.signers, ME, desk.clock, plain=desk.street.origins, metrics=metrics)
    await fetcher.document(peer.serve("/o/1", {"id": f"{peer.origin}/o/1", "type": "Note"}))
    with pytest.raises(Gone):
        await fetcher.document(peer.serve("/o/2", b"", status=410))

    def count(outcome: str) -> float | None:
        return metrics.registry.get_sample_value("folkmoot_fetches_total", {"protocol": "activitypub", "outcome": outcome})

    assert (count("fetched"), count("gone")) == (1, 1)
