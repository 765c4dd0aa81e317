"""Readers and strangers meet a person first; who follows, leaves or ends an account changes who hears what."""

from __future__ import annotations

import msgspec
import pytest

from bridge.errors import OperatorError
from bridge.model.ids import ACTIVITYPUB, LOOPBACK, Native
from bridge.refs import Refs, Wire
from protocols.activitypub.ids import PUBLIC
from tests.bridge.relay.house import House
from tests.bridge.relay.test_casework import direct


async def test_a_follow_is_accepted_at_once_and_the_follower_hears_what_comes(house: House) -> None:
    sam = await house.stranger("sam")
    request = await house.follow(sam)

    assert await house.forms("https://a.example/u/sam/inbox") == ["accept:membership", "say:notice"]
    follow = await house.store.directory.follow(sam.native, (await house.group()).native)
    assert follow is not None
    assert follow.request == request
    assert follow.accepted is not None
    lena = await house.opted_in("lena")
    await lena.say("hall", "welcome")
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    assert await house.forms("https://a.example/inbox") == ["wrap:message", "boost:message"]


async def test_whoever_leaves_hears_nothing_more(house: House) -> None:
    sam = await house.stranger("sam")
    request = await house.follow(sam)
    group = (await house.group()).native.id
    await house.receive(
        sam, {"type": "Undo", "object": {"id": request, "type": "Follow", "actor": sam.native.id, "object": group}, "to": [group]}
    )
    lena = await house.opted_in("lena")
    await lena.say("hall", "welcome")
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    assert await house.forms("https://a.example/inbox") == []
    assert await house.store.directory.follow(sam.native, (await house.group()).native) is None


