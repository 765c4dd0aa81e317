"""A request as its signature sees it: header lines kept apart, the body as raw bytes, digests and dates read strictly.

RFC 3230 (Digest) · RFC 9530 (Content-Digest) · RFC 9110 5.6.7 (dates)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias

import http_sf
import msgspec

from bridge.errors import Unverified

__all__ = [
    "Claimed",
    "Request",
    "Scheme",
    "check_content_digest",
    "check_digest",
    "digest_of",
    "field",
    "from_base64",
    "read_date",
    "write_date",
]

Scheme: TypeAlias = Literal["draft", "rfc9421"]

_ONCE = frozenset({"host", "date", "digest", "content-digest", "content-length", "content-type", "signature", "signature-input"})
"""Headers that may appear one time only; a second line is an attempt to have two readers see two requests."""


class Request(msgspec.Struct, frozen=True, dict=True):
    """One HTTP request, coming in or going out.

    `target` is path and query as on the wire (`/inbox?x=1`), `host` the authority it is sent to (port only where it is not
    the scheme's own), `headers` every line in order, `body` the raw bytes before any decoding, None when there is none.
    Incoming, `host` is what the peer wrote and is not used: the configured public origin is.
    """

    method: str
    target: str
    host: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    scheme: str = "https"

    @property
    def carries_body(self) -> bool:
        """Whether a digest must be there: an empty POST needs one too, or it could be given a body on the way."""
        return bool(self.body) or self.method not in {"GET", "HEAD"}

    @cached_property
    def fields(self) -> dict[str, list[str]]:
        """The values of each header, in order, under its name in lower case."""
        found: dict[str, list[str]] = {}
        for key, value in self.headers:
            found.setdefault(key.lower(), []).append(value)
        return found

    def lines(self, name: str) -> list[str]:
        """The values of one header, in order; `name` in lower case."""
        return self.fields.get(name, [])


class Claimed(msgspec.Struct, frozen=True):
    """What a signature says about itself, read and within policy, but not yet checked with a key.

    `algorithm` is "" when the sender leaves it to the key. `signed_at` is the earliest covered date. `texts` are the byte
    strings the draft form may have signed (with the query and without); RFC 9421 builds its own from `request` and `url`.
    """

    scheme: Scheme
    key_id: str
    algorithm: str
    covered: tuple[str, ...]
    signature: bytes
    request: Request
    url: str
    dates: tuple[datetime, ...] = ()
    expires: datetime | None = None
    texts: tuple[bytes, ...] = ()

    @property
    def signed_at(self) -> datetime:
        """Call it only on what `read_signature` returned: coverage of a date is checked there."""
        return min(self.dates)


def field(fields: dict[str, list[str]], name: str) -> str:
    """The value of one covered header, lines joined as the drafts say. Raises Unverified when it is absent or ambiguous."""
    values = fields.get(name)
    if not values:
        raise Unverified(f"The signature covers the header {name!r}, which the request does not have.")
    if len(values) > 1 and name in _ONCE:
        raise Unverified(f"The header {name!r} is there {len(values)} times; send it once.")
    value = values[0].strip(" \t") if len(values) == 1 else ", ".join(line.strip(" \t") for line in values)
    if "\n" in value or "\r" in value:
        raise Unverified(f"The header {name!r} holds a line break.")
    return value


def digest_of(body: bytes) -> str:
    """`SHA-256=…`: upper case and alone, because PieFed and Threads compare the name as text and Lemmy checks every entry."""
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def check_digest(value: str, body: bytes) -> None:
    """Every known entry of a `Digest` header must match the body and one must be known; names in any case.

    Raises Unverified.
    """
    found: dict[str, bytes] = {}
    for entry in value.split(","):
        name, equals, encoded = entry.strip(" \t").partition("=")
        name = name.lower()
        if not equals or name in found:
            raise Unverified("The Digest header is malformed; send 'SHA-256=' and the digest in base64, once.")
        found[name] = from_base64(encoded, "The Digest header") if name in _HASHES else b""
    _compare(found, body, "Digest")


def check_content_digest(value: str, body: bytes) -> None:
    """The same for `Content-Digest`. Raises Unverified."""

    def refuse(name: str, _where: str) -> None:
        raise Unverified(f"The Content-Digest header names {name[:64]!r} twice.")

    try:
        members = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except ValueError as error:
        raise Unverified("The Content-Digest header is not a structured field.") from error
    found: dict[str, bytes] = {}
    if isinstance(members, dict):
        for name, member in members.items():
            digest = member[0] if isinstance(member, tuple) else None
            if name in _HASHES and not isinstance(digest, bytes):
                raise Unverified(f"The Content-Digest entry {name!r} is not a byte sequence.")
            found[name] = digest if isinstance(digest, bytes) else b""
    _compare(found, body, "Content-Digest")


def _compare(found: dict[str, bytes], body: bytes, header: str) -> None:
    known = found.keys() & _HASHES.keys()
    if not known:
        raise Unverified(f"The {header} header has no digest we know; send SHA-256.")
    for name in known:
        if _HASHES[name](body).digest() != found[name]:
            raise Unverified(f"The {header} header does not match the body.")


def from_base64(text: str, what: str) -> bytes:
    """Strict base64, padding included. Raises Unverified naming `what`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unverified(f"{what} is not base64.") from error


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_DATE = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT")


def read_date(text: str) -> datetime:
    """An HTTP date (`Sun, 22 Nov 2026 19:24:40 GMT`), the only form peers send. Raises Unverified."""
    match = _DATE.fullmatch(text)
    if match is None or match[2] not in _MONTH:
        raise Unverified("The Date header is not an HTTP date such as 'Sun, 22 Nov 2026 19:24:40 GMT'.")
    try:
        return datetime(int(match[3]), _MONTH[match[2]], int(match[1]), int(match[4]), int(match[5]), int(match[6]), tzinfo=UTC)
    except ValueError as error:
        raise Unverified("The Date header names a day or hour that does not exist.") from error


def write_date(now: datetime) -> str:
    """`now` (aware) as an HTTP date."""
    return _written(int(now.timestamp()))


@lru_cache(maxsize=8)
def _written(second: int) -> str:
    return format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True)
