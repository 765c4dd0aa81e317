"""What of somebody's words stayed where they were said, recorded each time and told to them once per room; and what they could add."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bridge.changes import Change, NoteRelayed, PutOmission
from bridge.model.content import Message, Notice
from bridge.model.content.message import Attachment
from bridge.model.event import Event
from bridge.model.ids import derive
from bridge.model.item import Omission
from bridge.model.place import Channel, PlaceKind
from bridge.model.richtext import RichText
from bridge.moderation.wording import notice
from bridge.ports import Clock, Node, Store
from bridge.relay.keeping import Keeping
from bridge.relay.notices import Notices
from bridge.relay.plan import said

__all__ = ["Losses"]

EVER: Final = timedelta(days=36_500)

AGAIN: Final = timedelta(days=30)
"""How long somebody is not asked for descriptions again (norms.md N08, `alt_nudge_days`)."""


class Losses:
    """`of` what crosses; it only reads, and what it returns is committed with the rest."""

    def __init__(self, node: Node, store: Store, clock: Clock, notices: Notices) -> None:
        self._node = node
        self._store = store
        self._clock = clock
        self._notices = notices

    async def of(self, event: Event, keeping: Keeping, channel: Channel) -> list[Change]:
        """Files that nobody else can fetch, and votes; of an emoji the name has crossed. Raises StorageError."""
        message = said(event.content)
        if message is None:
            return []
        changes: list[Change] = []
        files = {attachment.url for attachment in message.attachments}
        if why := " ".join(dict.fromkeys(why for source, why in keeping.left.items() if source in files)):
            word = notice("file.not_carried", (("why", why),))
            changes += await self._told(event, channel, "file.not_carried", f"A file stayed where it was sent. {why}", word)
        if message.poll:
            word = notice("poll.not_carried")
            changes += await self._told(event, channel, "poll.not_carried", "Votes in a poll stay where it was asked.", word)
        if isinstance(event.content, Message) and any(_is_undescribed(keeping.shown.get(file.url)) for file in message.attachments):
            # Asked for, never waited for: the picture has crossed (N08).
            changes += await self._once(event, "file.undescribed", "", AGAIN, notice("file.undescribed"))
        return changes

    async def _told(self, event: Event, channel: Channel, code: str, text: str, word: RichText) -> list[Change]:
        place = next((place.native for place in channel.places if place.kind is not PlaceKind.ROOM), event.place)
        return [PutOmission(Omission(event.id, place, code, text)), *await self._once(event, code, str(event.place), EVER, word)]

    async def _once(self, event: Event, code: str, where: str, time: timedelta, word: RichText) -> list[Change]:
        """To its author, where they talk with the bridge already, and not again for so long."""
        person, now = event.author.native, self._clock.now()
        told = derive(self._node.secret, "told", code, str(person), where)
        if await self._store.decisions.relayed(told) or await self._store.directory.conversation(person) is None:
            return []
        said_once = await self._notices.items([Notice(person, word)], event, event.community, now)
        return [*said_once, NoteRelayed(told, now + time)]


def _is_undescribed(shown: Attachment | None) -> bool:
    return shown is not None and shown.media_type.startswith("image/") and not shown.description
