"""Who holds no seat moderates nothing, whatever their client sends; the place where it was done says what it vouches for (scenario S06)."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.model.ids import LOOPBACK, Native
from bridge.norms.context import Crossing
from protocols.activitypub.ids import PUBLIC, object_url
from tests.bridge.relay.house import NODE, House

CLAIMS: dict[str, tuple[dict[str, Any], str]] = {
    "removes a post": ({"type": "Delete", "object": "POST", "summary": "because"}, "retraction"),
    "bans its author": ({"type": "Block", "object": "AUTHOR", "target": "GROUP", "removeData": True}, "sanction"),
    "bans a follower": ({"type": "Block", "object": "FOLLOWER", "target": "GROUP"}, "sanction"),
    "lifts a ban": ({"type": "Undo", "object": {"id": "OWN/1", "type": "Block", "object": "AUTHOR", "target": "GROUP"}}, "sanction"),
    "closes a thread": ({"type": "Lock", "object": "POST"}, "lock"),
    "opens a thread": ({"type": "Undo", "object": {"id": "OWN/2", "type": "Lock", "object": "POST"}}, "lock"),
    "puts a post back": ({"type": "Undo", "object": {"id": "OWN/3", "type": "Delete", "object": "POST", "summary": ""}}, "restoration"),
    "takes a seat": ({"type": "Add", "object": "SELF", "target": "GROUP/moderators"}, "appointment"),
    "takes somebody's seat": ({"type": "Remove", "object": "FOLLOWER", "target": "GROUP/moderators"}, "appointment"),
}


def filled(value: Any, words: dict[str, str]) -> Any:
    """A claim about this very post, group and people."""
    if isinstance(value, dict):
        return {name: filled(inner, words) for name, inner in value.items()}
    for name, there in words.items():
        value = value.replace(name, there) if isinstance(value, str) else value
    return value


@pytest.mark.parametrize("claim", CLAIMS)
async def test_an_act_without_a_seat_changes_nothing_and_is_refused_by_name(house: House, claim: str) -> None:
    lena = await house.opted_in("lena")
    sam, gus = await house.known(await house.stranger("sam")), await house.known(await house.stranger("gus", "b.example"))
    said = await lena.say("hall", "welcome")
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    known = await house.object(said)
    ghost = await house.store.directory.ghost_of(sam.native.protocol, Native(LOOPBACK, "lena"))
    assert known is not None
    assert ghost is not None
    words = {
        "POST": object_url(NODE, known.id),
        "AUTHOR": ghost.native.id,
        "FOLLOWER": sam.native.id,
        "SELF": gus.native.id,
        "GROUP": (await house.group()).native.id,
        "OWN": "https://b.example/a/earlier",
    }
    act, kind = CLAIMS[claim]
    before = await house.forms(), await house.store.decisions.consent(Native(LOOPBACK, "lena"), known.community)

    await house.receive(gus, {**filled(act, words), "to": [PUBLIC], "cc": [words["GROUP"]]})

    assert await house.endings(kind) == ["refused"]
    record = next(record for record in await house.records() if record.kind == kind)
    assert any("holds a seat" in omission.text for omission in record.omissions)
    assert (await house.forms(), await house.store.decisions.consent(Native(LOOPBACK, "lena"), known.community)) == before
    now = await house.object(said)
    assert now is not None
    assert now.retracted_at is None


async def test_whoever_is_sent_out_of_a_room_says_nothing_more_from_there(house: House) -> None:
    await house.opted_in("lena")
    house.hall.room("hall").hosts |= {"tomas"}
    tomas = house.person("tomas")
    lena = house.person("lena")
    await lena.say("hall", "I am here")
    await house.settle()
    await tomas.remove("hall", "lena", reason="adverts")
    await house.settle()

    consent = await house.store.decisions.consent(Native(LOOPBACK, "lena"), (await house.community()).id)
    assert consent is not None
    assert consent.in_room(Native(LOOPBACK, "hall")) is Crossing.OFF
    house.clock.forward(15)
    await house.settle()
    assert "wrap:message" not in await house.forms()
