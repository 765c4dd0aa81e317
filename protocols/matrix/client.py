"""Every request to the homeserver leaves through here, once, with the token in its header only; error answers become our exceptions.

Paths and requests are matrix-nio 0.26's; it has no masquerading, puts the token into the query and retries for ever by itself, so this
subclass adds `user_id` and `device_id`, strips the token and keeps all retries off (matrix.md section 6). The session is lent by whoever
starts the node. Error codes: https://spec.matrix.org/v1.18/client-server-api/#standard-error-response.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import msgspec
import nio

from bridge.errors import BadRegistration, Refused, TooLarge, Unreachable
from protocols.matrix.ids import DEVICE

__all__ = ["Client", "Page", "Rejected", "Silent"]

SECONDS = 30.0
"""For one request; Synapse answers sends within a second unless it is overloaded."""

MOST_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer: a page of 100 events of 64 KiB, and room to spare."""

PATIENCE_MS = 20_000
"""How long the homeserver may wait for another one that has the file."""

_MXC = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})")
_REMEDY = (
    "The homeserver does not accept our token. Put the registration file that `folkmoot init` wrote into the homeserver's "
    "app_service_config_files and restart the homeserver."
)


class Rejected(Refused):
    """The homeserver understood and said no, for good; `errcode` as in the specification."""

    code = "rejected"

    def __init__(self, errcode: str, said: str, status: int) -> None:
        super().__init__(f"The homeserver refused this: {errcode}", private=f"{errcode} {status}: {said[:300]}")
        self.errcode = errcode
        self.said = said
        self.answered = status


class Silent(Unreachable):
    """No answer at all: the homeserver is down, restarting or cut off."""

    code = "silent"


class Page(msgspec.Struct):
    """One page of a room's history, newest first; `end` None: there is no more."""

    chunk: list[msgspec.Raw] = []
    end: str | None = None


class _Error(msgspec.Struct):
    errcode: str = "M_UNKNOWN"
    error: str = ""
    retry_after_ms: float | None = None


class _Nio(nio.AsyncClient):  # type: ignore[misc]
    """nio as an application service: who speaks is part of the query, the token only of the header."""

    def __init__(self, homeserver: str, token: str, session: aiohttp.ClientSession) -> None:
        quiet = nio.AsyncClientConfig(max_limit_exceeded=0, max_timeouts=0, encryption_enabled=False, request_timeout=SECONDS)
        super().__init__(homeserver, config=quiet)
        self.client_session = session
        self._bearer = {"Authorization": f"Bearer {token}"}

    async def ask(
        self, method: str, path: str, body: bytes | None, query: Mapping[str, str], media_type: str = "application/json"
    ) -> aiohttp.ClientResponse:
        parts = urlsplit(path)
        kept = [(key, value) for key, value in parse_qsl(parts.query, keep_blank_values=True) if key != "access_token"]
        asked = urlencode([*kept, *query.items()])
        target = f"{parts.path}?{asked}" if asked else parts.path
        headers = self._bearer if body is None else {**self._bearer, "Content-Type": media_type}
        answer: aiohttp.ClientResponse = await self.send(method, target, body, headers)
        return answer


