"""Promises of translation that are not about any one content type: whose words count, what is refused, and that nothing makes it raise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.changes import PutConversation
from bridge.model.actor import ActorKind
from bridge.model.audience import Audience
from bridge.model.content import Command, Edit, Membership, Message, Profile, Reaction, Retraction, Setting, Sighting
from bridge.model.content.message import Mention
from bridge.model.ids import MATRIX, Native, event_id
from bridge.model.item import Omission
from bridge.model.place import History, Join, Openness, Place, PlaceKind
from bridge.model.richtext import RichText
from bridge.refs import Awaits, Ignored, Needs, Read, Refs, Wire
from protocols.matrix.translate import READERS, read
from protocols.matrix.translate.outgoing import parted, spot
from protocols.matrix.translate.profile import face_of
from protocols.matrix.wire import MARK
from protocols.vocabulary import first_line
from tests.protocols.matrix.world import (
    ANA,
    CHANNEL,
    ELI,
    GROUP,
    ME,
    NOW,
    OTHER_ROOM,
    ROOM,
    SAM,
    SAM_GHOST,
    TALK,
    World,
    born_here,
    born_there,
    item,
    matrix_event,
    only,
    text,
    words,
)

MARKED = {"object": "theobject", "item": "theitem", "node": ME.domain, "hops": 1}


def relating(**relation: Any) -> dict[str, Any]:
    return text("words", **{"m.relates_to": relation})


def refused(reading: object) -> str:
    assert isinstance(reading, Ignored), reading
    assert reading.refused
    return reading.why


def ignored(reading: object) -> str:
    assert isinstance(reading, Ignored), reading
    assert not reading.refused
    return reading.why


# ------------------------------------------------------------------------------------------------------------ traps S1 to S4


@pytest.fixture
def world_with_a_secret() -> World:
    """An object of another room: its words are nobody's business here."""
    world = World()
    world.add(*born_here("secret", ELI, place=OTHER_ROOM), room=OTHER_ROOM)
    world.add(*born_there("far"), room=OTHER_ROOM)
    return world


@pytest.mark.parametrize("elsewhere", ["$secret", "$far", "not an id", "$" + "x" * 300])
def test_a_reply_to_an_event_of_another_room_answers_nothing(world_with_a_secret: World, elsewhere: str) -> None:
    """Trap S1."""
    for relation in (
        {"m.in_reply_to": {"event_id": elsewhere}},
        {"rel_type": "m.thread", "event_id": elsewhere, "is_falling_back": True, "m.in_reply_to": {"event_id": elsewhere}},
    ):
        content = only(world_with_a_secret.read(matrix_event(content=relating(**relation)))).content
        assert isinstance(content, Message)
        assert (content.reply_to, content.thread) == (None, None)


@pytest.mark.parametrize("elsewhere", ["$secret", "$far", "not an id"])
def test_edits_reactions_and_redactions_do_not_reach_into_another_room(world_with_a_secret: World, elsewhere: str) -> None:
    """Trap S1."""
    edit = {**relating(rel_type="m.replace", event_id=elsewhere), "m.new_content": text("new")}
    reaction = {"m.relates_to": {"rel_type": "m.annotation", "event_id": elsewhere, "key": "👍"}}
    for raw in (
        matrix_event(content=edit, sender=ELI.native.id),
        matrix_event("m.reaction", reaction),
        matrix_event("m.room.redaction", {"redacts": elsewhere}),
    ):
        assert "another room" in refused(world_with_a_secret.read(raw))


def test_a_tombstone_is_followed_only_to_a_room_that_names_this_one() -> None:
    """Trap S2: CVE-2021-32659."""
    world = World()
    raw = matrix_event("m.room.tombstone", {"replacement_room": "!next", "body": "moved"}, state_key="")
    refused(world.read(raw))
    world.documents["matrix-predecessor:!next"] = b"!other"
    refused(world.read(raw))
    world.documents["matrix-predecessor:!next"] = ROOM.id.encode()
    assert only(world.read(raw)).content == Setting(successor="!next")
    refused(world.read({**raw, "state_key": "x"}))
    assert isinstance(world.read({key: value for key, value in raw.items() if key != "state_key"}), Ignored)


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\u2028", "\n\n", "\n\r"])
def test_a_second_line_is_never_a_second_command(breaks: str) -> None:
    """Trap S4: CVE-2023-38690, CVE-2022-29166."""
    for room in (ROOM.id, TALK.id):
        event = only(World().read(matrix_event(content=text(f"!who{breaks}!forget me"), room_id=room)))
        assert isinstance(event.content, Command)
        assert event.content.words == "!who"


