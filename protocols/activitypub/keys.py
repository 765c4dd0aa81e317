"""Keys: new ones are made, known ones are read strictly, and each is bound to the one actor it speaks for.

https://www.w3.org/TR/vc-data-integrity/#multikey · https://w3id.org/fep/521a · RFC 5280 (SPKI) · RFC 8017 A.1.1 (PKCS#1)
"""

from __future__ import annotations

from base64 import b64encode
from typing import TypeAlias

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bridge.errors import Unverified

__all__ = [
    "PrivateMaterial",
    "PublicKey",
    "PublicMaterial",
    "Signer",
    "from_multibase",
    "load_private_key",
    "load_public_key",
    "new_ed25519",
    "new_rsa",
    "public_multikey",
    "public_pem",
    "read_multikey",
    "to_multibase",
]

RSA_BITS = 2048
"""Every peer accepts 2048; larger keys make each delivery dearer and gain nothing (activitypub.md 2.4)."""

LEAST_BITS, MOST_BITS = 2048, 8192
MOST_EXPONENT_BITS = 64
"""A key with an exponent as long as itself would make each of our checks as dear as a signature of its owner."""

MOST_MULTIKEY = 1_500
"""Characters; an RSA key of 8192 bits takes about 1,430."""

MOST_PEM = 4096
"""Characters; an 8192-bit SPKI takes about 1,500."""

PrivateMaterial: TypeAlias = RSAPrivateKey | Ed25519PrivateKey
PublicMaterial: TypeAlias = RSAPublicKey | Ed25519PublicKey


class Signer(msgspec.Struct, frozen=True):
    """One of our keys: `id` is what peers look up (`{actor}#main-key`)."""

    id: str
    private: PrivateMaterial


class PublicKey(msgspec.Struct, frozen=True):
    """A peer's key, parsed once and cached by the caller; `owner` is the actor that lists it, checked both ways."""

    id: str
    owner: str
    material: PublicMaterial


def new_rsa() -> str:
    """A fresh RSA-2048 private key as PKCS#8 PEM. Takes about 30 ms."""
    return _private_pem(generate_private_key(public_exponent=65537, key_size=RSA_BITS))


def new_ed25519() -> str:
    """A fresh Ed25519 private key as PKCS#8 PEM."""
    return _private_pem(Ed25519PrivateKey.generate())


def load_private_key(pem: str) -> PrivateMaterial:
    """One of our own keys back from PEM. Raises ValueError when it is neither RSA nor Ed25519."""
    # Proving the primes again takes 29 ms instead of 10 µs; it is our own key, and the seal it was kept under vouches for its bytes.
    key = load_pem_private_key(pem.encode("ascii"), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey | Ed25519PrivateKey):
        raise ValueError(f"{type(key).__name__} is not a key we use")
    return key


def public_pem(key: PrivateMaterial | PublicMaterial) -> str:
    """The SPKI PEM, as it goes into `publicKey.publicKeyPem` and into the store."""
    public = key.public_key() if isinstance(key, PrivateMaterial) else key
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def load_public_key(pem: str) -> PublicMaterial:
    """A peer's `publicKeyPem`, SPKI or PKCS#1, RSA of 2048 to 8192 bits or Ed25519.

    Costs about 30 µs: keep the result. Raises Unverified with the reason for anything else.
    """
    if len(pem) > MOST_PEM:
        raise Unverified(f"The public key is longer than {MOST_PEM} characters.")
    try:
        key = load_pem_public_key(pem.strip().encode("ascii"))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unverified("The public key is not a readable PEM key.", private=f"public key: {error}") from error
    if isinstance(key, Ed25519PublicKey):
        return key
    if not isinstance(key, RSAPublicKey):
        raise Unverified("The public key is neither RSA nor Ed25519.", private=type(key).__name__)
    if not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise Unverified(f"The RSA key has {key.key_size} bits; {LEAST_BITS} to {MOST_BITS} are accepted.")
    if key.public_numbers().e.bit_length() > MOST_EXPONENT_BITS:
        raise Unverified("The RSA key has an unusually large exponent; 65537 is usual.")
    return key


def public_multikey(key: PrivateMaterial | PublicMaterial) -> str:
    """The `publicKeyMultibase` of a key (FEP-521a): `z6Mk…` for Ed25519, `z4MX…` for RSA."""
    public = key.public_key() if isinstance(key, PrivateMaterial) else key
    if isinstance(public, RSAPublicKey):
        return to_multibase(_RSA_PREFIX + public.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    return to_multibase(_ED25519_PREFIX + public.public_bytes(Encoding.Raw, PublicFormat.Raw))


def read_multikey(multibase: str) -> PublicMaterial:
    """The reverse of `public_multikey`, with the bounds of `load_public_key`. Raises Unverified with the reason."""
    raw = from_multibase(multibase, MOST_MULTIKEY, "multikey")
    if raw.startswith(_RSA_PREFIX):
        lines = b64encode(raw[len(_RSA_PREFIX) :]).decode("ascii")
        return load_public_key(f"-----BEGIN RSA PUBLIC KEY-----\n{lines}\n-----END RSA PUBLIC KEY-----\n")
    if len(raw) != 34 or not raw.startswith(_ED25519_PREFIX):
        raise Unverified("The multikey is neither an Ed25519 key (z6Mk…) nor an RSA key (z4MX…) in base58btc.")
    return Ed25519PublicKey.from_public_bytes(raw[2:])


def to_multibase(raw: bytes) -> str:
    """Base58btc with the `z` that says so."""
    return "z" + _to_base58(raw)


def from_multibase(text: str, most: int, what: str) -> bytes:
    """Base58btc after its `z`, at most so many characters. Raises Unverified."""
    # Bound before decoding: base58 is quadratic in its length.
    if not text.startswith("z") or len(text) > most:
        raise Unverified(f"The {what} is not in base58btc (z…), or longer than {most} characters.")
    return _from_base58(text[1:], what)


_ED25519_PREFIX = b"\xed\x01"
_RSA_PREFIX = b"\x85\x24"
"""The multicodec numbers 0xed and 0x1205 as varints."""

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_VALUE = {letter: value for value, letter in enumerate(_BASE58)}


def _to_base58(data: bytes) -> str:
    number = int.from_bytes(data, "big")
    letters: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        letters.append(_BASE58[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(letters))


def _from_base58(text: str, what: str) -> bytes:
    number = 0
    for letter in text:
        digit = _BASE58_VALUE.get(letter)
        if digit is None:
            raise Unverified(f"The {what} holds a character that base58 does not have.")
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _private_pem(key: PrivateMaterial) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
