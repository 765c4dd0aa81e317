"""Holds what people did against what arrived: at once for what must never happen, in the end for what must have happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from protocols.loopback.ids import BOT
from protocols.loopback.room import Line
from tests.simulation.cast import RESERVED, UNSEEN
from tests.simulation.fediverse import PUBLIC, Json, Received, Server, inner
from tests.simulation.node import ROOM, SimulatedNode
from tests.simulation.truth import VERSION, Said, Sign, Truth, names_in
from tests.simulation.world import World

__all__ = ["Ledger"]

LIKE = "👍"
"""What a Like without content says."""

SOON = 30.0
"""Seconds after which what was taken back is not said to anybody any more, when nothing is in the way."""

EARLY = 0.5
"""Seconds by which a clock may be read differently in two places."""


class Ledger:
    """`heard` for each activity a server believes, `look` at the halls between two acts, `wrong` when all has come to rest."""

    def __init__(self, world: World, truth: Truth, nodes: Sequence[SimulatedNode], servers: Sequence[Server]) -> None:
        self.world = world
        self.truth = truth
        self.nodes = nodes
        self.servers = servers
        self.trouble: dict[str, float] = defaultdict(lambda: -1.0)
        """When each host was last in trouble of any kind."""
        self.inboxes = {server.host: _Inbox(self, server) for server in servers}
        self._lines: dict[str, dict[str, str]] = {node.host: {} for node in nodes}
        for server in servers:
            server.heard = self.heard

    # ------------------------------------------------------------------------------------------------------ at once

    def heard(self, server: Server, received: Received) -> None:
        act = inner(received.activity)
        about = self.truth.at(_address(act))
        names = dict.fromkeys([*names_in(received.body), *([about.name] if about is not None else [])])
        self.world.note(f"{server.host} hears {received.activity['type']} {act['type']} {' '.join(names)} {act['id']}")
        if UNSEEN.encode() in received.body:
            self.world.fail(f"{server.host} heard the name of somebody who never said yes: {received.body.decode()}")
        for name in names_in(received.body):
            said = self.truth.named(name)
            if not self.may_see(said, server.host):
                self.world.fail(f"{server.host} heard {name} of {said.who}, which was for {said.circle}: {received.body.decode()}")
            elif said.circle == "quiet" and PUBLIC in _list(act.get("to")):
                self.world.fail(f"{server.host} heard {name} publicly, which was for quiet: {received.body.decode()}")
        self.inboxes[server.host].heard(received, act)

    def may_see(self, said: Said, host: str) -> bool:
        return said.circle != "nobody" or said.home == host

    def node_of(self, said: Said) -> SimulatedNode:
        return self.nodes[said.commons]

    def is_elsewhere(self, host: str) -> bool:
        return host in self.inboxes

    def look(self) -> None:
        """At the halls as they are now."""
        for node in self.nodes:
            self._look(node)

    def _look(self, node: SimulatedNode) -> None:
        known = self._lines[node.host]
        for line in node.hall.conversation(ROOM):
            if line.by.id == BOT or line.taken_back:
                continue
            for name in names_in(line.text):
                said = self.truth.named(name)
                if not self.may_see(said, node.host):
                    self.world.fail(f"{node.host} shows {name} of {said.who}, which was for {said.circle}")
                if known.setdefault(name, line.id) != line.id:
                    self.world.fail(f"{node.host} shows {name} twice: {known[name]}, {line.id}")

    def must_know(self, server: Server, since: float, until: float) -> None:
        """What a member took back in that time, and this server had, it must have heard of."""
        inbox = self.inboxes[server.host]
        for said in self.truth.said:
            node = self.node_of(said)
            if said.home != node.host or said.taken_back is None or not since < said.taken_back < until:
                continue
            address = next(iter(inbox.addresses[said.name]), "")
            calm = node.is_up and max(node.up_since, self.trouble[node.host], self.trouble[server.host]) < since
            if calm and address and ("Delete", address) not in inbox.first:
                self.world.fail(f"{server.host} did not hear that {said.name} was taken back at {said.taken_back:.1f}")

    # ------------------------------------------------------------------------------------------------------ in the end

    def wrong(self) -> Iterator[str]:
        """What is missing, or is not as its author left it."""
        self.look()
        for node in self.nodes:
            yield from self._hall(node)
        for server in self.servers:
            yield from self.inboxes[server.host].wrong()

    def standing(self, said: Said) -> bool:
        return said.taken_back is None

    def _hall(self, node: SimulatedNode) -> Iterator[str]:
        lines = {name: line for line in node.hall.conversation(ROOM) if line.by.id != BOT for name in names_in(line.text)}
        place = {line.id: number for number, line in enumerate(node.hall.conversation(ROOM))}
        for said in self.truth.said:
            line = lines.get(said.name)
            if said.taken_back is not None:
                if line is not None:
                    yield f"{node.host} still shows {said.name}, which was taken back at {said.taken_back:.1f}"
                continue
            if not self._belongs(said, node):
                continue
            if line is None:
                yield f"{node.host} does not show {said.name} of {said.who} at {said.home}"
                continue
            if line.text != said.text:
                yield f"{node.host} shows {line.text!r} instead of {said.text!r}"
            yield from self._parent(node, said, line, lines, place)
        for sign in self.truth.signs:
            yield from self._sign(node, sign, lines)

    def _belongs(self, said: Said, node: SimulatedNode) -> bool:
        return said.home == node.host or (said.circle != "nobody" and self.nodes[said.commons] is node)

    def _parent(self, node: SimulatedNode, said: Said, line: Line, lines: dict[str, Line], place: dict[str, int]) -> Iterator[str]:
        parent = self.truth.said[said.answers] if said.answers is not None else None
        if parent is None or parent.taken_back is not None or not self._belongs(parent, node):
            return
        shown = lines.get(parent.name)
        if shown is not None and line.reply_to != shown.id:
            yield f"{node.host} shows {said.name} as an answer to {line.reply_to!r} instead of {parent.name} ({shown.id})"
        if shown is not None and place[line.id] < place[shown.id]:
            yield f"{node.host} shows {said.name} before {parent.name}, which it answers"

    def _sign(self, node: SimulatedNode, sign: Sign, lines: dict[str, Line]) -> Iterator[str]:
        about = self.truth.said[sign.about]
        line = lines.get(about.name)
        if sign.home == node.host or line is None or not self._belongs(about, node) or about.circle == "nobody":
            return
        there = [one for one in line.signs if one.key == sign.key and sign.who in one.by.id]
        if len(there) > 1:
            yield f"{node.host} shows {sign.key} of {sign.who} under {about.name} {len(there)} times"
        if sign.gone and there:
            yield f"{node.host} still shows {sign.key} of {sign.who} under {about.name}"
        if not sign.gone and not there and not self.truth.waits(about):
            yield f"{node.host} does not show {sign.key} of {sign.who} under {about.name}"


class _Inbox:
    """What one server heard, by what it was about."""

    def __init__(self, ledger: Ledger, server: Server) -> None:
        self.ledger = ledger
        self.server = server
        self.first: dict[tuple[str, ...], float] = {}
        self.ids: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.wraps: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
        self.boosts: defaultdict[str, set[str]] = defaultdict(set)
        self.addresses: defaultdict[str, set[str]] = defaultdict(set)
        self.versions: dict[str, int] = {}
        self.order: dict[str, int] = {}

    @property
    def world(self) -> World:
        return self.ledger.world

    def heard(self, received: Received, act: Json) -> None:
        said = act.get("object")
        if act["type"] == "Announce":
            self.boosts[str(said)].add(act["id"])
            if (about := self.ledger.truth.at(str(said))) is not None:
                self.order.setdefault(about.name, len(self.order))
            return
        key = _key(act)
        if key is None:
            return
        self.ids[key].add(act["id"])
        if act is not received.activity:
            self.wraps[key].add(received.activity["id"])
        if act["type"] in ("Create", "Update") and isinstance(said, dict):
            self._words(act, said)
        if key not in self.first:
            self.first[key] = received.at
            self.order.setdefault(key[1], len(self.order))

    def _words(self, act: Json, said: Json) -> None:
        host, text = self.server.host, said["content"]
        truth = self.ledger.truth.about(text)
        assert truth is not None
        name = truth.name
        self.addresses[name].add(said["id"])
        version = int(VERSION.findall(text)[0])
        if version < self.versions.get(name, 0):
            self.world.fail(f"{host} heard version {version} of {name} after version {self.versions[name]}")
        self.versions[name] = max(version, self.versions.get(name, 0))
        if act["type"] == "Create" and any(key[:2] == ("Update", name) for key in self.first):
            self.world.fail(f"{host} heard that {name} was edited before it heard {name}")
        if ("Delete", said["id"]) in self.first:
            self.world.fail(f"{host} heard {act['type']} of {name} ({act['id']}) after it was taken back")
        self._in_time(truth, act)

    def _in_time(self, said: Said, act: Json) -> None:
        """Not before its author's grace is over, not long after they took it back."""
        node, now = self.ledger.node_of(said), self.world.now
        if said.home != node.host or act["type"] != "Create":
            return
        if node.clock.jumped_at < said.at and now < said.at + said.grace - EARLY:
            self.world.fail(
                f"{self.server.host} heard {said.name} {now - said.at:.1f} s after it was said; its author has {said.grace:g} s"
            )
        since = max(node.up_since, self.ledger.trouble[node.host], self.ledger.trouble[self.server.host])
        if said.taken_back is not None and node.is_up and now > max(said.taken_back, since) + SOON:
            self.world.fail(f"{self.server.host} heard {said.name} {now - said.taken_back:.1f} s after it was taken back")

    # ------------------------------------------------------------------------------------------------------ in the end

    def wrong(self) -> Iterator[str]:
        host = self.server.host
        for said in self.ledger.truth.said:
            if said.circle != "nobody":
                yield from self._message(said)
        yield from self._signs()
        for what, found in (("ids", self.ids), ("announcements", self.wraps)):
            for key, names in found.items():
                if len(names) > 1 and key[0] in ("Create", "Update"):
                    yield f"{host} heard {' '.join(key)} with {len(names)} {what}: {sorted(names)}"
        for url, names in self.boosts.items():
            # By its address alone, and as the beginning of a thread: servers show the same boost by the same group once.
            if len(names) > (1 if any(address == url for found in self.addresses.values() for address in found) else 2):
                yield f"{host} heard {url} boosted {len(names)} times"

    def _message(self, said: Said) -> Iterator[str]:
        host = self.server.host
        # What was changed while it waited is passed on as its author's server told it last: by an Update.
        keys = [key for key in self.first if key[0] in ("Create", "Update") and key[1] == said.name]
        if len(self.addresses[said.name]) > 1:
            yield f"{host} has {said.name} at {len(self.addresses[said.name])} addresses: {sorted(self.addresses[said.name])}"
        address = next(iter(self.addresses[said.name]), said.native)
        if said.taken_back is not None:
            note = self.server.notes.get(address)
            if note is not None and not note.gone and keys:
                yield f"{host} still shows {said.name}, which was taken back at {said.taken_back:.1f}"
            return
        # What was only seen as an object is announced by its address.
        if not any(self.wraps[key] for key in keys) and not (said.native and self.boosts[address]):
            yield f"{host} did not hear {said.name} of {said.who} at {said.home}"
            return
        if VERSION.findall(self.server.notes[address].text) != [str(said.version)]:
            yield f"{host} shows {self.server.notes[address].text!r} instead of {said.text!r}"
        parent = self.ledger.truth.said[said.answers] if said.answers is not None else None
        if parent is None and not self.boosts[address]:
            yield f"{host} did not hear {said.name} boosted, which begins a thread"
        if parent is not None and parent.circle != "nobody" and parent.taken_back is None:
            there, answers = next(iter(self.addresses[parent.name]), parent.native), self.server.notes[address].reply_to
            if answers != there:
                yield f"{host} heard {said.name} as an answer to {answers!r} instead of {parent.name} ({there})"
            if self.order.get(said.name, len(self.order)) < self.order.get(parent.name, -1):
                yield f"{host} heard {said.name} before {parent.name}, which it answers"

    def _signs(self) -> Iterator[str]:
        """The same sign may have been taken away and put there again."""
        stands: dict[tuple[str, str, int, str], bool] = {}
        for sign in self.ledger.truth.signs:
            which = (sign.who, sign.home, sign.about, sign.key)
            stands[which] = stands.get(which, False) or not sign.gone
        for (who, home, number, key), is_there in stands.items():
            about = self.ledger.truth.said[number]
            if about.circle == "nobody" or about.taken_back is not None or who in RESERVED:
                continue
            # A sign from elsewhere under words that wait is not waited for longer than `LOOKS`.
            is_there_for_sure = is_there and not (self.ledger.truth.waits(about) and self.ledger.is_elsewhere(home))
            address = next(iter(self.addresses[about.name]), about.native)
            likes = [like for like in self.first if like[0] == "Like" and like[2:] == (address, key) and self._is_by(like[1], who, home)]
            standing = [id_ for like in likes for id_ in self.ids[like] if ("Undo", id_) not in self.first]
            if len(standing) > 1 or (is_there_for_sure and not standing):
                yield f"{self.server.host} shows {key} of {who} under {about.name} {len(standing)} times"
            if not is_there and standing:
                yield f"{self.server.host} still shows {key} of {who} under {about.name}"

    def _is_by(self, actor: str, who: str, home: str) -> bool:
        """Somebody elsewhere, or the actor that stands for a member."""
        node = next((node for node in self.ledger.nodes if node.host == home), None)
        return actor == f"https://{home}/users/{who}" if node is None else node.people.get(actor) == who


def _key(act: Json) -> tuple[str, ...] | None:
    said = act.get("object")
    match act["type"]:
        case "Create" | "Update" if isinstance(said, dict) and (found := VERSION.findall(said.get("content", ""))):
            name = next(iter(names_in(said["content"])))
            return ("Create", name) if act["type"] == "Create" else ("Update", name, found[0])
        case "Like":
            return ("Like", act["actor"], str(said), act.get("content", LIKE))
        case "Undo" | "Delete" if isinstance(said, dict):
            return (act["type"], said["id"])
        case _:
            return None


def _address(act: Json) -> str:
    """Of what it is about."""
    said = act.get("object")
    return str(said["id"]) if isinstance(said, dict) else str(said)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
