"""Sending, ghosts, conversations, reconciliation and the watch, against a homeserver that can be rude."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import aiohttp
import msgspec
import pytest

from bridge.changes import PutChannel, PutCommunity, PutConversation, PutGhost
from bridge.errors import BadRegistration, BadSetting, Unreachable
from bridge.model.content import Edit, Notice, Profile, Reaction, Retraction, Sanction
from bridge.model.ids import MATRIX, Native
from bridge.model.item import Dead, Delivered, Item, Retry, Scope, Skipped
from bridge.model.place import Community, History, Join, Openness
from bridge.model.restriction import Measure
from bridge.model.richtext import from_plain
from bridge.ports import Adapter
from bridge.refs import Absent, Need
from protocols.matrix.adapter import MatrixAdapter
from protocols.matrix.client import Client, Rejected, Silent
from protocols.matrix.ids import DEVICE
from protocols.matrix.wire import NODE
from tests.protocols.matrix.homeserver import TOKEN
from tests.protocols.matrix.house import House, house
from tests.protocols.matrix.world import ANA, CHANNEL, ME, ROOM, SAM, SAM_GHOST, item, words

__all__ = ["house"]

COMMONS = Community(CHANNEL.community, "commons", "The Commons")
LIMIT = {"errcode": "M_LIMIT_EXCEEDED", "error": "slow down"}


def as_port(adapter: MatrixAdapter) -> Adapter:
    """Type-checked: the adapter is one."""
    return adapter


# ------------------------------------------------------------------------------------------------------------ requests


async def test_no_request_carries_the_token_in_its_address(house: House) -> None:
    """Trap S21: nio's own paths do."""
    await house.adapter.start()
    await house.adapter.watch.once()
    await house.send(item(words("hello")))
    await house.adapter.fetch(Need("actor", (MATRIX, ANA.native.id)))
    await house.adapter.stop()
    assert len(house.homeserver.asked) > 10
    for asked in house.homeserver.asked:
        assert asked.header == f"Bearer {TOKEN}"
        assert "access_token" not in asked.url
        assert TOKEN not in asked.url


async def test_a_ghost_speaks_as_itself_and_with_its_device(house: House) -> None:
    """Finding F5."""
    assert isinstance(await house.send(item(words("hello"))), Delivered)
    sent = next(asked for asked in house.homeserver.asked if "/send/" in asked.path)
    assert (sent.query["user_id"], sent.query["device_id"]) == (SAM_GHOST.native.id, DEVICE)


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ((429, LIMIT | {"retry_after_ms": 1500}, {}), 1.5),
        ((429, LIMIT, {"Retry-After": "7"}), 7.0),
        ((502, {}, {}), None),
        ((500, {"errcode": "M_UNKNOWN"}, {}), None),
    ],
)
async def test_trouble_is_reported_once_and_never_tried_again_inside(house: House, answer: Any, after: float | None) -> None:
    await house.send(item(words("hello")))
    before = house.homeserver.count("PUT", "/send/")
    house.homeserver.be_rude("PUT", "/send/", answer, answer, answer)
    outcome = await house.send(item(words("hello")))
    assert isinstance(outcome, Retry)
    assert (outcome.after, outcome.scope) == (after, Scope.LANE)
    assert house.homeserver.count("PUT", "/send/") == before + 1


async def test_a_token_nobody_knows_is_the_operators_to_mend(house: House) -> None:
    house.homeserver.be_rude("POST", "register", (401, {"errcode": "M_UNKNOWN_TOKEN", "error": "no"}, {}))
    with pytest.raises(BadRegistration) as caught:
        await house.adapter.start()
    assert "app_service_config_files" in (caught.value.remedy or "")
    assert TOKEN not in f"{caught.value} {caught.value.private}"


async def test_a_homeserver_that_is_away_stops_all_its_lanes_and_is_watched(house: House) -> None:
    await house.send(item(words("hello")))
    url = house.homeserver.url
    await house.homeserver.server.close()
    outcome = await house.send(item(words("hello")))
    assert isinstance(outcome, Retry)
    assert outcome.scope is Scope.HOST
    async with aiohttp.ClientSession() as session:
        with pytest.raises(Silent):
            await Client(url, TOKEN, session).versions()


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [("M_TOO_LARGE", Dead), ("M_USER_SUSPENDED", Dead), ("M_BAD_JSON", Dead), ("M_DUPLICATE_ANNOTATION", Delivered)],
)
async def test_a_final_no_is_final(house: House, errcode: str, kind: type) -> None:
    house.homeserver.be_rude("PUT", "/send/", (400, {"errcode": errcode, "error": "no"}, {}))
    assert isinstance(await house.send(item(Reaction(target=house.world.id_of("$mine"), key="👍"))), kind)


