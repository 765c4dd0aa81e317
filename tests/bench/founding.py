"""Founds the node that is measured: one community, one room, Ana who lets her words cross, Sam who was let in, and followers by the thousand.

Everything is written as the node itself would write it; only the asking and answering that leads there is left out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bridge.app import open_app
from bridge.changes import Change, JoinRoster, LetIn, PutActor, PutConsent, PutFollow
from bridge.founding import Answers, found_secrets, settings_for, settings_text
from bridge.homeserver import free_port
from bridge.keyfiles import Secrets, write_private
from bridge.model.actor import Actor
from bridge.model.ids import ACTIVITYPUB, EventId, Native
from bridge.model.place import Community, PlaceKind
from bridge.model.record import Follow
from bridge.norms.context import Consent, Crossing
from bridge.relay.plan import place_roster
from bridge.settings import Development, Settings
from protocols.activitypub.keys import Signer, load_private_key, new_rsa, public_pem
from protocols.matrix.translate.frame import account
from tests.bench.homes import FILE, Home

__all__ = ["Founded", "Rows", "found"]

ANA = account("@ana:hs.test", "Ana")
ROOM = "!commons"


class Rows(msgspec.Struct, frozen=True):
    """What is in the store: rows of all tables, and of those that hold what leaves."""

    every: int
    out: int


class Founded(msgspec.Struct, frozen=True):
    """`path`: its settings file; `group`: what Sam writes to; `signer`: Sam's key; `sinks`: the followers' servers."""

    path: Path
    settings: Settings
    secrets: Secrets
    group: str
    sam: Actor
    signer: Signer
    sinks: tuple[str, ...]
    home: Home

    @property
    def inbox(self) -> tuple[str, int]:
        return self.settings.listen.host, self.settings.listen.port

    @property
    def door(self) -> tuple[str, int]:
        assert self.settings.matrix is not None
        return self.settings.matrix.listen.host, self.settings.matrix.listen.port

    def rows(self) -> Rows:
        """Read beside the running node."""
        counts = self.home.counts(self.settings)
        return Rows(sum(counts.values()), sum(counts[name] for name in ("out", "out_roster", "out_to", "reach", "reach_to")))


async def found(folder: Path, *, homeserver: str, sinks: Sequence[str], followers: int = 0, grace: int = 0, home: Home = FILE) -> Founded:
    """`homeserver`: its URL; `sinks`: origins of the followers' servers, of which the first is Sam's; `grace` in seconds, Ana's.

    `home`: the database it lives on."""
    port = free_port()
    own = f"http://127.0.0.1:{port}"
    answers = Answers(
        domain=f"127.0.0.1:{port}",
        homeserver=homeserver,
        server_name="hs.test",
        data_dir=str(folder),
        listen=f"127.0.0.1:{port}",
        door=f"127.0.0.1:{free_port()}",
    )
    settings = settings_for(answers, Development(enabled=True, networks=("127.0.0.0/8",), origins=(own, *sinks)))
    settings = msgspec.structs.replace(settings, storage=home.storage())
    secrets = found_secrets(os.urandom)
    settings.secrets.mkdir(mode=0o700, parents=True)
    write_private(settings.secrets / "secret.key", secrets.key)
    write_private(settings.secrets / "as_token", secrets.as_token.encode())
    write_private(settings.secrets / "hs_token", secrets.hs_token.encode())
    path = folder / "folkmoot.toml"
    write_private(path, settings_text(settings).encode())
    sam = _person("sam", sinks[0])
    signer = Signer(f"{sam.native.id}#main-key", load_private_key(new_rsa()))
    group = await _settle(settings, sam, signer, [_person(f"f{n}", sinks[n % len(sinks)]) for n in range(followers)], grace)
    return Founded(path, settings, secrets, group, sam, signer, tuple(sinks), home)


def _person(name: str, origin: str) -> Actor:
    host = origin.partition("://")[2]
    url = f"{origin}/u/{name}"
    return Actor(
        Native(ACTIVITYPUB, url),
        f"@{name}@{host}",
        host,
        name.title(),
        url=url,
        route=f"{url}/inbox",
        shared_route=f"{origin}/inbox",
        followers=f"{url}/followers",
    )


async def _settle(settings: Settings, sam: Actor, signer: Signer, followers: Sequence[Actor], grace: int) -> str:
    """Returns the group's address."""
    now = datetime.now(UTC)
    async with open_app(settings) as node:
        assert node.matrix is not None
        await node.activitypub.start()
        await node.operations.community_create(handle="commons", name="The Commons")
        await node.operations.community_link(handle="commons", place=ROOM)
        community: Community = (await node.store.directory.communities())[0]
        channel = (await node.store.directory.channels(community.id))[0]
        group = next(place for place in channel.places if place.kind is PlaceKind.GROUP)
        changes: list[Change] = [
            *await node.activitypub.embody(ANA.native, community, actor=ANA),
            PutConsent(Consent(ANA.native, community.id, Crossing.ON, grace=grace, since=now, opted_in_by_act=True)),
            PutActor(sam, now),
            LetIn(sam.native, community.id, EventId("sam's first words")),
        ]
        for follower in followers:
            where = node.activitypub.destination_of(follower, alone=False)
            assert where is not None
            changes += [
                PutActor(follower, now),
                PutFollow(Follow(follower.native, group.native, f"{follower.native.id}#follow", now, accepted=now)),
                JoinRoster(place_roster(group, community.id), where, follower.native),
            ]
        await node.store.journal.commit(changes)
        await node.store.keys.remember(signer.id, sam.native.id, public_pem(signer.private).encode("ascii"), now)
        await node.activitypub.stop()
        return group.native.id
