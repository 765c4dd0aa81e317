"""Everything this product asks of other servers leaves through here: guarded, bounded in bytes and time, never followed blindly.

Signing happens per hop, because a signature covers method, host and path: one that was made for the first address must
not travel to the second (Fedify CVE-2026-77632).

Links: https://www.rfc-editor.org/rfc/rfc9110 (sections 10.2.3 Retry-After, 15.4 redirects)
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from aiohttp.http_exceptions import LineTooLong
from multidict import CIMultiDictProxy
from yarl import URL

from bridge.errors import BadSetting, Invariant, Malformed, Refused, TooLarge, Unreachable
from bridge.logs import logger
from bridge.net.guard import HTTPS_PORT, AddressRefused, Policy, admit, socket_factory
from bridge.net.resolver import GuardedResolver

__all__ = ["LONGEST_WAIT", "MEGABYTE", "Answer", "Client", "Limits", "Sign", "retry_after", "user_agent"]

MEGABYTE = 1_000_000
LONGEST_WAIT = 24 * 3600.0
"""Seconds: a peer that asks for more is asked again after this."""

_SHORT_ANSWER = 16_384
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_WAIT_AND_SEE = frozenset({408, 425, 429})

Sign = Callable[[str, str, Mapping[str, str], bytes], Mapping[str, str]]
"""(method, URL as sent, headers as sent, body) -> the headers to add or replace; called once per hop, just before sending."""


class Limits(msgspec.Struct, frozen=True):
    """Seconds and counts; `total` counts from the call to the last byte, redirects and waiting for a connection included."""

    lookup: float = 5.0
    connect: float = 5.0
    read: float = 10.0
    total: float = 30.0
    connections: int = 256
    per_host: int = 4
    idle: float = 4.0
    """How long an unused connection is kept. Below 5 s, after which Node servers (Misskey, Fedify) close theirs."""


class Answer(msgspec.Struct, frozen=True):
    """What a peer answered, body inflated; `url` is the address as asked for, or redirected to at last, without its fragment."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    url: str


