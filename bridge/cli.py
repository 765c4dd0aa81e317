"""Promises one command, `folkmoot`, whose every error is one line: what is wrong, where, and what to do next.

Exit status: 0 done, 2 the operator can fix it, 1 anything else.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import click

from bridge.commands.backup import backup, restore
from bridge.commands.check import check
from bridge.commands.community import community
from bridge.commands.database import db
from bridge.commands.deliveries import deliveries
from bridge.commands.events import events
from bridge.commands.example import example
from bridge.commands.founding import init
from bridge.commands.holds import holds
from bridge.commands.intake import intake
from bridge.commands.log import cases, log
from bridge.commands.media import media
from bridge.commands.roles import roles
from bridge.commands.running import demo, run, settings, status
from bridge.commands.table import safe
from bridge.errors import BadSetting, BridgeError, OperatorError
from bridge.settings import ENVIRONMENT

__all__ = ["main", "root"]


class Failed(click.ClickException):
    """A BridgeError as people read it: `what · where · what to do next`."""

    exit_code = 1

    def __init__(self, error: BridgeError) -> None:
        what, where = error.public, ""
        if isinstance(error, BadSetting):
            what, where = what.removeprefix(f"{error.key}: "), error.key.removeprefix("$.")
        parts = (f"{what[:1].upper()}{what[1:]}", where, error.remedy or "")
        super().__init__(" · ".join(safe(part) for part in parts if part))

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"folkmoot: {self.message}", file=file, err=file is None)


class Fixable(Failed):
    """One that the operator can do something about."""

    exit_code = 2


class Root(click.Group):
    """Turns our errors into one line; everything else is a bug and keeps its traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BridgeError as error:
            raise (Fixable if isinstance(error, OperatorError) else Failed)(error) from error


@click.group(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.option(
    "--settings",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar=ENVIRONMENT,
    show_envvar=True,
    default=Path("folkmoot.toml"),
    show_default=True,
    help="The settings file.",
)
@click.version_option(package_name="folkmoot", prog_name="folkmoot", message="%(prog)s %(version)s")
def root(settings: Path) -> None:
    """One conversation for a community, across Matrix and the fediverse.

    \b
    A new node:   folkmoot init, then folkmoot run
    Just looking: folkmoot demo
    """


for command in (
    init,
    run,
    demo,
    status,
    settings,
    community,
    events,
    deliveries,
    intake,
    holds,
    roles,
    cases,
    log,
    media,
    db,
    backup,
    restore,
    check,
    example,
):
    root.add_command(command)


def main() -> None:
    """The `folkmoot` command."""
    root(prog_name="folkmoot")
