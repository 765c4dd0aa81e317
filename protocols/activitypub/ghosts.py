"""Communities and people from elsewhere get an actor here once: an address, keys and a name that nobody else is ever given.

Design section 4. The address is derived, so making it twice makes the same; only somebody who comes back after their actor was deleted gets
another one, because a deleted id stays deleted at every peer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from bridge.changes import Change, PutGhost
from bridge.errors import Conflict, OperatorError
from bridge.model.actor import Actor, ActorKind, Ghost
from bridge.model.ids import ACTIVITYPUB, OURS, Native
from bridge.model.place import Community
from bridge.moderation.handles import LONGEST, default_handle, flaw
from bridge.ports import Clock, Directory, Node
from protocols.activitypub.ids import group_url, native, person_url, team_url
from protocols.activitypub.signers import Signers

__all__ = ["Ghosts"]

MOST_RETURNS = 100
"""How often one person may delete their actor here and come back."""

_NAMES = f"Small letters, digits and _ do, with dots or dashes between them, at most {LONGEST}; some words are kept for the place itself."
_AUTOMATED = (ActorKind.SERVICE, ActorKind.APPLICATION)


class Ghosts:
    """Actors of ours, and the changes that make them so; keys are kept before the change is given out."""

    def __init__(self, me: Node, directory: Directory, signers: Signers, clock: Clock) -> None:
        self._me = me
        self._directory = directory
        self._signers = signers
        self._clock = clock

    async def make(self, of: Native, community: Community, *, handle: str | None, actor: Actor | None) -> Sequence[Change]:
        """Nothing to change when they are here already and look the same; a new face is one change.

        `handle` None: the one their id suggests, or the next that is free. Raises Conflict when the name asked for is taken,
        OperatorError when it is no name, when they have another one, or when the community was retired.
        """
        if of.protocol == ACTIVITYPUB:
            return ()
        if of.protocol == OURS:
            return await self._group(of, community, handle or community.handle)
        if actor is None and (known := await self._directory.actor(of)) is not None:
            actor = known[0]
        async for incarnation, address, ghost in self._lives(of):
            if ghost is None:
                name = handle or await self._free_name(of, incarnation)
                return await self._new(address, of, community, name, actor)
            if ghost.ended is None:
                if handle is not None and handle.lower() != ghost.handle:
                    raise OperatorError(f"They are called {ghost.handle!r} here already.", remedy="A name stays: people follow it.")
                return _renewed(ghost, actor.name if actor else ghost.name, actor.avatar if actor else ghost.avatar)
        raise OperatorError(f"{of} has come and gone {MOST_RETURNS} times.", remedy="They can speak again from another account.")

    async def _group(self, of: Native, community: Community, handle: str) -> Sequence[Change]:
        address = native(group_url(self._me, community.id))
        ghost = await self._directory.ghost(address)
        if ghost is None:
            return await self._new(address, of, community, handle, None)
        if ghost.ended is not None:
            raise OperatorError(f"The community {community.handle!r} was retired.", remedy="Create another one with another name.")
        return _renewed(ghost, community.name, ghost.avatar)

    async def _lives(self, of: Native) -> AsyncIterator[tuple[int, Native, Ghost | None]]:
        for incarnation in range(MOST_RETURNS):
            address = native(person_url(self._me, of, incarnation))
            yield incarnation, address, await self._directory.ghost(address)

    async def _new(self, address: Native, of: Native, community: Community, handle: str, actor: Actor | None) -> Sequence[Change]:
        handle = handle.lower()
        if flaw(handle, self._me.domain) is not None:
            raise OperatorError(f"{handle[:100]!r} cannot be a name on the fediverse here.", remedy=_NAMES)
        if await self._directory.ghost_by_handle(ACTIVITYPUB, handle) is not None:
            raise Conflict(f"The name {handle!r} belongs to somebody else here, or did once; choose another one.")
        await self._signers.public(address)
        if of.protocol == OURS:
            kind, name, avatar = ActorKind.GROUP, community.name, None
            # Those who look after it sign with a key that is in every backup of the group's own.
            await self._signers.public(native(team_url(address.id)))
        else:
            kind = ActorKind.SERVICE if actor is not None and actor.kind in _AUTOMATED else ActorKind.PERSON
            name, avatar = (actor.name, actor.avatar) if actor is not None else ("", None)
        ghost = Ghost(
            native=address, of=of, handle=handle, kind=kind, community=community.id, name=name, avatar=avatar, since=self._clock.now()
        )
        return (PutGhost(ghost),)

    async def _free_name(self, of: Native, incarnation: int) -> str:
        """The one their id suggests; a number is added where somebody has it, or they had it before."""
        stem = default_handle(of.id)
        for number in range(incarnation + 1, incarnation + 1 + MOST_RETURNS):
            name = stem if number == 1 else f"{stem[: LONGEST - 4].rstrip('.-')}_{number}"
            if flaw(name, self._me.domain) is None and await self._directory.ghost_by_handle(ACTIVITYPUB, name) is None:
                return name
        raise Conflict(f"All names like {stem!r} are taken; choose another one.")


def _renewed(ghost: Ghost, name: str, avatar: str | None) -> Sequence[Change]:
    if (name, avatar) == (ghost.name, ghost.avatar):
        return ()
    return (PutGhost(msgspec.structs.replace(ghost, name=name, avatar=avatar)),)
