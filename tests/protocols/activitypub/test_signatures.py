"""One policy for both forms: what a signature must cover, how old it may be, and that nothing is proved before a key has proved it."""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Unverified
from protocols.activitypub.keys import PublicKey
from protocols.activitypub.request import Request, read_date
from protocols.activitypub.signatures import Claimed, read_signature, verify
from tests.protocols.activitypub.correspondents import KIMS, NOW, ORIGIN, SAMS, having, rsa, sent, value_of, without

ROOT = Path(__file__).parents[3]
SAMS_KEY = PublicKey(rsa(SAMS).id, SAMS, rsa(SAMS).private.public_key())
SCHEMES = ["draft", "rfc9421"]


def read(request: Request) -> Claimed:
    return read_signature(request, ORIGIN, NOW)


def refusal(request: Request) -> str:
    with pytest.raises(Unverified) as caught:
        read(request)
    return caught.value.public


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_good_signature_says_who_and_when(scheme: str) -> None:
    verified = verify(read(sent({"a": 1}, scheme=scheme)), SAMS_KEY)
    assert (verified.signer, verified.key_id, verified.scheme, verified.signed_at) == (SAMS, SAMS_KEY.id, scheme, NOW)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_body_that_was_changed_on_the_way_is_refused_before_any_key_is_needed(scheme: str) -> None:
    request = msgspec.structs.replace(sent({"a": 1}, scheme=scheme), body=b'{"a":2}')
    assert "does not match the body" in refusal(request)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_key_of_somebody_else_proves_nothing(scheme: str) -> None:
    claimed = read(sent({"a": 1}, scheme=scheme))
    for key in (PublicKey(SAMS_KEY.id, SAMS, rsa("another").private.public_key()), PublicKey(f"{KIMS}#main-key", KIMS, SAMS_KEY.material)):
        with pytest.raises(Unverified):
            verify(claimed, key)


def test_an_unsigned_request_is_refused() -> None:
    assert "not signed" in refusal(without(sent({"a": 1}), "signature"))
    assert "not signed" in refusal(without(sent({"a": 1}, scheme="rfc9421"), "signature"))


def test_an_authorization_header_is_neither_taken_for_a_signature_nor_in_its_way() -> None:
    """peers-on-the-wire.md 1.1.5 and 1.6: apkit sends both, and GoToSocial 0.20 refuses it for that."""
    request = sent({"a": 1})
    both = having(request, "Authorization", f"Signature {value_of(request, 'signature')}")
    assert verify(read(both), SAMS_KEY).signer == SAMS
    assert "not signed" in refusal(without(both, "signature"))


def test_several_signature_headers_are_refused() -> None:
    request = sent({"a": 1})
    double = msgspec.structs.replace(request, headers=(*request.headers, ("Signature", value_of(request, "signature"))))
    assert "several" in refusal(double)


def test_the_draft_form_is_read_beside_a_header_of_the_other() -> None:
    """activitypub.md 2.3 step 1."""
    request = having(sent({"a": 1}), "Signature-Input", 'sig1=("@method");created=1;keyid="x"')
    assert verify(read(request), SAMS_KEY).scheme == "draft"


# ------------------------------------------------------------------------------------------------------------ coverage


def covering(*names: str) -> Request:
    """A signature in the draft form that says it covers these; whether it does is nobody's question yet."""
    request = sent({"a": 1})
    return having(
        request, "signature", f'keyId="{SAMS}#main-key",algorithm="hs2019",headers="{" ".join(names)}",signature="AAAA",created=1795521600'
    )


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (("host", "date", "digest"), "(request-target)"),
        (("(request-target)", "date", "digest"), "host"),
        (("(request-target)", "host", "digest"), "date"),
        (("(request-target)", "host", "date"), "digest"),
        (("(request-target)", "host", "(created)"), "digest"),
        (("date",), "(request-target)"),
    ],
    ids=str,
)
def test_what_the_draft_form_must_cover_is_named_when_it_is_missing(names: tuple[str, ...], missing: str) -> None:
    assert f"does not cover {missing}" in refusal(covering(*names))


def test_without_a_list_of_headers_nothing_that_counts_is_covered() -> None:
    request = sent({"a": 1})
    bare = value_of(request, "signature").replace('headers="(request-target) host date digest",', "").replace("rsa-sha256", "hs2019")
    assert "does not cover" in refusal(having(request, "signature", bare + ",created=1795521600"))


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (('"@target-uri"', '"content-digest"'), "@method"),
        (('"@method"', '"content-digest"'), "@target-uri or @authority"),
        (('"@method"', '"@authority"', '"content-digest"'), "@target-uri or @path"),
        (('"@method"', '"@authority"', '"@path"', '"content-digest"'), "@target-uri or @query"),
        (('"@method"', '"@target-uri"'), "content-digest"),
        (('"@method"', '"@authority"', '"@request-target"'), "content-digest"),
        ((), "@method"),
    ],
    ids=str,
)
def test_what_the_standard_form_must_cover_is_named_when_it_is_missing(names: tuple[str, ...], missing: str) -> None:
    request = sent({"a": 1}, target="/inbox?x=1", scheme="rfc9421")
    told = f'sig1=({" ".join(names)});created=1795521600;keyid="{SAMS}#main-key"'
    assert f"does not cover {missing}." in refusal(having(request, "Signature-Input", told))


def test_method_authority_and_path_are_enough_where_there_is_no_query() -> None:
    request = sent({"a": 1}, scheme="rfc9421")
    told = f'sig1=("@method" "@authority" "@path" "content-digest");created=1795521600;keyid="{SAMS}#main-key"'
    assert read(having(request, "Signature-Input", told)).covered == ("@method", "@authority", "@path", "content-digest")


