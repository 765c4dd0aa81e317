"""A few RSA keys for everybody: making one takes a tenth of a second, and whose it is says the address under which it is shown."""

from __future__ import annotations

import zlib
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bridge.model.ids import Native

__all__ = ["PooledKeys", "key_of", "public_pem_of"]

MANY = 6


@cache
def _key(number: int) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def key_of(owner: str) -> RSAPrivateKey:
    return _key(zlib.crc32(owner.encode()) % MANY)


@cache
def public_pem_of(key: RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@cache
def _private_pem(key: RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class PooledKeys:
    """The `Keys` port of a store, in which everybody who needs an RSA key has one already."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def private_key(self, owner: Native, kind: str) -> bytes | None:
        known: bytes | None = await self._real.private_key(owner, kind)
        if known is not None or kind != "rsa":
            return known
        key = key_of(owner.id)
        await self._real.keep(owner, kind, _private_pem(key), public_pem_of(key).encode())
        return _private_pem(key)
