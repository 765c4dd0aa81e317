"""One attempt, and what comes of it: every outcome becomes what the store is to learn of the lane, and whether that can wait a moment.

Activitypub.md 5.3, design section 5. What goes wrong in our own code costs one delivery, with its reason on record, and the lane goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from bridge.changes import EndDestination, FailLane, GiveUp, PutCopy, PutDead, PutOmission, SnoozeLane
from bridge.errors import Fenced, StorageError
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.content import Boost, Message, Reaction
from bridge.model.ids import ObjectId, Protocol
from bridge.model.item import SILENCE, Dead, Delivered, Omission, Outcome, Retry, Scope, Skipped, Snooze
from bridge.ports import Adapter, Clock, Store
from bridge.relay.lane import Flight, Lane
from bridge.relay.schedule import ORDINARY_DAYS, is_given_up, next_attempt
from bridge.relay.writing import Writer
from bridge.streams import Stream

__all__ = ["Noted", "Outcomes"]

POISON_TRIES = 5
"""How often something is sent that makes our own code fail (engine.md section 10)."""

UNSPOKEN = 3_600.0
"""Seconds between two looks at what is for a protocol that this node does not speak now."""

_BEARING = (Message, Reaction, Boost)
"""What brings into being something that others point at, so that its name in a place must be known."""

_log = logger()


class Broken(Dead, frozen=True, tag="broken"):
    """Dead by a fault of our own, which says nothing of how the server is."""


class Noted(msgspec.Struct, frozen=True):
    """`at_once`: the store is to know before anything else of this lane goes. `rests`: seconds until it may be tried again.

    `also`: other lanes that something was noted of.
    """

    at_once: bool = False
    rests: float | None = None
    also: tuple[Lane, ...] = ()


class Outcomes:
    """`attempt`, then `note`; between the two nothing is kept."""

    def __init__(self, store: Store, adapters: Mapping[Protocol, Adapter], writer: Writer, clock: Clock, metrics: Metrics) -> None:
        self._deliveries = store.deliveries
        self._claims = store.claims
        self._adapters = adapters
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._open: dict[Protocol, set[str]] = {}

    async def attempt(self, lane: Lane, flight: Flight) -> Outcome | Omission:
        """Writes and sends. Raises StorageError; Fenced when the server is another process's by now, and then nothing was sent."""
        item, destination = flight.item, lane.destination
        adapter = self._adapters.get(destination.protocol)
        if adapter is None:
            return Snooze(UNSPOKEN, f"This node does not speak {destination.protocol} now.")
        try:
            written = await self._writer.write(adapter, item, anew=lane.state.fails > 0)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  (a bug of ours must cost one delivery, not a lane)
            return self._fault(lane, flight, error, final=True)
        if isinstance(written, Omission):
            return written
        if not self._claims.owns(Stream.OUT, destination.host):
            raise Fenced("Another process sends there now.")
        try:
            return await adapter.send(written, item, destination)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  (the same)
            return self._fault(lane, flight, error, final=lane.attempt >= POISON_TRIES)

    def _fault(self, lane: Lane, flight: Flight, error: Exception, *, final: bool) -> Outcome:
        item = flight.item
        _log.error("delivery.parked", event_id=item.event_id, item_id=item.id, protocol=lane.destination.protocol, exc_info=error)
        text = f"Something went wrong inside this bridge ({type(error).__name__}); its log says what."
        return Broken(text) if final else Retry(text)

    # ------------------------------------------------------------------------------------------------------ what it means

    async def note(self, lane: Lane, flight: Flight, outcome: Outcome | Omission) -> Noted:
        """Raises StorageError, and then nothing was noted."""
        item, destination, now = flight.item, lane.destination, self._clock.now()
        about = {"event_id": item.event_id, "item_id": item.id, "protocol": destination.protocol, "peer": destination.host}
        match outcome:
            case Delivered(native):
                _log.debug("delivery.succeeded", **about)
                return self._delivered(lane, flight, native)
            case Skipped(why):
                self.passed_over(lane)
                _log.debug("delivery.skipped", reason=why, **about)
                lane.land(flight)
                return Noted()
            case Omission(code=code):
                self._count(lane, "omitted")
                _log.info("event.omitted", code=code, **about)
                lane.land(flight, PutOmission(outcome))
                return Noted()
            case Dead(why, gone=True):
                self._count(lane, "dead")
                _log.info("peer.left", reason=why, **about)
                lane.put_back(flight)
                lane.rest(EndDestination(destination, why, now))
                for other in lane.host.lanes:
                    other.is_down = other.is_down or other.destination == destination
                return Noted(at_once=True)
            case Dead(why):
                self._count(lane, "dead")
                _log.info("delivery.died", attempt=lane.attempt, reason=why, **about)
                lane.land(flight, PutDead(item, destination, outcome, lane.attempt, now), answered=not isinstance(outcome, Broken))
                return Noted()
            case Snooze(seconds, why):
                self._count(lane, "snoozed")
                _log.debug("delivery.snoozed", seconds=seconds, reason=why, **about)
                lane.put_back(flight)
                if lane.is_down:
                    return Noted()
                lane.rest(SnoozeLane(*lane.key, why, now + timedelta(seconds=seconds)))
                return Noted(at_once=True, rests=seconds)
            case Retry():
                self._count(lane, "retried")
                return await self._retry(lane, flight, outcome)

    def _delivered(self, lane: Lane, flight: Flight, native: str | None) -> Noted:
        item = flight.item
        recovered = lane.state.fails > 0 or lane.host.is_probed
        named = native is not None and isinstance(item.event.content, _BEARING)
        copies = (PutCopy(ObjectId(item.event_id), item.place, native),) if named and native is not None else ()
        lane.land(flight, *copies, answered=True, named=named)
        self._count(lane, "delivered")
        took = self._clock.now() - item.event.received_at
        self._metrics.delivery_seconds.labels(lane.destination.protocol).observe(max(0.0, took.total_seconds()))
        if lane.host.is_probed and lane.is_current(flight):
            lane.host.is_probed, lane.host.has_recovered = False, True
            self.watch(lane)
        return Noted(at_once=named or recovered)

    async def _retry(self, lane: Lane, flight: Flight, retry: Retry) -> Noted:
        """Raises StorageError."""
        host, whole = lane.host, retry.scope is Scope.HOST
        known = await self._deliveries.host(host.name) if whole else None
        if flight.lane_turn != lane.turn:
            lane.put_back(flight)  # it began before the failure for which the lane rests: the same outage
            return Noted()
        now, item, destination = self._clock.now(), flight.item, lane.destination
        fails = max(lane.state.fails, known.fails if known is not None else 0) + 1
        until = next_attempt(now, fails, self._adapters[destination.protocol].patience, destination.address, retry.after)
        failure = FailLane(*lane.key, retry.why, until, now, host=whole and flight.host_turn == host.turn)
        _log.info(
            "delivery.retried",
            event_id=item.event_id,
            item_id=item.id,
            protocol=destination.protocol,
            peer=host.name,
            attempt=fails,
            until=until.isoformat(),
            reason=retry.why,
        )
        first = known.first_failure_at if known is not None else None
        if is_given_up(now, lane.silent_since(first), item.keep_days):
            self._give_up(lane, flight, failure)
        else:
            lane.put_back(flight)
            lane.rest(failure)
        also = self._give_up_others(lane, failure) if failure.host and is_given_up(now, first, ORDINARY_DAYS) else ()
        self.watch(lane)
        return Noted(at_once=True, rests=(until - now).total_seconds(), also=also)

    def _give_up(self, lane: Lane, flight: Flight, failure: FailLane) -> None:
        """A retraction becomes a dead letter, which an operator can send again; an ordinary backlog becomes one gap, whatever its length."""
        item, why = flight.item, _hopeless(flight.item.keep_days, failure)
        self._count(lane, "dead")
        _log.warning("lane.stalled", protocol=lane.destination.protocol, peer=lane.host.name, reason=why)
        if lane.state.urgent:
            lane.land(flight, PutDead(item, lane.destination, Dead(why), lane.attempt, failure.at))
            lane.rest(failure)
            return
        lane.put_back(flight)
        # The failure first: it counts for the server, while the lane begins anew with whatever comes.
        lane.rest(GiveUp(*lane.key, why, failure.at), failure)

    def _give_up_others(self, lane: Lane, failure: FailLane) -> tuple[Lane, ...]:
        """What else waits for a server that did not answer all that time: only one lane of it is ever tried."""
        others = [other for other in lane.host.lanes if other is not lane and not (other.state.urgent or other.busy or other.ending)]
        for other in others:
            other.rest(GiveUp(*other.key, _hopeless(ORDINARY_DAYS, failure), failure.at))
        return tuple(others)

    # ------------------------------------------------------------------------------------------------------ numbers

    def passed_over(self, lane: Lane) -> None:
        """Something of this lane was rightly not sent."""
        self._count(lane, "skipped")

    def watch(self, lane: Lane) -> None:
        """Whether its server rests, for the log and the metrics."""
        protocol, host = lane.destination.protocol, lane.host
        resting = self._open.setdefault(protocol, set())
        rests = host.is_down or host.is_probed
        if rests is (host.name in resting):
            return
        (resting.add if rests else resting.discard)(host.name)
        self._metrics.circuits_open.labels(protocol).set(len(resting))
        if rests:
            _log.info("peer.opened_circuit", protocol=protocol, peer=host.name)
        else:
            _log.info("peer.closed_circuit", protocol=protocol, peer=host.name)

    def _count(self, lane: Lane, outcome: str) -> None:
        self._metrics.deliveries.labels(lane.destination.protocol, outcome).inc()


def _hopeless(days: int, failure: FailLane) -> str:
    return f"{SILENCE} for {days} days; at last: {failure.why}"
