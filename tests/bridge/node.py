"""A whole node in this process, as `folkmoot run` wires it, without a homeserver: for tests of what only the wiring can promise."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bridge.app import App, open_app
from bridge.commands.founding import lay_out
from bridge.founding import Answers, found_secrets, settings_for
from bridge.homeserver import free_port
from bridge.settings import ActivityPub, Development, Grace, Settings

__all__ = ["found_node", "running_node"]


async def found_node(
    folder: Path,
    *,
    port: int = 0,
    peers: Iterable[str] = (),
    change: Callable[[Settings], Settings] = lambda settings: settings,
) -> Settings:
    """Settings and keys below `folder`, as `folkmoot init` writes them; the built-in place is open, and words cross at once.

    `peers` are the origins it may meet by plain http; `change` sees the settings last.
    """
    return await asyncio.to_thread(_found, folder, port or free_port(), tuple(peers), change)


def _found(folder: Path, port: int, peers: tuple[str, ...], change: Callable[[Settings], Settings]) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    own = f"http://127.0.0.1:{port}"
    answers = Answers(f"127.0.0.1:{port}", "", "", str(folder / "data"), f"127.0.0.1:{port}")
    development = Development(enabled=True, networks=("127.0.0.0/8",), origins=(own, *peers), loopback=True)
    chosen = msgspec.structs.replace(
        settings_for(answers, development),
        data_dir="data",
        grace=Grace(default=0),
        activitypub=ActivityPub(first_retry=0.2, longest_retry=0.5),
    )
    return lay_out(folder / "folkmoot.toml", change(chosen), found_secrets(os.urandom))


@asynccontextmanager
async def running_node(settings: Settings, *rooms: str) -> AsyncIterator[App]:
    """From its doors open to its doors shut; the built-in place begins anew each time, with these rooms."""
    async with open_app(settings) as node:
        assert node.loopback is not None
        for room in rooms:
            node.loopback.hall.open(room)
        await node.start()
        try:
            yield node
        finally:
            await node.stop()
