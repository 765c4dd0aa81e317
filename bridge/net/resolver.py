"""Names are looked up in threads of their own within a few seconds, and only addresses the guard allows come back.

The threads are ours because a lookup cannot be cancelled: names with dead name servers, sent by a hostile peer, would
otherwise hold the event loop's few default threads that storage and others share.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from bridge.net.guard import AddressRefused, Policy, refusal

__all__ = ["GuardedResolver"]

_THREADS = 32


class GuardedResolver(AbstractResolver):
    """Of several answers only the allowed ones are used; when all are refused, the first reason is raised.

    Raises `AddressRefused`, `TimeoutError` after `seconds`, or `OSError` when the name has no address.
    """

    def __init__(self, policy: Policy, *, seconds: float, inner: AbstractResolver | None = None) -> None:
        self._policy = policy
        self._seconds = seconds
        self._inner = inner
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC) -> list[ResolveResult]:
        async with asyncio.timeout(self._seconds):
            if self._inner is None:
                found = await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port, family)
            else:
                found = await self._inner.resolve(host, port, family)
        if not found:
            raise OSError(f"{host} has no address")
        reasons = [refusal(result["host"], result["port"], self._policy) for result in found]
        allowed = [result for result, reason in zip(found, reasons, strict=True) if reason is None]
        if not allowed:
            raise AddressRefused(f"{host}: {reasons[0]}")
        return allowed

    async def close(self) -> None:
        """Give up what is still being looked up; a running lookup ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._inner is not None:
            await self._inner.close()


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    return [
        ResolveResult(
            hostname=host,
            host=str(address[0]),
            port=port,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _, proto, _, address in socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        if kind in (socket.AF_INET, socket.AF_INET6)
    ]
