"""What a peer sends means one thing, or is refused by name: origin rules, traps and quirks, each with the peer that showed it."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from bridge.changes import ForgetActor, PutActor, Retract
from bridge.model.actor import Mark
from bridge.model.audience import Audience
from bridge.model.content import Boost, Command, Edit, Membership, Message, Profile, Reaction, Retraction
from bridge.model.content.membership import Change
from bridge.model.ids import OURS, Native, event_id
from bridge.model.record import Follow
from bridge.refs import Awaits, Ignored, Need, Read
from protocols.activitypub.ids import native
from protocols.activitypub.translate.actor import actor_from_document
from tests.protocols.activitypub.correspondents import ed25519, material, proven
from tests.protocols.activitypub.world import (
    ANA_GHOST,
    ANSWER,
    CHANNEL,
    FAR,
    FAR_GROUP,
    GROUP,
    GUILD,
    GUILD_POST,
    KIM,
    ME,
    MINE,
    NOW,
    OTHER_GROUP,
    POST,
    PUBLIC,
    ROOT,
    SAM,
    World,
    announced,
    create,
    deed,
    note,
    only,
    stranger,
    url_of,
)


def said(**more: object) -> Message:
    """What Sam's Note is read as."""
    content = only(World().read(create(note(**more)))).content
    assert isinstance(content, Message)
    return content


# ------------------------------------------------------------------------------------------------------------ origin rules

