"""`folkmoot check`: everything a node needs from its surroundings, looked at from here."""

from __future__ import annotations

import asyncio
import importlib.metadata
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from bridge.commands.asking import as_json, print_json, settings_of
from bridge.commands.table import WIDTH, safe
from bridge.errors import OperatorError
from bridge.keyfiles import Secrets, read_secrets
from bridge.logs import configure
from bridge.settings import Settings

if TYPE_CHECKING:
    from bridge.checkup import Finding

__all__ = ["check"]

_MARKS = {"ok": "ok  ", "warning": "look", "error": "MEND"}


@click.command()
@as_json
@click.pass_context
def check(context: click.Context, json: bool) -> None:
    """Look at settings, keys, disk, names, proxy, homeserver and clock.

    It changes nothing. Each line is `ok`, `look` (it works, but look at it) or
    `MEND` (something that people expect does not work), with what to do. The
    exit status is 2 when there is something to mend, else 0. Run it on the
    node's own machine, best while the node runs.

    \b
    Examples:
      folkmoot check
      folkmoot check --json
    """
    from bridge.checkup.finding import Level, failure  # noqa: PLC0415

    found: list[Finding] = []

    def tell(finding: Finding) -> None:
        found.append(finding)
        if not json:
            click.echo(_line(finding))

    try:
        settings = settings_of(context)
    except OperatorError as error:
        tell(failure("settings", error))
    else:
        configure("error", form="text")
        secrets: Secrets | None = None
        try:
            secrets = read_secrets(settings.secrets, matrix=settings.matrix is not None)
        except OperatorError as error:
            tell(failure("keys", error))
        _examine(settings, secrets, tell)
    if json:
        print_json(found)
    else:
        errors, warnings = (sum(finding.level is level for finding in found) for level in (Level.ERROR, Level.WARNING))
        click.echo(f"\n{errors} to mend, {warnings} to look at, {len(found) - errors - warnings} in order.")
    if any(finding.level is Level.ERROR for finding in found):
        raise SystemExit(2)


def _examine(settings: Settings, secrets: Secrets | None, tell: Callable[[Finding], None]) -> None:
    # The adapters' side of it: only the command that needs it pays for that.
    from bridge.checkup import examine, operator_urls  # noqa: PLC0415
    from bridge.net.client import Client, Limits, user_agent  # noqa: PLC0415
    from bridge.net.guard import policy_for  # noqa: PLC0415

    policy = policy_for(settings.development, operator_urls=operator_urls(settings))
    agent = user_agent(importlib.metadata.version("folkmoot"), settings.host)

    async def look() -> None:
        async with Client(policy, agent, limits=Limits(total=settings.limits.fetch_seconds)) as client:
            async for finding in examine(settings, secrets, client, datetime.now(UTC)):
                tell(finding)

    asyncio.run(look())


def _line(finding: Finding) -> str:
    """At most 80 columns; addresses and paths are never broken."""
    head, indent = f"{_MARKS[finding.level]}  {finding.area:<10}  ", " " * 18
    lines = _wrapped(finding.said, head, indent)
    if finding.remedy:
        lines += _wrapped(finding.remedy, f"{indent}→ ", f"{indent}  ")
    return "\n".join(lines)


def _wrapped(text: str, first: str, later: str) -> list[str]:
    return textwrap.wrap(safe(text), WIDTH, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)
