"""The room of two people on a homeserver: one, private, and made by the account of the one elsewhere."""

from __future__ import annotations

import msgspec
import pytest

from bridge.changes import PutPortal
from bridge.errors import PeerError
from bridge.model.audience import Audience
from bridge.model.content import Command, Message, Notice
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Delivered, Destination
from bridge.model.portal import Portal, Stance, portal_id
from bridge.model.richtext import from_plain
from bridge.refs import Ignored, Wire
from protocols.matrix.translate.conversation import EVENT
from protocols.matrix.translate.notice import KNOCK
from protocols.matrix.translate.outgoing import spot
from tests.protocols.matrix.house import House, house
from tests.protocols.matrix.world import ANA, CHANNEL, ELI, ME, NOW, SAM, SAM_GHOST, TALK, World, item, matrix_event, only

__all__ = ["house"]

BO = Native(MATRIX, "@bo:hs.test")
TWO = Portal(portal_id(ME.secret, BO, SAM.native), CHANNEL.community, BO, SAM.native, Stance.KNOCKS, NOW)


async def test_the_room_is_made_by_the_one_elsewhere_and_only_the_member_is_invited(house: House) -> None:
    room = await house.adapter.open_portal(TWO, SAM)
    (made,) = [asked for asked in house.homeserver.asked if asked.path == "/createRoom"]
    ghost = await house.store.directory.ghost_of(MATRIX, SAM.native)
    assert ghost is not None
    assert made.query["user_id"] == ghost.native.id
    assert made.body["invite"] == [BO.id]
    assert made.body["is_direct"] is True
    assert made.body["preset"] == "private_chat"
    assert made.body["power_level_content_override"]["invite"] == 100, "nobody else can be let in"
    assert not any(one["type"] == "m.room.encryption" for one in made.body["initial_state"])
    assert (room.id, ME.bot) not in house.homeserver.members


async def test_asked_twice_it_is_the_same_room_and_who_left_is_invited_again(house: House) -> None:
    first = await house.adapter.open_portal(TWO, SAM)
    house.homeserver.members[(first.id, BO.id)] = ("leave", BO.id)
    second = await house.adapter.open_portal(TWO, SAM)
    assert second == first
    assert house.homeserver.count("POST", "createRoom") == 1
    assert house.homeserver.members[(first.id, BO.id)][0] == "invite"


async def test_who_blocks_such_invitations_is_left_alone(house: House) -> None:
    house.homeserver.be_rude("POST", "createRoom", (403, {"errcode": "M_INVITE_BLOCKED", "error": "no"}, {}))
    with pytest.raises(PeerError):
        await house.adapter.open_portal(TWO, SAM)


async def test_words_go_into_it_without_the_bot_being_there(house: House) -> None:
    room = await house.adapter.open_portal(TWO, SAM)
    await house.store.journal.commit([PutPortal(msgspec.structs.replace(TWO, stance=Stance.OPEN, room=room))])
    said = item(Message(from_plain("Hello Bo")))
    said = msgspec.structs.replace(
        said, place=room, event=msgspec.structs.replace(said.event, audience=Audience.DIRECT, author=SAM), by=SAM.native
    )
    outcome = await house.send(said, Destination(MATRIX, room.id, "hs.test"))
    assert isinstance(outcome, Delivered)
    assert outcome.native is not None


async def test_what_the_homeserver_lost_there_is_read_as_the_one_who_is_in_it(house: House) -> None:
    room = await house.adapter.open_portal(TWO, SAM)
    await house.store.journal.commit([PutPortal(msgspec.structs.replace(TWO, stance=Stance.OPEN, room=room))])
    lost = {
        "type": "m.room.message",
        "room_id": room.id,
        "sender": BO.id,
        "event_id": "$lost",
        "origin_server_ts": 1_790_000_000_000,
        "content": {"msgtype": "m.text", "body": "Are you there?"},
    }
    house.homeserver.timeline[room.id] = [lost]
    assert await house.adapter.reconciler.room(room.id) == 1
    ghost = await house.store.directory.ghost_of(MATRIX, SAM.native)
    assert ghost is not None
    (read,) = [asked for asked in house.homeserver.asked if asked.path.endswith("/messages")]
    assert read.query["user_id"] == ghost.native.id


