"""`folkmoot intake`: what arrived and could not be read, and what becomes of it."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import fit, moment, safe

__all__ = ["intake"]


@click.group()
def intake() -> None:
    """See what arrived and could not be read, try it again, or give it up."""


@intake.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, those stuck first.")
@as_json
@click.pass_context
def list_(context: click.Context, limit: int, json: bool) -> None:
    """List arrivals that wait: from where, since when, and for what. Never words.

    What is stuck waits for you; the rest is tried again by itself.

    \b
    Examples:
      folkmoot intake list
      folkmoot intake list --json
    """
    found = ask(context, lambda node: node.intake(limit=limit))
    if json:
        print_json(found)
    elif not found:
        click.echo("Everything that arrived was read.")
    else:
        for line in found:
            next_ = "STUCK" if line.stuck or line.due_at is None else f"next try {moment(line.due_at)} UTC"
            click.echo(fit(f"{line.number}  {line.protocol} {line.kind} from {safe(line.lane)}, {moment(line.received_at)} UTC"))
            click.echo(fit(f"    {next_}, tried {line.tries} times: {line.why}"))
        click.echo("\nTry one again: folkmoot intake retry NUMBER\n   or give up: folkmoot intake drop NUMBER --reason TEXT")


@intake.command()
@click.argument("number", type=click.IntRange(min=0))
@click.pass_context
def retry(context: click.Context, number: int) -> None:
    """Read one arrival again, as if it had just come.

    NUMBER is in the first column of `folkmoot intake list`.

    \b
    Example:
      folkmoot intake retry 1204
    """
    line = ask(context, lambda node: node.intake_retry(number=number))
    click.echo(f"Reading {line.number} again, from {safe(line.lane)}. See how it went: folkmoot intake list")


@intake.command()
@click.argument("number", type=click.IntRange(min=0))
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the record.")
@click.pass_context
def drop(context: click.Context, number: int, reason: str) -> None:
    """Give one arrival up. Its bytes are erased for good; the reason stays.

    \b
    Example:
      folkmoot intake drop 1204 --reason "That server is gone."
    """
    line = ask(context, lambda node: node.intake_drop(number=number, reason=reason))
    click.echo(f"Dropped {line.number}, {line.size:,} bytes from {safe(line.lane)}.")
