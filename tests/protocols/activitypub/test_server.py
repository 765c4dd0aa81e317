"""What anybody may read is served in the form they can read; what is for nobody, or no more, is not."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec
import pytest

from bridge.changes import AppendEvent, AppendItem, EndGhost, PutActor, PutChannel, PutFollow, PutGhost, Retract
from bridge.errors import StoreDown
from bridge.model.actor import ActorKind
from bridge.model.audience import Audience
from bridge.model.content import Edit, Membership, Message, Notice, Retraction
from bridge.model.content.membership import Change as Coming
from bridge.model.content.message import Mention
from bridge.model.event import Provenance
from bridge.model.ids import MATRIX, OURS, CommunityId, ItemId, Native, event_id, item_id
from bridge.model.place import OPEN, Channel, Openness, Place, PlaceKind
from bridge.model.record import Follow
from bridge.model.richtext import RichText, from_plain
from bridge.web.pages import SitePages
from protocols.activitypub.ids import native
from protocols.activitypub.publication import KEPT_FOR
from protocols.activitypub.translate.actor import actor_from_document
from tests.bridge.net.street import Street
from tests.protocols.activitypub.house import ACTIVITY, BROWSER, House, ghost_for, open_house
from tests.protocols.activitypub.world import ANA_GHOST, CHANNEL, COMMUNITY, ELI, FAR_GROUP, GROUP, ME, NOW, PUBLIC, ROOM, SAM, item

WEBFINGER = "/.well-known/webfinger?resource="
LD = 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'


# ------------------------------------------------------------------------------------------------------------- actors


@pytest.mark.parametrize("path", ["/actor", "/c/commons", "/u/ana"])
async def test_every_actor_is_served_unsigned_and_read_back_by_our_own_reader(house: House, path: str) -> None:
    """GoToSocial 0.20: two servers that ask each other for signatures never meet unless one actor is open."""
    shown = await house.document(path)
    assert shown["id"] == f"https://moot.example{path}"
    assert shown["publicKey"]["owner"] == shown["id"]
    assert shown["publicKey"]["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----")
    assert shown["assertionMethod"][0]["publicKeyMultibase"].startswith("z6Mk")
    assert actor_from_document(shown) is not None


async def test_the_root_is_an_application_with_an_inbox(house: House) -> None:
    """PieFed 1.6 asks `GET /` for it and sends group traffic to the inbox it names; Lemmy asks it of every new domain."""
    shown = await house.document("/")
    assert (shown["type"], shown["id"], shown["inbox"]) == ("Application", "https://moot.example/actor", "https://moot.example/inbox")


@pytest.mark.parametrize(
    "accept",
    [
        "application/activity+json",
        "application/activity+json, application/ld+json",
        f"{LD}, application/activity+json, text/html;q=0.1",
        LD,
        "application/json",
        "*/*",
        "",
        "text/html;q=0, application/activity+json",
    ],
)
async def test_whoever_can_read_activitypub_gets_it(house: House, accept: str) -> None:
    answer = await house.ask("/c/commons", {"Accept": accept} if accept else {})
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/activity+json")


async def test_two_accept_lines_count_as_one(house: House) -> None:
    """Akkoma."""
    asked = [("Accept", "text/html;q=0.5"), ("Accept", LD)]
    answer = await house.web.get("/c/commons", headers=asked)
    assert answer.headers["Content-Type"] == "application/activity+json"


async def test_whoever_can_read_neither_is_told_what_there_is(house: House) -> None:
    for path in ("/c/commons", "/@commons", "/actor", f"/o/{(await house.said()).id}"):
        answer = await house.ask(path, {"Accept": "image/png"})
        assert (answer.status, await answer.text()) == (406, "This is served as application/activity+json.\n")


async def test_a_browser_without_pages_is_told_so_in_words(house: House) -> None:
    for path in ("/", "/c/commons", "/@commons", f"/o/{(await house.said()).id}"):
        answer = await house.ask(path, BROWSER)
        assert answer.status == 406
        assert "follow this address from your fediverse account" in await answer.text()


async def test_answers_may_be_kept_shared_and_asked_for_again(house: House) -> None:
    answer = await house.ask("/u/ana")
    assert answer.headers["Cache-Control"] == "public, max-age=180"
    assert answer.headers["Vary"] == "Accept"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = await house.ask("/u/ana", {**ACTIVITY, "If-None-Match": answer.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")
    head = await house.ask("/u/ana", method="HEAD")
    assert (head.status, head.headers["ETag"], await head.read()) == (200, answer.headers["ETag"], b"")


async def test_a_handle_leads_to_the_actor_so_that_address_and_id_agree(house: House) -> None:
    """Rule O2 as peers apply it: the id has to be the address at the end of the redirects."""
    answer = await house.ask("/@Ana_hs.test")
    assert (answer.status, answer.headers["Location"]) == (302, "https://moot.example/u/ana")
    assert (await house.ask("/@nobody")).status == 404


async def test_the_room_is_named_only_while_anybody_may_enter(house: House) -> None:
    assert "https://matrix.to/#/%21commons?via=hs.test" in await (await house.ask("/c/commons")).text()
    closed = Channel(CHANNEL.id, COMMUNITY.id, (Place(ROOM, PlaceKind.ROOM, "Commons", Openness()), CHANNEL.places[1]))
    await house.commit(PutChannel(closed))
    assert "matrix.to" not in msgspec.json.encode(await house.document("/c/commons")).decode()


async def test_who_ended_is_gone_everywhere_and_says_no_more_than_that(house: House) -> None:
    await house.commit(EndGhost(ANA_GHOST.native, NOW))
    answer = await house.ask("/u/ana")
    assert answer.status == 410
    assert msgspec.json.decode(await answer.read()) == {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": "https://moot.example/u/ana",
        "type": "Tombstone",
        "formerType": "Person",
        "deleted": "2026-11-24T12:00:00Z",
    }
    for path in ("/@ana_hs.test", "/u/ana/outbox", "/u/ana/followers", f"{WEBFINGER}acct:ana_hs.test@moot.example"):
        gone = await house.ask(path)
        assert (gone.status, "@ana" in await gone.text()) == (410, False), path


@pytest.mark.parametrize("path", ["/u/nobody", "/c/nobody", "/o/nobody", "/a/nobody", "/t/nobody", "/u/ANA", "/o/a%2Fb", "/u/ana/"])
async def test_what_is_not_there_is_404_in_words(house: House, path: str) -> None:
    answer = await house.ask(path)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_what_a_stranger_writes_into_an_address_is_not_said_back(house: House) -> None:
    for path in (
        "/@x%0d%0aSet-Cookie:%20a=b",
        f"{WEBFINGER}%3Cscript%3E",
        f"{WEBFINGER}acct:%0d%0ax@moot.example",
    ):
        answer = await house.ask(path)
        everything = repr(dict(answer.headers)) + await answer.text()
        assert answer.status in {400, 404}
        assert not re.search("Set-Cookie|script", everything)


async def test_a_store_that_is_down_is_said_and_asked_again_later(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def down(_: object) -> None:
        raise StoreDown("the disk is gone")

    monkeypatch.setattr(house.store.directory, "ghost", down)
    answer = await house.ask("/u/ana")
    assert (answer.status, answer.headers["Retry-After"], answer.headers["Cache-Control"]) == (503, "5", "no-store")
    assert "disk" not in await answer.text()


# -------------------------------------------------------------------------------------------------------------- posts


async def test_a_post_is_what_was_sent_and_says_when_it_changed(house: House) -> None:
    known = await house.said("hello")
    shown = await house.document(f"/o/{known.id}")
    assert (shown["id"], shown["type"], shown["content"]) == (f"https://moot.example/o/{known.id}", "Note", "<p>hello</p>")
    assert shown["attributedTo"] == ANA_GHOST.native.id
    assert PUBLIC in shown["to"]
    assert "updated" not in shown
    await house.changed(known, "hello all", after=90)
    changed = await house.document(f"/o/{known.id}")
    assert (changed["content"], changed["published"], changed["updated"]) == (
        "<p>hello all</p>",
        shown["published"],
        "2026-11-24T12:01:30Z",
    )


async def test_an_unlisted_post_is_served_and_says_so(house: House) -> None:
    known = await house.said(audience=Audience.UNLISTED)
    shown = await house.document(f"/o/{known.id}")
    assert (PUBLIC in shown["to"], PUBLIC in shown["cc"]) == (False, True)


@pytest.mark.parametrize("audience", [Audience.COMMUNITY, Audience.DIRECT, Audience.LOCAL])
async def test_a_closer_circle_is_served_to_nobody(house: House, audience: Audience) -> None:
    """404, not 403: that it exists is nobody's to know (Mastodon GHSA-gwhw-gcjx-72v8)."""
    known = await house.said(audience=audience)
    for path in (f"/o/{known.id}", f"/a/{known.id}", f"/t/{known.id}", f"/o/{known.id}/replies"):
        assert (await house.ask(path)).status == 404, path
    assert (await house.document("/c/commons/outbox"))["orderedItems"] == []
    await house.commit(Retract(known.id, known.native, NOW))
    assert (await house.ask(f"/o/{known.id}")).status == 404, "a tombstone would say that it was there"


