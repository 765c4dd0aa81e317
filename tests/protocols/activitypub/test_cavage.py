"""The draft form of signatures: the vectors of the draft, and one refusal for every way to make two readers see two requests."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Invariant, Unverified
from protocols.activitypub import cavage
from protocols.activitypub.keys import PublicMaterial
from protocols.activitypub.request import Claimed, Request, write_date
from tests.protocols.activitypub.correspondents import NOW, ORIGIN, SAMS, ed25519, having, rsa, sent, value_of, without

# -------------------------------------------------------------------------------------- draft-cavage-12, appendix C

PUBLISHED_KEY = load_pem_public_key(b"""-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3
6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6
Z4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw
oYi+1hqp1fIekaxsyQIDAQAB
-----END PUBLIC KEY-----""")
"""1024 bits, as published; `load_public_key` would not take it from a peer."""

PUBLISHED = Request(
    "POST",
    "/foo?param=value&pet=dog",
    "example.com",
    (
        ("Host", "example.com"),
        ("Date", "Sun, 05 Jan 2014 21:31:40 GMT"),
        ("Content-Type", "application/json"),
        ("Digest", "SHA-256=X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE="),
        ("Content-Length", "18"),
    ),
    b'{"hello": "world"}',
)

VECTORS = {
    # The draft leaves `headers` out here, as its older versions allowed; the text of version 12 makes `(created)` of that.
    "C.1 the date": (
        "date",
        "SjWJWbWN7i0wzBvtPl8rbASWz5xQW6mcJmn+ibttBqtifLN7Sazz6m79cNfwwb8DMJ5cou1s7uEGKKCs+FLEEaDV5lp7q25WqS+lavg7T8hc0GppauB6hbgE"
        "KTwblDHYGEtbGmtdHgVCk9SuS13F0hZ8FD0k/5OxEPXe5WozsbM=",
    ),
    "C.2 target, host, date": (
        "(request-target) host date",
        "qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw3HMbe8VfEdKFYRqzic+efkb3nndiv/x1x"
        "SHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0=",
    ),
    # The draft's own example lists `(created) (expires)` too, but its signature was made without them.
    "C.3 all headers": (
        "(request-target) host date content-type digest content-length",
        "vSdrb+dS3EceC9bcwHSo4MlyKS59iFIrhgYkz8+oVLEEzmYZZvRs8rgOp+63LEM3v+MFHB32NfpB2bEKBIvB1q52LaEUHFv120V01IL+TAD48XaERZFukWgH"
        "oBTLMhYS2Gb51gWxpeIq8knRmPnYePbF5MOkR0Zkly4zKH7s1dE=",
    ),
}


def published(covered: str, signature: str) -> Claimed:
    header = f'keyId="Test",algorithm="rsa-sha256",headers="{covered}",signature="{signature}"'
    return cavage.read(header, PUBLISHED, "https://example.com")


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_draft_hold(name: str) -> None:
    assert cavage.check(published(*VECTORS[name]), PUBLISHED_KEY)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_with_one_byte_changed_does_not_hold(name: str) -> None:
    covered, signature = VECTORS[name]
    raw = bytearray(base64.b64decode(signature))
    raw[7] ^= 1
    assert not cavage.check(published(covered, base64.b64encode(raw).decode()), PUBLISHED_KEY)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------- signing


def read(request: Request) -> Claimed:
    return cavage.read(value_of(request, "signature"), request, ORIGIN)


def public(name: str = SAMS) -> PublicMaterial:
    return rsa(name).private.public_key()


def test_what_is_signed_here_is_what_every_peer_accepts() -> None:
    """activitypub.md 2.1: this set of headers in this order, rsa-sha256, one upper-case digest; trap 1 and trap 2."""
    request = sent({"a": 1})
    assert value_of(request, "signature").startswith(
        f'keyId="{SAMS}#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="'
    )
    assert value_of(request, "digest").startswith("SHA-256=")
    assert "," not in value_of(request, "digest")
    assert value_of(request, "date") == "Tue, 24 Nov 2026 12:00:00 GMT"
    assert cavage.check(read(request), public())


def test_a_get_is_signed_without_a_digest() -> None:
    added = cavage.sign(Request("GET", "/u/ana", "moot.example"), rsa(SAMS), NOW)
    assert set(added) == {"Host", "Date", "Signature"}
    assert 'headers="(request-target) host date"' in added["Signature"]


def test_an_empty_post_is_signed_with_the_digest_of_nothing() -> None:
    assert value_of(sent(b""), "digest") == "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def test_the_second_knock_signs_the_path_alone() -> None:
    """activitypub.md 2.1: Misskey signs no query, GoToSocial tries both."""
    asked = Request("GET", "/u/ana?page=1", "moot.example")
    for query in (True, False):
        added = cavage.sign(asked, rsa(SAMS), NOW, query=query)
        assert cavage.check(read(msgspec.structs.replace(asked, headers=tuple(added.items()))), public())


def test_an_ed25519_key_does_not_sign_the_draft_form() -> None:
    with pytest.raises(Invariant):
        cavage.sign(Request("GET", "/", "moot.example"), ed25519(SAMS), NOW)


@pytest.mark.parametrize(("target", "what"), [("/inbox?x=2", "query"), ("/other?x=1", "path"), ("/inbox", "no query")], ids=str)
def test_another_address_than_the_signed_one_does_not_hold(target: str, what: str) -> None:
    request = sent({"a": 1}, target="/inbox?x=1")
    assert not cavage.check(read(msgspec.structs.replace(request, target=target)), public()), what


def test_another_method_key_or_origin_does_not_hold() -> None:
    request = sent({"a": 1})
    assert not cavage.check(read(msgspec.structs.replace(request, method="PUT")), public())
    assert not cavage.check(read(request), public("another"))
    assert not cavage.check(read(request), ed25519(SAMS).private.public_key())
    elsewhere = cavage.read(value_of(request, "signature"), request, "https://evil.example")
    assert not cavage.check(elsewhere, public())


def test_the_host_is_ours_whatever_the_header_says() -> None:
    """activitypub.md 2.3 step 3: a proxy may rewrite Host, and nobody can talk us into another."""
    request = sent({"a": 1})
    assert cavage.check(read(having(request, "Host", "10.0.0.7:8080")), public())


# ------------------------------------------------------------------------------------------------------------- reading


def signed(
    covered: str, *, algorithm: str = "hs2019", hash_: SHA256 | SHA512 | None = None, extra: str = "", private: object = None
) -> Request:
    """A request whose signature covers these, made by hand as some other server would."""
    base = without(sent({"a": 1}), "signature")
    values = {name.lower(): value for name, value in base.headers}
    values |= {"(request-target)": "post /inbox", "(created)": str(int(NOW.timestamp())), "(expires)": str(int(NOW.timestamp()) + 300)}
    text = "\n".join(f"{name}: {values[name]}" for name in covered.split(" ")).encode()
    key = private or rsa(SAMS).private
    if isinstance(key, Ed25519PrivateKey):
        made = key.sign(text)
    else:
        assert isinstance(key, RSAPrivateKey)
        made = key.sign(text, PKCS1v15(), hash_ or SHA256())
    signature = base64.b64encode(made).decode()
    return having(base, "signature", f'headers="{covered}",keyId="{SAMS}#main-key",{extra}signature="{signature}",algorithm="{algorithm}"')


COVERED = "(request-target) host date digest"


@pytest.mark.parametrize("hash_", [SHA256(), SHA512()], ids=["sha256", "sha512"])
def test_hs2019_is_rsa_with_either_hash(hash_: SHA256 | SHA512) -> None:
    """peers-on-the-wire.md 1.1: GoToSocial 0.20 says hs2019 and means RSA-SHA256."""
    assert cavage.check(read(signed(COVERED, hash_=hash_)), public())


def test_a_named_algorithm_is_the_only_one_tried() -> None:
    assert cavage.check(read(signed(COVERED, algorithm="rsa-sha512", hash_=SHA512())), public())
    assert not cavage.check(read(signed(COVERED, algorithm="rsa-sha256", hash_=SHA512())), public())
    assert not cavage.check(read(signed(COVERED, algorithm="ed25519")), public())


def test_ed25519_is_checked_where_the_key_is_one() -> None:
    key = ed25519(SAMS)
    for algorithm in ("hs2019", "ed25519"):
        assert cavage.check(read(signed(COVERED, algorithm=algorithm, private=key.private)), key.private.public_key())
    assert not cavage.check(read(signed(COVERED, algorithm="rsa-sha256", private=key.private)), key.private.public_key())


def test_created_and_expires_may_stand_for_the_date() -> None:
    """Discourse sends them with hs2019."""
    moment = int(NOW.timestamp())
    claimed = read(signed("(request-target) (created) (expires) host digest", extra=f"created={moment},expires={moment + 300},"))
    assert cavage.check(claimed, public())
    assert (claimed.dates, claimed.expires) == ((NOW,), NOW + timedelta(seconds=300))


def test_headers_are_found_in_any_case_and_order() -> None:
    """peers-on-the-wire.md 1.4: snac 2.94 writes `signature`, and its list in another order."""
    claimed = read(signed("(request-target) host digest date", algorithm="rsa-sha256"))
    assert cavage.check(claimed, public())


def test_a_header_in_two_lines_is_read_as_one() -> None:
    request = sent({"a": 1})
    lines = (*request.headers, ("X-Two", " one "), ("X-Two", "two"))
    key = rsa(SAMS).private
    assert isinstance(key, RSAPrivateKey)
    made = base64.b64encode(key.sign(b"x-two: one, two", PKCS1v15(), SHA256())).decode()
    header = f'keyId="{SAMS}#main-key",headers="x-two",signature="{made}"'
    assert cavage.check(cavage.read(header, msgspec.structs.replace(request, headers=lines), ORIGIN), public())


GOOD = f'keyId="{SAMS}#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="AAAA"'

REFUSED = {
    "a parameter twice": (GOOD + ',keyId="https://evil.example/u/eve#main-key"', "twice"),
    "a parameter twice in another case": (GOOD + ',KeyId="https://evil.example/u/eve#main-key"', "twice"),
    "the headers twice": (GOOD + ',headers="date"', "twice"),
    "no key id": (GOOD.replace("keyId", "key"), "keyId"),
    "an empty key id": (GOOD.replace(f"{SAMS}#main-key", ""), "keyId"),
    "no signature": (GOOD.replace('signature="AAAA"', 'sig="AAAA"'), "signature"),
    "no base64": (GOOD.replace("AAAA", "A?AA"), "base64"),
    "base64 that is cut": (GOOD.replace("AAAA", "AAA"), "base64"),
    "an unknown algorithm": (GOOD.replace("rsa-sha256", "hmac-sha256"), "algorithm"),
    "RSA with SHA-1": (GOOD.replace("rsa-sha256", "rsa-sha1"), "algorithm"),
    "a header listed twice": (GOOD.replace("host date", "host host date"), "lists a header twice"),
    "an empty list": (GOOD.replace("(request-target) host date digest", ""), "lower case and one space apart"),
    "two spaces": (GOOD.replace("host date", "host  date"), "lower case and one space apart"),
    "upper case in the list": (GOOD.replace("host date", "Host date"), "lower case and one space apart"),
    "a target of their own": (GOOD.replace("(request-target)", "(request-target-2)"), "lower case and one space apart"),
    "a header that is not there": (GOOD.replace("digest", "x-missing"), "does not have"),
    "created with an RSA algorithm": (GOOD.replace("date", "(created)") + ",created=1795521600", "hs2019"),
    "created, but not given": (GOOD.replace("rsa-sha256", "hs2019").replace("date", "(created)"), "does not give it"),
    "created in words": (GOOD.replace("rsa-sha256", "hs2019").replace("date", "(created)") + ',created="now"', "Unix time"),
    "created beyond all years": (
        GOOD.replace("rsa-sha256", "hs2019").replace("date", "(created)") + ",created=99999999999999999999",
        "Unix time",
    ),
    "an escape": (GOOD.replace("rsa-sha256", 'rsa-\\"sha256'), "malformed"),
    "no quotation marks": (GOOD.replace('"', ""), "malformed"),
    "no comma": (GOOD.replace(",", " "), "malformed"),
    "a comma at the end": (GOOD + ",", "malformed"),
    "words after it": (GOOD + " and more", "malformed"),
    "too long": (GOOD + ',x="' + "x" * 9_000 + '"', "longer than"),
    "too many headers": (GOOD.replace("(request-target)", " ".join(f"x-{i}" for i in range(40))), "more than 32"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_not_read_at_all(name: str) -> None:
    """CVE-2026-28432 (Misskey before 2026.3.1) was in this layer."""
    header, why = REFUSED[name]
    with pytest.raises(Unverified) as caught:
        cavage.read(header, having(sent({"a": 1}), "signature", header), ORIGIN)
    assert why in caught.value.public


@pytest.mark.parametrize("name", ["Host", "Date", "Digest"])
def test_a_covered_header_that_is_there_twice_is_refused(name: str) -> None:
    request = sent({"a": 1})
    double = msgspec.structs.replace(request, headers=(*request.headers, (name, value_of(request, name))))
    with pytest.raises(Unverified) as caught:
        read(double)
    assert "2 times" in caught.value.public


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Tue, 24 Nov 2026 12:00:00",
        "Tue, 24 Nov 2026 12:00:00 +0100",
        "Tuesday, 24-Nov-26 12:00:00 GMT",
        "Tue Nov 24 12:00:00 2026",
        "2026-11-24T12:00:00Z",
        "Tue, 31 Feb 2026 12:00:00 GMT",
        "Tue, 24 Nov 2026 25:00:00 GMT",
        "Tue, 24 Now 2026 12:00:00 GMT",
        "Tue, ٢٤ Nov 2026 12:00:00 GMT",
    ],
)
def test_a_date_in_any_form_but_the_one_of_http_is_refused(date: str) -> None:
    with pytest.raises(Unverified):
        read(having(sent({"a": 1}), "Date", date))


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 1, 1)))
def test_a_date_that_was_written_is_read_as_it_was(moment: datetime) -> None:
    at = moment.replace(microsecond=0, tzinfo=UTC)
    assert read(having(sent({"a": 1}), "Date", write_date(at))).dates == (at,)


def test_the_forms_are_told_apart_by_their_own_marks() -> None:
    assert cavage.looks_like(GOOD)
    assert cavage.looks_like('headers="date", keyId="x"')
    assert not cavage.looks_like("sig1=:keyId=:")
    assert not cavage.looks_like('sig1=:AAAA:;note="keyId"')


@given(st.text())
def test_no_signature_header_raises_anything_but_unverified(header: str) -> None:
    with suppress(Unverified):
        cavage.check(cavage.read(header, having(sent({"a": 1}), "signature", header), ORIGIN), public())


@given(st.lists(st.sampled_from(GOOD.replace(",", " , ").replace('"', ' " ').split(" ")), max_size=40).map("".join))
def test_no_mixture_of_its_pieces_is_accepted(header: str) -> None:
    with suppress(Unverified):
        assert not cavage.check(cavage.read(header, having(sent({"a": 1}), "signature", header), ORIGIN), public())
