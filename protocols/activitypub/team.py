"""The account under which a group's moderators act together: derived from the group, so that nothing of it is stored and it ends with the group.

Lemmy 1.0 takes an act of moderation from a person or a service alone, never from a group, and shows who acted; who decided here is nobody's
business (norms.md 4.6, scenario S06). Mastodon 4.5 wants a name that leads back to the account before it believes a signature.
"""

from __future__ import annotations

from bridge.model.actor import ActorKind, Ghost
from bridge.model.ids import ACTIVITYPUB
from bridge.moderation.handles import TEAM
from bridge.ports import Directory
from protocols.activitypub.ids import native, team_url

__all__ = ["called", "team_at", "team_of"]

_TAIL = "/team"


def team_of(group: Ghost) -> Ghost:
    """A face of the group, never a row."""
    return Ghost(
        native=native(team_url(group.native.id)),
        of=group.of,
        handle=f"{group.handle}{TEAM}",
        kind=ActorKind.SERVICE,
        community=group.community,
        name=f"{group.name or group.handle}: moderation",
        since=group.since,
        ended=group.ended,
    )


async def team_at(directory: Directory, url: str) -> Ghost | None:
    """The team's account by its address; None for every other address."""
    group = await directory.ghost(native(url.removesuffix(_TAIL))) if url.endswith(_TAIL) else None
    return team_of(group) if group is not None and group.kind is ActorKind.GROUP else None


async def called(directory: Directory, handle: str) -> Ghost | None:
    """Whoever has this name on the fediverse here, in lower case: no person is given one that is a team's."""
    if not handle.endswith(TEAM):
        return await directory.ghost_by_handle(ACTIVITYPUB, handle)
    group = await directory.ghost_by_handle(ACTIVITYPUB, handle.removesuffix(TEAM))
    return team_of(group) if group is not None and group.kind is ActorKind.GROUP else None
