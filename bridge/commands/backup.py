"""`folkmoot backup` and `restore`: a copy of everything, made while the node runs, and a node that goes on from it."""

from __future__ import annotations

import importlib.metadata
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge import settingsfile
from bridge.commands.asking import settings_of
from bridge.commands.progress import shown
from bridge.commands.table import moment
from bridge.keyfiles import read_secrets

__all__ = ["backup", "restore"]

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("path", type=_FOLDER)
@click.pass_context
def backup(context: click.Context, path: Path) -> None:
    """Copy settings, keys, members' files and the database into a new folder.

    The node may run meanwhile. The folder appears when it is complete, readable
    by you alone: whoever has it can speak as your communities. On PostgreSQL
    it says how to copy the database, and copies the rest.

    \b
    Example:
      folkmoot backup /var/backups/folkmoot-2026-11-25
    """
    settings = settings_of(context)
    secrets = read_secrets(settings.secrets, matrix=settings.matrix is not None)
    # SQLite and the hashing of everything: only the commands that need them pay for them.
    from bridge.backup import make_backup  # noqa: PLC0415

    file: Path = context.find_root().params["settings"]
    version = importlib.metadata.version("folkmoot")
    target = path.absolute()
    with shown("Copying") as progress:
        made = make_backup(target, file, settings, secrets.key, version=version, now=datetime.now(UTC), progress=progress)
    click.echo(f"Copied {len(made.files)} files, {made.size:,} bytes, to {path}")
    if settings.storage.url:
        click.echo("The database is not in it. Copy it too, now:")
        click.echo(f"  pg_dump --format=custom --file={path / 'database.dump'} '{settings.storage.url}'")
    click.echo("Restore it on a new machine: folkmoot restore PATH")


@click.command()
@click.argument("path", type=_FOLDER)
@click.pass_context
def restore(context: click.Context, path: Path) -> None:
    """Lay a backup out where the settings say, for a node that is not there.

    A settings file that exists already is kept; without one, that of the
    backup is used. Nothing is ever overwritten. Everything is compared with
    its digest first.

    \b
    Example:
      folkmoot restore /var/backups/folkmoot-2026-11-25
    """
    from bridge.backup import read_contents, restore_backup, settings_in  # noqa: PLC0415

    contents = read_contents(path)
    file: Path = context.find_root().params["settings"]
    settings = (
        settingsfile.read(file) if file.exists() else settingsfile.load(settings_in(path), folder=file.resolve().parent, name=str(file))
    )
    with shown("Restoring") as progress:
        restore_backup(path, contents, file, settings, progress)
    click.echo(
        f"Restored {len(contents.files)} files of {contents.domain}, as they were on {moment(contents.made_at.astimezone(UTC))} UTC."
    )
    if not contents.has_database:
        click.echo("The database is not among them: restore its dump with pg_restore before you start the node.")
    click.echo(
        "Start the node with `folkmoot run`. From Matrix it fetches by itself what happened since, deletions too.\n"
        "Other servers do not send again what the node had taken by then: follows, posts and\n"
        "deletions from the fediverse since that moment are missing here."
    )
