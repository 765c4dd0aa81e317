"""JSON of ours: the same value always gives the same bytes, compact, in the order it was built.

`Document` is what leaves; nothing else in this node sees it. Dates: RFC 3339, UTC, `Z` (Lemmy drops an object over any other form).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

import msgspec

from bridge.model.ids import TERMS

Document: TypeAlias = dict[str, object]

ACTIVITY_STREAMS = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"
KEYS = "https://www.w3.org/ns/cid/v1"

MOST_OUT = 60_000
"""Bytes of one activity: Misskey and Sharkey stop reading at 64 kB (activitypub.md 2.10)."""

ACTOR_CONTEXT: list[object] = [
    ACTIVITY_STREAMS,
    SECURITY,
    KEYS,
    {
        "toot": "http://joinmastodon.org/ns#",
        "schema": "http://schema.org#",
        "lemmy": "https://join-lemmy.org/ns#",
        "manuallyApprovesFollowers": "as:manuallyApprovesFollowers",
        "discoverable": "toot:discoverable",
        "indexable": "toot:indexable",
        "featured": {"@id": "toot:featured", "@type": "@id"},
        "moderators": {"@id": "lemmy:moderators", "@type": "@id"},
        "postingRestrictedToMods": "lemmy:postingRestrictedToMods",
        "PropertyValue": "schema:PropertyValue",
        "value": "schema:value",
        "webfinger": "https://purl.archive.org/socialweb/webfinger#webfinger",
        "implements": {"@id": "https://w3id.org/fep/844e/implements", "@type": "@id", "@container": "@set"},
    },
]

OBJECT_CONTEXT: list[object] = [
    ACTIVITY_STREAMS,
    {
        "ostatus": "http://ostatus.org#",
        "toot": "http://joinmastodon.org/ns#",
        "conversation": "ostatus:conversation",
        "sensitive": "as:sensitive",
        "Hashtag": "as:Hashtag",
        "Emoji": "toot:Emoji",
        "blurhash": "toot:blurhash",
        "focalPoint": {"@container": "@list", "@id": "toot:focalPoint"},
        "origin": f"{TERMS}origin",
        "node": f"{TERMS}node",
        "hops": f"{TERMS}hops",
    },
]

REACTION_CONTEXT: list[object] = [
    ACTIVITY_STREAMS,
    {
        "misskey": "https://misskey-hub.net/ns#",
        "_misskey_reaction": "misskey:_misskey_reaction",
        "toot": "http://joinmastodon.org/ns#",
        "Emoji": "toot:Emoji",
    },
]

_encoder = msgspec.json.Encoder()
_PROFILE = re.compile(rf'profile\s*=\s*"?(?:[^"]*\s)?{re.escape(ACTIVITY_STREAMS)}(?:[\s"]|$)', re.IGNORECASE)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|z|[+-]\d\d:?\d\d)?")


def encode(document: Document) -> bytes:
    return _encoder.encode(document)


@lru_cache(maxsize=64)
def is_activity_type(content_type: str) -> bool:
    """A `Content-Type` of ActivityPub, with any charset; `application/ld+json` only with its profile (rule O4)."""
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    return kind == "application/activity+json" or (kind == "application/ld+json" and _PROFILE.search(parameters) is not None)


def stamp(moment: datetime) -> str:
    """`2026-11-22T18:48:02.018Z`; milliseconds only where there are some."""
    utc = moment.astimezone(UTC)
    return utc.strftime("%Y-%m-%dT%H:%M:%S") + (f".{utc.microsecond // 1000:03d}" if utc.microsecond >= 1000 else "") + "Z"


def moment_of(text: str) -> datetime | None:
    """A peer's date, aware and in UTC; None when it is not one. A date without a zone counts as UTC."""
    found = _STAMP.fullmatch(text.strip()[:40])
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    offset = "+00:00" if zone in {None, "Z", "z"} else zone if ":" in zone else f"{zone[:3]}:{zone[3:]}"
    try:
        return datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def clamped(text: str | None, received_at: datetime) -> datetime:
    """The author's clock, but never more than a minute ahead of ours; ours when they do not say."""
    said = moment_of(text) if text else None
    return received_at if said is None else min(said, received_at + timedelta(seconds=60))
