"""A Folkmoot node as an operator runs it: `folkmoot run` in processes of its own, on files that `folkmoot init` would have written.

They end with the test run, however that ends: they watch a pipe from us, and on Linux ask the kernel as well, since a process that is
paused can watch nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, Self
from weakref import WeakSet

import aiohttp
import msgspec

from bridge.commands.founding import lay_out
from bridge.control import connect
from bridge.founding import Answers, found_secrets, settings_for, settings_text
from bridge.homeserver import Homeserver, free_port
from bridge.keyfiles import write_private
from bridge.operations import Operations
from bridge.settings import Development, Grace, Settings

READY_WITHIN: Final = 60.0
ENDS_WITHIN: Final = 30.0

# `python -m bridge`, with an end of its own.
_LAUNCH: Final = """
import os, runpy, sys, threading
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
def watch():
    os.read(0, 1)
    os._exit(9)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = "bridge"
runpy.run_module("bridge", run_name="__main__", alter_sys=True)
"""

RUNNING: Final[WeakSet[FolkmootNode]] = WeakSet()
"""Those whose log is shown when a test fails."""


class NodeFailed(AssertionError):
    """It did not start, ended by itself, or did not end in time; the text holds the last lines of its log."""


class NodeProcess:
    """One process of a node: all of it, or a part. `address` is where it says how it is."""

    def __init__(self, file: Path, settings: Settings, role: str = "all") -> None:
        self.file = file
        self.settings = settings
        self.role = role
        self.log = file.with_suffix(".log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def has_doors(self) -> bool:
        return self.role in ("all", "door")

    @property
    def address(self) -> str:
        own = self.settings.listen if self.has_doors else self.settings.metrics
        return f"http://127.0.0.1:{own.port}"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def launch(self) -> None:
        """Starts it and returns at once."""
        assert self.pid is None, "it runs already"
        role = () if self.role == "all" else ("--role", self.role)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command("-c", _LAUNCH, "run", *role), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    def command(self, flag: str, program: str, *arguments: str) -> list[str]:
        return [sys.executable, flag, program, "--settings", str(self.file), *arguments]

    async def until(self, state: str) -> None:
        """Waits until it is `ready`, or only `live`: its door is open, whatever else it may be waiting for. Raises NodeFailed."""
        answer = "nothing"
        started = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while time.monotonic() - started < READY_WITHIN:
                if self.pid is None:
                    raise NodeFailed(f"the node ended while starting\n{self.tail()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.address}/health/{state}") as response:
                        if response.status == 200:
                            return
                        answer = await response.text()
                await asyncio.sleep(0.05)
        raise NodeFailed(f"the node was not {state} within {READY_WITHIN:.0f} s; it says {answer}\n{self.tail()}")

    async def stop(self) -> None:
        """Asks it to end, as `systemctl stop` would, and waits until it has; it must end well. Does nothing when it does not run."""
        process = self._process
        if process is None or process.poll() is not None:
            self.kill()
            return
        process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.to_thread(process.wait, ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            raise NodeFailed(f"the node did not end within {ENDS_WITHIN:.0f} s\n{self.tail()}") from None
        finally:
            self.kill()
        if status != 0:
            raise NodeFailed(f"the node ended with status {status}\n{self.tail()}")

    def kill(self) -> None:
        """Ends it at once, as `kill -9` or a power cut would; returns when it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def signal(self, number: signal.Signals) -> None:
        """Raises NodeFailed when it has ended."""
        if self._process is None or self.pid is None:
            raise NodeFailed(f"the node has ended by itself\n{self.tail()}")
        self._process.send_signal(number)

    def tail(self, lines: int = 60) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return "(no log yet)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


