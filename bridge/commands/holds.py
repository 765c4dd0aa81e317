"""`folkmoot holds`: what waits for a person, and what the person decides."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import fit, moment, safe
from bridge.model.content.release import Ending

__all__ = ["holds"]

_ENDINGS = {Ending.RELEASE: "crosses", Ending.RETURN: "returned", Ending.LOCAL: "stays"}


@click.group()
def holds() -> None:
    """See what waits, let it in, or give it back."""


@holds.command("list")
@click.option("--community", default="", metavar="HANDLE", help="Only this community.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, longest waiting first.")
@as_json
@click.pass_context
def list_(context: click.Context, community: str, limit: int, json: bool) -> None:
    """List held events: whose, why, and until when. Never their words.

    \b
    Examples:
      folkmoot holds list
      folkmoot holds list --community commons --json
    """
    found = ask(context, lambda node: node.holds(limit=limit, community=community))
    if json:
        print_json(found)
    elif not found:
        click.echo("Nothing waits.")
    else:
        for hold in found:
            click.echo(f"{hold.event_id}  {hold.kind}; {_ENDINGS[hold.on_expiry]} {moment(hold.due_at)} UTC")
            click.echo(fit(f"    {hold.handle}: {hold.reason}"))
        click.echo("\nDecide: folkmoot holds release EVENT\n     or folkmoot holds return EVENT --reason TEXT")


@holds.command()
@click.argument("event")
@click.pass_context
def release(context: click.Context, event: str) -> None:
    """Let a held event in, in its place in the conversation.

    \b
    Example:
      folkmoot holds release k7t2mq5x3wz4n6a2b7c5d3e4fi
    """
    hold = ask(context, lambda node: node.release(id=event))
    click.echo(f"Released the {hold.kind} hold on {hold.event_id} from {safe(hold.handle)}.")


@holds.command("return")
@click.argument("event")
@click.option("--reason", required=True, metavar="TEXT", help="What its author is told.")
@click.pass_context
def return_(context: click.Context, event: str, reason: str) -> None:
    """Give a held event back to its author, and tell them why.

    \b
    Example:
      folkmoot holds return k7t2mq5x3wz4n6a2b7c5d3e4fi \\
        --reason "We speak about gardening here."
    """
    hold = ask(context, lambda node: node.return_(id=event, reason=reason))
    click.echo(f"Returned {hold.event_id} to {safe(hold.handle)}, with your reason.")
