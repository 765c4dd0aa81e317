"""Promises a copy of everything a node cannot be without, in one folder that is whole or not there, and a node that goes on from it.

What is in it: settings, keys, registration, members' files, and the database as it was at one moment; on PostgreSQL without the database,
which `pg_dump` copies. `backup.json` names every file with its digest. Blocking: for the command line, not for a running node.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from bridge.errors import OperatorError
from bridge.settings import Settings
from storage.migrations import LATEST
from storage.snapshot import copy_database, require_sound, size_of

__all__ = ["Contents", "Progress", "make_backup", "read_contents", "restore_backup", "settings_in"]

FORMAT: Final = 1
CONTENTS: Final = "backup.json"
SETTINGS: Final = "folkmoot.toml"
DATABASE: Final = "folkmoot.sqlite"
REGISTRATION: Final = "registration.yaml"
SECRETS: Final = "secrets"
MEDIA: Final = "media"

_CHUNK: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Told how many bytes were done since the last time, and how many there are in all."""


class Piece(msgspec.Struct, frozen=True):
    """One file: its path in the folder, its bytes, their BLAKE2b-256 in hexadecimal."""

    path: str
    size: int
    digest: str


class Contents(msgspec.Struct, frozen=True):
    """What `backup.json` says. `has_database` is false for a node on PostgreSQL; `revision` is that of the tables."""

    format: int
    domain: str
    version: str
    made_at: datetime
    has_database: bool
    revision: str
    files: tuple[Piece, ...]

    @property
    def size(self) -> int:
        return sum(piece.size for piece in self.files)


# --------------------------------------------------------------------------------------------------------------- making one