# ----------------------------------------------------------------------------------------------------------------- signs on a knock


def signed(key: str, said: dict[str, object] | None, *, by: str = ANA.native.id) -> object:
    """What a sign on `$card` in Ana's own conversation is read as, where `$card` is `said`."""
    world = World()
    if said is not None:
        world.documents[f"{EVENT}{spot(TALK.id, '$card')}"] = msgspec.json.encode(said)
    relation = {"rel_type": "m.annotation", "event_id": "$card", "key": key}
    return world.read(matrix_event("m.reaction", {"m.relates_to": relation}, room_id=TALK.id, sender=by))


def test_a_card_carries_its_sign_and_a_reaction_to_it_answers_the_knock() -> None:
    written = World().write(item(Notice(ANA.native, from_plain("Sam would like to write to you"), knock="k7fd"), form="say"))
    assert isinstance(written, Wire)
    content = msgspec.json.decode(written.body)
    assert content[KNOCK] == "k7fd"
    event = only(signed("✅", {"sender": ME.bot, "content": content}))  # type: ignore[arg-type]
    assert event.content == Command(words="✅ k7fd", private=True, answer_in=TALK)
    assert event.audience is Audience.DIRECT


@pytest.mark.parametrize(
    "said",
    [
        None,
        {"sender": ME.bot, "content": {"body": "Hello"}},
        {"sender": ANA.native.id, "content": {KNOCK: "k7fd"}},
        {"sender": ME.bot, "content": {KNOCK: 7}},
        {"sender": ME.bot},
    ],
    ids=["gone", "no knock", "forged by its reader", "no text", "no content"],
)
def test_a_sign_on_anything_else_is_only_a_sign(said: dict[str, object] | None) -> None:
    assert isinstance(signed("✅", said), Ignored)


def test_a_sign_of_words_is_no_answer_and_nobody_else_answers() -> None:
    card = {"sender": ME.bot, "content": {KNOCK: "k7fd"}}
    assert isinstance(signed("accept all", card), Ignored)
    assert isinstance(signed("✅", card, by=ELI.native.id), Ignored)


# ----------------------------------------------------------------------------------------------------------------- an invitation


def invitation(**more: object) -> object:
    """Ana invites Sam's account into a room of her own."""
    content = {"membership": "invite", "is_direct": more.pop("is_direct", True)}
    return World().read(matrix_event("m.room.member", content, **{"state_key": SAM_GHOST.native.id, "room_id": "!anas", **more}))


def test_whoever_invites_somebody_from_elsewhere_into_a_direct_room_would_like_to_write_to_them() -> None:
    event = only(invitation())  # type: ignore[arg-type]
    assert event.content == Command(words=f"!write {SAM_GHOST.native.id}", private=True)
    assert event.author.native == ANA.native
    assert event.place == Native(MATRIX, "!anas")


@pytest.mark.parametrize(
    "more",
    [{"is_direct": False}, {"is_direct": None}, {"state_key": ELI.native.id}, {"sender": "@_irc_bob:hs.test"}, {"sender": ME.bot}],
    ids=["no direct room", "not said", "a person here", "another bridge", "our own bot"],
)
def test_every_other_invitation_is_left_alone(more: dict[str, object]) -> None:
    assert isinstance(invitation(**more), Ignored)


async def test_the_room_that_was_brought_is_declined(house: House) -> None:
    room = await house.adapter.open_portal(TWO, SAM, instead=Native(MATRIX, "!anas"))
    ghost = await house.store.directory.ghost_of(MATRIX, SAM.native)
    assert ghost is not None
    assert house.homeserver.members[("!anas", ghost.native.id)][0] == "leave"
    assert house.homeserver.members[(room.id, ghost.native.id)][0] == "join"
