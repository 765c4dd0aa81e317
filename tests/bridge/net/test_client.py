"""What the outbound client promises, against real sockets on loopback."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import sys
import tracemalloc
import zlib
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
import structlog
import trustme
from aiohttp import web

from bridge.errors import BadSetting, Invariant, Malformed, Refused, TooLarge, Unreachable
from bridge.net.client import LONGEST_WAIT, Client, Limits, retry_after, user_agent
from bridge.net.guard import Policy, policy_for
from bridge.settings import Development
from tests.bridge.net.street import QUICK, Names, Street

JSON = {"Accept": "application/activity+json"}

_connections: list[tuple[object, ...]] | None = None


def _note_connections(name: str, arguments: tuple[object, ...]) -> None:
    if _connections is not None and name in ("socket.connect", "socket.getaddrinfo"):
        _connections.append((name, *arguments[1:]))


sys.addaudithook(_note_connections)


@pytest.fixture
def connections() -> Iterator[list[tuple[object, ...]]]:
    """Every connection and name lookup that Python is asked for, by anybody."""
    global _connections  # noqa: PLW0603 - an audit hook cannot be taken out again
    _connections = []
    yield _connections
    _connections = None


def answering(text: str = "{}", status: int = 200, headers: Mapping[str, str] | None = None) -> web.RouteDef:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=text, status=status, headers=headers)

    return web.route("*", "/{rest:.*}", answer)


class Visitors:
    """A peer that notes who came and answers by path."""

    def __init__(self, **redirects: str) -> None:
        self.seen: list[web.BaseRequest] = []
        self.bodies: list[bytes] = []
        self.redirects = {f"/{name}": target for name, target in redirects.items()}

    def route(self, status: int = 302) -> web.RouteDef:
        async def answer(request: web.Request) -> web.Response:
            self.seen.append(request)
            self.bodies.append(await request.read())
            target = self.redirects.get(request.path)
            if target is not None:
                return web.Response(status=status, headers={"Location": target}, text="elsewhere")
            return web.Response(text=f"here is {request.path}")

        return web.route("*", "/{rest:.*}", answer)

    @property
    def paths(self) -> list[str]:
        return [request.raw_path if isinstance(request, web.Request) else request.path for request in self.seen]


# --- plain talk -------------------------------------------------------------------------------------------------------


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


# --- the guard --------------------------------------------------------------------------------------------------------


def _special_urls() -> list[str]:
    """A thousand spellings of addresses inside."""
    blocks = (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
        *("192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fc00::/7"),
        *("fe80::/10", "ff00::/8"),
    )
    urls: list[str] = []
    for block in blocks:
        network = ip_network(block)
        for step in range(12):
            address = network[(network.num_addresses - 1) * step // 11]
            if address.version == 6:
                urls.append(f"https://[{address}]/x")
                urls.append(f"https://[{address.exploded}]/x")
                continue
            number, octets = int(address), str(address).split(".")
            urls += [f"https://{address}/", f"https://{number}/", f"https://0x{number:08x}/", f"https://[::ffff:{address}]/"]
            urls += [f"https://{'.'.join(f'0{int(each):o}' for each in octets)}/", f"https://[::{address}]/"]
            urls += [f"https://[{ip_address((0x2002 << 112) | (number << 80))}]/"]
    return urls[:1200]


async def test_a_thousand_special_addresses_are_never_fetched(connections: list[tuple[object, ...]]) -> None:
    urls = _special_urls()
    assert len(urls) >= 1000
    async with Client(Policy(), "x") as client:
        for url in urls:
            with pytest.raises(Refused):
                await client.get(url, JSON)
            with pytest.raises(Refused):
                await client.post(url, b"{}", JSON)
    assert connections == []


async def test_a_name_for_an_inner_address_is_never_fetched(connections: list[tuple[object, ...]]) -> None:
    inner = [str(urlsplit(url).hostname) for url in _special_urls() if url.endswith("/x") or urlsplit(url).netloc.count(".") == 3]
    names = Names(inside_example=[[address] for address in inner if _is_address(address)])
    how_many = len(names.answers["inside.example"])
    assert how_many > 400
    async with Client(Policy(), "x", resolver=names, limits=Limits(idle=1)) as client:
        for _ in range(how_many):
            client._peers.connector.clear_dns_cache()  # type: ignore[union-attr]
            with pytest.raises(Refused, match="may not be reached"):
                await client.get("https://inside.example/", JSON)
    assert connections == []


def _is_address(text: str) -> bool:
    try:
        return bool(str(ip_address(text)))
    except ValueError:
        return False


async def test_a_literal_address_that_no_resolver_sees_is_stopped_at_the_socket(street: Street) -> None:
    visitors = Visitors()
    peer = await street.open(visitors.route())
    client = await street.client(networks=("127.0.0.2/32",))
    with pytest.raises(Refused, match=r"127\.0\.0\.1 is not an address on the public internet \(loopback\)"):
        await client.get(peer, JSON)
    assert visitors.seen == []


async def test_of_two_answers_only_the_allowed_one_is_used(street: Street, connections: list[tuple[object, ...]]) -> None:
    peer = (await street.open(answering("allowed"))).replace("127.0.0.1", "two.test")
    street.origins.append(peer)
    client = await street.client(names=Names(two_test=[["10.0.0.1", "::1", "127.0.0.1"]]))
    assert (await client.get(peer, JSON)).body == b"allowed"
    assert {each[1][0] for each in connections} == {"127.0.0.1"}  # type: ignore[index]


async def test_a_public_server_that_is_down_counts_as_down_though_a_second_answer_is_refused(street: Street) -> None:
    port = urlsplit(await street.open(answering())).port
    street.origins.append(f"http://two.test:{port}")
    client = await street.client(names=Names(two_test=[["127.0.0.9", "10.0.0.1"]]))
    with pytest.raises(Unreachable, match="cannot be reached"):
        await client.get(f"http://two.test:{port}/", JSON)


async def test_a_name_that_changes_its_answer_gains_nothing(street: Street) -> None:
    visitors = Visitors()
    peer = await street.open(visitors.route())
    port = urlsplit(peer).port
    street.origins.append(f"http://rebind.test:{port}")
    names = Names(rebind_test=[["127.0.0.1"], ["10.0.0.1"]])
    client = await street.client(names=names)
    await client.get(f"http://rebind.test:{port}/", JSON)
    client._peers.connector.clear_dns_cache()  # type: ignore[union-attr]
    await client._peers.connector.close()  # type: ignore[union-attr]
    again = await street.client(names=names)
    with pytest.raises(Refused):
        await again.get(f"http://rebind.test:{port}/", JSON)
    assert len(visitors.seen) == 1


async def test_a_name_without_an_address_and_a_slow_name_service_are_unreachable(street: Street) -> None:
    class Slow(Names):
        async def resolve(self, *_: object) -> list[object]:  # type: ignore[override]
            await asyncio.Event().wait()
            return []

    street.origins += ["http://nobody.test:80", "http://localhost:9"]
    with pytest.raises(Unreachable, match="cannot be reached"):
        await (await street.client(names=Names(nobody_test=[[]]))).get("http://nobody.test/", JSON)
    with pytest.raises(Unreachable, match="in time"):
        await (await street.client(names=Slow())).get("http://nobody.test/", JSON)


async def test_the_systems_own_resolver_passes_the_same_guard(street: Street) -> None:
    visitors = Visitors()
    peer = (await street.open(visitors.route())).replace("127.0.0.1", "localhost")
    street.origins.append(peer)
    assert (await (await street.client()).get(peer, JSON)).status == 200
    with pytest.raises(Refused, match="localhost may not be reached"):
        await (await street.client(networks=())).get(peer, JSON)
    assert len(visitors.seen) == 1


async def test_a_proxy_in_the_environment_is_not_asked(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Visitors()
    monkeypatch.setenv("http_proxy", await street.open(proxy.route()))
    peer = await street.open(answering("direct"))
    assert (await (await street.client()).get(peer, JSON)).body == b"direct"
    assert proxy.seen == []


# --- redirects --------------------------------------------------------------------------------------------------------


async def test_redirects_are_followed_and_signed_anew_at_each_hop(street: Street) -> None:
    visitors = Visitors(a="/b?x=%2F", b="c#fragment")
    peer = await street.open(visitors.route())
    visitors.redirects["/start"] = f"{peer}/a"
    client = await street.client()

    def sign(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Mapping[str, str]:
        return {"Signature": f"for {method} {urlsplit(url).path}"}

    answer = await client.get(f"{peer}/start", JSON, sign=sign)
    assert (answer.body, answer.url) == (b"here is /c", f"{peer}/c")
    assert [request.headers["Signature"] for request in visitors.seen] == ["for GET /start", "for GET /a", "for GET /b", "for GET /c"]
    assert visitors.paths[2] == "/b?x=%2F"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_in_a_circle_is_refused(street: Street, status: int) -> None:
    visitors = Visitors(a="/b", b="/a")
    peer = await street.open(visitors.route(status))
    with pytest.raises(Refused, match="circle"):
        await (await street.client()).get(f"{peer}/a", JSON)
    assert visitors.paths == ["/a", "/b"]


async def test_a_redirect_to_itself_with_another_fragment_is_a_circle_too(street: Street) -> None:
    visitors = Visitors(a="/a#again")
    peer = await street.open(visitors.route())
    with pytest.raises(Refused, match="circle"):
        await (await street.client()).get(f"{peer}/a", JSON)


async def test_one_redirect_too_many_is_refused(street: Street) -> None:
    visitors = Visitors(a="/b", b="/c", c="/d", d="/e")
    peer = await street.open(visitors.route())
    client = await street.client()
    with pytest.raises(Refused, match="more than 3"):
        await client.get(f"{peer}/a", JSON)
    assert visitors.paths == ["/a", "/b", "/c", "/d"]
    with pytest.raises(Refused, match="more than 0"):
        await client.get(f"{peer}/a", JSON, redirects=0)


@pytest.mark.parametrize(
    "target",
    [
        *(
            "http://127.0.0.1:1/",
            "https://127.0.0.2/",
            "//127.0.0.2/",
            "https://[::1]/",
            "https://169.254.169.254/latest",
            "http://a.example/",
        ),
        *(
            "file:///etc/passwd",
            "data:text/plain,x",
            "gopher://a.example/",
            "https://me@a.example/",
            "https://a.example:22/",
            "https://db/",
        ),
        *("https://", "//", "http:", "https://x.onion/", "https://a.example/a b", "javascript:x", "\\\\a.example\\x"),
    ],
)
async def test_a_redirect_inward_or_elsewhere_strange_is_refused(
    street: Street, connections: list[tuple[object, ...]], target: str
) -> None:
    visitors = Visitors(a=target)
    peer = await street.open(visitors.route())
    with pytest.raises(Refused):
        await (await street.client(networks=("127.0.0.1/32",))).get(f"{peer}/a", JSON)
    assert len([each for each in connections if each[0] == "socket.connect"]) == 1


@pytest.mark.parametrize("location", [b"/\xff\xfe", b"https://\xff.example/", b"https://[::1", b"https://a.example:x/", b"?", b"#", b""])
async def test_a_redirect_in_strange_bytes_ends_in_an_answer_or_a_refusal(street: Street, location: bytes) -> None:
    async def point(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")

    peer = await street.open_rude(point)
    with pytest.raises(Refused):
        await street.ask(f"{peer}/a")


async def test_a_redirect_status_without_an_address_is_an_answer(street: Street) -> None:
    peer = await street.open(answering("x", status=302))
    assert (await (await street.client()).get(peer, JSON)).status == 302


async def test_a_post_is_never_redirected(street: Street) -> None:
    visitors = Visitors(inbox="/elsewhere")
    peer = await street.open(visitors.route(307))
    answer = await (await street.client()).post(f"{peer}/inbox", b"{}", JSON)
    assert (answer.status, answer.headers["Location"], visitors.paths) == (307, "/elsewhere", ["/inbox"])


# --- bounds on bytes --------------------------------------------------------------------------------------------------


async def test_a_body_over_the_limit_is_too_large_however_it_is_sent(street: Street) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(200):
            await response.write(b"x" * 1000)
        return response

    peer = await street.open(web.get("/stream", stream), answering("x" * 200_000))
    client = await street.client()
    for path in ("/stream", "/whole"):
        with pytest.raises(TooLarge, match="more than 100000 bytes"):
            await client.get(peer + path, JSON, accept_limit=100_000)
        assert len((await client.get(peer + path, JSON, accept_limit=200_000)).body) == 200_000


async def test_a_length_over_the_limit_is_refused_before_the_body_is_read(street: Street) -> None:
    async def boast(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
        await asyncio.Event().wait()

    with pytest.raises(TooLarge):
        await street.ask(await street.open_rude(boast))


async def test_a_compressed_body_is_inflated(street: Street) -> None:
    document = b'{"a": 1}' * 1000
    for coding in ("gzip", "x-gzip", "GZIP"):
        peer = await street.open(_sending(gzip.compress(document), coding))
        assert (await (await street.client()).get(peer, JSON)).body == document


async def test_a_compression_bomb_is_cut_at_the_limit(street: Street) -> None:
    squeeze = zlib.compressobj(9, wbits=31)
    bomb = b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(300)) + squeeze.flush()
    assert len(bomb) < 300_000
    peer = await street.open(_sending(bomb, "gzip"))
    client = await street.client()
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await client.get(peer, JSON)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"not gzip at all", "gzip"),
        (gzip.compress(b"x" * 5000)[:-9], "gzip"),
        (gzip.compress(b"x") + b"more", "gzip"),
        (b"x", "br"),
        (b"x", "gzip, gzip"),
        (b"x", "deflate"),
    ],
)
async def test_compression_that_cannot_be_read_is_malformed(street: Street, body: bytes, coding: str) -> None:
    peer = await street.open(_sending(body, coding))
    with pytest.raises(Malformed):
        await (await street.client()).get(peer, JSON)


async def test_an_empty_body_said_to_be_compressed_is_empty(street: Street) -> None:
    assert (await street.ask(await street.open(_sending(b"", "gzip")))).body == b""


def _sending(body: bytes, coding: str) -> web.RouteDef:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Encoding": coding})

    return web.get("/", answer)


@pytest.mark.parametrize("head", [b"X-Long: " + b"x" * 100_000 + b"\r\n", b"".join(b"X-%d: y\r\n" % i for i in range(5000))])
async def test_a_huge_header_is_refused(street: Street, head: bytes) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"Content-Length: 0\r\n\r\n")

    with pytest.raises((TooLarge, Unreachable)):
        await street.ask(await street.open_rude(shout))


async def test_a_header_line_that_is_too_long_is_named_as_such(street: Street) -> None:
    async def shout(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 9000 + b"\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(TooLarge, match="header"):
        await street.ask(await street.open_rude(shout))


# --- bounds on time, and peers that break off ---------------------------------------------------------------------------


def _saying(*pieces: bytes, then_wait: bool = False) -> object:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then_wait:
            await asyncio.Event().wait()

    return talk


@pytest.mark.parametrize(
    ("said", "waits", "reason"),
    [
        (b"", True, "in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", True, "in time"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", True, "in time"),
        (b"", False, "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", False, "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", False, "cut its answer short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", False, "cut its answer short"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhe", False, "cut its answer short|does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", False, "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", False, "does not speak HTTP"),
    ],
)
async def test_a_peer_that_is_slow_or_breaks_off_is_unreachable(street: Street, said: bytes, waits: bool, reason: str) -> None:
    peer = await street.open_rude(_saying(said, then_wait=waits))  # type: ignore[arg-type]
    with pytest.raises(Unreachable, match=reason):
        await (await street.client()).get(peer, JSON)


async def test_a_body_that_drips_is_cut_at_the_absolute_deadline(street: Street) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        await _drip(reader, writer)

    peer = await street.open_rude(drip)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(Unreachable, match="in time"):
        await (await street.client()).get(peer, JSON)
    assert 0.7 < loop.time() - began < 2


async def test_redirects_share_one_deadline(street: Street) -> None:
    async def dawdle(request: web.Request) -> web.Response:
        with_time = asyncio.Event()
        asyncio.get_running_loop().call_later(0.25, with_time.set)
        await with_time.wait()
        return web.Response(status=302, headers={"Location": f"{request.path}x"})

    peer = await street.open(web.get("/{rest:.*}", dawdle))
    with pytest.raises(Unreachable, match="in time"):
        await (await street.client()).get(f"{peer}/a", JSON, redirects=20)


async def test_nobody_at_home_is_unreachable(street: Street) -> None:
    street.origins.append("http://127.0.0.1:1")
    with pytest.raises(Unreachable, match="cannot be reached"):
        await (await street.client()).get("http://127.0.0.1:1/", JSON)


async def test_a_caller_that_gives_up_is_not_answered_with_an_error_of_ours(street: Street) -> None:
    peer = await street.open_rude(_saying(b"", then_wait=True))  # type: ignore[arg-type]
    client = await street.client(limits=Limits())
    task = asyncio.create_task(client.get(peer, JSON))
    await asyncio.wait([task], timeout=0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# --- statuses -----------------------------------------------------------------------------------------------------------


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
        assert caught.value.retry_after == 120


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


# --- delivering ---------------------------------------------------------------------------------------------------------


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
    peer = await street.open_rude(_saying(b"HTTP/1.1 202 Accepted\r\n" + rest, then_wait=waits))  # type: ignore[arg-type]
    answer = await (await street.client()).post(f"{peer}/inbox", b"{}", JSON)
    assert answer.status == 202
    assert len(answer.body) <= 16_384


async def _drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    ticks = asyncio.Event()
    while True:
        asyncio.get_running_loop().call_later(0.02, ticks.set)
        await ticks.wait()
        ticks.clear()
        writer.write(b"x")
        await writer.drain()


async def test_a_202_that_came_late_and_drips_on_is_still_a_202(street: Street) -> None:
    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, late.set)
        await late.wait()
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9999\r\n\r\n")
        await _drip(reader, writer)

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
    with pytest.raises(Unreachable, match="broke the connection"):
        await (await street.client()).post(f"{peer}/inbox", b"{}", JSON)
    assert len(calls) == 2


# --- the operator's session ---------------------------------------------------------------------------------------------


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
