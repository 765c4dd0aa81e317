"""What moderators do on other servers is read as theirs whose key signed it, and as nothing else; whatever is broken about it is refused by name.

Activitypub.md 4.4, 4.5, rules O6, O10, O11. Whether they hold a seat is not the reader's to say.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.changes import Retract
from bridge.model.audience import Audience
from bridge.model.content import Appointment, Lock, Report, Restoration, Retraction, Sanction
from bridge.model.ids import Native, ObjectId, Protocol, event_id
from bridge.model.restriction import Measure
from bridge.refs import Ignored, Read
from protocols.activitypub.ids import native
from tests.protocols.activitypub.world import (
    ANA,
    ANA_GHOST,
    FAR_GROUP,
    GROUP,
    KIM,
    ME,
    POST,
    PUBLIC,
    ROOT,
    SAM,
    TEAM,
    World,
    announced,
    deed,
    item,
    only,
    sent,
    url_of,
)

MODERATORS = f"{GROUP.id}/moderators"
SUN = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def act(kind: str, about: object, **more: Any) -> dict[str, Any]:
    """As Lemmy 1.0 sends it: by a person, to everybody, with the group in `cc`."""
    return {**deed(kind, about, KIM), "to": [PUBLIC], "cc": [GROUP.id], "audience": GROUP.id, **more}


def undo(inner: dict[str, Any], **more: Any) -> dict[str, Any]:
    return act("Undo", inner, **more)


BLOCK = act("Block", SAM.native.id, target=GROUP.id, summary="adverts", endTime="2026-12-01T12:00:00Z")
LOCK = act("Lock", url_of(ROOT), summary="It is said.")
DELETE = act("Delete", url_of(ROOT), summary="jobs topic please")
ADD = act("Add", SAM.native.id, target=MODERATORS)
ACTS = {
    "Block": BLOCK,
    "Undo{Block}": undo(BLOCK),
    "Lock": LOCK,
    "Undo{Lock}": undo(LOCK),
    "Delete": DELETE,
    "Undo{Delete}": undo(DELETE),
    "Add": ADD,
    "Remove": act("Remove", SAM.native.id, target=MODERATORS),
}


def refusal(reading: object, rule: str) -> None:
    assert isinstance(reading, Ignored), reading
    assert reading.refused
    assert reading.why.startswith(rule), reading.why


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_by_whoever_signed_it_and_says_that_a_seat_is_needed(name: str) -> None:
    event = only(World().read(ACTS[name])) if not name.startswith("Undo") else World().read(ACTS[name]).events[0]  # type: ignore[union-attr]
    assert event.author == KIM
    assert event.place == GROUP
    assert not isinstance(event.content, Retraction) or event.content.claimed


@pytest.mark.parametrize("name", ACTS)
def test_an_act_signed_by_somebody_else_is_refused(name: str) -> None:
    refusal(World().read(ACTS[name], SAM.native.id), "O6")


@pytest.mark.parametrize("name", ACTS)
def test_an_act_with_an_id_on_another_server_is_refused(name: str) -> None:
    refusal(World().read({**ACTS[name], "id": "https://a.example/a/act"}), "O6")


@pytest.mark.parametrize("name", ACTS)
def test_an_act_is_one_event_however_often_it_comes(name: str) -> None:
    first, again = World().read(ACTS[name]), World().read(ACTS[name])
    assert isinstance(first, Read)
    assert first == again


@pytest.mark.parametrize("name", [name for name in ACTS if name.startswith("Undo")])
def test_what_was_undone_before_it_came_stays_without_effect(name: str) -> None:
    reading = World().read(ACTS[name])
    assert isinstance(reading, Read)
    inner = ACTS[name]["object"]["id"]
    assert [(change.object, change.native) for change in reading.changes if isinstance(change, Retract)] == [
        (ObjectId(event_id(ME.secret, native(inner))), native(inner))
    ]


@pytest.mark.parametrize("name", [name for name in ACTS if name.startswith("Undo")])
def test_what_somebody_else_did_is_not_undone(name: str) -> None:
    inner = {**ACTS[name]["object"], "actor": SAM.native.id}
    refusal(World().read(undo(inner)), "O10")


def test_a_ban_ends_when_it_says_and_is_about_the_person_behind_an_actor_of_ours() -> None:
    content = only(World().read({**BLOCK, "object": ANA_GHOST.native.id, "removeData": True})).content
    assert content == Sanction(ANA.native, Measure.BAN, until=SUN, reason="adverts", tidy=True)


@pytest.mark.parametrize("name", ["endTime", "expires"])
def test_the_end_of_a_ban_is_read_under_both_of_its_names(name: str) -> None:
    block = {key: value for key, value in BLOCK.items() if key != "endTime"}
    assert only(World().read({**block, name: "2026-12-01T12:00:00Z"})).content.until == SUN  # type: ignore[union-attr]


def test_a_ban_that_is_over_already_changes_nothing() -> None:
    reading = World().read({**BLOCK, "endTime": "2026-11-24T12:00:00Z"})
    assert isinstance(reading, Ignored)
    assert "over before it arrived" in reading.why


@pytest.mark.parametrize("end", ["11926-01-01T00:00:00Z", "tomorrow", "", 7, None])
def test_an_end_that_is_no_date_is_no_end(end: object) -> None:
    """What no end means is decided with the ban: never that it has none."""
    assert only(World().read({**BLOCK, "endTime": end})).content == Sanction(SAM.native, Measure.BAN, reason="adverts")


def test_a_ban_from_another_group_is_its_own_affair() -> None:
    reading = World().read({**BLOCK, "target": FAR_GROUP.id})
    assert isinstance(reading, Ignored)
    assert not reading.refused


@pytest.mark.parametrize(
    "target", ["https://moot.example/actor", "https://moot.example/", "https://moot.example/c/nowhere", ANA_GHOST.native.id]
)
def test_a_ban_from_anything_of_ours_but_a_group_is_refused(target: str) -> None:
    refusal(World().read({**BLOCK, "target": target}), "O10")


def test_a_removal_without_a_summary_is_a_forgery() -> None:
    refusal(World().read(act("Delete", url_of(ROOT))), "O10")


def test_a_removal_holds_where_the_thing_was_said_and_not_where_it_is_addressed() -> None:
    reading = World().read({**DELETE, "object": "https://b.example/o/guild", "actor": SAM.native.id, "id": "https://a.example/a/x"})
    assert isinstance(reading, Ignored), "it was said in a group elsewhere"


@pytest.mark.parametrize("name", ["Lock", "Undo{Lock}", "Delete", "Undo{Delete}"])
def test_an_act_about_something_unknown_is_nothing(name: str) -> None:
    nowhere = "https://moot.example/o/nowhere"
    changed = {**ACTS[name], "object": nowhere} if not name.startswith("Undo") else undo({**ACTS[name]["object"], "object": nowhere})
    reading = World().read(changed)
    assert isinstance(reading, Ignored)
    assert not reading.refused


@pytest.mark.parametrize(
    "target", [f"{GROUP.id}/followers", f"{GROUP.id}/outbox", ANA_GHOST.native.id, "https://moot.example/c/x/moderators"]
)
@pytest.mark.parametrize("kind", ["Add", "Remove"])
def test_no_other_collection_of_ours_can_be_changed(kind: str, target: str) -> None:
    refusal(World().read(act(kind, SAM.native.id, target=target)), "O11")


@pytest.mark.parametrize("name", ["Block", "Lock", "Delete", "Add", "Remove"])
def test_an_act_about_nothing_is_refused(name: str) -> None:
    refusal(World().read({**ACTS[name], "object": ""}), "O6")


@pytest.mark.parametrize("name", ACTS)
def test_no_group_elsewhere_acts_in_ours(name: str) -> None:
    """What a group that is followed here passes on is about itself alone."""
    reading = World().read(announced(ACTS[name]))
    assert isinstance(reading, Ignored), reading


def test_a_reason_is_one_line_of_text() -> None:
    content = only(World().read({**DELETE, "summary": "jobs\n\x00topic " + "x" * 900})).content
    assert isinstance(content, Retraction)
    assert content.reason.startswith("jobs topic xxx")
    assert len(content.reason) == 500


# ----------------------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize(
    "content",
    [
        Sanction(SAM.native, Measure.BAN, until=SUN, reason="adverts"),
        Sanction(SAM.native, Measure.REST, lifted=True),
        Lock(ROOT.id),
        Lock(ROOT.id, locked=False),
        Restoration(POST.id),
        Appointment(SAM.native),
        Appointment(SAM.native, ended=True),
        Retraction(POST.id, moderator=True),
        Retraction(ROOT.id, moderator=True),
    ],
    ids=str,
)
def test_whoever_decided_is_named_nowhere(content: Any) -> None:
    """Also where the act itself came signed, and could be passed on as it is."""
    theirs = native("https://b.example/a/act")
    passed_on = item(content, "wrap", KIM, where=theirs, wire=b'{"actor":"https://b.example/u/kim"}')
    document = sent(World().write(passed_on))
    assert KIM.native.id not in str(document)
    assert document["actor"] == GROUP.id
    assert document["object"]["actor"] == TEAM.id


def test_why_somebody_is_banned_is_told_to_no_server() -> None:
    ban = Sanction(SAM.native, Measure.BAN, until=SUN, reason="adverts", request="https://a.example/a/follow")
    for form in ("wrap", "reject"):
        assert "adverts" not in str(sent(World().write(item(ban, form))))


def test_an_undo_holds_all_of_what_it_undoes() -> None:
    block = sent(World().write(item(Sanction(SAM.native, Measure.BAN, lifted=True), "wrap")))["object"]["object"]
    assert (block["type"], block["object"], block["target"]) == ("Block", SAM.native.id, GROUP.id)


def test_what_one_of_ours_said_is_deleted_by_their_account_and_removed_by_the_team() -> None:
    removal = Retraction(ROOT.id, reason="jobs topic please", moderator=True)
    own, wrapped = sent(World().write(item(removal, "direct"))), sent(World().write(item(removal, "wrap")))["object"]
    assert (own["actor"], own["object"]["type"]) == (ANA_GHOST.native.id, "Tombstone")
    assert (wrapped["actor"], wrapped["object"], wrapped["summary"]) == (TEAM.id, url_of(ROOT), "jobs topic please")
    assert own["id"] != wrapped["id"]


def test_microblogs_are_told_that_the_group_no_longer_boosts_what_was_removed() -> None:
    undone = sent(World().write(item(Retraction(POST.id, moderator=True), "unboost")))
    assert (undone["type"], undone["object"]["type"], undone["object"]["object"]) == ("Undo", "Announce", POST.native.id)


def test_a_follow_that_a_ban_ends_is_rejected_whole() -> None:
    ban = Sanction(SAM.native, Measure.BAN, request="https://a.example/a/follow")
    rejected = sent(World().write(item(ban, "reject")))
    assert (rejected["type"], rejected["actor"], rejected["to"]) == ("Reject", GROUP.id, [SAM.native.id])
    assert rejected["object"] == {"id": "https://a.example/a/follow", "type": "Follow", "actor": SAM.native.id, "object": GROUP.id}


def test_servers_and_limits_stay_between_us() -> None:
    for sanction in (
        Sanction(Native(Protocol("server"), "bad.example"), Measure.BLOCK),
        Sanction(SAM.native, Measure.LIMIT),
    ):
        assert World().write(item(sanction, "wrap")).code.startswith("sanction.")  # type: ignore[union-attr]


# ----------------------------------------------------------------------------------------------------------------- reports


def flag(about: object, **more: Any) -> dict[str, Any]:
    """As Mastodon 4.5 sends it: without `to`, the account first."""
    return {"id": "https://b.example/flags/1", "type": "Flag", "actor": KIM.native.id, "object": about, "content": "Look at this.", **more}


def test_a_report_is_about_what_crossed_here_and_no_more_than_twenty_of_it() -> None:
    world = World()
    many = [f"https://a.example/o/{number}" for number in range(10_000)]
    content = only(world.read(flag([ANA_GHOST.native.id, url_of(ROOT), *many]))).content
    assert content == Report((ROOT.id,), ANA.native, words="Look at this.")
    assert len([need for need in world.asked if need.kind == "object_at"]) <= 40
    assert not [need for need in world.asked if need.kind == "document"], "nothing is fetched because somebody names it"


def test_a_report_of_a_person_alone_is_heard_where_they_take_part() -> None:
    assert only(World().read(flag(ANA_GHOST.native.id))).content == Report((), ANA.native, words="Look at this.")
    addressed = flag(SAM.native.id, to=[GROUP.id])
    assert only(World().read(addressed)).content == Report((), SAM.native, words="Look at this.")


@pytest.mark.parametrize("about", ["https://a.example/o/unknown", FAR_GROUP.id, "https://moot.example/u/nobody", GROUP.id])
def test_a_report_about_nothing_that_is_here_opens_nothing(about: str) -> None:
    assert isinstance(World().read(flag(about)), Ignored)


def test_a_report_of_nothing_is_refused() -> None:
    refusal(World().read(flag([])), "O6")


def test_a_report_in_two_communities_is_heard_in_both() -> None:
    guild = native("https://b.example/o/guild")
    reading = World().read(flag([url_of(ROOT), guild.id]))
    assert isinstance(reading, Read)
    assert len({event.id for event in reading.events}) == len(reading.events)


def test_what_a_reporter_sent_is_not_kept_beside_what_it_means() -> None:
    event = only(World().read(flag(url_of(ROOT))))
    assert event.wire is None
    assert event.audience is Audience.DIRECT


def test_the_words_of_a_report_are_plain_and_bounded() -> None:
    content = only(World().read(flag(url_of(ROOT), content="<p>Look</p><script>x</script>" + "a" * 9_000))).content
    assert isinstance(content, Report)
    assert content.words.startswith("Look")
    assert "<" not in content.words
    assert len(content.words) <= 500


def test_a_report_leaves_in_the_name_of_the_team_with_one_group_to_look_after_it() -> None:
    said = sent(World().write(item(Report((POST.id,), SAM.native, words="spam"), "report", KIM)))
    assert (said["actor"], said["to"], said["object"]) == (TEAM.id, [GROUP.id], [SAM.native.id, POST.native.id])
    assert KIM.native.id not in str(said)


def test_an_answer_to_no_report_of_ours_is_nothing() -> None:
    reading = World().read({**act("Resolve", {"id": "https://a.example/a/flag", "type": "Flag"})})
    assert isinstance(reading, Ignored)
