"""One server of the fediverse on loopback: its people sign what they send and send it until it is taken, and whatever comes to it is kept.

Written against the specifications and without the product's code: draft-cavage-http-signatures-12, and activitypub.md sections 2.1, 3.2, 4.3.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cached_property
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["PUBLIC", "FediversePerson", "FediverseServer", "Json", "Refused", "inner"]

PUBLIC: Final = "https://www.w3.org/ns/activitystreams#Public"
ACTIVITY: Final = "application/activity+json"
AGAIN_AFTER: Final = 0.2
"""Seconds until something that was not taken is sent again."""

TAKEN_WITHIN: Final = 120.0

Json = dict[str, Any]
_Found = TypeVar("_Found")


class Refused(AssertionError):
    """The other server says that it will never take this; or it did not take it in two minutes."""


def inner(activity: Json) -> Json:
    """What a group's Announce holds, where it holds a whole activity; else the activity itself."""
    held = activity.get("object")
    return held if activity.get("type") == "Announce" and isinstance(held, dict) else activity


class FediverseServer:
    """`async with FediverseServer() as far`, then `far.person("sam")`. `received`: every POST to its inboxes, in order, repeats included.

    `answer` gives the status for each POST, after it was kept; 0 cuts the connection instead, so that the sender cannot know.
    """

    def __init__(self, answer: Callable[[], int] = lambda: 202) -> None:
        self.answer = answer
        self.origin = ""
        self.received: list[Json] = []
        self.people: dict[str, FediversePerson] = {}
        self.documents: dict[str, Json] = {}
        self._numbers = itertools.count(1)
        self._bell = asyncio.Event()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.add_routes(
            [
                web.post("/{rest:.*inbox}", self._take),
                web.get("/.well-known/webfinger", self._name),
                web.get("/{rest:.*}", self._show),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self._runner.cleanup()

    @property
    def host(self) -> str:
        return self.origin.removeprefix("http://")

    def person(self, name: str) -> FediversePerson:
        """An account, made when it is first asked for."""
        if name not in self.people:
            self.people[name] = FediversePerson(self, name)
            self.documents[f"/users/{name}"] = self.people[name].document
        return self.people[name]

    def address(self, path: str) -> str:
        """A new address on this server, below `path`."""
        return f"{self.origin}/{path}/{next(self._numbers)}"

    async def until(self, look: Callable[[], _Found], seconds: float = 30.0) -> _Found:
        """What `look` finds in what was received, as soon as that is something. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not (found := look()):
                await self._bell.wait()
        return found

    def acts(self) -> Iterator[Json]:
        """What people and groups did, as told by what was received: a wrapped activity unwrapped, repeats included."""
        return (inner(activity) for activity in self.received)

    async def read(self, url: str) -> Json:
        """A document of another server, as a server asks for it."""
        async with self.session.get(url, headers={"Accept": ACTIVITY}) as answer:
            assert answer.status == 200, f"{url} answered {answer.status}: {await answer.text()}"
            return dict(await answer.json(content_type=None))

    async def find(self, handle: str) -> str:
        """The actor behind `@commons@127.0.0.1:8420`."""
        name = handle.removeprefix("@")
        url = f"http://{name.partition('@')[2]}/.well-known/webfinger?resource=acct:{name}"
        links = (await self.read(url))["links"]
        return str(next(link["href"] for link in links if link["rel"] == "self"))

    # ------------------------------------------------------------------------------------------------------ what it answers

    async def _take(self, request: web.Request) -> web.Response:
        self._keep(json.loads(await request.read()))
        status = self.answer()
        if not status:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=status or 500)

    def _keep(self, activity: Json) -> None:
        self.received.append(activity)
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def _show(self, request: web.Request) -> web.Response:
        document = self.documents.get(request.path)
        if document is None:
            return web.Response(status=404)
        gone = document["type"] == "Tombstone"
        return web.Response(status=410 if gone else 200, body=json.dumps(document), content_type=ACTIVITY)

    async def _name(self, request: web.Request) -> web.Response:
        resource = request.query.get("resource", "")
        name = resource.removeprefix("acct:").partition("@")[0]
        if name not in self.people:
            return web.Response(status=404)
        links = [{"rel": "self", "type": ACTIVITY, "href": self.people[name].id}]
        return web.json_response({"subject": f"acct:{name}@{self.host}", "links": links}, content_type="application/jrd+json")


class FediversePerson:
    """Somebody with an account there. What they do is sent one after the other, each until it is taken; everything returns its id."""

    def __init__(self, server: FediverseServer, name: str) -> None:
        self.server = server
        self.name = name
        self.id = f"{server.origin}/users/{name}"
        self._turn = asyncio.Lock()

    @cached_property
    def key(self) -> RSAPrivateKey:
        return generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def document(self) -> Json:
        pem = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return {
            "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"],
            "id": self.id,
            "type": "Person",
            "preferredUsername": self.name,
            "name": self.name.title(),
            "inbox": f"{self.id}/inbox",
            "outbox": f"{self.id}/outbox",
            "followers": f"{self.id}/followers",
            "endpoints": {"sharedInbox": f"{self.server.origin}/inbox"},
            "publicKey": {"id": f"{self.id}#main-key", "owner": self.id, "publicKeyPem": pem},
        }

    # ------------------------------------------------------------------------------------------------------ what they do

    async def follow(self, group: str) -> str:
        """Returns once the group has said yes."""
        follow = await self.act(group, {"type": "Follow", "object": group})
        await self.server.until(lambda: any(_id(one.get("object")) == follow for one in self.server.received if one["type"] == "Accept"))
        return follow

    async def say(self, group: str, text: str, *, answers: str = "") -> str:
        """A post, or an answer to one."""
        return await self.publish(group, self.write(group, text, answers=answers))

    def write(self, group: str, text: str, *, answers: str = "") -> Json:
        """A post that can be read on its own server, and was not sent anywhere yet."""
        note = {
            "id": self.server.address("notes"),
            "type": "Note",
            "attributedTo": self.id,
            "content": f"<p>{text}</p>",
            "published": _now(),
            **self._open(group),
        }
        if answers:
            note["inReplyTo"] = answers
        self._show(note)
        return note

    async def publish(self, group: str, note: Json) -> str:
        await self.act(group, {"type": "Create", "object": note, "published": note["published"], **self._open(group)})
        return str(note["id"])

    async def edit(self, group: str, note: str, text: str) -> str:
        changed = {**self.server.documents[urlsplit(note).path], "content": f"<p>{text}</p>", "updated": _now()}
        self._show(changed)
        return await self.act(group, {"type": "Update", "object": changed, **self._open(group)})

    async def take_back(self, group: str, note: str) -> str:
        tombstone = {"id": note, "type": "Tombstone"}
        self._show(tombstone)
        return await self.act(group, {"type": "Delete", "object": tombstone, **self._open(group)})

    async def like(self, group: str, note: str, sign: str = "") -> str:
        return await self.act(group, {"type": "Like", "object": note, **({"content": sign} if sign else {}), "to": [group]})

    async def undo(self, group: str, like: str, note: str) -> str:
        undone = {"id": like, "type": "Like", "actor": self.id, "object": note}
        return await self.act(group, {"type": "Undo", "object": undone, "to": [group]})

    async def tell(self, group: str, text: str) -> str:
        """Words for the group alone."""
        note = {"id": self.server.address("notes"), "type": "Note", "attributedTo": self.id, "content": f"<p>{text}</p>", "to": [group]}
        await self.act(group, {"type": "Create", "object": {**note, "published": _now()}, "to": [group]})
        return str(note["id"])

    async def act(self, target: str, activity: Json) -> str:
        """Sends an activity of theirs to the server of `target`. Raises Refused."""
        whole = {"@context": "https://www.w3.org/ns/activitystreams", "id": self.server.address("acts"), "actor": self.id, **activity}
        body = json.dumps(whole).encode()
        parts = urlsplit(target)
        async with self._turn:
            await self._send(f"{parts.scheme}://{parts.netloc}/inbox", body)
        return str(whole["id"])

    async def _send(self, inbox: str, body: bytes) -> None:
        """As a server does: until it is taken, signed anew each time."""
        deadline = time.monotonic() + TAKEN_WITHIN
        said = "nothing"
        while time.monotonic() < deadline:
            try:
                async with self.server.session.post(inbox, data=body, headers=self._signed(inbox, body)) as answer:
                    if answer.status == 202:
                        return
                    said = f"{answer.status}: {await answer.text()}"
                    if answer.status < 500:
                        break
            except (aiohttp.ClientError, TimeoutError) as error:
                said = repr(error)
            await asyncio.sleep(AGAIN_AFTER)
        raise Refused(f"{inbox} did not take {body.decode()}; it said {said}")

    def _signed(self, inbox: str, body: bytes) -> dict[str, str]:
        parts = urlsplit(inbox)
        digest = f"SHA-256={base64.b64encode(hashlib.sha256(body).digest()).decode()}"
        date = formatdate(usegmt=True)
        text = f"(request-target): post {parts.path}\nhost: {parts.netloc}\ndate: {date}\ndigest: {digest}"
        signature = base64.b64encode(self.key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        fields = f'keyId="{self.id}#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest"'
        return {"Content-Type": ACTIVITY, "Date": date, "Digest": digest, "Signature": f'{fields},signature="{signature}"'}

    def _open(self, group: str) -> Json:
        return {"to": [PUBLIC], "cc": [f"{self.id}/followers", group]}

    def _show(self, document: Json) -> None:
        self.server.documents[urlsplit(str(document["id"])).path] = {"@context": "https://www.w3.org/ns/activitystreams", **document}


def _id(thing: object) -> str:
    return str(thing.get("id", "")) if isinstance(thing, dict) else str(thing or "")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
