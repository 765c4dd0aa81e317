"""What of somebody's words stayed where they were said: recorded each time, and told to them once per room."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bridge.changes import Change, NoteRelayed, PutOmission
from bridge.model.content import Notice
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
        return changes

    async def _told(self, event: Event, channel: Channel, code: str, text: str, word: RichText) -> list[Change]:
        place = next((place.native for place in channel.places if place.kind is not PlaceKind.ROOM), event.place)
        changes: list[Change] = [PutOmission(Omission(event.id, place, code, text))]
        person, now = event.author.native, self._clock.now()
        told = derive(self._node.secret, "told", code, str(person), str(event.place))
        if await self._store.decisions.relayed(told) or await self._store.directory.conversation(person) is None:
            return changes
        changes += await self._notices.items([Notice(person, word)], event, event.community, now)
        return [*changes, NoteRelayed(told, now + EVER)]
