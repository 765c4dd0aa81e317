"""What is refused, what stays private, what is never shown: the cases that files of good examples cannot hold."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bridge.changes import PutConversation
from bridge.model.audience import Audience
from bridge.model.content import Command, Edit, Message, Reaction, Retraction
from bridge.model.content.membership import Change, Membership
from bridge.model.content.message import Attachment, Mention
from bridge.model.content.notice import Notice
from bridge.model.content.profile import Profile
from bridge.model.content.sighting import Sighting
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, MATRIX, Native, ObjectId, event_id
from bridge.model.item import Omission
from bridge.model.richtext import from_plain
from bridge.refs import Ignored, Need, Read, Wire
from protocols.loopback.ids import BOT, ghost_id, is_ghost, is_name, native_of, written
from protocols.loopback.wire import Act, Boost, Come, Face, Mark, Named, React, Revise, Say, TakeBack, Words, dump
from tests.protocols.loopback.world import ELI, FAR, HALL, KITCHEN, LENA, ME, NOW, SAM, TALK, TOMAS, World, deed, drafted, here, item, only


def words(text: str) -> Words:
    return Words(text=text)


def sent(content: object, world: World | None = None, **more: object) -> Wire:
    wire = (world or World()).write(item(content, **more))  # type: ignore[arg-type]
    assert isinstance(wire, Wire), wire
    return wire


# ------------------------------------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    "act",
    [Revise("stranger", words("New")), TakeBack("stranger"), React("stranger", "👍"), Boost("stranger")],
    ids=lambda act: type(act).__name__,
)
def test_a_message_of_another_room_is_no_target(act: Act) -> None:
    world = World()
    world.add(*here("stranger"), room=KITCHEN)
    world.facts[Need("object_at", (LOOPBACK, "stranger"))] = msgspec.structs.replace(
        world.facts[Need("object_at", (LOOPBACK, "stranger"))], place=KITCHEN
    )
    reading = world.read(deed(act))
    assert isinstance(reading, Ignored)
    assert reading.refused
    assert "another room" in reading.why or "of another room" in reading.why


def test_an_answer_to_another_room_begins_a_thread_of_its_own() -> None:
    world = World()
    stranger = msgspec.structs.replace(here("stranger")[1], place=KITCHEN)
    world.add("stranger", stranger, room=KITCHEN)
    content = only(world.read(deed(Say(words("Yes"), reply_to="stranger", thread="stranger")))).content
    assert isinstance(content, Message)
    assert (content.reply_to, content.thread) == (None, None)


def test_only_the_author_edits() -> None:
    reading = World().read(deed(Revise("mine", words("Not hers")), by="tomas"))
    assert reading == Ignored("an edit by somebody who did not write it", refused=True)


def test_an_edit_of_something_still_waiting_is_passed_on() -> None:
    content = only(World().read(deed(Revise("waiting", words("Better"))))).content
    assert isinstance(content, Edit)
    assert content.target == ObjectId(event_id(ME.secret, Native(LOOPBACK, "waiting")))


def test_a_face_is_only_ones_own() -> None:
    account = msgspec.structs.replace(deed(Say(words("x"))).by, id="tomas")
    reading = World().read(deed(Face(account)))
    assert isinstance(reading, Ignored)
    assert reading.refused


def test_what_accounts_of_bridges_do_is_not_read() -> None:
    for account in (BOT, "sam@a.example"):
        assert isinstance(World().read(deed(Say(words("Hello")), by=account)), Ignored)


def test_a_room_of_no_community_is_nobodys_business() -> None:
    assert World().read(deed(Say(words("Hello")), room="cellar")) == Ignored("this room is linked to no community")


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"id":"1","room":"hall","by":{"id":"lena"},"at":"2026-11-24T12:00:00Z","act":{"do":"dance"}}', "$.act.do"),
        (b'{"id":1,"room":"hall","by":{"id":"lena"},"at":"2026-11-24T12:00:00Z","act":{"do":"say","words":{}}}', "$.id"),
        (b'{"id":"1","room":"hall","by":{"id":"lena"},"at":"2026-11-24T12:00:00","act":{"do":"say","words":{}}}', "$.at"),
        (b"not JSON", "$"),
        (b"[" * 100_000, "$"),
        (b'{"id":"\xff"}', "$"),
    ],
    ids=["unknown act", "wrong type", "no zone", "no JSON", "deep", "no UTF-8"],
)
def test_what_is_no_deed_is_refused_with_its_path(body: bytes, path: str) -> None:
    reading = World().read(body)
    assert isinstance(reading, Ignored)
    assert reading.refused
    assert f"(at {path})" in reading.why


def test_too_many_mentions_and_files_are_refused_by_name() -> None:
    many = Words(text="x", mentions=tuple(Named(f"p{number}", "x") for number in range(51)))
    assert "$.act.words.mentions" in World().read(deed(Say(many))).why  # type: ignore[union-attr]
    bad = Words(text="x", attachments=(Attachment(url="javascript:alert(1)", media_type="image/png"),))
    assert "$.act.words.attachments[0].url" in World().read(deed(Say(bad))).why  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "html", ["<script>alert(1)</script>", "<a href='javascript:x'>x</a>", "<p onclick='x'>x</p>", "<div>" * 3000 + "x"]
)
def test_html_from_a_hall_is_cleaned(html: str) -> None:
    reading = World().read(deed(Say(Words(text="x", html=html))))
    if isinstance(reading, Read):
        text = only(reading).content.text.html  # type: ignore[union-attr]
        assert not any(bad in text for bad in ("script", "javascript", "onclick", "<div"))


def test_the_halls_clock_is_believed_up_to_a_minute() -> None:
    late = msgspec.structs.replace(deed(Say(words("x"))), at=NOW + timedelta(days=1))
    assert only(World().read(late)).at == NOW + timedelta(seconds=60)
    first = dump(deed(Say(words("x")))).replace(b"2026-11-24T12:00:00Z", b"0001-01-01T00:00:00+14:00")
    assert only(World().read(first)).at == NOW


# ------------------------------------------------------------------------------------------------------------ reading


def test_the_mark_of_another_bridge_is_kept() -> None:
    come = only(World().read(deed(Say(words("x")), mark=Mark("o", "b2.example", hops=2)))).provenance
    assert (come.node, come.hops) == ("b2.example", 2)


def test_an_echo_of_our_own_deed_says_what_the_hall_calls_it() -> None:
    mark = Mark("object", ME.domain, item="item")
    for act in (Say(words("x")), React("mine", "🎉"), Boost("mine")):
        assert only(World().read(deed(act, by="sam@a.example", name="h.7", mark=mark))).content == Sighting(
            ObjectId("object"), "h.7", "item"
        )


def test_what_accounts_of_bridges_do_besides_is_not_read() -> None:
    ours, other = Mark("object", ME.domain), Mark("object", "b2.example")
    unread = (
        deed(Say(words("x")), by="sam@a.example"),
        deed(Say(words("x")), by="sam@a.example", mark=other),
        deed(Revise("mine", words("x")), by="sam@a.example", mark=ours),
    )
    assert [type(World().read(each)) for each in unread] == [Ignored] * 3


def test_the_halls_own_word_for_the_thread_is_kept() -> None:
    """Its root may never have crossed."""
    event = only(World().read(deed(Say(words("x"), thread="unknown"))))
    assert event.provenance.thread == "unknown"


def test_an_order_and_a_sign_keep_what_the_hall_calls_their_target() -> None:
    assert only(World().read(deed(Say(words("!cross this"), reply_to="mine")))).provenance.about == "mine"
    assert only(World().read(deed(React("mine", "📣")))).provenance.about == "mine"


def test_a_mention_of_an_account_of_ours_means_the_person() -> None:
    html = '<p><a data-mention="0">Sam</a> and <a data-mention="1">Tomas</a></p>'
    said = Words(text="Sam and Tomas", html=html, mentions=(Named("sam@a.example", "Sam"), Named("tomas", "Tomas")))
    content = only(World().read(deed(Say(said)))).content
    assert isinstance(content, Message)
    assert content.mentions == (Mention(SAM.native, "Sam"), Mention(TOMAS.native, "Tomas"))


def test_nothing_said_to_the_bot_in_private_belongs_to_a_community() -> None:
    event = only(World().read(deed(Say(words("cross on"), reply_to="mine"), room=TALK.id)))
    assert (event.community, event.channel, event.audience, event.place) == ("", "", Audience.DIRECT, TALK)
    assert event.content == Command("cross on", private=True, about=World().ids["mine"], answer_in=TALK)


def test_whoever_writes_to_the_bot_may_be_written_to() -> None:
    world = World()
    reading = world.read(deed(Say(words("help")), room=TALK.id))
    assert isinstance(reading, Read)
    assert reading.changes == (PutConversation(LENA.native, TALK),)
    world.facts[Need("conversation", (LOOPBACK, "lena"))] = TALK
    assert world.read(deed(Say(words("help")), room=TALK.id)).changes == ()  # type: ignore[union-attr]


def test_nobody_speaks_in_the_private_talk_of_somebody_else() -> None:
    reading = World().read(deed(Say(words("cross on")), by="tomas", room=TALK.id))
    assert isinstance(reading, Ignored)
    assert reading.refused
    assert isinstance(World().read(deed(Say(words("I am the bot")), by=BOT, room=TALK.id)), Ignored)
    assert isinstance(World().read(deed(Revise("old", words("cross on")), room=TALK.id)), Ignored)


def test_an_unfollow_names_the_follow_it_ends() -> None:
    content = only(World().read(deed(Come(Change.UNFOLLOW, "lena", written(FAR))))).content
    assert content == Membership(Change.UNFOLLOW, LENA.native, FAR, request="https://moot.example/a/asked")
    assert only(World().read(deed(Come(Change.UNFOLLOW, "tomas", written(FAR)), by="tomas"))).content == Membership(
        Change.UNFOLLOW, TOMAS.native, FAR
    )


# ------------------------------------------------------------------------------------------------------------ writing


def test_an_answer_whose_root_is_not_here_answers_what_is() -> None:
    """The root's author never agreed to cross."""
    world = World()
    gone = ObjectId(event_id(ME.secret, Native(MATRIX, "$never")))
    act = drafted(sent(Message(from_plain("Yes"), reply_to=world.ids["mine"], thread=gone), world).body)
    assert isinstance(act, Say)
    assert (act.reply_to, act.thread) == ("mine", "")


