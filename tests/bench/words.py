"""Ordinary things to say, as Mastodon's and Synapse's requests bring them: about 2 kB of signed activity, 0.5 kB of matrix event."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from protocols.activitypub.ids import PUBLIC
from protocols.activitypub.request import Request
from protocols.activitypub.signatures import sign_draft
from tests.bench.founding import ROOM, Founded
from tests.bench.load import request

__all__ = ["badly_signed", "matrix_event", "post", "signed", "transaction"]

_WORDS = (
    "We could meet on Thursday, when the workshop is open until nine; bring the saw that needs sharpening, and the jar of screws that "
    "nobody has sorted since spring. There is tea. If it rains we move the table under the roof, as we did last time."
)
_CONTEXT: list[object] = [
    "https://www.w3.org/ns/activitystreams",
    {
        "ostatus": "http://ostatus.org#",
        "atomUri": "ostatus:atomUri",
        "inReplyToAtomUri": "ostatus:inReplyToAtomUri",
        "conversation": "ostatus:conversation",
        "sensitive": "as:sensitive",
        "toot": "http://joinmastodon.org/ns#",
        "votersCount": "toot:votersCount",
    },
]


def post(node: Founded, name: str, *, answers: str | None = None) -> bytes:
    """Sam writes to the group; `answers`: the name of an earlier post of his."""
    sam, host = node.sam.native.id, node.sam.host
    url = f"{sam}/statuses/{name}"
    root = f"{sam}/statuses/{answers}" if answers else None
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mention = f'<span class="h-card" translate="no"><a href="{node.group}" class="u-url mention">@<span>commons</span></a></span>'
    content = f'<p>{mention} {_WORDS}</p><p>That is number {name}, and <a href="https://a.example/{name}">the list is here</a>.</p>'
    note = {
        "id": url,
        "type": "Note",
        "summary": None,
        "inReplyTo": root,
        "published": at,
        "url": url,
        "attributedTo": sam,
        "to": [PUBLIC],
        "cc": [f"{sam}/followers", node.group],
        "sensitive": False,
        "atomUri": url,
        "inReplyToAtomUri": root,
        "conversation": f"tag:{host},2026-11-24:objectId={name}:objectType=Conversation",
        "content": content,
        "contentMap": {"en": content},
        "attachment": [],
        "tag": [{"type": "Mention", "href": node.group, "name": f"@commons@{node.settings.domain}"}],
        "replies": {
            "id": f"{url}/replies",
            "type": "Collection",
            "first": {"type": "CollectionPage", "partOf": f"{url}/replies", "items": []},
        },
    }
    create: dict[str, Any] = {
        "@context": _CONTEXT,
        "id": f"{url}/activity",
        "type": "Create",
        "actor": sam,
        "published": at,
        "to": [PUBLIC],
        "cc": [f"{sam}/followers", node.group],
        "object": note,
    }
    return msgspec.json.encode(create)


def signed(node: Founded, bodies: Sequence[bytes]) -> list[bytes]:
    """Each as a request to the shared inbox, signed now."""
    return [_request(node, body, _headers(node, body)) for body in bodies]


def badly_signed(node: Founded, bodies: Sequence[bytes]) -> list[bytes]:
    """The digest is right and the signature is none of this key: what costs a server most to refuse."""
    made: list[bytes] = []
    for body in bodies:
        headers = _headers(node, body)
        start, _, rest = headers["Signature"].partition('signature="')
        wrong = base64.b64encode(bytes(256 - 8) + len(made).to_bytes(8, "big")).decode()
        made.append(_request(node, body, {**headers, "Signature": f'{start}signature="{wrong}"{rest.partition(chr(34))[2]}'}))
    return made


def _headers(node: Founded, body: bytes) -> dict[str, str]:
    outgoing = Request("POST", "/inbox", node.settings.domain, body=body, scheme="http")
    return dict(sign_draft(outgoing, node.signer, datetime.now(UTC)))


def _request(node: Founded, body: bytes, headers: dict[str, str]) -> bytes:
    return request("POST", "/inbox", body, {"Content-Type": "application/activity+json", **headers}, node.settings.domain)


def matrix_event(name: str, *, answers: str | None = None) -> dict[str, object]:
    """Ana writes in the room; `answers`: the name of an earlier event of hers, in whose thread this is said."""
    content: dict[str, object] = {
        "msgtype": "m.text",
        "body": f"{_WORDS} That is number {name}.",
        "format": "org.matrix.custom.html",
        "formatted_body": f"<p>{_WORDS}</p><p>That is number <strong>{name}</strong>.</p>",
        "m.mentions": {},
    }
    if answers is not None:
        root = f"${answers}"
        content["m.relates_to"] = {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": root},
        }
    return {
        "type": "m.room.message",
        "sender": "@ana:hs.test",
        "event_id": f"${name}",
        "room_id": ROOM,
        "origin_server_ts": int(time.time() * 1000),
        "content": content,
        "unsigned": {"age": 12},
        "user_id": "@ana:hs.test",
        "age": 12,
    }


def transaction(node: Founded, number: int, events: Sequence[dict[str, object]]) -> bytes:
    """What the homeserver pushes, as one request."""
    headers = {"Authorization": f"Bearer {node.secrets.hs_token}", "Content-Type": "application/json"}
    return request("PUT", f"/_matrix/app/v1/transactions/{number}", msgspec.json.encode({"events": events}), headers)
