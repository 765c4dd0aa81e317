"""From an item to what is sent: written once for all who hear it, and anew for whoever did not get it at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from bridge.changes import Change
from bridge.model.ids import ItemId
from bridge.model.item import Item, Omission
from bridge.ports import Adapter
from bridge.refs import Refs, Wire
from bridge.relay.loading import Loader

__all__ = ["Writer"]

MOST_KEPT = 256
"""Items kept as written. At 60 kB each that is 15 MB; most are 3 kB, and a fan-out is over when the next one comes."""


class Writer:
    """`learned`: changes that writing brought about (somebody's face was fetched), for the next commit to take.

    Keeping what was written is safe: the item never changes, and what writing looks up besides (addresses, who stands for whom) may
    change, but an activity with one id should be the same bytes for all who hear it. What fails is written anew, so a name that was not
    known yet is not missing for ever. Whether words were taken back is asked before each send, never here.
    """

    def __init__(self, loader: Loader) -> None:
        self.learned: list[Change] = []
        self._loader = loader
        self._written: OrderedDict[ItemId, asyncio.Task[Wire | Omission]] = OrderedDict()

    async def write(self, adapter: Adapter, item: Item, *, anew: bool = False) -> Wire | Omission:
        """Raises StorageError, and whatever our own code raises."""
        if anew:
            return await self._write(adapter, item)
        task = self._written.get(item.id)
        if task is None:
            task = self._written[item.id] = asyncio.create_task(self._write(adapter, item), name="courier.write")
            while len(self._written) > MOST_KEPT:
                self._written.popitem(last=False)
        try:
            # One that is cut off must not take the writing away from the others.
            return await asyncio.shield(task)
        except Exception:
            if self._written.get(item.id) is task:
                del self._written[item.id]
            raise

    async def _write(self, adapter: Adapter, item: Item) -> Wire | Omission:
        # A delivery to a thousand servers does not wait for a third one that does not answer.
        answer: tuple[Wire | Omission, Refs, tuple[Change, ...]]
        answer = await self._loader.answer(lambda refs: adapter.write(item, refs), adapter.protocol, must_reach=False)
        self.learned += answer[2]
        return answer[0]

    async def stop(self) -> None:
        """Ends what is still being written."""
        under_way = [task for task in self._written.values() if not task.done()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