async def test_the_same_item_is_the_same_send(house: House) -> None:
    first = await house.send(item(words("hello")))
    again = await house.send(item(words("hello")))
    assert first == again
    assert len(house.homeserver.sent) == 1


async def test_only_what_others_point_at_names_its_copy(house: House) -> None:
    """The id of an edit's own event must never take the place of the original's."""
    assert (await house.send(item(words("hello")))) == Delivered("$0")
    assert (await house.send(item(Edit(target=house.world.id_of("$post"), message=words("new"))))) == Delivered(None)
    assert (await house.send(item(Retraction(target=house.world.id_of("$post"))))) == Delivered(None)


# ------------------------------------------------------------------------------------------------------------ ghosts


async def test_an_account_is_registered_before_it_is_named(house: House) -> None:
    """matrix.md 2.4: the other way round Synapse 1.163 answers 500 for ever."""
    await house.send(item(words("hello")))
    steps = [asked.path for asked in house.homeserver.asked if asked.method in {"POST", "PUT"}]
    names = [next(step for step in ("register", "devices", "displayname", "join", "send") if step in path) for path in steps]
    assert names == ["register", "devices", "displayname", "join", "send"]
    ghost = await house.store.directory.ghost_of(MATRIX, SAM.native)
    assert ghost is not None
    assert (ghost.native, ghost.name) == (SAM_GHOST.native, "Sam (@sam@a.example)")


async def test_a_ghost_is_made_once(house: House) -> None:
    for _ in range(3):
        await house.send(item(words("hello")))
    assert house.homeserver.count("POST", "register") == 1
    assert house.homeserver.count("POST", "/join/") == 1


async def test_an_account_that_is_there_already_is_taken_over(house: House) -> None:
    """Regression 19: the database was lost, the homeserver's was not."""
    house.homeserver.accounts.add(SAM_GHOST.native.id)
    assert isinstance(await house.send(item(words("hello"))), Delivered)


async def test_a_handle_that_somebody_else_had_gets_another_ghost(house: House) -> None:
    """Trap S16."""
    await house.store.journal.commit([PutGhost(SAM_GHOST)])
    other = msgspec.structs.replace(SAM, native=Native(SAM.native.protocol, "https://a.example/u/sam-again"))
    changes = await house.adapter.embody(other.native, COMMONS, actor=other)
    [put] = changes
    assert isinstance(put, PutGhost)
    assert put.ghost.native != SAM_GHOST.native
    assert put.ghost.native.id.endswith("=40a.example:hs.test")


async def test_a_closed_room_is_entered_by_invitation(house: House) -> None:
    house.homeserver.open_rooms.clear()
    assert isinstance(await house.send(item(words("hello"))), Delivered)
    assert house.homeserver.count("POST", "/invite") == 1


@pytest.mark.parametrize("removed", [("ban", "@mod:hs.test"), ("leave", "@mod:hs.test")])
async def test_a_ghost_that_was_removed_does_not_come_back(house: House, removed: tuple[str, str]) -> None:
    """matrix.md 12.5: a kick is an instruction too, and the room's own state remembers it for us."""
    house.homeserver.members[(ROOM.id, SAM_GHOST.native.id)] = removed
    assert isinstance(await house.send(item(words("hello"))), Dead)
    assert house.homeserver.count("POST", "/join/") == 0
    assert not house.homeserver.sent


async def test_whoever_is_banned_is_sent_out_once_and_may_come_back_when_that_is_lifted(house: House) -> None:
    """By the bot, so that the ghost's absence is our own doing and ends with the ban; nothing of why is told to the room (N13)."""
    await house.send(item(words("hello")))
    ban = item(Sanction(SAM.native, Measure.BAN, reason="adverts"))
    for _ in range(2):
        assert await house.send(ban) == Delivered()
    assert house.homeserver.members[(ROOM.id, SAM_GHOST.native.id)] == ("ban", ME.bot)
    assert house.homeserver.count("POST", "/ban") == 1
    assert isinstance(await house.send(item(words("again"))), Dead)

    lifted = item(Sanction(SAM.native, Measure.BAN, lifted=True))
    for _ in range(2):
        assert await house.send(lifted) == Delivered()
    assert house.homeserver.count("POST", "/unban") == 1
    assert isinstance(await house.send(item(words("back"))), Delivered)


async def test_a_ghost_that_is_removed_while_we_believe_it_inside_stays_out(house: House) -> None:
    await house.send(item(words("hello")))
    house.homeserver.members[(ROOM.id, SAM_GHOST.native.id)] = ("ban", "@mod:hs.test")
    assert isinstance(await house.send(item(words("again"))), Dead)


async def test_an_account_the_homeserver_forgot_is_made_again(house: House) -> None:
    await house.send(item(words("hello")))
    house.homeserver.accounts.discard(SAM_GHOST.native.id)
    house.homeserver.members.pop((ROOM.id, SAM_GHOST.native.id))
    house.homeserver.devices.clear()
    house.homeserver.devices.add(ME.bot)
    assert isinstance(await house.send(item(words("hello"))), Delivered)


