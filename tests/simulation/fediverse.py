"""Servers elsewhere: they keep what is signed by whom it says, show what their people see, and send what their people do until it is taken.

Written against the specifications and without the product's code: draft-cavage-http-signatures-12, and activitypub.md sections 2.1, 3.2, 4.3.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.simulation.keys import key_of, public_pem_of
from tests.simulation.network import Ask, Reply
from tests.simulation.world import World

__all__ = ["PUBLIC", "Json", "Note", "Received", "Server", "ServerPerson", "inner"]

PUBLIC: Final = "https://www.w3.org/ns/activitystreams#Public"
ACTIVITY: Final = "application/activity+json"
WINDOW: Final = timedelta(hours=12)
PATIENCE: Final = 10.0
"""Seconds that a request of theirs may take."""

LONGEST: Final = 8.0
"""Seconds between two tries at most."""

_FIELD = re.compile(r'(\w+)="([^"]*)"')

Json = dict[str, Any]


class _Unbelieved(Exception):
    """A signature is missing or wrong."""


class _NotNow(Exception):
    """Whose key it is cannot be found out at the moment."""


def inner(activity: Json) -> Json:
    """What a group's Announce holds, where it holds a whole activity; else the activity itself."""
    held = activity.get("object")
    return held if activity.get("type") == "Announce" and isinstance(held, dict) else activity


class Received(msgspec.Struct, frozen=True):
    """One activity that came for the first time."""

    at: float
    activity: Json
    body: bytes


class Note(msgspec.Struct):
    """A post as this server shows it now."""

    id: str
    by: str
    text: str
    reply_to: str = ""
    gone: bool = False


