"""`folkmoot roles`: who looks after a community, and until when."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import moment, safe, table
from bridge.model.role import Role
from bridge.operations import SeatLine

__all__ = ["roles"]

_ROLE = click.Choice([str(role) for role in Role], case_sensitive=False)


@click.group()
def roles() -> None:
    """Give seats, end them, and see who holds which."""


@roles.command("list")
@click.argument("handle")
@as_json
@click.pass_context
def list_(context: click.Context, handle: str, json: bool) -> None:
    """List who looks after a community.

    \b
    Example:
      folkmoot roles list commons
    """
    found = ask(context, lambda node: node.roles(handle=handle))
    if json:
        print_json(found)
    elif not found:
        click.echo(f"Nobody holds a seat yet.\nNext: folkmoot roles grant {safe(handle)} @name:server moderator")
    else:
        rows = [(str(seat.role), safe(seat.handle), _until(seat), safe(seat.topic)) for seat in found]
        click.echo(table(("ROLE", "WHO", "UNTIL", "TOPIC"), rows))


@roles.command()
@click.argument("handle")
@click.argument("who")
@click.argument("role", type=_ROLE)
@click.option("--days", type=int, default=None, metavar="DAYS", help="Its term; else the usual one of the role.")
@click.option("--topic", default="", metavar="TOPIC", help="What a curator looks after.")
@click.pass_context
def grant(context: click.Context, handle: str, who: str, role: str, *, days: int | None, topic: str) -> None:
    """Give WHO a seat. Said again, it has a new end.

    WHO is an account, not a display name: @name:server on Matrix, @name@server or the account's address on the fediverse.

    \b
    Examples:
      folkmoot roles grant commons @hana:example.org moderator
      folkmoot roles grant commons @dee@lemmy.example moderator --days 90
    """
    seat = ask(context, lambda node: node.role_grant(handle=handle, who=who, role=role, days=days, topic=topic))
    click.echo(f"{safe(seat.handle)} is {seat.role} of {safe(handle)}, until {_until(seat)}.")


@roles.command()
@click.argument("handle")
@click.argument("who")
@click.argument("role", type=_ROLE)
@click.pass_context
def end(context: click.Context, handle: str, who: str, role: str) -> None:
    """End a seat now. What was decided from it stays decided.

    \b
    Example:
      folkmoot roles end commons @hana:example.org moderator
    """
    seat = ask(context, lambda node: node.role_end(handle=handle, who=who, role=role))
    click.echo(f"{safe(seat.handle)} is no longer {seat.role} of {safe(handle)}.")


def _until(seat: SeatLine) -> str:
    return f"{moment(seat.until)} UTC" if seat.until is not None else "somebody ends it"
