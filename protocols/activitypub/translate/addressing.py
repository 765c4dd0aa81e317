"""`to` and `cc` say who may see something; our audience is written as `to` and `cc`, the same on activity and object.

Activitypub.md 3.3. Reading never widens: where activity and object disagree, the closer circle counts.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bridge.model.audience import Audience
from protocols.activitypub.ids import PUBLIC, followers_url, is_public
from protocols.activitypub.translate.thing import Thing


def audience_of(activity: Thing, said: Thing, followers: str | None) -> Audience:
    """`followers`: the author's own collection, as their actor names it."""
    circles = [_circle(thing, followers) for thing in (activity, said) if thing.ids("to") or thing.ids("cc")]
    return max(circles, default=Audience.DIRECT)


def _circle(thing: Thing, followers: str | None) -> Audience:
    to, cc = thing.ids("to"), thing.ids("cc")
    if any(map(is_public, to)):
        return Audience.PUBLIC
    if any(map(is_public, cc)):
        return Audience.UNLISTED
    if any(url == followers or url.rstrip("/").endswith("/followers") for url in (*to, *cc)):
        return Audience.COMMUNITY
    return Audience.DIRECT


def recipients(*things: Thing) -> list[str]:
    """Everyone named in `to`, `cc` and `audience`, in order, each once."""
    return list(dict.fromkeys(url for thing in things for name in ("to", "cc", "audience") for url in thing.ids(name)))


class Address(msgspec.Struct, frozen=True):
    to: list[str]
    cc: list[str]


def address(audience: Audience, group: str, author: str, involved: Iterable[str]) -> Address:
    """For something one of our people says in a group. The group comes first: Lemmy 1.0 takes the first that is one.

    Only public and unlisted are ever asked for (capabilities); anything closer names nobody but those involved.
    """
    people = list(dict.fromkeys(url for url in involved if url not in {group, author}))
    if audience is Audience.PUBLIC:
        return Address([group, PUBLIC], [followers_url(author), *people])
    if audience is Audience.UNLISTED:
        return Address([group, followers_url(author)], [PUBLIC, *people])
    return Address([group, *people], [])


def announced_to(audience: Audience, group: str, author: str) -> Address:
    """For what a group says. Lemmy needs both lists, and Public in `to` of a Delete; the author's server hears it too, or a Lemmy
    user's own post stays pending there."""
    if audience is Audience.UNLISTED:
        return Address([followers_url(group)], [PUBLIC, author])
    return Address([PUBLIC], [followers_url(group), author])