REFUSED = {
    "O6 nobody signed": (create(note()), ""),
    "O6 somebody else signed": (create(note()), KIM.native.id),
    "O6 no id": ({**create(note()), "id": None}, SAM.native.id),
    "O6 an id on another server": ({**create(note()), "id": "https://b.example/o/x"}, SAM.native.id),
    "O8 words of somebody else": (create(note(), actor=KIM.native.id, id="https://b.example/a/1"), KIM.native.id),
    "O6 anonymous words": (create({**note(), "id": None}, id="https://a.example/a/1"), SAM.native.id),
    "O8 words of nobody": (create({**note(), "attributedTo": None}, actor=SAM.native.id), SAM.native.id),
    "O8 an object on another server": (create({**note(), "id": "https://b.example/o/x"}, id="https://a.example/a/1"), SAM.native.id),
    "O9 a change of somebody else's words": (create({**note("post"), "attributedTo": "https://a.example/u/eve"}, "Update"), None),
    "O9 a change of another actor": (deed("Update", {"id": KIM.native.id, "type": "Person", "inbox": KIM.route}), SAM.native.id),
    "O10 a deletion on another server": (deed("Delete", GUILD_POST.native.id), SAM.native.id),
    "O10 an undo on another server": (deed("Undo", {"id": "https://b.example/a/1", "type": "Like", "object": url_of(ROOT)}), SAM.native.id),
    "O10 an undo of what another did": (
        deed("Undo", {"id": "https://a.example/a/1", "type": "Like", "actor": "https://a.example/u/eve", "object": url_of(ROOT)}),
        SAM.native.id,
    ),
    "O13 an answer to nothing": (
        deed("Accept", {"id": "https://moot.example/a/f", "type": "Follow", "actor": GROUP.id, "object": FAR_GROUP.id}, FAR),
        None,
    ),
    "O13 a Follow that is not ours": (deed("Accept", {"id": "https://a.example/f", "type": "Follow", "object": FAR_GROUP.id}, FAR), None),
    "O13 addressed to another": (deed("Accept", {"id": "https://moot.example/a/f", "type": "Follow", "object": KIM.native.id}, FAR), None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_an_origin_rule_is_refused_by_its_name(name: str) -> None:
    activity, signer = REFUSED[name]
    reading = World().read(activity, signer)
    assert isinstance(reading, Ignored), reading
    assert reading.refused
    assert reading.why.startswith(name.partition(" ")[0]), reading.why


def test_only_a_pending_follow_is_accepted_and_only_once() -> None:
    world = World()
    answer = deed("Accept", {"id": "https://moot.example/a/f", "type": "Follow", "actor": GROUP.id, "object": FAR_GROUP.id}, FAR)
    world.follows = [Follow(GROUP, FAR_GROUP, "https://moot.example/a/f", NOW)]
    event = only(world.read(answer))
    assert event.content == Membership(Change.ACCEPTED, GROUP, FAR_GROUP, "https://moot.example/a/f")
    assert event.channel == GUILD.id
    by_id = deed("Accept", "https://moot.example/a/f", FAR, to=[GROUP.id])
    assert only(world.read(by_id)).content == event.content
    world.follows = [Follow(GROUP, FAR_GROUP, "https://moot.example/a/f", NOW, accepted=NOW)]
    assert isinstance(world.read(answer), Ignored)
    assert only(world.read({**answer, "type": "Reject"})).content == msgspec.structs.replace(event.content, change=Change.REJECTED)


def test_a_parent_on_our_own_server_that_we_do_not_know_is_no_parent_and_is_not_fetched() -> None:
    world = World()
    event = only(world.read(create(note(inReplyTo="https://moot.example/o/forged"))))
    assert isinstance(event.content, Message)
    assert event.content.reply_to is None
    assert not [need for need in world.asked if need.kind == "document"]


# ------------------------------------------------------------------------------------------------ groups that others serve

INNER = {**note("far", KIM, content="<p>Real words.</p>"), "to": [FAR_GROUP.id, PUBLIC], "cc": [], "audience": FAR_GROUP.id}


def test_what_a_group_says_somebody_said_is_asked_for_at_its_origin() -> None:
    world = World()
    world.serve(INNER)
    event = only(world.read(announced(create({**INNER, "content": "<p>Forged words.</p>"}))))
    assert isinstance(event.content, Message)
    assert event.content.text.plain == "Real words."
    assert (event.author.native, event.place, event.channel) == (KIM.native, FAR_GROUP, GUILD.id)
    assert event.wire is None


def shows_key(world: World, actor: str = KIM.native.id, owner: str = "") -> None:
    signer = ed25519(actor)
    world.documents[f"key:{signer.id}"] = msgspec.json.encode(
        {"id": signer.id, "type": "Multikey", "controller": owner or actor, **material(signer)}
    )


def test_what_bears_its_authors_proof_is_believed_without_asking_its_origin() -> None:
    """FEP-8b32: a group that passes things on unchanged spares every follower's server a fetch."""
    world = World()
    shows_key(world)
    event = only(world.read(announced(proven(create(INNER), KIM.native.id))))
    assert isinstance(event.content, Message)
    assert event.content.text.plain == "Real words."
    assert Need("document", (INNER["id"],)) not in world.asked
    like = proven(deed("Like", url_of(GUILD_POST), KIM), KIM.native.id)
    assert isinstance(only(world.read(announced(like))).content, Reaction)
    gone = proven(deed("Delete", GUILD_POST.native.id, KIM), KIM.native.id)
    assert isinstance(only(world.read(announced(gone))).content, Retraction)


@pytest.mark.parametrize("how", ["changed", "old", "somebody else's", "not listed", "of another server"])
def test_a_proof_that_does_not_hold_is_as_good_as_none(how: str) -> None:
    """What its origin serves counts then, as for everything a group says (rule O7)."""
    world = World()
    world.serve(INNER)
    forged = create({**INNER, "content": "<p>Forged words.</p>"})
    match how:
        case "changed":
            shows_key(world)
            inner = {**proven(create(INNER), KIM.native.id), "object": forged["object"]}
        case "old":
            shows_key(world)
            inner = proven(forged, KIM.native.id, at=NOW - timedelta(days=8))
        case "somebody else's":
            shows_key(world, owner="https://b.example/u/eve")
            inner = proven(forged, KIM.native.id)
        case "not listed":
            inner = proven(forged, KIM.native.id)
        case _:
            shows_key(world, SAM.native.id)
            inner = proven(forged, SAM.native.id)
    event = only(world.read(announced(inner)))
    assert isinstance(event.content, Message)
    assert event.content.text.plain == "Real words."


@pytest.mark.parametrize("form", [create(INNER), INNER["id"], {**INNER, "type": "Page"}, [create(INNER)]])
def test_a_post_is_the_same_event_in_every_form_of_announce(form: object) -> None:
    world = World()
    world.serve(INNER)
    assert only(world.read(announced(form))).id == event_id(ME.secret, native(INNER["id"]))


def test_words_that_their_server_does_not_serve_are_not_believed() -> None:
    assert isinstance(World().read(announced(create(INNER))), Ignored)
    world = World()
    world.documents[INNER["id"]] = msgspec.json.encode({**INNER, "id": "https://b.example/o/else"})
    assert isinstance(world.read(announced(create(INNER))), Ignored)


def test_an_announced_deletion_is_believed_when_it_is_gone() -> None:
    world = World()
    gone = announced(deed("Delete", GUILD_POST.native.id, KIM, to=[PUBLIC]))
    world.serve({**INNER, "id": GUILD_POST.native.id})
    assert isinstance(world.read(gone), Ignored)
    world.documents[GUILD_POST.native.id] = b""
    assert only(world.read(gone)).content == Retraction(GUILD_POST.id)
    world.serve({"id": GUILD_POST.native.id, "type": "Tombstone"})
    assert only(world.read(gone)).content == Retraction(GUILD_POST.id)


def test_an_announced_like_is_believed_when_its_server_serves_it() -> None:
    world = World()
    like = deed("Like", GUILD_POST.native.id, KIM)
    assert isinstance(world.read(announced(like)), Ignored)
    world.serve(like)
    assert only(world.read(announced(like))).content == Reaction(GUILD_POST.id, "👍")


def test_an_announced_like_waits_for_what_it_likes() -> None:
    world = World()
    like = deed("Like", "https://b.example/o/later", KIM)
    world.serve(like)
    assert world.read(announced(like)) == Awaits(native("https://b.example/o/later"), 60.0)


def test_an_announced_undo_is_believed_when_the_like_is_gone() -> None:
    world = World()
    like = deed("Like", GUILD_POST.native.id, KIM)
    undo = deed("Undo", like, KIM)
    world.serve(like)
    assert isinstance(world.read(announced(undo)), Ignored)
    world.documents[str(like["id"])] = b""
    assert only(world.read(announced(undo))).content == Retraction(event_id(ME.secret, native(str(like["id"]))))


def test_no_group_changes_or_ends_an_actor() -> None:
    world = World()
    face = {"id": KIM.native.id, "type": "Person", "inbox": "https://evil.example/", "preferredUsername": "kim"}
    for inner in (deed("Update", face, KIM), deed("Delete", KIM.native.id, KIM)):
        reading = world.read(announced(inner))
        assert isinstance(reading, Ignored)
        assert reading.refused


def test_our_own_words_coming_back_are_not_read_again() -> None:
    world = World()
    note_of_ours = {"id": url_of(ROOT), "type": "Note"}
    own = announced({"id": "https://moot.example/a/1", "type": "Create", "actor": ANA_GHOST.native.id, "object": note_of_ours})
    assert world.read(own) == Ignored("our own words coming back")
    assert world.read(announced(url_of(ROOT))) == Ignored("our own words coming back")


def test_a_group_nobody_here_follows_is_not_listened_to() -> None:
    for inner in (create(INNER), INNER["id"], url_of(ROOT)):
        assert isinstance(World().read(announced(inner, OTHER_GROUP)), Ignored)


# ---------------------------------------------------------------------------------------------------- where, and who sees it


@pytest.mark.parametrize(
    ("to", "cc", "audience"),
    [
        ([PUBLIC], [GROUP.id], Audience.PUBLIC),
        (["as:Public"], [GROUP.id], Audience.PUBLIC),
        ("as:Public", [], Audience.PUBLIC),
        ([GROUP.id, "Public"], [], Audience.PUBLIC),
        ([SAM.followers], [PUBLIC, GROUP.id], Audience.UNLISTED),
        ([SAM.followers], [GROUP.id], Audience.COMMUNITY),
        ([GROUP.id, f"{GROUP.id}/followers"], [], Audience.COMMUNITY),
    ],
)
def test_to_and_cc_say_who_may_see_it(to: object, cc: object, audience: Audience) -> None:
    tag = {"type": "Mention", "href": GROUP.id, "name": "@commons@moot.example"}
    event = only(World().read(create(note(to=to, cc=cc, tag=tag))))
    assert event.audience is audience
    assert event.channel == CHANNEL.id


def test_where_activity_and_object_disagree_the_closer_circle_counts() -> None:
    assert only(World().read(create(note(), to=[SAM.followers], cc=[GROUP.id]))).audience is Audience.COMMUNITY


def test_words_for_the_group_alone_are_for_the_bridge() -> None:
    """Takahe 0.11 puts the recipient in `cc`, has no `to`, and one tag instead of a list."""
    direct = note(content="<p>@commons <b>!cross</b> off</p>", tag={"type": "Mention", "href": GROUP.id, "name": "@commons@moot.example"})
    for to, cc in (([GROUP.id], []), ([], [GROUP.id]), (None, GROUP.id)):
        event = only(World().read(create({**direct, "to": to, "cc": cc})))
        assert event.content == Command("!cross off", private=True)
        assert event.audience is Audience.DIRECT
    about = only(World().read(create({**direct, "to": [GROUP.id], "cc": [], "inReplyTo": url_of(MINE)})))
    assert about.content == Command("!cross off", private=True, about=MINE.id)


def test_a_server_whose_name_begins_like_ours_is_not_ours() -> None:
    """Rule O1: compared by parts, never by prefix."""
    lookalike = "https://moot.example.evil.test/c/commons"
    world = World()
    world.channels[native(lookalike)] = CHANNEL
    assert world.read(create(note(cc=[lookalike]))) == Ignored("addresses no community here")


def test_a_private_answer_to_public_words_is_private_words_and_no_answer_in_the_room() -> None:
    event = only(World().read(create(note(to=[ANA_GHOST.native.id], cc=[], inReplyTo=url_of(MINE)))))
    assert event.audience is Audience.DIRECT
    assert event.channel != CHANNEL.id
    assert isinstance(event.content, Message)
    assert (event.content.reply_to, event.content.thread) == (None, None)


def test_a_post_that_addresses_no_community_is_left_alone_and_nothing_is_fetched_for_it() -> None:
    world = World()
    assert world.read(create(note(cc=[], inReplyTo="https://elsewhere.example/o/1"))) == Ignored("addresses no community here")
    assert not [need for need in world.asked if need.kind == "document"]


def test_an_answer_belongs_where_its_parent_is_even_when_it_names_nobody() -> None:
    event = only(World().read(create(note(cc=[], inReplyTo=url_of(MINE)))))
    assert isinstance(event.content, Message)
    assert (event.content.reply_to, event.content.thread) == (MINE.id, MINE.id)
    deeper = only(World().read(create(note(cc=[], inReplyTo=ANSWER.native.id))))
    assert isinstance(deeper.content, Message)
    assert (deeper.content.reply_to, deeper.content.thread) == (ANSWER.id, ROOT.id)


def test_a_parent_we_missed_is_fetched_once_and_comes_first() -> None:
    world = World()
    missed = note("missed", KIM, content="<p>First.</p>")
    world.serve(missed)
    reading = world.read(create(note(inReplyTo=missed["id"])))
    assert isinstance(reading, Read)
    parent, answer = reading.events
    assert parent.id == event_id(ME.secret, native(missed["id"]))
    assert isinstance(answer.content, Message)
    assert answer.content.reply_to == parent.id == answer.content.thread
    assert answer.wire is not None
    assert parent.wire is None


def test_a_parent_that_cannot_be_had_or_is_none_of_ours_is_no_parent() -> None:
    world = World()
    world.serve({**note("private", KIM), "cc": []})
    for url in ("https://b.example/o/private", "https://b.example/o/nowhere"):
        event = only(world.read(create(note(inReplyTo=url))))
        assert isinstance(event.content, Message)
        assert event.content.reply_to is None


def test_the_words_are_passed_on_as_they_came() -> None:
    body = msgspec.json.encode(create(note(someExtension={"b": 1, "a": 2})))
    assert only(World().read(body, SAM.native.id)).wire == body


def test_a_clock_that_runs_ahead_is_held_back() -> None:
    assert only(World().read(create(note(published="2031-01-01T00:00:00Z")))).at == NOW + timedelta(seconds=60)
    assert only(World().read(create(note(published="soon")))).at == NOW
    assert only(World().read(create(note(published="2026-11-24T12:59:00.5+01:00")))).at == NOW - timedelta(seconds=59.5)


def test_the_mark_of_another_bridge_is_read() -> None:
    event = only(World().read(create(note(origin={"node": "other.example", "hops": 1}))))
    assert (event.provenance.node, event.provenance.hops) == ("other.example", 1)
    reading = World().read(create(note(origin={"node": "moot.example", "hops": 1})))
    assert isinstance(reading, Ignored)
    assert reading.why.startswith("our own words")


def test_another_bridges_copy_of_our_own_room_is_not_a_second_copy() -> None:
    links = [
        {"type": "Link", "href": "https://a.example/1", "mediaType": "text/html"},
        {"type": "Link", "rel": "canonical", "href": "https://matrix.to/#/!commons/$x"},
    ]
    reading = World().read(create(note(url=links)))
    assert isinstance(reading, Ignored)
    assert reading.why.startswith("our own words")


# -------------------------------------------------------------------------------------------------------- quirks, by peer


@pytest.mark.parametrize("said", [{"content": "<br>"}, {"content": None}, {}])
def test_a_poll_vote_is_no_answer(said: dict[str, object]) -> None:
    """snac 2.94 sends `<br>` for words; GoToSocial 0.20 none."""
    vote = {**note(), **said, "name": "red", "inReplyTo": url_of(ROOT)}
    if not said:
        del vote["content"]
    reading = World().read(create(vote))
    assert isinstance(reading, Ignored)
    assert "vote" in reading.why


def test_takahe_gives_a_vote_one_id_for_activity_and_note() -> None:
    who = SAM.native.id
    vote = {"id": "https://a.example/#votes/1", "type": "Note", "attributedTo": who, "inReplyTo": url_of(ROOT), "name": "b", "to": GROUP.id}
    reading = World().read(create(vote, id=vote["id"]))
    assert isinstance(reading, Ignored)
    assert not reading.refused


def test_an_empty_in_reply_to_is_none() -> None:
    """PieFed 1.6 sends `inReplyTo: ""`."""
    assert said(inReplyTo="").reply_to is None


def test_an_update_with_a_used_id_is_a_new_revision_when_the_words_changed() -> None:
    """GoToSocial 0.20 and Takahe 0.11 reuse one activity id for every Update."""
    one = only(World().read(create(note("post", content="<p>1</p>", updated="2026-11-24T11:58:00Z"), "Update")))
    again = only(
        World().read(create(note("post", content="<p>1</p>", updated="2026-11-24T11:58:00Z"), "Update", published="2026-11-24T12:00:00Z"))
    )
    two = only(World().read(create(note("post", content="<p>2</p>", updated="2026-11-24T11:59:00Z"), "Update")))
    assert one.id == again.id != two.id
    assert isinstance(two.content, Edit)
    assert two.content.target == POST.id
    assert two.at == NOW - timedelta(minutes=1)


def test_the_same_revision_has_one_id_however_it_comes() -> None:
    direct = {**note("guild", KIM, content="<p>new</p>"), "to": [FAR_GROUP.id, PUBLIC], "cc": [], "updated": "2026-11-24T11:58:00Z"}
    world = World()
    world.serve({**direct, "@context": "x", "replies": {"type": "Collection"}})
    wrapped = only(world.read(announced(create(direct, "Update"))))
    straight = only(world.read(create({**direct, "inReplyTo": GUILD_POST.native.id}, "Update")))
    assert wrapped.id == straight.id


def test_counting_votes_again_is_no_edit() -> None:
    question = {**note("post"), "type": "Question", "oneOf": [{"type": "Note", "name": "a"}]}
    assert isinstance(World().read(create(question, "Update")), Ignored)
    assert isinstance(only(World().read(create({**question, "updated": "2026-11-24T11:59:30Z"}, "Update"))).content, Edit)


@pytest.mark.parametrize(
    "target",
    [POST.native.id, {"id": POST.native.id, "type": "Tombstone"}, {**note("post"), "content": "<p>whole</p>"}],
    ids=["id", "tombstone", "whole"],
)
def test_a_deletion_is_understood_in_every_form(target: object) -> None:
    """GoToSocial sends the id, snac a tombstone, Takahe the whole Note."""
    event = only(World().read(deed("Delete", target, to=[PUBLIC])))
    assert event.content == Retraction(POST.id)
    assert event.id == event_id(ME.secret, native(f"{POST.native.id}#delete"))


def test_a_deletion_with_a_summary_is_a_moderators_even_when_it_is_empty() -> None:
    """Trap 16."""
    event = only(World().read(deed("Delete", POST.native.id, summary="")))
    assert event.content == Retraction(POST.id, moderator=True)


def test_a_deletion_before_its_post_is_remembered() -> None:
    reading = World().read(deed("Delete", "https://a.example/o/never-seen", to=[PUBLIC]))
    assert isinstance(reading, Read)
    assert reading.events == ()
    change = reading.changes[0]
    assert isinstance(change, Retract)
    assert change.native == native("https://a.example/o/never-seen")


def test_a_deletion_is_heard_even_when_its_author_is_gone() -> None:
    world = World()
    del world.actors[SAM.native]
    assert only(world.read(deed("Delete", POST.native.id))).author.native == SAM.native


def test_undoing_something_unknown_is_harmless() -> None:
    """Takahe 0.11 sends the Undo of a Like that was never sent."""
    like = {"id": "https://a.example/l", "type": "Like", "object": "https://b.example/o/x"}
    for inner in (like, "https://a.example/l", {"id": "https://a.example/l"}):
        reading = World().read(deed("Undo", inner))
        assert isinstance(reading, Ignored)
        assert not reading.refused


def test_an_undo_by_id_alone_is_understood_when_it_is_known() -> None:
    world = World()
    world.follows = [Follow(SAM.native, GROUP, "https://a.example/a/follow", NOW, NOW)]
    event = only(world.read(deed("Undo", "https://a.example/a/follow", to=[GROUP.id])))
    assert event.content == Membership(Change.UNFOLLOW, SAM.native, GROUP, "https://a.example/a/follow")


def test_an_account_that_ends_is_fetched_nowhere() -> None:
    world = World()
    reading = world.read(deed("Delete", KIM.native.id, KIM))
    assert isinstance(reading, Read)
    assert reading.changes == (ForgetActor(KIM.native, NOW),)
    assert isinstance(reading.events[0].content, Profile)
    assert reading.events[0].content.ended
    assert world.asked == []


def test_a_new_face_names_no_community_and_is_remembered() -> None:
    face = {"id": KIM.native.id, "type": "Person", "inbox": KIM.route, "preferredUsername": "kim"}
    reading = World().read(deed("Update", face, KIM))
    assert isinstance(reading, Read)
    assert [event.community for event in reading.events] == [""]
    assert isinstance(reading.changes[0], PutActor)


def test_the_key_stub_of_gotosocial_is_no_actor() -> None:
    stub = {"id": SAM.native.id, "type": "Person", "preferredUsername": "sam", "publicKey": {"id": f"{SAM.native.id}/main-key"}}
    assert actor_from_document(stub) is None


def test_an_account_says_whether_it_wants_to_be_bridged() -> None:
    face = {"id": SAM.native.id, "type": "Person", "inbox": SAM.route, "preferredUsername": "sam", "indexable": False}
    actor = actor_from_document(
        {**face, "summary": '<p>hi <a href="https://a.example/tags/nobridge">#<span>NoBridge</span></a> #nobot</p>'}
    )
    assert actor is not None
    assert actor.marks == {Mark.NOBRIDGE, Mark.NOBOT, Mark.NOINDEX}
    assert actor.handle == "@sam@a.example"


def test_a_shared_inbox_on_another_server_is_not_used() -> None:
    face = {"id": SAM.native.id, "type": "Person", "inbox": SAM.route, "preferredUsername": "sam"}
    actor = actor_from_document({**face, "endpoints": {"sharedInbox": "https://victim.example/inbox"}})
    assert actor is not None
    assert actor.shared_route is None


def test_a_follow_of_a_community_or_of_one_of_its_people_is_an_event() -> None:
    for target in (GROUP, ANA_GHOST.native):
        assert only(World().read(deed("Follow", target.id))).content == Membership(
            Change.FOLLOW, SAM.native, target, "https://a.example/a/follow"
        )
    assert isinstance(World().read(deed("Follow", "https://moot.example/u/nobody")), Ignored)


def test_a_boost_of_something_said_here_is_a_boost() -> None:
    assert only(World().read(deed("Announce", url_of(ROOT), to="as:Public"))).content == Boost(ROOT.id)


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({}, "👍"),
        ({"content": "🎉"}, "🎉"),
        ({"_misskey_reaction": "🦆"}, "🦆"),
        ({"content": ":blobcat@b.example:"}, ":blobcat:"),
        ({"content": "I agree with every word"}, "👍"),
        ({"content": "<b>"}, "👍"),
        ({"content": "👩‍👩‍👧"}, "👩‍👩‍👧"),
        ({"content": "1️⃣"}, "1️⃣"),
        ({"content": 7}, "👍"),
    ],
)
def test_a_like_keeps_its_sign(members: dict[str, object], key: str) -> None:
    assert only(World().read(deed("Like", url_of(ROOT), **members))).content == Reaction(ROOT.id, key)