@pytest.mark.parametrize("breaks", ["\r", "\x0b", "\x0c", "\x85", "\x00", "\u202e"])
def test_a_control_character_starts_no_command(breaks: str) -> None:
    """Trap S4: what follows it belongs to the same words, or the whole is no command."""
    content = only(World().read(matrix_event(content=text(f"!who{breaks}!forget me")))).content
    assert isinstance(content, Message) or (isinstance(content, Command) and content.words.startswith("!who"))


@given(st.text(max_size=700))
def test_words_of_a_command_hold_no_control_character_and_turn_nothing_around(said: str) -> None:
    line = first_line(said)
    assert len(line) <= 500
    assert not any(ord(letter) < 32 or letter in "\u202a\u202b\u202d\u202e\u2066\u2067\u2069\u200b" for letter in line)


# ------------------------------------------------------------------------------------------------------------ whose words count


def test_an_edit_by_somebody_else_is_refused() -> None:
    """Synapse 1.163 lets it through."""
    edit = {**relating(rel_type="m.replace", event_id="$mine"), "m.new_content": text("never said")}
    assert "did not write it" in refused(World().read(matrix_event(content=edit, sender=ELI.native.id)))
    assert isinstance(only(World().read(matrix_event(content=edit))).content, Edit)


def test_an_edit_of_what_still_waits_is_passed_on() -> None:
    edit = {**relating(rel_type="m.replace", event_id="$waiting"), "m.new_content": text("better")}
    content = only(World().read(matrix_event(content=edit))).content
    assert isinstance(content, Edit)
    assert content.target == event_id(ME.secret, Native(MATRIX, "$waiting"))


def test_a_command_in_an_edit_or_by_a_ghost_is_not_carried_out() -> None:
    """Trap S20."""
    edit = {**relating(rel_type="m.replace", event_id="$mine"), "m.new_content": text("!forget me")}
    assert isinstance(only(World().read(matrix_event(content=edit))).content, Edit)
    ignored(World().read(matrix_event(content=edit, room_id=TALK.id)))
    ignored(World().read(matrix_event(content=text("!forget me"), sender=SAM_GHOST.native.id)))


def test_words_for_the_room_are_no_command() -> None:
    for said in ("!local just us", "!important", "! who", "see !who", "!whoami", "who"):
        assert isinstance(only(World().read(matrix_event(content=text(said)))).content, Message), said


def test_only_its_owner_is_heard_in_a_private_conversation() -> None:
    world = World()
    event = only(world.read(matrix_event(content=text("who"), room_id=TALK.id)))
    assert event.content == Command(words="who", private=True, answer_in=TALK)
    assert event.audience is Audience.DIRECT
    refused(world.read(matrix_event(content=text("!forget me"), room_id=TALK.id, sender=ELI.native.id)))
    ignored(world.read(matrix_event(content=text("Hello"), room_id=TALK.id, sender=ME.bot)))
    left = world.read(matrix_event("m.room.member", {"membership": "leave"}, state_key=ANA.native.id, room_id=TALK.id))
    assert left == Read((), (PutConversation(ANA.native, None),))


def test_the_echo_of_our_own_event_is_a_sighting() -> None:
    for sender in (SAM_GHOST.native.id, ME.bot):
        event = only(World().read(matrix_event(content={**text("Hello"), MARK: MARKED}, sender=sender)))
        assert event.content == Sighting(target="theobject", native="$new", item="theitem")  # type: ignore[arg-type]
        ignored(World().read(matrix_event(sender=sender)))
        ignored(World().read(matrix_event(content={**text("Hello"), MARK: {**MARKED, "node": "other.example"}}, sender=sender)))