async def test_a_readers_first_post_waits_and_is_listed(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    await house.post(sam, "hello from afar")

    (line,) = await house.administration.holds(limit=10, community="commons")
    assert line.handle == "@sam@a.example"
    assert line.kind == "review"
    assert "hello" not in str(line)
    assert await house.forms("hall") == []
    assert any("waits for a person" in notice for notice in await house.told("sam"))


async def test_a_released_post_appears_in_its_place_and_its_author_is_let_in(house: House) -> None:
    lena = await house.opted_in("lena")
    asked = await lena.say("hall", "who has a torque wrench?")
    await house.settle()
    house.clock.forward(15)
    await house.settle()
    root = await house.object(asked)
    assert root is not None
    sam = await house.stranger("sam")
    await house.follow(sam)
    first = await house.post(sam, "I have one", reply_to=f"https://moot.example/o/{root.id}")

    (line,) = await house.administration.holds(limit=10, community="commons")
    await house.administration.release(id=line.event_id)
    await house.settle()

    reply = await house.object(first, ACTIVITYPUB)
    assert reply is not None
    assert reply.thread == root.id
    assert await house.forms("hall") == ["send:message"]
    await house.post(sam, "and a second thing")
    assert await house.holds() == []
    assert await house.forms("hall") == ["send:message", "send:message"]


async def test_a_post_that_was_changed_while_it_waited_is_passed_on_by_its_id(house: House) -> None:
    """What was sent first has words its author took away, and an Update of what no group ever announced is lost on PieFed and Lemmy."""
    reader = await house.stranger("kim", "b.example")
    await house.follow(reader)
    sam = await house.stranger("sam")
    await house.follow(sam)
    post = await house.post(sam, "helo from afar")
    note = {"id": post, "type": "Note", "attributedTo": sam.native.id, "to": [PUBLIC], "content": "<p>hello from afar</p>"}
    changed = {**note, "published": "2026-11-24T12:00:00Z", "updated": "2026-11-24T12:00:01Z"}
    await house.receive(sam, {"type": "Update", "object": changed, "cc": [(await house.group()).native.id]})
    await house.administration.release(id=(await house.holds())[0].event_id)
    await house.settle()

    passed_on = [item for _, item in await house.out("https://b.example/inbox") if item.form in {"wrap", "boost"}]
    assert [item.form for item in passed_on] == ["wrap", "boost"]
    for item in passed_on:
        writing = house.activitypub.write(item, Refs())
        assert isinstance(writing, Wire)
        assert msgspec.json.decode(writing.body)["object"] == post
    assert [item.event.content.text.plain for _, item in await house.out("hall")] == ["hello from afar"]


async def test_a_returned_post_tells_its_author_why_and_is_shown_to_nobody(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    post = await house.post(sam, "buy my thing")
    (line,) = await house.administration.holds(limit=10, community="commons")
    await house.administration.return_(id=line.event_id, reason="We do not advertise here.")
    await house.settle()

    assert await house.object(post, ACTIVITYPUB) is None
    assert await house.forms("hall") == []
    assert (await house.record(line.event_id)).ended == "returned"
    assert any("We do not advertise here." in notice for notice in await house.told("sam"))


async def test_nobody_looked_is_said_after_a_day(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    post = await house.post(sam, "anybody there?")
    house.clock.forward(24 * 3600 + 1)
    await house.settle()

    assert await house.object(post, ACTIVITYPUB) is None
    assert any("Nobody had time" in notice for notice in await house.told("sam"))


async def test_a_wait_that_is_not_theirs_is_refused_in_words(house: House) -> None:
    lena = await house.opted_in("lena", "cross ask")
    await lena.say("hall", "mine alone")
    await house.settle()
    (hold,) = await house.holds()

    with pytest.raises(OperatorError, match="waits for its author"):
        await house.administration.release(id=hold.event_id)
    with pytest.raises(OperatorError, match="nothing waits"):
        await house.administration.release(id="nosuch")


async def test_taking_back_what_waits_ends_the_wait(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    post = await house.post(sam, "first thought")
    await house.receive(sam, {"type": "Delete", "object": {"id": post, "type": "Tombstone"}})

    assert await house.holds() == []
    assert await house.object(post, ACTIVITYPUB) is None


async def test_what_was_taken_back_before_it_came_stays_dead(house: House) -> None:
    sam = await house.known(await house.stranger("sam"))
    late = "https://a.example/o/late"
    await house.receive(sam, {"type": "Delete", "object": {"id": late, "type": "Tombstone"}, "cc": [(await house.group()).native.id]})
    note = {"id": late, "type": "Note", "attributedTo": sam.native.id, "content": "<p>late</p>", "to": ["as:Public"]}
    before = await house.forms("hall")
    await house.receive(sam, {"type": "Create", "object": note, "cc": [(await house.group()).native.id]})

    assert await house.forms("hall") == before
    assert await house.object(late, ACTIVITYPUB) is None


async def test_only_the_author_takes_back(house: House) -> None:
    sam = await house.known(await house.stranger("sam"))
    kim = await house.known(await house.stranger("kim", "b.example"))
    post = await house.post(sam, "mine")
    await house.receive(kim, {"type": "Delete", "object": {"id": post, "type": "Tombstone"}})

    known = await house.object(post, ACTIVITYPUB)
    assert known is not None
    assert known.retracted_at is None


async def test_a_deleted_account_takes_its_words_with_it(house: House) -> None:
    sam = await house.known(await house.stranger("sam"))
    posts = [await house.post(sam, f"thought {number}") for number in range(3)]
    await house.receive(sam, {"type": "Delete", "object": sam.native.id})

    for post in posts:
        known = await house.object(post, ACTIVITYPUB)
        assert known is not None
        assert known.retracted_at is not None
    assert (await house.forms("hall")).count("send:retraction") == 4, "the first post too"
    assert "send:profile" in await house.forms("hall")
    assert await house.store.directory.follow(sam.native, (await house.group()).native) is None
    assert await house.store.directory.actor(sam.native) is None


async def test_an_older_edit_never_replaces_a_newer_one(house: House) -> None:
    sam = await house.known(await house.stranger("sam"))
    post = await house.post(sam, "first")
    house.clock.forward(100)
    note = {"id": post, "type": "Note", "attributedTo": sam.native.id, "to": ["as:Public"], "cc": [(await house.group()).native.id]}
    await house.receive(sam, {"type": "Update", "object": {**note, "content": "<p>third</p>", "updated": "2026-11-24T12:01:30Z"}})
    await house.receive(sam, {"type": "Update", "object": {**note, "content": "<p>second</p>", "updated": "2026-11-24T12:00:30Z"}})

    known = await house.object(post, ACTIVITYPUB)
    assert known is not None
    shown = await house.store.objects.current(known.id)
    assert shown is not None
    assert shown.content.text.plain == "third"
    assert (await house.endings("edit"))[-1] == "older than what is shown"


async def test_an_edit_counts_though_the_clock_here_was_set_back(house: House) -> None:
    """What came last is the newest where its time cannot be believed (engine.md section 10, clock jump)."""
    sam = await house.known(await house.stranger("sam"))
    post = await house.post(sam, "first")
    house.clock.forward(-900)
    note = {"id": post, "type": "Note", "attributedTo": sam.native.id, "to": ["as:Public"], "cc": [(await house.group()).native.id]}
    for words in ("second", "third"):
        await house.receive(sam, {"type": "Update", "object": {**note, "content": f"<p>{words}</p>", "updated": "2026-11-24T12:00:05Z"}})
        known = await house.object(post, ACTIVITYPUB)
        assert known is not None
        shown = await house.store.objects.current(known.id)
        assert shown is not None
        assert shown.content.text.plain == words


async def test_a_retired_community_says_goodbye_for_all_of_its_people(house: House) -> None:
    await house.known(await house.stranger("sam"))
    await house.opted_in("lena")
    group = (await house.group()).native
    retirement = await house.administration.community_retire(handle="commons")
    await house.settle()

    assert retirement.accounts >= 2
    assert (await house.forms("https://a.example/inbox")).count("end:profile") == retirement.accounts
    for of in (Native(LOOPBACK, "lena"),):
        ghost = await house.store.directory.ghost_of(ACTIVITYPUB, of)
        assert ghost is not None
        assert ghost.ended is not None
    ended = await house.store.directory.ghost(group)
    assert ended is not None
    assert ended.ended is not None
    with pytest.raises(OperatorError, match="taken"):
        await house.administration.community_create(handle="commons", name="Again")


async def test_a_bug_of_ours_costs_one_event_and_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    lena = await house.opted_in("lena")
    crossing = house.relay._crossing
    cross = crossing.cross

    async def fails_once(event: object, **more: object) -> object:
        if "poison" in str(event):
            raise ZeroDivisionError("a bug")
        return await cross(event, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(crossing, "cross", fails_once)
    await lena.say("hall", "poison")
    healthy = await lena.say("hall", "healthy")
    await house.settle()
    house.clock.forward(15)
    await house.settle()

    assert await house.object(healthy) is not None
    failed = [record for record in await house.records() if record.ended == "failed"]
    assert len(failed) == 1
    assert failed[0].omissions[0].code == "invariant"


async def log_of(house: House) -> list[tuple[str, str, str]]:
    """Effect, by whom, and the norm, of every line."""
    entries = await house.store.log.entries((await house.community()).id, 0, 100)
    return [(entry.doing.effect, entry.doing.by, entry.doing.norm) for entry in entries]


async def test_a_wait_that_the_operator_ends_is_in_the_log(house: House) -> None:
    sam, ida = await house.stranger("sam"), await house.stranger("ida", "b.example")
    for one in (sam, ida):
        await house.follow(one)
        await house.post(one, "hello from afar")
    before = await log_of(house)
    await house.administration.release(id=next(hold for hold in await house.holds() if hold.author == sam.native).event_id)
    await house.settle()
    await house.administration.return_(id=(await house.holds())[0].event_id, reason="Please say hello first.")
    await house.settle()
    assert (await log_of(house))[len(before) :] == [("release", "operator", "N05"), ("return", "operator", "N05")]
    (line, *_) = await house.store.log.concerning(ida.native, 10)
    assert line.names is not None
    assert line.names.reason == "Please say hello first."


async def test_a_wait_that_time_ends_is_in_the_log_and_nothing_is_said_twice(house: House) -> None:
    sam = await house.stranger("sam")
    await house.follow(sam)
    await house.post(sam, "hello from afar")
    before = await log_of(house)
    ending = (await house.holds())[0].on_expiry
    house.clock.forward(8 * 86_400)
    await house.settle()
    assert await house.holds() == []
    assert (await log_of(house))[len(before) :] == [(str(ending), "automatic", "N05")]


async def test_being_let_in_is_nothing_to_appeal(house: House) -> None:
    sam = await house.known(await house.stranger("sam"))
    await house.receive(sam, direct(sam, (await house.group()).native.id, "why"))
    (told,) = [text for text in await house.told("sam") if "Answer `appeal" in text]
    assert "it waited for a person" in told
    assert "it was let in" not in told
