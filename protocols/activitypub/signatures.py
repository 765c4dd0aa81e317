"""Who sent this request: requests of ours go out signed, and what comes in is believed only as far as its signature covers it.

draft-cavage-http-signatures-12 (`cavage.py`) · RFC 9421 (`rfc9421.py`) · one policy for both, here

The order is fixed. `read_signature` refuses everything that can be refused without a key, so a bad request costs no fetch
(fedify 2.3 fetches the key each time: an amplifier); `Keyring.verify` then looks the key up; `verify` gives a `Verified`, which
the inbox demands before it stores anything. Fedify's CVE-2025-54888 was an activity processed before that last step.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import assert_never

import msgspec

from bridge.errors import Unverified
from protocols.activitypub import cavage, rfc9421
from protocols.activitypub.keys import PublicKey, Signer
from protocols.activitypub.request import Claimed, Request, Scheme, check_content_digest, check_digest

__all__ = [
    "Claimed",
    "PublicKey",
    "Request",
    "Signer",
    "Verified",
    "read_signature",
    "sign_draft",
    "sign_rfc9421",
    "verify",
]

OLDEST = timedelta(hours=12)
NEWEST = timedelta(hours=1)
"""How far a peer's clock, or a delivery that waited on the way, may be from our own."""

MOST_KEY_ID = 2048
_KEY_ID = re.compile(r"https?://[!-~]+")

sign_draft = cavage.sign
sign_rfc9421 = rfc9421.sign


class Verified(msgspec.Struct, frozen=True):
    """Proof that `signer` (an actor id) sent a request. Only `verify` makes one; a test holds the product to that."""

    signer: str
    key_id: str
    scheme: Scheme
    signed_at: datetime


def read_signature(request: Request, public_origin: str, now: datetime) -> Claimed:
    """Read the signature of a request that reached us at `public_origin` (`https://moot.example`, no slash) at `now`.

    `Signature-Input` means RFC 9421; the draft form is read when that header is absent, or when `Signature` is plainly of
    the draft form. An `Authorization` header is not looked at (apkit 0.3 repeats the signature there). Coverage, time window
    and digest are checked here, over the raw body, before anything is parsed.
    Raises Unverified with a reason that may be shown to the peer.
    """
    signatures = request.lines("signature")
    if not signatures:
        raise Unverified("The request is not signed; send a Signature header.")
    if len(signatures) > 1:
        raise Unverified("The request has several Signature headers; send one.")
    if request.lines("signature-input") and not cavage.looks_like(signatures[0]):
        claimed = rfc9421.read(request, public_origin)
    else:
        claimed = cavage.read(signatures[0], request, public_origin)
    if len(claimed.key_id) > MOST_KEY_ID or not _KEY_ID.fullmatch(claimed.key_id):
        raise Unverified("The key id is not a web address.")
    _require_coverage(claimed)
    _require_time(claimed, now)
    _require_digest(claimed)
    return claimed


def verify(claimed: Claimed, key: PublicKey) -> Verified:
    """Check the signature with the key that was looked up for `claimed.key_id`. Raises Unverified."""
    if key.id != claimed.key_id:
        raise Unverified("The key that was found is not the one the signature names.")
    match claimed.scheme:
        case "draft":
            good = cavage.check(claimed, key.material)
        case "rfc9421":
            good = rfc9421.check(claimed, key.material)
        case _:
            assert_never(claimed.scheme)
    if not good:
        raise Unverified(f"The signature does not match the key {claimed.key_id}.", private="the signature does not match the key")
    return Verified(key.owner, key.id, claimed.scheme, claimed.signed_at)


def _require_coverage(claimed: Claimed) -> None:
    covered = frozenset(claimed.covered)
    missing = _missing_draft(covered, claimed) if claimed.scheme == "draft" else _missing_rfc9421(covered, claimed)
    if missing:
        raise Unverified(f"The signature does not cover {' or '.join(missing)}.")


def _missing_draft(covered: frozenset[str], claimed: Claimed) -> tuple[str, ...]:
    for name in ("(request-target)", "host"):
        if name not in covered:
            return (name,)
    if not claimed.dates:
        return ("date", "(created)")
    return ("digest",) if claimed.request.carries_body and "digest" not in covered else ()


def _missing_rfc9421(covered: frozenset[str], claimed: Claimed) -> tuple[str, ...]:
    if "@method" not in covered:
        return ("@method",)
    if "@target-uri" not in covered:
        if "@authority" not in covered:
            return ("@target-uri", "@authority")
        if "@request-target" not in covered:
            if "@path" not in covered:
                return ("@target-uri", "@path")
            if "?" in claimed.request.target and "@query" not in covered:
                return ("@target-uri", "@query")
    return ("content-digest",) if claimed.request.carries_body and "content-digest" not in covered else ()


def _require_time(claimed: Claimed, now: datetime) -> None:
    for date in claimed.dates:
        if date < now - OLDEST:
            raise Unverified("The signature is more than 12 hours old; sign again and check the clock.")
        if date > now + NEWEST:
            raise Unverified("The signature is dated more than an hour ahead; check the clock.")
    if claimed.expires is not None and claimed.expires < now - NEWEST:
        raise Unverified("The signature has expired; sign again.")


def _require_digest(claimed: Claimed) -> None:
    request = claimed.request
    body = request.body or b""
    # Both are compared when both are covered: a signer that lies in one of them is not to be believed in the other.
    if "digest" in claimed.covered:
        check_digest(request.lines("digest")[0], body)
    if "content-digest" in claimed.covered:
        check_content_digest(request.lines("content-digest")[0], body)
