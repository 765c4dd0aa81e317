"""Promises that people, rooms and accounts that stand for somebody never share a name; nothing here is ever decoded.

A person is `lena`, a room `hall`, an account of ours `sam@a.example`, the bot's talk with Lena `talk/lena`.
"""

from __future__ import annotations

import re
from typing import Final

from bridge.model.ids import LOOPBACK, Native, derive, parse_native

__all__ = ["BOT", "HOST", "ghost_id", "is_ghost", "is_name", "is_talk", "key_of", "lane_of", "native_of", "talk_with", "written"]

HOST: Final = "loopback"
"""The one server there is: circuit and pace are per host, and no domain is called that."""

BOT: Final = "moot"
"""The account through which the bridge itself speaks."""

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9_])?")
_ELSEWHERE = re.compile(r"[a-z]+:.")
_TALK: Final = "talk/"


def is_name(text: str) -> bool:
    """Can a person or a room be called this? Small letters, digits, dots, dashes, underscores; at most 64."""
    return _NAME.fullmatch(text) is not None and text != BOT


def ghost_id(secret: bytes, of: Native, handle: str, host: str, *, distinct: bool = False) -> str:
    """`sam@a.example`: no person can be called that. `distinct`: somebody else is, so a keyed hash of `of` tells them apart."""
    name = handle.removeprefix("@")
    name, server = name.rsplit("@", 1) if "@" in name else (name.removesuffix(f":{host}"), host)
    mark = f"=={derive(secret, 'ghost', str(of))[:12]}" if distinct else ""
    return f"{name[:200].replace(':', '=3a')}{mark}@{server[:200]}"


def is_ghost(account: str) -> bool:
    """Is this an account of ours that stands for somebody?"""
    return "@" in account


def talk_with(person: str) -> str:
    """The private room of the bot and this person."""
    return _TALK + person


def is_talk(room: str) -> bool:
    return room.startswith(_TALK)


def lane_of(room: str) -> str:
    """One lane per room; the prefix keeps it apart from servers and rooms elsewhere."""
    return f"{LOOPBACK}:{room}"


def key_of(deed: str) -> str:
    """A repeat of the same deed has the same key."""
    return f"{LOOPBACK}:{deed}"


def written(native: Native) -> str:
    """How a deed names somebody or something: by its own name in a hall, else as `protocol:id`."""
    return native.id if native.protocol == LOOPBACK else str(native)


def native_of(text: str) -> Native:
    """The reverse of `written`. An account of ours may have a port behind its server, but never a colon before the @."""
    return parse_native(text) if _ELSEWHERE.match(text) else Native(LOOPBACK, text)
