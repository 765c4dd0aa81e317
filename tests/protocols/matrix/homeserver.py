"""A homeserver of a hundred lines on a loopback port: it keeps what it was asked, and can be told to be rude.

It answers as Synapse 1.163 did in matrix.md sections 3 and 5; the real one is in `tests/live`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "our own token"


class Asked(msgspec.Struct):
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    header: str
    body: Any
    url: str


class Standin:
    """Accounts, rooms and events of one homeserver. `rude[(method, part of a path)]`: the answers to give first."""

    def __init__(self, port: int | None = None) -> None:
        self.asked: list[Asked] = []
        self.rude: dict[tuple[str, str], list[tuple[int, dict[str, Any], dict[str, str]]]] = {}
        self.accounts: set[str] = set()
        self.devices: set[str] = set()
        self.names: dict[str, str] = {}
        self.members: dict[tuple[str, str], tuple[str, str]] = {}
        self.open_rooms: set[str] = {"!commons"}
        self.state: dict[tuple[str, str], dict[str, Any]] = {}
        self.sent: dict[tuple[str, str], str] = {}
        self.media: dict[str, bytes] = {}
        self.avatars: dict[str, str] = {}
        self.timeline: dict[str, list[dict[str, Any]]] = {}
        """Per room, oldest first."""
        self.told: dict[str, dict[str, Any]] = {}
        """What the memberships of somebody say besides."""
        self.invited: dict[str, Any] = {}
        self.aliases: dict[str, str] = {}
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self.server = TestServer(application, port=port)

    @property
    def url(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    def be_rude(self, method: str, part: str, *answers: tuple[int, dict[str, Any], dict[str, str]]) -> None:
        self.rude[(method, part)] = list(answers)

    def count(self, method: str, part: str) -> int:
        return sum(1 for asked in self.asked if asked.method == method and part in asked.path)

    async def _answer(self, request: web.Request) -> web.Response:
        raw = await request.read()
        path, query = request.path.removeprefix("/_matrix/client/v3"), dict(request.query)
        is_json = request.headers.get("Content-Type", "application/json") == "application/json"
        body = msgspec.json.decode(raw) if raw and is_json else raw or None
        self.asked.append(Asked(request.method, path, query, request.headers.get("Authorization", ""), body, str(request.rel_url)))
        for (method, part), answers in self.rude.items():
            if method == request.method and part in path and answers:
                status, content, headers = answers.pop(0)
                return web.json_response(content, status=status, headers=headers)
        user = query.get("user_id", "@_folkmoot_x:hs.test")
        if user not in self.accounts and "register" not in path and "user_id" in query:
            return _error(403, "M_FORBIDDEN", "Application service has not registered this user")
        parts = [part for part in path.split("/") if part]
        for name, answer in self._routes().items():
            if name in parts or path.endswith(name):
                return await answer(request.method, parts, user, body)
        return web.json_response({})

    def _routes(self) -> dict[str, Callable[[str, list[str], str, Any], Awaitable[web.Response]]]:
        return {
            "register": self._register,
            "devices": self._device,
            "profile": self._profile,
            "send": self._send,
            "redact": self._send,
            "state": self._state,
            "join": self._join,
            "invite": self._invite,
            "leave": self._leave,
            "ban": self._ban,
            "unban": self._ban,
            "createRoom": self._create,
            "directory": self._directory,
            "joined_rooms": self._rooms,
            "members": self._memberships,
            "messages": self._messages,
            "sync": self._sync,
            "upload": self._upload,
            "download": self._download,
        }

    async def _register(self, _method: str, _parts: list[str], _user: str, body: Any) -> web.Response:
        user = f"@{body['username']}:hs.test"
        if user in self.accounts:
            return _error(400, "M_USER_IN_USE", "taken")
        self.accounts.add(user)
        return web.json_response({"user_id": user})

    async def _device(self, _method: str, _parts: list[str], user: str, _body: Any) -> web.Response:
        self.devices.add(user)
        return web.json_response({})

    async def _profile(self, method: str, parts: list[str], _user: str, body: Any) -> web.Response:
        if method == "PUT":
            self.names[parts[1]] = body.get("displayname", self.names.get(parts[1], ""))
            self.avatars[parts[1]] = body.get("avatar_url", self.avatars.get(parts[1], ""))
            return web.json_response({})
        if parts[1] not in self.names:
            return _error(404, "M_NOT_FOUND", "no profile")
        return web.json_response({"displayname": self.names[parts[1]]})

    async def _send(self, _method: str, parts: list[str], user: str, _body: Any) -> web.Response:
        room, transaction = parts[1], parts[-1]
        if self.members.get((room, user), ("", ""))[0] != "join":
            return _error(403, "M_FORBIDDEN", "not in the room")
        if user not in self.devices:
            return _error(400, "M_UNKNOWN_DEVICE", "no such device")
        made = self.sent.setdefault((room, transaction), f"${len(self.sent)}")
        return web.json_response({"event_id": made})

    async def _state(self, method: str, parts: list[str], _user: str, body: Any) -> web.Response:
        room, kind = parts[1], parts[3]
        if method == "PUT":
            self.state[(room, kind)] = body
            return web.json_response({"event_id": "$state"})
        if kind == "m.room.member":
            membership, sender = self.members.get((room, parts[4]), ("", ""))
            found: dict[str, Any] | None = {"sender": sender, "content": {"membership": membership}} if membership else None
        else:
            found = self.state.get((room, kind))
        return web.json_response(found) if found is not None else _error(404, "M_NOT_FOUND", "no such state")

    async def _join(self, _method: str, parts: list[str], user: str, _body: Any) -> web.Response:
        room = parts[1]
        membership = self.members.get((room, user), ("", ""))[0]
        if membership == "ban" or (room not in self.open_rooms and membership != "invite"):
            return _error(403, "M_FORBIDDEN", "not invited")
        self.members[(room, user)] = ("join", user)
        return web.json_response({"room_id": room})

    async def _invite(self, _method: str, parts: list[str], user: str, body: Any) -> web.Response:
        self.members[(parts[1], body["user_id"])] = ("invite", user)
        return web.json_response({})

    async def _leave(self, _method: str, parts: list[str], user: str, _body: Any) -> web.Response:
        self.members[(parts[1], user)] = ("leave", user)
        return web.json_response({})

    async def _ban(self, _method: str, parts: list[str], user: str, body: Any) -> web.Response:
        self.members[(parts[1], body["user_id"])] = ("ban" if parts[2] == "ban" else "leave", user)
        return web.json_response({})

    async def _create(self, _method: str, _parts: list[str], user: str, body: Any) -> web.Response:
        room = f"!made{self.count('POST', 'createRoom')}"
        self.members[(room, user)] = ("join", user)
        if "room_alias_name" in body:
            self.aliases[f"#{body['room_alias_name']}:hs.test"] = room
        return web.json_response({"room_id": room})

    async def _directory(self, _method: str, parts: list[str], _user: str, _body: Any) -> web.Response:
        room = self.aliases.get(parts[2])
        return web.json_response({"room_id": room}) if room else _error(404, "M_NOT_FOUND", "no such alias")

    async def _rooms(self, _method: str, _parts: list[str], user: str, _body: Any) -> web.Response:
        return web.json_response(
            {"joined_rooms": [room for (room, who), (how, _) in self.members.items() if who == user and how == "join"]}
        )

    async def _memberships(self, _method: str, parts: list[str], _user: str, _body: Any) -> web.Response:
        here = [user for (room, user), (how, _) in self.members.items() if room == parts[1] and how == "join"]
        chunk = [
            {"type": "m.room.member", "state_key": user, "content": {"membership": "join", **self.told.get(user, {})}} for user in here
        ]
        return web.json_response({"chunk": chunk})

    async def _messages(self, _method: str, parts: list[str], _user: str, _body: Any) -> web.Response:
        query = self.asked[-1].query
        events = self.timeline.get(parts[1], [])[::-1]
        start, limit = int(query.get("from", "0")), int(query["limit"])
        page = {"chunk": events[start : start + limit]}
        return web.json_response({**page, "end": str(start + limit)} if start + limit < len(events) else page)

    async def _upload(self, _method: str, _parts: list[str], _user: str, body: Any) -> web.Response:
        address = f"mxc://hs.test/up{len(self.media)}"
        self.media[address] = body
        return web.json_response({"content_uri": address})

    async def _download(self, _method: str, parts: list[str], _user: str, _body: Any) -> web.Response:
        found = self.media.get(f"mxc://{parts[-2]}/{parts[-1]}")
        return web.Response(body=found) if found is not None else _error(404, "M_NOT_FOUND", "no such file")

    async def _sync(self, _method: str, _parts: list[str], _user: str, _body: Any) -> web.Response:
        return web.json_response({"next_batch": "x", "rooms": {"invite": self.invited}})


def _error(status: int, errcode: str, error: str) -> web.Response:
    return web.json_response({"errcode": errcode, "error": error}, status=status)
