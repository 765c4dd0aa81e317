"""A thread has one root, in whatever order its messages are read and judged."""

from __future__ import annotations

from bridge.model.content import Message
from bridge.model.ids import ACTIVITYPUB, Native, ObjectId
from tests.bridge.relay.house import House
from tests.bridge.relay.test_order import Fediverse


async def root_of(house: House, post: str) -> ObjectId | None:
    """The root that is on record, which is the one that everything sent of it names."""
    known = await house.store.objects.find(Native(ACTIVITYPUB, post))
    assert known is not None
    current = await house.store.objects.current(known.id)
    assert current is not None
    assert isinstance(current.content, Message)
    assert current.content.thread == known.thread
    return known.thread


async def test_an_answer_that_is_read_before_what_it_answers_was_judged_is_in_its_thread(house: House) -> None:
    """Synapse 1.163 refuses for good what begins a thread at something that is in a thread."""
    there = await Fediverse(house).open()
    posts = [there.note("who has a ladder?")]
    for words in ("I do", "I could bring it"):
        posts.append(there.note(words, there.kim if words == "I do" else there.sam, inReplyTo=posts[-1]["id"]))
    for post in posts:
        there.elsewhere.documents[post["id"]] = post
        await there.send("Create", post, there.kim if post["attributedTo"] == there.kim.native.id else there.sam)
        await there.read()
    await there.turn()
    first = await house.store.objects.find(Native(ACTIVITYPUB, posts[0]["id"]))
    assert first is not None
    assert [await root_of(house, post["id"]) for post in posts] == [None, first.id, first.id]


async def test_a_thread_that_comes_backwards_is_one_thread(house: House) -> None:
    """After an outage servers send again in any order, and an answer to an answer comes first."""
    there = await Fediverse(house).open()
    posts = [there.note("who has a ladder?")]
    posts.append(there.note("I do", there.kim, inReplyTo=posts[0]["id"]))
    posts.append(there.note("I could bring it", inReplyTo=posts[1]["id"]))
    for post in posts:
        there.elsewhere.documents[post["id"]] = post
    for post in reversed(posts):
        await there.send("Create", post, there.kim if post["attributedTo"] == there.kim.native.id else there.sam)
        await there.turn()
    first = await house.store.objects.find(Native(ACTIVITYPUB, posts[0]["id"]))
    assert first is not None
    assert [await root_of(house, post["id"]) for post in posts] == [None, first.id, first.id]


async def test_a_long_chain_is_fetched_as_far_as_is_bearable_and_nothing_of_it_is_lost(house: House) -> None:
    there = await Fediverse(house).open()
    posts = [there.note("step 0")]
    for number in range(1, 10):
        posts.append(there.note(f"step {number}", there.kim if number % 2 else there.sam, inReplyTo=posts[-1]["id"]))
    for post in posts:
        there.elsewhere.documents[post["id"]] = post
    await there.send("Create", posts[-1], there.kim)
    await there.turn()
    assert await there.heard() == [f"message:step {number}" for number in range(5, 10)]
    for post in posts[:-1]:
        await there.send("Create", post, there.kim if post["attributedTo"] == there.kim.native.id else there.sam)
        await there.turn()
    assert sorted(await there.heard()) == [f"message:step {number}" for number in range(10)]


async def test_posts_that_answer_each_other_in_a_circle_are_all_said_once(house: House) -> None:
    there = await Fediverse(house).open()
    one, two = there.note("hen", url="https://a.example/o/hen"), there.note("egg", there.kim, inReplyTo="https://a.example/o/hen")
    one["inReplyTo"] = two["id"]
    mirror = there.note("mirror", url="https://a.example/o/mirror", inReplyTo="https://a.example/o/mirror")
    for post in (one, two, mirror):
        there.elsewhere.documents[post["id"]] = post
    for post in (one, mirror):
        await there.send("Create", post)
    await there.send("Create", two, there.kim)
    await there.turn()
    assert sorted(await there.heard()) == ["message:egg", "message:hen", "message:mirror"]
