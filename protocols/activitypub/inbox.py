"""The fediverse's door: what is signed and whole is committed raw, then answered; nothing is read deeper, fetched or decided here.

activitypub.md 1.6, 2.3, 2.10, 5.4, 6.4 · design sections 2 and 8

The order is fixed, cheapest first: size, media type, signature (coverage, window, digest), JSON within bounds, key, the signature with
the key, one durable row, 202. Whether the signer may say what it says is for `translate/read.py`, which refuses by name.
"""

from __future__ import annotations

import asyncio
import re
import time
from datetime import datetime, timedelta

import msgspec
from aiohttp import web

from bridge.changes import WakeHost
from bridge.errors import Gone, PeerError, StorageError, TooLarge, Unreachable, Unverified
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.ids import ACTIVITYPUB
from bridge.ports import Clock, Deliveries, Directory, Journal, Node
from bridge.streams import Intake
from protocols.activitypub.envelope import Envelope, key_of, read_envelope
from protocols.activitypub.ids import host_of, native
from protocols.activitypub.keyring import Keyring
from protocols.activitypub.parsing import parse
from protocols.activitypub.proofs import read_proof
from protocols.activitypub.recent import Recent
from protocols.activitypub.signatures import Claimed, Request, read_signature
from protocols.activitypub.wire import ACTIVITY_STREAMS, is_activity_type

__all__ = ["Inbox"]

PATIENCE = 30.0
"""Seconds for a body to arrive."""
COME_BACK = 30.0
"""Seconds, in Retry-After, while the store takes nothing."""

LOOK_AGAIN = timedelta(seconds=30)
"""How long a server's circuit is taken for closed before the store is asked again."""
MOST_HOSTS = 2_000
MOST_REPEATS = 4_096
"""Keys of the latest activities, so that a repeat costs no transaction."""

_TAIL = re.compile(r"[a-z0-9]{1,64}")
_KIND = re.compile(r"[A-Za-z]{1,32}")
_CHALLENGE = 'Signature headers="(request-target) host date digest"'
"""What a signature has to cover, in the form of draft-cavage-12 section 3; RFC 9110 wants this header beside each 401."""

_log = logger()


class _Unsupported(PeerError):
    code = "unsupported"
    status = 415


class _Late(PeerError):
    code = "late"
    status = 408


class _Nobody(PeerError):
    code = "nobody"
    status = 404


class _Ended(PeerError):
    code = "ended"
    status = 410


