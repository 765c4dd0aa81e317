"""Little fediverse servers on loopback: one per origin, whose documents and answers a test sets, and that keeps what it was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from protocols.activitypub.request import Request
from tests.bridge.net.street import Street

ACTIVITY = "application/activity+json"


class Peer:
    """`documents` by path (with its query, where there is one); what is not there is 404. `inbox` is the answer to every POST."""

    def __init__(self) -> None:
        self.origin = ""
        self.documents: dict[str, tuple[int, bytes, Mapping[str, str]]] = {}
        self.inbox: tuple[int, Mapping[str, str]] = (202, {})
        self.asked: list[Request] = []

    @classmethod
    async def open(cls, street: Street) -> Peer:
        peer = cls()
        peer.origin = await street.open(web.route("*", "/{rest:.*}", peer._answer))
        return peer

    @property
    def host(self) -> str:
        return self.origin.removeprefix("http://")

    @property
    def paths(self) -> list[str]:
        return [request.target for request in self.asked]

    def serve(self, path: str, document: object, *, status: int = 200, kind: str = ACTIVITY, **headers: str) -> str:
        """From now on this is at `path`; its address in full."""
        body = document if isinstance(document, bytes) else msgspec.json.encode(document)
        self.documents[path] = (status, body, {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}})
        return f"{self.origin}{path}"

    def person(self, user: str = "sam", kind: str = "Person", **more: Any) -> str:
        """An actor with a name that leads back to it."""
        url = f"{self.origin}/u/{user}"
        actor = {"id": url, "type": kind, "preferredUsername": user, "inbox": f"{url}/inbox", "followers": f"{url}/followers"}
        self.serve(f"/u/{user}", actor | more)
        self.names(user, self.host, url)
        return url

    def names(self, name: str, server: str, url: str, *, subject: str = "") -> None:
        """This server says whose name that is."""
        links = [{"rel": "self", "type": ACTIVITY, "href": url}]
        jrd = {"subject": subject or f"acct:{name}@{server}", "links": links}
        self.serve(f"/.well-known/webfinger?resource=acct:{name}@{server}", jrd, kind="application/jrd+json")

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = tuple((name.decode(), value.decode()) for name, value in request.raw_headers)
        self.asked.append(
            Request(request.method, request.raw_path, request.host, headers, body if request.method == "POST" else None, scheme="http")
        )
        if request.method == "POST":
            status, more = self.inbox
            return web.Response(status=status, headers=more, text="")
        status, said, more = self.documents.get(request.raw_path, (404, b"", {}))
        return web.Response(status=status, body=said, headers=more)