async def test_a_new_name_is_shown_but_not_for_every_whim(house: House) -> None:
    await house.send(item(words("hello")))

    async def rename(name: str) -> str:
        renamed = msgspec.structs.replace(SAM, name=name)
        await house.send(item(Profile(actor=renamed), author=renamed, form="update"))
        return house.homeserver.names[SAM_GHOST.native.id]

    assert await rename("Sam II") == "Sam II (@sam@a.example)"
    assert await rename("Sam III") == "Sam II (@sam@a.example)"
    house.clock.at += timedelta(minutes=11)
    caught_up = msgspec.structs.replace(SAM, name="Sam III")
    await house.send(item(words("hello again"), author=caught_up))
    assert house.homeserver.names[SAM_GHOST.native.id] == "Sam III (@sam@a.example)"


async def test_an_account_that_ended_leaves(house: House) -> None:
    await house.send(item(words("hello")))
    assert isinstance(await house.send(item(Profile(actor=SAM, ended=True), form="update")), Delivered)
    assert house.homeserver.members[(ROOM.id, SAM_GHOST.native.id)] == ("leave", SAM_GHOST.native.id)
    ghost = await house.store.directory.ghost(SAM_GHOST.native)
    assert ghost is not None
    assert ghost.ended is not None


async def test_people_in_the_room_are_not_sent_what_the_room_hears(house: House) -> None:
    alone = house.adapter.destination_of(ANA, alone=True)
    assert alone is not None
    assert alone.address == ANA.native.id
    assert house.adapter.destination_of(ANA, alone=False) is None
    assert isinstance(await house.send(item(words("hello")), alone), Skipped)


# ------------------------------------------------------------------------------------------------------------ conversations


def notice(text: str = "Crossing is on.", **more: Any) -> Item:
    return item(Notice(to=ANA.native, text=from_plain(text), **more), form="say")


async def test_the_bot_opens_one_conversation_with_a_person(house: House) -> None:
    house.world.owners = {}
    assert isinstance(await house.send(notice()), Delivered)
    assert isinstance(await house.send(notice("And off.")), Delivered)
    assert house.homeserver.count("POST", "createRoom") == 1
    created = next(asked for asked in house.homeserver.asked if "createRoom" in asked.path)
    assert created.body["is_direct"] is True
    assert created.body["invite"] == [ANA.native.id]
    assert await house.store.directory.owner_of(Native(MATRIX, "!made1")) == ANA.native


async def test_a_conversation_that_is_gone_is_opened_anew(house: House) -> None:
    await house.store.journal.commit([PutConversation(ANA.native, Native(MATRIX, "!gone"))])
    house.world.owners = {Native(MATRIX, "!gone"): ANA.native}
    assert isinstance(await house.send(notice()), Delivered)
    found = await house.store.directory.conversation(ANA.native)
    assert found == Native(MATRIX, "!made1")


async def test_a_sign_is_put_on_the_message_by_the_bot(house: House) -> None:
    sign = item(Notice(to=ANA.native, about=house.world.id_of("$mine"), sign="🏠"), form="say")
    assert isinstance(await house.send(sign), Delivered)
    sent = next(asked for asked in house.homeserver.asked if "/send/m.reaction" in asked.path)
    assert sent.query["user_id"] == ME.bot
    assert sent.body["m.relates_to"] == {"rel_type": "m.annotation", "event_id": "$mine", "key": "🏠"}


def invitation(room: str, *, direct: bool = True, sender: str = ANA.native.id) -> dict[str, Any]:
    content = {"membership": "invite", "is_direct": direct}
    return {room: {"invite_state": {"events": [{"type": "m.room.member", "state_key": ME.bot, "sender": sender, "content": content}]}}}


async def test_whoever_invites_the_bot_to_talk_is_heard(house: House) -> None:
    house.homeserver.open_rooms |= {"!dm", "!room"}
    house.homeserver.invited = (
        invitation("!dm")
        | invitation("!room", direct=False)
        | {"!junk": [], "!more": {"invite_state": {"events": [5, {}]}}}
        | invitation("!x", sender="@_irc_x:hs.test")
    )
    await house.adapter.watch.once()
    assert await house.store.directory.owner_of(Native(MATRIX, "!dm")) == ANA.native
    assert house.homeserver.members[("!dm", ME.bot)][0] == "join"
    assert ("!room", ME.bot) not in house.homeserver.members


async def test_an_invitation_is_answered_at_the_next_beat(house: House) -> None:
    await house.adapter.watch.once()
    house.homeserver.open_rooms.add("!dm")
    house.homeserver.invited = invitation("!dm")
    await house.adapter.watch.once()
    assert await house.store.directory.conversation(ANA.native) is None
    house.adapter.watch.look()
    await house.adapter.watch.once()
    assert await house.store.directory.conversation(ANA.native) == Native(MATRIX, "!dm")


