"""What others get who ask for this node by its public name: names, TLS, discovery, documents, files, and whether all of a delivery arrives.

It is asked from this machine; a firewall that treats this machine in another way than the rest of the world is not seen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import msgspec

from bridge.checkup.clock import Moments
from bridge.checkup.finding import Finding, failure, fine, warning
from bridge.errors import PeerError, Refused, Unreachable
from bridge.net.client import Answer, Client
from bridge.settings import Settings

__all__ = [
    "Asked",
    "actor_findings",
    "delivery_finding",
    "form_finding",
    "handle_finding",
    "media_finding",
    "name_findings",
    "outside_findings",
    "webfinger_finding",
]

ACTIVITY: Final = "application/activity+json"
JRD: Final = "application/jrd+json"

_THROUGH = "Let the proxy pass every path of the domain on to `listen`, headers and Host unchanged; deploy/README.md has examples."


class Asked(msgspec.Struct, frozen=True):
    """What was asked, and what came: `where` is the address as asked, `url` the one that answered at last."""

    where: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json(self) -> dict[str, Any]:
        """Empty for what is no JSON object."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}


# ---------------------------------------------------------------------------------------------------------------- asking


async def name_findings(settings: Settings, client: Client) -> AsyncIterator[Finding]:
    """Where the names lead, as this machine sees it."""
    for name in dict.fromkeys((settings.host, settings.domain, settings.media_origin.partition("://")[2])):
        if ":" in name:
            yield warning("names", f"{name} has a port, so it is asked as it is.", "Only in development: no other server accepts it.")
            continue
        try:
            found = await client.look_up(name)
        except Refused as error:
            yield warning(
                "names",
                f"Here, {error.public}.",
                "If a name server inside your network says so on purpose, other servers may still see the right address; ask one outside.",
            )
        except Unreachable:
            yield failure("names", f"{name} has no address.", f"Add an A record, and an AAAA record if the server has IPv6, for {name}.")
        else:
            yield fine("names", f"{name} is {', '.join(found)}.")


async def outside_findings(settings: Settings, client: Client, moments: Moments, *, door: str) -> AsyncIterator[Finding]:
    """`door`: the node's own address behind the proxy, to compare with."""
    origin, actor = settings.origin, f"{settings.origin}/actor"
    asked = [
        (f"{origin}/.well-known/webfinger?resource={origin}/", JRD),
        (f"{origin}/", "text/html"),
        (f"{origin}/", ACTIVITY),
        (actor, ACTIVITY),
    ]
    answers = []
    for url, accept in asked:
        found = await _ask(client, url, accept, moments)
        if isinstance(found, Finding):
            yield found
            return  # what one of them cannot do, the others cannot either
        answers.append(found)
    finger, page, root, shown = answers
    yield webfinger_finding(finger, origin)
    if settings.server:
        yield await _handles(settings, client, moments)
    yield form_finding(page, root)
    for finding in actor_findings(shown, actor, await _inside(client, f"{door}/actor")):
        yield finding
    yield await _delivery(settings, client)
    numbers = await _ask(client, f"{origin}/metrics", "text/plain", moments)
    if isinstance(numbers, Asked) and b"folkmoot_" in numbers.body:
        yield failure(
            "proxy", f"{numbers.where} shows everybody what is for the operator alone.", "Let the proxy pass on `listen` and nothing else."
        )
    host = settings.media_origin
    file = await _ask(client, f"{host}/media/{'a' * 26}.png", "image/*", moments)
    yield file if isinstance(file, Finding) else media_finding(file)


async def _ask(client: Client, url: str, accept: str, moments: Moments) -> Asked | Finding:
    area = "media" if accept.startswith("image") else "proxy"
    try:
        answer = await client.get(url, {"Accept": accept, "Cache-Control": "no-cache"}, redirects=3)
    except Unreachable as error:
        if error.answered:
            return failure(area, f"{url} is answered with {error.answered}.", f"The proxy is there, the node behind it is not. {_THROUGH}")
        return failure(area, f"{url} cannot be reached: {error.public}.", _unreachable(error))
    except PeerError as error:
        return failure(area, f"{url}: {error.public}.", _THROUGH)
    moments.note(answer.url.partition("://")[2].partition("/")[0], answer.headers, datetime.now(UTC))
    return _asked(url, answer)


async def _handles(settings: Settings, client: Client, moments: Moments) -> Finding:
    """Handles have another name than URLs: WebFinger is asked there, and must lead here."""
    scheme = settings.origin.partition("://")[0]
    name = settings.domain
    found = await _ask(client, f"{scheme}://{name}/.well-known/webfinger?resource=acct:{name}@{name}", JRD, moments)
    return msgspec.structs.replace(found, area="well-known") if isinstance(found, Finding) else handle_finding(found, name, settings.origin)


async def _inside(client: Client, url: str) -> Asked | None:
    """The same, past the proxy; None when no node runs."""
    try:
        async with client.operator_session().get(url, headers={"Accept": ACTIVITY}) as answer:
            return Asked(url, answer.status, answer.headers, await answer.content.read(1_000_000), url)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None


async def _delivery(settings: Settings, client: Client) -> Finding:
    """The largest activity that is accepted, unsigned: our own refusal shows that all of it came through."""
    size = settings.limits.body_bytes
    url = f"{settings.origin}/inbox"
    try:
        answer = await client.post(url, b"{" + b" " * (size - 2) + b"}", {"Content-Type": ACTIVITY})
    except (PeerError, Unreachable) as error:
        return failure("proxy", f"A delivery of {size:,} bytes to {url} does not arrive: {error.public}.", _BODY)
    return delivery_finding(_asked(url, answer), size)


