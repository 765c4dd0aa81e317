"""The draft form of signatures that every peer speaks: one header, RSA-SHA256, a fixed list of covered fields.

draft-cavage-http-signatures-12, with the readings of activitypub.md 2.1 and 2.3
"""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512

from bridge.errors import Invariant, Unverified
from protocols.activitypub.keys import PublicMaterial, Signer
from protocols.activitypub.request import Claimed, Request, digest_of, field, from_base64, read_date, write_date

__all__ = ["check", "looks_like", "read", "sign"]

MOST_HEADER = 8192
MOST_COVERED = 32

_PADDING = PKCS1v15()
_SHA256 = SHA256()
_SHA512 = SHA512()

_PARAMETER = re.compile(r'[ \t]*([A-Za-z]+)=(?:"([^"\\]*)"|([0-9]{1,20}(?:\.[0-9]{1,9})?))[ \t]*(,|$)')

_KEY_ID = re.compile(r'(?:^|,)[ \t]*keyId="')

_ALGORITHMS = frozenset({"", "rsa-sha256", "rsa-sha512", "hs2019", "ed25519"})
"""hs2019 says "look at the key": GoToSocial 0.20 and Discourse send it and mean RSA-SHA256 or SHA512, or Ed25519."""


def sign(request: Request, key: Signer, now: datetime, *, query: bool = True) -> dict[str, str]:
    """The headers to add: Host, Date, Signature, and Digest where there is a body.

    `query=False` signs the path alone, the second knock for peers that drop the query (Misskey). Raises Invariant when the
    key is not RSA, which no peer accepts in this form.
    """
    if not isinstance(key.private, RSAPrivateKey):
        raise Invariant(f"The key {key.id} cannot sign the draft form; use the RSA key.")
    target = request.target if query else request.target.partition("?")[0]
    added = {"Host": request.host, "Date": write_date(now)}
    lines = [f"(request-target): {request.method.lower()} {target}", f"host: {request.host}", f"date: {added['Date']}"]
    names = "(request-target) host date"
    if request.carries_body:
        added["Digest"] = digest_of(request.body or b"")
        lines.append(f"digest: {added['Digest']}")
        names += " digest"
    signature = base64.b64encode(key.private.sign("\n".join(lines).encode("ascii"), _PADDING, _SHA256)).decode("ascii")
    added["Signature"] = f'keyId="{key.id}",algorithm="rsa-sha256",headers="{names}",signature="{signature}"'
    return added


def looks_like(header: str) -> bool:
    """Whether a `Signature` header is of this form; in the other one no quotation mark follows a label."""
    return _KEY_ID.search(header[:MOST_HEADER]) is not None


def read(header: str, request: Request, public_origin: str) -> Claimed:
    """Parse the one `Signature` header strictly and lay out what it says was signed. Raises Unverified."""
    parameters = _parameters(header)
    key_id, signature = parameters.get("keyId"), parameters.get("signature")
    if not key_id or not signature:
        raise Unverified("The Signature header needs keyId and signature.")
    algorithm = parameters.get("algorithm", "").lower()
    if algorithm not in _ALGORITHMS:
        raise Unverified(f"The signature algorithm {algorithm[:32]!r} is not accepted; use rsa-sha256.")
    # Without `headers` the draft falls back to a date alone, which covers neither the path nor the body.
    covered = tuple(parameters.get("headers", "(created)").split(" "))
    if len(covered) > MOST_COVERED:
        raise Unverified(f"The signature lists more than {MOST_COVERED} headers.")
    if len(set(covered)) != len(covered):
        raise Unverified("The signature lists a header twice.")
    dates, expires, lines = [], _expires(parameters), []
    fields = request.fields
    for name in covered:
        match name:
            case "(request-target)":
                continue
            case "(created)" | "(expires)":
                value = _pseudo(name, parameters, algorithm)
                if name == "(created)":
                    dates.append(_moment(value, "created"))
            case "host":
                field(fields, name)
                value = public_origin.partition("://")[2].lower()
            case "date":
                value = field(fields, name)
                dates.append(read_date(value))
            case _ if not name or name != name.lower() or name.startswith("("):
                raise Unverified(f"The signature lists {name[:64]!r}; header names are lower case and one space apart.")
            case _:
                value = field(fields, name)
        lines.append((name, value))
    return Claimed(
        scheme="draft",
        key_id=key_id,
        algorithm=algorithm,
        covered=covered,
        signature=from_base64(signature, "The signature"),
        request=request,
        url=public_origin + request.target,
        dates=tuple(dates),
        expires=expires,
        texts=tuple(_text(covered, dict(lines), request.method, target) for target in _targets(request.target)),
    )


def check(claimed: Claimed, key: PublicMaterial) -> bool:
    """Whether `key` made this signature, over the path with its query or without."""
    if isinstance(key, Ed25519PublicKey):
        return claimed.algorithm in {"", "hs2019", "ed25519"} and any(_ed25519(key, claimed.signature, text) for text in claimed.texts)
    match claimed.algorithm:
        case "rsa-sha256":
            hashes: tuple[SHA256 | SHA512, ...] = (_SHA256,)
        case "rsa-sha512":
            hashes = (_SHA512,)
        case "ed25519":
            hashes = ()
        case _:
            hashes = (_SHA256, _SHA512)
    for digest in hashes:
        for text in claimed.texts:
            try:
                key.verify(claimed.signature, text, _PADDING, digest)
            except InvalidSignature:
                continue
            return True
    return False


def _ed25519(key: Ed25519PublicKey, signature: bytes, text: bytes) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _parameters(header: str) -> dict[str, str]:
    if len(header) > MOST_HEADER:
        raise Unverified(f"The Signature header is longer than {MOST_HEADER} characters.")
    found: dict[str, str] = {}
    seen: set[str] = set()
    position, comma = 0, ","
    while comma:
        match = _PARAMETER.match(header, position)
        if match is None:
            raise Unverified('The Signature header is malformed; write name="value" pairs with commas between them.')
        name, quoted, number, comma = match.groups()
        # Another capitalisation is refused as well: two readers might each take a different one.
        if name.lower() in seen:
            raise Unverified(f"The Signature header gives {name!r} twice.")
        seen.add(name.lower())
        found[name] = number if quoted is None else quoted
        position = match.end()
    return found


def _targets(target: str) -> tuple[str, ...]:
    # Misskey signs the path alone, GoToSocial tries both; a query that is not covered is refused by nobody else.
    path, question, _query = target.partition("?")
    return (target, path) if question else (target,)


def _text(covered: tuple[str, ...], values: dict[str, str], method: str, target: str) -> bytes:
    values["(request-target)"] = f"{method.lower()} {target}"
    return "\n".join([f"{name}: {values[name]}" for name in covered]).encode("utf-8", "surrogateescape")


def _pseudo(name: str, parameters: dict[str, str], algorithm: str) -> str:
    # Section 2.3 of the draft: these two may not stand beside an algorithm that starts with rsa. Discourse sends hs2019.
    if algorithm.startswith("rsa"):
        raise Unverified(f"{name} may not be signed with algorithm {algorithm!r}; use hs2019 or sign the Date header.")
    value = parameters.get(name.strip("()"))
    if value is None:
        raise Unverified(f"The signature covers {name} but does not give it.")
    return value


def _expires(parameters: dict[str, str]) -> datetime | None:
    value = parameters.get("expires")
    return None if value is None else _moment(value, "expires")


def _moment(value: str, name: str) -> datetime:
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unverified(f"The signature parameter {name!r} is not a Unix time.") from error
