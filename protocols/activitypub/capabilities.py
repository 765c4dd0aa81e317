"""What a fediverse group can carry, as data: the forms `plan` chooses from and `translate/write.py` knows how to make.

A group we serve speaks for itself by wrapping (FEP-1b12) and boosting; a group elsewhere hears from each author directly.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.model.audience import Audience
from bridge.model.capability import Born, Capabilities, Carry, Hearers
from bridge.model.place import Place, PlaceKind

MOST_TEXT = 24_000
"""Bytes of HTML: it is sent twice (`content`, `contentMap`) and the whole must stay under 60 kB."""

_WRAP = Carry("wrap", Hearers.ROSTER, by_place=True, born=Born.ANYWHERE)
_URGENT_WRAP = Carry("wrap", Hearers.ROSTER, by_place=True, born=Born.ANYWHERE, urgent=True, keep_days=30)
_BOOST = Carry("boost", Hearers.ROSTER, by_place=True, born=Born.ANYWHERE, roots_only=True)
_INVOLVED = Carry("direct", Hearers.INVOLVED)
_REACHED = Carry("direct", Hearers.REACHED)
_TAKE_BACK = Carry("direct", Hearers.REACHED, urgent=True, keep_days=30)
_REMOVAL = Carry("wrap", Hearers.REACHED, by_place=True, born=Born.ANYWHERE, urgent=True, keep_days=30)
_UNBOOST = Carry("unboost", Hearers.REACHED, by_place=True, born=Born.ANYWHERE, urgent=True, keep_days=30, removes=True)
_END = Carry("end", Hearers.REACHED, urgent=True, keep_days=30, ends=True)

OURS = Capabilities(
    carries={
        "message": (_WRAP, _BOOST, _INVOLVED),
        "edit": (_WRAP, _REACHED),
        "retraction": (_TAKE_BACK, _URGENT_WRAP, _UNBOOST),
        "reaction": (_WRAP, _INVOLVED),
        "membership": (Carry("accept", Hearers.AUTHOR, by_place=True, born=Born.HERE),),
        "profile": (Carry("update", Hearers.ROSTER), _END),
        "notice": (Carry("say", Hearers.AUTHOR, by_place=True, born=Born.ANYWHERE),),
        "sanction": (_REMOVAL, Carry("reject", Hearers.INVOLVED, by_place=True, born=Born.ANYWHERE, urgent=True, keep_days=30)),
        "lock": (_REMOVAL,),
        "restoration": (_REMOVAL,),
        "appointment": (Carry("wrap", Hearers.REACHED, by_place=True, born=Born.ANYWHERE),),
    },
    audiences=frozenset({Audience.PUBLIC, Audience.UNLISTED}),
    fetches=True,
    max_text=MOST_TEXT,
    omission="The fediverse group has no way to show a {kind}.",
)

FOREIGN = Capabilities(
    carries={
        "message": (_INVOLVED,),
        "edit": (_INVOLVED,),
        "retraction": (_TAKE_BACK,),
        "reaction": (_INVOLVED,),
        "membership": (Carry("follow", Hearers.INVOLVED),),
        "profile": (Carry("update", Hearers.INVOLVED), _END),
    },
    audiences=frozenset({Audience.PUBLIC, Audience.UNLISTED}),
    fetches=True,
    max_text=MOST_TEXT,
    omission="The group on the other server has no way to show a {kind}.",
)


_PERSON = Carry("direct", Hearers.PERSON)

DIRECT = Capabilities(
    carries={
        "message": (_PERSON,),
        "edit": (_PERSON,),
        "retraction": (Carry("direct", Hearers.PERSON, urgent=True, keep_days=30),),
        "reaction": (_PERSON,),
    },
    audiences=frozenset({Audience.DIRECT}),
    fetches=True,
    max_text=MOST_TEXT,
    omission="A private conversation on the fediverse has no way to show a {kind}.",
)


def capabilities(place: Place) -> Capabilities:
    """By kind of place: a group we serve, one that lives elsewhere, or one person."""
    if place.kind is PlaceKind.PERSON:
        return DIRECT
    return FOREIGN if place.kind is PlaceKind.FOREIGN_GROUP else OURS


_SAID = {
    Hearers.ROSTER: "all followers",
    Hearers.INVOLVED: "who is answered or mentioned",
    Hearers.AUTHOR: "the one person",
    Hearers.PERSON: "their own inbox",
    Hearers.REACHED: "followers and everyone who ever received it",
}
_SENT = {
    ("message", "wrap"): "`Announce{Create{Page}}`, answers `Announce{Create{Note}}`",
    ("message", "boost"): "`Announce` of the id, new threads only",
    ("message", "direct"): "`Create{Note}`",
    ("edit", "wrap"): "`Announce{Update}`",
    ("edit", "direct"): "`Update{Note}`",
    ("retraction", "wrap"): "`Announce{Delete}`, `Announce{Undo}`, a moderator's `Delete` with its `summary`",
    ("retraction", "direct"): "`Delete{Tombstone}`, `Undo{Like}`",
    ("reaction", "wrap"): "`Announce{Like}`, `Announce{Dislike}`",
    ("reaction", "direct"): "`Like` with `content`",
    ("membership", "accept"): "`Accept{Follow}`, `Reject{Follow}`",
    ("membership", "follow"): "`Follow`, `Undo{Follow}`",
    ("profile", "update"): "`Update{Person}`",
    ("profile", "end"): "`Delete{Person}`",
    ("retraction", "unboost"): "`Undo{Announce}`, where a moderator removed it",
    ("sanction", "wrap"): "`Announce{Block}`, `Announce{Undo{Block}}`",
    ("sanction", "reject"): "`Reject{Follow}`",
    ("lock", "wrap"): "`Announce{Lock}`, `Announce{Undo{Lock}}`",
    ("restoration", "wrap"): "`Announce{Undo{Delete}}`",
    ("appointment", "wrap"): "`Announce{Add}`, `Announce{Remove}`",
    ("notice", "say"): "`Create{Note}` to one person",
}


def _rows(carried: Capabilities) -> Iterator[str]:
    for tag, forms in carried.carries.items():
        for form in forms:
            speaker = "the group" if form.by_place else "the person"
            urgent = "urgent, " if form.urgent else ""
            yield f"| {tag} | {_SENT[tag, form.form]} | {speaker} | {_SAID[form.hearers]} | {urgent}{form.keep_days} days |"


def federation_table() -> str:
    """What we send, as the Markdown tables of FEDERATION.md (FEP-67ff); a test compares the file with this."""
    head = "| what happened | what is sent | by | to | tried for |\n| --- | --- | --- | --- | --- |"
    tables = (
        ("A group of this node:", OURS),
        ("A group on another server that a community here follows:", FOREIGN),
        ("One person, in a private conversation; addressed to nobody else, announced by nobody:", DIRECT),
    )
    return "\n".join(f"{title}\n\n{head}\n" + "\n".join(_rows(carried)) + "\n" for title, carried in tables)
