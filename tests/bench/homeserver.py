"""The little homeserver of the tests in a process of its own, so that its work is not taken for the node's; it counts what is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from tests.bench.programs import answering, say
from tests.bench.tally import Tally
from tests.protocols.matrix.homeserver import Standin


class _Counting(Standin):
    def __init__(self, tally: Tally) -> None:
        super().__init__()
        self._tally = tally

    async def _send(self, method: str, parts: list[str], user: str, body: Any) -> web.Response:
        answer = await super()._send(method, parts, user, body)
        if answer.status == 200:
            self._tally.note()
        # What it was asked is for tests to look at; here it would only grow.
        self.asked.clear()
        return answer


async def main() -> None:
    tally = Tally()
    homeserver = _Counting(tally)
    homeserver.names["@ana:hs.test"] = "Ana"
    homeserver.state[("!commons", "m.room.join_rules")] = {"join_rule": "public"}
    homeserver.state[("!commons", "m.room.history_visibility")] = {"history_visibility": "world_readable"}
    homeserver.state[("!commons", "m.room.name")] = {"name": "The Commons"}
    await homeserver.server.start_server()
    say(url=homeserver.url)
    try:
        await answering(tally.answer)
    finally:
        await homeserver.server.close()


if __name__ == "__main__":
    asyncio.run(main())
