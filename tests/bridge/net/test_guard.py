"""What the guard lets through, range by range and spelling by spelling."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadSetting, Refused
from bridge.net.guard import AddressRefused, Policy, admit, origin, policy_for, refusal, socket_factory
from bridge.settings import Development

PRODUCTION = Policy()
WORKSHOP = policy_for(
    Development(
        enabled=True,
        networks=("127.0.0.0/8",),
        origins=("http://127.0.0.1:8448", "https://a.test:8449", "http://localhost:8450"),
    )
)

SPECIAL_V4 = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24"),
    *("192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15"),
    *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "255.255.255.255/32"),
)
SPECIAL_V6 = (
    *("::/128", "::1/128", "::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001::/32", "2001:db8::/32", "2002::/16"),
    *("3fff::/20", "4000::/2", "8000::/1", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "5f00::/16", "2620:4f:8000::/48"),
)
PUBLIC = (
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "128.0.0.0",
    "172.15.0.1",
    "172.32.0.0",
    "223.255.255.255",
)
PUBLIC_V6 = ("2606:4700::1111", "2a01:4f8::1", "2001:4860:4860::8888", "2003::1")


@pytest.mark.parametrize("block", SPECIAL_V4 + SPECIAL_V6)
def test_no_special_range_is_reachable_from_its_first_address_to_its_last(block: str) -> None:
    network = ip_network(block)
    for address in (network[0], network[network.num_addresses // 2], network[-1]):
        reason = refusal(str(address), 443, PRODUCTION)
        assert reason is not None
        assert "public internet" in reason


@pytest.mark.parametrize("block", SPECIAL_V4)
def test_wrapping_an_inner_address_does_not_let_it_through(block: str) -> None:
    for inner in (ip_network(block)[0], ip_network(block)[-1]):
        number = int(inner)
        wrapped = (
            ip_address((0xFFFF << 32) | number),  # mapped
            ip_address(number + (1 << 128) if number < 2 else number) if number > 1 else ip_address("::1"),  # compatible
            ip_address((0x0064FF9B << 96) | number),  # NAT64
            ip_address((0x2002 << 112) | (number << 80)),  # 6to4
            ip_address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)),  # Teredo client
        )
        for address in wrapped:
            assert refusal(str(address), 443, PRODUCTION) is not None, address


@pytest.mark.parametrize("address", PUBLIC + PUBLIC_V6)
def test_the_public_internet_is_reachable(address: str) -> None:
    assert refusal(address, 443, PRODUCTION) is None


def test_a_mapped_public_address_counts_as_what_it_wraps() -> None:
    assert refusal("::ffff:1.1.1.1", 443, PRODUCTION) is None


@given(st.integers(0, 2**32 - 1))
def test_what_the_standard_library_calls_inner_is_never_reachable(number: int) -> None:
    address = IPv4Address(number)
    if not address.is_global or address.is_multicast:
        assert refusal(str(address), 443, PRODUCTION) is not None
        assert refusal(f"::ffff:{address}", 443, PRODUCTION) is not None


@pytest.mark.parametrize("text", ["", "nonsense", "127.1", "0x7f.0.0.1", "1.2.3.4.5", "1.1.1.1 ", "::g", "300.1.1.1"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert "is not an address" in str(refusal(text, 443, PRODUCTION))


@pytest.mark.parametrize("port", [0, 22, 25, 80, 6379, 8008, 8080, 8443, 65535])
def test_only_port_443_is_allowed_in_production(port: int) -> None:
    assert refusal("1.1.1.1", port, PRODUCTION) == f"port {port} is not allowed; only 443"


def test_the_development_switch_opens_the_named_range_and_ports_and_nothing_else() -> None:
    assert refusal("127.0.0.1", 8448, WORKSHOP) is None
    assert refusal("127.9.9.9", 443, WORKSHOP) is None
    assert refusal("::ffff:127.0.0.1", 443, WORKSHOP) is None
    assert refusal("127.0.0.1", 22, WORKSHOP) is not None
    assert refusal("10.0.0.1", 443, WORKSHOP) is not None
    assert refusal("::1", 443, WORKSHOP) is not None
    assert refusal("64:ff9b::7f00:1", 443, WORKSHOP) is not None


def test_without_the_switch_the_rest_of_the_section_counts_for_nothing() -> None:
    half = Development(enabled=False, networks=("0.0.0.0/0",), origins=("http://127.0.0.1:1",), ca_file="x.pem")
    assert policy_for(half) == Policy()


@pytest.mark.parametrize(
    ("section", "key"),
    [
        (Development(enabled=True, networks=("127.0.0.1/8",)), "$.development.networks[0]"),
        (Development(enabled=True, origins=("http://127.0.0.1:1", "ftp://x")), "$.development.origins[1]"),
        (Development(enabled=True, origins=("http://127.0.0.1:99999",)), "$.development.origins[0]"),
    ],
)
def test_a_wrong_line_is_named_by_its_key(section: Development, key: str) -> None:
    with pytest.raises(BadSetting) as caught:
        policy_for(section)
    assert caught.value.key == key
    assert caught.value.remedy


def test_the_socket_is_made_only_for_an_allowed_address() -> None:
    make = socket_factory(PRODUCTION)
    with make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 443))) as made:
        assert made.family == socket.AF_INET
    with pytest.raises(AddressRefused):
        make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443)))
    with pytest.raises(AddressRefused):
        make((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", 443, 0, 0)))
    with pytest.raises(AddressRefused):
        make((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%eth0", 443, 0, 2)))
    with pytest.raises(AddressRefused, match="family"):
        make((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", ("/run/x.sock", 443)))


@pytest.mark.parametrize(
    "text",
    [
        # scheme
        *("http://a.example/", "ftp://a.example/", "file:///etc/passwd", "data:text/plain,x", "gopher://a.example/", "//a.example/x", ""),
        *("a.example", "javascript:alert(1)", "httpsx://a.example/", "unix:///run/x.sock"),
        # port
        *("https://a.example:80/", "https://a.example:8443/", "https://a.example:0/", "https://a.example:99999/", "https://a.example:x/"),
        # user names and tricks with the authority
        *("https://me@a.example/", "https://me:pw@a.example/", "https://@a.example/", "https://a.example\\@b.example/"),
        *("https://%31%32%37.0.0.1/", "https://a.example%2eb/", "https:///x", "https://", "https://?x", "https://#x"),
        # characters
        *(
            "https://a.example/\r\nHost: b",
            "https://a.exa\tmple/",
            " https://a.example/",
            "https://a.example/\x00",
            "https://a.example/a b",
        ),
        # literal addresses, however they are spelled
        *("https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/"),
        *("https://0/", "https://0.0.0.0/", "https://[::]/", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/"),
        *("https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/", "https://169.254.169.254/latest/"),
        *("https://１２７.0.0.1/", "https://127。0。0。1/", "https://127.0.0.1./", "https://[::1", "https://[v1.a]/"),
        # names that mean something only inside
        *(
            "https://localhost/",
            "https://LOCALHOST/",
            "https://ⓛocalhost/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://db/",
        ),
        *("https://x.onion/", "https://x.i2p/", "https://metadata.google.internal/", "https://router.lan/", "https://a.home.arpa/"),
        # names that are none
        *("https://a..example/", "https://.example/", "https://a.example./", "https://-a.example/", f"https://{'a' * 64}.example/"),
        f"https://a.example/{'x' * 2048}",
    ],
)
def test_an_address_that_is_not_a_plain_public_https_one_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        admit(text, PRODUCTION)
    assert "\r" not in caught.value.public
    assert len(caught.value.public) < 200


@given(st.text(max_size=40), st.sampled_from(["", "https://", "https://a.example/", "https://[", "https://a.example:"]))
def test_any_text_is_admitted_or_refused_and_nothing_else(text: str, start: str) -> None:
    try:
        url = admit(start + text, PRODUCTION)
    except Refused:
        return
    assert (url.scheme, url.port, url.user, url.fragment) == ("https", 443, None, "")
    assert str(url).isascii()


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("https://a.example", "https://a.example/"),
        ("https://a.example?x=1", "https://a.example/?x=1"),
        ("https://a.example/u#main-key", "https://a.example/u"),
        ("https://a.example:443/u", "https://a.example/u"),
        ("HTTPS://A.Example/U", "https://a.example/U"),
        ("https://a.example/%40x/../y?u=https%3A%2F%2Fb", "https://a.example/%40x/../y?u=https%3A%2F%2Fb"),
        ("https://bücher.example/é", "https://xn--bcher-kva.example/%C3%A9"),
        ("https://1.1.1.1/x", "https://1.1.1.1/x"),
    ],
)
def test_what_is_sent_is_what_the_peer_wrote(text: str, sent: str) -> None:
    assert str(admit(text, PRODUCTION)) == sent


def test_a_development_origin_is_let_through_by_exact_match_only() -> None:
    for text in ("http://127.0.0.1:8448/x", "https://a.test:8449/x", "http://localhost:8450/"):
        assert str(admit(text, WORKSHOP)) == text
    for text in ("http://127.0.0.1:8449/", "https://127.0.0.1:8448/", "http://a.test:8449/", "http://b.test/", "http://localhost/"):
        with pytest.raises(Refused):
            admit(text, WORKSHOP)


def test_operator_origins_open_nothing_for_a_peer() -> None:
    policy = policy_for(operator_urls=("http://localhost:8008/", "https://matrix.example"))
    assert policy.operator_origins == {"http://localhost:8008", "https://matrix.example"}
    with pytest.raises(Refused):
        admit("http://localhost:8008/_synapse/admin", policy)
    assert refusal("127.0.0.1", 8008, policy) is not None


def test_an_origin_has_one_form() -> None:
    assert origin("HTTPS://A.Example:443/x?y#z") == "https://a.example"
    assert origin("http://a.example:80") == "http://a.example"
    assert origin("https://a.example:444") == "https://a.example:444"
    with pytest.raises(Refused):
        origin("a.example")
