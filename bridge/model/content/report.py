"""Somebody asks that a person look at something: a raised hand, never a verdict."""

from __future__ import annotations

import enum

import msgspec

from bridge.model.ids import ItemId, Native, ObjectId


class Category(enum.StrEnum):
    """What the reporter chose, or what was nearest to it."""

    SPAM = "spam"
    UNKIND = "unkind"
    NORM = "norm"
    """Against what was agreed here."""
    THREAT = "threat"
    PRIVATE = "private"
    """Somebody's private details."""
    MINORS = "minors"
    """Sexual content of minors."""
    OTHER = "other"


SEVERE = frozenset({Category.THREAT, Category.PRIVATE, Category.MINORS})
"""Hidden first, then looked at (norms.md 4.5)."""


class Report(msgspec.Struct, frozen=True, tag="report"):
    """`objects`: what it is about, as far as it crossed here (at most 20); `person` whom it is about, an account or the one behind a ghost.

    `words` is what the reporter wrote, plain, at most 500 characters. `named`: the moderators on the case may know who reported; `forward`: the
    reporter agrees that the author's own server hears of it too. `resolves`: not a report but the answer to one of ours, by its item.
    On its way out (form `report`, said by the node's instance actor) it carries only what that server needs, and never its reporter.
    """

    objects: tuple[ObjectId, ...] = ()
    person: Native | None = None
    category: Category = Category.OTHER
    words: str = ""
    named: bool = False
    forward: bool = False
    resolves: ItemId | None = None
