"""`folkmoot events`: what happened, and the whole life of one event."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.life import life
from bridge.commands.table import moment, table

__all__ = ["events"]


@click.group()
def events() -> None:
    """See what came in and what became of it."""


@events.command("list")
@click.option("--community", default="", metavar="HANDLE", help="Only this community.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@as_json
@click.pass_context
def list_(context: click.Context, community: str, limit: int, json: bool) -> None:
    """List the newest events and how each ended.

    \b
    Examples:
      folkmoot events list
      folkmoot events list --community commons --limit 100 --json
    """
    found = ask(context, lambda node: node.events(limit=limit, community=community))
    if json:
        print_json(found)
    elif not found:
        click.echo("Nothing has happened yet.")
    else:
        rows = [(record.event_id, moment(record.received_at), record.kind, record.ended) for record in found]
        click.echo(table(("EVENT", "RECEIVED (UTC)", "KIND", "ENDED"), rows))


@events.command()
@click.argument("event")
@as_json
@click.pass_context
def show(context: click.Context, event: str, json: bool) -> None:
    """Tell the life of one event: received, judged and why, held, delivered.

    \b
    Example:
      folkmoot events show k7t2mq5x3wz4n6a2b7c5d3e4fi
    """
    record = ask(context, lambda node: node.event(id=event))
    if json:
        print_json(record)
    else:
        click.echo("\n".join(life(record)))
