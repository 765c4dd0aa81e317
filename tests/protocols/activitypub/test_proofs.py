"""A proof inside a document holds for that document alone, by that key alone; the vectors of FEP-8b32 (CC0) are reproduced."""

from __future__ import annotations

import copy
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Unverified
from protocols.activitypub.keydocument import shown_in
from protocols.activitypub.keys import from_multibase, load_public_key, public_multikey, read_multikey
from protocols.activitypub.proofs import BELIEVED_FOR, check, digest_of, read_proof
from protocols.activitypub.translate.thing import Thing
from tests.protocols.activitypub.correspondents import KIMS, SAMS, ed25519, material, proven, rsa
from tests.protocols.activitypub.world import NOW, create, note

# ------------------------------------------------------------------------------------------------------------ FEP-8b32, FEP-521a

ALICE = "https://server.example/users/alice"
SECRET = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
CONTEXT = ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"]
CREATED = "2023-02-24T23:36:38Z"
UNSIGNED: dict[str, Any] = {
    "@context": CONTEXT,
    "id": "https://server.example/activities/1",
    "type": "Create",
    "actor": ALICE,
    "object": {
        "id": "https://server.example/objects/1",
        "type": "Note",
        "attributedTo": ALICE,
        "content": "Hello world",
        "location": {"type": "Place", "longitude": -71.184902, "latitude": 25.273962},
    },
}
OPTIONS: dict[str, Any] = {
    "@context": CONTEXT,
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "verificationMethod": f"{ALICE}#ed25519-key",
    "proofPurpose": "assertionMethod",
    "created": CREATED,
}
VALUE = "z42ffGu6AUKPCFcFPiabmUvnGLPJzC7e4DGWC52NUasSSH37UMa9c58tdgVszUcZfytxa4fQ5TYHaJENCxUDe9SdL"
SIGNED = {**UNSIGNED, "proof": {**OPTIONS, "proofValue": VALUE}}
ALICE_SHOWN = {
    "type": "Person",
    "id": ALICE,
    "inbox": f"{ALICE}/inbox",
    "assertionMethod": [
        {
            "id": f"{ALICE}#ed25519-key",
            "type": "Multikey",
            "controller": ALICE,
            "publicKeyMultibase": "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
        }
    ],
}
THEN = datetime(2023, 2, 25, tzinfo=UTC)

HEX_ED25519 = "2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6"
MULTI_ED25519 = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
HEX_RSA = (
    "3082010a0282010100b1b5fcd8d4d5e88ca5c4287b31f578865caf6a78826a3b8ff7b1b23aa4af4e6a0474139f945bd9d3a911ffd0fa72db78e4593a86c91f9da836"
    "186ebd3402d51f6a3844247ab5088b46929c311b43604fed84499f06f0f39bf55590e2187f1bbe229ba8f49fd2e570cd0e3733c76bfede80e1e7e0881e4538ea1bc5"
    "782be9512f8bf132526e05f4923564fe6e1e21bf7087adebb660fa533fca06d0a8e66991e1312d70b64a61da8ca77c028cdf939601e2cffe2855759b1d479f0847bc"
    "ac59d7d62427a431d4e3dfd2697428b9dd6309a7b1167db99fe01af1ff1b739566fb949e47089d1dae84aef1214ef7f5773e86a0d3e9da246f9bec09d60c7058911"
    "83d0203010001"
)
MULTI_RSA = (
    "z4MXj1wBzi9jUstyPMS4jQqB6KdJaiatPkAtVtGc6bQEQEEsKTic4G7Rou3iBf9vPmT5dbkm9qsZsuVNjq8HCuW1w24nhBFGkRE4cd2Uf2tfrB3N7h4mnyPp1BF3ZttHTYv3"
    "DLUPi1zMdkULiow3M1GfXkoC6DoxDUm1jmN6GBj22SjVsr6dxezRVQc7aj9TxE7JLbMH1wh5X3kA58H3DFW8rnYMakFGbca5CB2Jf6CnGQZmL7o5uJAdTwXfy2iiiyPxXEGe"
    "rMhHwhjTA1mKYobyk2CpeEcmvynADfNZ5MBvcCS7m3XkFCMNUYBS9NQ3fze6vMSUPsNa6GVYmKx2x6JrdEjCk3qRMMmyjnjCMfR4pXbRMZa3i"
)