async def test_what_crossed_elsewhere_but_not_to_the_fediverse_is_not_served(house: House) -> None:
    """Something let into another room of the channel has no copy under our address."""
    event = item(Message(from_plain("for the other room")), "wrap", ELI).event
    known = await house.crossed(msgspec.structs.replace(event, place=GROUP))
    assert await house.store.objects.get(known.id) is not None
    for path in (f"/o/{known.id}", f"/a/{known.id}", f"/t/{known.id}"):
        assert (await house.ask(path)).status == 404, path


async def test_words_born_on_the_fediverse_are_served_by_their_own_server_alone(house: House) -> None:
    known = await house.said("from afar", SAM)
    assert (await house.ask(f"/o/{known.id}")).status == 404
    assert (await house.ask(f"/a/{known.id}")).status == 404


async def test_what_was_taken_back_is_a_tombstone(house: House) -> None:
    known = await house.said("a slip")
    await house.commit(Retract(known.id, known.native, NOW + timedelta(hours=1)))
    for path, former in ((f"/o/{known.id}", "Note"), (f"/a/{known.id}", "Create")):
        answer = await house.ask(path)
        stone = msgspec.json.decode(await answer.read())
        assert (answer.status, stone["type"], stone["formerType"], stone["deleted"]) == (410, "Tombstone", former, "2026-11-24T13:00:00Z")
    assert (await house.ask(f"/o/{known.id}/replies")).status == 410
    browser = await house.ask(f"/o/{known.id}", BROWSER)
    assert (browser.status, await browser.text()) == (410, "This post was taken back.\n")


