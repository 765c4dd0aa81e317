"""Tells whoever started the node that it is ready, alive and stopping; where nobody wants to know, nothing happens.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html: one datagram for each, to the socket that the environment names.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from typing import Self

__all__ = ["Supervisor"]


class Supervisor:
    """`address`: a unix socket's path, `@…` in the abstract name space, or empty. `within`: seconds after which a silent node is restarted."""

    def __init__(self, address: str, within: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._within = within

    @classmethod
    def named_in(cls, environment: Mapping[str, str]) -> Self:
        """What systemd sets for a service of `Type=notify`, and with `WatchdogSec`."""
        micros = environment.get("WATCHDOG_USEC", "")
        return cls(
            environment.get("NOTIFY_SOCKET", ""), int(micros) / 1e6 if micros.isascii() and micros.isdigit() and int(micros) else None
        )

    def tell(self, state: str) -> None:
        """Never waits and never fails: a node does not stop because its supervisor did."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), self._address)

    async def reassure(self) -> None:
        """As long as the event loop turns, in half the time that the supervisor waits; until cancelled."""
        while self._within is not None:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._within / 2)
