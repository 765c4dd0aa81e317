"""Our actors' keys: made once, away from the loop, kept sealed, and at hand for everything that has to be signed or shown.

RSA-2048 at `{actor}#main-key` signs requests; Ed25519 at `{actor}#ed25519-key` is published beside it (FEP-521a). A key is never made again:
GoToSocial 0.20 keeps public keys and answers 401 to a new one for the same actor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.errors import Invariant
from bridge.logs import logger
from bridge.model.ids import Native
from bridge.ports import Keys
from protocols.activitypub.documents import PublicKeys
from protocols.activitypub.ids import key_id
from protocols.activitypub.keys import PrivateMaterial, Signer, load_private_key, new_ed25519, new_rsa, public_multikey, public_pem
from protocols.activitypub.recent import Recent

__all__ = ["Signers"]

MOST_AT_HAND = 2_048
"""Actors whose keys stay in memory, about 4 kB each."""

_log = logger()


class _Pair(msgspec.Struct, frozen=True):
    signer: Signer
    public: PublicKeys


class Signers:
    """Keys of the instance actor, of groups and of people, by their ActivityPub id."""

    def __init__(self, keys: Keys, *, most: int = MOST_AT_HAND) -> None:
        self._keys = keys
        self._at_hand: Recent[_Pair] = Recent(most)
        self._making = asyncio.Lock()

    async def signer(self, owner: Native) -> Signer:
        """The RSA key that signs this actor's requests; made now if there is none. Raises StorageError."""
        return (await self._pair(owner)).signer

    async def public(self, owner: Native) -> PublicKeys:
        """What the actor's document shows; made now if there is none. Raises StorageError."""
        return (await self._pair(owner)).public

    async def _pair(self, owner: Native) -> _Pair:
        found = self._at_hand.get(owner.id)
        if found is not None:
            return found
        rsa = await self._private(owner, "rsa", new_rsa)
        proof = await self._private(owner, "ed25519", new_ed25519)
        if not isinstance(proof, Ed25519PrivateKey):
            raise Invariant(f"the ed25519 key of {owner} is something else")
        return self._at_hand.put(owner.id, _Pair(Signer(key_id(owner.id), rsa), PublicKeys(public_pem(rsa), public_multikey(proof))))

    async def _private(self, owner: Native, kind: str, make: Callable[[], str]) -> PrivateMaterial:
        pem = await self._keys.private_key(owner, kind)
        if pem is None:
            # One at a time: making an RSA key takes 30 to 100 ms of a processor.
            async with self._making:
                pem = await self._keys.private_key(owner, kind) or await self._made(owner, kind, make)
        return load_private_key(pem.decode("ascii"))

    async def _made(self, owner: Native, kind: str, make: Callable[[], str]) -> bytes:
        fresh = await asyncio.to_thread(make)
        await self._keys.keep(owner, kind, fresh.encode("ascii"), public_pem(load_private_key(fresh)).encode("ascii"))
        kept = await self._keys.private_key(owner, kind)
        if kept is None:
            raise Invariant(f"the {kind} key of {owner} was kept and is not there")
        _log.info("key.made", kind=kind)
        return kept
