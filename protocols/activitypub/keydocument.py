"""A key as other servers show it: inside its actor, alone at an address of its own, or in a stub of the actor.

https://w3id.org/security/v1 (`publicKey`) · https://w3id.org/fep/521a (`assertionMethod`) · activitypub.md 2.3 step 7
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from protocols.activitypub.keys import PublicMaterial, load_public_key, read_multikey
from protocols.activitypub.translate.thing import Thing

__all__ = ["Shown", "shown_in"]

MOST_KEYS = 10
"""Of one actor (activitypub.md 2.10); what comes after is not looked at."""


class Shown(msgspec.Struct, frozen=True):
    """One key in a document. `owner`: whose it says it is; `pem` and `multikey` are "" where only the id stands."""

    id: str
    owner: str
    pem: str = ""
    multikey: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether the key itself is here, and not only its id."""
        return bool(self.pem or self.multikey)

    def material(self) -> PublicMaterial:
        """Raises Unverified when it cannot be read, or is of a kind we do not check."""
        return load_public_key(self.pem) if self.pem else read_multikey(self.multikey)


def shown_in(document: Thing, key_id: str) -> Shown | None:
    """The key with exactly this id, fragment and all; None when the document does not show it.

    Where it is there more than once, `publicKey` counts first: Mitra lists its RSA key in both members, under one id.
    """
    found = [shown for shown in _all(document) if shown.id == key_id]
    return next((shown for shown in found if shown.is_whole), found[0] if found else None)


def _all(document: Thing) -> Iterator[Shown]:
    if document.text("publicKeyPem") or document.text("publicKeyMultibase"):
        yield _shown(document, "")
    for member in ("publicKey", "assertionMethod"):
        for value in document.many(member)[:MOST_KEYS]:
            if isinstance(value, str):
                yield Shown(value, document.id)
            elif isinstance(value, dict):
                yield _shown(Thing(value), document.id)


def _shown(key: Thing, holder: str) -> Shown:
    """What an actor lists without naming an owner is its own."""
    owner = key.one_id("owner") or key.one_id("controller") or holder
    return Shown(key.id, owner, key.text("publicKeyPem"), key.text("publicKeyMultibase"))
