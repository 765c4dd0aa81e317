"""Keys are read strictly and written so that others can read them; the vector of FEP-521a, and every size and kind that is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Unverified
from protocols.activitypub.keydocument import shown_in
from protocols.activitypub.keys import load_private_key, load_public_key, new_ed25519, new_rsa, public_multikey, public_pem, read_multikey
from protocols.activitypub.translate.thing import Thing
from tests.protocols.activitypub.correspondents import SAMS, ed25519, face, rsa, shown

MULTIKEY = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
MULTIKEY_SEED = "c96ef9ea10c5e414c471723aff9de72c35fa5b70fae97e8832ecac7d2e2b8ed6"
"""The key pair of the test vectors in FEP-8b32 (CC0) and in W3C's Data Integrity EdDSA Cryptosuites."""


def test_a_new_rsa_key_has_the_size_every_peer_takes() -> None:
    key = load_private_key(new_rsa())
    assert isinstance(key, RSAPrivateKey)
    assert (key.key_size, key.public_key().public_numbers().e) == (2048, 65537)


def test_a_new_ed25519_key_is_one() -> None:
    assert isinstance(load_private_key(new_ed25519()), Ed25519PrivateKey)


def test_a_private_key_of_another_kind_is_not_ours() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(ValueError, match="not a key we use"):
        load_private_key(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def public_of(key: RSAPublicKey, form: PublicFormat) -> str:
    return key.public_bytes(Encoding.PEM, form).decode()


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_both_forms_of_pem_are_read(form: PublicFormat) -> None:
    """activitypub.md 2.4."""
    key = rsa(SAMS).private.public_key()
    assert isinstance(key, RSAPublicKey)
    for text in (public_of(key, form), f"\n {public_of(key, form).replace(chr(10), chr(13) + chr(10))} "):
        assert load_public_key(text) == key


def test_what_is_written_is_what_is_read() -> None:
    for signer in (rsa(SAMS), ed25519(SAMS)):
        public = signer.private.public_key()
        assert load_public_key(public_pem(signer.private)) == load_public_key(public_pem(public)) == public


def weak(bits: int, exponent: int = 65537) -> str:
    return public_of(generate_private_key(public_exponent=exponent, key_size=bits).public_key(), PublicFormat.SubjectPublicKeyInfo)


def slow() -> str:
    key = rsa(SAMS).private.public_key()
    assert isinstance(key, RSAPublicKey)
    numbers = key.public_numbers()
    return public_of(RSAPublicNumbers((1 << 512) + 1, numbers.n).public_key(), PublicFormat.SubjectPublicKeyInfo)


def elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


REFUSED = {
    "nothing": ("", "readable"),
    "words": ("a key, honestly", "readable"),
    "not ASCII": ("-----BEGIN PUBLIC KEY-----\nschlüssel\n-----END PUBLIC KEY-----", "readable"),
    "cut": (public_pem(rsa(SAMS).private)[:200], "readable"),
    "a private key": (new_ed25519(), "readable"),
    "too long": ("x" * 5_000, "longer than"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_public_key_is_refused_by_name(name: str) -> None:
    pem, why = REFUSED[name]
    with pytest.raises(Unverified) as caught:
        load_public_key(pem)
    assert why in caught.value.public


def test_a_key_that_is_weak_slow_or_of_another_kind_is_refused() -> None:
    for pem, why in ((weak(1024), "1024 bits"), (slow(), "exponent"), (elliptic(), "neither RSA nor Ed25519")):
        with pytest.raises(Unverified) as caught:
            load_public_key(pem)
        assert why in caught.value.public


def test_the_multikey_of_the_specification_is_read_and_written() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(MULTIKEY_SEED))
    assert read_multikey(MULTIKEY) == key.public_key()
    assert public_multikey(key) == MULTIKEY


@given(st.binary(min_size=32, max_size=32))
def test_a_multikey_that_was_written_is_read_as_it_was(seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    text = public_multikey(key)
    assert text.startswith("z6Mk")
    assert read_multikey(text) == key.public_key()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "z",
        "6Mk",
        MULTIKEY[1:],
        MULTIKEY[:-1],
        MULTIKEY + "1",
        "u" + MULTIKEY[1:],
        MULTIKEY.replace("k", "0"),
        MULTIKEY.replace("k", "l"),
        "z4MXj1wBzi9jUstyPMS4jQqB6KdJaiatPkAtVtGc6bQEQEEsKTic",
        "z" + "1" * 47,
        "z" + "9" * 100_000,
        "zé",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_ed25519_multikey_is_refused(text: str) -> None:
    with pytest.raises(Unverified):
        read_multikey(text)


@given(st.text())
def test_no_text_raises_anything_but_unverified(text: str) -> None:
    for read in (load_public_key, read_multikey):
        with suppress(Unverified):
            read(text)
        with suppress(Unverified):
            read(f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----")


# ------------------------------------------------------------------------------------------- where documents show them


def test_a_key_is_found_by_its_whole_id() -> None:
    document = Thing(face(SAMS))
    found = shown_in(document, f"{SAMS}#main-key")
    assert found is not None
    assert (found.owner, found.material()) == (SAMS, rsa(SAMS).private.public_key())
    for other in (SAMS, f"{SAMS}#main-ke", f"{SAMS}#main-key2", f"{SAMS.upper()}#main-key", ""):
        assert shown_in(document, other) is None


def test_one_key_of_several_is_found_in_either_member() -> None:
    """activitypub.md 2.3 step 7: `publicKey` may be a list, and FEP-521a has keys in `assertionMethod`."""
    multikey = {
        "id": f"{SAMS}#ed25519-key",
        "type": "Multikey",
        "controller": SAMS,
        "publicKeyMultibase": public_multikey(ed25519(SAMS).private),
    }  # type: ignore[arg-type]
    document = Thing(face(SAMS, rsa(SAMS), rsa("old"), assertionMethod=[multikey]))
    for key in (rsa(SAMS), rsa("old"), ed25519(SAMS)):
        found = shown_in(document, key.id)
        assert found is not None
        assert found.material() == key.private.public_key()
        assert found.owner == SAMS


def test_only_the_first_ten_keys_are_looked_at() -> None:
    keys = [shown(rsa(SAMS), SAMS, id=f"{SAMS}#key-{i}") for i in range(12)]
    document = Thing(face(SAMS) | {"publicKey": keys})
    assert shown_in(document, f"{SAMS}#key-9") is not None
    assert shown_in(document, f"{SAMS}#key-10") is None


def test_a_key_in_two_forms_under_one_id_is_read_in_the_one_we_know() -> None:
    """Mitra lists its RSA key as PEM and again as a Multikey, which here are Ed25519 only."""
    twice = {"id": f"{SAMS}#main-key", "type": "Multikey", "controller": SAMS, "publicKeyMultibase": "z4MXj1wBzi9jUsty"}
    found = shown_in(Thing(face(SAMS, assertionMethod=[twice])), f"{SAMS}#main-key")
    assert found is not None
    assert found.material() == rsa(SAMS).private.public_key()


@given(
    st.dictionaries(
        st.sampled_from(["id", "publicKey", "assertionMethod", "owner", "publicKeyPem"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.just(f"{SAMS}#main-key") | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["id", "owner", "controller", "publicKeyPem", "x"]), inner, max_size=4)
            ),
            max_leaves=12,
        ),
    )
)
def test_no_document_raises_anything_but_unverified(document: dict[str, object]) -> None:
    found = shown_in(Thing(document), f"{SAMS}#main-key")
    if found is not None:
        with suppress(Unverified):
            found.material()
