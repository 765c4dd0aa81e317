"""`folkmoot init`: five questions (or flags), then settings, keys and registration, and what to do next."""

from __future__ import annotations

import secrets as randomness
import sys
from pathlib import Path

import click

from bridge.errors import BadSetting, OperatorError
from bridge.founding import QUESTIONS, Answers, Question, found_secrets, settings_for, settings_text, tidy
from bridge.keyfiles import Secrets, write_private
from bridge.settings import Settings
from bridge.settingsfile import load

__all__ = ["init", "lay_out"]


@click.command()
@click.option("--domain", metavar="NAME", help="The name in every address of this node.")
@click.option("--homeserver", metavar="URL", help="The homeserver's client API, as this machine reaches it.")
@click.option("--server-name", metavar="NAME", help="What stands after the colon in your Matrix ids.")
@click.option("--data-dir", metavar="FOLDER", help="Where database and keys live.")
@click.option("--listen", metavar="HOST:PORT", help="Where your web server passes requests on to.")
@click.option("--door", metavar="HOST:PORT", default="", help="Where the homeserver reaches this node. [default: the next port]")
@click.option("--reached-at", metavar="URL", default="", help="The URL of that, in containers. [default: http://HOST:PORT]")
@click.option("--force", is_flag=True, help="Write anew what is there already. The node's old ids and tokens are lost.")
@click.pass_context
def init(context: click.Context, /, door: str, reached_at: str, force: bool, **given: str | None) -> None:
    """Set up a new node: five questions, or flags.

    Writes the settings file, the keys and the registration for the homeserver, all readable by you alone.
    With all five flags it asks nothing and needs no terminal.

    \b
    Example:
      folkmoot --settings /etc/folkmoot/folkmoot.toml init \\
        --domain moot.example --homeserver http://127.0.0.1:8008 \\
        --server-name example.org --data-dir /var/lib/folkmoot \\
        --listen 127.0.0.1:8420
    """
    path: Path = context.find_root().params["settings"]
    if path.exists() and not force:
        raise OperatorError(f"{path} is there already", remedy="Nothing was changed. Add --force to write everything anew.")
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        said = given[question.key]
        answers[question.key] = tidy(question.key, said) if said is not None else _asked(question, answers)
    settings = settings_for(Answers(**answers, door=door, reached_at=reached_at))
    placed = lay_out(path, settings, found_secrets(randomness.token_bytes), force=force)
    click.echo(_next(path, placed))


def _asked(question: Question, answers: dict[str, str]) -> str:
    """Asks until the answer can stand. Raises OperatorError without a terminal to ask on."""
    suggestion = answers.get("domain", "") if question.key == "server_name" else question.suggestion
    click.echo(f"\n{question.about}")
    while True:
        try:
            said: str = click.prompt(question.ask, default=suggestion or None)
        except click.Abort:
            if sys.stdin.isatty():
                raise
            raise OperatorError(
                "the answers ended early", remedy=f"Give --{question.key.replace('_', '-')}, or run it in a terminal."
            ) from None
        try:
            return tidy(question.key, said)
        except BadSetting as error:
            click.echo(f"That cannot stand: {error.public.removeprefix(f'{error.key}: ')}. {error.remedy}")


def lay_out(path: Path, settings: Settings, secrets: Secrets, *, force: bool = False) -> Settings:
    """Writes settings, keys and, for a node with Matrix, tokens and registration; the settings as they are read back, with their folder.

    Everything or nothing: what is in the way is found before the first file is written. Raises OperatorError.
    """
    placed = load(settings_text(settings), folder=path.resolve().parent, name=str(path))
    files: dict[Path, bytes] = {placed.secrets / "secret.key": secrets.key, path: settings_text(settings).encode()}
    if placed.matrix is not None:
        files |= {
            placed.secrets / "as_token": secrets.as_token.encode(),
            placed.secrets / "hs_token": secrets.hs_token.encode(),
            placed.registration: _registration(placed, secrets),
        }
    for file in files:
        if file.exists() and not force:
            raise OperatorError(f"{file} is there already", remedy="Nothing was changed. Add --force to write everything anew.")
    for folder in (placed.data, placed.secrets):
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise OperatorError(
                f"{folder} cannot be made: {error.strerror}", remedy="Make it, owned by this account, or choose another --data-dir."
            ) from error
    for file, content in files.items():
        write_private(file, content, overwrite=force)
    return placed


def _next(path: Path, settings: Settings) -> str:
    shown = "" if path == Path("folkmoot.toml") else f"--settings {path} "
    return f"""
Wrote {path}
      {settings.secrets} (3 files)
      {settings.registration}
Keep copies of the first two: without secret.key nothing stored can be read again.

Next:
 1. Copy {settings.registration.name} to where only your homeserver can read it,
    add this to its homeserver.yaml, with the path of the copy, and restart it:

      app_service_config_files:
        - {settings.registration}

 2. Let your web server pass {settings.origin} on to
    http://{settings.listen.local}, with media. in front of it as well;
    for a site to start from: folkmoot {shown}example caddy (or nginx)
 3. Start the node:            folkmoot {shown}run
 4. In another terminal:       folkmoot {shown}community create commons "The Commons"
 5. See whether all is well:   folkmoot {shown}check
"""


def _registration(settings: Settings, secrets: Secrets) -> bytes:
    # `init` alone needs the Matrix adapter; every other command starts faster without it.
    from protocols.matrix.registration import registration  # noqa: PLC0415

    return registration(settings, secrets).encode()