def test_a_digest_that_is_not_covered_is_not_believed() -> None:
    """Both digests may be there; only what was signed says something about the body."""
    request = having(sent({"a": 1}, scheme="rfc9421"), "Digest", "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    assert verify(read(request), SAMS_KEY).signer == SAMS


# ---------------------------------------------------------------------------------------------------------------- time


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("hours", [-12, -1, 0, 1])
def test_a_clock_that_is_off_and_a_delivery_that_waited_are_forgiven(scheme: str, hours: int) -> None:
    """activitypub.md 2.3 step 5."""
    assert verify(read(sent({"a": 1}, at=NOW + timedelta(hours=hours), scheme=scheme)), SAMS_KEY)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("late", "why"), [(timedelta(hours=-12, seconds=-1), "12 hours old"), (timedelta(hours=1, seconds=1), "ahead")])
def test_an_old_signature_and_one_from_tomorrow_are_refused(scheme: str, late: timedelta, why: str) -> None:
    assert why in refusal(sent({"a": 1}, at=NOW + late, scheme=scheme))


def test_a_fresh_date_does_not_hide_an_old_created() -> None:
    request = covering("(request-target)", "host", "date", "(created)", "digest")
    old = value_of(request, "signature").replace("1795521600", str(1795521600 - 13 * 3600))
    assert "12 hours old" in refusal(having(request, "signature", old))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_that_has_expired_is_refused(scheme: str) -> None:
    def expiring(seconds: int) -> Request:
        if scheme == "draft":
            request = covering("(request-target)", "host", "date", "digest")
            return having(request, "signature", value_of(request, "signature") + f",expires={1795521600 + seconds}")
        request = sent({"a": 1}, scheme=scheme)
        return having(request, "Signature-Input", value_of(request, "signature-input") + f";expires={1795521600 + seconds}")

    assert "expired" in refusal(expiring(-3601))
    assert read(expiring(-3599)).expires is not None


# ------------------------------------------------------------------------------------------------------------- key ids


@pytest.mark.parametrize(
    "key_id", ["main-key", "acct:sam@a.example", "ftp://a.example/u/sam", "https://a.example/u/sam key", "https://a.example/ü", "https://"]
)
def test_a_key_id_that_is_no_web_address_is_refused(key_id: str) -> None:
    request = sent({"a": 1})
    assert "not a web address" in refusal(having(request, "signature", value_of(request, "signature").replace(f"{SAMS}#main-key", key_id)))


def test_a_key_id_longer_than_any_address_is_refused() -> None:
    request = sent({"a": 1})
    longer = value_of(request, "signature").replace(f"{SAMS}#main-key", f"{SAMS}/{'x' * 2_048}")
    assert "not a web address" in refusal(having(request, "signature", longer))


# --------------------------------------------------------------------------------------------------------- real traffic

CAPTURED = sorted((ROOT / "tests" / "peers").glob("*/post-*.json"))


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_real_servers_sign_is_within_our_policy(path: Path) -> None:
    """Takahe 0.11 and snac 2.94, byte for byte; digests are compared with the bodies, the keys are gone."""
    exchange = json.loads(path.read_text(encoding="utf-8"))["request"]
    host, _, target = exchange["url"].removeprefix("https://").partition("/")
    headers = tuple(exchange["headers"].items())
    request = Request("POST", f"/{target}", host, headers, exchange["body_raw"].encode())
    date = next(value for name, value in headers if name.lower() == "date")
    claimed = read_signature(request, f"https://{host}", read_date(date))
    assert claimed.scheme == "draft"
    assert claimed.key_id.partition("#")[0] == json.loads(exchange["body_raw"])["actor"]
    with pytest.raises(Unverified):
        verify(claimed, PublicKey(claimed.key_id, "https://evil.example/u/eve", rsa(SAMS).private.public_key()))


# --------------------------------------------------------------------------------------------------------- in any case


def test_only_verify_can_say_that_something_is_verified() -> None:
    """Fedify CVE-2025-54888: a proof that can be made elsewhere is none."""
    files = [path for room in ("bridge", "protocols", "storage") for path in (ROOT / room).rglob("*.py")]
    made = [
        str(path.relative_to(ROOT))
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "Verified"
    ]
    assert made == ["protocols/activitypub/signatures.py"]


lines = st.lists(
    st.tuples(st.sampled_from(["Signature", "Signature-Input", "Host", "Date", "Digest", "Content-Digest", "X"]), st.text(max_size=200)),
    max_size=8,
)


@given(lines, st.binary(max_size=50))
def test_no_request_raises_anything_but_unverified(headers: list[tuple[str, str]], body: bytes) -> None:
    request = sent(body)
    with suppress(Unverified):
        verify(read(msgspec.structs.replace(request, headers=(*request.headers, *headers))), SAMS_KEY)


SIGNED = {"draft": ("body", "target", "date", "digest"), "rfc9421": ("body", "target", "signature-input", "content-digest")}


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_no_change_of_one_character_goes_unnoticed(scheme: str, data: st.DataObject) -> None:
    request = sent({"a": "some words"}, scheme=scheme, target="/inbox?to=ana")
    where = data.draw(st.sampled_from(SIGNED[scheme]))
    old = {"body": (request.body or b"").decode(), "target": request.target}.get(where) or value_of(request, where)
    # The label, `sig1`, is the one thing in these headers that is not signed.
    at = data.draw(st.integers(len("sig1") if where == "signature-input" else 0, len(old) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=[old[at]]))
    new = old[:at] + letter + old[at + 1 :]
    changed = {"body": {"body": new.encode()}, "target": {"target": new}}.get(where) or {"headers": having(request, where, new).headers}
    with pytest.raises(Unverified):
        verify(read(msgspec.structs.replace(request, **changed)), SAMS_KEY)