class Client:
    """The only way out for URLs that came from a peer. Use as `async with Client(policy, agent) as client`.

    `get` and `post` return an `Answer` for every status that says something final, and raise
    `Refused` (the guard, a redirect too many or in a circle), `TooLarge`, `Malformed` (an encoding or compression that
    cannot be read), or `Unreachable` (name, connection, TLS, time, 408, 425, 429, 5xx but 501; with `retry_after`).
    """

    def __init__(
        self,
        policy: Policy,
        agent: str,
        *,
        limits: Limits | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """`agent` is the User-Agent, see `user_agent`; `resolver` replaces the system's, behind the same guard."""
        self._policy = policy
        self._agent = agent
        self._limits = limits or Limits()
        self._inner_resolver = resolver
        self._resolver: GuardedResolver | None = None
        self._peers: aiohttp.ClientSession | None = None
        self._operator: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        limits = self._limits
        trust = _trust(self._policy)
        self._resolver = GuardedResolver(self._policy, seconds=limits.lookup, inner=self._inner_resolver)
        self._peers = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=limits.connections,
                limit_per_host=limits.per_host,
                keepalive_timeout=limits.idle,
                ttl_dns_cache=60,
                resolver=self._resolver,
                socket_factory=socket_factory(self._policy),
                ssl=trust,
            ),
            # Compressed bodies are inflated here with a bound, not by the library: ten bytes can become ten thousand.
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect, sock_read=limits.read),
        )
        self._operator = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=64, limit_per_host=64, ssl=trust),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": self._agent},
            timeout=aiohttp.ClientTimeout(total=180, sock_connect=limits.connect),
            middlewares=(self._only_operator_origins,),
        )
        if self._policy.is_open:
            logger().warning(
                "guard.opened",
                networks=[str(network) for network in self._policy.networks],
                origins=sorted(self._policy.origins),
            )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        for session in (self._peers, self._operator):
            if session is not None:
                await session.close()
        if self._resolver is not None:
            await self._resolver.close()

    async def look_up(self, host: str) -> tuple[str, ...]:
        """The public addresses of a name, as a request would find them. Raises Refused when it leads inward, Unreachable when nowhere."""
        if self._resolver is None:
            raise Invariant("the outbound client is used outside of `async with Client(…)`")
        try:
            found = await self._resolver.resolve(host, HTTPS_PORT)
        except AddressRefused as problem:
            raise Refused(str(problem)) from problem
        except (TimeoutError, OSError) as problem:
            raise _unreachable(f"{host} has no address", problem) from problem
        return tuple(dict.fromkeys(each["host"] for each in found))

    def operator_session(self) -> aiohttp.ClientSession:
        """A session for the origins the operator set (`Policy.operator_origins`), unguarded for them, shut for others.

        The homeserver often is on loopback, so its address proves nothing; the exact origin does, on every redirect
        too. It belongs to this client: borrowers must not close it. Long polls fit into its 180 s.
        """
        return self._session(self._operator)

    async def get(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        accept_limit: int = MEGABYTE,
        redirects: int = 3,
        sign: Sign | None = None,
    ) -> Answer:
        """Fetch, following up to `redirects` redirects, each checked and signed anew; `headers` hold no secrets.

        `accept_limit` is in bytes, before and after inflating.
        """
        async with self._bounded(url):
            asked = url.partition("#")[0]
            seen: set[str] = set()
            for _ in range(redirects + 1):
                target = admit(asked, self._policy)
                if str(target) in seen:
                    raise Refused("it redirects in a circle", private=f"it redirects in a circle: {target.raw_host}")
                seen.add(str(target))
                async with self._request("GET", target, headers, b"", sign) as response:
                    location = response.headers.get("Location")
                    if response.status not in _REDIRECTS or location is None:
                        body = bytearray()
                        await _read_into(body, response, accept_limit)
                        return Answer(response.status, response.headers, bytes(body), asked)
                asked = _next_address(target, location).partition("#")[0]
            raise Refused(f"it redirects more than {redirects} times", private=f"it redirects more than {redirects} times: {url[:200]}")

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], sign: Sign | None = None) -> Answer:
        """Send, never following a redirect: a 3xx is an answer like any other.

        Once the status is there the item counts as answered, whatever becomes of the rest: at most 16 kB of it are
        read, and a body that is cut off, endless or badly compressed does not turn a 202 into a failure.
        """
        async with self._bounded(url) as deadline:
            target = admit(url, self._policy)
            try:
                return await self._post_once(url, target, body, headers, sign=sign, deadline=deadline)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # A kept connection that the peer closed just now. Sending again is safe (same activity id) and
                # spares a minute of waiting for the schedule.
                return await self._post_once(url, target, body, headers, sign=sign, deadline=deadline)

    async def _post_once(
        self, url: str, target: URL, body: bytes, headers: Mapping[str, str], *, sign: Sign | None, deadline: asyncio.Timeout
    ) -> Answer:
        async with self._request("POST", target, headers, body, sign) as response:
            deadline.reschedule(None)  # the status is there: from now on only the reading below is bounded
            said = bytearray()
            try:
                async with asyncio.timeout(self._limits.read):
                    await _read_into(said, response, _SHORT_ANSWER)
            except (TooLarge, Malformed, aiohttp.ClientError, OSError):  # TimeoutError is an OSError
                response.close()
            return Answer(response.status, response.headers, bytes(said[:_SHORT_ANSWER]), url.partition("#")[0])

    @asynccontextmanager
    async def _request(
        self, method: str, target: URL, headers: Mapping[str, str], body: bytes, sign: Sign | None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        sent = {"Accept-Encoding": "gzip", "User-Agent": self._agent, **headers}
        if sign is not None:
            sent.update(sign(method, str(target), sent, body))
        session = self._session(self._peers)
        data = body if method == "POST" else None
        async with session.request(method, target, headers=sent, data=data, allow_redirects=False) as response:
            if response.status in _WAIT_AND_SEE or (response.status >= 500 and response.status != 501):
                said, wait = f"{target.raw_host} answered {response.status}", retry_after(response.headers)
                raise Unreachable(said, retry_after=wait, answered=response.status)
            yield response

    @asynccontextmanager
    async def _bounded(self, url: str) -> AsyncIterator[asyncio.Timeout]:
        """The absolute deadline, and every foreign exception as one of ours."""
        host = admit(url, self._policy).raw_host
        try:
            async with asyncio.timeout(self._limits.total) as deadline:
                yield deadline
        except aiohttp.ClientConnectorError as problem:
            if isinstance(problem.os_error, AddressRefused):
                raise Refused(f"{host} may not be reached: {problem.os_error}") from problem
            raise _unreachable(f"{host} cannot be reached", problem) from problem
        except aiohttp.ClientResponseError as problem:
            if any(isinstance(cause, LineTooLong) for cause in _causes(problem)):
                raise TooLarge(f"{host} answered with too long a header") from problem
            # Without the library's sentence, which quotes what the peer sent.
            raise Unreachable(f"{host} does not speak HTTP as we know it") from problem
        except aiohttp.InvalidURL as problem:
            raise Refused("the address cannot be read", private=f"the address cannot be read: {host}") from problem
        except aiohttp.ClientPayloadError as problem:
            raise _unreachable(f"{host} cut its answer short", problem) from problem
        except TimeoutError as problem:
            raise _unreachable(f"{host} did not answer in time", problem) from problem
        except (aiohttp.ClientError, OSError) as problem:
            raise _unreachable(f"{host} broke the connection", problem) from problem

    async def _only_operator_origins(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        here = str(request.url.origin())
        if here not in self._policy.operator_origins:
            raise Refused(f"{here} is not an address that the operator set")
        return await send(request)

    @staticmethod
    def _session(session: aiohttp.ClientSession | None) -> aiohttp.ClientSession:
        if session is None:
            raise Invariant("the outbound client is used outside of `async with Client(…)`")
        return session


def user_agent(version: str, domain: str) -> str:
    """How we name ourselves to peers, so that their operators find the people behind a request."""
    return f"folkmoot/{version} (+https://{domain}/)"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the peer asks us to wait, at most a day; None when it does not say so in a readable way.

    A date is measured against the peer's own `Date`, so neither clock needs to be right.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        # Twelve digits are more than any wait and keep int() from a megabyte of nines.
        return min(float(int(text[:12])), LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(headers.get("Date", ""))
        # A date with the zone `-0000` comes without one; both are UTC in HTTP.
        seconds = (until.replace(tzinfo=None) - now.replace(tzinfo=None)).total_seconds()
    except (ValueError, TypeError, IndexError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _unreachable(public: str, problem: BaseException) -> Unreachable:
    return Unreachable(public, private=f"{public} ({type(problem).__name__}: {problem})")


def _causes(problem: BaseException) -> Iterator[BaseException]:
    cause = problem.__cause__
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _trust(policy: Policy) -> ssl.SSLContext | bool:
    if policy.ca_file is None:
        return True  # the library's own context: the system's authorities, read once
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=policy.ca_file)
    except (OSError, ssl.SSLError) as problem:
        raise BadSetting(
            f"{policy.ca_file} cannot be read as certificates",
            key="$.development.ca_file",
            remedy="Name a PEM file with at least one certificate.",
        ) from problem
    return context


def _next_address(target: URL, location: str) -> str:
    """The redirect's address as text, so that `admit` judges it like any other."""
    if "://" in location.partition("?")[0]:
        return location
    try:
        return str(target.join(URL(location, encoded=location.isascii())))
    except ValueError as problem:
        raise Refused(
            "it redirects to an address that cannot be read", private=f"it redirects to an address that cannot be read: {target.raw_host}"
        ) from problem


async def _read_into(body: bytearray, response: aiohttp.ClientResponse, limit: int) -> None:
    """Add the body to `body`, inflated. Raises `TooLarge` past `limit` bytes, `Malformed` for what cannot be inflated."""
    host = response.url.raw_host
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Malformed(f"{host} answered in an encoding that was not asked for")
    if response.content_length is not None and response.content_length > limit:
        raise TooLarge(f"{host} answered with more than {limit} bytes")
    inflater = zlib.decompressobj(wbits=31) if encoding in ("gzip", "x-gzip") else None
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        if inflater is None:
            body += chunk
        else:
            try:
                body += inflater.decompress(chunk, limit + 1 - len(body))
            except zlib.error as problem:
                raise Malformed(f"{host} answered with broken compression") from problem
        if len(body) > limit or received > limit:
            raise TooLarge(f"{host} answered with more than {limit} bytes")
    if inflater is not None and received and (not inflater.eof or inflater.unused_data):
        raise Malformed(f"{host} answered with broken compression")