def test_a_pasted_mark_does_not_make_anybody_one_of_us() -> None:
    event = only(World().read(matrix_event(content={**text("Hello"), MARK: {**MARKED, "node": "other.example", "hops": 3}})))
    assert isinstance(event.content, Message)
    assert (event.provenance.node, event.provenance.hops) == ("other.example", 3)


def test_accounts_of_other_bridges_are_no_persons() -> None:
    event = only(World().read(matrix_event(sender="@_irc_bob:hs.test")))
    assert event.author.kind is ActorKind.SERVICE


def test_a_mention_counts_when_the_sender_meant_it() -> None:
    pill = f'<a href="https://matrix.to/#/{SAM_GHOST.native.id}">Sam</a>'
    silent = only(World().read(matrix_event(content=text("Sam", pill)))).content
    assert isinstance(silent, Message)
    assert silent.mentions == ()
    old = {key: value for key, value in text("Sam", pill).items() if key != "m.mentions"}
    content = only(World().read(matrix_event(content=old))).content
    assert isinstance(content, Message)
    assert [mention.actor for mention in content.mentions] == [SAM.native]
    unshown = {**text("Yes"), "m.mentions": {"user_ids": [SAM_GHOST.native.id, ME.bot, "junk", SAM_GHOST.native.id], "room": True}}
    content = only(World().read(matrix_event(content=unshown))).content
    assert isinstance(content, Message)
    assert [mention.actor for mention in content.mentions] == [SAM.native]


def test_an_account_of_matrix_is_named_by_its_pill_or_its_id_whether_or_not_that_was_meant_to_notify() -> None:
    """N01: who did not agree is then shown without a link and without an address; nobody of this protocol is notified elsewhere."""
    pill = '<a href="https://matrix.to/#/%40eli%3Ahs.test">Eli</a>'
    silent = only(World().read(matrix_event(content=text("Eli", pill)))).content
    assert isinstance(silent, Message)
    assert silent.mentions == (Mention(ELI.native, "Eli"),)
    assert "matrix.to" not in silent.text.html
    typed = text(f"ask @eli:hs.test, {SAM_GHOST.native.id} or {ME.bot}. Not cc @kim:thanks, nor root@hs.test:/srv", mentions=None)
    content = only(World().read(matrix_event(content=typed))).content
    assert isinstance(content, Message)
    assert content.mentions == (Mention(ELI.native, "@eli:hs.test"),)


def test_quoted_words_of_others_do_not_cross_with_a_reply() -> None:
    """Norms N01, vector 5: neither in the HTML nor in the plain fallback."""
    for content in (
        text("> <@eli:hs.test> never\n> agreed\n\nBut I did"),
        text("> never", "<mx-reply><blockquote>never <b>agreed</b></blockquote></mx-reply>But I did"),
    ):
        raw = matrix_event(content={**content, "m.relates_to": {"m.in_reply_to": {"event_id": "$mine"}}})
        encoded = msgspec.json.encode(only(World().read(raw)).content)
        assert b"But I did" in encoded
        for word in (b"never", b"agreed", b"eli"):
            assert word not in encoded


def test_a_quotation_that_is_no_reply_stays() -> None:
    content = only(World().read(matrix_event(content=text("> to be\n\nSays who?")))).content
    assert isinstance(content, Message)
    assert "to be" in content.text.plain


# ------------------------------------------------------------------------------------------------------------ threads


def test_a_reply_inside_a_thread_keeps_parent_and_root() -> None:
    world = World()
    world.newest[world.id_of("$root")] = "$newest"
    message = words("more", thread=world.id_of("$root"), reply_to=world.id_of("$root"))
    wire = world.write(item(message))
    assert isinstance(wire, Wire)
    relation = msgspec.json.decode(wire.body)["m.relates_to"]
    assert relation == {"rel_type": "m.thread", "event_id": "$root", "is_falling_back": True, "m.in_reply_to": {"event_id": "$newest"}}


