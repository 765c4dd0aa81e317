"""Promises that what the homeserver lost on the way to us is found again: the rooms' own history is the second, durable source.

Matrix findings F1, F2, F6 and F7: Synapse 1.163 forgets queued events when it restarts (element-hq/synapse#11637), delivers others late, and
sends nothing that waits until something new happens. Every way ends in the same intake keys, so nothing is taken twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import msgspec

from bridge.errors import Malformed
from bridge.logs import logger
from bridge.model.ids import NAMESPACE
from bridge.ports import Clock, Journal
from bridge.streams import Intake
from protocols.matrix.appservice import intake_of
from protocols.matrix.client import Client, Rejected
from protocols.matrix.ids import Me
from protocols.matrix.translate.membership import before
from protocols.matrix.wire import MatrixEvent, MemberContent, decode

__all__ = ["HEARTBEAT", "MOST_PAGES", "Reconciler", "SeenBy"]

MOST_PAGES = 50
"""Of a hundred events, per room and pass: a homeserver whose pages go in circles (CVE-2026-45076) ends here."""

HEARTBEAT = f"{NAMESPACE}.heartbeat"
"""The state event that makes a restarted homeserver send what waits (F7)."""

SeenBy = Callable[[str], Awaitable[str]]
"""From a room to the account of ours that reads it."""

_log = logger()


class Reconciler:
    """Reads rooms backwards, as the bot or whoever of ours is in them, until what it meets is known."""

    def __init__(
        self, me: Me, client: Client, journal: Journal, clock: Clock, *, control_alias: str, seen_by: SeenBy | None = None
    ) -> None:
        """`control_alias`: the localpart of the alias of the bot's own room. `seen_by`: which account of ours reads a room; else the bot."""
        self._me = me
        self._client = client
        self._journal = journal
        self._clock = clock
        self._alias = control_alias
        self._control = ""
        self._seen_by = seen_by

    async def rooms(self, rooms: Iterable[str]) -> int:
        """How many events were found that had never arrived. A room that refuses is left for the next pass."""
        found = 0
        for room in rooms:
            if room == self._control:
                continue
            try:
                found += await self.room(room)
            except Rejected as refusal:
                _log.warning("homeserver.refused", place=room, code=refusal.errcode, kind="history")
        return found

    async def room(self, room: str) -> int:
        """One room; missing events are accepted oldest first. Events from before its reader joined are not ours to read."""
        reader = self._me.bot if self._seen_by is None else await self._seen_by(room)
        missing: list[Intake] = []
        mark: str | None = None
        complete = False
        for _ in range(MOST_PAGES):
            page = await self._client.messages(room, by=reader, before=mark)
            entries, at_start = self._entries(page.chunk, reader)
            known = await self._journal.known([entry.key for entry in entries]) if entries else frozenset()
            missing += [entry for entry in entries if entry.key not in known]
            met = bool(entries) and len(known) == len(entries)
            complete = met or at_start or page.end is None or page.end == mark
            if complete:
                break
            mark = page.end
        if not complete:
            _log.warning("room.gapped", place=room, count=MOST_PAGES)
        if missing:
            await self._journal.accept(missing[::-1])
            _log.info("room.reconciled", place=room, count=len(missing))
        return len(missing)

    def _entries(self, chunk: Iterable[msgspec.Raw], reader: str) -> tuple[list[Intake], bool]:
        """Intakes newest first, up to the reader's own joining, and whether that was met."""
        entries: list[Intake] = []
        for raw in chunk:
            body = bytes(raw)
            try:
                entry = intake_of(self._me, body, self._clock)
            except Malformed as error:
                _log.warning("intake.refused", code="malformed", detail=error.private)
                continue
            if self._is_joining(body, reader):
                return entries, True
            entries.append(entry)
        return entries, False

    def _is_joining(self, body: bytes, user: str) -> bool:
        if b"m.room.member" not in body:
            return False
        try:
            raw: MatrixEvent = decode(body, MatrixEvent)
            if raw.type != "m.room.member" or raw.state_key != user:
                return False
            content: MemberContent = decode(raw.content, MemberContent)
        except Malformed:
            return False
        return content.membership == "join" and before(raw).membership != "join"

    async def flush(self) -> None:
        """Make the homeserver send what it kept: an event in the bot's own room (F7)."""
        if not self._control:
            self._control = await self._open_control()
        await self._client.put_state(self._control, HEARTBEAT, {"at": int(self._clock.now().timestamp() * 1000)}, by=self._me.bot)

    async def _open_control(self) -> str:
        """The room is found by its alias, so that there is one whatever was lost here."""
        alias = f"#{self._alias}:{self._me.server_name}"
        try:
            return await self._client.resolve(alias, by=self._me.bot)
        except Rejected as refusal:
            if refusal.errcode != "M_NOT_FOUND":
                raise
        body = {"preset": "private_chat", "room_alias_name": self._alias, "name": "Folkmoot: heartbeat", "topic": "Only the bot is here."}
        try:
            room = await self._client.create_room(body, by=self._me.bot)
        except Rejected:
            # Another process of this node may have been quicker by a moment.
            return await self._client.resolve(alias, by=self._me.bot)
        _log.info("room.created", kind="control")
        return room