@pytest.mark.parametrize(
    "content", [Reaction(ObjectId("gone"), "👍"), Retraction(ObjectId("gone")), Edit(ObjectId("gone"), Message(from_plain("x")))]
)
def test_what_is_about_something_that_is_not_here_is_an_omission(content: Reaction | Retraction | Edit) -> None:
    omission = World().write(item(content))
    assert isinstance(omission, Omission)
    assert omission.code == "target.not_here"
    assert omission.text


def test_whoever_has_no_account_yet_is_left_to_the_sender() -> None:
    newcomer = msgspec.structs.replace(SAM, native=Native(ACTIVITYPUB, "https://b.example/u/kim"))
    assert sent(Message(from_plain("Hello")), author=newcomer).speaker is None


def test_a_mention_of_somebody_without_an_account_says_where_they_are() -> None:
    kim = Native(ACTIVITYPUB, "https://b.example/u/kim")
    text = msgspec.structs.replace(from_plain("Kim"), html='<p><a data-mention="0">Kim</a></p>')
    act = drafted(sent(Message(text, mentions=(Mention(kim, "Kim"),))).body)
    assert isinstance(act, Say)
    assert act.words.mentions == (Named("activitypub:https://b.example/u/kim", "Kim"),)


def test_what_is_said_to_somebody_goes_to_nobody_else() -> None:
    wire = sent(Notice(TOMAS.native, from_plain("Only for you.")))
    assert (wire.path, wire.method) == ("talk/tomas", "say")
    elsewhere = World().write(item(Notice(ELI.native, from_plain("Only for you."))))
    assert isinstance(elsewhere, Omission)