def _asked(url: str, answer: Answer) -> Asked:
    return Asked(url, answer.status, answer.headers, answer.body, answer.url)


def _unreachable(error: Unreachable) -> str:
    # The client tells what the library raised by its name, and no more.
    if "DNSError" in error.private:
        return "See what is said of the name."
    if "CertificateError" in error.private or "SSLError" in error.private:
        return "The certificate is not for this name, or out of date, or its chain is not complete. Renew it; Caddy does that by itself."
    return "Is the proxy running, and port 443 open? Some routers do not lead back in: then ask from another network."


# --------------------------------------------------------------------------------------------------------------- judging

_BODY = "Let the proxy take bodies of that size: client_max_body_size in nginx, request_body max_size in Caddy; or lower limits.body_bytes."


def webfinger_finding(finger: Asked, origin: str) -> Finding:
    """Whoever types a handle begins here."""
    links = [link for link in finger.json().get("links", ()) if isinstance(link, dict) and link.get("rel") == "self"]
    if finger.status != 200 or not links:
        return failure("well-known", f"{finger.where} is answered with {finger.status}, and not by this node.", _THROUGH)
    if not finger.url.startswith(f"{origin}/"):
        return failure("well-known", f"{finger.where} leads to {finger.url}.", f"Answer it under {origin} itself. {_THROUGH}")
    if finger.media_type != JRD:
        return failure("well-known", f"WebFinger arrives as {finger.media_type or 'no type'} instead of {JRD}.", _THROUGH)
    if links[0].get("href") != f"{origin}/actor":
        return failure(
            "well-known", f"WebFinger names {links[0].get('href')} instead of {origin}/actor.", "Another server answers under this domain."
        )
    return fine("well-known", "WebFinger is answered by this node.")


def handle_finding(finger: Asked, domain: str, origin: str) -> Finding:
    """`finger`: what the domain of the handles answered, or led to."""
    document = finger.json()
    links = [link for link in document.get("links", ()) if isinstance(link, dict) and link.get("rel") == "self"]
    if (
        finger.status == 200
        and document.get("subject") == f"acct:{domain}@{domain}"
        and links
        and links[0].get("href") == f"{origin}/actor"
    ):
        return fine("well-known", f"Handles at {domain} lead to this node.")
    return failure(
        "well-known",
        f"WebFinger at {domain} is answered with {finger.status}, and does not lead to this node.",
        f"Let the web server of {domain} redirect /.well-known/webfinger to {origin}, with the query; deploy/README.md has examples.",
    )


def form_finding(page: Asked, root: Asked) -> Finding:
    """People get a page and software a document, from the same address."""
    if root.media_type == "text/html" or page.media_type != "text/html":
        return failure(
            "proxy",
            f"{page.where} is {page.media_type or 'of no type'} for people and {root.media_type or 'of no type'} for software.",
            "Something in front of the node keeps one answer for both. Let it respect `Vary: Accept`, or keep nothing.",
        )
    return fine("proxy", "People get pages and software gets documents, from the same addresses.")


def actor_findings(shown: Asked, actor: str, inside: Asked | None) -> Iterator[Finding]:
    """`inside`: the same document, asked past the proxy."""
    document = shown.json()
    if shown.status != 200 or document.get("id") != actor:
        yield failure("proxy", f"{actor} is answered with {shown.status}, and not by this node.", _THROUGH)
        return
    if shown.media_type != ACTIVITY:
        yield failure("proxy", f"{actor} arrives as {shown.media_type or 'no type'} instead of {ACTIVITY}.", _THROUGH)
        return
    if inside is not None and inside.json().get("publicKey") != document.get("publicKey"):
        yield failure(
            "proxy", "The public address leads to another node than the one that runs here.", "Point the proxy at `listen` of this one."
        )
        return
    lost = [name for name in ("Vary", "X-Content-Type-Options", "Access-Control-Allow-Origin") if name not in shown.headers]
    if lost:
        yield warning(
            "proxy", f"On the way out these headers are lost: {', '.join(lost)}.", "Let the proxy leave the node's headers alone."
        )
    yield fine(
        "proxy", "An actor can be fetched through the public address." if inside is None else "The public address leads to this node."
    )


def delivery_finding(answer: Asked, size: int) -> Finding:
    if answer.status == 401 and "error" in answer.json():
        return fine("proxy", f"A delivery of {size:,} bytes arrives, and is refused for want of a signature, as it should be.")
    if answer.status == 413:
        return failure("proxy", f"The proxy takes no delivery of {size:,} bytes.", _BODY)
    return failure("proxy", f"A delivery to {answer.where} is answered with {answer.status}, and not by this node.", _THROUGH)


def media_finding(file: Asked) -> Finding:
    """A file that is not there, as only our own media door refuses it."""
    host = file.where.partition("://")[2].partition("/")[0]
    if file.status == 404 and "sandbox" in file.headers.get("Content-Security-Policy", ""):
        return fine("media", f"Members' files are served under {host}.")
    return failure(
        "media",
        f"{host} is answered with {file.status}, and not by this node's files.",
        f"Let the proxy pass {host} on to `listen` like the domain, with the Host header unchanged.",
    )
