"""Promises to turn five answers into a node's files, or to say which answer cannot stand; pure, the randomness is an argument.

`folkmoot init` asks and writes (`bridge/commands/founding.py`); the demonstration and the tests call this directly.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from bridge.errors import BadSetting
from bridge.keyfiles import SECRET_BYTES, Secrets
from bridge.manual import to_toml
from bridge.settings import AppserviceListen, Development, Listen, Matrix, Settings
from bridge.settingsfile import load

__all__ = ["QUESTIONS", "Answers", "Question", "found_secrets", "settings_for", "settings_text", "tidy"]


class Answers(msgspec.Struct, frozen=True):
    """What an operator says. `homeserver` and `server_name` empty: a node without Matrix. `door`: where the homeserver reaches us, as

    HOST:PORT; empty for the port after the public one. `reached_at`: the URL for that where it is not simply the address.
    """

    domain: str
    homeserver: str
    server_name: str
    data_dir: str
    listen: str = "127.0.0.1:8420"
    door: str = ""
    reached_at: str = ""


class Question(msgspec.Struct, frozen=True):
    """One thing to ask. `key` is the field of Answers and the flag; `settings` are the paths of the settings it decides."""

    key: str
    ask: str
    about: str
    settings: tuple[str, ...]
    suggestion: str = ""


QUESTIONS: Final = (
    Question("domain", "Domain", "The name in every address of this node: @commons@DOMAIN. It cannot change later.", ("$.domain",)),
    Question(
        "homeserver",
        "Matrix homeserver",
        "The URL of its client API, as this machine reaches it.",
        ("$.matrix.homeserver",),
        "http://127.0.0.1:8008",
    ),
    Question(
        "server_name", "Matrix server name", "What stands after the colon in your accounts' ids.", ("$.matrix.server_name",), "the domain"
    ),
    Question("data_dir", "Data folder", "Database, keys and control socket; on a local disk.", ("$.data_dir",), "/var/lib/folkmoot"),
    Question(
        "listen",
        "Listen on",
        "HOST:PORT that your web server passes https requests on to. The next port is for the homeserver.",
        ("$.listen.host", "$.listen.port", "$.matrix.listen.host", "$.matrix.listen.port"),
        "127.0.0.1:8420",
    ),
)

_SOUND = Answers(
    domain="moot.example",
    homeserver="http://127.0.0.1:8008",
    server_name="moot.example",
    data_dir="/var/lib/folkmoot",
    listen="127.0.0.1:8420",
)


def tidy(key: str, answer: str) -> str:
    """The answer as it will stand in the file. Raises BadSetting saying what is wrong with this answer alone."""
    answer = answer.strip()
    if key == "domain":
        # People paste what their browser shows.
        answer = re.sub(r"^https?://", "", answer).rstrip("/").lower()
    elif key == "homeserver":
        answer = answer.rstrip("/")
    if not answer:
        raise BadSetting("missing", key=f"$.{key}", remedy=next(question.about for question in QUESTIONS if question.key == key))
    settings_for(msgspec.structs.replace(_SOUND, **{key: answer}))
    return answer


def settings_for(answers: Answers, development: Development | None = None) -> Settings:
    """The answers as settings; `data_dir` is kept as given. Raises BadSetting."""
    host, port = _address(answers.listen, "$.listen")
    matrix = None
    if answers.homeserver:
        door_host, door_port = _address(answers.door, "$.matrix.listen") if answers.door else ("127.0.0.1", port + 1 if port else 0)
        door = AppserviceListen(host=door_host, port=door_port)
        matrix = Matrix(
            homeserver=answers.homeserver, server_name=answers.server_name, listen=door, appservice_url=answers.reached_at.rstrip("/")
        )
    if not answers.data_dir or any(ord(character) < 32 for character in answers.data_dir):
        raise BadSetting(
            f"expected the path of a folder, found {answers.data_dir!r}", key="$.data_dir", remedy="For example /var/lib/folkmoot."
        )
    settings = Settings(
        domain=answers.domain,
        data_dir=answers.data_dir,
        listen=Listen(host=host, port=port),
        matrix=matrix,
        development=development or Development(),
    )
    load(to_toml(settings), folder=Path("/"))
    return settings


def settings_text(settings: Settings) -> str:
    """The settings file, with what differs from the defaults."""
    return "# Settings of a Folkmoot node. `folkmoot settings --example` shows everything that can stand here.\n" + to_toml(settings)


def found_secrets(entropy: Callable[[int], bytes]) -> Secrets:
    """A new node's secrets; `entropy(n)` gives n random bytes fit for keys."""

    def token() -> str:
        return base64.urlsafe_b64encode(entropy(32)).decode("ascii").rstrip("=")

    return Secrets(key=entropy(SECRET_BYTES), as_token=token(), hs_token=token())


def _address(text: str, key: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    host = host.strip("[]")
    if not (host and colon and re.fullmatch(r"[0-9]{1,5}", port)) or int(port) > 65535:
        raise BadSetting(f"expected HOST:PORT, found {text!r}", key=key, remedy="For example 127.0.0.1:8420, or [::1]:8420.")
    if not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
        raise BadSetting(f"expected an address before the colon, found {host!r}", key=key, remedy="For example 127.0.0.1 or ::1.")
    return host, int(port)