@pytest.mark.parametrize("kind", ["Block", "Move", "Add", "Remove", "Lock", "Dislike", "QuoteRequest", "View", "Arrive", "Nonsense"])
def test_what_is_not_acted_on_yet_is_ignored_by_name(kind: str) -> None:
    reading = World().read(deed(kind, GROUP.id))
    assert isinstance(reading, Ignored)
    assert not reading.refused
    assert kind in reading.why


def test_a_mention_of_our_person_is_read_as_the_person_and_of_our_group_as_the_community() -> None:
    tags = [
        {"type": "Mention", "href": GROUP.id, "name": "@commons@moot.example"},
        {"type": "Mention", "href": ANA_GHOST.native.id, "name": "@ana_hs.test"},
    ]
    message = said(content='<p><a href="https://moot.example/@commons" class="u-url mention">@commons</a> hi</p>', tag=tags)
    assert [mention.actor for mention in message.mentions] == [Native(OURS, "commons"), ANA_GHOST.of]


def test_the_tag_every_answer_carries_for_its_parents_author_is_no_mention() -> None:
    tag = [{"type": "Mention", "href": ANA_GHOST.native.id, "name": "@ana_hs.test@moot.example"}]
    assert said(inReplyTo=url_of(MINE), tag=tag).mentions == ()


