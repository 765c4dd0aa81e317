"""A Folkmoot node as an operator runs it: `folkmoot run` in a process of its own, on files that `folkmoot init` would have written.

It ends with the test run, however that ends: it watches a pipe from us, and on Linux asks the kernel as well, since a process that is
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
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final, Self
from weakref import WeakSet

import aiohttp
import msgspec

from bridge.commands.founding import lay_out
from bridge.control import connect
from bridge.founding import Answers, found_secrets, settings_for
from bridge.homeserver import Homeserver, free_port
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


class FolkmootNode:
    """One node with its files below `folder`; ports and files stay the same over restarts. Bound to no event loop."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.folder = folder
        self.settings = settings
        self.log = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
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
    ) -> Self:
        """Writes settings, keys and registration. `peers` are the origins it may meet by plain http, `port` 0
        is a free one; `change` sees the settings last."""
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
        node = cls(folder, lay_out(folder / "folkmoot.toml", change(chosen), found_secrets(os.urandom)))
        if homeserver is not None:
            homeserver.registrations = (*homeserver.registrations, node.settings.registration)
        return node

    @property
    def origin(self) -> str:
        """As `http://127.0.0.1:40123`."""
        return self.settings.origin

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def handle(self, name: str) -> str:
        """As people on the fediverse write it: `@commons@127.0.0.1:40123`."""
        return f"@{name}@{self.settings.domain}"

    def operations(self) -> AbstractAsyncContextManager[Operations]:
        """What `folkmoot community`, `holds` and the rest use."""
        return connect(self.settings.control)

    async def command(self, *arguments: str) -> str:
        """What `folkmoot ARGUMENTS` prints, in another process. Raises NodeFailed when it exits with anything but 0."""
        process = await asyncio.create_subprocess_exec(
            *self._command("-m", "bridge", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
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
        assert self.pid is None, "it runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("-c", _LAUNCH, "run"), stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )

    def _command(self, flag: str, program: str, *arguments: str) -> list[str]:
        return [sys.executable, flag, program, "--settings", str(self.folder / "folkmoot.toml"), *arguments]

    async def until_ready(self) -> None:
        """Waits until it says that everything is well. Raises NodeFailed."""
        await self._until("ready")

    async def until_live(self) -> None:
        """Waits until its door is open, whatever else it may be waiting for. Raises NodeFailed."""
        await self._until("live")

    async def _until(self, state: str) -> None:
        answer = "nothing"
        started = time.monotonic()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
            while time.monotonic() - started < READY_WITHIN:
                if self.pid is None:
                    raise NodeFailed(f"the node ended while starting\n{self.tail()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.origin}/health/{state}") as response:
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

    def pause(self) -> None:
        """Stops it in mid-air (SIGSTOP): whoever asks it something waits for the answer. Until `resume`, or `kill`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self.pid is None:
            raise NodeFailed(f"the node has ended by itself\n{self.tail()}")
        self._process.send_signal(number)

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
        """The last lines of its log."""
        if not self.log.exists():
            return "(no log yet)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