def test_a_sign_goes_on_a_message_that_stayed_in_its_room() -> None:
    """It never crossed, so it is no object; the notice's own origin tells where it is."""
    notice = Notice(LENA.native, about=ObjectId("unknown"), sign="🏠")
    wire = sent(notice, origin=Native(LOOPBACK, "stayed"))
    assert (wire.path, drafted(wire.body)) == (HALL.id, React("stayed", "🏠"))


def test_an_account_that_ended_is_reached_by_its_end_alone() -> None:
    world = World()
    need = Need("ghost_of", (LOOPBACK, SAM.native.protocol, SAM.native.id))
    world.facts[need] = msgspec.structs.replace(world.facts[need], ended=NOW)
    assert sent(Profile(SAM), world).speaker is None
    assert sent(Profile(SAM, ended=True), world).speaker == Native(LOOPBACK, "sam@a.example")
    assert sent(Message(from_plain("x")), world).speaker is None


# ------------------------------------------------------------------------------------------------------------ names


def test_people_and_accounts_that_stand_for_somebody_never_share_a_name() -> None:
    for handle, host in (("@sam@a.example", "a.example"), ("@bo:hs.example", "hs.example"), ("lena", "127.0.0.1:8420"), ("a:b", "x")):
        made = ghost_id(ME.secret, Native(MATRIX, handle), handle, host)
        assert is_ghost(made)
        assert not is_name(made)
        assert native_of(made) == Native(LOOPBACK, made)
    assert ghost_id(ME.secret, ELI.native, ELI.handle, ELI.host) == "eli@hs.test"
    assert ghost_id(ME.secret, SAM.native, SAM.handle, SAM.host, distinct=True) != ghost_id(
        ME.secret, Native(ACTIVITYPUB, "https://a.example/u/sam2"), SAM.handle, SAM.host, distinct=True
    )


@pytest.mark.parametrize("name", ["Lena", "lena@x", "talk/lena", "", "-lena", "l" * 65, BOT, "a:b", "lena\n"])
def test_some_names_cannot_be(name: str) -> None:
    assert not is_name(name)


def test_a_name_elsewhere_keeps_its_protocol() -> None:
    for native in (FAR, Native(MATRIX, "!room:hs.test"), LENA.native, Native(LOOPBACK, "ana@127.0.0.1:8420")):
        assert native_of(written(native)) == native
