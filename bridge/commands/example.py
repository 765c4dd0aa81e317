"""`folkmoot example`: files for the programs around the node, rendered from the settings in force."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from bridge.commands.asking import settings_of
from bridge.deployment import KINDS
from bridge.errors import OperatorError

__all__ = ["example"]

_UPSTREAM = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--upstream", default="", metavar="HOST:PORT", help="Where the web server reaches the node. [default: `listen`]")
@click.pass_context
def example(context: click.Context, kind: str, upstream: str) -> None:
    """Print a file for a web server, systemd or containers that fits your settings.

    Read it before you use it: paths of certificates and of the checkout are
    guesses.

    \b
    Examples:
      folkmoot example nginx > /etc/nginx/conf.d/folkmoot.conf
      folkmoot example caddy --upstream folkmoot:8420 > Caddyfile
      folkmoot example systemd > /etc/systemd/system/folkmoot.service
    """
    # Rendering loads a template engine: only the command that needs it pays for that.
    from bridge.deployment.rendering import render  # noqa: PLC0415

    if upstream and not _UPSTREAM.fullmatch(upstream):
        raise OperatorError(f"--upstream {upstream!r} is no address", remedy="Write it as HOST:PORT, as in folkmoot:8420.")
    settings = settings_of(context)
    if kind.startswith("split-") and not settings.server:
        raise OperatorError(
            "handles and URLs of this node have the same domain",
            remedy="Only a node with `server` in its settings needs this; see deploy/README.md.",
        )
    file: Path = context.find_root().params["settings"]
    program = Path(sys.argv[0]).absolute() if Path(sys.argv[0]).name == "folkmoot" else Path(sys.executable).with_name("folkmoot")
    click.echo(render(kind, settings, upstream=upstream, program=str(program), settings_file=str(file.absolute())), nl=False)