def test_a_reply_to_an_answer_from_elsewhere_joins_its_thread() -> None:
    world = World()
    content = only(world.read(matrix_event(content=relating(**{"m.in_reply_to": {"event_id": "$answer"}})))).content
    assert isinstance(content, Message)
    assert (content.reply_to, content.thread) == (world.id_of("$answer"), world.id_of("$root"))


def test_a_thread_started_from_an_answer_joins_the_whole_conversation() -> None:
    world = World()
    relation = {"rel_type": "m.thread", "event_id": "$answer", "is_falling_back": True, "m.in_reply_to": {"event_id": "$answer"}}
    event = only(world.read(matrix_event(content=relating(**relation))))
    assert isinstance(event.content, Message)
    assert (event.content.reply_to, event.content.thread) == (world.id_of("$answer"), world.id_of("$root"))
    assert event.provenance.thread == "$answer"


def test_an_answer_whose_root_never_crossed_is_put_under_the_root_the_room_knows() -> None:
    world = World()
    unknown = event_id(ME.secret, Native(MATRIX, "$never"))
    _, known = born_here("under", thread=unknown)
    world.add("$under", known)
    raw = matrix_event(content=relating(rel_type="m.thread", event_id="$never", is_falling_back=True), event_id="$under")
    world.events[known.id] = only(world.read(raw))
    wire = world.write(item(words("an answer", thread=unknown, reply_to=known.id)))  # type: ignore[arg-type]
    assert isinstance(wire, Wire)
    relation = msgspec.json.decode(wire.body)["m.relates_to"]
    assert (relation["event_id"], relation["m.in_reply_to"]) == ("$never", {"event_id": "$under"})


def test_an_answer_to_nothing_in_the_room_stands_alone() -> None:
    unknown = event_id(ME.secret, Native(MATRIX, "$never"))
    wire = World().write(item(words("an answer", thread=unknown, reply_to=unknown)))  # type: ignore[arg-type]
    assert isinstance(wire, Wire)
    assert "m.relates_to" not in msgspec.json.decode(wire.body)


# ------------------------------------------------------------------------------------------------------------ rooms and people


def test_what_a_room_is_now_is_asked_and_the_unknown_is_closed() -> None:
    world = World()
    raw = matrix_event("m.room.history_visibility", {"history_visibility": "world_readable"}, state_key="")
    assert only(world.read(raw)).content == Setting(openness=Openness())
    world.documents["matrix-room:!commons"] = b'{"join":"public","history":"shared","encrypted":false}'
    assert only(world.read(raw)).content == Setting(openness=Openness(Join.PUBLIC, History.SHARED))
    world.documents["matrix-room:!commons"] = b'{"join":"everyone","history":"everything","encrypted":true}'
    assert only(world.read(raw)).content == Setting(openness=Openness(Join.INVITE, History.JOINED, encrypted=True))


def test_people_come_and_go_and_ghosts_by_themselves_do_not() -> None:
    world = World()

    def member(user: str, membership: str, **more: Any) -> dict[str, Any]:
        return matrix_event("m.room.member", {"membership": membership}, **{"state_key": user, "sender": user, **more})

    joined = only(world.read(member(ELI.native.id, "join"))).content
    assert isinstance(joined, Membership)
    assert (joined.change.value, joined.subject) == ("join", ELI.native)
    ignored(world.read(member(SAM_GHOST.native.id, "join")))
    ignored(world.read(member(SAM_GHOST.native.id, "invite", sender=ME.bot)))
    kicked = only(world.read(member(SAM_GHOST.native.id, "leave", sender=ANA.native.id)))
    assert isinstance(kicked.content, Membership)
    assert (kicked.content.subject, kicked.author.native) == (SAM.native, ANA.native)
    same = {"prev_content": {"membership": "join"}}
    ignored(world.read(member(ELI.native.id, "join", unsigned=same)))
    refused(world.read(member("everyone", "join")))
    ignored(world.read(member(ELI.native.id, "dancing")))