def holds(document: dict[str, Any], now: datetime = THEN, *, key: str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2") -> bool:
    proof = read_proof(document, now)
    return proof is not None and check(document, proof, read_multikey(key))


def test_the_signature_of_the_vector_is_made_again() -> None:
    """FEP-8b32, scenario "Signing document"; the secret key is multicodec 0x1300."""
    raw = from_multibase(SECRET, 100, "secret key")
    assert raw[:2] == b"\x80\x26"
    made = Ed25519PrivateKey.from_private_bytes(raw[2:]).sign(digest_of(UNSIGNED, OPTIONS))
    assert made == from_multibase(VALUE, 100, "proofValue")


def test_the_vector_is_valid_with_the_key_that_its_actor_shows() -> None:
    """FEP-8b32, scenario "Verifying a signature"."""
    proof = read_proof(SIGNED, THEN)
    assert proof is not None
    shown = shown_in(Thing(ALICE_SHOWN), proof.method)
    assert shown is not None
    assert shown.owner == ALICE
    assert check(SIGNED, proof, shown.material())


def test_the_keys_of_the_vectors_are_read_and_written() -> None:
    """FEP-521a, both scenarios."""
    for multibase in (MULTI_ED25519, MULTI_RSA):
        assert public_multikey(read_multikey(multibase)) == multibase
    assert from_multibase(MULTI_ED25519, 100, "key")[2:].hex() == HEX_ED25519
    assert from_multibase(MULTI_RSA, 1_000, "key")[2:].hex() == HEX_RSA


# ---------------------------------------------------------------------------------------------------------------- what does not hold


def changed(path: str, value: object) -> dict[str, Any]:
    """The vector with one member replaced, added, or (with None) taken out."""
    document = copy.deepcopy(SIGNED)
    holder: Any = document
    *heads, last = path.split("/")
    for head in heads:
        holder = holder[head]
    if value is None:
        del holder[last]
    else:
        holder[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("object/content", "Hello World"),
        ("object/location/longitude", -71.1849021),
        ("object/location", None),
        ("id", "https://server.example/activities/2"),
        ("to", ["https://www.w3.org/ns/activitystreams#Public"]),
        ("@context", [*CONTEXT, "https://evil.example/ns"]),
        ("proof/created", "2023-02-24T23:36:39Z"),
        ("proof/nonce", "new"),
        ("proof/verificationMethod", f"{ALICE}#another-key"),
        ("proof/@context", None),
    ],
)
def test_whatever_is_changed_the_options_included_does_not_hold(path: str, value: object) -> None:
    """All options of a proof are signed (Fedify 2.4 checked some of them only)."""
    assert holds(SIGNED)
    assert not holds(changed(path, value))


def test_a_document_is_not_changed_by_being_checked() -> None:
    before = msgspec.json.encode(SIGNED)
    holds(SIGNED)
    assert msgspec.json.encode(SIGNED) == before


def test_a_linked_data_signature_beside_it_is_set_aside() -> None:
    """It is made after the proof (FEP-8b32, backward compatibility), and is not believed itself."""
    assert holds({**SIGNED, "signature": {"type": "RsaSignature2017", "signatureValue": "x"}})


def test_the_order_of_members_and_the_form_of_numbers_do_not_matter() -> None:
    turned = dict(reversed(copy.deepcopy(SIGNED).items()))
    turned["object"] = dict(reversed(turned["object"].items()))
    assert holds(msgspec.json.decode(msgspec.json.encode(turned).replace(b"25.273962", b"2.5273962e1")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("proof/cryptosuite", "mldsa44-jcs-2024"),
        ("proof/type", "Ed25519Signature2020"),
        ("proof", [SIGNED["proof"], SIGNED["proof"]]),
        ("proof", "https://server.example/proofs/1"),
        ("proof/expires", "2023-02-24T23:00:00Z"),
    ],
)
def test_what_cannot_be_checked_counts_as_no_proof(path: str, value: object) -> None:
    """Other ways of knowing who said it are tried then (FEP-8b32, proof verification)."""
    assert read_proof(changed(path, value), THEN + timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("proof/proofPurpose", "authentication", "another purpose"),
        ("proof/verificationMethod", None, "needs verificationMethod"),
        ("proof/proofValue", 1, "needs verificationMethod and proofValue"),
        ("proof/proofValue", VALUE[1:], "base58btc"),
        ("proof/proofValue", "z" + "1" * 100_000, "longer than 100"),
        ("proof/created", "yesterday", "created is not a date"),
        ("proof/created", "2023-02-26T00:00:00Z", "ahead"),
        ("proof/expires", 7, "expires is not a date"),
        ("@context", [CONTEXT[1], CONTEXT[0]], "@context"),
        ("@context", CONTEXT[:1], "@context"),
    ],
)
def test_what_is_wrong_in_itself_is_refused_by_name(path: str, value: object, why: str) -> None:
    with pytest.raises(Unverified, match=why):
        read_proof(changed(path, value), THEN)


def test_another_key_does_not_hold_and_none_but_ed25519_does() -> None:
    assert not holds(SIGNED, key=MULTI_ED25519)
    proof = read_proof(SIGNED, THEN)
    assert proof is not None
    assert not check(SIGNED, proof, load_public_key(material(rsa(SAMS))["publicKeyPem"]))


def test_a_number_that_has_no_canonical_form_does_not_hold() -> None:
    """`2**60` would be rounded by some and not by others (RFC 8785 3.2.2.3)."""
    assert not holds(changed("object/location/longitude", 2**60))


def test_a_proof_alone_is_believed_for_a_week() -> None:
    signed = proven(create(note()), SAMS)
    proof = read_proof(signed, NOW)
    assert proof is not None
    assert proof.made_since(NOW) == NOW
    assert proof.made_since(NOW + BELIEVED_FOR) is None
    assert msgspec.structs.replace(proof, created=None).made_since(NOW) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=20,
    ),
    st.sampled_from(sorted(OPTIONS)),
)
def test_no_document_raises_anything_but_unverified(value: object, name: str) -> None:
    key = read_multikey(public_multikey(ed25519(KIMS).private))
    for document in ({"proof": value, "@context": value}, {**UNSIGNED, "x": value, "proof": {**OPTIONS, "proofValue": VALUE, name: value}}):
        with suppress(Unverified):
            proof = read_proof(document, NOW)
            assert proof is None or not check(document, proof, key)
