"""Secrets are readable by their owner alone, complete when the node starts, and never shown."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bridge.errors import OperatorError
from bridge.keyfiles import Secrets, read_secrets, require_private, write_private

KEY = bytes(range(32))
TOKEN = "t" * 43


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_private(tmp_path / "secret.key", KEY)
    write_private(tmp_path / "as_token", TOKEN.encode() + b"\n")
    write_private(tmp_path / "hs_token", TOKEN.upper().encode())
    return tmp_path


def test_what_was_written_is_read_back(folder: Path) -> None:
    assert read_secrets(folder, matrix=True) == Secrets(KEY, TOKEN, TOKEN.upper())


def test_a_node_without_matrix_needs_no_tokens(tmp_path: Path) -> None:
    write_private(tmp_path / "secret.key", KEY)

    assert read_secrets(tmp_path, matrix=False) == Secrets(KEY)


@pytest.mark.parametrize("text", ["päss: word", "päss: word\n", "päss: word\r\nand a note\n"])
def test_a_databases_password_is_the_first_line_of_its_file(folder: Path, text: str) -> None:
    write_private(folder / "database_password", text.encode())

    assert read_secrets(folder, matrix=True).database_password == "päss: word"
    assert "word" not in repr(read_secrets(folder, matrix=True))


def test_a_databases_password_open_to_others_is_refused(folder: Path) -> None:
    write_private(folder / "database_password", b"word")
    (folder / "database_password").chmod(0o644)

    with pytest.raises(OperatorError, match="database_password is open to everyone"):
        read_secrets(folder, matrix=True)


def test_files_are_written_for_their_owner_alone(folder: Path) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}

    assert modes == {0o600}
    assert {path.name for path in folder.iterdir()} == {"secret.key", "as_token", "hs_token"}


@pytest.mark.parametrize(("mode", "who"), [(0o640, "its group"), (0o604, "everyone"), (0o622, "everyone")])
def test_a_secret_open_to_others_is_refused_with_the_command_that_helps(folder: Path, mode: int, who: str) -> None:
    (folder / "hs_token").chmod(mode)

    with pytest.raises(OperatorError, match=who) as caught:
        read_secrets(folder, matrix=True)

    assert f"chmod 600 {folder / 'hs_token'}" in (caught.value.remedy or "")


def test_a_registration_may_be_read_by_the_homeservers_group_but_not_by_everyone(tmp_path: Path) -> None:
    file = tmp_path / "registration.yaml"
    write_private(file, b"id: folkmoot\n")
    file.chmod(0o640)
    require_private(file, group=True)
    file.chmod(0o644)

    with pytest.raises(OperatorError, match="everyone") as caught:
        require_private(file, group=True)

    assert "chmod 640" in (caught.value.remedy or "")


@pytest.mark.parametrize("name", ["secret.key", "as_token", "hs_token"])
def test_a_missing_secret_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(OperatorError, match="missing") as caught:
        read_secrets(folder, matrix=True)

    assert name in caught.value.public


def test_a_key_of_another_length_is_refused(folder: Path) -> None:
    write_private(folder / "secret.key", KEY[:16], overwrite=True)

    with pytest.raises(OperatorError, match="16 bytes, expected 32"):
        read_secrets(folder, matrix=True)


@pytest.mark.parametrize("token", [b"", b"short", "ü".encode() * 40, b"\x00" * 40])
def test_a_token_that_is_none_is_refused(folder: Path, token: bytes) -> None:
    write_private(folder / "as_token", token, overwrite=True)

    with pytest.raises(OperatorError, match="as_token does not hold a token"):
        read_secrets(folder, matrix=True)


def test_nothing_is_overwritten_unasked(folder: Path) -> None:
    with pytest.raises(OperatorError, match="there already"):
        write_private(folder / "secret.key", b"other")

    assert (folder / "secret.key").read_bytes() == KEY


def test_secrets_do_not_show_in_a_traceback() -> None:
    shown = f"{Secrets(KEY, TOKEN, TOKEN)!r} {Secrets(KEY, TOKEN, TOKEN)}"

    assert TOKEN not in shown
    assert "\\x01" not in shown
