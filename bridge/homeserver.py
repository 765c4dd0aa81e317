"""Starts, stops and kills a real Synapse on loopback, for the demonstration and the live tests; the product never needs it.

Configuration and start-up follow https://element-hq.github.io/synapse/latest/usage/configuration/config_documentation.html,
account creation https://element-hq.github.io/synapse/latest/admin_api/register_api.html.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import aiohttp
import msgspec

from bridge.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

__all__ = ["SYNAPSE_PYTHON", "Account", "Homeserver", "HomeserverFailed", "free_port"]

SYNAPSE_PYTHON: Final = Path(__file__).resolve().parents[1] / ".synapse" / "bin" / "python"
"""Where `deploy/install.py synapse` puts it: an environment of its own, since Synapse pins much and is never imported."""

READY_WITHIN: Final = 60.0
"""Seconds; a boot takes 2 to 4, and 19 were seen on a machine with much else to do."""

# `python -m synapse.app.homeserver`, and an end of its own when the pipe from us closes: a killed test run or demonstration
# must not leave a homeserver behind.
_LAUNCH: Final = """
import os, runpy, sys, threading
def watch():
    os.read(0, 1)
    os._exit(9)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = "synapse.app.homeserver"
runpy.run_module("synapse.app.homeserver", run_name="__main__", alter_sys=True)
"""

_UNLIMITED: Final = {"per_second": 1_000_000, "burst_count": 1_000_000}


class HomeserverFailed(OperatorError):
    """The homeserver did not start, ended by itself, or refused what it was asked; `remedy` ends with its last log lines."""

    code = "homeserver_failed"

    def __str__(self) -> str:
        return f"{self.private}\n{self.remedy}" if self.remedy else self.private


class Account(msgspec.Struct, frozen=True):
    """A person's account, as the homeserver answered when it was made."""

    user_id: str
    access_token: str
    device_id: str


class _Nonce(msgspec.Struct):
    nonce: str


def free_port() -> int:
    """Returns a loopback port nobody listens on now.

    It lies below those that Linux and macOS give to connections that go out: one of these would sooner or later be in use when it is needed.
    """
    for _ in range(1_000):
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise HomeserverFailed("no free port was found between 10000 and 32000", remedy="Look what listens on all of them.")


