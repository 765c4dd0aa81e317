"""`folkmoot db copy` and a node on PostgreSQL, as an operator meets them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import bridge.app  # noqa: F401  loading it inside a running loop would block that
from bridge.cli import root
from bridge.keyfiles import write_private
from storage import open_store
from tests.postgres import Cluster, cluster

KEY = bytes(range(32))
LEAST = 'domain = "moot.example"\ndata_dir = "."\n'


@pytest.fixture
def target() -> Iterator[tuple[Cluster, str]]:
    name = cluster().create()
    yield cluster(), name
    cluster().drop(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node that was founded and never ran."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    write_private(tmp_path / "secrets" / "secret.key", KEY)
    (tmp_path / "folkmoot.toml").write_text(LEAST)
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(root, ["--settings", str(folder / "folkmoot.toml"), *words], prog_name="folkmoot")


def test_a_node_moves_with_two_lines_and_answers_from_there(folder: Path, target: tuple[Cluster, str]) -> None:
    url = target[0].url(target[1])
    run(folder, "community", "create", "commons", "The Commons")

    moved = run(folder, "db", "copy", "--to", url)
    (folder / "folkmoot.toml").write_text(f'{LEAST}[storage]\nurl = "{url}"\n')
    (folder / "folkmoot.sqlite").unlink()
    listed = run(folder, "community", "list")
    status = run(folder, "status")
    again = run(folder, "db", "copy", "--to", url)

    assert moved.exit_code == 0, moved.output
    assert "rows" in moved.output
    assert "`url` under [storage]" in moved.output
    assert "@commons@moot.example" in listed.output
    assert "1 communities" in status.output
    assert (again.exit_code, "on PostgreSQL already" in again.output) == (2, True)


def test_a_copy_that_cannot_be_is_one_line_and_changes_nothing(folder: Path, target: tuple[Cluster, str]) -> None:
    url = target[0].url(target[1])
    nothing = run(folder, "db", "copy", "--to", url)
    store = open_store(folder / "folkmoot.sqlite", KEY)
    busy = run(folder, "db", "copy", "--to", url)
    asyncio.run(store.close())
    secret = run(folder, "db", "copy", "--to", "postgresql://ana:hunter2@db/moot")
    nobody = run(folder, "db", "copy", "--to", f"postgresql://ana@/moot?host={folder}")

    for refused, says in (
        (nothing, "There is no database at"),
        (busy, "in use by another Folkmoot process"),
        (secret, "Expected an address without a password · --to"),
        (nobody, "whether the server runs"),
    ):
        assert refused.exit_code == 2
        assert says in refused.output.replace("Storage: t", "T")
        assert refused.output.count("\n") == 1
        assert "hunter2" not in refused.output


def test_a_server_that_would_lose_events_is_refused_with_what_to_set(folder: Path, target: tuple[Cluster, str]) -> None:
    (folder / "folkmoot.toml").write_text(f'{LEAST}[storage]\nurl = "{target[0].url(target[1])}&synchronous_commit=off"\n')

    refused = run(folder, "run")

    assert "synchronous_commit=off is refused" in refused.output
    assert "Set synchronous_commit=on" in refused.output
    assert refused.exit_code == 2


def test_a_node_on_a_file_is_one_process_and_says_so(folder: Path) -> None:
    refused = run(folder, "run", "--role", "courier")

    assert "one process and cannot run as courier alone" in refused.output
    assert "folkmoot db copy" in refused.output
    assert refused.exit_code == 2
