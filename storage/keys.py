"""Private keys, encrypted at rest (AES-256-GCM, NIST SP 800-38D) with a key that is not in the database; a key once made is never replaced."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, bindparam, insert, select

from bridge.errors import OperatorError
from bridge.model.ids import Native
from storage.columns import micros, moment
from storage.dialect import once, upsert
from storage.engine import Database
from storage.schema import keys, meta, peer_keys

__all__ = ["Seal", "SqlKeys", "require_seal"]

_NONCE = 12
_PROOF = b"folkmoot"

_PRIVATE = select(keys.c.sealed).where(keys.c.owner == bindparam("owner"), keys.c.kind == bindparam("kind"))
_PUBLIC = select(keys.c.public).where(keys.c.owner == bindparam("owner"), keys.c.kind == bindparam("kind"))
_KEEP = once(keys)
_REMEMBER = upsert(peer_keys, where=lambda new: new.at >= peer_keys.c.at)
_RECALL = select(peer_keys).where(peer_keys.c.key_id == bindparam("key_id"))
_META = select(meta.c.value).where(meta.c.name == "seal")


class Seal:
    """Encrypts with a key derived from the node's key file; `about` is bound in, so a row cannot be moved to another owner."""

    def __init__(self, secret_key: bytes) -> None:
        self._cipher = AESGCM(hashlib.blake2b(secret_key, digest_size=32, person=b"moot-seal").digest())

    def close(self, plain: bytes, about: str) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises OperatorError when the key file is not the one it was sealed with."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except InvalidTag as error:
            raise OperatorError(
                "storage: the database was sealed with another key file than the one given",
                remedy="Restore secrets/secret.key from the backup that belongs to this database.",
            ) from error


def require_seal(connection: Connection, seal: Seal) -> None:
    """The first opening leaves a proof; every later one must be able to read it. Raises OperatorError."""
    found = connection.execute(_META).scalar()
    if found is None:
        connection.execute(insert(meta), {"name": "seal", "value": seal.close(_PROOF, "seal")})
    else:
        seal.open(found, "seal")


class SqlKeys:
    """The `Keys` port over any `Database`."""

    def __init__(self, database: Database, seal: Seal) -> None:
        self._database = database
        self._seal = seal

    async def private_key(self, owner: Native, kind: str) -> bytes | None:
        ask = {"owner": str(owner), "kind": kind}
        sealed = await self._database.read(lambda connection: connection.execute(_PRIVATE, ask).scalar())
        return None if sealed is None else self._seal.open(sealed, f"{owner}|{kind}")

    async def keep(self, owner: Native, kind: str, private_pem: bytes, public_pem: bytes) -> bytes:
        sealed = self._seal.close(private_pem, f"{owner}|{kind}")
        row = {"owner": str(owner), "kind": kind}

        def write(connection: Connection) -> bytes:
            _KEEP(connection, {**row, "sealed": sealed, "public": public_pem})
            in_force: bytes = connection.execute(_PUBLIC, row).scalar_one()
            return in_force

        return await self._database.write(write)

    async def public_key(self, owner: Native, kind: str) -> bytes | None:
        ask = {"owner": str(owner), "kind": kind}
        found: bytes | None = await self._database.read(lambda connection: connection.execute(_PUBLIC, ask).scalar())
        return found

    async def remember(self, key_id: str, owner: str, public_pem: bytes | None, at: datetime) -> None:
        """An older answer never replaces a newer one."""
        row = {"key_id": key_id, "owner": owner, "public": public_pem, "at": micros(at)}
        await self._database.write(lambda connection: _REMEMBER(connection, row))

    async def recall(self, key_id: str) -> tuple[str, bytes | None, datetime] | None:
        row = await self._database.read(lambda connection: connection.execute(_RECALL, {"key_id": key_id}).first())
        return None if row is None else (row.owner, row.public, moment(row.at))
