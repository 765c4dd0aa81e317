"""Promises that secrets live in files only their owner can read, are complete when the node starts, and never show in a repr.

Files in `data_dir/secrets`: `secret.key` (32 bytes: ids are derived with it, private keys sealed), `as_token` and `hs_token`, and for a
PostgreSQL that asks for one `database_password`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

import msgspec

from bridge.errors import OperatorError

__all__ = ["SECRET_BYTES", "Secrets", "read_secrets", "require_private", "write_private"]

SECRET_BYTES: Final = 32
TOKEN_CHARACTERS: Final = 32
"""A token shorter than this could be guessed (matrix.md 2.4)."""


class Secrets(msgspec.Struct, frozen=True):
    """`key` 32 bytes; the tokens are empty for a node without Matrix, the password where there is no file."""

    key: bytes
    as_token: str = ""
    hs_token: str = ""
    database_password: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"


def read_secrets(folder: Path, *, matrix: bool) -> Secrets:
    """What is in the folder. Raises OperatorError naming the file when one is missing, too short, or readable by others."""
    key = _read(folder / "secret.key")
    if len(key) != SECRET_BYTES:
        raise OperatorError(
            f"{folder / 'secret.key'} holds {len(key)} bytes, expected {SECRET_BYTES}",
            remedy="Restore it from your backup. With a new key nothing already stored can be read.",
        )
    password = _password(folder / "database_password")
    if not matrix:
        return Secrets(key, database_password=password)
    return Secrets(key, _token(folder / "as_token"), _token(folder / "hs_token"), password)


def require_private(path: Path, *, group: bool = False) -> None:
    """Raises OperatorError when anyone but the owner (`group`: and its group) may use the file; one that is not there passes."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return
    if mode & (0o007 if group else 0o077):
        who = "everyone on this machine" if mode & 0o007 else "its group"
        raise OperatorError(f"{path} is open to {who} (mode {mode:04o})", remedy=f"Run: chmod {'640' if group else '600'} {path}")


def write_private(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Writes a file that is never readable by others, not even for a moment. Raises OperatorError when it exists already."""
    if path.exists() and not overwrite:
        raise OperatorError(f"{path} is there already", remedy="Nothing was changed. Add --force to write it anew.")
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be written: {error.strerror}", remedy="The folder must belong to this account, on a disk with room."
        ) from error


def _read(path: Path) -> bytes:
    try:
        require_private(path)
        return path.read_bytes()
    except FileNotFoundError:
        raise OperatorError(f"{path} is missing", remedy="Restore it from your backup; on a new node, `folkmoot init` writes it.") from None
    except OSError as error:
        raise OperatorError(
            f"{path} cannot be read: {error.strerror}", remedy="It must belong to the account that runs folkmoot."
        ) from error


def _password(path: Path) -> str:
    """The first line, as ~/.pgpass and secrets of containers have it; empty when there is no file."""
    if not path.exists():
        return ""
    try:
        return _read(path).decode("utf-8").partition("\n")[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise OperatorError(f"{path} is not text", remedy="It must hold the password alone, in UTF-8.") from error


def _token(path: Path) -> str:
    text = _read(path).decode("ascii", "replace").strip()
    if len(text) < TOKEN_CHARACTERS or not text.isprintable() or "\ufffd" in text:
        raise OperatorError(
            f"{path} does not hold a token of {TOKEN_CHARACTERS} characters or more",
            remedy="Put the one from the registration file there, or run `folkmoot init --force` and give the homeserver the new registration.",
        )
    return text