class FolkmootNode:
    """One node with its files below `folder`; ports and files stay the same over restarts. Bound to no event loop.

    Its `processes` are started, stopped and killed together here, and one by one by whoever wants to.
    """

    def __init__(self, folder: Path, settings: Settings, processes: Sequence[NodeProcess] = ()) -> None:
        self.folder = folder
        self.settings = settings
        self.processes = tuple(processes) or (NodeProcess(folder / "folkmoot.toml", settings),)
        RUNNING.add(self)

    @classmethod
    def found(
        cls,
        folder: Path,
        *,
        homeserver: Homeserver | None = None,
        peers: Iterable[str] = (),
        grace: int = 0,
        port: int = 0,
        change: Callable[[Settings], Settings] = lambda settings: settings,
        roles: Sequence[str] = ("all",),
    ) -> Self:
        """Writes settings, keys and registration. `peers` are the origins it may meet by plain http, `port` 0
        is a free one; `change` sees the settings last.

        `roles`: one process each. Where several have doors, the node's own address is not theirs: something has to stand in front of them.
        """
        folder.mkdir(parents=True, exist_ok=True)
        port, door = port or free_port(), free_port()
        own = f"http://127.0.0.1:{port}"
        answers = Answers(
            domain=f"127.0.0.1:{port}",
            homeserver=homeserver.url if homeserver else "",
            server_name=homeserver.name if homeserver else "",
            data_dir=str(folder / "data"),
            listen=f"127.0.0.1:{port}",
            door=f"127.0.0.1:{door}",
        )
        development = Development(enabled=True, networks=("127.0.0.0/8",), origins=(own, *peers))
        chosen = msgspec.structs.replace(settings_for(answers, development), grace=Grace(default=grace))
        secrets = found_secrets(os.urandom)
        settings = lay_out(folder / "folkmoot.toml", change(chosen), secrets)
        several = sum(role in ("all", "door") for role in roles) > 1
        processes = [
            NodeProcess(folder / "folkmoot.toml", settings, role)
            if number == 0 and not several
            else _beside(settings, folder, number, role)
            for number, role in enumerate(roles)
        ]
        node = cls(folder, settings, processes)
        if homeserver is not None:
            homeserver.registrations = (*homeserver.registrations, node.settings.registration)
        return node

    @property
    def origin(self) -> str:
        """As `http://127.0.0.1:40123`."""
        return self.settings.origin

    @property
    def pid(self) -> int | None:
        """The id of its first process while that runs."""
        return self.processes[0].pid

    @property
    def log(self) -> Path:
        """Of its first process."""
        return self.processes[0].log

    def handle(self, name: str) -> str:
        """As people on the fediverse write it: `@commons@127.0.0.1:40123`."""
        return f"@{name}@{self.settings.domain}"

    def operations(self) -> AbstractAsyncContextManager[Operations]:
        """What `folkmoot community`, `holds` and the rest use."""
        doors = [process for process in self.processes if process.has_doors]
        return connect(next((process for process in doors if process.pid is not None), doors[0]).settings.control)

    async def command(self, *arguments: str) -> str:
        """What `folkmoot ARGUMENTS` prints, in another process. Raises NodeFailed when it exits with anything but 0."""
        process = await asyncio.create_subprocess_exec(
            *self.processes[0].command("-m", "bridge", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, complained = await asyncio.wait_for(process.communicate(), READY_WITHIN)
        if process.returncode != 0:
            raise NodeFailed(f"folkmoot {' '.join(arguments)} exited with {process.returncode}\n{complained.decode()}")
        return said.decode()

    async def start(self) -> float:
        """Starts it and waits until `/health/ready` says so; returns the seconds it took. Raises NodeFailed."""
        started = time.monotonic()
        self.launch()
        try:
            await self.until_ready()
        except BaseException:
            self.kill()
            raise
        return time.monotonic() - started

    def launch(self) -> None:
        """Starts it and returns at once."""
        for process in self.processes:
            process.launch()

    async def until_ready(self) -> None:
        """Waits until it says that everything is well. Raises NodeFailed."""
        for process in self.processes:
            await process.until("ready")

    async def until_live(self) -> None:
        """Waits until its door is open, whatever else it may be waiting for. Raises NodeFailed."""
        for process in self.processes:
            await process.until("live")

    async def stop(self) -> None:
        """Asks it to end, as `systemctl stop` would, and waits until it has; it must end well. Does nothing when it does not run."""
        try:
            for process in self.processes:
                await process.stop()
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it at once, as `kill -9` or a power cut would; returns when it is gone."""
        for process in self.processes:
            process.kill()

    def pause(self) -> None:
        """Stops it in mid-air (SIGSTOP): whoever asks it something waits for the answer. Until `resume`, or `kill`."""
        for process in self.processes:
            process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        for process in self.processes:
            process.signal(signal.SIGCONT)

    async def restart(self) -> float:
        """Starts it again after `kill` or `stop`, whichever came; returns the seconds until it was ready."""
        await self.stop()
        return await self.start()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            await self.stop()
        else:
            self.kill()

    def tail(self, lines: int = 60) -> str:
        """The last lines of its log, process by process."""
        if len(self.processes) == 1:
            return self.processes[0].tail(lines)
        return "\n".join(f"--- {process.log.stem}, {process.role}\n{process.tail(lines)}" for process in self.processes)


def _beside(settings: Settings, folder: Path, number: int, role: str) -> NodeProcess:
    """The files of one process among several: what must be the same is the same, and whatever it listens on is its own."""
    if role not in ("all", "door"):
        own = msgspec.structs.replace(settings, metrics=msgspec.structs.replace(settings.metrics, port=free_port()))
    else:
        data = folder / f"data{number}"
        data.mkdir(mode=0o700)
        settings.files.mkdir(mode=0o700, exist_ok=True)
        for shared in ("secrets", "media", "registration.yaml"):
            (data / shared).symlink_to(settings.data / shared)
        own = msgspec.structs.replace(settings, data_dir=str(data), listen=msgspec.structs.replace(settings.listen, port=free_port()))
        if own.matrix is not None:
            door = msgspec.structs.replace(own.matrix.listen, port=free_port())
            own = msgspec.structs.replace(
                own, matrix=msgspec.structs.replace(own.matrix, listen=door, appservice_url=own.matrix.reached_at)
            )
    file = folder / f"folkmoot{number}.toml"
    write_private(file, settings_text(own).encode())
    return NodeProcess(file, own, role)
