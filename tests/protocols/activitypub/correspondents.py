"""People on other servers who sign what they send, and the documents that show their keys.

Keys are made once for all tests, because each takes a tenth of a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.errors import BridgeError, Refused
from protocols.activitypub import cavage, rfc9421
from protocols.activitypub.keys import Signer, load_private_key, new_ed25519, new_rsa, public_multikey, public_pem, to_multibase
from protocols.activitypub.proofs import SUITE, digest_of
from protocols.activitypub.request import Request
from tests.protocols.activitypub.world import KIM, NOW, SAM

ORIGIN = "https://moot.example"
ACTIVITY_JSON = {"Content-Type": "application/activity+json"}


@cache
def rsa(name: str) -> Signer:
    """The key of `name`: an actor id, or anything else that should have one of its own."""
    return Signer(f"{name}#main-key", load_private_key(new_rsa()))


@cache
def ed25519(name: str) -> Signer:
    return Signer(f"{name}#ed25519-key", load_private_key(new_ed25519()))


SAMS = SAM.native.id
KIMS = KIM.native.id


def material(signer: Signer) -> dict[str, str]:
    """`publicKeyPem` or `publicKeyMultibase`."""
    if isinstance(signer.private, Ed25519PrivateKey):
        return {"publicKeyMultibase": public_multikey(signer.private)}
    return {"publicKeyPem": public_pem(signer.private)}


def shown(signer: Signer, owner: str, **more: object) -> dict[str, object]:
    """A key as its owner lists it."""
    return {"id": signer.id, "owner": owner, **material(signer), **more}


def face(actor: str, *keys: Signer, **more: object) -> dict[str, object]:
    """An actor as its server shows it."""
    listed = [shown(key, actor) for key in keys or (rsa(actor),)]
    return {
        "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
        "id": actor,
        "type": "Person",
        "preferredUsername": actor.rpartition("/")[2],
        "inbox": f"{actor}/inbox",
        "publicKey": listed[0] if len(listed) == 1 else listed,
        **more,
    }


class Library:
    """What other servers answer to a GET, by address, and who was asked; while `open` is not set, every question waits."""

    def __init__(self, *documents: Mapping[str, object]) -> None:
        self.answers: dict[str, bytes | BridgeError] = {}
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()
        for each in documents:
            self.show(each)

    def show(self, document: Mapping[str, object], at: str | None = None) -> None:
        self.answers[at or str(document["id"])] = msgspec.json.encode(document)

    async def document(self, url: str) -> bytes:
        self.asked.append(url)
        await self.open.wait()
        answer = self.answers.get(url) or Refused("it does not have it")
        if isinstance(answer, BridgeError):
            raise answer
        return answer


def sent(
    body: bytes | Mapping[str, Any],
    signer: Signer | None = None,
    *,
    target: str = "/inbox",
    at: datetime = NOW,
    scheme: str = "draft",
    headers: Mapping[str, str] = ACTIVITY_JSON,
) -> Request:
    """A signed POST as it reaches us; Sam's key unless another is given."""
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    outgoing = Request("POST", target, "moot.example", body=data)
    sign = cavage.sign if scheme == "draft" else rfc9421.sign
    added = sign(outgoing, signer or rsa(SAMS), at)
    return Request("POST", target, "moot.example", tuple({**headers, **added}.items()), data)


def proven(
    document: Mapping[str, Any], owner: str, *, at: datetime = NOW, signer: Signer | None = None, **options: object
) -> dict[str, Any]:
    """The same document with a proof by the Ed25519 key of `owner` (FEP-8b32)."""
    key = signer or ed25519(owner)
    assert isinstance(key.private, Ed25519PrivateKey)
    said = {
        "type": "DataIntegrityProof",
        "cryptosuite": SUITE,
        "verificationMethod": key.id,
        "proofPurpose": "assertionMethod",
        "created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **options,
    }
    value = key.private.sign(digest_of(document, said))
    return {**document, "proof": {**said, "proofValue": to_multibase(value)}}


def without(request: Request, *names: str) -> Request:
    """The same, some headers gone."""
    kept = tuple(line for line in request.headers if line[0].lower() not in {name.lower() for name in names})
    return msgspec.structs.replace(request, headers=kept)


def having(request: Request, name: str, value: str) -> Request:
    """The same, with one header replaced or added."""
    return msgspec.structs.replace(request, headers=(*without(request, name).headers, (name, value)))


def value_of(request: Request, name: str) -> str:
    return request.lines(name.lower())[0]
