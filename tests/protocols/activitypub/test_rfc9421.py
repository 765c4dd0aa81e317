"""The standard form of signatures: the vectors of the RFC that fit our profile, and one refusal for everything outside of it."""

from __future__ import annotations

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Unverified
from protocols.activitypub import rfc9421
from protocols.activitypub.keys import PublicMaterial, Signer, load_public_key
from protocols.activitypub.request import Claimed, Request, check_content_digest, check_digest
from tests.protocols.activitypub.correspondents import NOW, ORIGIN, SAMS, ed25519, having, rsa, sent, value_of

# ------------------------------------------------------------------------------------------------- RFC 9421, appendix B

PSS_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----"""

ED25519_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----"""

SHA512_OF_IT = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"

TEST_REQUEST = Request(
    "POST",
    "/foo?param=Value&Pet=dog",
    "example.com",
    (
        ("Host", "example.com"),
        ("Date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("Content-Type", "application/json"),
        ("Content-Digest", SHA512_OF_IT),
        ("Content-Length", "18"),
    ),
    b'{"hello": "world"}',
)

VECTORS = {
    "B.2.1 nothing, RSA-PSS": (
        PSS_KEY,
        'sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
        "sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG"
        "52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HEL"
        "jVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
    ),
    "B.2.3 everything, RSA-PSS": (
        PSS_KEY,
        'sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")'
        ';created=1618884473;keyid="test-key-rsa-pss"',
        "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fU"
        "xN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvf"
        "rs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:",
    ),
    "B.2.6 Ed25519": (
        ED25519_KEY,
        'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    ),
}
"""Of B.2 the requests that our profile can read: B.2.2 covers one parameter of a query, the others are responses or secrets shared."""


def published(name: str) -> tuple[Claimed, PublicMaterial]:
    pem, told, signature = VECTORS[name]
    claimed = rfc9421.read(having(having(TEST_REQUEST, "Signature-Input", told), "Signature", signature), "https://example.com")
    # The RFC leaves the algorithm to what is known of the key; of an RSA key without a word we know PKCS#1 v1.5.
    return msgspec.structs.replace(claimed, algorithm="rsa-pss-sha512" if pem == PSS_KEY else ""), load_public_key(pem)


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_rfc_hold(name: str) -> None:
    assert rfc9421.check(*published(name))


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_over_another_request_does_not_hold(name: str) -> None:
    claimed, key = published(name)
    changed = msgspec.structs.replace(claimed, request=having(claimed.request, "Signature-Input", VECTORS[name][1].replace("473", "474")))
    assert not rfc9421.check(changed, key)


def test_the_digest_of_the_rfc_holds() -> None:
    check_content_digest(SHA512_OF_IT, TEST_REQUEST.body or b"")
    with pytest.raises(Unverified):
        check_content_digest(SHA512_OF_IT, b'{"hello": "World"}')


# ------------------------------------------------------------------------------------------------------------- signing


def read(request: Request) -> Claimed:
    return rfc9421.read(request, ORIGIN)


SIGNERS = [rsa(SAMS), ed25519(SAMS)]


@pytest.mark.parametrize("signer", SIGNERS, ids=["rsa", "ed25519"])
def test_what_is_signed_here_is_what_mastodon_and_fedify_accept(signer: Signer) -> None:
    """activitypub.md 2.2: method, target, digest, `created` and `keyid`; one label."""
    request = sent({"a": 1}, signer, scheme="rfc9421")
    told = value_of(request, "signature-input")
    assert told.startswith(f'sig1=("@method" "@target-uri" "content-digest");created=1795521600;keyid="{signer.id}"')
    assert value_of(request, "content-digest").startswith("sha-256=:")
    claimed = read(request)
    assert (claimed.key_id, claimed.dates) == (signer.id, (NOW,))
    assert rfc9421.check(claimed, signer.private.public_key())


def test_a_get_is_signed_without_a_digest() -> None:
    added = rfc9421.sign(Request("GET", "/u/ana?page=1", "moot.example"), rsa(SAMS), NOW)
    assert set(added) == {"Host", "Signature-Input", "Signature"}
    assert rfc9421.check(read(Request("GET", "/u/ana?page=1", "moot.example", tuple(added.items()))), rsa(SAMS).private.public_key())


@pytest.mark.parametrize("change", [{"target": "/inbox?x=2"}, {"target": "/u/ana/inbox"}, {"target": "/inbox"}, {"method": "PUT"}], ids=str)
def test_another_request_than_the_signed_one_does_not_hold(change: dict[str, str]) -> None:
    claimed = read(msgspec.structs.replace(sent({"a": 1}, target="/inbox?x=1", scheme="rfc9421"), **change))
    assert not rfc9421.check(claimed, rsa(SAMS).private.public_key())


def test_another_key_or_origin_does_not_hold() -> None:
    request = sent({"a": 1}, scheme="rfc9421")
    assert not rfc9421.check(read(request), rsa("another").private.public_key())
    assert not rfc9421.check(read(request), ed25519(SAMS).private.public_key())
    assert not rfc9421.check(rfc9421.read(request, "https://evil.example"), rsa(SAMS).private.public_key())
    assert not rfc9421.check(rfc9421.read(request, "http://moot.example"), rsa(SAMS).private.public_key())


def test_the_algorithm_that_is_named_must_be_the_one_of_the_key() -> None:
    request = sent({"a": 1}, scheme="rfc9421")
    lied = having(request, "Signature-Input", value_of(request, "signature-input").replace("rsa-v1_5-sha256", "ed25519"))
    assert not rfc9421.check(read(lied), rsa(SAMS).private.public_key())


# ------------------------------------------------------------------------------------------------------------- reading

INPUT = f'sig1=("@method" "@target-uri" "content-digest");created=1795521600;keyid="{SAMS}#main-key"'
SIGNATURE = "sig1=:AAAA:"

REFUSED = {
    "no structure": ("sig1=(", SIGNATURE, "structured field"),
    "a single component": ('sig1="@method";created=1;keyid="x"', SIGNATURE, "list of components"),
    "two signatures": (f"{INPUT}, {INPUT.replace('sig1', 'sig2')}", SIGNATURE, "exactly one"),
    "one label twice": (f"{INPUT}, {INPUT}", SIGNATURE, "twice"),
    "another label": (INPUT, "sig2=:AAAA:", "no signature for the label"),
    "two values": (INPUT, "sig1=:AAAA:, sig2=:AAAA:", "exactly one"),
    "a signature in words": (INPUT, 'sig1="AAAA"', "no signature for the label"),
    "a component twice": (INPUT.replace('"@target-uri"', '"@method"'), SIGNATURE, "lists a component twice"),
    "a component with parameters": (INPUT.replace('"@method"', '"@method";req'), SIGNATURE, "plain lower-case"),
    "one part of a query": (INPUT.replace('"@method"', '"@query-param";name="x"'), SIGNATURE, "plain lower-case"),
    "a component in upper case": (INPUT.replace("@method", "@Method"), SIGNATURE, "plain lower-case"),
    "a component without quotes": (INPUT.replace('"@method"', "method"), SIGNATURE, "plain lower-case"),
    "an unknown component": (INPUT.replace("@method", "@weather"), SIGNATURE, "one we can check"),
    "the status of a response": (INPUT.replace("@method", "@status"), SIGNATURE, "one we can check"),
    "a header that is not there": (INPUT.replace("@method", "x-missing"), SIGNATURE, "does not have"),
    "too many components": ("sig1=(" + " ".join(f'"x-{i}"' for i in range(40)) + ");created=1", SIGNATURE, "more than 32"),
    "an unknown parameter": (INPUT + ";colour=blue", SIGNATURE, "we do not know"),
    "a parameter twice": (INPUT + ";created=1795521601", SIGNATURE, "twice"),
    "the key id twice": (INPUT + ';keyid="https://evil.example/u/eve#main-key"', SIGNATURE, "twice"),
    "no key id": (INPUT.partition(";keyid")[0], SIGNATURE, "keyid"),
    "a key id that is a number": (INPUT.partition(";keyid")[0] + ";keyid=5", SIGNATURE, "keyid"),
    "no created": (INPUT.replace("created=1795521600;", ""), SIGNATURE, "created"),
    "created in words": (INPUT.replace("1795521600", '"now"'), SIGNATURE, "Unix time"),
    "created in parts of seconds": (INPUT.replace("1795521600", "1795521600.5"), SIGNATURE, "Unix time"),
    "created beyond all years": (INPUT.replace("1795521600", "999999999999999"), SIGNATURE, "Unix time"),
    "a secret shared": (INPUT + ';alg="hmac-sha256"', SIGNATURE, "algorithm"),
    "not ASCII": (INPUT.replace("sam", "säm"), SIGNATURE, "structured field"),
    "too long": (INPUT + ';nonce="' + "x" * 9_000 + '"', SIGNATURE, "longer than"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_outside_of_the_profile_is_refused_by_name(name: str) -> None:
    told, signature, why = REFUSED[name]
    with pytest.raises(Unverified) as caught:
        read(having(having(sent({"a": 1}, scheme="rfc9421"), "Signature-Input", told), "Signature", signature))
    assert why in caught.value.public


@pytest.mark.parametrize("name", ["Content-Digest", "Signature", "Signature-Input"])
def test_a_header_that_counts_and_is_there_twice_is_refused(name: str) -> None:
    request = sent({"a": 1}, scheme="rfc9421")
    with pytest.raises(Unverified) as caught:
        read(msgspec.structs.replace(request, headers=(*request.headers, (name, value_of(request, name)))))
    assert "2 times" in caught.value.public


# ------------------------------------------------------------------------------------------------------------- digests

BODY = b'{"hello": "world"}'
SHA256_OF_IT = "X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="


@pytest.mark.parametrize("value", [f"SHA-256={SHA256_OF_IT}", f"sha-256={SHA256_OF_IT}", f"SHA-256={SHA256_OF_IT}, unixsum=30637"])
def test_a_digest_that_fits_is_accepted_in_any_case(value: str) -> None:
    check_digest(value, BODY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        SHA256_OF_IT,
        f"SHA-256={SHA256_OF_IT[:-1]}",
        f"SHA-256={SHA256_OF_IT},sha-256={SHA256_OF_IT}",
        f"SHA-256={SHA256_OF_IT},SHA-512={SHA256_OF_IT}",
        f"MD5={SHA256_OF_IT}",
        "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "SHA-256=!!!",
    ],
)
def test_a_digest_that_does_not_fit_or_leaves_a_choice_is_refused(value: str) -> None:
    with pytest.raises(Unverified):
        check_digest(value, BODY)


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"sha-256={SHA256_OF_IT}",
        f"sha-256=:{SHA256_OF_IT}:, sha-256=:{SHA256_OF_IT}:",
        f"sha-256=:{SHA256_OF_IT}:, sha-512=:{SHA256_OF_IT}:",
        f"md5=:{SHA256_OF_IT}:",
        'sha-256="X48E"',
        "sha-256=:AAAA:",
        "sha-256=(:AAAA:)",
        "sha-256=:é:",
    ],
)
def test_a_content_digest_that_does_not_fit_is_refused(value: str) -> None:
    with pytest.raises(Unverified):
        check_content_digest(value, BODY)


@given(st.text(), st.text())
def test_no_headers_raise_anything_but_unverified(told: str, signature: str) -> None:
    request = having(having(sent({"a": 1}, scheme="rfc9421"), "Signature-Input", told), "Signature", signature)
    with suppress(Unverified):
        rfc9421.check(read(request), rsa(SAMS).private.public_key())


PIECES = [
    "sig1=",
    "(",
    ")",
    '"@method"',
    '"@target-uri"',
    '"content-digest"',
    ";",
    "created=1795521600",
    f'keyid="{SAMS}#main-key"',
    " ",
    ",",
]


@given(st.lists(st.sampled_from([*PIECES, ":AAAA:", "?1", "2.5", 'alg="ed25519"', '"host"']), max_size=30).map("".join))
def test_no_mixture_of_pieces_is_accepted(told: str) -> None:
    request = having(having(sent({"a": 1}, scheme="rfc9421"), "Signature-Input", told), "Signature", SIGNATURE)
    with suppress(Unverified):
        assert not rfc9421.check(read(request), rsa(SAMS).private.public_key())


@given(st.text())
def test_no_digest_raises_anything_but_unverified(value: str) -> None:
    for check in (check_digest, check_content_digest):
        with suppress(Unverified):
            check(value, BODY)