class Client:
    """Requests of the application service. `user` is who speaks (a whole Matrix id), None the registration's own sender.

    Every method makes one attempt. Raises Unreachable (no answer, 5xx, 429 with `retry_after`), Rejected (a final no) and
    BadRegistration (our token is not known).
    """

    def __init__(self, homeserver: str, token: str, session: aiohttp.ClientSession) -> None:
        self._nio = _Nio(homeserver.rstrip("/"), token, session)
        self._syncs = secrets.randbits(48)

    async def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        user: str | None = None,
        device: bool = False,
        query: Mapping[str, str] | None = None,
        media_type: str = "application/json",
        most: int = MOST_ANSWER,
    ) -> bytes:
        """The body of a 2xx answer, of at most `most` bytes. `body` as JSON, or bytes as they are, which are of `media_type`."""
        asked = dict(query or {})
        if user is not None:
            asked["user_id"] = user
        if device:
            asked["device_id"] = DEVICE
        data = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        try:
            answer = await self._nio.ask(method, path, data, asked, media_type)
            async with answer:
                found = bytearray(await answer.content.read(most + 1))
                while len(found) <= most and not answer.content.at_eof():
                    found += await answer.content.read(most + 1 - len(found))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Silent("The homeserver does not answer.", private=f"{method}: {type(error).__name__}") from error
        if len(found) > most:
            if most < MOST_ANSWER:
                raise TooLarge(f"It has more than {most} bytes.")
            raise Unreachable("The homeserver's answer is too long to read.")
        if answer.status // 100 == 2:
            return bytes(found)
        raise _refusal(answer, bytes(found))

    async def download(self, mxc: str, *, by: str, most: int) -> bytes:
        """A file, its own homeserver's answer included. Raises Rejected when it is not there, TooLarge past `most` bytes, Unreachable.

        https://spec.matrix.org/v1.18/client-server-api/#get_matrixclientv1mediadownloadservernamemediaid. Not nio's own: that follows redirects
        with the token, and reads without a bound.
        """
        server, media = _parts(mxc)
        path = nio.Api._build_path(["media", "download", server, media], base_path="/_matrix/client/v1")
        return await self.request("GET", path, user=by, query={"timeout_ms": str(PATIENCE_MS)}, most=most)

    async def upload(self, body: bytes, media_type: str, name: str, *, by: str) -> str:
        """The address of a file that `by` gives to the homeserver, `mxc://…`. Raises TooLarge when it takes none of that size."""
        path = nio.Api._build_path(["upload"], {"filename": name} if name else {}, base_path="/_matrix/media/v3")
        try:
            return str(_field(await self.request("POST", path, body, user=by, media_type=media_type), "content_uri"))
        except Rejected as refusal:
            if refusal.errcode == "M_TOO_LARGE" or refusal.answered == 413:
                raise TooLarge("The homeserver takes no file of that size.", private=refusal.private) from refusal
            raise

    async def versions(self) -> None:
        """Is it up?"""
        await self.request("GET", "/_matrix/client/versions")

    async def whoami(self, user: str) -> str:
        method, path = nio.Api.whoami("")
        return str(_field(await self.request(method, path, user=user), "user_id"))

    async def ping(self, registration: str) -> None:
        """Ask the homeserver to call us: it then tries again at once what it could not deliver (F6). Raises Rejected when it cannot."""
        path = nio.Api._build_path(["appservice", registration, "ping"], base_path="/_matrix/client/v1")
        await self.request("POST", path, {})

    async def register(self, localpart: str) -> None:
        """Before anything else is done with an account: a name set first makes Synapse 1.163 answer 500 for ever (matrix.md 2.4)."""
        body = {"type": "m.login.application_service", "username": localpart, "inhibit_login": True}
        try:
            await self.request("POST", nio.Api._build_path(["register"]), body)
        except Rejected as refusal:
            if refusal.errcode != "M_USER_IN_USE":
                raise

    async def put_device(self, user: str) -> None:
        """The key-less device that makes a repeated send one send (F5)."""
        await self.request("PUT", nio.Api._build_path(["devices", DEVICE]), {"display_name": "Folkmoot"}, user=user)

    async def set_displayname(self, user: str, name: str) -> None:
        await self.request("PUT", nio.Api._build_path(["profile", user, "displayname"]), {"displayname": name}, user=user)

    async def set_avatar(self, user: str, mxc: str) -> None:
        await self.request("PUT", nio.Api._build_path(["profile", user, "avatar_url"]), {"avatar_url": mxc}, user=user)

    async def profile(self, user: str, *, by: str) -> dict[str, Any]:
        method, path = nio.Api.profile_get(user)
        return _object(await self.request(method, path, user=by))

    async def join(self, room: str, *, by: str, via: str = "") -> str:
        method, path = nio.Api.join("", room)
        query = {"server_name": via, "via": via} if via else {}
        return str(_field(await self.request(method, path, {}, user=by, query=query), "room_id"))

    async def leave(self, room: str, *, by: str) -> None:
        method, path = nio.Api.room_leave("", room)
        await self.request(method, path, {}, user=by)

    async def ban(self, room: str, user: str, *, by: str) -> None:
        await self.request("POST", nio.Api._build_path(["rooms", room, "ban"]), {"user_id": user}, user=by)

    async def unban(self, room: str, user: str, *, by: str) -> None:
        await self.request("POST", nio.Api._build_path(["rooms", room, "unban"]), {"user_id": user}, user=by)

    async def invite(self, room: str, user: str, *, by: str) -> None:
        await self.request("POST", nio.Api._build_path(["rooms", room, "invite"]), {"user_id": user}, user=by)

    async def create_room(self, body: Mapping[str, Any], *, by: str) -> str:
        return str(_field(await self.request("POST", nio.Api._build_path(["createRoom"]), dict(body), user=by), "room_id"))

    async def resolve(self, alias: str, *, by: str) -> str:
        """The room behind an alias."""
        method, path = nio.Api.room_resolve_alias(alias)
        return str(_field(await self.request(method, path, user=by), "room_id"))

    async def send(self, room: str, event_type: str, content: bytes, transaction: str, *, by: str) -> str:
        """The id of the event; the same transaction id by the same speaker gives the same event."""
        path = nio.Api._build_path(["rooms", room, "send", event_type, transaction])
        return str(_field(await self.request("PUT", path, content, user=by, device=True), "event_id"))

    async def redact(self, room: str, event: str, content: bytes, transaction: str, *, by: str) -> str:
        path = nio.Api._build_path(["rooms", room, "redact", event, transaction])
        return str(_field(await self.request("PUT", path, content, user=by, device=True), "event_id"))

    async def state(self, room: str, event_type: str, key: str = "", *, by: str) -> dict[str, Any] | None:
        """The content of one state event, None when there is none."""
        method, path = nio.Api.room_get_state_event("", room, event_type, key)
        try:
            return _object(await self.request(method, path, user=by))
        except Rejected as refusal:
            if refusal.errcode == "M_NOT_FOUND":
                return None
            raise

    async def member(self, room: str, user: str, *, by: str) -> tuple[str, str]:
        """The membership of a user and who set it; two empty texts when there is none."""
        method, path = nio.Api.room_get_state_event("", room, "m.room.member", user)
        try:
            found = _object(await self.request(method, path, user=by, query={"format": "event"}))
        except Rejected as refusal:
            if refusal.errcode == "M_NOT_FOUND":
                return "", ""
            raise
        content = found.get("content")
        membership = content.get("membership") if isinstance(content, dict) else ""
        return str(membership or ""), str(found.get("sender") or "")

    async def put_state(self, room: str, event_type: str, content: Mapping[str, Any], key: str = "", *, by: str) -> None:
        await self.request("PUT", nio.Api._build_path(["rooms", room, "state", event_type, key]), dict(content), user=by)

    async def members(self, room: str, *, by: str) -> tuple[str, ...]:
        """Everybody who is in the room."""
        method, path = nio.Api.joined_members("", room)
        joined = _field(await self.request(method, path, user=by), "joined")
        return tuple(joined) if isinstance(joined, dict) else ()

    async def memberships(self, room: str, *, by: str) -> tuple[tuple[str, dict[str, Any]], ...]:
        """Everybody who is in the room, each with what their membership says."""
        path = nio.Api._build_path(["rooms", room, "members"], {"membership": "join"})
        chunk = _field(await self.request("GET", path, user=by), "chunk")
        found = (
            [(event.get("state_key"), event.get("content")) for event in chunk if isinstance(event, dict)]
            if isinstance(chunk, list)
            else []
        )
        return tuple((str(user), content) for user, content in found if isinstance(content, dict))

    async def rooms(self, user: str) -> tuple[str, ...]:
        """The rooms a user of ours is in."""
        method, path = nio.Api.joined_rooms("")
        joined = _field(await self.request(method, path, user=user), "joined_rooms")
        return tuple(str(room) for room in joined) if isinstance(joined, list) else ()

    async def messages(self, room: str, *, by: str, before: str | None = None, limit: int = 100) -> Page:
        """A page of history, newest first, from the end of the room or from where the last page ended."""
        query = {"dir": "b", "limit": str(limit), **({"from": before} if before else {})}
        path = nio.Api._build_path(["rooms", room, "messages"], query)
        try:
            return msgspec.json.decode(await self.request("GET", path, user=by), type=Page)
        except msgspec.DecodeError as error:
            raise Unreachable("The homeserver's page of history cannot be read.") from error

    async def event(self, room: str, event: str, *, by: str) -> bytes:
        """https://spec.matrix.org/v1.18/client-server-api/#get_matrixclientv3roomsroomideventeventid. Raises Rejected when it is not there."""
        method, path = nio.Api.room_get_event("", room, event)
        return await self.request(method, path, user=by)

    async def invitations(self, user: str) -> dict[str, Any]:
        """Rooms that a user of ours (never the registration's sender: F9) is invited to, with what the invitation shows of them."""
        nothing: dict[str, Any] = {"limit": 0, "types": []}
        room = {"timeline": nothing, "state": nothing, "ephemeral": nothing, "account_data": nothing}
        # Synapse 1.163 keeps its answer to the same first /sync for two minutes, so no two of ours are the same.
        self._syncs += 1
        wanted = {"room": room, "presence": {**nothing, "not_senders": [f"@{self._syncs}:nowhere.invalid"]}, "account_data": nothing}
        method, path = nio.Api.sync("", timeout=0, filter=wanted, set_presence="offline")
        rooms = _object(await self.request(method, path, user=user)).get("rooms")
        invited = rooms.get("invite") if isinstance(rooms, dict) else None
        return invited if isinstance(invited, dict) else {}


