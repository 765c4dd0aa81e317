"""A real PostgreSQL of our own for one run of tests: started when a test first asks for it, gone with the run, however that ends."""

from __future__ import annotations

import atexit
import ctypes
import functools
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

__all__ = ["Cluster", "cluster", "is_installed"]

ANSWERS = 30.0
"""Seconds a server may take to start."""

_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "log_min_messages": "warning",
    "max_wal_size": "512MB",
}


class Cluster:
    """One server on a unix socket in a folder of its own. `binaries` holds initdb, postgres and psql.

    PostgreSQL refuses to run as root: there `nobody` owns it.
    """

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="pg"))
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._account = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        if self._account is not None:
            os.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        self._run("initdb", "-D", str(self.data), "-U", "folkmoot", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as file:
            settings = {**_SETTINGS, "unix_socket_directories": str(self.folder)}
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Returns when it answers."""
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.data)],
                stdout=log,
                stderr=log,
                preexec_fn=_ends_with_us if sys.platform == "linux" else None,  # noqa: PLW1509  nothing but one system call
                **self._identity,
            )
        deadline = time.monotonic() + ANSWERS
        while subprocess.run([str(self.binaries / "pg_isready"), "-q", "-h", str(self.folder)], check=False).returncode != 0:
            if self._server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT cuts every session off and writes everything down, SIGQUIT only cuts off, as a crash does."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(ANSWERS)
            self._server = None

    def remove(self) -> None:
        self.stop(how=signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://folkmoot@/{database}?host={self.folder}"

    def create(self, template: str = "template0") -> str:
        """A new database; its name."""
        name = f"moot{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def sql(self, *statements: str, database: str = "postgres") -> str:
        """Each in a transaction of its own; what the last one answered, a line a row, columns parted by `|`."""
        asked = [argument for statement in statements for argument in ("-c", statement)]
        command = [
            str(self.binaries / "psql"),
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            str(self.folder),
            "-U",
            "folkmoot",
            "-d",
            database,
            *asked,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run([str(self.binaries / program), *arguments], check=False, capture_output=True, text=True, **self._identity)
        assert done.returncode == 0, done.stderr

    @property
    def _identity(self) -> dict[str, object]:
        if self._account is None:
            return {"cwd": self.folder}
        return {"cwd": self.folder, "user": self._account.pw_uid, "group": self._account.pw_gid, "extra_groups": []}


@functools.cache
def _started() -> Cluster | str:
    binaries = _binaries()
    if binaries is None:
        return "PostgreSQL is not installed here (no initdb on the PATH nor in /usr/lib/postgresql)"
    made = Cluster(binaries)
    atexit.register(made.remove)
    made.start()
    return made


def cluster() -> Cluster:
    """The one of this run. Skips the test, with the reason, on a machine without PostgreSQL."""
    found = _started()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def is_installed() -> bool:
    """Is there a PostgreSQL server to start on this machine?"""
    return _binaries() is not None


def _binaries() -> Path | None:
    places: Sequence[Path] = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        places = [*places, Path(on_path).resolve().parent]
    return next((place for place in places if all((place / name).exists() for name in ("initdb", "postgres", "pg_isready", "psql"))), None)


def _ends_with_us() -> None:
    """The kernel stops the server when this process dies, even by kill -9 (prctl PR_SET_PDEATHSIG)."""
    prctl: Callable[[int, int], int] = ctypes.CDLL(None).prctl
    prctl(1, signal.SIGQUIT)