async def test_words_of_somebody_whose_actor_ended_are_not_served(house: House) -> None:
    known = await house.said()
    await house.commit(EndGhost(ANA_GHOST.native, NOW))
    for path in (f"/o/{known.id}", f"/a/{known.id}"):
        assert (await house.ask(path)).status == 404


async def test_nothing_of_somebody_who_never_said_yes_is_in_any_document(house: House) -> None:
    """Issue 2, 3: Eli spoke in the room and is named by Ana; no identifier of his leaves."""
    local = item(Message(from_plain("only for the room")), "wrap", ELI, where=Native(MATRIX, "$eli")).event
    await house.commit(AppendEvent(local))
    words = RichText('<p>thanks <a data-mention="0">@eli:hs.test</a></p>', "thanks @eli:hs.test")
    named = item(Message(words, mentions=(Mention(ELI.native, "@eli:hs.test"),)), "wrap", where=Native(MATRIX, "$thanks")).event
    thanks = (await house.crossed(named)).id
    seen = ""
    for path in ("/c/commons", "/c/commons/outbox", f"/o/{thanks}", f"/a/{thanks}", f"/t/{thanks}", "/u/ana", "/actor", "/nodeinfo/2.1"):
        answer = await house.ask(path)
        assert answer.status == 200, path
        seen += await answer.text()
    assert "thanks" in seen
    assert not re.search("@eli|eli:hs", seen)
    for path in (f"/o/{local.id}", f"/a/{local.id}", f"/t/{local.id}"):
        assert (await house.ask(path)).status == 404


