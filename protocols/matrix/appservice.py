"""The homeserver's door: what it pushes is committed raw and answered; nothing is read, fetched or decided here.

https://spec.matrix.org/v1.18/application-service-api/#homeserver---application-service-api. Matrix findings F1 and F3 shape it: the window
in which Synapse can lose events is as long as our answer takes, and its transaction ids start again at 1, so only event ids count.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

import msgspec
from aiohttp import web

from bridge.errors import Full, Malformed, StoreDown
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.ids import MATRIX, Native, derive
from bridge.ports import Clock, Directory, Journal
from bridge.streams import Intake
from protocols.matrix.ids import Me
from protocols.matrix.wire import Envelope, Transaction, decode

__all__ = ["MOST_BODY", "Appservice", "intake_of", "key_of"]

MOST_BODY = 16 * 1024 * 1024
"""Bytes: a hundred events of 64 KiB, and room to spare."""

COME_BACK = "5"
"""Seconds, in Retry-After; Synapse 1.163 goes by its own schedule, other homeservers may listen."""

_CODES = {400: "malformed", 401: "unauthorized", 403: "forbidden", 405: "method", 413: "too_large", 503: "store"}
"""What the metrics call a refusal."""

_log = logger()


class Settled(Protocol):
    """As `Watch.settled`."""

    async def __call__(self, rooms: Collection[str], *, again: bool) -> None: ...


def key_of(secret: bytes, event_id: str) -> str:
    """The intake key of a matrix event: a second arrival, by whatever way, is the same row."""
    return derive(secret, "intake", MATRIX, event_id)


def intake_of(me: Me, body: bytes, clock: Clock) -> Intake:
    """One event as it goes into the journal. Raises Malformed when it has no id or no room."""
    envelope: Envelope = decode(body, Envelope)
    if not envelope.event_id or not envelope.room_id:
        raise Malformed("an event without id or room")
    return Intake(
        key=key_of(me.secret, envelope.event_id),
        lane=envelope.room_id[:255],
        protocol=MATRIX,
        kind="event",
        body=body,
        received_at=clock.now(),
    )


class Appservice:
    """Routes for one homeserver. `suspect` is called when something hints that it lost events, `invited` when the bot may have been
    invited somewhere; both must return at once. `settled` is waited for before events are taken, with their rooms and whether all of them are
    here already: it returns when no older ones are missed.
    """

    def __init__(
        self,
        me: Me,
        hs_token: str,
        journal: Journal,
        directory: Directory,
        clock: Clock,
        *,
        suspect: Callable[[str], None],
        settled: Settled,
        invited: Callable[[], None],
        most_body: int = MOST_BODY,
        metrics: Metrics | None = None,
    ) -> None:
        self._me = me
        self._token = hs_token.encode()
        self._journal = journal
        self._directory = directory
        self._clock = clock
        self._suspect = suspect
        self._settled = settled
        self._invited = invited
        self._most_body = most_body
        self._metrics = metrics or Metrics()
        self._last_transaction: int | None = None
        self._has_refused = False

    def application(self) -> web.Application:
        """Everything under `/_matrix/app/v1`; the paths without that prefix, gone from the specification, answer 404 like any other."""

        @web.middleware
        async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
            began = time.perf_counter()
            answer = await self._guard(request, handler)
            if "transaction" in request.match_info:
                self._metrics.intake_seconds.labels(MATRIX).observe(time.perf_counter() - began)
                if answer.status != 200:
                    self._metrics.intake.labels(MATRIX, "refused", _CODES.get(answer.status, "other")).inc()
            return answer

        application = web.Application(client_max_size=self._most_body, middlewares=[guard])
        application.router.add_put("/_matrix/app/v1/transactions/{transaction}", self._take)
        application.router.add_post("/_matrix/app/v1/ping", self._ping)
        application.router.add_get("/_matrix/app/v1/users/{user}", self._user)
        application.router.add_get("/_matrix/app/v1/rooms/{alias}", self._room)
        return application

    async def _guard(self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """Tokens before anything else; every refusal in the words of the specification."""
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        try:
            answer: web.StreamResponse = await handler(request)
        except web.HTTPRequestEntityTooLarge:
            _log.warning("request.refused", code="M_TOO_LARGE", kind="transaction", size=self._most_body)
            return _error(413, "M_TOO_LARGE", "The transaction is too large.")
        except web.HTTPMethodNotAllowed:
            return _error(405, "M_UNRECOGNIZED", "Not by this method.")
        except web.HTTPNotFound:
            return _error(404, "M_UNRECOGNIZED", "No such address.")
        return answer

    def _refuse(self, request: web.Request) -> web.Response | None:
        """Trap S13. The header counts; a token in the query as well, as homeservers before Matrix 1.4 sent it, must be the same."""
        header = request.headers.get("Authorization", "")
        scheme, _, token = header.partition(" ")
        queried = request.query.get("access_token")
        if scheme.lower() != "bearer" or not token:
            return _error(401, "M_UNAUTHORIZED", "The homeserver's token is missing from the Authorization header.")
        right = self._matches(token)
        if queried is not None:
            right = self._matches(queried) and right
        return None if right else _error(403, "M_FORBIDDEN", "This is not the homeserver's token.")

    def _matches(self, token: str) -> bool:
        return hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._token)

    async def _take(self, request: web.Request) -> web.Response:
        """All of a transaction or nothing, durable before the answer. An event nobody could ever read must not stop the others (a 500
        would hold up every room of the bridge), so it is counted and left out."""
        body = await request.read()
        try:
            transaction: Transaction = decode(body, Transaction)
        except Malformed as error:
            _log.warning("request.refused", code="M_NOT_JSON", kind="transaction", detail=error.private)
            return _error(400, "M_NOT_JSON" if "not JSON" in error.private else "M_BAD_JSON", "The transaction cannot be read.")
        entries, fresh = [], True
        for raw in transaction.events:
            try:
                entries.append(intake_of(self._me, bytes(raw), self._clock))
            except Malformed as error:
                _log.warning("intake.refused", code="malformed", detail=error.private)
        self._watch(request.match_info["transaction"])
        try:
            if entries:
                known = await self._journal.known([entry.key for entry in entries])
                rooms = tuple(dict.fromkeys(entry.lane for entry in entries))
                await self._settled(rooms, again=all(entry.key in known for entry in entries))
                fresh = any(receipt.fresh for receipt in await self._journal.accept(entries))
        except (Full, StoreDown) as error:
            _log.warning("request.refused", code=error.code, kind="transaction")
            answer = _error(503, "M_UNKNOWN", "This node cannot take events at the moment.")
            answer.headers["Retry-After"] = COME_BACK
            self._has_refused = True
            return answer
        if self._has_refused:
            self._has_refused = False
            self._suspect("it had to send again what this node could not take")
        if any(b"is_direct" in entry.body for entry in entries):
            self._invited()
        self._metrics.intake.labels(MATRIX, "accepted" if fresh else "repeated", "none").inc()
        return _json({})

    def _watch(self, transaction: str) -> None:
        """Transaction ids that go backwards mean that the homeserver was restarted (F3); nothing else is made of them."""
        if not (transaction.isascii() and transaction.isdigit() and len(transaction) < 19):
            return
        number, last = int(transaction), self._last_transaction
        self._last_transaction = number
        if last is not None and number < last:
            self._suspect("the homeserver's transaction numbers began again")

    async def _ping(self, request: web.Request) -> web.Response:
        await request.read()
        return _json({})

    async def _user(self, request: web.Request) -> web.Response:
        """Asked by the homeserver before it delivers an event that names an account of ours: the room waits, so only the store is asked."""
        user = request.match_info["user"]
        if user == self._me.bot:
            return _json({})
        if not self._me.is_ghost(user):
            return _error(404, "M_NOT_FOUND", "Not an account of this bridge.")
        try:
            ghost = await self._directory.ghost(Native(MATRIX, user))
        except StoreDown:
            ghost = None
        if ghost is None or ghost.ended is not None:
            return _error(404, "M_NOT_FOUND", "Nobody of that name has spoken here.")
        return _json({})

    async def _room(self, _request: web.Request) -> web.Response:
        """No room comes to be because somebody asks for its name."""
        return _error(404, "M_NOT_FOUND", "No such room.")


def _json(content: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(content), status=status, content_type="application/json")


def _error(status: int, errcode: str, error: str) -> web.Response:
    return _json({"errcode": errcode, "error": error}, status)
