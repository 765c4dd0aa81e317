"""A house whose moderators have a room, and reports as they come from other servers."""

from __future__ import annotations

from datetime import timedelta

from bridge.changes import AppendEvent
from bridge.model.actor import Actor
from bridge.model.audience import Audience
from bridge.model.content import Edit, Message, Report
from bridge.model.event import Event, Provenance
from bridge.model.ids import ACTIVITYPUB, Native, event_id
from bridge.model.place import Openness
from tests.bridge.relay.house import NODE, House


class Moderated(House):
    """`cards`: what stands in the moderators' room now, the first card first."""

    async def cards(self) -> list[str]:
        shown: dict[str, str] = {}
        for _, item in await self.out("mods"):
            content = item.event.content
            if isinstance(content, Message | Edit):
                shown[item.object] = (content.message if isinstance(content, Edit) else content).text.plain
        return list(shown.values())

    async def hear_report(self, reporter: Actor, report: Report) -> None:
        """As the adapter reads a `Flag` to the group."""
        group = await self.group()
        channel = (await self.store.directory.channels((await self.community()).id))[0]
        native = Native(ACTIVITYPUB, f"https://{reporter.host}/flags/{next(self._numbers)}")
        event = Event(
            id=event_id(NODE.secret, native),
            community=channel.community,
            channel=channel.id,
            place=group.native,
            author=reporter,
            content=report,
            audience=Audience.LOCAL,
            at=self.clock.now(),
            received_at=self.clock.now(),
            provenance=Provenance(native),
        )
        await self.store.journal.commit([AppendEvent(event)])
        await self.settle()


async def moderated() -> Moderated:
    house = await Moderated.open()
    assert isinstance(house, Moderated)
    house.hall.open("mods", "Moderators", openness=Openness(), hosts=frozenset({"dee"}))
    await house.administration.community_moderation(handle="commons", place="loopback:mods")
    return house


async def flag(house: Moderated, reporter: Actor, message: str, words: str = "") -> None:
    """Of something said in the hall."""
    known = await house.object(message)
    assert known is not None
    await house.hear_report(reporter, Report((known.id,), words=words))
    house.clock.forward(timedelta(seconds=1).total_seconds())
