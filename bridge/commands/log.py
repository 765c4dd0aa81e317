"""`folkmoot log` and `folkmoot cases`: what was done in a community and by which norm, and what its moderators look at."""

from __future__ import annotations

import click

from bridge.commands.asking import as_json, ask, print_json
from bridge.commands.table import fit, moment, safe, span
from bridge.errors import OperatorError
from bridge.model.logentry import LogEntry

__all__ = ["cases", "log"]


@click.group()
def log() -> None:
    """Read what was done, prove that nothing of it was changed, see what is public."""


@log.command()
@click.argument("handle")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, the newest last.")
@click.option("--names", is_flag=True, help="Also whom they concern and who decided.")
@as_json
@click.pass_context
def show(context: click.Context, handle: str, limit: int, names: bool, json: bool) -> None:
    """Show the last entries of a community's log.

    Names are kept for 90 days and shown to whoever runs the node alone.

    \b
    Examples:
      folkmoot log show commons
      folkmoot log show commons --names --limit 200
    """
    found = ask(context, lambda node: node.log_show(community=handle, limit=limit, names=names))
    if json:
        print_json(found)
    elif not found:
        click.echo("Nothing was done yet.")
    else:
        for entry in found:
            click.echo(fit(f"{entry.seq:>6}  {moment(entry.at)}  {_doing(entry)}"))
            if entry.names is not None and (who := _names(entry)):
                click.echo(fit(f"        {who}"))


@log.command()
@click.argument("handle")
@as_json
@click.pass_context
def verify(context: click.Context, handle: str, json: bool) -> None:
    """Check that every entry follows from the one before it, and print the head.

    Whoever kept an earlier head can see that nothing before it was changed since.

    \b
    Example:
      folkmoot log verify commons
    """
    proof = ask(context, lambda node: node.log_verify(community=handle))
    if json:
        print_json(proof)
    elif proof.broken is None:
        click.echo(f"The log holds: {proof.entries} entries, head {proof.head or 'none yet'}.")
    if proof.broken is not None:
        raise OperatorError(
            f"the log does not hold from entry {proof.broken} on: {proof.why}",
            remedy=f"The {proof.entries} entries before it hold. Compare with a backup, and find out who else can write to the database.",
        )


@log.command()
@click.argument("handle")
@as_json
@click.pass_context
def public(context: click.Context, handle: str, json: bool) -> None:
    """Show what everybody may see: how often what was done, by month, without names.

    What happened fewer than five times in a month is one number.

    \b
    Examples:
      folkmoot log public commons
      folkmoot log public commons --json
    """
    found = ask(context, lambda node: node.log_public(community=handle))
    if json:
        print_json(found)
        return
    for line in found.lines:
        about = ", ".join(part for part in (line.item, line.place, line.standing, line.platform, line.result) if part)
        click.echo(fit(f"{line.month}  {line.count:>5} × {line.effect} by {line.by}, {line.norm or 'no norm'} ({about})"))
    for month, count in found.rare.items():
        click.echo(f"{month}  {count:>5} of kinds that were rare")
    for deed in found.servers:
        lasts = f" for {span(deed.seconds)}" if deed.seconds is not None else ""
        click.echo(fit(f"{moment(deed.at)[:10]}  {deed.effect} {deed.domain}{lasts}, {deed.norm or 'no norm'}"))
    if not (found.lines or found.rare or found.servers):
        click.echo("Nothing to show: what is rare waits until there is more of it.")
    click.echo(f"Head: {found.head or 'none yet'}")


@click.group()
def cases() -> None:
    """See what people have reported, and how far it has come."""


@cases.command("list")
@click.argument("handle")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many, newest first.")
@as_json
@click.pass_context
def list_(context: click.Context, handle: str, limit: int, json: bool) -> None:
    """List the cases of a community: what about, how urgent, how far. Never names or words.

    Moderators decide in their room, or by direct message to the group.

    \b
    Examples:
      folkmoot cases list commons
      folkmoot cases list commons --json
    """
    found = ask(context, lambda node: node.cases(community=handle, limit=limit))
    if json:
        print_json(found)
    elif not found:
        click.echo("Nobody has reported anything.")
    else:
        for case in found:
            outcome = f": {case.outcome}" if case.outcome else ""
            click.echo(f"{case.id}  {moment(case.opened_at)} UTC")
            click.echo(fit(f"    {case.about}; {case.stage}{outcome}; reported by {case.raised}"))


@cases.command()
@click.argument("handle")
@click.argument("case")
@click.argument("words", nargs=-1, required=True)
@click.pass_context
def say(context: click.Context, handle: str, case: str, words: tuple[str, ...]) -> None:
    """Say of a CASE what moderators say of it in their room, as an admin.

    \b
    WORDS begin with one of:
      nothing, note, removed, restricted, restored   decides, then a reason
      refer                                          tells the author's server
      stands, changed, reversed                      after an appeal
      seen, merge CASE, split 2 3

    \b
    Example:
      folkmoot cases say commons k7t2mq removed "Jobs go to the jobs topic."
    """
    line = ask(context, lambda node: node.case_say(community=handle, id=case, words=" ".join(words)))
    outcome = f": {line.outcome}" if line.outcome else ""
    click.echo(f"{line.id}: {line.stage}{outcome}.")


def _doing(entry: LogEntry) -> str:
    doing = entry.doing
    about = ", ".join(part for part in (doing.item, doing.place, doing.standing, doing.platform, doing.domain, doing.result) if part)
    return f"{doing.effect} by {doing.by}, {doing.norm or 'no norm'} ({about})"


def _names(entry: LogEntry) -> str:
    names = entry.names
    if names is None:
        return ""
    parts = [
        f"concerns {safe(names.whom.id)}" if names.whom is not None else "",
        f"by {safe(names.decided_by.id)}" if names.decided_by else "",
    ]
    return "; ".join(part for part in (*parts, safe(names.reason)) if part)
