"""The fediverse pasture, run as it is from an environment of its own: six actors that try a server, and examples of what servers send."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from bridge.homeserver import free_port

__all__ = ["ACTORS", "PASTURE_PYTHON", "Pasture", "examples"]

PASTURE_PYTHON: Final = Path(__file__).resolve().parents[2] / ".pasture" / "bin" / "python"
"""Where `deploy/install.py pasture` puts it."""

ACTORS: Final = ("alice", "bob", "claire", "dean", "emily", "frank")
READY_WITHIN: Final = 60.0

# Its own command listens on every address of the machine. It keeps the keys of its actors where it is started, and ends with the pipe.
_LAUNCH: Final = """
import os, sys, threading
def watch():
    os.read(0, 1)
    os._exit(9)
threading.Thread(target=watch, daemon=True).start()
from fediverse_pasture.verify_actor import build_app
port = int(sys.argv[1])
build_app(False, f"127.0.0.1:{port}", False, 20).run(host="127.0.0.1", port=port, use_reloader=False)
"""

_EXAMPLES: Final = """
import json, sys
from fediverse_pasture_inputs import available
json.dump({name: list(data.examples) for name, data in sorted(available.items())}, sys.stdout)
"""


def examples() -> dict[str, list[dict[str, Any]]]:
    """By family: the members that each example puts over a plain public Note."""
    made = subprocess.run([str(PASTURE_PYTHON), "-c", _EXAMPLES], check=True, capture_output=True, text=True)
    found: dict[str, list[dict[str, Any]]] = json.loads(made.stdout)
    return found


class Pasture:
    """`async with Pasture(folder) as pasture`; `origin` is where its actors live."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "pasture.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(PASTURE_PYTHON), "-c", _LAUNCH, str(self.port)], cwd=self._folder, stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        started = time.monotonic()
        async with aiohttp.ClientSession() as session:
            while time.monotonic() - started < READY_WITHIN:
                try:
                    async with session.get(f"{self.origin}/alice") as answer:
                        if answer.status == 200:
                            return self
                except aiohttp.ClientError:
                    pass
                assert self._process.poll() is None, self.tail()
                await asyncio.sleep(0.05)
        self._end()
        raise AssertionError(f"the pasture did not open\n{self.tail()}")

    async def __aexit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def tail(self) -> str:
        return "\n".join((self._folder / "pasture.log").read_text(errors="replace").splitlines()[-60:])

    async def verdict(self, actor: str) -> tuple[dict[str, Any], str]:
        """What its actors could do with a server's actor, and its words about that."""
        timeout = aiohttp.ClientTimeout(total=150)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{self.origin}/", params={"actor_uri": actor}, headers={"Accept": "application/json"}) as answer,
        ):
            assert answer.status == 200, self.tail()
            said = await answer.json()
        return dict(said["result"]), str(said["messages"])