class Inbox:
    """The shared inbox and everybody's own are one: the same checks, the same stream."""

    def __init__(  # noqa: PLR0917 - one port each, in the order of the path
        self,
        me: Node,
        journal: Journal,
        deliveries: Deliveries,
        keyring: Keyring,
        clock: Clock,
        most_body: int,
        directory: Directory,
        *,
        patience: float = PATIENCE,
        metrics: Metrics | None = None,
    ) -> None:
        """`most_body` in bytes; `patience`: seconds for a body to arrive."""
        self._me = me
        self._journal = journal
        self._deliveries = deliveries
        self._keyring = keyring
        self._clock = clock
        self._most_body = most_body
        self._directory = directory
        self._patience = patience
        self._metrics = metrics or Metrics()
        self._seconds = self._metrics.intake_seconds.labels(ACTIVITYPUB)
        self._accepted: Recent[bool] = Recent(MOST_REPEATS)
        self._circuits: Recent[datetime] = Recent(MOST_HOSTS)

    def routes(self) -> list[web.RouteDef]:
        """`POST` to the shared inbox and to the inboxes of groups and people; every other method is answered 405."""
        paths = ("/inbox", "/c/{id}/inbox", "/u/{id}/inbox")
        return [route for path in paths for route in (web.post(path, self.take), web.route("*", path, self._refuse_method))]

    async def take(self, request: web.Request) -> web.Response:
        """202 when it is durable (or known already), else one sentence that says what is wrong and a status that says whose turn it is."""
        peer, began = "", time.perf_counter()
        try:
            body = await self._read(request)
            now = self._clock.now()
            # The target as it was on the wire and the origin of the settings: nothing a proxy or a stranger adds is believed.
            signed = Request(request.method, request.raw_path, request.host, tuple(request.headers.items()), body)
            claimed = read_signature(signed, self._me.origin, now)
            peer = host_of(claimed.key_id)
            envelope = read_envelope(body)
            await self._require_somebody(request)
            self._count(await self._accept(claimed, envelope, body, now))
        except (PeerError, Unreachable, StorageError) as error:
            self._count("refused", error.code)
            return _refusal(error, peer)
        finally:
            self._seconds.observe(time.perf_counter() - began)
        return web.Response(status=202)

    def _count(self, outcome: str, code: str = "none") -> None:
        self._metrics.intake.labels(ACTIVITYPUB, outcome, code).inc()

    # ----------------------------------------------------------------------------------------------------------- before the key

    async def _read(self, request: web.Request) -> bytes:
        """The body as it was signed. Raises TooLarge before the rest of it arrives."""
        if (request.content_length or 0) > self._most_body:
            raise self._too_large()
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise _Unsupported("Send the activity without compression.")
        if not is_activity_type(request.headers.get("Content-Type", "")):
            raise _Unsupported(f'Send application/activity+json, or application/ld+json; profile="{ACTIVITY_STREAMS}".')
        if request.content.is_eof():  # it came with the headers
            whole = request.content.read_nowait()
            if len(whole) > self._most_body:
                raise self._too_large()
            return whole
        body = bytearray()
        try:
            async with asyncio.timeout(self._patience):
                async for chunk in request.content.iter_any():
                    body += chunk
                    if len(body) > self._most_body:
                        raise self._too_large()
        except TimeoutError as error:
            raise _Late("The activity took too long to arrive.") from error
        return bytes(body)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The activity is larger than {self._most_body} bytes.")

    async def _require_somebody(self, request: web.Request) -> None:
        tail = request.match_info.get("id")
        if tail is None:
            return
        kind = request.path[1]
        ghost = await self._directory.ghost(native(f"{self._me.origin}/{kind}/{tail}")) if _TAIL.fullmatch(tail) else None
        if ghost is None:
            raise _Nobody("Nobody has this inbox.")
        if ghost.ended is not None:
            raise _Ended("Whoever had this inbox is gone.")

    # ------------------------------------------------------------------------------------------------------------- with the key

    async def _accept(self, claimed: Claimed, envelope: Envelope, body: bytes, now: datetime) -> str:
        """What became of it, as the metrics call it."""
        kind = envelope.type if _KIND.fullmatch(envelope.type) else "other"
        if envelope.is_about_itself and await self._is_stranger(claimed.key_id, envelope.actor):
            # A server that ends an account tells everybody it ever heard of, and there is no key any more to check that with.
            _log.debug("event.ignored", peer=host_of(envelope.actor), activity_kind=kind, reason="about an actor nobody here ever saw")
            return "ignored"
        sender = await self._signer(claimed, envelope)
        signer, signed_at = await self._proven(sender, claimed.signed_at, envelope, body, now=now)
        host = host_of(signer)
        key = key_of(self._me.secret, envelope, signer, signed_at)
        if key in self._accepted:
            fresh = False
        else:
            entry = Intake(key, host[:255], ACTIVITYPUB, "activity", body, now, signer)
            fresh = (await self._journal.accept([entry]))[0].fresh
        self._accepted.put(key, True)
        age = round((now - claimed.signed_at).total_seconds())
        if fresh:
            _log.debug("intake.accepted", peer=host, activity_kind=kind, size=len(body), age=age)
        else:
            _log.debug("intake.repeated", peer=host, activity_kind=kind, size=len(body), age=age)
        if envelope.actor != signer:
            _log.info("actor.refused", peer=host, activity_kind=kind, reason="somebody else signed it than acts in it")
        await self._wake(host_of(sender), now)
        return "accepted" if fresh else "repeated"

    async def _is_stranger(self, key_id: str, actor: str) -> bool:
        return not await self._keyring.knows(key_id) and await self._directory.actor(native(actor)) is None

    async def _signer(self, claimed: Claimed, envelope: Envelope) -> str:
        """The actor whose key signed; of an actor that ended, whom its own server calls gone (rule O15)."""
        try:
            return (await self._keyring.verify(claimed)).signer
        except Gone as error:
            address = claimed.key_id.partition("#")[0]
            if not envelope.is_farewell or not f"{address}/".startswith(f"{envelope.actor.rstrip('/')}/"):
                raise Unverified(error.public, private=error.private) from error
            if address != envelope.actor:
                await self._keyring.require_gone(envelope.actor)
            return envelope.actor

    async def _proven(self, sender: str, sent_at: datetime, envelope: Envelope, body: bytes, *, now: datetime) -> tuple[str, datetime]:
        """Who said it, and when they signed that. A proof of the actor counts before the signature of whoever brought it (FEP-8b32); one that
        cannot be checked, or is not the actor's, counts for nothing. Raises Unverified for one that does not match."""
        if b'"proof"' not in body:
            return sender, sent_at
        document = parse(body)
        proof = read_proof(document, now)
        if proof is None or host_of(proof.method) != host_of(envelope.actor):
            return sender, sent_at
        made_at = sent_at if sender == envelope.actor else proof.made_since(now)
        if made_at is None:
            return sender, sent_at
        try:
            owner = await self._keyring.prove(document, proof)
        except (Gone, Unverified):
            return sender, sent_at
        except Unreachable:
            if sender == envelope.actor:
                return sender, sent_at
            raise
        if owner is None:
            raise Unverified(
                f"The proof in the activity does not match the key {proof.method}.", private="the proof does not match the key"
            )
        return (owner, made_at) if owner == envelope.actor else (sender, sent_at)

    async def _wake(self, host: str, now: datetime) -> None:
        """Who speaks to us can hear us: what waits for that server need not wait any longer. Asked rarely, written only when it does."""
        looked_at = self._circuits.get(host)
        if looked_at is not None and now - looked_at < LOOK_AGAIN:
            return
        self._circuits.put(host, now)
        try:
            if (await self._deliveries.host(host)).fails:
                await self._journal.commit([WakeHost(host)])
                _log.info("peer.closed_circuit", peer=host, reason="a signed request came from there")
        except StorageError as error:
            _log.warning("store.failed", code=error.code, detail="a circuit could not be closed")

    async def _refuse_method(self, request: web.Request) -> web.Response:
        await request.release()
        return _answer(405, "An inbox takes POST; nothing can be read from it.", {"Allow": "POST"})


def _refusal(error: PeerError | Unreachable | StorageError, peer: str) -> web.Response:
    headers: dict[str, str] = {}
    status = error.status
    if isinstance(error, Unreachable | StorageError):
        # Not 401: Lemmy and GoToSocial give an activity up after that, though nothing is wrong with it.
        status = 503
        seconds = (error.retry_after if isinstance(error, Unreachable) else None) or COME_BACK
        headers["Retry-After"] = str(max(1, round(seconds)))
    if status == 401:
        headers["WWW-Authenticate"] = _CHALLENGE
    name = "signature.refused" if status == 401 else "request.refused"
    log = _log.warning if isinstance(error, StorageError) else _log.info
    log(name, peer=peer, status=status, code=error.code, reason=error.private)
    public = "This server cannot take activities at the moment; send it again." if isinstance(error, StorageError) else error.public
    answer = _answer(status, public, headers)
    if status in {408, 413}:
        answer.force_close()
    return answer


def _answer(status: int, sentence: str, headers: dict[str, str]) -> web.Response:
    body = msgspec.json.encode({"error": sentence})
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