async def test_an_encrypted_conversation_is_answered_with_an_open_one(house: House) -> None:
    house.homeserver.open_rooms.add("!secret")
    house.homeserver.state[("!secret", "m.room.encryption")] = {"algorithm": "m.megolm.v1.aes-sha2"}
    house.homeserver.invited = invitation("!secret")
    await house.adapter.watch.once()
    talk = await house.store.directory.conversation(ANA.native)
    assert talk is not None
    assert talk.id.startswith("!made")
    assert house.homeserver.members[("!secret", ME.bot)][0] == "leave"


# ------------------------------------------------------------------------------------------------------------ rooms and people


async def test_a_room_is_prepared_for_linking(house: House) -> None:
    house.homeserver.state |= {
        ("!commons", "m.room.join_rules"): {"join_rule": "public"},
        ("!commons", "m.room.history_visibility"): {"history_visibility": "shared"},
        ("!commons", "m.room.name"): {"name": "Commons"},
    }
    house.homeserver.aliases["#commons:hs.test"] = "!commons"
    house.homeserver.members.clear()
    place = await house.adapter.prepare("#commons:hs.test")
    assert (place.native, place.name, place.openness) == (ROOM, "Commons", Openness(Join.PUBLIC, History.SHARED))
    for wrong in ("#nothing:hs.test", "commons", "!closed"):
        with pytest.raises(BadSetting) as caught:
            await house.adapter.prepare(wrong)
        assert caught.value.remedy


async def test_other_nodes_in_a_room_are_seen_and_this_one_says_that_it_is_there(house: House) -> None:
    """In the bot's own membership: that needs no power in the room (scenario S08)."""
    nodes = {"@moot:b2.example": "B2.example", "@liar:hs.test": ["no name at all"], "@other:hs.test": ME.domain, "@odd:hs.test": 7}
    for user, node in nodes.items():
        house.homeserver.members[("!commons", user)] = ("join", user)
        house.homeserver.told[user] = {NODE: node}
    place = await house.adapter.prepare("!commons")
    assert place.bridges == ("b2.example",)
    said = house.homeserver.state[("!commons", "m.room.member")]
    assert said == {"membership": "join", "displayname": "Folkmoot", NODE: [ME.domain]}


async def test_a_room_that_was_linked_before_is_told_when_the_node_starts(house: House) -> None:
    """By a release that said nothing; and a homeserver gives a membership anew when the bot gets its name, without what it said besides."""
    house.homeserver.members[("!commons", ME.bot)] = ("join", ME.bot)
    await house.store.journal.commit([PutCommunity(COMMONS), PutChannel(CHANNEL)])
    house.homeserver.state.pop(("!commons", "m.room.member"), None)
    house.adapter._introduced = False  # as after a restart
    await house.adapter.prepare("!commons")
    assert house.homeserver.count("PUT", "m.room.member") == 2, "once for all that are linked, once for the one that is linked now"
    assert house.homeserver.state[("!commons", "m.room.member")][NODE] == [ME.domain]


async def test_what_matrix_does_not_tell_is_absent(house: House) -> None:
    fetch = house.adapter.fetch
    assert isinstance(await fetch(Need("actor", (MATRIX, "@nobody:hs.test"))), Absent)
    assert isinstance(await fetch(Need("actor", ("activitypub", "https://a.example/u/sam"))), Absent)
    assert isinstance(await fetch(Need("document", ("https://a.example/x",))), Absent)
    house.homeserver.names[ANA.native.id] = "Ana"
    assert (await fetch(Need("actor", (MATRIX, ANA.native.id)))).name == "Ana"
    house.homeserver.state[("!next", "m.room.create")] = {"predecessor": {"room_id": ROOM.id}}
    assert await fetch(Need("document", ("matrix-predecessor:!next",))) == ROOM.id.encode()
    assert isinstance(await fetch(Need("document", ("matrix-predecessor:!other",))), Absent)
    house.homeserver.be_rude("GET", "/state/", (500, {}, {}))
    with pytest.raises(Unreachable):
        await fetch(Need("document", ("matrix-room:!commons",)))


async def test_an_answer_that_is_no_json_is_trouble_and_no_crash(house: House) -> None:
    async with aiohttp.ClientSession() as session:
        client = Client(house.homeserver.url, TOKEN, session)
        house.homeserver.be_rude("GET", "whoami", (200, {"user": 1}, {}), (400, {"errcode": "M_UNRECOGNIZED"}, {}))
        with pytest.raises(Unreachable):
            await client.whoami(ME.bot)
        with pytest.raises(Rejected):
            await client.whoami(ME.bot)
