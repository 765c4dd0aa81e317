"""Holds what people did against what arrived: what is missing on a side, what is there twice, and what stands before what it comes after.

The receiving side is what a room's history and a server's inbox hold, and nothing that the bridge says of itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from tests.faults.players import NAME, Players
from tests.faults.script import FAR, ROOM, Act
from tests.live.fediverse import Json, inner

__all__ = ["Inbox", "Problem", "RoomHistory", "expected", "last_words"]

LIKE = "👍"


class Problem(msgspec.Struct, frozen=True):
    """`act` None: it belongs to none."""

    act: Act | None
    what: str

    def __str__(self) -> str:
        if self.act is None:
            return self.what
        about = f" about {self.act.about}" if self.act.about is not None else ""
        return f"act {self.act.number}, {self.act.kind}{about} by {self.act.who} ({self.act.side}): {self.what}"


class Expected(msgspec.Struct, frozen=True):
    """`standing`: messages, edits and signs that nobody took back, nor what they are about. `gone`: messages and signs taken back."""

    standing: tuple[Act, ...]
    gone: tuple[Act, ...]


def expected(script: Sequence[Act]) -> Expected:
    """What has to be there in the end. What was taken back may have been skipped, and everything that was about it with it."""
    gone = {act.about for act in script if act.kind in ("deletion", "unsign")}
    fallen = gone | {act.number for act in script if act.about in gone}
    said = [act for act in script if act.kind in ("message", "edit", "sign")]
    return Expected(standing=tuple(act for act in said if act.number not in fallen), gone=tuple(act for act in said if act.number in gone))


def last_words(script: Sequence[Act], message: Act) -> str:
    """The text of a message as it is in the end."""
    return next((act.text for act in reversed(script) if act.kind == "edit" and act.about == message.number), message.text)


def _threads(script: Sequence[Act], side: str) -> Iterator[list[Act]]:
    """Standing messages of one side, thread by thread."""
    threads: defaultdict[int, list[Act]] = defaultdict(list)
    for act in expected(script).standing:
        if act.kind == "message" and act.side == side:
            threads[act.root if act.root is not None else act.number].append(act)
    return iter(threads.values())


class RoomHistory:
    """A room as its homeserver tells it, oldest first. `ghosts`: person elsewhere → the account that speaks for them."""

    def __init__(self, history: Sequence[dict[str, Any]], players: Players, ghosts: Mapping[str, str]) -> None:
        self.players = players
        self.script = players.script
        self.ghosts = ghosts
        self.place: dict[str, int] = {}
        self.said: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.edited: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.signed: defaultdict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        for place, event in enumerate(history):
            self._see(place, event)

    def _see(self, place: int, event: dict[str, Any]) -> None:
        content, sender = event["content"], event["sender"]
        self.place[event["event_id"]] = place
        relation = content.get("m.relates_to", {})
        if event["type"] == "m.reaction" and relation:
            self.signed[sender, relation["event_id"], relation["key"]].append(event)
        elif event["type"] == "m.room.message" and relation.get("rel_type") == "m.replace":
            self.edited[sender, NAME.findall(content["m.new_content"]["body"])[-1]].append(event)
        elif event["type"] == "m.room.message" and (name := NAME.search(content.get("body", ""))):
            self.said[sender, name[0]].append(event)

    def missing(self) -> Iterator[Problem]:
        """What people elsewhere did that is not in the room."""
        for act in expected(self.script).standing:
            if act.side == FAR and not self._found(act):
                yield Problem(act, "is not in the room")
        for act in expected(self.script).gone:
            if act.side == FAR and self._found(act):
                yield Problem(act, "was taken back, and still stands in the room")

    def _found(self, act: Act) -> list[dict[str, Any]]:
        ghost = self.ghosts[act.who]
        if act.kind == "message":
            return self.said[ghost, act.name]
        if act.kind == "edit":
            return self.edited[ghost, act.name]
        return self.signed[ghost, self._id(act.about), act.sign]

    def _id(self, number: int | None) -> str:
        """What the room calls a message: known by whoever said it here, else by the copy."""
        if number is None:
            return ""
        act = self.script[number]
        if act.side == ROOM:
            return self.players.names[ROOM].get(number, "")
        copies = self.said[self.ghosts[act.who], act.name]
        return str(copies[0]["event_id"]) if copies else ""

    def wrong(self) -> Iterator[Problem]:
        """What is there more than once, in the wrong place, or with the wrong words."""
        yield from self._repeated()
        for act in expected(self.script).standing:
            if act.side != FAR or not (found := self._found(act)):
                continue
            if act.kind == "message":
                yield from self._placed(act, found[0])
            elif act.kind == "edit" and self.place[found[0]["event_id"]] < self.place[self._id(act.about)]:
                yield Problem(act, "stands before what it edits")
        for thread in _threads(self.script, FAR):
            yield from self._ordered(thread)

    def _repeated(self) -> Iterator[Problem]:
        for act in self.script:
            if act.side == FAR and act.kind in ("message", "edit", "sign") and len(found := self._found(act)) > 1:
                yield Problem(act, f"is in the room {len(found)} times: {[event['event_id'] for event in found]}")
        known = {act.name for act in self.script if act.side == FAR}
        for (sender, name), events in (*self.said.items(), *self.edited.items()):
            if sender in self.ghosts.values() and name not in known:
                yield Problem(None, f"{sender} said {name} in the room, {len(events)} times, which nobody of theirs did")

    def _placed(self, act: Act, event: dict[str, Any]) -> Iterator[Problem]:
        edits = [edit for (sender, _), found in self.edited.items() if sender == event["sender"] for edit in found]
        mine = [edit for edit in edits if edit["content"]["m.relates_to"]["event_id"] == event["event_id"]]
        newest = max(mine, key=lambda edit: self.place[edit["event_id"]])["content"]["m.new_content"]["body"] if mine else ""
        if (shown := newest or event["content"]["body"]) != (words := last_words(self.script, act)):
            yield Problem(act, f"says {shown!r} in the room instead of {words!r}")
        if act.root is None:
            return
        relation = event["content"].get("m.relates_to", {})
        if relation.get("event_id") != self._id(act.root):
            yield Problem(act, f"is in the thread {relation.get('event_id')} instead of {self._id(act.root)}")
        if self.place[event["event_id"]] < self.place.get(self._id(act.about), -1):
            yield Problem(act, "stands before what it answers")

    def _ordered(self, thread: list[Act]) -> Iterator[Problem]:
        """What one person said in a thread stands in the order in which they said it."""
        for who in {act.who for act in thread}:
            mine = [act for act in thread if act.who == who and self._found(act)]
            yield from _out_of_order(mine, [self.place[self._found(act)[0]["event_id"]] for act in mine], "in the room")


class Inbox:
    """What one server received, in order. `actors`: person of the room → the actor that speaks for them."""

    def __init__(self, received: Sequence[Json], players: Players, actors: Mapping[str, str], room: RoomHistory) -> None:
        self.players = players
        self.script = players.script
        self.actors = actors
        self.room = room
        self.repeats = len(received) - len({activity["id"] for activity in received})
        self.seen: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        """Type and what tells it apart → where it stands."""
        self.ids: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.wraps: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.boosts: defaultdict[str, set[str]] = defaultdict(set)
        self.addresses: defaultdict[str, set[str]] = defaultdict(set)
        self.texts: dict[str, str] = {}
        known: set[str] = set()
        for place, activity in enumerate(received):
            self._see(place, activity, is_new=activity["id"] not in known)
            known.add(activity["id"])

    def _see(self, place: int, activity: Json, *, is_new: bool) -> None:
        act = inner(activity)
        said = act.get("object")
        if act["type"] == "Announce":
            self.boosts[str(said)].add(activity["id"])
            return
        key = _key(act)
        if key is None:
            return
        self.seen[key].append(place)
        self.ids[key].add(act["id"])
        if act is not activity:
            self.wraps[key].add(activity["id"])
        if isinstance(said, dict) and act["type"] in ("Create", "Update"):
            name = NAME.findall(said["content"])[0]
            self.addresses[name].add(said["id"])
            if is_new:
                self.texts[name] = said["content"]

    def missing(self) -> Iterator[Problem]:
        """What anybody did that was not received."""
        for act in expected(self.script).standing:
            key, address = self._key(act), self._address(act)
            # What was asked for at its own server, because an answer to it came first, is told by its address alone.
            if not self.wraps[key] and not (act.side == FAR and act.kind == "message" and self.boosts[address]):
                yield Problem(act, "was not received")
            elif act.kind == "message" and act.root is None and not self.boosts[address]:
                yield Problem(act, "begins a thread, and was not boosted")
        for act in expected(self.script).gone:
            if self.seen[self._key(act)] and not self.seen[self._end(act)]:
                yield Problem(act, "was received, and that it was taken back was not")

    def _key(self, act: Act) -> tuple[str, ...]:
        match act.kind:
            case "message":
                return ("Create", act.name)
            case "edit":
                return ("Update", act.name)
            case _:
                actor = self.actors[act.who]
                return ("Like", actor, self._address(self.script[act.about or 0]), act.sign)

    def _end(self, act: Act) -> tuple[str, ...]:
        if act.kind == "message":
            return ("Delete", self._address(act))
        return ("Undo", next(iter(self.ids[self._key(act)]), ""))

    def _address(self, act: Act) -> str:
        return next(iter(self.addresses[act.name]), "") or self.players.names[FAR].get(act.number, "")

    def wrong(self) -> Iterator[Problem]:
        """What has more than one id or address, comes in the wrong order, or with the wrong words."""
        for act in self.script:
            if act.kind not in ("message", "edit", "sign"):
                continue
            for what, found in (("ids", self.ids[self._key(act)]), ("wraps", self.wraps[self._key(act)])):
                if len(found) > 1:
                    yield Problem(act, f"was received with {len(found)} {what}: {sorted(found)}")
        for act in expected(self.script).standing:
            if act.kind == "message":
                yield from self._said(act)
        for act in expected(self.script).gone:
            made, ended = self.seen[self._key(act)], self.seen[self._end(act)]
            if made and ended and made[-1] > ended[0]:
                yield Problem(act, "was received after it was taken back")
        for thread in _threads(self.script, ROOM):
            told = [act for act in thread if self.seen[self._key(act)]]
            told.sort(key=lambda act: self.room.place[self.players.names[ROOM][act.number]])
            yield from _out_of_order(told, [self.seen[self._key(act)][0] for act in told], "in what was received")
        for thread in _threads(self.script, FAR):
            for who in {act.who for act in thread}:
                mine = [act for act in thread if act.who == who and self.seen[self._key(act)]]
                yield from _out_of_order(mine, [self.seen[self._key(act)][0] for act in mine], "in what was received")

    def _said(self, act: Act) -> Iterator[Problem]:
        for what, found in (("addresses", self.addresses[act.name]), ("boosts", self.boosts[self._address(act)])):
            if len(found) > 1:
                yield Problem(act, f"was received with {len(found)} {what}: {sorted(found)}")
        if (words := last_words(self.script, act)) not in (shown := self.texts.get(act.name, words)):
            yield Problem(act, f"says {shown!r} there instead of {words!r}")
        made = self.seen[self._key(act)]
        if not made:
            return
        parent = self.script[act.about] if act.about is not None else None
        if parent is not None and (before := self.seen[self._key(parent)]) and made[0] < before[0]:
            yield Problem(act, "was received before what it answers")
        edits = [edit for edit in self.script if edit.kind == "edit" and edit.about == act.number]
        told = [edit for edit in edits if self.seen[self._key(edit)]]
        yield from _out_of_order([act, *told], [made[0], *(self.seen[self._key(edit)][0] for edit in told)], "in what was received")


def _key(act: Json) -> tuple[str, ...] | None:
    said = act.get("object")
    match act["type"]:
        case "Create" | "Update" if isinstance(said, dict) and (names := NAME.findall(said.get("content", ""))):
            return (act["type"], names[-1] if act["type"] == "Update" else names[0])
        case "Like":
            return ("Like", act["actor"], str(said), act.get("content", LIKE))
        case "Undo" | "Delete" if isinstance(said, dict):
            return (act["type"], said["id"])
        case _:
            return None


def _out_of_order(acts: Sequence[Act], places: Sequence[int], where: str) -> Iterator[Problem]:
    for (one, first), (two, second) in pairwise(zip(acts, places, strict=True)):
        if second < first:
            yield Problem(two, f"comes before act {one.number} {where}")
