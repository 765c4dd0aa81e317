"""`folkmoot media`: which files of members this node serves, and taking one down."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import fit, moment, safe

__all__ = ["media"]


@click.group()
def media() -> None:
    """See which pictures, films and recordings are served, and take one down."""


@media.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@as_json
@click.pass_context
def list_(context: click.Context, limit: int, json: bool) -> None:
    """List files that other servers can fetch from here, and those that were taken down.

    \b
    Examples:
      folkmoot media list
      folkmoot media list --limit 500 --json
    """
    found = ask(context, lambda node: node.media(limit=limit))
    if json:
        print_json(found)
    elif not found:
        click.echo("No files are served.")
    else:
        for line in found:
            shape = f", {line.width}×{line.height}" if line.width and line.height else ""
            click.echo(f"{line.id}  {moment(line.at)} UTC")
            click.echo(f"    {line.media_type}, {line.size:,} bytes{shape}")
            if line.removed_at is not None:
                click.echo(fit(f"    taken down {moment(line.removed_at)} UTC{f': {line.why}' if line.why else ''}"))
            else:
                click.echo(f"    {safe(line.address)}")
        click.echo("\nTake one down: folkmoot media remove ID --reason TEXT")


@media.command()
@click.argument("file")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the record; nobody else is told.")
@click.pass_context
def remove(context: click.Context, file: str, reason: str) -> None:
    """Take a file down, by its id or its address, wherever the same bytes are served. It is never kept again.

    \b
    Example:
      folkmoot media remove k7t2mq5x3wz4n6a2b7c5d3e4fi \\
        --reason "The person in it asked."
    """
    line = ask(context, lambda node: node.media_remove(id=file, reason=reason))
    click.echo(f"Taken down: {line.id} ({line.media_type}, {line.size:,} bytes). Servers that fetched it may still have their copy.")
