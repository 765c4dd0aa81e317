"""What the outbound client promises in plain talk, delivering, and to the operator's own services."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
import structlog
import trustme
from aiohttp import web

from bridge.errors import BadSetting, Invariant, Refused, Unreachable
from bridge.net.client import LONGEST_WAIT, Client, Limits, retry_after, user_agent
from bridge.net.guard import Policy, policy_for
from bridge.settings import Development
from tests.bridge.net.street import JSON, QUICK, Names, Street, Visitors, answering, drip, saying

# --- plain talk ------------------------------------------------------------------------------------------------------


async def test_an_answer_has_status_headers_body_and_address(street: Street) -> None:
    peer = await street.open(answering('{"id": 1}', headers={"ETag": "x"}))
    client = await street.client()
    answer = await client.get(f"{peer}/actor#main-key", JSON)
    assert (answer.status, answer.body, answer.url) == (200, b'{"id": 1}', f"{peer}/actor")
    assert answer.headers["etag"] == "x"


async def test_a_peer_sees_who_asks_and_gets_no_cookie_back(street: Street) -> None:
    visitors: list[Mapping[str, str]] = []

    async def bake(request: web.Request) -> web.Response:
        visitors.append(request.headers)
        return web.Response(headers={"Set-Cookie": "trace=1; Path=/"})

    peer = await street.open(web.get("/", bake))
    client = await street.client()
    await client.get(peer, JSON)
    await client.get(peer, JSON)
    assert all("Cookie" not in headers for headers in visitors)
    assert visitors[0]["User-Agent"] == "folkmoot/0 (+https://moot.example/)"
    assert visitors[0]["Accept"] == "application/activity+json"
    assert user_agent("1.2", "moot.example") == "folkmoot/1.2 (+https://moot.example/)"


async def test_the_path_is_sent_byte_for_byte_and_signed_as_sent(street: Street) -> None:
    visitors = Visitors()
    peer = await street.open(visitors.route())
    client = await street.client()
    signed: list[str] = []

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        signed.append(f"{method} {url} {body.decode()} {headers['Accept']}")
        return {"Signature": "sig"}

    await client.get(f"{peer}/%40ana/%7Ex?u=https%3A%2F%2Fb&v=a+b", JSON, sign=sign)
    assert visitors.paths == ["/%40ana/%7Ex?u=https%3A%2F%2Fb&v=a+b"]
    assert signed == [f"GET {peer}/%40ana/%7Ex?u=https%3A%2F%2Fb&v=a+b  application/activity+json"]
    assert visitors.seen[0].headers["Signature"] == "sig"


async def test_connections_are_kept_and_used_again(street: Street, connections: list[tuple[object, ...]]) -> None:
    peer = await street.open(answering())
    client = await street.client()
    for _ in range(5):
        await client.get(peer, JSON)
    assert len([each for each in connections if each[0] == "socket.connect"]) == 1


async def test_at_most_four_requests_to_one_host_at_a_time(street: Street) -> None:
    here, most = 0, 0
    all_in = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        nonlocal here, most
        here += 1
        most = max(most, here)
        if here == 4:
            all_in.set()
        await all_in.wait()
        here -= 1
        return web.Response()

    peer = await street.open(web.get("/", wait))
    client = await street.client(limits=Limits())
    await asyncio.gather(*(client.get(peer, JSON) for _ in range(12)))
    assert most == 4


async def test_tls_is_checked_against_the_named_authority(street: Street, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("a.test").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    peer = await street.open(answering("over tls"), ssl=context, name="a.test")
    stranger = peer.replace("a.test", "b.test")
    street.origins.append(stranger)
    names = Names(a_test=[["127.0.0.1"]], b_test=[["127.0.0.1"]])

    trusting = await street.client(names=names, ca_file=str(tmp_path / "ca.pem"))
    assert (await trusting.get(peer, JSON)).body == b"over tls"
    with pytest.raises(Unreachable, match=r"b\.test"):
        await trusting.get(stranger, JSON)
    with pytest.raises(Unreachable, match="certificate"):
        await (await street.client(names=names)).get(peer, JSON)


async def test_a_certificate_file_that_is_none_is_the_operators_to_mend(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    for name in ("ca.pem", "missing.pem"):
        policy = policy_for(Development(enabled=True, ca_file=str(tmp_path / name)))
        with pytest.raises(BadSetting) as caught:
            await Client(policy, "x").__aenter__()
        assert caught.value.key == "$.development.ca_file"


async def test_an_open_guard_is_shouted_in_the_log_and_a_shut_one_is_not(street: Street) -> None:
    with structlog.testing.capture_logs() as lines:
        await street.client()
        async with Client(Policy(), "x"):
            pass
    assert [(line["event"], line["log_level"]) for line in lines] == [("guard.opened", "warning")]


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(Invariant):
        await Client(Policy(), "x").get("https://a.example/", JSON)


# --- statuses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 202, 400, 401, 403, 404, 405, 410, 413, 422, 501])
async def test_a_status_that_says_something_final_is_an_answer(street: Street, status: int) -> None:
    peer = await street.open(answering("because", status=status))
    client = await street.client()
    assert (await client.get(peer, JSON)).status == status
    answer = await client.post(peer, b"{}", JSON)
    assert (answer.status, answer.body) == (status, b"because")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
async def test_a_status_that_says_come_back_is_unreachable_with_the_wait(street: Street, status: int) -> None:
    peer = await street.open(answering("busy", status=status, headers={"Retry-After": "120"}))
    client = await street.client()
    for request in (client.get(peer, JSON), client.post(peer, b"{}", JSON)):
        with pytest.raises(Unreachable, match=f"answered {status}") as caught:
            await request
        assert (caught.value.retry_after, caught.value.answered) == (120, status)


async def test_the_peers_own_clock_measures_a_wait_until_a_date(street: Street) -> None:
    headers = {"Date": "Wed, 21 Oct 2015 07:28:00 GMT", "Retry-After": "Wed, 21 Oct 2015 07:30:00 GMT"}
    peer = await street.open(answering(status=503, headers=headers))
    with pytest.raises(Unreachable) as caught:
        await (await street.client()).get(peer, JSON)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize(
    ("said", "wait"),
    [
        ("0", 0.0),
        (" 30 ", 30.0),
        ("86401", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        ("Fri, 23 Oct 2015 07:28:00 GMT", LONGEST_WAIT),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:29:00 -0000", 60.0),
        ("Wednesday, 21-Oct-15 07:29:00 GMT", 60.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("²", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(said: str, wait: float | None) -> None:
    assert retry_after({"Retry-After": said, "Date": "Wed, 21 Oct 2015 07:28:00 GMT"}) == wait


def test_a_date_without_the_peers_own_clock_says_nothing() -> None:
    assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) is None
    assert retry_after({}) is None


# --- delivering ------------------------------------------------------------------------------------------------------


async def test_a_post_arrives_as_signed(street: Street) -> None:
    visitors = Visitors()
    peer = await street.open(visitors.route())

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        return {"Digest": f"{method} {len(body)}", "Content-Type": headers["Content-Type"]}

    await (await street.client()).post(f"{peer}/inbox", b'{"id": "x"}', {"Content-Type": "application/activity+json"}, sign)
    seen = visitors.seen[0]
    assert (seen.method, seen.path, visitors.bodies) == ("POST", "/inbox", [b'{"id": "x"}'])
    assert (seen.headers["Digest"], seen.headers["Content-Type"]) == ("POST 11", "application/activity+json")
    assert seen.headers["Content-Length"] == "11"


@pytest.mark.parametrize(
    ("rest", "waits"),
    [
        (b"Content-Length: 10\r\n\r\nhalf", False),
        (b"Content-Length: 10\r\n\r\nhalf", True),
        (b"Content-Length: 999999999\r\n\r\n" + b"x" * 200_000, True),
        (b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b"x" * 0x4000 + b"\r\n" + b"4000\r\n" + b"x" * 0x4000, True),
        (b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nbad", False),
    ],
)
async def test_once_a_peer_said_202_what_follows_does_not_make_it_a_failure(street: Street, rest: bytes, waits: bool) -> None:
    peer = await street.open_rude(saying(b"HTTP/1.1 202 Accepted\r\n" + rest, then_wait=waits))
    answer = await (await street.client()).post(f"{peer}/inbox", b"{}", JSON)
    assert answer.status == 202
    assert len(answer.body) <= 16_384


async def test_a_202_that_came_late_and_drips_on_is_still_a_202(street: Street) -> None:
    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, late.set)
        await late.wait()
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9999\r\n\r\n")
        await drip(reader, writer)

    peer = await street.open_rude(dawdle)
    client = await street.client(limits=Limits(read=0.4, total=0.5))
    async with asyncio.timeout(2):
        assert (await client.post(f"{peer}/inbox", b"{}", JSON)).status == 202


async def test_a_kept_connection_that_the_peer_closed_costs_no_delivery(street: Street) -> None:
    calls: list[int] = []

    async def hang_up_every_second_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append(1)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.readuntil(b"\r\n\r\n")  # the next request is read and never answered

    peer = await street.open_rude(hang_up_every_second_time)
    client = await street.client()
    assert [(await client.post(f"{peer}/inbox", b"", JSON)).status for _ in range(3)] == [202, 202, 202]
    assert len(calls) == 3


async def test_a_peer_that_always_hangs_up_is_unreachable_after_two_tries(street: Street) -> None:
    calls: list[int] = []

    async def hang_up(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        calls.append(1)

    peer = await street.open_rude(hang_up)
    with pytest.raises(Unreachable, match="broke the connection") as caught:
        await (await street.client()).post(f"{peer}/inbox", b"{}", JSON)
    assert caught.value.answered is None
    assert len(calls) == 2


# --- the operator's session ------------------------------------------------------------------------------------------


async def test_the_operators_session_reaches_the_operators_origins_and_no_other(street: Street) -> None:
    homeserver = await street.open(answering("homeserver"))
    stranger = Visitors()
    other = await street.open(stranger.route())
    policy = policy_for(operator_urls=(homeserver,))
    async with Client(policy, "x") as client:
        session = client.operator_session()
        async with session.request("GET", f"{homeserver}/_matrix/client/versions") as response:
            assert await response.text() == "homeserver"
        with pytest.raises(Refused, match="not an address that the operator set"):
            await session.get(other)
        with pytest.raises(Refused):
            await client.get(f"{homeserver}/_synapse/admin", JSON)
    assert stranger.seen == []
    assert type(session) is aiohttp.ClientSession
    assert session.closed


async def test_the_operators_homeserver_cannot_redirect_elsewhere(street: Street) -> None:
    stranger = Visitors()
    other = await street.open(stranger.route())
    homeserver = await street.open(Visitors(a=other).route())
    client = await street.client(operator_urls=(homeserver,))
    with pytest.raises(Refused):
        await client.operator_session().get(f"{homeserver}/a")
    assert stranger.seen == []


async def test_the_defaults_are_the_ones_we_promise() -> None:
    assert Limits() == Limits(lookup=5, connect=5, read=10, total=30, connections=256, per_host=4, idle=4)
    async with Client(Policy(), "x") as client:
        connector = client._peers.connector  # type: ignore[union-attr]
        assert (connector.limit, connector.limit_per_host) == (256, 4)
    assert QUICK.total < 1