def test_a_new_name_is_a_new_face() -> None:
    raw = matrix_event(
        "m.room.member",
        {"membership": "join", "displayname": "Eli\u0000 the\n Elder", "avatar_url": "http://evil.example/track.png"},
        state_key=ELI.native.id,
        sender=ELI.native.id,
        unsigned={"prev_content": {"membership": "join", "displayname": "Eli"}},
    )
    content = only(World().read(raw)).content
    assert isinstance(content, Profile)
    assert content.actor.avatar is None
    assert content.actor.handle == ELI.handle


def test_a_ghost_shows_its_home_and_no_tricks() -> None:
    tricky = msgspec.structs.replace(SAM, name="Sam\u202e\u0000 the\nGreat " + "x" * 300)
    face = face_of(tricky)
    assert face.endswith("(@sam@a.example)")
    assert len(face) <= 100
    assert "\u202e" not in face
    assert "\n" not in face
    assert face_of(msgspec.structs.replace(SAM, name="")) == "@sam@a.example"
    assert len(face_of(msgspec.structs.replace(SAM, handle="@" + "s" * 200 + "@a.example"))) == 100


def test_the_way_to_a_closed_room_is_told_to_nobody() -> None:
    """Trap S18."""
    world = World()
    closed = Place(ROOM, PlaceKind.ROOM, "Commons", Openness(Join.INVITE, History.SHARED))
    world.channels[ROOM] = msgspec.structs.replace(CHANNEL, places=(closed,))
    event = only(world.read(matrix_event(content={"msgtype": "m.location", "body": "The mill", "geo_uri": "geo:nowhere"})))
    assert event.provenance.url is None
    assert isinstance(event.content, Message)
    assert event.content.text.plain == "📍 The mill (a place; it is in the room)"


def test_rooms_of_nobody_and_encrypted_words_are_left_alone() -> None:
    ignored(World().read(matrix_event(room_id="!unlinked")))
    assert "cannot read" in ignored(World().read(matrix_event("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2"})))
    assert "m.poll.response" in ignored(World().read(matrix_event("m.poll.response", {})))


