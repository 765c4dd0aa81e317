"""Where the operator wants it, documents are shown only to servers that sign their request: who asks is known, as with GoToSocial.

Activitypub.md 1.10, 1.8. The instance actor, discovery and pages for people stay open. Every question of ours is signed by the instance actor,
and so is the one for the key of whoever asks: two servers that both ask for signatures meet at their instance actors and never wait for each
other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bridge.errors import PeerError, Unreachable
from bridge.logs import logger
from bridge.ports import Clock, Node
from protocols.activitypub.answers import Form, form_asked, sentence
from protocols.activitypub.ids import host_of
from protocols.activitypub.keyring import Keyring
from protocols.activitypub.request import Request
from protocols.activitypub.signatures import read_signature

__all__ = ["Admission"]

COME_BACK = 30.0
"""Seconds, in Retry-After, while the key of whoever asks cannot be had."""
CHALLENGE = 'Signature headers="(request-target) host date"'

_log = logger("activitypub.server")
_Handler = Callable[[web.Request], Awaitable[web.Response]]


class Admission:
    """`guarded(handler)` answers 401 to a question for ActivityPub without a signature that holds."""

    def __init__(self, me: Node, keyring: Keyring, clock: Clock) -> None:
        self._me = me
        self._keyring = keyring
        self._clock = clock

    def guarded(self, handle: _Handler) -> _Handler:
        async def answer(request: web.Request) -> web.Response:
            if form_asked(request) is not Form.ACTIVITY:
                return await handle(request)
            refusal = await self._refusal(request)
            response = refusal or await handle(request)
            # What one server is shown is not for the cache of the next.
            response.headers["Cache-Control"] = "private, no-store"
            response.headers["Vary"] = "Accept, Signature, Signature-Input"
            return response

        return answer

    async def _refusal(self, request: web.Request) -> web.Response | None:
        peer = ""
        try:
            signed = Request(request.method, request.raw_path, request.host, tuple(request.headers.items()))
            claimed = read_signature(signed, self._me.origin, self._clock.now())
            peer = host_of(claimed.key_id)
            await self._keyring.verify(claimed)
        except Unreachable as error:
            wait = str(max(1, round(error.retry_after or COME_BACK)))
            return sentence(503, error.public, seconds=0, headers={"Retry-After": wait})
        except PeerError as error:
            _log.info("signature.refused", peer=peer, status=401, code=error.code, reason=error.private)
            said = f"This server shows its documents to servers that sign their requests. {error.public}"
            return sentence(401, said, seconds=0, headers={"WWW-Authenticate": CHALLENGE})
        return None
