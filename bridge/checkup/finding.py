"""One thing that was looked at: what was found, whether it must be mended, and how."""

from __future__ import annotations

import enum

import msgspec

from bridge.errors import BridgeError

__all__ = ["Finding", "Level", "failure", "fine", "warning"]


class Level(enum.StrEnum):
    """`warning`: it works, but look at it; `error`: something that people expect does not work."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


class Finding(msgspec.Struct, frozen=True):
    """`area` in one word, `said` in one sentence; `remedy` is empty where nothing is to be done."""

    area: str
    level: Level
    said: str
    remedy: str = ""


def fine(area: str, said: str) -> Finding:
    return Finding(area, Level.OK, said)


def warning(area: str, said: str, remedy: str) -> Finding:
    return Finding(area, Level.WARNING, said, remedy)


def failure(area: str, said: str | BridgeError, remedy: str = "") -> Finding:
    """`remedy` is for what an error itself has none for."""
    if isinstance(said, BridgeError):
        return Finding(area, Level.ERROR, f"{said.public[:1].upper()}{said.public[1:]}", said.remedy or remedy)
    return Finding(area, Level.ERROR, said, remedy)
