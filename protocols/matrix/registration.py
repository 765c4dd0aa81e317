"""Writes the file that tells a homeserver of us; every namespace in it is anchored at both ends and escaped.

https://spec.matrix.org/v1.18/application-service-api/#registration. JSON, since every JSON text is YAML and homeservers read YAML.
"""

from __future__ import annotations

import re

import msgspec

from bridge.errors import BadSetting
from bridge.keyfiles import Secrets
from bridge.model.ids import derive
from bridge.settings import Matrix, Settings

__all__ = ["CONTROL", "alias_of_control", "bot_id", "check_namespace", "registration", "registration_id"]

USUAL_BOT = "moot"
CONTROL = "control"
"""The tail of the alias of the bot's own room."""


def bot_id(settings: Matrix) -> str:
    return f"@{settings.bot}:{settings.server_name}"


def registration_id(settings: Matrix) -> str:
    """The registration's id, as in the ping. A second node on one homeserver has another bot, and so another id."""
    return "folkmoot" if settings.bot == USUAL_BOT else f"folkmoot_{settings.bot}"


def alias_of_control(settings: Matrix) -> str:
    """The localpart of the alias of the room in which only the bot is."""
    return f"{settings.prefix}{CONTROL}"


def registration(settings: Settings, secrets: Secrets) -> str:
    """The whole file for a node with Matrix. `sender_localpart` is a name nobody uses: Synapse answers 500 to a /sync by it (F9), so the
    bot is another account.

    Raises BadSetting when a namespace would claim accounts of people (trap S14).
    """
    matrix = settings.matrix
    if matrix is None:
        raise BadSetting("is missing", key="$.matrix", remedy="Only a node with Matrix needs a registration file.")
    server = re.escape(matrix.server_name)
    ghosts = f"^@{re.escape(matrix.prefix)}[^:]*:{server}$"
    bot = f"^@{re.escape(matrix.bot)}:{server}$"
    aliases = f"^#{re.escape(matrix.prefix)}[^:]*:{server}$"
    check_namespace(ghosts, matrix.server_name)
    document = {
        "id": registration_id(matrix),
        "url": matrix.reached_at,
        "as_token": secrets.as_token,
        "hs_token": secrets.hs_token,
        # Derived, so that writing the file again gives the same file.
        "sender_localpart": f"_folkmoot_{derive(secrets.hs_token.encode()[:64], 'sender', matrix.server_name)}",
        "rate_limited": False,
        "receive_ephemeral": False,
        "protocols": ["activitypub"],
        "namespaces": {
            "users": [{"exclusive": True, "regex": ghosts}, {"exclusive": True, "regex": bot}],
            "aliases": [{"exclusive": True, "regex": aliases}],
            "rooms": [],
        },
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def check_namespace(regex: str, server_name: str) -> None:
    """Synapse 1.163 matches at the start only, and a regex that is too wide takes over accounts of people."""
    for person in (f"@alice:{server_name}", f"@_alice:{server_name}x", "@_moot_a:elsewhere.example"):
        if re.match(regex, person):
            raise BadSetting(f"the accounts we ask for would include {person}", key="$.matrix.prefix", remedy="Use the default, _moot_.")
