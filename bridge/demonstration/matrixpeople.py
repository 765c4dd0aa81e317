"""People with an account on the homeserver, through its client API and nothing else: what any Matrix client would do and see.

https://spec.matrix.org/v1.18/client-server-api/. One long poll per person; whoever waits is woken by what it brings.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from bridge.errors import OperatorError
from bridge.homeserver import Account

__all__ = ["MatrixPerson", "MatrixRefused", "Post"]

POLL = 20_000
"""Milliseconds that the homeserver may keep a poll waiting."""

ANSWERS_WITHIN = 40.0

_FILTER = '{"presence":{"types":[]},"room":{"timeline":{"limit":200},"ephemeral":{"types":[]}}}'

_Found = TypeVar("_Found")


class MatrixRefused(OperatorError):
    """The homeserver did not do what a person's client asked."""

    code = "matrix_refused"


class Post(msgspec.Struct):
    """One message in a room as a client shows it now."""

    id: str
    sender: str
    text: str
    thread: str = ""
    notice: bool = False
    edited: bool = False
    taken_back: bool = False
    reactions: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """Sign → who put it there → the event that did."""


class _Room:
    """What a client knows of one room."""

    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}
        self.names: dict[str, str] = {}

    def see(self, event: dict[str, Any]) -> None:
        content: dict[str, Any] = event.get("content") or {}
        relation: dict[str, Any] = content.get("m.relates_to") or {}
        match event.get("type"):
            case "m.room.member":
                self.names[event["state_key"]] = content.get("displayname") or event["state_key"]
            case "m.room.message" if relation.get("rel_type") == "m.replace":
                edited = self.posts.get(relation["event_id"])
                if edited is not None and edited.sender == event["sender"]:
                    edited.text, edited.edited = content["m.new_content"]["body"], True
            case "m.room.message" if "body" in content:
                thread = relation.get("event_id", "") if relation.get("rel_type") == "m.thread" else ""
                notice = content.get("msgtype") == "m.notice"
                self.posts[event["event_id"]] = Post(event["event_id"], event["sender"], content["body"], thread, notice)
            case "m.reaction" if relation.get("event_id") in self.posts:
                signs = self.posts[relation["event_id"]].reactions.setdefault(relation["key"], {})
                signs[event["sender"]] = event["event_id"]
            case "m.room.redaction":
                self._redact(content.get("redacts") or event.get("redacts") or "")

    def _redact(self, event: str) -> None:
        if event in self.posts:
            post = self.posts[event]
            post.text, post.taken_back, post.reactions = "", True, {}
        for post in self.posts.values():
            for sign, who in list(post.reactions.items()):
                left = {sender: reaction for sender, reaction in who.items() if reaction != event}
                if left:
                    post.reactions[sign] = left
                else:
                    del post.reactions[sign]