def test_a_claimed_time_is_bounded_by_receipt() -> None:
    """Trap S23."""
    for stamp, latest in (
        (2**53 - 1, NOW + timedelta(seconds=60)),
        (-5, datetime(1970, 1, 1, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
    ):
        assert only(World().read(matrix_event(origin_server_ts=stamp))).at == latest


# ------------------------------------------------------------------------------------------------------------ what leaves


def test_html_that_leaves_holds_only_what_matrix_lists() -> None:
    """Trap S17."""
    evil = (
        '<p onclick="x()">a<script>bad()</script><img src="http://track.example/x.png"><a href="javascript:alert(1)">b</a>'
        '<mx-reply>forged</mx-reply><span style="color:red" data-mx-color="#fff">c</span></p>'
    )
    message = Message(text=RichText(html=evil, plain="abc"))
    wire = World().write(item(message))
    assert isinstance(wire, Wire)
    for word in (b"onclick", b"script", b"track", b"javascript", b"forged", b"style", b"bad()"):
        assert word not in wire.body, word


def test_matrix_html_is_cleaned_before_anybody_else_sees_it() -> None:
    """Trap S17, the other way."""
    html = '<b onclick="x()">a</b><img src="https://track.example/x.png" alt="pic"><script>bad()</script><a href="javascript:x()">c</a>'
    encoded = msgspec.json.encode(only(World().read(matrix_event(content=text("a", html)))).content)
    for word in (b"onclick", b"track", b"script", b"bad()"):
        assert word not in encoded, word


def test_no_nul_no_half_surrogate_and_no_float_leaves() -> None:
    message = Message(text=RichText(html="<p>a\x00b\ud800c</p>", plain="a\x00b\ud800c"), title="t\x00\udfff")
    wire = World().write(item(message))
    assert isinstance(wire, Wire)
    decoded = json.loads(wire.body, parse_float=lambda found: pytest.fail(f"a float: {found}"))
    assert "\x00" not in decoded["body"]
    decoded["body"].encode()
    decoded["formatted_body"].encode()


def test_everybody_is_named_and_nobody_is_notified_twice() -> None:
    world = World()
    mention = Message(
        text=RichText(html='<p><a data-mention="0">Ana</a></p>', plain="Ana"),
        mentions=(Mention(ANA.native, "Ana"),),
    )
    first = world.write(item(mention))
    assert isinstance(first, Wire)
    assert msgspec.json.decode(first.body)["m.mentions"] == {"user_ids": [ANA.native.id]}
    again = world.write(item(Edit(target=world.id_of("$post"), message=mention)))
    assert isinstance(again, Wire)
    content = msgspec.json.decode(again.body)
    assert content["m.mentions"] == {}
    assert content["m.new_content"]["m.mentions"] == {"user_ids": [ANA.native.id]}


def test_what_has_no_copy_in_the_room_is_omitted_with_a_reason() -> None:
    nowhere = event_id(ME.secret, Native(MATRIX, "$never"))
    for content in (
        Edit(target=nowhere, message=words("new")),  # type: ignore[arg-type]
        Reaction(target=nowhere, key="👍"),  # type: ignore[arg-type]
        Retraction(target=nowhere),  # type: ignore[arg-type]
    ):
        writing = World().write(item(content))
        assert isinstance(writing, Omission)
        assert "not in the room" in writing.text


def test_a_ghost_takes_back_its_own_words_and_the_bot_those_of_the_room() -> None:
    world = World()
    for copy, speaker in (("$post", SAM_GHOST.native.id), ("$mine", ME.bot)):
        wire = world.write(item(Retraction(target=world.id_of(copy)), author=SAM))
        assert isinstance(wire, Wire)
        assert (wire.method, wire.path, wire.speaker) == ("redact", copy, Native(MATRIX, speaker))


def test_somebody_new_has_no_ghost_yet_and_is_written_all_the_same() -> None:
    newcomer = msgspec.structs.replace(SAM, native=Native(GROUP.protocol, "https://b.example/u/new"), handle="@new@b.example")
    wire = World().write(item(words("first"), author=newcomer))
    assert isinstance(wire, Wire)
    assert wire.speaker is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_room_and_event_share_a_path_and_part_again(room: str, event: str) -> None:
    clean = [part.encode("utf-8", "replace").decode() for part in (room, event)]
    assert list(parted(spot(*clean))) == clean


# ------------------------------------------------------------------------------------------------------------ nothing raises

_KEYS = (
    "msgtype", "body", "format", "formatted_body", "m.relates_to", "m.new_content", "m.mentions", "user_ids", "event_id", "rel_type", "key",
    "m.in_reply_to", "is_falling_back", "membership", "displayname", "avatar_url", "redacts", "join_rule", "name", "replacement_room", MARK,
)  # fmt: skip
_junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=20)
    | st.sampled_from(["$mine", "$post", "$root", "!commons"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=8), inner, max_size=5),
    max_leaves=12,
)


@given(
    st.sampled_from(sorted(READERS)),
    st.dictionaries(st.sampled_from(_KEYS), _junk, max_size=6),
    st.sampled_from([None, "", "@ana:hs.test", "x"]),
)
def test_no_content_makes_reading_raise(kind: str, content: dict[str, Any], state_key: str | None) -> None:
    """Trap S6."""
    reading = World().read(matrix_event(kind, content, state_key=state_key))
    assert isinstance(reading, Read | Ignored)


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_raise(body: bytes) -> None:
    assert isinstance(read(body, NOW, Refs(), ME), Ignored)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b'{"type":' + b"[" * 10_000 + b"]" * 10_000 + b"}", b'{"content":"\\ud800"}', b"\xff\xfe", b"null", b"{}"],
    ids=["open", "deep", "surrogate", "not utf-8", "null", "empty"],
)
def test_bytes_that_are_no_event_are_refused(body: bytes) -> None:
    refused(read(body, NOW, Refs(), ME))


def test_what_is_missing_is_asked_for_by_name() -> None:
    reading = read(msgspec.json.encode(matrix_event()), NOW, Refs(), ME)
    assert isinstance(reading, Needs)
    assert {need.kind for need in reading.needs} == {"channel", "owner_of"}
    assert not isinstance(reading, Awaits)
