"""`folkmoot db`: the database itself."""

from __future__ import annotations

import asyncio

import click

from bridge.commands.asking import settings_of
from bridge.commands.progress import shown
from bridge.errors import OperatorError
from bridge.keyfiles import read_secrets
from bridge.settingsfile import verify_database

__all__ = ["db"]


@click.group()
def db() -> None:
    """Move the node's database."""


@db.command()
@click.option("--to", "url", required=True, metavar="URL", help="An empty PostgreSQL database, without a password in it.")
@click.pass_context
def copy(context: click.Context, url: str) -> None:
    """Copy the SQLite file of a stopped node to PostgreSQL.

    The file stays as it is. Everything is copied or nothing; the node then
    goes on exactly where it stood. A password is read from
    data_dir/secrets/database_password, or from ~/.pgpass.

    \b
    Example:
      folkmoot db copy --to postgresql://folkmoot@db.example.org/folkmoot
    """
    settings = settings_of(context)
    verify_database(url, key="--to")
    if settings.storage.url:
        raise OperatorError(
            "this node is on PostgreSQL already", remedy="Moving from there is PostgreSQL's own work: pg_dump and pg_restore."
        )
    secrets = read_secrets(settings.secrets, matrix=settings.matrix is not None)
    # Only the command that needs a database's driver pays for it.
    from storage.transfer import copy_store  # noqa: PLC0415

    with shown("Copying") as progress:
        rows = asyncio.run(copy_store(settings.store, secrets.key, url, password=secrets.database_password, progress=progress))
    click.echo(f"Copied {rows} rows. {settings.store} is as it was.")
    click.echo("Next: in the settings, put this address as `url` under [storage], take out `path` if it is there, and start the node.")
