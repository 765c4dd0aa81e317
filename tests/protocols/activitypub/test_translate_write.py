"""What we send is what the strictest peer parses: traps, addressing, both forms of the announce, and the limits."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from bridge.model.audience import Audience
from bridge.model.content import Edit, Membership, Message, Notice, Profile, Reaction, Retraction
from bridge.model.content.membership import Change
from bridge.model.content.message import Attachment, ContentNote, Manner, Mention
from bridge.model.event import Provenance
from bridge.model.ids import LOOPBACK, OURS, Native, item_id
from bridge.model.place import Place, PlaceKind
from bridge.model.richtext import RichText, from_plain
from bridge.ports import Omission
from bridge.refs import Ignored, Needs, Refs, Wire
from protocols.activitypub.capabilities import capabilities
from protocols.activitypub.ids import native
from protocols.activitypub.translate.write import deed_of, document_of, write
from protocols.activitypub.wire import MOST_OUT
from tests.protocols.activitypub.world import (
    ANA,
    ANA_GHOST,
    ANSWER,
    ELI,
    FAR_GROUP,
    GROUP,
    KIM,
    ME,
    MINE,
    NOW,
    POST,
    PUBLIC,
    ROOT,
    SAM,
    SIGN,
    TEAM,
    World,
    create,
    item,
    note,
    sent,
    url_of,
)

HELLO = Message(from_plain("Hello\nthere"), language="en")
REPLY = Message(from_plain("Yes."), reply_to=ANSWER.id, thread=ROOT.id)


def made(content: Any, form: str = "direct", **more: Any) -> dict[str, Any]:
    return sent(World().write(item(content, form, **more)))


def omitted(content: Any, form: str = "direct", **more: Any) -> str:
    writing = World().write(item(content, form, **more))
    assert isinstance(writing, Omission), writing
    return writing.code


EVERYTHING: list[dict[str, Any]] = [
    made(content, form)
    for content, forms in [
        (HELLO, ("wrap", "boost", "direct")),
        (REPLY, ("wrap", "direct")),
        (Edit(MINE.id, HELLO), ("wrap", "direct")),
        (Retraction(MINE.id, reason="a slip"), ("wrap", "direct")),
        (Retraction(SIGN.id), ("wrap", "direct")),
        (Reaction(POST.id, "🎉"), ("wrap", "direct")),
        (Notice(SAM.native, from_plain("Hi")), ("say",)),
        (Profile(ANA), ("update",)),
        (Profile(ANA, ended=True), ("update",)),
        (Membership(Change.FOLLOW, SAM.native, GROUP, "https://a.example/f"), ("accept", "reject")),
        (Membership(Change.FOLLOW, Native(OURS, "commons"), FAR_GROUP), ("follow", "unfollow")),
    ]
    for form in forms
]


def documents(value: object) -> list[dict[str, Any]]:
    """Every object in a document, itself first."""
    if isinstance(value, dict):
        return [value, *(found for member in value.values() for found in documents(member))]
    return [found for member in value for found in documents(member)] if isinstance(value, list) else []


def test_trap_7_no_id_has_a_fragment() -> None:
    ids = [found["id"] for activity in EVERYTHING for found in documents(activity) if "id" in found]
    assert ids
    assert not [one for one in ids if "#" in one]


def test_trap_8_ids_are_lower_case_on_our_one_host() -> None:
    for activity in EVERYTHING:
        assert re.fullmatch(r"https://moot\.example/[ao]/[a-z0-9]+", activity["id"]), activity["id"]


def test_trap_11_a_new_thread_is_announced_in_both_forms_and_an_answer_only_wrapped() -> None:
    wrap, boost = made(HELLO, "wrap"), made(HELLO, "boost")
    assert wrap["type"] == boost["type"] == "Announce"
    assert wrap["object"]["type"] == "Create"
    assert boost["object"] == wrap["object"]["object"]["id"]
    assert wrap["id"] != boost["id"]
    forms = capabilities(Place(GROUP, PlaceKind.GROUP)).carries["message"]
    assert [(carry.form, carry.roots_only) for carry in forms] == [("wrap", False), ("boost", True), ("direct", False)], "trap 20"


def test_trap_12_what_somebody_elsewhere_did_is_wrapped_byte_for_byte() -> None:
    body = b'{ "type":"Create",\n "id":"https://a.example/a/1", "proof":{"z":1,"a":2} }'
    writing = World().write(item(HELLO, "wrap", SAM, wire=body))
    assert isinstance(writing, Wire)
    assert b'"object":' + body in writing.body


def test_trap_13_an_author_elsewhere_hears_their_own_post_announced() -> None:
    wrap = made(HELLO, "wrap", author=SAM, wire=b"{}")
    assert SAM.native.id in wrap["cc"]


def test_trap_14_public_is_in_to_of_a_delete_and_every_announce_has_both_lists() -> None:
    delete = made(Retraction(MINE.id))
    assert delete["to"] == [PUBLIC]
    for activity in EVERYTHING:
        if activity["type"] in {"Announce", "Create", "Delete", "Update"}:
            assert isinstance(activity["to"], list), activity["type"]
            assert isinstance(activity["cc"], list), activity["type"]


def test_trap_15_shapes_are_the_ones_lemmy_parses() -> None:
    told = Message(
        from_plain("Look"),
        attachments=(Attachment("https://media.moot.example/1.mp4", "video/mp4", "A dance", width=4, height=3, duration=2.5),),
    )
    for activity in [*EVERYTHING, made(told), made(told, "wrap")]:
        for found in documents(activity):
            assert isinstance(found.get("audience", ""), str)
            assert isinstance(found.get("tag", []), list)
            assert isinstance(found.get("attributedTo", ""), str)
            for name in ("published", "updated", "deleted"):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", found.get(name, "2026-01-01T00:00:00Z"))
            assert {file["type"] for file in found.get("attachment", [])} <= {"Document"}


def test_trap_16_an_authors_own_delete_has_no_summary() -> None:
    for form in ("direct", "wrap"):
        activity = made(Retraction(MINE.id, reason="a slip"), form)
        assert not [found for found in documents(activity) if "summary" in found]
        assert (activity["object"] if form == "direct" else activity["object"]["object"])["type"] == "Tombstone"


def test_a_moderators_removal_is_the_teams_and_says_why() -> None:
    inner = made(Retraction(POST.id, reason="off topic", moderator=True), "wrap")["object"]
    assert (inner["type"], inner["actor"], inner["object"], inner["summary"]) == (
        "Delete",
        TEAM.id,
        POST.native.id,
        "off topic",
    )
    assert omitted(Retraction(POST.id, moderator=True)) == "retraction.theirs"
    assert made(Retraction(MINE.id, reason="off topic", moderator=True), author=ELI)["actor"] == ANA_GHOST.native.id


def test_trap_18_undo_and_accept_embed_what_they_answer() -> None:
    undo = made(Retraction(SIGN.id))
    assert undo["object"] == {
        "id": f"https://moot.example/a/{SIGN.id}",
        "type": "Like",
        "actor": ANA_GHOST.native.id,
        "object": POST.native.id,
    }
    accept = made(Membership(Change.FOLLOW, SAM.native, GROUP, "https://a.example/f"), "accept")
    assert accept["object"] == {"id": "https://a.example/f", "type": "Follow", "actor": SAM.native.id, "object": GROUP.id}
    assert accept["to"] == [SAM.native.id]
    assert accept["id"] != accept["object"]["id"]


def test_trap_19_nothing_a_person_does_is_by_the_instance_actor() -> None:
    assert all(found.get("actor") != "https://moot.example/actor" for activity in EVERYTHING for found in documents(activity))


def test_trap_21_group_software_gets_a_page_of_the_same_id_and_everybody_else_the_note() -> None:
    page, canonical = made(HELLO, "wrap")["object"]["object"], made(HELLO)["object"]
    assert (page["type"], canonical["type"]) == ("Page", "Note")
    assert (page["id"], page["content"], page["name"]) == (canonical["id"], canonical["content"], "Hello")
    assert "name" not in canonical
    assert made(REPLY, "wrap")["object"]["object"]["type"] == "Note"


def test_trap_22_nothing_we_send_is_over_sixty_kilobytes() -> None:
    long = Message(from_plain("🌱 words & more <words>\n\n" * 1_450), language="en", title="t" * 9_000)
    for form in ("wrap", "direct"):
        writing = World().write(item(long, form))
        assert isinstance(writing, Wire)
        assert len(writing.body) <= MOST_OUT
        assert b"this is the beginning; the rest is at <a href=" in writing.body
    heavy = World().write(item(HELLO, "wrap", SAM, wire=b'{"x":"' + b"x" * 70_000 + b'"}'))
    assert sent(heavy)["object"] == "https://a.example/o/new"


def test_one_deed_has_one_id_however_it_is_sent() -> None:
    """Receivers that get it wrapped and direct see one activity."""
    assert made(HELLO, "wrap")["object"]["id"] == made(HELLO)["id"]


def test_the_same_item_always_gives_the_same_bytes() -> None:
    one, two = World().write(item(REPLY, "wrap")), World().write(item(REPLY, "wrap"))
    assert one == two


def test_the_group_comes_first_and_activity_and_object_are_addressed_alike() -> None:
    """Lemmy 1.0 resolves the community from the first group in `to`."""
    activity = made(REPLY)
    inner = activity["object"]
    assert activity["to"] == inner["to"] == [GROUP.id, PUBLIC]
    assert activity["cc"] == inner["cc"] == [f"{ANA_GHOST.native.id}/followers", SAM.native.id]
    assert activity["audience"] == inner["audience"] == GROUP.id


def test_quiet_words_are_unlisted_wherever_they_go() -> None:
    direct, wrap = made(HELLO, audience=Audience.UNLISTED), made(HELLO, "wrap", audience=Audience.UNLISTED)
    for activity in (direct, direct["object"], wrap, wrap["object"], wrap["object"]["object"]):
        assert PUBLIC in activity["cc"]
        assert PUBLIC not in activity["to"]


def test_an_answer_names_its_parent_its_thread_and_the_parents_author() -> None:
    """GoToSocial 0.20 drops a Note that tags nobody; notification needs tag and recipient."""
    inner = made(REPLY)["object"]
    assert inner["inReplyTo"] == ANSWER.native.id
    assert inner["context"] == inner["conversation"] == f"https://moot.example/t/{ROOT.id}"
    assert inner["tag"] == [{"type": "Mention", "href": SAM.native.id, "name": "@sam@a.example"}]


def test_an_answer_to_what_never_crossed_answers_the_root_or_nothing() -> None:
    world = World()
    world.known.remove(ANSWER)
    assert sent(world.write(item(REPLY, "direct")))["object"]["inReplyTo"] == url_of(ROOT)
    world.known.remove(ROOT)
    inner = sent(world.write(item(REPLY, "direct")))["object"]
    assert "inReplyTo" not in inner
    assert sent(world.write(item(REPLY, "wrap")))["object"]["object"]["type"] == "Page"


def test_an_answer_never_has_a_name() -> None:
    """PieFed 1.6 takes a named answer for a vote."""
    titled = msgspec.structs.replace(REPLY, title="Title")
    assert "name" not in made(titled)["object"]
    assert made(msgspec.structs.replace(HELLO, title="Title"))["object"]["name"] == "Title"


def test_somebody_who_did_not_say_yes_is_named_in_words_only() -> None:
    named = Message(
        RichText('<p><a data-mention="0">Eli</a> and <a data-mention="1">@eli:hs.test</a> and <a data-mention="2">Sam</a></p>'),
        mentions=(Mention(ELI.native, "Eli"), Mention(ELI.native, "@eli:hs.test"), Mention(SAM.native, "Sam")),
    )
    activity = made(named)
    assert "eli:hs" not in msgspec.json.encode(activity).decode()
    assert activity["object"]["content"].startswith("<p>Eli and somebody and <span")
    assert [tag["href"] for tag in activity["object"]["tag"]] == [SAM.native.id]


def test_somebody_without_an_actor_says_nothing_there() -> None:
    for content in (HELLO, Reaction(POST.id, "🎉"), Edit(MINE.id, HELLO)):
        for form in ("direct", "wrap"):
            assert omitted(content, form, author=ELI) == "author.no_actor"


def test_a_mention_is_a_card_a_tag_and_a_recipient() -> None:
    named = Message(RichText('<p><a data-mention="0">@ana</a></p>'), mentions=(Mention(SAM.native, "@sam"),))
    activity = made(named)
    assert '<a href="https://a.example/@sam" class="u-url mention"' in activity["object"]["content"]
    assert SAM.native.id in activity["cc"]
    assert activity["object"]["tag"][0]["name"] == "@sam@a.example"


def test_a_part_that_is_hidden_hides_the_whole_post() -> None:
    hidden = Message(RichText('<p>It was <span data-spoiler="the end">Rosebud</span></p>'))
    inner = made(hidden)["object"]
    assert (inner["summary"], inner["sensitive"]) == ("Spoiler: the end", True)
    page = made(hidden, "wrap")["object"]["object"]
    assert page["name"] == "Spoiler: the end"
    assert "Rosebud" not in page["name"]


def test_the_title_made_for_group_software_never_shows_what_a_note_stands_before() -> None:
    page = made(Message(from_plain("a big one"), note=ContentNote("spiders")), "wrap")["object"]["object"]
    assert page["name"] == "spiders"
    assert page["sensitive"] is True
    assert made(Message(from_plain("a big one"), note=ContentNote()), "wrap")["object"]["object"]["name"] == "Sensitive"


def test_an_action_is_told_with_the_name_before_it() -> None:
    assert made(Message(from_plain("waves"), manner=Manner.EMOTE))["object"]["content"] == "<p>* Ana waves</p>"


def test_a_file_that_nobody_outside_can_fetch_is_mentioned_not_lost() -> None:
    inner = made(Message(from_plain("Look"), attachments=(Attachment("mxc://hs.test/1", "image/png", "A heron"),)))["object"]
    assert inner["attachment"] == []
    assert inner["content"] == "<p>Look</p><p>(A heron)</p>"


def test_words_from_matrix_carry_our_mark_and_those_of_our_own_place_do_not() -> None:
    assert made(HELLO)["object"]["origin"] == {"node": "moot.example", "hops": 1}
    world = World()
    world.ghosts.append(msgspec.structs.replace(ANA_GHOST, native=native("https://moot.example/u/cy"), of=Native(LOOPBACK, "cy")))
    from_here = item(
        HELLO, "direct", msgspec.structs.replace(ANA, native=Native(LOOPBACK, "cy")), provenance=Provenance(Native(LOOPBACK, "1"))
    )
    assert "origin" not in sent(world.write(from_here))["object"]


def test_an_edit_keeps_when_it_was_first_said() -> None:
    world = World()
    world.known[1] = msgspec.structs.replace(MINE, crossed_at=NOW.replace(hour=9))
    inner = sent(world.write(item(Edit(MINE.id, HELLO), "direct")))["object"]
    assert (inner["id"], inner["published"], inner["updated"]) == (url_of(MINE), "2026-11-24T09:00:00Z", "2026-11-24T12:00:00Z")
    world.events[MINE.id] = msgspec.structs.replace(item(HELLO, "direct").event, at=NOW.replace(hour=8))
    assert sent(world.write(item(Edit(MINE.id, HELLO), "direct")))["object"]["published"] == "2026-11-24T08:00:00Z"


def test_a_reaction_is_a_like_that_names_its_sign() -> None:
    like = made(Reaction(POST.id, "🎉"))
    assert (like["type"], like["content"], like["_misskey_reaction"], like["to"]) == ("Like", "🎉", "🎉", [SAM.native.id])
    assert "content" not in made(Reaction(POST.id, "👍"))


def test_a_sign_against_something_is_never_shown_as_a_like() -> None:
    assert omitted(Reaction(POST.id, "👎")) == "reaction.negative"
    assert made(Reaction(POST.id, "👎"), "wrap")["object"]["type"] == "Dislike"


def test_a_private_word_tags_whom_it_is_for_and_names_nobody_else() -> None:
    """GoToSocial 0.20 drops a direct Note without the tag, silently."""
    activity = made(Notice(SAM.native, from_plain("Your post waits."), about=POST.id), "say")
    inner = activity["object"]
    assert activity["to"] == inner["to"] == [SAM.native.id]
    assert activity["cc"] == inner["cc"] == []
    assert inner["tag"] == [{"type": "Mention", "href": SAM.native.id, "name": "@sam@a.example"}]
    assert inner["inReplyTo"] == POST.native.id
    assert PUBLIC not in msgspec.json.encode(activity).decode()
    assert omitted(Notice(SAM.native, sign="🏠", about=POST.id), "say") == "notice.sign"


def test_a_person_who_was_followed_answers_for_themselves() -> None:
    """Rule O13 at the other end: only the one who was followed may accept."""
    writing = World().write(item(Membership(Change.FOLLOW, SAM.native, ANA_GHOST.native, "https://a.example/f"), "accept", SAM))
    assert isinstance(writing, Wire)
    assert writing.speaker == ANA_GHOST.native
    assert sent(writing)["actor"] == ANA_GHOST.native.id


def test_going_needs_no_answer() -> None:
    assert omitted(Membership(Change.UNFOLLOW, SAM.native, GROUP, "https://a.example/f"), "accept") == "membership.no_answer"


def test_following_a_group_elsewhere_and_leaving_it_again() -> None:
    follow = made(Membership(Change.FOLLOW, Native(OURS, "commons"), FAR_GROUP), "follow", place=FAR_GROUP)
    assert (follow["type"], follow["actor"], follow["object"], follow["to"]) == ("Follow", GROUP.id, FAR_GROUP.id, [FAR_GROUP.id])
    leave = made(Membership(Change.UNFOLLOW, Native(OURS, "commons"), FAR_GROUP, follow["id"]), "follow", place=FAR_GROUP)
    assert leave["type"] == "Undo"
    assert leave["object"] == {name: follow[name] for name in ("id", "type", "actor", "object")}


def test_a_new_face_is_the_whole_actor_as_it_is_served() -> None:
    world = World()
    world.documents[ANA_GHOST.native.id] = b'{"id":"https://moot.example/u/ana","type":"Person","name":"Ana B."}'
    activity = sent(world.write(item(Profile(ANA), "update")))
    assert activity["object"]["name"] == "Ana B."
    assert made(Profile(ANA, ended=True), "update")["object"] == ANA_GHOST.native.id


def test_whoever_signs_is_who_speaks() -> None:
    for content, form in [(HELLO, "wrap"), (HELLO, "boost"), (HELLO, "direct"), (Notice(SAM.native, from_plain("Hi")), "say")]:
        writing = World().write(item(content, form))
        assert isinstance(writing, Wire)
        assert writing.speaker is not None
        assert writing.speaker.id == sent(writing)["actor"]


def test_what_has_to_be_known_is_asked_for_before_anything_is_written() -> None:
    assert isinstance(write(item(REPLY, "wrap"), Refs(), ME), Needs)


def test_the_note_that_is_served_is_the_note_that_was_sent() -> None:
    world = World()
    event = item(HELLO, "direct").event
    served = world.settled(lambda refs: document_of(event, GROUP, refs, ME) if not _asks(refs, event) else Needs(tuple(refs.missing)))
    assert isinstance(served, dict)
    assert served["@context"]
    assert {name: value for name, value in served.items() if name != "@context"} == made(HELLO)["object"]


def _asks(refs: Refs, event: Any) -> bool:
    deed_of(event, GROUP, refs, ME)
    return bool(refs.missing)


def test_a_fetched_post_without_its_activity_is_passed_on_by_its_id() -> None:
    assert made(HELLO, "wrap", author=SAM, wire=None)["object"] == "https://a.example/o/new"


def test_what_is_passed_on_by_its_id_is_announced_once_however_many_items_say_so() -> None:
    """A new thread is told in two forms; where both come to the same, they are one act, and nobody is told twice."""
    asked = item(HELLO, "wrap", author=SAM, wire=None)
    boosted = item_id(ME.secret, asked.event_id, GROUP, "boost")
    assert made(HELLO, "wrap", author=SAM, wire=None)["id"] == f"https://moot.example/a/{boosted}"
    wrapped = item(REPLY, "wrap", author=SAM, wire=None)
    assert made(REPLY, "wrap", author=SAM, wire=None)["id"] == f"https://moot.example/a/{wrapped.id}"


def test_own_words_are_recognised_when_they_return() -> None:
    wrapped = made(HELLO, "wrap", author=KIM, wire=msgspec.json.encode(create(note(author=KIM))))
    assert World().read(wrapped, GROUP.id) == Ignored("our own words coming back")


@pytest.mark.parametrize("form", ["wrap", "boost", "direct", "accept", "reject", "follow", "unfollow", "update", "say", "nonsense"])
def test_every_form_of_everything_is_written_or_explained(form: str) -> None:
    contents = [HELLO, Edit(MINE.id, HELLO), Retraction(MINE.id), Reaction(MINE.id, "x"), Profile(ANA), Notice(ANA.native, from_plain("x"))]
    for content in contents:
        writing = World().write(item(content, form))
        assert isinstance(writing, (Wire, Omission))
        if isinstance(writing, Omission):
            assert writing.text.endswith((".", "…")), writing.text