def make_backup(
    target: Path, settings_file: Path, settings: Settings, secret_key: bytes, *, version: str, now: datetime, progress: Progress
) -> Contents:
    """`target` must not exist; it appears when everything is in it and on the disk. The node may run, and is not kept from its work.

    Raises OperatorError; then nothing is left behind.
    """
    draft = target.with_name(f".{target.name}.unfinished")
    if target.exists():
        raise OperatorError(f"{target} is there already", remedy="Nothing was changed. Choose another name, such as one with the date.")
    database = None if settings.storage.url else settings.store
    with _explained(target):
        if draft.exists():
            raise OperatorError(
                f"{draft} is there: a backup of that name is under way, or was cut off", remedy=f"If none is under way: rm -r {draft}"
            )
        plan = _plan(settings_file, settings)
        total = sum(path.stat().st_size for path in plan.values()) + (size_of(database) if database is not None else 0)
        if shutil.disk_usage(target.parent).free < total:
            raise OperatorError(f"{target.parent} has no room for {total:,} bytes", remedy="Nothing was written. Choose another disk.")
        draft.mkdir(mode=0o700)
        try:
            # The database first, so that every file it names was there before; what goes meanwhile was taken back meanwhile.
            pieces = [_copy_database(database, draft, lambda count: progress(count, total))] if database is not None else []
            if database is not None:
                require_sound(draft / DATABASE, secret_key)
            pieces += _copy_all(plan, draft, lambda count: progress(count, total))
            contents = Contents(FORMAT, settings.domain, version, now, database is not None, LATEST, tuple(pieces))
            _write(draft / CONTENTS, msgspec.json.format(msgspec.json.encode(contents), indent=2))
            for folder in (draft, *(path for path in draft.rglob("*") if path.is_dir())):
                _sync(folder)
            draft.rename(target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        _sync(target.parent)
    return contents


def _plan(settings_file: Path, settings: Settings) -> dict[str, Path]:
    """Where each file goes, and where it is now; the database apart."""
    plan = {SETTINGS: settings_file}
    if settings.registration.is_file():
        plan[REGISTRATION] = settings.registration
    plan |= {f"{SECRETS}/{path.name}": path for path in sorted(settings.secrets.iterdir()) if path.is_file() and path.name[0] != "."}
    plan |= {f"{MEDIA}/{path.parent.name}/{path.name}": path for path in sorted(settings.files.glob("??/*")) if path.name[0] != "."}
    return plan


def _copy_database(database: Path, draft: Path, progress: Callable[[int], None]) -> Piece:
    copy_database(database, draft / DATABASE, progress)
    return _piece(draft / DATABASE, DATABASE)


def _copy_all(plan: dict[str, Path], draft: Path, progress: Callable[[int], None]) -> list[Piece]:
    pieces = []
    for name, source in plan.items():
        _make_folder((draft / name).parent, [])
        try:
            pieces.append(_copy(source, draft / name, name, progress))
        except FileNotFoundError:
            # A member's file that was taken back since the plan was made; anything else must be there.
            if not name.startswith(f"{MEDIA}/"):
                raise
    return pieces


# ------------------------------------------------------------------------------------------------------------ restoring one


def read_contents(folder: Path) -> Contents:
    """Raises OperatorError when there is no backup, or one that this release does not know."""
    try:
        contents = msgspec.json.decode((folder / CONTENTS).read_bytes(), type=Contents)
    except FileNotFoundError:
        raise OperatorError(
            f"{folder} is no backup: it has no {CONTENTS}", remedy="Give the folder that `folkmoot backup` wrote."
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise OperatorError(f"{folder / CONTENTS} cannot be read: {error}", remedy="Use another backup; this one is damaged.") from error
    if contents.format != FORMAT or contents.revision > LATEST:
        raise OperatorError(f"{folder} was made by a newer release ({contents.version})", remedy="Install that release, then restore.")
    return contents


def settings_in(folder: Path) -> str:
    """The text of the settings file in a backup. Raises OperatorError."""
    with _explained(folder):
        return (folder / SETTINGS).read_text("utf-8")


def restore_backup(folder: Path, contents: Contents, settings_file: Path, settings: Settings, progress: Progress) -> None:
    """Lays everything out where the settings say. A settings file that is there already stays; anything else that is in the way is refused.

    Every byte is compared with its digest before the first file is written. Raises OperatorError; then nothing was left behind.
    """
    _require_fit(contents, settings)
    places = {piece.path: _place(piece.path, settings_file, settings) for piece in contents.files}
    if settings_file.exists():
        del places[SETTINGS]
    for place in places.values():
        if place.exists():
            raise OperatorError(
                f"{place} is there already", remedy="Nothing was changed. Stop the node and move its data_dir away, then restore again."
            )
    total = 2 * contents.size
    with _explained(settings.data):
        for piece in contents.files:
            if _piece(folder / piece.path, piece.path, lambda count: progress(count, total)) != piece:
                raise OperatorError(f"{folder / piece.path} is not what was backed up", remedy="Nothing was changed. Use another backup.")
        if contents.has_database:
            require_sound(folder / DATABASE, (folder / SECRETS / "secret.key").read_bytes())
        made: list[Path] = []
        try:
            # The database last: a node whose restoring was cut off finds none, and says so.
            for name in sorted(places, key=lambda name: name == DATABASE):
                _make_folder(places[name].parent, made)
                made.append(places[name])
                _copy(folder / name, places[name], name, lambda count: progress(count, total))
                _sync(places[name].parent)
        except BaseException:
            for path in reversed(made):
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)
            raise


def _require_fit(contents: Contents, settings: Settings) -> None:
    if contents.domain != settings.domain:
        raise OperatorError(
            f"the backup is of {contents.domain}, the settings are of {settings.domain}",
            remedy="A node keeps its domain for ever. Name another settings file, or none that exists.",
        )
    if contents.has_database and settings.storage.url:
        raise OperatorError(
            "the backup holds a SQLite file, but the settings name a PostgreSQL database",
            remedy="Take `url` out of [storage], restore, then move again with `folkmoot db copy`.",
        )
    if not contents.has_database and not settings.storage.url:
        raise OperatorError(
            "the backup is of a node on PostgreSQL, but the settings name none",
            remedy="Restore the dump with pg_restore, put its address as `url` under [storage], then restore the rest.",
        )


def _place(name: str, settings_file: Path, settings: Settings) -> Path:
    """Where a file of a backup belongs. Raises OperatorError for a path that no backup has."""
    parts = name.split("/")
    match parts:
        case ["folkmoot.toml"]:
            return settings_file
        case ["folkmoot.sqlite"]:
            return settings.store
        case ["registration.yaml"]:
            return settings.registration
        case ["secrets", leaf] if _is_leaf(leaf):
            return settings.secrets / leaf
        case ["media", folder, leaf] if _is_leaf(leaf) and len(folder) == 2 and folder.isalnum():
            return settings.files / folder / leaf
        case _:
            raise OperatorError(f"the backup holds a file that does not belong there: {name[:100]!r}", remedy="Nothing was changed.")


def _is_leaf(name: str) -> bool:
    return bool(name) and name[0] != "." and "\\" not in name and name.isprintable()


# ------------------------------------------------------------------------------------------------------------------- bytes


def _copy(source: Path, target: Path, name: str, progress: Callable[[int], None]) -> Piece:
    """A new file of mode 0600, durable."""
    digest, size = hashlib.blake2b(digest_size=32), 0
    with source.open("rb") as reading, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writing:
        while chunk := reading.read(_CHUNK):
            writing.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            progress(len(chunk))
        writing.flush()
        os.fsync(writing.fileno())
    return Piece(name, size, digest.hexdigest())


def _piece(path: Path, name: str, progress: Callable[[int], None] = lambda _: None) -> Piece:
    digest, size = hashlib.blake2b(digest_size=32), 0
    with path.open("rb") as reading:
        while chunk := reading.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            progress(len(chunk))
    return Piece(name, size, digest.hexdigest())


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _make_folder(path: Path, made: list[Path]) -> None:
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700)
        made.append(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)  # the names are as durable as the bytes
    finally:
        os.close(handle)


@contextmanager
def _explained(where: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        name = error.filename or where
        raise OperatorError(
            f"{name}: {error.strerror or error}",
            remedy="Run it as the account that runs the node, on a disk with room. Nothing was changed.",
        ) from error
