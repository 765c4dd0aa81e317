"""The standard form of signatures: the library builds what was signed, the rules about what must be covered are ours.

RFC 9421, with the profile of activitypub.md 2.2: one label, bare components, RSA PKCS#1 v1.5 with SHA-256 or Ed25519
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import http_sf
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    InvalidSignature,
    MappingKeyResolver,
    algorithms,
)

from bridge.errors import Unverified
from protocols.activitypub.keys import PublicMaterial, Signer
from protocols.activitypub.request import Claimed, Request, field

__all__ = ["Asked", "check", "read", "read_challenge", "sign"]

MOST_HEADER = 8192
MOST_COMPONENTS = 32
MOST_TOKEN = 1_024
"""Characters of a nonce or a tag that is given back as it came."""

_LABEL = "sig1"
_RSA = algorithms.RSA_V1_5_SHA256
_RSA_PSS = algorithms.RSA_PSS_SHA512
_ED25519 = algorithms.ED25519
_BY_NAME: dict[str, type[HTTPSignatureAlgorithm]] = {
    "rsa-v1_5-sha256": _RSA,
    "rsa-pss-sha512": _RSA_PSS,
    "ed25519": _ED25519,
}

_DERIVED = frozenset({"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"})
_PARAMETERS = frozenset({"created", "expires", "keyid", "alg", "nonce", "tag"})


class _Headers:
    """The header lines, in the shape the library reads: `items()` may give a name more than once."""

    def __init__(self, lines: Iterable[tuple[str, str]]) -> None:
        self._lines = tuple(lines)

    def items(self) -> tuple[tuple[str, str], ...]:
        return self._lines


class _Message(msgspec.Struct):
    """What the library asks of a request: an upper-case method, an absolute url, headers."""

    method: str
    url: str
    headers: dict[str, str] | _Headers


class _Verifier(HTTPMessageVerifier):
    """Leaves time to our own policy, because the library reads the clock itself."""

    def validate_created_and_expires(self, sig_input: object, max_age: timedelta | None = None) -> None: ...


class Asked(msgspec.Struct, frozen=True):
    """What a server wants to see in a signature, as far as we make such: derived components beside ours, its nonce and its tag."""

    components: tuple[str, ...] = ()
    nonce: str | None = None
    tag: str | None = None


def read_challenge(lines: Sequence[str], key: Signer) -> Asked | None:
    """What `Accept-Signature` asks for (RFC 9421 section 5.1); the first label that this key can serve, None when there is none.

    A header we do not send, a component with parameters, another key or another algorithm is nothing that we can serve.
    """
    try:
        members = http_sf.parse(", ".join(lines)[:MOST_HEADER].encode("ascii"), tltype="dictionary") if lines else {}
    except ValueError:
        return None
    found = (_servable(member, key) for member in members.values()) if isinstance(members, dict) else iter(())
    return next((asked for asked in found if asked is not None), None)


def _servable(member: object, key: Signer) -> Asked | None:
    components, parameters = member if isinstance(member, tuple) else (None, {})
    if not isinstance(components, list) or len(components) > MOST_COMPONENTS:
        return None
    names = [name for name, more in components if isinstance(name, str) and not more and name in _DERIVED | {"content-digest", "host"}]
    own = _algorithm_of(key).algorithm_id
    nonce, tag = parameters.get("nonce"), parameters.get("tag")
    if len(names) != len(components) or parameters.get("keyid", key.id) != key.id or parameters.get("alg", own) != own:
        return None
    if not all(value is None or (type(value) is str and len(value) <= MOST_TOKEN) for value in (nonce, tag)):
        return None
    more = tuple(dict.fromkeys(name for name in names if name not in {"@method", "@target-uri", "content-digest"}))
    return Asked(more, nonce, tag)


def _algorithm_of(key: Signer) -> type[HTTPSignatureAlgorithm]:
    return _ED25519 if isinstance(key.private, Ed25519PrivateKey) else _RSA


def sign(request: Request, key: Signer, now: datetime, asked: Asked | None = None) -> dict[str, str]:
    """The headers to add: Host, Signature-Input, Signature, and Content-Digest where there is a body; and what was `asked` for."""
    added = {"Host": request.host}
    message = _Message(request.method, f"{request.scheme}://{request.host}{request.target}", added)
    keys = MappingKeyResolver(public_keys={}, private_keys={key.id: key.private})
    HTTPMessageSigner(signature_algorithm=_algorithm_of(key), key_resolver=keys).sign(
        message,
        key_id=key.id,
        created=now,
        label=_LABEL,
        covered_component_ids=("@method", "@target-uri", *(asked.components if asked is not None else ())),
        nonce=asked.nonce if asked is not None else None,
        tag=asked.tag if asked is not None else None,
        # The library adds Content-Digest (SHA-256) and covers it.
        body=(request.body or b"") if request.carries_body else None,
    )
    return added


def read(request: Request, public_origin: str) -> Claimed:
    """Parse `Signature-Input` and `Signature` strictly: one label, bare components, known parameters. Raises Unverified."""
    fields = request.fields
    label, member = _only_member(fields, "signature-input")
    components, parameters = member if isinstance(member, tuple) else (None, {})
    if not isinstance(components, list):
        raise Unverified("Signature-Input is not a list of components.")
    if len(components) > MOST_COMPONENTS:
        raise Unverified(f"Signature-Input lists more than {MOST_COMPONENTS} components.")
    covered = tuple(_component(component, fields) for component in components)
    if len(set(covered)) != len(covered):
        raise Unverified("Signature-Input lists a component twice.")
    signed_label, signed = _only_member(fields, "signature")
    signature = signed[0] if isinstance(signed, tuple) else None
    if signed_label != label or not isinstance(signature, bytes):
        raise Unverified("The Signature header has no signature for the label in Signature-Input.")
    unknown = set(parameters) - _PARAMETERS
    if unknown:
        raise Unverified(f"Signature-Input has parameters we do not know: {', '.join(sorted(unknown))[:64]}.")
    key_id, algorithm = parameters.get("keyid"), parameters.get("alg", "")
    if type(key_id) is not str or not key_id:
        raise Unverified("Signature-Input needs keyid.")
    if type(algorithm) is not str or (algorithm and algorithm not in _BY_NAME):
        raise Unverified("The signature algorithm is not accepted; use rsa-v1_5-sha256 or ed25519.")
    if "created" not in parameters:
        raise Unverified("Signature-Input needs created.")
    return Claimed(
        scheme="rfc9421",
        key_id=key_id,
        algorithm=algorithm,
        covered=covered,
        signature=signature,
        request=request,
        url=public_origin + request.target,
        dates=(_moment(parameters["created"], "created"),),
        expires=_moment(parameters["expires"], "expires") if "expires" in parameters else None,
    )


def check(claimed: Claimed, key: PublicMaterial) -> bool:
    """Whether `key` made this signature; the algorithm follows the key, and must be the one named, if one is."""
    if isinstance(key, Ed25519PublicKey):
        algorithm: type[HTTPSignatureAlgorithm] = _ED25519
    else:
        algorithm = _RSA_PSS if claimed.algorithm == "rsa-pss-sha512" else _RSA
    request = claimed.request
    authority = claimed.url.partition("://")[2].partition("/")[0]
    headers = _Headers((name, authority if name.lower() == "host" else value) for name, value in request.headers)
    keys = MappingKeyResolver(public_keys={claimed.key_id: key}, private_keys={})
    try:
        _Verifier(signature_algorithm=algorithm, key_resolver=keys).verify(_Message(request.method, claimed.url, headers), max_age=None)
    except (InvalidSignature, HTTPMessageSignaturesException):
        return False
    return True


def _only_member(fields: dict[str, list[str]], name: str) -> tuple[str, object]:
    def refuse(key: str, _where: str) -> None:
        raise Unverified(f"The {name} header gives {key[:64]!r} twice.")

    value = field(fields, name)
    if len(value) > MOST_HEADER:
        raise Unverified(f"The {name} header is longer than {MOST_HEADER} characters.")
    try:
        members = http_sf.parse(value.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except ValueError as error:
        raise Unverified(f"The {name} header is not a structured field.") from error
    if not isinstance(members, dict) or len(members) != 1:
        raise Unverified(f"The {name} header must carry exactly one signature.")
    return next(iter(members.items()))


def _component(component: object, fields: dict[str, list[str]]) -> str:
    name, parameters = component if isinstance(component, tuple) else (None, {})
    if type(name) is not str or parameters or name != name.lower():
        raise Unverified("Signature-Input may list plain lower-case component names only.")
    if name.startswith("@"):
        if name not in _DERIVED:
            raise Unverified(f"The component {name[:64]!r} is not one we can check.")
    else:
        field(fields, name)
    return name


def _moment(value: object, name: str) -> datetime:
    if type(value) is not int:
        raise Unverified(f"The signature parameter {name!r} is not a Unix time.")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unverified(f"The signature parameter {name!r} is not a Unix time.") from error
