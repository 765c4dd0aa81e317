"""Coming and going: following a group, joining or leaving a room. Whoever is sent away is sanctioned (sanction.py)."""

from __future__ import annotations

import enum

import msgspec

from bridge.model.ids import Native


class Change(enum.StrEnum):
    FOLLOW = "follow"
    UNFOLLOW = "unfollow"
    ACCEPTED = "accepted"
    """A group we asked to follow says yes."""
    REJECTED = "rejected"
    JOIN = "join"
    LEAVE = "leave"
    INVITE = "invite"


class Membership(msgspec.Struct, frozen=True, tag="membership"):
    """`subject` comes or goes (usually the author), `target` is the place or actor. `request` is the native id of a Follow."""

    change: Change
    subject: Native
    target: Native
    request: str | None = None