async def test_a_get_never_makes_us_ask_another_server(house: House, connections: list[tuple[object, ...]]) -> None:
    """An address that costs its owner one request must not cost others any: mentions are shown as last seen, or as plain words."""
    words = Message(RichText('<p>hi <a data-mention="0">sam</a></p>', "hi sam"), mentions=(Mention(SAM.native, "sam"),))
    known = await house.crossed(item(words, "wrap").event)
    await house.document("/actor")  # the connection of this test to the node
    connections.clear()
    assert (await house.document(f"/o/{known.id}"))["tag"] == []
    await house.commit(PutActor(SAM, NOW - timedelta(days=30)))
    house.clock.forward(KEPT_FOR.total_seconds())
    assert [tag["href"] for tag in (await house.document(f"/o/{known.id}"))["tag"]] == [SAM.native.id]
    assert connections == []


# --------------------------------------------------------------------------------------------------------- activities


async def test_a_thousand_servers_that_ask_for_one_post_cost_one_rendering(house: House) -> None:
    """After a boost they all come within a minute (activitypub.md 5.5)."""
    known = await house.said("hello")
    first = await house.ask(f"/o/{known.id}")
    wanted = len(house.asked)
    for path in (f"/o/{known.id}", f"/a/{known.id}", f"/o/{known.id}"):
        assert (await house.ask(path)).status == 200
    assert len(house.asked) == wanted
    again = await house.ask(f"/o/{known.id}", {**ACTIVITY, "If-None-Match": first.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_what_is_at_hand_is_never_older_than_what_was_said(house: House) -> None:
    known = await house.said("helo")
    paths = (f"/o/{known.id}", f"/a/{known.id}")
    tags = {path: (await house.ask(path)).headers["ETag"] for path in paths}
    await house.changed(known, "hello")
    for path in paths:
        answer = await house.ask(path, {**ACTIVITY, "If-None-Match": tags[path]})
        assert (answer.status, "hello" in await answer.text()) == (200, True)
    await house.commit(Retract(known.id, known.native, NOW))
    assert [(await house.ask(path)).status for path in paths] == [410, 410]
    other = await house.said("bye", name="$bye")
    assert (await house.ask(f"/o/{other.id}")).status == 200
    await house.commit(EndGhost(ANA_GHOST.native, NOW))
    assert (await house.ask(f"/o/{other.id}")).status == 404
    assert (await house.ask(f"/a/{other.id}")).status == 404


async def test_a_create_is_served_with_the_words_as_they_are_now(house: House) -> None:
    """Receivers of an Announce fetch what they cannot authenticate (FEP-fe34); what was edited away is not shown again."""
    known = await house.said("my phone number is 1234")
    await house.changed(known, "hello")
    shown = await house.document(f"/a/{known.id}")
    assert (shown["id"], shown["type"], shown["actor"]) == (f"https://moot.example/a/{known.id}", "Create", ANA_GHOST.native.id)
    assert (shown["object"]["id"], shown["object"]["content"]) == (f"https://moot.example/o/{known.id}", "<p>hello</p>")


async def test_an_update_a_like_and_a_delete_are_served_under_the_id_they_were_sent_with(house: House) -> None:
    root = await house.said("root", SAM, name="root")
    known = await house.said("first")
    edit = item(Edit(known.id, Message(from_plain("second"))), "wrap", where=Native(MATRIX, "$edit")).event
    edit = msgspec.structs.replace(edit, at=NOW + timedelta(seconds=60))
    await house.changed(known, "third", after=120)
    like = await house.signed(root)
    like_event = await house.store.objects.current(like.id)
    assert like_event is not None
    gone = await house.said("slip", name="$slip")
    taken_back = item(Retraction(gone.id), "wrap", where=Native(MATRIX, "$redaction")).event
    undo = item(Retraction(like.id), "wrap", where=Native(MATRIX, "$unlike")).event
    await house.commit(
        AppendEvent(edit), AppendEvent(like_event), AppendEvent(taken_back), AppendEvent(undo), Retract(gone.id, gone.native, NOW)
    )
    update = await house.document(f"/a/{edit.id}")
    assert (update["type"], update["object"]["content"]) == ("Update", "<p>third</p>")
    liked = await house.document(f"/a/{like.id}")
    assert (liked["type"], liked["object"], liked["content"]) == ("Like", root.native.id, "🌱")
    delete = await house.document(f"/a/{taken_back.id}")
    assert (delete["type"], delete["object"]["id"]) == ("Delete", f"https://moot.example/o/{gone.id}")
    assert "slip" not in msgspec.json.encode(delete).decode()
    undone = await house.document(f"/a/{undo.id}")
    assert (undone["type"], undone["object"]["id"]) == ("Undo", f"https://moot.example/a/{like.id}")


async def test_a_sign_that_never_crossed_is_not_served(house: House) -> None:
    root = await house.said("root", SAM, name="root")
    like = await house.signed(root)
    current = await house.store.objects.current(like.id)
    assert current is not None
    stayed = msgspec.structs.replace(
        current, id=event_id(ME.secret, Native(MATRIX, "$stayed")), provenance=Provenance(Native(MATRIX, "$stayed"))
    )
    await house.commit(AppendEvent(stayed))
    assert (await house.ask(f"/a/{stayed.id}")).status == 404


async def test_an_announce_is_served_while_its_words_stand(house: House) -> None:
    known = await house.said("hello")
    current = await house.store.objects.current(known.id)
    assert current is not None
    made = item(current.content, "wrap")
    made = msgspec.structs.replace(made, id=item_id(ME.secret, current.id, GROUP, "wrap"), by=Native(OURS, "commons"))
    boost = msgspec.structs.replace(made, id=item_id(ME.secret, current.id, GROUP, "boost"), form="boost")
    await house.commit(AppendItem(made, NOW), AppendItem(boost, NOW))
    wrapped = await house.document(f"/a/{made.id}")
    assert (wrapped["type"], wrapped["object"]["type"], wrapped["object"]["object"]["type"]) == ("Announce", "Create", "Page")
    assert (await house.document(f"/a/{boost.id}"))["object"] == f"https://moot.example/o/{known.id}"
    await house.changed(known, "bye")
    assert (await house.document(f"/a/{made.id}"))["object"]["object"]["content"] == "<p>bye</p>"
    await house.commit(Retract(known.id, known.native, NOW))
    assert (await house.ask(f"/a/{made.id}")).status == 404


async def test_somebody_elses_activity_is_served_inside_the_announce_byte_for_byte_until_it_changes(house: House) -> None:
    """Trap 12: a changed byte breaks their proof."""
    sent = b'{ "id":"https://a.example/a/1", "type":"Create","actor":"https://a.example/u/sam","object":{"content":"\\u0041"} }'
    known = await house.said("A", SAM, name="post")
    made = item(Message(from_plain("A")), "wrap", SAM, where=known.native, wire=sent)
    made = msgspec.structs.replace(made, id=item_id(ME.secret, made.event_id, GROUP, "wrap"), by=Native(OURS, "commons"))
    await house.commit(AppendItem(made, NOW))
    answer = await house.ask(f"/a/{made.id}")
    assert b'"object":' + sent in await answer.read()
    await house.changed(known, "B")
    changed = await house.document(f"/a/{made.id}")
    assert changed["object"] == known.native.id


async def test_what_was_said_to_one_person_is_not_served(house: House) -> None:
    follow = Membership(Coming.FOLLOW, SAM.native, GROUP, request="https://a.example/a/follow")
    notice = Notice(SAM.native, from_plain("hello Sam"))
    for content, form, name in ((notice, "say", "note"), (follow, "accept", "follow")):
        made = item(content, form, SAM, where=native(f"https://a.example/o/{name}"))
        made = msgspec.structs.replace(made, id=ItemId(form), by=Native(OURS, "commons"))
        await house.commit(AppendItem(made, NOW), AppendEvent(made.event))
        assert (await house.ask(f"/a/{form}")).status == 404
        assert (await house.ask(f"/a/{made.event_id}")).status == 404
        assert (await house.ask(f"/o/{made.event_id}")).status == 404


# -------------------------------------------------------------------------------------------------------- collections


async def test_the_outbox_has_the_newest_public_announces_inline(house: House) -> None:
    """Lemmy 1.0 reads inline Announces of a Create and nothing else."""
    for number in range(23):
        house.clock.forward(1)
        await house.said(f"number {number}", name=f"$n{number}")
    await house.said("quiet", name="$quiet", audience=Audience.UNLISTED)
    box = await house.document("/c/commons/outbox")
    assert (box["type"], box["totalItems"], box["id"]) == ("OrderedCollection", 24, f"{GROUP.id}/outbox")
    assert len(box["orderedItems"]) == 19, "the newest twenty, of which one is not for everybody"
    first = box["orderedItems"][0]
    assert (first["type"], first["object"]["type"], first["object"]["object"]["name"]) == ("Announce", "Create", "number 22")
    assert (await house.document("/u/ana/outbox"))["orderedItems"] == []
    assert (await house.document("/actor/outbox"))["totalItems"] == 0


async def test_posts_from_elsewhere_are_in_the_outbox_as_they_came_and_later_by_their_address(house: House) -> None:
    sent = b'{"id":"https://a.example/a/1","type":"Create","actor":"https://a.example/u/sam","object":{"id":"https://a.example/o/post"}}'
    known = await house.said("from afar", SAM, name="post")
    box = await house.document("/c/commons/outbox")
    assert [one["object"] for one in box["orderedItems"]] == [known.native.id], "its Create is not kept any more"
    made = item(Message(from_plain("from afar")), "wrap", SAM, where=known.native, wire=sent)
    made = msgspec.structs.replace(made, id=item_id(ME.secret, made.event_id, GROUP, "wrap"), by=Native(OURS, "commons"))
    await house.commit(AppendItem(made, NOW))
    assert b'"object":' + sent in await (await house.ask("/c/commons/outbox")).read()


async def test_followers_are_a_number(house: House) -> None:
    shown = await house.document("/c/commons/followers")
    assert (shown["type"], shown["totalItems"], shown["items"]) == ("Collection", 0, [])
    assert (await house.document("/u/ana/following"))["totalItems"] == 0


async def test_moderators_and_pins_answer_from_the_first_contact(house: House) -> None:
    """PieFed 1.6 ignored a community's moderation for ever when `moderators` was missing at first."""
    group = await house.document("/c/commons")
    for url, there in ((group["attributedTo"], [f"{group['id']}/team"]), (group["featured"], [])):
        shown = await house.document(url)
        assert (shown["id"], shown["type"], shown["orderedItems"]) == (url, "OrderedCollection", there)


async def test_the_team_is_an_actor_like_any_other_and_ends_with_its_group(house: House) -> None:
    """Lemmy 1.0 fetches every moderator; Mastodon 4.5 asks for the name before it believes what the account signed."""
    shown = await house.document("/c/commons/team")
    assert (shown["type"], shown["inbox"]) == ("Service", f"{GROUP.id}/inbox")
    assert (await house.document(shown["outbox"]))["totalItems"] == 0
    for resource in (f"acct:{shown['preferredUsername']}@moot.example", shown["id"]):
        found = await (await house.ask(f"/.well-known/webfinger?resource={resource}")).json(content_type=None)
        assert found["subject"] == "acct:commons-team@moot.example"
        assert [link["href"] for link in found["links"] if link["rel"] == "self"] == [shown["id"]]
    await house.commit(EndGhost(GROUP, NOW))
    for path in ("/c/commons/team", "/c/commons/team/outbox", "/.well-known/webfinger?resource=acct:commons-team@moot.example"):
        assert (await house.ask(path)).status == 410
    assert (await house.ask("/c/nowhere/team")).status == 404


async def test_every_address_an_actor_names_answers(house: House) -> None:
    """GoToSocial 0.20 asks for all of them at the first contact."""
    for path in ("/actor", "/c/commons", "/u/ana"):
        shown = await house.document(path)
        for name in ("outbox", "followers", "following", "featured", "moderators"):
            if name in shown:
                assert (await house.document(shown[name]))["id"] == shown[name]


async def test_a_thread_is_whole_and_in_order_whoever_spoke(house: House) -> None:
    root = await house.said("root")
    answer = await house.said("from afar", SAM, name="answer", reply_to=root.id, thread=root.id)
    mine = await house.said("mine", name="$mine", reply_to=answer.id, thread=root.id)
    secret = await house.said("secret", name="$secret", reply_to=root.id, thread=root.id, audience=Audience.COMMUNITY)
    gone = await house.said("gone", name="$gone", reply_to=root.id, thread=root.id)
    await house.commit(Retract(gone.id, gone.native, NOW))
    shown = await house.document(f"/t/{root.id}")
    assert (shown["attributedTo"], shown["id"]) == (GROUP.id, (await house.document(f"/o/{root.id}"))["context"])
    assert shown["orderedItems"] == [f"https://moot.example/o/{root.id}", answer.native.id, f"https://moot.example/o/{mine.id}"]
    assert secret.id not in msgspec.json.encode(shown).decode()
    replies = await house.document((await house.document(f"/o/{root.id}"))["replies"])
    assert replies["first"]["items"] == [answer.native.id]


async def test_a_conversation_that_somebody_elsewhere_began_is_a_collection_of_ours(house: House) -> None:
    root = await house.said("from afar", SAM, name="root")
    mine = await house.said("mine", reply_to=root.id, thread=root.id)
    context = (await house.document(f"/o/{mine.id}"))["context"]
    assert (await house.document(context))["orderedItems"] == [root.native.id, f"https://moot.example/o/{mine.id}"]


async def test_a_group_elsewhere_that_the_community_follows_is_counted(house: House) -> None:
    far = Channel(CHANNEL.id, COMMUNITY.id, (*CHANNEL.places, Place(FAR_GROUP, PlaceKind.FOREIGN_GROUP, "Guild", OPEN)))
    await house.commit(PutChannel(far), PutFollow(Follow(GROUP, FAR_GROUP, "https://moot.example/a/follow", NOW)))
    assert (await house.document("/c/commons/following"))["totalItems"] == 0
    await house.commit(PutFollow(Follow(GROUP, FAR_GROUP, "https://moot.example/a/follow", NOW, NOW)))
    assert (await house.document("/c/commons/following"))["totalItems"] == 1


async def test_a_ghost_whose_community_is_unknown_is_not_served_as_a_group(house: House) -> None:
    lost = ghost_for(Native(OURS, "lost"), "lost", "lost", kind=ActorKind.GROUP, community=CommunityId("lost"))
    await house.commit(PutGhost(lost))
    assert (await house.ask("/u/lost")).status == 404


# -------------------------------------------------------------------------------------------------------------- pages


async def test_people_with_a_browser_get_pages_that_point_back(street: Street) -> None:
    house = await open_house(street, pages=SitePages(ME.domain))
    known = await house.said("hello")
    assert (await house.ask("/c/commons", BROWSER)).headers["Location"] == "https://moot.example/@commons"
    for path, says, same in (
        ("/", "@commons@moot.example", "https://moot.example/actor"),
        ("/@commons", "<p>Neighbours who share tools.</p>", GROUP.id),
        (f"/o/{known.id}", "<p>hello</p>", f"https://moot.example/o/{known.id}"),
    ):
        answer = await house.ask(path, BROWSER)
        assert (answer.status, says in await answer.text()) == (200, True), path
        assert answer.headers["Link"] == f'<{same}>; rel="alternate"; type="application/activity+json"'
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Vary"] == "Accept"
    await house.close()


async def test_a_page_names_nobody_whom_the_fediverse_does_not_know(street: Street) -> None:
    """The same words and names as in the Note: nothing of Matrix but what their author agreed to show."""
    house = await open_house(street, pages=SitePages(ME.domain))
    words = RichText('<p>thanks <a data-mention="0">@eli:hs.test</a></p>', "thanks @eli:hs.test")
    known = await house.crossed(item(Message(words, mentions=(Mention(ELI.native, "@eli:hs.test"),)), "wrap").event)
    page = await (await house.ask(f"/o/{known.id}", BROWSER)).text()
    assert "<p>thanks somebody</p>" in page
    assert "@ana_hs.test@moot.example" in page
    assert not re.search("eli|matrix:|@ana:", page.split("<main>")[1])
    await house.close()


@pytest.mark.parametrize("path", ["/privacy", "/contact"])
@pytest.mark.parametrize("accept", [BROWSER, {"Accept": "*/*"}, ACTIVITY])
async def test_what_is_kept_and_whom_to_ask_is_a_page_whatever_is_asked_for(street: Street, path: str, accept: dict[str, str]) -> None:
    house = await open_house(street, pages=SitePages(ME.domain, contact="ana@moot.example"))
    answer = await house.ask(path, accept)
    await house.close()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_nodeinfo_leads_to_both(street: Street) -> None:
    house = await open_house(street, pages=SitePages(ME.domain))
    told = msgspec.json.decode(await (await house.ask("/nodeinfo/2.1")).read())["metadata"]
    answers = [await house.ask(told[name], BROWSER) for name in ("privacyPolicyUrl", "inquiryUrl")]
    await house.close()
    assert [answer.status for answer in answers] == [200, 200]
