"""Private words on the wire: believed of `to` and `cc` alone, and sent to one person and nobody else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bridge.model.audience import Audience
from bridge.model.content import Command, Edit, Message, Reaction, Retraction
from bridge.model.content.message import Mention
from bridge.model.ids import MATRIX, Native, event_id
from bridge.model.portal import Portal, Stance, channel_of, far_side, portal_id
from bridge.model.richtext import RichText, from_plain
from bridge.refs import Ignored
from tests.protocols.activitypub.world import (
    ANA,
    ANA_GHOST,
    COMMUNITY,
    GROUP,
    KIM,
    ME,
    NOW,
    PUBLIC,
    SAM,
    World,
    born,
    create,
    item,
    note,
    only,
    sent,
)

ID = portal_id(ME.secret, ANA.native, SAM.native)
TWO = Portal(ID, COMMUNITY.id, ANA.native, SAM.native, Stance.OPEN, NOW, Native(MATRIX, "!two"))
FAR = far_side(ID, SAM.native)
OURS = [ANA_GHOST.native.id]


def private(tail: str = "new", **more: Any) -> dict[str, Any]:
    """As Mastodon sends one."""
    return note(tail, **{"to": OURS, "cc": [], "tag": [{"type": "Mention", "href": OURS[0], "name": "@ana"}], **more})


def world() -> World:
    made = World()
    made.channels |= {FAR: channel_of(TWO), TWO.room: channel_of(TWO)}  # type: ignore[dict-item]
    return made


def made(content: Any, **more: Any) -> dict[str, Any]:
    """What is sent for something Ana did in the room of the two."""
    return sent(world().write(item(content, "direct", place=FAR, audience=Audience.DIRECT, **more)))


# ----------------------------------------------------------------------------------------------------------------- reading


def test_a_direct_note_to_one_of_our_people_is_private_words_in_a_conversation_of_two() -> None:
    event = only(world().read(create(private())))
    assert isinstance(event.content, Message)
    assert event.content.text.plain == "Hello"
    assert (event.channel, event.place, event.community) == (ID, FAR, COMMUNITY.id)
    assert event.audience is Audience.DIRECT
    assert event.provenance.about == OURS[0]
    assert event.wire is None, "nobody passes it on"


def test_a_chat_message_of_pleroma_and_lemmy_is_private_words_too() -> None:
    event = only(world().read(create(private(type="ChatMessage", tag=[]))))
    assert isinstance(event.content, Message)
    assert event.channel == ID


def test_a_changed_private_message_is_an_edit_of_it() -> None:
    first = only(world().read(create(private())))
    event = only(world().read(create(private(content="<p>Good day</p>", updated="2026-11-24T12:00:00Z"), "Update")))
    assert isinstance(event.content, Edit)
    assert event.content.target == first.id
    assert event.channel == ID


def test_the_same_two_people_have_the_same_conversation_and_others_another() -> None:
    assert only(world().read(create(private("a")))).channel == ID
    assert only(world().read(create(private("b", author=KIM)))).channel != ID


def private_answer_to(known: Any) -> Any:
    here = world()
    here.known.append(known)
    event = only(here.read(create(private(inReplyTo=known.native.id))))
    assert isinstance(event.content, Message)
    return event.content.reply_to


def test_what_it_answers_is_shown_within_the_conversation_and_nothing_of_elsewhere_is() -> None:
    within = born(Native(FAR.protocol, "https://a.example/o/before"), SAM, place=FAR, channel=channel_of(TWO), audience=Audience.DIRECT)
    elsewhere = born(Native(FAR.protocol, "https://a.example/o/public"), SAM, place=GROUP)
    assert private_answer_to(within) == within.id
    assert private_answer_to(elsewhere) is None


@pytest.mark.parametrize(
    "more",
    [
        {"to": [*OURS, "https://moot.example/u/eli"]},
        {"to": ["https://b.example/u/kim"]},
        {"to": ["https://moot.example/u/nobody"]},
        {"to": []},
    ],
    ids=["two of ours", "only tagged", "nobody of that name", "to nobody"],
)
def test_words_that_are_not_for_one_person_here_are_not_private_words(more: dict[str, Any]) -> None:
    assert isinstance(world().read(create(private(**more))), Ignored)


def test_whoever_has_ended_their_name_here_is_not_written_to() -> None:
    here = world()
    here.ghosts = [msgspec.structs.replace(ANA_GHOST, ended=NOW)]
    assert isinstance(here.read(create(private())), Ignored)


def test_a_group_that_is_only_mentioned_in_private_words_does_not_hear_them() -> None:
    tags = [{"type": "Mention", "href": GROUP.id, "name": "@commons"}]
    event = only(world().read(create(private(tag=tags))))
    assert isinstance(event.content, Message)
    assert event.place == FAR


def test_a_message_to_the_group_is_still_a_command() -> None:
    event = only(world().read(create(private(to=[GROUP.id], content="<p>!who</p>"))))
    assert isinstance(event.content, Command)


def test_a_deletion_of_private_words_is_private() -> None:
    here = world()
    known = born(Native(FAR.protocol, "https://a.example/o/new"), SAM, place=FAR, channel=channel_of(TWO), audience=Audience.DIRECT)
    here.known.append(known)
    event = only(
        here.read({"id": "https://a.example/a/d", "type": "Delete", "actor": SAM.native.id, "object": known.native.id, "to": [PUBLIC]})
    )
    assert event.content == Retraction(known.id)
    assert (event.channel, event.audience) == (ID, Audience.DIRECT)


# ----------------------------------------------------------------------------------------------------------------- writing


def everybody_named(document: Any) -> set[str]:
    """Everybody whom a server could take for a receiver, at any depth."""
    if isinstance(document, dict):
        found = {one for name in ("to", "cc", "bto", "bcc", "audience") for one in _listed(document.get(name))}
        return found.union(*(everybody_named(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*map(everybody_named, document))
    return set()


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def test_private_words_name_one_person_as_their_only_receiver_and_tag_them() -> None:
    activity = made(Message(from_plain("Hello Sam")))
    assert activity["type"] == "Create"
    assert activity["actor"] == ANA_GHOST.native.id
    assert everybody_named(activity) == {SAM.native.id}
    said = activity["object"]
    assert [one["href"] for one in said["tag"] if one["type"] == "Mention"] == [SAM.native.id]
    assert not {"url", "replies", "audience"} & set(said)
    assert said["context"] == said["conversation"] == f"https://moot.example/t/{ID}"


def test_whoever_is_mentioned_in_private_words_does_not_hear_them() -> None:
    text = RichText(html='<p>Ask <a data-mention="0">@kim</a></p>')
    activity = made(Message(text, mentions=(Mention(KIM.native, "@kim"),)))
    assert everybody_named(activity) == {SAM.native.id}


def test_changes_signs_and_deletions_reach_the_same_one_person() -> None:
    here = Native(MATRIX, "$new")
    known = born(here, ANA, place=Native(MATRIX, "!two"), channel=channel_of(TWO), audience=Audience.DIRECT)
    theirs = born(Native(FAR.protocol, "https://a.example/o/x"), SAM, place=FAR, channel=channel_of(TWO), audience=Audience.DIRECT)
    for content in (Edit(known.id, Message(from_plain("Hello, Sam"))), Retraction(known.id), Reaction(theirs.id, "👍")):
        town = world()
        town.known += [known, theirs]
        activity = sent(town.write(item(content, "direct", place=FAR, audience=Audience.DIRECT, where=Native(MATRIX, "$later"))))
        assert everybody_named(activity) == {SAM.native.id}, activity["type"]
    assert known.id == event_id(ME.secret, here)


def test_a_conversation_that_has_ended_is_written_to_no_more() -> None:
    ended = World().write(item(Message(from_plain("Hello?")), "direct", place=FAR, audience=Audience.DIRECT))
    assert getattr(ended, "code", "") == "person.gone"
