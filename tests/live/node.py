"""A Folkmoot node as operators run it: a process of its own over files as `folkmoot init` lays them out, to be asked, killed and started again.

It ends with the test run, however that ends: it watches a pipe from us, and on Linux asks the kernel as well, since a process that is
paused can watch nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import aiohttp
import msgspec

from bridge.commands.founding import lay_out
from bridge.control import connect
from bridge.founding import Answers, found_secrets, settings_for
from bridge.homeserver import Homeserver, free_port
from bridge.operations import Operations
from bridge.settings import ActivityPub, Development, Grace, Log

__all__ = ["NodeFailed", "NodeProcess"]

READY_WITHIN: Final = 60.0
"""Seconds; a start takes 1 to 2, and everything takes longer on a machine with much else to do."""

ENDS_WITHIN: Final = 25.0
"""Seconds: a node drains for ten."""

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


class NodeFailed(AssertionError):
    """The node did not start, ended by itself or not as it should; the text ends with its last log lines."""


class NodeProcess:
    """`async with NodeProcess(homeserver) as node:`, then `await node.start()`. Its ports and files stay the same over restarts.

    `homeserver` is given our registration, and so has to be started after this was made. `origins`: servers on loopback that it may reach
    by plain http. `grace` in seconds, `first_retry` and `longest_retry` of deliveries to the fediverse. An exception that passes the end
    of the block carries the end of the log with it.
    """

    def __init__(
        self,
        homeserver: Homeserver | None = None,
        *,
        origins: Sequence[str] = (),
        grace: int = 0,
        first_retry: float = 0.2,
        longest_retry: float = 2.0,
        loopback: bool = False,
    ) -> None:
        # In a folder with a short name: a unix socket's path has a hundred bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="moot-"))
        self.file = self.folder / "folkmoot.toml"
        self.log = self.folder / "log"
        port = free_port()
        self.domain = f"127.0.0.1:{port}"
        self.origin = f"http://{self.domain}"
        answers = Answers(
            domain=self.domain,
            homeserver=homeserver.url if homeserver is not None else "",
            server_name=homeserver.name if homeserver is not None else "",
            data_dir="data",
            listen=self.domain,
            door=f"127.0.0.1:{free_port()}",
        )
        development = Development(enabled=True, networks=("127.0.0.0/8",), origins=(self.origin, *origins), loopback=loopback)
        settings = msgspec.structs.replace(
            settings_for(answers, development),
            grace=Grace(default=grace),
            activitypub=ActivityPub(first_retry=first_retry, longest_retry=longest_retry),
            log=Log(format="text"),
        )
        self.settings = lay_out(self.file, settings, found_secrets(secrets.token_bytes))
        if homeserver is not None:
            homeserver.registrations = (*homeserver.registrations, self.settings.registration)
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            error.add_note(f"The log of the node ends:\n{self.tail()}")
        self.kill()
        await asyncio.to_thread(shutil.rmtree, self.folder)

    # ------------------------------------------------------------------------------------------------------ life

    @property
    def running(self) -> bool:
        """Says whether the process is there now."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> float:
        """Launches it and waits until it is ready; returns the seconds it took. Raises NodeFailed."""
        started = time.monotonic()
        self.launch()
        await self.ready()
        return time.monotonic() - started

    def launch(self) -> None:
        """Starts the process and returns at once."""
        if self.running:
            raise NodeFailed("the node runs already")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("-c", _LAUNCH, "run"), stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    async def ready(self, seconds: float = READY_WITHIN) -> None:
        """Returns when /health/ready says so. Raises NodeFailed."""
        said = "nothing"
        deadline = time.monotonic() + seconds
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while time.monotonic() < deadline:
                if not self.running:
                    raise NodeFailed(f"the node ended while starting\n{self.tail()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.origin}/health/ready") as answer:
                        if answer.status == 200:
                            return
                        said = await answer.text()
                await asyncio.sleep(0.05)
        raise NodeFailed(f"the node was not ready within {seconds:.0f} s; it said {said}\n{self.tail()}")

    def kill(self) -> None:
        """Ends it at once (SIGKILL), as a power cut would; returns when it is gone. Does nothing when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    def pause(self) -> None:
        """Stops it in mid-air (SIGSTOP): what it is asked waits for an answer. Until `resume`, or `kill`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    async def terminate(self) -> float:
        """Asks it to drain and end (SIGTERM); returns the seconds it took. Raises NodeFailed when it does not end well."""
        started = time.monotonic()
        self._signal(signal.SIGTERM)
        assert self._process is not None
        try:
            status = await asyncio.to_thread(self._process.wait, ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise NodeFailed(f"the node had not ended {ENDS_WITHIN:.0f} s after SIGTERM\n{self.tail()}") from None
        self.kill()
        if status != 0:
            raise NodeFailed(f"the node ended with status {status} after SIGTERM\n{self.tail()}")
        return time.monotonic() - started

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.running:
            raise NodeFailed(f"the node has ended by itself\n{self.tail()}")
        self._process.send_signal(number)

    # ------------------------------------------------------------------------------------------------------ asking it

    @contextlib.asynccontextmanager
    async def operations(self) -> AsyncIterator[Operations]:
        """What its operator can ask, through its control socket."""
        async with connect(self.settings.control) as operations:
            yield operations

    async def command(self, *arguments: str) -> str:
        """What `folkmoot ARGUMENTS` prints in another process. Raises NodeFailed when it exits with anything but 0."""
        process = await asyncio.create_subprocess_exec(
            *self._command("-m", "bridge", *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, complained = await asyncio.wait_for(process.communicate(), READY_WITHIN)
        if process.returncode != 0:
            raise NodeFailed(f"folkmoot {' '.join(arguments)} exited with {process.returncode}\n{complained.decode()}\n{self.tail()}")
        return said.decode()

    def _command(self, flag: str, program: str, *arguments: str) -> list[str]:
        return [sys.executable, flag, program, "--settings", str(self.file), *arguments]

    def tail(self, lines: int = 40) -> str:
        """Returns the last lines of its log, over all its lives."""
        if not self.log.exists():
            return "(no log yet)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