class Homeserver:
    """One Synapse with its files below `folder`; the port stays the same over restarts.

    `database` is "file" (SQLite that survives `kill` and `restart`) or "memory" (faster, empty after each start).
    `registrations` are application service files; Synapse reads them at each start, so `registrations` may be set anew
    between `stop` and `start`. `limits=False` raises every rate limit out of the way.
    Bound to no event loop: start it in one, use and stop it in another.
    """

    def __init__(
        self,
        folder: Path,
        *,
        registrations: Sequence[Path] = (),
        name: str = "hs.test",
        database: str = "file",
        port: int | None = None,
        limits: bool = False,
        python: Path = SYNAPSE_PYTHON,
    ) -> None:
        self.folder = folder
        self.registrations = tuple(registrations)
        self.name = name
        self.database = database
        self.port = free_port() if port is None else port
        self.limits = limits
        self.python = python
        self.log = folder / "synapse.log"
        self._secrets = {key: secrets.token_urlsafe(24) for key in ("registration", "macaroon", "form")}
        self._signing_key = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The client API's base, as `http://127.0.0.1:8008`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Says whether the process is there now."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()

    async def start(self) -> float:
        """Starts and waits until the client API answers; returns the seconds it took. Raises `HomeserverFailed`."""
        if self.running:
            return 0.0
        if not self.python.exists():
            raise HomeserverFailed(
                f"Synapse is not installed: there is no {self.python}",
                remedy="Run deploy/install.py synapse; ./deploy/demo and ./tests/run do it by themselves.",
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._launch(self._write_configuration())
        started = time.monotonic()
        try:
            await self._wait_until_ready(started)
        except BaseException:
            self.kill()
            raise
        return time.monotonic() - started

    async def stop(self) -> None:
        """Asks it to end (SIGTERM) and waits; kills it after ten seconds. Does nothing when it does not run."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.to_thread(process.wait, 10)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """Ends it at once (SIGKILL), as a power cut would; returns when it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    async def restart(self) -> float:
        """Stops and starts again on the same port and files; returns the seconds until it answered."""
        await self.stop()
        return await self.start()

    async def register(self, name: str, password: str = "", *, admin: bool = False) -> Account:
        """Makes an account by the shared secret; without a password the name is the password. Names may not begin with `_`."""
        secret = self._secrets["registration"]
        address = f"{self.url}/_synapse/admin/v1/register"
        password = password or name
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=READY_WITHIN)) as session:
            async with session.get(address) as answer:
                nonce = msgspec.json.decode(await answer.read(), type=_Nonce).nonce
            signed = "\0".join((nonce, name, password, "admin" if admin else "notadmin")).encode()
            request = {
                "nonce": nonce,
                "username": name,
                "password": password,
                "admin": admin,
                # SHA-1 is what the interface asks for.
                "mac": hmac.new(secret.encode(), signed, hashlib.sha1).hexdigest(),
            }
            async with session.post(address, json=request) as answer:
                body = await answer.read()
                if answer.status != 200:
                    raise HomeserverFailed(f"Synapse would not make the account {name!r}: {answer.status} {body!r}")
        return msgspec.json.decode(body, type=Account)

    def tail(self, lines: int = 40) -> str:
        """Returns the last lines of its log, for people."""
        if not self.log.exists():
            return "(no log yet)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _launch(self, configuration: Path) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own interpreter, our own arguments)
                [str(self.python), "-I", "-c", _LAUNCH, "-c", str(configuration)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
            )

    async def _wait_until_ready(self, started: float) -> None:
        limit = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(timeout=limit) as session:
            while True:
                if not self.running:
                    raise HomeserverFailed("Synapse ended while starting", remedy=f"Its log ends:\n{self.tail()}")
                with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"{self.url}/_matrix/client/versions") as answer:
                        if answer.status == 200:
                            return
                if time.monotonic() - started > READY_WITHIN:
                    raise HomeserverFailed(f"Synapse did not answer within {READY_WITHIN:.0f} s", remedy=f"Its log ends:\n{self.tail()}")
                await asyncio.sleep(0.05)

    def _write_configuration(self) -> Path:
        """Writes the configuration and returns its path. JSON, since every JSON text is YAML."""
        logging = {
            "version": 1,
            "formatters": {"line": {"format": "%(asctime)s %(name)s %(levelname)s %(request)s %(message)s"}},
            "handlers": {"file": {"class": "logging.FileHandler", "formatter": "line", "filename": str(self.log)}},
            # Every line costs CPU, and INFO writes several per request.
            "root": {"level": "WARNING", "handlers": ["file"]},
            "disable_existing_loggers": False,
        }
        log_configuration = self.folder / "log.yaml"
        log_configuration.write_bytes(msgspec.json.encode(logging))
        configuration: dict[str, object] = {
            "server_name": self.name,
            "public_baseurl": f"{self.url}/",
            "report_stats": False,
            "pid_file": str(self.folder / "synapse.pid"),
            "log_config": str(log_configuration),
            "listeners": [
                {
                    "type": "http",
                    "tls": False,
                    "port": self.port,
                    "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client"]}],
                }
            ],
            "database": {
                "name": "sqlite3",
                "args": {"database": ":memory:" if self.database == "memory" else str(self.folder / "homeserver.db")},
            },
            # A key given here saves the second and a half that generating a file of it costs at each start.
            "signing_key": f"ed25519 a_test {self._signing_key}",
            "registration_shared_secret": self._secrets["registration"],
            "macaroon_secret_key": self._secrets["macaroon"],
            "form_secret": self._secrets["form"],
            "media_store_path": str(self.folder / "media"),
            "max_upload_size": "50M",
            "trusted_key_servers": [],
            "suppress_key_server_warning": True,
            "enable_registration": False,
            "bcrypt_rounds": 4,
            "url_preview_enabled": False,
            "presence": {"enabled": False},
            "send_federation": False,
            "federation_domain_whitelist": [],
            # The default denies, and then a public room is in no list.
            "room_list_publication_rules": [{"action": "allow"}],
            "app_service_config_files": [str(path) for path in self.registrations],
        }
        if not self.limits:
            configuration |= _raised_limits()
        path = self.folder / "homeserver.yaml"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(configuration)))
        return path


def _raised_limits() -> dict[str, object]:
    single = (
        "rc_message",
        "rc_registration",
        "rc_admin_redaction",
        "rc_room_creation",
        "rc_joins_per_room",
        "rc_third_party_invite",
        "rc_media_create",
        "rc_reports",
        "rc_delayed_event_mgmt",
        "rc_key_requests",
        "rc_user_directory",
    )
    several = {
        "rc_login": ("address", "account", "failed_attempts"),
        "rc_joins": ("local", "remote"),
        "rc_invites": ("per_room", "per_user", "per_issuer"),
        "rc_presence": ("per_user",),
    }
    return dict.fromkeys(single, _UNLIMITED) | {key: dict.fromkeys(parts, _UNLIMITED) for key, parts in several.items()}
