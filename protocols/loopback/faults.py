"""Lets whoever tries out delivery decide how the next sends of one destination end: an answer, an error, silence, or an answer that is lost."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from bridge.model.item import Destination, Outcome

__all__ = ["Fault", "Faults"]


class Fault(msgspec.Struct, frozen=True):
    """One send that goes wrong. `answer`: the outcome, the error raised, or None for no answer until `Faults.heal` or cancellation.

    `after`: the hall does what it is asked first, so that only its answer is lost.
    """

    answer: Outcome | BaseException | None
    after: bool = False


class Faults:
    """Empty unless told otherwise: then every send goes well."""

    def __init__(self) -> None:
        self._queued: dict[str, deque[Fault]] = {}
        self._healed = asyncio.Event()

    def add(self, destination: str, fault: Fault, times: int = 1) -> None:
        """The next `times` sends to this address, or to this host, go wrong."""
        self._queued.setdefault(destination, deque()).extend([fault] * times)

    def heal(self) -> None:
        """From now on all goes well; sends that hang fail with a TimeoutError, as a connection cut at last."""
        self._queued.clear()
        self._healed.set()
        self._healed = asyncio.Event()

    def next(self, destination: Destination) -> Fault | None:
        """What goes wrong with this send, used up by asking."""
        for name in (destination.address, destination.host):
            queued = self._queued.get(name)
            if queued:
                return queued.popleft()
        return None

    async def answer(self, fault: Fault) -> Outcome:
        """Answers as the fault says. Raises its error, or TimeoutError when it hung and was healed."""
        if fault.answer is None:
            await self._healed.wait()
            raise TimeoutError("the hall did not answer")
        if isinstance(fault.answer, BaseException):
            raise fault.answer
        return fault.answer
