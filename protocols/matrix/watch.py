"""Promises that a homeserver that went away is noticed within seconds, and that what was lost meanwhile is looked for at once.

F1: the loss happens inside Synapse, so nothing tells us of it. Three things hint at it (no answer, a failed ping, transaction numbers that
begin again); whatever they miss, the pass every two minutes finds.

Also without a loss, order is not to be had from transactions alone: what happens in a room at the moment at which Synapse 1.163 ends its
retries is stored as unsent and stays so until something fails again, while what comes later is sent (`_Recoverer.retry` of its
appservice/scheduler.py). So while it may be retrying, a transaction is taken only after its rooms were compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import suppress
from datetime import datetime, timedelta

from bridge.errors import BadRegistration, StorageError, Unreachable
from bridge.logs import logger
from bridge.model.ids import MATRIX
from bridge.model.place import PlaceKind, moderation_channel
from bridge.ports import Clock, Directory
from bridge.registers import Portals
from protocols.matrix.client import Client, Rejected, Silent
from protocols.matrix.conversations import Conversations
from protocols.matrix.ids import Me
from protocols.matrix.reconcile import Reconciler

__all__ = ["Watch"]

PAGE = 100
"""Rooms of two looked up at once."""

MOST_PATIENCE = 30.0
"""Seconds; Synapse 1.163 waits 60 for our answer to a transaction."""

UNSURE = timedelta(seconds=5)
"""For so long after the last sign of a retry, the homeserver may still be about to end them."""

AFTER_A_LOSS = timedelta(seconds=90)
"""A transaction that went to a process of ours that hangs is given up after 60 s by Synapse 1.163, and then retried with whoever answers."""

_log = logger()

_ROOMS = frozenset({PlaceKind.ROOM, PlaceKind.MODERATION})
"""What the bot listens in."""


class Watch:
    """One loop per node; `beat` and `every` in seconds. `introduce` makes the bot known to the homeserver, `awaken` says that what waits for
    the homeserver need not wait any longer; both may be called again."""

    def __init__(
        self,
        me: Me,
        client: Client,
        reconciler: Reconciler,
        conversations: Conversations,
        *,
        directory: Directory,
        clock: Clock,
        portals: Portals | None = None,
        introduce: Callable[[], Awaitable[None]],
        awaken: Callable[[], Awaitable[None]],
        registration: str,
        losses: Callable[[], int] = lambda: 0,
        beat: float = 1.0,
        every: float = 120.0,
    ) -> None:
        """`losses`: how often a process of this node was lost so far."""
        self._me = me
        self._client = client
        self._reconciler = reconciler
        self._conversations = conversations
        self._directory = directory
        self._portals = portals
        self._clock = clock
        self._introduce = introduce
        self._awaken = awaken
        self._registration = registration
        self._beat = beat
        self._every = timedelta(seconds=every)
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._comparing = asyncio.Lock()
        self._doubts: dict[timedelta, datetime] = {}
        """Until when there are which: a short one is not forgotten for a long one."""
        self._losses = losses
        self._known_losses = losses()
        self._suspected = True
        self._invited = False
        self._away = False
        self._reached = False
        self._last: datetime | None = None
        self.recoveries = 0
        """How often everything was gone through: at the start, and after each time the homeserver was away."""

    @property
    def is_reached(self) -> bool:
        return self._reached and not self._away

    @property
    def is_settled(self) -> bool:
        """Does nothing hint at lost events?"""
        return self._settled.is_set()

    @property
    def is_sure(self) -> bool:
        """Is it also certain that the homeserver is not retrying? Then its transactions are taken as they come."""
        return self.is_settled and not self._doubts

    def suspect(self, why: str) -> None:
        """Something hints at a restart of the homeserver; returns at once."""
        if not self._suspected:
            _log.info("homeserver.lost", reason=why)
        self._suspected = True
        self._settled.clear()
        self._wake.set()

    async def settled(self, rooms: Collection[str], *, again: bool) -> None:
        """Returns when nothing that happened before in these rooms is missed. Whoever takes new events waits here, so that what was lost
        comes first: a thread must not be answered before it is begun. Half a minute at most, since a homeserver gives up after one.

        `again`: all of them are here already. They wait for nothing, and tell that the homeserver sends again what had failed.
        """
        if again:
            self.doubt()
            return
        self._mind_losses()
        with suppress(TimeoutError):
            async with asyncio.timeout(MOST_PATIENCE):
                await self._settled.wait()
                if self._doubts:
                    await self._compare(rooms)

    def doubt(self, span: timedelta = UNSURE) -> None:
        """The homeserver is retrying, or will be; returns at once."""
        self._doubts[span] = self._clock.now() + span

    def _mind_losses(self) -> None:
        """What another process of ours could not take comes here, and nothing in it says that it comes again."""
        losses = self._losses()
        if losses != self._known_losses:
            self._known_losses = losses
            self.doubt()
            self.doubt(AFTER_A_LOSS)

    async def _compare(self, rooms: Collection[str]) -> None:
        """A homeserver that cannot be asked now is no reason to refuse what it brings."""
        try:
            async with self._comparing:
                await self._reconciler.rooms(rooms)
        except (Unreachable, StorageError, BadRegistration) as error:
            self.suspect(f"its rooms could not be compared: {error.private}")

    def look(self) -> None:
        """Somebody may have invited the bot; returns at once."""
        self._invited = True
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. What goes wrong here is tried again at the next beat."""
        while True:
            try:
                await self.once()
            except (Unreachable, Rejected, StorageError, BadRegistration) as error:
                self._suspected = True
                self._settled.clear()
                _log.warning("loop.failed", loop="matrix.watch", code=error.code, reason=error.private)
            await self._pause()

    async def once(self) -> None:
        """One beat. Raises what the homeserver or the store answers when it is not "here I am"."""
        self._wake.clear()
        try:
            await self._client.versions()
        except Silent:
            if not self._away:
                _log.warning("homeserver.lost", reason="it does not answer")
            self._away = self._suspected = True
            self._settled.clear()
            return
        if self._away:
            _log.info("homeserver.reached")
            self._away = False
        self._mind_losses()
        now = self._clock.now()
        if self._suspected:
            await self.recover()
        elif self._last is None or now - self._last >= self._every or self._is_sure_again(now):
            await self._go_round()
        elif self._invited:
            await self._welcome()
        elif not self._reached:
            self._reached = await self._ping()

    async def recover(self) -> None:
        """Everything, in the order that keeps the order: the rooms are compared while the door waits, then what is stuck inside the
        homeserver is set free (F2, F7), and by then it is known already."""
        self._suspected = False
        self.doubt()
        await self._introduce()
        await self._awaken()
        await self._reconciler.rooms(await self._client.rooms(self._me.bot))
        await self._reconciler.rooms([room async for room in self._rooms_of_two()])
        if not self._suspected:
            self._settled.set()
        await self._reconciler.flush()
        self.doubt()
        self._reached = await self._ping()
        await self._welcome()
        self._last = self._clock.now()
        self.recoveries += 1

    async def _rooms_of_two(self) -> AsyncIterator[str]:
        """Of direct conversations, in which the bot is not."""
        after = ""
        while self._portals is not None and (page := await self._portals.rooms(after, PAGE)):
            for portal in page:
                if portal.room is not None and portal.room.protocol == MATRIX:
                    yield portal.room.id
            after = page[-1].id

    def _is_sure_again(self, now: datetime) -> bool:
        """Whether its retries are over; said once, for one last look at what they may have left behind."""
        over = [span for span, until in self._doubts.items() if now >= until]
        for span in over:
            del self._doubts[span]
        return bool(over)

    async def _go_round(self) -> None:
        """The rooms of our communities; private rooms are compared after a restart only, since there may be one for every member."""
        rooms = []
        for community in await self._directory.communities():
            moderation = await self._directory.channel(moderation_channel(community.id))
            for channel in (*await self._directory.channels(community.id), *((moderation,) if moderation is not None else ())):
                rooms += [place.native.id for place in channel.places if place.kind in _ROOMS and place.native.protocol == MATRIX]
        await self._reconciler.rooms(rooms)
        await self._welcome()
        self._last = self._clock.now()

    async def _welcome(self) -> None:
        self._invited = False
        await self._conversations.accept()

    async def _ping(self) -> bool:
        """F6: it then tries again at once what it could not deliver. Its failure means that the homeserver cannot reach us."""
        try:
            await self._client.ping(self._registration)
        except Silent:
            raise
        except (Unreachable, Rejected) as error:
            _log.warning(
                "homeserver.refused",
                code=error.code,
                reason=f"the homeserver cannot reach this node ({error.private})",
                remedy="Check `matrix.listen` and `matrix.appservice_url`, and that the homeserver uses the current registration file.",
            )
            return False
        return True

    async def _pause(self) -> None:
        sleep = asyncio.ensure_future(self._clock.sleep(self._beat))
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait((sleep, wake), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            wake.cancel()
            # Gathered, not awaited one by one: that would take our own cancellation for theirs.
            await asyncio.gather(sleep, wake, return_exceptions=True)
