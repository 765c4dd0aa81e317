"""`folkmoot deliveries`: what is on its way, and what will never arrive."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import moment, safe, table

__all__ = ["deliveries"]


@click.group()
def deliveries() -> None:
    """See what has not arrived, and send it again."""


@deliveries.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many of each.")
@as_json
@click.pass_context
def list_(context: click.Context, limit: int, json: bool) -> None:
    """List destinations with something still to send, and dead letters.

    \b
    Examples:
      folkmoot deliveries list
      folkmoot deliveries list --json
    """
    found = ask(context, lambda node: node.deliveries(limit=limit))
    if json:
        print_json(found)
        return
    if found.lanes:
        rows = [
            (lane.destination.address, "urgent" if lane.urgent else "", str(lane.fails), moment(lane.next_at) or "now", lane.last_error)
            for lane in found.lanes
        ]
        click.echo(table(("WAITING FOR", "LANE", "FAILS", "NEXT TRY (UTC)", "LAST ANSWER"), rows))
    if found.dead:
        rows = [(str(letter.id), letter.destination.address, letter.form, str(letter.attempts), letter.why) for letter in found.dead]
        click.echo(("\n" if found.lanes else "") + table(("DEAD", "DESTINATION", "FORM", "TRIES", "WHY"), rows))
        click.echo("\nSend one again: folkmoot deliveries retry NUMBER")
    if not (found.lanes or found.dead):
        click.echo("Everything has arrived.")


@deliveries.command()
@click.argument("number", type=click.IntRange(min=0))
@click.pass_context
def retry(context: click.Context, number: int) -> None:
    """Send one dead letter again, to its destination alone.

    NUMBER is in the first column of `folkmoot deliveries list`.

    \b
    Example:
      folkmoot deliveries retry 17
    """
    letter = ask(context, lambda node: node.retry(id=number))
    click.echo(f"Sending the {letter.form} of event {letter.event_id} to {safe(letter.destination.address)} again.")
