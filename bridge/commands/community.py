"""`folkmoot community`: the conversations this node is home to, and the places that carry them."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import safe, table
from bridge.operations import CommunityLine

__all__ = ["community"]


@click.group()
def community() -> None:
    """Create, link and retire communities."""


@community.command()
@click.argument("handle")
@click.argument("name")
@click.pass_context
def create(context: click.Context, handle: str, name: str) -> None:
    """Create a community that people follow as @HANDLE@your-domain.

    HANDLE stays for good: lower-case letters, digits, dots, dashes, underscores.

    \b
    Example:
      folkmoot community create commons "The Commons"
    """
    made = ask(context, lambda node: node.community_create(handle=handle, name=name))
    click.echo(f"Created {made.address} ({safe(made.name)}).")
    click.echo(f"Next: folkmoot community link {made.handle} '#room:your-homeserver'")


@community.command()
@click.argument("handle")
@click.argument("place")
@click.pass_context
def link(context: click.Context, handle: str, place: str) -> None:
    """Let PLACE carry the conversation of a community.

    PLACE is a Matrix room (its id or an alias) or a group on another server. The bot must be able to join the room.

    \b
    Examples:
      folkmoot community link commons '#commons:example.org'
      folkmoot community link commons '@gardening@lemmy.example'
    """
    linked = ask(context, lambda node: node.community_link(handle=handle, place=place))
    click.echo(f"{linked.address} is now carried by {_places(linked)}.")


@community.command()
@click.argument("handle")
@click.argument("place")
@click.pass_context
def unlink(context: click.Context, handle: str, place: str) -> None:
    """Take PLACE out of a community; what was said stays where it is.

    \b
    Example:
      folkmoot community unlink commons '#commons:example.org'
    """
    left = ask(context, lambda node: node.community_unlink(handle=handle, place=place))
    click.echo(f"{left.address} is now carried by {_places(left)}.")


@community.command()
@click.argument("handle")
@click.argument("place", default="")
@click.pass_context
def moderation(context: click.Context, handle: str, place: str) -> None:
    """Let the moderators of a community work in PLACE; without PLACE, in no room.

    Reports and whatever waits appear there as cards. PLACE is a Matrix room by invitation, without encryption, that carries no conversation.
    Who is in it can read the cards; only who holds a seat decides.

    \b
    Example:
      folkmoot community moderation commons '#moderators:example.org'
    """
    line = ask(context, lambda node: node.community_moderation(handle=handle, place=place))
    room = line.moderation
    where = f"in {safe(room.name or room.native.id)}" if room is not None else "in no room now"
    click.echo(f"The moderators of {line.address} work {where}.")


@community.command()
@click.argument("handle")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@click.pass_context
def retire(context: click.Context, handle: str, yes: bool) -> None:
    """End a community for good: its group, people and ghosts are deleted everywhere.

    This cannot be undone, and HANDLE is never given out again.

    \b
    Example:
      folkmoot community retire commons
    """
    if not yes:
        click.confirm(f"Delete @{handle}, its people and its ghosts everywhere, for good?", abort=True)
    gone = ask(context, lambda node: node.community_retire(handle=handle))
    click.echo(f"{gone.handle} is retired; {gone.accounts} accounts are being deleted everywhere.")
    click.echo("Next: folkmoot deliveries list shows which servers have not heard it yet.")


@community.command("list")
@as_json
@click.pass_context
def list_(context: click.Context, json: bool) -> None:
    """List communities and the places that carry them.

    \b
    Examples:
      folkmoot community list
      folkmoot community list --json
    """
    found = ask(context, lambda node: node.communities())
    if json:
        print_json(found)
    elif not found:
        click.echo('No community yet. Next: folkmoot community create commons "The Commons"')
    else:
        rows = [(line.address, line.name, str(line.followers), "retired" if line.retired else _places(line)) for line in found]
        click.echo(table(("ADDRESS", "NAME", "FOLLOWERS", "PLACES"), rows))


def _places(line: CommunityLine) -> str:
    """Everything but the group of its own."""
    return ", ".join(safe(place.name or place.native.id) for place in line.places) or "no place yet"
