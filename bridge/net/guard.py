"""No URL or address that came from a peer leads to a connection inside: the operator's machine, network or cloud.

Two pure checks, used one after the other: `admit` on the text of a URL before anything is looked up, `refusal` on every
address a name resolved to, at the moment the socket is made. Between the two no name is resolved again, so a name that
changes its answer gains nothing.

Registers: https://www.iana.org/assignments/iana-ipv4-special-registry and …/iana-ipv6-special-registry
(RFC 6890, RFC 6052, RFC 3056, RFC 4380, RFC 4291); names: RFC 6761, RFC 7686, RFC 8375, RFC 9476.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import msgspec
from yarl import URL

from bridge.errors import BadSetting, Refused
from bridge.settings import Development

__all__ = [
    "HTTPS_PORT",
    "LONGEST_URL",
    "AddressRefused",
    "Policy",
    "admit",
    "origin",
    "policy_for",
    "refusal",
    "socket_factory",
]

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

HTTPS_PORT = 443
LONGEST_URL = 2048
"""Characters. Longer ids exist nowhere we have seen; Mastodon and Lemmy stop at about the same length."""

_SPECIAL_V4: tuple[tuple[IPv4Network, str], ...] = tuple(
    (IPv4Network(block), name)
    for block, name in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared with a provider"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved or broadcast"),
    )
)

_GLOBAL_V6 = IPv6Network("2000::/3")
_SPECIAL_V6: tuple[tuple[IPv6Network, str], ...] = tuple(
    (IPv6Network(block), name)
    for block, name in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_INNER_NAMES = frozenset(
    {"alt", "arpa", "corp", "home", "i2p", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost"}
    | {"onion", "private"}
)
"""Last labels that no public name has: reserved, or answered only inside somebody's own network."""

_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


class AddressRefused(PermissionError):
    """What the socket factory raises, because connectors pass on only `OSError`; `client` turns it into `Refused`."""


class Policy(msgspec.Struct, frozen=True):
    """What may be reached. The default is production: https, port 443, public addresses, nothing else."""

    networks: tuple[_Network, ...] = ()
    ports: frozenset[int] = frozenset({HTTPS_PORT})
    origins: frozenset[str] = frozenset()
    """Development origins, in the form `origin` gives."""
    operator_origins: frozenset[str] = frozenset()
    """Origins the operator set himself. They hold for the operator's session only, never for a URL from a peer."""
    ca_file: str | None = None
    is_open: bool = False
    """Whether the development switch is on, so that the client can say so loudly."""


def policy_for(development: Development | None = None, *, operator_urls: Iterable[str] = ()) -> Policy:
    """The policy from the settings: production unless the switch is on. `operator_urls` are the likes of the homeserver's.

    Raises `BadSetting` for what is no origin or network.
    """
    chosen = development if development is not None and development.enabled else Development()
    origins = frozenset(_set_origin(text, f"$.development.origins[{i}]") for i, text in enumerate(chosen.origins))
    return Policy(
        networks=tuple(_set_network(text, f"$.development.networks[{i}]") for i, text in enumerate(chosen.networks)),
        ports=frozenset({HTTPS_PORT}) | {port for text in origins if (port := URL(text).port) is not None},
        origins=origins,
        operator_origins=frozenset(_set_origin(text, "$.matrix.homeserver") for text in operator_urls),
        ca_file=chosen.ca_file or None,
        is_open=chosen.enabled,
    )


