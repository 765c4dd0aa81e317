"""Bugs put into a node on purpose, each one that somebody has really made; a simulation that does not find them finds nothing."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

import msgspec
from sqlalchemy import Connection, update

from bridge.changes import AppendEvent, AppendItem, Change
from bridge.model.ids import EventId, derive
from bridge.model.record import Hold
from bridge.streams import Intake, Receipt, Share, Stream
from storage import SqlStore
from storage.changes.streams import append_intake
from storage.heads import head, take
from storage.schema import heads
from tests.simulation.node import Plant, SimulatedNode

__all__ = ["PLANTS"]

SLOWEST_COMMIT = 0.5
"""Seconds between taking a number and committing what has it, at most."""

GRACE = timedelta(minutes=2)
"""More than anybody here chose."""


def _cursor_before_effect(store: SqlStore, node: SimulatedNode) -> None:
    """What was read counts as done before what it led to is written: a process that dies between the two has lost it."""
    real = store.journal.commit

    async def commit(changes: Sequence[Change], *, stream: Stream | None = None, lane: str = "", upto: int | None = None) -> None:
        if upto is not None:
            await real((), stream=stream, lane=lane, upto=upto)
        await real(changes, stream=stream, lane=lane)

    store.journal.commit = commit  # type: ignore[method-assign]


def _no_dedupe(store: SqlStore, node: SimulatedNode) -> None:
    """What arrives a second time is taken for something new."""
    accept_once, commit_once, numbers = store.journal.accept, store.journal.commit, itertools.count()

    async def known(keys: Sequence[str]) -> frozenset[str]:
        return frozenset()

    async def accept(entries: Sequence[Intake]) -> tuple[Receipt, ...]:
        return await accept_once([msgspec.structs.replace(entry, key=f"{entry.key} {node.lives}.{next(numbers)}") for entry in entries])

    async def commit(changes: Sequence[Change], *, stream: Stream | None = None, lane: str = "", upto: int | None = None) -> None:
        await commit_once([await anew(change) for change in changes], stream=stream, lane=lane, upto=upto)

    async def anew(change: Change) -> Change:
        if not isinstance(change, AppendEvent) or await store.journal.record(change.event.id) is None:
            return change
        other = EventId(derive(node.node.secret, "again", change.event.id, str(change.intake)))
        return msgspec.structs.replace(change, event=msgspec.structs.replace(change.event, id=other))

    store.journal.known = known  # type: ignore[method-assign]
    store.journal.accept = accept  # type: ignore[method-assign]
    store.journal.commit = commit  # type: ignore[method-assign]


def _naive_sequence(store: SqlStore, node: SimulatedNode) -> None:
    """Numbers come from a sequence outside the transaction (PostgreSQL's `nextval`), and readers ask for whatever is `> cursor`: what took
    its number first and commits last is never read (event-driven.io and Sequin on sequences that commit out of order)."""

    async def accept(entries: Sequence[Intake]) -> tuple[Receipt, ...]:
        known = await store.journal.known([entry.key for entry in entries])
        many = len({entry.key for entry in entries} - known)
        first = await node.disk.write(lambda connection: take(connection, "intake", many))
        await asyncio.sleep(node.world.random.random() * SLOWEST_COMMIT)

        def late(connection: Connection) -> list[tuple[Receipt, ...]]:
            top = head(connection, "intake")
            connection.execute(update(heads).where(heads.c.name == "intake").values(seq=first - 1))
            receipts = append_intake(connection, [tuple(entries)])
            connection.execute(update(heads).where(heads.c.name == "intake").values(seq=max(top, first + many - 1)))
            return receipts

        return (await node.disk.write(late))[0]

    store.journal.accept = accept  # type: ignore[method-assign]


def _delete_in_the_ordinary_lane(store: SqlStore, node: SimulatedNode) -> None:
    """Taking back waits in the same line as everything else."""
    real = store.journal.commit

    async def commit(changes: Sequence[Change], *, stream: Stream | None = None, lane: str = "", upto: int | None = None) -> None:
        await real([slow(change) for change in changes], stream=stream, lane=lane, upto=upto)

    def slow(change: Change) -> Change:
        if not isinstance(change, AppendItem):
            return change
        return msgspec.structs.replace(change, item=msgspec.structs.replace(change.item, urgent=False))

    store.journal.commit = commit  # type: ignore[method-assign]


def _grace_ignored_on_restart(store: SqlStore, node: SimulatedNode) -> None:
    """Whoever comes back takes every wait that it finds for one that is over."""
    real, began = store.decisions.holds_due, node.clock.now()

    async def holds_due(now: datetime, limit: int, share: Share = None) -> tuple[Hold, ...]:
        return tuple(hold for hold in await real(now + GRACE, limit, share) if hold.due_at <= now or hold.since < began)

    store.decisions.holds_due = holds_due  # type: ignore[method-assign]


PLANTS: Final[Mapping[str, Plant]] = MappingProxyType(
    {
        "cursor-before-effect": _cursor_before_effect,
        "no-dedupe": _no_dedupe,
        "naive-sequence": _naive_sequence,
        "delete-in-the-ordinary-lane": _delete_in_the_ordinary_lane,
        "grace-ignored-on-restart": _grace_ignored_on_restart,
    }
)
"""By name, for `simulate` and the command line."""