class MatrixPerson:
    """`async with MatrixPerson(session, url, account, "Ana") as ana`: logged in, and watching."""

    def __init__(self, session: aiohttp.ClientSession, url: str, account: Account, called: str) -> None:
        self.called = called
        self.id = account.user_id
        self._session = session
        self._url = url
        self._token = account.access_token
        self._numbers = itertools.count()
        self._rooms: dict[str, _Room] = {}
        self._bell = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    # ------------------------------------------------------------------------------------------------------ acting

    async def begin(self) -> None:
        await self._ask("PUT", f"/profile/{quote(self.id)}/displayname", {"displayname": self.called})
        self._watching = asyncio.create_task(self._watch(), name=f"watch.{self.called}")

    async def end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def open_room(self, alias: str, name: str) -> str:
        """A room that everybody may enter and read; its id."""
        request = {
            "preset": "public_chat",
            "room_alias_name": alias,
            "name": name,
            "initial_state": [{"type": "m.room.history_visibility", "content": {"history_visibility": "world_readable"}}],
        }
        return str((await self._ask("POST", "/createRoom", request))["room_id"])

    async def join(self, room: str) -> None:
        await self._ask("POST", f"/join/{quote(room)}", {})

    async def say(self, room: str, text: str, *, thread: str = "") -> str:
        """`thread`: the message at its root. Returns the event's id."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": text, "m.mentions": {}}
        if thread:
            answered = {"event_id": thread}
            content["m.relates_to"] = {"rel_type": "m.thread", "event_id": thread, "is_falling_back": True, "m.in_reply_to": answered}
        return await self._send(room, "m.room.message", content)

    async def edit(self, room: str, event: str, text: str) -> str:
        new = {"msgtype": "m.text", "body": text, "m.mentions": {}}
        relation = {"rel_type": "m.replace", "event_id": event}
        return await self._send(room, "m.room.message", {**new, "body": f"* {text}", "m.new_content": new, "m.relates_to": relation})

    async def react(self, room: str, event: str, sign: str) -> str:
        return await self._send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": sign}})

    async def take_back(self, room: str, event: str) -> None:
        await self._ask("PUT", f"/rooms/{quote(room)}/redact/{quote(event)}/{self._transaction()}", {})

    async def _send(self, room: str, kind: str, content: dict[str, Any]) -> str:
        return str((await self._ask("PUT", f"/rooms/{quote(room)}/send/{kind}/{self._transaction()}", content))["event_id"])

    def _transaction(self) -> str:
        return f"demo-{next(self._numbers)}"

    # ------------------------------------------------------------------------------------------------------ seeing

    def posts(self, room: str) -> tuple[Post, ...]:
        """What is in the room now, in order."""
        return tuple(self._rooms[room].posts.values()) if room in self._rooms else ()

    def name(self, room: str, sender: str) -> str:
        """What somebody is called in a room."""
        return self._rooms[room].names.get(sender, sender) if room in self._rooms else sender

    def told_by(self, bot: str) -> tuple[str, ...]:
        """What the bot has said in rooms where it is alone with this person."""
        return tuple(
            post.text
            for room in self._rooms.values()
            if set(room.names) <= {bot, self.id}
            for post in room.posts.values()
            if post.sender == bot
        )

    async def until(self, look: Callable[[], _Found], seconds: float) -> _Found:
        """What `look` finds, as soon as that is something. Raises TimeoutError, and what ended the watching."""
        async with asyncio.timeout(seconds):
            while not (found := look()):
                if self._watching is not None and self._watching.done():
                    self._watching.result()
                await self._bell.wait()
        return found

    async def _watch(self) -> None:
        since = ""
        try:
            while True:
                query = {"timeout": str(POLL), "filter": _FILTER} | ({"since": since} if since else {})
                news = await self._ask("GET", "/sync", None, query)
                since = news["next_batch"]
                rooms: dict[str, Any] = news.get("rooms") or {}
                for room, shown in (rooms.get("join") or {}).items():
                    self._see(room, shown)
                for room in rooms.get("invite") or {}:
                    await self.join(room)
                self._ring()
        finally:
            self._ring()

    def _ring(self) -> None:
        self._bell.set()
        self._bell = asyncio.Event()

    def _see(self, room: str, shown: dict[str, Any]) -> None:
        known = self._rooms.setdefault(room, _Room())
        for part in ("state", "timeline"):
            for event in (shown.get(part) or {}).get("events") or ():
                known.see(event)

    async def _ask(self, method: str, path: str, body: object, query: dict[str, str] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._token}"}
        limit = aiohttp.ClientTimeout(total=ANSWERS_WITHIN)
        address = f"{self._url}/_matrix/client/v3{path}"
        async with self._session.request(method, address, json=body, params=query, headers=headers, timeout=limit) as answer:
            found = await answer.read()
            if answer.status != 200:
                said = found[:200].decode("utf-8", "replace")
                raise MatrixRefused(f"the homeserver answered {answer.status} to {method} {path}: {said}")
        decoded: dict[str, Any] = msgspec.json.decode(found)
        return decoded