def _parts(mxc: str) -> tuple[str, str]:
    """Server and name of a file (matrix.md section 13). Raises Rejected for what is no such address."""
    found = _MXC.fullmatch(mxc)
    if found is None:
        raise Rejected("M_NOT_FOUND", "no mxc address", 404)
    return found[1], found[2]


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreachable("The homeserver's answer cannot be read.") from error


def _field(body: bytes, name: str) -> object:
    found = _object(body).get(name)
    if found is None:
        raise Unreachable(f"The homeserver's answer has no {name}.")
    return found


def _refusal(answer: aiohttp.ClientResponse, body: bytes) -> Unreachable | Rejected | BadRegistration:
    """What an answer that is not 2xx means for us."""
    try:
        error = msgspec.json.decode(body, type=_Error)
    except (msgspec.DecodeError, RecursionError):
        error = _Error()
    where = f"{answer.method}: {answer.status} {error.errcode}"
    if answer.status == 429 or error.errcode == "M_LIMIT_EXCEEDED":
        told = answer.headers.get("Retry-After", "")
        after = float(told) if told.isascii() and told.isdigit() else (error.retry_after_ms or 1000.0) / 1000
        return Unreachable("The homeserver asks us to slow down.", private=where, retry_after=after)
    if error.errcode == "M_UNKNOWN_TOKEN" or answer.status == 401:
        return BadRegistration("The homeserver does not know our application service.", private=where, remedy=_REMEDY)
    if answer.status >= 500 or answer.status == 408:
        return Unreachable("The homeserver has trouble.", private=where)
    return Rejected(error.errcode, error.error, answer.status)
