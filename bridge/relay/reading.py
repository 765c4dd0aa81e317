"""One entry of the intake, read: into events, a reason why there are none, or a wait, and never into nothing.

What points at something that nobody knows here may only have come early: the rest of the way is asynchronous, and other servers send when
they like. So it is looked at again a few times before that counts. Order within a lane is kept where it matters: an edit never overtakes
the words it changes, and a retraction overtakes whatever waits (what is taken back first never crosses, N02).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import msgspec

from bridge.changes import AppendEvent, Change, EraseIntake, Park, Unpark
from bridge.errors import BridgeError, StorageError, Unreachable
from bridge.logs import logger
from bridge.metrics import Metrics
from bridge.model.content import Edit, Retraction, Sighting, tag_of
from bridge.model.event import Event
from bridge.model.ids import Native, Protocol
from bridge.model.record import Wait
from bridge.ports import Adapter, Clock, Journal
from bridge.refs import Awaits, Ignored, Needs, Read, Refs
from bridge.relay.loading import Loader
from bridge.relay.schedule import LOOKS, READ_TRIES, SOON, is_unreadable, next_attempt
from bridge.streams import Entry, Stream

__all__ = ["Readings", "Verdict"]

UNSPOKEN = timedelta(hours=1)
"""Between two looks at what is of a protocol that this node does not speak now."""

MOST_ECHOES = 1_000
"""Echoes remembered. The relay notes each within moments, and only what comes between asks for it."""

_RULE = re.compile(r"[A-Z]\d{1,2}(?=:)")

_log = logger()

_Final = Read | Ignored | Awaits


class Verdict(msgspec.Struct, frozen=True):
    """What an entry comes to. `is_seen`: later entries may see what it changes, so it is written before they are read.

    Events alone are not: no reader looks at them, they become objects only by the relay. An actor that was fetched is, a wait is.
    """

    seq: int
    changes: tuple[Change, ...]
    is_seen: bool = False


class Readings:
    """`look` at one entry."""

    def __init__(self, journal: Journal, adapters: Mapping[Protocol, Adapter], loader: Loader, clock: Clock, metrics: Metrics) -> None:
        self._journal = journal
        self._adapters = adapters
        self._loader = loader
        self._clock = clock
        self._metrics = metrics
        self._is_caught_up = False
        self._echoed: dict[Native, None] = {}

    async def look(self, entry: Entry, *, before_asking: Callable[[], Awaitable[None]] | None = None) -> Verdict:
        """`before_asking` as in `Loader.answer`: it writes what was read before this. Raises StorageError, and never anything else."""
        adapter = self._adapters.get(entry.intake.protocol)
        if adapter is None:
            why = f"this node does not speak {entry.intake.protocol} now"
            return _parked(Wait(entry.seq, self._clock.now() + UNSPOKEN, why, entry.tries))
        try:
            return await self._read(adapter, entry, before_asking)
        except Unreachable as error:
            return self._unreachable(adapter, entry, error)
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  (a bug of ours must cost one entry, not a lane)
            return self.stuck(entry.seq, error)

    def stuck(self, seq: int, error: Exception) -> Verdict:
        """Our own fault: it waits for a person, with what happened and without anybody's words."""
        _log.error("event.parked", cursor=seq, exc_info=error)
        text = error.private if isinstance(error, BridgeError) else type(error).__name__
        return _parked(Wait(seq, None, f"a fault of this bridge: {text}", stuck=True))

    # ------------------------------------------------------------------------------------------------------ what it says

    async def _read(self, adapter: Adapter, entry: Entry, before_asking: Callable[[], Awaitable[None]] | None) -> Verdict:
        reading, refs, learned = await self._ask(adapter, entry, before_asking)
        stranger = _stranger(refs)
        if stranger is not None and isinstance(reading, Read) and not reading.events:
            # It changes something unknown (a Delete of it, most likely): is it on its way to being known, in EVENTS?
            if before_asking is not None:
                await before_asking()
            if await self._journal.pending(Stream.EVENTS):
                if entry.tries < LOOKS:
                    return self._early(entry, stranger, learned, "what it is about may be on its way")
            else:
                # All that had come was dealt with before this second look, so what is unknown now is not on its way.
                reading, refs, more = await self._ask(adapter, entry, before_asking)
                learned, stranger = (*learned, *more), _stranger(refs)
        match reading:
            case Read():
                if stranger is not None and await self._is_ahead(entry, reading):
                    return self._early(entry, stranger, learned, "what came before it still waits")
                if stranger is not None and reading.events and entry.tries < LOOKS and await self._is_on_its_way(stranger):
                    return self._early(entry, stranger, learned, "the name of what it is about is on its way")
                return self._noted(adapter, entry, reading, learned)
            case Ignored(why=why, refused=refused):
                if stranger is not None and not refused and entry.tries < LOOKS:
                    return self._early(entry, stranger, learned, why)
                return self._ignored(adapter, entry, reading, learned)
            case Awaits(native=native, seconds=seconds):
                return self._awaiting(adapter, entry, native, seconds, learned)

    async def _ask(
        self, adapter: Adapter, entry: Entry, before_asking: Callable[[], Awaitable[None]] | None
    ) -> tuple[_Final, Refs, tuple[Change, ...]]:
        def read(refs: Refs) -> _Final | Needs:
            return adapter.read(entry.intake, refs)

        return await self._loader.answer(read, adapter.protocol, before_asking=before_asking)

    async def _is_ahead(self, entry: Entry, reading: Read) -> bool:
        """Would it overtake what it is about, which still waits in its lane? An edit waits as long as that may take, the rest a while."""
        contents = [event.content for event in reading.events]
        if not contents or all(isinstance(content, Retraction) for content in contents):
            return False
        if any(isinstance(content, Edit) for content in contents):
            waits = not is_unreadable(self._clock.now(), entry.intake.received_at, entry.tries)
        else:
            waits = entry.tries < LOOKS
        return waits and await self._journal.waits_ahead(entry.intake.lane, entry.seq)

    async def _is_on_its_way(self, stranger: Native) -> bool:
        """Is this what a place calls a copy of ours, of which the echo has been read and the relay has not noted it yet?

        An answer right behind the echo would else be about nothing.
        """
        if not self._is_caught_up:
            # What was read in the life before.
            for community in await self._journal.pending(Stream.EVENTS):
                for _, event in await self._journal.read_events(community, MOST_ECHOES):
                    self._remember(event)
            self._is_caught_up = True
        return stranger in self._echoed

    def _remember(self, event: Event) -> None:
        if isinstance(event.content, Sighting):
            self._echoed[Native(event.place.protocol, event.content.native)] = None
            if len(self._echoed) > MOST_ECHOES:
                del self._echoed[next(iter(self._echoed))]

    # ------------------------------------------------------------------------------------------------------ what it comes to

    def _noted(self, adapter: Adapter, entry: Entry, reading: Read, learned: tuple[Change, ...]) -> Verdict:
        ends: Change = Unpark(entry.seq) if reading.events else EraseIntake(entry.seq, "noted; nothing in it is to be passed on")
        for event in reading.events:
            self._remember(event)
            self._count(adapter, tag_of(event.content), "read")
            _log.debug("event.read", event_id=event.id, community=event.community, protocol=adapter.protocol, content=tag_of(event.content))
        if not reading.events:
            self._count(adapter, "none", "read")
        appended = [AppendEvent(event, entry.seq) for event in reading.events]
        changes = (*learned, *reading.changes)
        return Verdict(entry.seq, (*changes, *appended, ends), is_seen=bool(changes))

    def _ignored(self, adapter: Adapter, entry: Entry, ignored: Ignored, learned: tuple[Change, ...]) -> Verdict:
        self._count(adapter, "none", "refused" if ignored.refused else "ignored")
        if ignored.refused:
            # The reason names accounts, so it is kept where the operator looks it up and not in the log.
            rule = _RULE.match(ignored.why)
            _log.info(
                "intake.refused", cursor=entry.seq, protocol=adapter.protocol, kind=entry.intake.kind, code=rule[0] if rule else "other"
            )
        else:
            _log.debug("event.ignored", cursor=entry.seq, protocol=adapter.protocol, kind=entry.intake.kind)
        return Verdict(entry.seq, (*learned, EraseIntake(entry.seq, ignored.why, ignored.refused)), is_seen=bool(learned))

    def _early(self, entry: Entry, stranger: Native, learned: tuple[Change, ...], why: str) -> Verdict:
        due = next_attempt(self._clock.now(), entry.tries + 1, SOON, entry.intake.key)
        return _parked(Wait(entry.seq, due, why, entry.tries + 1, awaited=stranger), learned)

    def _awaiting(self, adapter: Adapter, entry: Entry, native: Native, seconds: float, learned: tuple[Change, ...]) -> Verdict:
        if entry.tries >= READ_TRIES:
            return self._ignored(adapter, entry, Ignored(f"what it is about never came: {native.id}", refused=True), learned)
        self._count(adapter, "none", "deferred")
        _log.debug("event.deferred", cursor=entry.seq, protocol=adapter.protocol, seconds=seconds)
        due = self._clock.now() + timedelta(seconds=seconds)
        return _parked(Wait(entry.seq, due, f"waits for {native.id}", entry.tries + 1, awaited=native), learned)

    def _unreachable(self, adapter: Adapter, entry: Entry, error: Unreachable) -> Verdict:
        now, tries = self._clock.now(), entry.tries + 1
        self._count(adapter, "none", "deferred")
        if is_unreadable(now, entry.intake.received_at, tries):
            _log.warning("intake.parked", cursor=entry.seq, protocol=adapter.protocol, attempt=tries, reason=error.public)
            return _parked(Wait(entry.seq, None, f"could not be read, {tries} times: {error.public}", tries, stuck=True))
        due = next_attempt(now, tries, adapter.patience, entry.intake.key, error.retry_after)
        _log.info("event.deferred", cursor=entry.seq, protocol=adapter.protocol, attempt=tries, until=due.isoformat(), reason=error.public)
        return _parked(Wait(entry.seq, due, error.public, tries))

    def _count(self, adapter: Adapter, content: str, outcome: str) -> None:
        self._metrics.events_read.labels(adapter.protocol, content, outcome).inc()


def _parked(wait: Wait, learned: tuple[Change, ...] = ()) -> Verdict:
    return Verdict(wait.seq, (*learned, Park(wait)), is_seen=True)


def _stranger(refs: Refs) -> Native | None:
    """The first thing that was looked for by its own name and is not known here."""
    for need, found in refs.found.items():
        if need.kind == "object_at" and found is None:
            return Native(Protocol(need.key[0]), need.key[1])
    return None