class Server:
    """`received` is every activity that it believed, once each, in order; `notes` what its people can see. `heard` is told of each.

    `is_strict`: it shows itself only to those who sign (GoToSocial 0.20). While it `chokes`, it fails at everything that takes nothing back.
    """

    def __init__(self, world: World, name: str, *, is_strict: bool = False) -> None:
        self.world = world
        self.host = f"{name}.example"
        self.origin = f"https://{self.host}"
        self.is_up = True
        self.is_strict = is_strict
        self.chokes = False
        self.people: dict[str, ServerPerson] = {}
        self.documents: dict[str, Json] = {}
        self.received: list[Received] = []
        self.notes: dict[str, Note] = {}
        self.accepted: set[tuple[str, str]] = set()
        """Who of theirs follows whom."""
        self.repeats = 0
        self.heard: Callable[[Server, Received], None] = lambda server, received: None
        self._known: set[str] = set()
        self._looking: set[str] = set()
        self._keys: dict[str, tuple[str, RSAPublicKey]] = {}
        self._numbers = itertools.count(1)
        world.network.hosts[self.host] = self

    def person(self, name: str) -> ServerPerson:
        if name not in self.people:
            person = self.people[name] = ServerPerson(self, name)
            self.documents[f"/users/{name}"] = person.document
        return self.people[name]

    def address(self, path: str) -> str:
        return f"{self.origin}/{path}/{next(self._numbers)}"

    @property
    def is_idle(self) -> bool:
        return not self._looking and all(person.is_idle for person in self.people.values())

    # ------------------------------------------------------------------------------------------------------ what it answers

    def answer(self, ask: Ask) -> asyncio.Task[Reply]:
        return self.world.begin(self._answer(ask))

    async def _answer(self, ask: Ask) -> Reply:
        try:
            if ask.method == "POST":
                return await self._take(ask)
            if self.is_strict and not ask.path.startswith("/.well-known"):
                await self._require_signature(ask)
        except _Unbelieved as error:
            return Reply(401, body=str(error).encode())
        except _NotNow:
            return Reply(503)
        return self._show(ask)

    def _show(self, ask: Ask) -> Reply:
        path = ask.path
        if path.startswith("/.well-known/webfinger"):
            name = parse_qs(urlsplit(path).query)["resource"][0].removeprefix("acct:").partition("@")[0]
            if name not in self.people:
                return Reply(404)
            links = [{"rel": "self", "type": ACTIVITY, "href": self.people[name].id}]
            body = msgspec.json.encode({"subject": f"acct:{name}@{self.host}", "links": links})
            return Reply(200, (("Content-Type", "application/jrd+json"),), body)
        document = self.documents.get(path)
        if document is None:
            return Reply(404)
        status = 410 if document["type"] == "Tombstone" else 200
        return Reply(status, (("Content-Type", ACTIVITY),), msgspec.json.encode(document))

    async def _take(self, ask: Ask) -> Reply:
        signer = await self._require_signature(ask)
        activity: Json = msgspec.json.decode(ask.body)
        if activity["actor"] != signer:
            raise _Unbelieved(f"{signer} signed for {activity['actor']}")
        if self.chokes and inner(activity)["type"] not in ("Delete", "Undo"):
            return Reply(500)
        if activity["id"] in self._known:
            self.repeats += 1
            return Reply(202)
        self._known.add(activity["id"])
        received = Received(self.world.now, activity, ask.body)
        self.received.append(received)
        self._see(activity)
        self.heard(self, received)
        return Reply(202)

    # ------------------------------------------------------------------------------------------------------ what its people see

    def _see(self, activity: Json) -> None:
        act = inner(activity)
        said = act.get("object")
        match act["type"]:
            case "Announce" if (where := str(said)) not in self.notes and urlsplit(where).netloc in self.world.network.hosts:
                self._looking.add(where)
                self.world.begin(self._look_up(where))
            case "Accept":
                self.accepted.add((said["actor"] if isinstance(said, dict) else str(said), str(act["actor"])))
            case "Create" | "Update" if isinstance(said, dict):
                note = self.notes.setdefault(said["id"], Note(said["id"], said["attributedTo"], "", said.get("inReplyTo") or ""))
                if not note.gone and (act["type"] == "Update" or not note.text):
                    note.text = said["content"]
            case "Delete":
                where = said["id"] if isinstance(said, dict) else str(said)
                known = self.notes.setdefault(where, Note(where, str(act["actor"]), ""))
                known.gone, known.text = True, ""

    async def _look_up(self, url: str) -> None:
        """What was only named is asked for where it lives, until it comes or is gone."""
        wait = 1.0
        while url not in self.notes:
            # Somebody's signature, because strict servers show nothing to those who do not sign.
            signed = next(iter(self.people.values())).sign("GET", url)
            reply = await self.ask(Ask("GET", url, (("Accept", ACTIVITY), *signed)))
            if reply is not None and reply.status == 200:
                said = msgspec.json.decode(reply.body)
                self.notes.setdefault(url, Note(url, said["attributedTo"], said["content"], said.get("inReplyTo") or ""))
            elif reply is not None and reply.status in (404, 410):
                break
            else:
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST)
        self._looking.discard(url)

    def visible(self) -> Iterator[Note]:
        return (note for note in self.notes.values() if not note.gone)

    # ------------------------------------------------------------------------------------------------------ whom it believes

    async def _require_signature(self, ask: Ask) -> str:
        """The actor that signed. Raises _Unbelieved, _NotNow."""
        fields = dict(_FIELD.findall(ask.header("signature")))
        if not fields:
            raise _Unbelieved("sign your requests")
        date = parsedate_to_datetime(ask.header("date"))
        if abs(date - self.world.date) > WINDOW:
            raise _Unbelieved("your clock is wrong")
        if ask.body:
            digest = base64.b64encode(hashlib.sha256(ask.body).digest()).decode()
            if ask.header("digest") != f"SHA-256={digest}":
                raise _Unbelieved("the digest is wrong")
        lines = []
        for name in fields["headers"].split():
            value = f"{ask.method.lower()} {ask.path}" if name == "(request-target)" else self.host if name == "host" else ask.header(name)
            lines.append(f"{name}: {value}")
        owner, key = await self._key(fields["keyId"])
        try:
            key.verify(base64.b64decode(fields["signature"]), "\n".join(lines).encode(), PKCS1v15(), SHA256())
        except InvalidSignature:
            raise _Unbelieved("the signature is wrong") from None
        return owner

    async def _key(self, key_id: str) -> tuple[str, RSAPublicKey]:
        if key_id not in self._keys:
            reply = await self.read(key_id.partition("#")[0])
            if reply is None:
                raise _NotNow
            shown = reply["publicKey"]
            key = load_pem_public_key(shown["publicKeyPem"].encode())
            assert isinstance(key, RSAPublicKey)
            if (shown["id"], shown["owner"]) != (key_id, reply["id"]):
                raise _Unbelieved("that key is somebody else's")
            self._keys[key_id] = (reply["id"], key)
        return self._keys[key_id]

    async def read(self, url: str) -> Json | None:
        """A document of another server; None when it does not come, or is no document."""
        reply = await self.ask(Ask("GET", url, (("Accept", ACTIVITY),)))
        if reply is None or reply.status != 200:
            return None
        document: Json = msgspec.json.decode(reply.body)
        return document

    async def ask(self, ask: Ask) -> Reply | None:
        """None when no answer came."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.world.network.ask(self.host, ask)
        except OSError:  # TimeoutError is one
            return None


class ServerPerson:
    """Somebody with an account there. What they do is sent in order, each until it is taken, as one queue per account would."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.id = f"{server.origin}/users/{name}"
        self.refused: list[str] = []
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._left = 0
        self._sending = server.world.begin(self._send_all())

    @property
    def is_idle(self) -> bool:
        return self._left == 0

    @property
    def document(self) -> Json:
        pem = public_pem_of(key_of(self.id))
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

    def follow(self, group: str) -> str:
        return self.act(group, {"type": "Follow", "object": group, "to": [group]})

    def say(self, group: str, text: str, *, answers: str = "", private: bool = False) -> str:
        """A post to everybody, or to their own followers and the group; its id."""
        note = {
            "id": self.server.address("notes"),
            "type": "Note",
            "attributedTo": self.id,
            "content": f"<p>{text}</p>",
            "published": self._date(),
            **self._circle(group, private=private),
            **({"inReplyTo": answers} if answers else {}),
        }
        if not private:
            self._show(note)
        self.server.notes[str(note["id"])] = Note(str(note["id"]), self.id, text, answers)
        self.act(group, {"type": "Create", "object": note, "published": note["published"], "to": note["to"], "cc": note["cc"]})
        return str(note["id"])

    def edit(self, group: str, note: str, text: str) -> str:
        changed = {**self.server.documents[urlsplit(note).path], "content": f"<p>{text}</p>", "updated": self._date()}
        self._show(changed)
        self.server.notes[note].text = text
        return self.act(group, {"type": "Update", "object": changed, **self._circle(group)})

    def take_back(self, group: str, note: str) -> str:
        tombstone = {"id": note, "type": "Tombstone"}
        self._show(tombstone)
        self.server.notes[note].gone = True
        return self.act(group, {"type": "Delete", "object": tombstone, **self._circle(group)})

    def like(self, group: str, note: str, sign: str) -> str:
        return self.act(group, {"type": "Like", "object": note, "content": sign, "to": [group]})

    def undo(self, group: str, like: str, note: str) -> str:
        undone = {"id": like, "type": "Like", "actor": self.id, "object": note}
        return self.act(group, {"type": "Undo", "object": undone, "to": [group]})

    def act(self, target: str, activity: Json) -> str:
        """Sends an activity of theirs to the server of `target`, sooner or later; its id."""
        whole = {"@context": "https://www.w3.org/ns/activitystreams", "id": self.server.address("acts"), "actor": self.id, **activity}
        self._left += 1
        self._queue.put_nowait((f"https://{urlsplit(target).netloc}/inbox", msgspec.json.encode(whole)))
        return str(whole["id"])

    async def _send_all(self) -> None:
        while True:
            inbox, body = await self._queue.get()
            await self._send(inbox, body)
            self._left -= 1

    async def _send(self, inbox: str, body: bytes) -> None:
        """Signed anew each time. What is refused for good is kept: honest words are never refused."""
        wait = 1.0
        while True:
            headers = (("Content-Type", ACTIVITY), *self.sign("POST", inbox, body))
            reply = await self.server.ask(Ask("POST", inbox, headers, body))
            if reply is not None and reply.status == 202:
                return
            if reply is not None and reply.status < 500 and reply.status not in (401, 408, 429):
                self.server.world.fail(f"{inbox} refused {body.decode()} of {self.id} with {reply.status}: {reply.body.decode()}")
                return
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST)

    def sign(self, method: str, url: str, body: bytes = b"") -> tuple[tuple[str, str], ...]:
        """The headers that say that they ask this."""
        parts = urlsplit(url)
        lines = {"(request-target)": f"{method.lower()} {parts.path}", "host": parts.netloc}
        sent = {"date": format_datetime(self.server.world.date, usegmt=True)}
        if body:
            sent["digest"] = f"SHA-256={base64.b64encode(hashlib.sha256(body).digest()).decode()}"
        text = "\n".join(f"{name}: {value}" for name, value in (lines | sent).items())
        signature = base64.b64encode(key_of(self.id).sign(text.encode(), PKCS1v15(), SHA256())).decode()
        fields = f'keyId="{self.id}#main-key",algorithm="rsa-sha256",headers="{" ".join(lines | sent)}"'
        return (*sent.items(), ("signature", f'{fields},signature="{signature}"'))

    def _circle(self, group: str, *, private: bool = False) -> Json:
        followers = f"{self.id}/followers"
        return {"to": [followers], "cc": [group]} if private else {"to": [PUBLIC], "cc": [followers, group]}

    def _show(self, document: Json) -> None:
        where = urlsplit(str(document["id"])).path
        self.server.documents[where] = {"@context": "https://www.w3.org/ns/activitystreams", **document}

    def _date(self) -> str:
        now: datetime = self.server.world.date
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
