"""A node's two doors over its real store, and none of the three loops behind them: what comes in is kept and answered, nothing is carried on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from bridge import eventloop, settingsfile
from bridge.app import open_app
from bridge.logs import configure
from bridge.net.server import Server
from tests.bench.programs import say, until_closed


async def main(path: Path) -> None:
    chosen = settingsfile.read(path)
    assert chosen.matrix is not None
    configure(chosen.log.level, form=chosen.log.format)
    async with open_app(chosen) as node:
        assert node.matrix is not None
        public = Server(node.activitypub.application(), chosen.listen.host, chosen.listen.port)
        private = Server(node.matrix.application(), chosen.matrix.listen.host, chosen.matrix.listen.port)
        for door in (public, private):
            await door.start()
        watching = asyncio.create_task(node.matrix.watch.run())
        while not node.matrix.watch.is_sure:  # before that, its rooms are compared at every transaction
            await asyncio.sleep(0.1)
        say(ready=True)
        await until_closed()
        watching.cancel()
        for door in (public, private):
            await door.drain(1.0)


if __name__ == "__main__":
    eventloop.run(main(Path(sys.argv[1])))
