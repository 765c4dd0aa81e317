"""A proof inside a document says who made it, whoever brings it: read strictly, and held against a key that its owner lists.

FEP-8b32, cryptosuite eddsa-jcs-2022: https://www.w3.org/TR/vc-di-eddsa/#eddsa-jcs-2022 · RFC 8785 (JCS) · activitypub.md 2.5. Every option of
a proof is signed with the document (Fedify 2.4 had to mend that). A document is never changed on the way: only `proof` is taken out, and the
LD `signature`, which is made after it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bridge.errors import Unverified
from protocols.activitypub.keys import PublicMaterial, from_multibase
from protocols.activitypub.wire import moment_of

__all__ = ["BELIEVED_FOR", "NEWEST", "SUITE", "Proof", "check", "digest_of", "read_proof"]

SUITE = "eddsa-jcs-2022"
NEWEST = timedelta(hours=1)
"""How far ahead of ours the clock of whoever signed may be, as with signatures of requests."""

BELIEVED_FOR = timedelta(days=7)
"""A proof that comes without the signature of its maker counts for so long. Whoever kept it could bring it again later, when what it says is
not true any more and nobody remembers that it was here before (activitypub.md 2.3, step 11)."""

MOST_VALUE = 100
"""Characters of a `proofValue`; 64 bytes take 88 or 89."""
_SET_ASIDE = frozenset({"proof", "signature"})


class Proof(msgspec.Struct, frozen=True):
    """One proof that may be checked. `method`: the id of the key; `options`: all of the proof but its value, as they came."""

    method: str
    value: bytes
    options: Mapping[str, object]
    created: datetime | None

    def made_since(self, now: datetime) -> datetime | None:
        """When it was made, if that is told and recent enough to be believed by itself."""
        return self.created if self.created is not None and self.created > now - BELIEVED_FOR else None


def read_proof(document: Mapping[str, object], now: datetime) -> Proof | None:
    """The proof of a document; None when there is none, or none that can be checked here (another suite or type, expired, several).

    Raises Unverified when it is of our suite and wrong in itself.
    """
    found = document.get("proof")
    if not isinstance(found, dict) or found.get("type") != "DataIntegrityProof" or found.get("cryptosuite") != SUITE:
        return None
    method, value = found.get("verificationMethod"), found.get("proofValue")
    if not isinstance(method, str) or not isinstance(value, str):
        raise Unverified("The proof needs verificationMethod and proofValue.")
    if found.get("proofPurpose") != "assertionMethod":
        raise Unverified("The proof is for another purpose than assertionMethod.")
    created, expires = _moment(found, "created"), _moment(found, "expires")
    if expires is not None and expires < now - NEWEST:
        return None
    if created is not None and created > now + NEWEST:
        raise Unverified("The proof is dated more than an hour ahead; check the clock.")
    if "@context" in found and not _begins_with(document.get("@context"), found["@context"]):
        raise Unverified("The @context of the proof is not where that of the document begins.")
    raw = from_multibase(value, MOST_VALUE, "proofValue")
    options = {name: option for name, option in found.items() if name != "proofValue"}
    return Proof(method, raw, options, created)


def check(document: Mapping[str, object], proof: Proof, key: PublicMaterial) -> bool:
    """Whether `key` made this proof of this document."""
    if not isinstance(key, Ed25519PublicKey):
        return False
    try:
        key.verify(proof.value, digest_of(document, proof.options))
    except (InvalidSignature, rfc8785.CanonicalizationError):
        return False
    return True


def digest_of(document: Mapping[str, object], options: Mapping[str, object]) -> bytes:
    """What is signed: the hash of the options, then that of the document. Raises rfc8785.CanonicalizationError (a number beyond 2^53)."""
    bare = {name: value for name, value in document.items() if name not in _SET_ASIDE}
    return _hash(options) + _hash(bare)


def _hash(members: Mapping[str, object]) -> bytes:
    return hashlib.sha256(rfc8785.dumps(dict(members))).digest()  # type: ignore[arg-type]  # JSON, as it was decoded


def _moment(proof: Mapping[str, object], name: str) -> datetime | None:
    if name not in proof:
        return None
    text = proof[name]
    moment = moment_of(text) if isinstance(text, str) else None
    if moment is None:
        raise Unverified(f"The proof's {name} is not a date.")
    return moment


def _begins_with(whole: object, start: object) -> bool:
    """Section 3.3.2 of the suite: the document's context may have been added to, never replaced."""
    return _listed(whole)[: len(_listed(start))] == _listed(start)


def _listed(context: object) -> list[object]:
    return context if isinstance(context, list) else [context]
