"""Where the outbound client never goes, directly or by redirect; real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import pytest

from bridge.errors import Refused, Unreachable
from bridge.net.client import Client, Limits
from bridge.net.guard import Policy
from tests.bridge.net.street import JSON, Names, Street, Visitors, answering

# --- the guard -------------------------------------------------------------------------------------------------------


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


# --- redirects -------------------------------------------------------------------------------------------------------


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


async def test_a_name_is_looked_up_behind_the_same_guard(street: Street) -> None:
    names = Names(moot_example=[["93.184.216.34", "2606:2800:220:1::1"]], inner_example=[["10.0.0.5"]])
    client = await street.client(names=names, networks=())

    assert await client.look_up("moot.example") == ("93.184.216.34", "2606:2800:220:1::1")
    with pytest.raises(Refused, match=r"inner\.example: 10\.0\.0\.5 is not an address on the public internet"):
        await client.look_up("inner.example")


async def test_a_name_that_leads_nowhere_is_said_to(street: Street) -> None:
    client = await street.client(names=Names(gone_example=[[]]))

    with pytest.raises(Unreachable, match=r"gone\.example has no address"):
        await client.look_up("gone.example")