def test_language_is_the_key_whose_words_are_the_content() -> None:
    assert said(content="<p>hei</p>", contentMap={"en": "<p>hi</p>", "nb": "<p>hei</p>"}).language == "nb"
    assert said(contentMap={"und": "<p>Hello</p>"}).language is None


def test_an_activity_by_reference_is_fetched_from_its_own_server_only() -> None:
    world = World()
    world.serve(note("ref"))
    by_reference = {**create(note("ref")), "object": "https://a.example/o/ref"}
    assert only(world.read(by_reference)).id == event_id(ME.secret, native("https://a.example/o/ref"))
    elsewhere = {**create(note("ref")), "object": "https://b.example/o/ref"}
    world.asked.clear()
    assert isinstance(world.read(elsewhere), Ignored)
    assert Need("document", ("https://b.example/o/ref",)) not in world.asked


def test_an_author_who_cannot_be_fetched_is_not_heard() -> None:
    assert isinstance(World().read(create(note(author=stranger("ghost", "c.example")))), Ignored)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"type":', b"\xff", b"{}", b'{"type":"Create"}'])
def test_what_is_no_activity_is_refused(body: bytes) -> None:
    reading = World().read(body, SAM.native.id)
    assert isinstance(reading, Ignored)
    assert reading.refused
