"""One conversation across a real homeserver and two foreign fediverse servers, as their own clients show it, beside the goldens.

Synapse and matrix-js-sdk on one side, Fedify on the other, and one node between them that knows neither.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.goldens import NODE, cases, golden, leveled
from tests.live.town import Town

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = asyncio.run(Town.build(tmp_path_factory.mktemp("town")))
    yield town
    town.stop()


def same(town: Town, expected: Any, arrived: Any) -> None:
    assert leveled(expected) == leveled(arrived, town.hosts)


def alone(case: str) -> bool:
    """Words of a person that stand for themselves: no answer, nobody named, no file."""
    content = golden(case, "matrix")["content"]
    whole = not {"m.relates_to", "url", "file"} & set(content) and not content.get("m.mentions") and "mxc://" not in str(content)
    return whole and content.get("msgtype") in ("m.text", "m.emote")


def names_nobody(case: str) -> bool:
    """A name typed by hand is looked up at its own server, which is another one here than in the golden."""
    return all(tag["type"] != "Mention" for tag in golden(case, "activity-sent")["wrap"]["activity"]["object"]["object"].get("tag", []))


SAID = [case for case in cases("matrix", "activity-sent") if alone(case) and names_nobody(case)]
PLAIN_KEYS = {"id", "type", "attributedTo", "to", "cc", "content", "published", "tag", "summary", "sensitive"}
POSTED = [case for case in cases("activity", "matrix-sent") if set(golden(case, "activity").get("object", {})) <= PLAIN_KEYS]
POSTED = [case for case in POSTED if golden(case, "activity")["object"]["type"] == "Note" and not golden(case, "activity")["object"]["tag"]]


# ------------------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize("case", SAID)
async def test_what_a_member_says_reaches_both_servers_as_its_golden(town: Town, case: str) -> None:
    ana = await town.actor("ana")
    expected = golden(case, "activity-sent")
    # Fedify answers with what it read; the words are looked for in the document as it came, where no other case has the same.
    content = expected["wrap"]["activity"]["object"]["object"]["content"].replace(f"https://{NODE}", town.node.settings.origin)
    words = f'"content":{json.dumps(content, ensure_ascii=False)}'
    await town.send("ana", "m.room.message", golden(case, "matrix")["content"])

    for server in (town.near, town.far):
        [wrapped] = await server.received(type="Announce", inner="Create", by=ana, contains=words)
        [boosted] = await server.received(type="Announce", object=wrapped["inner"]["object"])
        same(town, expected["wrap"]["activity"], wrapped["raw"])
        same(town, expected["boost"]["activity"], boosted["raw"])
        shown = await server.shown(post=boosted["object"], boost=town.group)
        assert (shown["author"], shown["content"]) == (ana, wrapped["inner"]["inner"]["content"])
        assert await server.lookup(shown["id"], name="lea" if server is town.far else None), "and can be read at its own address"


@pytest.mark.parametrize("case", POSTED)
async def test_what_somebody_posts_reaches_the_room_as_its_golden(town: Town, case: str) -> None:
    given = golden(case, "activity")["object"]
    post = await town.near.post("sam", given["content"], group=town.group, warning=given.get("summary"))

    shown = await town.seen(town.near, post)

    assert (shown["sender"], shown["name"]) == (town.ghost(town.near, "sam"), f"Sam ({town.near.handle('sam')})")
    same(town, golden(case, "matrix-sent")["content"], (await town.raw(shown["id"]))["content"])


async def test_a_thread_is_one_thread_on_both_sides(town: Town) -> None:
    root = await town.say("ana", "Whose turn is it to water the beds?")
    page = await town.near.shown(contains="Whose turn")
    answer = await town.near.post("sam", "<p>Mine, this week.</p>", group=town.group, reply=page["id"])
    in_room = await town.seen(town.near, answer)
    assert (in_room["thread"], in_room["reply"]) == (root, root)

    await town.matrix.ask("thread", account="bo", room=town.room, root=root, reply=in_room["id"], body="And mine the next.")
    on_servers = [await server.shown(contains="And mine the next") for server in (town.near, town.far)]
    assert [(one["reply"], one["root"]) for one in on_servers] == [(answer, page["id"])] * 2

    last = await town.far.post("lea", "<p>Thank you both.</p>", group=town.group, reply=on_servers[1]["id"])
    thanks = await town.seen(town.far, last)
    assert thanks["thread"] == root
    assert (await town.near.shown(post=last))["root"] == page["id"]
    contexts = {(await town.near.shown(post=one))["context"] for one in (page["id"], on_servers[0]["id"])}
    assert contexts == {page["context"]}


async def test_a_mention_points_at_the_person_on_both_sides(town: Town) -> None:
    ana, ghost = await town.actor("ana"), town.ghost(town.near, "sam")
    await town.say("ana", "Sam: are you coming?", html=f'<a href="https://matrix.to/#/{ghost}">Sam</a>: are you coming?', mentions=[ghost])
    [create] = await town.near.received(type="Create", contains="are you coming", actor=ana)
    assert create["inner"]["mentions"] == [{"href": town.near.person("sam"), "name": town.near.handle("sam")}]
    assert town.near.person("sam") in create["inner"]["to"] + create["inner"]["cc"]

    address = (await town.near.lookup(ana))["url"]
    card = f'<span class="h-card"><a href="{address}" class="u-url mention">@<span>ana</span></a></span>'
    post = await town.near.post("sam", f"<p>{card} yes, at six.</p>", group=town.group, mentions=[ana])
    shown = await town.seen(town.near, post)
    assert shown["mentions"] == {"user_ids": ["@ana:hs.test"]}
    assert "https://matrix.to/#/@ana:hs.test" in shown["formatted"].replace("%40", "@").replace("%3A", ":")


async def test_language_and_a_warning_stay_with_the_words(town: Town) -> None:
    post = await town.far.post("lea", "<p>Eine große Spinne</p>", group=town.group, warning="Spinnen", language="de")

    shown = await town.seen(town.far, post)

    assert 'data-mx-spoiler="Spinnen"' in shown["formatted"]
    assert "große" not in shown["body"], "notifications do not tell"
    assert (await town.near.shown(post=post))["language"] == "de"


# ------------------------------------------------------------------------------------------------------------ what becomes of words


async def test_an_edit_is_shown_as_an_edit_on_both_sides(town: Town) -> None:
    ana = await town.actor("ana")
    event = await town.send("ana", "m.room.message", {"msgtype": "m.text", "body": "Hello, commons!!", "m.mentions": {}})
    page = await town.near.shown(contains="Hello, commons!!")
    fresh = golden("edit/plain", "matrix")["content"]
    await town.send("ana", "m.room.message", {**fresh, "m.relates_to": {"rel_type": "m.replace", "event_id": event}})
    for server in (town.near, town.far):
        [update] = await server.received(type="Announce", inner="Update", by=ana, contains=page["id"])
        same(town, golden("edit/plain", "activity-sent")["wrap"]["activity"], update["raw"])
        assert (await server.shown(post=page["id"], edited=True))["content"] == "<p>Hello again.</p>"

    post = await town.near.post("sam", "<p>Hello, commons??</p>", group=town.group)
    first = await town.seen(town.near, post)
    await town.near.edit("sam", post, "<p>Hello again.</p>")
    edited = await town.until(event=first["id"], edited=True)
    assert edited["body"] == "Hello again."
    same(town, golden("edit/plain", "matrix-sent")["content"], (await town.raw(edited["edit"]))["content"])


async def test_a_reaction_comes_and_goes_on_both_sides(town: Town) -> None:
    event = await town.say("ana", "The roof is done")
    page = await town.near.shown(contains="The roof is done")
    sign = await town.near.react("sam", page["id"], "🎉", to=[town.group])
    assert (await town.until(event=event, reaction="🎉"))["reactions"]["🎉"] == [town.ghost(town.near, "sam")]
    await town.near.undo("sam", sign, to=[town.group])
    await town.until(event=event, no_reaction="🎉")
    like = await town.far.like("lea", page["id"], to=[town.group])
    assert (await town.until(event=event, reaction="👍"))["reactions"]["👍"] == [town.ghost(town.far, "lea")]
    await town.far.undo("lea", like, to=[town.group])
    await town.until(event=event, no_reaction="👍")

    post = await town.near.post("sam", "<p>I brought cake</p>", group=town.group)
    copy = await town.seen(town.near, post)
    ours = await town.matrix.ask("react", account="ana", room=town.room, event=copy["id"], key="🎉")
    ana = await town.actor("ana")
    assert (await town.near.shown(post=post, reaction="🎉"))["reactions"] == {"🎉": [ana]}
    [direct] = await town.near.received(type="Like", actor=ana, object=post)
    same(town, golden("reaction/emoji", "activity-sent")["direct"]["activity"], direct["raw"])
    await town.far.shown(post=post, reaction="🎉")
    await town.matrix.ask("redact", account="ana", room=town.room, event=ours)
    for server in (town.near, town.far):
        await server.shown(post=post, no_reaction="🎉")


async def test_what_is_taken_back_is_gone_on_both_sides(town: Town) -> None:
    event = await town.say("ana", "I did not mean to say this")
    page = await town.near.shown(contains="I did not mean")
    await town.matrix.ask("redact", account="ana", room=town.room, event=event)
    for server in (town.near, town.far):
        await server.shown(post=page["id"], deleted=True)
    [deletion] = await town.near.received(type="Delete", object=page["id"])
    same(town, golden("retraction/own", "activity-sent")["direct"]["activity"], deletion["raw"])
    assert (await town.near.ask("get", url=page["id"]))["status"] == 410

    post = await town.near.post("sam", "<p>Nor I this</p>", group=town.group)
    copy = await town.seen(town.near, post)
    await town.near.delete("sam", post)
    await town.until(event=copy["id"], redacted=True)


async def test_a_boost_ends_with_a_reason(town: Town) -> None:
    await town.say("ana", "Worth passing on")
    page = await town.near.shown(contains="Worth passing on")
    await town.near.announce("sam", page["id"])

    async with asyncio.timeout(20), town.node.operations() as operations:
        while not (
            found := [one for one in await operations.events(limit=20, community="commons") if one.kind == "boost" and one.omissions]
        ):
            await asyncio.sleep(0.05)

    assert {one.code for one in found[0].omissions} == {"boost.not_carried"}
    assert "A Matrix room has no way to show a boost." in {one.text for one in found[0].omissions}


# ------------------------------------------------------------------------------------------------------------ people


async def test_a_new_name_is_shown_on_the_other_side(town: Town) -> None:
    bo = await town.actor("bo")
    await town.matrix.ask("set_profile", account="bo", display="Bo the Builder")
    for server in (town.near, town.far):
        await server.received(type="Update", actor=bo, contains="Bo the Builder")
    # Not by `lookup`: Fedify keeps the documents it has read for a while.
    assert json.loads((await town.near.ask("get", url=bo))["body"])["name"] == "Bo the Builder"

    await town.far.post("lea", "<p>The old name</p>", group=town.group)
    await town.until(body="The old name")
    await town.far.act("profile", "lea", display="Lea of the Lake", to=[town.group])
    name = f"Lea of the Lake ({town.far.handle('lea')})"
    await town.until(types=["m.room.member"], sender=town.ghost(town.far, "lea"), name=name)
    await town.far.post("lea", "<p>A new name</p>", group=town.group)
    assert (await town.until(body="A new name"))["name"] == name


async def test_whoever_follows_is_a_reader_until_they_stop(town: Town) -> None:
    async def followers() -> int:
        async with town.node.operations() as operations:
            return (await operations.communities())[0].followers

    before = await followers()
    follow = await town.near.follow("kim", town.group)
    [accept] = await town.near.received(type="Accept", contains=follow)
    same(town, golden("membership/follow", "activity-sent")["accept"]["activity"], accept["raw"])
    assert await followers() == before + 1

    await town.near.unfollow("kim", town.group, follow)
    async with asyncio.timeout(20):
        while await followers() != before:
            await asyncio.sleep(0.05)


async def test_an_order_is_answered_where_it_was_given(town: Town) -> None:
    before = len(await town.near.so_far())
    await town.near.post("sam", "<p>!who</p>", audience="direct", mentions=[town.group])
    [answer] = await town.near.received(type="Create", actor=town.group, contains="can read", after=before)
    assert answer["to"] == [town.near.person("sam")]
    assert "Public" not in str(answer["raw"]["to"])

    await town.say("ana", "!who")
    said = await town.until(contains="can read", sender="@moot:hs.test")
    assert said["msgtype"] == "m.notice"


async def test_the_groups_collections_can_be_read_by_others(town: Town) -> None:
    event = await town.say("ana", "For the record")
    page = await town.near.shown(contains="For the record")
    reply = await town.near.post("sam", "<p>Noted</p>", group=town.group, reply=page["id"])
    await town.until(thread=event, body="Noted")
    group = await town.near.lookup(town.group)

    outbox = await town.near.ask("collection", url=group["outbox"])
    replies = await town.near.ask("collection", url=f"{page['id']}/replies")
    thread = await town.near.ask("collection", url=page["context"])

    assert outbox["items"]
    assert reply in replies["items"]
    assert {page["id"], reply} <= set(thread["items"])


# ------------------------------------------------------------------------------------------------------------ what must not cross


async def test_the_words_of_somebody_who_never_said_yes_stay(town: Town) -> None:
    for number in range(10):
        await town.say("eli", f"This is only for the room {number}")
    await town.say("ana", "The last word")
    for server in (town.near, town.far):
        await server.shown(contains="The last word")
        everything = str(await server.so_far())
        assert "only for the room" not in everything
        assert "@eli" not in everything


async def test_what_a_program_says_in_the_room_stays(town: Town) -> None:
    await town.send("ana", "m.room.message", golden("message/notice", "matrix")["content"])
    await town.say("ana", "And what a person says does not")

    await town.near.shown(contains="And what a person says")

    assert "The build passed." not in str(await town.near.so_far())


async def test_what_is_said_to_followers_alone_stays_on_the_fediverse(town: Town) -> None:
    await town.near.post("sam", "<p>Only for friends</p>", audience="followers", group=town.group)
    await town.near.post("sam", "<p>For everybody</p>", group=town.group)

    await town.until(body="For everybody")

    shown = await town.matrix.ask("timeline", account="ana", room=town.room)
    assert not [one for one in shown if "Only for friends" in (one["body"] or "")]
