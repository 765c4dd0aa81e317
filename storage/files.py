"""Bytes by their digest in one folder: whole or not there, and the same bytes only once."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bridge.errors import Full, StoreDown
from bridge.ports import Stored

__all__ = ["FolderFiles"]

UNFINISHED: Final = 3_600.0
"""Seconds after which a file that was never finished belongs to a process that is gone."""

_NAME = re.compile(r"[0-9a-f]{64}")
_NEW = ".new-"
_REMEDY = "Look at the folder `media` in data_dir, and at the disk it is on."


class FolderFiles:
    """The `Files` port over a folder, made when the first file comes. Processes may share it. A digest is BLAKE2b-256 in hexadecimal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, body: bytes) -> str:
        return await asyncio.to_thread(self._put, body)

    async def find(self, digest: str) -> Path | None:
        path = self._path(digest)
        return path if await asyncio.to_thread(path.is_file) else None

    async def drop(self, digest: str, before: datetime) -> bool:
        return await asyncio.to_thread(self._drop, self._path(digest), before)

    async def listing(self) -> tuple[Stored, ...]:
        return await asyncio.to_thread(self._listing)

    def _path(self, digest: str) -> Path:
        if not _NAME.fullmatch(digest):
            raise ValueError(f"{digest[:80]!r} is no digest")
        return self._folder / digest[:2] / digest

    def _put(self, body: bytes) -> str:
        digest = hashlib.blake2b(body, digest_size=32).hexdigest()
        path = self._path(digest)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                os.utime(path)  # who wants it now is not taken for who once did
            except FileNotFoundError:
                _write(path, body)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise Full("The disk of this node is full; come back later.", private=str(error), remedy=_REMEDY) from error
            raise StoreDown("The store does not answer.", private=str(error), remedy=_REMEDY) from error
        return digest

    @staticmethod
    def _drop(path: Path, before: datetime) -> bool:
        try:
            if datetime.fromtimestamp(path.stat().st_mtime, UTC) > before:
                return False
            path.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StoreDown("The store does not answer.", private=str(error), remedy=_REMEDY) from error
        return True

    def _listing(self) -> tuple[Stored, ...]:
        found = []
        now = datetime.now(UTC)
        try:
            for path in self._folder.glob("??/*"):
                try:
                    known = path.stat()
                except FileNotFoundError:
                    continue
                at = datetime.fromtimestamp(known.st_mtime, UTC)
                if _NAME.fullmatch(path.name):
                    found.append(Stored(path.name, known.st_size, at))
                elif path.name.startswith(_NEW) and (now - at).total_seconds() > UNFINISHED:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreDown("The store does not answer.", private=str(error), remedy=_REMEDY) from error
        return tuple(sorted(found, key=lambda one: (one.touched_at, one.digest)))


def _write(path: Path, body: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_NEW)
    try:
        with os.fdopen(handle, "wb") as new:
            new.write(body)
            new.flush()
            os.fsync(new.fileno())
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name is as durable as the bytes
    finally:
        os.close(folder)