def refusal(address: str, port: int, policy: Policy) -> str | None:
    """Why no socket may be opened to this numeric address and port, in words for people; None when it may.

    An IPv4 address wrapped as `::ffff:a.b.c.d` is judged as what it wraps. The other wrappings (IPv4-compatible, NAT64,
    6to4, Teredo) are refused whole: `ipaddress.is_global` says yes to some of them, and 0.0.0.0 slipped through a
    blocklist in activitypub-federation (CVE-2026-33693), hence the allow-list for IPv6 and the full table for IPv4.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return f"{address[:64]!r} is not an address"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    if not any(parsed in network for network in policy.networks):
        kind = _special_kind(parsed)
        if kind is not None:
            return f"{parsed} is not an address on the public internet ({kind})"
    if port not in policy.ports:
        return f"port {port} is not allowed; only {', '.join(str(each) for each in sorted(policy.ports))}"
    return None


def admit(text: str, policy: Policy) -> URL:
    """The URL to send, without its fragment, its path and query byte for byte as the peer wrote them.

    Raises `Refused` for anything but https on port 443 to a public-looking name, or a development origin. A literal
    address is judged at once; a name is judged again by address when the socket is made.
    """
    url = _parse(text)
    host = url.raw_host or ""
    here = str(url.origin())
    if here in policy.origins:
        return url
    if url.scheme != "https":
        raise Refused(f"{url.scheme} addresses are not fetched, only https", private=f"only https is fetched, not {here}")
    if url.port != HTTPS_PORT:
        raise Refused(f"port {url.port} is not allowed, only {HTTPS_PORT}", private=f"only port {HTTPS_PORT} is allowed, not {here}")
    reason = refusal(host, HTTPS_PORT, policy) if ":" in host or _is_numeric(host) else _name_refusal(host)
    if reason is not None:
        raise Refused(reason)
    return url


@lru_cache(maxsize=4_096)
def origin(text: str) -> str:
    """`scheme://host[:port]` in lower case, the scheme's own port left out. Raises `Refused` when there is none."""
    return str(_parse(text).origin())


def socket_factory(
    policy: Policy,
) -> Callable[[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]], socket.socket]:
    """For `TCPConnector(socket_factory=…)`: the one place that every connection passes, literal addresses included."""

    def make(address_info: tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]) -> socket.socket:
        family, kind, proto, _, peer = address_info
        if family not in (socket.AF_INET, socket.AF_INET6):
            raise AddressRefused(f"address family {family} is not allowed")
        reason = refusal(peer[0], peer[1], policy)
        if reason is not None:
            raise AddressRefused(reason)
        return socket.socket(family, kind, proto)

    return make


def _special_kind(address: _Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((name for network, name in _SPECIAL_V4 if address in network), None)
    named = next((name for network, name in _SPECIAL_V6 if address in network), None)
    if named is not None:
        return named
    return None if address in _GLOBAL_V6 else "reserved"


@lru_cache(maxsize=4_096)
def _parse(text: str) -> URL:
    if len(text) > LONGEST_URL:
        raise Refused(f"the address is longer than {LONGEST_URL} characters")
    if _UNSAFE.search(text):
        raise Refused("the address holds a space, a control character or a backslash")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise Refused(f"{scheme[:16]!r} is not https")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :].partition("#")[0]
    if "@" in authority or "%" in authority:
        raise Refused("the address holds a user name, a password or an escaped host")
    if not tail.startswith("/"):
        tail = f"/{tail}"
    try:
        # Escaped parts are left as they are: `%40` and `@` name the same thing, but a signature covers bytes.
        url = URL(f"{scheme.lower()}://{authority}{tail}", encoded=text.isascii() and authority == authority.lower())
        host, _ = url.raw_host or "", url.port  # read on first use, and only then found wrong
    except ValueError as problem:
        raise Refused("the address cannot be read", private=f"the address cannot be read: {problem}") from problem
    is_literal = ":" in host
    if is_literal != authority.startswith("[") or len(host) > 253 or not (is_literal or _HOST.fullmatch(host)):
        raise Refused(f"{host[:64]!r} is not a host name")
    return url


def _is_numeric(host: str) -> bool:
    """Whether the C library might read the host as an IPv4 address: `127.1`, `0x7f.1`, `2130706433`, `0177.0.0.1`."""
    return _NUMERIC.fullmatch(host.rsplit(".", 1)[-1]) is not None


def _name_refusal(host: str) -> str | None:
    labels = host.split(".")
    if len(labels) == 1 or labels[-1] in _INNER_NAMES:
        return f"{host} is not a name on the public internet"
    return None


def _set_network(text: str, key: str) -> _Network:
    try:
        return ip_network(text)
    except ValueError as problem:
        raise BadSetting(f"{text!r} is not a network", key=key, remedy="Write it as `127.0.0.0/8`.") from problem


def _set_origin(text: str, key: str) -> str:
    try:
        return origin(text)
    except Refused as problem:
        raise BadSetting(problem.public, key=key, remedy="Write it as `http://127.0.0.1:8448`.") from problem
