"""Refuses, before anything is opened, every way of keeping a SQLite file that could lose what was acknowledged (engine.md section 6)."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from bridge.errors import Full, OperatorError

__all__ = ["Free", "Lock", "free_space", "refuse_network", "refuse_old", "refuse_unsafe", "require_room"]

Free = Callable[[], tuple[int, int] | None]
"""Free and total bytes of the disk the database is on; None where that cannot be known."""

_SAFE_SYNCHRONOUS = {"full": 2, "2": 2, "extra": 3, "3": 3}

_NETWORK = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs"}
    | {f"fuse.{name}" for name in ("ceph", "glusterfs", "juicefs", "rclone", "s3fs", "sshfs")}
)


def refuse_unsafe(options: Mapping[str, str]) -> str:
    """The synchronous level to use. Raises OperatorError naming the option that would lose acknowledged events."""
    journal = options.get("journal_mode", "wal")
    if journal.lower() != "wal":
        raise OperatorError(
            f"storage: journal_mode={journal} is refused: Folkmoot needs WAL, so that reading never waits for writing",
            remedy="Remove journal_mode from the database address.",
        )
    synchronous = options.get("synchronous", "full")
    if synchronous.lower() not in _SAFE_SYNCHRONOUS:
        raise OperatorError(
            f"storage: synchronous={synchronous} is refused: after a power cut, acknowledged events would be missing",
            remedy="Remove synchronous from the database address; FULL is the default and costs under a millisecond per commit.",
        )
    unknown = set(options) - {"journal_mode", "synchronous"}
    if unknown:
        raise OperatorError(f"storage: the database address has an unknown option {min(unknown)!r}", remedy="Remove it.")
    return synchronous.upper()


def refuse_old(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> None:
    """UPDATE … RETURNING came with SQLite 3.35."""
    if version < (3, 35):
        text = ".".join(str(part) for part in version)
        raise OperatorError(f"storage: SQLite {text} is too old, 3.35 is needed", remedy="Use a Python built with a newer SQLite.")


def refuse_network(path: Path, mounts: str | None = None) -> None:
    """Raises OperatorError when the folder is on a network file system; `mounts` is text in the form of /proc/self/mountinfo."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
        except OSError:
            return  # not Linux: nothing to ask
    folder = path.resolve().parent
    found = max(
        ((Path(where), kind) for where, kind in map(_mount, mounts.splitlines()) if folder.is_relative_to(where)),
        key=lambda pair: len(pair[0].parts),
        default=None,
    )
    if found is not None and found[1] in _NETWORK:
        raise OperatorError(
            f"storage: {folder} is on a network file system ({found[1]}); its locks and syncs cannot be trusted with a SQLite file",
            remedy="Put the database on a local disk ([storage] path).",
        )


def _mount(line: str) -> tuple[str, str]:
    left, _, right = line.partition(" - ")
    fields = left.split()
    where = fields[4] if len(fields) > 4 else "/nowhere"
    return where.replace("\\040", " "), right.split(" ", 1)[0]


class Lock:
    """Keeps a second process off the database for as long as this one lives; the kernel lets go when it dies, however it dies."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises OperatorError when another process has it."""
        file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = file.read().strip() or "unknown"
            file.close()
            raise OperatorError(
                f"storage: {self._path.with_suffix('')} is in use by another Folkmoot process (number {owner})",
                remedy="Stop that one first (`folkmoot stop`, or your service manager), or give this node its own [storage] path.",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def free_space(folder: Path) -> Callable[[], tuple[int, int]]:
    def ask() -> tuple[int, int]:
        usage = shutil.disk_usage(folder)
        return usage.free, usage.total

    return ask


def require_room(free: Free, min_free_percent: float) -> None:
    """Raises Full while less of the disk is free than the operator wants kept."""
    room = free()
    if room is not None and room[0] * 100 < room[1] * min_free_percent:
        left, total = room
        raise Full(
            "The disk of this node is almost full; come back later.",
            private=f"{left} of {total} bytes free, under {min_free_percent} %",
            remedy="Free some space; nothing that was accepted is lost, and senders will try again.",
        )
