"""`folkmoot run`, `demo`, `status` and `settings`: the node itself."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from bridge import manual
from bridge.commands.asking import as_json, ask, print_json, settings_of
from bridge.commands.table import safe, span, table

__all__ = ["demo", "run", "settings", "status"]


@click.command()
@click.option(
    "--role",
    type=click.Choice(["all", "door", "relay", "courier"]),
    default="all",
    show_default=True,
    help="What this process does, where several share one PostgreSQL database.",
)
@click.pass_context
def run(context: click.Context, role: str) -> None:
    """Run the node until it is told to stop.

    On SIGTERM or Ctrl-C it takes no new work, finishes what is under way and ends.

    On PostgreSQL a node may be several processes, on one machine or many. Each
    does everything, or one thing: `door` takes what comes in, `relay` reads and
    decides, `courier` sends. They share the work; when one dies, the others have
    its part within seconds. At least one of each must run.

    \b
    Examples:
      folkmoot --settings /etc/folkmoot/folkmoot.toml run
      folkmoot run --role courier
    """
    settings = settings_of(context)
    # The composition root loads every adapter: only the command that needs it pays for that.
    from bridge import app, eventloop  # noqa: PLC0415

    eventloop.run(app.run(settings, app.Role(role)))


@click.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Show one conversation across a real homeserver and two nodes.

    Needs no settings and no account; everything runs on this machine and is thrown away.

    \b
    Examples:
      folkmoot demo
      folkmoot demo --stay
    """
    from bridge import demo as demonstration  # noqa: PLC0415

    raise SystemExit(demonstration.main(list(arguments)))


@click.command()
@as_json
@click.pass_context
def status(context: click.Context, json: bool) -> None:
    """Say how the node is: what waits, since when, and how much room is left.

    \b
    Examples:
      folkmoot status
      folkmoot status --json
    """
    found = ask(context, lambda node: node.status())
    if json:
        print_json(found)
        return
    since = f", for {span((datetime.now(UTC) - found.started_at).total_seconds())}" if found.started_at else ""
    here = " on this machine" if settings_of(context).storage.url else ""
    click.echo(f"{safe(found.domain)}: folkmoot {found.version}, {'running' + since if found.running else 'not running' + here}")
    click.echo(
        f"{found.communities} communities, {found.backlog.holds} holds, {found.backlog.dead} dead letters, {found.backlog.stuck} stuck arrivals"
    )
    rows = [(name, str(count), span(found.backlog.oldest.get(name, 0)) if count else "") for name, count in found.backlog.rows.items()]
    click.echo(table(("STREAM", "WAITING", "OLDEST"), rows))
    room = found.backlog.disk_free
    click.echo(f"Free disk: {'only the database server knows' if room is None else f'{room / 1e9:.1f} GB'}")


@click.command()
@click.option("--example", is_flag=True, help="Print a file with every setting and what it means.")
@click.option("--reference", is_flag=True, help="Print the table of all settings, in Markdown.")
@click.pass_context
def settings(context: click.Context, example: bool, reference: bool) -> None:
    """Show the settings in force, with secrets masked.

    \b
    Examples:
      folkmoot settings
      folkmoot settings --example > folkmoot.toml
    """
    if example:
        text = manual.example()
    elif reference:
        text = manual.reference()
    else:
        text = manual.effective(settings_of(context))
    click.echo(text, nl=False)
