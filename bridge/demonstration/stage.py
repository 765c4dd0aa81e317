"""Promises a real homeserver and two nodes on loopback ports, each with files of its own, and that all of them end with us.

Node A is `folkmoot run` in a process of its own, asked through its control socket; node B runs here, so that its built-in place can be
spoken in.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets as randomness
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NoReturn, TextIO

import aiohttp
import msgspec

from bridge.app import App, open_app
from bridge.commands.founding import lay_out
from bridge.control import connect, is_running
from bridge.demonstration.matrixpeople import MatrixPerson
from bridge.errors import OperatorError
from bridge.founding import Answers, found_secrets, settings_for
from bridge.homeserver import Homeserver, free_port
from bridge.logs import configure
from bridge.operations import Operations
from bridge.settings import ActivityPub, Development, Grace, Settings

__all__ = ["GRACE", "SERVER_NAME", "Stage", "StageFailed"]

GRACE: Final = 2
"""Seconds; fifteen would be long to watch."""

SERVER_NAME: Final = "workshop.test"
READY_WITHIN: Final = 40.0
ENDS_WITHIN: Final = 15.0

# `folkmoot run`, and an end of its own when the pipe from us closes: a killed demonstration must not leave a node behind.
_LAUNCH: Final = """
import os, threading
def watch():
    os.read(0, 1)
    os._exit(9)
threading.Thread(target=watch, daemon=True).start()
from bridge.cli import main
main()
"""


class StageFailed(OperatorError):
    """Something that the demonstration stands on did not start, or ended by itself; `remedy` says where to look."""

    code = "stage_failed"


class Stage:
    """`a` and `b` answer their operator; `node_b` is B itself; `people` are the Matrix accounts by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        port_a, port_b = free_port(), free_port()
        self.origins = (f"http://127.0.0.1:{port_a}", f"http://127.0.0.1:{port_b}")
        self.homeserver = Homeserver(folder / "homeserver", name=SERVER_NAME)
        door = f"127.0.0.1:{free_port()}"
        self.settings_a = self._found(
            "a", Answers(f"127.0.0.1:{port_a}", self.homeserver.url, SERVER_NAME, "a", f"127.0.0.1:{port_a}", door)
        )
        self.settings_b = self._found("b", Answers(f"127.0.0.1:{port_b}", "", "", "b", f"127.0.0.1:{port_b}"), loopback=True)
        self.homeserver.registrations = (self.settings_a.registration,)
        self.bot = f"@moot:{SERVER_NAME}"
        self.people: dict[str, MatrixPerson] = {}
        self._node: asyncio.subprocess.Process | None = None
        self._begun = asyncio.Event()
        self._log: TextIO | None = None
        self._ending = contextlib.AsyncExitStack()
        self._visitor: aiohttp.ClientSession
        self.a: Operations
        self.node_b: App

    @property
    def b(self) -> Operations:
        return self.node_b.operations

    @property
    def logs(self) -> tuple[Path, ...]:
        """Where to look when something did not arrive."""
        return (self.folder / "a.log", self.folder / "b.log", self.homeserver.log)

    def _found(self, name: str, answers: Answers, *, loopback: bool = False) -> Settings:
        """As `folkmoot init` does, with the switch that lets loopback addresses and plain http pass between the two."""
        development = Development(enabled=True, networks=("127.0.0.0/8",), origins=self.origins, loopback=loopback)
        settings = msgspec.structs.replace(
            settings_for(answers, development), grace=Grace(default=GRACE), activitypub=ActivityPub(first_retry=1.0, longest_retry=5.0)
        )
        return lay_out(self.folder / f"{name}.toml", settings, found_secrets(randomness.token_bytes))

    # ------------------------------------------------------------------------------------------------------ beginning

    async def start_homeserver(self, names: dict[str, str]) -> None:
        """With an account for each of these: name → what they are called. Raises HomeserverFailed."""
        await self.homeserver.start()
        self._ending.push_async_callback(self.homeserver.stop)
        self._visitor = session = await self._ending.enter_async_context(aiohttp.ClientSession())
        for name, called in names.items():
            person = MatrixPerson(session, self.homeserver.url, await self.homeserver.register(name), called)
            await person.begin()
            self._ending.push_async_callback(person.end)
            self.people[name] = person

    async def start_a(self) -> None:
        """Raises StageFailed."""
        self._node = await self._launch()
        self._begun.set()
        self._ending.push_async_callback(self._end_a)
        async with _limit("node A is not ready", self.logs[0]):
            while True:
                if await self._is_ready():
                    break
                await asyncio.sleep(0.05)
        self.a = await self._ending.enter_async_context(connect(self.settings_a.control))

    async def _launch(self) -> asyncio.subprocess.Process:
        command = [sys.executable, "-c", _LAUNCH, "--settings", str(self.folder / "a.toml"), "run"]
        with self.logs[0].open("ab") as log:
            return await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)

    async def _is_ready(self) -> bool:
        with contextlib.suppress(aiohttp.ClientError):
            status, _ = await self.ask_a("/health/ready")
            return status == 200 and await is_running(self.settings_a.control)
        return False

    async def ask_a(self, path: str) -> tuple[int, str]:
        """Status and text of what node A serves to anyone there, as a server of the fediverse would ask."""
        async with self._visitor.get(f"{self.origins[0]}{path}", headers={"Accept": "application/activity+json"}) as answer:
            return answer.status, await answer.text()

    async def start_b(self) -> None:
        """Raises OperatorError."""
        self._log = (self.folder / "b.log").open("a", encoding="utf-8")
        self._ending.callback(self._log.close)
        configure("info", form="json", stream=self._log)
        self.node_b = await self._ending.enter_async_context(open_app(self.settings_b))
        self._ending.push_async_callback(self.node_b.stop)
        await self.node_b.start()

    # ------------------------------------------------------------------------------------------------------ ending

    async def watch(self) -> NoReturn:
        """Raises StageFailed as soon as node A ends by itself."""
        await self._begun.wait()
        if self._node is not None:
            await self._node.wait()
        raise StageFailed("node A has ended by itself", remedy=f"Its log is {self.logs[0]}.")

    async def close(self) -> None:
        """Everything in reverse: nobody is asked by what still runs. Safe to call twice."""
        await self._ending.aclose()

    async def _end_a(self) -> None:
        """Asks it to drain and end; kills it after fifteen seconds."""
        node, self._node = self._node, None
        if node is None:
            return
        with contextlib.suppress(ProcessLookupError):
            node.terminate()
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await node.wait()
        except TimeoutError:
            node.kill()
            await node.wait()


@contextlib.asynccontextmanager
async def _limit(what: str, log: Path) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(READY_WITHIN):
            yield
    except TimeoutError:
        raise StageFailed(f"{what} after {READY_WITHIN:.0f} s", remedy=f"Its log is {log}.") from None
