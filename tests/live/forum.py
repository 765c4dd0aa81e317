"""A small forum on loopback that believes a group as Lemmy 1.0 does, which is little, and whose moderators have the buttons that Lemmy gives them.

Written against FEP-1b12 and activitypub.md sections 2.3, 4.1 to 4.5, without the product's code. What it does not believe is answered with 400, as
there, and stands in `refused` with the reason. It is stricter in one point: being of the group's own server makes nobody a moderator.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.live.fediverse import PUBLIC, FediversePerson, FediverseServer, Json

__all__ = ["Disbelieved", "Forum", "Moderator", "Post"]

PEOPLE: Final = {"Person", "Service", "Organization"}
"""Who may act: Lemmy has no other type for the actor of an activity inside an Announce."""

COVERED: Final = {"(request-target)", "host", "date", "digest"}
SKEW: Final = timedelta(hours=1)
_FIELD: Final = re.compile(r'(\w+)="([^"]*)"')


class Disbelieved(Exception):
    """Why the forum does not take something."""


@dataclass
class Post:
    """As its readers see it. `removed` by a moderator, `deleted` by its author: each is undone by whoever did it."""

    author: str
    text: str
    answers: str = ""
    removed: bool = False
    deleted: bool = False
    locked: bool = False

    @property
    def is_shown(self) -> bool:
        return not (self.removed or self.deleted)


class Forum(FediverseServer):
    """`posts` by address; `banned`: until when, None for ever; `seats`: the group's moderators, as last fetched or announced."""

    def __init__(self) -> None:
        super().__init__()
        self.posts: dict[str, Post] = {}
        self.banned: dict[str, datetime | None] = {}
        self.seats: set[str] = set()
        self.log: list[tuple[str, str, str]] = []
        """What moderators did, as a forum shows it to everybody: who, what, why."""
        self.refused: list[tuple[Json, str]] = []
        self._seen: set[str] = set()

    def moderator(self, name: str) -> Moderator:
        """An account with the buttons. Whether they may press them is for the group's own server to say."""
        if name not in self.people:
            self.people[name] = Moderator(self, name)
            self.documents[f"/users/{name}"] = self.people[name].document
        found = self.people[name]
        assert isinstance(found, Moderator)
        return found

    def shown(self, url: str) -> bool:
        return url in self.posts and self.posts[url].is_shown

    # ------------------------------------------------------------------------------------------------------ what it believes

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        activity: Json = json.loads(body)
        try:
            signer = await self._signer(request, body)
            if activity.get("actor") != signer:
                raise Disbelieved(f"signed by {signer}, done by {activity.get('actor')}")
            await self._hear(activity)
        except Disbelieved as error:
            self.refused.append((activity, str(error)))
            self._keep(activity)
            return web.json_response({"error": str(error)}, status=400)
        self._keep(activity)
        return web.Response(status=200)

    async def _signer(self, request: web.Request, body: bytes) -> str:
        fields = dict(_FIELD.findall(request.headers.get("Signature", "")))
        names = fields.get("headers", "").split()
        if not set(names) >= COVERED:
            raise Disbelieved(f"the signature covers {names}")
        if abs(datetime.now(UTC) - parsedate_to_datetime(request.headers["Date"])) > SKEW:
            raise Disbelieved("an old signature")
        if request.headers["Digest"] != f"SHA-256={base64.b64encode(hashlib.sha256(body).digest()).decode()}":
            raise Disbelieved("another body was signed")
        owner = await self._document(fields["keyId"].partition("#")[0])
        key = owner.get("publicKey", {})
        if (key.get("id"), key.get("owner")) != (fields["keyId"], owner["id"]):
            raise Disbelieved(f"{fields['keyId']} is no key of {owner['id']}")
        values = {"(request-target)": f"post {request.path}", **{name: request.headers.get(name, "") for name in names if name[0] != "("}}
        text = "\n".join(f"{name}: {values[name]}" for name in names)
        public = load_pem_public_key(key["publicKeyPem"].encode())
        assert isinstance(public, RSAPublicKey)
        try:
            public.verify(base64.b64decode(fields["signature"]), text.encode(), PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise Disbelieved("the signature does not hold") from error
        return str(owner["id"])

    async def _document(self, url: str) -> Json:
        try:
            document = await self.read(url)
        except AssertionError as error:
            raise Disbelieved(str(error)) from error
        if document.get("id") != url:
            raise Disbelieved(f"{url} shows {document.get('id')}")
        return document

    # ------------------------------------------------------------------------------------------------------ what it hears

    async def _hear(self, activity: Json) -> None:
        if activity["id"] in self._seen:
            return
        match activity["type"]:
            case "Announce":
                await self._announced(activity)
            case "Accept" | "Reject" | "Create" | "Update" | "Delete" | "Undo" | "Like" | "Dislike":
                pass  # an answer to a Follow, a letter to one person, or what an author says besides the group
            case other:
                raise Disbelieved(f"{other} outside of an Announce")
        self._seen.add(activity["id"])

    async def _announced(self, announce: Json) -> None:
        group = await self._document(announce["actor"])
        if group["type"] != "Group":
            raise Disbelieved(f"an Announce by a {group['type']}")
        _public(announce)
        done = announce["object"]
        if not isinstance(done, dict):
            raise Disbelieved("an Announce of an address is only for sending")
        await self._done(done, group)

    async def _done(self, done: Json, group: Json) -> None:
        actor = await self._document(_one(done, "actor"))
        if actor["type"] not in PEOPLE:
            raise Disbelieved(f"{done['type']} by a {actor['type']}")
        if _host(done["id"]) != _host(actor["id"]):
            raise Disbelieved(f"{done['id']} is not on the server of {actor['id']}")
        if done["type"] not in {"Like", "Dislike"} and not (done["type"] == "Undo" and done["object"]["type"] in {"Like", "Dislike"}):
            _public(done)
            if await self._group_in(done) != group["id"]:
                raise Disbelieved(f"{done['type']} is of another group")
        match done["type"]:
            case "Create" | "Update":
                self._said(done, actor["id"])
            case "Delete":
                await self._deleted(done, actor["id"], group, undone=False)
            case "Block":
                await self._blocked(done, actor["id"], group, undone=False)
            case "Lock":
                await self._locked(done, actor["id"], group, undone=False)
            case "Add" | "Remove":
                await self._seated(done, actor["id"], group)
            case "Undo":
                await self._undone(done, actor["id"], group)
            case "Like" | "Dislike":
                pass
            case other:
                raise Disbelieved(f"no {other} is known here")

    async def _group_in(self, done: Json) -> str:
        """The first of those addressed that is a group."""
        for url in _addressed(done):
            if url != PUBLIC and not url.endswith("/followers"):
                found = await self._document(url)
                if found["type"] == "Group":
                    return str(found["id"])
        return ""

    async def _require_seat(self, actor: str, group: Json) -> None:
        listed = await self._document(str(group["attributedTo"]))
        self.seats = {str(one) for one in listed["orderedItems"]}
        if actor not in self.seats:
            raise Disbelieved(f"{actor} is no moderator of {group['id']}")

    def _said(self, done: Json, actor: str) -> None:
        thing = done["object"]
        if thing["type"] not in {"Page", "Note"}:
            raise Disbelieved(f"no {thing['type']} is shown here")
        if thing["attributedTo"] != actor or _host(thing["id"]) != _host(actor):
            raise Disbelieved(f"{thing['id']} is not by {actor}")
        if self.is_banned(actor):
            raise Disbelieved(f"{actor} is banned")
        answered = thing.get("inReplyTo") or ""
        if answered in self.posts and self.posts[answered].locked:
            raise Disbelieved(f"{answered} takes no more answers")
        before = self.posts.get(thing["id"])
        if before is not None and before.author != actor:
            raise Disbelieved(f"{thing['id']} is by {before.author}")
        self.posts[thing["id"]] = Post(actor, re.sub(r"<[^>]+>", "", thing["content"]), answers=answered)

    async def _deleted(self, done: Json, actor: str, group: Json, *, undone: bool) -> None:
        """A `summary`, also an empty one, makes it a moderator's."""
        thing = done["object"]
        url = thing["id"] if isinstance(thing, dict) else thing
        post = self.posts.get(url)
        if "summary" in done:
            await self._require_seat(actor, group)
            self._note(actor, "restored" if undone else "removed", done)
            if post is not None:
                post.removed = not undone
        elif post is not None:
            if post.author != actor:
                raise Disbelieved(f"{url} is by {post.author}, and not to be deleted by {actor}")
            post.deleted = not undone

    async def _blocked(self, done: Json, actor: str, group: Json, *, undone: bool) -> None:
        if done.get("target") != group["id"]:
            raise Disbelieved(f"a Block from {done.get('target')}")
        if not isinstance(done.get("removeData"), bool):
            raise Disbelieved("a Block that does not say whether posts go too")
        await self._require_seat(actor, group)
        who = await self._document(str(done["object"]))
        if who["type"] not in PEOPLE:
            raise Disbelieved(f"a {who['type']} cannot be banned")
        self._note(actor, "unbanned" if undone else "banned", done)
        if undone:
            self.banned.pop(who["id"], None)
            return
        until = datetime.fromisoformat(done["endTime"]) if "endTime" in done else None
        if until is not None and until <= datetime.now(UTC):
            raise Disbelieved("a ban that is over")
        self.banned[who["id"]] = until
        for post in self.posts.values():
            post.removed = post.removed or (done["removeData"] and post.author == who["id"])

    async def _locked(self, done: Json, actor: str, group: Json, *, undone: bool) -> None:
        await self._require_seat(actor, group)
        if done["object"] not in self.posts:
            raise Disbelieved(f"a Lock of {done['object']}, which is not here")
        self._note(actor, "unlocked" if undone else "locked", done)
        self.posts[done["object"]].locked = not undone

    async def _seated(self, done: Json, actor: str, group: Json) -> None:
        if done.get("target") != group["attributedTo"]:
            raise Disbelieved(f"{done['type']}: {done.get('target')} is no collection of the group")
        await self._require_seat(actor, group)
        who = await self._document(str(done["object"]))
        if who["type"] not in PEOPLE:
            raise Disbelieved(f"a {who['type']} cannot moderate")
        self._note(actor, "appointed" if done["type"] == "Add" else "dismissed", done)

    async def _undone(self, done: Json, actor: str, group: Json) -> None:
        was = done["object"]
        if not isinstance(was, dict) or was.get("actor") != actor or _host(was["id"]) != _host(actor):
            raise Disbelieved("an Undo of what somebody else did, or without what it undoes")
        match was["type"]:
            case "Delete":
                await self._deleted(was, actor, group, undone=True)
            case "Block":
                await self._blocked(was, actor, group, undone=True)
            case "Lock":
                await self._locked(was, actor, group, undone=True)
            case "Like" | "Dislike":
                pass
            case other:
                raise Disbelieved(f"no Undo of {other} is known here")

    def is_banned(self, actor: str) -> bool:
        until = self.banned.get(actor, datetime.min.replace(tzinfo=UTC))
        return until is None or until > datetime.now(UTC)

    def _note(self, actor: str, what: str, done: Json) -> None:
        self.log.append((actor, what, str(done.get("summary", ""))))


class Moderator(FediversePerson):
    """Buttons, as Lemmy 1.0 sends what they do: to everybody, with the group in `cc` and as `audience`. Each returns what was sent."""

    async def remove(self, group: str, post: str, reason: str = "") -> Json:
        return await self._press(group, {"type": "Delete", "object": post, "summary": reason})

    async def ban(self, group: str, who: str, *, until: datetime | None = None, reason: str = "", tidy: bool = False) -> Json:
        end = {"endTime": until.isoformat(), "expires": until.isoformat()} if until is not None else {}
        return await self._press(group, {"type": "Block", "object": who, "target": group, "summary": reason, "removeData": tidy, **end})

    async def lock(self, group: str, post: str, reason: str = "") -> Json:
        return await self._press(group, {"type": "Lock", "object": post, "summary": reason})

    async def appoint(self, group: str, who: str) -> Json:
        return await self._press(group, {"type": "Add", "object": who, "target": f"{group}/moderators"})

    async def dismiss(self, group: str, who: str) -> Json:
        return await self._press(group, {"type": "Remove", "object": who, "target": f"{group}/moderators"})

    async def report(self, group: str, post: str, reason: str) -> Json:
        flag = {"type": "Flag", "object": post, "summary": reason, "to": [group], "audience": group}
        return await self._press(group, flag)

    async def revoke(self, group: str, pressed: Json) -> Json:
        """The button again."""
        return await self._press(group, {"type": "Undo", "object": {name: value for name, value in pressed.items() if name != "@context"}})

    async def _press(self, group: str, activity: Json) -> Json:
        whole = {"id": self.server.address("activities"), "actor": self.id, "to": [PUBLIC], "cc": [group], "audience": group, **activity}
        await self.act(group, whole)
        return whole


def _one(done: Json, name: str) -> str:
    value = done.get(name)
    if not isinstance(value, str):
        raise Disbelieved(f"{done.get('type')} without one {name}")
    return value


def _addressed(done: Json) -> Iterator[str]:
    for name in ("audience", "to", "cc"):
        value = done.get(name) or []
        yield from value if isinstance(value, list) else [value]


def _public(done: Json) -> None:
    """Both lists, and everybody in `to`: Lemmy looks nowhere else."""
    if not isinstance(done.get("to"), list) or not isinstance(done.get("cc"), list):
        raise Disbelieved(f"{done.get('type')} without two lists of addresses")
    if PUBLIC not in done["to"]:
        raise Disbelieved(f"{done.get('type')} is not to everybody")


def _host(url: str) -> str:
    return urlsplit(url).netloc
