"""A whole node in this process, as `folkmoot run` wires it, without a homeserver: for tests of what only the wiring can promise."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bridge.app import App, open_app
from bridge.commands.founding import lay_out
from bridge.founding import Answers, found_secrets, settings_for
from bridge.homeserver import free_port
from bridge.settings import Development, Settings

__all__ = ["found_node", "running_node"]


async def found_node(folder: Path, *, change: Callable[[Settings], Settings] = lambda settings: settings) -> Settings:
    """Settings and keys below `folder`, as `folkmoot init` writes them; the built-in place is open. `change` sees the settings last."""
    return await asyncio.to_thread(_found, folder, change)


def _found(folder: Path, change: Callable[[Settings], Settings]) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    answers = Answers(f"127.0.0.1:{port}", "", "", str(folder / "data"), f"127.0.0.1:{port}")
    development = Development(enabled=True, networks=("127.0.0.0/8",), origins=(own,), loopback=True)
    chosen = settings_for(answers, development)
    return lay_out(folder / "folkmoot.toml", change(msgspec.structs.replace(chosen, data_dir="data")), found_secrets(os.urandom))


@asynccontextmanager
async def running_node(settings: Settings) -> AsyncIterator[App]:
    """From its doors open to its doors shut."""
    async with open_app(settings) as node:
        await node.start()
        try:
            yield node
        finally:
            await node.stop()
